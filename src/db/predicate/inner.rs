//! Inner references: from rows that can go along to rows that can, which no cascade answers.
//!
//! Such a reference keeps what it points at while the row that refers stays. A payment that goes with its sale keeps none of
//! the sale's lines; one that goes with another sale keeps them until that one goes, or for as long as that one stays.

use crate::base::name::Name;
use crate::db::predicate::deletion_set;
use crate::db::predicate::deletion_set::{End, Within, members, owner_names, reached};
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::{Look, Scope, equal, key_names, numbered};
use crate::db::predicate::row_keys::{KeyBatch, RowKeys};
use crate::db::sql::builder::{Sql, Terms};
use crate::db::{Dialect, Statement};
use crate::plan::{InnerLink, Parent, Target};

/// All of the rule's inner references.
fn links<'a>(scope: Scope<'a>) -> impl Iterator<Item = &'a InnerLink> {
    scope.target.inner.iter().chain(scope.dependents.iter().flat_map(|dependent| &dependent.inner))
}

pub(in crate::db) fn is_asked(scope: Scope<'_>) -> bool {
    scope.removes && links(scope).next().is_some()
}

/// The row of the target is kept by an inner reference, as a plan tells it before anything goes.
///
/// `may_go` says of a row of the rule that nothing else keeps it. Of these rows those stay that something of what goes with
/// them is referred to by a row that stays; and with each of them, what only it would take along. A row that several of them
/// would take along is counted as staying where one of them stays.
pub(in crate::db) fn keep(sql: &mut Sql, scope: Scope<'_>, may_go: &dyn Fn(&mut Terms<'_>, Scope<'_>)) {
    let whole = whole(scope);
    let key = deletion_set::row_key(scope.target, scope.dependents);
    let [candidates, pairs, kept] = [(); 3].map(|()| sql.fresh_alias());
    let (owners, from) = (owner_names(key.len()), numbered("from", key.len()));
    let all = Scope { target: &whole, is_joined: false, ..scope };
    let part = Within::Named(&candidates);
    sql.key(scope.alias(), &key).push(" IN (WITH RECURSIVE ").name(&candidates).push(" AS (SELECT ");
    sql.columns(scope.alias(), &columns_needed(all, &key)).push(" FROM ");
    eligible::from(sql, &whole);
    sql.filter(|sql| {
        sql.all(|terms| may_go(terms, all));
    });
    sql.push("), ").name(&pairs).push(" AS (");
    let all_links: Vec<_> = links(all).collect();
    sql.list(&all_links, " UNION ALL ", |sql, inner| pair(sql, all, part, inner, &from));
    sql.push("), ").name(&kept).push(" AS (SELECT * FROM (");
    referred_to_by_what_stays(sql, all, part, &|_, _| {});
    let found = sql.fresh_alias();
    sql.push(") AS ").name(&found).push(" UNION SELECT ").columns(&pairs, &owners).push(" FROM ").name(&pairs);
    sql.push(" JOIN ").name(&kept).push(" ON ");
    equal(sql, &pairs, &from, &kept, &owners);
    sql.push(") SELECT ").columns(&kept, &owners).push(" FROM ").name(&kept).push(")");
}

/// Two rows of the rule: something goes with the first that refers to something that goes with the second.
fn pair(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>, inner: &InnerLink, from: &[Name]) {
    let (child, parent) = (sql.fresh_alias(), sql.fresh_alias());
    let owners = owner_names(from.len());
    let keys = key_names(inner.link.columns.len());
    sql.push("SELECT ").columns(&parent, &owners).push(", ");
    eligible::select_as(sql, &child, &owners, from);
    sql.push(" FROM (");
    // Rows of inheritance children do not refer.
    let only_in = if inner.link.only { std::slice::from_ref(&inner.link.table) } else { &[] };
    members(sql, scope, part, End { of: inner.child, columns: &inner.link.columns, only_in });
    sql.push(") AS ").name(&child).push(" JOIN (");
    members(sql, scope, part, End::parent(&inner.link));
    sql.push(") AS ").name(&parent).push(" ON ");
    eligible::over(sql, inner.link.period, (&child, &keys), (&parent, &keys));
}

