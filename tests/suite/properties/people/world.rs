//! People and what is theirs as plain values, and the same as SQL.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use tenure::db::{Dialect, Value};

use crate::harness::{TestDb, ddl};
use crate::properties::world::as_of;

/// Redacted columns of each table.
pub const WORDS: usize = 4;

#[derive(Debug, Clone)]
pub struct World {
    pub key: Key,
    pub people: BTreeMap<u8, Person>,
    /// In an order in which each refers only to itself and to those before it.
    pub tables: Vec<Table>,
    /// Tables of which the map says nothing; each refers to people, to any of the tables, and to those before it.
    pub appendages: Vec<Appendage>,
}

/// What hangs on other rows by foreign keys that take it along or let go; the column of number `n` is called `onn`.
#[derive(Debug, Clone)]
pub struct Appendage {
    pub hooks: Vec<Hook>,
    /// By id, on which rows each hangs.
    pub rows: BTreeMap<i64, Vec<Option<i64>>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Hook {
    pub on: On,
    /// ON DELETE CASCADE; else SET NULL.
    pub goes_along: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum On {
    People,
    Table(usize),
    Appendage(usize),
}

/// What the keys of people are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Key {
    Whole,
    Text,
    Uuid,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Seconds from the beginning of the grace, below zero where it is over; `None` where the account is open.
    pub closed: Option<i64>,
    pub address: Option<Address>,
    /// Under the hold on people, where there is one.
    pub restricted: bool,
    /// Nobody's account, in the eyes of the map.
    pub robot: bool,
    /// False once redacted.
    pub named: bool,
}

/// Two that differ in their case only are one where case is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    pub number: u8,
    pub loud: bool,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub up: Option<Up>,
    /// The column of number `n` is called `pn`.
    pub columns: Vec<Column>,
    pub rows: BTreeMap<i64, Row>,
}

/// The column `up`, which holds the id of a row of another table or of an earlier row of the same.
#[derive(Debug, Clone, Copy)]
pub struct Up {
    pub to: usize,
    /// As a foreign key.
    pub declared: bool,
}

/// What a column says of a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Column {
    /// The key, as a foreign key.
    Key,
    /// The key, and nothing says so.
    LooseKey,
    /// The key as a text.
    Letters,
    Address,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub up: Option<i64>,
    pub kind: u8,
    pub mentions: Vec<Option<Mention>>,
    /// False once redacted; the column of number `n` is called `wn`.
    pub words: [bool; WORDS],
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mention {
    /// Of the person with this key, whether there is one or not.
    Of(u8),
    /// A text that is nearly the key of this person, and so of nobody.
    Nearly(u8),
    Address(Address),
}

impl World {
    pub fn table_name(table: usize) -> String {
        format!("t{table}")
    }

    pub fn appendage_name(appendage: usize) -> String {
        format!("a{appendage}")
    }

    /// A row of whatever an appendage hangs on, by its key.
    fn hooked_key(&self, on: On, id: i64) -> String {
        match on {
            On::People => self.key_text(u8::try_from(id).expect("people are few")),
            On::Table(_) | On::Appendage(_) => id.to_string(),
        }
    }

    /// Makes the tables and their rows.
    pub fn script(&self, dialect: Dialect) -> String {
        let mut script = String::new();
        self.write(&mut script).expect("a string takes it");
        ddl(dialect, &script)
    }

