//! No trace: what was erased is found nowhere, however one looks.

use std::collections::BTreeSet;
use std::fs;

use tenure::db::{Dialect, Value};

use super::{MAP, people, platform, run, tenure};
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

/// As an application fills its file, which asks for no `secure_delete`: rows and index entries come in no order and grow, so that
/// SQLite moves them from page to page.
fn file_of_an_application(db: &TestDb, mode: &str) {
    db.script(&format!("PRAGMA journal_mode = {mode}"));
    platform(db, 400, 0);
    let grows = (1..=400).map(|step| step * 171 % 401).map(|id| {
        format!(
            "UPDATE account SET email = 'SECRET.MAIL.' || id || '@example.org', name = 'SECRET.NAME.' || id,
                 closed_at = CASE WHEN id % 2 = 0 THEN '2026-06-10 00:00:00' END WHERE id = {id};
             UPDATE answer SET words = 'SECRET.WORDS.{id}.' || hex(zeroblob({id} % 97)) WHERE attempt_id = 2 * {id};"
        )
    });
    db.script(&format!(
        "PRAGMA secure_delete = OFF; CREATE INDEX by_name ON account (name); CREATE INDEX by_words ON answer (words);
         BEGIN; {} COMMIT",
        grows.collect::<String>()
    ));
}

/// Which of the erased people's values are found in the bytes of the file and its write-ahead log.
fn legible(db: &TestDb) -> Vec<String> {
    let file = db.url().trim_start_matches("sqlite://").to_owned();
    let bytes: Vec<u8> =
        ["", "-wal", "-journal"].iter().flat_map(|end| fs::read(format!("{file}{end}"))).flatten().collect();
    let mut known = BTreeSet::new();
    for mark in ["SECRET.MAIL.", "SECRET.NAME.", "SECRET.WORDS."] {
        for at in bytes.windows(mark.len()).enumerate().filter(|(_, found)| *found == mark.as_bytes()).map(|(at, _)| at)
        {
            let digits: String = bytes[at + mark.len()..]
                .iter()
                .map(|byte| char::from(*byte))
                .take_while(char::is_ascii_digit)
                .collect();
            known.insert((mark, digits));
        }
    }
    // What is cut off within its digits is somebody else's or nobody's.
    let is_erased = |digits: &str| digits.parse::<u32>().is_ok_and(|id| id >= 200 && id % 2 == 0);
    known.into_iter().filter(|(_, id)| is_erased(id)).map(|(mark, id)| format!("{mark}{id}")).collect()
}

#[test]
fn nothing_of_an_erased_person_is_left_in_the_pages_of_a_sqlite_file() {
    for mode in ["WAL", "DELETE"] {
        let db = TestDb::new(Dialect::Sqlite);
        file_of_an_application(&db, mode);
        let tenure = tenure(&db, MAP);
        assert_ne!(legible(&db), [""; 0], "they are there");
        let ran = run(&tenure);
        assert_eq!((people(&ran, "erased"), ran.0["notes"].to_string()), (200, "[]".to_owned()));
        assert_eq!(legible(&db), [""; 0], "{mode}");
        assert_eq!(db.count("account WHERE name LIKE 'SECRET.NAME.%'"), 200);
    }
}

