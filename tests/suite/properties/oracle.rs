//! Which rows go and which stay, told from the rows themselves.
//!
//! Keep by default: a row goes only where its age is known and past, the rule's condition is true, no hold covers it nor
//! anything that would go or change with it, and nothing that stays refers to it or to what would go with it.

use std::collections::{BTreeMap, BTreeSet};

use super::schedule::{Act, Age, Hold, Plan, Rule, Then};
use super::world::{OnDelete, Row, World};

const DAY: i64 = 86_400;

/// A row by its table and key.
type Key = (usize, i64);
/// An edge by the table that it starts from and its number there.
type EdgeKey = (usize, usize);

/// What a rule finds, and what it makes of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    pub eligible: u64,
    pub held: u64,
    pub blocked: u64,
    pub done: u64,
    pub no_anchor: u64,
    pub cascaded: BTreeMap<String, u64>,
    pub detached: BTreeMap<String, u64>,
}

/// Whether the rule speaks of the row: its condition is true, and there is something left to redact.
fn is_meant(rule: &Rule, row: &Row) -> bool {
    rule.but_kind.is_none_or(|kind| row.kind != kind) && (!matches!(rule.act, Act::Redact) || row.note)
}

/// Rows that the rule speaks of and of which nobody knows whether they are due.
fn of_unknown_age(world: &World, rule: &Rule) -> u64 {
    let rows = world.tables[rule.table].rows.values();
    rows.filter(|row| is_meant(rule, row) && age(world, rule, row).is_none()).count() as u64
}

/// The rule's figures on this world, which becomes what it is after the rule has run.
pub fn apply(world: &mut World, plan: &Plan, rule: &Rule) -> Figures {
    let fates = Fates::of(world, plan, rule);
    let doomed = fates.doomed();
    let mut figures = Figures {
        eligible: fates.eligible.len() as u64,
        held: fates.held.len() as u64,
        blocked: (fates.eligible.len() - fates.held.len() - doomed.len()) as u64,
        done: doomed.len() as u64,
        no_anchor: of_unknown_age(world, rule),
        ..Figures::default()
    };
    if let Act::Redact = rule.act {
        for id in doomed {
            world.tables[rule.table].rows.get_mut(&id).expect("it is there").note = false;
        }
        return figures;
    }
    let going: BTreeSet<Key> = doomed.iter().flat_map(|id| fates.family.goes_with(world, (rule.table, *id))).collect();
    figures.detached = fates.family.set_null(world, &going);
    for (table, id) in &going {
        world.tables[*table].rows.remove(id);
        let own = *table == rule.table && doomed.contains(id);
        if !own {
            *figures.cascaded.entry(world.tables[*table].name.to_owned()).or_default() += 1;
        }
    }
    figures
}

/// What is known of a rule's rows before it acts.
struct Fates<'w> {
    world: &'w World,
    rule: &'w Rule,
    family: Family,
    eligible: BTreeSet<i64>,
    held: BTreeSet<i64>,
}

impl<'w> Fates<'w> {
    fn of(world: &'w World, plan: &Plan, rule: &'w Rule) -> Self {
        let family = Family::of(world, rule);
        let is_eligible =
            |row: &Row| is_meant(rule, row) && age(world, rule, row).is_some_and(|at| at < -rule.days * DAY);
        let eligible: BTreeSet<i64> =
            world.tables[rule.table].rows.iter().filter(|(_, row)| is_eligible(row)).map(|(id, _)| *id).collect();
        let is_held = |id: &&i64| {
            let touched = family.touches(world, (rule.table, **id));
            touched.into_iter().any(|key| plan.holds.iter().any(|hold| covers(world, hold, key)))
        };
        let held = eligible.iter().filter(is_held).copied().collect();
        Self { world, rule, family, eligible, held }
    }

