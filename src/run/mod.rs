//! One run of one policy on one database: recover, plan, guard, execute, reconcile, close, mail.
//!
//! A dry run stops after the plan. There is no other difference: both make the plan and its figures here, from the same
//! predicate, and everything below is told what to do by the plan alone.

pub mod alarm;
mod backlog;
mod change;
pub mod clocks;
mod figures;
pub mod files;
mod guard;
mod job;
mod log;
pub mod orders;
mod past;
mod people;
pub mod register;
pub mod requests;
mod survey;

use std::collections::BTreeSet;

use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;

use crate::base::name::TableName;
use crate::base::time::{self, Period};
use crate::check::{self, Asker};
use crate::config::{Config, DatabaseConfig};
use crate::db::maintain::{rewrite, statistics};
use crate::db::query::count::Counts;
use crate::db::{Access, Connection, DbError, Dialect, ErrorKind, Mode, catalog, control};
use crate::deliver;
use crate::diagnostic::mistake::Mistake;
use crate::execute::{self, Ending, Halt, Stop, Tally, Worker};
use crate::ledger::{self, Closed, Holder};
use crate::plan::{self, RulePlan};
use crate::record::ERASURES;
use crate::record::{HoldRecord, RequestsRecord, RuleRecord, RunKind, RunRecord, Status};
use crate::resolve;
use crate::schedule::Rule;

use change::Changes;
use people::Asking;

pub use backlog::Stint;
pub use guard::Consent;
pub use job::Job;
pub use people::{Left, NO_KEY, SomePeople, due_among, map};

/// A ledger of which nothing was heard for longer speaks of a clock that jumped ahead: schedules come true once a year.
const LONGEST_GAP: &str = "400 days";

/// Why nothing was started.
#[derive(Debug)]
pub enum Refusal {
    /// The schedule does not fit the database.
    Schedule(Vec<Mistake>),
    /// Anything else.
    Other(anyhow::Error),
}

impl Refusal {
    /// The reasons, a line each, for mails and logs.
    pub fn sentence(&self) -> String {
        match self {
            Refusal::Schedule(mistakes) => alarm::sentences(mistakes),
            Refusal::Other(error) => format!("{error:#}"),
        }
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Refusal::Other(error)
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Refusal::Other(error.into())
    }
}

/// Tells how far a run is: rule, rows done, rows planned. While it plans, both are zero.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64, u64);

/// Makes the plan and its figures in read-only transactions; changes nothing, anywhere.
pub fn dry_run(job: &Job<'_>) -> Result<RunRecord, Refusal> {
    let started = time::now();
    let mut conn = job.open(Access::ReadOnly)?;
    let planned = make_plan(job, &mut conn, Access::ReadOnly, &Consent::Ask, &mut |_, _, _| {})?;
    let mut record = job.record(RunKind::DryRun, started, &planned);
    record.notes.extend(planned.notes);
    past::compare(job, &mut conn, &mut record);
    record.finished = Some(time::now());
    Ok(record)
}

