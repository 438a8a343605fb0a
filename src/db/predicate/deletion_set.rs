//! The deletion set: the rule's rows that go, and those that go, or are set to NULL, with them.

use crate::base::name::{Name, TableName};
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::{Look, Scope, equal, key_names, numbered, select_as};
use crate::db::predicate::row_keys::KeyBatch;
use crate::db::predicate::window::{Window, is_within};
use crate::db::sql::builder::{Sql, Terms};
use crate::db::write::redact;
use crate::db::{Dialect, Statement};
use crate::plan::{Axis, Dependent, Link, Parent, RulePlan, SelfLink, Target};
use crate::schedule::Then;

/// Which of the rule's rows a statement is about.
#[derive(Clone, Copy)]
pub(in crate::db) enum Within<'a> {
    /// All that are due, as a plan counts them.
    Everything,
    /// Those that a query of this name found, which bears their columns under their own names; as a plan counts them.
    Named(&'a Name),
    /// Those that are due in a window, as they are now.
    Window(&'a Axis, &'a Window),
    /// Those with these keys: what is due was asked before.
    Keys(KeyBatch<'a>),
}

impl Within<'_> {
    pub fn look(self) -> Look {
        match self {
            Within::Everything | Within::Named(_) => Look::Ahead,
            Within::Window(..) | Within::Keys(_) => Look::Now,
        }
    }
}

/// ` WHERE` the window and the whole predicate, or the keys.
pub(in crate::db) fn where_due(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>) {
    sql.filter(|sql| is_due(sql, scope, part));
}

fn is_due(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>) {
    sql.all(|terms| match part {
        Within::Keys(keys) => {
            terms.term(|sql| keys.among(sql, scope.alias(), &keys.names()));
        }
        Within::Window(axis, window) => {
            terms.term(|sql| is_within(sql, scope.target, axis, window));
            terms.term(|sql| eligible::due(sql, scope, part.look()));
        }
        Within::Everything | Within::Named(_) => {
            terms.term(|sql| eligible::due(sql, scope, part.look()));
        }
    });
}

/// Columns of rows that are selected under names, of rows that lie in these tables only; of all where none is named.
#[derive(Clone, Copy)]
struct Selected<'a> {
    columns: &'a [(&'a Name, &'a Name)],
    only_in: &'a [TableName],
}

/// `SELECT` these columns of the rows that are due themselves.
fn select_due(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>, selected: Selected<'_>) {
    let alias = if let Within::Named(name) = part { name } else { scope.alias() };
    sql.push("SELECT ");
    sql.list(selected.columns, ", ", |sql, (column, name)| {
        sql.column(alias, column).push(" AS ").name(name);
    });
    sql.push(" FROM ");
    let is_in = |sql: &mut Sql| eligible::is_in(sql, alias, selected.only_in);
    match part {
        Within::Named(name) => {
            sql.name(name).filter(is_in);
        }
        // Of MariaDB and MySQL, where no table has parts.
        Within::Keys(keys) if keys.is_joined(sql.dialect) => joined_by_key(sql, scope, keys),
        _ => {
            eligible::from(sql, scope.target);
            sql.filter(|sql| {
                sql.all(|terms| {
                    terms.term(|sql| is_due(sql, scope, part));
                    terms.term(is_in);
                });
            });
        }
    }
}

/// The keys as a table, and the target joined to them.
fn joined_by_key(sql: &mut Sql, scope: Scope<'_>, keys: KeyBatch<'_>) {
    let name = sql.fresh_alias();
    keys.table(sql, &name);
    sql.push(" STRAIGHT_JOIN ");
    eligible::from(sql, scope.target);
    sql.push(" ON ");
    equal(sql, &name, &key_names(1), scope.alias(), &keys.names());
}

