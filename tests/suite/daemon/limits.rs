//! Windows, closed days, budgets and jitter: what a run may do at a time, and what becomes of the rest.

use tenure::db::Dialect;

use super::stage::{Stage, hours, logs, minutes, policy};
use crate::faults::acts::Act;
use crate::harness::TestDb;

const NIGHTS: &str = "[daemon]\nwindow = \"01:00-05:00\"\n";

/// What a rule says of a run that stopped.
fn reason(run: &serde_json::Value) -> String {
    assert_eq!((&run["status"], &run["rules"][0]["status"]), (&"stopped".into(), &"stopped".into()), "{run:#}");
    run["rules"][0]["error"].as_str().expect("a reason").to_owned()
}

on_every_database! {
    fn what_is_due_outside_of_the_window_waits_for_it(db: TestDb) {
        let mut stage = Stage::with("2026-01-10T08:00:00Z", &db, &policy("0 12 * * *", &logs()), NIGHTS);
        stage.add_old_rows(2);
        let daemon = stage.start();
        stage.walk_to("2026-01-10T23:50:00Z", hours(1));
        assert_eq!((db.count("log"), stage.times().len()), (2, 0), "due at noon, and the window opens at one");
        stage.pass(minutes(20));
        assert_eq!((db.count("log"), stage.times()), (0, vec!["2026-01-11T00:10".to_owned()]));
        stage.walk_to("2026-01-11T10:00:00Z", hours(1));
        assert_eq!(stage.times().len(), 1, "once");
        daemon.end();
    }

    fn exam_weeks_are_closed_and_then_it_is_caught_up_once(db: TestDb) {
        let closed = "[daemon]\n[[daemon.closed]]\nfrom = 2026-01-11\nto = 2026-01-24\nreason = \"exams\"\n";
        let mut stage = Stage::with("2026-01-10T12:00:00Z", &db, &policy("0 3 * * *", &logs()), closed);
        let daemon = stage.start();
        stage.walk_to("2026-01-24T22:30:00Z", hours(6));
        assert_eq!(stage.times(), Vec::<String>::new());
        stage.pass(hours(1));
        assert_eq!(stage.times(), ["2026-01-24T23:30"], "after midnight in Berlin");
        daemon.end();
    }

    fn a_budget_of_rows_ends_a_run_which_goes_on_in_the_next_window_and_the_report_says_how_long_it_will_take(db: TestDb) {
        Act::Aggregate.prepare(&db);
        let all = Act::Aggregate.deeds(&db).done;
        let schedule = policy("0 3 * * *", &Act::Aggregate.rule().replace("[rule.aggregate]", "guard = { max_share = 1.0 }\n[rule.aggregate]"));
        let config = format!("{NIGHTS}budget_rows = {}\n", all * 2 / 5);
        let mut stage = Stage::on("2026-01-10T12:00:00Z", &db, &schedule, &config);
        let daemon = stage.start();
        stage.walk_to("2026-01-11T12:00:00Z", hours(1));
        let runs = stage.runs();
        assert_eq!(runs.len(), 1);
        assert!(reason(&runs[0]).contains("rows is spent"), "{}", reason(&runs[0]));
        let notes = runs[0]["notes"].to_string();
        assert!(notes.contains("rows a second they take") && notes.contains("2 more runs like this"), "{notes}");
        stage.walk_to("2026-01-12T12:00:00Z", hours(1));
        stage.walk_to("2026-01-13T12:00:00Z", hours(1));
        let runs = stage.runs();
        assert!(stage.times()[1].starts_with("2026-01-12T00:"), "as soon as the window opens: {:?}", stage.times());
        assert_eq!((&runs[1]["status"], &runs[2]["status"]), (&"stopped".into(), &"ok".into()));
        assert_eq!(Act::Aggregate.deeds(&db).done, 0);
        daemon.end();
    }
}

