//! The sweep of a batch: rows go by key, children before their parents, each table counted.
//!
//! No condition is asked here. What is to go was asked before; the statements follow references from the keys alone, and so
//! find the same rows whatever has gone already.

use crate::base::name::TableName;
use crate::db::predicate::deletion_set;
use crate::db::predicate::deletion_set::{Which, Within};
use crate::db::predicate::eligible::Scope;
use crate::db::predicate::row_keys::{KeyBatch, RowKeys};
use crate::db::query::count::{number, one_row};
use crate::db::write::batch::{Done, require_same};
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement};
use crate::plan::{Dependent, Goes, Link, Parent, RulePlan, SelfEffect, SelfLink};
use crate::schedule::Then;

/// Deletes the rows with these keys, and what goes with them.
///
/// # Errors
/// [`ErrorKind::Kept`] where a trigger keeps a row of any table; the caller rolls back.
pub(in crate::db) fn sweep(
    conn: &mut Connection,
    rule: &RulePlan,
    scope: Scope<'_>,
    keys: &RowKeys,
) -> Result<Done, DbError> {
    let mut sweep = Sweep { conn, rule, scope, keys, done: Done::default(), is_counted: false };
    let own = sweep.count_own()?;
    sweep.count_what_is_set_to_null()?;
    sweep.count_what_goes_by_its_key()?;
    for (index, dependent) in having(scope, Then::Delete).rev() {
        sweep.before(Parent::Dependent(index), &dependent.table)?;
        sweep.delete_dependent(dependent)?;
    }
    sweep.before(Parent::Root, &scope.target.root)?;
    sweep.delete_own(own)?;
    Ok(sweep.done)
}

struct Sweep<'a> {
    conn: &'a mut Connection,
    rule: &'a RulePlan,
    scope: Scope<'a>,
    keys: &'a RowKeys,
    done: Done,
    /// The rows of all tables were counted before, because a foreign key's own ON DELETE CASCADE takes some of them.
    is_counted: bool,
}

/// The rule's own rows that go: those that are due themselves, and those that only descend from one.
#[derive(Clone, Copy)]
struct Own {
    due: u64,
    beyond: u64,
}

