//! Rows by way of which those of other entries are found.
//!
//! A thread that leads from posts to their moderator may go with its owner. While a post stays, of whomever, the thread has to
//! stay as well: nobody could tell any more whose the post is. So has one that a rule would take by its age, or another policy's
//! map: a reference that no foreign key declares keeps what it leads by, as one would.

use std::sync::Arc;

use super::entry_order::says_all_of;
use super::{Entry, Link, Parent, Redaction, RulePlan, SelfEffect, Step, Target};
use crate::base::name::TableName;
use crate::schedule::Then;

/// Rows of another entry are found by way of these: each waits while one stays that it leads on from.
#[derive(Debug, Clone)]
pub struct Passage {
    /// The other entry's rows, and their whole way.
    pub target: Arc<Target>,
    /// So many steps lead from a row of the other entry to one of these; 0: the row is the other entry's as well.
    pub steps: usize,
    /// As [`Entry::index`], of an entry of the same map.
    pub entry: Option<usize>,
}

impl Passage {
    /// The steps that lead here from the other entry's rows, and those that lead on to their people.
    pub fn way(&self) -> (&[Step], &[Step]) {
        let steps = self.target.whose.as_ref().map_or(&[][..], |whose| &whose.steps);
        steps.split_at(self.steps.min(steps.len()))
    }

    /// The table from which the last of the steps leads here.
    pub fn table_before(&self) -> Option<&TableName> {
        match self.way().0 {
            [] => None,
            [_] => Some(&self.target.root),
            [.., before, _] => Some(&before.table),
        }
    }

    /// The tables of the rows that keep those of the passage: the one whose rows are found, and those between.
    pub fn tables_that_lead_here(&self) -> impl Iterator<Item = &TableName> {
        let between = self.way().0.split_last().map_or(&[][..], |(_, between)| between);
        std::iter::once(&self.target.root).chain(between.iter().map(|step| &step.table))
    }

    fn table(&self) -> &TableName {
        self.way().0.last().map_or(&self.target.root, |step| &step.table)
    }

    /// Is it over this reference that the other entry's rows lead here?
    fn is_over(&self, link: &Link) -> bool {
        self.table_before().zip(self.way().0.last()).is_some_and(|(table, step)| {
            link.table == *table && link.columns == [step.column.clone()] && link.parent_columns == [step.key.clone()]
        })
    }
}

/// Tells each entry of a map which rows of others are found by way of its own.
pub fn mind_each_other(entries: &mut [Entry]) {
    let others = entries.to_vec();
    for (at, entry) in entries.iter_mut().enumerate() {
        for (_, other) in others.iter().enumerate().filter(|(place, _)| *place != at) {
            let says_all = says_all_of(entry, other);
            entry.plan.mind(other.found(), Some(other.index), says_all);
        }
    }
}

/// The places through which a way to people leads, but for the person's own row: that waits for all that is the person's.
fn passages(found: Option<&Target>, entry: Option<usize>) -> impl Iterator<Item = Passage> {
    let target = found.map(|target| Arc::new(target.clone()));
    let ways = target.into_iter().flat_map(|target| {
        let length = target.whose.as_ref().map_or(0, |whose| whose.steps.len());
        (0..length).map(move |steps| (Arc::clone(&target), steps))
    });
    ways.map(move |(target, steps)| Passage { target, steps, entry })
}

impl RulePlan {
    /// Lets the plan's rows wait for those that are `found` by way of them; `says_all`: of a row that is both, the plan says all
    /// that is to become of it.
    pub fn mind(&mut self, found: Option<&Target>, entry: Option<usize>, says_all: bool) {
        passages(found, entry).for_each(|passage| self.wait_at(&passage, says_all));
    }

    fn wait_at(&mut self, passage: &Passage, says_all: bool) {
        if self.root() == Some(passage.table()) && (self.takes_away(passage) || self.lets_forget(passage, says_all)) {
            self.targets.iter_mut().for_each(|target| target.passages.push(passage.clone()));
        }
        for at in 0..self.dependents.len() {
            let dependent = &self.dependents[at];
            let goes = dependent.then == Then::Delete && dependent.table == *passage.table() && passage.steps > 0;
            let is_kept = dependent.blockers.iter().chain(&dependent.self_links).any(|link| passage.is_over(link));
            if goes && !is_kept && !self.takes_along(passage, Parent::Dependent(at)) {
                self.dependents[at].passages.push(passage.clone());
            }
        }
    }

    /// Do its rows go, and by nothing else than their being a passage would they be kept from it?
    fn takes_away(&self, passage: &Passage) -> bool {
        let Some(target) = self.targets.first() else { return false };
        let own = target.self_links.iter().filter(|link| link.effect == SelfEffect::Block).map(|link| Link {
            table: target.root.clone(),
            columns: link.columns.clone(),
            parent: Parent::Root,
            parent_columns: link.parent_columns.clone(),
            let_go: Vec::new(),
            only: false,
            only_in: Vec::new(),
            period: false,
        });
        let is_kept = target.blockers.iter().cloned().chain(own).any(|link| passage.is_over(&link));
        self.act.removes() && passage.steps > 0 && !is_kept && !self.takes_along(passage, Parent::Root)
    }

    /// What refers to the parent over the passage goes with it, and keeps it where it has to stay.
    fn takes_along(&self, passage: &Passage, parent: Parent) -> bool {
        let going = self.dependents.iter().filter(|dependent| dependent.then == Then::Delete);
        let mut links = going.flat_map(|dependent| &dependent.links).filter(|link| link.parent == parent);
        links.any(|link| passage.is_over(link))
    }

    /// Does it change what the way goes by, and leave anything to be done by who is found so?
    fn lets_forget(&self, passage: &Passage, says_all: bool) -> bool {
        let (before, after) = passage.way();
        let leads_on = after.first().is_some_and(|step| {
            let is_read = |one: &Redaction| step.conditions.iter().any(|condition| condition.names(&one.column));
            self.redacts(&step.column) || self.redactions().any(is_read)
        });
        let is_led_to = before.last().is_some_and(|step| self.redacts(&step.key));
        is_led_to || leads_on && !(passage.steps == 0 && says_all)
    }
}
