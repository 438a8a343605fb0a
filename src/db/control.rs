//! The control tables: in PostgreSQL in a schema of their own, elsewhere under the prefix `tenure_`.
//!
//! They are made by migrations that are embedded in the program and tracked in a table of our own, so that an application
//! that uses Diesel keeps its `__diesel_schema_migrations` as it was.

pub mod due;
pub mod erasure;
pub mod hold;
pub mod outbox;
pub mod pause;
pub mod request;
pub mod signature;
pub mod walk;

use std::thread;
use std::time::Duration;

use diesel::migration::{Migration, MigrationSource};
use diesel::mysql::Mysql;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::builder::Sql;
use super::connection::Link;
use super::{Connection, DbError, Dialect, ErrorKind, Mode, Row, Statement, Value};
use crate::time;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const MYSQL: EmbeddedMigrations = embed_migrations!("migrations/mysql");

/// A control table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Run,
    Batch,
    Erasure,
    Gate,
    Entry,
    Outbox,
    Due,
    Hold,
    Pause,
    Request,
    Signature,
    Migration,
}

impl Table {
    const ALL: [Table; 12] = [
        Table::Run,
        Table::Batch,
        Table::Erasure,
        Table::Gate,
        Table::Entry,
        Table::Outbox,
        Table::Due,
        Table::Hold,
        Table::Pause,
        Table::Request,
        Table::Signature,
        Table::Migration,
    ];

    /// The table of this name, where the control tables have no schema of their own.
    fn of_name(name: &str) -> Option<Table> {
        let name = name.to_ascii_lowercase();
        let rest = name.strip_prefix(Self::prefix(Dialect::Sqlite))?;
        Self::ALL.into_iter().find(|table| table.as_str() == rest)
    }

    fn prefix(dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Postgres => "tenure.",
            Dialect::Sqlite | Dialect::Mysql => "tenure_",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Table::Run => "run",
            Table::Batch => "batch",
            Table::Erasure => "erasure",
            Table::Gate => "gate",
            Table::Entry => "entry",
            Table::Outbox => "outbox",
            Table::Due => "due",
            Table::Hold => "hold",
            Table::Pause => "pause",
            Table::Request => "request",
            Table::Signature => "signature",
            Table::Migration => "migration",
        }
    }

    /// What a run needs. Batches and entries are written once: the role that runs cannot rewrite them.
    fn rights(self) -> &'static str {
        match self {
            Table::Run | Table::Gate | Table::Outbox | Table::Due | Table::Hold | Table::Pause | Table::Request => {
                "SELECT, INSERT, UPDATE"
            }
            Table::Batch | Table::Erasure | Table::Entry | Table::Signature => "SELECT, INSERT",
            Table::Migration => "SELECT",
        }
    }

    /// Has it been made? On MySQL a role that has no right to it at all is told that it was not.
    fn is_there(self, conn: &mut Connection) -> Result<bool, DbError> {
        let mut sql = Sql::new(conn.dialect());
        sql.push(match conn.dialect() {
            Dialect::Sqlite => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ",
            Dialect::Postgres => {
                "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = 'tenure' AND c.relname = "
            }
            Dialect::Mysql => {
                "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = "
            }
        });
        let prefix = if conn.dialect() == Dialect::Postgres { "" } else { Self::prefix(conn.dialect()) };
        sql.text(&format!("{prefix}{}", self.as_str()));
        Ok(!conn.query(&sql.finish())?.is_empty())
    }

    /// MySQL says that a table is not there to a role that has no right to it; asking for its rows tells the two apart,
    /// but where the role has no right to tables that are not there either.
    fn is_hidden(self, conn: &mut Connection) -> Result<bool, DbError> {
        if conn.dialect() != Dialect::Mysql {
            return Ok(false);
        }
        let mut sql = Sql::new(conn.dialect());
        sql.push("SELECT 1 FROM ").control(self).push(" LIMIT 1");
        match conn.query(&sql.finish()) {
            Err(error) => Ok(error.kind == ErrorKind::Privilege),
            Ok(_) => Ok(true),
        }
    }

    fn grant(self, dialect: Dialect) -> String {
        format!("GRANT {} ON {}{} TO <role>;", self.rights(), Self::prefix(dialect), self.as_str())
    }

    /// Runs a statement on this table; where the role may not, the error says which grant it lacks.
    fn execute(self, conn: &mut Connection, statement: &Statement) -> Result<u64, DbError> {
        let dialect = conn.dialect();
        conn.execute(statement).map_err(|error| self.with_grant(dialect, error))
    }

    /// As [`execute`](Self::execute), for a question.
    fn query(self, conn: &mut Connection, statement: &Statement) -> Result<Vec<Row>, DbError> {
        let dialect = conn.dialect();
        conn.query(statement).map_err(|error| self.with_grant(dialect, error))
    }

    fn with_grant(self, dialect: Dialect, error: DbError) -> DbError {
        if error.kind != ErrorKind::Privilege {
            return error;
        }
        let lacking: Vec<String> = usage(dialect).into_iter().chain([self.grant(dialect)]).collect();
        let name = format!("{}{}", Self::prefix(dialect), self.as_str());
        let message =
            format!("{} on the control table `{name}`; let its owner run {}", error.message, lacking.join(" "));
        DbError { message, ..error }
    }
}

