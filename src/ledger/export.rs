//! Copies of a person's data that were handed out. Each is an entry, in which the person is a pseudonym.

use jiff::Timestamp;
use serde::Serialize;

use super::{appending, chain, json};
use crate::base::pseudonym::Pseudonym;
use crate::db::{Connection, DbError};

/// What was copied, for whom and why.
#[derive(Debug, Clone)]
pub struct Export {
    pub policy: String,
    pub person: Pseudonym,
    /// By the parts of the map.
    pub rows: Vec<(String, u64)>,
    /// Of the file: `sha256:` and hex.
    pub digest: String,
    pub reason: String,
    pub by: String,
}

#[derive(Serialize)]
struct Body<'a> {
    policy: &'a str,
    person: &'a str,
    key_id: &'a str,
    rows: std::collections::BTreeMap<&'a str, u64>,
    file: &'a str,
    reason: &'a str,
    by: &'a str,
}

/// Notes an export in the chain.
pub fn record(conn: &mut Connection, export: &Export, at: Timestamp) -> Result<(), DbError> {
    let body = json(&Body {
        policy: &export.policy,
        person: &export.person.digest,
        key_id: &export.person.key_id,
        rows: export.rows.iter().map(|(name, rows)| (name.as_str(), *rows)).collect(),
        file: &export.digest,
        reason: &export.reason,
        by: &export.by,
    })?;
    appending(conn, |conn| chain::append(conn, "export", None, body.clone(), at)).map(drop)
}
