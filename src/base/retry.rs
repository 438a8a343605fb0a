//! Trying again: how often, and after which pauses. What may pass at all is for the caller to say; what cannot pass is not
//! tried again.

use std::thread;
use std::time::Duration;

/// The attempts at one thing.
#[derive(Debug, Clone)]
pub struct Attempts {
    most: u32,
    failed: u32,
    pause: Pause,
}

/// How long to wait before the next attempt.
#[derive(Debug, Clone, Copy)]
pub enum Pause {
    /// Twice as long each time, from this on.
    Doubling(Duration),
    /// Longer by this each time.
    Growing(Duration),
}

impl Attempts {
    pub const fn new(most: u32, pause: Pause) -> Self {
        Self { most, failed: 0, pause }
    }

    /// How many have failed.
    pub fn failed(&self) -> u32 {
        self.failed
    }

    /// How many there are at the most.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// Another attempt failed; false where it was the last one.
    #[must_use]
    pub fn may_go_on(&mut self) -> bool {
        self.failed += 1;
        self.failed < self.most
    }

    /// Waits before the next attempt.
    pub fn wait(&self) {
        thread::sleep(self.pause());
    }

    /// An attempt came to something: the next failure is the first again.
    pub fn succeeded(&mut self) {
        self.failed = 0;
    }

    fn pause(&self) -> Duration {
        match self.pause {
            Pause::Doubling(first) => first * 2u32.saturating_pow(self.failed.saturating_sub(1)),
            Pause::Growing(step) => step * self.failed,
        }
    }
}

/// Repeats `act` while its error may pass and attempts are left; the last error otherwise.
///
/// # Errors
/// At once, an error of which `may_pass` says no.
pub fn retry<T, E>(
    mut attempts: Attempts,
    may_pass: impl Fn(&E) -> bool,
    mut act: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    loop {
        match act() {
            Err(error) if may_pass(&error) && attempts.may_go_on() => attempts.wait(),
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(most: u32, outcomes: &[Result<(), &'static str>]) -> (Result<(), &'static str>, usize) {
        let mut calls = 0;
        let outcome = retry(
            Attempts::new(most, Pause::Growing(Duration::ZERO)),
            |error| *error == "busy",
            || {
                calls += 1;
                outcomes[calls - 1]
            },
        );
        (outcome, calls)
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_cannot_is_not() {
        let (busy, broken) = (Err("busy"), Err("broken"));
        for (outcomes, ends_with, calls) in [
            (&[Ok(())][..], Ok(()), 1),
            (&[busy, busy, Ok(())], Ok(()), 3),
            (&[busy, busy, busy], busy, 3),
            (&[broken], broken, 1),
            (&[busy, broken], broken, 2),
        ] {
            assert_eq!(tried(3, outcomes), (ends_with, calls), "{outcomes:?}");
        }
    }

    #[test]
    fn pauses_double_or_grow() {
        let pauses = |pause| {
            let mut attempts = Attempts::new(4, pause);
            (1..4).map(|_| (attempts.may_go_on(), attempts.pause().as_millis()).1).collect::<Vec<_>>()
        };
        assert_eq!(pauses(Pause::Doubling(Duration::from_millis(40))), [40, 80, 160]);
        assert_eq!(pauses(Pause::Growing(Duration::from_millis(5))), [5, 10, 15]);
    }
}
