//! Guards: how much a rule may do without being asked, and who said that it may.

use crate::db::query::count;
use crate::db::{Connection, DbError};
use crate::plan::RulePlan;
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
    Approved { by: String, run: Box<RunRecord> },
}

/// The sentence of the guard that the plan trips, if any.
pub(super) fn of(conn: &mut Connection, plan: &RulePlan, record: &RuleRecord) -> Result<Option<String>, DbError> {
    let all = rows_touched(record);
    if all > plan.guard.max_rows {
        return Ok(Some(format!("{all} rows, cascades included, are more than max_rows = {}", plan.guard.max_rows)));
    }
    if plan.guard.max_share >= 1.0 {
        return Ok(None);
    }
    let own = plan.table.to_string();
    // Descendants that go with a row of their own table are of that table as well.
    let due = record.remaining + record.cascaded.get(&own).copied().unwrap_or(0);
    let mut tripped = share(plan, &own, due, |enough| own_rows(conn, plan, record, enough))?;
    for dependent in &plan.dependents {
        let table = dependent.shown.to_string();
        if let Some(due) = record.cascaded.get(&table).filter(|_| tripped.is_none() && table != own) {
            tripped = share(plan, &table, *due, |enough| count::table_rows_up_to(conn, &dependent.table, enough))?;
        }
    }
    Ok(tripped)
}

/// The guard's sentence where `due` rows are too large a share of a table; `rows_up_to` counts its rows up to a limit.
fn share(
    plan: &RulePlan,
    table: &str,
    due: u64,
    rows_up_to: impl FnOnce(u64) -> Result<u64, DbError>,
) -> Result<Option<String>, DbError> {
    if due == 0 {
        return Ok(None);
    }
    // The share is due / table; it is enough to know whether the table is as large as due / max_share.
    let enough = ((due as f64 / plan.guard.max_share).ceil() as u64).max(SMALL_TABLE + 1);
    let rows = rows_up_to(enough)?;
    if rows <= SMALL_TABLE || rows >= enough {
        return Ok(None);
    }
    let percent = due as f64 / rows as f64 * 100.0;
    let limit = plan.guard.max_share * 100.0;
    Ok(Some(format!("{due} of the {rows} rows of `{table}` ({percent:.1} %) are more than max_share = {limit:.0} %")))
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

/// Stops the rule where its guard was tripped and nobody has passed it; else says who passed it.
pub(super) fn decide(rule: &mut RuleRecord, consent: &Consent) -> Option<String> {
    if rule.status != Status::Ok {
        return None;
    }
    if let Consent::Approved { run, .. } = consent
        && let Some(more) = beyond_approval(rule, run)
    {
        rule.guard = Some(more);
        rule.status = Status::Guarded;
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
        Consent::Approved { by, run } => {
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

/// The approval was for figures; more than those is another plan.
fn beyond_approval(rule: &RuleRecord, approved: &RunRecord) -> Option<String> {
    let planned = approved.rules.iter().find(|planned| planned.rule == rule.rule).map_or(0, rows_touched);
    let now = rows_touched(rule);
    (now > planned).then(|| format!("{now} rows are now due, but {planned} were approved in run `{}`", approved.run))
}
