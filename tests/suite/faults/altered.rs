//! Tables that are dropped or altered while a run works on them.

use tenure::db::Dialect;

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

/// The rule ends with what it did so far. The other rule goes on, but on SQLite: there a change shows for the whole file.
fn ends_its_rule(db: &TestDb, change: &str) {
    let tenure = two_rules(db);
    let paused = paused(db, &tenure);
    let batches = paused.batches();
    let output = paused.go_on_after(change).wait();
    let report = output.json();
    let rule = |name: &str| {
        let rules = report["rules"].as_array().expect("there are rules").iter();
        rules.clone().find(|rule| rule["rule"] == name).unwrap_or_else(|| panic!("no rule {name}")).clone()
    };
    assert_eq!(output.code, 4, "{}", output.stderr);
    let ended = rule("analytics");
    assert_eq!(ended["status"], "stopped", "{ended}");
    assert!(ended["error"].as_str().is_some_and(|error| error.contains("not as when this was planned")), "{ended}");
    assert_eq!(ended["batches"], batches, "{ended}");
    let other = rule("visits");
    let (status, visits) = if db.dialect == Dialect::Sqlite { ("stopped", 2) } else { ("ok", 1) };
    assert_eq!((&other["status"], db.count("visit")), (&status.into(), visits), "{other}");
}

on_every_database! {
    fn a_table_that_is_dropped_in_mid_run_ends_its_rule(db: TestDb) {
        ends_its_rule(&db, "DROP TABLE page_view");
    }

    fn a_column_that_is_renamed_in_mid_run_ends_its_rule(db: TestDb) {
        ends_its_rule(&db, "ALTER TABLE page_view RENAME COLUMN seconds TO duration");
    }

    fn a_column_that_is_added_in_mid_run_leaves_the_rest_for_the_next_run(db: TestDb) {
        Act::Aggregate.prepare(&db);
        let deeds = Act::Aggregate.deeds(&db);
        let tenure = Act::Aggregate.tenure(db.url());
        paused(&db, &tenure).go_on_after("ALTER TABLE page_view ADD COLUMN extra integer").wait().expect_code(4);
        assert!(Act::Aggregate.deeds(&db).done > 0, "the rest is left");
        tenure.run(&RUN).expect_code(0);
        ledger::adds_up(&db, deeds);
    }
}
