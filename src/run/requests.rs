//! Requests for erasure, each carried out by a run of its own: who asked is to have a report of their own, and one person of
//! whom something cannot be done keeps nobody else waiting.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;

use super::change::people::Unconsented;
use super::{Consent, Job, Progress, Refusal, SomePeople, people, prepare_ledger};
use crate::base::time;
use crate::base::time::Light;
use crate::db::catalog::Catalog;
use crate::db::query::person;
use crate::db::query::person::{Made, Requested, Standing};
use crate::db::{Access, Connection, DbError, ErrorKind};
use crate::execute::Stop;
use crate::ledger::erasure::{self, Cause};
use crate::ledger::request::{self, Request, Settlement, Waiting};
use crate::plan::{Erasure, PersonKey, Who};
use crate::record::{RequestsRecord, RunRecord};
use crate::resolve;
use crate::schedule::Subject;

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
        let asked = Asked {
            what: format!("request {number}"),
            people: people_of(&waiting),
            latest: waiting.request.asked,
            verified,
        };
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

/// The requests that wait at the job's policy, and those that are left to it.
pub fn open(
    job: &Job<'_>,
    conn: &mut Connection,
    (catalog, map): &(Catalog, Erasure),
) -> Result<Vec<Waiting>, DbError> {
    let mut all = request::open(conn)?;
    let left = left_to(job, catalog, map, &all);
    all.retain(|waiting| is_of(job, waiting) || left.contains(&waiting.number));
    Ok(all)
}

fn is_of(job: &Job<'_>, waiting: &Waiting) -> bool {
    waiting.request.policy == job.schedule.policy.name
}

/// Is it at a policy that has no map here any more?
fn is_left(job: &Job<'_>, waiting: &Waiting) -> bool {
    !is_of(job, waiting) && !job.policies.maps_people(&waiting.request.policy)
}

/// Of the requests at policies that have no map here any more, the numbers of those that the job's map goes on with, because the
/// policy says that it was called so. A pseudonym is made of the table of people as well, so that no key is taken for one of other
/// people.
fn left_to(job: &Job<'_>, catalog: &Catalog, map: &Erasure, all: &[Waiting]) -> BTreeSet<i64> {
    let Some(names) = job.config.pseudonyms() else { return BTreeSet::new() };
    let of_them = |subject: &&&Subject| catalog.find(&subject.table).is_some_and(|table| table.name == map.people.root);
    if job.maps.iter().filter(of_them).count() > 1 {
        return BTreeSet::new();
    }
    let is_for_this = |request: &Request| {
        job.names().was_policy(&request.policy) && names.all_of(map.names(), &request.key).contains(&request.person)
    };
    let left = all.iter().filter(|waiting| is_left(job, waiting) && is_for_this(&waiting.request));
    left.map(|waiting| waiting.number).collect()
}

/// What is asked about the requests that wait: how their clocks stand, and which of them a run would carry out.
pub(super) struct Inbox<'a> {
    pub job: &'a Job<'a>,
    pub catalog: &'a Catalog,
    pub map: &'a Erasure,
    pub consent: &'a Consent,
    pub is_paused: bool,
}

/// A request that waits, wherever it was written down.
struct Open {
    /// `None` where it is no key of anybody.
    key: Option<PersonKey>,
    category: Option<String>,
    asked: Timestamp,
    /// As [`Asked::latest`].
    latest: Timestamp,
    verified: bool,
    /// Is it in a table of the application?
    is_written: bool,
}

