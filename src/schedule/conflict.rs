//! What is wrong between rules, and between rules and holds, that are right by themselves.

use std::collections::BTreeMap;

use super::{Action, Age, Anchor, Hold, Redaction, Rule, Subject, Term};
use crate::base::name::TableName;
use crate::diagnostic::mistake::Mistake;

/// All conflicts, each shown at the later rule of the two. `default_database` is the policy's.
pub(super) fn between(
    rules: &[Rule],
    holds: &[Hold],
    subject: Option<&Subject>,
    default_database: Option<&str>,
) -> Vec<Mistake> {
    let mut places: BTreeMap<Place<'_>, OfPlace<'_>> = BTreeMap::new();
    for rule in rules {
        let database = rule.database.as_deref().or(default_database);
        places.entry((database, &rule.table)).or_default().rules.push(rule);
    }
    for hold in holds {
        let database = hold.database.as_deref().or(default_database);
        places.entry((database, &hold.table)).or_default().anchors.extend(hold_anchors(hold));
    }
    if let Some(subject) = subject {
        let database = subject.database.as_deref().or(default_database);
        let anchors = &mut places.entry((database, &subject.table)).or_default().anchors;
        anchors.extend(subject.closed.iter().chain(&subject.created));
    }
    places.into_values().flat_map(OfPlace::conflicts).collect()
}

/// A database, as far as it is named, and a table in it.
type Place<'s> = (Option<&'s str>, &'s TableName);

/// What a schedule says of one table.
#[derive(Default)]
struct OfPlace<'s> {
    rules: Vec<&'s Rule>,
    /// Columns that tell the age of its rows, but for the rules' own.
    anchors: Vec<&'s Anchor>,
}

impl OfPlace<'_> {
    fn conflicts(mut self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (at, later) in self.rules.iter().enumerate() {
            for earlier in &self.rules[..at] {
                mistakes.extend(same_row_at_same_age(earlier, later).or_else(|| never_reached(earlier, later)));
            }
        }
        self.anchors.extend(self.rules.iter().flat_map(|rule| rule.age.anchors()));
        mistakes.extend(self.rules.iter().flat_map(|rule| redacted_anchors(rule, &self.anchors)));
        mistakes
    }
}

/// Two rules that would act on the same row at the same age: which of them did is left to chance.
fn same_row_at_same_age(earlier: &Rule, later: &Rule) -> Option<Mistake> {
    act_on_same_rows(earlier, later).then(|| {
        Mistake::error(format!(
            "rule `{}`: rule `{}` acts on the same rows of `{}` at the same age",
            later.name, earlier.name, later.table
        ))
        .remedy("join the two, give them different periods, or tell their rows apart by `where`")
        .at(&later.places, age_key(later))
    })
}

/// Would two rules on one table act on some row at the same age? Different conditions are taken to tell rows apart.
pub(crate) fn act_on_same_rows(one: &Rule, other: &Rule) -> bool {
    let same_rows = match (&one.condition, &other.condition) {
        (Some(one), Some(other)) => one.trim() == other.trim(),
        _ => true,
    };
    same_rows && same_age(&one.age, &other.age)
}

/// A stage that comes when an unconditional deletion has left it nothing to do.
fn never_reached(one: &Rule, other: &Rule) -> Option<Mistake> {
    let (deletion, stage) = match (&one.action, &other.action) {
        (Action::Delete, Action::Delete) => return None,
        (Action::Delete, _) => (one, other),
        (_, Action::Delete) => (other, one),
        _ => return None,
    };
    let (Age::Retain { period: gone, .. }, Age::Retain { period: reached, .. }) = (&deletion.age, &stage.age) else {
        return None;
    };
    // A stage kept for ever says on purpose that it never acts.
    let too_late = deletion.condition.is_none()
        && same_anchors(&deletion.age, &stage.age)
        && !reached.is_forever()
        && reached.is_never_shorter_than(gone);
    too_late.then(|| {
        Mistake::error(format!(
            "rule `{}`: it can never act, because rule `{}` deletes every row of `{}` after {gone}",
            stage.name, deletion.name, stage.table
        ))
        .remedy(format!("{} before {gone}, or take the rule out", stage.action.as_str()))
        .at(&stage.places, age_key(stage))
    })
}

fn same_age(one: &Age, other: &Age) -> bool {
    let same_period = match (one, other) {
        (Age::Retain { period: one, .. }, Age::Retain { period: other, .. }) => one.equals(other),
        (Age::Expires(_), Age::Expires(_)) => true,
        _ => false,
    };
    same_period && same_anchors(one, other)
}

/// The order of anchors means nothing: the latest of them counts.
fn same_anchors(one: &Age, other: &Age) -> bool {
    let within = |some: &[Anchor], all: &[Anchor]| some.iter().all(|anchor| all.contains(anchor));
    within(one.anchors(), other.anchors()) && within(other.anchors(), one.anchors())
}

fn age_key(rule: &Rule) -> &'static str {
    match rule.age {
        Age::Retain { .. } => "retain",
        Age::Expires(_) => "expires",
    }
}

fn hold_anchors(hold: &Hold) -> &[Anchor] {
    match &hold.term {
        Term::For { anchors, .. } => anchors,
        Term::Until(_) | Term::Open => &[],
    }
}

/// Columns that a rule redacts and that tell the age of the same rows: a date cut to its year would let them go up to a
/// year early, and one that was emptied would keep them for ever.
fn redacted_anchors(rule: &Rule, anchors: &[&Anchor]) -> Vec<Mistake> {
    let Action::Redact(redactions) = &rule.action else { return Vec::new() };
    let tells_age = |redaction: &&Redaction| {
        anchors.iter().any(|anchor| anchor.path.hops.is_empty() && anchor.path.column == redaction.column)
    };
    redactions.iter().filter(tells_age).map(|redaction| redacted_anchor(rule, &rule.table, redaction)).collect()
}

fn redacted_anchor(rule: &Rule, table: &TableName, redaction: &Redaction) -> Mistake {
    let column = &redaction.column;
    Mistake::error(format!(
        "rule `{}`: `{column}` may not be redacted, because it tells how old the rows of `{table}` are",
        rule.name
    ))
    .remedy("let the column be, or count the age by another one")
    .at(&rule.places, &format!("redact.{column}"))
}
