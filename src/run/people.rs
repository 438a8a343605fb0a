//! The part of a run that erases people: who is due, the figures of each entry of the map, and what came of it.
//!
//! Erasures act after the rules. All entries are one act: where one of them cannot go ahead, none does.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::change::Changes;
use super::figures::{self, Figures};
use super::{Consent, Job, Refusal, guard, orders, register, survey};
use crate::base::name::TableName;
use crate::base::time::{Deadline, Light};
use crate::db::catalog::{self, Catalog};
use crate::db::query::count::Counts;
use crate::db::query::mark::Family;
use crate::db::write::people;
use crate::db::{Connection, DbError, Mode};
use crate::diagnostic::mistake::Mistake;
use crate::execute::erase::{self, Desk, Due, PeopleTally};
use crate::execute::{self, Ending, Worker};
use crate::ledger::erasure::Cause;
use crate::ledger::{self, pause};
use crate::plan::{Amounts, Erasure, PersonKey, RulePlan};
use crate::record::{PeopleRecord, RuleRecord, Status};
use crate::resolve;

/// Whom an erasure is about, instead of all who are due by closing: somebody of whom it was asked, or some who are back.
#[derive(Debug, Clone)]
pub struct SomePeople {
    /// Their keys as text.
    pub keys: Vec<String>,
    /// One category of the map only.
    pub category: Option<String>,
    pub cause: Cause,
    /// When it was asked for: the clock runs from here.
    pub asked: Timestamp,
}

/// An erasure with the figures that belong to it.
pub(super) struct Planned {
    pub erasure: Erasure,
    /// Of the entries, in the order in which they act.
    pub entries: Vec<RuleRecord>,
    pub record: PeopleRecord,
    /// In the order of their keys.
    due: Vec<Due>,
}

/// Whom guards ask, and what about.
pub(super) struct Asking<'a> {
    pub changes: &'a Changes,
    pub consent: &'a Consent,
}

/// Counts an erasure in a read-only transaction of its own, after the rules that act before it, and asks its guards; who
/// passed them. A database error makes its records failed ones.
pub(super) fn plan(
    job: &Job<'_>,
    conn: &mut Connection,
    erasure: Erasure,
    acting: &[RulePlan],
    pause: Option<&pause::Standing>,
    asking: &Asking<'_>,
) -> (Planned, Vec<String>) {
    let entries = erasure.entries.iter().map(|entry| survey::blank(&entry.plan)).collect();
    let record = blank(&erasure, job.people.is_some());
    let mut planned = Planned { erasure: erasure.after(&removing(acting)), entries, record, due: Vec::new() };
    let mut notes = planned.count_and_ask(job, conn, pause, asking);
    for entry in &planned.erasure.entries {
        let what = format!("entry `{}`", entry.plan.rule);
        notes.extend(survey::placeholders_taken(conn, &entry.plan, &entry.redact_first, &what));
    }
    (planned, notes)
}

/// Of the rules that act before the erasure, those that take rows.
fn removing(acting: &[RulePlan]) -> Vec<Arc<RulePlan>> {
    let removing = acting.iter().filter(|rule| rule.act.removes() && !rule.targets.is_empty());
    removing.cloned().map(Arc::new).collect()
}

/// Without it nobody could be called anything in the ledger.
pub const NO_KEY: &str = "the config names no `hmac_key_file`, under whose key the ledger calls people; make one with \
                      `openssl rand -hex 32`, keep a copy of it, and name it";

fn blank(erasure: &Erasure, is_request: bool) -> PeopleRecord {
    let deadline = deadline(erasure, is_request);
    PeopleRecord {
        table: erasure.subject.to_string(),
        promises: erasure.promises.clone(),
        within: deadline.term.to_string(),
        due: 0,
        erased: 0,
        unfinished: 0,
        held: 0,
        blocked: 0,
        near_deadline: 0,
        overdue: 0,
        days_used: None,
        days_allowed: None,
        asked_for: is_request,
        in_part: 0,
        remaining: 0,
        skipped: 0,
        unreadable: 0,
        unmapped: Vec::new(),
        due_digest: None,
    }
}

