//! The platform on SQLite, read back with a little SQL of the tests' own.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::db::{Access, Row, Statement, Value};

use crate::demo::edge::{Edge, Edges, Whose};
use crate::demo::*;

const AS_OF: &str = "2026-03-31T02:15:00.123456Z";

fn as_of() -> Timestamp {
    AS_OF.parse().unwrap()
}

/// A platform in a file that is gone with the value.
struct Campus {
    connection: Connection,
    tally: Tally,
    _file: tempfile::NamedTempFile,
}

impl Campus {
    fn new(seed: u64) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        let url = format!("sqlite://{}", file.path().display());
        let mut connection = Connection::open(&url, Access::ReadWrite).unwrap();
        create(&mut connection).unwrap();
        let tally = generate(&mut connection, &Size::new(10_000, seed).unwrap(), as_of()).unwrap();
        Self { connection, tally, _file: file }
    }

    fn rows(&mut self, sql: &str) -> Vec<Row> {
        self.connection.query(&Statement { sql: sql.to_owned(), binds: vec![] }).unwrap()
    }

    fn count(&mut self, sql: &str) -> i64 {
        self.rows(sql)[0].int(0).unwrap()
    }

    fn tables(&mut self) -> BTreeSet<String> {
        let rows = self.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
        rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
    }

    fn digest(&mut self) -> String {
        let mut digest = Sha256::new();
        for table in TABLES {
            for row in self.rows(&format!("SELECT * FROM {}", table.name)) {
                digest.update(format!("{row:?}\n"));
            }
        }
        HEXLOWER.encode(&digest.finalize())
    }
}

#[test]
fn the_same_seed_makes_the_same_rows_and_another_seed_makes_others() {
    let digest = Campus::new(7).digest();
    assert_eq!(Campus::new(7).digest(), digest);
    assert_ne!(Campus::new(8).digest(), digest);
}

#[test]
fn the_tables_hold_exactly_the_rows_asked_for_and_no_reference_dangles() {
    let mut campus = Campus::new(1);
    assert_eq!(campus.tally.rows(), 10_000);
    for (table, rows) in campus.tally.tables.clone() {
        assert!(rows > 0, "{table} is empty");
        assert_eq!(campus.count(&format!("SELECT count(*) FROM {table}")), rows as i64, "{table}");
    }
    assert!(campus.rows("PRAGMA foreign_key_check").is_empty());
    // The check above would be vacuous without these.
    for reference in
        ["certificate.renewed_from", "support_message.reply_to", "account.guardian_id", "page_view.user_id"]
    {
        let (table, column) = reference.split_once('.').unwrap();
        assert!(campus.count(&format!("SELECT count({column}) FROM {table}")) > 0, "{reference}");
    }
}

#[test]
fn every_size_between_the_limits_adds_up_exactly() {
    for rows in [10_000, 10_001, 54_321, 1_234_567, 10_000_000] {
        let platform = Platform::new(&Size::new(rows, 1).unwrap(), as_of());
        assert_eq!(TABLES.iter().map(|table| (table.rows)(&platform.counts)).sum::<u64>(), rows);
    }
    assert_eq!(Size::new(10_000_001, 1), Err(SizeError(10_000_001)));
}

/// How the edges' column of each table holds an instant.
fn column_of(table: &str, at: i64) -> (&'static str, Value) {
    let time = || Value::Text(instant::time_text(at));
    match table {
        "account" => ("analytics_withdrawn_at", time()),
        "consent" => ("withdrawn_at", time()),
        "api_token" => ("expires_at", time()),
        "login" => ("at", Value::Int(at / 1_000_000)),
        "course_setting" => ("updated_at", time()),
        "enrolment" => ("last_active_at", time()),
        "lesson_progress" | "course_completion" => ("completed_at", time()),
        "quiz_attempt" => ("finished_at", time()),
        "placement_result" => ("taken_on", Value::Text(instant::date_text(at))),
        "generated_lesson" => ("created_at", time()),
        "payment" => ("paid_at", time()),
        "support_ticket" => ("closed_at", time()),
        "mail_log" => ("sent_at", time()),
        "access_log" => ("logged_at", time()),
        "error_log" => ("at", Value::Int(at / 1_000)),
        "page_view" => ("viewed_at", time()),
        other => panic!("no column is known for the edges of {other}"),
    }
}

