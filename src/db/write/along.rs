//! Whose rows they are with which dependent ones go, or that are let go of: what a batch of several people asks before it acts.
//!
//! A dependent row may hang on rows of two of them. It counts for one, so that all that is told of the people together is what the
//! batch did: for the first of them by the order of their keys.

use crate::base::name::Name;
use crate::db::predicate::doomed::{self, Within, where_due};
use crate::db::predicate::eligible::{self, Look, Scope, equal, key_names, select_as};
use crate::db::predicate::few::key_of;
use crate::db::predicate::whose::{self, Sharers};
use crate::db::query::count::number;
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, Dialect};
use crate::plan::{KeyColumn, Link, Parent, PersonKey, SelfLink, Whose};

/// Dependent rows by the person with whose rows they go.
pub(in crate::db) type Shares = Vec<(PersonKey, u64)>;

/// The rows of several people that a batch removes.
#[derive(Clone, Copy)]
pub(in crate::db) struct Along<'a> {
    dialect: Dialect,
    scope: Scope<'a>,
    whose: &'a Whose,
    key: &'a KeyColumn,
    part: Within<'a>,
}

impl<'a> Along<'a> {
    /// `None` where the rows are nobody's, or of one person, who has it all.
    pub fn of_several(dialect: Dialect, scope: Scope<'a>, part: Within<'a>) -> Option<Self> {
        let few = scope.few.filter(|few| few.keys.len() > 1)?;
        Some(Self { dialect, scope, whose: scope.target.whose.as_ref()?, key: few.column, part })
    }

    /// Rows that a link leads to.
    pub fn over(self, conn: &mut Connection, link: &Link) -> Result<Shares, DbError> {
        let mut sql = Sql::new(self.dialect);
        let parents = sql.fresh_alias();
        select_shares(&mut sql, &parents);
        sql.table(&link.table).push(" JOIN ");
        self.parents(&mut sql, link, &parents);
        sql.push(" ON ");
        equal(&mut sql, &link.table.table, &link.columns, &parents, &key_names(link.columns.len()));
        by_person(conn, sql, &parents)
    }

    /// Rows of the table itself that stay and refer to one that goes.
    pub fn orphans(self, conn: &mut Connection, link: &SelfLink) -> Result<Shares, DbError> {
        self.of_own_kind(conn, link, &link.columns, |sql| doomed::is_left(sql, self.scope, self.part))
    }

    /// Rows of the table itself that go only because they descend from one that goes.
    pub fn descendants(self, conn: &mut Connection, link: &SelfLink) -> Result<Shares, DbError> {
        self.of_own_kind(conn, link, &link.parent_columns, |sql| doomed::is_not_due(sql, self.scope))
    }

    /// Such rows of the table itself, of which `columns` hold what the link refers to in one that goes.
    fn of_own_kind(
        self,
        conn: &mut Connection,
        link: &SelfLink,
        columns: &[Name],
        such: impl FnOnce(&mut Sql),
    ) -> Result<Shares, DbError> {
        let alias = self.scope.alias();
        let mut sql = Sql::new(self.dialect);
        let going = sql.fresh_alias();
        select_shares(&mut sql, &going);
        sql.table(&self.scope.target.root).push(" AS ").name(alias).push(" JOIN ");
        once_each(&mut sql, link.parent_columns.len(), &going, |sql| self.rows(sql, &link.parent_columns));
        sql.push(" ON ");
        equal(&mut sql, alias, columns, &going, &key_names(columns.len()));
        sql.push(" WHERE ");
        such(&mut sql);
        by_person(conn, sql, &going)
    }

