//! What is wrong between the maps of people of several policies, and between a map and rules: whoever is gone is found by
//! nobody any more.

use crate::base::time::Period;
use crate::db::catalog::{Catalog, Table};
use crate::diagnostic::mistake::Mistake;
use crate::resolve;
use crate::schedule::{Age, Data, DataAct, Schedule, Subject, Term};

use super::across::{Placed, is_chosen, tables_that_go};
use super::spelled;

/// A map with its table of people.
struct Mapped<'a> {
    schedule: &'a Schedule,
    subject: &'a Subject,
    table: &'a Table,
}

pub(super) fn findings(
    schedules: &[&Schedule],
    catalog: &Catalog,
    chosen: impl Fn(Option<&str>) -> bool + Copy,
    rules: &[Placed<'_>],
) -> Vec<Mistake> {
    let maps: Vec<_> = schedules.iter().filter_map(|schedule| mapped(schedule, catalog, chosen)).collect();
    let mut mistakes = Vec::new();
    for (at, later) in maps.iter().enumerate() {
        mistakes.extend(maps[..at].iter().filter_map(|earlier| same_people(catalog, earlier, later)));
        mistakes.extend(rules.iter().filter_map(|placed| deletes_people(catalog, placed, later)));
        let grounds = grounds(later, catalog).filter(|ground| !ground.is_held(schedules, catalog, chosen));
        mistakes
            .extend(grounds.flat_map(|ground| rules.iter().filter_map(move |rule| ground.cut_short(catalog, rule))));
    }
    mistakes
}

fn mapped<'a>(
    schedule: &'a Schedule,
    catalog: &'a Catalog,
    chosen: impl Fn(Option<&str>) -> bool,
) -> Option<Mapped<'a>> {
    let subject = schedule.subject.as_ref().filter(|subject| is_chosen(schedule, &subject.database, chosen))?;
    Some(Mapped { schedule, subject, table: catalog.find(&subject.table)? })
}

fn same_people(catalog: &Catalog, earlier: &Mapped<'_>, later: &Mapped<'_>) -> Option<Mistake> {
    let shares = catalog.share_rows(earlier.table, later.table);
    shares.then(|| resolve::second_map(catalog, later.subject, earlier.subject))
}

/// Rows that a map keeps for some time, which stands in certificates.
struct Ground<'a> {
    map: &'a Mapped<'a>,
    data: &'a Data,
    table: &'a Table,
    reason: &'a str,
    lasts: &'a Period,
}

fn grounds<'a>(map: &'a Mapped<'a>, catalog: &'a Catalog) -> impl Iterator<Item = Ground<'a>> {
    map.subject.data.iter().filter_map(move |data| {
        let DataAct::Keep { reason, until: Some((lasts, _)), .. } = &data.act else { return None };
        Some(Ground { map, data, table: catalog.find(&data.table)?, reason, lasts })
    })
}

impl Ground<'_> {
    /// A hold on the whole table keeps rules from it for as long.
    fn is_held(
        &self,
        schedules: &[&Schedule],
        catalog: &Catalog,
        chosen: impl Fn(Option<&str>) -> bool + Copy,
    ) -> bool {
        let holds = schedules.iter().flat_map(|schedule| schedule.holds.iter().map(move |hold| (*schedule, hold)));
        let mut here = holds.filter(|(schedule, hold)| is_chosen(schedule, &hold.database, chosen));
        here.any(|(_, hold)| {
            let lasts = match &hold.term {
                Term::Open => true,
                Term::For { period, .. } => period.is_never_shorter_than(self.lasts),
                Term::Until(_) => false,
            };
            let is_here = || catalog.find(&hold.table).is_some_and(|table| catalog.share_rows(table, self.table));
            lasts && hold.condition.is_none() && !hold.of_people && is_here()
        })
    }

    /// A rule that takes the rows sooner. Where one of the two speaks of some rows only, they may be others.
    fn cut_short(&self, catalog: &Catalog, placed: &Placed<'_>) -> Option<Mistake> {
        let Age::Retain { period, .. } = &placed.rule.age else { return None };
        let takes = || tables_that_go(catalog, placed).into_iter().any(|table| catalog.share_rows(table, self.table));
        if period.is_never_shorter_than(self.lasts) || !takes() {
            return None;
        }
        let message = format!(
            "rule `{}`: it takes rows of `{}` after {period}, which `{}` of the map of people in `{}` keeps for {}: {}",
            placed.rule.name,
            spelled(catalog, &self.table.name),
            self.data.name(),
            self.map.schedule.source.path.display(),
            self.lasts,
            self.reason
        );
        let is_of_all = placed.rule.condition.is_none() && self.data.condition.is_none();
        let told = if is_of_all { Mistake::error(message) } else { Mistake::warning(message) };
        let remedy = format!(
            "let the rule wait for {}, or keep the rows from it by a [[hold]] with `for = \"{}\"`",
            self.lasts, self.lasts
        );
        Some(told.remedy(remedy).at(&placed.rule.places, "retain"))
    }
}

/// A rule that takes people away, by itself or along with its own rows.
fn deletes_people(catalog: &Catalog, placed: &Placed<'_>, map: &Mapped<'_>) -> Option<Mistake> {
    let gone = tables_that_go(catalog, placed);
    let hit = gone.into_iter().find(|table| catalog.share_rows(table, map.table))?;
    let people = spelled(catalog, &map.table.name);
    let what = match hit.name == placed.table.name {
        true => format!("it deletes rows of `{people}`"),
        false => format!("rows of `{people}` go with its own"),
    };
    let message = format!(
        "rule `{}`: {what}, and `{}` maps the people in it; whom the rule takes the map finds no more, and what it maps of them \
         stays",
        placed.rule.name,
        map.schedule.source.path.display()
    );
    let remedy =
        format!("let the map take them: `action = \"delete\"` in its entry of `{people}`, and take the rule out");
    Some(Mistake::warning(message).remedy(remedy).at(&placed.rule.places, "table"))
}
