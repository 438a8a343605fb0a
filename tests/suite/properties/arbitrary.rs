//! Random worlds and schedules. Everything is drawn as plain numbers and then made to fit, so that it shrinks well.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::case::Case;
use super::schedule::{Act, Age, Entry, Hold, Plan, Rule, Then};
use super::world::{Edge, OnDelete, Row, Table, Times, World};

const DAY: i64 = 86_400;

/// Also the order in which the catalog names them: not always parents before children.
const NAMES: [[&str; 4]; 4] =
    [["a", "b", "c", "d"], ["d", "c", "b", "a"], ["b", "d", "a", "c"], ["t_order", "t_group", "t_user", "t_key"]];

pub fn case() -> impl Strategy<Value = Case> {
    (0..NAMES.len(), vec(table(), 2..=4), vec(rule(), 1..=4), vec(hold(), 0..=2)).prop_map(
        |(names, tables, rules, holds)| {
            let world = fit_world(NAMES[names], &tables);
            let plan = fit_plan(&world, &rules, &holds);
            Case { world, plan }
        },
    )
}

#[derive(Debug, Clone)]
struct DrawnTable {
    times: u8,
    edges: Vec<DrawnEdge>,
    rows: Vec<DrawnRow>,
}

#[derive(Debug, Clone)]
struct DrawnEdge {
    to: u8,
    on_delete: u8,
    nullable: bool,
}

#[derive(Debug, Clone)]
struct DrawnRow {
    at: Option<(i64, i64)>,
    seen: Option<(i64, i64)>,
    kind: u8,
    note: bool,
    refs: Vec<Option<u8>>,
}

fn table() -> impl Strategy<Value = DrawnTable> {
    let edge = (any::<u8>(), 0..4u8, prop::bool::weighted(0.7)).prop_map(|(to, on_delete, nullable)| DrawnEdge {
        to,
        on_delete,
        nullable,
    });
    let time = || option::weighted(0.85, (0..8i64, -1..=1i64));
    let row = (time(), time(), 0..3u8, any::<bool>(), vec(option::weighted(0.7, any::<u8>()), 3))
        .prop_map(|(at, seen, kind, note, refs)| DrawnRow { at, seen, kind, note, refs });
    (0..4u8, vec(edge, 0..=3), vec(row, 0..=9)).prop_map(|(times, edges, rows)| DrawnTable { times, edges, rows })
}

