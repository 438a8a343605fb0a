//! Mails: the reports of closed runs, from the outbox to a mail server.
//!
//! The outbox is written in the transaction that closes a run, and holds no mail but who is to get which: the mail is made
//! from the run's record when it is sent. A row is one mail to one recipient, so that a server's answer to one of them
//! says nothing of the others. A process claims a row by compare-and-swap before it sends it, so no two send it; whoever
//! dies between the server's answer and our record of it leaves a claim that runs out, and the mail goes again with the
//! Message-ID that it had.
//!
//! ```text
//! outbox.rs     who is to get what, when it is tried again, what the next report says of it
//! message.rs    headers and parts
//! transport.rs  the ways: a program, a folder, and an SMTP server
//! smtp.rs       a conversation with an SMTP server, step by step
//! wire.rs       its bytes, of which a stranger writes half: bounded in number and in time
//! trouble.rs    what stands in a mail's way, in sentences without secrets and addresses
//! alarm.rs      the mail of a run that could not even begin
//! ```

mod alarm;
mod message;
pub mod outbox;
mod smtp;
mod transport;
mod trouble;
mod wire;

use std::thread;
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::message::Mailbox;

pub use self::alarm::{Alarm, raise};
pub use self::trouble::{Reach, Step, Trouble, masked};

use self::message::Envelope;
use self::transport::{Carrier, Parcel};
use crate::base::time;
use crate::config::mail::{Mail, is_plain};
use crate::db::control::outbox::{OutboxRow, Settlement, Which, claim, rows, settle};
use crate::db::{Connection, DbError, ErrorKind, control};
use crate::ledger;

/// Opens the database whose outbox it is: for reading it, and again where the connection went away while a server took
/// its time.
pub type Reopen<'a> = &'a dyn Fn() -> Result<Connection, DbError>;

/// One attempt to send one mail to one recipient.
#[derive(Debug)]
pub struct Attempt {
    pub row: OutboxRow,
    pub outcome: Result<(), Trouble>,
}

/// After so long no further mail is begun: a server that takes each of many mails slowly holds no purging up.
const LONGEST_FLUSH: Duration = Duration::from_secs(120);

/// Sends what is due, each mail at most once, and says what came of it. Ends early where the mail server is away, so that
/// it costs one wait and not one a mail, or is slow; what is left is for the next call.
///
/// # Errors
/// Where the outbox cannot be read or written. A mail that had been taken by the server by then keeps its claim, and may
/// go again once that has run out.
pub fn flush(reopen: Reopen<'_>, mail: &Mail) -> Result<Vec<Attempt>, DbError> {
    let begun = Instant::now();
    let mut conn = reopen()?;
    let now = control::clock(&mut conn)?;
    let mut carrier = None;
    let mut attempts = Vec::new();
    for row in rows(&mut conn, Which::Due(now))? {
        if begun.elapsed() >= LONGEST_FLUSH {
            break;
        }
        let until = control::clock(&mut conn)? + outbox::claim_for(transport::longest(&mail.transport));
        if !claim(&mut conn, &row, until)? {
            continue;
        }
        let outcome = parcel(&mut conn, &row).and_then(|parcel| send(&mut carrier, mail, &parcel));
        record(&mut conn, reopen, &row, &outcome)?;
        let server_is_away = outcome.as_ref().is_err_and(|trouble| trouble.reach == Reach::Server);
        attempts.push(Attempt { row, outcome });
        if server_is_away {
            return Ok(attempts);
        }
    }
    if let Some(carrier) = carrier {
        carrier.end();
    }
    Ok(attempts)
}

