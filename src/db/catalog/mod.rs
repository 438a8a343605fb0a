//! What a database says of itself: tables, columns, keys, references, rights.
//!
//! A catalog is read once a plan, in the plan's own transaction, and is a plain value from then on: `plan` and the checks
//! ask it without a connection. One loader a dialect fills it.

mod draft;
pub mod fingerprint;
mod lookup;
mod mysql;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::HashSet;
use std::sync::OnceLock;

use crate::base::name::{Name, TableName};
use crate::db::{Connection, DbError, Dialect, Grammar, Row, Statement};
use fingerprint::Fingerprint;
use lookup::Lookup;

#[derive(Debug, Clone)]
pub struct Catalog {
    lookup: OnceLock<Lookup>,
    pub dialect: Dialect,
    /// How its server reads conditions.
    pub grammar: Grammar,
    /// For messages: `PostgreSQL 15.18`.
    pub version: String,
    /// Major and minor, for example (15, 18), (10, 11), (3, 53).
    pub version_number: (u32, u32),
    /// Schemas in which an unqualified name is looked for, in order; empty on SQLite.
    pub search_path: Vec<Name>,
    /// Table names are the same whatever their case: SQLite, and MySQL where `lower_case_table_names` says so.
    pub table_names_ignore_case: bool,
    /// Whether `tables` can be all of them. MySQL hides the tables on which the role has no right, foreign keys and all.
    pub sees_every_table: bool,
    /// Whether every foreign key that leads into these tables is known, in whatever database it stands. MySQL tells a role
    /// without the PROCESS right only of the databases that the role has rights on.
    pub sees_every_reference: bool,
    /// What the catalog was when it was read, for a look whether it still is.
    pub fingerprint: Fingerprint,
    /// Every table that the role can name, system tables and our own excepted. On MySQL: those of the current database,
    /// and those of others whose foreign keys lead into it, as far as the role has any right on them.
    pub tables: Vec<Table>,
}

#[derive(Debug, Clone)]
pub struct Table {
    /// With its schema on PostgreSQL and MySQL (there: the database), without on SQLite.
    pub name: TableName,
    pub kind: TableKind,
    /// Not read for SQLite's views and virtual tables.
    pub columns: Vec<Column>,
    /// Empty where there is none, and on SQLite where it may hold NULL.
    pub primary_key: Vec<Name>,
    /// The primary key also where it may hold NULL: a row that bears NULL there is never referred to.
    pub declared_key: Vec<Name>,
    /// Unique constraints and indexes over NOT NULL columns, partial ones excepted; the primary key is not repeated.
    pub unique_keys: Vec<Vec<Name>>,
    pub indexes: Vec<Index>,
    /// Outgoing references, as declared: a partition does not repeat those of its root.
    pub foreign_keys: Vec<ForeignKey>,
    /// The tables that really hold the rows, where this one is partitioned or has inheritance children (PostgreSQL);
    /// an inheritance parent that holds rows itself is among them. Empty for an ordinary table.
    pub leaves: Vec<TableName>,
    /// Enabled triggers, and PostgreSQL's rewrite rules. MySQL hides them from a role without the TRIGGER right.
    pub triggers: Vec<Trigger>,
    /// Row-level security is in force for the role that asks: it may not see every row.
    pub row_security: bool,
    pub rights: Rights,
    /// SQLite: the table has a rowid, and `rowid` means it. False elsewhere.
    pub has_rowid: bool,
    /// Of this table's own storage, or of a partitioned table's leaves together. From the statistics, may be wrong; `None`
    /// where there are none.
    pub estimated_rows: Option<u64>,
    /// As `estimated_rows`, indexes included.
    pub estimated_bytes: Option<u64>,
    /// MySQL: what holds the rows, for messages.
    pub engine: Option<String>,
    /// PostgreSQL: its rows are not in the write-ahead log, and a crash empties it.
    pub unlogged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    Ordinary,
    /// PostgreSQL declarative partitioning, the root or an inner node.
    Partitioned,
    /// A partition or an inheritance child; it is reached through its root as well.
    Leaf,
    View,
    /// MariaDB, WITH SYSTEM VERSIONING: what is changed or deleted stays readable in the table's history.
    Versioned,
    /// SQLite, FTS3 to FTS5: an index of words out of which no trigger takes those of rows that go elsewhere.
    FullText,
    /// PostgreSQL: a foreign table, also as a partition. Its rows are on another server, which commits by itself.
    Foreign,
    /// MySQL: of an engine other than InnoDB, which does not commit together with the ledger.
    Engine,
    /// SQLite virtual tables and their shadows.
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
    /// Set to the time of the change wherever a row changes and the statement does not assign it: MySQL's ON UPDATE
    /// CURRENT_TIMESTAMP.
    pub stamped: bool,
    /// Longest text in characters, where one is declared and the database sees to it (SQLite does not).
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
    /// Leading columns that are plain columns, in order; an index that starts with an expression (or, on MySQL, with the
    /// prefix of a column) has none.
    pub columns: Vec<Name>,
    pub unique: bool,
    /// Holds only some rows.
    pub partial: bool,
    /// Can be walked in the order of `<` (a B-tree that the optimiser may use).
    pub ordered: bool,
}

