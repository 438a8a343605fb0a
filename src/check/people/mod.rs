//! Does the map of people leave anything of theirs out? Every foreign key that leads to a person is followed, and every
//! column whose name speaks of one is named where no entry maps it.

mod kept;
mod proposal;
mod ways;

use std::collections::BTreeSet;

use crate::base::name::{Name, TableName};
use crate::db::Connection;
use crate::db::catalog::{Catalog, Column, ColumnKind, ForeignKey, Table, TableKind};
use crate::diagnostic::mistake::Mistake;
use crate::plan::{Entry, Erasure, Link, RulePlan, SelfEffect, Step, Target};
use crate::resolve;
use crate::schedule::{Cascade, Data, Schedule, Subject, Then};

use super::{About, Asker, about_rule, coverage, list, probes, references, spelled, words};

/// A map and what became of it.
pub(super) struct Map<'a> {
    pub catalog: &'a Catalog,
    pub schedule: &'a Schedule,
    pub subject: &'a Subject,
    pub erasure: &'a Erasure,
}

/// An entry as the schedule has it, and its targets.
struct Mapped<'a> {
    data: &'a Data,
    targets: &'a [Target],
    acts: Option<&'a Entry>,
}

impl Mapped<'_> {
    fn root(&self) -> Option<&TableName> {
        self.targets.first().map(|target| &target.root)
    }

    fn steps(&self) -> &[Step] {
        let whose = self.targets.first().and_then(|target| target.whose.as_ref());
        whose.map_or(&[], |whose| &whose.steps)
    }
}

impl<'a> Map<'a> {
    /// What is in the way of the erasure, and what it leaves out.
    pub fn findings(&self, conn: &mut Connection, asker: &Asker, conditions: &probes::Conditions) -> Vec<Mistake> {
        let mapped = self.mapped();
        let mut mistakes = Vec::new();
        for entry in &mapped {
            let label = resolve::label_of(entry.data);
            if let Some(acts) = entry.acts {
                let plan = without_what_is_freed(&acts.plan, &mapped);
                let lost = self.lost_by_others(entry.data, acts, &mapped);
                let said = what_goes_along(entry.data, &mapped, &lost);
                let about = About {
                    catalog: self.catalog,
                    label: &label,
                    places: &entry.data.places,
                    cascade: &said,
                    due_key: "column",
                    plan: &plan,
                };
                mistakes.extend(about_rule(conn, about, asker, conditions));
                mistakes.extend(lost.iter().map(|lost| lost.told(about)));
            }
            mistakes.extend(ways::findings(self, &label, entry));
            mistakes.extend(kept::findings(self, entry, &mapped));
        }
        mistakes.extend(self.references_left_out(&mapped));
        mistakes.extend(self.columns_left_out(&mapped));
        mistakes
    }

    /// The references by which rows are people's that no entry answers, as `table.column`.
    pub fn unmapped(&self) -> Vec<String> {
        let of = |(child, key): (&Table, &ForeignKey)| {
            format!("{}.{}", spelled(self.catalog, &child.name), super::joined(&key.columns))
        };
        let mut all: Vec<String> =
            self.unanswered(&self.mapped()).into_iter().map(|(child, key, _)| of((child, key))).collect();
        all.sort();
        all.dedup();
        all
    }

