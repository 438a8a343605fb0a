//! People in real schemas: who they are, which rows are theirs, and whether an erasure took those and nobody else's.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::harness::story::{AS_OF, Told, assert_same_figures};
use crate::harness::{Output, Tenure, TestDb};

/// Whose accounts are closed, or who ask to be erased.
pub const GONE: RangeInclusive<i64> = 1..=3;

/// Everybody; the others stay.
pub const ALL: RangeInclusive<i64> = 1..=6;

/// When the first of them left; well past any grace at the instant of the stories, and within the 30 days.
pub const CLOSED: &str = "2026-06-10T00:00:00Z";

/// Somebody of whom every row of a filled platform tells: by the key, by the number of what stands for the person, or by a
/// mark in every text that is theirs. No other number of a fill has as many digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person(pub i64);

impl Person {
    pub fn all() -> impl Iterator<Item = Person> {
        ALL.map(Person)
    }

    pub fn gone() -> impl Iterator<Item = Person> {
        GONE.map(Person)
    }

    pub fn is_gone(self) -> bool {
        GONE.contains(&self.0)
    }

    pub fn key(self) -> i64 {
        4_700_000 + self.0
    }

    /// Of what stands between the person and the rows: an actor, a group of one.
    pub fn double(self) -> i64 {
        5_300_000 + self.0
    }

    /// One of some rows that hold nothing but numbers.
    pub fn row(self, number: i64) -> i64 {
        10 * self.double() + number
    }

    /// Stands in nobody else's.
    pub fn mark(self) -> String {
        format!("Zq{}zq", self.0)
    }

    pub fn email(self) -> String {
        format!("{}@example.org", self.mark())
    }

    /// Does a line of a dump hold a text of this person?
    fn is_told_by(self, line: &str) -> bool {
        is_shown(line, &self.mark()) || is_shown(line, &self.mark().to_lowercase())
    }

    fn has(self, line: &str) -> bool {
        self.is_told_by(line) || [self.key(), self.double()].iter().any(|number| is_shown(line, &number.to_string()))
    }
}

/// Is the text in the line, which is in small letters? Some databases show texts as bytes.
fn is_shown(line: &str, text: &str) -> bool {
    let bytes: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    line.contains(&text.to_lowercase()) || line.contains(&bytes)
}

/// How the rows of a whole database changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    pub deleted: u64,
    pub redacted: u64,
}

/// Holds the database after the erasure against what it was: every row that went or changed was of somebody who is gone,
/// every other row is as it was, and no text of theirs is left in any table.
#[track_caller]
pub fn only_theirs_changed(before: &str, after: &str) -> Change {
    let (before, after) = (rows(before), rows(after));
    let lacking = |of: &BTreeMap<String, u64>, from: &BTreeMap<String, u64>| {
        let rest = |(row, count): (&String, &u64)| (row.clone(), count.saturating_sub(*from.get(row).unwrap_or(&0)));
        of.iter().map(rest).filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>()
    };
    let (vanished, appeared) = (lacking(&before, &after), lacking(&after, &before));
    for row in vanished.keys() {
        assert!(Person::gone().any(|person| person.has(row)), "of nobody who is gone, and not there any more: {row}");
    }
    for row in after.keys() {
        assert!(!Person::gone().any(|person| person.is_told_by(row)), "of somebody who is gone, and left: {row}");
    }
    let (vanished, appeared): (u64, u64) = (vanished.values().sum(), appeared.values().sum());
    assert!(vanished > appeared, "nothing was deleted");
    Change { deleted: vanished - appeared, redacted: appeared }
}

/// The rows of a dump in small letters, each behind its table, and how often each stands there.
fn rows(dump: &str) -> BTreeMap<String, u64> {
    let (mut rows, mut table) = (BTreeMap::new(), "");
    for line in dump.lines() {
        match line.strip_prefix("    ") {
            Some(row) => *rows.entry(format!("{table}: {row}").to_lowercase()).or_default() += 1,
            None => table = line.split(' ').next().unwrap_or_default(),
        }
    }
    rows
}

/// What the certificates of those who are gone add up to. Each is done, and in time.
#[track_caller]
pub fn certified(tenure: &Tenure) -> Change {
    let mut all = Change { deleted: 0, redacted: 0 };
    let sum = |counts: &Value| counts.as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum::<u64>();
    for person in Person::gone() {
        let key = person.key().to_string();
        let told = tenure.run(&["subject", "certificate", &key, "--format", "json"]).expect_code(0).json();
        assert!(told["finished"].is_string() && told["ledger"]["head"].is_string(), "{told:#}");
        assert!(!person.has(&told.to_string().to_lowercase()), "a certificate names its person: {told:#}");
        for gone in told["gone"].as_array().expect("a certificate lists what is gone") {
            let rows = gone["rows"].as_u64().expect("a count");
            match gone["action"].as_str() {
                Some("redact") => all.redacted += rows,
                _ => all.deleted += rows + sum(&gone["cascaded"]),
            }
            all.redacted += sum(&gone["detached"]);
        }
    }
    tenure.run(&["verify"]).expect_code(0);
    all
}

/// Erases those who are gone one by one, as they asked for it, and as a dry run says.
#[track_caller]
pub fn erase_by_request(tenure: &Tenure) {
    for person in Person::gone() {
        let key = person.key().to_string();
        let erase = |word: &str| {
            let asked = [
                "subject",
                "erase",
                &key,
                "--reason",
                "letter",
                "--requested-at",
                CLOSED,
                "--as-of",
                AS_OF,
                "--json",
                word,
            ];
            Told(tenure.run(&asked).expect_code(0).json())
        };
        assert_same_figures(&erase("--dry-run"), &erase("--yes"));
    }
}

/// What `tenure check` says of a map, where it finds nothing wrong.
#[track_caller]
pub fn checked(tenure: &Tenure) -> String {
    said(tenure.run(&["check"]).expect_code(0))
}

/// What it says of one that it refuses.
#[track_caller]
pub fn refused(tenure: &Tenure) -> String {
    said(tenure.run(&["check"]).expect_code(2))
}

fn said(Output { stdout, stderr, .. }: Output) -> String {
    stdout + &stderr
}

/// tenure with this map, and a key to call people by.
pub fn house(db: &TestDb, map: &str) -> Tenure {
    Tenure::alone()
        .keyed(&format!("state_dir = \"state\"\n[database.main]\nurl = \"{}\"\n", db.url()))
        .schedule(&format!("[policy]\nname = \"house\"\n{map}"))
}

/// An entry of a map, with further lines below it.
pub fn entry(table: &str, column: &str, action: &str, more: &str) -> String {
    format!("[[subject.data]]\ntable = \"{table}\"\ncolumn = \"{column}\"\naction = \"{action}\"\n{more}\n")
}

/// The map without its entries on this column: what somebody might forget.
#[track_caller]
pub fn without(map: &str, table: &str, column: &str) -> String {
    let forgotten = format!("table = \"{table}\"\ncolumn = \"{column}");
    let mut parts = map.split("[[subject.data]]\n");
    let head = parts.next().unwrap_or_default().to_owned();
    let (left_out, kept): (Vec<_>, Vec<_>) = parts.partition(|part| part.starts_with(&forgotten));
    assert!(!left_out.is_empty(), "the map has no entry for {table}.{column}");
    kept.iter().fold(head, |map, part| map + "[[subject.data]]\n" + part)
}
