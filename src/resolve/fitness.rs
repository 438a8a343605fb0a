//! May rows of a table be acted upon, with all that lies under its name?

use super::reading::Blame;
use crate::db::catalog::{Catalog, Enforcement, Table, TableKind};
use crate::diagnostic::mistake::Mistake;

/// Why, and what helps.
type Unfitness = (String, &'static str);

/// The rows of the table cannot be purged, or not all of them be seen.
pub(super) fn unfit(blame: &Blame<'_>, catalog: &Catalog, table: &Table) -> Option<Mistake> {
    let hides_rows = table.row_security.then(|| {
        (
            "is under row-level security that hides rows from this role".to_owned(),
            "give the role BYPASSRLS, or a policy that lets it see every row and no FORCE",
        )
    });
    let (reason, remedy) = unfitness(catalog, table).or(hides_rows)?;
    Some(blame.mistake(format!("`{}` {reason}", table.name)).remedy(remedy))
}

/// Why rows of such a table cannot be purged, where they cannot.
pub(super) fn unfitness(catalog: &Catalog, table: &Table) -> Option<Unfitness> {
    let not_here = "act where the rows really are, or move it to a table of this database";
    match table.kind {
        TableKind::View => Some(("is a view".to_owned(), "name the table behind it")),
        TableKind::Versioned => Some((
            "is system-versioned: what is changed or deleted there stays in its history, readable with FOR SYSTEM_TIME ALL"
                .to_owned(),
            "let an owner drop the history for good (ALTER TABLE … DROP SYSTEM VERSIONING), or leave the table out and purge \
             it by other means, with DELETE HISTORY after them",
        )),
        TableKind::Foreign => {
            Some(("is a foreign table, whose rows are on another server and commit by themselves".to_owned(), not_here))
        }
        TableKind::Engine => {
            let engine = table.engine.as_deref().unwrap_or("unknown");
            let reason = format!("is of the engine `{engine}`, which does not commit together with the ledger");
            Some((reason, "move it to InnoDB (ALTER TABLE … ENGINE = InnoDB), or act where the rows really are"))
        }
        TableKind::FullText | TableKind::Other => Some(("is a virtual table".to_owned(), not_here)),
        TableKind::Ordinary | TableKind::Partitioned | TableKind::Leaf => foreign_part(catalog, table),
    }
}

/// A partition or child whose rows are on another server: deleted through this table, they would go with cascades of their own
/// that no transaction here covers.
fn foreign_part(catalog: &Catalog, table: &Table) -> Option<Unfitness> {
    let part = catalog.leaves_of(table).into_iter().find(|leaf| leaf.kind == TableKind::Foreign)?;
    let reason = format!("has the partition `{}`, a foreign table, whose rows are on another server", part.name);
    Some((reason, "name the other partitions in rules of their own, or detach that one and act where its rows are"))
}

/// A foreign key to rows that are to go, of which no reader can tell whether the database would see to it.
pub(super) fn suspended<'t>(
    blame: &Blame<'_>,
    catalog: &Catalog,
    tables: impl IntoIterator<Item = &'t Table>,
) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for table in tables {
        let keys = catalog.referring(&table.name).filter(|(_, key)| key.enforcement == Enforcement::Suspended);
        for (child, key) in keys {
            let reason = format!(
                "foreign key `{}` of `{}` refers to rows of `{}`, and triggers that implement it are disabled, so that nobody can \
                 tell what hangs on them",
                key.name, child.name, table.name
            );
            let remedy = format!("let an owner run ALTER TABLE {} ENABLE TRIGGER ALL, or drop the key", key.parent);
            mistakes.push(blame.mistake(reason).remedy(remedy));
        }
    }
    mistakes
}
