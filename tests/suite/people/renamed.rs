//! A policy that says what it was called before is the same policy: nobody whom it has promised anything is lost, and nobody goes
//! by wider terms without consent.

use std::fs;

use super::{MAP, erasures, house, platform, run, run_at, tenure};
use crate::harness::story::{AS_OF, control_table, now_it_says, policy};
use crate::harness::{Tenure, TestDb};

fn called(name: &str, map: &str) -> String {
    policy(map).replace("\"house\"", &format!("\"{name}\""))
}

/// The same, and it says what it was called before.
fn formerly(name: &str, former: &str, map: &str) -> String {
    called(name, map).replacen("[policy]\n", &format!("[policy]\nformerly = [\"{former}\"]\n"), 1)
}

fn restore_account_1(db: &TestDb) {
    db.script("UPDATE account SET email = 'person1@example.org', name = 'Person 1', closed_at = NULL WHERE id = 1");
}

/// Nobody has left.
fn open_platform(db: &TestDb) {
    platform(db, 4, 0);
    db.script("UPDATE account SET closed_at = NULL");
}

fn open_requests(db: &TestDb) -> i64 {
    db.count(&format!("{} WHERE settled IS NULL", control_table(db, "request")))
}

fn says(tenure: &Tenure, command: &[&str], code: i32) -> String {
    let output = tenure.run(command).expect_code(code);
    output.stdout + &output.stderr
}

