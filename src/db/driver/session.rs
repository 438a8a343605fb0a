//! The settings of a session: what a server, a database, a role or a proxy may have set otherwise, and what a statement of
//! ours means under it.
//!
//! PostgreSQL: behind a pooler of transactions each transaction may run on another connection of the server, and what one
//! client sets for its session stays there for the next client. So nothing is set but with SET LOCAL, at the beginning of
//! each transaction, and [`Connection`] runs no statement outside of one. MySQL's proxies keep the
//! settings of a session for its client, so there they are set once.

use std::fmt::Write as _;

use super::{Connection, DbError, ErrorKind, Mode, Row, Statement};
use crate::base::name::Name;
use crate::db::Dialect;
use crate::db::driver::grammar::Grammar;

/// How long a statement waits for a lock before the batch is tried again, smaller.
pub(super) const LOCK_TIMEOUT_SECONDS: &str = "2";
/// The same on SQLite, where a connection that waits holds nothing that others wait for, and a smaller batch is no help.
const SQLITE_LOCK_TIMEOUT_MILLIS: u64 = 10_000;

/// SQLite's page cache: most of the memory that a run takes.
const SQLITE_CACHE_KIB: u32 = 32 * 1024;

/// What a connection is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Plans and checks: the database refuses writes wherever it can be told so.
    ReadOnly,
    ReadWrite,
}

/// What is known of the session, and what has to be said at the beginning of each of its transactions.
#[derive(Debug)]
pub(super) struct Session {
    pub grammar: Grammar,
    /// The server's sentences are in English, so that their kinds are known.
    speaks_english: bool,
    /// MariaDB Galera: a lock on this node forbids nothing on another one, and only a row that is written does.
    pub is_cluster: bool,
    /// PostgreSQL: the statements that follow BEGIN.
    local: String,
    /// PostgreSQL: the role may not set `session_replication_role`, so each transaction that writes asks for it.
    asks_whether_triggers_fire: bool,
    /// MySQL: the binary log holds statements, and InnoDB then refuses to write under READ COMMITTED.
    logs_statements: bool,
}

impl Session {
    pub fn of(grammar: impl Into<Grammar>) -> Self {
        Self {
            grammar: grammar.into(),
            speaks_english: true,
            is_cluster: false,
            local: String::new(),
            asks_whether_triggers_fire: false,
            logs_statements: false,
        }
    }

    /// The statements that begin a transaction.
    pub fn begin(&self, access: Access, mode: Mode) -> String {
        let isolation = match mode {
            Mode::Single if self.logs_statements => "REPEATABLE READ",
            Mode::Single => "READ COMMITTED",
            Mode::ReadOnly | Mode::Several => "REPEATABLE READ",
        };
        let reads_only = mode == Mode::ReadOnly || access == Access::ReadOnly;
        let rights = if reads_only { "READ ONLY" } else { "READ WRITE" };
        match (self.grammar.dialect(), mode) {
            (Dialect::Sqlite, Mode::ReadOnly) => "BEGIN".to_owned(),
            (Dialect::Sqlite, _) => "BEGIN IMMEDIATE".to_owned(),
            (Dialect::Postgres, _) => format!("BEGIN ISOLATION LEVEL {isolation} {rights}; {}", self.local),
            (Dialect::Mysql, Mode::ReadOnly) => format!(
                "SET TRANSACTION ISOLATION LEVEL {isolation}; START TRANSACTION WITH CONSISTENT SNAPSHOT, {rights}"
            ),
            (Dialect::Mysql, _) => {
                format!("SET TRANSACTION ISOLATION LEVEL {isolation}; START TRANSACTION {rights}")
            }
        }
    }

    /// What an error of the server says. In a language that is not known here, a deadlock looks like any other one.
    pub fn told(&self, dialect: Dialect, error: &diesel::result::Error) -> DbError {
        let told = DbError::of(dialect, error);
        match told.kind {
            ErrorKind::Other if !self.speaks_english => DbError { kind: ErrorKind::Unread, ..told },
            _ => told,
        }
    }

    /// Whether a transaction has to ask first whether triggers and foreign keys are at work in it.
    pub fn asks_whether_triggers_fire(&self, mode: Mode) -> bool {
        self.asks_whether_triggers_fire && mode != Mode::ReadOnly
    }
}

/// Under `session_replication_role = replica` no foreign key and no trigger is at work: a delete would leave orphans.
///
/// # Errors
/// Where that is so.
pub(super) fn require_triggers(answer: &[Row]) -> Result<(), DbError> {
    match answer.first().and_then(|row| row.text(0)) {
        Some("origin" | "local") => Ok(()),
        _ => Err(DbError::new(
            ErrorKind::Setting,
            "`session_replication_role` is `replica` here, so that foreign keys and triggers do nothing; set it to `origin` \
             for this role and database (ALTER ROLE … IN DATABASE … SET session_replication_role = origin)",
        )),
    }
}

