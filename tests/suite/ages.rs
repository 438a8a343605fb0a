//! Ages that are not certain: such rows are kept, counted and seen by the verdict; and ages that cannot be are asked about.

use serde_json::Value;
use tenure::db::Dialect;

use crate::harness::story::{AS_OF, ids, policy};
use crate::harness::{Tenure, TestDb};

const TEXT: &str = "{ column = \"at\", as = \"text\" }";

/// A rule `r` on the table `t`, deleting after 90 days.
fn rule(anchor: &str, more: &str) -> String {
    policy(&format!(
        "[[rule]]\nname = \"r\"\ntable = \"t\"\nanchor = {anchor}\nretain = \"90 days\"\naction = \"delete\"\n{more}\n"
    ))
}

/// A table `t` whose rows have these values of `at`, numbered from 1.
fn table(db: &TestDb, kind: &str, values: &[&str]) {
    db.create(&format!("CREATE TABLE t (id {{bigint}} NOT NULL PRIMARY KEY, at {kind});"));
    for (index, value) in values.iter().enumerate() {
        db.script(&format!("INSERT INTO t VALUES ({}, {value})", index + 1));
    }
}

/// Eligible rows and those of unknown age in a plan.
#[track_caller]
fn planned(db: &TestDb, schedule: &str) -> (u64, u64) {
    let plan = Tenure::at(db).schedule(schedule).run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json();
    let rule = &plan["rules"][0];
    (rule["eligible"].as_u64().unwrap(), rule["no_anchor"].as_u64().unwrap())
}

#[track_caller]
fn standing(db: &TestDb, schedule: &str) -> Value {
    let run = Tenure::at(db).schedule(schedule).run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json();
    run["verdict"]["standing"].clone()
}

