//! The order in which the entries of a map of people act, all in one transaction.
//!
//! An entry that finds its rows through a table acts before that table's rows go, or lose the columns that lead on; what
//! refers to rows and keeps them goes, or lets go of them, before them; a condition is asked before the rows that it looks at change;
//! rows by which people are told to be due go after everything that could have to stay; and the people's own rows come last,
//! because everything is found by them.

use std::sync::Arc;

use super::order::{changes_what_is_asked_for, depends_on, frees};
use super::{Entry, Target};
use crate::name::Name;

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
        || takes_the_way_of(entry, other)
        || changes_what_is_asked_for(&entry.plan, &other.plan)
        || frees(&other.plan, &entry.plan)
}

/// Rows go by the entry that names them before they would go along with others, and before they could be redacted; and
/// what else is to be done to them is done before they forget whose they are.
fn should_follow(entry: &Entry, other: &Entry) -> bool {
    let goes_along = entry.plan.act.removes() && other.plan.act.removes() && depends_on(&entry.plan, &other.plan);
    let same_table =
        entry.plan.targets.first().map(|target| &target.root) == other.plan.targets.first().map(|target| &target.root);
    let forgets = forgets_whose(entry, other) && !forgets_whose(other, entry);
    (goes_along || forgets || same_table && !entry.plan.act.removes() && other.plan.act.removes())
        && !must_follow(other, entry)
}

/// Does `entry` redact the column with which the way of `other` begins, in the very rows that `other` looks for?
fn forgets_whose(entry: &Entry, other: &Entry) -> bool {
    let first = |target: &Target| target.whose.as_ref().and_then(|whose| Some(whose.steps.first()?.column.clone()));
    let begins_with = other.plan.targets.first().and_then(|target| Some((target.root.clone(), first(target)?)));
    begins_with.is_some_and(|(root, column)| {
        let redacts = |target: &Target| target.redactions.iter().any(|redaction| redaction.column == column);
        entry.plan.targets.iter().any(|target| target.root == root && redacts(target))
    })
}

impl Entry {
    /// Are the rows the people themselves?
    pub fn is_the_person(&self) -> bool {
        let whose = self.plan.targets.first().and_then(|target| target.whose.as_ref());
        whose.is_some_and(|whose| whose.steps.is_empty())
    }

    /// Does it change what the condition on the table of people asks for? Whoever it acted upon could be nobody who is due then.
    fn changes_who_is_meant(&self) -> bool {
        let whose = self.plan.targets.first().and_then(|target| target.whose.as_ref());
        let Some(condition) = whose.and_then(|whose| whose.people.target.condition.as_ref()) else { return false };
        let redactions = self.plan.targets.iter().flat_map(|target| &target.redactions);
        self.plan.tables_changed().any(|table| condition.mentions(table))
            || self.is_the_person() && redactions.into_iter().any(|redaction| condition.names(&redaction.column))
    }

    /// Would acting on a person's rows, as this entry does, leave rows of `other` that nobody could tell to be the person's, or
    /// to be due, any more? They are found by way of these rows, by the person's own, by a copy of what that says, or for as long
    /// as the condition on people is true.
    pub fn hides(&self, other: &Entry) -> bool {
        if self.changes_who_is_meant() {
            return true;
        }
        if !self.is_the_person() {
            return takes_the_way_of(self, other);
        }
        let ways = other.plan.targets.iter().filter_map(|target| target.whose.as_ref()?.steps.last());
        let redacted = |name: &Name| {
            let redactions = self.plan.targets.iter().flat_map(|target| &target.redactions);
            redactions.into_iter().any(|redaction| redaction.column == *name)
        };
        self.plan.act.removes() || ways.into_iter().any(|step| redacted(&step.key))
    }
}

/// Does `entry` remove rows through which `other` finds its own, or redact the columns that lead on?
fn takes_the_way_of(entry: &Entry, other: &Entry) -> bool {
    let whose = other.plan.targets.first().and_then(|target| target.whose.as_ref());
    let steps = whose.map_or(&[][..], |whose| &whose.steps);
    steps.windows(2).any(|pair| {
        let redacts = |target: &Target| {
            let leads_on = |column: &Name| *column == pair[0].key || *column == pair[1].column;
            target.root == pair[0].table && target.redactions.iter().any(|redaction| leads_on(&redaction.column))
        };
        entry.plan.act.removes() && entry.plan.removes_from(&pair[0].table) || entry.plan.targets.iter().any(redacts)
    })
}
