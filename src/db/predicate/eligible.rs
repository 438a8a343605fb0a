//! Keep or purge: the predicate of a rule, written once for counting and for acting.
//!
//! A row goes where it is *eligible* (its age is known and past, the rule's condition is true), not *held* (no hold covers
//! it, nor any row that would go with it) and not *blocked* (nothing that stays refers to it, nor to a row that would go
//! with it). All three stand in every statement that changes rows.

use std::sync::Arc;

use crate::base::name::Name;
use crate::base::name::TableName;
use crate::db::Dialect;
use crate::db::predicate::deletion_set;
use crate::db::predicate::deletion_set::Within;
use crate::db::predicate::few::Few;
use crate::db::predicate::self_reference::{
    Tree, alias_if_other, another_refers, has_descendant, links_that_block, on_a_circle, refers_to_itself,
};
use crate::db::predicate::{age, inner, whose};
use crate::db::query::count::{scope, whole};
use crate::db::sql::builder::{Sql, Terms};
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
    /// All tables that hold the rule's rows.
    pub targets: &'a [Target],
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

impl<'a> Scope<'a> {
    pub fn alias(&self) -> &'a Name {
        &self.target.alias
    }

    pub fn self_cascade(&self) -> Option<&'a SelfLink> {
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
    sql.all(|terms| {
        terms.term(|sql| considered(sql, scope, look));
        terms.not_true(|sql| held(sql, scope));
        terms.not_true(|sql| blocked(sql, scope, look));
    });
}

/// Of any age, but the rule's: its condition is true, it would change them, and no earlier rule of the plan takes them.
pub(in crate::db) fn spoken_of(sql: &mut Sql, scope: Scope<'_>) {
    sql.all(|terms| {
        terms.term(|sql| is_meant(sql, scope.target));
        left_by(terms, scope.earlier, &scope.target.root, scope.alias());
    });
}

/// Eligible; and, looking ahead, not taken by an earlier rule of the plan.
pub(in crate::db) fn considered(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    sql.all(|terms| {
        terms.term(|sql| eligible(sql, scope, look));
        if look == Look::Ahead && !scope.is_one_of_several {
            left_by(terms, scope.earlier, &scope.target.root, scope.alias());
        }
    });
}

/// ` AND NOT` what earlier rules take, as [`left_by`] says it.
pub(in crate::db) fn not_taken(sql: &mut Sql, earlier: &[Arc<RulePlan>], table: &TableName, alias: &Name) {
    sql.and(|sql| {
        sql.all(|terms| left_by(terms, earlier, table, alias));
    });
}

/// Not what earlier rules take from `table`, by themselves or by their cascades. Written only where the row goes under the
/// table's own name, which those rules' conditions use.
pub(in crate::db) fn left_by(terms: &mut Terms<'_>, earlier: &[Arc<RulePlan>], table: &TableName, alias: &Name) {
    for rule in earlier.iter().filter(|rule| rule.act.removes()) {
        let Some(target) = whole(rule) else { continue };
        let taken = scope(rule, &target);
        if target.root == *table && target.alias == *alias {
            terms.not_true(|sql| deletion_set::is_root(sql, taken));
        }
        let goes = |dependent: &&Dependent| dependent.then == Then::Delete && dependent.table == *table;
        for dependent in rule.dependents.iter().filter(goes).filter(|dependent| dependent.table.table == *alias) {
            terms.not_true(|sql| deletion_set::reached(sql, taken, dependent, Within::Everything));
        }
    }
}

/// No earlier redaction changes these columns of a table: else the row refers to something else then. Names as in
/// [`left_by`].
pub(in crate::db) fn referring_still(
    terms: &mut Terms<'_>,
    earlier: &[Arc<RulePlan>],
    (table, columns): (&TableName, &[Name]),
    alias: &Name,
) {
    not_redacted(terms, earlier, (table, alias), &|redaction| columns.contains(&redaction.column));
}

/// Not the rows that earlier rules redact as `wanted` says. Names as in [`left_by`].
fn not_redacted(
    terms: &mut Terms<'_>,
    earlier: &[Arc<RulePlan>],
    (table, alias): (&TableName, &Name),
    wanted: &dyn Fn(&Redaction) -> bool,
) {
    for rule in earlier.iter().filter(|rule| !rule.act.removes()) {
        let Some(target) = whole(rule) else { continue };
        if target.redactions.iter().any(wanted) && target.root == *table && target.alias == *alias {
            let scope = Scope { is_one_of_several: true, ..scope(rule, &target) };
            terms.not_true(|sql| due(sql, scope, Look::Ahead));
        }
    }
}