    fn write(&self, script: &mut String) -> std::fmt::Result {
        let key = self.key_type();
        writeln!(
            script,
            "CREATE TABLE account (id {key} PRIMARY KEY, email {{text}}, name {{text}}, closed_at {{ts}}, \
             restricted integer NOT NULL, robot integer NOT NULL);"
        )?;
        for (number, table) in self.tables.iter().enumerate() {
            write!(script, "CREATE TABLE {} (id bigint PRIMARY KEY, kind integer NOT NULL", Self::table_name(number))?;
            for (column, what) in table.columns.iter().enumerate() {
                let sql_type = if matches!(what, Column::Key | Column::LooseKey) { key } else { "{text}" };
                write!(script, ", p{column} {sql_type}")?;
            }
            (0..WORDS).try_for_each(|word| write!(script, ", w{word} {{text}}"))?;
            table.up.iter().try_for_each(|_| write!(script, ", up bigint"))?;
            for column in (0..table.columns.len()).filter(|column| table.columns[*column] == Column::Key) {
                write!(script, ", FOREIGN KEY (p{column}) REFERENCES account (id)")?;
            }
            if let Some(up) = table.up.filter(|up| up.declared) {
                write!(script, ", FOREIGN KEY (up) REFERENCES {} (id)", Self::table_name(up.to))?;
            }
            writeln!(script, ");")?;
        }
        for (number, appendage) in self.appendages.iter().enumerate() {
            self.write_appendage(script, number, appendage)?;
        }
        for (id, person) in &self.people {
            let closed = person.closed.map_or("NULL".to_owned(), moment);
            let values = [
                quoted(Some(self.key_text(*id))),
                quoted(person.address.map(text_of)),
                quoted(person.named.then(|| "N".to_owned())),
            ];
            let [restricted, robot] = [person.restricted, person.robot].map(u8::from);
            writeln!(script, "INSERT INTO account VALUES ({}, {closed}, {restricted}, {robot});", values.join(", "))?;
        }
        for (number, table) in self.tables.iter().enumerate() {
            for (id, row) in &table.rows {
                let mut values = vec![id.to_string(), row.kind.to_string()];
                values.extend(row.mentions.iter().map(|mention| quoted(mention.map(|mention| self.mention(mention)))));
                values.extend(row.words.iter().map(|is_there| quoted(is_there.then(|| "words".to_owned()))));
                values.extend(table.up.map(|_| row.up.map_or("NULL".to_owned(), |up| up.to_string())));
                writeln!(script, "INSERT INTO {} VALUES ({});", Self::table_name(number), values.join(", "))?;
            }
        }
        for (number, appendage) in self.appendages.iter().enumerate() {
            for (id, hangs_on) in &appendage.rows {
                let mut values = vec![id.to_string()];
                values.extend(self.hung(appendage, hangs_on).into_iter().map(quoted));
                writeln!(script, "INSERT INTO {} VALUES ({});", Self::appendage_name(number), values.join(", "))?;
            }
        }
        Ok(())
    }

    fn write_appendage(&self, script: &mut String, number: usize, appendage: &Appendage) -> std::fmt::Result {
        write!(script, "CREATE TABLE {} (id bigint PRIMARY KEY", Self::appendage_name(number))?;
        for (column, hook) in appendage.hooks.iter().enumerate() {
            write!(script, ", on{column} {}", if hook.on == On::People { self.key_type() } else { "bigint" })?;
        }
        for (column, hook) in appendage.hooks.iter().enumerate() {
            let to = match hook.on {
                On::People => "account".to_owned(),
                On::Table(table) => Self::table_name(table),
                On::Appendage(appendage) => Self::appendage_name(appendage),
            };
            let action = if hook.goes_along { "CASCADE" } else { "SET NULL" };
            write!(script, ", FOREIGN KEY (on{column}) REFERENCES {to} (id) ON DELETE {action}")?;
        }
        writeln!(script, ");")
    }

    fn hung(&self, appendage: &Appendage, on: &[Option<i64>]) -> Vec<Option<String>> {
        let hooks = appendage.hooks.iter().zip(on);
        hooks.map(|(hook, id)| id.map(|id| self.hooked_key(hook.on, id))).collect()
    }

