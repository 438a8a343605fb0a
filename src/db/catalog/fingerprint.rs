//! Is the catalog still what it was? A plan rests on it, and an application may be deployed while the plan is carried out: a
//! new foreign key could take rows along that were neither counted nor asked for their holds.
//!
//! So each batch asks in its own transaction, about the tables of its plan alone. No foreign key gets in between the answer and
//! the act: on PostgreSQL the tables are locked against that before the transaction takes its snapshot; on MySQL, where the
//! answer is of no snapshot, it is asked after the act; SQLite has one writer.

use std::collections::{BTreeMap, BTreeSet};

use super::ask;
use crate::base::name::{Name, TableName};
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Row, Statement, Value};
use crate::plan::{Act, RulePlan};

/// What the database said of each table, in short, by the table's whole name. SQLite has one answer for all, under no name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<String, String>);

/// The tables that a plan rests on, as they were when it was made.
#[derive(Debug, Clone)]
pub struct Footing {
    seen: Fingerprint,
    /// Rows of these are deleted, so that a foreign key to them matters.
    deleted_from: Vec<TableName>,
    /// Others that are changed or read.
    others: Vec<TableName>,
}

/// Of the whole catalog; on MySQL see [`of_databases`].
pub(super) fn read(conn: &mut Connection) -> Result<Fingerprint, DbError> {
    match conn.dialect() {
        Dialect::Sqlite => of_sqlite(conn),
        Dialect::Postgres => {
            let statement =
                format!("{POSTGRES} WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'");
            Ok(postgres_answers(&ask(conn, &statement)?))
        }
        Dialect::Mysql => Ok(Fingerprint::default()),
    }
}

impl Fingerprint {
    /// What `plans` rest on.
    pub fn footing<'p>(&self, plans: impl IntoIterator<Item = &'p RulePlan>) -> Footing {
        let (mut deleted_from, mut others) = (BTreeSet::new(), BTreeSet::new());
        for plan in plans {
            deleted_from.extend(plan.tables_deleted_from().into_iter().cloned());
            others.extend(plan.tables_read().into_iter().chain(plan.tables_updated()).cloned());
            if let Act::Aggregate(rollup) = &plan.act {
                others.extend(rollup.leaves.iter().cloned());
            }
        }
        others.retain(|table| !deleted_from.contains(table));
        let (deleted_from, others) = (deleted_from.into_iter().collect(), others.into_iter().collect());
        Footing { seen: self.clone(), deleted_from, others }
    }
}

impl Footing {
    /// What an error of a statement means that was planned on these tables: where something is not there any more, it was
    /// dropped or renamed since.
    pub fn read(error: DbError) -> DbError {
        if error.kind == ErrorKind::Missing { changed("") } else { error }
    }

    /// To be called first in a transaction that deletes rows: from here on no foreign key to them can be added until it ends.
    ///
    /// # Errors
    /// Those of the lock, for which the right to delete is enough.
    pub fn lock(&self, conn: &mut Connection) -> Result<(), DbError> {
        if conn.dialect() != Dialect::Postgres || self.deleted_from.is_empty() {
            return Ok(());
        }
        let mut sql = Sql::new(Dialect::Postgres);
        // With what lies below them: a roll-up acts on the root.
        sql.push("LOCK TABLE ");
        sql.list(&self.deleted_from, ", ", |sql, table| {
            sql.table(table);
        });
        sql.push(" IN ROW EXCLUSIVE MODE");
        conn.execute(&sql.finish()).map(drop).map_err(|error| match error.kind {
            ErrorKind::Missing => changed(""),
            _ => error,
        })
    }

    /// Before the act, where what is true now stays true until the transaction ends.
    ///
    /// # Errors
    /// [`ErrorKind::SchemaChanged`], naming the table.
    pub fn check_before(&self, conn: &mut Connection) -> Result<(), DbError> {
        if conn.dialect() == Dialect::Mysql { Ok(()) } else { self.check(conn) }
    }

    /// After the act, where another session may have changed a table until then.
    ///
    /// # Errors
    /// As [`check_before`](Self::check_before).
    pub fn check_after(&self, conn: &mut Connection) -> Result<(), DbError> {
        if conn.dialect() == Dialect::Mysql { self.check(conn) } else { Ok(()) }
    }

