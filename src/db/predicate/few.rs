//! A few people by their keys: those of one batch, in a statement and out of a row.

use crate::base::name::Name;
use crate::db::predicate::whose;
use crate::db::predicate::window::inward;
use crate::db::sql::builder::Sql;
use crate::db::sql::insert::push_element;
use crate::db::{DbError, Dialect, ErrorKind, Row, Value};
use crate::plan::{KeyColumn, Likeness, PersonKey, Transport};

/// Some people by their keys: those of one batch.
#[derive(Debug, Clone, Copy)]
pub struct Few<'a> {
    pub column: &'a KeyColumn,
    pub keys: &'a [PersonKey],
}

impl Few<'_> {
    /// More of them are too many for one statement. MariaDB turns longer lists of values into tables, and then reads everything.
    pub fn most(dialect: Dialect) -> usize {
        match dialect {
            Dialect::Sqlite => 4_000,
            Dialect::Postgres => 40_000,
            Dialect::Mysql => 900,
        }
    }
}

/// The key is one of these, letter for letter: a collation may take the key of somebody else for one of them.
pub(in crate::db) fn among(sql: &mut Sql, alias: &Name, few: Few<'_>) {
    alike(sql, alias, few);
    // Of a type of its own the database knows what is one value.
    if few.column.transport == Transport::Plain && few.keys.iter().any(|key| matches!(key, PersonKey::Text(_))) {
        sql.push(" AND ");
        to_the_letter(sql, alias, few);
    }
}

fn to_the_letter(sql: &mut Sql, alias: &Name, few: Few<'_>) {
    let form = whose::form(Likeness::Letters, sql.dialect);
    form.write(sql, |sql| {
        sql.column(alias, &few.column.name);
    });
    if sql.dialect == Dialect::Postgres {
        return in_array(sql, few);
    }
    sql.push(" IN (");
    sql.list(few.keys, ", ", |sql, key| {
        form.write(sql, |sql| {
            sql.bind(Value::Text(key.to_text()));
        });
    });
    sql.push(")");
}

/// The key is what the database takes for one of these.
pub(in crate::db) fn alike(sql: &mut Sql, alias: &Name, few: Few<'_>) {
    if let Some((range, wholes)) = range(sql.dialect, few).zip(wholes(few)) {
        between(sql, alias, &few.column.name, range);
        sql.push(" AND (").column(alias, &few.column.name).push(" = ANY(").bind(Value::Wholes(wholes));
        sql.push(")) IS TRUE");
        return;
    }
    sql.column(alias, &few.column.name);
    if let [only] = few.keys {
        sql.push(" = ");
        return inward(sql, few.column, &value(only));
    }
    if sql.dialect == Dialect::Postgres {
        return in_array(sql, few);
    }
    sql.push(" IN (");
    sql.list(few.keys, ", ", |sql, key| match key {
        // Written out: SQLite allows only so many values to be bound.
        PersonKey::Whole(whole) => {
            sql.integer(*whole);
        }
        PersonKey::Unsigned(_) | PersonKey::Text(_) => inward(sql, few.column, &value(key)),
    });
    sql.push(if few.keys.is_empty() { "NULL)" } else { ")" });
}

/// PostgreSQL, of whole numbers: `>= the least AND … <= the greatest`, which an index serves. A long array by itself makes the
/// planner read everything, and beside a range that it could look up too: so whoever asks for both hides the array from it.
pub(in crate::db) fn between(sql: &mut Sql, alias: &Name, column: &Name, (least, greatest): (i64, i64)) {
    sql.column(alias, column).push(" >= ").bind(Value::Int(least)).push(" AND ");
    sql.column(alias, column).push(" <= ").bind(Value::Int(greatest));
}

