//! One person's rows, to be counted and to be handed out, and who asks for it in the application's own table.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::builder::Sql;
use super::catalog::{Catalog, Column, ColumnKind};
use super::count::{number, one_row};
use super::few::{self, Few};
use super::people::{self, Person};
use super::predicate::{self, Look};
use super::window::{self, Edge, outward, within};
use super::{Connection, DbError, Dialect, Row, Value, anchor, redact, whose};
use crate::name::Name;
use crate::plan::{
    Anchor, Axis, Erasure, Kept, KeyColumn, Likeness, MarkValue, PersonKey, Requests, Target, Transport,
};

/// Rows that are read at once.
const PAGE: u64 = 1_000;

/// What the table of people says of one person, closed or not, held or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// As the database writes it: a UUID may have been asked for in capitals.
    pub key: PersonKey,
    /// When the account was closed; `None` where it is open.
    pub closed: Option<Timestamp>,
    /// When the account was made, where the schedule names the column.
    pub created: Option<Timestamp>,
    /// The holds on people that cover this one.
    pub held_by: Vec<String>,
}

/// Looks a person up; `None` where there is none by that key, whose letters count: a collation may take `José ` for `jose`,
/// who is somebody else. Only a UUID is the same in capitals.
pub fn look_up(conn: &mut Connection, erasure: &Erasure, key: &PersonKey) -> Result<Option<Standing>, DbError> {
    let target = &erasure.people;
    let dialect = conn.dialect();
    let mut sql = Sql::new(dialect);
    sql.push("SELECT ");
    outward(&mut sql, &target.alias, &erasure.key.name, &erasure.key.transport);
    sql.push(", ");
    predicate::latest(&mut sql, &target.alias, &target.anchors);
    sql.push(", ");
    predicate::latest(&mut sql, &target.alias, erasure.created.as_slice());
    for hold in &target.holds {
        sql.push(", CASE WHEN ");
        predicate::covers(&mut sql, &target.alias, hold);
        sql.push(" THEN 1 ELSE 0 END");
    }
    sql.push(" FROM ");
    predicate::from(&mut sql, target);
    sql.push(" WHERE ");
    few::alike(&mut sql, &target.alias, Few { column: &erasure.key, keys: std::slice::from_ref(key) });
    predicate::meant(&mut sql, target);
    let Some(row) = conn.query(&sql.finish())?.into_iter().next() else { return Ok(None) };
    let found = few::key_of(&row, 0)?;
    if !is_same(&found, key) {
        return Ok(None);
    }
    let holds = target.holds.iter().enumerate().filter(|(at, _)| row.int(3 + at) == Some(1));
    Ok(Some(Standing {
        key: found,
        closed: latest_at(&row, 1, &target.anchors, dialect),
        created: latest_at(&row, 2, erasure.created.as_slice(), dialect),
        held_by: holds.map(|(_, hold)| hold.name.clone()).collect(),
    }))
}

fn is_same(found: &PersonKey, asked: &PersonKey) -> bool {
    let is_uuid = |text: &str| text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    match (found, asked) {
        (PersonKey::Text(found), PersonKey::Text(asked)) if is_uuid(asked) => found.eq_ignore_ascii_case(asked),
        (found, asked) => found == asked,
    }
}

fn latest_at(row: &Row, column: usize, anchors: &[Anchor], dialect: Dialect) -> Option<Timestamp> {
    anchor::instant_of(row.int(column)?, &anchors.last()?.reading, dialect)
}

