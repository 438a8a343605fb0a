//! Rows that must stay.

use crate::base::name::{Name, TableName};

use super::{Anchor, Condition, HeldPeople};

/// A hold as the report names it.
#[derive(Debug, Clone, PartialEq)]
pub struct HoldFact {
    pub name: String,
    pub promises: Vec<String>,
    pub table: String,
    pub term: String,
    pub reason: String,
}

/// Rows that must stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    pub name: String,
    /// Somebody ordered it, and its condition may name a person: it is never shown.
    pub by_hand: bool,
    /// Covered until the latest of these is before its bound; empty where the hold has no such term.
    pub anchors: Vec<Anchor>,
    pub condition: Option<Condition>,
    /// PostgreSQL: covers only rows that lie in these partitions or children of the table; empty for all of it.
    pub only_in: Vec<TableName>,
    /// The hold is on people, and covers the rows that are theirs: anchors and condition are of the table of people.
    pub people: Option<HeldPeople>,
}

impl Hold {
    /// Does it look at this column of the row that it covers?
    pub fn asks_of_the_row(&self, column: &Name) -> bool {
        let ways = self.people.iter().flat_map(|people| &people.ways);
        let of_people = ways.clone().filter_map(|way| way.steps.first()).any(|step| step.column == *column);
        let conditions = ways.filter_map(|way| way.condition.as_ref());
        let own = self.condition.iter().filter(|_| self.people.is_none());
        let first = |anchor: &Anchor| anchor.hops.first().map_or(&anchor.column, |hop| &hop.column) == column;
        of_people
            || conditions.chain(own).any(|condition| condition.names(column))
            || self.people.is_none() && self.anchors.iter().any(first)
    }
}