/// Between which whole numbers several keys lie, where such a range is of use: where they are neighbours, as on the night on which
/// many leave. A few that are scattered over a large table are looked up one by one; their range would be all of it.
pub(in crate::db) fn range(dialect: Dialect, few: Few<'_>) -> Option<(i64, i64)> {
    /// So many numbers a key.
    const DENSE: u64 = 10;
    let keys = wholes(few).filter(|keys| dialect == Dialect::Postgres && keys.len() > 1)?;
    let (least, greatest) = (*keys.iter().min()?, *keys.iter().max()?);
    let are_neighbours = greatest.abs_diff(least) / DENSE < keys.len() as u64;
    are_neighbours.then_some((least, greatest))
}

fn wholes(few: Few<'_>) -> Option<Vec<i64>> {
    let whole = |key: &PersonKey| if let PersonKey::Whole(whole) = key { Some(*whole) } else { None };
    few.keys.iter().map(whole).collect()
}

/// PostgreSQL plans one array in no time, and a list of thousands of values in long.
fn in_array(sql: &mut Sql, few: Few<'_>) {
    let mut array = String::from("{");
    for (index, key) in few.keys.iter().enumerate() {
        if index > 0 {
            array.push(',');
        }
        push_element(&mut array, &hexless(key, &few.column.transport));
    }
    array.push('}');
    let element = match (&few.column.transport, few.keys.first()) {
        (Transport::Cast(sql_type), _) => sql_type.as_str(),
        (Transport::Hex, _) => "bytea",
        (Transport::Plain, Some(PersonKey::Text(_))) => "text",
        (Transport::Plain, _) => "bigint",
    };
    sql.push(" = ANY(").bind_as(Value::Text(array), &format!("{element}[]")).push(")");
}

/// An element of an array of bytes is written with the mark of hexadecimal digits.
fn hexless(key: &PersonKey, transport: &Transport) -> Value {
    match (key, transport) {
        (PersonKey::Text(hex), Transport::Hex) => Value::Text(format!("\\x{hex}")),
        _ => value(key),
    }
}

fn value(key: &PersonKey) -> Value {
    match key {
        PersonKey::Whole(whole) => Value::Int(*whole),
        PersonKey::Unsigned(unsigned) => Value::Unsigned(*unsigned),
        PersonKey::Text(text) => Value::Text(text.clone()),
    }
}

/// A key as its column is compared with it.
pub(in crate::db) fn typed(sql: &mut Sql, column: &KeyColumn, key: &PersonKey) {
    inward(sql, column, &value(key));
}

/// 2^53: below it each whole number in floating point is one of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(in crate::db) fn key_of(row: &Row, column: usize) -> Result<PersonKey, DbError> {
    match row.0.get(column) {
        Some(Value::Int(whole)) => Ok(PersonKey::Whole(*whole)),
        // As somebody's key is read who types it: one person has one.
        Some(Value::Unsigned(unsigned)) => {
            Ok(i64::try_from(*unsigned).map_or(PersonKey::Unsigned(*unsigned), PersonKey::Whole))
        }
        // A copy of a key that SQLite keeps in floating point.
        Some(Value::Float(float)) if float.fract() == 0.0 && float.abs() < EXACT => Ok(PersonKey::Whole(*float as i64)),
        Some(Value::Text(text)) => Ok(PersonKey::Text(text.clone())),
        _ => Err(DbError::new(
            ErrorKind::Other,
            "the key of a person is neither a whole number nor a text, so nobody can be called by it; name another column \
             as `key`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_neighbours_are_looked_for_by_their_range() {
        let column = KeyColumn { name: Name::new("id").unwrap(), transport: Transport::Plain };
        let range_of = |dialect, keys: &[i64]| {
            let keys: Vec<_> = keys.iter().map(|key| PersonKey::Whole(*key)).collect();
            range(dialect, Few { column: &column, keys: &keys })
        };
        assert_eq!(range_of(Dialect::Postgres, &[9, -3, 4]), Some((-3, 9)));
        assert_eq!(range_of(Dialect::Postgres, &[1, 2, 10_000_000]), None, "they are all over the table");
        assert_eq!(range_of(Dialect::Postgres, &[i64::MIN, i64::MAX]), None);
        assert_eq!(range_of(Dialect::Postgres, &[7]), None);
        assert_eq!(range_of(Dialect::Mysql, &[1, 2]), None);
    }
}
