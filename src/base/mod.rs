//! What every room may use and what uses no other room: checked names, ids as people type them, folders that lead nowhere else, time,
//! secrets, signatures, pseudonyms, visible text.

pub mod dialect;
pub mod folder;
pub mod id;
pub mod keyed_hash;
pub mod name;
pub mod own_head;
pub mod pseudonym;
pub mod secret;
pub mod signing;
pub mod time;
pub mod visible;
