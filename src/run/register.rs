//! The register of erasures, `erasures.jsonl` in the state directory: it repeats the ledger's rows for the day on which the
//! database is restored from a backup and has lost the newest of them. Lines are added to it, and never taken away.
//!
//! Before a run erases anybody it puts an empty file of its name beside the register, for which there is room also on most
//! disks that are full, and takes it away when its rows are in the register. So whatever fails or dies in between, the next run
//! of this state directory sees which runs the register lacks without reading either of the two, and adds them from the ledger.
//! Each state directory has marks of its own runs, and of those that one of its runs found dead and closed.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::value::RawValue;

use super::Job;
use crate::base::folder::Folder;
use crate::db::{Access, Connection, DbError};
use crate::execute::{self, Stop};
use crate::ledger::erasure::{self, Erased};
use crate::ledger::{self, Presence};

/// In the state directory: the register, the folder of marks, and that of the ledgers of which it has everything.
const REGISTER: &str = "erasures.jsonl";
const MARKS: &str = "unregistered";
const LOOKED_THROUGH: &str = "registered";

/// Where the register is.
pub fn file(state_dir: &Path) -> PathBuf {
    state_dir.join(REGISTER)
}

/// Where the marks are of the runs that it lacks.
pub fn marks(state_dir: &Path) -> PathBuf {
    state_dir.join(MARKS)
}

/// Marks a run whose rows are not in the register; it stays through a crash of the host.
pub(super) fn mark(state_dir: &Path, run: &str) -> anyhow::Result<()> {
    let made = Folder::at(state_dir).and_then(|state| state.folder(MARKS)?.mark(run));
    made.with_context(|| format!("cannot make the file `{run}` in {}", marks(state_dir).display()))
}

/// Of a run that was not marked, nothing is to be taken away. A mark that stays costs the next run some lines twice.
fn unmark(state_dir: &Path, run: &str) {
    let _ = Folder::existing(state_dir)
        .and_then(|state| state.folder_if_there(MARKS)?.map_or(Ok(()), |marks| marks.remove(run)));
}

/// The runs that are marked, also those that are under way.
///
/// # Errors
/// Where the marks cannot be read.
pub fn marked(state_dir: &Path) -> anyhow::Result<BTreeSet<String>> {
    let look = || match Folder::existing(state_dir)?.folder_if_there(MARKS)? {
        Some(marks) => marks.names(),
        None => Ok(Vec::new()),
    };
    match look() {
        // What is no directory has no marks in it either: whoever has to make one is told.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(BTreeSet::new())
        }
        names => {
            Ok(names.with_context(|| format!("cannot read {}", marks(state_dir).display()))?.into_iter().collect())
        }
    }
}

/// Adds what a run erased, or says why it is not there. The ledger has it, but one that is restored from a backup would not:
/// without the register nobody would be erased again.
pub(super) fn add(job: &Job<'_>, conn: &mut Connection, run: &str) -> Option<String> {
    let error = append(&job.config.state_dir, conn, run).err()?;
    Some(lacks(run, &format!("{error:#}")))
}

/// The same, again where the connection is lost meanwhile: who is in the register twice is there all the same.
pub(super) fn add_patiently(job: &Job<'_>, conn: &mut Connection, run: &str, stop: &Stop) -> Option<String> {
    let reopen = || job.connect(Access::ReadWrite);
    let done = execute::patiently(conn, &reopen, stop, |conn| match append(&job.config.state_dir, conn, run) {
        Ok(()) => Ok(None),
        Err(error) => error.downcast::<DbError>().map_or_else(|error| Ok(Some(format!("{error:#}"))), Err),
    });
    Some(lacks(run, &done.unwrap_or_else(|halt| Some(halt.sentence()))?))
}

/// Adds what runs before this one could not; of which it still lacks. What another run is at is its own affair, and what this
/// ledger does not know is in another one, or in none any more: both keep their marks.
pub(super) fn catch_up(job: &Job<'_>, conn: &mut Connection, stop: &Stop) -> Result<Vec<String>, DbError> {
    let marked = match marked(&job.config.state_dir) {
        Ok(marked) => marked,
        Err(error) => {
            return Ok(vec![format!("nobody can tell whether the register of erasures lacks a run: {error:#}")]);
        }
    };
    let mut lacking = Vec::new();
    for run in marked {
        if ledger::presence(conn, &run)? == Presence::Closed {
            lacking.extend(add_patiently(job, conn, &run, stop));
        }
    }
    Ok(lacking)
}

