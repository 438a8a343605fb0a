//! PostgreSQL's partitioned tables and inheritance: one name, many tables.

use tenure::db::Dialect;
use tenure::plan::Axis;

use super::{Story, delete_rule, hold};
use crate::harness::{Tenure, TestDb};

/// Two levels, one partition without an index, equal ctids and ages in all of them.
const PARTITIONED: &str = "
    CREATE TABLE log (id bigint, region text, at timestamptz, note text) PARTITION BY LIST (region);
    CREATE TABLE log_eu PARTITION OF log FOR VALUES IN ('eu');
    CREATE TABLE log_us PARTITION OF log FOR VALUES IN ('us') PARTITION BY RANGE (id);
    CREATE TABLE log_us_low PARTITION OF log_us FOR VALUES FROM (0) TO (100);
    CREATE TABLE log_us_rest PARTITION OF log_us DEFAULT;
    CREATE TABLE log_other PARTITION OF log DEFAULT;
    INSERT INTO log SELECT n, (ARRAY['eu', 'us', 'xx'])[n % 3 + 1],
           CASE WHEN n % 2 = 0 THEN '2025-01-01'::timestamptz + n * interval '1 hour' ELSE '2025-12-31' END, 'n' || n % 5
      FROM generate_series(1, 240) n;";

const INDEX: &str = "CREATE INDEX ON log (at);";

#[test]
fn every_partition_is_purged_of_its_own_rows_with_and_without_an_index() {
    for index in ["", INDEX, "CREATE INDEX ON log_us_low (at);"] {
        let db = TestDb::new(Dialect::Postgres);
        let setup = format!("{PARTITIONED}{index}");
        let story = Story::new(&db, &setup, delete_rule("log", "\"at\"", ""));
        let axes: Vec<_> =
            story.plans(&db)[0].targets.iter().map(|target| matches!(target.axes[0], Axis::Anchor(_))).collect();
        assert_eq!(axes.len(), 4, "four tables hold the rows");
        assert_eq!(
            axes.iter().filter(|by_index| **by_index).count(),
            if index == INDEX { 4 } else { index.len().min(1) }
        );
        assert_eq!(story.becomes("DELETE FROM log WHERE at < '2025-12-01'")["done"], 120);
    }
}

#[test]
fn a_rule_on_a_partition_or_on_an_inner_one_leaves_the_others_alone() {
    for (table, left) in [("log_eu", "log_eu"), ("log_us", "log_us"), ("log_us_rest", "log_us_rest")] {
        let db = TestDb::new(Dialect::Postgres);
        Story::new(&db, PARTITIONED, delete_rule(table, "\"at\"", &format!("where = \"{table}.note <> 'n0'\"")))
            .becomes(&format!("DELETE FROM {left} WHERE at < '2025-12-01' AND note <> 'n0'"));
    }
}

#[test]
fn a_hold_on_the_root_covers_every_partition_and_a_hold_on_a_partition_only_that_one() {
    for (held, kept) in [
        ("log", "TRUE"),
        ("log_us", "region = 'us'"),
        ("log_us_low", "region = 'us' AND id < 100"),
        ("log_other", "region = 'xx'"),
    ] {
        let db = TestDb::new(Dialect::Postgres);
        let schedule = delete_rule("log", "\"at\"", "") + &hold(held, "note IN ('n1', 'n4')");
        let done = Story::new(&db, PARTITIONED, schedule)
            .becomes(&format!("DELETE FROM log WHERE at < '2025-12-01' AND NOT (note IN ('n1', 'n4') AND {kept})"));
        assert_ne!(done["held"], 0);
    }
}

#[test]
fn a_hold_on_the_root_covers_the_rows_of_a_rule_on_a_partition() {
    let db = TestDb::new(Dialect::Postgres);
    let schedule = delete_rule("log_us_low", "\"at\"", "") + &hold("log", "note = 'n2'");
    Story::new(&db, PARTITIONED, schedule).becomes("DELETE FROM log_us_low WHERE at < '2025-12-01' AND note <> 'n2'");
}

