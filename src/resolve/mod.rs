//! A checked schedule meets a live database: every rule gets its tables, bounds, holds and references, or its mistakes.
//! Pure: what it asks of the database stands in the catalog.

mod axes;
mod beside;
mod circles;
mod comparison;
mod dependents;
mod fitness;
mod grip;
mod kept;
mod map;
mod owners;
mod people;
mod reading;
mod redaction;
mod rollup;
mod row_tables;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::base::name::TableName;
use crate::base::time::Period;
use crate::config::Secret;
use crate::db::catalog::{Catalog, Table, TableKind};
use crate::db::predicate::condition;
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Places;
use crate::plan::{
    Act, Anchor, Axis, Condition, Dependent, Erasure, GuardLimits, HeldPeople, Hold, HoldFact, Horizon, Rollup,
    RulePlan, Span, Target,
};
use crate::schedule::{self, Action, Age, Guard, Schedule, Term};
use dependents::Family;
use fitness::{unfit, unfitness};
pub use people::{label as label_of, one_person, person_key, second_map};
use reading::{Blame, anchors, find_table};

/// A guard that nobody wrote: half of a table.
const DEFAULT_MAX_SHARE: f64 = 0.5;
const DEFAULT_MAX_AGE: &str = "50 years";
const DEFAULT_MAX_UNREADABLE: f64 = 0.05;

/// What a schedule is resolved against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub catalog: &'a Catalog,
    /// The database's name in the config.
    pub database: &'a str,
    pub as_of: Timestamp,
    /// What naive timestamps in the database mean.
    pub naive_zone: &'a TimeZone,
    /// The config's guards, for rules without their own.
    pub guard: &'a Guard,
    pub hmac_key: Option<&'a Secret>,
    /// The maps of people on this database, of whatever schedule: a hold on people covers what any of them maps.
    pub maps: &'a [&'a schedule::Subject],
}

/// What came of a schedule's parts that belong to one database.
pub struct Resolved<'s> {
    /// In the order of the schedule. A rule that cannot be resolved does not stop the others.
    pub rules: Vec<(&'s schedule::Rule, Result<RulePlan, Vec<Mistake>>)>,
    pub holds: Vec<HoldFact>,
    /// Mistakes in holds. They stop every rule: a hold that is not understood may cover anything.
    pub hold_mistakes: Vec<Mistake>,
    /// Holds that ask for what a rule changes; warnings.
    pub loosened: Vec<Mistake>,
    /// Holds that the erasure of people would release: it may be looked at, and must not act.
    pub released: Vec<Mistake>,
    /// Maps of other schedules in force over the same table of people. They stop every rule: nobody could say which of the two maps
    /// is meant.
    pub second_maps: Vec<Mistake>,
    /// Of the schedule's `[subject]`, where it has one for this database.
    pub erasure: Option<Result<Erasure, Vec<Mistake>>>,
}

/// A hold and the schedule in which it stands: its zone is that policy's, and the people whom it may cover are those of that
/// policy's map.
#[derive(Clone, Copy)]
pub struct StandingHold<'s> {
    pub schedule: &'s Schedule,
    pub hold: &'s schedule::Hold,
    /// Somebody ordered it; it does not stand in the schedule's file.
    pub by_hand: bool,
}

impl StandingHold<'_> {
    /// A hold with a last day ends with that day in the policy's zone.
    pub fn is_in_force(&self, as_of: Timestamp) -> bool {
        match self.hold.term {
            Term::Until(last) => as_of.to_zoned(self.schedule.policy.timezone.clone()).date() <= last,
            Term::For { .. } | Term::Open => true,
        }
    }
}

