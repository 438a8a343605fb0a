//! What every room may use and what uses no other room: checked names, time, secrets, signatures, pseudonyms, visible text.

pub mod dialect;
pub mod name;
pub mod pseudonym;
pub mod secret;
pub mod signing;
pub mod time;
pub mod visible;
