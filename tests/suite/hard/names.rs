//! Names that have to be quoted, and tables that lie elsewhere.

use tenure::db::Dialect;

use super::{Story, delete_rule, hold};
use crate::harness::story::{self, AS_OF};
use crate::harness::{Tenure, TestDb};

on_every_database! {
    fn tables_and_columns_may_bear_reserved_words_for_names(db: TestDb) {
        let setup = "CREATE TABLE {q:order} (id {pk}, {q:time} {ts}, {q:group} {bigint}, {q:key} {text}, {q:oid} {bigint},
             {q:bucket} {bigint}, {q:rowid} {bigint}, {q:select} {text});
             CREATE TABLE {q:table} (id {pk}, {q:order} {bigint} REFERENCES {q:order} (id), {q:timestamp} {ts});
             INSERT INTO {q:order} VALUES (1, '2025-01-01', 1, 'a', 1, 1, 3, 'x'), (2, '2025-12-31', 1, 'b', 1, 1, 2, 'y'),
             (3, '2025-01-01', 2, 'a', 1, 1, 1, 'z'), (4, '2025-01-01', 1, 'c', 1, 1, 9, 'keep');
             INSERT INTO {q:table} VALUES (1, 1, '2025-12-31'), (2, 2, '2025-01-01'), (3, NULL, '2025-01-01');";
        let rule = delete_rule("order", "\"time\"", "cascade = ['table']");
        let quoted = |name: &str| match db.dialect {
            Dialect::Mysql => format!("`{name}`"),
            _ => format!("\\\"{name}\\\""),
        };
        let held = hold("order", &format!("{} = 'keep'", quoted("select")));
        let of_group = format!("where = \"{} = 1\"\n", quoted("group"));
        let schedule = rule.replace("cascade", &format!("{of_group}cascade")) + &held;
        let done = Story::new(&db, setup, schedule)
            .becomes("DELETE FROM {q:table} WHERE id = 1; DELETE FROM {q:order} WHERE id = 1");
        assert_eq!((&done["held"], &done["cascaded"]["table"]), (&1.into(), &1.into()));
    }

    fn names_may_hold_quotes_dots_spaces_percents_and_letters_of_any_script(db: TestDb) {
        let setup = "CREATE TABLE {q:we\"ird `ta.ble} ({q:i.d} {bigint} NOT NULL PRIMARY KEY, {q:größe \"at\"} {ts},
             {q:時 `刻} {bigint});
             CREATE TABLE {q:child's 100%} (id {pk}, {q:pa rent?} {bigint} REFERENCES {q:we\"ird `ta.ble} ({q:i.d}));
             INSERT INTO {q:we\"ird `ta.ble} VALUES (1, '2025-01-01', 0), (2, '2025-12-31', 0), (3, '2025-01-01', 0);
             INSERT INTO {q:child's 100%} VALUES (1, 1), (2, 2);";
        let schedule = delete_rule(r#""we""ird `ta.ble""#, r#"'"größe ""at"""'"#, r#"cascade = ["child's 100%"]"#);
        Story::new(&db, setup, schedule).becomes(
            "DELETE FROM {q:child's 100%} WHERE id = 1; DELETE FROM {q:we\"ird `ta.ble} WHERE {q:i.d} IN (1, 3)",
        );
    }

    fn names_as_long_as_check_takes_them_are_worked_with(db: TestDb) {
        db.create(
            "CREATE TABLE log (id {bigint} NOT NULL PRIMARY KEY, at {ts}, owner {bigint});
             CREATE TABLE other (id {bigint} NOT NULL PRIMARY KEY, at {ts});
             INSERT INTO log VALUES (1, '2020-01-01', 1), (2, '2020-01-01', 2), (3, '2026-06-20', 1);
             INSERT INTO other VALUES (1, '2020-01-01');",
        );
        // Two letters apart at their ends, and of two bytes each.
        let long = |last: &str| "ü".repeat(99) + last;
        let rules = story::delete_rule(&long("a"), "log", "") + &story::delete_rule(&long("b"), "other", "");
        let held = hold("log", "owner = 2").replace("lawsuit", &long("c"));
        let schedule = format!("[policy]\nname = \"{}\"\n{rules}{held}", long("d"));
        let tenure = Tenure::at(&db).schedule(&schedule);
        tenure.run(&["check"]).expect_code(0);
        tenure.run(&["migrate"]).expect_code(0);
        tenure.run(&["pause", &long("b"), "--reason", "audit"]).expect_code(0);
        tenure.run(&["run", "--as-of", AS_OF]).expect_code(4);
        assert_eq!((db.count("log"), db.count("other")), (2, 1));
        tenure.run(&["resume", &long("b"), "--reason", "done"]).expect_code(0);
        tenure.run(&["run", "--as-of", AS_OF]).expect_code(0);
        assert_eq!((db.count("log"), db.count("other")), (2, 0));
        tenure.run(&["verify"]).expect_code(0);
        let longer = Tenure::at(&db).schedule(&schedule.replacen('ü', "üü", 1));
        longer.run(&["check"]).expect_code(2);
    }

    fn hundreds_of_holds_on_one_table_are_kept_to_and_named(db: TestDb) {
        let holds = if db.dialect == Dialect::Sqlite { 1_100 } else { 600 };
        db.create("CREATE TABLE log (id {bigint} NOT NULL PRIMARY KEY, at {ts});");
        for first in (1..=holds + 20).step_by(100) {
            let rows: Vec<String> = (first..first + 100).map(|id| format!("({id}, '2020-01-01')")).collect();
            db.script(&format!("INSERT INTO log VALUES {}", rows.join(", ")));
        }
        let one = |id: i64| {
            format!("[[hold]]\nname = \"case-{id}\"\ntable = \"log\"\nwhere = \"id = {id}\"\nreason = \"case {id}\"\n")
        };
        let rule = story::delete_rule("logs", "log", "guard = { max_share = 1.0 }");
        let schedule = format!("[policy]\nname = \"house\"\n{rule}{}", (1..=holds).map(one).collect::<String>());
        let tenure = Tenure::at(&db).schedule(&schedule);
        let done = tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json();
        let logs = &done["rules"][0];
        assert_eq!((&logs["held"], logs["held_by"].as_object().unwrap().len() as i64), (&holds.into(), holds));
        assert_eq!((db.count("log"), db.count(&format!("log WHERE id <= {holds}"))), (holds, holds));
    }

    fn a_table_may_be_called_like_the_names_that_statements_make_up(db: TestDb) {
        let setup = "CREATE TABLE tenure1 (k1 {bigint} NOT NULL PRIMARY KEY, k2 {bigint} REFERENCES tenure1 (k1), at {ts});
             CREATE TABLE k1 (k1 {bigint} NOT NULL PRIMARY KEY, k2 {bigint} REFERENCES tenure1 (k1));
             INSERT INTO tenure1 VALUES (1, NULL, '2025-01-01'), (2, 1, '2025-01-01'), (3, NULL, '2025-01-01');
             INSERT INTO k1 VALUES (1, 2), (2, NULL);";
        Story::new(&db, setup, delete_rule("tenure1", "\"at\"", "cascade = [\"tenure1\", \"k1\"]"))
            .becomes("DELETE FROM k1 WHERE k1 = 1; DELETE FROM tenure1 WHERE k1 = 2; DELETE FROM tenure1");
    }
}

#[test]
fn names_of_mixed_case_are_two_tables_and_two_columns_on_postgres() {
    let db = TestDb::new(Dialect::Postgres);
    let setup = "CREATE TABLE \"Login\" (id bigint PRIMARY KEY, \"At\" timestamp, at timestamp);
         CREATE TABLE login (id bigint PRIMARY KEY, \"At\" timestamp, at timestamp);
         INSERT INTO \"Login\" VALUES (1, '2025-01-01', '2025-12-31'), (2, '2025-12-31', '2025-01-01');
         INSERT INTO login SELECT * FROM \"Login\";";
    Story::new(&db, setup, delete_rule("Login", "\"At\"", "")).becomes("DELETE FROM \"Login\" WHERE id = 1");
}

#[test]
fn names_of_mixed_case_are_found_in_any_case_on_sqlite_and_columns_so_on_mysql() {
    let setup = "CREATE TABLE Login (Id bigint PRIMARY KEY, At {ts}); CREATE TABLE Child (LOGIN_ID bigint REFERENCES
         Login (iD)); INSERT INTO Login VALUES (1, '2025-01-01'), (2, '2025-01-01'); INSERT INTO Child VALUES (1);";
    for (dialect, table) in [(Dialect::Sqlite, "LOGIN"), (Dialect::Mysql, "Login")] {
        let db = TestDb::new(dialect);
        let done = Story::new(&db, setup, delete_rule(table, "\"AT\"", "")).becomes("DELETE FROM Login WHERE Id = 2");
        assert_eq!(done["blocked"], 1);
    }
}

#[test]
fn tables_of_one_name_in_two_schemas_are_told_apart() {
    let db = TestDb::new(Dialect::Postgres);
    let setup = "CREATE SCHEMA \"Archive.2\"; CREATE TABLE public.event (id bigint PRIMARY KEY, at timestamptz, kind text);
         CREATE TABLE \"Archive.2\".event (id bigint PRIMARY KEY, parent bigint REFERENCES public.event, at timestamptz,
         kind text);
         INSERT INTO public.event SELECT n, '2025-01-01', 'a' FROM generate_series(1, 6) n;
         INSERT INTO \"Archive.2\".event VALUES (1, 1, '2025-12-31', 'a'), (2, 2, '2025-01-01', 'held'), (3, NULL, '2025-01-01', 'a');";
    let held = hold("\"Archive.2\".event", "kind = 'held'");
    let by_cascade = delete_rule("event", "\"at\"", "cascade = ['\"Archive.2\".event']") + &held;
    // The hold's condition speaks of `event`, which beside the parent of that name is ambiguous: all children are kept.
    let done = Story::new(&db, setup, by_cascade).becomes("DELETE FROM public.event WHERE id > 2");
    assert_eq!(done["held"], 2);

    let other = TestDb::new(Dialect::Postgres);
    Story::new(&other, setup, delete_rule("\"Archive.2\".event", "\"at\"", ""))
        .becomes("DELETE FROM \"Archive.2\".event WHERE id IN (2, 3)");
}

