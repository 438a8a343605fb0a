//! What is wrong between rules that stand in several files, or name one table in several ways, and between rules and
//! what is kept. What one file's own text tells is refused when it is read.

use crate::db::catalog::{Catalog, KeyAction, Table};
use crate::diagnostic::mistake::Mistake;
use crate::schedule::{Action, Age, Keep, Rule, Schedule, Then, act_on_same_rows};

use super::{maps, spelled};

/// Holds all schedules' parts that belong to one database against each other; `chosen` is asked with the database
/// that a rule or keep names.
pub fn across(
    schedules: &[&Schedule],
    catalog: &Catalog,
    chosen: impl Fn(Option<&str>) -> bool + Copy,
) -> Vec<Mistake> {
    let rules = rules(schedules, catalog, chosen);
    let keeps = keeps(schedules, catalog, chosen);
    let mut mistakes = Vec::new();
    for (at, later) in rules.iter().enumerate() {
        mistakes.extend(rules[..at].iter().filter_map(|earlier| clash(catalog, earlier, later)));
        mistakes.extend(keeps.iter().filter_map(|kept| purged_and_kept(catalog, later, kept)));
    }
    mistakes.extend(maps::findings(schedules, catalog, chosen, &rules));
    mistakes
}

/// A rule with the table that it reaches.
pub(super) struct Placed<'a> {
    pub schedule: &'a Schedule,
    pub rule: &'a Rule,
    pub table: &'a Table,
}

/// A table that a schedule keeps.
struct Kept<'a> {
    schedule: &'a Schedule,
    keep: &'a Keep,
    table: &'a Table,
}

fn rules<'a>(
    schedules: &[&'a Schedule],
    catalog: &'a Catalog,
    chosen: impl Fn(Option<&str>) -> bool + Copy,
) -> Vec<Placed<'a>> {
    let mut placed = Vec::new();
    for schedule in schedules.iter().copied() {
        for rule in schedule.rules.iter().filter(|rule| is_chosen(schedule, &rule.database, chosen)) {
            placed.extend(catalog.find(&rule.table).map(|table| Placed { schedule, rule, table }));
        }
    }
    placed
}

fn keeps<'a>(
    schedules: &[&'a Schedule],
    catalog: &'a Catalog,
    chosen: impl Fn(Option<&str>) -> bool + Copy,
) -> Vec<Kept<'a>> {
    let mut kept = Vec::new();
    for schedule in schedules.iter().copied() {
        for keep in schedule.keeps.iter().filter(|keep| is_chosen(schedule, &keep.database, chosen)) {
            let tables = keep.tables.iter().filter_map(|name| catalog.find(name));
            kept.extend(tables.map(|table| Kept { schedule, keep, table }));
        }
    }
    kept
}

pub(super) fn is_chosen(schedule: &Schedule, named: &Option<String>, chosen: impl Fn(Option<&str>) -> bool) -> bool {
    chosen(named.as_deref().or(schedule.policy.database.as_deref()))
}

/// Two rules that act on the same rows at the same age.
fn clash(catalog: &Catalog, earlier: &Placed<'_>, later: &Placed<'_>) -> Option<Mistake> {
    let same = catalog.share_rows(earlier.table, later.table) && act_on_same_rows(earlier.rule, later.rule);
    if !same || told_when_read(earlier, later) {
        return None;
    }
    let (one, other) = (spelled(catalog, &earlier.table.name), spelled(catalog, &later.table.name));
    let rows = if one == other {
        format!("the same rows of `{one}`")
    } else {
        format!("`{one}`, which shares rows with `{other}`,")
    };
    let file = match std::ptr::eq(earlier.schedule, later.schedule) {
        true => String::new(),
        false => format!(" of `{}`", earlier.schedule.source.path.display()),
    };
    let message =
        format!("rule `{}`: rule `{}`{file} acts on {rows} at the same age", later.rule.name, earlier.rule.name);
    let key = match later.rule.age {
        Age::Retain { .. } => "retain",
        Age::Expires(_) => "expires",
    };
    let remedy = "join the two, give them different periods, or tell their rows apart by `where`";
    Some(Mistake::error(message).remedy(remedy).at(&later.rule.places, key))
}

/// The file itself shows a clash of rules that name table and database alike.
fn told_when_read(earlier: &Placed<'_>, later: &Placed<'_>) -> bool {
    let database = |placed: &Placed<'_>| placed.rule.database.clone().or(placed.schedule.policy.database.clone());
    std::ptr::eq(earlier.schedule, later.schedule)
        && earlier.rule.table == later.rule.table
        && database(earlier) == database(later)
}

/// A rule that deletes, or takes along, what somebody keeps on purpose.
fn purged_and_kept(catalog: &Catalog, placed: &Placed<'_>, kept: &Kept<'_>) -> Option<Mistake> {
    let gone = tables_that_go(catalog, placed);
    let hit = gone.into_iter().find(|table| catalog.share_rows(table, kept.table))?;
    let what = match hit.name == placed.table.name {
        true => format!("it takes rows of `{}` away", spelled(catalog, &hit.name)),
        false => format!("rows of `{}` go with its own", spelled(catalog, &hit.name)),
    };
    let keeper = match std::ptr::eq(kept.schedule, placed.schedule) {
        true => "[[keep]]".to_owned(),
        false => format!("`{}`", kept.schedule.source.path.display()),
    };
    let table = spelled(catalog, &kept.table.name);
    let message = format!("rule `{}`: {what}, but {keeper} keeps `{table}`: {}", placed.rule.name, kept.keep.reason);
    let remedy = "take the table out of [[keep]], or the rule out; a [[hold]] keeps some of the rows";
    Some(Mistake::error(message).remedy(remedy).at(&placed.rule.places, "table"))
}

/// The rule's own table, those of its `cascade`, and what the database deletes with any of these.
pub(super) fn tables_that_go<'a>(catalog: &'a Catalog, placed: &Placed<'a>) -> Vec<&'a Table> {
    let for_ever = matches!(&placed.rule.age, Age::Retain { period, .. } if period.is_forever());
    match placed.rule.action {
        _ if for_ever => return Vec::new(),
        Action::Redact(_) => return Vec::new(),
        Action::Aggregate(_) => return vec![placed.table],
        Action::Delete => {}
    }
    let said = placed.rule.cascade.iter().filter(|entry| entry.then == Then::Delete);
    let mut gone: Vec<&Table> = vec![placed.table];
    gone.extend(said.filter_map(|entry| catalog.find(&entry.table)));
    let mut at = 0;
    while let Some(parent) = gone.get(at).copied() {
        for (child, key) in catalog.referring(&parent.name) {
            if key.on_delete == KeyAction::Cascade && !gone.iter().any(|table| table.name == child.name) {
                gone.push(child);
            }
        }
        at += 1;
    }
    gone
}
