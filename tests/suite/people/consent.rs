//! No schedule lets more go without consent (A11): a map of people that reaches further than the one before shows whom and
//! what it adds, and waits.

use serde_json::Value;
use tenure::db::Dialect;

use super::{MAP, erasures, house, people, platform, run, run_at, tenure};
use crate::harness::story::{AS_OF, Told, control_table, delete_rule, now_it_says, policy, schedules_seen};
use crate::harness::{Output, Tenure, TestDb};

/// What a plan or a run of this map is asked, by which entry. It changes nothing.
#[track_caller]
fn asked(db: &TestDb, tenure: &Tenure, command: &str) -> (Told, String, String) {
    let before = db.tables_dump();
    let told = Told(tenure.run(&[command, "--json", "--as-of", AS_OF]).expect_code(3).json());
    assert_eq!(db.tables_dump(), before, "it waits as long as nobody consents");
    let rules = told.0["rules"].as_array().unwrap();
    let [guarded] = rules.iter().filter(|rule| rule["status"] == "guarded").collect::<Vec<_>>().try_into().unwrap();
    assert!(rules.iter().all(|rule| rule["status"] != "ok"), "people are erased as a whole: {rules:#?}");
    let text = |key: &str| guarded[key].as_str().unwrap().to_owned();
    let (rule, question) = (text("rule"), text("guard"));
    (told, rule, question)
}

fn id(told: &Told) -> &str {
    told.0["run"].as_str().unwrap()
}

fn changes(db: &TestDb) -> Vec<String> {
    schedules_seen(db).iter().map(|body| body["changes"].to_string()).collect()
}

fn erase(tenure: &Tenure, key: &str, more: &[&str], code: i32) -> Output {
    tenure.run(&[&["subject", "erase", key, "--reason", "letter 26-9"], more].concat()).expect_code(code)
}

/// A rule that does nothing, for a schedule without people.
fn letters_for_ever() -> String {
    delete_rule("letters", "letter", "")
        .replace("\"at\"", "{ column = \"id\", as = \"epoch-seconds\" }")
        .replace("30 days", "forever")
}

/// Payments that were kept are deleted.
fn without_ground() -> String {
    MAP.replace(
        "column = \"account_id\"\naction = \"keep\"\nreason = \"tax records\"\nredact = { payer = \"null\" }",
        "column = \"account_id\"\naction = \"delete\"",
    )
}

