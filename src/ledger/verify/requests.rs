//! Requests for erasure, held against the entries that received, verified and settled them.

use super::{Break, Halt, Kind};
use crate::db::Connection;
use crate::db::control::{self, EntryRow, request::RequestRow};
use crate::ledger::request::{RECEIVED, Received, SETTLED, Settlement, Then, VERIFIED};

/// What the entries say of the requests, in the order in which they were received.
#[derive(Default)]
pub(super) struct Replay(Vec<OneRequest>);

struct OneRequest {
    /// Number of the entry that received it, and when.
    entry: i64,
    at: i64,
    received: Received,
    verified: Option<i64>,
    settled: Option<(i64, Settlement)>,
}

impl Replay {
    /// Takes down what an entry says of a request, if anything.
    pub fn take(&mut self, entry: &EntryRow) -> Result<(), Break> {
        let unreadable = || {
            let sentence = format!("entry {} speaks of a request, and does not say how", entry.number);
            Break::new(Kind::Changed, sentence).at_entry(entry.number)
        };
        match entry.kind.as_str() {
            RECEIVED => {
                let received: Received = serde_json::from_str(&entry.body).map_err(|_| unreadable())?;
                let verified = received.verified.then_some(entry.at);
                self.0.push(OneRequest { entry: entry.number, at: entry.at, received, verified, settled: None });
            }
            VERIFIED | SETTLED => {
                let then: Then = serde_json::from_str(&entry.body).map_err(|_| unreadable())?;
                let request = self.0.iter_mut().find(|request| request.received.request == then.request);
                let request = request.ok_or_else(unreadable)?;
                match then.outcome {
                    Some(outcome) => request.settled = Some((entry.at, outcome)),
                    None => request.verified = Some(entry.at),
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Holds the table against the entries.
    pub fn agree(&self, conn: &mut Connection) -> Result<(), Halt> {
        let mut rows = control::request::all(conn)?.into_iter();
        for request in &self.0 {
            let number = request.received.request;
            let here = |kind, sentence: String| Halt::from(Break::new(kind, sentence).at_entry(request.entry));
            let Some(row) = rows.next().filter(|row| row.number == number) else {
                let sentence =
                    format!("request {number}, which entry {} received, is not there any more", request.entry);
                return Err(here(Kind::Missing, sentence));
            };
            if let Some(column) = differing_column(request, &row) {
                let sentence = format!("the `{column}` of request {number} is not what the entries say of it");
                return Err(here(Kind::Changed, sentence));
            }
        }
        match rows.next() {
            Some(row) => {
                let sentence = format!("there is a request {} that no entry has received", row.number);
                Err(Break::new(Kind::Inserted, sentence).into())
            }
            None => Ok(()),
        }
    }
}

fn differing_column(request: &OneRequest, row: &RequestRow) -> Option<&'static str> {
    let (then, now) = (&request.received, Received::of(row));
    let is_open = request.settled.is_none();
    let wanted = if is_open { then.wanted.as_str() } else { "" };
    let checks = [
        ("policy", then.policy == now.policy),
        ("person", then.person == now.person),
        ("key_id", then.key_id == now.key_id),
        ("wanted", now.wanted == wanted),
        ("salt", row.salt.is_some() == is_open),
        ("category", then.category == now.category),
        ("reason", then.reason == now.reason),
        ("asked", then.asked == now.asked),
        ("received", request.at == row.received),
        ("received_by", then.by == now.by),
        ("verified", request.verified == row.verified),
        ("settled", request.settled.map(|(at, _)| at) == row.settled),
        ("outcome", request.settled.map(|(_, outcome)| outcome.as_str()) == row.outcome.as_deref()),
    ];
    checks.into_iter().find(|(_, agrees)| !agrees).map(|(column, _)| column)
}
