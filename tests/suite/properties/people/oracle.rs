//! What becomes of each row, told from the rows as they were before, and not from any order in which things are done.
//!
//! Whoever has closed the account before the grace began, and is under no hold, is due. A row goes, or changes, where an
//! entry leads from it to somebody who is due, unless a hold covers it, it is somebody else's as well, or something that stays
//! refers to it. And what leads to something of whomever that stays, stays with it, or nobody could tell whose that is.

use std::collections::{BTreeMap, BTreeSet};

use super::map::{Act, Entry, Map, Own};
use super::world::{Column, Mention, On, Row, World};

/// A row by its table and id.
pub type RowKey = (usize, i64);

/// What an erasure does to a world.
pub struct Fate {
    pub after: World,
    pub gone: BTreeSet<RowKey>,
    /// People whose own rows go.
    pub gone_people: BTreeSet<u8>,
    /// Each row with the entry that redacts it.
    pub redacted: BTreeSet<(RowKey, usize)>,
    /// The same of rows that go as well: it depends on the order whether there is still anything to redact.
    pub perhaps_redacted: BTreeSet<(RowKey, usize)>,
    pub redacted_people: BTreeSet<u8>,
    /// Of each row, all who are due by some entry that it answers to.
    pub whose: BTreeMap<RowKey, BTreeSet<u8>>,
}

pub fn foretell(world: &World, map: &Map) -> Fate {
    let oracle = Oracle::of(world, map);
    let mut stays = Stays::default();
    loop {
        let next = oracle.stays_given(&stays);
        if next == stays {
            return oracle.fate(&stays);
        }
        stays = next;
    }
}

/// What keeps rows that would go otherwise. It only ever grows while the consequences are worked out.
#[derive(Debug, Default, PartialEq, Clone)]
struct Stays {
    /// Rows that something refers to which stays, by the entry that would take them.
    blocked: BTreeSet<(usize, RowKey)>,
    /// Rows that an entry must leave, because others that stay are found by way of them.
    waiting: BTreeSet<(usize, RowKey)>,
    /// The same of people's own rows.
    own: BTreeSet<u8>,
}

struct Oracle<'w> {
    world: &'w World,
    map: &'w Map,
    due: BTreeSet<u8>,
    /// The rows that each entry finds, and whose they are.
    found: Vec<BTreeMap<RowKey, BTreeSet<u8>>>,
    held: BTreeSet<RowKey>,
    held_by_people: BTreeSet<RowKey>,
}

impl<'w> Oracle<'w> {
    fn of(world: &'w World, map: &'w Map) -> Self {
        let is_due = |person: &super::world::Person| {
            person.closed.is_some_and(|closed| closed < 0)
                && !person.robot
                && !(map.people_are_held && person.restricted)
        };
        let due = world.people.iter().filter(|(_, person)| is_due(person)).map(|(id, _)| *id).collect();
        let found = map.entries.iter().map(|entry| found_by(world, map, entry)).collect();
        let mut oracle = Self { world, map, due, found, held: BTreeSet::new(), held_by_people: BTreeSet::new() };
        oracle.held_by_people = oracle.rows_of_restricted();
        oracle.held = oracle.held_by_people.union(&oracle.rows_under_holds()).copied().collect();
        oracle
    }

    fn rows_of_restricted(&self) -> BTreeSet<RowKey> {
        let is_restricted = |id: &u8| self.map.people_are_held && self.world.people[id].restricted;
        let all = self.found.iter().flatten();
        all.filter(|(_, whose)| whose.iter().any(is_restricted)).map(|(row, _)| *row).collect()
    }

    fn rows_under_holds(&self) -> BTreeSet<RowKey> {
        let tables = self.world.tables.iter().enumerate();
        let rows = tables.flat_map(|(table, rows)| rows.rows.iter().map(move |(id, row)| ((table, *id), row)));
        rows.filter(|((table, _), row)| self.map.holds.contains(&(*table, row.kind))).map(|(key, _)| key).collect()
    }

    fn row(&self, (table, id): RowKey) -> &Row {
        &self.world.tables[table].rows[&id]
    }