/// Resolves the rules that `chosen` lets through, which is asked with the database that a rule names, under the holds of
/// this database, whichever schedule they stand in.
pub fn resolve<'s>(
    context: &Context<'_>,
    schedule: &'s Schedule,
    chosen: impl Fn(Option<&str>) -> bool,
    holds: &[StandingHold<'_>],
) -> Resolved<'s> {
    let of_database = |named: &Option<String>| chosen(named.as_deref().or(schedule.policy.database.as_deref()));
    let (holds, mistakes): (Vec<_>, Vec<_>) = holds
        .iter()
        .filter(|standing| standing.is_in_force(context.as_of))
        .map(|standing| resolve_hold(context, *standing))
        .partition(Result::is_ok);
    let holds: Vec<ResolvedHold<'_>> = holds.into_iter().filter_map(Result::ok).collect();
    let resolver = Resolver { context, schedule, holds: holds.iter().collect() };
    let maps = beside::all(&resolver);
    let planned = |rule| resolver.rule(rule).and_then(|plan| beside::minded(&resolver, &maps, rule, plan));
    let mut rules: Vec<_> =
        schedule.rules.iter().filter(|rule| of_database(&rule.database)).map(|rule| (rule, planned(rule))).collect();
    circles::refuse(&mut rules);
    let planned = rules.iter().filter_map(|(_, outcome)| outcome.as_ref().ok());
    let loosened = planned.flat_map(|plan| grip::released_by_rule(context.catalog, &resolver.holds, plan)).collect();
    let subject = schedule.subject.as_ref().filter(|subject| of_database(&subject.database));
    Resolved {
        second_maps: subject.map(|subject| resolver.second_maps(subject)).unwrap_or_default(),
        erasure: subject.map(|subject| resolver.erasure(subject)),
        rules,
        loosened,
        released: subject.map(|subject| resolver.released(subject)).unwrap_or_default(),
        holds: holds.iter().map(|hold| hold.fact.clone()).collect(),
        hold_mistakes: mistakes.into_iter().filter_map(Result::err).flatten().collect(),
    }
}

/// One hold by itself: every table in which it covers rows, the one that it names first, and what it covers there.
///
/// # Errors
/// Its mistakes.
pub fn one_hold(context: &Context<'_>, standing: StandingHold<'_>) -> Result<Vec<(TableName, Hold)>, Vec<Mistake>> {
    let found = resolve_hold(context, standing)?;
    let places = found.places().map(|(table, hold)| (table.name.clone(), hold));
    Ok(places.collect())
}

/// Why the erasure of people by this schedule would release a hold.
pub fn released(
    context: &Context<'_>,
    schedule: &Schedule,
    chosen: impl Fn(Option<&str>) -> bool,
    standing: StandingHold<'_>,
) -> Vec<Mistake> {
    let is_here =
        |subject: &&schedule::Subject| chosen(subject.database.as_deref().or(schedule.policy.database.as_deref()));
    let subject = schedule.subject.as_ref().filter(is_here);
    let (Some(subject), Ok(hold)) = (subject, resolve_hold(context, standing)) else { return Vec::new() };
    Resolver { context, schedule, holds: vec![&hold] }.released(subject)
}

struct ResolvedHold<'c> {
    /// The table that it names, or the table of people.
    table: &'c Table,
    hold: Hold,
    places: Places,
    /// Where a hold on people covers what is theirs.
    theirs: Vec<(&'c Table, HeldPeople)>,
    fact: HoldFact,
    /// A redaction of what the ground of a kept record does not cover may pass it.
    is_passed_by_kept: bool,
}

impl<'c> ResolvedHold<'c> {
    /// Every table in which it covers rows, the one that it names first.
    fn places(&self) -> impl Iterator<Item = (&'c Table, Hold)> {
        let theirs = self.theirs.iter().map(|(table, people)| (*table, Some(people.clone())));
        std::iter::once((self.table, None))
            .chain(theirs)
            .map(|(table, people)| (table, Hold { people, ..self.hold.clone() }))
    }
}

