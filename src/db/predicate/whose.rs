//! Whose rows they are: how a row leads to its person.
//!
//! A row belongs to a person where a way of references leads from it to the table of people. The person is due where the
//! account is closed and the grace over (or where somebody asked for this one person), and no hold covers the person. That
//! predicate stands in every statement, beside the keys of the few people whom a batch is about.
//!
//! The way is written from its end: the people, then the rows that are theirs by one reference, and so on. So the database
//! goes from few people to their rows, by the index of each reference, and never asks every row of a table whose it is.

use std::sync::Arc;

use crate::base::name::{Name, TableName};
use crate::db::Dialect;
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::{Look, Scope};
use crate::db::predicate::few;
use crate::db::predicate::few::{Few, among};
use crate::db::predicate::window::outward;
use crate::db::sql::builder::{Sql, Terms};
use crate::plan::{
    Collation, Condition, HeldPeople, Hold, KeyColumn, Likeness, Passage, People, RowTable, RulePlan, Step, TableKey,
    Target, Who, Whose,
};

/// The row that the target names belongs to a person who is due.
pub(in crate::db) fn theirs(sql: &mut Sql, scope: Scope<'_>, whose: &Whose, look: Look) {
    let Some(step) = whose.steps.first() else { return are_due(sql, &whose.people, scope.few) };
    let such = |sql: &mut Sql| are_due(sql, &whose.people, scope.few);
    let lead = Lead { such: &such, ..Lead::to(&whose.people.target, scope, look) };
    own_row(sql, scope.alias(), step);
    sql.push(" IN (");
    lead.write(sql, &whose.steps);
    sql.push(")");
}

/// Does some row of the target belong to several people?
pub(in crate::db) fn may_be_shared(target: &Target) -> bool {
    target.whose.as_ref().is_some_and(Whose::is_shared)
}

/// The row belongs to somebody else as well, who is not due.
pub(in crate::db) fn someone_elses_too(sql: &mut Sql, scope: Scope<'_>, whose: &Whose) {
    // Whoever is due, whichever batch it is: two who share a row may be in two batches.
    let such = |sql: &mut Sql| {
        sql.not_true(|sql| are_due(sql, &whose.people, None));
    };
    let lead = Lead { such: &such, ..Lead::to(&whose.people.target, scope, Look::Now) };
    sql.any(|terms| {
        terms.term(|sql| leads_by(sql, scope.alias(), &lead, &whose.steps, None));
        terms.each(&whose.also, |sql, way| leads_by(sql, scope.alias(), &lead, &way.steps, way.condition.as_ref()));
    });
}

/// The way leads from the row to such people. What it reads is put aside.
fn leads_by(sql: &mut Sql, alias: &Name, lead: &Lead<'_>, steps: &[Step], condition: Option<&Condition>) {
    sql.all(|terms| {
        terms.term(|sql| match steps.first() {
            None => (lead.such)(sql),
            Some(step) => {
                own_row(sql, alias, step);
                sql.push(" IN (");
                put_aside(sql, |sql| lead.write(sql, steps));
                sql.push(")");
            }
        });
        if let Some(condition) = condition {
            terms.term(|sql| {
                sql.condition(condition);
            });
        }
    });
}

/// The row that `alias` names leads a row of another entry, which stays, to somebody.
pub(in crate::db) fn leads_to_what_stays(sql: &mut Sql, scope: Scope<'_>, passage: &Passage, alias: &Name, look: Look) {
    let (before, after) = passage.way();
    let stays = |sql: &mut Sql| {
        let earlier = if look == Look::Ahead { scope.earlier } else { &[] };
        sql.all(|terms| is_looked_for(terms, &passage.target, earlier));
    };
    let is_alike = |(whose, found): (&Whose, &Whose)| {
        whose.steps == after && whose.people.target.condition == found.people.target.condition
    };
    let is_somebodys =
        scope.target.whose.as_ref().zip(passage.target.whose.as_ref()).is_some_and(is_alike) && alias == scope.alias();
    sql.all(|terms| {
        terms.term(|sql| led_here(sql, Led { scope, passage, stays: &stays }, before, alias));
        if !is_somebodys {
            terms.term(|sql| leads_on(sql, scope, passage, after, alias));
        }
    });
}

