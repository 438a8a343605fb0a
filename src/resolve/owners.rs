//! Whose else a row is: of a copy of what says who somebody is, several entries of the map may say whose it is.

use super::kept::place_of;
use super::map::Part;
use super::people::label;
use super::reading::Blame;
use crate::base::name::{Name, TableName};
use crate::diagnostic::mistake::Mistake;
use crate::plan::{Entry, Step, Target, Way, Whose};
use crate::schedule::Data;

/// Tells each entry over copies the other ways by which its rows may be somebody's, over copies too: all of them where the row
/// would go, and where it is redacted those that begin with the same copy; what a row says of somebody else beside that stays.
pub(super) fn all_of_copies(parts: &mut [Part]) {
    let ways: Vec<(TableName, Way)> = parts.iter().filter_map(over_copies).collect();
    for entry in parts.iter_mut().filter_map(Part::entry_mut) {
        let removes = entry.plan.act.removes();
        for target in &mut entry.plan.targets {
            let (root, condition) = (&target.root, &target.condition);
            let Some(whose) = target.whose.as_mut().filter(|whose| whose.is_shared()) else { continue };
            let is_own = |way: &Way| way.steps == whose.steps && way.condition == *condition;
            let is_meant = |way: &Way| !is_own(way) && (removes || columns(&way.steps) == columns(&whose.steps));
            let also = ways.iter().filter(|(table, way)| table == root && is_meant(way));
            whose.also = also.map(|(_, way)| way.clone()).collect();
        }
    }
}

fn over_copies(part: &Part) -> Option<(TableName, Way)> {
    let target: &Target = part.targets().first()?;
    let whose: &Whose = target.whose.as_ref().filter(|whose| whose.is_shared())?;
    Some((target.root.clone(), Way { condition: target.condition.clone(), steps: whose.steps.clone() }))
}

/// Redactions by which rows of a second person, whom another entry leads to, could not be found any more when that one leaves:
/// no order of the entries helps against who leaves first.
pub(super) fn lost_to_others(written: &[Data], parts: &[Part]) -> Vec<Mistake> {
    let pairs = parts.iter().filter_map(Part::entry).flat_map(|lost| {
        let others = parts.iter().filter_map(Part::entry);
        others.filter(|other| loses(other, lost)).map(move |other| (other, lost))
    });
    let mistakes = pairs.map(|(other, lost)| {
        let (data, by) = (&written[lost.index], &written[other.index]);
        let label = label(data);
        let blame = Blame { label: &label, places: &data.places, key: "action" };
        let reason =
            format!("`{}`{} redacts what these rows are found by, for whoever leaves first", by.name(), place_of(by));
        blame.mistake(reason).remedy(format!("let `{}` leave it, or redact there all that is redacted here", by.name()))
    });
    mistakes.collect()
}

fn loses(other: &Entry, lost: &Entry) -> bool {
    let whose = |entry: &Entry| entry.plan.targets.first().and_then(|target| target.whose.clone());
    let is_of_others = |(one, another): (Whose, Whose)| columns(&one.steps) != columns(&another.steps);
    other.blinds(lost) && whose(other).zip(whose(lost)).is_some_and(is_of_others)
}

/// The columns that are read on the way, up to the copy.
fn columns(steps: &[Step]) -> Vec<&Name> {
    steps.iter().map(|step| &step.column).collect()
}