impl Inbox<'_> {
    /// How the requests stand, `None` where none waits; what is to be said of them goes to the notes.
    pub fn survey(&self, conn: &mut Connection, access: Access, notes: &mut Vec<String>) -> Option<RequestsRecord> {
        let blank = RequestsRecord {
            promises: self.map.promises.clone(),
            within: self.map.request_deadline.term.to_string(),
            ..RequestsRecord::default()
        };
        match self.read(conn, access, blank.clone(), notes) {
            Ok(record) => {
                notes.extend(notes_of(&record, access == Access::ReadOnly));
                (record.waiting() > 0).then_some(record)
            }
            // A role that may only plan may not be let near them.
            Err(error) if access == Access::ReadOnly && error.kind == ErrorKind::Privilege => {
                notes.push(format!("requests for erasure, if any wait, are not in these figures: {error}"));
                None
            }
            Err(error) => Some(RequestsRecord { error: Some(error.message), ..blank }),
        }
    }

    fn read(
        &self,
        conn: &mut Connection,
        access: Access,
        mut record: RequestsRecord,
        notes: &mut Vec<String>,
    ) -> Result<RequestsRecord, DbError> {
        let open = self.open(conn, notes)?;
        let acted_upon = self.acted_upon(conn, &open)?;
        for (request, is_acted_upon) in open.iter().zip(acted_upon) {
            *(if request.verified { &mut record.verified } else { &mut record.unverified }) += 1;
            record.kept_back += u64::from(request.verified && !is_acted_upon);
            let used = self.map.request_deadline.used(request.asked, self.job.as_of);
            match used.light() {
                Light::Red => record.overdue += 1,
                Light::Amber if access == Access::ReadOnly || !is_acted_upon => record.near_deadline += 1,
                Light::Amber | Light::Green => {}
            }
            if record.days_used.is_none_or(|days| used.days > days) {
                (record.days_used, record.days_allowed) = (Some(used.days), Some(used.allowed));
            }
        }
        Ok(record)
    }

    fn open(&self, conn: &mut Connection, notes: &mut Vec<String>) -> Result<Vec<Open>, DbError> {
        let mut of_desk = request::open(conn)?;
        let left = left_to(self.job, self.catalog, self.map, &of_desk);
        let is_left_here = |waiting: &Waiting| left.contains(&waiting.number);
        notes.extend(of_desk.iter().filter_map(|waiting| note_of_left(self.job, waiting, is_left_here(waiting))));
        of_desk.retain(|waiting| is_of(self.job, waiting) || is_left_here(waiting));
        let written = person::requested(conn, self.map, self.job.as_of)?;
        notes.extend(notes_of_waiting(self.job, &written));
        let of_desk = of_desk.into_iter().map(|Waiting { request, .. }| Open {
            key: resolve::person_key(self.catalog, self.map, &request.key).ok(),
            category: request.category,
            asked: request.asked,
            latest: request.asked,
            verified: request.verified,
            is_written: false,
        });
        let written = written.iter().filter_map(|one| {
            let (key, asked) = match one.made {
                Made::At(asked) => (key_as_written(self.catalog, self.map, &one.key), asked),
                // No run carries it out, and no clock tells how late it is.
                Made::Unknown => (None, self.job.as_of),
                Made::Ahead(_) => return None,
            };
            let latest = one.until.unwrap_or(asked);
            Some(Open { key, category: None, asked, latest, verified: true, is_written: true })
        });
        Ok(of_desk.chain(written).collect())
    }

    /// Of each, whether a run carries it out as things are.
    fn acted_upon(&self, conn: &mut Connection, open: &[Open]) -> Result<Vec<bool>, DbError> {
        /// Each statement names them all.
        const AT_ONCE: usize = 500;
        if open.is_empty() || self.is_paused || self.job.not_yet_in_force().is_some() {
            return Ok(vec![false; open.len()]);
        }
        let unconsented = match self.consent {
            Consent::Ask => Unconsented::of(self.job, conn, self.catalog, self.map)?,
            Consent::Yes(_) | Consent::Approved { .. } => Unconsented::default(),
        };
        let mut wanted: BTreeMap<Option<&str>, Vec<PersonKey>> = BTreeMap::new();
        let mut keys = Vec::new();
        for request in open {
            let waits = match request.is_written {
                true => unconsented.concerns_written(),
                false => unconsented.concerns(request.category.as_deref()),
            };
            let key = request.key.as_ref().filter(|_| request.verified && !waits);
            let key = match key {
                Some(key) => person::look_up(conn, self.map, key)?
                    .filter(|person| !is_newcomer(person, request.latest))
                    .map(|person| person.key),
                None => None,
            };
            if let Some(key) = &key {
                wanted.entry(request.category.as_deref()).or_default().push(key.clone());
            }
            keys.push(key);
        }
        let mut due: BTreeSet<(Option<&str>, PersonKey)> = BTreeSet::new();
        for (category, keys) in wanted {
            for some in keys.chunks(AT_ONCE) {
                let found = people::due_among(conn, &self.map.of_some(some.to_vec(), category))?;
                due.extend(found.into_iter().map(|key| (category, key)));
            }
        }
        let is_due = |(request, key): (&Open, Option<PersonKey>)| {
            key.is_some_and(|key| due.contains(&(request.category.as_deref(), key)))
        };
        Ok(open.iter().zip(keys).map(is_due).collect())
    }
}

