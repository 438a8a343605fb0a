//! The servers that `tests/with-servers` started, and who may use them when.

use std::cell::Cell;
use std::env;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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
        admin.script("SET lock_timeout = '5min'").expect("the lock timeout can be set");
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
/// Not an RwLock: a test may hold several databases of one server, which a test that waits to be alone must not keep from
/// it; every other test lets that one go first, or it would wait until the last.
struct Gate {
    users: Mutex<Users>,
    changed: Condvar,
}

struct Users {
    /// Databases in use by tests that share the server.
    together: usize,
    is_alone: bool,
    wait_to_be_alone: usize,
}

impl Gate {
    const fn open() -> Self {
        let users = Users { together: 0, is_alone: false, wait_to_be_alone: 0 };
        Self { users: Mutex::new(users), changed: Condvar::new() }
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        // A test that panicked has given its pass back all the same.
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, must_wait: impl Fn(&Users) -> bool) -> MutexGuard<'_, Users> {
        let users = self.changed.wait_while(self.users(), |users| must_wait(users));
        users.unwrap_or_else(PoisonError::into_inner)
    }
}

static POSTGRES: Gate = Gate::open();
static MYSQL: Gate = Gate::open();

thread_local! {
    /// Shared passes of this thread, which is this test.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

/// Leave to use a server, given back on drop.
pub struct Pass {
    gate: Option<&'static Gate>,
    alone: bool,
}

impl Pass {
    pub fn shared(dialect: Dialect) -> Self {
        let gate = gate(dialect);
        if let Some(gate) = gate {
            let first = OWN.get() == 0;
            gate.wait_while(|users| users.is_alone || (first && users.wait_to_be_alone > 0)).together += 1;
            OWN.set(OWN.get() + 1);
        }
        Self { gate, alone: false }
    }

    pub fn alone(dialect: Dialect) -> Self {
        let gate = gate(dialect);
        if let Some(gate) = gate {
            gate.users().wait_to_be_alone += 1;
            let mut users = gate.wait_while(|users| users.is_alone || users.together > 0);
            users.wait_to_be_alone -= 1;
            users.is_alone = true;
        }
        Self { gate, alone: true }
    }

    pub fn is_alone(&self) -> bool {
        self.alone
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(gate) = self.gate else { return };
        let mut users = gate.users();
        if self.alone {
            users.is_alone = false;
        } else {
            users.together -= 1;
            OWN.set(OWN.get().saturating_sub(1));
        }
        gate.changed.notify_all();
    }
}

/// SQLite has no server.
fn gate(dialect: Dialect) -> Option<&'static Gate> {
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(&POSTGRES),
        Dialect::Mysql => Some(&MYSQL),
    }
}
