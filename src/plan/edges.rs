//! What one rule changes that another one looks at.
//!
//! Where a rule changes what another one's condition, age or hold is told by, the other one acts first: what it decides was
//! decided before anything went. Blockers are weaker: a row that is blocked now goes in the next run, while a row that went
//! by a wrong decision is gone.

use super::{Act, Anchor, Condition, Hold, Link, Redaction, RulePlan, SelfEffect, Way};
use crate::base::name::{Name, TableName};
use crate::schedule::Then;

/// A change of one table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change<'a> {
    pub table: &'a TableName,
    /// Only these columns of rows that stay; `None` where rows come or go.
    pub columns: Option<Vec<&'a Name>>,
}

impl Change<'_> {
    fn is_of(&self, column: &Name) -> bool {
        self.columns.as_ref().is_none_or(|columns| columns.contains(&column))
    }

    fn is_of_a_column_that(&self, is_asked_for: impl Fn(&Name) -> bool) -> bool {
        self.columns.as_ref().is_none_or(|columns| columns.iter().any(|column| is_asked_for(column)))
    }
}

/// All that a rule changes: its own rows, what goes with them or lets go of them, and the target of a roll-up.
pub(super) fn changes(rule: &RulePlan) -> Vec<Change<'_>> {
    let mut changes = Vec::new();
    for target in &rule.targets {
        let lets_go = target.self_links.iter().filter(|link| link.effect == SelfEffect::Null);
        let columns = match rule.act {
            Act::Redact => Some(target.redactions.iter().map(|redaction| &redaction.column).collect()),
            Act::Delete | Act::Aggregate(_) => None,
        };
        for table in [&target.root, &target.table] {
            changes.push(Change { table, columns: columns.clone() });
            changes.extend(lets_go.clone().map(|link| Change { table, columns: Some(link.let_go.iter().collect()) }));
        }
    }
    for dependent in &rule.dependents {
        let columns = match dependent.then {
            Then::Delete => None,
            Then::Null => Some(dependent.links.iter().flat_map(|link| &link.let_go).collect()),
        };
        changes.push(Change { table: &dependent.table, columns });
    }
    if let Act::Aggregate(rollup) = &rule.act {
        changes.push(Change { table: &rollup.into, columns: None });
    }
    changes.dedup();
    changes
}