on_every_database! {
    fn a_wider_map_under_another_name_waits_for_consent_and_the_same_map_does_not(db: TestDb) {
        platform(&db, 4, 1);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        now_it_says(&tenure, &formerly("home", "house", MAP));
        run(&tenure);
        assert_eq!(erasures(&db), 1, "nobody is erased twice");
        let shorter = MAP.replace("grace = \"7 days\"", "grace = \"1 day\"");
        now_it_says(&tenure, &called("abode", &shorter));
        let unsaid = says(&tenure, &["plan", "--json", "--as-of", AS_OF], 3);
        assert!(unsaid.contains("`grace` went from `7 days` to `1 day`") && unsaid.contains("the map is new, and policy"), "{unsaid}");
        now_it_says(&tenure, &formerly("abode", "home", &shorter));
        for _ in 0..2 {
            let asked = run_at(&tenure, AS_OF, 3).0["rules"].to_string();
            assert!(asked.contains("`grace` went from `7 days` to `1 day`") && !asked.contains("the map is new"), "{asked}");
        }
        assert_eq!(erasures(&db), 1);
        tenure.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(0);
        assert_eq!(erasures(&db), 2);
        now_it_says(&tenure, &policy(MAP));
        run(&tenure);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_request_that_waits_is_carried_out_under_the_new_name(db: TestDb) {
        open_platform(&db);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        tenure.run(&["subject", "erase", "3", "--reason", "letter", "--unverified"]).expect_code(0);
        now_it_says(&tenure, &called("home", MAP));
        let unsaid = says(&tenure, &["plan", "--json"], 0);
        assert!(unsaid.contains("request 1 waits at policy `house`") && unsaid.contains("say `formerly = [\\\"house\\\"]` under [policy]"), "{unsaid}");
        now_it_says(&tenure, &formerly("home", "house", MAP));
        let planned = says(&tenure, &["plan", "--json"], 0);
        assert!(planned.contains("request 1 was received for policy `house`, which has no map of people here any more, and waits at policy `home`"), "{planned}");
        for command in [&["subject", "status"][..], &["subject", "status", "3"]] {
            assert!(says(&tenure, command, 0).contains("request 1: unverified, waits for `verify`"));
        }
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((erasures(&db), open_requests(&db)), (0, 1));
        tenure.run(&["subject", "verify", "1"]).expect_code(0);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((erasures(&db), open_requests(&db)), (1, 0));
        assert_eq!(db.count("account WHERE id = 3 AND name IS NULL"), 1);
        assert!(says(&tenure, &["subject", "certificate", "3"], 0).contains("home"));
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_request_of_which_nobody_can_tell_whose_it_is_erases_nobody_and_is_told(db: TestDb) {
        open_platform(&db);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        tenure.run(&["subject", "erase", "3", "--reason", "letter", "--unverified"]).expect_code(0);
        tenure.run(&["subject", "verify", "1"]).expect_code(0);
        // The keys of payments are keys of accounts, and are not the same people's.
        let payers = "[subject]\ntable = \"payment\"\nkey = \"id\"\nwithin = \"30 days\"\n\
             [[subject.data]]\ntable = \"payment\"\ncolumn = \"id\"\naction = \"redact\"\nredact = { payer = \"null\" }\n";
        now_it_says(&tenure, &formerly("home", "house", payers));
        let told = says(&tenure, &["run", "--yes", "--json"], 0);
        assert!(told.contains("request 1 waits at policy `house`, which has no map of people here any more") && told.contains("or refuse the request and ask again"), "{told}");
        assert_eq!((erasures(&db), open_requests(&db), db.count("payment WHERE payer IS NULL")), (0, 1, 0));
        tenure.run(&["subject", "refuse", "1", "--reason", "asked again", "--policy", "home"]).expect_code(0);
        assert!(!says(&tenure, &["run", "--json"], 0).contains("request 1"));
    }

    fn of_two_maps_of_the_same_people_neither_is_carried_out(db: TestDb) {
        open_platform(&db);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        tenure.run(&["subject", "erase", "3", "--reason", "letter", "--unverified"]).expect_code(0);
        tenure.run(&["subject", "verify", "1"]).expect_code(0);
        let tenure = tenure.schedule(&called("office", MAP));
        let told = says(&tenure, &["run", "--yes", "--json"], 2);
        assert!(told.contains("each table of people has one map"), "{told}");
        assert_eq!((erasures(&db), open_requests(&db)), (0, 1));
    }

    fn a_policy_that_is_there_all_the_same_keeps_its_requests(db: TestDb) {
        open_platform(&db);
        let (one, other) = (tenure(&db, MAP), house(&db, &called("home", MAP)));
        // Neither config knows of the other.
        [&one, &other, &one, &other].into_iter().for_each(|tenure| drop(run(tenure)));
        one.run(&["subject", "erase", "3", "--reason", "letter", "--unverified"]).expect_code(0);
        one.run(&["subject", "verify", "1"]).expect_code(0);
        assert!(says(&other, &["run", "--json"], 0).contains("no map of the same people says that it goes on with that one"));
        assert_eq!((erasures(&db), open_requests(&db)), (0, 1));
        one.run(&["run"]).expect_code(0);
        assert_eq!((erasures(&db), open_requests(&db)), (1, 0));
    }

    fn whoever_was_erased_under_the_old_name_is_certified_and_erased_again_under_the_new_one(db: TestDb) {
        platform(&db, 4, 1);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        now_it_says(&tenure, &called("home", MAP));
        run(&tenure);
        assert!(says(&tenure, &["subject", "certificate", "1"], 0).contains("the account was closed"));
        assert!(says(&tenure, &["subject", "reapply"], 0).contains("nobody of 1 who were erased is back"));
        restore_account_1(&db);
        let reapply = ["subject", "reapply", "--restored", "tables"];
        assert!(says(&tenure, &reapply, 3).contains("1 people in `account` were erased, and have data again"));
        tenure.run(&[&reapply[..], &["--yes"]].concat()).expect_code(0);
        assert_eq!(db.count("account WHERE id = 1 AND name IS NULL"), 1);
        // A ledger that does not know whose map it was.
        for table in ["erasure", "request", "batch", "run", "entry"] {
            db.script(&format!("DELETE FROM {}", control_table(&db, table)));
        }
        restore_account_1(&db);
        let refused = says(&tenure, &["subject", "reapply"], 1);
        assert!(refused.contains("by a policy that no schedule has any more") && refused.contains("`house`"), "{refused}");
    }

    fn under_a_key_that_is_not_named_any_more_nobody_says_that_there_was_nothing(db: TestDb) {
        platform(&db, 4, 1);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        assert!(says(&tenure, &["subject", "certificate", "2"], 1).contains("the ledger holds no erasure of that person"));
        let config = tenure.dir().join("tenure.toml");
        fs::rename(tenure.dir().join("hmac.key"), tenure.dir().join("old.key")).unwrap();
        fs::write(tenure.dir().join("hmac.key"), "fedcba9876543210fedcba9876543210").unwrap();
        // The first digits of the SHA-256 of the old key.
        let unknown = "under keys that the config does not name, so nobody can tell whose they are: 3eb1bd439947eb76; name their files as `former_hmac_key_files`";
        for command in [&["certificate", "1"][..], &["certificate", "2"], &["status", "1"], &["status", "1", "--json"], &["reapply"]] {
            let told = says(&tenure, &[&["subject"], command].concat(), 1);
            assert!(told.contains(unknown) && !told.contains("holds no erasure of that person") && !told.contains("nobody of"), "{told}");
        }
        tenure.run(&["subject", "erase", "3", "--reason", "letter"]).expect_code(0);
        assert!(says(&tenure, &["subject", "certificate", "3"], 0).contains(unknown));
        let named = format!("former_hmac_key_files = [\"old.key\"]\n{}", fs::read_to_string(&config).unwrap());
        fs::write(&config, named).unwrap();
        tenure.run(&["subject", "certificate", "1"]).expect_code(0);
        assert!(says(&tenure, &["subject", "certificate", "2"], 1).contains("the ledger holds no erasure of that person"));
        tenure.run(&["subject", "status", "1"]).expect_code(0);
        tenure.run(&["subject", "reapply"]).expect_code(0);
    }
}
