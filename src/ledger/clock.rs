//! What the ledger knows of clocks: when its newest entry was written, and that somebody vouched for the clocks as they
//! are.

use jiff::Timestamp;
use serde::Serialize;

use super::{appending, chain, json};
use crate::db::control;
use crate::db::{Connection, DbError};

/// The kind of the entry by which somebody vouches for the clocks.
const ACCEPTED: &str = "clock-accepted";

/// The end of the chain, as far as clocks are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    pub at: Timestamp,
    /// Somebody has vouched for the clocks in it.
    pub is_accepted: bool,
}

/// The newest entry; `None` where the chain is empty.
pub fn newest(conn: &mut Connection) -> Result<Option<Newest>, DbError> {
    let entry = control::last_entry(conn)?;
    Ok(entry.map(|entry| Newest {
        at: Timestamp::from_microsecond(entry.at).unwrap_or(Timestamp::MAX),
        is_accepted: entry.kind == ACCEPTED,
    }))
}

#[derive(Serialize)]
struct Body<'a> {
    /// When the entry before it was written, microseconds since 1970.
    before: Option<i64>,
    reason: &'a str,
    by: &'a str,
}

/// Notes in the chain that somebody vouches for the clocks: the time is counted from this entry on.
pub fn accept(conn: &mut Connection, reason: &str, by: &str, at: Timestamp) -> Result<(), DbError> {
    appending(conn, |conn| {
        let before = control::last_entry(conn)?.map(|entry| entry.at);
        chain::append(conn, ACCEPTED, None, json(&Body { before, reason, by })?, at)
    })
    .map(drop)
}
