//! The outbox: who is to get which report, and how far each mail is.

use std::time::Duration;

use jiff::Timestamp;

use super::message::token;
use super::trouble::{Reach, Trouble};
use crate::config::mail::{Mail, On, Recipients};
use crate::db::control::outbox::{self, OutboxRow, Settlement, State, Which};
use crate::db::{Connection, DbError};
use crate::record::RunRecord;
use crate::report::verdict;

/// What a closed run puts into the outbox: a row for each recipient.
pub fn address(mail: &Mail, record: &RunRecord) -> Vec<OutboxRow> {
    let kept = verdict(record).standing.is_kept();
    let recipients = recipients(mail, &record.schedule.name, kept);
    let addressees = recipients.join(", ");
    let created = record.finished.unwrap_or(record.started).as_microsecond();
    let row = |(index, recipient): (usize, String)| OutboxRow {
        id: format!("{}.{}", record.run, index + 1),
        run: record.run.clone(),
        message_id: format!("<{}.tenure@{}>", record.run, mail.from.email.domain()),
        sender: mail.from.to_string(),
        addressees: addressees.clone(),
        recipient,
        created,
        state: State::Waiting,
        attempts: 0,
        // At once, by whichever clock.
        due: 0,
        settled: None,
        trouble: None,
    };
    recipients.into_iter().enumerate().map(row).collect()
}

/// Everybody who is to hear of a policy's run, each once, in the order of the config.
pub(super) fn recipients(mail: &Mail, policy: &str, kept: bool) -> Vec<String> {
    let concerned = |group: &&Recipients| {
        let wanted = group.on == On::Always || !kept;
        wanted && (group.policies.is_empty() || group.policies.iter().any(|name| name == policy))
    };
    let mut all = Vec::new();
    for to in mail.recipients.iter().filter(concerned).flat_map(|group| &group.to) {
        if !all.contains(&to.to_string()) {
            all.push(to.to_string());
        }
    }
    all
}

/// The pause before the next attempt, in microseconds: twice as long each time, from a minute to six hours, and up to a
/// quarter longer, so that mails that failed together do not come back together.
fn pause(id: &str, attempts: i64) -> i64 {
    const MINUTE: i64 = 60 * 1_000_000;
    const LONGEST: i64 = 6 * 60 * MINUTE;
    let doublings = (attempts - 1).clamp(0, 20) as u32;
    let pause = MINUTE.saturating_mul(1 << doublings).min(LONGEST);
    let spread = i64::from_str_radix(&token(&[id, &attempts.to_string()])[..2], 16).unwrap_or(0);
    pause + pause / 4 * spread / 255
}

/// What an attempt came to, as it is written down.
pub(super) fn settlement(row: &OutboxRow, attempt: i64, outcome: Result<(), &Trouble>, now: i64) -> Settlement {
    match outcome {
        Ok(()) => Settlement { state: State::Sent, due: now, settled: Some(now), trouble: None },
        Err(trouble) if trouble.reach == Reach::Never => {
            Settlement { state: State::Refused, due: now, settled: Some(now), trouble: Some(trouble.to_string()) }
        }
        Err(trouble) => Settlement {
            state: State::Waiting,
            due: now + pause(&row.id, attempt),
            settled: None,
            trouble: Some(trouble.to_string()),
        },
    }
}

/// No claim lasts longer, in microseconds, whatever the config says: one that does was made under a clock that was ahead.
pub const LONGEST_CLAIM: i64 = 2 * 60 * 60 * 1_000_000;

/// Microseconds for which a mail is claimed that takes `longest` at most.
pub(super) fn claim_for(longest: Duration) -> i64 {
    const MARGIN: Duration = Duration::from_secs(300);
    i64::try_from((longest + MARGIN).as_micros()).map_or(LONGEST_CLAIM, |claim| claim.min(LONGEST_CLAIM))
}

/// What the next report says of mails that did not go: a sentence on those that wait and one on those that were refused.
pub fn notes(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    let unsettled = outbox::rows(conn, Which::Unsettled)?;
    let (refused, waiting): (Vec<_>, Vec<_>) = unsettled.into_iter().partition(|row| row.state == State::Refused);
    let mut notes = Vec::new();
    // Where none of them was tried yet, a run beside this one is about to.
    if let Some(oldest) = waiting.iter().find(|row| row.attempts > 0) {
        notes.push(format!(
            "{} for the mail server, the oldest since {} ({}): they are tried again, and `tenure mail queue` lists them",
            several(waiting.len(), "mail still waits", "mails still wait"),
            instant(oldest.created),
            oldest.trouble.as_deref().unwrap_or("it is being sent, or its sender died"),
        ));
    }
    if let Some(newest) = refused.last() {
        notes.push(format!(
            "{} by the mail server, the newest that of run `{}` ({}): `tenure mail retry` or `tenure mail drop`",
            several(refused.len(), "mail was refused for good", "mails were refused for good"),
            newest.run,
            newest.trouble.as_deref().unwrap_or_default(),
        ));
    }
    Ok(notes)
}

/// Microseconds since 1970 for a reader.
pub fn instant(at: i64) -> String {
    Timestamp::from_microsecond(at).map_or_else(|_| at.to_string(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

fn several(n: usize, one: &str, more: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_six_hours_and_no_two_mails_wait_equally_long() {
        let minutes = |id, attempts| pause(id, attempts) / 60_000_000;
        assert_eq!([1, 2, 3].map(|attempts| minutes("r.1", attempts) >> (attempts - 1)), [1, 1, 1]);
        assert!((360..=450).contains(&minutes("r.1", 60)));
        assert_ne!(pause("r.1", 5), pause("r.2", 5));
        assert_eq!(pause("r.1", 5), pause("r.1", 5));
    }
}
