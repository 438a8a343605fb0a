//! Tables with times or people in them that no schedule names: data that nobody has promised anything about, or a
//! promise that nobody keeps.

use crate::base::name::TableName;
use crate::db::Dialect;
use crate::db::catalog::{Catalog, Column, ColumnKind, Table, TableKind};
use crate::diagnostic::mistake::Mistake;
use crate::schedule::{Action, Anchor, Schedule, Term};

use super::across::is_chosen;
use super::{list, spelled, words};

/// Columns that a warning names before it breaks off.
const MOST_COLUMNS: usize = 6;

/// A warning for each table that has columns of times or of people and that no rule, hold, keep, cascade, roll-up
/// target or path of any of the schedules names. A partition counts as its root. `chosen` is asked with the database
/// that a rule, hold or keep names.
pub fn coverage(
    schedules: &[&Schedule],
    catalog: &Catalog,
    chosen: impl Fn(Option<&str>) -> bool + Copy,
) -> Vec<Mistake> {
    let named: Vec<&Table> =
        schedules.iter().flat_map(|schedule| names(schedule, chosen)).filter_map(|name| catalog.find(name)).collect();
    let is_named = |table: &Table| named.iter().any(|known| catalog.share_rows(known, table));
    let own = catalog.tables.iter().filter(|table| counts_by_itself(catalog, table));
    own.filter(|table| !is_named(table)).filter_map(|table| uncovered(catalog, table)).collect()
}

/// Every table that a schedule names for this database, as it is written there.
fn names(schedule: &Schedule, chosen: impl Fn(Option<&str>) -> bool + Copy) -> Vec<&TableName> {
    let mut names = Vec::new();
    for rule in schedule.rules.iter().filter(|rule| is_chosen(schedule, &rule.database, chosen)) {
        names.push(&rule.table);
        names.extend(rule.cascade.iter().map(|entry| &entry.table));
        names.extend(hops(rule.age.anchors()));
        if let Action::Aggregate(aggregate) = &rule.action {
            names.push(&aggregate.into);
        }
    }
    for hold in schedule.holds.iter().filter(|hold| is_chosen(schedule, &hold.database, chosen)) {
        names.push(&hold.table);
        if let Term::For { anchors, .. } = &hold.term {
            names.extend(hops(anchors));
        }
    }
    if let Some(subject) = schedule.subject.as_ref().filter(|subject| is_chosen(schedule, &subject.database, chosen)) {
        names.push(&subject.table);
        for data in &subject.data {
            names.push(&data.table);
            names.extend(data.path.hops.iter().map(|hop| &hop.table));
            names.extend(data.cascade.iter().map(|entry| &entry.table));
        }
        names.extend(subject.requests.iter().map(|requests| &requests.table));
    }
    for keep in schedule.keeps.iter().filter(|keep| is_chosen(schedule, &keep.database, chosen)) {
        names.extend(&keep.tables);
    }
    names
}

fn hops(anchors: &[Anchor]) -> impl Iterator<Item = &TableName> {
    anchors.iter().flat_map(|anchor| anchor.path.hops.iter().map(|hop| &hop.table))
}

/// No view, no part of another table, and on MySQL no table of another database.
pub(super) fn counts_by_itself(catalog: &Catalog, table: &Table) -> bool {
    let is_part = |of: &Table| {
        of.kind == TableKind::Partitioned
            && table.kind == TableKind::Partitioned
            && of.leaves.len() > table.leaves.len()
            && !table.leaves.is_empty()
            && catalog.share_rows(of, table)
    };
    let elsewhere = catalog.dialect == Dialect::Mysql
        && table.name.schema.as_ref().is_some_and(|schema| !catalog.search_path.contains(schema));
    match table.kind {
        TableKind::View | TableKind::Leaf => false,
        TableKind::Ordinary
        | TableKind::Partitioned
        | TableKind::Versioned
        | TableKind::FullText
        | TableKind::Foreign
        | TableKind::Engine
        | TableKind::Other => !elsewhere && !catalog.tables.iter().any(is_part),
    }
}

fn uncovered(catalog: &Catalog, table: &Table) -> Option<Mistake> {
    let (of_people, others): (Vec<&Column>, Vec<&Column>) =
        table.columns.iter().partition(|column| is_of_a_person(table, column));
    let of_times: Vec<&Column> = others.into_iter().filter(|column| is_a_time(column)).collect();
    let what = match (of_people.as_slice(), of_times.as_slice()) {
        ([], []) => return None,
        (people, []) => format!("something of people ({})", shown(people)),
        ([], times) => format!("times ({})", shown(times)),
        (people, times) => format!("something of people ({}) and times ({})", shown(people), shown(times)),
    };
    let name = spelled(catalog, &table.name);
    let message = format!("table `{name}` seems to hold {what}, and no rule, hold or keep names it");
    let remedy =
        format!("write a rule for it, or keep it on purpose:\n[[keep]]\ntable = {}\nreason = \"…\"", toml_text(&name));
    Some(Mistake::warning(message).remedy(remedy))
}

fn shown(columns: &[&Column]) -> String {
    let more = columns.len().saturating_sub(MOST_COLUMNS);
    let names = list(columns.iter().take(MOST_COLUMNS).map(|column| &column.name));
    if more == 0 { names } else { format!("{names} and {more} more") }
}

/// By its type, or by its name where the type can hold a time.
fn is_a_time(column: &Column) -> bool {
    match column.kind {
        ColumnKind::Date | ColumnKind::Timestamp | ColumnKind::TimestampTz => true,
        ColumnKind::Integer
        | ColumnKind::UnsignedInteger
        | ColumnKind::Float
        | ColumnKind::Decimal
        | ColumnKind::Text
        | ColumnKind::Other => words::names_a_time(column.name.as_str()),
        ColumnKind::Boolean | ColumnKind::Binary | ColumnKind::Uuid | ColumnKind::Inet | ColumnKind::Json => false,
    }
}

pub(super) fn is_of_a_person(table: &Table, column: &Column) -> bool {
    match column.kind {
        ColumnKind::Inet => true,
        // `email_sent` and `phone_verified` tell nothing that the person would be known by.
        ColumnKind::Boolean => false,
        _ => words::names_a_person(table.name.table.as_str(), column.name.as_str()),
    }
}

/// In TOML's quotation.
fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
