//! Values, statements and rows: what crosses the border to a database.

use crate::base::name::Name;

/// A value bound to a statement or read from a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// MySQL's unsigned 64-bit integers, which do not fit an `i64`.
    Unsigned(u64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// PostgreSQL's array of bigint, which is bound and never read. Its planner looks into it, as it does not into a text that is
    /// cast to one: it looks each row up in the array instead of going through all of it.
    Wholes(Vec<i64>),
    /// Keys of many rows in one text, as PostgreSQL's array or as JSON: bound and never read, never shown.
    Keys(String),
}

/// SQL text and its bound values, in the order of the placeholders. Made by `db` only.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub sql: String,
    pub binds: Vec<Value>,
}

impl Statement {
    /// Does it go by keys that a statement before it finds? Until then it can be shown, but not sent.
    pub(in crate::db) fn is_by_key(&self) -> bool {
        let is_key = |value: &Value| match value {
            Value::Keys(_) => true,
            Value::Wholes(wholes) => wholes.is_empty(),
            _ => false,
        };
        self.binds.iter().any(is_key)
    }
}

/// A row as it came: values in the order of the select list.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Row {
    pub fn text(&self, column: usize) -> Option<&str> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The same, for rows that are read by the hundred thousand: the row has it no longer.
    pub fn take_text(&mut self, column: usize) -> Option<String> {
        match self.0.get_mut(column) {
            Some(Value::Text(text)) => Some(std::mem::take(text)),
            _ => None,
        }
    }

    /// Integers of any width; a boolean is 0 or 1.
    pub fn int(&self, column: usize) -> Option<i64> {
        match self.0.get(column)? {
            Value::Int(int) => Some(*int),
            Value::Unsigned(int) => i64::try_from(*int).ok(),
            Value::Bool(bool) => Some(i64::from(*bool)),
            // MySQL's SUM() and PostgreSQL's sum(bigint) are decimals, which arrive as text.
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub fn name(&self, column: usize) -> Option<Name> {
        Name::new(self.text(column)?).ok()
    }
}
