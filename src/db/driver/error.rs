//! Database errors without the values of rows.
//!
//! Servers quote row values in their messages ("Duplicate entry 'ann@…' for key", "invalid input syntax for type inet:
//! …"), and a trigger can put anything into its own. So the text of a data error never leaves this file: what leaves is a
//! kind, and the names of constraints, tables and columns, which are the schema's.

use diesel::result::{ConnectionError, DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use thiserror::Error;

use crate::db::Dialect;

/// What went wrong, in terms that decide what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection could be made.
    Connect,
    /// The connection went away before COMMIT was sent: nothing was done.
    Lost,
    /// The connection went away at COMMIT: done or not, only the ledger can tell.
    CommitUnknown,
    /// Deadlock or serialisation failure: the server rolled back, a smaller batch may pass.
    Conflict,
    /// Somebody else holds a lock for longer than we wait.
    LockTimeout,
    /// A foreign key, or a row that refers to what is to go and does not go along.
    ForeignKey,
    /// A unique, not-null, check or exclusion constraint.
    Constraint,
    /// A text has more characters than its column holds.
    TooLong,
    /// A trigger or rewrite rule keeps a row that was to go, or to be set to NULL, with another one.
    Kept,
    /// The role may not do it.
    Privilege,
    /// Row-level security hides rows of a table from the role.
    RowSecurity,
    /// A table, column or function is not there (any more).
    Missing,
    /// Disk or quota full.
    Full,
    /// The database's file cannot be read or written, or is damaged (SQLite).
    File,
    /// The statement stood in a read-only transaction.
    ReadOnly,
    Other,
}

/// An error that is safe to log, report and mail.
#[derive(Debug, Clone, Error)]
#[error("{message}")]
pub struct DbError {
    pub kind: ErrorKind,
    /// Names the thing and the reason; holds no row value.
    pub message: String,
}

impl DbError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Could the same act pass, later or smaller?
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Lost | ErrorKind::Conflict | ErrorKind::LockTimeout)
    }

    /// Does what is written into some row not fit there, or does a trigger keep it, so that the same act may pass without
    /// that row?
    pub fn is_of_a_row(&self) -> bool {
        matches!(self.kind, ErrorKind::Constraint | ErrorKind::TooLong | ErrorKind::Kept)
    }

    /// For statements whose text holds nothing but the schedule's and the schema's own words, such as a probe that reads
    /// no row: here the server's own sentence may be shown, and it is the best explanation there is.
    pub(in crate::db) fn of_probe(dialect: Dialect, error: &DieselError) -> Self {
        let mut safe = Self::of(dialect, error);
        if let DieselError::DatabaseError(_, info) = error {
            safe.message = info.message().trim().to_owned();
        }
        safe
    }

    pub(in crate::db) fn of(dialect: Dialect, error: &DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, info) => Self::of_database(dialect, kind, info.as_ref()),
            DieselError::BrokenTransactionManager | DieselError::AlreadyInTransaction => {
                Self::new(ErrorKind::Lost, "the transaction was broken off by the server")
            }
            DieselError::DeserializationError(_) | DieselError::SerializationError(_) => {
                Self::new(ErrorKind::Other, "a value came in a shape that was not expected")
            }
            _ => Self::new(ErrorKind::Other, "the database driver failed"),
        }
    }

    /// A connection error may name host, port, role and database, and never holds a row. Of the URL it quotes what it
    /// stumbles over, which is no piece of a password: [`url::check`](crate::config::database_url::check) saw to that.
    pub(in crate::db) fn of_connect(target: &str, error: &ConnectionError) -> Self {
        let reason = match error {
            ConnectionError::BadConnection(text) => text.trim().replace('\n', "; "),
            ConnectionError::InvalidConnectionUrl(_) => "the URL is malformed".to_owned(),
            _ => "the driver could not set up the session".to_owned(),
        };
        Self::new(ErrorKind::Connect, format!("cannot connect to {target}: {reason}"))
    }

    fn of_database(
        dialect: Dialect,
        kind: &DatabaseErrorKind,
        info: &(dyn DatabaseErrorInformation + Send + Sync),
    ) -> Self {
        let text = info.message();
        let constraint = constraint_in(dialect, kind, text);
        let kind = match kind {
            DatabaseErrorKind::ClosedConnection => ErrorKind::Lost,
            DatabaseErrorKind::SerializationFailure => ErrorKind::Conflict,
            DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::RestrictViolation => ErrorKind::ForeignKey,
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::ExclusionViolation => ErrorKind::Constraint,
            DatabaseErrorKind::ReadOnlyTransaction => ErrorKind::ReadOnly,
            _ => kind_of_text(dialect, text),
        };
        Self::new(kind, sentence(kind, info, constraint))
    }
}

/// What was violated, where the driver passes no names on: of these sentences the server wrote the end, which holds names of
/// the schema's things only.
fn constraint_in<'t>(dialect: Dialect, kind: &DatabaseErrorKind, text: &'t str) -> Option<&'t str> {
    match (dialect, kind) {
        // Before it stands the value.
        (Dialect::Mysql, DatabaseErrorKind::UniqueViolation) => text.rsplit_once(" for key '")?.1.strip_suffix('\''),
        (Dialect::Mysql, DatabaseErrorKind::NotNullViolation) => {
            text.strip_prefix("Column '")?.strip_suffix("' cannot be null")
        }
        (Dialect::Sqlite, DatabaseErrorKind::UniqueViolation) => text.strip_prefix("UNIQUE constraint failed: "),
        (Dialect::Sqlite, DatabaseErrorKind::NotNullViolation) => text.strip_prefix("NOT NULL constraint failed: "),
        _ => None,
    }
}

