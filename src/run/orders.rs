//! Holds that were ordered by hand, as if they stood in the schedule of the run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::place::{Places, Source};
use crate::ledger::hold::Order;
use crate::resolve::StandingHold;
use crate::schedule::{Hold, Schedule, Term};

/// The hold that the order makes. Its last day is one of the policy whose rules it meets.
///
/// Mistakes in it are shown beside its name and never beside its condition, which may name a person.
pub fn hold_of(order: &Order) -> Hold {
    let source = Source { path: PathBuf::from("ledger"), text: format!("hold {}", order.name) };
    Hold {
        of_people: order.of_people,
        name: order.name.clone(),
        promises: Vec::new(),
        database: None,
        table: order.table.clone(),
        term: order.last_day.map_or(Term::Open, Term::Until),
        condition: order.condition.clone(),
        reason: order.reason.clone(),
        places: Places { source: Arc::new(source), spans: BTreeMap::new() },
    }
}

/// Those of the schedules and those of the ledger.
pub(super) fn all<'h>(
    written: &[StandingHold<'h>],
    schedule: &'h Schedule,
    ordered: &'h [Hold],
) -> Vec<StandingHold<'h>> {
    let ordered = ordered.iter().map(|hold| StandingHold { schedule, hold, by_hand: true });
    written.iter().copied().chain(ordered).collect()
}
