//! A map of people beside rules and the maps of other policies: what it keeps no other map takes, and what leads to somebody's rows
//! waits for them, with a foreign key or without one.

use serde_json::Value;

use super::{house, run_at};
use crate::harness::story::{AS_OF, Told, ids, plan_and_run};
use crate::harness::{Tenure, TestDb};

/// Accounts, of which 1 was closed, and companies, of which 1 was; invoices between the two; threads with messages, and no foreign
/// key that would say so.
const CAMPUS: &str = "
CREATE TABLE account (id {bigint} PRIMARY KEY, email {text}, kind {text}, closed_at {ts});
CREATE TABLE company (id {bigint} PRIMARY KEY, name {text}, closed_at {ts});
CREATE TABLE invoice (id {bigint} PRIMARY KEY, account_id {bigint}, company_id {bigint}, payer {text});
CREATE TABLE thread (id {bigint} PRIMARY KEY, owner_id {bigint}, company_id {bigint}, at {ts});
CREATE TABLE message (id {bigint} PRIMARY KEY, thread_id {bigint}, words {text}, at {ts});
INSERT INTO account VALUES (1, 'one@example.org', 'student', '2026-01-01 00:00:00'), (2, 'two@example.org', 'teacher', NULL);
INSERT INTO company VALUES (1, 'Acme', '2026-01-01 00:00:00'), (2, 'Other', NULL);
INSERT INTO invoice VALUES (1, 1, 1, 'One'), (2, 2, 1, 'Two'), (3, NULL, 1, 'Three'), (4, NULL, 2, 'Four');
INSERT INTO thread VALUES (1, 2, 1, '2026-01-01 00:00:00'), (2, 2, 1, '2026-01-01 00:00:00'), (3, NULL, 1, '2026-01-01 00:00:00'),
    (4, 2, 2, '2026-06-29 00:00:00');
INSERT INTO message VALUES (1, 1, 'words of two', '2026-01-01 00:00:00'), (3, 3, 'of nobody', '2026-01-01 00:00:00'),
    (4, 4, 'words of two', '2026-06-29 00:00:00');";

const REDACTED: &str = "action = \"redact\"\nredact = { email = \"null\" }";
const KEPT: &str = "action = \"keep\"\nreason = \"tax\"\n";
const GONE: &str = "action = \"delete\"\n";

/// A policy with a map over this table of people.
fn map(name: &str, table: &str, condition: &str, entries: &[(&str, &str, &str)]) -> String {
    let entry = |(table, column, rest): &(&str, &str, &str)| {
        format!("[[subject.data]]\ntable = \"{table}\"\ncolumn = \"{column}\"\n{rest}\n")
    };
    let entries: String = entries.iter().map(entry).collect();
    format!(
        "[policy]\nname = \"{name}\"\n[subject]\ntable = \"{table}\"\nkey = \"id\"\nclosed = \"closed_at\"\nwithin = \"30 days\"\n\
         {condition}\n{entries}"
    )
}

fn accounts(entries: &[(&str, &str, &str)]) -> String {
    map("campus", "account", "", &[&[("account", "id", REDACTED)], entries].concat())
}

fn companies(entries: &[(&str, &str, &str)]) -> String {
    map("firms", "company", "", &[&[("company", "id", GONE)], entries].concat())
}

/// Messages by way of their thread, and threads by their owner.
fn with_messages(rules: &str) -> String {
    let entries = [("message", "thread_id -> thread.owner_id", GONE), ("thread", "owner_id", GONE)];
    accounts(&entries) + rules
}

fn rule(name: &str, table: &str, rest: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\ntable = \"{table}\"\nanchor = \"at\"\nretain = \"30 days\"\n{rest}\n")
}

/// The policies run in this order.
fn both(db: &TestDb, first: &str, second: &str) -> Tenure {
    db.create(CAMPUS);
    house(db, first).schedule(second)
}

/// What each of two policies said of its run.
#[track_caller]
fn run_both(tenure: &Tenure) -> [Told; 2] {
    let mut document = run_at(tenure, AS_OF, 0).0;
    [0, 1].map(|at| Told(document["runs"][at].take()))
}