impl<'a> Sweep<'a> {
    fn part(&self) -> Within<'a> {
        Within::Keys(self.keys.all())
    }

    fn dialect(&self) -> Dialect {
        self.conn.dialect()
    }

    fn count(&mut self, statement: &Statement) -> Result<u64, DbError> {
        Ok(number(&one_row(self.conn, statement)?, 0))
    }

    /// Executes a statement of the batch, over as many keys at a time as it takes.
    fn each(&mut self, statement: impl Fn(Dialect, Within<'_>) -> Statement) -> Result<u64, DbError> {
        let dialect = self.dialect();
        let parts = self.keys.parts(dialect);
        parts.map(|keys| self.conn.execute(&statement(dialect, Within::Keys(keys)))).sum()
    }

    /// The same until it finds no row any more.
    fn repeat(&mut self, statement: impl Fn(Dialect, Within<'_>) -> Statement) -> Result<u64, DbError> {
        let mut all = 0;
        loop {
            let rows = self.each(&statement)?;
            all += rows;
            if rows == 0 {
                return Ok(all);
            }
        }
    }

    /// Before anything goes: which descendants are due themselves is asked as well.
    fn count_own(&mut self) -> Result<Own, DbError> {
        let Some(link) = self.scope.self_cascade() else { return Ok(Own { due: self.keys.len(), beyond: 0 }) };
        let counting = deletion_set::count_descendants(self.dialect(), self.scope, link, self.part());
        let row = one_row(self.conn, &counting)?;
        let own = Own { due: number(&row, 0), beyond: number(&row, 1) };
        self.done.cascaded(self.rule.table.to_string(), own.beyond);
        Ok(own)
    }

    /// Rows that go themselves, in this batch or in another one, count as deleted only. Which those are is asked of the rule's
    /// own predicate, and so before anything goes. Of other tables the statements say how many rows they set to NULL.
    fn count_what_is_set_to_null(&mut self) -> Result<(), DbError> {
        let scope = self.scope;
        for (_, dependent) in having(scope, Then::Null) {
            for link in dependent.links.iter().filter(|_| deletion_set::can_go(scope, &dependent.table)) {
                let counting = deletion_set::count_set_null(self.dialect(), self.scope, link, self.part());
                let stay = self.count(&counting)?;
                self.done.set_null(deletion_set::link_label(dependent), stay);
            }
        }
        for link in own_links_to_null(self.scope) {
            let counting = deletion_set::count_orphans(self.dialect(), self.scope, link, self.part());
            let stay = self.count(&counting)?;
            self.done.set_null(deletion_set::self_label(self.rule, link), stay);
        }
        Ok(())
    }

    /// Where a circle of references leaves rows to a foreign key's own ON DELETE CASCADE, a statement does not say how many
    /// it took: all tables are counted before anything goes.
    fn count_what_goes_by_its_key(&mut self) -> Result<(), DbError> {
        if self.scope.dependents.iter().all(|dependent| dependent.goes == Goes::First) {
            return Ok(());
        }
        for (index, dependent) in having(self.scope, Then::Delete) {
            let counting = deletion_set::count_dependent(self.dialect(), self.scope, index, self.part());
            let rows = self.count(&counting)?;
            self.done.cascaded(dependent.shown.to_string(), rows);
        }
        self.is_counted = true;
        // The keys find their rows: afterwards it is by the keys that nothing is found.
        require_same(self.keys.len(), self.count_left()?)
    }

    /// Before rows of a table go: what is to be set to NULL that refers to them is, and nothing else refers to them any more.
    fn before(&mut self, parent: Parent, table: &TableName) -> Result<(), DbError> {
        for (_, dependent) in having(self.scope, Then::Null) {
            for link in dependent.links.iter().filter(|link| link.parent == parent) {
                self.set_null(dependent, link)?;
            }
        }
        if parent == Parent::Root {
            for link in own_links_to_null(self.scope) {
                self.null_own(link)?;
            }
        }
        self.nothing_refers_to(parent, table)
    }

    fn set_null(&mut self, dependent: &'a Dependent, link: &'a Link) -> Result<(), DbError> {
        let scope = self.scope;
        let rows = self.each(|dialect, part| deletion_set::set_null(dialect, scope, link, &dependent.stamped, part))?;
        if !deletion_set::can_go(scope, &dependent.table) {
            self.done.set_null(deletion_set::link_label(dependent), rows);
        }
        Ok(())
    }

    fn null_own(&mut self, link: &'a SelfLink) -> Result<(), DbError> {
        let scope = self.scope;
        self.each(|dialect, part| deletion_set::null_own(dialect, scope, link, part))?;
        let left = deletion_set::count_own_left(self.dialect(), scope, link, self.part());
        if scope.target.has_triggers && self.count(&left)? > 0 {
            return Err(kept(&self.rule.table));
        }
        Ok(())
    }

    /// A trigger may have kept rows from going or from being set to NULL, or put others in. PostgreSQL would then delete what
    /// they refer to all the same, and leave them behind as nobody's; so would any database where no foreign key leads there,
    /// and a key's own ON DELETE CASCADE would take them uncounted. Rows of other sessions are kept out by the transaction.
    fn nothing_refers_to(&mut self, parent: Parent, table: &TableName) -> Result<(), DbError> {
        let along = &self.scope.dependents;
        if !self.scope.target.has_triggers && along.iter().all(|dependent| !dependent.has_triggers) {
            return Ok(());
        }
        for dependent in along.iter().filter(|dependent| dependent.table != *table && dependent.goes == Goes::First) {
            for link in dependent.links.iter().filter(|link| link.parent == parent) {
                let counting = deletion_set::count_over(self.dialect(), self.scope, link, self.part());
                if self.count(&counting)? > 0 {
                    return Err(kept(&dependent.shown));
                }
            }
        }
        Ok(())
    }

    fn delete_dependent(&mut self, dependent: &'a Dependent) -> Result<(), DbError> {
        if dependent.goes == Goes::WithParent {
            return Ok(());
        }
        let scope = self.scope;
        let mut rows = 0;
        if dependent.own_links().next().is_some() {
            let delete = |which| {
                move |dialect, part: Within<'_>| deletion_set::delete_tree(dialect, scope, dependent, which, part)
            };
            rows += self.repeat(delete(Which::Leaves))? + self.each(delete(Which::Rest))?;
        } else {
            for link in &dependent.links {
                rows += self.each(|dialect, part| deletion_set::delete_over(dialect, scope, link, part))?;
            }
        }
        if !self.is_counted {
            self.done.cascaded(dependent.shown.to_string(), rows);
        }
        Ok(())
    }

    /// The rule's own rows last. One that is still there was kept by a trigger. One that was not there any more is not told,
    /// unless a foreign key took it in a circle: then it was counted before.
    fn delete_own(&mut self, own: Own) -> Result<(), DbError> {
        let scope = self.scope;
        let rows = match scope.self_cascade() {
            Some(link) => {
                let delete = |which| {
                    move |dialect, part: Within<'_>| deletion_set::delete_descendants(dialect, scope, link, which, part)
                };
                self.repeat(delete(Which::Leaves))? + self.each(delete(Which::Rest))?
            }
            None => self.each(|dialect, part| match part {
                Within::Keys(keys) => deletion_set::delete_keys(dialect, scope, keys),
                _ => unreachable!("a sweep goes by keys"),
            })?,
        };
        let all = own.due + own.beyond;
        if rows != all && self.count_left()? > 0 {
            return Err(kept(&self.rule.table));
        }
        if own.beyond > 0 && !self.is_counted {
            require_same(all, rows)?;
        }
        self.done.rows = if self.is_counted { own.due } else { own.due.min(rows) };
        Ok(())
    }

    fn count_left(&mut self) -> Result<u64, DbError> {
        let dialect = self.dialect();
        let parts = self.keys.parts(dialect);
        parts
            .map(|keys| Ok(number(&one_row(self.conn, &deletion_set::count_keys(dialect, self.scope, keys))?, 0)))
            .sum()
    }
}

fn having<'a>(scope: Scope<'a>, then: Then) -> impl DoubleEndedIterator<Item = (usize, &'a Dependent)> {
    scope.dependents.iter().enumerate().filter(move |(_, dependent)| dependent.then == then)
}