/// Sets what the rest of the program relies on, and learns what it has to know.
pub(super) fn settle(conn: &mut Connection) -> Result<Session, DbError> {
    match conn.dialect() {
        Dialect::Sqlite => settle_sqlite(conn),
        Dialect::Postgres => settle_postgres(conn),
        Dialect::Mysql => settle_mysql(conn),
    }
}

fn settle_sqlite(conn: &mut Connection) -> Result<Session, DbError> {
    // foreign_keys: without it a delete leaves dangling references and takes rows that RESTRICT protects.
    // secure_delete: deleted text must not survive in free pages.
    // cache_size, in KiB: a batch changes pages all over the indexes, and those that do not fit are written again and again.
    conn.script(&format!(
        "PRAGMA busy_timeout = {SQLITE_LOCK_TIMEOUT_MILLIS}; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; \
         PRAGMA trusted_schema = OFF; PRAGMA cache_size = -{SQLITE_CACHE_KIB};"
    ))?;
    match conn.access() {
        Access::ReadOnly => conn.script("PRAGMA query_only = ON;")?,
        // A checkpoint of SQLite's own would be a part of COMMIT: see `Connection::move_log`.
        Access::ReadWrite => conn.script("PRAGMA wal_autocheckpoint = 0;")?,
    }
    Ok(Session::of(Dialect::Sqlite))
}

/// PostgreSQL. What only says how a literal of a condition is read (the order in `DateStyle`, `IntervalStyle`) stays as the
/// application's sessions have it.
///
/// - `row_security`: a statement that would be shown some rows only is an error and not zero rows, in whatever table of the
///   statement they are.
/// - `jit`: the walks over references look so dear to the planner that it would compile for half a minute what is done in
///   milliseconds.
/// - `statement_timeout`: meant for the application's queries. A batch is kept short by its size, and a count takes its time.
/// - `array_nulls`: a NULL in an array of values would be a text.
/// - `extra_float_digits`: a number that is read as text must be the one that is there.
/// - `quote_all_identifiers`: what the catalog writes is compared with what it wrote before.
const POSTGRES_SETTINGS: &str = "SET LOCAL row_security = off; SET LOCAL jit = off; SET LOCAL statement_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL client_min_messages = 'error'; \
     SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
     SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL array_nulls = on; \
     SET LOCAL transform_null_equals = off; SET LOCAL standard_conforming_strings = on; \
     SET LOCAL quote_all_identifiers = off; ";

const POSTGRES_FACTS: &str = "SELECT current_setting('server_version_num')::int, current_setting('is_superuser'), \
     current_setting('lc_messages'), current_setting('standard_conforming_strings'), current_setting('server_encoding')";

/// In the order in which unqualified names are looked for; without the schemas that every session has.
const POSTGRES_PATH: &str = "SELECT s::text FROM unnest(current_schemas(false)) WITH ORDINALITY AS p (s, place) \
      WHERE s::text <> 'pg_catalog' AND s::text !~ '^pg_temp' ORDER BY place";

fn settle_postgres(conn: &mut Connection) -> Result<Session, DbError> {
    // What the application's sessions have, before anything is set.
    conn.use_session(Session::of(Dialect::Postgres));
    let facts = conn.query(&Statement::plain(POSTGRES_FACTS))?;
    let fact = |column| facts.first().and_then(|row| row.text(column)).unwrap_or_default();
    let version = facts.first().and_then(|row| row.int(0)).unwrap_or_default();
    let is_superuser = fact(1) == "on";
    let is_english = ["", "C", "POSIX"].contains(&fact(2)) || fact(2).starts_with("en") || fact(2).starts_with("C.");
    let path: Vec<Name> = conn.query(&Statement::plain(POSTGRES_PATH))?.iter().filter_map(|row| row.name(0)).collect();

    let mut local = POSTGRES_SETTINGS.to_owned();
    let _ = write!(local, "SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'; ");
    // Where the server knows of no encoding, it refuses to send a row in one that a text of the row is not written in.
    let encoding = if fact(4) == "SQL_ASCII" { "SQL_ASCII" } else { "UTF8" };
    let _ = write!(local, "SET LOCAL client_encoding = '{encoding}'; ");
    if version >= 170_000 {
        local.push_str("SET LOCAL transaction_timeout = 0; ");
    }
    if is_superuser {
        local.push_str("SET LOCAL session_replication_role = origin; SET LOCAL lc_messages = 'C'; ");
    }
    // A function of the application's must not stand in for one of the server's, nor a temporary table that another client of
    // a pooler has left for the table of that name.
    local.push_str("SET LOCAL search_path = pg_catalog, ");
    for schema in path {
        let _ = write!(local, "{}, ", schema.quoted(Dialect::Postgres.quote()));
    }
    local.push_str("pg_temp");
    Ok(Session {
        grammar: Grammar::of_postgres(fact(3) != "off"),
        speaks_english: is_english || is_superuser,
        asks_whether_triggers_fire: !is_superuser,
        local,
        ..Session::of(Dialect::Postgres)
    })
}