/// The row is one of those that the other entry finds, and earlier rules leave it. What stays because it is somebody else's as
/// well, who is not due, is found by way of what is theirs.
pub(in crate::db) fn is_looked_for(terms: &mut Terms<'_>, target: &Target, earlier: &[Arc<RulePlan>]) {
    if let Some(condition) = &target.condition {
        terms.term(|sql| {
            sql.condition(condition);
        });
    }
    terms.term(|sql| eligible::would_change(sql, target, earlier));
    eligible::left_by(terms, earlier, &target.root, &target.alias);
    if let Some(whose) = target.whose.as_ref().filter(|whose| whose.is_shared() && target.holds.is_empty()) {
        terms.not_true(|sql| someone_elses_too(sql, of_people(target), whose));
    }
}

/// What leads to a row over a passage.
#[derive(Clone, Copy)]
struct Led<'a> {
    scope: Scope<'a>,
    passage: &'a Passage,
    /// True of a row of the other entry that stays.
    stays: &'a dyn Fn(&mut Sql),
}

/// Some row of the other entry that stays leads here by these steps. Read beforehand where a name would hide the row, and on
/// MySQL where it is read from the table that the statement changes.
fn led_here(sql: &mut Sql, led: Led<'_>, steps: &[Step], alias: &Name) {
    let Some((step, before)) = steps.split_last() else { return (led.stays)(sql) };
    let target = &led.passage.target;
    let (table, natural) = before.last().map_or((&target.root, &target.alias), |step| (&step.table, &step.table.table));
    let mut tables = before.iter().map(|step| &step.table).chain([&target.root]);
    let only = before.last().is_some_and(|step| step.only);
    let source = |sql: &mut Sql, also: &dyn Fn(&mut Sql)| {
        sql.push(" FROM ").push(if only { "ONLY " } else { "" }).table(table).push(" AS ").name(natural).filter(
            |sql| {
                sql.all(|terms| {
                    terms.term(|sql| led_here(sql, led, before, natural));
                    terms.term(|sql| may_lead_on(sql, step));
                    terms.term(also);
                });
            },
        );
    };
    let asks_it = || target.condition.as_ref().is_some_and(|condition| condition.mentions(&led.scope.target.root));
    let reads_itself = tables.any(|table| *table == led.scope.target.root) || asks_it();
    if natural == alias || sql.dialect == Dialect::Mysql && reads_itself {
        sql.push("(");
        in_forms(sql, step, alias, End::Key);
        sql.push(") IN (");
        put_aside(sql, |sql| {
            sql.push("SELECT ");
            in_forms(sql, step, natural, End::Own);
            source(sql, &|_| {});
        });
        sql.push(")");
    } else {
        sql.exists(|sql| {
            sql.push("SELECT 1");
            source(sql, &|sql| alike(sql, step, natural, alias));
        });
    }
    not_empty(sql, alias, step);
}

/// These steps lead from the row to somebody, due or not.
fn leads_on(sql: &mut Sql, scope: Scope<'_>, passage: &Passage, steps: &[Step], alias: &Name) {
    let (Some(whose), Some((step, rest))) = (&passage.target.whose, steps.split_first()) else { return };
    let people = &whose.people.target;
    let natural = if rest.is_empty() { &people.alias } else { &step.table.table };
    let asks_it = || people.condition.as_ref().is_some_and(|condition| condition.mentions(&scope.target.root));
    let reads_itself = steps.iter().any(|step| step.table == scope.target.root) || asks_it();
    let is_put_aside = natural == alias || sql.dialect == Dialect::Mysql && reads_itself;
    let such = |sql: &mut Sql| {
        sql.all(|terms| {
            terms.term(|sql| eligible::is_meant(sql, people));
            if !is_put_aside && rest.is_empty() {
                terms.term(|sql| alike(sql, step, alias, natural));
            }
        });
    };
    let lead = Lead { such: &such, ..Lead::to(people, scope, Look::Now) };
    if is_put_aside {
        own_row(sql, alias, step);
        sql.push(" IN (");
        put_aside(sql, |sql| lead.write(sql, steps));
        sql.push(")");
    } else {
        sql.exists(|sql| {
            sql.push("SELECT 1");
            lead.source(sql, step, rest, &|sql, _| lead.write(sql, rest));
            if !rest.is_empty() {
                sql.and(|sql| alike(sql, step, alias, natural));
            }
        });
    }
    lead_on(sql, step);
}

