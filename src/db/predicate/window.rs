//! Cutting a table into windows, so that one transaction stays short.
//!
//! Every order of the values cuts a table into disjoint windows that together are the table, so a wrong guess costs time,
//! never a row; and the whole predicate stands in the statement beside the window.

use crate::base::name::Name;
use crate::db::predicate::anchor;
use crate::db::predicate::eligible::{self, Look, Scope};
use crate::db::predicate::few::Few;
use crate::db::query::count::scope;
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, Dialect, Value};
use crate::plan::{Axis, KeyColumn, RulePlan, Target, Transport};

/// One side of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    pub values: Vec<Value>,
    pub inclusive: bool,
}

/// Part of a table along an axis; an open side has no edge.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    pub lower: Option<Edge>,
    pub upper: Option<Edge>,
}

/// What comes after the last window.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    Window(Window),
    /// So many rows share one value that no window along this axis is short.
    Tied,
}

impl Window {
    /// The lower edge of the window that follows, or `None` where this one was the last.
    pub fn after(&self) -> Option<Edge> {
        let upper = self.upper.as_ref()?;
        Some(Edge { values: upper.values.clone(), inclusive: !upper.inclusive })
    }
}

/// The next window of about `size` rows (pages, on [`Axis::Pages`]) that starts at `lower`.
pub fn next(
    conn: &mut Connection,
    target: &Target,
    axis: &Axis,
    lower: Option<Edge>,
    size: u64,
) -> Result<Next, DbError> {
    match axis {
        Axis::Whole => Ok(Next::Window(Window::default())),
        Axis::Pages => next_pages(conn, target, lower, size),
        Axis::Key(_) => {
            let rows = ranked(conn, target, axis, lower.as_ref(), size, 1, None)?;
            let upper = rows.into_iter().next().map(|values| Edge { values, inclusive: true });
            Ok(Next::Window(Window { lower, upper }))
        }
        Axis::Anchor(_) => next_along_anchor(conn, target, axis, lower, size),
    }
}

/// The next window of `size` rows that are a few people's and due, along a key; `None` where no row follows after that.
pub fn next_of_people(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    few: Few<'_>,
    axis: &Axis,
    lower: Option<Edge>,
    size: u64,
) -> Result<Option<Window>, DbError> {
    if !matches!(axis, Axis::Key(_)) {
        return Ok(None);
    }
    let theirs = Scope { few: Some(few), ..scope(rule, target) };
    let upper = end_after(conn, target, axis, lower.as_ref(), size, &|sql| eligible::due(sql, theirs, Look::Now))?;
    Ok(upper.map(|upper| Window { lower, upper: Some(upper) }))
}

/// Where a window along a key ends that begins at `lower` and has `size` rows of a kind; `None` where no such row follows.
pub(in crate::db) fn end_after(
    conn: &mut Connection,
    target: &Target,
    axis: &Axis,
    lower: Option<&Edge>,
    size: u64,
    such: &dyn Fn(&mut Sql),
) -> Result<Option<Edge>, DbError> {
    let mut rows = ranked(conn, target, axis, lower, size, 2, Some(such))?.into_iter();
    let (Some(values), Some(_)) = (rows.next(), rows.next()) else { return Ok(None) };
    Ok(Some(Edge { values, inclusive: true }))
}

/// Ends before a value that would be cut in two, so that equal values share a window.
fn next_along_anchor(
    conn: &mut Connection,
    target: &Target,
    axis: &Axis,
    lower: Option<Edge>,
    size: u64,
) -> Result<Next, DbError> {
    /// Rows of one value that are still taken in one window, in sizes.
    const LARGEST_TIE: u64 = 4;
    let mut rows = ranked(conn, target, axis, lower.as_ref(), size, 2, None)?.into_iter();
    let (Some(last), Some(beyond)) = (rows.next(), rows.next()) else {
        return Ok(Next::Window(Window { lower, upper: None }));
    };
    if last != beyond {
        return Ok(Next::Window(Window { lower, upper: Some(Edge { values: last, inclusive: true }) }));
    }
    let first = ranked(conn, target, axis, lower.as_ref(), 1, 1, None)?.into_iter().next();
    if first.as_ref() != Some(&last) {
        return Ok(Next::Window(Window { lower, upper: Some(Edge { values: last, inclusive: false }) }));
    }
    let far = ranked(conn, target, axis, lower.as_ref(), size * LARGEST_TIE, 1, None)?.into_iter().next();
    if far.as_ref() == Some(&last) {
        return Ok(Next::Tied);
    }
    Ok(Next::Window(Window { lower, upper: Some(Edge { values: last, inclusive: true }) }))
}

