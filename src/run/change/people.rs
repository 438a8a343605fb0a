//! A map of people that lets more go than the one before it: other people, or more of what is theirs.

use std::collections::{BTreeMap, BTreeSet};

use super::{anchor, digest, has_ended, holds_of, shown, without_rules};
use crate::base::name::{Name, TableName};
use crate::base::time::Period;
use crate::db::catalog::Catalog;
use crate::db::{Connection, DbError};
use crate::ledger::terms::HoldTerms;
use crate::ledger::terms::memory::Memory;
use crate::ledger::terms::people::{EntryTerms, PeopleTerms, Reason, RequestTerms, Whom};
use crate::plan::{Dependent, Entry, Erasure, Hold, Likeness, RulePlan, SelfEffect, Step, Target};
use crate::record::{RuleRecord, RunRecord};
use crate::resolve::{self, Context, StandingHold};
use crate::run::{Job, due_among};
use crate::schedule::{Data, DataAct, Redact, Schedule, Subject, Then};

/// The map of people beside what the ledger knows of it.
pub(super) struct MapOfPeople {
    now: PeopleTerms,
    wider: Option<Wider>,
}

/// More would go than by the terms in force.
struct Wider {
    in_force: PeopleTerms,
    reasons: Vec<Reason>,
    /// The erasure as it was, where only the grace became shorter.
    before: Option<Erasure>,
    /// The entries, by the names of their rules, whose guards ask.
    asked: BTreeSet<String>,
}