/// `SELECT` these columns of the rule's rows that go, under the names `k1`, `k2`, …; of those that lie in these tables, where
/// any is named.
fn roots(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>, (columns, only_in): (&[Name], &[TableName])) {
    let alias = scope.alias();
    let names = key_names(columns.len());
    let Some(link) = scope.self_cascade() else {
        let pairs: Vec<_> = columns.iter().zip(&names).collect();
        return select_due(sql, scope, part, Selected { columns: &pairs, only_in });
    };
    let closure = with_descendants(sql, scope, link, part);
    sql.push("SELECT ");
    select_as(sql, alias, columns, &names);
    sql.push(" FROM ").table(&scope.target.root).push(" AS ").name(alias);
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| is_in_closure(sql, scope, link, &closure));
            terms.term(|sql| eligible::is_in(sql, alias, only_in));
        });
    });
}

/// The row of the rule's table is one of those that [`with_descendants`] found.
fn is_in_closure(sql: &mut Sql, scope: Scope<'_>, link: &SelfLink, closure: &Name) {
    sql.key(scope.alias(), &link.parent_columns).push(" IN (SELECT ");
    sql.columns(closure, &key_names(link.parent_columns.len())).push(" FROM ").name(closure).push(")");
}

/// These columns of the row of the rule's table hold what `key` holds in one that goes.
fn is_of_roots(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>, columns: &[Name], key: &[Name]) {
    sql.key(scope.alias(), columns).push(" IN (");
    roots(sql, scope, part, (key, &[]));
    sql.push(")");
}

/// Does the row that goes under the target's own name go, looking ahead: is it due, or a descendant of one that is?
pub(in crate::db) fn is_root(sql: &mut Sql, scope: Scope<'_>) {
    match scope.self_cascade() {
        None => eligible::due(sql, Scope { is_one_of_several: true, ..scope }, Look::Ahead),
        Some(link) => is_of_roots(sql, scope, Within::Everything, &link.parent_columns, &link.parent_columns),
    }
}

/// `WITH RECURSIVE` the rows that go and all that descend from them, by the columns that the link refers to.
fn with_descendants(sql: &mut Sql, scope: Scope<'_>, link: &SelfLink, part: Within<'_>) -> Name {
    let alias = &scope.target.alias;
    let closure = sql.fresh_alias();
    let keys = key_names(link.parent_columns.len());
    let pairs: Vec<_> = link.parent_columns.iter().zip(&keys).collect();
    sql.push("WITH RECURSIVE ").name(&closure).push(" AS (");
    select_due(sql, scope, part, Selected { columns: &pairs, only_in: &[] });
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
    sql.push("SELECT COALESCE(SUM(").either(|sql| eligible::due(sql, scope, Look::Ahead), "1", "0");
    sql.push("), 0), COALESCE(SUM(").either(|sql| eligible::due(sql, scope, Look::Ahead), "0", "1");
    sql.push("), 0) FROM ").table(&scope.target.root).push(" AS ").name(alias);
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| is_in_closure(sql, scope, link, &closure));
            not_taken(terms, scope, part);
        });
    });
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
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| is_of_roots(sql, scope, part, &link.parent_columns, &link.parent_columns));
            if which == Which::Leaves {
                terms.term(|sql| {
                    nothing_refers(sql, &scope.target.root, &link.columns, alias, &link.parent_columns);
                });
            }
        });
    });
    sql.finish()
}

fn nothing_refers(sql: &mut Sql, table: &TableName, columns: &[Name], alias: &Name, parent_columns: &[Name]) {
    let child = sql.fresh_alias();
    sql.not_true(|sql| {
        sql.exists(|sql| {
            sql.push("SELECT 1 FROM ").table(table).push(" AS ").name(&child);
            sql.filter(|sql| equal(sql, &child, columns, alias, parent_columns));
        });
    });
}

/// Deletes the rule's own rows with these keys.
pub(in crate::db) fn delete_keys(dialect: Dialect, scope: Scope<'_>, keys: KeyBatch<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    if keys.is_joined(dialect) {
        sql.push("DELETE ").name(scope.alias()).push(" FROM ");
        joined_by_key(&mut sql, scope, keys);
        return sql.finish();
    }
    sql.push("DELETE FROM ");
    eligible::from(&mut sql, scope.target);
    where_due(&mut sql, scope, Within::Keys(keys));
    sql.finish()
}

