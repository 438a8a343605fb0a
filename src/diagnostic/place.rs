//! A file as it was read, and where its values stand in it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::mistake::Mistake;

/// A file as it was read, for showing mistakes in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

impl Source {
    /// Reads a file of UTF-8 text; `what` names its kind in the mistake.
    pub(crate) fn read(what: &str, path: &Path) -> Result<Self, Mistake> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| Mistake::error(format!("cannot read the {what} `{}`: {reason}", path.display())))?;
        Ok(Self { path: path.to_owned(), text })
    }
}

/// Where each key of a table in the file stands: key (`"table"`, `"redact.ip"`) to the byte range of its value.
/// The empty key is the place of the whole table's header.
#[derive(Debug, Clone)]
pub struct Places {
    pub source: Arc<Source>,
    pub spans: BTreeMap<String, Range<usize>>,
}
