//! What is asked about one person: requests, certificates, copies, and erasing again after a restore.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tenure::base::name::TableName;
use tenure::base::pseudonym::Pseudonyms;
use tenure::base::secret::Secret;
use tenure::db::Dialect;

use super::{MAP, erasures, platform, tenure};
use crate::harness::story::{Told, assert_same_figures, control_table, now_it_says, policy};
use crate::harness::{Output, Tenure, TestDb};

pub(super) fn subject(tenure: &Tenure, words: &[&str], code: i32) -> Output {
    tenure.run(&[&["subject"], words].concat()).expect_code(code)
}

pub(super) fn erase(tenure: &Tenure, key: &str, more: &[&str]) -> Output {
    subject(tenure, &[&["erase", key, "--reason", "letter 26-9", "--by", "desk"], more].concat(), 0)
}

pub(super) fn certificate(tenure: &Tenure, key: &str) -> Value {
    subject(tenure, &["certificate", key, "--format", "json"], 0).json()
}

/// What is the person's own in the tables of the platform, in rows.
pub(super) fn left(db: &TestDb, id: i64) -> [i64; 4] {
    [
        db.count(&format!("attempt WHERE account_id = {id}")),
        db.count(&format!("post WHERE account_id = {id} OR reviewer_id = {id}")),
        db.count(&format!("letter WHERE id = {id}")),
        db.count(&format!("account WHERE id = {id} AND name IS NOT NULL")),
    ]
}

fn settled(db: &TestDb) -> i64 {
    db.count(&format!("{} WHERE settled IS NOT NULL AND wanted IS NULL", control_table(db, "request")))
}

/// The person and the ledger as a backup from before their newest erasure has them.
fn restore_with_the_ledger(db: &TestDb, tenure: &Tenure, id: i64) {
    let reference = certificate(tenure, &id.to_string())["reference"].as_str().unwrap().to_owned();
    db.script(&format!("DELETE FROM {} WHERE reference = '{reference}'", control_table(db, "erasure")));
    db.script(&format!("UPDATE account SET email = 'person{id}@example.org', name = 'Person {id}' WHERE id = {id}"));
}