fn own_links_to_null<'a>(scope: Scope<'a>) -> impl Iterator<Item = &'a SelfLink> {
    scope.target.self_links.iter().filter(|link| link.effect == SelfEffect::Null)
}

fn kept(table: &TableName) -> DbError {
    DbError::new(
        ErrorKind::Kept,
        format!(
            "rows of `{table}` that were to go, or to be set to NULL, with what they refer to are still there, so that stays as well; \
             a trigger or rewrite rule on `{table}` turns them away: keep what they refer to by a hold, or change it"
        ),
    )
}

/// The statements of a sweep, in their order.
pub(in crate::db) fn statements(dialect: Dialect, scope: Scope<'_>, keys: KeyBatch<'_>) -> Vec<Statement> {
    let part = Within::Keys(keys);
    let set_null = |parent: Parent| {
        having(scope, Then::Null).flat_map(move |(_, dependent)| {
            let links = dependent.links.iter().filter(move |link| link.parent == parent);
            links.map(move |link| deletion_set::set_null(dialect, scope, link, &dependent.stamped, part))
        })
    };
    let mut all = Vec::new();
    for (index, dependent) in having(scope, Then::Delete).rev() {
        all.extend(set_null(Parent::Dependent(index)));
        match dependent.own_links().next() {
            _ if dependent.goes == Goes::WithParent => {}
            Some(_) => all.push(deletion_set::delete_tree(dialect, scope, dependent, Which::Leaves, part)),
            None => {
                all.extend(dependent.links.iter().map(|link| deletion_set::delete_over(dialect, scope, link, part)))
            }
        }
    }
    all.extend(set_null(Parent::Root));
    all.extend(own_links_to_null(scope).map(|link| deletion_set::null_own(dialect, scope, link, part)));
    all.push(match scope.self_cascade() {
        Some(link) => deletion_set::delete_descendants(dialect, scope, link, Which::Leaves, part),
        None => deletion_set::delete_keys(dialect, scope, keys),
    });
    all
}
