//! Which rows a statement means: age, conditions, holds, references, ownership, windows.

pub(in crate::db) mod age;
pub(in crate::db) mod anchor;
pub mod condition;
pub(in crate::db) mod doomed;
pub(in crate::db) mod eligible;
pub mod exclusion;
pub mod few;
pub(in crate::db) mod key_batch;
pub(in crate::db) mod own_kind;
mod text;
pub(in crate::db) mod whose;
pub mod window;