#[test]
fn what_goes_with_the_rows_of_partitions_is_counted_once_and_under_the_holds_of_each() {
    let keyed = "CREATE TABLE message (id bigint, region text, at timestamptz, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
         CREATE TABLE message_eu PARTITION OF message FOR VALUES IN ('eu');
         CREATE TABLE message_us PARTITION OF message FOR VALUES IN ('us');
         CREATE TABLE copy (id bigserial PRIMARY KEY, from_id bigint, from_region text, to_id bigint, to_region text,
             FOREIGN KEY (from_id, from_region) REFERENCES message ON DELETE CASCADE,
             FOREIGN KEY (to_id, to_region) REFERENCES message ON DELETE CASCADE);
         INSERT INTO message SELECT n, (ARRAY['eu', 'us'])[n % 2 + 1], '2025-01-01', 'n' || n % 3 FROM generate_series(1, 12) n;
         INSERT INTO copy (from_id, from_region, to_id, to_region) VALUES (1, 'us', 2, 'eu'), (2, 'eu', 3, 'us'), (2, 'eu', 4, 'eu'),
             (5, 'us', 7, 'us'), (6, 'eu', 8, 'eu'), (9, 'us', 11, 'us'), (1, 'us', 7, 'us'), (4, 'eu', 10, 'eu'), (NULL, 'us', 10, 'eu');";
    for held in ["message_eu", "message_us", "message"] {
        let db = TestDb::new(Dialect::Postgres);
        let schedule = delete_rule("message", "\"at\"", "") + &hold(held, "note = 'n1'");
        Story::new(&db, keyed, schedule).becomes(&format!(
            "DELETE FROM message WHERE (id, region) NOT IN (SELECT id, region FROM {held} WHERE note = 'n1')"
        ));
    }
}

#[test]
fn a_partitioned_child_goes_with_its_parent_and_a_hold_on_one_of_its_partitions_covers_only_rows_there() {
    let setup = "CREATE TABLE visit (id bigint PRIMARY KEY, at timestamptz);
         CREATE TABLE click (id bigint, visit bigint REFERENCES visit ON DELETE CASCADE, kind text) PARTITION BY LIST (kind);
         CREATE TABLE click_buy PARTITION OF click FOR VALUES IN ('buy');
         CREATE TABLE click_look PARTITION OF click FOR VALUES IN ('look');
         INSERT INTO visit SELECT n, '2025-01-01' FROM generate_series(1, 4) n;
         INSERT INTO click VALUES (1, 1, 'buy'), (2, 1, 'look'), (3, 2, 'look'), (4, 3, 'buy');";
    let db = TestDb::new(Dialect::Postgres);
    let schedule = delete_rule("visit", "\"at\"", "") + &hold("click_buy", "visit < 3");
    let done = Story::new(&db, setup, schedule).becomes("DELETE FROM visit WHERE id <> 1");
    assert_eq!((&done["held"], &done["cascaded"]["click"]), (&1.into(), &2.into()));
}

#[test]
fn an_inheritance_parent_that_holds_rows_itself_is_purged_with_its_children_and_never_twice() {
    for index in ["", "CREATE INDEX ON event (at); CREATE INDEX ON event_old (at);"] {
        // Equal ctids in both tables: what is expired in the one is young in the other.
        let setup = format!(
            "CREATE TABLE event (id bigint PRIMARY KEY, at timestamp);
             CREATE TABLE event_old (extra text) INHERITS (event); CREATE TABLE event_older () INHERITS (event_old);
             INSERT INTO event SELECT n, CASE WHEN n % 2 = 0 THEN '2025-01-01'::timestamp ELSE '2025-12-31' END FROM generate_series(1, 400) n;
             INSERT INTO event_old SELECT n, CASE WHEN n % 2 = 1 THEN '2025-01-01'::timestamp ELSE '2025-12-31' END, 'x' FROM generate_series(1, 400) n;
             INSERT INTO event_older SELECT n, '2025-12-31', 'x' FROM generate_series(1, 400) n;{index}"
        );
        let db = TestDb::new(Dialect::Postgres);
        let done = Story::new(&db, &setup, delete_rule("event", "\"at\"", ""))
            .becomes("DELETE FROM event WHERE at < '2025-12-01'");
        assert_eq!(done["done"], 400);

        let other = TestDb::new(Dialect::Postgres);
        Story::new(&other, &setup, delete_rule("event_old", "\"at\"", ""))
            .becomes("DELETE FROM event_old WHERE at < '2025-12-01'");
    }
}

#[test]
fn a_child_table_may_have_its_columns_in_another_order() {
    let setup = "CREATE TABLE log (id bigint, at timestamptz, gone text, note text) PARTITION BY RANGE (id);
         CREATE TABLE log_1 (note text, extra_dropped text, at timestamptz, id bigint); ALTER TABLE log_1 DROP COLUMN extra_dropped;
         ALTER TABLE log DROP COLUMN gone; ALTER TABLE log ATTACH PARTITION log_1 DEFAULT;
         INSERT INTO log VALUES (1, '2025-01-01', 'a'), (2, '2025-12-31', 'a'), (3, '2025-01-01', 'b');";
    let db = TestDb::new(Dialect::Postgres);
    Story::new(&db, setup, delete_rule("log", "\"at\"", "where = \"note = 'a'\""))
        .becomes("DELETE FROM log WHERE id = 1");
}

