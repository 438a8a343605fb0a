//! What is new in a schedule, in sentences for the entry that tells of it.

use std::collections::BTreeMap;

use super::known::Known;
use super::memory::Memory;
use super::rule::Terms;

/// What `new` says that the ledger did not know.
pub fn changes(memory: &Memory, new: &Known) -> Vec<String> {
    let mut changes = Vec::new();
    match memory.newest() {
        None => changes.push("the ledger sees this policy for the first time".to_owned()),
        Some(old) if old.policy != new.policy => {
            changes.push(format!("policy `{}` is called `{}` now", old.policy, new.policy));
        }
        Some(_) => {}
    }
    for (name, terms) in &new.rules {
        changes.extend(of_rule(memory, name, terms));
        changes.extend(consent(memory, new, name));
    }
    changes.extend(of_people(memory, new));
    changes.extend(taken_out(memory, new));
    if changes.is_empty() {
        changes.push("the file changed, and no rule with it".to_owned());
    }
    changes
}

fn of_rule(memory: &Memory, name: &str, terms: &Terms) -> Vec<String> {
    let since = |what: String, before: &Terms, told: &str| {
        let lines = terms.differences(before).into_iter().map(|line| format!("rule `{name}`{told}: {line}"));
        std::iter::once(format!("rule `{name}` {what}: {}", terms.shown())).chain(lines).collect()
    };
    if let Some(before) = memory.newest().and_then(|newest| newest.rules.get(name)) {
        return terms.differences(before).iter().map(|line| format!("rule `{name}`: {line}")).collect();
    }
    match (memory.in_force(name), memory.former_name(name)) {
        (Some(before), Some(former)) => {
            since(format!("was rule `{}` of policy `{}`", former.rule, former.policy), before, "")
        }
        (Some(before), None) => since("was put back".to_owned(), before, ", since it was taken out"),
        (None, _) if memory.newest().is_none() => Vec::new(),
        (None, _) => vec![format!("rule `{name}` was added: {}", terms.shown())],
    }
}

fn consent(memory: &Memory, new: &Known, name: &str) -> Option<String> {
    let waited = memory.newest().is_some_and(|newest| newest.in_force.contains_key(name));
    match (waited, new.in_force.contains_key(name)) {
        (false, true) => Some(format!("rule `{name}` waits for consent to its new terms")),
        (true, false) => Some(format!("rule `{name}` goes by its new terms from now on")),
        _ => None,
    }
}

fn taken_out(memory: &Memory, new: &Known) -> Vec<String> {
    let nothing = BTreeMap::new();
    let (policy, rules) = memory.newest().map_or(("", &nothing), |old| (old.policy.as_str(), &old.rules));
    let gone = rules.iter().filter(|(name, _)| !new.rules.contains_key(*name) && !memory.goes_on(policy, name));
    gone.map(|(name, terms)| format!("rule `{name}` was taken out: {}", terms.shown())).collect()
}

fn of_people(memory: &Memory, new: &Known) -> Vec<String> {
    let (people, in_force) = memory.newest().map_or((&None, &None), |newest| (&newest.people, &newest.people_in_force));
    let told = |lines: Vec<String>| lines.into_iter().map(|line| format!("the map of people: {line}"));
    let mut changes = match (people, &new.people) {
        (None, None) => Vec::new(),
        (None, Some(terms)) => match memory.people_in_force() {
            None if memory.newest().is_none() => Vec::new(),
            None => vec![format!("the ledger sees the map of the people in {} for the first time", terms.table)],
            Some(before) => {
                let back = format!("the map of the people in {} was put back", terms.table);
                [back].into_iter().chain(told(terms.differences(before))).collect()
            }
        },
        (Some(terms), None) => vec![format!("the map of the people in {} was taken out", terms.table)],
        (Some(old), Some(new)) => told(new.differences(old)).collect(),
    };
    match (in_force, &new.people_in_force) {
        (None, Some(_)) => changes.push("the map of people waits for consent to its new terms".to_owned()),
        (Some(_), None) if new.people.is_some() => {
            changes.push("the map of people goes by its new terms from now on".to_owned());
        }
        _ => {}
    }
    changes
}
