//! The catalog of SQLite, from `sqlite_schema` and the pragmas as tables; what neither holds is read from the statements
//! that made the tables and triggers.
//!
//! Columns of views and virtual tables are not read: a view over a table that is gone, or a module that is not loaded,
//! would fail the catalog of all tables.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::draft::{Draft, flag};
use super::tokens::{Token, find, starts_with, tokens};
use super::{Catalog, ColumnKind, Index, Table, TableKind, ask, fingerprint, version_number};
use crate::base::name::Name;
use crate::db::maintain::rewrite::FULL_TEXT;
use crate::db::{Connection, DbError, Dialect, Row, Value};

const TABLES: &str = "
    SELECT NULL, l.name, CASE l.type WHEN 'table' THEN 'ordinary' WHEN 'view' THEN 'view' ELSE 'other' END,
           0, 1, 1, 1, 1, l.type = 'table' AND l.wr = 0, NULL, NULL
      FROM pragma_table_list AS l
     WHERE l.schema = 'main' AND substr(lower(l.name), 1, 7) <> 'sqlite_'
           AND l.name <> '__diesel_schema_migrations'
     ORDER BY l.name";

/// Hidden 2 and 3 are generated columns; the last value is the column's place in the declared primary key, 0 for none.
const COLUMNS: &str = "
    SELECT NULL, l.name, x.name, x.type, x.type, x.\"notnull\" = 0, x.hidden IN (2, 3), NULL, NULL, x.pk
      FROM pragma_table_list AS l, pragma_table_xinfo(l.name, 'main') AS x
     WHERE l.schema = 'main' AND l.type = 'table'
     ORDER BY l.name, x.cid";

/// An expression has no name, and neither has the rowid that ends every index, which is no key part.
const INDEXES: &str = "
    SELECT NULL, l.name, i.name, i.origin = 'pk', i.\"unique\", i.partial, 1, x.name
      FROM pragma_table_list AS l, pragma_index_list(l.name, 'main') AS i, pragma_index_xinfo(i.name, 'main') AS x
     WHERE l.schema = 'main' AND l.type = 'table' AND x.key = 1
     ORDER BY l.name, i.name, x.seqno";

const FOREIGN_KEYS: &str = "
    SELECT l.name, f.id, f.\"from\", f.\"table\", f.\"to\", f.on_delete, s.sql, f.seq, f.on_update
      FROM pragma_table_list AS l, pragma_foreign_key_list(l.name, 'main') AS f
      JOIN sqlite_schema AS s ON s.type = 'table' AND s.name = l.name
     WHERE l.schema = 'main' AND l.type = 'table'
     ORDER BY l.name, f.id, f.seq";

/// `tbl_name` is spelled as the trigger spells it.
const TRIGGERS: &str = "
    SELECT l.name, s.name, s.sql
      FROM sqlite_schema AS s JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.tbl_name COLLATE NOCASE
     WHERE s.type = 'trigger'
     ORDER BY l.name, s.name";

pub(super) fn read(connection: &mut Connection) -> Result<Catalog, DbError> {
    let version = ask(connection, "SELECT sqlite_version()")?;
    let version = version.first().and_then(|row| row.text(0)).unwrap_or_default();

    let mut draft = Draft::default();
    draft.tables(&ask(connection, TABLES)?);
    let columns = ask(connection, COLUMNS)?;
    draft.columns(&columns, column_kind);
    draft.leave_out_control_tables();
    quote_odd_types(&mut draft.tables);
    collations(connection, &mut draft)?;
    let declared = declared_keys(&columns);
    let indexes = ask(connection, INDEXES)?;
    settle_rowids(&mut draft, &columns, &indexes, &declared);
    draft.indexes(&indexes);
    draft.foreign_keys(&foreign_keys(&ask(connection, FOREIGN_KEYS)?, &declared))?;
    draft.spell_parents_as_declared(true);
    draft.triggers(&triggers(connection)?);
    untended_indexes(connection, &mut draft)?;
    estimate_rows(connection, &mut draft)?;

    Ok(Catalog {
        lookup: OnceLock::new(),
        dialect: Dialect::Sqlite,
        grammar: connection.grammar(),
        version: format!("SQLite {version}"),
        version_number: version_number(version),
        search_path: vec![],
        table_names_ignore_case: true,
        sees_every_table: true,
        sees_every_reference: true,
        fingerprint: fingerprint::read(connection)?,
        tables: draft.tables,
    })
}

