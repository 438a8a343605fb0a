//! SIGHUP: all that is new is taken over, or nothing; and what was taken out deletes nothing more.

use std::fs;

use tenure::db::Dialect;

use super::stage::{Daemon, Stage, logs, minutes, policy};
use crate::faults::acts::Act;
use crate::harness::TestDb;
use crate::harness::story::delete_rule;

fn rewrite(stage: &Stage<'_>, schedule: &str) {
    fs::write(stage.tenure.dir().join("house.toml"), schedule).expect("the schedule can be written");
}

fn reload(stage: &Stage<'_>, daemon: &Daemon) {
    let before = stage.state().unwrap();
    daemon.0.signal("HUP");
    stage.wait_for("the reload", |state| state.loaded != before.loaded || state.reload_error.is_some());
}

#[test]
fn a_new_time_and_a_new_rule_are_taken_over_at_once() {
    let db = TestDb::new(Dialect::Sqlite);
    db.create("CREATE TABLE other (id {pk}, at {ts}); INSERT INTO other (at) VALUES ('2001-01-01 00:00:00');");
    let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 3 * * *");
    stage.add_old_rows(1);
    let daemon = stage.start();
    rewrite(&stage, &policy("0 14 * * *", &(logs() + &delete_rule("others", "other", "guard = { max_share = 1.0 }"))));
    reload(&stage, &daemon);
    stage.wait_until_looked();
    stage.pass(minutes(60));
    assert_eq!((db.count("log"), db.count("other"), stage.times().len()), (0, 0, 1), "{:#?}", stage.runs());
    daemon.end();
}

#[test]
fn a_broken_file_keeps_the_old_schedule_in_force_and_every_mistake_is_told() {
    let db = TestDb::new(Dialect::Sqlite);
    let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
    stage.add_old_rows(1);
    let daemon = stage.start();
    rewrite(&stage, &policy("0 0 30 2 *", &logs().replace("30 days", "30 dayz").replace("\"delete\"", "\"delte\"")));
    reload(&stage, &daemon);
    let told = stage.state().unwrap().reload_error.expect("the mistakes");
    assert!(told.contains("house.toml:") && told.contains("30 dayz") && told.contains("did you mean"), "{told}");
    assert!(daemon.0.stderr().contains("reload-refused"), "{}", daemon.0.stderr());
    stage.pass(minutes(60));
    assert_eq!(db.count("log"), 0, "the old schedule goes on");
    rewrite(&stage, &policy("0 0 30 2 *", &logs()));
    daemon.0.signal("HUP");
    stage.wait_for("a time that never comes to be refused", |state| {
        state.reload_error.as_ref().is_some_and(|error| error.contains("`0 0 30 2 *`"))
    });
    rewrite(&stage, &policy("30 * * * *", &logs()));
    daemon.0.signal("HUP");
    stage.wait_for("the reload", |state| state.reload_error.is_none());
    daemon.end();
}

on_every_database! {
    fn a_rule_that_is_taken_out_in_mid_run_deletes_nothing_more(db: TestDb) {
        Act::Aggregate.prepare(&db);
        db.create("CREATE TABLE log (id {pk}, at {ts});");
        let rule = Act::Aggregate.rule().replace("[rule.aggregate]", "guard = { max_share = 1.0 }\n[rule.aggregate]");
        let mut stage = Stage::on("2026-01-10T12:10:00Z", &db, &policy("0 * * * *", &(logs() + &rule)), "");
        let daemon = stage.start();
        let held = stage.go_to_and_hold(&daemon, "2026-01-10T13:10:00Z");
        let before = stage.batches();
        rewrite(&stage, &policy("0 * * * *", &logs()));
        reload(&stage, &daemon);
        held.go_on();
        stage.wait_until_looked();
        stage.pass(minutes(5));
        assert!(stage.batches() <= before + 1, "the batch under way and no other");
        let left = Act::Aggregate.deeds(&db).done;
        assert!(left > 0);
        let runs = stage.runs();
        let rule = runs[0]["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "analytics").unwrap();
        assert!(rule["error"].as_str().unwrap().contains("the schedule or the config changed"), "{rule:#}");
        stage.pass(minutes(120));
        assert_eq!(Act::Aggregate.deeds(&db).done, left, "it is not taken up again");
        daemon.end();
    }
}
