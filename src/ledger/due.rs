//! What is due, and who has taken it up: one row a rule, moved on by compare-and-swap.
//!
//! A rule's row holds the due time that was taken up last. So a machine that was off finds one due time that is newer and
//! runs once for all that it missed; a restart finds none; and of two daemons one moves the row on, and the other finds it
//! moved. A claim says only who is to make the run: what a run may do is decided by the rule's gate, batch by batch.

use jiff::{SignedDuration, Timestamp};

use super::{Holder, chain};
use crate::db::control::due::{self, DueRow, State};
use crate::db::{Connection, DbError, Mode};

/// After so long without a sign of life a claim runs out, where its holder cannot be asked.
pub const CLAIM_LASTS: SignedDuration = SignedDuration::from_mins(5);

/// A due time or a pause that lies further ahead was written under a wrong clock, and counts for nothing.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// No window is closed for longer.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(400 * 24);

/// What is to be done about a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing before its next due time.
    Settled,
    /// It is to be run under this due time.
    Due(Timestamp),
    /// It is to be looked at again then: somebody is at it, or it was tried and is to be tried again.
    Later(Timestamp),
}

/// A rule that this process is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    row: DueRow,
}

impl Claim {
    pub fn rule(&self) -> &str {
        &self.row.rule
    }

    /// How often its due time was taken up, this time included.
    pub fn attempts(&self) -> i64 {
        self.row.attempts
    }
}

/// How a due time is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Guarded,
    /// To be taken up again, from then on.
    Again(Timestamp),
}

/// The rows of all rules that were ever looked after in this database.
pub fn rows(conn: &mut Connection) -> Result<Vec<DueRow>, DbError> {
    due::all(conn)
}

/// Makes rules known, each as settled now: a rule is first due when its cron expression next comes true.
pub fn introduce(conn: &mut Connection, policy: &str, rules: &[String], now: Timestamp) -> Result<(), DbError> {
    conn.transaction(Mode::Single, |conn| {
        rules.iter().try_for_each(|rule| {
            let row = DueRow {
                id: id(policy, rule),
                policy: policy.to_owned(),
                rule: rule.clone(),
                due: now.as_microsecond(),
                state: State::Done,
                attempts: 0,
                not_before: 0,
                holder: None,
                run: None,
            };
            due::insert(conn, &row)
        })
    })
}

fn id(policy: &str, rule: &str) -> String {
    chain::digest(format!("{policy}\n{rule}").as_bytes()).trim_start_matches("sha256:").to_owned()
}

/// What is to be done about a rule whose cron expression came true at `last`, for the last time until `now`.
pub fn standing(row: &DueRow, last: Timestamp, now: Timestamp) -> Standing {
    let (then, not_before) = (instant(row.due), instant(row.not_before));
    let is_new = last > then || then > now + TOLERANCE;
    let due = if is_new { last } else { then };
    match row.state {
        State::Claimed if is_held(row, now) => Standing::Later(not_before),
        State::Claimed => Standing::Due(due),
        State::Done | State::Guarded if !is_new => Standing::Settled,
        State::Again if !is_new && lies_ahead(not_before, now, LONGEST_PAUSE) => Standing::Later(not_before),
        State::Done | State::Guarded | State::Again => Standing::Due(due),
    }
}

/// Does somebody else hold the claim? One that stood still for longer than a claim lasts does not count; one of our own that
/// is found was left behind, because a process works on one rule of a database at a time.
fn is_held(row: &DueRow, now: Timestamp) -> bool {
    let holder = row.holder.as_deref().and_then(Holder::from_text);
    let is_gone = holder.is_some_and(|holder| holder == Holder::this_process() || holder.lives() == Some(false));
    !is_gone && lies_ahead(instant(row.not_before), now, CLAIM_LASTS)
}

/// After now, but not so far that a wrong clock must have written it.
fn lies_ahead(at: Timestamp, now: Timestamp, most: SignedDuration) -> bool {
    at > now && at.duration_since(now) <= most + TOLERANCE
}

