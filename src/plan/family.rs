//! What hangs on the rows of a map of people, entry by entry: every reference that leads to a row that an entry may take or change,
//! and the tables in which all these rows lie.

use std::collections::BTreeMap;

use super::{Entry, Erasure, Hold, KeyColumn, Link, Parent, Passage, SelfEffect, SelfLink, Target};
use crate::base::name::{Name, TableName};
use crate::schedule::Then;

/// A physical table, and what tells its rows apart.
#[derive(Debug, Clone)]
pub struct RowTable {
    pub table: TableName,
    /// As [`Target::only`](super::Target::only).
    pub only: bool,
    /// As [`Target::stamped`](super::Target::stamped).
    pub stamped: Vec<Name>,
    /// Columns that may not be NULL.
    pub required: Vec<Name>,
    /// A trigger or rewrite rule looks at changes of the rows: some may stay that a statement was to change.
    pub has_triggers: bool,
    pub key: TableKey,
}

/// What tells the rows of a table apart.
#[derive(Debug, Clone, PartialEq)]
pub enum TableKey {
    Columns(Vec<KeyColumn>),
    /// PostgreSQL, of a table without a key: where the row lies, which is its own for one transaction.
    Place,
    /// MariaDB and MySQL, of a table without a key that travels: a digest of all columns. Rows that are alike in all of them have
    /// one fate.
    Digest(Vec<Name>),
}

/// Physical tables by number, and under each name of a schedule or a foreign key those that hold its rows.
#[derive(Debug, Clone, Default)]
pub struct RowTables {
    pub tables: Vec<RowTable>,
    pub by_name: BTreeMap<TableName, Vec<u32>>,
}

impl RowTables {
    pub fn of(&self, name: &TableName) -> &[u32] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The number of the physical table.
    pub fn number_of(&self, table: &TableName) -> Option<u32> {
        (0..).zip(&self.tables).find(|(_, one)| one.table == *table).map(|(number, _)| number)
    }

    pub fn get(&self, number: u32) -> &RowTable {
        &self.tables[number as usize]
    }
}

/// A reference to rows of an entry, or to rows that go along with them.
#[derive(Debug, Clone)]
pub struct FamilyReference<'e> {
    /// The place of the entry.
    pub entry: usize,
    /// 0 is the entry's own table, `n` its dependent of number `n - 1`.
    pub level: usize,
    pub effect: ReferenceEffect,
    /// As reports name what goes along, or lets go.
    pub name: String,
    pub by: By<'e>,
    /// On the rows that refer, where they would go along or let go.
    pub holds: &'e [Hold],
}

/// How a row refers.
#[derive(Debug, Clone)]
pub enum By<'e> {
    Columns {
        /// The table that refers.
        table: &'e TableName,
        columns: &'e [Name],
        parent_columns: &'e [Name],
        /// Of `columns`, those that become NULL where the row lets go.
        let_go: &'e [Name],
    },
    Path(&'e Passage),
}

/// What holds between a row and what it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceEffect {
    /// A row that stays keeps what it refers to.
    Keeps,
    /// The row goes along, and is then of this level.
    GoesAlong(usize),
    /// The row stays, and its reference becomes NULL.
    LetsGo,
    /// The row is found by way of what it refers to, and keeps it until the entry in this place has done with it; `None`: another
    /// map finds it, or an entry that does not act now.
    FoundBy(Option<usize>),
}

