//! No trace: what was erased is found nowhere, however one looks.

use std::fs;

use super::{MAP, platform, run, tenure};
use crate::harness::TestDb;

on_every_database! {
    fn nothing_of_an_erased_person_is_left_in_any_table_of_the_database(db: TestDb) {
        platform(&db, 6, 3);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        let dump = db.tables_dump().to_lowercase();
        let all = format!("{dump}{}", ledger(&db).to_lowercase());
        for id in 1..=3 {
            for value in [format!("person{id}@example.org"), format!("person {id}")] {
                assert!(!all.contains(&value), "`{value}` is left");
            }
        }
        assert!(dump.contains("person4@example.org"));
    }
}

/// All of tenure's own tables as text.
fn ledger(db: &TestDb) -> String {
    let tables = ["run", "batch", "erasure", "entry"].map(|name| crate::harness::story::control_table(db, name));
    tables.iter().map(|table| format!("{:?}", db.rows(&format!("SELECT * FROM {table}")))).collect()
}

#[test]
fn nothing_of_an_erased_person_is_left_in_the_pages_of_a_sqlite_file() {
    let db = TestDb::new(tenure::db::Dialect::Sqlite);
    db.script("PRAGMA journal_mode = WAL");
    platform(&db, 40, 20);
    run(&tenure(&db, MAP));
    let file = db.url().trim_start_matches("sqlite://").to_owned();
    for ending in ["", "-wal"] {
        let Ok(bytes) = fs::read(format!("{file}{ending}")) else { continue };
        for id in 1..=20 {
            for value in [
                format!("person{id}@example.org"),
                format!("PERSON{id}@example.org"),
                format!("words of person {id}'"),
                format!("Person {id}\u{0}"),
            ] {
                let found = bytes.windows(value.len()).any(|window| window == value.as_bytes());
                assert!(!found, "`{value}` is left in the file{ending}");
            }
        }
    }
}
