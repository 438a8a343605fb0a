//! Figures: what the database says of a plan before it acts, and of what is left after it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::base::name::Name;
use crate::db::query::count;
use crate::db::query::count::Counts;
use crate::db::query::mark::{self, Family};
use crate::db::query::taken;
use crate::db::write::{batch, people_sweep, rollup};
use crate::db::{Connection, DbError, Dialect, Mode, Value};
use crate::diagnostic::mistake::Mistake;
use crate::execute::PassedOver;
use crate::ledger::pause;
use crate::plan::{Act, Amounts, HoldFact, Redaction, RulePlan, Target};
use crate::record::ERASURES;
use crate::record::{HoldRecord, RuleRecord, Status};
use crate::schedule::{Rule, Subject};

use super::Job;
use super::guard::{self, Bounds};

pub(super) fn hold_record(hold: &HoldFact) -> HoldRecord {
    HoldRecord {
        hold: hold.name.clone(),
        promises: hold.promises.clone(),
        table: hold.table.clone(),
        term: hold.term.clone(),
        reason: hold.reason.clone(),
    }
}

/// The record of a rule that does not fit the database: failed, with every reason and remedy.
pub(super) fn unplanned(rule: &Rule, database: &str, mistakes: &[Mistake]) -> RuleRecord {
    let retain = rule.age.to_string();
    let table = rule.table.to_string();
    failed(empty(&rule.name, &rule.promises, database, &table, rule.action.as_str(), &retain), mistakes)
}

/// The same of a map of people.
pub(super) fn unplanned_map(subject: &Subject, database: &str, mistakes: &[Mistake]) -> RuleRecord {
    let (table, within) = (subject.table.to_string(), subject.deadline.term.to_string());
    failed(empty(ERASURES, &subject.promises, database, &table, "erase", &within), mistakes)
}

fn failed(record: RuleRecord, mistakes: &[Mistake]) -> RuleRecord {
    let sentence = |mistake: &Mistake| match &mistake.remedy {
        Some(remedy) => format!("{}; {remedy}", mistake.message),
        None => mistake.message.clone(),
    };
    let error = Some(mistakes.iter().map(sentence).collect::<Vec<_>>().join("; "));
    RuleRecord { status: Status::Failed, error, ..record }
}

/// The record of a plan before anything was counted.
pub(super) fn blank(plan: &RulePlan) -> RuleRecord {
    let table = plan.table.to_string();
    RuleRecord {
        cutoff: plan.cutoff,
        ..empty(&plan.rule, &plan.promises, &plan.database, &table, plan.act.as_str(), &plan.retain)
    }
}

fn empty(rule: &str, promises: &[String], database: &str, table: &str, action: &str, retain: &str) -> RuleRecord {
    RuleRecord {
        rule: rule.to_owned(),
        promises: promises.to_vec(),
        database: database.to_owned(),
        table: table.to_owned(),
        action: action.to_owned(),
        retain: retain.to_owned(),
        cutoff: None,
        status: Status::Ok,
        error: None,
        eligible: 0,
        done: 0,
        held: 0,
        blocked: 0,
        skipped: 0,
        remaining: 0,
        no_anchor: 0,
        unreadable: 0,
        unread: None,
        oldest_eligible: None,
        youngest_eligible: None,
        cascaded: Default::default(),
        detached: Default::default(),
        rolled_up: 0,
        suppressed: 0,
        held_by: Default::default(),
        guard: None,
        batches: 0,
        elapsed_ms: 0,
        oldest_kept: None,
        cutoff_local: None,
        oldest_due: None,
        paused: None,
        guard_passed: None,
        late: 0,
        passed_over: Default::default(),
        rows_digest: None,
        trend: Vec::new(),
        statements: Vec::new(),
    }
}

/// Counts a rule in a read-only transaction of its own, and how much its guard lets it do; `before` is what rules before it are
/// to do. A database error makes the record a failed one.
pub(super) fn figures(conn: &mut Connection, plan: &RulePlan, job: &Job<'_>, before: &Amounts) -> (RuleRecord, Bounds) {
    let mut bounds = Bounds::default();
    let mut record = figures_alone(conn, plan, job, |conn, record| {
        bounds = Bounds::of(conn, plan, record, before)?;
        Ok(())
    });
    record.guard = bounds.sentence(plan, &record);
    (record, bounds)
}

