//! Disks that are full and directories that cannot be written.

use tenure::db::Dialect;

use super::acts::{Act, RUN};
use super::ledger;
use crate::harness::TestDb;

/// No file may grow beyond so many blocks of 512 bytes; without the signal, a write beyond that is an error.
fn with_small_files(blocks: u64) -> [String; 4] {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    ["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()]
}

#[test]
fn a_database_file_that_cannot_grow_fails_the_run_with_nothing_half_done() {
    let db = TestDb::new(Dialect::Sqlite);
    Act::Cascade.prepare(&db);
    let deeds = Act::Cascade.deeds(&db);
    let tenure = Act::Cascade.tenure(db.url());
    tenure.run(&["migrate"]).expect_code(0);
    let before = db.tables_dump();
    // Enough for the plan, too little for the rollback journal of a batch.
    let output = tenure.spawn_under(&with_small_files(128), &RUN).wait().expect_code(1);
    let told = format!("{}{}", output.stdout, output.stderr);
    assert!(told.contains("the database's file cannot be read or written"), "{told}");
    assert_eq!(db.tables_dump(), before);
    tenure.run(&RUN).expect_code(0);
    ledger::adds_up(&db, deeds);
}

#[test]
fn a_full_state_directory_fails_a_run_that_is_in_the_ledger_all_the_same() {
    let db = TestDb::new(Dialect::Postgres);
    Act::Delete.prepare_rows(&db, 100);
    let deeds = Act::Delete.deeds(&db);
    // What is printed goes where no limit is.
    let mut prefix = with_small_files(0);
    prefix[2] = prefix[2].replace("\"$@\"", "\"$@\" >/dev/null 2>/dev/null");
    Act::Delete.tenure(db.url()).spawn_under(&prefix, &RUN).wait().expect_code(1);
    ledger::adds_up(&db, deeds);
}

on_every_database! {
    fn a_state_directory_that_cannot_be_written_fails_a_run_that_is_in_the_ledger_all_the_same(db: TestDb) {
        Act::Delete.prepare_rows(&db, 100);
        let deeds = Act::Delete.deeds(&db);
        let tenure = Act::Delete.tenure(db.url()).file("state", "not a directory").env("STATE_DIRECTORY", "state");
        let output = tenure.run(&RUN).expect_code(1);
        assert!(output.stderr.contains("cannot make the directory"), "{}", output.stderr);
        let run = output.json();
        // Whether the register of erasures there lacks a run, nobody can tell; the rules did what they did.
        assert_eq!((&run["status"], &run["rules"][0]["status"]), (&"failed".into(), &"ok".into()), "{run}");
        ledger::adds_up(&db, deeds);
    }

    fn a_full_disk_behind_stdout_is_an_error_and_no_panic(db: TestDb) {
        Act::Delete.prepare_rows(&db, 100);
        let deeds = Act::Delete.deeds(&db);
        let script = "exec \"$@\" >/dev/full".to_owned();
        let prefix = ["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()];
        let output = Act::Delete.tenure(db.url()).spawn_under(&prefix, &RUN).wait().expect_code(1);
        assert!(output.stderr.contains("cannot write to stdout"), "{}", output.stderr);
        ledger::adds_up(&db, deeds);
    }
}
