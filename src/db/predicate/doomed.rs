//! The rows that go: the rule's own in a window, and those that go, or are let go, with them.

use crate::base::name::Name;
use crate::db::predicate::eligible::{self, Look, Scope, equal, key_names, select_as};
use crate::db::predicate::window::{Window, within};
use crate::db::sql::builder::Sql;
use crate::db::write::redact;
use crate::db::{Dialect, Statement};
use crate::plan::{Axis, Dependent, Link, Parent, RulePlan, SelfLink};

/// How much of the rule's table a statement looks at.
#[derive(Clone, Copy)]
pub(in crate::db) enum Within<'a> {
    Everything,
    Window(&'a Axis, &'a Window),
}

impl Within<'_> {
    fn look(self) -> Look {
        match self {
            Within::Everything => Look::Ahead,
            Within::Window(..) => Look::Now,
        }
    }
}

/// ` WHERE` the window and the whole predicate.
pub(in crate::db) fn where_due(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>) {
    sql.push(" WHERE ");
    if let Within::Window(axis, window) = part
        && within(sql, scope.target, axis, window)
    {
        sql.push(" AND ");
    }
    eligible::due(sql, scope, part.look());
}

/// `SELECT` these columns of the rule's rows that go, under the names `k1`, `k2`, …
pub(in crate::db) fn roots(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>, columns: &[Name]) {
    let alias = &scope.target.alias;
    let Some(link) = scope.self_cascade() else {
        sql.push("SELECT ");
        select_as(sql, alias, columns, &key_names(columns.len()));
        sql.push(" FROM ");
        eligible::from(sql, scope.target);
        return where_due(sql, scope, part);
    };
    let closure = with_descendants(sql, scope, link, part);
    sql.push("SELECT ");
    select_as(sql, alias, columns, &key_names(columns.len()));
    sql.push(" FROM ").table(&scope.target.root).push(" AS ").name(alias).push(" WHERE (");
    sql.columns(alias, &link.parent_columns).push(") IN (SELECT ");
    sql.columns(&closure, &key_names(link.parent_columns.len())).push(" FROM ").name(&closure).push(")");
}

/// Does the row that goes under the target's own name go, looking ahead: is it due, or a descendant of one that is?
pub(in crate::db) fn is_root(sql: &mut Sql, scope: Scope<'_>) {
    let Some(link) = scope.self_cascade() else {
        return eligible::due(sql, Scope { is_one_of_several: true, ..scope }, Look::Ahead);
    };
    sql.push("(").columns(&scope.target.alias, &link.parent_columns).push(") IN (");
    roots(sql, scope, Within::Everything, &link.parent_columns);
    sql.push(")");
}

/// `WITH RECURSIVE` the rows that go and all that descend from them, by the columns that the link refers to.
fn with_descendants(sql: &mut Sql, scope: Scope<'_>, link: &SelfLink, part: Within<'_>) -> Name {
    let alias = &scope.target.alias;
    let closure = sql.fresh_alias();
    let keys = key_names(link.parent_columns.len());
    sql.push("WITH RECURSIVE ").name(&closure).push(" AS (SELECT ");
    select_as(sql, alias, &link.parent_columns, &keys);
    sql.push(" FROM ");
    eligible::from(sql, scope.target);
    where_due(sql, scope, part);
    sql.push(" UNION SELECT ").columns(alias, &link.parent_columns);
    sql.push(" FROM ").table(&scope.target.root).push(" AS ").name(alias);
    sql.push(" JOIN ").name(&closure).push(" ON ");
    equal(sql, alias, &link.columns, &closure, &keys);
    sql.push(") ");
    closure
}

/// Two numbers: rows of the closure that are due themselves, and those that only descend from one.
pub(in crate::db) fn count_descendants(
    dialect: Dialect,
    scope: Scope<'_>,
    link: &SelfLink,
    part: Within<'_>,
) -> Statement {
    let mut sql = Sql::new(dialect);
    let alias = &scope.target.alias;
    let closure = with_descendants(&mut sql, scope, link, part);
    sql.push("SELECT COALESCE(SUM(CASE WHEN ");
    eligible::due(&mut sql, scope, Look::Ahead);
    sql.push(" THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN ");
    eligible::due(&mut sql, scope, Look::Ahead);
    sql.push(" THEN 0 ELSE 1 END), 0) FROM ").table(&scope.target.root).push(" AS ").name(alias).push(" WHERE (");
    sql.columns(alias, &link.parent_columns).push(") IN (SELECT ");
    sql.columns(&closure, &key_names(link.parent_columns.len())).push(" FROM ").name(&closure).push(")");
    but_for_what_is_taken(&mut sql, scope, part);
    sql.finish()
}

