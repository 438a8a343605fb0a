//! The tables in which the rows of a map of people lie, with what tells their rows apart.

use super::axes;
use crate::base::name::TableName;
use crate::db::Dialect;
use crate::db::catalog::{Catalog, ColumnKind, Table, TableKind};
use crate::plan::{Entry, KeyColumn, Passage, RowTable, RowTables, TableKey, Transport};

pub(super) fn of(catalog: &Catalog, entries: &[Entry]) -> RowTables {
    let mut tables = RowTables::default();
    for name in entries.iter().flat_map(names) {
        let Some(table) = catalog.find(name).filter(|_| !tables.by_name.contains_key(name)) else { continue };
        let leaves = catalog.leaves_of(table).into_iter();
        let numbers = leaves.map(|leaf| number(catalog, leaf, &mut tables)).collect();
        tables.by_name.insert(name.clone(), numbers);
    }
    tables
}

/// All tables whose rows the entry takes or changes, or that refer to such rows.
fn names(entry: &Entry) -> Vec<&TableName> {
    let mut names: Vec<&TableName> = Vec::new();
    for target in &entry.plan.targets {
        names.extend([&target.table, &target.root]);
        names.extend(target.blockers.iter().map(|link| &link.table));
        names.extend(target.passages.iter().map(root_of));
    }
    for dependent in &entry.plan.dependents {
        names.push(&dependent.table);
        names.extend(dependent.blockers.iter().chain(&dependent.self_links).map(|link| &link.table));
        names.extend(dependent.passages.iter().map(root_of));
    }
    names
}

fn root_of(passage: &Passage) -> &TableName {
    &passage.target.root
}

fn number(catalog: &Catalog, table: &Table, tables: &mut RowTables) -> u32 {
    if let Some(known) = tables.tables.iter().position(|one| one.table == table.name) {
        return known as u32;
    }
    let number = tables.tables.len() as u32;
    tables.tables.push(RowTable {
        table: table.name.clone(),
        only: table.kind == TableKind::Leaf || !table.leaves.is_empty(),
        stamped: table.stamped(),
        required: table.columns.iter().filter(|column| !column.nullable).map(|column| column.name.clone()).collect(),
        has_triggers: !table.triggers.is_empty(),
        key: key(catalog.dialect, table),
    });
    number
}

fn key(dialect: Dialect, table: &Table) -> TableKey {
    if let Some(name) = axes::rowid(table).filter(|_| table.has_rowid) {
        return TableKey::Columns(vec![KeyColumn { name, transport: Transport::Plain }]);
    }
    let column = |name| {
        let column = table.column(dialect, name)?;
        // SQLite's own bytes would do for a statement; a key is compared as a text here.
        let is_bytes = dialect == Dialect::Sqlite && column.kind == ColumnKind::Binary;
        let key = axes::key_column(dialect, column)?;
        Some(if is_bytes { KeyColumn { transport: Transport::Hex, ..key } } else { key })
    };
    let columns = table.row_key().and_then(|key| key.iter().map(column).collect::<Option<Vec<_>>>());
    match (columns, dialect) {
        (Some(columns), _) => TableKey::Columns(columns),
        (None, Dialect::Postgres) => TableKey::Place,
        (None, Dialect::Mysql | Dialect::Sqlite) => {
            TableKey::Digest(table.columns.iter().map(|column| column.name.clone()).collect())
        }
    }
}
