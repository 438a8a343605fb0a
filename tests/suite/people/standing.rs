//! What is said of one person is true at every moment: erased is who is whole, and of everybody else it is said what is left,
//! why, and what becomes of it.

use std::fs;

use serde_json::{Value, json};
use tenure::db::Dialect;

use super::desk::{certificate, erase, left, subject};
use super::{MAP, erasures, people, platform, run, run_at, tenure};
use crate::harness::story::{AS_OF, Told, control_table, now_it_says, policy};
use crate::harness::{Tenure, TestDb};

fn status(tenure: &Tenure, key: &str) -> (Value, String) {
    (subject(tenure, &["status", key, "--json"], 0).json(), subject(tenure, &["status", key], 0).stdout)
}

/// What is said of how the erasure of everything stands.
fn standing(tenure: &Tenure, key: &str) -> Value {
    status(tenure, key).0["standing"][0].clone()
}

/// Everybody who was due has one end.
#[track_caller]
fn assert_figures_add_up(told: &Told) {
    let ends = ["erased", "in_part", "unfinished", "remaining", "skipped"].map(|field| people(told, field));
    assert_eq!(people(told, "due"), ends.iter().sum::<u64>(), "{:#}", told.0["people"]);
}

#[track_caller]
fn figures(told: &Told) -> [u64; 5] {
    assert_figures_add_up(told);
    ["erased", "in_part", "unfinished", "held", "blocked"].map(|field| people(told, field))
}

/// What a certificate says of a table: rows that went, and those that stay with their reasons.
fn told_of(certificate: &Value, table: &str) -> (u64, Vec<(u64, String)>) {
    let of = |list: &str| {
        certificate[list].as_array().unwrap().iter().filter(|one| one["table"] == table).collect::<Vec<_>>()
    };
    let gone = of("gone").iter().map(|gone| gone["rows"].as_u64().unwrap()).sum();
    let reason = |kept: &&Value| (kept["rows"].as_u64().unwrap(), kept["reason"].as_str().unwrap().to_owned());
    (gone, of("kept").iter().map(reason).collect())
}

fn hold(tenure: &Tenure, words: &[&str]) {
    tenure.run(&[&["hold", "add", "--reason", "court", "--by", "legal"], words].concat()).expect_code(0);
}

fn release(tenure: &Tenure, name: &str) {
    tenure.run(&["hold", "release", name, "--reason", "closed", "--by", "legal"]).expect_code(0);
}

/// More than one transaction takes of one person.
fn give_many_answers(db: &TestDb, attempt: i64) {
    db.create("CREATE INDEX answer_of_attempt ON answer (attempt_id)");
    db.script("CREATE TABLE number (n integer)");
    let numbers: Vec<String> = (1..1_000).map(|n| format!("({n})")).collect();
    db.script(&format!("INSERT INTO number VALUES {}", numbers.join(", ")));
    db.script(&format!(
        "INSERT INTO answer SELECT 100000 + a.n * 1000 + b.n, {attempt}, 'words' FROM number a CROSS JOIN number b WHERE a.n <= 25"
    ));
    db.script("DROP TABLE number");
}

fn unguarded() -> String {
    MAP.replace("within = \"30 days\"", "within = \"30 days\"\nguard = { max_share = 1.0 }")
}

/// Messages between two people, each of whose leaving deletes them, and answers to them. The third person answered to what the
/// first had written to the second.
const MESSAGES: &str = "
CREATE TABLE account (id {bigint} PRIMARY KEY, email {text}, closed_at {ts});
CREATE TABLE message (id {bigint} PRIMARY KEY, sender_id {bigint}, receiver_id {bigint});
CREATE TABLE answer (id {bigint} PRIMARY KEY, message_id {bigint}, author_id {bigint},
    FOREIGN KEY (message_id) REFERENCES message (id));
INSERT INTO account VALUES (1, 'a', '2026-06-01 00:00:00'), (2, 'b', NULL);
INSERT INTO message VALUES (1, 1, 2);
INSERT INTO answer VALUES (1, 1, 2);";

const OF_BOTH_SIDES: &str = r#"
[subject]
table = "account"
key = "id"
closed = "closed_at"
within = "30 days"
guard = { max_share = 1.0 }
[[subject.data]]
table = "account"
column = "id"
action = "redact"
redact = { email = { placeholder = "gone-{id}" } }
[[subject.data]]
table = "message"
column = "sender_id"
action = "delete"
[[subject.data]]
table = "message"
column = "receiver_id"
action = "delete"
[[subject.data]]
table = "answer"
column = "author_id"
action = "delete"
"#;

