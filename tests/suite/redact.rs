//! Redaction: the row stays, what leads to a person goes, and what was redacted once is left alone.

use tenure::db::{Dialect, Value};

use crate::harness::story::{AS_OF, Told, delete_rule, edges, plan_and_run, policy};
use crate::harness::{Tenure, TestDb};

const KEY: &str = "0123456789abcdef0123456789abcdef-house";

/// The rule `r` on the table `t` with these redactions.
fn redact_rule(redactions: &str) -> String {
    delete_rule("r", "t", &format!("guard = {{ max_share = 1 }}\n[rule.redact]\n{redactions}"))
        .replace("\"delete\"", "\"redact\"")
}

fn redact(db: &TestDb, redactions: &str) -> Told {
    plan_and_run(db, &Tenure::at(db).schedule(&policy(&redact_rule(redactions))))
}

/// Old rows with one column `v` of this type, numbered from 0.
fn values(db: &TestDb, column: &str, values: &[&str]) {
    db.create(&format!("CREATE TABLE t (id {{bigint}} PRIMARY KEY, at {{ts}}, v {column});"));
    for (id, value) in values.iter().enumerate() {
        db.script(&format!("INSERT INTO t VALUES ({id}, '2020-01-01 00:00:00', {value})"));
    }
}

/// The values of `v` as text, in the order of the ids.
fn left(db: &TestDb) -> Vec<Option<String>> {
    let text = match db.dialect {
        Dialect::Mysql => "CAST(v AS CHAR)",
        Dialect::Sqlite | Dialect::Postgres => "CAST(v AS text)",
    };
    let rows = db.rows(&format!("SELECT {text} FROM t ORDER BY id"));
    rows.into_iter()
        .map(|row| match row.into_iter().next() {
            Some(Value::Text(text)) => Some(text),
            Some(Value::Null) => None,
            other => panic!("no text but {other:?}"),
        })
        .collect()
}

/// `["a", "NULL"]` as [`left`] gives them.
fn texts(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| (*value != "NULL").then(|| (*value).to_owned())).collect()
}