impl Erasure {
    /// All references to rows of the entries, in one order.
    pub fn family(&self) -> Vec<FamilyReference<'_>> {
        let entries = self.entries.iter().enumerate();
        entries.flat_map(|(place, entry)| self.family_of(place, entry)).collect()
    }

    fn family_of<'e>(&'e self, place: usize, entry: &'e Entry) -> Vec<FamilyReference<'e>> {
        let Some(target) = entry.found() else { return Vec::new() };
        let of = |level, effect, name, by, holds| FamilyReference { entry: place, level, effect, name, by, holds };
        let keeps = |level, link: &'e Link| of(level, ReferenceEffect::Keeps, String::new(), by(link), &[]);
        let mut found: Vec<_> = target.blockers.iter().map(|link| keeps(0, link)).collect();
        if entry.plan.act.removes() {
            let root = &target.root;
            let holds = entry.plan.targets.iter().map(|target| &target.holds).max_by_key(|holds| holds.len());
            let holds = holds.map_or(&[][..], Vec::as_slice);
            found.extend(target.self_links.iter().map(|link| {
                let (effect, name) = match link.effect {
                    SelfEffect::Block => (ReferenceEffect::Keeps, String::new()),
                    SelfEffect::Cascade => (ReferenceEffect::GoesAlong(0), entry.plan.table.to_string()),
                    SelfEffect::Null => (ReferenceEffect::LetsGo, labelled(&entry.plan.table, &link.columns)),
                };
                of(0, effect, name, by_own(root, link), holds)
            }));
        }
        for (number, dependent) in entry.plan.dependents.iter().enumerate() {
            let level = number + 1;
            for link in &dependent.links {
                let (effect, name) = match dependent.then {
                    Then::Delete => (ReferenceEffect::GoesAlong(level), dependent.shown.to_string()),
                    Then::Null => (ReferenceEffect::LetsGo, labelled(&dependent.shown, &all_columns(&dependent.links))),
                };
                let parent = match link.parent {
                    Parent::Root => 0,
                    Parent::Dependent(above) => above + 1,
                };
                found.push(of(parent, effect, name, by(link), &dependent.holds));
            }
            if dependent.then == Then::Delete {
                found.extend(dependent.blockers.iter().chain(&dependent.self_links).map(|link| keeps(level, link)));
                found.extend(dependent.passages.iter().map(|one| self.found_by(place, level, one)));
            }
        }
        found.extend(target.passages.iter().map(|one| self.found_by(place, 0, one)));
        found
    }

    fn found_by<'e>(&'e self, entry: usize, level: usize, passage: &'e Passage) -> FamilyReference<'e> {
        let by = passage.entry.and_then(|index| self.entries.iter().position(|entry| entry.index == index));
        let effect = ReferenceEffect::FoundBy(by);
        FamilyReference { entry, level, effect, name: String::new(), by: By::Path(passage), holds: &[] }
    }
}

impl Erasure {
    /// Does nothing keep a row of the entry, does nothing wait for one, and does no other entry speak of any? Then all of them go, or
    /// change, and there is nothing to settle.
    pub fn is_free(&self, place: usize, family: &[FamilyReference<'_>]) -> bool {
        let entry = &self.entries[place];
        let others = || self.entries.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, other)| other);
        let tables: Vec<u32> =
            entry.plan.targets.iter().filter_map(|target| self.tables.number_of(&target.table)).collect();
        let refers = |reference: &FamilyReference<'_>| {
            let table = match &reference.by {
                By::Columns { table, .. } => table,
                By::Path(passage) => &passage.target.root,
            };
            reference.entry == place || self.tables.of(table).iter().any(|number| tables.contains(number))
        };
        let is_elsewhere = |other: &Entry| {
            let mut targets = other.plan.targets.iter().filter_map(|target| self.tables.number_of(&target.table));
            !targets.any(|number| tables.contains(&number))
        };
        let is_alone = |target: &Target| {
            let whose = target.whose.as_ref();
            target.holds.is_empty() && !target.has_triggers && !whose.is_some_and(|whose| whose.is_shared())
        };
        let asks_for = |other: &Entry| entry.found().is_some_and(|found| other.changes_what_is_asked_of(found));
        entry.redact_first.is_empty()
            && entry.plan.targets.iter().all(is_alone)
            && !family.iter().any(refers)
            && others().all(is_elsewhere)
            && !others()
                .any(|other| entry.hides_the_person_from(other) || other.cuts_off(entry.found()) || asks_for(other))
    }
}

fn by(link: &Link) -> By<'_> {
    By::Columns {
        table: &link.table,
        columns: &link.columns,
        parent_columns: &link.parent_columns,
        let_go: &link.let_go,
    }
}

fn by_own<'e>(root: &'e TableName, link: &'e SelfLink) -> By<'e> {
    By::Columns { table: root, columns: &link.columns, parent_columns: &link.parent_columns, let_go: &link.let_go }
}

fn all_columns(links: &[Link]) -> Vec<Name> {
    links.iter().flat_map(|link| link.columns.iter().cloned()).collect()
}

/// `table.column`, as reports name a reference.
fn labelled(table: &TableName, columns: &[Name]) -> String {
    let columns: Vec<_> = columns.iter().map(Name::as_str).collect();
    format!("{table}.{}", columns.join("+"))
}