/// Which rows of a table that refers to itself a statement deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::db) enum Which {
    /// Those that nothing refers to (any more): to be repeated until none is left.
    Leaves,
    /// All: what is left after the leaves refers to itself, or goes round in circles.
    Rest,
}

/// Deletes rows of the closure.
pub(in crate::db) fn delete_descendants(
    dialect: Dialect,
    scope: Scope<'_>,
    link: &SelfLink,
    which: Which,
    part: Within<'_>,
) -> Statement {
    let mut sql = Sql::new(dialect);
    let alias = &scope.target.alias;
    sql.push("DELETE FROM ").table(&scope.target.root);
    if scope.target.root.table != *alias {
        sql.push(" AS ").name(alias);
    }
    sql.push(" WHERE (").columns(alias, &link.parent_columns).push(") IN (");
    roots(&mut sql, scope, part, &link.parent_columns);
    sql.push(")");
    if which == Which::Leaves {
        sql.push(" AND ");
        nothing_refers(&mut sql, &scope.target.root, &link.columns, alias, &link.parent_columns);
    }
    sql.finish()
}

fn nothing_refers(
    sql: &mut Sql,
    table: &crate::base::name::TableName,
    columns: &[Name],
    alias: &Name,
    parent_columns: &[Name],
) {
    let child = sql.fresh_alias();
    sql.push("NOT EXISTS (SELECT 1 FROM ").table(table).push(" AS ").name(&child).push(" WHERE ");
    equal(sql, &child, columns, alias, parent_columns);
    sql.push(")");
}

/// Rows that stay and refer to a row that goes.
pub(in crate::db) fn count_orphans(dialect: Dialect, scope: Scope<'_>, link: &SelfLink, part: Within<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    let alias = &scope.target.alias;
    sql.push("SELECT COUNT(*) FROM ").table(&scope.target.root).push(" AS ").name(alias).push(" WHERE (");
    sql.columns(alias, &link.columns).push(") IN (");
    roots(&mut sql, scope, part, &link.parent_columns);
    sql.push(") AND ");
    is_left(&mut sql, scope, part);
    sql.finish()
}

/// The row does not go, neither by itself nor with one that it descends from.
pub(in crate::db) fn is_left(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>) {
    is_not_due(sql, scope);
    if let Some(walked) = scope.self_cascade() {
        sql.push(" AND ((").columns(scope.alias(), &walked.parent_columns).push(") IN (");
        roots(sql, scope, part, &walked.parent_columns);
        sql.push(")) IS NOT TRUE");
    }
    but_for_what_is_taken(sql, scope, part);
}

/// The row does not go by itself.
pub(in crate::db) fn is_not_due(sql: &mut Sql, scope: Scope<'_>) {
    sql.push("(");
    eligible::due(sql, scope, Look::Ahead);
    sql.push(") IS NOT TRUE");
}

/// Looking ahead, rows of the rule's own table that earlier rules take are gone.
fn but_for_what_is_taken(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>) {
    if part.look() == Look::Ahead {
        eligible::not_taken(sql, scope.earlier, &scope.target.root, &scope.target.alias);
    }
}

/// Lets go of the rows that go: the references from the table to itself become NULL.
pub(in crate::db) fn detach_own(dialect: Dialect, scope: Scope<'_>, link: &SelfLink, part: Within<'_>) -> Statement {
    let link = Link {
        table: scope.target.root.clone(),
        columns: link.columns.clone(),
        parent: Parent::Root,
        parent_columns: link.parent_columns.clone(),
        let_go: link.let_go.clone(),
    };
    detach(dialect, scope, &link, &scope.target.stamped, part)
}

/// Dependent rows reached over any of the links, each counted once.
pub(in crate::db) fn count_dependent(dialect: Dialect, scope: Scope<'_>, index: usize, part: Within<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    let dependent = &scope.dependents[index];
    sql.push("SELECT COUNT(*) FROM ").table(&dependent.table).push(" WHERE ");
    reached(&mut sql, scope, dependent, part);
    if part.look() == Look::Ahead {
        eligible::not_taken(&mut sql, scope.earlier, &dependent.table, &dependent.table.table);
    }
    sql.finish()
}

pub(in crate::db) fn reached(sql: &mut Sql, scope: Scope<'_>, dependent: &Dependent, part: Within<'_>) {
    sql.push("(");
    sql.list(&dependent.links, " OR ", |sql, link| {
        sql.push("(").columns(&dependent.table.table, &link.columns).push(") IN (");
        parents(sql, scope, link, part);
        sql.push(")");
        if part.look() == Look::Ahead {
            eligible::not_let_go(sql, scope.earlier, &dependent.table, &link.columns, &dependent.table.table);
        }
    });
    sql.push(")");
}

