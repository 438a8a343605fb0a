//! The order in which the rules of one plan act, and what that means for the rules that come later.
//!
//! Children go before their parents, so that a parent is not blocked by a child that the same run removes; redactions
//! come last, so that nothing is redacted that is about to go. A later rule counts as gone what an earlier one takes:
//! that is what makes the dry run's figures those of the run where rules meet on the same rows.

use std::sync::Arc;

use super::RulePlan;

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
    waiting.iter().enumerate().any(|(other, candidate)| {
        other != index
            && candidate.act.removes()
            && (!rule.act.removes() || depends_on(rule, candidate) && !depends_on(candidate, rule))
    })
}

/// Does `rule` delete, let go of, or get blocked by rows of `other`'s table?
fn depends_on(rule: &RulePlan, other: &RulePlan) -> bool {
    let Some(table) = other.targets.first().map(|target| &target.root) else { return false };
    let own = rule.targets.first();
    if own.is_some_and(|target| target.root == *table) {
        return false;
    }
    own.is_some_and(|target| target.blockers.iter().any(|link| link.table == *table))
        || rule
            .dependents
            .iter()
            .any(|dependent| dependent.table == *table || dependent.blockers.iter().any(|link| link.table == *table))
}