on_every_database! {
    fn who_asks_to_be_erased_is_erased_at_once_and_nobody_else_and_gets_a_certificate(db: TestDb) {
        platform(&db, 4, 0);
        let tenure = tenure(&db, MAP);
        let said = erase(&tenure, "4", &["--requested-at", "2026-06-01T08:00:00Z"]);
        assert_eq!(left(&db, 4), [0; 4]);
        assert_eq!(left(&db, 3), [2, 2, 1, 1], "the posts that 4 reviewed stay, without the reviewer");
        assert_eq!((erasures(&db), settled(&db)), (1, 1));
        let told = certificate(&tenure, "4");
        let gone = |table: &str| told["gone"].as_array().unwrap().iter().find(|gone| gone["table"] == table).unwrap()["rows"].clone();
        assert_eq!([gone("attempt"), gone("answer"), gone("letter"), gone("account")], [2, 2, 1, 1].map(Value::from));
        assert_eq!(told["kept"], json!([{ "table": "payment", "rows": 1, "reason": "tax records", "until": null }]));
        assert_eq!((&told["because"], &told["asked"]), (&json!("it was asked for"), &json!("2026-06-01T08:00:00Z")));
        assert!(told["finished"].is_string() && told["ledger"]["head"].is_string(), "{told:#}");
        let text = subject(&tenure, &["certificate", "4"], 0).stdout;
        let html = subject(&tenure, &["certificate", "4", "--format", "html"], 0).stdout;
        for page in [&said.stdout, &said.stderr, &text, &html, &told.to_string()] {
            assert!(!page.contains("person4@example.org") && !page.contains("Person 4"), "{page}");
        }
        tenure.run(&["verify"]).expect_code(0);
    }

    fn an_unverified_request_waits_in_sight_and_nobody_is_erased_for_it(db: TestDb) {
        platform(&db, 3, 0);
        let tenure = tenure(&db, MAP);
        let before = left(&db, 2);
        erase(&tenure, "2", &["--unverified"]);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!(left(&db, 2), before);
        let waiting = subject(&tenure, &["status", "--json"], 0).json();
        assert_eq!((&waiting["requests"][0]["request"], &waiting["requests"][0]["verified"]), (&1.into(), &false.into()));
        subject(&tenure, &["verify", "1", "--by", "desk"], 0);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((left(&db, 2), settled(&db)), ([0; 4], 1));
        assert!(subject(&tenure, &["verify", "1"], 2).stderr.contains("no request 1 waits"));
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_certificate_names_what_is_there_still_until_all_is_done(db: TestDb) {
        platform(&db, 4, 0);
        let tenure = tenure(&db, MAP);
        let stays = || {
            let told = certificate(&tenure, "4");
            let of_answers = told["kept"].as_array().unwrap().iter().filter(|kept| kept["table"] == "answer");
            (told["finished"].is_string(), of_answers.map(|kept| (kept["rows"].clone(), kept["reason"].clone())).collect::<Vec<_>>())
        };
        erase(&tenure, "4", &[]);
        assert_eq!(stays(), (true, vec![]));
        // Late rows, as of a job that was still at it.
        db.script("INSERT INTO attempt VALUES (70, 4); INSERT INTO answer VALUES (70, 70, 'late')");
        assert_eq!(stays(), (false, vec![(json!(1), json!("it came after the erasure"))]));
        subject(&tenure, &["erase", "4", "--reason", "letter 26-9", "--by", "desk"], 0);
        tenure.run(&["hold", "add", "court", "--reason", "a suit", "--by", "legal", "--subject", "4"]).expect_code(0);
        assert_eq!(stays(), (true, vec![]), "a hold that comes afterwards keeps nothing");
        tenure.run(&["hold", "release", "court", "--reason", "over", "--by", "legal"]).expect_code(0);
    }

    fn a_run_is_compared_with_the_policys_last_one_and_not_with_that_of_a_request(db: TestDb) {
        platform(&db, 4, 0);
        let tenure = tenure(&db, MAP);
        let first = tenure.run(&["run", "--json"]).expect_code(0).json();
        let of_request = erase(&tenure, "4", &["--json"]).json();
        assert_eq!(of_request["since"], Value::Null, "{of_request:#}");
        let second = tenure.run(&["run", "--json"]).expect_code(0).json();
        assert_eq!(second["since"]["run"], first["run"], "{second:#}");
    }

    fn a_request_that_is_refused_erases_nobody_and_forgets_whom_it_named(db: TestDb) {
        platform(&db, 3, 0);
        let tenure = tenure(&db, MAP);
        let before = left(&db, 2);
        erase(&tenure, "2", &["--unverified"]);
        subject(&tenure, &["refuse", "1", "--reason", "somebody else"], 0);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((left(&db, 2), settled(&db)), (before, 1));
        tenure.run(&["verify"]).expect_code(0);
    }

    fn somebody_under_a_hold_is_erased_when_the_hold_ends_and_the_clock_tells_since_when(db: TestDb) {
        platform(&db, 3, 0);
        let tenure = tenure(&db, MAP);
        let before = left(&db, 2);
        tenure.run(&["hold", "add", "case-7", "--subject", "2", "--reason", "court"]).expect_code(0);
        let said = erase(&tenure, "2", &["--requested-at", "2026-01-01T00:00:00Z"]);
        assert!(said.stdout.contains("request 1 waits"), "{}", said.stdout);
        assert_eq!((left(&db, 2), settled(&db), erasures(&db)), (before, 0, 0));
        assert_eq!(subject(&tenure, &["status", "--json"], 1).json()["requests"][0]["days_allowed"], 30);
        tenure.run(&["hold", "release", "case-7", "--reason", "closed"]).expect_code(0);
        tenure.run(&["run"]);
        assert_eq!((left(&db, 2), settled(&db)), ([0; 4], 1));
        let told = certificate(&tenure, "2");
        assert!(told["days_used"].as_u64() > told["days_allowed"].as_u64(), "{told:#}");
        assert_eq!(told["asked"], "2026-01-01T00:00:00Z");
    }

    fn what_a_hold_on_one_table_keeps_is_told_and_goes_later(db: TestDb) {
        platform(&db, 2, 0);
        let tenure = tenure(&db, MAP);
        tenure.run(&["hold", "add", "case-7", "--table", "letter", "--where", "id = 1", "--reason", "court"]).expect_code(0);
        erase(&tenure, "1", &[]);
        assert_eq!((left(&db, 1)[0], settled(&db)), (0, 0));
        assert_eq!(db.count("letter WHERE id = 1"), 1);
        let told = certificate(&tenure, "1");
        assert!(told["finished"].is_null() && told["kept"].to_string().contains("hold `case-7`"), "{told:#}");
    }

    fn what_leads_to_a_row_that_a_hold_keeps_stays_with_it_and_both_go_later(db: TestDb) {
        platform(&db, 2, 0);
        db.create("CREATE TABLE image (id {bigint} PRIMARY KEY, post_id {bigint})");
        db.script("INSERT INTO image VALUES (1, 1), (2, 2)");
        let image = "\n[[subject.data]]\ntable = \"image\"\ncolumn = \"post_id -> post(id).account_id\"\naction = \"delete\"\n";
        let tenure = tenure(&db, &format!("{MAP}{image}"));
        tenure.run(&["hold", "add", "case-7", "--table", "image", "--where", "id = 1", "--reason", "court"]).expect_code(0);
        erase(&tenure, "1", &[]);
        assert_eq!((db.count("image WHERE id = 1"), db.count("post WHERE account_id = 1"), settled(&db)), (1, 1, 0));
        tenure.run(&["hold", "release", "case-7", "--reason", "closed"]).expect_code(0);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((db.count("image"), db.count("post WHERE account_id = 1"), settled(&db)), (1, 0, 1));
    }

    fn a_withdrawn_consent_takes_its_category_and_closes_nothing(db: TestDb) {
        platform(&db, 2, 0);
        let map = MAP.replace("table = \"letter\"\n", "table = \"letter\"\ncategory = \"marketing\"\n");
        let tenure = tenure(&db, &map);
        let refused = tenure.run(&["subject", "erase", "1", "--reason", "r", "--only", "marketting"]).expect_code(2);
        assert!(refused.stderr.contains("did you mean `marketing`?"), "{}", refused.stderr);
        erase(&tenure, "1", &["--only", "marketing"]);
        assert_eq!(left(&db, 1), [2, 2, 0, 1]);
        assert_eq!((left(&db, 2), settled(&db)), ([2, 2, 1, 1], 1));
        let told = certificate(&tenure, "1");
        assert!(told["finished"].is_string(), "the rest is not to go: {told:#}");
        assert_eq!(told["gone"].as_array().unwrap().len(), 1);
    }

    fn a_copy_holds_everything_that_is_mapped_and_only_its_maker_may_read_it(db: TestDb) {
        platform(&db, 2, 0);
        let tenure = tenure(&db, MAP);
        tenure.run(&["hold", "add", "case-7", "--subject", "1", "--reason", "court"]).expect_code(0);
        let before = db.tables_dump();
        subject(&tenure, &["export", "1", "-o", "copy.json", "--reason", "letter 26-10"], 0);
        let path = tenure.dir().join("copy.json");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let copy: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let part = |by: &str| copy["data"].as_array().unwrap().iter().find(|part| part["by"] == by).unwrap_or_else(|| panic!("no {by} in {copy:#}"))["rows"].clone();
        assert_eq!(part("account.id")[0]["email"], "person1@example.org");
        assert_eq!(part("attempt.account_id").as_array().unwrap().len(), 2);
        assert_eq!(part("answer.attempt_id")[1]["words"], "words of person 1");
        assert_eq!(part("letter.address")[0]["id"], 1);
        assert_eq!(part("payment.account_id")[0]["cents"], 100);
        // Somebody else's post, which this person reviewed: what is theirs in it is that they did.
        assert_eq!(part("post.reviewer_id"), json!([{ "id": 2, "reviewer_id": 1 }]));
        assert_eq!(part("post.account_id"), json!([{ "id": 1, "account_id": 1, "words": "post of person 1" }]));
        assert!(!copy.to_string().contains("person 2") && !copy.to_string().contains("Person 2"));
        let again = subject(&tenure, &["export", "1", "-o", "copy.json", "--reason", "r"], 2);
        assert!(again.stderr.contains("is there already"), "{}", again.stderr);
        subject(&tenure, &["export", "77", "-o", "other.json", "--reason", "r"], 2);
        assert!(!tenure.dir().join("other.json").exists() && !tenure.dir().join("other.json.part").exists());
        assert_eq!(db.tables_dump(), before);
        let made = db.count(&format!("{} WHERE kind = 'export'", control_table(&db, "entry")));
        assert_eq!(made, 1);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn whoever_was_erased_and_is_back_after_a_restore_is_erased_again_and_a_newcomer_is_not(db: TestDb) {
        platform(&db, 5, 0);
        db.script(&format!("ALTER TABLE account ADD COLUMN made_at {}", if db.dialect == Dialect::Mysql { "DATETIME(6)" } else { "timestamp" }));
        db.script("UPDATE account SET made_at = '2020-01-01 00:00:00'");
        let map = MAP.replace("grace = ", "created = \"made_at\"\ngrace = ");
        let tenure = tenure(&db, &map);
        for key in ["1", "2"] {
            erase(&tenure, key, &[]);
        }
        assert!(subject(&tenure, &["reapply"], 0).stdout.contains("nobody of 2 who were erased is back"));
        // The backup has both of them; the ledger in it knows of nothing.
        db.script("UPDATE account SET email = 'person1@example.org', name = 'Person 1' WHERE id = 1");
        db.script("INSERT INTO attempt VALUES (77, 1)");
        db.script("UPDATE account SET email = 'new@example.org', name = 'New', made_at = '2999-01-01 00:00:00' WHERE id = 2");
        for table in ["erasure", "request", "batch", "run", "entry"] {
            db.script(&format!("DELETE FROM {}", control_table(&db, table)));
        }
        let planned = subject(&tenure, &["reapply", "--dry-run", "--json"], 0).json();
        assert_eq!(planned["people"]["due"], 1);
        assert!(subject(&tenure, &["reapply"], 3).stderr.contains("1 people in `account` were erased, and have data again;"));
        subject(&tenure, &["reapply", "--yes"], 0);
        assert_eq!(left(&db, 1)[0], 0);
        assert_eq!(db.count("account WHERE id = 1 AND name IS NULL"), 1);
        assert_eq!(db.count("account WHERE id = 2 AND name = 'New'"), 1);
        assert_eq!(certificate(&tenure, "1")["because"], "it was erased before and was back after a restore");
        assert!(subject(&tenure, &["reapply"], 0).stdout.contains("nobody"));
    }

    fn where_nothing_tells_a_newcomer_from_who_is_back_somebody_is_asked(db: TestDb) {
        platform(&db, 2, 0);
        let tenure = tenure(&db, MAP);
        erase(&tenure, "1", &[]);
        db.script("UPDATE account SET name = 'Person 1' WHERE id = 1");
        let asked = subject(&tenure, &["reapply", "--restored", "tables"], 3);
        assert!(asked.stderr.contains("signed up anew"), "{}", asked.stderr);
        assert_eq!(db.count("account WHERE name = 'Person 1'"), 1);
        subject(&tenure, &["reapply", "--restored", "tables", "--yes"], 0);
        assert_eq!(db.count("account WHERE name = 'Person 1'"), 0);
    }

    fn what_came_after_an_erasure_that_the_restored_ledger_holds_is_let_be(db: TestDb) {
        platform(&db, 4, 0);
        let map = MAP.replace("table = \"letter\"\n", "table = \"letter\"\ncategory = \"marketing\"\n");
        let tenure = tenure(&db, &map);
        erase(&tenure, "3", &["--only", "marketing"]);
        erase(&tenure, "2", &[]);
        // With a new consent, and of a person whose data is gone.
        db.script("INSERT INTO letter VALUES (30, 'person3@example.org'); INSERT INTO attempt VALUES (20, 2)");
        // The backup is from here.
        erase(&tenure, "1", &[]);
        restore_with_the_ledger(&db, &tenure, 1);
        let let_be = "2 people in `account` have data again whose erasure this ledger holds as done: it came after that";
        let asked = subject(&tenure, &["reapply"], 3).stderr;
        assert!(asked.contains(let_be) && asked.contains("--restored tables"), "{asked}");
        assert!(asked.contains("1 people in `account` were erased, and have data again"), "{asked}");
        assert_eq!(subject(&tenure, &["reapply", "--dry-run", "--json"], 3).json()["people"]["due"], 1);
        subject(&tenure, &["reapply", "--yes"], 3);
        let there = || ["account WHERE name = 'Person 1'", "letter WHERE id = 30", "attempt WHERE id = 20"].map(|rows| db.count(rows));
        assert_eq!(there(), [0, 1, 1]);
        let whole = subject(&tenure, &["reapply", "--yes", "--restored", "database"], 0);
        assert!(whole.stdout.contains("nobody of 3 who were erased is back") && whole.stderr.contains(let_be), "{}", whole.stderr);
        assert_eq!(there(), [0, 1, 1]);
        subject(&tenure, &["reapply", "--yes", "--restored", "tables"], 0);
        assert_eq!(there(), [0, 0, 0]);
    }

    fn who_was_erased_as_a_whole_after_a_restore_is_not_back_for_one_category_of_old(db: TestDb) {
        platform(&db, 4, 0);
        let map = MAP.replace("table = \"post\"\ncolumn = \"account_id\"", "table = \"post\"\ncategory = \"marketing\"\ncolumn = \"account_id\"");
        let tenure = tenure(&db, &map);
        erase(&tenure, "1", &["--only", "marketing"]);
        restore_with_the_ledger(&db, &tenure, 1);
        erase(&tenure, "1", &[]);
        db.script("INSERT INTO post VALUES (40, 1, NULL, NULL, 'new')");
        subject(&tenure, &["reapply", "--yes"], 3);
        assert_eq!(db.count("post WHERE words = 'new'"), 1);
    }

    fn what_a_hold_kept_of_who_was_back_goes_with_the_next_reapply(db: TestDb) {
        platform(&db, 3, 0);
        let tenure = tenure(&db, MAP);
        erase(&tenure, "1", &[]);
        restore_with_the_ledger(&db, &tenure, 1);
        db.script("INSERT INTO letter VALUES (10, 'person1@example.org')");
        let hold = ["--reason", "court", "--by", "legal"];
        tenure.run(&[&["hold", "add", "case-7", "--table", "letter", "--where", "id = 10"], &hold[..]].concat()).expect_code(0);
        subject(&tenure, &["reapply", "--yes"], 0);
        assert_eq!(db.count("letter WHERE id = 10"), 1);
        tenure.run(&[&["hold", "release", "case-7"], &hold[..]].concat()).expect_code(0);
        subject(&tenure, &["reapply"], 3);
        subject(&tenure, &["reapply", "--yes"], 0);
        assert_eq!((db.count("letter WHERE id = 10"), certificate(&tenure, "1")["state"].clone()), (0, "erased".into()));
    }

    fn requests_in_a_table_of_the_application_are_carried_out_once_they_are_verified(db: TestDb) {
        platform(&db, 5, 0);
        db.create("CREATE TABLE deletion_request (id {bigint} PRIMARY KEY, account {text}, asked_at {ts}, confirmed {bigint}, done_at {ts}, state {text})");
        for (id, account, confirmed) in [(1, 2, 1), (2, 3, 0), (3, 2, 1), (4, 77, 1)] {
            db.script(&format!("INSERT INTO deletion_request VALUES ({id}, '{account}', '2026-11-0{id} 10:00:00', {confirmed}, NULL, 'open')"));
        }
        let requests = "[subject.requests]\ntable = \"deletion_request\"\nkey = \"account\"\nrequested = \"asked_at\"\n\
                        verified = \"confirmed = 1\"\ndone = \"done_at IS NOT NULL\"\nmark = { done_at = \"now\", state = \"erased\" }\n";
        let tenure = tenure(&db, &format!("{MAP}{requests}"));
        db.script("UPDATE account SET closed_at = NULL");
        let planned = tenure.run(&["plan"]).expect_code(0).stdout;
        assert!(planned.contains("2 verified requests for erasure wait"), "{planned}");
        let waiting = tenure.run(&["subject", "status", "--json"]).json();
        let tables: Vec<_> = waiting["requests"].as_array().unwrap().iter().map(|one| &one["table"]).collect();
        assert_eq!(tables, ["deletion_request"; 2], "{waiting:#}");
        assert!(tenure.run(&["subject", "status", "2"]).stdout.contains("a request in `deletion_request`: verified"));
        let told = tenure.run(&["run", "--json"]).expect_code(0).json();
        assert_eq!(told["runs"].as_array().unwrap().len(), 2, "{told:#}");
        assert_eq!((left(&db, 2), left(&db, 4)[0]), ([0; 4], 2));
        assert_eq!(db.count("account WHERE id = 3 AND name IS NOT NULL"), 1, "nobody knows yet whether it was 3 who asked");
        assert_eq!(db.count("deletion_request WHERE id IN (1, 3) AND done_at IS NOT NULL AND state = 'erased'"), 2);
        assert_eq!(db.count("deletion_request WHERE done_at IS NULL AND state = 'open'"), 2);
        assert_eq!(certificate(&tenure, "2")["asked"], "2026-11-01T10:00:00Z");
        let again = tenure.run(&["run", "--json"]).expect_code(0).json();
        assert!(again.get("runs").is_none(), "a second run finds no request: {again:#}");
    }

    fn a_request_for_a_time_to_come_waits_in_sight_until_then_and_one_of_no_known_time_as_well(db: TestDb) {
        platform(&db, 5, 0);
        db.create("CREATE TABLE deletion_request (id {bigint} PRIMARY KEY, account {bigint}, asked_at {ts}, done_at {ts})");
        for (id, account, asked) in [(1, 2, "'2999-01-01 00:00:00'"), (2, 3, "NULL"), (3, 4, "'2026-11-01 10:00:00'"), (4, 4, "'2999-01-01 00:00:00'")] {
            db.script(&format!("INSERT INTO deletion_request VALUES ({id}, {account}, {asked}, NULL)"));
        }
        let requests = "[subject.requests]\ntable = \"deletion_request\"\nkey = \"account\"\nrequested = \"asked_at\"\n\
                        verified = \"id > 0\"\ndone = \"done_at IS NOT NULL\"\nmark = { done_at = \"now\" }\n";
        let tenure = tenure(&db, &format!("{MAP}{requests}"));
        db.script("UPDATE account SET closed_at = NULL");
        let open = || (1..=4).filter(|id| db.count(&format!("deletion_request WHERE id = {id} AND done_at IS NULL")) == 1).collect::<Vec<_>>();
        let planned = tenure.run(&["plan", "--json"]).expect_code(0).json()["notes"].to_string();
        for note in ["2 verified requests for erasure wait", "2 people ask in `deletion_request` for a time that has not come", "1 people ask in `deletion_request`, and `asked_at` tells no time of it"] {
            assert!(planned.contains(note), "no `{note}` in {planned}");
        }
        let then = tenure.run(&["plan", "--json", "--as-of", "2999-01-02"]).json()["notes"].to_string();
        assert!(then.contains("3 verified requests for erasure wait") && !then.contains("for a time"), "{then}");
        let said = subject(&tenure, &["status"], 1).stdout;
        assert_eq!(said.matches("verified, waits until 2999-01-01 00:00 UTC, from when its days count").count(), 2, "{said}");
        assert!(said.contains("nothing tells when it was made, so nobody is erased for it"), "{said}");
        assert!(subject(&tenure, &["status", "2"], 0).stdout.contains("waits until 2999-01-01"));

        tenure.run(&["run"]).expect_code(0);
        assert_eq!((left(&db, 2), left(&db, 3)[0], left(&db, 4)), ([2, 2, 1, 1], 2, [0; 4]));
        assert_eq!(open(), [1, 2, 4], "what 4 asked for next has not come");
        db.script("UPDATE deletion_request SET asked_at = '2026-11-02 10:00:00' WHERE id < 3");
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((left(&db, 2), left(&db, 3)[0], open()), ([0; 4], 0, vec![4]));
        assert_eq!(certificate(&tenure, "2")["asked"], "2026-11-02T10:00:00Z", "it counts from then");
        tenure.run(&["verify"]).expect_code(0);
    }

    fn whoever_has_the_key_after_the_one_who_asked_is_somebody_else(db: TestDb) {
        platform(&db, 3, 0);
        db.script(&format!("ALTER TABLE account ADD COLUMN made_at {}", if db.dialect == Dialect::Mysql { "DATETIME(6)" } else { "timestamp" }));
        db.script("UPDATE account SET made_at = '2020-01-01 00:00:00', closed_at = NULL");
        let map = MAP.replace("grace = ", "created = \"made_at\"\ngrace = ");
        let tenure = tenure(&db, &map);
        erase(&tenure, "2", &["--unverified"]);
        db.script("UPDATE account SET made_at = '2999-01-01 00:00:00', name = 'New' WHERE id = 2");
        subject(&tenure, &["verify", "1"], 0);
        let refused = tenure.run(&["run"]).expect_code(1);
        assert!(refused.stderr.contains("request 1: whoever has that key signed up after it was asked for"), "{}", refused.stderr);
        assert_eq!((db.count("account WHERE name = 'New'"), settled(&db)), (1, 0));
    }

    fn what_cannot_be_meant_is_refused_and_nothing_is_written_down(db: TestDb) {
        platform(&db, 3, 0);
        db.script(&format!("ALTER TABLE account ADD COLUMN made_at {}", if db.dialect == Dialect::Mysql { "DATETIME(6)" } else { "timestamp" }));
        db.script("UPDATE account SET made_at = '2026-03-01 00:00:00'");
        let tenure = tenure(&db, &MAP.replace("grace = ", "created = \"made_at\"\ngrace = "));
        tenure.run(&["migrate"]).expect_code(0);
        let before = db.tables_dump();
        let refused = |words: &[&str], sentence: &str| {
            let told = tenure.run(words).expect_code(2).stderr;
            assert!(told.contains(sentence), "{words:?}: {told}");
            assert!(!told.contains("4711081599"), "{told}");
            assert_eq!(db.tables_dump(), before, "{words:?}");
        };
        let erase = ["subject", "erase", "2", "--reason", "letter 26-9"];
        let with = |more: &[&'static str]| [&erase[..], more].concat();
        let somebody_else = "whoever has that key signed up after it was asked for, so it is somebody else's, and nothing was written down";
        refused(&with(&["--requested-at", "2999-01-01T00:00:00Z"]), "--requested-at lies in the future");
        for more in [&[][..], &["--unverified"], &["--dry-run"], &["--yes"]] {
            refused(&[&with(&["--requested-at", "2026-02-28T00:00:00Z"])[..], more].concat(), somebody_else);
        }
        refused(&with(&["--only", "marketing"]), "--only: no entry of the map has the category `marketing`");
        refused(&["subject", "erase", "4711081599", "--reason", "r"], "nobody in `account` has that key");
        refused(&["hold", "add", "case-7", "--subject", "4711081599", "--reason", "court"], "nobody in `account` has that key");
        refused(&["hold", "add", "case-7", "--subject", "2", "--reason", "court", "--until", "2026-01-01"], "--until: 2026-01-01 is over");
        for empty in ["", " "] {
            for words in [&["erase", empty, "--reason", "r"][..], &["status", empty], &["certificate", empty], &["export", empty, "-o", "copy.json", "--reason", "r"]] {
                refused(&[&["subject"][..], words].concat(), "KEY is empty");
            }
            refused(&["hold", "add", "case-7", "--subject", empty, "--reason", "court"], "--subject is empty");
        }
        assert!(!tenure.dir().join("copy.json").exists());
        subject(&tenure, &["erase", "2", "--reason", "r", "--requested-at", "2026-03-01T00:00:00Z"], 0);
        assert_eq!((left(&db, 2), settled(&db)), ([0; 4], 1));
    }

    fn a_request_of_somebody_who_is_not_there_waits_and_is_not_called_done(db: TestDb) {
        platform(&db, 3, 0);
        let tenure = tenure(&db, &MAP.replace("grace = ", "where = \"name <> 'Hidden'\"\ngrace = "));
        erase(&tenure, "2", &["--unverified"]);
        subject(&tenure, &["verify", "1"], 0);
        db.script("UPDATE account SET name = 'Hidden', closed_at = NULL WHERE id = 2");
        let planned = tenure.run(&["plan"]).expect_code(0);
        assert!(planned.stdout.contains("1 verified requests for erasure wait"), "{}", planned.stdout);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((left(&db, 2)[0], settled(&db)), (2, 0));
        db.script("UPDATE account SET name = 'Shown' WHERE id = 2");
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((left(&db, 2)[0], settled(&db)), (0, 1));
    }

    fn a_row_that_two_share_and_a_hold_keeps_keeps_both_findable(db: TestDb) {
        platform(&db, 3, 2);
        if db.dialect == Dialect::Mysql {
            // Under its collation the two are one.
            db.script("ALTER TABLE account DROP INDEX email");
        }
        db.script("UPDATE account SET closed_at = NULL WHERE id = 3; UPDATE account SET email = 'PERSON1@example.org' WHERE id = 2");
        let tenure = tenure(&db, MAP);
        tenure.run(&["hold", "add", "case-7", "--table", "letter", "--where", "id = 1", "--reason", "court"]).expect_code(0);
        let told = |command: &str| Told(tenure.run(&[command, "--json", "--as-of", "2026-11-01T00:00:00Z"]).expect_code(0).json());
        assert_same_figures(&told("plan"), &told("run"));
        assert_eq!(db.count("account WHERE lower(email) = 'person1@example.org'"), 2, "by their e-mail the letter is found");
        tenure.run(&["hold", "release", "case-7", "--reason", "closed"]).expect_code(0);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((db.count("letter WHERE id = 1"), db.count("account WHERE email LIKE 'gone-%'")), (0, 2));
    }

    fn what_a_hold_by_hand_asks_for_is_not_in_the_statements(db: TestDb) {
        platform(&db, 2, 1);
        let tenure = tenure(&db, MAP);
        tenure.run(&["hold", "add", "case-7", "--table", "letter", "--where", "address <> 'SECRET'", "--reason", "r"]).expect_code(0);
        let output = tenure.run(&["plan", "--sql"]).expect_code(0);
        assert!(output.stdout.contains("what hold `case-7` asks for, not shown") && !output.stdout.contains("SECRET"), "{}", output.stdout);
        let loud = tenure.env("TENURE_LOG", "trace").run(&["plan"]).expect_code(0);
        assert!(!(loud.stdout + &loud.stderr).contains("SECRET"));
    }

    fn a_category_that_the_rest_is_found_by_cannot_go_alone(db: TestDb) {
        platform(&db, 2, 0);
        let map = MAP.replace("table = \"attempt\"\n", "table = \"attempt\"\ncategory = \"learning\"\n");
        let refused = tenure(&db, &map).run(&["subject", "erase", "1", "--reason", "r", "--only", "learning"]).expect_code(2);
        assert!(refused.stderr.contains("are found by those of"), "{}", refused.stderr);
    }

    fn a_dry_run_of_a_request_changes_nothing_and_writes_nothing_down(db: TestDb) {
        platform(&db, 2, 0);
        let tenure = tenure(&db, MAP);
        let before = db.tables_dump();
        let planned = subject(&tenure, &["erase", "1", "--reason", "r", "--dry-run", "--json"], 0).json();
        assert_eq!(planned["people"]["due"], 1);
        assert_eq!(db.tables_dump(), before);
        let nobody = tenure.run(&["subject", "erase", "4711081599", "--reason", "r"]).expect_code(2);
        assert!(nobody.stderr.contains("nobody in `account` has that key") && !nobody.stderr.contains("4711081599"), "{}", nobody.stderr);
    }

    fn a_person_keeps_their_pseudonym_however_the_schedule_spells_the_table(db: TestDb) {
        platform(&db, 2, 0);
        let tenure = tenure(&db, MAP);
        erase(&tenure, "1", &[]);
        let names = || ["1", "2"].map(|key| subject(&tenure, &["status", key, "--json"], 0).json()["person"].clone());
        let before = names();
        let spelled = match db.dialect {
            Dialect::Sqlite => "ACCOUNT".to_owned(),
            Dialect::Postgres => "public.account".to_owned(),
            Dialect::Mysql => format!("{}.account", db.url().rsplit('/').next().unwrap()),
        };
        now_it_says(&tenure, &policy(&MAP.replace("table = \"account\"", &format!("table = \"{spelled}\""))));
        assert_eq!(names(), before);
        assert_eq!(certificate(&tenure, "1")["person"], before[0]);
        // As it was written down while the schedule's own spelling counted.
        let key = Pseudonyms::new(Secret::new("0123456789abcdef0123456789abcdef"), Vec::new());
        let then = key.of(&TableName::parse(&spelled).unwrap(), "1").digest;
        db.script(&format!("UPDATE {} SET person = '{then}'", control_table(&db, "erasure")));
        assert_eq!(certificate(&tenure, "1")["person"], then.as_str());
    }
}
