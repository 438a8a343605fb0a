//! One connection to one of the three databases: open, execute, query, transact.

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::deserialize::{self, FromSql, QueryableByName};
use diesel::mysql::{Mysql, MysqlConnection, MysqlType};
use diesel::pg::{Pg, PgConnection};
use diesel::row::{Field, NamedRow};
use diesel::sql_types as st;
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteType};
use diesel::{Connection as _, RunQueryDsl};

use crate::base::signing::Signer;
use crate::config::database_url as url;
use crate::config::database_url::{asks_for_tls, redacted};
use crate::db::driver::sqlite_functions;
use crate::db::{DbError, Dialect, ErrorKind, Row, Statement, Value};

/// How long a statement waits for a lock before the batch is tried again, smaller.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// The same on SQLite, where who waits holds nothing that others wait for, and a smaller batch is no help.
const SQLITE_LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// SQLite's page cache: most of the memory that a run takes.
const SQLITE_CACHE_KIB: u32 = 32 * 1024;

/// What a connection is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Plans and checks: the session refuses writes wherever the database can be told so.
    ReadOnly,
    ReadWrite,
}

/// The transaction that a body runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One snapshot, writes refused.
    ReadOnly,
    /// A batch of one statement: READ COMMITTED, where the server looks again at a row that changed under it.
    Single,
    /// A batch of several statements that must see the same rows: REPEATABLE READ. PostgreSQL then works on one snapshot
    /// and refuses rows that changed since; InnoDB locks the rows and gaps that it reads. SQLite has one writer anyway.
    Several,
    /// A batch that asks once which rows go, and then acts by their keys: as `Several`. On MySQL and MariaDB it is
    /// SERIALIZABLE, so that every read locks what it reads, subqueries and the schedule's own conditions included: what
    /// the first question was answered by stays as it is until COMMIT.
    ByKey,
}

pub(in crate::db) enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    Mysql(MysqlConnection),
}

pub struct Connection {
    link: Link,
    access: Access,
    /// Signs what is chained over this connection.
    signer: Option<Arc<Signer>>,
}

/// For as long as another connection takes that sees the same. Elsewhere somebody who is idle in a transaction hangs.
const PATIENT: &str = "SET LOCAL idle_in_transaction_session_timeout = 0";

/// Runs the same expression on whichever link there is.
macro_rules! on_link {
    ($self:expr, $conn:ident => $body:expr) => {
        match &mut $self.link {
            Link::Sqlite($conn) => $body,
            Link::Postgres($conn) => $body,
            Link::Mysql($conn) => $body,
        }
    };
}

impl Connection {
    /// Opens the database behind `url` (`sqlite://path`, `postgres://…`, `mysql://…`).
    ///
    /// TLS that the URL asks for is never dropped: where a MySQL session came up in plain text although `ssl_mode` or
    /// `ssl_ca` asked for TLS, this fails (libmariadb takes `ssl_mode=REQUIRED` for a wish).
    ///
    /// # Errors
    /// [`ErrorKind::Connect`], naming host and database and never a password.
    pub fn open(url: &str, access: Access) -> Result<Self, DbError> {
        let target = redacted(url);
        let dialect = url::check(url)
            .map_err(|flaw| DbError::new(ErrorKind::Connect, format!("cannot connect to {target}: {flaw}")))?;
        let failed = |error| DbError::of_connect(&target, &error);
        let link = match dialect {
            Dialect::Sqlite => {
                let mut conn = SqliteConnection::establish(&sqlite_file(url, access)).map_err(failed)?;
                sqlite_functions::register(&mut conn).map_err(|error| DbError::of(dialect, &error))?;
                Link::Sqlite(conn)
            }
            Dialect::Postgres => Link::Postgres(PgConnection::establish(url).map_err(failed)?),
            Dialect::Mysql => {
                let url = url.replacen("mariadb://", "mysql://", 1);
                Link::Mysql(MysqlConnection::establish(&url).map_err(failed)?)
            }
        };
        let mut connection = Self { link, access, signer: None };
        connection.settle(url, access)?;
        Ok(connection)
    }

    /// The same connection; entries of the ledger that are written over it are signed with this key.
    #[must_use]
    pub fn signing_with(self, signer: Option<&Arc<Signer>>) -> Self {
        Self { signer: signer.cloned(), ..self }
    }

    pub fn signer(&self) -> Option<Arc<Signer>> {
        self.signer.clone()
    }

    /// What it was opened for.
    pub fn access(&self) -> Access {
        self.access
    }

