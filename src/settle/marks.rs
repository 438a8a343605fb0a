//! What is marked of a batch.

use std::collections::HashMap;

use super::Columns;
use crate::plan::PersonKey;

pub type RowId = u32;
pub type PartId = u32;
pub type ClaimId = u32;
pub type PersonId = u32;
/// A set of holds; 0 is the empty one.
pub type HoldSet = u32;

/// What tells a row from every other of its table, as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKey {
    One(PersonKey),
    Several(Box<[PersonKey]>),
}

#[derive(Debug, Clone)]
pub struct Row {
    /// The number of the physical table.
    pub table: u32,
    pub key: RowKey,
    /// Rows that nothing tells apart are one, so many times.
    pub copies: u32,
}

/// What one entry says of one row.
#[derive(Debug, Clone)]
pub struct Claim {
    pub entry: u32,
    pub row: RowId,
    pub part: PartId,
    /// Whose the row is, of those who are due, in the order of their keys.
    pub people: Vec<PersonId>,
    pub held_by: HoldSet,
    /// The row is somebody else's as well, who is not due.
    pub is_shared: bool,
    /// Of a redaction, the columns that are not yet what they become.
    pub changes: Columns,
}

/// A row in the family of an entry.
#[derive(Debug, Clone)]
pub struct Part {
    pub entry: u32,
    pub level: u32,
    pub row: RowId,
    pub claim: Option<ClaimId>,
}

#[derive(Debug, Clone)]
pub struct Reference {
    /// The number of its terms.
    pub terms: u32,
    /// `None`: a row that is not marked, and so stays.
    pub from: Option<RowId>,
    /// Of a row that goes along, its own part.
    pub part: Option<PartId>,
    pub to: PartId,
    /// The holds on the row that refers, where it would go along or let go.
    pub held_by: HoldSet,
}

/// The marks of a batch, as they are put together.
#[derive(Debug, Default)]
pub struct Marks {
    pub people: Vec<PersonKey>,
    pub rows: Vec<Row>,
    pub parts: Vec<Part>,
    pub claims: Vec<Claim>,
    pub references: Vec<Reference>,
    /// Rows of entries whose rows nothing keeps and nothing waits for: the entry, the person, and how many.
    pub free: Vec<(u32, PersonId, u64)>,
    /// The names of holds; the sets of them by their numbers.
    pub holds: Vec<String>,
    pub hold_sets: Vec<Vec<u16>>,
    people_by_key: HashMap<PersonKey, PersonId>,
    rows_by_key: HashMap<(u32, RowKey), RowId>,
    parts_by_row: HashMap<(u32, u32, RowId), PartId>,
    sets_by_holds: HashMap<Vec<u16>, HoldSet>,
    holds_by_name: HashMap<String, u16>,
}

impl Marks {
    pub fn new() -> Self {
        let mut marks = Self::default();
        marks.hold_set(Vec::new());
        marks
    }

    pub fn person(&mut self, key: PersonKey) -> PersonId {
        let next = self.people.len() as PersonId;
        let people = &mut self.people;
        *self.people_by_key.entry(key).or_insert_with_key(|key| {
            people.push(key.clone());
            next
        })
    }

    pub fn row(&mut self, table: u32, key: RowKey) -> RowId {
        let next = self.rows.len() as RowId;
        let rows = &mut self.rows;
        *self.rows_by_key.entry((table, key)).or_insert_with_key(|(table, key)| {
            rows.push(Row { table: *table, key: key.clone(), copies: 1 });
            next
        })
    }

    /// The row, where it is marked.
    pub fn find_row(&self, table: u32, key: &RowKey) -> Option<RowId> {
        self.rows_by_key.get(&(table, key.clone())).copied()
    }

    pub fn hold(&mut self, name: &str) -> u16 {
        if let Some(hold) = self.holds_by_name.get(name) {
            return *hold;
        }
        let hold = u16::try_from(self.holds.len()).unwrap_or(u16::MAX);
        self.holds.push(name.to_owned());
        self.holds_by_name.insert(name.to_owned(), hold);
        hold
    }

    pub fn hold_set(&mut self, mut holds: Vec<u16>) -> HoldSet {
        holds.sort_unstable();
        holds.dedup();
        let next = self.hold_sets.len() as HoldSet;
        let sets = &mut self.hold_sets;
        *self.sets_by_holds.entry(holds).or_insert_with_key(|holds| {
            sets.push(holds.clone());
            next
        })
    }

    /// The part, and whether it is new.
    pub fn part(&mut self, entry: u32, level: u32, row: RowId) -> (PartId, bool) {
        let next = self.parts.len() as PartId;
        let part = *self.parts_by_row.entry((entry, level, row)).or_insert(next);
        if part == next {
            self.parts.push(Part { entry, level, row, claim: None });
        }
        (part, part == next)
    }

    /// Adds an entry's word on a row, or one more person whose the row is by the same entry.
    pub fn claim(&mut self, claim: Claim) {
        let (part, _) = self.part(claim.entry, 0, claim.row);
        match self.parts[part as usize].claim {
            None => {
                self.parts[part as usize].claim = Some(self.claims.len() as ClaimId);
                self.claims.push(Claim { part, ..claim });
            }
            Some(known) => {
                let merged = [self.claims[known as usize].held_by, claim.held_by];
                let held_by = if merged[0] == merged[1] { merged[0] } else { self.union(merged) };
                let known = &mut self.claims[known as usize];
                known.held_by = held_by;
                known.is_shared |= claim.is_shared;
                known.changes |= claim.changes;
                known.people.extend(claim.people.iter().filter(|one| !known.people.contains(one)).collect::<Vec<_>>());
            }
        }
    }

    fn union(&mut self, sets: [HoldSet; 2]) -> HoldSet {
        let holds = sets.iter().flat_map(|set| self.hold_sets[*set as usize].clone()).collect();
        self.hold_set(holds)
    }

    /// The people of each claim in the order of their keys.
    pub fn sort_people(&mut self) {
        let people = &self.people;
        for claim in self.claims.iter_mut().filter(|claim| claim.people.len() > 1) {
            claim.people.sort_unstable_by(|a, b| people[*a as usize].cmp(&people[*b as usize]));
        }
    }
}
