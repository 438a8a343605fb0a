//! The ways from rows to their people: what makes a batch read whole tables, and who does not count on them.

use crate::db::catalog::Table;
use crate::db::maintain::advice;
use crate::diagnostic::mistake::Mistake;
use crate::plan::{Likeness, Step};

use super::{Map, Mapped};
use crate::check::spelled;

/// From how many rows a table is worth an index on the column that leads to its people; one whose size is not known is.
const MANY_ROWS: u64 = 10_000;

pub(super) fn findings(map: &Map<'_>, label: &str, entry: &Mapped<'_>) -> Vec<Mistake> {
    let Some(root) = entry.root() else { return Vec::new() };
    let tables = std::iter::once(root).chain(entry.steps().iter().map(|step| &step.table));
    let on_the_way = tables.zip(entry.steps()).filter_map(|(table, step)| Some((map.table(table)?, step)));
    let told = |mistake: Told| {
        Mistake::warning(format!("{label}: {}", mistake.reason)).at(&entry.data.places, "column").remedy(mistake.remedy)
    };
    let slow = on_the_way.filter_map(|(table, step)| without_index(map, table, step));
    let unnamed = entry.acts.iter().flat_map(|_| nobody_named(map, entry.steps()));
    slow.chain(unnamed).map(told).collect()
}

struct Told {
    reason: String,
    remedy: String,
}

/// Each batch goes from some people to their rows.
fn without_index(map: &Map<'_>, table: &Table, step: &Step) -> Option<Told> {
    let holders = map.catalog.leaves_of(table);
    let (dialect, column) = (map.catalog.dialect, &step.column);
    let index = match step.likeness {
        Likeness::Same | Likeness::Exact | Likeness::Number => {
            Some(advice::create_index(dialect, table, std::slice::from_ref(column)))
        }
        Likeness::Letters | Likeness::Folded | Likeness::Referred(_) => {
            advice::create_index_as_compared(dialect, table, column, step.likeness)
        }
    };
    let serves = |holder: &&Table| match step.likeness {
        Likeness::Same | Likeness::Exact | Likeness::Number => holder.index_led_by(column).is_some(),
        // Which expression it is, the catalog does not say.
        Likeness::Letters | Likeness::Folded => {
            holder.indexes.iter().any(|index| index.columns.is_empty() && !index.partial)
        }
        Likeness::Referred(_) => false,
    };
    // Of a size that is not known, only what can be mended is worth a word.
    let is_big = table.estimated_rows.map_or(index.is_some(), |rows| rows >= MANY_ROWS);
    if !is_big || holders.iter().all(serves) {
        return None;
    }
    let name = spelled(map.catalog, &table.name);
    let other = format!("`{}.{}`", spelled(map.catalog, &step.table), step.key);
    let reason = match step.likeness {
        Likeness::Same | Likeness::Exact | Likeness::Number => {
            format!("no index of `{name}` begins with `{column}`; without one")
        }
        Likeness::Letters => format!(
            "`{name}.{column}` and {other} are compared by their letters, since their types or collations differ; a plain index \
             does not serve that, and without one"
        ),
        Likeness::Folded => {
            format!(
                "`{name}.{column}` and {other} are compared in any case; a plain index does not serve that, and without one"
            )
        }
        Likeness::Referred(_) => format!(
            "`{name}.{column}` is compared as its foreign key does, under the type and collation of {other}, which no index serves, so"
        ),
    };
    let remedy = index.unwrap_or_else(|| match step.likeness {
        Likeness::Referred(_) => "declare both columns with one type and one COLLATE".to_owned(),
        _ => NO_INDEX.to_owned(),
    });
    Some(Told { reason: format!("{reason} each batch of people reads all of it"), remedy })
}

const NO_INDEX: &str = "this database has no index for it; where the table is large, map its rows by the person's key, in the type that the \
                        table of people has";

/// A row that several share is theirs who are named on its way. Where nobody is, nobody keeps it from going with the others.
fn nobody_named(map: &Map<'_>, steps: &[Step]) -> Vec<Told> {
    let mut found = Vec::new();
    for (at, shared) in steps.iter().enumerate().filter(|(_, step)| step.shared) {
        let further = steps[at..].iter().zip(&steps[at + 1..]);
        for (to, next) in further {
            let Some(table) = map.table(&to.table) else { continue };
            let may_be_null = table.column(map.catalog.dialect, &next.column).is_some_and(|column| column.nullable);
            if may_be_null {
                let (sharers, owner) = (spelled(map.catalog, &shared.table), spelled(map.catalog, &table.name));
                let reason = format!(
                    "rows are shared by all whom rows of `{sharers}` with one `{}` lead to, and `{owner}.{}` may be NULL: who is not \
                     named there keeps no row, which goes with the others",
                    shared.key, next.column
                );
                let remedy = format!("declare `{owner}.{}` NOT NULL, or let `where` leave such rows out", next.column);
                found.push(Told { reason, remedy });
            }
        }
    }
    found
}
