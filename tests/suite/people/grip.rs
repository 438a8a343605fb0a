//! A hold is never released by the erasure of people itself: not by what its condition looks at, nor by what a database does
//! to other rows because a column changes.

use tenure::base::name::TableName;
use tenure::db::Dialect;
use tenure::ledger::hold;

use super::{MAP, erasures, people, platform, run, run_at, tenure};
use crate::harness::story::{AS_OF, ids, plan_and_run};
use crate::harness::{Output, Tenure, TestDb};

/// Of an account by its address, which the map redacts.
const BY_ADDRESS: &str = "account_id IN (SELECT id FROM account WHERE email LIKE 'person1%')";

fn add(tenure: &Tenure, words: &[&str]) -> Output {
    tenure.run(&[&["hold", "add", "case-7", "--reason", "case 7", "--by", "legal"], words].concat())
}

fn written(table: &str, condition: &str) -> String {
    format!("{MAP}\n[[hold]]\nname = \"case-7\"\ntable = \"{table}\"\nwhere = \"{condition}\"\nreason = \"case 7\"\n")
}

#[track_caller]
fn assert_nobody_is_erased(db: &TestDb, tenure: &Tenure, reason: &str) {
    let before = db.tables_dump();
    let told = run_at(tenure, AS_OF, 1);
    assert!(told.0.to_string().contains(reason), "{reason} in {:#}", told.0);
    assert_eq!(db.tables_dump(), before, "something was erased");
    assert_eq!(erasures(db), 0);
}

