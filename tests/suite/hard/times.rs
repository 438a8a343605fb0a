//! Times: to the microsecond, in odd zones, on odd days, and in texts.

use tenure::db::Dialect;

use super::{Story, delete_rule};
use crate::harness::TestDb;

/// A table of these times, as texts where `kind` is one, numbered from 1.
fn timed(kind: &str, values: &[&str]) -> String {
    let rows: Vec<String> =
        values.iter().enumerate().map(|(index, value)| format!("({}, {value})", index + 1)).collect();
    format!(
        "CREATE TABLE log (id {{bigint}} NOT NULL PRIMARY KEY, at {kind}); CREATE INDEX log_at ON log (at); INSERT INTO log VALUES {};",
        rows.join(", ")
    )
}

#[track_caller]
fn goes(db: &TestDb, setup: &str, anchor: &str, zone: &str, retain: &str, gone: &[u32]) -> serde_json::Value {
    let gone = gone.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let schedule = delete_rule("log", anchor, "").replace("30 days", retain);
    Story::new(db, setup, schedule).in_zone(zone).becomes(&format!("DELETE FROM log WHERE id IN ({gone})"))
}

/// Naive times in Los Angeles, purged after 30 days as of another instant.
#[track_caller]
fn goes_as_of(db: &TestDb, values: &[&str], as_of: &str, gone: &[u32]) {
    let setup = timed("{ts}", values);
    let schedule = delete_rule("log", "\"at\"", "");
    let gone = gone.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    Story::new(db, &setup, schedule)
        .in_zone("America/Los_Angeles")
        .at(as_of)
        .becomes(&format!("DELETE FROM log WHERE id IN ({gone})"));
}

