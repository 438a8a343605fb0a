//! Guards: how much a rule may do without being asked, and who said that it may.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::approval::Approved;
use crate::db::query::count;
use crate::db::{Connection, DbError};
use crate::plan::{Amounts, Limits, RulePlan};
use crate::record::{RuleRecord, RunRecord, Status};

/// Tables up to this size are not looked at by share: half of three rows is no catastrophe.
const SMALL_TABLE: u64 = 1_000;

/// Whether a run may pass the guards.
#[derive(Debug, Clone)]
pub enum Consent {
    /// Nobody said so: a guard stops its rule.
    Ask,
    /// `--yes`, by this actor.
    Yes(String),
    /// An approval of a run that a guard stopped: its rules with their figures, and whom it would have erased. A rule that would
    /// do more than was approved is stopped again, and so is the erasure of anybody else.
    Approved { by: String, run: Box<RunRecord>, rows: Arc<Approved> },
}

/// How much a rule may do without being asked, by the sizes that its tables had when the plan was made.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    /// Rows of all tables together.
    rows: Option<u64>,
    /// Of the tables of which a share may be too large: how many rows they have, and how many of them may go.
    of_table: BTreeMap<String, (u64, u64)>,
}

impl Bounds {
    /// Of one rule, whose figures the record holds. What rules before it were planned to do to the same tables (`before`) may
    /// become its own to do, where they are stopped.
    pub fn of(conn: &mut Connection, plan: &RulePlan, record: &RuleRecord, before: &Amounts) -> Result<Self, DbError> {
        let rows = (plan.guard.max_rows < u64::MAX).then_some(plan.guard.max_rows);
        let mut bounds = Self { rows, of_table: BTreeMap::new() };
        if plan.guard.max_share >= 1.0 {
            return Ok(bounds);
        }
        for (shown, due) in by_table(record).into_iter().filter(|(_, due)| *due > 0) {
            let table = plan.table_called(&shown);
            // The share is due / rows; it is enough to know whether the table is as large as due / max_share.
            let due = due + before.of_table(&table);
            let enough = ((due as f64 / plan.guard.max_share).ceil() as u64).max(SMALL_TABLE + 1);
            let along = plan.dependents.iter().find(|dependent| dependent.table.to_string() == table);
            let rows = match along.filter(|_| shown != record.table) {
                Some(dependent) => count::table_rows_up_to(conn, &dependent.table, enough)?,
                None => own_rows(conn, plan, record, enough)?,
            };
            if rows > SMALL_TABLE && rows < enough {
                let most = (rows as f64 * plan.guard.max_share).floor() as u64;
                bounds.of_table.insert(table, (rows, most));
            }
        }
        Ok(bounds)
    }

    /// The sentence of the guard that the figures trip, if any.
    pub fn sentence(&self, plan: &RulePlan, record: &RuleRecord) -> Option<String> {
        let all = rows_touched(record);
        if let Some(most) = self.rows.filter(|most| all > *most) {
            return Some(format!("{all} rows, cascades included, are more than max_rows = {most}"));
        }
        if let Some(too_old) = too_old(plan, record) {
            return Some(too_old);
        }
        let limit = plan.guard.max_share * 100.0;
        by_table(record).into_iter().find_map(|(table, due)| {
            let (rows, most) = self.of_table.get(&plan.table_called(&table))?;
            let percent = due as f64 / *rows as f64 * 100.0;
            let sentence = || {
                format!("{due} of the {rows} rows of `{table}` ({percent:.1} %) are more than max_share = {limit:.0} %")
            };
            (due > *most).then(sentence)
        })
    }

    /// The same for the running totals of a rule that acts; none where somebody let it pass its guard.
    pub fn limits(&self, record: &RuleRecord) -> Limits {
        if record.guard_passed.is_some() {
            return Limits::default();
        }
        let of_table = self.of_table.iter().map(|(table, (_, most))| (table.clone(), *most)).collect();
        Limits { rows: self.rows, of_table }
    }
}

/// The sentence of the guard that the plan trips, if any.
pub(super) fn of(conn: &mut Connection, plan: &RulePlan, record: &RuleRecord) -> Result<Option<String>, DbError> {
    Ok(Bounds::of(conn, plan, record, &Amounts::default())?.sentence(plan, record))
}

/// What a record says that its rule would do.
pub(super) fn planned(plan: &RulePlan, record: &RuleRecord) -> Amounts {
    Amounts::of(plan, record.remaining, &record.cascaded, &record.detached).by_references(plan)
}

/// Rows that would change or go, the rule's own table first. Descendants that go with a row of their own table are of that
/// table as well.
fn by_table(record: &RuleRecord) -> Vec<(String, u64)> {
    let own = record.remaining + record.cascaded.get(&record.table).copied().unwrap_or(0);
    let along = record.cascaded.iter().filter(|(table, _)| **table != record.table);
    std::iter::once((record.table.clone(), own)).chain(along.map(|(table, due)| (table.clone(), *due))).collect()
}

/// The guard's sentence where a row is due that is older than rows can be.
fn too_old(plan: &RulePlan, record: &RuleRecord) -> Option<String> {
    let horizon = plan.guard.max_age.as_ref().filter(|_| record.remaining > 0)?;
    let oldest = record.oldest_eligible.filter(|oldest| *oldest < horizon.since)?;
    let youngest = record.youngest_eligible.unwrap_or(oldest);
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    Some(format!(
        "rows are due from {} to {}, and some are older than max_age = {}: their age may be in another unit, or in another column",
        day(oldest),
        day(youngest),
        horizon.age
    ))
}

