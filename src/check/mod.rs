//! What `tenure check` finds: a schedule against itself, against the schedules beside it, and against a live database.
//!
//! ```text
//! offline.rs      needs no database: names, promises, cron
//! probes.rs       does the database understand the conditions and the statements?
//! rights.rs       may the role do what the schedule needs, and does it see every row?
//! references.rs   what keeps rows that are due, and what goes with them unsaid
//! cost.rs         what makes a rule read more than it must
//! across.rs       what is wrong between rules of several files, and between rules and what is kept
//! maps.rs         what is wrong between maps of people, and between a map and rules
//! people.rs       does the map of people leave anything of theirs out?
//! coverage.rs     tables with times or people in them that nothing names
//! ```
//!
//! An error is something with which a run could not do what the schedule says; a warning is something that somebody
//! should know before the first run. Nothing here reads a row.

mod across;
mod cost;
mod coverage;
mod maps;
mod offline;
mod people;
mod probes;
mod references;
mod rights;
mod words;

#[cfg(test)]
mod tests;

use crate::base::name::{Name, TableName};
use crate::db::catalog::{Catalog, Table};
use crate::db::{Connection, DbError, Dialect};
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Places;
use crate::plan::{Entry, Erasure, RulePlan, Target};
use crate::resolve::{self, StandingHold};
use crate::schedule::{self, Age, Cascade, Schedule};

pub use across::across;
pub use coverage::coverage;
pub use offline::{cron, offline};
pub use probes::hold_conditions;

/// References by which rows are people's and that no entry of the map answers, as `table.column`: what the erasure leaves out.
pub fn unmapped(catalog: &Catalog, schedule: &Schedule, erasure: &Erasure) -> Vec<String> {
    let subject = schedule.subject.as_ref();
    subject.map(|subject| people::Map { catalog, schedule, subject, erasure }.unmapped()).unwrap_or_default()
}

/// Holds one schedule's parts that belong to one database against that database: all that [`resolve::resolve`] refuses,
/// and for each rule that it does not refuse what is in its way and what somebody should know. In the order of the
/// file.
///
/// `chosen` is asked with the database that a rule names; `holds` are those of all schedules on this database. With `writes` the role must have the rights of a run,
/// else those of a plan alone. `conn` must stand outside of a transaction: a server breaks one off
/// at the first statement that it refuses.
pub fn database(
    conn: &mut Connection,
    context: &resolve::Context<'_>,
    schedule: &Schedule,
    chosen: impl Fn(Option<&str>) -> bool + Copy,
    holds: &[StandingHold<'_>],
    writes: bool,
) -> Vec<Mistake> {
    let asker = match Asker::of(conn, writes) {
        Ok(asker) => asker,
        Err(error) => return vec![unanswered(context, &error)],
    };
    let conditions = probes::conditions(conn, context, schedule, chosen, holds);
    let resolved = resolve::resolve(context, schedule, chosen, holds);
    let mut mistakes = conditions.mistakes.clone();
    mistakes.extend(resolved.hold_mistakes);
    mistakes.extend(resolved.loosened);
    mistakes.extend(resolved.released);
    for (rule, planned) in resolved.rules {
        match planned {
            Err(more) => mistakes.extend(more),
            Ok(plan) => {
                let label = probes::rule_label(&rule.name);
                let about = About::rule(context.catalog, rule, &label, &plan);
                mistakes.extend(about_rule(conn, about, &asker, &conditions));
            }
        }
    }
    match (&schedule.subject, resolved.erasure) {
        (Some(_), Some(Err(more))) => mistakes.extend(more),
        (Some(subject), Some(Ok(erasure))) => {
            let map = people::Map { catalog: context.catalog, schedule, subject, erasure: &erasure };
            mistakes.extend(map.findings(conn, &asker, &conditions));
        }
        _ => {}
    }
    in_order_of_the_file(mistakes)
}

fn about_rule(conn: &mut Connection, about: About<'_>, asker: &Asker, conditions: &probes::Conditions) -> Vec<Mistake> {
    // A rule that keeps for ever does nothing, so there is nothing in its way.
    let Some(target) = about.plan.targets.first() else { return Vec::new() };
    let mut mistakes = of_the_role(about, asker);
    // A refusal for want of rights has been told already, and one for a condition as well.
    if mistakes.is_empty() && conditions.are_understood(about.label, about.plan) {
        mistakes.extend(probes::statements(conn, about, asker.writes));
    }
    mistakes.extend(references::findings(about, target));
    mistakes.extend(cost::findings(about, target));
    mistakes
}

/// What keeps the role from planning a rule, or from running it.
fn of_the_role(about: About<'_>, asker: &Asker) -> Vec<Mistake> {
    let needs = rights::needs(about.plan, asker.writes);
    let mut mistakes = rights::missing(about, &needs, asker);
    mistakes.extend(rights::hidden_rows(about, &needs));
    mistakes.extend(rights::hidden_tables(about, asker));
    mistakes
}

/// Who the database takes us for, and what it is to be asked for.
pub struct Asker {
    /// Quoted for GRANT; `None` where the database has no roles.
    role: Option<String>,
    writes: bool,
}

impl Asker {
    /// Of this connection; with `writes` it needs the rights of a run, else those of a plan.
    ///
    /// # Errors
    /// Those of the query.
    pub fn of(conn: &mut Connection, writes: bool) -> Result<Self, DbError> {
        Ok(Self { role: crate::db::query::probe::role(conn)?, writes })
    }

    /// Rights that the role lacks for the entries of a map of people, as [`obstacles`](Self::obstacles).
    pub fn obstacles_of_map(&self, catalog: &Catalog, schedule: &Schedule, erasure: &Erasure) -> Vec<Mistake> {
        let data = |entry: &Entry| schedule.subject.as_ref()?.data.get(entry.index);
        let of = |entry: &Entry| {
            let data = data(entry)?;
            let label = resolve::label_of(data);
            let (places, cascade, plan) = (&data.places, &data.cascade, &entry.plan);
            Some(of_the_role(About { catalog, label: &label, places, cascade, due_key: "column", plan }, self))
        };
        erasure.entries.iter().filter_map(of).flatten().collect()
    }

    /// Rights that the role lacks, with the statements that give them, and tables that hide rows from it.
    pub fn obstacles(&self, catalog: &Catalog, rule: &schedule::Rule, plan: &RulePlan) -> Vec<Mistake> {
        of_the_role(About::rule(catalog, rule, &probes::rule_label(&rule.name), plan), self)
    }
}

/// A rule or an entry of the map of people, what became of it, and the catalog that it became it by.
#[derive(Clone, Copy)]
struct About<'a> {
    catalog: &'a Catalog,
    /// As messages name it.
    label: &'a str,
    places: &'a Places,
    cascade: &'a [Cascade],
    /// The key under which it says which rows are due.
    due_key: &'static str,
    plan: &'a RulePlan,
}

