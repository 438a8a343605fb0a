//! Keys of every kind: of people, and of the tables that hold something of theirs.

use tenure::db::{Dialect, Value};

use super::{erasures, people, run, run_at, tenure};
use crate::harness::TestDb;
use crate::harness::story::{AS_OF, ids, plan_and_run};

const BY_UUID: &str = r#"
[subject]
table = "account"
key = "id"
closed = "closed_at"
within = "30 days"
[[subject.data]]
table = "account"
column = "id"
action = "delete"
[[subject.data]]
table = "attempt"
column = "account_id"
action = "delete"
[[subject.data]]
table = "answer"
column = "attempt_id -> attempt.account_id"
action = "delete"
[[subject.data]]
table = "payment"
column = "account_id"
action = "redact"
redact = { account_id = "null" }
"#;

/// A type of keys, and how a UUID is written in it.
struct Uuids {
    sql_type: &'static str,
    are_bytes: bool,
}

impl Uuids {
    fn of(dialect: Dialect) -> Vec<Uuids> {
        let types: &[(&str, bool)] = match dialect {
            Dialect::Sqlite => &[("blob", true), ("text", false)],
            Dialect::Postgres => &[("uuid", false), ("bytea", true), ("char(36)", false)],
            Dialect::Mysql => &[("BINARY(16)", true), ("CHAR(36)", false)],
        };
        types.iter().map(|(sql_type, are_bytes)| Uuids { sql_type, are_bytes: *are_bytes }).collect()
    }

    /// As somebody types it.
    fn text(person: u8) -> String {
        format!("0a00000{person}-bcde-4f00-8000-0000000000ff")
    }

    /// All that is this key. A text in other letters is another text.
    fn spellings(&self, person: u8) -> Vec<String> {
        let text = Self::text(person);
        if self.sql_type == "uuid" || self.are_bytes { vec![text.clone(), text.to_uppercase()] } else { vec![text] }
    }

    fn literal(&self, dialect: Dialect, person: u8) -> String {
        let digits = Self::text(person).replace('-', "");
        match (self.are_bytes, dialect) {
            (false, _) => format!("'{}'", Self::text(person)),
            (true, Dialect::Postgres) => format!("'\\x{digits}'"),
            (true, Dialect::Sqlite | Dialect::Mysql) => format!("X'{digits}'"),
        }
    }

    fn fill(&self, db: &TestDb) {
        let key = self.sql_type;
        db.create(&format!(
            "CREATE TABLE account (id {key} NOT NULL PRIMARY KEY, name {{text}}, closed_at {{ts}});
             CREATE TABLE attempt (id {key} NOT NULL PRIMARY KEY, account_id {key} NOT NULL,
                 FOREIGN KEY (account_id) REFERENCES account (id));
             CREATE TABLE answer (id {{bigint}} PRIMARY KEY, attempt_id {key} NOT NULL);
             CREATE TABLE payment (id {{bigint}} PRIMARY KEY, account_id {key});"
        ));
        for person in 1..=4 {
            let id = self.literal(db.dialect, person);
            let closed = if person <= 2 { "'2026-06-01 00:00:00'" } else { "NULL" };
            db.script(&format!(
                "INSERT INTO account VALUES ({id}, 'Person {person}', {closed}); INSERT INTO attempt VALUES ({id}, {id});
                 INSERT INTO answer VALUES ({person}, {id}); INSERT INTO payment VALUES ({person}, {id});"
            ));
        }
    }
}

