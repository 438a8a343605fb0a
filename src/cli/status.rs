//! `tenure status`: how things stand, for people and for monitoring. Exit code 1 where anything is not as promised.

use std::collections::BTreeMap;

use jiff::{Timestamp, Zoned};
use serde_json::json;

use super::{Common, Failure, Outcome, say};
use crate::check;
use crate::db::control::outbox::{self, State, Which};
use crate::db::{Access, control};
use crate::ledger;
use crate::report::record::{RuleRecord, RunRecord};
use crate::report::status::{self, Beside, RuleStatus};
use crate::run;
use crate::setup::{Pair, Setup};

/// So many runs are looked through for the last one of a rule.
const RUNS: usize = 50;

pub(super) fn status(common: &Common) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let mut rules = Vec::new();
    for pair in setup.pairs() {
        rules.extend(of_pair(&setup, &pair)?);
    }
    let (mails, holds) = (mails(&setup)?, holds(&setup)?);
    let is_well = rules.iter().all(|rule| rule.standing.is_kept()) && !mails.contains_key(State::Refused.as_str());
    if common.json {
        let document = json!({
            "tenure": env!("CARGO_PKG_VERSION"), "at": setup.as_of, "well": is_well,
            "rules": rules, "mails": mails, "holds": holds,
        });
        say(&format!("{document:#}\n"))?;
    } else {
        say(&format!("{}{}", status::render(&rules), footer(&mails, &holds)))?;
    }
    Ok(u8::from(!is_well))
}

fn of_pair(setup: &Setup, pair: &Pair<'_>) -> Result<Vec<RuleStatus>, Failure> {
    let job = setup.job(pair, &[], false);
    let planned = run::dry_run(&job)?;
    let mut conn = setup.config.open(pair.database, Access::ReadOnly)?;
    let past = ledger::closed_runs(&mut conn, &pair.schedule.policy.name, &pair.database.name, RUNS)?;
    let of_rule = |rule: &RuleRecord| {
        let had = |run: &&RunRecord| run.rules.iter().any(|then| then.rule == rule.rule);
        status::of_rule(&planned, rule, beside(setup, pair, rule, past.iter().find(had)), setup.as_of)
    };
    Ok(planned.rules.iter().map(of_rule).collect())
}

fn beside<'r>(setup: &Setup, pair: &Pair<'_>, rule: &RuleRecord, last: Option<&'r RunRecord>) -> Beside<'r> {
    let policy = &pair.schedule.policy;
    let written = pair.schedule.rules.iter().find(|written| written.name == rule.rule);
    let cron = written.and_then(|written| written.cron.as_ref()).or(policy.cron.as_ref());
    let cron = cron.and_then(|text| check::cron(text).ok());
    let zoned = |at: Timestamp| at.to_zoned(policy.timezone.clone());
    let after = |at: Zoned| cron.as_ref()?.find_next_occurrence(&at, false).ok().map(|next| next.timestamp());
    let now = zoned(setup.as_of);
    Beside {
        last,
        due: last.and_then(|run| after(zoned(run.started))),
        next: after(now.clone()),
        effective: policy.effective.filter(|effective| now.date() < *effective),
    }
}

/// Mails that were not sent, by their state.
fn mails(setup: &Setup) -> Result<BTreeMap<&'static str, u64>, Failure> {
    let mut found = BTreeMap::new();
    setup.each_database(Access::ReadOnly, |_, conn| {
        if control::is_ready(conn)? {
            for row in outbox::rows(conn, Which::Unsettled)? {
                *found.entry(row.state.as_str()).or_default() += 1;
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// The names of the holds that were ordered by hand.
fn holds(setup: &Setup) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    setup.each_database(Access::ReadOnly, |_, conn| {
        names.extend(ledger::hold::orders(conn)?.standing.into_iter().map(|standing| standing.order.name));
        Ok(())
    })?;
    Ok(names)
}

fn footer(mails: &BTreeMap<&'static str, u64>, holds: &[String]) -> String {
    let mut text = String::new();
    if !mails.is_empty() {
        let states: Vec<_> = mails.iter().map(|(state, count)| format!("{count} {state}")).collect();
        text += &format!("mail: {}; see `tenure mail queue`\n", states.join(", "));
    }
    if !holds.is_empty() {
        text += &format!("holds by hand: {}; see `tenure hold list`\n", holds.join(", "));
    }
    text
}
