//! Whose rows they are: the statements of an erasure.
//!
//! A row belongs to a person where a way of references leads from it to the table of people. The person is due where the
//! account is closed and the grace over (or where somebody asked for this one person), and no hold covers the person. That
//! predicate stands in every statement, beside the keys of the few people whom a batch is about.
//!
//! The way is written from its end: the people, then the rows that are theirs by one reference, and so on. So the database
//! goes from few people to their rows, by the index of each reference, and never asks every row of a table whose it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::batch::{self, Done};
use super::builder::Sql;
use super::count::{self, Counts, counts_of, number, one_row, scope};
use super::doomed::Within;
use super::insert::push_element;
use super::predicate::{self, Look, Scope};
use super::window::{Window, inward, outward};
use super::{Connection, DbError, Dialect, ErrorKind, Row, Statement, Value, anchor};
use crate::name::Name;
use crate::plan::{
    Axis, Entry, Erasure, HeldPeople, Hold, KeyColumn, Likeness, People, PersonKey, RulePlan, SelfEffect, Step, Target,
    Transport, Who, Whose,
};

/// Some people by their keys: those of one batch.
#[derive(Debug, Clone, Copy)]
pub struct Few<'a> {
    pub column: &'a KeyColumn,
    pub keys: &'a [PersonKey],
}

/// What the rows of each person count to.
pub type ByPerson = BTreeMap<PersonKey, Counts>;

/// Somebody who is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub key: PersonKey,
    /// When the account was closed; `None` where that is not known, as of somebody who asked and closed nothing.
    pub closed: Option<Timestamp>,
    /// When the account was made, where the schedule names the column.
    pub created: Option<Timestamp>,
}

/// The row that the target names belongs to a person who is due.
pub(super) fn theirs(sql: &mut Sql, scope: Scope<'_>, whose: &Whose, look: Look) {
    let Some(step) = whose.steps.first() else { return are_due(sql, &whose.people, scope.few) };
    let such = |sql: &mut Sql| are_due(sql, &whose.people, scope.few);
    let lead = Lead { such: &such, ..Lead::to(&whose.people.target, scope, look) };
    sql.push("(");
    like(sql, step.likeness, |sql| {
        sql.column(scope.alias(), &step.column);
    });
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
    like(sql, step.likeness, |sql| {
        sql.column(scope.alias(), &step.column);
    });
    sql.push(" IN (");
    lead.write(sql, &whose.steps);
    sql.push(")");
}

/// The person whom the alias of the table of people names is due, and among `few`.
fn are_due(sql: &mut Sql, people: &People, few: Option<Few<'_>>) {
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
    predicate::meant(sql, target);
    predicate::but_held(sql, scope);
}

fn closed(sql: &mut Sql, people: &Target) {
    if people.anchors.is_empty() {
        sql.push("FALSE");
    } else {
        predicate::expired(sql, &people.alias, &people.anchors);
    }
}

/// The table of people by itself: nothing is removed, so nothing blocks.
pub(super) fn of_people(target: &Target) -> Scope<'_> {
    Scope { target, dependents: &[], removes: false, earlier: &[], few: None, is_joined: false }
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
                like(sql, step.likeness, |sql| {
                    sql.column(alias, &step.column);
                });
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
enum Sharers {
    /// One of them, so that every row counts once.
    One,
    /// Each of them.
    All,
}

/// How a way of references to the table of people is written.
struct Lead<'a> {
    table: &'a crate::name::TableName,
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
        like(sql, next.likeness, |sql| {
            sql.column(&step.table.table, &next.column);
        });
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
        like(sql, next.likeness, |sql| {
            sql.column(&step.table.table, &next.column);
        });
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

