//! What a database says of itself: tables, columns, keys, references, rights.
//!
//! A catalog is read once a plan, in the plan's own transaction, and is a plain value from then on: `plan` and the checks
//! ask it without a connection. One loader a dialect fills it.

use crate::db::Dialect;
use crate::name::{Name, TableName};

#[derive(Debug, Clone)]
pub struct Catalog {
    pub dialect: Dialect,
    /// For messages: `PostgreSQL 15.18`.
    pub version: String,
    /// Major and minor, for example (15, 18), (10, 11), (3, 53).
    pub version_number: (u32, u32),
    /// Schemas in which an unqualified name is looked for, in order; empty on SQLite.
    pub search_path: Vec<Name>,
    /// Every table that the role can name, system tables excepted.
    pub tables: Vec<Table>,
}

#[derive(Debug, Clone)]
pub struct Table {
    /// With its schema on PostgreSQL and MySQL (there: the database), without on SQLite.
    pub name: TableName,
    pub kind: TableKind,
    pub columns: Vec<Column>,
    /// Empty where there is none.
    pub primary_key: Vec<Name>,
    /// Unique constraints and indexes over NOT NULL columns, partial ones excepted; the primary key is not repeated.
    pub unique_keys: Vec<Vec<Name>>,
    pub indexes: Vec<Index>,
    /// Outgoing references.
    pub foreign_keys: Vec<ForeignKey>,
    /// The tables that really hold the rows, where this one is partitioned or has inheritance children (PostgreSQL);
    /// an inheritance parent that holds rows itself is among them. Empty for an ordinary table.
    pub leaves: Vec<TableName>,
    pub triggers: Vec<Trigger>,
    /// Row-level security is in force for the role that asks: it may not see every row.
    pub row_security: bool,
    pub rights: Rights,
    /// SQLite: the table has a rowid. False elsewhere.
    pub has_rowid: bool,
    /// From the statistics, may be wrong; `None` where there are none.
    pub estimated_rows: Option<u64>,
    /// From the statistics; `None` where there are none.
    pub estimated_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    Ordinary,
    /// PostgreSQL declarative partitioning, the root or an inner node.
    Partitioned,
    /// A partition or an inheritance child; it is reached through its root as well.
    Leaf,
    View,
    /// Foreign tables, SQLite virtual tables and their shadows, MySQL engines without transactions.
    Other,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: Name,
    pub kind: ColumnKind,
    /// As the database writes it, for example `character varying(45)`; safe to put behind a cast.
    pub sql_type: String,
    pub nullable: bool,
    /// Computed by the database: cannot be assigned.
    pub generated: bool,
    /// Longest text in characters, where declared.
    pub max_chars: Option<u32>,
    /// Collation, where the column has one and it is not the database's default.
    pub collation: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    Boolean,
    Integer,
    /// MySQL only.
    UnsignedInteger,
    Float,
    Decimal,
    Text,
    Binary,
    Date,
    /// A date and time without zone: PostgreSQL `timestamp`, MySQL `datetime`, SQLite `datetime` and `timestamp`.
    Timestamp,
    /// An instant: PostgreSQL `timestamptz`, MySQL `timestamp`.
    TimestampTz,
    Uuid,
    Inet,
    Json,
    Other,
}

#[derive(Debug, Clone)]
pub struct Index {
    pub name: String,
    /// Leading columns that are plain columns, in order; an index that starts with an expression has none.
    pub columns: Vec<Name>,
    pub unique: bool,
    /// Holds only some rows.
    pub partial: bool,
    /// Can be walked in order (a B-tree).
    pub ordered: bool,
}

#[derive(Debug, Clone)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<Name>,
    /// The referenced table, named as in `Catalog::tables`.
    pub parent: TableName,
    pub parent_columns: Vec<Name>,
    pub on_delete: OnDelete,
    /// Checked at COMMIT (PostgreSQL and SQLite, INITIALLY DEFERRED).
    pub deferred: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

#[derive(Debug, Clone)]
pub struct Trigger {
    pub name: String,
    pub on_delete: bool,
    pub on_update: bool,
    /// BEFORE or INSTEAD OF: can turn a row away or raise.
    pub before: bool,
}

/// What the asking role may do with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    pub select: bool,
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
}

impl Catalog {
    /// The table that an application would reach under this name: unqualified names along the search path; case as the
    /// database itself folds it (SQLite and MySQL on case-insensitive servers ignore it, PostgreSQL does not).
    pub fn find(&self, name: &TableName) -> Option<&Table> {
        if let Some(schema) = &name.schema {
            return self.tables.iter().find(|t| {
                t.name.schema.as_ref().is_some_and(|s| self.same(s, schema)) && self.same(&t.name.table, &name.table)
            });
        }
        if self.search_path.is_empty() {
            return self.tables.iter().find(|t| self.same(&t.name.table, &name.table));
        }
        self.search_path.iter().find_map(|schema| {
            self.tables.iter().find(|t| t.name.schema.as_ref() == Some(schema) && self.same(&t.name.table, &name.table))
        })
    }

    /// Foreign keys that point at `table`, its own among them, with the table that bears them.
    pub fn referring<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
        self.tables
            .iter()
            .flat_map(|t| t.foreign_keys.iter().map(move |key| (t, key)))
            .filter(move |(_, key)| key.parent == *table)
    }

    fn same(&self, a: &Name, b: &Name) -> bool {
        match self.dialect {
            Dialect::Postgres | Dialect::Mysql => a == b,
            Dialect::Sqlite => a.as_str().eq_ignore_ascii_case(b.as_str()),
        }
    }
}

impl Table {
    /// Column names are case-insensitive everywhere but on PostgreSQL.
    pub fn column(&self, dialect: Dialect, name: &Name) -> Option<&Column> {
        self.columns.iter().find(|column| match dialect {
            Dialect::Postgres => column.name == *name,
            Dialect::Sqlite | Dialect::Mysql => column.name.as_str().eq_ignore_ascii_case(name.as_str()),
        })
    }
}
