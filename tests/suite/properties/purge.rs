//! Random schemas, rows and schedules.

use std::time::Duration;

use proptest::strategy::Strategy;
use tenure::db::Dialect;

use super::case::Case;
use super::{arbitrary, for_all, judge};
use crate::harness::TestDb;

fn every_row_meets_its_fate(dialect: Dialect, cases: u32) {
    let cases_of = arbitrary::case().prop_map(move |case| match dialect {
        Dialect::Mysql => Case { world: case.world.without_loops(), ..case },
        Dialect::Sqlite | Dialect::Postgres => case,
    });
    for_all(cases, Duration::from_secs(20), cases_of, |case| {
        judge::judge(&TestDb::new(dialect), case);
    });
}

#[test]
fn what_is_due_goes_and_all_else_stays_as_planned_on_sqlite() {
    every_row_meets_its_fate(Dialect::Sqlite, 300);
}

#[test]
fn what_is_due_goes_and_all_else_stays_as_planned_on_postgres() {
    every_row_meets_its_fate(Dialect::Postgres, 30);
}

#[test]
fn what_is_due_goes_and_all_else_stays_as_planned_on_mysql() {
    every_row_meets_its_fate(Dialect::Mysql, 30);
}
