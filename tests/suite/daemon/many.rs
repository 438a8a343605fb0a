//! Ten thousand rules cost no more than one, while none is due.

use tenure::db::Dialect;

use super::stage::{Stage, hours, minutes, policy};
use crate::harness::TestDb;
use crate::harness::story::{control_table, delete_rule};

#[test]
fn ten_thousand_rules_are_looked_after_and_a_tick_asks_no_database() {
    let db = TestDb::new(Dialect::Sqlite);
    let rules: String = (0..10_000).map(|n| delete_rule(&format!("rule-{n}"), &format!("table_{n}"), "")).collect();
    let mut stage = Stage::on("2026-01-10T12:10:00Z", &db, &policy("0 3 1 7 *", &rules), "");
    let daemon = stage.start();
    assert_eq!(db.count(&control_table(&db, "due")), 10_000);
    let reached = stage.state().unwrap().databases["main"].reached;
    for _ in 0..20 {
        stage.pass(minutes(1));
    }
    assert_eq!(stage.state().unwrap().databases["main"].reached, reached, "nobody went there");
    stage.pass(hours(1));
    assert_ne!(stage.state().unwrap().databases["main"].reached, reached, "but once an hour, to see that it is there");
    daemon.end();
}