on_every_database! {
    fn a_row_of_the_cutoffs_own_microsecond_stays_and_the_one_before_goes(db: TestDb) {
        let values = ["'2025-12-01 23:59:59.999999'", "'2025-12-02 00:00:00'", "'2025-12-02 00:00:00.000001'", "NULL"];
        for kind in ["{ts}", "{tstz}"] {
            let db = TestDb::new(db.dialect);
            let kind = if kind == "{tstz}" && db.dialect == Dialect::Mysql { "{tstz} NULL DEFAULT NULL" } else { kind };
            let done = goes(&db, &timed(kind, &values), "\"at\"", "UTC", "30 days", &[1]);
            assert_eq!((&done["no_anchor"], &done["oldest_kept"]), (&1.into(), &"2025-12-02T00:00:00Z".into()));
        }
    }

    fn naive_times_are_read_in_the_databases_zone(db: TestDb) {
        // The cutoff is 2025-12-02 00:00 UTC: 16:00 of the day before in Los Angeles.
        let values = ["'2025-12-01 15:59:59.999999'", "'2025-12-01 16:00:00'", "'2025-12-01 23:00:00'"];
        let done = goes(&db, &timed("{ts}", &values), "\"at\"", "America/Los_Angeles", "30 days", &[1]);
        assert_eq!(done["oldest_kept"], "2025-12-02T00:00:00Z");
    }

    fn in_the_hour_that_clocks_skip_no_row_goes_too_early(db: TestDb) {
        // In Los Angeles the clocks go from 02:00 to 03:00 on 2025-03-09, at 10:00 UTC. A time in between never was: it is
        // read as late as it may have been meant.
        let values = [
            "'2025-03-09 01:29:59.999999'", "'2025-03-09 01:30:00'", "'2025-03-09 01:59:59'", "'2025-03-09 02:00:00'", "'2025-03-09 02:29:59'",
            "'2025-03-09 02:30:00'", "'2025-03-09 03:00:00'", "'2025-03-09 03:29:59'", "'2025-03-09 03:30:00'", "'2025-03-09 04:00:00'",
        ];
        // A server compares with one bound, which keeps the times right after the gap for as long as those in it.
        let after_the_gap: &[u32] = if db.dialect == Dialect::Sqlite { &[1, 2, 3, 4, 5, 7, 8] } else { &[1, 2, 3, 4, 5] };
        for (as_of, gone) in [
            ("2025-04-08T09:30:00Z", &[1][..]),
            ("2025-04-08T10:00:00Z", &[1, 2, 3]),
            ("2025-04-08T10:30:00Z", after_the_gap),
            ("2025-04-08T11:00:00Z", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ] {
            let db = TestDb::new(db.dialect);
            goes_as_of(&db, &values, as_of, gone);
        }
    }

    fn in_the_hour_that_clocks_repeat_no_row_goes_too_early(db: TestDb) {
        // In Los Angeles 2025-11-02 01:30 happens twice, at 08:30 UTC and at 09:30 UTC: the second counts.
        let values = ["'2025-11-02 00:59:59.999999'", "'2025-11-02 01:00:00'", "'2025-11-02 01:29:59'", "'2025-11-02 01:30:00'", "'2025-11-02 02:00:00'"];
        for (as_of, gone) in [
            ("2025-12-02T08:00:00Z", &[1][..]), ("2025-12-02T08:59:59Z", &[1]), ("2025-12-02T09:30:00Z", &[1, 2, 3]), ("2025-12-02T10:00:00Z", &[1, 2, 3, 4]),
            ("2025-12-02T10:00:00.000001Z", &[1, 2, 3, 4, 5]),
        ] {
            let db = TestDb::new(db.dialect);
            goes_as_of(&db, &values, as_of, gone);
        }
    }

    fn texts_tell_times_with_and_without_a_zone(db: TestDb) {
        let values = [
            "'2025-12-01T23:59:59.999999Z'", "'2025-12-02T00:00:00Z'", "'2025-12-02T01:59:59+02:00'", "'2025-12-02 02:00:00+0200'",
            "'2025-12-01 15:59:59 -08'", "'2025-12-01 16:00:00 -08'", "'2025-12-01 16:59:59.9'", "'2025-12-01 23:59:59.9'", "'2025-12-01'", "'2025-12-02'",
            "'2025-02-29'", "'yesterday'", "''", "'0000-00-00 00:00:00'", "'2025-12-01 24:00:00'", "'2024-02-29'", "'0001-01-01T00:00:00Z'", "NULL",
            "' 2025-01-01'", "'2025-01-01 '", "'2025-1-1'", "'2025-01-01 10:00:00 UTC'", "'9999-12-30 00:00:00Z'", "'٢٠٢٥-٠١-٠١'",
        ];
        let done = goes(&db, &timed("{text}", &values), "{ column = \"at\", as = \"text\" }", "UTC", "30 days", &[1, 3, 5, 7, 8, 9, 16]);
        // As many as are no time, the years that mean "never", and what may be a time for some and is none for us: none of them goes.
        assert_eq!(done["no_anchor"], 13);
        let other = TestDb::new(db.dialect);
        let berlin = goes(&other, &timed("{text}", &values), "{ column = \"at\", as = \"text\" }", "Europe/Berlin", "30 days", &[1, 3, 5, 7, 8, 9, 16]);
        assert_eq!(berlin["no_anchor"], 13);
    }

    fn texts_of_fields_are_read_by_their_format(db: TestDb) {
        let values = ["'20251201235959'", "'20251202000000'", "'20250229000000'", "'2025120123595'", "'00000000000000'", "'20240229000000'", "'2025x201235959'"];
        goes(&db, &timed("{text}", &values), "{ column = \"at\", as = \"text\", format = \"%Y%m%d%H%M%S\" }", "UTC", "30 days", &[1, 6]);
    }

    fn broken_seconds_are_compared_to_the_fraction(db: TestDb) {
        let kind = match db.dialect { Dialect::Sqlite => "real", Dialect::Postgres => "double precision", Dialect::Mysql => "DOUBLE" };
        let values = ["1764633599.9999", "1764633600.0", "1764633600.0001", "0.0", "0.25", "NULL", "-5.5"];
        let done = goes(&db, &timed(kind, &values), "{ column = \"at\", as = \"epoch-seconds\" }", "UTC", "30 days", &[1, 5]);
        assert_eq!(done["no_anchor"], 3);
        let kind = if db.dialect == Dialect::Sqlite { "numeric" } else { "decimal(20, 6)" };
        let other = TestDb::new(db.dialect);
        goes(&other, &timed(kind, &values), "{ column = \"at\", as = \"epoch-seconds\" }", "UTC", "30 days", &[1, 5]);
    }

    fn milliseconds_and_microseconds_are_compared_as_such(db: TestDb) {
        for (unit, values) in [("epoch-millis", ["1764633599999", "1764633600000", "9223372036854775807", "1"]), ("epoch-micros", ["1764633599999999", "1764633600000000", "9223372036854775807", "1"])] {
            let db = TestDb::new(db.dialect);
            goes(&db, &timed("{bigint}", &values), &format!("{{ column = \"at\", as = \"{unit}\" }}"), "UTC", "30 days", &[1, 4]);
        }
    }

    fn a_year_from_the_29th_of_february_ends_on_the_28th(db: TestDb) {
        // As of 2028-02-29, two years before is 2026-02-28.
        let values = ["'2026-02-27 23:59:59.999999'", "'2026-02-28 00:00:00'", "'2026-03-01 00:00:00'"];
        let setup = timed("{ts}", &values);
        db.create(&setup);
        let schedule = delete_rule("log", "\"at\"", "").replace("30 days", "2 years");
        let tenure = crate::harness::Tenure::at(&db).schedule(&schedule);
        let rule = tenure.run(&["plan", "--json", "--as-of", "2028-02-29T00:00:00Z"]).expect_code(0).json()["rules"][0].clone();
        assert_eq!((&rule["cutoff"], &rule["remaining"]), (&"2026-02-28T00:00:00Z".into(), &1.into()));
    }

    fn a_day_has_expired_when_all_of_it_has(db: TestDb) {
        let values = ["'2025-12-01'", "'2025-12-02'", "'2025-11-30'"];
        goes(&db, &timed("date", &values), "\"at\"", "UTC", "30 days", &[1, 3]);
        // In Los Angeles the 1st of December is not over at the cutoff.
        let other = TestDb::new(db.dialect);
        goes(&other, &timed("date", &values), "\"at\"", "America/Los_Angeles", "30 days", &[3]);
    }

    fn a_time_that_the_database_computes_is_an_anchor_like_any_other(db: TestDb) {
        let computed = match db.dialect {
            Dialect::Mysql => "at DATETIME(6) GENERATED ALWAYS AS (COALESCE(closed, opened)) VIRTUAL",
            Dialect::Postgres => "at timestamp GENERATED ALWAYS AS (COALESCE(closed, opened)) STORED",
            Dialect::Sqlite => "at timestamp GENERATED ALWAYS AS (COALESCE(closed, opened)) VIRTUAL",
        };
        let setup = format!(
            "CREATE TABLE log (id {{bigint}} NOT NULL PRIMARY KEY, opened {{ts}}, closed {{ts}}, {computed});
             INSERT INTO log (id, opened, closed) VALUES (1, '2025-01-01', NULL), (2, '2025-01-01', '2025-12-31'), (3, NULL, NULL), (4, '2025-12-31', '2025-01-01');"
        );
        goes(&db, &setup, "\"at\"", "UTC", "30 days", &[1, 4]);
    }
}
