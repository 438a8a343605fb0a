//! What keeps rows that are due, what goes with them although the schedule does not say so, and what may interfere.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::name::{Name, TableName};
use crate::db::catalog::{ForeignKey, KeyAction, Table, Trigger};
use crate::diagnostic::mistake::Mistake;
use crate::plan::{Act, Dependent, Link, Passage, SelfEffect, SelfLink, Target, Whose};
use crate::schedule::Then;

use super::{About, joined};

pub(super) fn findings(about: About<'_>, target: &Target) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if about.plan.act.removes() {
        mistakes.extend(blockers(about, target));
        mistakes.extend(unsaid(about, target));
    } else {
        mistakes.extend(target.blockers.iter().map(|link| referrer(about, link)));
    }
    mistakes.extend(passages(about, target));
    mistakes.extend(triggers(about));
    mistakes
}

/// References that keep the row they point at.
fn blockers(about: About<'_>, target: &Target) -> Vec<Mistake> {
    let to_dependents = about.plan.dependents.iter().flat_map(|dependent| {
        dependent
            .blockers
            .iter()
            .map(move |link| (link, format!("rows of `{}`, which go with these", about.spelled(&dependent.table))))
    });
    let to_root = target.blockers.iter().map(|link| (link, "these rows".to_owned()));
    let others = to_root.chain(to_dependents).map(|(link, whose)| blocker(about, link, &whose));
    let own = target.self_links.iter().filter(|link| link.effect == SelfEffect::Block);
    others.chain(own.map(|link| own_blocker(about, target, link))).collect()
}

fn blocker(about: About<'_>, link: &Link, whose: &str) -> Mistake {
    let child = about.spelled(&link.table);
    let reason = format!(
        "`{child}.{}` refers to {whose} ({}); what is referred to stays",
        joined(&link.columns),
        on_delete(about, &link.table, &link.columns, &link.parent_columns)
    );
    let remedy = match (&about.plan.act, about.cascade.is_empty()) {
        (Act::Aggregate(_), _) => format!("let a rule of its own take the rows of `{child}` first, or keep them"),
        (_, true) => format!("add `cascade = [\"{child}\"]`, or keep them"),
        (_, false) => format!("add \"{child}\" to `cascade`, or keep them"),
    };
    about.warning(place(about), reason).remedy(remedy)
}

/// Rows by way of which a map finds others, which they wait for. Of an entry, what its own map finds so is told by nobody: they
/// all go when the person does.
fn passages(about: About<'_>, target: &Target) -> Vec<Mistake> {
    let people = |whose: &Whose| Arc::as_ptr(&whose.people);
    let own = target.whose.as_ref().map(people);
    let along = about.plan.dependents.iter().flat_map(|dependent| &dependent.passages);
    let passages = target.passages.iter().chain(along);
    let of_others = passages.filter(|passage| passage.target.whose.as_ref().map(people) != own);
    let mut told: Vec<Mistake> = of_others.map(|passage| passage_of_others(about, passage)).collect();
    told.dedup();
    told
}

fn passage_of_others(about: About<'_>, passage: &Passage) -> Mistake {
    let found = about.spelled(&passage.target.root);
    let Some((before, last)) = passage.table_before().zip(passage.way().0.last()) else {
        let reason = format!(
            "a map of people finds rows of `{found}` by what is redacted here; they stay as they are until those are done"
        );
        return about
            .warning("redact", reason)
            .remedy("leave the column to the map, or let that entry redact the same");
    };
    let (child, to, column) = (about.spelled(before), about.spelled(&last.table), &last.column);
    let reason = format!(
        "a map of people finds rows of `{found}` by way of `{to}`, from `{child}.{column}`; what it finds them by stays as long as they do"
    );
    let remedy = match about.plan.act {
        Act::Delete => format!(
            "add `{{ table = \"{child}\", column = \"{column}\" }}` to `cascade`, let a rule of its own take the rows of `{child}`, or keep it so"
        ),
        Act::Redact | Act::Aggregate(_) => {
            format!("let a rule of its own take the rows of `{child}` first, or keep it so")
        }
    };
    about.warning(place(about), reason).remedy(remedy)
}

