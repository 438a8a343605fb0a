//! Findings on real catalogs: what is said, under which line, and with which remedy.

mod beside_each_other;
mod of_people;
mod on_mysql;
mod on_postgres;
mod on_sqlite;

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::config::Secret;
use crate::db::catalog::{self, Catalog};
use crate::db::{Access, Mode};
use crate::diagnostic::place::Source;
use crate::plan::Erasure;
use crate::resolve::StandingHold;
use crate::schedule::Guard;

const RULE: &str = "[[rule]]\nname = \"r\"\n";
const POLICY: &str = "[policy]\nname = \"House policy\"\n";

/// A fresh database, and what is found in it. Those on servers, and their roles, are left behind: `make test` throws
/// its servers away.
struct Lab {
    url: String,
    name: String,
    _dir: Option<tempfile::TempDir>,
}

impl Lab {
    fn sqlite(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        std::fs::write(&path, "").unwrap();
        let lab = Self { url: format!("sqlite://{}", path.display()), name: "app".into(), _dir: Some(dir) };
        lab.script(script);
        lab
    }

    fn postgres(script: &str) -> Self {
        Self::on_server("TENURE_TEST_POSTGRES", script)
    }

    fn mysql(script: &str) -> Self {
        Self::on_server("TENURE_TEST_MYSQL", script)
    }

    fn on_server(variable: &str, script: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let admin = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `make test`"));
        let name = format!("check_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Connection::open(&admin, Access::ReadWrite).unwrap().script(&format!("CREATE DATABASE {name}")).unwrap();
        let mut url: url::Url = admin.parse().unwrap();
        url.set_path(&name);
        let lab = Self { url: url.to_string(), name, _dir: None };
        lab.script(script);
        lab
    }

    /// `{}` in the script stands for the name of the database.
    fn script(&self, script: &str) {
        let mut connection = Connection::open(&self.url, Access::ReadWrite).unwrap();
        connection.script(&script.replace("{}", &self.name)).unwrap();
    }

    /// As the role `{}_role` with the password `secret`, which the script made.
    fn of_role(&self) -> Self {
        let mut url: url::Url = self.url.parse().unwrap();
        url.set_username(&format!("{}_role", self.name)).unwrap();
        url.set_password(Some("secret")).unwrap();
        Self { url: url.to_string(), name: self.name.clone(), _dir: None }
    }

    fn catalog(&self) -> Catalog {
        let mut connection = Connection::open(&self.url, Access::ReadOnly).unwrap();
        connection.transaction(Mode::ReadOnly, catalog::read).unwrap()
    }

    /// What becomes of the map of people: its entries in the order in which they act, or its mistakes.
    fn map_of_people(&self, schedule: &str) -> Result<Erasure, Vec<String>> {
        let catalog = self.catalog();
        let schedule = read("s.toml", schedule);
        let context = resolve::Context {
            catalog: &catalog,
            database: "main",
            as_of: now(),
            naive_zone: &TimeZone::UTC,
            guard: Guard::default(),
            hmac_key: Some(&installation_key()),
            maps: &schedule.subject.iter().collect::<Vec<_>>(),
        };
        let holds: Vec<_> =
            schedule.holds.iter().map(|hold| StandingHold { schedule: &schedule, hold, by_hand: false }).collect();
        let resolved = resolve::resolve(&context, &schedule, |_| true, &holds);
        resolved.erasure.expect("there is a [subject]").map_err(|mistakes| told(&mistakes))
    }

    /// What is found with a role that is to plan and to run, each as [`told`].
    fn findings(&self, schedule: &str) -> Vec<String> {
        self.ask(schedule, true)
    }

    fn ask(&self, schedule: &str, writes: bool) -> Vec<String> {
        self.ask_of(&read("s.toml", schedule), writes)
    }

    /// Of a schedule that has a policy of its own.
    fn findings_as_written(&self, text: &str) -> Vec<String> {
        let schedule = schedule::parse(Source { path: "s.toml".into(), text: text.into() }).unwrap();
        self.ask_of(&schedule, true)
    }

    fn ask_of(&self, schedule: &Schedule, writes: bool) -> Vec<String> {
        let catalog = self.catalog();
        let context = resolve::Context {
            catalog: &catalog,
            database: "main",
            as_of: now(),
            naive_zone: &TimeZone::UTC,
            guard: Guard::default(),
            hmac_key: Some(&installation_key()),
            maps: &schedule.subject.iter().collect::<Vec<_>>(),
        };
        // A check changes nothing, so a session that refuses writes will do.
        let mut connection = Connection::open(&self.url, Access::ReadOnly).unwrap();
        let holds: Vec<_> = schedule.holds.iter().map(|hold| StandingHold { schedule, hold, by_hand: false }).collect();
        told(&database(&mut connection, &context, schedule, |_| true, &holds, writes))
    }

    fn coverage(&self, schedules: &[&Schedule]) -> Vec<String> {
        told(&coverage(schedules, &self.catalog(), |_| true))
    }
}

fn on_all_three(script: &str, test: impl Fn(&Lab)) {
    for lab in [Lab::sqlite(script), Lab::postgres(script), Lab::mysql(script)] {
        test(&lab);
    }
}

fn read(path: &str, text: &str) -> Schedule {
    let source = Source { path: path.into(), text: format!("{text}\n{POLICY}") };
    schedule::parse(source)
        .unwrap_or_else(|mistakes| panic!("{}", crate::diagnostic::mistake::render(&mistakes, false)))
}

/// A rule `r` that deletes from `log` what is older than 30 days by `at`, with these lines besides.
fn purge(lines: &str) -> String {
    format!("{RULE}table = \"log\"\nanchor = \"at\"\nretain = \"30 days\"\naction = \"delete\"\n{lines}\n")
}

/// `severity line message (remedy)`; no line where there is no place.
fn told(mistakes: &[Mistake]) -> Vec<String> {
    let one = |mistake: &Mistake| {
        let line = mistake.position().map(|(line, _)| format!(" {line}")).unwrap_or_default();
        let remedy = mistake.remedy.as_ref().map(|remedy| format!(" ({remedy})")).unwrap_or_default();
        format!("{}{line} {}{remedy}", mistake.severity.as_str(), mistake.message)
    };
    mistakes.iter().map(one).collect()
}

fn installation_key() -> Secret {
    Secret::new("a key of the installation, long enough")
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}
