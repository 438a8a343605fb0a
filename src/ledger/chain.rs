//! The chain: each entry's hash covers its own fields and the hash before it.
//!
//! The hashed bytes are, one field a line: the word `tenure-entry-1`, the number, the time in microseconds since 1970,
//! the kind, the run (an empty line where there is none), the previous hash (an empty line in the first entry), and then
//! the body to its last byte. `LEDGER.md` tells others how to check it all; its test vectors are tests of ours.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{identity, keys};
use crate::base::own_head::Head;
use crate::db::control::{self, EntryRow};
use crate::db::{Connection, DbError};

/// Appends an entry; must stand in the transaction of what it tells of.
///
/// Two writers that read the same head take the same number, and the second one's insert fails on the primary key: its
/// transaction is rolled back and may be tried again.
pub(super) fn append(
    conn: &mut Connection,
    kind: &str,
    run: Option<&str>,
    body: String,
    at: Timestamp,
) -> Result<EntryRow, DbError> {
    make_ready(conn)?;
    append_signed(conn, kind, run, body, at)
}

/// Before an entry: the ledger is that of this database, the chain is as this installation signed it, and entries say which key
/// signs and of which database the ledger is.
///
/// # Errors
/// Where nothing may be written, with the remedy.
pub(super) fn make_ready(conn: &mut Connection) -> Result<(), DbError> {
    keys::check(conn)?;
    keys::make_known(conn)?;
    identity::make_known(conn)
}

/// As [`append`], with the key of the connection, and whatever the chain was before.
pub(super) fn append_signed(
    conn: &mut Connection,
    kind: &str,
    run: Option<&str>,
    body: String,
    at: Timestamp,
) -> Result<EntryRow, DbError> {
    let last = control::last_entry(conn)?;
    let mut entry = EntryRow {
        number: last.as_ref().map_or(1, |last| last.number + 1),
        at: at.as_microsecond(),
        kind: kind.to_owned(),
        run: run.map(str::to_owned),
        body,
        previous: last.map(|last| last.hash).unwrap_or_default(),
        hash: String::new(),
    };
    entry.hash = hash(&entry);
    control::insert_entry(conn, &entry)?;
    if let Some(signer) = conn.signer() {
        control::signature::insert(conn, entry.number, &signer.sign(&entry.hash))?;
        conn.note_signed(Head { entry: entry.number, hash: entry.hash.clone() });
    }
    Ok(entry)
}

/// What an entry's hash is taken of.
pub fn canonical(entry: &EntryRow) -> String {
    format!(
        "{VERSION}\n{}\n{}\n{}\n{}\n{}\n{}",
        entry.number,
        entry.at,
        entry.kind,
        entry.run.as_deref().unwrap_or_default(),
        entry.previous,
        entry.body,
    )
}

/// The first line of the canonical bytes.
const VERSION: &str = "tenure-entry-1";

/// The entry whose canonical bytes these are.
pub fn parse(canonical: &str) -> Option<EntryRow> {
    let mut lines = canonical.splitn(7, '\n');
    let mut line = || lines.next();
    if line()? != VERSION {
        return None;
    }
    Some(EntryRow {
        number: line()?.parse().ok()?,
        at: line()?.parse().ok()?,
        kind: line()?.to_owned(),
        run: Some(line()?.to_owned()).filter(|run| !run.is_empty()),
        previous: line()?.to_owned(),
        body: line()?.to_owned(),
        hash: hash_of(canonical),
    })
}

/// Does it say of itself that it comes after the entry of this number and hash?
pub(super) fn follows(entry: &EntryRow, number: i64, hash: &str) -> bool {
    entry.number == number + 1 && entry.previous == hash
}

/// Lower-case hexadecimal SHA-256 of an entry's canonical bytes.
pub fn hash(entry: &EntryRow) -> String {
    hash_of(&canonical(entry))
}

fn hash_of(canonical: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(canonical))
}

/// SHA-256 as it stands in bodies and reports: `sha256:` and hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    prefixed(&Sha256::digest(bytes))
}

/// A SHA-256 that is there already.
pub fn prefixed(hash: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_bytes_are_those_of_the_test_vector() {
        let entry = EntryRow {
            number: 1,
            at: 1_767_225_600_000_000,
            kind: "run".into(),
            run: Some("r1".into()),
            body: "{}".into(),
            previous: String::new(),
            hash: String::new(),
        };
        // printf 'tenure-entry-1\n1\n1767225600000000\nrun\nr1\n\n{}' | sha256sum
        assert_eq!(hash(&entry), "6eda8525d3340c6a73d8b9e6702c53521057cc8b9c62adc705e7b7f49877f03d");
        assert_eq!(parse(&canonical(&entry)), Some(EntryRow { hash: hash(&entry), ..entry }));
    }
}
