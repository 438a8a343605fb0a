//! Roll-ups of any rows: totals are conserved, every group is its rows' own, and nobody is singled out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tenure::config::Config;
use tenure::db::{Dialect, Value};
use tenure::record::Status;

use tenure::diagnostic::place::Source;
use tenure::schedule::{self, Schedule};

use super::for_all;
use super::judge::execute;
use crate::harness::TestDb;

/// Buckets are days; with a period of 30 days before the instant of every run, days 0 to 29 have expired.
const EXPIRED_DAYS: u8 = 30;

#[derive(Debug, Clone)]
struct Drawn {
    at_least: u32,
    rows: Vec<View>,
    /// These come after the first run.
    late: Vec<View>,
}

#[derive(Debug, Clone)]
struct View {
    day: u8,
    hour: u8,
    course: Option<u8>,
    kind: u8,
    person: Option<u8>,
    seconds: Option<i64>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let day = prop_oneof![4 => 0..3u8, 1 => 28..32u8];
    let course = prop::option::weighted(0.8, 0..2u8);
    let view =
        (day, 0..24u8, course, 0..2u8, prop::option::weighted(0.9, 0..6u8), prop::option::weighted(0.9, -5..50i64))
            .prop_map(|(day, hour, course, kind, person, seconds)| View { day, hour, course, kind, person, seconds });
    (2..5u32, vec(view.clone(), 0..30), vec(view, 0..8)).prop_map(|(at_least, rows, late)| Drawn {
        at_least,
        rows,
        late,
    })
}

/// What a row of the target, or all of them, sums up to.
#[derive(Debug, Clone, Default, PartialEq)]
struct Sums {
    views: i64,
    timed: i64,
    seconds: i64,
    shortest: Option<i64>,
    longest: Option<i64>,
}

impl Sums {
    fn of<'v>(views: impl IntoIterator<Item = &'v View>) -> Self {
        views.into_iter().fold(Self::default(), |sums, view| {
            let one = i64::from(view.seconds.is_some());
            let (seconds, value) = (view.seconds.unwrap_or(0), view.seconds);
            sums.and(&Self { views: 1, timed: one, seconds, shortest: value, longest: value })
        })
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            views: self.views + other.views,
            timed: self.timed + other.timed,
            seconds: self.seconds + other.seconds,
            shortest: [self.shortest, other.shortest].into_iter().flatten().min(),
            longest: self.longest.max(other.longest),
        }
    }
}

/// A row of the target.
#[derive(Debug, Clone, PartialEq)]
struct Group {
    day: Option<u8>,
    course: Option<String>,
    kind: Option<i64>,
    folded: i64,
    sums: Sums,
}

fn tables(db: &TestDb) {
    db.create(
        "CREATE TABLE view (id {bigint} PRIMARY KEY, at {ts}, course {text} NULL, kind {bigint}, person {bigint} NULL, s {bigint} NULL);
         CREATE TABLE view_sum (bucket {ts} NULL, course {text} NULL, kind {bigint} NULL, views {bigint}, mean_count {bigint}, \
         mean_sum {bigint} NULL, shortest {bigint} NULL, longest {bigint} NULL, folded smallint NOT NULL DEFAULT 0);",
    );
}

fn insert(db: &TestDb, first_id: usize, views: &[View]) {
    let or_null = |value: Option<String>| value.unwrap_or_else(|| "NULL".to_owned());
    let row = |(id, view): (usize, &View)| {
        let at = jiff::civil::date(2026, 1, 1) + jiff::Span::new().days(i64::from(view.day));
        let course = or_null(view.course.map(|course| format!("'c{course}'")));
        let person = or_null(view.person.map(|person| person.to_string()));
        let seconds = or_null(view.seconds.map(|seconds| seconds.to_string()));
        format!("({id}, '{at} {:02}:59:59', {course}, {}, {person}, {seconds})", view.hour, view.kind)
    };
    let rows: Vec<_> = (first_id..).zip(views).map(row).collect();
    if !rows.is_empty() {
        db.script(&format!("INSERT INTO view VALUES {}", rows.join(", ")));
    }
}

