//! People whose accounts are closed: their data is gone in time, nobody else's is, and the ledger says so without a name.

mod along;
mod beside;
mod clocks;
mod closed;
mod consent;
mod desk;
mod entries;
mod grip;
mod hard;
mod interrupted;
mod keys;
mod newcomers;
mod passed_over;
mod register;
mod renamed;
mod requests;
mod shared;
mod standing;
mod stopped;
mod taken;
mod traces;
mod two_at_a_time;

use serde_json::Value;

use crate::harness::story::{AS_OF, Told, policy};
use crate::harness::{Tenure, TestDb};

/// A small platform: accounts with attempts, and answers by way of these; posts that reply to each other; letters to an
/// address; payments that taxes keep.
const PLATFORM: &str = "
CREATE TABLE account (id {bigint} PRIMARY KEY, email {text} UNIQUE, name {text}, closed_at {ts});
CREATE TABLE attempt (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL REFERENCES account (id));
CREATE TABLE answer (id {bigint} PRIMARY KEY, attempt_id {bigint} NOT NULL REFERENCES attempt (id), words {text});
CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint}, reviewer_id {bigint}, parent_id {bigint}, words {text});
CREATE TABLE letter (id {bigint} PRIMARY KEY, address {text});
CREATE TABLE payment (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL, payer {text}, cents {bigint});
";

/// What becomes of it.
const MAP: &str = r#"
[subject]
promise = "A5"
table = "account"
key = "id"
closed = "closed_at"
grace = "7 days"
within = "30 days"

[[subject.data]]
table = "account"
column = "id"
action = "redact"
redact = { email = { placeholder = "gone-{id}" }, name = "null" }

[[subject.data]]
table = "attempt"
column = "account_id"
action = "delete"

[[subject.data]]
table = "answer"
column = "attempt_id -> attempt.account_id"
action = "delete"

[[subject.data]]
table = "post"
column = "account_id"
action = "redact"
redact = { account_id = "null", words = { set = "(removed)" } }

[[subject.data]]
table = "post"
column = "reviewer_id"
action = "redact"
redact = { reviewer_id = "null" }

[[subject.data]]
table = "letter"
column = "address"
matches = "email"
ignore_case = true
action = "delete"

[[subject.data]]
table = "payment"
column = "account_id"
action = "keep"
reason = "tax records"
redact = { payer = "null" }
"#;

/// The platform with this many accounts, of whom the first `closed` were closed on 2026-06-10, and the next one on the 28th,
/// so that it can come back.
fn platform(db: &TestDb, accounts: i64, closed: i64) {
    db.create(PLATFORM);
    let mut script = String::new();
    for id in 1..=accounts {
        let closed_at = match id {
            id if id <= closed => "'2026-06-10 00:00:00'",
            id if id == closed + 1 => "'2026-06-28 00:00:00'",
            _ => "NULL",
        };
        script += &format!("INSERT INTO account VALUES ({id}, 'person{id}@example.org', 'Person {id}', {closed_at});");
        for n in [2 * id - 1, 2 * id] {
            script += &format!("INSERT INTO attempt VALUES ({n}, {id});");
            script += &format!("INSERT INTO answer VALUES ({n}, {n}, 'words of person {id}');");
        }
        let next = id % accounts + 1;
        script += &format!("INSERT INTO post VALUES ({id}, {id}, {next}, NULL, 'post of person {id}');");
        script += &format!("INSERT INTO letter VALUES ({id}, 'PERSON{id}@example.org');");
        script += &format!("INSERT INTO payment VALUES ({id}, {id}, 'Person {id}', 100);");
    }
    db.script(&script);
}

/// tenure with this map; it has a key to call people by.
fn tenure(db: &TestDb, map: &str) -> Tenure {
    house(db, &policy(map))
}

fn house(db: &TestDb, schedule: &str) -> Tenure {
    house_at(db.url(), db.workers, schedule)
}

/// The same by any URL, such as a proxy's.
fn house_at(url: &str, workers: u32, schedule: &str) -> Tenure {
    Tenure::alone()
        .file("hmac.key", "0123456789abcdef0123456789abcdef")
        .config(&format!("hmac_key_file = \"hmac.key\"\nstate_dir = \"state\"\n[database.main]\nurl = \"{url}\"\nworkers = {workers}\n"))
        .schedule(schedule)
}

/// A run at an instant, with this exit code.
#[track_caller]
fn run_at(tenure: &Tenure, as_of: &str, code: i32) -> Told {
    Told(tenure.run(&["run", "--json", "--as-of", as_of]).expect_code(code).json())
}

#[track_caller]
fn run(tenure: &Tenure) -> Told {
    run_at(tenure, AS_OF, 0)
}

/// A count of the people's own record.
#[track_caller]
fn people(told: &Told, field: &str) -> u64 {
    let Value::Number(number) = &told.0["people"][field] else { panic!("no `{field}` in {:#}", told.0["people"]) };
    number.as_u64().expect("a count")
}

/// The rows of the ledger's table of erasures.
fn erasures(db: &TestDb) -> i64 {
    db.count(&crate::harness::story::control_table(db, "erasure"))
}