/// Marks the runs of this ledger of which the register lacks anything, once for each register and ledger: of a register that was
/// deleted, or of a state directory that is new, that is all of them. What is to be said of that; [`catch_up`] adds them.
///
/// # Errors
/// Why nobody can tell what it lacks, and those of the database.
pub(super) fn look_through(job: &Job<'_>, conn: &mut Connection) -> anyhow::Result<Option<String>> {
    let state_dir = &job.config.state_dir;
    let path = file(state_dir);
    let state = Folder::at(state_dir).with_context(|| format!("cannot open {}", state_dir.display()))?;
    let is_missing = !state.has(REGISTER);
    if is_missing && state.has(LOOKED_THROUGH) {
        // Before anything is written to another one: what is noted there was noted of the one that is gone.
        let removed = state.remove_folder(LOOKED_THROUGH);
        removed.with_context(|| format!("cannot remove {}", state.path_of(LOOKED_THROUGH).display()))?;
    }
    let Some(ledger) = ledger::identity(conn)? else { return Ok(None) };
    let noted = || state.folder_if_there(LOOKED_THROUGH);
    let noted = noted().with_context(|| format!("cannot read {}", state.path_of(LOOKED_THROUGH).display()))?;
    if noted.is_some_and(|noted| noted.has(&ledger)) {
        return Ok(None);
    }
    let lines = if is_missing { Lines::default() } else { read_own(state_dir)? };
    let there: HashSet<String> = lines.erased.into_iter().map(|erased| erased.reference).collect();
    let mut lacking = BTreeSet::new();
    erasure::each(conn, &mut |erased| {
        if !there.contains(&erased.reference) {
            lacking.insert(erased.run);
        }
    })?;
    if is_missing && lacking.is_empty() {
        return Ok(None);
    }
    // Who dies before it is noted looks through it again.
    lacking.iter().try_for_each(|run| mark(state_dir, run))?;
    state
        .folder(LOOKED_THROUGH)
        .and_then(|noted| noted.mark(&ledger))
        .with_context(|| format!("cannot make the file `{ledger}` in {}", state.path_of(LOOKED_THROUGH).display()))?;
    Ok((!lacking.is_empty()).then(|| {
        format!(
            "the register of erasures {} lacked what {} runs of this ledger had erased, or some of it; it is added from the ledger",
            path.display(),
            lacking.len()
        )
    }))
}

fn lacks(run: &str, reason: &str) -> String {
    format!(
        "what run `{run}` erased is not in the register of erasures, by which it would be erased again after a restore: \
         {reason}; the next run adds it"
    )
}

/// Appends what a run erased; its mark goes when all of it is there.
fn append(state_dir: &Path, conn: &mut Connection, run: &str) -> anyhow::Result<()> {
    /// Each time waits for the disk, and what is written says nothing until the mark is gone.
    const LINES: usize = 10_000;
    let mut waiting: Vec<String> = Vec::new();
    let flush = |waiting: &mut Vec<String>| write(state_dir, &std::mem::take(waiting).concat());
    let written = erasure::each_of_run(conn, run, &mut |erased: Erased<Box<RawValue>>| -> anyhow::Result<()> {
        waiting.push(serde_json::to_string(&erased)? + "\n");
        if waiting.len() == LINES { flush(&mut waiting) } else { Ok(()) }
    });
    match written.and_then(|()| if waiting.is_empty() { Ok(()) } else { flush(&mut waiting) }) {
        Ok(()) => unmark(state_dir, run),
        Err(error) => {
            // A run that died under another state directory has no mark here yet. Where none can be made, the run that meets
            // this says so, and no other will.
            let _ = mark(state_dir, run);
            return Err(error);
        }
    }
    Ok(())
}

/// A line each.
fn write(state_dir: &Path, lines: &str) -> anyhow::Result<()> {
    let written = Folder::at(state_dir).and_then(|state| state.append(REGISTER, lines));
    written.with_context(|| format!("cannot write the register {}", file(state_dir).display()))
}

/// What is in a register.
#[derive(Debug, Default)]
pub struct Lines {
    pub erased: Vec<Erased>,
    /// The numbers, from 1, of lines that are none of a register: cut off by a crash or a full disk, or not ours. A disk that lost
    /// its power may hold anything there, also what is no text.
    pub unreadable: Vec<usize>,
}

/// Reads a register, a copy of one, or one of another host. What is whole is read, whatever stands around it.
///
/// # Errors
/// Where the file cannot be read.
pub fn read(path: &Path) -> anyhow::Result<Lines> {
    let bytes = fs::read(path).with_context(|| format!("cannot read the register {}", path.display()))?;
    Ok(lines_of(&bytes))
}

/// The same of the register of this state directory.
///
/// # Errors
/// Where the file cannot be read, or is not what the state directory's owner put there.
pub fn read_own(state_dir: &Path) -> anyhow::Result<Lines> {
    let bytes = Folder::existing(state_dir).and_then(|state| state.read(REGISTER));
    Ok(lines_of(&bytes.with_context(|| format!("cannot read the register {}", file(state_dir).display()))?))
}

fn lines_of(bytes: &[u8]) -> Lines {
    let mut lines = Lines::default();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        match serde_json::from_slice(line) {
            Ok(erased) => lines.erased.push(erased),
            Err(_) => lines.unreadable.push(at + 1),
        }
    }
    lines
}
