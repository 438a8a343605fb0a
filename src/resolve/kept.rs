//! What a ground keeps, held against every other entry of the map that would take the rows or change what is kept of them.

use super::map::{Part, names_differ};
use super::people::{PeopleTable, label};
use super::reading::Blame;
use super::{Resolver, covering};
use crate::db::catalog::Table;
use crate::name::Name;
use crate::plan::{Entry, HeldPeople, Hold, Target, Way};
use crate::schedule::Data;
use crate::schedule::mistake::Mistake;

/// The rows that one entry keeps, whoever's they are.
struct Keep<'p, 'c> {
    index: usize,
    table: &'c Table,
    target: &'p Target,
    hold: Hold,
}

/// Makes a hold of every entry that keeps rows, and lets it cover them in each of the other entries that it concerns.
///
/// # Errors
/// Entries of which nothing could ever be done, and grounds that somebody's leaving would make forgotten: their rows would go
/// by another entry one day.
pub(super) fn hold_against_others(
    resolver: &Resolver<'_, '_>,
    people: PeopleTable<'_>,
    written: &[Data],
    parts: &mut [Part],
) -> Vec<Mistake> {
    let keeps = keeps(resolver, people, written, parts);
    let mut mistakes = Vec::new();
    let mut concerned: Vec<(usize, usize)> = Vec::new();
    for entry in parts.iter().filter_map(Part::entry) {
        for (at, keep) in keeps.iter().enumerate().filter(|(_, keep)| keep.concerns(resolver, written, entry)) {
            let blame = (&written[entry.index], &written[keep.index]);
            mistakes.extend(
                keep.leaves_nothing_to(entry, blame).or_else(|| keep.is_forgotten(resolver, parts, written, blame)),
            );
            concerned.push((entry.index, at));
        }
    }
    let holds: Vec<(&Table, Hold)> = keeps.into_iter().map(|keep| (keep.table, keep.hold)).collect();
    for entry in parts.iter_mut().filter_map(Part::entry_mut) {
        let against = concerned.iter().filter(|(index, _)| *index == entry.index).map(|(_, at)| &holds[*at]);
        for target in &mut entry.plan.targets {
            let catalog = resolver.context.catalog;
            let (Some(leaf), Some(root)) = (catalog.find(&target.table), catalog.find(&target.root)) else { continue };
            let places = against.clone().map(|(table, hold)| (*table, hold.clone()));
            target.holds.extend(covering(catalog, places, &[leaf], &catalog.leaves_of(root)));
        }
    }
    mistakes
}

fn keeps<'p, 'c>(
    resolver: &Resolver<'_, 'c>,
    people: PeopleTable<'_>,
    written: &[Data],
    parts: &'p [Part],
) -> Vec<Keep<'p, 'c>> {
    let mut found = Vec::new();
    for part in parts.iter().filter(|part| part.is_kept()) {
        let Some((target, whose)) = part.targets().first().and_then(|target| Some((target, target.whose.as_ref()?)))
        else {
            continue;
        };
        let Some(table) = resolver.context.catalog.find(&target.root) else { continue };
        let way = Way { condition: target.condition.clone(), steps: whose.steps.clone() };
        let (held, alias) = (people.table.name.clone(), people.table.name.table.clone());
        let hold = Hold {
            name: format!("keep:{}", written[part.index()].name()),
            by_hand: false,
            anchors: Vec::new(),
            condition: None,
            only_in: Vec::new(),
            people: Some(HeldPeople { table: held, alias, ways: vec![way] }),
        };
        found.push(Keep { index: part.index(), table, target, hold });
    }
    names_differ(found.iter_mut().map(|keep: &mut Keep<'_, '_>| &mut keep.hold.name));
    found
}

impl Keep<'_, '_> {
    /// Would the entry delete rows that are kept, or redact of them what the ground covers?
    fn concerns(&self, resolver: &Resolver<'_, '_>, written: &[Data], entry: &Entry) -> bool {
        let leaves = resolver.context.catalog.leaves_of(self.table);
        let is_here = |target: &Target| leaves.iter().any(|leaf| leaf.name == target.table);
        let is_covered = |column: &Name| !self.target.redactions.iter().any(|redaction| redaction.column == *column);
        self.index != entry.index
            && !written[entry.index].kept_too
            && entry.plan.targets.iter().any(is_here)
            && (entry.plan.act.removes()
                || entry.plan.targets.iter().flat_map(|target| &target.redactions).any(|one| is_covered(&one.column)))
    }

    /// Whatever row the entry means is kept.
    fn leaves_nothing_to(&self, entry: &Entry, (data, kept): (&Data, &Data)) -> Option<Mistake> {
        let target = entry.plan.targets.first()?;
        let is_all = target.root == self.target.root
            && target.whose.as_ref()?.steps == self.target.whose.as_ref()?.steps
            && (self.target.condition.is_none() || self.target.condition == target.condition);
        let remedy = match entry.plan.act.removes() {
            true => "let `where` tell the rows apart, or take one of the two out".to_owned(),
            false => {
                format!("add the columns to the `redact` of `{}`, which keeps what is not named there", kept.name())
            }
        };
        is_all.then(|| {
            let (label, place) = (label(data), place_of(kept));
            let blame = Blame { label: &label, places: &data.places, key: "action" };
            blame
                .mistake(format!("all these rows are kept by `{}`{place}, so that nothing could be done", kept.name()))
                .remedy(remedy)
        })
    }

    /// What some entry does to other rows, or this one's own redaction, makes that nobody could tell any more that the row is
    /// kept.
    fn is_forgotten(
        &self,
        resolver: &Resolver<'_, '_>,
        parts: &[Part],
        written: &[Data],
        (data, kept): (&Data, &Data),
    ) -> Option<Mistake> {
        let ends = |part: &&Entry| {
            part.cuts_off(Some(self.target))
                || self.ends_with_people_who_go(part)
                || part.blinds_to(self.target) && !self.concerns(resolver, written, part)
        };
        let other = parts.iter().filter_map(Part::entry).find(ends)?;
        let label = label(data);
        let blame = Blame { label: &label, places: &data.places, key: "action" };
        let reason = format!(
            "`{}`{} keeps some of these rows, and once `{}`{} has acted nobody could tell which, so that they would go",
            kept.name(),
            place_of(kept),
            written[other.index].name(),
            place_of(&written[other.index]),
        );
        Some(blame.mistake(reason).remedy(format!(
            "let `{}` leave what `{}` is found by, or, where these rows may go although they are kept, write `kept_too = true` here",
            written[other.index].name(),
            kept.name()
        )))
    }

    /// The entry removes rows of the table of people, to which the way leads.
    fn ends_with_people_who_go(&self, entry: &Entry) -> bool {
        let last = self.target.whose.as_ref().and_then(|whose| whose.steps.last());
        last.is_some_and(|step| entry.plan.act.removes() && entry.plan.removes_from(&step.table))
    }
}

/// Where the other entry stands in the same file.
pub(super) fn place_of(data: &Data) -> String {
    let position = Mistake::error(String::new()).at(&data.places, "action").position();
    position.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default()
}
