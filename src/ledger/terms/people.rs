//! What the ledger knows of a policy's map of people: who goes, and what of theirs. Names, words, periods and digests stand
//! here; no condition and no value of the schedule does.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::hold::{Covered, HoldTerms};
use super::rule::WHOLLY_GONE;
use super::wording::{is_shorter, joined, pairs, shown};

/// What a schedule says of its people, as far as it decides who goes and what of theirs. Tables and the columns of ways are
/// called as the database knows them, so that another spelling is no other map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleTerms {
    pub table: String,
    pub key: String,
    /// `sha256:` and hex.
    pub condition: Option<String>,
    /// The column that tells when an account was closed, and how it is read; `None`: people go at their request only.
    pub closed: Option<String>,
    /// As written, like the two terms below.
    pub grace: Option<String>,
    /// The column by which somebody new is told from somebody who was erased.
    pub created: Option<String>,
    pub within: String,
    pub requests_within: String,
    pub requests: Option<RequestTerms>,
    /// The holds that keep all that is a person's, by name.
    pub holds: BTreeMap<String, HoldTerms>,
    /// In the order of the schedule.
    pub entries: Vec<EntryTerms>,
}

/// Which requests in a table of the application are carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTerms {
    pub table: String,
    pub key: String,
    pub requested: String,
    /// `sha256:` and hex, like the one below.
    pub verified: String,
    pub done: String,
}

/// What becomes of some rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryTerms {
    /// As messages call it: `<table>.<first column of the way>`.
    pub name: String,
    pub table: String,
    /// From a row to its person: `attempt_id = attempt.id, account_id = account.id`; empty where the row is the person.
    pub way: String,
    pub condition: Option<String>,
    pub category: Option<String>,
    /// `delete`, `redact` or `keep`.
    pub action: String,
    /// What is redacted, by the word of the schedule: `null`, `set`, `hmac` and so on.
    pub redact: BTreeMap<String, String>,
    /// Tables whose rows go along, and references that let go.
    pub along: BTreeSet<String>,
    /// Of what is kept: the period as written, and from when it counts.
    pub lasts: Option<String>,
    pub holds: BTreeMap<String, HoldTerms>,
}

/// Why more may go than by the terms before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub of: Whom,
    pub sentence: String,
}

/// Whom a reason concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Those whose account is closed.
    Closed,
    /// Those who ask in the application's own table.
    Written,
    /// Everybody who is erased, for whatever cause.
    Everybody,
    /// The same, in the rows of one entry: its place among the entries of the schedule.
    Entry(usize),
}

impl PeopleTerms {
    /// Why people or rows of theirs may go by these terms that stayed by `old`; empty where none can. `holds` are all that
    /// are in the schedules now.
    pub fn reach_beyond(
        &self,
        old: &PeopleTerms,
        holds: &BTreeMap<String, HoldTerms>,
        has_ended: &dyn Fn(&HoldTerms) -> bool,
    ) -> Vec<Reason> {
        let of = |of: Whom| move |sentence| Reason { of, sentence };
        let let_go = Covered { now: &self.holds, all: holds }.less_than(&old.holds, has_ended);
        let mut reasons: Vec<_> = let_go.into_iter().map(of(Whom::Everybody)).collect();
        reasons.extend(self.others(old).into_iter().map(of(Whom::Everybody)));
        reasons.extend(self.no_longer_kept(old).into_iter().map(of(Whom::Everybody)));
        reasons.extend(self.more_closed(old).into_iter().map(of(Whom::Closed)));
        reasons.extend(self.more_requests(old).into_iter().map(of(Whom::Written)));
        for (place, entry) in self.entries.iter().enumerate() {
            let beyond = entry.beyond_any(&old.entries, holds, has_ended);
            reasons.extend(beyond.into_iter().map(of(Whom::Entry(place))));
        }
        reasons
    }

