//! All rows of a database as text.

use std::fmt::Write;

use tenure::base::name::Name;
use tenure::db::{Connection, Dialect, Row, Statement, Value};

/// A table and, for each of its columns, its name and an expression that shows its value as text.
struct Table {
    title: String,
    from: String,
    columns: Vec<(String, String)>,
}

pub fn of(connection: &mut Connection) -> String {
    let mut out = String::new();
    for table in tables(connection) {
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
        let texts: Vec<&str> = table.columns.iter().map(|(_, text)| text.as_str()).collect();
        writeln!(out, "{} ({})", table.title, names.join(", ")).expect("a string takes what it is given");
        let mut lines: Vec<String> =
            ask(connection, &format!("SELECT {} FROM {}", texts.join(", "), table.from)).iter().map(line).collect();
        lines.sort();
        for line in lines {
            out.push_str(&line);
        }
    }
    out
}

fn line(row: &Row) -> String {
    let value = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    };
    format!("    {}\n", row.0.iter().map(value).collect::<Vec<_>>().join(" | "))
}

/// Without tenure's own: the schema `tenure` of PostgreSQL, and tables called `tenure_…` elsewhere.
fn tables(connection: &mut Connection) -> Vec<Table> {
    let dialect = connection.dialect();
    let columns = match dialect {
        Dialect::Sqlite => {
            "SELECT '', t.name, c.name, '' FROM sqlite_master t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             AND t.name NOT LIKE 'tenure\\_%' ESCAPE '\\' ORDER BY t.name, c.cid"
        }
        // Each partition and each child is a table of its own, so a row that moves between them shows.
        Dialect::Postgres => {
            "SELECT n.nspname, t.relname, a.attname, '' FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace \
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped \
             WHERE t.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tenure') \
             AND n.nspname NOT LIKE 'pg\\_%' ORDER BY n.nspname, t.relname, a.attnum"
        }
        Dialect::Mysql => {
            "SELECT '', c.table_name, c.column_name, c.data_type FROM information_schema.columns c \
             JOIN information_schema.tables t ON t.table_schema = c.table_schema \
                  AND BINARY t.table_name = BINARY c.table_name \
             WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' AND c.table_name NOT LIKE 'tenure\\_%' \
             ORDER BY BINARY c.table_name, c.ordinal_position"
        }
    };
    let mut tables: Vec<Table> = Vec::new();
    for row in ask(connection, columns) {
        let [schema, table, column, kind] = [0, 1, 2, 3].map(|index| row.text(index).unwrap_or_default());
        let quoted = |name: &str| Name::new(name).expect("a catalog holds names").quoted(dialect.quote());
        let title = if schema.is_empty() { table.to_owned() } else { format!("{schema}.{table}") };
        let text = as_text(dialect, &quoted(column), kind);
        match tables.last_mut().filter(|last| last.title == title) {
            Some(last) => last.columns.push((column.to_owned(), text)),
            None => {
                let from = match dialect {
                    Dialect::Postgres => format!("ONLY {}.{}", quoted(schema), quoted(table)),
                    Dialect::Sqlite | Dialect::Mysql => quoted(table),
                };
                tables.push(Table { title, from, columns: vec![(column.to_owned(), text)] });
            }
        }
    }
    tables
}

fn as_text(dialect: Dialect, column: &str, kind: &str) -> String {
    match dialect {
        // Tells text from blob and number, as the types of its columns do not.
        Dialect::Sqlite => format!("quote({column})"),
        Dialect::Postgres => format!("{column}::text"),
        Dialect::Mysql if kind.contains("blob") || kind.contains("binary") || kind == "bit" => format!("HEX({column})"),
        Dialect::Mysql => format!("CAST({column} AS CHAR)"),
    }
}

fn ask(connection: &mut Connection, sql: &str) -> Vec<Row> {
    let statement = Statement { sql: sql.to_owned(), binds: vec![] };
    connection.query(&statement).unwrap_or_else(|error| panic!("{error}: {sql}"))
}
