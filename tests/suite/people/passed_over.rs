//! One person of whom a row is locked, or cannot be changed, stops nobody else.

use tenure::db::{Connection, Dialect};

use super::{MAP, erasures, people, platform, run, run_at, tenure};
use crate::harness::story::AS_OF;
use crate::harness::{Tenure, TestDb};

const ATTEMPTS: &str = "erase:attempt.account_id";
const ANSWERS: &str = "erase:answer.attempt_id";

fn prepare(db: &TestDb) -> Tenure {
    platform(db, 24, 10);
    tenure(db, MAP)
}

/// Another session's lock on rows, for as long as it lives.
fn locked(db: &TestDb, query: &str) -> Connection {
    let mut application = db.open();
    application.script(&format!("BEGIN; {query} FOR UPDATE")).unwrap();
    application
}

/// The fifth person has the answers 9 and 10.
fn a_row_under_a_lock_keeps_its_person(dialect: Dialect, query: &str) {
    let db = TestDb::new(dialect);
    let tenure = prepare(&db);
    let application = locked(&db, query);
    let ran = run_at(&tenure, AS_OF, 4);
    assert_eq!([people(&ran, "due"), people(&ran, "erased"), people(&ran, "remaining")], [10, 9, 1], "{:#}", ran.0);
    assert_eq!((erasures(&db), db.count("answer WHERE id IN (9, 10)")), (9, 2));
    let counts = |field| ran.count(ANSWERS, field);
    assert_eq!((counts("eligible"), counts("done"), counts("skipped"), counts("remaining")), (20, 18, 2, 0));
    assert_eq!((&ran.rule(ANSWERS)["status"], ran.count_of(ANSWERS, "passed_over", "locked")), (&"stopped".into(), 2));
    assert!(ran.rule(ANSWERS)["error"].as_str().unwrap().contains("another session holds a lock on 2 rows"));
    drop(application);
    assert_eq!((people(&run(&tenure), "erased"), db.count("answer WHERE id <= 20")), (1, 0));
}

#[test]
fn a_person_under_a_lock_is_passed_over_and_counted() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        a_row_under_a_lock_keeps_its_person(dialect, "SELECT id FROM account WHERE id = 5");
    }
}

#[test]
fn a_person_one_of_whose_rows_is_under_a_lock_is_passed_over_and_counted() {
    a_row_under_a_lock_keeps_its_person(Dialect::Postgres, "SELECT id FROM answer WHERE id = 9");
}

/// A trigger that raises for one row.
fn seal(db: &TestDb, table: &str, id: i64) {
    db.script(&match db.dialect {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER t BEFORE DELETE ON {table} WHEN OLD.id = {id} BEGIN SELECT RAISE(ABORT, 'sealed'); END;"
        ),
        Dialect::Mysql => format!(
            "CREATE TRIGGER t BEFORE DELETE ON {table} FOR EACH ROW
             IF OLD.id = {id} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'sealed'; END IF;"
        ),
        Dialect::Postgres => format!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF OLD.id = {id} THEN RAISE EXCEPTION 'sealed'; END IF; RETURN OLD; END $$;
             CREATE TRIGGER t BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION f();"
        ),
    });
}

on_every_database! {
    fn a_person_of_whom_a_row_cannot_go_is_left_and_counted(db: TestDb) {
        let tenure = prepare(&db);
        seal(&db, "attempt", 9);
        for erased in [9, 0] {
            let ran = run_at(&tenure, AS_OF, 1);
            assert_eq!([people(&ran, "erased"), people(&ran, "remaining")], [erased, 1], "{:#}", ran.0);
            assert_eq!((ran.count(ATTEMPTS, "remaining"), ran.count_of(ATTEMPTS, "passed_over", "refused")), (2, 2));
            let error = ran.rule(ATTEMPTS)["error"].as_str().unwrap();
            assert!(error.contains("some rows could not be changed") && !error.contains("sealed"), "{error}");
            assert_eq!((erasures(&db), db.count("attempt WHERE id <= 20"), db.count("answer WHERE id <= 20")), (9, 2, 2));
        }
    }
}