/// SQLite takes any text for a type, also one that would end a cast; between quotes it has the same affinity.
fn quote_odd_types(tables: &mut [Table]) {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ');
    let size = |c: char| c.is_ascii_digit() || matches!(c, ',' | ' ');
    let is_plain = |declared: &str| match declared.split_once('(') {
        Some((name, rest)) => {
            name.chars().all(word) && rest.strip_suffix(')').is_some_and(|rest| rest.chars().all(size))
        }
        None => declared.chars().all(word),
    };
    for column in tables.iter_mut().flat_map(|table| &mut table.columns) {
        if !is_plain(&column.sql_type) {
            column.sql_type = format!("\"{}\"", column.sql_type.replace('"', "\"\""));
        }
    }
}

/// Collations as the tables were declared with them; no pragma tells.
fn collations(connection: &mut Connection, draft: &mut Draft) -> Result<(), DbError> {
    const TABLES: &str = "SELECT NULL, name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%collate%'";
    for row in ask(connection, TABLES)? {
        let Some(table) = draft.table(&row) else { continue };
        for (name, collation) in declared_collations(row.text(2).unwrap_or_default()) {
            let column = table.columns.iter_mut().find(|column| column.name.as_str().eq_ignore_ascii_case(&name));
            if let Some(column) = column {
                column.collation = Some(collation).filter(|collation| collation != "BINARY");
            }
        }
    }
    Ok(())
}

/// Column and collation in capitals, of the columns that have a COLLATE of their own; the last one counts.
fn declared_collations(create_table: &str) -> Vec<(String, String)> {
    let tokens = tokens(create_table);
    let mut depth = 0_usize;
    let mut found = Vec::new();
    let (mut column, mut begins, mut named) = (None, false, false);
    for token in &tokens {
        match token {
            Token::Mark('(') => {
                depth += 1;
                begins = depth == 1;
            }
            Token::Mark(')') => depth = depth.saturating_sub(1),
            Token::Mark(',') if depth == 1 => begins = true,
            Token::Word(text) | Token::Quoted(text) if begins => {
                column = Some(text.clone());
                begins = false;
            }
            Token::Word(text) | Token::Quoted(text) if named => {
                found.extend(column.clone().map(|column| (column, text.to_ascii_uppercase())));
            }
            _ => {}
        }
        named = depth == 1 && token.is("COLLATE");
    }
    found
}

/// Primary keys as declared, whether or not they may hold NULL: table in lower case to columns in the key's order.
fn declared_keys(columns: &[Row]) -> HashMap<String, Vec<String>> {
    let mut places: HashMap<String, Vec<(i64, String)>> = HashMap::new();
    for row in columns.iter().filter(|row| flag(row, 9)) {
        if let (Some(table), Some(column), Some(place)) = (row.text(1), row.text(2), row.int(9)) {
            places.entry(table.to_ascii_lowercase()).or_default().push((place, column.to_owned()));
        }
    }
    let in_order = |mut key: Vec<(i64, String)>| {
        key.sort();
        key.into_iter().map(|(_, column)| column).collect()
    };
    places.into_iter().map(|(table, key)| (table, in_order(key))).collect()
}