/// The same once more, under the bounds that are known already.
pub(super) fn figures_again(conn: &mut Connection, plan: &RulePlan, job: &Job<'_>, bounds: &Bounds) -> RuleRecord {
    let mut record = figures_alone(conn, plan, job, |_, _| Ok(()));
    record.guard = bounds.sentence(plan, &record);
    record
}

fn figures_alone(
    conn: &mut Connection,
    plan: &RulePlan,
    job: &Job<'_>,
    also: impl FnOnce(&mut Connection, &RuleRecord) -> Result<(), DbError>,
) -> RuleRecord {
    let started = std::time::Instant::now();
    let mut record = blank(plan);
    if job.statements {
        record.statements = self::statements(conn.dialect(), plan);
    }
    let counted = conn.transaction(Mode::ReadOnly, |conn| {
        count_into(conn, plan, &mut record)?;
        also(conn, &record)
    });
    if let Err(error) = counted {
        record.status = Status::Failed;
        record.error = Some(error.message);
    }
    record.elapsed_ms = started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    record
}

fn count_into(conn: &mut Connection, plan: &RulePlan, record: &mut RuleRecord) -> Result<(), DbError> {
    fill(record, counts(conn, plan)?);
    for target in &plan.targets {
        let ageless = count::ageless(conn, plan, target)?;
        record.no_anchor += ageless.rows;
        record.unreadable += ageless.unreadable;
    }
    if record.remaining > 0 {
        let found = count::consequences(conn, plan)?;
        record.cascaded = found.cascaded;
        record.detached = found.detached;
        record.suppressed = suppressed(conn, plan, record.remaining)?;
    }
    record.oldest_kept = oldest_kept(conn, plan, record)?;
    record.unread = guard::of_unreadable(conn, plan, record)?;
    Ok(())
}

/// Of the rows on which a roll-up would act, those that are counted nowhere for certain: all, where too few people are in them.
fn suppressed(conn: &mut Connection, plan: &RulePlan, rows: u64) -> Result<u64, DbError> {
    let Act::Aggregate(how) = &plan.act else { return Ok(0) };
    let [target] = plan.targets.as_slice() else { return Ok(0) };
    Ok(if rollup::are_too_few(conn, plan, target, how)? { rows } else { 0 })
}

/// What was planned, from what was counted.
pub(super) fn fill(record: &mut RuleRecord, counts: Counts) {
    record.remaining = counts.remaining();
    record.eligible = counts.eligible;
    record.held = counts.held;
    record.blocked = counts.blocked;
    record.held_by = counts.held_by;
    record.oldest_eligible = counts.ages.map(|(oldest, _)| oldest);
    record.youngest_eligible = counts.ages.map(|(_, youngest)| youngest);
}

fn counts(conn: &mut Connection, plan: &RulePlan) -> Result<Counts, DbError> {
    let mut sum = Counts::default();
    for target in &plan.targets {
        sum.add(&count::counts(conn, plan, target)?);
    }
    Ok(sum)
}

fn oldest_kept(conn: &mut Connection, plan: &RulePlan, record: &RuleRecord) -> Result<Option<Timestamp>, DbError> {
    let all_go = record.held == 0 && record.blocked == 0;
    oldest_of(plan, |target| count::oldest_kept(conn, plan, target, all_go))
}

/// The rule waits by somebody's order: it is counted, and nothing of it goes.
pub(super) fn wait(conn: &mut Connection, plan: &RulePlan, record: &mut RuleRecord, pause: &pause::Standing) {
    stop(record, pause);
    keep_all(conn, plan, record);
}

/// What is paused says so.
pub(super) fn stop(record: &mut RuleRecord, pause: &pause::Standing) {
    let paused = pause.record();
    record.status = Status::Stopped;
    record.error = Some(paused.to_string());
    record.paused = Some(paused);
}

/// Of a rule that is stopped nothing goes, so its oldest row of all is the oldest that stays.
pub(super) fn keep_all(conn: &mut Connection, plan: &RulePlan, record: &mut RuleRecord) {
    let found = conn.transaction(Mode::ReadOnly, |conn| oldest_of(plan, |target| count::oldest(conn, plan, target)));
    record.oldest_kept = found.ok().flatten();
}

