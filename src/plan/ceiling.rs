//! The plan is a ceiling: a run does at most what its plan counted, whatever happens to the rows meanwhile.
//!
//! A batch reserves what it does before it is committed, and gives it back where it is rolled back. Where it is not known whether
//! it was committed, it keeps what it reserved. So at every moment the sum of what was done and of what may have been done is
//! within the plan. The ceiling bounds how many rows change, not which.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Act, RulePlan};

/// What is done to rows, as far as one of them may take the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Rows go: deleted, taken along, or folded into a roll-up.
    Remove,
    /// Rows stay and change.
    Redact,
    /// References become NULL.
    LetGo,
}

/// Numbers of rows by what is done to them and by their table; of [`Effect::LetGo`], by the reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amounts(BTreeMap<(Effect, String), u64>);

impl Amounts {
    /// Of one rule: its own rows, those that go with them by table, and the references that are let go of.
    pub fn of(plan: &RulePlan, rows: u64, cascaded: &BTreeMap<String, u64>, detached: &BTreeMap<String, u64>) -> Self {
        let mut amounts = Self::default();
        let effect = match plan.act {
            Act::Redact => Effect::Redact,
            Act::Delete | Act::Aggregate(_) => Effect::Remove,
        };
        amounts.add(effect, plan.table_called(&plan.table.to_string()), rows);
        for (table, rows) in cascaded {
            amounts.add(Effect::Remove, plan.table_called(table), *rows);
        }
        for (reference, rows) in detached {
            amounts.add(Effect::LetGo, reference.clone(), *rows);
        }
        amounts
    }

    pub fn add(&mut self, effect: Effect, table: String, rows: u64) {
        if rows > 0 {
            *self.0.entry((effect, table)).or_default() += rows;
        }
    }

    pub fn extend(&mut self, more: Self) {
        for ((effect, table), rows) in more.0 {
            self.add(effect, table, rows);
        }
    }

    /// The same with room for every reference of a row that lets go: a plan counts the row once.
    #[must_use]
    pub fn by_references(mut self, plan: &RulePlan) -> Self {
        let most = plan.dependents.iter().map(|dependent| dependent.links.len() as u64).max().unwrap_or(1).max(1);
        for ((effect, _), rows) in &mut self.0 {
            if *effect == Effect::LetGo {
                *rows = rows.saturating_mul(most);
            }
        }
        self
    }

    /// Rows of one table, whatever is done to them.
    pub fn of_table(&self, table: &str) -> u64 {
        let of_it = self.0.iter().filter(|((effect, name), _)| *effect != Effect::LetGo && name == table);
        of_it.map(|(_, rows)| rows).sum()
    }

    /// Rows that go or change, references not counted: what guards ask about.
    fn touched(&self) -> u64 {
        self.0.iter().filter(|((effect, _), _)| *effect != Effect::LetGo).map(|(_, rows)| rows).sum()
    }
}

/// How much a rule may do without being asked again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Rows of all tables.
    pub rows: Option<u64>,
    /// Rows of one table, by its name in [`Amounts`].
    pub of_table: BTreeMap<String, u64>,
}

/// What the rules of a run may do still.
#[derive(Debug, Default)]
pub struct Ceiling(Mutex<Room>);

#[derive(Debug, Default)]
struct Room {
    /// Of what the plan of the acting rule counted.
    own: Amounts,
    /// What the rules before it were to do and did not.
    spare: Amounts,
    limits: Limits,
    /// What the acting rule did, or may have done.
    done: Amounts,
}

/// What one batch reserved.
#[derive(Debug, Clone, Default)]
#[must_use = "what is neither committed nor given back stays reserved"]
pub struct Reservation {
    own: Amounts,
    spare: Amounts,
    wanted: Amounts,
}

/// More than there is room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beyond {
    /// The plan counted fewer.
    Plan { effect: Effect, table: String, wanted: u64, left: u64 },
    /// A guard allows fewer in one run.
    Guard { table: Option<String>, wanted: u64, most: u64 },
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan { effect, table, wanted, left } => {
                let rows = match effect {
                    Effect::Remove => "rows would go from",
                    Effect::Redact => "rows would be redacted in",
                    Effect::LetGo => "references would become NULL in",
                };
                write!(f, "{wanted} more {rows} `{table}`, and {left} are left of what the plan counted")
            }
            Self::Guard { table: Some(table), wanted, most } => {
                write!(f, "{wanted} rows of `{table}` in one run are more than its guard allows ({most})")
            }
            Self::Guard { table: None, wanted, most } => {
                write!(f, "{wanted} rows in one run, cascades included, are more than max_rows = {most}")
            }
        }
    }
}

