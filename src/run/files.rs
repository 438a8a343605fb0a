//! Reports as files in the state directory: for people, and for dry runs, which write no database.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::record::RunRecord;
use crate::report::{csv, html, json, text};

/// Writes the run's report in every format; the path without its ending.
pub fn write(state_dir: &Path, record: &RunRecord) -> anyhow::Result<PathBuf> {
    let dir = reports(state_dir);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make the directory {}", dir.display()))?;
    let base = dir.join(&record.run);
    let runs = std::slice::from_ref(record);
    // The JSON last: a run whose JSON is there has all its reports.
    let all = [
        ("txt", text::render(runs)),
        ("html", html::render(runs)),
        ("csv", csv::render(runs)),
        ("json", json::render(runs)),
    ];
    for (ending, content) in all {
        let path = base.with_extension(ending);
        replace(&path, &content).with_context(|| format!("cannot write the report {}", path.display()))?;
    }
    Ok(base)
}

fn reports(state_dir: &Path) -> PathBuf {
    state_dir.join("reports")
}

/// Whole or not at all: a full disk leaves no half a report under the report's name.
fn replace(path: &Path, content: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Records of runs whose id starts with `prefix`, newest first.
pub fn find(state_dir: &Path, prefix: &str) -> anyhow::Result<Vec<RunRecord>> {
    if prefix.contains(['/', '\\']) {
        bail!("`{prefix}` is no run");
    }
    let dir = reports(state_dir);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", dir.display())),
    };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix) && name.ends_with(".json"))
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    let mut records = Vec::new();
    for name in names {
        let path = dir.join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        records.extend(json::parse(&text).with_context(|| format!("{} is no report", path.display()))?);
    }
    Ok(records)
}