on_every_database! {
    fn a_shortened_grace_shows_whom_it_adds_and_waits_for_approval(db: TestDb) {
        platform(&db, 4, 1);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        now_it_says(&tenure, &policy(&MAP.replace("7 days", "1 day")));
        let planned = asked(&db, &tenure, "plan");
        let (stopped, rule, question) = asked(&db, &tenure, "run");
        assert_eq!((&rule, &question), (&planned.1, &planned.2));
        for part in ["`grace` went from `7 days` to `1 day`", "1 people are due by the new cutoff 2026-06-29T12:00:00Z, 0 by the old one 2026-06-23T12:00:00Z: 1 more"] {
            assert!(question.contains(part), "no `{part}` in {question}");
        }
        asked(&db, &tenure, "run");
        let approved = tenure.run(&["approve", id(&stopped), "--json"]).expect_code(0).json();
        assert_eq!((&approved["people"]["erased"], erasures(&db)), (&1.into(), 2));
        run(&tenure);
        let changes = changes(&db);
        let [_, waits, goes] = changes.as_slice() else { panic!("{changes:#?}") };
        assert!(waits.contains("the map of people: grace `7 days` became `1 day`") && waits.contains("waits for consent"), "{waits}");
        assert!(goes.contains("the map of people goes by its new terms from now on"), "{goes}");
        tenure.run(&["verify"]).expect_code(0);
    }

    fn an_approval_is_for_the_people_of_its_plan_and_for_nobody_else(db: TestDb) {
        platform(&db, 6, 4);
        let tenure = tenure(&db, &MAP.replace("grace = ", "guard = { max_people = 2 }\ngrace = "));
        let (stopped, _, question) = asked(&db, &tenure, "run");
        assert_eq!(question, "4 people are more than max_people = 2");
        // As many as before: one came back, and somebody was closed with a time that had passed already.
        db.script("UPDATE account SET closed_at = NULL WHERE id = 1; UPDATE account SET closed_at = '2026-06-10 00:00:00' WHERE id = 6");
        let again = others_than_approved(&db, &tenure, &stopped);
        // Fewer, and nothing tells that nobody else is among them.
        tenure.run(&["hold", "add", "case-7", "--subject", "2", "--reason", "court"]).expect_code(0);
        let last = others_than_approved(&db, &tenure, &again);
        let approved = tenure.run(&["approve", id(&last), "--json"]).expect_code(0).json();
        // Of 3 the review of what is 2's is under the hold.
        let people = |what: &str| &approved["people"][what];
        assert_eq!((people("erased"), people("in_part"), erasures(&db)), (&2.into(), &1.into(), 3));
        assert_eq!(db.count("account WHERE id IN (3, 4, 6) AND name IS NULL"), 3);
        assert_eq!(db.count("account WHERE id IN (1, 2, 5) AND name IS NOT NULL"), 3);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn an_entry_that_keeps_no_more_shows_its_rows_and_waits_and_yes_is_recorded_with_the_actor(db: TestDb) {
        platform(&db, 3, 1);
        let tenure = tenure(&db, &MAP.replace("table = \"letter\"", "table = \"letter\"\nwhere = \"id < 4711\""));
        run(&tenure);
        now_it_says(&tenure, &policy(&without_ground().replace("table = \"letter\"", "table = \"letter\"\nwhere = \"id < 4712\"")));
        let told = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(3).json());
        let question = |rule: &str| told.rule(rule)["guard"].as_str().unwrap().to_owned();
        assert!(question("erase:payment.account_id").contains("its action went from `keep` to `delete`; 1 rows are due now"), "{told:?}");
        assert!(question("erase:letter.address").contains("its condition changed; 0 rows are due now"), "{told:?}");
        assert_eq!(db.count("payment"), 3);
        let ran = Told(tenure.run(&["run", "--yes", "--json", "--as-of", AS_OF]).expect_code(0).json());
        assert_eq!((db.count("payment"), ran.count("erase:payment.account_id", "done")), (2, 1));
        let seen = schedules_seen(&db);
        let last = seen.last().unwrap();
        assert_eq!((&last["actor"], last.get("people_in_force")), (&ran.0["actor"], None));
        run(&tenure);
        assert!(!format!("{seen:?}").contains("471"), "no condition is in the ledger");
        assert!(!format!("{seen:?}").contains("(removed)") && !format!("{seen:?}").contains("gone-"), "nor what is put in the place of names");
    }

    fn a_map_that_is_taken_out_and_put_back_wider_is_asked_about_and_one_that_is_the_same_is_not(db: TestDb) {
        platform(&db, 4, 1);
        let tenure = tenure(&db, MAP);
        run(&tenure);
        let away = || {
            now_it_says(&tenure, &policy(&letters_for_ever()));
            for _ in 0..2 {
                run(&tenure);
            }
        };
        away();
        now_it_says(&tenure, &policy(MAP));
        run(&tenure);
        away();
        now_it_says(&tenure, &policy(&without_ground().replace("7 days", "1 day")));
        let told = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(3).json());
        let questions: Vec<&str> = told.0["rules"].as_array().unwrap().iter().filter_map(|rule| rule["guard"].as_str()).collect();
        assert!(questions.iter().any(|asked| asked.contains("`grace` went from `7 days` to `1 day`")), "{questions:?}");
        assert!(told.rule("erase:payment.account_id")["guard"].as_str().unwrap().contains("its action went from `keep` to `delete`; 2 rows are due now"), "{told:?}");
        // Who asks for themselves is asked for that person, and nobody else.
        erase(&tenure, "4", &[], 3);
        assert_eq!((erasures(&db), db.count("payment")), (1, 4));
        let changes = changes(&db);
        assert!(changes[2].contains("the map of the people in account was put back") && !changes[2].contains("consent"), "{changes:#?}");
        assert!(changes.last().unwrap().contains("was put back") && changes.last().unwrap().contains("grace `7 days` became `1 day`"), "{changes:#?}");
        tenure.run(&["approve", id(&told)]).expect_code(0);
        assert_eq!(db.count("payment"), 2);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn a_hold_on_people_that_goes_stops_their_erasure(db: TestDb) {
        platform(&db, 3, 2);
        let hold = "[[hold]]\nname = \"objection\"\nsubject = true\nwhere = \"id = 1\"\nreason = \"asked for\"\n";
        let tenure = house(&db, &policy(&format!("{hold}{MAP}")));
        let ran = run(&tenure);
        assert_eq!((people(&ran, "in_part"), people(&ran, "erased")), (1, 0), "who is held has reviewed a post of the other one");
        now_it_says(&tenure, &policy(MAP));
        // It kept rows of every entry, and the people themselves.
        let told = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(3).json());
        let question = told.rule("erase:attempt.account_id")["guard"].as_str().unwrap();
        assert!(question.contains("hold `objection` was taken out; 2 people are due now"), "{question}");
        assert_eq!(erasures(&db), 1);
        tenure.run(&["approve", id(&told)]).expect_code(0);
        assert_eq!(db.count("account WHERE name IS NULL"), 2);
    }

    fn whoever_erases_one_person_is_asked_for_that_person_and_requests_wait_for_consent(db: TestDb) {
        platform(&db, 4, 0);
        db.create("CREATE TABLE deletion_request (id {bigint} PRIMARY KEY, account {bigint}, asked_at {ts}, done_at {ts})");
        db.script("INSERT INTO deletion_request VALUES (1, 4, '2026-11-01 10:00:00', NULL)");
        let requests = "[subject.requests]\ntable = \"deletion_request\"\nkey = \"account\"\nrequested = \"asked_at\"\n\
                        verified = \"id > 1\"\ndone = \"done_at IS NOT NULL\"\nmark = { done_at = \"now\" }\n";
        db.script("UPDATE account SET closed_at = NULL");
        let tenure = tenure(&db, &format!("{MAP}{requests}"));
        tenure.run(&["run"]).expect_code(0);
        erase(&tenure, "2", &["--unverified"], 0);
        tenure.run(&["subject", "verify", "1"]).expect_code(0);
        now_it_says(&tenure, &policy(&format!("{}{}", without_ground(), requests.replace("id > 1", "id > 0"))));
        let (stopped, ..) = asked_of_requests(&db, &tenure);
        let said = erase(&tenure, "1", &[], 3);
        assert!(said.stdout.contains("`tenure subject erase` with --yes lets it go ahead") && said.stdout.contains("request 2 waits"), "{}", said.stdout);
        let of_one = erase(&tenure, "1", &["--json"], 3).json()["run"].as_str().unwrap().to_owned();
        let refused = tenure.run(&["approve", &of_one]).expect_code(2);
        assert!(refused.stderr.contains("an approval would reach others"), "{}", refused.stderr);
        erase(&tenure, "1", &["--yes"], 0);
        assert_eq!((db.count("payment"), erasures(&db)), (3, 1), "who decides of one person decides of nobody else");
        asked_of_requests(&db, &tenure);
        tenure.run(&["approve", id(&stopped)]).expect_code(0);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!((db.count("payment"), erasures(&db)), (1, 3));
        assert_eq!(db.count("deletion_request WHERE done_at IS NOT NULL"), 1);
        tenure.run(&["verify"]).expect_code(0);
    }
}