fn erases_by(db: &TestDb, uuids: &Uuids) {
    println!("{}", uuids.sql_type);
    uuids.fill(db);
    let tenure = tenure(db, BY_UUID);
    let ran = plan_and_run(db, &tenure);
    assert_eq!((people(&ran, "erased"), erasures(db)), (2, 2));
    let left = || {
        [db.count("account"), db.count("attempt"), db.count("answer"), db.count("payment WHERE account_id IS NOT NULL")]
    };
    assert_eq!(left(), [2; 4]);
    assert_eq!(db.scalar("SELECT min(id) FROM answer"), 3);

    // Whoever asks writes a UUID as people do.
    let spellings = uuids.spellings(3);
    for key in &spellings {
        let held = tenure.run(&["hold", "add", "case-7", "--subject", key, "--reason", "court"]).expect_code(0);
        assert!(!held.stdout.contains(key), "{}", held.stdout);
        assert_eq!(tenure.run(&["plan", "--json"]).expect_code(0).json()["people"]["due"], 0);
        tenure.run(&["hold", "release", "case-7", "--reason", "closed"]).expect_code(0);
    }
    tenure.run(&["subject", "erase", &spellings[spellings.len() - 1], "--reason", "letter 26-9"]).expect_code(0);
    assert_eq!((left(), db.scalar("SELECT min(id) FROM answer")), ([1; 4], 4));
    for key in [1, 3].map(|person| uuids.spellings(person)).concat() {
        let told = tenure.run(&["subject", "certificate", &key, "--format", "json"]).expect_code(0).json();
        assert_eq!(told["gone"].as_array().expect("rows are gone").len(), 4, "{told:#}");
    }
    let refused = tenure.run(&["subject", "status", "not a UUID at all"]);
    if uuids.are_bytes {
        assert!(refused.expect_code(2).stderr.contains("are bytes in hexadecimal digits, and this is none"));
    }
}

const BY_TWO: &str = r#"
[subject]
table = "account"
key = "id"
closed = "closed_at"
within = "30 days"
[[subject.data]]
table = "account"
column = "id"
action = "delete"
[[subject.data]]
table = "enrolment"
column = "account_id"
action = "delete"
[[subject.data]]
table = "submission"
column = "account_id"
action = "delete"
[[subject.data]]
table = "mark"
column = "account_id"
action = "redact"
redact = { remark = "null" }
"#;

on_every_database! {
    fn people_are_told_apart_by_uuids_of_every_type(db: TestDb) {
        for uuids in Uuids::of(db.dialect) {
            erases_by(&TestDb::new(db.dialect), &uuids);
        }
    }

    fn somebody_called_by_a_text_all_of_whose_rows_wait_fails_no_run(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {text} PRIMARY KEY, closed_at {ts});
             CREATE TABLE attempt (id {bigint} PRIMARY KEY, account_id {text});
             CREATE TABLE answer (id {bigint} PRIMARY KEY, attempt_id {bigint}, kept {bigint});
             INSERT INTO account VALUES ('ann', '2026-06-01 00:00:00');
             INSERT INTO attempt VALUES (1, 'ann');
             INSERT INTO answer VALUES (1, 1, 1), (2, 1, 0);",
        );
        let hold = "[[hold]]\nname = \"case\"\ntable = \"answer\"\nwhere = \"kept = 1\"\nreason = \"court\"\n";
        let map = BY_UUID.split("[[subject.data]]\ntable = \"payment\"").next().expect("a map");
        let ran = plan_and_run(&db, &tenure(&db, &format!("{hold}{map}")));
        assert_eq!((ran.count("erase:answer.attempt_id", "done"), ran.count("erase:attempt.account_id", "blocked")), (1, 1));
        assert_eq!((db.count("answer WHERE kept = 1"), db.count("attempt"), db.count("account")), (1, 1, 1));
    }

    fn tables_whose_keys_are_of_several_columns_are_erased_in_the_order_of_their_references(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE enrolment (account_id {bigint} NOT NULL, course_id {bigint} NOT NULL, PRIMARY KEY (course_id, account_id),
                 FOREIGN KEY (account_id) REFERENCES account (id));
             CREATE TABLE submission (account_id {bigint} NOT NULL, course_id {bigint} NOT NULL, n {bigint} NOT NULL,
                 PRIMARY KEY (account_id, course_id, n),
                 FOREIGN KEY (course_id, account_id) REFERENCES enrolment (course_id, account_id));
             CREATE TABLE mark (course_id {bigint} NOT NULL, account_id {bigint} NOT NULL, remark {text},
                 PRIMARY KEY (course_id, account_id));",
        );
        for id in 1..=3 {
            let closed = if id <= 2 { "'2026-06-01 00:00:00'" } else { "NULL" };
            db.script(&format!("INSERT INTO account VALUES ({id}, {closed})"));
            for course in [7, 8] {
                db.script(&format!("INSERT INTO enrolment VALUES ({id}, {course})"));
                db.script(&format!("INSERT INTO mark VALUES ({course}, {id}, 'good')"));
                db.script(&format!("INSERT INTO submission VALUES ({id}, {course}, 1), ({id}, {course}, 2)"));
            }
        }
        let ran = plan_and_run(&db, &tenure(&db, BY_TWO));
        assert_eq!((people(&ran, "erased"), ran.count("erase:submission.account_id", "done")), (2, 8));
        assert_eq!((db.count("account"), db.count("enrolment"), db.count("submission")), (1, 2, 4));
        assert_eq!((db.count("mark WHERE remark IS NULL"), db.count("mark WHERE account_id = 3 AND remark = 'good'")), (4, 2));
    }
}

