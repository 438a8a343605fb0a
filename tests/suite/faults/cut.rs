//! The line to the server is cut, at each message and at COMMIT: what became of it is found out, not guessed.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tenure::db::Dialect;

use super::acts::{Act, RUN};
use super::dice::{Dice, rounds};
use super::ledger;
use super::locks::await_a_waiting_session;
use super::proxy::{Fate, Judge, Proxy, holds, is_commit};
use crate::harness::TestDb;

const ACTS: [Act; 4] = [Act::Delete, Act::Cascade, Act::Redact, Act::Aggregate];

/// The messages of an uninterrupted run, and what it comes to.
struct Undisturbed {
    messages: Vec<Vec<u8>>,
    dump: String,
}

impl Undisturbed {
    fn of(act: Act, dialect: Dialect) -> Self {
        let db = TestDb::new(dialect);
        prepare(act, &db);
        let messages = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&messages);
        let proxy = Proxy::before(
            &db,
            Box::new(move |message| {
                heard.lock().unwrap().push(message.to_vec());
                Fate::Pass
            }),
        );
        act.tenure(proxy.url()).run(&RUN).expect_code(0);
        let messages = std::mem::take(&mut *messages.lock().unwrap());
        Self { messages, dump: db.tables_dump() }
    }

    /// The COMMIT that makes the run known to the ledger; nothing was done before it.
    fn begins_at(&self) -> usize {
        let messages = &self.messages;
        let begin = messages.iter().position(|message| holds(message, "INSERT INTO tenure") && holds(message, "plan"));
        let begin = begin.expect("a run is made known before it does anything");
        (begin..messages.len()).find(|index| is_commit(&messages[*index])).expect("that is committed")
    }

    fn commits(&self) -> Vec<usize> {
        let after = self.begins_at();
        (after..self.messages.len()).filter(|index| is_commit(&self.messages[*index])).collect()
    }
}

/// Few buckets, or a sweep over all messages would never end.
fn prepare(act: Act, db: &TestDb) {
    match act {
        Act::Aggregate => {
            act.prepare_rows(db, 1_000);
            db.script("DELETE FROM page_view WHERE at < 1735689600 AND at > 1500600000");
        }
        _ => act.prepare(db),
    }
}

/// Cuts the line once, at the message of this number.
fn cut_at(number: usize, fate: Fate) -> Judge {
    let mut heard = 0;
    Box::new(move |_| {
        heard += 1;
        if heard == number + 1 { fate } else { Fate::Pass }
    })
}

/// A cut before the run was begun fails it with nothing done; after that it finds its way by itself.
fn survives_a_cut(act: Act, dialect: Dialect, undisturbed: &Undisturbed, number: usize, fate: Fate) {
    println!("{act:?} on {dialect:?}: message {number} of {} is {fate:?}", undisturbed.messages.len());
    let db = TestDb::new(dialect);
    prepare(act, &db);
    let deeds = act.deeds(&db);
    let before = db.tables_dump();
    let proxy = Proxy::before(&db, cut_at(number, fate));
    let tenure = act.tenure(proxy.url());
    let output = tenure.run(&RUN);
    if number > undisturbed.begins_at() {
        output.expect_code(0);
    } else {
        if output.code != 0 {
            output.expect_code(1);
            assert_eq!(db.tables_dump(), before);
        }
        tenure.run(&RUN).expect_code(0);
    }
    assert_eq!(db.tables_dump(), undisturbed.dump);
    ledger::adds_up(&db, deeds);
}

fn survives_a_cut_anywhere(dialect: Dialect) {
    let mut dice = Dice::new();
    for act in ACTS {
        let undisturbed = Undisturbed::of(act, dialect);
        let all = undisturbed.messages.len();
        // All of them by hand, a few by chance otherwise.
        let numbers: Vec<usize> = match rounds() as usize {
            few if few < all => (0..few).map(|_| dice.below(all as u64) as usize).collect(),
            _ => (0..all).collect(),
        };
        for number in numbers {
            for fate in [Fate::Lost, Fate::Unanswered] {
                survives_a_cut(act, dialect, &undisturbed, number, fate);
            }
        }
    }
}

#[test]
fn a_connection_cut_at_any_message_costs_nothing_and_doubles_nothing_on_postgres() {
    survives_a_cut_anywhere(Dialect::Postgres);
}

#[test]
fn a_connection_cut_at_any_message_costs_nothing_and_doubles_nothing_on_mysql() {
    survives_a_cut_anywhere(Dialect::Mysql);
}

