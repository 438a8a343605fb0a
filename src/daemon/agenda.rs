//! What is due when: the cron expressions of the rules on one database, each in its policy's zone.
//!
//! Every rule bears the instant at which it is to be looked at next, so that a tick compares instants and asks no database.
//! What is to be done when it is looked at, the ledger says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use sha2::{Digest, Sha256};

use crate::app::setup::{Pair, Setup};
use crate::check;
use crate::ledger::host;
use crate::record::ERASURES;

/// When the rules of one policy with the same cron expression are due, and begin.
#[derive(Debug)]
pub struct Timetable {
    cron: Cron,
    zone: TimeZone,
    /// Runs begin up to so much later than they are due.
    jitter: Duration,
    /// What tells this host, policy and database from others.
    seed: String,
}

impl Timetable {
    /// The newest due time whose beginning has come by `now`. A local time that a clock change skips is due when the hands
    /// have jumped over it, and one that it repeats is due once; what is due every hour is due in both.
    pub fn last(&self, now: Timestamp) -> Option<Timestamp> {
        let newest = self.before(now, true)?;
        if self.begins(newest) <= now { Some(newest) } else { self.before(newest, false) }
    }

    /// When the next run begins that is due after `last(now)`; the end of time where none is.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        let begin = |due: Timestamp| self.begins(due);
        let pending = self.before(now, true).map(begin).filter(|begin| *begin > now);
        pending.or_else(|| self.after(now).map(begin)).unwrap_or(Timestamp::MAX)
    }

    fn before(&self, at: Timestamp, inclusive: bool) -> Option<Timestamp> {
        self.cron.find_previous_occurrence(&self.local(at), inclusive).ok().map(|found| found.timestamp())
    }

    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        self.cron.find_next_occurrence(&self.local(at), false).ok().map(|found| found.timestamp())
    }

    fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// A due time and this host's own part of the jitter: always the same, and another on the next host.
    fn begins(&self, due: Timestamp) -> Timestamp {
        let digest = Sha256::digest(format!("{}\n{}", self.seed, due.as_microsecond()).as_bytes());
        let share = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        let delay = self.jitter.mul_f64(f64::from(share) / f64::from(u32::MAX));
        due + SignedDuration::try_from(delay).unwrap_or_default()
    }
}

/// One rule on one database.
#[derive(Debug, Clone)]
pub struct Entry {
    pub policy: String,
    pub rule: String,
    pub timetable: Arc<Timetable>,
    pub look_at: Timestamp,
}

/// The rules of one database that a cron expression makes due.
#[derive(Debug, Default)]
pub struct Agenda {
    /// By policy and rule.
    entries: BTreeMap<(String, String), Entry>,
}

impl Agenda {
    /// All rules on `database`, each to be looked at once `now`.
    pub fn of(setup: &Setup, database: &str, now: Timestamp) -> Self {
        let pairs = setup.pairs();
        let entries = pairs.iter().filter(|pair| pair.database.name == database).flat_map(|pair| {
            let mut timetables = BTreeMap::new();
            due_on(pair)
                .filter_map(|(rule, cron)| {
                    let text = cron.or(pair.schedule.policy.cron.as_ref())?;
                    let timetable = timetables.entry(text).or_insert_with(|| timetable(setup, pair, text)).clone()?;
                    let policy = pair.schedule.policy.name.clone();
                    let entry = Entry { policy, rule: rule.to_owned(), timetable, look_at: now };
                    Some(((entry.policy.clone(), entry.rule.clone()), entry))
                })
                .collect::<Vec<_>>()
        });
        Self { entries: entries.collect() }
    }

