//! What the service manager is told. Where there is none, nobody is told, and nothing else changes.

use std::time::Duration;

use sd_notify::NotifyState;

/// The longest time for which nothing may be heard of a run: a statement may take so long, as when the rows of a large table
/// without an index are counted.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(3_600);

/// How often the watchdog wants to hear of us, where there is one: twice as often as it must.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|period| period / 2)
}

pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The status that the service manager heard last. It hears the next one only where that differs: a message too many can
/// make the daemon wait for a manager that is slow to read.
#[derive(Default)]
pub struct StatusLine(String);

impl StatusLine {
    pub fn tell(&mut self, status: String) {
        if self.0 != status {
            tell(&[NotifyState::Status(&status)]);
            self.0 = status;
        }
    }
}

pub fn reloading() {
    // A clock that cannot be read is no reason not to reload.
    let since = NotifyState::monotonic_usec_now();
    tell(&[NotifyState::Reloading].into_iter().chain(since).collect::<Vec<_>>());
}

pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

pub fn still_moves() {
    tell(&[NotifyState::Watchdog]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(event = "manager-not-told", "the service manager cannot be told: {error}");
    }
}
