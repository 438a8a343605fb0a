//! One row stops none of the others: rows under another session's lock, and rows that the database refuses to change.

use tenure::db::{Connection, Dialect};

use crate::harness::story::{AS_OF, Told, delete_rule, ids, policy};
use crate::harness::{Tenure, TestDb};

const OLD: &str = "'2020-01-01 00:00:00'";

/// Forty old rows of `log`, with two children each where `lines` says so.
fn tables(db: &TestDb, lines: &str) {
    db.create(&format!(
        "CREATE TABLE log (id {{bigint}} PRIMARY KEY, at {{ts}}, ip {{text}}, sealed smallint NOT NULL DEFAULT 0);
         CREATE TABLE line (id {{bigint}} PRIMARY KEY, log_id {{bigint}}{lines});"
    ));
    for id in 1..=40 {
        db.script(&format!("INSERT INTO log (id, at, ip) VALUES ({id}, {OLD}, 'x')"));
        if !lines.is_empty() {
            db.script(&format!("INSERT INTO line VALUES ({}, {id}), ({}, {id})", 2 * id, 2 * id + 1));
        }
    }
}

const KEY: &str = ", FOREIGN KEY (log_id) REFERENCES log (id)";

fn delete(more: &str) -> String {
    policy(&delete_rule("logs", "log", more))
}

fn redact() -> String {
    delete("redact = { ip = \"null\" }").replace("\"delete\"", "\"redact\"")
}

#[track_caller]
fn run(db: &TestDb, schedule: &str, code: i32) -> Told {
    let tenure = Tenure::at(db).schedule(schedule);
    Told(tenure.run(&["run", "--json", "--yes", "--as-of", AS_OF]).expect_code(code).json())
}

/// A trigger that raises for rows that are sealed.
fn seal(db: &TestDb, act: &str, sealed: &[i64]) {
    let list = sealed.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    db.script(&format!("UPDATE log SET sealed = 1 WHERE id IN ({list})"));
    db.script(&match db.dialect {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER t BEFORE {act} ON log WHEN OLD.sealed = 1 BEGIN SELECT RAISE(ABORT, 'sealed'); END;"
        ),
        Dialect::Mysql => format!(
            "CREATE TRIGGER t BEFORE {act} ON log FOR EACH ROW
             IF OLD.sealed = 1 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'sealed'; END IF;"
        ),
        Dialect::Postgres => format!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF OLD.sealed = 1 THEN RAISE EXCEPTION 'sealed'; END IF;
                 IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$;
             CREATE TRIGGER t BEFORE {act} ON log FOR EACH ROW EXECUTE FUNCTION f();"
        ),
    });
}

#[track_caller]
fn assert_passed_over(told: &Told, rows: u64) {
    let rule = told.rule("logs");
    assert_eq!((told.count("logs", "done"), told.count("logs", "remaining")), (40 - rows, rows), "{rule:#}");
    assert_eq!(rule["passed_over"]["refused"], rows, "{rule:#}");
    assert!(rule["error"].as_str().unwrap().contains("some rows could not be changed"), "{rule:#}");
}

on_every_database! {
    fn rows_that_a_trigger_refuses_are_left_and_counted_and_the_others_go(db: TestDb) {
        for index in ["CREATE TABLE no_index (id {bigint});", "CREATE INDEX log_at ON log (at);"] {
            let db = TestDb::new(db.dialect);
            tables(&db, "");
            db.create(index);
            seal(&db, "DELETE", &[1, 7, 8, 40]);
            for code in [1, 1] {
                run(&db, &delete(""), code);
            }
            assert_eq!(ids(&db, "log"), [1, 7, 8, 40]);
        }
    }

    fn the_refused_rows_are_counted_by_kind(db: TestDb) {
        tables(&db, "");
        seal(&db, "DELETE", &[3, 30]);
        assert_passed_over(&run(&db, &delete(""), 1), 2);
    }

    fn rows_that_cannot_be_redacted_keep_no_other_from_it(db: TestDb) {
        tables(&db, "");
        seal(&db, "UPDATE", &[2, 3]);
        assert_passed_over(&run(&db, &redact(), 1), 2);
        assert_eq!(db.count("log WHERE ip IS NOT NULL"), 2);
    }

    fn a_row_that_cannot_go_keeps_its_children_and_no_others(db: TestDb) {
        tables(&db, KEY);
        seal(&db, "DELETE", &[5, 6]);
        assert_passed_over(&run(&db, &delete("cascade = [\"line\"]"), 1), 2);
        assert_eq!((ids(&db, "log"), db.count("line")), (vec![5, 6], 4));
    }
}

/// Another session's lock on rows, for as long as it lives.
fn locked(db: &TestDb, sql: &str) -> Connection {
    let mut application = db.open();
    application.script(&format!("BEGIN; {sql} FOR UPDATE")).unwrap();
    application
}

#[track_caller]
fn assert_locked(told: &Told, rows: u64) {
    let rule = told.rule("logs");
    let counted = ["done", "skipped", "remaining"].map(|field| told.count("logs", field));
    assert_eq!(counted, [40 - rows, rows, 0], "{rule:#}");
    assert_eq!((&rule["status"], &rule["passed_over"]["locked"]), (&"stopped".into(), &rows.into()), "{rule:#}");
    assert!(rule["error"].as_str().unwrap().contains("another session holds a lock on"), "{rule:#}");
}

/// With an index or without, and by one row or several.
fn locked_rows_wait(dialect: Dialect) {
    for (index, rows) in
        [("CREATE TABLE no_index (id {bigint});", vec![1, 20, 21, 40]), ("CREATE INDEX log_at ON log (at);", vec![7])]
    {
        let db = TestDb::new(dialect);
        tables(&db, "");
        db.create(index);
        let list = rows.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let application = locked(&db, &format!("SELECT id FROM log WHERE id IN ({list})"));
        assert_locked(&run(&db, &delete(""), 4), rows.len() as u64);
        assert_eq!(ids(&db, "log"), rows);
        drop(application);
        run(&db, &delete(""), 0);
        assert_eq!(db.count("log"), 0);
    }
}

