//! How old a row is: for every kind of age column a row just before the cutoff, which goes, and the rows on it and just
//! after it, which stay; and all that is no time, which stays too.

use jiff::Timestamp;

use crate::harness::story::{CUTOFF, Told, delete_rule, edges, ids, moment, plan_and_run, policy};
use crate::harness::{Tenure, TestDb};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Goes,
    Stays,
    /// Stays, and is counted as a row without a known age.
    NoTime,
}

use Fate::{Goes, NoTime, Stays};

/// A table `t` with one row a value in `at`, of the type that `column` says; each meets its fate under the rule `r`.
#[track_caller]
fn judged(db: &TestDb, column: &str, anchor: &str, values: &[(String, Fate)]) -> Told {
    judged_by(db, Tenure::at(db), column, anchor, values)
}

#[track_caller]
fn judged_by(db: &TestDb, tenure: Tenure, column: &str, anchor: &str, values: &[(String, Fate)]) -> Told {
    db.create(&format!("CREATE TABLE t (id {{bigint}}, at {column});"));
    for (id, (value, _)) in values.iter().enumerate() {
        db.script(&format!("INSERT INTO t VALUES ({id}, {value})"));
    }
    assert_fates(db, tenure, anchor, values)
}

#[track_caller]
fn assert_fates(db: &TestDb, tenure: Tenure, anchor: &str, values: &[(String, Fate)]) -> Told {
    let rule = format!(
        "[[rule]]\nname = \"r\"\ntable = \"t\"\n{anchor}\naction = \"delete\"\nguard = {{ max_share = 1, max_age = \"forever\" }}"
    );
    let ran = plan_and_run(db, &tenure.schedule(&policy(&rule)));
    let left = ids(db, "t");
    let missed: Vec<_> = values
        .iter()
        .enumerate()
        .filter(|(id, (_, fate))| left.contains(&(*id as i64)) == (*fate == Goes))
        .map(|(_, wrong)| wrong)
        .collect();
    assert!(missed.is_empty(), "{anchor}: another fate than {missed:?}");
    let due = values.iter().filter(|(_, fate)| *fate == Goes).count();
    assert_eq!(ran.count("r", "eligible"), due as u64, "{anchor}: rows that are due");
    let no_time = values.iter().filter(|(_, fate)| *fate == NoTime).count();
    assert_eq!(ran.count("r", "no_anchor"), no_time as u64, "{anchor}: rows without a known age");
    ran
}

const AT: &str = "anchor = \"at\"\nretain = \"30 days\"";

fn text(value: &str, fate: Fate) -> (String, Fate) {
    (format!("'{value}'"), fate)
}

fn null() -> (String, Fate) {
    ("NULL".to_owned(), NoTime)
}

/// The cutoff's edges in whole units since 1970, and what never is a time.
fn epochs(per_second: i64) -> Vec<(String, Fate)> {
    let on = CUTOFF.parse::<Timestamp>().unwrap().as_microsecond() / (1_000_000 / per_second);
    let number = |value: i64, fate| (value.to_string(), fate);
    vec![
        number(1, Goes),
        number(on - 1, Goes),
        number(on, Stays),
        number(on + 1, Stays),
        number(0, NoTime),
        number(-1, NoTime),
        null(),
    ]
}

