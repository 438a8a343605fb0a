//! Metrics and health of the daemon: over HTTP on this machine alone, without a question to any database.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use tenure::db::Dialect;

use crate::harness::story::{delete_rule, policy};
use crate::harness::{Running, Tenure, TestDb, wait_until};

/// A daemon whose clock is moved by a file, with three rows that are due at every full hour.
struct Stage {
    tenure: Tenure,
    schedule: String,
    config: String,
}

fn state_of(tenure: &Tenure) -> Option<tenure::daemon::State> {
    tenure::daemon::record::read(&tenure.dir().join("tenure-state")).ok()
}

impl Stage {
    fn new(db: &TestDb, metrics: &str) -> Self {
        db.create("CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts});");
        for id in 1..=3 {
            db.script(&format!("INSERT INTO log VALUES ({id}, '2020-01-01 00:00:00')"));
        }
        let schedule = policy(&delete_rule("logs", "log", ""));
        let schedule = schedule.replacen("name = \"house\"", "name = \"house\"\ncron = \"0 * * * *\"", 1);
        let tenure = Tenure::alone();
        let clock = tenure.dir().join("clock").display().to_string();
        let config = format!(
            "schedules = [\"s.toml\"]\n[daemon]\nmetrics = \"{metrics}\"\n[database.main]\nurl = \"{}\"\n",
            db.url()
        );
        let metrics = tenure.dir().join("metrics.sock").display().to_string();
        let config = config.replace("SOCKET", &metrics);
        let tenure = tenure.env("TENURE_TEST_CLOCK", &clock).file("clock", "0 0 0").file("s.toml", &schedule);
        Self { tenure: tenure.config(&config), schedule, config }
    }

    /// The same with a state directory of its own.
    fn neighbour(&self) -> Tenure {
        let clock = self.tenure.dir().join("clock").display().to_string();
        Tenure::alone().env("TENURE_TEST_CLOCK", &clock).file("s.toml", &self.schedule).config(&self.config)
    }

    fn socket(&self) -> PathBuf {
        self.tenure.dir().join("metrics.sock")
    }

    fn state(&self) -> Option<tenure::daemon::State> {
        state_of(&self.tenure)
    }

    /// Since the beginning of the story. Not while the daemon compares the clocks, which then would seem not to agree.
    fn hours_pass(&self, hours: i64) {
        let is_idle =
            |state: tenure::daemon::State| state.stopping || !state.databases.values().any(|one| one.visiting);
        wait_until("the daemon to be idle", || self.state().is_some_and(is_idle));
        let new = self.tenure.dir().join("clock.new");
        let shift = hours * 3_600_000_000;
        fs::write(&new, format!("{shift} {shift} {shift}")).unwrap();
        fs::rename(&new, self.tenure.dir().join("clock")).unwrap();
    }

    /// The body of an answer with status 200, over the socket, once it is as wanted.
    #[track_caller]
    fn wait_for(&self, path: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        wait_for(path, || UnixStream::connect(self.socket()).ok(), is_wanted)
    }
}

#[track_caller]
fn wait_for<S: Read + Write>(path: &str, connect: impl Fn() -> Option<S>, is_wanted: impl Fn(&str) -> bool) -> String {
    let mut answer = String::new();
    wait_until(path, || {
        answer = connect().map(|stream| ask(stream, "GET", path)).unwrap_or_default();
        answer.starts_with("HTTP/1.1 200") && is_wanted(&answer)
    });
    answer
}

