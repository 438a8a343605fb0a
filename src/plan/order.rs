//! The order in which the rules of one plan act, and what that means for the rules that come later.
//!
//! Children go before their parents, so that a parent is not blocked by a child that the same run removes, and so that no
//! child loses the parent that tells its age; a condition is asked before the rows that it looks at go; redactions come
//! last, so that nothing is redacted that is about to go. A later rule counts as gone what an earlier one takes: that is
//! what makes the dry run's figures those of the run where rules meet on the same rows.

use std::sync::Arc;

use super::{Hold, RulePlan};
use crate::name::TableName;
use crate::schedule::Then;

/// Orders the rules and tells each which removing rules come before it. Where rules wait for each other in a circle, the
/// order of the schedule decides.
pub fn in_order(rules: Vec<RulePlan>) -> Vec<RulePlan> {
    let mut waiting = rules;
    let mut placed: Vec<RulePlan> = Vec::with_capacity(waiting.len());
    let mut earlier: Vec<Arc<RulePlan>> = Vec::new();
    while !waiting.is_empty() {
        let free = (0..waiting.len()).find(|index| !waits(&waiting, *index)).unwrap_or(0);
        let mut rule = waiting.remove(free);
        rule.earlier = earlier.clone();
        if rule.act.removes() && !rule.targets.is_empty() {
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

/// Should `rule` act after `other`? That a row goes which something else is decided by outweighs that it frees a row: what is
/// blocked now goes in the next run, and what was decided wrongly is gone.
fn follows(rule: &RulePlan, other: &RulePlan) -> bool {
    takes_what_decides(rule, other)
        || other.act.removes() && !takes_what_decides(other, rule) && (!rule.act.removes() || depends_on(rule, other))
}

/// Does `rule` remove rows that tell whether those of `other` go: how old they are, or what its condition or a hold's asks
/// for?
fn takes_what_decides(rule: &RulePlan, other: &RulePlan) -> bool {
    rule.act.removes() && (takes_the_age_of(rule, other) || takes_what_is_asked_for(rule, other))
}

/// Does `rule` remove rows by which `other` tells how old its own rows, or those under a hold, are? Acting first, it would
/// leave them without an age, and so for ever.
fn takes_the_age_of(rule: &RulePlan, other: &RulePlan) -> bool {
    let own = other.targets.first().into_iter().flat_map(|target| &target.anchors);
    let mut hops = own.chain(holds_of(other).flat_map(|hold| &hold.anchors)).flat_map(|anchor| &anchor.hops);
    hops.any(|hop| rule.removes_from(&hop.table))
}

/// Does `rule` remove rows of another table that a condition of `other` looks at? Acting first, it could lift a hold in the
/// middle of the run whose plan said that it holds. (A condition mentions its own table to name its columns.)
fn takes_what_is_asked_for(rule: &RulePlan, other: &RulePlan) -> bool {
    let Some(target) = other.targets.first() else { return false };
    let taken = rule.tables_removed_from().filter(|table| **table != target.root);
    let conditions = || target.condition.iter().chain(holds_of(other).filter_map(|hold| hold.condition.as_ref()));
    taken.into_iter().any(|table| conditions().any(|condition| condition.mentions(table)))
}

/// Holds on the rule's rows and on those that go with them.
fn holds_of(rule: &RulePlan) -> impl Iterator<Item = &Hold> {
    let own = rule.targets.first().into_iter().flat_map(|target| &target.holds);
    own.chain(rule.dependents.iter().flat_map(|dependent| &dependent.holds))
}

/// Does `rule` delete, let go of, or get blocked by rows that `other` removes?
fn depends_on(rule: &RulePlan, other: &RulePlan) -> bool {
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

impl RulePlan {
    /// Does the rule delete rows of the table, its own or by its cascade?
    pub fn removes_from(&self, table: &TableName) -> bool {
        self.tables_removed_from().any(|removed| removed == table)
    }

    fn tables_removed_from(&self) -> impl Iterator<Item = &TableName> {
        let gone = self.dependents.iter().filter(|dependent| dependent.then == Then::Delete);
        self.targets.first().map(|target| &target.root).into_iter().chain(gone.map(|dependent| &dependent.table))
    }

    /// The same plan where these rules, which a guard or a failure stopped, take nothing before it.
    pub fn without(&self, stopped: &[String]) -> RulePlan {
        let acts = |rule: &&Arc<RulePlan>| !stopped.contains(&rule.rule);
        let earlier = self.earlier.iter().filter(acts).map(|rule| Arc::new(rule.without(stopped))).collect();
        RulePlan { earlier, ..self.clone() }
    }
}
