//! What is compared: rules, and the bare statements that do the same to the same rows.

use std::fmt;

use tenure::db::Dialect;

use crate::people;
use crate::places::Kind;

/// The end of the expired rows in every dialect's words; they span the 90 days before it.
pub const CUTOFF: &str = "2024-03-31 00:00:00";

#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// Rows of `event`, evenly over time, and how many of them are due.
    pub rows: u64,
    pub due: u64,
    pub rounds: usize,
    /// Has the age column an index?
    pub indexed: bool,
    /// Has each row one in `detail` that refers to it?
    pub with_child: bool,
    act: Act,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Delete,
    Redact,
    RollUp,
    /// People over twelve tables: `rows` and `due` count people.
    Erase,
}

const DELETE: Case = Case {
    name: "delete",
    rows: 5_000_000,
    due: 1_000_000,
    rounds: 5,
    indexed: true,
    with_child: false,
    act: Act::Delete,
};

const SMALLER: Case = Case { rows: 1_000_000, due: 200_000, rounds: 3, ..DELETE };

pub const CASES: [Case; 6] = [
    DELETE,
    Case { name: "no index on the age", indexed: false, ..SMALLER },
    Case { name: "cascade of one child a row", with_child: true, ..SMALLER },
    Case { name: "redact one column", act: Act::Redact, ..SMALLER },
    Case { name: "roll-up into 90 days", act: Act::RollUp, rows: 1_250_000, due: 1_000_000, ..SMALLER },
    Case { name: "erase people over 12 tables", act: Act::Erase, rows: 200_000, due: 100_000, ..SMALLER },
];

impl Case {
    /// MariaDB takes several times as long for a row, so it gets two fifths of them.
    pub fn sized(self, kind: Kind, quick: bool) -> Self {
        let (times, part) = if kind.0 == Dialect::Mysql { (2, 5) } else { (1, 1) };
        let part = if quick { part * 20 } else { part };
        Self { rows: self.rows * times / part, due: self.due * times / part, ..self }
    }

    /// Is it to be measured there?
    pub fn is_for(&self, kind: Kind) -> bool {
        !self.erases() || kind.0 == Dialect::Postgres
    }

    pub fn erases(&self) -> bool {
        matches!(self.act, Act::Erase)
    }

    /// What a run says that it has done, in what `due` counts.
    pub fn done(&self, run: &serde_json::Value) -> serde_json::Value {
        if self.erases() { run["people"]["erased"].clone() } else { run["rules"][0]["done"].clone() }
    }

    pub fn schedule(&self) -> String {
        if self.erases() {
            return people::schedule();
        }
        let rule = match self.act {
            Act::Delete if self.with_child => "action = \"delete\"\ncascade = [\"detail\"]",
            Act::Delete => "action = \"delete\"",
            Act::Redact => "action = \"redact\"\n[rule.redact]\nip = \"null\"",
            Act::Erase => "",
            Act::RollUp => {
                "action = \"aggregate\"\n[rule.aggregate]\ninto = \"event_daily\"\nbucket = \"day\"\n\
                 keep = [\"course_id\"]\nmeasures = { views = \"count\", seconds = \"sum(seconds)\" }\n\
                 people = \"user_id\"\nat_least = 5"
            }
        };
        format!(
            "[policy]\nname = \"bench\"\ntimezone = \"UTC\"\n\n\
             [[rule]]\nname = \"events\"\ntable = \"event\"\nanchor = \"at\"\nretain = \"30 days\"\n{rule}\n"
        )
    }

    /// The statements that a careful person would send instead. (Their roll-up counts no people and folds no group.)
    pub fn bare(&self, dialect: Dialect) -> String {
        let delete = format!("DELETE FROM event WHERE at < '{CUTOFF}'");
        let day = match dialect {
            Dialect::Postgres => "date_trunc('day', at)",
            Dialect::Mysql => "CAST(DATE(at) AS DATETIME)",
            Dialect::Sqlite => "date(at)",
        };
        match self.act {
            Act::Delete if self.with_child && dialect == Dialect::Mysql => format!(
                "BEGIN; DELETE detail FROM detail JOIN event ON event.id = event_id WHERE event.at < '{CUTOFF}'; {delete}; \
                 COMMIT"
            ),
            Act::Delete if self.with_child => in_one(
                dialect,
                &format!("DELETE FROM detail WHERE event_id IN (SELECT id FROM event WHERE at < '{CUTOFF}'); {delete}"),
            ),
            Act::Delete => delete,
            Act::Erase => in_one(dialect, &people::bare()),
            Act::Redact => format!("UPDATE event SET ip = NULL WHERE at < '{CUTOFF}' AND ip IS NOT NULL"),
            Act::RollUp => in_one(
                dialect,
                &format!(
                    "INSERT INTO event_daily (bucket, course_id, views, seconds, folded) \
                     SELECT {day}, course_id, COUNT(*), SUM(seconds), 0 FROM event WHERE at < '{CUTOFF}' \
                     GROUP BY {day}, course_id; {delete}"
                ),
            ),
        }
    }
}

/// In one transaction; SQLite's client makes one anyway.
fn in_one(dialect: Dialect, statements: &str) -> String {
    match dialect {
        Dialect::Sqlite => statements.to_owned(),
        Dialect::Postgres | Dialect::Mysql => format!("BEGIN; {statements}; COMMIT"),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Dialect::Mysql => "MariaDB",
            other => other.as_str(),
        })
    }
}
