//! Pauses, held against the entries that ordered and ended them.

use super::{Break, Halt, Kind};
use crate::db::Connection;
use crate::db::control::{self, EntryRow, pause::PauseRow};
use crate::ledger::pause::{EXPIRED, Ended, PAUSED, Paused, RESUMED};

/// What the entries say of the pauses, in the order in which they were ordered.
#[derive(Default)]
pub(super) struct Replay(Vec<OnePause>);

struct OnePause {
    /// Number of the entry that ordered it, and when.
    entry: i64,
    at: i64,
    paused: Paused,
    ended: Option<i64>,
}

impl Replay {
    /// Takes down what an entry says of a pause, if anything.
    pub fn take(&mut self, entry: &EntryRow) -> Result<(), Break> {
        let unreadable = || {
            let sentence = format!("entry {} speaks of a pause, and does not say how", entry.number);
            Break::new(Kind::Changed, sentence).at_entry(entry.number)
        };
        if entry.kind == PAUSED {
            let paused = serde_json::from_str(&entry.body).map_err(|_| unreadable())?;
            self.0.push(OnePause { entry: entry.number, at: entry.at, paused, ended: None });
        } else if entry.kind == RESUMED || entry.kind == EXPIRED {
            let ended: Ended = serde_json::from_str(&entry.body).map_err(|_| unreadable())?;
            let index = usize::try_from(ended.pause - 1).map_err(|_| unreadable())?;
            let pause = self.0.get_mut(index).filter(|pause| pause.ended.is_none());
            pause.ok_or_else(unreadable)?.ended = Some(entry.at);
        }
        Ok(())
    }

    /// Holds the table against the entries.
    pub fn agree(&self, conn: &mut Connection) -> Result<(), Halt> {
        let mut rows = control::pause::all(conn)?.into_iter();
        for (pause, number) in self.0.iter().zip(1..) {
            let here = |kind, sentence: String| Halt::from(Break::new(kind, sentence).at_entry(pause.entry));
            let Some(row) = rows.next().filter(|row| row.number == number) else {
                let sentence = format!("pause {number}, which entry {} ordered, is not there any more", pause.entry);
                return Err(here(Kind::Missing, sentence));
            };
            if let Some(column) = differing_column(pause, &row) {
                let sentence = format!("the `{column}` of pause {number} is not what the entries say of it");
                return Err(here(Kind::Changed, sentence));
            }
        }
        match rows.next() {
            Some(row) => {
                let sentence = format!("there is a pause {} that no entry has ordered", row.number);
                Err(Break::new(Kind::Inserted, sentence).into())
            }
            None => Ok(()),
        }
    }
}

fn differing_column(pause: &OnePause, row: &PauseRow) -> Option<&'static str> {
    let (then, now) = (&pause.paused, Paused::of(row));
    let checks = [
        ("policy", then.policy == now.policy),
        ("rule", then.rule == now.rule),
        ("expires", then.expires == now.expires),
        ("reason", then.reason == now.reason),
        ("paused_by", then.by == now.by),
        ("paused", pause.at == row.paused),
        ("ended", pause.ended == row.ended),
    ];
    checks.into_iter().find(|(_, agrees)| !agrees).map(|(column, _)| column)
}
