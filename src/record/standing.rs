//! How a promise stands.

use serde::{Deserialize, Serialize};

/// From best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    Kept,
    /// Of a promise: the run left out a rule that bears it.
    NotLookedAt,
    /// Of a dry run only: rows are past their period, and a run would act on them.
    Overdue,
    /// Rows past their period stay: a guard, a reference or an early stop keeps them.
    AtRisk,
    /// Nothing can be said: the rule could not be planned, the run did not close, or nothing was checked.
    Unknown,
    Broken,
}

impl Standing {
    pub fn is_kept(self) -> bool {
        self == Self::Kept
    }

    /// In words, for a reader.
    pub fn label(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::NotLookedAt => "not looked at",
            Self::Overdue => "overdue",
            Self::AtRisk => "at risk",
            Self::Unknown => "not known",
            Self::Broken => "broken",
        }
    }
}
