//! The register of erasures: whoever was erased is in it, whatever failed meanwhile, and what is whole of it is read.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::{MAP, erasures, platform, run_at, tenure};
use crate::harness::story::{AS_OF, control_table};
use crate::harness::{Tenure, TestDb};

fn file(tenure: &Tenure) -> PathBuf {
    tenure.dir().join("state/erasures.jsonl")
}

/// Who is in the register, line by line.
fn registered(tenure: &Tenure) -> Vec<Value> {
    let text = fs::read_to_string(file(tenure)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["person"]["digest"].clone()).collect()
}

fn marks(tenure: &Tenure) -> Vec<String> {
    let Ok(entries) = fs::read_dir(tenure.dir().join("state/unregistered")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Nothing can be appended to a directory.
fn break_the_register(tenure: &Tenure) {
    fs::create_dir_all(file(tenure)).unwrap();
}

fn mend_the_register(tenure: &Tenure) {
    fs::remove_dir(file(tenure)).unwrap();
}

fn status(tenure: &Tenure, code: i32) -> (String, Value) {
    (tenure.run(&["status"]).expect_code(code).stdout, tenure.run(&["status", "--json"]).expect_code(code).json())
}

/// A run that erases one person and cannot write that into the register; its id.
fn erases_unregistered(tenure: &Tenure) -> String {
    break_the_register(tenure);
    let told = run_at(tenure, AS_OF, 1);
    let run = told.0["run"].as_str().unwrap().to_owned();
    let lack = format!("what run `{run}` erased is not in the register of erasures");
    assert!(told.0["notes"].to_string().contains(&lack), "{told:?}");
    run
}

/// The ledger as a backup from before the first run has it.
fn restore_an_empty_ledger(db: &TestDb) {
    for table in ["erasure", "request", "batch", "run", "entry"] {
        db.script(&format!("DELETE FROM {}", control_table(db, table)));
    }
}

on_every_database! {
    fn what_could_not_be_registered_is_told_until_a_later_run_adds_it_from_the_ledger(db: TestDb) {
        platform(&db, 3, 1);
        let tenure = tenure(&db, MAP);
        let run = erases_unregistered(&tenure);
        assert_eq!((erasures(&db), marks(&tenure)), (1, vec![run.clone()]));
        let (page, document) = status(&tenure, 1);
        let lack = format!("register: the register of erasures lacks what run `{run}` erased, until the next run");
        assert!(page.contains(&lack), "{page}");
        assert_eq!((&document["register_lacks"][0]["run"], &document["register_lacks"][0]["is_lost"]), (&run.clone().into(), &false.into()));
        let checked = tenure.run(&["check"]).expect_code(0);
        assert!((checked.stdout + &checked.stderr).contains(&format!("lacks what run `{run}` erased")));
        let again = run_at(&tenure, AS_OF, 1);
        assert!(again.0["notes"].to_string().contains(&run), "it cannot be written still: {again:?}");
        mend_the_register(&tenure);
        run_at(&tenure, AS_OF, 0);
        assert_eq!((registered(&tenure).len(), marks(&tenure).len()), (1, 0));
        let (page, document) = status(&tenure, 1);
        assert!(!page.contains("register:") && document["register_lacks"].as_array().unwrap().is_empty(), "{page}");
        run_at(&tenure, AS_OF, 0);
        assert_eq!(registered(&tenure).len(), 1, "nobody is added by each run");
        db.script("UPDATE account SET email = 'person1@example.org', name = 'Person 1', closed_at = NULL WHERE id = 1");
        restore_an_empty_ledger(&db);
        tenure.run(&["subject", "reapply", "--yes"]).expect_code(0);
        assert_eq!(db.count("account WHERE id = 1 AND name IS NULL"), 1);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_single_erasure_that_was_not_registered_is_added_by_any_run(db: TestDb) {
        platform(&db, 3, 0);
        let tenure = tenure(&db, MAP);
        break_the_register(&tenure);
        tenure.run(&["subject", "erase", "3", "--reason", "letter"]).expect_code(1);
        mend_the_register(&tenure);
        tenure.run(&["subject", "erase", "2", "--reason", "letter"]).expect_code(0);
        assert_eq!((registered(&tenure).len(), erasures(&db), marks(&tenure).len()), (2, 2, 0));
    }

    fn what_no_ledger_knows_any_more_is_not_forgotten(db: TestDb) {
        platform(&db, 3, 1);
        let tenure = tenure(&db, MAP);
        let run = erases_unregistered(&tenure);
        mend_the_register(&tenure);
        restore_an_empty_ledger(&db);
        tenure.run(&["run", "--as-of", "2026-06-01"]).expect_code(0);
        assert_eq!(marks(&tenure), std::slice::from_ref(&run), "another ledger's run, or a lost one");
        let (page, document) = status(&tenure, 1);
        assert!(page.contains(&format!("lacks what run `{run}` erased, and no ledger knows that run any more")), "{page}");
        assert_eq!(document["register_lacks"][0]["is_lost"], true);
        let reapplied = tenure.run(&["subject", "reapply"]).expect_code(1);
        assert!(reapplied.stderr.contains("no ledger knows that run any more"), "{}", reapplied.stderr);
    }

    fn nobody_is_erased_while_it_cannot_be_noted_that_the_register_lacks_them(db: TestDb) {
        platform(&db, 3, 1);
        let tenure = tenure(&db, MAP).file("state/unregistered", "no directory");
        let before = db.tables_dump();
        tenure.run(&["migrate"]).expect_code(0);
        let refused = run_at(&tenure, AS_OF, 1);
        let reasons = refused.0["rules"].to_string();
        assert!(reasons.contains("nobody is erased while nothing can be written down beside the register of erasures"), "{refused:?}");
        assert_eq!((db.tables_dump(), erasures(&db)), (before, 0));
        fs::remove_file(tenure.dir().join("state/unregistered")).unwrap();
        run_at(&tenure, AS_OF, 0);
        assert_eq!((registered(&tenure).len(), erasures(&db)), (1, 1));
    }

    fn a_register_that_was_deleted_is_made_again_from_the_ledger_and_loses_nothing_to_an_older_one(db: TestDb) {
        platform(&db, 4, 1);
        let tenure = tenure(&db, MAP);
        run_at(&tenure, AS_OF, 0);
        tenure.run(&["subject", "erase", "3", "--reason", "letter"]).expect_code(0);
        let whole = registered(&tenure);
        assert_eq!(whole.len(), 2);
        let missing = "lacked what 2 runs of this ledger had erased";
        for time in 1..=2 {
            fs::remove_file(file(&tenure)).unwrap();
            let asked = tenure.run(&["subject", "reapply"]).expect_code(1);
            assert!(asked.stderr.contains("there is no register"), "{}", asked.stderr);
            let told = run_at(&tenure, AS_OF, 0);
            assert!(told.0["notes"].to_string().contains(missing), "the {time}. time: {told:?}");
            assert_eq!((registered(&tenure).len(), marks(&tenure).len()), (2, 0));
            assert!(registered(&tenure).iter().all(|person| whole.contains(person)));
            let again = run_at(&tenure, AS_OF, 0);
            assert!(!again.0["notes"].to_string().contains("lacked"), "{again:?}");
        }
        // Of one that lost some lines, once for each ledger that is new to it.
        let text = fs::read_to_string(file(&tenure)).unwrap();
        fs::write(file(&tenure), text.lines().next().unwrap().to_owned() + "\n").unwrap();
        fs::remove_dir_all(tenure.dir().join("state/registered")).unwrap();
        assert!(run_at(&tenure, AS_OF, 0).0["notes"].to_string().contains("lacked what 1 runs"));
        assert_eq!(registered(&tenure).len(), 2);
        // A ledger that is older than the register takes nothing out of it.
        let text = fs::read_to_string(file(&tenure)).unwrap();
        restore_an_empty_ledger(&db);
        run_at(&tenure, AS_OF, 0);
        assert_eq!(fs::read_to_string(file(&tenure)).unwrap(), text);
    }

    fn a_line_that_is_cut_off_takes_no_other_with_it_and_is_no_data(db: TestDb) {
        platform(&db, 4, 0);
        let tenure = tenure(&db, MAP);
        for (key, tail) in [("1", &b"{\"reference\":\"E-HALF\",\"person\":{\"dig"[..]), ("2", &[0; 40]), ("3", b"")] {
            tenure.run(&["subject", "erase", key, "--reason", "letter"]).expect_code(0);
            // What a crash or a full disk left of another line.
            let whole = fs::read(file(&tenure)).unwrap();
            fs::write(file(&tenure), [&whole, tail].concat()).unwrap();
        }
        restore_an_empty_ledger(&db);
        for id in 1..=3 {
            db.script(&format!("UPDATE account SET email = 'person{id}@example.org', name = 'Person {id}' WHERE id = {id}"));
        }
        let before = db.tables_dump();
        assert_eq!(tenure.run(&["subject", "reapply", "--dry-run", "--json"]).expect_code(1).json()["people"]["due"], 3);
        assert_eq!(db.tables_dump(), before);
        let asked = tenure.run(&["subject", "reapply"]).expect_code(1);
        assert!(asked.stderr.contains("3 people in `account` were erased, and have data again"), "{}", asked.stderr);
        let done = tenure.run(&["subject", "reapply", "--yes"]).expect_code(1);
        assert!(done.stderr.contains("2 lines of the register") && done.stderr.contains("was not looked for: 2, 4; name another copy"), "{}", done.stderr);
        assert_eq!(db.count("account WHERE name IS NULL"), 3);
        assert!(tenure.run(&["subject", "reapply"]).expect_code(1).stdout.contains("nobody of 3"));
        let bytes = fs::read(file(&tenure)).unwrap();
        let whole: Vec<_> = bytes.split(|byte| *byte == b'\n').filter(|line| serde_json::from_slice::<Value>(line).is_ok()).collect();
        fs::write(file(&tenure), whole.join(&b'\n')).unwrap();
        tenure.run(&["subject", "reapply"]).expect_code(0);
    }

    fn what_is_asked_about_one_person_counts_from_no_instant_that_has_not_come(db: TestDb) {
        platform(&db, 3, 0);
        let tenure = tenure(&db, MAP);
        tenure.run(&["subject", "erase", "1", "--reason", "letter"]).expect_code(0);
        tenure.run(&["subject", "erase", "3", "--reason", "letter", "--unverified"]).expect_code(0);
        db.script("UPDATE account SET name = 'Person 1' WHERE id = 1");
        let ledger = || ["request", "entry", "run"].map(|table| db.count(&control_table(&db, table)));
        let before = (db.tables_dump(), ledger());
        let future = ["--as-of", "2999-01-01"];
        let refused: [&[&str]; 6] = [
            &["erase", "2", "--reason", "letter"],
            &["erase", "2", "--reason", "letter", "--unverified"],
            &["verify", "1"],
            &["refuse", "1", "--reason", "letter"],
            &["export", "2", "--reason", "letter", "-o", "copy.json"],
            &["reapply", "--yes"],
        ];
        for words in refused {
            let output = tenure.run(&[&["subject"], words, &future].concat()).expect_code(2);
            assert!(output.stderr.contains("--as-of lies in the future"), "{}", output.stderr);
        }
        for words in [&["erase", "2", "--reason", "letter", "--dry-run"][..], &["reapply", "--restored", "tables", "--dry-run"]] {
            tenure.run(&[&["subject"], words, &future].concat()).expect_code(0);
        }
        assert_eq!((db.tables_dump(), ledger()), before);
        assert!(!tenure.dir().join("copy.json").exists());
    }
}