const BY_REQUEST: &str = r#"
[subject]
table = "account"
key = "id"
closed = "closed_at"
grace = "7 days"
within = "30 days"
[subject.requests]
table = "request"
key = "account_id"
requested = "made_at"
verified = "made_at IS NOT NULL"
done = "done_at IS NOT NULL"
mark = { done_at = "now" }
[[subject.data]]
table = "account"
column = "id"
action = "redact"
redact = { name = "null" }
[[subject.data]]
table = "note"
column = "account_id"
action = "delete"
[[subject.data]]
table = "request"
column = "account_id"
action = "keep"
reason = "proof of the request"
"#;

on_every_database! {
    fn whoever_only_a_collation_takes_for_the_one_who_asked_is_left_alone(db: TestDb) {
        let (before, text) = match db.dialect {
            Dialect::Sqlite => ("", "text COLLATE NOCASE"),
            Dialect::Postgres => ("CREATE EXTENSION citext;", "citext"),
            Dialect::Mysql => ("", "varchar(40) COLLATE utf8mb4_general_ci"),
        };
        db.create(&format!(
            "{before}
             CREATE TABLE account (id {text} PRIMARY KEY NOT NULL, name {{text}}, closed_at {{ts}});
             CREATE TABLE note (id {{bigint}} PRIMARY KEY, account_id {text});
             CREATE TABLE request (id {{bigint}} PRIMARY KEY, account_id {text}, made_at {{ts}}, done_at {{ts}});
             INSERT INTO account VALUES ('bob', 'Bob', NULL), ('carl', 'Carl', NULL);
             INSERT INTO note VALUES (1, 'bob'), (2, 'carl');
             INSERT INTO request VALUES (1, 'BOB', '2026-06-20 00:00:00', NULL), (2, 'carl', '2026-06-20 00:00:00', NULL);"
        ));
        let tenure = tenure(&db, BY_REQUEST);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((db.count("account WHERE name = 'Bob'"), db.count("note WHERE id = 1")), (1, 1), "nobody asked for it");
        assert_eq!((db.count("account WHERE name = 'Carl'"), db.count("note")), (0, 1));
        assert_eq!(db.scalar("SELECT id FROM request WHERE done_at IS NULL"), 1, "it waits");
        assert_eq!(erasures(&db), 1);
        let refused = tenure.run(&["subject", "erase", "CARL", "--reason", "r"]).expect_code(2);
        assert!(refused.stderr.contains("nobody in `account` has that key"), "{}", refused.stderr);
    }

    fn somebody_whose_key_has_an_accent_can_be_put_on_hold(db: TestDb) {
        let text = if db.dialect == Dialect::Mysql { "varchar(40) COLLATE utf8mb4_unicode_ci" } else { "varchar(40)" };
        db.create(&format!(
            "CREATE TABLE account (id {text} PRIMARY KEY NOT NULL, name {{text}}, closed_at {{ts}});
             CREATE TABLE note (id {{bigint}} PRIMARY KEY, account_id {text});
             CREATE TABLE request (id {{bigint}} PRIMARY KEY, account_id {text}, made_at {{ts}}, done_at {{ts}});
             INSERT INTO account VALUES ('josé', 'J', '2026-06-01 00:00:00'), ('ann', 'A', '2026-06-01 00:00:00');
             INSERT INTO note VALUES (1, 'josé'), (2, 'ann');"
        ));
        let tenure = tenure(&db, BY_REQUEST);
        tenure.run(&["migrate"]).expect_code(0);
        tenure.run(&["hold", "add", "court", "--reason", "a suit", "--by", "legal", "--subject", "josé"]).expect_code(0);
        run(&tenure);
        assert_eq!(db.scalar("SELECT id FROM note"), 1);
    }
}