on_every_database! {
    fn a_hold_that_asks_for_what_the_map_changes_is_refused_where_it_is_given(db: TestDb) {
        platform(&db, 3, 1);
        let tenure = tenure(&db, MAP);
        for (table, condition, reason) in [
            ("attempt", BY_ADDRESS, "it looks at `account.email`, which is redacted, as `erase:account.id`"),
            ("payment", "EXISTS (SELECT 1 FROM answer WHERE answer.id = payment.id)", "it looks at rows of `answer`, and these go"),
            ("payment", "(id, 1) IN (SELECT x.account_id, 1 FROM post x NATURAL JOIN attempt)", "it looks at"),
        ] {
            let refused = add(&tenure, &["--table", table, "--where", condition]).expect_code(2);
            assert!(refused.stderr.contains("hold `case-7`") && refused.stderr.contains(reason), "{}", refused.stderr);
            assert!(refused.stderr.contains("by what stays, such as their own key"), "{}", refused.stderr);
            assert!(!refused.stderr.contains("person1"), "a condition may name a person: {}", refused.stderr);
        }
        assert!(tenure.run(&["hold", "list"]).expect_code(0).stdout.contains("no hold"));
        // What stays of the account may be asked for.
        let closed = "attempt_id IN (SELECT t.id FROM post t JOIN account a ON a.id = t.id WHERE a.closed_at IS NOT NULL)";
        add(&tenure, &["--table", "answer", "--where", closed]).expect_code(0);
    }

    fn a_hold_that_stands_and_asks_for_what_the_map_changes_stops_the_erasure_until_it_is_released(db: TestDb) {
        platform(&db, 3, 1);
        let tenure = tenure(&db, MAP);
        tenure.run(&["migrate"]).expect_code(0);
        let order = hold::Order {
            name: "case-7".into(),
            table: TableName::parse("attempt").unwrap(),
            of_people: false,
            condition: Some(BY_ADDRESS.into()),
            last_day: None,
            reason: "case 7".into(),
            by: "legal".into(),
        };
        assert_eq!(hold::add(&mut db.open(), &order, jiff::Timestamp::now()).unwrap(), hold::Outcome::Done);
        assert_nobody_is_erased(&db, &tenure, "it looks at `account.email`, which is redacted");
        tenure.run(&["subject", "erase", "1", "--reason", "letter 7", "--by", "desk"]).expect_code(1);
        assert_eq!(erasures(&db), 0);
        tenure.run(&["subject", "status", "1"]).expect_code(0);
        tenure.run(&["hold", "release", "case-7", "--reason", "closed", "--by", "legal"]).expect_code(0);
        assert_eq!(people(&run(&tenure), "erased"), 1);
    }

    fn a_hold_of_the_schedule_that_asks_for_what_the_map_changes_is_a_mistake_of_the_schedule(db: TestDb) {
        platform(&db, 3, 1);
        for (table, condition, reason) in [
            ("post", "EXISTS (SELECT 1 FROM attempt t WHERE t.account_id = post.account_id)", "it looks at rows of `attempt`, and these go"),
            // Of a kept record the map redacts what the schedule's own hold would be asked by.
            ("payment", "payer = 'Person 1'", "it looks at `payment.payer`, which is redacted"),
        ] {
            let tenure = tenure(&db, &written(table, condition));
            let checked = tenure.run(&["check"]).expect_code(2);
            assert!(checked.stdout.contains(reason), "{}", checked.stdout);
            assert_nobody_is_erased(&db, &tenure, reason);
        }
    }

    fn a_hold_that_looks_at_a_view_is_refused_since_nobody_knows_what_that_shows(db: TestDb) {
        platform(&db, 3, 1);
        db.script("CREATE VIEW wanted AS SELECT id FROM account WHERE email LIKE 'person1%'");
        let refused = add(&tenure(&db, MAP), &["--table", "post", "--where", "id IN (SELECT id FROM wanted)"]).expect_code(2);
        assert!(refused.stderr.contains("it looks at the view `wanted`"), "{}", refused.stderr);
        db.script("DROP VIEW wanted");
    }

    fn a_hold_by_what_stays_keeps_its_grip_in_every_run(db: TestDb) {
        platform(&db, 3, 1);
        let tenure = tenure(&db, MAP);
        add(&tenure, &["--table", "answer", "--where", "id = 1"]).expect_code(0);
        for _ in 0..3 {
            tenure.run(&["run", "--as-of", AS_OF]);
            assert_eq!(db.count("answer WHERE id = 1 AND words = 'words of person 1'"), 1);
        }
    }

    fn what_refers_to_an_address_keeps_it_as_it_is_whatever_its_key_would_do(db: TestDb) {
        letters(&db);
        let tenure = tenure(&db, &addresses(&KEYS.map(|(table, _)| entry(table, "account_id", KEEP)).concat()));
        // It asks for an entry for each of the keys besides, and takes none that keeps the rows.
        let checked = tenure.run(&["check"]).expect_code(2).stdout;
        for (table, action) in KEYS.iter().filter(|(table, _)| *table != "plain") {
            assert!(checked.contains(&format!("`{table}.email` refers to `email` (`")), "{checked}");
            assert!(checked.contains(&format!("ON UPDATE {action}), which is redacted")), "{checked}");
        }
        assert!(checked.contains("`plain.email` refers to `email`"), "{checked}");
        let before = KEYS.map(|(table, _)| db.rows(&format!("SELECT id, email FROM {table} ORDER BY id")));
        let ran = plan_and_run(&db, &tenure);
        assert_eq!((ran.count("erase:account.id", "done"), ran.count("erase:account.id", "blocked")), (1, 3));
        assert_eq!(KEYS.map(|(table, _)| db.rows(&format!("SELECT id, email FROM {table} ORDER BY id"))), before, "rows that are kept have changed");
        assert_eq!(db.count("account WHERE email LIKE 'person%'"), 3);
        db.script("DELETE FROM renamed");
        let ran = plan_and_run(&db, &tenure);
        assert_eq!((ran.count("erase:account.id", "done"), ran.count("erase:account.id", "blocked")), (1, 2));
    }

    fn what_goes_or_lets_go_of_an_address_before_keeps_nobody(db: TestDb) {
        letters(&db);
        let lets_go = entry("renamed", "account_id", "action = \"redact\"\nredact = { email = \"null\" }");
        let others = ["emptied", "plain"].map(|table| entry(table, "account_id", "action = \"delete\"")).concat();
        let ran = plan_and_run(&db, &tenure(&db, &addresses(&(others + &lets_go))));
        assert_eq!((ran.count("erase:account.id", "done"), people(&ran, "erased")), (4, 4));
        assert_eq!(db.count("renamed WHERE email IS NULL"), 1);
        assert_eq!(db.count("account WHERE email LIKE 'gone-%'"), 4);
    }

    fn an_address_that_could_never_be_redacted_and_one_that_its_own_table_refers_to_are_refused(db: TestDb) {
        letters(&db);
        let kept = KEYS.map(|(table, _)| entry(table, "email -> account(email).id", KEEP)).concat();
        let checked = tenure(&db, &addresses(&kept)).run(&["check"]).expect_code(2).stdout;
        assert!(checked.contains("refers to what is redacted here, and `renamed.email` keeps it, so that it could never be redacted"), "{checked}");
        db.create(
            "CREATE TABLE member (id {bigint} PRIMARY KEY, email varchar(50) UNIQUE, friend varchar(50), closed_at {ts},
                 FOREIGN KEY (friend) REFERENCES member (email) ON UPDATE CASCADE);",
        );
        let members = addresses("").replace("account", "member");
        let checked = tenure(&db, &members).run(&["check"]).expect_code(2).stdout;
        assert!(checked.contains("refers to `email` of the same table"), "{checked}");
    }
}

const KEEP: &str = "action = \"keep\"\nreason = \"tax\"";

/// Tables with an address of an account, by a key that does this where it changes.
const KEYS: [(&str, &str); 3] = [("renamed", "CASCADE"), ("emptied", "SET NULL"), ("plain", "NO ACTION")];

fn entry(table: &str, column: &str, rest: &str) -> String {
    format!("[[subject.data]]\ntable = \"{table}\"\ncolumn = \"{column}\"\n{rest}\n")
}