/// The oldest row on which a run would act. It is left out where it cannot be had: the figures are there without it.
pub(super) fn find_oldest_due(conn: &mut Connection, plan: &RulePlan, record: &mut RuleRecord) {
    if record.remaining > 0 {
        let due = |conn: &mut Connection| oldest_of(plan, |target| count::oldest_due(conn, plan, target));
        record.oldest_due = conn.transaction(Mode::ReadOnly, due).ok().flatten();
    }
}

/// What will be in the way of the redactions of a plan, for the notes; left out where it cannot be had. `what` redacts, and
/// `first` is what it writes into rows before they go.
pub(super) fn placeholders_taken(
    conn: &mut Connection,
    plan: &RulePlan,
    first: &[Redaction],
    what: &str,
) -> Vec<String> {
    let found = conn.transaction(Mode::ReadOnly, |conn| taken::placeholders(conn, plan, first));
    let note = |(column, rows): (Name, u64)| {
        format!(
            "{what}: in `{}.{column}`, which takes each text once, other rows bear {rows} of the placeholders already, and whoever \
             is to get one of these stays as they are; change those rows, or choose a placeholder that nobody else can bear",
            plan.table
        )
    };
    found.unwrap_or_default().into_iter().map(note).collect()
}

fn oldest_of(
    plan: &RulePlan,
    mut of: impl FnMut(&Target) -> Result<Option<Timestamp>, DbError>,
) -> Result<Option<Timestamp>, DbError> {
    let mut oldest = None;
    for target in &plan.targets {
        let one = of(target)?;
        oldest = match (oldest, one) {
            (Some(a), Some(b)) => Some(std::cmp::min(a, b)),
            (a, b) => a.or(b),
        };
    }
    Ok(oldest)
}

/// What is past its period now, in a snapshot of its own.
pub(super) fn left(conn: &mut Connection, plan: &RulePlan) -> Result<Counts, DbError> {
    conn.transaction(Mode::ReadOnly, |conn| counts(conn, plan))
}

/// After a rule has done all it could: what is left is counted, not assumed. Rows that were planned and neither done nor
/// left went by themselves, or stay under the lock of another session (`skipped`); rows that came in after the plan was made
/// are counted beside (`late`).
pub(super) fn reconcile(record: &mut RuleRecord, left: Result<Counts, String>, passed: &PassedOver) {
    let planned = record.eligible;
    let left = match left {
        Ok(left) => left,
        Err(reason) => {
            record.eligible = planned.max(record.done + record.held + record.blocked);
            record.remaining = record.eligible - record.done - record.held - record.blocked;
            record.status = Status::Failed;
            record.error = Some(format!("what is left could not be counted: {reason}"));
            record.oldest_kept = None;
            return;
        }
    };
    let accounted = record.done + left.eligible;
    record.late = accounted.saturating_sub(planned).min(left.eligible);
    // Which of the rows that are left came late is not known: they are taken for such as would go.
    let mut late = record.late;
    let [remaining, blocked, held] = [left.eligible - left.held - left.blocked, left.blocked, left.held].map(|rows| {
        let of_them = late.min(rows);
        late -= of_them;
        rows - of_them
    });
    let locked = passed.locked.min(remaining);
    record.held = held;
    record.blocked = blocked;
    record.held_by = left.held_by;
    record.remaining = remaining - locked;
    record.skipped = planned.saturating_sub(accounted) + locked;
    record.eligible = record.done + held + blocked + remaining + planned.saturating_sub(accounted);
    record.passed_over = passed.by_reason();
    if remaining > 0 || record.late > 0 {
        record.oldest_kept = None;
    }
    let (status, error) = ending(record, passed, locked);
    record.status = status;
    record.error = error;
}