/// May this role write down what it does? Asked before it does anything: a run that could not be closed must not begin.
///
/// # Errors
/// [`ErrorKind::Privilege`], with the grant that is lacking.
pub fn check_rights(conn: &mut Connection) -> Result<(), DbError> {
    if conn.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Migration) {
        let mut sql = Sql::new(conn.dialect());
        sql.push("INSERT INTO ").control(table).push(" SELECT * FROM ").control(table).push(" WHERE 1 = 0");
        table.execute(conn, &sql.finish())?;
    }
    let changes = [
        (Table::Run, "finished = finished"),
        (Table::Gate, "seen = seen"),
        (Table::Outbox, "due = due"),
        (Table::Hold, "ended = ended"),
        (Table::Request, "settled = settled"),
    ];
    for (table, change) in changes {
        let mut sql = Sql::new(conn.dialect());
        sql.push("UPDATE ").control(table).push(" SET ").push(change).push(" WHERE 1 = 0");
        table.execute(conn, &sql.finish())?;
    }
    Ok(())
}

/// Is this, on SQLite or MySQL, the name of a control table? An application's own table may well begin like one.
pub(super) fn is_control_table(name: &str) -> bool {
    Table::of_name(name).is_some()
}

/// Without it no right on a table of the schema counts.
fn usage(dialect: Dialect) -> Option<String> {
    (dialect == Dialect::Postgres).then(|| "GRANT USAGE ON SCHEMA tenure TO <role>;".to_owned())
}

/// What the control tables' owner grants to the role that runs, for people to read.
pub fn grants(dialect: Dialect) -> Vec<String> {
    usage(dialect).into_iter().chain(Table::ALL.map(|table| table.grant(dialect))).collect()
}

impl Sql {
    fn control(&mut self, table: Table) -> &mut Self {
        self.push(Table::prefix(self.dialect)).push(table.as_str())
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bind(Value::Text(text.to_owned()))
    }

    fn maybe(&mut self, text: Option<&str>) -> &mut Self {
        self.bind(text.map_or(Value::Null, |text| Value::Text(text.to_owned())))
    }

    fn int(&mut self, int: i64) -> &mut Self {
        self.bind(Value::Int(int))
    }

    /// A NULL that is bound is a text to PostgreSQL, and no number.
    fn maybe_int(&mut self, int: Option<i64>) -> &mut Self {
        match int {
            Some(int) => self.int(int),
            None => self.push("NULL"),
        }
    }
}

/// The database's own clock, microseconds since 1970.
pub fn clock(conn: &mut Connection) -> Result<i64, DbError> {
    let statement = Statement::plain(match conn.dialect() {
        Dialect::Sqlite => "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        Dialect::Postgres => "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
        Dialect::Mysql => "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)",
    });
    let rows = conn.query(&statement)?;
    let told = rows.first().and_then(|row| row.int(0));
    let told = told.ok_or_else(|| DbError::new(ErrorKind::Other, "the database tells no time"))?;
    Ok(told + time::database_shift())
}

/// Are the control tables there, and of this version?
pub fn is_ready(conn: &mut Connection) -> Result<bool, DbError> {
    Ok(pending(conn)?.is_empty())
}

