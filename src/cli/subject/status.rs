//! `tenure subject status`: how one person stands or, of everybody, which requests wait and whose days are running out.

use serde_json::{Value, json};

use super::Place;
use super::counter::{Counter, Known};
use crate::cli::{Common, Outcome, say};
use crate::db::Connection;
use crate::ledger::erasure;
use crate::ledger::request::Waiting;
use crate::plan::Erasure;
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
    let rules = [ERASURES.to_owned()];
    let people = run::dry_run(&Job { rules: &rules, ..counter.job(None) })?.people;
    let overdue = people.as_ref().map_or(0, |people| people.overdue);
    let is_late = overdue > 0 || waiting.iter().any(|waiting| clock(map, waiting).used.light() == Light::Red);
    if common.json {
        let requests: Vec<Value> = waiting.iter().map(|waiting| document(map, waiting)).collect();
        say(&format!("{:#}\n", json!({ "people": people, "requests": requests })))?;
    } else {
        let mut page = people.as_ref().map(sentence).unwrap_or_default();
        page.extend(waiting.iter().map(|waiting| line(map, waiting)));
        if waiting.is_empty() {
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
    let (request, Clock { used, .. }) = (&waiting.request, clock(map, waiting));
    let state = if request.verified { "verified, waits for the next run" } else { "unverified, waits for `verify`" };
    format!(
        "request {}: {state}; {} of {} days used ({}); since {}; {}\n",
        waiting.number,
        used.days,
        used.allowed,
        word(used.light()),
        request.asked.strftime("%Y-%m-%d %H:%M UTC"),
        request.reason
    )
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
            "requests": waiting.iter().map(|waiting| document(map, waiting)).collect::<Vec<_>>(),
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
    since: jiff::Timestamp,
    due: jiff::Timestamp,
    used: Used,
}

impl Clock {
    fn of(deadline: &Deadline, since: jiff::Timestamp) -> Self {
        Self { since, due: deadline.due(since), used: deadline.used(since, time::now()) }
    }

    fn sentence_of_closing(&self) -> String {
        let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        format!(
            "the account was closed on {}; its days end on {}: {} of {} used\n",
            day(self.since),
            day(self.due),
            self.used.days,
            self.used.allowed
        )
    }
}
