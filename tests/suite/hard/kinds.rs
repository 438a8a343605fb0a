//! What only one database has: odd values in its columns, odd columns beside them.

use tenure::db::Dialect;

use super::{Story, delete_rule, hold};
use crate::harness::TestDb;

#[test]
fn sqlite_columns_hold_what_they_like_and_only_real_times_expire() {
    let setup = "CREATE TABLE log (id INTEGER PRIMARY KEY, at DATETIME);
         INSERT INTO log VALUES (1, '2025-01-01 00:00:00'), (2, 1735689600), (3, 1735689600.5), (4, X'323032352d30312d3031'),
             (5, CAST(X'323032352d30312d3031ff' AS TEXT)), (6, CAST(X'ff' AS TEXT)), (7, '2025-12-31'), (8, NULL), (9, ''), (10, 0),
             (11, CAST(X'323032352d30312d3031203130c33a30303a3030' AS TEXT)), (12, '2025-01-01' || char(0) || 'x'), (13, '2025-01-01T00:00:00Z');
         CREATE INDEX log_at ON log (at);";
    let db = TestDb::new(Dialect::Sqlite);
    Story::new(&db, setup, delete_rule("log", "\"at\"", "")).becomes("DELETE FROM log WHERE id IN (1, 13)");
    let other = TestDb::new(Dialect::Sqlite);
    Story::new(&other, setup, delete_rule("log", "{ column = \"at\", as = \"epoch-seconds\" }", ""))
        .becomes("DELETE FROM log WHERE id IN (2, 3)");
}

#[test]
fn sqlite_text_that_is_not_utf_8_is_a_key_like_any_other() {
    let setup = "CREATE TABLE log (id TEXT NOT NULL PRIMARY KEY, at timestamp) WITHOUT ROWID;
         INSERT INTO log VALUES ('a', '2025-01-01'), (CAST(X'61ff' AS TEXT), '2025-01-01'), (CAST(X'62ff' AS TEXT), '2025-12-31'), ('c', '2025-01-01'),
             (CAST(X'63f0' AS TEXT), '2025-01-01'), ('d', '2025-12-31'), (CAST(X'ff' AS TEXT), '2025-01-01'), (CAST(X'ffff' AS TEXT), '2025-01-01');";
    let db = TestDb::new(Dialect::Sqlite);
    Story::new(&db, setup, delete_rule("log", "\"at\"", "")).becomes("DELETE FROM log WHERE at < '2025-12-01'");
}

#[test]
fn sqlite_keeps_its_foreign_keys_although_the_application_never_asked_for_them() {
    let setup = "CREATE TABLE a (id INTEGER PRIMARY KEY, at timestamp); CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a ON DELETE RESTRICT);
         INSERT INTO a VALUES (1, '2025-01-01'), (2, '2025-01-01'); INSERT INTO b VALUES (1, 1), (2, 77);";
    let db = TestDb::new(Dialect::Sqlite);
    db.script(&format!("PRAGMA foreign_keys = OFF; {setup}"));
    let story = Story::on(&db, delete_rule("a", "\"at\"", ""));
    assert_eq!(story.rule(&["run", "--yes"], 0)["blocked"], 1);
    assert_eq!((db.scalar("SELECT sum(id) FROM a"), db.count("b")), (1, 2));
}

#[test]
fn postgres_domains_enums_citext_arrays_and_json_beside_the_age_do_no_harm() {
    let setup = "CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE DOMAIN \"When\" AS timestamptz CHECK (value > '1900-01-01');
         CREATE DOMAIN later AS \"When\"; CREATE TYPE pair AS (a int, b text);
         CREATE TABLE log (mail citext, feel mood, at later, tags text[], doc jsonb, span tstzrange, both_ pair, addr inet, PRIMARY KEY (mail, feel));
         INSERT INTO log VALUES ('Ann', 'glad', '2025-01-01', ARRAY['a'], jsonb_build_object('a', 1), '[2025-01-01,)', (1, 'x'), '::1'),
             ('ann', 'sad', '2025-12-31', NULL, NULL, NULL, NULL, NULL), ('BOB', 'sad', '2025-01-01', ARRAY[]::text[], NULL, NULL, NULL, NULL),
             ('cleo', 'sad', NULL, NULL, NULL, NULL, NULL, NULL);
         CREATE TABLE note (mail citext, feel mood, FOREIGN KEY (mail, feel) REFERENCES log ON DELETE CASCADE); INSERT INTO note VALUES ('ANN', 'glad'), ('bob', 'sad');";
    let db = TestDb::new(Dialect::Postgres);
    let done = Story::new(&db, setup, delete_rule("log", "\"at\"", "where = \"mail <> 'bOb'\""))
        .becomes("DELETE FROM log WHERE mail = 'Ann' AND feel = 'glad'");
    assert_eq!(done["cascaded"]["note"], 1);
}