/// Versions of the migrations that were not applied yet.
fn pending(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    let applied = applied(conn)?;
    let all = match conn.dialect() {
        Dialect::Sqlite => versions::<Sqlite>(&SQLITE)?,
        Dialect::Postgres => versions::<Pg>(&POSTGRES)?,
        Dialect::Mysql => versions::<Mysql>(&MYSQL)?,
    };
    Ok(all.into_iter().filter(|version| !applied.contains(version)).collect())
}

/// Are there any control tables, of whatever version?
pub fn exist(conn: &mut Connection) -> Result<bool, DbError> {
    Table::Migration.is_there(conn)
}

fn applied(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    if !exist(conn)? {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT version FROM ").control(Table::Migration);
    Ok(Table::Migration.query(conn, &sql.finish())?.iter().filter_map(|row| row.text(0).map(str::to_owned)).collect())
}

fn versions<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<Vec<String>, DbError> {
    Ok(sorted::<DB>(source)?.iter().map(|migration| migration.name().version().to_string()).collect())
}

fn sorted<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<Vec<Box<dyn Migration<DB>>>, DbError> {
    let mut all = MigrationSource::<DB>::migrations(source)
        .map_err(|_| DbError::new(ErrorKind::Other, "the embedded migrations cannot be read"))?;
    all.sort_by_key(|migration| migration.name().version().as_owned());
    Ok(all)
}

/// Makes or upgrades the control tables; the versions that were applied, by us or by somebody beside us.
///
/// Of two that start at once, one fails on what the other has just made, is rolled back (but on MySQL, whose migrations
/// can be repeated), and looks again.
pub fn migrate(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    const ATTEMPTS: u64 = 10;
    let wanted = pending(conn)?;
    let mut attempt = 1;
    while let Err(error) = apply_pending(conn) {
        let may_be_a_race = matches!(error.kind, ErrorKind::Constraint | ErrorKind::Conflict | ErrorKind::Other);
        if attempt == ATTEMPTS || !may_be_a_race {
            return Err(error);
        }
        thread::sleep(Duration::from_millis(20 * attempt));
        attempt += 1;
    }
    Ok(wanted)
}

fn apply_pending(conn: &mut Connection) -> Result<(), DbError> {
    let pending = pending(conn)?;
    if pending.is_empty() {
        return Ok(());
    }
    conn.script(match conn.dialect() {
        Dialect::Sqlite => "CREATE TABLE IF NOT EXISTS tenure_migration (version TEXT NOT NULL PRIMARY KEY) STRICT",
        Dialect::Postgres => {
            "CREATE SCHEMA IF NOT EXISTS tenure; \
             CREATE TABLE IF NOT EXISTS tenure.migration (version TEXT NOT NULL PRIMARY KEY)"
        }
        Dialect::Mysql => {
            "CREATE TABLE IF NOT EXISTS tenure_migration (version VARCHAR(128) NOT NULL PRIMARY KEY) ENGINE = InnoDB"
        }
    })?;
    pending.iter().try_for_each(|version| conn.transaction(Mode::Single, |conn| apply(conn, version)))
}

fn apply(conn: &mut Connection, version: &str) -> Result<(), DbError> {
    let dialect = conn.dialect();
    let applied = match conn.link() {
        Link::Sqlite(link) => run_one::<Sqlite, _>(&SQLITE, version, |m| m.run(link))?,
        Link::Postgres(link) => run_one::<Pg, _>(&POSTGRES, version, |m| m.run(link))?,
        Link::Mysql(link) => run_one::<Mysql, _>(&MYSQL, version, |m| m.run(link))?,
    };
    applied.map_err(|error| match error.downcast::<diesel::result::Error>() {
        Ok(error) => DbError::of(dialect, &error),
        Err(_) => DbError::new(ErrorKind::Other, "a migration of the control tables failed"),
    })?;
    let mut sql = Sql::new(dialect);
    sql.push("INSERT INTO ").control(Table::Migration).push(" (version) VALUES (").text(version).push(")");
    conn.execute(&sql.finish()).map(drop)
}

type MigrationResult = diesel::migration::Result<()>;

fn run_one<DB: diesel::backend::Backend, F>(
    source: &EmbeddedMigrations,
    version: &str,
    run: F,
) -> Result<MigrationResult, DbError>
where
    F: FnOnce(Box<dyn Migration<DB>>) -> MigrationResult,
{
    let found = sorted::<DB>(source)?.into_iter().find(|migration| migration.name().version().to_string() == version);
    found.map(run).ok_or_else(|| DbError::new(ErrorKind::Other, "an embedded migration is missing"))
}

/// A row of `run`.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    pub id: String,
    pub holder: String,
    /// Microseconds since 1970, as is `finished`.
    pub started: i64,
    pub finished: Option<i64>,
    pub plan: String,
    /// `None` while it runs, and after it died.
    pub record: Option<String>,
}