/// What is found by way of a passage, from its own table on: ` JOIN` the rows that lie between, and those of the passage that
/// `are` meant and lead on to somebody, as `found`. They stand in queries of their own, where each goes under its own name.
pub(in crate::db) fn join_path(
    sql: &mut Sql,
    passage: &Passage,
    table: &RowTable,
    found: &Name,
    are: &dyn Fn(&mut Sql, &Name),
) {
    let (before, _) = passage.way();
    let mut from = passage.target.alias.clone();
    for (at, step) in before.iter().enumerate() {
        let natural = &step.table.table;
        sql.push(" JOIN (SELECT ");
        let to = match before.get(at + 1) {
            Some(next) => {
                sql.columns(natural, &[step.key.clone(), next.column.clone()]);
                sql.push(" FROM ").table(&step.table).push(" AS ").name(natural);
                sql.filter(|sql| may_lead_on(sql, next));
                sql.fresh_alias()
            }
            None => {
                row_columns(sql, natural, &table.key, &step.key);
                sql.push(if table.only { " FROM ONLY " } else { " FROM " });
                sql.table(&table.table).push(" AS ").name(natural);
                sql.filter(|sql| {
                    sql.all(|terms| {
                        terms.term(|sql| are(sql, natural));
                        terms.term(|sql| leads_to_somebody(sql, passage, natural));
                    });
                });
                found.clone()
            }
        };
        sql.push(") AS ").name(&to).push(" ON ");
        alike(sql, step, &from, &to);
        not_empty(sql, &to, step);
        from = to;
    }
}

/// What tells rows apart, by its own names, and one more column.
fn row_columns(sql: &mut Sql, alias: &Name, key: &TableKey, more: &Name) {
    let mut columns: Vec<Name> = match key {
        TableKey::Columns(columns) => columns.iter().map(|column| column.name.clone()).collect(),
        TableKey::Place => vec![Name::new("ctid").expect("letters are a name")],
        TableKey::Digest(columns) => columns.clone(),
    };
    if !columns.contains(more) {
        columns.push(more.clone());
    }
    sql.columns(alias, &columns);
}

/// The row that `alias` names, under its own name, leads by the rest of a passage's way to somebody, due or not.
pub(in crate::db) fn leads_to_somebody(sql: &mut Sql, passage: &Passage, alias: &Name) {
    let (_, after) = passage.way();
    let (Some(whose), Some(step)) = (&passage.target.whose, after.first()) else { return };
    let people = &whose.people.target;
    let such = |sql: &mut Sql| eligible::is_meant(sql, people);
    let lead = Lead { table: &people.table, alias: &people.alias, earlier: &[], such: &such, sharers: Sharers::One };
    sql.all(|terms| {
        terms.term(|sql| {
            own_row(sql, alias, step);
            sql.push(" IN (");
            lead.write(sql, after);
            sql.push(")");
        });
        terms.term(|sql| may_lead_on(sql, step));
    });
}

/// The column of the row that `from` names holds the key of the one that `to` names.
fn alike(sql: &mut Sql, step: &Step, from: &Name, to: &Name) {
    same_value(sql, step.likeness, (from, &step.column), (to, &step.key));
}

/// The one column holds a value of the other, each named by the alias of its row. The other stands on the left: SQLite takes
/// the collation from there.
pub(in crate::db) fn same_value(sql: &mut Sql, likeness: Likeness, own: (&Name, &Name), key: (&Name, &Name)) {
    let forms_of = |end| forms(likeness, sql.dialect, end);
    let pairs: Vec<_> = forms_of(End::Own).iter().zip(forms_of(End::Key)).collect();
    sql.all(|terms| {
        terms.each(&pairs, |sql, (own_form, key_form)| {
            key_form.write(sql, |sql| {
                sql.column(key.0, key.1);
            });
            sql.push(" = ");
            own_form.write(sql, |sql| {
                sql.column(own.0, own.1);
            });
        });
    });
}

/// A column of the step in all forms in which it is compared.
fn in_forms(sql: &mut Sql, step: &Step, alias: &Name, end: End) {
    let column = match end {
        End::Own => &step.column,
        End::Key => &step.key,
    };
    sql.list(forms(step.likeness, sql.dialect, end), ", ", |sql, form| {
        form.write(sql, |sql| {
            sql.column(alias, column);
        });
    });
}

