//! What is away comes back: databases, mail servers, disks. Nothing is lost meanwhile, and the others go on.

use std::fs;

use tenure::db::Dialect;

use super::stage::{Stage, hours, logs, minutes, policy};
use crate::faults::acts::Act;
use crate::faults::ledger;
use crate::harness::TestDb;

fn a_server_that_restarts_in_mid_run(dialect: Dialect) {
    let db = TestDb::alone(dialect);
    Act::Aggregate.prepare(&db);
    let deeds = Act::Aggregate.deeds(&db);
    let rule = Act::Aggregate.rule().replace("[rule.aggregate]", "guard = { max_share = 1.0 }\n[rule.aggregate]");
    let mut stage = Stage::on("2026-01-10T12:10:00Z", &db, &policy("0 3 * * *", &rule), "");
    let daemon = stage.start();
    let _held = stage.go_to_and_hold(&daemon, "2026-01-11T02:10:00Z");
    db.restart_server();
    stage.wait_until_looked();
    stage.walk_to("2026-01-11T02:40:00Z", minutes(1));
    assert_eq!(Act::Aggregate.deeds(&db).done, 0, "{:#?}", stage.state());
    daemon.end();
    ledger::adds_up(&db, deeds);
}

#[test]
fn a_postgres_that_restarts_in_mid_run_costs_nothing() {
    a_server_that_restarts_in_mid_run(Dialect::Postgres);
}

#[test]
fn a_mysql_that_restarts_in_mid_run_costs_nothing() {
    a_server_that_restarts_in_mid_run(Dialect::Mysql);
}

#[test]
fn a_database_that_is_away_holds_up_no_other_and_is_caught_up_with() {
    let (db, away) = (TestDb::new(Dialect::Sqlite), TestDb::new(Dialect::Sqlite));
    away.create("CREATE TABLE log (id {pk}, at {ts}); INSERT INTO log (at) VALUES ('2001-01-01 00:00:00');");
    let rules = logs() + &logs().replace("\"logs\"", "\"others\"\ndatabase = \"away\"");
    let config = format!("[database.away]\nurl = \"{}\"\n", away.url());
    let mut stage = Stage::with("2026-01-10T12:10:00Z", &db, &policy("0 * * * *", &rules), &config);
    let daemon = stage.start();
    let file = away.url().trim_start_matches("sqlite://").to_owned();
    fs::rename(&file, format!("{file}.away")).expect("the file can be moved");
    stage.add_old_rows(1);
    stage.pass(hours(1));
    assert_eq!(db.count("log"), 0);
    let trouble = stage.state().unwrap().databases["away"].trouble.clone().expect("trouble");
    assert!(trouble.sentence.contains("cannot connect") && !trouble.is_of_clocks, "{trouble:?}");
    fs::rename(format!("{file}.away"), &file).expect("the file can be moved");
    stage.pass(minutes(6));
    assert_eq!(away.count("log"), 0);
    assert_eq!(stage.state().unwrap().databases["away"].trouble, None);
    daemon.end();
}

on_every_database! {
    fn reports_that_cannot_be_written_stop_no_run_and_are_in_the_ledger(db: TestDb) {
        let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
        let daemon = stage.start();
        // As on a disk that is full, there is no folder to be made.
        fs::write(stage.tenure.dir().join("state/reports"), "").expect("a file can be made");
        for hour in 1..=2 {
            stage.add_old_rows(1);
            stage.pass(hours(1));
            assert_eq!((db.count("log"), stage.times().len()), (0, hour));
        }
        assert!(daemon.0.stderr().contains("reports-not-written"), "{}", daemon.0.stderr());
        let run = stage.runs()[0]["run"].as_str().unwrap().to_owned();
        daemon.end();
        fs::remove_file(stage.tenure.dir().join("state/reports")).expect("the file is there");
        stage.tenure.run(&["report", &run]).expect_code(0);
    }

    fn mails_wait_for_their_server_and_no_run_waits_for_them(db: TestDb) {
        let config = |way: &str| format!("[mail]\nfrom = \"tenure@example.org\"\nto = [\"privacy@example.org\"]\n{way}\n");
        let nobody_listens = config("smtp = \"smtp://127.0.0.1:1\"\ntls = \"none\"");
        let mut stage = Stage::with("2026-01-10T12:10:00Z", &db, &policy("0 * * * *", &logs()), &nobody_listens);
        let daemon = stage.start();
        for hour in 1..=2 {
            stage.pass(hours(1));
            assert_eq!(stage.times().len(), hour);
        }
        assert_eq!(stage.state().unwrap().databases["main"].mails_waiting, 2);
        daemon.end();
    }
}
