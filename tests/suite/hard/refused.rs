//! What cannot be purged is refused with a sentence, and nothing happens.

use tenure::db::Dialect;

use super::{Story, delete_rule, hold};
use crate::harness::TestDb;

on_every_database! {
    fn a_view_is_no_table_to_purge_or_to_hold_or_to_cascade_over(db: TestDb) {
        let setup = "CREATE TABLE log (id {bigint} NOT NULL PRIMARY KEY, at {ts}); INSERT INTO log VALUES (1, '2025-01-01');
             CREATE VIEW seen AS SELECT id, at FROM log;";
        let schedule = delete_rule("seen", "\"at\"", "");
        Story::new(&db, setup, schedule).is_refused(&["is a view", "name the table behind it"]);
        let story = |schedule| Story::on(&db, schedule);
        story(delete_rule("log", "\"at\"", "") + &hold("seen", "id = 1")).is_refused(&["hold `lawsuit`", "is a view"]);
        let cascade = "cascade = [{ table = \"seen\", column = \"id\" }]";
        story(delete_rule("log", "\"at\"", cascade)).is_refused(&["seen` is a view"]);
    }
}

#[test]
fn row_level_security_anywhere_in_the_family_is_an_error_and_not_zero_rows() {
    let setup = "CREATE TABLE parent (id bigint PRIMARY KEY, at timestamptz) ; CREATE TABLE child (id bigint, parent_id bigint REFERENCES parent ON DELETE CASCADE);
         CREATE TABLE part (id bigint, at timestamptz) PARTITION BY RANGE (id); CREATE TABLE part_1 PARTITION OF part DEFAULT;
         INSERT INTO parent VALUES (1, '2025-01-01'); INSERT INTO child VALUES (1, 1); INSERT INTO part VALUES (1, '2025-01-01');";
    let grants = ["GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}", "GRANT CREATE ON DATABASE {db} TO {role}"];
    for (veiled, rule) in [
        ("parent", delete_rule("parent", "\"at\"", "")),
        ("child", delete_rule("parent", "\"at\"", "")),
        ("child", delete_rule("parent", "\"at\"", "") + &hold("child", "id = 1")),
        ("part_1", delete_rule("part", "\"at\"", "")),
        ("parent", delete_rule("child", "\"parent_id -> parent.at\"", "")),
        (
            "part",
            delete_rule("parent", "\"at\"", "where = \"NOT EXISTS (SELECT 1 FROM part WHERE part.id = parent.id)\""),
        ),
    ] {
        let db = TestDb::new(Dialect::Postgres);
        db.script(&format!("{setup} ALTER TABLE {veiled} ENABLE ROW LEVEL SECURITY;"));
        let url = db.role("janitor", &grants);
        let before = db.tables_dump();
        let tenure = crate::harness::Tenure::at_url(&url).schedule(&rule);
        for command in ["plan", "run"] {
            let output = tenure.run(&[command, "--as-of", super::AS_OF]);
            let printed = output.stdout + &output.stderr;
            assert_ne!(output.code, 0, "{veiled}: {rule}: {printed}");
            assert!(printed.contains("row-level") || printed.contains("row security"), "{veiled}: {printed}");
        }
        assert_eq!(db.tables_dump(), before, "{veiled}: {rule}");
    }
}

