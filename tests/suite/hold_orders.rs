//! Holds that are ordered by hand: in force from the moment the command ends, and told of in the ledger.

use jiff::ToSpan as _;
use tenure::base::name::TableName;
use tenure::db::{Dialect, Value};
use tenure::ledger::hold;

use crate::harness::story::{AS_OF, Told, assert_same_figures, control_table, delete_rule, ids, plan, policy, run};
use crate::harness::{Output, Tenure, TestDb};

const ALL: &str = "guard = { max_share = 1 }";

/// Payments 1 to 6, all old, of the accounts 1 and 2 in turn; each with a receipt.
fn payments(db: &TestDb) -> Tenure {
    db.create(
        "CREATE TABLE payment (id {bigint} PRIMARY KEY, account_id {bigint}, at {ts});
         CREATE TABLE receipt (id {bigint} PRIMARY KEY, payment_id {bigint}, FOREIGN KEY (payment_id) REFERENCES payment (id));",
    );
    for id in 1..=6 {
        db.script(&format!("INSERT INTO payment VALUES ({id}, {}, '2020-01-01 00:00:00')", 2 - id % 2));
        db.script(&format!("INSERT INTO receipt VALUES ({}, {id})", 10 * id));
    }
    let rules = delete_rule("payments", "payment", &format!("{ALL}\ncascade = [\"receipt\"]"));
    Tenure::at(db).schedule(&policy(&rules))
}

fn add(tenure: &Tenure, words: &[&str]) -> Output {
    tenure.run(&[&["hold", "add", "--reason", "case 7", "--by", "legal"], words].concat())
}

fn entries(db: &TestDb, kind: &str) -> Vec<String> {
    let entry = control_table(db, "entry");
    let rows = db.rows(&format!("SELECT body FROM {entry} WHERE kind = '{kind}' ORDER BY number"));
    let body = |row: &Vec<Value>| match &row[0] {
        Value::Text(text) => text.clone(),
        other => panic!("no text but {other:?}"),
    };
    rows.iter().map(body).collect()
}

