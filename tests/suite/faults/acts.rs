//! The four acts, each on tables with enough rows for several batches.

use tenure::db::Dialect;

use crate::harness::{Tenure, TestDb};

/// Rules count their cutoffs from here, 1767225600 seconds after the epoch; a year before is 1735689600.
pub const AS_OF: &str = "2026-01-01T00:00:00Z";

/// What a rule of the suite does to its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Delete,
    /// With children and grandchildren over foreign keys.
    Cascade,
    Redact,
    /// A bucket a batch.
    Aggregate,
}

/// What an uninterrupted run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deeds {
    pub done: i64,
    pub cascaded: i64,
}

impl Act {
    /// Makes the tables and their rows. The first batch is of 20,000 rows on SQLite, 5,000 on PostgreSQL and 2,000 on
    /// MySQL, so that each database has several.
    pub fn prepare(self, db: &TestDb) {
        let rows = match db.dialect {
            Dialect::Sqlite => 45_000,
            Dialect::Postgres => 14_000,
            Dialect::Mysql => 9_000,
        };
        self.prepare_rows(db, rows);
    }

    /// One row in five is young.
    pub fn prepare_rows(self, db: &TestDb, rows: u64) {
        let at = "CASE WHEN n % 5 = 0 THEN 1760000000 + n ELSE 1500000000 + n % 200 * 86400 + n % 86400 END";
        let script = match self {
            Act::Delete => format!(
                "CREATE TABLE visit (id {{bigint}} NOT NULL PRIMARY KEY, at {{bigint}} NOT NULL, note {{text}});
                 CREATE INDEX visit_at ON visit (at);
                 INSERT INTO visit SELECT n, {at}, 'note' FROM {{numbers}};"
            ),
            Act::Redact => format!(
                "CREATE TABLE login (id {{bigint}} NOT NULL PRIMARY KEY, at {{bigint}} NOT NULL, ip {{text}}, agent {{text}});
                 INSERT INTO login SELECT n, {at}, '203.0.113.77', 'a browser' FROM {{numbers}};"
            ),
            Act::Cascade => format!(
                "CREATE TABLE course (id {{bigint}} NOT NULL PRIMARY KEY, at {{bigint}} NOT NULL);
                 CREATE TABLE lesson (id {{bigint}} NOT NULL PRIMARY KEY, course_id {{bigint}} NOT NULL,
                     FOREIGN KEY (course_id) REFERENCES course (id));
                 CREATE INDEX lesson_course ON lesson (course_id);
                 CREATE TABLE grade (id {{bigint}} NOT NULL PRIMARY KEY, lesson_id {{bigint}} NOT NULL,
                     FOREIGN KEY (lesson_id) REFERENCES lesson (id));
                 CREATE INDEX grade_lesson ON grade (lesson_id);
                 INSERT INTO course SELECT n, {at} FROM {{numbers}};
                 INSERT INTO lesson SELECT n, n FROM {{numbers}} WHERE n % 2 = 0;
                 INSERT INTO grade SELECT n, n FROM {{numbers}} WHERE n % 4 = 0;"
            ),
            Act::Aggregate => format!(
                "CREATE TABLE page_view (id {{bigint}} NOT NULL PRIMARY KEY, at {{bigint}} NOT NULL, course {{bigint}},
                     person {{bigint}}, seconds {{bigint}});
                 CREATE INDEX page_view_at ON page_view (at);
                 CREATE TABLE page_view_daily (bucket {{ts}}, course {{bigint}}, views {{bigint}} NOT NULL,
                     seconds {{bigint}}, folded smallint NOT NULL);
                 INSERT INTO page_view SELECT n, {at}, n % 3, n % 7, n % 11 FROM {{numbers}};"
            ),
        };
        db.script("CREATE TABLE digit (d integer NOT NULL)");
        db.script("INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)");
        let numbers = format!(
            "(SELECT n FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d AS n \
             FROM digit a, digit b, digit c, digit d, (SELECT d FROM digit WHERE d * 10000 < {rows}) e, \
             (SELECT d FROM digit WHERE d * 100000 < {rows}) f) every WHERE n < {rows}) some_numbers"
        );
        db.create(&script.replace("{numbers}", &numbers));
    }

    pub fn rule(self) -> &'static str {
        match self {
            Act::Delete => DELETE,
            Act::Cascade => CASCADE,
            Act::Redact => REDACT,
            Act::Aggregate => AGGREGATE,
        }
    }

    /// The program with this act's schedule on a database, behind any URL.
    pub fn tenure(self, url: &str) -> Tenure {
        Tenure::at_url(url).schedule(&format!("[policy]\nname = \"faults\"\n{}", self.rule()))
    }

    /// What is to be done, by the tables themselves, before anything was.
    pub fn deeds(self, db: &TestDb) -> Deeds {
        let old = "at < 1735689600";
        let count = |sql: &str| db.scalar(sql);
        match self {
            Act::Delete => Deeds { done: count(&format!("SELECT count(*) FROM visit WHERE {old}")), cascaded: 0 },
            Act::Redact => Deeds { done: count(&format!("SELECT count(*) FROM login WHERE {old}")), cascaded: 0 },
            Act::Aggregate => {
                Deeds { done: count(&format!("SELECT count(*) FROM page_view WHERE {old}")), cascaded: 0 }
            }
            Act::Cascade => {
                let lessons = format!("lesson WHERE course_id IN (SELECT id FROM course WHERE {old})");
                let grades = format!("SELECT count(*) FROM grade WHERE lesson_id IN (SELECT id FROM {lessons})");
                Deeds {
                    done: count(&format!("SELECT count(*) FROM course WHERE {old}")),
                    cascaded: count(&format!("SELECT count(*) FROM {lessons}")) + count(&grades),
                }
            }
        }
    }
}