fn ask(mut stream: impl Read + Write, method: &str, path: &str) -> String {
    let mut answer = String::new();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    // The daemon closes.
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn end(daemon: Running) -> String {
    daemon.signal("TERM");
    daemon.wait().expect_code(0).stderr
}

const OVERDUE: &str = "tenure_rule_overdue_rows{database=\"main\",policy=\"house\",rule=\"logs\"}";
const DELETED: &str = "tenure_rows_total{database=\"main\",policy=\"house\",rule=\"logs\",outcome=\"delete\"}";

on_every_database! {
    fn what_is_overdue_is_a_number_until_a_run_has_done_it(db: TestDb) {
        let stage = Stage::new(&db, "unix:SOCKET");
        let daemon = stage.tenure.spawn(&["daemon"]);
        let before = stage.wait_for("/metrics", |page| page.contains(&format!("\n{OVERDUE} 3.0\n")) || page.contains(DELETED));
        assert!(before.contains("application/openmetrics-text"), "{before}");
        assert_eq!(fs::metadata(stage.socket()).unwrap().permissions().mode() & 0o777, 0o660);
        stage.hours_pass(1);
        let after = stage.wait_for("/metrics", |page| page.contains(&format!("\n{OVERDUE} 0.0\n")) && page.contains(DELETED));
        assert!(after.contains(&format!("\n{DELETED} 3\n")), "{after}");
        assert!(after.contains("\ntenure_runs_total{database=\"main\",policy=\"house\",status=\"ok\"} "), "{after}");
        assert!(after.contains("\ntenure_rule_success_time_seconds{"), "{after}");
        // No table is asked: there is none any more.
        db.script("ALTER TABLE log RENAME TO gone");
        assert!(stage.wait_for("/metrics", |_| true).contains(&format!("\n{OVERDUE} 0.0\n")));
        assert!(stage.wait_for("/healthz", |_| true).contains("\r\n\r\nidle; next: logs of house on main at "));
        end(daemon);
    }
}

#[test]
fn on_loopback_it_answers_two_questions_and_no_other() {
    let db = TestDb::new(Dialect::Sqlite);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stage = Stage::new(&db, &format!("127.0.0.1:{port}"));
    let daemon = stage.tenure.spawn(&["daemon"]);
    let connect = || TcpStream::connect(("127.0.0.1", port)).ok();
    assert!(wait_for("/healthz", connect, |_| true).contains("text/plain"));
    let pid = daemon.status("Pid").unwrap();
    for (method, path, status) in
        [("GET", "/", "404"), ("GET", "/metrics/x", "404"), ("POST", "/metrics", "405"), ("HEAD", "/metrics", "200")]
    {
        let answer = ask(connect().unwrap(), method, path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
    }
    end(daemon);
    // The status tells of it too, also when it is gone.
    let told = stage.tenure.run(&["status", "--json"]).json();
    assert_eq!((&told["daemon"]["pid"].to_string(), &told["daemon"]["stopping"]), (&pid, &true.into()), "{told:#}");
    stage.hours_pass(3);
    let text = stage.tenure.run(&["status"]).stdout;
    assert!(
        text.contains("daemon: nothing was heard of it since") && text.contains(&format!("process {pid} on")),
        "{text}"
    );
}

#[test]
fn a_database_that_is_out_of_reach_is_not_healthy() {
    let db = TestDb::new(Dialect::Sqlite);
    let stage = Stage::new(&db, "unix:SOCKET");
    let config = fs::read_to_string(stage.tenure.dir().join("tenure.toml")).unwrap();
    fs::write(stage.tenure.dir().join("tenure.toml"), config.replace(db.url(), "sqlite:///nowhere/at.all")).unwrap();
    let daemon = stage.tenure.spawn(&["daemon"]);
    let ask_health = || UnixStream::connect(stage.socket()).map(|stream| ask(stream, "GET", "/healthz"));
    let is_unwell = |answer: String| answer.starts_with("HTTP/1.1 503") && answer.contains("database main: ");
    wait_until("a bad answer", || ask_health().is_ok_and(is_unwell));
    assert!(stage.wait_for("/metrics", |_| true).contains("\ntenure_database_trouble{database=\"main\"} 1.0\n"));
    end(daemon);
}

#[test]
fn the_socket_of_a_daemon_that_died_is_taken_over_and_that_of_one_that_lives_is_not() {
    let db = TestDb::new(Dialect::Sqlite);
    let stage = Stage::new(&db, "unix:SOCKET");
    let first = stage.tenure.spawn(&["daemon"]);
    stage.wait_for("/healthz", |_| true);
    let neighbour = stage.neighbour();
    let second = neighbour.spawn(&["daemon"]);
    // It works all the same; that it ends well shows that it has begun.
    let pid: u32 = second.status("Pid").unwrap().parse().unwrap();
    wait_until("the second daemon", || state_of(&neighbour).is_some_and(|state| state.pid == pid));
    assert!(end(second).contains("metrics-not-served"));
    first.kill_after(Duration::ZERO);
    let third = stage.tenure.spawn(&["daemon"]);
    stage.wait_for("/healthz", |_| true);
    end(third);
}

#[test]
fn four_hundred_who_say_nothing_or_half_of_it_keep_nobody_else_from_an_answer() {
    let db = TestDb::new(Dialect::Sqlite);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stage = Stage::new(&db, &format!("127.0.0.1:{port}"));
    let daemon = stage.tenure.spawn(&["daemon"]);
    let connect = || TcpStream::connect(("127.0.0.1", port)).ok();
    wait_for("/healthz", connect, |_| true);
    let idle: Vec<_> = (0..400)
        .filter_map(|n| {
            let mut stream = connect()?;
            // Whom the daemon has hung up on already may not be told so yet.
            let _ =
                stream.write_all(&b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"[..if n % 2 == 0 { 0 } else { 40 }]);
            Some(stream)
        })
        .collect();
    for path in ["/healthz", "/metrics", "/healthz"] {
        let begun = std::time::Instant::now();
        assert!(ask(connect().unwrap(), "GET", path).starts_with("HTTP/1.1 200 "), "{path}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{path}: {:?}", begun.elapsed());
    }
    drop(idle);
    end(daemon);
}

#[test]
fn a_host_of_another_name_is_told_nothing_and_takes_nothing_along() {
    let db = TestDb::new(Dialect::Sqlite);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stage = Stage::new(&db, &format!("127.0.0.1:{port}"));
    let daemon = stage.tenure.spawn(&["daemon"]);
    let connect = || TcpStream::connect(("127.0.0.1", port)).ok();
    wait_for("/healthz", connect, |_| true);
    let with = |headers: &[u8]| {
        let mut stream = connect().unwrap();
        let _ = stream.write_all(&[b"GET /metrics HTTP/1.1\r\n", headers, b"\r\n"].concat());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    for odd in [
        &b"Host: evil.example.org\r\n"[..],
        b"Host: \xff\xfe\r\n",
        b"Host: localhost\r\nHost: evil.example.org\r\n",
        b"Host: a b\r\n",
    ] {
        let answer = with(odd);
        assert!(answer.starts_with("HTTP/1.1 4") && !answer.contains("tenure_"), "{odd:?}: {answer}");
    }
    let _ = with(&[b"Host: ", &[b'x'; 100_000][..], b"\r\n"].concat());
    for plain in ["localhost", "127.0.0.1", "[::1]"] {
        let answer = with(format!("Host: {plain}:{port}\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200 "), "{plain}: {answer}");
    }
    end(daemon);
}

#[test]
fn status_says_of_an_idle_daemon_what_is_next_and_no_name_steers_its_line() {
    let db = TestDb::new(Dialect::Sqlite);
    let stage = Stage::new(&db, "unix:SOCKET");
    let schedule = stage.schedule.replace("\"house\"", "\"house\\u001b[2J\\u202e\"").replace("0 * * * *", "0 3 1 1 *");
    fs::write(stage.tenure.dir().join("s.toml"), schedule).unwrap();
    let daemon = stage.tenure.spawn(&["daemon"]);
    let answer = stage.wait_for("/healthz", |page| page.contains("idle; next: "));
    assert!(answer.contains("next: logs of house\\u{1b}[2J\\u{202e} on main at "), "{answer}");
    let told = stage.tenure.run(&["status"]).stdout;
    assert!(told.contains("daemon: idle; next: logs of house\\u{1b}[2J\\u{202e} on main at "), "{told}");
    let next = &stage.tenure.run(&["status", "--json"]).json()["daemon"]["next"];
    assert_eq!((&next["database"], &next["rule"]), (&"main".into(), &"logs".into()), "{next}");
    end(daemon);
}
