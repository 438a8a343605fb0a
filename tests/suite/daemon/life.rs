//! What the service manager hears, and how the daemon ends: at the next batch, whatever it is doing.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tenure::db::Dialect;

use super::stage::{Daemon, Stage, logs, minutes, policy};
use crate::faults::acts::Act as Deed;
use crate::harness::{TestDb, wait_until};
use crate::mail::server::{Act, Door, Server, Step};

/// A service manager. It reads its socket all the time, as systemd does: a full socket makes the daemon wait.
struct Manager(Receiver<String>);

impl Manager {
    /// For a daemon on this stage.
    fn of(stage: Stage<'_>) -> (Self, Stage<'_>) {
        let path = stage.tenure.dir().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket in a fresh directory");
        let path = path.display().to_string();
        let tenure = stage.tenure.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
        let (heard, messages) = mpsc::channel();
        // The thread ends with the story: nobody receives any more.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let message = match socket.recv(&mut bytes) {
                    Ok(length) => String::from_utf8_lossy(&bytes[..length]).into_owned(),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => panic!("the socket of the service manager: {error}"),
                };
                if heard.send(message).is_err() {
                    return;
                }
            }
        });
        (Self(messages), Stage { tenure, ..stage })
    }

    /// Every message up to the first that has this line's beginning.
    #[track_caller]
    fn hear(&self, beginning: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            match self.0.recv_timeout(Duration::from_secs(120)) {
                Ok(message) => heard.push(message),
                Err(error) => panic!("waited in vain for {beginning} ({error}): {heard:#?}"),
            }
            if heard[heard.len() - 1].lines().any(|line| line.starts_with(beginning)) {
                return heard;
            }
        }
    }

    /// Forgets what was heard so far.
    fn forget(&self) {
        while self.0.try_recv().is_ok() {}
    }
}

fn aggregate() -> String {
    Deed::Aggregate.rule().replace("[rule.aggregate]", "guard = { max_share = 1.0 }\n[rule.aggregate]")
}

#[test]
fn it_is_ready_while_the_database_is_away_and_says_what_is_wrong() {
    let db = TestDb::new(Dialect::Sqlite);
    let stage = Stage::with("2026-01-10T12:10:00Z", &db, &policy("0 * * * *", &logs()), "");
    let file = db.url().trim_start_matches("sqlite://").to_owned();
    fs::rename(&file, format!("{file}.away")).expect("the file can be moved");
    let (manager, mut stage) = Manager::of(stage);
    let daemon = stage.start();
    manager.hear("READY=1");
    let heard =
        manager.hear("STATUS=idle; next: logs of house on main at 2026-01-10 12:10 UTC; database main: cannot connect");
    assert!(heard.len() < 50, "{heard:#?}");
    fs::rename(format!("{file}.away"), &file).expect("the file can be moved");
    stage.add_old_rows(1);
    stage.pass(minutes(60));
    manager.hear("STATUS=idle; next: logs of house on main at 2026-01-10 14:00 UTC");
    stage.pass(minutes(60));
    assert_eq!(db.count("log"), 0);
    manager.hear("WATCHDOG=1");
    daemon.end();
    manager.hear("STOPPING=1");
}