#[test]
fn a_sqlite_file_that_is_not_written_anew_is_said_to_hold_what_it_may() {
    let db = TestDb::new(Dialect::Sqlite);
    file_of_an_application(&db, "WAL");
    let tenure = tenure(&db, MAP);
    let config = tenure.dir().join("tenure.toml");
    let before = fs::read_to_string(&config).expect("there is a config");
    fs::write(&config, before + "vacuum_up_to_mib = 0\n").expect("a file can be written");
    let ran = run(&tenure);
    assert_ne!(legible(&db), [""; 0], "secure_delete does not reach all of it");
    for part in ["gaps of the pages", "the file is larger than `vacuum_up_to_mib`", "run VACUUM"] {
        assert!(ran.0["notes"].to_string().contains(part), "no `{part}` in {:#}", ran.0["notes"]);
    }
    db.script("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
    assert_eq!(legible(&db), [""; 0]);
}

/// Of a table that has no key SQLite numbers the rows anew as it writes the file anew; in others they keep their numbers.
#[test]
fn no_row_gets_another_number_because_its_file_is_written_anew() {
    let db = TestDb::new(Dialect::Sqlite);
    platform(&db, 40, 20);
    db.script(
        "CREATE TABLE tag (word text PRIMARY KEY); CREATE TABLE place (word text); CREATE INDEX by_word ON place (word);
         INSERT INTO tag (rowid, word) VALUES (7, 'a'), (9, 'b'); INSERT INTO place (rowid, word) VALUES (7, 'a'), (9, 'b');",
    );
    let tenure = tenure(&db, MAP);
    assert_eq!(run(&tenure).0["notes"].to_string(), "[]");
    let numbers = |table: &str| db.rows(&format!("SELECT rowid FROM {table} ORDER BY 1"));
    assert_eq!(numbers("tag"), [[Value::Int(7)], [Value::Int(9)]]);
    assert_eq!(numbers("place"), [[Value::Int(7)], [Value::Int(9)]]);

    db.script("CREATE TABLE line (words text); INSERT INTO line (rowid, words) VALUES (7, 'a'), (9, 'b')");
    db.script("UPDATE account SET closed_at = '2026-06-10 00:00:00' WHERE id = 30");
    let notes = run(&tenure).0["notes"].to_string();
    assert!(notes.contains("table `line` has neither a primary key nor an index"), "{notes}");
    assert_eq!(numbers("line"), [[Value::Int(7)], [Value::Int(9)]]);
}

/// An index of words over a table of the map, kept by triggers as SQLite's manual says, and one that holds its own texts.
fn with_full_text(db: &TestDb) {
    platform(db, 4, 0);
    db.script(
        "CREATE VIRTUAL TABLE found USING fts5(words, content = 'answer', content_rowid = 'id');
         CREATE TRIGGER found_in AFTER INSERT ON answer BEGIN
             INSERT INTO found (rowid, words) VALUES (NEW.id, NEW.words); END;
         CREATE TRIGGER found_out AFTER DELETE ON answer BEGIN
             INSERT INTO found (found, rowid, words) VALUES ('delete', OLD.id, OLD.words); END;
         CREATE VIRTUAL TABLE \"old's words\" USING fts4(words);
         CREATE TRIGGER old_in AFTER INSERT ON answer BEGIN
             INSERT INTO \"old's words\" (docid, words) VALUES (NEW.id, NEW.words); END;
         CREATE TRIGGER old_out AFTER DELETE ON answer BEGIN DELETE FROM \"old's words\" WHERE docid = OLD.id; END;
         INSERT INTO found (found) VALUES ('rebuild');
         INSERT INTO answer VALUES (91, 1, 'zebrafish'), (92, 3, 'quagga');
         UPDATE account SET closed_at = '2026-06-10 00:00:00' WHERE id = 1;
         CREATE INDEX by_words ON answer (words); ANALYZE;",
    );
    assert_ne!(db.count("sqlite_stat4"), 0, "SQLite takes samples");
}

fn stands_in_the_file(db: &TestDb, word: &str) -> bool {
    let file = fs::read(db.url().trim_start_matches("sqlite://")).expect("there is a file");
    file.windows(word.len()).any(|bytes| bytes == word.as_bytes())
}

#[test]
fn no_word_of_an_erased_person_is_left_in_the_full_text_indexes_of_a_sqlite_file() {
    let db = TestDb::new(Dialect::Sqlite);
    with_full_text(&db);
    let ran = run(&tenure(&db, MAP));
    assert_eq!((people(&ran, "erased"), ran.0["notes"].to_string()), (1, "[]".to_owned()));
    assert!(!stands_in_the_file(&db, "zebrafish") && stands_in_the_file(&db, "quagga"));
    for index in ["found", "\"old's words\""] {
        assert_eq!(db.count(&format!("{index} WHERE words MATCH 'quagga'")), 1, "{index}");
    }
}

#[test]
fn of_whom_something_is_held_no_word_is_left_of_the_rest() {
    let db = TestDb::new(Dialect::Sqlite);
    with_full_text(&db);
    let hold = "[[hold]]\nname = \"case-7\"\ntable = \"letter\"\nwhere = \"id = 1\"\nreason = \"case 7\"\n";
    let ran = run(&tenure(&db, &format!("{MAP}{hold}")));
    assert_eq!((people(&ran, "erased"), people(&ran, "in_part")), (0, 1));
    assert!(!stands_in_the_file(&db, "zebrafish"));
}

#[test]
fn a_full_text_index_that_is_not_merged_is_named_with_what_to_do() {
    let db = TestDb::new(Dialect::Sqlite);
    with_full_text(&db);
    let tenure = tenure(&db, MAP);
    let config = tenure.dir().join("tenure.toml");
    let before = fs::read_to_string(&config).expect("there is a config");
    fs::write(&config, before + "vacuum_up_to_mib = 0\n").expect("a file can be written");
    let notes = run(&tenure).0["notes"].clone();
    let merge = |index: &str| format!("INSERT INTO {index} ({index}) VALUES ('optimize')");
    let [found, old] = ["\"found\"", "\"old's words\""].map(merge);
    let told = [
        ("full-text index `found`", &found),
        ("full-text index `old's words`", &old),
        ("`sqlite_stat4`", &"ANALYZE".to_owned()),
    ];
    for (note, (what, renewal)) in notes.as_array().expect("there are notes").iter().zip(told) {
        let note = note.as_str().expect("a sentence");
        assert!(note.contains(what) && note.contains(&format!("run {renewal} and then VACUUM")), "{note}");
    }
    assert!(stands_in_the_file(&db, "zebrafish"));
    db.script(&format!("{found}; {old}; ANALYZE; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"));
    assert!(!stands_in_the_file(&db, "zebrafish"));
}

/// Of the values that a server's planner knows of columns, those that are erased people's.
fn known_to_the_planner(db: &TestDb) -> i64 {
    let theirs = ["person1@", "person2@", "person 1", "person 2"];
    db.scalar(&match db.dialect {
        Dialect::Postgres => format!(
            "SELECT count(*) FROM pg_stats WHERE schemaname = 'public'
                AND lower(concat(most_common_vals, histogram_bounds)) ~ '{}'",
            theirs.join("|")
        ),
        _ => format!(
            "SELECT count(*) FROM mysql.column_stats WHERE db_name = DATABASE()
                AND lower(concat(min_value, ' ', max_value)) REGEXP '{}'",
            theirs.join("|")
        ),
    })
}

fn counted(db: &TestDb) {
    for table in ["account", "attempt", "answer", "post", "letter", "payment"] {
        match db.dialect {
            Dialect::Postgres => db.script(&format!("ANALYZE {table}")),
            _ => drop(db.rows(&format!("ANALYZE TABLE {table} PERSISTENT FOR ALL"))),
        }
    }
    assert_ne!(known_to_the_planner(db), 0);
}

#[test]
fn no_value_of_an_erased_person_is_left_in_the_statistics_of_a_server() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        let db = TestDb::new(dialect);
        platform(&db, 6, 2);
        counted(&db);
        assert_eq!(run(&tenure(&db, MAP)).0["notes"].to_string(), "[]", "{dialect:?}");
        assert_eq!(known_to_the_planner(&db), 0, "{dialect:?}");
    }
}

