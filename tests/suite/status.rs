//! How things stand, at a glance: what is overdue, what the last run did, and whether the next one is late.

use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;

use tenure::db::Dialect;
use tenure::ledger::{self, Holder};
use tenure::record::RunRecord;

use crate::harness::story::{delete_rule, policy};
use crate::harness::{Tenure, TestDb};

/// Three old rows, and a policy that runs every hour.
fn logs(db: &TestDb, more: &str) -> Tenure {
    db.create("CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts});");
    for id in 1..=3 {
        db.script(&format!("INSERT INTO log VALUES ({id}, '2020-01-01 00:00:00')"));
    }
    let rules = delete_rule("logs", "log", &format!("promise = \"A1\"\n{more}"));
    Tenure::at(db).schedule(&policy(&rules).replacen("name = \"house\"", "name = \"house\"\ncron = \"0 * * * *\"", 1))
}

fn status(tenure: &Tenure, more: &[&str], code: i32) -> Value {
    let told = tenure.run(&[&["status", "--json"], more].concat()).expect_code(code).json();
    assert_eq!(told["well"], code == 0, "{told:#}");
    told["rules"][0].clone()
}

on_every_database! {
    fn rows_that_no_run_has_ever_met_are_overdue(db: TestDb) {
        let tenure = logs(&db, "");
        let rule = status(&tenure, &[], 1);
        assert_eq!((&rule["standing"], &rule["overdue"], &rule["last_run"]), (&"overdue".into(), &3.into(), &Value::Null));
        let text = tenure.run(&["status"]).expect_code(1).stdout;
        assert!(text.contains("overdue   logs (A1): log, 30 days") && text.contains("has never run"), "{text}");
    }

    fn after_a_run_all_is_kept_and_the_next_run_is_foretold(db: TestDb) {
        let tenure = logs(&db, "");
        let run = tenure.run(&["run", "--json"]).expect_code(0).json()["run"].clone();
        let rule = status(&tenure, &[], 0);
        assert_eq!((&rule["standing"], &rule["overdue"]), (&"kept".into(), &0.into()));
        assert_eq!((&rule["last_run"]["run"], &rule["last_run"]["done"]), (&run, &3.into()));
        let next: Timestamp = rule["next_run"].as_str().unwrap().parse().unwrap();
        assert!(next > Timestamp::now() && next <= Timestamp::now() + 1.hour(), "{next}");
        db.script("INSERT INTO log VALUES (9, '2020-01-01 00:00:00')");
        let rule = status(&tenure, &[], 0);
        assert_eq!((&rule["overdue"], &rule["reason"]), (&1.into(), &"1 row came due since the last run".into()));
    }

    fn a_run_that_did_not_come_is_missed(db: TestDb) {
        let tenure = logs(&db, "");
        tenure.run(&["run"]).expect_code(0);
        // An hour after it was due at the latest, and an hour of grace.
        let later = (Timestamp::now() + 3.hours()).to_string();
        let rule = status(&tenure, &["--as-of", &later], 1);
        assert_eq!(rule["standing"], "at-risk");
        assert!(rule["reason"].as_str().unwrap().contains("has not come"), "{rule}");
    }

    fn what_a_guard_stopped_is_at_risk_until_it_is_approved(db: TestDb) {
        let tenure = logs(&db, "guard = { max_rows = 2 }");
        let run = tenure.run(&["run", "--json"]).expect_code(3).json()["run"].as_str().unwrap().to_owned();
        let rule = status(&tenure, &[], 1);
        assert_eq!((&rule["standing"], &rule["overdue"]), (&"at-risk".into(), &3.into()));
        tenure.run(&["approve", &run]).expect_code(0);
        assert_eq!(status(&tenure, &[], 0)["standing"], "kept");
    }

    fn a_rule_that_failed_is_broken_until_it_has_run_again(db: TestDb) {
        let tenure = logs(&db, "");
        tenure.run(&["run"]).expect_code(0);
        db.script("ALTER TABLE log RENAME COLUMN at TO since");
        assert_eq!(status(&tenure, &[], 1)["standing"], "unknown");
        tenure.run(&["run"]).expect_code(1);
        db.script("ALTER TABLE log RENAME COLUMN since TO at");
        let rule = status(&tenure, &[], 1);
        assert_eq!((&rule["standing"], &rule["last_run"]["status"]), (&"broken".into(), &"failed".into()));
        tenure.run(&["run"]).expect_code(0);
        assert_eq!(status(&tenure, &[], 0)["standing"], "kept");
    }

    fn holds_by_hand_are_named(db: TestDb) {
        let tenure = logs(&db, "");
        tenure.run(&["run"]).expect_code(0);
        tenure.run(&["hold", "add", "case-7", "--rule", "logs", "--reason", "case 7"]).expect_code(0);
        let text = tenure.run(&["status"]).expect_code(0).stdout;
        assert!(text.contains("holds by hand: case-7"), "{text}");
    }

    fn what_runs_now_and_who_runs_it_is_told_and_a_run_that_died_is_not_well(db: TestDb) {
        let tenure = logs(&db, "");
        tenure.run(&["run"]).expect_code(0);
        let mut planned: RunRecord = serde_json::from_value(tenure.run(&["plan", "--json"]).expect_code(0).json()).unwrap();
        planned.run = "lives".into();
        let me = Holder::this_process();
        ledger::begin(&mut db.open(), &planned, &me, None).unwrap();
        let told = tenure.run(&["status", "--json"]).expect_code(0).json();
        let running = &told["running"][0];
        assert_eq!((&running["run"], &running["policy"], &running["pid"], &running["lives"]), (&"lives".into(), &"house".into(), &std::process::id().into(), &true.into()));
        let text = tenure.run(&["status"]).expect_code(0).stdout;
        assert!(text.contains("runs now: lives of house on main since") && text.contains(&format!("process {} on", me.pid)), "{text}");
        planned.run = "died".into();
        let gone = Holder::from_text(&me.to_text().replace("\"start\":\"", "\"start\":\"1")).unwrap();
        ledger::begin(&mut db.open(), &planned, &gone, None).unwrap();
        let text = tenure.run(&["status"]).expect_code(1).stdout;
        assert!(text.contains("died: died of house on main of"), "{text}");
        tenure.run(&["run"]).expect_code(0);
        let told = tenure.run(&["status", "--json"]).expect_code(0).json();
        assert_eq!(told["running"].as_array().unwrap().len(), 1, "the next run closed the dead one");
    }

    fn how_long_the_oldest_row_is_past_its_period_is_told(db: TestDb) {
        let tenure = logs(&db, "");
        db.script("INSERT INTO log VALUES (4, '2019-01-01 00:00:00')");
        let rule = status(&tenure, &["--as-of", "2020-03-01T00:00:00Z"], 1);
        // From 2019-01-31, when the row's 30 days were over.
        assert_eq!((&rule["overdue"], &rule["overdue_seconds"]), (&4.into(), &(395 * 86_400).into()), "{rule:#}");
        let text = tenure.run(&["status", "--as-of", "2020-03-01T00:00:00Z"]).expect_code(1).stdout;
        assert!(text.contains("4 overdue (the oldest by 395 days)"), "{text}");
    }

    fn pauses_are_told_with_who_and_until_when(db: TestDb) {
        let tenure = logs(&db, "");
        tenure.run(&["run"]).expect_code(0);
        tenure.run(&["pause", "logs", "--reason", "case 7", "--by", "legal", "--until", "2999-12-31"]).expect_code(0);
        let told = tenure.run(&["status", "--json"]).expect_code(0).json();
        let pause = &told["pauses"][0];
        assert_eq!((&pause["rule"], &pause["by"], &pause["reason"], &pause["until"]), (&"logs".into(), &"legal".into(), &"case 7".into(), &"3000-01-01T00:00:00Z".into()));
        let text = tenure.run(&["status"]).expect_code(0).stdout;
        assert!(text.contains("rule logs on main: paused by legal since"), "{text}");
    }
}

