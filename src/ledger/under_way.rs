//! Runs that have begun and are not closed: what works now, and what died.

use jiff::Timestamp;
use serde::Serialize;

use super::{Holder, counted, lease, parse};
use crate::db::control::{self, Which};
use crate::db::{Connection, DbError};

/// A run that is not closed, in the names of the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnderWay {
    pub run: String,
    pub policy: String,
    pub actor: String,
    pub started: Timestamp,
    /// Of the process that works on it.
    pub host: String,
    pub pid: u32,
    /// False where the process is gone, or was not seen for longer than a lease lasts: the next run closes it.
    pub lives: bool,
    /// The rules whose gates it holds now.
    pub rules: Vec<String>,
    /// What it has done until now.
    pub batches: u64,
    pub done: u64,
}

/// The runs under way on this database; none where the control tables are missing or old.
pub fn under_way(conn: &mut Connection) -> Result<Vec<UnderWay>, DbError> {
    if !control::is_ready(conn)? {
        return Ok(Vec::new());
    }
    let now = control::clock(conn)?;
    let mut found = Vec::new();
    for row in control::runs(conn, Which::Open)? {
        let planned = parse(&row.plan, &row.id)?;
        let lives = lease::is_alive(conn, &planned, &row.holder, now)?;
        let (batches, done) = control::done_so_far(conn, &row.id)?;
        let rules = lease::held_rules(conn, &planned)?;
        let (host, pid) =
            Holder::from_text(&row.holder).map_or_else(Default::default, |holder| (holder.host, holder.pid));
        found.push(UnderWay {
            policy: planned.schedule.name,
            actor: planned.actor,
            started: planned.started,
            run: row.id,
            host,
            pid,
            lives,
            rules,
            batches: counted(batches),
            done: counted(done),
        });
    }
    Ok(found)
}
