//! The order in which the rows of a batch change and go: what refers before what it refers to.
//!
//! Tables act one after the other, children first. Where tables refer to each other, or a table to itself, their rows go level by
//! level: first those that no row refers to which goes as well. Rows that refer to each other in a circle are left then: their
//! references become NULL where they may, and they go together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ReferenceEffect;
use super::fixpoint::Settled;
use super::marks::{ClaimId, RowId};

/// What happens to some rows of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The number of the physical table.
    pub table: u32,
    pub act: Act,
    pub rows: Vec<RowId>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// The rows stay: these entries redact them, and references of these terms become NULL.
    Change {
        entries: Vec<u32>,
        let_go: Vec<u32>,
    },
    /// The rows go next; the entry has them changed first, for readers of the database's log of changes.
    ChangeFirst {
        entry: u32,
    },
    /// References of these terms become NULL in rows that refer to each other and go next.
    Loosen {
        references: Vec<u32>,
    },
    Delete,
}

/// The steps of the batch; `changes_first` tells of an entry that its rows change just before they go.
pub fn steps(settled: &Settled<'_>, changes_first: &dyn Fn(u32) -> bool) -> Vec<Step> {
    let plan = Plan::of(settled);
    let mut steps = Vec::new();
    for tables in plan.tables_in_order() {
        plan.changes(&tables, &mut steps);
        plan.changes_first(&tables, changes_first, &mut steps);
        plan.deletions(&tables, &mut steps);
    }
    steps
}

struct Plan<'s, 'm> {
    settled: &'s Settled<'m>,
    changing: BTreeMap<(u32, Act), Vec<RowId>>,
    /// By table.
    going: BTreeMap<u32, Vec<RowId>>,
    /// References between rows that change or go, from child to parent, with the terms.
    references: Vec<(RowId, RowId, u32)>,
}

impl<'s, 'm> Plan<'s, 'm> {
    fn of(settled: &'s Settled<'m>) -> Self {
        let mut let_go: HashMap<RowId, BTreeSet<u32>> = HashMap::new();
        for (terms, row, _) in settled.references_let_go() {
            let_go.entry(row).or_default().insert(terms);
        }
        let (mut changing, mut going) = (BTreeMap::<_, Vec<RowId>>::new(), BTreeMap::<_, Vec<RowId>>::new());
        let mut acts = vec![false; settled.marks.rows.len()];
        for (row, marked) in (0..).zip(&settled.marks.rows) {
            if settled.is_gone(row) {
                going.entry(marked.table).or_default().push(row);
                acts[row as usize] = true;
                continue;
            }
            let entries: BTreeSet<u32> =
                settled.redactions(row).map(|id| settled.marks.claims[id as usize].entry).collect();
            let let_go: Vec<u32> = let_go.get(&row).into_iter().flatten().copied().collect();
            if !entries.is_empty() || !let_go.is_empty() {
                let act = Act::Change { entries: entries.into_iter().collect(), let_go };
                changing.entry((marked.table, act)).or_default().push(row);
                acts[row as usize] = true;
            }
        }
        let between = settled.marks.references.iter().filter_map(|one| {
            let to = settled.marks.parts[one.to as usize].row;
            let effect = settled.terms.references[one.terms as usize].effect;
            let is_of_the_database = !matches!(effect, ReferenceEffect::FoundBy(_));
            let from = one.from.filter(|from| is_of_the_database && acts[*from as usize] && acts[to as usize])?;
            Some((from, to, one.terms))
        });
        let references = between.collect::<BTreeSet<_>>().into_iter().collect();
        Self { settled, changing, going, references }
    }

    fn table_of(&self, row: RowId) -> u32 {
        self.settled.marks.rows[row as usize].table
    }

