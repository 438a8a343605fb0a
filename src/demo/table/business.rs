//! Payments, support requests, mails, and requests for deletion.

use ColumnKind::{Integer, Text, TimestampTz};

use crate::demo::instant::{DAY, HOUR, YEAR};
use crate::demo::platform::{Event, MESSAGES, Platform, REQUESTS, Spread};
use crate::demo::table::people::email;
use crate::demo::table::{ColumnKind, Table, Value, id, maybe, text, time};

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

pub(super) const MAIL_LOG: Table = Table {
    name: "mail_log",
    columns: &[("id", Integer), ("address", Text), ("subject", Text), ("sent_at", TimestampTz)],
    rows: |counts| counts.mail_log,
    row: mail,
};

/// The last of them confirm to whoever asks to be deleted that it was heard.
fn mail(platform: &Platform, row: u64) -> Vec<Value> {
    let rows = platform.counts.mail_log;
    let mut event = platform.event("mail_log", row, rows, Spread::recent(25, 0.65));
    let behind = rows - 1 - row;
    let (account, subject, at) = if behind < REQUESTS - 1 {
        (platform.asks_for_deletion(behind), "Your request", platform.as_of - DAY)
    } else {
        (event.account, event.draw.pick(&["Your weekly progress", "A new course for you"]), event.at)
    };
    let address = email(account);
    // As some people write it.
    let is_shouted = behind == 0 || !event.edge && event.draw.chance(10);
    vec![id(row + 1), text(if is_shouted { address.to_uppercase() } else { address }), text(subject), time(at)]
}

pub(super) const DELETION_REQUEST: Table = Table {
    name: "deletion_request",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("requested_at", TimestampTz),
        ("verified_at", TimestampTz),
        ("done_at", TimestampTz),
    ],
    rows: |counts| counts.deletion_request,
    row: deletion_request,
};

/// One of somebody who is gone long since, two who have shown who they are, and one of whom nobody knows yet.
fn deletion_request(platform: &Platform, row: u64) -> Vec<Value> {
    let (account, days) = match row.checked_sub(1) {
        None => (platform.counts.account + 1, 400),
        Some(place) => (platform.asks_for_deletion(place), 3 - place as i64),
    };
    let at = platform.as_of - days * DAY;
    let is_known = row + 1 < platform.counts.deletion_request;
    vec![
        id(row + 1),
        id(account),
        time(at),
        maybe(is_known.then_some(at + HOUR), time),
        maybe((row == 0).then_some(at + DAY), time),
    ]
}