/// The axis values of `count` rows from rank `rank` (counted from 1) upwards; of `due` rows only, where a scope is given.
fn ranked(
    conn: &mut Connection,
    target: &Target,
    axis: &Axis,
    lower: Option<&Edge>,
    rank: u64,
    count: u64,
    such: Option<&dyn Fn(&mut Sql)>,
) -> Result<Vec<Vec<Value>>, DbError> {
    let columns = match axis {
        Axis::Key(columns) => columns.as_slice(),
        Axis::Anchor(column) => std::slice::from_ref(column),
        Axis::Pages | Axis::Whole => &[],
    };
    let mut sql = Sql::new(conn.dialect());
    let alias = &target.alias;
    let names: Vec<Name> = columns.iter().map(|column| column.name.clone()).collect();
    let keys = eligible::key_names(columns.len());
    let found = sql.fresh_alias();
    sql.push("SELECT ");
    let pairs: Vec<_> = columns.iter().zip(&keys).collect();
    sql.list(&pairs, ", ", |sql, (column, key)| outward(sql, &found, key, &column.transport));
    // Ranked inside, made to travel outside: otherwise every row that is skipped would be cast as well.
    sql.push(" FROM (SELECT ");
    eligible::select_as(&mut sql, alias, &names, &keys);
    sql.push(" FROM ");
    eligible::from(&mut sql, target);
    let from_here = Window { lower: lower.cloned(), upper: None };
    sql.push(" WHERE ");
    if within(&mut sql, target, axis, &from_here) && matches!(axis, Axis::Anchor(_)) {
        sql.push(" AND ");
    } else if matches!(axis, Axis::Key(_)) && lower.is_none() {
        sql.push("TRUE");
    }
    if let (Axis::Anchor(_), Some(first)) = (axis, target.anchors.first()) {
        anchor::before(&mut sql, alias, first);
    }
    if let Some(such) = such {
        sql.push(" AND ");
        such(&mut sql);
    }
    sql.push(" ORDER BY ").columns(alias, &names);
    sql.push(" LIMIT ").number(count).push(" OFFSET ").number(rank.max(1) - 1);
    sql.push(") AS ").name(&found).push(" ORDER BY ").columns(&found, &keys);
    Ok(conn.query(&sql.finish())?.into_iter().map(|row| row.0).collect())
}

fn next_pages(conn: &mut Connection, target: &Target, lower: Option<Edge>, pages: u64) -> Result<Next, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT pg_relation_size(").regclass(&target.table).push(") / ");
    sql.push("CAST(current_setting('block_size') AS bigint)");
    let size = conn.query(&sql.finish())?.first().and_then(|row| row.int(0)).unwrap_or(0);
    let start = match lower.as_ref().and_then(|edge| edge.values.first()) {
        Some(Value::Int(page)) => *page,
        _ => 0,
    };
    let end = start.saturating_add(i64::try_from(pages.max(1)).unwrap_or(i64::MAX));
    let upper = (end < size).then(|| Edge { values: vec![Value::Int(end)], inclusive: false });
    Ok(Next::Window(Window { lower, upper }))
}

