//! The retention schedule: TOML to checked rules, every mistake at once.
//!
//! Two forms are kept apart. The *raw* form (`diagnostic::document`) is the TOML itself, walked with every value's place and with
//! one list of mistakes, because serde would stop at the first. The *checked* form (`policy.rs`, `rule.rs`, …) is what the rest of the
//! house uses: nothing in it can be malformed, and every part still knows its place, so that a mistake that only the live
//! database reveals is shown under the same line.
//!
//! ```text
//! notation.rs   the small notations inside texts: column paths, time formats, measures, templates
//! check.rs      the tables of the file, one function a table
//! action.rs     what a rule does, and what goes with it
//! subject.rs    whose data it is: the map of people
//! promise.rs    what was published, word for word
//! conflict.rs   what is wrong between rules that are right by themselves
//! ```
//!
//! A schedule knows no database: names are checked for shape here and for existence in `plan`.

mod action;
mod age;
mod aggregate;
pub(crate) mod check;
mod conflict;
mod hold;
pub(crate) mod notation;
mod policy;
mod promise;
mod redaction;
mod rule;
mod subject;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Source;

pub use age::{Age, Anchor, ColumnPath, FormatPart, Hop, Never, Reading, TextFormat};
pub use aggregate::{Aggregate, Bucket, Measure, MeasureFunction};
pub(crate) use conflict::act_on_same_rows;
pub use hold::{Hold, Term};
pub use policy::{Keep, Policy, Schedule};
pub use promise::Promise;
pub use redaction::{Redact, Redaction, Scalar, TemplatePart};
pub use rule::{Action, Cascade, Former, Guard, Rule, Then};
pub use subject::{Data, DataAct, MarkWith, Requests, Subject};

/// Reads and checks a schedule file.
///
/// # Errors
/// All mistakes of the file, in its order; or the one that it cannot be read.
pub fn load(path: &Path) -> Result<Schedule, Vec<Mistake>> {
    parse(Source::read("schedule", path).map_err(|mistake| vec![mistake])?)
}

/// Checks a schedule that was read already.
///
/// # Errors
/// All mistakes of the text, in its order.
pub fn parse(source: Source) -> Result<Schedule, Vec<Mistake>> {
    check::schedule(Arc::new(source))
}
