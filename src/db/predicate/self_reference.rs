//! What a table's references to itself do to its rows: trees, threads, versions.

use crate::base::name::{Name, TableName};
use crate::db::predicate::eligible::{Look, Scope, equal, key_names, left_by, numbered, referring_still, select_as};
use crate::db::sql::builder::{Sql, Terms};
use crate::plan::{SelfEffect, SelfLink, Target};

/// The table's references to itself that keep a row, by the columns that they refer to: a tree is walked by one key.
pub(in crate::db) fn links_that_block(scope: Scope<'_>) -> Vec<Vec<&SelfLink>> {
    let mut by_key: Vec<Vec<&SelfLink>> = Vec::new();
    for link in scope.target.self_links.iter().filter(|link| link.effect == SelfEffect::Block) {
        match by_key.iter_mut().find(|links| links[0].parent_columns == link.parent_columns) {
            Some(links) => links.push(link),
            None => by_key.push(vec![link]),
        }
    }
    by_key
}

/// Some other row of the table refers to this one over `link` and is as `such` says, which speaks of the target's own
/// name.
pub(in crate::db) fn another_refers(sql: &mut Sql, scope: Scope<'_>, link: &SelfLink, such: &dyn Fn(&mut Sql)) {
    let alias = scope.alias();
    sql.key(alias, &link.parent_columns).push(" IN (SELECT ").columns(alias, &link.columns);
    sql.push(" FROM ").table(&scope.target.root);
    alias_if_other(sql, scope.target);
    sql.push(" WHERE (");
    equal(sql, alias, &link.columns, alias, &link.parent_columns);
    sql.push(") IS FALSE").and(such).push(")");
}

/// InnoDB does not delete a row that refers to itself, unless the key cascades or sets NULL.
pub(in crate::db) fn refers_to_itself(sql: &mut Sql, alias: &Name, columns: &[Name], parent_columns: &[Name]) {
    equal(sql, alias, columns, alias, parent_columns);
}

/// The row is still there to refer over these columns, looking ahead: what an earlier rule takes leads nowhere any more, and
/// what referred to it has let go.
fn still_refers(terms: &mut Terms<'_>, scope: Scope<'_>, columns: &[Name], look: Look) {
    if look == Look::Ahead {
        let root = &scope.target.root;
        left_by(terms, scope.earlier, root, scope.alias());
        referring_still(terms, scope.earlier, (root, columns), scope.alias());
    }
}

/// References of a table to itself, all to the same columns, as they are walked upwards.
pub(in crate::db) struct Tree<'a> {
    pub table: &'a TableName,
    /// The name that conditions use.
    pub natural: &'a Name,
    /// The columns that are referred to.
    pub key: &'a [Name],
    /// The columns of each reference.
    pub links: Vec<&'a [Name]>,
    /// The row, under its natural name, still refers over these columns.
    pub still_refers: &'a dyn Fn(&mut Terms<'_>, &[Name]),
}

impl Tree<'_> {
    /// Some row that descends from the one that `alias` names is as `such` says, which speaks of the natural name.
    pub fn has_descendant(&self, sql: &mut Sql, alias: &Name, such: &dyn Fn(&mut Sql)) {
        let (up, step) = (sql.fresh_alias(), sql.fresh_alias());
        let (above, below) = (key_names(self.key.len()), below_names(self.key.len()));
        let leads_up = |sql: &mut Sql| {
            sql.all(|terms| {
                terms.each(&above, |sql, column| {
                    sql.column(&step, column).push(" IS NOT NULL");
                });
            });
        };
        sql.key(alias, self.key).push(" IN (WITH RECURSIVE ").name(&up).push(" AS (SELECT ");
        sql.columns(&step, &above);
        self.from(sql);
        sql.push(" JOIN ");
        self.steps(sql, &step);
        sql.push(" ON ");
        equal(sql, &step, &below, self.natural, self.key);
        sql.filter(|sql| {
            sql.all(|terms| {
                terms.term(leads_up);
                terms.term(such);
            });
        });
        sql.push(" UNION SELECT ").columns(&step, &above).push(" FROM ");
        self.steps(sql, &step);
        sql.push(" JOIN ").name(&up).push(" ON ");
        equal(sql, &step, &below, &up, &above);
        sql.filter(leads_up).push(") SELECT ").columns(&up, &above).push(" FROM ").name(&up).push(")");
    }

    /// Each row's own key beside the one that it refers to, reference by reference.
    fn steps(&self, sql: &mut Sql, name: &Name) {
        let (above, below) = (key_names(self.key.len()), below_names(self.key.len()));
        sql.push("(");
        sql.list(&self.links, " UNION ALL ", |sql, columns| {
            sql.push("SELECT ");
            select_as(sql, self.natural, self.key, &below);
            sql.push(", ");
            select_as(sql, self.natural, columns, &above);
            self.from(sql);
            sql.filter(|sql| {
                sql.all(|terms| (self.still_refers)(terms, columns));
            });
        });
        sql.push(") AS ").name(name);
    }

    fn from(&self, sql: &mut Sql) {
        sql.push(" FROM ").table(self.table);
        if self.table.table != *self.natural {
            sql.push(" AS ").name(self.natural);
        }
    }
}