/// Writes the window's condition; false where the window has no edges and nothing was written.
pub(in crate::db) fn within(sql: &mut Sql, target: &Target, axis: &Axis, window: &Window) -> bool {
    let sides = [(window.lower.as_ref(), true), (window.upper.as_ref(), false)];
    let mut written = false;
    for (edge, is_lower) in sides {
        let Some(edge) = edge else { continue };
        if written {
            sql.push(" AND ");
        }
        written = true;
        match axis {
            Axis::Pages => page_edge(sql, target, edge, is_lower),
            Axis::Anchor(column) => key_edge(sql, &target.alias, std::slice::from_ref(column), edge, is_lower),
            Axis::Key(columns) => key_edge(sql, &target.alias, columns, edge, is_lower),
            Axis::Whole => {
                sql.push("TRUE");
            }
        }
    }
    written
}

fn page_edge(sql: &mut Sql, target: &Target, edge: &Edge, is_lower: bool) {
    let page = match edge.values.first() {
        Some(Value::Int(page)) => *page,
        _ => 0,
    };
    sql.name(&target.alias).push(if is_lower { ".ctid >= " } else { ".ctid < " });
    sql.bind_as(Value::Text(format!("({page},0)")), "tid");
}

/// `(a, b) > (x, y)` written out, since MySQL does not use an index for row comparisons.
fn key_edge(sql: &mut Sql, alias: &Name, columns: &[KeyColumn], edge: &Edge, is_lower: bool) {
    let Some((first, rest)) = columns.split_first() else { return };
    let Some((value, values)) = edge.values.split_first() else { return };
    let (strict, loose) = if is_lower { (" > ", " >= ") } else { (" < ", " <= ") };
    sql.column(alias, &first.name);
    if rest.is_empty() {
        sql.push(if edge.inclusive { loose } else { strict });
        return inward(sql, first, value);
    }
    sql.push(loose);
    inward(sql, first, value);
    sql.push(" AND (").column(alias, &first.name).push(strict);
    inward(sql, first, value);
    sql.push(" OR (");
    key_edge(sql, alias, rest, &Edge { values: values.to_vec(), inclusive: edge.inclusive }, is_lower);
    sql.push("))");
}

/// A key column on its way to the program.
pub(in crate::db) fn outward(sql: &mut Sql, alias: &Name, column: &Name, transport: &Transport) {
    match (transport, sql.dialect) {
        (Transport::Hex, Dialect::Sqlite | Dialect::Mysql) => {
            sql.push("HEX(").column(alias, column).push(")");
        }
        (Transport::Plain, _) | (Transport::Cast(_), Dialect::Sqlite) => {
            sql.column(alias, column);
        }
        (Transport::Hex, Dialect::Postgres) => {
            sql.push("encode(").column(alias, column).push(", 'hex')");
        }
        (Transport::Cast(_), Dialect::Postgres) => {
            sql.push("CAST(").column(alias, column).push(" AS text)");
        }
        (Transport::Cast(_), Dialect::Mysql) => {
            sql.push("CAST(").column(alias, column).push(" AS CHAR)");
        }
    }
}

/// The same value on its way back.
pub(in crate::db) fn inward(sql: &mut Sql, column: &KeyColumn, value: &Value) {
    match (&column.transport, sql.dialect) {
        (Transport::Plain, _) | (Transport::Cast(_), Dialect::Sqlite) => {
            sql.bind(value.clone());
        }
        (Transport::Hex, Dialect::Postgres) => {
            sql.push("decode(").bind(value.clone()).push(", 'hex')");
        }
        (Transport::Hex, Dialect::Sqlite | Dialect::Mysql) => {
            sql.push("UNHEX(").bind(value.clone()).push(")");
        }
        (Transport::Cast(sql_type), Dialect::Postgres) => {
            sql.bind_as(value.clone(), sql_type);
        }
        // Without the cast a decimal would be compared as a double.
        (Transport::Cast(sql_type), Dialect::Mysql) if sql_type.starts_with("decimal") => {
            sql.push("CAST(").bind(value.clone()).push(" AS ").type_name(sql_type).push(")");
        }
        (Transport::Cast(_), Dialect::Mysql) => {
            sql.bind(value.clone());
        }
    }
}
