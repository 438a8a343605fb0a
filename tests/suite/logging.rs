//! The log: on stderr, of tenure's own events, and never in the way of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use tenure::db::Dialect;

use crate::harness::{Tenure, TestDb};

const SCHEDULE: &str = r#"
    [policy]
    name = "logging"
    [[rule]]
    name = "logs"
    table = "log"
    anchor = "at"
    retain = "30 days"
    where = "note <> 'kept'"
    action = "delete"
"#;

fn with_logs() -> TestDb {
    let db = TestDb::new(Dialect::Sqlite);
    db.create("CREATE TABLE log (id {pk}, at {ts}, note {text});");
    db.script("INSERT INTO log (at, note) VALUES ('2020-01-01', 'x'), ('2020-01-01', 'y');");
    db
}

#[test]
fn a_run_says_that_it_began_what_each_rule_did_and_how_it_ended() {
    let db = with_logs();
    let quiet = Tenure::at(&db).schedule(SCHEDULE).run(&["run", "--dry-run", "-q"]).expect_code(0);
    assert_eq!(quiet.stderr, "");
    let told = Tenure::at(&db).schedule(SCHEDULE).run(&["run", "-v"]).expect_code(0);
    let events: Vec<_> = told.stderr.lines().filter(|line| line.contains(" INFO ")).collect();
    assert!(events[0].contains("run-begins: run begins run="), "{}", told.stderr);
    assert!(events[1].contains("rule ended") && events[1].contains("done=2"), "{}", told.stderr);
    assert!(events[2].contains("run ended") && events[2].contains("status=ok"), "{}", told.stderr);
    assert!(!told.stderr.contains("DEBUG") && !told.stderr.contains('\u{1b}'), "{}", told.stderr);
}

#[test]
fn twice_v_tells_of_every_batch_and_of_nothing_that_a_library_does() {
    let db = with_logs();
    let told = Tenure::at(&db).schedule(SCHEDULE).run(&["run", "-v", "-v"]).expect_code(0);
    let events: Vec<_> = told.stderr.lines().filter(|line| line.contains(" DEBUG ")).collect();
    assert_eq!(events.len(), 1, "{}", told.stderr);
    assert!(events[0].contains("batch committed") && events[0].contains("rows=2"));
}

#[test]
fn a_run_goes_on_where_nobody_reads_its_log_any_more() {
    let db = with_logs();
    let tenure = Tenure::alone().file("schedule.toml", SCHEDULE);
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["run", "-v", "-v", "--schedule", "schedule.toml", "--database", db.url()])
        .current_dir(tenure.dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(db.count("log"), 0);
}

#[test]
fn as_json_every_line_is_an_event_with_its_fields() {
    let db = with_logs();
    let told =
        Tenure::at(&db).schedule(SCHEDULE).run(&["run", "-v", "-v", "--log-format", "json"]).expect_code(0).stderr;
    let events: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["run-begins", "batch", "rule-ended", "run-ended", "told"],
        "the last one says where the reports are"
    );
    let batch = &events[1];
    assert_eq!(
        (&batch["level"], &batch["rows"], &batch["rule"]),
        (&"debug".into(), &2.into(), &"logs".into()),
        "{batch}"
    );
    assert_eq!(batch["run"], events[0]["run"], "the run is a field of what happens in it");
    assert_eq!((&events[2]["done"], &events[2]["message"]), (&2.into(), &"rule ended".into()));
    let time: jiff::Timestamp = events[0]["time"].as_str().unwrap().parse().unwrap();
    assert!(time <= jiff::Timestamp::now());
}

#[test]
fn a_message_with_line_breaks_and_escapes_is_one_line() {
    let db = with_logs();
    let evil = SCHEDULE.replace("name = \"logging\"", "name = \"log\\nging\\u001b[31m\"");
    for format in ["plain", "json"] {
        let told = Tenure::at(&db).schedule(&evil).run(&["run", "-v", "--log-format", format]).stderr;
        let events = told.lines().filter(|line| line.starts_with("20") || line.starts_with('{')).count();
        let others = told.lines().filter(|line| line.starts_with("reports:")).count();
        assert_eq!(told.lines().count(), events + others, "{told}");
        assert!(events > 2 && !told.contains('\u{1b}'), "{told}");
    }
}

