//! What the entries of a map say, as far as it decides over rows.

use std::collections::BTreeMap;

use super::{Columns, EntryTerms, OTHER_COLUMNS, ReferenceTerms, Terms};
use crate::base::name::{Name, TableName};
use crate::plan::{By, Entry, Erasure, FamilyReference, ReferenceEffect};

/// Columns of tables by number. Only those are numbered that two entries change, or one changes and a reference is over.
#[derive(Debug, Default)]
pub struct ColumnNumbers(BTreeMap<(TableName, Name), u32>);

impl ColumnNumbers {
    /// The last number is that of all columns without one of their own.
    const MOST: u32 = 127;

    pub fn of(erasure: &Erasure, family: &[FamilyReference<'_>]) -> Self {
        let mut wanted: BTreeMap<(TableName, Name), bool> = BTreeMap::new();
        for entry in &erasure.entries {
            let Some(root) = entry.root() else { continue };
            for redaction in entry.redactions() {
                let key = (root.clone(), redaction.column.clone());
                wanted.entry(key).and_modify(|is_wanted| *is_wanted = true).or_insert(false);
            }
        }
        for reference in family {
            let By::Columns { table, columns, .. } = &reference.by else { continue };
            for column in *columns {
                wanted.entry(((*table).clone(), column.clone())).and_modify(|is_wanted| *is_wanted = true);
            }
        }
        let mut next: BTreeMap<TableName, u32> = BTreeMap::new();
        let mut numbers = Self::default();
        for ((table, column), _) in wanted.into_iter().filter(|(_, is_wanted)| *is_wanted) {
            let number = next.entry(table.clone()).or_default();
            if *number < Self::MOST {
                numbers.0.insert((table, column), *number);
                *number += 1;
            }
        }
        numbers
    }

    pub fn bit(&self, table: &TableName, column: &Name) -> Option<Columns> {
        self.0.get(&(table.clone(), column.clone())).map(|number| 1 << number)
    }

    fn bits(&self, table: &TableName, columns: &[Name]) -> Columns {
        columns.iter().filter_map(|column| self.bit(table, column)).fold(0, |bits, bit| bits | bit)
    }

    /// The columns of an entry's redaction, each with its bit; those without a number of their own share one.
    pub fn of_entry<'e>(&self, entry: &'e Entry) -> Vec<(Columns, Vec<&'e Name>)> {
        let mut found: BTreeMap<Columns, Vec<&Name>> = BTreeMap::new();
        for redaction in entry.redactions() {
            let bit = entry.root().and_then(|root| self.bit(root, &redaction.column)).unwrap_or(OTHER_COLUMNS);
            found.entry(bit).or_default().push(&redaction.column);
        }
        found.into_iter().collect()
    }
}

impl Terms {
    pub fn of(erasure: &Erasure, family: &[FamilyReference<'_>], numbers: &ColumnNumbers) -> Self {
        let entries = &erasure.entries;
        let of_entry = |place: usize, entry: &Entry| EntryTerms {
            removes: entry.plan.act.removes(),
            waits_for: (0..entries.len())
                .filter(|other| *other != place && entry.hides_the_person_from(&entries[*other]))
                .collect(),
            may_be_needed: entry.may_be_needed(),
        };
        let of_reference = |one: &FamilyReference<'_>| ReferenceTerms {
            entry: one.entry,
            level: one.level,
            effect: one.effect,
            columns: match &one.by {
                By::Columns { table, columns, .. } => numbers.bits(table, columns),
                By::Path(_) => 0,
            },
            may_be_null: match &one.by {
                By::Columns { table, let_go, .. } => {
                    let mut tables = erasure.tables.of(table).iter().map(|number| erasure.tables.get(*number));
                    tables.all(|table| let_go.iter().any(|column| !table.required.contains(column)))
                }
                By::Path(_) => false,
            },
            name: one.name.clone(),
        };
        Self {
            entries: entries.iter().enumerate().map(|(place, entry)| of_entry(place, entry)).collect(),
            references: family.iter().map(of_reference).collect(),
        }
    }

    /// Does anything go along with rows of the entry?
    pub fn has_family(&self, entry: usize) -> bool {
        let mut references = self.references.iter().filter(|one| one.entry == entry);
        references.any(|one| matches!(one.effect, ReferenceEffect::GoesAlong(_)))
    }
}