    /// The rows that an entry is to act upon: somebody who is due has them, and something would change.
    fn meant(&self, entry: usize) -> impl Iterator<Item = (RowKey, &BTreeSet<u8>)> {
        let would_change = move |row: &RowKey| self.map.entries[entry].deletes() || self.changes(entry, *row);
        let rows = self.found[entry].iter().filter(|(_, whose)| !whose.is_disjoint(&self.due));
        rows.map(|(row, whose)| (*row, whose)).filter(move |(row, _)| would_change(row))
    }

    fn changes(&self, entry: usize, row: RowKey) -> bool {
        let entry = &self.map.entries[entry];
        self.row(row).words[entry.word] || entry.forgets()
    }

    fn is_held(&self, entry: usize, row: RowKey) -> bool {
        match self.map.entries[entry].act {
            Act::Delete { let_go: true } => {
                self.is_covered(entry, row)
                    || self.referrers(row).any(|other| other.0 == row.0 && self.is_covered(entry, other))
            }
            Act::Delete { let_go: false } | Act::Redact { .. } | Act::Keep { .. } => self.is_covered(entry, row),
        }
    }

    fn is_covered(&self, entry: usize, row: RowKey) -> bool {
        let held = match self.map.entries[entry].act {
            // What of a kept record goes is the schedule's own word.
            Act::Keep { .. } => &self.held_by_people,
            Act::Delete { .. } | Act::Redact { .. } => &self.held,
        };
        held.contains(&row) || self.is_kept_by_another(entry, row)
    }

    /// Each entry has words of its own, so that no other one's ground lets them go.
    fn is_kept_by_another(&self, entry: usize, row: RowKey) -> bool {
        let others = self.map.entries.iter().enumerate().filter(|(other, _)| *other != entry);
        let mut keeps = others.filter(|(_, other)| matches!(other.act, Act::Keep { .. }));
        keeps.any(|(other, _)| self.found[other].contains_key(&row))
    }

    /// Rows that refer to this one by a foreign key.
    fn referrers(&self, (to, id): RowKey) -> impl Iterator<Item = RowKey> {
        self.world.tables.iter().enumerate().flat_map(move |(number, table)| {
            let refers = table.up.is_some_and(|up| up.to == to && up.declared);
            let rows = table.rows.iter().filter(move |(_, row)| refers && row.up == Some(id));
            rows.map(move |(id, _)| (number, *id))
        })
    }

    /// Somebody has it as well who is not due, by this entry or by another one that reads an address.
    fn is_somebody_elses(&self, entry: usize, row: RowKey, whose: &BTreeSet<u8>) -> bool {
        let also = self.also_read(entry).filter_map(|other| self.found[other].get(&row));
        !whose.is_subset(&self.due) || also.into_iter().any(|whose| !whose.is_subset(&self.due))
    }

    /// The entries over addresses that say whose a row is where this one would take it; where it redacts, the same address.
    fn also_read(&self, entry: usize) -> impl Iterator<Item = usize> {
        let is_address = |entry: &Entry| entry.column(self.world) == Column::Address;
        let one = &self.map.entries[entry];
        let alike =
            move |other: &Entry| one.deletes() || (one.way.hops, one.way.column) == (other.way.hops, other.way.column);
        let others = self.map.entries.iter().enumerate();
        let meant = others
            .filter(move |(_, other)| is_address(one) && is_address(other) && one.table == other.table && alike(other));
        meant.map(|(other, _)| other)
    }

    /// Does the entry act upon the row, as far as is known by now?
    fn acts_upon(&self, stays: &Stays, entry: usize, row: RowKey, whose: &BTreeSet<u8>) -> bool {
        self.map.entries[entry].acts()
            && !self.is_held(entry, row)
            && !self.is_somebody_elses(entry, row, whose)
            && !stays.blocked.contains(&(entry, row))
            && !stays.waiting.contains(&(entry, row))
            && !whose.is_disjoint(&self.due)
    }

