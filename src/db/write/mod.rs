//! Statements that change rows, each inside the transaction of the caller.

pub(in crate::db) mod along;
pub mod batch;
pub mod hashes;
pub mod people;
pub(in crate::db) mod redact;
pub mod rollup;
pub(in crate::db) mod sweep;
