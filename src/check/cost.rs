//! What makes a rule read more than it must, or do more at once than it should.

use crate::base::name::{Name, TableName};
use crate::db::Dialect;
use crate::db::catalog::{Table, TableKind};
use crate::db::maintain::advice;
use crate::diagnostic::mistake::Mistake;
use crate::plan::{Act, Axis, Reading, Target};

use super::{About, joined, list};

pub(super) fn findings(about: About<'_>, target: &Target) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = anchor_without_index(about, target).into_iter().collect();
    mistakes.extend(one_window(about));
    mistakes.extend(children_without_index(about, target));
    mistakes
}

/// An age of one column that no index begins with. Where several columns or a parent tell the age, none would help.
fn anchor_without_index(about: About<'_>, target: &Target) -> Option<Mistake> {
    let [anchor] = target.anchors.as_slice() else { return None };
    if !anchor.hops.is_empty() {
        return None;
    }
    let targets = about.plan.targets.iter().filter_map(|target| Some((target.only, about.table(&target.table)?)));
    let holders = targets.flat_map(|(only, table)| if only { vec![table] } else { about.catalog.leaves_of(table) });
    let lacking: Vec<&Table> = holders.filter(|table| table.index_led_by(&anchor.column).is_none()).collect();
    if lacking.is_empty() {
        return None;
    }
    let root = about.root(target)?;
    let is_text = matches!(anchor.reading, Reading::Text { .. });
    // SQLite goes through the rowids whatever its indexes, and a text has to be read to tell its time.
    let who =
        if is_text || about.dialect() == Dialect::Sqlite { "every plan reads" } else { "every plan and run reads" };
    let whole = if is_text { "; with one, the index alone" } else { "" };
    let reason = format!(
        "no index of `{}` begins with `{}`; without one {who} the whole table, {}{whole}",
        about.spelled(&target.root),
        anchor.column,
        size(&lacking)
    );
    // A root passes its index on to its partitions; inheritance children need one each.
    let to_index = if root.kind == TableKind::Partitioned { vec![root] } else { lacking };
    Some(about.warning(about.due_key, reason).remedy(create_indexes(
        about,
        &to_index,
        std::slice::from_ref(&anchor.column),
    )))
}

/// Tables that cannot be cut into windows. (A roll-up is cut into buckets.)
fn one_window(about: About<'_>) -> Option<Mistake> {
    let whole = about.plan.targets.iter().filter(|target| target.axes == [Axis::Whole]);
    let names: Vec<_> = whole.map(|target| about.spelled(&target.table)).collect();
    if names.is_empty() || matches!(about.plan.act, Act::Aggregate(_)) {
        return None;
    }
    let reason = format!("{} has no usable key, so all that is due goes in one transaction", list(names));
    Some(about.warning("table", reason).remedy("add a primary key, or a unique index over columns that are NOT NULL"))
}

/// Every batch looks for what refers to its rows.
fn children_without_index(about: About<'_>, target: &Target) -> Vec<Mistake> {
    let mut seen: Vec<(&TableName, &[Name])> = Vec::new();
    for (child, columns) in references(about, target) {
        let unserved = about.table(child).is_some_and(|table| !serves(table, columns));
        if unserved && !seen.contains(&(child, columns)) {
            seen.push((child, columns));
        }
    }
    seen.into_iter().filter_map(|(child, columns)| child_without_index(about, about.table(child)?, columns)).collect()
}

/// Every table and columns by which the statements look for references.
fn references<'a>(about: About<'a>, target: &'a Target) -> Vec<(&'a TableName, &'a [Name])> {
    if !about.plan.act.removes() {
        return Vec::new();
    }
    let own = target.self_links.iter().map(|link| (&target.root, link.columns.as_slice()));
    let of_dependents =
        about.plan.dependents.iter().flat_map(|one| one.links.iter().chain(&one.blockers).chain(&one.self_links));
    let links = target.blockers.iter().chain(of_dependents).map(|link| (&link.table, link.columns.as_slice()));
    own.chain(links).collect()
}

/// An index over all rows that begins with one of the columns finds the rows that refer.
fn serves(table: &Table, columns: &[Name]) -> bool {
    table
        .indexes
        .iter()
        .any(|index| !index.partial && index.columns.first().is_some_and(|first| columns.contains(first)))
}

fn child_without_index(about: About<'_>, child: &Table, columns: &[Name]) -> Option<Mistake> {
    let reason = format!(
        "no index of `{}` begins with `{}`; without one each batch reads that whole table, {}",
        about.spelled(&child.name),
        joined(columns),
        size(&[child])
    );
    Some(about.warning("table", reason).remedy(create_indexes(about, &[child], columns)))
}

fn create_indexes(about: About<'_>, tables: &[&Table], columns: &[Name]) -> String {
    tables.iter().map(|table| advice::create_index(about.dialect(), table, columns)).collect::<Vec<_>>().join("\n")
}

/// What the statistics say of the tables together.
fn size(tables: &[&Table]) -> String {
    let rows = sum(tables, |table| table.estimated_rows).map(|rows| format!("{} rows", grouped(rows)));
    let bytes = sum(tables, |table| table.estimated_bytes).map(megabytes);
    let known: Vec<String> = rows.into_iter().chain(bytes).collect();
    match known.as_slice() {
        [] => "whose size the statistics do not tell".to_owned(),
        known => format!("about {} by the statistics", known.join(" / ")),
    }
}

fn sum(tables: &[&Table], of: impl Fn(&Table) -> Option<u64>) -> Option<u64> {
    tables.iter().filter_map(|table| of(table)).reduce(u64::saturating_add)
}

/// `5,000,000`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Millions of bytes, rounded up.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", grouped(bytes.div_ceil(1_000_000)))
}
