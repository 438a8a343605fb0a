//! What an approval is for: the rows that a guarded run had planned, and no others.
//!
//! The ledger holds one keyed digest of their keys for each rule. It tells whether the rows are the same, in whatever order
//! they come. Whether the rows that are due now are *some* of those that were planned, a list of keyed hashes in the state
//! directory tells, for as many rows as that is cheap; the digest in the ledger vouches for the list. Nothing of this leads to
//! a key of a row without the installation's key, or that of the list, where there is no other.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::base::secret::Secret;
use crate::db::query::planned::each_key;
use crate::db::{Connection, DbError, ErrorKind, Mode, Value};
use crate::plan::RulePlan;
use crate::record::{RuleRecord, RunRecord};

/// So many rows of a rule are listed; of more, the digest alone tells whether they are the same.
const MOST_LISTED: usize = 100_000;

/// Under which rows are hashed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Key(String);

impl Key {
    /// From the installation's key, where there is one.
    pub fn of(installation: Option<&Secret>) -> Option<Self> {
        Some(Self(HEXLOWER.encode(&digest(installation?.reveal().as_bytes(), &[b"tenure-planned-rows-1"]))))
    }

    /// One that nothing else has.
    ///
    /// # Errors
    /// There is no source of randomness.
    pub fn new() -> anyhow::Result<Self> {
        let mut random = [0u8; 32];
        getrandom::fill(&mut random).context("there is no source of randomness")?;
        Ok(Self(HEXLOWER.encode(&random)))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn digest(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The rows that a rule would act upon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    count: u64,
    /// Of all hashes: the order in which the rows come does not matter.
    sum: u128,
    /// All hashes, where they are not too many.
    list: Option<Vec<u128>>,
}

impl Rows {
    /// In a read-only transaction; `None` where rows of the table cannot be told apart.
    ///
    /// # Errors
    /// Those of the database.
    pub fn planned(conn: &mut Connection, plan: &RulePlan, key: &Key) -> Result<Option<Self>, DbError> {
        let mut rows = Self { list: Some(Vec::new()), ..Self::default() };
        let are_told_apart = conn.transaction(Mode::ReadOnly, |conn| {
            for target in &plan.targets {
                let table = target.table.to_string();
                let mut tell = |row: crate::db::Row| {
                    let texts = row.0.iter().map(text).collect::<Option<Vec<_>>>();
                    let texts = texts.ok_or_else(|| DbError::new(ErrorKind::Other, "a key has no text"))?;
                    let head = [plan.rule.as_bytes(), table.as_bytes()];
                    let parts: Vec<&[u8]> = head.into_iter().chain(texts.iter().map(Vec::as_slice)).collect();
                    rows.add(hash(key, &parts));
                    Ok(())
                };
                if !each_key(conn, plan, target, &mut tell)? {
                    return Ok(false);
                }
            }
            Ok::<_, DbError>(true)
        })?;
        if let Some(list) = &mut rows.list {
            list.sort_unstable();
        }
        Ok(are_told_apart.then_some(rows))
    }

    fn add(&mut self, hash: u128) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash);
        match &mut self.list {
            Some(list) if list.len() < MOST_LISTED => list.push(hash),
            list => *list = None,
        }
    }

    /// As the ledger holds it.
    pub fn digest(&self, key: &Key) -> String {
        let digest = digest(key.0.as_bytes(), &[&self.count.to_be_bytes(), &self.sum.to_be_bytes()]);
        format!("hmac-sha256:{}", HEXLOWER.encode(&digest))
    }

    fn of_list(list: &[String]) -> Option<Self> {
        let mut rows = Self { list: Some(Vec::new()), ..Self::default() };
        for text in list {
            rows.add(u128::from_str_radix(text, 16).ok()?);
        }
        rows.list.as_mut()?.sort_unstable();
        Some(rows)
    }

    /// How many of these are not among the others; `None` where that cannot be told.
    fn beyond(&self, others: &Self) -> Option<usize> {
        let (own, others) = (self.list.as_ref()?, others.list.as_ref()?);
        Some(own.iter().filter(|hash| others.binary_search(hash).is_err()).count())
    }
}

fn hash(key: &Key, parts: &[&[u8]]) -> u128 {
    let digest = digest(key.0.as_bytes(), parts);
    u128::from_be_bytes(digest[..16].try_into().expect("a digest has more than sixteen bytes"))
}

/// A value of a key, each kind by itself.
fn text(value: &Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::Null => vec![0],
        Value::Bool(bool) => vec![1, u8::from(*bool)],
        Value::Int(int) => [&[2][..], int.to_string().as_bytes()].concat(),
        Value::Unsigned(int) => [&[2][..], int.to_string().as_bytes()].concat(),
        Value::Float(float) => [&[3][..], &float.to_be_bytes()].concat(),
        Value::Text(text) => [&[4][..], text.as_bytes()].concat(),
        Value::Bytes(bytes) => [&[5][..], bytes].concat(),
        _ => return None,
    })
}

/// What the state directory keeps of a guarded run until it is approved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lists {
    key: Key,
    /// By rule, the hashes in hexadecimal digits.
    rows: BTreeMap<String, Vec<String>>,
}

impl Lists {
    pub fn of(key: &Key, rules: BTreeMap<String, Rows>) -> Self {
        let texts = |rows: Rows| Some(rows.list?.iter().map(|hash| format!("{hash:032x}")).collect());
        let rows = rules.into_iter().filter_map(|(rule, rows)| Some((rule, texts(rows)?))).collect();
        Self { key: key.clone(), rows }
    }

