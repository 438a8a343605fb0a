//! `tenure verify`: is the ledger what it was, and is a report that was mailed what was mailed?

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Common, Failure, Outcome, say, say_json};
use crate::app::setup::Setup;
use crate::base::signing::PublicKey;
use crate::config::DatabaseConfig;
use crate::db::control::{self, EntryRow};
use crate::db::{Access, Connection};
use crate::ledger::verify::{self, Break, Expected, Findings, Witness};
use crate::report::proof::{self, Sealed};

/// The exit code of a ledger or report that is not what it was.
const BROKEN: u8 = 5;

/// What is to be looked at, and what it is held against.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// A head that was kept outside: the chain must hold it
    #[arg(long, value_name = "sha256:HEX")]
    head: Option<String>,
    /// The JSON of a report that was mailed long ago: it must be as it was written, and the ledger must know it
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// A public key in PEM, as `tenure keys show` prints it: it, or one that it vouches for, must have signed every entry
    #[arg(long = "public-key", value_name = "FILE")]
    public_keys: Vec<PathBuf>,
    /// The entry with which signing began, where the ledger is older than its first key
    #[arg(long, value_name = "ENTRY", requires = "public_keys")]
    signed_from: Option<i64>,
    /// Hold the report against itself only; connect to no database
    #[arg(long, requires = "report")]
    offline: bool,
}

/// What was found in one database.
#[derive(Serialize)]
struct Verified {
    database: String,
    intact: bool,
    #[serde(flatten)]
    findings: Findings,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    listed: Vec<Listed>,
}

/// An entry, for `-v`.
#[derive(Serialize)]
struct Listed {
    number: i64,
    at: String,
    kind: String,
    run: Option<String>,
    hash: String,
}

/// What was found in one report.
#[derive(Serialize)]
struct Proved {
    run: Option<String>,
    intact: bool,
    entry: Option<i64>,
    #[serde(rename = "break")]
    broken: Option<Break>,
}

/// Walks the ledger of every database; where a report is given, holds it against itself and, unless `offline` or there is
/// no database, against the ledger that it came from.
pub(super) fn verify(common: &Common, asked: &Asked) -> Outcome {
    let setup = Setup::load(common)?;
    let head = asked.head.as_deref().map(witness_of).transpose()?;
    let keys = asked.public_keys.iter().map(|path| read_key(path)).collect::<Result<Vec<_>, _>>()?;
    let reports = asked.report.as_deref().map(read_report).transpose()?.unwrap_or_default();
    let sealed: Vec<Result<Sealed, Break>> = reports.iter().map(|report| proof::check(report, &keys)).collect();
    let mut databases = Vec::new();
    if asked.report.is_none() || !(asked.offline || setup.config.databases.is_empty()) {
        know_databases(&setup, head.as_ref(), &sealed)?;
        setup.each_database(Access::ReadOnly, |database, conn| {
            let is_only = setup.config.databases.len() == 1;
            let of_here = |sealed: &&Sealed| is_only || sealed.database.as_deref() == Some(&database.name);
            let reported = sealed.iter().flatten().filter(of_here).map(|sealed| sealed.witness.clone());
            let own = own_witness(&setup, database, conn)?;
            let witnesses: Vec<_> = head.iter().cloned().chain(reported).chain(own).collect();
            let expected = Expected { witnesses: &witnesses, keys: &keys, signed_from: asked.signed_from };
            databases.push(verify_one(&database.name, conn, &expected, common.verbose > 0)?);
            Ok(())
        })?;
    }
    let proved: Vec<_> = sealed.into_iter().map(proved).collect();
    let intact = proved.iter().all(|report| report.intact) && databases.iter().all(|database| database.intact);
    if common.json {
        let version = env!("CARGO_PKG_VERSION");
        let document =
            serde_json::json!({ "tenure": version, "intact": intact, "databases": databases, "reports": proved });
        say_json(&document)?;
    } else {
        say(&(databases.iter().map(told).chain(proved.iter().map(told_of_report)).collect::<String>()))?;
    }
    Ok(if intact { 0 } else { BROKEN })
}