/// Plans, and then does what was planned.
pub fn run(job: &Job<'_>, consent: &Consent, stop: &Stop, progress: Progress<'_>) -> Result<RunRecord, Refusal> {
    let (started, begun) = (time::now(), time::since_boot());
    let mut conn = job.open(Access::ReadWrite)?;
    prepare_ledger(&mut conn)?;
    check_clocks(&mut conn)?;
    ledger::keys::check(&mut conn)?;
    let address = |record: &RunRecord| job.address(record);
    let over = expire_orders(&mut conn, started)?;
    let mut unregistered = Vec::new();
    let closed = ledger::close_dead(&mut conn, &address, &mut |conn, run| {
        unregistered.extend(register::add(job, conn, run));
    })?;
    if !closed.is_empty() {
        // Somebody waits to hear that a run died, and this one may take hours.
        deliver(job);
    }
    let rebuilt = register::look_through(job, &mut conn).unwrap_or_else(|error| {
        unregistered.push(format!("nobody can tell what the register of erasures lacks: {error:#}"));
        None
    });
    unregistered.extend(register::catch_up(job, &mut conn, stop)?);
    let mut planned = make_plan(job, &mut conn, Access::ReadWrite, consent, &mut *progress)?;
    let mut record = job.record(RunKind::Run, started, &planned);
    record.notes.extend(closed.iter().map(|run| format!("run `{run}` had died and was closed before this one")));
    record.notes.extend(over);
    record.notes.extend(rebuilt);
    record.notes.extend(deliver::outbox::notes(&mut conn)?);
    record.notes.extend(planned.notes.iter().cloned());
    record.notes.extend(compact_ledger(job, &mut conn, started));
    past::compare(job, &mut conn, &mut record);
    let news = planned.changes.to_be_known(job, &record);
    ledger::begin(&mut conn, &record, &Holder::this_process(), news.as_ref())?;
    log::begin(job, &record);
    for plan in planned.plans() {
        let plan = recount(job, &mut conn, plan, &planned.changes, &mut record, consent, stop);
        execute_rule(job, &mut conn, &plan, &mut record, planned.ordered, stop, &mut *progress);
    }
    let changed = erase(job, &mut conn, &mut planned, &mut record, consent, stop, &mut *progress);
    record.notes.extend(job.stint.and_then(|stint| backlog::note(&record, stint)));
    record.notes.extend(leave_no_trace(job, &mut conn, &record, !closed.is_empty(), stop));
    record.notes.extend(renew_statistics(job, &mut conn, &changed, stop));
    // A clock that jumps meanwhile writes no wrong time into the ledger.
    record.finished = Some(started + time::since_boot().saturating_sub(begun));
    // Before the run is closed: who dies between the two is registered again by whoever closes it.
    let runs = closed.iter().chain([&record.run]);
    unregistered.extend(runs.filter_map(|run| register::add_patiently(job, &mut conn, run, stop)));
    if !unregistered.is_empty() {
        record.notes.append(&mut unregistered);
        record.status = Status::Failed;
    }
    close(job, &mut conn, &mut record, stop);
    log::end(&record);
    deliver(job);
    Ok(record)
}

/// Ends the holds and pauses whose time is over; what is to be said of them.
fn expire_orders(conn: &mut Connection, now: Timestamp) -> Result<Vec<String>, DbError> {
    let holds = ledger::hold::expire(conn, now)?;
    let mut over: Vec<_> = holds.iter().map(|hold| format!("hold `{hold}` has ended: its last day is over")).collect();
    for scope in ledger::pause::expire(conn, now)? {
        let what = scope.rule().map_or_else(|| "all rules".to_owned(), |rule| format!("rule `{rule}`"));
        over.push(format!("the pause of {what} has ended: its time is over"));
    }
    Ok(over)
}

/// The ledger's own retention; what came of it where anything was due. It can wait for a role that may.
fn compact_ledger(job: &Job<'_>, conn: &mut Connection, now: Timestamp) -> Option<String> {
    let retain = &job.config.ledger_retain;
    match ledger::compact::compact(conn, retain, now) {
        Ok(0) => None,
        Ok(batches) => {
            Some(format!("{batches} batches of the ledger, older than {retain}, were compacted into their digests"))
        }
        Err(error) if error.kind == ErrorKind::Privilege => Some(format!(
            "batches of the ledger older than {retain} wait to be compacted, which this role may not: let the control tables' \
             owner run `tenure migrate`"
        )),
        Err(error) => Some(format!("batches of the ledger older than {retain} could not be compacted: {error}")),
    }
}

/// Writes the file anew that people were erased from; what is left, where it was not. A run that died may not have come to that.
fn leave_no_trace(
    job: &Job<'_>,
    conn: &mut Connection,
    record: &RunRecord,
    some_died: bool,
    stop: &Stop,
) -> Vec<String> {
    const MIB: u64 = 1024 * 1024;
    let erased = record.people.as_ref().map_or(0, |people| people.erased + people.in_part + people.unfinished);
    let died_erasing = some_died && job.schedule.subject.is_some();
    if erased == 0 && !died_erasing {
        return Vec::new();
    }
    let (largest, reopen) = (job.database.vacuum_up_to_mib * MIB, || job.connect(Access::ReadWrite));
    let left = execute::patiently(conn, &reopen, stop, |conn| rewrite::rewrite(conn, largest));
    left.unwrap_or_else(|halt| {
        vec![format!("what was erased may be legible in the database's file: {}", halt.sentence())]
    })
}

