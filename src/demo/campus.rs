//! A directory with everything that `tenure demo` needs: a filled SQLite database, a config and a schedule.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use thiserror::Error;

use crate::db::{Access, Connection, DbError};

use crate::demo::{Size, SizeError, Tally};

/// Stands in a directory that an earlier demo made; without it nothing there is touched.
const MARKER: &str = ".tenure-demo";
const MARKER_TEXT: &str =
    "This directory was made by `tenure demo`, which replaces its own files here when it runs again.\n";
const DATABASE: &str = "campus.db";
/// The database's companions; one left behind beside a new database would be taken for that one's journal.
const JOURNALS: [&str; 3] = ["campus.db-wal", "campus.db-shm", "campus.db-journal"];
const CONFIG: &str = "tenure.toml";
const SCHEDULE: &str = "aalalux.toml";
const STATE: &str = "state";
/// The key of a demo is no secret: anybody who has this program has it.
const KEY: &str = "installation.key";
const KEY_TEXT: &str = "a key for a demo, which anybody may know\n";
/// Any number would do; the demo shows the same people each time.
const SEED: u64 = 1;

/// Where the parts of a demo are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoPaths {
    /// The directory itself, absolute.
    pub dir: PathBuf,
    pub database: PathBuf,
    /// `sqlite://…`, as in the config.
    pub database_url: String,
    pub config: PathBuf,
    pub schedule: PathBuf,
    pub state_dir: PathBuf,
    /// What the database was filled with.
    pub tally: Tally,
}

