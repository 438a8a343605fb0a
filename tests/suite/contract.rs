//! What scripts may rely on: exit codes, one JSON document, and nothing started on bad input.

use std::fs;

use crate::harness::story::{AS_OF, control_table, delete_rule, ids, policy, run};
use crate::harness::{Output, Tenure, TestDb};

fn log(db: &TestDb) {
    db.create(
        "CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts});
         INSERT INTO log VALUES (1, '2020-01-01 00:00:00'), (2, '2026-06-20 00:00:00');",
    );
}

fn logs(db: &TestDb) -> Tenure {
    Tenure::at(db).schedule(&policy(&delete_rule("logs", "log", "")))
}

/// Exit code 2, a sentence with `word`, one JSON document that says it, and a database that nobody touched.
#[track_caller]
fn refused(db: &TestDb, tenure: &Tenure, args: &[&str], word: &str) {
    let before = db.tables_dump();
    let said: Output = tenure.run(args).expect_code(2);
    assert!(said.stderr.contains(word), "no `{word}` in {}", said.stderr);
    let json = tenure.run(&[args, &["--json"]].concat()).expect_code(2).json();
    assert!(json.to_string().contains(&word.replace('"', "\\\"")), "no `{word}` in {json}");
    assert_eq!(db.tables_dump(), before);
    assert!(!db.tables_dump().contains("tenure"), "control tables were made");
}

