//! Statements that change rows, each inside the transaction of the caller.

pub mod batch;
pub mod hashes;
pub mod people;
pub mod people_sweep;
pub(in crate::db) mod redact;
mod renewal;
pub mod rollup;
