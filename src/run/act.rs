//! The middle of a run: it is made known, and then does what was planned, rule after rule, within the plan.

use std::collections::BTreeSet;

use super::approval::Lists;
use super::plan::{Planned, PlannedRule, ask_guard};
use super::prepare::Prepared;
use super::{Job, Progress, Refusal, compact, guard, log, past, people, survey};
use crate::base::name::TableName;
use crate::db::query::count::Counts;
use crate::db::{Access, control};
use crate::execute::{self, Ending, Halt, PassedOver, Tally, Worker};
use crate::ledger::{self, Holder};
use crate::plan::{Ceiling, RulePlan};
use crate::record::ERASURES;
use crate::record::{RuleRecord, RunKind, RunRecord, Status};

use people::Asking;

/// A run that the ledger knows, and that has changed nothing yet.
pub(super) struct Begun<'a> {
    run: Prepared<'a>,
    planned: Planned,
    record: RunRecord,
    ceiling: Ceiling,
}

/// A run that changes nothing any more.
pub(super) struct Acted<'a> {
    pub run: Prepared<'a>,
    pub record: RunRecord,
    /// The tables from which something of people went.
    pub changed: BTreeSet<TableName>,
}

impl<'a> Begun<'a> {
    /// Makes the run known; where the answer is lost, it is looked whether that happened.
    pub fn of((mut run, planned): (Prepared<'a>, Planned)) -> Result<Self, Refusal> {
        let job = run.job;
        let mut record = job.record(RunKind::Run, run.started, &planned);
        record.notes.append(&mut run.notes);
        record.notes.extend(planned.notes.iter().cloned());
        record.notes.extend(planned.lists.as_ref().and_then(|lists| keep(job, lists, &record.run)));
        record.notes.extend(compact::ledger(job, &mut run.conn, run.started));
        past::compare(job, &mut run.conn, &mut record);
        let news = planned.changes.to_be_known(job, &record);
        let (holder, reopen) = (Holder::this_process(), || job.connect(Access::ReadWrite));
        let begun = execute::patiently(&mut run.conn, &reopen, run.stop, |conn| {
            ledger::begin(conn, &record, &holder, news.as_ref())
        });
        begun.map_err(|halt| Refusal::Other(anyhow::anyhow!(halt.sentence())))?;
        log::begin(job, &record);
        Ok(Self { run, planned, record, ceiling: Ceiling::default() })
    }

    /// Does what was planned; whatever happens to one rule does not touch the others.
    pub fn act(mut self, progress: Progress<'_>) -> Acted<'a> {
        let rules = std::mem::take(&mut self.planned.rules);
        for rule in &rules {
            let Some(plan) = &rule.plan else { continue };
            let actual = self.recount(plan, rule);
            self.rule(&actual, rule, &mut *progress);
        }
        let changed = self.people(&rules, progress);
        Acted { run: self.run, record: self.record, changed }
    }

    fn place_of(&self, rule: &str) -> Option<usize> {
        self.record.rules.iter().position(|entry| entry.rule == rule)
    }

    /// A rule whose figures counted on another that was then stopped is counted again, and asked by its guard again: its rows
    /// may be many more than were planned. What it may do is what both were planned to do.
    fn recount(&mut self, plan: &RulePlan, rule: &PlannedRule) -> RulePlan {
        let stopped = self.record.rules.iter().filter(|entry| entry.status != Status::Ok);
        let actual = plan.without(&stopped.map(|entry| entry.rule.as_str()).collect());
        let Some(at) = self.place_of(&plan.rule).filter(|at| self.record.rules[*at].status == Status::Ok) else {
            return actual;
        };
        if !actual.counts_upon_the_same(plan) {
            let (run, entry) = (&mut self.run, &mut self.record.rules[at]);
            // What stopped the other rule may have taken the connection along; if it cannot be mended, the figures say so.
            let _ = execute::patiently(&mut run.conn, &|| run.job.connect(Access::ReadWrite), run.stop, control::clock);
            let figures = survey::figures_again(&mut run.conn, &actual, run.job, &rule.bounds);
            let (cutoff_local, trend) = (entry.cutoff_local.take(), std::mem::take(&mut entry.trend));
            *entry = RuleRecord { cutoff_local, trend, ..figures };
            let note = ask_guard(&mut run.conn, &actual, &self.planned.changes, entry, run.consent);
            self.record.notes.extend(note);
        }
        actual
    }

    /// Executes one rule into its record.
    fn rule(&mut self, plan: &RulePlan, rule: &PlannedRule, progress: Progress<'_>) {
        let planned = guard::planned(plan, &rule.record);
        let Some(at) = self.place_of(&plan.rule) else { return };
        let may_act = self.record.rules[at].status == Status::Ok;
        if !may_act || self.run.job.not_yet_in_force().is_some() {
            if rule.record.status == Status::Ok {
                self.ceiling.leave(planned);
            }
            let reason = self.run.job.waits_for_its_date().filter(|_| may_act);
            reason.into_iter().for_each(|reason| end(&mut self.record.rules[at], Status::Stopped, reason));
            return;
        }
        self.ceiling.begin(planned, rule.bounds.limits(&self.record.rules[at]));
        let started = std::time::Instant::now();
        let (job, stop, remaining) = (self.run.job, self.run.stop, self.record.rules[at].remaining);
        let reopen = || job.connect(Access::ReadWrite);
        let mut worker = Worker {
            conn: &mut self.run.conn,
            reopen: &reopen,
            names: job.names(),
            run: &self.record.run,
            holds: self.planned.ordered,
            ceiling: &self.ceiling,
            catalog: &self.planned.catalog,
            stop,
            progress: &mut |done| progress(&plan.rule, done, remaining),
        };
        let (tally, ending) = execute::rule(&mut worker, plan);
        let entry = &mut self.record.rules[at];
        settle(entry, tally, ending, || {
            execute::patiently(&mut self.run.conn, &reopen, stop, |conn| survey::left(conn, plan))
                .map_err(Halt::sentence)
        });
        entry.elapsed_ms = started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    }

    /// Erases the people who are due; the tables from which something of theirs went. What they were counted upon is counted
    /// again where a rule before them was stopped.
    fn people(&mut self, rules: &[PlannedRule], progress: Progress<'_>) -> BTreeSet<TableName> {
        let Some(mut people) = self.planned.people.take() else { return BTreeSet::new() };
        let (job, stop, record) = (self.run.job, self.run.stop, &mut self.record);
        let reopen = || job.connect(Access::ReadWrite);
        people.entries = record.rules.split_off(record.rules.len() - people.entries.len());
        let has_acted =
            |plan: &&RulePlan| record.rules.iter().any(|rule| rule.rule == plan.rule && rule.status == Status::Ok);
        let acting: Vec<RulePlan> =
            rules.iter().filter_map(|rule| rule.plan.as_ref()).filter(has_acted).cloned().collect();
        let conn = &mut self.run.conn;
        // What stopped a rule may have taken the connection along; if it cannot be mended, the figures say so.
        let _ = execute::patiently(conn, &reopen, stop, control::clock);
        let asking = Asking { changes: &self.planned.changes, consent: self.run.consent };
        record.notes.extend(people.count_again(job, conn, &acting, &asking));
        self.ceiling.begin(people.planned(), Default::default());
        let mut worker = Worker {
            conn,
            reopen: &reopen,
            names: job.names(),
            run: &record.run,
            holds: self.planned.ordered,
            ceiling: &self.ceiling,
            catalog: &self.planned.catalog,
            stop,
            progress: &mut |done| progress(ERASURES, done, done),
        };
        people::execute(job, &mut worker, &mut people);
        let changed = people.tables_changed();
        record.rules.append(&mut people.entries);
        record.people = Some(people.record);
        changed
    }
}

/// Keeps the list of what waits for an approval; what is to be said where that fails.
fn keep(job: &Job<'_>, lists: &Lists, run: &str) -> Option<String> {
    let error = lists.write(&job.config.state_dir, run).err()?;
    Some(format!("what a guard stopped can be approved only where exactly the same rows are due: {error:#}"))
}

/// Writes down how a rule ended; `left` counts again what is left.
pub(super) fn settle(
    entry: &mut RuleRecord,
    tally: Tally,
    ending: Ending,
    left: impl FnOnce() -> Result<Counts, String>,
) {
    entry.done = tally.done.rows;
    entry.batches = tally.batches;
    entry.rolled_up = tally.done.rolled_up;
    entry.suppressed = tally.suppressed;
    entry.cascaded = tally.done.consequences.cascaded;
    entry.detached = tally.done.consequences.detached;
    match ending {
        Ending::Done => survey::reconcile(entry, left(), &tally.passed_over),
        Ending::Bounded(reason) => {
            survey::reconcile(entry, left(), &PassedOver::default());
            bounded(entry, &reason);
        }
        Ending::Stopped(reason) => end(entry, Status::Stopped, reason),
        Ending::Failed(reason) => end(entry, Status::Failed, reason),
    }
}

/// The plan left no room for more, though more is due: the rest is for the next run and its plan.
fn bounded(entry: &mut RuleRecord, reason: &str) {
    let rest = entry.remaining + entry.late;
    entry.status = Status::Stopped;
    entry.error =
        Some(format!("{rest} rows remain for the next run, because more came in after the plan was made: {reason}"));
}

/// What was planned and not done remains.
pub(super) fn end(entry: &mut RuleRecord, status: Status, reason: String) {
    entry.status = status;
    entry.error = Some(reason);
    entry.oldest_kept = None;
    let settled = entry.done + entry.held + entry.blocked;
    entry.eligible = entry.eligible.max(settled);
    entry.remaining = entry.eligible - settled;
}