    /// Writes them where only this user reads them.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, state_dir: &Path, run: &str) -> anyhow::Result<()> {
        let path = path(state_dir, run);
        let written = || {
            fs::create_dir_all(path.parent().unwrap_or(state_dir))?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()
        };
        written().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Those of a run, where they are there.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(state_dir: &Path, run: &str) -> anyhow::Result<Option<Self>> {
        let path = path(state_dir, run);
        match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            read => {
                let bytes = read.with_context(|| format!("cannot read {}", path.display()))?;
                serde_json::from_slice(&bytes)
                    .with_context(|| format!("{} holds no planned rows", path.display()))
                    .map(Some)
            }
        }
    }

    /// An approval is good for one run.
    pub fn forget(state_dir: &Path, run: &str) {
        // What stays there says nothing that an approval could use again.
        let _ = fs::remove_file(path(state_dir, run));
    }
}

fn path(state_dir: &Path, run: &str) -> PathBuf {
    state_dir.join("approvals").join(format!("{run}.json"))
}

/// What was approved: by which key the rows are known, and those that are listed.
#[derive(Debug, Clone, Default)]
pub struct Approved {
    key: Option<Key>,
    rows: BTreeMap<String, Rows>,
}

impl Approved {
    /// Of a run that a guard stopped.
    pub fn of(installation: Option<&Secret>, lists: Option<Lists>) -> Self {
        let Some(lists) = lists else { return Self { key: Key::of(installation), rows: BTreeMap::new() } };
        let rows = lists.rows.iter().filter_map(|(rule, list)| Some((rule.clone(), Rows::of_list(list)?))).collect();
        Self { key: Some(lists.key), rows }
    }

    /// Why the rows that are due now are not those that the run had planned, or cannot be told to be.
    ///
    /// # Errors
    /// Those of the database.
    pub fn question(
        &self,
        conn: &mut Connection,
        plan: &RulePlan,
        record: &RuleRecord,
        run: &RunRecord,
    ) -> Result<Option<String>, DbError> {
        if record.remaining == 0 {
            return Ok(None);
        }
        let unknown = |why: &str| {
            Ok(Some(format!("it cannot be told whether the rows that are due are those of run `{}`: {why}", run.run)))
        };
        let Some(digest) =
            run.rules.iter().find(|rule| rule.rule == plan.rule).and_then(|rule| rule.rows_digest.as_ref())
        else {
            return unknown(
                "it does not say which rows they were, because rows of the table cannot be told apart; use `tenure run --yes`",
            );
        };
        let Some(key) = &self.key else {
            return unknown(
                "the list of its rows is not in the state directory; run again, and approve that on the same machine",
            );
        };
        let Some(now) = Rows::planned(conn, plan, key)? else {
            return unknown("rows of the table cannot be told apart");
        };
        if now.digest(key) == *digest {
            return Ok(None);
        }
        let listed = self.rows.get(&plan.rule).filter(|listed| listed.digest(key) == *digest);
        Ok(match listed.and_then(|listed| now.beyond(listed)) {
            Some(0) => None,
            Some(others) => Some(format!(
                "{others} of the {} rows that are due are not among those of run `{}`, for which it was approved",
                now.count, run.run
            )),
            None => Some(format!("other rows are due than those of run `{}`, for which it was approved", run.run)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key("00".repeat(32))
    }

    fn rows(ids: &[i64]) -> Rows {
        let mut rows = Rows { list: Some(Vec::new()), ..Rows::default() };
        ids.iter().for_each(|id| rows.add(hash(&key(), &[b"rule", b"table", &text(&Value::Int(*id)).unwrap()])));
        rows.list.as_mut().unwrap().sort_unstable();
        rows
    }

    #[test]
    fn the_digest_is_of_the_rows_and_not_of_their_order_or_number() {
        assert_eq!(rows(&[1, 2, 3]).digest(&key()), rows(&[3, 1, 2]).digest(&key()));
        for others in [&[1, 2][..], &[1, 2, 4], &[1, 2, 3, 3], &[]] {
            assert_ne!(rows(&[1, 2, 3]).digest(&key()), rows(others).digest(&key()), "{others:?}");
        }
        assert_ne!(rows(&[1]).digest(&key()), rows(&[1]).digest(&Key("11".repeat(32))));
    }

    #[test]
    fn a_list_tells_how_many_rows_are_others() {
        let approved = rows(&[1, 2, 3]);
        for (now, others) in [(&[1, 2, 3][..], 0), (&[2], 0), (&[], 0), (&[1, 4], 1), (&[4, 5, 6], 3)] {
            assert_eq!(rows(now).beyond(&approved), Some(others), "{now:?}");
        }
        assert_eq!(Rows { list: None, ..rows(&[1]) }.beyond(&approved), None);
    }

    #[test]
    fn a_list_that_was_written_and_read_has_the_same_digest() {
        let dir = tempfile::tempdir().unwrap();
        Lists::of(&key(), BTreeMap::from([("log".to_owned(), rows(&[1, 2]))])).write(dir.path(), "run").unwrap();
        let read = Lists::read(dir.path(), "run").unwrap();
        let approved = Approved::of(None, read);
        assert_eq!(approved.rows["log"].digest(&key()), rows(&[1, 2]).digest(&key()));
        Lists::forget(dir.path(), "run");
        assert!(Lists::read(dir.path(), "run").unwrap().is_none());
    }
}