impl Ceiling {
    /// A rule begins: it may do what its plan counted, and what the rules before it left undone of theirs.
    pub fn begin(&self, planned: Amounts, limits: Limits) {
        let mut room = self.room();
        let left = std::mem::replace(&mut room.own, planned);
        room.spare.extend(left);
        room.limits = limits;
        room.done = Amounts::default();
    }

    /// What a rule that does not act was to do, others may do.
    pub fn leave(&self, planned: Amounts) {
        self.room().spare.extend(planned);
    }

    /// Reserves what a batch is about to commit.
    ///
    /// # Errors
    /// There is no room for it: nothing is reserved.
    pub fn reserve(&self, wanted: Amounts) -> Result<Reservation, Beyond> {
        let mut room = self.room();
        let reserved = room.reserve(&wanted)?;
        room.done.extend(wanted.clone());
        Ok(Reservation { wanted, ..reserved })
    }

    /// Would there be room for it?
    ///
    /// # Errors
    /// There is none.
    pub fn has_room_for(&self, wanted: &Amounts) -> Result<(), Beyond> {
        let mut room = self.room();
        let reserved = room.reserve(wanted)?;
        room.put_back(reserved);
        Ok(())
    }

    /// The batch is known to have been rolled back.
    pub fn give_back(&self, mut reserved: Reservation) {
        let mut room = self.room();
        for ((effect, table), rows) in std::mem::take(&mut reserved.wanted).0 {
            room.done.take(effect, &table, rows);
        }
        room.put_back(reserved);
    }

    /// A thread that panicked held it for a sum only.
    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn reserve(&mut self, wanted: &Amounts) -> Result<Reservation, Beyond> {
        self.ask_the_guard(wanted)?;
        let mut reserved = Reservation::default();
        for ((effect, table), rows) in &wanted.0 {
            let own = self.own.take(*effect, table, *rows);
            let spare = self.spare.take(*effect, table, rows - own);
            // A row that was to go may be redacted instead, and not the other way round.
            let instead = match effect {
                Effect::Redact => self.spare.take(Effect::Remove, table, rows - own - spare),
                Effect::Remove | Effect::LetGo => 0,
            };
            reserved.own.add(*effect, table.clone(), own);
            reserved.spare.add(*effect, table.clone(), spare);
            reserved.spare.add(Effect::Remove, table.clone(), instead);
            let left = own + spare + instead;
            if left < *rows {
                self.put_back(reserved);
                return Err(Beyond::Plan { effect: *effect, table: table.clone(), wanted: *rows, left });
            }
        }
        Ok(reserved)
    }

    fn put_back(&mut self, reserved: Reservation) {
        self.own.extend(reserved.own);
        self.spare.extend(reserved.spare);
    }

    fn ask_the_guard(&self, wanted: &Amounts) -> Result<(), Beyond> {
        let all = self.done.touched() + wanted.touched();
        if let Some(most) = self.limits.rows.filter(|most| all > *most) {
            return Err(Beyond::Guard { table: None, wanted: all, most });
        }
        for ((effect, table), rows) in wanted.0.iter().filter(|((effect, _), _)| *effect != Effect::LetGo) {
            let all = rows + self.done.0.get(&(*effect, table.clone())).copied().unwrap_or(0);
            if let Some(most) = self.limits.of_table.get(table).filter(|most| all > **most) {
                return Err(Beyond::Guard { table: Some(table.clone()), wanted: all, most: *most });
            }
        }
        Ok(())
    }
}

impl Amounts {
    /// Takes so many, or as many as there are; how many it took.
    fn take(&mut self, effect: Effect, table: &str, rows: u64) -> u64 {
        let Some(left) = self.0.get_mut(&(effect, table.to_owned())) else { return 0 };
        let taken = rows.min(*left);
        *left -= taken;
        taken
    }
}

