//! What is wrong between the maps of people of several policies, and between a map and rules: whoever is gone is found by
//! nobody any more.

use crate::db::catalog::{Catalog, Table};
use crate::schedule::mistake::Mistake;
use crate::schedule::{Schedule, Subject};

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
    if earlier.subject.is_told_apart_from(later.subject) || !catalog.share_rows(earlier.table, later.table) {
        return None;
    }
    let message = format!(
        "subject: `{}` maps the people of `{}` as well; when one of the two has erased somebody, the other may find them no more, \
         and what it maps of them stays",
        earlier.schedule.source.path.display(),
        spelled(catalog, &earlier.table.name)
    );
    let remedy = "let one map say all that is theirs, or tell the people apart by `where` under [subject]";
    Some(Mistake::warning(message).remedy(remedy).at(&later.subject.places, "table"))
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
