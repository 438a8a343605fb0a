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
    /// No refusal of the database: the batch would have done more than the plan counted, and was rolled back.
    Beyond,
    /// No refusal of the database: a bucket has too few people to be rolled up by itself, and was rolled back.
    TooFew,
    /// A setting of the server, the database or the role stands against it.
    Setting,
    /// An administrator, or a limit, ended the statement.
    Cancelled,
    /// The statement takes more memory or locks than the server gives: a smaller batch may pass.
    Resources,
    /// A value that some row bears cannot be read or computed with.
    Value,
    /// A sentence that is not the database's own: a trigger or function of the application has raised it.
    Raised,
    /// A sentence in a language in which the kinds are not known here.
    Unread,
    /// The tables are not any more as they were when the plan was made.
    SchemaChanged,
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

    /// The same of a part that met it; an error that passes needs no name.
    pub fn met_by(self, part: &str) -> Self {
        match self.is_transient() {
            true => self,
            false => Self { message: format!("{part}: {}", self.message), ..self },
        }
    }

    /// Could the same act pass, later or smaller?
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Lost | ErrorKind::Conflict | ErrorKind::LockTimeout)
    }

    /// Is it some row that stands against it, so that the same act may pass without that row?
    pub fn is_of_a_row(&self) -> bool {
        matches!(self.kind, ErrorKind::Constraint | ErrorKind::TooLong | ErrorKind::Value | ErrorKind::Raised)
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
        Self::new(kind, sentence(dialect, kind, info, constraint))
    }
}

/// What was violated, where the driver passes no names on: of these sentences the server wrote the end, which holds names of
/// the schema's things only.
fn constraint_in<'t>(dialect: Dialect, kind: &DatabaseErrorKind, text: &'t str) -> Option<&'t str> {
    match (dialect, kind) {
        (Dialect::Mysql, DatabaseErrorKind::ForeignKeyViolation) => {
            text.split_once(" CONSTRAINT `")?.1.split_once('`').map(|(name, _)| name)
        }
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

/// Diesel passes no SQLSTATE on, so the fixed beginning of the server's sentence has to do. A sentence that is none of the
/// database's own comes from a trigger or function of the application.
fn kind_of_text(dialect: Dialect, text: &str) -> ErrorKind {
    let (beginnings, parts) = match dialect {
        Dialect::Postgres => (POSTGRES_BEGINNINGS, POSTGRES_PARTS),
        Dialect::Mysql => (MYSQL_BEGINNINGS, MYSQL_PARTS),
        Dialect::Sqlite => (SQLITE_BEGINNINGS, SQLITE_PARTS),
    };
    if dialect == Dialect::Postgres && POSTGRES_THINGS.iter().any(|thing| text.starts_with(thing)) {
        return if text.ends_with(" does not exist") { ErrorKind::Missing } else { ErrorKind::Other };
    }
    let begins = beginnings.iter().find(|(beginning, _)| text.starts_with(beginning));
    let known = begins.or_else(|| parts.iter().find(|(part, _)| text.contains(part)));
    known.map_or(ErrorKind::Raised, |(_, kind)| *kind)
}

type Kinds = &'static [(&'static str, ErrorKind)];

/// What a statement names, and the server does not find, or finds to be of another kind.
const POSTGRES_THINGS: [&str; 5] = ["relation \"", "column ", "function ", "schema \"", "type \""];

const POSTGRES_BEGINNINGS: Kinds = &[
    ("deadlock detected", ErrorKind::Conflict),
    ("tuple concurrently", ErrorKind::Conflict),
    ("cached plan must not change", ErrorKind::Conflict),
    ("canceling statement due to lock timeout", ErrorKind::LockTimeout),
    ("could not obtain lock", ErrorKind::LockTimeout),
    ("canceling statement", ErrorKind::Cancelled),
    ("value too long for type", ErrorKind::TooLong),
    ("invalid input syntax for type", ErrorKind::Value),
    ("invalid byte sequence", ErrorKind::Value),
    ("character with byte sequence", ErrorKind::Value),
    ("date/time field value out of range", ErrorKind::Value),
    ("time zone ", ErrorKind::Value),
    ("timestamp", ErrorKind::Value),
    ("interval", ErrorKind::Value),
    ("numeric field overflow", ErrorKind::Value),
    ("smallint out of range", ErrorKind::Value),
    ("integer out of range", ErrorKind::Value),
    ("bigint out of range", ErrorKind::Value),
    ("value \"", ErrorKind::Value),
    ("value out of range", ErrorKind::Value),
    ("division by zero", ErrorKind::Value),
    ("cannot delete from table \"", ErrorKind::Setting),
    ("cannot update table \"", ErrorKind::Setting),
    ("cannot set transaction read-write mode", ErrorKind::ReadOnly),
    ("permission denied", ErrorKind::Privilege),
    ("must be owner", ErrorKind::Privilege),
    ("query would be affected by row-level security", ErrorKind::RowSecurity),
    ("new row violates row-level security", ErrorKind::RowSecurity),
    ("relation with OID", ErrorKind::Missing),
    ("could not open relation", ErrorKind::Missing),
    ("operator does not exist", ErrorKind::Missing),
    ("could not extend file", ErrorKind::Full),
    ("could not write", ErrorKind::Full),
    ("out of ", ErrorKind::Resources),
    ("stack depth limit exceeded", ErrorKind::Resources),
    ("syntax error", ErrorKind::Other),
];