/// The sentence where the ages of too many of the rule's rows cannot be read.
pub(super) fn of_unreadable(
    conn: &mut Connection,
    plan: &RulePlan,
    record: &RuleRecord,
) -> Result<Option<String>, DbError> {
    if record.unreadable == 0 {
        return Ok(None);
    }
    // The share is unreadable / rows; it is enough to know whether there are as many as unreadable / max_unreadable.
    let enough = (record.unreadable as f64 / plan.guard.max_unreadable).ceil() as u64;
    let mut rows = 0;
    for target in &plan.targets {
        rows += count::spoken_of_up_to(conn, plan, target, enough - rows)?;
    }
    let percent = record.unreadable as f64 / rows.max(1) as f64 * 100.0;
    let limit = plan.guard.max_unreadable * 100.0;
    Ok((rows < enough).then(|| {
        format!(
            "the ages of {} of the rule's {rows} rows ({percent:.1} %) cannot be read, more than max_unreadable = {limit:.0} %",
            record.unreadable
        )
    }))
}

/// Rows of the rule's own table, counted up to `enough`.
fn own_rows(conn: &mut Connection, plan: &RulePlan, record: &RuleRecord, enough: u64) -> Result<u64, DbError> {
    let known = known_rows(conn, plan, record, enough)?;
    if known >= enough {
        return Ok(known);
    }
    let mut rows = 0;
    for target in &plan.targets {
        rows += count::rows_up_to(conn, target, enough - rows)?;
    }
    Ok(rows)
}

/// A lower bound of the table's rows, for little: those that the plan has counted already and, up to `enough` in all, those
/// that are too young for it.
fn known_rows(conn: &mut Connection, plan: &RulePlan, record: &RuleRecord, enough: u64) -> Result<u64, DbError> {
    let mut known = record.eligible + record.no_anchor;
    for target in &plan.targets {
        known += count::young_up_to(conn, target, enough.saturating_sub(known))?.unwrap_or(0);
    }
    Ok(known)
}

fn rows_touched(record: &RuleRecord) -> u64 {
    record.remaining + record.cascaded.values().sum::<u64>()
}

/// Has the guard ask this too.
pub(super) fn also(rule: &mut RuleRecord, question: String) {
    let before = rule.guard.take().map(|guard| format!("{guard}; ")).unwrap_or_default();
    rule.guard = Some(before + &question);
}

/// Stops the rule because of this.
pub(super) fn stop(rule: &mut RuleRecord, question: String) {
    rule.guard = Some(question);
    rule.status = Status::Guarded;
}

/// Stops the rule where its guard was tripped and nobody has passed it; else says who passed it.
pub(super) fn decide(rule: &mut RuleRecord, consent: &Consent) -> Option<String> {
    if rule.status != Status::Ok {
        return None;
    }
    if let Consent::Approved { run, .. } = consent
        && let Some(more) = beyond_approval(rule, run)
    {
        stop(rule, more);
        return None;
    }
    rule.guard.as_ref()?;
    match consent {
        Consent::Ask => {
            rule.status = Status::Guarded;
            None
        }
        Consent::Yes(actor) => {
            rule.guard_passed = Some(format!("{actor}, with --yes"));
            Some(format!("{actor} passed the guard of rule `{}` with --yes", rule.rule))
        }
        Consent::Approved { by, run, .. } => {
            rule.guard_passed = Some(format!("{by}, who approved run {}", run.run));
            Some(format!("{by} approved rule `{}` as run `{}` had planned it", rule.rule, run.run))
        }
    }
}

/// The sentence where the erasure is about other people than those for whom it was approved. Fewer people are others as well:
/// a digest does not tell whether anybody is new among them.
pub(super) fn of_other_people(consent: &Consent, due: impl FnOnce() -> Option<String>) -> Option<String> {
    let Consent::Approved { run, .. } = consent else { return None };
    let people = run.people.as_ref()?;
    let same = people.due_digest.is_some() && people.due_digest == due();
    (!same).then(|| {
        format!(
            "other people are due than the {} of run `{}`, for whom it was approved, or nobody can tell whether they are the same",
            people.due, run.run
        )
    })
}

/// The approval was for figures; more than those, in all or of one table, is another plan.
pub(super) fn beyond_approval(rule: &RuleRecord, approved: &RunRecord) -> Option<String> {
    let planned = approved.rules.iter().find(|planned| planned.rule == rule.rule);
    let of_table = |table: &str| {
        let all = planned.map(by_table).unwrap_or_default();
        all.into_iter().find(|(planned, _)| planned == table).map_or(0, |(_, rows)| rows)
    };
    let (now, before) = (rows_touched(rule), planned.map_or(0, rows_touched));
    if now > before {
        return Some(format!("{now} rows are now due, but {before} were approved in run `{}`", approved.run));
    }
    by_table(rule).into_iter().find_map(|(table, now)| {
        let before = of_table(&table);
        let sentence =
            || format!("{now} rows of `{table}` would go now, but {before} were approved in run `{}`", approved.run);
        (now > before).then(sentence)
    })
}
