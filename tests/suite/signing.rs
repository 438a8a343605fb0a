//! A signed ledger: whoever can write to the control tables can still not write what the key would have signed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use tenure::base::signing::Signer;

use crate::harness::story::{AS_OF, control_table, delete_rule, policy};
use crate::harness::{Tenure, TestDb};

const CONFIG: &str = "[ledger]\nsigning_key_file = \"now.key\"";

/// tenure with two keys and their public halves, of which `now` is configured.
fn signing(db: &TestDb) -> Tenure {
    db.create(
        "CREATE TABLE log (id {bigint} PRIMARY KEY, at {ts}); INSERT INTO log VALUES (1, '2020-01-01 00:00:00');",
    );
    let mut tenure = Tenure::at(db).schedule(&policy(&delete_rule("logs", "log", ""))).config(CONFIG);
    for name in ["now", "next"] {
        let signer = Signer::generate().unwrap();
        tenure = tenure.file(&format!("{name}.key"), &signer.to_pem().unwrap());
        tenure = tenure.file(&format!("{name}.pem"), &signer.public().to_pem().unwrap());
    }
    tenure
}

fn run(tenure: &Tenure) -> Value {
    tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json()
}

/// The kind of the break that is found, with these public keys.
fn broken(tenure: &Tenure, keys: &[&str]) -> Value {
    let mut args = vec!["verify", "--json"];
    args.extend(keys.iter().flat_map(|key| ["--public-key", *key]));
    tenure.run(&args).json()["databases"][0]["break"]["kind"].clone()
}

