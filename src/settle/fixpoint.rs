//! The fixpoint: claims are taken out until no rule takes another one out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::index::Index;
use super::marks::{ClaimId, HoldSet, Marks, PartId, PersonId, RowId};
use super::{Columns, OTHER_COLUMNS, ReferenceEffect, Terms};

/// Why a claim is not carried out; the first reason that was found, holds before all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A hold covers the row, or one that would go along or let go.
    Held,
    /// It is somebody else's as well, who is not due.
    Shared,
    /// A row that stays refers to it, or is found by way of it.
    Needed,
    /// Something of its person stays.
    Waits,
}

/// What becomes of the marks.
pub struct Settled<'m> {
    pub(super) terms: &'m Terms,
    pub marks: &'m Marks,
    pub(super) links: Links,
    /// By claim; `None`: it is carried out.
    pub(super) stopped: Vec<Option<Why>>,
    /// Of held claims, all holds.
    pub(super) held_by: BTreeMap<ClaimId, BTreeSet<u16>>,
    /// By part: is it taken, by its claim or with a parent?
    pub(super) taken: Vec<bool>,
    /// By row: how many of its parts are taken. A row without any stays.
    takers: Vec<u32>,
    /// Entries and people of whom something stays that is to go one day.
    pub(super) staying: HashSet<(u32, PersonId)>,
}

/// The marks by what the rules ask for.
pub(super) struct Links {
    pub claims_by_row: Index,
    pub parts_by_row: Index,
    /// References by the row that refers.
    pub from_row: Index,
    /// References by what they refer to.
    pub to_part: Index,
    /// References over which a part goes along, by that part.
    pub along_to: Index,
}

impl Links {
    fn of(marks: &Marks) -> Self {
        let numbered = || (0..).zip(&marks.references);
        Self {
            claims_by_row: Index::of(marks.rows.len(), (0..).zip(&marks.claims).map(|(id, claim)| (claim.row, id))),
            parts_by_row: Index::of(marks.rows.len(), (0..).zip(&marks.parts).map(|(id, part)| (part.row, id))),
            from_row: Index::of(marks.rows.len(), numbered().filter_map(|(id, one)| Some((one.from?, id)))),
            to_part: Index::of(marks.parts.len(), numbered().map(|(id, one)| (one.to, id))),
            along_to: Index::of(marks.parts.len(), numbered().filter_map(|(id, one)| Some((one.part?, id)))),
        }
    }
}

/// Settles the marks; rows that are turned back stay, whatever the rules say: a trigger kept them when they were to go or change.
pub fn settle<'m>(terms: &'m Terms, marks: &'m Marks, turned_back: &HashSet<RowId>) -> Settled<'m> {
    let mut work = Work::new(terms, marks);
    work.ask_holds();
    work.ask_what_is_known(turned_back);
    loop {
        work.ask_rows();
        if !work.ask_parents() {
            return work.settled;
        }
    }
}

struct Work<'m> {
    settled: Settled<'m>,
    /// Parts that must not be taken.
    forbidden: Vec<bool>,
    /// Rows of which something changed since the rules were asked of them.
    to_ask: Vec<RowId>,
    /// Claims of entries that others wait for, and of those that wait, by person.
    claims_of: HashMap<(u32, PersonId), Vec<ClaimId>>,
    /// By entry, those that wait for it.
    waiting: Vec<Vec<u32>>,
    /// Entries with rows that go along.
    has_family: Vec<bool>,
    family_changed: bool,
}

impl<'m> Work<'m> {
    fn new(terms: &'m Terms, marks: &'m Marks) -> Self {
        let removes = |entry: u32| terms.entries[entry as usize].removes;
        let mut takers = vec![0; marks.rows.len()];
        let taken: Vec<bool> = marks.parts.iter().map(|part| removes(part.entry)).collect();
        for part in marks.parts.iter().filter(|part| removes(part.entry)) {
            takers[part.row as usize] += 1;
        }
        let mut waiting = vec![Vec::new(); terms.entries.len()];
        for (entry, of) in (0..).zip(&terms.entries) {
            of.waits_for.iter().for_each(|other| waiting[*other].push(entry));
        }
        let mut claims_of: HashMap<_, Vec<_>> = HashMap::new();
        for (id, claim) in (0..).zip(&marks.claims) {
            if !terms.entries[claim.entry as usize].waits_for.is_empty() {
                claim.people.iter().for_each(|one| claims_of.entry((claim.entry, *one)).or_default().push(id));
            }
        }
        let mut has_family = vec![false; terms.entries.len()];
        for one in &terms.references {
            has_family[one.entry] |= matches!(one.effect, ReferenceEffect::GoesAlong(_));
        }
        let settled = Settled {
            terms,
            marks,
            links: Links::of(marks),
            stopped: vec![None; marks.claims.len()],
            held_by: BTreeMap::new(),
            taken,
            takers,
            staying: HashSet::new(),
        };
        let to_ask = (0..marks.rows.len() as RowId).collect();
        let forbidden = vec![false; marks.parts.len()];
        Self { settled, forbidden, to_ask, claims_of, waiting, has_family, family_changed: false }
    }