#[test]
fn an_engine_without_transactions_is_refused_also_for_children() {
    let db = TestDb::new(Dialect::Mysql);
    let setup = "CREATE TABLE log (id BIGINT PRIMARY KEY, at DATETIME) ENGINE = MyISAM; CREATE TABLE parent (id BIGINT PRIMARY KEY, at DATETIME);
         CREATE TABLE aria (id BIGINT PRIMARY KEY, at DATETIME) ENGINE = Aria TRANSACTIONAL = 1;
         INSERT INTO log VALUES (1, '2025-01-01'); INSERT INTO parent VALUES (1, '2025-01-01'); INSERT INTO aria VALUES (1, '2025-01-01');";
    Story::new(&db, setup, delete_rule("log", "\"at\"", "")).is_refused(&["does not commit together with the ledger"]);
    let story = |schedule| Story::on(&db, schedule);
    story(delete_rule("aria", "\"at\"", "")).is_refused(&["does not commit together with the ledger"]);
    story(delete_rule("parent", "\"at\"", "cascade = [{ table = \"log\", column = \"id\" }]"))
        .is_refused(&["log` is of the engine `MyISAM`", "does not commit together with the ledger"]);
    // A hold covers rows wherever they lie; but nothing there can be purged, so there is nothing that it could keep.
}

/// MariaDB keeps in its history what is deleted from it, also by a foreign key.
#[test]
fn a_table_that_keeps_its_history_is_refused_also_where_a_foreign_key_takes_its_rows_along_or_lets_them_go() {
    for (act, what) in [("CASCADE", "go along"), ("SET NULL", "let go")] {
        let db = TestDb::new(Dialect::Mysql);
        let setup = format!(
            "CREATE TABLE parent (id BIGINT PRIMARY KEY, at DATETIME); INSERT INTO parent VALUES (1, '2025-01-01');
             CREATE TABLE child (id BIGINT PRIMARY KEY, at DATETIME, parent_id BIGINT,
                 FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE {act}) WITH SYSTEM VERSIONING;
             INSERT INTO child VALUES (1, '2025-01-01', 1);"
        );
        let story = Story::new(&db, &setup, delete_rule("parent", "\"at\"", ""));
        let history = ["child`", "is system-versioned", "FOR SYSTEM_TIME ALL", "DROP SYSTEM VERSIONING"];
        story.is_refused(&[&history[..], &[&format!("of which rows {what} by a foreign key")]].concat());
        Story::on(&db, delete_rule("child", "\"at\"", "")).is_refused(&history);
        let cascade = "cascade = [{ table = \"child\", column = \"parent_id\" }]";
        Story::on(&db, delete_rule("parent", "\"at\"", cascade)).is_refused(&history);
        db.script("ALTER TABLE child DROP SYSTEM VERSIONING");
        story.rule(&["run", "--yes"], 0);
        assert_eq!(db.count("parent"), 0);
    }
}

#[test]
fn a_table_that_lies_on_another_server_or_in_a_virtual_table_is_refused() {
    let db = TestDb::new(Dialect::Sqlite);
    Story::new(
        &db,
        "CREATE VIRTUAL TABLE words USING fts5(at, word); INSERT INTO words VALUES ('2025-01-01', 'a')",
        delete_rule("words", "\"at\"", ""),
    )
    .is_refused(&["virtual table"]);
    let db = TestDb::new(Dialect::Postgres);
    let far = "CREATE EXTENSION file_fdw; CREATE SERVER f FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE far (id bigint, at timestamptz) SERVER f OPTIONS (program 'echo');";
    Story::new(&db, far, delete_rule("far", "\"at\"", "")).is_refused(&["foreign"]);
}

#[test]
fn a_table_in_an_attached_database_is_not_found_by_that_name() {
    let db = TestDb::new(Dialect::Sqlite);
    let setup = "CREATE TABLE log (id INTEGER PRIMARY KEY, at timestamp); INSERT INTO log VALUES (1, '2025-01-01');";
    Story::new(&db, setup, delete_rule("other.log", "\"at\"", "")).is_refused(&["there is no table `other.log`"]);
}

#[test]
fn bytes_are_no_text_to_postgres() {
    let db = TestDb::new(Dialect::Postgres);
    let setup = "CREATE TABLE log (id bigint, at bytea); INSERT INTO log VALUES (1, '2025-01-01');";
    Story::new(&db, setup, delete_rule("log", "{ column = \"at\", as = \"text\" }", ""))
        .is_refused(&["`bytea`", "which holds no text"]);
}