#[derive(Debug, Clone)]
pub struct ForeignKey {
    /// SQLite's keys have none: there it is made up, for messages.
    pub name: String,
    pub columns: Vec<Name>,
    /// The referenced table, named as in `Catalog::tables`.
    pub parent: TableName,
    pub parent_columns: Vec<Name>,
    pub on_delete: KeyAction,
    /// What becomes of `columns` where `parent_columns` change.
    pub on_update: KeyAction,
    /// Of `columns`, those that become NULL where the key lets go: PostgreSQL 15 can be told to leave some as they are.
    pub let_go: Vec<Name>,
    /// Checked at COMMIT (PostgreSQL and SQLite, INITIALLY DEFERRED).
    pub deferred: bool,
    pub enforcement: Enforcement,
    /// PostgreSQL 18: the last of `columns` is a period, which refers to every row whose own period overlaps it.
    pub period: bool,
}

/// Does the database see to a foreign key? (One that is NOT VALID is enforced: only old rows may refer to nothing.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    Enforced,
    /// PostgreSQL 18, NOT ENFORCED: it says where the columns lead, and the database neither keeps nor takes a row for it.
    Declared,
    /// PostgreSQL: triggers that implement it are disabled, so that what it does depends on whoever enables them again.
    Suspended,
}

/// What a foreign key does, or lets be done, where what it refers to goes or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAction {
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

/// What the asking role may do with a table. `update` is true where it may update at least one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    pub select: bool,
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
}

/// Reads the catalog in a handful of queries, however many tables there are; only MariaDB, which hides the rules of foreign
/// keys from a role that may just read, is then asked once more for each table that has any.
///
/// Writes nothing and locks nothing, so a plan's read-only transaction and role will do.
///
/// # Errors
/// Those of the queries; on MySQL also a URL without a database ([`ErrorKind::Missing`](crate::db::ErrorKind::Missing)).
pub fn read(connection: &mut Connection) -> Result<Catalog, DbError> {
    match connection.dialect() {
        Dialect::Sqlite => sqlite::read(connection),
        Dialect::Postgres => postgres::read(connection),
        Dialect::Mysql => mysql::read(connection),
    }
}

fn ask(connection: &mut Connection, sql: &str) -> Result<Vec<Row>, DbError> {
    connection.query(&Statement { sql: sql.to_owned(), binds: vec![] })
}

