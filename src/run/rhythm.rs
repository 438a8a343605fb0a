//! How often the rules of a schedule run, as their cron expressions say.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::check;
use crate::schedule::{Action, Bucket, Rule, Schedule};

/// So many runs are looked at: more than a week of hourly ones.
const RUNS: usize = 200;

/// For how many seconds a row of each rule can be past its period although every run is on time. A rule without a cron
/// expression is not there.
pub(super) fn of(schedule: &Schedule, as_of: Timestamp) -> BTreeMap<&str, u64> {
    let mut gaps: HashMap<&str, Option<u64>> = HashMap::new();
    let mut found = BTreeMap::new();
    for rule in &schedule.rules {
        let Some(cron) = rule.cron.as_deref().or(schedule.policy.cron.as_deref()) else { continue };
        let gap = *gaps.entry(cron).or_insert_with(|| longest_gap(cron, as_of, &schedule.policy.timezone));
        found.extend(gap.map(|gap| (rule.name.as_str(), gap + bucket_of(rule))));
    }
    found
}

/// The longest time between two of the next runs.
fn longest_gap(cron: &str, as_of: Timestamp, zone: &TimeZone) -> Option<u64> {
    let cron = check::cron(cron).ok()?;
    let mut last = cron.find_next_occurrence(&as_of.to_zoned(zone.clone()), false).ok()?;
    let mut longest = 0;
    for _ in 1..RUNS {
        // An expression may name a last year.
        let Ok(next) = cron.find_next_occurrence(&last, false) else { break };
        longest = longest.max(u64::try_from(next.timestamp().duration_since(last.timestamp()).as_secs()).ok()?);
        last = next;
    }
    Some(longest)
}

/// A bucket goes when the last of its rows is past its period.
fn bucket_of(rule: &Rule) -> u64 {
    const HOUR: u64 = 3_600;
    match &rule.action {
        Action::Delete | Action::Redact(_) => 0,
        Action::Aggregate(aggregate) => match aggregate.bucket {
            Bucket::Hour => HOUR,
            Bucket::Day => 25 * HOUR,
            Bucket::Week => (7 * 24 + 1) * HOUR,
            Bucket::Month => (31 * 24 + 1) * HOUR,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_between_two_runs_counts() {
        let as_of = "2026-06-30T12:00:00Z".parse().unwrap();
        let hours = |cron| longest_gap(cron, as_of, &TimeZone::UTC).map(|seconds| seconds / 3_600);
        for (cron, expected) in [
            ("15 2 * * *", Some(24)),
            ("0 * * * *", Some(1)),
            ("0 3 * * 1-5", Some(72)),
            ("0 3 1 * *", Some(31 * 24)),
            ("never", None),
        ] {
            assert_eq!(hours(cron), expected, "{cron}");
        }
    }

    #[test]
    fn a_day_that_is_an_hour_longer_is_no_late_day() {
        let zone = TimeZone::get("Europe/Oslo").unwrap();
        let before_october = "2026-09-30T12:00:00Z".parse().unwrap();
        assert_eq!(longest_gap("15 4 * * *", before_october, &zone), Some(25 * 3_600));
    }
}
