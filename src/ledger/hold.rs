//! Holds that somebody orders by hand: added, released, or ended with their last day. Each of the three is an entry.
//!
//! Whoever adds a hold raises every gate in the same transaction, and so waits for the batches in flight: once that is
//! committed, no batch that was planned without the hold can commit.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

use super::{appending, chain, json};
use crate::base::name::TableName;
use crate::db::control::{self, gate, hold::HoldRow};
use crate::db::{Connection, DbError, ErrorKind};

/// What is to be kept, why, and by whose order.
#[derive(Debug, Clone)]
pub struct Order {
    pub name: String,
    /// Of a hold on people, the table of people.
    pub table: TableName,
    /// Covers every row of theirs that the schedule maps, and not only their own.
    pub of_people: bool,
    /// In the database's own SQL, and checked; `None` for all rows.
    pub condition: Option<String>,
    /// `None`: until it is released.
    pub last_day: Option<Date>,
    pub reason: String,
    pub by: String,
}

/// A hold that is in the ledger and has not ended.
#[derive(Debug, Clone)]
pub struct Standing {
    pub order: Order,
    pub since: Timestamp,
}

/// What the ledger orders to be kept.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    pub standing: Vec<Standing>,
    /// How many holds were ever added: a plan that was made before the last of them must not be carried out.
    pub added: u64,
}

/// What came of adding or releasing a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    Done,
    /// Added: a hold of that name stands. Released: none does.
    Not,
}

/// Adds a hold. From the moment this returns, no row that it covers goes.
///
/// # Errors
/// [`ErrorKind::LockTimeout`] where a batch takes longer than the lock timeout: nothing was added then, and it can be tried
/// again.
pub fn add(conn: &mut Connection, order: &Order, at: Timestamp) -> Result<Outcome, DbError> {
    let mut row = HoldRow {
        number: 0,
        name: order.name.clone(),
        target: order.table.to_string(),
        asks: order.condition.clone(),
        salt: order.condition.as_ref().map(|_| salt()).transpose()?,
        last_day: order.last_day.map(|day| day.to_string()),
        reason: order.reason.clone(),
        added: at.as_microsecond(),
        added_by: order.by.clone(),
        ended: None,
        of_people: order.of_people,
    };
    let body = json(&Added::of(&row))?;
    appending(conn, |conn| {
        let rows = control::hold::all(conn)?;
        if rows.iter().any(|row| row.ended.is_none() && row.name == order.name) {
            return Ok(Outcome::Not);
        }
        row.number = rows.last().map_or(1, |row| row.number + 1);
        control::hold::insert(conn, &row)?;
        gate::raise(conn, None)?;
        chain::append(conn, ADDED, None, body.clone(), at)?;
        Ok(Outcome::Done)
    })
}

/// The body of the entry. The condition may name a person, so it is there as a digest only, with a salt that is forgotten
/// when the hold ends.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Added {
    pub hold: String,
    pub table: String,
    pub asks: Option<String>,
    pub last_day: Option<String>,
    pub reason: String,
    pub by: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_people: bool,
}

impl Added {
    /// What the entry that added this row says of it; nothing is said of the condition once it is forgotten.
    pub fn of(row: &HoldRow) -> Self {
        Self {
            hold: row.name.clone(),
            table: row.target.clone(),
            asks: row.asks.as_ref().map(|asks| digest(asks, row.salt.as_deref().unwrap_or_default())),
            last_day: row.last_day.clone(),
            reason: row.reason.clone(),
            by: row.added_by.clone(),
            of_people: row.of_people,
        }
    }
}

/// The body of the entry that ends a hold.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    pub hold: String,
    /// `None` where its last day was over.
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// The kinds of the entries.
pub(super) const ADDED: &str = "hold-added";
pub(super) const RELEASED: &str = "hold-released";
pub(super) const EXPIRED: &str = "hold-expired";

/// 128 random bits in hexadecimal.
pub(super) fn salt() -> Result<String, DbError> {
    let mut random = [0u8; 16];
    let failed =
        |_| DbError::new(ErrorKind::Other, "this host gives no random numbers, so the condition cannot be hidden");
    getrandom::fill(&mut random).map_err(failed)?;
    Ok(HEXLOWER.encode(&random))
}

/// SHA-256 of salt, line feed and what is asked for.
pub(super) fn digest(asks: &str, salt: &str) -> String {
    chain::digest(format!("{salt}\n{asks}").as_bytes())
}

/// Releases a hold: the next run does what it kept.
pub fn release(conn: &mut Connection, name: &str, reason: &str, by: &str, at: Timestamp) -> Result<Outcome, DbError> {
    let ended = Ended { hold: name.to_owned(), reason: Some(reason.to_owned()), by: Some(by.to_owned()) };
    let row = control::hold::all(conn)?.into_iter().find(|row| row.ended.is_none() && row.name == name);
    row.map_or(Ok(Outcome::Not), |row| end(conn, &row, RELEASED, &ended, at))
}

/// Ends the holds whose last day is over wherever on earth one is, each with an entry. The names.
pub fn expire(conn: &mut Connection, now: Timestamp) -> Result<Vec<String>, DbError> {
    let today = now.to_zoned(TimeZone::fixed(Offset::constant(-12))).date();
    let mut names = Vec::new();
    for row in control::hold::all(conn)?.into_iter().filter(|row| row.ended.is_none()) {
        if last_day(&row)?.is_none_or(|day| day >= today) {
            continue;
        }
        let ended = Ended { hold: row.name.clone(), reason: None, by: None };
        if end(conn, &row, EXPIRED, &ended, now)? == Outcome::Done {
            names.push(row.name);
        }
    }
    Ok(names)
}

fn end(conn: &mut Connection, row: &HoldRow, kind: &str, ended: &Ended, at: Timestamp) -> Result<Outcome, DbError> {
    let body = json(ended)?;
    appending(conn, |conn| {
        if !control::hold::end(conn, row.number, at.as_microsecond())? {
            return Ok(Outcome::Not);
        }
        chain::append(conn, kind, None, body.clone(), at)?;
        Ok(Outcome::Done)
    })
}

/// The holds that stand now.
pub fn orders(conn: &mut Connection) -> Result<Orders, DbError> {
    let rows = control::hold::all(conn)?;
    let added = rows.len() as u64;
    let standing = rows.into_iter().filter(|row| row.ended.is_none()).map(standing).collect::<Result<_, _>>()?;
    Ok(Orders { standing, added })
}

/// A row that cannot be read may cover anything: it is an error, and nothing runs.
fn standing(row: HoldRow) -> Result<Standing, DbError> {
    let last_day = last_day(&row)?;
    let (Ok(table), Ok(since)) = (TableName::parse(&row.target), Timestamp::from_microsecond(row.added)) else {
        return Err(unreadable(&row));
    };
    let order = Order {
        name: row.name,
        table,
        of_people: row.of_people,
        condition: row.asks,
        last_day,
        reason: row.reason,
        by: row.added_by,
    };
    Ok(Standing { order, since })
}

fn last_day(row: &HoldRow) -> Result<Option<Date>, DbError> {
    row.last_day.as_deref().map(str::parse).transpose().map_err(|_| unreadable(row))
}

fn unreadable(row: &HoldRow) -> DbError {
    DbError::new(
        ErrorKind::Other,
        format!("hold `{}` of the ledger cannot be read; release it and add it anew", row.name),
    )
}