/// An approval that reaches other people than those of its run: nobody is erased, and it can be asked for again.
#[track_caller]
fn others_than_approved(db: &TestDb, tenure: &Tenure, approved: &Told) -> Told {
    let before = db.tables_dump();
    let told = Told(tenure.run(&["approve", id(approved), "--json"]).expect_code(3).json());
    assert_eq!(db.tables_dump(), before);
    let rules = told.0["rules"].as_array().unwrap();
    let guards: Vec<&str> = rules.iter().filter_map(|rule| rule["guard"].as_str()).collect();
    let question = format!("other people are due than the 4 of run `{}`", id(approved));
    assert!(guards.len() == 1 && guards[0].contains(&question), "{guards:?}");
    assert!(rules.iter().all(|rule| rule["guard_passed"].is_null()), "{rules:#?}");
    assert_ne!(told.0["people"]["due_digest"], approved.0["people"]["due_digest"]);
    told
}

/// A run that carries out no request, and says why.
#[track_caller]
fn asked_of_requests(db: &TestDb, tenure: &Tenure) -> (Told, String) {
    let before = db.tables_dump();
    let told = Told(tenure.run(&["run", "--json"]).expect_code(3).json());
    assert_eq!(db.tables_dump(), before);
    assert!(told.0.get("runs").is_none(), "no request has a run of its own: {told:?}");
    let rules = told.0["rules"].as_array().unwrap();
    let questions: Vec<&str> = rules.iter().filter_map(|rule| rule["guard"].as_str()).collect();
    assert!(questions[0].contains("which requests in `deletion_request` are `verified` changed"), "{questions:?}");
    assert!(questions[0].contains("requests that it concerns wait for consent too"), "{questions:?}");
    let question = questions[0].to_owned();
    (told, question)
}