/// Diesel passes no SQLSTATE on, so the fixed part of the server's sentence has to do. A sentence in another language
/// falls through to `Other`, which is reported, never taken for success.
fn kind_of_text(dialect: Dialect, text: &str) -> ErrorKind {
    let known: &[(&str, ErrorKind)] = match dialect {
        Dialect::Postgres => &[
            ("deadlock detected", ErrorKind::Conflict),
            ("value too long for type", ErrorKind::TooLong),
            ("due to lock timeout", ErrorKind::LockTimeout),
            ("could not obtain lock", ErrorKind::LockTimeout),
            ("terminating connection", ErrorKind::Lost),
            ("server closed the connection", ErrorKind::Lost),
            ("no connection to the server", ErrorKind::Lost),
            ("SSL connection has been closed", ErrorKind::Lost),
            ("could not receive data", ErrorKind::Lost),
            ("could not send data", ErrorKind::Lost),
            ("row-level security", ErrorKind::RowSecurity),
            ("permission denied", ErrorKind::Privilege),
            ("must be owner", ErrorKind::Privilege),
            ("does not exist", ErrorKind::Missing),
            ("No space left on device", ErrorKind::Full),
        ],
        Dialect::Mysql => &[
            ("Deadlock found", ErrorKind::Conflict),
            ("Data too long for column", ErrorKind::TooLong),
            ("Record has changed since last read", ErrorKind::Conflict),
            ("Lock wait timeout exceeded", ErrorKind::LockTimeout),
            ("has gone away", ErrorKind::Lost),
            ("alformed packet", ErrorKind::Lost),
            ("Commands out of sync", ErrorKind::Lost),
            ("Lost connection", ErrorKind::Lost),
            ("Server shutdown", ErrorKind::Lost),
            ("Connection was killed", ErrorKind::Lost),
            ("command denied", ErrorKind::Privilege),
            ("Access denied", ErrorKind::Privilege),
            ("doesn't exist", ErrorKind::Missing),
            ("Unknown column", ErrorKind::Missing),
            ("Unknown table", ErrorKind::Missing),
            ("is full", ErrorKind::Full),
            ("READ ONLY transaction", ErrorKind::ReadOnly),
        ],
        Dialect::Sqlite => &[
            ("is locked", ErrorKind::LockTimeout),
            ("no such", ErrorKind::Missing),
            ("disk is full", ErrorKind::Full),
            ("disk I/O error", ErrorKind::File),
            ("unable to open database file", ErrorKind::File),
            ("malformed", ErrorKind::File),
            ("readonly database", ErrorKind::ReadOnly),
            ("FOREIGN KEY constraint", ErrorKind::ForeignKey),
            ("not authorized", ErrorKind::Privilege),
        ],
    };
    known.iter().find(|(part, _)| text.contains(part)).map_or(ErrorKind::Other, |(_, kind)| *kind)
}

fn sentence(kind: ErrorKind, info: &(dyn DatabaseErrorInformation + Send + Sync), constraint: Option<&str>) -> String {
    let mut sentence = match kind {
        ErrorKind::Connect => "cannot connect",
        ErrorKind::Lost => "the connection to the database was lost",
        ErrorKind::CommitUnknown => "the connection was lost at COMMIT",
        ErrorKind::Conflict => "another transaction changed the same rows (deadlock or serialisation failure)",
        ErrorKind::LockTimeout => "another session holds a lock on the rows for longer than the lock timeout",
        ErrorKind::ForeignKey => "a foreign key forbids it",
        ErrorKind::Constraint => "a constraint forbids it",
        ErrorKind::TooLong => "a text has more characters than its column holds; choose a shorter one",
        ErrorKind::Kept => "a trigger or rewrite rule keeps a row that was to go",
        ErrorKind::Privilege => "the database role lacks the right to do it",
        ErrorKind::RowSecurity => {
            "row-level security hides rows of a table that is looked at; give the role BYPASSRLS, or a policy that lets it \
             see every row and no FORCE"
        }
        ErrorKind::Missing => "a table, column or function is not there",
        ErrorKind::Full => "the database's disk is full; make room and run again",
        ErrorKind::File => {
            "the database's file cannot be read or written, or is damaged; look at its disk, quota and file size limit"
        }
        ErrorKind::ReadOnly => "the transaction or database is read-only",
        ErrorKind::Other => {
            "the database refused the statement (its sentence may quote rows and is not repeated here; see the server's log)"
        }
    }
    .to_owned();
    let named = [
        ("table", info.table_name()),
        ("column", info.column_name()),
        ("constraint", info.constraint_name().or(constraint)),
    ];
    for (what, name) in named {
        if let Some(name) = name {
            sentence.push_str(&format!(", {what} `{name}`"));
        }
    }
    sentence
}
