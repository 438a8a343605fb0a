//! What a batch does, entry by entry and person by person. Each row counts once.

use std::collections::{BTreeMap, HashSet};

use super::fixpoint::{Settled, Why};
use super::marks::{ClaimId, PartId, PersonId, RowId};
use super::{OTHER_COLUMNS, ReferenceEffect};

/// Rows that go along or let go, by the names of tables and of references.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Along {
    pub cascaded: BTreeMap<String, u64>,
    pub detached: BTreeMap<String, u64>,
}

/// What an entry counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryCount {
    /// Rows of which the entry speaks: those that it changes, the held ones and the others that stay.
    pub eligible: u64,
    pub done: u64,
    pub held: u64,
    pub blocked: u64,
    /// By the name of the hold.
    pub held_by: BTreeMap<String, u64>,
    pub along: Along,
}

/// What an entry counts of one person's rows beside those that are done. A row that several have stays of each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonCount {
    pub held: u64,
    pub blocked: u64,
    pub held_by: BTreeMap<String, u64>,
    pub along: Along,
}

/// The counts of a batch.
#[derive(Debug, Default)]
pub struct Account {
    pub entries: Vec<EntryCount>,
    /// Rows done by person and entry: thousands of people have little beside these. A row that several have is done for the first
    /// of them by their keys.
    done: Vec<u64>,
    pub people: BTreeMap<(PersonId, u32), PersonCount>,
}

impl Account {
    /// Rows of a person that are done, by entry.
    pub fn done_of(&self, person: PersonId) -> &[u64] {
        let entries = self.entries.len();
        &self.done[person as usize * entries..][..entries]
    }

    /// What else there is to tell of a person, by entry.
    pub fn beside_of(&self, person: PersonId) -> impl Iterator<Item = (u32, &PersonCount)> {
        self.people.range((person, 0)..=(person, u32::MAX)).map(|((_, entry), count)| (*entry, count))
    }
}

impl Settled<'_> {
    pub fn account(&self) -> Account {
        let entries = vec![EntryCount::default(); self.terms.entries.len()];
        let mut teller = Teller {
            settled: self,
            account: Account {
                done: vec![0; entries.len() * self.marks.people.len()],
                entries,
                people: BTreeMap::new(),
            },
        };
        for (entry, person, rows) in &self.marks.free {
            teller.free(*entry, *person, *rows);
        }
        let mut claimed: HashSet<RowId> = HashSet::new();
        for row in 0..self.marks.rows.len() as RowId {
            match self.claim_that_takes(row) {
                Some(claim) => {
                    claimed.insert(row);
                    teller.done(claim);
                }
                None if self.is_gone(row) => {}
                None => teller.of_row_that_stays(row),
            }
        }
        let first = self.first_people();
        teller.cascades(&claimed, &first);
        teller.lets_go(&first);
        teller.account
    }

    /// The first of the claims that take the row: entries count before what goes along.
    pub(super) fn claim_that_takes(&self, row: RowId) -> Option<ClaimId> {
        let claims = self.links.claims_by_row.get(row).iter().copied();
        let takes = |id: &ClaimId| {
            self.terms.entries[self.marks.claims[*id as usize].entry as usize].removes && self.is_carried_out(*id)
        };
        claims.filter(takes).min_by_key(|id| self.marks.claims[*id as usize].entry)
    }

    /// By part that goes along, the first of the people with whose rows it does.
    fn first_people(&self) -> Vec<Option<PersonId>> {
        let mut roots: Vec<(PersonId, PartId)> = Vec::new();
        for (id, claim) in (0..).zip(&self.marks.claims) {
            if self.is_carried_out(id) && self.taken[claim.part as usize] {
                roots.extend(claim.people.first().map(|person| (*person, claim.part)));
            }
        }
        roots.sort_by(|a, b| self.marks.people[a.0 as usize].cmp(&self.marks.people[b.0 as usize]));
        let mut first = vec![None; self.marks.parts.len()];
        for (person, root) in roots {
            let mut parts = vec![root];
            while let Some(part) = parts.pop() {
                for reference in self.links.to_part.get(part) {
                    let Some(below) = self.marks.references[*reference as usize].part else { continue };
                    if first[below as usize].is_none() {
                        first[below as usize] = Some(person);
                        parts.push(below);
                    }
                }
            }
        }
        first
    }
}

struct Teller<'s, 'm> {
    settled: &'s Settled<'m>,
    account: Account,
}

impl Teller<'_, '_> {
    fn person(&mut self, person: PersonId, entry: u32) -> &mut PersonCount {
        self.account.people.entry((person, entry)).or_default()
    }

    fn free(&mut self, entry: u32, person: PersonId, rows: u64) {
        let entries = self.account.entries.len();
        self.account.entries[entry as usize].eligible += rows;
        self.account.entries[entry as usize].done += rows;
        self.account.done[person as usize * entries + entry as usize] += rows;
    }

    fn done(&mut self, id: ClaimId) {
        let claim = &self.settled.marks.claims[id as usize];
        let copies = u64::from(self.settled.marks.rows[claim.row as usize].copies);
        let entry = &mut self.account.entries[claim.entry as usize];
        entry.eligible += copies;
        entry.done += copies;
        if let Some(person) = claim.people.first() {
            let entries = self.account.entries.len();
            self.account.done[*person as usize * entries + claim.entry as usize] += copies;
        }
    }