/// Rows of the rule that are there with these keys.
pub(in crate::db) fn count_keys(dialect: Dialect, scope: Scope<'_>, keys: KeyBatch<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT COUNT(*) FROM ");
    eligible::from(&mut sql, scope.target);
    where_due(&mut sql, scope, Within::Keys(keys));
    sql.finish()
}

/// Rows that stay and refer to a row that goes.
pub(in crate::db) fn count_orphans(dialect: Dialect, scope: Scope<'_>, link: &SelfLink, part: Within<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT COUNT(*) FROM ").table(&scope.target.root).push(" AS ").name(scope.alias());
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| is_of_roots(sql, scope, part, &link.columns, &link.parent_columns));
            is_left(terms, scope, part);
        });
    });
    sql.finish()
}

/// Rows that do not go with these keys and refer to one that does: for "is any left?" before that one goes.
pub(in crate::db) fn count_own_left(
    dialect: Dialect,
    scope: Scope<'_>,
    link: &SelfLink,
    part: Within<'_>,
) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT COUNT(*) FROM ").table(&scope.target.root).push(" AS ").name(scope.alias());
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| is_of_roots(sql, scope, part, &link.columns, &link.parent_columns));
            terms.not_true(|sql| is_one_of(sql, scope, part));
        });
    });
    sql.finish()
}

/// The row of the rule's table does not go, neither by itself, in this batch or in another one, nor with one that it descends
/// from.
fn is_left(terms: &mut Terms<'_>, scope: Scope<'_>, part: Within<'_>) {
    if let Within::Keys(keys) = part {
        terms.not_true(|sql| keys.among(sql, scope.alias(), &keys.names()));
    }
    terms.not_true(|sql| eligible::due(sql, scope, Look::Ahead));
    if let Some(walked) = scope.self_cascade() {
        terms.not_true(|sql| is_of_roots(sql, scope, part, &walked.parent_columns, &walked.parent_columns));
    }
    not_taken(terms, scope, part);
}

/// The row of the rule's table is one of those that are named or have these keys, or descends from one of them.
pub(in crate::db) fn is_one_of(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>) {
    let key = owner_key(scope, part);
    let key = scope.self_cascade().map_or(key.as_slice(), |link| &link.parent_columns);
    is_of_roots(sql, scope, part, key, key);
}

/// Looking ahead, rows of the rule's own table that earlier rules take are gone.
fn not_taken(terms: &mut Terms<'_>, scope: Scope<'_>, part: Within<'_>) {
    if part.look() == Look::Ahead {
        eligible::left_by(terms, scope.earlier, &scope.target.root, &scope.target.alias);
    }
}

/// Sets the references from the table to itself to NULL that point at a row that goes.
pub(in crate::db) fn null_own(dialect: Dialect, scope: Scope<'_>, link: &SelfLink, part: Within<'_>) -> Statement {
    let link = Link {
        table: scope.target.root.clone(),
        columns: link.columns.clone(),
        parent: Parent::Root,
        parent_columns: link.parent_columns.clone(),
        let_go: link.let_go.clone(),
        only: false,
        only_in: Vec::new(),
        period: false,
    };
    set_null(dialect, scope, &link, &scope.target.stamped, part)
}

/// Dependent rows that go, or are set to NULL and do not go themselves, each counted once.
pub(in crate::db) fn count_dependent(dialect: Dialect, scope: Scope<'_>, index: usize, part: Within<'_>) -> Statement {
    let dependent = &scope.dependents[index];
    let table = &dependent.table;
    count_where(dialect, table, |terms| {
        terms.term(|sql| reached(sql, scope, dependent, part));
        if dependent.then == Then::Null {
            but_for_those_that_go(terms, scope, table, part);
        }
        if part.look() == Look::Ahead {
            eligible::left_by(terms, scope.earlier, table, &table.table);
        }
    })
}

fn count_where(dialect: Dialect, table: &TableName, write: impl FnOnce(&mut Terms<'_>)) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT COUNT(*) FROM ").table(table).filter(|sql| {
        sql.all(write);
    });
    sql.finish()
}

