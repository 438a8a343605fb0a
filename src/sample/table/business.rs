//! Payments and support requests.

use ColumnKind::{Integer, Text, TimestampTz};

use super::{ColumnKind, Table, id, maybe, text, time};
use crate::sample::instant::{DAY, HOUR, YEAR};
use crate::sample::platform::{Event, MESSAGES, Platform, Spread};

pub(super) const PAYMENT: Table = Table {
    name: "payment",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("course_id", Integer),
        ("invoice", Text),
        ("amount_cents", Integer),
        ("currency", Text),
        ("billing_name", Text),
        ("billing_address", Text),
        ("paid_at", TimestampTz),
    ],
    rows: |counts| counts.payment,
    row: |platform, row| {
        let spread = Spread::recent(1_000, 0.6).over(11 * YEAR);
        let mut event = platform.event("payment", row, platform.counts.payment, spread);
        vec![
            id(row + 1),
            id(event.account),
            id(1 + event.draw.below(platform.counts.course)),
            text(format!("R{:09}", row + 1)),
            id(500 + 100 * event.draw.below(200)),
            text(event.draw.pick(&["EUR", "GBP", "USD"])),
            text(format!("Learner {}", event.account)),
            text(format!("{} Market Street", 1 + event.draw.below(200))),
            time(event.at),
        ]
    },
};

pub(super) const SUPPORT_TICKET: Table = Table {
    name: "support_ticket",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("subject", Text),
        ("opened_at", TimestampTz),
        ("closed_at", TimestampTz),
    ],
    rows: |counts| counts.support_ticket,
    row: |platform, row| {
        let mut event = ticket(platform, row);
        let closed = (event.edge || !event.draw.chance(5)).then_some(event.at);
        vec![
            id(row + 1),
            id(event.account),
            text(event.draw.pick(&["I cannot sign in", "A question about my invoice", "The video does not play"])),
            time(event.at - 3 * DAY),
            maybe(closed, time),
        ]
    },
};

/// The closing of a ticket, three days after it was opened.
fn ticket(platform: &Platform, row: u64) -> Event {
    platform.event("support_ticket", row, platform.counts.support_ticket, Spread::recent(700, 0.65))
}

pub(super) const SUPPORT_MESSAGE: Table = Table {
    name: "support_message",
    columns: &[
        ("id", Integer),
        ("ticket_id", Integer),
        ("author_id", Integer),
        ("reply_to", Integer),
        ("body", Text),
        ("sent_at", TimestampTz),
    ],
    rows: |counts| counts.support_message,
    row: |platform, row| {
        let (of_ticket, place) = (row / MESSAGES, row % MESSAGES);
        let event = ticket(platform, of_ticket);
        let opened = event.at - 3 * DAY;
        let body = ["It happens since this morning.", "Could you try again, please?", "It works now, thank you!"];
        vec![
            id(row + 1),
            id(of_ticket + 1),
            maybe((place != 1).then_some(event.account), id),
            maybe((place > 0).then_some(row), id),
            text(body[place as usize % body.len()]),
            time(opened + place as i64 * HOUR),
        ]
    },
};