/// A value as it is compared.
pub(super) fn like(sql: &mut Sql, likeness: Likeness, value: impl FnOnce(&mut Sql)) {
    let (before, after) = match (likeness, sql.dialect) {
        (Likeness::Same, _) => ("", ""),
        (Likeness::Letters, Dialect::Postgres) => ("CAST(", " AS text)"),
        // A column's own collation goes through a cast.
        (Likeness::Letters, Dialect::Sqlite) => ("CAST(", " AS text) COLLATE BINARY"),
        (Likeness::Letters, Dialect::Mysql) => ("CAST(CONVERT(", " USING utf8mb4) AS BINARY)"),
        (Likeness::Folded, Dialect::Postgres) => ("lower(CAST(", " AS text))"),
        (Likeness::Folded, Dialect::Sqlite) => ("tenure_lower(", ")"),
        (Likeness::Folded, Dialect::Mysql) => ("CAST(LOWER(CONVERT(", " USING utf8mb4)) AS BINARY)"),
    };
    sql.push(before);
    value(sql);
    sql.push(after);
}

/// The key is one of these.
pub(super) fn among(sql: &mut Sql, alias: &Name, few: Few<'_>) {
    sql.column(alias, &few.column.name);
    if let [only] = few.keys {
        sql.push(" = ");
        return inward(sql, few.column, &value(only));
    }
    if sql.dialect == Dialect::Postgres {
        return in_array(sql, few);
    }
    sql.push(" IN (");
    sql.list(few.keys, ", ", |sql, key| match key {
        // Written out: SQLite allows only so many values to be bound.
        PersonKey::Whole(whole) => {
            sql.integer(*whole);
        }
        PersonKey::Unsigned(_) | PersonKey::Text(_) => inward(sql, few.column, &value(key)),
    });
    sql.push(if few.keys.is_empty() { "NULL)" } else { ")" });
}

/// PostgreSQL plans one array in no time, and a list of thousands of values in long.
fn in_array(sql: &mut Sql, few: Few<'_>) {
    let mut array = String::from("{");
    for (index, key) in few.keys.iter().enumerate() {
        if index > 0 {
            array.push(',');
        }
        push_element(&mut array, &hexless(key, &few.column.transport));
    }
    array.push('}');
    let element = match (&few.column.transport, few.keys.first()) {
        (Transport::Cast(sql_type), _) => sql_type.as_str(),
        (Transport::Hex, _) => "bytea",
        (Transport::Plain, Some(PersonKey::Text(_))) => "text",
        (Transport::Plain, _) => "bigint",
    };
    sql.push(" = ANY(").bind_as(Value::Text(array), &format!("{element}[]")).push(")");
}

/// An element of an array of bytes is written with the mark of hexadecimal digits.
fn hexless(key: &PersonKey, transport: &Transport) -> Value {
    match (key, transport) {
        (PersonKey::Text(hex), Transport::Hex) => Value::Text(format!("\\x{hex}")),
        _ => value(key),
    }
}

fn value(key: &PersonKey) -> Value {
    match key {
        PersonKey::Whole(whole) => Value::Int(*whole),
        PersonKey::Unsigned(unsigned) => Value::Unsigned(*unsigned),
        PersonKey::Text(text) => Value::Text(text.clone()),
    }
}

/// A key as its column is compared with it.
pub(super) fn typed(sql: &mut Sql, column: &KeyColumn, key: &PersonKey) {
    inward(sql, column, &value(key));
}

pub(super) fn key_of(row: &Row, column: usize) -> Result<PersonKey, DbError> {
    match row.0.get(column) {
        Some(Value::Int(whole)) => Ok(PersonKey::Whole(*whole)),
        Some(Value::Unsigned(unsigned)) => Ok(PersonKey::Unsigned(*unsigned)),
        Some(Value::Text(text)) => Ok(PersonKey::Text(text.clone())),
        _ => Err(DbError::new(
            ErrorKind::Other,
            "the key of a person is neither a whole number nor a text, so nobody can be called by it; name another column \
             as `key`",
        )),
    }
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
    like(sql, step.likeness, |sql| {
        sql.column(scope.alias(), &step.column);
    });
    sql.push(" = ").column(&found, &value_name());
}

