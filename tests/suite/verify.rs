//! `tenure verify`: what an auditor asks, and is told.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenure::base::time::Period;
use tenure::db::Dialect;
use tenure::ledger::compact;

use crate::harness::story::{AS_OF, control_table, delete_rule, policy, run};
use crate::harness::{Output, Tenure, TestDb};

fn logs(db: &TestDb) -> Tenure {
    db.create(
        "CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts}); INSERT INTO log VALUES (1, '2020-01-01 00:00:00');",
    );
    Tenure::at(db).schedule(&policy(&delete_rule("logs", "log", "promise = \"A1\"")))
}

/// Runs it, and keeps the JSON as a mail would bring it.
fn mailed(tenure: &Tenure) -> Value {
    let report = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0);
    fs::write(tenure.dir().join("mailed.json"), &report.stdout).unwrap();
    report.json()
}

fn verify(tenure: &Tenure, args: &[&str], code: i32) -> Output {
    tenure.run(&[&["verify"], args].concat()).expect_code(code)
}

on_every_database! {
    fn a_ledger_that_nobody_touched_is_intact(db: TestDb) {
        let tenure = logs(&db);
        assert!(verify(&tenure, &[], 0).stdout.contains("no entry yet"));
        run(&tenure);
        let told = run(&tenure).0;
        let head = told["ledger"]["head"].as_str().unwrap();
        assert!(verify(&tenure, &[], 0).stdout.contains(head));
        let found = verify(&tenure, &["--json", "-v", "--head", head], 0).json();
        let database = &found["databases"][0];
        assert_eq!((&found["intact"], &database["runs"], &database["batches"]), (&true.into(), &2.into(), &1.into()));
        assert_eq!(database["head"], head);
        let listed = database["listed"].as_array().unwrap();
        assert_eq!(listed.len() as u64, database["entries"].as_u64().unwrap());
        assert_eq!(listed.last().unwrap()["run"], told["run"]);
    }

    fn a_break_ends_with_code_five_and_says_in_a_sentence_what_it_is_and_what_to_do(db: TestDb) {
        let tenure = logs(&db);
        let told = run(&tenure).0;
        let batch = control_table(&db, "batch");
        db.script(&format!("UPDATE {batch} SET done = 0"));
        let said = verify(&tenure, &[], 5).stdout;
        assert!(said.contains("BROKEN") && said.contains("changed: run `") && said.contains("find out who"), "{said}");
        let found = verify(&tenure, &["--json"], 5).json();
        let broken = &found["databases"][0]["break"];
        assert_eq!((&found["intact"], &broken["kind"], &broken["run"]), (&false.into(), &"changed".into(), &told["run"]));
        assert_eq!(broken["entry"], told["ledger"]["entry"]);
    }

    fn a_report_that_was_mailed_proves_itself_and_is_in_the_ledger(db: TestDb) {
        let tenure = logs(&db);
        let told = mailed(&tenure);
        run(&tenure);
        let said = verify(&tenure, &["--report", "mailed.json"], 0).stdout;
        assert!(said.contains(told["run"].as_str().unwrap()) && said.contains("as it was written"), "{said}");
        // Months later, as the ledger tells it.
        tenure.run(&["report", told["run"].as_str().unwrap(), "--json", "-o", "later.json"]).expect_code(0);
        assert_eq!(fs::read_to_string(tenure.dir().join("later.json")).unwrap(), fs::read_to_string(tenure.dir().join("mailed.json")).unwrap());
    }

    fn a_page_that_was_changed_is_found_with_and_without_a_database(db: TestDb) {
        let tenure = logs(&db);
        let mut page = mailed(&tenure);
        page["rules"][0]["eligible"] = 2.into();
        page["rules"][0]["done"] = 2.into();
        fs::write(tenure.dir().join("changed.json"), page.to_string()).unwrap();
        for args in [&["--report", "changed.json"][..], &["--report", "changed.json", "--offline"]] {
            let said = verify(&tenure, args, 5).stdout;
            assert!(said.contains("`rules[0].eligible` is not what the run was closed with"), "{said}");
        }
        verify(&tenure, &["--report", "mailed.json"], 0);
    }

    fn a_report_of_an_entry_that_is_gone_or_was_written_anew_tells_on_the_ledger(db: TestDb) {
        let tenure = logs(&db);
        mailed(&tenure);
        let [run, batch, entry] = ["run", "batch", "entry"].map(|name| control_table(&db, name));
        db.script(&format!("DELETE FROM {entry}; DELETE FROM {batch}; DELETE FROM {run}"));
        verify(&tenure, &[], 0);
        let found = verify(&tenure, &["--report", "mailed.json", "--json"], 5).json();
        assert_eq!(found["databases"][0]["break"]["kind"], "truncated");
        assert_eq!(found["reports"][0]["intact"], true, "the page itself is as it was");
        crate::harness::story::run(&tenure);
        crate::harness::story::run(&tenure);
        let found = verify(&tenure, &["--report", "mailed.json", "--json"], 5).json();
        assert_eq!(found["databases"][0]["break"]["kind"], "changed");
    }

    fn old_batches_are_compacted_into_their_digests_and_the_chain_stays_whole(db: TestDb) {
        let tenure = logs(&db);
        run(&tenure);
        let (batch, years) = (control_table(&db, "batch"), Period::parse("7 years").unwrap());
        let now = Timestamp::now();
        let later = now + SignedDuration::from_hours(24 * 366 * 8);
        let compact_at = |at| compact::compact(&mut db.open(), &years, at).unwrap();
        assert_eq!((compact_at(now), db.count(&batch)), (0, 1), "nothing is old enough");
        db.script(&format!("UPDATE {batch} SET done = 7"));
        assert!(compact::compact(&mut db.open(), &years, later).is_err(), "evidence is kept");
        db.script(&format!("UPDATE {batch} SET done = 1"));
        assert_eq!((compact_at(later), db.count(&batch)), (1, 0));
        assert_eq!(compact_at(later), 0);
        assert_eq!(verify(&tenure, &["--json"], 0).json()["databases"][0]["batches"], 0);
        let entry = control_table(&db, "entry");
        db.script(&format!("DELETE FROM {entry} WHERE kind = 'compaction'"));
        assert!(verify(&tenure, &[], 5).stdout.contains("missing"), "nobody says that they may be gone");
    }

    fn a_run_that_died_is_named_and_breaks_nothing(db: TestDb) {
        let tenure = logs(&db);
        run(&tenure);
        let runs = control_table(&db, "run");
        db.script(&format!("INSERT INTO {runs} (id, holder, started, plan) VALUES ('dead', '', 0, '{{}}')"));
        assert!(verify(&tenure, &[], 0).stdout.contains("run `dead` is not closed yet"));
    }
}

