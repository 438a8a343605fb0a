//! Bulk inserts: a stream of rows in, multi-row INSERT statements with bound values out.

use crate::name::{Name, TableName};

use super::catalog::ColumnKind;
use super::{Connection, DbError, Dialect, Mode, Statement, Value};

/// Rows between two commits: few enough to hold no lock for long, enough that commits hardly count.
const ROWS_A_TRANSACTION: usize = 50_000;

/// Bound values in one statement. SQLite allows 32,766, the others 65,535; beyond a few thousand the statement only
/// grows in memory and is no faster.
const BINDS_A_STATEMENT: usize = 8_000;

/// A table and the columns that each row has a value for, in that order.
#[derive(Debug, Clone)]
pub struct InsertInto {
    pub table: TableName,
    pub columns: Vec<(Name, ColumnKind)>,
}

impl Connection {
    /// Inserts all `rows` and says how many there were. They are taken from the iterator a statement at a time, never all
    /// at once, and committed every 50,000 rows: after an error the transactions before it stay.
    ///
    /// Dates and times are given as text, `YYYY-MM-DD` and `YYYY-MM-DD HH:MM:SS.ffffff` in UTC.
    ///
    /// # Errors
    /// Those of the database; the error names a constraint, never a value.
    pub fn insert_all(
        &mut self,
        into: &InsertInto,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Result<u64, DbError> {
        let mut rows = rows.into_iter().peekable();
        let mut inserted = 0;
        while rows.peek().is_some() {
            let portion = rows.by_ref().take(ROWS_A_TRANSACTION);
            inserted += self.transaction(Mode::Single, |connection| connection.insert_portion(into, portion))?;
        }
        Ok(inserted)
    }

    fn insert_portion(&mut self, into: &InsertInto, rows: impl Iterator<Item = Vec<Value>>) -> Result<u64, DbError> {
        let dialect = self.dialect();
        let rows_a_statement = (BINDS_A_STATEMENT / into.columns.len().max(1)).max(1);
        let mut rows = rows.peekable();
        let mut inserted = 0;
        while rows.peek().is_some() {
            inserted += self.execute(&insert(dialect, into, rows.by_ref().take(rows_a_statement)))?;
        }
        Ok(inserted)
    }
}

/// `INSERT INTO "t" ("a", "b") VALUES ($1, $2::timestamp), ($3, NULL)`.
///
/// NULL is written out and not bound: a bound one would need a type, and PostgreSQL takes no text for a number.
fn insert(dialect: Dialect, into: &InsertInto, rows: impl Iterator<Item = Vec<Value>>) -> Statement {
    let mut sql = head(dialect, into);
    let mut binds = Vec::with_capacity(BINDS_A_STATEMENT);
    for (index, row) in rows.enumerate() {
        assert_eq!(row.len(), into.columns.len(), "a row of `{}` has a value for each column", into.table);
        sql.push_str(if index == 0 { "(" } else { ", (" });
        for (position, (value, (_, kind))) in row.into_iter().zip(&into.columns).enumerate() {
            if position > 0 {
                sql.push_str(", ");
            }
            if value == Value::Null {
                sql.push_str("NULL");
            } else {
                binds.push(value);
                push_placeholder(&mut sql, dialect, binds.len(), *kind);
            }
        }
        sql.push(')');
    }
    Statement { sql, binds }
}

fn head(dialect: Dialect, into: &InsertInto) -> String {
    let quoted = |name: &Name| name.quoted(dialect.quote());
    let schema = into.table.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
    let table = quoted(&into.table.table);
    let columns: Vec<_> = into.columns.iter().map(|(name, _)| quoted(name)).collect();
    format!("INSERT INTO {schema}{table} ({}) VALUES ", columns.join(", "))
}

fn push_placeholder(sql: &mut String, dialect: Dialect, number: usize, kind: ColumnKind) {
    if dialect != Dialect::Postgres {
        sql.push('?');
        return;
    }
    sql.push('$');
    sql.push_str(&number.to_string());
    sql.push_str(postgres_cast(kind));
}

/// PostgreSQL assigns a bound text to text columns only; whatever else is given as text is cast.
fn postgres_cast(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Date => "::date",
        ColumnKind::Timestamp => "::timestamp",
        ColumnKind::TimestampTz => "::timestamptz",
        ColumnKind::Decimal => "::numeric",
        ColumnKind::Uuid => "::uuid",
        ColumnKind::Inet => "::inet",
        ColumnKind::Json => "::json",
        ColumnKind::Boolean
        | ColumnKind::Integer
        | ColumnKind::UnsignedInteger
        | ColumnKind::Float
        | ColumnKind::Text
        | ColumnKind::Binary
        | ColumnKind::Other => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> InsertInto {
        let name = |text: &str| Name::new(text).unwrap();
        InsertInto {
            table: TableName::new(Some(name("audit")), name("no\"te")),
            columns: vec![(name("id"), ColumnKind::Integer), (name("at"), ColumnKind::TimestampTz)],
        }
    }

    fn rows() -> impl Iterator<Item = Vec<Value>> {
        [vec![Value::Int(1), Value::Text("2026-01-31 09:30:00".into())], vec![Value::Int(2), Value::Null]].into_iter()
    }

    #[test]
    fn names_are_quoted_values_are_bound_and_nulls_are_written_out() {
        let statement = insert(Dialect::Mysql, &note(), rows());
        assert_eq!(statement.sql, "INSERT INTO `audit`.`no\"te` (`id`, `at`) VALUES (?, ?), (?, NULL)");
        assert_eq!(statement.binds, [Value::Int(1), Value::Text("2026-01-31 09:30:00".into()), Value::Int(2)]);
    }

    #[test]
    fn postgresql_is_told_what_a_text_stands_for() {
        let statement = insert(Dialect::Postgres, &note(), rows());
        assert_eq!(
            statement.sql,
            "INSERT INTO \"audit\".\"no\"\"te\" (\"id\", \"at\") VALUES ($1, $2::timestamptz), ($3, NULL)"
        );
    }

    #[test]
    fn more_rows_than_a_transaction_takes_all_arrive() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let url = format!("sqlite://{}", file.path().display());
        let mut connection = Connection::open(&url, super::super::Access::ReadWrite).unwrap();
        connection.script("CREATE TABLE n (id integer PRIMARY KEY)").unwrap();
        let into = InsertInto {
            table: TableName::parse("n").unwrap(),
            columns: vec![(Name::new("id").unwrap(), ColumnKind::Integer)],
        };
        let rows = 2 * ROWS_A_TRANSACTION as i64 + 1;
        assert_eq!(connection.insert_all(&into, (0..rows).map(|id| vec![Value::Int(id)])).unwrap(), rows as u64);
        let count = Statement { sql: "SELECT count(*) FROM n".into(), binds: vec![] };
        assert_eq!(connection.query(&count).unwrap()[0].int(0), Some(rows));
    }
}
