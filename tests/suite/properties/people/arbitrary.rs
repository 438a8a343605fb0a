//! Random people, tables and maps. Everything is drawn as plain numbers and then made to fit, so that it shrinks well.

use std::collections::BTreeMap;
use std::fmt;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tenure::db::Dialect;

use super::map::{Act, Entry, Map, Own, Way};
use super::world::{Address, Appendage, Column, Hook, Key, Mention, On, Person, Row, Table, Up, WORDS, World};

/// Just before the grace is over, on that instant and after it, and well away from it.
const CLOSED: [i64; 5] = [-300_000, -1, 0, 1, 86_400];

/// A world and a map of it, shown as the SQL and the TOML that one would try out by hand.
pub struct Case {
    pub world: World,
    pub map: Map,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}\n{}", self.world.script(Dialect::Sqlite), self.map.toml(&self.world))
    }
}

pub fn case() -> impl Strategy<Value = Case> {
    let people = vec(person(), 1..=6);
    let holds = (any::<bool>(), vec((any::<u8>(), 0..3u8), 0..=2));
    (0..3u8, people, vec(table(), 1..=3), 0..5u8, vec(entry(), 1..=6), holds, vec(appendage(), 0..=2)).prop_map(
        |(key, people, tables, own, entries, (people_are_held, holds), appendages)| {
            let mut world = fit_world(key, people, &tables);
            world.appendages = fit_appendages(&world, &appendages);
            let own = match own {
                0 | 1 => Own::Delete,
                2 => Own::Redact { address: true },
                3 => Own::Redact { address: false },
                _ => Own::Keep,
            };
            let holds = holds.iter().map(|(table, kind)| (usize::from(*table) % world.tables.len(), *kind)).collect();
            let mut map = Map { own, entries: fit_entries(&world, &entries), people_are_held, holds };
            // Which of a table's rows wait for held ones of the same table is not told the same way by plan, run and oracle.
            if map.entries.iter().any(|entry| entry.way_over(&world)[1..].contains(&entry.table)) {
                map.holds.clear();
                map.people_are_held = false;
                let keeps = map.entries.iter_mut().filter(|entry| matches!(entry.act, Act::Keep { .. }));
                keeps.for_each(|entry| entry.act = Act::Redact { forget: false });
            }
            Case { world, map }
        },
    )
}

fn person() -> impl Strategy<Value = Person> {
    let closed = option::weighted(
        0.8,
        prop_oneof![3 => Just(CLOSED[0]), 3 => Just(CLOSED[1]), 2 => (2..5usize).prop_map(|at| CLOSED[at])],
    );
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.1), prop::bool::weighted(0.9));
    (closed, option::weighted(0.8, address()), flags).prop_map(|(closed, address, (restricted, robot, named))| Person {
        closed,
        address,
        restricted,
        robot,
        named,
    })
}

fn address() -> impl Strategy<Value = Address> {
    (0..4u8, any::<bool>()).prop_map(|(number, loud)| Address { number, loud })
}

#[derive(Debug, Clone)]
struct DrawnTable {
    up: Option<(u8, bool)>,
    columns: Vec<u8>,
    rows: Vec<DrawnRow>,
}

#[derive(Debug, Clone)]
struct DrawnRow {
    up: Option<u8>,
    kind: u8,
    mentions: [(Option<u8>, bool); 2],
    words: [bool; WORDS],
}

fn table() -> impl Strategy<Value = DrawnTable> {
    let mention = || (option::weighted(0.9, any::<u8>()), any::<bool>());
    let row = (option::weighted(0.8, any::<u8>()), 0..3u8, [mention(), mention()], any::<[bool; WORDS]>())
        .prop_map(|(up, kind, mentions, words)| DrawnRow { up, kind, mentions, words });
    (option::weighted(0.8, (any::<u8>(), any::<bool>())), vec(0..4u8, 1..=2), vec(row, 0..=7))
        .prop_map(|(up, columns, rows)| DrawnTable { up, columns, rows })
}

fn fit_world(key: u8, people: Vec<Person>, drawn: &[DrawnTable]) -> World {
    let key = [Key::Whole, Key::Text, Key::Uuid][usize::from(key)];
    let people: BTreeMap<u8, Person> = (1..).zip(people).collect();
    let mut tables: Vec<Table> = Vec::new();
    for (number, drawn) in drawn.iter().enumerate() {
        let up = drawn.up.map(|(to, declared)| Up { to: usize::from(to) % (number + 1), declared });
        let kinds = [Column::Key, Column::LooseKey, Column::Letters, Column::Address];
        let columns: Vec<_> = drawn.columns.iter().map(|kind| kinds[usize::from(*kind)]).collect();
        let mut rows = BTreeMap::new();
        for (id, row) in (1..).zip(&drawn.rows) {
            let up = up.zip(row.up).and_then(|(up, to)| pick(up, number, id, &tables, to));
            let mentions = columns
                .iter()
                .zip(row.mentions)
                .map(|(column, (who, odd))| fit_mention(*column, people.len(), who?, odd));
            rows.insert(id, Row { up, kind: row.kind, mentions: mentions.collect(), words: row.words });
        }
        tables.push(Table { up, columns, rows });
    }
    World { key, people, tables, appendages: Vec::new() }
}

