//! Two daemons on two hosts: each due time is run once, whatever happens to one of them.

use std::time::Duration;

use tenure::db::Dialect;

use super::stage::{Daemon, Stage, logs, minutes, policy, state_of};
use crate::faults::acts::{Act, Deeds};
use crate::faults::dice::{Dice, rounds};
use crate::faults::ledger;
use crate::harness::{Tenure, TestDb, wait_until};

/// Until the daemon of the other host has looked for work since now, too.
fn both_have_looked(stage: &Stage<'_>, twin: &Tenure) {
    let now = stage.clock.moved();
    stage.wait_until_looked();
    let has_looked = || {
        state_of(twin).is_some_and(|state| {
            state.last_tick.is_some_and(|tick| tick >= now) && !state.databases.values().any(|one| one.visiting)
        })
    };
    wait_until("the other host to look for work", has_looked);
}

on_every_database! {
    fn two_daemons_run_each_due_time_once(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
        let twin = stage.twin(&policy("0 * * * *", &logs()));
        let (one, other) = (stage.start(), Daemon(twin.spawn(&["daemon"])));
        both_have_looked(&stage, &twin);
        for hour in 1..=6 {
            stage.add_old_rows(1);
            stage.clock.pass(minutes(60));
            both_have_looked(&stage, &twin);
            stage.clock.pass(minutes(1));
            both_have_looked(&stage, &twin);
            assert_eq!((db.count("log"), stage.times().len()), (0, hour), "{:?}", stage.times());
        }
        one.end();
        other.end();
    }
}

#[test]
fn a_daemon_that_slept_for_an_hour_in_mid_run_changes_nothing_when_it_wakes() {
    let db = TestDb::new(Dialect::Sqlite);
    Act::Aggregate.prepare(&db);
    let deeds = Act::Aggregate.deeds(&db);
    let rule = Act::Aggregate.rule().replace("[rule.aggregate]", "guard = { max_share = 1.0 }\n[rule.aggregate]");
    let schedule = policy("0 3 * * *", &rule);
    let mut stage = Stage::on("2026-01-10T12:10:00Z", &db, &schedule, "");
    let sleeper = stage.start();
    let held = stage.go_to_and_hold(&sleeper, "2026-01-11T02:10:00Z");
    sleeper.0.signal("STOP");
    held.go_on();
    stage.clock.pass(minutes(60));
    let twin = stage.twin(&schedule);
    let other = Daemon(twin.spawn(&["daemon"]));
    wait_until("the other host", || Act::Aggregate.deeds(&db).done == 0 && stage.runs().len() >= 2);
    let after = db.tables_dump();
    sleeper.0.signal("CONT");
    stage.wait_until_looked();
    assert_eq!(db.tables_dump(), after);
    other.end();
    sleeper.end();
    ledger::adds_up(&db, deeds);
}

/// Kills or pauses one of the two in the middle of things, and lets time pass until all that is due is done.
fn an_hour(stage: &mut Stage<'_>, daemons: &mut [(Tenure, Option<Daemon>)], dice: &mut Dice) {
    let victim = dice.below(2) as usize;
    let does_pause = dice.below(2) == 0;
    println!("{}: {} daemon {victim}", stage.clock.now(), if does_pause { "pauses" } else { "kills" });
    stage.clock.pass(minutes(60));
    std::thread::sleep(dice.duration_below(Duration::from_millis(400)));
    let (tenure, daemon) = &mut daemons[victim];
    if does_pause {
        daemon.as_ref().expect("it runs").0.signal("STOP");
    } else {
        daemon.take().expect("it runs").kill();
    }
    // Who is paused with SQLite's lock in its hands keeps everybody out of the file, and us.
    let may_look = !(does_pause && stage.db.dialect == Dialect::Sqlite);
    for _ in 0..30 {
        if may_look && stage.db.count("log") == 0 {
            break;
        }
        stage.clock.pass(minutes(1));
        std::thread::sleep(Duration::from_millis(100));
    }
    match daemon {
        Some(daemon) => daemon.0.signal("CONT"),
        None => {
            let before = state_of(tenure).map(|state| state.pid);
            *daemon = Some(Daemon(tenure.spawn(&["daemon"])));
            wait_until("the daemon to begin", || state_of(tenure).is_some_and(|state| Some(state.pid) != before));
        }
    }
}

on_every_database! {
    fn two_daemons_that_are_killed_and_paused_at_random_lose_and_double_nothing(db: TestDb) {
        let schedule = policy("0 * * * *", &logs());
        let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
        let mut daemons: Vec<(Tenure, Option<Daemon>)> = (0..2)
            .map(|_| {
                let host = stage.twin(&schedule);
                let daemon = Daemon(host.spawn(&["daemon"]));
                (host, Some(daemon))
            })
            .collect();
        let agree = |host| state_of(host).is_some_and(|state| state.clocks_agreed.is_some());
        wait_until("both to begin", || daemons.iter().all(|(host, _)| agree(host)));
        let mut dice = Dice::new();
        let mut rows = 0;
        for round in 0..rounds() {
            stage.add_old_rows(5);
            rows += 5;
            an_hour(&mut stage, &mut daemons, &mut dice);
            for _ in 0..60 {
                if db.count("log") == 0 {
                    break;
                }
                stage.clock.pass(minutes(2));
                std::thread::sleep(Duration::from_millis(100));
            }
            assert_eq!(db.count("log"), 0, "round {round}: {:#?}", stage.runs().last());
        }
        // The files go with their hosts, and not before the daemons.
        daemons.iter_mut().filter_map(|(_, daemon)| daemon.take()).for_each(|daemon| drop(daemon.end()));
        stage.clock.pass(minutes(10));
        stage.tenure.run(&["run"]).expect_code(0);
        ledger::adds_up(&db, Deeds { done: rows, cascaded: 0 });
    }
}