    fn effect(&self, reference: u32) -> ReferenceEffect {
        let marks = self.settled.marks;
        self.settled.terms.references[marks.references[reference as usize].terms as usize].effect
    }

    /// Rule 1, before all others, so that a row that is held counts as held.
    fn ask_holds(&mut self) {
        let marks = self.settled.marks;
        for claim in marks.claims.iter().filter(|claim| claim.held_by != 0) {
            self.hold(claim.part, claim.held_by);
        }
        for (id, reference) in (0..).zip(&marks.references).filter(|(_, reference)| reference.held_by != 0) {
            match self.effect(id) {
                ReferenceEffect::GoesAlong(_) => self.hold(reference.part.unwrap_or(reference.to), reference.held_by),
                ReferenceEffect::LetsGo => self.hold(reference.to, reference.held_by),
                ReferenceEffect::Keeps | ReferenceEffect::FoundBy(_) => {}
            }
        }
    }

    /// Holds keep the part and everything with which it would go along.
    fn hold(&mut self, part: PartId, holds: HoldSet) {
        let holds = &self.settled.marks.hold_sets[holds as usize];
        for above in self.with_parents(part) {
            if let Some(claim) = self.settled.marks.parts[above as usize].claim {
                self.settled.held_by.entry(claim).or_default().extend(holds);
            }
        }
        self.forbid(part, Why::Held);
    }

    fn with_parents(&self, part: PartId) -> Vec<PartId> {
        let (mut found, mut seen) = (vec![part], HashSet::from([part]));
        let mut at = 0;
        while let Some(part) = found.get(at).copied() {
            for reference in self.settled.links.along_to.get(part) {
                let parent = self.settled.marks.references[*reference as usize].to;
                if seen.insert(parent) {
                    found.push(parent);
                }
            }
            at += 1;
        }
        found
    }

    /// Rule 2, and rules 3 and 4 as far as rows are asked that are not marked.
    fn ask_what_is_known(&mut self, turned_back: &HashSet<RowId>) {
        let marks = self.settled.marks;
        for row in turned_back {
            for part in self.settled.links.parts_by_row.get(*row).to_vec() {
                self.forbid(part, Why::Needed);
            }
        }
        for claim in marks.claims.iter().filter(|claim| claim.is_shared) {
            self.forbid(claim.part, Why::Shared);
        }
        for (id, reference) in (0..).zip(&marks.references).filter(|(_, reference)| reference.from.is_none()) {
            if matches!(self.effect(id), ReferenceEffect::Keeps | ReferenceEffect::FoundBy(_)) {
                self.forbid(reference.to, Why::Needed);
            }
        }
    }

    /// Takes out the claims by which the part would be taken. A part that must not be taken is never taken again.
    fn forbid(&mut self, part: PartId, why: Why) {
        let mut parts = vec![part];
        while let Some(part) = parts.pop() {
            if std::mem::replace(&mut self.forbidden[part as usize], true) {
                continue;
            }
            if let Some(claim) = self.settled.marks.parts[part as usize].claim {
                self.stop(claim, why);
            }
            let above = self.settled.links.along_to.get(part);
            parts.extend(above.iter().map(|reference| self.settled.marks.references[*reference as usize].to));
        }
    }

    fn stop(&mut self, id: ClaimId, why: Why) {
        let claim = &self.settled.marks.claims[id as usize];
        if self.settled.stopped[id as usize].is_some() {
            return;
        }
        self.settled.stopped[id as usize] = Some(why);
        self.to_ask.push(claim.row);
        if self.has_family[claim.entry as usize] {
            self.family_changed = true;
        } else if self.settled.terms.entries[claim.entry as usize].removes {
            self.lose(claim.part);
        }
    }

    fn lose(&mut self, part: PartId) {
        if std::mem::replace(&mut self.settled.taken[part as usize], false) {
            let row = self.settled.marks.parts[part as usize].row;
            self.settled.takers[row as usize] -= 1;
            self.to_ask.push(row);
        }
    }

    /// Rules 3 to 5, of rows of which something changed.
    fn ask_rows(&mut self) {
        while let Some(row) = self.to_ask.pop() {
            if self.settled.is_gone(row) {
                continue;
            }
            for reference in self.settled.links.from_row.get(row).to_vec() {
                if self.settled.needs(row, reference) {
                    self.forbid(self.settled.marks.references[reference as usize].to, Why::Needed);
                }
            }
            for claim in self.settled.links.claims_by_row.get(row).to_vec() {
                if self.settled.keeps_its_people(claim) {
                    let entry = self.settled.marks.claims[claim as usize].entry;
                    let people = self.settled.marks.claims[claim as usize].people.clone();
                    people.into_iter().for_each(|person| self.something_stays(entry, person));
                }
            }
        }
    }