    pub fn dialect(&self) -> Dialect {
        match self.link {
            Link::Sqlite(_) => Dialect::Sqlite,
            Link::Postgres(_) => Dialect::Postgres,
            Link::Mysql(_) => Dialect::Mysql,
        }
    }

    /// Settings that the rest of the house relies on.
    fn settle(&mut self, url: &str, access: Access) -> Result<(), DbError> {
        let millis = LOCK_TIMEOUT.as_millis();
        let seconds = LOCK_TIMEOUT.as_secs();
        match self.dialect() {
            Dialect::Sqlite => {
                // foreign_keys: without it a delete leaves dangling references and takes rows that RESTRICT protects.
                // secure_delete: deleted text must not survive in free pages.
                // cache_size, in KiB: a batch changes pages all over the indexes, and those that do not fit are written
                // again and again.
                let millis = SQLITE_LOCK_TIMEOUT.as_millis();
                self.script(&format!(
                    "PRAGMA busy_timeout = {millis}; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; \
                     PRAGMA trusted_schema = OFF; PRAGMA cache_size = -{SQLITE_CACHE_KIB};"
                ))?;
                match access {
                    Access::ReadOnly => self.script("PRAGMA query_only = ON;")?,
                    // A checkpoint of SQLite's own would be a part of COMMIT: see `move_log`.
                    Access::ReadWrite => self.script("PRAGMA wal_autocheckpoint = 0;")?,
                }
            }
            Dialect::Postgres => {
                // row_security: a statement that would be shown some rows only is an error and not zero rows, in whatever
                // table of the statement they are. jit: the walks over references look so dear to the planner that it would
                // compile for half a minute what is done in milliseconds.
                self.script(&format!(
                    "SET row_security = off; SET jit = off; \
                     SET lock_timeout = {millis}; SET idle_in_transaction_session_timeout = '60s'; \
                     SET client_min_messages = 'error'; SET bytea_output = 'hex'; SET DateStyle = 'ISO, YMD'; \
                     SET IntervalStyle = 'iso_8601'; SET standard_conforming_strings = on;"
                ))?;
                if access == Access::ReadOnly {
                    self.script("SET default_transaction_read_only = on;")?;
                }
            }
            Dialect::Mysql => {
                // Strict, so that a value that does not fit is an error and not a silent zero.
                self.script(&format!(
                    "SET SESSION innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}, \
                     sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', \
                     lc_messages = 'en_US'"
                ))?;
                self.refuse_plain_text(url)?;
                if access == Access::ReadOnly {
                    self.script("SET SESSION TRANSACTION READ ONLY")?;
                }
            }
        }
        Ok(())
    }

    fn refuse_plain_text(&mut self, url: &str) -> Result<(), DbError> {
        if !asks_for_tls(url) {
            return Ok(());
        }
        let rows = self.query(&Statement { sql: "SHOW SESSION STATUS LIKE 'Ssl_cipher'".into(), binds: vec![] })?;
        let cipher = rows.first().and_then(|row| row.text(1)).unwrap_or_default();
        if cipher.is_empty() {
            return Err(DbError::new(
                ErrorKind::Connect,
                format!(
                    "cannot connect to {}: the URL asks for TLS, but the session came up in plain text; \
                     name the server's certificate authority with `ssl_ca=/path/ca.pem`, which forces and verifies TLS",
                    redacted(url)
                ),
            ));
        }
        Ok(())
    }

    /// Executes one statement; the number of rows that it changed (on MySQL: matched).
    pub fn execute(&mut self, statement: &Statement) -> Result<u64, DbError> {
        let dialect = self.dialect();
        let count = match &mut self.link {
            Link::Sqlite(conn) => bound_sqlite(statement).execute(conn),
            Link::Postgres(conn) => bound_postgres(statement).execute(conn),
            Link::Mysql(conn) => bound_mysql(statement).execute(conn),
        };
        count.map(|count| count as u64).map_err(|error| DbError::of(dialect, &error))
    }

    /// Runs one query and hands back all its rows: for answers that are known to be small.
    pub fn query(&mut self, statement: &Statement) -> Result<Vec<Row>, DbError> {
        let dialect = self.dialect();
        self.load(statement).map_err(|error| DbError::of(dialect, &error))
    }