/// Can rows of the table go themselves, as the rule's own or along with these?
pub(in crate::db) fn can_go(scope: Scope<'_>, table: &TableName) -> bool {
    scope.target.root == *table || along(scope, table).is_some()
}

fn along<'a>(scope: Scope<'a>, table: &TableName) -> Option<&'a Dependent> {
    let goes = |dependent: &&Dependent| dependent.then == Then::Delete && dependent.table == *table;
    scope.dependents.iter().find(goes)
}

/// Not the rows of the table that go themselves, in this batch or in another one; they go under the table's own name.
fn but_for_those_that_go(terms: &mut Terms<'_>, scope: Scope<'_>, table: &TableName, part: Within<'_>) {
    if scope.target.root == *table {
        is_left(terms, scope, part);
    }
    let Some(dependent) = along(scope, table) else { return };
    terms.not_true(|sql| reached(sql, scope, dependent, part));
    if let Within::Keys(_) = part {
        terms.not_true(|sql| reached(sql, scope, dependent, Within::Everything));
    }
}

/// The row of a dependent table, under the table's own name, is reached over a link, or in its tree from one that is.
pub(in crate::db) fn reached(sql: &mut Sql, scope: Scope<'_>, dependent: &Dependent, part: Within<'_>) {
    let Some(first) = dependent.tree.first() else { return linked(sql, scope, dependent, part) };
    let table = &dependent.table.table;
    let closure = sql.fresh_alias();
    let keys = key_names(first.parent_columns.len());
    sql.key(table, &first.parent_columns).push(" IN (WITH RECURSIVE ").name(&closure).push(" AS (SELECT ");
    select_as(sql, table, &first.parent_columns, &keys);
    sql.push(" FROM ").table(&dependent.table).filter(|sql| linked(sql, scope, dependent, part));
    sql.push(" UNION SELECT ").columns(table, &first.parent_columns).push(" FROM ").table(&dependent.table);
    sql.push(" JOIN ").name(&closure).push(" ON ");
    climbs(sql, dependent, &closure, &keys);
    sql.push(") SELECT ").columns(&closure, &keys).push(" FROM ").name(&closure).push(")");
}

/// The row refers, over a reference of its tree, to one of the keys that `above` bears.
fn climbs(sql: &mut Sql, dependent: &Dependent, above: &Name, keys: &[Name]) {
    sql.any(|terms| {
        terms.each(&dependent.tree, |sql, link| equal(sql, &dependent.table.table, &link.columns, above, keys));
    });
}

fn linked(sql: &mut Sql, scope: Scope<'_>, dependent: &Dependent, part: Within<'_>) {
    sql.any(|terms| {
        terms.each(&dependent.links, |sql, link| refers_to_what_goes(sql, scope, link, part));
    });
}

/// The row, under its table's own name, refers over the link to a row that goes.
fn refers_to_what_goes(sql: &mut Sql, scope: Scope<'_>, link: &Link, part: Within<'_>) {
    let table = &link.table.table;
    if let Some(keys) = direct(sql.dialect, scope, link, part) {
        return keys.among(sql, table, &link.columns);
    }
    sql.all(|terms| {
        terms.term(|sql| {
            sql.key(table, &link.columns).push(" IN (");
            parents(sql, scope, link, part);
            sql.push(")");
        });
        if part.look() == Look::Ahead {
            eligible::referring_still(terms, scope.earlier, (&link.table, &link.columns), table);
        }
    });
}

/// The keys themselves, where the link refers to the very columns that they are of. SQLite takes affinity and collation of
/// a comparison from the columns, so there it is always made with those that the link refers to.
fn direct<'a>(dialect: Dialect, scope: Scope<'_>, link: &Link, part: Within<'a>) -> Option<KeyBatch<'a>> {
    let Within::Keys(keys) = part else { return None };
    let is_direct = link.parent == Parent::Root
        && link.only_in.is_empty()
        && scope.self_cascade().is_none()
        && keys.is_of(&link.parent_columns);
    (is_direct && dialect != Dialect::Sqlite).then_some(keys)
}

