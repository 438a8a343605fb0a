//! When runs come: on the nights when the clock changes, after weeks without power, and never twice.

use tenure::db::Dialect;

use super::stage::{Stage, hours, logs, minutes, policy};
use crate::harness::{TestDb, story::delete_rule};

/// The times of the runs between the two.
fn runs_between(from: &str, to: &str, cron: &str) -> Vec<String> {
    let db = TestDb::new(Dialect::Sqlite);
    let mut stage = Stage::at(from, &db, cron);
    let daemon = stage.start();
    stage.walk_to(to, minutes(20));
    daemon.end();
    stage.times()
}

#[test]
fn half_past_two_comes_once_on_the_night_that_skips_it_and_once_on_the_night_that_repeats_it() {
    let spring = runs_between("2026-03-28T20:00:00Z", "2026-03-30T12:00:00Z", "30 2 * * *");
    assert_eq!(spring.len(), 2, "{spring:?}");
    assert!(("2026-03-29T01:00".."2026-03-29T01:30").contains(&spring[0].as_str()), "{spring:?}");
    let autumn = runs_between("2026-10-24T20:00:00Z", "2026-10-26T12:00:00Z", "30 2 * * *");
    assert_eq!(autumn.len(), 2, "{autumn:?}");
    assert!(("2026-10-25T00:30".."2026-10-25T01:00").contains(&autumn[0].as_str()), "{autumn:?}");
}

#[test]
fn every_hour_comes_on_both_of_these_nights_the_one_that_is_repeated_twice() {
    // From 21:00 to 06:00 by the hands are eight hours in spring, and ten in autumn.
    let spring = runs_between("2026-03-28T20:05:00Z", "2026-03-29T04:05:00Z", "0 * * * *");
    assert_eq!(spring.len(), 8, "{spring:?}");
    let autumn = runs_between("2026-10-24T19:05:00Z", "2026-10-25T05:05:00Z", "0 * * * *");
    assert_eq!(autumn.len(), 10, "{autumn:?}");
}

#[test]
fn what_is_due_on_the_29th_of_february_comes_then() {
    let db = TestDb::new(Dialect::Sqlite);
    let mut stage = Stage::at("2028-02-27T12:00:00Z", &db, "0 3 29 2 *");
    let daemon = stage.start();
    stage.walk_to("2028-03-01T12:00:00Z", hours(6));
    assert_eq!(stage.times().len(), 1, "{:?}", stage.times());
    assert!(stage.times()[0].starts_with("2028-02-29"));
    daemon.end();
}

#[test]
fn an_expression_that_never_comes_true_is_refused_before_the_daemon_begins() {
    let db = TestDb::new(Dialect::Sqlite);
    let stage = Stage::at("2026-01-01T12:00:00Z", &db, "0 0 30 2 *");
    let output = stage.tenure.run(&["daemon"]).expect_code(2);
    assert!(output.stderr.contains("house.toml:4:8"), "{}", output.stderr);
}