/// A map of accounts whose address is redacted, with these entries.
fn addresses(entries: &str) -> String {
    let own = entry("account", "id", "action = \"redact\"\nredact = { email = { placeholder = \"gone-{id}\" } }");
    format!(
        "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"60 days\"\n{own}{entries}"
    )
}

/// Four closed accounts; to the address of each but the last a row of one of the tables refers.
fn letters(db: &TestDb) {
    db.create("CREATE TABLE account (id {bigint} PRIMARY KEY, email varchar(50) UNIQUE, closed_at {ts});");
    for id in 1..=4 {
        db.script(&format!("INSERT INTO account VALUES ({id}, 'person{id}@example.org', '2026-06-10 00:00:00')"));
    }
    for (at, (table, action)) in KEYS.iter().enumerate() {
        db.create(&format!(
            "CREATE TABLE {table} (id {{bigint}} PRIMARY KEY, account_id {{bigint}} REFERENCES account (id), email varchar(50),
                 FOREIGN KEY (email) REFERENCES account (email) ON UPDATE {action});
             INSERT INTO {table} VALUES (1, {}, 'person{}@example.org');",
            at + 1,
            at + 1
        ));
    }
}

#[test]
fn on_mysql_columns_that_tell_of_the_last_change_tell_nothing_of_a_redaction() {
    let db = TestDb::new(Dialect::Mysql);
    let stamp = "timestamp NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP";
    db.create(&format!(
        "CREATE TABLE account (id {{bigint}} PRIMARY KEY, email {{text}}, closed_at {stamp});
         CREATE TABLE payment (id {{bigint}} PRIMARY KEY, account_id {{bigint}} REFERENCES account (id), payer {{text}}, paid_at {stamp});
         CREATE TABLE thread (id {{bigint}} PRIMARY KEY, account_id {{bigint}} REFERENCES account (id));
         CREATE TABLE post (id {{bigint}} PRIMARY KEY, thread_id {{bigint}}, seen_at {stamp},
             FOREIGN KEY (thread_id) REFERENCES thread (id) ON DELETE SET NULL);
         CREATE TABLE wish (id {{bigint}} PRIMARY KEY, account_id {{bigint}}, made_at {stamp}, state {{text}});
         INSERT INTO account VALUES (1, 'a@example.org', '2026-06-10 00:00:00'), (2, 'b@example.org', NULL);
         INSERT INTO payment VALUES (1, 1, 'A', '2019-01-01 00:00:00');
         INSERT INTO thread VALUES (1, 1);
         INSERT INTO post VALUES (1, 1, '2019-01-01 00:00:00');
         INSERT INTO wish VALUES (1, 2, '2026-06-20 00:00:00', 'new');"
    ));
    let requests = "[subject.requests]\ntable = \"wish\"\nkey = \"account_id\"\nrequested = \"made_at\"\n\
                    verified = \"1 = 1\"\ndone = \"state = 'done'\"\nmark = { state = \"done\" }\n";
    let kept =
        "action = \"keep\"\nreason = \"tax\"\nfor = \"10 years\"\nanchor = \"paid_at\"\nredact = { payer = \"null\" }";
    let entries = entry("payment", "account_id", kept) + &entry("thread", "account_id", "action = \"delete\"");
    let tenure = tenure(&db, &addresses(&(entries + requests)));
    tenure.run(&["run", "--as-of", AS_OF]).expect_code(0);
    assert_eq!(db.count("account WHERE email LIKE 'gone-%'"), 2, "closed, and asked for");
    assert_eq!(db.count("account WHERE closed_at = '2026-06-10 00:00:00' OR closed_at IS NULL"), 2);
    assert_eq!(db.count("payment WHERE payer IS NULL AND paid_at = '2019-01-01 00:00:00'"), 1);
    assert_eq!(db.count("post WHERE thread_id IS NULL AND seen_at = '2019-01-01 00:00:00'"), 1);
    assert_eq!(db.count("wish WHERE state = 'done' AND made_at = '2026-06-20 00:00:00'"), 1);
}

#[test]
fn on_sqlite_a_placeholder_that_stands_already_fails_and_takes_nobody_elses_row() {
    let db = TestDb::new(Dialect::Sqlite);
    for clause in ["REPLACE", "IGNORE"] {
        db.script(&format!(
            "DROP TABLE IF EXISTS account;
             CREATE TABLE account (id integer PRIMARY KEY, email text NOT NULL UNIQUE ON CONFLICT {clause}, closed_at timestamp);
             INSERT INTO account VALUES (1, 'a@example.org', '2026-06-10 00:00:00'), (2, 'gone-1', NULL)"
        ));
        let told = run_at(&tenure(&db, &addresses("")), AS_OF, 1);
        assert!(told.0.to_string().contains("a constraint forbids it"), "{:#}", told.0);
        assert_eq!(ids(&db, "account"), [1, 2], "{clause}");
        assert_eq!(db.count("account WHERE email = 'a@example.org'"), 1);
    }
}