fn deadline(erasure: &Erasure, is_request: bool) -> &Deadline {
    if is_request { &erasure.request_deadline } else { &erasure.deadline }
}

/// Those of the people of whom a run would change something.
pub fn due_among(conn: &mut Connection, erasure: &Erasure) -> Result<Vec<PersonKey>, DbError> {
    let mut figures = conn.transaction(Mode::ReadOnly, |conn| Figures::read(conn, &mut [], erasure))?;
    Ok(figures.due().into_iter().map(|due| due.key).collect())
}

/// What is left of some people's that is to go.
pub struct Left {
    /// By the places of the entries.
    pub by_entry: Vec<Counts>,
    /// There is something that a run would do.
    pub is_due: bool,
    /// There is something that goes one day and not now: for a hold, or for what refers to it.
    pub is_held: bool,
    pub is_blocked: bool,
}

impl Left {
    pub fn of(conn: &mut Connection, erasure: &Erasure) -> Result<Self, DbError> {
        let figures = conn.transaction(Mode::ReadOnly, |conn| Figures::read(conn, &mut [], erasure))?;
        Ok(Self {
            is_due: !figures.rows.is_empty(),
            is_held: !figures.held.is_empty(),
            is_blocked: !figures.blocked.is_empty(),
            by_entry: figures.by_entry,
        })
    }
}

impl Planned {
    /// What the entries are to do at most, together.
    pub fn planned(&self) -> Amounts {
        let mut planned = Amounts::default();
        for (entry, record) in self.erasure.entries.iter().zip(&self.entries) {
            planned.extend(guard::planned(&entry.plan, record));
        }
        planned
    }

    /// The tables of which rows went or were changed, with what hangs on them.
    pub fn tables_changed(&self) -> BTreeSet<TableName> {
        let entries = self.erasure.entries.iter().zip(&self.entries).filter(|(_, record)| record.done > 0);
        entries
            .flat_map(|(entry, _)| {
                let own = entry.plan.targets.iter().flat_map(|target| [&target.table, &target.root]);
                own.chain(entry.plan.dependents.iter().map(|dependent| &dependent.table))
            })
            .cloned()
            .collect()
    }

    fn count_and_ask(
        &mut self,
        job: &Job<'_>,
        conn: &mut Connection,
        pause: Option<&pause::Standing>,
        asking: &Asking<'_>,
    ) -> Vec<String> {
        if job.config.hmac_key.is_none() {
            self.fail(NO_KEY);
            return Vec::new();
        }
        let mut helpers = figures::helpers(job, conn, &self.erasure);
        let surveyed = conn.transaction(Mode::ReadOnly, |conn| self.survey(job, conn, &mut helpers));
        drop(helpers);
        let due = self.due.len();
        let asked =
            surveyed.and_then(|()| asking.changes.ask_of_people(job, conn, &self.erasure, &mut self.entries, due));
        if let Err(error) = asked {
            self.fail(&error.message);
            return Vec::new();
        }
        if let Some(pause) = pause {
            self.entries.iter_mut().for_each(|entry| survey::stop(entry, pause));
            return Vec::new();
        }
        let notes = match guard::of_other_people(asking.consent, || self.digest_of_due(job)) {
            Some(question) => {
                self.stop_at(question);
                Vec::new()
            }
            None => self.entries.iter_mut().filter_map(|entry| guard::decide(entry, asking.consent)).collect(),
        };
        if self.entries.iter().any(|entry| entry.status == Status::Guarded) {
            self.record.due_digest = self.digest_of_due(job);
        }
        self.all_or_none();
        notes
    }

    /// The entry that acts first asks.
    fn stop_at(&mut self, question: String) {
        if let Some(first) = self.entries.first_mut() {
            guard::also(first, question);
            first.status = Status::Guarded;
        }
    }

    /// Who is due, without a name, and in one line however many they are.
    fn digest_of_due(&self, job: &Job<'_>) -> Option<String> {
        let keys = self.due.iter().map(|due| due.key.to_text());
        Some(job.config.pseudonyms()?.of_all(&self.erasure.called, keys).to_string())
    }

