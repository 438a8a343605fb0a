//! The sweep: what was settled is done by key, in the transaction that read the marks. No condition is asked again.

use std::collections::{BTreeMap, HashMap};

use crate::base::name::Name;
use crate::db::predicate::doomed::{Within, where_due};
use crate::db::predicate::eligible::{self, Look, Scope};
use crate::db::predicate::few::{Few, key_of};
use crate::db::predicate::key_batch;
use crate::db::predicate::whose::{self, Sharers};
use crate::db::predicate::window::Window;
use crate::db::query::count::scope;
use crate::db::query::mark::Family;
use crate::db::sql::builder::Sql;
use crate::db::write::hashes::Hashes;
use crate::db::write::renewal::keeping_age;
use crate::db::write::{batch, redact};
use crate::db::{Connection, DbError, Dialect, Statement};
use crate::plan::{Axis, By, Entry, PersonKey, Redaction, RowTable, TableKey, Target, Whose};
use crate::schedule::Redact;
use crate::settle::{Act, RowId, RowKey, Settled, Step, steps};

/// Changes and deletes the rows that were settled, and says which a trigger kept: the caller rolls back and settles again without
/// these. Empty: all is done.
///
/// # Errors
/// [`ErrorKind::Conflict`](crate::db::ErrorKind::Conflict) where other rows were met than were marked; the caller rolls back.
pub fn sweep(conn: &mut Connection, family: &Family<'_>, settled: &Settled<'_>) -> Result<Vec<RowId>, DbError> {
    let entries = &family.erasure.entries;
    let changes_first = |entry: u32| !entries[entry as usize].redact_first.is_empty();
    let steps = steps(settled, &changes_first);
    if steps.iter().any(|step| matches!(step.act, Act::Loosen { .. })) {
        defer_constraints(conn)?;
    }
    let mut broom = Broom { conn, family, settled, moved: BTreeMap::new() };
    for step in &steps {
        let kept = broom.step(step).map_err(|error| broom.of_entry(step, error))?;
        if !kept.is_empty() {
            return Ok(kept);
        }
    }
    Ok(Vec::new())
}

/// Does what a free entry says to the rows of a few people, each table at once, and says whose they were, row by row. It is asked
/// after all other rows are marked, and before any of them goes. PostgreSQL alone returns what a join says of its rows; to let the
/// server count them would take it longer than to say it.
pub fn act_at_once(
    conn: &mut Connection,
    family: &Family<'_>,
    place: usize,
    few: Few<'_>,
) -> Result<HashMap<PersonKey, u64>, DbError> {
    let entry = &family.erasure.entries[place];
    let mut by_person = HashMap::new();
    for target in &entry.plan.targets {
        let Some(whose) = &target.whose else { continue };
        let scope = Scope { few: Some(few), ..scope(&entry.plan, target) };
        let everything = Window::default();
        let part = Within::Window(&Axis::Whole, &everything);
        let hashes = Hashes::of(conn, target, |sql| where_due(sql, scope, part))?;
        let acting = act_on_theirs(scope, whose, few, &hashes);
        conn.each(&acting, &mut |row| {
            *by_person.entry(key_of(&row, 0)?).or_default() += 1;
            Ok(())
        })?;
    }
    Ok(by_person)
}

fn act_on_theirs(scope: Scope<'_>, whose: &Whose, few: Few<'_>, hashes: &Hashes) -> Statement {
    let mut sql = Sql::new(Dialect::Postgres);
    let found = whose::found(&mut sql, whose);
    sql.push(if scope.removes { "DELETE FROM " } else { "UPDATE " });
    eligible::from(&mut sql, scope.target);
    if !scope.removes {
        sql.push(" SET ");
        redact::assignments(&mut sql, scope.target, hashes);
    }
    if let Some((_, found)) = &found {
        sql.push(if scope.removes { " USING " } else { " FROM " });
        whose::with_people(&mut sql, scope, whose, (Look::Now, Sharers::One), few.column, found);
    }
    sql.push(" WHERE ");
    if let Some((step, found)) = &found {
        whose::leads_to(&mut sql, scope, step, found);
        sql.push(" AND ");
    }
    eligible::due(&mut sql, Scope { is_joined: found.is_some(), ..scope }, Look::Now);
    sql.push(" RETURNING ");
    whose::person(&mut sql, scope, few.column, found.as_ref());
    sql.finish()
}

