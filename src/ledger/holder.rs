//! Who runs: enough of a process to tell, on the same machine, whether it still lives.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process, past or present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub host: String,
    pub pid: u32,
    /// This boot of this machine, and the process's own name space in it: pids mean nothing beyond them.
    world: String,
    /// When the process started, in clock ticks since the boot: a pid alone may be somebody else's by now.
    start: String,
}

impl Holder {
    pub fn this_process() -> Self {
        let pid = std::process::id();
        Self { host: host(), pid, world: world(), start: start_of(pid).unwrap_or_default() }
    }

    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether it lives; `None` where that cannot be told: another machine, container or boot.
    pub fn lives(&self) -> Option<bool> {
        let here = world();
        let can_tell = !here.is_empty() && self.world == here;
        match start_of(self.pid) {
            // A process that is hidden from us (hidepid, ProtectProc) looks like one that has gone.
            None if can_tell && !sees_others() => None,
            start => can_tell.then(|| start.is_some_and(|start| start == self.start)),
        }
    }
}

/// This machine's name.
pub fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

fn world() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default();
    if boot.is_empty() || space.is_empty() { String::new() } else { format!("{} {space}", boot.trim()) }
}

/// Is the first process, which always lives and is somebody else's, to be seen?
fn sees_others() -> bool {
    fs::read_to_string("/proc/1/stat").is_ok()
}

/// Field 22 of `/proc/PID/stat`; the second field may hold spaces and parentheses, so it is counted from its end. A
/// zombie has ended.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_that_ended_does_not() {
        let mut holder = Holder::this_process();
        assert_eq!(holder.lives(), Some(true));
        holder.start = "1".into();
        assert_eq!(holder.lives(), Some(false), "the same pid with another start is another process");
    }

    #[test]
    fn nothing_is_said_of_a_process_on_another_machine() {
        let elsewhere = Holder { world: "other boot pid:[1]".into(), ..Holder::this_process() };
        assert_eq!(elsewhere.lives(), None);
    }

    #[test]
    fn a_holder_survives_its_text_form() {
        let holder = Holder::this_process();
        assert_eq!(Holder::from_text(&holder.to_text()), Some(holder));
    }
}
