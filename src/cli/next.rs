//! `tenure next`: what will run when, by the cron expressions of the schedules. Asks no database.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Common, Outcome, say_as_it_is, say_json, screen};
use crate::app::setup::{Pair, Setup};
use crate::check;
use crate::config::daemon::Hours;
use crate::record::ERASURES;
use crate::report::calendar::calendar;
use crate::report::screen::{Coming, coming};

/// So many runs of one cron expression are told of: one that comes true every minute has as many in two weeks.
const MOST: usize = 1_000;

pub(super) fn next(common: &Common, days: u16, ics: bool) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let until = setup.as_of + SignedDuration::from_hours(24 * i64::from(days));
    let mut runs = Vec::new();
    let mut unplanned = Vec::new();
    for pair in setup.pairs() {
        for (cron, rules) in by_cron(&pair) {
            match cron.and_then(|cron| check::cron(cron).ok()) {
                Some(cron) => {
                    runs.extend(occurrences(&setup, &pair, &cron, until).map(|at| of(&setup, &pair, at, &rules)))
                }
                None => unplanned.extend(rules.iter().map(|rule| format!("{rule} ({})", pair.schedule.policy.name))),
            }
        }
    }
    runs.sort_by(|a: &Coming, b| (a.at, &a.policy, &a.database).cmp(&(b.at, &b.policy, &b.database)));
    if common.json {
        say_json(&serde_json::json!({ "from": setup.as_of, "until": until, "runs": runs, "without_cron": unplanned }))?;
    } else if ics {
        say_as_it_is(&calendar(&runs, setup.as_of))?;
    } else {
        say_as_it_is(&coming(&runs, &unplanned, days, &screen::look()))?;
    }
    Ok(0)
}

/// The rules of a policy on the pair's database, and the erasure of its people, by their cron expression.
fn by_cron<'s>(pair: &Pair<'s>) -> BTreeMap<Option<&'s str>, Vec<&'s str>> {
    let schedule = pair.schedule;
    let rules = schedule.rules.iter().filter(|rule| pair.is_meant(&rule.database));
    let people = schedule.subject.as_ref().filter(|_| pair.has_people());
    let rules = rules.map(|rule| (rule.cron.as_deref(), rule.name.as_str()));
    let people = people.map(|subject| (subject.cron.as_deref(), ERASURES));
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (cron, name) in rules.chain(people) {
        found.entry(cron.or(schedule.policy.cron.as_deref())).or_default().push(name);
    }
    found
}

fn occurrences<'c>(
    setup: &Setup,
    pair: &Pair<'_>,
    cron: &'c croner::Cron,
    until: Timestamp,
) -> impl Iterator<Item = Timestamp> + use<'c> {
    let zone = pair.schedule.policy.timezone.clone();
    let mut at = setup.as_of;
    let next = move || {
        at = cron.find_next_occurrence(&at.to_zoned(zone.clone()), false).ok()?.timestamp();
        (at <= until).then_some(at)
    };
    std::iter::from_fn(next).take(MOST)
}

fn of(setup: &Setup, pair: &Pair<'_>, at: Timestamp, rules: &[&str]) -> Coming {
    let policy = &pair.schedule.policy;
    let local = at.to_zoned(policy.timezone.clone());
    let mut notes = Vec::new();
    if let Some(date) = policy.takes_effect_after(at) {
        notes.push(format!("only planned: the policy takes effect on {date}"));
    }
    let daemon = &setup.config.daemon;
    if daemon.hours != Hours::default()
        && let Some(opening) = daemon.hours.next_opening(at, &policy.timezone).filter(|opening| *opening > at)
    {
        notes.push(format!(
            "the daemon waits until {}",
            opening.to_zoned(policy.timezone.clone()).strftime("%-d %b %H:%M")
        ));
    }
    Coming {
        at,
        local: local.strftime("%a %-d %b %Y %H:%M").to_string(),
        timezone: policy.timezone.iana_name().unwrap_or("UTC").to_owned(),
        policy: policy.name.clone(),
        database: pair.database.name.clone(),
        rules: rules.iter().map(|&rule| rule.to_owned()).collect(),
        notes,
    }
}