    fn check(&self, conn: &mut Connection) -> Result<(), DbError> {
        let now = match conn.dialect() {
            Dialect::Sqlite => of_sqlite(conn)?,
            Dialect::Postgres => postgres_answers(&conn.query(&self.of_postgres())?),
            Dialect::Mysql => {
                let place = |table: &'_ TableName| table.schema.clone().map(|schema| (schema, table.table.clone()));
                let places: Vec<_> = self.deleted_from.iter().filter_map(place).collect();
                of_mysql(conn, places.iter().map(|(database, table)| (database, Some(table))))?
            }
        };
        let differs = |(table, answer): &(&String, &String)| self.seen.0.get(*table) != Some(*answer);
        let known = if conn.dialect() == Dialect::Sqlite { &[][..] } else { &self.deleted_from };
        let gone = known.iter().map(key).find(|table| !now.0.contains_key(table));
        match now.0.iter().find(differs).map(|(table, _)| table.clone()).or(gone) {
            None => Ok(()),
            Some(table) => Err(changed(&table)),
        }
    }

    /// Tables of which rows are deleted are looked at with all their partitions and children.
    fn of_postgres(&self) -> Statement {
        let mut sql = Sql::new(Dialect::Postgres);
        let named: Vec<_> = self.deleted_from.iter().map(|table| (table, true)).collect();
        let named: Vec<_> = named.into_iter().chain(self.others.iter().map(|table| (table, false))).collect();
        sql.push("WITH RECURSIVE named (oid, deep) AS (SELECT c.oid, v.deep FROM (VALUES ");
        sql.list(&named, ", ", |sql, (table, deep)| {
            let schema = table.schema.as_ref().map(|schema| schema.as_str()).unwrap_or_default();
            sql.push("(").bind_as(Value::Text(schema.to_owned()), "text").push(", ");
            sql.bind_as(Value::Text(table.table.as_str().to_owned()), "text");
            sql.push(if *deep { ", TRUE)" } else { ", FALSE)" });
        });
        sql.push(
            ") AS v (s, t, deep) JOIN pg_namespace n ON n.nspname = v.s \
             JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = v.t \
             UNION SELECT h.inhrelid, TRUE FROM named m JOIN pg_inherits h ON h.inhparent = m.oid WHERE m.deep) ",
        );
        sql.push(POSTGRES).push(" WHERE c.oid IN (SELECT oid FROM named)");
        sql.finish()
    }
}

/// A foreign key shows in the triggers that implement it, on the table that it refers to as well. Of `pg_class` only what
/// VACUUM and ANALYZE leave alone.
const POSTGRES: &str = "\
    SELECT n.nspname::text, c.relname::text, md5(concat_ws('|', c.oid, c.relkind, c.relpersistence, c.relrowsecurity, \
           (SELECT string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull, \
                   a.attgenerated), ',' ORDER BY a.attnum) \
              FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0), \
           (SELECT string_agg(concat_ws(' ', t.oid, t.tgenabled, t.tgtype, t.tgfoid, t.tginitdeferred), ',' ORDER BY t.oid) \
              FROM pg_trigger t WHERE t.tgrelid = c.oid), \
           (SELECT string_agg(concat_ws(' ', r.oid, r.ev_enabled), ',' ORDER BY r.oid) \
              FROM pg_rewrite r WHERE r.ev_class = c.oid), \
           (SELECT string_agg(h.inhrelid::text, ',' ORDER BY h.inhrelid) FROM pg_inherits h WHERE h.inhparent = c.oid))) \
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

fn postgres_answers(rows: &[Row]) -> Fingerprint {
    let text = |row: &Row, column: usize| row.text(column).unwrap_or_default().to_owned();
    Fingerprint(rows.iter().map(|row| (format!("{}.{}", text(row, 0), text(row, 1)), text(row, 2))).collect())
}