/// The first two numbers of a version, zero where there are none.
fn version_number(version: &str) -> (u32, u32) {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

impl Catalog {
    /// A catalog of these tables that no database has told.
    #[cfg(test)]
    pub fn of_tables(dialect: Dialect, tables: Vec<Table>) -> Self {
        Self {
            lookup: OnceLock::new(),
            dialect,
            grammar: dialect.into(),
            version: "1.0".to_owned(),
            version_number: (1, 0),
            search_path: Vec::new(),
            table_names_ignore_case: false,
            sees_every_table: true,
            sees_every_reference: true,
            fingerprint: Fingerprint::default(),
            tables,
        }
    }

    /// The table that an application would reach under this name: unqualified names along the search path; case as the
    /// database itself folds it (SQLite and MySQL on case-insensitive servers ignore it, PostgreSQL does not).
    pub fn find(&self, name: &TableName) -> Option<&Table> {
        if let Some(schema) = &name.schema {
            return self.called(name).find(|t| {
                t.name.schema.as_ref().is_some_and(|s| self.same(s, schema)) && self.same(&t.name.table, &name.table)
            });
        }
        if self.search_path.is_empty() {
            return self.called(name).find(|t| self.same(&t.name.table, &name.table));
        }
        self.search_path.iter().find_map(|schema| {
            self.called(name).find(|t| t.name.schema.as_ref() == Some(schema) && self.same(&t.name.table, &name.table))
        })
    }

    /// Foreign keys that point at rows of `table` and that the database sees to, its own among them, with the table that
    /// bears them.
    ///
    /// A key of a partitioned root points at the rows of its partitions and a key of a partition at rows of its root, so
    /// each is found from the other. A key of an inheritance parent is none of its children's.
    pub fn referring<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
        self.leading_to(table).filter(|(_, key)| key.enforcement != Enforcement::Declared)
    }

    /// As [`referring`](Self::referring), also those that the database does not see to.
    pub fn leading_to<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
        self.references_to(self.tables_of_the_same_rows(table))
    }

    /// `table`, its leaves, and the partitioned tables through which any of these is reached as well.
    fn tables_of_the_same_rows<'a>(&'a self, table: &'a TableName) -> HashSet<&'a TableName> {
        let leaves = self.called(table).find(|t| t.name == *table).map_or(&[][..], |t| &t.leaves);
        let own: HashSet<&TableName> = leaves.iter().chain([table]).collect();
        let reach = |t: &&Table| t.leaves.iter().any(|leaf| own.contains(leaf));
        let others: Vec<&TableName> = self.partitioned().filter(reach).map(|t| &t.name).collect();
        own.into_iter().chain(others).collect()
    }

    /// The tables that hold the rows of `table`: its leaves, or itself where it has none.
    pub fn leaves_of<'a>(&'a self, table: &'a Table) -> Vec<&'a Table> {
        if table.leaves.is_empty() {
            return vec![table];
        }
        let leaves: HashSet<&TableName> = table.leaves.iter().collect();
        self.tables.iter().filter(|t| leaves.contains(&t.name)).collect()
    }

    /// Of the tables that hold the rows of `table`, those whose rows the key refers to; empty where it refers to all of
    /// them. A key of an inheritance parent or of a partition means rows of that one alone, and others may bear their keys.
    pub fn meant_by(&self, key: &ForeignKey, table: &Table) -> Vec<TableName> {
        let Some(parent) = self.tables.iter().find(|one| one.name == key.parent) else { return Vec::new() };
        let meant = if parent.kind == TableKind::Partitioned { self.leaves_of(parent) } else { vec![parent] };
        let holders = self.leaves_of(table);
        let among: Vec<TableName> = holders
            .iter()
            .filter(|holder| meant.iter().any(|one| one.name == holder.name))
            .map(|holder| holder.name.clone())
            .collect();
        if among.len() == holders.len() { Vec::new() } else { among }
    }

    /// The same table, or a table and a part of it.
    pub fn share_rows(&self, one: &Table, other: &Table) -> bool {
        let held: HashSet<&TableName> = self.leaves_of(one).into_iter().map(|leaf| &leaf.name).collect();
        one.name == other.name || self.leaves_of(other).into_iter().any(|leaf| held.contains(&leaf.name))
    }

    /// What somebody who wrote `name` may have meant, as a schedule would write it; `None` where nothing is near.
    pub fn nearest_table(&self, name: &TableName) -> Option<String> {
        let written = |table: &TableName| match name.schema {
            Some(_) => table.to_string(),
            None => TableName::new(None, table.table.clone()).to_string(),
        };
        let nearest = nearest(&name.to_string(), &self.tables, |table| written(&table.name))?;
        Some(if name.schema.is_none() { self.as_written(&nearest.name).to_string() } else { nearest.name.to_string() })
    }

    /// The shortest name under which a schedule reaches the table: without its schema where the search path leads there.
    pub fn as_written(&self, table: &TableName) -> TableName {
        let plain = TableName::new(None, table.table.clone());
        let reached_plainly = self.find(&plain).is_some_and(|found| found.name == *table);
        if reached_plainly { plain } else { table.clone() }
    }

    fn same(&self, a: &Name, b: &Name) -> bool {
        if self.table_names_ignore_case { a.as_str().eq_ignore_ascii_case(b.as_str()) } else { a == b }
    }
}

