//! Tables that are dropped or altered while a run works on them.

use super::acts::{Act, RUN};
use super::ledger;
use super::pause::paused;
use crate::harness::{Tenure, TestDb};

fn two_rules(db: &TestDb) -> Tenure {
    Act::Aggregate.prepare(db);
    db.script("CREATE TABLE visit (id integer NOT NULL PRIMARY KEY, at integer NOT NULL)");
    db.script("INSERT INTO visit VALUES (1, 1500000000), (2, 1760000000)");
    let schedule = format!("[policy]\nname = \"faults\"\n{}{}", Act::Aggregate.rule(), Act::Delete.rule());
    Tenure::at(db).schedule(&schedule)
}

fn fails_alone(db: &TestDb, change: &str) {
    let tenure = two_rules(db);
    let paused = paused(db, &tenure);
    let batches = paused.batches();
    let output = paused.go_on_after(change).wait().expect_code(1);
    let report = output.json();
    let rule = |name: &str| {
        let rules = report["rules"].as_array().expect("there are rules").iter();
        rules.clone().find(|rule| rule["rule"] == name).unwrap_or_else(|| panic!("no rule {name}")).clone()
    };
    let failed = rule("analytics");
    assert_eq!(failed["status"], "failed", "{failed}");
    assert!(failed["error"].as_str().is_some_and(|error| error.contains("is not there")), "{failed}");
    assert_eq!(failed["batches"], batches, "{failed}");
    let other = rule("visits");
    assert_eq!(other["status"], "ok", "the other rule goes on: {other}");
    assert_eq!(db.count("visit"), 1);
}

on_every_database! {
    fn a_table_that_is_dropped_in_mid_run_fails_its_rule_and_no_other(db: TestDb) {
        fails_alone(&db, "DROP TABLE page_view");
    }

    fn a_column_that_is_renamed_in_mid_run_fails_its_rule_and_no_other(db: TestDb) {
        fails_alone(&db, "ALTER TABLE page_view RENAME COLUMN seconds TO duration");
    }

    fn a_column_that_is_added_in_mid_run_disturbs_nothing(db: TestDb) {
        Act::Aggregate.prepare(&db);
        let deeds = Act::Aggregate.deeds(&db);
        let tenure = Act::Aggregate.tenure(db.url());
        paused(&db, &tenure).go_on_after("ALTER TABLE page_view ADD COLUMN extra integer").wait().expect_code(0);
        ledger::adds_up(&db, deeds);
        tenure.run(&RUN).expect_code(0);
    }
}
