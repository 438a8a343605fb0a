//! What a run would do, and whether it may: plans with their figures, and guards that were asked. Dry runs end here.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::approval::{Key, Lists, Rows};
use super::change::Changes;
use super::guard::{self, Bounds};
use super::people::{self, Asking};
use super::{Consent, Job, Progress, Refusal, orders, requests, survey};
use crate::base::time;
use crate::check::{self, Asker};
use crate::db::catalog::fingerprint::Fingerprint;
use crate::db::catalog::{self, Catalog};
use crate::db::{Access, Connection, DbError, Dialect, ErrorKind, Mode};
use crate::diagnostic::mistake::Mistake;
use crate::ledger::{self, pause};
use crate::plan::{self, Amounts, Erasure, RulePlan};
use crate::record::ERASURES;
use crate::record::{HoldRecord, RequestsRecord, RuleRecord, Status};
use crate::resolve::{self, Resolved};
use crate::schedule::Rule;

/// Plans with the figures that belong to them, in the order in which the rules act.
pub(super) struct Planned {
    pub rules: Vec<PlannedRule>,
    pub holds: Vec<HoldRecord>,
    /// Who passed which guard.
    pub notes: Vec<String>,
    /// How many holds had been added to the ledger by then.
    pub ordered: u64,
    /// What the catalog was then.
    pub catalog: Fingerprint,
    pub changes: Changes,
    /// Erasures, which act after the rules.
    pub people: Option<people::Planned>,
    /// Requests for more of them, which runs of their own carry out.
    pub requests: Option<RequestsRecord>,
    /// The rows of rules that a guard stopped, for the command that approves them.
    pub lists: Option<Lists>,
}

/// A rule in a plan.
pub(super) struct PlannedRule {
    /// A rule that could not be planned has a record only.
    pub plan: Option<RulePlan>,
    pub record: RuleRecord,
    pub bounds: Bounds,
}

impl Planned {
    pub fn records(&self) -> Vec<RuleRecord> {
        let entries = self.people.iter().flat_map(|people| &people.entries);
        self.rules.iter().map(|rule| &rule.record).chain(entries).cloned().collect()
    }
}

/// A rule that the role has no right to, or of which it does not see every row, fails here and does not stop the others.
/// What a guard stops takes nothing, and the figures of the rules after it say so.
pub(super) fn make(
    job: &Job<'_>,
    conn: &mut Connection,
    access: Access,
    consent: &Consent,
    progress: Progress<'_>,
) -> Result<Planned, Refusal> {
    let catalog = conn.transaction(Mode::ReadOnly, catalog::read)?;
    let context = job.context(&catalog);
    let mut notes = Vec::new();
    let orders = orders_by_hand(conn, access, &mut notes)?;
    let ordered: Vec<_> = orders.holds.standing.iter().map(|standing| orders::hold_of(&standing.order)).collect();
    let holds = orders::all(&job.holds, job.schedule, &ordered);
    let mut resolved = resolve::resolve(&context, job.schedule, |named| job.is_meant(named), &holds);
    resolved.hold_mistakes.append(&mut resolved.second_maps);
    resolved.hold_mistakes.extend(check::hold_conditions(conn, &context, &holds));
    if !resolved.hold_mistakes.is_empty() {
        return Err(Refusal::Schedule(resolved.hold_mistakes));
    }
    let in_force = resolved.holds.iter().map(survey::hold_record).collect();
    let asker = Asker::of(conn, access == Access::ReadWrite)?;
    let (mut plans, mut rules) = permitted(job, &asker, &catalog, std::mem::take(&mut resolved.rules));
    let erasure = erasure_of(job, &asker, &catalog, resolved);
    let changes = Changes::of(job, conn, &context, &holds, &plans, erasure.as_ref())?;
    notes.extend(orders.pauses.iter().filter_map(|pause| pause.note(job.names())));
    plans.retain(|plan| job.is_chosen(&plan.rule));
    let planner =
        Planner { job, conn, access, consent, changes: &changes, pauses: &orders.pauses, now: time::now(), notes };
    let Outcome { planned, people, requests, notes, lists } = planner.all(plans, &catalog, erasure, progress)?;
    rules.extend(planned);
    let (ordered, catalog) = (orders.holds.added, catalog.fingerprint);
    Ok(Planned { rules, holds: in_force, notes, ordered, catalog, changes, people, requests, lists })
}

