//! How two columns are held against each other: as their foreign key does where there is one, else by their type, and by their
//! letters where types or collations differ. So no implicit cast and no affinity of a database takes one value for another.

use super::people::likeness;
use super::reading::Blame;
use crate::db::Dialect;
use crate::db::catalog::{Column, ColumnKind, Table};
use crate::diagnostic::mistake::Mistake;
use crate::plan::Likeness;

/// Two columns, each with its table; the first holds values of the second.
#[derive(Clone, Copy)]
pub(super) struct Pair<'c> {
    pub own: (&'c Table, &'c Column),
    pub key: (&'c Table, &'c Column),
    /// The database itself holds the one against the other.
    pub enforced: bool,
}

impl Pair<'_> {
    /// # Errors
    /// No value of the one is ever one of the other.
    pub fn likeness(self, dialect: Dialect, blame: &Blame<'_>) -> Result<Likeness, Mistake> {
        let (own, key) = (self.own.1, self.key.1);
        let is_one_type = dialect != Dialect::Sqlite && own.sql_type == key.sql_type && own.kind != ColumnKind::Text;
        let found = if is_one_type { Some(Likeness::Same) } else { likeness(dialect, own, key, self.enforced) };
        found.ok_or_else(|| {
            let reason = format!("{}, and no value of the one is one of the other", self.types());
            blame.mistake(reason).remedy("name the column that holds the same values")
        })
    }

    /// For a reference over which rows go or let go: the database compares the columns in the statements as they are.
    ///
    /// # Errors
    /// It would compare them in another way than their values say.
    pub fn require_alike(self, dialect: Dialect, blame: &Blame<'_>) -> Result<(), Mistake> {
        match self.likeness(dialect, blame)? {
            Likeness::Same | Likeness::Exact | Likeness::Referred(_) => Ok(()),
            Likeness::Letters | Likeness::Number | Likeness::Folded => {
                let reason = format!("{}, so that the database may take one value for another", self.types());
                let remedy = "declare both columns with one type and one collation, or declare the foreign key";
                Err(blame.mistake(reason).remedy(remedy))
            }
        }
    }

    fn types(self) -> String {
        let shown = |(table, column): (&Table, &Column)| {
            let collation = column.collation.as_ref().map(|name| format!(" collate {name}")).unwrap_or_default();
            format!("`{}.{}` is of type `{}{collation}`", table.name, column.name, column.sql_type)
        };
        format!("{} and {}", shown(self.own), shown(self.key))
    }
}