on_every_database! {
    fn what_refers_to_a_value_keeps_it_and_what_lets_go_before_does_not(db: TestDb) {
        db.create(
            "CREATE TABLE t (id {bigint} PRIMARY KEY, v varchar(50) UNIQUE, at {ts});
             CREATE TABLE letter (id {bigint} PRIMARY KEY, v varchar(50), at {ts},
                 FOREIGN KEY (v) REFERENCES t (v) ON UPDATE CASCADE);
             INSERT INTO t VALUES (1, 'a', '2020-01-01 00:00:00'), (2, 'b', '2020-01-01 00:00:00'),
                 (3, 'c', '2020-01-01 00:00:00');
             INSERT INTO letter VALUES (1, 'a', '2020-01-01 00:00:00'), (2, 'b', '2026-06-29 00:00:00');",
        );
        let rule = redact_rule("v = { placeholder = \"gone-{id}\" }");
        let hold = "[[hold]]\nname = \"tax\"\ntable = \"letter\"\nreason = \"tax\"\n";
        let before = db.rows("SELECT id, v FROM letter ORDER BY id");
        let ran = plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&(rule.clone() + hold))));
        assert_eq!((ran.count("r", "done"), ran.count("r", "blocked")), (1, 2));
        assert_eq!(db.rows("SELECT id, v FROM letter ORDER BY id"), before, "a row under a hold has changed");
        let letters = delete_rule("letters", "letter", "guard = { max_share = 1 }\n[rule.redact]\nv = \"null\"")
            .replace("\"delete\"", "\"redact\"");
        let ran = plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&(rule + &letters))));
        assert_eq!((ran.count("letters", "done"), ran.count("r", "done"), ran.count("r", "blocked")), (1, 1, 1));
        assert_eq!(db.count("t WHERE v = 'b'"), 1);
    }

    fn only_rows_strictly_older_than_the_period_are_redacted_and_only_in_the_named_columns(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint} PRIMARY KEY, at {tstz}, v {text}, other {text});");
        for (id, at) in edges().iter().enumerate() {
            db.script(&format!("INSERT INTO t VALUES ({id}, {at}, 'a', 'b')"));
        }
        let ran = redact(&db, "v = \"null\"");
        assert_eq!(left(&db), texts(&["NULL", "a", "a"]));
        assert_eq!((ran.count("r", "done"), db.count("t WHERE other = 'b'")), (1, 3));
    }

    fn what_bears_nothing_to_redact_is_not_counted(db: TestDb) {
        values(&db, "{text}", &["'a'", "NULL", "'b'"]);
        let ran = redact(&db, "v = \"null\"");
        assert_eq!((ran.count("r", "eligible"), ran.count("r", "done")), (2, 2));
    }

    fn a_fixed_value_takes_the_place_of_any_other_and_of_none(db: TestDb) {
        values(&db, "{text}", &["'a'", "NULL", "'removed'", "''"]);
        let ran = redact(&db, "v = { set = \"removed\" }");
        assert_eq!(left(&db), texts(&["removed", "removed", "removed", "removed"]));
        assert_eq!(ran.count("r", "done"), 3);
    }

    fn fixed_numbers_and_truths_fit_their_columns(db: TestDb) {
        db.create(
            "CREATE TABLE t (id {bigint} PRIMARY KEY, at {ts}, n {bigint}, small smallint, flag {bool}, share real, price numeric(8,2));
             INSERT INTO t VALUES (1, '2020-01-01 00:00:00', 7, 7, TRUE, 0.7, 7.77), (2, '2020-01-01 00:00:00', NULL, NULL, NULL, NULL, NULL);",
        );
        redact(&db, "n = { set = 0 }\nsmall = { set = 1 }\nflag = { set = false }\nshare = { set = 0.5 }\nprice = { set = 1.5 }");
        assert_eq!(db.count("t WHERE n = 0 AND small = 1 AND NOT flag AND share = 0.5 AND price = 1.5"), 2);
    }

    fn a_fixed_number_that_the_column_cannot_hold_exactly_is_set_once(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint} PRIMARY KEY, at {ts}, share real);
                   INSERT INTO t VALUES (1, '2020-01-01 00:00:00', 0.7);");
        redact(&db, "share = { set = 0.1 }");
    }

    fn addresses_lose_their_host(db: TestDb) {
        values(&db, "{text} NULL", &["'192.0.2.77'", "'10.0.0.0'", "'255.255.255.255'", "'2001:db8:85a3:8d3:1319:8a2e:370:7348'",
            "'2001:db8:85a3::1'", "'fe80::1'", "'::1'", "'::ffff:192.0.2.77'", "NULL"]);
        let ran = redact(&db, "v = \"truncate-ip\"");
        let expected = ["192.0.2.0", "10.0.0.0", "255.255.255.0", "2001:db8:85a3::", "2001:db8:85a3::", "fe80::", "::", "::", "NULL"];
        assert_eq!(left(&db), texts(&expected));
        assert_eq!(ran.count("r", "done"), 7, "an address without a host has none to lose");
    }

    fn what_is_no_address_is_emptied(db: TestDb) {
        values(&db, "{text} NULL", &["'localhost'", "''", "'alice@example.org'", "'192.0.2'", "'192.0.2.1.1'", "'300.1.2.3'",
            "'192.0.2.1, 198.51.100.7'", "'192.0.2.1:8080'", "'dead:beef'", "'12345::1'", "'1:2:3:4:5:6:7:8:9'", "'fe80::1%eth0'", "'::1::2'"]);
        redact(&db, "v = \"truncate-ip\"");
        assert_eq!(left(&db), vec![None; 13]);
    }

    fn dates_keep_their_year(db: TestDb) {
        values(&db, "date", &["'1984-07-13'", "'2000-01-01'", "NULL"]);
        let ran = redact(&db, "v = \"year\"");
        assert_eq!(left(&db), texts(&["1984-01-01", "2000-01-01", "NULL"]));
        assert_eq!(ran.count("r", "done"), 1);
    }

    fn times_keep_their_year(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint} PRIMARY KEY, at {ts}, born {ts}, seen {tstz} NULL);
                   INSERT INTO t VALUES (1, '2020-01-01 00:00:00', '1984-07-13 10:20:30.5', '2019-12-31 23:59:59.999999');");
        redact(&db, "born = \"year\"\nseen = \"year\"");
        assert_eq!(db.count("t WHERE born = '1984-01-01 00:00:00' AND seen = '2019-01-01 00:00:00'"), 1);
    }

    fn a_keyed_hash_is_the_same_on_every_database(db: TestDb) {
        values(&db, "{text}", &["'alice@example.org'", "'Zoë'", "''", "'alice@example.org'", "NULL"]);
        let tenure = Tenure::at(&db).file("key", KEY).config("hmac_key_file = \"key\"").schedule(&policy(&redact_rule("v = \"hmac\"")));
        plan_and_run(&db, &tenure);
        // HMAC-SHA-256 of the UTF-8 text under KEY, its first 128 bits; computed elsewhere.
        let alice = "hmac:d0f1ba0e8693abc32819c4ffaad18621";
        let expected = [alice, "hmac:26ba70838511823fe7ca75909c33a95d", "hmac:bc2fb15eb35f3cf07e3386370779c06b", alice, "NULL"];
        assert_eq!(left(&db), texts(&expected));
    }

    fn a_text_that_only_begins_like_a_hash_is_hashed(db: TestDb) {
        values(&db, "{text}", &["'hmac:alice@example.org'", "'HMAC:D0F1BA0E8693ABC32819C4FFAAD18621'", "'hmac:d0f1ba0e8693abc32819c4ffaad18621'"]);
        let tenure = Tenure::at(&db).file("key", KEY).config("hmac_key_file = \"key\"").schedule(&policy(&redact_rule("v = \"hmac\"")));
        plan_and_run(&db, &tenure);
        let left = left(&db);
        assert_eq!(left[0].as_deref(), Some("hmac:8e642210a151eb6e736bfeef812531f7"));
        assert_ne!(left[1].as_deref().map(str::to_lowercase).as_deref(), Some("hmac:d0f1ba0e8693abc32819c4ffaad18621"));
        assert_eq!(left[2].as_deref(), Some("hmac:d0f1ba0e8693abc32819c4ffaad18621"), "a hash is not hashed again");
    }

    fn a_placeholder_keeps_a_unique_column_unique(db: TestDb) {
        values(&db, "{text} NOT NULL UNIQUE", &["'alice@example.org'", "'bob@example.org'", "'deleted-2'"]);
        let ran = redact(&db, "v = { placeholder = \"deleted-{id}\" }");
        assert_eq!(left(&db), texts(&["deleted-0", "deleted-1", "deleted-2"]));
        assert_eq!(ran.count("r", "done"), 2);
    }

    fn what_a_collation_takes_for_redacted_is_redacted(db: TestDb) {
        values(&db, "{text}", &["'Removed'", "'rémoved'", "'removed '", "'removed'"]);
        let ran = redact(&db, "v = { set = \"removed\" }");
        assert_eq!(left(&db), texts(&["removed", "removed", "removed", "removed"]));
        assert_eq!(ran.count("r", "done"), 3);
        db.script("UPDATE t SET v = 'DELETED-3' WHERE id = 3");
        redact(&db, "v = { placeholder = \"deleted-{id}\" }");
        assert_eq!(left(&db), texts(&["deleted-0", "deleted-1", "deleted-2", "deleted-3"]));
    }

    fn a_text_that_does_not_fit_is_refused_and_never_cut(db: TestDb) {
        let long = if db.dialect == Dialect::Sqlite { return } else { "varchar(8)" };
        values(&db, long, &["'a'", "'b'"]);
        for (redactions, reason) in [
            ("v = { set = \"far too long\" }", "holds 8 characters"),
            ("v = { placeholder = \"deleted-{id}\" }", "holds 8 characters"),
            ("v = { placeholder = \"gone-{at}\" }", "a text has more characters than its column holds"),
        ] {
            let tenure = Tenure::at(&db).schedule(&policy(&redact_rule(redactions)));
            let ran = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(1).json());
            let error = ran.rule("r")["error"].as_str().unwrap();
            assert!(error.contains(reason), "{redactions}: {error}");
            assert_eq!(left(&db), texts(&["a", "b"]));
        }
        redact(&db, "v = { placeholder = \"gone-{id}\" }");
        assert_eq!(left(&db), texts(&["gone-0", "gone-1"]));
    }

    fn several_columns_are_redacted_at_once_and_a_row_counts_once(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint} PRIMARY KEY, at {ts}, ip {text} NULL, agent {text});
                   INSERT INTO t VALUES (1, '2020-01-01 00:00:00', '192.0.2.7', 'x'), (2, '2020-01-01 00:00:00', '192.0.2.0', 'x'),
                                        (3, '2020-01-01 00:00:00', '192.0.2.0', NULL);");
        let ran = redact(&db, "ip = \"truncate-ip\"\nagent = \"null\"");
        assert_eq!((ran.count("r", "done"), db.count("t WHERE ip = '192.0.2.0' AND agent IS NULL")), (2, 3));
    }

    fn a_redaction_that_cannot_work_is_refused_with_its_remedy_and_the_others_go_on(db: TestDb) {
        values(&db, "{text} NOT NULL", &["'a'"]);
        db.create("CREATE TABLE other (id {bigint}, at {ts}); INSERT INTO other VALUES (1, '2020-01-01 00:00:00');");
        for (redactions, remedy) in [
            ("v = \"null\"", "placeholder"),
            ("id = { set = 1 }", "primary key"),
            ("v = \"hmac\"", "hmac_key_file"),
            ("w = \"null\"", "did you mean"),
        ] {
            let rules = redact_rule(redactions) + &delete_rule("others", "other", "");
            let tenure = Tenure::at(&db).schedule(&policy(&rules));
            let ran = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(1).json());
            assert_eq!(ran.rule("others")["status"], "ok");
            let error = ran.rule("r")["error"].as_str().unwrap();
            assert!(error.contains(remedy), "{redactions}: {error}");
        }
        assert_eq!((left(&db), db.count("other")), (texts(&["a"]), 0));
    }
}

