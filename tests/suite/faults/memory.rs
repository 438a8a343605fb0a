//! Memory does not grow with rows.

use std::thread;
use std::time::Duration;

use tenure::db::Dialect;

use super::acts::{Act, RUN};
use crate::harness::TestDb;

/// What `db` lets SQLite cache, in KiB.
const PAGE_CACHE: u64 = 32 * 1024;

/// The peak of a run's resident memory, in KiB, as far as it could be seen before its end.
fn peak(act: Act, rows: u64) -> u64 {
    let db = TestDb::new(Dialect::Sqlite);
    act.prepare_rows(&db, rows);
    let tenure = act.tenure(db.url());
    let mut running = tenure.spawn(&RUN);
    let mut peak = 0;
    while !running.has_ended() {
        let seen = running.status("VmHWM").and_then(|line| line.split(' ').next()?.parse().ok());
        peak = peak.max(seen.unwrap_or(0));
        thread::sleep(Duration::from_millis(1));
    }
    running.wait().expect_code(0);
    peak
}

#[test]
fn a_run_over_twenty_times_the_rows_takes_no_more_memory() {
    for (act, rows) in [(Act::Delete, 20_000), (Act::Aggregate, 5_000)] {
        let [few, many] = [rows, rows * 20].map(|rows| peak(act, rows));
        println!("{act:?}: {few} KiB for {rows} rows, {many} KiB for twenty times as many");
        // Beyond what few rows take there is SQLite's page cache, which is bounded and fills as the table grows.
        assert!(many < few + PAGE_CACHE + 8 * 1024, "{act:?}: {few} KiB for {rows} rows, {many} KiB for twenty times");
        assert!(many < 64 * 1024, "{act:?}: {many} KiB");
    }
}
