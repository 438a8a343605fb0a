//! Mistakes in files: where a value stands, what is wrong with it, and how a terminal shows it.

pub mod document;
pub mod flaw;
pub mod mistake;
pub mod place;
