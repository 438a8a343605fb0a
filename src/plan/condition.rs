//! A condition in the SQL of the database, parsed as one expression.

use crate::base::name::{Name, TableName};

/// A condition in the database's own SQL that was parsed as one expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    text: String,
    /// Names that stand where those of tables do.
    tables: Vec<String>,
    /// It takes all columns of a table without naming them.
    takes_all_columns: bool,
}

impl Condition {
    /// Wraps what `db::condition` has parsed; nothing else calls it.
    pub(crate) fn parsed(text: &str, tables: Vec<String>, takes_all_columns: bool) -> Self {
        Self { text: text.trim().to_owned(), tables, takes_all_columns }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Does it look at rows of the table, or of another one of that name?
    pub fn mentions(&self, table: &TableName) -> bool {
        self.tables.iter().any(|name| name.eq_ignore_ascii_case(table.table.as_str()))
    }

    /// Could its answer change with what stands in this column of a table that it looks at?
    pub fn may_ask_for(&self, column: &Name) -> bool {
        self.takes_all_columns || self.names(column)
    }

    /// Does the name stand in it, be it that of this column or of another table's?
    pub fn names(&self, column: &Name) -> bool {
        let column = column.as_str();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || column.contains(c);
        self.text.split(|c| !is_part(c)).any(|word| word.eq_ignore_ascii_case(column))
    }
}