#[test]
fn postgres_infinities_and_far_times_are_of_unknown_age() {
    for (kind, far) in [("timestamptz", "294276-12-31"), ("timestamp", "294276-12-31"), ("date", "5874897-12-31")] {
        for index in ["", "CREATE INDEX ON log (at);"] {
            let db = TestDb::new(Dialect::Postgres);
            let setup = format!(
                "CREATE TABLE log (id bigint, at {kind}); {index} INSERT INTO log VALUES (1, 'infinity'), (2, '-infinity'), (3, '2025-01-01'), (4, '{far}'),
                     (5, '4713-01-01 BC'), (6, NULL), (7, '2025-01-02');"
            );
            let schedule = delete_rule("log", "\"at\"", "") + &hold("log", "id = 7");
            let done = Story::new(&db, &setup, schedule).becomes("DELETE FROM log WHERE id = 3");
            assert_eq!(
                (&done["no_anchor"], &done["oldest_kept"]),
                (&5.into(), &"2025-01-02T00:00:00Z".into()),
                "{kind}"
            );
        }
    }
}

#[test]
fn postgres_numbers_that_are_none_never_expire() {
    for kind in ["double precision", "numeric", "real"] {
        let db = TestDb::new(Dialect::Postgres);
        let setup = format!("CREATE TABLE log (id bigint, at {kind}); INSERT INTO log VALUES (1, 'NaN'), (2, 1700000000), (3, 1e30), (4, -1e30), (5, NULL), (6, 0);
             INSERT INTO log SELECT 7, 'Infinity' WHERE '{kind}' <> 'numeric' OR current_setting('server_version_num')::int >= 140000;");
        Story::new(&db, &setup, delete_rule("log", "{ column = \"at\", as = \"epoch-seconds\" }", ""))
            .becomes("DELETE FROM log WHERE id = 2");
    }
}

#[test]
fn mysql_dates_of_zeros_are_never_and_those_with_some_zeros_are_not_taken_for_early_ones() {
    let values = "(1, '0000-00-00'), (2, '2025-01-01'), (3, NULL), (4, '2025-00-00'), (5, '2025-01-00'), (6, '2025-12-31'), (7, '0000-01-01')";
    for kind in ["DATE", "DATETIME", "DATETIME(6)"] {
        for index in ["", ", KEY (at)"] {
            let db = TestDb::new(Dialect::Mysql);
            let setup = format!(
                "SET sql_mode = ''; CREATE TABLE log (id BIGINT PRIMARY KEY, at {kind} NULL{index}); INSERT INTO log VALUES {values};"
            );
            Story::new(&db, &setup, delete_rule("log", "\"at\"", "")).becomes("DELETE FROM log WHERE id = 2");
        }
    }
}

#[test]
fn mysql_timestamps_are_instants_whatever_the_zone_of_the_session_that_wrote_them() {
    let db = TestDb::new(Dialect::Mysql);
    let setup = "SET time_zone = '-08:00', sql_mode = ''; CREATE TABLE log (id BIGINT PRIMARY KEY, at TIMESTAMP(6) NULL, KEY (at));
         INSERT INTO log VALUES (1, '2025-12-01 15:59:59.999999'), (2, '2025-12-01 16:00:00'), (3, 0), (4, NULL), (5, '2038-01-18 00:00:00');";
    let done = Story::new(&db, setup, delete_rule("log", "\"at\"", ""))
        .in_zone("America/Los_Angeles")
        .becomes("DELETE FROM log WHERE id = 1");
    assert_eq!((&done["no_anchor"], &done["oldest_kept"]), (&2.into(), &"2025-12-02T00:00:00Z".into()));
}

#[test]
fn mysql_table_names_differ_by_case_where_the_server_says_so() {
    let db = TestDb::new(Dialect::Mysql);
    let setup =
        "CREATE TABLE Log (id BIGINT PRIMARY KEY, at DATETIME); CREATE TABLE log (id BIGINT PRIMARY KEY, at DATETIME);
         INSERT INTO Log VALUES (1, '2025-01-01'); INSERT INTO log VALUES (1, '2025-01-01');";
    Story::new(&db, setup, delete_rule("Log", "\"at\"", "")).becomes("DELETE FROM Log");
}
