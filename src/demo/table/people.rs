//! Organisations, accounts and what hangs on an account alone.

use ColumnKind::{Boolean, Date, Integer, Text, TimestampTz};

use crate::demo::draw::Draw;
use crate::demo::instant::{Micros, SECOND, YEAR};
use crate::demo::platform::{Platform, Spread};
use crate::demo::table::{ColumnKind, Table, Value, date, id, maybe, text, time};

const GIVEN_NAMES: [&str; 12] =
    ["Ada", "Björn", "Chiara", "Dmitri", "Eleni", "Femi", "Grace", "Hồng", "Ines", "Jamal", "Keiko", "Lars"];
const FAMILY_NAMES: [&str; 12] = [
    "Abiola",
    "Bergström",
    "Costa",
    "Dimitrov",
    "Evans",
    "Fischer",
    "García",
    "Hoang",
    "Ito",
    "Jensen",
    "Kowalska",
    "O'Neill",
];
const TOWNS: [&str; 6] = ["Lisbon", "Leeds", "Lagos", "Lahti", "Lyon", "Łódź"];
const USER_AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/138.0 Mobile Safari/537.36",
];

pub(super) const ORGANISATION: Table = Table {
    name: "organisation",
    columns: &[("id", Integer), ("name", Text), ("created_at", TimestampTz)],
    rows: |counts| counts.organisation,
    row: |platform, row| {
        let town = TOWNS[row as usize % TOWNS.len()];
        vec![id(row + 1), text(format!("{town} School No. {}", row + 1)), time(platform.created_at(row + 1))]
    },
};

pub(super) const ACCOUNT: Table = Table {
    name: "account",
    columns: &[
        ("id", Integer),
        ("organisation_id", Integer),
        ("guardian_id", Integer),
        ("email", Text),
        ("given_name", Text),
        ("family_name", Text),
        ("birth_date", Date),
        ("marketing_consent", Boolean),
        ("analytics_consent", Boolean),
        ("analytics_withdrawn_at", TimestampTz),
        ("restricted_at", TimestampTz),
        ("created_at", TimestampTz),
        ("closed_at", TimestampTz),
    ],
    rows: |counts| counts.account,
    row: account,
};

fn account(platform: &Platform, row: u64) -> Vec<Value> {
    let account = row + 1;
    let mut draw = platform.draw("account", row);
    let minor = platform.is_minor(account);
    let withdrawn = platform.analytics_withdrawn_at(account);
    vec![
        id(account),
        maybe(organisation_of(platform, account), id),
        maybe(minor.then_some(account - 1), id),
        text(email(account)),
        text(draw.pick(&GIVEN_NAMES)),
        text(draw.pick(&FAMILY_NAMES)),
        maybe(birth(platform, minor, &mut draw), date),
        Value::Bool(!minor && platform.marketing_withdrawn_at(account).is_none() && draw.chance(40)),
        Value::Bool(withdrawn.is_none() && platform.consents_to_analytics(account)),
        maybe(withdrawn, time),
        maybe(platform.restricted_at(account), time),
        time(platform.created_at(account)),
        maybe(platform.closed_at(account), time),
    ]
}

pub(super) fn email(account: u64) -> String {
    format!("learner{account}@example.org")
}

/// Two accounts in five belong to an organisation.
pub(super) fn organisation_of(platform: &Platform, account: u64) -> Option<u64> {
    (account % 5 < 2).then_some(1 + account % platform.counts.organisation)
}

/// Minors must say when they were born, adults may.
fn birth(platform: &Platform, minor: bool, draw: &mut Draw) -> Option<Micros> {
    let age = if minor {
        draw.between(10 * YEAR, 17 * YEAR)
    } else if draw.chance(60) {
        draw.between(19 * YEAR, 75 * YEAR)
    } else {
        return None;
    };
    Some(platform.as_of - age)
}

pub(super) const COMMUNICATION_PREFERENCE: Table = Table {
    name: "communication_preference",
    columns: &[("account_id", Integer), ("newsletter", Boolean), ("reminders", Boolean), ("updated_at", TimestampTz)],
    rows: |counts| counts.communication_preference,
    row: |platform, row| {
        let mut draw = platform.draw("communication_preference", row);
        let created = platform.created_at(row + 1);
        vec![
            id(row + 1),
            Value::Bool(draw.chance(35)),
            Value::Bool(draw.chance(80)),
            time(draw.between(created, platform.as_of)),
        ]
    },
};

pub(super) const CONSENT: Table = Table {
    name: "consent",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("purpose", Text),
        ("granted_at", TimestampTz),
        ("withdrawn_at", TimestampTz),
    ],
    rows: |counts| counts.consent,
    row: consent,
};

/// One consent an account, to marketing or to analytics.
fn consent(platform: &Platform, row: u64) -> Vec<Value> {
    let account = row + 1;
    let edge = platform.ordinary(account).and_then(|place| platform.edges.of("consent").get(place as usize));
    let marketing = edge.map(|edge| edge.at).or_else(|| platform.marketing_withdrawn_at(account));
    let (purpose, withdrawn) = match marketing {
        Some(withdrawn) => ("marketing", Some(withdrawn)),
        None => ("analytics", platform.analytics_withdrawn_at(account)),
    };
    vec![id(row + 1), id(account), text(purpose), time(platform.created_at(account)), maybe(withdrawn, time)]
}

pub(super) const API_TOKEN: Table = Table {
    name: "api_token",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("label", Text),
        ("digest", Text),
        ("created_at", TimestampTz),
        ("expires_at", TimestampTz),
    ],
    rows: |counts| counts.api_token,
    row: api_token,
};

/// Most tokens live a year; one in ten does not expire.
fn api_token(platform: &Platform, row: u64) -> Vec<Value> {
    let mut event = platform.event("api_token", row, platform.counts.api_token, Spread::recent(365, 0.7));
    let (created, expires) = if event.edge {
        (platform.created_at(event.account).max(event.at - YEAR).min(event.at), Some(event.at))
    } else {
        (event.at, (!event.draw.chance(10)).then_some(event.at + YEAR))
    };
    vec![
        id(row + 1),
        id(event.account),
        text(event.draw.pick(&["gradebook", "calendar", "backup script"])),
        text(format!("{:016x}{:016x}", event.draw.next(), row)),
        time(created),
        maybe(expires, time),
    ]
}

pub(super) const LOGIN: Table = Table {
    name: "login",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("at", Integer),
        ("succeeded", Boolean),
        ("ip", Text),
        ("user_agent", Text),
    ],
    rows: |counts| counts.login,
    row: |platform, row| {
        let mut event = platform.event("login", row, platform.counts.login, Spread::recent(25, 0.6));
        vec![
            id(row + 1),
            id(event.account),
            Value::Int(event.at.div_euclid(SECOND)),
            Value::Bool(event.draw.chance(95)),
            text(ip(&mut event.draw)),
            text(event.draw.pick(&USER_AGENTS)),
        ]
    },
};

/// An address out of those set aside for documentation; one in four is IPv6.
pub(super) fn ip(draw: &mut Draw) -> String {
    if draw.chance(25) {
        format!("2001:db8:{:x}:{:x}::{:x}", draw.below(0x1_0000), draw.below(0x1_0000), draw.below(0x1_0000))
    } else {
        let net = draw.pick(&["192.0.2", "198.51.100", "203.0.113"]);
        format!("{net}.{}", 1 + draw.below(254))
    }
}