impl MapOfPeople {
    pub fn of(
        job: &Job<'_>,
        context: &Context<'_>,
        standing: &[StandingHold<'_>],
        memory: &Memory,
        erasure: &Erasure,
    ) -> Option<Self> {
        let subject = job.schedule.subject.as_ref()?;
        let holds = holds_of(job);
        let now = terms_of(context.catalog, subject, erasure, &holds);
        let wider = basis(memory, &now).and_then(|(in_force, unsaid)| {
            let mut reasons = now.reach_beyond(&in_force, &holds, &has_ended(job));
            if !reasons.is_empty() {
                reasons.extend(unsaid);
            }
            let with_old_grace = PeopleTerms { grace: in_force.grace.clone(), ..now.clone() };
            let is_only_shorter = with_old_grace.reach_beyond(&in_force, &holds, &has_ended(job)).is_empty();
            let is_shorter = is_only_shorter && !reasons.is_empty();
            let before = if is_shorter { as_it_was(job, context, standing, subject, &in_force) } else { None };
            let asked = asked(erasure, &reasons);
            (!reasons.is_empty()).then_some(Wider { in_force, before, asked, reasons })
        });
        Some(Self { now, wider })
    }

    pub fn terms(&self) -> PeopleTerms {
        self.now.clone()
    }

    /// The terms that stay in force, where nobody has let the wider ones pass; who lets one person pass decides of nobody else.
    pub fn still_in_force(&self, record: &RunRecord, takes_effect: bool) -> Option<PeopleTerms> {
        let has_passed =
            |name: &String| record.rules.iter().any(|entry| entry.rule == *name && entry.guard_passed.is_some());
        let can_consent = takes_effect && record.people.is_some() && !record.is_asked_for();
        let wider = self.wider.as_ref().filter(|wider| !can_consent || !wider.asked.iter().all(has_passed))?;
        Some(wider.in_force.clone())
    }

    /// The sentences that stop the erasure until somebody consents, by the places of its entries.
    pub fn questions(
        &self,
        job: &Job<'_>,
        conn: &mut Connection,
        erasure: &Erasure,
        entries: &[RuleRecord],
        due: usize,
    ) -> Result<Vec<Option<String>>, DbError> {
        let mut questions = vec![None; entries.len()];
        let Some(wider) = &self.wider else { return Ok(questions) };
        let told = |of: &dyn Fn(Whom) -> bool| {
            let meant = wider.reasons.iter().filter(|reason| of(reason.of)).map(|reason| reason.sentence.as_str());
            meant.collect::<Vec<_>>().join("; ")
        };
        for ((question, entry), record) in questions.iter_mut().zip(&erasure.entries).zip(entries) {
            let reasons = told(&|of| of == Whom::Entry(entry.index));
            if !reasons.is_empty() {
                *question = Some(format!("{MORE_ROWS}: {reasons}; {} rows are due now", record.remaining));
            }
        }
        // Of one who asked it is all the same how the others are found.
        let is_of_one = job.people.is_some();
        let reasons = told(&|of| of == Whom::Everybody || !is_of_one && matches!(of, Whom::Closed | Whom::Written));
        if let Some(first) = questions.first_mut().filter(|_| !reasons.is_empty()) {
            let people = wider.people_due(conn, erasure, due)?;
            let own = first.take().map(|own| format!("; {own}")).unwrap_or_default();
            *first = Some(format!("{MORE_PEOPLE}: {reasons}; {people}{own}"));
        }
        let concerns_requests = wider.reasons.iter().any(|reason| reason.of != Whom::Closed);
        if let Some(question) = questions.iter_mut().flatten().next().filter(|_| !is_of_one && concerns_requests) {
            question.push_str("; requests that it concerns wait for consent too");
        }
        Ok(questions)
    }
}

const MORE_ROWS: &str = "the schedule lets more rows of people go than before";
const MORE_PEOPLE: &str = "the schedule lets more people go than before, or more of what is theirs";

impl Wider {
    fn people_due(&self, conn: &mut Connection, erasure: &Erasure, due: usize) -> Result<String, DbError> {
        let (Some(before), Some(entry)) = (&self.before, erasure.entries.first()) else {
            return Ok(format!("{due} people are due now"));
        };
        let then = before.clone().after(&entry.plan.earlier);
        let cutoff = |erasure: &Erasure| erasure.entries.first().map(|entry| shown(&entry.plan)).unwrap_or_default();
        let due_then = due_among(conn, &then)?.len();
        Ok(format!(
            "{due} people are due by the new cutoff {}, {due_then} by the old one {}: {} more",
            cutoff(erasure),
            cutoff(before),
            due.saturating_sub(due_then)
        ))
    }
}

/// What concerns the map as a whole is asked by the guard of the entry that acts first.
fn asked(erasure: &Erasure, reasons: &[Reason]) -> BTreeSet<String> {
    let is_of = |place: usize, entry: &Entry| {
        reasons.iter().any(|reason| match reason.of {
            Whom::Entry(index) => index == entry.index,
            Whom::Closed | Whom::Written | Whom::Everybody => place == 0,
        })
    };
    let entries = erasure.entries.iter().enumerate().filter(|(place, entry)| is_of(*place, entry));
    entries.map(|(_, entry)| entry.plan.rule.clone()).collect()
}

/// What nobody has consented to yet in a changed map, for requests that are carried out without anybody being asked.
#[derive(Default)]
pub(in crate::run) struct Unconsented {
    reasons: Vec<Reason>,
    /// The categories of the entries, in the order of the schedule.
    categories: Vec<Option<String>>,
}

impl Unconsented {
    /// Nothing, of a schedule that is not in effect yet: it is not carried out at all.
    pub fn of(job: &Job<'_>, conn: &mut Connection, catalog: &Catalog, erasure: &Erasure) -> Result<Self, DbError> {
        let (Some(subject), None) = (&job.schedule.subject, job.not_yet_in_force()) else {
            return Ok(Self::default());
        };
        let holds = holds_of(job);
        let now = terms_of(catalog, subject, erasure, &holds);
        let memory = Memory::read(conn, job.names())?;
        let Some((in_force, _)) = basis(&memory, &now) else { return Ok(Self::default()) };
        let reasons = now.reach_beyond(&in_force, &holds, &has_ended(job));
        Ok(Self { reasons, categories: now.entries.into_iter().map(|entry| entry.category).collect() })
    }

