//! What comes out of the program for other programs: one JSON document, a log of JSON lines, and names that steer nothing.

use serde_json::Value;
use tenure::db::Dialect;

use crate::harness::story::{delete_rule, policy};
use crate::harness::{Output, Tenure, TestDb};

/// A rule that is called `logs`, of a policy of this name in TOML.
fn logs(db: &TestDb, name: &str) -> Tenure {
    db.create("CREATE TABLE log (id {pk}, at {ts});");
    db.script("INSERT INTO log (at) VALUES ('2020-01-01 00:00:00')");
    let schedule = policy(&delete_rule("logs", "log", "guard = { max_share = 1.0 }"));
    Tenure::at(db).schedule(&schedule.replace("\"house\"", &format!("\"{name}\"")))
}

#[track_caller]
fn every_line_is_json(output: &Output) {
    for line in output.stderr.lines() {
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\nof {}", output.stderr));
        for field in ["time", "level", "event", "message"] {
            assert!(event[field].is_string(), "{field}: {line}");
        }
    }
}

#[test]
fn a_log_of_json_has_no_other_line_whatever_goes_wrong() {
    let db = TestDb::new(Dialect::Sqlite);
    let tenure = logs(&db, "house");
    let broken = Tenure::at(&db).schedule("[policy]\nnam = 3\n");
    let away = Tenure::at_url("sqlite:///nowhere/at/all.db").schedule(&policy(&delete_rule("logs", "log", "")));
    for (tenure, args, code) in [
        (&tenure, &["plan"][..], 0),
        (&tenure, &["run", "-v", "-v"], 0),
        (&tenure, &["run", "--unknown"], 2),
        (&tenure, &["approve", "x"], 2),
        (&tenure, &["plan", "no-such-rule"], 2),
        (&tenure, &["mail", "test"], 2),
        (&broken, &["check"], 2),
        (&broken, &["run"], 2),
        (&away, &["run"], 1),
        (&away, &["runs"], 1),
    ] {
        for format in [&["--log-format", "json"][..], &["--log-format=json"]] {
            let output = tenure.run(&[args, format].concat()).expect_code(code);
            every_line_is_json(&output);
            assert!(code == 0 || !output.stderr.is_empty() || args == ["check"], "{args:?} says nothing");
        }
    }
}

#[test]
fn a_command_answers_with_one_document_or_refuses_to() {
    let db = TestDb::new(Dialect::Sqlite);
    let tenure = logs(&db, "house");
    for args in [
        &["check"][..],
        &["plan"],
        &["run"],
        &["runs"],
        &["status"],
        &["migrate"],
        &["verify"],
        &["hold", "add", "case-7", "--rule", "logs", "--reason", "case 7"],
        &["hold", "list"],
        &["hold", "release", "case-7", "--reason", "over"],
        &["pause", "--reason", "case 7"],
        &["resume", "--reason", "over"],
        &["mail", "queue"],
        &["clock", "accept", "--reason", "set right"],
        &["keys", "generate"],
    ] {
        let output = tenure.run(&[args, &["--json"]].concat());
        assert!([0, 1].contains(&output.code), "{args:?}: {}", output.stderr);
        assert!(output.json().is_object(), "{args:?}");
    }
    for args in [&["daemon"][..], &["generate", "somewhere"]] {
        let refused = tenure.run(&[args, &["--json"]].concat()).expect_code(2);
        assert!(refused.stderr.contains("--json"), "{args:?}: {}", refused.stderr);
    }
}

#[test]
fn a_name_steers_no_terminal() {
    let db = TestDb::new(Dialect::Sqlite);
    let tenure = logs(&db, "house\\u001b[2J\\u202e");
    for args in [
        &["plan"][..],
        &["status"],
        &["run", "-v", "-v"],
        &["runs"],
        &["check"],
        &["status", "--json"],
        &["plan", "--json"],
    ] {
        for format in ["plain", "json"] {
            let output = tenure.run(&[args, &["--log-format", format]].concat());
            assert!([0, 1].contains(&output.code), "{args:?}: {}", output.stderr);
            let said = format!("{}{}", output.stdout, output.stderr);
            let steers = |c: &char| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c);
            assert_eq!(said.chars().find(steers), None, "{args:?} {format}: {said:?}");
        }
    }
}

/// Wants root, as the servers do.
#[test]
fn who_runs_is_who_the_kernel_says_and_sudos_user_stands_beside() {
    let db = TestDb::new(Dialect::Sqlite);
    let tenure = logs(&db, "house").env("USER", "the-boss").env("LOGNAME", "the-boss").env("SUDO_USER", "ann");
    let actor = tenure.run(&["plan", "--json"]).expect_code(0).json()["actor"].as_str().unwrap().to_owned();
    assert!(actor.starts_with("root (uid 0, sudo by ann)@"), "{actor}");
}