/// Which database a witness speaks of must be clear, or its absence would say nothing.
fn know_databases(setup: &Setup, head: Option<&Witness>, sealed: &[Result<Sealed, Break>]) -> Result<(), Failure> {
    let known = &setup.config.databases;
    if known.is_empty() {
        let sentence =
            "there is no database: name one with --database URL or in tenure.toml, or a report with --report FILE";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    if known.len() == 1 {
        return Ok(());
    }
    if head.is_some() {
        return Err(Failure::Usage(
            "the config has several databases: say whose head it is with --database URL".to_owned(),
        ));
    }
    let stranger =
        sealed.iter().flatten().find(|sealed| sealed.database.as_ref().is_none_or(|name| !known.contains_key(name)));
    match stranger {
        Some(Sealed { run, .. }) => Err(Failure::Usage(format!(
            "the config has several databases, and none bears the name of the one of run `{run}`: say which with --database URL"
        ))),
        None => Ok(()),
    }
}

fn verify_one(name: &str, conn: &mut Connection, expected: &Expected<'_>, list: bool) -> anyhow::Result<Verified> {
    let mut listed = Vec::new();
    let findings = if control::is_ready(conn)? {
        verify::walk(conn, expected, &mut |entry| {
            if list {
                listed.push(listed_entry(entry));
            }
        })?
    } else if control::exist(conn)? {
        anyhow::bail!(
            "the control tables of database `{name}` are of another version: let their owner run `tenure migrate`"
        );
    } else {
        verify::nothing(expected)
    };
    Ok(Verified { database: name.to_owned(), intact: findings.broken.is_none(), findings, listed })
}

/// What the key of this installation signed last in the database is a witness as well.
fn own_witness(setup: &Setup, database: &DatabaseConfig, conn: &mut Connection) -> anyhow::Result<Option<Witness>> {
    if setup.config.signer.is_none() {
        return Ok(None);
    }
    let place = control::place::of(conn)?.to_string();
    let own = setup.config.own_heads(database).read(&place);
    let own = own.context("the head that was signed last cannot be read from the state directory")?;
    Ok(own.map(|head| Witness { entry: Some(head.entry), hash: head.hash }))
}

fn witness_of(head: &str) -> Result<Witness, Failure> {
    let hash = head.strip_prefix("sha256:").unwrap_or(head).to_ascii_lowercase();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let sentence =
            format!("`{head}` is no head: it is `sha256:` and 64 hexadecimal digits, as at the end of every report");
        return Err(Failure::Usage(sentence));
    }
    Ok(Witness { entry: None, hash })
}

fn read_key(path: &Path) -> Result<PublicKey, Failure> {
    let pem = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    PublicKey::from_pem(&pem)
        .ok_or_else(|| Failure::Usage(format!("{} is no public Ed25519 key in PEM", path.display())))
}

fn read_report(path: &Path) -> Result<Vec<Value>, Failure> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let documents = proof::read(&text).map_err(|error| {
        Failure::Usage(format!(
            "{} is not the JSON of a report, which is what can be verified: {error}",
            path.display()
        ))
    })?;
    Ok(documents)
}

fn listed_entry(entry: &EntryRow) -> Listed {
    let at = Timestamp::from_microsecond(entry.at).map_or_else(|_| entry.at.to_string(), |at| at.to_string());
    Listed { number: entry.number, at, kind: entry.kind.clone(), run: entry.run.clone(), hash: entry.hash.clone() }
}

fn proved(report: Result<Sealed, Break>) -> Proved {
    match report {
        Ok(Sealed { run, witness, .. }) => Proved { run: Some(run), intact: true, entry: witness.entry, broken: None },
        Err(broken) => Proved { run: broken.run.clone(), intact: false, entry: broken.entry, broken: Some(broken) },
    }
}

fn told(database: &Verified) -> String {
    let Verified { database, findings, listed, .. } = database;
    let mut text: String = listed.iter().map(told_entry).collect();
    let extent = format!("{} entries, {} closed runs, {} batches", findings.entries, findings.runs, findings.batches);
    match (&findings.broken, &findings.head) {
        (Some(broken), _) => text += &format!("{database}: BROKEN after {extent}\n  {broken}\n"),
        (None, None) => text += &format!("{database}: no entry yet\n"),
        (None, Some(head)) => text += &format!("{database}: intact, {extent}\n  head {head}\n"),
    }
    if let Some(first) = findings.signed_since {
        let time =
            findings.signed_since_time.map(|time| format!(", without a gap, since {time:.0}")).unwrap_or_default();
        text += &format!("  signed from entry {first} on{time}\n");
    }
    if let Some(ledger) = &findings.ledger {
        text += &format!("  ledger {ledger}\n");
    }
    for doubt in &findings.doubts {
        text += &format!("  {doubt}\n");
    }
    for run in &findings.open {
        text += &format!("  run `{run}` is not closed yet, so nothing vouches for it\n");
    }
    text
}

fn told_entry(entry: &Listed) -> String {
    let Listed { number, at, kind, run, hash } = entry;
    // What stands there may be anything: that is what is being found out.
    let hash: String = hash.chars().take(12).collect();
    format!("{number:>6}  {at}  {kind:<10}  {}  {hash}\n", run.as_deref().unwrap_or("-"))
}

fn told_of_report(report: &Proved) -> String {
    let run = report.run.as_deref().unwrap_or("without a name");
    match &report.broken {
        Some(broken) => format!("report of run `{run}`: BROKEN\n  {broken}\n"),
        None => format!("report of run `{run}`: as it was written by entry {}\n", report.entry.unwrap_or_default()),
    }
}