/// `SELECT` the keys, as `k1`, `k2`, …, of the parent rows that go.
fn parents(sql: &mut Sql, scope: Scope<'_>, link: &Link, part: Within<'_>) {
    let index = match link.parent {
        Parent::Root => return roots(sql, scope, part, (&link.parent_columns, &link.only_in)),
        Parent::Dependent(index) => index,
    };
    let parent = &scope.dependents[index];
    let table = &parent.table;
    sql.push("SELECT ");
    select_as(sql, &table.table, &link.parent_columns, &key_names(link.parent_columns.len()));
    sql.push(" FROM ").table(table).filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| reached(sql, scope, parent, part));
            if part.look() == Look::Ahead {
                eligible::left_by(terms, scope.earlier, table, &table.table);
            }
            terms.term(|sql| eligible::is_in(sql, &table.table, &link.only_in));
        });
    });
}

/// Rows that refer over the link to a row that goes, and do not go themselves.
pub(in crate::db) fn count_set_null(dialect: Dialect, scope: Scope<'_>, link: &Link, part: Within<'_>) -> Statement {
    count_where(dialect, &link.table, |terms| {
        terms.term(|sql| refers_to_what_goes(sql, scope, link, part));
        but_for_those_that_go(terms, scope, &link.table, part);
    })
}

/// Rows that refer over the link to a row that goes: for "is any left?" before that one goes.
pub(in crate::db) fn count_over(dialect: Dialect, scope: Scope<'_>, link: &Link, part: Within<'_>) -> Statement {
    count_where(dialect, &link.table, |terms| {
        terms.term(|sql| refers_to_what_goes(sql, scope, link, part));
    })
}

/// Deletes the dependent rows reached over one link.
pub(in crate::db) fn delete_over(dialect: Dialect, scope: Scope<'_>, link: &Link, part: Within<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    let table = &link.table.table;
    if let Some(source) = Joined::to(dialect, scope, link, part) {
        // MariaDB and MySQL 8.0.20 and older run a DELETE with IN (SELECT …) once a row of the child table; the join form
        // goes from the few parents to their children.
        sql.push("DELETE ").name(table).push(" FROM ");
        source.write(&mut sql, scope, link, part);
        return sql.finish();
    }
    sql.push("DELETE FROM ").table(&link.table).filter(|sql| refers_to_what_goes(sql, scope, link, part));
    sql.finish()
}

/// Deletes rows of a dependent table with a tree, whichever link they are reached over.
pub(in crate::db) fn delete_tree(
    dialect: Dialect,
    scope: Scope<'_>,
    dependent: &Dependent,
    which: Which,
    part: Within<'_>,
) -> Statement {
    let mut sql = Sql::new(dialect);
    let table = &dependent.table.table;
    sql.push("DELETE FROM ").table(&dependent.table).filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| reached(sql, scope, dependent, part));
            for link in dependent.own_links().filter(|_| which == Which::Leaves) {
                terms.term(|sql| nothing_refers(sql, &link.table, &link.columns, table, &link.parent_columns));
            }
        });
    });
    sql.finish()
}

/// Sets the references over one link to NULL; the rows stay, and say of themselves that they are as they were.
pub(in crate::db) fn set_null(
    dialect: Dialect,
    scope: Scope<'_>,
    link: &Link,
    stamped: &[Name],
    part: Within<'_>,
) -> Statement {
    let mut sql = Sql::new(dialect);
    let table = &link.table.table;
    let to_null = |sql: &mut Sql| {
        sql.push(" SET ");
        sql.list(&link.let_go, ", ", |sql, column| {
            if dialect == Dialect::Mysql {
                sql.column(table, column).push(" = NULL");
            } else {
                sql.name(column).push(" = NULL");
            }
        });
        redact::unstamped(sql, table, stamped, |name| link.let_go.contains(name));
    };
    sql.update();
    if let Some(source) = Joined::to(dialect, scope, link, part) {
        source.write(&mut sql, scope, link, part);
        to_null(&mut sql);
    } else {
        sql.table(&link.table);
        to_null(&mut sql);
        sql.filter(|sql| refers_to_what_goes(sql, scope, link, part));
    }
    sql.finish()
}