/// Counts the rows of one table by their people: of the few, or of everybody who is due. People without any are not in it.
fn counts_in(
    conn: &mut Connection,
    scope: Scope<'_>,
    whose: &Whose,
    key: &KeyColumn,
    look: Look,
    sharers: Sharers,
) -> Result<ByPerson, DbError> {
    let mut sql = Sql::new(conn.dialect());
    let found = sql.fresh_alias();
    let person = |sql: &mut Sql| match whose.steps.first() {
        Some(_) => {
            sql.column(&found, &person_name());
        }
        None => outward(sql, scope.alias(), &key.name, &key.transport),
    };
    sql.push("SELECT ");
    person(&mut sql);
    sql.push(", ");
    count::select_counts(&mut sql, Scope { is_joined: false, ..scope }, look);
    sql.push(" FROM ");
    predicate::from(&mut sql, scope.target);
    if let Some(step) = whose.steps.first() {
        let such = |sql: &mut Sql| are_due(sql, &whose.people, scope.few);
        let lead = Lead { such: &such, sharers, ..Lead::to(&whose.people.target, scope, look) };
        sql.push(" JOIN (");
        lead.with_person(&mut sql, &whose.steps, key);
        sql.push(") AS ").name(&found).push(" ON ");
        like(&mut sql, step.likeness, |sql| {
            sql.column(scope.alias(), &step.column);
        });
        sql.push(" = ").column(&found, &value_name());
    }
    sql.push(" WHERE ");
    predicate::considered(&mut sql, Scope { is_joined: !whose.steps.is_empty(), ..scope }, look);
    sql.push(" GROUP BY ");
    person(&mut sql);
    if look == Look::Now && sql.dialect == Dialect::Mysql {
        // The statements that follow in the transaction are to meet the same rows.
        sql.push(" FOR UPDATE");
    }
    let mut found = ByPerson::new();
    for row in conn.query(&sql.finish())? {
        found.insert(key_of(&row, 0)?, counts_of(&row, 1, scope.target));
    }
    Ok(found)
}

/// Counts the rows of an entry by their people, as a plan does: what earlier rules take is gone.
pub fn counts_ahead(
    conn: &mut Connection,
    plan: &RulePlan,
    key: &KeyColumn,
    few: Option<Few<'_>>,
) -> Result<ByPerson, DbError> {
    counts_by_person(conn, plan, key, few, Look::Ahead, Sharers::One)
}

/// The same, with each row counted for everybody whose it is; `None` where no row can be several people's, and the counts
/// would be the same.
pub fn counts_of_sharers(conn: &mut Connection, plan: &RulePlan, key: &KeyColumn) -> Result<Option<ByPerson>, DbError> {
    if !plan.targets.iter().any(may_be_shared) {
        return Ok(None);
    }
    counts_by_person(conn, plan, key, None, Look::Ahead, Sharers::All).map(Some)
}

fn counts_by_person(
    conn: &mut Connection,
    plan: &RulePlan,
    key: &KeyColumn,
    few: Option<Few<'_>>,
    look: Look,
    sharers: Sharers,
) -> Result<ByPerson, DbError> {
    let mut all = ByPerson::new();
    for target in &plan.targets {
        let Some(whose) = &target.whose else { continue };
        for (person, counts) in counts_in(conn, Scope { few, ..scope(plan, target) }, whose, key, look, sharers)? {
            all.entry(person).or_default().add(&counts);
        }
    }
    Ok(all)
}

/// What happened to the rows of an entry that are a few people's.
#[derive(Debug, Default)]
pub struct Erased {
    pub done: Done,
    /// Rows done, by person.
    pub by_person: BTreeMap<PersonKey, u64>,
    /// What stayed, by person: held or blocked.
    pub stayed: ByPerson,
}

