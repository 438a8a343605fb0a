//! Entries to paste for what a map leaves out. None of them takes rows that may be somebody else's: where a reference may be
//! NULL only the reference goes, and where nothing says that the rows are this person's alone they are kept, for a reason that
//! is still to be written.

use super::{Map, Mapped};
use crate::base::name::Name;
use crate::check::{spelled, words};
use crate::db::catalog::{Column, ForeignKey, KeyAction, Table};

/// An entry for the rows of `table` that `column` leads to a person, over `path`.
pub(super) fn entry(map: &Map<'_>, mapped: &[Mapped<'_>], table: &Table, column: &Column, path: &str) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let name = spelled(map.catalog, &table.name);
    let act = match () {
        () if column.nullable && !column.generated => {
            format!("action = \"redact\"\nredact = {{ {} = \"null\" }}", key_of_toml(&column.name))
        }
        () if is_of_one_person(map, mapped, table, column) => "action = \"delete\"".to_owned(),
        () => "action = \"keep\"\nreason = \"…\"".to_owned(),
    };
    format!("[[subject.data]]\ntable = {}\ncolumn = {}\n{act}", text(&name), text(path))
}

/// Bare where TOML lets it be.
fn key_of_toml(name: &Name) -> String {
    let is_bare = name.as_str().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare { name.to_string() } else { toml::Value::String(name.to_string()).to_string() }
}

/// No other column of the rows names a person for certain, this one does not name someone who did something with them, and no
/// rows elsewhere would go along.
fn is_of_one_person(map: &Map<'_>, mapped: &[Mapped<'_>], table: &Table, column: &Column) -> bool {
    let begins = |other: &Column| {
        let mut entries = mapped.iter().filter(|entry| entry.root() == Some(&table.name));
        entries.any(|entry| entry.steps().first().is_some_and(|step| step.column == other.name))
    };
    let people = &map.erasure.people.table;
    let leads_there = |key: &ForeignKey, other: &Column| key.parent == *people && key.columns.contains(&other.name);
    let names_a_person = |other: &Column| begins(other) || table.foreign_keys.iter().any(|key| leads_there(key, other));
    let mut others = table.columns.iter().filter(|other| other.name != column.name && !other.nullable);
    let takes_along = |(child, key): (&Table, &ForeignKey)| {
        child.name != table.name && matches!(key.on_delete, KeyAction::Cascade | KeyAction::SetNull)
    };
    !others.any(names_a_person)
        && !words::names_who_did_it(column.name.as_str())
        && !map.catalog.leading_to(&table.name).any(takes_along)
}
