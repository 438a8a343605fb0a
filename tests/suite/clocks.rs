//! A wrong clock purges nothing.

use crate::harness::{Tenure, TestDb};

const SCHEDULE: &str = r#"
    [policy]
    name = "clocks"
    [[rule]]
    name = "logs"
    table = "log"
    anchor = "at"
    retain = "30 days"
    action = "delete"
"#;

on_every_database! {
    /// As if this host's clock had gone back two hours since the last run.
    fn a_run_whose_ledger_knows_a_later_time_does_nothing(db: TestDb) {
        db.create("CREATE TABLE log (id {pk}, at {ts});");
        let tenure = Tenure::at(&db).schedule(SCHEDULE);
        tenure.run(&["run"]).expect_code(0);
        let entry = if db.dialect == tenure::db::Dialect::Postgres { "tenure.entry" } else { "tenure_entry" };
        db.script(&format!("UPDATE {entry} SET at = at + 7200000000; INSERT INTO log (at) VALUES ('2020-01-01 00:00:00');"));
        let refused = tenure.run(&["run", "--yes"]).expect_code(1);
        assert!(refused.stderr.contains("in the future, so a clock went back"), "{}", refused.stderr);
        assert_eq!(db.count("log"), 1);
    }
}

#[test]
fn an_instant_in_the_future_is_for_plans_only() {
    let db = TestDb::new(tenure::db::Dialect::Sqlite);
    db.create("CREATE TABLE log (id {pk}, at {ts}); INSERT INTO log (at) VALUES ('2020-01-01');");
    let tenure = Tenure::at(&db).schedule(SCHEDULE);
    tenure.run(&["plan", "--as-of", "2999-01-01"]).expect_code(0);
    tenure.run(&["run", "--as-of", "2999-01-01"]).expect_code(2);
    assert_eq!(db.count("log"), 1);
}
