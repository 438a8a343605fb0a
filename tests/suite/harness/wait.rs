//! Waiting for what comes in its own time, and not for ever.

use std::thread;
use std::time::{Duration, Instant};

/// What no story waits longer for.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often is looked: a story that spins takes the time of those that it waits for.
const LOOK_EVERY: Duration = Duration::from_millis(3);

/// Waits until it is so; false where it does not come.
pub fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !is_so() {
        if started.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(LOOK_EVERY);
    }
    true
}

/// As [`comes_true`], for what must come.
#[track_caller]
pub fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(comes_true(is_so), "waited in vain for {what}");
}

/// As [`wait_until`], for what is over again soon: never far from the moment.
#[track_caller]
pub fn catch_when(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
    }
}