impl<'a> About<'a> {
    fn rule(catalog: &'a Catalog, rule: &'a schedule::Rule, label: &'a str, plan: &'a RulePlan) -> Self {
        let due_key = match rule.age {
            Age::Retain { .. } => "anchor",
            Age::Expires(_) => "expires",
        };
        Self { catalog, label, places: &rule.places, cascade: &rule.cascade, due_key, plan }
    }

    fn dialect(&self) -> Dialect {
        self.catalog.dialect
    }

    fn error(&self, key: &str, reason: impl AsRef<str>) -> Mistake {
        Mistake::error(format!("{}: {}", self.label, reason.as_ref())).at(self.places, key)
    }

    fn warning(&self, key: &str, reason: impl AsRef<str>) -> Mistake {
        Mistake::warning(format!("{}: {}", self.label, reason.as_ref())).at(self.places, key)
    }

    /// The table of this name, as it stands in the plan: named by the catalog, so there.
    fn table(&self, name: &TableName) -> Option<&'a Table> {
        self.catalog.tables.iter().find(|table| table.name == *name)
    }

    fn root(&self, target: &Target) -> Option<&'a Table> {
        self.table(&target.root)
    }

    /// A table as a schedule would name it.
    fn spelled(&self, name: &TableName) -> String {
        spelled(self.catalog, name)
    }
}

/// Without its schema where it is found without it.
fn spelled(catalog: &Catalog, name: &TableName) -> String {
    let plain = TableName::new(None, name.table.clone());
    match catalog.find(&plain) {
        Some(found) if found.name == *name => plain.to_string(),
        _ => name.to_string(),
    }
}

fn unanswered(context: &resolve::Context<'_>, error: &DbError) -> Mistake {
    Mistake::error(format!("database `{}` does not answer: {error}", context.database))
        .remedy("look whether the server is up, and run the check again")
}

fn in_order_of_the_file(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by_key(|mistake| (mistake.place.as_ref().map(|place| place.span.start), mistake.severity));
    mistakes
}

/// `a`, `b`
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| format!("`{}`", item.to_string())).collect::<Vec<_>>().join(", ")
}

/// `x` or `(x, y)`, behind a dot.
fn joined(columns: &[Name]) -> String {
    match columns {
        [only] => only.to_string(),
        several => format!("({})", several.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")),
    }
}
