//! What the ledger must say, whatever happened: told from its tables and from nothing of the program's.

use sha2::{Digest, Sha256};
use tenure::db::{Dialect, Value};

use super::acts::Deeds;
use crate::harness::TestDb;

/// A control table's name.
pub fn table(db: &TestDb, name: &str) -> String {
    match db.dialect {
        Dialect::Postgres => format!("tenure.{name}"),
        Dialect::Sqlite | Dialect::Mysql => format!("tenure_{name}"),
    }
}

/// Every run is closed, every entry is chained to the one before it, and the batches of all runs together did `deeds` and
/// nothing beside them.
#[track_caller]
pub fn adds_up(db: &TestDb, deeds: Deeds) {
    let batches = batches(db);
    let runs = db.rows(&format!("SELECT id, record FROM {} ORDER BY started, id", table(db, "run")));
    let entries = chained_entries(db);
    let mut told = 0;
    for run in &runs {
        let id = text(&run[0]);
        let Value::Text(record) = &run[1] else { panic!("run {id} is open") };
        let record: serde_json::Value = serde_json::from_str(record).expect("a record is JSON");
        let own: Vec<&Batch> = batches.iter().filter(|batch| batch.run == id).collect();
        let entry = entries.iter().find(|entry| entry["record"]["run"] == id.as_str());
        let entry = entry.unwrap_or_else(|| panic!("run {id} has no entry"));
        assert_eq!(entry["batches"], own.len() as u64, "batches in the entry of run {id}");
        assert_eq!(entry["batches_digest"], digest(&own), "digest of the batches of run {id}");
        told += agrees_with_its_batches(&record, &own);
    }
    let closing = entries.iter().filter(|entry| !entry["record"].is_null());
    assert_eq!(closing.count(), runs.len(), "an entry a run");
    assert_eq!(told, deeds.done, "rows done by all runs");
    assert_eq!(batches.iter().map(|batch| batch.done).sum::<i64>(), deeds.done, "rows done by all batches");
    assert_eq!(batches.iter().map(Batch::cascaded).sum::<i64>(), deeds.cascaded, "rows that went with them");
}

/// The rows that the record says were done.
#[track_caller]
fn agrees_with_its_batches(record: &serde_json::Value, batches: &[&Batch]) -> i64 {
    let mut told = 0;
    for rule in record["rules"].as_array().expect("a record has rules") {
        let number = |name: &str| rule[name].as_i64().unwrap_or_else(|| panic!("{name} is no number in {rule}"));
        let done: i64 = batches.iter().filter(|batch| batch.rule == rule["rule"]).map(|batch| batch.done).sum();
        assert_eq!(number("done"), done, "{rule}");
        let accounted = ["done", "held", "blocked", "skipped", "remaining"].map(number).iter().sum::<i64>();
        assert_eq!(number("eligible"), accounted, "{rule}");
        assert!(rule["status"] != "ok" || number("remaining") == 0, "rows remain and nobody says so: {rule}");
        told += done;
    }
    told
}

struct Batch {
    id: String,
    run: String,
    rule: String,
    at: i64,
    done: i64,
    rolled_up: i64,
    consequences: String,
}

impl Batch {
    fn cascaded(&self) -> i64 {
        let both: serde_json::Value = serde_json::from_str(&self.consequences).expect("consequences are JSON");
        let tables = both[0].as_object().expect("the first are those that went");
        tables.values().map(|rows| rows.as_i64().expect("rows are counted")).sum()
    }
}

fn batches(db: &TestDb) -> Vec<Batch> {
    let sql =
        format!("SELECT id, run, rule, at, done, rolled_up, consequences FROM {} ORDER BY id", table(db, "batch"));
    let batch = |row: Vec<Value>| Batch {
        id: text(&row[0]),
        run: text(&row[1]),
        rule: text(&row[2]),
        at: int(&row[3]),
        done: int(&row[4]),
        rolled_up: int(&row[5]),
        consequences: text(&row[6]),
    };
    db.rows(&sql).into_iter().map(batch).collect()
}

fn digest(batches: &[&Batch]) -> String {
    let mut lines = String::new();
    for Batch { id, rule, at, done, rolled_up, consequences, .. } in batches {
        lines.push_str(&format!("{id}\t{rule}\t{at}\t{done}\t{rolled_up}\t{consequences}\n"));
    }
    format!("sha256:{}", sha256(&lines))
}

/// The bodies of all entries, after the chain was walked.
#[track_caller]
fn chained_entries(db: &TestDb) -> Vec<serde_json::Value> {
    let sql = format!("SELECT number, at, kind, run, body, previous, hash FROM {} ORDER BY number", table(db, "entry"));
    let mut head = String::new();
    let mut bodies = Vec::new();
    for (index, row) in db.rows(&sql).iter().enumerate() {
        let (number, body) = (int(&row[0]), text(&row[4]));
        assert_eq!(number, index as i64 + 1, "the chain has a gap");
        assert_eq!(text(&row[5]), head, "entry {number} is not chained to the one before it");
        let run = if row[3] == Value::Null { String::new() } else { text(&row[3]) };
        let canonical = format!("tenure-entry-1\n{number}\n{}\n{}\n{run}\n{head}\n{body}", int(&row[1]), text(&row[2]));
        head = sha256(&canonical);
        assert_eq!(text(&row[6]), head, "the hash of entry {number}");
        bodies.push(serde_json::from_str(&body).expect("a body is JSON"));
    }
    bodies
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => panic!("no text but {other:?}"),
    }
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(int) => *int,
        other => panic!("no integer but {other:?}"),
    }
}
