//! Small batches and what becomes of them; and random ones, held against a search through everything that could be done.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::plan::PersonKey;

/// A map and the marks of a batch, put together by hand. Tables are those of the entries, and from 10 on those of dependents.
struct World {
    terms: Terms,
    marks: Marks,
}

fn key(id: i64) -> RowKey {
    RowKey::One(PersonKey::Whole(id))
}

const DELETES: bool = true;
const REDACTS: bool = false;

impl World {
    fn of(removes: &[bool]) -> Self {
        let entries = removes.iter().map(|removes| EntryTerms { removes: *removes, ..EntryTerms::default() });
        Self { terms: Terms { entries: entries.collect(), references: Vec::new() }, marks: Marks::new() }
    }

    /// An entry claims the row of its table, for a person.
    fn claim(&mut self, entry: u32, id: i64, person: i64) -> ClaimId {
        self.claim_in(entry, entry, id, person)
    }

    fn claim_in(&mut self, entry: u32, table: u32, id: i64, person: i64) -> ClaimId {
        let row = self.marks.row(table, key(id));
        let people = vec![self.marks.person(PersonKey::Whole(person))];
        let claim = Claim { entry, row, part: 0, people, held_by: 0, is_shared: false, changes: OTHER_COLUMNS };
        self.marks.claim(claim);
        self.marks.claims.len() as ClaimId - 1
    }

    fn hold(&mut self, claim: ClaimId, name: &str) {
        let hold = self.marks.hold(name);
        self.marks.claims[claim as usize].held_by = self.marks.hold_set(vec![hold]);
    }

    fn terms(&mut self, entry: usize, level: usize, effect: ReferenceEffect, name: &str) -> u32 {
        self.terms.references.push(ReferenceTerms {
            entry,
            level,
            effect,
            columns: 0,
            may_be_null: true,
            name: name.to_owned(),
        });
        self.terms.references.len() as u32 - 1
    }

    /// A reference from a row, or from one that is not marked, to the row of a claim.
    fn refer(&mut self, terms: u32, from: Option<RowId>, to: ClaimId) {
        let to = self.marks.claims[to as usize].part;
        self.marks.references.push(Reference { terms, from, part: None, to, held_by: 0 });
    }

    /// A row that goes along with a part, as a part of the level that the terms name.
    fn along(&mut self, terms: u32, id: i64, to: PartId) -> PartId {
        let reference = &self.terms.references[terms as usize];
        let ReferenceEffect::GoesAlong(level) = reference.effect else { panic!("these terms take nothing along") };
        let table = if level == 0 { reference.entry as u32 } else { 10 + level as u32 };
        let row = self.marks.row(table, key(id));
        let (part, _) = self.marks.part(reference.entry as u32, level as u32, row);
        self.marks.references.push(Reference { terms, from: Some(row), part: Some(part), to, held_by: 0 });
        part
    }

    fn row(&self, claim: ClaimId) -> RowId {
        self.marks.claims[claim as usize].row
    }

    fn part(&self, claim: ClaimId) -> PartId {
        self.marks.claims[claim as usize].part
    }

    fn settle(&mut self) -> Settled<'_> {
        self.marks.sort_people();
        settle(&self.terms, &self.marks, &HashSet::new())
    }

    /// Eligible, done, held and blocked by entry.
    fn counts(&mut self) -> Vec<[u64; 4]> {
        let of = |count: &EntryCount| [count.eligible, count.done, count.held, count.blocked];
        self.settle().account().entries.iter().map(of).collect()
    }
}

/// Answers refer to attempts, and attempts to accounts, which wait for both.
fn school() -> (World, [ClaimId; 4]) {
    let mut world = World::of(&[DELETES, DELETES, DELETES]);
    world.terms.entries[2].waits_for = vec![0, 1];
    let claims = [world.claim(0, 1, 7), world.claim(0, 2, 7), world.claim(1, 1, 7), world.claim(2, 7, 7)];
    let keeps = [world.terms(1, 0, ReferenceEffect::Keeps, ""), world.terms(2, 0, ReferenceEffect::Keeps, "")];
    let [one, other, attempt, account] = claims;
    for answer in [one, other] {
        let row = world.row(answer);
        world.refer(keeps[0], Some(row), attempt);
    }
    let row = world.row(attempt);
    world.refer(keeps[1], Some(row), account);
    (world, claims)
}