/// What is asked where the second map follows upon the first; `None` where nothing is.
fn question(db: &TestDb, tenure: &Tenure, first: &str, second: &str) -> Option<String> {
    // Each time anew, so that the ledger knows nothing of it.
    tenure.run(&["migrate"]).expect_code(0);
    for table in ["entry", "run", "batch"] {
        db.script(&format!("DELETE FROM {}", control_table(db, table)));
    }
    now_it_says(tenure, &policy(first));
    // Long before anybody is due.
    tenure.run(&["run", "--as-of", "2026-06-01"]).expect_code(0);
    now_it_says(tenure, &policy(second));
    let told = tenure.run(&["plan", "--json", "--as-of", "2026-06-01"]);
    let rules = told.json();
    let guards: Vec<&str> =
        rules["rules"].as_array().unwrap().iter().filter_map(|rule| rule["guard"].as_str()).collect();
    assert_eq!(told.code, if guards.is_empty() { 0 } else { 3 }, "{guards:?}");
    (!guards.is_empty()).then(|| guards.join(" | "))
}

#[test]
fn whatever_lets_more_of_people_go_is_asked_about_and_what_lets_less_go_is_not() {
    let db = TestDb::new(Dialect::Sqlite);
    platform(&db, 2, 1);
    db.create("ALTER TABLE account ADD COLUMN left_at {ts}; ALTER TABLE account ADD COLUMN made_at {ts};");
    let tenure = tenure(&db, MAP);
    let hold = |more: &str| format!("[[hold]]\nname = \"case\"\ntable = \"payment\"\nreason = \"r\"\n{more}{MAP}");
    let letters = |more: &str| MAP.replace("table = \"letter\"\n", &format!("table = \"letter\"\n{more}"));
    let people = |more: &str| MAP.replace("key = \"id\"\n", &format!("key = \"id\"\n{more}"));
    let post = "[[subject.data]]\ntable = \"post\"\ncolumn = \"parent_id -> post(id).account_id\"\n";
    let cents = "[[subject.data]]\ntable = \"payment\"\ncolumn = \"cents\"\n";
    let widened = [
        (
            MAP.to_owned(),
            MAP.replace("closed = \"closed_at\"", "closed = \"left_at\""),
            "`closed` went from `closed_at` to `left_at`",
        ),
        (MAP.to_owned(), MAP.replace("grace = \"7 days\"\n", ""), "`grace` went from `7 days` to `none`"),
        (people("where = \"id > 1\"\n"), MAP.to_owned(), "the condition that tells who is a person was taken out"),
        (people("created = \"made_at\"\n"), MAP.to_owned(), "`created` went from `made_at` to `none`"),
        (MAP.to_owned(), format!("{MAP}{post}action = \"delete\"\n"), "it was added to the map"),
        (
            MAP.to_owned(),
            MAP.replace(
                "redact = { account_id = \"null\", ",
                "redact = { account_id = \"null\", parent_id = \"null\", ",
            ),
            "it redacts `parent_id` too",
        ),
        (
            MAP.replace("name = \"null\"", "name = \"hmac\""),
            MAP.to_owned(),
            "what becomes of `name` went from `hmac` to `null`",
        ),
        (letters("where = \"id > 1\"\n"), letters("where = \"id > 0\"\n"), "its condition changed"),
        (letters(""), letters("category = \"marketing\"\n"), "who withdraws consent to `marketing` loses it now"),
        (
            format!("{MAP}{cents}action = \"keep\"\nreason = \"r\"\n"),
            MAP.to_owned(),
            "`payment.cents` is not kept any more",
        ),
        (hold(""), hold("where = \"id > 1\"\n"), "hold `case` may cover less than it did"),
    ];
    // A keep that redacts passes the schedule's holds on its table; by deleting, the entry keeps to them.
    let deletes = |map: &str| map.replace("action = \"keep\"\nreason = \"tax records\"\n", "action = \"delete\"\n");
    for (first, second, reason) in widened {
        let (first, second) =
            if reason.starts_with("hold") { (deletes(&first), deletes(&second)) } else { (first, second) };
        let asked = question(&db, &tenure, &first, &second).unwrap_or_else(|| panic!("nobody is asked: {reason}"));
        assert!(asked.contains(reason), "no `{reason}` in {asked}");
        if reason != "its condition changed" && !reason.starts_with("what becomes") {
            assert_eq!(
                question(&db, &tenure, &second, &first).filter(|_| !reason.starts_with("`closed`")),
                None,
                "back again: {reason}"
            );
        }
    }
    let spelled = MAP.replace("\"account\"", "\"ACCOUNT\"").replace("attempt.account_id", "ATTEMPT.ACCOUNT_ID");
    assert_eq!(question(&db, &tenure, MAP, &spelled), None, "another spelling is no other map");
    let longer = MAP.replace("within = \"30 days\"", "within = \"10 days\"");
    assert_eq!(question(&db, &tenure, MAP, &longer), None, "a promise of less days is another matter");
}