    /// Runs one query and hands its rows over one after the other, so that a long answer needs no more memory than the client
    /// library takes for it. Nothing else can be asked on the connection meanwhile.
    ///
    /// # Errors
    /// Those of the database, and those of `tell`.
    pub fn each(
        &mut self,
        statement: &Statement,
        tell: &mut dyn FnMut(Row) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        let dialect = self.dialect();
        let failed = |error| DbError::of(dialect, &error);
        let mut told = |row: diesel::QueryResult<Row>| tell(row.map_err(failed)?);
        match &mut self.link {
            Link::Sqlite(conn) => bound_sqlite(statement)
                .load_iter::<Row, DefaultLoadingMode>(conn)
                .map_err(failed)?
                .try_for_each(&mut told),
            Link::Postgres(conn) => bound_postgres(statement)
                .load_iter::<Row, DefaultLoadingMode>(conn)
                .map_err(failed)?
                .try_for_each(&mut told),
            Link::Mysql(conn) => bound_mysql(statement)
                .load_iter::<Row, DefaultLoadingMode>(conn)
                .map_err(failed)?
                .try_for_each(&mut told),
        }
    }

    /// As [`query`](Self::query), for statements that read no row: the error then repeats the server's own sentence.
    pub fn probe(&mut self, statement: &Statement) -> Result<(), DbError> {
        let dialect = self.dialect();
        self.load(statement).map(drop).map_err(|error| DbError::of_probe(dialect, &error))
    }

    fn load(&mut self, statement: &Statement) -> diesel::QueryResult<Vec<Row>> {
        match &mut self.link {
            Link::Sqlite(conn) => bound_sqlite(statement).load::<Row>(conn),
            Link::Postgres(conn) => bound_postgres(statement).load::<Row>(conn),
            Link::Mysql(conn) => bound_mysql(statement).load::<Row>(conn),
        }
    }

    /// Runs a script of several statements that binds nothing and returns nothing.
    pub fn script(&mut self, sql: &str) -> Result<(), DbError> {
        let dialect = self.dialect();
        on_link!(self, conn => conn.batch_execute(sql)).map_err(|error| DbError::of(dialect, &error))
    }

    /// Runs `body` in a transaction: committed where it is `Ok`, rolled back where it is not.
    ///
    /// # Errors
    /// Those of the body; and [`ErrorKind::CommitUnknown`] where the connection went away at COMMIT, after which only a
    /// look for what the body wrote can tell whether it happened.
    pub fn transaction<T, E: From<DbError>>(
        &mut self,
        mode: Mode,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.script(self.begin(mode))?;
        match body(self) {
            Ok(value) => match self.script("COMMIT") {
                Ok(()) => Ok(value),
                Err(mut error) => {
                    if error.kind == ErrorKind::Lost && mode != Mode::ReadOnly {
                        error = DbError::new(ErrorKind::CommitUnknown, "the connection was lost at COMMIT");
                    } else {
                        // A deferred constraint or a full disk: the server has said no, and SQLite leaves it open.
                        let _ = self.script("ROLLBACK");
                    }
                    Err(error.into())
                }
            },
            Err(error) => {
                // The body's error is the one to report; a rollback that fails means that the link is gone, and with it
                // the transaction.
                let _ = self.script("ROLLBACK");
                Err(error)
            }
        }
    }

    /// PostgreSQL, in a read-only transaction: lets others see what it sees for as long as it lasts, by the name that it gives.
    /// It may be idle meanwhile for as long as they take.
    pub fn share_snapshot(&mut self) -> Result<String, DbError> {
        self.script(PATIENT)?;
        let rows = self.query(&Statement::plain("SELECT pg_export_snapshot()"))?;
        let name = rows.first().and_then(|row| row.text(0));
        name.map(str::to_owned).ok_or_else(|| DbError::new(ErrorKind::Other, "the server gives no name of a snapshot"))
    }

