//! Keys are used again: whoever signed up after an asking or an erasure is somebody new. A column may tell the day of it only.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{MAP, erasures, platform, tenure};
use crate::harness::{Tenure, TestDb};

/// The platform with the days on which its people signed up.
fn with_days(db: &TestDb) -> Tenure {
    platform(db, 3, 0);
    db.script("UPDATE account SET closed_at = NULL");
    db.script("ALTER TABLE account ADD COLUMN made_on date");
    db.script("UPDATE account SET made_on = '2020-01-01'");
    tenure(db, &MAP.replace("grace = ", "created = \"made_on\"\ngrace = "))
}

fn signed_up(db: &TestDb, id: i64, day: impl std::fmt::Display) {
    db.script(&format!("UPDATE account SET made_on = '{day}' WHERE id = {id}"));
}

/// As a backup has the person.
fn restored(db: &TestDb, id: i64) {
    db.script(&format!("UPDATE account SET email = 'person{id}@example.org', name = 'Person {id}' WHERE id = {id}"));
}

fn is_there(db: &TestDb, id: i64) -> bool {
    db.count(&format!("account WHERE id = {id} AND name IS NOT NULL")) == 1
}

/// The day on which somebody was erased.
fn day_of_erasure(tenure: &Tenure, key: &str) -> Date {
    let told = tenure.run(&["subject", "status", key, "--json"]).expect_code(0).json();
    let finished: Timestamp = told["erasures"][0]["finished"].as_str().unwrap().parse().unwrap();
    TimeZone::UTC.to_datetime(finished).date()
}

on_every_database! {
    fn who_signed_up_on_the_day_of_the_asking_may_ask(db: TestDb) {
        let tenure = with_days(&db);
        signed_up(&db, 1, "2026-06-01");
        signed_up(&db, 2, "2026-06-02");
        let erase = |key: &str, code: i32| {
            tenure.run(&["subject", "erase", key, "--reason", "letter", "--requested-at", "2026-06-01T08:00:00Z"]).expect_code(code)
        };
        erase("1", 0);
        assert!(!is_there(&db, 1));
        let refused = tenure.run(&["subject", "erase", "2", "--reason", "letter", "--requested-at", "2026-06-01T08:00:00Z"]);
        assert!(refused.code != 0 && refused.stderr.contains("signed up after it was asked for"), "{}", refused.stderr);
        assert!(is_there(&db, 2) && erasures(&db) == 1, "the key was somebody else's on that day");
    }

    fn a_request_that_tells_its_day_only_may_be_of_who_signed_up_on_it(db: TestDb) {
        platform(&db, 3, 0);
        db.script("UPDATE account SET closed_at = NULL");
        db.create("ALTER TABLE account ADD COLUMN made_at {ts}");
        db.script("UPDATE account SET made_at = '2026-06-01 10:00:00' WHERE id = 1; UPDATE account SET made_at = '2026-06-02 00:00:00' WHERE id = 2");
        db.create("CREATE TABLE deletion_request (id {bigint} PRIMARY KEY, account {bigint}, asked_on date, done_at {ts})");
        db.script("INSERT INTO deletion_request VALUES (1, 1, '2026-06-01', NULL), (2, 2, '2026-06-01', NULL)");
        let requests = "[subject.requests]\ntable = \"deletion_request\"\nkey = \"account\"\nrequested = \"asked_on\"\n\
                        verified = \"id > 0\"\ndone = \"done_at IS NOT NULL\"\nmark = { done_at = \"now\" }\n";
        let tenure = tenure(&db, &format!("{}{requests}", MAP.replace("grace = ", "created = \"made_at\"\ngrace = ")));
        assert_eq!(tenure.run(&["plan", "--json"]).expect_code(0).json()["requests"]["kept_back"], 1);
        tenure.run(&["run"]).expect_code(1);
        assert_eq!((is_there(&db, 1), is_there(&db, 2), erasures(&db)), (false, true, 1));
    }

    fn who_signed_up_on_the_day_of_the_erasure_is_not_erased_again_and_not_passed_over(db: TestDb) {
        let tenure = with_days(&db);
        for (id, key) in [(1, "1"), (2, "2"), (3, "3")] {
            tenure.run(&["subject", "erase", key, "--reason", "letter"]).expect_code(0);
            restored(&db, id);
        }
        let day = |key: &str| day_of_erasure(&tenure, key);
        signed_up(&db, 1, day("1"));
        signed_up(&db, 2, day("2").yesterday().unwrap());
        signed_up(&db, 3, day("3").tomorrow().unwrap());
        let left_alone = "1 people in `account` signed up on the day on which they were erased";
        for (words, due) in [(&["reapply", "--dry-run"][..], true), (&["reapply"], true), (&["reapply", "--yes"], true), (&["reapply"], false)] {
            let told = tenure.run(&[&["subject"], words, &["--restored", "tables"]].concat()).expect_code(3);
            assert!(told.stderr.contains(left_alone), "{}", told.stderr);
            assert_eq!(told.stdout.contains("nobody of 3 who were erased is back"), !due, "{}", told.stdout);
        }
        assert_eq!([1, 2, 3].map(|id| is_there(&db, id)), [true, false, true]);
        // Somebody has looked: it was the person.
        tenure.run(&["subject", "erase", "1", "--reason", "back after a restore"]).expect_code(0);
        assert!(!is_there(&db, 1));
        tenure.run(&["subject", "reapply"]).expect_code(0);
    }
}

/// The same where texts tell the time, some to the second and some the day only.
#[test]
fn a_text_that_is_a_day_tells_no_hour_and_one_with_an_hour_does() {
    let db = TestDb::new(tenure::db::Dialect::Sqlite);
    let tenure = with_days(&db);
    signed_up(&db, 1, "2026-06-01 07:59:59");
    signed_up(&db, 2, "2026-06-01 08:00:01");
    signed_up(&db, 3, "2026-06-01");
    let asked = |key: &str| {
        let words = ["subject", "erase", key, "--reason", "letter", "--requested-at", "2026-06-01T08:00:00Z"];
        tenure.run(&words).code == 0
    };
    assert_eq!(["1", "2", "3"].map(asked), [true, false, true]);
}
