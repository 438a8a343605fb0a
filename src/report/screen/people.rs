//! People and their requests, in two lines.

use std::collections::BTreeSet;

use super::super::wording::{acted, count, rows};
use super::rules;
use super::sheet::{Sheet, Tone};
use crate::record::{PeopleRecord, RequestsRecord, RunRecord};

pub(super) fn put(sheet: &mut Sheet<'_>, run: &RunRecord) {
    if let Some(people) = &run.people {
        sheet.facts(2, "PEOPLE    ", &facts_of_people(people, run.is_dry_run()));
        sheet.facts(2, "          ", &[(Tone::Faint, entries(run))]);
    }
    if let Some(requests) = &run.requests {
        sheet.facts(2, "REQUESTS  ", &facts_of_requests(requests));
    }
}

/// Counts of nothing are left out, but the first.
fn facts_of_people(people: &PeopleRecord, is_dry_run: bool) -> Vec<(Tone, String)> {
    let first = if is_dry_run { (people.due, "to erase") } else { (people.erased, "erased") };
    let others = [
        (Tone::Doubtful, people.in_part, "in part"),
        (Tone::Doubtful, people.unfinished, "not done yet"),
        (Tone::Doubtful, if is_dry_run { 0 } else { people.remaining }, "not begun"),
        (Tone::Plain, people.held, "held"),
        (Tone::Doubtful, people.blocked, "blocked"),
        (Tone::Bad, people.overdue, "late"),
        (Tone::Doubtful, people.near_deadline, "nearly late"),
        (Tone::Doubtful, people.unreadable, "of unknown closing time"),
    ];
    let mut facts = vec![(Tone::Plain, format!("{} {}", count(first.0), first.1))];
    facts.extend(
        others.into_iter().filter(|(_, n, _)| *n > 0).map(|(tone, n, what)| (tone, format!("{} {what}", count(n)))),
    );
    facts.extend(longest_wait(people.days_used, people.days_allowed));
    facts
}

fn facts_of_requests(requests: &RequestsRecord) -> Vec<(Tone, String)> {
    if let Some(error) = &requests.error {
        return vec![(Tone::Bad, format!("not known: {error}"))];
    }
    let others = [
        (Tone::Plain, requests.unverified, "unverified"),
        (Tone::Doubtful, requests.kept_back, "kept back"),
        (Tone::Bad, requests.overdue, "late"),
        (Tone::Doubtful, requests.near_deadline, "nearly late"),
    ];
    let mut facts = vec![(Tone::Plain, format!("{} verified", count(requests.verified)))];
    facts.extend(
        others.into_iter().filter(|(_, n, _)| *n > 0).map(|(tone, n, what)| (tone, format!("{} {what}", count(n)))),
    );
    facts.extend(longest_wait(requests.days_used, requests.days_allowed));
    facts
}

fn longest_wait(used: Option<u32>, allowed: Option<u32>) -> Option<(Tone, String)> {
    let (used, allowed) = used.zip(allowed)?;
    let tone = if used > allowed { Tone::Bad } else { Tone::Plain };
    Some((tone, format!("longest wait {} of {} days", count(used), count(allowed))))
}

/// `16 tables: 904 rows deleted, 204 rows redacted`, of all entries together.
fn entries(run: &RunRecord) -> String {
    let entries = || run.rules.iter().filter(|rule| rule.is_erasure());
    let tables: BTreeSet<_> = entries().map(|rule| &rule.table).collect();
    let of = |action: &str| {
        let sum = entries()
            .filter(|rule| rule.action == action)
            .fold(0u64, |sum, rule| sum.saturating_add(rules::rows(run, rule)));
        let verb = if run.is_dry_run() { format!("to {action}") } else { acted(action).to_owned() };
        (sum > 0).then(|| format!("{} {verb}", rows(sum)))
    };
    let sums: Vec<_> = ["delete", "redact"].into_iter().filter_map(of).collect();
    let sums = if sums.is_empty() { "no row".to_owned() } else { sums.join(", ") };
    format!("{} {}: {sums}", tables.len(), if tables.len() == 1 { "table" } else { "tables" })
}