pub fn insert_run(conn: &mut Connection, id: &str, holder: &str, started: i64, plan: &str) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("INSERT INTO ").control(Table::Run).push(" (id, holder, started, plan) VALUES (");
    sql.text(id).push(", ").text(holder).push(", ").int(started).push(", ").text(plan).push(")");
    Table::Run.execute(conn, &sql.finish()).map(drop)
}

/// Is the run open still? Keeps it so, under a lock on its row, until the transaction ends.
pub fn lock_open_run(conn: &mut Connection, id: &str) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT 1 FROM ").control(Table::Run).push(" WHERE id = ").text(id).push(" AND finished IS NULL");
    if conn.dialect() != Dialect::Sqlite {
        sql.push(" FOR UPDATE");
    }
    Ok(!Table::Run.query(conn, &sql.finish())?.is_empty())
}

/// Closes a run that the transaction holds open.
pub fn finish_run(conn: &mut Connection, id: &str, finished: i64, record: &str) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Run).push(" SET finished = ").int(finished).push(", record = ").text(record);
    sql.push(" WHERE id = ").text(id);
    Table::Run.execute(conn, &sql.finish()).map(drop)
}

/// Which runs to read.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    Open,
    /// Newest first.
    Latest(u64),
    /// Those whose id starts so.
    Id(&'a str),
    /// At most so many that were closed, newest first, from this id on back: ids sort by time, and have an index.
    Closed(Option<&'a str>, u64),
}

const RUN_COLUMNS: &str = "SELECT id, holder, started, finished, plan, record FROM ";

pub fn runs(conn: &mut Connection, which: Which<'_>) -> Result<Vec<RunRow>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push(RUN_COLUMNS).control(Table::Run);
    match which {
        Which::Open => {
            sql.push(" WHERE finished IS NULL ORDER BY started");
        }
        Which::Latest(limit) => {
            sql.push(" ORDER BY started DESC, id DESC LIMIT ").number(limit);
        }
        Which::Id(prefix) => {
            let length = prefix.chars().count() as u64;
            sql.push(" WHERE substr(id, 1, ").number(length).push(") = ").text(prefix).push(" ORDER BY started DESC");
        }
        Which::Closed(before, limit) => {
            sql.push(" WHERE finished IS NOT NULL");
            if let Some(id) = before {
                sql.push(" AND id < ").text(id);
            }
            sql.push(" ORDER BY id DESC LIMIT ").number(limit);
        }
    }
    let rows = Table::Run.query(conn, &sql.finish())?;
    Ok(rows.iter().map(run_row).collect())
}

fn run_row(row: &Row) -> RunRow {
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    RunRow {
        id: text(0),
        holder: text(1),
        started: row.int(2).unwrap_or(0),
        finished: row.int(3),
        plan: text(4),
        record: row.text(5).map(str::to_owned),
    }
}

/// A row of `batch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    pub id: String,
    pub run: String,
    pub rule: String,
    /// Microseconds since 1970.
    pub at: i64,
    /// Rows, as is `rolled_up`; negative only where somebody else wrote it.
    pub done: i64,
    pub rolled_up: i64,
    /// JSON of what went, or was let go, with the rows.
    pub consequences: String,
}

pub fn insert_batch(conn: &mut Connection, batch: &BatchRow) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("INSERT INTO ").control(Table::Batch).push(" (id, run, rule, at, done, rolled_up, consequences) VALUES (");
    sql.text(&batch.id).push(", ").text(&batch.run).push(", ").text(&batch.rule).push(", ").int(batch.at);
    sql.push(", ").int(batch.done).push(", ").int(batch.rolled_up);
    sql.push(", ").text(&batch.consequences).push(")");
    Table::Batch.execute(conn, &sql.finish()).map(drop)
}

