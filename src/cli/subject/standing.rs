//! How the erasure of a person stands now: what the ledger says of it, held against what is there.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::counter::{Counter, Known, Live};
use crate::base::time;
use crate::cli::Failure;
use crate::db::Connection;
use crate::db::query::count::Counts;
use crate::db::write::people;
use crate::ledger::erasure::{Cause, Erased};
use crate::plan::{Entry, Erasure};
use crate::report::certificate::{Kept, State};
use crate::report::wording::instant;
use crate::run::Left;

/// Why runs would go on with a person.
pub(super) struct Asked {
    /// The account is closed, since then.
    closed: Option<Timestamp>,
    /// What verified requests that wait ask for: everything, or one category.
    requests: Vec<Option<String>>,
}

impl Asked {
    pub fn of(counter: &Counter<'_>, conn: &mut Connection, live: &Live, known: &Known) -> Result<Self, Failure> {
        let waiting = counter.waiting(conn, live)?.into_iter().map(|waiting| waiting.request);
        let theirs = waiting.filter(|request| request.verified && known.names.contains(&request.person));
        let mut requests: Vec<_> = theirs.map(|request| request.category).collect();
        let written = counter.written(conn, live)?.into_iter();
        requests.extend(written.filter(|one| one.made.has_come() && known.names.contains(&one.person)).map(|_| None));
        Ok(Self { closed: known.person.as_ref().and_then(|person| person.closed), requests })
    }

    /// Would a run go on with what this was a part of?
    fn goes_on_with(&self, part: &Erased) -> bool {
        let is_wanted = |wanted: &Option<String>| wanted.is_none() || *wanted == part.category;
        match part.cause {
            // Whoever closes the account anew has other days.
            Cause::Closed if self.closed == Some(part.asked) => true,
            Cause::Closed => self.closed.is_none() && self.requests.iter().any(is_wanted),
            Cause::Request | Cause::Category | Cause::Reapply => {
                self.closed.is_some() || self.requests.iter().any(is_wanted)
            }
        }
    }

    /// Why no run goes on with it.
    fn why_not(&self, part: &Erased) -> String {
        match (part.cause, self.closed) {
            (Cause::Closed, None) => "the account was opened again, so the rest stays".to_owned(),
            (Cause::Closed, Some(closed)) => format!(
                "the account was opened again, and closed anew on {}: the rest goes by the days of that closing",
                instant(closed)
            ),
            (Cause::Request | Cause::Category, _) => "no request asks for it any more, so the rest stays".to_owned(),
            (Cause::Reapply, _) => "it goes on with `tenure subject reapply`, and with no run by itself".to_owned(),
        }
    }
}

/// An erasure as it stands.
pub(super) struct Standing {
    pub state: State,
    /// When nothing was left any more.
    pub finished: Option<Timestamp>,
    /// What becomes of what is there still.
    pub rest: Option<String>,
    /// Rows that are there, and are to go or were to, each with the reason why they are there.
    pub left: Vec<Kept>,
}

impl Standing {
    /// Of the erasure whose newest part this is.
    pub fn look(
        conn: &mut Connection,
        map: &Erasure,
        known: &Known,
        asked: &Asked,
        last: &Erased,
    ) -> Result<Self, Failure> {
        if !known.is_who(last) {
            return Ok(Self::of_nobody(last));
        }
        // Of a consent that was withdrawn, the rest of the person's data is not to go; and to look at, a hold on the person
        // is one on every row.
        let theirs = map.seen(known.key.clone(), last.category.as_deref());
        let found = Left::of(conn, &theirs)?;
        let state = match state(&found, asked.goes_on_with(last), last) {
            State::Gone if !would_be_found(map, last) => State::Lost,
            state => state,
        };
        let counts = theirs.entries.iter().zip(&found.by_entry);
        let left = counts.flat_map(|(entry, counts)| stuck(entry, counts, why_undone(state))).collect();
        let finished = last.finished.filter(|_| state == State::Erased);
        Ok(Self { state, finished, rest: rest(state, asked, last, &found), left })
    }

    /// Up to when its days count: whoever waits for nothing more waits no longer.
    pub fn waits_until(&self, last: &Erased) -> Timestamp {
        match self.state {
            State::Unfinished | State::Held | State::Blocked => time::now(),
            State::Erased | State::Ended | State::Since | State::Gone | State::Lost => {
                last.finished.unwrap_or(last.begun)
            }
        }
    }