#[test]
fn all_goes_where_nothing_keeps_any_of_it() {
    assert_eq!(school().0.counts(), [[2, 2, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]);
}

#[test]
fn a_held_row_keeps_what_it_refers_to_and_its_person() {
    let (mut world, [one, ..]) = school();
    world.hold(one, "case-7");
    assert_eq!(world.counts(), [[2, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1]]);
    let settled = world.settle();
    assert_eq!(settled.stays_of(0).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(settled.account().entries[0].held_by, BTreeMap::from([("case-7".to_owned(), 1)]));
}

#[test]
fn a_row_that_is_not_marked_keeps_what_it_refers_to() {
    let (mut world, [_, _, attempt, _]) = school();
    world.refer(0, None, attempt);
    assert_eq!(world.counts(), [[2, 2, 0, 0], [1, 0, 0, 1], [1, 0, 0, 1]]);
}

#[test]
fn a_row_that_a_trigger_keeps_is_settled_as_one_that_stays() {
    let (mut world, [one, ..]) = school();
    let row = world.row(one);
    world.marks.sort_people();
    let settled = settle(&world.terms, &world.marks, &HashSet::from([row]));
    let gone = (0..4).filter(|row| settled.is_gone(*row)).count();
    assert_eq!(gone, 1);
}

#[test]
fn a_reference_that_a_redaction_changes_keeps_nothing() {
    let mut world = World::of(&[REDACTS, DELETES]);
    let (post, account) = (world.claim(0, 1, 7), world.claim(1, 7, 7));
    let keeps = world.terms(1, 0, ReferenceEffect::Keeps, "");
    world.terms.references[0].columns = 1;
    let row = world.row(post);
    world.refer(keeps, Some(row), account);
    assert_eq!(world.counts(), [[1, 1, 0, 0], [1, 0, 0, 1]], "another column changes");
    world.marks.claims[0].changes = 1;
    assert_eq!(world.counts(), [[1, 1, 0, 0], [1, 1, 0, 0]]);
    world.hold(post, "case-7");
    assert_eq!(world.counts(), [[1, 0, 1, 0], [1, 0, 0, 1]], "it is held, and refers still");
}

#[test]
fn rows_that_refer_to_each_other_go_together() {
    let mut world = World::of(&[DELETES, DELETES]);
    let (account, profile) = (world.claim(0, 1, 7), world.claim(1, 1, 7));
    let keeps = [world.terms(0, 0, ReferenceEffect::Keeps, ""), world.terms(1, 0, ReferenceEffect::Keeps, "")];
    let rows = [world.row(account), world.row(profile)];
    world.refer(keeps[0], Some(rows[1]), account);
    world.refer(keeps[1], Some(rows[0]), profile);
    assert_eq!(world.counts(), [[1, 1, 0, 0], [1, 1, 0, 0]]);
    let steps = steps(&world.settle(), &|_| false);
    let loosened = steps.iter().filter(|step| matches!(step.act, Act::Loosen { .. })).count();
    assert_eq!((loosened, steps.len()), (2, 4), "{steps:?}");
    // Where one of the references may not be NULL, its row goes first once the other one is.
    world.terms.references[0].may_be_null = false;
    let steps = super::steps(&world.settle(), &|_| false);
    let acts: Vec<_> = steps.iter().map(|step| (step.table, matches!(step.act, Act::Loosen { .. }))).collect();
    assert_eq!(acts, [(0, true), (1, false), (0, false)]);
    world.hold(profile, "case-7");
    assert_eq!(world.counts(), [[1, 0, 0, 1], [1, 0, 1, 0]]);
}

#[test]
fn what_is_found_by_way_of_a_row_keeps_it_until_it_is_done_with() {
    let mut world = World::of(&[REDACTS, DELETES]);
    let (post, thread) = (world.claim(0, 1, 7), world.claim(1, 1, 8));
    let found = world.terms(1, 0, ReferenceEffect::FoundBy(Some(0)), "");
    let row = world.row(post);
    world.refer(found, Some(row), thread);
    assert_eq!(world.counts(), [[1, 1, 0, 0], [1, 1, 0, 0]], "the post is redacted, and need not be found again");
    world.hold(post, "case-7");
    assert_eq!(world.counts(), [[1, 0, 1, 0], [1, 0, 0, 1]]);
    let (mut world, thread) = (World::of(&[DELETES]), 0);
    world.claim(0, 1, 7);
    let of_another_map = world.terms(0, 0, ReferenceEffect::FoundBy(None), "");
    world.refer(of_another_map, None, thread);
    assert_eq!(world.counts(), [[1, 0, 0, 1]]);
}

#[test]
fn a_row_of_somebody_who_stays_keeps_its_person_only_where_it_may_be_needed() {
    for (may_be_needed, accounts) in [(false, [1, 1, 0, 0]), (true, [1, 0, 0, 1])] {
        let mut world = World::of(&[DELETES, DELETES]);
        world.terms.entries[1].waits_for = vec![0];
        world.terms.entries[0].may_be_needed = may_be_needed;
        let letter = world.claim(0, 1, 7);
        world.claim(1, 7, 7);
        world.marks.claims[letter as usize].is_shared = true;
        assert_eq!(world.counts(), [[1, 0, 0, 1], accounts]);
    }
}

#[test]
fn a_row_that_two_entries_take_counts_for_the_first_and_once() {
    let mut world = World::of(&[DELETES, DELETES, REDACTS]);
    world.claim_in(0, 0, 1, 7);
    world.claim_in(1, 0, 1, 8);
    world.claim_in(2, 0, 1, 8);
    assert_eq!(world.counts(), [[1, 1, 0, 0], [0; 4], [0; 4]]);
    world.hold(0, "case-7");
    assert_eq!(world.counts(), [[0; 4], [1, 1, 0, 0], [0; 4]], "the second takes it: nothing of it stays");
}

#[test]
fn of_what_an_earlier_redaction_changes_there_is_nothing_left_for_a_later_one() {
    let mut world = World::of(&[REDACTS, REDACTS]);
    world.claim_in(0, 0, 1, 7);
    world.claim_in(1, 0, 1, 8);
    (world.marks.claims[0].changes, world.marks.claims[1].changes) = (0b11, 0b01);
    assert_eq!(world.counts(), [[1, 1, 0, 0], [0; 4]]);
    world.marks.claims[1].changes = 0b101;
    assert_eq!(world.counts(), [[1, 1, 0, 0], [1, 1, 0, 0]]);
}

/// A post of each of two people; a reaction hangs on both, and an emblem on the reaction.
fn family() -> (World, [ClaimId; 2], [PartId; 2]) {
    let mut world = World::of(&[DELETES]);
    let posts = [world.claim(0, 1, 7), world.claim(0, 2, 8)];
    let along = [
        world.terms(0, 0, ReferenceEffect::GoesAlong(1), "reaction"),
        world.terms(0, 1, ReferenceEffect::GoesAlong(2), "emblem"),
    ];
    let parts = posts.map(|post| world.part(post));
    world.along(along[0], 1, parts[1]);
    let reaction = world.along(along[0], 1, parts[0]);
    let emblem = world.along(along[1], 1, reaction);
    (world, posts, [reaction, emblem])
}

#[test]
fn what_goes_along_counts_once_and_for_the_first_of_the_people() {
    let account = |world: &mut World| {
        let account = world.settle().account();
        let of_first = account.beside_of(0).map(|(_, count)| count.along.cascaded.clone()).next().unwrap_or_default();
        (account.entries[0].along.cascaded.clone(), of_first)
    };
    let along = BTreeMap::from([("emblem".to_owned(), 1), ("reaction".to_owned(), 1)]);
    let (mut world, [first, _], _) = family();
    assert_eq!(account(&mut world), (along.clone(), along.clone()));
    world.hold(first, "case-7");
    assert_eq!(account(&mut world), (along, BTreeMap::new()), "with the post of the other one");
}

#[test]
fn a_hold_on_what_would_go_along_holds_all_that_it_hangs_on() {
    let (mut world, _, [_, emblem]) = family();
    let hold = world.marks.hold("case-7");
    let set = world.marks.hold_set(vec![hold]);
    let reference = world.marks.references.iter_mut().find(|one| one.part == Some(emblem)).unwrap();
    reference.held_by = set;
    assert_eq!(world.counts(), [[2, 0, 2, 0]]);
    assert_eq!(world.settle().account().entries[0].held_by, BTreeMap::from([("case-7".to_owned(), 2)]));
}

#[test]
fn what_goes_along_by_one_reference_keeps_nothing_by_another_one() {
    let (mut world, [first, _], [reaction, _]) = family();
    let keeps = world.terms(0, 0, ReferenceEffect::Keeps, "");
    let row = world.marks.parts[reaction as usize].row;
    world.refer(keeps, Some(row), first);
    assert_eq!(world.counts(), [[2, 2, 0, 0]]);
}

#[test]
fn a_row_that_goes_along_lets_go_of_nothing() {
    let (mut world, [first, _], [reaction, _]) = family();
    let lets_go = world.terms(0, 0, ReferenceEffect::LetsGo, "reaction.given_by");
    let gone = world.marks.parts[reaction as usize].row;
    let stays = world.marks.row(11, key(9));
    world.refer(lets_go, Some(gone), first);
    world.refer(lets_go, Some(stays), first);
    let detached = |world: &mut World| world.settle().account().entries[0].along.detached.clone();
    assert_eq!(detached(&mut world), BTreeMap::from([("reaction.given_by".to_owned(), 1)]));
    world.hold(first, "case-7");
    assert_eq!(detached(&mut world), BTreeMap::new());
}

#[test]
fn rows_that_only_take_each_other_along_stay() {
    let mut world = World::of(&[DELETES]);
    let post = world.claim(0, 1, 7);
    let along = world.terms(0, 0, ReferenceEffect::GoesAlong(0), "post");
    let reply = world.along(along, 2, world.part(post));
    world.along(along, 1, reply);
    world.hold(post, "case-7");
    let settled = world.settle();
    assert!(!settled.is_gone(0) && !settled.is_gone(1));
}

#[test]
fn children_go_before_their_parents_and_a_tree_from_its_leaves() {
    let (mut world, _) = school();
    let tables: Vec<u32> = steps(&world.settle(), &|_| false).iter().map(|step| step.table).collect();
    assert_eq!(tables, [0, 1, 2]);
    let mut world = World::of(&[DELETES]);
    let keeps = world.terms(0, 0, ReferenceEffect::Keeps, "");
    let posts: Vec<ClaimId> = (1..=3).map(|id| world.claim(0, id, 7)).collect();
    for pair in posts.windows(2) {
        let row = world.row(pair[1]);
        world.refer(keeps, Some(row), pair[0]);
    }
    let levels: Vec<Vec<RowId>> = steps(&world.settle(), &|_| false).into_iter().map(|step| step.rows).collect();
    assert_eq!(levels, [vec![2], vec![1], vec![0]]);
}

/// Claims of one deleting entry, and references among their rows and from rows that stay, some of which are held.
#[derive(Debug, Clone)]
struct Drawn {
    rows: usize,
    held: Vec<usize>,
    keeps: Vec<(Option<usize>, usize)>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let reference = (proptest::option::weighted(0.9, 0..7_usize), 0..7_usize);
    let many = (1..=7_usize, proptest::collection::vec(0..7_usize, 0..2), proptest::collection::vec(reference, 0..12));
    many.prop_map(|(rows, held, keeps)| Drawn {
        rows,
        held: held.into_iter().map(|row| row % rows).collect(),
        keeps: keeps.into_iter().map(|(from, to)| (from.map(|from| from % rows), to % rows)).collect(),
    })
}

impl Drawn {
    /// May exactly these rows go?
    fn allows(&self, going: &HashSet<usize>) -> bool {
        let stays = |from: &Option<usize>| from.is_none_or(|from| !going.contains(&from));
        self.held.iter().all(|row| !going.contains(row))
            && self.keeps.iter().all(|(from, to)| !going.contains(to) || !stays(from))
    }

    /// The most rows that may go together.
    fn most(&self) -> HashSet<usize> {
        let sets = (0..1_u32 << self.rows).map(|set| (0..self.rows).filter(|row| set >> row & 1 == 1).collect());
        sets.filter(|set| self.allows(set)).max_by_key(HashSet::len).unwrap_or_default()
    }
}

proptest! {
    #[test]
    fn as_much_goes_as_may_go_and_in_an_order_that_leaves_no_reference_behind(drawn in drawn()) {
        let mut world = World::of(&[DELETES]);
        let keeps = world.terms(0, 0, ReferenceEffect::Keeps, "");
        let claims: Vec<ClaimId> = (0..drawn.rows).map(|row| world.claim(0, row as i64, 7)).collect();
        drawn.held.iter().for_each(|row| world.hold(claims[*row], "case-7"));
        for (from, to) in &drawn.keeps {
            let from = from.map(|from| world.row(claims[from]));
            world.refer(keeps, from, claims[*to]);
        }
        let settled = world.settle();
        let gone: HashSet<usize> = (0..drawn.rows).filter(|row| settled.is_gone(*row as RowId)).collect();
        prop_assert_eq!(&gone, &drawn.most());
        let mut left: HashSet<usize> = gone;
        for step in steps(&settled, &|_| false) {
            if step.act == Act::Delete {
                let rows: HashSet<usize> = step.rows.iter().map(|row| *row as usize).collect();
                let clings = |(from, to): &(Option<usize>, usize)| {
                    from.is_some_and(|from| rows.contains(to) && left.contains(&from) && !rows.contains(&from))
                };
                prop_assert!(!drawn.keeps.iter().any(clings), "{:?} before what refers to it", rows);
                left.retain(|row| !rows.contains(row));
            }
        }
        prop_assert!(left.is_empty());
    }
}