/// Its person is due, or its age known and past its bound; and the condition true.
fn eligible(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    let target = scope.target;
    let earlier = if look == Look::Ahead && !scope.is_one_of_several { scope.earlier } else { &[] };
    sql.all(|terms| {
        if let Some(whose) = target.whose.as_ref().filter(|_| !scope.is_joined) {
            terms.term(|sql| whose::theirs(sql, scope, whose, look));
        }
        if target.whose.is_none() || !target.anchors.is_empty() {
            terms.term(|sql| age::expired(sql, &target.alias, &target.anchors));
        }
        if let Some(condition) = &target.condition {
            terms.term(|sql| {
                sql.condition(condition);
            });
        }
        terms.term(|sql| would_change(sql, target, earlier));
    });
}

/// ` AND` what [`is_meant`] says.
pub(in crate::db) fn meant(sql: &mut Sql, target: &Target) {
    sql.and(|sql| is_meant(sql, target));
}

/// What tells the rule's rows from others of the table, whatever their age.
pub(in crate::db) fn is_meant(sql: &mut Sql, target: &Target) {
    sql.all(|terms| {
        if let Some(condition) = &target.condition {
            terms.term(|sql| {
                sql.condition(condition);
            });
        }
        terms.term(|sql| would_change(sql, target, &[]));
    });
}

/// Some column would change: else a redacted row would be redacted in every run for ever. A column in which an earlier
/// redaction has put the same is as it should be.
pub(in crate::db) fn would_change(sql: &mut Sql, target: &Target, earlier: &[Arc<RulePlan>]) {
    if target.redactions.is_empty() {
        return;
    }
    sql.any(|terms| {
        terms.each(&target.redactions, |sql, redaction| {
            sql.all(|terms| {
                terms.term(|sql| redact::differs(sql, &target.alias, redaction));
                let puts_the_same = |other: &Redaction| other.column == redaction.column && other.how == redaction.how;
                not_redacted(terms, earlier, (&target.root, &target.alias), &puts_the_same);
            });
        });
    });
}

/// As [`age::expired`].
pub(in crate::db) fn expired(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    age::expired(sql, alias, anchors);
}

/// As [`age::latest`].
pub(in crate::db) fn latest(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    age::latest(sql, alias, anchors);
}

pub(in crate::db) fn has_holds(scope: Scope<'_>) -> bool {
    !scope.target.holds.is_empty() || scope.dependents.iter().any(|dependent| !dependent.holds.is_empty())
}

/// Inner references are asked looking ahead only: of a batch they are asked by key.
pub(in crate::db) fn has_blockers(dialect: Dialect, scope: Scope<'_>, look: Look) -> bool {
    (look == Look::Ahead && inner::is_asked(scope)) || has_other_blockers(dialect, scope)
}

fn has_other_blockers(dialect: Dialect, scope: Scope<'_>) -> bool {
    whose::may_be_shared(scope.target)
        || !scope.target.passages.is_empty()
        || !scope.target.blockers.is_empty()
        || scope.removes
            && (scope.self_blocks()
                || scope
                    .dependents
                    .iter()
                    .any(|dependent| dependent.then == Then::Delete && blocks(dialect, dependent)))
}

fn blocks(dialect: Dialect, dependent: &Dependent) -> bool {
    let stays_alone = dialect == Dialect::Mysql && inner_to_itself(dependent).next().is_some();
    stays_alone || !dependent.blockers.is_empty() || !dependent.passages.is_empty()
}

/// References over which InnoDB never deletes a row that refers to itself.
fn inner_to_itself(dependent: &Dependent) -> impl Iterator<Item = &Link> {
    dependent.own_links().filter(|link| !dependent.tree.contains(link))
}

/// Covered by a hold: the row itself, a row that would go or change with it, or (in a cascade over the table itself) a
/// descendant.
pub(in crate::db) fn held(sql: &mut Sql, scope: Scope<'_>) {
    if !has_holds(scope) {
        sql.push("FALSE");
        return;
    }
    sql.any(|terms| {
        terms.term(|sql| held_by_itself(sql, scope));
        if let Some(link) = scope.self_cascade() {
            terms.term(|sql| {
                has_descendant(sql, scope, &[link], Look::Now, &|sql| held_by_itself(sql, scope));
            });
        }
    });
}

/// Not asking what descends from the row.
fn held_by_itself(sql: &mut Sql, scope: Scope<'_>) {
    sql.any(|terms| {
        terms.term(|sql| held_directly(sql, scope));
        if scope.removes && !scope.target.holds.is_empty() {
            for link in scope.target.self_links.iter().filter(|link| link.effect == SelfEffect::Null) {
                terms.term(|sql| held_row_would_let_go(sql, scope, link));
            }
        }
    });
}

