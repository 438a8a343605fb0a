//! A schedule that lets more rows go than the one before it is a change of policy: it is shown first, and waits for consent
//! like a guard. What was consented to is in the ledger.

pub(super) mod people;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Job, guard, survey};
use crate::base::name::Name;
use crate::base::time::Period;
use crate::db::{Connection, DbError, ErrorKind, Mode};
use crate::diagnostic::mistake::Mistake;
use crate::ledger::chain;
use crate::ledger::names::RuleName;
use crate::ledger::terms::memory::Memory;
use crate::ledger::terms::{self, HoldTerms, Known, Terms};
use crate::plan::{Erasure, RulePlan};
use crate::record::{RuleRecord, RunRecord};
use crate::resolve::{self, Context, StandingHold};
use crate::schedule::{
    self, Action, Age, Bucket, Cascade, Measure, MeasureFunction, Reading, Rule, Schedule, Term, Then,
};

use people::MapOfPeople;

/// What the schedule says otherwise than the ledger knows it.
pub(super) struct Changes {
    memory: Memory,
    /// Terms of every rule that could be planned.
    now: BTreeMap<String, Terms>,
    wider: BTreeMap<String, Wider>,
    people: People,
    /// Before the schedule takes effect nobody is asked, and nobody can consent.
    takes_effect: bool,
}

/// The map of people that the schedule has on this database.
enum People {
    None,
    /// It does not fit the database: then it is as it was.
    Unresolved,
    Map(Box<MapOfPeople>),
}

/// A rule that would let rows go which stayed by the terms in force.
struct Wider {
    in_force: Terms,
    reasons: Vec<String>,
    /// The rule as it was, where only its period became shorter.
    before: Option<RulePlan>,
}

/// What a rule is held against.
struct Basis {
    terms: Terms,
    /// Where it is new, and may be one that is gone under another name: a sentence that says so.
    unsaid: Option<String>,
}

impl Basis {
    fn of(memory: &Memory, rule: &str, terms: &Terms) -> Option<Basis> {
        if let Some(known) = memory.in_force(rule) {
            return Some(Basis { terms: known.clone(), unsaid: None });
        }
        let (name, gone) = memory.may_have_been(terms)?;
        let RuleName { policy, rule } = name;
        let unsaid = format!(
            "it is new, and rule `{rule}` of policy `{policy}` is gone from the same table: if it is that one under another name, say \
             so with `formerly`"
        );
        Some(Basis { terms: gone.clone(), unsaid: Some(unsaid) })
    }
}

