//! Roll-ups of all small distributions of people over groups, buckets and runs: whatever is written to the target shows enough
//! people, or nobody.
//!
//! Each row has a weight of its own, a power of two, and the target sums them up: so a sum tells which rows are in it. A trigger
//! notes what each write adds. A difference between two states of a row is the sum of what was added between them, of ever
//! other rows: where each write shows enough people, so does each difference.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tenure::config::Config;
use tenure::db::{Dialect, Value};
use tenure::diagnostic::place::Source;
use tenure::record::{RunRecord, Status};
use tenure::schedule;

use super::judge::execute;
use crate::harness::TestDb;

/// One view of somebody, or of nobody known.
#[derive(Debug, Clone, Copy)]
struct View {
    person: Option<u32>,
    /// A group of one bucket, or a bucket.
    place: u32,
    /// Before which of two runs it comes.
    run: u32,
}

/// The sixteen of three people and nobody, two places and two runs.
fn view(number: u32) -> View {
    View { person: (number % 4).checked_sub(1), place: number / 4 % 2, run: number / 8 }
}

/// All sets of at most so many views. Of those that are the same but for who is who and which place is which, the first.
fn distributions(most: u32) -> Vec<Vec<View>> {
    const ORDERS: [[u32; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let other = |number: u32, order: [u32; 3], turn: u32| {
        let View { person, place, run } = view(number);
        person.map_or(0, |person| 1 + order[person as usize]) + 4 * (place ^ turn) + 8 * run
    };
    let numbers = |set: u32| (0..16).filter(move |number| set & (1 << number) != 0);
    let is_first = |set: &u32| {
        let sames = ORDERS.iter().flat_map(|order| [0, 1].map(|turn| (*order, turn)));
        sames
            .into_iter()
            .all(|(order, turn)| *set <= numbers(*set).map(|number| 1 << other(number, order, turn)).sum::<u32>())
    };
    let small = (1..1u32 << 16).filter(|set| set.count_ones() <= most);
    small.filter(is_first).map(|set| numbers(set).map(view).collect()).collect()
}

/// The views that a sum of weights stands for.
fn summed(views: &[View], sum: i64) -> Vec<View> {
    let chosen = views.iter().enumerate().filter(|(at, _)| sum & (1 << at) != 0);
    chosen.map(|(_, view)| *view).collect()
}

fn known(views: &[View]) -> usize {
    views.iter().filter_map(|view| view.person).collect::<BTreeSet<_>>().len()
}

/// A target that notes what is added to which of its rows.
fn tables(db: &TestDb, name: &str) {
    db.script(&format!(
        "CREATE TABLE {name} (at datetime, course bigint, person bigint, weight bigint);
         CREATE INDEX {name}_at ON {name} (at);
         CREATE TABLE {name}_sum (bucket datetime, course bigint, weight numeric, folded smallint NOT NULL);
         CREATE TABLE {name}_added (bucket datetime, weight bigint);
         CREATE TRIGGER {name}_new AFTER INSERT ON {name}_sum BEGIN INSERT INTO {name}_added VALUES (NEW.bucket, NEW.weight); END;
         CREATE TRIGGER {name}_more AFTER UPDATE ON {name}_sum BEGIN
             INSERT INTO {name}_added VALUES (NEW.bucket, NEW.weight - OLD.weight);
         END;"
    ));
}

fn rule(name: &str, at_least: usize) -> String {
    format!(
        "[[rule]]\nname = \"{name}\"\ntable = \"{name}\"\nanchor = \"at\"\nretain = \"30 days\"\naction = \"aggregate\"\n\
         guard = {{ max_share = 1 }}\n[rule.aggregate]\ninto = \"{name}_sum\"\nbucket = \"day\"\nkeep = [\"course\"]\n\
         people = \"person\"\nat_least = {at_least}\nmeasures = {{ weight = \"sum(weight)\" }}\n"
    )
}

fn roll_up(db: &TestDb, rules: &str) -> RunRecord {
    let text = format!("[policy]\nname = \"rollup\"\n{rules}");
    let schedule = schedule::parse(Source { path: PathBuf::from("s.toml"), text: text.as_str().into() }).unwrap();
    let done = execute(&Config::for_url(db.url()), &schedule);
    for rule in &done.rules {
        assert_eq!((rule.status, &rule.error, rule.remaining), (Status::Ok, &None, 0));
    }
    done
}

/// Days since 2000 of the bucket, where there is one, and the sum that was added.
fn added(db: &TestDb, name: &str) -> Vec<(Option<usize>, i64)> {
    let day = "CAST(julianday(bucket) - julianday('2000-01-01') AS bigint)";
    let rows = db.rows(&format!("SELECT {day}, CAST(weight AS bigint) FROM {name}_added"));
    rows.iter()
        .map(|row| match row[..] {
            [Value::Int(day), Value::Int(sum)] => (usize::try_from(day).ok(), sum),
            [Value::Null, Value::Int(sum)] => (None, sum),
            ref other => panic!("{other:?}"),
        })
        .collect()
}

fn insert(db: &TestDb, name: &str, rows: impl Iterator<Item = (usize, u32, View, usize)>) {
    let rows: Vec<_> = rows
        .map(|(day, course, view, at)| {
            let date = jiff::civil::date(2000, 1, 1) + jiff::Span::new().days(day as i64);
            let person = view.person.map_or_else(|| "NULL".to_owned(), |person| person.to_string());
            format!("('{date} 08:00:00', {course}, {person}, {})", 1u64 << at)
        })
        .collect();
    if !rows.is_empty() {
        db.script(&format!("INSERT INTO {name} VALUES {}", rows.join(", ")));
    }
}

/// What was added in all, of which nothing twice.
#[track_caller]
fn assert_enough(at_least: usize, views: &[View], sums: &[i64]) -> i64 {
    for sum in sums {
        let shown = known(&summed(views, *sum));
        assert!(shown == 0 || shown >= at_least, "{shown} people of {at_least} are shown: {views:?} {sums:?}");
    }
    let all = sums.iter().fold(0, |all, sum| all | sum);
    assert_eq!(all, sums.iter().sum::<i64>(), "added twice: {views:?} {sums:?}");
    all
}

fn of_run(views: &[View], run: u32) -> i64 {
    views.iter().enumerate().filter(|(_, view)| view.run == run).map(|(at, _)| 1 << at).sum()
}

/// One bucket for each distribution over two groups and two runs.
fn each_bucket_shows_enough_people(at_least: usize) {
    let db = TestDb::new(Dialect::Sqlite);
    tables(&db, "v");
    let all = distributions(5);
    assert!(all.len() > 500, "{}", all.len());
    for run in 0..2 {
        let rows = all.iter().enumerate().flat_map(|(day, views)| {
            let mine = views.iter().enumerate().filter(|(_, view)| view.run == run);
            mine.map(move |(at, view)| (day, view.place, *view, at))
        });
        insert(&db, "v", rows);
        roll_up(&db, &rule("v", at_least));
    }
    assert_eq!(db.count("v"), 0);
    let added = added(&db, "v");
    for (day, views) in all.iter().enumerate() {
        let sums: Vec<i64> = added.iter().filter(|(of, _)| *of == Some(day)).map(|(_, sum)| *sum).collect();
        let shown = assert_enough(at_least, views, &sums);
        for run in [0, 1].map(|run| of_run(views, run)) {
            let wanted = if known(&summed(views, run)) >= at_least { run } else { 0 };
            assert_eq!(shown & run, wanted, "a bucket is shown where it has enough people: {views:?} {sums:?}");
        }
    }
}

/// One table for each distribution over two buckets and two runs.
fn what_is_left_of_all_buckets_shows_enough_people(at_least: usize) {
    let db = TestDb::new(Dialect::Sqlite);
    let all = distributions(4);
    let name = |table: usize| format!("v{table}");
    let rules: String = (0..all.len()).map(|table| rule(&name(table), at_least)).collect();
    (0..all.len()).for_each(|table| tables(&db, &name(table)));
    for run in 0..2 {
        for (table, views) in all.iter().enumerate() {
            let mine = views.iter().enumerate().filter(|(_, view)| view.run == run);
            insert(&db, &name(table), mine.map(|(at, view)| (view.place as usize, 0, *view, at)));
        }
        let done = roll_up(&db, &rules);
        for (table, views) in all.iter().enumerate() {
            let context = format!("{views:?}, run {run}");
            let sums: Vec<i64> = added(&db, &name(table)).into_iter().map(|(_, sum)| sum).collect();
            let shown = assert_enough(at_least, views, &sums) & of_run(views, run);
            let mine = of_run(views, run);
            let suppressed = done.rules.iter().find(|rule| rule.rule == name(table)).map(|rule| rule.suppressed);
            assert_eq!(suppressed, Some(u64::from((mine & !shown).count_ones())), "{context}");
            let left = known(&summed(views, mine & !shown));
            assert!(left < at_least && (left > 0 || shown == mine), "what could be shown was not: {context}");
            assert_eq!(db.count(&name(table)), 0, "{context}");
        }
    }
}

#[test]
fn each_bucket_shows_two_people_or_nobody() {
    each_bucket_shows_enough_people(2);
}

#[test]
fn each_bucket_shows_three_people_or_nobody() {
    each_bucket_shows_enough_people(3);
}

#[test]
fn what_is_left_of_all_buckets_shows_two_people_or_nobody() {
    what_is_left_of_all_buckets_shows_enough_people(2);
}

#[test]
fn what_is_left_of_all_buckets_shows_three_people_or_nobody() {
    what_is_left_of_all_buckets_shows_enough_people(3);
}