    fn key_type(&self) -> &'static str {
        match self.key {
            Key::Whole => "bigint",
            Key::Text => "{text}",
            Key::Uuid => "{uuid}",
        }
    }

    /// A person's key as the database writes it.
    pub fn key_text(&self, person: u8) -> String {
        match self.key {
            Key::Whole => person.to_string(),
            Key::Text => format!("ann-{person}"),
            Key::Uuid => format!("0000000{person}-0000-4000-8000-00000000000a"),
        }
    }

    fn mention(&self, mention: Mention) -> String {
        match mention {
            Mention::Of(person) => self.key_text(person),
            Mention::Nearly(person) if self.key == Key::Whole => format!("0{person}"),
            Mention::Nearly(person) => self.key_text(person).to_uppercase(),
            Mention::Address(address) => text_of(address),
        }
    }

    /// Every row by table and key, each of its values as a text.
    pub fn texts(&self) -> BTreeMap<(String, String), Vec<Option<String>>> {
        let mut all = BTreeMap::new();
        for (id, person) in &self.people {
            let values = vec![person.address.map(text_of), person.named.then(|| "N".to_owned())];
            all.insert(("account".to_owned(), self.key_text(*id)), values);
        }
        for (number, table) in self.tables.iter().enumerate() {
            for (id, row) in &table.rows {
                let mut values: Vec<_> =
                    row.mentions.iter().map(|mention| mention.map(|mention| self.mention(mention))).collect();
                values.extend(row.words.iter().map(|is_there| is_there.then(|| "words".to_owned())));
                values.extend(table.up.map(|_| row.up.map(|up| up.to_string())));
                all.insert((Self::table_name(number), id.to_string()), values);
            }
        }
        for (number, appendage) in self.appendages.iter().enumerate() {
            let rows = appendage.rows.iter().map(|(id, on)| (id.to_string(), self.hung(appendage, on)));
            all.extend(rows.map(|(id, values)| ((Self::appendage_name(number), id), values)));
        }
        all
    }

    /// The same as the database has it now.
    pub fn read(&self, db: &TestDb) -> BTreeMap<(String, String), Vec<Option<String>>> {
        let columns = |table: &Table| {
            let mentions = (0..table.columns.len()).map(|column| format!("p{column}"));
            let words = (0..WORDS).map(|word| format!("w{word}"));
            mentions.chain(words).chain(table.up.map(|_| "up".to_owned())).collect::<Vec<_>>()
        };
        let mut all = read(db, "account", &["email".to_owned(), "name".to_owned()]);
        for (number, table) in self.tables.iter().enumerate() {
            all.extend(read(db, &Self::table_name(number), &columns(table)));
        }
        for (number, appendage) in self.appendages.iter().enumerate() {
            let hooks: Vec<_> = (0..appendage.hooks.len()).map(|column| format!("on{column}")).collect();
            all.extend(read(db, &Self::appendage_name(number), &hooks));
        }
        all
    }

    /// People whose keys or addresses a column may mention, whoever they are in the eyes of the map.
    pub fn named_by(&self, mention: Mention, ignore_case: bool) -> BTreeSet<u8> {
        let is_meant = |(id, person): &(&u8, &Person)| match mention {
            Mention::Of(one) => **id == one,
            Mention::Nearly(_) => false,
            Mention::Address(address) => person
                .address
                .is_some_and(|own| own.number == address.number && (ignore_case || own.loud == address.loud)),
        };
        self.people.iter().filter(is_meant).map(|(id, _)| *id).collect()
    }
}

fn read(db: &TestDb, table: &str, columns: &[String]) -> BTreeMap<(String, String), Vec<Option<String>>> {
    let text = if db.dialect == Dialect::Mysql { "char" } else { "text" };
    let casts: Vec<_> = columns.iter().map(|column| format!(", CAST({column} AS {text})")).collect();
    let rows = db.rows(&format!("SELECT CAST(id AS {text}){} FROM {table}", casts.concat()));
    let value = |value: &Value| match value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone()),
        other => panic!("{other:?} is no text"),
    };
    let row = |row: &Vec<Value>| {
        let key = value(&row[0]).expect("a row has a key");
        ((table.to_owned(), key), row[1..].iter().map(value).collect())
    };
    rows.iter().map(row).collect()
}

fn text_of(address: Address) -> String {
    let text = format!("mail{}@example.org", address.number);
    if address.loud { text.to_uppercase() } else { text }
}

fn quoted(text: Option<String>) -> String {
    text.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

/// So many seconds after the beginning of the grace.
fn moment(seconds: i64) -> String {
    let at: Timestamp = as_of() - SignedDuration::from_hours(7 * 24) + SignedDuration::from_secs(seconds);
    at.strftime("'%Y-%m-%d %H:%M:%S'").to_string()
}
