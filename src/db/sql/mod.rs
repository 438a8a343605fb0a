//! Text of statements: checked names, bound values, literals of the program.

pub(in crate::db) mod builder;
pub(in crate::db) mod insert;

pub use insert::InsertInto;
