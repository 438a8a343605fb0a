//! The dry run is the run: rule by rule it says what the run then does, also where several rules meet on the same rows;
//! and it changes nothing.

use tenure::db::Dialect;

use crate::harness::story::{AS_OF, Told, assert_same_figures, delete_rule, ids, plan, plan_and_run, policy, run};
use crate::harness::{Tenure, TestDb};

const OLD: &str = "'2020-01-01 00:00:00'";
const NEW: &str = "'2026-06-30 00:00:00'";
const ALL: &str = "guard = { max_share = 1 }";

fn plan_and_run_with(db: &TestDb, rules: &[String]) -> Told {
    plan_and_run(db, &Tenure::at(db).schedule(&policy(&rules.concat())))
}

fn rule(name: &str, table: &str, more: &str) -> String {
    delete_rule(name, table, &format!("{ALL}\n{more}"))
}

/// Attempts 1 and 2 are old, 3 is not; each has two answers, of which those of attempt 2 are not old.
fn attempts(db: &TestDb, key: &str) {
    db.create(&format!(
        "CREATE TABLE attempt (id {{bigint}} PRIMARY KEY, at {{ts}});
         CREATE TABLE answer (id {{bigint}} PRIMARY KEY, attempt_id {{bigint}} NULL, at {{ts}}{key});
         INSERT INTO attempt VALUES (1, {OLD}), (2, {OLD}), (3, {NEW});
         INSERT INTO answer VALUES (10, 1, {OLD}), (11, 1, {OLD}), (20, 2, {NEW}), (21, 2, {NEW}), (30, 3, {OLD}), (31, 3, {NEW});"
    ));
}

const KEY: &str = ", FOREIGN KEY (attempt_id) REFERENCES attempt (id)";

