//! A closed run and its batches, held against the entry that closed it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Break, Halt, Kind, chain};
use crate::db::control::{self, BatchRow, EntryRow, RunRow};
use crate::db::{Connection, DbError};
use crate::ledger::{digest_of, erasure};

/// The body of an entry that closes a run, as it is read back. The oldest ledgers cover less of the run's row.
#[derive(Deserialize)]
struct Closing {
    record: Value,
    started: Option<i64>,
    holder_digest: Option<String>,
    plan_digest: Option<String>,
    batches: u64,
    batches_digest: String,
    /// Absent where the run erased nobody.
    #[serde(default)]
    erasures: u64,
    #[serde(default)]
    erasures_digest: String,
}

/// Holds the run's row and its batches against `entry`; the number of its batches. Where they were compacted there are none.
pub(super) fn agrees(conn: &mut Connection, id: &str, entry: &EntryRow, is_compacted: bool) -> Result<u64, Halt> {
    let here = |kind, sentence: String| Break::new(kind, sentence).at_entry(entry.number).of_run(id);
    let Ok(closing) = serde_json::from_str::<Closing>(&entry.body) else {
        return Err(here(Kind::Changed, format!("entry {} closes a run, and does not say how", entry.number)).into());
    };
    let Some(row) = control::walk::run(conn, id)? else {
        let sentence = format!("run `{id}`, which entry {} closed, is not there any more", entry.number);
        return Err(here(Kind::Missing, sentence).into());
    };
    if let Some(column) = differing_column(&row, entry, &closing) {
        let sentence = format!("the `{column}` of run `{id}` is not what entry {} closed it with", entry.number);
        return Err(here(Kind::Changed, sentence).into());
    }
    if let Some((kind, what)) = differing_erasures(conn, id, &closing)? {
        return Err(here(kind, format!("run `{id}`: {what}")).into());
    }
    let mut batches = control::batches(conn, Some(id), None)?;
    batches.retain(|batch| batch.run == id);
    if is_compacted && batches.is_empty() {
        return Ok(0);
    }
    if let Some((kind, what)) = differing_batches(&batches, &closing) {
        return Err(here(kind, format!("run `{id}`: {what}")).into());
    }
    Ok(closing.batches)
}

/// The first column of the run's row that is not as it was when the run was closed.
fn differing_column(row: &RunRow, entry: &EntryRow, closing: &Closing) -> Option<&'static str> {
    let as_digested = |text: &str, digest: &Option<String>| {
        digest.as_ref().is_none_or(|digest| *digest == chain::digest(text.as_bytes()))
    };
    let checks = [
        ("finished", row.finished == Some(entry.at)),
        ("started", closing.started.is_none_or(|started| started == row.started)),
        ("holder", as_digested(&row.holder, &closing.holder_digest)),
        ("plan", as_digested(&row.plan, &closing.plan_digest)),
        ("record", row.record.as_deref() == Some(sealed_record(entry, &closing.record).as_str())),
    ];
    checks.into_iter().find(|(_, agrees)| !agrees).map(|(column, _)| column)
}

/// The record of the entry with the link to the entry in it, to the byte as the run's row has it.
fn sealed_record(entry: &EntryRow, record: &Value) -> String {
    let mut record = record.clone();
    record["ledger"] = json!({ "entry": entry.number, "head": format!("sha256:{}", entry.hash) });
    record.to_string()
}

fn differing_batches(batches: &[BatchRow], closing: &Closing) -> Option<(Kind, String)> {
    let (now, then) = (batches.len() as u64, closing.batches);
    if now != then {
        let kind = if now < then { Kind::Missing } else { Kind::Inserted };
        return Some((kind, format!("it was closed with {then} batches, and now there are {now}")));
    }
    let is_plain = |batch: &BatchRow| ![&batch.id, &batch.rule].iter().any(|text| text.contains(['\t', '\n']));
    let agree = batches.iter().all(is_plain) && digest_of(batches) == closing.batches_digest;
    (!agree).then(|| (Kind::Changed, format!("its {now} batches are not as they were when it was closed")))
}

fn differing_erasures(conn: &mut Connection, run: &str, closing: &Closing) -> Result<Option<(Kind, String)>, DbError> {
    let cover = erasure::cover(conn, run)?;
    let (now, then) = (cover.as_ref().map_or(0, |cover| cover.erasures), closing.erasures);
    if now != then {
        let kind = if now < then { Kind::Missing } else { Kind::Inserted };
        return Ok(Some((kind, format!("it was closed with {then} erasures, and now there are {now}"))));
    }
    let agree = cover.is_none_or(|cover| cover.erasures_digest == closing.erasures_digest);
    Ok((!agree).then(|| (Kind::Changed, format!("its {now} erasures are not as they were when it was closed"))))
}

/// A closed run that no entry closes, in a chain that ends with entry `last`.
pub(super) fn without_an_entry(conn: &mut Connection, id: &str, last: i64) -> Result<Break, DbError> {
    let record = control::walk::run(conn, id)?.and_then(|row| row.record);
    let record: Option<Value> = record.and_then(|text| serde_json::from_str(&text).ok());
    let closed_by = record.as_ref().and_then(|record| record["ledger"]["entry"].as_i64());
    Ok(match closed_by {
        Some(number) if number > last => {
            let sentence = format!("run `{id}` was closed by entry {number}, but the chain ends with entry {last}");
            Break::new(Kind::Truncated, sentence).at_entry(number)
        }
        _ => Break::new(Kind::Inserted, format!("run `{id}` is closed, and no entry closes it")),
    }
    .of_run(id))
}
