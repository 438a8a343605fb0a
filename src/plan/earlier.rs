//! The rules that act before another one, as far as they matter to it. Ten thousand rules that each knew all before them would
//! be fifty million pointers.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::RulePlan;
use crate::base::name::TableName;

/// The rules that were placed so far, by the tables from which they take rows or in which they redact them.
#[derive(Default)]
pub(super) struct Placed {
    rules: Vec<Arc<RulePlan>>,
    by_table: HashMap<TableName, Vec<usize>>,
}

impl Placed {
    pub fn push(&mut self, rule: Arc<RulePlan>) {
        let tables: BTreeSet<&TableName> = rule.root().into_iter().chain(rule.tables_changed()).collect();
        for table in tables {
            self.by_table.entry(table.clone()).or_default().push(self.rules.len());
        }
        self.rules.push(rule);
    }

    /// Those that do anything to a table which the rule's statements look at, in the order in which they act.
    pub fn before(&self, rule: &RulePlan) -> Vec<Arc<RulePlan>> {
        let places = tables_met(rule).into_iter().filter_map(|table| self.by_table.get(table)).flatten();
        let places: BTreeSet<usize> = places.copied().collect();
        places.into_iter().map(|at| Arc::clone(&self.rules[at])).collect()
    }
}

/// Every table whose rows decide what the rule does: its own, those that go along, those that refer to either, and those over
/// which a row leads to its person.
fn tables_met(rule: &RulePlan) -> HashSet<&TableName> {
    let own = rule.targets.iter().flat_map(|target| [&target.root, &target.table]);
    let along = rule.dependents.iter().map(|dependent| &dependent.table);
    let links = rule.targets.iter().flat_map(|target| &target.blockers);
    let links =
        links.chain(rule.dependents.iter().flat_map(|dependent| dependent.links.iter().chain(&dependent.blockers)));
    let passages = rule.targets.iter().flat_map(|target| &target.passages);
    let passages = passages.chain(rule.dependents.iter().flat_map(|dependent| &dependent.passages));
    let leading = passages.flat_map(|passage| passage.tables_that_lead_here());
    own.chain(along).chain(links.map(|link| &link.table)).chain(leading).collect()
}

impl RulePlan {
    /// The same plan where these rules, which a guard or a failure stopped, take nothing before it. What nothing stopped is shared,
    /// and no rule is made anew twice.
    pub fn without(&self, stopped: &HashSet<&str>) -> RulePlan {
        let mut anew = HashMap::new();
        RulePlan { earlier: rest(&self.earlier, stopped, &mut anew), ..self.clone() }
    }

    /// Do the same rules act before it, by the same plans?
    pub fn counts_upon_the_same(&self, other: &RulePlan) -> bool {
        self.earlier.len() == other.earlier.len()
            && self.earlier.iter().zip(&other.earlier).all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

/// By where they were, the plans that were looked at.
type Anew = HashMap<*const RulePlan, Arc<RulePlan>>;

fn rest(earlier: &[Arc<RulePlan>], stopped: &HashSet<&str>, anew: &mut Anew) -> Vec<Arc<RulePlan>> {
    let left = earlier.iter().filter(|rule| !stopped.contains(rule.rule.as_str()));
    left.map(|rule| plan_anew(rule, stopped, anew)).collect()
}

fn plan_anew(rule: &Arc<RulePlan>, stopped: &HashSet<&str>, anew: &mut Anew) -> Arc<RulePlan> {
    if let Some(known) = anew.get(&Arc::as_ptr(rule)) {
        return Arc::clone(known);
    }
    let earlier = rest(&rule.earlier, stopped, anew);
    let is_as_it_was =
        earlier.len() == rule.earlier.len() && earlier.iter().zip(&rule.earlier).all(|(a, b)| Arc::ptr_eq(a, b));
    let now = if is_as_it_was { Arc::clone(rule) } else { Arc::new(RulePlan { earlier, ..RulePlan::clone(rule) }) };
    anew.insert(Arc::as_ptr(rule), Arc::clone(&now));
    now
}