fn instant(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

/// Takes a rule up under a due time, as the row was read; `None` where somebody else was faster.
pub fn claim(conn: &mut Connection, row: &DueRow, due: Timestamp, now: Timestamp) -> Result<Option<Claim>, DbError> {
    let due = due.as_microsecond();
    let claimed = DueRow {
        due,
        state: State::Claimed,
        // Another due time is another story, and its token differs by the due time.
        attempts: if due == row.due { row.attempts + 1 } else { 1 },
        not_before: (now + CLAIM_LASTS).as_microsecond(),
        holder: Some(Holder::this_process().to_text()),
        ..row.clone()
    };
    Ok(due::swap(conn, row, &claimed)?.then_some(Claim { row: claimed }))
}

/// A sign of life of all claims of this process.
pub fn renew(conn: &mut Connection, now: Timestamp) -> Result<(), DbError> {
    due::renew(conn, &Holder::this_process().to_text(), (now + CLAIM_LASTS).as_microsecond())
}

/// Writes down how a claim ended; false where it had run out and somebody else took the rule up.
pub fn settle(conn: &mut Connection, claim: &Claim, run: Option<&str>, outcome: Outcome) -> Result<bool, DbError> {
    let (state, not_before) = match outcome {
        Outcome::Done => (State::Done, 0),
        Outcome::Guarded => (State::Guarded, 0),
        Outcome::Again(at) => (State::Again, at.as_microsecond()),
    };
    let run = run.map(str::to_owned).or_else(|| claim.row.run.clone());
    due::swap(conn, &claim.row, &DueRow { state, not_before, run, ..claim.row.clone() })
}

/// The pause after a due time that failed: a minute after the first attempt, twice as long each time, an hour at most.
pub fn pause(attempts: i64) -> SignedDuration {
    let doublings = u32::try_from((attempts - 1).clamp(0, 6)).unwrap_or_default();
    SignedDuration::from_mins(1 << doublings).min(SignedDuration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-29T{text}:00Z").parse().unwrap()
    }

    fn row(due: &str, state: State) -> DueRow {
        DueRow {
            id: id("house", "logs"),
            policy: "house".into(),
            rule: "logs".into(),
            due: at(due).as_microsecond(),
            state,
            attempts: 1,
            not_before: 0,
            holder: None,
            run: None,
        }
    }

    #[test]
    fn a_due_time_that_was_done_or_guarded_is_not_done_again_and_the_next_one_is() {
        for state in [State::Done, State::Guarded] {
            let row = row("02:00", state);
            assert_eq!(standing(&row, at("02:00"), at("02:10")), Standing::Settled);
            assert_eq!(standing(&row, at("03:00"), at("03:10")), Standing::Due(at("03:00")));
        }
    }

    #[test]
    fn what_failed_is_tried_again_after_its_pause_and_under_its_due_time() {
        let row = DueRow { not_before: at("02:05").as_microsecond(), ..row("02:00", State::Again) };
        assert_eq!(standing(&row, at("02:00"), at("02:04")), Standing::Later(at("02:05")));
        assert_eq!(standing(&row, at("02:00"), at("02:05")), Standing::Due(at("02:00")));
        assert_eq!(
            standing(&row, at("02:03"), at("02:04")),
            Standing::Due(at("02:03")),
            "the next due time waits for nothing"
        );
    }

    #[test]
    fn a_claim_is_left_alone_until_it_runs_out() {
        let elsewhere = r#"{"host":"b","pid":1,"world":"another","start":"1"}"#.to_owned();
        let held = DueRow {
            not_before: at("02:05").as_microsecond(),
            holder: Some(elsewhere),
            ..row("02:00", State::Claimed)
        };
        assert_eq!(
            standing(&held, at("02:03"), at("02:04")),
            Standing::Later(at("02:05")),
            "one owner, also of the next"
        );
        assert_eq!(standing(&held, at("02:00"), at("02:06")), Standing::Due(at("02:00")));
    }

    #[test]
    fn the_claim_of_a_process_that_ended_is_taken_up_at_once() {
        let mut ended = serde_json::to_value(Holder::this_process()).unwrap();
        ended["start"] = "1".into();
        let dead = DueRow {
            not_before: at("02:05").as_microsecond(),
            holder: Some(ended.to_string()),
            ..row("02:00", State::Claimed)
        };
        assert_eq!(standing(&dead, at("02:00"), at("02:01")), Standing::Due(at("02:00")));
    }

    #[test]
    fn what_a_clock_that_ran_ahead_wrote_holds_nothing_up() {
        let row = row("09:00", State::Done);
        assert_eq!(standing(&row, at("02:00"), at("02:10")), Standing::Due(at("02:00")));
        let pause = DueRow { not_before: i64::MAX, ..self::row("02:00", State::Again) };
        assert_eq!(standing(&pause, at("02:00"), at("02:10")), Standing::Due(at("02:00")));
        let claim = DueRow { not_before: at("09:00").as_microsecond(), ..self::row("02:00", State::Claimed) };
        assert_eq!(standing(&claim, at("02:00"), at("02:10")), Standing::Due(at("02:00")));
    }

    #[test]
    fn pauses_double_from_a_minute_to_an_hour() {
        let minutes: Vec<_> = (1..=8).map(|attempts| pause(attempts).as_mins()).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
