//! Logs and analytics: the bulk of the rows.

use ColumnKind::{Integer, Text, TimestampTz};

use crate::demo::instant::{HOUR, Micros};
use crate::demo::platform::{Event, Platform, Spread};
use crate::demo::table::people::{ip, organisation_of};
use crate::demo::table::{ColumnKind, Table, Value, id, maybe, text, time};

const METHODS: [&str; 4] = ["GET", "GET", "GET", "POST"];
const PAGES: [&str; 6] = ["/", "/lessons", "/quiz", "/forum", "/progress", "/certificate"];

pub(super) const ACCESS_LOG: Table = Table {
    name: "access_log",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("logged_at", TimestampTz),
        ("method", Text),
        ("path", Text),
        ("status", Integer),
        ("ip", Text),
        ("session", Text),
    ],
    rows: |counts| counts.access_log,
    row: |platform, row| {
        let mut event = platform.event("access_log", row, platform.counts.access_log, Spread::recent(25, 0.7));
        let signed_in = event.edge || event.draw.chance(80);
        vec![
            id(row + 1),
            maybe(signed_in.then_some(event.account), id),
            time(event.at),
            text(event.draw.pick(&METHODS)),
            text(event.draw.pick(&PAGES)),
            Value::Int(event.draw.pick(&[200, 200, 200, 304, 404, 500])),
            text(ip(&mut event.draw)),
            maybe(signed_in.then(|| event.draw.next()), |session| text(format!("{session:016x}"))),
        ]
    },
};

pub(super) const ERROR_LOG: Table = Table {
    name: "error_log",
    columns: &[("id", Integer), ("at", Integer), ("level", Text), ("message", Text), ("account_id", Integer)],
    rows: |counts| counts.error_log,
    row: |platform, row| {
        let mut event = platform.event("error_log", row, platform.counts.error_log, Spread::recent(25, 0.7));
        let signed_in = event.edge || event.draw.chance(50);
        vec![
            id(row + 1),
            Value::Int(event.at.div_euclid(1_000)),
            text(event.draw.pick(&["warning", "error", "error", "fatal"])),
            text(event.draw.pick(&["upstream timed out", "could not render the certificate", "session store is full"])),
            maybe(signed_in.then_some(event.account), id),
        ]
    },
};

pub(super) const PAGE_VIEW: Table = Table {
    name: "page_view",
    columns: &[
        ("id", Integer),
        ("user_id", Integer),
        ("organisation_id", Integer),
        ("course_id", Integer),
        ("path", Text),
        ("viewed_at", TimestampTz),
        ("duration_s", Integer),
    ],
    rows: |counts| counts.page_view,
    row: page_view,
};

fn page_view(platform: &Platform, row: u64) -> Vec<Value> {
    let mut event = view(platform, row);
    let user = viewer(platform, &mut event);
    vec![
        id(row + 1),
        maybe(user, id),
        maybe(user.and_then(|user| organisation_of(platform, user)), id),
        maybe((!event.draw.chance(15)).then(|| 1 + event.draw.below(platform.counts.course)), id),
        text(event.draw.pick(&PAGES)),
        time(event.at),
        id(event.draw.below(600)),
    ]
}

/// Behind the edges of its own age, one view an hour ago of each person who withdrew the consent on an edge: those views
/// are due because of the person.
fn view(platform: &Platform, row: u64) -> Event {
    let own_edges = platform.edges.of("page_view").len() as u64;
    let mut event = platform.event("page_view", row, platform.counts.page_view, Spread::recent(80, 0.65));
    if let Some(place) = row.checked_sub(own_edges).filter(|place| *place < platform.edges.of("account").len() as u64) {
        event = Event { at: platform.as_of - HOUR, account: platform.withdrawn(place), edge: true, ..event };
    }
    event
}

/// Nobody is told apart who is not signed in, or who does not consent at that time.
fn viewer(platform: &Platform, event: &mut Event) -> Option<u64> {
    let consents = |at: Micros| {
        platform.consents_to_analytics(event.account)
            && platform.analytics_withdrawn_at(event.account).is_none_or(|withdrawn| at <= withdrawn)
    };
    (event.edge || (consents(event.at) && event.draw.chance(90))).then_some(event.account)
}
