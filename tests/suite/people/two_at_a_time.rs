//! Two batches of people under way at the same time, each held in the middle for as long as the story wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenure::db::{Connection, DbError, Mode, Statement};

use super::{MAP, erasures, people, platform, run, tenure};
use crate::faults::locks::await_a_waiting_session;
use crate::faults::proxy::{Fate, Proxy, holds};
use crate::harness::story::{AS_OF, Told, control_table, policy};
use crate::harness::{Output, Running, Tenure, TestDb, catch_when};
use crate::outsider::Ledger;

const RUN: [&str; 4] = ["run", "--json", "--as-of", AS_OF];
const CLOSED: i64 = 30;
/// Has so many rows that the batches of those before end a round.
const MANY: i64 = 10;
/// The first batch is about the one of them, the second one about the other.
const HELD: [i64; 2] = [1, 9];

/// Batches that delete the answers of these two wait there, for longer than for any lock, as long as the story has theirs.
const TRAP: &str = "
CREATE FUNCTION wait_for_the_story() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    WHILE NOT pg_try_advisory_xact_lock_shared(OLD.attempt_id) LOOP PERFORM pg_sleep(0.01); END LOOP;
    RETURN OLD;
END $$;
CREATE TRIGGER trap BEFORE DELETE ON answer FOR EACH ROW WHEN (OLD.id IN (2, 18)) EXECUTE FUNCTION wait_for_the_story();
";

fn prepare(db: &TestDb) {
    platform(db, CLOSED + 10, CLOSED);
    db.script(&format!(
        "UPDATE post SET reviewer_id = NULL;
         CREATE INDEX answer_of_attempt ON answer (attempt_id);
         INSERT INTO answer SELECT 1000 + n, {}, 'words' FROM generate_series(1, 24000) n;",
        2 * MANY
    ));
    db.script(TRAP);
}

/// The map without guards: most of the answers go.
fn house(db: &TestDb) -> Tenure {
    tenure(db, &MAP.replace("within = \"30 days\"", "within = \"30 days\"\nguard = { max_share = 1.0 }"))
}

/// A run with both batches in the middle, and who holds them there.
fn both_under_way(db: &TestDb, tenure: &Tenure) -> (Running, Connection) {
    let mut holder = db.open();
    for id in HELD {
        ask(&mut holder, &format!("SELECT pg_advisory_lock({})", 2 * id));
    }
    let running = tenure.spawn(&RUN);
    let asleep = "pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    catch_when("two batches", || db.count(asleep) == 2);
    (running, holder)
}

fn ask(conn: &mut Connection, sql: &str) {
    // What the function answers is of no type that is read.
    let sql = format!("{sql}::text");
    conn.query(&Statement { sql, binds: vec![] }).expect("it is connected");
}

fn let_go(holder: &mut Connection, id: i64) {
    ask(holder, &format!("SELECT pg_advisory_unlock({})", 2 * id));
}

fn let_both_go(mut holder: Connection) {
    HELD.iter().for_each(|id| let_go(&mut holder, *id));
}

fn erased(db: &TestDb) -> i64 {
    db.count("account WHERE name IS NULL")
}

/// What both batches did is done and told, and the next run does the rest of it, but for so many.
#[track_caller]
fn assert_stopped_after_both(db: &TestDb, tenure: &Tenure, ended: Output, reason: &str, kept: i64) {
    let ran = Told(ended.expect_code(4).json());
    let both = MANY - 1;
    assert!(ran.rule("erase:account.id")["error"].as_str().unwrap().contains(reason), "{:#}", ran.0);
    assert_eq!((people(&ran, "erased") as i64, erased(db), erasures(db)), (both, both, both), "{:#}", ran.0["people"]);
    let next = run(tenure);
    assert_eq!((people(&next, "erased") as i64, erased(db)), (CLOSED - both - kept, CLOSED - kept));
    Ledger::of(db).check();
}

#[test]
fn a_hold_gets_in_as_both_batches_end_and_nobody_is_erased_after_it() {
    let db = TestDb::for_two_workers();
    prepare(&db);
    let tenure = house(&db);
    let (running, holder) = both_under_way(&db, &tenure);
    let adding = tenure.spawn(&["hold", "add", "case-7", "--subject", "20", "--reason", "case 7"]);
    await_a_waiting_session(&db);
    let_both_go(holder);
    adding.wait().expect_code(0);
    assert_stopped_after_both(&db, &tenure, running.wait(), "a hold was added", 1);
    assert_eq!(db.count("account WHERE id = 20 AND name IS NOT NULL"), 1);
}

#[test]
fn a_pause_gets_in_as_both_batches_end() {
    let db = TestDb::for_two_workers();
    prepare(&db);
    let tenure = house(&db);
    let (running, holder) = both_under_way(&db, &tenure);
    let pausing = tenure.spawn(&["pause", "erase", "--reason", "an audit"]);
    await_a_waiting_session(&db);
    let_both_go(holder);
    pausing.wait().expect_code(0);
    let ended = running.wait();
    tenure.run(&["resume", "erase", "--reason", "over"]).expect_code(0);
    assert_stopped_after_both(&db, &tenure, ended, "paused by", 0);
}

