//! The statements of representative rules, as files: a change of a predicate is a change that somebody reads.
//!
//! `TENURE_BLESS=1 make test` writes them anew.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::story::{AS_OF, policy};
use crate::harness::{Tenure, TestDb, ddl};

const TABLES: &str = "
    CREATE TABLE person (id {bigint} NOT NULL PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, minor {bool});
    CREATE TABLE thread (id {bigint} NOT NULL PRIMARY KEY, at {ts}, touched {ts}, person_id {bigint},
        FOREIGN KEY (person_id) REFERENCES person (id));
    CREATE TABLE message (id {bigint} NOT NULL PRIMARY KEY, thread_id {bigint}, reply_to {bigint}, kind varchar(20),
        FOREIGN KEY (thread_id) REFERENCES thread (id), FOREIGN KEY (reply_to) REFERENCES message (id));
    CREATE TABLE bookmark (id {bigint} NOT NULL PRIMARY KEY, thread_id {bigint},
        FOREIGN KEY (thread_id) REFERENCES thread (id));
    CREATE TABLE login (id {bigint} NOT NULL PRIMARY KEY, at {bigint}, ip varchar(45), agent varchar(80));
    CREATE TABLE page_view (id {bigint} NOT NULL PRIMARY KEY, at {ts}, person_id {bigint}, path varchar(80), ms {bigint});
    CREATE TABLE page_view_daily (bucket {ts}, path varchar(80), views {bigint}, ms_sum {bigint}, ms_count {bigint},
        folded smallint NOT NULL);
    CREATE TABLE stamp (id {bigint} NOT NULL PRIMARY KEY, at varchar(40), made varchar(14));
    CREATE TABLE answer (id {bigint} NOT NULL PRIMARY KEY, thread_id {bigint});
";

const RULES: &str = r#"
[[rule]]
name = "cascade"
table = "thread"
anchor = ["at", "touched"]
retain = "1 year"
action = "delete"
where = "person_id IN (SELECT id FROM person WHERE minor)"
cascade = ["message", { table = "bookmark", column = "thread_id", then = "null" }]
[[rule]]
name = "redact"
table = "login"
anchor = { column = "at", as = "epoch-seconds" }
retain = "6 months"
action = "redact"
[rule.redact]
ip = "truncate-ip"
agent = { placeholder = "agent-{id}" }
[[rule]]
name = "aggregate"
table = "page_view"
anchor = "at"
retain = "90 days"
action = "aggregate"
[rule.aggregate]
into = "page_view_daily"
bucket = "day"
keep = ["path"]
measures = { views = "count", ms = "avg(ms)" }
people = "person_id"
[[rule]]
name = "text"
table = "stamp"
anchor = { column = "at", as = "text" }
retain = "30 days"
action = "delete"
[[rule]]
name = "fields"
table = "stamp"
anchor = { column = "made", as = "text", format = "%Y%m%d%H%M%S" }
retain = "60 days"
action = "delete"
[[rule]]
name = "path"
table = "answer"
anchor = "thread_id -> thread.at"
retain = "2 years"
action = "delete"
[[hold]]
name = "dispute"
table = "message"
where = "kind = 'dispute'"
reason = "a court asked for it"
"#;

const PEOPLE_TABLES: &str = "
    CREATE TABLE account (id varchar(40) NOT NULL PRIMARY KEY, email {text}, name {text}, closed_at {ts}, restricted {bigint});
    CREATE TABLE post (id {bigint} NOT NULL PRIMARY KEY, account_id varchar(40), parent_id {bigint}, words {text},
        FOREIGN KEY (account_id) REFERENCES account (id), FOREIGN KEY (parent_id) REFERENCES post (id));
    CREATE TABLE image (id {bigint} NOT NULL PRIMARY KEY, post_id {bigint}, FOREIGN KEY (post_id) REFERENCES post (id));
    CREATE TABLE letter (id {bigint} NOT NULL PRIMARY KEY, address {text});
    CREATE TABLE remark (id {bigint} NOT NULL PRIMARY KEY, owner_type varchar(20), owner_key {text}, words {text});
    CREATE TABLE payment (id {bigint} NOT NULL PRIMARY KEY, account_id varchar(40) NOT NULL, payer {text});
";

