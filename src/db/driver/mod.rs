//! Connections to the three databases: URLs, sessions, values, errors.

pub(in crate::db) mod connection;
mod error;
mod greeting;
mod session;
mod sqlite_functions;
pub mod url;
mod value;

pub use connection::{Connection, Mode};
pub use error::{DbError, ErrorKind};
pub use session::Access;
pub use value::{Row, Statement, Value};
