//! Which tables a plan reads and changes.

use super::{Act, Anchor, HeldPeople, Hold, Passage, RulePlan, SelfEffect, Whose};
use crate::base::name::TableName;
use crate::schedule::Then;

impl RulePlan {
    /// Every table that its statements look at. The database's own cascades are not among them.
    pub fn tables_read(&self) -> Vec<&TableName> {
        let mut tables = Vec::new();
        for target in &self.targets {
            tables.push(&target.table);
            tables.extend(hops(&target.anchors));
            tables.extend(target.whose.iter().flat_map(tables_of_people));
            tables.extend(hops_of_holds(&target.holds));
            tables.extend(target.blockers.iter().map(|link| &link.table));
            tables.extend(target.passages.iter().flat_map(tables_of_passage));
            // Dependents and a table's own tree are looked at from the root.
            if !self.dependents.is_empty() || !target.self_links.is_empty() {
                tables.push(&target.root);
            }
        }
        for dependent in &self.dependents {
            tables.push(&dependent.table);
            tables.extend(hops_of_holds(&dependent.holds));
            tables.extend(dependent.blockers.iter().map(|link| &link.table));
            tables.extend(dependent.passages.iter().flat_map(tables_of_passage));
        }
        if let Act::Aggregate(rollup) = &self.act {
            tables.push(&rollup.into);
        }
        tables
    }

    /// Those of which it deletes rows. A tree is taken down through the root, from its leaves upwards.
    pub fn tables_deleted_from(&self) -> Vec<&TableName> {
        let own = self.targets.iter().filter(|_| self.act.removes()).map(|target| {
            let is_tree = target.self_links.iter().any(|link| link.effect == SelfEffect::Cascade);
            if is_tree { &target.root } else { &target.table }
        });
        let along = self.dependents.iter().filter(|dependent| dependent.then == Then::Delete);
        own.chain(along.map(|dependent| &dependent.table)).collect()
    }

    /// Those of which it updates rows, a roll-up's target among them.
    pub fn tables_updated(&self) -> Vec<&TableName> {
        let own = self.targets.iter().filter(|_| !self.act.removes()).map(|target| &target.table);
        let lets_go = |target: &&super::Target| target.self_links.iter().any(|link| link.effect == SelfEffect::Null);
        let own_references = self.targets.iter().filter(lets_go).map(|target| &target.root);
        let let_go = self.dependents.iter().filter(|dependent| dependent.then == Then::Null);
        let into = match &self.act {
            Act::Aggregate(rollup) => Some(&rollup.into),
            Act::Delete | Act::Redact => None,
        };
        own.chain(own_references).chain(let_go.map(|dependent| &dependent.table)).chain(into).collect()
    }
}

fn hops(anchors: &[Anchor]) -> impl Iterator<Item = &TableName> {
    anchors.iter().flat_map(|anchor| anchor.hops.iter().map(|hop| &hop.table))
}

fn hops_of_holds(holds: &[Hold]) -> impl Iterator<Item = &TableName> {
    holds.iter().flat_map(|hold| hops(&hold.anchors).chain(hold.people.iter().flat_map(tables_of_held)))
}

/// The table of people, and those through which rows lead to it.
fn tables_of_held(people: &HeldPeople) -> impl Iterator<Item = &TableName> {
    let steps = people.ways.iter().flat_map(|way| way.steps.iter().map(|step| &step.table));
    std::iter::once(&people.table).chain(steps)
}

/// The tables through which a row leads to its person, the table of people itself, and what its holds look at.
fn tables_of_people(whose: &Whose) -> impl Iterator<Item = &TableName> {
    let people = &whose.people.target;
    let steps = whose.steps.iter().map(|step| &step.table);
    steps.chain([&people.table]).chain(hops_of_holds(&people.holds))
}

/// From the row that is found to its person.
fn tables_of_passage(passage: &Passage) -> impl Iterator<Item = &TableName> {
    let target = &passage.target;
    std::iter::once(&target.root).chain(target.whose.iter().flat_map(tables_of_people))
}
