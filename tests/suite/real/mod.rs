//! Schemas of real applications as their Debian packages ship them, with rows around a cutoff.
//!
//! The packages are downloaded when a test first asks for one, and never committed. Each application's module has
//! `schema(dialect)`, the script that makes its empty tables. `fill(db, rows, cutoff)` puts rows around a cutoff there and says
//! where, `people(db)` puts some people there, and `map()` is a careful person's map of them.

mod filled;
pub mod mediawiki;
pub mod package;
pub mod people;
pub mod request_tracker;
pub mod roundcube;
pub mod wordpress;
pub mod zabbix;

pub use filled::{Around, Filled};
