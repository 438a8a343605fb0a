//! The order in which the entries of a map of people count, and what one of them would hide from another.
//!
//! What becomes of each row is settled for all entries at once; the order only says for which of them a row counts. A row goes by
//! the first entry that takes it, before it could be redacted; of two redactions the one that says more counts; and the people's
//! own rows come last.

use super::{Entry, Redaction, Target};
use crate::base::name::{Name, TableName};

/// Orders the entries.
pub fn entries_in_order(entries: Vec<Entry>) -> Vec<Entry> {
    let mut waiting = entries;
    let mut placed: Vec<Entry> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_free = |at: &usize| !waiting.iter().any(|other| comes_before(other, &waiting[*at]));
        let next = (0..waiting.len()).find(is_free).unwrap_or(0);
        placed.push(waiting.remove(next));
    }
    placed
}

fn comes_before(one: &Entry, other: &Entry) -> bool {
    let removes = |entry: &Entry| entry.plan.act.removes();
    let says_more = || !removes(one) && says_all_of(one, other) && !says_all_of(other, one);
    !one.is_the_person() && other.is_the_person()
        || one.root() == other.root() && (removes(one) && !removes(other) || says_more())
}

/// Is there nothing left for `other` to do to a row on which `entry` has acted?
pub fn says_all_of(entry: &Entry, other: &Entry) -> bool {
    let says = |wanted: &Redaction| entry.redactions().any(|own| own.column == wanted.column && own.how == wanted.how);
    entry.root() == other.root() && !other.plan.act.removes() && other.redactions().all(says)
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
    pub fn changes_what_is_asked_of(&self, found: &Target) -> bool {
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

    /// May something refer to its rows, or be found by way of them?
    pub fn may_be_needed(&self) -> bool {
        let is_free =
            |target: &Target| target.blockers.is_empty() && target.self_links.is_empty() && target.passages.is_empty();
        !self.plan.targets.iter().all(is_free) || !self.plan.dependents.is_empty()
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