#[test]
fn an_outsider_needs_no_database_and_no_config() {
    let db = TestDb::new(Dialect::Sqlite);
    let tenure = logs(&db);
    mailed(&tenure);
    let page = fs::read_to_string(tenure.dir().join("mailed.json")).unwrap();
    let auditor = Tenure::alone().file("page.json", &page);
    assert!(verify(&auditor, &["--report", "page.json"], 0).stdout.contains("as it was written"));
    verify(&auditor, &["--report", "page.json", "--json"], 0).json();
    verify(&auditor, &[], 2);
    verify(&auditor, &["--offline"], 2);
}

#[test]
fn what_is_no_report_and_what_is_no_head_is_bad_usage() {
    let db = TestDb::new(Dialect::Sqlite);
    let tenure = logs(&db).file("page.json", "<html>").file("twice.json", "{\"run\": 1, \"run\": 2}");
    for file in ["page.json", "twice.json"] {
        assert!(verify(&tenure, &["--report", file], 2).stderr.contains("is not the JSON of a report"));
    }
    assert!(verify(&tenure, &["--head", "sha256:123"], 2).stderr.contains("is no head"));
    verify(&tenure, &["--report", "nowhere.json"], 1);
    let planned = tenure.run(&["plan", "--json"]).expect_code(0).stdout;
    fs::write(tenure.dir().join("plan.json"), planned).unwrap();
    assert!(verify(&tenure, &["--report", "plan.json", "--offline"], 5).stdout.contains("dry run"));
}
