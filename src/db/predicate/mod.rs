//! Which rows a statement means: age, conditions, holds, references, ownership, windows.

pub(in crate::db) mod age;
pub(in crate::db) mod anchor;
pub mod condition;
pub(in crate::db) mod deletion_set;
pub(in crate::db) mod eligible;
pub mod exclusion;
pub mod few;
pub(in crate::db) mod inner;
pub(in crate::db) mod key_batch;
pub(in crate::db) mod row_keys;
pub(in crate::db) mod self_reference;
mod text;
pub(in crate::db) mod whose;
pub mod window;