#[test]
fn many_rows_of_one_day_are_purged_although_no_window_on_that_day_is_short() {
    for (dialect, setup) in [
        (
            Dialect::Postgres,
            "CREATE TABLE tie (id bigint PRIMARY KEY, day date); CREATE INDEX ON tie (day);
             INSERT INTO tie SELECT n, '2025-01-01' FROM generate_series(1, 60) n;
             INSERT INTO tie SELECT n, '2025-01-02' FROM generate_series(100, 25000) n;
             INSERT INTO tie SELECT n, '2025-12-01' FROM generate_series(30000, 30010) n;
             INSERT INTO tie SELECT n, '2025-12-02' FROM generate_series(40000, 40010) n;",
        ),
        (
            Dialect::Mysql,
            "CREATE TABLE tie (id BIGINT PRIMARY KEY, day DATE, KEY (day));
             INSERT INTO tie SELECT seq, '2025-01-01' FROM seq_1_to_60;
             INSERT INTO tie SELECT seq, '2025-01-02' FROM seq_100_to_12000;
             INSERT INTO tie SELECT seq, '2025-12-01' FROM seq_30000_to_30010;
             INSERT INTO tie SELECT seq, '2025-12-02' FROM seq_40000_to_40010;",
        ),
    ] {
        let db = TestDb::new(dialect);
        let story = Story::on(&db, delete_rule("tie", "\"day\"", ""));
        db.script(setup);
        assert!(matches!(story.plans(&db)[0].targets[0].axes[0], Axis::Anchor(_)));
        let done = story.rule(&["run", "--yes"], 0);
        assert_eq!((db.count("tie"), db.scalar("SELECT min(id) FROM tie")), (11, 40_000), "{done}");
    }
}

/// A group whose people lie in several partitions or children: some in two of them.
#[test]
fn a_roll_up_takes_all_partitions_as_one_under_the_holds_of_each() {
    for (root, [a, b]) in [
        (
            "PARTITION BY HASH (person)",
            [0, 1].map(|n| format!("PARTITION OF view FOR VALUES WITH (MODULUS 2, REMAINDER {n})")),
        ),
        ("", [(); 2].map(|()| "() INHERITS (view)".to_owned())),
    ] {
        let db = TestDb::new(Dialect::Postgres);
        db.script(&format!(
            "CREATE TABLE view (at timestamptz, course text, person bigint) {root};
             CREATE TABLE view_a {a}; CREATE TABLE view_b {b};
             CREATE TABLE view_sum (bucket timestamptz, course text, n bigint, who bigint, folded smallint NOT NULL);"
        ));
        let [first, second] = if root.is_empty() { ["view_a", "view_b"] } else { ["view", "view"] };
        for (table, course, people) in
            [(first, "a", "1, 4"), (second, "a", "5, 8"), ("view", "a", "3, 4"), ("view", "c", "101, 140")]
        {
            db.script(&format!(
                "INSERT INTO {table} SELECT '2025-01-01 08:00+00', '{course}', n FROM generate_series({people}) n"
            ));
        }
        let schedule = delete_rule("view", "\"at\"", "").replace("\"delete\"", "\"aggregate\"")
            + "[rule.aggregate]\ninto = \"view_sum\"\nbucket = \"day\"\nkeep = [\"course\"]\npeople = \"person\"\n\
               at_least = 5\nmeasures = { n = \"count\", who = \"distinct(person)\" }\n"
            + &hold("view_a", "course = 'c'");
        let held = db.count("view WHERE tableoid = 'view_a'::regclass AND course = 'c'");
        let tenure = Tenure::at(&db).schedule(&schedule);
        tenure.run(&["check"]).expect_code(0);
        let ran = tenure.run(&["run", "--json", "--yes", "--as-of", "2025-12-31T00:00:00Z"]).expect_code(0).json();
        assert_eq!((ran["rules"][0]["held"].as_i64(), db.count("view")), (Some(held), held), "{ran:#}");
        assert_eq!(db.count("view_sum WHERE course = 'a' AND n = 10 AND who = 8 AND folded = 0"), 1, "{root}");
        assert_eq!(
            db.count(&format!("view_sum WHERE course = 'c' AND n = {n} AND who = {n}", n = 40 - held)),
            1,
            "{root}"
        );
    }
}
