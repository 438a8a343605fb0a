//! A run that is held still between two batches.

use tenure::db::{Connection, Dialect};

use super::acts::{Act, RUN};
use super::ledger::table;
use crate::harness::{Running, Tenure, TestDb, catch_when};

/// A run of many batches, of which some were done and some are to come. While it is held, it waits for a lock at the
/// beginning of its next batch and has changed nothing in it.
pub struct Paused<'a> {
    pub running: Running,
    db: &'a TestDb,
    holder: Connection,
}

/// Makes a roll-up with a batch a day, and starts and holds it.
pub fn paused<'a>(db: &'a TestDb, tenure: &Tenure) -> Paused<'a> {
    // The control tables must be there before somebody can wait for a batch in them.
    tenure.run(&["migrate"]).expect_code(0);
    let mut holder = db.open();
    let running = tenure.spawn(&RUN);
    catch_when("the first batch", || db.count(&table(db, "batch")) > 0);
    hold_run(db, &mut holder, &running);
    assert!(Act::Aggregate.deeds(db).done > 0, "the run was over before it could be held");
    Paused { running, db, holder }
}

/// As [`hold`]. A run hardly ever lets go of SQLite's file, so it stands still while somebody else takes it.
pub fn hold_run(db: &TestDb, holder: &mut Connection, running: &Running) {
    if db.dialect != Dialect::Sqlite {
        return hold(db, holder);
    }
    holder.script("PRAGMA busy_timeout = 0").expect("the holder is connected");
    catch_when("a moment between two batches", || {
        running.signal("STOP");
        let is_held = holder.script("BEGIN IMMEDIATE").is_ok();
        running.signal("CONT");
        is_held
    });
    holder.script("PRAGMA busy_timeout = 10000").expect("the holder is connected");
}

/// On SQLite the file, elsewhere the gate that every batch looks at first.
pub fn hold(db: &TestDb, holder: &mut Connection) {
    match db.dialect {
        Dialect::Sqlite => holder.script("BEGIN IMMEDIATE").expect("a batch does not last"),
        Dialect::Postgres | Dialect::Mysql => {
            let sql = format!("BEGIN; SELECT rule FROM {} FOR UPDATE", table(db, "gate"));
            holder.script(&sql).expect("a batch does not last");
        }
    }
}

impl Paused<'_> {
    /// Does something beside the run and lets it go on.
    pub fn go_on_after(mut self, script: &str) -> Running {
        match self.db.dialect {
            Dialect::Sqlite => self.holder.script(script).unwrap_or_else(|error| panic!("{error}: {script}")),
            Dialect::Postgres | Dialect::Mysql => self.db.script(script),
        }
        self.go_on()
    }

    /// As [`go_on_after`](Self::go_on_after), under the very lock that holds the run still.
    pub fn go_on_after_in_lock(mut self, script: &str) -> Running {
        self.holder.script(script).unwrap_or_else(|error| panic!("{error}: {script}"));
        self.go_on()
    }

    pub fn go_on(mut self) -> Running {
        self.holder.script("COMMIT").expect("the holder is connected");
        self.running
    }

    /// The batches that were done.
    pub fn batches(&self) -> i64 {
        self.db.count(&table(self.db, "batch"))
    }
}