    fn rows_acted_upon(&self, stays: &Stays, wanted: impl Fn(&Entry) -> bool) -> BTreeSet<(RowKey, usize)> {
        let entries = (0..self.map.entries.len()).filter(|entry| wanted(&self.map.entries[*entry]));
        let rows = entries.flat_map(|entry| self.meant(entry).map(move |(row, whose)| (entry, row, whose)));
        rows.filter(|(entry, row, whose)| self.acts_upon(stays, *entry, *row, whose))
            .map(|(entry, row, _)| (row, entry))
            .collect()
    }

    fn gone(&self, stays: &Stays) -> BTreeSet<RowKey> {
        self.rows_acted_upon(stays, Entry::deletes).into_iter().map(|(row, _)| row).collect()
    }

    fn redacted(&self, stays: &Stays) -> BTreeSet<(RowKey, usize)> {
        self.rows_acted_upon(stays, |entry| !entry.deletes())
    }

    fn stays_given(&self, known: &Stays) -> Stays {
        let gone = self.gone(known);
        let mut next = known.clone();
        for entry in (0..self.map.entries.len()).filter(|entry| self.map.entries[*entry].deletes()) {
            let blocked = self.meant(entry).filter(|(row, _)| self.is_kept_by_a_reference(entry, *row, &gone));
            next.blocked.extend(blocked.map(|(row, _)| (entry, row)));
        }
        next.waiting.extend(self.ways_to_what_stays(known, &gone));
        for (other, person) in self.something_stays(&next) {
            if self.own_row_hides(other) {
                next.own.insert(person);
            }
        }
        next.own.extend(self.people_referred_to(&next, &gone));
        next
    }

    fn is_kept_by_a_reference(&self, entry: usize, row: RowKey, gone: &BTreeSet<RowKey>) -> bool {
        let lets_go = self.map.entries[entry].act == Act::Delete { let_go: true };
        let lets_go_of_it = |other: &RowKey| gone.contains(other) || lets_go && other.0 == row.0;
        !self.referrers(row).all(|other| lets_go_of_it(&other))
    }

    /// By entry: the people of whom something stays that is to go one day.
    fn something_stays(&self, stays: &Stays) -> BTreeSet<(usize, u8)> {
        let mut found = BTreeSet::new();
        for entry in (0..self.map.entries.len()).filter(|entry| self.map.entries[*entry].acts()) {
            for (row, whose) in self.meant(entry) {
                let is_kept = self.is_held(entry, row) || self.is_feared_for(stays, entry, row, whose);
                let people = whose.iter().filter(|person| is_kept && self.due.contains(person));
                found.extend(people.map(|person| (entry, *person)));
            }
        }
        found
    }

    /// What somebody else has as well is theirs now. But where a reference may be what keeps a row, that is what is feared.
    fn is_feared_for(&self, stays: &Stays, entry: usize, row: RowKey, whose: &BTreeSet<u8>) -> bool {
        let shared = self.is_somebody_elses(entry, row, whose);
        let waits = stays.blocked.contains(&(entry, row)) || stays.waiting.contains(&(entry, row));
        waits || shared && (self.may_be_referred_to(entry) || self.may_lead_on(entry))
    }

    fn may_lead_on(&self, entry: usize) -> bool {
        (0..self.map.entries.len()).any(|other| self.hides(entry, other).is_some())
    }

    fn may_be_referred_to(&self, entry: usize) -> bool {
        let entry = &self.map.entries[entry];
        let refers = |up: super::world::Up| up.to == entry.table && up.declared;
        let mut hooks = self.world.appendages.iter().flat_map(|appendage| &appendage.hooks);
        entry.deletes()
            && (self.world.tables.iter().any(|table| table.up.is_some_and(refers))
                || hooks.any(|hook| hook.on == On::Table(entry.table)))
    }