/// What is said of a request at a policy that has no map here any more.
fn note_of_left(job: &Job<'_>, waiting: &Waiting, is_left_here: bool) -> Option<String> {
    if !is_left(job, waiting) {
        return None;
    }
    let (number, policy) = (waiting.number, &waiting.request.policy);
    Some(match is_left_here {
        true => format!(
            "request {number} was received for policy `{policy}`, which has no map of people here any more, and waits at policy `{}`",
            job.schedule.policy.name
        ),
        false => format!(
            "request {number} waits at policy `{policy}`, which has no map of people here any more, and no map of the same people \
             says that it goes on with that one: say `formerly = [\"{policy}\"]` under [policy] where it does, or refuse the request \
             and ask again"
        ),
    })
}

/// Each is carried out by a run of its own, whose figures these are not.
fn notes_of(requests: &RequestsRecord, is_dry_run: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if is_dry_run && requests.verified > 0 {
        notes.push(format!(
            "{} verified requests for erasure wait, which a run carries out each by itself; see `tenure subject status` and \
             `tenure subject erase KEY --dry-run`",
            requests.verified
        ));
    }
    if requests.kept_back > 0 {
        notes.push(format!(
            "{} verified requests for erasure cannot be carried out as things are, because of a hold, a pause, a reference or a \
             consent that is wanted, or because nobody has that key; see `tenure subject status`",
            requests.kept_back
        ));
    }
    if requests.unverified > 0 {
        notes.push(format!(
            "{} requests for erasure wait until somebody verifies or refuses them; see `tenure subject status`",
            requests.unverified
        ));
    }
    notes
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
        let latest = requested.until.unwrap_or(made);
        let people =
            SomePeople { keys: vec![requested.key.clone()], category: None, cause: Cause::Request, asked: made };
        let asked = Asked { what: format!("a request in `{table}`"), people, latest, verified: true };
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
    let mut waiting = request::open(&mut conn)?;
    waiting.retain(|waiting| number.is_none_or(|number| waiting.number == number));
    waiting.retain(|waiting| is_of(job, waiting) || is_left(job, waiting));
    // A map that is out of order fails the run of its policy, and not this where there is nothing to be looked up in it.
    if waiting.iter().any(|waiting| is_left(job, waiting)) {
        let (catalog, map) = people::map(job, &mut conn)?;
        let left = left_to(job, &catalog, &map, &waiting);
        waiting.retain(|waiting| is_of(job, waiting) || left.contains(&waiting.number));
    }
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
    /// The last instant at which it may have been asked for: a day tells no hour.
    latest: Timestamp,
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
    let mut found = look(&job, &mut conn, asked.latest)?;
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
        found = look(&job, &mut conn, asked.latest)?;
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

/// Somebody who signed up after it was asked for, and so is somebody else. Who signed up on the day of the asking, of which no hour
/// is told, may ask.
fn is_newcomer(person: &Standing, asked: Timestamp) -> bool {
    person.created.is_some_and(|created| created.is_after(asked))
}

fn look(job: &Job<'_>, conn: &mut Connection, latest: Timestamp) -> Result<Found, Refusal> {
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
        is_newcomer: person.as_ref().is_some_and(|person| is_newcomer(person, latest)),
        was_erased: erasures.iter().any(|part| part.is_whole() && part.finished >= Some(asked.asked)),
        is_due: left.is_due,
        is_kept_back: left.is_held || left.is_blocked || person.is_some_and(|person| !person.held_by.is_empty()),
    })
}