    /// Rule 5: and what waits stays as well, so that others wait for it.
    fn something_stays(&mut self, entry: u32, person: PersonId) {
        let mut staying = vec![entry];
        while let Some(entry) = staying.pop() {
            if !self.settled.staying.insert((entry, person)) {
                continue;
            }
            for other in self.waiting[entry as usize].clone() {
                for claim in self.claims_of.get(&(other, person)).cloned().unwrap_or_default() {
                    self.forbid(self.settled.marks.claims[claim as usize].part, Why::Waits);
                }
                staying.push(other);
            }
        }
    }

    /// Finds anew what goes along with the claims that are left. Is there anything to ask again?
    fn ask_parents(&mut self) -> bool {
        if !std::mem::take(&mut self.family_changed) {
            return !self.to_ask.is_empty();
        }
        let still = self.settled.reached_from_claims(&self.has_family);
        for part in 0..self.settled.marks.parts.len() as PartId {
            let is_of_family = self.has_family[self.settled.marks.parts[part as usize].entry as usize];
            if is_of_family && !still[part as usize] {
                self.lose(part);
            }
        }
        !self.to_ask.is_empty()
    }
}

impl Settled<'_> {
    /// Is the row taken?
    pub fn is_gone(&self, row: RowId) -> bool {
        self.takers[row as usize] > 0
    }

    /// Is the claim carried out? Of a redaction, whose row stays.
    pub fn is_carried_out(&self, claim: ClaimId) -> bool {
        self.stopped[claim as usize].is_none()
    }

    /// The columns of a row that stays that change, as far as they have a number of their own: the others are one entry's alone.
    pub(super) fn changed(&self, row: RowId) -> Columns {
        let claims = self.links.claims_by_row.get(row).iter().filter(|claim| self.is_carried_out(**claim));
        claims.fold(0, |changed, claim| changed | self.marks.claims[*claim as usize].changes) & !OTHER_COLUMNS
    }

    /// Does the row, which stays, refer by a column that does not change?
    pub(super) fn still_refers(&self, row: RowId, reference: u32) -> bool {
        let terms = &self.terms.references[self.marks.references[reference as usize].terms as usize];
        terms.columns & self.changed(row) == 0
    }

    /// Does the row, which stays, keep what the reference leads to?
    fn needs(&self, row: RowId, reference: u32) -> bool {
        let terms = &self.terms.references[self.marks.references[reference as usize].terms as usize];
        match terms.effect {
            ReferenceEffect::Keeps => self.still_refers(row, reference),
            ReferenceEffect::FoundBy(entry) => !entry.is_some_and(|entry| self.is_done(row, entry as u32)),
            ReferenceEffect::GoesAlong(_) | ReferenceEffect::LetsGo => false,
        }
    }

    /// Has the entry nothing left to do to the row, which stays?
    fn is_done(&self, row: RowId, entry: u32) -> bool {
        let claims = self.links.claims_by_row.get(row).iter();
        let mut theirs = claims.filter(|claim| self.marks.claims[**claim as usize].entry == entry);
        let is_left = |claim: &ClaimId| self.marks.claims[*claim as usize].changes & !self.changed(row) != 0;
        let removes = self.terms.entries[entry as usize].removes;
        theirs.next().is_some_and(|claim| !removes && (self.is_carried_out(*claim) || !is_left(claim)))
    }

    /// Does the claim leave something that is to go one day, and that its people have to wait for?
    fn keeps_its_people(&self, id: ClaimId) -> bool {
        let claim = &self.marks.claims[id as usize];
        let feared = self.terms.entries[claim.entry as usize].may_be_needed;
        match self.stopped[id as usize] {
            None => false,
            Some(Why::Shared) if !feared => false,
            Some(_) => !self.is_done(claim.row, claim.entry),
        }
    }

    fn reached_from_claims(&self, has_family: &[bool]) -> Vec<bool> {
        let mut reached = vec![false; self.marks.parts.len()];
        let is_taken =
            |(id, claim): &(u32, &super::Claim)| has_family[claim.entry as usize] && self.is_carried_out(*id);
        let mut parts: Vec<PartId> =
            (0..).zip(&self.marks.claims).filter(is_taken).map(|(_, claim)| claim.part).collect();
        while let Some(part) = parts.pop() {
            if std::mem::replace(&mut reached[part as usize], true) {
                continue;
            }
            let below = self.links.to_part.get(part).iter();
            parts.extend(below.filter_map(|reference| self.marks.references[*reference as usize].part));
        }
        reached
    }

    /// Something of the person stays that is to go one day, by one of the entries.
    pub fn stays_of(&self, person: PersonId) -> impl Iterator<Item = usize> {
        (0..self.terms.entries.len()).filter(move |entry| self.staying.contains(&(*entry as u32, person)))
    }
}