fn resolve_hold<'c>(context: &Context<'c>, standing: StandingHold<'_>) -> Result<ResolvedHold<'c>, Vec<Mistake>> {
    let StandingHold { schedule, hold, by_hand } = standing;
    let label = format!("hold `{}`", hold.name);
    let blame = Blame { label: &label, places: &hold.places, key: "table" };
    let table = find_table(context, &blame, &hold.table).map_err(|mistake| vec![mistake])?;
    if table.kind == TableKind::View {
        let reason = format!("`{}` is a view, and a hold covers the rows of a table", table.name);
        return Err(vec![blame.mistake(reason).remedy("name the table behind it")]);
    }
    let mut mistakes = Vec::new();
    let mut found = Vec::new();
    if let Term::For { anchors: wanted, period } = &hold.term {
        let blame = Blame { key: "anchor", ..blame };
        match period.before(context.as_of, &schedule.policy.timezone) {
            Some(cutoff) => match anchors(context, &blame, table, wanted, cutoff) {
                Ok(anchors) => found = anchors,
                Err(more) => mistakes.extend(more),
            },
            None => mistakes.push(
                Blame { key: "for", ..blame }
                    .mistake("the period reaches back beyond the calendar")
                    .remedy("leave `for` away: the hold is open then"),
            ),
        }
    }
    let condition = parse_condition(context, table, (&label, &hold.places), hold.condition.as_deref())
        .map_err(|mistake| mistakes.push(mistake))
        .unwrap_or_default();
    let theirs = match hold.of_people {
        true => people::covered(context, table, &blame).map_err(|more| mistakes.extend(more)).unwrap_or_default(),
        false => Vec::new(),
    };
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let term = match &hold.term {
        Term::For { period, .. } => period.to_string(),
        Term::Until(last) => format!("until {last}"),
        Term::Open => "until released".to_owned(),
    };
    Ok(ResolvedHold {
        table,
        theirs,
        is_passed_by_kept: !by_hand && !hold.of_people,
        places: hold.places.clone(),
        hold: Hold { name: hold.name.clone(), by_hand, anchors: found, condition, only_in: Vec::new(), people: None },
        fact: HoldFact {
            name: hold.name.clone(),
            promises: hold.promises.clone(),
            table: table.name.to_string(),
            term,
            reason: hold.reason.clone(),
        },
    })
}

fn parse_condition(
    context: &Context<'_>,
    table: &Table,
    (label, places): (&str, &Places),
    text: Option<&str>,
) -> Result<Option<Condition>, Mistake> {
    let Some(text) = text else { return Ok(None) };
    condition::parse_on(context.catalog, table, text).map(Some).map_err(|reason| {
        Mistake::error(format!("{label}: the condition is not one expression: {reason}"))
            .at(places, "where")
            .remedy("write a condition as it could stand behind WHERE, without comments and semicolons")
    })
}

struct Resolver<'a, 'c> {
    context: &'a Context<'c>,
    schedule: &'a Schedule,
    holds: Vec<&'a ResolvedHold<'c>>,
}

