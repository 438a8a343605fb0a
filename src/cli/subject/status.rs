//! `tenure subject status`: how one person stands or, of everybody, which requests wait and whose days are running out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Place;
use super::counter::{Counter, Known, Live, Written};
use super::standing::{Asked, Standing};
use crate::app::setup::Setup;
use crate::base::time;
use crate::base::time::{Deadline, Light, Used};
use crate::cli::{Common, Failure, Outcome, say, say_json, to_stderr};
use crate::db::Connection;
use crate::db::query::person::Made;
use crate::ledger::erasure::{self, Cause, Erased};
use crate::ledger::request::Waiting;
use crate::plan::Erasure;
use crate::record::ERASURES;
use crate::record::PeopleRecord;
use crate::report::wording::instant;
use crate::run::{self, Job};

/// Exit code 1 where days are over, or where nobody can tell.
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
    let waiting = counter.waiting(conn, live)?;
    let written = counter.written(conn, live)?;
    let rules = [ERASURES.to_owned()];
    let planned = run::dry_run(&Job { rules: &rules, ..counter.job(None) })?;
    let (people, requests) = (planned.people, planned.requests);
    let is_late = people.as_ref().is_some_and(|people| people.overdue > 0)
        || requests.as_ref().is_some_and(|requests| requests.overdue > 0)
        || written.iter().any(|one| one.is_late(map));
    if common.json {
        let written = written.iter().map(|one| one.document(map));
        let requests: Vec<Value> = waiting.iter().map(|waiting| document(map, waiting)).chain(written).collect();
        say_json(&json!({ "people": people, "requests": requests }))?;
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
    let mut waiting = counter.waiting(conn, live)?;
    waiting.retain(|waiting| known.names.contains(&waiting.request.person));
    let mut written = counter.written(conn, live)?;
    written.retain(|one| known.names.contains(&one.person));
    let parts = erasure::of_person(conn, &known.names)?;
    let illegible = counter.unknown_keys(conn)?;
    let code = u8::from(illegible.is_some());
    let judged = judge(counter, conn, live, known, &parts)?;
    let closed = known.person.as_ref().and_then(|person| person.closed);
    let clock_of_closing = closed.map(|closed| {
        let is_its_end = |judged: &&Judged| judged.last.cause == Cause::Closed && judged.last.asked == closed;
        let ended = judged.iter().find(is_its_end).map(|judged| judged.standing.waits_until(&judged.last));
        Clock::until(&map.deadline, closed, ended.unwrap_or_else(time::now))
    });
    if common.json {
        let document = json!({
            "person": known.names.first().map(|name| &name.digest), "there": known.person.is_some(), "closed": closed,
            "due": clock_of_closing.as_ref().map(|clock| clock.due),
            "days_used": clock_of_closing.as_ref().map(|clock| clock.used.days),
            "days_allowed": clock_of_closing.as_ref().map(|clock| clock.used.allowed),
            "held_by": known.person.as_ref().map(|person| &person.held_by),
            "requests": waiting.iter().map(|waiting| document(map, waiting))
                .chain(written.iter().map(|one| one.document(map))).collect::<Vec<_>>(),
            "erasures": parts.iter().map(|part| json!({
                "reference": part.reference, "run": part.run, "asked": part.asked, "finished": part.finished,
                "whole": part.is_whole(),
            })).collect::<Vec<_>>(),
            "standing": judged.iter().map(Judged::document).collect::<Vec<_>>(),
        });
        say_json(&document)?;
        illegible.into_iter().for_each(|illegible| to_stderr(format_args!("warning: {illegible}\n")));
        return Ok(code);
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
    page.extend(parts.iter().map(line_of_part));
    page.extend(judged.iter().map(Judged::lines));
    page.extend(illegible.map(|illegible| format!("{illegible}\n")));
    say(&page)?;
    Ok(code)
}

fn line_of_part(part: &Erased) -> String {
    let what = if part.is_whole() { "erased" } else { "a part was erased" };
    let of = part.category.as_ref().map(|category| format!(", of `{category}` only")).unwrap_or_default();
    let at = instant(part.finished.unwrap_or(part.begun));
    format!("{what} on {at}{of}, reference {}, run {}\n", part.reference, part.run)
}

/// Everything, or one category, and how the newest erasure of that stands.
struct Judged {
    last: Erased,
    standing: Standing,
}

fn judge(
    counter: &Counter<'_>,
    conn: &mut Connection,
    live: &Live,
    known: &Known,
    parts: &[Erased],
) -> Result<Vec<Judged>, Failure> {
    let mut newest: BTreeMap<Option<&str>, &Erased> = BTreeMap::new();
    for part in parts {
        let last = newest.entry(part.category.as_deref()).or_insert(part);
        if last.begun <= part.begun {
            *last = part;
        }
    }
    let asked = Asked::of(counter, conn, live, known)?;
    let judge = |last: &Erased| {
        Ok(Judged { last: last.clone(), standing: Standing::look(conn, &live.1, known, &asked, last)? })
    };
    newest.into_values().map(judge).collect()
}

impl Judged {
    fn document(&self) -> Value {
        let (last, standing) = (&self.last, &self.standing);
        json!({
            "category": last.category, "reference": last.reference, "state": standing.state, "finished": standing.finished,
            "rest": standing.rest, "left": standing.left,
        })
    }

    /// What is there still; nothing where all is done.
    fn lines(&self) -> String {
        let Some(rest) = &self.standing.rest else { return String::new() };
        let of = self.last.category.as_ref().map(|category| format!(" of `{category}`")).unwrap_or_default();
        let mut lines = format!("the rest{of}: {rest}\n");
        lines.extend(self.standing.left.iter().map(|kept| format!("  {}: {}\n", kept.table, kept.sentence())));
        lines
    }
}

/// How the days of a closed account, or of a request, stand.
struct Clock {
    since: Timestamp,
    due: Timestamp,
    used: Used,
}

impl Clock {
    fn of(deadline: &Deadline, since: Timestamp) -> Self {
        Self::until(deadline, since, time::now())
    }

    /// Who is erased waits no more.
    fn until(deadline: &Deadline, since: Timestamp, end: Timestamp) -> Self {
        Self { since, due: deadline.due(since), used: deadline.used(since, end) }
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
