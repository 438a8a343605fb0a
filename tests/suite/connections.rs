//! How tenure reaches a database: never in plain text where TLS was asked for, and never with a secret in what it says.

use std::fs;
use std::path::Path;
use std::process::Command;

use tenure::db::Dialect;

use crate::harness::{Output, Tenure, TestDb};

const SERVERS: [Dialect; 2] = [Dialect::Postgres, Dialect::Mysql];

const SCHEDULE: &str = r#"
    [policy]
    name = "connections"
    [[rule]]
    name = "logs"
    table = "log"
    anchor = "at"
    retain = "30 days"
    action = "delete"
"#;

/// One row that is due and one that is not.
fn with_logs(dialect: Dialect) -> TestDb {
    let db = TestDb::new(dialect);
    db.create("CREATE TABLE log (id {pk}, at {ts}); CREATE INDEX log_at ON log (at);");
    db.script(
        "INSERT INTO log (at) VALUES ('2020-01-01 00:00:00'); INSERT INTO log (at) VALUES ('2090-01-01 00:00:00');",
    );
    db
}

/// With the query of a TLS URL of this database.
fn tls(db: &TestDb) -> String {
    let (_, query) = db.tls_url().split_once('?').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    query
}

/// Everything that tenure wrote: what it printed, and the files in its directory that the test did not put there.
fn written(tenure: &Tenure, output: &Output) -> String {
    let mut text = format!("{}{}", output.stdout, output.stderr);
    gather(&tenure.dir().join("tenure-state"), &mut text);
    text
}

fn gather(path: &Path, text: &mut String) {
    for entry in fs::read_dir(path).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { gather(&path, text) } else { text.push_str(&fs::read_to_string(path).unwrap()) }
    }
}

#[test]
fn a_run_goes_over_tls_where_the_url_names_the_authority() {
    for dialect in SERVERS {
        let db = with_logs(dialect);
        Tenure::at_url(&db.tls_url()).schedule(SCHEDULE).run(&["run", "--yes"]).expect_code(0);
        assert_eq!(db.count("log"), 1);
    }
}

#[test]
fn a_server_whose_certificate_does_not_bear_its_name_is_refused() {
    let db = with_logs(Dialect::Postgres);
    let port = url::Url::parse(db.url()).unwrap().port().unwrap();
    let url = format!("postgres://postgres@elsewhere.invalid:{port}/postgres?hostaddr=127.0.0.1&{}", tls(&db));
    let refused = Tenure::at_url(&url).schedule(SCHEDULE).run(&["plan"]).expect_code(1);
    assert!(refused.stderr.contains("does not match host name"), "{}", refused.stderr);
}

/// The client library would verify the authority and not the name: what cannot be kept is not promised.
#[test]
fn a_check_of_the_servers_name_that_the_client_library_would_not_make_is_refused() {
    let db = with_logs(Dialect::Mysql);
    let url = db.tls_url().replace("VERIFY_CA", "VERIFY_IDENTITY");
    let refused = Tenure::at_url(&url).schedule(SCHEDULE).run(&["plan"]).expect_code(2);
    assert!(refused.stderr.contains("write `ssl_mode=VERIFY_CA`"), "{}", refused.stderr);
}

#[test]
fn tls_that_was_asked_for_is_never_dropped_in_silence() {
    let db = with_logs(Dialect::Mysql);
    for (query, code, reason) in [
        ("ssl_mode=REQUIRED", 2, "names no authority"),
        ("ssl_mode=VERIFY_CA", 2, "names no authority"),
        ("ssl_cert=/nowhere/cert.pem", 2, "names no authority"),
        ("sslmode=require", 2, "a setting that the driver would ignore"),
        ("ssl_ca=/nowhere/ca.pem", 1, "TLS/SSL error"),
    ] {
        let url = format!("{}?{query}", db.url());
        for command in ["plan", "run"] {
            let refused = Tenure::at_url(&url).schedule(SCHEDULE).run(&[command]).expect_code(code);
            assert!(refused.stderr.contains(reason), "{query}: {}", refused.stderr);
        }
    }
    assert_eq!(db.count("log"), 2, "nothing was done");
}

/// A server's greeting that offers these abilities; what came after it.
fn heard_by_a_server_that_offers(abilities: u16) -> (u16, std::thread::JoinHandle<Vec<u8>>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        let mut greeting = b"\x0a8.0.99\0\x07\0\0\x0012345678\0".to_vec();
        greeting.extend(abilities.to_le_bytes());
        greeting.extend(*b"\x21\x02\0\xff\xc1\x15\0\0\0\0\0\0\0\0\0\x00123456789012\0mysql_native_password\0");
        client.write_all(&[greeting.len() as u8, 0, 0, 0]).unwrap();
        client.write_all(&greeting).unwrap();
        let mut heard = Vec::new();
        // As one that asks for the password in plain text.
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = client.read(&mut piece) {
            heard.extend(&piece[..length]);
            let _ = client.write_all(b"\x17\0\0\x02\xfemysql_clear_password\0");
        }
        heard
    });
    (port, heard)
}

