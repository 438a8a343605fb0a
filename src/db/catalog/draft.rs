//! A catalog in the making: answers of the catalog queries, put where they belong.
//!
//! Every query of every dialect answers in the layout that its reader here documents, schema and table first, so that one
//! set of readers serves all three. Rows of tables that were left out of [`Draft::tables`] are passed over.

use std::collections::HashMap;

use super::{Column, ColumnKind, Enforcement, ForeignKey, Index, KeyAction, Rights, Table, TableKind, Trigger};
use crate::base::name::{Name, TableName};
use crate::db::{DbError, ErrorKind, Row, control};

#[derive(Default)]
pub(super) struct Draft {
    pub tables: Vec<Table>,
    places: HashMap<TableName, usize>,
}

impl Draft {
    /// `schema, table, kind, row security, select, insert, update, delete, rowid, rows, bytes, engine, unlogged`; the last two
    /// may be left away.
    ///
    /// A table whose name no statement can hold is left out: no rule can name it.
    pub fn tables(&mut self, rows: &[Row]) {
        for row in rows {
            let Some(name) = table_name(row, 0) else { continue };
            self.places.insert(name.clone(), self.tables.len());
            self.tables.push(Table {
                name,
                kind: table_kind(row.text(2).unwrap_or_default()),
                columns: vec![],
                primary_key: vec![],
                declared_key: vec![],
                unique_keys: vec![],
                indexes: vec![],
                foreign_keys: vec![],
                leaves: vec![],
                triggers: vec![],
                row_security: flag(row, 3),
                rights: Rights {
                    select: flag(row, 4),
                    insert: flag(row, 5),
                    update: flag(row, 6),
                    delete: flag(row, 7),
                },
                has_rowid: flag(row, 8),
                estimated_rows: count(row, 9),
                estimated_bytes: count(row, 10),
                engine: row.text(11).map(str::to_owned),
                unlogged: flag(row, 12),
            });
        }
    }

    /// `schema, table, column, type name, type as written, nullable, generated, longest, collation`, in the table's order;
    /// `kind` reads the two types. MySQL adds its own, `rights` on the column and `stamped`.
    ///
    /// A column whose name no statement can hold is left out, as such a table is.
    pub fn columns(&mut self, rows: &[Row], kind: fn(&str, &str) -> ColumnKind) {
        for row in rows {
            let (Some(table), Some(name)) = (self.table(row), row.name(2)) else { continue };
            let sql_type = row.text(4).unwrap_or_default();
            table.columns.push(Column {
                name,
                kind: kind(row.text(3).unwrap_or_default(), sql_type),
                sql_type: sql_type.to_owned(),
                nullable: flag(row, 5),
                generated: flag(row, 6),
                stamped: flag(row, 10),
                max_chars: count(row, 7).and_then(|chars| u32::try_from(chars).ok()),
                collation: row.text(8).map(str::to_owned),
            });
        }
    }

    /// Takes the ledger's own tables out, once the columns are there: an application may have tables of the same names.
    pub fn leave_out_control_tables(&mut self) {
        self.tables.retain(|table| {
            let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            !control::is_control_table(&table.name, &columns)
        });
        self.places = self.tables.iter().enumerate().map(|(place, table)| (table.name.clone(), place)).collect();
    }

    /// `schema, table, index, primary, unique, partial, ordered, column`, a row a key part, in order; the column is NULL
    /// where the part is an expression or the prefix of a column. Fills the keys as well: columns must be there already.
    pub fn indexes(&mut self, rows: &[Row]) {
        for parts in rows.chunk_by(same_thing) {
            let row = &parts[0];
            let Some(table) = self.table(row) else { continue };
            let columns: Vec<Name> = parts.iter().map_while(|part| part.name(7)).collect();
            let whole = columns.len() == parts.len();
            let (primary, unique, partial) = (flag(row, 3), flag(row, 4), flag(row, 5));
            if primary && whole {
                table.declared_key.clone_from(&columns);
            }
            if unique && !partial && whole && columns.iter().all(|column| never_null(table, column)) {
                if primary {
                    table.primary_key.clone_from(&columns);
                } else {
                    table.unique_keys.push(columns.clone());
                }
            }
            let name = row.text(2).unwrap_or_default().to_owned();
            table.indexes.push(Index { name, columns, unique, partial, ordered: flag(row, 6) });
        }
    }