    /// Redactions in the order of the entries: what an earlier one changes there is nothing left of for a later one.
    fn of_row_that_stays(&mut self, row: RowId) {
        let all = self.settled.changed(row);
        let mut changed = 0;
        let mut claims = self.settled.links.claims_by_row.get(row).to_vec();
        claims.sort_by_key(|id| self.settled.marks.claims[*id as usize].entry);
        for id in claims {
            let claim = &self.settled.marks.claims[id as usize];
            let removes = self.settled.terms.entries[claim.entry as usize].removes;
            match self.settled.stopped[id as usize] {
                None if claim.changes & !changed != 0 => {
                    changed |= claim.changes & !OTHER_COLUMNS;
                    self.done(id);
                }
                Some(why) if removes || claim.changes & !all != 0 => self.stays(id, why),
                None | Some(_) => {}
            }
        }
    }

    fn stays(&mut self, id: ClaimId, why: Why) {
        let claim = &self.settled.marks.claims[id as usize];
        let copies = u64::from(self.settled.marks.rows[claim.row as usize].copies);
        let holds = self.settled.held_by.get(&id).into_iter().flatten();
        let holds: Vec<_> = holds.map(|hold| self.settled.marks.holds[usize::from(*hold)].clone()).collect();
        let entry = &mut self.account.entries[claim.entry as usize];
        entry.eligible += copies;
        match why {
            Why::Held => entry.held += copies,
            Why::Shared | Why::Needed | Why::Waits => entry.blocked += copies,
        }
        holds.iter().for_each(|hold| *entry.held_by.entry(hold.clone()).or_default() += copies);
        for person in claim.people.clone() {
            let told = self.person(person, claim.entry);
            match why {
                Why::Held => told.held += copies,
                Why::Shared | Why::Needed | Why::Waits => told.blocked += copies,
            }
            holds.iter().for_each(|hold| *told.held_by.entry(hold.clone()).or_default() += copies);
        }
    }

    /// Rows that go only because others do, each for the first entry that takes it along.
    fn cascades(&mut self, claimed: &HashSet<RowId>, first: &[Option<PersonId>]) {
        let settled = self.settled;
        for row in (0..settled.marks.rows.len() as RowId).filter(|row| settled.is_gone(*row) && !claimed.contains(row))
        {
            let parts = settled.links.parts_by_row.get(row).iter().filter(|part| settled.taken[**part as usize]);
            let Some(part) = parts.min_by_key(|part| settled.marks.parts[**part as usize].entry) else { continue };
            let entry = settled.marks.parts[*part as usize].entry;
            let above = settled.links.along_to.get(*part).first();
            let Some(name) = above.map(|one| self.name_of(*one).to_owned()) else { continue };
            let copies = u64::from(settled.marks.rows[row as usize].copies);
            *self.account.entries[entry as usize].along.cascaded.entry(name.clone()).or_default() += copies;
            if let Some(person) = first[*part as usize] {
                *self.person(person, entry).along.cascaded.entry(name).or_default() += copies;
            }
        }
    }

    /// References that become NULL in rows that stay, each once.
    fn lets_go(&mut self, first: &[Option<PersonId>]) {
        let settled = self.settled;
        let mut told: HashSet<(RowId, &str)> = HashSet::new();
        let mut found: Vec<(u32, PersonId, RowId, &str)> = Vec::new();
        for (_, row, reference) in settled.references_let_go() {
            let one = &settled.marks.references[reference as usize];
            let part = &settled.marks.parts[one.to as usize];
            let own = part.claim.filter(|claim| settled.is_carried_out(*claim));
            let own = own.and_then(|claim| settled.marks.claims[claim as usize].people.first().copied());
            let people = [own, first[one.to as usize]].into_iter().flatten();
            let key = |person: &PersonId| settled.marks.people[*person as usize].clone();
            let Some(person) = people.min_by_key(key) else { continue };
            found.push((part.entry, person, row, &settled.terms.references[one.terms as usize].name));
        }
        found.sort_by(|a, b| {
            let key = |one: &(u32, PersonId, RowId, &str)| (one.0, settled.marks.people[one.1 as usize].clone());
            key(a).cmp(&key(b))
        });
        for (entry, person, row, name) in found {
            if told.insert((row, name)) {
                let copies = u64::from(settled.marks.rows[row as usize].copies);
                *self.account.entries[entry as usize].along.detached.entry(name.to_owned()).or_default() += copies;
                *self.person(person, entry).along.detached.entry(name.to_owned()).or_default() += copies;
            }
        }
    }

    fn name_of(&self, reference: u32) -> &str {
        let marks = self.settled.marks;
        &self.settled.terms.references[marks.references[reference as usize].terms as usize].name
    }
}

impl Settled<'_> {
    /// References that become NULL: their number, the row that lets go, and the reference. The row stays, and no redaction
    /// changes them; what they lead to goes.
    pub(super) fn references_let_go(&self) -> impl Iterator<Item = (u32, RowId, u32)> {
        (0..).zip(&self.marks.references).filter_map(|(id, one)| {
            let row = one.from?;
            let lets_go = self.terms.references[one.terms as usize].effect == ReferenceEffect::LetsGo;
            let is_let_go = lets_go && self.taken[one.to as usize] && !self.is_gone(row) && self.still_refers(row, id);
            is_let_go.then_some((one.terms, row, id))
        })
    }
}
