//! Keys of every kind, and none: whatever tells the rows apart, no row is met twice or passed over.

use tenure::db::Dialect;

use super::{Story, delete_rule};
use crate::harness::TestDb;

/// A table with this key, ten rows of these key values, every other one expired.
fn keyed(columns: &str, key: &str, values: &[&str]) -> String {
    let rows: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(index, value)| format!("({value}, '{}')", if index % 2 == 0 { "2025-01-01" } else { "2025-12-31" }))
        .collect();
    format!("CREATE TABLE item ({columns}, at {{ts}}{key}); INSERT INTO item VALUES {};", rows.join(", "))
}

#[track_caller]
fn purges(db: &TestDb, setup: &str) {
    Story::new(db, setup, delete_rule("item", "\"at\"", "")).becomes("DELETE FROM item WHERE at < '2025-12-01'");
}

on_every_database! {
    fn a_key_may_have_several_columns_that_repeat_each_others_values(db: TestDb) {
        let values: Vec<String> = (0..24).map(|n| format!("{}, '{}', {}", n % 3, ["b", "a"][n as usize % 2], n / 6 - 1)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let columns = "a {bigint} NOT NULL, b {text} NOT NULL, c {bigint} NOT NULL";
        purges(&db, &keyed(columns, ", PRIMARY KEY (a, b, c)", &values));
    }

    fn a_key_of_text_is_walked_in_the_databases_own_order(db: TestDb) {
        let values = ["'b'", "'a'", "'B1'", "'Ö'", "'e'", "'ß'", "'zz'", "'z z'", "'日本'", "''", "'%_'", "'it''s'", "'\"'", "'🙂'"];
        purges(&db, &keyed("id {text} NOT NULL", ", PRIMARY KEY (id)", &values));
    }

    fn a_key_of_uuids_is_walked(db: TestDb) {
        let values: Vec<String> = (0..11).map(|n: u32| format!("'{:08x}-5f4e-4a1c-9a57-0f6a3a4b7c1d'", n.wrapping_mul(2_654_435_761))).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        purges(&db, &keyed("id {uuid} NOT NULL", ", PRIMARY KEY (id)", &values));
    }

    fn a_key_of_bytes_is_walked_whatever_the_bytes(db: TestDb) {
        let hex = ["", "00", "0000", "ff", "fe00", "80", "7f", "c3a9", "c3", "ffff", "0a"];
        let values: Vec<String> = hex
            .iter()
            .map(|hex| if db.dialect == Dialect::Postgres { format!("'\\x{hex}'") } else { format!("X'{hex}'") })
            .collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let kind = if db.dialect == Dialect::Mysql { "VARBINARY(16)" } else { "{blob}" };
        purges(&db, &keyed(&format!("id {kind} NOT NULL"), ", PRIMARY KEY (id)", &values));
    }

    fn a_key_of_decimals_is_walked_without_loss(db: TestDb) {
        let values: Vec<String> = (0..11).map(|n| format!("{}90071992547409931.{:02}", if n % 3 == 0 { "-" } else { "" }, n)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        // SQLite has no decimals: such values are texts there, or lose their digits when they are stored.
        let kind = if db.dialect == Dialect::Sqlite { "text" } else { "decimal(30, 2)" };
        let values: Vec<String> = values.iter().map(|value| if db.dialect == Dialect::Sqlite { format!("'{value}'") } else { value.to_string() }).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        purges(&db, &keyed(&format!("id {kind} NOT NULL"), ", PRIMARY KEY (id)", &values));
    }

    fn a_key_of_times_is_walked_to_the_microsecond(db: TestDb) {
        let values: Vec<String> = (0..11).map(|n| format!("'2024-02-29 12:00:00.00000{n:x}'")).filter(|value| !value.contains(".00000a")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        purges(&db, &keyed("id {ts} NOT NULL", ", PRIMARY KEY (id)", &values));
    }

    fn a_table_without_a_key_is_purged_with_its_equal_rows(db: TestDb) {
        let values = ["1", "1", "1", "1", "NULL", "NULL", "2", "2", "1", "1"];
        purges(&db, &keyed("id {bigint}", "", &values));
    }

    fn a_unique_key_that_may_be_null_tells_no_rows_apart(db: TestDb) {
        let values = ["1", "2", "3", "4", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"];
        purges(&db, &keyed("id {bigint}", ", UNIQUE (id)", &values));
    }
}

#[test]
fn texts_that_a_collation_takes_for_equal_can_be_parts_of_a_key_on_mysql() {
    let db = TestDb::new(Dialect::Mysql);
    // By case, accent and trailing space the database sees one value in several: together with `n` they are a key.
    let texts = ["a", "A", "a ", "á", "b", "B ", "ab", "AB"];
    let values: Vec<String> = texts.iter().enumerate().map(|(n, text)| format!("'{text}', {n}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for collation in ["utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "latin1_swedish_ci"] {
        db.script("DROP TABLE IF EXISTS item");
        let charset = collation.split('_').next().unwrap();
        let columns = format!("id VARCHAR(20) CHARACTER SET {charset} COLLATE {collation} NOT NULL, n INT NOT NULL");
        purges(&db, &keyed(&columns, ", PRIMARY KEY (id, n)", &values));
    }
}

#[test]
fn an_enum_in_a_key_is_walked_although_it_sorts_otherwise_than_it_compares() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        let db = TestDb::new(dialect);
        let kind = "'zebra', 'ape', 'mule'";
        let values =
            ["'ape', 1", "'zebra', 1", "'mule', 1", "'ape', 2", "'zebra', 2", "'mule', 2", "'ape', 3", "'zebra', 3"];
        let setup = match dialect {
            Dialect::Mysql => {
                keyed(&format!("kind ENUM({kind}) NOT NULL, n {{bigint}} NOT NULL"), ", PRIMARY KEY (kind, n)", &values)
            }
            _ => {
                let table =
                    keyed("kind \"Beast of burden\" NOT NULL, n {bigint} NOT NULL", ", PRIMARY KEY (kind, n)", &values);
                format!("CREATE TYPE \"Beast of burden\" AS ENUM ({kind}); {table}")
            }
        };
        purges(&db, &setup);
    }
}

#[test]
fn unsigned_keys_above_the_largest_signed_number_are_walked() {
    let db = TestDb::new(Dialect::Mysql);
    let values: Vec<String> = (0..6)
        .map(|n| (u64::MAX - n).to_string())
        .chain((0..6).map(|n| (i64::MAX as u64 - 3 + n).to_string()))
        .collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    purges(&db, &keyed("id BIGINT UNSIGNED NOT NULL", ", PRIMARY KEY (id)", &values));
}

#[test]
fn keys_of_odd_mysql_types_are_walked_or_the_table_is_taken_as_a_whole() {
    for (kind, values) in [
        ("DECIMAL(21, 1) UNSIGNED", ["0.1", "3.5", "18446744073709551615.9", "18446744073709551615.8", "7", "8", "9"]),
        ("BIT(8)", ["0", "1", "2", "128", "255", "127", "64"]),
        ("YEAR", ["1970", "1971", "2000", "2024", "2155", "1999", "2001"]),
        ("TIME(3)", ["'-12:00:00'", "'00:00:00.001'", "'300:00:00'", "'00:00:00'", "'1:0:0'", "'2:0:0'", "'3:0:0'"]),
        (
            "DATE",
            [
                "'0000-00-00'",
                "'2024-02-29'",
                "'1000-01-01'",
                "'9999-12-31'",
                "'2025-01-01'",
                "'2025-01-02'",
                "'2024-00-00'",
            ],
        ),
        ("INET6", ["'::1'", "'::ffff:1.2.3.4'", "'fe80::1'", "'2001:db8::1'", "'::'", "'ff02::1'", "'1::'"]),
        ("DOUBLE", ["0.1", "0.30000000000000004", "0.3", "-1e300", "1e-300", "5", "6"]),
        ("INT(5) ZEROFILL", ["1", "2", "3", "40000", "5", "4294967295", "7"]),
    ] {
        let db = TestDb::new(Dialect::Mysql);
        let setup =
            format!("SET sql_mode = ''; {}", keyed(&format!("id {kind} NOT NULL"), ", PRIMARY KEY (id)", &values));
        purges(&db, &setup);
    }
}

#[test]
fn keys_of_odd_postgres_types_are_walked() {
    for (before, kind, values) in [
        ("", "character(6)", ["'a'", "'A'", "'a b'", "'b'", "''", "'ab'", "'B'"]),
        ("CREATE EXTENSION citext;", "citext", ["'a'", "'B'", "'c'", "'D'", "'e f'", "''", "'G'"]),
        (
            "CREATE DOMAIN \"my key\" AS numeric(20, 2) CHECK (value > 0);",
            "\"my key\"",
            ["1", "1.5", "2", "3", "4", "5", "6"],
        ),
        ("", "double precision", ["0.1", "0.30000000000000004", "'NaN'", "'-Infinity'", "1e-300", "5", "'Infinity'"]),
        (
            "",
            "timestamptz",
            [
                "'-infinity'",
                "'2024-02-29 12:00:00.000001+02'",
                "'infinity'",
                "'2024-02-29'",
                "'epoch'",
                "'0044-03-15 BC'",
                "'9999-01-01'",
            ],
        ),
        (
            "",
            "date",
            [
                "'-infinity'",
                "'2024-02-29'",
                "'infinity'",
                "'2024-02-28'",
                "'epoch'",
                "'0044-03-15 BC'",
                "'5874897-12-31'",
            ],
        ),
        (
            "",
            "inet",
            ["'10.0.0.1'", "'10.0.0.0/8'", "'::1'", "'fe80::/10'", "'1.2.3.4'", "'0.0.0.0'", "'255.255.255.255'"],
        ),
        (
            "",
            "boolean[]",
            [
                "array[]::boolean[]",
                "array[true]",
                "array[false]",
                "array[true, false]",
                "array[NULL]::boolean[]",
                "array[false, true]",
                "array[true, true]",
            ],
        ),
        ("", "text COLLATE \"C\"", ["'a'", "'B'", "'c'", "'D'", "'é'", "''", "'G'"]),
        (
            "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);",
            "text COLLATE folded",
            ["'a'", "'B'", "'c'", "'D'", "'é'", "''", "'G'"],
        ),
        ("", "interval", ["'1 day'", "'25 hours'", "'1 month'", "'-1 day'", "'00:00:00.000001'", "'1 year'", "'0'"]),
        ("", "numrange", ["'[1,2)'", "'(,)'", "'empty'", "'[1,2]'", "'[0,1)'", "'(3,4)'", "'[5,)'"]),
    ] {
        let db = TestDb::new(Dialect::Postgres);
        let table = keyed(&format!("id {kind} NOT NULL"), ", PRIMARY KEY (id)", &values);
        purges(&db, &format!("{before} {table}"));
    }
}

#[test]
fn tables_without_a_rowid_are_walked_along_their_key() {
    let db = TestDb::new(Dialect::Sqlite);
    // Values of several storage classes side by side, as SQLite lets them be.
    let values = [
        "1, 'a'",
        "'1', 'a'",
        "1.5, 'a'",
        "X'31', 'a'",
        "'b', ''",
        "-3, 'a'",
        "9223372036854775807, 'z'",
        "2, 'b'",
        "2, 'a'",
    ];
    let setup = keyed("id NOT NULL, part TEXT NOT NULL COLLATE NOCASE", ", PRIMARY KEY (id, part)", &values)
        .replace("(id, part));", "(id, part)) WITHOUT ROWID;");
    purges(&db, &setup);
}

#[test]
fn a_column_that_hides_the_rowid_does_not_mislead() {
    for hiding in [
        "rowid {bigint}",
        "rowid {bigint}, _rowid_ {bigint}, oid {bigint}",
        "oid INTEGER PRIMARY KEY",
        "rowid INTEGER PRIMARY KEY",
    ] {
        let db = TestDb::new(Dialect::Sqlite);
        let columns = hiding.split(", ").count();
        let lone = hiding.contains("PRIMARY");
        let values: Vec<String> =
            (0..10).map(|n| vec![if lone { n.to_string() } else { (n % 2).to_string() }; columns].join(", ")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        purges(&db, &keyed(hiding, "", &values));
    }
}