/// What libpq says stands behind words of its own.
const POSTGRES_PARTS: Kinds = &[
    ("terminating connection", ErrorKind::Lost),
    ("server closed the connection", ErrorKind::Lost),
    ("no connection to the server", ErrorKind::Lost),
    ("SSL connection has been closed", ErrorKind::Lost),
    ("could not receive data", ErrorKind::Lost),
    ("could not send data", ErrorKind::Lost),
    ("No space left on device", ErrorKind::Full),
];

const MYSQL_BEGINNINGS: Kinds = &[
    ("Deadlock", ErrorKind::Conflict),
    ("WSREP detected deadlock", ErrorKind::Conflict),
    ("Record has changed since last read", ErrorKind::Conflict),
    ("Lock wait timeout exceeded", ErrorKind::LockTimeout),
    ("Query execution was interrupted", ErrorKind::Cancelled),
    ("Data too long for column", ErrorKind::TooLong),
    ("Data truncated", ErrorKind::Value),
    ("Truncated incorrect", ErrorKind::Value),
    ("Incorrect parameter", ErrorKind::Other),
    ("Incorrect number", ErrorKind::Other),
    ("Incorrect key file", ErrorKind::File),
    ("Incorrect information", ErrorKind::File),
    ("Incorrect ", ErrorKind::Value),
    ("Out of range value", ErrorKind::Value),
    ("Division by 0", ErrorKind::Value),
    ("Cannot convert", ErrorKind::Value),
    ("Invalid JSON", ErrorKind::Value),
    ("Cannot execute statement: impossible to write to binary log", ErrorKind::Setting),
    ("You are using safe update mode", ErrorKind::Setting),
    ("Variable '", ErrorKind::Setting),
    ("Recursive query aborted", ErrorKind::Setting),
    ("WSREP has not yet prepared node", ErrorKind::Setting),
    ("Illegal mix of collations", ErrorKind::Other),
    ("You have an error in your SQL syntax", ErrorKind::Other),
    ("Access denied", ErrorKind::Privilege),
    ("The user specified as a definer", ErrorKind::Privilege),
    ("Table ", ErrorKind::Missing),
    ("Unknown ", ErrorKind::Missing),
    ("FUNCTION ", ErrorKind::Missing),
    ("Can't update table '", ErrorKind::Other),
    ("The total number of locks exceeds", ErrorKind::Resources),
    ("Got a packet bigger", ErrorKind::Resources),
    ("Cannot execute statement in a READ ONLY transaction", ErrorKind::ReadOnly),
    ("The MariaDB server is running with the --", ErrorKind::ReadOnly),
    ("The MySQL server is running with the --", ErrorKind::ReadOnly),
];

const MYSQL_PARTS: Kinds = &[
    (" value is out of range in ", ErrorKind::Value),
    ("has gone away", ErrorKind::Lost),
    ("alformed packet", ErrorKind::Lost),
    ("Commands out of sync", ErrorKind::Lost),
    ("Lost connection", ErrorKind::Lost),
    ("Server shutdown", ErrorKind::Lost),
    ("Connection was killed", ErrorKind::Lost),
    ("command denied to user", ErrorKind::Privilege),
    ("is full", ErrorKind::Full),
    ("No space left on device", ErrorKind::Full),
];

const SQLITE_BEGINNINGS: Kinds = &[
    ("database is locked", ErrorKind::LockTimeout),
    ("database table is locked", ErrorKind::LockTimeout),
    ("database schema is locked", ErrorKind::LockTimeout),
    ("no such ", ErrorKind::Missing),
    ("unsafe use of ", ErrorKind::Missing),
    ("database or disk is full", ErrorKind::Full),
    ("disk I/O error", ErrorKind::File),
    ("unable to open database file", ErrorKind::File),
    ("database disk image is malformed", ErrorKind::File),
    ("file is not a database", ErrorKind::File),
    ("attempt to write a readonly database", ErrorKind::ReadOnly),
    ("FOREIGN KEY constraint", ErrorKind::ForeignKey),
    ("foreign key mismatch", ErrorKind::Other),
    ("not authorized", ErrorKind::Privilege),
    ("datatype mismatch", ErrorKind::Value),
    ("integer overflow", ErrorKind::Value),
    ("string or blob too big", ErrorKind::Value),
    ("malformed JSON", ErrorKind::Value),
    ("interrupted", ErrorKind::Cancelled),
    ("out of memory", ErrorKind::Resources),
    ("too many ", ErrorKind::Other),
    ("Expression tree is too large", ErrorKind::Other),
    ("parser stack overflow", ErrorKind::Other),
    ("near \"", ErrorKind::Other),
];

