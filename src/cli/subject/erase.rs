//! `tenure subject erase`, `verify` and `refuse`: from a letter to a request, and from there to an erasure.

use jiff::Timestamp;

use super::counter::{Counter, Known};
use super::{Erase, Place};
use crate::app::setup::Setup;
use crate::base::time;
use crate::cli::{Common, Failure, Outcome, answer, run as runs, say};
use crate::db::catalog::Catalog;
use crate::db::{Access, Connection};
use crate::diagnostic::mistake::nearest;
use crate::ledger::actor;
use crate::ledger::erasure::Cause;
use crate::ledger::request::{self, Request, Settlement};
use crate::plan::Erasure;
use crate::run::requests::carry_out;
use crate::run::{self, Consent, SomePeople};

pub(super) fn erase(common: &Common, wanted: &Erase) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let counter = Counter::find(&setup, &wanted.place)?;
    if !wanted.dry_run {
        runs::refuse_future(&setup)?;
    }
    know_category(&counter, wanted.only.as_deref())?;
    if wanted.reason.trim().is_empty() {
        return Err(Failure::Usage("--reason is empty; reports and the ledger show it".to_owned()));
    }
    let asked = wanted.requested_at.unwrap_or_else(time::now);
    if asked > time::now() {
        return Err(Failure::Usage("--requested-at lies in the future".to_owned()));
    }
    if wanted.dry_run {
        return dry_run(common, &counter, wanted, asked);
    }
    let number = receive(&counter, wanted, asked)?;
    if wanted.unverified {
        let sentence = format!(
            "request {number} is written down and waits; once it is known that it was the person who asked: \
             tenure subject verify {number}"
        );
        answer(common, &document(number, "unverified"), &sentence)?;
        return Ok(0);
    }
    carry_out_now(common, &counter, number, wanted.yes)
}