    /// Does it concern a request for all data, or for this category?
    pub fn concerns(&self, category: Option<&str>) -> bool {
        self.reasons.iter().any(|reason| match reason.of {
            Whom::Everybody => true,
            Whom::Entry(index) => {
                category.is_none() || self.categories.get(index).is_some_and(|of| of.as_deref() == category)
            }
            Whom::Closed | Whom::Written => false,
        })
    }

    /// Does it concern requests that stand in a table of the application?
    pub fn concerns_written(&self) -> bool {
        self.concerns(None) || self.reasons.iter().any(|reason| reason.of == Whom::Written)
    }
}

/// What a map is held against; where it is new, and may be one that is gone under another name, with a reason that says so.
fn basis(memory: &Memory, now: &PeopleTerms) -> Option<(PeopleTerms, Option<Reason>)> {
    if let Some(known) = memory.people_in_force() {
        return Some((known.clone(), None));
    }
    let (policy, gone) = memory.map_may_have_been(&now.table)?;
    let sentence = format!(
        "the map is new, and policy `{policy}`, which had one of the same people, is gone: if it is that one under another name, say so \
         with `formerly = [\"{policy}\"]`"
    );
    Some((gone.clone(), Some(Reason { of: Whom::Everybody, sentence })))
}

/// The erasure with the grace that is in force.
fn as_it_was(
    job: &Job<'_>,
    context: &Context<'_>,
    standing: &[StandingHold<'_>],
    subject: &Subject,
    in_force: &PeopleTerms,
) -> Option<Erasure> {
    let grace = Some(Period::parse(in_force.grace.as_ref()?).ok()?);
    let subject = Some(Subject { grace, ..subject.clone() });
    let schedule = Schedule { subject, ..without_rules(job.schedule) };
    resolve::resolve(context, &schedule, |_| true, standing).erasure?.ok()
}

fn terms_of(
    catalog: &Catalog,
    subject: &Subject,
    erasure: &Erasure,
    holds: &BTreeMap<String, HoldTerms>,
) -> PeopleTerms {
    let entries = subject.data.iter().enumerate().filter_map(|(index, data)| {
        let acts = erasure.entries.iter().find(|entry| entry.index == index).map(|entry| &entry.plan);
        let stays = erasure.kept.iter().find(|kept| kept.index == index);
        let targets = acts.map(|plan| &plan.targets).or(stays.map(|kept| &kept.targets))?;
        Some(entry_terms(catalog, data, acts, targets, holds))
    });
    PeopleTerms {
        table: spelled(catalog, &erasure.people),
        key: erasure.key.name.to_string(),
        condition: subject.condition.as_deref().map(digest),
        closed: subject.closed.as_ref().map(anchor),
        grace: subject.grace.as_ref().map(Period::to_string),
        created: subject.created.as_ref().map(anchor),
        within: subject.deadline.to_string(),
        requests_within: subject.request_deadline.to_string(),
        requests: subject.requests.as_ref().zip(erasure.requests.as_ref()).map(|(written, found)| RequestTerms {
            table: catalog.as_written(&found.table).to_string(),
            key: found.whose.column.to_string(),
            requested: anchor(&written.requested),
            verified: digest(&written.verified),
            done: digest(&written.done),
        }),
        holds: named(erasure.people.holds.iter(), holds),
        entries: entries.collect(),
    }
}

fn entry_terms(
    catalog: &Catalog,
    data: &Data,
    acts: Option<&RulePlan>,
    targets: &[Target],
    holds: &BTreeMap<String, HoldTerms>,
) -> EntryTerms {
    let dependents = acts.map_or(&[][..], |plan| &plan.dependents);
    let steps = targets.first().and_then(|target| target.whose.as_ref()).map_or(&[][..], |whose| &whose.steps);
    let own = targets.iter().flat_map(|target| &target.holds);
    // A hold on people keeps the whole person, and stands in the terms of the map itself.
    let covering =
        own.chain(dependents.iter().flat_map(|dependent| &dependent.holds)).filter(|hold| hold.people.is_none());
    EntryTerms {
        name: data.name(),
        table: targets.first().map(|target| spelled(catalog, target)).unwrap_or_default(),
        way: steps.iter().map(|step| step_text(catalog, step)).collect::<Vec<_>>().join(", "),
        condition: data.condition.as_deref().map(digest),
        category: data.category.clone(),
        action: action(&data.act).to_owned(),
        redact: data.redactions().iter().map(|one| (one.column.to_string(), word(&one.how).to_owned())).collect(),
        along: goes_along(data, dependents, targets),
        lasts: lasts(&data.act),
        holds: named(covering, holds),
    }
}

/// A table as the database knows it, in the shortest form that a schedule may write.
fn spelled(catalog: &Catalog, target: &Target) -> String {
    catalog.as_written(&target.root).to_string()
}

fn step_text(catalog: &Catalog, step: &Step) -> String {
    let of_any_case = if step.likeness == Likeness::Folded { " in any case" } else { "" };
    format!("{} = {}.{}{of_any_case}", step.column, catalog.as_written(&step.table), step.key)
}

fn named<'h>(
    covering: impl Iterator<Item = &'h Hold>,
    holds: &BTreeMap<String, HoldTerms>,
) -> BTreeMap<String, HoldTerms> {
    covering.filter_map(|hold| Some((hold.name.clone(), holds.get(&hold.name)?.clone()))).collect()
}

fn action(act: &DataAct) -> &'static str {
    match act {
        DataAct::Delete { .. } => "delete",
        DataAct::Redact(_) => "redact",
        DataAct::Keep { .. } => "keep",
    }
}

