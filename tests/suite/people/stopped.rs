//! Stopped between two batches, by a signal or for good; and COMMITs whose answers are lost.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenure::db::Dialect;

use super::{MAP, erasures, people, platform, run, tenure};
use crate::faults::locks::await_a_waiting_session;
use crate::faults::pause;
use crate::faults::proxy::{Fate, Proxy, holds, is_commit};
use crate::harness::story::{AS_OF, Told, control_table};
use crate::harness::{Running, Tenure, TestDb, catch_when};
use crate::outsider::Ledger;

const RUN: [&str; 4] = ["run", "--json", "--as-of", AS_OF];
const CLOSED: i64 = 30;
/// Each has more rows than a transaction may take, so that each is drained part by part, and alone.
const MANY_ROWS_OF: [i64; 3] = [1, 10, 20];
const MANY_ROWS: i64 = 24_975;

fn with_much(db: &TestDb) {
    platform(db, CLOSED + 10, CLOSED);
    db.create("CREATE INDEX answer_of_attempt ON answer (attempt_id)");
    db.script("CREATE TABLE number (n integer)");
    let numbers: Vec<String> = (1..1_000).map(|n| format!("({n})")).collect();
    db.script(&format!("INSERT INTO number VALUES {}", numbers.join(", ")));
    for id in MANY_ROWS_OF {
        let (first, attempt) = (id * 100_000, 2 * id);
        db.script(&format!(
            "INSERT INTO answer SELECT {first} + a.n * 1000 + b.n, {attempt}, 'words' FROM number a CROSS JOIN number b \
             WHERE a.n <= {}",
            MANY_ROWS / 999
        ));
    }
    db.script("DROP TABLE number");
}

/// The map without guards: most of the answers go.
fn much(db: &TestDb) -> Tenure {
    tenure(db, &MAP.replace("within = \"30 days\"", "within = \"30 days\"\nguard = { max_share = 1.0 }"))
}

/// An erasure that has begun and waits at the beginning of its next batch, for as long as nobody commits on the connection.
fn held_still(db: &TestDb, tenure: &Tenure) -> (Running, tenure::db::Connection) {
    tenure.run(&["migrate"]).expect_code(0);
    let mut holder = db.open();
    let running = tenure.spawn(&RUN);
    catch_when("the first person", || erasures(db) > 0);
    pause::hold_run(db, &mut holder, &running);
    assert!(db.count("account WHERE name IS NULL") < CLOSED, "the run was over before it could be held");
    (running, holder)
}

fn finished(db: &TestDb) -> i64 {
    db.count(&format!("{} WHERE finished IS NOT NULL", control_table(db, "erasure")))
}

/// Whoever is erased is erased everywhere; of whoever is not, nothing is missing but what was drained.
fn assert_everybody_is_whole(db: &TestDb) {
    let erased = db.count("account WHERE name IS NULL");
    assert_eq!(finished(db), erased, "who is certified is erased, and the other way round");
    for (what, sql) in [
        ("letter", "letter l JOIN account a ON a.id = l.id WHERE a.name IS NULL"),
        ("attempt", "attempt t JOIN account a ON a.id = t.account_id WHERE a.name IS NULL"),
        ("payer", "payment p JOIN account a ON a.id = p.account_id WHERE a.name IS NULL AND p.payer IS NOT NULL"),
    ] {
        assert_eq!(db.count(sql), 0, "a {what} is left of somebody who is erased");
    }
    for (table, on) in
        [("letter", "t.id"), ("post", "t.account_id"), ("payment", "t.payer IS NOT NULL AND t.account_id")]
    {
        let there = format!("{table} t JOIN account a ON {on} = a.id WHERE a.name IS NOT NULL");
        assert_eq!(
            db.count(&there),
            CLOSED + 10 - erased,
            "{table}: something is missing of somebody who is not erased"
        );
    }
}

fn assert_all_are_erased_once(db: &TestDb) {
    assert_everybody_is_whole(db);
    assert_eq!((finished(db), db.count("answer WHERE attempt_id <= 60")), (CLOSED, 0));
    Ledger::of(db).check();
}

/// The run that died, as the one after it has closed it: each person has one end.
fn assert_dead_run_told_everybody(tenure: &Tenure, erased: u64, had_parts: bool) {
    let runs = tenure.run(&["runs", "--json"]).expect_code(0).json();
    let id = runs["runs"][1]["run"].as_str().expect("there were two runs");
    let dead = Told(tenure.run(&["report", id, "--json"]).json());
    let [due, told_erased, unfinished, remaining] =
        ["due", "erased", "unfinished", "remaining"].map(|field| people(&dead, field));
    assert_eq!((told_erased, due), (erased, told_erased + unfinished + remaining), "{:#}", dead.0["people"]);
    assert!(unfinished <= u64::from(had_parts), "one at a time is drained: {:#}", dead.0["people"]);
}

/// The certificate of somebody who was drained in parts counts them all.
fn assert_certificate_adds_up(tenure: &Tenure, id: i64) {
    let told = tenure.run(&["subject", "certificate", &id.to_string(), "--format", "json"]).expect_code(0).json();
    let gone = told["gone"].as_array().expect("rows are gone").iter().find(|gone| gone["table"] == "answer");
    assert_eq!(gone.expect("answers are gone")["rows"], MANY_ROWS + 2, "{told:#}");
}

