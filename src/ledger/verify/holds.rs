//! Holds that were ordered by hand, held against the entries that added and ended them.

use super::{Break, Halt, Kind};
use crate::db::Connection;
use crate::db::control::{self, EntryRow, hold::HoldRow};
use crate::ledger::hold::{ADDED, Added, EXPIRED, Ended, RELEASED};

/// What the entries say of the holds, in the order in which they were added.
#[derive(Default)]
pub(super) struct Replay(Vec<OneHold>);

struct OneHold {
    /// Number of the entry that added it, and when.
    entry: i64,
    at: i64,
    added: Added,
    ended: Option<i64>,
}

impl Replay {
    /// Takes down what an entry says of a hold, if anything.
    pub fn take(&mut self, entry: &EntryRow) -> Result<(), Break> {
        let unreadable = || {
            let sentence = format!("entry {} speaks of a hold, and does not say how", entry.number);
            Break::new(Kind::Changed, sentence).at_entry(entry.number)
        };
        if entry.kind == ADDED {
            let added = serde_json::from_str(&entry.body).map_err(|_| unreadable())?;
            self.0.push(OneHold { entry: entry.number, at: entry.at, added, ended: None });
        } else if entry.kind == RELEASED || entry.kind == EXPIRED {
            let ended: Ended = serde_json::from_str(&entry.body).map_err(|_| unreadable())?;
            let hold = self.0.iter_mut().find(|hold| hold.ended.is_none() && hold.added.hold == ended.hold);
            hold.ok_or_else(unreadable)?.ended = Some(entry.at);
        }
        Ok(())
    }

    /// Holds the table against the entries.
    pub fn agree(&self, conn: &mut Connection) -> Result<(), Halt> {
        let mut rows = control::hold::all(conn)?.into_iter();
        for (hold, number) in self.0.iter().zip(1..) {
            let name = &hold.added.hold;
            let here = |kind, sentence: String| Halt::from(Break::new(kind, sentence).at_entry(hold.entry));
            let Some(row) = rows.next().filter(|row| row.number == number) else {
                let sentence = format!("hold `{name}`, which entry {} added, is not there any more", hold.entry);
                return Err(here(Kind::Missing, sentence));
            };
            if let Some(column) = differing_column(hold, &row) {
                let sentence = format!("the `{column}` of hold `{name}` is not what the entries say of it");
                return Err(here(Kind::Changed, sentence));
            }
        }
        match rows.next() {
            Some(row) => {
                let sentence = format!("there is a hold `{}` that no entry has added", row.name);
                Err(Break::new(Kind::Inserted, sentence).into())
            }
            None => Ok(()),
        }
    }
}

fn differing_column(hold: &OneHold, row: &HoldRow) -> Option<&'static str> {
    let (then, now) = (&hold.added, Added::of(row));
    // Forgotten when it ended.
    let asked = then.asks.as_ref().filter(|_| hold.ended.is_none());
    let checks = [
        ("name", then.hold == now.hold),
        ("target", then.table == now.table),
        ("asks", now.asks.as_ref() == asked),
        ("salt", row.salt.is_some() == asked.is_some()),
        ("last_day", then.last_day == now.last_day),
        ("reason", then.reason == now.reason),
        ("added_by", then.by == now.by),
        ("added", hold.at == row.added),
        ("ended", hold.ended == row.ended),
        ("of_people", then.of_people == now.of_people),
    ];
    checks.into_iter().find(|(_, agrees)| !agrees).map(|(column, _)| column)
}