/// The word of the schedule, without what is written into the column.
pub(super) fn word(how: &Redact) -> &'static str {
    match how {
        Redact::Null => "null",
        Redact::Set(_) => "set",
        Redact::TruncateIp => "truncate-ip",
        Redact::Year => "year",
        Redact::Hmac => "hmac",
        Redact::Placeholder(_) => "placeholder",
    }
}

fn goes_along(data: &Data, dependents: &[Dependent], targets: &[Target]) -> BTreeSet<String> {
    let kept = data.kept_too.then(|| "what another entry keeps".to_owned());
    let own = targets.first().into_iter().flat_map(own_kind);
    dependents.iter().flat_map(of_dependent).chain(own).chain(kept).collect()
}

fn of_dependent(dependent: &Dependent) -> Vec<String> {
    let table = &dependent.shown;
    match dependent.then {
        Then::Delete => vec![format!("`{table}`")],
        Then::Null => dependent.links.iter().map(|link| let_go(table, &link.columns)).collect(),
    }
}

/// What refers to rows of its own table.
fn own_kind(target: &Target) -> Vec<String> {
    let links = target.self_links.iter().filter_map(|link| match link.effect {
        SelfEffect::Block => None,
        SelfEffect::Cascade => Some(format!("what refers by `{}`", columns(&target.root, &link.columns))),
        SelfEffect::Null => Some(let_go(&target.root, &link.columns)),
    });
    links.collect()
}

fn let_go(table: &TableName, names: &[Name]) -> String {
    format!("the reference `{}`", columns(table, names))
}

fn columns(table: &TableName, names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    format!("{table}.{}", names.join("+"))
}

fn lasts(act: &DataAct) -> Option<String> {
    let DataAct::Keep { until: Some((period, anchors)), .. } = act else { return None };
    let anchors: Vec<String> = anchors.iter().map(anchor).collect();
    Some(format!("{period} after {}", anchors.join(", ")))
}
