//! Imports run downwards only. These tests read the source, so that a room that reaches up is found when it does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the house, from the ground up.
const ROOMS: [&str; 19] = [
    "base",
    "diagnostic",
    "record",
    "schedule",
    "config",
    "plan",
    "settle",
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

    /// The rooms that the text names behind `crate::`.
    fn imports(&self) -> impl Iterator<Item = &str> {
        let rests = self.text.split("crate::").skip(1);
        rests.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
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

#[test]
fn rooms_import_from_rooms_below_them_only() {
    let floor = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut climbs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in house() {
        assert!(!file.text.contains("crate::{"), "{}: an import names its room", file.path.display());
        let Some(own) = floor(&file.module()[0]) else { continue };
        for room in file.imports().filter(|room| floor(room).is_some_and(|other| other > own)) {
            climbs.entry(file.path.display().to_string()).or_default().push(room.to_owned());
        }
    }
    assert_eq!(climbs, BTreeMap::new());
}

#[test]
fn every_room_has_its_floor() {
    let rooms = house().into_iter().map(|file| file.module()).filter(|module| module.len() > 1);
    for module in rooms {
        assert!(ROOMS.contains(&module[0].as_str()), "{module:?} stands on no floor");
    }
}
