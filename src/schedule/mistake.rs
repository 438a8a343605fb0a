//! Mistakes in a schedule or config, shown all at once under the line that holds them.

use std::ops::Range;
use std::sync::Arc;

use super::Source;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing may start.
    Error,
    /// It runs, but somebody should know.
    Warning,
}

/// One thing that is wrong, why, and what to do.
#[derive(Debug, Clone)]
pub struct Mistake {
    pub severity: Severity,
    /// Names the thing and the reason, in one sentence without a full stop.
    pub message: String,
    /// The remedy, in one sentence; may hold a statement to run.
    pub remedy: Option<String>,
    pub place: Option<Place>,
}

#[derive(Debug, Clone)]
pub struct Place {
    pub source: Arc<Source>,
    /// Bytes of `source.text`.
    pub span: Range<usize>,
}