/// MySQL and MariaDB: variables, and what each is set to where the server has it.
///
/// - Answers cut off in silence, beside `sql_select_limit`: `max_recursive_iterations`, `cte_max_recursion_depth`,
///   `group_concat_max_len`, and `max_sort_length`, by which two texts that begin alike are one.
/// - Statements refused: `sql_safe_updates`, `max_statement_time`, `max_execution_time`; and by `max_join_size`, but for
///   `sql_big_selects`.
/// - Transactions that end otherwise than by our COMMIT: `completion_type`, the timeouts of idle sessions.
/// - Rows checked otherwise: `foreign_key_checks`, `unique_checks`, `check_constraint_checks`, `sql_auto_is_null`.
/// - Galera: `wsrep_dirty_reads` and `wsrep_sync_wait`, without which a node answers with what it knew a moment ago.
const MYSQL_SETTINGS: [(&str, &str); 22] = [
    ("max_recursive_iterations", "4294967295"),
    ("cte_max_recursion_depth", "4294967295"),
    ("group_concat_max_len", "16777216"),
    ("max_sort_length", "8192"),
    ("sql_safe_updates", "0"),
    ("max_statement_time", "0"),
    ("max_execution_time", "0"),
    ("completion_type", "0"),
    ("idle_transaction_timeout", "0"),
    ("idle_readonly_transaction_timeout", "0"),
    ("idle_write_transaction_timeout", "0"),
    ("wait_timeout", "28800"),
    ("foreign_key_checks", "1"),
    ("unique_checks", "1"),
    ("check_constraint_checks", "1"),
    ("sql_auto_is_null", "0"),
    ("sql_quote_show_create", "1"),
    ("wsrep_dirty_reads", "0"),
    ("wsrep_sync_wait", "7"),
    ("innodb_lock_wait_timeout", LOCK_TIMEOUT_SECONDS),
    ("lock_wait_timeout", LOCK_TIMEOUT_SECONDS),
    ("time_zone", "'+00:00'"),
];

/// Words of `sql_mode` under which a condition means something else than without them, and our own statements the same: the
/// session keeps them.
const KEPT_MODES: [&str; 6] = [
    "ANSI_QUOTES",
    "PIPES_AS_CONCAT",
    "NO_BACKSLASH_ESCAPES",
    "HIGH_NOT_PRECEDENCE",
    "IGNORE_SPACE",
    "NO_UNSIGNED_SUBTRACTION",
];

fn settle_mysql(conn: &mut Connection) -> Result<Session, DbError> {
    conn.use_session(Session::of(Dialect::Mysql));
    // Before anything is asked: it must not be refused, and the answer must be whole.
    conn.script("SET SESSION sql_big_selects = 1, sql_select_limit = 18446744073709551615, lc_messages = 'en_US'")?;
    let variables = conn.query(&Statement::plain("SHOW SESSION VARIABLES"))?;
    let value = |name: &str| variables.iter().find(|row| row.text(0) == Some(name)).and_then(|row| row.text(1));
    if value("system_versioning_asof").is_some_and(|at| at != "DEFAULT") {
        return Err(DbError::new(
            ErrorKind::Setting,
            "`system_versioning_asof` is set here, so that every query reads rows of the past; set it to DEFAULT",
        ));
    }
    if value("autocommit") == Some("OFF") {
        return Err(DbError::new(
            ErrorKind::Setting,
            "sessions begin without `autocommit` here, so that what another program has written may never be committed, and \
             what is to go or to be kept cannot be known; set `autocommit = 1` for the server",
        ));
    }
    let modes: Vec<&str> = value("sql_mode").unwrap_or_default().split(',').collect();

    // Strict, so that a value that does not fit is an error and not a silent zero.
    let mut settings =
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO".to_owned();
    for mode in KEPT_MODES.iter().filter(|mode| modes.contains(mode)) {
        let _ = write!(settings, ",{mode}");
    }
    settings.push('\'');
    for (name, wanted) in MYSQL_SETTINGS.iter().filter(|(name, _)| value(name).is_some()) {
        let _ = write!(settings, ", {name} = {wanted}");
    }
    conn.script(&settings)?;
    conn.script(match conn.access() {
        Access::ReadOnly => "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        Access::ReadWrite => "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE",
    })?;
    Ok(Session {
        grammar: Grammar::of_mysql(&modes),
        is_cluster: value("wsrep_on") == Some("ON"),
        logs_statements: value("log_bin") == Some("ON") && value("binlog_format") == Some("STATEMENT"),
        ..Session::of(Dialect::Mysql)
    })
}
