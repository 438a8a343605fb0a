//! Pauses: in force from the moment the command ends, told of by plan, run, status and ledger, and red where rows are
//! overdue. (What a pause does to a run under way is among the faults.)

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::Value;
use tenure::db::Dialect;
use tenure::ledger::pause::{self, Order, Scope};

use crate::harness::story::{AS_OF, Told, control_table, delete_rule, ids, policy};
use crate::harness::{Tenure, TestDb};

const ALL: &str = "guard = { max_share = 1 }";

/// Two rules, each with two rows that are due.
fn two_rules(db: &TestDb) -> Tenure {
    db.create(
        "CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts}); CREATE TABLE view (id {bigint} PRIMARY KEY, at {ts});",
    );
    fill(db);
    let rules = delete_rule("logs", "log", &format!("promise = \"A1\"\n{ALL}")) + &delete_rule("views", "view", ALL);
    Tenure::at(db).schedule(&policy(&rules))
}

fn fill(db: &TestDb) {
    for id in 1..=2 {
        db.script(&format!("INSERT INTO log VALUES ({id}, '2020-01-01 00:00:00')"));
        db.script(&format!("INSERT INTO view VALUES ({id}, '2020-01-01 00:00:00')"));
    }
}

fn told(tenure: &Tenure, command: &str, code: i32) -> Told {
    Told(tenure.run(&[command, "--json", "--as-of", AS_OF]).expect_code(code).json())
}

fn bodies(db: &TestDb, kind: &str) -> Vec<Value> {
    let entry = control_table(db, "entry");
    let rows = db.rows(&format!("SELECT body FROM {entry} WHERE kind = '{kind}' ORDER BY number"));
    let body = |row: &Vec<tenure::db::Value>| match &row[0] {
        tenure::db::Value::Text(text) => serde_json::from_str(text).unwrap(),
        other => panic!("no text but {other:?}"),
    };
    rows.iter().map(body).collect()
}

