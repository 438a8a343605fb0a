//! What a ground keeps, held against every other entry that would take the rows or change what is kept of them: of the same
//! map, and of the maps of other policies.

use super::beside::Beside;
use super::map::{Part, names_differ};
use super::people::{PeopleTable, label};
use super::reading::Blame;
use super::{Resolver, covering};
use crate::base::name::Name;
use crate::db::catalog::{Catalog, Table};
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Source;
use crate::plan::{Dependent, Entry, HeldPeople, Hold, Target, Way};
use crate::schedule::{Data, Subject, Then};

/// The rows that one entry keeps, whoever's they are.
struct Keep<'p, 'c> {
    data: &'p Data,
    target: &'p Target,
    held: Held<'c>,
    /// The map of another policy, in which it stands.
    beside: Option<&'p Beside<'p, 'c>>,
}

/// What becomes of it in the statements of the others.
struct Held<'c> {
    table: &'c Table,
    hold: Hold,
    /// What the ground does not cover.
    redacted: Vec<Name>,
    /// In the same map nothing may go along with rows that it keeps.
    is_of_other_policy: bool,
}

/// Makes a hold of every entry that keeps rows, and lets it cover them in each of the other entries that it concerns.
///
/// # Errors
/// Entries of which nothing could ever be done, and grounds that somebody's leaving would make forgotten: their rows would go
/// by another entry one day.
pub(super) fn hold_against_others<'c>(
    resolver: &Resolver<'_, 'c>,
    (subject, people): (&Subject, PeopleTable<'c>),
    others: &[Beside<'_, 'c>],
    parts: &mut [Part],
) -> Vec<Mistake> {
    let catalog = resolver.context.catalog;
    let keeps = keeps(catalog, (subject, people), others, parts);
    let mut mistakes = Vec::new();
    let mut concerned: Vec<(usize, usize)> = Vec::new();
    for entry in parts.iter().filter_map(Part::entry) {
        let data = &subject.data[entry.index];
        for (at, keep) in keeps.iter().enumerate().filter(|(_, keep)| keep.concerns(catalog, data, entry)) {
            mistakes.extend(
                keep.leaves_nothing_to(entry, data).or_else(|| keep.is_forgotten(catalog, parts, subject, data)),
            );
            concerned.push((entry.index, at));
        }
    }
    let held: Vec<Held<'_>> = keeps.into_iter().map(|keep| keep.held).collect();
    for entry in parts.iter_mut().filter_map(Part::entry_mut) {
        let against = concerned.iter().filter(|(index, _)| *index == entry.index).map(|(_, at)| &held[*at]);
        for target in &mut entry.plan.targets {
            let (Some(leaf), Some(root)) = (catalog.find(&target.table), catalog.find(&target.root)) else { continue };
            let places = against.clone().map(|held| (held.table, held.hold.clone()));
            target.holds.extend(covering(catalog, places, &[leaf], &catalog.leaves_of(root)));
        }
        for dependent in &mut entry.plan.dependents {
            let Some(table) = catalog.find(&dependent.table) else { continue };
            let leaves = catalog.leaves_of(table);
            let against = against.clone().filter(|held| held.covers(catalog, dependent));
            let places = against.map(|held| (held.table, held.hold.clone()));
            let holds = covering(catalog, places, &leaves, &leaves);
            dependent.holds.extend(holds);
        }
    }
    mistakes
}

fn keeps<'p, 'c>(
    catalog: &'c Catalog,
    (subject, people): (&'p Subject, PeopleTable<'c>),
    others: &'p [Beside<'p, 'c>],
    parts: &'p [Part],
) -> Vec<Keep<'p, 'c>> {
    let keep = |data: &'p Data, part: &'p Part, people: PeopleTable<'c>| {
        let target = part.targets().first().filter(|_| part.is_kept())?;
        let way = Way { condition: target.condition.clone(), steps: target.whose.as_ref()?.steps.clone() };
        let (table, alias) = (people.table.name.clone(), people.table.name.table.clone());
        let hold = Hold {
            name: format!("keep:{}", data.name()),
            by_hand: false,
            anchors: Vec::new(),
            condition: None,
            only_in: Vec::new(),
            people: Some(HeldPeople { table, alias, ways: vec![way] }),
        };
        let held = Held {
            table: catalog.find(&target.root)?,
            hold,
            redacted: target.redactions.iter().map(|redaction| redaction.column.clone()).collect(),
            is_of_other_policy: false,
        };
        Some(Keep { data, target, held, beside: None })
    };
    let own = parts.iter().filter_map(|part| keep(&subject.data[part.index()], part, people));
    let of_others = others.iter().flat_map(|map| {
        map.parts().filter_map(move |(data, part)| {
            let keep = keep(data, part, map.people?)?;
            Some(Keep { held: Held { is_of_other_policy: true, ..keep.held }, beside: Some(map), ..keep })
        })
    });
    let mut found: Vec<_> = own.chain(of_others).collect();
    names_differ(found.iter_mut().map(|keep| &mut keep.held.hold.name));
    found
}