fn requests_are_somebodys_by(db: &TestDb, uuids: &Uuids) {
    println!("{}", uuids.sql_type);
    let key = uuids.sql_type;
    db.create(&format!(
        "CREATE TABLE account (id {key} NOT NULL PRIMARY KEY, name {{text}}, closed_at {{ts}});
         CREATE TABLE note (id {{bigint}} PRIMARY KEY, account_id {key});
         CREATE TABLE request (id {{bigint}} PRIMARY KEY, account_id {key}, made_at {{ts}}, done_at {{ts}});"
    ));
    for person in 1..=3 {
        let id = uuids.literal(db.dialect, person);
        db.script(&format!("INSERT INTO account VALUES ({id}, 'Person {person}', NULL)"));
        db.script(&format!("INSERT INTO note VALUES ({person}, {id})"));
    }
    // 4 is nobody.
    for person in [2, 4] {
        let id = uuids.literal(db.dialect, person);
        db.script(&format!("INSERT INTO request VALUES ({person}, {id}, '2026-06-20 00:00:00', NULL)"));
    }
    let tenure = tenure(db, BY_REQUEST);
    assert!(tenure.run(&["plan"]).expect_code(0).stdout.contains("2 verified requests for erasure wait"));
    let of_one = tenure.run(&["subject", "status", &Uuids::text(2)]).stdout;
    assert!(of_one.contains("a request in `request`: verified, waits for the next run"), "{of_one}");
    tenure.run(&["run"]).expect_code(0);
    assert_eq!((db.count("account WHERE name IS NULL"), db.count("note"), erasures(db)), (1, 2, 1));
    assert_eq!(db.count("note WHERE id = 2"), 0);
    assert_eq!(db.scalar("SELECT id FROM request WHERE done_at IS NULL"), 4);
}

on_every_database! {
    fn a_request_finds_its_person_by_keys_of_every_type(db: TestDb) {
        for uuids in Uuids::of(db.dialect) {
            requests_are_somebodys_by(&TestDb::new(db.dialect), &uuids);
        }
    }

    fn a_request_whose_key_can_be_nobodys_is_named_by_the_check(db: TestDb) {
        let pairs: &[(&str, &str)] = match db.dialect {
            Dialect::Sqlite => &[("blob", "text"), ("text", "blob"), ("blob", "integer")],
            Dialect::Postgres => &[("uuid", "bigint"), ("bytea", "text"), ("bigint", "uuid"), ("bigint", "timestamptz")],
            Dialect::Mysql => &[("BINARY(16)", "CHAR(36)"), ("BIGINT", "BINARY(16)"), ("BIGINT", "DATETIME(6)")],
        };
        for (people, requests) in pairs {
            let db = TestDb::new(db.dialect);
            db.create(&format!(
                "CREATE TABLE account (id {people} NOT NULL PRIMARY KEY, name {{text}}, closed_at {{ts}});
                 CREATE TABLE note (id {{bigint}} PRIMARY KEY, account_id {people});
                 CREATE TABLE request (id {{bigint}} PRIMARY KEY, account_id {requests}, made_at {{ts}}, done_at {{ts}});"
            ));
            let map = BY_REQUEST.split("[[subject.data]]\ntable = \"request\"").next().expect("a map");
            let told = tenure(&db, map).run(&["check"]).expect_code(2);
            let said = told.stdout + &told.stderr;
            assert!(said.contains("subject.requests") && said.contains("no value of the one is one of the other"), "{people}, {requests}: {said}");
        }
    }
}

