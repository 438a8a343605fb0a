//! What is wrong with a text, and what to write instead.

use crate::base::name::NameError;

/// Why a text does not follow its notation, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub message: String,
    pub remedy: String,
}

impl Flaw {
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }
}

impl From<NameError> for Flaw {
    fn from(error: NameError) -> Self {
        Self::new(error.to_string(), "write the name as the database has it")
    }
}
