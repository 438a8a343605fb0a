//! Which ledger this is, and of which database. An entry binds the two before anything else is written, so that a ledger that
//! stands in another database is found.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{appending, chain, json, keys, verify};
use crate::base::own_head::Head;
use crate::base::time;
use crate::db::control::place::{self, Place};
use crate::db::control::{self, EntryRow};
use crate::db::{Connection, DbError, ErrorKind};

/// The kind of the entry that says of which database the ledger is.
pub(super) const BOUND: &str = "ledger";

/// The body of such an entry. The newest one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// 32 random hexadecimal digits; the same in all entries of one chain.
    pub ledger: String,
    /// As [`Place`] has it.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    pub by: String,
    /// Why the ledger is somewhere else now, or not as it was; `None` in the first entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The entry that was signed last in this place, where the chain does not hold it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Head>,
}

impl Bound {
    /// What an entry of this kind says.
    pub(super) fn of(entry: &EntryRow) -> Option<Bound> {
        serde_json::from_str(&entry.body).ok()
    }

    pub fn place(&self) -> Place {
        Place { name: self.name.clone(), cluster: self.cluster.clone() }
    }
}

/// What the newest entry says of the ledger; `None` where it is not bound yet.
pub fn known(conn: &mut Connection) -> Result<Option<Bound>, DbError> {
    let Some(entry) = control::walk::entries_of_kind(conn, BOUND)?.pop() else { return Ok(None) };
    let unreadable = || DbError::new(ErrorKind::Other, format!("entry {} of the ledger cannot be read", entry.number));
    Bound::of(&entry).map(Some).ok_or_else(unreadable)
}

/// Is the ledger in the database that it is bound to? Asked before a run does anything, and before each entry.
///
/// # Errors
/// Where it is another database's, with the remedy.
pub(super) fn check(conn: &mut Connection) -> Result<(), DbError> {
    let Some(bound) = known(conn)? else { return Ok(()) };
    let here = place::of(conn)?;
    if bound.place().may_be(&here) {
        return Ok(());
    }
    Err(DbError::new(
        ErrorKind::Other,
        format!(
            "the ledger is that of the database {}, and this is {here}, so nothing is done; if the database was moved or \
             restored here, say so with `tenure ledger moved --reason TEXT`, else find out who exchanged its control tables",
            bound.place()
        ),
    ))
}

/// Binds a ledger that is not bound yet; must stand in the transaction of the entry that follows.
pub(super) fn make_known(conn: &mut Connection) -> Result<(), DbError> {
    if known(conn)?.is_some() {
        return Ok(());
    }
    let Place { name, cluster } = place::of(conn)?;
    let body = Bound { ledger: new_id()?, name, cluster, by: super::actor(), reason: None, lost: None };
    chain::append_signed(conn, BOUND, None, json(&body)?, time::now()).map(drop)
}

/// 128 random bits: no two ledgers ever bear the same.
fn new_id() -> Result<String, DbError> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random)
        .map_err(|_| DbError::new(ErrorKind::Other, "this host gives no random numbers, so a ledger gets no name"))?;
    Ok(HEXLOWER.encode(&random))
}

/// What came of saying that a ledger moved.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Moved {
    /// It is bound to this place from now on.
    Here,
    /// There was nothing to say: it is where it was, and as it was.
    NotAtAll,
}

/// Binds the ledger to the place where it is now, by an entry that says who said so, and why. The chain itself must be whole.
///
/// # Errors
/// Those of the database; and the first break of the chain, of which nothing is vouched for.
pub fn moved(conn: &mut Connection, reason: &str, by: &str, at: Timestamp) -> Result<Moved, DbError> {
    let found = verify::walk(conn, &verify::Expected::default(), &mut |_| {})?;
    if let Some(broken) = found.broken.filter(|broken| broken.kind != verify::Kind::Foreign) {
        let sentence = format!("the ledger is not whole, so nobody may vouch for it: {broken}");
        return Err(DbError::new(ErrorKind::Other, sentence));
    }
    appending(conn, |conn| {
        let here = place::of(conn)?;
        let bound = known(conn)?;
        let lost = keys::lost_head(conn)?;
        if lost.is_none() && bound.as_ref().is_none_or(|bound| bound.place().may_be(&here)) {
            return Ok(Moved::NotAtAll);
        }
        let ledger = bound.map_or_else(new_id, |bound| Ok(bound.ledger))?;
        let Place { name, cluster } = here;
        let body = Bound { ledger, name, cluster, by: by.to_owned(), reason: Some(reason.to_owned()), lost };
        keys::make_known(conn)?;
        chain::append_signed(conn, BOUND, None, json(&body)?, at)?;
        Ok(Moved::Here)
    })
}
