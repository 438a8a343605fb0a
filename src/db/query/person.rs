//! One person's rows, to be counted and to be handed out, and who asks for it in the application's own table.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::base::name::Name;
use crate::db::catalog::{Catalog, Column, ColumnKind};
use crate::db::predicate::age::Told;
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::Look;
use crate::db::predicate::few;
use crate::db::predicate::few::Few;
use crate::db::predicate::window;
use crate::db::predicate::window::{Edge, outward, within};
use crate::db::predicate::{anchor, whose};
use crate::db::query::count::{number, one_row};
use crate::db::sql::builder::Sql;
use crate::db::write::people;
use crate::db::write::people::{Person, SignedUp};
use crate::db::write::redact;
use crate::db::{Connection, DbError, Dialect, Row, Value};
use crate::plan::{Anchor, Axis, Erasure, KeyColumn, Likeness, MarkValue, PersonKey, Requests, Target, Transport};

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
    pub created: Option<SignedUp>,
    /// The holds on people that cover this one.
    pub held_by: Vec<String>,
}

/// Looks a person up; `None` where there is none by that key, whose letters count: a collation may take `José ` for `jose`,
/// who is somebody else. Only a UUID is the same in capitals.
pub fn look_up(conn: &mut Connection, erasure: &Erasure, key: &PersonKey) -> Result<Option<Standing>, DbError> {
    let target = &erasure.people;
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ");
    outward(&mut sql, &target.alias, &erasure.key.name, &erasure.key.transport);
    sql.push(", ");
    eligible::latest(&mut sql, &target.alias, &target.anchors);
    sql.push(", ");
    SignedUp::select(&mut sql, erasure);
    for hold in &target.holds {
        sql.push(", ").either(|sql| eligible::covers(sql, &target.alias, hold), "1", "0");
    }
    sql.push(" FROM ");
    eligible::from(&mut sql, target);
    sql.push(" WHERE ");
    few::alike(&mut sql, &target.alias, Few { column: &erasure.key, keys: std::slice::from_ref(key) });
    eligible::meant(&mut sql, target);
    let Some(row) = conn.query(&sql.finish())?.into_iter().next() else { return Ok(None) };
    let found = few::key_of(&row, 0)?;
    if !is_same(&found, key) {
        return Ok(None);
    }
    let holds = target.holds.iter().enumerate().filter(|(at, _)| row.int(3 + at) == Some(1));
    Ok(Some(Standing {
        key: found,
        closed: latest_at(&row, 1, &target.anchors),
        created: SignedUp::read(&row, 2, erasure),
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

fn latest_at(row: &Row, column: usize, anchors: &[Anchor]) -> Option<Timestamp> {
    Told::read(row, column, anchors).map(|told| told.at)
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
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*), MAX(");
    eligible::latest(&mut sql, &target.alias, anchors);
    sql.push(") FROM ");
    eligible::from(&mut sql, target);
    sql.push(" WHERE ");
    are_theirs(&mut sql, target);
    let row = one_row(conn, &sql.finish())?;
    Ok((number(&row, 0), latest_at(&row, 1, anchors)))
}

/// Rows that are a few people's, by person, whatever is to become of them.
pub fn rows_of_few(
    conn: &mut Connection,
    targets: &[Target],
    key: &KeyColumn,
    few: Few<'_>,
) -> Result<BTreeMap<PersonKey, u64>, DbError> {
    let mut all = BTreeMap::new();
    for target in targets {
        let target = Target { redactions: Vec::new(), ..target.clone() };
        people::counts_of_target(conn, &target, key, few, &mut |person, rows| {
            *all.entry(person).or_default() += rows;
            Ok(())
        })?;
    }
    Ok(all)
}

/// Verified requests of one person in the application's own table that are not settled.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requested {
    /// The person's key as that table writes it, of bytes their digits; whether anybody has it or not.
    pub key: String,
    pub made: Made,
    /// The last instant at which it may have been made: a day tells no hour.
    pub until: Option<Timestamp>,
    /// Which they are: when each was made, as the database counts.
    which: Vec<i64>,
}

/// When a request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Made {
    /// Of several, the first.
    At(Timestamp),
    /// A time that has not come yet: nobody asks until then.
    Ahead(Timestamp),
    /// Nothing tells: it may have been meant for a time that has not come.
    Unknown,
}

impl Made {
    fn told(at: Option<Timestamp>, now: Timestamp) -> Self {
        match at {
            Some(at) if at <= now => Made::At(at),
            Some(at) => Made::Ahead(at),
            None => Made::Unknown,
        }
    }

    pub fn has_come(self) -> bool {
        matches!(self, Made::At(_))
    }
}

impl Requested {
    fn is_of_a_kind_with(&self, other: &Requested) -> bool {
        self.key == other.key && std::mem::discriminant(&self.made) == std::mem::discriminant(&other.made)
    }
}

/// Who asked for their erasure in the application's own table, and when, seen from `now`; only who is known to be the person.
pub fn requested(conn: &mut Connection, map: &Erasure, now: Timestamp) -> Result<Vec<Requested>, DbError> {
    let Some(requests) = &map.requests else { return Ok(Vec::new()) };
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ");
    key_of_request(&mut sql, map, requests);
    sql.push(", ");
    anchor::told(&mut sql, &requests.alias, &requests.requested);
    sql.push(" FROM ");
    name_table(&mut sql, requests);
    sql.push(" WHERE ");
    is_open(&mut sql, requests);
    sql.push(" AND ").column(&requests.alias, &requests.whose.column).push(" IS NOT NULL");
    let one = |row: &Row| {
        let told = Told::read(row, 1, std::slice::from_ref(&requests.requested));
        let key = few::key_of(row, 0).ok()?.to_text();
        let (made, until) = (Made::told(told.map(|told| told.at), now), told.map(|told| told.latest));
        Some(Requested { key, made, until, which: row.int(1).into_iter().collect() })
    };
    let mut all: Vec<Requested> = conn.query(&sql.finish())?.iter().filter_map(one).collect();
    all.sort();
    all.dedup_by(|next, first| {
        let is_same = first.is_of_a_kind_with(next);
        if is_same {
            first.which.append(&mut next.which);
        }
        is_same
    });
    Ok(all)
}

/// The key of a request as a text that can be read as one of the people's; NULL where no key of theirs is such a value.
fn key_of_request(sql: &mut Sql, map: &Erasure, requests: &Requests) {
    let step = &requests.whose;
    let are_bytes = map.key.transport == Transport::Hex;
    let blob = |sql: &mut Sql, is_blob: &'static str, otherwise: &'static str| {
        sql.push("CASE WHEN typeof(").column(&requests.alias, &step.column).push(") = 'blob' THEN ").push(is_blob);
        sql.column(&requests.alias, &step.column).push(otherwise);
    };
    match (sql.dialect, are_bytes, step.likeness) {
        // A column of any type may hold bytes, and one of bytes a text.
        (Dialect::Sqlite, true, _) => blob(sql, "hex(", ") END"),
        (Dialect::Sqlite, false, _) => blob(sql, "NULL ELSE ", " END"),
        (_, true, Likeness::Same | Likeness::Number | Likeness::Exact) => {
            outward(sql, &requests.alias, &step.column, &Transport::Hex);
        }
        // Letters that the people's column keeps as bytes.
        (_, true, Likeness::Letters | Likeness::Folded | Likeness::Referred(_)) => {
            sql.push("HEX(");
            whose::form(step.likeness, sql.dialect).write(sql, |sql| {
                sql.column(&requests.alias, &step.column);
            });
            sql.push(")");
        }
        (_, false, _) => outward(sql, &requests.alias, &step.column, &Transport::Cast(String::new())),
    }
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

/// Marks requests in the application's own table as settled; how many there were. `key` is theirs, as the people's column is
/// compared with it.
pub fn mark(
    conn: &mut Connection,
    map: &Erasure,
    requested: &Requested,
    key: &PersonKey,
    at: Timestamp,
) -> Result<u64, DbError> {
    let Some(requests) = map.requests.as_ref().filter(|requests| !requests.mark.is_empty()) else { return Ok(0) };
    let dialect = conn.dialect();
    let mut sql = Sql::new(dialect);
    sql.update();
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
    let is_marked = |name: &Name| requests.mark.iter().any(|mark| mark.column == *name);
    redact::unstamped(&mut sql, &requests.alias, &requests.stamped, is_marked);
    sql.push(" WHERE ");
    let step = &requests.whose;
    // By the key itself: the person's own row may be gone.
    match step.likeness {
        Likeness::Same | Likeness::Number => {
            sql.column(&requests.alias, &step.column).push(" = ");
            few::typed(&mut sql, &map.key, key);
        }
        likeness @ (Likeness::Exact | Likeness::Letters | Likeness::Folded | Likeness::Referred(_)) => {
            let form = whose::form(likeness, dialect);
            form.write(&mut sql, |sql| key_of_request(sql, map, requests));
            sql.push(" = ");
            form.write(&mut sql, |sql| {
                sql.bind_as(Value::Text(requested.key.clone()), "text");
            });
        }
    }
    // Those that were carried out, and no other: one of them may be of a time that has not come.
    sql.push(" AND ");
    anchor::told(&mut sql, &requests.alias, &requests.requested);
    sql.push(" IN (").list(&requested.which, ", ", |sql, micros| {
        sql.integer(*micros);
    });
    sql.push(") AND ");
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
        eligible::from(&mut sql, target);
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
