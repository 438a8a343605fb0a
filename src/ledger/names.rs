//! The names by which the ledger may know a policy and its rules. A schedule says its former names (`formerly`); nothing is
//! guessed.

use std::collections::BTreeMap;

use crate::schedule::{Former, Schedule};

/// The policies that schedules have on a database.
#[derive(Debug, Clone, Default)]
pub struct Policies<'s>(BTreeMap<&'s str, Files>);

#[derive(Debug, Clone, Copy)]
struct Files {
    count: usize,
    map: HasMap,
}

/// Does a policy have a map of people there?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HasMap {
    No,
    Yes,
}

impl<'s> Policies<'s> {
    /// Two files may speak for one policy.
    pub fn add(&mut self, policy: &'s str, map: HasMap) {
        let files = self.0.entry(policy).or_insert(Files { count: 0, map });
        *files = Files { count: files.count + 1, map: files.map.max(map) };
    }

    /// Does one file say all of it?
    pub fn is_in_one_file(&self, policy: &str) -> bool {
        self.0.get(policy).is_some_and(|files| files.count == 1)
    }

    pub fn has(&self, policy: &str) -> bool {
        self.0.contains_key(policy)
    }

    pub fn maps_people(&self, policy: &str) -> bool {
        self.0.get(policy).is_some_and(|files| files.map == HasMap::Yes)
    }
}

/// A rule of a policy, as the ledger knows it. The erasure of people counts as a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleName {
    pub policy: String,
    pub rule: String,
}

/// A schedule's own names and former names, beside the policies that there are.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    pub schedule: &'a Schedule,
    pub policies: &'a Policies<'a>,
}

impl<'a> Names<'a> {
    pub fn policy(&self) -> &'a str {
        &self.schedule.policy.name
    }

    /// Is it, or was it, the policy's name?
    pub fn is_policy(&self, known: &str) -> bool {
        self.policy() == known || self.was_policy(known)
    }

    /// Was the policy called so before?
    pub fn was_policy(&self, known: &str) -> bool {
        self.schedule.policy.formerly.iter().any(|former| former == known)
    }

    /// All names of the policy, its own first.
    fn policies(&self) -> impl Iterator<Item = &'a str> + Clone {
        std::iter::once(self.policy()).chain(self.schedule.policy.formerly.iter().map(String::as_str))
    }

    /// How many names the policy has.
    pub fn policy_count(&self) -> usize {
        self.policies().count()
    }

    /// Every name under which a rule may be known: those that it has now, under each name of the policy, come first.
    pub fn of_rule(&self, rule: &str) -> Vec<RuleName> {
        let own = self.schedule.rules.iter().find(|own| own.name == rule);
        self.names(rule, own.map(|own| own.formerly.as_slice()).unwrap_or_default())
    }

    fn names(&self, rule: &str, former: &[Former]) -> Vec<RuleName> {
        let here = former.iter().filter(|one| one.policy.is_none()).map(|one| one.rule.as_str());
        let here = std::iter::once(rule).chain(here);
        let here = here.flat_map(|rule| self.policies().map(move |policy| (policy, rule)));
        let elsewhere = former.iter().filter_map(|one| Some((one.policy.as_deref()?, one.rule.as_str())));
        let name = |(policy, rule): (&str, &str)| RuleName { policy: policy.to_owned(), rule: rule.to_owned() };
        here.chain(elsewhere).map(name).collect()
    }

    /// The names of each rule of the schedule.
    pub fn of_rules(&self) -> BTreeMap<String, Vec<RuleName>> {
        let rules = self.schedule.rules.iter();
        rules.map(|rule| (rule.name.clone(), self.names(&rule.name, &rule.formerly))).collect()
    }

    /// Is what the ledger knows as `known` this rule? An order for a policy that no schedule has is one for every rule of that name:
    /// what was to wait goes on waiting.
    pub fn is_rule(&self, rule: &str, known: &RuleName) -> bool {
        self.of_rule(rule).contains(known) || known.rule == rule && !self.policies.has(&known.policy)
    }
}
