//! The hard cases: what real schemas set as traps, each told on every database where it can be set.
//!
//! A story is set up twice. tenure purges the one copy; in the other the rows that must go are taken out by hand; then
//! both must hold the same rows in all their tables.

mod keys;
mod kinds;
mod moodle;
mod names;
mod partitions;
mod references;
mod refused;
mod selves;
mod times;
mod triggers;

use serde_json::Value as Json;
use tenure::db::catalog;
use tenure::db::predicate::window::{self, Next};
use tenure::db::write::batch;
use tenure::diagnostic::place::Source;
use tenure::plan::{Axis, RulePlan};
use tenure::resolve::{self, Context, StandingHold};
use tenure::schedule::{self};

use crate::harness::{Tenure, TestDb};

/// The instant of every purge here. With a period of 30 days the cutoff is 2025-12-02 00:00 UTC.
const AS_OF: &str = "2026-01-01T00:00:00Z";

/// A schedule of one rule that deletes after 30 days; `more` follows inside the rule or begins further tables.
fn delete_rule(table: &str, anchor: &str, more: &str) -> String {
    format!(
        "[policy]\nname = \"hard\"\ntimezone = \"UTC\"\n\n[[rule]]\nname = \"purge\"\ntable = '{table}'\nanchor = {anchor}\n\
         retain = \"30 days\"\naction = \"delete\"\n{more}\n"
    )
}

/// A hold without end, to follow a rule.
fn hold(table: &str, condition: &str) -> String {
    format!("\n[[hold]]\nname = \"lawsuit\"\ntable = '{table}'\nwhere = \"{condition}\"\nreason = \"a lawsuit\"\n")
}

/// A database with its setup, and what must come of it.
struct Story<'a> {
    db: &'a TestDb,
    setup: &'a str,
    schedule: String,
    naive_timezone: &'a str,
    as_of: &'a str,
}

impl<'a> Story<'a> {
    fn new(db: &'a TestDb, setup: &'a str, schedule: String) -> Self {
        db.create(setup);
        Self { db, setup, schedule, naive_timezone: "UTC", as_of: AS_OF }
    }

    fn in_zone(self, naive_timezone: &'a str) -> Self {
        Self { naive_timezone, ..self }
    }

    fn at(self, as_of: &'a str) -> Self {
        Self { as_of, ..self }
    }

    /// On a database that was set up already.
    fn on(db: &'a TestDb, schedule: String) -> Self {
        Self { db, setup: "", schedule, naive_timezone: "UTC", as_of: AS_OF }
    }

    /// Plans, runs, and runs again: the plan changes nothing and says what the run then does, all that `by_hand` takes out
    /// is gone and nothing else, and the second run finds nothing to do. The rule's JSON, as the run left it.
    #[track_caller]
    fn becomes(&self, by_hand: &str) -> Json {
        let twin = self.twin(by_hand);
        let before = self.db.tables_dump();
        let planned = self.rule(&["plan"], 0);
        assert_eq!(self.db.tables_dump(), before, "a plan changes nothing");
        let done = self.rule(&["run", "--yes"], 0);
        assert_eq!(self.db.tables_dump(), twin.tables_dump(), "what is left, and what must be left; {done:#}");
        assert_eq!(planned["remaining"], done["done"], "planned and done: {planned:#}\n{done:#}");
        for figure in ["held", "blocked", "no_anchor", "cascaded", "detached"] {
            assert_eq!(planned[figure], done[figure], "{figure}, planned and done: {planned:#}\n{done:#}");
        }
        assert_eq!(self.rule(&["run", "--yes"], 0)["done"], 0, "a second run finds nothing");
        self.in_small_windows(&twin);
        done
    }

    /// The same by the library, in windows of few rows, along every way to cut the table.
    #[track_caller]
    fn in_small_windows(&self, twin: &TestDb) {
        let mut index = 0;
        loop {
            let copy = TestDb::new(self.db.dialect);
            copy.create(self.setup);
            let plans = self.plans(&copy);
            let axes = plans.iter().flat_map(|plan| &plan.targets).map(|target| target.axes.len()).max().unwrap_or(0);
            if index >= axes {
                return;
            }
            for plan in &plans {
                walk(&copy, plan, index);
            }
            assert_eq!(
                copy.tables_dump(),
                twin.tables_dump(),
                "in small windows along {:?}",
                axis_names(&plans, index)
            );
            index += 1;
        }
    }