/// Tables whose rows a rule looks at to decide over its own, by their last names in small letters: a condition need not say
/// the schema.
pub(super) fn tables_read(rule: &RulePlan) -> Vec<String> {
    let hops = anchors_of(rule).flat_map(|anchor| &anchor.hops).map(|hop| hop.table.table.as_str());
    let asked = conditions_of(rule).flat_map(Condition::tables);
    let people = holds_of(rule).filter_map(|hold| hold.people.as_ref());
    let held = people.flat_map(|people| {
        let steps = people.ways.iter().flat_map(|way| &way.steps).map(|step| step.table.table.as_str());
        steps.chain([people.table.table.as_str()])
    });
    let mut tables: Vec<String> = hops.chain(asked).chain(held).map(str::to_lowercase).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

/// Does the rule look at what changes in rows of other tables, or in other rows of its own?
pub(super) fn reads(rule: &RulePlan, change: &Change<'_>) -> bool {
    let is_asked = conditions_of(rule).any(|condition| {
        condition.mentions(change.table) && change.is_of_a_column_that(|it| condition.may_ask_for(it))
    });
    is_asked
        || anchors_of(rule).any(|anchor| leads_over(anchor, change))
        || holds_of(rule).any(|hold| leads_to_held_people_over(hold, change))
}

/// Does the age of a row hang on the change?
fn leads_over(anchor: &Anchor, change: &Change<'_>) -> bool {
    anchor.hops.iter().enumerate().any(|(at, hop)| {
        let next = anchor.hops.get(at + 1).map_or(&anchor.column, |next| &next.column);
        hop.table == *change.table && (change.is_of(&hop.key) || change.is_of(next))
    })
}

/// Does it hang on the change whether a hold on people covers a row?
fn leads_to_held_people_over(hold: &Hold, change: &Change<'_>) -> bool {
    let Some(people) = &hold.people else { return false };
    let of_the_person = |column: &Name| {
        let asked = hold.condition.as_ref().is_some_and(|condition| condition.names(column));
        asked || hold.anchors.iter().any(|anchor| first_column(anchor) == column)
    };
    let over = |way: &Way| {
        way.steps.iter().enumerate().any(|(at, step)| {
            let next = way.steps.get(at + 1);
            let leads_on = |column: &Name| {
                next.is_some_and(|next| {
                    next.column == *column || next.conditions.iter().any(|condition| condition.names(column))
                })
            };
            step.table == *change.table && (change.is_of(&step.key) || change.is_of_a_column_that(leads_on))
        })
    };
    people.ways.iter().any(over) || people.table == *change.table && change.is_of_a_column_that(of_the_person)
}

/// Does the rule look at a column of its own rows, or of rows that go with them, that the change writes?
pub(super) fn reads_of_its_own_rows(rule: &RulePlan, change: &Change<'_>) -> bool {
    let Some(columns) = &change.columns else { return false };
    columns.iter().any(|column| {
        let of_targets = rule.targets.iter().any(|target| {
            target.root == *change.table
                && (target.anchors.iter().any(|anchor| first_column(anchor) == *column)
                    || target.condition.iter().any(|condition| condition.names(column))
                    || target.holds.iter().any(|hold| hold.asks_of_the_row(column)))
        });
        let of_dependents = rule.dependents.iter().any(|dependent| {
            dependent.table == *change.table && dependent.holds.iter().any(|hold| hold.asks_of_the_row(column))
        });
        of_targets || of_dependents
    })
}

fn first_column(anchor: &Anchor) -> &Name {
    anchor.hops.first().map_or(&anchor.column, |hop| &hop.column)
}

fn anchors_of(rule: &RulePlan) -> impl Iterator<Item = &Anchor> {
    let own = rule.targets.first().into_iter().flat_map(|target| &target.anchors);
    own.chain(holds_of(rule).flat_map(|hold| &hold.anchors))
}

/// The conditions that decide over the rule's rows: its own, and those of the holds.
fn conditions_of(rule: &RulePlan) -> impl Iterator<Item = &Condition> {
    let own = rule.targets.first().and_then(|target| target.condition.as_ref());
    let ways = holds_of(rule).filter_map(|hold| hold.people.as_ref()).flat_map(|people| &people.ways);
    let on_the_way =
        ways.flat_map(|way| way.condition.iter().chain(way.steps.iter().flat_map(|step| &step.conditions)));
    own.into_iter().chain(holds_of(rule).filter_map(|hold| hold.condition.as_ref())).chain(on_the_way)
}

/// Holds on the rule's rows and on those that go with them.
fn holds_of(rule: &RulePlan) -> impl Iterator<Item = &Hold> {
    let own = rule.targets.iter().flat_map(|target| &target.holds);
    own.chain(rule.dependents.iter().flat_map(|dependent| &dependent.holds))
}

/// Does `rule` delete, let go of, or get blocked by rows that `other` removes?
pub(super) fn depends_on(rule: &RulePlan, other: &RulePlan) -> bool {
    let Some(table) = other.targets.first().map(|target| &target.root) else { return false };
    if rule.root().is_some_and(|root| root == table) {
        return false;
    }
    rule.dependents.iter().any(|dependent| dependent.table == *table)
        || blockers_of(rule).any(|link| other.removes_from(&link.table))
}

/// Does `rule` take what refers to rows of `other` and keeps them, or change the references?
pub(super) fn frees(rule: &RulePlan, other: &RulePlan) -> bool {
    let Some(target) = rule.targets.first() else { return false };
    let redacts = |link: &Link| target.redactions.iter().any(|redaction| link.columns.contains(&redaction.column));
    match rule.act {
        Act::Redact => blockers_of(other).any(|link| link.table == target.root && redacts(link)),
        Act::Delete | Act::Aggregate(_) => blockers_of(other).any(|link| rule.removes_from(&link.table)),
    }
}

/// Are rows of `rule` kept by rows that lead to people by way of them, and that `other` removes?
pub(super) fn is_kept_by(rule: &RulePlan, other: &RulePlan) -> bool {
    tables_that_lead_here(rule).any(|table| other.removes_from(table))
}

/// Tables whose rows keep rows of the rule.
pub(super) fn tables_that_keep(rule: &RulePlan) -> impl Iterator<Item = &TableName> {
    let along = rule.dependents.iter().map(|dependent| &dependent.table);
    along.chain(blockers_of(rule).map(|link| &link.table)).chain(tables_that_lead_here(rule))
}

fn tables_that_lead_here(rule: &RulePlan) -> impl Iterator<Item = &TableName> {
    let own = rule.targets.iter().flat_map(|target| &target.passages);
    let passages = own.chain(rule.dependents.iter().flat_map(|dependent| &dependent.passages));
    passages.flat_map(|passage| passage.tables_that_lead_here())
}

fn blockers_of(rule: &RulePlan) -> impl Iterator<Item = &Link> {
    let own = rule.targets.iter().flat_map(|target| &target.blockers);
    own.chain(rule.dependents.iter().flat_map(|dependent| &dependent.blockers))
}

impl RulePlan {
    /// The table that it names.
    pub fn root(&self) -> Option<&TableName> {
        self.targets.first().map(|target| &target.root)
    }

    pub fn redactions(&self) -> impl Iterator<Item = &Redaction> {
        self.targets.first().into_iter().flat_map(|target| &target.redactions)
    }

    pub fn redacts(&self, column: &Name) -> bool {
        self.redactions().any(|redaction| redaction.column == *column)
    }

    /// Does the rule delete rows of the table, its own or by its cascade?
    pub fn removes_from(&self, table: &TableName) -> bool {
        self.tables_removed_from().any(|removed| removed == table)
    }

    pub(super) fn tables_removed_from(&self) -> impl Iterator<Item = &TableName> {
        let gone = self.dependents.iter().filter(|dependent| dependent.then == Then::Delete);
        self.targets.first().map(|target| &target.root).into_iter().chain(gone.map(|dependent| &dependent.table))
    }

    /// Tables to which the rule does anything, partitions by their own names too.
    pub fn tables_changed(&self) -> impl Iterator<Item = &TableName> {
        let own = self.targets.iter().flat_map(|target| [&target.root, &target.table]);
        let along = self.dependents.iter().map(|dependent| &dependent.table);
        let into = match &self.act {
            Act::Aggregate(rollup) => Some(&rollup.into),
            Act::Delete | Act::Redact => None,
        };
        own.chain(along).chain(into)
    }
}