#[test]
fn a_reload_is_told_with_its_beginning_and_its_end() {
    let db = TestDb::new(Dialect::Sqlite);
    let (manager, stage) = Manager::of(Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *"));
    let daemon = stage.start();
    manager.hear("READY=1");
    daemon.0.signal("HUP");
    let reloading = manager.hear("RELOADING=1").pop().unwrap();
    assert!(reloading.lines().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading}");
    manager.hear("READY=1");
    daemon.end();
}

#[test]
fn the_watchdog_goes_hungry_while_nothing_is_heard_of_a_run_for_an_hour() {
    let db = TestDb::new(Dialect::Postgres);
    Deed::Aggregate.prepare(&db);
    let stage = Stage::on("2026-01-10T12:10:00Z", &db, &policy("0 * * * *", &aggregate()), "");
    let (manager, mut stage) = Manager::of(stage);
    let daemon = stage.start();
    let held = stage.go_to_and_hold(&daemon, "2026-01-10T13:10:00Z");
    manager.hear("STATUS=house on main: rule 1 of 1, analytics: ");
    stage.clock.pass(minutes(59));
    manager.hear("WATCHDOG=1");
    stage.clock.pass(minutes(2));
    let log = || daemon.0.stderr();
    wait_until("the first warning", || log().contains("run-silent"));
    let told = log().matches("run-silent").count();
    wait_until("more warnings", || log().matches("run-silent").count() >= told + 3);
    held.go_on();
    manager.forget();
    manager.hear("WATCHDOG=1");
    daemon.end();
}

/// Signals it in the middle of a run, which then has done its batch and no other; the next daemon does the rest.
fn is_ended_in_mid_run(db: &TestDb, end: impl Fn(Daemon, &mut dyn FnMut())) {
    Deed::Aggregate.prepare(db);
    let mut stage = Stage::on("2026-01-10T12:10:00Z", db, &policy("0 * * * *", &aggregate()), "");
    let daemon = stage.start();
    let mut held = Some(stage.go_to_and_hold(&daemon, "2026-01-10T13:10:00Z"));
    let before = stage.batches();
    end(daemon, &mut || held.take().into_iter().for_each(|held| held.go_on()));
    drop(held);
    assert!(stage.batches() <= before + 1, "the batch under way and no other");
    let daemon = stage.start();
    stage.pass(minutes(1));
    assert_eq!(Deed::Aggregate.deeds(db).done, 0, "{:#?}", stage.runs());
    assert_eq!(stage.times().len(), 2, "one that was stopped, and one that did the rest");
    daemon.end();
}

on_every_database! {
    fn sigterm_ends_a_run_at_its_next_batch_and_the_next_daemon_does_the_rest_at_once(db: TestDb) {
        is_ended_in_mid_run(&db, |daemon, go_on| {
            daemon.0.signal("TERM");
            // The signal is seen before the batch may go on.
            wait_until("the signal to be seen", || daemon.0.stderr().contains("daemon-ends"));
            go_on();
            daemon.0.wait().expect_code(0);
        });
    }

    fn kill_9_costs_a_batch_at_most_and_the_next_daemon_does_the_rest_at_once(db: TestDb) {
        is_ended_in_mid_run(&db, |daemon, _| daemon.kill());
    }
}

#[test]
fn sigterm_ends_it_while_it_waits_for_a_lock_that_is_never_let_go() {
    let db = TestDb::new(Dialect::Postgres);
    Deed::Aggregate.prepare(&db);
    let mut stage = Stage::on("2026-01-10T12:10:00Z", &db, &policy("0 * * * *", &aggregate()), "");
    let daemon = stage.start();
    let _held = stage.go_to_and_hold(&daemon, "2026-01-10T13:10:00Z");
    daemon.end();
}

#[test]
fn sigterm_ends_it_while_it_counts_and_nothing_was_begun() {
    let db = TestDb::new(Dialect::Postgres);
    let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
    stage.add_old_rows(1);
    let daemon = stage.start();
    let mut holder = db.open();
    holder.script("BEGIN; LOCK TABLE log IN ACCESS EXCLUSIVE MODE").expect("nobody else is at it");
    stage.clock.go_to("2026-01-10T13:10:00Z");
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'log'::regclass";
    wait_until("the count to wait", || db.scalar(waiting) > 0);
    daemon.end();
    holder.script("COMMIT").expect("the holder is connected");
    assert_eq!(db.count("log"), 1);
    let daemon = stage.start();
    stage.pass(minutes(2));
    assert_eq!(db.count("log"), 0, "{:#?}", stage.runs());
    daemon.end();
}

#[test]
fn sigterm_ends_it_while_it_mails_and_the_report_waits() {
    let db = TestDb::new(Dialect::Sqlite);
    let server = Server::scripted(Door::Plain, |step, _| if *step == Step::Data { Act::Stall } else { Act::GoOn });
    let mail = server.config().replace("timeout = 1", "timeout = 300\nto = [\"privacy@example.org\"]");
    let mut stage = Stage::with("2026-01-10T12:10:00Z", &db, &policy("0 * * * *", &logs()), &mail);
    stage.add_old_rows(1);
    let daemon = stage.start();
    stage.clock.go_to("2026-01-10T13:10:00Z");
    wait_until("the mail", || server.count(&Step::Data) == 1);
    daemon.end();
    assert_eq!((db.count("log"), server.taken().len()), (0, 0));
    assert_eq!(db.count("tenure_outbox WHERE settled IS NULL"), 1, "it is not lost");
}

#[test]
fn a_second_sigterm_ends_it_at_once() {
    let db = TestDb::new(Dialect::Postgres);
    Deed::Aggregate.prepare(&db);
    let mut stage = Stage::on("2026-01-10T12:10:00Z", &db, &policy("0 * * * *", &aggregate()), "");
    let daemon = stage.start();
    let held = stage.go_to_and_hold(&daemon, "2026-01-10T13:10:00Z");
    let before = stage.batches();
    daemon.0.signal("TERM");
    wait_until("the signal to be seen", || daemon.0.stderr().contains("daemon-ends"));
    daemon.0.signal("TERM");
    daemon.0.wait().expect_code(0);
    assert_eq!(stage.batches(), before);
    held.go_on();
}