    /// `schema, table, key, column, parent schema, parent, parent column, ON DELETE, ON UPDATE, deferred, named in it`, a row a column,
    /// in order; the parent column is NULL where the parent is not there. PostgreSQL adds `enforcement, period`. What follows
    /// `deferred` may be left away; `named in it` is for `ON DELETE SET NULL (columns)`.
    ///
    /// # Errors
    /// Where a name in a key is none that a statement can hold: such a key cannot be planned with, and a key that is
    /// passed over would hide what it cascades to.
    pub fn foreign_keys(&mut self, rows: &[Row]) -> Result<(), DbError> {
        for parts in rows.chunk_by(same_thing) {
            let row = &parts[0];
            let columns = parts.iter().map(|part| name(part, 3)).collect::<Result<Vec<_>, _>>()?;
            let named: Vec<Name> = columns
                .iter()
                .zip(parts)
                .filter(|(_, part)| flag(part, 10))
                .map(|(column, _)| column.clone())
                .collect();
            let key = ForeignKey {
                name: row.text(2).unwrap_or_default().to_owned(),
                let_go: if named.is_empty() { columns.clone() } else { named },
                columns,
                parent: TableName::new(row.name(4), name(row, 5)?),
                parent_columns: parts.iter().filter_map(|part| part.name(6)).collect(),
                on_delete: key_action(row.text(7).unwrap_or_default()),
                on_update: key_action(row.text(8).unwrap_or_default()),
                deferred: flag(row, 9),
                enforcement: enforcement(row.text(11).unwrap_or_default()),
                period: flag(row, 12),
            };
            name(row, 1)?;
            if let Some(table) = self.table(row) {
                table.foreign_keys.push(key);
            }
        }
        Ok(())
    }

    /// `schema, table, trigger, on delete, on update, before`; rows of one trigger follow each other and are merged.
    pub fn triggers(&mut self, rows: &[Row]) {
        for events in rows.chunk_by(same_thing) {
            let Some(table) = self.table(&events[0]) else { continue };
            table.triggers.push(Trigger {
                name: events[0].text(2).unwrap_or_default().to_owned(),
                on_delete: events.iter().any(|event| flag(event, 3)),
                on_update: events.iter().any(|event| flag(event, 4)),
                before: events.iter().any(|event| flag(event, 5)),
            });
        }
    }

    /// The table that a row's first two values name.
    pub fn table(&mut self, row: &Row) -> Option<&mut Table> {
        let place = *self.places.get(&table_name(row, 0)?)?;
        self.tables.get_mut(place)
    }

    /// Foreign keys may write their parent's columns, and where `ignore_table_case` its name, in another case than the
    /// parent itself has: puts in the names as the catalog has them, so that names can be compared to the letter from here
    /// on.
    pub fn spell_parents_as_declared(&mut self, ignore_table_case: bool) {
        let known_as = |name: &TableName| {
            if ignore_table_case { name.to_string().to_ascii_lowercase() } else { name.to_string() }
        };
        let declared: HashMap<String, (TableName, Vec<Name>)> = self
            .tables
            .iter()
            .map(|table| {
                let columns = table.columns.iter().map(|column| column.name.clone()).collect();
                (known_as(&table.name), (table.name.clone(), columns))
            })
            .collect();
        for key in self.tables.iter_mut().flat_map(|table| &mut table.foreign_keys) {
            let Some((parent, columns)) = declared.get(&known_as(&key.parent)) else { continue };
            key.parent.clone_from(parent);
            for written in &mut key.parent_columns {
                let meant = columns.iter().find(|column| column.as_str().eq_ignore_ascii_case(written.as_str()));
                if let Some(meant) = meant {
                    written.clone_from(meant);
                }
            }
        }
    }
}

/// The table named by the two values from `column` on: schema, where there is one, and table.
pub(super) fn table_name(row: &Row, column: usize) -> Option<TableName> {
    Some(TableName::new(row.name(column), row.name(column + 1)?))
}

/// Numbers and booleans: anything but zero and NULL.
pub(super) fn flag(row: &Row, column: usize) -> bool {
    row.int(column).is_some_and(|value| value != 0)
}

fn count(row: &Row, column: usize) -> Option<u64> {
    row.int(column).and_then(|value| u64::try_from(value).ok())
}

/// Rows that belong to the same index, key or trigger: they agree in schema, table and name.
fn same_thing(a: &Row, b: &Row) -> bool {
    a.0.iter().zip(&b.0).take(3).all(|(a, b)| a == b)
}

fn never_null(table: &Table, name: &Name) -> bool {
    table.columns.iter().any(|column| column.name == *name && !column.nullable)
}

fn name(row: &Row, column: usize) -> Result<Name, DbError> {
    let text = row.text(column).unwrap_or_default();
    Name::new(text).map_err(|error| {
        DbError::new(
            ErrorKind::Other,
            format!("a foreign key uses the name {text:?}, which no statement can hold: {error}; rename it"),
        )
    })
}

fn table_kind(word: &str) -> TableKind {
    match word {
        "ordinary" => TableKind::Ordinary,
        "partitioned" => TableKind::Partitioned,
        "leaf" => TableKind::Leaf,
        "view" => TableKind::View,
        "versioned" => TableKind::Versioned,
        "foreign" => TableKind::Foreign,
        "engine" => TableKind::Engine,
        _ => TableKind::Other,
    }
}

fn enforcement(word: &str) -> Enforcement {
    match word {
        "declared" => Enforcement::Declared,
        "suspended" => Enforcement::Suspended,
        _ => Enforcement::Enforced,
    }
}

fn key_action(rule: &str) -> KeyAction {
    match rule {
        "CASCADE" => KeyAction::Cascade,
        "SET NULL" => KeyAction::SetNull,
        "SET DEFAULT" => KeyAction::SetDefault,
        "RESTRICT" => KeyAction::Restrict,
        _ => KeyAction::NoAction,
    }
}
