//! A verifier that was written from LEDGER.md alone, and shares no code with tenure's own: what the page says is enough.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tenure::db::Value;

use crate::harness::story::{AS_OF, control_table, delete_rule, policy};
use crate::harness::{Tenure, TestDb};

/// The control tables as JSON, in the names of their columns.
pub struct Ledger {
    pub entries: Vec<Json>,
    pub runs: Vec<Json>,
    pub batches: Vec<Json>,
    pub erasures: Vec<Json>,
}

impl Ledger {
    pub fn of(db: &TestDb) -> Self {
        Self {
            entries: rows(db, "entry", &["number", "at", "kind", "run", "body", "previous", "hash"]),
            runs: rows(db, "run", &["id", "holder", "started", "finished", "plan", "record"]),
            batches: rows(db, "batch", &["id", "run", "rule", "at", "done", "rolled_up", "consequences"]),
            erasures: rows(db, "erasure", &ERASURE),
        }
    }

    /// The test vectors of the page.
    fn of_the_page() -> Self {
        let page = include_str!("../../LEDGER.md");
        let (_, block) = page.split_once("```json vectors\n").expect("the page has vectors");
        let (block, _) = block.split_once("\n```").expect("a fence is closed");
        let mut vectors: Json = serde_json::from_str(block).expect("the vectors are JSON");
        let mut list = |name: &str| match vectors[name].take() {
            Json::Array(list) => list,
            other => panic!("`{name}` is no list: {other}"),
        };
        Self { entries: list("entries"), runs: list("runs"), batches: list("batches"), erasures: Vec::new() }
    }

    /// Every rule of the page, one after the other.
    #[track_caller]
    pub fn check(&self) {
        let mut head = String::new();
        for (index, entry) in self.entries.iter().enumerate() {
            assert_eq!(entry["number"], index as u64 + 1);
            assert_eq!(entry["previous"], head.as_str());
            assert_eq!(entry["hash"], sha256(&canonical(entry)), "{entry:#}");
            head = text(&entry["hash"]).to_owned();
        }
        self.check_binding();
        let closing: Vec<&Json> = self.entries.iter().filter(|entry| entry["kind"] == "run").collect();
        assert_eq!(closing.len(), self.runs.len(), "an entry a run");
        for entry in closing {
            let run = self.runs.iter().find(|run| run["id"] == entry["run"]).expect("a run is closed once");
            self.check_run(run, entry);
        }
    }

    /// One name for the whole chain, given before anything else, and each record bears it.
    #[track_caller]
    fn check_binding(&self) {
        let body = |entry: &Json| serde_json::from_str::<Json>(text(&entry["body"])).expect("a body is JSON");
        let bound: Vec<Json> = self.entries.iter().filter(|entry| entry["kind"] == "ledger").map(body).collect();
        let Some(first) = bound.first() else { return };
        assert!(matches!(self.entries[0]["kind"].as_str(), Some("ledger" | "key")), "{:#}", self.entries[0]);
        assert!(text(&first["ledger"]).len() == 32 && !text(&first["name"]).is_empty(), "{first:#}");
        assert!(bound.iter().all(|bound| bound["ledger"] == first["ledger"]), "{bound:#?}");
        for entry in self.entries.iter().filter(|entry| entry["kind"] == "run") {
            assert_eq!(body(entry)["record"]["ledger_id"], first["ledger"], "{entry:#}");
        }
    }

    #[track_caller]
    fn check_run(&self, run: &Json, entry: &Json) {
        let body: Json = serde_json::from_str(text(&entry["body"])).expect("a body is JSON");
        assert_eq!((&run["finished"], &run["started"]), (&entry["at"], &body["started"]));
        for column in ["holder", "plan"] {
            assert_eq!(body[format!("{column}_digest")], format!("sha256:{}", sha256(text(&run[column]))));
        }
        let link = json!({ "entry": entry["number"], "head": format!("sha256:{}", text(&entry["hash"])) });
        let record = text(&entry["body"]).replacen("\"ledger\":null", &format!("\"ledger\":{link}"), 1);
        let record = record.strip_prefix("{\"record\":").expect("the record comes first");
        assert!(record.starts_with(text(&run["record"])), "{record}\n{run:#}");
        let mut batches: Vec<_> = self.batches.iter().filter(|batch| batch["run"] == run["id"]).collect();
        batches.sort_by_key(|batch| text(&batch["id"]).as_bytes());
        let lines: String = batches.iter().map(|batch| line(batch)).collect();
        assert_eq!(body["batches"], batches.len() as u64);
        assert_eq!(body["batches_digest"], format!("sha256:{}", sha256(&lines)));
        self.check_erasures(run, &body);
    }