/// A lone INTEGER PRIMARY KEY that has no index of its own is the rowid itself: never NULL, unique and in order, although
/// no pragma says so. And a column that is called `rowid` without being it hides the rowid.
fn settle_rowids(draft: &mut Draft, columns: &[Row], indexes: &[Row], declared: &HashMap<String, Vec<String>>) {
    let with_key_index: HashSet<&str> =
        indexes.iter().filter(|row| flag(row, 3)).filter_map(|row| row.text(1)).collect();
    for row in columns {
        let (Some(table), Some(column)) = (row.text(1), row.name(2)) else { continue };
        let lone = flag(row, 9) && declared.get(&table.to_ascii_lowercase()).is_some_and(|key| key.len() == 1);
        let integer = row.text(3).is_some_and(|declared| declared.eq_ignore_ascii_case("INTEGER"));
        let is_rowid = lone && integer && !with_key_index.contains(table);
        let Some(table) = draft.table(row) else { continue };
        if is_rowid {
            key_by_rowid(table, column);
        } else if column.as_str().eq_ignore_ascii_case("rowid") {
            table.has_rowid = false;
        }
    }
}

fn key_by_rowid(table: &mut Table, column: Name) {
    for own in table.columns.iter_mut().filter(|own| own.name == column) {
        own.nullable = false;
    }
    let (name, columns) = ("rowid".to_owned(), vec![column.clone()]);
    table.indexes.push(Index { name, columns, unique: true, partial: false, ordered: true });
    table.declared_key = vec![column.clone()];
    table.primary_key = vec![column];
}

/// Rows as [`Draft::foreign_keys`] wants them. A reference that names no columns means the parent's declared primary key.
/// SQLite's keys have no names: the number by which the pragma knows them stands in.
fn foreign_keys(rows: &[Row], declared: &HashMap<String, Vec<String>>) -> Vec<Row> {
    let mut out = Vec::with_capacity(rows.len());
    for keys in rows.chunk_by(|a, b| a.text(0) == b.text(0)) {
        let deferred = deferred_keys(keys[0].text(6).unwrap_or_default());
        for row in keys {
            let parent = row.text(3).unwrap_or_default();
            let id = usize::try_from(row.int(1).unwrap_or_default()).unwrap_or_default();
            let place = usize::try_from(row.int(7).unwrap_or_default()).unwrap_or_default();
            let implied = || declared.get(&parent.to_ascii_lowercase()).and_then(|key| key.get(place));
            let parent_column = row.text(4).or_else(|| implied().map(String::as_str));
            out.push(Row(vec![
                Value::Null,
                row.0[0].clone(),
                Value::Text(format!("#{id} to {parent}")),
                row.0[2].clone(),
                Value::Null,
                row.0[3].clone(),
                parent_column.map_or(Value::Null, |column| Value::Text(column.to_owned())),
                row.0[5].clone(),
                row.0[8].clone(),
                Value::Bool(deferred.get(id).copied().unwrap_or(false)),
            ]));
        }
    }
    out
}

/// Which keys are checked at COMMIT, by the pragma's numbers: it counts the keys of a CREATE TABLE from the last to the
/// first. REFERENCES is reserved, so every bare one begins a key, and as in SQLite's own grammar a DEFERRABLE belongs to
/// the key that was begun last.
fn deferred_keys(create_table: &str) -> Vec<bool> {
    let tokens = tokens(create_table);
    let mut keys: Vec<bool> = tokens
        .split(|token| token.is("REFERENCES"))
        .skip(1)
        .map(|clause| {
            find(clause, &["DEFERRABLE", "INITIALLY", "DEFERRED"])
                .is_some_and(|at| at == 0 || !clause[at - 1].is("NOT"))
        })
        .collect();
    keys.reverse();
    keys
}

fn triggers(connection: &mut Connection) -> Result<Vec<Row>, DbError> {
    let made = ask(connection, TRIGGERS)?;
    let row = |row: Row| {
        let (event, before) = trigger_event(row.text(2).unwrap_or_default());
        let (on_delete, on_update) = (Value::Bool(event == "DELETE"), Value::Bool(event == "UPDATE"));
        Row(vec![Value::Null, row.0[0].clone(), row.0[1].clone(), on_delete, on_update, Value::Bool(before)])
    };
    Ok(made.into_iter().map(row).collect())
}

