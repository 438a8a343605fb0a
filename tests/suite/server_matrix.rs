//! The same rows go and stay on servers whose settings are legal and hostile. The settings are drawn at random; the seed is
//! printed, and `TENURE_MATRIX_SEED` repeats one draw.

use std::fmt::Write as _;

use tenure::db::{Access, Connection, Dialect, Mode, Statement};

use crate::harness::story::{AS_OF, delete_rule, edges, ids, policy};
use crate::harness::{Tenure, TestDb};

/// Draws for each kind of server.
const DRAWS: u64 = 3;

/// Settings of a database or a role of PostgreSQL, each of which changed or refused something once, or could.
const POSTGRES: [&str; 23] = [
    "default_transaction_read_only = on",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_isolation = 'read uncommitted'",
    "default_transaction_deferrable = on",
    "statement_timeout = '300ms'",
    "lock_timeout = '1ms'",
    "DateStyle = 'German, DMY'",
    "DateStyle = 'SQL, MDY'",
    "IntervalStyle = 'sql_standard'",
    "TimeZone = 'Pacific/Kiritimati'",
    "bytea_output = 'escape'",
    "extra_float_digits = -15",
    "standard_conforming_strings = off",
    "backslash_quote = on",
    "transform_null_equals = on",
    "array_nulls = off",
    "row_security = on",
    "session_replication_role = replica",
    "quote_all_identifiers = on",
    "client_min_messages = 'debug5'",
    "search_path = twin, public, pg_catalog",
    "enable_seqscan = off",
    "client_encoding = 'LATIN1'",
];

/// Global variables of MariaDB.
const MYSQL: [&str; 25] = [
    "sql_select_limit = 1",
    "sql_safe_updates = 1",
    "sql_big_selects = 0",
    "max_join_size = 1",
    "sql_auto_is_null = 1",
    "completion_type = 'CHAIN'",
    "completion_type = 'RELEASE'",
    "foreign_key_checks = 0",
    "unique_checks = 0",
    "check_constraint_checks = 0",
    "group_concat_max_len = 4",
    "max_sort_length = 64",
    "max_recursive_iterations = 3",
    "max_statement_time = 1",
    "time_zone = '-11:00'",
    "sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'",
    "sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE'",
    "sql_mode = ''",
    "sql_mode = 'TRADITIONAL,NO_UNSIGNED_SUBTRACTION'",
    "tx_isolation = 'SERIALIZABLE'",
    "tx_isolation = 'READ-UNCOMMITTED'",
    "tx_read_only = 1",
    "binlog_format = 'STATEMENT'",
    "lc_messages = 'de_DE'",
    "lock_wait_timeout = 1",
];

/// A small generator of numbers, the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Each with a chance of one in three; of two settings of one variable the later one counts.
    fn some<'a>(&mut self, all: &[&'a str]) -> Vec<&'a str> {
        all.iter().filter(|_| self.next().is_multiple_of(3)).copied().collect()
    }
}

fn seeds() -> Vec<u64> {
    match std::env::var("TENURE_MATRIX_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
            (0..DRAWS).map(|draw| now.wrapping_add(draw.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1).collect()
        }
    }
}

/// Messages of a thread that answer each other; the last one is held.
const DEPTH: i64 = 1_100;

fn fill(db: &TestDb) {
    db.create(
        "CREATE TABLE parcel (id {pk}, state {text}, at {ts});
         CREATE INDEX parcel_at ON parcel (at);
         CREATE TABLE post (id {pk}, answers {bigint}, kept {bigint}, at {ts},
                            FOREIGN KEY (answers) REFERENCES post (id));
         CREATE INDEX post_at ON post (at);
         CREATE INDEX post_answers ON post (answers);
         CREATE TABLE visitor (id {pk}, phone {text}, at {ts});
         CREATE INDEX visitor_at ON visitor (at);
         CREATE TABLE visit (id {pk}, visitor_id {bigint} NOT NULL, seconds {bigint}, at {ts},
                             FOREIGN KEY (visitor_id) REFERENCES visitor (id) ON DELETE CASCADE);
         CREATE INDEX visit_visitor ON visit (visitor_id);",
    );
    let [before, on, after] = edges();
    db.script(&format!(
        "INSERT INTO parcel (id, state, at) VALUES (1, 'sent', {before}), (2, 'lost', {before}), (3, 'sent', {on}),
                (4, 'sent', {after}), (5, 'sent', NULL);
         INSERT INTO visitor (id, phone, at) VALUES (1, '555', {before}), (2, '556', {after}), (3, NULL, {before});
         INSERT INTO visit (id, visitor_id, seconds, at) VALUES (1, 1, 30, {before}), (2, 1, 40, {after});"
    ));
    let mut posts = "INSERT INTO post (id, answers, kept, at) VALUES ".to_owned();
    for id in 1..=DEPTH {
        let answers = if id == 1 { "NULL".to_owned() } else { (id - 1).to_string() };
        let _ = write!(posts, "({id}, {answers}, {}, {before}), ", u8::from(id == DEPTH));
    }
    db.script(&format!("{posts}(9001, NULL, 0, {before}), (9002, 9001, 0, {after})"));
}