/// Everybody in the table of people, page by page in the order of their keys.
pub fn each(
    conn: &mut Connection,
    erasure: &Erasure,
    tell: &mut dyn FnMut(Person) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let mut after: Option<PersonKey> = None;
    loop {
        let page = people::page_of_people(conn, erasure, after.as_ref(), PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        page.into_iter().try_for_each(&mut *tell)?;
    }
}

/// Rows of the target that are its people's, whatever would become of them, and the latest time that `anchors` tell of any.
/// The target's `whose` says of which people.
pub fn rows(conn: &mut Connection, target: &Target, anchors: &[Anchor]) -> Result<(u64, Option<Timestamp>), DbError> {
    let dialect = conn.dialect();
    let mut sql = Sql::new(dialect);
    sql.push("SELECT COUNT(*), MAX(");
    predicate::latest(&mut sql, &target.alias, anchors);
    sql.push(") FROM ");
    predicate::from(&mut sql, target);
    sql.push(" WHERE ");
    are_theirs(&mut sql, target);
    let row = one_row(conn, &sql.finish())?;
    Ok((number(&row, 0), latest_at(&row, 1, anchors, dialect)))
}

/// Rows that stay for their ground, by person.
pub fn kept(
    conn: &mut Connection,
    kept: &Kept,
    key: &KeyColumn,
    few: Few<'_>,
) -> Result<BTreeMap<PersonKey, u64>, DbError> {
    let mut all = BTreeMap::new();
    for target in &kept.targets {
        people::counts_of_target(conn, target, key, few, &mut |person, counts| {
            *all.entry(person).or_default() += counts.eligible;
        })?;
    }
    Ok(all)
}

/// Who asked for their erasure in the application's own table, as it writes their keys, and since when; only who is known to
/// be the person, whether anybody has that key or not.
pub fn requested(conn: &mut Connection, requests: &Requests) -> Result<Vec<(String, Option<Timestamp>)>, DbError> {
    let dialect = conn.dialect();
    let mut sql = Sql::new(dialect);
    let column = &requests.whose.column;
    sql.push("SELECT ");
    outward(&mut sql, &requests.alias, column, &Transport::Cast(String::new()));
    sql.push(", MIN(");
    anchor::micros(&mut sql, &requests.alias, &requests.requested);
    sql.push(") FROM ");
    name_table(&mut sql, requests);
    sql.push(" WHERE ");
    is_open(&mut sql, requests);
    sql.push(" AND ").column(&requests.alias, column).push(" IS NOT NULL");
    sql.push(" GROUP BY ").column(&requests.alias, column);
    let since = |row: &Row| latest_at(row, 1, std::slice::from_ref(&requests.requested), dialect);
    let rows = conn.query(&sql.finish())?;
    Ok(rows.iter().filter_map(|row| Some((few::key_of(row, 0).ok()?.to_text(), since(row)))).collect())
}

/// The table under the name that the schedule's conditions use.
fn name_table(sql: &mut Sql, requests: &Requests) {
    sql.table(&requests.table);
    if requests.table.table != requests.alias {
        sql.push(" AS ").name(&requests.alias);
    }
}

/// Verified, and not settled.
fn is_open(sql: &mut Sql, requests: &Requests) {
    sql.condition(&requests.verified).push(" AND ").condition(&requests.done).push(" IS NOT TRUE");
}

/// Marks a person's requests in the application's own table as settled; how many there were.
pub fn mark(
    conn: &mut Connection,
    erasure: &Erasure,
    requests: &Requests,
    key: &PersonKey,
    at: Timestamp,
) -> Result<u64, DbError> {
    if requests.mark.is_empty() {
        return Ok(0);
    }
    let dialect = conn.dialect();
    let mut sql = Sql::new(dialect);
    sql.push("UPDATE ");
    name_table(&mut sql, requests);
    sql.push(" SET ").list(&requests.mark, ", ", |sql, mark| {
        sql.name(&mark.column).push(" = ");
        match &mark.to {
            MarkValue::Now(anchor) => anchor::bound(sql, &anchor.bounded_by(at).reading),
            MarkValue::Set(scalar) => {
                sql.bind(redact::constant(dialect, false, scalar));
            }
        }
    });
    sql.push(" WHERE ");
    let step = &requests.whose;
    let form = whose::form(step.likeness, dialect);
    form.write(&mut sql, |sql| {
        sql.column(&requests.alias, &step.column);
    });
    sql.push(" = ");
    // By the key itself: the person's own row may be gone.
    match step.likeness {
        Likeness::Same | Likeness::Number => few::typed(&mut sql, &erasure.key, key),
        Likeness::Exact | Likeness::Letters | Likeness::Folded => form.write(&mut sql, |sql| {
            sql.bind_as(Value::Text(key.to_text()), "text");
        }),
    }
    sql.push(" AND ");
    is_open(&mut sql, requests);
    conn.execute(&sql.finish())
}

/// How much of a row is handed out.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    Whole,
    Columns(&'a [Name]),
}

/// Calls `tell` with each of the rows as a JSON object, column by column as the database holds it: numbers and truths as
/// such, bytes in hexadecimal, everything else as text.
pub fn each_row(
    conn: &mut Connection,
    catalog: &Catalog,
    target: &Target,
    part: Part<'_>,
    tell: &mut dyn FnMut(&str) -> Result<(), DbError>,
) -> Result<u64, DbError> {
    let Some(table) = catalog.find(&target.table) else { return Ok(0) };
    let is_wanted = |column: &&Column| match part {
        Part::Whole => true,
        Part::Columns(names) => names.contains(&column.name),
    };
    let columns: Vec<&Column> = table.columns.iter().filter(is_wanted).collect();
    let along = target.axes.iter().find(|axis| matches!(axis, Axis::Key(_)));
    let (mut lower, mut told): (Option<Edge>, u64) = (None, 0);
    loop {
        let upper = match along {
            Some(axis) => window::end_after(conn, target, axis, lower.as_ref(), PAGE, &|sql| are_theirs(sql, target))?,
            None => None,
        };
        let window = window::Window { lower: lower.clone(), upper };
        let mut sql = Sql::new(conn.dialect());
        sql.push("SELECT ");
        as_json(&mut sql, target, part, &columns);
        sql.push(" FROM ");
        predicate::from(&mut sql, target);
        sql.push(" WHERE ");
        if let Some(axis) = along
            && within(&mut sql, target, axis, &window)
        {
            sql.push(" AND ");
        }
        are_theirs(&mut sql, target);
        for row in conn.query(&sql.finish())? {
            tell(&text_of(&row))?;
            told += 1;
        }
        match window.after() {
            Some(edge) => lower = Some(edge),
            None => return Ok(told),
        }
    }
}

fn text_of(row: &Row) -> String {
    row.text(0).unwrap_or("null").to_owned()
}

/// The row is its people's, and such as the entry means.
fn are_theirs(sql: &mut Sql, target: &Target) {
    match &target.whose {
        Some(whose) => whose::theirs(sql, whose::of_people(target), whose, Look::Now),
        None => {
            sql.push("FALSE");
        }
    }
    if let Some(condition) = &target.condition {
        sql.push(" AND ").condition(condition);
    }
}

/// The row as one text of JSON.
fn as_json(sql: &mut Sql, target: &Target, part: Part<'_>, columns: &[&Column]) {
    // A function of PostgreSQL takes a hundred values, and a table has more columns.
    if let (Dialect::Postgres, Part::Whole) = (sql.dialect, part) {
        sql.push("CAST(row_to_json(").name(&target.alias).push(") AS text)");
        return;
    }
    sql.push(match sql.dialect {
        Dialect::Postgres => "CAST(json_build_object(",
        Dialect::Mysql => "CAST(JSON_OBJECT(",
        Dialect::Sqlite => "json_object(",
    });
    sql.list(columns, ", ", |sql, column| {
        sql.bind_as(Value::Text(column.name.as_str().to_owned()), "text").push(", ");
        value(sql, &target.alias, column);
    });
    sql.push(match sql.dialect {
        Dialect::Postgres => ") AS text)",
        Dialect::Mysql => ") AS CHAR)",
        Dialect::Sqlite => ")",
    });
}

/// What JSON can hold of a column.
fn value(sql: &mut Sql, alias: &Name, column: &Column) {
    let name = &column.name;
    match (sql.dialect, column.kind) {
        (Dialect::Mysql, ColumnKind::Binary) => {
            sql.push("HEX(").column(alias, name).push(")");
        }
        (Dialect::Mysql, ColumnKind::Integer | ColumnKind::UnsignedInteger | ColumnKind::Float) => {
            sql.column(alias, name);
        }
        (Dialect::Mysql, _) => {
            sql.push("CAST(").column(alias, name).push(" AS CHAR)");
        }
        (Dialect::Postgres, _) => {
            sql.column(alias, name);
        }
        // A column of any type may hold bytes.
        (Dialect::Sqlite, _) => {
            sql.push("CASE typeof(").column(alias, name).push(") WHEN 'blob' THEN hex(").column(alias, name);
            sql.push(") ELSE ").column(alias, name).push(" END");
        }
    }
}
