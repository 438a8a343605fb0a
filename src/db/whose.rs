//! Whose rows they are: how a row leads to its person.
//!
//! A row belongs to a person where a way of references leads from it to the table of people. The person is due where the
//! account is closed and the grace over (or where somebody asked for this one person), and no hold covers the person. That
//! predicate stands in every statement, beside the keys of the few people whom a batch is about.
//!
//! The way is written from its end: the people, then the rows that are theirs by one reference, and so on. So the database
//! goes from few people to their rows, by the index of each reference, and never asks every row of a table whose it is.

use std::sync::Arc;

use super::Dialect;
use super::builder::Sql;
use super::few::{Few, among};
use super::predicate::{self, Look, Scope};
use super::window::outward;
use crate::name::{Name, TableName};
use crate::plan::{HeldPeople, Hold, KeyColumn, Likeness, People, RulePlan, SelfEffect, Step, Target, Who, Whose};

/// The row that the target names belongs to a person who is due.
pub(super) fn theirs(sql: &mut Sql, scope: Scope<'_>, whose: &Whose, look: Look) {
    let Some(step) = whose.steps.first() else { return are_due(sql, &whose.people, scope.few) };
    let such = |sql: &mut Sql| are_due(sql, &whose.people, scope.few);
    let lead = Lead { such: &such, ..Lead::to(&whose.people.target, scope, look) };
    sql.push("(");
    own_value(sql, scope.alias(), step);
    sql.push(") IN (");
    lead.write(sql, &whose.steps);
    sql.push(")");
}

/// Does some row of the target belong to several people?
pub(super) fn may_be_shared(target: &Target) -> bool {
    target.whose.as_ref().is_some_and(|whose| whose.steps.iter().any(|step| step.shared))
}

/// The row belongs to somebody else as well, who is not due.
pub(super) fn someone_elses_too(sql: &mut Sql, scope: Scope<'_>, whose: &Whose) {
    let Some(step) = whose.steps.first() else {
        sql.push("FALSE");
        return;
    };
    // Whoever is due, whichever batch it is: two who share a row may be in two batches.
    let such = |sql: &mut Sql| {
        sql.push("(");
        are_due(sql, &whose.people, None);
        sql.push(") IS NOT TRUE");
    };
    let lead = Lead { such: &such, ..Lead::to(&whose.people.target, scope, Look::Now) };
    own_value(sql, scope.alias(), step);
    sql.push(" IN (");
    lead.write(sql, &whose.steps);
    sql.push(")");
}

/// The person whom the alias of the table of people names is due, and among `few`.
///
/// Whether the condition on people is true of the few was asked as they were locked: it may look at rows that an entry before
/// this one has taken.
pub(super) fn are_due(sql: &mut Sql, people: &People, few: Option<Few<'_>>) {
    let target = &people.target;
    let scope = of_people(target);
    if let Some(few) = few {
        among(sql, &target.alias, few);
        sql.push(" AND ");
    }
    match &people.who {
        Who::Closed => closed(sql, target),
        Who::Only(keys, column) => among(sql, &target.alias, Few { column, keys }),
    }
    if few.is_none() {
        predicate::meant(sql, target);
    }
    predicate::but_held(sql, scope);
}

pub(super) fn closed(sql: &mut Sql, people: &Target) {
    if people.anchors.is_empty() {
        sql.push("FALSE");
    } else {
        predicate::expired(sql, &people.alias, &people.anchors);
    }
}

/// The table of people by itself: nothing is removed, so nothing blocks.
pub(super) fn of_people(target: &Target) -> Scope<'_> {
    Scope {
        target,
        dependents: &[],
        removes: false,
        earlier: &[],
        few: None,
        is_joined: false,
        is_one_of_several: false,
    }
}

/// A hold on people covers the row: some way leads from it to a person of whom it is true.
pub(super) fn are_held(sql: &mut Sql, alias: &Name, hold: &Hold, held: &HeldPeople) {
    let such = |sql: &mut Sql| predicate::asks(sql, &held.alias, hold);
    let lead = Lead { table: &held.table, alias: &held.alias, earlier: &[], such: &such, sharers: Sharers::One };
    sql.push("(");
    sql.list(&held.ways, " OR ", |sql, way| {
        sql.push("(");
        match way.steps.first() {
            None => such(sql),
            Some(step) => {
                own_value(sql, alias, step);
                sql.push(" IN (");
                put_aside(sql, |sql| lead.write(sql, &way.steps));
                sql.push(")");
            }
        }
        if let Some(condition) = &way.condition {
            sql.push(" AND ").condition(condition);
        }
        sql.push(")");
    });
    sql.push(")");
}