impl<'c> Resolver<'_, 'c> {
    fn rule(&self, rule: &schedule::Rule) -> Result<RulePlan, Vec<Mistake>> {
        let label = format!("rule `{}`", rule.name);
        let blame = Blame { label: &label, places: &rule.places, key: "table" };
        let root = find_table(self.context, &blame, &rule.table).map_err(|mistake| vec![mistake])?;
        if let Some(mistake) = unfit(&blame, self.context.catalog, root) {
            return Err(vec![mistake]);
        }
        let mut mistakes = Vec::new();
        let mut note = |more: Vec<Mistake>| mistakes.extend(more);
        let cutoff = self.cutoff(rule);
        // A period for ever still has its columns checked.
        let bound = cutoff.unwrap_or(Timestamp::UNIX_EPOCH);
        let age = Blame { key: age_key(rule), ..blame };
        let found = anchors(self.context, &age, root, rule.age.anchors(), bound).map_err(&mut note).ok();
        let condition = parse_condition(self.context, root, (&label, &rule.places), rule.condition.as_deref())
            .map_err(|mistake| note(vec![mistake]))
            .unwrap_or_default();
        let act = self.act(rule, &label, root).map_err(&mut note).ok();
        let family = self.family(rule, &label, root).map_err(&mut note).ok();
        let redactions = match &rule.action {
            Action::Redact(wanted) => redaction::redactions(self.context, &label, &rule.places, root, wanted)
                .map_err(&mut note)
                .unwrap_or_default(),
            Action::Delete | Action::Aggregate(_) => Vec::new(),
        };
        let blame = Blame { key: "redact", ..blame };
        let referrers = dependents::referrers(self.context, &blame, root, &redactions)
            .map_err(|mistake| note(vec![mistake]))
            .unwrap_or_default();
        let (Some(mut found), Some(act), Some(mut family), true) = (found, act, family, mistakes.is_empty()) else {
            return Err(mistakes);
        };
        family.blockers.extend(referrers);
        let cutoff = match &act {
            Act::Aggregate(rollup) => cutoff.map(|cutoff| bucket_edge(rollup, cutoff, &mut found)),
            Act::Delete | Act::Redact => cutoff,
        };
        self.hold_dependents(&mut family.dependents);
        let template = Target {
            table: root.name.clone(),
            root: root.name.clone(),
            alias: root.name.table.clone(),
            only: false,
            whose: None,
            anchors: found,
            condition,
            redactions,
            stamped: root.stamped(),
            holds: Vec::new(),
            blockers: family.blockers,
            self_links: family.self_links,
            has_triggers: false,
            passages: Vec::new(),
            axes: Vec::new(),
            key: root.row_key().map(<[_]>::to_vec).unwrap_or_default(),
        };
        let targets = match (cutoff, &act) {
            (Some(_), Act::Aggregate(_)) => vec![self.as_one(root, template)],
            (Some(_), Act::Delete | Act::Redact) => self.targets(root, &template),
            (None, _) => Vec::new(),
        };
        Ok(RulePlan {
            rule: rule.name.clone(),
            promises: rule.promises.clone(),
            database: self.context.database.to_owned(),
            table: rule.table.clone(),
            retain: rule.age.to_string(),
            cutoff,
            act,
            targets,
            dependents: family.dependents,
            guard: self.guard(&rule.guard, cutoff),
            earlier: Vec::new(),
        })
    }

    fn cutoff(&self, rule: &schedule::Rule) -> Option<Timestamp> {
        match &rule.age {
            Age::Retain { period, .. } => period.before(self.context.as_of, &self.schedule.policy.timezone),
            Age::Expires(_) => Some(self.context.as_of),
        }
    }

    fn act(&self, rule: &schedule::Rule, label: &str, root: &Table) -> Result<Act, Vec<Mistake>> {
        match &rule.action {
            Action::Delete => Ok(Act::Delete),
            Action::Redact(_) => Ok(Act::Redact),
            Action::Aggregate(wanted) => {
                let age = Blame { label, places: &rule.places, key: age_key(rule) };
                let [only] = rule.age.anchors() else {
                    return Err(vec![
                        age.mistake("a roll-up cuts its buckets along one anchor")
                            .remedy("name one column as `anchor`"),
                    ]);
                };
                if !only.path.hops.is_empty() {
                    let reason = "a roll-up cuts its buckets along a column of its own table";
                    return Err(vec![age.mistake(reason).remedy("name a column of the table as `anchor`")]);
                }
                rollup::rollup(self.context, rule, label, root, wanted, &self.schedule.policy.timezone)
                    .map(Act::Aggregate)
            }
        }
    }

    fn family(&self, rule: &schedule::Rule, label: &str, root: &Table) -> Result<Family, Vec<Mistake>> {
        match rule.action {
            Action::Delete => {
                let wanted = dependents::Wanted { label, places: &rule.places, cascade: &rule.cascade };
                dependents::family(self.context, &wanted, root)
            }
            Action::Aggregate(_) => {
                let blame = Blame { label, places: &rule.places, key: "table" };
                dependents::keepers(self.context, &blame, root)
            }
            Action::Redact(_) => Ok(Family::default()),
        }
    }

    /// One target a physical table, each with the holds that cover rows in it.
    fn targets(&self, root: &'c Table, template: &Target) -> Vec<Target> {
        let leaves = self.context.catalog.leaves_of(root);
        leaves
            .iter()
            .map(|leaf| Target {
                table: leaf.name.clone(),
                only: !root.leaves.is_empty(),
                holds: self.holds_on(&[leaf], &leaves),
                has_triggers: !leaf.triggers.is_empty(),
                axes: axes::axes(self.context.catalog, leaf, &template.anchors),
                key: leaf.row_key().map(<[_]>::to_vec).unwrap_or_default(),
                ..template.clone()
            })
            .collect()
    }

    /// One target for all physical tables of a roll-up: a group, and its people, may lie in several of them.
    fn as_one(&self, root: &'c Table, template: Target) -> Target {
        let leaves = self.context.catalog.leaves_of(root);
        // Rows of inheritance children may bear the keys of others.
        let has_key = root.leaves.is_empty() || root.kind == TableKind::Partitioned;
        Target {
            holds: self.holds_on(&leaves, &leaves),
            has_triggers: leaves.iter().any(|leaf| !leaf.triggers.is_empty()),
            axes: if has_key { axes::axes(self.context.catalog, root, &template.anchors) } else { vec![Axis::Whole] },
            ..template
        }
    }

    fn hold_dependents(&self, dependents: &mut [Dependent]) {
        for dependent in dependents {
            if let Some(table) = self.context.catalog.find(&dependent.table) {
                let leaves = self.context.catalog.leaves_of(table);
                dependent.holds = self.holds_on(&leaves, &leaves);
            }
        }
    }

    fn holds_on(&self, tables: &[&Table], leaves: &[&Table]) -> Vec<Hold> {
        covering(self.context.catalog, self.holds.iter().flat_map(|hold| hold.places()), tables, leaves)
    }

    /// The holds on the table that stand in schedules.
    fn holds_of_table(&self, table: &Table) -> Vec<Hold> {
        let leaves = self.context.catalog.leaves_of(table);
        self.holds_on(&leaves, &leaves).into_iter().filter(|hold| !hold.by_hand).collect()
    }

    fn guard(&self, own: &Guard, cutoff: Option<Timestamp>) -> GuardLimits {
        let config = self.context.guard;
        let max_age = own.max_age.as_ref().or(config.max_age.as_ref());
        GuardLimits {
            max_rows: own.max_rows.or(config.max_rows).unwrap_or(u64::MAX),
            max_share: own.max_share.or(config.max_share).unwrap_or(DEFAULT_MAX_SHARE),
            max_age: self.horizon(max_age, cutoff),
            max_unreadable: own.max_unreadable.or(config.max_unreadable).unwrap_or(DEFAULT_MAX_UNREADABLE),
        }
    }

    /// How old a row can be. Where nothing is said and the period is longer than that, so much is added to the period.
    fn horizon(&self, said: Option<&Period>, cutoff: Option<Timestamp>) -> Option<Horizon> {
        let zone = &self.schedule.policy.timezone;
        if let Some(said) = said {
            return Some(Horizon { age: said.to_string(), since: said.before(self.context.as_of, zone)? });
        }
        let usual = Period::parse(DEFAULT_MAX_AGE).ok()?;
        let since = usual.before(self.context.as_of, zone)?;
        match cutoff {
            Some(cutoff) if cutoff <= since => {
                let age = format!("{usual} more than its period");
                Some(Horizon { age, since: usual.before(cutoff, zone)? })
            }
            _ => Some(Horizon { age: usual.to_string(), since }),
        }
    }
}

