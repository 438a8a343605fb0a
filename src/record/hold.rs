//! A hold as a record names it.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldRecord {
    pub hold: String,
    pub promises: Vec<String>,
    pub table: String,
    /// As written: `10 years`, `until 2030-01-01`, or `until released`.
    pub term: String,
    pub reason: String,
}
