//! A sample learning platform: a realistic schema, rows made by a formula, and the shipped schedules that act on it.
//!
//! It is what `tenure demo` shows, what the end-to-end tests run on and what the benchmarks measure. The same size, seed
//! and `as_of` give the same rows on every database.

mod campus;
mod draw;
mod edge;
mod instant;
mod platform;
mod table;

use jiff::Timestamp;
use thiserror::Error;

use crate::db::{Connection, DbError, Dialect};

pub use campus::{DemoError, DemoPaths, prepare_demo};
use platform::Platform;
use table::TABLES;

/// The shipped schedules, by file name.
pub const SCHEDULES: [(&str, &str); 3] = [
    ("aalalux.toml", include_str!("../../schedules/aalalux.toml")),
    ("trackora.toml", include_str!("../../schedules/trackora.toml")),
    ("inarax.toml", include_str!("../../schedules/inarax.toml")),
];

/// Which published promise is kept where: every id of the three policies, as TOML.
pub const PROMISES: &str = include_str!("../../schedules/promises.toml");

/// Fewest and most rows that the formula is made for.
pub const ROWS: std::ops::RangeInclusive<u64> = 10_000..=10_000_000;

/// How large a platform, and which of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    rows: u64,
    seed: u64,
}

/// Why there is no platform of that size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the sample platform cannot have {0} rows: choose from {low} to {high}", low = ROWS.start(), high = ROWS.end())]
pub struct SizeError(pub u64);

impl Size {
    /// `rows` in all tables together; `seed` picks names, times and amounts.
    ///
    /// # Errors
    /// Where `rows` lies outside [`ROWS`].
    pub fn new(rows: u64, seed: u64) -> Result<Self, SizeError> {
        if ROWS.contains(&rows) { Ok(Self { rows, seed }) } else { Err(SizeError(rows)) }
    }
}

/// How many rows each table got, in the order in which they were filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub tables: Vec<(&'static str, u64)>,
}

impl Tally {
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// Makes the platform's empty tables in the database behind `connection`.
///
/// # Errors
/// Those of the database, among them that a table of that name exists.
pub fn create(connection: &mut Connection) -> Result<(), DbError> {
    connection.script(match connection.dialect() {
        Dialect::Sqlite => include_str!("schema/sqlite.sql"),
        Dialect::Postgres => include_str!("schema/postgres.sql"),
        Dialect::Mysql => include_str!("schema/mysql.sql"),
    })
}

/// Fills the tables that [`create`] made, as they stand at `as_of`. Rows are made one at a time as they are written: the
/// memory needed does not depend on their number.
///
/// # Errors
/// Those of the database; the tables filled until then stay filled.
pub fn generate(connection: &mut Connection, size: &Size, as_of: Timestamp) -> Result<Tally, DbError> {
    let platform = Platform::new(size, as_of);
    let mut tally = Tally { tables: Vec::with_capacity(TABLES.len()) };
    for table in TABLES {
        let rows = (0..(table.rows)(&platform.counts)).map(|row| (table.row)(&platform, row));
        tally.tables.push((table.name, connection.insert_all(&table.target(), rows)?));
    }
    Ok(tally)
}

#[cfg(test)]
mod tests;
