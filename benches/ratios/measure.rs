//! A process from its start to its end: how long, and how much memory at the most.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub struct Measured {
    pub elapsed: Duration,
    /// The most memory that was resident, KiB. Zero where the system has no /proc.
    pub peak_kib: u64,
    pub stdout: Vec<u8>,
}

/// Runs a command to its end, which must be a good one. Its standard output must be small.
pub fn run(command: &mut Command) -> Measured {
    let started = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    // The high-water mark only rises, but it is gone with the process: what the last two milliseconds add is missed.
    let ended = loop {
        peak_kib = high_water(&status).unwrap_or(peak_kib);
        if let Some(ended) = child.try_wait().expect("a child can be waited for") {
            break ended;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let elapsed = started.elapsed();
    let (mut stdout, mut stderr) = (Vec::new(), String::new());
    child.stdout.take().map(|mut pipe| pipe.read_to_end(&mut stdout));
    child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut stderr));
    assert!(ended.success(), "{command:?} failed: {ended}\n{}{stderr}", String::from_utf8_lossy(&stdout));
    Measured { elapsed, peak_kib, stdout }
}

fn high_water(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
