//! `tenure subject status`: how one person stands or, of everybody, which requests wait and whose days are running out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Place;
use super::counter::{Counter, Known};
use crate::cli::{Common, Failure, Outcome, say};
use crate::db::Connection;
use crate::db::catalog::Catalog;
use crate::db::person::{self, Made, Requested};
use crate::ledger::erasure;
use crate::ledger::request::Waiting;
use crate::plan::Erasure;
use crate::pseudonym::Pseudonym;
use crate::report::record::PeopleRecord;
use crate::resolve;
use crate::run::{self, Job};
use crate::schedule::ERASURES;
use crate::setup::Setup;
use crate::time::{self, Deadline, Light, Used};

/// The tables as they are, and the map on them.
type Live = (Catalog, Erasure);

/// Exit code 1 where days are over.
pub(super) fn status(common: &Common, place: &Place, key: Option<&str>) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let counter = Counter::find(&setup, place)?;
    let mut conn = counter.open_to_read()?;
    let live = counter.map(&mut conn)?;
    match key {
        Some(key) => {
            let known = counter.know(&mut conn, &live, key)?;
            one(common, &counter, &mut conn, &live, &known)
        }
        None => everybody(common, &counter, &mut conn, &live),
    }
}

fn everybody(common: &Common, counter: &Counter<'_>, conn: &mut Connection, live: &Live) -> Outcome {
    let map = &live.1;
    let waiting = counter.waiting(conn)?;
    let written = written(counter, conn, live)?;
    let rules = [ERASURES.to_owned()];
    let people = run::dry_run(&Job { rules: &rules, ..counter.job(None) })?.people;
    let overdue = people.as_ref().map_or(0, |people| people.overdue);
    let is_late = overdue > 0
        || waiting.iter().any(|waiting| clock(map, waiting).is_late())
        || written.iter().any(|one| one.is_late(map));
    if common.json {
        let written = written.iter().map(|one| one.document(map));
        let requests: Vec<Value> = waiting.iter().map(|waiting| document(map, waiting)).chain(written).collect();
        say(&format!("{:#}\n", json!({ "people": people, "requests": requests })))?;
    } else {
        let mut page = people.as_ref().map(sentence).unwrap_or_default();
        page.extend(waiting.iter().map(|waiting| line(map, waiting)));
        page.extend(written.iter().map(|one| one.line(map)));
        if waiting.is_empty() && written.is_empty() {
            page += "no request waits\n";
        }
        say(&page)?;
    }
    Ok(u8::from(is_late))
}

fn clock(map: &Erasure, Waiting { request, .. }: &Waiting) -> Clock {
    Clock::of(&map.request_deadline, request.asked)
}

fn word(light: Light) -> &'static str {
    match light {
        Light::Green => "in time",
        Light::Amber => "near its end",
        Light::Red => "too late",
    }
}

fn sentence(people: &PeopleRecord) -> String {
    format!(
        "closed accounts: {} due, {} held, {} near the end of their {}, {} beyond it\n",
        people.due, people.held, people.near_deadline, people.within, people.overdue
    )
}

fn line(map: &Erasure, waiting: &Waiting) -> String {
    let (request, clock) = (&waiting.request, clock(map, waiting));
    let state = if request.verified { VERIFIED } else { "unverified, waits for `verify`" };
    format!("request {}: {state}; {}; {}\n", waiting.number, days(&clock), request.reason)
}

const VERIFIED: &str = "verified, waits for the next run";

fn days(Clock { since, used, .. }: &Clock) -> String {
    format!("{} of {} days used ({}); since {}", used.days, used.allowed, word(used.light()), minute(*since))
}

fn minute(at: Timestamp) -> impl std::fmt::Display {
    at.strftime("%Y-%m-%d %H:%M UTC")
}

/// Requests of one person that the application has written into a table of its own, verified and not settled.
struct Written {
    /// As the schedule names it.
    table: String,
    person: Pseudonym,
    made: Made,
}

fn written(counter: &Counter<'_>, conn: &mut Connection, (catalog, map): &Live) -> Result<Vec<Written>, Failure> {
    let shown = map.requests.iter().map(|requests| requests.shown.to_string()).next().unwrap_or_default();
    let written = |Requested { key, made, .. }: Requested| {
        // However a UUID is written there, it is the same person's.
        let key = resolve::person_key(catalog, map, &key).map_or(key, |key| key.to_text());
        Written { table: shown.clone(), person: counter.pseudonyms.of(&map.called, &key), made }
    };
    Ok(person::requested(conn, map, counter.setup.as_of)?.into_iter().map(written).collect())
}

impl Written {
    /// `None` as long as nobody asks.
    fn clock(&self, map: &Erasure) -> Option<Clock> {
        match self.made {
            Made::At(at) => Some(Clock::of(&map.request_deadline, at)),
            Made::Ahead(_) | Made::Unknown => None,
        }
    }