#[track_caller]
fn assert_refused(db: &TestDb, tenure: &Tenure, reasons: &[&str]) {
    let checked = tenure.run(&["check"]).expect_code(2).stdout;
    let before = db.tables_dump();
    let told = run_at(tenure, AS_OF, 1);
    let refused =
        told.0["runs"].as_array().expect("two runs").iter().map(Value::to_string).find(|run| run.contains("firms"));
    for reason in reasons {
        assert!(checked.contains(reason), "{reason} in {checked}");
        assert!(refused.as_ref().is_some_and(|run| run.contains(reason)), "{reason} in {:#}", told.0);
    }
    let invoices =
        |dump: &str| dump.lines().filter(|line| line.contains("invoice")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(invoices(&db.tables_dump()), invoices(&before), "something was erased");
}

on_every_database! {
    fn what_one_policy_keeps_the_map_of_another_one_does_not_take_whoever_runs_first(db: TestDb) {
        let firms = companies(&[("invoice", "company_id", GONE)]);
        let tenure = both(&db, &firms, &accounts(&[("invoice", "account_id", KEPT)]));
        tenure.run(&["check"]).expect_code(0);
        let planned = Told(tenure.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json()["runs"][0].take());
        for told in [planned, run_both(&tenure)[0].clone()] {
            assert_eq!(told.count_of("erase:invoice.company_id", "held_by", "keep:invoice.account_id"), 2, "{told:?}");
        }
        assert_eq!(ids(&db, "invoice"), [1, 2, 4], "kept, whether the person has left or not; and of a company that stays");
        let told = tenure.run(&["subject", "certificate", "1", "--policy", "firms"]).stdout;
        assert!(told.contains("2 rows: hold `keep:invoice.account_id`"), "{told}");
    }

    fn rows_that_another_policy_keeps_do_not_go_along_either(db: TestDb) {
        let along = format!("{GONE}cascade = [{{ table = \"invoice\", column = \"company_id\" }}]");
        let firms = map("firms", "company", "", &[("company", "id", &along)]);
        let [told, _] = run_both(&both(&db, &firms, &accounts(&[("invoice", "account_id", KEPT)])));
        assert_eq!(told.count("erase:company.id", "held"), 1);
        assert_eq!((ids(&db, "company"), ids(&db, "invoice")), (vec![1, 2], vec![1, 2, 3, 4]));
        db.script("DELETE FROM invoice WHERE account_id IS NOT NULL");
        // Of these nothing is kept.
        let tenure = house(&db, &firms).schedule(&accounts(&[("invoice", "account_id", KEPT)]));
        run_both(&tenure);
        assert_eq!((ids(&db, "company"), ids(&db, "invoice")), (vec![2], vec![4]));
    }

    fn of_what_another_policy_keeps_that_is_redacted_which_its_ground_does_not_cover(db: TestDb) {
        let firms = companies(&[("invoice", "company_id", "action = \"redact\"\nredact = { payer = \"null\" }")]);
        run_both(&both(&db, &firms, &accounts(&[("invoice", "account_id", &format!("{KEPT}redact = {{ payer = \"null\" }}"))])));
        assert_eq!(db.count("invoice WHERE payer IS NULL"), 3);
    }

    fn of_what_another_policy_keeps_nothing_is_redacted_that_its_ground_covers(db: TestDb) {
        let redacts = "action = \"redact\"\nredact = { payer = \"null\", company_id = \"null\" }";
        let firms = companies(&[("invoice", "company_id", redacts)]);
        run_both(&both(&db, &firms, &accounts(&[("invoice", "account_id", &format!("{KEPT}redact = {{ payer = \"null\" }}"))])));
        assert_eq!(db.count("invoice WHERE company_id IS NULL"), 1, "but for what is nobody's");
        assert_eq!(db.count("invoice WHERE id = 2 AND payer = 'Two'"), 1);
    }

    fn who_says_that_it_is_meant_takes_what_another_policy_keeps(db: TestDb) {
        let firms = companies(&[("invoice", "company_id", &format!("{GONE}kept_too = true"))]);
        run_both(&both(&db, &firms, &accounts(&[("invoice", "account_id", KEPT)])));
        assert_eq!(ids(&db, "invoice"), [4]);
    }

    fn a_second_map_of_one_table_of_people_is_refused_wherever_it_stands(db: TestDb) {
        for condition in ["", "where = \"kind = 'teacher'\""] {
            let db = TestDb::new(db.dialect);
            let same = map("firms", "account", condition, &[("account", "id", REDACTED), ("invoice", "account_id", GONE)]);
            let tenure = both(&db, &same, &accounts(&[("invoice", "account_id", KEPT)]));
            let before = db.tables_dump();
            for command in [&["check"][..], &["plan"], &["run"], &["subject", "status", "1", "--policy", "firms"]] {
                let refused = tenure.run(command).expect_code(2);
                let told = refused.stdout + &refused.stderr;
                assert!(told.contains("maps the people of `account`, and so does `"), "{told}");
                assert!(told.contains("each table of people has one map"), "{told}");
            }
            assert_eq!(db.tables_dump(), before);
        }
    }

    fn a_map_that_takes_effect_later_is_no_second_one_until_then(db: TestDb) {
        let later = map("firms", "account", "", &[("account", "id", REDACTED)])
            .replacen("[subject]", "effective = 2999-01-01\n[subject]", 1);
        let tenure = both(&db, &later, &accounts(&[]));
        tenure.run(&["plan", "--as-of", AS_OF]).expect_code(0);
        tenure.run(&["check"]).expect_code(2);
        tenure.run(&["plan", "--as-of", "2999-01-02T00:00:00Z"]).expect_code(2);
    }

    fn what_another_policy_keeps_and_could_not_be_told_once_somebody_has_left_is_refused(db: TestDb) {
        let firms = companies(&[("invoice", "company_id", GONE)]);
        let gone = map("campus", "account", "", &[("account", "id", GONE), ("invoice", "account_id", KEPT)]);
        let reasons = ["`invoice.account_id` (`", "keeps some of these rows, and once `account.id` (`", "nobody could tell which"];
        assert_refused(&db, &both(&db, &firms, &gone), &reasons);
    }

    fn a_map_beside_one_that_does_not_fit_the_database_erases_nobody(db: TestDb) {
        let firms = companies(&[("invoice", "company_id", GONE)]);
        let tenure = both(&db, &firms, &accounts(&[("bill", "account_id", KEPT)]));
        assert_refused(&db, &tenure, &["entry `bill.account_id` of the map of people in `", "nobody knows what it keeps"]);
    }

    fn a_rule_leaves_what_leads_to_somebodys_rows_as_long_as_these_stay(db: TestDb) {
        db.create(CAMPUS);
        let tenure = house(&db, &with_messages(&rule("old-threads", "thread", GONE)));
        let checked = tenure.run(&["check"]).expect_code(0).stdout;
        let warned = "rule `old-threads`: a map of people finds rows of `message` by way of `thread`, from `message.thread_id`";
        assert!(checked.contains(warned) && checked.contains("add `{ table = \"message\", column = \"thread_id\" }` to `cascade`"), "{checked}");
        let ran = plan_and_run(&db, &tenure);
        assert_eq!((ran.count("old-threads", "done"), ran.count("old-threads", "blocked")), (2, 1));
        assert_eq!(ids(&db, "thread"), [1, 4], "one leads to nobody's rows, and one to nobody");
        db.script("UPDATE account SET closed_at = '2026-01-01 00:00:00' WHERE id = 2");
        run_at(&tenure, AS_OF, 0);
        assert_eq!((ids(&db, "thread"), ids(&db, "message")), (vec![], vec![3]), "all of theirs was found");
        let told = tenure.run(&["subject", "certificate", "2"]).expect_code(0).stdout;
        assert!(told.contains("message: 2 rows deleted"), "{told}");
    }

    fn rows_that_go_first_keep_nothing(db: TestDb) {
        db.create(CAMPUS);
        // The order in which they stand is not the one in which they act.
        let rules = rule("old-threads", "thread", GONE) + &rule("old-messages", "message", GONE);
        let ran = plan_and_run(&db, &house(&db, &with_messages(&rules)));
        assert_eq!((ran.count("old-threads", "done"), ran.count("old-threads", "blocked")), (3, 0));
        assert_eq!((ids(&db, "thread"), ids(&db, "message")), (vec![4], vec![4]));
    }

    fn rows_that_go_along_keep_nothing(db: TestDb) {
        db.create(CAMPUS);
        let along = format!("{GONE}cascade = [{{ table = \"message\", column = \"thread_id\" }}]");
        let tenure = house(&db, &with_messages(&rule("old-threads", "thread", &along)));
        assert!(!tenure.run(&["check"]).expect_code(0).stdout.contains("a map of people finds"));
        plan_and_run(&db, &tenure);
        assert_eq!((ids(&db, "thread"), ids(&db, "message")), (vec![4], vec![4]));
    }

    fn a_rule_redacts_no_reference_that_leads_on_to_somebody_and_may_let_a_row_forget_its_own(db: TestDb) {
        db.create(CAMPUS);
        let forgets = |column: &str| format!("action = \"redact\"\nredact = {{ {column} = \"null\" }}");
        let rules = rule("nameless-threads", "thread", &forgets("owner_id")) + &rule("nobodys", "message", &forgets("words"));
        let ran = plan_and_run(&db, &house(&db, &with_messages(&rules)));
        assert_eq!((ran.count("nameless-threads", "done"), ran.count("nameless-threads", "blocked")), (1, 1));
        assert_eq!(db.count("thread WHERE owner_id IS NULL"), 2, "of the one without a message, and of the one that was nobody's");
        assert_eq!(db.count("message WHERE words IS NULL"), 2);
    }

    fn what_leads_to_a_row_that_is_kept_stays_too(db: TestDb) {
        db.create(CAMPUS);
        let kept = accounts(&[("message", "thread_id -> thread.owner_id", KEPT)]);
        let ran = plan_and_run(&db, &house(&db, &(kept + &rule("old-threads", "thread", GONE))));
        assert_eq!((ran.count("old-threads", "done"), ran.count("old-threads", "blocked")), (2, 1));
        assert_eq!(ids(&db, "thread"), [1, 4]);
    }

    fn rows_do_not_go_along_with_a_rules_where_they_lead_to_somebodys(db: TestDb) {
        db.create(CAMPUS);
        db.create("CREATE TABLE board (id {bigint} PRIMARY KEY, at {ts});
            INSERT INTO board VALUES (1, '2026-01-01 00:00:00'), (3, '2026-01-01 00:00:00');");
        let along = format!("{GONE}cascade = [{{ table = \"thread\", column = \"id\" }}]");
        let ran = plan_and_run(&db, &house(&db, &with_messages(&rule("boards", "board", &along))));
        assert_eq!((ran.count("boards", "done"), ran.count("boards", "blocked")), (1, 1));
        assert_eq!((ids(&db, "board"), ids(&db, "thread")), (vec![1], vec![1, 2, 4]));
    }

    fn the_map_of_another_policy_leaves_what_leads_to_somebodys_rows_too(db: TestDb) {
        let firms = companies(&[("thread", "company_id", GONE)]);
        let tenure = both(&db, &firms, &with_messages(""));
        assert!(tenure.run(&["check"]).expect_code(0).stdout.contains("subject data `thread.company_id`: a map of people finds rows"));
        let [told, _] = run_both(&tenure);
        assert_eq!((told.count("erase:thread.company_id", "done"), told.count("erase:thread.company_id", "blocked")), (2, 1));
        assert_eq!(ids(&db, "thread"), [1, 4]);
        db.script("UPDATE account SET closed_at = '2026-01-01 00:00:00' WHERE id = 2");
        run_both(&tenure);
        assert_eq!((ids(&db, "thread"), ids(&db, "message")), (vec![], vec![3]));
    }

    fn a_rule_over_a_way_that_nobody_understands_does_not_act(db: TestDb) {
        db.create(CAMPUS);
        let broken = accounts(&[("message", "thread_id -> thread.owner", GONE)]);
        let tenure = house(&db, &(broken + &rule("old-threads", "thread", GONE) + &rule("old-messages", "message", GONE)));
        let told = run_at(&tenure, AS_OF, 1);
        let failed = told.rule("old-threads")["error"].as_str().expect("it failed").to_owned();
        assert!(failed.contains("finds its rows by way of `thread` and does not fit the database"), "{failed}");
        assert_eq!(ids(&db, "thread"), [1, 2, 3, 4]);
        assert_eq!(ids(&db, "message"), [4], "the other one did");
    }
}