    /// The key would be that of other people, or somebody new would be taken for somebody else.
    fn others(&self, old: &PeopleTerms) -> Vec<String> {
        let mut reasons = Vec::new();
        if (&self.table, &self.key) != (&old.table, &old.key) {
            let people = |terms: &PeopleTerms| format!("{}.{}", terms.table, terms.key);
            reasons.push(became("the people", &people(old), &people(self)));
        }
        if old.created.is_some() && self.created != old.created {
            reasons.push(became("`created`", shown(&old.created), shown(&self.created)));
        }
        reasons
    }

    /// A row that is kept for a ground is not taken along by any other entry.
    fn no_longer_kept(&self, old: &PeopleTerms) -> Vec<String> {
        let keeps = |entry: &EntryTerms, kept: &EntryTerms| entry.is_kept() && entry.means_all_of(kept);
        let ended = old.entries.iter().filter(|kept| {
            let is_deleted = |entry: &&EntryTerms| entry.deletes() && entry.is_of_the_same(kept);
            // That is told of the entry itself.
            kept.is_kept() && !self.entries.iter().any(|entry| keeps(entry, kept) || is_deleted(&entry))
        });
        ended.map(|kept| format!("`{}` is not kept any more, or not all of it", kept.name)).collect()
    }

    fn more_closed(&self, old: &PeopleTerms) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.closed.is_some() && self.closed != old.closed {
            reasons.push(became("`closed`", shown(&old.closed), shown(&self.closed)));
        }
        // Without a grace it is over at once.
        if old.grace.is_some() && is_shorter(&self.grace, &old.grace) {
            reasons.push(became("`grace`", shown(&old.grace), shown(&self.grace)));
        }
        if old.condition.is_some() && self.condition != old.condition {
            let what = if self.condition.is_none() { "was taken out" } else { "changed" };
            reasons.push(format!("the condition that tells who is a person {what}"));
        }
        reasons
    }

    fn more_requests(&self, old: &PeopleTerms) -> Vec<String> {
        let Some(new) = &self.requests else { return Vec::new() };
        let Some(old) = &old.requests else {
            return vec![format!("requests in `{}` are carried out now", new.table)];
        };
        let place = |terms: &RequestTerms| format!("{}.{} ({})", terms.table, terms.key, terms.requested);
        let mut reasons = Vec::new();
        if place(new) != place(old) {
            reasons.push(became("the requests", &place(old), &place(new)));
        }
        for (what, now, before) in [("verified", &new.verified, &old.verified), ("done", &new.done, &old.done)] {
            if now != before {
                reasons.push(format!("which requests in `{}` are `{what}` changed", new.table));
            }
        }
        reasons
    }

    /// What is said otherwise than in `old`, in sentences.
    pub(super) fn differences(&self, old: &PeopleTerms) -> Vec<String> {
        let mut lines = different(&[
            ("table", &old.table, &self.table),
            ("key", &old.key, &self.key),
            ("where", shown(&old.condition), shown(&self.condition)),
            ("closed", shown(&old.closed), shown(&self.closed)),
            ("grace", shown(&old.grace), shown(&self.grace)),
            ("created", shown(&old.created), shown(&self.created)),
            ("within", &old.within, &self.within),
            ("requests_within", &old.requests_within, &self.requests_within),
            ("requests", &requests_shown(&old.requests), &requests_shown(&self.requests)),
            ("holds", &holds_shown(&old.holds), &holds_shown(&self.holds)),
        ]);
        let mut before: Vec<&EntryTerms> = old.entries.iter().filter(|entry| !self.entries.contains(entry)).collect();
        for entry in self.entries.iter().filter(|entry| !old.entries.contains(entry)) {
            match before.iter().position(|before| before.is_of_the_same(entry)) {
                Some(at) => {
                    let lines_of_entry = entry.differences(before.remove(at));
                    lines.extend(lines_of_entry.iter().map(|line| format!("entry `{}`: {line}", entry.name)));
                }
                None => lines.push(format!("entry `{}` was added: {}", entry.name, entry.action)),
            }
        }
        lines.extend(before.iter().map(|entry| format!("entry `{}` was taken out: {}", entry.name, entry.action)));
        lines
    }
}

impl EntryTerms {
    fn deletes(&self) -> bool {
        self.action == "delete"
    }

    fn is_kept(&self) -> bool {
        self.action == "keep"
    }