    /// A read-only transaction that sees what the one sees that shared its snapshot.
    ///
    /// # Errors
    /// Where that one is over, or on another server; and those of the body.
    pub fn in_snapshot<T>(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut Self) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "a snapshot's name needs no quotes");
        self.transaction(Mode::ReadOnly, |conn| {
            conn.script(&format!("SET TRANSACTION SNAPSHOT '{name}'; {PATIENT}"))?;
            body(conn)
        })
    }

    fn begin(&self, mode: Mode) -> &'static str {
        match (self.dialect(), mode) {
            (Dialect::Sqlite, Mode::ReadOnly) => "BEGIN",
            (Dialect::Sqlite, _) => "BEGIN IMMEDIATE",
            (Dialect::Postgres, Mode::ReadOnly) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            (Dialect::Postgres, Mode::Single) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            (Dialect::Postgres, Mode::Several | Mode::ByKey) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE",
            (Dialect::Mysql, Mode::ReadOnly) => {
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
            }
            (Dialect::Mysql, Mode::Single) => {
                "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION READ WRITE"
            }
            (Dialect::Mysql, Mode::Several) => {
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION READ WRITE"
            }
            (Dialect::Mysql, Mode::ByKey) => {
                "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; START TRANSACTION READ WRITE"
            }
        }
    }

    /// SQLite, between batches: moves what they wrote from the write-ahead log into the file. Nobody waits for it, and it
    /// waits for nobody, so its time is not a batch's.
    pub fn move_log(&mut self) -> Result<(), DbError> {
        match self.dialect() {
            Dialect::Sqlite => self.query(&Statement::plain("PRAGMA wal_checkpoint(PASSIVE)")).map(drop),
            Dialect::Postgres | Dialect::Mysql => Ok(()),
        }
    }

    /// SQLite: moves the write-ahead log into the file and empties it, so that deleted text does not survive there. False where
    /// a reader in another process holds a part back until the next time.
    pub fn checkpoint(&mut self) -> Result<bool, DbError> {
        match self.dialect() {
            Dialect::Sqlite => {
                let told = self.query(&Statement::plain("PRAGMA wal_checkpoint(TRUNCATE)"))?;
                Ok(told.first().and_then(|row| row.int(0)) != Some(1))
            }
            Dialect::Postgres | Dialect::Mysql => Ok(true),
        }
    }

    /// The Diesel connection, for migrations.
    pub(in crate::db) fn link(&mut self) -> &mut Link {
        &mut self.link
    }
}

/// `sqlite:///abs/path` and `sqlite://rel/path` as a file name. A file is never made by opening it: a mistyped path would
/// otherwise be an empty database with nothing to purge.
fn sqlite_file(url: &str, access: Access) -> String {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let mode = match access {
        Access::ReadOnly => "ro",
        Access::ReadWrite => "rw",
    };
    let path: String = path
        .bytes()
        .map(|byte| match byte {
            b'?' | b'#' | b'%' | 0x80..=0xFF => format!("%{byte:02X}"),
            byte => char::from(byte).to_string(),
        })
        .collect();
    format!("file:{path}?mode={mode}")
}

type Query<'a, DB> = diesel::query_builder::BoxedSqlQuery<'a, DB, diesel::query_builder::SqlQuery>;

fn bind_array<'a>(query: Query<'a, Pg>, wholes: &'a [i64]) -> Query<'a, Pg> {
    query.bind::<st::Array<st::BigInt>, _>(wholes)
}

fn no_array<'a, DB: diesel::backend::Backend>(_: Query<'a, DB>, _: &'a [i64]) -> Query<'a, DB> {
    unreachable!("`few` writes arrays for PostgreSQL alone")
}

macro_rules! binder {
    ($name:ident, $backend:ty, $unsigned:ty as $rust:ty, $bind_array:expr) => {
        fn $name(statement: &Statement) -> Query<'_, $backend> {
            let mut query = diesel::sql_query(statement.sql.as_str()).into_boxed::<$backend>();
            for value in &statement.binds {
                query = match value {
                    Value::Null => query.bind::<st::Nullable<st::Text>, _>(None::<&str>),
                    Value::Bool(bool) => query.bind::<st::Bool, _>(*bool),
                    Value::Int(int) => query.bind::<st::BigInt, _>(*int),
                    Value::Unsigned(int) => query.bind::<$unsigned, _>(*int as $rust),
                    Value::Float(float) => query.bind::<st::Double, _>(*float),
                    Value::Text(text) => query.bind::<st::Text, _>(text.as_str()),
                    Value::Bytes(bytes) => query.bind::<st::Binary, _>(bytes.as_slice()),
                    Value::Keys(keys) => query.bind::<st::Text, _>(keys.as_str()),
                    Value::Wholes(wholes) => $bind_array(query, wholes.as_slice()),
                };
            }
            query
        }
    };
}

// Only MySQL has unsigned columns, so elsewhere an unsigned value never comes out of a database and fits.
binder!(bound_sqlite, Sqlite, st::BigInt as i64, no_array);
binder!(bound_postgres, Pg, st::BigInt as i64, bind_array);
binder!(bound_mysql, Mysql, st::Unsigned<st::BigInt> as u64, no_array);