fn fit_world(names: [&'static str; 4], drawn: &[DrawnTable]) -> World {
    let mut tables: Vec<Table> = Vec::new();
    for (index, drawn) in drawn.iter().enumerate() {
        let times = [Times::Naive, Times::Zoned, Times::Seconds, Times::Digits][usize::from(drawn.times)];
        let mut edges: Vec<_> = drawn.edges.iter().map(|edge| fit_edge(index, edge)).collect();
        one_walk(&mut edges, index);
        let mut rows = BTreeMap::new();
        for (number, row) in drawn.rows.iter().enumerate() {
            let id = number as i64 + 1;
            let target = |edge: &Edge, to: u8| pick(edge, index, id, &tables, to);
            let refs: Option<Vec<_>> = edges
                .iter()
                .zip(&row.refs)
                .map(|(edge, to)| match to.and_then(|to| target(edge, to)) {
                    None if !edge.nullable => target(edge, 0).map(Some),
                    to => Some(to),
                })
                .collect();
            let seconds = |time: Option<(i64, i64)>| time.map(|(days, seconds)| seconds - days * DAY);
            let [at, seen] = [seconds(row.at), seconds(row.seen)];
            // A row whose parent's table is empty cannot be.
            if let Some(refs) = refs {
                rows.insert(id, Row { at, seen, kind: row.kind, note: row.note, refs });
            }
        }
        tables.push(Table { name: names[index], times, edges, rows });
    }
    World { tables }
}

fn fit_edge(table: usize, drawn: &DrawnEdge) -> Edge {
    let to = usize::from(drawn.to) % (table + 1);
    let on_delete = match drawn.on_delete {
        0 => OnDelete::NoAction,
        1 => OnDelete::Restrict,
        2 => OnDelete::Cascade,
        _ if drawn.nullable => OnDelete::SetNull,
        _ => OnDelete::NoAction,
    };
    Edge { to, on_delete, nullable: drawn.nullable }
}

/// A table that cascades over itself has no other reference to itself than one that lets go: else its rules are refused.
fn one_walk(edges: &mut [Edge], table: usize) {
    let own: Vec<_> = edges.iter_mut().filter(|edge| edge.to == table).collect();
    let walks = own.iter().position(|edge| edge.on_delete == OnDelete::Cascade);
    let others = own.into_iter().enumerate().filter(|(index, _)| walks.is_some_and(|walks| walks != *index));
    others.for_each(|(_, edge)| (edge.on_delete, edge.nullable) = (OnDelete::SetNull, true));
}

/// Some row of the edge's table; in the table itself, the row or one before it.
fn pick(edge: &Edge, table: usize, id: i64, tables: &[Table], drawn: u8) -> Option<i64> {
    if edge.to == table {
        return Some(i64::from(drawn) % id + 1);
    }
    let rows = &tables[edge.to].rows;
    (!rows.is_empty()).then(|| *rows.keys().nth(usize::from(drawn) % rows.len()).expect("not that many"))
}

#[derive(Debug, Clone)]
struct DrawnRule {
    table: u8,
    age: u8,
    days: i64,
    but_kind: Option<u8>,
    redact: bool,
    entries: Vec<(u8, u8, bool)>,
}

fn rule() -> impl Strategy<Value = DrawnRule> {
    let entries = vec((any::<u8>(), any::<u8>(), any::<bool>()), 0..=4);
    (any::<u8>(), 0..4u8, 1..6i64, option::weighted(0.3, 0..3u8), prop::bool::weighted(0.2), entries).prop_map(
        |(table, age, days, but_kind, redact, entries)| DrawnRule { table, age, days, but_kind, redact, entries },
    )
}

fn hold() -> impl Strategy<Value = (u8, Option<i64>, Option<u8>)> {
    (any::<u8>(), option::of(1..8i64), option::weighted(0.8, 0..3u8))
}

fn fit_plan(world: &World, rules: &[DrawnRule], holds: &[(u8, Option<i64>, Option<u8>)]) -> Plan {
    let mut fitting: Vec<Rule> = Vec::new();
    for drawn in rules {
        let table = usize::from(drawn.table) % world.tables.len();
        let rule = Rule {
            table,
            age: fit_age(world, table, drawn.age),
            days: drawn.days,
            but_kind: drawn.but_kind,
            act: if drawn.redact { Act::Redact } else { Act::Delete(fit_entries(world, table, &drawn.entries)) },
        };
        if fitting.iter().all(|other| go_together(other, &rule)) {
            fitting.push(rule);
        }
    }
    let holds = holds
        .iter()
        .map(|(table, days, kind)| Hold { table: usize::from(*table) % world.tables.len(), days: *days, kind: *kind })
        .collect();
    Plan { rules: fitting, holds }
}

/// Two rules on one table differ in their periods, and a redaction comes before a deletion: else the schedule is refused.
/// (What one redaction leaves to another of the same column is not foreseen, so there is one a table.)
fn go_together(one: &Rule, other: &Rule) -> bool {
    let redacts = |rule: &Rule| matches!(rule.act, Act::Redact);
    one.table != other.table
        || match (redacts(one), redacts(other)) {
            (true, true) => false,
            (false, false) => one.days != other.days,
            (true, false) => one.days < other.days,
            (false, true) => other.days < one.days,
        }
}

fn fit_age(world: &World, table: usize, drawn: u8) -> Age {
    match drawn {
        0 | 1 => Age::At,
        2 => Age::Latest,
        _ => world.tables[table].edges.iter().position(|edge| edge.to != table).map_or(Age::At, Age::Of),
    }
}

/// Entries whose parent is the rule's table or one that an earlier entry deletes, each edge once.
fn fit_entries(world: &World, root: usize, drawn: &[(u8, u8, bool)]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut deleted = vec![root];
    for (table, edge, delete) in drawn {
        let table = usize::from(*table) % world.tables.len();
        let edges = &world.tables[table].edges;
        if edges.is_empty() {
            continue;
        }
        let edge = usize::from(*edge) % edges.len();
        let then = if *delete || !edges[edge].nullable { Then::Delete } else { Then::Null };
        let known = deleted.contains(&edges[edge].to);
        let twice = entries.iter().any(|entry| entry.table == table && entry.edge == edge);
        let second_walk = table == root && then == Then::Delete && edges[edge].to == root && {
            let mut others = (0..edges.len()).filter(|other| *other != edge && edges[*other].to == root);
            others.any(|other| answer(world, root, other, &entries) != Some(Then::Null))
        };
        if known && !twice && !second_walk {
            entries.push(Entry { table, edge, then });
            if then == Then::Delete && !deleted.contains(&table) {
                deleted.push(table);
            }
        }
    }
    entries
}

/// What becomes of rows that refer over this edge of the rule's table to itself.
fn answer(world: &World, root: usize, edge: usize, entries: &[Entry]) -> Option<Then> {
    let declared = entries.iter().find(|entry| entry.table == root && entry.edge == edge);
    let by_itself = match world.tables[root].edges[edge].on_delete {
        OnDelete::Cascade => Some(Then::Delete),
        OnDelete::SetNull => Some(Then::Null),
        OnDelete::NoAction | OnDelete::Restrict => None,
    };
    declared.map(|declared| declared.then).or(by_itself)
}
