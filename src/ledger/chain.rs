//! The chain: each entry's hash covers its own fields and the hash before it.
//!
//! The hashed bytes are, one field a line: the word `tenure-entry-1`, the number, the time in microseconds since 1970,
//! the kind, the run (an empty line where there is none), the previous hash (an empty line in the first entry), and then
//! the body to its last byte.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

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
    Ok(entry)
}

/// Lower-case hexadecimal SHA-256 of an entry's canonical bytes.
fn hash(entry: &EntryRow) -> String {
    let head = format!(
        "tenure-entry-1\n{}\n{}\n{}\n{}\n{}\n",
        entry.number,
        entry.at,
        entry.kind,
        entry.run.as_deref().unwrap_or_default(),
        entry.previous,
    );
    hex(&Sha256::new().chain_update(head).chain_update(&entry.body).finalize())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    }
}