/// `SELECT` the keys, as `k1`, `k2`, …, of the parent rows that go.
fn parents(sql: &mut Sql, scope: Scope<'_>, link: &Link, part: Within<'_>) {
    match link.parent {
        Parent::Root => roots(sql, scope, part, &link.parent_columns),
        Parent::Dependent(index) => {
            let parent = &scope.dependents[index];
            sql.push("SELECT ");
            select_as(sql, &parent.table.table, &link.parent_columns, &key_names(link.parent_columns.len()));
            sql.push(" FROM ").table(&parent.table).push(" WHERE ");
            reached(sql, scope, parent, part);
            if part.look() == Look::Ahead {
                eligible::not_taken(sql, scope.earlier, &parent.table, &parent.table.table);
            }
        }
    }
}

/// Deletes the dependent rows reached over one link.
pub(in crate::db) fn delete_dependent(
    dialect: Dialect,
    scope: Scope<'_>,
    dependent: &Dependent,
    link: &Link,
    which: Which,
    part: Within<'_>,
) -> Statement {
    let mut sql = Sql::new(dialect);
    let table = &dependent.table.table;
    if dialect == Dialect::Mysql && which == Which::Rest {
        // MariaDB and MySQL 8.0.20 and older run a DELETE with IN (SELECT …) once a row of the child table; the join form
        // goes from the few parents to their children.
        sql.push("DELETE ").name(table).push(" FROM ").table(&dependent.table).push(" AS ").name(table).push(" JOIN (");
        let keys = joined_keys(&mut sql, scope, link, part);
        sql.push(" ON ");
        equal(&mut sql, table, &link.columns, &keys, &key_names(link.columns.len()));
        return sql.finish();
    }
    sql.push("DELETE FROM ").table(&dependent.table).push(" WHERE (").columns(table, &link.columns).push(") IN (");
    parents(&mut sql, scope, link, part);
    sql.push(")");
    for own in dependent.self_links.iter().filter(|_| which == Which::Leaves) {
        sql.push(" AND ");
        nothing_refers(&mut sql, &own.table, &own.columns, table, &own.parent_columns);
    }
    sql.finish()
}

/// Sets the references over one link to NULL; the rows stay, and say of themselves that they are as they were.
pub(in crate::db) fn detach(
    dialect: Dialect,
    scope: Scope<'_>,
    link: &Link,
    stamped: &[Name],
    part: Within<'_>,
) -> Statement {
    let mut sql = Sql::new(dialect);
    let table = &link.table.table;
    let to_null = |sql: &mut Sql| {
        sql.list(&link.let_go, ", ", |sql, column| {
            if dialect == Dialect::Mysql {
                sql.column(table, column).push(" = NULL");
            } else {
                sql.name(column).push(" = NULL");
            }
        });
        redact::unstamped(sql, table, stamped, |name| link.let_go.contains(name));
    };
    sql.update().table(&link.table);
    if dialect == Dialect::Mysql {
        sql.push(" AS ").name(table).push(" JOIN (");
        let keys = joined_keys(&mut sql, scope, link, part);
        sql.push(" ON ");
        equal(&mut sql, table, &link.columns, &keys, &key_names(link.columns.len()));
        sql.push(" SET ");
        to_null(&mut sql);
        return sql.finish();
    }
    sql.push(" SET ");
    to_null(&mut sql);
    sql.push(" WHERE (").columns(table, &link.columns).push(") IN (");
    parents(&mut sql, scope, link, part);
    sql.push(")");
    sql.finish()
}

fn joined_keys(sql: &mut Sql, scope: Scope<'_>, link: &Link, part: Within<'_>) -> Name {
    let keys = sql.fresh_alias();
    let inner = sql.fresh_alias();
    sql.push("SELECT DISTINCT * FROM (");
    parents(sql, scope, link, part);
    sql.push(") AS ").name(&inner).push(") AS ").name(&keys);
    keys
}

/// `table.column`, as reports name a reference.
pub(in crate::db) fn link_label(dependent: &Dependent) -> String {
    let columns: Vec<_> = dependent.links.iter().flat_map(|link| link.columns.iter().map(Name::as_str)).collect();
    format!("{}.{}", dependent.shown, columns.join("+"))
}

pub(in crate::db) fn self_label(rule: &RulePlan, link: &SelfLink) -> String {
    let columns: Vec<_> = link.columns.iter().map(Name::as_str).collect();
    format!("{}.{}", rule.table, columns.join("+"))
}