on_every_database! {
    fn instants_are_told_apart_to_the_microsecond(db: TestDb) {
        let [before, on, after] = edges();
        judged(&db, "{tstz} NULL", AT, &[(before, Goes), (on, Stays), (after, Stays), null()]);
    }

    fn naive_times_are_told_apart_to_the_microsecond(db: TestDb) {
        let [before, on, after] = edges();
        judged(&db, "{ts}", AT, &[(before, Goes), (on, Stays), (after, Stays), null()]);
    }

    fn naive_times_mean_the_zone_that_the_config_names(db: TestDb) {
        // The cutoff is 12:00 in UTC, which was 05:00 in Los Angeles.
        let tenure = Tenure::alone()
            .config(&format!("[database.main]\nurl = \"{}\"\nnaive_timezone = \"America/Los_Angeles\"", db.url()));
        let values = [
            text("2026-05-31 04:59:59.999999", Goes),
            text("2026-05-31 05:00:00.000000", Stays),
            text("2026-05-31 05:00:00.000001", Stays),
            text("2026-05-31 11:59:59.999999", Stays),
        ];
        judged_by(&db, tenure, "{ts}", AT, &values);
    }

    fn naive_times_mean_that_zone_also_in_a_database_that_the_command_line_names(db: TestDb) {
        let elsewhere = "[database.campus]\nurl = \"sqlite://elsewhere.db\"\nnaive_timezone = \"America/Los_Angeles\"";
        let values = [text("2026-05-31 04:59:59.999999", Goes), text("2026-05-31 05:00:00.000000", Stays)];
        judged_by(&db, Tenure::at(&db).config(elsewhere), "{ts}", AT, &values);
    }

    fn a_day_is_over_when_all_of_it_is(db: TestDb) {
        judged(&db, "date", AT, &[text("2026-05-30", Goes), text("2026-05-31", Stays), text("2026-06-01", Stays), null()]);
    }

    fn seconds_since_1970_count_and_zero_is_no_time(db: TestDb) {
        judged(&db, "{bigint}", "anchor = { column = \"at\", as = \"epoch-seconds\" }\nretain = \"30 days\"", &epochs(1));
    }

    fn milliseconds_since_1970_count(db: TestDb) {
        judged(&db, "{bigint}", "anchor = { column = \"at\", as = \"epoch-millis\" }\nretain = \"30 days\"", &epochs(1_000));
    }

    fn microseconds_since_1970_count(db: TestDb) {
        judged(
            &db,
            "{bigint}",
            "anchor = { column = \"at\", as = \"epoch-micros\" }\nretain = \"30 days\"",
            &epochs(1_000_000),
        );
    }

    fn broken_seconds_since_1970_count_to_the_fraction(db: TestDb) {
        let on = CUTOFF.parse::<Timestamp>().unwrap().as_second();
        let number = |value: f64, fate| (format!("{value:.6}"), fate);
        let values = [
            number(on as f64 - 0.001, Goes),
            number(on as f64, Stays),
            number(on as f64 + 0.001, Stays),
            number(0.0, NoTime),
            number(-0.5, NoTime),
            null(),
        ];
        let anchor = "anchor = { column = \"at\", as = \"epoch-seconds\" }\nretain = \"30 days\"";
        judged(&db, "double precision", anchor, &values);
    }

    fn decimal_milliseconds_since_1970_count(db: TestDb) {
        let on = CUTOFF.parse::<Timestamp>().unwrap().as_millisecond();
        let values = [(format!("{}.9", on - 1), Goes), (format!("{on}.0"), Stays), (format!("{on}.1"), Stays), null()];
        let anchor = "anchor = { column = \"at\", as = \"epoch-millis\" }\nretain = \"30 days\"";
        judged(&db, "numeric(20,3)", anchor, &values);
    }

    fn iso_texts_are_read_with_and_without_zone_and_what_is_no_time_stays(db: TestDb) {
        let values = [
            text("2026-05-31T11:59:59.999999Z", Goes),
            text("2026-05-31T12:00:00Z", Stays),
            text("2026-05-31T12:00:00.000001Z", Stays),
            text("2026-05-31 11:59:59", Goes),
            text("2026-05-31 12:00", Stays),
            text("2026-05-31T13:59:59.999999+02:00", Goes),
            text("2026-05-31T14:00:00+02:00", Stays),
            text("2026-05-31T04:59:59-0700", Goes),
            text("2026-05-31T05:00:00-0700", Stays),
            text("2026-05-31T06:30:00-05:30", Stays),
            text("2026-05-31T06:29:59-05:30", Goes),
            text("2026-05-30", Goes),
            text("2026-05-31", Stays),
            text("1999-12-31", Goes),
            text("soon", NoTime),
            text("2026-02-30", NoTime),
            text("2026-05-30T25:00:00Z", NoTime),
            text("20260530", NoTime),
            text("1", NoTime),
            text("2010-01-01T00:00:00+14:00", Goes),
            text("2010-01-01T00:00:00+16:00", NoTime),
            text("2010-01-01T00:00:00.123456789-12:00", Goes),
            text("0001-01-01T00:00:00Z", NoTime),
            text("9999-12-31 23:59:59", NoTime),
            text("0000-00-00 00:00:00", NoTime),
            text("", NoTime),
            null(),
        ];
        let anchor = "anchor = { column = \"at\", as = \"text\" }\nretain = \"30 days\"";
        judged(&db, "{text}", anchor, &values);
    }

    fn texts_of_a_fixed_format_are_read_and_others_stay(db: TestDb) {
        let values = [
            text("20260531115959", Goes),
            text("20260531120000", Stays),
            text("20260531120001", Stays),
            text("20260230120000", NoTime),
            text("2026-05-30", NoTime),
            text("2026053111595", NoTime),
            text("00000000000000", NoTime),
            text("00010101000000", NoTime),
            text("99991231000000", NoTime),
            text("20240229120000", Goes),
            text("20230229120000", NoTime),
            text("20260431120000", NoTime),
            text("20261331120000", NoTime),
            text("20200101240000", NoTime),
            text("", NoTime),
            null(),
        ];
        let anchor = "anchor = { column = \"at\", as = \"text\", format = \"%Y%m%d%H%M%S\" }\nretain = \"30 days\"";
        judged(&db, "{text}", anchor, &values);
    }

    fn texts_that_begin_with_the_day_are_read_by_their_fields_and_not_by_their_order(db: TestDb) {
        let values = [
            text("30/05/2026", Goes),
            text("31/05/2026", Stays),
            text("01/06/2026", Stays),
            text("31/12/1999", Goes),
            text("01/01/2027", Stays),
            text("31/02/2026", NoTime),
            text("29/02/2024", Goes),
            text("01/01/0001", NoTime),
            text("31/12/9999", NoTime),
            text("01-01-2020", NoTime),
        ];
        let anchor = "anchor = { column = \"at\", as = \"text\", format = \"%d/%m/%Y\" }\nretain = \"30 days\"";
        judged(&db, "{text}", anchor, &values);
    }

    fn what_expires_is_due_once_that_time_has_passed(db: TestDb) {
        let as_of = crate::harness::story::AS_OF;
        let values = [
            (moment(as_of, -1), Goes),
            (moment(as_of, 0), Stays),
            (moment(as_of, 1), Stays),
            (moment(as_of, 86_400_000_000 * 365), Stays),
            null(),
        ];
        judged(&db, "{tstz} NULL", "expires = \"at\"", &values);
    }

    fn the_latest_of_several_anchors_counts_and_an_unknown_one_does_not(db: TestDb) {
        let [before, on, _] = edges();
        let (old, new) = ("'2020-01-01 00:00:00'", "'2026-06-29 00:00:00'");
        db.create("CREATE TABLE t (id {bigint}, made {ts}, at {ts}, seen {bigint});");
        let rows = [
            (old, before.as_str(), "0", Goes),
            (old, &on, "0", Stays),
            (&before, old, "NULL", Goes),
            (&on, old, "0", Stays),
            (new, old, "0", Stays),
            ("NULL", &before, "0", Goes),
            (&before, "NULL", "0", Goes),
            (old, old, "1780228799", Goes),
            (old, old, "1780228800", Stays),
            ("NULL", "NULL", "1", Goes),
            ("NULL", "NULL", "0", NoTime),
        ];
        assert_eq!(CUTOFF.parse::<Timestamp>().unwrap().as_second(), 1_780_228_800);
        for (id, (made, at, seen, _)) in rows.iter().enumerate() {
            db.script(&format!("INSERT INTO t VALUES ({id}, {made}, {at}, {seen})"));
        }
        let values: Vec<_> = rows.map(|(made, at, seen, fate)| (format!("{made}, {at}, {seen}"), fate)).into();
        let anchor =
            "anchor = [\"made\", \"at\", { column = \"seen\", as = \"epoch-seconds\" }]\nretain = \"30 days\"";
        assert_fates(&db, Tenure::at(&db), anchor, &values);
    }

    fn one_odd_value_among_several_anchors_keeps_the_row(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint}, made {ts}, at {text});");
        db.script("INSERT INTO t VALUES (0, '2020-01-01 00:00:00', 'yesterday')");
        db.script("INSERT INTO t VALUES (1, '2020-01-01 00:00:00', '2020-01-01')");
        db.script("INSERT INTO t VALUES (2, '2020-01-01 00:00:00', '')");
        let anchor = "anchor = [\"made\", { column = \"at\", as = \"text\" }]\nretain = \"30 days\"";
        let values = [text("yesterday", NoTime), text("2020-01-01", Goes), text("", Goes)];
        assert_fates(&db, Tenure::at(&db), anchor, &values);
    }

    fn children_are_as_old_as_the_parent_that_they_name(db: TestDb) {
        db.create(
            "CREATE TABLE course (id {bigint} PRIMARY KEY, ended {ts});
             CREATE TABLE attempt (id {bigint} PRIMARY KEY, course_id {bigint});
             CREATE TABLE t (id {bigint}, attempt_id {bigint});",
        );
        let [before, on, after] = edges();
        for (id, ended) in [&before, &on, &after, "NULL"].into_iter().enumerate() {
            db.script(&format!("INSERT INTO course VALUES ({id}, {ended})"));
            db.script(&format!("INSERT INTO attempt VALUES ({id}, {id})"));
            db.script(&format!("INSERT INTO t VALUES ({id}, {id})"));
        }
        db.script("INSERT INTO attempt VALUES (9, 99); INSERT INTO t VALUES (4, 9); INSERT INTO t VALUES (5, 98);");
        db.script("INSERT INTO t VALUES (6, NULL)");
        let fates = [Goes, Stays, Stays, NoTime, NoTime, NoTime, NoTime];
        let values = fates.map(|fate| ("a child".to_owned(), fate));
        let anchor = "anchor = \"attempt_id -> attempt.course_id -> course.ended\"\nretain = \"30 days\"";
        assert_fates(&db, Tenure::at(&db), anchor, &values);
    }

    fn an_instant_between_two_seconds_lets_the_second_before_it_go(db: TestDb) {
        let on = CUTOFF.parse::<Timestamp>().unwrap().as_second();
        db.create("CREATE TABLE t (id {bigint}, at {bigint});");
        db.script(&format!("INSERT INTO t VALUES (0, {on}); INSERT INTO t VALUES (1, {});", on + 1));
        let rule = delete_rule("r", "t", "guard = { max_share = 1 }").replace("\"at\"", "{ column = \"at\", as = \"epoch-seconds\" }");
        let tenure = Tenure::at(&db).schedule(&policy(&rule));
        tenure.run(&["run", "--as-of", "2026-06-30T12:00:00.5Z"]).expect_code(0);
        assert_eq!(ids(&db, "t"), [1]);
    }

    fn years_and_months_are_counted_on_the_calendar_of_the_policy(db: TestDb) {
        db.create("CREATE TABLE t (id {bigint}, at {tstz});");
        // One year before 29 February 2024, midnight in Berlin, is 28 February 2023, midnight in Berlin: 23:00 in UTC.
        for (id, shift) in [-1, 0, 1].into_iter().enumerate() {
            db.script(&format!("INSERT INTO t VALUES ({id}, {})", moment("2023-02-27T23:00:00Z", shift)));
        }
        let rule = delete_rule("r", "t", "").replace("30 days", "1 year");
        let schedule = policy(&rule).replace("name = \"house\"", "name = \"house\"\ntimezone = \"Europe/Berlin\"");
        let tenure = Tenure::at(&db).schedule(&schedule);
        tenure.run(&["run", "--as-of", "2024-02-28T23:00:00Z"]).expect_code(0);
        assert_eq!(ids(&db, "t"), [1, 2]);
    }
}