/// The batches of a run in the order of their ids, or the one batch of this id.
pub fn batches(conn: &mut Connection, run: Option<&str>, id: Option<&str>) -> Result<Vec<BatchRow>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT id, run, rule, at, done, rolled_up, consequences FROM ").control(Table::Batch).push(" WHERE ");
    match (run, id) {
        (_, Some(id)) => sql.push("id = ").text(id),
        (run, None) => sql.push("run = ").text(run.unwrap_or_default()),
    };
    sql.push(" ORDER BY id");
    let rows = Table::Batch.query(conn, &sql.finish())?;
    let number = |row: &Row, column| row.int(column).unwrap_or(0);
    let text = |row: &Row, column| row.text(column).unwrap_or_default().to_owned();
    Ok(rows
        .iter()
        .map(|row| BatchRow {
            id: text(row, 0),
            run: text(row, 1),
            rule: text(row, 2),
            at: number(row, 3),
            done: number(row, 4),
            rolled_up: number(row, 5),
            consequences: text(row, 6),
        })
        .collect())
}

/// Of a run: its batches until now, and the rows that they did.
pub fn done_so_far(conn: &mut Connection, run: &str) -> Result<(i64, i64), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*), CAST(COALESCE(SUM(done), 0) AS ");
    // The servers' sums are decimals.
    sql.push(if conn.dialect() == Dialect::Mysql { "SIGNED" } else { "bigint" });
    sql.push(") FROM ").control(Table::Batch).push(" WHERE run = ").text(run);
    let rows = Table::Batch.query(conn, &sql.finish())?;
    let number = |column| rows.first().and_then(|row| row.int(column)).unwrap_or(0);
    Ok((number(0), number(1)))
}

/// A row of `gate`: who may work on a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRow {
    pub token: i64,
    /// `None` where nobody holds it.
    pub run: Option<String>,
    pub holder: Option<String>,
    /// Last sign of life, microseconds since 1970 by the database's clock.
    pub seen: i64,
}

/// Makes the rule's gate where there is none.
pub fn ensure_gate(conn: &mut Connection, rule: &str, now: i64) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push(match conn.dialect() {
        Dialect::Mysql => "INSERT IGNORE INTO ",
        Dialect::Sqlite | Dialect::Postgres => "INSERT INTO ",
    });
    sql.control(Table::Gate).push(" (rule, token, seen) VALUES (").text(rule).push(", 0, ").int(now).push(")");
    if conn.dialect() != Dialect::Mysql {
        sql.push(" ON CONFLICT (rule) DO NOTHING");
    }
    Table::Gate.execute(conn, &sql.finish()).map(drop)
}

pub fn gate(conn: &mut Connection, rule: &str) -> Result<Option<GateRow>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT token, run, holder, seen FROM ").control(Table::Gate).push(" WHERE rule = ").text(rule);
    let rows = Table::Gate.query(conn, &sql.finish())?;
    Ok(rows.first().map(|row| GateRow {
        token: row.int(0).unwrap_or(0),
        run: row.text(1).map(str::to_owned),
        holder: row.text(2).map(str::to_owned),
        seen: row.int(3).unwrap_or(0),
    }))
}

/// Takes, renews or (with no run) gives back a gate by compare-and-swap on its token; false where another was faster.
/// Waits for batches in flight, which share a lock on the row.
pub fn swap_gate(
    conn: &mut Connection,
    rule: &str,
    old: i64,
    new: i64,
    run: Option<&str>,
    holder: Option<&str>,
    now: i64,
) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Gate).push(" SET token = ").int(new).push(", run = ").maybe(run);
    sql.push(", holder = ").maybe(holder).push(", seen = ").int(now);
    sql.push(" WHERE rule = ").text(rule).push(" AND token = ").int(old);
    Ok(Table::Gate.execute(conn, &sql.finish())? == 1)
}

/// Gives a gate back, whatever its token is by now: nobody else bears this run's name.
pub fn free_gate(conn: &mut Connection, rule: &str, run: &str, now: i64) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ")
        .control(Table::Gate)
        .push(" SET token = token + 1, run = NULL, holder = NULL, seen = ")
        .int(now);
    sql.push(" WHERE rule = ").text(rule).push(" AND run = ").text(run);
    Table::Gate.execute(conn, &sql.finish()).map(drop)
}