/// Some row that descends from this one over `links`, which refer to the same columns, is as `such` says. `such` speaks of
/// the target's own name.
pub(in crate::db) fn has_descendant(
    sql: &mut Sql,
    scope: Scope<'_>,
    links: &[&SelfLink],
    look: Look,
    such: &dyn Fn(&mut Sql),
) {
    let Some(first) = links.first() else {
        sql.push("FALSE");
        return;
    };
    let tree = Tree {
        table: &scope.target.root,
        natural: scope.alias(),
        key: &first.parent_columns,
        links: links.iter().map(|link| link.columns.as_slice()).collect(),
        still_refers: &|terms, columns| still_refers(terms, scope, columns, look),
    };
    tree.has_descendant(sql, scope.alias(), such);
}

/// The row lies on a circle of rows that keep each other: none of them can be the first to go. Rows that hang on one can go,
/// and so can a row that refers to nothing but itself.
///
/// All rows that some row without a parent leads down to lie on none, which leaves few to start from: each goes up until
/// it meets itself. It is asked looking ahead only.
pub(in crate::db) fn on_a_circle(sql: &mut Sql, scope: Scope<'_>, link: &SelfLink) {
    let alias = scope.alias();
    let own = &link.parent_columns;
    let (tree, walk) = (sql.fresh_alias(), sql.fresh_alias());
    let (start, up) = (key_names(own.len()), below_names(own.len()));
    let from = |sql: &mut Sql| {
        sql.push(" FROM ").table(&scope.target.root);
        alias_if_other(sql, scope.target);
    };
    let has_parent = |sql: &mut Sql| {
        sql.list(&link.columns, " AND ", |sql, column| {
            sql.column(alias, column).push(" IS NOT NULL");
        });
    };
    let has_another_parent = |sql: &mut Sql| {
        sql.all(|terms| {
            terms.term(has_parent);
            terms.not_true(|sql| equal(sql, alias, &link.columns, alias, own));
        });
    };
    let leads_on = |terms: &mut Terms<'_>| {
        terms.term(has_parent);
        still_refers(terms, scope, &link.columns, Look::Ahead);
    };
    sql.key(alias, own).push(" IN (WITH RECURSIVE ").name(&tree).push(" AS (SELECT ");
    select_as(sql, alias, own, &start);
    from(sql);
    sql.filter(|sql| {
        sql.not_true(has_another_parent);
    });
    sql.push(" UNION SELECT ").columns(alias, own);
    from(sql);
    sql.push(" JOIN ").name(&tree).push(" ON ");
    equal(sql, alias, &link.columns, &tree, &start);
    sql.push("), ").name(&walk).push(" AS (SELECT ");
    select_as(sql, alias, own, &start);
    sql.push(", ");
    select_as(sql, alias, &link.columns, &up);
    from(sql);
    sql.push(" LEFT JOIN ").name(&tree).push(" ON ");
    equal(sql, &tree, &start, alias, own);
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| {
                sql.column(&tree, &start[0]).push(" IS NULL");
            });
            leads_on(terms);
        });
    });
    sql.push(" UNION SELECT ").columns(&walk, &start).push(", ").columns(alias, &link.columns);
    from(sql);
    sql.push(" JOIN ").name(&walk).push(" ON ");
    equal(sql, &walk, &up, alias, own);
    sql.filter(|sql| {
        sql.all(leads_on);
    });
    sql.push(") SELECT ").columns(&walk, &start).push(" FROM ").name(&walk).push(" WHERE ");
    equal(sql, &walk, &up, &walk, &start);
    sql.push(")");
}

pub(in crate::db) fn alias_if_other(sql: &mut Sql, target: &Target) {
    if target.root.table != target.alias {
        sql.push(" AS ").name(&target.alias);
    }
}

fn below_names(count: usize) -> Vec<Name> {
    numbered("below", count)
}