#[test]
fn who_lets_one_person_go_by_a_changed_map_decides_of_nobody_else() {
    let db = TestDb::new(Dialect::Sqlite);
    platform(&db, 3, 1);
    let tenure = tenure(&db, MAP);
    run(&tenure);
    now_it_says(&tenure, &policy(&without_ground()));
    erase(&tenure, "3", &["--yes"], 0);
    assert_eq!(db.count("payment"), 2);
    let (_, rule, question) = asked(&db, &tenure, "run");
    assert_eq!(rule, "erase:payment.account_id");
    assert!(question.contains("from `keep` to `delete`; 1 rows are due now"), "{question}");
}

#[test]
fn a_first_map_is_not_asked_about_and_is_in_the_ledger() {
    let db = TestDb::new(Dialect::Sqlite);
    platform(&db, 2, 1);
    let tenure = house(&db, &policy(""));
    tenure.run(&["migrate"]).expect_code(0);
    now_it_says(&tenure, &policy(&letters_for_ever()));
    tenure.run(&["run", "--as-of", AS_OF]).expect_code(0);
    now_it_says(&tenure, &policy(MAP));
    assert_eq!(people(&run_at(&tenure, AS_OF, 0), "erased"), 1);
    let seen = schedules_seen(&db);
    let terms = &seen.last().unwrap()["people"];
    assert_eq!((&terms["table"], &terms["grace"]), (&Value::from("account"), &Value::from("7 days")));
    assert_eq!(terms["entries"].as_array().unwrap().len(), 7);
    assert_eq!(db.count(&format!("{} WHERE kind = 'schedule'", control_table(&db, "entry"))), 2);
}