    fn plans(&self, db: &TestDb) -> Vec<RulePlan> {
        let source = Source { path: "schedule.toml".into(), text: self.schedule.clone() };
        let schedule = schedule::parse(source).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let catalog = catalog::read(&mut db.open()).unwrap();
        let naive_zone = jiff::tz::TimeZone::get(self.naive_timezone).unwrap();
        let context = Context {
            catalog: &catalog,
            database: "main",
            as_of: self.as_of.parse().unwrap(),
            naive_zone: &naive_zone,
            guard: Default::default(),
            hmac_key: None,
            maps: &schedule.subject.iter().collect::<Vec<_>>(),
        };
        let holds: Vec<_> =
            schedule.holds.iter().map(|hold| StandingHold { schedule: &schedule, hold, by_hand: false }).collect();
        let resolved = resolve::resolve(&context, &schedule, |_| true, &holds);
        let plans = resolved.rules.into_iter().map(|(_, plan)| plan.unwrap_or_else(|mistakes| panic!("{mistakes:?}")));
        tenure::plan::in_order(plans.collect())
    }

    /// The rule cannot do its work: nothing changes, and the sentence says why. All that was printed.
    #[track_caller]
    fn is_refused(&self, because: &[&str]) -> String {
        let before = self.db.tables_dump();
        let mut printed = String::new();
        for command in [&["plan"][..], &["run", "--yes"]] {
            let output = self.tenure().run(&[command, &["--as-of", self.as_of]].concat());
            assert_ne!(output.code, 0, "{}{}", output.stdout, output.stderr);
            let said = output.stdout + &output.stderr;
            // The terminal's lines are wrapped.
            let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in because {
                assert!(flat.contains(part), "`{part}` is not in\n{said}");
            }
            printed += &said;
        }
        assert_eq!(self.db.tables_dump(), before, "nothing changed");
        printed
    }

    #[track_caller]
    fn rule(&self, command: &[&str], code: i32) -> Json {
        let output = self.tenure().run(&[command, &["--json", "--as-of", self.as_of]].concat()).expect_code(code);
        output.json()["rules"][0].clone()
    }

    fn twin(&self, by_hand: &str) -> TestDb {
        let twin = TestDb::new(self.db.dialect);
        twin.create(self.setup);
        if !by_hand.is_empty() {
            twin.create(by_hand);
        }
        twin
    }

    fn tenure(&self) -> Tenure {
        let config = format!(
            "schedules = [\"hard.toml\"]\nstate_dir = \"state\"\n\n[database.main]\nurl = \"{}\"\nnaive_timezone = \"{}\"\n",
            self.db.url(),
            self.naive_timezone
        );
        Tenure::alone().file("hard.toml", &self.schedule).config(&config)
    }
}

/// Deletes window by window, as a run does, with three rows (or one page) a window.
fn walk(db: &TestDb, plan: &RulePlan, axis_index: usize) {
    let mut conn = db.open();
    loop {
        let mut rows = 0;
        for target in &plan.targets {
            let axis = target.axes.get(axis_index).unwrap_or(&Axis::Whole);
            let size = if *axis == Axis::Pages { 1 } else { 3 };
            let mut lower = None;
            for turn in 0.. {
                assert!(turn < 1_000, "the windows along {axis:?} come to no end");
                let window = match window::next(&mut conn, target, axis, lower.clone(), size).unwrap() {
                    Next::Window(window) => window,
                    // A run goes on along the next axis.
                    Next::Tied => window::Window { lower: lower.clone(), upper: None },
                };
                conn.script("BEGIN").unwrap();
                rows += batch::delete(&mut conn, plan, target, axis, &window).unwrap().rows;
                conn.script("COMMIT").unwrap();
                lower = window.after();
                if lower.is_none() {
                    break;
                }
            }
        }
        if rows == 0 {
            return;
        }
    }
}

fn axis_names(plans: &[RulePlan], index: usize) -> Vec<&Axis> {
    plans.iter().flat_map(|plan| &plan.targets).filter_map(|target| target.axes.get(index)).collect()
}
