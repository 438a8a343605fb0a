//! The log: on stderr, of tenure's own events, and never in the way of a run.

use std::process::{Command, Stdio};

use tenure::db::Dialect;

use crate::harness::{Tenure, TestDb};

const SCHEDULE: &str = r#"
    [policy]
    name = "logging"
    [[rule]]
    name = "logs"
    table = "log"
    anchor = "at"
    retain = "30 days"
    where = "note <> 'kept'"
    action = "delete"
"#;

fn with_logs() -> TestDb {
    let db = TestDb::new(Dialect::Sqlite);
    db.create("CREATE TABLE log (id {pk}, at {ts}, note {text});");
    db.script("INSERT INTO log (at, note) VALUES ('2020-01-01', 'x'), ('2020-01-01', 'y');");
    db
}

#[test]
fn a_run_says_that_it_began_what_each_rule_did_and_how_it_ended() {
    let db = with_logs();
    let quiet = Tenure::at(&db).schedule(SCHEDULE).run(&["run", "--dry-run", "-q"]).expect_code(0);
    assert_eq!(quiet.stderr, "");
    let told = Tenure::at(&db).schedule(SCHEDULE).run(&["run", "-v"]).expect_code(0);
    let events: Vec<_> = told.stderr.lines().filter(|line| line.contains(" INFO ")).collect();
    assert!(events[0].contains("run begins run="), "{}", told.stderr);
    assert!(events[1].contains("rule ended") && events[1].contains("done=2"), "{}", told.stderr);
    assert!(events[2].contains("run ended") && events[2].contains("status=ok"), "{}", told.stderr);
    assert!(!told.stderr.contains("DEBUG") && !told.stderr.contains('\u{1b}'), "{}", told.stderr);
}

#[test]
fn twice_v_tells_of_every_batch_and_of_nothing_that_a_library_does() {
    let db = with_logs();
    let told = Tenure::at(&db).schedule(SCHEDULE).run(&["run", "-v", "-v"]).expect_code(0);
    let events: Vec<_> = told.stderr.lines().filter(|line| line.contains(" DEBUG ")).collect();
    assert_eq!(events.len(), 1, "{}", told.stderr);
    assert!(events[0].contains("batch committed") && events[0].contains("rows=2"));
}

#[test]
fn a_run_goes_on_where_nobody_reads_its_log_any_more() {
    let db = with_logs();
    let tenure = Tenure::alone().file("schedule.toml", SCHEDULE);
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["run", "-v", "-v", "--schedule", "schedule.toml", "--database", db.url()])
        .current_dir(tenure.dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(db.count("log"), 0);
}