on_every_database! {
    fn a_run_without_any_config_file_works(db: TestDb) {
        log(&db);
        let ran = run(&logs(&db));
        assert_eq!((&ran.0["status"], ids(&db, "log")), (&"ok".into(), vec![2]));
    }

    fn the_document_holds_every_field_of_the_contract(db: TestDb) {
        log(&db);
        let ran = run(&logs(&db)).0;
        assert_eq!((&ran["kind"], &ran["as_of"], &ran["schedule"]["name"]), (&"run".into(), &AS_OF.into(), &"house".into()));
        for field in ["tenure", "run", "status", "started", "finished", "actor"] {
            assert!(ran[field].is_string(), "{field}: {ran:#}");
        }
        assert!(ran["schedule"]["digest"].as_str().unwrap().starts_with("sha256:"));
        assert!(ran["ledger"]["entry"].is_u64() && ran["ledger"]["head"].as_str().unwrap().starts_with("sha256:"));
        let rule = &ran["rules"][0];
        let texts = [("rule", "logs"), ("database", "main"), ("table", "log"), ("action", "delete"), ("retain", "30 days"),
            ("cutoff", "2026-05-31T12:00:00Z"), ("status", "ok"), ("oldest_kept", "2026-06-20T00:00:00Z")];
        for (field, text) in texts {
            assert_eq!(rule[field], text, "{field}");
        }
        let counts = [("eligible", 1), ("done", 1), ("held", 0), ("blocked", 0), ("skipped", 0), ("remaining", 0), ("no_anchor", 0), ("batches", 1)];
        for (field, count) in counts {
            assert_eq!(rule[field], count, "{field}");
        }
        assert!(rule["error"].is_null() && rule["cascaded"].is_object() && rule["elapsed_ms"].is_u64());
    }

    fn unknown_rules_keys_and_tables_of_a_hold_start_nothing(db: TestDb) {
        log(&db);
        let rule = delete_rule("logs", "log", "");
        let with = |schedule: &str| Tenure::at(&db).schedule(schedule);
        refused(&db, &logs(&db), &["run", "log"], "did you mean `logs`");
        refused(&db, &with(&policy(&rule.replace("retain", "retian"))), &["run"], "did you mean `retain`");
        refused(&db, &with(&policy(&rule.replace("30 days", "0 days"))), &["run"], "logs");
        refused(&db, &with("[policy]\nname = "), &["run"], "this is no TOML");
        refused(&db, &Tenure::at(&db), &["run"], "there is no schedule");
        refused(&db, &logs(&db).config("[gaurd]\nmax_rows = 1"), &["run"], "gaurd");
        refused(&db, &with(&policy(&(rule.clone() + &rule))), &["run"], "bears this name already");
    }

    fn every_mistake_of_a_schedule_is_told_at_once_with_its_line(db: TestDb) {
        log(&db);
        let rule = delete_rule("logs", "log", "").replace("anchor", "ancor").replace("\"delete\"", "\"delte\"");
        let said = Tenure::at(&db).schedule(&policy(&rule)).run(&["run"]).expect_code(2).stderr;
        for told in ["did you mean `anchor`", "delte", ":6:", ":8:"] {
            assert!(said.contains(told), "no `{told}` in {said}");
        }
    }

    fn a_run_in_the_future_is_refused_and_a_plan_is_not(db: TestDb) {
        log(&db);
        refused(&db, &logs(&db), &["run", "--as-of", "2069-01-01"], "lies in the future");
        let planned = logs(&db).run(&["plan", "--json", "--as-of", "2069-01-01"]).expect_code(0).json();
        assert_eq!(planned["rules"][0]["remaining"], 2);
        logs(&db).run(&["run", "--as-of", "yesterday"]).expect_code(2);
    }

    fn a_rule_that_does_not_fit_the_database_fails_alone(db: TestDb) {
        log(&db);
        let rules = delete_rule("broken", "lgo", "") + &delete_rule("logs", "log", "");
        let said = Tenure::at(&db).schedule(&policy(&rules)).run(&["run", "--json", "--as-of", AS_OF]).expect_code(1).json();
        let broken = said["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "broken").unwrap();
        assert!(broken["error"].as_str().unwrap().contains("did you mean `log`"), "{broken}");
        assert_eq!(ids(&db, "log"), [2]);
    }

    fn a_schedule_that_is_not_in_force_yet_is_planned_and_stops_the_run(db: TestDb) {
        log(&db);
        let schedule = policy(&delete_rule("logs", "log", "")).replace("\"house\"", "\"house\"\neffective = 2026-07-01");
        let tenure = Tenure::at(&db).schedule(&schedule);
        let planned = tenure.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json();
        assert_eq!(planned["rules"][0]["remaining"], 1);
        let ran = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(4).json();
        assert_eq!((&ran["rules"][0]["status"], db.count("log")), (&"stopped".into(), 2));
        tenure.run(&["run", "--as-of", "2026-07-01"]).expect_code(0);
        assert_eq!(ids(&db, "log"), [2]);
    }

    fn a_rule_that_another_run_works_on_is_left_to_it(db: TestDb) {
        log(&db);
        let tenure = logs(&db);
        tenure.run(&["run", "--as-of", "2019-01-01"]).expect_code(0);
        // A live process on another machine, seen just now.
        let gate = control_table(&db, "gate");
        let holder = r#"{"host":"elsewhere","pid":1,"start":"1","world":"other"}"#;
        let now = jiff::Timestamp::now().as_microsecond();
        db.script(&format!("UPDATE {gate} SET run = 'other', holder = '{holder}', seen = {now}"));
        let ran = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(4).json();
        assert!(ran["rules"][0]["error"].as_str().unwrap().contains("run `other` works on it"), "{ran:#}");
        assert_eq!(db.count("log"), 2);
    }

    fn several_policies_are_several_runs_in_one_document(db: TestDb) {
        log(&db);
        db.create("CREATE TABLE other (id {bigint}, at {ts}); INSERT INTO other VALUES (1, '2020-01-01 00:00:00');");
        let second = policy(&delete_rule("others", "other", "")).replace("house", "garden");
        let tenure = logs(&db).schedule(&second);
        let ran = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json();
        let names: Vec<_> = ran["runs"].as_array().unwrap().iter().map(|run| run["schedule"]["name"].clone()).collect();
        assert_eq!(names, ["house", "garden"]);
        assert_eq!((ids(&db, "log"), db.count("other")), (vec![2], 0));
    }

    fn results_go_to_stdout_and_a_quiet_run_says_nothing_else(db: TestDb) {
        log(&db);
        let said = logs(&db).run(&["run", "-q", "--as-of", AS_OF]).expect_code(0);
        assert!(said.stdout.contains("logs"), "{}", said.stdout);
        assert_eq!(said.stderr, "");
    }
}

#[test]
fn a_database_that_is_not_there_is_a_failure_and_not_bad_usage() {
    let tenure = Tenure::at_url("sqlite:///nowhere/at/all.db").schedule(&policy(&delete_rule("logs", "log", "")));
    let said = tenure.run(&["plan", "--json"]).expect_code(1);
    assert!(said.json()["error"].as_str().unwrap().contains("database `main`"), "{}", said.stdout);
    let unknown = Tenure::at_url("oracle://x").schedule(&policy(""));
    assert!(unknown.run(&["plan"]).expect_code(2).stderr.contains("sqlite://"));
}

#[test]
fn a_plan_leaves_its_reports_in_the_state_directory() {
    let db = TestDb::new(tenure::db::Dialect::Sqlite);
    log(&db);
    let tenure = logs(&db).config("state_dir = \"state\"");
    let id = tenure.run(&["plan", "--json"]).expect_code(0).json()["run"].as_str().unwrap().to_owned();
    for ending in ["txt", "html", "csv", "json"] {
        let report = fs::read_to_string(tenure.dir().join(format!("state/reports/{id}.{ending}"))).unwrap();
        assert!(report.contains("logs"), "{ending}");
    }
}
