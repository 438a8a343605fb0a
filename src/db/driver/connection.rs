//! One connection to one of the three databases: open, execute, query, transact.

use std::io;
use std::sync::Arc;

use ::url::Url;
use diesel::connection::{CacheSize, DefaultLoadingMode, SimpleConnection};
use diesel::deserialize::{self, FromSql, QueryableByName};
use diesel::mysql::{Mysql, MysqlConnection, MysqlType};
use diesel::pg::{Pg, PgConnection};
use diesel::row::{Field, NamedRow};
use diesel::sql_types as st;
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteType};
use diesel::{Connection as _, RunQueryDsl};

use crate::base::own_head::{Head, OwnHeads};
use crate::base::signing::{Signer, Signing};
use crate::config::database_url as url;
use crate::config::database_url::{asks_for_tls, redacted};
use crate::db::driver::grammar::Grammar;
use crate::db::driver::session::{self, Access, LOCK_TIMEOUT_SECONDS, Session};
use crate::db::driver::{greeting, sqlite_functions};
use crate::db::{DbError, Dialect, ErrorKind, Row, Statement, Value};

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

/// For how long a statement waits for a lock of another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As long as the connection waits by itself.
    Patient,
    /// Hardly at all: what is locked is passed over. SQLite has one lock for all, and waits as ever.
    Brief,
}

pub(in crate::db) enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    Mysql(MysqlConnection),
}