on_every_database! {
    fn dates_that_programs_write_for_never_are_no_time(db: TestDb) {
        let never: &[&str] = match db.dialect {
            Dialect::Sqlite => &["'0001-01-01 00:00:00'", "'9999-12-31 23:59:59'", "''", "1577836800", "'0000-00-00'", "x'ff'"],
            Dialect::Postgres => &["'0001-01-01'", "'9999-12-31 23:59:59'", "'infinity'", "'-infinity'", "'0044-03-15 BC'", "NULL"],
            Dialect::Mysql => &["'0001-01-01'", "'9999-12-31 23:59:59'", "'0000-00-00'", "'2020-00-00'", "'2020-05-00'", "NULL"],
        };
        let values: Vec<&str> = never.iter().copied().chain(["'2020-01-01 00:00:00'", "'2026-06-29 00:00:00'"]).collect();
        table(&db, "{ts}", &values);
        assert_eq!(planned(&db, &rule("\"at\"", "")), (1, 6));
    }

    fn what_the_schedule_calls_never_is_no_time(db: TestDb) {
        table(&db, "{ts}", &["'1999-09-09 00:00:00'", "'1999-09-09 23:59:59'", "'1999-09-10 00:00:00'", "'2027-01-01'", "NULL"]);
        assert_eq!(planned(&db, &rule("{ column = \"at\", never = [\"1999-09-09\", \"2027-01-01\"] }", "")), (1, 4));
        let numbers = TestDb::new(db.dialect);
        table(&numbers, "{bigint}", &["946684800", "946684801", "2147483647"]);
        let anchor = "{ column = \"at\", as = \"epoch-seconds\", never = [946684800, 2147483647] }";
        assert_eq!(planned(&numbers, &rule(anchor, "")), (1, 2));
        let texts = TestDb::new(db.dialect);
        table(&texts, "{text}", &["'1999-09-09T10:00:00Z'", "'open'", "'2020-01-01'", "'2099-01-01'"]);
        let anchor = "{ column = \"at\", as = \"text\", never = [\"1999-09-09\", \"open\"] }";
        assert_eq!(planned(&texts, &rule(anchor, "")), (1, 2));
        let wrong = Tenure::at(&texts).schedule(&rule(&anchor.replace("\"open\"", "7"), "")).run(&["check"]);
        assert!(wrong.code != 0 && wrong.stdout.contains("`never`"), "{}", wrong.stdout);
    }

    fn each_row_of_a_list_is_due_or_not_yet_or_of_unknown_age(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint} NOT NULL PRIMARY KEY, a {ts}, b {text});");
        let a = ["NULL", "'2020-01-01 00:00:00'", "'2026-06-29 00:00:00'", "'0001-01-01 00:00:00'", "'9999-12-31 00:00:00'"];
        let b = ["NULL", "'2020-01-01T00:00:00Z'", "'2027-01-01'", "'soon'", "''", "'9999-12-31'"];
        for (index, (a, b)) in a.iter().flat_map(|a| b.iter().map(move |b| (a, b))).enumerate() {
            db.script(&format!("INSERT INTO t VALUES ({}, {a}, {b})", index + 1));
        }
        // Due: both past, or one past and the other one without a time. Young: one of them lies ahead. The rest is unknown, as is
        // what means "never" by a date ahead.
        let anchor = "[\"a\", { column = \"b\", as = \"text\" }]";
        let (due, unknown) = planned(&db, &rule(anchor, ""));
        assert_eq!((due, unknown, 30 - due - unknown), (5, 15, 10));
        Tenure::at(&db).schedule(&rule(anchor, "")).run(&["run", "--as-of", AS_OF]).expect_code(0);
        assert_eq!(ids(&db, "t").len(), 25);
    }

    fn only_rows_that_the_rule_means_are_counted_as_of_unknown_age(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint} NOT NULL PRIMARY KEY, at {ts}, closed {bool});");
        db.script("INSERT INTO t VALUES (1, '2020-01-01 00:00:00', TRUE), (2, NULL, TRUE), (3, NULL, FALSE), (4, NULL, NULL)");
        assert_eq!(planned(&db, &rule("\"at\"", "where = \"closed\"")), (1, 1));
    }

    fn ages_that_cannot_be_read_put_a_promise_at_risk(db: TestDb) {
        let values: Vec<String> = (0..100).map(|n| if n < 5 { "'soon'".into() } else { "'2026-06-29'".to_owned() }).collect();
        table(&db, "{text}", &values.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(standing(&db, &rule(TEXT, "")), "kept", "5 of 100 are no more than 5 %");
        db.script("INSERT INTO t VALUES (101, 'later')");
        assert_eq!(standing(&db, &rule(TEXT, "")), "at-risk");
        assert_eq!(standing(&db, &rule(TEXT, "guard = { max_unreadable = 0.1 }")), "kept");
        db.script("UPDATE t SET at = NULL WHERE id > 50");
        assert_eq!(standing(&db, &rule(TEXT, "guard = { max_unreadable = 0.1 }")), "kept", "NULL can be read: it says that there is no time");
    }

    fn a_rule_of_whose_rows_none_tells_a_time_keeps_no_promise(db: TestDb) {
        table(&db, "{text}", &["'06/06/2018 12:00'", "'Wed, 06 Jun 2018'", "NULL"]);
        assert_eq!(standing(&db, &rule(TEXT, "guard = { max_unreadable = 1 }")), "unknown");
        let status = Tenure::at(&db).schedule(&rule(TEXT, "")).run(&["status"]);
        assert!(status.stdout.contains("unknown"), "{}", status.stdout);
    }

    fn an_age_that_cannot_be_is_asked_about_before_anything_goes(db: TestDb) {
        // Seconds of last year, taken for milliseconds.
        table(&db, "{bigint}", &["1748736000", "1748736001", "1748736002"]);
        let millis = rule("{ column = \"at\", as = \"epoch-millis\" }", "");
        let tenure = Tenure::at(&db).schedule(&millis);
        let plan = tenure.run(&["plan", "--json", "--as-of", AS_OF]).json();
        assert!(plan["rules"][0]["guard"].as_str().unwrap().contains("max_age = 50 years"), "{plan:#}");
        assert!(plan["rules"][0]["oldest_eligible"].as_str().unwrap().starts_with("1970-01-21"), "{plan:#}");
        tenure.run(&["run", "--as-of", AS_OF]).expect_code(3);
        assert_eq!(ids(&db, "t").len(), 3);
        let wider = millis.replace("[[rule]]", "").replace("action", "guard = { max_age = \"60 years\" }\naction");
        let wider = wider.replacen("name = \"r\"", "[[rule]]\nname = \"r\"", 1);
        Tenure::at(&db).schedule(&wider).run(&["run", "--as-of", AS_OF]).expect_code(0);
        assert_eq!(ids(&db, "t").len(), 0);
    }

    fn milliseconds_that_are_taken_for_seconds_are_of_unknown_age(db: TestDb) {
        table(&db, "{bigint}", &["1577836800000", "1577836800", "9223372036854775807"]);
        assert_eq!(planned(&db, &rule("{ column = \"at\", as = \"epoch-seconds\" }", "")), (1, 2));
    }

    fn the_oldest_row_of_a_list_lies_before_1970_also_beside_a_null(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint} NOT NULL PRIMARY KEY, a {ts}, b {ts});");
        db.script("INSERT INTO t VALUES (1, '1965-05-05 00:00:00', NULL), (2, NULL, '1968-01-01 00:00:00'), (3, NULL, NULL)");
        let held = format!("{}[[hold]]\nname = \"h\"\ntable = \"t\"\nreason = \"x\"\n", rule("[\"a\", \"b\"]", "guard = { max_age = \"forever\" }"));
        let plan = Tenure::at(&db).schedule(&held).run(&["plan", "--json", "--as-of", AS_OF]).json();
        assert_eq!(plan["rules"][0]["oldest_kept"], "1965-05-05T00:00:00Z");
        assert_eq!(plan["rules"][0]["youngest_eligible"], "1968-01-01T00:00:00Z");
    }

    fn a_trigger_that_renews_the_age_undoes_the_redaction(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint} NOT NULL PRIMARY KEY, mail {text}, touched {ts});");
        db.script("INSERT INTO t VALUES (1, 'one@x.invalid', '2020-01-01 00:00:00'), (2, 'two@x.invalid', '2026-06-29 00:00:00')");
        match db.dialect {
            Dialect::Sqlite => db.script(
                "CREATE TRIGGER touch AFTER UPDATE ON t BEGIN UPDATE t SET touched = '2026-06-30 00:00:00' WHERE id = new.id; END",
            ),
            Dialect::Postgres => {
                db.script("CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.touched = '2026-06-30'; RETURN new; END $$");
                db.script("CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()");
            }
            Dialect::Mysql => db.script("CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW SET NEW.touched = '2026-06-30 00:00:00'"),
        }
        let before = db.tables_dump();
        let schedule = rule("\"touched\"", "redact = { mail = \"null\" }").replace("delete", "redact");
        let run = Tenure::at(&db).schedule(&schedule).run(&["run", "--as-of", AS_OF]).expect_code(1);
        assert!(run.stderr.contains("`touched`") || run.stdout.contains("`touched`"), "{}", run.stdout);
        let rows = |dump: &str| dump.lines().filter(|line| line.contains("x.invalid")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(rows(&format!("{:?}", db.tables_dump())), rows(&format!("{before:?}")));
    }
}