    /// Counts again where a rule on which the figures counted was stopped, and asks the guards again.
    pub fn count_again(
        &mut self,
        job: &Job<'_>,
        conn: &mut Connection,
        acting: &[RulePlan],
        asking: &Asking<'_>,
    ) -> Vec<String> {
        let earlier = removing(acting);
        let counted_upon = self.erasure.entries.first().map_or(0, |entry| entry.plan.earlier.len());
        if earlier.len() == counted_upon || self.entries.iter().any(|entry| entry.status != Status::Ok) {
            return Vec::new();
        }
        self.erasure = self.erasure.clone().after(&earlier);
        for (entry, record) in self.erasure.entries.iter().zip(&mut self.entries) {
            let (cutoff_local, trend) = (record.cutoff_local.take(), std::mem::take(&mut record.trend));
            *record = RuleRecord { cutoff_local, trend, ..survey::blank(&entry.plan) };
        }
        self.count_and_ask(job, conn, None, asking)
    }

    fn survey(&mut self, job: &Job<'_>, conn: &mut Connection, helpers: &mut [Connection]) -> Result<(), DbError> {
        let mut figures = Figures::read(conn, helpers, &self.erasure)?;
        let family = Family::of(&self.erasure);
        self.due = figures.due();
        for (place, (entry, record)) in self.erasure.entries.iter().zip(&mut self.entries).enumerate() {
            survey::fill(record, figures.by_entry[place].clone());
            record.cascaded.clone_from(&figures.along[place].cascaded);
            record.detached.clone_from(&figures.along[place].detached);
            if job.statements {
                record.statements = survey::statements_of_entry(conn.dialect(), &family, place);
            }
            record.guard = guard::of(conn, &entry.plan, record)?;
        }
        self.guard_people();
        self.when_asked(conn, job.people.as_ref())?;
        self.guard_closing(job.people.is_some());
        self.tell(conn, &figures)?;
        self.tell_clocks(job, &BTreeSet::new());
        Ok(())
    }

    fn guard_people(&mut self) {
        let (people, most) = (self.due.len() as u64, self.erasure.max_people.unwrap_or(u64::MAX));
        if let Some(first) = self.entries.first_mut().filter(|_| people > most) {
            first.guard = Some(format!("{people} people are more than max_people = {most}"));
        }
    }

    /// Who closed the account longer ago than anything can be has a closing time in another unit, or from another column.
    fn guard_closing(&mut self, is_asked_for: bool) {
        let horizon = self.erasure.entries.first().and_then(|entry| entry.plan.guard.max_age.clone());
        let oldest = self.due.iter().filter(|_| !is_asked_for).filter_map(|due| due.asked).min();
        let Some((horizon, oldest)) = horizon.zip(oldest).filter(|(horizon, oldest)| *oldest < horizon.since) else {
            return;
        };
        if let Some(first) = self.entries.first_mut() {
            let day = oldest.strftime("%Y-%m-%d");
            let question = format!(
                "somebody who is due left on {day}, longer ago than max_age = {}: closing times may be in another unit, or in \
                 another column",
                horizon.age
            );
            guard::also(first, question);
        }
    }

    fn when_asked(&mut self, conn: &mut Connection, some: Option<&SomePeople>) -> Result<(), DbError> {
        let due = &mut self.due;
        if let Some(some) = some {
            due.iter_mut().for_each(|due| due.asked = Some(some.asked));
            return Ok(());
        }
        people::who_is_due(conn, &self.erasure, &mut |person| {
            if let Ok(place) = due.binary_search_by(|due| due.key.cmp(&person.key)) {
                due[place].asked = person.closed;
            }
        })
    }

    fn tell(&mut self, conn: &mut Connection, figures: &Figures) -> Result<(), DbError> {
        self.record.due = self.due.len() as u64;
        self.record.remaining = self.record.due;
        self.record.held = people::held(conn, &self.erasure)? + figures.held.len() as u64;
        self.record.unreadable = people::unreadable(conn, &self.erasure)?;
        self.record.blocked = figures.blocked.difference(&figures.held).count() as u64;
        Ok(())
    }