/// The person whom the alias of the table of people names is due, and among `few`.
///
/// Whether the condition on people is true of the few was asked as they were locked: it may look at rows that an entry before
/// this one has taken.
pub(in crate::db) fn are_due(sql: &mut Sql, people: &People, few: Option<Few<'_>>) {
    let target = &people.target;
    let scope = of_people(target);
    sql.all(|terms| {
        if let Some(few) = few {
            terms.term(|sql| among(sql, &target.alias, few));
        }
        terms.term(|sql| match &people.who {
            Who::Closed => closed(sql, target),
            Who::Only(keys, column) => among(sql, &target.alias, Few { column, keys }),
        });
        if few.is_none() {
            terms.term(|sql| eligible::is_meant(sql, target));
        }
        terms.not_true(|sql| eligible::held(sql, scope));
    });
}

pub(in crate::db) fn closed(sql: &mut Sql, people: &Target) {
    if people.anchors.is_empty() {
        sql.push("FALSE");
    } else {
        eligible::expired(sql, &people.alias, &people.anchors);
    }
}

/// The table of people by itself: nothing is removed, so nothing blocks.
pub(in crate::db) fn of_people(target: &Target) -> Scope<'_> {
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
pub(in crate::db) fn are_held(sql: &mut Sql, alias: &Name, hold: &Hold, held: &HeldPeople) {
    let such = |sql: &mut Sql| eligible::asks(sql, &held.alias, hold);
    let lead = Lead { table: &held.table, alias: &held.alias, earlier: &[], such: &such, sharers: Sharers::One };
    sql.any(|terms| {
        terms.each(&held.ways, |sql, way| leads_by(sql, alias, &lead, &way.steps, way.condition.as_ref()));
    });
}

/// A query that is answered before the statement changes anything: MySQL lets no subquery of a DELETE or UPDATE read the
/// table that it changes, unless what was read is put aside first, and DISTINCT makes sure that it is.
pub(in crate::db) fn put_aside(sql: &mut Sql, query: impl FnOnce(&mut Sql)) {
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
pub(in crate::db) enum Sharers {
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
        self.values(sql, step, rest, |_, _| {});
        self.source(sql, step, rest, &|sql, _| self.write(sql, rest));
    }

    /// The same with the person's key beside each value, as `tenure_value1` … and `tenure_person`: one person a value, of
    /// those who share it the first.
    fn with_person(&self, sql: &mut Sql, steps: &[Step], key: &KeyColumn) {
        let Some((step, rest)) = steps.split_first() else { return };
        let next = sql.fresh_alias();
        sql.push("SELECT ");
        self.values(sql, step, rest, named);
        let is_one = step.shared && self.sharers == Sharers::One;
        sql.push(if is_one { ", MIN(" } else { ", " });
        if rest.is_empty() {
            outward(sql, self.alias, &key.name, &key.transport);
        } else {
            sql.column(&next, &person_name());
        }
        sql.push(if is_one { ") AS " } else { " AS " }).name(&person_name());
        self.source_joined(sql, step, rest, &next, key);
        if is_one {
            sql.push(" GROUP BY ");
            self.values(sql, step, rest, |_, _| {});
        }
    }

    /// The forms of the key that a step leads to; `name` may give each, counted from 1, a name.
    fn values(&self, sql: &mut Sql, step: &Step, rest: &[Step], name: impl Fn(&mut Sql, usize)) {
        let alias = if rest.is_empty() { self.alias } else { &step.table.table };
        for (at, form) in forms(step.likeness, sql.dialect, End::Key).iter().enumerate() {
            sql.push(if at > 0 { ", " } else { "" });
            form.write(sql, |sql| {
                sql.column(alias, &step.key);
            });
            name(sql, at + 1);
        }
    }

    fn source(&self, sql: &mut Sql, step: &Step, rest: &[Step], further: &dyn Fn(&mut Sql, &Step)) {
        let Some(next) = rest.first() else { return self.people(sql, step) };
        from_step(sql, step);
        sql.push(" WHERE ");
        own_row(sql, &step.table.table, next);
        sql.push(" IN (");
        further(sql, next);
        sql.push(")");
        lead_on(sql, next);
        not_empty(sql, &step.table.table, step);
        eligible::not_taken(sql, self.earlier, &step.table, &step.table.table);
    }

    fn source_joined(&self, sql: &mut Sql, step: &Step, rest: &[Step], next_alias: &Name, key: &KeyColumn) {
        let Some(next) = rest.first() else { return self.people(sql, step) };
        from_step(sql, step);
        sql.push(" JOIN (");
        self.with_person(sql, rest, key);
        sql.push(") AS ").name(next_alias).push(" ON ");
        own_values(sql, &step.table.table, next, Some(next_alias));
        sql.filter(|sql| {
            sql.all(|terms| {
                terms.term(|sql| may_lead_on(sql, next));
                terms.term(|sql| is_not_empty(sql, &step.table.table, step));
                eligible::left_by(terms, self.earlier, &step.table, &step.table.table);
            });
        });
    }

    fn people(&self, sql: &mut Sql, step: &Step) {
        sql.push(" FROM ").table(self.table);
        if self.table.table != *self.alias {
            sql.push(" AS ").name(self.alias);
        }
        sql.filter(|sql| {
            sql.all(|terms| {
                terms.term(self.such);
                terms.term(|sql| is_not_empty(sql, self.alias, step));
            });
        });
    }
}

