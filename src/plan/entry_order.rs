//! The order in which the entries of a map of people act, all in one transaction.
//!
//! An entry that finds its rows through a table acts before that table's rows go, or lose the columns that lead on; before its
//! own rows lose the column by which they are found, or one that its condition reads; what
//! refers to rows and keeps them goes, or lets go of them, before them; a condition is asked before the rows that it looks at change;
//! rows by which people are told to be due go after everything that could have to stay; and the people's own rows come last,
//! because everything is found by them.

use std::sync::Arc;

use super::order::{changes_what_is_asked_for, depends_on};
use super::{Act, Entry, Link, Redaction, RulePlan, Target};
use crate::name::{Name, TableName};

/// Orders the entries and tells each which entries come before it.
///
/// # Errors
/// Entries that wait for each other, so that no order is right.
pub fn entries_in_order(entries: Vec<Entry>) -> Result<Vec<Entry>, Vec<Entry>> {
    let mut waiting = entries;
    let mut placed: Vec<Entry> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let free = |waits: fn(&Entry, &Entry) -> bool| {
            (0..waiting.len()).find(|at| {
                !waiting.iter().enumerate().any(|(other, entry)| other != *at && waits(&waiting[*at], entry))
            })
        };
        let Some(next) =
            free(|one, other| must_follow(one, other) || should_follow(one, other)).or_else(|| free(must_follow))
        else {
            return Err(circle_of(waiting));
        };
        let mut entry = waiting.remove(next);
        entry.plan.earlier = placed.iter().map(|entry| Arc::new(entry.plan.clone())).collect();
        placed.push(entry);
    }
    Ok(placed)
}

/// Of entries that all wait: those that one meets again when it asks, over and over, for whom it waits.
fn circle_of(waiting: Vec<Entry>) -> Vec<Entry> {
    let mut path: Vec<usize> = vec![0];
    let start = loop {
        let at = path[path.len() - 1];
        let next = (0..waiting.len()).find(|other| *other != at && must_follow(&waiting[at], &waiting[*other]));
        let Some(next) = next else { break 0 };
        if let Some(start) = path.iter().position(|seen| *seen == next) {
            break start;
        }
        path.push(next);
    };
    path[start..].iter().map(|at| waiting[*at].clone()).collect()
}

/// Would `entry` do something wrong, or nothing, if it acted before `other`?
fn must_follow(entry: &Entry, other: &Entry) -> bool {
    entry.is_the_person() && !other.is_the_person()
        || entry.changes_who_is_meant() && !other.changes_who_is_meant() && !other.is_the_person()
        || entry.takes_the_way_of(other.found())
        || entry.blinds(other) && !forget_the_same(entry, other)
        || changes_what_is_asked_for(&entry.plan, &other.plan)
        || entry.plan.act.removes() && frees(other, entry)
}

/// Rows go by the entry that names them before they would go along with others, and before they could be redacted.
fn should_follow(entry: &Entry, other: &Entry) -> bool {
    let goes_along = entry.plan.act.removes() && other.plan.act.removes() && depends_on(&entry.plan, &other.plan);
    let same_table =
        entry.plan.targets.first().map(|target| &target.root) == other.plan.targets.first().map(|target| &target.root);
    (goes_along || same_table && !entry.plan.act.removes() && other.plan.act.removes()) && !must_follow(other, entry)
}

/// Do both let go of the one column with which the ways of both begin? No order is better than the other.
fn forget_the_same(entry: &Entry, other: &Entry) -> bool {
    let first = |entry: &Entry| entry.found().and_then(|target| target.first_column().cloned());
    let lets_go = |entry: &Entry, column: &Name| entry.plan.redactions().any(|redaction| redaction.column == *column);
    first(entry).is_some_and(|column| {
        first(other).as_ref() == Some(&column) && lets_go(entry, &column) && lets_go(other, &column)
    })
}

impl Entry {
    /// Are the rows the people themselves?
    pub fn is_the_person(&self) -> bool {
        let whose = self.found().and_then(|target| target.whose.as_ref());
        whose.is_some_and(|whose| whose.steps.is_empty())
    }

    /// Does it change what the condition on the table of people asks for? Whoever it acted upon could be nobody who is due then.
    fn changes_who_is_meant(&self) -> bool {
        let whose = self.found().and_then(|target| target.whose.as_ref());
        let Some(condition) = whose.and_then(|whose| whose.people.target.condition.as_ref()) else { return false };
        self.plan.tables_changed().any(|table| condition.mentions(table))
            || self.is_the_person() && self.plan.redactions().any(|redaction| condition.names(&redaction.column))
    }