    /// By entry: the rows by way of which one of another entry is found, somebody's, of which that entry has not done yet what
    /// it is to do one day.
    fn ways_to_what_stays(&self, stays: &Stays, gone: &BTreeSet<RowKey>) -> BTreeSet<(usize, RowKey)> {
        let redacted = self.redacted(stays);
        let entries = 0..self.map.entries.len();
        let pairs = entries.clone().flat_map(|entry| entries.clone().map(move |other| (entry, other)));
        let mut found = BTreeSet::new();
        for (entry, other, hops) in pairs.flat_map(|(entry, other)| {
            self.hides(entry, other).into_iter().flatten().map(move |hops| (entry, other, hops))
        }) {
            let is_done = |row: RowKey| match self.map.entries[other].deletes() {
                true => false,
                false => !self.changes(other, row) || redacted.contains(&(row, other)),
            };
            let staying = self.found[other].iter().filter(|(row, whose)| {
                whose.iter().any(|id| !self.world.people[id].robot) && !gone.contains(row) && !is_done(**row)
            });
            found.extend(staying.map(|(row, _)| (entry, self.up_from(*row, hops))));
        }
        found
    }

    /// So many parents up.
    fn up_from(&self, row: RowKey, hops: usize) -> RowKey {
        (0..hops).fold(row, |row, _| {
            let to = self.world.tables[row.0].up.expect("the way leads there").to;
            (to, self.row(row).up.expect("the row is found by it"))
        })
    }

    /// Would rows of the other entry be nobody's if this one acted upon what leads to them? So many parents up from those.
    /// What an entry does, it does at once: it is not kept from its own rows.
    fn hides(&self, entry: usize, other: usize) -> Option<Vec<usize>> {
        if entry == other || !self.map.entries[other].acts() {
            return None;
        }
        let (entry, other) = (&self.map.entries[entry], &self.map.entries[other]);
        let way = other.way_over(self.world);
        let hides = |hops: &usize| {
            let takes_the_way = entry.deletes() && *hops > 0;
            let ends_here = *hops == way.len() - 1 && entry.way.column == other.way.column;
            way[*hops] == entry.table && (takes_the_way || entry.forgets() && ends_here)
        };
        let found: Vec<_> = (0..way.len()).filter(hides).collect();
        (!found.is_empty()).then_some(found)
    }

    fn own_row_hides(&self, other: usize) -> bool {
        match self.map.own {
            Own::Delete => true,
            Own::Redact { address } => address && self.map.entries[other].column(self.world) == Column::Address,
            Own::Keep => false,
        }
    }

    /// Accounts that a row refers to which stays and does not forget them.
    fn people_referred_to(&self, stays: &Stays, gone: &BTreeSet<RowKey>) -> BTreeSet<u8> {
        let mut found = BTreeSet::new();
        if self.map.own != Own::Delete {
            return found;
        }
        let redacted = self.redacted(stays);
        let forgets = |row: RowKey, column: usize| {
            let entries = self.map.entries.iter().enumerate();
            let mut forgetting = entries.filter(|(_, entry)| entry.forgets() && entry.way.column == column);
            forgetting.any(|(entry, _)| redacted.contains(&(row, entry)))
        };
        for (number, table) in self.world.tables.iter().enumerate() {
            for (id, row) in table.rows.iter().filter(|(id, _)| !gone.contains(&(number, **id))) {
                let named = table.columns.iter().zip(&row.mentions).enumerate();
                let keys =
                    named.filter(|(column, (what, _))| **what == Column::Key && !forgets((number, *id), *column));
                found.extend(keys.filter_map(|(_, (_, mention))| match mention {
                    Some(Mention::Of(person)) => Some(*person),
                    _ => None,
                }));
            }
        }
        found
    }

    fn fate(&self, stays: &Stays) -> Fate {
        let gone = self.gone(stays);
        let (perhaps_redacted, redacted): (_, BTreeSet<_>) =
            self.redacted(stays).into_iter().partition(|(row, _)| gone.contains(row));
        let free: BTreeSet<u8> = self.due.difference(&stays.own).copied().collect();
        let mut after = self.world.clone();
        for ((table, id), entry) in &redacted {
            let entry = &self.map.entries[*entry];
            let row = after.tables[*table].rows.get_mut(id).expect("it is there");
            row.words[entry.word] = false;
            if entry.forgets() {
                row.mentions[entry.way.column] = None;
            }
        }
        for (to, id) in &gone {
            after.tables[*to].rows.remove(id);
        }
        for (number, table) in after.tables.iter_mut().enumerate() {
            // Whoever refers to a row that is gone has let go of it.
            let Some(up) = table.up.filter(|up| up.declared) else { continue };
            for row in table.rows.values_mut().filter(|_| up.to == number) {
                row.up = row.up.filter(|id| !gone.contains(&(number, *id)));
            }
        }
        let (mut gone_people, mut redacted_people) = (BTreeSet::new(), BTreeSet::new());
        match self.map.own {
            Own::Delete => {
                after.people.retain(|id, _| !free.contains(id));
                gone_people = free;
            }
            Own::Redact { address } => {
                for (id, person) in after.people.iter_mut().filter(|(id, _)| free.contains(id)) {
                    if person.named || address && person.address.is_some() {
                        redacted_people.insert(*id);
                    }
                    person.named = false;
                    person.address = person.address.filter(|_| !address);
                }
            }
            Own::Keep => {}
        }
        settle_appendages(&mut after);
        Fate { after, gone, gone_people, redacted, perhaps_redacted, redacted_people, whose: self.whose() }
    }

