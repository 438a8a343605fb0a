//! `tenure pause` and `tenure resume`: rules that wait, by whose order, and until when.

use std::collections::BTreeMap;

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;

use super::{Common, Failure, Outcome, say, say_json, to_stderr};
use crate::app::setup::{Setup, Unready};
use crate::base::time;
use crate::base::time::parse_as_of;
use crate::config::DatabaseConfig;
use crate::db::{Access, Connection};
use crate::execute::{self, Stop};
use crate::ledger::actor;
use crate::ledger::names::Names;
use crate::ledger::pause::{self, Order, Scope, Standing};
use crate::run;
use crate::schedule::Schedule;

#[derive(Debug, Args)]
pub(super) struct Pause {
    /// Rules [default: every rule of every policy]
    rules: Vec<String>,
    /// Why; reports and the ledger show it, so name the case and not the person
    #[arg(long)]
    reason: String,
    /// By whose order [default: the user]
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// Its last day, in the policy's time zone, or an instant (RFC 3339) [default: until it is resumed]
    #[arg(long, value_name = "DATE|INSTANT", value_parser = parse_until)]
    until: Option<Until>,
}

#[derive(Debug, Args)]
pub(super) struct Resume {
    /// Rules [default: what was paused as a whole; rules that were paused by name stay so]
    rules: Vec<String>,
    /// Why; the ledger shows it
    #[arg(long)]
    reason: String,
    /// By whose order [default: the user]
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Until {
    Day(Date),
    Instant(Timestamp),
}

fn parse_until(text: &str) -> Result<Until, String> {
    match Date::strptime("%Y-%m-%d", text.trim()) {
        Ok(day) => Ok(Until::Day(day)),
        Err(_) => parse_as_of(text).map(Until::Instant).map_err(|error| error.to_string()),
    }
}

/// What is meant on each database, by its name.
type Meant<'s> = BTreeMap<&'s str, (&'s DatabaseConfig, Vec<One<'s>>)>;

/// What is meant, in which zone a day ends there, and whose rule it is.
struct One<'s> {
    scope: Scope,
    zone: TimeZone,
    schedule: Option<&'s Schedule>,
}

pub(super) fn pause(common: &Common, wanted: &Pause) -> Outcome {
    let setup = for_orders(common, &wanted.rules)?;
    if wanted.reason.trim().is_empty() {
        return Err(Failure::Usage("--reason is empty; reports and the ledger show it".to_owned()));
    }
    let mut orders = Vec::new();
    for (database, scopes) in meant(&setup, &wanted.rules)?.into_values() {
        for One { scope, zone, .. } in scopes {
            let expires = wanted.until.map(|until| instant(&setup, until, &scope, &zone)).transpose()?;
            let by = wanted.by.clone().unwrap_or_else(actor);
            orders.push((database, Order { scope, expires, reason: wanted.reason.clone(), by }));
        }
    }
    // A database that does not take the order must not keep the others from it.
    let done = orders.iter().map(|(database, order)| {
        let mut conn = open(&setup, database)?;
        let reopen = || setup.config.open(database, Access::ReadWrite);
        let outcome =
            execute::patiently(&mut conn, &reopen, &Stop::default(), |conn| pause::pause(conn, order, time::now()));
        outcome.map_err(|halt| anyhow::anyhow!("{} was not paused: {}", name(&order.scope), halt.sentence()))?;
        Ok(format!("{} on `{}` waits from now on, {}", name(&order.scope), database.name, end(order)))
    });
    tell(common, "paused", done.collect())
}

pub(super) fn resume(common: &Common, wanted: &Resume) -> Outcome {
    let setup = for_orders(common, &wanted.rules)?;
    let by = wanted.by.clone().unwrap_or_else(actor);
    let (mut ended, mut left) = (Vec::new(), Vec::new());
    for (database, scopes) in meant(&setup, &wanted.rules)?.into_values() {
        let (mut conn, policies) = (open(&setup, database)?, setup.policies_on(database));
        for One { scope, schedule, .. } in scopes {
            let names = schedule.map(|schedule| Names { schedule, policies: &policies });
            if pause::resume(&mut conn, names, &scope, &wanted.reason, &by, time::now())? > 0 {
                ended.push(Ok(format!("{} on `{}` may run again", name(&scope), database.name)));
            }
        }
        let now = time::now();
        left.extend(pause::standing(&mut conn)?.into_iter().filter(|standing| standing.is_in_force(now)));
    }
    if ended.is_empty() {
        return Err(Failure::Usage(format!("that was not paused; {}", still(&left))));
    }
    if !left.is_empty() && !common.json {
        to_stderr(format_args!("warning: {}\n", still(&left)));
    }
    tell(common, "resumed", ended)
}

