//! SIGTERM and SIGINT: the run ends at the next batch boundary, and the next one does the rest.

use super::acts::{Act, RUN};
use super::ledger;
use super::pause::paused;
use crate::harness::{TestDb, wait_until};

fn ends_at_the_next_batch_boundary(db: &TestDb, signal: &str) {
    Act::Aggregate.prepare(db);
    let deeds = Act::Aggregate.deeds(db);
    let tenure = Act::Aggregate.tenure(db.url());
    let paused = paused(db, &tenure);
    let before = paused.batches();
    paused.running.signal(signal);
    let output = paused.go_on().wait().expect_code(4);
    let rule = &output.json()["rules"][0];
    assert_eq!(rule["status"], "stopped", "{rule}");
    assert!(rule["error"].as_str().is_some_and(|error| error.contains("signal")), "{rule}");
    assert_eq!(rule["batches"], before + 1, "the batch under way and no other");
    assert!(rule["remaining"].as_i64().is_some_and(|rows| rows > 0), "{rule}");
    tenure.run(&RUN).expect_code(0);
    ledger::adds_up(db, deeds);
}

on_every_database! {
    fn sigterm_ends_a_run_at_the_next_batch_boundary_and_the_next_run_does_the_rest(db: TestDb) {
        ends_at_the_next_batch_boundary(&db, "TERM");
    }

    fn sigint_does_the_same(db: TestDb) {
        ends_at_the_next_batch_boundary(&db, "INT");
    }

    fn a_second_signal_ends_it_at_once_and_its_batch_is_rolled_back(db: TestDb) {
        Act::Aggregate.prepare(&db);
        let deeds = Act::Aggregate.deeds(&db);
        let tenure = Act::Aggregate.tenure(db.url());
        let mut paused = paused(&db, &tenure);
        let before = paused.batches();
        paused.running.signal("TERM");
        // The first is to be handled before the second is sent; a signal that is handled is not pending any more.
        let is_pending = || paused.running.status("ShdPnd").is_some_and(|signals| signals.contains(|bit| bit != '0'));
        wait_until("the first signal to be handled", || !is_pending());
        paused.running.signal("INT");
        wait_until("the end", || paused.running.has_ended());
        assert_eq!(paused.batches(), before);
        paused.go_on().wait().expect_code(4);
        tenure.run(&RUN).expect_code(0);
        ledger::adds_up(&db, deeds);
    }
}