pub struct Connection {
    link: Link,
    access: Access,
    session: Session,
    is_in_transaction: bool,
    /// Signs what is chained over this connection.
    signing: Option<Signing>,
    /// What was signed in the present transaction.
    signed: Option<Head>,
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
    /// TLS that the URL asks for is never dropped, and a MySQL server that offers none never hears the password.
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
            Dialect::Postgres => {
                let mut conn = PgConnection::establish(url).map_err(failed)?;
                // A statement that one connection of a pooler has prepared is unknown to the next.
                conn.set_prepared_statement_cache_size(CacheSize::Disabled);
                Link::Postgres(conn)
            }
            Dialect::Mysql => {
                let url = after_greeting(&url.replacen("mariadb://", "mysql://", 1)).map_err(|error| {
                    DbError::new(ErrorKind::Connect, format!("cannot connect to {target}: {error}"))
                })?;
                Link::Mysql(MysqlConnection::establish(&url).map_err(failed)?)
            }
        };
        let session = Session::of(dialect);
        let mut connection = Self { link, access, session, is_in_transaction: false, signing: None, signed: None };
        connection.refuse_plain_text(url)?;
        connection.session = session::settle(&mut connection)?;
        Ok(connection)
    }

    /// The same connection; entries of the ledger that are written over it are signed with this key.
    #[must_use]
    pub fn signing_with(self, signing: Option<Signing>) -> Self {
        Self { signing, ..self }
    }

    pub fn signer(&self) -> Option<Arc<Signer>> {
        self.signing.as_ref().map(|signing| Arc::clone(&signing.signer))
    }

    /// Where the heads are kept that were signed last.
    pub fn own_heads(&self) -> Option<OwnHeads> {
        self.signing.as_ref().map(|signing| signing.heads.clone())
    }

    /// Notes a head that was signed; it counts once the transaction is committed.
    pub fn note_signed(&mut self, head: Head) {
        self.signed = Some(head);
    }

    /// The head that was signed last since the question was asked before.
    pub fn take_signed(&mut self) -> Option<Head> {
        self.signed.take()
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

    /// How the server reads conditions.
    pub fn grammar(&self) -> Grammar {
        self.session.grammar
    }

    /// Is a lock on this server none on the others that hold the same data?
    pub(in crate::db) fn is_cluster(&self) -> bool {
        self.session.is_cluster
    }

    pub(super) fn use_session(&mut self, session: Session) {
        self.session = session;
    }

    fn refuse_plain_text(&mut self, url: &str) -> Result<(), DbError> {
        if self.dialect() != Dialect::Mysql || !asks_for_tls(url) {
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
        self.within_settings(|conn| {
            let count = match &mut conn.link {
                Link::Sqlite(link) => bound_sqlite(statement).execute(link),
                Link::Postgres(link) => bound_postgres(statement).execute(link),
                Link::Mysql(link) => bound_mysql(statement).execute(link),
            };
            count.map(|count| count as u64).map_err(|error| conn.told(&error))
        })
    }

    /// PostgreSQL: the settings are a transaction's, so a statement that stands in none gets one of its own.
    fn within_settings<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, DbError>) -> Result<T, DbError> {
        if self.is_in_transaction || self.dialect() != Dialect::Postgres {
            return act(self);
        }
        self.transaction(Mode::Single, act).map_err(|error: DbError| match error.kind {
            // As of any statement whose answer is lost.
            ErrorKind::CommitUnknown => DbError::new(ErrorKind::Lost, "the connection to the database was lost"),
            _ => error,
        })
    }

    fn told(&self, error: &diesel::result::Error) -> DbError {
        self.session.told(self.dialect(), error)
    }

    /// Runs one query and hands back all its rows: for answers that are known to be small.
    pub fn query(&mut self, statement: &Statement) -> Result<Vec<Row>, DbError> {
        self.within_settings(|conn| conn.load(statement).map_err(|error| conn.told(&error)))
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
        self.within_settings(|conn| conn.each_of(statement, tell))
    }

    fn each_of(
        &mut self,
        statement: &Statement,
        tell: &mut dyn FnMut(Row) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        let (dialect, session) = (self.dialect(), &self.session);
        let failed = |error| session.told(dialect, &error);
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
        self.within_settings(|conn| conn.load(statement).map(drop).map_err(|error| DbError::of_probe(dialect, &error)))
    }

    fn load(&mut self, statement: &Statement) -> diesel::QueryResult<Vec<Row>> {
        match &mut self.link {
            Link::Sqlite(conn) => bound_sqlite(statement).load::<Row>(conn),
            Link::Postgres(conn) => bound_postgres(statement).load::<Row>(conn),
            Link::Mysql(conn) => bound_mysql(statement).load::<Row>(conn),
        }
    }

    /// Runs a script of several statements that binds nothing and returns nothing; on PostgreSQL outside of a transaction without
    /// the settings of ours.
    pub fn script(&mut self, sql: &str) -> Result<(), DbError> {
        on_link!(self, conn => conn.batch_execute(sql)).map_err(|error| self.told(&error))
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
        self.begin(mode)?;
        let done = body(self);
        self.is_in_transaction = false;
        match done {
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

    /// In a transaction: waits for locks of other sessions for so long, and after that as long as before.
    pub fn waiting<T>(&mut self, wait: Wait, body: impl FnOnce(&mut Self) -> Result<T, DbError>) -> Result<T, DbError> {
        match (wait, self.dialect()) {
            (Wait::Patient, _) | (Wait::Brief, Dialect::Sqlite) => body(self),
            (Wait::Brief, Dialect::Postgres) => {
                self.script("SET LOCAL lock_timeout = 10")?;
                let done = body(self)?;
                self.script(&format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))?;
                Ok(done)
            }
            // The setting outlives the transaction. Of MySQL's, 0 is one second.
            (Wait::Brief, Dialect::Mysql) => {
                self.script("SET SESSION innodb_lock_wait_timeout = 0")?;
                let done = body(self);
                let is_lost = matches!(&done, Err(error) if error.kind == ErrorKind::Lost);
                if !is_lost {
                    self.script(&format!("SET SESSION innodb_lock_wait_timeout = {LOCK_TIMEOUT_SECONDS}"))?;
                }
                done
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

    fn begin(&mut self, mode: Mode) -> Result<(), DbError> {
        let begun = self.script(&self.session.begin(self.access, mode)).and_then(|()| {
            if !self.session.asks_whether_triggers_fire(mode) || self.access == Access::ReadOnly {
                return Ok(());
            }
            let answer = self.load(&Statement::plain("SHOW session_replication_role"));
            session::require_triggers(&answer.map_err(|error| self.told(&error))?)
        });
        match begun {
            Ok(()) => self.is_in_transaction = true,
            // Some of the statements may have been done, and the error is the one to report.
            Err(_) => drop(self.script("ROLLBACK")),
        }
        begun
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

/// The URL of MySQL under which the server is reached that was asked whether it offers TLS, where the URL asks for it.
fn after_greeting(url: &str) -> io::Result<String> {
    let malformed = || io::Error::other("the URL is malformed");
    let mut parsed = Url::parse(url).map_err(|_| malformed())?;
    if !asks_for_tls(url) || parsed.query_pairs().any(|(key, _)| key == "unix_socket") {
        return Ok(url.to_owned());
    }
    let host = parsed.host_str().unwrap_or("localhost").trim_matches(['[', ']']).to_owned();
    let port = greeting::port_of_encrypted(&host, parsed.port().unwrap_or(3306))?;
    parsed.set_host(Some("127.0.0.1")).map_err(|_| malformed())?;
    parsed.set_port(Some(port)).map_err(|()| malformed())?;
    Ok(parsed.into())
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