const SQLITE_PARTS: Kinds = &[("constraint failed", ErrorKind::Constraint)];

/// Sentences of the server that name things of the schema, roles and types, and never a value: they can be repeated.
fn harmless(dialect: Dialect, text: &str) -> Option<&str> {
    let forms: &[(&str, &str)] = match dialect {
        Dialect::Postgres => &[
            ("permission denied for ", ""),
            ("must be owner of ", ""),
            ("relation \"", " does not exist"),
            ("column ", " does not exist"),
            ("function ", " does not exist"),
            ("schema \"", " does not exist"),
            ("type \"", " does not exist"),
            ("operator does not exist: ", ""),
            ("cannot delete from table \"", ""),
            ("cannot update table \"", ""),
            ("query would be affected by row-level security policy for table ", ""),
        ],
        Dialect::Mysql => &[
            ("Unknown column '", ""),
            ("Variable '", ""),
            ("Unknown table '", ""),
            ("Table '", "' doesn't exist"),
            ("FUNCTION ", " does not exist"),
            ("The user specified as a definer (", ") does not exist"),
            ("Can't update table '", ""),
            ("Data too long for column '", ""),
            ("Illegal mix of collations (", ""),
            ("SELECT command denied to user '", ""),
            ("INSERT command denied to user '", ""),
            ("UPDATE command denied to user '", ""),
            ("DELETE command denied to user '", ""),
            ("execute command denied to user '", ""),
        ],
        Dialect::Sqlite => &[("no such ", ""), ("unsafe use of ", ""), ("foreign key mismatch", "")],
    };
    let is_one = |(begins, ends): &(&str, &str)| text.starts_with(begins) && text.ends_with(ends);
    (!text.contains('\n') && forms.iter().any(is_one)).then_some(text)
}

/// What is to be done about a setting.
fn remedy(text: &str) -> Option<&'static str> {
    const REMEDIES: [(&str, &str); 5] = [
        (
            "cannot ",
            "the table is published for logical replication and has no replica identity: give it a primary key, or one by \
             ALTER TABLE … REPLICA IDENTITY FULL",
        ),
        (
            "Cannot execute statement: impossible to write to binary log",
            "`binlog_format` and the storage engine of the table do not fit each other: set `binlog_format` to ROW or MIXED",
        ),
        ("You are using safe update mode", "`sql_safe_updates` is set"),
        ("Recursive query aborted", "`cte_max_recursion_depth` is too small: raise it"),
        (
            "WSREP has not yet prepared node",
            "this node of the cluster is not in its primary component: use another one",
        ),
    ];
    REMEDIES.iter().find(|(beginning, _)| text.starts_with(beginning)).map(|(_, remedy)| *remedy)
}

