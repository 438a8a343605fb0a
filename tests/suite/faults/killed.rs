//! kill -9 at any moment, then run again: as if it had never been interrupted.

use std::time::{Duration, Instant};

use super::acts::{Act, RUN, totals};
use super::dice::{Dice, rounds};
use super::ledger;
use crate::harness::TestDb;

/// What an uninterrupted run on such a database comes to.
struct Undisturbed {
    dump: String,
    took: Duration,
}

fn undisturbed(act: Act, db: &TestDb) -> Undisturbed {
    act.prepare(db);
    let deeds = act.deeds(db);
    let started = Instant::now();
    act.tenure(db.url()).run(&RUN).expect_code(0);
    let took = started.elapsed();
    ledger::adds_up(db, deeds);
    Undisturbed { dump: db.tables_dump(), took }
}

/// Kills up to three runs after each other, the last ones perhaps while they clear up after the first.
fn is_killed_and_run_again(act: Act, undisturbed: &Undisturbed, db: &TestDb, dice: &mut Dice) -> usize {
    act.prepare(db);
    let deeds = act.deeds(db);
    let before = (act == Act::Aggregate).then(|| totals(db));
    let tenure = act.tenure(db.url());
    let mut killed = 0;
    for _ in 0..=dice.below(3) {
        let output = tenure.spawn(&RUN).kill_after(dice.duration_below(undisturbed.took));
        killed += usize::from(output.code == 128 + 9);
        if let Some(before) = &before {
            assert_eq!(&totals(db), before, "totals after a kill");
        }
    }
    tenure.run(&RUN).expect_code(0);
    assert_eq!(db.tables_dump(), undisturbed.dump);
    ledger::adds_up(db, deeds);
    killed
}

fn is_killed_at_random_moments(act: Act, db: &TestDb) {
    let undisturbed = undisturbed(act, db);
    let mut dice = Dice::new();
    let rounds = rounds();
    let mut killed = 0;
    for round in 0..rounds {
        println!("{act:?} on {:?}, round {round}", db.dialect);
        killed += is_killed_and_run_again(act, &undisturbed, &TestDb::new(db.dialect), &mut dice);
    }
    println!("{act:?} on {:?}: {rounds} rounds, {killed} runs killed", db.dialect);
}

on_every_database! {
    fn a_delete_that_is_killed_at_any_moment_is_finished_by_the_next_run(db: TestDb) {
        is_killed_at_random_moments(Act::Delete, &db);
    }

    fn a_delete_with_cascade_that_is_killed_at_any_moment_is_finished_by_the_next_run(db: TestDb) {
        is_killed_at_random_moments(Act::Cascade, &db);
    }

    fn a_redaction_that_is_killed_at_any_moment_is_finished_by_the_next_run(db: TestDb) {
        is_killed_at_random_moments(Act::Redact, &db);
    }

    fn a_roll_up_that_is_killed_at_any_moment_loses_and_doubles_nothing(db: TestDb) {
        is_killed_at_random_moments(Act::Aggregate, &db);
    }

    fn totals_over_raw_and_rolled_up_rows_are_the_same_at_each_moment(db: TestDb) {
        Act::Aggregate.prepare(&db);
        let before = totals(&db);
        let tenure = Act::Aggregate.tenure(db.url());
        let mut running = tenure.spawn(&RUN);
        let mut looks = 0;
        while !running.has_ended() {
            assert_eq!(totals(&db), before);
            looks += 1;
        }
        running.wait().expect_code(0);
        assert_eq!(totals(&db), before);
        assert!(looks > 10, "only {looks} looks at a run of many batches");
    }
}
