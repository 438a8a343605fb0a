//! Roll-ups: nothing is lost, nobody is singled out, and only whole buckets go.

use std::collections::BTreeMap;

use tenure::db::{Dialect, Value};

use crate::harness::story::{AS_OF, Told, delete_rule, ids, plan_and_run, policy, run};
use crate::harness::{Tenure, TestDb};

/// The rule `views`: rows of `view` older than 30 days, which is before 12:00 of 31 May 2026, into `view_sum`.
fn rollup(bucket: &str, more: &str) -> String {
    delete_rule("views", "view", "guard = { max_share = 1 }").replace("\"delete\"", "\"aggregate\"")
        + &format!("[rule.aggregate]\ninto = \"view_sum\"\nbucket = \"{bucket}\"\n{more}\n")
}

const COUNTED: &str =
    "keep = [\"course\"]\nmeasures = { views = \"count\", seconds = \"sum(s)\" }\npeople = \"person\"\nat_least = 3";

fn tables(db: &TestDb) {
    db.create(
        "CREATE TABLE view (id {bigint} PRIMARY KEY, at {tstz} NULL, course {text}, person {bigint}, s {bigint});
         CREATE TABLE view_sum (bucket {tstz} NULL, course {text} NULL, views {bigint} NULL, seconds {bigint} NULL, \
         folded smallint NOT NULL DEFAULT 0);",
    );
}

/// Views of one course at one time, one a person.
fn views(db: &TestDb, first_id: i64, at: &str, course: &str, people: std::ops::Range<i64>) {
    for (offset, person) in people.enumerate() {
        let id = first_id + offset as i64;
        db.script(&format!("INSERT INTO view VALUES ({id}, '{at}', {course}, {person}, {})", 10 * person));
    }
}

fn told(db: &TestDb, rules: &str) -> Told {
    plan_and_run(db, &Tenure::at(db).schedule(&policy(rules)))
}

/// The rows of the target, sorted: bucket, course, views, seconds, folded.
fn sums(db: &TestDb) -> Vec<String> {
    let text = |column: &str| match db.dialect {
        Dialect::Mysql => format!("CAST({column} AS CHAR)"),
        Dialect::Sqlite | Dialect::Postgres => format!("CAST({column} AS text)"),
    };
    let columns: Vec<_> = ["bucket", "course", "views", "seconds", "folded"].into_iter().map(text).collect();
    let show = |value: &Value| match value {
        // The year to the minute: zones and fractions are shown in many ways.
        Value::Text(text) => text.get(..16).filter(|_| text.contains("-")).unwrap_or(text).to_owned(),
        Value::Null => "-".to_owned(),
        other => panic!("no text but {other:?}"),
    };
    let mut rows: Vec<_> = db
        .rows(&format!("SELECT {} FROM view_sum", columns.join(", ")))
        .iter()
        .map(|row| row.iter().map(show).collect::<Vec<_>>().join(" | "))
        .collect();
    rows.sort();
    rows
}

/// A trigger that keeps this row.
fn refuse_to_delete(db: &TestDb, id: i64) {
    db.script(&match db.dialect {
        Dialect::Sqlite => {
            format!("CREATE TRIGGER t BEFORE DELETE ON view WHEN OLD.id = {id} BEGIN SELECT RAISE(ABORT, 'no'); END;")
        }
        Dialect::Mysql => format!(
            "CREATE TRIGGER t BEFORE DELETE ON view FOR EACH ROW
             IF OLD.id = {id} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF;"
        ),
        Dialect::Postgres => format!(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF OLD.id = {id} THEN RAISE EXCEPTION 'no'; END IF; RETURN OLD; END $$;
             CREATE TRIGGER t BEFORE DELETE ON view FOR EACH ROW EXECUTE FUNCTION f();"
        ),
    });
}

/// The start of the bucket, to the minute, as the calendar of `zone` has it and the clock of `shown_in` shows it.
fn start_of(instant: &str, (zone, bucket): (&str, &str), shown_in: &str) -> String {
    let instant: jiff::Timestamp = instant.replace("Z", ":00Z").replace(":59:00Z", ":59Z").parse().unwrap();
    let at = instant.in_tz(zone).unwrap();
    let start = match bucket {
        "hour" => at.round(jiff::ZonedRound::new().smallest(jiff::Unit::Hour).mode(jiff::RoundMode::Trunc)).unwrap(),
        "day" => at.start_of_day().unwrap(),
        _ => {
            let since_monday = i64::from(at.weekday().to_monday_zero_offset());
            at.checked_sub(jiff::Span::new().days(since_monday)).unwrap().start_of_day().unwrap()
        }
    };
    start.timestamp().in_tz(shown_in).unwrap().strftime("%Y-%m-%d %H:%M").to_string()
}