#[test]
fn typed_addresses_of_postgresql_lose_their_host() {
    let db = TestDb::new(Dialect::Postgres);
    values(&db, "inet", &["'192.0.2.77'", "'192.0.2.77/16'", "'2001:db8:85a3:8d3::1'", "NULL"]);
    redact(&db, "v = \"truncate-ip\"");
    assert_eq!(left(&db), texts(&["192.0.2.0/32", "192.0.2.0/32", "2001:db8:85a3::/128", "NULL"]));
    db.script("DROP TABLE t");
    values(&db, "cidr", &["'192.0.2.77/32'", "'10.0.0.0/8'", "'2001:db8:85a3:8d3::/64'"]);
    redact(&db, "v = \"truncate-ip\"");
    assert_eq!(left(&db), texts(&["192.0.2.0/24", "10.0.0.0/8", "2001:db8:85a3::/48"]));
}

#[test]
fn a_date_that_mysql_calls_zero_is_no_year() {
    let db = TestDb::new(Dialect::Mysql);
    values(&db, "date", &["'0000-00-00'", "'1984-07-13'"]);
    redact(&db, "v = \"year\"");
    assert_eq!(left(&db), texts(&["0000-00-00", "1984-01-01"]));
}

#[test]
fn a_text_in_a_date_column_of_sqlite_keeps_nothing_but_a_year() {
    let db = TestDb::new(Dialect::Sqlite);
    values(&db, "date", &["'1984-07-13T10:00:00+02:00'", "'born in 1984'", "''", "'n/a'"]);
    redact(&db, "v = \"year\"");
    let left = left(&db);
    assert_eq!(left[0].as_deref(), Some("1984-01-01 00:00:00"));
    assert_eq!(left[1..], texts(&["NULL", "", "NULL"]));
}

#[test]
fn names_that_mysql_keeps_as_bytes_are_replaced_once() {
    for (column, redaction, after) in [
        ("VARBINARY(255) UNIQUE", "v = { placeholder = \"gone-{id}\" }", ["gone-0", "gone-1"]),
        ("BINARY(4)", "v = { set = \"-\" }", ["-\0\0\0"; 2]),
    ] {
        let db = TestDb::new(Dialect::Mysql);
        values(&db, column, &["'Ann'", "'Bob'"]);
        redact(&db, redaction);
        assert_eq!(left(&db), texts(&after));
    }
}