/// ` FROM` the table that a step leads to, under its own name.
fn from_step(sql: &mut Sql, step: &Step) {
    sql.push(" FROM ").push(if step.only { "ONLY " } else { "" });
    sql.table(&step.table).push(" AS ").name(&step.table.table);
}

/// ` AND` the value that a step leads to says something.
fn not_empty(sql: &mut Sql, alias: &Name, step: &Step) {
    sql.and(|sql| is_not_empty(sql, alias, step));
}

fn is_not_empty(sql: &mut Sql, alias: &Name, step: &Step) {
    if step.but_empty {
        form(step.likeness, sql.dialect).write(sql, |sql| {
            sql.column(alias, &step.key);
        });
        sql.push(" <> ''");
    }
}

/// ` AND` one of the conditions under which a row on the way leads on.
fn lead_on(sql: &mut Sql, step: &Step) {
    sql.and(|sql| may_lead_on(sql, step));
}

fn may_lead_on(sql: &mut Sql, step: &Step) {
    if !step.conditions.is_empty() {
        sql.any(|terms| {
            terms.each(&step.conditions, |sql, condition| {
                sql.condition(condition);
            });
        });
    }
}

fn value_name(number: usize) -> Name {
    Name::new(format!("tenure_value{number}")).expect("letters and digits are a name")
}

fn named(sql: &mut Sql, number: usize) {
    sql.push(" AS ").name(&value_name(number));
}

/// The column that holds a person's key.
pub(in crate::db) fn person_name() -> Name {
    Name::new("tenure_person").expect("letters are a name")
}

/// What a step compares of the row that `alias` names, before an ` IN`.
fn own_row(sql: &mut Sql, alias: &Name, step: &Step) {
    sql.push("(");
    own_values(sql, alias, step, None);
    sql.push(")");
}

/// The forms of what a step compares, one by one, or as they equal the values that were joined.
fn own_values(sql: &mut Sql, alias: &Name, step: &Step, joined: Option<&Name>) {
    let between = if joined.is_some() { " AND " } else { ", " };
    for (at, form) in forms(step.likeness, sql.dialect, End::Own).iter().enumerate() {
        sql.push(if at > 0 { between } else { "" });
        form.write(sql, |sql| {
            sql.column(alias, &step.column);
        });
        if let Some(values) = joined {
            sql.push(" = ").column(values, &value_name(at + 1));
        }
    }
}

/// One way to write a value before it is compared: what stands before it, and what after it.
#[derive(Clone, Copy)]
pub(in crate::db) struct Form(&'static str, &'static str);

impl Form {
    pub fn write(self, sql: &mut Sql, value: impl FnOnce(&mut Sql)) {
        sql.push(self.0);
        value(sql);
        sql.push(self.1);
    }
}

const AS_IT_IS: Form = Form("", "");

// A column's own collation goes through a cast, and may take two texts for one, or contradict that of the other column.
const POSTGRES_LETTERS: Form = Form("CAST(", " AS text) COLLATE \"C\"");
const SQLITE_LETTERS: Form = Form("CAST(", " AS text) COLLATE BINARY");
const MYSQL_LETTERS: Form = Form("CAST(CONVERT(", " USING utf8mb4) AS BINARY)");

/// One of the two columns that a step compares.
#[derive(Clone, Copy)]
enum End {
    /// The one that holds a value of the other.
    Own,
    Key,
}

