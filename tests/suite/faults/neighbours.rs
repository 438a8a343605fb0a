//! The application and other runs work on the same rows at the same time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tenure::db::{Connection, DbError, Dialect, ErrorKind, Statement, Value};
use tenure::ledger::Holder;

use super::acts::{Act, Deeds, RUN};
use super::dice::Dice;
use super::ledger::{self, table};
use super::locks::{await_a_waiting_session, await_no_waiting_session};
use super::pause::paused;
use crate::harness::{Tenure, TestDb};

fn change(conn: &mut Connection, sql: &str) -> Result<u64, DbError> {
    conn.execute(&Statement { sql: sql.to_owned(), binds: vec![] })
}

/// Works beside a run until it has ended, at least once, and hands back what it noted.
fn beside<T: Send>(
    db: &TestDb,
    tenure: &Tenure,
    codes: &[i32],
    mut work: impl FnMut(&mut Connection) -> Option<T> + Send,
) -> Vec<T> {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut conn = db.open();
            let mut notes = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                notes.extend(work(&mut conn));
                // No application writes without a pause.
                thread::sleep(Duration::from_millis(1));
            }
            notes
        });
        let output = tenure.run(&RUN);
        ended.store(true, Ordering::Relaxed);
        let notes = worker.join().expect("the application does not panic");
        assert!(codes.contains(&output.code), "{}\n{}\n{}", output.code, output.stdout, output.stderr);
        notes
    })
}