/// `SELECT` the keys of the rule's rows with which something goes that a row refers to which stays. `outward` may say how a
/// key is written.
fn referred_to_by_what_stays(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>, outward: &dyn Fn(&mut Sql, &Name)) {
    let all: Vec<_> = links(scope).collect();
    let count = match part {
        Within::Keys(keys) => keys.names().len(),
        _ => deletion_set::row_key(scope.target, scope.dependents).len(),
    };
    sql.list(&all, " UNION ALL ", |sql, inner| {
        let parent = sql.fresh_alias();
        let link = &inner.link;
        let child = &link.table.table;
        sql.push("SELECT ");
        match part {
            Within::Keys(_) => outward(sql, &parent),
            _ => {
                sql.columns(&parent, &owner_names(count));
            }
        }
        sql.push(" FROM (");
        members(sql, scope, part, End::parent(link));
        sql.push(") AS ").name(&parent).push(" JOIN ").push(if link.only { "ONLY " } else { "" });
        sql.table(&link.table).push(" AS ").name(child).push(" ON ");
        eligible::over(sql, link.period, (child, &link.columns), (&parent, &key_names(link.columns.len())));
        sql.filter(|sql| {
            sql.all(|terms| {
                terms.not_true(|sql| goes(sql, scope, part, inner.child));
                if part.look() == Look::Ahead {
                    eligible::left_by(terms, scope.earlier, &link.table, child);
                    eligible::referring_still(terms, scope.earlier, (&link.table, &link.columns), child);
                }
            });
        });
    });
}

/// The row, under its table's own name, goes.
fn goes(sql: &mut Sql, scope: Scope<'_>, part: Within<'_>, of: Parent) {
    match of {
        Parent::Root => deletion_set::is_one_of(sql, scope, part),
        Parent::Dependent(index) => reached(sql, scope, &scope.dependents[index], part),
    }
}

/// Of a batch: the keys with which something goes that a row refers to which is not in the batch.
pub(in crate::db) fn kept_of(dialect: Dialect, scope: Scope<'_>, keys: &RowKeys, batch: KeyBatch<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    let outward = |sql: &mut Sql, alias: &Name| keys.select_as(sql, alias, &owner_names(batch.names().len()));
    referred_to_by_what_stays(&mut sql, scope, Within::Keys(batch), &outward);
    sql.finish()
}

/// The rule's table with everything below it, as one, under the holds of all its parts.
fn whole(scope: Scope<'_>) -> Target {
    let mut holds = scope.target.holds.clone();
    for hold in scope.targets.iter().flat_map(|target| &target.holds) {
        if !holds.contains(hold) {
            holds.push(hold.clone());
        }
    }
    Target { table: scope.target.root.clone(), only: false, holds, ..scope.target.clone() }
}

/// The columns of the rule's own rows by which what goes with them is found.
fn columns_needed(scope: Scope<'_>, key: &[Name]) -> Vec<Name> {
    let to_root = scope.dependents.iter().flat_map(|dependent| &dependent.links);
    let to_root = to_root.filter(|link| link.parent == Parent::Root).flat_map(|link| &link.parent_columns);
    let inner = links(scope).flat_map(|inner| {
        let referring = Some(&inner.link.columns).filter(|_| inner.child == Parent::Root);
        let referred = Some(&inner.link.parent_columns).filter(|_| inner.link.parent == Parent::Root);
        referring.into_iter().chain(referred).flatten()
    });
    let along = scope.dependents.iter().flat_map(|dependent| &dependent.links);
    let by_place = along
        .chain(links(scope).map(|inner| &inner.link))
        .any(|link| link.parent == Parent::Root && !link.only_in.is_empty())
        || links(scope).any(|inner| inner.child == Parent::Root && inner.link.only);
    let place = by_place.then(|| Name::new("tableoid").expect("letters are a name"));
    let walked = scope.self_cascade().into_iter().flat_map(|link| &link.parent_columns);
    let mut needed: Vec<Name> = Vec::new();
    for column in key.iter().chain(to_root).chain(inner).chain(walked).chain(&place) {
        if !needed.contains(column) {
            needed.push(column.clone());
        }
    }
    needed
}