/// Which of the table's rows nothing but their age decides over, or those of minors.
fn condition(table: &str, whose: Whose) -> String {
    let (person, key) = match table {
        "account" => return "1".to_owned(),
        "page_view" => ("user_id", "id"),
        "mail_log" => ("address", "email"),
        _ => ("account_id", "id"),
    };
    let guarded = match whose {
        Whose::Adult => "guardian_id IS NULL",
        Whose::Minor => "guardian_id IS NOT NULL",
    };
    let pending = if table == "course_completion" { "AND status = 'verified' AND renewed_at IS NULL" } else { "" };
    format!(
        "{person} IN (SELECT {key} FROM account WHERE {guarded} AND restricted_at IS NULL AND analytics_withdrawn_at IS NULL) \
         {pending}"
    )
}

#[test]
fn for_each_cutoff_there_is_a_row_before_it_on_it_and_after_it() {
    let mut campus = Campus::new(1);
    let edges = Edges::new(as_of());
    let mut seen = 0;
    for table in TABLES {
        for &Edge { at, whose } in edges.of(table.name) {
            let (column, value) = column_of(table.name, at);
            let sql =
                format!("SELECT count(*) FROM {} WHERE {column} = ? AND {}", table.name, condition(table.name, whose));
            let found = campus.connection.query(&Statement { sql, binds: vec![value] }).unwrap()[0].int(0).unwrap();
            assert!(found > 0, "{}.{column} has no row of {whose:?} at {}", table.name, instant::time_text(at));
            seen += 1;
        }
    }
    assert!(seen >= 40 * 3, "{seen}");
}

#[test]
fn the_people_on_the_edge_of_withdrawal_have_page_views_and_their_attempts_have_answers() {
    let mut campus = Campus::new(1);
    for at in Edges::new(as_of()).of("account").iter().map(|edge| instant::time_text(edge.at)) {
        let views = format!(
            "SELECT count(*) FROM page_view v JOIN account a ON a.id = v.user_id WHERE a.analytics_withdrawn_at = '{at}'"
        );
        assert!(campus.count(&views) > 0, "{at}");
    }
    let without = "SELECT count(*) FROM quiz_attempt WHERE id NOT IN (SELECT attempt_id FROM quiz_answer)";
    assert_eq!(campus.count(without), 0);
}

#[test]
fn among_the_completions_that_are_due_one_has_a_renewed_certificate() {
    let mut campus = Campus::new(1);
    let cutoff = instant::time_text(instant::before(as_of(), "7 years").as_microsecond());
    let due = format!(
        "SELECT count(*) FROM certificate r JOIN course_completion c ON c.id = r.completion_id \
         WHERE r.renewed_from IS NOT NULL AND c.renewed_at = r.issued_at AND c.renewed_at < '{cutoff}'"
    );
    assert!(campus.count(&due) > 0);
}

#[test]
fn nothing_lies_in_the_future_but_the_edges_and_what_is_valid_until_then() {
    let mut campus = Campus::new(1);
    let now = instant::time_text(as_of().as_microsecond());
    for (table, column) in
        [("page_view", "viewed_at"), ("access_log", "logged_at"), ("course_completion", "renewed_at")]
    {
        assert_eq!(campus.count(&format!("SELECT count(*) FROM {table} WHERE {column} > '{now}'")), 0, "{table}");
    }
    assert_eq!(campus.count(&format!("SELECT count(*) FROM account WHERE created_at > '{now}'")), 0);
}