/// What was ordered by hand. On MySQL a role cannot tell that there are no control tables yet from that it may not see them.
fn orders_by_hand(conn: &mut Connection, access: Access, notes: &mut Vec<String>) -> Result<ledger::Orders, DbError> {
    match ledger::orders(conn) {
        Err(error)
            if access == Access::ReadOnly && conn.dialect() == Dialect::Mysql && error.kind == ErrorKind::Privilege =>
        {
            let what = "holds and pauses that were ordered by hand, if there are any, are not in these figures";
            notes.push(format!("{what}: {error}"));
            Ok(ledger::Orders::default())
        }
        orders => orders,
    }
}

/// The plans of rules that this role may carry out; of the others that were chosen, records that say why not.
fn permitted(
    job: &Job<'_>,
    asker: &Asker,
    catalog: &Catalog,
    rules: Vec<(&Rule, Result<RulePlan, Vec<Mistake>>)>,
) -> (Vec<RulePlan>, Vec<PlannedRule>) {
    let (mut plans, mut unplanned) = (Vec::new(), Vec::new());
    for (rule, outcome) in rules {
        let outcome = outcome.and_then(|plan| match asker.obstacles(catalog, rule, &plan) {
            obstacles if obstacles.is_empty() => Ok(plan),
            obstacles => Err(obstacles),
        });
        match outcome {
            Ok(plan) => plans.push(plan),
            Err(mistakes) if job.is_chosen(&rule.name) => {
                let record = survey::unplanned(rule, &job.database.name, &mistakes);
                unplanned.push(PlannedRule { plan: None, record, bounds: Bounds::default() });
            }
            Err(_) => {}
        }
    }
    (plans, unplanned)
}

/// Where it would release a hold, or the role may not do all of it, no person is erased.
fn erasure_of(
    job: &Job<'_>,
    asker: &Asker,
    catalog: &Catalog,
    resolved: Resolved<'_>,
) -> Option<Result<Erasure, Vec<Mistake>>> {
    let map = if resolved.released.is_empty() {
        resolved.erasure?
    } else {
        resolved.erasure.map(|_| Err(resolved.released))?
    };
    Some(map.and_then(|erasure| match asker.obstacles_of_map(catalog, job.schedule, &erasure) {
        obstacles if obstacles.is_empty() => Ok(erasure),
        obstacles => Err(obstacles),
    }))
}

/// Counts rule after rule, each after those that act before it.
struct Planner<'a> {
    job: &'a Job<'a>,
    conn: &'a mut Connection,
    access: Access,
    consent: &'a Consent,
    changes: &'a Changes,
    pauses: &'a [pause::Standing],
    now: Timestamp,
    notes: Vec<String>,
}

/// What a planner has planned.
struct Outcome {
    planned: Vec<PlannedRule>,
    people: Option<people::Planned>,
    requests: Option<RequestsRecord>,
    notes: Vec<String>,
    lists: Option<Lists>,
}

/// What acts, as far as it is planned.
#[derive(Default)]
struct SoFar {
    acting: Vec<RulePlan>,
    stopped: Vec<String>,
    amounts: Amounts,
}

impl<'a> Planner<'a> {
    fn all(
        mut self,
        plans: Vec<RulePlan>,
        catalog: &Catalog,
        erasure: Option<Result<Erasure, Vec<Mistake>>>,
        progress: Progress<'_>,
    ) -> Result<Outcome, Refusal> {
        let mut so_far = SoFar::default();
        let mut planned = Vec::new();
        for plan in plan::in_order(plans) {
            progress(&plan.rule, 0, 0);
            planned.push(self.rule(plan, &mut so_far));
        }
        let lists = self.list_what_waits(&mut planned);
        let (mut people, mut requests) = (None, None);
        match erasure.filter(|_| self.job.is_chosen(ERASURES)) {
            Some(Ok(erasure)) => (people, requests) = self.people(catalog, erasure, &so_far.acting)?,
            Some(Err(mistakes)) => planned.extend(self.unplanned_map(&mistakes)),
            None => {}
        }
        Ok(Outcome { planned, people, requests, notes: self.notes, lists })
    }