#[test]
fn a_number_that_is_none_is_of_unknown_age_on_postgresql() {
    let db = TestDb::new(Dialect::Postgres);
    table(&db, "double precision", &["1600000000", "'NaN'", "'infinity'", "'-infinity'", "NULL"]);
    assert_eq!(planned(&db, &rule("{ column = \"at\", as = \"epoch-seconds\" }", "")), (1, 4));
}

#[test]
fn numbers_and_texts_in_one_column_of_sqlite_are_told_apart() {
    let db = TestDb::new(Dialect::Sqlite);
    table(
        &db,
        "datetime",
        &["'2024-01-01 00:00:00'", "1577836800000", "3800000000000", "1577836800000.5", "x'31'", "'1577836800000'"],
    );
    assert_eq!(
        planned(&db, &rule("{ column = \"at\", as = \"epoch-millis\" }", "")),
        (3, 2),
        "the last is stored as a number"
    );
}

#[test]
fn texts_of_padded_columns_and_odd_collations_are_read_as_any_other() {
    let values = ["'2021-01-01 10:00:00'", "'2090-01-01 10:00:00'", "'2021-01-01T10:00:00.000Z'", "'soon'"];
    let db = TestDb::new(Dialect::Postgres);
    db.script("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
    table(&db, "text COLLATE ci", &values);
    assert_eq!(planned(&db, &rule(TEXT, "")), (2, 1));
    for (dialect, kind) in [
        (Dialect::Postgres, "char(30)"),
        (Dialect::Mysql, "char(30)"),
        (Dialect::Mysql, "binary(30)"),
        (Dialect::Mysql, "varbinary(30)"),
    ] {
        let db = TestDb::new(dialect);
        table(&db, kind, &values);
        assert_eq!(planned(&db, &rule(TEXT, "")), (2, 1), "{kind}");
    }
}

#[test]
fn bytes_that_are_no_text_stop_no_rule() {
    let db = TestDb::new(Dialect::Mysql);
    table(&db, "varbinary(30)", &["'2021-01-01 10:00:00'", "x'ff32303231'", "x'323032312d30312d3031ff'"]);
    assert_eq!(planned(&db, &rule(TEXT, "")), (1, 2));
    Tenure::at(&db).schedule(&rule(TEXT, "")).run(&["run", "--as-of", AS_OF]).expect_code(0);
    assert_eq!(ids(&db, "t"), [2, 3]);
}