/// Rows that refer to each other in a circle go together, as far as the schema lets its keys be looked at when the transaction ends.
fn defer_constraints(conn: &mut Connection) -> Result<(), DbError> {
    match conn.dialect() {
        Dialect::Sqlite => conn.execute(&Statement::plain("PRAGMA defer_foreign_keys = ON")).map(drop),
        Dialect::Postgres => conn.execute(&Statement::plain("SET CONSTRAINTS ALL DEFERRED")).map(drop),
        Dialect::Mysql => Ok(()),
    }
}

struct Broom<'c, 's, 'm> {
    conn: &'c mut Connection,
    family: &'s Family<'s>,
    settled: &'s Settled<'m>,
    /// PostgreSQL, of tables without a key: where rows lie since they were changed.
    moved: BTreeMap<u32, Vec<RowKey>>,
}

impl<'s> Broom<'_, 's, '_> {
    fn step(&mut self, step: &Step) -> Result<Vec<RowId>, DbError> {
        let family = self.family;
        let table = family.erasure.tables.get(step.table);
        match &step.act {
            Act::Delete => self.delete(table, step),
            Act::Change { entries, let_go } => {
                let entries: Vec<&Entry> = entries.iter().map(|at| &family.erasure.entries[*at as usize]).collect();
                let columns = let_go.iter().flat_map(|terms| self.columns_of(*terms));
                let target = changed(table, &entries, columns.collect());
                self.change(table, &target, step)
            }
            Act::ChangeFirst { entry } => self.change_first(table, &family.erasure.entries[*entry as usize], step),
            Act::Loosen { references } => {
                let columns = references.iter().flat_map(|terms| self.columns_of(*terms));
                let columns: Vec<&Name> = columns.filter(|column| !table.required.contains(column)).collect();
                if columns.is_empty() || table.key == TableKey::Place {
                    return Ok(Vec::new());
                }
                let target = changed(table, &[], columns);
                self.change(table, &target, step)
            }
        }
    }

