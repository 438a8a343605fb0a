//! Keep or purge: the predicate of a rule, written once for counting and for acting.
//!
//! A row goes where it is *eligible* (its age is known and past, the rule's condition is true), not *held* (no hold covers
//! it, nor any row that would go with it) and not *blocked* (nothing that stays refers to it, nor to a row that would go
//! with it). All three stand in every statement that changes rows.

use std::sync::Arc;

use crate::base::name::Name;
use crate::base::name::TableName;
use crate::db::Dialect;
use crate::db::predicate::doomed::{self, Within};
use crate::db::predicate::few::Few;
use crate::db::predicate::own_kind::{
    alias_if_other, another_refers, has_descendant, links_that_block, on_a_circle, refers_to_itself,
};
use crate::db::predicate::{anchor, whose};
use crate::db::query::count::{scope, whole};
use crate::db::sql::builder::Sql;
use crate::db::write::redact;
use crate::plan::{Anchor, Dependent, Hold, Link, Parent, Redaction, RulePlan, SelfEffect, SelfLink, Target};
use crate::schedule::Then;

/// What the predicate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::db) enum Look {
    /// The whole rule at once: a row is blocked by its own kind only where some descendant stays for good.
    Ahead,
    /// One statement: a row is blocked while any row refers to it, and a later pass finds it free.
    Now,
}

/// A rule's rows in one table, as the statements see them.
#[derive(Clone, Copy)]
pub(in crate::db) struct Scope<'a> {
    pub target: &'a Target,
    pub dependents: &'a [Dependent],
    /// Do the rows go away? (A redaction leaves references as they are.)
    pub removes: bool,
    /// As [`RulePlan::earlier`].
    pub earlier: &'a [Arc<RulePlan>],
    /// Of an erasure, the people of one batch; `None` for all of them.
    pub few: Option<Few<'a>>,
    /// The statement joins the target to its people already, so that the predicate need not say it again.
    pub is_joined: bool,
    /// It is asked whether any of several rules takes the row, so that it is all one which of them is the first. Asking that
    /// as well would double the statement with each rule of the table.
    pub is_one_of_several: bool,
}

impl Scope<'_> {
    pub fn alias(&self) -> &Name {
        &self.target.alias
    }

    pub fn self_cascade(&self) -> Option<&SelfLink> {
        self.target.self_links.iter().find(|link| link.effect == SelfEffect::Cascade && self.removes)
    }

    pub fn self_blocks(&self) -> bool {
        self.removes && self.target.self_links.iter().any(|link| link.effect == SelfEffect::Block)
    }
}

/// `FROM` the target, under the name that conditions use.
pub(in crate::db) fn from(sql: &mut Sql, target: &Target) {
    if target.only {
        sql.push("ONLY ");
    }
    sql.table(&target.table);
    if target.table.table != target.alias {
        sql.push(" AS ").name(&target.alias);
    }
}

/// The rows that the rule acts upon.
pub(in crate::db) fn due(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    considered(sql, scope, look);
    but_held(sql, scope);
    if has_blockers(scope) {
        sql.push(" AND (");
        blocked(sql, scope, look);
        sql.push(") IS NOT TRUE");
    }
}

/// ` AND NOT` what a hold covers.
pub(in crate::db) fn but_held(sql: &mut Sql, scope: Scope<'_>) {
    if has_holds(scope) {
        sql.push(" AND (");
        held(sql, scope);
        sql.push(") IS NOT TRUE");
    }
}

/// Of any age, but the rule's: its condition is true, it would change them, and no earlier rule of the plan takes them.
pub(in crate::db) fn spoken_of(sql: &mut Sql, scope: Scope<'_>) {
    sql.push("1 = 1");
    meant(sql, scope.target);
    not_taken(sql, scope.earlier, &scope.target.root, scope.alias());
}

/// Eligible; and, looking ahead, not taken by an earlier rule of the plan.
pub(in crate::db) fn considered(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    eligible(sql, scope, look);
    if look == Look::Ahead && !scope.is_one_of_several {
        not_taken(sql, scope.earlier, &scope.target.root, scope.alias());
    }
}