#[test]
fn a_window_that_ends_while_a_run_goes_on_stops_it_at_the_next_batch_and_the_next_one_goes_on() {
    let db = TestDb::new(Dialect::Postgres);
    Act::Aggregate.prepare(&db);
    let rule = Act::Aggregate.rule().replace("[rule.aggregate]", "guard = { max_share = 1.0 }\n[rule.aggregate]");
    let mut stage = Stage::on("2026-01-10T12:00:00Z", &db, &policy("0 3 * * *", &rule), NIGHTS);
    let daemon = stage.start();
    let held = stage.go_to_and_hold(&daemon, "2026-01-11T02:30:00Z");
    stage.clock.go_to("2026-01-11T04:00:10Z");
    held.go_on();
    stage.wait_until_looked();
    let runs = stage.runs();
    assert!(reason(&runs[0]).contains("its window is over"), "{}", reason(&runs[0]));
    assert!(runs[0]["rules"][0]["done"].as_u64() > Some(0), "{runs:#?}");
    stage.walk_to("2026-01-11T20:00:00Z", hours(1));
    assert_eq!(stage.runs().len(), 1, "it waits for the next window");
    stage.walk_to("2026-01-12T02:30:00Z", hours(1));
    assert_eq!(Act::Aggregate.deeds(&db).done, 0);
    daemon.end();
}

#[test]
fn a_run_that_takes_longer_than_its_period_is_followed_by_one_other() {
    let db = TestDb::new(Dialect::Mysql);
    Act::Aggregate.prepare(&db);
    let rule = Act::Aggregate.rule().replace("[rule.aggregate]", "guard = { max_share = 1.0 }\n[rule.aggregate]");
    let mut stage = Stage::on("2026-01-10T12:10:00Z", &db, &policy("0 * * * *", &rule), "");
    let daemon = stage.start();
    let held = stage.go_to_and_hold(&daemon, "2026-01-10T13:10:00Z");
    // Four due times come and go. The lock is let go, and the daemon renews its lease, before it could count as gone.
    for _ in 0..4 {
        stage.clock.pass(hours(1));
    }
    held.go_on();
    stage.wait_until_looked();
    stage.pass(minutes(2));
    let runs = stage.runs();
    assert_eq!(stage.times().len(), 2, "{:?}", stage.times());
    assert_eq!((&runs[0]["status"], &runs[1]["status"]), (&"ok".into(), &"ok".into()), "{runs:#?}");
    assert_eq!(Act::Aggregate.deeds(&db).done, 0);
    daemon.end();
}

#[test]
fn a_mistake_in_the_hours_is_shown_under_its_line() {
    let db = TestDb::new(Dialect::Sqlite);
    let config = "[daemon]\nwindow = \"01:00\"\nbudget = \"2 moons\"\njitterr = \"1 hour\"\nmetrics = \"0.0.0.0:1\"\n\
                  [[daemon.closed]]\nfrom = 2026-02-01\nto = 2026-01-01\nreason = \"exams\"\n";
    let stage = Stage::with("2026-01-10T12:00:00Z", &db, &policy("0 3 * * *", &logs()), config);
    let told = stage.tenure.run(&["daemon"]).expect_code(2).stderr;
    for sentence in [
        "`01:00` is no window",
        "tenure.toml:4:10",
        "`2 moons` is no duration",
        "unknown key `jitterr`",
        "did you mean `jitter`?",
        "no address that only this host reaches",
        "the last day is before the first",
    ] {
        assert!(told.contains(sentence), "{sentence} is not in {told}");
    }
}

#[test]
fn the_daemon_of_the_readme_is_taken_as_it_stands() {
    let db = TestDb::new(Dialect::Sqlite);
    let written = crate::readme::blocks("toml config daemon").remove(0);
    let stage = Stage::with("2026-01-10T12:00:00Z", &db, &policy("0 3 * * *", &logs()), &written);
    stage.start().end();
}