fn schedule() -> String {
    let rule = |name: &str, table: &str, rest: &str| {
        format!("[[rule]]\nname = \"{name}\"\ntable = \"{table}\"\nanchor = \"at\"\nretain = \"30 days\"\n{rest}\n")
    };
    policy(&[
        rule("parcels", "parcel", "action = \"delete\"\nwhere = \"state <> 'lost'\""),
        rule("posts", "post", "action = \"delete\"\nwhere = \"answers IS NULL\"\ncascade = [{ table = \"post\", column = \"answers\" }]"),
        rule("phones", "visitor", "action = \"redact\"\nredact = { phone = \"hmac\" }"),
        rule("visits", "visit", "action = \"delete\""),
        "[[hold]]\nname = \"court\"\ntable = \"post\"\nwhere = \"kept = 1\"\nreason = \"court order\"\n".to_owned(),
    ]
    .concat())
}

/// The plan and the run on this database do what they do on any other.
fn the_same_rows_go(db: &TestDb, url: &str, settings: &str) {
    let tenure = Tenure::at_url(url)
        .file("key", "0123456789abcdef0123456789abcdef")
        .config(&format!("hmac_key_file = \"key\"\n[database.main]\nurl = \"{url}\""))
        .schedule(&schedule());
    let planned = tenure.run(&["plan", "--json", "--as-of", AS_OF]);
    assert_eq!(planned.code, 0, "{settings}: {}", planned.stderr);
    let ran = tenure.run(&["run", "--yes", "--json", "--as-of", AS_OF]);
    assert_eq!(ran.code, 0, "{settings}: {}", ran.stderr);
    assert_eq!(ids(db, "parcel"), [2, 3, 4, 5], "{settings}");
    assert_eq!(ids(db, "visit"), [2], "{settings}");
    let posts = ids(db, "post");
    assert_eq!((posts.len() as i64, posts.last()), (DEPTH, Some(&DEPTH)), "{settings}: the held thread stays whole");
    let phones = db.rows("SELECT phone FROM visitor ORDER BY id");
    // printf 555 | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef -r | cut -c-32
    assert_eq!(
        format!("{phones:?}").matches("hmac:c518a2fb88327a9d2d795056959baeef").count(),
        1,
        "{settings}: {phones:?}"
    );
    assert!(format!("{phones:?}").contains("556"), "{settings}: {phones:?}");
    assert_eq!(tenure.run(&["verify"]).code, 0, "{settings}");
}

/// Behind a pooler of transactions the next client gets the session as it is left.
#[test]
fn no_setting_of_a_session_outlives_its_transaction() {
    let db = TestDb::new(Dialect::Postgres);
    fill(&db);
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let mut conn = Connection::open(db.url(), access).unwrap();
        let count = Statement { sql: "SELECT count(*) FROM parcel".to_owned(), binds: vec![] };
        conn.query(&count).unwrap();
        conn.transaction(Mode::ReadOnly, |conn| conn.query(&count)).unwrap();
        // A script that stands in no transaction is sent as it is. The driver sets the two that it leaves out.
        conn.script(
            "DO $$ BEGIN IF EXISTS (SELECT FROM pg_settings WHERE source = 'session' AND name NOT IN ('TimeZone', 'client_encoding'))
             THEN RAISE EXCEPTION 'a setting is left'; END IF; END $$; CREATE TABLE written (id int); DROP TABLE written",
        )
        .unwrap();
        assert!(conn.query(&Statement { sql: "SELECT * FROM nowhere".to_owned(), binds: vec![] }).is_err());
        assert_eq!(conn.query(&count).unwrap().len(), 1, "an error breaks off its own transaction only");
    }
}

#[test]
fn what_cannot_be_set_is_said() {
    let db = TestDb::new(Dialect::Postgres);
    fill(&db);
    let name = db.url().rsplit('/').next().unwrap().to_owned();
    let url = db.role(
        "plain",
        &[
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
            "GRANT CREATE ON DATABASE {db} TO {role}",
            &format!("ALTER ROLE {{role}} IN DATABASE {name} SET session_replication_role = replica"),
        ],
    );
    let refused = Tenure::at_url(&url)
        .schedule(&schedule().replace("redact = { phone = \"hmac\" }", "redact = { phone = \"null\" }"));
    let refused = refused.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(1);
    assert!(refused.stderr.contains("session_replication_role"), "{}", refused.stderr);
    assert_eq!(db.count("post"), DEPTH + 2);
}