/// Holds that cover rows in any of `tables`; they name the table that all `leaves` belong to, something that it is a
/// part of, or some of the leaves.
fn covering<'t>(
    catalog: &Catalog,
    places: impl Iterator<Item = (&'t Table, Hold)>,
    tables: &[&Table],
    leaves: &[&Table],
) -> Vec<Hold> {
    let covered_by = |held: &Table, tables: &[&Table]| -> Vec<TableName> {
        let held = catalog.leaves_of(held);
        let is_held = |table: &&&Table| held.iter().any(|held| held.name == table.name);
        tables.iter().filter(is_held).map(|table| table.name.clone()).collect()
    };
    places
        .filter(|(held, _)| !covered_by(held, tables).is_empty())
        .map(|(held, hold)| {
            let covered = covered_by(held, leaves);
            let only_in = if covered.len() < leaves.len() { covered } else { Vec::new() };
            Hold { only_in, ..hold }
        })
        .collect()
}

/// A bucket is rolled up only when all of it has expired: the cutoff moves down to the start of its bucket. Where the last
/// bucket before it holds values that a clock which was set forward puts behind those of later instants, it moves down once more.
fn bucket_edge(rollup: &Rollup, cutoff: Timestamp, anchors: &mut [Anchor]) -> Timestamp {
    let start = |instant: Timestamp| rollup.bucket_of(instant).map(|(start, _)| start);
    let before = |edge: Timestamp| start(edge.checked_sub(SignedDuration::from_nanos(1)).ok()?);
    let is_whole = |edge| anchors.iter().all(|one| one.stretches_of(Span { from: None, until: edge }).len() == 1);
    let edges = std::iter::successors(Some(start(cutoff).unwrap_or(cutoff)), |edge| before(*edge));
    let edge = { edges }.find(|edge| is_whole(*edge)).unwrap_or(cutoff);
    for anchor in anchors {
        *anchor = anchor.bounded_by(edge);
    }
    edge
}

fn age_key(rule: &schedule::Rule) -> &'static str {
    match rule.age {
        Age::Retain { .. } => "anchor",
        Age::Expires(_) => "expires",
    }
}
