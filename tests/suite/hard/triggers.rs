//! Triggers and rewrite rules: what they take is not counted as ours, what they turn away is told, what they say is not.

use tenure::db::Dialect;

use super::{Story, delete_rule};
use crate::harness::TestDb;

const TABLES: &str = "CREATE TABLE log (id {bigint} NOT NULL PRIMARY KEY, at {ts}, email {text});
     CREATE TABLE shadow (id {bigint} NOT NULL PRIMARY KEY, log_id {bigint});
     INSERT INTO log VALUES (1, '2025-01-01', 'ann.secret@example.org'), (2, '2025-12-31', 'bob'), (3, '2025-01-01', 'cleo');
     INSERT INTO shadow VALUES (1, 1), (2, 2), (3, 3);";

/// A trigger on deletes from `log` with this body, which speaks of the row as OLD.
fn trigger(dialect: Dialect, when: &str, body: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("CREATE TRIGGER t {when} DELETE ON log BEGIN {body}; END;"),
        Dialect::Mysql => format!("CREATE TRIGGER t {when} DELETE ON log FOR EACH ROW {body};"),
        Dialect::Postgres => format!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN OLD; END $$;
             CREATE TRIGGER t {when} DELETE ON log FOR EACH ROW EXECUTE FUNCTION f();"
        ),
    }
}

on_every_database! {
    fn a_trigger_may_delete_rows_elsewhere(db: TestDb) {
        let setup = format!("{TABLES} {}", trigger(db.dialect, "AFTER", "DELETE FROM shadow WHERE log_id = OLD.id"));
        let done = Story::new(&db, &setup, delete_rule("log", "\"at\"", "")).becomes("DELETE FROM log WHERE id IN (1, 3)");
        assert_eq!(done["done"], 2);
    }

    fn a_trigger_that_quotes_a_row_in_its_error_is_not_repeated(db: TestDb) {
        let raise = match db.dialect {
            Dialect::Sqlite => "SELECT RAISE(ABORT, 'cannot remove ann.secret@example.org')",
            Dialect::Postgres => "RAISE EXCEPTION 'cannot remove %', OLD.email",
            Dialect::Mysql => "BEGIN DECLARE m TEXT; SET m = CONCAT('cannot remove ', OLD.email); SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = m; END",
        };
        for cascade in ["", "cascade = [{ table = \"shadow\", column = \"log_id\" }]"] {
            let db = TestDb::new(db.dialect);
            let setup = format!("{TABLES} {}", trigger(db.dialect, "BEFORE", raise));
            db.create(&setup);
            let story = Story::on(&db, delete_rule("log", "\"at\"", cascade));
            let before = db.tables_dump();
            for format in [&["run", "--yes", "-v"][..], &["run", "--yes", "--json"], &["check"]] {
                let output = story.tenure().env("RUST_LOG", "trace").run(format);
                let printed = output.stdout + &output.stderr;
                assert!(!printed.contains("ann.secret") && !printed.contains("cannot remove"), "{printed}");
                assert!(format[0] == "check" || output.code == 1 && printed.contains("refused"), "{}: {printed}", output.code);
            }
            assert_eq!(db.tables_dump(), before);
        }
    }
}

#[test]
fn a_trigger_that_turns_rows_away_fails_the_rule_and_says_so() {
    for cascade in ["", "cascade = [{ table = \"shadow\", column = \"log_id\" }]"] {
        let db = TestDb::new(Dialect::Postgres);
        let setup = format!("{TABLES} {}", trigger(db.dialect, "BEFORE", "IF OLD.id = 1 THEN RETURN NULL; END IF"));
        db.create(&setup);
        let story = Story::on(&db, delete_rule("log", "\"at\"", cascade));
        let output = story.tenure().run(&["run", "--yes", "--json", "--as-of", super::AS_OF]).expect_code(1);
        let rule = &output.json()["rules"][0];
        assert!(rule["error"].as_str().unwrap().contains("trigger"), "{rule}");
        // The children of a row that stays must stay; those of the others go with them.
        let left = if cascade.is_empty() { (2, 3) } else { (2, 2) };
        assert_eq!((db.count("log"), db.count("shadow")), left);
    }
}

/// A trigger on `shadow` that keeps the row of `log` 1 as it was.
fn clinging(dialect: Dialect, act: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER t BEFORE {act} ON shadow WHEN OLD.log_id = 1 BEGIN SELECT RAISE(IGNORE); END;"
        ),
        Dialect::Mysql => format!(
            "CREATE TRIGGER t BEFORE {act} ON shadow FOR EACH ROW SET NEW.log_id = IF(OLD.log_id = 1, 1, NEW.log_id);"
        ),
        Dialect::Postgres => format!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF OLD.log_id = 1 THEN RETURN NULL; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$;
             CREATE TRIGGER t BEFORE {act} ON shadow FOR EACH ROW EXECUTE FUNCTION f();"
        ),
    }
}

