//! Does the host's clock run as time does? It is held against the time since the boot, which nobody can set.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::run::clocks::TOLERANCE;

/// The two as they were read together.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub wall: Timestamp,
    pub boot: Duration,
}

/// What was found out of step, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jump {
    /// By the clock that jumped.
    pub since: Timestamp,
    pub sentence: String,
}

/// Remembers the last moment at which the clock was in step.
#[derive(Debug, Default)]
pub struct Watcher {
    last: Option<Moment>,
    jump: Option<Jump>,
}

impl Watcher {
    /// What is out of step now. A clock that is set right again is trusted again; one that is adjusted little by little is
    /// followed.
    pub fn look(&mut self, now: Moment) -> Option<&Jump> {
        let ahead = self.last.map_or(SignedDuration::ZERO, |last| ahead_of_time(last, now));
        if ahead.abs() <= SignedDuration::from_micros(TOLERANCE) {
            self.last = Some(now);
            self.jump = None;
        } else if self.jump.is_none() {
            self.jump = Some(Jump { since: now.wall, sentence: sentence(ahead) });
        }
        self.jump.as_ref()
    }

    /// Somebody vouches for the clock as it is.
    pub fn accept(&mut self, now: Moment) {
        self.last = Some(now);
        self.jump = None;
    }

    pub fn jump(&self) -> Option<&Jump> {
        self.jump.as_ref()
    }
}

fn ahead_of_time(last: Moment, now: Moment) -> SignedDuration {
    let passed = SignedDuration::try_from(now.boot.saturating_sub(last.boot)).unwrap_or(SignedDuration::MAX);
    now.wall.duration_since(last.wall).saturating_sub(passed)
}

fn sentence(ahead: SignedDuration) -> String {
    let (seconds, way) = (ahead.as_secs().abs(), if ahead.is_positive() { "ahead" } else { "back" });
    format!(
        "this host's clock went {way} by {seconds} s, so nothing is purged; set the clock right, or say \
         `tenure clock accept --reason …` where it is right by now"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: &str, boot: u64) -> Moment {
        Moment { wall: wall.parse().unwrap(), boot: Duration::from_secs(boot) }
    }

    #[test]
    fn a_clock_that_runs_with_time_is_in_step_also_after_a_sleep() {
        let mut watcher = Watcher::default();
        assert_eq!(watcher.look(moment("2026-01-01T00:00:00Z", 100)), None);
        assert_eq!(watcher.look(moment("2026-01-01T00:00:40Z", 110)), None, "adjusted by half a minute");
        assert_eq!(watcher.look(moment("2026-01-01T00:01:20Z", 120)), None, "and again");
        assert_eq!(watcher.look(moment("2026-01-02T00:01:20Z", 86_520)), None, "asleep for a day");
    }

    #[test]
    fn a_clock_that_jumps_is_out_of_step_until_it_is_set_right() {
        for (jumped, way) in [("2036-01-01T00:00:10Z", "ahead by"), ("2025-12-31T00:00:10Z", "back by 86400 s")] {
            let mut watcher = Watcher::default();
            watcher.look(moment("2026-01-01T00:00:00Z", 100));
            let jump = watcher.look(moment(jumped, 110)).cloned().unwrap();
            assert!(jump.sentence.contains(way), "{}", jump.sentence);
            assert_eq!(jump.since.to_string(), jumped);
            assert_eq!(watcher.look(moment("2026-01-01T00:00:20Z", 120)), None);
        }
    }

    #[test]
    fn somebody_can_vouch_for_a_clock_that_jumped() {
        let mut watcher = Watcher::default();
        watcher.look(moment("2026-01-01T00:00:00Z", 100));
        assert!(watcher.look(moment("2026-01-01T03:00:00Z", 110)).is_some());
        watcher.accept(moment("2026-01-01T03:00:10Z", 120));
        assert_eq!(watcher.look(moment("2026-01-01T03:00:20Z", 130)), None);
    }
}
