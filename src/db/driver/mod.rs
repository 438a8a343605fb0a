//! Connections to the three databases: URLs, sessions, values, errors.

pub(in crate::db) mod connection;
mod error;
mod grammar;
mod greeting;
mod open;
mod session;
mod sqlite_functions;
mod value;

pub use connection::{Connection, Mode};
pub use error::{DbError, ErrorKind};
pub use grammar::Grammar;
pub use session::Access;
pub use value::{Row, Statement, Value};
