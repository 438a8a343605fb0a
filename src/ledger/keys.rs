//! The keys that sign the chain. From the first entry of kind `key` on every entry is signed, by the key that the newest
//! such entry before it names. A signer vouches only for what follows, unbroken, from the head that it signed last.

use serde::{Deserialize, Serialize};

use super::{appending, chain, identity, json};
use crate::base::own_head::Head;
use crate::base::signing::{PublicKey, Signer};
use crate::base::time;
use crate::db::control::{self, EntryRow, place};
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

/// Whether the next entry can be written as the chain demands it; asked before a run does anything, and before each entry.
///
/// # Errors
/// Where the ledger is another database's; where the chain is signed and the connection carries no key, because an entry
/// without a signature would look like a forgery; and where the chain was broken since this installation signed its head last.
pub fn check(conn: &mut Connection) -> Result<(), DbError> {
    identity::check(conn)?;
    check_chain(conn)
}

fn check_chain(conn: &mut Connection) -> Result<(), DbError> {
    let announced = control::walk::entries_of_kind(conn, KEY)?;
    if !announced.is_empty() && conn.signer().is_none() {
        return Err(refusal(
            "the ledger is signed, and there is no key to sign its next entry with, so nothing is done; \
             name it as `signing_key_file` under [ledger], or a new one where it was lost",
        ));
    }
    let Some(signer) = conn.signer() else { return Ok(()) };
    let own = own_head(conn)?;
    if let Some(lost) = lost_head(conn)? {
        return Err(refusal(format!(
            "entry {}, which this installation signed last, is not in the ledger as it was signed: the ledger was written anew, \
             or restored from a backup. Nothing is done and nothing is signed; look at `tenure verify`, and if it is right as it \
             is, say so with `tenure ledger moved --reason TEXT`",
            lost.entry
        )));
    }
    let is_own = |entry: &&EntryRow| named_by(entry) == Some(signer.public());
    match own.map(|own| own.entry).or_else(|| Some(announced.iter().rev().find(is_own)?.number - 1)) {
        Some(after) => follows(conn, &signer.public(), &announced, after),
        None => Ok(()),
    }
}

/// The head that this installation signed last, in the place where the database is.
fn own_head(conn: &mut Connection) -> Result<Option<Head>, DbError> {
    let Some(heads) = conn.own_heads() else { return Ok(None) };
    let place = place::of(conn)?.to_string();
    heads.read(&place).or_else(|error| match error.kind() {
        // A command of an administrator who may not look into the state directory: the whole chain is walked then.
        std::io::ErrorKind::PermissionDenied => Ok(None),
        _ => Err(refusal(format!("the head that was signed last cannot be read from the state directory: {error}"))),
    })
}

/// The head that was signed last, where the chain does not hold it.
pub(super) fn lost_head(conn: &mut Connection) -> Result<Option<Head>, DbError> {
    let Some(own) = own_head(conn)? else { return Ok(None) };
    let found = control::walk::entry(conn, own.entry)?;
    Ok(found.is_none_or(|entry| entry.hash != own.hash).then_some(own))
}

/// What follows entry `after` is chained and signed without a gap.
fn follows(conn: &mut Connection, own: &PublicKey, announced: &[EntryRow], after: i64) -> Result<(), DbError> {
    const PAGE: u64 = 200;
    let mut present = announced.iter().rev().find(|entry| entry.number <= after).and_then(named_by);
    let mut last = control::walk::entry(conn, after)?;
    loop {
        let page = control::walk::entries_after(conn, last.as_ref().map_or(after, |last| last.number), PAGE)?;
        let (Some(first), Some(end)) = (page.first(), page.last()) else { return Ok(()) };
        let signatures = control::signature::between(conn, first.number, end.number)?;
        for entry in page {
            let signature = signatures.get(&entry.number).map(String::as_str).unwrap_or_default();
            let is_chained = last.as_ref().is_none_or(|last| chain::follows(&entry, last.number, &last.hash));
            let named = (entry.kind == KEY).then(|| named_by(&entry)).flatten();
            let has_signed = |key: &PublicKey| key.has_signed(&entry.hash, signature);
            // A key for which the one before does not vouch counts where it is the own one: that one was lost.
            let is_signed = present.as_ref().is_some_and(has_signed)
                || named.as_ref().is_some_and(|named| has_signed(named) && (present.is_none() || named == own));
            if !is_chained || chain::hash(&entry) != entry.hash || !is_signed {
                return Err(refusal(format!(
                    "entry {} of the ledger is not chained and signed as those before it, so nothing is done and nothing is \
                     signed after it; look at `tenure verify`",
                    entry.number
                )));
            }
            present = named.or(present);
            last = Some(entry);
        }
    }
}

fn refusal(sentence: impl Into<String>) -> DbError {
    DbError::new(ErrorKind::Other, sentence)
}

/// Before an entry: where the connection carries a key that the chain does not know as the present one, an entry says so.
pub(super) fn make_known(conn: &mut Connection) -> Result<(), DbError> {
    let Some(signer) = conn.signer() else { return Ok(()) };
    let present = control::walk::entries_of_kind(conn, KEY)?.pop();
    if present.as_ref().and_then(named_by) == Some(signer.public()) {
        return Ok(());
    }
    announce(conn, &signer.public())
}

fn announce(conn: &mut Connection, key: &PublicKey) -> Result<(), DbError> {
    let body = json(&Body { key: key.to_string(), actor: super::actor() })?;
    chain::append_signed(conn, KEY, None, body, time::now()).map(drop)
}

/// Hands over to another key, which the one that the connection carries vouches for: whoever trusts that one can trust the
/// next.
pub fn rotate(conn: &mut Connection, to: &Signer) -> Result<(), DbError> {
    appending(conn, |conn| {
        chain::make_ready(conn)?;
        announce(conn, &to.public())
    })
}

/// Keeps the head that a transaction has signed, once that is committed. Where it cannot be kept the next signature is held
/// against an older one.
pub(super) fn remember(conn: &mut Connection) {
    let (Some(head), Some(heads)) = (conn.take_signed(), conn.own_heads()) else { return };
    let kept = place::of(conn).map_err(|error| error.to_string());
    let kept = kept.and_then(|place| heads.write(&place.to_string(), &head).map_err(|error| error.to_string()));
    if let Err(error) = kept {
        tracing::warn!(
            event = "head-not-kept",
            "the head that was signed cannot be kept in the state directory: {error}"
        );
    }
}