/// A query that is answered before the statement changes anything: MySQL lets no subquery of a DELETE or UPDATE read the
/// table that it changes, unless what was read is put aside first, and DISTINCT makes sure that it is.
pub(super) fn put_aside(sql: &mut Sql, query: impl FnOnce(&mut Sql)) {
    if sql.dialect != Dialect::Mysql {
        return query(sql);
    }
    let aside = sql.fresh_alias();
    sql.push("SELECT DISTINCT * FROM (");
    query(sql);
    sql.push(") AS ").name(&aside);
}

/// Of a row that several people share: who counts as its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharers {
    /// One of them, so that every row counts once.
    One,
    /// Each of them.
    All,
}

/// How a way of references to the table of people is written.
struct Lead<'a> {
    table: &'a TableName,
    alias: &'a Name,
    /// Rules that remove rows on the way before this one looks.
    earlier: &'a [Arc<RulePlan>],
    /// Which people it leads to.
    such: &'a dyn Fn(&mut Sql),
    sharers: Sharers,
}

impl<'a> Lead<'a> {
    fn to(people: &'a Target, scope: Scope<'a>, look: Look) -> Self {
        let earlier = if look == Look::Ahead { scope.earlier } else { &[] };
        Self { table: &people.table, alias: &people.alias, earlier, such: &|_| {}, sharers: Sharers::One }
    }

    /// `SELECT` the values that the first step's column must have.
    fn write(&self, sql: &mut Sql, steps: &[Step]) {
        let Some((step, rest)) = steps.split_first() else { return };
        sql.push("SELECT ");
        self.value_of(sql, step, rest);
        self.source(sql, step, rest, &|sql, _| self.write(sql, rest));
    }

    /// The same with the person's key beside each value, as `tenure_value` and `tenure_person`: one person a value, of those
    /// who share it the first.
    fn with_person(&self, sql: &mut Sql, steps: &[Step], key: &KeyColumn) {
        let Some((step, rest)) = steps.split_first() else { return };
        let next = sql.fresh_alias();
        sql.push("SELECT ");
        self.value_of(sql, step, rest);
        let is_one = step.shared && self.sharers == Sharers::One;
        sql.push(" AS ").name(&value_name()).push(if is_one { ", MIN(" } else { ", " });
        if rest.is_empty() {
            outward(sql, self.alias, &key.name, &key.transport);
        } else {
            sql.column(&next, &person_name());
        }
        sql.push(if is_one { ") AS " } else { " AS " }).name(&person_name());
        self.source_joined(sql, step, rest, &next, key);
        if is_one {
            sql.push(" GROUP BY ");
            self.value_of(sql, step, rest);
        }
    }

    fn value_of(&self, sql: &mut Sql, step: &Step, rest: &[Step]) {
        let alias = if rest.is_empty() { self.alias } else { &step.table.table };
        like(sql, step.likeness, |sql| {
            sql.column(alias, &step.key);
        });
    }

    fn source(&self, sql: &mut Sql, step: &Step, rest: &[Step], further: &dyn Fn(&mut Sql, &Step)) {
        let Some(next) = rest.first() else { return self.people(sql) };
        sql.push(" FROM ").table(&step.table).push(" AS ").name(&step.table.table).push(" WHERE ");
        own_value(sql, &step.table.table, next);
        sql.push(" IN (");
        further(sql, next);
        sql.push(")");
        predicate::not_taken(sql, self.earlier, &step.table, &step.table.table);
    }

    fn source_joined(&self, sql: &mut Sql, step: &Step, rest: &[Step], next_alias: &Name, key: &KeyColumn) {
        let Some(next) = rest.first() else { return self.people(sql) };
        sql.push(" FROM ").table(&step.table).push(" AS ").name(&step.table.table).push(" JOIN (");
        self.with_person(sql, rest, key);
        sql.push(") AS ").name(next_alias).push(" ON ");
        own_value(sql, &step.table.table, next);
        sql.push(" = ").column(next_alias, &value_name()).push(" WHERE 1 = 1");
        predicate::not_taken(sql, self.earlier, &step.table, &step.table.table);
    }

    fn people(&self, sql: &mut Sql) {
        sql.push(" FROM ").table(self.table);
        if self.table.table != *self.alias {
            sql.push(" AS ").name(self.alias);
        }
        sql.push(" WHERE ");
        (self.such)(sql);
    }
}