impl Changes {
    /// Compares the plans of all rules and the erasure of people, chosen or not, with what the ledger knows. A role that may
    /// not read the ledger is not asked: it can change nothing.
    ///
    /// Holds that were ordered by hand (in `standing`, beside those of the schedules) are no part of any schedule: they have
    /// entries of their own.
    pub fn of(
        job: &Job<'_>,
        conn: &mut Connection,
        context: &Context<'_>,
        standing: &[StandingHold<'_>],
        plans: &[RulePlan],
        erasure: Option<&Result<Erasure, Vec<Mistake>>>,
    ) -> Result<Self, DbError> {
        let memory = match conn.transaction(Mode::ReadOnly, |conn| Memory::read(conn, job.names())) {
            Err(error) if error.kind == ErrorKind::Privilege => Memory::default(),
            outcome => outcome?,
        };
        let takes_effect = job.not_yet_in_force().is_none();
        let people = match erasure {
            None => People::None,
            Some(Err(_)) => People::Unresolved,
            Some(Ok(erasure)) => MapOfPeople::of(job, context, standing, &memory, erasure)
                .map_or(People::None, |map| People::Map(Box::new(map))),
        };
        let mut changes = Self { memory, now: BTreeMap::new(), wider: BTreeMap::new(), people, takes_effect };
        let holds = holds_of(job);
        let rules: BTreeMap<&str, &Rule> = job.schedule.rules.iter().map(|rule| (rule.name.as_str(), rule)).collect();
        for plan in plans {
            let Some(rule) = rules.get(plan.rule.as_str()) else { continue };
            let terms = terms_of(rule, plan, &holds);
            let basis = Basis::of(&changes.memory, &rule.name, &terms);
            let wider = basis.and_then(|basis| wider(job, context, standing, rule, &terms, &holds, basis));
            changes.wider.extend(wider.map(|wider| (rule.name.clone(), wider)));
            changes.now.insert(rule.name.clone(), terms);
        }
        Ok(changes)
    }

    /// The sentence that stops the rule until somebody consents; the rows that the change lets go are counted in it.
    pub fn question(
        &self,
        conn: &mut Connection,
        plan: &RulePlan,
        record: &RuleRecord,
    ) -> Result<Option<String>, DbError> {
        let Some(wider) = self.wider.get(&plan.rule).filter(|_| self.takes_effect) else { return Ok(None) };
        let mut sentence = format!("the schedule lets more rows go than before: {}", wider.reasons.join("; "));
        match &wider.before {
            Some(before) => {
                let before = RulePlan { earlier: plan.earlier.clone(), ..before.clone() };
                let left = survey::left(conn, &before)?;
                let due = left.eligible - left.held - left.blocked;
                sentence += &format!(
                    "; {} rows are due by the new cutoff {}, {due} by the old one {}: {} more",
                    record.remaining,
                    shown(plan),
                    shown(&before),
                    record.remaining.saturating_sub(due),
                );
            }
            None => sentence += &format!("; {} rows are due now", record.remaining),
        }
        Ok(Some(sentence))
    }

    /// Stops the erasure of people where its map lets more go than before; `due` are people.
    pub fn ask_of_people(
        &self,
        job: &Job<'_>,
        conn: &mut Connection,
        erasure: &Erasure,
        entries: &mut [RuleRecord],
        due: usize,
    ) -> Result<(), DbError> {
        let People::Map(map) = &self.people else { return Ok(()) };
        if !self.takes_effect {
            return Ok(());
        }
        let questions = map.questions(job, conn, erasure, entries, due)?;
        for (entry, question) in entries.iter_mut().zip(questions) {
            question.into_iter().for_each(|question| guard::also(entry, question));
        }
        Ok(())
    }

    /// What the ledger is to know from now on, where that is anything new: the terms of rules that nobody had to be asked
    /// about, or that somebody has let pass in this run, are in force.
    pub fn to_be_known(&self, job: &Job<'_>, record: &RunRecord) -> Option<Known> {
        let known = self.memory.newest();
        let mut next = Known {
            policy: job.schedule.policy.name.clone(),
            digest: record.schedule.digest.clone(),
            actor: record.actor.clone(),
            changes: Vec::new(),
            rules: self.now.clone(),
            in_force: BTreeMap::new(),
            people: None,
            people_in_force: None,
        };
        // A rule that could not be planned this time is as it was.
        for rule in job.schedule.rules.iter().filter(|rule| !self.now.contains_key(&rule.name)) {
            let Some(known) = known else { continue };
            next.rules.extend(known.rules.get_key_value(&rule.name).map(|(name, terms)| (name.clone(), terms.clone())));
            next.in_force
                .extend(known.in_force.get_key_value(&rule.name).map(|(name, terms)| (name.clone(), terms.clone())));
        }
        for (name, wider) in self.wider.iter().filter(|(name, _)| !self.was_let_pass(record, name)) {
            next.in_force.insert(name.clone(), wider.in_force.clone());
        }
        match (&self.people, known) {
            (People::Map(map), _) => {
                next.people = Some(map.terms());
                next.people_in_force = map.still_in_force(record, self.takes_effect);
            }
            (People::Unresolved, Some(known)) => {
                next.people = known.people.clone();
                next.people_in_force.clone_from(&known.people_in_force);
            }
            (People::Unresolved, None) | (People::None, _) => {}
        }
        if known.is_some_and(|known| known.says_the_same_as(&next)) {
            return None;
        }
        next.changes = terms::changes(&self.memory, &next);
        Some(next)
    }

    fn was_let_pass(&self, record: &RunRecord, rule: &str) -> bool {
        self.takes_effect && record.rules.iter().any(|entry| entry.rule == rule && entry.guard_passed.is_some())
    }
}

fn wider(
    job: &Job<'_>,
    context: &Context<'_>,
    standing: &[StandingHold<'_>],
    rule: &Rule,
    terms: &Terms,
    holds: &BTreeMap<String, HoldTerms>,
    Basis { terms: in_force, unsaid }: Basis,
) -> Option<Wider> {
    let mut reasons = terms.reach_beyond(&in_force, holds, has_ended(job));
    if !reasons.is_empty() {
        reasons.extend(unsaid);
    }
    let with_old_period = Terms { retain: in_force.retain.clone(), ..terms.clone() };
    let is_only_shorter = with_old_period.reach_beyond(&in_force, holds, has_ended(job)).is_empty();
    let before = if is_only_shorter { as_it_was(job, context, standing, rule, &in_force) } else { None };
    (!reasons.is_empty()).then_some(Wider { in_force, reasons, before })
}

/// The plan of a rule with the period that is in force.
fn as_it_was(
    job: &Job<'_>,
    context: &Context<'_>,
    standing: &[StandingHold<'_>],
    rule: &Rule,
    in_force: &Terms,
) -> Option<RulePlan> {
    let period = Period::parse(in_force.retain.as_ref()?).ok()?;
    let Age::Retain { anchors, .. } = &rule.age else { return None };
    let age = Age::Retain { anchors: anchors.clone(), period };
    let schedule = Schedule { rules: vec![Rule { age, ..rule.clone() }], ..without_rules(job.schedule) };
    let resolved = resolve::resolve(context, &schedule, |_| true, standing);
    resolved.rules.into_iter().find_map(|(_, plan)| plan.ok())
}

/// The same schedule; there may be thousands of rules, and one of them is meant.
fn without_rules(schedule: &Schedule) -> Schedule {
    Schedule {
        source: Arc::clone(&schedule.source),
        digest: schedule.digest.clone(),
        policy: schedule.policy.clone(),
        promises: schedule.promises.clone(),
        rules: Vec::new(),
        holds: schedule.holds.clone(),
        keeps: schedule.keeps.clone(),
        subject: schedule.subject.clone(),
    }
}

fn shown(plan: &RulePlan) -> String {
    plan.cutoff.map_or_else(|| "(never)".to_owned(), |cutoff| cutoff.to_string())
}

fn terms_of(rule: &Rule, plan: &RulePlan, holds: &BTreeMap<String, HoldTerms>) -> Terms {
    let of_targets = plan.targets.iter().flat_map(|target| &target.holds);
    let of_dependents = plan.dependents.iter().flat_map(|dependent| &dependent.holds);
    let names = of_targets.chain(of_dependents).map(|hold| hold.name.clone());
    Terms {
        table: rule.table.to_string(),
        action: action(&rule.action),
        left: left(&rule.action),
        retain: match &rule.age {
            Age::Retain { period, .. } => Some(period.to_string()),
            Age::Expires(_) => None,
        },
        age: rule.age.anchors().iter().map(anchor).collect(),
        condition: rule.condition.as_deref().map(digest),
        cascade: rule.cascade.iter().map(cascade_text).collect(),
        holds: names.filter_map(|name| holds.get(&name).map(|terms| (name, terms.clone()))).collect(),
    }
}

/// Those of the schedules, in force or not, by name.
fn holds_of(job: &Job<'_>) -> BTreeMap<String, HoldTerms> {
    job.holds.iter().map(|standing| (standing.hold.name.clone(), hold_terms(standing.hold))).collect()
}

/// Whether the last day of a hold is over: that of one that is still there ends in the zone of its own policy.
fn has_ended(job: &Job<'_>) -> impl Fn(&HoldTerms) -> bool {
    let today = job.as_of.to_zoned(job.schedule.policy.timezone.clone()).date();
    let over = job.holds.iter().filter(|standing| !standing.is_in_force(job.as_of));
    let over: Vec<HoldTerms> = over.map(|standing| hold_terms(standing.hold)).collect();
    move |hold| terms::until(&hold.lasts).is_some_and(|last| last < today) || over.contains(hold)
}

fn hold_terms(hold: &schedule::Hold) -> HoldTerms {
    let (lasts, age) = match &hold.term {
        Term::For { anchors, period } => (period.to_string(), anchors.iter().map(anchor).collect()),
        Term::Until(last) => (format!("until {last}"), Vec::new()),
        Term::Open => ("until released".to_owned(), Vec::new()),
    };
    let condition = hold.condition.as_deref().map(digest);
    HoldTerms { table: hold.table.to_string(), lasts, age, condition, of_people: hold.of_people }
}

fn digest(condition: &str) -> String {
    chain::digest(condition.as_bytes())
}

fn action(action: &Action) -> String {
    match action {
        Action::Delete => "delete".to_owned(),
        Action::Redact(redactions) => {
            let columns: Vec<&str> = redactions.iter().map(|redaction| redaction.column.as_str()).collect();
            format!("redact {}", columns.join(", "))
        }
        Action::Aggregate(aggregate) => format!("aggregate into {}", aggregate.into),
    }
}

/// What a redaction or a roll-up leaves of the rows.
fn left(action: &Action) -> BTreeMap<String, String> {
    match action {
        Action::Delete => BTreeMap::new(),
        Action::Redact(redactions) => {
            redactions.iter().map(|one| (one.column.to_string(), people::word(&one.how).to_owned())).collect()
        }
        Action::Aggregate(aggregate) => {
            let measures: Vec<String> = aggregate.measures.iter().map(measure).collect();
            let keep: Vec<&str> = aggregate.keep.iter().map(Name::as_str).collect();
            let bucket = match aggregate.bucket {
                Bucket::Hour => "hour",
                Bucket::Day => "day",
                Bucket::Week => "week",
                Bucket::Month => "month",
            };
            let left = [("bucket", bucket.to_owned()), ("keep", keep.join(", ")), ("measures", measures.join(", "))];
            left.map(|(what, text)| (what.to_owned(), text)).into()
        }
    }
}

fn measure(measure: &Measure) -> String {
    let (function, column) = match &measure.function {
        MeasureFunction::Count => return format!("{} = count", measure.name),
        MeasureFunction::Sum(column) => ("sum", column),
        MeasureFunction::Min(column) => ("min", column),
        MeasureFunction::Max(column) => ("max", column),
        MeasureFunction::Avg(column) => ("avg", column),
        MeasureFunction::Distinct(column) => ("distinct", column),
    };
    format!("{} = {function}({column})", measure.name)
}

fn anchor(anchor: &schedule::Anchor) -> String {
    let reading = match &anchor.reading {
        Reading::Native => return anchor.path.to_string(),
        Reading::EpochSeconds => "epoch-seconds",
        Reading::EpochMillis => "epoch-millis",
        Reading::EpochMicros => "epoch-micros",
        Reading::IsoText => "text",
        Reading::Text(format) => &format.pattern,
    };
    format!("{} as {reading}", anchor.path)
}

/// `table`, with the column where one is named and what becomes of it where it is let go.
fn cascade_text(cascade: &Cascade) -> String {
    let column = cascade.column.as_ref().map(|column| format!(".{column}")).unwrap_or_default();
    let then = if cascade.then == Then::Null { " (let go)" } else { "" };
    format!("{}{column}{then}", cascade.table)
}