fn sentence(
    dialect: Dialect,
    kind: ErrorKind,
    info: &(dyn DatabaseErrorInformation + Send + Sync),
    constraint: Option<&str>,
) -> String {
    let mut sentence = match kind {
        ErrorKind::Connect => "cannot connect",
        ErrorKind::Lost => "the connection to the database was lost",
        ErrorKind::CommitUnknown => "the connection was lost at COMMIT",
        ErrorKind::Conflict => "another transaction changed the same rows (deadlock or serialisation failure)",
        ErrorKind::LockTimeout => "another session holds a lock on the rows for longer than the lock timeout",
        ErrorKind::ForeignKey => "a foreign key forbids it",
        ErrorKind::Constraint => "a constraint forbids it",
        ErrorKind::TooLong => "a text has more characters than its column holds; choose a shorter one",
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
        ErrorKind::ReadOnly => {
            "the server, a replica or a session that may not write, takes no changes; use the primary server and a role that \
             may write"
        }
        ErrorKind::Setting => "a setting of the server stands against it",
        ErrorKind::Cancelled => "the statement was cancelled, by an administrator or by a limit of the server",
        ErrorKind::Resources => "the server has not the memory or the locks that the statement takes",
        ErrorKind::Value => {
            "a value of some row cannot be read or computed with as the schedule asks; correct it in the application"
        }
        ErrorKind::Raised => {
            "a trigger or function of the application refuses it (its sentence may quote rows and is not repeated here)"
        }
        ErrorKind::Unread => {
            "the database refused the statement in a language that is not known here; set `lc_messages` to C for tenure's role"
        }
        ErrorKind::TooFew => "a bucket has too few people to be rolled up by itself",
        ErrorKind::Beyond => "it would do more than the plan counted",
        ErrorKind::SchemaChanged => "the tables are not as when this was planned",
        ErrorKind::Other => {
            "the database refused the statement (its sentence may quote rows and is not repeated here; see the server's log)"
        }
    }
    .to_owned();
    let text = info.message().trim();
    if let Some(text) = harmless(dialect, text) {
        sentence.push_str(&format!(" ({text})"));
    }
    if let Some(remedy) = remedy(text).filter(|_| kind == ErrorKind::Setting) {
        sentence.push_str(&format!("; {remedy}"));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dialect: Dialect, text: &str) -> DbError {
        DbError::of(dialect, &DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned())))
    }

    #[test]
    fn the_beginning_of_the_servers_sentence_says_the_kind() {
        use ErrorKind::{Cancelled, Conflict, Full, LockTimeout, Missing, Privilege, Raised, ReadOnly, Setting, Value};
        for (dialect, text, kind) in [
            (Dialect::Postgres, "deadlock detected", Conflict),
            (Dialect::Postgres, "canceling statement due to lock timeout", LockTimeout),
            (Dialect::Postgres, "canceling statement due to user request", Cancelled),
            (Dialect::Postgres, "permission denied for table log", Privilege),
            (Dialect::Postgres, "invalid input syntax for type inet: \"ann\"", Value),
            (Dialect::Postgres, "relation \"log\" does not exist", Missing),
            (Dialect::Postgres, "the customer does not exist", Raised),
            (Dialect::Postgres, "column \"a\" is of type integer but expression is of type text", ErrorKind::Other),
            (Dialect::Postgres, "could not extend file \"base/1/2\": No space left on device", Full),
            (
                Dialect::Postgres,
                "cannot delete from table \"step\" because it does not have a replica identity and publishes deletes",
                Setting,
            ),
            (Dialect::Mysql, "Deadlock found when trying to get lock; try restarting transaction", Conflict),
            (Dialect::Mysql, "DELETE command denied to user 'j'@'h' for table `d`.`t`", Privilege),
            (Dialect::Mysql, "Incorrect datetime value: '2020-13-01' for column", Value),
            (Dialect::Mysql, "Cannot execute statement: impossible to write to binary log since …", Setting),
            (Dialect::Mysql, "The MariaDB server is running with the --read-only option", ReadOnly),
            (Dialect::Mysql, "invoice of ann is open", Raised),
            (Dialect::Sqlite, "database is locked", LockTimeout),
            (Dialect::Sqlite, "no such function: drop_file", Missing),
            (Dialect::Sqlite, "malformed JSON", Value),
            (Dialect::Sqlite, "order of ann is locked", Raised),
        ] {
            assert_eq!(of(dialect, text).kind, kind, "{text}");
        }
    }

    #[test]
    fn what_names_the_schema_is_repeated_and_what_may_quote_a_row_is_not() {
        for (dialect, text, named) in [
            (Dialect::Postgres, "permission denied for table log", "table log"),
            (Dialect::Postgres, "function f(text) does not exist", "f(text)"),
            (Dialect::Postgres, "cannot update table \"s\" because …", "REPLICA IDENTITY"),
            (Dialect::Mysql, "Cannot execute statement: impossible to write to binary log since …", "binlog_format"),
            (Dialect::Mysql, "The user specified as a definer ('a'@'b') does not exist", "'a'@'b'"),
            (Dialect::Sqlite, "no such function: drop_file", "drop_file"),
        ] {
            assert!(of(dialect, text).message.contains(named), "{}", of(dialect, text));
        }
        for (dialect, text) in [
            (Dialect::Postgres, "invalid input syntax for type inet: \"ann@example.org\""),
            (Dialect::Postgres, "ann@example.org may not go"),
            (Dialect::Postgres, "permission denied for ann\nwho lives in example.org, ann@"),
            (Dialect::Mysql, "Truncated incorrect INTEGER value: 'ann@example.org'"),
            (Dialect::Sqlite, "ann@example.org may not go"),
        ] {
            assert!(!of(dialect, text).message.contains("ann@"), "{}", of(dialect, text));
        }
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        let passes = |text| {
            let error = of(Dialect::Postgres, text);
            error.is_transient() || error.is_of_a_row()
        };
        assert!(passes("deadlock detected") && passes("a trigger's own words"));
        assert!(!passes("permission denied for table log") && !passes("cannot delete from table \"s\" because …"));
    }
}