    /// How the clocks of those who are due stand. Whoever was erased late was erased late: that promise was not kept.
    fn tell_clocks(&mut self, job: &Job<'_>, erased: &BTreeSet<PersonKey>) {
        let deadline = deadline(&self.erasure, job.people.is_some());
        let record = &mut self.record;
        (record.near_deadline, record.overdue) = (0, 0);
        for (key, asked) in self.due.iter().filter_map(|due| Some((&due.key, due.asked?))) {
            let used = deadline.used(asked, job.as_of);
            match used.light() {
                Light::Red => record.overdue += 1,
                Light::Amber if !erased.contains(key) => record.near_deadline += 1,
                Light::Amber | Light::Green => {}
            }
            if record.days_used.is_none_or(|days| used.days > days) {
                record.days_used = Some(used.days);
                record.days_allowed = Some(used.allowed);
            }
        }
    }

    fn fail(&mut self, reason: &str) {
        for entry in &mut self.entries {
            entry.status = Status::Failed;
            entry.error = Some(reason.to_owned());
        }
    }

    /// Where one entry is stopped, the others wait for it.
    fn all_or_none(&mut self) {
        let Some(stopped) = self.entries.iter().find(|entry| entry.status != Status::Ok) else { return };
        let reason = format!("people are erased as a whole, and entry `{}` cannot go ahead", stopped.rule);
        for entry in self.entries.iter_mut().filter(|entry| entry.status == Status::Ok) {
            entry.status = Status::Stopped;
            entry.error = Some(reason.clone());
        }
    }
}

/// Erases those who are due and writes down what came of it: in the entries' records, and in the people's.
pub(super) fn execute(job: &Job<'_>, worker: &mut Worker<'_>, planned: &mut Planned) {
    if planned.entries.iter().any(|entry| entry.status != Status::Ok) {
        return;
    }
    if let Some(reason) = job.waits_for_its_date() {
        planned.entries.iter_mut().for_each(|entry| super::act::end(entry, Status::Stopped, reason.clone()));
        return;
    }
    let Some(pseudonyms) = job.config.pseudonyms() else { return };
    // From here on the register lacks this run. Who were erased without a mark of it could not be erased again after a restore.
    if !planned.due.is_empty()
        && let Err(error) = register::mark(&job.config.state_dir, worker.run)
    {
        let reason = format!(
            "nobody is erased while nothing can be written down beside the register of erasures: {error:#}; make room there, or \
             let this user write there"
        );
        planned.entries.iter_mut().for_each(|entry| super::act::end(entry, Status::Failed, reason.clone()));
        return;
    }
    let started = std::time::Instant::now();
    let (cause, asked) = job.people.as_ref().map_or((Cause::Closed, None), |some| (some.cause, Some(some.asked)));
    let category = job.people.as_ref().and_then(|some| some.category.as_deref());
    let desk = Desk { pseudonyms: &pseudonyms, cause, category, asked };
    let (tally, ending) = if planned.due.is_empty() {
        (PeopleTally::default(), Ending::Done)
    } else {
        erase::people(worker, &planned.erasure, &planned.due, &desk, job.database.workers)
    };
    let erasure = &planned.erasure;
    let left = worker.patiently(|conn| {
        let mut helpers = figures::helpers(job, conn, erasure);
        conn.transaction(Mode::ReadOnly, |conn| {
            Ok((Figures::read(conn, &mut helpers, erasure)?, people::held(conn, erasure)?))
        })
    });
    planned.settle(job, tally, &ending, left.map_err(execute::Halt::sentence));
    if let Some(first) = planned.entries.first_mut() {
        first.elapsed_ms += started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    }
}

/// Rows that stayed because they are somebody else's as well are not the person's any more once the person is gone: they
/// were not skipped, they stayed.
fn still_somebody_elses(entry: &mut RuleRecord, planned: u64) {
    let stayed = entry.skipped.min(planned.saturating_sub(entry.blocked));
    entry.skipped -= stayed;
    entry.blocked += stayed;
}

