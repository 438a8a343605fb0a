//! Guards: a rule that would do far more than usual is stopped until somebody lets exactly that go ahead.

use std::fs;
use std::path::PathBuf;

use tenure::db::Dialect;

use crate::harness::story::{AS_OF, Told, control_table, delete_rule, policy};
use crate::harness::{Tenure, TestDb};

/// `old` rows that are due and `new` ones that are not.
fn log(db: &TestDb, old: i64, new: i64) {
    db.create("CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts});");
    let rows: Vec<_> = (0..old + new)
        .map(|id| format!("({id}, '{} 00:00:00')", if id < old { "2020-01-01" } else { "2026-06-30" }))
        .collect();
    for block in rows.chunks(1_000) {
        db.script(&format!("INSERT INTO log VALUES {}", block.join(", ")));
    }
}

fn tenure(db: &TestDb, more: &str) -> Tenure {
    Tenure::at(db).schedule(&policy(&delete_rule("logs", "log", more)))
}

#[track_caller]
fn told(tenure: &Tenure, args: &[&str], code: i32) -> Told {
    Told(tenure.run(&[args, &["--json", "--as-of", AS_OF]].concat()).expect_code(code).json())
}

#[track_caller]
fn guarded_run(tenure: &Tenure) -> (Told, String) {
    let ran = told(tenure, &["run"], 3);
    let id = ran.0["run"].as_str().unwrap().to_owned();
    (ran, id)
}

fn approve(tenure: &Tenure, run: &str) -> crate::harness::Output {
    tenure.run(&["approve", run, "--json"])
}

/// Where the rows of a guarded run are listed.
fn list_of(tenure: &Tenure, run: &str) -> PathBuf {
    let states = fs::read_dir(tenure.dir()).unwrap().map(|entry| entry.unwrap().path());
    let list = states.map(|state| state.join("approvals").join(format!("{run}.json"))).find(|path| path.exists());
    list.expect("a guarded run lists its rows")
}