fn schedule(at_least: u32) -> Schedule {
    // Up to the start of the thirty-first day: the instant of the run is the first of March.
    let text = format!(
        "[policy]\nname = \"rollup\"\n[[rule]]\nname = \"views\"\ntable = \"view\"\nanchor = \"at\"\nretain = \"29 days\"\n\
         action = \"aggregate\"\nguard = {{ max_share = 1 }}\n[rule.aggregate]\ninto = \"view_sum\"\nbucket = \"day\"\n\
         keep = [\"course\", \"kind\"]\npeople = \"person\"\nat_least = {at_least}\n\
         measures = {{ views = \"count\", mean = \"avg(s)\", shortest = \"min(s)\", longest = \"max(s)\" }}\n"
    );
    schedule::parse(Source { path: PathBuf::from("s.toml"), text: text.as_str().into() })
        .expect("a schedule without mistakes")
}

/// How many rows went into no row of the target.
fn roll_up(db: &TestDb, at_least: u32) -> u64 {
    let done = execute(&Config::for_url(db.url()), &schedule(at_least));
    for rule in &done.rules {
        assert_eq!((rule.status, &rule.error), (Status::Ok, &None));
        assert!(rule.balances() && rule.remaining == 0, "{rule:?}");
    }
    done.rules.iter().map(|rule| rule.suppressed).sum()
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(int) => Some(*int),
        Value::Null => None,
        other => panic!("{other:?} is no whole number"),
    }
}

/// The target's rows.
fn groups(db: &TestDb) -> Vec<Group> {
    let day = match db.dialect {
        Dialect::Postgres => "CAST(CAST(bucket AS date) - DATE '2026-01-01' AS bigint)",
        Dialect::Mysql => "DATEDIFF(bucket, '2026-01-01')",
        Dialect::Sqlite => "CAST(julianday(bucket) - julianday('2026-01-01') AS integer)",
    };
    let whole = if db.dialect == Dialect::Mysql { "SIGNED" } else { "bigint" };
    let rows = db.rows(&format!(
        "SELECT {day}, course, kind, CAST(folded AS {whole}), views, mean_count, mean_sum, shortest, longest FROM view_sum"
    ));
    let group = |row: &Vec<Value>| Group {
        day: int(&row[0]).map(|day| u8::try_from(day).expect("a day of the test")),
        course: match &row[1] {
            Value::Text(course) => Some(course.clone()),
            _ => None,
        },
        kind: int(&row[2]),
        folded: int(&row[3]).expect("never NULL"),
        sums: Sums {
            views: int(&row[4]).expect("a count"),
            timed: int(&row[5]).expect("a count"),
            seconds: int(&row[6]).unwrap_or(0),
            shortest: int(&row[7]),
            longest: int(&row[8]),
        },
    };
    rows.iter().map(group).collect()
}

fn total(groups: &[Group]) -> Sums {
    groups.iter().fold(Sums::default(), |sums, group| sums.and(&group.sums))
}

/// Whoever has no name is nobody.
fn people<'v>(views: impl IntoIterator<Item = &'v View>) -> u32 {
    views.into_iter().filter_map(|view| view.person).collect::<BTreeSet<_>>().len() as u32
}

type Dimensions = (Option<String>, Option<i64>);

fn dimensions(view: &View) -> Dimensions {
    (view.course.map(|course| format!("c{course}")), Some(i64::from(view.kind)))
}

