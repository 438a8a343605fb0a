//! The harness itself: a suite that looked at the wrong database would be green for ever.

use std::env;
use std::process::Command;

use tenure::db::{Access, Connection, Dialect, ErrorKind, Value};

use crate::harness::{Tenure, TestDb};

const SERVERS: [Dialect; 2] = [Dialect::Postgres, Dialect::Mysql];

const ALL_TYPES: &str =
    "CREATE TABLE {q:order} (id {pk}, n {bigint}, flag {bool}, note {text}, raw {blob}, ext {uuid}, \
     local {ts}, {q:Group} {tstz});
     CREATE INDEX order_note ON {q:order} (note);
     INSERT INTO {q:order} (n, flag, note, raw, ext, local, {q:Group}) VALUES (9007199254740993, TRUE, 'é', NULL, \
     '6f1c1a52-5f4e-4a1c-9a57-0f6a3a4b7c1d', '2026-02-28 23:59:59.123456', '2026-02-28 23:59:59.123456');";

on_every_database! {
    fn every_placeholder_becomes_a_type_that_keeps_its_values(db: TestDb) {
        db.create(ALL_TYPES);
        let dump = db.tables_dump();
        for kept in ["9007199254740993", "é", "6f1c1a52-5f4e-4a1c-9a57-0f6a3a4b7c1d", "2026-02-28 23:59:59.123456", "NULL"] {
            assert!(dump.contains(kept), "{kept} is not in\n{dump}");
        }
        assert!(dump.contains("order (id, n, flag, note, raw, ext, local, Group)"), "{dump}");
    }

    fn a_dump_shows_every_change_and_hides_the_order_of_rows_and_the_control_tables(db: TestDb) {
        db.create("CREATE TABLE a (id {bigint}, note {text}); CREATE TABLE b (id {bigint});");
        assert_eq!(db.tables_dump().lines().count(), 2, "two empty tables");
        db.script("INSERT INTO a VALUES (1, 'one'); INSERT INTO a VALUES (2, NULL); INSERT INTO b VALUES (1);");
        let before = db.tables_dump();
        db.script("DELETE FROM a WHERE id = 1; INSERT INTO a VALUES (1, 'one');");
        assert_eq!(db.tables_dump(), before);
        db.script(match db.dialect {
            Dialect::Postgres => "CREATE SCHEMA tenure; CREATE TABLE tenure.batch (id bigint); CREATE SCHEMA other;",
            Dialect::Sqlite | Dialect::Mysql => "CREATE TABLE tenure_batch (id bigint)",
        });
        assert_eq!(db.tables_dump(), before);
        db.script("UPDATE a SET note = 'NULL' WHERE id = 2");
        assert_ne!(db.tables_dump(), before, "a NULL and the text NULL are two values");
    }

    fn databases_are_apart(db: TestDb) {
        let other = TestDb::new(db.dialect);
        db.create("CREATE TABLE only_here (id {bigint}); INSERT INTO only_here VALUES (1);");
        assert_eq!(db.count("only_here"), 1);
        assert_eq!(db.rows("SELECT id FROM only_here"), [[Value::Int(1)]]);
        assert_eq!(other.tables_dump(), "");
    }
}

#[test]
fn a_role_may_do_what_it_was_granted_and_nothing_else() {
    for dialect in SERVERS {
        let db = TestDb::new(dialect);
        db.create("CREATE TABLE open_to_all (id {bigint}); CREATE TABLE closed (id {bigint});");
        let url = db.role("reader", &["GRANT SELECT ON open_to_all TO {role}"]);
        let mut reader = db.open_as(&url);
        reader.script("SELECT id FROM open_to_all").unwrap();
        for refused in ["SELECT id FROM closed", "DELETE FROM open_to_all"] {
            assert_eq!(reader.script(refused).unwrap_err().kind, ErrorKind::Privilege, "{dialect:?}: {refused}");
        }
        let wrong = url.replace("secret-", "wrong-");
        assert!(Connection::open(&wrong, Access::ReadOnly).is_err(), "{dialect:?} lets in who has no password");
    }
}

#[test]
fn the_servers_speak_tls_and_their_certificates_can_be_verified() {
    for dialect in SERVERS {
        let db = TestDb::new(dialect);
        let mut connection = db.open_as(&db.tls_url());
        let sql = match dialect {
            Dialect::Postgres => "SELECT '', cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl",
            _ => "SHOW SESSION STATUS LIKE 'Ssl_cipher'",
        };
        let rows = connection.query(&tenure::db::Statement { sql: sql.into(), binds: vec![] }).unwrap();
        assert!(!rows[0].text(1).unwrap_or_default().is_empty(), "{dialect:?} talks in plain text");
    }
}

#[test]
fn a_server_whose_certificate_another_authority_signed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let other_ca = dir.path().join("ca.pem");
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other".split(' '))
        .arg("-keyout")
        .arg(dir.path().join("ca.key"))
        .arg("-out")
        .arg(&other_ca)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for dialect in SERVERS {
        let db = TestDb::new(dialect);
        let url = db.tls_url().replace(&env::var("TENURE_TEST_CA").unwrap(), other_ca.to_str().unwrap());
        let error = Connection::open(&url, Access::ReadOnly).err().unwrap_or_else(|| panic!("{dialect:?} was trusted"));
        assert_eq!(error.kind, ErrorKind::Connect);
        assert!(error.message.contains("certificate") || error.message.contains("TLS"), "{error}");
    }
}

#[test]
fn a_server_killed_the_hard_way_comes_back_with_what_was_committed() {
    for dialect in SERVERS {
        let db = TestDb::alone(dialect);
        db.create("CREATE TABLE t (id {bigint});");
        let mut witness = db.open();
        db.script("INSERT INTO t VALUES (1)");
        db.restart_server();
        assert_eq!(witness.script("SELECT 1").unwrap_err().kind, ErrorKind::Lost, "{dialect:?} was not killed");
        assert_eq!(db.count("t"), 1);
    }
}

#[test]
fn the_program_runs_in_a_directory_of_its_own() {
    let [one, other] = [Tenure::alone(), Tenure::alone().file("schedules/a.toml", "")];
    assert_ne!(one.dir(), other.dir());
    assert!(other.dir().join("schedules/a.toml").is_file());
    one.run(&["--version"]).expect_code(0);
}