/// A held row of the same table refers to this one, and would have to be changed to let go of it.
fn held_row_would_let_go(sql: &mut Sql, scope: Scope<'_>, link: &SelfLink) {
    let alias = scope.alias();
    sql.key(alias, &link.parent_columns).push(" IN (");
    whose::put_aside(sql, |sql| {
        sql.push("SELECT ").columns(alias, &link.columns).push(" FROM ").table(&scope.target.root);
        alias_if_other(sql, scope.target);
        sql.filter(|sql| {
            sql.any(|terms| {
                terms.each(&scope.target.holds, |sql, hold| covers(sql, alias, hold));
            });
        });
    });
    sql.push(")");
}

fn held_directly(sql: &mut Sql, scope: Scope<'_>) {
    let aliases = [scope.alias().clone()];
    let relevant = |dependent: &Dependent| !dependent.holds.is_empty();
    // What an earlier rule took was not held: nothing to look ahead for.
    let way = Way { scope, look: Look::Now, relevant: &relevant };
    sql.any(|terms| {
        terms.each(&scope.target.holds, |sql, hold| covers(sql, scope.alias(), hold));
        descend(terms, way, (Parent::Root, scope.alias()), &aliases, &|terms, dependent, alias| {
            let natural = *alias == dependent.table.table;
            terms.each(&dependent.holds, |sql, hold| {
                if speaks_of_the_row(hold) && !natural {
                    // The condition's names would mean the wrong row here: keep by default.
                    sql.push("TRUE");
                } else {
                    covers(sql, alias, hold);
                }
            });
        });
    });
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
    sql.all(|terms| {
        terms.term(|sql| is_in(sql, alias, &hold.only_in));
        terms.term(|sql| match &hold.people {
            Some(people) => whose::are_held(sql, alias, hold, people),
            None => asks(sql, alias, hold),
        });
    });
}

/// What a hold asks of the row that `alias` names, or of its person: its term is not over, its condition true.
pub(in crate::db) fn asks(sql: &mut Sql, alias: &Name, hold: &Hold) {
    sql.all(|terms| {
        if !hold.anchors.is_empty() {
            terms.not_true(|sql| age::expired(sql, alias, &hold.anchors));
        }
        if let Some(condition) = &hold.condition {
            terms.term(|sql| {
                sql.condition(condition);
            });
        }
    });
}

/// Something that stays refers to the row, or to a row that would go with it.
pub(in crate::db) fn blocked(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    sql.any(|terms| {
        terms.term(|sql| blocked_but_for_inner(sql, scope, look));
        if look == Look::Ahead && inner::is_asked(scope) {
            terms.term(|sql| {
                inner::keep(sql, scope, &|terms, scope| {
                    terms.term(|sql| considered(sql, scope, Look::Ahead));
                    terms.not_true(|sql| held(sql, scope));
                    terms.not_true(|sql| blocked_but_for_inner(sql, scope, Look::Ahead));
                });
            });
        }
    });
}

/// The same, but for references from rows that can go along themselves.
fn blocked_but_for_inner(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    if !has_other_blockers(sql.dialect, scope) {
        sql.push("FALSE");
        return;
    }
    let stays = |sql: &mut Sql| {
        sql.all(|terms| {
            terms.not_true(|sql| due_but_for_its_own_kind(sql, scope));
            left_by(terms, scope.earlier, &scope.target.root, scope.alias());
        });
    };
    sql.any(|terms| {
        terms.term(|sql| blocked_from_outside(sql, scope, look));
        if let Some(link) = scope.self_cascade() {
            terms.term(|sql| blocked_below(sql, scope, link, (look, &stays)));
        }
        for links in links_that_block(scope) {
            blocked_by_its_own_kind(terms, scope, &links, (look, &stays));
        }
    });
}

/// Some row that would go along, because it descends from this one, is blocked.
fn blocked_below(sql: &mut Sql, scope: Scope<'_>, link: &SelfLink, (look, stays): (Look, &dyn Fn(&mut Sql))) {
    has_descendant(sql, scope, &[link], look, &|sql| {
        sql.any(|terms| {
            terms.term(|sql| blocked_from_outside(sql, scope, look));
            for link in links_that_block(scope).into_iter().flatten() {
                terms.term(|sql| {
                    another_refers(sql, scope, link, &|sql| match look {
                        Look::Now => {
                            sql.push("TRUE");
                        }
                        Look::Ahead => stays(sql),
                    });
                });
            }
        });
    });
}

