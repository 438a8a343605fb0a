//! The order in which the rules of one plan act, and what that means for the rules that come later.
//!
//! Children go before their parents, so that a parent is not blocked by a child that the same run removes, and so that no
//! child loses the parent that tells its age; a condition is asked before the rows that it looks at go; redactions come
//! last, so that nothing is redacted that is about to go, and among them what refers to a value before that value. A later rule counts as gone what an earlier one takes: that is
//! what makes the dry run's figures those of the run where rules meet on the same rows.

use std::sync::Arc;

use super::earlier::Placed;
use super::{Act, Condition, Hold, InnerLink, Link, Redaction, RulePlan};
use crate::base::name::{Name, TableName};
use crate::schedule::Then;

/// Orders the rules and tells each which removing rules come before it. Where rules wait for each other in a circle, the
/// order of the schedule decides.
pub fn in_order(rules: Vec<RulePlan>) -> Vec<RulePlan> {
    let mut waiting = rules;
    let mut placed: Vec<RulePlan> = Vec::with_capacity(waiting.len());
    let mut earlier = Placed::default();
    while !waiting.is_empty() {
        let free = (0..waiting.len()).find(|index| !waits(&waiting, *index)).unwrap_or(0);
        let mut rule = waiting.remove(free);
        rule.earlier = earlier.before(&rule);
        let is_counted_upon = rule.act.removes() || waiting.iter().any(|later| frees(&rule, later));
        if is_counted_upon && !rule.targets.is_empty() {
            earlier.push(Arc::new(rule.clone()));
        }
        placed.push(rule);
    }
    placed
}

/// Must one of the others act first?
fn waits(waiting: &[RulePlan], index: usize) -> bool {
    let rule = &waiting[index];
    waiting
        .iter()
        .enumerate()
        .any(|(other, candidate)| other != index && follows(rule, candidate) && !follows(candidate, rule))
}

/// Should `rule` act after `other`? That something goes by which another thing is decided outweighs that it frees a row: what
/// is blocked now goes in the next run, and what was decided wrongly is gone.
fn follows(rule: &RulePlan, other: &RulePlan) -> bool {
    decides(rule, other)
        || other.act.removes()
            && !decides(other, rule)
            && (!rule.act.removes() || depends_on(rule, other) || is_kept_by(rule, other))
        || !other.act.removes() && !rule.act.removes() && frees(other, rule)
}

/// Does `rule` change what tells which rows `other` acts upon: their age, what its condition or a hold's asks for, or the
/// rows themselves?
fn decides(rule: &RulePlan, other: &RulePlan) -> bool {
    rule.act.removes() && takes_the_age_of(rule, other) || changes_what_is_asked_for(rule, other) || feeds(rule, other)
}

/// Does `rule` remove rows by which `other` tells how old its own rows, or those under a hold, are? Acting first, it would
/// leave them without an age, and so for ever.
fn takes_the_age_of(rule: &RulePlan, other: &RulePlan) -> bool {
    let own = other.targets.first().into_iter().flat_map(|target| &target.anchors);
    let mut hops = own.chain(holds_of(other).flat_map(|hold| &hold.anchors)).flat_map(|anchor| &anchor.hops);
    hops.any(|hop| rule.removes_from(&hop.table))
}

/// Does `rule` change rows of a table that a condition of `other` looks at? Acting first, it could lift a hold in the middle
/// of the run whose plan said that it holds.
pub(super) fn changes_what_is_asked_for(rule: &RulePlan, other: &RulePlan) -> bool {
    conditions_of(other).any(|condition| rule.tables_changed().any(|table| condition.mentions(table)))
}

/// Does `rule` roll rows up into a table from which `other` removes them? They may be due there at once.
fn feeds(rule: &RulePlan, other: &RulePlan) -> bool {
    matches!(&rule.act, Act::Aggregate(rollup) if other.act.removes() && other.removes_from(&rollup.into))
}

/// Why `rule` must not act after `before` in one run: they wait for each other, so that no order asks a hold as the plan asked
/// it.
pub fn undecided(rule: &RulePlan, before: &[RulePlan]) -> Option<String> {
    holds_of(rule).find_map(|hold| {
        let condition = hold.condition.as_ref()?;
        let other = before.iter().find(|other| other.tables_changed().any(|table| condition.mentions(table)))?;
        Some(format!(
            "hold `{}` looks at rows that rule `{other}` changes before it, and that rule at rows that this one changes, so \
             that the hold could be lifted in the middle of the run; run one of them by itself with `tenure run {other}`, and \
             the other after it",
            hold.name,
            other = other.rule
        ))
    })
}

