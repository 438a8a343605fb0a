//! Putting a statement together: literals of this room, quoted names, placeholders, parsed conditions; nothing else.

use std::ops::Range;

use crate::base::name::{Name, TableName};
use crate::db::{Dialect, Statement, Value};
use crate::plan::Condition;

/// A statement in the making.
pub(in crate::db) struct Sql {
    pub dialect: Dialect,
    text: String,
    binds: Vec<Value>,
    aliases: u32,
}

impl Sql {
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, text: String::new(), binds: Vec::new(), aliases: 0 }
    }

    /// A literal piece. The lifetime keeps texts that came from outside out.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// On SQLite a table can be declared so that a value which would stand twice in a unique column deletes the other row that
    /// bears it, or is passed over in silence. What a statement says of it itself counts for more: it fails as a whole.
    pub fn update(&mut self) -> &mut Self {
        self.push(if self.dialect == Dialect::Sqlite { "UPDATE OR ABORT " } else { "UPDATE " })
    }

    /// As [`update`](Self::update).
    pub fn insert_into(&mut self) -> &mut Self {
        self.push(if self.dialect == Dialect::Sqlite { "INSERT OR ABORT INTO " } else { "INSERT INTO " })
    }

    pub fn number(&mut self, number: u64) -> &mut Self {
        self.text.push_str(&number.to_string());
        self
    }

    pub fn integer(&mut self, integer: i64) -> &mut Self {
        self.text.push_str(&integer.to_string());
        self
    }

    pub fn name(&mut self, name: &Name) -> &mut Self {
        self.text.push_str(&name.quoted(self.dialect.quote()));
        self
    }

    pub fn table(&mut self, table: &TableName) -> &mut Self {
        if let Some(schema) = &table.schema {
            self.name(schema).push(".");
        }
        self.name(&table.table)
    }

    pub fn column(&mut self, alias: &Name, column: &Name) -> &mut Self {
        self.name(alias).push(".").name(column)
    }

    /// `a.x, a.y`
    pub fn columns(&mut self, alias: &Name, columns: &[Name]) -> &mut Self {
        self.list(columns, ", ", |sql, column| {
            sql.column(alias, column);
        })
    }

    /// The same piece for each item, with `between` between them. Many terms of an expression are put into groups: SQLite reads
    /// `a OR b OR c` as deep as it is long, and refuses what is deeper than 1,000.
    pub fn list<T>(&mut self, items: &[T], between: &'static str, mut piece: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.grouped(0..items.len(), between, &mut |sql, index| piece(sql, &items[index]))
    }

    fn grouped(
        &mut self,
        range: Range<usize>,
        between: &'static str,
        piece: &mut dyn FnMut(&mut Self, usize),
    ) -> &mut Self {
        const WIDEST: usize = 100;
        let is_wide = range.len() > WIDEST && matches!(between, " OR " | " AND ");
        let step = if is_wide { range.len().div_ceil(WIDEST) } else { 1 };
        for first in range.clone().step_by(step) {
            if first > range.start {
                self.push(between);
            }
            if is_wide {
                self.push("(").grouped(first..range.end.min(first + step), between, piece).push(")");
            } else {
                piece(self, first);
            }
        }
        self
    }

    pub fn bind(&mut self, value: Value) -> &mut Self {
        self.binds.push(value);
        match self.dialect {
            Dialect::Postgres => {
                self.text.push('$');
                self.text.push_str(&self.binds.len().to_string());
            }
            Dialect::Sqlite | Dialect::Mysql => self.text.push('?'),
        }
        self
    }

    /// A bound value of a type that the catalog named or this room knows; only PostgreSQL needs to be told.
    pub fn bind_as(&mut self, value: Value, sql_type: &str) -> &mut Self {
        if self.dialect != Dialect::Postgres {
            return self.bind(value);
        }
        self.push("CAST(").bind(value).push(" AS ");
        self.text.push_str(sql_type);
        self.push(")")
    }

    /// PostgreSQL: the table's oid.
    pub fn regclass(&mut self, table: &TableName) -> &mut Self {
        let quoted = |name: &Name| name.quoted(Dialect::Postgres.quote());
        let schema = table.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
        let text = format!("{schema}{}", quoted(&table.table));
        self.push("CAST(").bind_as(Value::Text(text), "text").push(" AS regclass)")
    }

    /// A type name from the catalog.
    pub fn type_name(&mut self, sql_type: &str) -> &mut Self {
        self.text.push_str(sql_type);
        self
    }

    /// True only where the condition is: unknown is false.
    pub fn condition(&mut self, condition: &Condition) -> &mut Self {
        self.text.push_str("((");
        self.text.push_str(condition.as_str());
        self.text.push_str(") IS TRUE)");
        self
    }

    /// An alias that is used nowhere else in this statement.
    pub fn fresh_alias(&mut self) -> Name {
        self.aliases += 1;
        Name::new(format!("tenure_{}", self.aliases)).expect("letters and digits are a name")
    }

    pub fn finish(self) -> Statement {
        Statement { sql: self.text, binds: self.binds }
    }
}

impl Statement {
    /// A statement of constants.
    pub(in crate::db) fn plain(sql: &'static str) -> Self {
        Self { sql: sql.to_owned(), binds: Vec::new() }
    }
}
