//! However a table is cut into windows, and however large they are: together they take what is due, and nothing else.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use tenure::db::predicate::window::{self, Edge, Next};
use tenure::db::write::batch;
use tenure::db::{Dialect, catalog};
use tenure::plan::{Axis, RulePlan};
use tenure::resolve::{self, Context};

use tenure::diagnostic::place::Source;
use tenure::schedule::{self, Guard};

use super::for_all;
use super::world::as_of;
use crate::harness::TestDb;

/// Day 10 and later is young. Most rows share their day with others, so that windows meet ties.
const CUTOFF: u8 = 10;

#[derive(Debug, Clone)]
struct Drawn {
    key: Key,
    indexed: bool,
    rows: Vec<DrawnRow>,
    /// Of the windows, one after the other and round again.
    sizes: Vec<u64>,
}

#[derive(Debug, Clone)]
struct DrawnRow {
    day: Option<u8>,
    /// The second part of a key of two.
    second: u8,
}

#[derive(Debug, Clone, Copy)]
enum Key {
    Integer,
    Text,
    Two,
    Missing,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let key = prop_oneof![Just(Key::Integer), Just(Key::Text), Just(Key::Two), Just(Key::Missing)];
    let row = (prop::option::weighted(0.9, 0..16u8), 0..3u8).prop_map(|(day, second)| DrawnRow { day, second });
    (key, prop::bool::weighted(0.7), vec(row, 0..60), vec(1..9u64, 1..4))
        .prop_map(|(key, indexed, rows, sizes)| Drawn { key, indexed, rows, sizes })
}

impl Drawn {
    /// `id` tells rows apart for the test; the table's key is `k`, or `k` and `l`, or none.
    fn table(&self) -> String {
        let (columns, key) = match self.key {
            Key::Integer => ("k bigint NOT NULL, l integer NOT NULL", ", PRIMARY KEY (k)"),
            Key::Text => ("k {text} NOT NULL, l integer NOT NULL", ", PRIMARY KEY (k)"),
            Key::Two => ("k bigint NOT NULL, l integer NOT NULL", ", PRIMARY KEY (l, k)"),
            Key::Missing => ("k bigint NOT NULL, l integer NOT NULL", ""),
        };
        let index = if self.indexed { "CREATE INDEX t_at ON t (at);" } else { "" };
        format!("CREATE TABLE t (id bigint NOT NULL, at {{ts}} NULL, {columns}{key}); {index}")
    }

    fn rows(&self) -> String {
        let row = |(id, row): (usize, &DrawnRow)| {
            let at = row.day.map_or("NULL".to_owned(), |day| format!("'2026-01-{:02} 00:00:00'", day + 1));
            let k = if matches!(self.key, Key::Text) { format!("'k{}'", id * 7 % 61) } else { id.to_string() };
            format!("({id}, {at}, {k}, {})", row.second)
        };
        let rows: Vec<_> = self.rows.iter().enumerate().map(row).collect();
        if rows.is_empty() { String::new() } else { format!("INSERT INTO t VALUES {}", rows.join(", ")) }
    }

    fn that_stay(&self) -> BTreeSet<i64> {
        let stays = |row: &DrawnRow| row.day.is_none_or(|day| day >= CUTOFF);
        (0..).zip(&self.rows).filter(|(_, row)| stays(row)).map(|(id, _)| id).collect()
    }
}

fn plan(db: &TestDb) -> RulePlan {
    let text = "[policy]\nname = \"windows\"\n[[rule]]\nname = \"r\"\ntable = \"t\"\nanchor = \"at\"\nretain = \"49 days\"\n\
                action = \"delete\"\n";
    let source = Source { path: PathBuf::from("s.toml"), text: text.into() };
    let schedule = schedule::parse(source).expect("a schedule without mistakes");
    let catalog = catalog::read(&mut db.open()).expect("the catalog can be read");
    let context = Context {
        catalog: &catalog,
        database: "main",
        as_of: as_of(),
        naive_zone: &TimeZone::UTC,
        guard: Guard::default(),
        hmac_key: None,
        maps: &[],
    };
    let mut resolved = resolve::resolve(&context, &schedule, |_| true, &[]);
    resolved.rules.remove(0).1.expect("the rule fits the table")
}

/// Walks the table along one axis; the rows that went, and whether it came to the end or too many rows shared a value.
fn walk(db: &TestDb, drawn: &Drawn, plan: &RulePlan, axis: &Axis) -> (u64, bool) {
    let target = &plan.targets[0];
    let mut conn = db.open();
    let mut sizes = drawn.sizes.iter().copied().cycle();
    let (mut lower, mut gone): (Option<Edge>, u64) = (None, 0);
    loop {
        let size = sizes.next().expect("there is one at least");
        let next = window::next(&mut conn, target, axis, lower.clone(), size).expect("a window");
        let Next::Window(window) = next else { return (gone, false) };
        let done = batch::delete(&mut conn, plan, target, axis, &window).expect("a batch").rows;
        match axis {
            Axis::Key(_) => assert!(done <= size, "{done} rows in a window of {size} along {axis:?}"),
            Axis::Anchor(_) => assert!(done <= 4 * size, "{done} rows in a window of {size} along {axis:?}"),
            Axis::Pages | Axis::Whole => {}
        }
        gone += done;
        match window.after() {
            Some(edge) => lower = Some(edge),
            None => return (gone, true),
        }
    }
}

fn every_axis_leaves_what_is_young(dialect: Dialect, cases: u32) {
    for_all(cases, Duration::from_secs(10), drawn(), |drawn| {
        let db = TestDb::new(dialect);
        db.create(&drawn.table());
        let plan = plan(&db);
        let stay = drawn.that_stay();
        let due = (drawn.rows.len() - stay.len()) as u64;
        for axis in &plan.targets[0].axes {
            db.script(&format!("DELETE FROM t; {}", drawn.rows()));
            let (gone, ended) = walk(&db, drawn, &plan, axis);
            // What an axis with too many equal values leaves, the next one takes.
            let rest = plan.targets[0].axes.iter().map(|axis| walk(&db, drawn, &plan, axis).0).sum::<u64>();
            let left: BTreeSet<_> = crate::harness::story::ids(&db, "t").into_iter().collect();
            assert_eq!((&left, gone + rest), (&stay, due), "along {axis:?}");
            assert!(ended || matches!(axis, Axis::Anchor(_)), "{axis:?} was left before its end");
            assert!(!ended || rest == 0, "{rest} rows were left along {axis:?}");
        }
    });
}

#[test]
fn windows_of_any_size_along_any_axis_take_what_is_due_on_sqlite() {
    every_axis_leaves_what_is_young(Dialect::Sqlite, 100);
}

#[test]
fn windows_of_any_size_along_any_axis_take_what_is_due_on_postgres() {
    every_axis_leaves_what_is_young(Dialect::Postgres, 40);
}

#[test]
fn windows_of_any_size_along_any_axis_take_what_is_due_on_mysql() {
    every_axis_leaves_what_is_young(Dialect::Mysql, 40);
}
