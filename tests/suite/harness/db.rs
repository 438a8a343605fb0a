//! A database that belongs to one test.

use std::fs::File;
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tenure::db::{Access, Connection, Dialect, Statement, Value};

use super::server::{self, Pass};
use super::{ddl, dump};

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A fresh, empty database, gone when it is dropped.
pub struct TestDb {
    pub dialect: Dialect,
    /// The `workers` of its config, where a story writes one.
    pub workers: u32,
    url: String,
    /// The database's name on its server; also makes the names of its roles unique there.
    name: String,
    roles: Mutex<Vec<String>>,
    pass: Pass,
    /// Where the SQLite file lies.
    _dir: Option<TempDir>,
}

impl TestDb {
    pub fn new(dialect: Dialect) -> Self {
        Self::with_pass(dialect, Pass::shared(dialect))
    }

    /// On PostgreSQL, with a config that lets two work at a time.
    pub fn for_two_workers() -> Self {
        let mut db = Self::new(Dialect::Postgres);
        db.workers = 2;
        db
    }

    /// Another one of the kind.
    pub fn another(&self) -> Self {
        let mut db = Self::new(self.dialect);
        db.workers = self.workers;
        db
    }

    /// As [`new`](Self::new), on a server that no other test uses meanwhile: [`restart_server`](Self::restart_server) may
    /// kill it. Ask for it before any other database of that server.
    pub fn alone(dialect: Dialect) -> Self {
        Self::with_pass(dialect, Pass::alone(dialect))
    }

    fn with_pass(dialect: Dialect, pass: Pass) -> Self {
        let name = format!("app_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut dir = None;
        let url = match dialect {
            Dialect::Sqlite => {
                let fresh = tempfile::tempdir().expect("a temporary directory can be made");
                let file = fresh.path().join("app.db");
                File::create(&file).expect("a file can be made in a fresh directory");
                dir = Some(fresh);
                format!("sqlite://{}", file.display())
            }
            Dialect::Postgres | Dialect::Mysql => {
                server::administer(dialect, &[format!("CREATE DATABASE {name}")]);
                server::url_with(dialect, None, &name)
            }
        };
        Self { dialect, workers: 1, url, name, roles: Mutex::default(), pass, _dir: dir }
    }

    /// Of the owner, who may do everything in this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// [`url`](Self::url), with TLS demanded and the server's certificate verified.
    pub fn tls_url(&self) -> String {
        let ca = server::variable("TENURE_TEST_CA");
        match self.dialect {
            Dialect::Sqlite => panic!("SQLite has no TLS"),
            Dialect::Postgres => format!("{}?sslmode=verify-full&sslrootcert={ca}", self.url),
            Dialect::Mysql => format!("{}?ssl_ca={ca}&ssl_mode=VERIFY_CA", self.url),
        }
    }

    /// A new connection of the owner, for writing.
    pub fn open(&self) -> Connection {
        self.open_as(&self.url)
    }

    /// A new connection by another URL, such as a role's.
    pub fn open_as(&self, url: &str) -> Connection {
        Connection::open(url, Access::ReadWrite).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a script of several statements, in which the placeholders of [`ddl`] may stand.
    pub fn create(&self, script: &str) {
        self.script(&ddl(self.dialect, script));
    }

    /// Runs a script of several statements as it is.
    pub fn script(&self, sql: &str) {
        // The error hides what the server said, as it should in production; the head of the script has to do.
        self.open()
            .script(sql)
            .unwrap_or_else(|error| panic!("{error}: {}", sql.chars().take(300).collect::<String>()));
    }

    /// The integer in the first column of the first row.
    pub fn scalar(&self, sql: &str) -> i64 {
        let rows = self.query(sql);
        let first = rows.first().unwrap_or_else(|| panic!("no row: {sql}"));
        first.int(0).unwrap_or_else(|| panic!("no integer but {:?}: {sql}", first.0))
    }

    /// All rows. On PostgreSQL, cast what is no integer, float, boolean, text or bytea to text.
    pub fn rows(&self, sql: &str) -> Vec<Vec<Value>> {
        self.query(sql).into_iter().map(|row| row.0).collect()
    }

    /// The rows of a table, counted.
    pub fn count(&self, table: &str) -> i64 {
        self.scalar(&format!("SELECT count(*) FROM {table}"))
    }

    fn query(&self, sql: &str) -> Vec<tenure::db::Row> {
        let statement = Statement { sql: sql.to_owned(), binds: vec![] };
        self.open().query(&statement).unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// All rows of all tables but tenure's own, as text that is the same for the same rows: for "nothing else changed".
    pub fn tables_dump(&self) -> String {
        dump::of(&mut self.open())
    }

    /// Makes a role that may log in and nothing else, runs `grants` as the owner and returns the role's URL.
    ///
    /// `{role}` in a grant is the role, whose real name is unique on the server; `{db}` is this database:
    /// `"GRANT SELECT ON login TO {role}"`. Its password begins with `secret-`, so that a test can look for leaks of it.
    pub fn role(&self, name: &str, grants: &[&str]) -> String {
        let user = format!("{name}_{}", self.name);
        let password = format!("secret-{user}");
        let (role, create) = match self.dialect {
            Dialect::Sqlite => panic!("SQLite has no roles"),
            Dialect::Postgres => (user.clone(), format!("CREATE ROLE {user} LOGIN PASSWORD '{password}'")),
            Dialect::Mysql => {
                let role = format!("'{user}'@'%'");
                let create = format!("CREATE USER {role} IDENTIFIED BY '{password}'");
                (role, create)
            }
        };
        server::administer(self.dialect, &[create]);
        self.roles.lock().expect("no test panics while it adds a role").push(role.clone());
        for grant in grants {
            self.script(&grant.replace("{role}", &role).replace("{db}", &self.name));
        }
        server::url_with(self.dialect, Some((&user, &password)), &self.name)
    }

    /// Kills the server the hard way, and returns when it is up again.
    pub fn restart_server(&self) {
        assert!(self.pass.is_alone(), "other tests use this server: make the database by `TestDb::alone`");
        server::restart(self.dialect);
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let roles = self.roles.get_mut().expect("no test panics while it adds a role").drain(..);
        let statements: Vec<String> = match self.dialect {
            Dialect::Sqlite => return,
            Dialect::Postgres => std::iter::once(format!("DROP DATABASE {} WITH (FORCE)", self.name))
                .chain(roles.map(|role| format!("DROP ROLE {role}")))
                .collect(),
            Dialect::Mysql => std::iter::once(format!("DROP DATABASE {}", self.name))
                .chain(roles.map(|role| format!("DROP USER {role}")))
                .collect(),
        };
        // A failed test has its own reason to tell, and a second panic would hide it.
        if !std::thread::panicking() {
            server::administer(self.dialect, &statements);
        }
    }
}
