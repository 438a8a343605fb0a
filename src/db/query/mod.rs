//! Statements that read: counts, one person's rows, placeholder conflicts, probes.

pub mod count;
pub mod mark;
pub mod person;
pub mod planned;
pub mod probe;
pub mod taken;