    /// The rules whose time has come.
    pub fn wanted(&self, now: Timestamp) -> Vec<Entry> {
        self.entries.values().filter(|entry| entry.look_at <= now).cloned().collect()
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub fn postpone(&mut self, policy: &str, rule: &str, look_at: Timestamp) {
        if let Some(entry) = self.entries.get_mut(&(policy.to_owned(), rule.to_owned())) {
            entry.look_at = look_at;
        }
    }
}

/// The rules of a policy that act on the pair's database, and the erasure of its people, each with a cron of its own where it
/// has one.
fn due_on<'s>(pair: &Pair<'s>) -> impl Iterator<Item = (&'s str, Option<&'s String>)> {
    let schedule = pair.schedule;
    let rules = schedule.rules.iter().filter(|rule| pair.is_meant(&rule.database));
    let people = schedule.subject.as_ref().filter(|_| pair.has_people());
    let rules: Vec<_> = rules.map(|rule| (rule.name.as_str(), rule.cron.as_ref())).collect();
    rules.into_iter().chain(people.map(|subject| (ERASURES, subject.cron.as_ref())))
}

/// `None` for an expression that cannot be read, which the check refuses before.
fn timetable(setup: &Setup, pair: &Pair<'_>, text: &str) -> Option<Arc<Timetable>> {
    Some(Arc::new(Timetable {
        cron: check::cron(text).ok()?,
        zone: pair.schedule.policy.timezone.clone(),
        jitter: setup.config.daemon.jitter,
        seed: format!("{}\n{}\n{}", host(), pair.schedule.policy.name, pair.database.name),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(cron: &str, jitter: Duration) -> Timetable {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        Timetable { cron: check::cron(cron).unwrap(), zone, jitter, seed: "seed".into() }
    }

    /// The due times that a daemon finds which looks every ten minutes.
    fn found(cron: &str, from: &str, to: &str) -> Vec<String> {
        let timetable = berlin(cron, Duration::ZERO);
        let (mut now, to): (Timestamp, Timestamp) = (from.parse().unwrap(), to.parse().unwrap());
        let mut found = vec![];
        let mut newest = timetable.last(now).unwrap();
        while now <= to {
            let last = timetable.last(now).unwrap();
            assert!(last >= newest, "due times went back at {now}");
            assert!(timetable.next(now) > now);
            if last > newest {
                found.push(last.to_string());
                newest = last;
            }
            now += SignedDuration::from_mins(10);
        }
        found
    }

    #[test]
    fn what_is_due_at_half_past_two_is_due_once_when_spring_skips_it() {
        // The hands jump from 02:00 to 03:00 at 01:00Z.
        let found = found("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(found, ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    }

    #[test]
    fn what_is_due_at_half_past_two_is_due_once_when_autumn_repeats_it() {
        // 02:30 is at 00:30Z, and at 01:30Z again.
        let found = found("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(found, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn what_is_due_every_hour_is_due_every_hour_on_both_days() {
        for (from, to) in
            [("2026-03-28T22:30:00Z", "2026-03-29T03:30:00Z"), ("2026-10-24T22:30:00Z", "2026-10-25T03:30:00Z")]
        {
            let found = found("0 * * * *", from, to);
            let gaps: Vec<_> = found
                .windows(2)
                .map(|pair| pair[1].parse::<Timestamp>().unwrap().duration_since(pair[0].parse().unwrap()).as_mins())
                .collect();
            assert_eq!((found.len(), gaps), (5, vec![60; 4]), "{found:?}");
        }
    }

    #[test]
    fn the_29th_of_february_is_due_in_leap_years() {
        let timetable = berlin("0 3 29 2 *", Duration::ZERO);
        let last = timetable.last("2027-06-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(last.to_string(), "2024-02-29T02:00:00Z");
        assert_eq!(timetable.next(last).to_string(), "2028-02-29T02:00:00Z");
    }

    #[test]
    fn jitter_moves_the_beginning_and_not_the_due_time() {
        let timetable = berlin("0 3 * * *", Duration::from_secs(3_600));
        let due: Timestamp = "2026-06-01T01:00:00Z".parse().unwrap();
        let begins = timetable.begins(due);
        assert!(begins > due && begins < due + SignedDuration::from_hours(1), "{begins}");
        let second = SignedDuration::from_secs(1);
        assert_eq!(timetable.last(begins - second), Some(due - SignedDuration::from_hours(24)));
        assert_eq!(timetable.next(begins - second), begins);
        assert_eq!(timetable.last(begins), Some(due));
        let another = Timetable { seed: "another host".into(), ..berlin("0 3 * * *", Duration::from_secs(3_600)) };
        assert_ne!(another.begins(due), begins);
    }
}
