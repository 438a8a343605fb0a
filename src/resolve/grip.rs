//! Does a hold keep its grip? What its condition asks for may be what a plan takes or changes: the rows that it covered in one
//! run would be covered by nothing in the next, by our own doing.

use super::ResolvedHold;
use crate::base::name::{Name, TableName};
use crate::db::catalog::{Catalog, Table, TableKind};
use crate::diagnostic::mistake::Mistake;
use crate::plan::{Act, Entry, Erasure, RulePlan};
use crate::schedule::Then;

/// What the erasure of people changes although a hold asks for it: an erasure that would release a hold must not begin.
pub(super) fn released_by_erasure(catalog: &Catalog, holds: &[&ResolvedHold<'_>], erasure: &Erasure) -> Vec<Mistake> {
    let of_entry = |hold: &ResolvedHold<'_>, entry: &Entry| {
        let grip = Grip { catalog, hold, is_passed: entry.kept.is_some() && hold.is_passed_by_kept };
        let change = changes_of(&entry.plan).find_map(|change| grip.loosened_by(&change))?;
        Some(format!("{change}, as `{}` of the map of people does", entry.plan.rule))
    };
    let of_mark = |hold: &ResolvedHold<'_>| {
        let requests = erasure.requests.as_ref()?;
        let columns = requests.mark.iter().map(|mark| &mark.column).collect();
        let marked = Change { table: &requests.table, what: What::Columns(columns) };
        let change = Grip { catalog, hold, is_passed: false }.loosened_by(&marked)?;
        Some(format!("{change}, as `mark` of [subject.requests] does"))
    };
    let change = |hold: &ResolvedHold<'_>| {
        let by_entry = erasure.entries.iter().find_map(|entry| of_entry(hold, entry));
        by_entry.or_else(|| of_mark(hold))
    };
    let refused = |hold: &ResolvedHold<'_>, change: String| {
        let name = &hold.hold.name;
        Mistake::error(format!(
            "hold `{name}` asks for what the erasure of people changes, and would let go of what it keeps: {change}"
        ))
        .at(&hold.places, "where")
        .remedy(REMEDY)
    };
    holds.iter().filter_map(|hold| Some(refused(hold, change(hold)?))).collect()
}

/// The same of a rule, which a condition of the schedule may well mean: a warning.
pub(super) fn released_by_rule(catalog: &Catalog, holds: &[&ResolvedHold<'_>], rule: &RulePlan) -> Vec<Mistake> {
    let told = |hold: &ResolvedHold<'_>| {
        let grip = Grip { catalog, hold, is_passed: false };
        let change = changes_of(rule).find_map(|change| grip.loosened_by(&change))?;
        let (name, rule) = (&hold.hold.name, &rule.rule);
        let message = format!(
            "hold `{name}` asks for what rule `{rule}` changes, and lets go of what it keeps once that was done: {change}"
        );
        Some(Mistake::warning(message).at(&hold.places, "where").remedy(REMEDY))
    };
    holds.iter().filter_map(|hold| told(hold)).collect()
}

const REMEDY: &str = "let the hold name its rows by what stays, such as their own key (`id IN (17, 23)`), or hold the whole \
                      person: `tenure hold add … --subject KEY`, or `subject = true` in a schedule";

/// What a plan does to a table.
struct Change<'a> {
    table: &'a TableName,
    what: What<'a>,
}

enum What<'a> {
    /// Rows go, or come.
    Rows,
    Columns(Vec<&'a Name>),
}

fn changes_of(plan: &RulePlan) -> impl Iterator<Item = Change<'_>> {
    let own = plan.targets.first().map(|target| Change {
        table: &target.root,
        what: match plan.act.removes() {
            true => What::Rows,
            false => What::Columns(target.redactions.iter().map(|redaction| &redaction.column).collect()),
        },
    });
    let along = plan.dependents.iter().map(|dependent| Change {
        table: &dependent.table,
        what: match dependent.then {
            Then::Delete => What::Rows,
            Then::Null => What::Columns(dependent.links.iter().flat_map(|link| &link.let_go).collect()),
        },
    });
    let into = match &plan.act {
        Act::Aggregate(rollup) => Some(Change { table: &rollup.into, what: What::Rows }),
        Act::Delete | Act::Redact => None,
    };
    own.into_iter().chain(along).chain(into)
}

/// One hold, as a plan meets it.
struct Grip<'a, 'c> {
    catalog: &'a Catalog,
    hold: &'a ResolvedHold<'c>,
    /// The plan changes also rows that the hold covers.
    is_passed: bool,
}

impl Grip<'_, '_> {
    /// What the hold asks for, where the change could answer it otherwise. A row that the hold covers does not change, so
    /// what a condition says of its own row is no matter; nor is it that rows go by which an age is told, because a row
    /// without one is covered.
    fn loosened_by(&self, change: &Change<'_>) -> Option<String> {
        let changed = self.catalog.find(change.table)?;
        let shown = self.catalog.as_written(change.table);
        if let What::Columns(columns) = &change.what
            && let Some(column) = columns.iter().find(|column| self.tells_the_age(changed, column))
        {
            return Some(format!("its term is counted from `{shown}.{column}`, which is redacted"));
        }
        let condition = self.hold.hold.condition.as_ref()?;
        let mut asked = self.catalog.tables.iter().filter(|table| condition.mentions(&table.name));
        let own = Some(self.hold.table).filter(|_| self.is_passed);
        let seen =
            asked.find(|table| self.may_show(table, changed)).or(own.filter(|own| self.may_show(own, changed)))?;
        if seen.kind == TableKind::View {
            let view = self.catalog.as_written(&seen.name);
            return Some(format!("it looks at the view `{view}`, which may show rows of `{shown}`, and these change"));
        }
        match &change.what {
            What::Rows => Some(format!("it looks at rows of `{shown}`, and these go")),
            What::Columns(columns) => {
                let computed = changed.columns.iter().filter(|column| {
                    column.generated && !changed.declared_key.contains(&column.name) && condition.names(&column.name)
                });
                let asked = columns.iter().copied().find(|column| condition.may_ask_for(column));
                let column = asked.or(computed.map(|column| &column.name).next())?;
                Some(format!("it looks at `{shown}.{column}`, which is redacted"))
            }
        }
    }

    fn may_show(&self, looked_at: &Table, changed: &Table) -> bool {
        looked_at.kind == TableKind::View || self.catalog.share_rows(looked_at, changed)
    }

    /// Is the column one by which the hold's term is counted, or that leads to it? Of its own rows only where it is passed.
    fn tells_the_age(&self, changed: &Table, column: &Name) -> bool {
        self.hold.hold.anchors.iter().any(|anchor| {
            let tables = std::iter::once(&self.hold.table.name).chain(anchor.hops.iter().map(|hop| &hop.table));
            let leading = anchor.hops.iter().map(|hop| &hop.column).chain([&anchor.column]);
            let is_own = |at: usize| at == 0 && !self.is_passed;
            tables.zip(leading).enumerate().any(|(at, (table, leading))| {
                let shares = self.catalog.find(table).is_some_and(|table| self.catalog.share_rows(table, changed));
                !is_own(at) && leading == column && shares
            })
        })
    }
}