/// Some row of the table above; in the table itself, one before it.
fn pick(up: Up, table: usize, id: i64, tables: &[Table], drawn: u8) -> Option<i64> {
    let rows = if up.to == table { id - 1 } else { tables[up.to].rows.len() as i64 };
    (rows > 0).then(|| i64::from(drawn) % rows + 1)
}

fn fit_mention(column: Column, people: usize, who: u8, odd: bool) -> Option<Mention> {
    let there = who % people as u8 + 1;
    Some(match column {
        Column::Key => Mention::Of(there),
        // Nobody may have that key, or nobody any more.
        Column::LooseKey => Mention::Of(who % 8 + 1),
        Column::Letters if odd && who.is_multiple_of(4) => Mention::Nearly(there),
        Column::Letters => Mention::Of(there),
        Column::Address => Mention::Address(Address { number: who % 4, loud: odd }),
    })
}

#[derive(Debug, Clone)]
struct DrawnAppendage {
    hooks: Vec<(u8, bool)>,
    rows: Vec<[Option<u8>; 2]>,
}

fn appendage() -> impl Strategy<Value = DrawnAppendage> {
    let hang = || option::weighted(0.8, any::<u8>());
    (vec((any::<u8>(), prop::bool::weighted(0.7)), 1..=2), vec([hang(), hang()], 0..=7))
        .prop_map(|(hooks, rows)| DrawnAppendage { hooks, rows })
}

fn fit_appendages(world: &World, drawn: &[DrawnAppendage]) -> Vec<Appendage> {
    let mut appendages: Vec<Appendage> = Vec::new();
    for (number, drawn) in drawn.iter().enumerate() {
        let tables = world.tables.len();
        let hooks = drawn.hooks.iter().map(|(on, goes_along)| Hook {
            on: match usize::from(*on) % (1 + tables + number) {
                0 => On::People,
                on if on <= tables => On::Table(on - 1),
                on => On::Appendage(on - tables - 1),
            },
            goes_along: *goes_along,
        });
        let hooks: Vec<Hook> = hooks.collect();
        let pick = |hook: &Hook, drawn: Option<u8>| {
            let rows = match hook.on {
                On::People => world.people.len(),
                On::Table(table) => world.tables[table].rows.len(),
                On::Appendage(appendage) => appendages[appendage].rows.len(),
            };
            drawn.filter(|_| rows > 0).map(|drawn| i64::from(drawn) % rows as i64 + 1)
        };
        let hang = |on: &[Option<u8>; 2]| hooks.iter().zip(on).map(|(hook, drawn)| pick(hook, *drawn)).collect();
        let rows = (1..).zip(drawn.rows.iter().map(hang)).collect();
        appendages.push(Appendage { hooks, rows });
    }
    appendages
}

#[derive(Debug, Clone)]
struct DrawnEntry {
    table: u8,
    hops: usize,
    column: u8,
    ignore_case: bool,
    kind: Option<u8>,
    act: u8,
}

fn entry() -> impl Strategy<Value = DrawnEntry> {
    let hops = prop_oneof![3 => Just(0), 2 => Just(1), 1 => Just(2)];
    (any::<u8>(), hops, any::<u8>(), any::<bool>(), option::weighted(0.3, 0..3u8), 0..9u8).prop_map(
        |(table, hops, column, ignore_case, kind, act)| DrawnEntry { table, hops, column, ignore_case, kind, act },
    )
}

/// Each way and condition once a table, or the schedule is refused; and no more entries than columns of words.
fn fit_entries(world: &World, drawn: &[DrawnEntry]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for drawn in drawn {
        let table = usize::from(drawn.table) % world.tables.len();
        let word = entries.iter().filter(|entry| entry.table == table).count();
        let entry = fit_entry(world, drawn, table, word);
        let is_same = |other: &Entry| {
            let spelt = |entry: &Entry| (entry.table, entry.way.hops, entry.way.column, entry.kind);
            spelt(other) == spelt(&entry)
        };
        if word < WORDS && !entries.iter().any(is_same) {
            entries.push(entry);
        }
    }
    entries
}

fn fit_entry(world: &World, drawn: &DrawnEntry, table: usize, word: usize) -> Entry {
    let (mut end, mut hops, mut over_itself) = (table, 0, false);
    while let Some(up) = world.tables[end].up.filter(|_| hops < drawn.hops) {
        (end, hops, over_itself) = (up.to, hops + 1, over_itself || up.to == table);
    }
    let column = usize::from(drawn.column) % world.tables[end].columns.len();
    let refers_to_itself = world.tables[table].up.is_some_and(|up| up.to == table && up.declared);
    let act = match drawn.act {
        0 | 1 => Act::Delete { let_go: false },
        // What leads to the rows themselves may not be let go of.
        2 | 3 => Act::Delete { let_go: refers_to_itself && !over_itself },
        4 => Act::Redact { forget: false },
        5 | 6 => Act::Redact { forget: hops == 0 },
        7 => Act::Keep { redact: true },
        _ => Act::Keep { redact: false },
    };
    let way = Way { hops, column, ignore_case: drawn.ignore_case };
    Entry { table, way, kind: drawn.kind, act, word }
}
