//! `tenure mail`: a test of the way, what is in the outbox, and what somebody decides about it; and the mail of a run that
//! could not begin.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lettre::Address;
use serde_json::json;

use super::{Common, Failure, Outcome, say, say_json, to_stderr};
use crate::app::setup::{Setup, Unready};
use crate::base::id::{self, Unnamed};
use crate::base::time;
use crate::config::mail::{self, Mail};
use crate::config::{Config, DatabaseConfig};
use crate::db::control::outbox::{self, OutboxRow, State, Which};
use crate::db::{Access, control};
use crate::deliver::outbox::LONGEST_CLAIM;
use crate::deliver::{self, Attempt, Reach};
use crate::run::alarm;

/// Sends a test mail, and says how far it came.
pub(super) fn test(common: &Common, to: Option<&Address>) -> Outcome {
    let setup = Setup::load(common)?;
    let mail = mail_of(&setup)?;
    if let Some(odd) = to.filter(|to| !mail::is_plain(to)) {
        return Err(Failure::Usage(format!("--to {odd}: write a plain address, such as privacy@example.org")));
    }
    let everybody = || mail.recipients.iter().flat_map(|group| group.to.clone()).collect();
    let to: Vec<Address> = to.map_or_else(everybody, |to| vec![to.clone()]);
    let mut steps = Vec::new();
    let sent = deliver::test(mail, &to, &mut |step| {
        if !common.json {
            // A step that nobody reads is taken all the same.
            let _ = say(&format!("{step}\n"));
        }
        steps.push(step);
    });
    if common.json {
        let error =
            sent.as_ref().err().map(|trouble| json!({ "error": trouble.to_string(), "remedy": trouble.remedy() }));
        say_json(&json!({ "steps": steps, "trouble": error }))?;
    }
    let Err(trouble) = sent else { return Ok(0) };
    to_stderr(format_args!("error: {trouble}\n  remedy: {}\n", trouble.remedy()));
    Err(Failure::Silent(1))
}

fn mail_of(setup: &Setup) -> Result<&Mail, Failure> {
    let sentence =
        "there is no [mail] in the config: write `from`, `to` and `smtp` there, as docs/src/how-to/mail.md says";
    setup.config.mail.as_ref().ok_or_else(|| Failure::Usage(sentence.to_owned()))
}

/// Lists what was neither sent nor dropped.
pub(super) fn queue(common: &Common) -> Outcome {
    let setup = Setup::load(common)?;
    let rows = unsettled(&setup)?;
    if common.json {
        let mails: Vec<_> = rows.iter().map(|(database, row)| as_json(database, row)).collect();
        say_json(&json!({ "mails": mails }))?;
        return Ok(0);
    }
    if rows.is_empty() {
        say("every mail was sent\n")?;
    }
    for (_, row) in &rows {
        say(&format!("{}  {}\n", row.id, sentence_of(row)))?;
    }
    Ok(0)
}

/// Of every database of the config, the oldest first.
fn unsettled(setup: &Setup) -> Result<Vec<(DatabaseConfig, OutboxRow)>, Failure> {
    let mut all = Vec::new();
    setup.each_database(Access::ReadOnly, |database, conn| {
        if control::is_ready(conn)? {
            all.extend(outbox::rows(conn, Which::Unsettled)?.into_iter().map(|row| (database.clone(), row)));
        }
        Ok(())
    })?;
    all.sort_by_key(|(_, row)| row.created);
    Ok(all)
}

fn as_json(database: &DatabaseConfig, row: &OutboxRow) -> serde_json::Value {
    let instant = |at| Timestamp::from_microsecond(at).ok();
    json!({
        "id": row.id, "database": database.name, "run": row.run, "message_id": row.message_id,
        "recipient": row.recipient, "state": row.state.as_str(), "attempts": row.attempts,
        "created": instant(row.created), "due": instant(row.due), "trouble": row.trouble,
    })
}

fn sentence_of(row: &OutboxRow) -> String {
    let next = match row.state {
        State::Waiting if row.attempts == 0 => "next attempt at once".to_owned(),
        State::Waiting => format!("next attempt {}", deliver::outbox::instant(row.due)),
        State::Sending if row.due > time::now().as_microsecond() + LONGEST_CLAIM => format!(
            "claimed until {} by a clock that was ahead: `tenure mail retry` or `tenure mail drop`",
            deliver::outbox::instant(row.due)
        ),
        State::Sending => format!("claimed until {}", deliver::outbox::instant(row.due)),
        State::Refused | State::Sent | State::Dropped => "`tenure mail retry` or `tenure mail drop`".to_owned(),
    };
    let trouble = row.trouble.as_ref().map(|trouble| format!("; {trouble}")).unwrap_or_default();
    let created = deliver::outbox::instant(row.created);
    format!(
        "{} to {}, of {created}, attempts so far: {}, {next}{trouble}",
        row.state.as_str(),
        row.recipient,
        row.attempts
    )
}