/// The gate of no rule, which every order raises before the gates that it shuts.
const ORDERS: &str = "orders";

/// Raises the token of one gate, or of all, so that no run that goes on now does another batch there. Waits for the batches
/// in flight, and is seen by whoever begins a rule: see [`wait_for_orders`].
pub fn raise_gates(conn: &mut Connection, only: Option<&str>) -> Result<(), DbError> {
    let raise = |conn: &mut Connection, rule: Option<&str>| {
        let mut sql = Sql::new(conn.dialect());
        sql.push("UPDATE ").control(Table::Gate).push(" SET token = token + 1");
        if let Some(rule) = rule {
            sql.push(" WHERE rule = ").text(rule);
        }
        Table::Gate.execute(conn, &sql.finish()).map(drop)
    };
    // In a statement of its own: only the next one sees the gates of rules that began while this one waited.
    raise(conn, Some(ORDERS))?;
    raise(conn, only)
}

/// Waits for the orders that are about to be committed; those that come later find every gate that was made until now. So
/// whoever takes a gate, and after that reads the orders in the transaction of this, misses none.
pub fn wait_for_orders(conn: &mut Connection) -> Result<(), DbError> {
    token_is(conn, ORDERS, 0).map(drop)
}

/// Inside a batch's transaction: is this still the rule's token? Shares a lock on the row, so that a takeover waits for
/// the batch and every batch after it sees the new token.
pub fn token_is(conn: &mut Connection, rule: &str, token: i64) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT token FROM ").control(Table::Gate).push(" WHERE rule = ").text(rule);
    sql.push(match conn.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR SHARE",
        Dialect::Mysql => " LOCK IN SHARE MODE",
    });
    Ok(Table::Gate.query(conn, &sql.finish())?.first().and_then(|row| row.int(0)) == Some(token))
}

/// A row of `entry`: a link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// From 1.
    pub number: i64,
    pub at: i64,
    pub kind: String,
    pub run: Option<String>,
    pub body: String,
    pub previous: String,
    pub hash: String,
}

/// Fails with [`ErrorKind::Constraint`] where somebody else took the number.
pub fn insert_entry(conn: &mut Connection, entry: &EntryRow) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("INSERT INTO ").control(Table::Entry).push(" (number, at, kind, run, body, previous, hash) VALUES (");
    sql.int(entry.number).push(", ").int(entry.at).push(", ").text(&entry.kind).push(", ");
    sql.maybe(entry.run.as_deref()).push(", ").text(&entry.body).push(", ").text(&entry.previous);
    sql.push(", ").text(&entry.hash).push(")");
    Table::Entry.execute(conn, &sql.finish()).map(drop)
}

/// The newest entry, or `None` where the chain is empty.
pub fn last_entry(conn: &mut Connection) -> Result<Option<EntryRow>, DbError> {
    Ok(entries(conn, " ORDER BY number DESC LIMIT 1", None)?.into_iter().next())
}

/// Entries about one run, oldest first.
pub fn entries_of_run(conn: &mut Connection, run: &str) -> Result<Vec<EntryRow>, DbError> {
    entries(conn, " ORDER BY number", Some(run))
}

fn entries(conn: &mut Connection, order: &'static str, run: Option<&str>) -> Result<Vec<EntryRow>, DbError> {
    let mut sql = select_entries(conn.dialect());
    if let Some(run) = run {
        sql.push(" WHERE run = ").text(run);
    }
    sql.push(order);
    entry_rows(conn, &sql.finish())
}

fn select_entries(dialect: Dialect) -> Sql {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT number, at, kind, run, body, previous, hash FROM ").control(Table::Entry);
    sql
}

fn entry_rows(conn: &mut Connection, statement: &Statement) -> Result<Vec<EntryRow>, DbError> {
    let text = |row: &Row, column| row.text(column).unwrap_or_default().to_owned();
    let rows = Table::Entry.query(conn, statement)?;
    Ok(rows
        .iter()
        .map(|row| EntryRow {
            number: row.int(0).unwrap_or(0),
            at: row.int(1).unwrap_or(0),
            kind: text(row, 2),
            run: row.text(3).map(str::to_owned),
            body: text(row, 4),
            previous: text(row, 5),
            hash: text(row, 6),
        })
        .collect())
}
