//! The control tables: in PostgreSQL in a schema of their own, elsewhere under the prefix `tenure_`.

pub mod due;
pub mod erasure;
pub mod gate;
pub mod hold;
mod migration;
pub mod outbox;
pub mod pause;
pub mod place;
pub mod request;
pub mod signature;
pub mod walk;

use super::{Connection, DbError, Dialect, ErrorKind, Row, Statement, Value};
use crate::base::name::TableName;
use crate::base::time;
use crate::db::sql::builder::Sql;

pub use migration::{exist, is_ready, migrate};

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

    /// The control table that would bear this name: in PostgreSQL's schema `tenure`, or under the prefix elsewhere.
    fn of_name(name: &TableName) -> Option<Table> {
        let table = name.table.as_str().to_ascii_lowercase();
        let prefixed = table.strip_prefix(Self::prefix(Dialect::Sqlite));
        let in_schema = name.schema.as_ref().filter(|schema| schema.as_str() == "tenure").map(|_| table.as_str());
        let is_called = |called: Option<&str>, own: &Table| called == Some(own.as_str());
        Self::ALL.into_iter().find(|own| is_called(prefixed, own) || is_called(in_schema, own))
    }

    /// Columns that it has had from its first version on, and that no other table of its name is likely to have.
    fn telling_columns(self) -> &'static [&'static str] {
        match self {
            Table::Run => &["holder", "started", "finished", "plan", "record"],
            Table::Batch => &["run", "rule", "done", "rolled_up", "consequences"],
            Table::Erasure => &["reference", "person", "key_id", "cause", "counts"],
            Table::Gate => &["rule", "token", "holder", "seen"],
            Table::Entry => &["number", "kind", "body", "previous", "hash"],
            Table::Outbox => &["message_id", "addressees", "recipient", "attempts", "settled"],
            Table::Due => &["policy", "rule", "due", "not_before", "holder"],
            Table::Hold => &["number", "target", "asks", "salt", "last_day"],
            Table::Pause => &["number", "policy", "rule", "paused", "paused_by"],
            Table::Request => &["number", "person", "key_id", "wanted", "salt"],
            Table::Signature => &["number", "signature"],
            Table::Migration => &["version"],
        }
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

/// Did we make this table? An application may have one of the same name, which bears other columns.
pub(super) fn is_control_table(name: &TableName, columns: &[&str]) -> bool {
    let has = |wanted: &&str| columns.iter().any(|column| column.eq_ignore_ascii_case(wanted));
    Table::of_name(name).is_some_and(|table| table.telling_columns().iter().all(has))
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
