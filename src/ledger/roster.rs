//! Which policies there are now. The ledger knows each by its name, and a name that no schedule has any more stands for
//! something that went on under another one, or ended.

use std::collections::{BTreeMap, BTreeSet};

/// The policies that schedules have on a database, each with its rules there; the erasure of people counts as one.
#[derive(Debug, Clone, Default)]
pub struct Roster<'s>(BTreeMap<&'s str, BTreeSet<&'s str>>);

impl<'s> Roster<'s> {
    /// Two files may speak for one policy.
    pub fn add(&mut self, policy: &'s str, rules: impl IntoIterator<Item = &'s str>) {
        self.0.entry(policy).or_default().extend(rules);
    }

    pub fn has_policy(&self, policy: &str) -> bool {
        self.0.contains_key(policy)
    }

    /// The policies beside one.
    pub fn others(&self, policy: &str) -> impl Iterator<Item = &'s str> {
        self.0.keys().copied().filter(move |other| *other != policy)
    }

    pub fn has(&self, policy: &str, rule: &str) -> bool {
        self.0.get(policy).is_some_and(|rules| rules.contains(rule))
    }
}