impl Planned {
    fn settle(&mut self, job: &Job<'_>, mut tally: PeopleTally, ending: &Ending, left: Result<(Figures, u64), String>) {
        let is_illegible = |(left, _): &(Figures, u64)| left.is_of_illegible_keys();
        let are_illegible = matches!(ending, Ending::Done) && left.as_ref().is_ok_and(is_illegible);
        for (place, entry) in self.entries.iter_mut().enumerate() {
            let done = tally.entries.remove(&entry.rule).unwrap_or_default();
            let passed_over = left.as_ref().map_or_else(
                |_| execute::PassedOver::default(),
                |(left, _)| tally.passed_over.in_rows(|key| left.rows.get(key).map_or(0, |rows| rows[place])),
            );
            let left = left.as_ref().map(|(left, _)| left.by_entry[place].clone()).map_err(Clone::clone);
            let planned = entry.blocked;
            super::act::settle(entry, execute::Tally { passed_over, ..done }, ending.clone(), || left);
            still_somebody_elses(entry, planned);
            if are_illegible && entry.remaining > 0 {
                entry.error = Some(format!(
                    "some people could not be erased: their `{}` in `{}` is no UTF-8 text, so that they cannot be called by it; \
                     correct it, in the rows that refer to it as well, and run again",
                    self.erasure.key.name, self.erasure.subject
                ));
            }
        }
        match &left {
            Ok((left, held_as_people)) => self.tell_ends(&tally, left, *held_as_people),
            Err(_) => {
                let begun = [&tally.erased, &tally.in_part, &tally.unfinished];
                self.record.tell_of_the_begun(begun.map(|people| people.len() as u64));
            }
        }
        self.tell_clocks(job, &tally.erased);
    }

    /// What became of everybody who was due, each told once; and who is held or blocked, due or not, of whom nothing else is
    /// left to be done.
    fn tell_ends(&mut self, tally: &PeopleTally, left: &Figures, held_as_people: u64) {
        let is_due_still = |key: &PersonKey| left.rows.contains_key(key);
        let stays = |key: &PersonKey| left.held.contains(key) || left.blocked.contains(key);
        let record = &mut self.record;
        record.remaining = 0;
        for Due { key, .. } in &self.due {
            let is_begun = [&tally.erased, &tally.in_part, &tally.unfinished].iter().any(|people| people.contains(key));
            let end = match (is_due_still(key), is_begun) {
                (true, true) => &mut record.unfinished,
                (true, false) => &mut record.remaining,
                (false, true) if tally.erased.contains(key) && !stays(key) => &mut record.erased,
                (false, true) => &mut record.in_part,
                (false, false) => &mut record.skipped,
            };
            *end += 1;
        }
        let only = |key: &&PersonKey| !is_due_still(key);
        record.held = held_as_people + left.held.iter().filter(only).count() as u64;
        record.blocked = left.blocked.difference(&left.held).filter(only).count() as u64;
    }
}

/// The map of people of a job's policy as the live tables have it, under all holds, for who wants to look at one person.
///
/// # Errors
/// The mistakes of the map, or that the policy has none on this database.
pub fn map(job: &Job<'_>, conn: &mut Connection) -> Result<(Catalog, Erasure), Refusal> {
    let catalog = conn.transaction(Mode::ReadOnly, catalog::read)?;
    let orders = ledger::orders(conn)?;
    let ordered: Vec<_> = orders.holds.standing.iter().map(|standing| orders::hold_of(&standing.order)).collect();
    let holds = orders::all(&job.holds, job.schedule, &ordered);
    let resolved = resolve::resolve(&job.context(&catalog), job.schedule, |named| job.is_meant(named), &holds);
    let mistakes: Vec<_> = resolved.hold_mistakes.into_iter().chain(resolved.second_maps).collect();
    if !mistakes.is_empty() {
        return Err(Refusal::Schedule(mistakes));
    }
    match resolved.erasure {
        Some(Ok(erasure)) => Ok((catalog, erasure)),
        Some(Err(mistakes)) => Err(Refusal::Schedule(mistakes)),
        None => {
            let (policy, database) = (&job.schedule.policy.name, &job.database.name);
            let reason =
                format!("policy `{policy}` has no [subject] on database `{database}`, so it knows nobody's data");
            Err(Refusal::Schedule(vec![Mistake::error(reason).remedy("add a [subject] with its [[subject.data]]")]))
        }
    }
}