/// Why no demo was made.
#[derive(Debug, Error)]
pub enum DemoError {
    #[error(
        "{} holds `{found}`, which no demo put there, so nothing was changed; name a new or an empty directory with `--dir`",
        dir.display()
    )]
    Occupied { dir: PathBuf, found: String },
    #[error("{} is not UTF-8, which the config file cannot express; name another directory with `--dir`", .0.display())]
    NotUtf8(PathBuf),
    #[error("cannot {what} {}: {error}", path.display())]
    File { what: &'static str, path: PathBuf, error: io::Error },
    #[error(transparent)]
    Size(#[from] SizeError),
    #[error("cannot fill the demo's database: {0}")]
    Database(#[from] DbError),
}

/// Makes `dir` and in it `campus.db` with `rows` rows as they stand at `as_of`, a `tenure.toml` that names it, a copy of
/// the Aalalux schedule and an empty state directory. A directory that an earlier demo made is made anew.
///
/// # Errors
/// [`DemoError::Occupied`] where `dir` holds anything and no demo made it: nothing is touched then. Else those of the file
/// system and the database.
pub fn prepare_demo(dir: &Path, rows: u64, as_of: Timestamp) -> Result<DemoPaths, DemoError> {
    let size = Size::new(rows, SEED)?;
    let dir = claim(dir)?;
    clear(&dir)?;
    write(&dir.join(SCHEDULE), crate::demo::SCHEDULES[0].1)?;
    write_key(&dir.join(KEY))?;
    let database = dir.join(DATABASE);
    let database_url = format!("sqlite://{}", utf8(&database)?);
    write(&dir.join(CONFIG), &config(&database_url, utf8(&dir.join(STATE))?))?;
    make_dir(&dir.join(STATE))?;
    let tally = fill(&database, &database_url, &size, as_of)?;
    Ok(DemoPaths {
        database,
        database_url,
        config: dir.join(CONFIG),
        schedule: dir.join(SCHEDULE),
        state_dir: dir.join(STATE),
        dir,
        tally,
    })
}

/// Makes the directory, or makes sure that it is empty or a demo's, and marks it as such. Its absolute path.
fn claim(dir: &Path) -> Result<PathBuf, DemoError> {
    make_dir(dir)?;
    let dir = fs::canonicalize(dir).map_err(failed("find", dir))?;
    utf8(&dir)?;
    let marker = dir.join(MARKER);
    if !marker.exists()
        && let Some(found) = fs::read_dir(&dir).map_err(failed("read", &dir))?.next()
    {
        let found = found.map_err(failed("read", &dir))?.file_name().to_string_lossy().into_owned();
        return Err(DemoError::Occupied { dir, found });
    }
    write(&marker, MARKER_TEXT)?;
    Ok(dir)
}

/// Removes what an earlier demo left, by name: whatever else somebody put beside it stays.
fn clear(dir: &Path) -> Result<(), DemoError> {
    for file in [DATABASE, CONFIG, SCHEDULE, KEY].iter().chain(&JOURNALS) {
        let path = dir.join(file);
        gone(fs::remove_file(&path)).map_err(failed("remove", &path))?;
    }
    let state = dir.join(STATE);
    gone(fs::remove_dir_all(&state)).map_err(failed("remove", &state))
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn fill(database: &Path, url: &str, size: &Size, as_of: Timestamp) -> Result<Tally, DemoError> {
    write(database, "")?;
    let mut connection = Connection::open(url, Access::ReadWrite)?;
    crate::demo::create(&mut connection)?;
    Ok(crate::demo::generate(&mut connection, size, as_of)?)
}

fn config(database_url: &str, state_dir: &str) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    format!(
        "# Made by `tenure demo`.\nschedules = [{}]\nhmac_key_file = {}\nstate_dir = {}\n\n[database.main]\nurl = {}\n",
        quoted(SCHEDULE),
        quoted(KEY),
        quoted(state_dir),
        quoted(database_url)
    )
}

fn utf8(path: &Path) -> Result<&str, DemoError> {
    path.to_str().ok_or_else(|| DemoError::NotUtf8(path.to_owned()))
}

fn make_dir(path: &Path) -> Result<(), DemoError> {
    fs::create_dir_all(path).map_err(failed("make", path))
}

fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    fs::write(path, text).map_err(failed("write", path))
}

/// Readable by its owner alone, as the key of an installation must be.
fn write_key(path: &Path) -> Result<(), DemoError> {
    write(path, KEY_TEXT)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed("protect", path))
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DemoError {
    let path = path.to_owned();
    move |error| DemoError::File { what, path, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_of() -> Timestamp {
        "2026-03-01T02:15:00Z".parse().unwrap()
    }

    #[test]
    fn a_directory_that_holds_something_else_is_refused_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("campus.db"), "mine").unwrap();
        let error = prepare_demo(dir.path(), 10_000, as_of()).unwrap_err();
        assert!(matches!(&error, DemoError::Occupied { found, .. } if found == "campus.db"), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join("campus.db")).unwrap(), "mine");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_same_command_twice_makes_the_same_demo_anew_and_keeps_what_a_visitor_put_there() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("été \"100%\"");
        let first = prepare_demo(&dir, 10_000, as_of()).unwrap();
        fs::write(first.state_dir.join("report.html"), "old").unwrap();
        fs::write(&first.config, "spoilt").unwrap();
        fs::write(dir.join("notes.txt"), "mine").unwrap();

        let second = prepare_demo(&dir, 10_000, as_of()).unwrap();
        assert_eq!(first, second);
        assert_eq!(second.tally.rows(), 10_000);
        assert!(!second.state_dir.join("report.html").exists());
        assert_eq!(fs::read_to_string(dir.join("notes.txt")).unwrap(), "mine");

        let config: toml::Table = fs::read_to_string(&second.config).unwrap().parse().unwrap();
        assert_eq!(config["database"]["main"]["url"].as_str(), Some(second.database_url.as_str()));
        assert!(second.dir.join(config["schedules"][0].as_str().unwrap()).exists());
        Connection::open(&second.database_url, Access::ReadOnly).unwrap();
    }

    #[test]
    fn a_size_that_the_formula_cannot_fill_is_refused_before_anything_is_made() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("demo");
        assert!(matches!(prepare_demo(&dir, 9_999, as_of()), Err(DemoError::Size(SizeError(9_999)))));
        assert!(!dir.exists());
    }
}
