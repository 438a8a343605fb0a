//! The tables of a case in one database, and how they become as they were.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use tenure::db::Dialect;

use crate::cases::{CUTOFF, Case};
use crate::{clients, measure, people};

#[derive(Debug, Clone, Copy)]
pub struct Kind(pub Dialect);

pub const KINDS: [Kind; 3] = [Kind(Dialect::Postgres), Kind(Dialect::Mysql), Kind(Dialect::Sqlite)];

/// A database with the tables of one case; gone when it is dropped.
pub struct Place {
    pub case: Case,
    pub url: String,
    kind: Kind,
    /// The server's administrator.
    admin: String,
    /// SQLite: the file as it was made.
    original: PathBuf,
}

const BASE: &str = "tenure_bench_base";
const COPY: &str = "tenure_bench";

impl Place {
    /// Makes the tables and fills them; the control tables are there, as they are in every run but the first.
    pub fn make(kind: Kind, case: Case, dir: &Path) -> Self {
        let server = |variable| env::var(variable).expect("the servers of tests/with-servers are running");
        let (admin, base, url) = match kind.0 {
            Dialect::Sqlite => {
                let [base, copy] = ["base.db", "copy.db"].map(|file| format!("sqlite://{}", dir.join(file).display()));
                (String::new(), base, copy)
            }
            Dialect::Postgres => {
                let admin = server("TENURE_TEST_POSTGRES");
                let (base, copy) = (at(&admin, BASE), at(&admin, COPY));
                (admin, base, copy)
            }
            Dialect::Mysql => {
                let admin = server("TENURE_TEST_MYSQL");
                let url = at(&admin, COPY);
                (admin, url.clone(), url)
            }
        };
        let place = Self { case, url, kind, admin, original: dir.join("base.db") };
        place.remove();
        match kind.0 {
            Dialect::Sqlite => drop(fs::File::create(&place.original).expect("a file can be made")),
            Dialect::Postgres => place.administer(&format!("CREATE DATABASE {BASE}")),
            Dialect::Mysql => place.administer(&format!("CREATE DATABASE {COPY}")),
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
        measure::run(command.current_dir(dir).args(["migrate", "--database", &base]));
        measure::run(&mut place.client(&base, &tables(kind.0, &case)));
        if kind.0 == Dialect::Postgres {
            measure::run(&mut clients::postgres(&base, "VACUUM (FREEZE, ANALYZE)"));
        }
        place
    }

    /// Puts the rows back that are gone or changed, and waits until the server has nothing left to do for the last round.
    pub fn reset(&self) {
        match self.kind.0 {
            Dialect::Sqlite => {
                self.remove_copy();
                fs::copy(&self.original, self.copy_file()).expect("there is room for a copy");
            }
            Dialect::Postgres => {
                self.remove_copy();
                self.administer(&format!("CREATE DATABASE {COPY} TEMPLATE {BASE} STRATEGY file_copy; CHECKPOINT"));
            }
            Dialect::Mysql => {
                let restore = |table: &str, key: &str| {
                    format!(
                        "DELETE FROM {table} WHERE {key} < {due}; INSERT INTO {table} SELECT * FROM {table}_due;",
                        due = self.case.due
                    )
                };
                let child = if self.case.with_child { restore("detail", "event_id") } else { String::new() };
                let events = restore("event", "id");
                let statements = match self.case.with_child {
                    // Children leave first and come last.
                    true => format!("SET foreign_key_checks = 0; {events} {child}"),
                    false => events,
                };
                let done = "TRUNCATE TABLE event_daily; SET GLOBAL innodb_max_purge_lag_wait = 0";
                measure::run(&mut clients::mysql(&self.url, &format!("{statements} {done}")));
            }
        }
        // What the copies left for the disk would otherwise be written while the clock runs.
        measure::run(&mut Command::new("sync"));
    }

    pub fn bare_client(&self) -> Command {
        self.client(&self.url, &self.case.bare(self.kind.0))
    }

    fn client(&self, url: &str, statements: &str) -> Command {
        match self.kind.0 {
            Dialect::Sqlite => clients::sqlite(url, statements),
            Dialect::Postgres => clients::postgres(url, statements),
            Dialect::Mysql => clients::mysql(url, statements),
        }
    }

    fn administer(&self, statements: &str) {
        measure::run(&mut self.client(&self.admin, statements));
    }

    fn copy_file(&self) -> PathBuf {
        self.original.with_file_name("copy.db")
    }

    fn remove_copy(&self) {
        match self.kind.0 {
            Dialect::Sqlite => {
                for ending in ["", "-wal", "-shm"] {
                    // What was never made cannot be removed, which is as well.
                    let _ = fs::remove_file(format!("{}{ending}", self.copy_file().display()));
                }
            }
            Dialect::Postgres => self.administer(&format!("DROP DATABASE IF EXISTS {COPY} WITH (FORCE)")),
            Dialect::Mysql => self.administer(&format!("DROP DATABASE IF EXISTS {COPY}")),
        }
    }

    fn remove(&self) {
        self.remove_copy();
        match self.kind.0 {
            Dialect::Sqlite => drop(fs::remove_file(&self.original)),
            Dialect::Postgres => self.administer(&format!("DROP DATABASE IF EXISTS {BASE} WITH (FORCE)")),
            Dialect::Mysql => {}
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.remove();
    }
}

fn at(admin: &str, database: &str) -> String {
    let mut url = url::Url::parse(admin).expect("tests/with-servers exports URLs");
    url.set_path(database);
    url.into()
}

/// The case's tables, filled: `event`, as logs are, in the order of time, with a primary key and two more indexes.
fn tables(dialect: Dialect, case: &Case) -> String {
    if case.erases() {
        return people::tables(case);
    }
    let Case { rows, due, .. } = case;
    let (last, number) = (rows - 1, "n * 7919 % 100003, n % 97, n % 601");
    let create = |key: &str, text: &str, time: &str| {
        format!(
            "CREATE TABLE event (id {key}, at {time} NOT NULL, user_id bigint NOT NULL, course_id bigint NOT NULL, \
             seconds bigint NOT NULL, ip {text}, path {text} NOT NULL); \
             CREATE TABLE event_daily (bucket {time}, course_id bigint, views bigint NOT NULL, seconds bigint, \
             folded smallint NOT NULL DEFAULT 0); "
        )
    };
    let mut indexes = "CREATE INDEX event_user ON event (user_id);".to_owned();
    if case.indexed {
        indexes += "CREATE INDEX event_at ON event (at);";
    }
    let mut child = String::new();
    if case.with_child {
        child += "CREATE TABLE detail (id bigint NOT NULL PRIMARY KEY, event_id bigint NOT NULL REFERENCES event (id), \
                  note varchar(40) NOT NULL); \
                  INSERT INTO detail SELECT id, id, 'some note of medium length' FROM event; \
                  CREATE INDEX detail_event ON detail (event_id);";
    }
    let insert = "INSERT INTO event (id, at, user_id, course_id, seconds, ip, path)";
    match dialect {
        Dialect::Postgres => format!(
            "{create} {insert} SELECT n, '2024-01-01 00:00:00+00'::timestamptz + n * 7776000 / {due} * interval '1 second', \
             {number}, '203.0.113.' || n % 256, '/course/' || n % 97 || '/lesson/' || n % 31 \
             FROM generate_series(0, {last}::bigint) n; {indexes} {child}",
            create = create("bigint PRIMARY KEY", "text", "timestamptz"),
        ),
        Dialect::Mysql => format!(
            "{create} {insert} SELECT n, '2024-01-01 00:00:00' + INTERVAL n * 7776000 DIV {due} SECOND, {number}, \
             CONCAT('203.0.113.', n % 256), CONCAT('/course/', n % 97, '/lesson/', n % 31) \
             FROM (SELECT seq AS n FROM seq_0_to_{last}) AS numbers; {indexes} {child} \
             CREATE TABLE event_due AS SELECT * FROM event WHERE at < '{CUTOFF}'; {child_due} ANALYZE TABLE event",
            create = create("bigint NOT NULL PRIMARY KEY", "varchar(80)", "datetime"),
            child_due = match case.with_child {
                true => format!("CREATE TABLE detail_due AS SELECT * FROM detail WHERE event_id < {due};"),
                false => String::new(),
            },
        ),
        Dialect::Sqlite => format!(
            "COMMIT; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN; {create} \
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}) \
             {insert} SELECT n, strftime('%Y-%m-%d %H:%M:%S', 1704067200 + n * 7776000 / {due}, 'unixepoch'), {number}, \
             '203.0.113.' || n % 256, '/course/' || n % 97 || '/lesson/' || n % 31 FROM numbers; {indexes} {child} ANALYZE; \
             COMMIT; PRAGMA wal_checkpoint(TRUNCATE); BEGIN",
            create = create("INTEGER PRIMARY KEY", "text", "timestamp"),
        ),
    }
}