/// Only what the map names can be asked for: a word that it does not know would erase nothing, and look like done.
fn know_category(counter: &Counter<'_>, wanted: Option<&str>) -> Result<(), Failure> {
    let Some(wanted) = wanted else { return Ok(()) };
    let data = counter.pair.schedule.subject.iter().flat_map(|subject| &subject.data);
    let known: Vec<&str> = data.filter_map(|data| data.category.as_deref()).collect();
    if known.contains(&wanted) {
        return Ok(());
    }
    let hint = nearest(wanted, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    Err(Failure::Usage(format!("--only: no entry of the map has the category `{wanted}`{}", hint.unwrap_or_default())))
}

/// Who is there, and could have asked for it then: a request for somebody who had the key before is not carried out on whoever
/// has it now, so it is not written down either.
fn asker(
    counter: &Counter<'_>,
    conn: &mut Connection,
    live: &(Catalog, Erasure),
    wanted: &Erase,
    asked: Timestamp,
) -> Result<Known, Failure> {
    let (known, person) = counter.know_present(conn, live, &wanted.key)?;
    match person.created {
        Some(created) if created.is_after(asked) => Err(Failure::Usage(
            "whoever has that key signed up after it was asked for, so it is somebody else's, and nothing was written down; \
             look at the letter, and at --requested-at"
                .to_owned(),
        )),
        _ => Ok(known),
    }
}

/// A part that the rest is found by cannot go alone.
fn is_whole(map: &Erasure, category: Option<&str>) -> Result<(), Failure> {
    match category.and_then(|category| map.severed_by(category)) {
        None => Ok(()),
        Some((entry, other)) => Err(Failure::Usage(format!(
            "--only: the rows of `{}` are found by those of `{}`, which that category takes; give both one category",
            other.plan.rule, entry.plan.rule
        ))),
    }
}

fn dry_run(common: &Common, counter: &Counter<'_>, wanted: &Erase, asked: Timestamp) -> Outcome {
    let mut conn = counter.open_to_read()?;
    let live = counter.map(&mut conn)?;
    let known = asker(counter, &mut conn, &live, wanted, asked)?;
    is_whole(&live.1, wanted.only.as_deref())?;
    let person = SomePeople {
        keys: vec![known.key.to_text()],
        category: wanted.only.clone(),
        cause: Cause::of_request(wanted.only.as_deref()),
        asked,
    };
    let record = run::dry_run(&counter.job(Some(person)))?;
    runs::finish(common, counter.setup, &[record], Vec::new(), &Shown::whole(common))
}

/// The number of the request, of somebody who is there.
fn receive(counter: &Counter<'_>, wanted: &Erase, asked: Timestamp) -> Result<i64, Failure> {
    let mut conn = counter.open()?;
    let live = counter.map(&mut conn)?;
    let known = asker(counter, &mut conn, &live, wanted, asked)?;
    is_whole(&live.1, wanted.only.as_deref())?;
    let request = Request {
        policy: counter.policy().to_owned(),
        person: counter.pseudonyms.of(&live.1.called, &known.key.to_text()),
        key: known.key.to_text(),
        category: wanted.only.clone(),
        reason: wanted.reason.clone(),
        asked,
        verified: !wanted.unverified,
        by: wanted.by.clone().unwrap_or_else(actor),
    };
    if let Some(same) = counter.waiting(&mut conn, &live)?.iter().find(|waiting| {
        waiting.request.key == request.key
            && waiting.request.category == request.category
            && waiting.request.verified == request.verified
    }) {
        // The same letter twice, or a run that was interrupted: its clock runs already.
        return Ok(same.number);
    }
    Ok(request::receive(&mut conn, &request, time::now())?)
}

fn carry_out_now(common: &Common, counter: &Counter<'_>, number: i64, yes: bool) -> Outcome {
    let consent = if yes { Consent::Yes(actor()) } else { Consent::Ask };
    let stop = runs::stop_on_signals()?;
    let done = carry_out(&counter.job(None), Some(number), &consent, &stop, &mut |_, _, _| {})?;
    let refused = done.refused.into_iter().map(Failure::from).collect();
    let code = runs::finish(common, counter.setup, &done.records, refused, &Shown::whole(common))?;
    if common.json {
        return Ok(code);
    }
    let mut conn = counter.setup.config.open(counter.pair.database, Access::ReadOnly)?;
    match is_waiting(counter, &mut conn, number)? {
        true => say(&format!(
            "request {number} waits: something of the person's stays that is to go; the next run looks again\n"
        ))?,
        false => say(&format!("request {number} is settled; see tenure subject certificate\n"))?,
    }
    Ok(code)
}

fn is_waiting(counter: &Counter<'_>, conn: &mut Connection, number: i64) -> Result<bool, Failure> {
    let live = counter.map(conn)?;
    Ok(counter.waiting(conn, &live)?.iter().any(|waiting| waiting.number == number))
}

pub(super) fn verify(common: &Common, place: &Place, number: i64, by: Option<&str>) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    runs::refuse_future(&setup)?;
    let counter = Counter::find(&setup, place)?;
    let mut conn = counter.open()?;
    must_wait(&counter, &mut conn, number)?;
    let by = by.map_or_else(actor, str::to_owned);
    if !request::verify(&mut conn, number, &by, time::now())? {
        return Err(Failure::Usage(format!("request {number} was verified before")));
    }
    let sentence = format!("request {number} is verified; the next run carries it out");
    answer(common, &document(number, "verified"), &sentence)?;
    Ok(0)
}

pub(super) fn refuse(common: &Common, place: &Place, number: i64, reason: &str, by: Option<&str>) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    runs::refuse_future(&setup)?;
    let counter = Counter::find(&setup, place)?;
    let mut conn = counter.open()?;
    let by = by.map_or_else(actor, str::to_owned);
    if !request::settle(&mut conn, number, Settlement::Refused, Some(reason), &by, time::now())? {
        return Err(Failure::Usage(format!("no request {number} waits")));
    }
    let sentence = format!("request {number} is settled: nobody is erased for it");
    answer(common, &document(number, "refused"), &sentence)?;
    Ok(0)
}

fn document(number: i64, state: &str) -> serde_json::Value {
    serde_json::json!({ "request": number, "state": state })
}

fn must_wait(counter: &Counter<'_>, conn: &mut Connection, number: i64) -> Result<(), Failure> {
    match is_waiting(counter, conn, number)? {
        true => Ok(()),
        false => Err(Failure::Usage(format!("no request {number} waits"))),
    }
}