#[test]
fn a_database_that_is_away_is_not_well_and_hides_no_other() {
    let db = TestDb::new(Dialect::Sqlite);
    logs(&db, "");
    let rules = delete_rule("logs", "log", "") + &delete_rule("others", "other", "database = \"away\"");
    let config = format!(
        "schedules = [\"s.toml\"]\n[database.main]\nurl = \"{}\"\n[database.away]\nurl = \"sqlite:///nowhere/at.all\"\n",
        db.url()
    );
    let tenure = Tenure::alone().file("s.toml", &policy(&rules)).config(&config);
    let told = tenure.run(&["status", "--json"]).expect_code(1).json();
    assert_eq!(
        (&told["well"], &told["rules"][0]["rule"], &told["rules"][0]["overdue"]),
        (&false.into(), &"logs".into(), &3.into()),
        "{told:#}"
    );
    assert!(told["troubles"][0].as_str().unwrap().contains("`away`"), "{told:#}");
}

/// As a service under `ProtectProc=invisible` sees it: only the processes of its own user. Wants root, as the servers do.
#[test]
fn a_run_of_a_user_whose_processes_are_hidden_is_not_taken_for_dead() {
    let db = TestDb::new(Dialect::Sqlite);
    let tenure = logs(&db, "");
    tenure.run(&["run"]).expect_code(0);
    let mut planned: RunRecord = serde_json::from_value(tenure.run(&["plan", "--json"]).expect_code(0).json()).unwrap();
    planned.run = "lives".into();
    ledger::begin(&mut db.open(), &planned, &Holder::this_process(), None).unwrap();
    let copy = tenure.dir().join("copy.db");
    std::fs::copy(db.url().strip_prefix("sqlite://").unwrap(), &copy).unwrap();
    for (path, mode) in [(tenure.dir(), 0o777), (&copy, 0o666)] {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let script = "mount -t proc -o hidepid=invisible proc /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    let schedule = policy(&delete_rule("logs", "log", ""));
    let told = Tenure::at_url(&format!("sqlite://{}", copy.display()))
        .schedule(&schedule)
        .spawn_under(&["unshare", "--mount", "sh", "-c", script, "sh"].map(str::to_owned), &["status", "--json"])
        .wait()
        .expect_code(0)
        .json();
    assert_eq!((&told["running"][0]["run"], &told["running"][0]["lives"]), (&"lives".into(), &true.into()), "{told:#}");
}