fn value_name() -> Name {
    Name::new("tenure_value").expect("letters are a name")
}

fn person_name() -> Name {
    Name::new("tenure_person").expect("letters are a name")
}

/// What a step compares of the row that `alias` names.
fn own_value(sql: &mut Sql, alias: &Name, step: &Step) {
    like(sql, step.likeness, |sql| {
        sql.column(alias, &step.column);
    });
}

/// A value as it is compared.
pub(super) fn like(sql: &mut Sql, likeness: Likeness, value: impl FnOnce(&mut Sql)) {
    let (before, after) = match (likeness, sql.dialect) {
        (Likeness::Same, _) => ("", ""),
        // A column's own collation goes through a cast, and may take two texts for one, or contradict that of the other column.
        (Likeness::Letters, Dialect::Postgres) => ("CAST(", " AS text) COLLATE \"C\""),
        (Likeness::Letters, Dialect::Sqlite) => ("CAST(", " AS text) COLLATE BINARY"),
        (Likeness::Letters, Dialect::Mysql) => ("CAST(CONVERT(", " USING utf8mb4) AS BINARY)"),
        (Likeness::Folded, Dialect::Postgres) => ("lower(CAST(", " AS text)) COLLATE \"C\""),
        (Likeness::Folded, Dialect::Sqlite) => ("tenure_lower(", ")"),
        (Likeness::Folded, Dialect::Mysql) => ("CAST(LOWER(CONVERT(", " USING utf8mb4)) AS BINARY)"),
    };
    sql.push(before);
    value(sql);
    sql.push(after);
}
/// MariaDB, and MySQL 8.0.20 and older, ask every row of the table of a DELETE or UPDATE whether it is IN (SELECT …); the
/// join form goes from the people to their rows. It lets no subquery read the table itself, as is asked of a row that others
/// of its kind keep or take along.
pub(super) fn to_be_joined(dialect: Dialect, scope: Scope<'_>) -> bool {
    dialect == Dialect::Mysql
        && scope.target.whose.as_ref().is_some_and(|whose| !whose.steps.is_empty())
        && scope.target.self_links.iter().all(|link| link.effect == SelfEffect::Null)
}

/// ` JOIN` the target to the values that lead to its people.
pub(super) fn join(sql: &mut Sql, scope: Scope<'_>) {
    let Some((whose, step)) = scope.target.whose.as_ref().and_then(|whose| Some((whose, whose.steps.first()?))) else {
        return;
    };
    let found = sql.fresh_alias();
    let inner = sql.fresh_alias();
    let such = |sql: &mut Sql| are_due(sql, &whose.people, scope.few);
    let lead = Lead { such: &such, ..Lead::to(&whose.people.target, scope, Look::Now) };
    sql.push(" JOIN (SELECT DISTINCT * FROM (SELECT ");
    lead.value_of(sql, step, &whose.steps[1..]);
    sql.push(" AS ").name(&value_name());
    lead.source(sql, step, &whose.steps[1..], &|sql, _| lead.write(sql, &whose.steps[1..]));
    sql.push(") AS ").name(&inner).push(") AS ").name(&found).push(" ON ");
    leads_to(sql, scope, step, &found);
}

/// The people of the rows, as something to be joined: `(SELECT …) AS` the alias, by which [`leads_to`] and [`person`] know it.
pub(super) fn with_people(
    sql: &mut Sql,
    scope: Scope<'_>,
    whose: &Whose,
    (look, sharers): (Look, Sharers),
    key: &KeyColumn,
    alias: &Name,
) {
    let such = |sql: &mut Sql| are_due(sql, &whose.people, scope.few);
    let lead = Lead { such: &such, sharers, ..Lead::to(&whose.people.target, scope, look) };
    sql.push("(");
    lead.with_person(sql, &whose.steps, key);
    sql.push(") AS ").name(alias);
}

/// The key of the row's person: as the people who were joined say, or the row's own, where it is the person.
pub(super) fn person(sql: &mut Sql, scope: Scope<'_>, key: &KeyColumn, joined: Option<&Name>) {
    match joined {
        Some(people) => {
            sql.column(people, &person_name());
        }
        None => outward(sql, scope.alias(), &key.name, &key.transport),
    }
}

/// The row is one of those that the joined people lead to.
pub(super) fn leads_to(sql: &mut Sql, scope: Scope<'_>, step: &Step, joined: &Name) {
    own_value(sql, scope.alias(), step);
    sql.push(" = ").column(joined, &value_name());
}
