//! One daemon a state directory: a second one is told whose it is, and ends.

use std::fs;

use tenure::db::Dialect;

use super::stage::{Daemon, Stage, logs, minutes, policy, state_of};
use crate::harness::{TestDb, wait_until};

#[test]
fn a_second_daemon_is_refused_and_hinders_neither_the_first_nor_whoever_comes_after_kill_9() {
    let db = TestDb::new(Dialect::Sqlite);
    let mut stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
    let first = stage.start();
    let pid = stage.state().expect("it looked around").pid;
    let refused = stage.tenure.run(&["daemon"]).expect_code(2);
    assert!(
        refused.stderr.contains(&format!("process {pid} is a daemon with the state directory")),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("end it first, or give this one another `state_dir`"), "{}", refused.stderr);
    assert_eq!(stage.state().expect("it is as it was").pid, pid);

    let loaded = stage.state().expect("it looked around").loaded;
    stage.clock.pass(minutes(1));
    first.0.signal("HUP");
    stage.wait_for("the reload", |state| state.loaded != loaded && state.reload_error.is_none());
    first.kill();
    let second = stage.start();
    stage.add_old_rows(1);
    stage.pass(minutes(60));
    assert_eq!(db.count("log"), 0);
    second.end();
    stage.start().end();
}

#[test]
fn a_reload_into_the_state_directory_of_another_daemon_keeps_the_old_config_in_force() {
    let db = TestDb::new(Dialect::Sqlite);
    let stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
    let twin = stage.twin(&policy("0 * * * *", &logs()));
    let (one, other) = (stage.start(), Daemon(twin.spawn(&["daemon"])));
    wait_until("the other one to begin", || state_of(&twin).is_some());
    let config = |state_dir: &str| {
        let url = db.url();
        let text =
            format!("schedules = [\"house.toml\"]\nstate_dir = \"{state_dir}\"\n[database.main]\nurl = \"{url}\"\n");
        fs::write(twin.dir().join("tenure.toml"), text).expect("the config can be written");
        other.0.signal("HUP");
    };
    let theirs = stage.tenure.dir().join("state").display().to_string();
    config(&theirs);
    let told = || state_of(&twin).and_then(|state| state.reload_error);
    wait_until("the refusal", || told().is_some());
    assert!(told().expect("a reason").contains("is a daemon with the state directory"), "{:?}", told());
    config("state");
    wait_until("the reload", || told().is_none());
    config("elsewhere");
    wait_until("the state elsewhere", || twin.dir().join("elsewhere/daemon.json").exists());
    one.end();
    other.end();
}

#[test]
fn a_lock_that_another_user_could_open_could_keep_the_daemon_out_so_none_can() {
    use std::os::unix::fs::PermissionsExt as _;
    let db = TestDb::new(Dialect::Sqlite);
    let stage = Stage::at("2026-01-10T12:10:00Z", &db, "0 * * * *");
    let lock = stage.tenure.dir().join("state/daemon.lock");
    fs::create_dir_all(stage.tenure.dir().join("state")).unwrap();
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).unwrap();
    stage.start().end();
    assert_eq!(fs::metadata(&lock).unwrap().permissions().mode() & 0o777, 0o600);
}
