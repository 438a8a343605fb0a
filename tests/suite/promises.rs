//! Every published promise: it is kept by what a shipped schedule says, or it says why not yet; and a run reports it.

use std::collections::BTreeSet;

use tenure::db::Dialect;
use tenure::demo;
use tenure::demo::{PROMISES, SCHEDULES, Size};

use crate::harness::story::{AS_OF, Told};
use crate::harness::{Tenure, TestDb};

/// Aalalux, trackora and inaraX, with the number of promises that each has published.
const PUBLISHED: [(&str, &str, u32); 3] =
    [("A", "aalalux.toml", 11), ("T", "trackora.toml", 7), ("I", "inarax.toml", 7)];

fn texts(value: Option<&toml::Value>) -> Vec<String> {
    let text = |value: &toml::Value| value.as_str().map(str::to_owned);
    match value {
        Some(toml::Value::Array(list)) => list.iter().filter_map(text).collect(),
        other => other.and_then(text).into_iter().collect(),
    }
}

#[test]
fn every_promise_is_kept_by_a_rule_a_hold_or_a_reason_to_keep_or_says_what_is_still_to_come() {
    let promises: toml::Table = PROMISES.parse().unwrap();
    for (letter, file, last) in PUBLISHED {
        for id in (1..=last).map(|number| format!("{letter}{number}")) {
            let promise = promises.get(&id).unwrap_or_else(|| panic!("{id} is not listed"));
            let kept_in = promise.get("schedule").and_then(toml::Value::as_str);
            assert!(kept_in.is_none_or(|kept_in| kept_in == file), "{id} is kept in another policy's schedule");
            let kept = ["rule", "hold", "keep", "subject", "command", "later"]
                .iter()
                .flat_map(|how| texts(promise.get(*how)))
                .count();
            assert!(kept > 0, "{id} is kept nowhere");
        }
    }
    assert_eq!(promises.len(), 25);
}

#[test]
fn every_shipped_schedule_has_the_sentence_of_each_promise_that_it_keeps() {
    let promises: toml::Table = PROMISES.parse().unwrap();
    for (letter, file, _) in PUBLISHED {
        let (_, schedule) = SCHEDULES.into_iter().find(|(name, _)| *name == file).unwrap();
        let schedule: toml::Table = schedule.parse().unwrap();
        let told = schedule["promise"].as_array().unwrap().iter();
        let told: BTreeSet<_> = told.map(|one| (one["id"].as_str().unwrap(), one["text"].as_str().unwrap())).collect();
        let is_kept = |one: &toml::Value| ["rule", "hold", "keep", "subject"].iter().any(|how| one.get(*how).is_some());
        let listed = promises.iter().filter(|(id, one)| id.starts_with(letter) && is_kept(one));
        let listed = listed.map(|(id, one)| (id.as_str(), one["summary"].as_str().unwrap())).collect();
        assert_eq!(told, listed, "{file}");
    }
}

#[test]
fn every_command_that_keeps_a_promise_is_there() {
    let promises: toml::Table = PROMISES.parse().unwrap();
    for (id, promise) in &promises {
        for command in texts(promise.get("command")) {
            let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
            let output = Tenure::alone().run(&words);
            assert_eq!(output.code, 0, "{id}: tenure {command}: {}", output.stderr);
        }
    }
}

#[test]
fn a_run_reports_each_promise_that_its_rules_keep() {
    let promises: toml::Table = PROMISES.parse().unwrap();
    for (letter, file, _) in PUBLISHED {
        let db = TestDb::new(Dialect::Sqlite);
        let mut connection = db.open();
        demo::create(&mut connection).unwrap();
        demo::generate(&mut connection, &Size::new(10_000, 1).unwrap(), AS_OF.parse().unwrap()).unwrap();
        let (_, schedule) = SCHEDULES.into_iter().find(|(name, _)| *name == file).unwrap();
        let ran = Tenure::at(&db)
            .keyed("")
            .schedule(schedule)
            .run(&["run", "--json", "--as-of", AS_OF])
            .expect_code(0)
            .json();
        let ran = Told::of_the_schedule(ran).0;
        let reported: BTreeSet<&str> =
            ran["verdict"]["promises"].as_array().unwrap().iter().map(|one| one["promise"].as_str().unwrap()).collect();
        let by_rule = promises.iter().filter(|(id, one)| id.starts_with(letter) && !texts(one.get("rule")).is_empty());
        for (id, _) in by_rule {
            assert!(reported.contains(id.as_str()), "{id} is kept by a rule of {file}, but its run says nothing of it");
        }
    }
}