/// To pause everything must be possible while a schedule is broken: whoever works by the old one goes on.
fn for_orders(common: &Common, rules: &[String]) -> Result<Setup, Failure> {
    match Setup::with_schedules(common) {
        Err(Unready::Mistakes(_)) if rules.is_empty() => Ok(Setup::without_schedules(common)?),
        setup => Ok(setup?),
    }
}

fn meant<'s>(setup: &'s Setup, rules: &[String]) -> Result<Meant<'s>, Failure> {
    setup.know_rules(rules)?;
    let mut meant = Meant::new();
    let mut add = |database: &'s DatabaseConfig, one| {
        meant.entry(database.name.as_str()).or_insert_with(|| (database, Vec::new())).1.push(one);
    };
    if rules.is_empty() {
        let spoken_of: Vec<_> = setup.places().into_iter().map(|place| place.database).collect();
        let all = || setup.config.databases.values().collect();
        let places: Vec<_> = if setup.schedules.is_empty() { all() } else { spoken_of };
        let all = || One { scope: Scope::All, zone: TimeZone::UTC, schedule: None };
        places.into_iter().for_each(|database| add(database, all()));
    }
    for pair in setup.pairs() {
        for rule in rules.iter().filter(|rule| pair.has_rule(rule)) {
            let policy = &pair.schedule.policy;
            let scope = Scope::Rule { policy: policy.name.clone(), rule: rule.clone() };
            add(pair.database, One { scope, zone: policy.timezone.clone(), schedule: Some(pair.schedule) });
        }
    }
    Ok(meant)
}

/// When it ends: with its last day in the policy's zone, or, of several policies, in that where the day is over last.
fn instant(setup: &Setup, until: Until, scope: &Scope, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let zones: Vec<_> = match scope {
        Scope::All => setup.schedules.iter().map(|schedule| &schedule.policy.timezone).collect(),
        Scope::Rule { .. } => vec![zone],
    };
    let end_of =
        |day: Date, zone: &TimeZone| Some(day.checked_add(1.day()).ok()?.to_zoned(zone.clone()).ok()?.timestamp());
    let ends = match until {
        Until::Instant(instant) => Some(instant),
        Until::Day(day) => zones.into_iter().filter_map(|zone| end_of(day, zone)).max(),
    };
    let usage = |sentence: &str| Failure::Usage(format!("--until: {sentence}"));
    let ends = ends.ok_or_else(|| {
        usage("the schedules cannot be read, so no time zone is known; write an instant, such as 2026-12-31T18:00:00Z")
    })?;
    if ends <= time::now() {
        return Err(usage("that is over, so nothing would wait"));
    }
    Ok(ends)
}

fn open(setup: &Setup, database: &DatabaseConfig) -> Result<Connection, Failure> {
    let mut conn = setup.config.open(database, Access::ReadWrite)?;
    run::prepare_ledger(&mut conn)?;
    Ok(conn)
}

fn name(scope: &Scope) -> String {
    match scope {
        Scope::All => "every rule".to_owned(),
        Scope::Rule { policy, rule } => format!("rule `{rule}` of policy `{policy}`"),
    }
}

fn end(order: &Order) -> String {
    match order.expires {
        Some(at) => format!("until {}", at.strftime("%Y-%m-%d %H:%M UTC")),
        None => "until it is resumed".to_owned(),
    }
}

fn still(left: &[Standing]) -> String {
    if left.is_empty() {
        return "nothing is paused".to_owned();
    }
    let names: Vec<_> = left.iter().map(|standing| name(&standing.order.scope)).collect();
    format!("paused still: {}", names.join(", "))
}

/// What was done is told, also where something else failed.
fn tell(common: &Common, what: &str, done: Vec<Result<String, Failure>>) -> Outcome {
    let (mut sentences, mut failures) = (Vec::new(), Vec::new());
    for outcome in done {
        match outcome {
            Ok(sentence) => sentences.push(sentence),
            Err(failure) => failures.push(failure),
        }
    }
    if common.json {
        say_json(&json!({ "tenure": env!("CARGO_PKG_VERSION"), what: sentences }))?;
    } else {
        say(&sentences.iter().map(|sentence| format!("{sentence}\n")).collect::<String>())?;
    }
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else { return Ok(0) };
    for failure in failures {
        super::explain(failure, false);
    }
    Err(first)
}