/// ` AND NOT` what earlier rules take from `table`, by themselves or by their cascades. Written only where the row goes
/// under the table's own name, which those rules' conditions use.
pub(in crate::db) fn not_taken(sql: &mut Sql, earlier: &[Arc<RulePlan>], table: &TableName, alias: &Name) {
    for rule in earlier.iter().filter(|rule| rule.act.removes()) {
        let Some(target) = whole(rule) else { continue };
        let taken = scope(rule, &target);
        if target.root == *table && target.alias == *alias {
            sql.push(" AND (");
            doomed::is_root(sql, taken);
            sql.push(") IS NOT TRUE");
        }
        let goes = |dependent: &&Dependent| dependent.then == Then::Delete && dependent.table == *table;
        for dependent in rule.dependents.iter().filter(goes).filter(|dependent| dependent.table.table == *alias) {
            sql.push(" AND (");
            doomed::reached(sql, taken, dependent, Within::Everything);
            sql.push(") IS NOT TRUE");
        }
    }
}

/// ` AND NOT` those of whom an earlier redaction changes these columns: they refer to something else then. Names as
/// in [`not_taken`].
pub(in crate::db) fn not_let_go(
    sql: &mut Sql,
    earlier: &[Arc<RulePlan>],
    table: &TableName,
    columns: &[Name],
    alias: &Name,
) {
    not_redacted(sql, earlier, table, alias, &|redaction| columns.contains(&redaction.column));
}

/// ` AND NOT` the rows that earlier rules redact as `wanted` says. Names as in [`not_taken`].
fn not_redacted(
    sql: &mut Sql,
    earlier: &[Arc<RulePlan>],
    table: &TableName,
    alias: &Name,
    wanted: &dyn Fn(&Redaction) -> bool,
) {
    for rule in earlier.iter().filter(|rule| !rule.act.removes()) {
        let Some(target) = whole(rule) else { continue };
        if target.redactions.iter().any(wanted) && target.root == *table && target.alias == *alias {
            sql.push(" AND (");
            due(sql, Scope { is_one_of_several: true, ..scope(rule, &target) }, Look::Ahead);
            sql.push(") IS NOT TRUE");
        }
    }
}

/// Its person is due, or its age known and past its bound; and the condition true.
fn eligible(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    let target = scope.target;
    match &target.whose {
        Some(_) if scope.is_joined => {
            sql.push("1 = 1");
        }
        Some(whose) => whose::theirs(sql, scope, whose, look),
        None => expired(sql, &target.alias, &target.anchors),
    }
    if target.whose.is_some() && !target.anchors.is_empty() {
        sql.push(" AND ");
        expired(sql, &target.alias, &target.anchors);
    }
    if let Some(condition) = &target.condition {
        sql.push(" AND ").condition(condition);
    }
    let earlier = if look == Look::Ahead && !scope.is_one_of_several { scope.earlier } else { &[] };
    changes(sql, target, earlier);
}

/// ` AND` what tells the rule's rows from others of the table, whatever their age.
pub(in crate::db) fn meant(sql: &mut Sql, target: &Target) {
    if let Some(condition) = &target.condition {
        sql.push(" AND ").condition(condition);
    }
    changes(sql, target, &[]);
}

/// ` AND` some column would change: else a redacted row would be redacted in every run for ever. A column in which an earlier
/// redaction has put the same is as it should be.
pub(in crate::db) fn changes(sql: &mut Sql, target: &Target, earlier: &[Arc<RulePlan>]) {
    if target.redactions.is_empty() {
        return;
    }
    sql.push(" AND (");
    sql.list(&target.redactions, " OR ", |sql, redaction| {
        redact::differs(sql, &target.alias, redaction);
        let puts_the_same = |other: &Redaction| other.column == redaction.column && other.how == redaction.how;
        not_redacted(sql, earlier, &target.root, &target.alias, &puts_the_same);
    });
    sql.push(")");
}

