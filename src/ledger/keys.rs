//! The keys that sign the chain. From the first entry of kind `key` on every entry is signed, by the key that the newest
//! such entry before it names.

use serde::{Deserialize, Serialize};

use super::{appending, chain, json};
use crate::base::signing::{PublicKey, Signer};
use crate::db::control::{self, EntryRow};
use crate::db::{Connection, DbError, ErrorKind};

/// The kind of an entry that says whose signatures follow.
pub(super) const KEY: &str = "key";

#[derive(Serialize, Deserialize)]
struct Body {
    /// `ed25519:` and hex.
    key: String,
    actor: String,
}

/// The key that an entry of kind `key` names.
pub(super) fn named_by(entry: &EntryRow) -> Option<PublicKey> {
    let body: Body = serde_json::from_str(&entry.body).ok()?;
    PublicKey::parse(&body.key)
}

/// Whether the next entry can be written as the chain demands it; asked before a run does anything.
///
/// # Errors
/// Where the chain is signed and the connection carries no key: an entry without a signature would look like a forgery.
pub fn check(conn: &mut Connection) -> Result<(), DbError> {
    let is_signed = !control::walk::entries_of_kind(conn, KEY)?.is_empty();
    if is_signed && conn.signer().is_none() {
        return Err(DbError::new(
            ErrorKind::Other,
            "the ledger is signed, and there is no key to sign its next entry with, so nothing is done; \
             name it as `signing_key_file` under [ledger], or a new one where it was lost",
        ));
    }
    Ok(())
}

/// Before an entry: where the connection carries a key that the chain does not know as the present one, an entry says so.
pub(super) fn make_known(conn: &mut Connection) -> Result<(), DbError> {
    check(conn)?;
    let Some(signer) = conn.signer() else { return Ok(()) };
    let present = control::walk::entries_of_kind(conn, KEY)?.pop();
    if present.as_ref().and_then(named_by) == Some(signer.public()) {
        return Ok(());
    }
    announce(conn, &signer.public())
}

fn announce(conn: &mut Connection, key: &PublicKey) -> Result<(), DbError> {
    let body = json(&Body { key: key.to_string(), actor: super::actor() })?;
    chain::append_signed(conn, KEY, None, body, crate::base::time::now()).map(drop)
}

/// Hands over to another key, which the one that the connection carries vouches for: whoever trusts that one can trust the
/// next.
pub fn rotate(conn: &mut Connection, to: &Signer) -> Result<(), DbError> {
    appending(conn, |conn| {
        make_known(conn)?;
        announce(conn, &to.public())
    })
}
