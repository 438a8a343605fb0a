//! The ledger's own retention.

use jiff::Timestamp;

use super::Job;
use crate::db::{Connection, ErrorKind};
use crate::ledger;

/// What came of it where anything was due. It can wait for a role that may.
pub(super) fn ledger(job: &Job<'_>, conn: &mut Connection, now: Timestamp) -> Option<String> {
    let retain = &job.config.ledger_retain;
    match ledger::compact::compact(conn, retain, now) {
        Ok(0) => None,
        Ok(batches) => {
            Some(format!("{batches} batches of the ledger, older than {retain}, were compacted into their digests"))
        }
        Err(error) if error.kind == ErrorKind::Privilege => Some(format!(
            "batches of the ledger older than {retain} wait to be compacted, which this role may not: let the control tables' \
             owner run `tenure migrate`"
        )),
        Err(error) => Some(format!("batches of the ledger older than {retain} could not be compacted: {error}")),
    }
}