/// The latest known anchor lies before its bound: every one is before or absent, and one at least is before. An odd value
/// is neither, and keeps the row.
pub(in crate::db) fn expired(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    if let [only] = anchors {
        return anchor::before(sql, alias, only);
    }
    sql.push("(");
    for one in anchors {
        sql.push("(");
        anchor::absent(sql, alias, one);
        sql.push(" OR ");
        anchor::before(sql, alias, one);
        sql.push(") AND ");
    }
    sql.push("(");
    sql.list(anchors, " OR ", |sql, one| anchor::before(sql, alias, one));
    sql.push("))");
}

/// The row's age cannot be told: no anchor gives a time.
pub(in crate::db) fn ageless(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    sql.push("COALESCE(");
    sql.list(anchors, ", ", |sql, one| anchor::micros(sql, alias, one));
    if anchors.len() == 1 {
        // COALESCE of one value is refused by SQLite.
        sql.push(", NULL");
    }
    sql.push(") IS NULL");
}

/// Latest known anchor in microseconds, or NULL.
pub(in crate::db) fn latest(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    let Some((last, rest)) = anchors.split_last() else {
        sql.push("NULL");
        return;
    };
    if rest.is_empty() {
        return anchor::micros(sql, alias, last);
    }
    // GREATEST is NULL where one value is, on two of the three.
    sql.push("CASE WHEN COALESCE(");
    latest(sql, alias, rest);
    sql.push(", 0) > COALESCE(");
    anchor::micros(sql, alias, last);
    sql.push(", 0) THEN ");
    latest(sql, alias, rest);
    sql.push(" ELSE ");
    anchor::micros(sql, alias, last);
    sql.push(" END");
}

pub(in crate::db) fn has_holds(scope: Scope<'_>) -> bool {
    !scope.target.holds.is_empty() || scope.dependents.iter().any(|dependent| !dependent.holds.is_empty())
}

pub(in crate::db) fn has_blockers(scope: Scope<'_>) -> bool {
    whose::may_be_shared(scope.target)
        || !scope.target.passages.is_empty()
        || !scope.target.blockers.is_empty()
        || scope.removes
            && (scope.self_blocks()
                || scope.dependents.iter().any(|dependent| dependent.then == Then::Delete && blocks(dependent)))
}

fn blocks(dependent: &Dependent) -> bool {
    !dependent.blockers.is_empty() || !dependent.self_links.is_empty() || !dependent.passages.is_empty()
}

/// Covered by a hold: the row itself, a row that would go or change with it, or (in a cascade over the table itself) a
/// descendant.
pub(in crate::db) fn held(sql: &mut Sql, scope: Scope<'_>) {
    held_by_itself(sql, scope);
    if let Some(link) = scope.self_cascade() {
        sql.push(" OR ");
        has_descendant(sql, scope, &[link], Look::Now, &|sql| {
            sql.push("(");
            held_by_itself(sql, scope);
            sql.push(")");
        });
    }
}

/// Not asking what descends from the row.
fn held_by_itself(sql: &mut Sql, scope: Scope<'_>) {
    held_directly(sql, scope);
    if scope.removes && !scope.target.holds.is_empty() {
        for link in scope.target.self_links.iter().filter(|link| link.effect == SelfEffect::Null) {
            sql.push(" OR ");
            held_row_would_let_go(sql, scope, link);
        }
    }
}

/// A held row of the same table refers to this one, and would have to be changed to let go of it.
fn held_row_would_let_go(sql: &mut Sql, scope: Scope<'_>, link: &SelfLink) {
    let alias = scope.alias();
    sql.push("(").columns(alias, &link.parent_columns).push(") IN (");
    whose::put_aside(sql, |sql| {
        sql.push("SELECT ").columns(alias, &link.columns).push(" FROM ").table(&scope.target.root);
        alias_if_other(sql, scope.target);
        sql.push(" WHERE ");
        sql.list(&scope.target.holds, " OR ", |sql, hold| covers(sql, alias, hold));
    });
    sql.push(")");
}

