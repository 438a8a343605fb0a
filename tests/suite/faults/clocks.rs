//! A wrong clock purges nothing.

use tenure::db::Dialect;

use super::acts::{Act, RUN};
use super::ledger::table;
use crate::harness::TestDb;

on_every_database! {
    fn a_ledger_entry_in_the_future_stops_every_run_before_it_begins(db: TestDb) {
        Act::Delete.prepare_rows(&db, 100);
        let tenure = Act::Delete.tenure(db.url());
        tenure.run(&RUN).expect_code(0);
        db.script("INSERT INTO visit VALUES (1000, 1500000000, 'due')");
        let before = db.tables_dump();
        db.script(&format!("UPDATE {} SET at = at + 3600000000", table(&db, "entry")));
        let output = tenure.run(&RUN).expect_code(1);
        assert!(output.stderr.contains("in the future"), "{}", output.stderr);
        assert!(output.stderr.contains("nothing was purged"), "{}", output.stderr);
        assert_eq!(db.tables_dump(), before);
        assert_eq!(db.count(&table(&db, "run")), 1, "no run was begun");
    }
}

on_every_database! {
    fn a_database_whose_clock_is_an_hour_off_is_refused(db: TestDb) {
        Act::Delete.prepare_rows(&db, 100);
        let before = db.tables_dump();
        let tenure = Act::Delete.tenure(db.url()).file("clock", "0 -3600000000 0");
        let clock = tenure.dir().join("clock").display().to_string();
        let output = tenure.env("TENURE_TEST_CLOCK", &clock).run(&RUN).expect_code(1);
        assert!(output.stderr.contains("clocks of this host and of the database are 3600 s apart"), "{}", output.stderr);
        assert_eq!(db.tables_dump(), before);
    }
}

#[test]
fn an_instant_in_the_future_is_for_plans_only() {
    let db = TestDb::new(Dialect::Sqlite);
    Act::Delete.prepare_rows(&db, 100);
    let before = db.tables_dump();
    let tenure = Act::Delete.tenure(db.url());
    let output = tenure.run(&["run", "--as-of", "2999-01-01"]).expect_code(2);
    assert!(output.stderr.contains("only a dry run may look at"), "{}", output.stderr);
    assert_eq!(db.tables_dump(), before);
}