/// A row of the same table that stays refers to this one over one of the links, which refer to the same columns.
fn blocked_by_its_own_kind(
    terms: &mut Terms<'_>,
    scope: Scope<'_>,
    links: &[&SelfLink],
    (look, stays): (Look, &dyn Fn(&mut Sql)),
) {
    match look {
        Look::Now => {
            for link in links {
                terms.term(|sql| {
                    another_refers(sql, scope, link, &|sql| {
                        sql.push("TRUE");
                    });
                });
            }
        }
        Look::Ahead => {
            terms.term(|sql| has_descendant(sql, scope, links, look, stays));
            if let [link] = links {
                terms.term(|sql| on_a_circle(sql, scope, link));
            }
        }
    }
}

/// Looks ahead, and counts what earlier rules take as gone.
fn due_but_for_its_own_kind(sql: &mut Sql, scope: Scope<'_>) {
    let scope = Scope { is_joined: false, ..scope };
    sql.all(|terms| {
        terms.term(|sql| eligible(sql, scope, Look::Ahead));
        terms.not_true(|sql| held(sql, scope));
        terms.not_true(|sql| blocked_from_outside(sql, scope, Look::Ahead));
        if inner::is_asked(scope) {
            terms.not_true(|sql| {
                inner::keep(sql, scope, &|terms, scope| {
                    terms.term(|sql| eligible(sql, scope, Look::Ahead));
                    terms.not_true(|sql| held(sql, scope));
                    terms.not_true(|sql| blocked_from_outside(sql, scope, Look::Ahead));
                });
            });
        }
    });
}

fn blocked_from_outside(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    let aliases = [scope.alias().clone()];
    let dialect = sql.dialect;
    let relevant = |dependent: &Dependent| dependent.then == Then::Delete && blocks(dialect, dependent);
    let way = Way { scope, look, relevant: &relevant };
    sql.any(|terms| {
        terms.each(&scope.target.blockers, |sql, link| referred_to(sql, scope, link, scope.alias(), look));
        if let Some(whose) = scope.target.whose.as_ref().filter(|_| whose::may_be_shared(scope.target)) {
            terms.term(|sql| whose::someone_elses_too(sql, scope, whose));
        }
        terms.each(&scope.target.passages, |sql, passage| {
            whose::leads_to_what_stays(sql, scope, passage, scope.alias(), look);
        });
        if dialect == Dialect::Mysql {
            for link in links_that_block(scope).into_iter().flatten() {
                terms.term(|sql| refers_to_itself(sql, scope.alias(), &link.columns, &link.parent_columns));
            }
        }
        descend(terms, way, (Parent::Root, scope.alias()), &aliases, &|terms, dependent, alias| {
            terms.each(&dependent.blockers, |sql, link| referred_to(sql, scope, link, alias, look));
            for link in inner_to_itself(dependent).filter(|_| dialect == Dialect::Mysql) {
                terms.term(|sql| refers_to_itself(sql, alias, &link.columns, &link.parent_columns));
            }
            terms.each(&dependent.passages, |sql, passage| {
                whose::leads_to_what_stays(sql, scope, passage, alias, look);
            });
        });
    });
}

/// `EXISTS` a row of the link's table that refers to the row that `alias` names; looking ahead, one that stays.
fn referred_to(sql: &mut Sql, scope: Scope<'_>, link: &Link, alias: &Name, look: Look) {
    let natural = &link.table.table;
    let hidden = natural == alias || natural == scope.alias();
    let child = if hidden { sql.fresh_alias() } else { natural.clone() };
    sql.exists(|sql| {
        sql.push("SELECT 1 FROM ").push(if link.only { "ONLY " } else { "" });
        sql.table(&link.table).push(" AS ").name(&child).push(" WHERE ");
        sql.all(|terms| {
            terms.term(|sql| refers(sql, link, &child, alias));
            if look == Look::Ahead {
                left_by(terms, scope.earlier, &link.table, &child);
                referring_still(terms, scope.earlier, (&link.table, &link.columns), &child);
            }
        });
    });
}

/// `b.u = a.x AND b.v = a.y`, the parent's columns on the left: there SQLite takes the collation from, and a reference
/// holds by the collation of the key that it refers to.
pub(in crate::db) fn equal(sql: &mut Sql, left: &Name, left_columns: &[Name], right: &Name, right_columns: &[Name]) {
    let pairs: Vec<_> = left_columns.iter().zip(right_columns).collect();
    sql.all(|terms| {
        terms.each(&pairs, |sql, (l, r)| {
            sql.column(right, r).push(" = ").column(left, l);
        });
    });
}

