//! What the ledger remembers of schedules: each policy's as it was last seen, and what was taken out of it before. What is put
//! back is held against the terms by which it went last, as if it had never been away; else a schedule without it would be
//! the way around everybody's consent. So would another name: what no policy has any more goes on in whichever has it now.

use std::collections::{BTreeMap, BTreeSet};

use super::people::PeopleTerms;
use super::{Known, Origin, SCHEDULE, Terms};
use crate::db::control::{self, EntryRow};
use crate::db::{Connection, DbError};
use crate::ledger::roster::Roster;
use crate::record::ERASURES;

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
#[derive(Debug, Clone, Default)]
pub struct Memory {
    policy: String,
    /// The schedule as it was last seen; `None` where the ledger sees the policy for the first time.
    newest: Option<Known>,
    /// Rules that no schedule has any more, of this policy and of all others; who went last is last.
    gone: Vec<Gone>,
    /// Those by which people were last let go, of a map that stands or stood.
    people: Option<Basis<PeopleTerms>>,
    /// Maps of other policies, where they have none any more; who was seen last is last.
    gone_maps: Vec<GoneMap>,
    /// The policies without a map by now whose promises to people are this one's.
    before: BTreeSet<String>,
    /// Rules of `newest` with which another policy has gone on meanwhile, as that one let them go last.
    returned: BTreeMap<String, Basis<Terms>>,
}

/// What something is held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis<T> {
    /// By which it was last let go.
    pub terms: T,
    /// Whose they were, where it was another policy.
    pub of: Option<Origin>,
}

/// A rule that was taken out.
#[derive(Debug, Clone, PartialEq)]
struct Gone {
    origin: Origin,
    /// On which it was last let to act.
    terms: Terms,
    /// Another rule goes on with them, so that nobody else is taken for this one under another name.
    has_heir: bool,
    /// The place of the last entry that had it.
    seen: usize,
}

#[derive(Debug, Clone)]
struct GoneMap {
    policy: String,
    has_policy_gone: bool,
    terms: PeopleTerms,
    seen: usize,
}

impl Memory {
    /// What the ledger knows of a policy, where schedules have these now.
    pub fn read(conn: &mut Connection, policy: &str, roster: &Roster<'_>) -> Result<Memory, DbError> {
        Ok(History::of(all(conn)?.into_iter()).memory(policy, roster))
    }

    /// The schedule as it was last seen.
    pub fn newest(&self) -> Option<&Known> {
        self.newest.as_ref()
    }

    /// The terms on which a rule may act without being asked, where it has acted before, if under another name or in another
    /// policy.
    pub fn in_force(&self, rule: &str, terms: &Terms) -> Option<Basis<Terms>> {
        if let Some(own) = self.newest.as_ref().and_then(|newest| newest.in_force(rule)) {
            let own = || Basis { terms: own.clone(), of: None };
            return Some(self.returned.get(rule).cloned().unwrap_or_else(own));
        }
        let of_its_table = || self.gone.iter().rposition(|gone| !gone.has_heir && gone.terms.table == terms.table);
        let gone = &self.gone[continued(&self.gone, rule, terms).or_else(of_its_table)?];
        let of = (gone.origin.policy != self.policy).then(|| gone.origin.clone());
        Some(Basis { terms: gone.terms.clone(), of })
    }

    /// The terms by which people may be erased without anybody being asked, of a map of the people in this table. A policy that
    /// goes on with all of another one goes on with its map as well, whatever people it is of now.
    pub fn people_in_force(&self, table: &str) -> Option<Basis<PeopleTerms>> {
        let is_of_table = |map: &&GoneMap| map.terms.table == table;
        let gone = || {
            let maps = || self.gone_maps.iter().rev();
            let map = maps().find(is_of_table).or_else(|| maps().find(|map| map.has_policy_gone))?;
            let of = Some(Origin { policy: map.policy.clone(), rule: ERASURES.to_owned() });
            Some(Basis { terms: map.terms.clone(), of })
        };
        self.people.clone().or_else(gone)
    }

    /// Does its map go on with that of a policy which has none any more?
    pub fn goes_on_for_the_people_of(&self, policy: &str) -> bool {
        self.before.contains(policy)
    }

    /// What went on in another policy meanwhile, and is back.
    pub fn returned(&self) -> impl Iterator<Item = (&str, &Origin)> {
        let rules = self.returned.iter().map(|(rule, basis)| (rule.as_str(), &basis.of));
        let people = self.people.iter().map(|basis| (ERASURES, &basis.of));
        rules.chain(people).filter_map(|(rule, of)| Some((rule, of.as_ref()?)))
    }

