//! The table `due`: which due time of each rule was taken up last, by whom, and how far that is.

use super::{Sql, Table};
use crate::db::{Connection, DbError, Dialect, Row};

/// How far the due time of a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A daemon is at it. Where that died, another may take it up.
    Claimed,
    /// Nothing is to be done before the next due time.
    Done,
    /// It failed, or was stopped; the rest is to be done under the same due time.
    Again,
    /// A guard stopped it: somebody has to approve it.
    Guarded,
}

impl State {
    /// The word in the table and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Claimed => "claimed",
            State::Done => "done",
            State::Again => "again",
            State::Guarded => "guarded",
        }
    }

    fn of_word(word: &str) -> Option<State> {
        [State::Claimed, State::Done, State::Again, State::Guarded].into_iter().find(|state| state.as_str() == word)
    }
}

/// A row of `due`: one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    /// A digest of policy and rule.
    pub id: String,
    pub policy: String,
    pub rule: String,
    /// The due time that was taken up last, microseconds since 1970.
    pub due: i64,
    pub state: State,
    /// How often it was taken up; whoever does raises it, so it is the claim's token as well.
    pub attempts: i64,
    /// Nobody takes it up again before, microseconds since 1970. Of a claim: when it runs out.
    pub not_before: i64,
    /// Who has it, or had it last.
    pub holder: Option<String>,
    /// The run that was the last to do something for it.
    pub run: Option<String>,
}

const COLUMNS: &str = "id, policy, rule, due, state, attempts, not_before, holder, run";

/// Makes the rule known, where nobody else has done so.
pub fn insert(conn: &mut Connection, row: &DueRow) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push(match conn.dialect() {
        Dialect::Mysql => "INSERT IGNORE INTO ",
        Dialect::Sqlite | Dialect::Postgres => "INSERT INTO ",
    });
    sql.control(Table::Due).push(" (").push(COLUMNS).push(") VALUES (");
    sql.text(&row.id).push(", ").text(&row.policy).push(", ").text(&row.rule).push(", ").int(row.due);
    sql.push(", ").text(row.state.as_str()).push(", ").int(row.attempts).push(", ").int(row.not_before);
    sql.push(", ").maybe(row.holder.as_deref()).push(", ").maybe(row.run.as_deref()).push(")");
    if conn.dialect() != Dialect::Mysql {
        sql.push(" ON CONFLICT (id) DO NOTHING");
    }
    Table::Due.execute(conn, &sql.finish()).map(drop)
}

/// Every rule that a daemon ever looked after in this database.
pub fn all(conn: &mut Connection) -> Result<Vec<DueRow>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ").push(COLUMNS).push(" FROM ").control(Table::Due);
    Ok(Table::Due.query(conn, &sql.finish())?.iter().filter_map(due_row).collect())
}

/// `None` for a state that this version does not know: a later one made it, and knows what to do.
fn due_row(row: &Row) -> Option<DueRow> {
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    Some(DueRow {
        id: text(0),
        policy: text(1),
        rule: text(2),
        due: row.int(3).unwrap_or(0),
        state: State::of_word(row.text(4)?)?,
        attempts: row.int(5).unwrap_or(0),
        not_before: row.int(6).unwrap_or(0),
        holder: row.text(7).map(str::to_owned),
        run: row.text(8).map(str::to_owned),
    })
}

/// Exchanges a row for its next state by compare-and-swap; false where somebody else has changed it since it was read.
pub fn swap(conn: &mut Connection, old: &DueRow, new: &DueRow) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Due).push(" SET due = ").int(new.due);
    sql.push(", state = ").text(new.state.as_str()).push(", attempts = ").int(new.attempts);
    sql.push(", not_before = ").int(new.not_before).push(", holder = ").maybe(new.holder.as_deref());
    sql.push(", run = ").maybe(new.run.as_deref()).push(" WHERE id = ").text(&old.id);
    sql.push(" AND due = ").int(old.due).push(" AND attempts = ").int(old.attempts);
    sql.push(" AND state = ").text(old.state.as_str());
    Ok(Table::Due.execute(conn, &sql.finish())? == 1)
}

/// A sign of life of everything that this holder has claimed: it runs out at `until`.
pub fn renew(conn: &mut Connection, holder: &str, until: i64) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Due).push(" SET not_before = ").int(until).push(" WHERE state = 'claimed'");
    sql.push(" AND holder = ").text(holder);
    Table::Due.execute(conn, &sql.finish()).map(drop)
}
