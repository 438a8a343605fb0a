//! What a server's planner knows of columns by heart: values of rows, and among them those of rows that are gone.
//!
//! Until somebody counts anew they stand in the live database, and on PostgreSQL whoever may read the column may read them.
//! Tables of many rows are let be, because counting them would take longer than erasing from them: of so many rows only few
//! stand in the statistics, and those few are the database's to renew, or somebody's who knows when.

use crate::base::name::{Name, TableName};
use crate::db::query::count::{self, number, one_row};
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement, Value};

/// Up to so many rows a table is counted anew, which takes a fraction of a second.
const FEW_ROWS: i64 = 100_000;

/// Counts tables anew of which some rows were erased, where statistics hold values and the role may; of which they may hold
/// some still.
///
/// # Errors
/// Those after which the connection is of no use; whatever else stands in the way leaves the table as it is.
pub fn renew<'t>(
    conn: &mut Connection,
    tables: impl IntoIterator<Item = &'t TableName>,
) -> Result<Vec<&'t TableName>, DbError> {
    let mut left = Vec::new();
    for table in tables {
        let known = Known::ask(conn, table)?;
        if known.has_values && !(known.may_be_renewed && count_anew(conn, table)?) {
            left.push(table);
        }
    }
    Ok(left)
}

#[derive(Default)]
struct Known {
    has_values: bool,
    /// The table has few rows, and the role may have it counted.
    may_be_renewed: bool,
}

impl Known {
    fn ask(conn: &mut Connection, table: &TableName) -> Result<Self, DbError> {
        let sql = match conn.dialect() {
            Dialect::Sqlite => return Ok(Self::default()),
            Dialect::Postgres => POSTGRES,
            Dialect::Mysql => MARIADB,
        };
        let schema = table.schema.as_ref().map(Name::as_str).unwrap_or_default();
        let [schema, name] = [schema, table.table.as_str()].map(|name| Value::Text(name.to_owned()));
        let asking = Statement { sql: sql.to_owned(), binds: vec![Value::Int(FEW_ROWS), schema, name] };
        match one_row(conn, &asking) {
            Ok(row) => Ok(Self { has_values: number(&row, 0) > 0, may_be_renewed: number(&row, 1) > 0 }),
            // MySQL has no such table, and most roles may not look into it.
            Err(error) if matches!(error.kind, ErrorKind::Privilege | ErrorKind::Missing) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }
}

/// An owner of table or database may have it counted, and from PostgreSQL 17 on whoever was granted MAINTAIN; of others it is
/// passed over with a warning that nobody hears.
const POSTGRES: &str = "
    SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_stats AS s WHERE s.schemaname = n.nspname AND s.tablename = c.relname
                    AND (s.most_common_vals IS NOT NULL OR s.histogram_bounds IS NOT NULL)) THEN 1 ELSE 0 END,
           CASE WHEN c.reltuples <= CAST($1 AS bigint) AND (
                    pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE')
                    OR CASE WHEN current_setting('server_version_num')::int >= 170000
                            THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE FALSE END) THEN 1 ELSE 0 END
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_database AS d ON d.datname = current_database()
     WHERE n.nspname = CAST($2 AS text) AND c.relname = CAST($3 AS text)";

/// Only who asked for persistent statistics has any.
const MARIADB: &str = "
    SELECT EXISTS (SELECT 1 FROM mysql.column_stats AS s WHERE s.db_name = t.TABLE_SCHEMA AND s.table_name = t.TABLE_NAME),
           COALESCE(t.TABLE_ROWS, 0) <= ?
      FROM (SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES
             WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?) AS t";

/// Counts the table anew; whether nothing of what was erased is in its statistics now.
fn count_anew(conn: &mut Connection, table: &TableName) -> Result<bool, DbError> {
    let is_postgres = conn.dialect() == Dialect::Postgres;
    let (before, after) = if is_postgres { ("ANALYZE ", "") } else { ("ANALYZE TABLE ", " PERSISTENT FOR ALL") };
    let mut sql = Sql::new(conn.dialect());
    sql.push(before).table(table).push(after);
    // MariaDB says in a row what was in the way.
    let counted = match conn.query(&sql.finish()) {
        Ok(said) => said.iter().all(|row| row.text(2) != Some("Error")),
        Err(error) if error.kind == ErrorKind::Lost => return Err(error),
        Err(_) => false,
    };
    // PostgreSQL leaves the statistics of a table without rows as they were.
    Ok(counted && (!is_postgres || count::table_rows_up_to(conn, table, 1)? > 0))
}