    fn columns_of(&self, terms: u32) -> Vec<&'s Name> {
        match &self.family.references[terms as usize].by {
            By::Columns { let_go, .. } => let_go.iter().collect(),
            By::Path(_) => Vec::new(),
        }
    }

    fn delete(&mut self, table: &RowTable, step: &Step) -> Result<Vec<RowId>, DbError> {
        let dialect = self.conn.dialect();
        let moved = self.moved.remove(&step.table).unwrap_or_default();
        for some in step.rows.chunks(key_batch::most(dialect)) {
            let mut keys = self.keys(some);
            keys.extend(&moved);
            let rows = self.conn.execute(&delete(dialect, table, &keys))?;
            let expected = self.copies(some);
            if rows == expected && !table.has_triggers {
                continue;
            }
            let kept = self.still(table, some, &|_, _| {})?;
            if !kept.is_empty() {
                return Ok(kept);
            }
            batch::require_same(expected, rows)?;
        }
        Ok(Vec::new())
    }

    fn change(&mut self, table: &RowTable, target: &Target, step: &Step) -> Result<Vec<RowId>, DbError> {
        let dialect = self.conn.dialect();
        for some in step.rows.chunks(key_batch::most(dialect)) {
            let keys = self.keys(some);
            let are_met = |sql: &mut Sql| key_batch::is_among(sql, &target.alias, &table.key, &keys);
            let hashes = self.hashes(target, &are_met)?;
            let statement = update(dialect, table, target, &hashes, &are_met);
            let rows = keeping_age(self.conn, target, &are_met, |conn| conn.execute(&statement))?;
            let expected = self.copies(some);
            if rows == expected && !table.has_triggers {
                continue;
            }
            let kept = self.still(table, some, &|sql, alias| {
                sql.any(|terms| {
                    terms.each(&target.redactions, |sql, one| redact::differs(sql, alias, one));
                });
            })?;
            if !kept.is_empty() {
                return Ok(kept);
            }
            batch::require_same(expected, rows)?;
        }
        Ok(Vec::new())
    }

    /// Changes rows that go next. Where a row of PostgreSQL has no key, it is found again by where it lies then.
    fn change_first(&mut self, table: &RowTable, entry: &Entry, step: &Step) -> Result<Vec<RowId>, DbError> {
        let mut target = changed(table, &[entry], Vec::new());
        target.redactions = entry.redact_first.clone();
        if table.key != TableKey::Place {
            return self.change(table, &target, step);
        }
        for some in step.rows.chunks(key_batch::most(self.conn.dialect())) {
            let keys = self.keys(some);
            let are_met = |sql: &mut Sql| key_batch::is_among(sql, &target.alias, &table.key, &keys);
            let hashes = self.hashes(&target, &are_met)?;
            let mut sql = updating(Dialect::Postgres, table, &target, &hashes, &are_met);
            sql.push(" RETURNING ");
            key_batch::select(&mut sql, &target.alias, &table.key);
            let moved = self.moved.entry(step.table).or_default();
            self.conn.each(&sql.finish(), &mut |row| {
                moved.push(key_batch::read(&row, 0, &table.key)?);
                Ok(())
            })?;
        }
        Ok(Vec::new())
    }

    /// Those of the rows that are there still, and are as `such` says.
    fn still(
        &mut self,
        table: &RowTable,
        rows: &[RowId],
        such: &dyn Fn(&mut Sql, &Name),
    ) -> Result<Vec<RowId>, DbError> {
        let alias = &table.table.table;
        let mut sql = Sql::new(self.conn.dialect());
        sql.push("SELECT ");
        key_batch::select(&mut sql, alias, &table.key);
        sql.push(if table.only { " FROM ONLY " } else { " FROM " }).table(&table.table);
        sql.filter(|sql| {
            sql.all(|terms| {
                terms.term(|sql| key_batch::is_among(sql, alias, &table.key, &self.keys(rows)));
                terms.term(|sql| such(sql, alias));
            });
        });
        if self.conn.dialect() == Dialect::Mysql {
            sql.push(" FOR UPDATE");
        }
        let by_key: BTreeMap<&RowKey, RowId> = self.keys(rows).into_iter().zip(rows.iter().copied()).collect();
        let mut kept = Vec::new();
        self.conn.each(&sql.finish(), &mut |row| {
            let key = key_batch::read(&row, 0, &table.key)?;
            kept.extend(by_key.get(&key));
            Ok(())
        })?;
        Ok(kept)
    }

    fn hashes(&mut self, target: &Target, are_met: &dyn Fn(&mut Sql)) -> Result<Hashes, DbError> {
        Hashes::of(self.conn, target, |sql| {
            sql.filter(are_met);
        })
    }

    fn keys(&self, rows: &[RowId]) -> Vec<&'s RowKey> {
        rows.iter().map(|row| &self.settled.marks.rows[*row as usize].key).collect()
    }

    fn copies(&self, rows: &[RowId]) -> u64 {
        rows.iter().map(|row| u64::from(self.settled.marks.rows[*row as usize].copies)).sum()
    }

    /// An error that stays names the entry that met it.
    fn of_entry(&self, step: &Step, error: DbError) -> DbError {
        let entry = step.rows.first().and_then(|row| self.settled.entry_that_acts(*row));
        match entry {
            Some(entry) => error.met_by(&format!("entry `{}`", self.family.erasure.entries[entry as usize].plan.rule)),
            None => error,
        }
    }
}