    fn rule(&mut self, plan: RulePlan, so_far: &mut SoFar) -> PlannedRule {
        let plan = plan.without(&so_far.stopped.iter().map(String::as_str).collect());
        let (mut record, bounds) = survey::figures(self.conn, &plan, self.job, &so_far.amounts);
        match self.pause_of(&plan.rule).filter(|_| record.status == Status::Ok) {
            Some(pause) => survey::wait(self.conn, &plan, &mut record, pause),
            None => self.notes.extend(ask_guard(self.conn, &plan, self.changes, &mut record, self.consent)),
        }
        survey::find_oldest_due(self.conn, &plan, &mut record, self.job.oldest_due);
        if record.status == Status::Ok {
            let what = format!("rule `{}`", plan.rule);
            self.notes.extend(survey::placeholders_taken(self.conn, &plan, &[], &what));
            so_far.amounts.extend(guard::planned(&plan, &record));
            so_far.acting.push(plan.clone());
        } else {
            so_far.stopped.push(plan.rule.clone());
        }
        PlannedRule { plan: Some(plan), record, bounds }
    }

    fn pause_of(&self, rule: &str) -> Option<&'a pause::Standing> {
        pause::of_rule(self.pauses, self.job.names(), rule, self.now)
    }

    /// An approval is for the rows of a rule, so a run says which they are. What cannot be listed cannot be approved.
    fn list_what_waits(&mut self, planned: &mut [PlannedRule]) -> Option<Lists> {
        let is_guarded = |rule: &PlannedRule| rule.record.status == Status::Guarded;
        if self.access == Access::ReadOnly || !planned.iter().any(is_guarded) {
            return None;
        }
        let key = match Key::of(self.job.config.hmac_key.as_ref()).map_or_else(Key::new, Ok) {
            Ok(key) => key,
            Err(error) => {
                self.notes.push(format!("what a guard stopped cannot be approved: {error:#}"));
                return None;
            }
        };
        let mut listed = BTreeMap::new();
        for rule in planned.iter_mut().filter(|rule| is_guarded(rule)) {
            let Some(plan) = &rule.plan else { continue };
            match Rows::planned(self.conn, plan, &key) {
                Ok(Some(rows)) => {
                    rule.record.rows_digest = Some(rows.digest(&key));
                    listed.insert(plan.rule.clone(), rows);
                }
                Ok(None) => {}
                Err(error) => self.notes.push(format!("rule `{}` cannot be approved: {error}", plan.rule)),
            }
        }
        Some(Lists::of(&key, listed))
    }

    fn people(
        &mut self,
        catalog: &Catalog,
        erasure: Erasure,
        acting: &[RulePlan],
    ) -> Result<(Option<people::Planned>, Option<RequestsRecord>), Refusal> {
        let (job, consent) = (self.job, self.consent);
        let pause = pause::of_rule(self.pauses, job.names(), ERASURES, self.now);
        let mut requests = None;
        if job.people.is_none() {
            let inbox = requests::Inbox { job, catalog, map: &erasure, consent, is_paused: pause.is_some() };
            requests = inbox.survey(self.conn, self.access, &mut self.notes);
        }
        let unmapped = check::unmapped(catalog, job.schedule, &erasure);
        let erasure = job.of_whom(catalog, erasure)?;
        let asking = Asking { changes: self.changes, consent };
        let (mut planned, who) = people::plan(job, self.conn, erasure, acting, pause, &asking);
        planned.record.unmapped = unmapped;
        self.notes.extend(who);
        Ok((Some(planned), requests))
    }

    fn unplanned_map(&self, mistakes: &[Mistake]) -> Option<PlannedRule> {
        let subject = self.job.schedule.subject.as_ref()?;
        let record = survey::unplanned_map(subject, &self.job.database.name, mistakes);
        Some(PlannedRule { plan: None, record, bounds: Bounds::default() })
    }
}

/// Stops the rule where its guard says so, or where its schedule lets more rows go than before; else the note of who passed
/// it.
pub(super) fn ask_guard(
    conn: &mut Connection,
    plan: &RulePlan,
    changes: &Changes,
    record: &mut RuleRecord,
    consent: &Consent,
) -> Option<String> {
    if record.status == Status::Ok {
        let asked = changes.question(conn, plan, record).and_then(|question| {
            question.into_iter().for_each(|question| guard::also(record, question));
            let Consent::Approved { run, rows, .. } = consent else { return Ok(()) };
            let question = match guard::beyond_approval(record, run) {
                Some(more) => Some(more),
                None => rows.question(conn, plan, record, run)?,
            };
            question.into_iter().for_each(|question| guard::stop(record, question));
            Ok(())
        });
        if let Err(error) = asked {
            record.status = Status::Failed;
            record.error = Some(error.message);
        }
    }
    let note = guard::decide(record, consent);
    if record.status == Status::Guarded {
        survey::keep_all(conn, plan, record);
    }
    note
}
