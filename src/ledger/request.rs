//! Requests for the erasure of one person: received, verified, settled. Each of the three is an entry, in which the person is
//! a pseudonym.
//!
//! The key of the person is kept while the request waits, because somebody has to erase them, and forgotten when it is
//! settled. Whoever puts another key into the table would have another person erased: so the entry holds a salted digest of
//! it, and [`open`] gives out no request whose key is not the one that was received.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{appending, chain, hold, json};
use crate::base::pseudonym::Pseudonym;
use crate::db::control::{self, request::RequestRow};
use crate::db::{Connection, DbError, ErrorKind};

/// What somebody asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The policy whose `[subject]` says what the person's data is.
    pub policy: String,
    pub person: Pseudonym,
    /// The person's key as text.
    pub key: String,
    /// One category of the data; `None` for all that is to go.
    pub category: Option<String>,
    pub reason: String,
    /// When the person asked: the clock runs from here.
    pub asked: Timestamp,
    /// Is it known that it was the person who asked?
    pub verified: bool,
    /// Who received it.
    pub by: String,
}

/// A request that is not settled.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Counted from 1; by it people speak of the request.
    pub number: i64,
    pub request: Request,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settlement {
    Erased,
    /// Not the person who asked, taken back, or nobody by that key.
    Refused,
}

impl Settlement {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Settlement::Erased => "erased",
            Settlement::Refused => "refused",
        }
    }
}

/// The kinds of the entries.
pub(super) const RECEIVED: &str = "request-received";
pub(super) const VERIFIED: &str = "request-verified";
pub(super) const SETTLED: &str = "request-settled";

/// The body of the entry that says that a request came.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Received {
    pub request: i64,
    pub policy: String,
    pub person: String,
    pub key_id: String,
    /// SHA-256 of the salt, a line feed and the person's key.
    pub wanted: String,
    pub category: Option<String>,
    pub reason: String,
    pub asked: i64,
    pub verified: bool,
    pub by: String,
}

/// The body of the entries that verify and settle one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Then {
    pub request: i64,
    /// Of a request that is settled.
    pub outcome: Option<Settlement>,
    pub reason: Option<String>,
    pub by: String,
}

impl Received {
    /// What the entry that brought this row says of it; nothing is said of the key once it is forgotten.
    pub fn of(row: &RequestRow) -> Self {
        let wanted = row.wanted.as_deref().map(|wanted| hold::digest(wanted, row.salt.as_deref().unwrap_or_default()));
        Self {
            request: row.number,
            policy: row.policy.clone(),
            person: row.person.clone(),
            key_id: row.key_id.clone(),
            wanted: wanted.unwrap_or_default(),
            category: row.category.clone(),
            reason: row.reason.clone(),
            asked: row.asked,
            verified: row.verified == Some(row.received),
            by: row.received_by.clone(),
        }
    }
}

/// Writes a request down; its number.
pub fn receive(conn: &mut Connection, request: &Request, at: Timestamp) -> Result<i64, DbError> {
    let mut row = RequestRow {
        number: 0,
        policy: request.policy.clone(),
        person: request.person.digest.clone(),
        key_id: request.person.key_id.clone(),
        wanted: Some(request.key.clone()),
        salt: Some(hold::salt()?),
        category: request.category.clone(),
        reason: request.reason.clone(),
        asked: request.asked.as_microsecond(),
        received: at.as_microsecond(),
        received_by: request.by.clone(),
        verified: request.verified.then_some(at.as_microsecond()),
        settled: None,
        outcome: None,
    };
    appending(conn, |conn| {
        row.number = control::request::last_number(conn)? + 1;
        control::request::insert(conn, &row)?;
        chain::append(conn, RECEIVED, None, json(&Received::of(&row))?, at)?;
        Ok(row.number)
    })
}

/// Notes that it was the person who asked; false where the request is settled, or was verified before.
pub fn verify(conn: &mut Connection, number: i64, by: &str, at: Timestamp) -> Result<bool, DbError> {
    let body = json(&Then { request: number, outcome: None, reason: None, by: by.to_owned() })?;
    appending(conn, |conn| {
        let done = control::request::verify(conn, number, at.as_microsecond())?;
        if done {
            chain::append(conn, VERIFIED, None, body.clone(), at)?;
        }
        Ok(done)
    })
}

/// Ends a request and forgets whom it named; false where it was settled before.
pub fn settle(
    conn: &mut Connection,
    number: i64,
    outcome: Settlement,
    reason: Option<&str>,
    by: &str,
    at: Timestamp,
) -> Result<bool, DbError> {
    let then = Then { request: number, outcome: Some(outcome), reason: reason.map(str::to_owned), by: by.to_owned() };
    let body = json(&then)?;
    appending(conn, |conn| {
        let done = control::request::settle(conn, number, outcome.as_str(), at.as_microsecond())?;
        if done {
            chain::append(conn, SETTLED, None, body.clone(), at)?;
        }
        Ok(done)
    })
}

/// The requests that wait, verified or not, at whatever policy.
///
/// # Errors
/// Where one names another person than the one who was written down: nobody is erased then before somebody has looked.
pub fn open(conn: &mut Connection) -> Result<Vec<Waiting>, DbError> {
    let rows = control::request::open(conn)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let received: Vec<Received> = told(conn, RECEIVED)?;
    let verified: Vec<Then> = told(conn, VERIFIED)?;
    rows.into_iter().map(|row| waiting(row, &received, &verified)).collect()
}

/// What the entries of a kind say.
fn told<T: DeserializeOwned>(conn: &mut Connection, kind: &str) -> Result<Vec<T>, DbError> {
    let entries = control::walk::entries_of_kind(conn, kind)?;
    Ok(entries.iter().filter_map(|entry| serde_json::from_str(&entry.body).ok()).collect())
}

fn waiting(row: RequestRow, received: &[Received], verified: &[Then]) -> Result<Waiting, DbError> {
    let now = Received::of(&row);
    let then = received.iter().find(|then| then.request == row.number);
    let is_verified = then.is_some_and(|then| then.verified) || verified.iter().any(|then| then.request == row.number);
    let is_as_received = then.is_some_and(|then| *then == Received { verified: then.verified, ..now })
        && is_verified == row.verified.is_some();
    let (Some(key), Ok(asked), true) = (row.wanted, Timestamp::from_microsecond(row.asked), is_as_received) else {
        let message = format!(
            "request {} is not as it was received, so nobody is erased for it; look at it with `tenure verify`, and refuse it \
             with `tenure subject refuse {}`",
            row.number, row.number
        );
        return Err(DbError::new(ErrorKind::Other, message));
    };
    let request = Request {
        policy: row.policy,
        person: Pseudonym { digest: row.person, key_id: row.key_id },
        key,
        category: row.category,
        reason: row.reason,
        asked,
        verified: is_verified,
        by: row.received_by,
    };
    Ok(Waiting { number: row.number, request })
}