/// MariaDB and MySQL: the parents that go, joined to their children.
enum Joined<'a> {
    /// The keys themselves, as a table.
    Keys(KeyBatch<'a>),
    /// A query of the keys of the parents.
    Query,
}

impl<'a> Joined<'a> {
    fn to(dialect: Dialect, scope: Scope<'_>, link: &Link, part: Within<'a>) -> Option<Self> {
        if dialect != Dialect::Mysql {
            return None;
        }
        match direct(dialect, scope, link, part) {
            Some(keys) if keys.is_joined(dialect) => Some(Joined::Keys(keys)),
            // A list of values is looked up in the child's own index.
            Some(_) => None,
            None => Some(Joined::Query),
        }
    }

    fn write(&self, sql: &mut Sql, scope: Scope<'_>, link: &Link, part: Within<'_>) {
        let keys = sql.fresh_alias();
        match self {
            Joined::Keys(batch) => batch.table(sql, &keys),
            Joined::Query => {
                let inner = sql.fresh_alias();
                sql.push("(SELECT DISTINCT * FROM (");
                parents(sql, scope, link, part);
                sql.push(") AS ").name(&inner).push(") AS ").name(&keys);
            }
        }
        sql.push(" STRAIGHT_JOIN ").table(&link.table).push(" AS ").name(&link.table.table).push(" ON ");
        equal(sql, &link.table.table, &link.columns, &keys, &key_names(link.columns.len()));
    }
}

/// The columns that bear the key of the rule's row beside one that goes with it: `r1`, `r2`, …
pub(in crate::db) fn owner_names(count: usize) -> Vec<Name> {
    numbered("r", count)
}

fn owner_key(scope: Scope<'_>, part: Within<'_>) -> Vec<Name> {
    match part {
        Within::Keys(keys) => keys.names(),
        Within::Everything | Within::Named(_) | Within::Window(..) => row_key(scope.target, scope.dependents),
    }
}

/// The columns by which a plan tells the rule's rows apart, in all partitions of their table.
pub(in crate::db) fn row_key(target: &Target, dependents: &[Dependent]) -> Vec<Name> {
    let by_axis = target.axes.iter().find_map(|axis| match axis {
        Axis::Key(columns) => Some(columns.iter().map(|column| column.name.clone()).collect()),
        Axis::Anchor(_) | Axis::Pages | Axis::Whole => None,
    });
    let to_root = |link: &&Link| link.parent == Parent::Root;
    let referred =
        || dependents.iter().flat_map(|one| &one.links).find(to_root).map(|link| link.parent_columns.clone());
    by_axis.or_else(referred).unwrap_or_default()
}

/// One end of a link: columns of rows of one table that go.
#[derive(Clone, Copy)]
pub(in crate::db) struct End<'a> {
    pub of: Parent,
    pub columns: &'a [Name],
    /// Of rows that lie in these tables only; empty for all.
    pub only_in: &'a [TableName],
}

impl<'a> End<'a> {
    pub fn parent(link: &'a Link) -> Self {
        Self { of: link.parent, columns: &link.parent_columns, only_in: &link.only_in }
    }
}