/// What tenure sent through a proxy that judged its messages: `fate` at the COMMIT that follows the first erasure's row.
fn run_with_that_commit(db: &TestDb, fate: Fate) -> (Proxy, Arc<Mutex<bool>>) {
    let was_cut = Arc::new(Mutex::new(false));
    let cut = Arc::clone(&was_cut);
    let mut has_erased = false;
    let judge = move |message: &[u8]| {
        has_erased |= holds(message, "INSERT INTO") && holds(message, "erasure") && holds(message, "counts");
        let mut cut = cut.lock().expect("nobody panics with it");
        if !has_erased || *cut || !is_commit(message) {
            return Fate::Pass;
        }
        *cut = true;
        fate
    };
    (Proxy::before(db, Box::new(judge)), was_cut)
}

fn through(proxy: &Proxy, workers: u32) -> Tenure {
    super::house_at(proxy.url(), workers, &crate::harness::story::policy(MAP))
}

fn outlives_a_lost_answer(db: &TestDb, fate: Fate) {
    platform(db, 6, 3);
    let (proxy, was_cut) = run_with_that_commit(db, fate);
    let tenure = through(&proxy, db.workers);
    let running = tenure.spawn(&RUN);
    if fate == Fate::Late {
        await_a_waiting_session(db);
        proxy.let_arrive();
    }
    let ran = Told(running.wait().expect_code(0).json());
    assert!(*was_cut.lock().expect("nobody panics with it"), "the line was not cut");
    assert_eq!((people(&ran, "erased"), erasures(db)), (3, 3), "nobody is certified twice");
    assert_eq!((ran.count("erase:attempt.account_id", "done"), db.count("attempt WHERE account_id <= 3")), (6, 0));
    assert_eq!(db.count("account WHERE name IS NULL"), 3);
    Ledger::of(db).check();
    assert_eq!(people(&run(&tenure), "due"), 0);
}

#[test]
fn an_erasure_whose_commit_got_no_answer_is_neither_done_nor_certified_twice() {
    for db in [TestDb::new(Dialect::Postgres), TestDb::for_two_workers(), TestDb::new(Dialect::Mysql)] {
        for fate in [Fate::Lost, Fate::Unanswered, Fate::Late] {
            println!("{fate:?} on {:?} with {} workers", db.dialect, db.workers);
            outlives_a_lost_answer(&db.another(), fate);
        }
    }
}

on_every_database! {
    fn a_signal_ends_an_erasure_at_the_next_batch_and_leaves_everybody_whole(db: TestDb) {
        with_much(&db);
        let tenure = much(&db);
        let (running, mut holder) = held_still(&db, &tenure);
        running.signal("TERM");
        holder.script("COMMIT").unwrap();
        let stopped = Told(running.wait().expect_code(4).json());
        assert!(people(&stopped, "erased") < CLOSED as u64, "{:#}", stopped.0["people"]);
        assert_eq!(people(&stopped, "erased"), finished(&db) as u64);
        assert_everybody_is_whole(&db);
        run(&tenure);
        assert_all_are_erased_once(&db);
        assert_certificate_adds_up(&tenure, 1);
    }

    fn whoever_opens_the_account_again_while_the_run_is_at_it_is_no_longer_due_and_not_unfinished(db: TestDb) {
        with_much(&db);
        let tenure = much(&db);
        let (running, mut holder) = held_still(&db, &tenure);
        holder.script("UPDATE account SET closed_at = NULL WHERE name IS NOT NULL").unwrap();
        holder.script("COMMIT").unwrap();
        let ran = Told(running.wait().expect_code(0).json());
        let [due, erased, in_part, skipped] = ["due", "erased", "in_part", "skipped"].map(|field| people(&ran, field));
        assert_eq!((erased as i64, due), (finished(&db), erased + in_part + skipped), "{:#}", ran.0["people"]);
        assert_eq!([people(&ran, "unfinished"), people(&ran, "remaining")], [0, 0]);
        assert_everybody_is_whole(&db);
    }

    fn a_run_that_is_killed_between_two_parts_of_a_person_is_finished_by_the_next_one(db: TestDb) {
        with_much(&db);
        let tenure = much(&db);
        let (running, mut holder) = held_still(&db, &tenure);
        running.kill_after(Duration::ZERO);
        holder.script("COMMIT").unwrap();
        let before = finished(&db);
        let parts = db.count(&format!("{} WHERE finished IS NULL", control_table(&db, "erasure")));
        assert_everybody_is_whole(&db);
        let ran = run(&tenure);
        assert_dead_run_told_everybody(&tenure, before as u64, parts > 0);
        assert_eq!(people(&ran, "erased") as i64, CLOSED - before);
        assert_all_are_erased_once(&db);
        for id in MANY_ROWS_OF {
            assert_certificate_adds_up(&tenure, id);
        }
    }
}

by_two_workers! {
    a_signal_ends_an_erasure_at_the_next_batch_and_leaves_everybody_whole,
    whoever_opens_the_account_again_while_the_run_is_at_it_is_no_longer_due_and_not_unfinished,
    a_run_that_is_killed_between_two_parts_of_a_person_is_finished_by_the_next_one,
}