/// The row that `child` names refers over the link to the one that `parent` names.
fn refers(sql: &mut Sql, link: &Link, child: &Name, parent: &Name) {
    sql.all(|terms| {
        terms.term(|sql| over(sql, link.period, (child, &link.columns), (parent, &link.parent_columns)));
        terms.term(|sql| is_in(sql, parent, &link.only_in));
    });
}

/// The columns of the one row refer to those of the other; of a period, to each that it overlaps.
pub(in crate::db) fn over(sql: &mut Sql, period: bool, child: (&Name, &[Name]), parent: (&Name, &[Name])) {
    let scalars = child.1.len() - usize::from(period);
    sql.all(|terms| {
        terms.term(|sql| equal(sql, child.0, &child.1[..scalars], parent.0, &parent.1[..scalars]));
        if let (true, Some(own), Some(other)) = (period, child.1.last(), parent.1.last()) {
            terms.term(|sql| {
                sql.column(parent.0, other).push(" && ").column(child.0, own);
            });
        }
    });
}

/// PostgreSQL: the row lies in one of these partitions or children; nothing where none is named.
pub(in crate::db) fn is_in(sql: &mut Sql, alias: &Name, tables: &[TableName]) {
    if tables.is_empty() {
        return;
    }
    sql.name(alias).push(".tableoid IN (");
    sql.list(tables, ", ", |sql, table| {
        sql.regclass(table);
    });
    sql.push(")");
}

type Say<'a> = &'a dyn Fn(&mut Terms<'_>, &Dependent, &Name);

/// Which dependents are looked for, and as of when.
#[derive(Clone, Copy)]
struct Way<'a> {
    scope: Scope<'a>,
    look: Look,
    relevant: &'a dyn Fn(&Dependent) -> bool,
}

/// A term `EXISTS (…)` for every way down from the parent to a dependent that is relevant, of which `say` says what is looked
/// for.
fn descend(terms: &mut Terms<'_>, way: Way<'_>, (parent, above): (Parent, &Name), aliases: &[Name], say: Say<'_>) {
    let dependents = way.scope.dependents;
    for (index, dependent) in dependents.iter().enumerate() {
        if !leads_to(dependents, index, way.relevant) {
            continue;
        }
        for link in dependent.links.iter().filter(|link| link.parent == parent) {
            terms.term(|sql| {
                let natural = &dependent.table.table;
                let alias = if aliases.contains(natural) { sql.fresh_alias() } else { natural.clone() };
                let inner = [aliases, std::slice::from_ref(&alias)].concat();
                sql.exists(|sql| {
                    sql.push("SELECT 1 FROM ").table(&dependent.table).push(" AS ").name(&alias).push(" WHERE ");
                    sql.all(|terms| {
                        terms.term(|sql| refers(sql, link, &alias, above));
                        if way.look == Look::Ahead {
                            left_by(terms, way.scope.earlier, &dependent.table, &alias);
                            referring_still(terms, way.scope.earlier, (&dependent.table, &link.columns), &alias);
                        }
                        terms.term(|sql| {
                            sql.any(|terms| {
                                says(terms, way, (index, &alias), &inner, say);
                                says_below(terms, way, (index, &alias), say);
                            });
                        });
                    });
                });
            });
        }
    }
}

/// What is said of the row of a dependent table that `alias` names, or of one below it in other tables.
fn says(terms: &mut Terms<'_>, way: Way<'_>, (index, alias): (usize, &Name), aliases: &[Name], say: Say<'_>) {
    let dependent = &way.scope.dependents[index];
    if (way.relevant)(dependent) {
        say(terms, dependent, alias);
    }
    if dependent.then == Then::Delete {
        descend(terms, way, (Parent::Dependent(index), alias), aliases, say);
    }
}

/// What is said of a row of the same table that goes with the one that `alias` names.
fn says_below(terms: &mut Terms<'_>, way: Way<'_>, (index, alias): (usize, &Name), say: Say<'_>) {
    let dependent = &way.scope.dependents[index];
    let Some(first) = dependent.tree.first() else { return };
    let (table, natural) = (&dependent.table, &dependent.table.table);
    let tree = Tree {
        table,
        natural,
        key: &first.parent_columns,
        links: dependent.tree.iter().map(|link| link.columns.as_slice()).collect(),
        still_refers: &|terms, columns| {
            if way.look == Look::Ahead {
                left_by(terms, way.scope.earlier, table, natural);
                referring_still(terms, way.scope.earlier, (table, columns), natural);
            }
        },
    };
    terms.term(|sql| {
        tree.has_descendant(sql, alias, &|sql| {
            sql.any(|terms| says(terms, way, (index, natural), std::slice::from_ref(natural), say));
        });
    });
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