    /// Would acting on a person's rows, as this entry does, leave rows of `other` that nobody could tell to be the person's, or
    /// to be due, any more? They are found by way of these rows, by the person's own, by a copy of what that says, by what these
    /// rows say themselves, or for as long as a condition is true.
    pub fn hides(&self, other: &Entry) -> bool {
        self.changes_who_is_meant()
            || self.is_the_person() && self.plan.act.removes()
            || self.cuts_off(other.found())
            // What it does to a row it does at once.
            || self.index != other.index && self.blinds(other)
    }

    /// Does the entry change, in rows other than the target's own, what leads from those to their people, or tells that they are meant?
    pub fn cuts_off(&self, found: Option<&Target>) -> bool {
        let condition = found.and_then(|target| target.condition.as_ref());
        if condition.is_some_and(|condition| self.plan.tables_changed().any(|table| condition.mentions(table))) {
            return true;
        }
        if !self.is_the_person() {
            return self.takes_the_way_of(found);
        }
        let last = found.and_then(|target| target.whose.as_ref()?.steps.last());
        let is_redacted = |name: &Name| self.plan.redactions().any(|redaction| redaction.column == *name);
        last.is_some_and(|step| self.plan.act.removes() || is_redacted(&step.key))
    }

    /// Does the entry redact, in the very rows that `other` looks for, the column with which its way begins, or one that its
    /// condition reads, and leave something for it to do there?
    pub fn blinds(&self, other: &Entry) -> bool {
        let is_done = |one: &Redaction| self.plan.redactions().any(|own| own.column == one.column);
        other.found().is_some_and(|found| self.blinds_to(found))
            && (other.plan.act.removes() || !other.plan.redactions().all(is_done))
    }

    /// The same of any rows, whatever is to be done to them.
    pub fn blinds_to(&self, found: &Target) -> bool {
        let reads = |column: &Name| {
            found.first_column() == Some(column)
                || found.condition.as_ref().is_some_and(|condition| condition.names(column))
        };
        let own = self.plan.targets.iter().filter(|target| target.root == found.root);
        own.flat_map(|target| &target.redactions).any(|redaction| reads(&redaction.column))
    }

    /// The rows that it looks for, as the first of its tables says it.
    fn found(&self) -> Option<&Target> {
        self.plan.targets.first()
    }

    /// Does the entry remove rows on the way to those of `found`, or change what leads on there?
    fn takes_the_way_of(&self, found: Option<&Target>) -> bool {
        let whose = found.and_then(|target| target.whose.as_ref());
        let steps = whose.map_or(&[][..], |whose| &whose.steps);
        steps.windows(2).any(|pair| {
            let (table, next) = (&pair[0].table, &pair[1]);
            let leads_on = |column: &Name| {
                *column == pair[0].key
                    || *column == next.column
                    || next.conditions.iter().any(|condition| condition.names(column))
            };
            let redacts = |target: &Target| {
                target.root == *table && target.redactions.iter().any(|redaction| leads_on(&redaction.column))
            };
            let looks_here = |changed: &TableName| next.conditions.iter().any(|condition| condition.mentions(changed));
            self.plan.act.removes() && self.plan.removes_from(table)
                || self.plan.targets.iter().any(redacts)
                || self.plan.tables_changed().any(looks_here)
        })
    }
}

impl RulePlan {
    fn redactions(&self) -> impl Iterator<Item = &Redaction> {
        self.targets.iter().flat_map(|target| &target.redactions)
    }
}

impl Target {
    /// The column of the row itself with which the way to its people begins.
    pub fn first_column(&self) -> Option<&Name> {
        Some(&self.whose.as_ref()?.steps.first()?.column)
    }
}

/// Does `entry` take what refers to rows of `other` and keeps them, or change the references?
fn frees(entry: &Entry, other: &Entry) -> bool {
    let own = other.plan.targets.iter().flat_map(|target| &target.blockers);
    let mut blockers = own.chain(other.plan.dependents.iter().flat_map(|dependent| &dependent.blockers));
    let Some(target) = entry.plan.targets.first() else { return false };
    let redacts = |link: &Link| target.redactions.iter().any(|redaction| link.columns.contains(&redaction.column));
    match entry.plan.act {
        Act::Redact => blockers.any(|link| link.table == target.root && redacts(link)),
        Act::Delete | Act::Aggregate(_) => blockers.any(|link| entry.plan.removes_from(&link.table)),
    }
}