/// Has the tables counted anew that people were erased from; what is to be said where their statistics stay as they were.
fn renew_statistics(
    job: &Job<'_>,
    conn: &mut Connection,
    changed: &BTreeSet<TableName>,
    stop: &Stop,
) -> Option<String> {
    let reopen = || job.connect(Access::ReadWrite);
    let names =
        |tables: Vec<&TableName>| tables.iter().map(|table| format!("`{table}`")).collect::<Vec<_>>().join(", ");
    let left = match execute::patiently(conn, &reopen, stop, |conn| Ok(names(statistics::renew(conn, changed)?))) {
        Ok(left) if left.is_empty() => return None,
        Ok(left) => left,
        Err(halt) => format!("{} ({})", names(changed.iter().collect()), halt.sentence()),
    };
    Some(format!(
        "the planner's statistics may hold values of what was erased until they are renewed, of {left}: let the owner run ANALYZE \
         (the documentation, \"What tenure cannot reach\")"
    ))
}

/// From here on nothing is deleted any more. A run that cannot be closed is closed by the next one; that it did what it did
/// is to be reported all the same.
fn close(job: &Job<'_>, conn: &mut Connection, record: &mut RunRecord, stop: &Stop) {
    let reopen = || job.connect(Access::ReadWrite);
    let address = |record: &RunRecord| job.address(record);
    // Before the run is closed, so that its entry says it too: what is noted after that, nothing vouches for.
    let survives = |reason: &str| {
        format!("deleted rows may survive in the database's write-ahead log until the next run: {reason}")
    };
    match execute::patiently(conn, &reopen, stop, Connection::checkpoint) {
        Ok(true) => {}
        Ok(false) => {
            record.notes.push(survives("somebody was reading in the database for longer than it was waited for"))
        }
        Err(halt) => {
            record.notes.push(survives(&halt.sentence()));
            record.status = Status::Failed;
        }
    }
    let trouble = match execute::patiently(conn, &reopen, stop, |conn| ledger::close(conn, record, &address)) {
        Ok(Closed::Now) => {
            // What is in the log by now is the closing itself, which holds no row of the application's.
            let _ = conn.checkpoint();
            None
        }
        Ok(Closed::BySomebodyElse) => Some(
            "another run took this one for dead and closed it in the ledger; the next run does what is left".to_owned(),
        ),
        Err(halt) => {
            record.ledger = None;
            Some(format!("the run could not be closed in the ledger, which the next run will do: {}", halt.sentence()))
        }
    };
    if let Some(sentence) = trouble {
        record.notes.push(sentence);
        record.status = Status::Failed;
    }
}

/// Sends the report, and whatever else is due.
fn deliver(job: &Job<'_>) {
    send_mails(job.config, job.database);
}

/// Sends the mails of a database's outbox that are due. Their runs are over: what happens to a mail changes nothing of them,
/// and one that does not go now stays in the outbox.
pub fn send_mails(config: &Config, database: &DatabaseConfig) {
    let Some(mail) = &config.mail else { return };
    match deliver::flush(&|| config.open(database, Access::ReadWrite), mail) {
        Ok(attempts) => attempts.iter().for_each(log::attempt),
        Err(error) => {
            tracing::warn!(event = "outbox-stuck", "the outbox cannot be worked off, so reports wait in it: {error}")
        }
    }
}

/// Plans with the figures that belong to them, in the order in which the rules act.
struct Planned {
    /// A rule that could not be planned has a record only.
    rules: Vec<(Option<RulePlan>, RuleRecord)>,
    holds: Vec<HoldRecord>,
    /// Who passed which guard.
    notes: Vec<String>,
    /// How many holds had been added to the ledger by then.
    ordered: u64,
    changes: Changes,
    /// Erasures, which act after the rules.
    people: Option<people::Planned>,
    /// Requests for more of them, which runs of their own carry out.
    requests: Option<RequestsRecord>,
}

