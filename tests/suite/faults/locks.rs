//! Who waits for whose locks, as the server tells it.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tenure::db::{Dialect, Statement};

use crate::harness::TestDb;

/// InnoDB shows what it showed before while anybody looked within the last 0.1 s: tests that look take turns, each after a
/// pause in which nobody does.
static LOOKING: Mutex<()> = Mutex::new(());
const NOBODY_LOOKS: Duration = Duration::from_millis(150);

/// A lock is waited for in milliseconds; after so long the session that was to wait has ended.
const LONGEST: Duration = Duration::from_secs(60);

/// Returns once a session of this database waits for another one's lock.
pub fn await_a_waiting_session(db: &TestDb) {
    await_waiting(db, |waiting| waiting > 0);
}

/// Returns once none does, be it that it got its lock or that it gave up.
pub fn await_no_waiting_session(db: &TestDb) {
    await_waiting(db, |waiting| waiting == 0);
}

fn await_waiting(db: &TestDb, is_so: impl Fn(i64) -> bool) {
    let sql = match db.dialect {
        Dialect::Sqlite => panic!("SQLite has no sessions"),
        Dialect::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        }
        Dialect::Mysql => {
            "SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p \
             ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE() AND t.trx_state = 'LOCK WAIT'"
        }
    };
    let mut observer = db.open();
    let question = Statement { sql: sql.to_owned(), binds: vec![] };
    let mut waiting = || {
        let _turn = LOOKING.lock().unwrap_or_else(PoisonError::into_inner);
        thread::sleep(NOBODY_LOOKS);
        observer.query(&question).expect("the server answers")[0].int(0).expect("a count")
    };
    let started = Instant::now();
    while !is_so(waiting()) {
        assert!(started.elapsed() < LONGEST, "no session came to wait, or one waits for ever");
    }
}