impl RulePlan {
    /// A table of the rule by its whole name, whatever a schedule calls it: two rules may call one table differently.
    pub fn table_called(&self, shown: &str) -> String {
        let own = self.root().filter(|_| self.table.to_string() == shown);
        let along = self.dependents.iter().find(|dependent| dependent.shown.to_string() == shown);
        own.or(along.map(|dependent| &dependent.table)).map_or_else(|| shown.to_owned(), ToString::to_string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(all: &[(Effect, &str, u64)]) -> Amounts {
        let mut amounts = Amounts::default();
        all.iter().for_each(|(effect, table, rows)| amounts.add(*effect, (*table).to_owned(), *rows));
        amounts
    }

    fn remove(table: &str, rows: u64) -> Amounts {
        amounts(&[(Effect::Remove, table, rows)])
    }

    fn planned(plans: &[Amounts]) -> Ceiling {
        let ceiling = Ceiling::default();
        plans.iter().for_each(|plan| ceiling.begin(plan.clone(), Limits::default()));
        ceiling
    }

    #[test]
    fn a_rule_does_what_its_plan_counted_and_no_row_more() {
        let ceiling = planned(&[remove("log", 10)]);
        let _kept = ceiling.reserve(remove("log", 7)).unwrap();
        let beyond = ceiling.reserve(remove("log", 4)).unwrap_err();
        assert_eq!(beyond, Beyond::Plan { effect: Effect::Remove, table: "log".into(), wanted: 4, left: 3 });
        assert!(ceiling.has_room_for(&remove("log", 1)).is_ok());
        let _kept = ceiling.reserve(remove("log", 3)).unwrap();
        assert!(ceiling.has_room_for(&remove("log", 1)).is_err());
    }

    #[test]
    fn what_was_rolled_back_may_be_done_again_and_what_is_unknown_may_not() {
        let ceiling = planned(&[remove("log", 10)]);
        let first = ceiling.reserve(remove("log", 10)).unwrap();
        assert!(ceiling.reserve(remove("log", 1)).is_err(), "its COMMIT is unknown");
        ceiling.give_back(first);
        assert!(ceiling.reserve(remove("log", 10)).is_ok());
    }

    #[test]
    fn a_batch_that_is_refused_for_one_table_reserves_nothing_of_the_others() {
        let ceiling = planned(&[amounts(&[(Effect::Remove, "a", 5), (Effect::Remove, "b", 1)])]);
        assert!(ceiling.reserve(amounts(&[(Effect::Remove, "a", 5), (Effect::Remove, "b", 2)])).is_err());
        assert!(ceiling.reserve(amounts(&[(Effect::Remove, "a", 5), (Effect::Remove, "b", 1)])).is_ok());
    }

    #[test]
    fn each_table_and_effect_has_its_own_ceiling() {
        for (plan, wanted) in [
            (remove("a", 9), remove("b", 1)),
            (remove("a", 9), amounts(&[(Effect::Redact, "a", 1)])),
            (amounts(&[(Effect::Redact, "a", 9)]), remove("a", 1)),
            (remove("a", 9), amounts(&[(Effect::LetGo, "a.b", 1)])),
        ] {
            assert!(planned(std::slice::from_ref(&plan)).reserve(wanted.clone()).is_err(), "{plan:?} {wanted:?}");
        }
    }

    #[test]
    fn a_later_rule_may_do_what_earlier_ones_left_undone_of_the_same_table() {
        let redact = |rows| amounts(&[(Effect::Redact, "a", rows)]);
        for (earlier, own, wanted, is_within) in [
            (remove("a", 5), remove("a", 2), remove("a", 7), true),
            (remove("a", 5), remove("a", 2), remove("a", 8), false),
            (remove("b", 5), remove("a", 2), remove("a", 3), false),
            (remove("a", 5), redact(2), redact(7), true),
            (redact(5), remove("a", 2), remove("a", 3), false),
        ] {
            let ceiling = planned(&[earlier.clone(), own.clone()]);
            assert_eq!(ceiling.reserve(wanted.clone()).is_ok(), is_within, "{earlier:?} {own:?} {wanted:?}");
        }
    }

    #[test]
    fn what_an_earlier_rule_did_is_not_left() {
        let ceiling = Ceiling::default();
        ceiling.begin(remove("a", 5), Limits::default());
        let _done = ceiling.reserve(remove("a", 4)).unwrap();
        ceiling.begin(remove("a", 2), Limits::default());
        assert!(ceiling.reserve(remove("a", 4)).is_err());
        assert!(ceiling.reserve(remove("a", 3)).is_ok());
    }

    #[test]
    fn guards_are_asked_of_the_running_totals() {
        let limits = Limits { rows: Some(8), of_table: BTreeMap::from([("a".to_owned(), 6)]) };
        let ceiling = Ceiling::default();
        ceiling.leave(remove("a", 90));
        ceiling.begin(amounts(&[(Effect::Remove, "a", 5), (Effect::Remove, "b", 90)]), limits);
        let first = ceiling.reserve(remove("a", 5)).unwrap();
        let of_table = ceiling.reserve(remove("a", 2)).unwrap_err();
        assert_eq!(of_table, Beyond::Guard { table: Some("a".into()), wanted: 7, most: 6 });
        let of_all = ceiling.reserve(remove("b", 4)).unwrap_err();
        assert_eq!(of_all, Beyond::Guard { table: None, wanted: 9, most: 8 });
        ceiling.give_back(first);
        assert!(ceiling.reserve(remove("b", 8)).is_ok());
    }
}
