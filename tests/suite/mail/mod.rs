//! Mail: what is in it, that it arrives once, and what is said where it does not.

mod message;
mod outbox;
mod postfix;
mod real_server;
mod refused;
pub mod server;
mod strangers;
mod test_command;

use std::fs;

use mail_parser::{Message, MessageParser};

use self::server::{PASSWORD, Server, Taken};
use crate::harness::story::{AS_OF, control_table, delete_rule, policy};
use crate::harness::{Output, Tenure, TestDb};

const PRIVACY: &str = "privacy@example.org";

/// Three rows, of which one is due.
fn log_table(db: &TestDb) {
    db.create(
        "CREATE TABLE log (id {pk}, at {ts}, who {text});
         INSERT INTO log (at, who) VALUES ('2020-01-01 00:00:00', 'Ann'), ('2026-06-29 00:00:00', 'Ben'),
             ('2026-06-30 00:00:00', 'Cyd');",
    );
}

/// Without what a guard would stop.
fn logs() -> String {
    policy(&delete_rule("logs", "log", "promise = \"A1\"\nguard = { max_share = 1.0 }"))
}

/// Mailing to `to` (and more lines of config) by this server.
fn mailing(db: &TestDb, server: &Server, more: &str) -> Tenure {
    with_mail(db, &format!("{}{more}", server.config())).file("ca.pem", &server.ca_pem)
}

fn with_mail(db: &TestDb, config: &str) -> Tenure {
    Tenure::at(db).schedule(&logs()).config(config).file("smtp.password", PASSWORD)
}

const TO_PRIVACY: &str = "to = [\"privacy@example.org\"]\n";

fn run(tenure: &Tenure) -> Output {
    tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0)
}

fn id_of(ran: &Output) -> String {
    ran.json()["run"].as_str().expect("a run has an id").to_owned()
}

/// The rows of the queue.
fn queue(tenure: &Tenure) -> Vec<serde_json::Value> {
    let queue = tenure.run(&["mail", "queue", "--json"]).expect_code(0).json();
    queue["mails"].as_array().expect("a list").clone()
}

#[track_caller]
fn parsed(bytes: &[u8]) -> Message<'_> {
    MessageParser::default().parse(bytes).expect("a mail that can be parsed")
}

fn message_ids(taken: &[Taken]) -> Vec<String> {
    taken.iter().map(|taken| parsed(&taken.bytes).message_id().expect("a Message-ID").to_owned()).collect()
}

/// The `.eml` files that the file transport wrote, in the order of their names.
fn written(tenure: &Tenure) -> Vec<Vec<u8>> {
    let folder = tenure.dir().join("tenure-state/mail");
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// As if the pause before the next attempt were over.
fn let_time_pass(db: &TestDb) {
    db.script(&format!("UPDATE {} SET due = 0", control_table(db, "outbox")));
}

/// Until something is so, which must be soon.
fn await_until(mut so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !so() {
        assert!(begun.elapsed().as_secs() < 60, "it never came");
        std::thread::yield_now();
    }
}
