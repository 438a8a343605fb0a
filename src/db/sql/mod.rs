//! Text of statements: checked names, bound values, literals of the program.

pub(in crate::db) mod builder;
mod expression;
pub(in crate::db) mod insert;
mod print;

pub use insert::InsertInto;
