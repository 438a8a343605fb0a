//! What a rule does to its rows, and what goes with them.

use std::collections::BTreeSet;

use toml::de::DeValue;

use super::{Action, Aggregate, Bucket, Cascade, Measure, Redact, Redaction, Scalar, Then, notation};
use crate::base::name::Name;
use crate::diagnostic::document::{Item, Table};

/// People a group where the schedule names `people` and no number.
const DEFAULT_AT_LEAST: u32 = 5;

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Delete,
    Aggregate,
    Redact,
}

const ACTIONS: [(&str, Word); 3] = [("delete", Word::Delete), ("aggregate", Word::Aggregate), ("redact", Word::Redact)];

/// The action of a rule, with the table that belongs to it and without the one that does not.
pub(super) fn action(rule: &Table) -> Option<Action> {
    let word = rule
        .require("action", "write `action = \"delete\"`, \"aggregate\" or \"redact\"")
        .and_then(|item| item.choice(&ACTIONS));
    let aggregated = part(rule, word, "aggregate", Word::Aggregate).map(|item| aggregate(&item));
    let redacted = part(rule, word, "redact", Word::Redact).map(|item| redactions(&item));
    match word? {
        Word::Delete => Some(Action::Delete),
        Word::Aggregate => aggregated.flatten().map(Action::Aggregate),
        Word::Redact => redacted.flatten().map(Action::Redact),
    }
}

/// The `[rule.aggregate]` or `[rule.redact]` of a rule: there if, and only if, the action is the one that it describes.
fn part<'d>(rule: &Table<'d>, word: Option<Word>, key: &str, describes: Word) -> Option<Item<'d>> {
    let item = rule.get(key);
    match (&item, word) {
        (None, Some(word)) if word == describes => {
            rule.refuse(format!("the action \"{key}\" needs a [rule.{key}]"), "add one below the rule");
        }
        (Some(item), Some(word)) if word != describes => {
            item.refuse("another action is named", &format!("write `action = \"{key}\"`, or take [rule.{key}] out"));
        }
        _ => {}
    }
    item
}

fn aggregate(item: &Item) -> Option<Aggregate> {
    let table = item.table()?;
    table.knows(&["into", "bucket", "keep", "measures", "people", "at_least"]);
    let into = table.require("into", "name the table that takes the sums").and_then(|item| item.parse(notation::table));
    let bucket = table.require("bucket", "write \"hour\", \"day\", \"week\" or \"month\"").and_then(|item| {
        item.choice(&[("hour", Bucket::Hour), ("day", Bucket::Day), ("week", Bucket::Week), ("month", Bucket::Month)])
    });
    let keep = table.get("keep").map(|item| columns(&item)).unwrap_or_default();
    let measures =
        table.require("measures", "write for example `measures = { rows = \"count\" }`").map(|item| measures(&item));
    let people = table.get("people").and_then(|item| item.parse(notation::column));
    let at_least = at_least(&table);
    let measures = measures?;
    target_columns_differ(item, &keep, &measures);
    Some(Aggregate { into: into?, bucket: bucket?, keep, measures, people, at_least: at_least? })
}

fn columns(item: &Item) -> Vec<Name> {
    item.list().iter().filter_map(|column| column.parse(notation::column)).collect()
}

fn measures(item: &Item) -> Vec<Measure> {
    let entries = item.table().map(|table| table.items()).unwrap_or_default();
    if entries.is_empty() && item.value().is_table() {
        item.refuse("this names no measure", "write for example `measures = { rows = \"count\" }`");
    }
    entries.iter().filter_map(measure).collect()
}

fn measure(item: &Item) -> Option<Measure> {
    let function = item.parse(notation::measure);
    Some(Measure { name: target_column(item)?, function: function? })
}

/// The key of an entry as the column that it names.
pub(super) fn target_column(item: &Item) -> Option<Name> {
    Name::new(item.name()).map_err(|error| item.refuse(error.to_string(), "name a column before the `=`")).ok()
}

fn at_least(aggregate: &Table) -> Option<u32> {
    let people = aggregate.get("people");
    match aggregate.get("at_least") {
        Some(item) if people.is_none() => {
            item.refuse("whose number this is, is not said", "name the column that tells people apart as `people`");
            None
        }
        Some(item) => item.whole(1..=u64::from(u32::MAX)).and_then(|number| u32::try_from(number).ok()),
        // Without `people` nobody is counted, and every group stands.
        None => Some(if people.is_some() { DEFAULT_AT_LEAST } else { 1 }),
    }
}