#[test]
fn on_postgres() {
    for seed in seeds() {
        let drawn = Dice(seed).some(&POSTGRES);
        let settings = format!("TENURE_MATRIX_SEED={seed}: {drawn:?}");
        println!("{settings}");
        let db = TestDb::new(Dialect::Postgres);
        fill(&db);
        // A function and a table of the application's that could stand in for the server's, and for the rule's.
        db.script(
            "CREATE SCHEMA twin; CREATE FUNCTION twin.concat_ws(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
             CREATE FUNCTION twin.count(bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT 0::bigint $$;",
        );
        let name = db.url().rsplit('/').next().unwrap().to_owned();
        for setting in &drawn {
            let (variable, value) = setting.split_once(" = ").unwrap();
            db.open()
                .script(&format!(
                    "SET default_transaction_read_only = off; ALTER DATABASE {name} SET {variable} = {value}"
                ))
                .unwrap();
        }
        the_same_rows_go(&db, db.url(), &settings);
    }
}

/// Sets variables of the whole server, and sets them back: over a connection that was there before them.
struct Globals {
    conn: Connection,
    before: Vec<(String, String)>,
}

impl Globals {
    fn set(db: &TestDb, settings: &[&str]) -> Self {
        let mut globals = Self { conn: db.open(), before: Vec::new() };
        for setting in settings {
            let (variable, _) = setting.split_once(" = ").unwrap();
            let sql = format!("SELECT CAST(@@global.{variable} AS CHAR)");
            let rows = globals.conn.query(&Statement { sql, binds: vec![] }).unwrap();
            let text = rows[0].text(0).unwrap_or_else(|| panic!("{variable}: {rows:?}")).to_owned();
            let is_number = text.parse::<f64>().is_ok();
            globals.before.push((variable.to_owned(), if is_number { text } else { format!("'{text}'") }));
        }
        for setting in settings {
            globals.conn.script(&format!("SET GLOBAL {setting}")).unwrap_or_else(|error| panic!("{setting}: {error}"));
        }
        globals
    }
}

impl Drop for Globals {
    fn drop(&mut self) {
        for (variable, value) in self.before.iter().rev() {
            self.conn
                .script(&format!("SET GLOBAL {variable} = {value}"))
                .expect("the server's variable can be set back");
        }
    }
}

#[test]
fn on_mysql() {
    let db = TestDb::alone(Dialect::Mysql);
    for seed in seeds() {
        let drawn = Dice(seed).some(&MYSQL);
        let settings = format!("TENURE_MATRIX_SEED={seed}: {drawn:?}");
        println!("{settings}");
        db.script("DROP TABLE IF EXISTS visit, visitor, post, parcel");
        fill(&db);
        let _globals = Globals::set(&db, &drawn);
        the_same_rows_go(&db, db.url(), &settings);
    }
}

#[test]
fn a_setting_under_which_nothing_is_certain_is_named() {
    let db = TestDb::alone(Dialect::Mysql);
    fill(&db);
    for setting in ["autocommit = 0", "system_versioning_asof = '2020-01-01'", "sql_mode = 'ORACLE'"] {
        let _globals = Globals::set(&db, &[setting]);
        let variable = setting.split(' ').next().unwrap();
        let tenure = Tenure::at(&db).schedule(&schedule().replace("\"hmac\"", "\"null\""));
        let refused = tenure.run(&["run", "--yes", "--as-of", AS_OF]);
        assert_ne!(refused.code, 0, "{setting}");
        assert!(format!("{}{}", refused.stdout, refused.stderr).contains(variable), "{setting}: {}", refused.stderr);
    }
}

#[test]
fn a_word_in_double_quotes_is_a_column_or_a_text_and_never_the_wrong_one() {
    let db = TestDb::alone(Dialect::Mysql);
    fill(&db);
    let schedule = policy(&delete_rule("parcels", "parcel", r#"where = "\"state\" <> 'lost'""#));
    let refused = Tenure::at(&db).schedule(&schedule).run(&["run", "--yes", "--as-of", AS_OF]);
    assert_ne!(refused.code, 0);
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("is a column"), "{}", refused.stderr);
    assert_eq!(db.count("parcel"), 5);
    let _globals = Globals::set(&db, &["sql_mode = 'ANSI_QUOTES'"]);
    Tenure::at(&db).schedule(&schedule).run(&["run", "--yes", "--as-of", AS_OF]).expect_code(0);
    assert_eq!(ids(&db, "parcel"), [2, 3, 4, 5]);
}

#[test]
fn on_sqlite() {
    for encoding in ["UTF-8", "UTF-16le", "UTF-16be"] {
        let db = TestDb::new(Dialect::Sqlite);
        db.script(&format!("PRAGMA encoding = '{encoding}'; PRAGMA journal_mode = WAL;"));
        fill(&db);
        the_same_rows_go(&db, db.url(), encoding);
    }
}