    /// Does anything happen to its rows?
    fn changes_rows(&self) -> bool {
        self.deletes() || !self.redact.is_empty()
    }

    fn is_of_the_same(&self, other: &EntryTerms) -> bool {
        (&self.table, &self.way) == (&other.table, &other.way)
    }

    /// Whatever row the other one means, this one means too.
    fn means_all_of(&self, other: &EntryTerms) -> bool {
        self.is_of_the_same(other) && (self.condition.is_none() || self.condition == other.condition)
    }

    /// Why it reaches beyond each of the entries that were there before: of those that it is nearest to.
    fn beyond_any(
        &self,
        before: &[EntryTerms],
        holds: &BTreeMap<String, HoldTerms>,
        has_ended: &dyn Fn(&HoldTerms) -> bool,
    ) -> Vec<String> {
        if !self.changes_rows() {
            return Vec::new();
        }
        let same = before.iter().filter(|entry| entry.is_of_the_same(self));
        let beyond = same.map(|entry| self.beyond(entry, holds, has_ended));
        beyond.min_by_key(Vec::len).unwrap_or_else(|| vec!["it was added to the map".to_owned()])
    }

    fn beyond(
        &self,
        old: &EntryTerms,
        holds: &BTreeMap<String, HoldTerms>,
        has_ended: &dyn Fn(&HoldTerms) -> bool,
    ) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.deletes() && !old.deletes() {
            reasons.push(became("its action", &old.action, &self.action));
        }
        if !self.deletes() && !old.deletes() {
            reasons.extend(self.redact.iter().filter_map(|(column, how)| redacts_more(column, how, old)));
        }
        if old.condition.is_some() && self.condition != old.condition {
            let what = if self.condition.is_none() { "was taken out" } else { "changed" };
            reasons.push(format!("its condition {what}"));
        }
        reasons.extend(self.along.difference(&old.along).map(|along| format!("{along} goes along with it now")));
        if let Some(category) = self.category.as_ref().filter(|_| self.category != old.category) {
            reasons.push(format!("who withdraws consent to `{category}` loses it now"));
        }
        reasons.extend(Covered { now: &self.holds, all: holds }.less_than(&old.holds, has_ended));
        reasons
    }

    fn differences(&self, old: &EntryTerms) -> Vec<String> {
        different(&[
            ("action", &old.action, &self.action),
            ("redact", &pairs(&old.redact), &pairs(&self.redact)),
            ("where", shown(&old.condition), shown(&self.condition)),
            ("category", shown(&old.category), shown(&self.category)),
            ("cascade", &joined(&old.along), &joined(&self.along)),
            ("for", shown(&old.lasts), shown(&self.lasts)),
            ("holds", &holds_shown(&old.holds), &holds_shown(&self.holds)),
        ])
    }
}

/// Of a value that was gone whole nothing more can go.
fn redacts_more(column: &str, how: &str, old: &EntryTerms) -> Option<String> {
    match old.redact.get(column).map(String::as_str) {
        None => Some(format!("it redacts `{column}` too")),
        Some(before) if WHOLLY_GONE.contains(&before) => None,
        Some(before) if before == how => None,
        Some(before) => Some(became(&format!("what becomes of `{column}`"), before, how)),
    }
}

fn became(what: &str, old: &str, new: &str) -> String {
    format!("{what} went from `{old}` to `{new}`")
}

fn different(pairs: &[(&str, &str, &str)]) -> Vec<String> {
    let differ = pairs.iter().filter(|(_, old, new)| old != new);
    differ.map(|(what, old, new)| format!("{what} `{old}` became `{new}`")).collect()
}

fn requests_shown(requests: &Option<RequestTerms>) -> String {
    let shown = |RequestTerms { table, key, requested, verified, done }: &RequestTerms| {
        format!("{table}.{key} ({requested}), verified {verified}, done {done}")
    };
    requests.as_ref().map_or_else(|| "none".to_owned(), shown)
}

fn holds_shown(holds: &BTreeMap<String, HoldTerms>) -> String {
    holds.iter().map(|(name, terms)| format!("{name}: {}", terms.shown())).collect::<Vec<_>>().join(", ")
}