impl Table {
    /// Inheritance children hold rows under this name as well (PostgreSQL). They may repeat the keys of its own rows, and no
    /// foreign key of this table is theirs.
    pub fn has_children(&self) -> bool {
        self.kind != TableKind::Partitioned && !self.leaves.is_empty()
    }

    /// Column names are case-insensitive everywhere but on PostgreSQL.
    pub fn column(&self, dialect: Dialect, name: &Name) -> Option<&Column> {
        self.columns.iter().find(|column| match dialect {
            Dialect::Postgres => column.name == *name,
            Dialect::Sqlite | Dialect::Mysql => column.name.as_str().eq_ignore_ascii_case(name.as_str()),
        })
    }

    /// As [`Column::stamped`].
    pub fn stamped(&self) -> Vec<Name> {
        self.columns.iter().filter(|column| column.stamped).map(|column| column.name.clone()).collect()
    }

    /// The columns that tell one row from every other: the primary key, else the unique key of the fewest columns. They do
    /// so within one leaf: inheritance children (PostgreSQL) can repeat the keys of their parent.
    pub fn row_key(&self) -> Option<&[Name]> {
        if !self.primary_key.is_empty() {
            return Some(&self.primary_key);
        }
        self.unique_keys.iter().min_by_key(|key| key.len()).map(Vec::as_slice)
    }

    /// The columns that a value elsewhere means when it refers to a row of this table: the primary key, else as [`row_key`].
    ///
    /// [`row_key`]: Self::row_key
    pub fn referred_key(&self) -> Option<&[Name]> {
        if self.declared_key.is_empty() { self.row_key() } else { Some(&self.declared_key) }
    }

    /// An index over all rows that can be walked in the order of `column`, spelled as in the catalog.
    pub fn index_led_by(&self, column: &Name) -> Option<&Index> {
        self.indexes.iter().find(|index| index.ordered && !index.partial && index.columns.first() == Some(column))
    }

    /// The column that somebody who wrote `name` may have meant; `None` where nothing is near.
    pub fn nearest_column(&self, name: &Name) -> Option<&Name> {
        nearest(name.as_str(), &self.columns, |column| column.name.to_string()).map(|column| &column.name)
    }
}

/// The one spelled most like `wanted`, case aside; at most every third letter may be wrong.
fn nearest<'a, T>(wanted: &str, among: &'a [T], spelled: impl Fn(&T) -> String) -> Option<&'a T> {
    let wanted = wanted.to_lowercase();
    let far = wanted.chars().count().div_ceil(3);
    among
        .iter()
        .map(|one| (strsim::damerau_levenshtein(&wanted, &spelled(one).to_lowercase()), one))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, one)| one)
}