    /// Of a rule that is back: the terms by which it went meanwhile.
    pub fn returned_rule(&self, rule: &str) -> Option<&Terms> {
        self.returned.get(rule).map(|basis| &basis.terms)
    }

    /// The same of a map of people.
    pub fn returned_map(&self) -> Option<&PeopleTerms> {
        self.people.as_ref().filter(|basis| basis.of.is_some()).map(|basis| &basis.terms)
    }

    /// Whether a rule stood in an earlier schedule of the policy under that name.
    pub(super) fn once_had(&self, rule: &str) -> Option<&Terms> {
        self.last_of(&Origin { policy: self.policy.clone(), rule: rule.to_owned() })
    }

    /// On which terms a rule that is gone went last.
    pub(super) fn last_of(&self, origin: &Origin) -> Option<&Terms> {
        self.gone.iter().rfind(|gone| gone.origin == *origin).map(|gone| &gone.terms)
    }
}

/// All that the ledger knows of schedules.
#[derive(Debug, Default)]
pub(super) struct History {
    policies: BTreeMap<String, Past>,
    /// Who has gone on with what of another policy, and not given it back since.
    heirs: BTreeMap<Origin, Heir>,
}

#[derive(Debug)]
struct Heir {
    origin: Origin,
    /// Policies that came with it, and that the ledger had not seen by then: they may go on with the same.
    beside: BTreeSet<String>,
}

/// One policy, as all of its entries tell it, from the first to the newest.
#[derive(Debug)]
struct Past {
    newest: Known,
    /// The place of that entry.
    seen: usize,
    /// Rules that are not in it any more.
    gone: Vec<Gone>,
    people: Option<PeopleTerms>,
}

impl History {
    pub fn of(entries: impl Iterator<Item = Known>) -> Self {
        let mut history = Self::default();
        entries.enumerate().for_each(|(seen, known)| history.hear(seen, known));
        history
    }

    fn hear(&mut self, seen: usize, next: Known) {
        let origin = |rule: &str| Origin { policy: next.policy.clone(), rule: rule.to_owned() };
        // What a policy has again goes on there: two that take turns are two.
        for rule in next.rules.keys().map(String::as_str).chain(next.people.as_ref().map(|_| ERASURES)) {
            self.heirs.remove(&origin(rule));
        }
        for (rule, before) in &next.continues {
            self.heirs.insert(before.clone(), Heir { origin: origin(rule), beside: next.beside.clone() });
        }
        let past = match self.policies.remove(&next.policy) {
            Some(past) => past.and_then(seen, next),
            None => Past { people: next.people_in_force().cloned(), gone: Vec::new(), newest: next, seen },
        };
        self.policies.insert(past.newest.policy.clone(), past);
    }

    pub fn memory(&self, policy: &str, roster: &Roster<'_>) -> Memory {
        let own = self.policies.get(policy);
        let rules = own.into_iter().flat_map(|own| own.newest.rules.keys()).filter(|rule| roster.has(policy, rule));
        let returned = rules.filter_map(|rule| {
            let (heir, past) = self.heir(policy, rule, roster)?;
            Some((rule.clone(), Basis { terms: past.last_of(&heir.rule)?.clone(), of: Some(heir) }))
        });
        let people = own.and_then(|own| own.people.as_ref()).map(|terms| {
            let heir = self.heir(policy, ERASURES, roster).filter(|_| roster.has(policy, ERASURES));
            let heir = heir.and_then(|(heir, past)| Some((heir, past.people.clone()?)));
            let own = || Basis { terms: terms.clone(), of: None };
            heir.map_or_else(own, |(heir, terms)| Basis { terms, of: Some(heir) })
        });
        let gone_maps = self.gone_maps(policy, roster);
        let is_last = |last: &str| match &people {
            Some(_) => last == policy,
            // The ledger sees its map for the first time, and it may go on with any of these.
            None => gone_maps.iter().any(|map| map.policy == last),
        };
        let others = self.policies.keys().filter(|other| *other != policy && !roster.has(other, ERASURES));
        let before = others.filter(|other| self.line_of(other, ERASURES).iter().any(|heir| is_last(&heir.policy)));
        Memory {
            policy: policy.to_owned(),
            newest: own.map(|own| own.newest.clone()),
            gone: self.gone(policy, roster),
            before: before.cloned().collect(),
            people,
            gone_maps,
            returned: returned.collect(),
        }
    }

    /// Something of a policy, and who has gone on with it since, each with what the one before had.
    fn line_of(&self, policy: &str, rule: &str) -> Vec<Origin> {
        let mut line = vec![Origin { policy: policy.to_owned(), rule: rule.to_owned() }];
        while let Some(next) = line.last().and_then(|last| self.heirs.get(last)).map(|heir| &heir.origin) {
            if line.contains(next) {
                break;
            }
            line.push(next.clone());
        }
        line
    }