/// `tenure run`, on the instant of all stories.
pub const RUN: [&str; 5] = ["run", "--json", "--as-of", AS_OF, "--yes"];

const DELETE: &str = r#"
[[rule]]
name = "visits"
table = "visit"
anchor = { column = "at", as = "epoch-seconds" }
retain = "1 year"
action = "delete"
"#;

const CASCADE: &str = r#"
[[rule]]
name = "courses"
table = "course"
anchor = { column = "at", as = "epoch-seconds" }
retain = "1 year"
action = "delete"
cascade = ["lesson", "grade"]
"#;

const REDACT: &str = r#"
[[rule]]
name = "logins"
table = "login"
anchor = { column = "at", as = "epoch-seconds" }
retain = "1 year"
action = "redact"
[rule.redact]
ip = "truncate-ip"
agent = "null"
"#;

const AGGREGATE: &str = r#"
[[rule]]
name = "analytics"
table = "page_view"
anchor = { column = "at", as = "epoch-seconds" }
retain = "1 year"
action = "aggregate"
[rule.aggregate]
into = "page_view_daily"
bucket = "day"
keep = ["course"]
measures = { views = "count", seconds = "sum(seconds)" }
people = "person"
at_least = 2
"#;

/// Raw rows and rolled-up ones together, in one snapshot: views and seconds.
pub fn totals(db: &TestDb) -> Vec<i64> {
    let int = if db.dialect == Dialect::Mysql { "signed" } else { "bigint" };
    let both = |raw: &str, rolled: &str| {
        format!(
            "CAST((SELECT {raw} FROM page_view) + (SELECT COALESCE(SUM({rolled}), 0) FROM page_view_daily) AS {int})"
        )
    };
    let sql = format!("SELECT {}, {}", both("COUNT(*)", "views"), both("COALESCE(SUM(seconds), 0)", "seconds"));
    db.rows(&sql)[0]
        .iter()
        .map(|value| match value {
            tenure::db::Value::Int(int) => *int,
            other => panic!("a total is {other:?}"),
        })
        .collect()
}
