//! One daemon a state directory. Two would do each thing once all the same (the ledger sees to that), but they would write one
//! `daemon.json` in turn, and whoever stops one of them would believe that nothing runs any more.
//!
//! The lock is the kernel's and not the file: it ends with its process, however that ends, and what is left of the file means
//! nothing.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::base::folder::Folder;

/// Held for as long as this lives.
#[derive(Debug)]
pub struct Lock {
    state_dir: PathBuf,
    /// `None` where nothing can be locked there.
    _file: Option<File>,
}

impl Lock {
    /// Without a lock the daemon does its work all the same, as it does without its other files; that is told.
    ///
    /// # Errors
    /// Another daemon has it: who, and what to do.
    pub fn take(state_dir: &Path) -> Result<Lock, String> {
        let file = match lock(state_dir) {
            Ok(Outcome::Mine(file)) => Some(file),
            Ok(Outcome::Anothers(pid)) => return Err(taken(state_dir, pid)),
            Err(error) => {
                tracing::warn!(
                    event = "state-not-locked",
                    "a second daemon would not be noticed, because {} cannot be locked: {error}",
                    path(state_dir).display()
                );
                None
            }
        };
        Ok(Lock { state_dir: state_dir.to_owned(), _file: file })
    }

    /// The same for a config that was read anew, which may name another directory; this one goes on until then.
    ///
    /// # Errors
    /// As of [`take`](Self::take).
    pub fn follow(&mut self, state_dir: &Path) -> Result<(), String> {
        if self.state_dir != state_dir {
            *self = Lock::take(state_dir)?;
        }
        Ok(())
    }
}

enum Outcome {
    Mine(File),
    /// With what the file says of whose it is.
    Anothers(Option<u32>),
}

/// In the state directory.
const LOCK: &str = "daemon.lock";

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(LOCK)
}

fn lock(state_dir: &Path) -> io::Result<Outcome> {
    // Who may open the file may lock it too, and keep the daemon out: so nobody else may.
    let mut file = Folder::at(state_dir)?.own_file(LOCK)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            // For whoever comes next; where the disk is full it is locked all the same.
            let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
            noted.unwrap_or_else(|error| tracing::debug!(event = "pid-not-noted", "the lock names nobody: {error}"));
            Ok(Outcome::Mine(file))
        }
        Err(Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            Ok(Outcome::Anothers(pid))
        }
        Err(error) => Err(error.into()),
    }
}

fn taken(state_dir: &Path, pid: Option<u32>) -> String {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    format!(
        "{who} is a daemon with the state directory {} already; end it first, or give this one another `state_dir`",
        state_dir.display()
    )
}
