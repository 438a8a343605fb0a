//! The report: what its record knows of the past, and of the oldest row that stays.

use serde_json::{Value, json};

use crate::harness::story::{AS_OF, Told, delete_rule, moment, plan, policy, run};
use crate::harness::{Tenure, TestDb};

/// `rows` of them are past 30 days, one is not.
fn log(db: &TestDb, rows: i64) {
    db.create("CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts}, kind {bigint});");
    add(db, 0..rows);
    db.script(&format!("INSERT INTO log VALUES (1000, {}, 1)", moment("2026-06-20T00:00:00Z", 0)));
}

fn add(db: &TestDb, ids: std::ops::Range<i64>) {
    for id in ids {
        db.script(&format!("INSERT INTO log VALUES ({id}, {}, 1)", moment("2026-01-01T00:00:00Z", 0)));
    }
}

fn logs(more: &str) -> String {
    policy(&delete_rule("logs", "log", more))
}

const NO_LIMIT: &str = "guard = { max_share = 1 }";

fn figures<'t>(told: &'t Told, field: &str) -> Vec<&'t Value> {
    told.rule("logs")["trend"].as_array().map_or(vec![], |points| points.iter().map(|point| &point[field]).collect())
}

on_every_database! {
    fn a_report_tells_what_the_runs_before_it_did(db: TestDb) {
        log(&db, 3);
        let tenure = Tenure::at(&db).schedule(&logs(NO_LIMIT));
        let first = run(&tenure);
        assert_eq!((first.rule("logs").get("trend"), first.0.get("since")), (None, None), "{first:?}");
        add(&db, 10..15);
        run(&tenure);
        for third in [plan(&db, &tenure), run(&tenure)] {
            assert_eq!(figures(&third, "done"), [&json!(3), &json!(5)]);
            assert_eq!(figures(&third, "oldest_kept"), [&json!("2026-06-20T00:00:00Z"); 2]);
            assert_eq!((&third.0["since"]["verdict"], &third.0["since"]["added"]), (&json!("kept"), &json!([])));
        }
    }

    fn a_report_read_from_the_ledger_later_is_the_page_that_was_printed(db: TestDb) {
        log(&db, 3);
        let tenure = Tenure::at(&db).schedule(&logs(NO_LIMIT));
        run(&tenure);
        let id = run(&tenure).0["run"].as_str().unwrap().to_owned();
        run(&tenure);
        for (format, ending) in [("text", "txt"), ("html", "html"), ("json", "json"), ("csv", "csv")] {
            let then = tenure.dir().join(format!("tenure-state/reports/{id}.{ending}"));
            let now = tenure.run(&["report", &id, "--format", format]).expect_code(0).stdout;
            assert_eq!(now, std::fs::read_to_string(then).unwrap(), "{format}");
        }
    }

    fn a_report_tells_what_changed_in_the_schedule_since_the_last_run(db: TestDb) {
        log(&db, 3);
        let before = run(&Tenure::at(&db).schedule(&logs(NO_LIMIT)));
        let more = delete_rule("more", "log", "where = \"kind = 2\"");
        let tenure = Tenure::at(&db).schedule(&(logs(NO_LIMIT).replace("30 days", "40 days") + &more));
        let after = run(&tenure);
        let since = &after.0["since"];
        assert_eq!(since["schedule_digest"], before.0["schedule"]["digest"]);
        assert_eq!(since["added"], json!(["more"]));
        assert_eq!(since["periods"], json!([{ "rule": "logs", "was": "30 days", "now": "40 days" }]));
    }

    fn the_oldest_row_kept_is_one_that_the_rule_speaks_of(db: TestDb) {
        log(&db, 3);
        let tenure = Tenure::at(&db).schedule(&logs("where = \"kind = 2\""));
        db.script(&format!("INSERT INTO log VALUES (2000, {}, 2)", moment("2026-06-25T00:00:00Z", 0)));
        assert_eq!(run(&tenure).rule("logs")["oldest_kept"], "2026-06-25T00:00:00Z");
    }

    fn the_oldest_row_kept_of_a_rule_that_a_guard_stopped_is_past_its_period(db: TestDb) {
        log(&db, 3);
        let tenure = Tenure::at(&db).schedule(&logs("guard = { max_rows = 2 }"));
        let ran = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(3).json());
        assert_eq!(ran.rule("logs")["oldest_kept"], "2026-01-01T00:00:00Z");
        let passed = Told(tenure.run(&["run", "--yes", "--json", "--as-of", AS_OF]).expect_code(0).json());
        assert_eq!(passed.rule("logs")["oldest_kept"], "2026-06-20T00:00:00Z");
        let by = passed.0["actor"].as_str().unwrap();
        assert_eq!(passed.rule("logs")["guard_passed"], format!("{by}, with --yes"));
        assert_eq!(passed.0["since"]["verdict"], "at-risk");
        assert_eq!(figures(&passed, "stayed"), [&json!(3)]);
    }
}
