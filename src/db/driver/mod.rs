//! Connections to the three databases: URLs, sessions, values, errors.

pub(in crate::db) mod connection;
mod error;
mod open;
mod sqlite_functions;
mod value;

pub use connection::{Access, Connection, Mode};
pub use error::{DbError, ErrorKind};
pub use value::{Row, Statement, Value};