fn held_directly(sql: &mut Sql, scope: Scope<'_>) {
    sql.push("(");
    sql.list(&scope.target.holds, " OR ", |sql, hold| covers(sql, scope.alias(), hold));
    if scope.target.holds.is_empty() {
        sql.push("FALSE");
    }
    let aliases = vec![scope.alias().clone()];
    let relevant = |dependent: &Dependent| !dependent.holds.is_empty();
    // What an earlier rule took was not held: nothing to look ahead for.
    let way = Way { scope, look: Look::Now, relevant: &relevant };
    descend(sql, way, Parent::Root, scope.alias(), &aliases, &|sql, dependent, alias| {
        let natural = *alias == dependent.table.table;
        sql.list(&dependent.holds, " OR ", |sql, hold| {
            if speaks_of_the_row(hold) && !natural {
                // The condition's names would mean the wrong row here: keep by default.
                sql.push("TRUE");
            } else {
                covers(sql, alias, hold);
            }
        });
    });
    sql.push(")");
}

/// Does a condition of the hold name columns of the row that it covers?
fn speaks_of_the_row(hold: &Hold) -> bool {
    match &hold.people {
        Some(people) => people.ways.iter().any(|way| way.condition.is_some() || way.steps.is_empty()),
        None => hold.condition.is_some(),
    }
}

/// One hold, on the row that `alias` names.
pub(in crate::db) fn covers(sql: &mut Sql, alias: &Name, hold: &Hold) {
    sql.push("(");
    if !hold.only_in.is_empty() {
        sql.name(alias).push(".tableoid IN (");
        sql.list(&hold.only_in, ", ", |sql, table| {
            sql.regclass(table);
        });
        sql.push(") AND ");
    }
    match &hold.people {
        Some(people) => whose::are_held(sql, alias, hold, people),
        None => asks(sql, alias, hold),
    }
    sql.push(")");
}

/// What a hold asks of the row that `alias` names, or of its person: its term is not over, its condition true.
pub(in crate::db) fn asks(sql: &mut Sql, alias: &Name, hold: &Hold) {
    if hold.anchors.is_empty() {
        sql.push("TRUE");
    } else {
        sql.push("(");
        expired(sql, alias, &hold.anchors);
        sql.push(") IS NOT TRUE");
    }
    if let Some(condition) = &hold.condition {
        sql.push(" AND ").condition(condition);
    }
}

/// Something that stays refers to the row, or to a row that would go with it.
pub(in crate::db) fn blocked(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    let stays = |sql: &mut Sql| {
        sql.push("(");
        due_but_for_its_own_kind(sql, scope);
        sql.push(") IS NOT TRUE");
        not_taken(sql, scope.earlier, &scope.target.root, scope.alias());
    };
    blocked_from_outside(sql, scope, look);
    if let Some(link) = scope.self_cascade() {
        sql.push(" OR ");
        has_descendant(sql, scope, &[link], look, &|sql| {
            sql.push("(");
            blocked_from_outside(sql, scope, look);
            for link in links_that_block(scope).into_iter().flatten() {
                sql.push(" OR ");
                another_refers(sql, scope, link, &|sql| match look {
                    Look::Now => {
                        sql.push("TRUE");
                    }
                    Look::Ahead => stays(sql),
                });
            }
            sql.push(")");
        });
    }
    for links in links_that_block(scope) {
        match look {
            Look::Now => {
                for link in links {
                    sql.push(" OR ");
                    another_refers(sql, scope, link, &|sql| {
                        sql.push("TRUE");
                    });
                }
            }
            Look::Ahead => {
                sql.push(" OR ");
                has_descendant(sql, scope, &links, look, &stays);
                if let [link] = links[..] {
                    sql.push(" OR ");
                    on_a_circle(sql, scope, link);
                }
            }
        }
    }
}

/// Looks ahead, and counts what earlier rules take as gone.
fn due_but_for_its_own_kind(sql: &mut Sql, scope: Scope<'_>) {
    let scope = Scope { is_joined: false, ..scope };
    eligible(sql, scope, Look::Ahead);
    but_held(sql, scope);
    sql.push(" AND (");
    blocked_from_outside(sql, scope, Look::Ahead);
    sql.push(") IS NOT TRUE");
}