on_every_database! {
    fn what_was_ordered_to_be_kept_stays_in_plan_and_run_until_it_is_released(db: TestDb) {
        let tenure = payments(&db);
        add(&tenure, &["case-7", "--table", "payment", "--where", "account_id = 1"]).expect_code(0);
        let (planned, ran) = (plan(&db, &tenure), run(&tenure));
        assert_same_figures(&planned, &ran);
        assert_eq!((ran.count("payments", "done"), ran.count_of("payments", "held_by", "case-7")), (3, 3));
        assert_eq!((ids(&db, "payment"), ids(&db, "receipt")), (vec![1, 3, 5], vec![10, 30, 50]));
        tenure.run(&["hold", "release", "case-7", "--reason", "closed", "--by", "legal"]).expect_code(0);
        assert_eq!(run(&tenure).count("payments", "done"), 3);
        assert_eq!(ids(&db, "receipt"), Vec::<i64>::new());
    }

    fn a_hold_on_a_child_keeps_its_parent(db: TestDb) {
        let tenure = payments(&db);
        add(&tenure, &["case-7", "--table", "receipt", "--where", "id = 20"]).expect_code(0);
        assert_eq!(run(&tenure).count_of("payments", "held_by", "case-7"), 0);
        assert_eq!((ids(&db, "payment"), ids(&db, "receipt")), (vec![2], vec![20]));
    }

    fn a_hold_on_a_rule_keeps_every_row_that_it_could_take_whatever_the_rule_is_called_later(db: TestDb) {
        let tenure = payments(&db);
        add(&tenure, &["freeze", "--rule", "payments"]).expect_code(0);
        assert_eq!(run(&tenure).count("payments", "held"), 6);
        let renamed = Tenure::at(&db).schedule(&policy(&delete_rule("receipts-of-old", "payment", &format!("{ALL}\ncascade = [\"receipt\"]"))));
        assert_eq!(run(&renamed).count("receipts-of-old", "held"), 6);
    }

    fn a_hold_lasts_to_the_end_of_its_last_day_and_its_end_is_told_once(db: TestDb) {
        let tenure = payments(&db);
        let today = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
        add(&tenure, &["to-day", "--table", "payment", "--where", "id = 1", "--until", &today.date().to_string()]).expect_code(0);
        let over = hold::Order {
            name: "over".into(),
            table: TableName::parse("payment").unwrap(),
            of_people: false,
            condition: Some("id = 2".into()),
            last_day: Some(today.date() - 3.days()),
            reason: "case 8".into(),
            by: "legal".into(),
        };
        let week_ago = (&today - 7.days()).timestamp();
        assert_eq!(hold::add(&mut db.open(), &over, week_ago).unwrap(), hold::Outcome::Done);
        let ran = Told(tenure.run(&["run", "--json"]).expect_code(0).json());
        assert_eq!((ran.count("payments", "held"), ran.count_of("payments", "held_by", "to-day")), (1, 1));
        assert_eq!(ran.0["notes"], serde_json::json!(["hold `over` has ended: its last day is over"]));
        assert_eq!(ids(&db, "payment"), [1]);
        tenure.run(&["run"]).expect_code(0);
        assert_eq!(entries(&db, "hold-expired").len(), 1);
        tenure.run(&["verify"]).expect_code(0);
    }

    fn who_ordered_it_and_why_is_in_the_ledger_and_whom_it_names_is_not(db: TestDb) {
        let tenure = payments(&db);
        let whom = "account_id = 1 AND 'ann.lee@example.org' <> ''";
        let said = add(&tenure, &["case-7", "--table", "payment", "--where", whom, "--until", "2999-12-31"]).expect_code(0);
        let listed = tenure.run(&["hold", "list"]).expect_code(0);
        let json = tenure.run(&["hold", "list", "--json"]).expect_code(0);
        let hold = &json.json()["holds"][0];
        assert_eq!((&hold["hold"], &hold["rows"], &hold["until"], &hold["by"]), (&"case-7".into(), &3.into(), &"2999-12-31".into(), &"legal".into()));
        let ran = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0);
        let released = tenure.run(&["hold", "release", "case-7", "--reason", "closed", "--by", "a judge"]).expect_code(0);
        assert_eq!(tenure.run(&["hold", "list", "--json"]).expect_code(0).json()["holds"], serde_json::json!([]));
        let added = entries(&db, "hold-added").remove(0);
        let ended = entries(&db, "hold-released").remove(0);
        assert!(added.contains("case 7") && added.contains("legal"), "{added}");
        assert!(ended.contains("closed") && ended.contains("a judge"), "{ended}");
        for said in [said, listed, json, ran, released] {
            assert!(!(said.stdout + &said.stderr).contains("ann.lee"));
        }
        assert!(!added.contains("ann.lee") && !added.contains("account_id"), "{added}");
        let left = db.count(&format!("{} WHERE asks IS NOT NULL OR salt IS NOT NULL", control_table(&db, "hold")));
        assert_eq!(left, 0, "what a hold asked for is forgotten when it ends");
        tenure.run(&["verify"]).expect_code(0);
    }

    fn an_order_that_cannot_be_understood_is_refused_with_nothing_added(db: TestDb) {
        let tenure = payments(&db);
        for (words, reason) in [
            (&["x", "--table", "paymant"][..], "payment"),
            (&["x", "--table", "payment", "--where", "acount_id = 1"], "refuses the condition"),
            (&["x", "--table", "payment", "--where", "1 = 1; DROP TABLE payment"], "semicolon"),
            (&["x", "--rule", "paymants"], "did you mean `payments`?"),
            (&["x", "--rule", "payments", "--until", "2020-01-01"], "is over"),
            (&["x"], "--rule"),
            (&[" ", "--rule", "payments"], "NAME is empty"),
        ] {
            let output = add(&tenure, words).expect_code(2);
            assert!(output.stderr.contains(reason), "{words:?}: {}", output.stderr);
        }
        let rules = delete_rule("payments", "payment", "") + "[[hold]]\nname = \"x\"\ntable = \"payment\"\nreason = \"r\"\n";
        let taken = add(&Tenure::at(&db).schedule(&policy(&rules)), &["x", "--rule", "payments"]).expect_code(2);
        assert!(taken.stderr.contains("a schedule has a hold `x`"), "{}", taken.stderr);
        add(&tenure, &["x", "--rule", "payments"]).expect_code(0);
        assert!(add(&tenure, &["x", "--rule", "payments"]).expect_code(2).stderr.contains("stands already"));
        let unknown = tenure.run(&["hold", "release", "y", "--reason", "r"]).expect_code(2);
        assert!(unknown.stderr.contains("no hold `y` stands"), "{}", unknown.stderr);
        assert_eq!((entries(&db, "hold-added").len(), entries(&db, "hold-released").len()), (1, 0));
    }
}