on_every_database! {
    fn a_row_that_stops_being_expired_before_its_batch_stays(db: TestDb) {
        Act::Delete.prepare(&db);
        let all = db.count("visit");
        let tenure = Act::Delete.tenure(db.url());
        let mut dice = Dice::new();
        let mut next = all;
        let notes = beside(&db, &tenure, &[0], |conn| {
            let id = dice.below(all as u64);
            next += 1;
            let renewed = change(conn, &format!("UPDATE visit SET at = 1760000000 WHERE id = {id}"));
            let added = change(conn, &format!("INSERT INTO visit VALUES ({next}, 1760000000, 'new')"));
            let id = (renewed.ok()? == 1).then_some(id as i64);
            Some((id, added.ok().map(|_| next)))
        });
        let young: Vec<i64> = notes.iter().flat_map(|(renewed, added)| [*renewed, *added]).flatten().collect();
        assert!(!young.is_empty(), "the application did nothing");
        for ids in young.chunks(500) {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids.dedup();
            let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
            let there = db.scalar(&format!("SELECT count(*) FROM visit WHERE id IN ({list})"));
            assert_eq!(there, ids.len() as i64, "rows that were young when they were committed are gone");
        }
        assert_eq!(db.scalar("SELECT count(*) FROM visit WHERE at < 1735689600"), 0);
        let added = notes.iter().filter(|(_, added)| added.is_some()).count() as i64;
        ledger::adds_up(&db, Deeds { done: all + added - db.count("visit"), cascaded: 0 });
    }

    fn children_that_come_while_their_parents_go_are_counted_or_refused(db: TestDb) {
        children_come(&db, true);
    }

    fn children_without_a_foreign_key_are_counted_or_stay(db: TestDb) {
        children_come(&db, false);
    }

    fn the_application_gets_to_write_while_batches_run(db: TestDb) {
        Act::Aggregate.prepare(&db);
        db.create("CREATE TABLE note (id {bigint} NOT NULL PRIMARY KEY)");
        let mut next = 0;
        let mut is_new = true;
        let refused = beside(&db, &Act::Aggregate.tenure(db.url()), &[0], |conn| {
            if std::mem::take(&mut is_new) && db.dialect == Dialect::Sqlite {
                conn.script("PRAGMA busy_timeout = 2000").expect("a timeout can be set");
            }
            next += 1;
            change(conn, &format!("INSERT INTO note VALUES ({next})")).err().map(|error| error.message)
        });
        assert_eq!(refused, Vec::<String>::new());
    }

    fn a_rule_that_somebody_works_on_is_left_to_them_and_the_report_says_who(db: TestDb) {
        Act::Delete.prepare_rows(&db, 100);
        let before = db.tables_dump();
        let tenure = Act::Delete.tenure(db.url());
        tenure.run(&["migrate"]).expect_code(0);
        let (gate, holder) = (table(&db, "gate"), Holder::this_process().to_text());
        let now = jiff::Timestamp::now().as_microsecond();
        db.script(&format!(
            "INSERT INTO {gate} (rule, token, run, holder, seen) VALUES ('faults/visits', 7, 'another-run', '{holder}', {now})"
        ));
        let output = tenure.run(&RUN).expect_code(4);
        let rule = &output.json()["rules"][0];
        let error = rule["error"].as_str().unwrap_or_default();
        assert!(error.contains("run `another-run` works on it"), "{error}");
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        assert_eq!(db.tables_dump(), before);
        // An hour without a sign of life.
        db.script(&format!("UPDATE {gate} SET seen = seen - 3600000000"));
        let deeds = Act::Delete.deeds(&db);
        tenure.run(&RUN).expect_code(0);
        ledger::adds_up(&db, deeds);
    }

    fn a_paused_run_whose_rule_was_taken_over_changes_nothing_when_it_wakes_up(db: TestDb) {
        Act::Aggregate.prepare(&db);
        let deeds = Act::Aggregate.deeds(&db);
        let tenure = Act::Aggregate.tenure(db.url());
        let paused = paused(&db, &tenure);
        paused.running.signal("STOP");
        let batches = paused.batches();
        let gate = table(&db, "gate");
        if db.dialect != Dialect::Sqlite {
            // Its batch in flight gives up, so that it sleeps between two batches.
            await_no_waiting_session(&db);
        }
        // As if it ran on another machine, and had not been seen for long.
        let running = paused.go_on_after_in_lock(&format!("UPDATE {gate} SET seen = 0, holder = 'elsewhere'"));
        tenure.run(&RUN).expect_code(0);
        let done = db.tables_dump();
        running.signal("CONT");
        let output = running.wait().expect_code(4);
        let rule = &output.json()["rules"][0];
        assert!(rule["error"].as_str().is_some_and(|error| error.contains("took the rule over")), "{rule}");
        assert_eq!(rule["batches"], batches, "{rule}");
        assert_eq!(db.tables_dump(), done);
        ledger::adds_up(&db, deeds);
    }

    fn runs_that_start_at_the_same_moment_on_an_empty_ledger_share_the_work(db: TestDb) {
        for act in [Act::Delete, Act::Cascade] {
            let db = TestDb::new(db.dialect);
            act.prepare(&db);
            let deeds = act.deeds(&db);
            let tenure = act.tenure(db.url());
            let running = [(); 3].map(|()| tenure.spawn(&RUN));
            for output in running.map(|running| running.wait()) {
                // One works; the others leave the rule to it, or come when all is done.
                assert!([0, 4].contains(&output.code), "{}\n{}\n{}", output.code, output.stdout, output.stderr);
            }
            tenure.run(&RUN).expect_code(0);
            ledger::adds_up(&db, deeds);
        }
    }
}

/// Whatever happens, what went was counted: children that were there and that came, less those that stayed.
fn children_come(db: &TestDb, with_key: bool) {
    let key = if with_key { ", FOREIGN KEY (course_id) REFERENCES course (id)" } else { "" };
    db.create(&format!(
        "CREATE TABLE course (id {{bigint}} NOT NULL PRIMARY KEY, at {{bigint}} NOT NULL);
         CREATE TABLE lesson (id {{bigint}} NOT NULL PRIMARY KEY, course_id {{bigint}} NOT NULL{key});
         CREATE INDEX lesson_course ON lesson (course_id);"
    ));
    let values: Vec<String> = (0..4_000).map(|id| format!("({id}, 1500000000)")).collect();
    db.script(&format!("INSERT INTO course VALUES {}", values.join(", ")));
    let cascade = match with_key {
        true => "[\"lesson\"]",
        false => "[{ table = \"lesson\", column = \"course_id\" }]",
    };
    let rule = Act::Cascade.rule().replace("[\"lesson\", \"grade\"]", cascade);
    let tenure = Tenure::at(db).schedule(&format!("[policy]\nname = \"faults\"\n{rule}"));
    let mut dice = Dice::new();
    let mut next = 0;
    // More children than were planned go with nobody: a parent that got some stays for the next run.
    let added = beside(db, &tenure, &[0, 4], |conn| {
        next += 1;
        let course = dice.below(4_000);
        change(conn, &format!("INSERT INTO lesson VALUES ({next}, {course})")).ok()
    });
    tenure.run(&RUN).expect_code(0);
    assert_eq!(db.count("course"), 0);
    let left = db.count("lesson");
    if with_key {
        assert_eq!(left, 0, "a child without its parent");
    }
    ledger::adds_up(db, Deeds { done: 4_000, cascaded: added.len() as i64 - left });
}