fn blocked_from_outside(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    sql.push("(");
    sql.list(&scope.target.blockers, " OR ", |sql, link| referred_to(sql, scope, link, scope.alias(), look));
    if scope.target.blockers.is_empty() {
        sql.push("FALSE");
    }
    if let Some(whose) = scope.target.whose.as_ref().filter(|_| whose::may_be_shared(scope.target)) {
        sql.push(" OR ");
        whose::someone_elses_too(sql, scope, whose);
    }
    for passage in &scope.target.passages {
        sql.push(" OR ");
        whose::leads_to_what_stays(sql, scope, passage, scope.alias(), look);
    }
    if sql.dialect == Dialect::Mysql {
        for link in links_that_block(scope).into_iter().flatten() {
            sql.push(" OR ");
            refers_to_itself(sql, scope.alias(), &link.columns, &link.parent_columns);
        }
    }
    let aliases = vec![scope.alias().clone()];
    let relevant = |dependent: &Dependent| dependent.then == Then::Delete && blocks(dependent);
    let way = Way { scope, look, relevant: &relevant };
    descend(sql, way, Parent::Root, scope.alias(), &aliases, &|sql, dependent, alias| {
        sql.list(&dependent.blockers, " OR ", |sql, link| referred_to(sql, scope, link, alias, look));
        if !dependent.blockers.is_empty() && !dependent.self_links.is_empty() {
            sql.push(" OR ");
        }
        sql.list(&dependent.self_links, " OR ", |sql, link| {
            referred_to_by_a_stranger(sql, way, dependent, link, alias);
        });
        let is_first = dependent.blockers.is_empty() && dependent.self_links.is_empty();
        for (at, passage) in dependent.passages.iter().enumerate() {
            sql.push(if is_first && at == 0 { "" } else { " OR " });
            whose::leads_to_what_stays(sql, scope, passage, alias, look);
        }
    });
    sql.push(")");
}

/// `EXISTS` a row of the link's table that refers to the row that `alias` names; looking ahead, one that stays.
fn referred_to(sql: &mut Sql, scope: Scope<'_>, link: &Link, alias: &Name, look: Look) {
    let natural = &link.table.table;
    let hidden = natural == alias || natural == scope.alias();
    let child = if hidden { sql.fresh_alias() } else { natural.clone() };
    sql.push("EXISTS (SELECT 1 FROM ").table(&link.table).push(" AS ").name(&child).push(" WHERE ");
    equal(sql, &child, &link.columns, alias, &link.parent_columns);
    if look == Look::Ahead {
        not_taken(sql, scope.earlier, &link.table, &child);
        not_let_go(sql, scope.earlier, &link.table, &link.columns, &child);
    }
    sql.push(")");
}

/// `EXISTS` a row of the same dependent table that refers to this one and does not belong to the same root row, so that
/// it would stay and point at nothing. A row that refers to itself is no stranger to itself.
fn referred_to_by_a_stranger(sql: &mut Sql, way: Way<'_>, dependent: &Dependent, link: &Link, alias: &Name) {
    let scope = way.scope;
    if sql.dialect == Dialect::Mysql {
        refers_to_itself(sql, alias, &link.columns, &link.parent_columns);
        sql.push(" OR ");
    }
    let other = sql.fresh_alias();
    sql.push("EXISTS (SELECT 1 FROM ").table(&link.table).push(" AS ").name(&other).push(" WHERE ");
    equal(sql, &other, &link.columns, alias, &link.parent_columns);
    sql.push(" AND ");
    refers_to_itself(sql, &other, &link.columns, &link.parent_columns);
    sql.push(" IS NOT TRUE");
    for family in dependent.links.iter().filter(|link| link.parent == Parent::Root) {
        sql.push(" AND (");
        equal(sql, &other, &family.columns, scope.alias(), &family.parent_columns);
        sql.push(") IS NOT TRUE");
    }
    if way.look == Look::Ahead && scope.earlier.iter().any(|rule| rule.act.removes() && rule.removes_from(&link.table))
    {
        // In a query of its own, where the table goes under its own name.
        let natural = &link.table.table;
        sql.push(" AND (").columns(&other, &link.parent_columns).push(") IN (SELECT ");
        sql.columns(natural, &link.parent_columns).push(" FROM ").table(&link.table).push(" AS ").name(natural);
        sql.push(" WHERE TRUE");
        not_taken(sql, scope.earlier, &link.table, natural);
        sql.push(")");
    }
    sql.push(")");
}