    /// The parents of a link that go, each once.
    fn parents(self, sql: &mut Sql, link: &Link, name: &Name) {
        once_each(sql, link.parent_columns.len(), name, |sql| match link.parent {
            Parent::Root => self.rows(sql, &link.parent_columns),
            Parent::Dependent(index) => {
                let parent = &self.scope.dependents[index];
                let table = &parent.table.table;
                sql.list(&parent.links, " UNION ALL ", |sql, above| {
                    let parents = sql.fresh_alias();
                    sql.push("SELECT ");
                    select_as(sql, table, &link.parent_columns, &key_names(link.parent_columns.len()));
                    sql.push(", ").column(&parents, &whose::person_name());
                    sql.push(" FROM ").table(&parent.table).push(" JOIN ");
                    self.parents(sql, above, &parents);
                    sql.push(" ON ");
                    equal(sql, table, &above.columns, &parents, &key_names(above.columns.len()));
                });
            }
        });
    }

    /// `SELECT` these columns of the rows that go, as `k1`, `k2`, …, and whose they are.
    fn rows(self, sql: &mut Sql, columns: &[Name]) {
        let alias = self.scope.alias();
        let Some(link) = self.scope.self_cascade() else { return self.due(sql, columns) };
        let (closure, keys) = (sql.fresh_alias(), key_names(link.parent_columns.len()));
        let root = &self.scope.target.root;
        sql.push("WITH RECURSIVE ").name(&closure).push(" AS (");
        self.due(sql, &link.parent_columns);
        sql.push(" UNION SELECT ").columns(alias, &link.parent_columns);
        sql.push(", ").column(&closure, &whose::person_name());
        sql.push(" FROM ").table(root).push(" AS ").name(alias).push(" JOIN ").name(&closure).push(" ON ");
        equal(sql, alias, &link.columns, &closure, &keys);
        sql.push(") SELECT ");
        select_as(sql, alias, columns, &key_names(columns.len()));
        sql.push(", ").column(&closure, &whose::person_name());
        sql.push(" FROM ").table(root).push(" AS ").name(alias).push(" JOIN ").name(&closure).push(" ON ");
        equal(sql, alias, &link.parent_columns, &closure, &keys);
    }

    /// The same of the rows that are due themselves.
    fn due(self, sql: &mut Sql, columns: &[Name]) {
        let found = whose::found(sql, self.whose);
        sql.push("SELECT ");
        select_as(sql, self.scope.alias(), columns, &key_names(columns.len()));
        sql.push(", ");
        whose::person(sql, self.scope, self.key, found.as_ref());
        sql.push(" AS ").name(&whose::person_name()).push(" FROM ");
        eligible::from(sql, self.scope.target);
        whose::join_people(sql, self.scope, self.whose, (Look::Now, Sharers::One), self.key, found.as_ref());
        where_due(sql, Scope { is_joined: found.is_some(), ..self.scope }, self.part);
    }
}

/// `(SELECT …) AS` the name: of the query's rows, which are `k1`, `k2`, … and a person, each of the keys with the first person.
fn once_each(sql: &mut Sql, keys: usize, name: &Name, query: impl FnOnce(&mut Sql)) {
    let (all, keys) = (sql.fresh_alias(), key_names(keys));
    sql.push("(SELECT ").columns(&all, &keys).push(", MIN(").column(&all, &whose::person_name());
    sql.push(") AS ").name(&whose::person_name()).push(" FROM (");
    query(sql);
    sql.push(") AS ").name(&all).push(" GROUP BY ").columns(&all, &keys).push(") AS ").name(name);
}

fn select_shares(sql: &mut Sql, from: &Name) {
    sql.push("SELECT ").column(from, &whose::person_name()).push(", COUNT(*) FROM ");
}

fn by_person(conn: &mut Connection, mut sql: Sql, from: &Name) -> Result<Shares, DbError> {
    sql.push(" GROUP BY ").column(from, &whose::person_name());
    if sql.dialect == Dialect::Mysql {
        // The statement that follows is to meet the same rows.
        sql.push(" FOR UPDATE");
    }
    let mut shares = Shares::new();
    conn.each(&sql.finish(), &mut |row| {
        shares.push((key_of(&row, 0)?, number(&row, 1)));
        Ok(())
    })?;
    Ok(shares)
}