/// A journal of our own, in a mount namespace of our own: datagrams of fields, as systemd's protocol has them.
fn run_under_a_journal(db: &TestDb, args: &[&str]) -> (String, Vec<BTreeMap<String, String>>) {
    let tenure = Tenure::alone().file("schedule.toml", SCHEDULE);
    fs::create_dir_all(tenure.dir().join("run/journal")).unwrap();
    let journal = UnixDatagram::bind(tenure.dir().join("run/journal/socket")).unwrap();
    journal.set_nonblocking(true).unwrap();
    let script = "mkdir -p /run/systemd && mount --bind run /run/systemd && shift && \
        JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh", "--", env!("CARGO_BIN_EXE_tenure")])
        .args(args)
        .args(["--schedule", "schedule.toml", "--database", db.url()])
        .current_dir(tenure.dir())
        .output()
        .expect("unshare, of util-linux");
    let mut entries = Vec::new();
    let mut datagram = [0; 65536];
    while let Ok(length) = journal.recv(&mut datagram) {
        entries.push(entry(&datagram[..length]));
    }
    // Whoever connects tries the way with nothing first.
    entries.retain(|entry| !entry.is_empty());
    (String::from_utf8(output.stderr).unwrap(), entries)
}

/// `NAME=value`, or `NAME`, a line feed, eight bytes of length and the value; a line feed after each.
fn entry(mut datagram: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while let Some(end) = datagram.iter().position(|byte| [b'=', b'\n'].contains(byte)) {
        let (name, rest) = (text(&datagram[..end]), &datagram[end + 1..]);
        let (value, rest) = if datagram[end] == b'=' {
            rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap())
        } else {
            let (length, rest) = rest.split_at(8);
            rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize)
        };
        fields.insert(name, text(value));
        datagram = &rest[1..];
    }
    fields
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn where_stderr_is_the_journal_events_are_entries_with_fields() {
    let db = with_logs();
    let (stderr, entries) = run_under_a_journal(&db, &["run", "-v"]);
    let events: Vec<_> =
        entries.iter().map(|entry| entry.get("TENURE_EVENT").unwrap_or_else(|| panic!("{entry:?}")).as_str()).collect();
    assert_eq!(events, ["run-begins", "rule-ended", "run-ended"], "{stderr}");
    let ended = &entries[1];
    let field = |name: &str| ended[name].as_str();
    assert_eq!(
        (field("MESSAGE"), field("TENURE_RULE"), field("TENURE_DONE")),
        ("rule ended", "logs", "2"),
        "{ended:?}"
    );
    assert_eq!((field("SYSLOG_IDENTIFIER"), &ended["TENURE_RUN"]), ("tenure", &entries[0]["TENURE_RUN"]));
    assert!(!stderr.contains("rule ended"), "told twice: {stderr}");
    let plain = with_logs();
    let (stderr, entries) = run_under_a_journal(&plain, &["run", "-v", "--log-format", "plain"]);
    assert!(entries.is_empty() && stderr.contains("rule-ended: rule ended"), "{stderr}");
}

/// Every call of a macro of tracing in the sources, by the text between its parentheses.
fn logged() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let source = fs::read_to_string(&path).unwrap();
                for level in ["error", "warn", "info", "debug", "trace"] {
                    let start = format!("tracing::{level}!(");
                    let calls = source.split(&start).skip(1);
                    found.extend(calls.map(|rest| (level.to_owned(), rest.split(");").next().unwrap().to_owned())));
                }
            }
        }
    }
    found
}

/// The fields before the message: `name`, `name = …` or `name = %…`.
fn fields(call: &str) -> BTreeSet<String> {
    let (_, after_event) = call.split_once("\",").unwrap();
    let before_message = after_event.split('"').next().unwrap();
    let names = before_message.split(',').map(|field| field.split('=').next().unwrap().trim());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_page_of_the_log_names_every_event_its_level_and_its_fields_and_none_that_is_not_there() {
    let page = include_str!("../../LOGGING.md");
    let table = page.split_once("| event | level |").unwrap().1.split_once("\n\n").unwrap().0;
    let mut told = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let names = cells[3].split('`').skip(1).step_by(2).map(str::to_owned);
        told.insert(cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), names.collect::<BTreeSet<_>>()));
    }
    let mut logged_events = BTreeSet::new();
    for (level, call) in logged() {
        let event = call.trim_start().strip_prefix("event = \"").and_then(|rest| rest.split('"').next());
        let event =
            event.unwrap_or_else(|| panic!("begin with `event = \"…\"` and name it in LOGGING.md: {level}!({call}"));
        let row = told.get(event).unwrap_or_else(|| panic!("LOGGING.md does not name `{event}`"));
        assert_eq!(row.0, level, "the level of `{event}`");
        assert_eq!(row.1, fields(&call), "the fields of `{event}`");
        logged_events.insert(event.to_owned());
    }
    assert_eq!(told.into_keys().collect::<BTreeSet<_>>(), logged_events);
}
