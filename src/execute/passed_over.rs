//! Rows that a rule passed over: one of them stops none of the others, and each is counted.

use std::collections::BTreeMap;

use super::batch::refusal;
use crate::db::predicate::window::Window;
use crate::db::query::count;
use crate::db::write::rollup;
use crate::db::{Connection, DbError, ErrorKind};
use crate::plan::{Axis, PersonKey, RulePlan, Span, Target};

/// Why rows were passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// Another session is at them.
    Locked,
    /// What would go with them is more than the plan counted.
    Beyond,
    /// The database refuses to change them.
    Refused(&'static str),
}

impl Why {
    fn of(error: &DbError) -> Self {
        match error.kind {
            // Under another session's lock, or changed by other transactions time and again.
            ErrorKind::LockTimeout | ErrorKind::Conflict => Self::Locked,
            ErrorKind::Beyond => Self::Beyond,
            ErrorKind::ForeignKey => Self::Refused("foreign-key"),
            ErrorKind::Constraint => Self::Refused("constraint"),
            ErrorKind::TooLong => Self::Refused("too-long"),
            _ => Self::Refused("refused"),
        }
    }
}

/// The smallest part of a table in which something cannot be changed: one row, where the table has a key.
pub(super) struct Place<'a> {
    pub target: &'a Target,
    pub axis: &'a Axis,
    pub window: Window,
    why: Why,
}

/// Where a rule passed over something on its way.
#[derive(Default)]
pub(super) struct Places<'a> {
    places: Vec<Place<'a>>,
    /// Buckets of a roll-up.
    buckets: Vec<(&'a Target, Span, Why)>,
    /// The first error of each kind.
    reasons: BTreeMap<Why, String>,
}

impl<'a> Places<'a> {
    pub fn note(&mut self, target: &'a Target, axis: &'a Axis, window: Window, error: &DbError) {
        let why = Why::of(error);
        self.reasons.entry(why).or_insert_with(|| refusal(error));
        self.places.push(Place { target, axis, window, why });
    }

    pub fn note_bucket(&mut self, target: &'a Target, span: Span, error: &DbError) {
        let why = Why::of(error);
        self.reasons.entry(why).or_insert_with(|| refusal(error));
        self.buckets.push((target, span, why));
    }

    /// Where a roll-up passed over something.
    pub fn buckets(&self) -> Vec<Span> {
        self.buckets.iter().map(|(_, span, _)| *span).collect()
    }

    /// As [`take_those_in_use`](Self::take_those_in_use), of a roll-up.
    pub fn take_buckets_in_use(&mut self) -> Vec<(&'a Target, Span)> {
        let (in_use, others): (Vec<_>, _) =
            std::mem::take(&mut self.buckets).into_iter().partition(|(_, _, why)| *why == Why::Locked);
        self.buckets = others;
        in_use.into_iter().map(|(target, span, _)| (target, span)).collect()
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// In so many places more would have gone than was planned.
    pub fn beyond(&self) -> usize {
        self.places.iter().filter(|place| place.why == Why::Beyond).count()
    }

    /// Forgets what was noted since there were so many: another way leads there again, in smaller steps.
    pub fn truncate(&mut self, len: usize) {
        self.places.truncate(len);
    }

    /// The places in which other sessions were in the way, to come back to.
    pub fn take_those_in_use(&mut self) -> Vec<Place<'a>> {
        let (in_use, others) = std::mem::take(&mut self.places).into_iter().partition(|place| place.why == Why::Locked);
        self.places = others;
        in_use
    }

    /// Counts what is due there still.
    pub fn count(&self, conn: &mut Connection, plan: &RulePlan) -> Result<PassedOver, DbError> {
        let mut passed = PassedOver::told_by(&self.reasons);
        for (target, span, why) in &self.buckets {
            match why {
                Why::Locked => passed.locked += rollup::due_in(conn, plan, target, &[*span])?,
                Why::Beyond | Why::Refused(_) => passed.buckets += 1,
            }
        }
        for place in &self.places {
            passed.add(place.why, count::due_within(conn, plan, place.target, place.axis, &place.window)?);
        }
        Ok(passed)
    }
}

/// People whom an erasure passed over: one of their rows stops it for them, and for nobody else.
#[derive(Debug, Default)]
pub struct PeoplePassedOver {
    people: BTreeMap<PersonKey, Why>,
    /// The first error of each kind.
    reasons: BTreeMap<Why, String>,
}

impl PeoplePassedOver {
    pub(super) fn note(&mut self, person: PersonKey, error: &DbError) {
        let why = Why::of(error);
        self.reasons.entry(why).or_insert_with(|| refusal(error));
        self.people.insert(person, why);
    }

    /// In rows of an entry: `rows_of` says how many of a person's are due still.
    pub fn in_rows(&self, rows_of: impl Fn(&PersonKey) -> u64) -> PassedOver {
        let mut passed = PassedOver::told_by(&self.reasons);
        self.people.iter().for_each(|(person, why)| passed.add(*why, rows_of(person)));
        passed
    }
}

/// How many rows a rule passed over, and why.
#[derive(Debug, Clone, Default)]
pub struct PassedOver {
    /// Another session held a lock on them until the end.
    pub locked: u64,
    /// More would have gone with them than the plan counted.
    pub beyond: u64,
    /// The database refuses to change them, by the kind of the error.
    refused: BTreeMap<&'static str, u64>,
    buckets: u64,
    /// The first of the errors, and what would have been too much.
    pub refusal: Option<String>,
    pub excess: Option<String>,
}

impl PassedOver {
    fn told_by(reasons: &BTreeMap<Why, String>) -> Self {
        let reason =
            |wanted: fn(&Why) -> bool| reasons.iter().find(|(why, _)| wanted(why)).map(|(_, text)| text.clone());
        let refusal = reason(|why| matches!(why, Why::Refused(_)));
        Self { refusal, excess: reason(|why| *why == Why::Beyond), ..Self::default() }
    }

    fn add(&mut self, why: Why, rows: u64) {
        match why {
            Why::Locked => self.locked += rows,
            Why::Beyond => self.beyond += rows,
            Why::Refused(kind) if rows > 0 => *self.refused.entry(kind).or_default() += rows,
            Why::Refused(_) => {}
        }
    }

    pub fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    pub fn buckets(&self) -> u64 {
        self.buckets
    }

    /// As in JSON: rows by the reason, and buckets.
    pub fn by_reason(&self) -> BTreeMap<String, u64> {
        let rows = [("locked", self.locked), ("beyond-plan", self.beyond)];
        let refused = self.refused.iter().map(|(kind, rows)| (*kind, *rows));
        let all = rows.into_iter().chain(refused).chain([("buckets", self.buckets())]);
        all.filter(|(_, rows)| *rows > 0).map(|(kind, rows)| (kind.to_owned(), rows)).collect()
    }
}