    /// Whether its days are over, or may be for all that is known.
    fn is_late(&self, map: &Erasure) -> bool {
        self.made == Made::Unknown || self.clock(map).is_some_and(|clock| clock.is_late())
    }

    fn line(&self, map: &Erasure) -> String {
        let state = match (self.made, self.clock(map)) {
            (Made::Ahead(at), _) => format!("verified, waits until {}, from when its days count", minute(at)),
            (_, Some(clock)) => format!("{VERIFIED}; {}", days(&clock)),
            (_, None) => "verified, and nothing tells when it was made, so nobody is erased for it".to_owned(),
        };
        format!("a request in `{}`: {state}\n", self.table)
    }

    fn document(&self, map: &Erasure) -> Value {
        let clock = self.clock(map);
        let asked = match self.made {
            Made::At(at) | Made::Ahead(at) => Some(at),
            Made::Unknown => None,
        };
        json!({
            "request": null, "table": self.table, "person": self.person.digest, "key_id": self.person.key_id,
            "verified": true, "asked": asked, "days_used": clock.as_ref().map(|clock| clock.used.days),
            "days_allowed": clock.as_ref().map(|clock| clock.used.allowed), "due": clock.map(|clock| clock.due),
        })
    }
}

fn document(map: &Erasure, waiting: &Waiting) -> Value {
    let (request, clock) = (&waiting.request, clock(map, waiting));
    json!({
        "request": waiting.number, "person": request.person.digest, "key_id": request.person.key_id,
        "verified": request.verified, "category": request.category, "asked": request.asked, "reason": request.reason,
        "by": request.by, "days_used": clock.used.days, "days_allowed": clock.used.allowed, "due": clock.due,
    })
}

fn one(common: &Common, counter: &Counter<'_>, conn: &mut Connection, live: &Live, known: &Known) -> Outcome {
    let map = &live.1;
    let mut waiting = counter.waiting(conn)?;
    waiting.retain(|waiting| known.names.contains(&waiting.request.person));
    let mut written = written(counter, conn, live)?;
    written.retain(|one| known.names.contains(&one.person));
    let erased = erasure::of_person(conn, &known.names)?;
    let closed = known.person.as_ref().and_then(|person| person.closed);
    let clock_of_closing = closed.map(|closed| Clock::of(&map.deadline, closed));
    if common.json {
        let document = json!({
            "person": known.names.first().map(|name| &name.digest), "there": known.person.is_some(), "closed": closed,
            "due": clock_of_closing.as_ref().map(|clock| clock.due),
            "days_used": clock_of_closing.as_ref().map(|clock| clock.used.days),
            "days_allowed": clock_of_closing.as_ref().map(|clock| clock.used.allowed),
            "held_by": known.person.as_ref().map(|person| &person.held_by),
            "requests": waiting.iter().map(|waiting| document(map, waiting))
                .chain(written.iter().map(|one| one.document(map))).collect::<Vec<_>>(),
            "erasures": erased.iter().map(|part| json!({
                "reference": part.reference, "run": part.run, "asked": part.asked, "finished": part.finished,
            })).collect::<Vec<_>>(),
        });
        say(&format!("{document:#}\n"))?;
        return Ok(0);
    }
    let mut page = match (&known.person, &clock_of_closing) {
        (None, _) => format!("nobody in `{}` has that key\n", map.subject),
        (Some(_), None) => "the account is open\n".to_owned(),
        (Some(_), Some(clock)) => clock.sentence_of_closing(),
    };
    for hold in known.person.iter().flat_map(|person| &person.held_by) {
        page += &format!("hold `{hold}` keeps all that is theirs\n");
    }
    page.extend(waiting.iter().map(|waiting| line(map, waiting)));
    page.extend(written.iter().map(|one| one.line(map)));
    for part in &erased {
        let when =
            part.finished.map_or_else(|| "begun".to_owned(), |at| at.strftime("on %Y-%m-%d %H:%M UTC").to_string());
        page += &format!("erased {when}, reference {}, run {}\n", part.reference, part.run);
    }
    say(&page)?;
    Ok(0)
}

/// How the days of a closed account, or of a request, stand now.
struct Clock {
    since: Timestamp,
    due: Timestamp,
    used: Used,
}

impl Clock {
    fn of(deadline: &Deadline, since: Timestamp) -> Self {
        Self { since, due: deadline.due(since), used: deadline.used(since, time::now()) }
    }

    fn is_late(&self) -> bool {
        self.used.light() == Light::Red
    }

    fn sentence_of_closing(&self) -> String {
        format!(
            "the account was closed on {}; its days end on {}: {} of {} used\n",
            minute(self.since),
            minute(self.due),
            self.used.days,
            self.used.allowed
        )
    }
}