fn finds_out_what_became_of_each_commit(dialect: Dialect) {
    let undisturbed = Undisturbed::of(Act::Delete, dialect);
    let commits = undisturbed.commits();
    assert!(commits.len() >= 4, "batches, the count of what is left and the closing: {}", commits.len());
    for number in commits {
        for fate in [Fate::Lost, Fate::Unanswered] {
            survives_a_cut(Act::Delete, dialect, &undisturbed, number, fate);
        }
    }
}

#[test]
fn what_became_of_a_commit_without_an_answer_is_found_out_on_postgres() {
    finds_out_what_became_of_each_commit(Dialect::Postgres);
}

#[test]
fn what_became_of_a_commit_without_an_answer_is_found_out_on_mysql() {
    finds_out_what_became_of_each_commit(Dialect::Mysql);
}

/// The number of the first batch's COMMIT: the message after its row for the ledger.
fn first_batch(undisturbed: &Undisturbed) -> usize {
    let messages = &undisturbed.messages;
    let row =
        messages.iter().position(|message| holds(message, "INSERT INTO tenure") && holds(message, "consequences"));
    let row = row.expect("a batch writes a row");
    (row..messages.len()).find(|index| is_commit(&messages[*index])).expect("a batch is committed")
}

/// The run hears nothing of its COMMIT, and while it asks what became of it, the server has not even got it.
fn waits_for_a_late_commit(dialect: Dialect) {
    let undisturbed = Undisturbed::of(Act::Delete, dialect);
    let db = TestDb::new(dialect);
    prepare(Act::Delete, &db);
    let deeds = Act::Delete.deeds(&db);
    let proxy = Proxy::before(&db, cut_at(first_batch(&undisturbed), Fate::Late));
    let tenure = Act::Delete.tenure(proxy.url());
    let running = tenure.spawn(&RUN);
    await_a_waiting_session(&db);
    proxy.let_arrive();
    running.wait().expect_code(0);
    assert_eq!(db.tables_dump(), undisturbed.dump);
    ledger::adds_up(&db, deeds);
}

/// The run dies with its COMMIT on the way; the next one must not close it before that is decided.
fn waits_for_the_last_commit_of_a_dead_run(dialect: Dialect) {
    let undisturbed = Undisturbed::of(Act::Delete, dialect);
    let db = TestDb::new(dialect);
    prepare(Act::Delete, &db);
    let deeds = Act::Delete.deeds(&db);
    let (hears, heard) = mpsc::channel();
    let mut judge = cut_at(first_batch(&undisturbed), Fate::Late);
    let proxy = Proxy::before(
        &db,
        Box::new(move |message| {
            let fate = judge(message);
            if fate == Fate::Late {
                hears.send(()).expect("the test waits for it");
            }
            fate
        }),
    );
    let dying = Act::Delete.tenure(proxy.url());
    let running = dying.spawn(&RUN);
    heard.recv().expect("the first batch is committed");
    running.kill_after(Duration::ZERO);
    let next = Act::Delete.tenure(db.url());
    let running = next.spawn(&RUN);
    await_a_waiting_session(&db);
    proxy.let_arrive();
    running.wait().expect_code(0);
    assert_eq!(db.tables_dump(), undisturbed.dump);
    ledger::adds_up(&db, deeds);
}

#[test]
fn a_commit_that_the_server_has_not_got_yet_is_waited_for() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        waits_for_a_late_commit(dialect);
    }
}

#[test]
fn a_dead_run_is_not_closed_before_its_last_commit_is_decided() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        waits_for_the_last_commit_of_a_dead_run(dialect);
    }
}

/// Killed as the first batch is about to be committed, and up again before the run hears of it.
fn outlives_its_server(dialect: Dialect) {
    let undisturbed = Undisturbed::of(Act::Delete, dialect);
    let db = Arc::new(TestDb::alone(dialect));
    prepare(Act::Delete, &db);
    let deeds = Act::Delete.deeds(&db);
    let mut judge = cut_at(first_batch(&undisturbed), Fate::Lost);
    let server = Arc::downgrade(&db);
    let proxy = Proxy::before(
        &db,
        Box::new(move |message| match judge(message) {
            Fate::Pass => Fate::Pass,
            _ => {
                server.upgrade().expect("the test waits for its run").restart_server();
                Fate::Pass
            }
        }),
    );
    Act::Delete.tenure(proxy.url()).run(&RUN).expect_code(0);
    assert_eq!(db.tables_dump(), undisturbed.dump);
    ledger::adds_up(&db, deeds);
}

#[test]
fn a_run_outlives_a_restart_of_its_server() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        outlives_its_server(dialect);
    }
}