    /// The entries of the schedule beside what they became.
    fn mapped(&self) -> Vec<Mapped<'a>> {
        let acts = self.erasure.entries.iter().map(|entry| (entry.index, entry.plan.targets.as_slice(), Some(entry)));
        let stays = self.erasure.kept.iter().map(|kept| (kept.index, kept.targets.as_slice(), None));
        let all = acts.chain(stays);
        let mapped = all
            .filter_map(|(index, targets, acts)| Some(Mapped { data: self.subject.data.get(index)?, targets, acts }));
        mapped.collect()
    }

    /// References by which rows go along, or let go, that are mapped by another column, as somebody else's; what the entry
    /// says itself is meant.
    fn lost_by_others<'m>(&self, data: &Data, entry: &'m Entry, mapped: &'m [Mapped<'_>]) -> Vec<Lost<'m>> {
        let Some(target) = entry.plan.targets.first() else { return Vec::new() };
        let is_said = |table: &TableName| {
            data.cascade.iter().any(|said| self.catalog.find(&said.table).is_some_and(|found| found.name == *table))
        };
        let dependents = entry.plan.dependents.iter().flat_map(|dependent| {
            let links = dependent.links.iter();
            links.map(|link| Lost {
                table: &link.table,
                columns: &link.columns,
                to: &link.parent_columns,
                then: dependent.then,
            })
        });
        let own = target.self_links.iter().filter_map(|link| {
            let then = match link.effect {
                SelfEffect::Block => return None,
                SelfEffect::Cascade => Then::Delete,
                SelfEffect::Null => Then::Null,
            };
            Some(Lost { table: &target.root, columns: &link.columns, to: &link.parent_columns, then })
        });
        let mut lost: Vec<_> = dependents.chain(own).collect();
        lost.retain(|lost| !is_said(lost.table) && lost.is_of_others(mapped));
        lost
    }

    /// Foreign keys that lead to people, straight or over rows of theirs, and that no entry answers.
    fn references_left_out(&self, mapped: &[Mapped<'_>]) -> Vec<Mistake> {
        let unanswered = self.unanswered(mapped).into_iter();
        unanswered.map(|(child, key, reached)| self.left_out(mapped, child, key, &reached)).collect()
    }

    /// Each with the table that bears it and the one that it leads to.
    fn unanswered(&self, mapped: &[Mapped<'_>]) -> Vec<(&'a Table, &'a ForeignKey, TableName)> {
        let people = &self.erasure.people.table;
        let known = self.tables_named(mapped);
        let mut found = Vec::new();
        for reached in self.tables_reached(mapped).into_iter().filter(|table| !self.lets_go(mapped, table)) {
            let Some(table) = self.table(reached) else { continue };
            for (child, key) in self.catalog.leading_to(&table.name) {
                // Rows that are somebody's by another way are no more this person's because they refer to rows of theirs.
                let is_known = known.contains(&child.name) && reached != people;
                if child.name != *reached && !self.is_followed(mapped, child, key) && !is_known {
                    found.push((child, key, reached.clone()));
                }
            }
        }
        found
    }

    /// The table of people, those that entries name, and those whose rows go with theirs.
    fn tables_reached<'m>(&'m self, mapped: &'m [Mapped<'_>]) -> BTreeSet<&'m TableName> {
        self.tables_named(mapped).into_iter().chain([&self.erasure.people.table]).collect()
    }

    /// All that an entry does with the rows of the table is to let go of the person: they stay, as somebody else's, with all
    /// that hangs on them.
    fn lets_go(&self, mapped: &[Mapped<'_>], table: &TableName) -> bool {
        let loses_its_way = |entry: &Mapped<'_>| {
            let first = entry.steps().first();
            let redacts = |target: &Target| {
                target.redactions.iter().any(|redaction| first.is_some_and(|step| step.column == redaction.column))
            };
            entry.acts.is_some_and(|acts| !acts.plan.act.removes()) && entry.targets.iter().any(redacts)
        };
        let mut own = mapped.iter().filter(|entry| entry.root() == Some(table)).peekable();
        own.peek().is_some() && own.all(loses_its_way)
    }

    fn tables_named<'m>(&self, mapped: &'m [Mapped<'_>]) -> BTreeSet<&'m TableName> {
        let gone = mapped.iter().filter_map(|entry| entry.acts).flat_map(|entry| &entry.plan.dependents);
        let gone = gone.filter(|dependent| dependent.then == Then::Delete).map(|dependent| &dependent.table);
        mapped.iter().filter_map(Mapped::root).chain(gone).collect()
    }

    /// An entry begins with the key, or the rows go with their parents, or let go of them.
    fn is_followed(&self, mapped: &[Mapped<'_>], child: &Table, key: &ForeignKey) -> bool {
        let begins = |entry: &Mapped<'_>| {
            entry.root() == Some(&child.name)
                && entry.steps().first().is_some_and(|step| key.columns.contains(&step.column))
        };
        let goes_along = |entry: &Entry| {
            let mut links = entry.plan.dependents.iter().flat_map(|one| one.links.iter().chain(&one.self_links));
            links.any(|link| link.table == child.name && link.columns == key.columns)
        };
        mapped.iter().any(|entry| begins(entry) || entry.acts.is_some_and(goes_along))
    }

    fn left_out(&self, mapped: &[Mapped<'_>], child: &Table, key: &ForeignKey, parent: &TableName) -> Mistake {
        let (child_name, parent_name) = (spelled(self.catalog, &child.name), spelled(self.catalog, parent));
        let columns = super::joined(&key.columns);
        let message = format!(
            "subject: rows of `{child_name}` belong to people, because `{columns}` refers to `{parent_name}`, and no entry \
             says what becomes of them"
        );
        let proposal = match key.columns.as_slice() {
            [column] => self.path_over(mapped, column, key, parent).and_then(|path| {
                let column = child.column(self.catalog.dialect, column)?;
                Some(proposal::entry(self, mapped, child, column, &path))
            }),
            _ => None,
        };
        let remedy = match proposal {
            Some(entry) => format!("delete, redact or keep them:\n{entry}"),
            None => format!(
                "let them go with their parents: add \"{child_name}\" to the `cascade` of the entry of `{parent_name}`"
            ),
        };
        Mistake::error(message).remedy(remedy).at(&self.subject.places, "table")
    }

    /// The path that an entry for the child would have: over the parent, and on as an entry of the parent goes.
    fn path_over(&self, mapped: &[Mapped<'_>], column: &Name, key: &ForeignKey, parent: &TableName) -> Option<String> {
        if *parent == self.erasure.people.table {
            let is_the_key = key.parent_columns == [self.erasure.key.name.clone()];
            let on = if is_the_key {
                String::new()
            } else {
                format!(" -> {}.{}", spelled(self.catalog, parent), self.erasure.key.name)
            };
            return Some(format!("{column}{on}"));
        }
        let of_parent = mapped.iter().find(|entry| entry.root() == Some(parent) && entry.data.matches.is_none())?;
        Some(format!("{column} -> {}.{}", spelled(self.catalog, parent), of_parent.data.path))
    }

    /// Columns that seem to hold something of a person, and that nothing maps: whole tables, and keys of people beside
    /// those that are mapped.
    fn columns_left_out(&self, mapped: &[Mapped<'_>]) -> Vec<Mistake> {
        let known = self.tables_reached(mapped);
        let kept_on_purpose = |table: &Table| {
            let names = self.schedule.keeps.iter().flat_map(|keep| &keep.tables);
            names.filter_map(|name| self.catalog.find(name)).any(|kept| kept.name == table.name)
        };
        let own = self.catalog.tables.iter().filter(|table| coverage::counts_by_itself(self.catalog, table));
        let mut mistakes = Vec::new();
        for table in own.filter(|table| table.kind != TableKind::Other && table.kind != TableKind::Foreign) {
            if table.kind == TableKind::FullText {
                mistakes.extend((!kept_on_purpose(table)).then(|| self.words_left_out(table)));
            } else if known.contains(&table.name) {
                mistakes.extend(self.keys_left_out(mapped, table));
                mistakes.extend(self.columns_that_stay(mapped, table));
            } else if !kept_on_purpose(table) && !self.has_request(table) {
                mistakes.extend(self.table_left_out(mapped, table));
            }
        }
        mistakes
    }

    /// No entry can name an index of words, and what it holds of a row that goes it holds until somebody takes it out.
    fn words_left_out(&self, index: &Table) -> Mistake {
        let name = spelled(self.catalog, &index.name);
        let reason = format!(
            "subject: no trigger on deletes takes words out of the full-text index `{name}`, which may hold those of people who are gone"
        );
        let remedy = format!(
            "keep it up by triggers on the tables whose texts it holds, or say in [[keep]] why `{name}` is to stay as it is"
        );
        Mistake::warning(reason).remedy(remedy).at(&self.subject.places, "table")
    }

    fn has_request(&self, table: &Table) -> bool {
        self.erasure.requests.as_ref().is_some_and(|requests| requests.table == table.name)
    }

    fn table_left_out(&self, mapped: &[Mapped<'_>], table: &Table) -> Option<Mistake> {
        // A foreign key to the people has been told as one.
        let leads_there = |key: &ForeignKey| key.parent == self.erasure.people.table;
        if table.foreign_keys.iter().any(leads_there) {
            return None;
        }
        let of_people: Vec<&Column> =
            table.columns.iter().filter(|column| self.seems_of_a_person(mapped, table, column)).collect();
        let name = spelled(self.catalog, &table.name);
        let column = of_people.iter().find(|column| self.may_hold_the_key(column)).or(of_people.first())?;
        let shown = list(of_people.iter().map(|column| &column.name));
        let message =
            format!("subject: table `{name}` seems to hold something of people ({shown}), and no entry maps it");
        let remedy =
            format!("map it, or write a [[keep]] that says why not:\n{}", self.entry_for(mapped, table, column));
        Some(Mistake::warning(message).remedy(remedy).at(&self.subject.places, "table"))
    }

    fn entry_for(&self, mapped: &[Mapped<'_>], table: &Table, column: &Column) -> String {
        proposal::entry(self, mapped, table, column, column.name.as_str())
    }

    /// By its type or its name, or because the map's own references are called so.
    fn seems_of_a_person(&self, mapped: &[Mapped<'_>], table: &Table, column: &Column) -> bool {
        coverage::is_of_a_person(table, column) || self.is_called_a_reference(mapped, table, column)
    }

    /// Called as a reference that leads to people is elsewhere, or after their table, though no foreign key says where it leads.
    fn is_called_a_reference(&self, mapped: &[Mapped<'_>], table: &Table, column: &Column) -> bool {
        let leads_elsewhere = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
        if leads_elsewhere || table.declared_key == [column.name.clone()] || !self.may_hold_the_key(column) {
            return false;
        }
        let people = &self.erasure.people.table;
        let is_called = |name: &Name| name.as_str().eq_ignore_ascii_case(column.name.as_str());
        let steps = mapped.iter().filter(|entry| entry.data.matches.is_none()).flat_map(Mapped::steps);
        let keys = self.catalog.leading_to(people).flat_map(|(_, key)| &key.columns);
        steps.map(|step| &step.column).chain(keys).any(is_called)
            || words::is_called_after(people.table.as_str(), column.name.as_str())
    }

    /// Another person in a table that is mapped for one: who reviewed it, who invited them.
    fn keys_left_out(&self, mapped: &[Mapped<'_>], table: &Table) -> Vec<Mistake> {
        let begins = |column: &Column| {
            let mut entries = mapped.iter().filter(|entry| entry.root() == Some(&table.name));
            entries.any(|entry| entry.steps().first().is_some_and(|step| step.column == column.name))
        };
        let is_a_reference = |column: &Column| table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
        let redacted = |column: &Column| {
            let mut targets =
                mapped.iter().filter(|entry| entry.root() == Some(&table.name)).flat_map(|entry| entry.targets);
            targets.any(|target| target.redactions.iter().any(|redaction| redaction.column == column.name))
        };
        let is_own_key =
            |column: &Column| table.name == self.erasure.people.table && column.name == self.erasure.key.name;
        let left_out = table.columns.iter().filter(|column| {
            (words::names_a_key_of_a_person(column.name.as_str()) || self.is_called_a_reference(mapped, table, column))
                && self.may_hold_the_key(column)
                && !(begins(column) || is_a_reference(column) || redacted(column) || is_own_key(column))
        });
        let name = spelled(self.catalog, &table.name);
        let warning = |column: &Column| {
            let message =
                format!("subject: `{name}.{}` seems to hold a person's key, and no entry begins with it", column.name);
            let remedy = format!("map it, if it does:\n{}", self.entry_for(mapped, table, column));
            Mistake::warning(message).remedy(remedy).at(&self.subject.places, "table")
        };
        left_out.map(warning).collect()
    }

    /// In rows that are redacted and stay: what else in them seems to be of a person, and no reason says that it stays.
    fn columns_that_stay(&self, mapped: &[Mapped<'_>], table: &Table) -> Option<Mistake> {
        let entries: Vec<_> = mapped.iter().filter(|entry| entry.root() == Some(&table.name)).collect();
        let is_redaction = |acts: &Entry| !acts.plan.act.removes() && acts.kept.is_none();
        if entries.is_empty() || !entries.iter().all(|entry| entry.acts.is_some_and(is_redaction)) {
            return None;
        }
        let is_redacted = |column: &Column| {
            let mut redactions = entries.iter().flat_map(|entry| entry.targets).flat_map(|target| &target.redactions);
            redactions.any(|redaction| redaction.column == column.name)
        };
        let leads_on = |column: &Column| {
            let is_reference = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
            let mut first = entries.iter().filter_map(|entry| entry.steps().first());
            is_reference
                || first.any(|step| step.column == column.name)
                || words::names_a_key_of_a_person(column.name.as_str())
        };
        let is_left = |column: &&Column| {
            coverage::is_of_a_person(table, column) && !is_redacted(column) && !leads_on(column) && !column.generated
        };
        let left: Vec<&Name> = table.columns.iter().filter(is_left).map(|column| &column.name).collect();
        let name = spelled(self.catalog, &table.name);
        (!left.is_empty()).then(|| {
            let shown = list(left);
            let message = format!(
                "subject: rows of `{name}` are redacted and stay, and with them what seems to be of a person: {shown}"
            );
            let remedy = "add the columns to `redact`, or say why they stay: action = \"keep\" with a `reason`";
            Mistake::warning(message).remedy(remedy).at(&self.subject.places, "table")
        })
    }

    /// By its type.
    fn may_hold_the_key(&self, column: &Column) -> bool {
        let key = self
            .table(&self.erasure.people.table)
            .and_then(|table| table.column(self.catalog.dialect, &self.erasure.key.name));
        let whole = |kind| matches!(kind, ColumnKind::Integer | ColumnKind::UnsignedInteger);
        key.is_some_and(|key| {
            column.kind == key.kind || whole(column.kind) && whole(key.kind) || column.kind == ColumnKind::Text
        })
    }

    fn table(&self, name: &TableName) -> Option<&'a Table> {
        self.catalog.tables.iter().find(|table| table.name == *name)
    }
}

/// A reference to rows that go, by which others lose rows or what these say.
struct Lost<'m> {
    table: &'m TableName,
    columns: &'m [Name],
    to: &'m [Name],
    then: Then,
}

impl Lost<'_> {
    /// The table is mapped, and by no entry that begins with the reference: that one would say that the rows are the same
    /// person's.
    fn is_of_others(&self, mapped: &[Mapped<'_>]) -> bool {
        let mut entries = mapped.iter().filter(|entry| entry.root() == Some(self.table)).peekable();
        let begins_here =
            |entry: &Mapped<'_>| entry.steps().first().is_some_and(|step| self.columns.contains(&step.column));
        entries.peek().is_some() && !entries.any(begins_here)
    }

    fn told(&self, about: About<'_>) -> Mistake {
        let (table, column) = (about.spelled(self.table), super::joined(self.columns));
        let key = references::on_delete(about, self.table, self.columns, self.to);
        let (what, said) = match self.then {
            Then::Delete => (
                format!(
                    "rows of `{table}` go with these by `{column}` ({key}), also those that are mapped as somebody else's"
                ),
                format!("\"{table}\""),
            ),
            Then::Null => (
                format!("`{table}.{column}` of rows that are mapped as somebody else's becomes NULL ({key})"),
                format!("{{ table = \"{table}\", column = \"{column}\", then = \"null\" }}"),
            ),
        };
        let remedy = format!("redact these rows instead of deleting them, or say that it is meant: cascade = [{said}]");
        about.warning("table", what).remedy(remedy)
    }
}

/// The plan without the references that keep its rows only until another entry has taken or changed what refers to them.
fn without_what_is_freed(plan: &RulePlan, mapped: &[Mapped<'_>]) -> RulePlan {
    let frees = |entry: &Mapped<'_>, link: &Link| {
        let begins = entry.steps().first().is_some_and(|step| link.columns.contains(&step.column));
        let changes = |target: &Target| target.redactions.iter().any(|one| link.columns.contains(&one.column));
        let takes = entry.acts.is_some_and(|acts| acts.plan.act.removes());
        entry.root() == Some(&link.table) && begins && (takes || entry.targets.iter().any(changes))
    };
    let mut plan = plan.clone();
    for target in &mut plan.targets {
        target.blockers.retain(|link| !mapped.iter().any(|entry| frees(entry, link)));
    }
    plan
}

/// What the entry says of its family, what other entries say of it, and what is told of it in other words.
fn what_goes_along(data: &Data, mapped: &[Mapped<'_>], lost: &[Lost<'_>]) -> Vec<Cascade> {
    let said = |table: &TableName, column: &Name| Cascade {
        table: table.clone(),
        column: Some(column.clone()),
        parent: None,
        then: Then::Delete,
        span: 0..0,
    };
    let by_others = mapped.iter().map(|entry| said(&entry.data.table, entry.data.first_column()));
    let told = lost.iter().flat_map(|lost| lost.columns.iter().map(|column| said(lost.table, column)));
    data.cascade.iter().cloned().chain(by_others).chain(told).collect()
}
