//! A map of people as plain values, and the same as TOML.

use std::fmt::Write as _;
use std::path::PathBuf;

use tenure::diagnostic::place::Source;
use tenure::schedule::Schedule;

use super::world::{Column, World};

#[derive(Debug, Clone)]
pub struct Map {
    /// What becomes of the person's own row.
    pub own: Own,
    pub entries: Vec<Entry>,
    /// Whoever is restricted is held.
    pub people_are_held: bool,
    /// Rows of a table and a kind.
    pub holds: Vec<(usize, u8)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Own {
    Delete,
    Redact { address: bool },
    Keep,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub table: usize,
    pub way: Way,
    /// `where = "kind = …"`.
    pub kind: Option<u8>,
    pub act: Act,
    /// The column of words that belongs to it.
    pub word: usize,
}

/// Over so many parents, and then the column that says whose the row is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    pub hops: usize,
    pub column: usize,
    pub ignore_case: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    /// Rows of the same table that refer to one that goes may let go of it.
    Delete {
        let_go: bool,
    },
    /// Its words, and, with `forget`, whose it is.
    Redact {
        forget: bool,
    },
    Keep {
        redact: bool,
    },
}

impl Entry {
    /// The tables that the way leads over, the row's own first.
    pub fn way_over(&self, world: &World) -> Vec<usize> {
        let mut tables = vec![self.table];
        for _ in 0..self.way.hops {
            let up = world.tables[tables[tables.len() - 1]].up.expect("a way leads where there is something");
            tables.push(up.to);
        }
        tables
    }

    pub fn column(&self, world: &World) -> Column {
        let tables = self.way_over(world);
        world.tables[tables[tables.len() - 1]].columns[self.way.column]
    }

    /// Does it do anything to rows?
    pub fn acts(&self) -> bool {
        self.act != Act::Keep { redact: false }
    }

    pub fn deletes(&self) -> bool {
        matches!(self.act, Act::Delete { .. })
    }

    pub fn forgets(&self) -> bool {
        self.act == Act::Redact { forget: true }
    }
}

impl Map {
    pub fn parse(&self, world: &World) -> Schedule {
        let text = self.toml(world);
        tenure::schedule::parse(Source { path: PathBuf::from("s.toml"), text: text.clone() })
            .unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"))
    }

    pub fn toml(&self, world: &World) -> String {
        let mut out = "[policy]\nname = \"random\"\n".to_owned();
        self.write(&mut out, world).expect("a string takes it");
        out
    }

    fn write(&self, out: &mut String, world: &World) -> std::fmt::Result {
        if self.people_are_held {
            out.push_str(
                "\n[[hold]]\nname = \"people\"\nsubject = true\nwhere = \"restricted = 1\"\nreason = \"a test\"\n",
            );
        }
        for (number, (table, kind)) in self.holds.iter().enumerate() {
            let table = World::table_name(*table);
            write!(
                out,
                "\n[[hold]]\nname = \"hold-{number}\"\ntable = \"{table}\"\nwhere = \"kind = {kind}\"\nreason = \"a test\"\n"
            )?;
        }
        out.push_str("\n[subject]\ntable = \"account\"\nkey = \"id\"\nclosed = \"closed_at\"\ngrace = \"7 days\"\nwithin = \"30 days\"\n");
        out.push_str("where = \"robot = 0\"\n\n[[subject.data]]\ntable = \"account\"\ncolumn = \"id\"\n");
        out.push_str(match self.own {
            Own::Delete => "action = \"delete\"\n",
            Own::Redact { address: true } => "action = \"redact\"\nredact = { name = \"null\", email = \"null\" }\n",
            Own::Redact { address: false } => "action = \"redact\"\nredact = { name = \"null\" }\n",
            Own::Keep => "action = \"keep\"\nreason = \"a test\"\n",
        });
        self.entries.iter().try_for_each(|entry| write_entry(out, world, entry))
    }
}

fn write_entry(out: &mut String, world: &World, entry: &Entry) -> std::fmt::Result {
    let (table, column) = (World::table_name(entry.table), entry.way.column);
    let parents: String =
        entry.way_over(world)[1..].iter().map(|table| format!("up -> {}.", World::table_name(*table))).collect();
    write!(out, "\n[[subject.data]]\ntable = \"{table}\"\ncolumn = \"{parents}p{column}\"\n")?;
    if entry.column(world) == Column::Address {
        write!(out, "matches = \"email\"\nignore_case = {}\n", entry.way.ignore_case)?;
    }
    if let Some(kind) = entry.kind {
        writeln!(out, "where = \"kind = {kind}\"")?;
    }
    let word = entry.word;
    match entry.act {
        Act::Delete { let_go: false } => writeln!(out, "action = \"delete\""),
        Act::Delete { let_go: true } => {
            let cascade = format!("{{ table = \"{table}\", column = \"up\", then = \"null\" }}");
            write!(out, "action = \"delete\"\ncascade = [{cascade}]\n")
        }
        Act::Redact { forget: false } => write!(out, "action = \"redact\"\nredact = {{ w{word} = \"null\" }}\n"),
        Act::Redact { forget: true } => {
            write!(out, "action = \"redact\"\nredact = {{ w{word} = \"null\", p{column} = \"null\" }}\n")
        }
        Act::Keep { redact: false } => write!(out, "action = \"keep\"\nreason = \"a test\"\n"),
        Act::Keep { redact: true } => {
            write!(out, "action = \"keep\"\nreason = \"a test\"\nredact = {{ w{word} = \"null\" }}\n")
        }
    }
}
