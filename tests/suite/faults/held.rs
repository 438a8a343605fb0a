//! A hold is added, or a rule paused, while a run is under way.

use std::thread;
use std::time::Duration;

use serde_json::Value;
use tenure::db::Dialect;

use super::acts::{Act, Deeds, RUN};
use super::ledger;
use crate::harness::{Tenure, TestDb};

/// A roll-up with a batch a day, and another rule that comes after it: long enough that on a busy machine, too, an order comes
/// before its end.
fn two_rules(db: &TestDb) -> Tenure {
    let rows = match db.dialect {
        Dialect::Sqlite => 180_000,
        Dialect::Postgres | Dialect::Mysql => 20_000,
    };
    Act::Aggregate.prepare_rows(db, rows);
    db.create(
        "CREATE TABLE login (id {bigint} NOT NULL PRIMARY KEY, at {bigint} NOT NULL, ip {text}, agent {text});
         INSERT INTO login VALUES (1, 1500000000, '203.0.113.77', 'a browser');",
    );
    let schedule = format!("[policy]\nname = \"faults\"\n{}{}", Act::Aggregate.rule(), Act::Redact.rule());
    Tenure::at(db).schedule(&schedule)
}

/// Adds a hold once the run has done its first batch.
fn hold_in_mid_run(db: &TestDb, tenure: &Tenure, words: &[&str], then: impl FnOnce()) -> Value {
    order_in_mid_run(db, tenure, &[&["hold", "add", "case-7"], words].concat(), then)
}

fn order_in_mid_run(db: &TestDb, tenure: &Tenure, words: &[&str], then: impl FnOnce()) -> Value {
    let running = tenure.spawn(&RUN);
    while db.count("page_view_daily") == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    tenure.run(&[words, &["--reason", "case 7"]].concat()).expect_code(0);
    then();
    running.wait().expect_code(4).json()
}

fn was_called_off(rule: &Value) -> bool {
    rule["error"].as_str().is_some_and(|error| error.contains("a hold was added"))
}

on_every_database! {
    fn from_the_moment_a_hold_is_added_no_row_goes_that_a_run_under_way_would_take(db: TestDb) {
        let tenure = two_rules(&db);
        let deeds = Act::Aggregate.deeds(&db);
        let covered = || db.count("page_view WHERE course = 1");
        let mut kept = 0;
        let ran = hold_in_mid_run(&db, &tenure, &["--table", "page_view", "--where", "course = 1"], || kept = covered());
        assert!(was_called_off(&ran["rules"][0]), "{ran:#}");
        assert!(kept > 0 && covered() == kept, "{} of {kept}", covered());
        // The next run does the rest, and keeps to the hold.
        let next = tenure.run(&RUN).expect_code(0).json();
        assert_eq!(covered(), kept);
        let held = next["rules"][0]["held"].as_i64().unwrap();
        assert!(held > 0, "{next:#}");
        ledger::adds_up(&db, Deeds { done: deeds.done - held + 1, ..deeds });
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_rule_that_was_planned_before_a_hold_and_has_not_begun_does_not_begin(db: TestDb) {
        let tenure = two_rules(&db);
        let ran = hold_in_mid_run(&db, &tenure, &["--table", "login"], || ());
        assert!(was_called_off(&ran["rules"][1]), "{ran:#}");
        assert_eq!(db.count("login WHERE ip = '203.0.113.77'"), 1);
        assert_eq!(tenure.run(&RUN).expect_code(0).json()["rules"][1]["held"], 1);
        assert_eq!(db.count("login WHERE ip = '203.0.113.77'"), 1);
    }

    fn from_the_moment_a_rule_is_paused_no_batch_of_it_commits_and_the_others_go_on(db: TestDb) {
        let tenure = two_rules(&db);
        let deeds = Act::Aggregate.deeds(&db);
        let mut left = 0;
        let ran = order_in_mid_run(&db, &tenure, &["pause", "analytics"], || left = db.count("page_view"));
        assert!(ran["rules"][0]["error"].as_str().unwrap().contains("paused by"), "{ran:#}");
        assert!(left > 0 && db.count("page_view") == left, "{} of {left}", db.count("page_view"));
        assert_eq!((&ran["rules"][1]["status"], db.count("login WHERE ip = '203.0.113.77'")), (&"ok".into(), 0), "{ran:#}");
        tenure.run(&RUN).expect_code(4);
        assert_eq!(db.count("page_view"), left);
        tenure.run(&["resume", "analytics", "--reason", "over"]).expect_code(0);
        tenure.run(&RUN).expect_code(0);
        ledger::adds_up(&db, Deeds { done: deeds.done + 1, ..deeds });
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_pause_of_everything_in_mid_run_ends_the_run_and_keeps_the_next_rule_from_beginning(db: TestDb) {
        let tenure = two_rules(&db);
        let mut left = 0;
        let ran = order_in_mid_run(&db, &tenure, &["pause"], || left = db.count("page_view"));
        for rule in ran["rules"].as_array().unwrap() {
            assert!(rule["error"].as_str().unwrap().contains("paused, as all rules are, by"), "{ran:#}");
        }
        assert_eq!((db.count("page_view"), db.count("login WHERE ip = '203.0.113.77'")), (left, 1));
    }
}
