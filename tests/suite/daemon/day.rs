//! A day of simulated time in which something happens all the time.

use std::fs;

use tenure::db::Dialect;

use super::stage::{Stage, hours, logs, minutes, policy};
use crate::faults::acts::Deeds;
use crate::faults::dice::Dice;
use crate::faults::ledger;
use crate::harness::TestDb;

/// What may happen in ten minutes.
#[derive(Debug)]
enum Fault {
    Nothing,
    Kill,
    Restart,
    Sleep,
    Reload,
    DatabaseAway,
    ClockAhead,
    ClockBack,
}

fn fault(dice: &mut Dice) -> Fault {
    match dice.below(14) {
        0 => Fault::Kill,
        1 => Fault::Restart,
        2 => Fault::Sleep,
        3 => Fault::Reload,
        4 => Fault::DatabaseAway,
        5 => Fault::ClockAhead,
        6 => Fault::ClockBack,
        _ => Fault::Nothing,
    }
}

#[test]
fn after_a_day_of_faults_every_row_that_was_due_is_gone_and_the_ledger_says_so() {
    let db = TestDb::new(Dialect::Sqlite);
    let mut stage = Stage::with("2026-03-28T12:05:00Z", &db, &policy("0,30 * * * *", &logs()), "");
    let file = db.url().trim_start_matches("sqlite://").to_owned();
    let mut daemon = Some(stage.start());
    let mut dice = Dice::new();
    let mut rows = 0;
    for step in 0..144 {
        stage.add_old_rows(1);
        rows += 1;
        let fault = fault(&mut dice);
        println!("{} {fault:?}", stage.clock.now());
        match fault {
            Fault::Nothing => stage.pass(minutes(10)),
            Fault::Kill | Fault::Restart => {
                let old = daemon.take().expect("it runs");
                stage.clock.pass(minutes(5));
                if matches!(fault, Fault::Kill) {
                    old.kill()
                } else {
                    drop(old.end())
                }
                stage.clock.pass(minutes(5));
                daemon = Some(stage.start());
            }
            Fault::Sleep => {
                let asleep = daemon.as_ref().expect("it runs");
                asleep.0.signal("STOP");
                stage.clock.pass(minutes(10));
                asleep.0.signal("CONT");
                stage.wait_until_looked();
            }
            Fault::Reload => {
                daemon.as_ref().expect("it runs").0.signal("HUP");
                stage.pass(minutes(10));
            }
            Fault::DatabaseAway => {
                fs::rename(&file, format!("{file}.away")).expect("the file can be moved");
                stage.pass(minutes(10));
                fs::rename(format!("{file}.away"), &file).expect("the file can be moved");
            }
            Fault::ClockAhead | Fault::ClockBack => {
                let by = if matches!(fault, Fault::ClockAhead) { hours(24 * 365) } else { hours(-24) };
                stage.clock.set_host(by);
                stage.wait_for("the jump to be seen", |state| state.clock_trouble.is_some());
                stage.clock.set_host(-by);
                stage.wait_for("the clock to be trusted", |state| state.clock_trouble.is_none());
                stage.pass(minutes(10));
            }
        }
        assert!(db.count("log") <= 20, "step {step}: nothing goes any more: {:#?}", stage.state());
    }
    stage.pass(minutes(40));
    stage.pass(minutes(10));
    assert_eq!(db.count("log"), 0, "{:#?}", stage.state());
    daemon.take().expect("it runs").end();
    stage.tenure.run(&["run"]).expect_code(0);
    stage.tenure.run(&["verify"]).expect_code(0);
    ledger::adds_up(&db, Deeds { done: rows, cascaded: 0 });
}