on_every_database! {
    fn children_with_a_rule_of_their_own_free_their_parents_wherever_the_rules_stand(db: TestDb) {
        attempts(&db, KEY);
        let ran = plan_and_run_with(&db, &[rule("attempts", "attempt", ""), rule("answers", "answer", "")]);
        assert_eq!((ran.count("attempts", "done"), ran.count("attempts", "blocked")), (1, 1));
        assert_eq!((ids(&db, "attempt"), ids(&db, "answer")), (vec![2, 3], vec![20, 21, 31]));
    }

    fn a_cascade_counts_only_what_the_rule_of_the_children_left(db: TestDb) {
        attempts(&db, KEY);
        let ran = plan_and_run_with(&db, &[rule("attempts", "attempt", "cascade = [\"answer\"]"), rule("answers", "answer", "")]);
        assert_eq!((ran.count("answers", "done"), ran.count_of("attempts", "cascaded", "answer")), (3, 2));
        assert_eq!((ids(&db, "attempt"), ids(&db, "answer")), (vec![3], vec![31]));
    }

    fn children_whose_age_lives_in_the_parent_go_before_it_wherever_the_rules_stand(db: TestDb) {
        // No foreign key says so: only the path of the anchor does.
        attempts(&db, "");
        let answers = rule("answers", "answer", "").replace("\"at\"", "\"attempt_id -> attempt.at\"");
        let ran = plan_and_run_with(&db, &[rule("attempts", "attempt", ""), answers]);
        assert_eq!((ran.count("answers", "done"), ran.count("attempts", "done")), (4, 2));
        assert_eq!(ids(&db, "answer"), [30, 31]);
    }

    fn a_redaction_whose_age_lives_in_the_parent_comes_before_the_parent_goes(db: TestDb) {
        attempts(&db, "");
        db.create("ALTER TABLE answer ADD COLUMN note {text}; UPDATE answer SET note = 'x';");
        let answers = rule("answers", "answer", "[rule.redact]\nnote = \"null\"")
            .replace("\"at\"", "\"attempt_id -> attempt.at\"")
            .replace("\"delete\"", "\"redact\"");
        let ran = plan_and_run_with(&db, &[rule("attempts", "attempt", ""), answers]);
        assert_eq!((ran.count("answers", "done"), db.count("answer WHERE note IS NULL")), (4, 4));
    }

    fn a_condition_is_asked_before_another_rule_takes_what_it_looks_at(db: TestDb) {
        for key in ["", KEY] {
        let db = TestDb::new(db.dialect);
        attempts(&db, key);
        let unanswered = "where = \"NOT EXISTS (SELECT 1 FROM answer WHERE answer.attempt_id = attempt.id)\"";
        let rules = policy(&[rule("answers", "answer", ""), rule("attempts", "attempt", unanswered)].concat());
        let tenure = Tenure::at(&db).schedule(&rules);
        let (planned, ran) = (plan(&db, &tenure), run(&tenure));
        assert_same_figures(&planned, &ran);
        assert_eq!((ran.count("answers", "done"), ran.count("attempts", "done")), (3, 0));
        // What is so only now is found by the next run.
        assert_eq!(run(&tenure).count("attempts", "done"), 1);
        assert_eq!(ids(&db, "attempt"), [2, 3]);
        }
    }

    fn no_rule_lifts_a_hold_in_the_middle_of_the_run_by_taking_what_its_condition_looks_at(db: TestDb) {
        attempts(&db, "");
        let hold = "[[hold]]\nname = \"disputes\"\ntable = \"attempt\"\nreason = \"disputed\"\n\
                    where = \"EXISTS (SELECT 1 FROM answer WHERE answer.attempt_id = attempt.id AND answer.id < 20)\"\n";
        let rules = [rule("answers", "answer", ""), rule("attempts", "attempt", "")].concat() + hold;
        let tenure = Tenure::at(&db).schedule(&policy(&rules));
        let (planned, ran) = (plan(&db, &tenure), run(&tenure));
        assert_same_figures(&planned, &ran);
        assert_eq!((ran.count("attempts", "done"), ran.count_of("attempts", "held_by", "disputes")), (1, 1));
        assert_eq!(ids(&db, "attempt"), [1, 3]);
    }

    fn what_lets_go_or_redacts_acts_after_the_rule_whose_hold_looks_at_it(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE account (id {{bigint}} PRIMARY KEY, at {{ts}});
             CREATE TABLE purchase (id {{bigint}} PRIMARY KEY, account_id {{bigint}} NULL, country {{text}} NULL, at {{ts}}, \
             FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE SET NULL);
             CREATE TABLE invoice (id {{bigint}} PRIMARY KEY, purchase_id {{bigint}}, at {{ts}});
             INSERT INTO account VALUES (1, {OLD}), (2, {OLD});
             INSERT INTO purchase VALUES (11, 1, 'NO', {OLD}), (12, 2, 'SE', {OLD});
             INSERT INTO invoice VALUES (21, 11, {OLD}), (22, 12, {OLD});"
        ));
        let hold = |name: &str, asks: &str| {
            format!("[[hold]]\nname = \"{name}\"\ntable = \"invoice\"\nreason = \"r\"\n\
                     where = \"purchase_id IN (SELECT id FROM purchase WHERE {asks})\"\n")
        };
        let redact = rule("countries", "purchase", "[rule.redact]\ncountry = \"null\"").replace("\"delete\"", "\"redact\"");
        let rules = [rule("accounts", "account", ""), redact, rule("invoices", "invoice", "")].concat()
            + &hold("one", "account_id = 1") + &hold("norway", "country = 'NO'");
        let tenure = Tenure::at(&db).schedule(&policy(&rules));
        let (planned, ran) = (plan(&db, &tenure), run(&tenure));
        assert_same_figures(&planned, &ran);
        assert_eq!((ran.count("invoices", "held"), ids(&db, "invoice")), (1, vec![21]));
    }

    fn rules_whose_holds_look_at_each_others_rows_do_not_act_in_one_run(db: TestDb) {
        attempts(&db, "");
        let holds = "[[hold]]\nname = \"h1\"\ntable = \"attempt\"\nreason = \"r\"\n\
                     where = \"id NOT IN (SELECT attempt_id FROM answer)\"\n\
                     [[hold]]\nname = \"h2\"\ntable = \"answer\"\nreason = \"r\"\n\
                     where = \"attempt_id IN (SELECT id FROM attempt)\"\n";
        let rules = [rule("attempts", "attempt", ""), rule("answers", "answer", "")].concat() + holds;
        let tenure = Tenure::at(&db).schedule(&policy(&rules));
        let before = db.tables_dump();
        for command in ["plan", "run"] {
            let told = Told(tenure.run(&[command, "--json", "--as-of", AS_OF]).expect_code(1).json());
            for name in ["attempts", "answers"] {
                assert_eq!(told.rule(name)["status"], "failed", "{told:?}");
                assert!(told.rule(name)["error"].as_str().unwrap().contains("is in a circle"), "{told:?}");
            }
        }
        assert_eq!(db.tables_dump(), before, "neither of them acts");
    }

    fn rows_that_are_rolled_up_into_a_table_with_a_rule_are_due_there_in_the_next_run(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE view (id {{bigint}} PRIMARY KEY, at {{tstz}});
             CREATE TABLE view_sum (bucket {{tstz}} NULL, views {{bigint}} NULL, folded smallint NOT NULL DEFAULT 0);
             INSERT INTO view VALUES (1, {OLD}), (2, {OLD});"
        ));
        let rolled = rule("views", "view", "[rule.aggregate]\ninto = \"view_sum\"\nbucket = \"day\"\nmeasures = { views = \"count\" }")
            .replace("\"delete\"", "\"aggregate\"");
        let sums = rule("sums", "view_sum", "").replace("\"at\"", "\"bucket\"");
        let tenure = Tenure::at(&db).schedule(&policy(&[rolled, sums].concat()));
        let (planned, ran) = (plan(&db, &tenure), run(&tenure));
        assert_same_figures(&planned, &ran);
        assert_eq!((ran.count("views", "done"), ran.count("sums", "done"), db.count("view_sum")), (2, 0, 1));
    }

    fn a_child_of_two_parents_with_rules_of_their_own_is_counted_once(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE course (id {{bigint}} PRIMARY KEY, at {{ts}});
             CREATE TABLE term (id {{bigint}} PRIMARY KEY, at {{ts}});
             CREATE TABLE class (id {{bigint}} PRIMARY KEY, course_id {{bigint}}, term_id {{bigint}}, \
             FOREIGN KEY (course_id) REFERENCES course (id), FOREIGN KEY (term_id) REFERENCES term (id));
             INSERT INTO course VALUES (1, {OLD}), (2, {NEW});
             INSERT INTO term VALUES (1, {OLD}), (2, {NEW});
             INSERT INTO class VALUES (11, 1, 1), (12, 1, 2), (21, 2, 1), (22, 2, 2);"
        ));
        let rules = [rule("courses", "course", "cascade = [\"class\"]"), rule("terms", "term", "cascade = [\"class\"]")];
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ran.count_of("courses", "cascaded", "class"), ran.count_of("terms", "cascaded", "class")), (2, 1));
        assert_eq!(ids(&db, "class"), [22]);
    }

    fn what_one_rule_cascades_away_blocks_no_other_rule(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE course (id {{bigint}} PRIMARY KEY, at {{ts}});
             CREATE TABLE term (id {{bigint}} PRIMARY KEY, at {{ts}});
             CREATE TABLE class (id {{bigint}} PRIMARY KEY, course_id {{bigint}}, term_id {{bigint}}, \
             FOREIGN KEY (course_id) REFERENCES course (id), FOREIGN KEY (term_id) REFERENCES term (id));
             INSERT INTO course VALUES (1, {OLD}), (2, {NEW});
             INSERT INTO term VALUES (1, {OLD}), (2, {OLD});
             INSERT INTO class VALUES (11, 1, 1), (22, 2, 2);"
        ));
        let rules = [rule("terms", "term", ""), rule("courses", "course", "cascade = [\"class\"]")];
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ran.count("terms", "done"), ran.count("terms", "blocked")), (1, 1));
        assert_eq!((ids(&db, "term"), ids(&db, "class")), (vec![2], vec![22]));
    }

    fn three_generations_with_rules_of_their_own_go_in_one_run(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE a (id {{bigint}} PRIMARY KEY, at {{ts}});
             CREATE TABLE b (id {{bigint}} PRIMARY KEY, a_id {{bigint}}, at {{ts}}, FOREIGN KEY (a_id) REFERENCES a (id));
             CREATE TABLE c (id {{bigint}} PRIMARY KEY, b_id {{bigint}}, at {{ts}}, FOREIGN KEY (b_id) REFERENCES b (id));
             INSERT INTO a VALUES (1, {OLD}), (2, {OLD}), (3, {OLD}), (4, {NEW});
             INSERT INTO b VALUES (1, 1, {OLD}), (2, 2, {OLD}), (3, 3, {NEW}), (4, 4, {OLD});
             INSERT INTO c VALUES (1, 1, {OLD}), (2, 2, {NEW}), (3, 3, {OLD}), (4, 4, {OLD});"
        ));
        let ran = plan_and_run_with(&db, &[rule("as", "a", ""), rule("bs", "b", ""), rule("cs", "c", "")]);
        assert_eq!((ids(&db, "a"), ids(&db, "b"), ids(&db, "c")), (vec![2, 3, 4], vec![2, 3], vec![2]));
        assert_eq!((ran.count("as", "blocked"), ran.count("bs", "blocked")), (2, 1));
    }

    fn two_rules_on_one_table_share_its_rows_without_counting_one_twice(db: TestDb) {
        db.create("CREATE TABLE log (id {bigint} PRIMARY KEY, kind {text}, level {bigint}, at {ts});");
        for (id, kind, level) in [(1, "'web'", "1"), (2, "'web'", "2"), (3, "NULL", "2"), (4, "'job'", "NULL"), (5, "NULL", "NULL")] {
            db.script(&format!("INSERT INTO log VALUES ({id}, {kind}, {level}, {OLD})"));
        }
        let rules = [rule("web", "log", "where = \"kind = 'web'\""), rule("loud", "log", "where = \"level = 2\"")];
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ran.count("web", "done"), ran.count("loud", "done")), (2, 1));
        assert_eq!(ids(&db, "log"), [4, 5]);
    }

    fn thirty_rules_on_one_table_count_each_row_once_and_show_their_statements(db: TestDb) {
        db.create("CREATE TABLE log (id {bigint} PRIMARY KEY, level {bigint}, at {ts});");
        let levels = 1..=30;
        let rows: Vec<_> = levels.clone().map(|level| format!("({level}, {level}, {OLD})")).collect();
        db.script(&format!("INSERT INTO log VALUES {}", rows.join(", ")));
        let up_to = |level| rule(&format!("level-{level}"), "log", &format!("where = \"level <= {level}\""));
        let tenure = Tenure::at(&db).schedule(&policy(&levels.clone().map(up_to).collect::<String>()));
        tenure.run(&["plan", "--sql", "--as-of", AS_OF]).expect_code(0);
        let ran = plan_and_run(&db, &tenure);
        assert!(levels.clone().all(|level| ran.count(&format!("level-{level}"), "done") == 1), "{ran:?}");
    }

    fn two_stages_redact_first_and_delete_later(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE login (id {{bigint}} PRIMARY KEY, ip {{text}}, at {{ts}});
             INSERT INTO login VALUES (1, '10.1.2.3', {OLD}), (2, '10.1.2.3', '2026-01-01 00:00:00'), (3, '10.1.2.3', {NEW});"
        ));
        let redact = rule("addresses", "login", "[rule.redact]\nip = \"truncate-ip\"").replace("\"delete\"", "\"redact\"");
        let ran = plan_and_run_with(&db, &[redact, rule("logins", "login", "").replace("30 days", "2 years")]);
        assert_eq!((ran.count("addresses", "done"), ran.count("logins", "done")), (1, 1));
        assert_eq!((ids(&db, "login"), db.count("login WHERE ip = '10.1.2.0'")), (vec![2, 3], 1));
    }

    fn rows_that_one_rule_deletes_are_not_rolled_up_by_the_next(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE view (id {{bigint}} PRIMARY KEY, child {{bool}}, at {{ts}});
             CREATE TABLE view_daily (bucket {{ts}} NULL, views {{bigint}}, folded smallint NOT NULL DEFAULT 0);
             INSERT INTO view VALUES (1, TRUE, {OLD}), (2, FALSE, {OLD}), (3, NULL, {OLD}), (4, TRUE, {NEW});"
        ));
        let rollup = "[rule.aggregate]\ninto = \"view_daily\"\nbucket = \"day\"\nmeasures = { views = \"count\" }";
        let rules = [
            rule("minors", "view", "where = \"child\""),
            rule("views", "view", rollup).replace("\"delete\"", "\"aggregate\"").replace("30 days", "90 days"),
        ];
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ran.count("minors", "done"), ran.count("views", "done")), (1, 2));
        assert_eq!(db.scalar("SELECT views FROM view_daily"), 2);
    }

    fn a_tree_that_one_rule_takes_is_gone_for_the_next(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE entry (id {{bigint}} PRIMARY KEY, parent_id {{bigint}} NULL, kind {{bigint}}, at {{ts}}, \
             FOREIGN KEY (parent_id) REFERENCES entry (id));
             INSERT INTO entry VALUES (1, NULL, 1, {OLD}); INSERT INTO entry VALUES (2, 1, 2, {OLD});
             INSERT INTO entry VALUES (3, 2, 2, {NEW}); INSERT INTO entry VALUES (4, NULL, 2, {OLD});"
        ));
        let tree = "cascade = [{ table = \"entry\", column = \"parent_id\" }]";
        let rules = [
            rule("trees", "entry", &format!("where = \"kind = 1\"\n{tree}")),
            rule("others", "entry", &format!("where = \"kind = 2\"\n{tree}")),
        ];
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ran.count("trees", "done"), ran.count_of("trees", "cascaded", "entry")), (1, 2));
        assert_eq!((ran.count("others", "done"), db.count("entry")), (1, 0));
    }

    fn a_tree_is_free_once_an_earlier_rule_has_taken_its_leaves(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE entry (id {{bigint}} PRIMARY KEY, parent_id {{bigint}} NULL, kind {{bigint}}, at {{ts}}, \
             FOREIGN KEY (parent_id) REFERENCES entry (id));
             INSERT INTO entry VALUES (1, NULL, 1, {OLD}); INSERT INTO entry VALUES (2, 1, 2, {OLD});
             INSERT INTO entry VALUES (3, NULL, 1, {OLD}); INSERT INTO entry VALUES (4, 3, 3, {OLD});"
        ));
        let rules = [rule("leaves", "entry", "where = \"kind = 2\""), rule("roots", "entry", "where = \"kind = 1\"")];
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ran.count("roots", "done"), ran.count("roots", "blocked")), (1, 1));
        assert_eq!(ids(&db, "entry"), [3, 4]);
    }

    fn a_tree_lets_go_only_of_entries_that_no_earlier_rule_has_taken(db: TestDb) {
        db.create(&format!(
            "CREATE TABLE entry (id {{bigint}} PRIMARY KEY, parent_id {{bigint}} NULL, kind {{bigint}}, at {{ts}}, \
             FOREIGN KEY (parent_id) REFERENCES entry (id));
             INSERT INTO entry VALUES (1, NULL, 1, {OLD}); INSERT INTO entry VALUES (2, 1, 2, {OLD}), (3, 1, 3, {OLD});"
        ));
        let null = "cascade = [{ table = \"entry\", column = \"parent_id\", then = \"null\" }]";
        let rules = [
            rule("leaves", "entry", "where = \"kind = 2\""),
            rule("roots", "entry", &format!("where = \"kind = 1\"\n{null}")),
        ];
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!(ran.count_of("roots", "detached", "entry.parent_id"), 1);
        assert_eq!(ids(&db, "entry"), [3]);
    }

    fn references_that_are_let_go_are_those_of_rows_that_stay(db: TestDb) {
        attempts(&db, KEY);
        let null = "cascade = [{ table = \"answer\", column = \"attempt_id\", then = \"null\" }]";
        let ran = plan_and_run_with(&db, &[rule("attempts", "attempt", null), rule("answers", "answer", "")]);
        assert_eq!((ran.count_of("attempts", "detached", "answer.attempt_id"), ran.count("answers", "done")), (2, 3));
        assert_eq!(db.count("answer WHERE attempt_id IS NULL"), 2);
    }

    fn a_held_child_with_a_rule_of_its_own_blocks_its_parent_in_plan_and_run(db: TestDb) {
        attempts(&db, KEY);
        let hold = "[[hold]]\nname = \"appeal\"\ntable = \"answer\"\nreason = \"an appeal\"\nwhere = \"id = 11\"\n";
        let rules = [rule("attempts", "attempt", ""), rule("answers", "answer", ""), hold.to_owned()];
        let ran = plan_and_run_with(&db, &rules);
        assert_eq!((ran.count("answers", "held"), ran.count("attempts", "blocked")), (1, 2));
        assert_eq!(ids(&db, "answer"), [11, 20, 21, 31]);
    }

    fn a_rule_named_alone_plans_and_does_what_it_would_alone(db: TestDb) {
        attempts(&db, KEY);
        let tenure = Tenure::at(&db).schedule(&policy(&[rule("attempts", "attempt", ""), rule("answers", "answer", "")].concat()));
        let json = ["--json", "--as-of", crate::harness::story::AS_OF];
        let planned = Told(tenure.run(&[&["plan", "attempts"], &json[..]].concat()).expect_code(0).json());
        assert_eq!((planned.count("attempts", "remaining"), planned.count("attempts", "blocked")), (0, 2));
        let ran = Told(tenure.run(&[&["run", "attempts"], &json[..]].concat()).expect_code(0).json());
        assert_same_figures(&planned, &ran);
        assert_eq!((db.count("attempt"), db.count("answer")), (3, 6));
    }

    fn run_dry_run_is_plan(db: TestDb) {
        attempts(&db, KEY);
        let tenure = Tenure::at(&db).schedule(&policy(&rule("attempts", "attempt", "cascade = [\"answer\"]")));
        let before = db.tables_dump();
        let planned = plan(&db, &tenure);
        let dry = Told(tenure.run(&["run", "--dry-run", "--json", "--as-of", crate::harness::story::AS_OF]).expect_code(0).json());
        assert_eq!(dry.0["kind"], "dry-run");
        assert_eq!(dry.rule("attempts")["remaining"], planned.rule("attempts")["remaining"]);
        assert_eq!(db.tables_dump(), before);
        assert_same_figures(&dry, &run(&tenure));
    }
}

