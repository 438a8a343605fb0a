//! Clocks that a test moves.
//!
//! In builds with debug assertions, which no release is, the environment variable `TENURE_TEST_CLOCK` may name a file of
//! three numbers: by how many microseconds the host's clock, the databases' clocks and the time since the boot are ahead
//! of the real ones. It is read anew each time, so that a test moves the clocks of a program that runs.

/// By how many microseconds each clock is ahead of the real one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    pub host: i64,
    pub database: i64,
    pub boot: u64,
}

/// None, in a release.
#[cfg(not(debug_assertions))]
pub(crate) fn current() -> Shift {
    Shift::default()
}

/// Is there a file by which a test moves the clocks?
#[cfg(not(debug_assertions))]
pub(crate) fn is_moved_by_a_test() -> bool {
    false
}

#[cfg(debug_assertions)]
pub(crate) use moved::{current, is_moved_by_a_test};

#[cfg(debug_assertions)]
mod moved {
    use std::path::PathBuf;
    use std::sync::OnceLock;

    use super::Shift;

    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();

    fn file() -> Option<&'static PathBuf> {
        FILE.get_or_init(|| std::env::var_os("TENURE_TEST_CLOCK").map(PathBuf::from)).as_ref()
    }

    pub(crate) fn is_moved_by_a_test() -> bool {
        file().is_some()
    }

    pub(crate) fn current() -> Shift {
        let Some(file) = file() else { return Shift::default() };
        let text = std::fs::read_to_string(file).expect("the test wrote its clock");
        let numbers: Vec<i64> = text.split_whitespace().map(|number| number.parse().expect("microseconds")).collect();
        let [host, database, boot] = numbers[..] else { panic!("three numbers, not {text}") };
        Shift { host, database, boot: boot.unsigned_abs() }
    }
}
