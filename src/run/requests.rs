//! Requests for erasure, each carried out by a run of its own: who asked is to have a report of their own, and one person of
//! whom something cannot be done keeps nobody else waiting.

use anyhow::{Context as _, anyhow};

use super::change::people::Unconsented;
use super::{Consent, Job, Progress, Refusal, SomePeople, people, prepare_ledger};
use crate::db::catalog::Catalog;
use crate::db::person::{self, Made, Requested};
use crate::db::{Access, Connection, DbError};
use crate::execute::Stop;
use crate::ledger::erasure::{self, Cause};
use crate::ledger::request::{self, Settlement, Waiting};
use crate::plan::{Erasure, PersonKey, Who};
use crate::report::record::RunRecord;
use crate::resolve;
use crate::time;

/// What came of carrying requests out.
#[derive(Default)]
pub struct CarriedOut {
    pub records: Vec<RunRecord>,
    pub refused: Vec<Refusal>,
}

/// Carries out the verified requests of the job's policy that wait: the one of this number, or all of whom something would
/// change. A request is settled when nothing of the person's is left that is to go; until then it waits, because of a hold
/// for example, and is looked at again by the next run. Where the map lets more go than before, and nobody has consented to that
/// yet, the requests that it concerns wait too, but for one that somebody names: whoever does is asked for themselves.
pub fn carry_out(
    job: &Job<'_>,
    number: Option<i64>,
    consent: &Consent,
    stop: &Stop,
    progress: Progress<'_>,
) -> Result<CarriedOut, Refusal> {
    let mut done = CarriedOut::default();
    let waiting = waiting(job, number)?;
    let unconsented = match (waiting.is_empty(), number, consent) {
        (false, None, Consent::Ask) => unconsented(job)?,
        _ => Unconsented::default(),
    };
    for waiting in waiting {
        if stop.is_set() {
            break;
        }
        if waiting.request.verified && unconsented.concerns(waiting.request.category.as_deref()) {
            continue;
        }
        let (number, verified) = (waiting.number, waiting.request.verified);
        let asked = Asked { what: format!("request {number}"), people: people_of(&waiting), verified };
        let outcome = carry_out_one(job, &asked, consent, stop, &mut *progress, |conn| {
            request::settle(conn, number, Settlement::Erased, None, &job.actor, time::now()).map(drop)
        });
        done.hear(outcome);
    }
    if number.is_none() {
        carry_out_written(job, consent, stop, progress, &mut done)?;
    }
    Ok(done)
}

fn unconsented(job: &Job<'_>) -> Result<Unconsented, Refusal> {
    let mut conn = job.open(Access::ReadOnly)?;
    let (catalog, map) = people::map(job, &mut conn)?;
    Ok(Unconsented::of(job, &mut conn, &catalog, &map)?)
}

/// What a plan tells of requests, as far as they can be seen: a role that may only plan may not be let near them.
pub(super) fn notes(job: &Job<'_>, conn: &mut Connection) -> Vec<String> {
    let is_meant = |waiting: &&Waiting| waiting.request.verified;
    let received =
        request::open(conn, &job.schedule.policy.name).map_or(0, |open| open.iter().filter(is_meant).count());
    let map = people::map(job, conn).ok().map(|(_, map)| map);
    let written = map.and_then(|map| person::requested(conn, &map, job.as_of).ok()).unwrap_or_default();
    let waiting = received + written.iter().filter(|one| one.made.has_come()).count();
    let would_be_carried_out = format!(
        "{waiting} verified requests for erasure wait, which a run carries out each by itself; see `tenure subject status` \
         and `tenure subject erase KEY --dry-run`"
    );
    let carried_out = (waiting > 0).then_some(would_be_carried_out);
    carried_out.into_iter().chain(notes_of_waiting(job, &written)).collect()
}

/// Of requests in the application's own table that no run carries out yet.
fn notes_of_waiting(job: &Job<'_>, written: &[Requested]) -> Vec<String> {
    let Some(wanted) = job.schedule.subject.as_ref().and_then(|subject| subject.requests.as_ref()) else {
        return Vec::new();
    };
    let (table, column) = (&wanted.table, &wanted.requested.path);
    let count = |is_meant: fn(Made) -> bool| written.iter().filter(|one| is_meant(one.made)).count();
    let ahead = count(|made| matches!(made, Made::Ahead(_)));
    let unknown = count(|made| made == Made::Unknown);
    let ahead = (ahead > 0).then(|| {
        format!("{ahead} people ask in `{table}` for a time that has not come; they are erased, and their days count, from then on")
    });
    let unknown = (unknown > 0).then(|| {
        format!(
            "{unknown} people ask in `{table}`, and `{column}` tells no time of it, so nobody is erased for it; write there when \
             they asked"
        )
    });
    ahead.into_iter().chain(unknown).collect()
}

/// Those that the application has written into a table of its own.
fn carry_out_written(
    job: &Job<'_>,
    consent: &Consent,
    stop: &Stop,
    progress: Progress<'_>,
    done: &mut CarriedOut,
) -> Result<(), Refusal> {
    let wanted = job.schedule.subject.as_ref().and_then(|subject| subject.requests.as_ref());
    let Some(table) = wanted.map(|wanted| &wanted.table) else { return Ok(()) };
    let mut conn = job.open(Access::ReadOnly)?;
    let (catalog, map) = people::map(job, &mut conn)?;
    if matches!(consent, Consent::Ask) && Unconsented::of(job, &mut conn, &catalog, &map)?.concerns_written() {
        return Ok(());
    }
    for requested in person::requested(&mut conn, &map, job.as_of)? {
        if stop.is_set() {
            break;
        }
        let (Made::At(made), Some(key)) = (requested.made, key_as_written(&catalog, &map, &requested.key)) else {
            continue;
        };
        let people =
            SomePeople { keys: vec![requested.key.clone()], category: None, cause: Cause::Request, asked: made };
        let asked = Asked { what: format!("a request in `{table}`"), people, verified: true };
        let outcome = carry_out_one(job, &asked, consent, stop, &mut *progress, |conn| {
            person::mark(conn, &map, &requested, &key, time::now()).map(drop)
        });
        done.hear(outcome);
    }
    Ok(())
}