on_every_database! {
    fn every_entry_is_signed_from_the_first_key_on(db: TestDb) {
        let tenure = signing(&db);
        run(&tenure);
        run(&tenure);
        let [entries, signatures] = ["entry", "signature"].map(|table| db.count(&control_table(&db, table)));
        assert_eq!((entries, signatures), (5, 5), "the key, the database, the schedule and two runs");
        assert!(tenure.run(&["verify"]).expect_code(0).stdout.contains("signed from entry 1 on"));
        assert_eq!(broken(&tenure, &["now.pem"]), Value::Null);
        assert_eq!(broken(&tenure, &["next.pem"]), "changed", "somebody else's key");
    }

    fn a_chain_that_somebody_wrote_anew_without_the_key_is_found_by_the_public_key(db: TestDb) {
        let tenure = signing(&db);
        run(&tenure);
        for table in ["signature", "entry", "batch", "run"] {
            db.script(&format!("DELETE FROM {}", control_table(&db, table)));
        }
        assert_eq!(broken(&tenure, &["now.pem"]), "missing");
        let forger = Tenure::at(&db).schedule(&policy(&delete_rule("logs", "log", "")));
        run(&forger);
        forger.run(&["verify"]).expect_code(0);
        assert_eq!(broken(&tenure, &["now.pem"]), "missing");
    }

    fn no_run_signs_after_a_chain_that_was_written_anew(db: TestDb) {
        let tenure = signing(&db);
        let first = run(&tenure);
        for table in ["signature", "entry", "batch", "run"] {
            db.script(&format!("DELETE FROM {}", control_table(&db, table)));
        }
        Tenure::at(&db).schedule(&policy(&delete_rule("logs", "log", ""))).run(&["run", "--as-of", AS_OF]).expect_code(0);
        db.script("INSERT INTO log VALUES (2, '2020-01-01 00:00:00')");
        let refused = tenure.run(&["run", "--as-of", AS_OF]).expect_code(1).stderr;
        let number = first["ledger"]["entry"].to_string();
        assert!(refused.contains(&format!("entry {number}, which this installation signed last")), "{refused}");
        for command in [&["pause", "--reason", "audit"][..], &["keys", "rotate", "next.key"]] {
            tenure.run(command).expect_code(1);
        }
        assert_eq!((db.count("log"), db.count(&control_table(&db, "signature"))), (1, 0));
        // What was signed last is a witness, whoever asks without a key.
        assert_eq!(broken(&tenure, &[]), "truncated");
        assert_eq!(broken(&tenure, &["now.pem"]), "missing");

        // An installation that remembers nothing signs what follows, and vouches for nothing before.
        fs::remove_dir_all(tenure.dir().join("tenure-state/signed")).unwrap();
        run(&tenure);
        tenure.run(&["verify"]).expect_code(0);
        let found = tenure.run(&["verify", "--json", "--public-key", "now.pem"]).expect_code(5).json();
        let database = &found["databases"][0];
        assert_eq!(database["break"]["kind"], "missing", "{found:#}");
        let began = database["break"]["entry"].to_string();
        tenure.run(&["verify", "--public-key", "now.pem", "--signed-from", &began]).expect_code(0);
        tenure.run(&["verify", "--public-key", "now.pem", "--signed-from", "1"]).expect_code(5);
    }

    fn signatures_that_were_stripped_from_the_end_stop_the_next_signature(db: TestDb) {
        let tenure = signing(&db);
        run(&tenure);
        let signature = control_table(&db, "signature");
        let last = db.count(&signature);
        let heads = tenure.dir().join("tenure-state/signed");
        fs::rename(&heads, tenure.dir().join("kept")).unwrap();
        db.script(&format!("DELETE FROM {signature} WHERE number = {last}"));
        // Without a memory the whole signed chain is looked at.
        let refused = tenure.run(&["run", "--as-of", AS_OF]).expect_code(1).stderr;
        assert!(refused.contains(&format!("entry {last} of the ledger is not chained and signed")), "{refused}");
    }

    fn a_ledger_that_was_restored_is_signed_again_once_somebody_says_so(db: TestDb) {
        let tenure = signing(&db);
        let first = run(&tenure);
        let lost = run(&tenure);
        let after = first["ledger"]["entry"].as_u64().unwrap();
        for table in ["signature", "entry"] {
            db.script(&format!("DELETE FROM {} WHERE number > {after}", control_table(&db, table)));
        }
        for (table, column) in [("run", "id"), ("batch", "run")] {
            let id = lost["run"].as_str().unwrap();
            db.script(&format!("DELETE FROM {} WHERE {column} = '{id}'", control_table(&db, table)));
        }
        tenure.run(&["run", "--as-of", AS_OF]).expect_code(1);
        assert_eq!(broken(&tenure, &["now.pem"]), "truncated");
        tenure.run(&["ledger", "moved", "--reason", "the backup of last night"]).expect_code(0);
        run(&tenure);
        let said = tenure.run(&["verify", "--public-key", "now.pem"]).expect_code(0).stdout;
        assert!(said.contains("the backup of last night") && said.contains("as it was signed is lost"), "{said}");
    }

    fn a_run_without_a_key_for_a_signed_ledger_does_nothing(db: TestDb) {
        let tenure = signing(&db);
        run(&tenure);
        db.script("INSERT INTO log VALUES (2, '2020-01-01 00:00:00')");
        let keyless = Tenure::at(&db).schedule(&policy(&delete_rule("logs", "log", "")));
        let refused = keyless.run(&["run", "--as-of", AS_OF]).expect_code(1);
        assert!(refused.stderr.contains("the ledger is signed"), "{}", refused.stderr);
        assert_eq!(db.count("log"), 1);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_key_vouches_for_the_next_one_and_a_lost_one_cannot(db: TestDb) {
        let tenure = signing(&db);
        run(&tenure);
        tenure.run(&["keys", "rotate", "next.key"]).expect_code(0);
        fs::copy(tenure.dir().join("next.key"), tenure.dir().join("now.key")).unwrap();
        run(&tenure);
        assert_eq!(broken(&tenure, &["now.pem"]), Value::Null, "the first key is enough");

        let lost = Signer::generate().unwrap();
        fs::write(tenure.dir().join("now.key"), lost.to_pem().unwrap()).unwrap();
        fs::write(tenure.dir().join("third.pem"), lost.public().to_pem().unwrap()).unwrap();
        run(&tenure);
        let said = tenure.run(&["verify"]).expect_code(0).stdout;
        assert!(said.contains("for which the one before it does not vouch"), "{said}");
        assert_eq!(broken(&tenure, &["now.pem"]), "changed");
        assert_eq!(broken(&tenure, &["now.pem", "third.pem"]), Value::Null);
    }

    fn a_report_bears_its_signature_to_wherever_it_is_mailed(db: TestDb) {
        let tenure = signing(&db);
        let mut page = run(&tenure);
        let check = |page: &Value, keys: &[&str], code| {
            fs::write(tenure.dir().join("page.json"), page.to_string()).unwrap();
            let keys = keys.iter().flat_map(|key| ["--public-key", *key]);
            let args: Vec<&str> = ["verify", "--offline", "--report", "page.json"].into_iter().chain(keys).collect();
            tenure.run(&args).expect_code(code);
        };
        check(&page, &["now.pem"], 0);
        check(&page, &["next.pem"], 5);
        // A page whose every hash was made to fit anew.
        page["ledger"]["signature"] = "00".repeat(64).into();
        check(&page, &["now.pem"], 5);
    }
}

#[test]
fn a_key_is_made_for_its_owner_only_and_its_private_half_is_never_printed() {
    let tenure = Tenure::alone().config(CONFIG);
    let made = tenure.run(&["keys", "generate", "--out", "now.key"]).expect_code(0).stdout;
    let path = tenure.dir().join("now.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(made.starts_with("-----BEGIN PUBLIC KEY-----"), "{made}");
    assert_eq!(tenure.run(&["keys", "show"]).expect_code(0).stdout, made);
    let secret = fs::read_to_string(&path).unwrap();
    tenure.run(&["keys", "generate", "--out", "now.key"]).expect_code(1);
    assert_eq!(fs::read_to_string(&path).unwrap(), secret, "a key is not written over");
    fs::write(&path, "no key").unwrap();
    let refused = tenure.run(&["keys", "show"]).expect_code(2).stderr;
    assert!(refused.contains("the file holds no Ed25519 key"), "{refused}");
    Tenure::alone().run(&["keys", "show"]).expect_code(2);
}