impl Held<'_> {
    /// Would rows that are kept go along with others, or let go of them by a column that the ground covers?
    fn covers(&self, catalog: &Catalog, dependent: &Dependent) -> bool {
        let is_here = catalog.find(&dependent.table).is_some_and(|table| catalog.share_rows(table, self.table));
        let mut let_go = dependent.links.iter().flat_map(|link| &link.let_go);
        self.is_of_other_policy
            && is_here
            && (dependent.then == Then::Delete || let_go.any(|column| !self.redacted.contains(column)))
    }
}

impl Keep<'_, '_> {
    /// Would the entry delete rows that are kept, or redact of them what the ground covers?
    fn concerns(&self, catalog: &Catalog, data: &Data, entry: &Entry) -> bool {
        let leaves = catalog.leaves_of(self.held.table);
        let is_here = |target: &Target| leaves.iter().any(|leaf| leaf.name == target.table);
        let is_covered = |column: &Name| !self.held.redacted.contains(column);
        let acts_here = || {
            entry.plan.targets.iter().any(is_here)
                && (entry.plan.act.removes() || entry.redactions().any(|one| is_covered(&one.column)))
        };
        let takes_along = || entry.plan.dependents.iter().any(|dependent| self.held.covers(catalog, dependent));
        !std::ptr::eq(self.data, data) && !data.kept_too && (acts_here() || takes_along())
    }

    /// Whatever row the entry means is kept.
    fn leaves_nothing_to(&self, entry: &Entry, data: &Data) -> Option<Mistake> {
        let (kept, target) = (self.data, entry.plan.targets.first()?);
        let is_all = target.root == self.target.root
            && target.whose.as_ref()?.steps == self.target.whose.as_ref()?.steps
            && self.held.hold.condition.is_none()
            && (self.target.condition.is_none() || self.target.condition == target.condition);
        let remedy = match entry.plan.act.removes() {
            true => "let `where` tell the rows apart, or take one of the two out".to_owned(),
            false => {
                format!("add the columns to the `redact` of `{}`, which keeps what is not named there", kept.name())
            }
        };
        is_all.then(|| {
            let (label, place) = (label(data), place_in(kept, &data.places.source));
            let blame = Blame { label: &label, places: &data.places, key: "action" };
            blame
                .mistake(format!("all these rows are kept by `{}`{place}, so that nothing could be done", kept.name()))
                .remedy(remedy)
        })
    }

    /// What some entry does to other rows, or this one's own redaction, makes that nobody could tell any more that the row is
    /// kept.
    fn is_forgotten(&self, catalog: &Catalog, parts: &[Part], subject: &Subject, data: &Data) -> Option<Mistake> {
        let own = parts.iter().filter_map(Part::entry);
        let own = own.map(|entry| (&subject.data[entry.index], entry));
        let theirs = self.beside.into_iter().flat_map(Beside::parts);
        let theirs = theirs.filter_map(|(other, part)| Some((other, part.entry()?)));
        let (other, _) = own.chain(theirs).find(|(other, entry)| self.is_ended_by(catalog, other, entry))?;
        let (kept, file, label) = (self.data, &data.places.source, label(data));
        let blame = Blame { label: &label, places: &data.places, key: "action" };
        let reason = format!(
            "`{}`{} keeps some of these rows, and once `{}`{} has acted nobody could tell which, so that they would go",
            kept.name(),
            place_in(kept, file),
            other.name(),
            place_in(other, file),
        );
        Some(blame.mistake(reason).remedy(format!(
            "let `{}` leave what `{}` is found by, or, where these rows may go although they are kept, write `kept_too = true` here",
            other.name(),
            kept.name()
        )))
    }

    fn is_ended_by(&self, catalog: &Catalog, data: &Data, entry: &Entry) -> bool {
        entry.cuts_off(Some(self.target))
            || self.ends_with_people_who_go(entry)
            || entry.blinds_to(self.target) && !self.concerns(catalog, data, entry)
    }

    /// The entry removes rows of the table of people, to which the way leads.
    fn ends_with_people_who_go(&self, entry: &Entry) -> bool {
        let last = self.target.whose.as_ref().and_then(|whose| whose.steps.last());
        last.is_some_and(|step| entry.plan.act.removes() && entry.plan.removes_from(&step.table))
    }
}

/// Where the other entry stands in the same file.
pub(super) fn place_of(data: &Data) -> String {
    position_of(data).map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default()
}

fn place_in(data: &Data, file: &Source) -> String {
    if data.places.source.path == file.path {
        return place_of(data);
    }
    let path = data.places.source.path.display();
    position_of(data).map(|(line, column)| format!(" (`{path}`, line {line}, column {column})")).unwrap_or_default()
}

fn position_of(data: &Data) -> Option<(usize, usize)> {
    Mistake::error(String::new()).at(&data.places, "action").position()
}