    /// The largest set of rows of which each may go once all the others of it have gone.
    fn doomed(&self) -> BTreeSet<i64> {
        let mut doomed: BTreeSet<i64> = self.eligible.difference(&self.held).copied().collect();
        if let Act::Redact = self.rule.act {
            return doomed;
        }
        doomed.retain(|id| !self.is_kept_from_outside(*id));
        let mut kept = BTreeSet::new();
        loop {
            let (going, staying) = (self.all_that_goes_with(&doomed), self.all_that_goes_with(&kept));
            let is_kept = |id: &&i64| {
                self.is_kept_by_its_own_kind(**id, &going) || self.is_kept_from_inside(**id, &going, &staying)
            };
            let more: BTreeSet<i64> = doomed.iter().filter(is_kept).copied().collect();
            if more.is_empty() {
                return doomed;
            }
            doomed.retain(|id| !more.contains(id));
            kept.extend(more);
        }
    }

    fn all_that_goes_with(&self, rows: &BTreeSet<i64>) -> BTreeSet<Key> {
        rows.iter().flat_map(|id| self.family.goes_with(self.world, (self.rule.table, *id))).collect()
    }

    /// What refers to the row, or to what goes with it, over an edge that nothing answers.
    fn keepers(&self, id: i64) -> impl Iterator<Item = Key> {
        let goes = self.family.goes_with(self.world, (self.rule.table, id));
        let refers = move |key: Key| {
            referrers(self.world, key)
                .filter(|(edge, _)| edge.0 != self.rule.table && self.family.answer(*edge).is_none())
                .map(|(_, referrer)| referrer)
                .collect::<Vec<_>>()
        };
        goes.into_iter().flat_map(refers)
    }

    /// A row refers to what would go that cannot go along.
    fn is_kept_from_outside(&self, id: i64) -> bool {
        self.keepers(id).any(|keeper| !self.family.deletes(keeper.0))
    }

    /// A row refers to what would go that goes with none of these rows, or with one that stays.
    fn is_kept_from_inside(&self, id: i64, going: &BTreeSet<Key>, staying: &BTreeSet<Key>) -> bool {
        self.keepers(id)
            .any(|keeper| self.family.deletes(keeper.0) && (!going.contains(&keeper) || staying.contains(&keeper)))
    }

    /// A row of the rule's own table that stays refers to what would go.
    fn is_kept_by_its_own_kind(&self, id: i64, going: &BTreeSet<Key>) -> bool {
        let root = self.rule.table;
        self.family.own_descendants(self.world, (root, id)).into_iter().any(|own| {
            referrers(self.world, own).any(|(edge, referrer)| {
                edge.0 == root && self.family.answer(edge).is_none() && !going.contains(&referrer)
            })
        })
    }
}

/// The references that a rule answers: what refers over them goes too, or lets go. All others keep.
struct Family {
    root: usize,
    answers: BTreeMap<EdgeKey, Then>,
}

impl Family {
    /// What the schedule says; where it says nothing, what the database itself would do, and then to that.
    fn of(world: &World, rule: &Rule) -> Self {
        let mut family = Family { root: rule.table, answers: BTreeMap::new() };
        let Act::Delete(entries) = &rule.act else { return family };
        family.answers.extend(entries.iter().map(|entry| ((entry.table, entry.edge), entry.then)));
        loop {
            let found = edges(world).find_map(|(key, to, on_delete)| {
                let then = match on_delete {
                    OnDelete::Cascade => Then::Delete,
                    OnDelete::SetNull => Then::Null,
                    OnDelete::NoAction | OnDelete::Restrict => return None,
                };
                (family.deletes(to) && family.answer(key).is_none()).then_some((key, then))
            });
            match found {
                Some((key, then)) => family.answers.insert(key, then),
                None => return family,
            };
        }
    }

    fn answer(&self, edge: EdgeKey) -> Option<Then> {
        self.answers.get(&edge).copied()
    }

