//! Requests for erasure have a clock too: who asked and waits is seen in plan, run and status, whatever they wait for.

use serde_json::{Value, json};

use super::{MAP, platform, tenure};
use crate::harness::story::{Told, policy};
use crate::harness::{Tenure, TestDb};

/// Requests in a table of the application, and a promise of their own.
fn map() -> String {
    let within = MAP.replace("within = \"30 days\"", "within = \"30 days\"\nrequests_within = \"10 days\"");
    let requests = "[subject.requests]\ntable = \"deletion_request\"\nkey = \"account\"\nrequested = \"asked_at\"\n\
                    verified = \"id > 0\"\ndone = \"done_at IS NOT NULL\"\nmark = { done_at = \"now\" }\n";
    format!("{within}{requests}")
}

/// Account 2 asks; nobody's account is closed.
fn asks(db: &TestDb, asked_at: &str) {
    platform(db, 3, 0);
    db.script("UPDATE account SET closed_at = NULL");
    db.create("CREATE TABLE deletion_request (id {bigint} PRIMARY KEY, account {bigint}, asked_at {ts}, done_at {ts})");
    db.script(&format!("INSERT INTO deletion_request VALUES (1, 2, '{asked_at}', NULL)"));
}

fn hold(tenure: &Tenure) {
    tenure.run(&["hold", "add", "case-7", "--subject", "2", "--reason", "court"]).expect_code(0);
}

/// What the schedule's own run or plan says; requests have runs of their own behind it.
fn told(tenure: &Tenure, words: &[&str]) -> Value {
    Told::of_the_schedule(tenure.run(&[words, &["--json"]].concat()).expect_code(0).json()).0
}

fn standing(told: &Value) -> &str {
    told["verdict"]["standing"].as_str().unwrap()
}

/// The page, and the document, of `tenure status`.
fn status(tenure: &Tenure, code: i32) -> (String, Value) {
    (tenure.run(&["status"]).expect_code(code).stdout, tenure.run(&["status", "--json"]).expect_code(code).json())
}

fn notes(told: &Value) -> String {
    told["notes"].to_string()
}