/// The mail of a row, made from the record that the ledger has of its run.
fn parcel(conn: &mut Connection, row: &OutboxRow) -> Result<Parcel, Trouble> {
    let never = |reason: String| Trouble::new(Reach::Never, Step::Content, reason);
    let later = |error: DbError| Trouble::new(Reach::Later, Step::Content, error.to_string());
    let found = ledger::find(conn, &row.run).map_err(later)?;
    let record = found.into_iter().find(|record| record.run == row.run);
    let record = record.ok_or_else(|| never(format!("run `{}` is not in the ledger", row.run)))?;
    let unreadable = || never(format!("the addresses of mail `{}` in the outbox cannot be read", row.id));
    let from: Mailbox = row.sender.parse().map_err(|_| unreadable())?;
    let plain = |address: &str| address.parse::<Address>().ok().filter(is_plain);
    let to = plain(&row.recipient).ok_or_else(unreadable)?;
    // Of whom a header cannot tell, the mails to the others do not.
    let addressees = row.addressees.split(", ").filter_map(plain).collect();
    let sender = from.email.clone();
    let envelope = Envelope { message_id: row.message_id.clone(), from, to: addressees };
    let bytes = message::report(&record, &envelope).map_err(|error| never(error.to_string()))?;
    Ok(Parcel { id: row.id.clone(), from: sender, to, bytes })
}

/// Sends over the way that is open, or opens it. One that failed is not used again.
fn send<'m>(carrier: &mut Option<Carrier<'m>>, mail: &'m Mail, parcel: &Parcel) -> Result<(), Trouble> {
    let mut open = match carrier.take() {
        Some(open) => open,
        None => Carrier::open(&mail.transport, &mut |_| {})?,
    };
    let sent = open.send(parcel);
    if !sent.as_ref().is_err_and(|trouble| trouble.reach == Reach::Server) {
        *carrier = Some(open);
    }
    sent
}

/// Writes down what came of an attempt, over a new connection where the old one went away meanwhile.
fn record(
    conn: &mut Connection,
    reopen: Reopen<'_>,
    row: &OutboxRow,
    outcome: &Result<(), Trouble>,
) -> Result<(), DbError> {
    const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4)];
    let attempt = row.attempts + 1;
    let mut pauses = PAUSES.iter();
    loop {
        let recorded = control::clock(conn).and_then(|now| {
            let settlement: Settlement = outbox::settlement(row, attempt, outcome.as_ref().map(|_| ()), now);
            settle(conn, &row.id, attempt, &settlement)
        });
        let error = match recorded {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let Some(pause) = pauses.next() else { return Err(error) };
        thread::sleep(*pause);
        if matches!(error.kind, ErrorKind::Lost | ErrorKind::CommitUnknown | ErrorKind::Connect) {
            if let Ok(new) = reopen() {
                *conn = new;
            }
        } else if !error.is_transient() {
            return Err(error);
        }
    }
}

/// Sends a mail that says that mails arrive; `tell` hears of every step that went well.
///
/// # Errors
/// The first step that went wrong.
pub fn test(mail: &Mail, to: &[Address], tell: &mut dyn FnMut(String)) -> Result<(), Trouble> {
    let now = time::now();
    let mut carrier = Carrier::open(&mail.transport, tell)?;
    let id = message::token(&[&now.to_string(), &ledger::actor()]);
    let message_id = format!("<{id}.test.tenure@{}>", mail.from.email.domain());
    let envelope = Envelope { message_id: message_id.clone(), from: mail.from.clone(), to: to.to_vec() };
    let text = format!(
        "This is a test of tenure's mail, sent by {} at {now}.\n\nReports of runs will come on the same way.\n",
        ledger::actor()
    );
    let bytes = message::note(&envelope, now, "test: the mail of tenure arrives", text)
        .map_err(|error| Trouble::new(Reach::Never, Step::Content, error.to_string()))?;
    for (index, to) in to.iter().enumerate() {
        let id = format!("test-{id}.{}", index + 1);
        let parcel = Parcel { id, from: mail.from.email.clone(), to: to.clone(), bytes: bytes.clone() };
        carrier.send(&parcel)?;
        tell(format!("the mail to {to} was taken, as {message_id}"));
    }
    carrier.end();
    Ok(())
}