/// Letters that the table of people keeps as bytes, as MediaWiki does.
#[test]
fn a_request_in_letters_finds_the_person_whose_key_is_kept_as_bytes() {
    let db = TestDb::new(Dialect::Mysql);
    db.create(
        "CREATE TABLE account (id VARBINARY(255) NOT NULL PRIMARY KEY, name {text}, closed_at {ts});
         CREATE TABLE note (id {bigint} PRIMARY KEY, account_id VARBINARY(255));
         CREATE TABLE request (id {bigint} PRIMARY KEY, account_id VARCHAR(255), made_at {ts}, done_at {ts});
         INSERT INTO account VALUES ('abba', 'A', NULL), (X'ABBA', 'B', NULL), ('josé', 'C', NULL);
         INSERT INTO note VALUES (1, 'abba'), (2, X'ABBA'), (3, 'josé');
         INSERT INTO request VALUES (1, 'abba', '2026-06-20 00:00:00', NULL), (2, 'José', '2026-06-20 00:00:00', NULL);",
    );
    let map = BY_REQUEST.split("[[subject.data]]\ntable = \"request\"").next().expect("a map");
    tenure(&db, map).run(&["run"]).expect_code(0);
    assert_eq!((db.count("note WHERE id = 1"), db.count("note")), (0, 2));
    assert_eq!(db.scalar("SELECT id FROM request WHERE done_at IS NULL"), 2);
}

