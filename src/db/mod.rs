//! The only room that knows a dialect and the only one that holds SQL.
//!
//! Everything above speaks of [`Statement`]s, [`Row`]s and [`catalog`] facts. A statement is put together from checked
//! names, bound values, parsed conditions and the literals of this room; nothing else can get into one.

pub mod advice;
mod along;
mod anchor;
pub mod batch;
mod builder;
pub mod catalog;
pub mod condition;
mod connection;
pub mod control;
pub mod count;
mod doomed;
mod error;
pub mod exclusion;
pub mod few;
mod inner;
mod insert;
mod own_kind;
pub mod people;
pub mod person;
mod predicate;
pub mod probe;
mod redact;
pub mod rewrite;
pub mod rollup;
mod row_keys;
mod sqlite_functions;
pub mod statistics;
mod sweep;
pub mod taken;
pub mod url;
mod value;
mod whose;
pub mod window;

pub use connection::{Access, Connection, Mode};
pub use error::{DbError, ErrorKind};
pub use insert::InsertInto;
pub use value::{Row, Statement, Value};

/// The three kinds of database; chosen by the URL's scheme at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    Sqlite,
    Postgres,
    Mysql,
}

impl Dialect {
    /// By the URL's scheme: `sqlite:`, `postgres:` or `postgresql:`, `mysql:` or `mariadb:`.
    pub fn of_url(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Dialect::Sqlite),
            "postgres" | "postgresql" => Some(Dialect::Postgres),
            "mysql" | "mariadb" => Some(Dialect::Mysql),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Sqlite => "SQLite",
            Dialect::Postgres => "PostgreSQL",
            Dialect::Mysql => "MySQL",
        }
    }

    /// The character that quotes identifiers.
    pub fn quote(self) -> char {
        match self {
            Dialect::Sqlite | Dialect::Postgres => '"',
            Dialect::Mysql => '`',
        }
    }
}
