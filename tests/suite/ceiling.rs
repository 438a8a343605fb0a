//! The plan is a ceiling: a run does at most what its plan counted, whatever becomes due meanwhile.

use tenure::db::Dialect;

use crate::harness::story::{AS_OF, Told, delete_rule, ids, policy};
use crate::harness::{Tenure, TestDb};

const OLD: &str = "'2020-01-01 00:00:00'";
const YOUNG: &str = "'2026-06-30 00:00:00'";

/// A table of rows that go before any other rule acts; the application answers the deletion of one with `body`.
fn signal(db: &TestDb, body: &str) {
    db.create(&format!(
        "CREATE TABLE a_signal (id {{bigint}} PRIMARY KEY, at {{ts}}); INSERT INTO a_signal VALUES (1, {OLD});"
    ));
    db.script(&match db.dialect {
        Dialect::Sqlite => format!("CREATE TRIGGER t AFTER DELETE ON a_signal BEGIN {body}; END;"),
        Dialect::Mysql => format!("CREATE TRIGGER t AFTER DELETE ON a_signal FOR EACH ROW {body};"),
        Dialect::Postgres => format!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN OLD; END $$;
             CREATE TRIGGER t AFTER DELETE ON a_signal FOR EACH ROW EXECUTE FUNCTION f();"
        ),
    });
}

fn tenure(db: &TestDb, rules: &str) -> Tenure {
    Tenure::at(db).schedule(&policy(&(delete_rule("signals", "a_signal", "") + rules)))
}

/// `log` with three old rows and seven young ones.
fn log(db: &TestDb, index: &str) {
    db.create(&format!("CREATE TABLE log (id {{bigint}} PRIMARY KEY, at {{ts}}, ip {{text}}); {index}"));
    for id in 1..=10 {
        let at = if id <= 3 { OLD } else { YOUNG };
        db.script(&format!("INSERT INTO log VALUES ({id}, {at}, 'x')"));
    }
}

#[track_caller]
fn stopped(tenure: &Tenure, rule: &str) -> Told {
    let told = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(4).json());
    assert_eq!(told.rule(rule)["status"], "stopped", "{told:?}");
    assert!(told.rule(rule)["error"].as_str().unwrap().contains("more came in after the plan was made"), "{told:?}");
    told
}

fn ages_all() -> String {
    format!("UPDATE log SET at = {OLD}")
}