/// Sends what waits or was refused, now; of `ids` (of mails, of runs, or their beginnings), or all.
pub(super) fn retry(common: &Common, ids: &[String]) -> Outcome {
    let setup = Setup::load(common)?;
    let mail = mail_of(&setup)?;
    decide(&setup, ids, State::Waiting)?;
    let mut attempts = Vec::new();
    for database in setup.config.databases.values() {
        let open = || setup.config.open(database, Access::ReadWrite);
        if control::is_ready(&mut open()?)? {
            attempts.extend(deliver::flush(&open, mail)?);
        }
    }
    let left = unsettled(&setup)?.len();
    if common.json {
        let all: Vec<_> = attempts.iter().map(attempt_as_json).collect();
        say_json(&json!({ "attempts": all, "left": left }))?;
    } else {
        attempts.iter().try_for_each(|attempt| say(&format!("{}\n", told(attempt))))?;
        say(&if left == 0 { "every mail was sent\n".to_owned() } else { format!("not sent yet: {left}\n") })?;
    }
    Ok(u8::from(left > 0))
}

fn attempt_as_json(attempt: &Attempt) -> serde_json::Value {
    let trouble = attempt.outcome.as_ref().err();
    json!({
        "id": attempt.row.id, "recipient": attempt.row.recipient, "sent": trouble.is_none(),
        "trouble": trouble.map(ToString::to_string), "remedy": trouble.map(|trouble| trouble.remedy()),
    })
}

fn told(attempt: &Attempt) -> String {
    let what = match &attempt.outcome {
        Ok(()) => "sent".to_owned(),
        Err(trouble) if trouble.reach == Reach::Never => format!("refused; {trouble}; {}", trouble.remedy()),
        Err(trouble) => format!("waits; {trouble}; {}", trouble.remedy()),
    };
    format!("{}  to {}: {what}", attempt.row.id, attempt.row.recipient)
}

/// Lets mails go that need not be sent any more.
pub(super) fn drop(common: &Common, ids: &[String]) -> Outcome {
    let setup = Setup::load(common)?;
    let dropped = decide(&setup, ids, State::Dropped)?;
    if common.json {
        say_json(&json!({ "dropped": dropped }))?;
    } else {
        dropped.iter().try_for_each(|id| say(&format!("{id}  dropped\n")))?;
    }
    Ok(0)
}

/// Puts the chosen rows into a state; the ids of those that are in it now.
fn decide(setup: &Setup, ids: &[String], state: State) -> Result<Vec<String>, Failure> {
    let known = unsettled(setup)?;
    let mut decided = Vec::new();
    for (database, row) in chosen(&known, ids)? {
        let mut conn = setup.config.open(database, Access::ReadWrite)?;
        let now = control::clock(&mut conn)?;
        if outbox::decide(&mut conn, &row.id, state, now, now + LONGEST_CLAIM)? {
            decided.push(row.id.clone());
        } else if !ids.is_empty() {
            let until = deliver::outbox::instant(row.due);
            to_stderr(format_args!(
                "warning: mail `{}` is left as it is: it is being sent, until {until} at most\n",
                row.id
            ));
        }
    }
    Ok(decided)
}

/// The rows that `ids` name: a mail by its id, or all of a run by the run's; every one where no id is given.
fn chosen<'r>(
    known: &'r [(DatabaseConfig, OutboxRow)],
    ids: &[String],
) -> Result<Vec<&'r (DatabaseConfig, OutboxRow)>, Failure> {
    if ids.is_empty() {
        return Ok(known.iter().collect());
    }
    let mut named = BTreeSet::new();
    for typed in ids {
        named.insert(of_run_or_mail(known, typed).map_err(|unnamed| {
            Failure::Usage(unnamed.sentence(typed, "mail that waits or was refused", "tenure mail queue"))
        })?);
    }
    Ok(known.iter().filter(|(_, row)| named.contains(row.run.as_str()) || named.contains(row.id.as_str())).collect())
}

fn of_run_or_mail<'r>(known: &'r [(DatabaseConfig, OutboxRow)], typed: &str) -> Result<&'r str, Unnamed> {
    match id::find(typed, known.iter().map(|(_, row)| row.run.as_str())) {
        Err(Unnamed::Unknown) => id::find(typed, known.iter().map(|(_, row)| row.id.as_str())),
        run => run,
    }
}

/// Mails that no run could begin, because a schedule cannot be read.
pub(super) fn alarm_of_setup(common: &Common, unready: &Unready) {
    if let (Unready::Mistakes(mistakes), Ok(Some(config))) = (unready, Config::load(common.config.as_deref())) {
        alarm::raise(&config, "", "", &alarm::sentences(mistakes));
    }
}