/// Indexes of words that no trigger on deletes speaks of.
fn untended_indexes(connection: &mut Connection, draft: &mut Draft) -> Result<(), DbError> {
    let indexes = ask(connection, FULL_TEXT)?;
    if indexes.is_empty() {
        return Ok(());
    }
    let made = ask(connection, TRIGGERS)?;
    let on_delete = made.iter().filter_map(|row| row.text(2)).filter(|sql| trigger_event(sql).0 == "DELETE");
    let spoken_of: HashSet<String> = on_delete
        .flat_map(tokens)
        .filter_map(|token| match token {
            Token::Word(word) | Token::Quoted(word) => Some(word.to_ascii_uppercase()),
            Token::Mark(_) => None,
        })
        .collect();
    for index in
        indexes.iter().filter_map(|row| row.text(0)).filter(|name| !spoken_of.contains(&name.to_ascii_uppercase()))
    {
        if let Some(table) = draft.tables.iter_mut().find(|table| table.name.table.as_str() == index) {
            table.kind = TableKind::FullText;
        }
    }
    Ok(())
}

/// The event, and whether the trigger fires before it or instead of it, which is where nothing is said.
fn trigger_event(create_trigger: &str) -> (String, bool) {
    let tokens = tokens(create_trigger);
    let head = find(&tokens, &["TRIGGER"]).map_or(&tokens[..], |at| &tokens[at + 1..]);
    let head = if starts_with(head, &["IF", "NOT", "EXISTS"]) { &head[3..] } else { head };
    let name = if head.get(1) == Some(&Token::Mark('.')) { 3 } else { 1 };
    let head = head.get(name..).unwrap_or_default();
    let (timing, before) = match head.first() {
        Some(token) if token.is("AFTER") => (1, false),
        Some(token) if token.is("BEFORE") => (1, true),
        Some(token) if token.is("INSTEAD") => (2, true),
        _ => (0, true),
    };
    match head.get(timing) {
        Some(Token::Word(event)) => (event.clone(), before),
        _ => (String::new(), before),
    }
}

/// The first number of every `sqlite_stat1` entry is the table's rows; the table is there once ANALYZE has run.
fn estimate_rows(connection: &mut Connection, draft: &mut Draft) -> Result<(), DbError> {
    if ask(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'")?.is_empty() {
        return Ok(());
    }
    let counted = "SELECT NULL, tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl";
    for row in ask(connection, counted)? {
        let rows = row.int(2).and_then(|rows| u64::try_from(rows).ok());
        if let Some(table) = draft.table(&row) {
            table.estimated_rows = rows;
        }
    }
    Ok(())
}

/// Dates and truth values by their declared names, which SQLite itself takes for numbers; else by its rules of affinity.
fn column_kind(declared: &str, _as_written: &str) -> ColumnKind {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    match declared.as_str() {
        "" | "ANY" => ColumnKind::Other,
        "DATE" => ColumnKind::Date,
        "BOOL" | "BOOLEAN" => ColumnKind::Boolean,
        "JSON" => ColumnKind::Json,
        "UUID" => ColumnKind::Text,
        _ if declared.starts_with("DATETIME") || declared.starts_with("TIMESTAMP") => ColumnKind::Timestamp,
        _ if has("INT") => ColumnKind::Integer,
        _ if has("CHAR") || has("CLOB") || has("TEXT") => ColumnKind::Text,
        _ if has("BLOB") => ColumnKind::Binary,
        _ if has("REAL") || has("FLOA") || has("DOUB") => ColumnKind::Float,
        _ => ColumnKind::Decimal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collations_are_read_from_the_columns_and_not_from_indexes_checks_and_defaults() {
        let create = "CREATE TABLE t (a text, \"B c\" varchar(10, 2) DEFAULT 'x collate y' NOT NULL collate nocase,
            d text CHECK (d = 'x' COLLATE rtrim) UNIQUE, e COLLATE [RTrim], UNIQUE (a COLLATE NOCASE))";
        let expected = [("B c", "NOCASE"), ("E", "RTRIM")];
        assert_eq!(
            declared_collations(create),
            expected.map(|(name, collation)| (name.to_owned(), collation.to_owned()))
        );
    }
}
