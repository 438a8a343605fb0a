//! Bulk inserts: a stream of rows in, multi-row INSERT statements out, with every value bound.

use crate::base::name::{Name, TableName};
use data_encoding::HEXLOWER;

use crate::db::catalog::ColumnKind;
use crate::db::{Connection, DbError, Dialect, Mode, Statement, Value};

/// Rows between two commits: few enough to hold no lock for long, enough that commits hardly count.
const ROWS_A_TRANSACTION: usize = 50_000;

/// Values in one statement. SQLite allows 32,766 placeholders, MySQL 65,535; beyond a few thousand the statement only
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
            inserted += self.transaction(Mode::Single, |connection| connection.insert_within(into, portion))?;
        }
        Ok(inserted)
    }

    /// As [`insert_all`](Self::insert_all), in the caller's transaction.
    pub(in crate::db) fn insert_within(
        &mut self,
        into: &InsertInto,
        rows: impl Iterator<Item = Vec<Value>>,
    ) -> Result<u64, DbError> {
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

fn insert(dialect: Dialect, into: &InsertInto, rows: impl Iterator<Item = Vec<Value>>) -> Statement {
    let rows = rows.inspect(|row| {
        assert_eq!(row.len(), into.columns.len(), "a row of `{}` has a value for each column", into.table);
    });
    match dialect {
        Dialect::Postgres => insert_arrays(into, rows),
        Dialect::Sqlite | Dialect::Mysql => insert_values(dialect, into, rows),
    }
}

/// `INSERT INTO "t" ("a", "b") VALUES (?, ?), (?, NULL)`.
///
/// NULL is written out and not bound: a bound one would need a type.
fn insert_values(dialect: Dialect, into: &InsertInto, rows: impl Iterator<Item = Vec<Value>>) -> Statement {
    let mut sql = format!("{} VALUES ", head(dialect, into));
    let mut binds = Vec::with_capacity(BINDS_A_STATEMENT);
    for (index, row) in rows.enumerate() {
        sql.push_str(if index == 0 { "(" } else { ", (" });
        for (position, value) in row.into_iter().enumerate() {
            if position > 0 {
                sql.push_str(", ");
            }
            if value == Value::Null {
                sql.push_str("NULL");
            } else {
                sql.push('?');
                binds.push(value);
            }
        }
        sql.push(')');
    }
    Statement { sql, binds }
}

/// `INSERT INTO "t" ("a", "b") SELECT * FROM unnest($1::bigint[], $2::timestamptz[])`, one array a column.
///
/// PostgreSQL spends more on the placeholders of a long VALUES list than on the rows: this is three times as fast.
fn insert_arrays(into: &InsertInto, rows: impl Iterator<Item = Vec<Value>>) -> Statement {
    let mut arrays = vec![String::from("{"); into.columns.len()];
    for (index, row) in rows.enumerate() {
        for (array, value) in arrays.iter_mut().zip(row) {
            if index > 0 {
                array.push(',');
            }
            push_element(array, &value);
        }
    }
    let placeholders: Vec<_> =
        (1..).zip(&into.columns).map(|(number, (_, kind))| format!("${number}::{}[]", postgres_type(*kind))).collect();
    let sql = format!("{} SELECT * FROM unnest({})", head(Dialect::Postgres, into), placeholders.join(", "));
    Statement { sql, binds: arrays.into_iter().map(|array| Value::Text(array + "}")).collect() }
}

/// One element of an array in PostgreSQL's text form. Texts stand in quotes, in which only a quote and a backslash mean
/// anything but themselves.
pub(in crate::db) fn push_element(array: &mut String, value: &Value) {
    match value {
        Value::Null => array.push_str("NULL"),
        Value::Bool(bool) => array.push_str(if *bool { "t" } else { "f" }),
        Value::Int(int) => array.push_str(&int.to_string()),
        Value::Unsigned(int) => array.push_str(&int.to_string()),
        Value::Float(float) => array.push_str(&float.to_string()),
        Value::Text(text) => push_quoted(array, text),
        Value::Bytes(bytes) => push_quoted(array, &format!("\\x{}", HEXLOWER.encode(bytes))),
        Value::Wholes(_) | Value::Keys(_) => unreachable!("no column of ours holds arrays"),
    }
}

fn push_quoted(array: &mut String, text: &str) {
    array.push('"');
    for piece in text.split_inclusive(['"', '\\']) {
        match piece.as_bytes().last() {
            Some(b'"' | b'\\') => {
                let (before, special) = piece.split_at(piece.len() - 1);
                array.extend([before, "\\", special]);
            }
            _ => array.push_str(piece),
        }
    }
    array.push('"');
}

/// The type of a column's elements; the assignment to the column narrows it.
fn postgres_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Boolean => "boolean",
        ColumnKind::Integer | ColumnKind::UnsignedInteger => "bigint",
        ColumnKind::Float => "double precision",
        ColumnKind::Decimal => "numeric",
        ColumnKind::Binary => "bytea",
        ColumnKind::Date => "date",
        ColumnKind::Timestamp => "timestamp",
        ColumnKind::TimestampTz => "timestamptz",
        ColumnKind::Uuid => "uuid",
        ColumnKind::Inet => "inet",
        ColumnKind::Json => "json",
        ColumnKind::Text | ColumnKind::Other => "text",
    }
}

fn head(dialect: Dialect, into: &InsertInto) -> String {
    let quoted = |name: &Name| name.quoted(dialect.quote());
    let schema = into.table.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
    let table = quoted(&into.table.table);
    let columns: Vec<_> = into.columns.iter().map(|(name, _)| quoted(name)).collect();
    format!("INSERT INTO {schema}{table} ({})", columns.join(", "))
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
    fn postgresql_gets_an_array_a_column_and_is_told_what_its_elements_stand_for() {
        let statement = insert(Dialect::Postgres, &note(), rows());
        assert_eq!(
            statement.sql,
            "INSERT INTO \"audit\".\"no\"\"te\" (\"id\", \"at\") SELECT * FROM unnest($1::bigint[], $2::timestamptz[])"
        );
        assert_eq!(
            statement.binds,
            [Value::Text("{1,2}".into()), Value::Text("{\"2026-01-31 09:30:00\",NULL}".into())]
        );
    }

    #[test]
    fn no_text_can_end_the_quotation_inside_an_array() {
        let mut array = String::new();
        push_element(&mut array, &Value::Text("a\",NULL,\\\"b".into()));
        assert_eq!(array, r#""a\",NULL,\\\"b""#);
        array.clear();
        push_element(&mut array, &Value::Bytes(vec![0, 255]));
        assert_eq!(array, r#""\\x00ff""#);
    }

    #[test]
    fn more_rows_than_a_transaction_takes_all_arrive() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let url = format!("sqlite://{}", file.path().display());
        let mut connection = Connection::open(&url, crate::db::Access::ReadWrite).unwrap();
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
