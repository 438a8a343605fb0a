//! The state as a file in the state directory, for other processes: `tenure status` tells by it what the daemon does, and
//! the next daemon when the clocks were last seen to agree.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::state::State;
use crate::base::folder::Folder;

/// Where nothing else changed, the file is written anew so often.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// In the state directory.
const RECORD: &str = "daemon.json";

/// The state that a daemon wrote last. It may have died since: its `pid` tells, and so does `last_tick`.
///
/// # Errors
/// Where there is none, or it cannot be read.
pub fn read(state_dir: &Path) -> io::Result<State> {
    Ok(serde_json::from_slice(&Folder::existing(state_dir)?.read(RECORD)?)?)
}

/// Writes the state whenever it changed.
#[derive(Debug, Default)]
pub struct Writer {
    last: Option<(State, Duration)>,
    failed: bool,
}

impl Writer {
    /// Without it the daemon does its work all the same, so a failure is told once.
    pub fn write(&mut self, state_dir: &Path, state: &State, boot: Duration) {
        let is_news = self.last.as_ref().is_none_or(|(last, at)| {
            let then = State { last_tick: state.last_tick, rules: Default::default(), ..last.clone() };
            let now = State { rules: Default::default(), ..state.clone() };
            then != now || boot.saturating_sub(*at) >= AT_LEAST_EVERY
        });
        if !is_news {
            return;
        }
        self.last = Some((State { rules: Default::default(), ..state.clone() }, boot));
        match replace(state_dir, state) {
            Ok(()) => self.failed = false,
            Err(error) => {
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::warn!(
                        event = "state-not-written",
                        "the daemon's state cannot be written to {}: {error}",
                        state_dir.display()
                    );
                }
            }
        }
    }
}

fn replace(state_dir: &Path, state: &State) -> io::Result<()> {
    Folder::at(state_dir)?.replace_for_now(RECORD, &serde_json::to_vec_pretty(state)?)
}