/// `SELECT` the row key of each of the rule's rows that go, as `r1`, `r2`, …, and these columns of what goes with it in one
/// table, as `k1`, `k2`, …: of the row itself and its descendants, or of a dependent table.
pub(in crate::db) fn members(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>, end: End<'_>) {
    let (key, columns) = (owner_key(scope, part), end.columns);
    let (owners, names) = (owner_names(key.len()), key_names(columns.len()));
    match end.of {
        Parent::Root => match scope.self_cascade() {
            None => {
                let pairs: Vec<_> = key.iter().zip(&owners).chain(columns.iter().zip(&names)).collect();
                select_due(sql, scope, part, Selected { columns: &pairs, only_in: end.only_in });
            }
            Some(link) => {
                let tree = Members { table: &scope.target.root, alias: scope.alias(), columns: &[&link.columns] };
                tree.write(sql, &link.parent_columns, (end, &owners), &|sql, above| {
                    let pairs = key.iter().zip(&owners).chain(link.parent_columns.iter().zip(above));
                    let pairs: Vec<_> = pairs.collect();
                    select_due(sql, scope, part, Selected { columns: &pairs, only_in: &[] });
                });
            }
        },
        Parent::Dependent(index) => {
            let dependent = &scope.dependents[index];
            let columns: Vec<&[Name]> = dependent.tree.iter().map(|link| link.columns.as_slice()).collect();
            let Some(first) = dependent.tree.first() else {
                return linked_members(sql, scope, part, dependent, (end, &names));
            };
            let tree = Members { table: &dependent.table, alias: &dependent.table.table, columns: &columns };
            tree.write(sql, &first.parent_columns, (end, &owners), &|sql, above| {
                let anchors = sql.fresh_alias();
                sql.push("SELECT * FROM (");
                let all = End { of: end.of, columns: &first.parent_columns, only_in: &[] };
                linked_members(sql, scope, part, dependent, (all, above));
                sql.push(") AS ").name(&anchors);
            });
        }
    }
}

/// The members of a dependent table that are reached over its links, their columns under these names.
fn linked_members(
    sql: &mut Sql,
    scope: Scope<'_>,
    part: Within<'_>,
    dependent: &Dependent,
    (end, names): (End<'_>, &[Name]),
) {
    let table = &dependent.table.table;
    let owners = owner_names(owner_key(scope, part).len());
    sql.list(&dependent.links, " UNION ALL ", |sql, link| {
        let above = sql.fresh_alias();
        sql.push("SELECT ").columns(&above, &owners).push(", ");
        select_as(sql, table, end.columns, names);
        sql.push(" FROM ").table(&dependent.table).push(" JOIN (");
        members(sql, scope, part, End::parent(link));
        sql.push(") AS ").name(&above).push(" ON ");
        equal(sql, table, &link.columns, &above, &key_names(link.columns.len()));
        sql.filter(|sql| {
            sql.all(|terms| {
                terms.term(|sql| eligible::is_in(sql, table, end.only_in));
                if part.look() == Look::Ahead {
                    eligible::left_by(terms, scope.earlier, &dependent.table, table);
                    eligible::referring_still(terms, scope.earlier, (&dependent.table, &link.columns), table);
                }
            });
        });
    });
}

/// A table whose rows go along over references to itself.
struct Members<'a> {
    table: &'a TableName,
    alias: &'a Name,
    /// The columns of each of these references.
    columns: &'a [&'a [Name]],
}

impl Members<'_> {
    /// `anchors` selects the owners and, under the names that it is given, the key of each row that the walk begins with.
    fn write(
        &self,
        sql: &mut Sql,
        key: &[Name],
        (end, owners): (End<'_>, &[Name]),
        anchors: &dyn Fn(&mut Sql, &[Name]),
    ) {
        let (walk, above) = (sql.fresh_alias(), numbered("above", key.len()));
        sql.push("WITH RECURSIVE ").name(&walk).push(" AS (");
        anchors(sql, &above);
        sql.push(" UNION SELECT ").columns(&walk, owners).push(", ").columns(self.alias, key);
        self.joined(sql, &walk);
        sql.any(|terms| {
            terms.each(self.columns, |sql, columns| equal(sql, self.alias, columns, &walk, &above));
        });
        sql.push(") SELECT ").columns(&walk, owners).push(", ");
        select_as(sql, self.alias, end.columns, &key_names(end.columns.len()));
        self.joined(sql, &walk);
        equal(sql, self.alias, key, &walk, &above);
        sql.filter(|sql| eligible::is_in(sql, self.alias, end.only_in));
    }

    fn joined(&self, sql: &mut Sql, walk: &Name) {
        sql.push(" FROM ").table(self.table).push(" AS ").name(self.alias).push(" JOIN ").name(walk).push(" ON ");
    }
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