#[test]
fn a_signal_ends_the_run_after_both_batches() {
    let db = TestDb::for_two_workers();
    prepare(&db);
    let tenure = house(&db);
    let (running, holder) = both_under_way(&db, &tenure);
    running.signal("TERM");
    let_both_go(holder);
    assert_stopped_after_both(&db, &tenure, running.wait(), "a signal asked it to stop", 0);
}

#[test]
fn a_run_that_is_killed_in_both_batches_has_done_none_of_them_and_the_next_one_does() {
    let db = TestDb::for_two_workers();
    prepare(&db);
    let tenure = house(&db);
    let (running, holder) = both_under_way(&db, &tenure);
    running.kill_after(Duration::ZERO);
    let_both_go(holder);
    let batches = "pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    catch_when("the end of both", || db.count(batches) == 0);
    assert_eq!((erased(&db), erasures(&db)), (0, 0));
    let ran = run(&tenure);
    assert_eq!((people(&ran, "erased") as i64, erased(&db)), (CLOSED, CLOSED));
    Ledger::of(&db).check();
}

#[test]
fn of_two_batches_that_want_one_row_the_slower_one_goes_again_alone() {
    let db = TestDb::for_two_workers();
    prepare(&db);
    db.script("UPDATE post SET reviewer_id = 9 WHERE id = 1");
    let tenure = house(&db);
    let (running, mut holder) = both_under_way(&db, &tenure);
    let_go(&mut holder, HELD[0]);
    catch_when("the first batch", || db.count("account WHERE id = 1 AND name IS NULL") == 1);
    let_go(&mut holder, HELD[1]);
    let ended = running.wait().expect_code(0);
    assert!(ended.stderr.contains("trying-fewer-people") && ended.stderr.contains("fewer-workers"), "{}", ended.stderr);
    let ran = Told(ended.json());
    // In how many parts the one with the many rows goes is a matter of how long they take.
    let finished = db.count(&format!("{} WHERE finished IS NOT NULL", control_table(&db, "erasure")));
    assert_eq!((people(&ran, "erased") as i64, erased(&db), finished), (CLOSED, CLOSED, CLOSED));
    assert_eq!(db.count("post WHERE id = 1 AND account_id IS NULL AND reviewer_id IS NULL"), 1);
    Ledger::of(&db).check();
}

#[test]
fn whoever_gets_one_connection_only_goes_on_with_that() {
    let db = TestDb::for_two_workers();
    platform(&db, 6, 3);
    let tables = "account, attempt, answer, post, letter, payment";
    let url = db.role(
        "janitor",
        &[
            &format!("GRANT SELECT, UPDATE, DELETE ON {tables} TO {{role}}"),
            "GRANT CREATE ON DATABASE {db} TO {role}",
            "ALTER ROLE {role} CONNECTION LIMIT 1",
        ],
    );
    let tenure = super::house_at(&url, db.workers, &policy(MAP));
    let ended = tenure.run(&RUN).expect_code(0);
    assert!(ended.stderr.contains("fewer-workers"), "{}", ended.stderr);
    assert_eq!((people(&Told(ended.json()), "erased"), erased(&db)), (3, 3));
}

#[test]
fn what_is_counted_over_several_connections_is_of_one_moment() {
    let db = TestDb::for_two_workers();
    platform(&db, 6, 3);
    let (mut first, mut second) = (db.open(), db.open());
    let count = |conn: &mut Connection| {
        let rows = conn.query(&Statement { sql: "SELECT COUNT(*) FROM account".to_owned(), binds: vec![] })?;
        Ok::<_, DbError>(rows[0].int(0))
    };
    let name = first
        .transaction(Mode::ReadOnly, |first| {
            let name = first.share_snapshot()?;
            db.script("INSERT INTO account SELECT 7, email || '.org', name, closed_at FROM account WHERE id = 6");
            assert_eq!((count(first)?, second.in_snapshot(&name, count)?), (Some(6), Some(6)));
            Ok::<_, DbError>(name)
        })
        .expect("a snapshot can be shared");
    assert_eq!(count(&mut second).expect("it is connected"), Some(7));
    second.in_snapshot(&name, count).expect_err("nobody shares it any more");
}

/// A pool may lead the other connection to a server that has never heard of the snapshot.
#[test]
fn what_the_other_connection_cannot_see_the_first_one_counts() {
    let db = TestDb::for_two_workers();
    platform(&db, 6, 3);
    let lost = Arc::new(AtomicUsize::new(0));
    let losing = Arc::clone(&lost);
    let proxy = Proxy::before(
        &db,
        Box::new(move |message| {
            let is_asked_to_see = holds(message, "SET TRANSACTION SNAPSHOT");
            losing.fetch_add(usize::from(is_asked_to_see), Ordering::SeqCst);
            if is_asked_to_see { Fate::Lost } else { Fate::Pass }
        }),
    );
    let tenure = super::house_at(proxy.url(), db.workers, &policy(MAP));
    let ran = Told(tenure.run(&RUN).expect_code(0).json());
    assert_eq!((people(&ran, "erased"), erased(&db)), (3, 3));
    assert_eq!(lost.load(Ordering::SeqCst), 2, "before and after");
}
