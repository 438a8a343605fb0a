//! Schemas of real applications as their Debian packages ship them, with rows around a cutoff.
//!
//! The packages are downloaded when a test first asks for one, and never committed. Each application's module has
//! `schema(dialect)`, the script that makes its empty tables, and `fill(db, rows, cutoff)`, which says what it put where.

mod filled;
pub mod mediawiki;
pub mod package;
pub mod request_tracker;
pub mod zabbix;

pub use filled::{Around, Filled};