on_every_database! {
    fn a_paused_rule_is_counted_and_does_nothing_until_it_is_resumed_and_the_others_run(db: TestDb) {
        let tenure = two_rules(&db);
        let said = tenure.run(&["pause", "logs", "--reason", "incident 9", "--by", "legal", "--until", "2999-12-31"]).expect_code(0);
        assert!(said.stdout.contains("rule `logs` of policy `house` on `main` waits from now on, until 3000-01-01 00:00 UTC"), "{}", said.stdout);
        for command in ["plan", "run"] {
            let told = told(&tenure, command, 4);
            let rule = told.rule("logs");
            assert_eq!((&rule["status"], &rule["eligible"], &rule["remaining"], &rule["done"]), (&"stopped".into(), &2.into(), &2.into(), &0.into()), "{rule:#}");
            assert!(rule["error"].as_str().unwrap().contains("paused by legal since"), "{rule:#}");
            assert_eq!((&rule["paused"]["until"], &rule["paused"]["reason"]), (&"3000-01-01T00:00:00Z".into(), &"incident 9".into()));
            assert_eq!(told.rule("views")["status"], "ok");
        }
        assert_eq!((ids(&db, "log"), ids(&db, "view")), (vec![1, 2], vec![]));
        tenure.run(&["resume", "logs", "--reason", "over", "--by", "legal"]).expect_code(0);
        assert_eq!(told(&tenure, "run", 0).count("logs", "done"), 2);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn what_is_overdue_stays_red_while_it_is_paused(db: TestDb) {
        let tenure = two_rules(&db);
        tenure.run(&["run"]).expect_code(0);
        tenure.run(&["pause", "--reason", "incident 9"]).expect_code(0);
        let calm = tenure.run(&["status"]).expect_code(0).stdout;
        assert!(calm.contains("paused, as all rules are, by"), "{calm}");
        fill(&db);
        let status = tenure.run(&["status", "--json"]).expect_code(1).json();
        assert_eq!((&status["rules"][0]["standing"], &status["rules"][0]["paused"]["all"]), (&"broken".into(), &true.into()), "{status:#}");
        let run = told(&tenure, "run", 4);
        assert_eq!(run.0["verdict"]["promises"][0]["standing"], "broken", "{:#}", run.0);
        assert!(run.0["verdict"]["rules"][0]["reason"].as_str().unwrap().starts_with("2 rows past their period stay: paused"));
    }

    fn whoever_resumes_everything_leaves_what_was_paused_by_name(db: TestDb) {
        let tenure = two_rules(&db);
        for words in [&["pause", "logs"][..], &["pause"]] {
            tenure.run(&[words, &["--reason", "incident 9"]].concat()).expect_code(0);
        }
        assert_eq!(told(&tenure, "run", 4).rule("views")["status"], "stopped");
        let resumed = tenure.run(&["resume", "--reason", "over"]).expect_code(0);
        assert!(resumed.stderr.contains("paused still: rule `logs`"), "{}", resumed.stderr);
        let ran = told(&tenure, "run", 4);
        assert_eq!((ran.count("logs", "done"), ran.count("views", "done")), (0, 2));
        let again = tenure.run(&["resume", "--reason", "over"]).expect_code(2);
        assert!(again.stderr.contains("that was not paused; paused still: rule `logs`"), "{}", again.stderr);
    }

    fn a_pause_ends_by_itself_and_its_end_is_told_once(db: TestDb) {
        let tenure = two_rules(&db);
        tenure.run(&["migrate"]).expect_code(0);
        let scope = Scope::Rule { policy: "house".into(), rule: "logs".into() };
        let now = Timestamp::now();
        let order = Order { scope, expires: Some(now - 1.second()), reason: "incident 9".into(), by: "legal".into() };
        pause::pause(&mut db.open(), &order, now - 1.hour()).unwrap();
        assert_eq!(told(&tenure, "plan", 0).rule("logs")["paused"], Value::Null);
        let ran = told(&tenure, "run", 0);
        assert_eq!(ran.0["notes"], serde_json::json!(["the pause of rule `logs` has ended: its time is over"]));
        assert_eq!(ran.count("logs", "done"), 2);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!(bodies(&db, "pause-expired"), [serde_json::json!({ "pause": 1, "reason": null, "by": null })]);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn who_paused_and_who_resumed_and_why_is_in_the_ledger(db: TestDb) {
        let tenure = two_rules(&db);
        for until in ["2998-12-31", "2999-06-30T12:00:00Z"] {
            tenure.run(&["pause", "logs", "--reason", "incident 9", "--by", "legal", "--until", until]).expect_code(0);
        }
        tenure.run(&["resume", "logs", "--reason", "all clear", "--by", "a judge"]).expect_code(0);
        let paused = bodies(&db, "paused");
        let until: Timestamp = "2999-06-30T12:00:00Z".parse().unwrap();
        assert_eq!(paused[1], serde_json::json!({ "policy": "house", "rule": "logs", "expires": until.as_microsecond(), "reason": "incident 9", "by": "legal" }));
        let resumed = |number| serde_json::json!({ "pause": number, "reason": "all clear", "by": "a judge" });
        assert_eq!(bodies(&db, "resumed"), [resumed(1), resumed(2)], "one that was made longer is ended whole");
        tenure.run(&["verify"]).expect_code(0);
    }

    fn an_approval_of_a_paused_rule_is_refused_and_not_used_up(db: TestDb) {
        two_rules(&db);
        let tenure = Tenure::at(&db).schedule(&policy(&delete_rule("logs", "log", "guard = { max_rows = 1 }")));
        let stopped = told(&tenure, "run", 3).0["run"].as_str().unwrap().to_owned();
        for (pause, resume) in [(&["pause", "logs"][..], &["resume", "logs"][..]), (&["pause"], &["resume"])] {
            tenure.run(&[pause, &["--reason", "incident 9"]].concat()).expect_code(0);
            let refused = tenure.run(&["approve", &stopped]).expect_code(2);
            let remedy = format!("with `tenure {}`, and then approve", resume.join(" "));
            assert!(refused.stderr.contains("rule `logs` is paused") && refused.stderr.contains(&remedy), "{}", refused.stderr);
            tenure.run(&[resume, &["--reason", "over"]].concat()).expect_code(0);
        }
        assert_eq!(ids(&db, "log"), [1, 2]);
        tenure.run(&["approve", &stopped]).expect_code(0);
        assert_eq!((ids(&db, "log"), bodies(&db, "approval").len()), (vec![], 1));
    }

    fn an_order_that_cannot_be_understood_pauses_nothing(db: TestDb) {
        let tenure = two_rules(&db);
        for (words, reason) in [
            (&["pause", "lugs", "--reason", "r"][..], "did you mean `logs`?"),
            (&["pause", "--reason", " "], "--reason is empty"),
            (&["pause", "--reason", "r", "--until", "2020-01-01"], "that is over"),
            (&["pause", "--reason", "r", "--until", "soon"], "soon"),
            (&["pause"], "--reason"),
            (&["resume", "logs", "--reason", "r"], "nothing is paused"),
        ] {
            let output = tenure.run(words).expect_code(2);
            assert!(output.stderr.contains(reason), "{words:?}: {}", output.stderr);
        }
        assert_eq!(told(&tenure, "run", 0).count("logs", "done"), 2);
    }
}

#[test]
fn everything_can_be_paused_while_a_schedule_is_broken() {
    let db = TestDb::new(Dialect::Sqlite);
    let tenure = two_rules(&db);
    let broken = Tenure::at(&db).schedule("[policy]\nname = ");
    let day = broken.run(&["pause", "--reason", "r", "--until", "2999-12-31"]).expect_code(2);
    assert!(day.stderr.contains("write an instant"), "{}", day.stderr);
    let later = (Timestamp::now() + SignedDuration::from_hours(1)).to_string();
    broken.run(&["pause", "--reason", "r", "--until", &later]).expect_code(0);
    told(&tenure, "run", 4);
    assert_eq!(ids(&db, "log"), [1, 2]);
}

#[test]
fn a_last_day_ends_in_the_zone_of_the_policy() {
    let db = TestDb::new(Dialect::Sqlite);
    let tenure = two_rules(&db);
    let zoned = policy(&delete_rule("logs", "log", ALL))
        .replace("name = \"house\"", "name = \"house\"\ntimezone = \"Asia/Kolkata\"");
    Tenure::at(&db).schedule(&zoned).run(&["pause", "logs", "--reason", "r", "--until", "2999-12-31"]).expect_code(0);
    assert_eq!(told(&tenure, "plan", 4).rule("logs")["paused"]["until"], "2999-12-31T18:30:00Z");
}
