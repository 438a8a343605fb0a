//! Trying again what may pass later, on a new connection where the old one was lost.

use std::thread;
use std::time::Duration;

use super::{Halt, Stop};
use crate::base::retry::{Attempts, Pause};
use crate::db::{Connection, DbError, ErrorKind};

/// Attempts at one thing before it fails.
pub(super) const ATTEMPTS: u32 = 7;

pub(super) fn attempts() -> Attempts {
    Attempts::new(ATTEMPTS, Pause::Doubling(Duration::from_millis(40)))
}

/// Opens the same database again.
pub type Reopen<'a> = &'a dyn Fn() -> Result<Connection, DbError>;

/// Repeats `act` while its error is one that passes: a lost connection, a deadlock, somebody else's lock. So `act` must be
/// harmless to repeat where it was done and only its answer was lost.
pub fn patiently<T>(
    conn: &mut Connection,
    reopen: Reopen<'_>,
    stop: &Stop,
    mut act: impl FnMut(&mut Connection) -> Result<T, DbError>,
) -> Result<T, Halt> {
    let mut attempts = attempts();
    loop {
        let error = match act(conn) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let is_gone = matches!(error.kind, ErrorKind::Lost | ErrorKind::CommitUnknown);
        if !is_gone && !error.is_transient() {
            return Err(error.into());
        }
        if attempts.may_go_on() {
            tracing::warn!(event = "trying-again", failures = attempts.failed(), "trying again: {error}");
        } else {
            let message = format!("{} (tried {ATTEMPTS} times); run again later", error.message);
            return Err(Halt::Failed(DbError { message, ..error }));
        }
        if is_gone {
            reconnect(conn, reopen, stop)?;
        }
        attempts.wait();
    }
}

/// Before the attempt that follows so many failed ones.
pub(super) fn pause(failures: u32) {
    thread::sleep(Duration::from_millis(20 << failures));
}

/// Waits for the database as long as a restart of its server takes, some 20 seconds, or until a signal.
pub(super) fn reconnect(conn: &mut Connection, reopen: Reopen<'_>, stop: &Stop) -> Result<(), Halt> {
    const WAITS: [u64; 6] = [100, 500, 1_000, 2_000, 5_000, 10_000];
    let mut waits = WAITS.into_iter();
    loop {
        stop.sleep(Duration::from_millis(waits.next().unwrap_or_default()));
        match reopen() {
            Ok(new) => {
                tracing::warn!(event = "connected-again", "the connection to the database was opened again");
                *conn = new;
                return Ok(());
            }
            Err(_) if stop.is_set() => {
                return Err(Halt::Stopped("a signal asked it to stop while the database was away".to_owned()));
            }
            Err(error) if waits.len() == 0 => return Err(Halt::Failed(error)),
            Err(_) => {}
        }
    }
}