    /// Who went on last with something of a policy, where nobody does any more.
    fn heir(&self, policy: &str, rule: &str, roster: &Roster<'_>) -> Option<(Origin, &Past)> {
        let heir = self.line_of(policy, rule).pop()?;
        let is_gone = heir.policy != policy && !roster.has(&heir.policy, &heir.rule);
        let past = self.policies.get(&heir.policy).filter(|_| is_gone)?;
        Some((heir, past))
    }

    /// Has another policy gone on with it? Of those that were new together, each is asked what it goes on with.
    fn has_heir(&self, origin: &Origin, policy: &str) -> bool {
        let is_new = !self.policies.contains_key(policy);
        self.heirs.get(origin).is_some_and(|heir| !(is_new && heir.beside.contains(policy)))
    }

    fn gone(&self, policy: &str, roster: &Roster<'_>) -> Vec<Gone> {
        let of_past = |past: &Past| {
            let of = past.newest.policy.clone();
            past.gone_without(|rule| roster.has(&of, rule))
        };
        let mut gone: Vec<Gone> = self.policies.values().flat_map(of_past).collect();
        gone.iter_mut().for_each(|gone| gone.has_heir |= self.has_heir(&gone.origin, policy));
        gone.retain(|Gone { origin, has_heir, .. }| {
            origin.policy == policy || !has_heir && !roster.has(&origin.policy, &origin.rule)
        });
        gone.sort_by_key(|gone| gone.seen);
        gone
    }

    fn gone_maps(&self, policy: &str, roster: &Roster<'_>) -> Vec<GoneMap> {
        let others = self.policies.iter().filter(|(other, _)| *other != policy && !roster.has(other, ERASURES));
        let map = |(other, past): (&String, &Past)| {
            let origin = Origin { policy: other.clone(), rule: ERASURES.to_owned() };
            let terms = past.people.clone().filter(|_| !self.has_heir(&origin, policy))?;
            let has_policy_gone = !roster.has_policy(other);
            Some(GoneMap { policy: other.clone(), has_policy_gone, terms, seen: past.seen })
        };
        let mut maps: Vec<GoneMap> = others.filter_map(map).collect();
        maps.sort_by_key(|map| map.seen);
        maps
    }
}

impl Past {
    fn and_then(self, seen: usize, next: Known) -> Past {
        let mut gone = self.gone_without(|rule| next.rules.contains_key(rule));
        let came: Vec<_> = next.rules.iter().filter(|(rule, _)| !self.newest.rules.contains_key(*rule)).collect();
        let before: BTreeSet<usize> = came.iter().filter_map(|(rule, terms)| continued(&gone, rule, terms)).collect();
        before.into_iter().for_each(|at| gone[at].has_heir = true);
        gone.retain(|gone| !next.rules.contains_key(&gone.origin.rule));
        Past { people: next.people_in_force().cloned().or(self.people), newest: next, seen, gone }
    }

    /// All that are gone where only these rules stand.
    fn gone_without(&self, stands: impl Fn(&str) -> bool) -> Vec<Gone> {
        let missing = self.newest.rules.keys().filter(|rule| !stands(rule));
        let of_newest = |rule: &String| {
            let terms = self.newest.in_force(rule)?.clone();
            let origin = Origin { policy: self.newest.policy.clone(), rule: rule.clone() };
            Some(Gone { origin, terms, has_heir: false, seen: self.seen })
        };
        self.gone.iter().cloned().chain(missing.filter_map(of_newest)).collect()
    }

    fn last_of(&self, rule: &str) -> Option<&Terms> {
        let gone = || self.gone.iter().rfind(|gone| gone.origin.rule == rule).map(|gone| &gone.terms);
        self.newest.in_force(rule).or_else(gone)
    }
}

/// Which of those that are gone a rule goes on with: itself, or one that did the same to the same table. Where another rule
/// has gone on with it meanwhile, and is gone too, with whichever of the two went last.
fn continued(gone: &[Gone], rule: &str, terms: &Terms) -> Option<usize> {
    let is_it = |gone: &Gone| gone.origin.rule == rule;
    let is_like_it =
        |gone: &Gone| !gone.has_heir && gone.terms.table == terms.table && gone.terms.action == terms.action;
    let itself = gone.iter().rposition(|gone| is_it(gone) && !gone.has_heir);
    itself.or_else(|| gone.iter().rposition(|gone| is_it(gone) || is_like_it(gone)))
}