impl QueryableByName<Sqlite> for Row {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        collect(row, |mut value: diesel::sqlite::SqliteValue<'_, '_, '_>| {
            Ok(match value.value_type() {
                None => Value::Null,
                Some(SqliteType::Text) => Value::Text(value.read_text().to_owned()),
                Some(SqliteType::Binary) => Value::Bytes(value.read_blob().to_vec()),
                Some(SqliteType::Float | SqliteType::Double) => Value::Float(value.read_double()),
                Some(_) => Value::Int(value.read_long()),
            })
        })
    }
}

impl QueryableByName<Pg> for Row {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        collect(row, |value: diesel::pg::PgValue<'_>| {
            Ok(match value.get_oid().get() {
                16 => Value::Bool(FromSql::<st::Bool, Pg>::from_sql(value)?),
                20 => Value::Int(FromSql::<st::BigInt, Pg>::from_sql(value)?),
                23 => Value::Int(i64::from(<i32 as FromSql<st::Integer, Pg>>::from_sql(value)?)),
                21 => Value::Int(i64::from(<i16 as FromSql<st::SmallInt, Pg>>::from_sql(value)?)),
                26 => Value::Int(i64::from(<u32 as FromSql<st::Oid, Pg>>::from_sql(value)?)),
                701 => Value::Float(FromSql::<st::Double, Pg>::from_sql(value)?),
                700 => Value::Float(f64::from(<f32 as FromSql<st::Float, Pg>>::from_sql(value)?)),
                17 => Value::Bytes(value.as_bytes().to_vec()),
                // text, varchar, bpchar, name, "char", unknown: their binary form is their text.
                25 | 1043 | 1042 | 19 | 18 | 705 => Value::Text(String::from_utf8_lossy(value.as_bytes()).into_owned()),
                oid => return Err(format!("a column of type {oid} must be selected as text").into()),
            })
        })
    }
}

impl QueryableByName<Mysql> for Row {
    fn build<'a>(row: &impl NamedRow<'a, Mysql>) -> deserialize::Result<Self> {
        collect(row, |value: diesel::mysql::MysqlValue<'_>| {
            let bytes = value.as_bytes();
            let signed = |bytes: &[u8]| match *bytes {
                [a] => Some(i64::from(a as i8)),
                [a, b] => Some(i64::from(i16::from_ne_bytes([a, b]))),
                [a, b, c, d] => Some(i64::from(i32::from_ne_bytes([a, b, c, d]))),
                _ => bytes.try_into().ok().map(i64::from_ne_bytes),
            };
            let unsigned = |bytes: &[u8]| match *bytes {
                [a] => Some(u64::from(a)),
                [a, b] => Some(u64::from(u16::from_ne_bytes([a, b]))),
                [a, b, c, d] => Some(u64::from(u32::from_ne_bytes([a, b, c, d]))),
                _ => bytes.try_into().ok().map(u64::from_ne_bytes),
            };
            Ok(match value.value_type() {
                MysqlType::Tiny | MysqlType::Short | MysqlType::Long | MysqlType::LongLong => {
                    Value::Int(signed(bytes).ok_or("an integer of an unknown width")?)
                }
                MysqlType::UnsignedTiny
                | MysqlType::UnsignedShort
                | MysqlType::UnsignedLong
                | MysqlType::UnsignedLongLong => {
                    Value::Unsigned(unsigned(bytes).ok_or("an integer of an unknown width")?)
                }
                MysqlType::Float | MysqlType::Double => Value::Float(FromSql::<st::Double, Mysql>::from_sql(value)?),
                MysqlType::Numeric | MysqlType::String | MysqlType::Blob | MysqlType::Set | MysqlType::Enum => {
                    match std::str::from_utf8(bytes) {
                        Ok(text) => Value::Text(text.to_owned()),
                        Err(_) => Value::Bytes(bytes.to_vec()),
                    }
                }
                other => return Err(format!("a column of type {other:?} must be selected as text").into()),
            })
        })
    }
}

fn collect<'a, DB: diesel::backend::Backend, R: NamedRow<'a, DB>>(
    row: &R,
    read: impl for<'r> Fn(DB::RawValue<'r>) -> deserialize::Result<Value>,
) -> deserialize::Result<Row> {
    (0..row.field_count())
        .map(|index| {
            let field = diesel::row::Row::get(row, index).ok_or("a row is shorter than it says")?;
            field.value().map_or(Ok(Value::Null), &read)
        })
        .collect::<deserialize::Result<Vec<_>>>()
        .map(Row)
}
