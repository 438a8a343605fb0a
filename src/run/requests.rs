//! Requests for erasure, each carried out by a run of its own: who asked is to have a report of their own, and one person of
//! whom something cannot be done keeps nobody else waiting.

use anyhow::Context as _;

use super::{Consent, Job, Progress, Refusal, SomePeople, people, prepare_ledger};
use crate::db::{Access, Connection, DbError, person};
use crate::execute::Stop;
use crate::ledger::erasure::Cause;
use crate::ledger::request::{self, Settlement, Waiting};
use crate::plan::Who;
use crate::report::record::RunRecord;
use crate::time;

/// What came of carrying requests out.
#[derive(Default)]
pub struct CarriedOut {
    pub records: Vec<RunRecord>,
    pub refused: Vec<Refusal>,
}

/// Carries out the verified requests of the job's policy that wait: the one of this number, or all of whom something would
/// change. A request is settled when nothing of the person's is left that is to go; until then it waits, because of a hold
/// for example, and is looked at again by the next run.
pub fn carry_out(
    job: &Job<'_>,
    number: Option<i64>,
    consent: &Consent,
    stop: &Stop,
    progress: Progress<'_>,
) -> Result<CarriedOut, Refusal> {
    let mut done = CarriedOut::default();
    for waiting in verified(job, number)? {
        if stop.is_set() {
            break;
        }
        let job = job.about(person_of(&waiting));
        let outcome = carry_out_one(&job, number.is_some(), consent, stop, &mut *progress, |conn| {
            let settled = Settlement::Erased;
            request::settle(conn, waiting.number, settled, None, &job.actor, time::now()).map(drop)
        });
        done.hear(outcome);
    }
    if number.is_none() {
        carry_out_written(job, consent, stop, progress, &mut done)?;
    }
    Ok(done)
}

/// Those that the application has written into a table of its own.
fn carry_out_written(
    job: &Job<'_>,
    consent: &Consent,
    stop: &Stop,
    progress: Progress<'_>,
    done: &mut CarriedOut,
) -> Result<(), Refusal> {
    let has_table = job.schedule.subject.as_ref().is_some_and(|subject| subject.requests.is_some());
    if !has_table {
        return Ok(());
    }
    let mut conn = job.open(Access::ReadOnly)?;
    let (_, map) = people::map(job, &mut conn)?;
    let Some(requests) = &map.requests else { return Ok(()) };
    let requested = person::requested(&mut conn, &map, requests)?;
    drop(conn);
    for (key, asked) in requested {
        if stop.is_set() {
            break;
        }
        let asked = asked.unwrap_or_else(time::now);
        let job = job.about(SomePeople { keys: vec![key.to_text()], category: None, cause: Cause::Request, asked });
        let outcome = carry_out_one(&job, false, consent, stop, &mut *progress, |conn| {
            person::mark(conn, &map, requests, &key, time::now()).map(drop)
        });
        done.hear(outcome);
    }
    Ok(())
}

impl CarriedOut {
    fn hear(&mut self, outcome: Result<Option<RunRecord>, Refusal>) {
        match outcome {
            Ok(record) => self.records.extend(record),
            Err(refusal) => self.refused.push(refusal),
        }
    }
}

fn verified(job: &Job<'_>, number: Option<i64>) -> Result<Vec<Waiting>, Refusal> {
    let mut conn = job.open(Access::ReadOnly)?;
    let mut waiting = request::open(&mut conn)?;
    waiting.retain(|waiting| {
        let is_meant = number.is_none_or(|number| waiting.number == number);
        is_meant && waiting.request.verified && waiting.request.policy == job.schedule.policy.name
    });
    Ok(waiting)
}

fn person_of(Waiting { request, .. }: &Waiting) -> SomePeople {
    SomePeople {
        keys: vec![request.key.clone()],
        category: request.category.clone(),
        cause: Cause::of_request(request.category.as_deref()),
        asked: request.asked,
    }
}

fn carry_out_one(
    job: &Job<'_>,
    always: bool,
    consent: &Consent,
    stop: &Stop,
    progress: Progress<'_>,
    settle: impl FnOnce(&mut Connection) -> Result<(), DbError>,
) -> Result<Option<RunRecord>, Refusal> {
    let mut conn = job.open(Access::ReadWrite)?;
    prepare_ledger(&mut conn)?;
    let before = look(job, &mut conn)?;
    let record = match always || before.is_due {
        true => Some(super::run(job, consent, stop, progress)?),
        false => None,
    };
    // A second look, and not what the run says of itself: rows may have come since.
    let after = look(job, &mut conn)?;
    if !after.is_due && !after.is_kept_back {
        settle(&mut conn).context("a request was carried out, and could not be settled")?;
    }
    Ok(record)
}

/// What of the person is there still.
struct Still {
    /// Something that a run would do.
    is_due: bool,
    /// Something that is to go, and may not go now.
    is_kept_back: bool,
}

fn look(job: &Job<'_>, conn: &mut Connection) -> Result<Still, Refusal> {
    let (catalog, map) = people::map(job, conn)?;
    let map = job.of_whom(&catalog, map)?;
    let mut is_held = false;
    if let Who::Only(keys, _) = &map.who {
        for key in keys {
            is_held |= person::look_up(conn, &map, key)?.is_some_and(|person| !person.held_by.is_empty());
        }
    }
    let (is_due, stays) = people::still(conn, &map)?;
    Ok(Still { is_due, is_kept_back: stays || is_held })
}
