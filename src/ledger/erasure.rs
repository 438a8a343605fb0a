//! What was done to whose rows. People are pseudonyms: the ledger holds no key of anybody.
//!
//! A row is written in the transaction that erases. A person whose rows fit one transaction has one row; a person with very
//! many has one for each part, and only the last of them is finished. The entry that closes the run covers all rows of the
//! run by a digest.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{chain, json};
use crate::base::pseudonym::{Pseudonym, Pseudonyms};
use crate::db::control::erasure::{self, ErasureRow};
use crate::db::{Connection, DbError, ErrorKind};

/// Why somebody's rows were erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The account was closed, and its grace is over.
    Closed,
    /// The person, or whoever may speak for them, asked for it.
    Request,
    /// The same, of one category of the map only: a consent that was withdrawn.
    Category,
    /// They were erased before, and were back after a restore.
    Reapply,
}

impl Cause {
    /// Of a request, for everything or for one category.
    pub fn of_request(category: Option<&str>) -> Self {
        if category.is_some() { Cause::Category } else { Cause::Request }
    }

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Closed => "closed",
            Cause::Request => "request",
            Cause::Category => "category",
            Cause::Reapply => "reapply",
        }
    }

    fn of_word(word: &str) -> Option<Cause> {
        [Cause::Closed, Cause::Request, Cause::Category, Cause::Reapply]
            .into_iter()
            .find(|cause| cause.as_str() == word)
    }
}

/// Rows of one entry of the map.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Deleted or redacted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub done: u64,
    /// Dependent rows deleted with them, by table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cascaded: BTreeMap<String, u64>,
    /// References to them that became NULL, by `table.column`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detached: BTreeMap<String, u64>,
    /// Stayed for the ground that the schedule gives.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kept: u64,
    /// Stayed, by the name of the hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held_by: BTreeMap<String, u64>,
    /// Stayed since something that stays refers to them, or since they are somebody else's as well.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub blocked: u64,
    /// Something of the entry stayed that is to go one day: under a hold, because of what refers to it, or since what stays is
    /// found by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Rows by entry of the map: `erase:answer.account_id`.
pub type ByEntry = BTreeMap<String, Rows>;

/// What one transaction did to one person's rows; also a line of the register, which has the counts as the ledger has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Erased<C = ByEntry> {
    /// `E-` and 16 letters and digits.
    pub reference: String,
    pub person: Pseudonym,
    pub policy: String,
    pub cause: Cause,
    /// Of [`Cause::Category`]: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// When the account was closed, or the request made: the clock of the promise runs from here.
    pub asked: Timestamp,
    pub begun: Timestamp,
    /// `None` where more of the person's rows were to follow.
    pub finished: Option<Timestamp>,
    pub run: String,
    pub counts: C,
}

impl Erased {
    /// Was nothing of the person's left after it that is to go one day?
    pub fn is_whole(&self) -> bool {
        self.finished.is_some() && !self.counts.values().any(|rows| rows.stays)
    }
}

/// A reference that nobody can guess and everybody can spell: 80 random bits.
///
/// # Errors
/// Where the host gives no random numbers.
pub fn new_reference() -> Result<String, DbError> {
    let mut random = [0u8; 10];
    getrandom::fill(&mut random).map_err(|_| {
        DbError::new(ErrorKind::Other, "this host gives no random numbers, so an erasure cannot be given a reference")
    })?;
    Ok(format!("E-{}", BASE32_NOPAD.encode(&random)))
}

/// Records what a transaction did; must stand in it.
pub fn record(conn: &mut Connection, erased: Vec<Erased>) -> Result<(), DbError> {
    let rows = erased.into_iter().map(row_of).collect::<Result<Vec<_>, _>>()?;
    erasure::insert(conn, rows)
}

fn row_of(erased: Erased) -> Result<ErasureRow, DbError> {
    Ok(ErasureRow {
        counts: json(&erased.counts)?,
        cause: cause_in_words(erased.cause, erased.category.as_deref()),
        reference: erased.reference,
        person: erased.person.digest,
        key_id: erased.person.key_id,
        policy: erased.policy,
        asked: erased.asked.as_microsecond(),
        begun: erased.begun.as_microsecond(),
        finished: erased.finished.map(Timestamp::as_microsecond),
        run: erased.run,
    })
}

/// `closed`, or `category: analytics`.
fn cause_in_words(cause: Cause, category: Option<&str>) -> String {
    let category = category.map(|category| format!(": {category}"));
    format!("{}{}", cause.as_str(), category.unwrap_or_default())
}

fn cause_of(words: &str) -> Option<(Cause, Option<&str>)> {
    match words.split_once(": ") {
        Some((cause, category)) => Some((Cause::of_word(cause)?, Some(category))),
        None => Some((Cause::of_word(words)?, None)),
    }
}

fn erased_of<C: DeserializeOwned>(row: ErasureRow) -> Result<Erased<C>, DbError> {
    let read = |row: ErasureRow| {
        let (cause, category) = cause_of(&row.cause)?;
        Some(Erased {
            cause,
            category: category.map(str::to_owned),
            person: Pseudonym { digest: row.person, key_id: row.key_id },
            policy: row.policy,
            asked: Timestamp::from_microsecond(row.asked).ok()?,
            begun: Timestamp::from_microsecond(row.begun).ok()?,
            finished: row.finished.map(Timestamp::from_microsecond).transpose().ok()?,
            run: row.run,
            counts: serde_json::from_str(&row.counts).ok()?,
            reference: row.reference,
        })
    };
    let reference = row.reference.clone();
    read(row)
        .ok_or_else(|| DbError::new(ErrorKind::Other, format!("erasure `{reference}` of the ledger cannot be read")))
}