/// `b.u = a.x AND b.v = a.y`, the parent's columns on the left: there SQLite takes the collation from, and a reference
/// holds by the collation of the key that it refers to.
pub(in crate::db) fn equal(sql: &mut Sql, left: &Name, left_columns: &[Name], right: &Name, right_columns: &[Name]) {
    let pairs: Vec<_> = left_columns.iter().zip(right_columns).collect();
    sql.list(&pairs, " AND ", |sql, (l, r)| {
        sql.column(right, r).push(" = ").column(left, l);
    });
}

type Say<'a> = &'a dyn Fn(&mut Sql, &Dependent, &Name);

/// Which dependents are looked for, and as of when.
#[derive(Clone, Copy)]
struct Way<'a> {
    scope: Scope<'a>,
    look: Look,
    relevant: &'a dyn Fn(&Dependent) -> bool,
}

/// ` OR EXISTS (…)` for every way down from `parent` to a dependent that is relevant.
fn descend(sql: &mut Sql, way: Way<'_>, parent: Parent, parent_alias: &Name, aliases: &[Name], say: Say<'_>) {
    let dependents = way.scope.dependents;
    for (index, dependent) in dependents.iter().enumerate() {
        if !leads_to(dependents, index, way.relevant) {
            continue;
        }
        for link in dependent.links.iter().filter(|link| link.parent == parent) {
            let natural = &dependent.table.table;
            let alias = if aliases.contains(natural) { sql.fresh_alias() } else { natural.clone() };
            let mut inner = aliases.to_vec();
            inner.push(alias.clone());
            sql.push(" OR EXISTS (SELECT 1 FROM ").table(&dependent.table);
            sql.push(" AS ").name(&alias).push(" WHERE ");
            equal(sql, &alias, &link.columns, parent_alias, &link.parent_columns);
            if way.look == Look::Ahead {
                not_taken(sql, way.scope.earlier, &dependent.table, &alias);
                not_let_go(sql, way.scope.earlier, &dependent.table, &link.columns, &alias);
            }
            sql.push(" AND (");
            if (way.relevant)(dependent) {
                say(sql, dependent, &alias);
            } else {
                sql.push("FALSE");
            }
            if dependent.then == Then::Delete {
                descend(sql, way, Parent::Dependent(index), &alias, &inner, say);
            }
            sql.push("))");
        }
    }
}

fn leads_to(dependents: &[Dependent], index: usize, relevant: &dyn Fn(&Dependent) -> bool) -> bool {
    relevant(&dependents[index])
        || dependents.iter().enumerate().skip(index + 1).any(|(below, dependent)| {
            dependent.links.iter().any(|link| link.parent == Parent::Dependent(index))
                && leads_to(dependents, below, relevant)
        })
}

pub(in crate::db) fn key_names(count: usize) -> Vec<Name> {
    numbered("k", count)
}

pub(in crate::db) fn numbered(word: &str, count: usize) -> Vec<Name> {
    (1..=count).map(|n| Name::new(format!("{word}{n}")).expect("letters and digits are a name")).collect()
}

pub(in crate::db) fn select_as(sql: &mut Sql, alias: &Name, columns: &[Name], names: &[Name]) {
    let pairs: Vec<_> = columns.iter().zip(names).collect();
    sql.list(&pairs, ", ", |sql, (column, name)| {
        sql.column(alias, column).push(" AS ").name(name);
    });
}