const PEOPLE: &str = r#"
[subject]
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
table = "post"
column = "account_id"
action = "delete"
cascade = [{ table = "post", column = "parent_id", then = "null" }]
[[subject.data]]
table = "image"
column = "post_id -> post.account_id"
action = "delete"
[[subject.data]]
table = "letter"
column = "address"
matches = "email"
ignore_case = true
action = "delete"
[[subject.data]]
table = "remark"
column = "owner_key"
where = "owner_type = 'account'"
action = "redact"
redact = { owner_key = "null", words = { set = "(removed)" } }
[[subject.data]]
table = "payment"
column = "account_id"
action = "keep"
reason = "tax records"
redact = { payer = "null" }
[[hold]]
name = "restricted"
subject = true
where = "restricted = 1"
reason = "asked for"
"#;

/// Holds the statements of a plan against the file of this name, or writes it.
fn assert_golden(db: &TestDb, planned: &Value, name: &str) {
    let mut text = String::new();
    for rule in planned["rules"].as_array().into_iter().flatten() {
        let statements = rule["statements"].as_array().cloned().unwrap_or_default();
        assert!(!statements.is_empty(), "no statement of {}", rule["rule"]);
        for statement in statements {
            let statement = statement.as_str().unwrap_or_default();
            text.push_str(&format!("-- {}\n{statement}\n\n", rule["rule"].as_str().unwrap_or_default()));
        }
    }
    // MySQL and MariaDB name tables by their database, which bears a made-up name here.
    let own = db.url().rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default();
    let text = text.replace(own, "campus");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("TENURE_BLESS").is_some() {
        fs::write(&file, &text).expect("a golden file can be written");
    }
    let golden = fs::read_to_string(&file).expect("TENURE_BLESS=1 makes the golden file");
    assert!(text == golden, "{} is not what is sent now; read the difference:\n{text}", file.display());
}

/// A reader meets no seed, no bracket too many, and no line that runs off the page.
#[test]
fn golden_statements_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        let statements: Vec<&str> = text.lines().filter(|line| !line.starts_with("-- ")).collect();
        for line in &statements {
            assert!(line.chars().count() <= 160, "{}: {line}", file.display());
        }
        let flat = statements.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        let flat = flat.replace("IS NOT TRUE", "IS NOT SO");
        for seed in ["TRUE AND", "AND TRUE", "FALSE OR", "OR FALSE", "1 = 1"] {
            assert!(!flat.contains(seed), "{}: `{seed}`", file.display());
        }
        assert_eq!(bracketed_twice(&flat), None, "{}", file.display());
    }
}

/// The first `((…))` around one expression.
fn bracketed_twice(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let end_of = |open: usize| {
        let mut depth = 0;
        (open..bytes.len()).find(|at| {
            depth += i32::from(bytes[*at] == b'(') - i32::from(bytes[*at] == b')');
            depth == 0
        })
    };
    let next = |at: usize| (at..bytes.len()).find(|at| bytes[*at] != b' ');
    let opens = (0..bytes.len()).filter(|at| bytes[*at] == b'(');
    opens
        .filter_map(|open| Some((open, end_of(open)?, next(open + 1)?)))
        .find(|(_, end, inner)| {
            bytes[*inner] == b'(' && end_of(*inner).and_then(|inner_end| next(inner_end + 1)) == Some(*end)
        })
        .map(|(open, end, _)| &text[open..=end])
}

const PLAN: [&str; 5] = ["plan", "--sql", "--json", "--as-of", AS_OF];

on_every_database! {
    fn the_statements_are_those_that_somebody_has_read(db: TestDb) {
        db.create(&ddl(db.dialect, TABLES));
        let planned = Tenure::at(&db).schedule(&policy(RULES)).run(&PLAN).expect_code(0).json();
        assert_golden(&db, &planned, &format!("{}.sql", db.dialect.as_str()));
    }

    fn the_statements_of_an_erasure_are_those_that_somebody_has_read(db: TestDb) {
        db.create(PEOPLE_TABLES);
        let tenure = Tenure::alone().keyed(&format!("[database.main]\nurl = \"{}\"\n", db.url())).schedule(&policy(PEOPLE));
        assert_golden(&db, &tenure.run(&PLAN).expect_code(0).json(), &format!("people-{}.sql", db.dialect.as_str()));
    }
}