on_every_database! {
    fn more_than_half_of_a_large_table_is_stopped_in_plan_and_run(db: TestDb) {
        log(&db, 601, 600);
        let tenure = tenure(&db, "");
        let planned = told(&tenure, &["plan"], 3);
        assert_eq!((&planned.0["status"], &planned.rule("logs")["status"]), (&"guarded".into(), &"guarded".into()));
        let (ran, _) = guarded_run(&tenure);
        assert_eq!(ran.rule("logs")["guard"], planned.rule("logs")["guard"]);
        assert!(ran.rule("logs")["guard"].as_str().unwrap().contains("601 of the 1201 rows of `"), "{ran:?}");
        assert_eq!((ran.count("logs", "done"), ran.count("logs", "remaining"), db.count("log")), (0, 601, 1_201));
    }

    fn half_of_a_large_table_and_all_of_a_small_one_go_unasked(db: TestDb) {
        log(&db, 600, 600);
        told(&tenure(&db, ""), &["run"], 0);
        db.script("UPDATE log SET at = '2020-01-01 00:00:00'");
        told(&tenure(&db, ""), &["run"], 0);
        assert_eq!(db.count("log"), 0);
    }

    fn a_rule_with_limits_of_its_own_is_held_to_them(db: TestDb) {
        log(&db, 300, 900);
        let stopped = |more: &str, code| told(&tenure(&db, more), &["plan"], code).rule("logs")["guard"].is_string();
        assert!(stopped("guard = { max_share = 0.2 }", 3));
        assert!(!stopped("guard = { max_share = 0.25 }", 0));
        assert!(stopped("guard = { max_rows = 299 }", 3));
        assert!(!stopped("guard = { max_rows = 300 }", 0));
    }

    fn cascades_count_in_the_guard(db: TestDb) {
        log(&db, 3, 3);
        db.create("CREATE TABLE line (id {bigint} PRIMARY KEY, log_id {bigint}, FOREIGN KEY (log_id) REFERENCES log (id));");
        for id in 0..6 {
            db.script(&format!("INSERT INTO line VALUES ({id}, {id})"));
        }
        told(&tenure(&db, "cascade = [\"line\"]\nguard = { max_rows = 5 }"), &["run"], 3);
        told(&tenure(&db, "cascade = [\"line\"]\nguard = { max_rows = 6 }"), &["run"], 0);
        assert_eq!((db.count("log"), db.count("line")), (3, 3));
    }

    fn a_guard_stops_its_rule_and_not_the_others(db: TestDb) {
        log(&db, 3, 3);
        db.create("CREATE TABLE other (id {bigint}, at {ts}); INSERT INTO other VALUES (1, '2020-01-01 00:00:00');");
        let rules = delete_rule("logs", "log", "guard = { max_rows = 2 }") + &delete_rule("others", "other", "");
        let ran = told(&Tenure::at(&db).schedule(&policy(&rules)), &["run"], 3);
        assert_eq!((ran.rule("logs")["status"].as_str(), ran.rule("others")["status"].as_str()), (Some("guarded"), Some("ok")));
        assert_eq!((db.count("log"), db.count("other")), (6, 0));
    }

    fn rows_that_a_stopped_rule_leaves_count_in_the_guards_of_the_rules_after_it(db: TestDb) {
        // Alone, the second rule would take the three rows of the first one as well.
        log(&db, 3, 3);
        let old = "guard = { max_rows = 2 }";
        let rules = delete_rule("first", "log", old).replace("30 days", "60 days") + &delete_rule("second", "log", old);
        let tenure = Tenure::at(&db).schedule(&policy(&rules));
        for command in ["plan", "run"] {
            let told = told(&tenure, &[command], 3);
            assert_eq!(told.rule("second")["status"], "guarded", "{command}");
            assert_eq!(told.count("second", "remaining"), 3, "{command}");
        }
        assert_eq!(db.count("log"), 6);
    }

    fn yes_passes_the_guard_and_is_recorded_with_who_said_so(db: TestDb) {
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let ran = told(&tenure, &["run", "--yes"], 0);
        assert_eq!((ran.count("logs", "done"), db.count("log")), (3, 3));
        let actor = ran.0["actor"].as_str().unwrap();
        let note = format!("{actor} passed the guard of rule `logs` with --yes");
        assert!(ran.0["notes"].as_array().unwrap().contains(&note.clone().into()), "{ran:?}");
        let recorded = db.scalar(&format!("SELECT count(*) FROM {} WHERE record LIKE '%{note}%'", control_table(&db, "run")));
        assert_eq!(recorded, 1);
    }

    fn an_approved_run_goes_ahead_exactly_as_planned(db: TestDb) {
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (stopped, id) = guarded_run(&tenure);
        let ran = Told(approve(&tenure, &id).expect_code(0).json());
        assert_eq!(ran.0["schedule"]["digest"], stopped.0["schedule"]["digest"]);
        assert_eq!((&ran.0["as_of"], &ran.rule("logs")["cutoff"]), (&stopped.0["as_of"], &stopped.rule("logs")["cutoff"]));
        assert_eq!((ran.count("logs", "done"), db.count("log")), (3, 3));
        assert!(ran.0["notes"].to_string().contains("approved rule `logs`"), "{ran:?}");
        let approvals = db.scalar(&format!("SELECT count(*) FROM {} WHERE kind = 'approval'", control_table(&db, "entry")));
        assert_eq!(approvals, 1, "the ledger's chain holds the approval");
    }

    fn an_approval_is_good_for_one_run(db: TestDb) {
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (_, id) = guarded_run(&tenure);
        approve(&tenure, &id).expect_code(0);
        db.script("UPDATE log SET at = '2020-01-01 00:00:00'");
        let refused = approve(&tenure, &id).expect_code(2);
        assert!(refused.stderr.contains("was approved before"), "{}", refused.stderr);
        assert_eq!(db.count("log"), 3);
    }

    fn rows_that_became_due_since_are_not_covered_by_an_approval(db: TestDb) {
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (_, id) = guarded_run(&tenure);
        db.script("UPDATE log SET at = '2020-01-01 00:00:00'");
        let again = Told(approve(&tenure, &id).expect_code(3).json());
        assert!(again.rule("logs")["guard"].as_str().unwrap().contains("6 rows are now due, but 3 were approved"), "{again:?}");
        assert_eq!(db.count("log"), 6);
    }

    fn fewer_rows_than_were_approved_may_go(db: TestDb) {
        log(&db, 4, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (_, id) = guarded_run(&tenure);
        db.script("DELETE FROM log WHERE id = 0");
        let ran = Told(approve(&tenure, &id).expect_code(0).json());
        assert_eq!((ran.count("logs", "done"), db.count("log")), (3, 3));
    }

    fn other_rows_of_the_same_number_are_not_covered_by_an_approval(db: TestDb) {
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (stopped, id) = guarded_run(&tenure);
        assert!(stopped.rule("logs")["rows_digest"].as_str().unwrap().starts_with("hmac-sha256:"), "{stopped:?}");
        db.script("UPDATE log SET at = '2020-01-01 00:00:00' WHERE id >= 3");
        db.script("UPDATE log SET at = '2026-06-30 00:00:00' WHERE id < 3");
        let again = Told(approve(&tenure, &id).expect_code(3).json());
        assert!(again.rule("logs")["guard"].as_str().unwrap().contains("3 of the 3 rows that are due are not among those"), "{again:?}");
        assert_eq!(db.count("log"), 6);
        let asked_anew = again.0["run"].as_str().unwrap().to_owned();
        approve(&tenure, &asked_anew).expect_code(0);
        assert_eq!(db.count("log WHERE id < 3"), 3, "the second approval is for the rows of the second run");
    }

    fn without_the_list_of_its_rows_an_approval_asks_again(db: TestDb) {
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (_, id) = guarded_run(&tenure);
        fs::remove_file(list_of(&tenure, &id)).unwrap();
        let again = Told(approve(&tenure, &id).expect_code(3).json());
        assert!(again.rule("logs")["guard"].as_str().unwrap().contains("it cannot be told whether the rows"), "{again:?}");
        assert_eq!(db.count("log"), 6);
    }

    fn the_list_of_planned_rows_is_private_and_gone_once_it_was_used(db: TestDb) {
        use std::os::unix::fs::PermissionsExt as _;
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (_, id) = guarded_run(&tenure);
        let list = list_of(&tenure, &id);
        assert_eq!(fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o600);
        approve(&tenure, &id).expect_code(0);
        assert!(!list.exists());
    }

    fn rows_of_a_table_without_a_key_are_approved_where_they_can_be_told_apart(db: TestDb) {
        db.create("CREATE TABLE log (at {ts}, note {text});");
        db.script("INSERT INTO log VALUES ('2020-01-01 00:00:00', 'a'), ('2020-01-01 00:00:00', 'a'), ('2020-01-01 00:00:00', 'b')");
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (_, id) = guarded_run(&tenure);
        let (code, left) = if db.dialect == Dialect::Mysql { (3, 3) } else { (0, 0) };
        approve(&tenure, &id).expect_code(code);
        assert_eq!(db.count("log"), left);
    }

    fn of_two_approvals_at_a_time_one_is_good(db: TestDb) {
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (_, id) = guarded_run(&tenure);
        let both = [(); 2].map(|()| tenure.spawn(&["approve", &id, "--json"]));
        let mut codes = both.map(|one| one.wait().code);
        codes.sort_unstable();
        assert_eq!((codes, db.count("log")), ([0, 2], 3));
        let approvals = db.scalar(&format!("SELECT count(*) FROM {} WHERE kind = 'approval'", control_table(&db, "entry")));
        assert_eq!(approvals, 1);
    }

    fn more_children_than_were_planned_are_not_covered_by_an_approval(db: TestDb) {
        log(&db, 3, 3);
        db.create("CREATE TABLE line (id {bigint} PRIMARY KEY, log_id {bigint}, FOREIGN KEY (log_id) REFERENCES log (id));
                   CREATE TABLE word (id {bigint} PRIMARY KEY, log_id {bigint}, FOREIGN KEY (log_id) REFERENCES log (id));");
        db.script("INSERT INTO line VALUES (1, 0), (2, 0)");
        let tenure = tenure(&db, "cascade = [\"line\", \"word\"]\nguard = { max_rows = 2 }");
        let (_, id) = guarded_run(&tenure);
        db.script("DELETE FROM line WHERE id = 1");
        db.script("INSERT INTO word VALUES (1, 0)");
        let again = Told(approve(&tenure, &id).expect_code(3).json());
        assert!(again.rule("logs")["guard"].as_str().unwrap().contains("1 rows of `word` would go now, but 0 were approved"), "{again:?}");
        assert_eq!(db.count("log"), 6);
    }

    fn a_plan_before_the_schedule_takes_effect_says_from_when_it_does(db: TestDb) {
        log(&db, 3, 3);
        let schedule = policy(&delete_rule("logs", "log", "")).replace("\"house\"", "\"house\"\neffective = 2026-07-01");
        let tenure = Tenure::at(&db).schedule(&schedule);
        let planned = told(&tenure, &["plan"], 0);
        let note = "the schedule takes effect on 2026-07-01; until then it is only planned, and a run does nothing";
        assert!(planned.0["notes"].as_array().unwrap().contains(&note.into()), "{planned:?}");
        let printed = tenure.run(&["plan", "--as-of", AS_OF]).expect_code(0).stdout;
        assert!(printed.contains("2026-07-01"), "{printed}");
    }

    fn an_approval_of_another_schedule_is_refused(db: TestDb) {
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let (_, id) = guarded_run(&tenure);
        let file = fs::read_dir(tenure.dir()).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|e| e == "toml"));
        let file = file.unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("30 days", "29 days")).unwrap();
        let refused = approve(&tenure, &id).expect_code(2);
        assert!(refused.stderr.contains("the schedule changed"), "{}", refused.stderr);
        fs::write(&file, text).unwrap();
        approve(&tenure, &id).expect_code(0);
        assert_eq!(db.count("log"), 3, "a refused approval is not used up");
    }

    fn only_a_run_that_a_guard_stopped_can_be_approved(db: TestDb) {
        log(&db, 3, 3);
        let tenure = tenure(&db, "guard = { max_rows = 2 }");
        let dry = told(&tenure, &["plan"], 3).0["run"].as_str().unwrap().to_owned();
        assert!(approve(&tenure, &dry).expect_code(2).stderr.contains("is a dry run"));
        assert!(approve(&tenure, "20200101").expect_code(2).stderr.contains("there is no run"));
        let done = told(&tenure, &["run", "--yes"], 0).0["run"].as_str().unwrap().to_owned();
        assert!(approve(&tenure, &done).expect_code(2).stderr.contains("no guard stopped"));
    }

    fn an_approval_of_a_run_before_the_schedule_took_effect_is_refused_because_nothing_would_go(db: TestDb) {
        log(&db, 3, 3);
        let rules = delete_rule("logs", "log", "guard = { max_rows = 2 }");
        let schedule = policy(&rules).replace("\"house\"", "\"house\"\neffective = 2026-07-01");
        let tenure = Tenure::at(&db).schedule(&schedule);
        let (_, id) = guarded_run(&tenure);
        let refused = approve(&tenure, &id).expect_code(2);
        assert!(refused.stderr.contains("was planned before 2026-07-01, when the schedule takes effect"), "{}", refused.stderr);
        assert_eq!(db.count("log"), 6);
    }

    fn an_approval_reaches_only_the_rules_that_were_stopped(db: TestDb) {
        log(&db, 3, 3);
        db.create("CREATE TABLE other (id {bigint}, at {ts});");
        let rules = delete_rule("logs", "log", "guard = { max_rows = 2 }") + &delete_rule("others", "other", "");
        let tenure = Tenure::at(&db).schedule(&policy(&rules));
        let (_, id) = guarded_run(&tenure);
        db.script("INSERT INTO other VALUES (1, '2020-01-01 00:00:00')");
        let ran = Told(approve(&tenure, &id).expect_code(0).json());
        assert_eq!(ran.0["rules"].as_array().unwrap().len(), 1);
        assert_eq!((db.count("log"), db.count("other")), (3, 1));
    }
}
