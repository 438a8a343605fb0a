//! Random people, schemas and maps: whoever is due is erased as the map says, and nobody else is touched.

mod arbitrary;
mod judge;
mod map;
mod oracle;
mod world;

use std::cell::Cell;
use std::time::Duration;

use tenure::db::Dialect;

use self::judge::Verdict;
use super::for_all;
use crate::harness::TestDb;

fn everybody_meets_their_fate(fresh: impl Fn() -> TestDb, cases: u32) {
    let (erased, refused) = (Cell::new(0), Cell::new(0));
    for_all(cases, Duration::from_secs(8), arbitrary::case(), |case| {
        let came_of_it = match judge::judge(&fresh(), case) {
            Verdict::Erased => &erased,
            Verdict::Refused => &refused,
        };
        came_of_it.set(came_of_it.get() + 1);
    });
    assert!(erased.get() >= refused.get(), "{} maps were carried out and {} refused", erased.get(), refused.get());
}

#[test]
fn whoever_is_due_is_erased_as_the_map_says_and_nobody_else_on_sqlite() {
    everybody_meets_their_fate(|| TestDb::new(Dialect::Sqlite), 200);
}

#[test]
fn whoever_is_due_is_erased_as_the_map_says_and_nobody_else_on_postgres() {
    everybody_meets_their_fate(|| TestDb::new(Dialect::Postgres), 40);
}

#[test]
fn whoever_is_due_is_erased_as_the_map_says_and_nobody_else_on_mysql() {
    everybody_meets_their_fate(|| TestDb::new(Dialect::Mysql), 40);
}

#[test]
fn whoever_is_due_is_erased_as_the_map_says_and_nobody_else_by_two_workers() {
    everybody_meets_their_fate(TestDb::for_two_workers, 40);
}