/// In what forms a step compares that column; all of them must agree with those of the other.
fn forms(likeness: Likeness, dialect: Dialect, end: End) -> &'static [Form] {
    match (likeness, dialect) {
        (Likeness::Referred(collation), _) => match (end, collation) {
            (End::Key, _) => &[AS_IT_IS],
            // Behind a plus the value has no type of its own, and takes on that of the key.
            (End::Own, Collation::Binary) => &[Form("+", " COLLATE BINARY")],
            (End::Own, Collation::NoCase) => &[Form("+", " COLLATE NOCASE")],
            (End::Own, Collation::RTrim) => &[Form("+", " COLLATE RTRIM")],
        },
        (Likeness::Same, _) => &[AS_IT_IS],
        // An index serves the first, and the second tells apart what a collation does not.
        (Likeness::Exact, Dialect::Postgres) => &[AS_IT_IS, POSTGRES_LETTERS],
        (Likeness::Exact, Dialect::Sqlite) => &[AS_IT_IS, SQLITE_LETTERS],
        (Likeness::Exact, Dialect::Mysql) => &[AS_IT_IS, MYSQL_LETTERS],
        // Up to 2^53 each whole number is one of its own.
        (Likeness::Number, _) => {
            &[Form("NULLIF(", " BETWEEN -9007199254740991 AND 9007199254740991, FALSE)"), AS_IT_IS]
        }
        (Likeness::Letters, Dialect::Postgres) => &[POSTGRES_LETTERS],
        (Likeness::Letters, Dialect::Sqlite) => &[SQLITE_LETTERS],
        (Likeness::Letters, Dialect::Mysql) => &[MYSQL_LETTERS],
        (Likeness::Folded, Dialect::Postgres) => &[Form("lower(CAST(", " AS text)) COLLATE \"C\"")],
        (Likeness::Folded, Dialect::Sqlite) => &[Form("tenure_lower(", ")")],
        (Likeness::Folded, Dialect::Mysql) => &[Form("CAST(LOWER(CONVERT(", " USING utf8mb4)) AS BINARY)")],
    }
}

/// The one form that tells two values apart, where others beside it are for an index or for what it cannot tell.
pub(in crate::db) fn form(likeness: Likeness, dialect: Dialect) -> Form {
    forms(likeness, dialect, End::Key).last().copied().unwrap_or(AS_IT_IS)
}

/// The people to whom the first step of a way leads, under the name by which they are joined.
pub(in crate::db) type Found<'a> = (&'a Step, Name);

/// `None` where the row is the person.
pub(in crate::db) fn found<'a>(sql: &mut Sql, whose: &'a Whose) -> Option<Found<'a>> {
    whose.steps.first().map(|step| (step, sql.fresh_alias()))
}

/// ` JOIN` the target to its people.
pub(in crate::db) fn join_people(
    sql: &mut Sql,
    scope: Scope<'_>,
    whose: &Whose,
    how: (Look, Sharers),
    key: &KeyColumn,
    found: Option<&Found<'_>>,
) {
    let Some((step, alias)) = found else { return };
    sql.push(" JOIN ");
    with_people(sql, scope, whose, how, key, alias);
    sql.push(" ON ");
    leads_to(sql, scope, step, alias);
}

/// The people of the rows, as something to be joined: `(SELECT …) AS` the alias, by which [`leads_to`] and [`person`] know it.
pub(in crate::db) fn with_people(
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
pub(in crate::db) fn person(sql: &mut Sql, scope: Scope<'_>, key: &KeyColumn, found: Option<&Found<'_>>) {
    match found {
        Some((_, people)) => {
            sql.column(people, &person_name());
        }
        None => outward(sql, scope.alias(), &key.name, &key.transport),
    }
}

/// The row is one of those that the joined people lead to. Where the row holds the person's key itself, it lies between the
/// least and the greatest of a few, too: so an index on it leads PostgreSQL to their rows, and no table is read for a batch.
pub(in crate::db) fn leads_to(sql: &mut Sql, scope: Scope<'_>, step: &Step, joined: &Name) {
    own_values(sql, scope.alias(), step, Some(joined));
    let is_the_key = |few: &Few<'_>| {
        let steps = scope.target.whose.as_ref().map_or(0, |whose| whose.steps.len());
        steps == 1 && step.key == few.column.name && matches!(step.likeness, Likeness::Same | Likeness::Exact)
    };
    if let Some(range) = scope.few.filter(is_the_key).and_then(|few| few::range(sql.dialect, few)) {
        sql.push(" AND ");
        few::between(sql, scope.alias(), &step.column, range);
    }
}
