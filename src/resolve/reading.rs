//! From the schedule's anchors to columns of the live database, with the cutoff in each column's own terms.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Context;
use super::comparison::Pair;
use crate::base::name::{Name, TableName};
use crate::base::time::naive_cutoff;
use crate::db::Dialect;
use crate::db::catalog::{Column, ColumnKind, Enforcement, ForeignKey, Table};
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Places;
use crate::plan::{Anchor, Hop, Reading, epoch_bound};
use crate::schedule::{self};

/// What an anchor's mistakes are said of.
pub(super) struct Blame<'a> {
    /// `rule \`x\`` or `hold \`x\``.
    pub label: &'a str,
    pub places: &'a Places,
    /// The key under which the anchors stand.
    pub key: &'a str,
}

impl Blame<'_> {
    pub fn mistake(&self, reason: impl AsRef<str>) -> Mistake {
        Mistake::error(format!("{}: {}", self.label, reason.as_ref())).at(self.places, self.key)
    }
}

/// All anchors, or all their mistakes.
pub(super) fn anchors(
    context: &Context<'_>,
    blame: &Blame<'_>,
    table: &Table,
    wanted: &[schedule::Anchor],
    cutoff: Timestamp,
) -> Result<Vec<Anchor>, Vec<Mistake>> {
    let (found, mistakes): (Vec<_>, Vec<_>) =
        wanted.iter().map(|anchor| one(context, blame, table, anchor, cutoff)).partition(Result::is_ok);
    if mistakes.is_empty() {
        Ok(found.into_iter().filter_map(Result::ok).collect())
    } else {
        Err(mistakes.into_iter().filter_map(Result::err).collect())
    }
}

fn one(
    context: &Context<'_>,
    blame: &Blame<'_>,
    table: &Table,
    wanted: &schedule::Anchor,
    cutoff: Timestamp,
) -> Result<Anchor, Mistake> {
    let mut table = table;
    let mut hops = Vec::new();
    for hop in &wanted.path.hops {
        let way = follow(context, blame, table, hop)?;
        if !way.unique {
            let reason =
                format!("`{}.{}` is not unique, so that it could tell several ages", way.parent.name, way.hop.key);
            return Err(blame.mistake(reason).remedy("name a path over unique keys"));
        }
        hops.push(way.hop);
        table = way.parent;
    }
    let column = column(context, blame, table, &wanted.path.column)?;
    let reading = reading(context, column, &wanted.reading, cutoff).map_err(|(reason, remedy)| {
        blame.mistake(format!("`{}.{}` {reason}", table.name, column.name)).remedy(remedy)
    })?;
    Ok(Anchor { nullable: column.nullable || !hops.is_empty(), column: column.name.clone(), hops, reading })
}

/// One hop of a path on the live tables.
pub(super) struct Followed<'c> {
    pub parent: &'c Table,
    pub hop: Hop,
    /// A foreign key leads this way: the database itself holds the two columns against each other.
    pub declared: bool,
    /// One value leads to one row.
    pub unique: bool,
}

/// By the column that the path states, by a foreign key, or else by the parent's primary key.
pub(super) fn follow<'c>(
    context: &Context<'c>,
    blame: &Blame<'_>,
    table: &Table,
    hop: &schedule::Hop,
) -> Result<Followed<'c>, Mistake> {
    let from = column(context, blame, table, &hop.column)?;
    let parent = find_table(context, blame, &hop.table)?;
    let stated = hop.key.as_ref().map(|key| column(context, blame, parent, key)).transpose()?;
    let by_reference =
        reference(table, &from.name, parent).filter(|key| stated.is_none_or(|stated| stated.name == **key));
    let by_key = || match parent.referred_key() {
        Some([key]) => Some(key),
        _ => None,
    };
    let Some(key) = stated.map(|column| &column.name).or(by_reference).or_else(by_key) else {
        return Err(blame
            .mistake(format!("`{}` has no key of one column that `{}` could hold", parent.name, from.name))
            .remedy(
                "name a path over single-column references, or the column itself: `reference -> table(key).column`",
            ));
    };
    let declared = by_reference.is_some() && is_enforced(table, &from.name, parent);
    let to = column(context, blame, parent, key)?;
    let pair = Pair { own: (table, from), key: (parent, to), enforced: declared };
    let hop = Hop {
        column: from.name.clone(),
        table: parent.name.clone(),
        only: parent.has_children(),
        key: key.clone(),
        likeness: pair.likeness(context.catalog.dialect, blame)?,
    };
    if hop.only && !every_part_refers(context, table, &from.name, parent) {
        let reason = format!(
            "`{}` has inheritance children, which may repeat its keys, and no foreign key says which of their rows `{}.{}` means",
            parent.name, table.name, from.name
        );
        return Err(blame
            .mistake(reason)
            .remedy("declare the foreign key, in inheritance children too, or name a path without it"));
    }
    Ok(Followed { parent, declared, unique: tells_rows_apart(parent, key), hop })
}

/// Does the database see to it that `table.column` refers to rows of `parent`?
fn is_enforced(table: &Table, column: &Name, parent: &Table) -> bool {
    let is_it = |key: &ForeignKey| {
        key.parent == parent.name && key.columns == [column.clone()] && key.enforcement == Enforcement::Enforced
    };
    table.foreign_keys.iter().any(is_it)
}

