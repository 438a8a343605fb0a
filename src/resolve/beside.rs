//! The maps of people beside a plan, of whatever policy: what they find by way of its rows, and what they keep of them.

use std::sync::Arc;

use super::Resolver;
use super::map::{self, Part};
use super::people::PeopleTable;
use super::reading::Blame;
use crate::db::catalog::Table;
use crate::diagnostic::mistake::Mistake;
use crate::plan::RulePlan;
use crate::schedule::{Data, Rule, Subject};

/// A map of people on the database, entry by entry.
pub(super) struct Beside<'s, 'c> {
    pub subject: &'s Subject,
    /// In the order of the schedule; of what does not fit the database nobody knows which rows it speaks of.
    parts: Vec<(&'s Data, Option<Part>)>,
    /// `None`: nobody knows who the people are.
    pub people: Option<PeopleTable<'c>>,
}

/// Every map on the database.
pub(super) fn all<'s, 'c>(resolver: &Resolver<'s, 'c>) -> Vec<Beside<'s, 'c>> {
    resolver.context.maps.iter().map(|subject| beside(resolver, subject)).collect()
}

/// Those of other policies.
pub(super) fn others<'s, 'c>(resolver: &Resolver<'s, 'c>, subject: &Subject) -> Vec<Beside<'s, 'c>> {
    let is_other = |other: &&&Subject| !Arc::ptr_eq(&other.places.source, &subject.places.source);
    resolver.context.maps.iter().filter(is_other).map(|other| beside(resolver, other)).collect()
}

fn beside<'s, 'c>(resolver: &Resolver<'s, 'c>, subject: &'s Subject) -> Beside<'s, 'c> {
    let people = PeopleTable::find(resolver.context, subject).ok();
    let found = people.and_then(|people| Some((people, resolver.people_of(subject, people).ok()?)));
    let parts = match &found {
        Some((people, target)) => map::parts(resolver, subject, *people, target).into_iter().map(Result::ok).collect(),
        None => subject.data.iter().map(|_| None).collect::<Vec<_>>(),
    };
    Beside { subject, parts: subject.data.iter().zip(parts).collect(), people: found.map(|(people, _)| people) }
}

impl<'s> Beside<'s, '_> {
    /// What each entry that is understood says of its rows.
    pub fn parts(&self) -> impl Iterator<Item = (&'s Data, &Part)> {
        self.parts.iter().filter_map(|(data, part)| Some((*data, part.as_ref()?)))
    }

    /// Why nobody is erased by another map: of what is not understood here, nobody knows what it keeps.
    pub fn not_understood(&self) -> Option<Mistake> {
        let (data, _) = self.parts.iter().find(|(_, part)| part.is_none())?;
        let reason = format!(
            "subject: entry `{}` of the map of people in `{}` does not fit the database, so that nobody knows what it keeps from \
             this map",
            data.name(),
            self.file()
        );
        Some(
            Mistake::error(reason)
                .at(&data.places, "table")
                .remedy("correct it first: `tenure check` says what is wrong"),
        )
    }

    fn file(&self) -> impl std::fmt::Display {
        self.subject.places.source.path.display()
    }
}

/// The rule with its rows waiting for those that a map finds by way of them. What it redacts of the very rows of an entry it
/// may: that is the schedule's own word on them.
///
/// # Errors
/// Ways over its rows that are not understood.
pub(super) fn minded(
    resolver: &Resolver<'_, '_>,
    maps: &[Beside<'_, '_>],
    rule: &Rule,
    mut plan: RulePlan,
) -> Result<RulePlan, Vec<Mistake>> {
    for (_, part) in maps.iter().flat_map(Beside::parts) {
        plan.mind(part.targets().first(), None, true);
    }
    let unclear = maps.iter().find_map(|map| unclear_way(resolver, map, rule, &plan));
    unclear.map_or(Ok(plan), |mistake| Err(vec![mistake]))
}

fn unclear_way(resolver: &Resolver<'_, '_>, map: &Beside<'_, '_>, rule: &Rule, plan: &RulePlan) -> Option<Mistake> {
    let catalog = resolver.context.catalog;
    let mut unclear = map.parts.iter().filter(|(_, part)| part.is_none()).map(|(data, _)| *data);
    let (data, table) = unclear.find_map(|data| {
        let mut on_the_way = data.path.hops.iter().filter_map(|hop| catalog.find(&hop.table));
        let is_changed = |table: &&Table| {
            plan.act.removes() && plan.removes_from(&table.name)
                || plan.root() == Some(&table.name) && plan.redactions().next().is_some()
        };
        Some((data, on_the_way.find(is_changed)?))
    })?;
    let label = format!("rule `{}`", rule.name);
    let blame = Blame { label: &label, places: &rule.places, key: "table" };
    let reason = format!(
        "entry `{}` of the map of people in `{}` finds its rows by way of `{}` and does not fit the database, so that nobody knows \
         which of these have to wait for them",
        data.name(),
        map.file(),
        catalog.as_written(&table.name)
    );
    Some(blame.mistake(reason).remedy("correct the entry first: `tenure check` says what is wrong with it"))
}