/// SQLite keeps 1 as 1.0 in a column of type REAL, and lets any text stand beside its numbers.
#[test]
fn a_number_is_the_same_in_every_numeric_column_of_sqlite_and_nothing_else_is() {
    for (declared, by_reference) in
        [("real", false), ("double", false), ("numeric", false), ("decimal(10,2)", false), ("real", true)]
    {
        println!("{declared}, by a foreign key: {by_reference}");
        let db = TestDb::new(Dialect::Sqlite);
        let reference = if by_reference { "REFERENCES account (id)" } else { "" };
        db.script(&format!(
            "PRAGMA foreign_keys = OFF;
             CREATE TABLE account (id integer PRIMARY KEY, name text, closed_at timestamp);
             CREATE TABLE note (id integer PRIMARY KEY, account_id {declared} {reference});
             CREATE TABLE request (id integer PRIMARY KEY, account_id {declared}, made_at timestamp, done_at timestamp);
             INSERT INTO account VALUES (1, 'A', '2026-06-01 00:00:00'), (2, 'B', NULL), (3, 'C', NULL), (0, 'D', NULL);
             INSERT INTO note VALUES (1, 1), (2, 2), (3, '1'), (4, '1abc'), (5, 1.5), (6, '1 x'), (7, 0), (8, x'31'), (9, NULL);
             INSERT INTO request VALUES (1, 3, '2026-06-20 00:00:00', NULL);"
        ));
        tenure(&db, BY_REQUEST).run(&["run"]).expect_code(0);
        assert_eq!(ids(&db, "note"), [2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(
            (ids(&db, "account WHERE name IS NULL"), db.count("request WHERE done_at IS NULL")),
            (vec![1, 3], 0)
        );
    }
}

on_every_database! {
    /// Of bytes that are no text, and of some that are; what bears its placeholder is not redacted again.
    fn a_placeholder_bears_a_key_of_bytes_by_its_digits(db: TestDb) {
        let [kind, before, after] = match db.dialect {
            Dialect::Sqlite => ["blob", "x'", "'"],
            Dialect::Postgres => ["bytea", "'\\x", "'"],
            Dialect::Mysql => ["binary(4)", "x'", "'"],
        };
        db.create(&format!(
            "CREATE TABLE account (id {kind} NOT NULL PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, closed_at {{ts}});
             INSERT INTO account VALUES ({before}0011aaff{after}, 'a@example.org', '2026-06-01 00:00:00'),
                 ({before}00ffaaff{after}, 'b@example.org', '2026-06-01 00:00:00'),
                 ({before}61626364{after}, 'c@example.org', '2026-06-01 00:00:00'),
                 ({before}61626365{after}, 'd@example.org', NULL);"
        ));
        let map = "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"30 days\"\n\
                   [[subject.data]]\ntable = \"account\"\ncolumn = \"id\"\naction = \"redact\"\n\
                   redact = { email = { placeholder = \"deleted-{id}\" } }\n";
        assert_eq!(people(&plan_and_run(&db, &tenure(&db, map)), "erased"), 3);
        let prefix = if db.dialect == Dialect::Postgres { "\\x" } else { "" };
        let rows = db.rows("SELECT email FROM account ORDER BY id");
        let expected = ["0011aaff", "00ffaaff", "61626364"].map(|digits| format!("deleted-{prefix}{digits}"));
        let expected: Vec<_> = expected.into_iter().chain(["d@example.org".to_owned()]).map(|text| [Value::Text(text)]).collect();
        assert_eq!(rows, expected);
    }
}

/// SQLite holds a foreign key under the type and collation of what it refers to, and a row that refers to somebody is theirs.
#[test]
fn a_row_of_sqlite_is_whose_its_foreign_key_says_that_it_is() {
    // The key's column, three keys of which the first is the closed account's; the column that refers to it; what is the closed
    // account's there, and what is the others'.
    let cases = [
        ("text COLLATE NOCASE", ["'bob'", "'bo'", "'ann'"], "text", &["'bob'", "'BOB'"][..], &["'ANN'", "'Bo'"][..]),
        ("text COLLATE RTRIM", ["'bob'", "'bo'", "'ann'"], "text", &["'bob  '"], &["'ann '", "'bo'"]),
        ("integer", ["5", "50", "6"], "text", &["'5'", "'05'", "'5.0'"], &["'06'", "'50'"]),
        ("integer", ["5", "50", "6"], "", &["5", "5.0", "'5'"], &["6.0", "'50'"]),
        ("text", ["'5'", "'05'", "'6'"], "integer", &["5"], &["6"]),
    ];
    for (key, keys, refers, his, others) in cases {
        println!("{key} {keys:?}, {refers} {his:?}");
        let db = TestDb::new(Dialect::Sqlite);
        db.script(&format!(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE account (id {key} NOT NULL PRIMARY KEY, closed_at timestamp);
             CREATE TABLE post (id integer PRIMARY KEY, account_id {refers} REFERENCES account (id));
             CREATE TABLE vote (id integer PRIMARY KEY, post_id text REFERENCES post (id));
             INSERT INTO account VALUES ({}, '2026-06-01 00:00:00'), ({}, NULL), ({}, NULL);",
            keys[0], keys[1], keys[2]
        ));
        for (at, value) in his.iter().chain(others).enumerate() {
            db.script(&format!("INSERT INTO post VALUES ({at}, {value}); INSERT INTO vote VALUES ({at}, '0{at}')"));
        }
        let map = "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"30 days\"\n"
            .to_owned()
            + &entry("vote", "post_id -> post.account_id")
            + &entry("post", "account_id")
            + &entry("account", "id");
        let tenure = tenure(&db, &map);
        plan_and_run(&db, &tenure);
        let stay: Vec<_> = (his.len()..his.len() + others.len()).map(|id| i64::try_from(id).unwrap()).collect();
        assert_eq!((ids(&db, "post"), ids(&db, "vote"), db.count("account")), (stay.clone(), stay, 2));
    }
}

fn entry(table: &str, column: &str) -> String {
    format!("[[subject.data]]\ntable = \"{table}\"\ncolumn = \"{column}\"\naction = \"delete\"\n")
}

/// SQLite takes any bytes for a text.
#[test]
fn whose_key_is_no_utf_8_stays_for_that_reason_and_the_others_go() {
    let db = TestDb::new(Dialect::Sqlite);
    db.script(
        "CREATE TABLE account (id text PRIMARY KEY NOT NULL, name text, closed_at timestamp);
         CREATE TABLE note (id integer PRIMARY KEY, account_id text);
         CREATE TABLE request (id integer PRIMARY KEY, account_id text, made_at timestamp, done_at timestamp);
         INSERT INTO account VALUES (CAST(x'ff41' AS text), 'A', '2026-06-01 00:00:00'), ('ok', 'B', '2026-06-01 00:00:00'),
             ('\u{fffd}', 'C', '2026-06-01 00:00:00');
         INSERT INTO note VALUES (1, CAST(x'ff41' AS text)), (2, 'ok'), (3, '\u{fffd}');",
    );
    let ran = run_at(&tenure(&db, BY_REQUEST), AS_OF, 1);
    assert_eq!((people(&ran, "erased"), ids(&db, "note"), db.count("account WHERE name IS NULL")), (2, vec![1], 2));
    for entry in ["erase:note.account_id", "erase:account.id"] {
        let error = ran.rule(entry)["error"].to_string();
        assert!(error.contains("their `id` in `account` is no UTF-8 text"), "{error}");
    }
}

/// 2^53 + 1 is kept as 2^53 in floating point, which may be somebody else.
#[test]
fn whoever_a_floating_point_number_cannot_tell_apart_is_not_taken_for_another_one() {
    let db = TestDb::new(Dialect::Sqlite);
    db.script(
        "CREATE TABLE account (id integer PRIMARY KEY, name text, closed_at timestamp);
         CREATE TABLE note (id integer PRIMARY KEY, account_id real);
         CREATE TABLE request (id integer PRIMARY KEY, account_id real, made_at timestamp, done_at timestamp);
         INSERT INTO account VALUES (9007199254740992, 'A', '2026-06-01 00:00:00'), (9007199254740993, 'B', NULL);
         INSERT INTO note VALUES (1, 9007199254740993);",
    );
    tenure(&db, BY_REQUEST).run(&["run"]).expect_code(0);
    assert_eq!((ids(&db, "account WHERE name IS NULL"), ids(&db, "note")), (vec![9_007_199_254_740_992], vec![1]));
}

/// A request that names nothing that could be a key waits, and lets the others go.
#[test]
fn a_request_for_what_is_no_uuid_is_nobodys() {
    let db = TestDb::new(Dialect::Postgres);
    db.create(
        "CREATE TABLE account (id uuid PRIMARY KEY, name text, closed_at timestamptz);
         CREATE TABLE note (id bigint PRIMARY KEY, account_id uuid);
         CREATE TABLE request (id bigint PRIMARY KEY, account_id text, made_at timestamptz, done_at timestamptz);
         INSERT INTO account VALUES ('0a000001-bcde-4f00-8000-0000000000ff', 'A', NULL);
         INSERT INTO note VALUES (1, '0a000001-bcde-4f00-8000-0000000000ff');
         INSERT INTO request VALUES (1, 'nosuchperson', '2026-06-20', NULL), (2, '', '2026-06-20', NULL),
             (3, '0A000001-BCDE-4F00-8000-0000000000FF', '2026-06-20', NULL);",
    );
    tenure(&db, BY_REQUEST).run(&["run"]).expect_code(0);
    assert_eq!((db.count("note"), db.count("request WHERE done_at IS NULL")), (0, 2));
}