    /// Without the person's own row nothing of theirs can be told to be theirs.
    fn of_nobody(last: &Erased) -> Self {
        let (state, rest) = match last.is_whole() {
            true => (State::Erased, None),
            false => (State::Lost, Some("the account is gone, so what is left cannot be found".to_owned())),
        };
        let finished = last.finished.filter(|_| last.is_whole());
        Self { state, finished, rest, left: Vec::new() }
    }
}

fn state(found: &Left, goes_on: bool, last: &Erased) -> State {
    match found {
        Left { is_due: false, is_held: false, is_blocked: false, .. } if last.is_whole() => State::Erased,
        Left { is_due: false, is_held: false, is_blocked: false, .. } => State::Gone,
        _ if !goes_on && last.is_whole() => State::Since,
        _ if !goes_on => State::Ended,
        Left { is_due: true, .. } => State::Unfinished,
        Left { is_held: true, .. } => State::Held,
        Left { .. } => State::Blocked,
    }
}

/// Would what had stayed still be found, were it there? Its way may have been cut by somebody else than a run.
fn would_be_found(map: &Erasure, last: &Erased) -> bool {
    let mut had_stayed = last.counts.iter().filter(|(_, rows)| rows.stays);
    let is_found = |name: &str| {
        let entry = map.entries.iter().find(|entry| entry.plan.rule == name);
        entry.is_some_and(|entry| !map.loses_sight_of(&entry.plan.targets))
    };
    last.finished.is_some() && had_stayed.all(|(name, _)| is_found(name))
}

/// What becomes of what is there still.
fn rest(state: State, asked: &Asked, last: &Erased, found: &Left) -> Option<String> {
    let rest = match state {
        State::Erased => return None,
        State::Unfinished => "the next run goes on".to_owned(),
        State::Held => {
            let holds: BTreeSet<_> = found.by_entry.iter().flat_map(|counts| counts.held_by.keys()).collect();
            let names: Vec<_> = holds.into_iter().map(|hold| format!("hold `{hold}`")).collect();
            let holds = if names.is_empty() { "a hold on what would go along".to_owned() } else { names.join(" and ") };
            format!("under {holds}: the first run after the release goes on, and the days are counted meanwhile")
        }
        State::Blocked => "something that stays refers to the rest, and every run looks again".to_owned(),
        State::Ended => asked.why_not(last),
        State::Since if asked.closed.is_some() => asked.why_not(last),
        State::Since => "it came after the erasure, and nothing asks for it to go".to_owned(),
        State::Gone => {
            "what had stayed is gone since: a run took it for somebody else or by a rule, or somebody outside of \
                        tenure did; when, nothing tells"
                .to_owned()
        }
        State::Lost => "nothing of the rest is found any more: it is gone, or what it was found by is".to_owned(),
    };
    Some(rest)
}

/// Why rows are there that nothing keeps.
fn why_undone(state: State) -> &'static str {
    match state {
        State::Since => "it came after the erasure",
        State::Ended => "nothing asks for it to go any more",
        State::Erased | State::Unfinished | State::Held | State::Blocked | State::Gone | State::Lost => "not done yet",
    }
}

/// Why rows of an entry are there, each with how many of them.
fn stuck(entry: &Entry, counts: &Counts, undone: &str) -> Vec<Kept> {
    let by_name = counts.held_by.iter().map(|(hold, rows)| (*rows, format!("hold `{hold}`")));
    let named: u64 = counts.held_by.values().sum();
    let shared = Counts { eligible: counts.blocked, blocked: counts.blocked, ..Counts::default() };
    let blocked = match people::keep_the_person(entry, &shared) {
        true => "something that stays refers to them, or is found by them",
        false => SOMEBODY_ELSES,
    };
    let others = [
        (counts.held.saturating_sub(named), "a hold on what would go along with them"),
        (counts.blocked, blocked),
        (counts.remaining(), undone),
    ];
    let reasons = by_name.chain(others.map(|(rows, reason)| (rows, reason.to_owned())));
    let kept = |(rows, reason)| Kept { table: entry.plan.table.to_string(), rows, reason, until: None };
    reasons.filter(|(rows, _)| *rows > 0).map(kept).collect()
}

/// Why a row stays when the person goes.
pub(super) const SOMEBODY_ELSES: &str = "they are somebody else's as well";