/// One column of the target cannot hold two things.
fn target_columns_differ(item: &Item, keep: &[Name], measures: &[Measure]) {
    let mut taken = BTreeSet::new();
    for name in keep.iter().chain(measures.iter().map(|measure| &measure.name)) {
        if !taken.insert(name) {
            item.refuse(format!("two things would stand in the column `{name}`"), "name the measure otherwise");
        }
    }
}

pub(super) fn redactions(item: &Item) -> Option<Vec<Redaction>> {
    let entries = item.table()?.items();
    if entries.is_empty() {
        item.refuse("this names no column", "write for example `ip = \"truncate-ip\"`");
        return None;
    }
    Some(entries.iter().filter_map(redaction).collect())
}

fn redaction(item: &Item) -> Option<Redaction> {
    let how = if item.value().is_table() { redact_with(&item.table()?, item) } else { redact_word(item) };
    Some(Redaction { column: target_column(item)?, how: how? })
}

fn redact_word(item: &Item) -> Option<Redact> {
    const WORDS: [&str; 4] = ["null", "truncate-ip", "year", "hmac"];
    match item.text()? {
        "null" => Some(Redact::Null),
        "truncate-ip" => Some(Redact::TruncateIp),
        "year" => Some(Redact::Year),
        "hmac" => Some(Redact::Hmac),
        "set" | "placeholder" => {
            item.refuse("a value must follow", "write `{ set = \"…\" }` or `{ placeholder = \"deleted-{id}\" }`");
            None
        }
        other => {
            item.refuse_word(other, WORDS.into_iter());
            None
        }
    }
}

/// `{ set = … }` or `{ placeholder = "…" }`.
fn redact_with(table: &Table, item: &Item) -> Option<Redact> {
    table.knows(&["set", "placeholder"]);
    match (table.get("set"), table.get("placeholder")) {
        (Some(value), None) => scalar(&value).map(Redact::Set),
        (None, Some(template)) => template.parse(notation::template).map(Redact::Placeholder),
        _ => {
            item.refuse(
                "it takes one of `set` and `placeholder`",
                "write `{ set = \"…\" }` or `{ placeholder = \"deleted-{id}\" }`",
            );
            None
        }
    }
}

pub(super) fn scalar(item: &Item) -> Option<Scalar> {
    let scalar = match item.value() {
        DeValue::String(text) => Some(Scalar::Text(text.to_string())),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix()).ok().map(Scalar::Integer),
        DeValue::Float(digits) => {
            digits.as_str().parse().ok().filter(|number: &f64| number.is_finite()).map(Scalar::Float)
        }
        DeValue::Boolean(value) => Some(Scalar::Boolean(*value)),
        _ => None,
    };
    if scalar.is_none() {
        item.refuse("this cannot be put into a column", "write a text, a number, true or false");
    }
    scalar
}

/// The `cascade` of a rule.
pub(super) fn cascade(rule: &Table) -> Vec<Cascade> {
    let Some(item) = rule.get("cascade") else { return Vec::new() };
    if rule.get("action").and_then(|action| action.value().as_str()) == Some("redact") {
        item.refuse("a redacted row stays, so nothing goes with it", "redact those tables by rules of their own");
    }
    item.list().iter().filter_map(cascade_entry).collect()
}

fn cascade_entry(item: &Item) -> Option<Cascade> {
    if !item.value().is_table() {
        let table = item.parse(notation::table)?;
        return Some(Cascade { table, column: None, parent: None, then: Then::Delete, span: item.span() });
    }
    let entry = item.table()?;
    entry.knows(&["table", "column", "parent", "then"]);
    let table =
        entry.require("table", "name the table that refers to the rows").and_then(|item| item.parse(notation::table));
    let column = entry.get("column").and_then(|item| item.parse(notation::column));
    let parent = entry.get("parent").and_then(|item| item.parse(notation::table));
    let then = match entry.get("then") {
        Some(item) => item.choice(&[("delete", Then::Delete), ("null", Then::Null)]),
        None => Some(Then::Delete),
    };
    Some(Cascade { table: table?, column, parent, then: then?, span: item.span() })
}