on_every_database! {
    fn a_request_whose_days_are_over_is_a_broken_promise_also_under_a_hold(db: TestDb) {
        asks(&db, "2026-01-02 00:00:00");
        let tenure = tenure(&db, &map());
        tenure.run(&["migrate"]).expect_code(0);
        let late = |page: &str| page.contains("1 request for erasure waits") && page.contains("1 request past the promised 10 days");
        let (page, document) = status(&tenure, 1);
        assert!(page.contains("broken    erase") && late(&page), "{page}");
        assert_eq!((&document["people"][0]["requests"], &document["people"][0]["requests_past_deadline"]), (&json!(1), &json!(1)));
        let planned = told(&tenure, &["plan"]);
        assert_eq!((standing(&planned), &planned["requests"]["overdue"], &planned["requests"]["kept_back"]), ("broken", &json!(1), &json!(0)), "{planned:#}");
        let promise = planned["verdict"]["promises"].as_array().unwrap().iter().find(|one| one["promise"] == "A5").unwrap();
        assert_eq!(promise["standing"], "broken");
        assert!(late(&planned["verdict"]["reasons"].to_string()), "{planned:#}");
        assert!(tenure.run(&["plan"]).expect_code(0).stdout.contains("BROKEN"));
        hold(&tenure);
        let ran = told(&tenure, &["run"]);
        assert_eq!((standing(&ran), &ran["requests"]["overdue"], &ran["requests"]["kept_back"]), ("broken", &json!(1), &json!(1)), "{ran:#}");
        assert!(notes(&ran).contains("1 verified requests for erasure cannot be carried out as things are"), "{ran:#}");
        assert!(status(&tenure, 1).0.contains("1 that cannot be carried out now"));
        tenure.run(&["subject", "status"]).expect_code(1);
        tenure.run(&["hold", "release", "case-7", "--reason", "closed"]).expect_code(0);
        assert_eq!(standing(&told(&tenure, &["run"])), "broken", "it was carried out too late");
        assert_eq!(db.count("deletion_request WHERE done_at IS NOT NULL"), 1);
        let (page, document) = status(&tenure, 0);
        assert!(!page.contains("request"), "{page}");
        assert_eq!(document["people"][0]["requests"], 0);
        let last = told(&tenure, &["run"]);
        assert_eq!((standing(&last), last.get("requests")), ("kept", None));
        tenure.run(&["verify"]).expect_code(0);
    }

    fn an_unverified_request_whose_days_are_over_is_a_broken_promise(db: TestDb) {
        platform(&db, 3, 0);
        db.script("UPDATE account SET closed_at = NULL");
        let tenure = tenure(&db, MAP);
        tenure.run(&["subject", "erase", "2", "--reason", "letter", "--unverified", "--requested-at", "2026-01-02T00:00:00Z"]).expect_code(0);
        assert!(status(&tenure, 1).0.contains("1 request for erasure waits, 1 unverified, 1 request past the promised 30 days"));
        for command in ["plan", "run"] {
            let told = told(&tenure, &[command]);
            assert_eq!((standing(&told), &told["requests"]["unverified"]), ("broken", &json!(1)), "{told:#}");
            assert!(notes(&told).contains("wait until somebody verifies or refuses them"), "{told:#}");
        }
        tenure.run(&["subject", "refuse", "1", "--reason", "somebody else"]).expect_code(0);
        status(&tenure, 0);
    }

    fn a_request_near_its_end_is_at_risk_unless_the_run_carries_it_out(db: TestDb) {
        asks(&db, "2026-06-02 00:00:00");
        let tenure = tenure(&db, &map());
        tenure.run(&["migrate"]).expect_code(0);
        let at = |command: &str, day: &str| told(&tenure, &[command, "--as-of", day]);
        assert_eq!(standing(&at("plan", "2026-06-05")), "overdue", "a run would carry it out");
        let near = at("plan", "2026-06-11");
        assert_eq!((standing(&near), &near["requests"]["near_deadline"], &near["requests"]["days_used"]), ("at-risk", &json!(1), &json!(9)));
        hold(&tenure);
        assert_eq!(standing(&at("run", "2026-06-05")), "kept", "it has time");
        assert_eq!(standing(&at("run", "2026-06-11")), "at-risk");
        tenure.run(&["hold", "release", "case-7", "--reason", "closed"]).expect_code(0);
        tenure.run(&["pause", "--reason", "an incident"]).expect_code(0);
        let paused = tenure.run(&["plan", "--json", "--as-of", "2026-06-05"]).expect_code(4).json();
        assert_eq!(paused["requests"]["kept_back"], 1, "nobody is erased meanwhile");
        tenure.run(&["resume", "--reason", "over"]).expect_code(0);
        let last = at("run", "2026-06-11");
        assert_eq!((standing(&last), &last["requests"]["near_deadline"]), ("kept", &json!(0)), "{last:#}");
        assert_eq!(db.count("deletion_request WHERE done_at IS NOT NULL"), 1);
    }

    fn a_request_that_waits_for_consent_is_told_as_one_that_cannot_be_carried_out(db: TestDb) {
        asks(&db, "2026-06-02 00:00:00");
        let tenure = tenure(&db, &map());
        hold(&tenure);
        tenure.run(&["run"]).expect_code(0);
        tenure.run(&["hold", "release", "case-7", "--reason", "closed"]).expect_code(0);
        crate::harness::story::now_it_says(&tenure, &policy(&map().replace("payer = \"null\"", "payer = \"null\", cents = \"null\"")));
        let asked = tenure.run(&["plan", "--json"]).expect_code(3).json();
        assert_eq!(asked["requests"]["kept_back"], 1, "{asked:#}");
    }
}