    #[track_caller]
    fn check_erasures(&self, run: &Json, body: &Json) {
        let mut erasures: Vec<_> = self.erasures.iter().filter(|erasure| erasure["run"] == run["id"]).collect();
        if erasures.is_empty() {
            return assert_eq!((body.get("erasures"), body.get("erasures_digest")), (None, None));
        }
        erasures.sort_by_key(|erasure| text(&erasure["reference"]).as_bytes());
        let field = |field: &Json| match field {
            Json::String(text) => text.clone(),
            Json::Null => String::new(),
            number => number.to_string(),
        };
        let line = |erasure: &&Json| {
            let fields: Vec<_> =
                ERASURE.iter().filter(|name| **name != "run").map(|name| field(&erasure[*name])).collect();
            fields.join("\t") + "\n"
        };
        let lines: String = erasures.iter().map(line).collect();
        assert_eq!(body["erasures"], erasures.len() as u64);
        assert_eq!(body["erasures_digest"], format!("sha256:{}", sha256(&lines)));
    }
}

/// The columns of `erasure`, those that are digested in the order of the page.
const ERASURE: [&str; 10] =
    ["reference", "person", "key_id", "cause", "asked", "begun", "finished", "counts", "policy", "run"];

fn canonical(entry: &Json) -> String {
    let (kind, body) = (text(&entry["kind"]), text(&entry["body"]));
    let (run, previous) = (entry["run"].as_str().unwrap_or_default(), text(&entry["previous"]));
    format!("tenure-entry-1\n{}\n{}\n{kind}\n{run}\n{previous}\n{body}", entry["number"], entry["at"])
}

fn line(batch: &Json) -> String {
    let fields = ["id", "rule", "at", "done", "rolled_up", "consequences"].map(|field| match &batch[field] {
        Json::String(text) => text.clone(),
        number => number.to_string(),
    });
    fields.join("\t") + "\n"
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text but {value}"))
}

fn rows(db: &TestDb, table: &str, columns: &[&str]) -> Vec<Json> {
    let sql = format!("SELECT {} FROM {} ORDER BY 1", columns.join(", "), control_table(db, table));
    let json = |value: &Value| match value {
        Value::Null => Json::Null,
        Value::Int(int) => (*int).into(),
        Value::Text(text) => text.as_str().into(),
        other => panic!("{other:?}"),
    };
    let row =
        |row: Vec<Value>| columns.iter().zip(&row).map(|(name, value)| ((*name).to_owned(), json(value))).collect();
    db.rows(&sql).into_iter().map(row).collect()
}

#[test]
fn the_test_vectors_of_the_page_are_right_by_its_own_rules() {
    let vectors = Ledger::of_the_page();
    vectors.check();
    for entry in &vectors.entries {
        assert_eq!(entry["canonical"], canonical(entry));
    }
}

#[test]
fn tenure_reads_the_test_vectors_of_the_page_as_the_page_does() {
    for entry in &Ledger::of_the_page().entries {
        let parsed = tenure::ledger::chain::parse(text(&entry["canonical"])).expect("these are canonical bytes");
        assert_eq!((parsed.number, parsed.hash.as_str()), (entry["number"].as_i64().unwrap(), text(&entry["hash"])));
        assert_eq!((parsed.run.as_deref(), parsed.body.as_str()), (entry["run"].as_str(), text(&entry["body"])));
        assert_eq!(tenure::ledger::chain::hash(&parsed), text(&entry["hash"]));
    }
}

on_every_database! {
    fn whoever_read_the_page_can_check_a_ledger(db: TestDb) {
        db.create(
            "CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts}); CREATE TABLE other (id {bigint} PRIMARY KEY, at {ts});
             INSERT INTO log VALUES (1, '2020-01-01 00:00:00'), (2, '2020-01-01 00:00:00');
             INSERT INTO other VALUES (1, '2020-01-01 00:00:00');",
        );
        // A locale sorts these two otherwise than their bytes do.
        let rules = delete_rule("a-b", "log", "guard = { max_rows = 1 }") + &delete_rule("aa", "other", "");
        let tenure = Tenure::at(&db).schedule(&policy(&rules));
        let stopped = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(3).json();
        tenure.run(&["approve", stopped["run"].as_str().unwrap()]).expect_code(0);
        db.script("INSERT INTO log VALUES (3, '2020-01-01 00:00:00'); INSERT INTO other VALUES (3, '2020-01-01 00:00:00')");
        tenure.run(&["run", "--as-of", AS_OF]).expect_code(0);
        Ledger::of(&db).check();
        tenure.run(&["verify"]).expect_code(0);
    }
}