#[test]
fn a_plan_needs_no_right_but_to_read() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        let db = TestDb::new(dialect);
        attempts(&db, KEY);
        let all = if dialect == Dialect::Postgres { "attempt, answer" } else { "{db}.*" };
        // MySQL tells of the foreign keys of other databases only whoever may see its processes.
        let asks = if dialect == Dialect::Postgres { "SELECT 1" } else { "GRANT PROCESS ON *.* TO {role}" };
        let url = db.role("reader", &[&format!("GRANT SELECT ON {all} TO {{role}}"), asks]);
        let schedule = policy(&rule("attempts", "attempt", "cascade = [\"answer\"]"));
        let planned = plan(&db, &Tenure::at_url(&url).schedule(&schedule));
        assert_eq!(planned.count_of("attempts", "cascaded", "answer"), 4, "{dialect:?}");
        Tenure::at_url(&url).schedule(&schedule).run(&["run"]).expect_code(1);
        assert_eq!(db.count("answer"), 6, "{dialect:?}: a role that may only read has changed something");
        assert_same_figures(&planned, &run(&Tenure::at(&db).schedule(&schedule)));
    }
}

#[test]
fn a_plan_works_on_a_file_that_nobody_may_write() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    let db = TestDb::new(Dialect::Sqlite);
    attempts(&db, KEY);
    let file = std::path::PathBuf::from(db.url().strip_prefix("sqlite://").unwrap());
    let before = fs::read(&file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let tenure = Tenure::at(&db).schedule(&policy(&rule("attempts", "attempt", "cascade = [\"answer\"]")));
    tenure.run(&["plan", "--as-of", crate::harness::story::AS_OF]).expect_code(0);
    assert!(fs::read(&file).unwrap() == before, "a plan wrote into the file");
}

#[test]
fn a_plan_of_many_rules_costs_no_more_than_each_of_them() {
    let db = TestDb::new(Dialect::Sqlite);
    // What is told of each rule is what the rules before it take: copied for each path through them, this would never end.
    let rules: Vec<_> = (1..=60).map(|n| (format!("rule-{n}"), format!("log_{n}"))).collect();
    for (_, table) in &rules {
        db.create(&format!("CREATE TABLE {table} (id {{bigint}} PRIMARY KEY, at {{ts}});"));
        db.script(&format!("INSERT INTO {table} VALUES (1, '2020-01-01 00:00:00')"));
    }
    let schedule: String = rules.iter().map(|(name, table)| delete_rule(name, table, "")).collect();
    let told = plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&schedule)));
    assert!(rules.iter().all(|(name, _)| told.count(name, "done") == 1));
}