/// The statements that made everything. What ANALYZE makes is left out.
fn of_sqlite(conn: &mut Connection) -> Result<Fingerprint, DbError> {
    let made =
        "SELECT type, name, sql FROM sqlite_schema WHERE substr(name, 1, 11) <> 'sqlite_stat' ORDER BY type, name";
    let mut all = String::new();
    for row in ask(conn, made)? {
        for column in 0..3 {
            all.push_str(row.text(column).unwrap_or_default());
            all.push('\0');
        }
    }
    Ok(Fingerprint(BTreeMap::from([(String::new(), all)])))
}

/// MySQL: of all tables of these databases.
pub(super) fn of_databases<'n>(
    conn: &mut Connection,
    databases: impl IntoIterator<Item = &'n Name>,
) -> Result<Fingerprint, DbError> {
    of_mysql(conn, databases.into_iter().map(|database| (database, None)))
}

/// Of tables, each asked for by its whole name, so that the server opens no other one; or of all tables of a database. The
/// server compares these names in any case, so that names which differ by case alone are told apart by their bytes.
fn of_mysql<'n>(
    conn: &mut Connection,
    places: impl IntoIterator<Item = (&'n Name, Option<&'n Name>)>,
) -> Result<Fingerprint, DbError> {
    let mut found = Fingerprint::default();
    for (database, table) in places {
        add(&mut found, "columns ", &conn.query(&mysql_columns(database, table))?);
        add(&mut found, " triggers ", &conn.query(&mysql_triggers(database, table))?);
    }
    for (table, answer) in super::mysql::references_in(conn)?.unwrap_or_default() {
        if found.0.contains_key(&table) {
            found.add(table, " references ", &answer);
        }
    }
    Ok(found)
}

fn mysql_columns(database: &Name, table: Option<&Name>) -> Statement {
    let mut sql = Sql::new(Dialect::Mysql);
    sql.push(
        "SELECT MIN(TABLE_SCHEMA), MIN(TABLE_NAME), CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', ORDINAL_POSITION, COLUMN_NAME, \
         COLUMN_TYPE, IS_NULLABLE, COLLATION_NAME, EXTRA)))) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ",
    );
    sql.bind(Value::Text(database.as_str().to_owned()));
    if let Some(table) = table {
        sql.push(" AND TABLE_NAME = ").bind(Value::Text(table.as_str().to_owned()));
    }
    sql.push(" GROUP BY BINARY TABLE_SCHEMA, BINARY TABLE_NAME");
    sql.finish()
}

fn mysql_triggers(database: &Name, table: Option<&Name>) -> Statement {
    let mut sql = Sql::new(Dialect::Mysql);
    sql.push(
        "SELECT MIN(EVENT_OBJECT_SCHEMA), MIN(EVENT_OBJECT_TABLE), CONCAT(COUNT(*), ':', SUM(CRC32(CONCAT_WS('|', TRIGGER_NAME, \
         ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT)))) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ",
    );
    sql.bind(Value::Text(database.as_str().to_owned()));
    if let Some(table) = table {
        sql.push(" AND EVENT_OBJECT_TABLE = ").bind(Value::Text(table.as_str().to_owned()));
    }
    sql.push(" GROUP BY BINARY EVENT_OBJECT_SCHEMA, BINARY EVENT_OBJECT_TABLE");
    sql.finish()
}

fn add(found: &mut Fingerprint, what: &str, rows: &[Row]) {
    for row in rows {
        let text = |column: usize| row.text(column).unwrap_or_default();
        found.add(format!("{}.{}", text(0), text(1)), what, text(2));
    }
}

impl Fingerprint {
    fn add(&mut self, table: String, what: &str, answer: &str) {
        let all = self.0.entry(table).or_default();
        all.push_str(what);
        all.push_str(answer);
    }
}

fn key(table: &TableName) -> String {
    let schema = table.schema.as_ref().map(|schema| schema.as_str()).unwrap_or_default();
    format!("{schema}.{}", table.table.as_str())
}

/// The error of a batch that finds a table, or some table, otherwise than it was planned with.
fn changed(table: &str) -> DbError {
    let what = if table.is_empty() { "the tables are".to_owned() } else { format!("`{table}` is") };
    DbError::new(
        ErrorKind::SchemaChanged,
        format!(
            "{what} not as when this was planned: a column, foreign key, trigger, partition or child was added, changed or dropped \
             meanwhile; the rest remains for the next run, which plans anew"
        ),
    )
}
