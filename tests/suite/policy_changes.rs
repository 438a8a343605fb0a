//! A change of policy is announced before it takes effect (A11): a schedule that lets more rows go than the one before shows
//! them first, and waits. What the schedule was at any time is in the ledger.

use tenure::db::Dialect;

use crate::harness::story::{AS_OF, Told, delete_rule, ids, now_it_says, policy, schedules_seen};
use crate::harness::{Tenure, TestDb};

/// Ages of 100, 50 and 10 days.
fn log(db: &TestDb) {
    db.create(
        "CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts});
         INSERT INTO log VALUES (1, '2026-03-22 00:00:00'), (2, '2026-05-11 00:00:00'), (3, '2026-06-20 00:00:00');",
    );
}

/// A schedule that says nothing of the log any more, after runs that have seen it.
fn without(db: &TestDb, tenure: &Tenure) {
    db.create("CREATE TABLE IF NOT EXISTS other (id {bigint} PRIMARY KEY, at {ts});");
    now_it_says(tenure, &policy(&delete_rule("others", "other", "")));
    for _ in 0..2 {
        told(tenure, "run", 0);
    }
}

/// tenure with this schedule in a file that [`now_it_says`] writes anew.
fn with(db: &TestDb, schedule: &str) -> Tenure {
    let tenure = Tenure::at(db).schedule("");
    now_it_says(&tenure, schedule);
    tenure
}

/// One rule with this period and more lines.
fn keeps(period: &str, more: &str) -> String {
    policy(&delete_rule("logs", "log", more).replace("30 days", period))
}

/// A schedule of another policy's name.
fn called(name: &str, schedule: &str) -> String {
    schedule.replace("\"house\"", &format!("\"{name}\""))
}

/// A schedule of another policy's name, which says what the policy was called before.
fn formerly(name: &str, former: &str, schedule: &str) -> String {
    called(name, schedule).replacen("[policy]\n", &format!("[policy]\nformerly = [\"{former}\"]\n"), 1)
}

/// The same of its rule `logs`.
fn rule_formerly(name: &str, former: &str, schedule: &str) -> String {
    schedule.replace("name = \"logs\"", &format!("name = \"{name}\"\nformerly = [{former}]"))
}

fn notes(told: &Told) -> String {
    told.0["notes"].to_string()
}

#[track_caller]
fn told(tenure: &Tenure, command: &str, code: i32) -> Told {
    Told(tenure.run(&[command, "--json", "--as-of", AS_OF]).expect_code(code).json())
}

#[track_caller]
fn question(told: &Told) -> String {
    let rule = told.rule("logs");
    assert_eq!((&rule["status"], &rule["done"]), (&"guarded".into(), &0.into()), "{rule:#}");
    rule["guard"].as_str().unwrap().to_owned()
}