impl Planned {
    fn rules(&self) -> Vec<RuleRecord> {
        let entries = self.people.iter().flat_map(|people| &people.entries);
        self.rules.iter().map(|(_, record)| record).chain(entries).cloned().collect()
    }

    fn plans(&self) -> impl Iterator<Item = &RulePlan> {
        self.rules.iter().filter_map(|(plan, _)| plan.as_ref())
    }
}

/// A rule that the role has no right to, or of which it does not see every row, fails here and does not stop the others.
/// What a guard stops takes nothing, and the figures of the rules after it say so.
fn make_plan(
    job: &Job<'_>,
    conn: &mut Connection,
    access: Access,
    consent: &Consent,
    progress: Progress<'_>,
) -> Result<Planned, Refusal> {
    let catalog = conn.transaction(Mode::ReadOnly, catalog::read)?;
    let context = job.context(&catalog);
    let mut notes = Vec::new();
    let orders = match ledger::orders(conn) {
        // On MySQL a role cannot tell that there are no control tables yet from that it may not see them.
        Err(error)
            if access == Access::ReadOnly && conn.dialect() == Dialect::Mysql && error.kind == ErrorKind::Privilege =>
        {
            let what = "holds and pauses that were ordered by hand, if there are any, are not in these figures";
            notes.push(format!("{what}: {error}"));
            ledger::Orders::default()
        }
        orders => orders?,
    };
    let ordered: Vec<_> = orders.holds.standing.iter().map(|standing| orders::hold_of(&standing.order)).collect();
    let holds = orders::all(&job.holds, job.schedule, &ordered);
    let resolved = resolve::resolve(&context, job.schedule, |named| job.is_meant(named), &holds);
    let mut hold_mistakes = resolved.hold_mistakes;
    hold_mistakes.extend(check::hold_conditions(conn, &context, &holds));
    if !hold_mistakes.is_empty() {
        return Err(Refusal::Schedule(hold_mistakes));
    }
    let in_force = resolved.holds.iter().map(survey::hold_record).collect();
    let asker = Asker::of(conn, access == Access::ReadWrite)?;
    let permitted = |rule: &Rule, plan: RulePlan| match asker.obstacles(&catalog, rule, &plan) {
        obstacles if obstacles.is_empty() => Ok(plan),
        obstacles => Err(obstacles),
    };
    let mut rules = Vec::new();
    let mut plans = Vec::new();
    for (rule, outcome) in resolved.rules {
        match outcome.and_then(|plan| permitted(rule, plan)) {
            Ok(plan) => plans.push(plan),
            Err(mistakes) if job.is_chosen(&rule.name) => {
                rules.push((None, survey::unplanned(rule, &job.database.name, &mistakes)));
            }
            Err(_) => {}
        }
    }
    // Where it would release a hold nobody is erased.
    let erasure = resolved.erasure.map(|map| if resolved.released.is_empty() { map } else { Err(resolved.released) });
    let changes = Changes::of(job, conn, &context, &holds, &plans, erasure.as_ref())?;
    notes.extend(changes.notes(job));
    plans.retain(|plan| job.is_chosen(&plan.rule));
    let now = time::now();
    let mut stopped = Vec::new();
    let mut acting: Vec<RulePlan> = Vec::new();
    for plan in plan::in_order(plans) {
        progress(&plan.rule, 0, 0);
        let plan = plan.without(&stopped);
        let mut record = survey::figures(conn, &plan, job.statements);
        if let Some(reason) = plan::undecided(&plan, &acting).filter(|_| record.status == Status::Ok) {
            record.status = Status::Failed;
            record.error = Some(reason);
        }
        let pause = ledger::pause::of_rule(&orders.pauses, &job.roster, &job.schedule.policy.name, &plan.rule, now);
        match pause.filter(|_| record.status == Status::Ok) {
            Some(pause) => survey::wait(conn, &plan, &mut record, pause),
            None => notes.extend(ask_guard(conn, &plan, &changes, &mut record, consent)),
        }
        if job.oldest_due {
            survey::find_oldest_due(conn, &plan, &mut record);
        }
        if record.status == Status::Ok {
            let what = format!("rule `{}`", plan.rule);
            notes.extend(survey::placeholders_taken(conn, &plan, &[], &what));
            acting.push(plan.clone());
        } else {
            stopped.push(plan.rule.clone());
        }
        rules.push((Some(plan), record));
    }
    let (mut people, mut requests) = (None, None);
    match erasure.filter(|_| job.is_chosen(ERASURES)) {
        Some(Ok(erasure)) => {
            let pause = ledger::pause::of_rule(&orders.pauses, &job.roster, &job.schedule.policy.name, ERASURES, now);
            if job.people.is_none() {
                let inbox =
                    requests::Inbox { job, catalog: &catalog, map: &erasure, consent, is_paused: pause.is_some() };
                requests = inbox.survey(conn, access, &mut notes);
            }
            let erasure = job.of_whom(&catalog, erasure)?;
            let (planned, who) =
                people::plan(job, conn, erasure, &acting, pause, &Asking { changes: &changes, consent });
            notes.extend(who);
            people = Some(planned);
        }
        Some(Err(mistakes)) => rules.extend(
            job.schedule
                .subject
                .iter()
                .map(|subject| (None, survey::unplanned_map(subject, &job.database.name, &mistakes))),
        ),
        None => {}
    }
    Ok(Planned { rules, holds: in_force, notes, ordered: orders.holds.added, changes, people, requests })
}

