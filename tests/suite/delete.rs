//! Deletion: keep by default, and nothing but what the rule names.

use crate::harness::story::{delete_rule, edges, ids, plan_and_run, policy};
use crate::harness::{Tenure, TestDb};

/// A table with an old row for each of `ids`, and `more` columns with `values` of them.
fn old_rows(db: &TestDb, table: &str, columns: &str, rows: &[(i64, &str)]) {
    db.create(&format!("CREATE TABLE {table} (id {{bigint}}, at {{ts}}{columns});"));
    for (id, values) in rows {
        db.script(&format!("INSERT INTO {table} VALUES ({id}, '2020-01-01 00:00:00'{values})"));
    }
}

on_every_database! {
    fn only_rows_strictly_older_than_the_period_go(db: TestDb) {
        db.create("CREATE TABLE log (id {pk}, at {tstz} NULL); CREATE TABLE other (id {bigint}, at {ts});");
        for at in edges() {
            db.script(&format!("INSERT INTO log (at) VALUES ({at})"));
        }
        db.script("INSERT INTO log (at) VALUES (NULL); INSERT INTO other VALUES (1, '1999-01-01 00:00:00');");
        let ran = plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&delete_rule("logs", "log", ""))));
        assert_eq!(ids(&db, "log"), [2, 3, 4]);
        assert_eq!((ran.count("logs", "done"), ran.count("logs", "no_anchor")), (1, 1));
        assert_eq!(ran.rule("logs")["oldest_kept"], "2026-05-31T12:00:00Z");
        assert_eq!(db.count("other"), 1, "no rule names it");
    }

    fn a_condition_that_is_not_true_keeps_the_row_and_null_is_not_true(db: TestDb) {
        let rows = [(1, ", 'done'"), (2, ", 'open'"), (3, ", NULL")];
        old_rows(&db, "t", ", state {text}", &rows);
        let ran = plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&delete_rule("r", "t", "where = \"state <> 'open'\""))));
        assert_eq!(ids(&db, "t"), [2, 3]);
        assert_eq!(ran.count("r", "eligible"), 1);
    }

    fn a_condition_with_or_does_not_reach_beyond_the_age(db: TestDb) {
        old_rows(&db, "t", ", state {text}", &[(1, ", 'a'"), (2, ", 'b'"), (3, ", 'c'")]);
        db.script("INSERT INTO t VALUES (4, '2026-06-29 00:00:00', 'b')");
        let rule = delete_rule("r", "t", "where = \"state = 'a' OR state = 'b'\"");
        plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&rule)));
        assert_eq!(ids(&db, "t"), [3, 4]);
    }

    fn a_condition_may_ask_other_tables(db: TestDb) {
        old_rows(&db, "t", ", account_id {bigint}", &[(1, ", 10"), (2, ", 11"), (3, ", NULL")]);
        db.create("CREATE TABLE account (id {bigint}, guardian_id {bigint});");
        db.script("INSERT INTO account VALUES (10, 7); INSERT INTO account VALUES (11, NULL);");
        let rule = delete_rule("r", "t", "where = \"account_id IN (SELECT id FROM account WHERE guardian_id IS NOT NULL)\"");
        plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&rule)));
        assert_eq!(ids(&db, "t"), [2, 3]);
        assert_eq!(db.count("account"), 2);
    }

    fn a_condition_may_name_the_table_and_ask_it_again(db: TestDb) {
        // Keeps the newest row of each device, however old it is.
        old_rows(&db, "t", ", device {bigint}", &[(1, ", 5"), (2, ", 5"), (3, ", 6")]);
        let rule = delete_rule(
            "r",
            "t",
            "where = \"EXISTS (SELECT 1 FROM t AS later WHERE later.device = t.device AND later.id > t.id)\"",
        );
        plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&rule)));
        assert_eq!(ids(&db, "t"), [2, 3]);
    }

    fn a_period_for_ever_deletes_nothing(db: TestDb) {
        old_rows(&db, "t", "", &[(1, "")]);
        let rule = delete_rule("r", "t", "").replace("30 days", "forever");
        let ran = plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&rule)));
        assert_eq!(ids(&db, "t"), [1]);
        assert_eq!(ran.rule("r")["cutoff"], serde_json::Value::Null);
    }

    fn names_that_are_reserved_words_or_odd_are_names(db: TestDb) {
        db.create(
            "CREATE TABLE {q:order} ({q:group} {bigint}, {q:time of death} {ts}, {q:Key} {text}, PRIMARY KEY ({q:group}));
             INSERT INTO {q:order} VALUES (1, '2020-01-01 00:00:00', 'x');
             INSERT INTO {q:order} VALUES (2, '2026-06-30 00:00:00', 'x');",
        );
        let rule = delete_rule("r", "order", "").replace("\"at\"", "\"time of death\"");
        plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&rule)));
        assert_eq!(db.scalar(&crate::harness::ddl(db.dialect, "SELECT {q:group} FROM {q:order}")), 2);
    }

    fn tables_with_composite_text_or_no_keys_are_deleted_from(db: TestDb) {
        db.create(
            "CREATE TABLE pair (a {bigint}, b {text}, at {ts}, PRIMARY KEY (a, b));
             CREATE TABLE named (name {text} PRIMARY KEY, at {ts});
             CREATE TABLE loose (id {bigint}, at {ts});
             CREATE TABLE marked (id {uuid} PRIMARY KEY, at {ts});
             CREATE INDEX named_at ON named (at);",
        );
        for n in 0..20 {
            let day = if n % 2 == 0 { "2020-01-01" } else { "2026-06-01" };
            db.script(&format!(
                "INSERT INTO pair VALUES ({}, 'b{n}', '{day} 00:00:00'); INSERT INTO named VALUES ('n{n}', '{day} 00:00:00');
                 INSERT INTO loose VALUES (1, '{day} 00:00:00');
                 INSERT INTO marked VALUES ('00000000-0000-4000-8000-0000000000{n:02}', '{day} 00:00:00');",
                n % 3
            ));
        }
        let tables = ["pair", "named", "loose", "marked"];
        let rules: String = tables.iter().map(|table| delete_rule(table, table, "")).collect();
        let ran = plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&rules)));
        for table in tables {
            assert_eq!((ran.count(table, "done"), db.count(table)), (10, 10), "{table}");
            assert_eq!(db.count(&format!("{table} WHERE at < '2026-01-01 00:00:00'")), 0, "{table}");
        }
    }

    fn a_table_larger_than_any_window_is_deleted_from_batch_by_batch(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint} PRIMARY KEY, at {ts});");
        // A time for every row, and many rows for one time, with every tenth kept.
        for block in 0..30 {
            let rows: Vec<_> = (0..1_000)
                .map(|n| {
                    let day = if n % 10 == 0 { "2026-06-20" } else { "2024-03-01" };
                    format!("({}, '{day} 00:{:02}:00')", block * 1_000 + n, n % 60)
                })
                .collect();
            db.script(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
        }
        let ran = plan_and_run(&db, &Tenure::at(&db).schedule(&policy(&delete_rule("r", "t", "guard = { max_share = 1 }"))));
        assert_eq!((ran.count("r", "done"), db.count("t")), (27_000, 3_000));
        assert_eq!(db.count("t WHERE at < '2026-01-01 00:00:00'"), 0);
    }
}