/// The table names of one kind of entry; `table` and `tables` alike.
fn tables_of(entries: Option<&toml::Value>) -> Vec<String> {
    let entries = entries.and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let table = |entry: &toml::Value| entry.get("table").and_then(toml::Value::as_str).map(str::to_owned);
    let tables = |entry: &toml::Value| {
        let list = entry.get("tables").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        list.iter().map(|table| table.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    entries.iter().flat_map(|entry| table(entry).into_iter().chain(tables(entry))).collect()
}

fn cascades(schedule: &toml::Table) -> impl Iterator<Item = String> {
    let rules = schedule["rule"].as_array().unwrap();
    rules
        .iter()
        .filter_map(|rule| rule.get("cascade")?.as_array())
        .flatten()
        .map(|entry| entry.as_str().or_else(|| entry.get("table")?.as_str()).unwrap().to_owned())
}

#[test]
fn each_shipped_schedule_names_every_table_of_the_platform_and_no_other() {
    let tables = Campus::new(1).tables();
    for (name, text) in SCHEDULES {
        let schedule: toml::Table = text.parse().unwrap();
        let mut named: BTreeSet<String> =
            ["rule", "hold", "keep"].iter().flat_map(|kind| tables_of(schedule.get(*kind))).collect();
        named.extend(cascades(&schedule));
        let mapped: BTreeSet<String> = tables_of(schedule["subject"].get("data")).into_iter().collect();
        assert!(mapped.is_subset(&tables), "{name} maps a table that is not there");
        assert_eq!(named, tables, "{name}");
    }
}

/// Promise id to the names (of a `[[keep]]`: the tables) of the entries of one kind that cite it.
fn citations(schedule: &toml::Table, kind: &str) -> BTreeMap<String, BTreeSet<String>> {
    if kind == "subject" {
        return citations_of_map(&schedule["subject"]);
    }
    let mut citations: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in schedule.get(kind).and_then(toml::Value::as_array).into_iter().flatten() {
        let names = match entry.get("name") {
            Some(name) => vec![name.as_str().unwrap().to_owned()],
            None => tables_of(Some(&toml::Value::Array(vec![entry.clone()]))),
        };
        for id in texts(entry.get("promise")) {
            citations.entry(id).or_default().extend(names.clone());
        }
    }
    citations
}

/// The same of a map of people: `subject` cites for all of it, an entry as `table.column` for itself.
fn citations_of_map(map: &toml::Value) -> BTreeMap<String, BTreeSet<String>> {
    let own = texts(map.get("promise")).into_iter().map(|id| (id, "subject".to_owned()));
    let of_entries = map["data"].as_array().unwrap().iter().flat_map(|entry| {
        let column = entry["column"].as_str().unwrap().split(" -> ").next().unwrap();
        let name = format!("{}.{column}", entry["table"].as_str().unwrap());
        texts(entry.get("promise")).into_iter().map(move |id| (id, name.clone()))
    });
    let mut citations: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, name) in own.chain(of_entries) {
        citations.entry(id).or_default().insert(name);
    }
    citations
}

/// One text or a list of them.
fn texts(value: Option<&toml::Value>) -> Vec<String> {
    match value {
        Some(toml::Value::Array(list)) => list.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
        Some(text) => vec![text.as_str().unwrap().to_owned()],
        None => vec![],
    }
}

#[test]
fn the_list_of_promises_says_what_the_schedules_say() {
    let promises: toml::Table = PROMISES.parse().unwrap();
    let ids = |letter: &str, last: u32| (1..=last).map(move |number| format!("{letter}{number}")).collect::<Vec<_>>();
    for ((name, text), ids) in SCHEDULES.into_iter().zip([ids("A", 11), ids("T", 7), ids("I", 7)]) {
        let schedule: toml::Table = text.parse().unwrap();
        for kind in ["rule", "hold", "keep", "subject"] {
            let cited = citations(&schedule, kind);
            assert!(cited.keys().all(|id| ids.contains(id)), "{name} cites an id that is not its own");
            for id in &ids {
                let listed: BTreeSet<String> = texts(promises[id].get(kind)).into_iter().collect();
                assert_eq!(cited.get(id).cloned().unwrap_or_default(), listed, "{id}: {kind} in {name}");
            }
        }
        for id in &ids {
            let promise = promises[id].as_table().unwrap();
            assert!(
                ["rule", "hold", "keep", "subject", "command", "later"].iter().any(|how| promise.contains_key(*how)),
                "{id} is kept nowhere"
            );
        }
    }
    assert_eq!(promises.len(), 25);
}
