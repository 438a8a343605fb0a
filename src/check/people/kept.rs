//! Entries whose rows another entry keeps, all of them, for somebody else: their people would wait for ever.

use super::{Map, Mapped};
use crate::base::name::TableName;
use crate::diagnostic::mistake::Mistake;
use crate::plan::Step;
use crate::resolve;

/// What is told of an entry that would delete or redact rows.
pub(super) fn findings(map: &Map<'_>, entry: &Mapped<'_>, mapped: &[Mapped<'_>]) -> Option<Mistake> {
    let acts = entry.acts.filter(|_| !entry.data.kept_too)?;
    let keeps_all = |other: &&Mapped<'_>| {
        let is_kept = other.acts.is_none_or(|acts| acts.kept.is_some());
        let covered =
            |redacted: &crate::plan::Redaction| !other.acts.is_some_and(|keeping| keeping.redacts(&redacted.column));
        let is_concerned = acts.plan.act.removes() || acts.redactions().any(covered);
        !std::ptr::eq(other.data, entry.data)
            && is_kept
            && is_concerned
            && other.root() == entry.root()
            && other.data.condition.is_none()
            && other.root().is_some_and(|root| always_leads(map, root, other.steps()))
    };
    let kept = mapped.iter().find(keeps_all)?;
    let (table, column) = (&entry.data.table, entry.data.first_column());
    let verb = if acts.plan.act.removes() { "deleted" } else { "redacted" };
    let reason = format!(
        "{}: each row of `{table}` is kept by `{}`, for the person whom that leads to, so that nothing is {verb} by `{column}` and its people wait",
        resolve::label_of(entry.data),
        kept.data.name()
    );
    let remedy = format!(
        "add what is redacted here to the `redact` of `{}`, let its `where` say which rows it keeps, or write `kept_too = true` here",
        kept.data.name()
    );
    Some(Mistake::warning(reason).remedy(remedy).at(&entry.data.places, "action"))
}

/// Does every row of the table have a person by this way? Each of its columns holds a value, and a foreign key says that there is
/// what it refers to.
fn always_leads(map: &Map<'_>, root: &TableName, steps: &[Step]) -> bool {
    let tables = std::iter::once(root).chain(steps.iter().map(|step| &step.table));
    !steps.is_empty()
        && tables.zip(steps).all(|(table, step)| {
            let Some(table) = map.table(table) else { return false };
            let column = table.column(map.catalog.dialect, &step.column);
            let refers =
                |key: &crate::db::catalog::ForeignKey| key.columns == [step.column.clone()] && key.parent == step.table;
            step.conditions.is_empty()
                && column.is_some_and(|column| !column.nullable)
                && table.foreign_keys.iter().any(refers)
        })
}