/// Erases what an entry says of a few people's rows, in the caller's transaction.
///
/// # Errors
/// [`ErrorKind::Conflict`] where the statements did not meet the same rows; the caller rolls back.
pub fn erase(conn: &mut Connection, entry: &Entry, few: Few<'_>) -> Result<Erased, DbError> {
    let plan = &entry.plan;
    let before = counts_by_person(conn, plan, few.column, Some(few), Look::Now, Sharers::One)?;
    let eligible: u64 = before.values().map(|counts| counts.eligible).sum();
    if eligible == 0 {
        return Ok(Erased::default());
    }
    let done = act_on_all(conn, entry, few)?;
    if done.rows == eligible {
        let by_person = before.into_iter().map(|(person, counts)| (person, counts.eligible)).collect();
        return Ok(Erased { done, by_person, stayed: ByPerson::new() });
    }
    let stayed = counts_by_person(conn, plan, few.column, Some(few), Look::Now, Sharers::One)?;
    let left = |person: &PersonKey| stayed.get(person).map_or(0, |counts| counts.eligible);
    let by_person: BTreeMap<_, _> = before
        .iter()
        .map(|(person, counts)| (person.clone(), counts.eligible.saturating_sub(left(person))))
        .filter(|(_, rows)| *rows > 0)
        .collect();
    batch::require_same(by_person.values().sum(), done.rows)?;
    // What stays, stays of everybody whose it is.
    let stayed = match plan.targets.iter().any(may_be_shared) {
        true => counts_by_person(conn, plan, few.column, Some(few), Look::Now, Sharers::All)?,
        false => stayed,
    };
    Ok(Erased { done, by_person, stayed })
}

/// Does what stayed of an entry ask for the person's own row to stay as well? What somebody else shares is theirs now.
pub fn keep_the_person(entry: &Entry, stayed: &Counts) -> bool {
    // Where a row may be blocked by a reference as well, that is what is feared.
    let is_referred_to =
        !entry.plan.targets.iter().all(|target| target.blockers.is_empty() && target.self_links.is_empty())
            || !entry.plan.dependents.is_empty();
    let is_shared = entry.plan.targets.iter().any(may_be_shared) && !is_referred_to;
    stayed.held > 0 || stayed.remaining() > 0 || (stayed.blocked > 0 && !is_shared)
}

/// All tables of the entry, over and over while what went frees more of its own kind.
fn act_on_all(conn: &mut Connection, entry: &Entry, few: Few<'_>) -> Result<Done, DbError> {
    let (axis, window) = (Axis::Whole, Window::default());
    let mut all = Done::default();
    loop {
        let before = all.rows;
        for target in &entry.plan.targets {
            all.add(erase_window(conn, entry, target, few, &axis, &window)?);
        }
        if all.rows == before || !batch::frees_its_own(&entry.plan) {
            return Ok(all);
        }
    }
}

/// Erases the rows of a few people that lie in a window of one table, in the caller's transaction.
///
/// # Errors
/// As [`erase`].
pub fn erase_window(
    conn: &mut Connection,
    entry: &Entry,
    target: &Target,
    few: Few<'_>,
    axis: &Axis,
    window: &Window,
) -> Result<Done, DbError> {
    let part = Within::Window(axis, window);
    let scope = Scope { few: Some(few), ..scope(&entry.plan, target) };
    if !entry.plan.act.removes() {
        return batch::redact_of(conn, scope, part);
    }
    if !entry.redact_first.is_empty() {
        let changed = Target { redactions: entry.redact_first.clone(), ..target.clone() };
        batch::redact_of(conn, Scope { target: &changed, ..scope }, part)?;
    }
    batch::delete_of(conn, &entry.plan, scope, part)
}

/// Those of the people who are due, locked until the transaction ends: nobody opens an account again meanwhile.
pub fn lock(conn: &mut Connection, erasure: &Erasure, keys: &[PersonKey]) -> Result<Vec<Person>, DbError> {
    read(conn, erasure, keys, true)
}