/// What was done to a person's rows, oldest first, whichever of these names the person had; nothing where the ledger is
/// older than erasures.
pub fn of_person(conn: &mut Connection, names: &[Pseudonym]) -> Result<Vec<Erased>, DbError> {
    if !erasure::is_there(conn)? {
        return Ok(Vec::new());
    }
    let digests: Vec<String> = names.iter().map(|name| name.digest.clone()).collect();
    erasure::of_person(conn, &digests)?.into_iter().map(erased_of).collect()
}

/// The keys of the ledger's erasures that are none of these: whose those are, nobody can tell.
pub fn unknown_keys(conn: &mut Connection, names: &Pseudonyms) -> Result<Vec<String>, DbError> {
    if !erasure::is_there(conn)? {
        return Ok(Vec::new());
    }
    Ok(erasure::key_ids(conn)?.into_iter().filter(|key| !names.knows(key)).collect())
}

/// Calls `tell` with every erasure of the ledger.
pub fn each(conn: &mut Connection, tell: &mut dyn FnMut(Erased)) -> Result<(), DbError> {
    if !erasure::is_there(conn)? {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let rows = erasure::all(conn, &after, PAGE)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after.clone_from(&last.reference);
        for row in rows {
            tell(erased_of(row)?);
        }
    }
}

/// Calls `tell` with every erasure of a run.
///
/// # Errors
/// Those of the database, and those of `tell`.
pub fn each_of_run<C: DeserializeOwned, E: From<DbError>>(
    conn: &mut Connection,
    run: &str,
    tell: &mut dyn FnMut(Erased<C>) -> Result<(), E>,
) -> Result<(), E> {
    each_row_of_run(conn, run, &mut |row| tell(erased_of(row)?))
}

/// How many people a run has begun, by how far it came with them.
#[derive(Debug, Default)]
pub(super) struct Begun {
    pub erased: u64,
    /// All was done that could be, and something stays that is to go one day.
    pub in_part: u64,
    /// More was to follow.
    pub unfinished: u64,
}

/// A night may have hundreds of thousands of people, each with one row that is finished: only those with more are remembered.
pub(super) fn begun_by_run(conn: &mut Connection, run: &str) -> Result<Begun, DbError> {
    let (mut begun, mut in_parts) = (Begun::default(), BTreeSet::new());
    each_of_run(conn, run, &mut |erased: Erased| -> Result<(), DbError> {
        match erased.finished {
            None => drop(in_parts.insert(erased.person)),
            Some(_) if erased.is_whole() => begun.erased += 1,
            Some(_) => begun.in_part += 1,
        }
        Ok(())
    })?;
    if !in_parts.is_empty() {
        each_of_run(conn, run, &mut |erased: Erased| -> Result<(), DbError> {
            if erased.finished.is_some() {
                in_parts.remove(&erased.person);
            }
            Ok(())
        })?;
    }
    begun.unfinished = in_parts.len() as u64;
    Ok(begun)
}

/// The rows of a run as the entry that closes it covers them: how many, and their digest; `None` where there are none.
pub(super) fn cover(conn: &mut Connection, run: &str) -> Result<Option<Cover>, DbError> {
    if !erasure::is_there(conn)? {
        return Ok(None);
    }
    let (mut hash, mut erasures) = (Sha256::new(), 0);
    each_row_of_run(conn, run, &mut |row| {
        // MySQL finds ids with spaces behind them too.
        if row.run == run {
            hash.update(line(&row).as_bytes());
            erasures += 1;
        }
        Ok::<_, DbError>(())
    })?;
    Ok((erasures > 0).then(|| Cover { erasures, erasures_digest: chain::prefixed(&hash.finalize()) }))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cover {
    pub erasures: u64,
    /// SHA-256 over one line a row, fields apart by tabs, in the order of the references.
    pub erasures_digest: String,
}

/// The policy, whose name may hold anything, comes last.
fn line(row: &ErasureRow) -> String {
    let finished = row.finished.map(|finished| finished.to_string()).unwrap_or_default();
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{finished}\t{}\t{}\n",
        row.reference, row.person, row.key_id, row.cause, row.asked, row.begun, row.counts, row.policy
    )
}

/// A night may have hundreds of thousands of them: so many are read at a time.
const PAGE: u64 = 2_000;

fn each_row_of_run<E: From<DbError>>(
    conn: &mut Connection,
    run: &str,
    tell: &mut dyn FnMut(ErasureRow) -> Result<(), E>,
) -> Result<(), E> {
    let ends = erasure::page_ends(conn, run, PAGE)?;
    let mut after = "";
    for up_to in ends.iter().map(Some).chain([None]) {
        erasure::of_run(conn, run, after, up_to.map(String::as_str))?.into_iter().try_for_each(&mut *tell)?;
        after = up_to.map_or(after, String::as_str);
    }
    Ok(())
}