#[test]
fn a_foreign_key_from_another_schema_keeps_the_row_it_points_at() {
    let db = TestDb::new(Dialect::Postgres);
    let setup = "CREATE SCHEMA billing; CREATE TABLE account (id bigint PRIMARY KEY, closed timestamptz);
         CREATE TABLE billing.invoice (id bigint PRIMARY KEY, account bigint REFERENCES account);
         INSERT INTO account VALUES (1, '2025-01-01'), (2, '2025-01-01'); INSERT INTO billing.invoice VALUES (1, 1);";
    let done =
        Story::new(&db, setup, delete_rule("account", "\"closed\"", "")).becomes("DELETE FROM account WHERE id = 2");
    assert_eq!(done["blocked"], 1);
}

#[test]
fn a_foreign_key_from_another_database_of_the_server_keeps_the_row_it_points_at() {
    let db = TestDb::new(Dialect::Mysql);
    let other = TestDb::new(Dialect::Mysql);
    let name = other.url().rsplit('/').next().unwrap().to_owned();
    let own = db.url().rsplit('/').next().unwrap().to_owned();
    db.script("CREATE TABLE account (id BIGINT PRIMARY KEY, closed DATETIME(6)); INSERT INTO account VALUES (1, '2025-01-01'), (2, '2025-01-01')");
    db.script(&format!(
        "CREATE TABLE `{name}`.invoice (id BIGINT PRIMARY KEY, account BIGINT, FOREIGN KEY (account) REFERENCES `{own}`.account
         (id)); INSERT INTO `{name}`.invoice VALUES (1, 1)"
    ));
    let story = Story::on(&db, delete_rule("account", "\"closed\"", ""));
    assert_eq!(story.rule(&["run", "--yes"], 0)["blocked"], 1);
    assert_eq!(db.scalar("SELECT SUM(id) FROM account"), 1);
    db.script(&format!("DROP TABLE `{name}`.invoice"));
}

#[test]
fn a_schema_outside_the_search_path_needs_its_name() {
    let db = TestDb::new(Dialect::Postgres);
    let own = db.url().rsplit('/').next().unwrap().to_owned();
    db.script(
        "CREATE SCHEMA app; CREATE TABLE app.log (id bigint, at timestamptz); CREATE TABLE log (id bigint, at timestamptz);
         INSERT INTO app.log VALUES (1, '2025-01-01'); INSERT INTO public.log SELECT * FROM app.log",
    );
    db.script(&format!("ALTER DATABASE {own} SET search_path = app"));
    for (table, left) in [("log", "public.log"), ("public.log", "pg_class")] {
        assert_ne!(db.count(left), 0);
        let story = Story::on(&db, delete_rule(table, "\"at\"", ""));
        assert_eq!(story.rule(&["run", "--yes"], 0)["done"], 1, "{table}");
        assert_ne!(db.count(left), 0);
    }
}
