//! A clock that is wrong purges nothing, and one that is right again stops nothing.

use tenure::db::Dialect;

use super::stage::{Stage, hours, minutes};
use crate::harness::TestDb;
use crate::harness::story::control_table;

const TEN_YEARS: i64 = 10 * 365 * 24;

on_every_database! {
    fn a_host_whose_clock_jumps_ten_years_ahead_purges_nothing_until_it_is_set_right(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:00:00Z", &db, "0 * * * *");
        let daemon = stage.start();
        stage.add_old_rows(1);
        // The database stands on the same host, and its clock jumps too: only time itself tells.
        stage.clock.set_database(hours(TEN_YEARS));
        stage.clock.set_host(hours(TEN_YEARS));
        let state = stage.wait_for("the jump to be seen", |state| state.clock_trouble.is_some());
        assert!(state.clock_trouble.unwrap().contains("went ahead by"));
        stage.pass(hours(5));
        assert_eq!((db.count("log"), stage.times().len()), (1, 0));
        stage.clock.set_database(hours(-TEN_YEARS));
        stage.clock.set_host(hours(-TEN_YEARS));
        stage.wait_for("the clock to be trusted", |state| state.clock_trouble.is_none());
        stage.pass(minutes(2));
        assert_eq!((db.count("log"), stage.times().len()), (0, 1), "{:?}", stage.times());
        daemon.end();
    }

    fn a_database_whose_clock_is_off_is_left_alone_until_it_is_right(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
        let daemon = stage.start();
        stage.add_old_rows(1);
        stage.clock.set_database(minutes(-5));
        stage.pass(hours(1));
        let trouble = stage.state().unwrap().databases["main"].trouble.clone().expect("trouble");
        assert!(trouble.is_of_clocks && trouble.sentence.contains("s apart"), "{trouble:?}");
        assert_eq!(db.count("log"), 1);
        stage.clock.set_database(minutes(5));
        stage.pass(minutes(10));
        assert_eq!(stage.state().unwrap().databases["main"].trouble, None);
        assert_eq!(db.count("log"), 0);
        daemon.end();
    }

    fn a_clock_that_went_back_a_day_while_all_was_off_purges_nothing_until_somebody_vouches_for_it(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
        let daemon = stage.start();
        stage.pass(hours(1));
        daemon.end();
        stage.add_old_rows(1);
        stage.clock.set_host(hours(-24));
        stage.clock.set_database(hours(-24));
        let daemon = stage.start();
        let trouble = stage.state().unwrap().databases["main"].trouble.clone().expect("trouble");
        assert!(trouble.is_of_clocks && trouble.sentence.contains("clock went back"), "{trouble:?}");
        stage.pass(hours(2));
        assert_eq!(db.count("log"), 1);
        stage.tenure.run(&["clock", "accept", "--reason", "the battery was empty"]).expect_code(0);
        let kind = format!("SELECT count(*) FROM {} WHERE kind = 'clock-accepted'", control_table(&db, "entry"));
        assert_eq!(db.scalar(&kind), 1);
        stage.pass(hours(1));
        assert_eq!(db.count("log"), 0, "{:#?}", stage.state());
        stage.tenure.run(&["verify"]).expect_code(0);
        daemon.end();
    }

    fn a_clock_that_jumped_ahead_while_all_was_off_purges_nothing_until_somebody_vouches_for_it(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
        let daemon = stage.start();
        stage.pass(hours(1));
        daemon.end();
        stage.add_old_rows(1);
        stage.clock.pass(hours(TEN_YEARS));
        let daemon = stage.start();
        let trouble = stage.state().unwrap().databases["main"].trouble.clone().expect("trouble");
        assert!(trouble.is_of_clocks && trouble.sentence.contains("more than 45 days"), "{trouble:?}");
        stage.tenure.run(&["run"]).expect_code(1);
        assert_eq!(db.count("log"), 1);
        stage.tenure.run(&["clock", "accept", "--reason", "ten years in a cellar"]).expect_code(0);
        stage.pass(minutes(10));
        assert_eq!(db.count("log"), 0, "{:#?}", stage.state());
        daemon.end();
    }
}

#[test]
fn somebody_can_vouch_for_a_clock_that_jumped_under_a_daemon_and_it_goes_on() {
    let db = TestDb::new(Dialect::Sqlite);
    let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
    let daemon = stage.start();
    stage.add_old_rows(1);
    // As a machine that was paused: the host's clock is set right, and time itself stood still.
    stage.clock.set_database(hours(3));
    stage.clock.set_host(hours(3));
    stage.wait_for("the jump to be seen", |state| state.clock_trouble.is_some());
    stage.pass(hours(1));
    assert_eq!(db.count("log"), 1);
    stage.tenure.run(&["clock", "accept", "--reason", "the machine was moved"]).expect_code(0);
    stage.pass(minutes(2));
    stage.wait_for("the clock to be trusted", |state| state.clock_trouble.is_none());
    stage.pass(minutes(2));
    assert_eq!(db.count("log"), 0);
    daemon.end();
}

#[test]
fn a_clock_that_is_wrong_still_is_not_vouched_for() {
    let db = TestDb::new(Dialect::Sqlite);
    let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
    stage.clock.set_database(hours(1));
    let output = stage.tenure.run(&["clock", "accept", "--reason", "hm"]).expect_code(1);
    assert!(output.stderr.contains("s apart, so nothing was purged"), "{}", output.stderr);
}
