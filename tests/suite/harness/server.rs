//! The servers that `tests/with-servers` started, and who may use them when.

use std::env;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};

use tenure::db::{Access, Connection, Dialect};

/// A variable of `tests/with-servers`.
pub fn variable(name: &str) -> String {
    env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests by `make test`, which starts the servers"))
}

/// The URL of the server's administrator; SQLite has no server.
pub fn admin_url(dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => panic!("SQLite has no server"),
        Dialect::Postgres => variable("TENURE_TEST_POSTGRES"),
        Dialect::Mysql => variable("TENURE_TEST_MYSQL"),
    }
}

/// The same server with another user, password and database.
pub fn url_with(dialect: Dialect, login: Option<(&str, &str)>, database: &str) -> String {
    let mut url = url::Url::parse(&admin_url(dialect)).expect("tests/with-servers exports URLs");
    if let Some((user, password)) = login {
        url.set_username(user).expect("the URL has a host");
        url.set_password(Some(password)).expect("the URL has a host");
    }
    url.set_path(database);
    url.into()
}

/// Runs statements as the server's administrator, one by one: CREATE DATABASE stands in no transaction.
pub fn administer(dialect: Dialect, statements: &[String]) {
    let mut admin = Connection::open(&admin_url(dialect), Access::ReadWrite).expect("the test server answers");
    if dialect == Dialect::Postgres {
        // Copying the template waits for others that copy it, for as long as it takes.
        admin.script("SET lock_timeout = 0").expect("the lock timeout can be set");
    }
    for statement in statements {
        admin.script(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Kills the server as a power cut would, and waits until it is up again.
pub fn restart(dialect: Dialect) {
    let script = match dialect {
        Dialect::Sqlite => panic!("SQLite has no server"),
        Dialect::Postgres => variable("TENURE_TEST_RESTART_POSTGRES"),
        Dialect::Mysql => variable("TENURE_TEST_RESTART_MYSQL"),
    };
    let status = Command::new(&script).stdin(Stdio::null()).status().expect("the restart script can be run");
    assert!(status.success(), "{script} failed: {status}");
}

/// A server is used by many tests together, or by one that may kill it.
///
/// Not an RwLock: a test may hold several databases of one server, which a waiting writer must not keep from it.
struct Gate {
    /// Databases in use; `ALONE` while one test has the server for itself.
    users: Mutex<usize>,
    changed: Condvar,
}

const ALONE: usize = usize::MAX;
static POSTGRES: Gate = Gate { users: Mutex::new(0), changed: Condvar::new() };
static MYSQL: Gate = Gate { users: Mutex::new(0), changed: Condvar::new() };

/// Leave to use a server, given back on drop.
pub struct Pass {
    gate: Option<&'static Gate>,
    alone: bool,
}

impl Pass {
    pub fn shared(dialect: Dialect) -> Self {
        Self::take(dialect, false)
    }

    pub fn alone(dialect: Dialect) -> Self {
        Self::take(dialect, true)
    }

    pub fn is_alone(&self) -> bool {
        self.alone
    }

    fn take(dialect: Dialect, alone: bool) -> Self {
        let gate = match dialect {
            Dialect::Sqlite => return Self { gate: None, alone },
            Dialect::Postgres => &POSTGRES,
            Dialect::Mysql => &MYSQL,
        };
        // A test that panicked has given its pass back all the same.
        let users = gate.users.lock().unwrap_or_else(PoisonError::into_inner);
        let must_wait = |users: &mut usize| if alone { *users > 0 } else { *users == ALONE };
        let mut users = gate.changed.wait_while(users, must_wait).unwrap_or_else(PoisonError::into_inner);
        *users = if alone { ALONE } else { *users + 1 };
        Self { gate: Some(gate), alone }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.gate {
            let mut users = gate.users.lock().unwrap_or_else(PoisonError::into_inner);
            *users = if self.alone { 0 } else { *users - 1 };
            gate.changed.notify_all();
        }
    }
}