/// Accounts with keys of every kind, and what a map of people reaches from them: directly, through a parent, by a copy.
fn people(db: &TestDb, key: &str, keys: [&str; 2]) -> Tenure {
    db.create(&format!(
        "CREATE TABLE account (id {key} PRIMARY KEY, email {{text}});
         CREATE TABLE attempt (id {{bigint}} PRIMARY KEY, account_id {key}, at {{ts}});
         CREATE TABLE answer (id {{bigint}} PRIMARY KEY, attempt_id {{bigint}}, at {{ts}});
         CREATE TABLE letter (id {{bigint}} PRIMARY KEY, sent_to {{text}}, at {{ts}});"
    ));
    for (n, key) in (1..).zip(keys) {
        db.script(&format!("INSERT INTO account VALUES ({key}, 'p{n}@example.org')"));
        db.script(&format!("INSERT INTO attempt VALUES ({n}, {key}, '2020-01-01 00:00:00')"));
        db.script(&format!("INSERT INTO answer VALUES ({n}, {n}, '2020-01-01 00:00:00')"));
        db.script(&format!("INSERT INTO letter VALUES ({n}, 'P{n}@Example.org', '2020-01-01 00:00:00')"));
    }
    let rules = ["answer", "letter", "attempt"].map(|table| delete_rule(table, table, ALL)).concat();
    let map = r#"
        [subject]
        table = "account"
        key = "id"
        within = "30 days"
        [[subject.data]]
        table = "attempt"
        column = "account_id"
        action = "delete"
        [[subject.data]]
        table = "answer"
        column = "attempt_id -> attempt.account_id"
        action = "delete"
        [[subject.data]]
        table = "letter"
        column = "sent_to"
        matches = "email"
        ignore_case = true
        action = "delete"
        [[subject.data]]
        table = "account"
        column = "id"
        action = "redact"
        redact = { email = "null" }
    "#;
    let key = "0123456789abcdef0123456789abcdef";
    Tenure::at(db).file("key", key).config("hmac_key_file = \"key\"").schedule(&(policy(&rules) + map))
}

on_every_database! {
    fn a_hold_on_a_person_keeps_all_of_theirs_from_every_rule_and_nothing_of_anybody_else(db: TestDb) {
        let tenure = people(&db, "{bigint}", ["4711", "4712"]);
        add(&tenure, &["case-7", "--subject", "4711"]).expect_code(0);
        let listed = tenure.run(&["hold", "list", "--json"]).expect_code(0).json();
        assert_eq!((&listed["holds"][0]["rows"], &listed["holds"][0]["of_people"]), (&4.into(), &true.into()));
        assert!(!listed.to_string().contains("4711"));
        run(&tenure);
        for table in ["attempt", "answer", "letter"] {
            assert_eq!(ids(&db, table), [1], "{table}");
        }
        let entry = entries(&db, "hold-added").remove(0);
        assert!(!entry.contains("4711") && entry.contains("of_people"), "{entry}");
        tenure.run(&["verify"]).expect_code(0);
        tenure.run(&["hold", "release", "case-7", "--reason", "closed"]).expect_code(0);
        run(&tenure);
        assert_eq!(["attempt", "answer", "letter"].map(|table| ids(&db, table).len()), [0; 3]);
    }

    fn a_person_is_found_by_a_key_of_any_kind_and_letters(db: TestDb) {
        let odd = if db.dialect == Dialect::Mysql { r"'o\'\\ß'" } else { r"'o''\ß'" };
        let typed = r"o'\ß";
        let tenure = people(&db, "{text}", [odd, "'ann'"]);
        add(&tenure, &["case-7", "--subject", typed]).expect_code(0);
        run(&tenure);
        assert_eq!(ids(&db, "answer"), [1]);
        let nobody = add(&tenure, &["case-8", "--subject", "bob"]).expect_code(2);
        assert!(nobody.stderr.contains("nobody in `account` has that key"), "{}", nobody.stderr);
    }

    fn a_key_that_no_column_of_numbers_holds_is_refused_and_not_repeated(db: TestDb) {
        let tenure = people(&db, "{bigint}", ["1", "2"]);
        let refused = add(&tenure, &["case-7", "--subject", "ann.lee@example.org"]).expect_code(2);
        assert!(refused.stderr.contains("are whole numbers") && !refused.stderr.contains("ann.lee"), "{}", refused.stderr);
        let without = payments(&TestDb::new(db.dialect));
        let refused = add(&without, &["case-7", "--subject", "1"]).expect_code(2);
        assert!(refused.stderr.contains("no schedule has a [subject]"), "{}", refused.stderr);
    }
}

#[test]
fn a_plan_whose_role_may_not_read_the_holds_is_refused_with_the_grant_that_it_lacks() {
    let db = TestDb::new(Dialect::Postgres);
    let tenure = payments(&db);
    tenure.run(&["migrate"]).expect_code(0);
    let url = db.role("auditor", &["GRANT SELECT ON payment, receipt TO {role}"]);
    let rules = delete_rule("payments", "payment", &format!("{ALL}\ncascade = [\"receipt\"]"));
    let blind = Tenure::at_url(&url).schedule(&policy(&rules));
    let output = blind.run(&["plan", "--as-of", AS_OF]).expect_code(1);
    assert!(output.stderr.contains("tenure.hold"), "{}", output.stderr);
}