/// How a rule ended that went over all of its rows.
fn ending(record: &RuleRecord, passed: &PassedOver, locked: u64) -> (Status, Option<String>) {
    let refused = passed.refused().min(record.remaining);
    let beyond = passed.beyond.min(record.remaining - refused);
    let unexplained = record.remaining - refused - beyond;
    let mut said = Vec::new();
    if refused > 0 || passed.buckets() > 0 {
        let refusal = passed.refusal.as_deref().unwrap_or_default();
        let buckets = match passed.buckets() {
            0 => String::new(),
            buckets => format!(" in {buckets} buckets"),
        };
        said.push(format!(
            "some rows could not be changed: {refusal} ({} rows{buckets}; the others are done)",
            record.remaining
        ));
    } else if unexplained > 0 {
        said.push(format!(
            "{unexplained} rows that are due are still there: a trigger or rewrite rule may turn the change away; look at the \
             table's triggers and run again"
        ));
    }
    let has_failed = !said.is_empty();
    if beyond > 0 {
        let excess = passed.excess.as_deref().unwrap_or_default();
        said.push(format!(
            "{beyond} rows remain for the next run, because more came in after the plan was made: {excess}"
        ));
    }
    if locked > 0 {
        said.push(format!(
            "another session holds a lock on {locked} rows, or changed them each time: they were passed over, and the next run takes them"
        ));
    }
    match (has_failed, said.is_empty()) {
        (_, true) => (Status::Ok, None),
        (true, _) => (Status::Failed, Some(said.join("; "))),
        (false, _) => (Status::Stopped, Some(said.join("; "))),
    }
}

/// The statements that change rows, as `--sql` shows them: without what holds by hand ask for, which may name a person.
pub(super) fn statements(dialect: Dialect, plan: &RulePlan) -> Vec<String> {
    hiding_orders(plan, &batch::statements(dialect, plan))
}

/// The same of an entry of a map of people: those that mark its rows, and those that act upon them by key.
pub(super) fn statements_of_entry(dialect: Dialect, family: &Family<'_>, place: usize) -> Vec<String> {
    let mut all = mark::statements(dialect, family, place);
    all.extend(people_sweep::statements(dialect, family, place));
    hiding_orders(&family.erasure.entries[place].plan, &all)
}

fn hiding_orders(plan: &RulePlan, statements: &[crate::db::Statement]) -> Vec<String> {
    // Conditions of rules that act before this one stand in its statements too; `earlier` names all of them.
    let acting = plan.earlier.iter().map(|earlier| &**earlier).chain([plan]);
    let orders: BTreeMap<_, _> = acting.flat_map(conditions_by_hand).collect();
    let hide = |text: String| {
        orders.iter().fold(text, |text, (condition, hold)| {
            text.replace(*condition, &format!("/* what hold `{hold}` asks for, not shown */"))
        })
    };
    statements.iter().map(shown).map(hide).collect()
}

/// What holds by hand ask of the plan's rows, each with the name of its hold.
fn conditions_by_hand(plan: &RulePlan) -> impl Iterator<Item = (&str, &str)> {
    let own = plan.targets.iter().flat_map(|target| &target.holds);
    let along = plan.dependents.iter().flat_map(|dependent| &dependent.holds);
    let people = plan.targets.iter().filter_map(|target| target.whose.as_ref());
    let of_people = people.flat_map(|whose| &whose.people.target.holds);
    let by_hand = own.chain(along).chain(of_people).filter(|hold| hold.by_hand);
    by_hand.filter_map(|hold| Some((hold.condition.as_ref()?.as_str(), hold.name.as_str())))
}

/// A statement with its values below it, as `--sql` shows it. They are the schedule's own: cutoffs and constants.
fn shown(statement: &crate::db::Statement) -> String {
    let mut text = statement.sql.clone();
    for (index, value) in statement.binds.iter().enumerate() {
        let value = match value {
            Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Value::Int(int) => int.to_string(),
            Value::Unsigned(int) => int.to_string(),
            Value::Float(float) => float.to_string(),
            Value::Bool(bool) => bool.to_string(),
            Value::Null => "NULL".to_owned(),
            // The padded key of a keyed hash.
            Value::Bytes(bytes) => format!("({} bytes, not shown)", bytes.len()),
            // The keys of people.
            Value::Wholes(wholes) => format!("({} numbers, not shown)", wholes.len()),
        };
        text.push_str(&format!("\n-- {}: {value}", index + 1));
    }
    text
}
