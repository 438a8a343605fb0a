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

pub use crate::base::dialect::Dialect;
pub use driver::{Access, Connection, DbError, ErrorKind, Grammar, Mode, Row, Statement, Value};
pub use sql::InsertInto;
