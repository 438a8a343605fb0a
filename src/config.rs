//! `tenure.toml`: databases, state directory, guards and where secrets come from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::schedule::Guard;

/// The checked config. Every secret in it was read from its file, environment variable or credential already.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from; `None` where everything came from the command line.
    pub path: Option<PathBuf>,
    /// Schedule files, patterns expanded, sorted.
    pub schedules: Vec<PathBuf>,
    /// Where reports are written.
    pub state_dir: PathBuf,
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// Guards for rules that state none of their own.
    pub guard: Guard,
    /// Key of the `hmac` redaction, where one is configured (`hmac_key_file`).
    pub hmac_key: Option<Secret>,
}

#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    pub name: String,
    pub url: Secret,
    /// For plans and checks, where given.
    pub read_only_url: Option<Secret>,
    pub workers: u32,
    /// What naive timestamps in it mean.
    pub naive_timezone: TimeZone,
}

/// A text that must not be shown: `Debug` and `Display` print `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the driver that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