    fn deletes(&self, table: usize) -> bool {
        table == self.root || self.answers.iter().any(|((child, _), then)| *child == table && *then == Then::Delete)
    }

    /// The row, and of its own table what goes with it.
    fn own_descendants(&self, world: &World, row: Key) -> BTreeSet<Key> {
        self.reach(world, row, |edge, from| edge.0 == self.root && from.0 == self.root)
    }

    /// The row and everything that goes with it.
    fn goes_with(&self, world: &World, row: Key) -> BTreeSet<Key> {
        self.reach(world, row, |_, _| true)
    }

    fn reach(&self, world: &World, row: Key, follows: impl Fn(EdgeKey, Key) -> bool) -> BTreeSet<Key> {
        let mut reached = BTreeSet::from([row]);
        let mut open = vec![row];
        while let Some(key) = open.pop() {
            for (edge, referrer) in referrers(world, key) {
                let goes = self.answer(edge) == Some(Then::Delete) && follows(edge, key);
                if goes && reached.insert(referrer) {
                    open.push(referrer);
                }
            }
        }
        reached
    }

    /// What goes, and what would be changed by that.
    fn touches(&self, world: &World, row: Key) -> BTreeSet<Key> {
        let mut touched = self.goes_with(world, row);
        for key in touched.clone() {
            let changed = referrers(world, key).filter(|(edge, _)| self.answer(*edge) == Some(Then::Null));
            touched.extend(changed.map(|(_, referrer)| referrer));
        }
        touched
    }

    /// Sets the references to NULL and counts those of rows that stay by `table.column`.
    fn set_null(&self, world: &mut World, going: &BTreeSet<Key>) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (key, to, _) in edges(&world.clone()).filter(|(key, ..)| self.answer(*key) == Some(Then::Null)) {
            let (table, number) = key;
            let label = format!("{}.r{number}", world.tables[table].name);
            for (id, row) in &mut world.tables[table].rows {
                let refers = row.refs[number].is_some_and(|target| going.contains(&(to, target)));
                if refers {
                    row.refs[number] = None;
                    *counts.entry(label.clone()).or_default() += u64::from(!going.contains(&(table, *id)));
                }
            }
        }
        counts.retain(|_, count| *count > 0);
        counts
    }
}

fn edges(world: &World) -> impl Iterator<Item = (EdgeKey, usize, OnDelete)> {
    world.tables.iter().enumerate().flat_map(|(table, rows)| {
        rows.edges.iter().enumerate().map(move |(number, edge)| ((table, number), edge.to, edge.on_delete))
    })
}

/// Rows that refer to this one, and over which edge; a row may refer to itself.
fn referrers(world: &World, to: Key) -> impl Iterator<Item = (EdgeKey, Key)> {
    world.tables.iter().enumerate().flat_map(move |(table, child)| {
        child.edges.iter().enumerate().filter(move |(_, edge)| edge.to == to.0).flat_map(move |(number, _)| {
            let refers = move |row: &&Row| row.refs[number] == Some(to.1);
            child.rows.iter().filter(move |(_, row)| refers(row)).map(move |(id, _)| ((table, number), (table, *id)))
        })
    })
}

/// Seconds from the run's instant; `None` where no time is known.
fn age(world: &World, rule: &Rule, row: &Row) -> Option<i64> {
    match rule.age {
        Age::At => row.at,
        Age::Latest => row.at.max(row.seen),
        Age::Of(edge) => {
            let parent = world.tables[rule.table].edges[edge].to;
            world.tables[parent].rows.get(&row.refs[edge]?)?.at
        }
    }
}

fn covers(world: &World, hold: &Hold, (table, id): Key) -> bool {
    let row = &world.tables[table].rows[&id];
    hold.table == table
        && hold.kind.is_none_or(|kind| row.kind == kind)
        && hold.days.is_none_or(|days| row.at.is_none_or(|at| at >= -days * DAY))
}
