//! The mail of a run that could not begin: it has no ledger to write to, and nobody would hear of it.
//!
//! Best effort, and once a day for the same failure: a scheduler that starts tenure every minute must not flood anybody.

use std::path::Path;

use jiff::Timestamp;
use lettre::Address;

use super::message::{self, Envelope, short, token};
use super::outbox;
use super::transport::{Carrier, Parcel};
use super::trouble::{Reach, Step, Trouble};
use crate::base::folder::Folder;
use crate::base::time;
use crate::base::visible::visible_lines;
use crate::config::mail::Mail;

/// What could not begin, and why.
pub struct Alarm<'a> {
    /// Empty where it concerns every policy.
    pub policy: &'a str,
    /// By its name in the config; empty where it concerns every one.
    pub database: &'a str,
    /// What happened and what to do, without a value of a row.
    pub sentence: &'a str,
    pub actor: &'a str,
}

/// In the state directory, where it is noted who got which alarm today.
const ALARMS: &str = "alarms";

/// Mails the alarm to everybody who did not get it on the same day (of UTC) already. Whether it was mailed to anybody now.
///
/// # Errors
/// Where it did not go to everybody: there is no queue for it. Whom a server refuses keeps it from no other.
pub fn raise(mail: &Mail, state_dir: &Path, alarm: &Alarm<'_>) -> Result<bool, Trouble> {
    let now = time::now();
    let day = now.strftime("%Y-%m-%d").to_string();
    let name = token(&[alarm.policy, alarm.database, &cause(alarm.sentence)]);
    let recipients: Vec<Address> =
        outbox::recipients(mail, alarm.policy, false).iter().filter_map(|address| address.parse().ok()).collect();
    // Where nothing can be noted, the alarm goes again: better twice than never.
    let notes = Folder::at(state_dir).and_then(|state| state.folder(ALARMS)).ok();
    let note = |to: &Address| format!("{day}-{name}-{}", token(&[to.as_ref()]));
    let is_noted = |to: &Address| notes.as_ref().is_some_and(|notes| notes.has(&note(to)));
    let waiting: Vec<Address> = recipients.iter().filter(|to| !is_noted(to)).cloned().collect();
    if waiting.is_empty() {
        return Ok(false);
    }
    let message_id = format!("<{day}.{name}.alarm.tenure@{}>", mail.from.email.domain());
    let envelope = Envelope { message_id, from: mail.from.clone(), to: recipients };
    let bytes = message::note(&envelope, now, &subject(alarm), text(alarm, now))
        .map_err(|error| Trouble::new(Reach::Never, Step::Content, error.to_string()))?;
    let mut carrier = Carrier::open(&mail.transport, &mut |_| {})?;
    let mut refused = None;
    for to in waiting {
        let parcel =
            Parcel { id: format!("alarm-{}", note(&to)), from: mail.from.email.clone(), to, bytes: bytes.clone() };
        match carrier.send(&parcel) {
            // Where nobody gets anything, who comes next gets nothing either.
            Err(trouble) if trouble.reach == Reach::Server => return Err(trouble),
            // Who is refused for good is refused tomorrow, and not every minute.
            Err(trouble) if trouble.reach == Reach::Never => refused = Some(trouble),
            Err(trouble) => {
                refused = Some(trouble);
                continue;
            }
            Ok(()) => {}
        }
        if let Some(notes) = &notes {
            let _ = notes.mark(&note(&parcel.to)).and_then(|()| forget_other_days(notes, &day));
        }
    }
    carrier.end();
    refused.map_or(Ok(true), Err)
}

/// What stays the same where the same thing goes wrong again: words without the numbers, times and ids in them.
fn cause(sentence: &str) -> String {
    let word = |word: &str| if word.contains(|c: char| c.is_ascii_digit()) { "#".to_owned() } else { word.to_owned() };
    let words = sentence.split(|c: char| !c.is_alphanumeric());
    words.map(word).collect::<Vec<_>>().join(" ")
}

/// The notes of other days say nothing any more.
fn forget_other_days(notes: &Folder, day: &str) -> std::io::Result<()> {
    notes.names()?.iter().filter(|name| !name.starts_with(day)).try_for_each(|name| notes.remove(name))
}

fn subject(alarm: &Alarm<'_>) -> String {
    let policy = if alarm.policy.is_empty() { "every policy".to_owned() } else { short(alarm.policy) };
    match alarm.database {
        "" => format!("NOT RUN: {policy}"),
        database => format!("NOT RUN: {policy} ({})", short(database)),
    }
}

fn text(alarm: &Alarm<'_>, now: Timestamp) -> String {
    let at = now.strftime("%Y-%m-%d %H:%M:%S UTC");
    format!(
        "NOT RUN - tenure was started and could not begin. Nothing was changed, and no\n\
         promise was checked.\n\n{}\n\nStarted by {} at {at}, tenure {}.\n\
         This mail comes once a day for the same failure.\n",
        wrapped(&visible_lines(alarm.sentence)),
        alarm.actor,
        env!("CARGO_PKG_VERSION"),
    )
}

/// Lines of at most 78 characters, words kept whole.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 78;
    let mut out = String::new();
    for line in text.lines() {
        let mut length = 0;
        for word in line.split_whitespace() {
            let more = word.chars().count();
            if length > 0 && length + 1 + more > WIDTH {
                out.push('\n');
                length = 0;
            }
            if length > 0 {
                out.push(' ');
                length += 1;
            }
            out.push_str(word);
            length += more;
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_the_same_a_second_later_and_another_one_is_not() {
        let at = |second: &str| {
            cause(&format!(
                "database `main`: its clock is at 12:00:{second}, 61{second} s ahead; run 20261130T161022Z-d48c{second}"
            ))
        };
        assert_eq!(at("01"), at("59"));
        assert_ne!(cause("cannot connect to database `main`"), cause("cannot connect to database `other`"));
    }
}