/// Of a table with two rules, one of which meets a row that the application holds.
fn is_reported_and_stops_no_other(dialect: Dialect) {
    let db = TestDb::new(dialect);
    Act::Delete.prepare_rows(&db, 100);
    db.create("CREATE TABLE login (id {bigint} NOT NULL PRIMARY KEY, at {bigint} NOT NULL, ip {text}, agent {text})");
    db.script("INSERT INTO login VALUES (1, 1500000000, '203.0.113.77', 'a browser')");
    let deeds = Act::Delete.deeds(&db);
    let schedule = format!("[policy]\nname = \"faults\"\n{}{}", Act::Delete.rule(), Act::Redact.rule());
    let tenure = Tenure::at(&db).schedule(&schedule);
    let mut application = db.open();
    application.script("BEGIN; SELECT id FROM visit WHERE id = 7 FOR UPDATE").unwrap();
    let output = tenure.run(&RUN).expect_code(4);
    let report = output.json();
    let rules = report["rules"].as_array().unwrap();
    let rule = |name: &str| rules.iter().find(|rule| rule["rule"] == name).unwrap();
    let error = rule("visits")["error"].as_str().unwrap_or_default();
    assert!(error.contains("another session holds a lock"), "{error}");
    assert_eq!(rule("logins")["status"], "ok");
    assert_eq!(db.rows("SELECT ip FROM login"), [[Value::Text("203.0.113.0".into())]]);
    application.script("COMMIT").unwrap();
    tenure.run(&RUN).expect_code(0);
    ledger::adds_up(&db, Deeds { done: deeds.done + 1, ..deeds });
}

#[test]
fn a_row_that_is_locked_for_long_is_reported_and_stops_no_other_rule_on_postgres() {
    is_reported_and_stops_no_other(Dialect::Postgres);
}

#[test]
fn a_row_that_is_locked_for_long_is_reported_and_stops_no_other_rule_on_mysql() {
    is_reported_and_stops_no_other(Dialect::Mysql);
}

#[test]
fn a_file_that_is_locked_for_long_fails_the_run_with_nothing_done() {
    let db = TestDb::new(Dialect::Sqlite);
    Act::Delete.prepare_rows(&db, 100);
    let before = db.tables_dump();
    let tenure = Act::Delete.tenure(db.url());
    let mut application = db.open();
    application.script("BEGIN IMMEDIATE").unwrap();
    let output = tenure.run(&RUN).expect_code(1);
    assert!(output.stderr.contains("another session holds a lock"), "{}", output.stderr);
    application.script("COMMIT").unwrap();
    assert_eq!(db.tables_dump(), before);
    tenure.run(&RUN).expect_code(0);
}

/// The application waits for what the batch has locked while the batch waits for what it has locked.
fn gets_over_a_deadlock(dialect: Dialect) {
    let db = TestDb::new(dialect);
    Act::Delete.prepare_rows(&db, 100);
    let deeds = Act::Delete.deeds(&db);
    let tenure = Act::Delete.tenure(db.url());
    let mut application = db.open();
    // The youngest of the expired ones; the batch comes to it last.
    application.script("BEGIN; UPDATE visit SET note = 'a' WHERE id = 99").unwrap();
    let running = tenure.spawn(&RUN);
    await_a_waiting_session(&db);
    let outcome = application.script("UPDATE visit SET note = 'b' WHERE id = 1");
    if let Err(error) = outcome {
        assert!(matches!(error.kind, ErrorKind::Conflict | ErrorKind::LockTimeout), "{error}");
    }
    application.script("ROLLBACK").unwrap();
    running.wait().expect_code(0);
    ledger::adds_up(&db, deeds);
}

#[test]
fn a_deadlock_with_the_application_costs_a_batch_another_attempt_and_no_row() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        gets_over_a_deadlock(dialect);
    }
}
