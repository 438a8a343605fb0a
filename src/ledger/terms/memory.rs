//! What the ledger remembers of schedules: each rule as it was last let to act, and the map of people by which people were last
//! let go. What is put back is held against that as if it had never been away; else a schedule without it would be the way
//! around everybody's consent. Which names are one policy or one rule, the schedule says.

use std::collections::{BTreeMap, BTreeSet};

use super::people::PeopleTerms;
use super::{Known, SCHEDULE, Terms};
use crate::db::control::{self, EntryRow};
use crate::db::{Connection, DbError};
use crate::ledger::names::{Names, RuleName};

/// What every entry of a schedule says, in their order.
fn all(conn: &mut Connection) -> Result<Vec<Known>, DbError> {
    if !control::is_ready(conn)? {
        return Ok(Vec::new());
    }
    let known = |entry: &EntryRow| serde_json::from_str(&entry.body).ok();
    Ok(control::walk::entries_of_kind(conn, SCHEDULE)?.iter().filter_map(known).collect())
}

/// The tables of people of which each policy had a map, as the database spells them.
pub fn tables_of_people(conn: &mut Connection) -> Result<BTreeMap<String, BTreeSet<String>>, DbError> {
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Known { policy, people, .. } in all(conn)? {
        tables.entry(policy).or_default().extend(people.map(|people| people.table));
    }
    Ok(tables)
}

/// What matters of it to one policy.
#[derive(Debug, Default)]
pub struct Memory {
    /// The policy as it was last seen, under whatever name; `None` where the ledger sees it for the first time.
    newest: Option<Known>,
    /// By all the names that the ledger knows.
    rules: BTreeMap<RuleName, Last>,
    /// The names under which each rule of the schedule may be known, its own first.
    names: BTreeMap<String, Vec<RuleName>>,
    /// So many of them are the name that the rule has now, under each name of the policy.
    policy_count: usize,
    /// By which people were last let go, of a map that stands or stood.
    people: Option<PeopleTerms>,
    /// What is gone, and of which nobody has said what it is called now.
    gone: Gone,
}

/// A rule as an entry has it.
#[derive(Debug, Clone)]
struct Last {
    /// The place of the last entry that has it.
    seen: usize,
    /// On which it was let to act then.
    terms: Terms,
}

#[derive(Debug, Default)]
struct Gone {
    rules: Vec<RuleName>,
    maps: Vec<(String, PeopleTerms)>,
}

impl Memory {
    /// What the ledger knows of a policy.
    pub fn read(conn: &mut Connection, names: Names<'_>) -> Result<Memory, DbError> {
        Ok(Memory::of(all(conn)?, names))
    }

    /// The same of these entries, oldest first.
    pub(super) fn of(entries: Vec<Known>, names: Names<'_>) -> Memory {
        let mut memory = Memory::default();
        let mut latest: BTreeMap<String, Known> = BTreeMap::new();
        for (seen, known) in entries.into_iter().enumerate() {
            for rule in known.rules.keys() {
                let name = RuleName { policy: known.policy.clone(), rule: rule.clone() };
                memory.rules.extend(known.in_force(rule).map(|terms| (name, Last { seen, terms: terms.clone() })));
            }
            if names.is_policy(&known.policy) {
                memory.people = known.people_in_force().cloned().or(memory.people);
                memory.newest = Some(known.clone());
            }
            latest.insert(known.policy.clone(), known);
        }
        (memory.names, memory.policy_count) = (names.of_rules(), names.policy_count());
        let said: BTreeSet<&RuleName> = memory.names.values().flatten().collect();
        memory.gone = Gone::of(&latest, memory.newest.as_ref(), names, &said);
        memory
    }

    /// The policy as it was last seen.
    pub fn newest(&self) -> Option<&Known> {
        self.newest.as_ref()
    }

    /// The terms on which a rule may act without being asked, where it has acted before under one of its names.
    pub fn in_force(&self, rule: &str) -> Option<&Terms> {
        self.last(rule).map(|(_, last)| &last.terms)
    }

    /// Where a rule was seen last; of two names in one entry, its own.
    fn last(&self, rule: &str) -> Option<(&RuleName, &Last)> {
        let known = self.names.get(rule)?.iter().rev().filter_map(|name| self.rules.get_key_value(name));
        known.max_by_key(|(_, last)| last.seen)
    }

    /// The former name under which a rule was seen last, where it is called otherwise now, or stood in another policy.
    pub(super) fn former_name(&self, rule: &str) -> Option<&RuleName> {
        let (name, _) = self.last(rule)?;
        self.names.get(rule)?.iter().skip(self.policy_count).find(|former| *former == name)
    }

    /// Does a rule of the schedule go on under another name?
    pub(super) fn goes_on(&self, policy: &str, rule: &str) -> bool {
        let is_it = |name: &RuleName| name.policy == policy && name.rule == rule;
        self.names.values().flatten().any(is_it)
    }

    /// A rule that is gone from the same table, which this one may be under another name: nobody has said so.
    pub fn may_have_been(&self, terms: &Terms) -> Option<(&RuleName, &Terms)> {
        let gone = self.gone.rules.iter().filter_map(|name| Some((name, &self.rules.get(name)?.terms)));
        let of_table = gone.filter(|(_, gone)| gone.table == terms.table);
        of_table.max_by_key(|(_, gone)| gone.action == terms.action)
    }

    /// The terms by which people may be erased without anybody being asked.
    pub fn people_in_force(&self) -> Option<&PeopleTerms> {
        self.people.as_ref()
    }

    /// As [`may_have_been`](Self::may_have_been), of the map of the people in this table: the policy that had it.
    pub fn map_may_have_been(&self, table: &str) -> Option<(&str, &PeopleTerms)> {
        let of_table = self.gone.maps.iter().rev().find(|(_, map)| map.table == table);
        of_table.map(|(policy, map)| (policy.as_str(), map))
    }
}

impl Gone {
    /// Rules that the policy had last, and all of policies that no schedule has any more, but what bears another name now.
    fn of(
        latest: &BTreeMap<String, Known>,
        newest: Option<&Known>,
        names: Names<'_>,
        said: &BTreeSet<&RuleName>,
    ) -> Gone {
        let is_left = |policy: &str| !names.is_policy(policy) && !names.policies.has(policy);
        let left = || latest.values().filter(|known| is_left(&known.policy));
        let of_known = |known: &Known| {
            let name = |rule: &String| RuleName { policy: known.policy.clone(), rule: rule.clone() };
            known.rules.keys().map(name).collect::<Vec<_>>()
        };
        // What another file says of the policy is not gone.
        let own = newest.filter(|_| names.policies.is_in_one_file(names.policy()));
        let rules = own.into_iter().chain(left()).flat_map(of_known).filter(|name| !said.contains(name));
        let map = |known: &Known| Some((known.policy.clone(), known.people_in_force()?.clone()));
        Gone { rules: rules.collect(), maps: left().filter_map(map).collect() }
    }
}
