//! What cannot be written into one row, such as a placeholder that somebody else bears already, keeps no other row waiting.

use super::{erasures, people, run_at, tenure};
use crate::harness::TestDb;
use crate::harness::story::{AS_OF, Told, ids};

const MAP: &str = r#"
[subject]
table = "account"
key = "id"
closed = "closed_at"
within = "30 days"
[[subject.data]]
table = "account"
column = "id"
action = "redact"
redact = { email = { placeholder = "gone-{id}" } }
[[subject.data]]
table = "post"
column = "account_id"
action = "delete"
"#;

const RULE: &str = r#"
[[rule]]
name = "addresses"
table = "account"
anchor = "closed_at"
retain = "7 days"
action = "redact"
redact = { email = { placeholder = "gone-{id}" } }
guard = { max_share = 1.0 }
"#;

/// Forty accounts, all of them closed but the one that bears the placeholder of the third.
fn accounts(db: &TestDb) {
    db.create(
        "CREATE TABLE account (id {bigint} PRIMARY KEY, email varchar(40) NOT NULL UNIQUE, closed_at {ts});
         CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL);
         INSERT INTO account VALUES (99, 'gone-3', NULL);",
    );
    for id in 1..=40 {
        db.script(&format!("INSERT INTO account VALUES ({id}, 'person{id}@example.org', '2026-06-10 00:00:00')"));
        db.script(&format!("INSERT INTO post VALUES ({id}, {id})"));
    }
}

/// The sentence names what is in the way by the schema's names, and shows nothing of a row.
#[track_caller]
fn tells_what_is_in_the_way(told: &Told, rule: &str) {
    let error = told.rule(rule)["error"].as_str().unwrap_or_default().to_owned();
    for part in ["a constraint forbids it", "email", "bears already"] {
        assert!(error.contains(part), "no `{part}` in {error}");
    }
    assert!(!format!("{:#}", told.0).contains("gone-3"), "{:#}", told.0);
}

fn notes(told: &Told) -> String {
    told.0["notes"].to_string()
}

on_every_database! {
    fn somebody_whose_placeholder_is_taken_keeps_nobody_else_waiting(db: TestDb) {
        accounts(&db);
        let tenure = tenure(&db, MAP);
        let planned = Told(tenure.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json());
        assert!(notes(&planned).contains("`account.email`, which takes each text once, other rows bear 1 of"), "{}", notes(&planned));
        let ran = run_at(&tenure, AS_OF, 1);
        assert_eq!(notes(&ran), notes(&planned));
        assert_eq!((people(&ran, "erased"), erasures(&db)), (39, 39));
        assert_eq!((ids(&db, "post"), db.count("account WHERE email = 'person3@example.org'")), (vec![3], 1), "as a whole");
        assert_eq!(db.count("account WHERE email LIKE 'gone-%'"), 40);
        tells_what_is_in_the_way(&ran, "erase:account.id");
        assert!(ran.rule("erase:account.id")["error"].to_string().contains("entry `erase:account.id`"));

        db.script("UPDATE account SET email = 'somebody@example.org' WHERE id = 99");
        let ran = run_at(&tenure, AS_OF, 0);
        assert_eq!((people(&ran, "erased"), notes(&ran)), (1, "[]".to_owned()));
        assert_eq!(db.count("post"), 0);
    }

    fn whoever_bears_the_placeholder_of_somebody_else_and_is_erased_too_is_in_nobodys_way(db: TestDb) {
        accounts(&db);
        db.script("UPDATE account SET closed_at = '2026-06-10 00:00:00' WHERE id = 99");
        assert_eq!(people(&run_at(&tenure(&db, MAP), AS_OF, 0), "erased"), 41);
    }

    fn a_row_whose_placeholder_is_taken_keeps_no_other_row_of_its_rule_waiting(db: TestDb) {
        accounts(&db);
        let tenure = tenure(&db, RULE);
        let planned = Told(tenure.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json());
        assert!(notes(&planned).contains("rule `addresses`"), "{}", notes(&planned));
        let ran = run_at(&tenure, AS_OF, 1);
        assert_eq!((ran.count("addresses", "done"), ran.count("addresses", "remaining")), (39, 1));
        assert_eq!(db.count("account WHERE email = 'person3@example.org'"), 1);
        tells_what_is_in_the_way(&ran, "addresses");

        db.script("UPDATE account SET email = 'somebody@example.org' WHERE id = 99");
        assert_eq!(run_at(&tenure, AS_OF, 0).count("addresses", "done"), 1);
    }

    fn somebody_with_very_many_rows_that_cannot_be_changed_keeps_nobody_else_waiting(db: TestDb) {
        db.create(
            "CREATE TABLE account (id {bigint} PRIMARY KEY, closed_at {ts});
             CREATE TABLE post (id {bigint} PRIMARY KEY, account_id {bigint} NOT NULL, words varchar(40) UNIQUE);
             INSERT INTO account VALUES (1, '2026-06-10 00:00:00'), (2, '2026-06-10 00:00:00'), (3, NULL);
             INSERT INTO post VALUES (1, 2, 'a'), (2, 3, 'gone-5');",
        );
        let rows: Vec<String> = (3..=20_100).map(|id| format!("({id}, 1, 'words {id}')")).collect();
        for some in rows.chunks(5_000) {
            db.script(&format!("INSERT INTO post VALUES {}", some.join(", ")));
        }
        let map = "[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"30 days\"\n\
                   guard = { max_share = 1.0 }\n\
                   [[subject.data]]\ntable = \"post\"\ncolumn = \"account_id\"\naction = \"redact\"\n\
                   redact = { words = { placeholder = \"gone-{id}\" } }\n\
                   [[subject.data]]\ntable = \"account\"\ncolumn = \"id\"\naction = \"delete\"\n";
        let ran = run_at(&tenure(&db, map), AS_OF, 1);
        assert_eq!((people(&ran, "erased"), ids(&db, "account")), (1, vec![1, 3]));
        assert!(ran.rule("erase:post.account_id")["error"].to_string().contains("entry `erase:post.account_id`"));
    }
}