/// The statements by which the rows of an entry change or go, each for one key.
pub fn statements(dialect: Dialect, family: &Family<'_>, place: usize) -> Vec<Statement> {
    let entry = &family.erasure.entries[place];
    let mut all = Vec::new();
    for target in &entry.plan.targets {
        let Some(number) = family.erasure.tables.number_of(&target.table) else { continue };
        let table = family.erasure.tables.get(number);
        let part = match dialect {
            Dialect::Postgres => PersonKey::Whole(0),
            // Written out it would be taken for a key.
            Dialect::Sqlite | Dialect::Mysql => PersonKey::Unsigned(0),
        };
        let key = match &table.key {
            TableKey::Columns(columns) if columns.len() > 1 => RowKey::Several(vec![part; columns.len()].into()),
            _ => RowKey::One(part),
        };
        let first = Target { redactions: entry.redact_first.clone(), ..changed(table, &[entry], Vec::new()) };
        let changes = if entry.plan.act.removes() { first } else { changed(table, &[entry], Vec::new()) };
        if !changes.redactions.is_empty() {
            let is_met = |sql: &mut Sql| key_batch::is_among(sql, &changes.alias, &table.key, &[&key]);
            all.push(update(dialect, table, &changes, &Hashes::default(), &is_met));
        }
        if entry.plan.act.removes() {
            all.push(delete(dialect, table, &[&key]));
        }
    }
    all
}

/// The table with all that these entries write into a row, and columns that become NULL.
fn changed(table: &RowTable, entries: &[&Entry], let_go: Vec<&Name>) -> Target {
    let targets = || entries.iter().flat_map(|entry| entry.plan.targets.iter().find(|one| one.table == table.table));
    let mut redactions: Vec<Redaction> = Vec::new();
    let null = |column: &&Name| Redaction {
        column: (*column).clone(),
        is_text: false,
        is_unique: false,
        sql_type: String::new(),
        how: Redact::Null,
        bytes: Vec::new(),
        key: None,
    };
    for one in targets().flat_map(|target| target.redactions.clone()).chain(let_go.iter().map(null)) {
        if !redactions.iter().any(|known| known.column == one.column) {
            redactions.push(one);
        }
    }
    Target {
        table: table.table.clone(),
        root: table.table.clone(),
        alias: table.table.table.clone(),
        only: table.only,
        whose: None,
        anchors: targets()
            .find(|target| !target.anchors.is_empty())
            .map_or_else(Vec::new, |target| target.anchors.clone()),
        condition: None,
        redactions,
        stamped: table.stamped.clone(),
        holds: Vec::new(),
        blockers: Vec::new(),
        self_links: Vec::new(),
        has_triggers: table.has_triggers,
        passages: Vec::new(),
        axes: Vec::new(),
        key: targets().next().map_or_else(Vec::new, |target| target.key.clone()),
    }
}

fn delete(dialect: Dialect, table: &RowTable, keys: &[&RowKey]) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push(if table.only { "DELETE FROM ONLY " } else { "DELETE FROM " }).table(&table.table).push(" WHERE ");
    key_batch::is_among(&mut sql, &table.table.table, &table.key, keys);
    sql.finish()
}

fn update(
    dialect: Dialect,
    table: &RowTable,
    target: &Target,
    hashes: &Hashes,
    are_met: &dyn Fn(&mut Sql),
) -> Statement {
    updating(dialect, table, target, hashes, are_met).finish()
}

/// An `UPDATE` of the rows that `are_met`, which can be told to answer.
fn updating(dialect: Dialect, table: &RowTable, target: &Target, hashes: &Hashes, are_met: &dyn Fn(&mut Sql)) -> Sql {
    let mut sql = Sql::new(dialect);
    sql.update();
    if table.only {
        sql.push("ONLY ");
    }
    sql.table(&table.table).push(" SET ");
    redact::assignments(&mut sql, target, hashes);
    sql.filter(are_met);
    sql
}