/// A rule whose figures counted on another that was then stopped is counted again, and asked by its guard again: its rows
/// may be many more than were planned.
fn recount(
    job: &Job<'_>,
    conn: &mut Connection,
    plan: &RulePlan,
    changes: &Changes,
    record: &mut RunRecord,
    consent: &Consent,
    stop: &Stop,
) -> RulePlan {
    let stopped: Vec<_> =
        record.rules.iter().filter(|rule| rule.status != Status::Ok).map(|rule| rule.rule.clone()).collect();
    let actual = plan.without(&stopped);
    let entry = record.rules.iter_mut().find(|rule| rule.rule == plan.rule && rule.status == Status::Ok);
    if let Some(entry) = entry.filter(|_| actual.earlier.len() < plan.earlier.len()) {
        // What stopped the other rule may have taken the connection along; if it cannot be mended, the figures say so.
        let _ = execute::patiently(conn, &|| job.connect(Access::ReadWrite), stop, control::clock);
        let figures = survey::figures(conn, &actual, job.statements);
        let (cutoff_local, trend) = (entry.cutoff_local.take(), std::mem::take(&mut entry.trend));
        *entry = RuleRecord { cutoff_local, trend, ..figures };
        record.notes.extend(ask_guard(conn, &actual, changes, entry, consent));
    }
    actual
}

/// Stops the rule where its guard says so, or where its schedule lets more rows go than before; else the note of who passed
/// it.
fn ask_guard(
    conn: &mut Connection,
    plan: &RulePlan,
    changes: &Changes,
    record: &mut RuleRecord,
    consent: &Consent,
) -> Option<String> {
    if record.status == Status::Ok {
        match changes.question(conn, plan, record) {
            Ok(None) => {}
            Ok(Some(question)) => guard::also(record, question),
            Err(error) => {
                record.status = Status::Failed;
                record.error = Some(error.message);
            }
        }
    }
    let note = guard::decide(record, consent);
    if record.status == Status::Guarded {
        survey::keep_all(conn, plan, record);
    }
    note
}

