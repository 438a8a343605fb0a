//! `tenure subject status`: how one person stands or, of everybody, which requests wait and whose days are running out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Place;
use super::counter::{Counter, Known};
use crate::cli::{Common, Failure, Outcome, say};
use crate::db::{Connection, person};
use crate::ledger::erasure;
use crate::ledger::request::Waiting;
use crate::plan::Erasure;
use crate::pseudonym::Pseudonym;
use crate::report::record::PeopleRecord;
use crate::run::{self, Job};
use crate::schedule::ERASURES;
use crate::setup::Setup;
use crate::time::{self, Deadline, Light, Used};

/// Exit code 1 where days are over.
pub(super) fn status(common: &Common, place: &Place, key: Option<&str>) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let counter = Counter::find(&setup, place)?;
    let mut conn = counter.open_to_read()?;
    let live = counter.map(&mut conn)?;
    match key {
        Some(key) => {
            let known = counter.know(&mut conn, &live, key)?;
            one(common, &counter, &mut conn, &live.1, &known)
        }
        None => everybody(common, &counter, &mut conn, &live.1),
    }
}

fn everybody(common: &Common, counter: &Counter<'_>, conn: &mut Connection, map: &Erasure) -> Outcome {
    let waiting = counter.waiting(conn)?;
    let written = written(counter, conn, map)?;
    let rules = [ERASURES.to_owned()];
    let planned = run::dry_run(&Job { rules: &rules, ..counter.job(None) })?;
    let (people, requests) = (planned.people, planned.requests);
    let is_late = people.as_ref().is_some_and(|people| people.overdue > 0)
        || requests.as_ref().is_some_and(|requests| requests.overdue > 0);
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
    let since = since.strftime("%Y-%m-%d %H:%M UTC");
    format!("{} of {} days used ({}); since {since}", used.days, used.allowed, word(used.light()))
}

/// A request that the application has written into a table of its own, verified and not settled.
struct Written {
    /// As the schedule names it.
    table: String,
    person: Pseudonym,
    asked: Timestamp,
}

fn written(counter: &Counter<'_>, conn: &mut Connection, map: &Erasure) -> Result<Vec<Written>, Failure> {
    let Some(requests) = &map.requests else { return Ok(Vec::new()) };
    let written = |(key, asked): (String, Option<Timestamp>)| Written {
        table: requests.shown.to_string(),
        person: counter.pseudonyms.of(&map.subject, &key),
        asked: asked.unwrap_or_else(time::now),
    };
    Ok(person::requested(conn, requests)?.into_iter().map(written).collect())
}

impl Written {
    fn clock(&self, map: &Erasure) -> Clock {
        Clock::of(&map.request_deadline, self.asked)
    }

    fn line(&self, map: &Erasure) -> String {
        format!("a request in `{}`: {VERIFIED}; {}\n", self.table, days(&self.clock(map)))
    }

    fn document(&self, map: &Erasure) -> Value {
        let Clock { since, due, used } = self.clock(map);
        json!({
            "request": null, "table": self.table, "person": self.person.digest, "key_id": self.person.key_id,
            "verified": true, "asked": since, "days_used": used.days, "days_allowed": used.allowed,
            "due": due,
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

fn one(common: &Common, counter: &Counter<'_>, conn: &mut Connection, map: &Erasure, known: &Known) -> Outcome {
    let mut waiting = counter.waiting(conn)?;
    waiting.retain(|waiting| known.names.contains(&waiting.request.person));
    let mut written = written(counter, conn, map)?;
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

    fn sentence_of_closing(&self) -> String {
        let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        format!(
            "the account was closed on {}; its days end on {}: {} of {} used\n",
            day(self.since),
            day(self.due),
            self.used.days,
            self.used.allowed
        )
    }
}
