//! Does the database understand the conditions, and the statements that are made of them?

use std::collections::HashSet;

use crate::base::name::TableName;
use crate::db::predicate::condition;
use crate::db::query::probe;
use crate::db::{Connection, DbError};
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Places;
use crate::plan::RulePlan;
use crate::resolve::{self, StandingHold};
use crate::schedule::Schedule;

use super::{About, list};

/// What was found in the conditions of a schedule.
pub(super) struct Conditions {
    pub mistakes: Vec<Mistake>,
    /// Labels of the rules and holds whose condition was refused.
    refused: HashSet<String>,
}

impl Conditions {
    /// No condition in the statements of the rule, or of the entry, was refused by itself.
    pub fn are_understood(&self, label: &str, rule: &RulePlan) -> bool {
        let of_targets = rule.targets.iter().flat_map(|target| &target.holds);
        let mut holds = of_targets.chain(rule.dependents.iter().flat_map(|dependent| &dependent.holds));
        !self.refused.contains(label) && !holds.any(|hold| self.refused.contains(&hold_label(&hold.name)))
    }
}

pub(super) fn rule_label(name: &str) -> String {
    format!("rule `{name}`")
}

fn hold_label(name: &str) -> String {
    format!("hold `{name}`")
}

/// A condition of a rule, of the map of people, or of a hold.
struct Where<'s> {
    label: String,
    table: &'s TableName,
    /// Under which it stands.
    key: &'static str,
    text: &'s str,
    places: &'s Places,
}

/// Tries every condition on its own table, also that of a hold which no rule has met yet.
pub(super) fn conditions(
    conn: &mut Connection,
    context: &resolve::Context<'_>,
    schedule: &Schedule,
    chosen: impl Fn(Option<&str>) -> bool,
    holds: &[StandingHold<'_>],
) -> Conditions {
    let mut found = Conditions { mistakes: Vec::new(), refused: HashSet::new() };
    let of_rules = wheres_of_rules(schedule, &chosen).into_iter();
    for part in of_rules.chain(wheres_of_map(schedule, &chosen)).chain(wheres_of_holds(holds)) {
        found.mistakes.extend(volatile(context, &part));
        if let Some(refusal) = try_condition(conn, context, &part) {
            found.mistakes.push(refusal);
            found.refused.insert(part.label);
        }
    }
    found
}

/// Conditions of holds that the database does not understand on the hold's own table. On the way down a cascade a name
/// that the table lacks would be looked for in the tables above it, and the hold would cover other rows than it says.
pub fn hold_conditions(
    conn: &mut Connection,
    context: &resolve::Context<'_>,
    holds: &[StandingHold<'_>],
) -> Vec<Mistake> {
    let in_force: Vec<_> = holds.iter().filter(|hold| hold.is_in_force(context.as_of)).copied().collect();
    wheres_of_holds(&in_force).iter().filter_map(|part| try_condition(conn, context, part)).collect()
}

/// The refusal of a condition on its own table, as far as the role may ask.
fn try_condition(conn: &mut Connection, context: &resolve::Context<'_>, part: &Where<'_>) -> Option<Mistake> {
    let table = context.catalog.find(part.table).filter(|table| table.rights.select)?;
    let condition = condition::parse_on(context.catalog, table, part.text).ok()?;
    probe::condition(conn, &table.name, &condition).err().map(|error| refusal(context, part, &error))
}

fn wheres_of_holds<'s>(holds: &[StandingHold<'s>]) -> Vec<Where<'s>> {
    let part = |standing: &StandingHold<'s>| {
        let hold = standing.hold;
        let text = hold.condition.as_deref()?;
        Some(Where { label: hold_label(&hold.name), table: &hold.table, key: "where", text, places: &hold.places })
    };
    holds.iter().filter_map(part).collect()
}

fn wheres_of_map(schedule: &Schedule, chosen: impl Fn(Option<&str>) -> bool) -> Vec<Where<'_>> {
    let is_here = |named: &Option<String>| chosen(named.as_deref().or(schedule.policy.database.as_deref()));
    let Some(subject) = schedule.subject.as_ref().filter(|subject| is_here(&subject.database)) else {
        return Vec::new();
    };
    let part = |label: String, table, text, places| Where { label, table, key: "where", text, places };
    let own = subject.condition.as_deref().map(|text| part("subject".into(), &subject.table, text, &subject.places));
    let of_data = subject
        .data
        .iter()
        .filter_map(|data| Some(part(resolve::label_of(data), &data.table, data.condition.as_deref()?, &data.places)));
    let of_requests = subject.requests.iter().flat_map(|requests| {
        [("verified", &requests.verified), ("done", &requests.done)].map(|(key, text)| Where {
            key,
            ..part("subject.requests".into(), &requests.table, text.as_str(), &requests.places)
        })
    });
    own.into_iter().chain(of_data).chain(of_requests).collect()
}

fn wheres_of_rules(schedule: &Schedule, chosen: impl Fn(Option<&str>) -> bool) -> Vec<Where<'_>> {
    let of_database = |named: &Option<String>| chosen(named.as_deref().or(schedule.policy.database.as_deref()));
    let rules = schedule.rules.iter().filter(|rule| of_database(&rule.database)).filter_map(|rule| {
        let text = rule.condition.as_deref()?;
        Some(Where { label: rule_label(&rule.name), table: &rule.table, key: "where", text, places: &rule.places })
    });
    rules.collect()
}

fn refusal(context: &resolve::Context<'_>, part: &Where<'_>, error: &DbError) -> Mistake {
    let database = context.catalog.dialect.as_str();
    let remedy =
        format!("write it in the database's own SQL, as it could stand behind `SELECT … FROM {} WHERE`", part.table);
    refused(&format!("{}: {database} refuses the condition", part.label), error, &remedy).at(part.places, part.key)
}

/// A server that was busy, or went away, has not judged.
fn refused(what: &str, error: &DbError, remedy: &str) -> Mistake {
    let remedy = if error.is_transient() { "nothing may be wrong with it: run the check again" } else { remedy };
    Mistake::error(format!("{what}: {error}")).remedy(remedy)
}

fn volatile(context: &resolve::Context<'_>, part: &Where<'_>) -> Option<Mistake> {
    let condition = condition::parse(context.catalog.grammar, part.text).ok()?;
    let parts = condition::volatile_parts(context.catalog.dialect, &condition);
    (!parts.is_empty()).then(|| {
        Mistake::warning(format!(
            "{}: {} answers otherwise each time, so a run may meet other rows than its dry run did",
            part.label,
            list(parts)
        ))
        .at(part.places, part.key)
        .remedy("let an anchor and a period tell the age, and the condition speak of columns alone")
    })
}

/// Tries the statements of a rule as a whole: here a reference between columns of different types comes to light.
pub(super) fn statements(conn: &mut Connection, about: About<'_>, writes: bool) -> Option<Mistake> {
    let counted = probe::counting(conn, about.plan);
    let tried = if writes { counted.and_then(|()| probe::acting(conn, about.plan)) } else { counted };
    let what = format!("{}: {} refuses its statements", about.label, about.dialect().as_str());
    let remedy = "`tenure plan --sql` shows them; look at the types of the columns that it compares";
    tried.err().map(|error| refused(&what, &error, remedy).at(about.places, "table"))
}