#[test]
fn a_server_that_offers_no_tls_or_does_not_keep_to_it_never_hears_the_password() {
    let ca = std::env::var("TENURE_TEST_CA").unwrap();
    for (abilities, reason) in [(0xf7df, "plain text only"), (0xffdf, "TLS/SSL error")] {
        let (port, heard) = heard_by_a_server_that_offers(abilities);
        let url = format!("mysql://ann:hunter2secret@127.0.0.1:{port}/campus?ssl_ca={ca}");
        let refused = Tenure::at_url(&url).schedule(SCHEDULE).run(&["plan"]).expect_code(1);
        assert!(refused.stderr.contains(reason), "{abilities:x}: {}", refused.stderr);
        let heard = heard.join().unwrap();
        let told = String::from_utf8_lossy(&heard);
        assert!(!told.contains("hunter2") && !told.contains("ann"), "{abilities:x}: {told}");
    }
}

#[test]
fn another_host_is_reached_by_verified_tls_or_the_config_says_why_not() {
    for url in ["postgres://ann@nowhere.invalid/campus?sslmode=require", "mariadb://ann@nowhere.invalid/campus"] {
        for command in [&["plan"][..], &["run", "--yes"], &["check"], &["migrate"]] {
            let refused = Tenure::at_url(url).schedule(SCHEDULE).run(command);
            assert_eq!(refused.code, 1, "{refused:?}");
            assert!(refused.stderr.contains("allow_plaintext"), "{url}: {}", refused.stderr);
        }
        let allowed = format!("[database.main]\nurl = \"{url}\"\nallow_plaintext = \"a tunnel\"");
        let tried = Tenure::alone().config(&allowed).schedule(SCHEDULE).run(&["plan"]).expect_code(1);
        assert!(
            !tried.stderr.contains("allow_plaintext") && tried.stderr.contains("nowhere.invalid"),
            "{}",
            tried.stderr
        );
    }
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("ca.pem");
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other".split(' '))
        .args(["-keyout", "/dev/null", "-out", other.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for dialect in SERVERS {
        let db = with_logs(dialect);
        let url = db.tls_url().replace(&std::env::var("TENURE_TEST_CA").unwrap(), other.to_str().unwrap());
        let refused = Tenure::at_url(&url).schedule(SCHEDULE).run(&["run", "--yes"]).expect_code(1);
        assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);
        assert_eq!(db.count("log"), 2);
    }
}

#[test]
fn a_server_that_is_down_or_not_there_is_named_without_the_password() {
    for url in [
        "postgres://ann:hunter2hunter2@127.0.0.1:1/campus",
        "mysql://ann:hunter2hunter2@127.0.0.1:1/campus",
        "postgres://ann:hunter2hunter2@nowhere.invalid/campus",
        "mysql://ann:hunter2hunter2@nowhere.invalid/campus",
    ] {
        for command in [&["plan", "-v", "-v"][..], &["run", "--json"], &["check"], &["migrate"], &["runs"]] {
            let tenure = Tenure::at_url(url).schedule(SCHEDULE);
            let failed = tenure.run(command).expect_code(1);
            assert!(failed.stderr.contains(&url.replace(":hunter2hunter2", "")), "{}", failed.stderr);
            assert!(!written(&tenure, &failed).contains("hunter2"));
        }
    }
}

#[test]
fn a_wrong_password_is_refused_and_never_shown() {
    for dialect in SERVERS {
        let db = with_logs(dialect);
        let url = db.role("janitor", &[]).replace("secret-", "wrong-secret-");
        for command in [&["plan", "-v", "-v"][..], &["run", "-v", "-v", "--json"], &["check"], &["migrate"]] {
            let tenure = Tenure::at_url(&url).schedule(SCHEDULE);
            let failed = tenure.run(command).expect_code(1);
            assert!(!written(&tenure, &failed).contains("secret-"), "{failed:?}");
        }
    }
}

/// The drivers would quote the piece that they stumble over.
#[test]
fn a_url_that_a_password_made_malformed_is_refused_without_a_piece_of_it() {
    for server in ["postgres", "mysql"] {
        for password in ["geh%eim", "ge@heim", "geheim/x", "12#geheim", "12?geheim", "geheim%"] {
            let url = format!("{server}://ann:{password}@127.0.0.1:1/campus");
            let config = format!("schedules = [\"s.toml\"]\n[database.main]\nurl = '{url}'\n");
            for tenure in [
                Tenure::at_url(&url).schedule(SCHEDULE),
                Tenure::alone().file("s.toml", SCHEDULE).config(&config),
                Tenure::alone()
                    .file("s.toml", SCHEDULE)
                    .config("schedules = [\"s.toml\"]\n[database.main]\nurl = \"${THE_URL}\"\n")
                    .env("THE_URL", &url),
            ] {
                let refused = tenure.run(&["plan", "-v", "-v"]).expect_code(2);
                assert!(refused.stderr.contains("%40"), "the remedy: {}", refused.stderr);
                let said = written(&tenure, &refused);
                assert!(!said.contains("eim") && !said.contains("heim"), "{password}: {said}");
            }
        }
    }
}

#[test]
fn a_password_comes_from_a_file_a_url_file_the_environment_or_a_credential_and_is_never_written_down() {
    for dialect in SERVERS {
        let db = with_logs(dialect);
        let grants = [
            "GRANT SELECT, DELETE ON log TO {role}",
            // For the control tables, which the first run makes.
            if dialect == Dialect::Postgres {
                "GRANT CREATE ON DATABASE {db} TO {role}"
            } else {
                "GRANT ALL ON {db}.* TO {role}"
            },
        ];
        let url = db.role("janitor", &grants);
        let password = url::Url::parse(&url).unwrap().password().unwrap().to_owned();
        let open = url.replace(&format!(":{password}"), "");
        let (before, after) = open.split_once('@').unwrap();
        let ways = [
            format!("url = \"{open}\"\npassword_file = \"secret\""),
            "url_file = \"url\"".to_owned(),
            format!("url = \"{before}:${{DB_PASSWORD}}@{after}\""),
            format!("url = \"{open}\"\npassword_file = \"${{CREDENTIALS_DIRECTORY}}/db\""),
        ];
        for way in ways {
            let config = format!("schedules = [\"s.toml\"]\nstate_dir = \"tenure-state\"\n[database.main]\n{way}\n");
            let tenure = Tenure::alone()
                .file("s.toml", SCHEDULE)
                .file("secret", &format!("{password}\n"))
                .file("url", &format!("{url}\n"))
                .file("credentials/db", &password)
                .env("DB_PASSWORD", &password)
                .env("CREDENTIALS_DIRECTORY", "credentials")
                .config(&config);
            for command in [&["plan", "-v", "-v", "--sql"][..], &["run", "--yes", "-v", "-v", "--sql"], &["runs"]] {
                let done = tenure.run(command).expect_code(0);
                let said = written(&tenure, &done);
                assert!(!said.contains("secret-"), "{way}: {said}");
            }
        }
        assert_eq!(db.count("log"), 1);
        assert!(!control_tables(&db).contains("secret-"));
    }
}

fn control_tables(db: &TestDb) -> String {
    let prefix = if db.dialect == Dialect::Postgres { "tenure." } else { "tenure_" };
    let columns = [
        "SELECT id, holder, plan, record FROM {}run",
        "SELECT id, run, rule, consequences FROM {}batch",
        "SELECT rule, run, holder FROM {}gate",
        "SELECT kind, run, body, previous, hash FROM {}entry",
    ];
    columns.map(|select| format!("{:?}", db.rows(&select.replace("{}", prefix)))).join("\n")
}

#[test]
fn a_plan_uses_the_read_only_url_and_a_run_does_not() {
    for dialect in SERVERS {
        let db = with_logs(dialect);
        let all = if dialect == Dialect::Postgres { "log" } else { "{db}.*" };
        let plans = db.role("auditor", &[&format!("GRANT SELECT ON {all} TO {{role}}")]);
        let config = |url: &str, read_only: &str| {
            format!("schedules = [\"s.toml\"]\n[database.main]\nurl = \"{url}\"\nread_only_url = \"{read_only}\"\n")
        };
        let nowhere =
            if dialect == Dialect::Postgres { "postgres://u@127.0.0.1:1/x" } else { "mysql://u@127.0.0.1:1/x" };
        let at = |config: &str| Tenure::alone().file("s.toml", SCHEDULE).config(config);
        let planned = at(&config(nowhere, &plans)).run(&["plan", "--json"]).expect_code(0).json();
        assert_eq!(planned["rules"][0]["remaining"], 1);
        at(&config(db.url(), nowhere)).run(&["plan"]).expect_code(1);
        at(&config(db.url(), nowhere)).run(&["run"]).expect_code(0);
        assert_eq!(db.count("log"), 1);
    }
}