/// Those of the people who are due.
pub fn who_is_due(conn: &mut Connection, erasure: &Erasure, keys: &[PersonKey]) -> Result<Vec<Person>, DbError> {
    read(conn, erasure, keys, false)
}

fn read(conn: &mut Connection, erasure: &Erasure, keys: &[PersonKey], lock: bool) -> Result<Vec<Person>, DbError> {
    let people = People { target: Arc::clone(&erasure.people), who: erasure.who.clone() };
    let mut sql = Sql::new(conn.dialect());
    select_people(&mut sql, erasure);
    sql.push(" WHERE ");
    are_due(&mut sql, &people, Some(Few { column: &erasure.key, keys }));
    if lock && conn.dialect() != Dialect::Sqlite {
        sql.push(" FOR UPDATE");
    }
    people_of(conn, erasure, &sql.finish())
}

/// `SELECT` key, closing time and time of signing up `FROM` the table of people.
fn select_people(sql: &mut Sql, erasure: &Erasure) {
    let target = &erasure.people;
    sql.push("SELECT ");
    outward(sql, &target.alias, &erasure.key.name, &erasure.key.transport);
    sql.push(", ");
    predicate::latest(sql, &target.alias, &target.anchors);
    sql.push(", ");
    predicate::latest(sql, &target.alias, erasure.created.as_slice());
    sql.push(" FROM ");
    predicate::from(sql, target);
}

fn people_of(conn: &mut Connection, erasure: &Erasure, statement: &Statement) -> Result<Vec<Person>, DbError> {
    let dialect = conn.dialect();
    let instant = |row: &Row, column, anchors: &[crate::plan::Anchor]| {
        anchor::instant_of(row.int(column)?, &anchors.last()?.reading, dialect)
    };
    let person = |row: &Row| {
        Ok(Person {
            key: key_of(row, 0)?,
            closed: instant(row, 1, &erasure.people.anchors),
            created: instant(row, 2, erasure.created.as_slice()),
        })
    };
    conn.query(statement)?.iter().map(person).collect()
}

/// How many people whose account is closed and whose grace is over are under a hold on people.
pub fn held(conn: &mut Connection, erasure: &Erasure) -> Result<u64, DbError> {
    let target = &erasure.people;
    if target.holds.is_empty() {
        return Ok(0);
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ");
    predicate::from(&mut sql, target);
    sql.push(" WHERE ");
    closed(&mut sql, target);
    predicate::meant(&mut sql, target);
    sql.push(" AND (");
    predicate::held(&mut sql, of_people(target));
    sql.push(")");
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Counts the rows of a target that are a few people's, for the record: nothing is locked and nothing counts as gone.
pub(super) fn counts_of_target(
    conn: &mut Connection,
    target: &Target,
    key: &KeyColumn,
    few: Few<'_>,
) -> Result<ByPerson, DbError> {
    let Some(whose) = &target.whose else { return Ok(ByPerson::new()) };
    let scope = Scope { few: Some(few), ..of_people(target) };
    counts_in(conn, scope, whose, key, Look::Ahead, Sharers::One)
}

/// The people who come after this one in the order of their keys, whether due or not.
pub(super) fn page_of_people(
    conn: &mut Connection,
    erasure: &Erasure,
    after: Option<&PersonKey>,
    limit: u64,
) -> Result<Vec<Person>, DbError> {
    let target = &erasure.people;
    let mut sql = Sql::new(conn.dialect());
    select_people(&mut sql, erasure);
    sql.push(" WHERE ");
    match after {
        Some(last) => {
            sql.column(&target.alias, &erasure.key.name).push(" > ");
            inward(&mut sql, &erasure.key, &value(last));
        }
        None => {
            sql.push("TRUE");
        }
    }
    predicate::meant(&mut sql, target);
    sql.push(" ORDER BY ").column(&target.alias, &erasure.key.name).push(" LIMIT ").number(limit);
    people_of(conn, erasure, &sql.finish())
}
