//! What the ledger knows of a policy's schedule: the terms of each rule as it last saw them, and those that are in force
//! until somebody consents to wider ones. Every change of them is an entry of the chain.
//!
//! ```text
//! known.rs     a schedule as an entry has it
//! rule.rs      the terms of a rule, and where they reach beyond others
//! hold.rs      the terms of a hold, and where it covers less
//! people.rs    the terms of a map of people
//! memory.rs    what all entries together say of the rules that a schedule has now
//! changes.rs   what is new, in sentences
//! wording.rs   terms as sentences show them
//! ```

mod changes;
mod hold;
mod known;
pub mod memory;
pub mod people;
mod rule;
#[cfg(test)]
mod tests;
mod wording;

pub use changes::changes;
pub use hold::{HoldTerms, until};
pub use known::Known;
pub use rule::Terms;

use known::SCHEDULE;