/// Views and seconds over raw and rolled up rows together.
fn totals(db: &TestDb) -> (i64, i64) {
    let cast = if db.dialect == Dialect::Mysql { "SIGNED" } else { "bigint" };
    let sum = |column: &str, table: &str| {
        db.scalar(&format!("SELECT CAST(COALESCE(SUM({column}), 0) AS {cast}) FROM {table}"))
    };
    (db.count("view") + sum("views", "view_sum"), sum("s", "view") + sum("seconds", "view_sum"))
}

on_every_database! {
    fn only_whole_buckets_go_and_totals_stay_the_same(db: TestDb) {
        tables(&db);
        views(&db, 0, "2026-05-30 00:00:00", "'a'", 1..5);
        views(&db, 10, "2026-05-30 23:59:59.999999", "'a'", 1..4);
        views(&db, 20, "2026-05-31 00:00:00", "'a'", 1..4);
        views(&db, 30, "2026-05-31 11:59:59.999999", "'a'", 1..4);
        db.script("INSERT INTO view VALUES (40, NULL, 'a', 1, 5)");
        let before = totals(&db);
        let ran = told(&db, &rollup("day", COUNTED));
        assert_eq!(ran.count("views", "done"), 7, "the day of the cutoff has not wholly expired");
        assert_eq!(sums(&db), ["2026-05-30 00:00 | a | 7 | 160 | 0"]);
        assert_eq!((totals(&db), db.count("view")), (before, 7));
        assert_eq!(ran.count("views", "no_anchor"), 1);
    }

    fn groups_of_too_few_people_are_folded_and_no_difference_tells_them_apart(db: TestDb) {
        tables(&db);
        // A day with groups of 5, 4, 2 and 1 people; the small ones have 3 together.
        views(&db, 0, "2026-05-01 08:00:00", "'a'", 1..6);
        views(&db, 10, "2026-05-01 08:00:00", "'b'", 1..5);
        views(&db, 20, "2026-05-01 08:00:00", "'c'", 7..9);
        views(&db, 30, "2026-05-01 08:00:00", "'d'", 9..10);
        // A day with groups of 5, 4 and 1: one small one alone would be told by the difference to the whole.
        views(&db, 40, "2026-05-02 08:00:00", "'a'", 1..6);
        views(&db, 50, "2026-05-02 08:00:00", "'b'", 1..5);
        views(&db, 60, "2026-05-02 08:00:00", "'c'", 9..10);
        // A day of three people, none of whom any group of three holds.
        views(&db, 70, "2026-05-03 08:00:00", "'a'", 1..2);
        views(&db, 80, "2026-05-03 08:00:00", "NULL", 2..4);
        let before = totals(&db);
        told(&db, &rollup("day", COUNTED));
        assert_eq!(
            sums(&db),
            [
                "2026-05-01 00:00 | a | 5 | 150 | 0",
                "2026-05-01 00:00 | b | 4 | 100 | 0",
                "2026-05-01 00:00 | other | 3 | 240 | 1",
                "2026-05-02 00:00 | a | 5 | 150 | 0",
                "2026-05-02 00:00 | other | 5 | 190 | 1",
                "2026-05-03 00:00 | other | 3 | 60 | 1",
            ]
        );
        assert_eq!(totals(&db), before);
    }

    fn one_person_many_times_is_one_person(db: TestDb) {
        tables(&db);
        for id in 0..20 {
            db.script(&format!("INSERT INTO view VALUES ({id}, '2026-05-01 08:00:00', 'a', {}, 1)", id % 2));
        }
        let ran = told(&db, &rollup("day", COUNTED));
        assert_eq!(ran.count("views", "suppressed"), 20, "two people are no group of three");
        assert_eq!((sums(&db), db.count("view")), (vec![], 0));
    }

    fn a_bucket_of_too_few_people_loses_its_time_and_its_dimensions(db: TestDb) {
        tables(&db);
        views(&db, 0, "2026-05-01 08:00:00", "'a'", 1..3);
        views(&db, 10, "2026-05-02 08:00:00", "'b'", 2..4);
        views(&db, 20, "2026-05-03 08:00:00", "'a'", 1..4);
        let before = totals(&db);
        let ran = told(&db, &rollup("day", COUNTED));
        assert_eq!(sums(&db), ["- | other | 4 | 80 | 2", "2026-05-03 00:00 | a | 3 | 60 | 0"]);
        assert_eq!((totals(&db), &ran.rule("views")["suppressed"]), (before, &serde_json::Value::Null));
    }

    fn a_row_without_a_person_is_nobodys(db: TestDb) {
        tables(&db);
        views(&db, 10, "2026-05-02 08:00:00", "'a'", 1..4);
        for id in 0..9 {
            db.script(&format!("INSERT INTO view VALUES ({id}, '2026-05-02 08:00:00', 'b', NULL, 1)"));
        }
        let tenure = Tenure::at(&db).schedule(&policy(&rollup("day", COUNTED)));
        plan_and_run(&db, &tenure);
        assert_eq!(sums(&db), ["2026-05-02 00:00 | other | 12 | 69 | 1"], "a group of nobody known is no group of three");
        // Where there is nobody in all that is left, it shows nobody.
        for id in 0..9 {
            db.script(&format!("INSERT INTO view VALUES ({id}, '2026-05-01 08:00:00', 'a', NULL, 1)"));
        }
        plan_and_run(&db, &tenure);
        assert_eq!(sums(&db), ["- | other | 9 | 9 | 2", "2026-05-02 00:00 | other | 12 | 69 | 1"]);
        // With two people among them it shows these.
        views(&db, 20, "2026-05-03 08:00:00", "'a'", 1..3);
        db.script("INSERT INTO view VALUES (30, '2026-05-03 08:00:00', 'a', NULL, 1)");
        let planned = Told(tenure.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json());
        assert_eq!(planned.count("views", "suppressed"), 3, "no part of the rows can have three people");
        assert_eq!(plan_and_run(&db, &tenure).count("views", "suppressed"), 3);
        assert_eq!(sums(&db).len(), 2);
    }

    fn no_difference_between_two_runs_shows_fewer_people_than_a_row_may(db: TestDb) {
        tables(&db);
        views(&db, 0, "2026-05-01 08:00:00", "'a'", 1..5);
        views(&db, 10, "2026-05-01 08:00:00", "'b'", 1..5);
        let tenure = Tenure::at(&db).schedule(&policy(&rollup("day", COUNTED)));
        plan_and_run(&db, &tenure);
        // Three people, of whom one looked at `a`: with the others of the bucket.
        views(&db, 20, "2026-05-01 09:00:00", "'a'", 7..8);
        views(&db, 21, "2026-05-01 09:00:00", "'b'", 8..10);
        plan_and_run(&db, &tenure);
        let bucket = ["2026-05-01 00:00 | a | 4 | 100 | 0", "2026-05-01 00:00 | b | 4 | 100 | 0", "2026-05-01 00:00 | other | 3 | 240 | 1"];
        assert_eq!(sums(&db), bucket);
        // Two people on one day and a third on another: all three together, of no day.
        views(&db, 30, "2026-05-01 10:00:00", "'a'", 1..3);
        views(&db, 40, "2026-05-02 10:00:00", "'a'", 3..4);
        plan_and_run(&db, &tenure);
        assert_eq!(sums(&db), [&["- | other | 3 | 60 | 2"], &bucket[..]].concat());
        // The residual row is there already; one person more would be told by the difference.
        views(&db, 50, "2026-05-03 10:00:00", "'a'", 9..10);
        let before = sums(&db);
        assert_eq!(plan_and_run(&db, &tenure).count("views", "suppressed"), 1);
        assert_eq!((sums(&db), db.count("view")), (before, 0));
    }

    fn a_bucket_that_cannot_be_rolled_up_is_no_part_of_the_rest(db: TestDb) {
        tables(&db);
        // Three small days, of which one has a row that cannot go; and one of three people.
        views(&db, 0, "2026-05-01 08:00:00", "'a'", 1..2);
        views(&db, 10, "2026-05-02 08:00:00", "'a'", 2..3);
        views(&db, 20, "2026-05-03 08:00:00", "'a'", 3..5);
        views(&db, 30, "2026-05-04 08:00:00", "'a'", 1..4);
        refuse_to_delete(&db, 10);
        let tenure = Tenure::at(&db).schedule(&policy(&rollup("day", COUNTED)));
        let ran = Told(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(1).json());
        assert_eq!((ran.count("views", "done"), ran.count("views", "remaining")), (6, 1));
        assert_eq!(ran.count_of("views", "passed_over", "buckets"), 1);
        assert_eq!(sums(&db), ["- | other | 3 | 80 | 2", "2026-05-04 00:00 | a | 3 | 60 | 0"]);
        assert_eq!(ids(&db, "view"), [10]);
    }

    fn late_rows_are_added_to_their_bucket_and_never_dropped(db: TestDb) {
        tables(&db);
        views(&db, 0, "2026-05-01 08:00:00", "'a'", 1..4);
        let tenure = Tenure::at(&db).schedule(&policy(&rollup("day", COUNTED)));
        plan_and_run(&db, &tenure);
        views(&db, 10, "2026-05-01 09:00:00", "'a'", 4..7);
        views(&db, 20, "2026-05-01 09:00:00", "'b'", 4..7);
        let before = totals(&db);
        plan_and_run(&db, &tenure);
        assert_eq!(sums(&db), ["2026-05-01 00:00 | a | 6 | 210 | 0", "2026-05-01 00:00 | b | 3 | 150 | 0"]);
        assert_eq!(totals(&db), before);
        // One late row alone would be told by the difference to the sums of yesterday.
        views(&db, 30, "2026-05-01 10:00:00", "'a'", 1..2);
        assert_eq!(plan_and_run(&db, &tenure).count("views", "suppressed"), 1);
        assert_eq!(sums(&db), ["2026-05-01 00:00 | a | 6 | 210 | 0", "2026-05-01 00:00 | b | 3 | 150 | 0"]);
    }

    fn every_measure_is_merged_as_it_can_be(db: TestDb) {
        db.create(
            "CREATE TABLE view (id {bigint} PRIMARY KEY, at {ts}, person {bigint}, s {bigint});
             CREATE TABLE view_sum (bucket {ts} NULL, n {bigint} NULL, least {bigint} NULL, most {bigint} NULL, \
             mean_sum {bigint} NULL, mean_count {bigint} NULL, people {bigint} NULL, folded smallint NOT NULL DEFAULT 0);
             INSERT INTO view VALUES (1, '2026-05-01 08:00:00', 1, 5), (2, '2026-05-01 09:00:00', 2, 7),
                                     (3, '2026-05-01 09:00:00', 2, NULL);",
        );
        let measures = "measures = { n = \"count\", least = \"min(s)\", most = \"max(s)\", mean = \"avg(s)\", people = \"distinct(person)\" }";
        let tenure = Tenure::at(&db).schedule(&policy(&rollup("day", measures)));
        plan_and_run(&db, &tenure);
        assert_eq!(db.count("view_sum WHERE n = 3 AND least = 5 AND most = 7 AND mean_sum = 12 AND mean_count = 2 AND people = 2"), 1);
        db.script("INSERT INTO view VALUES (4, '2026-05-01 10:00:00', 1, 2), (5, '2026-05-01 10:00:00', 3, 9)");
        plan_and_run(&db, &tenure);
        let merged = "n = 5 AND least = 2 AND most = 9 AND mean_sum = 23 AND mean_count = 4";
        assert_eq!(db.count(&format!("view_sum WHERE {merged} AND people IS NULL")), 1, "people of two roll-ups may be the same");
        db.script("INSERT INTO view VALUES (6, '2026-05-02 10:00:00', 1, NULL)");
        plan_and_run(&db, &tenure);
        assert_eq!(db.count("view_sum WHERE n = 1 AND least IS NULL AND mean_sum IS NULL AND mean_count = 0"), 1);
    }

    fn buckets_are_hours_weeks_from_monday_and_months(db: TestDb) {
        // 30 April 2026 is a Thursday; its week began on Monday, 27 April.
        let expected = BTreeMap::from([
            ("hour", vec!["2026-04-30 22:00 | a | 1 | 1 | 0", "2026-04-30 23:00 | a | 1 | 1 | 0", "2026-05-01 00:00 | a | 1 | 1 | 0"]),
            ("week", vec!["2026-04-27 00:00 | a | 3 | 3 | 0"]),
            ("month", vec!["2026-04-01 00:00 | a | 2 | 2 | 0"]),
        ]);
        for (bucket, expected) in expected {
            // Another bucket is asked about, so each has a ledger of its own.
            let db = TestDb::new(db.dialect);
            tables(&db);
            db.script(
                "INSERT INTO view VALUES (1, '2026-04-30 22:59:59.999999', 'a', 1, 1), (2, '2026-04-30 23:00:00', 'a', 1, 1),
                                         (3, '2026-05-01 00:00:00', 'a', 1, 1), (4, '2026-05-31 11:00:00', 'a', 1, 1)",
            );
            let before = totals(&db);
            told(&db, &rollup(bucket, "keep = [\"course\"]\nmeasures = { views = \"count\", seconds = \"sum(s)\" }"));
            let hour = "2026-05-31 11:00 | a | 1 | 1 | 0";
            let expected: Vec<_> = expected.into_iter().chain((bucket == "hour").then_some(hour)).collect();
            assert_eq!((sums(&db), totals(&db)), (expected.into_iter().map(str::to_owned).collect(), before), "{bucket}");
        }
    }

    fn days_are_those_of_the_policys_zone(db: TestDb) {
        tables(&db);
        // Midnight in Los Angeles is 08:00 in UTC in winter and 07:00 in summer; 8 March 2026 has 23 hours.
        db.script(
            "INSERT INTO view VALUES (1, '2026-03-07 07:59:59.999999', 'a', 1, 1), (2, '2026-03-07 08:00:00', 'a', 1, 1),
                                     (3, '2026-03-08 08:00:00', 'a', 1, 1), (4, '2026-03-09 06:59:59.999999', 'a', 1, 1),
                                     (5, '2026-03-09 07:00:00', 'a', 1, 1)",
        );
        let rules = rollup("day", "keep = [\"course\"]\nmeasures = { views = \"count\", seconds = \"sum(s)\" }");
        let schedule = policy(&rules).replace("name = \"house\"", "name = \"house\"\ntimezone = \"America/Los_Angeles\"");
        plan_and_run(&db, &Tenure::at(&db).schedule(&schedule));
        let expected = [
            "2026-03-06 08:00 | a | 1 | 1 | 0",
            "2026-03-07 08:00 | a | 1 | 1 | 0",
            "2026-03-08 08:00 | a | 2 | 2 | 0",
            "2026-03-09 07:00 | a | 1 | 1 | 0",
        ];
        assert_eq!(sums(&db), expected);
    }

    fn hours_that_a_local_clock_repeats_or_skips_are_rolled_up_too(db: TestDb) {
        db.create(
            "CREATE TABLE view (id {bigint} PRIMARY KEY, at {ts}, s {bigint});
             CREATE TABLE view_sum (bucket {ts} NULL, views {bigint} NULL, folded smallint NOT NULL DEFAULT 0);
             INSERT INTO view VALUES (1, '2025-11-02 00:30:00', 1), (2, '2025-11-02 01:30:00', 1), (3, '2025-11-02 02:30:00', 1),
                                     (4, '2026-03-08 01:30:00', 1), (5, '2026-03-08 02:30:00', 1), (6, '2026-03-08 03:30:00', 1);",
        );
        let zone = "America/Los_Angeles";
        let rules = rollup("hour", "measures = { views = \"count\" }");
        let schedule = policy(&rules).replace("name = \"house\"", &format!("name = \"house\"\ntimezone = \"{zone}\""));
        let tenure = Tenure::alone()
            .config(&format!("[database.main]\nurl = \"{}\"\nnaive_timezone = \"{zone}\"", db.url()))
            .schedule(&schedule);
        let ran = plan_and_run(&db, &tenure);
        assert_eq!((ran.count("views", "done"), db.count("view")), (6, 0));
        let cast = if db.dialect == Dialect::Mysql { "SIGNED" } else { "bigint" };
        assert_eq!(db.scalar(&format!("SELECT CAST(SUM(views) AS {cast}) FROM view_sum")), 6);
    }

    fn rows_beside_a_clock_change_are_in_the_bucket_of_their_instant(db: TestDb) {
        // Los Angeles had no 02:00 to 03:00 on 8 March 2026, and twice 01:00 to 02:00 on 2 November 2025. In Kolkata the hours
        // of that night, and in Adelaide the days, begin within the hours around.
        let local = [
            ("2025-11-02 00:45:00", "2025-11-02T07:45Z"), ("2025-11-02 01:15:00", "2025-11-02T09:15Z"),
            ("2025-11-02 01:45:00", "2025-11-02T09:45Z"), ("2025-11-02 02:15:00", "2025-11-02T10:15Z"),
            ("2026-03-08 01:15:00", "2026-03-08T09:15Z"), ("2026-03-08 01:45:00", "2026-03-08T09:45Z"),
            ("2026-03-08 02:15:00", "2026-03-08T10:15Z"), ("2026-03-08 02:45:00", "2026-03-08T10:45Z"),
            ("2026-03-08 03:15:00", "2026-03-08T10:15Z"), ("2026-03-08 03:45:00", "2026-03-08T10:45Z"),
            ("2026-03-08 04:15:00", "2026-03-08T11:15Z"), ("2026-03-08 06:29:59", "2026-03-08T13:29:59Z"),
            ("2026-03-08 06:30:00", "2026-03-08T13:30Z"),
        ];
        // SQLite has no times that say their zone.
        let shown_in = if db.dialect == Dialect::Sqlite { "America/Los_Angeles" } else { "UTC" };
        for (zone, bucket) in [("Asia/Kolkata", "hour"), ("UTC", "hour"), ("Australia/Adelaide", "day"), ("Pacific/Marquesas", "week")] {
            for kind in ["ts", "text"] {
                let db = TestDb::new(db.dialect);
                let (reading, column) = match kind {
                    "ts" => ("\"at\"", "{ts}"),
                    _ => ("{ column = \"at\", as = \"text\" }", "{text}"),
                };
                db.create(&format!(
                    "CREATE TABLE view (id {{bigint}} PRIMARY KEY, at {column}, s {{bigint}});
                     CREATE TABLE view_sum (bucket {{tstz}} NULL, course {{text}} NULL, views {{bigint}} NULL, seconds {{bigint}} NULL, \
                     folded smallint NOT NULL DEFAULT 0);"
                ));
                let mut expected = BTreeMap::<String, (i64, i64)>::new();
                for (id, (naive, instant)) in local.iter().enumerate() {
                    // Texts may say their zone; those do not mind the clock.
                    let zoned = kind == "text" && id % 2 == 1;
                    let value = if zoned { instant.replace("Z", ":00+00:00").replace(":59:00+", ":59+") } else { (*naive).to_owned() };
                    db.script(&format!("INSERT INTO view VALUES ({id}, '{value}', {})", 1 << id));
                    let sums = expected.entry(start_of(instant, (zone, bucket), shown_in)).or_default();
                    *sums = (sums.0 + 1, sums.1 + (1 << id));
                }
                let rules = rollup(bucket, "measures = { views = \"count\", seconds = \"sum(s)\" }").replace("\"at\"", reading);
                let schedule = policy(&rules).replace("name = \"house\"", &format!("name = \"house\"\ntimezone = \"{zone}\""));
                let tenure = Tenure::alone()
                    .config(&format!("[database.main]\nurl = \"{}\"\nnaive_timezone = \"America/Los_Angeles\"", db.url()))
                    .schedule(&schedule);
                plan_and_run(&db, &tenure);
                let expected: Vec<_> = expected.iter().map(|(start, (n, sum))| format!("{start} | - | {n} | {sum} | 0")).collect();
                assert_eq!((sums(&db), db.count("view")), (expected, 0), "{zone} {bucket} {kind}");
            }
        }
    }

    fn days_around_a_clock_change_at_midnight_are_rolled_up(db: TestDb) {
        // Havana sets its clock back to midnight, São Paulo set it forward and back there, and Samoa left out 30 December 2011.
        for (zone, days) in [
            ("America/Havana", ["2025-11-01", "2025-11-02", "2025-11-03"]),
            ("America/Sao_Paulo", ["2018-11-03", "2018-11-04", "2018-11-05"]),
            ("America/Sao_Paulo", ["2019-02-16", "2019-02-17", "2019-02-18"]),
            ("Pacific/Apia", ["2011-12-29", "2011-12-30", "2011-12-31"]),
        ] {
            for bucket in ["hour", "day", "week"] {
                let db = TestDb::new(db.dialect);
                db.create(
                    "CREATE TABLE view (id {bigint} PRIMARY KEY, at date);
                     CREATE TABLE view_sum (bucket {tstz} NULL, views {bigint} NULL, folded smallint NOT NULL DEFAULT 0);",
                );
                for (id, day) in days.iter().enumerate() {
                    db.script(&format!("INSERT INTO view VALUES ({id}, '{day}')"));
                }
                let rules = rollup(bucket, "measures = { views = \"count\" }");
                let schedule = policy(&rules).replace("name = \"house\"", &format!("name = \"house\"\ntimezone = \"{zone}\""));
                let tenure = Tenure::alone()
                    .config(&format!("[database.main]\nurl = \"{}\"\nnaive_timezone = \"{zone}\"", db.url()))
                    .schedule(&schedule);
                let ran = plan_and_run(&db, &tenure);
                assert_eq!((ran.count("views", "done"), db.count("view")), (3, 0), "{zone} {bucket}");
                let separate = if days[1] == "2011-12-30" { 1 } else { 3 };
                assert!(bucket != "day" || db.count("view_sum WHERE views = 1") == separate, "{zone} {bucket}");
            }
        }
    }

    fn a_cutoff_within_the_hour_after_a_skipped_one_splits_no_bucket(db: TestDb) {
        db.create(
            "CREATE TABLE view (id {bigint} PRIMARY KEY, at {ts});
             CREATE TABLE view_sum (bucket {tstz} NULL, views {bigint} NULL, folded smallint NOT NULL DEFAULT 0);
             INSERT INTO view VALUES (1, '2026-03-08 00:45:00'), (2, '2026-03-08 01:45:00'), (3, '2026-03-08 03:15:00'), (4, '2026-03-08 03:45:00');",
        );
        let rules = rollup("hour", "measures = { views = \"count\" }");
        let schedule = policy(&rules).replace("name = \"house\"", "name = \"house\"\ntimezone = \"Asia/Kolkata\"");
        let tenure = Tenure::alone()
            .config(&format!("[database.main]\nurl = \"{}\"\nnaive_timezone = \"America/Los_Angeles\"", db.url()))
            .schedule(&schedule);
        // Thirty days before is 10:30 UTC, where the hour of Kolkata ends that holds rows 2 and 3.
        let at = |as_of| tenure.run(&["run", "--json", "--as-of", as_of]).expect_code(0);
        at("2026-04-07T10:30:00Z");
        assert_eq!(ids(&db, "view"), [2, 3, 4]);
        at("2026-04-07T11:30:00Z");
        assert_eq!((ids(&db, "view"), db.count("view_sum"), db.count("view_sum WHERE views = 2")), (vec![], 3, 1));
    }

    fn a_target_without_the_columns_is_refused_with_the_table_that_it_should_be(db: TestDb) {
        tables(&db);
        views(&db, 0, "2026-05-01 08:00:00", "'a'", 1..4);
        let measures = "keep = [\"course\"]\nmeasures = { visits = \"count\" }";
        let tenure = Tenure::at(&db).schedule(&policy(&rollup("day", measures)));
        let ran = Told(tenure.run(&["run", "--json"]).expect_code(1).json());
        let error = ran.rule("views")["error"].as_str().unwrap();
        assert!(error.contains("visits") && error.contains("CREATE TABLE"), "{error}");
        assert_eq!(db.count("view"), 3);
        // The shape that it names works.
        let statement = &error[error.find("CREATE TABLE").unwrap()..];
        db.script("DROP TABLE view_sum");
        db.script(statement);
        run(&tenure);
        assert_eq!((db.count("view"), db.count("view_sum WHERE visits = 3")), (0, 1));
    }

    fn a_row_that_something_refers_to_stays_and_is_rolled_up_later(db: TestDb) {
        tables(&db);
        views(&db, 0, "2026-05-01 08:00:00", "'a'", 1..5);
        db.create("CREATE TABLE mark (id {bigint}, view_id {bigint}, FOREIGN KEY (view_id) REFERENCES view (id));
                   INSERT INTO mark VALUES (1, 2);");
        let ran = told(&db, &rollup("day", COUNTED));
        assert_eq!((ran.count("views", "blocked"), ids(&db, "view"), sums(&db)), (1, vec![2], vec!["2026-05-01 00:00 | a | 3 | 70 | 0".to_owned()]));
    }
}
