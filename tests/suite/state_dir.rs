//! The state directory is the service's, and commands run there as root: they leave nothing behind that the service cannot use,
//! and follow nothing that was planted.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use tenure::db::Dialect;

use crate::harness::story::{delete_rule, policy};
use crate::harness::{Tenure, TestDb};

const SERVICE: u32 = 12_345;

/// A state directory of the service's, and somebody who works with it.
fn with_state(db: &TestDb) -> (Tenure, PathBuf) {
    db.create("CREATE TABLE log (id {pk}, at {ts});");
    db.script("INSERT INTO log (at) VALUES ('2020-01-01 00:00:00')");
    let rules = policy(&delete_rule("logs", "log", "guard = { max_share = 1.0 }"));
    let tenure = Tenure::at(db).schedule(&rules).config("state_dir = \"state\"\n");
    let state = tenure.dir().join("state");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o750)).unwrap();
    chown(&state, Some(SERVICE), Some(SERVICE)).unwrap();
    (tenure, state)
}

fn everything(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    found.flat_map(|path| if path.is_dir() { [everything(&path), vec![path]].concat() } else { vec![path] }).collect()
}

/// Wants root, as the servers do.
#[test]
fn what_root_leaves_in_the_state_directory_is_the_services() {
    let db = TestDb::new(Dialect::Sqlite);
    let (tenure, state) = with_state(&db);
    tenure.run(&["plan"]).expect_code(0);
    tenure.run(&["run"]).expect_code(0);
    let left = everything(&state);
    assert!(left.len() >= 9, "two reports in four formats and their folder: {left:?}");
    for path in &left {
        let metadata = fs::metadata(path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (SERVICE, SERVICE), "{}", path.display());
        assert_eq!(metadata.mode() & 0o007, 0, "nobody else reads {}", path.display());
    }
    let metadata = fs::metadata(&state).unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o777), (SERVICE, 0o750), "the directory stays as it was");
}

#[test]
fn a_link_that_was_planted_leads_nobody_elsewhere() {
    let db = TestDb::new(Dialect::Sqlite);
    let (tenure, state) = with_state(&db);
    let elsewhere = tenure.dir().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("precious"), "kept").unwrap();
    for name in ["reports", "alarms", "unregistered", "registered"] {
        symlink(&elsewhere, state.join(name)).unwrap();
    }
    let planned = tenure.run(&["plan"]).expect_code(1);
    assert!(planned.stderr.contains("is a symbolic link"), "{}", planned.stderr);
    tenure.run(&["run"]).expect_code(1);
    assert_eq!(db.count("log"), 0, "the run is in the ledger all the same");
    assert_eq!(everything(&elsewhere), [elsewhere.join("precious")], "nothing was written or removed there");
    assert_eq!(fs::read_to_string(elsewhere.join("precious")).unwrap(), "kept");
}

#[test]
fn a_file_that_is_no_report_hides_no_run() {
    let db = TestDb::new(Dialect::Sqlite);
    let (tenure, state) = with_state(&db);
    let run = tenure.run(&["plan", "--json"]).expect_code(0).json()["run"].as_str().unwrap().to_owned();
    for (name, bytes) in
        [("20200101T000000Z-bad000.json", &b"{"[..]), ("20200101T000000Z-bad001.json", &b"\xff\xfe"[..])]
    {
        fs::write(state.join("reports").join(name), bytes).unwrap();
    }
    let told = tenure.run(&["runs"]).expect_code(0);
    assert!(told.stdout.contains(&run), "{}", told.stdout);
    assert!(told.stderr.contains("bad000.json") && told.stderr.contains("bad001.json"), "{}", told.stderr);
    assert_eq!(tenure.run(&["runs", "--json"]).expect_code(0).json()["runs"][0]["run"], run.as_str());
    tenure.run(&["report", &run]).expect_code(0);
}