#[test]
fn statistics_that_are_not_renewed_are_told_of() {
    let is_told = |db: &TestDb, url: &str, table: &str| {
        let notes = run(&super::house_at(url, 1, &crate::harness::story::policy(MAP))).0["notes"].to_string();
        assert!(notes.contains("planner's statistics") && notes.contains(table), "`{table}` in {notes}");
        assert_ne!(known_to_the_planner(db), 0);
    };
    // Nobody counts large tables in passing, and PostgreSQL none without rows.
    for (make, table) in [
        ("UPDATE pg_class SET reltuples = 1000000 WHERE relname = 'letter'", "letter"),
        ("DELETE FROM letter WHERE id > 2", "letter"),
    ] {
        let db = TestDb::new(Dialect::Postgres);
        platform(&db, 6, 2);
        counted(&db);
        db.script(make);
        is_told(&db, db.url(), table);
    }
    let db = TestDb::new(Dialect::Postgres);
    platform(&db, 6, 2);
    counted(&db);
    tenure(&db, MAP).run(&["migrate"]).expect_code(0);
    let url = db.role(
        "janitor",
        &[
            "GRANT USAGE ON SCHEMA public, tenure TO {role}",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
            "GRANT ALL ON ALL TABLES IN SCHEMA tenure TO {role}",
        ],
    );
    is_told(&db, &url, "account");
}

/// A reader keeps what the pages were until it ends.
#[test]
fn a_reader_that_keeps_the_write_ahead_log_is_told_of() {
    let db = TestDb::new(Dialect::Sqlite);
    db.script("PRAGMA journal_mode = WAL");
    platform(&db, 4, 2);
    let mut reader = db.open();
    reader.script("BEGIN; SELECT * FROM account").expect("a reader may read");
    let notes = run(&tenure(&db, MAP)).0["notes"].to_string();
    assert!(notes.contains("write-ahead log until the next run: somebody was reading"), "{notes}");
}
