//! A database as plain values: tables, references and rows, and the same as SQL.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use tenure::db::{Dialect, Value};

use crate::harness::{TestDb, ddl};

/// Tables in an order in which each refers only to itself and to those before it.
#[derive(Debug, Clone)]
pub struct World {
    pub tables: Vec<Table>,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub name: &'static str,
    pub times: Times,
    /// The column of edge `n` is called `rn`.
    pub edges: Vec<Edge>,
    pub rows: BTreeMap<i64, Row>,
}

/// How the table writes its times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Times {
    Naive,
    Zoned,
    Seconds,
    Digits,
}

#[derive(Debug, Clone)]
pub struct Edge {
    pub to: usize,
    pub on_delete: OnDelete,
    pub nullable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OnDelete {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Seconds from [`as_of`], below zero for the past.
    pub at: Option<i64>,
    pub seen: Option<i64>,
    pub kind: u8,
    /// False once redacted.
    pub note: bool,
    pub refs: Vec<Option<i64>>,
}

/// The instant of every run on these worlds.
pub fn as_of() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().expect("a timestamp")
}

impl World {
    /// Makes the tables and their rows.
    pub fn script(&self, dialect: Dialect) -> String {
        let mut script = String::new();
        for table in &self.tables {
            self.create_table(&mut script, dialect, table);
        }
        for table in &self.tables {
            insert(&mut script, dialect, table);
        }
        script
    }

    /// The same without rows that refer to themselves: InnoDB never deletes one that does.
    pub fn without_loops(mut self) -> Self {
        for (index, table) in self.tables.iter_mut().enumerate() {
            for (number, edge) in table.edges.iter_mut().enumerate().filter(|(_, edge)| edge.to == index) {
                edge.nullable = true;
                for (id, row) in &mut table.rows {
                    row.refs[number] = row.refs[number].filter(|to| to != id);
                }
            }
        }
        self
    }

    fn create_table(&self, script: &mut String, dialect: Dialect, table: &Table) {
        let time = ddl(
            dialect,
            match table.times {
                Times::Naive => "{ts}",
                Times::Zoned => "{tstz}",
                Times::Seconds => "{bigint}",
                Times::Digits => "{text}",
            },
        );
        let mut columns =
            vec!["id bigint PRIMARY KEY".to_owned(), format!("at {time} NULL"), format!("seen {time} NULL")];
        columns.push("kind integer NOT NULL".to_owned());
        columns.push(format!("note {} NULL", ddl(dialect, "{text}")));
        for (number, edge) in table.edges.iter().enumerate() {
            columns.push(format!("r{number} bigint {}", if edge.nullable { "NULL" } else { "NOT NULL" }));
        }
        for (number, edge) in table.edges.iter().enumerate() {
            let on_delete = match edge.on_delete {
                OnDelete::NoAction => "NO ACTION",
                OnDelete::Restrict => "RESTRICT",
                OnDelete::Cascade => "CASCADE",
                OnDelete::SetNull => "SET NULL",
            };
            let parent = self.tables[edge.to].name;
            columns.push(format!("FOREIGN KEY (r{number}) REFERENCES {parent} (id) ON DELETE {on_delete}"));
        }
        writeln!(script, "CREATE TABLE {} ({});", table.name, columns.join(", ")).expect("a string takes it");
    }

    /// The rows as the database has them now, under the same tables.
    pub fn read(&self, db: &TestDb) -> World {
        let mut world = self.clone();
        for (now, table) in world.tables.iter_mut().zip(&self.tables) {
            let refs: String = (0..table.edges.len()).map(|number| format!(", r{number}")).collect();
            let rows =
                db.rows(&format!("SELECT id, CASE WHEN note IS NULL THEN 0 ELSE 1 END{refs} FROM {}", table.name));
            now.rows = rows.iter().map(|row| (int(&row[0]).expect("a key"), seen(table, row))).collect();
        }
        world
    }
}

/// Times and kinds never change; the rest is as it was read.
fn seen(table: &Table, values: &[Value]) -> Row {
    let id = int(&values[0]).expect("a key");
    Row { note: int(&values[1]) == Some(1), refs: values[2..].iter().map(int).collect(), ..table.rows[&id].clone() }
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(int) => Some(*int),
        Value::Null => None,
        other => panic!("{other:?} is no key"),
    }
}

fn insert(script: &mut String, dialect: Dialect, table: &Table) {
    for (id, row) in &table.rows {
        let [at, seen] = [row.at, row.seen].map(|time| literal(dialect, table.times, time));
        let refs: String =
            row.refs.iter().map(|to| format!(", {}", to.map_or("NULL".to_owned(), |to| to.to_string()))).collect();
        let note = if row.note { "'something'" } else { "NULL" };
        let [name, kind] = [table.name.to_owned(), row.kind.to_string()];
        writeln!(script, "INSERT INTO {name} VALUES ({id}, {at}, {seen}, {kind}, {note}{refs});")
            .expect("a string takes it");
    }
}

fn literal(dialect: Dialect, times: Times, time: Option<i64>) -> String {
    // Zero means never, as NULL does.
    let Some(time) = time else { return if times == Times::Seconds { "0" } else { "NULL" }.to_owned() };
    let at = as_of() + SignedDuration::from_secs(time);
    match (times, dialect) {
        (Times::Seconds, _) => at.as_second().to_string(),
        (Times::Digits, _) => at.strftime("'%Y%m%d%H%M%S'").to_string(),
        (Times::Zoned, Dialect::Postgres) => at.strftime("'%Y-%m-%d %H:%M:%S+00'").to_string(),
        (Times::Zoned, Dialect::Sqlite) => at.strftime("'%Y-%m-%dT%H:%M:%SZ'").to_string(),
        (Times::Naive | Times::Zoned, _) => at.strftime("'%Y-%m-%d %H:%M:%S'").to_string(),
    }
}
