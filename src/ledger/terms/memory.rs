//! What the ledger remembers of a policy: its schedule as it was last seen, and what was taken out of it before. What is put
//! back is held against the terms by which it went last, as if it had never been away; else a schedule without it would be
//! the way around everybody's consent.

use std::collections::BTreeSet;

use super::people::PeopleTerms;
use super::{Known, SCHEDULE, Terms};
use crate::db::control::{self, EntryRow};
use crate::db::{Connection, DbError};

/// As all entries of the policy tell it, from the first to the newest.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    newest: Known,
    /// Rules that are not in it any more; who went last is last.
    gone: Vec<Gone>,
    /// Those by which people were last let go, of a map that stands or stood.
    people: Option<PeopleTerms>,
}

/// A rule that was taken out.
#[derive(Debug, Clone, PartialEq)]
struct Gone {
    rule: String,
    /// On which it was last let to act.
    terms: Terms,
    /// Another rule goes on with them, so that nobody else is taken for this one under another name.
    has_heir: bool,
}

impl Memory {
    /// Of a policy that the ledger has seen.
    pub fn read(conn: &mut Connection, policy: &str) -> Result<Option<Memory>, DbError> {
        if !control::is_ready(conn)? {
            return Ok(None);
        }
        let entries = control::walk::entries_of_kind(conn, SCHEDULE)?;
        let known = |entry: &EntryRow| serde_json::from_str::<Known>(&entry.body).ok();
        Ok(Memory::of(entries.iter().filter_map(known).filter(|known| known.policy == policy)))
    }

    pub(super) fn of(mut all: impl Iterator<Item = Known>) -> Option<Memory> {
        let newest = all.next()?;
        let first = Memory { people: newest.people_in_force().cloned(), gone: Vec::new(), newest };
        Some(all.fold(first, Memory::and_then))
    }

    fn and_then(self, next: Known) -> Memory {
        let mut gone = self.gone_without(|rule| next.rules.contains_key(rule));
        let came: Vec<_> = next.rules.iter().filter(|(rule, _)| !self.newest.rules.contains_key(*rule)).collect();
        let before: BTreeSet<usize> = came.iter().filter_map(|(rule, terms)| continued(&gone, rule, terms)).collect();
        before.into_iter().for_each(|at| gone[at].has_heir = true);
        gone.retain(|gone| !next.rules.contains_key(&gone.rule));
        Memory { people: next.people_in_force().cloned().or(self.people), newest: next, gone }
    }

    /// The schedule as it was last seen.
    pub fn newest(&self) -> &Known {
        &self.newest
    }

    /// The terms on which a rule may act without being asked, where it has acted before, if under another name. Whether the
    /// schedule has a rule now, `stands` tells.
    pub fn in_force(&self, rule: &str, terms: &Terms, stands: impl Fn(&str) -> bool) -> Option<Terms> {
        let before = || {
            let gone = self.gone_without(stands);
            let of_its_table = || gone.iter().rposition(|gone| !gone.has_heir && gone.terms.table == terms.table);
            continued(&gone, rule, terms).or_else(of_its_table).map(|at| gone[at].terms.clone())
        };
        self.newest.in_force(rule).cloned().or_else(before)
    }

    /// The terms on which people may be erased without anybody being asked.
    pub fn people_in_force(&self) -> Option<&PeopleTerms> {
        self.people.as_ref()
    }

    /// Whether a rule stood in an earlier schedule under that name.
    pub(super) fn once_had(&self, rule: &str) -> Option<&Terms> {
        self.gone.iter().rfind(|gone| gone.rule == rule).map(|gone| &gone.terms)
    }

    /// All that are gone where only these rules stand.
    fn gone_without(&self, stands: impl Fn(&str) -> bool) -> Vec<Gone> {
        let missing = self.newest.rules.keys().filter(|rule| !stands(rule));
        let of_newest = |rule: &String| {
            let terms = self.newest.in_force(rule)?.clone();
            Some(Gone { rule: rule.clone(), terms, has_heir: false })
        };
        self.gone.iter().cloned().chain(missing.filter_map(of_newest)).collect()
    }
}

/// Which of those that are gone a rule goes on with: itself, or one that did the same to the same table. Where another rule
/// has gone on with it meanwhile, and is gone too, with whichever of the two went last.
fn continued(gone: &[Gone], rule: &str, terms: &Terms) -> Option<usize> {
    let is_it = |gone: &Gone| gone.rule == rule;
    let is_like_it =
        |gone: &Gone| !gone.has_heir && gone.terms.table == terms.table && gone.terms.action == terms.action;
    let itself = gone.iter().rposition(|gone| is_it(gone) && !gone.has_heir);
    itself.or_else(|| gone.iter().rposition(|gone| is_it(gone) || is_like_it(gone)))
}
