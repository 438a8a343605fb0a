//! How a run was called that a guard stopped: its schedules and its database, so that `tenure approve` need not be told again.
//! It stands in the state directory, and decides nothing: what is approved is the run that the ledger knows, by the schedule
//! of the same digest.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Common, screen};
use crate::app::setup::Sources;
use crate::base::folder::{Folder, Readers};
use crate::record::{RunRecord, Status};

/// The folder in the state directory.
const ASKED: &str = "asked";

#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    schedules: Vec<PathBuf>,
    /// `None` where none was named, and where the URL may hold a password.
    database: Option<String>,
}

/// Writes it down for each run that waits for an approval. A run that was called without options finds them in its config.
pub(super) fn remember(common: &Common, state_dir: &Path, records: &[RunRecord]) -> io::Result<()> {
    let database = common.database.clone().filter(|url| screen::bears_no_secret(url));
    if common.schedules.is_empty() && database.is_none() {
        return Ok(());
    }
    let asked = serde_json::to_vec(&Asked { schedules: common.schedules.clone(), database })?;
    let is_guarded = |run: &&RunRecord| run.rules.iter().any(|rule| rule.status == Status::Guarded);
    for run in records.iter().filter(|run| !run.is_dry_run() && !run.is_asked_for()).filter(is_guarded) {
        let folder = Folder::at(state_dir)?.folder(ASKED)?;
        folder.replace(&file(&run.run), &asked, Readers::Owner)?;
    }
    Ok(())
}

/// Fills in what was not named again. Where no one file fits the beginning of the run's id, nothing is filled in.
pub(super) fn fill_in(sources: Sources, state_dir: &Path, run: &str) -> io::Result<Sources> {
    let Some(asked) = read(state_dir, run)? else { return Ok(sources) };
    let schedules = if sources.schedules.is_empty() { asked.schedules } else { sources.schedules };
    Ok(Sources { schedules, database: sources.database.or(asked.database), ..sources })
}

/// An approval is good for one run.
pub(super) fn forget(state_dir: &Path, run: &str) {
    // What stays there is of no use without the approval, which is used up.
    let _ = Folder::at(state_dir).and_then(|state| state.folder(ASKED)?.remove(&file(run)));
}

fn read(state_dir: &Path, run: &str) -> io::Result<Option<Asked>> {
    let state = match Folder::existing(state_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        state => state?,
    };
    let Some(folder) = state.folder_if_there(ASKED)? else { return Ok(None) };
    let names = folder.names()?;
    let mut fitting = names.iter().filter(|name| name.starts_with(run));
    let (Some(name), None) = (fitting.next(), fitting.next()) else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&folder.read(name)?)?))
}

fn file(run: &str) -> String {
    format!("{run}.json")
}
