//! The order in which the rules of one plan act, and what that means for the rules that come later.
//!
//! Children go before their parents, so that a parent is not blocked by a child that the same run removes, and so that no
//! child loses the parent that tells its age; redactions come last, so that nothing is redacted that is about to go. A later rule counts as gone what an earlier one takes:
//! that is what makes the dry run's figures those of the run where rules meet on the same rows.

use std::sync::Arc;

use super::RulePlan;
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

/// Should `rule` act after `other`?
fn follows(rule: &RulePlan, other: &RulePlan) -> bool {
    takes_the_age_of(rule, other)
        || other.act.removes()
            && if rule.act.removes() { depends_on(rule, other) } else { !takes_the_age_of(other, rule) }
}

/// Does `rule` remove rows by which `other` tells how old its own rows, or those under a hold, are? Acting first, it would
/// leave them without an age, and so for ever.
fn takes_the_age_of(rule: &RulePlan, other: &RulePlan) -> bool {
    let targets = other.targets.first().into_iter();
    let holds = targets.clone().flat_map(|target| &target.holds);
    let held = holds.chain(other.dependents.iter().flat_map(|dependent| &dependent.holds));
    let anchors = targets.flat_map(|target| &target.anchors).chain(held.flat_map(|hold| &hold.anchors));
    let mut hops = anchors.flat_map(|anchor| &anchor.hops);
    rule.act.removes() && hops.any(|hop| rule.removes_from(&hop.table))
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
        self.targets.first().is_some_and(|target| target.root == *table)
            || self.dependents.iter().any(|dependent| dependent.then == Then::Delete && dependent.table == *table)
    }

    /// The same plan where these rules, which a guard or a failure stopped, take nothing before it.
    pub fn without(&self, stopped: &[String]) -> RulePlan {
        let acts = |rule: &&Arc<RulePlan>| !stopped.contains(&rule.rule);
        let earlier = self.earlier.iter().filter(acts).map(|rule| Arc::new(rule.without(stopped))).collect();
        RulePlan { earlier, ..self.clone() }
    }
}
