//! A schedule as plain values, and the same as TOML.

use std::fmt::Write as _;
use std::path::PathBuf;

use tenure::diagnostic::place::Source;
use tenure::schedule::Schedule;

use super::world::{Table, Times, World};

#[derive(Debug, Clone)]
pub struct Plan {
    pub rules: Vec<Rule>,
    pub holds: Vec<Hold>,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub table: usize,
    pub age: Age,
    pub days: i64,
    /// `where = "kind <> …"`.
    pub but_kind: Option<u8>,
    pub act: Act,
}

/// Whose age counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Age {
    At,
    /// The later of `at` and `seen`.
    Latest,
    /// The parent's over this edge.
    Of(usize),
}

#[derive(Debug, Clone)]
pub enum Act {
    Delete(Vec<Entry>),
    Redact,
}

/// An entry of `cascade`: the edge of a table, and what becomes of the rows that refer over it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    pub table: usize,
    pub edge: usize,
    pub then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Then {
    Delete,
    Null,
}

#[derive(Debug, Clone)]
pub struct Hold {
    pub table: usize,
    /// Rows whose `at` is younger, or unknown; without it all rows.
    pub days: Option<i64>,
    pub kind: Option<u8>,
}

impl Plan {
    pub fn rule_name(index: usize) -> String {
        format!("rule-{index}")
    }

    pub fn parse(&self, world: &World) -> Schedule {
        let text = self.toml(world);
        tenure::schedule::parse(Source { path: PathBuf::from("s.toml"), text: text.clone() })
            .unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"))
    }

    pub fn toml(&self, world: &World) -> String {
        let mut out = "[policy]\nname = \"random\"\n".to_owned();
        for (index, rule) in self.rules.iter().enumerate() {
            self.rule(&mut out, world, index, rule).expect("a string takes it");
        }
        for (index, hold) in self.holds.iter().enumerate() {
            let table = &world.tables[hold.table];
            write!(out, "\n[[hold]]\nname = \"hold-{index}\"\ntable = \"{}\"\nreason = \"a test\"\n", table.name)
                .expect("a string takes it");
            if let Some(days) = hold.days {
                write!(out, "anchor = {}\nfor = \"{days} days\"\n", anchor("at", table)).expect("a string takes it");
            }
            if let Some(kind) = hold.kind {
                writeln!(out, "where = \"kind = {kind}\"").expect("a string takes it");
            }
        }
        out
    }

    fn rule(&self, out: &mut String, world: &World, index: usize, rule: &Rule) -> std::fmt::Result {
        let table = &world.tables[rule.table];
        write!(out, "\n[[rule]]\nname = \"{}\"\ntable = \"{}\"\n", Self::rule_name(index), table.name)?;
        let anchor = match rule.age {
            Age::At => anchor("at", table),
            Age::Latest => format!("[{}, {}]", anchor("at", table), anchor("seen", table)),
            Age::Of(edge) => {
                let parent = &world.tables[table.edges[edge].to];
                anchor(&format!("r{edge} -> {}.at", parent.name), parent)
            }
        };
        write!(out, "anchor = {anchor}\nretain = \"{} days\"\n", rule.days)?;
        if let Some(kind) = rule.but_kind {
            writeln!(out, "where = \"{}.kind <> {kind}\"", table.name)?;
        }
        match &rule.act {
            Act::Redact => write!(out, "action = \"redact\"\n[rule.redact]\nnote = \"null\"\n"),
            Act::Delete(entries) => {
                let entries: Vec<_> = entries.iter().map(|entry| cascade_entry(world, *entry)).collect();
                write!(out, "action = \"delete\"\ncascade = [{}]\n", entries.join(", "))
            }
        }
    }
}

fn cascade_entry(world: &World, entry: Entry) -> String {
    let child = &world.tables[entry.table];
    let parent = &world.tables[child.edges[entry.edge].to];
    let then = match entry.then {
        Then::Delete => "delete",
        Then::Null => "null",
    };
    let [child, column] = [child.name.to_owned(), format!("r{}", entry.edge)];
    format!("{{ table = \"{child}\", column = \"{column}\", parent = \"{}\", then = \"{then}\" }}", parent.name)
}

fn anchor(column: &str, table: &Table) -> String {
    match table.times {
        Times::Naive | Times::Zoned => format!("\"{column}\""),
        Times::Seconds => format!("{{ column = \"{column}\", as = \"epoch-seconds\" }}"),
        Times::Digits => format!("{{ column = \"{column}\", as = \"text\", format = \"%Y%m%d%H%M%S\" }}"),
    }
}