    /// Children first; tables that refer to each other are together.
    fn tables_in_order(&self) -> Vec<Vec<u32>> {
        let all: BTreeSet<u32> =
            self.changing.keys().map(|(table, _)| *table).chain(self.going.keys().copied()).collect();
        let mut parents: BTreeMap<u32, BTreeSet<u32>> = all.iter().map(|table| (*table, BTreeSet::new())).collect();
        for (from, to, _) in &self.references {
            parents.entry(self.table_of(*from)).or_default().insert(self.table_of(*to));
        }
        let reach = |from: u32| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(table) = next.pop() {
                next.extend(parents[&table].iter().filter(|parent| seen.insert(**parent)));
            }
            seen
        };
        let reached: BTreeMap<u32, BTreeSet<u32>> = all.iter().map(|table| (*table, reach(*table))).collect();
        let mut order: Vec<Vec<u32>> = Vec::new();
        let mut waiting = all;
        while !waiting.is_empty() {
            // One that only tables refer to which it refers to itself.
            let is_free = |table: &&u32| {
                waiting.iter().all(|other| !reached[other].contains(table) || reached[table].contains(other))
            };
            let first = *waiting.iter().find(is_free).expect("of tables that refer to each other all are free");
            let with =
                |other: &u32| *other == first || reached[&first].contains(other) && reached[other].contains(&first);
            let together: Vec<u32> = waiting.iter().copied().filter(with).collect();
            waiting.retain(|table| !together.contains(table));
            order.push(together);
        }
        order
    }

    fn changes(&self, tables: &[u32], steps: &mut Vec<Step>) {
        for ((table, act), rows) in self.changing.iter().filter(|((table, _), _)| tables.contains(table)) {
            steps.push(Step { table: *table, act: act.clone(), rows: rows.clone() });
        }
    }

    fn changes_first(&self, tables: &[u32], changes_first: &dyn Fn(u32) -> bool, steps: &mut Vec<Step>) {
        for table in tables {
            let mut by_entry: BTreeMap<u32, Vec<RowId>> = BTreeMap::new();
            for row in self.going.get(table).into_iter().flatten() {
                let entry = self.settled.entry_that_takes(*row).filter(|entry| changes_first(*entry));
                entry.into_iter().for_each(|entry| by_entry.entry(entry).or_default().push(*row));
            }
            let step = |(entry, rows)| Step { table: *table, act: Act::ChangeFirst { entry }, rows };
            steps.extend(by_entry.into_iter().map(step));
        }
    }

    fn deletions(&self, tables: &[u32], steps: &mut Vec<Step>) {
        let is_here = |row: RowId| tables.contains(&self.table_of(row)) && self.settled.is_gone(row);
        let inside = self.references.iter().copied().filter(|(from, to, _)| is_here(*from) && is_here(*to));
        let all: BTreeSet<RowId> = tables.iter().filter_map(|table| self.going.get(table)).flatten().copied().collect();
        let inside: Vec<(RowId, RowId, u32)> = inside.collect();
        let round = self.levels(all, &inside, steps);
        let between = |(from, to, _): &(RowId, RowId, u32)| round.contains(from) && round.contains(to);
        let may_be_null =
            |(_, _, terms): &(RowId, RowId, u32)| self.settled.terms.references[*terms as usize].may_be_null;
        let (loose, firm): (Vec<_>, Vec<_>) = inside.iter().copied().filter(between).partition(may_be_null);
        self.loosen(&loose, steps);
        let rest = self.levels(round, &firm, steps);
        self.delete(&rest, steps);
    }

    /// Level by level, those first that no row refers to which goes later; what is left refers to itself, or goes round in circles.
    fn levels(
        &self,
        mut left: BTreeSet<RowId>,
        references: &[(RowId, RowId, u32)],
        steps: &mut Vec<Step>,
    ) -> BTreeSet<RowId> {
        let mut referrers: HashMap<RowId, u32> = HashMap::new();
        let mut parents: HashMap<RowId, Vec<RowId>> = HashMap::new();
        for (from, to, _) in references {
            *referrers.entry(*to).or_default() += 1;
            parents.entry(*from).or_default().push(*to);
        }
        let mut level: BTreeSet<RowId> = left.iter().copied().filter(|row| !referrers.contains_key(row)).collect();
        while !level.is_empty() {
            self.delete(&level, steps);
            let mut next = BTreeSet::new();
            for row in &level {
                left.remove(row);
                for parent in parents.get(row).into_iter().flatten() {
                    let count = referrers.entry(*parent).or_default();
                    *count -= 1;
                    if *count == 0 {
                        next.insert(*parent);
                    }
                }
            }
            level = next;
        }
        left
    }

    fn loosen(&self, references: &[(RowId, RowId, u32)], steps: &mut Vec<Step>) {
        let mut clinging: BTreeMap<RowId, BTreeSet<u32>> = BTreeMap::new();
        for (from, _, terms) in references {
            clinging.entry(*from).or_default().insert(*terms);
        }
        let mut alike: BTreeMap<(u32, Vec<u32>), Vec<RowId>> = BTreeMap::new();
        for (row, terms) in clinging {
            alike.entry((self.table_of(row), terms.into_iter().collect())).or_default().push(row);
        }
        let step = |((table, references), rows)| Step { table, act: Act::Loosen { references }, rows };
        steps.extend(alike.into_iter().map(step));
    }

    fn delete(&self, rows: &BTreeSet<RowId>, steps: &mut Vec<Step>) {
        let mut by_table: BTreeMap<u32, Vec<RowId>> = BTreeMap::new();
        rows.iter().for_each(|row| by_table.entry(self.table_of(*row)).or_default().push(*row));
        steps.extend(by_table.into_iter().map(|(table, rows)| Step { table, act: Act::Delete, rows }));
    }
}

impl Settled<'_> {
    /// The redactions of a row that stays.
    fn redactions(&self, row: RowId) -> impl Iterator<Item = ClaimId> {
        self.links.claims_by_row.get(row).iter().copied().filter(|claim| self.is_carried_out(*claim))
    }

    /// The entry by which the row goes, or changes.
    pub fn entry_that_acts(&self, row: RowId) -> Option<u32> {
        let claim = self.claim_that_takes(row).or_else(|| self.redactions(row).next())?;
        Some(self.marks.claims[claim as usize].entry)
    }

    fn entry_that_takes(&self, row: RowId) -> Option<u32> {
        let claim = self.claim_that_takes(row)?;
        Some(self.marks.claims[claim as usize].entry)
    }
}
