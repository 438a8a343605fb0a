//! Where the tables and foreign keys of a catalog are found, made once: ten thousand rules ask ten thousand times.

use std::collections::HashMap;

use super::{Catalog, ForeignKey, Table, TableKind};
use crate::base::name::TableName;

#[derive(Debug, Clone, Default)]
pub(super) struct Lookup {
    /// By the name without its schema, in small letters.
    by_name: HashMap<String, Vec<usize>>,
    /// By the table that is referred to: the table that refers, and which of its keys does.
    references: HashMap<TableName, Vec<(usize, usize)>>,
    partitioned: Vec<usize>,
}

impl Lookup {
    fn of(tables: &[Table]) -> Lookup {
        let mut lookup = Lookup::default();
        for (at, table) in tables.iter().enumerate() {
            lookup.by_name.entry(table.name.table.as_str().to_ascii_lowercase()).or_default().push(at);
            for (place, key) in table.foreign_keys.iter().enumerate() {
                lookup.references.entry(key.parent.clone()).or_default().push((at, place));
            }
            if table.kind == TableKind::Partitioned {
                lookup.partitioned.push(at);
            }
        }
        lookup
    }
}

impl Catalog {
    fn lookup(&self) -> &Lookup {
        self.lookup.get_or_init(|| Lookup::of(&self.tables))
    }

    /// The tables of this name, in whatever letters and schemas, in the order of the catalog.
    pub(super) fn called<'a>(&'a self, name: &TableName) -> impl Iterator<Item = &'a Table> + use<'a> {
        let places = self.lookup().by_name.get(&name.table.as_str().to_ascii_lowercase());
        places.map_or(&[][..], Vec::as_slice).iter().map(|at| &self.tables[*at])
    }

    /// Foreign keys that name any of these tables, with the table that bears them, in the order of the catalog.
    pub(super) fn references_to<'a>(
        &'a self,
        parents: impl IntoIterator<Item = &'a TableName>,
    ) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
        let of_parent = |parent: &TableName| self.lookup().references.get(parent).map_or(&[][..], Vec::as_slice);
        let mut places: Vec<(usize, usize)> = parents.into_iter().flat_map(of_parent).copied().collect();
        places.sort_unstable();
        places.into_iter().map(|(at, place)| (&self.tables[at], &self.tables[at].foreign_keys[place]))
    }

    pub(super) fn partitioned(&self) -> impl Iterator<Item = &Table> {
        self.lookup().partitioned.iter().map(|at| &self.tables[*at])
    }
}
