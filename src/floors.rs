//! Imports run downwards only. These tests read the source, so that a room that reaches up is found when it does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the house, from the ground up.
const ROOMS: [&str; 18] = [
    "base",
    "diagnostic",
    "record",
    "schedule",
    "config",
    "plan",
    "db",
    "resolve",
    "check",
    "ledger",
    "execute",
    "report",
    "deliver",
    "run",
    "app",
    "demo",
    "daemon",
    "cli",
];

/// A file of the house and its text without comments and without its tests.
struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// `src/db/query/count.rs` is `["db", "query", "count"]`.
    fn module(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let parts = path.iter().skip(1).map(|part| part.to_string_lossy().into_owned());
        parts.filter(|part| part != "mod").collect()
    }

    /// What follows `crate::` wherever the text says it, segment by segment.
    fn imports(&self) -> Vec<Vec<&str>> {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let path = |rest: &'_ str| -> usize { rest.find(|c: char| !is_name(c) && c != ':').unwrap_or(rest.len()) };
        let starts = self.text.match_indices("crate::").map(|(at, found)| &self.text[at + found.len()..]);
        starts.map(|rest| rest[..path(rest)].split("::").filter(|part| !part.is_empty()).collect()).collect()
    }
}

fn files_below(folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "floors.rs");
        if path.is_dir() && !is_test {
            files_below(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            files.push(File { path, text: lines.collect::<Vec<_>>().join("\n") });
        }
    }
}

fn house() -> Vec<File> {
    let mut files = Vec::new();
    files_below(Path::new("src"), &mut files);
    files
}

/// The imports that climb: of a file in one of `rooms` from a room that comes later in the list.
fn climbs(rooms: &[&str], depth: usize) -> BTreeMap<String, Vec<String>> {
    let floor = |room: &str| rooms.iter().position(|known| *known == room);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in house() {
        let module = file.module();
        let Some(own) = module.get(depth).and_then(|room| floor(room)) else { continue };
        for import in file.imports() {
            let same_parent = module[..depth].iter().eq(import.iter().take(depth));
            let higher = import.get(depth).and_then(|room| floor(room)).is_some_and(|other| other > own);
            if same_parent && higher {
                found.entry(file.path.display().to_string()).or_default().push(import.join("::"));
            }
        }
    }
    found
}

#[test]
fn rooms_import_from_rooms_below_them_only() {
    assert_eq!(climbs(&ROOMS, 0), BTreeMap::new());
}

#[test]
fn every_room_has_its_floor() {
    let rooms = house().into_iter().map(|file| file.module()).filter(|module| module.len() > 1);
    for module in rooms {
        assert!(ROOMS.contains(&module[0].as_str()), "{module:?} stands on no floor");
    }
}