/// Inheritance children have no part in the foreign keys of their parent; partitions have.
fn every_part_refers(context: &Context<'_>, table: &Table, column: &Name, parent: &Table) -> bool {
    let parts = if table.has_children() { context.catalog.leaves_of(table) } else { vec![table] };
    parts.into_iter().all(|part| is_enforced(part, column, parent))
}

/// The column to which a declared foreign key of one column leads from `table.column` to `parent`.
fn reference<'t>(table: &'t Table, column: &Name, parent: &Table) -> Option<&'t Name> {
    let leads_there = |key: &&ForeignKey| key.parent == parent.name && key.columns == [column.clone()];
    match table.foreign_keys.iter().find(leads_there)?.parent_columns.as_slice() {
        [key] => Some(key),
        _ => None,
    }
}

/// Is the column a key of its table by itself?
pub(super) fn tells_rows_apart(table: &Table, column: &Name) -> bool {
    let alone = [column.clone()];
    table.declared_key == alone || table.unique_keys.iter().any(|key| *key == alone)
}

pub(super) fn find_table<'c>(context: &Context<'c>, blame: &Blame<'_>, name: &TableName) -> Result<&'c Table, Mistake> {
    context.catalog.find(name).ok_or_else(|| {
        let remedy = match context.catalog.nearest_table(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name a table that this database and role can see".to_owned(),
        };
        blame.mistake(format!("there is no table `{name}` in database `{}`", context.database)).remedy(remedy)
    })
}

pub(super) fn column<'t>(
    context: &Context<'_>,
    blame: &Blame<'_>,
    table: &'t Table,
    name: &Name,
) -> Result<&'t Column, Mistake> {
    table.column(context.catalog.dialect, name).ok_or_else(|| {
        let remedy = match table.nearest_column(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let known: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).take(20).collect();
                format!("its columns are {}", known.join(", "))
            }
        };
        blame.mistake(format!("table `{}` has no column `{name}`", table.name)).remedy(remedy)
    })
}

type Unreadable = (String, String);

fn reading(
    context: &Context<'_>,
    column: &Column,
    wanted: &schedule::Reading,
    cutoff: Timestamp,
) -> Result<Reading, Unreadable> {
    let zone = context.naive_zone.clone();
    let sqlite = context.catalog.dialect == Dialect::Sqlite;
    let naive = naive_cutoff(cutoff, &zone);
    match wanted {
        schedule::Reading::Native => match column.kind {
            ColumnKind::Date | ColumnKind::Timestamp if sqlite => {
                Ok(Reading::Text { format: None, instant: cutoff, naive, zone })
            }
            ColumnKind::TimestampTz => Ok(Reading::Instant { bound: cutoff }),
            ColumnKind::Timestamp => Ok(Reading::Naive { bound: naive, zone }),
            ColumnKind::Date => Ok(Reading::Date { bound: naive.date(), zone }),
            _ => Err((
                format!("is of type `{}`, which is no time by itself", column.sql_type),
                format!(
                    "say what it holds: `{{ column = \"{}\", as = \"epoch-seconds\" }}`, or epoch-millis, epoch-micros, text",
                    column.name
                ),
            )),
        },
        schedule::Reading::EpochSeconds => epoch(column, sqlite, cutoff, 1),
        schedule::Reading::EpochMillis => epoch(column, sqlite, cutoff, 1_000),
        schedule::Reading::EpochMicros => epoch(column, sqlite, cutoff, 1_000_000),
        schedule::Reading::IsoText => text(column, context.catalog.dialect, None, cutoff, zone),
        schedule::Reading::Text(format) => text(column, context.catalog.dialect, Some(format.clone()), cutoff, zone),
    }
}

fn epoch(column: &Column, sqlite: bool, cutoff: Timestamp, per_second: i64) -> Result<Reading, Unreadable> {
    let micros = cutoff.as_microsecond();
    let unit = 1_000_000 / per_second;
    let exact = micros as f64 / unit as f64;
    match column.kind {
        // A column of SQLite can hold whole and broken numbers side by side.
        _ if sqlite && column.kind != ColumnKind::Text => Ok(Reading::Float { bound: exact, per_second }),
        ColumnKind::Float | ColumnKind::Decimal => Ok(Reading::Float { bound: exact, per_second }),
        ColumnKind::Integer | ColumnKind::UnsignedInteger => {
            Ok(Reading::Integer { bound: epoch_bound(cutoff, per_second), per_second })
        }
        _ => Err((
            format!("is of type `{}`, which holds no numbers", column.sql_type),
            "leave `as` away for native times, or say as = \"text\"".to_owned(),
        )),
    }
}

fn text(
    column: &Column,
    dialect: Dialect,
    format: Option<schedule::TextFormat>,
    cutoff: Timestamp,
    zone: TimeZone,
) -> Result<Reading, Unreadable> {
    if column.kind == ColumnKind::Text
        || column.kind == ColumnKind::Binary && dialect == Dialect::Mysql
        || dialect == Dialect::Sqlite
    {
        let naive = naive_cutoff(cutoff, &zone);
        return Ok(Reading::Text { format, instant: cutoff, naive, zone });
    }
    Err((
        format!("is of type `{}`, which holds no text", column.sql_type),
        "leave `as` away for native times, or say what the numbers are: as = \"epoch-seconds\"".to_owned(),
    ))
}