/// Each row of the target against the views that it must stand for.
fn assert_nobody_is_singled_out(drawn: &Drawn, groups: &[Group], suppressed: u64) {
    let mut small = Vec::new();
    for day in 0..EXPIRED_DAYS {
        let views: Vec<&View> = drawn.rows.iter().filter(|view| view.day == day).collect();
        if people(views.iter().copied()) < drawn.at_least {
            small.extend(views);
            assert!(groups.iter().all(|group| group.day != Some(day)), "day {day} has too few people to be seen");
            continue;
        }
        let mut of_day: BTreeMap<Dimensions, Vec<&View>> = BTreeMap::new();
        views.iter().for_each(|view| of_day.entry(dimensions(view)).or_default().push(view));
        for group in groups.iter().filter(|group| group.day == Some(day) && group.folded == 0) {
            let own = of_day.remove(&(group.course.clone(), group.kind)).expect("a group that the rows have, once");
            assert_eq!(group.sums, Sums::of(own.iter().copied()), "{group:?}");
            assert!(people(own) >= drawn.at_least, "too few people: {group:?}");
        }
        let folded: Vec<&View> = of_day.into_values().flatten().collect();
        let other: Vec<&Group> = groups.iter().filter(|group| group.day == Some(day) && group.folded == 1).collect();
        if let [other] = other[..] {
            assert_eq!((other.course.as_deref(), other.kind), (Some("other"), None));
            assert_eq!(other.sums, Sums::of(folded.iter().copied()), "{other:?}");
            assert!(people(folded) >= drawn.at_least, "too few people: {other:?}");
        } else {
            assert!(other.is_empty() && folded.is_empty(), "{other:?} {folded:?}");
        }
    }
    let residual: Vec<&Group> = groups.iter().filter(|group| group.folded == 2).collect();
    assert!(residual.len() <= 1 && residual.iter().all(|group| group.day.is_none()), "{residual:?}");
    let small_people = people(small.iter().copied());
    if small_people > 0 && small_people < drawn.at_least {
        assert_eq!(suppressed, small.len() as u64, "too few people together to be shown at all");
        small.clear();
    }
    assert_eq!(residual.first().map_or_else(Sums::default, |group| group.sums.clone()), Sums::of(small));
}

fn nothing_is_lost(dialect: Dialect, cases: u32) {
    for_all(cases, Duration::from_secs(10), drawn(), |drawn| {
        let db = TestDb::new(dialect);
        tables(&db);
        insert(&db, 0, &drawn.rows);
        let suppressed = roll_up(&db, drawn.at_least);
        let expired = |view: &&View| view.day < EXPIRED_DAYS;
        let went = drawn.rows.iter().filter(expired).count() as i64;
        assert_eq!(total(&groups(&db)).views + suppressed as i64, went);
        assert!(suppressed > 0 || total(&groups(&db)) == Sums::of(drawn.rows.iter().filter(expired)));
        assert_eq!(db.count("view"), drawn.rows.len() as i64 - went);
        assert_nobody_is_singled_out(drawn, &groups(&db), suppressed);

        insert(&db, drawn.rows.len(), &drawn.late);
        let suppressed = suppressed + roll_up(&db, drawn.at_least);
        let all = || drawn.rows.iter().chain(&drawn.late);
        let went = all().filter(expired).count() as i64;
        assert_eq!(
            total(&groups(&db)).views + suppressed as i64,
            went,
            "late rows are added, or counted as suppressed"
        );
        assert!(suppressed > 0 || total(&groups(&db)) == Sums::of(all().filter(expired)));
        assert_eq!(db.count("view"), all().filter(|view| !expired(view)).count() as i64);
        let keys: Vec<_> =
            groups(&db).into_iter().map(|group| (group.day, group.course, group.kind, group.folded)).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "a group has one row: {keys:?}");
    });
}

#[test]
fn whatever_is_rolled_up_no_total_changes_and_no_group_is_too_small_on_sqlite() {
    nothing_is_lost(Dialect::Sqlite, 100);
}

#[test]
fn whatever_is_rolled_up_no_total_changes_and_no_group_is_too_small_on_postgres() {
    nothing_is_lost(Dialect::Postgres, 40);
}

#[test]
fn whatever_is_rolled_up_no_total_changes_and_no_group_is_too_small_on_mysql() {
    nothing_is_lost(Dialect::Mysql, 40);
}