on_every_database! {
    fn a_rule_that_is_new_is_first_due_when_its_time_comes(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:00:00Z", &db, "0 3 * * *");
        stage.add_old_rows(3);
        let daemon = stage.start();
        assert_eq!(db.count("log"), 3, "nothing was due yet");
        stage.go_to("2026-01-11T02:30:00Z");
        assert_eq!((db.count("log"), stage.times()), (0, vec!["2026-01-11T02:30".to_owned()]));
        daemon.end();
    }

    fn a_machine_that_was_off_for_three_weeks_catches_up_once(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:00:00Z", &db, "0 3 * * *");
        let daemon = stage.start();
        stage.go_to("2026-01-11T02:30:00Z");
        daemon.end();
        stage.add_old_rows(2);
        stage.clock.go_to("2026-02-01T12:00:00Z");
        let daemon = stage.start();
        assert_eq!((db.count("log"), stage.times().len()), (0, 2), "{:?}", stage.times());
        stage.pass(hours(2));
        assert_eq!(stage.times().len(), 2, "{:?}", stage.times());
        daemon.end();
    }

    fn a_restart_repeats_nothing(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:00:00Z", &db, "0 3 * * *");
        let daemon = stage.start();
        stage.go_to("2026-01-11T02:30:00Z");
        daemon.end();
        for _ in 0..3 {
            stage.clock.pass(minutes(7));
            let daemon = stage.start();
            daemon.end();
        }
        assert_eq!(stage.times(), ["2026-01-11T02:30"]);
    }

    fn rules_that_are_due_together_are_one_run_and_a_rule_with_its_own_time_is_another(db: TestDb) {
        db.create("CREATE TABLE other (id {pk}, at {ts}); CREATE TABLE third (id {pk}, at {ts});");
        let own = "cron = \"0 9 * * *\"";
        let rules = logs() + &delete_rule("others", "other", "") + &delete_rule("thirds", "third", own);
        let mut stage = Stage::with("2026-01-10T12:00:00Z", &db, &policy("0 3 * * *", &rules), "");
        let daemon = stage.start();
        stage.walk_to("2026-01-11T12:00:00Z", hours(1));
        let rules: Vec<Vec<_>> = stage.runs().iter().map(|run| {
            run["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect()
        }).collect();
        assert_eq!(rules, [vec!["logs".to_owned(), "others".to_owned()], vec!["thirds".to_owned()]]);
        daemon.end();
    }

    fn what_a_guard_stopped_waits_for_its_next_due_time(db: TestDb) {
        let rule = delete_rule("logs", "log", "guard = { max_rows = 1 }");
        let mut stage = Stage::with("2026-01-10T12:00:00Z", &db, &policy("0 3 * * *", &rule), "");
        stage.add_old_rows(2);
        let daemon = stage.start();
        stage.walk_to("2026-01-11T22:00:00Z", hours(1));
        let runs = stage.runs();
        assert_eq!((runs.len(), runs[0]["status"].as_str()), (1, Some("guarded")));
        stage.tenure.run(&["approve", runs[0]["run"].as_str().unwrap()]).expect_code(0);
        assert_eq!(db.count("log"), 0);
        stage.walk_to("2026-01-12T03:00:00Z", hours(1));
        assert_eq!(stage.runs().last().unwrap()["status"], "ok");
        daemon.end();
    }

    fn what_failed_is_tried_again_after_pauses_that_grow(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:00:00Z", &db, "0 3 * * *");
        let daemon = stage.start();
        db.script("ALTER TABLE log RENAME COLUMN at TO since");
        stage.go_to("2026-01-11T02:00:00Z");
        stage.walk_to("2026-01-11T02:10:00Z", minutes(1));
        // After one minute, two and four: with the first that are four.
        assert_eq!(stage.times().len(), 4, "{:?}", stage.times());
        db.script("ALTER TABLE log RENAME COLUMN since TO at");
        stage.walk_to("2026-01-11T02:30:00Z", minutes(10));
        let runs = stage.runs();
        assert_eq!((runs.len(), runs[4]["status"].as_str()), (5, Some("ok")));
        stage.pass(hours(2));
        assert_eq!(stage.times().len(), 5, "and no more");
        daemon.end();
    }

    fn a_paused_rule_stays_due_and_runs_when_the_pause_ends(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:00:00Z", &db, "0 3 * * *");
        stage.add_old_rows(1);
        let daemon = stage.start();
        stage.tenure.run(&["pause", "logs", "--reason", "audit"]).expect_code(0);
        stage.walk_to("2026-01-11T10:00:00Z", hours(1));
        assert_eq!((db.count("log"), stage.times().len()), (1, 0), "no run is made for nothing");
        stage.tenure.run(&["resume", "logs", "--reason", "over"]).expect_code(0);
        stage.pass(minutes(2));
        assert_eq!((db.count("log"), stage.times().len()), (0, 1));
        daemon.end();
    }
}

/// A map of people, and the key for their pseudonyms.
const PEOPLE: &str = r#"
[subject]
table = "account"
key = "id"
closed = "closed_at"
grace = "7 days"
within = "30 days"

[[subject.data]]
table = "account"
column = "id"
action = "redact"
redact = { email = { placeholder = "deleted-{id}" } }
"#;

on_every_database! {
    fn closed_accounts_are_erased_when_their_policy_is_due(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {pk}, email {text}, closed_at {ts});
             INSERT INTO account (email, closed_at) VALUES ('ann@example.org', '2026-01-05 00:00:00'), ('ben@example.org', NULL);",
        );

        let config = "hmac_key_file = \"key\"\n";
        let stage = Stage::with("2026-01-10T12:10:00Z", &db, &policy("0 3 * * *", &(logs() + PEOPLE)), config);
        let key = "0123456789abcdef0123456789abcdef";
        let mut stage = Stage { tenure: stage.tenure.file("key", key), ..stage };
        let daemon = stage.start();
        stage.walk_to("2026-01-11T12:00:00Z", hours(3));
        let kept = "SELECT count(*) FROM account WHERE email LIKE '%@example.org'";
        assert_eq!(db.scalar(kept), 2, "it may come back for seven days: {:#?}", stage.runs());
        stage.walk_to("2026-01-13T12:00:00Z", hours(3));
        assert_eq!(db.scalar(kept), 1, "{:#?}", stage.runs());
        assert_eq!(stage.times().len(), 3, "a run a night");
        daemon.end();
    }
}