    fn whose(&self) -> BTreeMap<RowKey, BTreeSet<u8>> {
        let mut all: BTreeMap<RowKey, BTreeSet<u8>> = BTreeMap::new();
        for (row, whose) in self.found.iter().flatten() {
            all.entry(*row).or_default().extend(whose.intersection(&self.due));
        }
        all
    }
}

/// What hangs on a row that is gone goes with it, or lets go.
fn settle_appendages(world: &mut World) {
    for number in 0..world.appendages.len() {
        let mut appendage = world.appendages[number].clone();
        let is_there = |on: On, id: i64| match on {
            On::People => u8::try_from(id).is_ok_and(|id| world.people.contains_key(&id)),
            On::Table(table) => world.tables[table].rows.contains_key(&id),
            On::Appendage(appendage) => world.appendages[appendage].rows.contains_key(&id),
        };
        let hooks = &appendage.hooks;
        let holds = |(hook, id): (&_, &Option<i64>)| {
            let hook: &super::world::Hook = hook;
            !hook.goes_along || id.is_none_or(|id| is_there(hook.on, id))
        };
        appendage.rows.retain(|_, row| hooks.iter().zip(row.iter()).all(holds));
        for row in appendage.rows.values_mut() {
            for (hook, id) in hooks.iter().zip(row) {
                *id = id.filter(|id| is_there(hook.on, *id));
            }
        }
        world.appendages[number] = appendage;
    }
}

/// The rows from which the entry's way leads to somebody, and to whom.
pub fn found_by(world: &World, map: &Map, entry: &Entry) -> BTreeMap<RowKey, BTreeSet<u8>> {
    let way = entry.way_over(world);
    let is_meant = |row: &Row| entry.kind.is_none_or(|kind| row.kind == kind);
    let rows = world.tables[entry.table].rows.iter().filter(|(_, row)| is_meant(row));
    let whose = |row: &Row| {
        let end = (1..way.len()).try_fold(row, |row, hops| {
            let above = world.tables[way[hops]].rows.get(&row.up?)?;
            leads_on(world, map, entry, hops, above).then_some(above)
        })?;
        Some(world.named_by(end.mentions[entry.way.column]?, entry.way.ignore_case))
    };
    let found = rows.filter_map(|(id, row)| Some(((entry.table, *id), whose(row)?)));
    found.filter(|(_, whose)| !whose.is_empty()).collect()
}

/// Does a row on the way, after so many hops, lead on? Where no foreign key says so, it is as the entries say that begin there.
fn leads_on(world: &World, map: &Map, entry: &Entry, hops: usize, row: &Row) -> bool {
    let (table, rest) = (entry.way_over(world)[hops], entry.way.hops - hops);
    let is_declared = match rest {
        0 => world.tables[table].columns[entry.way.column] == Column::Key,
        _ => world.tables[table].up.is_some_and(|up| up.declared),
    };
    let begin = |other: &&Entry| (other.table, other.way.hops, other.way.column) == (table, rest, entry.way.column);
    let mut kinds = map.entries.iter().filter(begin).map(|other| other.kind).peekable();
    is_declared || kinds.peek().is_none() || kinds.any(|kind| kind.is_none_or(|kind| row.kind == kind))
}
