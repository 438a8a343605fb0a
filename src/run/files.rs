//! Reports as files in the state directory: for people, and for dry runs, which write no database.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::base::folder::{Folder, Readers};
use crate::record::RunRecord;
use crate::report::{csv, html, json, text};

/// The folder in the state directory.
const REPORTS: &str = "reports";

/// Writes the run's report in every format; the path without its ending.
pub fn write(state_dir: &Path, record: &RunRecord) -> anyhow::Result<PathBuf> {
    let dir = state_dir.join(REPORTS);
    let open = || Folder::at(state_dir)?.folder(REPORTS);
    let folder = open().with_context(|| format!("cannot make the directory {}", dir.display()))?;
    let runs = std::slice::from_ref(record);
    // The JSON last: a run whose JSON is there has all its reports.
    let all = [
        ("txt", text::render(runs)),
        ("html", html::render(runs)),
        ("csv", csv::render(runs)),
        ("json", json::render(runs)),
    ];
    for (ending, content) in all {
        let name = format!("{}.{ending}", record.run);
        let written = folder.replace(&name, content.as_bytes(), Readers::AsFolder);
        written.with_context(|| format!("cannot write the report {}", dir.join(&name).display()))?;
    }
    Ok(dir.join(&record.run))
}

/// What was found among the reports.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest first.
    pub records: Vec<RunRecord>,
    /// Why a file could not be read, in sentences: it hides no other.
    pub unreadable: Vec<String>,
}

/// Records of runs whose id starts with `prefix`.
///
/// # Errors
/// Where the folder cannot be read.
pub fn find(state_dir: &Path, prefix: &str) -> anyhow::Result<Found> {
    let dir = state_dir.join(REPORTS);
    let open = || match Folder::existing(state_dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        state => state?.folder_if_there(REPORTS),
    };
    let Some(folder) = open().with_context(|| format!("cannot read {}", dir.display()))? else {
        return Ok(Found::default());
    };
    let mut names = folder.names().with_context(|| format!("cannot read {}", dir.display()))?;
    names.retain(|name| name.starts_with(prefix) && name.ends_with(".json"));
    let mut found = Found::default();
    for name in names.iter().rev() {
        match read(&folder, name) {
            Ok(records) => found.records.extend(records),
            Err(error) => found.unreadable.push(format!("{}: {error:#}", dir.join(name).display())),
        }
    }
    Ok(found)
}

fn read(folder: &Folder, name: &str) -> anyhow::Result<Vec<RunRecord>> {
    let bytes = folder.read(name).context("it cannot be read")?;
    let text = String::from_utf8(bytes).context("it is no report")?;
    json::parse(&text).context("it is no report")
}