/// Erases the people who are due; the tables from which something of theirs went. What they were counted upon is counted again
/// where a rule before them was stopped.
fn erase(
    job: &Job<'_>,
    conn: &mut Connection,
    planned: &mut Planned,
    record: &mut RunRecord,
    consent: &Consent,
    stop: &Stop,
    progress: Progress<'_>,
) -> BTreeSet<TableName> {
    let Some(mut people) = planned.people.take() else { return BTreeSet::new() };
    let reopen = || job.connect(Access::ReadWrite);
    people.entries = record.rules.split_off(record.rules.len() - people.entries.len());
    let acted = |plan: &&RulePlan| record.rules.iter().any(|rule| rule.rule == plan.rule && rule.status == Status::Ok);
    let acting: Vec<RulePlan> = planned.plans().filter(acted).cloned().collect();
    // What stopped a rule may have taken the connection along; if it cannot be mended, the figures say so.
    let _ = execute::patiently(conn, &reopen, stop, control::clock);
    record.notes.extend(people.count_again(job, conn, &acting, &Asking { changes: &planned.changes, consent }));
    let mut worker = Worker {
        conn,
        reopen: &reopen,
        policy: &job.schedule.policy.name,
        roster: &job.roster,
        run: &record.run,
        holds: planned.ordered,
        stop,
        progress: &mut |done| progress(ERASURES, done, done),
    };
    people::execute(job, &mut worker, &mut people);
    let changed = people.tables_changed();
    record.rules.append(&mut people.entries);
    record.people = Some(people.record);
    changed
}

/// Executes one rule into its record; whatever happens to it does not touch the others.
fn execute_rule(
    job: &Job<'_>,
    conn: &mut Connection,
    plan: &RulePlan,
    record: &mut RunRecord,
    holds: u64,
    stop: &Stop,
    progress: Progress<'_>,
) {
    let Some(index) = record.rules.iter().position(|rule| rule.rule == plan.rule) else { return };
    let entry = &mut record.rules[index];
    if entry.status != Status::Ok {
        return;
    }
    if let Some(reason) = job.waits_for_its_date() {
        return end(entry, Status::Stopped, reason);
    }
    let started = std::time::Instant::now();
    let planned = entry.remaining;
    let reopen = || job.connect(Access::ReadWrite);
    let mut worker = Worker {
        conn,
        reopen: &reopen,
        policy: &job.schedule.policy.name,
        roster: &job.roster,
        run: &record.run,
        holds,
        stop,
        progress: &mut |done| progress(&plan.rule, done, planned),
    };
    let (tally, ending) = execute::rule(&mut worker, plan);
    settle(entry, tally, ending, || {
        execute::patiently(conn, &reopen, stop, |conn| survey::left(conn, plan)).map_err(Halt::sentence)
    });
    entry.elapsed_ms = started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
}

/// Writes down how a rule ended; `left` counts again what is left.
fn settle(entry: &mut RuleRecord, tally: Tally, ending: Ending, left: impl FnOnce() -> Result<Counts, String>) {
    entry.done = tally.done.rows;
    entry.batches = tally.batches;
    entry.rolled_up = tally.done.rolled_up;
    entry.cascaded = tally.done.consequences.cascaded;
    entry.detached = tally.done.consequences.detached;
    match ending {
        Ending::Done => survey::reconcile(entry, left()),
        Ending::Stopped(reason) => end(entry, Status::Stopped, reason),
        Ending::Failed(reason) => end(entry, Status::Failed, reason),
    }
}

/// What was planned and not done remains.
fn end(entry: &mut RuleRecord, status: Status, reason: String) {
    entry.status = status;
    entry.error = Some(reason);
    entry.oldest_kept = None;
    let settled = entry.done + entry.held + entry.blocked;
    entry.eligible = entry.eligible.max(settled);
    entry.remaining = entry.eligible - settled;
}

/// The control tables are there and may be written, or are made where the role may.
///
/// # Errors
/// What their owner must do.
pub fn prepare_ledger(conn: &mut Connection) -> anyhow::Result<()> {
    if control::is_ready(conn)? {
        return Ok(control::check_rights(conn)?);
    }
    match control::migrate(conn) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind, ErrorKind::Privilege | ErrorKind::ReadOnly) => Err(anyhow!(
            "the control tables are missing or old, or hidden from this role, and it may not make them ({error}); \
             let their owner run `tenure migrate` once, and then:\n{}",
            control::grants(conn.dialect()).join("\n")
        )),
        Err(error) => Err(error).context("the control tables cannot be made"),
    }
}

fn check_clocks(conn: &mut Connection) -> anyhow::Result<()> {
    let most = Period::parse(LONGEST_GAP).expect("this is a period");
    let reading = clocks::read(conn)?;
    match reading.contradiction().or_else(|| reading.gap(None, &most)) {
        Some(sentence) => bail!(sentence),
        None => Ok(()),
    }
}
