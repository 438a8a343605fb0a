//! The tables of a schedule file, one function a table: TOML in, checked shapes out.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::{
    Age, Anchor, Guard, Hold, Keep, Never, Policy, Reading, Rule, Scalar, Schedule, Subject, Term, action, conflict,
    notation, promise, subject,
};
use crate::base::name::TableName;
use crate::base::time::Period;
use crate::diagnostic::document;
use crate::diagnostic::document::{Item, Table};
use crate::diagnostic::flaw::Flaw;
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Source;
use crate::record::ERASURES;

/// Reads and checks a whole schedule.
pub(super) fn schedule(source: Arc<Source>) -> Result<Schedule, Vec<Mistake>> {
    let checked = document::read(Arc::clone(&source), &source.text, "schedule", |root| {
        root.knows(&["policy", "promise", "rule", "hold", "keep", "subject"]);
        let policy = root.require("policy", "begin with [policy] and its `name`").and_then(|item| policy(&item));
        let zone = policy.as_ref().map_or(TimeZone::UTC, |policy| policy.timezone.clone());
        let effective = policy.as_ref().and_then(|policy| policy.effective);
        let subject = subject::subject(root, &zone).map(|subject| Subject { effective, ..subject });
        let (rules, holds, keeps) = (root.tables_of("rule"), root.tables_of("hold"), root.tables_of("keep"));
        let promises = root.tables_of("promise");
        names_differ(&rules, "name");
        names_differ(&holds, "name");
        names_differ(&promises, "id");
        let promises = promises.iter().filter_map(promise::promise).collect();
        let tables = rules;
        let rules: Vec<_> = tables.iter().filter_map(rule).collect();
        former_names_are_free(&tables, &rules);
        let holds: Vec<_> = holds.iter().filter_map(|table| hold(table, root, subject.as_ref())).collect();
        let keeps: Vec<_> = keeps.iter().filter_map(keep).collect();
        let database = policy.as_ref().and_then(|policy| policy.database.as_deref());
        conflict::between(&rules, &holds, subject.as_ref(), database).into_iter().for_each(|mistake| root.add(mistake));
        Some(Schedule {
            digest: digest(&source.text),
            source: Arc::clone(&source),
            policy: policy?,
            promises,
            rules,
            holds,
            keeps,
            subject,
        })
    });
    checked.map(|(schedule, _)| schedule)
}