on_every_database! {
    fn rows_that_the_application_makes_due_in_mid_run_stay_for_the_next(db: TestDb) {
        for index in ["", "CREATE INDEX log_at ON log (at);"] {
            let db = TestDb::new(db.dialect);
            log(&db, index);
            signal(&db, &ages_all());
            let tenure = tenure(&db, &delete_rule("logs", "log", ""));
            let told = stopped(&tenure, "logs");
            let counted = ["eligible", "done", "late", "remaining"].map(|field| told.count("logs", field));
            assert_eq!(counted, [3, 3, 7, 0], "{index} {told:?}");
            assert_eq!(db.count("log"), 7);
            tenure.run(&["run", "--yes", "--as-of", AS_OF]).expect_code(0);
            assert_eq!(db.count("log"), 0);
        }
    }

    fn no_more_rows_are_redacted_than_were_planned(db: TestDb) {
        log(&db, "");
        signal(&db, &ages_all());
        let rule = delete_rule("logs", "log", "").replace("\"delete\"", "\"redact\"\nredact = { ip = \"null\" }");
        let told = stopped(&tenure(&db, &rule), "logs");
        assert_eq!((told.count("logs", "done"), told.count("logs", "late")), (3, 7));
        assert_eq!(db.count("log WHERE ip IS NULL"), 3);
    }

    fn a_parent_whose_children_came_late_stays_and_the_others_go(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE log (id {{bigint}} PRIMARY KEY, at {{ts}});
             CREATE TABLE line (id {{bigint}} PRIMARY KEY, log_id {{bigint}}, FOREIGN KEY (log_id) REFERENCES log (id));
             INSERT INTO log VALUES (1, {OLD}), (2, {OLD}), (3, {OLD}); INSERT INTO line VALUES (1, 1);"
        ));
        signal(&db, "INSERT INTO line VALUES (7, 2), (8, 2), (9, 2)");
        let told = stopped(&tenure(&db, &delete_rule("logs", "log", "cascade = [\"line\"]")), "logs");
        assert_eq!((told.count("logs", "done"), told.count_of("logs", "cascaded", "line")), (2, 1), "{told:?}");
        assert_eq!((ids(&db, "log"), db.count("line")), (vec![2], 3));
        assert_eq!(told.rule("logs")["passed_over"]["beyond-plan"], 1, "{told:?}");
    }

    fn references_that_came_late_are_not_let_go_of(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE log (id {{bigint}} PRIMARY KEY, at {{ts}});
             CREATE TABLE line (id {{bigint}} PRIMARY KEY, log_id {{bigint}}, FOREIGN KEY (log_id) REFERENCES log (id) ON DELETE SET NULL);
             INSERT INTO log VALUES (1, {OLD}), (2, {OLD}); INSERT INTO line VALUES (1, 1);"
        ));
        signal(&db, "INSERT INTO line VALUES (7, 2), (8, 2)");
        let told = stopped(&tenure(&db, &delete_rule("logs", "log", "")), "logs");
        assert_eq!((told.count("logs", "done"), ids(&db, "log")), (1, vec![2]), "{told:?}");
        assert_eq!(db.count("line WHERE log_id IS NULL"), 1);
    }

    fn rules_that_look_at_what_each_other_changes_are_refused(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE origin (id {{bigint}} PRIMARY KEY, at {{ts}});
             CREATE TABLE place (id {{bigint}} PRIMARY KEY, at {{ts}}, origin_id {{bigint}}, FOREIGN KEY (origin_id) REFERENCES origin (id) ON DELETE CASCADE);
             CREATE TABLE visit (id {{bigint}} PRIMARY KEY, place_id {{bigint}}, FOREIGN KEY (place_id) REFERENCES place (id) ON DELETE CASCADE);
             INSERT INTO origin VALUES (1, {OLD}); INSERT INTO place VALUES (1, {OLD}, 1);
             CREATE TABLE other (id {{bigint}} PRIMARY KEY, at {{ts}}); INSERT INTO other VALUES (1, {OLD});"
        ));
        let places = "where = \"id NOT IN (SELECT place_id FROM visit WHERE place_id IS NOT NULL)\"";
        let origins = "where = \"id NOT IN (SELECT origin_id FROM place WHERE origin_id IS NOT NULL)\"";
        let rules = delete_rule("places", "place", places) + &delete_rule("origins", "origin", origins) + &delete_rule("others", "other", "");
        let tenure = Tenure::at(&db).schedule(&policy(&rules));
        let checked = tenure.run(&["check"]).expect_code(2);
        let all = checked.stdout + &checked.stderr;
        assert!(all.contains("is in a circle") && all.contains("`places`") && all.contains("`origins`"), "{all}");
        for command in ["plan", "run"] {
            let told = Told(tenure.run(&[command, "--json", "--as-of", AS_OF]).expect_code(1).json());
            for rule in ["places", "origins"] {
                assert!(told.rule(rule)["error"].as_str().unwrap().contains("is in a circle"), "{told:?}");
            }
            assert_eq!(told.rule("others")["status"], "ok", "a rule that is in no circle goes its way: {told:?}");
        }
        assert_eq!([db.count("origin"), db.count("place"), db.count("other")], [1, 1, 0]);
    }

    fn a_rule_that_looks_at_its_own_table_takes_what_was_planned(db: TestDb) {
        db.create("CREATE TABLE link (id {bigint} PRIMARY KEY, at {ts}, next {bigint});");
        for id in 1..=30 {
            let next = if id == 1 { "NULL".to_owned() } else { (id - 1).to_string() };
            db.script(&format!("INSERT INTO link VALUES ({id}, {OLD}, {next})"));
        }
        let rule = delete_rule("links", "link", "where = \"id NOT IN (SELECT next FROM link WHERE next IS NOT NULL)\"");
        let tenure = Tenure::at(&db).schedule(&policy(&rule));
        for left in [29, 28] {
            let told = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json());
            let counted = ["eligible", "done", "late"].map(|field| told.count("links", field));
            assert_eq!((counted, db.count("link")), ([1, 1, 1], left), "{told:?}");
        }
    }

    fn a_roll_up_folds_no_more_rows_than_were_planned(db: TestDb) {
        db.create(
            "CREATE TABLE view (id {bigint} PRIMARY KEY, at {tstz} NULL);
             CREATE TABLE view_sum (bucket {tstz} NULL, views {bigint} NULL, folded smallint NOT NULL DEFAULT 0);
             INSERT INTO view VALUES (1, '2020-01-01 10:00:00'), (2, '2020-01-02 10:00:00'), (3, '2026-06-30 10:00:00');",
        );
        signal(&db, "INSERT INTO view VALUES (4, '2020-01-02 11:00:00'), (5, '2020-01-03 11:00:00')");
        let rule = delete_rule("views", "view", "").replace("\"delete\"", "\"aggregate\"")
            + "[rule.aggregate]\ninto = \"view_sum\"\nbucket = \"day\"\nmeasures = { views = \"count\" }\n";
        let told = stopped(&tenure(&db, &rule), "views");
        assert!(told.count("views", "done") <= 2, "{told:?}");
        let sum = if db.dialect == Dialect::Mysql { "SIGNED" } else { "bigint" };
        let folded = db.scalar(&format!("SELECT CAST(COALESCE(SUM(views), 0) AS {sum}) FROM view_sum"));
        assert_eq!(folded + db.count("view"), 5, "no row is lost");
    }
}
