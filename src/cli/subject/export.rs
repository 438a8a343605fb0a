//! `tenure subject export`: a copy of everything that the map names as a person's.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use sha2::{Digest, Sha256};

use super::Place;
use super::counter::Counter;
use crate::app::setup::Setup;
use crate::base::name::Name;
use crate::base::time;
use crate::cli::{Common, Failure, Outcome, run as runs, say};
use crate::db::catalog::Catalog;
use crate::db::query::person::{self, Part};
use crate::db::{Connection, DbError, ErrorKind, Mode};
use crate::ledger::export::{self, Export};
use crate::ledger::{actor, chain};
use crate::plan::{Erasure, Target};

pub(super) fn export(
    common: &Common,
    place: &Place,
    key: &str,
    output: &Path,
    reason: &str,
    by: Option<&str>,
) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    runs::refuse_future(&setup)?;
    let counter = Counter::find(&setup, place)?;
    if output.exists() {
        return Err(Failure::Usage(format!("{} is there already; name another file", output.display())));
    }
    // The ledger first: an export that could not be written down must not be made.
    let mut conn = counter.open()?;
    let live = counter.map(&mut conn)?;
    let (known, _) = counter.know_present(&mut conn, &live, key)?;
    let theirs = live.1.seen(known.key.clone(), None);
    let mut page = Page::begin(output)?;
    let tables = conn
        .transaction(Mode::ReadOnly, |conn| write_all(conn, &live.0, &theirs, counter.policy(), &mut page))
        .map_err(|error: DbError| page.explain(error))?;
    let digest = page.digest();
    let made = Export {
        policy: counter.policy().to_owned(),
        person: counter.pseudonyms.of(&live.1.called, &known.key.to_text()),
        rows: tables.clone(),
        digest,
        reason: reason.to_owned(),
        by: by.map_or_else(actor, str::to_owned),
    };
    export::record(&mut conn, &made, time::now())?;
    page.keep(output)?;
    let rows: u64 = tables.iter().map(|(_, rows)| rows).sum();
    say(&format!("{rows} rows of {} tables are in {}\n", tables.len(), output.display()))?;
    Ok(0)
}

/// Every table that the map names, each with its rows; how many of each.
fn write_all(
    conn: &mut Connection,
    catalog: &Catalog,
    theirs: &Erasure,
    policy: &str,
    page: &mut Page,
) -> Result<Vec<(String, u64)>, DbError> {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    page.write(&format!(
        "{{\n\"policy\": {},\n\"made\": {},\n\"data\": [",
        text(policy),
        text(&time::now().to_string())
    ))?;
    let entries = theirs.entries.iter().map(|entry| {
        let is_whole = entry.plan.act.removes() || entry.kept.is_some() || entry.is_the_person();
        (&entry.plan.rule, &entry.plan.table, &entry.plan.targets, is_whole)
    });
    let kept = theirs.kept.iter().map(|kept| (&kept.name, &kept.shown, &kept.targets, true));
    let mut all: Vec<(String, u64)> = Vec::new();
    for (name, table, targets, is_whole) in entries.chain(kept) {
        let column = name.split_once(':').map_or(name.as_str(), |(_, column)| column);
        let between = if all.is_empty() { "" } else { "," };
        page.write(&format!(
            "{between}\n{{ \"table\": {}, \"by\": {}, \"rows\": [",
            text(&table.to_string()),
            text(column)
        ))?;
        let rows = write_rows(conn, catalog, targets, is_whole, page)?;
        page.write("] }")?;
        all.push((column.to_owned(), rows));
    }
    page.write("\n]\n}\n")?;
    Ok(all)
}

/// Of a row that is somebody else's as well, only what the map redacts is this person's.
fn write_rows(
    conn: &mut Connection,
    catalog: &Catalog,
    targets: &[Target],
    is_whole: bool,
    page: &mut Page,
) -> Result<u64, DbError> {
    let mut rows = 0;
    for target in targets {
        let mut first = rows == 0;
        let theirs = columns(catalog, target);
        let part = if is_whole { Part::Whole } else { Part::Columns(&theirs) };
        rows += person::each_row(conn, catalog, target, part, &mut |row| {
            let between = if std::mem::take(&mut first) { "\n" } else { ",\n" };
            page.write(between)?;
            page.write(row)
        })?;
    }
    Ok(rows)
}

/// What names the row and the person in it, and what the map redacts.
fn columns(catalog: &Catalog, target: &Target) -> Vec<Name> {
    let key = catalog.find(&target.table).map_or(&[][..], |table| &table.declared_key);
    let way = target.whose.iter().flat_map(|whose| whose.steps.first()).map(|step| &step.column);
    let redacted = target.redactions.iter().map(|redaction| &redaction.column);
    key.iter().chain(way).chain(redacted).cloned().collect()
}

/// The file on its way: nobody else may read it, and it bears its name only when it is whole.
struct Page {
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    failure: Option<std::io::Error>,
}

impl Page {
    fn begin(output: &Path) -> Result<Self, Failure> {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let path = output.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file: BufWriter::new(file), hash: Sha256::new(), failure: None })
    }

    /// What cannot be written ends the reading as well.
    fn write(&mut self, text: &str) -> Result<(), DbError> {
        self.hash.update(text.as_bytes());
        self.file.write_all(text.as_bytes()).map_err(|error| {
            self.failure = Some(error);
            DbError::new(ErrorKind::Other, "the file could not be written")
        })
    }

    fn explain(&mut self, error: DbError) -> Failure {
        match self.failure.take() {
            Some(failure) => anyhow!("cannot write {}: {failure}", self.path.display()).into(),
            None => error.into(),
        }
    }

    /// `sha256:` and hex, of everything that was written.
    fn digest(&self) -> String {
        chain::prefixed(&self.hash.clone().finalize())
    }

    fn keep(&mut self, output: &Path) -> Result<(), Failure> {
        let mut keep = || {
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            // Unlike a rename, this does not write over a file that came there meanwhile.
            fs::hard_link(&self.path, output)
        };
        keep().with_context(|| format!("cannot write {}", output.display()))?;
        Ok(())
    }
}

/// Half an export is personal data that nobody asked for, and a whole one has its own name by now.
impl Drop for Page {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