/// A batch that takes several tables, too: a child under a lock keeps its parent.
fn locked_children_keep_their_parents(dialect: Dialect) {
    let db = TestDb::new(dialect);
    tables(&db, KEY);
    let application = locked(&db, "SELECT id FROM line WHERE id IN (10, 61)");
    let told = run(&db, &delete("cascade = [\"line\"]"), 4);
    let left = ids(&db, "log");
    assert!(left.contains(&5) && left.contains(&30), "{left:?}");
    assert_locked(&told, left.len() as u64);
    assert_eq!(db.count("line"), 2 * left.len() as i64);
    // InnoDB locks what it looks at, and in a small table a statement looks at all rows.
    assert!(dialect == Dialect::Mysql || left.len() == 2, "{left:?}");
    drop(application);
    run(&db, &delete("cascade = [\"line\"]"), 0);
    assert_eq!((db.count("log"), db.count("line")), (0, 0));
}

/// Days of three people but for the second to fourth, which have three together, of whom one day is under a lock.
fn locked_buckets_wait(dialect: Dialect) {
    let db = TestDb::new(dialect);
    db.create(
        "CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts}, person {bigint});
         CREATE INDEX log_at ON log (at);
         CREATE TABLE log_sum (bucket {ts} NULL, n {bigint} NULL, folded smallint NOT NULL);",
    );
    let people: [&[i64]; 6] = [&[1, 2, 3], &[1, 2], &[3], &[4], &[1, 2, 3], &[5, 6, 7]];
    for (day, people) in (1..).zip(people) {
        for person in people {
            db.script(&format!("INSERT INTO log VALUES ({}, '2020-01-0{day} 08:00:00', {person})", 10 * day + person));
        }
    }
    let schedule = delete("guard = { max_share = 1 }").replace("\"delete\"", "\"aggregate\"")
        + "[rule.aggregate]\ninto = \"log_sum\"\nbucket = \"day\"\npeople = \"person\"\nat_least = 3\nmeasures = { n = \"count\" }\n";
    let application = locked(&db, "SELECT id FROM log WHERE id IN (12, 44)");
    let told = run(&db, &schedule, 4);
    let rule = told.rule("logs");
    let [done, skipped, remaining] = ["done", "skipped", "remaining"].map(|field| told.count("logs", field));
    assert_eq!((done + skipped, remaining), (13, 0), "{rule:#}");
    assert_eq!((&rule["status"], &rule["passed_over"]["locked"]), (&"stopped".into(), &skipped.into()), "{rule:#}");
    if dialect == Dialect::Mysql {
        // InnoDB locks what it looks at, and looks at what lies beside: more buckets wait then.
        assert!(done >= 6 && db.count("log_sum WHERE n < 3") == 0, "{rule:#}");
        drop(application);
        run(&db, &schedule, 0);
        assert_eq!((db.count("log"), db.count("log_sum WHERE n < 3")), (0, 0));
        return;
    }
    assert_eq!(ids(&db, "log"), [11, 12, 13, 44]);
    assert_eq!(db.count("log_sum WHERE n = 3 AND folded = 2"), 1, "the rest without the day under the lock");
    assert_eq!(db.count("log_sum WHERE n = 3 AND folded = 0"), 2);
    drop(application);
    assert_eq!(run(&db, &schedule, 0).count("logs", "suppressed"), 1);
    assert_eq!((db.count("log"), db.count("log_sum WHERE n = 3")), (0, 4));
}

#[test]
fn buckets_under_a_lock_are_passed_over_and_are_no_part_of_the_rest_on_postgres() {
    locked_buckets_wait(Dialect::Postgres);
}

#[test]
fn buckets_under_a_lock_are_passed_over_and_are_no_part_of_the_rest_on_mysql() {
    locked_buckets_wait(Dialect::Mysql);
}

#[test]
fn rows_under_a_lock_are_passed_over_and_counted_on_postgres() {
    locked_rows_wait(Dialect::Postgres);
}

#[test]
fn rows_under_a_lock_are_passed_over_and_counted_on_mysql() {
    locked_rows_wait(Dialect::Mysql);
}

#[test]
fn a_child_under_a_lock_keeps_its_parent_on_postgres() {
    locked_children_keep_their_parents(Dialect::Postgres);
}

#[test]
fn a_child_under_a_lock_keeps_its_parent_on_mysql() {
    locked_children_keep_their_parents(Dialect::Mysql);
}

#[test]
fn redactions_pass_over_rows_under_a_lock() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        let db = TestDb::new(dialect);
        tables(&db, "");
        let application = locked(&db, "SELECT id FROM log WHERE id = 9");
        assert_locked(&run(&db, &redact(), 4), 1);
        assert_eq!(db.count("log WHERE ip IS NOT NULL"), 1);
        drop(application);
    }
}

/// A lock on the whole table is no row's: the run ends soon and says so.
#[test]
fn a_table_under_a_lock_is_left_to_the_next_run() {
    let db = TestDb::new(Dialect::Postgres);
    tables(&db, "");
    let mut application = db.open();
    application.script("BEGIN; LOCK TABLE log IN SHARE MODE").unwrap();
    let started = std::time::Instant::now();
    let told = run(&db, &delete(""), 4);
    assert!(started.elapsed() < std::time::Duration::from_secs(90), "{:?}", started.elapsed());
    assert_eq!((told.count("logs", "done"), db.count("log")), (0, 40), "{told:?}");
}