on_every_database! {
    fn who_is_held_in_part_is_not_called_erased_before_the_rest_has_gone(db: TestDb) {
        platform(&db, 2, 1);
        let tenure = tenure(&db, MAP);
        hold(&tenure, &["case-7", "--table", "letter", "--where", "id = 1"]);
        assert_eq!(figures(&run(&tenure)), [0, 1, 0, 1, 0]);
        let (told, text) = status(&tenure, "1");
        assert!(text.contains("a part was erased on") && !text.contains("\nerased on"), "{text}");
        assert!(text.contains("under hold `case-7`: the first run after the release goes on"), "{text}");
        assert!(text.contains("letter: 1 row: hold `case-7`"), "{text}");
        let standing = &told["standing"][0];
        assert_eq!((&standing["state"], &standing["finished"]), (&json!("held"), &Value::Null), "{told:#}");
        assert_eq!(told["erasures"][0]["whole"], false);
        let half = certificate(&tenure, "1");
        assert_eq!((&half["state"], &half["finished"], &half["rest"]), (&json!("held"), &Value::Null, &standing["rest"]));
        assert_eq!(told_of(&half, "letter"), (0, vec![(1, "hold `case-7`".to_owned())]));
        // Nothing has changed: a run that looks again finds nobody whom it could do anything of.
        let again = run(&tenure);
        assert_eq!((people(&again, "due"), figures(&again)), (0, [0, 0, 0, 1, 0]));
        release(&tenure, "case-7");
        assert_eq!(figures(&run(&tenure)), [1, 0, 0, 0, 0]);
        let (told, text) = status(&tenure, "1");
        assert!(text.contains("\nerased on") && !text.contains("the rest"), "{text}");
        assert_eq!((&told["standing"][0]["state"], told["standing"][0]["finished"].is_string()), (&json!("erased"), true));
        let whole = certificate(&tenure, "1");
        assert_eq!((told_of(&whole, "letter"), told_of(&whole, "attempt")), ((1, vec![]), (2, vec![])), "both parts: {whole:#}");
        assert_eq!((told_of(&whole, "account"), &whole["state"]), ((1, vec![]), &json!("erased")));
        tenure.run(&["verify"]).expect_code(0);
    }

    fn everybody_is_erased_or_unfinished_or_held_or_blocked_and_never_two_of_them(db: TestDb) {
        platform(&db, 6, 4);
        // Nobody maps the badges: what they refer to stays.
        db.create("CREATE TABLE badge (id {bigint} PRIMARY KEY, attempt_id {bigint} NOT NULL, FOREIGN KEY (attempt_id) REFERENCES attempt (id))");
        db.script("INSERT INTO badge VALUES (2, 3), (3, 5)");
        let tenure = tenure(&db, MAP);
        hold(&tenure, &["case-2", "--table", "letter", "--where", "id = 2"]);
        hold(&tenure, &["case-1", "--subject", "1"]);
        let planned = Told(tenure.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json());
        let ran = run(&tenure);
        // The first is held as a person; the second is held and blocked, which counts once.
        let by_fields = |told: &Told, fields: &[&str]| fields.iter().map(|field| people(told, field)).collect::<Vec<_>>();
        assert_eq!(by_fields(&planned, &["due", "remaining", "erased", "in_part"]), [3, 3, 0, 0]);
        assert_eq!(by_fields(&planned, &["held", "blocked"]), [2, 1]);
        assert_eq!(figures(&ran), [1, 2, 0, 2, 1]);
        let of_each = ["2", "3", "4"].map(|key| standing(&tenure, key)["state"].clone());
        assert_eq!(of_each, ["held", "blocked", "erased"]);
        let verdict = ran.0["verdict"].to_string();
        assert!(verdict.contains("2 people erased in part: the rest stays"), "{verdict}");
    }

    fn who_opens_the_account_again_half_way_is_told_so_and_keeps_the_rest(db: TestDb) {
        platform(&db, 4, 2);
        give_many_answers(&db, 2);
        // What the map puts in the place of the address is somebody's already: the last transaction of the first person fails.
        db.script("INSERT INTO account VALUES (99, 'gone-1', 'Squatter', NULL)");
        let tenure = tenure(&db, &unguarded());
        let failed = run_at(&tenure, AS_OF, 1);
        assert_eq!(figures(&failed), [1, 0, 1, 0, 0], "nobody else waits for it");
        let begun = standing(&tenure, "1");
        assert_eq!((&begun["state"], &begun["rest"]), (&json!("unfinished"), &json!("the next run goes on")));
        db.script("UPDATE account SET closed_at = NULL WHERE id = 1; DELETE FROM account WHERE id = 99");
        let there = db.count("answer WHERE attempt_id <= 2");
        let before = db.tables_dump();
        assert_eq!(people(&run(&tenure), "due"), 0);
        assert_eq!(db.tables_dump(), before);
        let (told, text) = status(&tenure, "1");
        assert_eq!(told["standing"][0]["state"], "ended", "{told:#}");
        for said in ["the account is open\n", "a part was erased on", "the account was opened again, so the rest stays"] {
            assert!(text.contains(said), "no `{said}` in {text}");
        }
        assert!(!text.contains("the next run goes on") && !text.contains("\nerased on"), "{text}");
        let half = certificate(&tenure, "1");
        assert_eq!((&half["state"], &half["finished"]), (&json!("ended"), &Value::Null));
        let (gone, kept) = told_of(&half, "answer");
        assert!(there > 0 && gone + there as u64 == 24_975 + 2, "{half:#}");
        assert_eq!(kept, [(there as u64, "nothing asks for it to go any more".to_owned())]);
        db.script("UPDATE account SET closed_at = '2026-06-20 00:00:00' WHERE id = 1");
        let anew = status(&tenure, "1").1;
        assert!(anew.contains("closed anew on 2026-06-20") && !anew.contains("the next run goes on"), "{anew}");
        assert_eq!(figures(&run(&tenure)), [1, 0, 0, 0, 0]);
        let whole = certificate(&tenure, "1");
        assert_eq!((&whole["state"], &whole["asked"]), (&json!("erased"), &json!("2026-06-20T00:00:00Z")));
        assert_eq!(told_of(&whole, "answer"), (24_975 + 2, vec![]), "with what the first closing had led to: {whole:#}");
    }

    fn the_days_of_who_is_erased_stand_still_and_those_of_who_waits_go_on(db: TestDb) {
        platform(&db, 4, 2);
        let tenure = tenure(&db, MAP);
        let clock = tenure.dir().join("clock");
        let tenure = tenure.env("TENURE_TEST_CLOCK", clock.to_str().unwrap());
        let days_later = |days: i64| {
            let micros = days * 86_400_000_000;
            fs::write(&clock, format!("{micros} {micros} {micros}")).unwrap();
        };
        days_later(0);
        hold(&tenure, &["case-2", "--table", "letter", "--where", "id = 2"]);
        tenure.run(&["run"]).expect_code(0);
        let days = || ["1", "2"].map(|key| [status(&tenure, key).0["days_used"].as_i64(), certificate(&tenure, key)["days_used"].as_i64()].map(Option::unwrap));
        let [of_erased, of_held] = days();
        assert_eq!(of_erased, of_held);
        erase(&tenure, "4", &[]);
        let of_asker = certificate(&tenure, "4")["days_used"].clone();
        days_later(40);
        db.script("INSERT INTO attempt VALUES (70, 4)");
        let asker = certificate(&tenure, "4");
        assert_eq!((&asker["state"], &asker["days_used"]), (&json!("since"), &of_asker), "it was in time: {asker:#}");
        assert_eq!(days(), [of_erased, of_held.map(|days| days + 40)]);
    }

    fn a_certificate_of_one_category_says_that_nobody_asked_for_the_rest(db: TestDb) {
        platform(&db, 2, 0);
        if db.dialect == Dialect::Mysql {
            db.script("ALTER TABLE account DROP INDEX email");
        }
        // The letter is somebody else's as well, and stays for good.
        db.script("UPDATE account SET email = 'PERSON1@example.org' WHERE id = 2");
        let marketing = |table: &str| format!("table = \"{table}\"\ncategory = \"marketing\"\n");
        let map = MAP.replace("table = \"letter\"\n", &marketing("letter"));
        let map = map.replace("table = \"post\"\ncolumn = \"account_id\"", &(marketing("post") + "column = \"account_id\""));
        let tenure = tenure(&db, &map);
        erase(&tenure, "1", &["--only", "marketing"]);
        let told = certificate(&tenure, "1");
        assert_eq!((&told["state"], told["finished"].is_string()), (&json!("erased"), true), "{told:#}");
        assert_eq!(told_of(&told, "letter"), (0, vec![(1, "they are somebody else's as well".to_owned())]));
        assert_eq!(told_of(&told, "attempt"), (0, vec![(2, "nobody asked for it to go".to_owned())]));
        assert_eq!(told_of(&told, "payment"), (0, vec![(1, "tax records".to_owned())]));
        let text = status(&tenure, "1").1;
        assert!(text.contains("of `marketing` only") && !text.contains("the rest"), "{text}");
        erase(&tenure, "1", &[]);
        let states = status(&tenure, "1").0["standing"].clone();
        assert_eq!(states.as_array().unwrap().iter().map(|one| &one["state"]).collect::<Vec<_>>(), ["erased"; 2], "{states:#}");
        assert_eq!(certificate(&tenure, "1")["because"], "it was asked for");
    }

    fn a_certificate_names_what_is_kept_also_where_nobody_could_find_it_any_more(db: TestDb) {
        platform(&db, 2, 0);
        db.create("CREATE TABLE invoice (id {bigint} PRIMARY KEY, address {text}, words {text})");
        // One of the payments names nobody from the start.
        db.script(
            "INSERT INTO payment VALUES (11, 1, NULL, 5);
             INSERT INTO invoice VALUES (1, 'person1@example.org', 'a'), (2, 'person1@example.org', NULL), (3, 'person2@example.org', 'c');",
        );
        let keep = |column: &str| format!("[[subject.data]]\ntable = \"invoice\"\n{column}action = \"keep\"\nreason = \"accounts\"\n");
        let by_copy = "column = \"address\"\nmatches = \"email\"\n";
        for (key, map) in [("1", format!("{MAP}{}", keep(by_copy))), ("2", format!("{MAP}{}redact = {{ address = \"null\" }}\n", keep(by_copy)))] {
            let tenure = tenure(&db, &map);
            erase(&tenure, key, &["--yes"]);
            let told = certificate(&tenure, key);
            let invoices = if key == "1" { 2 } else { 1 };
            assert_eq!(told_of(&told, "invoice").1, [(invoices, "accounts".to_owned())], "{told:#}");
            assert_eq!(told_of(&told, "payment").1, [(if key == "1" { 2 } else { 1 }, "tax records".to_owned())], "{told:#}");
            // The same once the person's own row is gone.
            db.script(&format!("DELETE FROM answer WHERE attempt_id IN (SELECT id FROM attempt WHERE account_id = {key}); DELETE FROM account WHERE id = {key}"));
            assert_eq!(told_of(&certificate(&tenure, key), "invoice").1, [(invoices, "accounts".to_owned())]);
        }
    }

    fn a_certificate_of_who_is_deleted_counts_all_that_is_kept(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE payment (id {bigint} PRIMARY KEY, account_id {bigint}, payer {text});
             INSERT INTO account VALUES (1, '2026-06-01 00:00:00'), (2, NULL);
             INSERT INTO payment VALUES (1, 1, 'Person 1'), (2, 1, NULL), (3, 2, 'Person 2');",
        );
        let map = "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"30 days\"\n\
                   [[subject.data]]\ntable = \"account\"\ncolumn = \"id\"\naction = \"delete\"\n\
                   [[subject.data]]\ntable = \"payment\"\ncolumn = \"account_id\"\naction = \"keep\"\nreason = \"tax records\"\n\
                   redact = { payer = \"null\" }\n";
        let tenure = tenure(&db, map);
        run(&tenure);
        let told = certificate(&tenure, "1");
        assert_eq!(told_of(&told, "payment"), (1, vec![(2, "tax records".to_owned())]), "{told:#}");
        assert_eq!((told_of(&told, "account").0, &told["state"]), (1, &json!("erased")));
    }

    fn a_certificate_adds_up_over_a_hold_and_a_change_of_the_key(db: TestDb) {
        platform(&db, 2, 0);
        let tenure = tenure(&db, MAP);
        hold(&tenure, &["case-7", "--table", "letter", "--where", "id = 1"]);
        erase(&tenure, "1", &["--requested-at", "2026-06-01T08:00:00Z"]);
        assert_eq!(standing(&tenure, "1")["state"], "held");
        let under_the_old_key = certificate(&tenure, "1")["key_id"].clone();
        fs::rename(tenure.dir().join("hmac.key"), tenure.dir().join("hmac-2025.key")).unwrap();
        fs::write(tenure.dir().join("hmac.key"), "another key of thirty-two letters").unwrap();
        let config = tenure.dir().join("tenure.toml");
        let former = format!("former_hmac_key_files = [\"hmac-2025.key\"]\n{}", fs::read_to_string(&config).unwrap());
        fs::write(&config, former).unwrap();
        assert_eq!(standing(&tenure, "1")["state"], "held", "known under the former key");
        release(&tenure, "case-7");
        tenure.run(&["run"]).expect_code(0);
        let told = certificate(&tenure, "1");
        assert_eq!((&told["state"], &told["asked"]), (&json!("erased"), &json!("2026-06-01T08:00:00Z")), "{told:#}");
        assert!(told["key_id"] != under_the_old_key && erasures(&db) == 2);
        let gone = ["attempt", "answer", "letter", "account", "payment"].map(|table| told_of(&told, table).0);
        assert_eq!(gone, [2, 2, 1, 1, 1]);
        assert_eq!(told_of(&told, "payment").1, [(1, "tax records".to_owned())]);
    }

    fn who_is_back_after_a_restore_goes_and_who_has_the_same_address_now_stays(db: TestDb) {
        platform(&db, 3, 0);
        if db.dialect == Dialect::Mysql {
            db.script("ALTER TABLE account DROP INDEX email");
        }
        let tenure = tenure(&db, MAP);
        erase(&tenure, "1", &[]);
        db.script(
            "UPDATE account SET email = 'person1@example.org', name = 'Person 1' WHERE id = 1;
             INSERT INTO attempt VALUES (70, 1);
             INSERT INTO account VALUES (9, 'Person1@Example.org', 'Person 1', NULL);
             INSERT INTO attempt VALUES (90, 9);
             INSERT INTO letter VALUES (9, 'person1@example.org');",
        );
        subject(&tenure, &["reapply", "--restored", "tables", "--yes"], 0);
        assert_eq!((left(&db, 1)[0], left(&db, 1)[3]), (0, 0));
        assert_eq!((left(&db, 9), left(&db, 3)), ([1, 0, 1, 1], [2, 2, 1, 1]));
        let told = certificate(&tenure, "1");
        assert_eq!((&told["state"], told_of(&told, "attempt").0), (&json!("erased"), 1), "what was erased again: {told:#}");
        assert_eq!(status(&tenure, "1").1.matches("\nerased on").count(), 2);
        assert!(subject(&tenure, &["reapply"], 0).stdout.contains("nobody of 1"));
    }

    fn whoever_signs_up_under_a_key_of_old_is_not_on_the_certificate_of_who_had_it(db: TestDb) {
        platform(&db, 3, 0);
        db.create("ALTER TABLE account ADD COLUMN made_at {ts}");
        db.script("UPDATE account SET made_at = '2020-01-01 00:00:00', closed_at = NULL");
        let tenure = tenure(&db, &MAP.replace("grace = ", "created = \"made_at\"\ngrace = "));
        erase(&tenure, "1", &[]);
        let before = certificate(&tenure, "1");
        db.script("UPDATE account SET email = 'new@example.org', name = 'New', made_at = '2030-01-01 00:00:00' WHERE id = 1");
        db.script("INSERT INTO attempt VALUES (70, 1); INSERT INTO payment VALUES (70, 1, 'New', 7)");
        let told = certificate(&tenure, "1");
        assert_eq!((&told["state"], &told["finished"], &told["kept"]), (&json!("erased"), &before["finished"], &before["kept"]));
        assert_eq!(standing(&tenure, "1")["left"], json!([]));
    }

    fn whoever_erases_again_after_a_restore_is_told_of_holds_that_the_backup_may_not_know(db: TestDb) {
        platform(&db, 3, 0);
        let tenure = tenure(&db, MAP);
        hold(&tenure, &["case-7", "--table", "letter", "--where", "id = 1"]);
        erase(&tenure, "1", &[]);
        erase(&tenure, "2", &[]);
        let asked = || subject(&tenure, &["reapply", "--restored", "tables"], 3).stderr;
        db.script("INSERT INTO attempt VALUES (80, 2)");
        assert!(!asked().contains("something stayed"), "{}", asked());
        db.script("INSERT INTO attempt VALUES (70, 1)");
        for table in ["hold", "erasure", "request", "batch", "run", "entry"] {
            db.script(&format!("DELETE FROM {}", control_table(&db, table)));
        }
        let both = asked();
        assert!(both.contains("2 people in `account` were erased") && both.contains("of 1 of them something stayed"), "{both}");
        assert_eq!(db.count("letter WHERE id = 1"), 1);
    }

    fn what_had_stayed_and_went_for_somebody_else_is_no_rest_any_more(db: TestDb) {
        db.create(MESSAGES);
        let tenure = tenure(&db, OF_BOTH_SIDES);
        assert_eq!(figures(&run(&tenure)), [0, 1, 0, 0, 1]);
        assert_eq!(certificate(&tenure, "1")["state"], "blocked");
        erase(&tenure, "2", &[]);
        assert_eq!((db.count("message"), db.count("answer")), (0, 0));
        let told = certificate(&tenure, "1");
        assert_eq!((&told["state"], &told["finished"], &told["kept"]), (&json!("gone"), &Value::Null, &json!([])), "{told:#}");
        let (document, text) = status(&tenure, "1");
        assert!(text.contains("what had stayed is gone since: a run took it"), "{text}");
        // Nobody saw when: its days are those of the last part, and go on no more.
        assert_eq!(document["days_used"], told["days_used"], "{document:#}");
        let page = tenure.run(&["subject", "certificate", "1"]).expect_code(0).stdout;
        assert!(page.contains("ERASED: WHAT HAD STAYED IS GONE SINCE") && page.contains("at least "), "{page}");
        assert_eq!(certificate(&tenure, "2")["state"], "erased");
    }

    fn what_had_stayed_is_not_called_gone_where_the_way_to_it_was_cut(db: TestDb) {
        platform(&db, 2, 1);
        let tenure = tenure(&db, MAP);
        hold(&tenure, &["case-7", "--table", "letter", "--where", "id = 1"]);
        run(&tenure);
        // Not by a run: the letter is there, and nobody can tell whose it is.
        db.script("UPDATE account SET email = 'gone-1', name = NULL WHERE id = 1");
        let told = certificate(&tenure, "1");
        assert_eq!((&told["state"], &told["finished"]), (&json!("lost"), &Value::Null), "{told:#}");
        assert!(status(&tenure, "1").1.contains("it is gone, or what it was found by is"));
    }

    fn of_who_is_gone_with_something_held_nothing_is_called_done(db: TestDb) {
        platform(&db, 2, 0);
        let tenure = tenure(&db, MAP);
        hold(&tenure, &["case-7", "--table", "letter", "--where", "id = 1"]);
        erase(&tenure, "1", &[]);
        // The application takes the account away, and with it the way to what the hold keeps.
        db.script("DELETE FROM account WHERE id = 1");
        let told = certificate(&tenure, "1");
        assert_eq!((&told["state"], &told["finished"]), (&json!("lost"), &Value::Null), "{told:#}");
        let text = status(&tenure, "1").1;
        assert!(text.contains("what is left cannot be found") && !text.contains("\nerased on"), "{text}");
        tenure.run(&["run"]).expect_code(0);
        let settled = db.count(&format!("{} WHERE settled IS NOT NULL", control_table(&db, "request")));
        assert_eq!(settled, 0, "nobody saw the rest go");
    }
}

#[test]
fn a_request_of_the_application_is_called_by_the_same_pseudonym_as_its_person() {
    let db = TestDb::new(Dialect::Sqlite);
    platform(&db, 2, 0);
    db.create("CREATE TABLE deletion_request (id {bigint} PRIMARY KEY, account {bigint}, asked_at {ts}, done_at {ts})");
    db.script("INSERT INTO deletion_request VALUES (1, 2, '2026-11-01 10:00:00', NULL)");
    let requests = "[subject.requests]\ntable = \"deletion_request\"\nkey = \"account\"\nrequested = \"asked_at\"\n\
                    verified = \"id > 0\"\ndone = \"done_at IS NOT NULL\"\nmark = { done_at = \"now\" }\n";
    let map = format!("{MAP}{requests}");
    let tenure = tenure(&db, &map);
    now_it_says(&tenure, &policy(&map.replace("table = \"account\"", "table = \"ACCOUNT\"")));
    let told = status(&tenure, "2").0;
    assert_eq!(told["requests"][0]["person"], told["person"], "{told:#}");
}