/// A reference to what is redacted.
fn referrer(about: About<'_>, link: &Link) -> Mistake {
    let (child, column, to) = (about.spelled(&link.table), joined(&link.columns), joined(&link.parent_columns));
    let is_it = |key: &&ForeignKey| key.columns == link.columns && key.parent_columns == link.parent_columns;
    let key = about.table(&link.table).and_then(|table| table.foreign_keys.iter().find(is_it));
    let key = key.map(|key| format!(" (`{}`, ON UPDATE {})", key.name, words(key.on_update))).unwrap_or_default();
    let reason =
        format!("`{child}.{column}` refers to `{to}`{key}, which is redacted; what is referred to stays as it is");
    let remedy = format!("let the rows of `{child}` go, or `{column}` become NULL, before; or leave `{to}` as it is");
    about.warning("redact", reason).remedy(remedy)
}

fn words(action: KeyAction) -> &'static str {
    match action {
        KeyAction::NoAction => "NO ACTION",
        KeyAction::Restrict => "RESTRICT",
        KeyAction::Cascade => "CASCADE",
        KeyAction::SetNull => "SET NULL",
        KeyAction::SetDefault => "SET DEFAULT",
    }
}

fn own_blocker(about: About<'_>, target: &Target, link: &SelfLink) -> Mistake {
    let table = about.spelled(&target.root);
    let column = joined(&link.columns);
    let reason = format!(
        "`{table}.{column}` refers to rows of the same table ({}); a row stays as long as one that refers to it",
        on_delete(about, &target.root, &link.columns, &link.parent_columns)
    );
    let remedy = match about.plan.act {
        Act::Aggregate(_) => "keep it so, or let the reference be NULL before".to_owned(),
        Act::Delete | Act::Redact => {
            format!(
                "keep it so, or add `{{ table = \"{table}\", column = \"{column}\", then = \"null\" }}` to `cascade`"
            )
        }
    };
    about.warning(place(about), reason).remedy(remedy)
}

/// What the database would do by itself, so that tenure does it in the open.
fn unsaid(about: About<'_>, target: &Target) -> Vec<Mistake> {
    let dependents = about.plan.dependents.iter().flat_map(|dependent| {
        let links = dependent
            .links
            .iter()
            .chain(&dependent.tree)
            .filter(move |link| !is_said(about, &link.table, &link.columns));
        links.map(move |link| followed(about, dependent, link))
    });
    let own = target.self_links.iter().filter(|link| link.effect != SelfEffect::Block);
    let own = own.filter(|link| !is_said(about, &target.root, &link.columns));
    dependents.chain(own.map(|link| own_followed(about, target, link))).collect()
}

fn is_said(about: About<'_>, child: &TableName, columns: &[Name]) -> bool {
    about.cascade.iter().any(|entry| {
        let table = about.catalog.find(&entry.table).filter(|table| table.name == *child);
        table.is_some_and(|table| match &entry.column {
            None => true,
            Some(name) => table.column(about.dialect(), name).is_some_and(|column| columns == [column.name.clone()]),
        })
    })
}

fn followed(about: About<'_>, dependent: &Dependent, link: &Link) -> Mistake {
    let child = about.spelled(&link.table);
    let column = joined(&link.columns);
    let key = on_delete(about, &link.table, &link.columns, &link.parent_columns);
    let (what, entry) = match dependent.then {
        Then::Delete => (
            format!("rows of `{child}` go with these, by the key `{child}.{column}` ({key}), and count like its own"),
            format!("\"{child}\""),
        ),
        Then::Null => (
            format!("the reference `{child}.{column}` to rows that go becomes NULL ({key})"),
            format!("{{ table = \"{child}\", column = \"{column}\", then = \"null\" }}"),
        ),
    };
    meant(about, &what, &entry)
}

