//! Statements that leave no trace of rows that are gone, and advice for the owner of the database.

pub mod advice;
pub mod rewrite;
pub mod statistics;
