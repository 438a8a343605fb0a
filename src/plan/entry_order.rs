//! The order in which the entries of a map of people act, all in one transaction.
//!
//! An entry that finds its rows through a table acts before that table's rows go, or lose the columns that lead on; before its
//! own rows lose the column by which they are found, or one that its condition reads; what
//! refers to rows and keeps them goes, or lets go of them, before them; a condition is asked before the rows that it looks at change;
//! rows by which people are told to be due go after everything that could have to stay; and the people's own rows come last,
//! because everything is found by them.

use std::sync::Arc;

use super::order::{changes_what_is_asked_for, depends_on, frees};
use super::{Entry, Redaction, SelfEffect, SelfLink, Target};
use crate::base::name::{Name, TableName};

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
        || frees(&other.plan, &entry.plan)
}

/// Rows go by the entry that names them before they would go along with others, and before they could be redacted, unless
/// that lets go of them; and what else is to be done to them is done before they forget whose they are.
fn should_follow(entry: &Entry, other: &Entry) -> bool {
    let goes_along = entry.plan.act.removes() && other.plan.act.removes() && depends_on(&entry.plan, &other.plan);
    let forgets = forgets_whose(entry, other)
        && (!forgets_whose(other, entry) || says_all_of(other, entry) && !says_all_of(entry, other));
    let outlives = entry.root() == other.root() && !entry.plan.act.removes() && other.plan.act.removes();
    let freed = frees_its_kind(other, entry) && !frees_its_kind(entry, other);
    let frees = frees_its_kind(entry, other) && !frees_its_kind(other, entry);
    let yields = shares_what_goes(entry, other) && !frees;
    (goes_along || forgets || freed || yields || outlives && !frees_its_kind(entry, other))
        && !must_follow(other, entry)
}

/// May rows that `other` takes be kept from `entry` because they are somebody else's as well? Then they are gone first.
pub fn shares_what_goes(entry: &Entry, other: &Entry) -> bool {
    let both_remove = entry.plan.act.removes() && other.plan.act.removes();
    both_remove && entry.root() == other.root() && entry.may_be_shared() && !other.may_be_shared()
}

/// Does `entry` redact the column with which the way of `other` begins, in the very rows that `other` looks for?
fn forgets_whose(entry: &Entry, other: &Entry) -> bool {
    entry.root() == other.root() && other.first_column().is_some_and(|column| entry.redacts(column))
}

/// Is there nothing left for `other` to do to a row on which `entry` has acted?
pub fn says_all_of(entry: &Entry, other: &Entry) -> bool {
    let says = |wanted: &Redaction| entry.redactions().any(|own| own.column == wanted.column && own.how == wanted.how);
    entry.root() == other.root() && !other.plan.act.removes() && other.redactions().all(says)
}

/// Are rows of `other` kept by rows of their own table, which `entry` takes without being kept by them, or of which it changes
/// the reference?
fn frees_its_kind(entry: &Entry, other: &Entry) -> bool {
    let takes = entry.plan.act.removes() && entry.kept_by_its_kind().next().is_none();
    let loosens = |link: &SelfLink| link.columns.iter().any(|column| entry.redacts(column));
    entry.root() == other.root() && other.kept_by_its_kind().any(|link| takes || loosens(link))
}

/// The reference of the table to itself by which rows that `entry` takes and rows that `other` takes may keep each other.
pub fn keep_each_other<'e>(entry: &'e Entry, other: &Entry) -> Option<&'e SelfLink> {
    let both_remove = entry.plan.act.removes() && other.plan.act.removes();
    let keeps_too = |link: &&SelfLink| other.kept_by_its_kind().any(|own| own.columns == link.columns);
    entry.kept_by_its_kind().find(keeps_too).filter(|_| both_remove && entry.root() == other.root())
}

/// Do both let go of the one column with which the ways of both begin? Which of them goes first, another question decides.
fn forget_the_same(entry: &Entry, other: &Entry) -> bool {
    entry
        .first_column()
        .is_some_and(|column| other.first_column() == Some(column) && entry.redacts(column) && other.redacts(column))
}

impl Entry {
    /// Are the rows the people themselves?
    pub fn is_the_person(&self) -> bool {
        let whose = self.found().and_then(|target| target.whose.as_ref());
        whose.is_some_and(|whose| whose.steps.is_empty())
    }

    /// Does it change what the condition on the table of people asks for? Whoever it acted upon could be nobody who is due then.
    pub fn changes_who_is_meant(&self) -> bool {
        let whose = self.found().and_then(|target| target.whose.as_ref());
        let Some(condition) = whose.and_then(|whose| whose.people.target.condition.as_ref()) else { return false };
        self.plan.tables_changed().any(|table| condition.mentions(table))
            || self.is_the_person() && self.redactions().any(|redaction| condition.names(&redaction.column))
    }