on_every_database! {
    fn a_first_schedule_is_not_asked_about_and_is_in_the_ledger_once(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        told(&tenure, "run", 0);
        assert_eq!(ids(&db, "log"), [2, 3]);
        let [first] = schedules_seen(&db).try_into().unwrap();
        assert_eq!(first["rules"]["logs"]["retain"], "60 days");
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_shortened_period_shows_the_rows_that_it_adds_and_waits_for_approval(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &keeps("7 days", ""));
        let planned = question(&told(&tenure, "plan", 3));
        let stopped = told(&tenure, "run", 3);
        assert_eq!(question(&stopped), planned);
        for part in ["its period went from `60 days` to `7 days`", "2 rows are due by the new cutoff 2026-06-23T12:00:00Z", "0 by the old one 2026-05-01T12:00:00Z: 2 more"] {
            assert!(planned.contains(part), "no `{part}` in {planned}");
        }
        question(&told(&tenure, "run", 3));
        assert_eq!(ids(&db, "log"), [2, 3], "it waits as long as nobody consents");

        let approved = tenure.run(&["approve", stopped.0["run"].as_str().unwrap(), "--json"]).expect_code(0).json();
        assert_eq!((&approved["rules"][0]["done"], db.count("log")), (&2.into(), 0));
        told(&tenure, "run", 0);
        let changes: Vec<String> = schedules_seen(&db).iter().map(|body| body["changes"].to_string()).collect();
        let [_, waits, goes] = changes.as_slice() else { panic!("{changes:#?}") };
        assert!(waits.contains("retain `60 days` became `7 days`") && waits.contains("waits for consent"), "{waits}");
        assert!(goes.contains("goes by its new terms from now on"), "{goes}");
        tenure.run(&["verify"]).expect_code(0);
    }

    fn yes_consents_to_a_shortened_period_and_is_recorded_with_the_actor(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &keeps("30 days", ""));
        let ran = Told(tenure.run(&["run", "--yes", "--json", "--as-of", AS_OF]).expect_code(0).json());
        assert_eq!(ids(&db, "log"), [3]);
        assert!(ran.0["notes"].to_string().contains("passed the guard of rule `logs` with --yes"));
        let last = schedules_seen(&db).pop().unwrap();
        assert_eq!((&last["actor"], &last["in_force"]), (&ran.0["actor"], &serde_json::json!({})));
        told(&tenure, "run", 0);
    }

    fn a_longer_period_and_a_new_rule_are_recorded_and_not_asked_about(db: TestDb) {
        log(&db);
        db.create("CREATE TABLE other (id {bigint} PRIMARY KEY, at {ts});");
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &(keeps("90 days", "") + &delete_rule("others", "other", "")));
        told(&tenure, "run", 0);
        let last = schedules_seen(&db).pop().unwrap()["changes"].to_string();
        assert!(last.contains("rule `logs`: retain `60 days` became `90 days`") && last.contains("rule `others` was added"), "{last}");
        // And back again: shorter than what is in force by now.
        now_it_says(&tenure, &keeps("60 days", ""));
        told(&tenure, "run", 3);
    }

    fn a_hold_that_is_dropped_stops_the_rules_that_it_held_back(db: TestDb) {
        log(&db);
        let hold = "[[hold]]\nname = \"case\"\ntable = \"log\"\nreason = \"a case\"\n";
        let tenure = with(&db, &(keeps("60 days", "") + hold));
        assert_eq!(told(&tenure, "run", 0).count("logs", "held"), 1);
        now_it_says(&tenure, &keeps("60 days", ""));
        assert!(question(&told(&tenure, "run", 3)).contains("hold `case` was taken out; 1 rows are due now"));
        assert_eq!(db.count("log"), 3);
        let run = told(&tenure, "run", 3).0["run"].as_str().unwrap().to_owned();
        tenure.run(&["approve", &run]).expect_code(0);
        assert_eq!(ids(&db, "log"), [2, 3]);
    }

    fn a_wider_condition_stops_the_rule_and_no_condition_is_kept_in_the_ledger(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("20 days", "where = \"id < 2\""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &keeps("20 days", "where = \"id < 3\""));
        assert!(question(&told(&tenure, "run", 3)).contains("its condition changed; 1 rows are due now"));
        now_it_says(&tenure, &keeps("20 days", ""));
        assert!(question(&told(&tenure, "run", 3)).contains("its condition was taken out"));
        now_it_says(&tenure, &keeps("20 days", "where = \"id < 2\""));
        told(&tenure, "run", 0);
        assert!(!format!("{:?}", schedules_seen(&db)).contains("id < "));
    }

    fn another_name_does_not_hide_a_shortened_period_whether_it_is_said_or_not(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &keeps("7 days", "").replace("\"logs\"", "\"log-lines\""));
        let unsaid = told(&tenure, "plan", 3);
        let question = unsaid.rule("log-lines")["guard"].as_str().unwrap().to_owned();
        assert!(question.contains("from `60 days` to `7 days`") && question.contains("it is new, and rule `logs` of policy `house` is gone"), "{question}");
        now_it_says(&tenure, &rule_formerly("log-lines", "\"logs\"", &keeps("7 days", "")));
        let said = told(&tenure, "run", 3);
        let question = said.rule("log-lines")["guard"].as_str().unwrap().to_owned();
        assert!(question.contains("from `60 days` to `7 days`") && !question.contains("it is new"), "{question}");
        assert_eq!(db.count("log"), 2);
        let changes = schedules_seen(&db).pop().unwrap()["changes"].to_string();
        assert!(changes.contains("rule `log-lines` was rule `logs` of policy `house`") && !changes.contains("taken out"), "{changes}");
    }

    fn a_rule_that_says_its_old_name_and_keeps_as_much_asks_nothing(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &rule_formerly("log-lines", "\"logs\"", &keeps("90 days", "")));
        told(&tenure, "run", 0);
        // The ledger knows it by its new name from then on.
        now_it_says(&tenure, &keeps("60 days", "").replace("\"logs\"", "\"log-lines\""));
        told(&tenure, "run", 3);
    }

    fn another_name_of_the_policy_does_not_hide_a_shortened_period(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &called("home", &keeps("7 days", "")));
        let unsaid = question(&told(&tenure, "plan", 3));
        assert!(unsaid.contains("from `60 days` to `7 days`") && unsaid.contains("2 more") && unsaid.contains("say so with `formerly`"), "{unsaid}");
        now_it_says(&tenure, &formerly("home", "house", &keeps("7 days", "")));
        let planned = question(&told(&tenure, "plan", 3));
        assert!(planned.contains("2 more") && !planned.contains("formerly"), "{planned}");
        question(&told(&tenure, "run", 3));
        // It waits under its new name as well.
        let again = told(&tenure, "run", 3);
        assert_eq!((question(&again), ids(&db, "log")), (planned, vec![2, 3]));
        tenure.run(&["approve", again.0["run"].as_str().unwrap()]).expect_code(0);
        assert_eq!(db.count("log"), 0);
        told(&tenure, "run", 0);
        let changes = schedules_seen(&db)[1]["changes"].to_string();
        assert!(changes.contains("policy `house` is called `home` now") && changes.contains("waits for consent"), "{changes}");
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_policy_that_has_its_old_name_back_is_held_against_what_it_was_meanwhile(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        for (name, former, days) in [("home", "house", "90 days"), ("abode", "home", "100 days")] {
            now_it_says(&tenure, &formerly(name, former, &keeps(days, "")));
            told(&tenure, "run", 0);
        }
        now_it_says(&tenure, &formerly("house", "abode", &keeps("60 days", "")));
        for _ in 0..2 {
            assert!(question(&told(&tenure, "run", 3)).contains("from `100 days` to `60 days`"));
        }
        let last = schedules_seen(&db).pop().unwrap();
        assert!(last["changes"].to_string().contains("policy `abode` is called `house` now"), "{last:#}");
        tenure.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(0);
        told(&tenure, "run", 0);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_policy_beside_another_is_new_and_a_rule_that_says_that_it_moved_into_it_is_not(db: TestDb) {
        log(&db);
        let others = called("home", &policy(&delete_rule("others", "log", "where = \"id = 1\"")));
        let tenure = with(&db, &keeps("60 days", "")).schedule(&others);
        let house = |schedule: &str| std::fs::write(tenure.dir().join("schedule-2.toml"), schedule).unwrap();
        let home = |schedule: &str| std::fs::write(tenure.dir().join("schedule-4.toml"), schedule).unwrap();
        house(&keeps("60 days", ""));
        tenure.run(&["run", "--as-of", AS_OF]).expect_code(0);
        tenure.run(&["run", "--as-of", AS_OF]).expect_code(0);
        // Out of the one and into the other, as it was and then shorter.
        db.create("CREATE TABLE more (id {bigint} PRIMARY KEY, at {ts});");
        house(&policy(&delete_rule("more", "more", "")));
        let moved = |days: &str| {
            let rule = delete_rule("logs", "log", "").replace("30 days", days);
            others.clone() + &rule_formerly("lines", "\"house/logs\"", &rule)
        };
        home(&moved("60 days"));
        tenure.run(&["run", "--as-of", AS_OF]).expect_code(0);
        home(&moved("7 days"));
        let stopped = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(3).json();
        assert!(stopped.to_string().contains("its period went from `60 days` to `7 days`"), "{stopped:#}");
        assert_eq!(ids(&db, "log"), [2, 3]);
    }

    fn a_former_name_that_is_somebody_elses_is_refused(db: TestDb) {
        log(&db);
        let refused = |schedule: &str| with(&db, schedule).run(&["run"]).expect_code(2).stderr;
        let two = keeps("60 days", "") + &rule_formerly("lines", "\"logs\"", &delete_rule("logs", "log", "where = \"id = 1\""));
        assert!(refused(&two).contains("another rule is called so"), "{}", refused(&two));
        assert!(refused(&rule_formerly("logs", "\"logs\"", &keeps("60 days", ""))).contains("it is called so now"));
        let home = formerly("home", "house", &policy(&delete_rule("others", "log", "where = \"id = 1\"")));
        let beside = with(&db, &keeps("60 days", "")).schedule(&home).run(&["run"]).expect_code(2).stderr;
        assert!(beside.contains("there is a policy of that name in the schedules"), "{beside}");
    }

    fn a_policy_that_is_split_in_two_hides_nothing_in_the_second(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &called("home", &keeps("90 days", "").replace("\"logs\"", "\"lines\"")));
        let tenure = tenure.schedule(&called("office", &keeps("7 days", "")));
        let stopped = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(3).json();
        assert_eq!((&stopped["runs"][0]["status"], &stopped["runs"][1]["status"]), (&"ok".into(), &"guarded".into()), "{stopped:#}");
        assert!(stopped["runs"][1]["rules"][0]["guard"].as_str().unwrap().contains("from `60 days` to `7 days`"), "{stopped:#}");
        assert_eq!(ids(&db, "log"), [2, 3]);
    }

    fn policies_that_take_turns_keep_their_own_terms(db: TestDb) {
        log(&db);
        let one = with(&db, &keeps("60 days", "where = \"id = 1\""));
        let other = with(&db, &called("home", &keeps("40 days", "where = \"id = 2\"").replace("\"logs\"", "\"lines\"")));
        told(&one, "run", 0);
        told(&other, "run", 3);
        other.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(0);
        let seen = schedules_seen(&db).len();
        for _ in 0..2 {
            told(&other, "run", 0);
            told(&one, "run", 0);
        }
        assert_eq!(schedules_seen(&db).len(), seen);
        now_it_says(&one, &keeps("50 days", "where = \"id = 1\""));
        assert!(question(&told(&one, "run", 3)).contains("from `60 days` to `50 days`"));
    }

    fn a_schedule_that_is_set_aside_for_one_command_is_there_all_the_same(db: TestDb) {
        log(&db);
        let config = format!("schedules = [\"house.toml\"]\n[database.main]\nurl = \"{}\"\n", db.url());
        let tenure = Tenure::alone().file("house.toml", &keeps("60 days", "where = \"id = 1\"")).config(&config);
        told(&tenure, "run", 0);
        let tenure = tenure.schedule(&called("home", &keeps("7 days", "where = \"id = 2\"")));
        told(&tenure, "run", 0);
        // The same policy in another file is that policy.
        now_it_says(&tenure, &keeps("7 days", "").replace("\"logs\"", "\"lines\""));
        told(&tenure, "run", 3);
    }

    fn a_pause_outlives_the_name_of_a_rule_that_says_so_and_is_told_where_it_pauses_nothing(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        tenure.run(&["migrate"]).expect_code(0);
        tenure.run(&["pause", "logs", "--reason", "audit"]).expect_code(0);
        now_it_says(&tenure, &rule_formerly("lines", "\"logs\"", &keeps("60 days", "")));
        told(&tenure, "run", 4);
        assert_eq!(db.count("log"), 3);
        now_it_says(&tenure, &rule_formerly("lines", "", &keeps("60 days", "")));
        let noted = notes(&told(&tenure, "plan", 0));
        assert!(noted.contains("the pause of rule `logs` of policy `house` makes nothing wait"), "{noted}");
        now_it_says(&tenure, &rule_formerly("lines", "\"logs\"", &keeps("60 days", "")));
        tenure.run(&["resume", "lines", "--reason", "done"]).expect_code(0);
        told(&tenure, "run", 0);
        assert_eq!(ids(&db, "log"), [2, 3]);
    }

    fn a_pause_outlives_the_name_of_the_policy_and_is_ended_under_the_new_one(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        tenure.run(&["migrate"]).expect_code(0);
        tenure.run(&["pause", "logs", "--reason", "audit"]).expect_code(0);
        now_it_says(&tenure, &called("home", &keeps("60 days", "")));
        told(&tenure, "run", 4);
        assert_eq!(db.count("log"), 3);
        let resumed = tenure.run(&["resume", "logs", "--reason", "done"]).expect_code(0);
        assert!(resumed.stdout.contains("may run again"), "{}", resumed.stdout);
        told(&tenure, "run", 0);
        assert_eq!(ids(&db, "log"), [2, 3]);
    }

    fn a_rule_that_is_taken_out_and_put_back_wider_is_asked_about_and_one_that_is_the_same_is_not(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        without(&db, &tenure);
        now_it_says(&tenure, &keeps("7 days", ""));
        let planned = question(&told(&tenure, "plan", 3));
        assert!(planned.contains("its period went from `60 days` to `7 days`") && planned.contains("2 more"), "{planned}");
        let stopped = told(&tenure, "run", 3);
        assert_eq!((question(&stopped), ids(&db, "log")), (planned.clone(), vec![2, 3]));
        // Taken out again while it waits: nobody has consented by that.
        without(&db, &tenure);
        now_it_says(&tenure, &keeps("7 days", ""));
        assert_eq!(question(&told(&tenure, "run", 3)), planned);
        now_it_says(&tenure, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        without(&db, &tenure);
        now_it_says(&tenure, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        let changes: Vec<String> = schedules_seen(&db).iter().map(|body| body["changes"].to_string()).collect();
        assert!(changes[2].contains("rule `logs` was put back") && changes[2].contains("since it was taken out: retain `60 days` became `7 days`") && changes[2].contains("waits for consent"), "{changes:#?}");
        assert!(!changes.last().unwrap().contains("consent"), "{changes:#?}");
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_rule_that_is_renamed_away_and_back_is_held_against_the_last_name_it_had(db: TestDb) {
        log(&db);
        let renamed = |period: &str| keeps(period, "").replace("\"logs\"", "\"log-lines\"");
        let tenure = with(&db, &keeps("40 days", ""));
        told(&tenure, "run", 0);
        assert_eq!(ids(&db, "log"), [3]);
        db.script("INSERT INTO log VALUES (4, '2026-05-11 00:00:00')");
        now_it_says(&tenure, &renamed("90 days"));
        told(&tenure, "run", 0);
        without(&db, &tenure);
        // As it once was, and shorter than what went last.
        now_it_says(&tenure, &rule_formerly("logs", "\"log-lines\"", &keeps("40 days", "")));
        assert!(question(&told(&tenure, "run", 3)).contains("its period went from `90 days` to `40 days`"));
        now_it_says(&tenure, &rule_formerly("logs", "\"log-lines\"", &keeps("90 days", "")));
        told(&tenure, "run", 0);
        // Under a third name.
        without(&db, &tenure);
        now_it_says(&tenure, &rule_formerly("lines", "\"log-lines\", \"logs\"", &keeps("40 days", "")));
        let asked = told(&tenure, "run", 3);
        assert!(asked.rule("lines")["guard"].as_str().unwrap().contains("from `90 days` to `40 days`"), "{asked:?}");
        assert_eq!(ids(&db, "log"), [3, 4]);
    }

    fn a_rule_whose_name_another_one_has_taken_over_is_remembered_and_a_new_one_beside_it_is_new(db: TestDb) {
        log(&db);
        let lines = keeps("60 days", "").replace("\"logs\"", "\"log-lines\"");
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &lines);
        told(&tenure, "run", 0);
        let beside = |name: &str, period: &str| delete_rule(name, "log", "where = \"id > 2\"").replace("30 days", period);
        let with_others = lines + &beside("others", "40 days");
        now_it_says(&tenure, &with_others);
        told(&tenure, "run", 0);
        now_it_says(&tenure, &(with_others + &beside("logs", "5 days")));
        assert!(question(&told(&tenure, "run", 3)).contains("from `60 days` to `5 days`"));
        assert_eq!(ids(&db, "log"), [2, 3]);
    }

    fn a_hold_that_goes_together_with_its_rule_is_missed_when_the_rule_comes_back(db: TestDb) {
        log(&db);
        let hold = "[[hold]]\nname = \"case\"\ntable = \"log\"\nreason = \"a case\"\n";
        let tenure = with(&db, &(keeps("60 days", "") + hold));
        assert_eq!(told(&tenure, "run", 0).count("logs", "held"), 1);
        without(&db, &tenure);
        now_it_says(&tenure, &keeps("60 days", ""));
        assert!(question(&told(&tenure, "run", 3)).contains("hold `case` was taken out; 1 rows are due now"));
        assert_eq!(db.count("log"), 3);
        now_it_says(&tenure, &(keeps("60 days", "") + hold));
        assert_eq!(told(&tenure, "run", 0).count("logs", "held"), 1);
    }

    fn a_change_that_is_not_in_effect_yet_is_announced_and_asked_about_on_its_day(db: TestDb) {
        log(&db);
        let tenure = with(&db, &keeps("60 days", ""));
        told(&tenure, "run", 0);
        now_it_says(&tenure, &keeps("7 days", "").replace("\"house\"", "\"house\"\neffective = 2026-07-01"));
        tenure.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(4);
        assert_eq!(schedules_seen(&db).len(), 2, "the ledger has seen it");
        assert_eq!(tenure.run(&["run", "--as-of", "2026-07-01"]).code, 3, "nobody has consented yet");
        assert_eq!(db.count("log"), 2);
        tenure.run(&["run", "--yes", "--as-of", "2026-07-01"]).expect_code(0);
        assert_eq!(db.count("log"), 0);
    }

    fn a_rule_that_waits_stops_no_other(db: TestDb) {
        log(&db);
        db.create("CREATE TABLE other (id {bigint} PRIMARY KEY, at {ts}); INSERT INTO other VALUES (1, '2020-01-01 00:00:00');");
        let others = delete_rule("others", "other", "");
        let tenure = with(&db, &(keeps("60 days", "") + &others));
        told(&tenure, "run", 0);
        db.script("INSERT INTO other VALUES (2, '2020-01-01 00:00:00')");
        now_it_says(&tenure, &(keeps("7 days", "") + &others));
        let ran = told(&tenure, "run", 3);
        assert_eq!((ran.count("others", "done"), ran.count("logs", "done"), db.count("log")), (1, 0, 2));
    }
}

#[test]
fn a_redaction_that_leaves_less_of_a_column_waits_and_one_that_leaves_more_does_not() {
    let db = TestDb::new(Dialect::Sqlite);
    db.create("CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts}, ip {text}); INSERT INTO log VALUES (1, '2026-03-22 00:00:00', '192.0.2.7');");
    let leaves =
        |how: &str| keeps("30 days", &format!("redact = {{ ip = \"{how}\" }}")).replace("\"delete\"", "\"redact\"");
    let tenure = with(&db, &leaves("truncate-ip"));
    told(&tenure, "run", 0);
    now_it_says(&tenure, &leaves("null"));
    let asked = question(&told(&tenure, "run", 3));
    assert!(asked.contains("what it leaves of `ip` went from `truncate-ip` to `null`; 1 rows are due now"), "{asked}");
    assert_eq!(db.count("log WHERE ip = '192.0.2.0'"), 1);
    tenure.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(0);
    now_it_says(&tenure, &leaves("truncate-ip"));
    told(&tenure, "run", 0);
}
