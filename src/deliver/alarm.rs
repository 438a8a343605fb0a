//! The mail of a run that could not begin: it has no ledger to write to, and nobody would hear of it.
//!
//! Best effort, and once a day for the same failure: a scheduler that starts tenure every minute must not flood anybody.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use lettre::Address;

use super::message::{self, Envelope, token};
use super::outbox;
use super::transport::{Carrier, Parcel};
use super::trouble::{Reach, Step, Trouble};
use crate::base::time;
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

/// Mails the alarm, unless it was mailed on the same day (of UTC) already. Whether it was mailed now.
///
/// # Errors
/// Where the mail did not go: there is no queue for it.
pub fn raise(mail: &Mail, state_dir: &Path, alarm: &Alarm<'_>) -> Result<bool, Trouble> {
    let now = time::now();
    let day = now.strftime("%Y-%m-%d").to_string();
    let name = token(&[alarm.policy, alarm.database, alarm.sentence]);
    let raised = state_dir.join("alarms").join(format!("{day}-{name}"));
    let recipients = outbox::recipients(mail, alarm.policy, false);
    if raised.exists() || recipients.is_empty() {
        return Ok(false);
    }
    let unmade = |reason: String| Trouble::new(Reach::Never, Step::Content, reason);
    let to: Vec<Address> = recipients.iter().filter_map(|address| address.parse().ok()).collect();
    let message_id = format!("<{day}.{name}.alarm.tenure@{}>", mail.from.email.domain());
    let envelope = Envelope { message_id, from: mail.from.clone(), to: to.clone() };
    let bytes =
        message::note(&envelope, now, &subject(alarm), text(alarm, now)).map_err(|error| unmade(error.to_string()))?;
    let mut carrier = Carrier::open(&mail.transport, &mut |_| {})?;
    for (index, to) in to.into_iter().enumerate() {
        let id = format!("alarm-{day}-{name}.{}", index + 1);
        carrier.send(&Parcel { id, from: mail.from.email.clone(), to, bytes: bytes.clone() })?;
    }
    carrier.end();
    // Where this cannot be written down, the alarm goes again: better twice than never.
    let _ = write_down(&raised, &day);
    Ok(true)
}

/// An empty file says that an alarm was raised on a day; those of other days say nothing any more.
fn write_down(raised: &Path, day: &str) -> std::io::Result<()> {
    let folder = raised.parent().unwrap_or(raised);
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_of_today = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(day));
        if !is_of_today {
            fs::remove_file(path)?;
        }
    }
    fs::write(raised, "")
}

fn subject(alarm: &Alarm<'_>) -> String {
    let policy = if alarm.policy.is_empty() { "every policy" } else { alarm.policy };
    match alarm.database {
        "" => format!("NOT RUN: {policy}"),
        database => format!("NOT RUN: {policy} ({database})"),
    }
}

fn text(alarm: &Alarm<'_>, now: Timestamp) -> String {
    let at = now.strftime("%Y-%m-%d %H:%M:%S UTC");
    format!(
        "NOT RUN - tenure was started and could not begin. Nothing was changed, and no\n\
         promise was checked.\n\n{}\n\nStarted by {} at {at}, tenure {}.\n\
         This mail comes once a day for the same failure.\n",
        wrapped(alarm.sentence),
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
