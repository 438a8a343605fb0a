//! Schemas in the manner of Moodle: no foreign key at all, times as whole seconds, zero for never.

use super::{Story, delete_rule, hold};
use crate::harness::TestDb;

const OLD: i64 = 1_764_633_599; // 2025-12-01 23:59:59 UTC
const CUTOFF: i64 = OLD + 1;

fn setup() -> String {
    format!(
        "CREATE TABLE mdl_quiz (id {{bigint}} NOT NULL PRIMARY KEY, timeclosed {{bigint}} DEFAULT 0 NOT NULL);
         CREATE TABLE mdl_quiz_attempts (id {{bigint}} NOT NULL PRIMARY KEY, quiz {{bigint}} DEFAULT 0 NOT NULL);
         CREATE TABLE mdl_question (id {{bigint}} NOT NULL PRIMARY KEY, attempt {{bigint}} DEFAULT 0 NOT NULL, note {{text}});
         INSERT INTO mdl_quiz VALUES (1, {OLD}), (2, {CUTOFF}), (3, 0), (4, {OLD}), (5, -1), (6, 1);
         INSERT INTO mdl_quiz_attempts VALUES (10, 1), (11, 2), (12, 0), (13, 4), (14, 77);
         INSERT INTO mdl_question VALUES (100, 10, ''), (101, 10, ''), (102, 11, ''), (103, 13, 'held'), (104, 0, '');"
    )
}

const SECONDS: &str = "{ column = \"timeclosed\", as = \"epoch-seconds\" }";

on_every_database! {
    fn a_cascade_by_columns_needs_no_foreign_key_and_zero_is_never(db: TestDb) {
        let cascade = "cascade = [{ table = \"mdl_quiz_attempts\", column = \"quiz\" },
             { table = \"mdl_question\", column = \"attempt\", parent = \"mdl_quiz_attempts\" }]";
        let schedule = delete_rule("mdl_quiz", SECONDS, cascade) + &hold("mdl_question", "note = 'held'");
        let done = Story::new(&db, &setup(), schedule).becomes(
            "DELETE FROM mdl_question WHERE id IN (100, 101); DELETE FROM mdl_quiz_attempts WHERE id = 10;
             DELETE FROM mdl_quiz WHERE id IN (1, 6)",
        );
        assert_eq!((&done["done"], &done["held"], &done["no_anchor"]), (&2.into(), &1.into(), &2.into()));
    }

    fn without_a_foreign_key_nothing_keeps_a_row_and_nothing_else_is_touched(db: TestDb) {
        Story::new(&db, &setup(), delete_rule("mdl_quiz", SECONDS, "")).becomes("DELETE FROM mdl_quiz WHERE id IN (1, 4, 6)");
    }

    fn the_age_may_lie_two_parents_away_and_a_missing_parent_tells_none(db: TestDb) {
        let anchor = "{ column = \"attempt -> mdl_quiz_attempts.quiz -> mdl_quiz.timeclosed\", as = \"epoch-seconds\" }";
        let done = Story::new(&db, &setup(), delete_rule("mdl_question", anchor, "")).becomes("DELETE FROM mdl_question WHERE id IN (100, 101, 103)");
        assert_eq!(done["no_anchor"], 1);
    }

    fn the_latest_of_several_times_counts_and_zeros_among_them_do_not(db: TestDb) {
        let setup = format!(
            "CREATE TABLE course (id {{bigint}} NOT NULL PRIMARY KEY, enddate {{bigint}} NOT NULL, seen {{bigint}}, changed {{ts}});
             INSERT INTO course VALUES (1, {OLD}, 0, NULL), (2, {OLD}, {CUTOFF}, NULL), (3, 0, NULL, NULL), (4, {OLD}, NULL, '2025-12-02 00:00:00'),
             (5, 0, 0, '2025-12-01 23:59:59.999999'), (6, {OLD}, {OLD}, '2025-01-01 00:00:00'), (7, {CUTOFF}, 0, '2025-01-01 00:00:00');"
        );
        let anchor = "[{ column = \"enddate\", as = \"epoch-seconds\" }, { column = \"seen\", as = \"epoch-seconds\" }, \"changed\"]";
        let done = Story::new(&db, &setup, delete_rule("course", anchor, "")).becomes("DELETE FROM course WHERE id IN (1, 5, 6)");
        assert_eq!(done["no_anchor"], 1);
    }

    fn short_integers_hold_seconds_without_overflow(db: TestDb) {
        let kind = if db.dialect == tenure::db::Dialect::Mysql { "INT UNSIGNED" } else { "integer" };
        let setup = format!(
            "CREATE TABLE log (id {{bigint}} NOT NULL PRIMARY KEY, clock {kind} NOT NULL); CREATE INDEX log_clock ON log (clock);
             INSERT INTO log VALUES (1, {OLD}), (2, {CUTOFF}), (3, 2147483647), (4, 0), (5, 1);"
        );
        let clock = "{ column = \"clock\", as = \"epoch-seconds\" }";
        let done = Story::new(&db, &setup, delete_rule("log", clock, "")).becomes("DELETE FROM log WHERE id IN (1, 5)");
        assert_eq!(done["oldest_kept"], "2025-12-02T00:00:00Z");
        let held = TestDb::new(db.dialect);
        let done = Story::new(&held, &setup, delete_rule("log", clock, "") + &hold("log", "id = 1")).becomes("DELETE FROM log WHERE id = 5");
        assert_eq!(done["oldest_kept"], "2025-12-01T23:59:59Z");
    }
}