#[track_caller]
fn nothing_is_left_behind(db: &TestDb, rule: String) {
    let output = Story::on(db, rule).tenure().run(&["run", "--yes", "--json", "--as-of", super::AS_OF]).expect_code(1);
    let rule = &output.json()["rules"][0];
    let error = rule["error"].as_str().unwrap();
    assert!(
        error.contains("rows of `shadow` that were to go, or to be set to NULL") && error.contains("trigger"),
        "{rule:#}"
    );
    assert_eq!(db.count("log WHERE id = 1"), 1, "{rule:#}");
    assert_eq!(db.count("shadow WHERE id = 1 AND log_id = 1"), 1, "{rule:#}");
}

on_every_database! {
    fn what_a_trigger_keeps_from_letting_go_keeps_what_it_refers_to(db: TestDb) {
        db.create(&format!("{TABLES} {}", clinging(db.dialect, "UPDATE")));
        let cascade = "cascade = [{ table = \"shadow\", column = \"log_id\", then = \"null\" }]";
        nothing_is_left_behind(&db, delete_rule("log", "\"at\"", cascade));
    }
}

#[test]
fn what_a_trigger_keeps_from_going_along_keeps_what_it_refers_to() {
    // A trigger of MySQL turns no row away.
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let db = TestDb::new(dialect);
        db.create(&format!("{TABLES} {}", clinging(dialect, "DELETE")));
        nothing_is_left_behind(
            &db,
            delete_rule("log", "\"at\"", "cascade = [{ table = \"shadow\", column = \"log_id\" }]"),
        );
    }
    for (act, trigger) in [("CASCADE", "DELETE"), ("SET NULL", "UPDATE")] {
        let db = TestDb::new(Dialect::Postgres);
        let key = format!("ALTER TABLE shadow ADD FOREIGN KEY (log_id) REFERENCES log ON DELETE {act};");
        db.create(&format!("{TABLES} {key} {}", clinging(db.dialect, trigger)));
        nothing_is_left_behind(&db, delete_rule("log", "\"at\"", ""));
    }
}

#[test]
fn a_row_that_a_trigger_keeps_from_letting_go_of_its_own_kind_is_not_left_behind() {
    let db = TestDb::new(Dialect::Postgres);
    db.create(
        "CREATE TABLE log (id bigint PRIMARY KEY, at timestamp, parent_id bigint REFERENCES log ON DELETE SET NULL);
         INSERT INTO log VALUES (1, '2025-01-01', NULL), (2, '2025-12-31', 1);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER t BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION f();",
    );
    let story = Story::on(&db, delete_rule("log", "\"at\"", ""));
    let output = story.tenure().run(&["run", "--yes", "--json", "--as-of", super::AS_OF]).expect_code(1);
    assert!(output.json()["rules"][0]["error"].as_str().unwrap().contains("trigger"), "{}", output.stdout);
    assert_eq!(db.count("log WHERE id = 1 OR parent_id = 1"), 2);
}

#[test]
fn a_trigger_of_sqlite_that_ignores_the_delete_fails_the_rule_and_says_so() {
    let db = TestDb::new(Dialect::Sqlite);
    db.create(&format!("{TABLES} {}", trigger(db.dialect, "BEFORE", "SELECT RAISE(IGNORE) WHERE OLD.id = 1")));
    let story = Story::on(&db, delete_rule("log", "\"at\"", ""));
    let output = story.tenure().run(&["run", "--yes", "--json", "--as-of", super::AS_OF]).expect_code(1);
    assert_eq!((&output.json()["rules"][0]["done"], &output.json()["rules"][0]["remaining"]), (&1.into(), &1.into()));
    assert_eq!(db.count("log"), 2);
}

#[test]
fn rewrite_rules_that_swallow_or_replace_a_delete_fail_the_rule() {
    for action in ["INSTEAD NOTHING", "INSTEAD UPDATE log SET email = 'gone' WHERE id = OLD.id"] {
        let db = TestDb::new(Dialect::Postgres);
        db.create(&format!("{TABLES} CREATE RULE r AS ON DELETE TO log DO {action};"));
        let story = Story::on(&db, delete_rule("log", "\"at\"", ""));
        let output = story.tenure().run(&["run", "--yes", "--json", "--as-of", super::AS_OF]).expect_code(1);
        let rule = &output.json()["rules"][0];
        assert_eq!((&rule["done"], &rule["remaining"]), (&0.into(), &2.into()), "{rule}");
        assert_eq!(db.count("log"), 3);
    }
}

#[test]
fn a_rewrite_rule_that_does_something_besides_does_not_disturb_the_count() {
    let db = TestDb::new(Dialect::Postgres);
    let setup = format!("{TABLES} CREATE RULE r AS ON DELETE TO log DO ALSO DELETE FROM shadow WHERE log_id = OLD.id;");
    // The rule's own delete runs first, while the rows of `log` are still there to be joined.
    let done = Story::new(&db, &setup, delete_rule("log", "\"at\"", "")).becomes("DELETE FROM log WHERE id IN (1, 3)");
    assert_eq!(done["done"], 2);
}
