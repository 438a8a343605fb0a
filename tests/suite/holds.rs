//! Holds win over every period and every cascade, and let go when they are released.

use crate::harness::story::{AS_OF, Told, assert_same_figures, delete_rule, ids, moment, plan_and_run, policy};
use crate::harness::{Tenure, TestDb};

fn hold(name: &str, table: &str, more: &str) -> String {
    format!("[[hold]]\nname = \"{name}\"\ntable = \"{table}\"\nreason = \"the law\"\n{more}\n")
}

fn plan_and_run_with(db: &TestDb, rules: &str) -> Told {
    plan_and_run(db, &Tenure::at(db).schedule(&policy(rules)))
}

/// Ten old payments of the accounts 0, 1 and 2 in turn.
fn payments(db: &TestDb) {
    db.create("CREATE TABLE payment (id {bigint} PRIMARY KEY, account_id {bigint}, note {text}, at {ts});");
    for id in 0..10 {
        db.script(&format!("INSERT INTO payment VALUES ({id}, {}, 'old', '2020-01-0{} 00:00:00')", id % 3, id / 2 + 1));
    }
}

const ALL: &str = "guard = { max_share = 1 }";

on_every_database! {
    fn a_hold_without_end_keeps_what_its_condition_names_and_null_is_not_named(db: TestDb) {
        payments(&db);
        db.script("UPDATE payment SET account_id = NULL WHERE id = 9");
        let ran = plan_and_run_with(&db, &(delete_rule("payments", "payment", ALL) + &hold("court", "payment", "where = \"account_id = 1\"")));
        assert_eq!(ids(&db, "payment"), [1, 4, 7]);
        assert_eq!((ran.count("payments", "held"), ran.count_of("payments", "held_by", "court")), (3, 3));
    }

    fn holds_of_one_name_in_two_schedules_both_hold(db: TestDb) {
        payments(&db);
        db.create("CREATE TABLE receipt (id {bigint} PRIMARY KEY, payment_id {bigint}, FOREIGN KEY (payment_id) REFERENCES payment (id));");
        db.script("INSERT INTO receipt VALUES (10, 1), (20, 2), (30, 3)");
        let rules = delete_rule("payments", "payment", &format!("{ALL}\ncascade = [\"receipt\"]")) + &hold("court", "payment", "where = \"id = 1\"");
        let other = policy(&hold("court", "payment", "where = \"id = 2\"")).replace("house", "other");
        let tenure = Tenure::at(&db).schedule(&policy(&rules)).schedule(&other);
        let told = |command| Told(tenure.run(&[command, "payments", "--json", "--as-of", AS_OF]).expect_code(0).json());
        let (planned, ran) = (told("plan"), told("run"));
        assert_same_figures(&planned, &ran);
        assert_eq!((ids(&db, "payment"), ids(&db, "receipt")), (vec![1, 2], vec![10, 20]));
        assert_eq!((ran.count("payments", "held"), ran.count_of("payments", "held_by", "court")), (2, 2));
        assert_eq!(ran.count_of("payments", "cascaded", "receipt"), 1);
    }

    fn a_row_under_two_holds_is_held_once_and_named_by_both(db: TestDb) {
        payments(&db);
        let holds = hold("court", "payment", "where = \"account_id = 1\"") + &hold("audit", "payment", "where = \"id < 3\"");
        let ran = plan_and_run_with(&db, &(delete_rule("payments", "payment", ALL) + &holds));
        assert_eq!(ids(&db, "payment"), [0, 1, 2, 4, 7]);
        assert_eq!(ran.count("payments", "held"), 5);
        assert_eq!((ran.count_of("payments", "held_by", "court"), ran.count_of("payments", "held_by", "audit")), (3, 3));
    }

    fn a_hold_with_a_period_keeps_rows_until_they_are_older_than_it_to_the_microsecond(db: TestDb) {
        db.create("CREATE TABLE payment (id {bigint} PRIMARY KEY, at {ts}, paid {ts});");
        for (id, shift) in [-1, 0, 1].into_iter().enumerate() {
            db.script(&format!("INSERT INTO payment VALUES ({id}, '2000-01-01 00:00:00', {})", moment("2016-06-30T12:00:00Z", shift)));
        }
        db.script("INSERT INTO payment VALUES (3, '2000-01-01 00:00:00', NULL)");
        let rules = delete_rule("payments", "payment", ALL) + &hold("tax", "payment", "anchor = \"paid\"\nfor = \"10 years\"");
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!(ids(&db, "payment"), [1, 2, 3], "a row whose age the hold cannot tell is held");
        assert_eq!(ran.count_of("payments", "held_by", "tax"), 3);
    }

    fn a_hold_lasts_through_its_last_day_and_no_longer(db: TestDb) {
        payments(&db);
        let rules = delete_rule("payments", "payment", ALL) + &hold("court", "payment", "until = 2026-06-30");
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ran.count("payments", "held"), db.count("payment")), (10, 10));
        let tenure = Tenure::at(&db).schedule(&policy(&rules));
        tenure.run(&["run", "--as-of", "2026-07-01T00:00:00Z"]).expect_code(0);
        assert_eq!(db.count("payment"), 0);
    }

    fn a_hold_on_a_child_keeps_its_parent_and_its_siblings(db: TestDb) {
        db.create(
            "CREATE TABLE ticket (id {bigint} PRIMARY KEY, at {ts});
             CREATE TABLE message (id {bigint} PRIMARY KEY, ticket_id {bigint}, marked {bigint}, \
             FOREIGN KEY (ticket_id) REFERENCES ticket (id) ON DELETE CASCADE);
             INSERT INTO ticket VALUES (1, '2020-01-01 00:00:00'), (2, '2020-01-01 00:00:00');
             INSERT INTO message VALUES (1, 1, 0), (2, 1, 1), (3, 2, 0), (4, 2, NULL);",
        );
        let ran = plan_and_run_with(&db, &(delete_rule("tickets", "ticket", ALL) + &hold("court", "message", "where = \"marked = 1\"")));
        assert_eq!((ran.count("tickets", "held"), ran.count_of("tickets", "cascaded", "message")), (1, 2));
        assert_eq!((ids(&db, "ticket"), ids(&db, "message")), (vec![1], vec![1, 2]));
    }

    fn a_hold_deep_in_a_tree_keeps_the_way_up_to_its_root(db: TestDb) {
        db.create(
            "CREATE TABLE entry (id {bigint} PRIMARY KEY, parent_id {bigint} NULL, at {ts}, \
             FOREIGN KEY (parent_id) REFERENCES entry (id));",
        );
        for (id, parent) in [(1, "NULL"), (2, "1"), (3, "2"), (4, "1"), (5, "NULL")] {
            db.script(&format!("INSERT INTO entry VALUES ({id}, {parent}, '2020-01-01 00:00:00')"));
        }
        let rule = delete_rule("entries", "entry", "cascade = [{ table = \"entry\", column = \"parent_id\" }]\nguard = { max_share = 1 }");
        plan_and_run_with(&db, &(rule + &hold("court", "entry", "where = \"id = 3\"")));
        assert_eq!(ids(&db, "entry"), [1, 2, 3]);
    }

    fn a_hold_keeps_a_row_from_being_redacted_and_from_being_rolled_up(db: TestDb) {
        db.create(
            "CREATE TABLE login (id {bigint} PRIMARY KEY, note {text}, at {ts});
             CREATE TABLE view (id {bigint} PRIMARY KEY, at {ts});
             CREATE TABLE view_daily (bucket {ts} NULL, views {bigint}, folded smallint NOT NULL DEFAULT 0);
             INSERT INTO login VALUES (1, 'a', '2020-01-01 00:00:00'), (2, 'b', '2020-01-01 00:00:00');
             INSERT INTO view VALUES (1, '2020-01-01 00:00:00'), (2, '2020-01-01 00:00:00');",
        );
        let rules = format!(
            "{}[rule.redact]\nnote = \"null\"\n{}[rule.aggregate]\ninto = \"view_daily\"\nbucket = \"day\"\n\
             measures = {{ views = \"count\" }}\n{}{}",
            delete_rule("logins", "login", ALL).replace("\"delete\"", "\"redact\""),
            delete_rule("views", "view", ALL).replace("\"delete\"", "\"aggregate\""),
            hold("court", "login", "where = \"id = 1\""),
            hold("audit", "view", "where = \"id = 2\""),
        );
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ran.count("logins", "held"), ran.count("views", "held")), (1, 1));
        assert_eq!((db.count("login WHERE note IS NULL"), ids(&db, "view"), db.count("view_daily WHERE views = 1")), (1, vec![2], 1));
    }

    fn a_released_hold_resumes_what_it_held_back(db: TestDb) {
        payments(&db);
        let rule = delete_rule("payments", "payment", ALL);
        let ran = plan_and_run_with(&db, &(rule.clone() + &hold("court", "payment", "")));
        assert_eq!((ran.count("payments", "held"), ran.count("payments", "done")), (10, 0));
        // Taking a hold out wants somebody's consent.
        let tenure = Tenure::at(&db).schedule(&policy(&rule));
        let released = Told(tenure.run(&["run", "--yes", "--json", "--as-of", AS_OF]).expect_code(0).json());
        assert_eq!(released.count("payments", "done"), 10);
    }

    fn a_hold_that_is_not_understood_stops_every_rule(db: TestDb) {
        payments(&db);
        db.create("CREATE TABLE log (id {bigint}, at {ts}); INSERT INTO log VALUES (1, '2020-01-01 00:00:00');");
        let rules = delete_rule("payments", "payment", ALL) + &delete_rule("logs", "log", "");
        let before = db.tables_dump();
        for broken in [hold("court", "paymnt", ""), hold("court", "payment", "where = \"account_id = (1\"")] {
            let tenure = Tenure::at(&db).schedule(&policy(&(rules.clone() + &broken)));
            let said = tenure.run(&["run", "--json"]).expect_code(2);
            assert!(said.stderr.contains("hold `court`"), "{}", said.stderr);
            assert_eq!(db.tables_dump(), before);
        }
    }

    fn a_hold_whose_condition_the_database_refuses_lets_nothing_go(db: TestDb) {
        payments(&db);
        let rules = delete_rule("payments", "payment", ALL) + &hold("court", "payment", "where = \"acount_id = 1\"");
        let tenure = Tenure::at(&db).schedule(&policy(&rules));
        tenure.run(&["run"]).expect_code(2);
        assert_eq!(db.count("payment"), 10);
    }
}