/// The conditions that decide over the rule's rows: its own, and those of the holds.
fn conditions_of(rule: &RulePlan) -> impl Iterator<Item = &Condition> {
    let own = rule.targets.first().and_then(|target| target.condition.as_ref());
    own.into_iter().chain(holds_of(rule).filter_map(|hold| hold.condition.as_ref()))
}

/// Holds on the rule's rows and on those that go with them.
fn holds_of(rule: &RulePlan) -> impl Iterator<Item = &Hold> {
    let own = rule.targets.first().into_iter().flat_map(|target| &target.holds);
    own.chain(rule.dependents.iter().flat_map(|dependent| &dependent.holds))
}

/// Does `rule` delete, let go of, or get blocked by rows that `other` removes?
pub(super) fn depends_on(rule: &RulePlan, other: &RulePlan) -> bool {
    let Some(table) = other.targets.first().map(|target| &target.root) else { return false };
    let own = rule.targets.first();
    if own.is_some_and(|target| target.root == *table) {
        return false;
    }
    let own_blockers = own.into_iter().flat_map(|target| &target.blockers);
    let mut blockers = own_blockers.chain(rule.dependents.iter().flat_map(|dependent| &dependent.blockers));
    rule.dependents.iter().any(|dependent| dependent.table == *table)
        || blockers.any(|link| other.removes_from(&link.table))
}

/// Are rows of `rule` kept by rows that lead to people by way of them, and that `other` removes?
fn is_kept_by(rule: &RulePlan, other: &RulePlan) -> bool {
    let own = rule.targets.iter().flat_map(|target| &target.passages);
    let mut passages = own.chain(rule.dependents.iter().flat_map(|dependent| &dependent.passages));
    passages.any(|passage| passage.tables_that_lead_here().any(|table| other.removes_from(table)))
}

/// Does `plan` take what refers to rows of `other` and keeps them, or change the references?
pub(super) fn frees<'a>(plan: &RulePlan, other: &'a RulePlan) -> bool {
    let inner_of = |inner: &'a [InnerLink]| inner.iter().map(|inner| &inner.link);
    let own = other.targets.iter().flat_map(|target| target.blockers.iter().chain(inner_of(&target.inner)));
    let along = other.dependents.iter().flat_map(|one| one.blockers.iter().chain(inner_of(&one.inner)));
    let mut blockers = own.chain(along);
    let Some(target) = plan.targets.first() else { return false };
    let redacts = |link: &Link| target.redactions.iter().any(|redaction| link.columns.contains(&redaction.column));
    match plan.act {
        Act::Redact => blockers.any(|link| link.table == target.root && redacts(link)),
        Act::Delete | Act::Aggregate(_) => blockers.any(|link| plan.removes_from(&link.table)),
    }
}

impl RulePlan {
    /// The table that it names.
    pub fn root(&self) -> Option<&TableName> {
        self.targets.first().map(|target| &target.root)
    }

    pub fn redactions(&self) -> impl Iterator<Item = &Redaction> {
        self.targets.first().into_iter().flat_map(|target| &target.redactions)
    }

    pub fn redacts(&self, column: &Name) -> bool {
        self.redactions().any(|redaction| redaction.column == *column)
    }

    /// Does the rule delete rows of the table, its own or by its cascade?
    pub fn removes_from(&self, table: &TableName) -> bool {
        self.tables_removed_from().any(|removed| removed == table)
    }

    fn tables_removed_from(&self) -> impl Iterator<Item = &TableName> {
        let gone = self.dependents.iter().filter(|dependent| dependent.then == Then::Delete);
        self.targets.first().map(|target| &target.root).into_iter().chain(gone.map(|dependent| &dependent.table))
    }

    /// Tables to which the rule does anything, partitions by their own names too.
    pub fn tables_changed(&self) -> impl Iterator<Item = &TableName> {
        let own = self.targets.iter().flat_map(|target| [&target.root, &target.table]);
        let along = self.dependents.iter().map(|dependent| &dependent.table);
        let into = match &self.act {
            Act::Aggregate(rollup) => Some(&rollup.into),
            Act::Delete | Act::Redact => None,
        };
        own.chain(along).chain(into)
    }
}
