//! The table `outbox`: what is to be mailed, to whom, and how far that is.

use super::{Sql, Table};
use crate::db::{Connection, DbError, Row};

/// How far one mail to one recipient is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// For its first attempt, or for the next one.
    Waiting,
    /// A process is at it. Where that died, the mail may be claimed again once the claim has run out.
    Sending,
    /// The server has taken it.
    Sent,
    /// The server will never take it; somebody must look.
    Refused,
    /// Somebody decided that it need not be sent.
    Dropped,
}

impl State {
    /// The word in the table and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Sending => "sending",
            State::Sent => "sent",
            State::Refused => "refused",
            State::Dropped => "dropped",
        }
    }

    fn of_word(word: &str) -> Option<State> {
        let all = [State::Waiting, State::Sending, State::Sent, State::Refused, State::Dropped];
        all.into_iter().find(|state| state.as_str() == word)
    }
}

/// A row of `outbox`: one mail to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The run's id, a full stop, and a number.
    pub id: String,
    /// Whose report it is.
    pub run: String,
    /// The same for all recipients, and over all attempts; with its angle brackets.
    pub message_id: String,
    /// As in the header `From`.
    pub sender: String,
    /// As in the header `To`: all who get it.
    pub addressees: String,
    /// To whom this row sends it: a bare address.
    pub recipient: String,
    /// Microseconds since 1970.
    pub created: i64,
    pub state: State,
    /// How often somebody has begun to send it; whoever claims a row raises it, so it is the claim's token as well.
    pub attempts: i64,
    /// Microseconds since 1970: when it is to be tried next or, while it is being sent, when the claim runs out.
    pub due: i64,
    /// Microseconds since 1970: when it was sent or refused.
    pub settled: Option<i64>,
    /// Why the last attempt came to nothing, in a sentence without a secret or an address.
    pub trouble: Option<String>,
}

const COLUMNS: &str =
    "id, run, message_id, sender, addressees, recipient, created, state, attempts, due, settled, trouble";

/// Must stand in the transaction that closes the run.
pub fn insert(conn: &mut Connection, row: &OutboxRow) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("INSERT INTO ").control(Table::Outbox).push(" (").push(COLUMNS).push(") VALUES (");
    for text in [&row.id, &row.run, &row.message_id, &row.sender, &row.addressees, &row.recipient] {
        sql.text(text).push(", ");
    }
    sql.int(row.created).push(", ").text(row.state.as_str()).push(", ").int(row.attempts).push(", ").int(row.due);
    sql.push(", ").maybe_int(row.settled).push(", ").maybe(row.trouble.as_deref()).push(")");
    Table::Outbox.execute(conn, &sql.finish()).map(drop)
}

/// No mail waits longer for its next attempt, in microseconds.
const LONGEST_PAUSE: i64 = 24 * 60 * 60 * 1_000_000;

/// Which rows to read; the oldest first, and of those that are due the ones with the fewest attempts.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Those that may be claimed now, in microseconds since 1970; also those that are to wait longer than any does, as a clock
    /// that was ahead has said.
    Due(i64),
    /// Those that were neither sent nor dropped.
    Unsettled,
    /// The one of this id.
    Id(&'a str),
    /// Those of a run.
    Run(&'a str),
}

pub fn rows(conn: &mut Connection, which: Which<'_>) -> Result<Vec<OutboxRow>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ").push(COLUMNS).push(" FROM ").control(Table::Outbox).push(" WHERE ");
    match which {
        Which::Due(now) => {
            sql.push("(state IN ('waiting', 'sending') AND due <= ").int(now);
            sql.push(" OR state = 'waiting' AND due > ").int(now.saturating_add(LONGEST_PAUSE)).push(")")
        }
        Which::Unsettled => sql.push("state IN ('waiting', 'sending', 'refused')"),
        Which::Id(id) => sql.push("id = ").text(id),
        Which::Run(run) => sql.push("run = ").text(run),
    };
    sql.push(match which {
        // One mail that makes a server stumble must not stand before all others.
        Which::Due(_) => " ORDER BY attempts, created, id",
        Which::Unsettled | Which::Id(_) | Which::Run(_) => " ORDER BY created, id",
    });
    Ok(Table::Outbox.query(conn, &sql.finish())?.iter().filter_map(outbox_row).collect())
}

/// `None` for a state that this version does not know: a later one made it, and knows what to do.
fn outbox_row(row: &Row) -> Option<OutboxRow> {
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    Some(OutboxRow {
        id: text(0),
        run: text(1),
        message_id: text(2),
        sender: text(3),
        addressees: text(4),
        recipient: text(5),
        created: row.int(6).unwrap_or(0),
        state: State::of_word(row.text(7)?)?,
        attempts: row.int(8).unwrap_or(0),
        due: row.int(9).unwrap_or(0),
        settled: row.int(10),
        trouble: row.text(11).map(str::to_owned),
    })
}

/// Takes a row for sending, until `until`; false where somebody else was faster.
pub fn claim(conn: &mut Connection, row: &OutboxRow, until: i64) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Outbox).push(" SET state = 'sending', attempts = ").int(row.attempts + 1);
    sql.push(", due = ").int(until).push(" WHERE id = ").text(&row.id);
    sql.push(" AND state = ").text(row.state.as_str()).push(" AND attempts = ").int(row.attempts);
    Ok(Table::Outbox.execute(conn, &sql.finish())? == 1)
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub state: State,
    /// Microseconds since 1970.
    pub due: i64,
    /// Microseconds since 1970.
    pub settled: Option<i64>,
    pub trouble: Option<String>,
}

/// Writes down what the attempt with this number came to; false where the claim had run out and somebody else took the row.
pub fn settle(conn: &mut Connection, id: &str, attempt: i64, settlement: &Settlement) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Outbox).push(" SET state = ").text(settlement.state.as_str());
    sql.push(", due = ").int(settlement.due).push(", settled = ").maybe_int(settlement.settled);
    sql.push(", trouble = ").maybe(settlement.trouble.as_deref());
    sql.push(" WHERE id = ").text(id).push(" AND state = 'sending' AND attempts = ").int(attempt);
    Ok(Table::Outbox.execute(conn, &sql.finish())? == 1)
}

/// Lets an operator decide: what waits or was refused is due now, or is dropped. So is what a process has claimed, where that
/// claim is over, or ends after `latest`, as none does that was made under a clock that is right. False for any other row.
pub fn decide(conn: &mut Connection, id: &str, state: State, now: i64, latest: i64) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Outbox).push(" SET state = ").text(state.as_str()).push(", due = ").int(now);
    sql.push(", settled = NULL WHERE id = ").text(id).push(" AND (state IN ('waiting', 'refused')");
    sql.push(" OR state = 'sending' AND (due <= ").int(now).push(" OR due > ").int(latest).push("))");
    Ok(Table::Outbox.execute(conn, &sql.finish())? == 1)
}
