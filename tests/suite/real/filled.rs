//! Rows at known distances from a cutoff, and how many of them lie where.

use jiff::{SignedDuration, Timestamp};

use crate::harness::TestDb;

/// Rows of a table by their anchor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Around {
    /// Due: `anchor < cutoff`. The youngest is a second older than the cutoff.
    pub before: i64,
    /// To the second on the cutoff, and so kept.
    pub on: i64,
    /// The oldest is a second younger than the cutoff.
    pub after: i64,
    /// Without a time, or with one that never comes.
    pub never: i64,
}

impl Around {
    pub fn total(self) -> i64 {
        self.before + self.on + self.after + self.never
    }
}

/// What a `fill` put into one table.
#[derive(Debug, Clone)]
pub struct FilledTable {
    pub table: &'static str,
    /// `None` for a child without a time of its own; it counts by its parent's.
    pub anchor: Option<&'static str>,
    pub around: Around,
}

/// What a `fill` put into a database.
#[derive(Debug, Clone)]
pub struct Filled {
    /// The cutoff as a literal of the tables' own way to write times.
    pub cutoff: String,
    pub tables: Vec<FilledTable>,
}

impl Filled {
    pub fn of(&self, table: &str) -> Around {
        self.tables
            .iter()
            .find(|filled| filled.table == table)
            .unwrap_or_else(|| panic!("{table} was not filled"))
            .around
    }
}

/// Times in ascending order, half of them before a cutoff and a tenth on it.
pub struct Timeline {
    cutoff: Timestamp,
    rows: i64,
    before: i64,
    on: i64,
}

impl Timeline {
    pub fn around(cutoff: Timestamp, rows: i64) -> Self {
        assert!(rows >= 4, "fewer rows than sides of a cutoff");
        assert_eq!(cutoff.subsec_nanosecond(), 0, "not all of these schemas keep fractions of a second");
        Self { cutoff, rows, before: rows / 2, on: (rows / 10).max(1) }
    }

    pub fn rows(&self) -> impl Iterator<Item = i64> + use<> {
        0..self.rows
    }

    /// Of the row with this index: a second off the cutoff, and ten minutes more for each row further away.
    pub fn at(&self, row: i64) -> Timestamp {
        let after = row - self.before - self.on;
        let seconds = if row < self.before {
            -1 - 600 * (self.before - 1 - row)
        } else if after < 0 {
            0
        } else {
            1 + 600 * after
        };
        self.cutoff + SignedDuration::from_secs(seconds)
    }

    /// How many of the rows that `which` picks lie where.
    pub fn count(&self, which: impl Fn(i64) -> bool) -> Around {
        let mut around = Around::default();
        for row in self.rows().filter(|row| which(*row)) {
            match self.at(row).cmp(&self.cutoff) {
                std::cmp::Ordering::Less => around.before += 1,
                std::cmp::Ordering::Equal => around.on += 1,
                std::cmp::Ordering::Greater => around.after += 1,
            }
        }
        around
    }

    pub fn all(&self) -> Around {
        self.count(|_| true)
    }
}

/// Inserts rows, each a list of SQL literals in parentheses; `into` is a table with its columns.
pub fn insert(db: &TestDb, into: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    let mut connection = db.open();
    connection.script("BEGIN").expect("a fresh connection begins a transaction");
    for chunk in rows.chunks(500) {
        let statement = format!("INSERT INTO {into} VALUES {}", chunk.join(", "));
        connection.script(&statement).unwrap_or_else(|error| panic!("{error}: rows of {into} such as {}", chunk[0]));
    }
    connection.script("COMMIT").expect("rows that were inserted can be committed");
}