/// SHA-256 in lower-case hex.
fn digest(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

fn policy(item: &Item) -> Option<Policy> {
    let table = item.table()?.called("policy".to_owned());
    table.knows(&["name", "formerly", "timezone", "cron", "effective", "database", "residual"]);
    let name = table.require("name", "name the policy as it was published");
    let name = name.and_then(|item| item.parse(notation::policy_name));
    let timezone = match table.get("timezone") {
        Some(item) => item.parse(notation::timezone),
        None => Some(TimeZone::UTC),
    };
    let cron = text(&table, "cron");
    let effective = table.get("effective").and_then(|item| item.date());
    let database = database(&table);
    let residual = text(&table, "residual");
    let formerly = formerly(&table, name.as_deref(), notation::policy_name);
    let (name, timezone, places) = (name?, timezone?, table.places());
    Some(Policy { name, formerly, timezone, cron, effective, database, residual, places })
}

/// Notes every name, which stands under `key`, that an earlier table of the same kind bears.
fn names_differ(tables: &[Table], key: &str) {
    let mut first = BTreeMap::new();
    for item in tables.iter().filter_map(|table| table.get(key)) {
        let Some(name) = item.value().as_str() else { continue };
        match first.entry(name) {
            Entry::Occupied(first) => {
                let line = Item::line(first.get());
                item.refuse(format!("line {line} bears this name already"), "give each one a name of its own");
            }
            Entry::Vacant(place) => {
                place.insert(item);
            }
        }
    }
}

/// The names that something had before: each another one than it has now.
fn formerly<T>(table: &Table, name: Option<&str>, read: fn(&str) -> Result<T, Flaw>) -> Vec<T> {
    let items = table.get("formerly").map(|item| item.list()).unwrap_or_default();
    let read = |item: &Item| {
        if item.value().as_str() == name {
            item.refuse("it is called so now", "name what it was called before, or take it out");
        }
        item.parse(read)
    };
    items.iter().filter_map(read).collect()
}

/// A former name that another rule has now would be two things.
fn former_names_are_free(tables: &[Table], rules: &[Rule]) {
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let mut claimed = BTreeSet::new();
    let items = tables.iter().filter_map(|table| table.get("formerly")).flat_map(|item| item.list());
    for item in items {
        let Some(name) = item.value().as_str() else { continue };
        if names.contains(name) {
            item.refuse(
                "another rule is called so",
                "take it out: the ledger has seen the new name, or two rules are meant",
            );
        } else if !claimed.insert(name.to_owned()) {
            item.refuse("another rule was called so, too", "let one of them go on under the old name's terms");
        }
    }
}

fn rule(table: &Table) -> Option<Rule> {
    table.knows(&[
        "name",
        "title",
        "formerly",
        "promise",
        "database",
        "table",
        "anchor",
        "retain",
        "expires",
        "where",
        "action",
        "aggregate",
        "redact",
        "cascade",
        "guard",
        "cron",
    ]);
    let name = name(table).filter(|name| is_no_erasure(table, name));
    let target = target(table);
    let age = age(table);
    let action = action::action(table);
    let cascade = action::cascade(table);
    let (promises, database, condition, cron) =
        (promises(table), database(table), text(table, "where"), text(table, "cron"));
    let guard = table.get("guard").and_then(|item| guard(&item)).unwrap_or_default();
    let formerly = formerly(table, name.as_deref(), notation::former_rule);
    Some(Rule {
        name: name?,
        title: title(table),
        formerly,
        promises,
        database,
        table: target?,
        age: age?,
        condition,
        action: action?,
        cascade,
        guard,
        cron,
        places: table.places(),
    })
}

fn hold(table: &Table, root: &Table, subject: Option<&Subject>) -> Option<Hold> {
    table.knows(&["name", "promise", "database", "subject", "table", "anchor", "for", "until", "where", "reason"]);
    let of_people = table.get("subject").and_then(|item| item.flag()).unwrap_or(false);
    let target = if of_people { table_of_people(table, root, subject) } else { target(table) };
    let (name, term, reason) = (name(table), term(table), reason(table));
    let (promises, condition) = (promises(table), text(table, "where"));
    let database = database(table).or_else(|| subject.filter(|_| of_people)?.database.clone());
    Some(Hold {
        name: name?,
        promises,
        database,
        table: target?,
        of_people,
        term: term?,
        condition,
        reason: reason?,
        places: table.places(),
    })
}

/// The table that a hold on people is about, where [subject] names one.
fn table_of_people(hold: &Table, root: &Table, subject: Option<&Subject>) -> Option<TableName> {
    if let Some(item) = hold.get("table") {
        item.refuse("a hold on people covers every table of the map", "take `table` out, or `subject = true`");
    }
    // What is wrong inside a [subject] that is there has been told.
    if root.get("subject").is_none() {
        hold.refuse("there is no [subject] whose people it could hold", "add one, or name a `table`");
    }
    subject.map(|subject| subject.table.clone())
}

fn keep(table: &Table) -> Option<Keep> {
    table.knows(&["table", "tables", "promise", "database", "reason"]);
    let tables = kept_tables(table);
    let (promises, database, reason) = (promises(table), database(table), reason(table));
    Some(Keep { tables: tables?, promises, database, reason: reason?, places: table.places() })
}

fn kept_tables(keep: &Table) -> Option<Vec<TableName>> {
    match (keep.get("table"), keep.get("tables")) {
        (Some(item), None) => Some(vec![item.parse(notation::table)?]),
        (None, Some(item)) => Some(item.one_or_more().iter().filter_map(|item| item.parse(notation::table)).collect()),
        (Some(_), Some(item)) => {
            item.refuse("`table` is there too", "name all of them in `tables`");
            None
        }
        (None, None) => {
            keep.refuse("it names no table", "write `table = \"…\"` or `tables = [\"…\", \"…\"]`");
            None
        }
    }
}

fn name(table: &Table) -> Option<String> {
    table.require("name", "give it a name: reports and the ledger show it").and_then(|item| item.parse(notation::label))
}

/// In commands and pauses the erasure of people stands beside the rules.
fn is_no_erasure(table: &Table, name: &str) -> bool {
    let is_taken = name == ERASURES;
    if let Some(item) = table.get("name").filter(|_| is_taken) {
        item.refuse("the erasure of people is called so", "give the rule another name");
    }
    !is_taken
}

pub(super) fn target(table: &Table) -> Option<TableName> {
    table.require("table", "name the table that it is about").and_then(|item| item.parse(notation::table))
}

pub(super) fn reason(table: &Table) -> Option<String> {
    let item = table.require("reason", "say why: reports and certificates show it")?;
    item.text().map(str::to_owned)
}

pub(super) fn text(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(|item| item.text()).map(str::to_owned)
}

pub(super) fn title(table: &Table) -> Option<String> {
    table.get("title").and_then(|item| item.parse(notation::title))
}

pub(super) fn database(table: &Table) -> Option<String> {
    table.get("database").and_then(|item| item.parse(notation::label))
}

pub(super) fn promises(table: &Table) -> Vec<String> {
    let items = table.get("promise").map(|item| item.one_or_more()).unwrap_or_default();
    items.iter().filter_map(|item| item.text()).map(str::to_owned).collect()
}

/// `anchor` and `retain`, or `expires`.
fn age(rule: &Table) -> Option<Age> {
    match (rule.get("retain"), rule.get("expires")) {
        (Some(_), None) => {
            let anchors = rule.require("anchor", "name the column whose age counts").map(|item| anchors(&item));
            Some(Age::Retain { period: period(rule, "retain")?, anchors: anchors? })
        }
        (None, Some(item)) => {
            if let Some(anchor) = rule.get("anchor") {
                anchor.refuse("`expires` already names the column that counts", "take one of the two out");
            }
            anchor(&item).map(Age::Expires)
        }
        (Some(_), Some(item)) => {
            item.refuse("`retain` and `expires` exclude each other", "take one of the two out");
            None
        }
        (None, None) => {
            let remedy = "write `anchor` and `retain`, or `expires` where a column holds the time itself";
            rule.refuse("it does not say when a row is due", remedy);
            None
        }
    }
}

pub(super) fn period(table: &Table, key: &str) -> Option<Period> {
    table.get(key).and_then(|item| item.parse(notation::period))
}

pub(super) fn anchors(item: &Item) -> Vec<Anchor> {
    item.one_or_more().iter().filter_map(anchor).collect()
}

/// A column path, or `{ column, as, format }`.
pub(super) fn anchor(item: &Item) -> Option<Anchor> {
    if !item.value().is_table() {
        let path = item.parse(notation::column_path)?;
        return Some(Anchor { path, reading: Reading::Native, never: Vec::new() });
    }
    let table = item.table()?;
    table.knows(&["column", "as", "format", "never"]);
    let path = table.require("column", "name the column").and_then(|item| item.parse(notation::column_path));
    let reading = reading(&table);
    let never = table.get("never").map(|item| item.one_or_more().iter().filter_map(never).collect());
    Some(Anchor { path: path?, reading: reading?, never: never.unwrap_or_default() })
}

/// A value of `never`: a text or a whole number.
fn never(item: &Item) -> Option<Never> {
    match action::scalar(item) {
        Some(Scalar::Text(text)) => Some(Never::Text(text)),
        Some(Scalar::Integer(number)) => Some(Never::Number(number)),
        _ => {
            item.refuse(
                "this is no value that an anchor can have",
                "write a date as \"0001-01-01\", a text or a whole number",
            );
            None
        }
    }
}

fn reading(anchor: &Table) -> Option<Reading> {
    let words = [
        ("epoch-seconds", Reading::EpochSeconds),
        ("epoch-millis", Reading::EpochMillis),
        ("epoch-micros", Reading::EpochMicros),
        ("text", Reading::IsoText),
    ];
    let reading = match anchor.get("as") {
        Some(item) => item.choice(&words)?,
        None => Reading::Native,
    };
    match (anchor.get("format"), reading) {
        (None, reading) => Some(reading),
        (Some(format), Reading::IsoText) => format.parse(notation::text_format).map(Reading::Text),
        (Some(format), _) => {
            format.refuse("only a text has a format", "write `as = \"text\"`, or take `format` out");
            None
        }
    }
}

/// `anchor` and `for`, or `until`, or neither.
fn term(hold: &Table) -> Option<Term> {
    match (hold.get("anchor"), hold.get("for"), hold.get("until")) {
        (None, None, None) => Some(Term::Open),
        (None, None, Some(until)) => until.date().map(Term::Until),
        (Some(item), Some(length), None) => {
            let (anchors, period) = (anchors(&item), period(hold, "for")?);
            if period.is_forever() {
                length.refuse("a hold without end needs no period", "take `anchor` and `for` out");
            }
            Some(Term::For { anchors, period })
        }
        (_, _, Some(until)) => {
            until.refuse("`until` stands alone", "take `anchor` and `for` out, or `until`");
            None
        }
        (Some(item), None, None) => {
            item.refuse("how long the hold lasts is not said", "add `for = \"10 years\"`");
            None
        }
        (None, Some(item), None) => {
            item.refuse("from when the period counts is not said", "name the column as `anchor`");
            None
        }
    }
}

/// `{ max_rows, max_share, max_age, max_unreadable }`, of a rule and of the config.
pub(crate) fn guard(item: &Item) -> Option<Guard> {
    let table = item.table()?;
    table.knows(&["max_rows", "max_share", "max_age", "max_unreadable"]);
    Some(limits(&table))
}

pub(super) fn limits(guard: &Table) -> Guard {
    let max_rows = guard.get("max_rows").and_then(|item| item.whole(0..=u64::MAX));
    let max_share = guard.get("max_share").and_then(|item| share(&item));
    let max_age = period(guard, "max_age");
    let max_unreadable = guard.get("max_unreadable").and_then(|item| share(&item));
    Guard { max_rows, max_share, max_age, max_unreadable }
}

fn share(item: &Item) -> Option<f64> {
    let share = item.number()?;
    if !(share > 0.0 && share <= 1.0) {
        item.refuse("a share lies above 0 and is at most 1", "write for example 0.25 for a quarter of the table");
        return None;
    }
    Some(share)
}
