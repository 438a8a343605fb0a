//! How a table is cut into windows: chosen from what the catalog says of its keys and indexes.

use crate::base::name::Name;
use crate::db::Dialect;
use crate::db::catalog::{Catalog, Column, ColumnKind, Table};
use crate::plan::{Anchor, Axis, KeyColumn, Reading, Transport};

/// The best axis first. The last one always works.
pub(super) fn axes(catalog: &Catalog, table: &Table, anchors: &[Anchor]) -> Vec<Axis> {
    let mut axes = Vec::new();
    axes.extend(along_anchor(catalog, table, anchors));
    // Before version 14 a range of ctids is a scan of the whole table.
    if catalog.dialect == Dialect::Postgres && catalog.version_number.0 >= 14 {
        axes.push(Axis::Pages);
    }
    axes.extend(along_key(catalog, table));
    axes.push(Axis::Whole);
    axes
}

/// Windows on an indexed age column touch expired rows only. Not on SQLite: there many small windows rewrite the same
/// index pages over and over, and windows of the rowid do not.
pub(super) fn along_anchor(catalog: &Catalog, table: &Table, anchors: &[Anchor]) -> Option<Axis> {
    let [anchor] = anchors else { return None };
    if catalog.dialect == Dialect::Sqlite || !anchor.hops.is_empty() {
        return None;
    }
    let in_order = match &anchor.reading {
        Reading::Text { .. } => false,
        Reading::Float { .. } => catalog.dialect == Dialect::Postgres,
        _ => true,
    };
    if !in_order {
        return None;
    }
    table.index_led_by(&anchor.column)?;
    let column = table.column(catalog.dialect, &anchor.column)?;
    Some(Axis::Anchor(key_column(catalog.dialect, column)?))
}

fn along_key(catalog: &Catalog, table: &Table) -> Option<Axis> {
    if table.has_rowid {
        return rowid(table).map(|name| Axis::Key(vec![KeyColumn { name, transport: Transport::Plain }]));
    }
    let columns = table
        .row_key()?
        .iter()
        .map(|name| key_column(catalog.dialect, table.column(catalog.dialect, name)?))
        .collect::<Option<Vec<_>>>()?;
    Some(Axis::Key(columns))
}

/// The name under which SQLite's rowid can be reached: a column may hide each of them.
pub(super) fn rowid(table: &Table) -> Option<Name> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !table.columns.iter().any(|column| column.name.as_str().eq_ignore_ascii_case(name)))
        .and_then(|name| Name::new(name).ok())
}

/// How a column's values travel without loss and sort on the way back as they did on the way out; `None` where they do
/// not.
pub(super) fn key_column(dialect: Dialect, column: &Column) -> Option<KeyColumn> {
    let transport = match (dialect, column.kind) {
        (Dialect::Sqlite, _) => Transport::Plain,
        (_, ColumnKind::Integer | ColumnKind::UnsignedInteger) => Transport::Plain,
        (_, ColumnKind::Binary) => Transport::Hex,
        (Dialect::Postgres, ColumnKind::Text)
            if column.sql_type == "text" || column.sql_type.starts_with("character varying") =>
        {
            Transport::Plain
        }
        (Dialect::Postgres, _) => Transport::Cast(column.sql_type.clone()),
        // An ENUM sorts by its number and compares by its text.
        (Dialect::Mysql, ColumnKind::Text)
            if !column.sql_type.starts_with("enum") && !column.sql_type.starts_with("set") =>
        {
            Transport::Plain
        }
        // CAST knows no unsigned decimals.
        (Dialect::Mysql, ColumnKind::Decimal) => {
            let signed = column.sql_type.trim_end_matches(" zerofill").trim_end_matches(" unsigned");
            Transport::Cast(signed.to_owned())
        }
        (Dialect::Mysql, ColumnKind::Date | ColumnKind::Timestamp | ColumnKind::TimestampTz | ColumnKind::Uuid) => {
            Transport::Cast(column.sql_type.clone())
        }
        (Dialect::Mysql, _) => return None,
    };
    Some(KeyColumn { name: column.name.clone(), transport })
}