    /// Would acting on a person's rows, as this entry does, leave rows of `other` that nobody could tell to be the person's, or
    /// to be due, any more? They are found by way of these rows, by the person's own, by a copy of what that says, by what these
    /// rows say themselves, or for as long as a condition is true.
    pub fn hides(&self, other: &Entry) -> bool {
        self.hides_the_person_from(other)
            || self.cuts_off(other.found())
            // What it does to a row it does at once.
            || self.index != other.index && self.blinds(other)
    }

    /// The same of all rows of `other` that are the person's: whatever of them stays, this entry waits for the person. (What
    /// leads to single rows waits for those.)
    pub fn hides_the_person_from(&self, other: &Entry) -> bool {
        let last = other.found().and_then(|target| target.whose.as_ref()?.steps.last());
        let takes_the_person = self.plan.act.removes() || last.is_some_and(|step| self.redacts(&step.key));
        self.changes_who_is_meant()
            || self.is_the_person() && takes_the_person
            || other.found().is_some_and(|found| self.changes_what_is_asked_of(found))
            || self.index != other.index && self.blinds_its_condition(other)
    }

    /// Does the entry change, in rows other than the target's own, what leads from those to their people, or tells that they are meant?
    pub fn cuts_off(&self, found: Option<&Target>) -> bool {
        if found.is_some_and(|found| self.changes_what_is_asked_of(found)) {
            return true;
        }
        let last = found.and_then(|target| target.whose.as_ref()?.steps.last());
        // Of another policy's map the people may be others.
        match last.filter(|step| self.is_the_person() && self.root() == Some(&step.table)) {
            Some(step) => self.plan.act.removes() || self.redacts(&step.key),
            None => self.takes_the_way_of(found),
        }
    }

    /// Do conditions, that of the rows or one on their way, look at tables that the entry changes?
    fn changes_what_is_asked_of(&self, found: &Target) -> bool {
        let steps = found.whose.as_ref().map_or(&[][..], |whose| &whose.steps);
        let mut conditions = found.condition.iter().chain(steps.iter().flat_map(|step| &step.conditions));
        conditions.any(|condition| self.plan.tables_changed().any(|table| condition.mentions(table)))
    }

    /// Does the entry redact, in the very rows that `other` looks for, the column with which its way begins, or one that its
    /// condition reads, and leave something for it to do there?
    pub fn blinds(&self, other: &Entry) -> bool {
        other.found().is_some_and(|found| self.blinds_to(found)) && self.leaves_something_to(other)
    }

    /// The same of the condition alone.
    fn blinds_its_condition(&self, other: &Entry) -> bool {
        other.found().is_some_and(|found| self.redacts_what_is_read(found)) && self.leaves_something_to(other)
    }

    fn leaves_something_to(&self, other: &Entry) -> bool {
        let is_done = |one: &Redaction| self.redacts(&one.column);
        other.plan.act.removes() || !other.redactions().all(is_done)
    }

    /// The same of any rows, whatever is to be done to them.
    pub fn blinds_to(&self, found: &Target) -> bool {
        let forgets = || found.first_column().is_some_and(|column| self.redacts(column));
        self.root() == Some(&found.root) && forgets() || self.redacts_what_is_read(found)
    }

    /// Does it redact a column of the rows that their condition reads?
    fn redacts_what_is_read(&self, found: &Target) -> bool {
        let reads = |one: &Redaction| found.condition.as_ref().is_some_and(|condition| condition.names(&one.column));
        self.root() == Some(&found.root) && self.redactions().any(reads)
    }

    /// The rows that it looks for, as the first of its tables says it.
    pub fn found(&self) -> Option<&Target> {
        self.plan.targets.first()
    }

    pub fn root(&self) -> Option<&TableName> {
        self.plan.root()
    }

    /// With which the way from a row to its person begins.
    pub fn first_column(&self) -> Option<&Name> {
        self.found()?.first_column()
    }

    /// Does some row belong to several people?
    fn may_be_shared(&self) -> bool {
        let whose = self.found().and_then(|target| target.whose.as_ref());
        whose.is_some_and(|whose| whose.steps.iter().any(|step| step.shared))
    }

    /// References of the table to itself that keep rows.
    fn kept_by_its_kind(&self) -> impl Iterator<Item = &SelfLink> {
        let links = self.found().into_iter().flat_map(|target| &target.self_links);
        links.filter(|link| link.effect == SelfEffect::Block)
    }

    pub fn redactions(&self) -> impl Iterator<Item = &Redaction> {
        self.plan.redactions()
    }

    pub fn redacts(&self, column: &Name) -> bool {
        self.plan.redacts(column)
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

impl Target {
    /// The column of the row itself with which the way to its people begins.
    pub fn first_column(&self) -> Option<&Name> {
        Some(&self.whose.as_ref()?.steps.first()?.column)
    }
}
