//! The only room that knows a dialect and the only one that holds SQL.
//!
//! Everything above speaks of [`Statement`]s, [`Row`]s and [`catalog`] facts. A statement is put together from checked
//! names, bound values, parsed conditions and the literals of this room; nothing else can get into one.

pub mod catalog;
pub mod control;
pub mod driver;
pub mod maintain;
pub mod predicate;
pub mod query;
pub mod sql;
pub mod write;

pub use driver::{Access, Connection, DbError, ErrorKind, Mode, Row, Statement, Value};
pub use sql::InsertInto;

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
