//! Rows by their keys: a key on its way out of a statement, and a batch of keys on its way back.

use crate::base::name::Name;
use crate::db::predicate::few::key_of;
use crate::db::predicate::window::{inward, outward};
use crate::db::sql::builder::Sql;
use crate::db::sql::insert::push_element;
use crate::db::{DbError, Dialect, Row, Value};
use crate::plan::{KeyColumn, PersonKey, TableKey, Transport};
use crate::settle::RowKey;

/// More keys are too many for one statement: MariaDB turns longer lists of values into tables, and then reads everything.
pub(in crate::db) fn most(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Sqlite => 4_000,
        Dialect::Postgres => 40_000,
        Dialect::Mysql => 900,
    }
}

/// Writes the columns of a key, so many.
pub(in crate::db) fn select(sql: &mut Sql, alias: &Name, key: &TableKey) -> usize {
    match key {
        TableKey::Columns(columns) => {
            sql.list(columns, ", ", |sql, column| outward(sql, alias, &column.name, &column.transport));
            columns.len()
        }
        TableKey::Place => {
            sql.push("CAST(").name(alias).push(".ctid AS text)");
            1
        }
        TableKey::Digest(columns) => {
            digest(sql, alias, columns);
            1
        }
    }
}

/// Reads the columns that [`select`] wrote, of which `first` is the first.
pub(in crate::db) fn read(row: &Row, first: usize, key: &TableKey) -> Result<RowKey, DbError> {
    match key {
        TableKey::Columns(columns) if columns.len() > 1 => {
            let parts = (first..first + columns.len()).map(|column| key_of(row, column));
            Ok(RowKey::Several(parts.collect::<Result<_, _>>()?))
        }
        TableKey::Columns(_) | TableKey::Place | TableKey::Digest(_) => key_of(row, first).map(RowKey::One),
    }
}

/// The row is one of these.
pub(in crate::db) fn is_among(sql: &mut Sql, alias: &Name, key: &TableKey, keys: &[&RowKey]) {
    if keys.is_empty() {
        sql.push("FALSE");
        return;
    }
    match key {
        TableKey::Columns(columns) => match columns.as_slice() {
            [column] => is_one_of(sql, alias, column, keys),
            columns => are_one_of(sql, alias, columns, keys),
        },
        TableKey::Place => {
            sql.name(alias).push(".ctid = ANY(").bind_as(array(keys, 0, &Transport::Plain), "tid[]").push(")");
        }
        TableKey::Digest(columns) => {
            digest(sql, alias, columns);
            sql.push(" IN (").list(keys, ", ", |sql, key| {
                sql.bind(value(part(key, 0)));
            });
            sql.push(")");
        }
    }
}

fn is_one_of(sql: &mut Sql, alias: &Name, column: &KeyColumn, keys: &[&RowKey]) {
    sql.column(alias, &column.name);
    if sql.dialect == Dialect::Postgres {
        sql.push(" = ANY(");
        bind_array(sql, column, keys, 0);
        sql.push(")");
        return;
    }
    sql.push(" IN (");
    sql.list(keys, ", ", |sql, key| one(sql, column, part(key, 0)));
    sql.push(")");
}

fn are_one_of(sql: &mut Sql, alias: &Name, columns: &[KeyColumn], keys: &[&RowKey]) {
    let numbered: Vec<(usize, &KeyColumn)> = columns.iter().enumerate().collect();
    sql.push("(").list(columns, ", ", |sql, column| {
        sql.column(alias, &column.name);
    });
    if sql.dialect == Dialect::Postgres {
        sql.push(") IN (SELECT * FROM unnest(");
        sql.list(&numbered, ", ", |sql, (at, column)| bind_array(sql, column, keys, *at));
        sql.push("))");
        return;
    }
    sql.push(if sql.dialect == Dialect::Sqlite { ") IN (VALUES " } else { ") IN (" });
    sql.list(keys, ", ", |sql, key| {
        sql.push("(");
        sql.list(&numbered, ", ", |sql, (at, column)| one(sql, column, part(key, *at)));
        sql.push(")");
    });
    sql.push(")");
}

/// Whole numbers are written out: SQLite allows only so many values to be bound.
fn one(sql: &mut Sql, column: &KeyColumn, part: &PersonKey) {
    match (part, &column.transport) {
        (PersonKey::Whole(whole), Transport::Plain) => {
            sql.integer(*whole);
        }
        _ => inward(sql, column, &value(part)),
    }
}

fn bind_array(sql: &mut Sql, column: &KeyColumn, keys: &[&RowKey], at: usize) {
    let whole = |key: &&RowKey| if let PersonKey::Whole(whole) = part(key, at) { Some(*whole) } else { None };
    let wholes = || keys.iter().map(whole).collect::<Option<Vec<i64>>>();
    let element = match &column.transport {
        Transport::Plain => match wholes() {
            Some(wholes) => {
                sql.bind(Value::Wholes(wholes));
                return;
            }
            None => "text",
        },
        Transport::Hex => "bytea",
        Transport::Cast(sql_type) => sql_type.as_str(),
    };
    sql.bind_as(array(keys, at, &column.transport), &format!("{element}[]"));
}

/// PostgreSQL's text form of an array. An element of an array of bytes is written with the mark of hexadecimal digits.
fn array(keys: &[&RowKey], at: usize, transport: &Transport) -> Value {
    let mut array = String::from("{");
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            array.push(',');
        }
        let element = match (part(key, at), transport) {
            (PersonKey::Text(hex), Transport::Hex) => Value::Text(format!("\\x{hex}")),
            (part, _) => value(part),
        };
        push_element(&mut array, &element);
    }
    array.push('}');
    Value::Text(array)
}

fn part(key: &RowKey, at: usize) -> &PersonKey {
    match key {
        RowKey::One(part) => part,
        RowKey::Several(parts) => &parts[at],
    }
}

fn value(part: &PersonKey) -> Value {
    match part {
        PersonKey::Whole(whole) => Value::Int(*whole),
        PersonKey::Unsigned(unsigned) => Value::Unsigned(*unsigned),
        PersonKey::Text(text) => Value::Text(text.clone()),
    }
}

/// Of MariaDB and MySQL: a digest of all columns, in which NULL is no text.
fn digest(sql: &mut Sql, alias: &Name, columns: &[Name]) {
    sql.push("SHA2(CONCAT_WS(',', ");
    sql.list(columns, ", ", |sql, column| {
        sql.push("COALESCE(HEX(CONCAT(").column(alias, column).push(")), '-')");
    });
    sql.push("), 256)");
}