/// What is no key, or another spelling of a number, is nobody's. A UUID in capitals is somebody's, whose request is found again
/// as it is written.
fn key_as_written(catalog: &Catalog, map: &Erasure, text: &str) -> Option<PersonKey> {
    match resolve::person_key(catalog, map, text).ok()? {
        PersonKey::Text(_) => Some(PersonKey::Text(text.to_owned())),
        number => Some(number).filter(|number| number.to_text() == text),
    }
}

impl CarriedOut {
    fn hear(&mut self, outcome: Result<Option<RunRecord>, Refusal>) {
        match outcome {
            Ok(record) => self.records.extend(record),
            Err(refusal) => self.refused.push(refusal),
        }
    }
}

fn waiting(job: &Job<'_>, number: Option<i64>) -> Result<Vec<Waiting>, Refusal> {
    let mut conn = job.open(Access::ReadOnly)?;
    let mut waiting = request::open(&mut conn, &job.schedule.policy.name)?;
    waiting.retain(|waiting| number.is_none_or(|number| waiting.number == number));
    Ok(waiting)
}

fn people_of(Waiting { request, .. }: &Waiting) -> SomePeople {
    SomePeople {
        keys: vec![request.key.clone()],
        category: request.category.clone(),
        cause: Cause::of_request(request.category.as_deref()),
        asked: request.asked,
    }
}

/// One request, wherever it was written down.
struct Asked {
    /// How messages name it; the person is not named.
    what: String,
    people: SomePeople,
    verified: bool,
}

fn carry_out_one(
    job: &Job<'_>,
    asked: &Asked,
    consent: &Consent,
    stop: &Stop,
    progress: Progress<'_>,
    settle: impl FnOnce(&mut Connection) -> Result<(), DbError>,
) -> Result<Option<RunRecord>, Refusal> {
    let mut conn = job.open(Access::ReadWrite)?;
    prepare_ledger(&mut conn)?;
    let job = job.about(as_the_database_writes(job, &mut conn, &asked.people)?);
    let mut found = look(&job, &mut conn)?;
    let mut record = None;
    if found.is_newcomer && !found.was_erased {
        let what = &asked.what;
        return Err(anyhow!(
            "{what}: whoever has that key signed up after it was asked for, so it is somebody else's, and nobody is erased for \
             it; refuse the request"
        )
        .into());
    }
    if asked.verified && found.is_there && !found.is_newcomer && found.is_due {
        record = Some(super::run(&job, consent, stop, progress)?);
        // A second look, and not what the run says of itself: rows may have come since.
        found = look(&job, &mut conn)?;
    }
    if found.is_settled(asked.verified) {
        settle(&mut conn).with_context(|| format!("{} was carried out, and could not be settled", asked.what))?;
    }
    Ok(record)
}

/// A UUID may have been asked for in capitals; from here on a key counts letter for letter.
fn as_the_database_writes(job: &Job<'_>, conn: &mut Connection, asked: &SomePeople) -> Result<SomePeople, Refusal> {
    let (catalog, map) = people::map(job, conn)?;
    let mut spelled = asked.clone();
    for text in &mut spelled.keys {
        let key = resolve::person_key(&catalog, &map, text).map_err(|mistake| Refusal::Schedule(vec![mistake]))?;
        if let Some(person) = person::look_up(conn, &map, &key)? {
            *text = person.key.to_text();
        }
    }
    Ok(spelled)
}

/// How things stand with the person of a request.
struct Found {
    /// Somebody has that key.
    is_there: bool,
    /// That somebody signed up after it was asked for.
    is_newcomer: bool,
    /// The ledger holds an erasure of that key, which ended after it was asked for.
    was_erased: bool,
    /// Something that a run would do.
    is_due: bool,
    /// Something that is to go, and may not go now.
    is_kept_back: bool,
}

impl Found {
    /// Nothing is left to be done. Of somebody who is not there that is known only from the ledger: a row can come back.
    fn is_settled(&self, verified: bool) -> bool {
        match self.is_there && !self.is_newcomer {
            true => verified && !self.is_due && !self.is_kept_back,
            false => self.was_erased,
        }
    }
}

fn look(job: &Job<'_>, conn: &mut Connection) -> Result<Found, Refusal> {
    let (catalog, map) = people::map(job, conn)?;
    let map = job.of_whom(&catalog, map)?;
    let (Some(asked), Who::Only(keys, _)) = (&job.people, &map.who) else {
        return Err(anyhow!("there is no request to look at").into());
    };
    let Some(key) = keys.first() else { return Err(anyhow!("a request names nobody").into()) };
    let person = person::look_up(conn, &map, key)?;
    let names = job.config.pseudonyms().map(|names| names.all_of(map.names(), &key.to_text())).unwrap_or_default();
    let erasures = erasure::of_person(conn, &names)?;
    let left = people::Left::of(conn, &map)?;
    Ok(Found {
        is_there: person.is_some(),
        is_newcomer: person.as_ref().and_then(|person| person.created).is_some_and(|created| created > asked.asked),
        was_erased: erasures.iter().any(|part| part.is_whole() && part.finished >= Some(asked.asked)),
        is_due: left.is_due,
        is_kept_back: left.is_held || left.is_blocked || person.is_some_and(|person| !person.held_by.is_empty()),
    })
}
