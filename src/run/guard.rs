//! Guards: how much a rule may do without being asked, and who said that it may.

use crate::db::count;
use crate::db::{Connection, DbError};
use crate::plan::RulePlan;
use crate::report::record::{RuleRecord, RunRecord, Status};

/// Tables up to this size are not looked at by share: half of three rows is no catastrophe.
const SMALL_TABLE: u64 = 1_000;

/// Whether a run may pass the guards.
#[derive(Debug, Clone)]
pub enum Consent {
    /// Nobody said so: a guard stops its rule.
    Ask,
    /// `--yes`, by this actor.
    Yes(String),
    /// An approval of a run that a guard stopped: its rules with their figures. A rule that would do more than was
    /// approved is stopped again.
    Approved { by: String, run: Box<RunRecord> },
}

/// The sentence of the guard that the plan trips, if any.
pub(super) fn of(conn: &mut Connection, plan: &RulePlan, record: &RuleRecord) -> Result<Option<String>, DbError> {
    let due = record.remaining;
    let all = rows_touched(record);
    if all > plan.guard.max_rows {
        return Ok(Some(format!("{all} rows, cascades included, are more than max_rows = {}", plan.guard.max_rows)));
    }
    if due == 0 || plan.guard.max_share >= 1.0 {
        return Ok(None);
    }
    // The share is due / table; it is enough to know whether the table is as large as due / max_share.
    let enough = ((due as f64 / plan.guard.max_share).ceil() as u64).max(SMALL_TABLE + 1);
    if known_rows(conn, plan, record, enough)? >= enough {
        return Ok(None);
    }
    let mut rows = 0;
    for target in &plan.targets {
        rows += count::rows_up_to(conn, target, enough - rows)?;
    }
    if rows <= SMALL_TABLE || rows >= enough {
        return Ok(None);
    }
    let percent = due as f64 / rows as f64 * 100.0;
    let limit = plan.guard.max_share * 100.0;
    Ok(Some(format!("{due} of the table's {rows} rows ({percent:.1} %) are more than max_share = {limit:.0} %")))
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
        Consent::Yes(actor) => Some(format!("{actor} passed the guard of rule `{}` with --yes", rule.rule)),
        Consent::Approved { by, run } => {
            Some(format!("{by} approved rule `{}` as run `{}` had planned it", rule.rule, run.run))
        }
    }
}

/// The approval was for figures; more than those is another plan.
fn beyond_approval(rule: &RuleRecord, approved: &RunRecord) -> Option<String> {
    let planned = approved.rules.iter().find(|planned| planned.rule == rule.rule).map_or(0, rows_touched);
    let now = rows_touched(rule);
    (now > planned).then(|| format!("{now} rows are now due, but {planned} were approved in run `{}`", approved.run))
}