fn own_followed(about: About<'_>, target: &Target, link: &SelfLink) -> Mistake {
    let table = about.spelled(&target.root);
    let column = joined(&link.columns);
    let key = on_delete(about, &target.root, &link.columns, &link.parent_columns);
    let (what, then) = match link.effect {
        SelfEffect::Null => (format!("the reference `{table}.{column}` to rows that go becomes NULL ({key})"), "null"),
        SelfEffect::Cascade | SelfEffect::Block => {
            (format!("rows that refer to these by `{table}.{column}` go too, whatever their age ({key})"), "delete")
        }
    };
    meant(about, &what, &format!("{{ table = \"{table}\", column = \"{column}\", then = \"{then}\" }}"))
}

fn meant(about: About<'_>, what: &str, entry: &str) -> Mistake {
    let remedy = match about.cascade.is_empty() {
        true => format!("say that it is meant with `cascade = [{entry}]`, or change the key"),
        false => format!("say that it is meant with `{entry}` in `cascade`, or change the key"),
    };
    about.warning(place(about), what).remedy(remedy)
}

/// Triggers that can turn a row away, on every table that the rule changes.
fn triggers(about: About<'_>) -> Vec<Mistake> {
    let mut seen = BTreeSet::new();
    let mut mistakes = Vec::new();
    for (name, deletes) in changed(about) {
        let Some(table) = about.table(name) else { continue };
        let fires = |trigger: &&Trigger| trigger.before && if deletes { trigger.on_delete } else { trigger.on_update };
        for trigger in table.triggers.iter().filter(fires) {
            // A partition repeats the triggers of its root.
            if seen.insert((trigger.name.as_str(), deletes)) {
                mistakes.push(interfering(about, table, trigger, deletes));
            }
        }
    }
    mistakes
}

/// Tables whose rows are deleted (true) or updated (false).
fn changed(about: About<'_>) -> Vec<(&TableName, bool)> {
    let removes = about.plan.act.removes();
    let own = about.plan.targets.iter().flat_map(|target| {
        let lets_go = target.self_links.iter().any(|link| link.effect == SelfEffect::Null);
        [(&target.root, removes), (&target.table, removes)].into_iter().chain(lets_go.then_some((&target.root, false)))
    });
    let dependents = about.plan.dependents.iter().map(|dependent| (&dependent.table, dependent.then == Then::Delete));
    let target = match &about.plan.act {
        Act::Aggregate(rollup) => Some((&rollup.into, false)),
        Act::Delete | Act::Redact => None,
    };
    own.chain(dependents).chain(target).collect()
}

fn interfering(about: About<'_>, table: &Table, trigger: &Trigger, deletes: bool) -> Mistake {
    let act = if deletes { "DELETE" } else { "UPDATE" };
    about
        .warning(
            "table",
            format!(
                "`{}` on `{}` fires before each {act} and can turn rows away or do something else in its place",
                trigger.name,
                about.spelled(&table.name)
            ),
        )
        .remedy(
            "look at what it does: a row that it turns away stays, and a batch of several statements is rolled back",
        )
}

/// Where somebody would look who wants to change what goes with a row.
fn place(about: About<'_>) -> &'static str {
    if about.cascade.is_empty() { "table" } else { "cascade" }
}

pub(super) fn on_delete(about: About<'_>, child: &TableName, columns: &[Name], parent_columns: &[Name]) -> String {
    let is_it = |key: &&ForeignKey| key.columns == columns && key.parent_columns == parent_columns;
    let key = about.table(child).and_then(|table| table.foreign_keys.iter().find(is_it));
    key.map_or("by `cascade`".to_owned(), |key| format!("ON DELETE {}", words(key.on_delete)))
}
