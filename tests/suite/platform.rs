//! The sample learning platform under each of the shipped schedules: what is planned is done, once, and every cutoff is
//! met to the unit of its column.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenure::demo::{self, SCHEDULES, Size};

use crate::harness::story::{AS_OF, Told, plan_and_run};
use crate::harness::{Tenure, TestDb};

/// The seed of the sample's formula: any would do, and this one is told by every failure.
const SEED: u64 = 7;

fn platform(db: &TestDb) {
    let mut connection = db.open();
    demo::create(&mut connection).unwrap();
    demo::generate(&mut connection, &Size::new(10_000, SEED).unwrap(), AS_OF.parse().unwrap()).unwrap();
}

/// A rule for which nothing but the age decides, by a column of its own table: no condition, hold or child has a say.
struct Plain {
    rule: String,
    table: String,
    column: String,
    /// `epoch-seconds` and the like; empty for native times.
    reading: String,
}

fn plain_rules(schedule: &str) -> Vec<Plain> {
    let schedule: toml::Table = schedule.parse().unwrap();
    // Holds with a condition cover nobody on an edge: the sample's people there are under none.
    let holds = entries(&schedule, "hold");
    let held: Vec<_> =
        holds.iter().filter(|hold| hold.get("where").is_none()).map(|hold| text(hold, "table")).collect();
    let plain = |rule: &toml::Value| {
        let anchor = rule.get("anchor").or(rule.get("expires"))?;
        let column = anchor.get("column").unwrap_or(anchor).as_str()?;
        let decided_by_age = text(rule, "action") == "delete"
            && rule.get("where").is_none()
            && rule.get("cascade").is_none()
            && !column.contains("->")
            && !held.contains(&text(rule, "table"));
        decided_by_age.then(|| Plain {
            rule: text(rule, "name"),
            table: text(rule, "table"),
            column: column.to_owned(),
            reading: text(anchor, "as"),
        })
    };
    entries(&schedule, "rule").iter().filter_map(plain).collect()
}

fn entries(schedule: &toml::Table, kind: &str) -> Vec<toml::Value> {
    schedule.get(kind).and_then(toml::Value::as_array).cloned().unwrap_or_default()
}

fn text(entry: &toml::Value, key: &str) -> String {
    entry.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
}

impl Plain {
    /// Rows one unit before the cutoff, on it and one unit after it.
    fn edges(&self, db: &TestDb, cutoff: Timestamp) -> [i64; 3] {
        let unit = match (self.reading.as_str(), self.column.as_str()) {
            ("epoch-seconds", _) => SignedDuration::from_secs(1),
            ("epoch-millis", _) => SignedDuration::from_millis(1),
            (_, "taken_on") => SignedDuration::from_hours(24),
            _ => SignedDuration::from_micros(1),
        };
        [cutoff - unit, cutoff, cutoff + unit].map(|at| {
            let (table, column, value) = (&self.table, &self.column, self.literal(at));
            db.scalar(&format!("SELECT count(*) FROM {table} WHERE {column} = {value}"))
        })
    }

    fn literal(&self, at: Timestamp) -> String {
        match (self.reading.as_str(), self.column.as_str()) {
            ("epoch-seconds", _) => at.as_second().to_string(),
            ("epoch-millis", _) => at.as_millisecond().to_string(),
            (_, "taken_on") => at.strftime("'%Y-%m-%d'").to_string(),
            _ => at.strftime("'%Y-%m-%d %H:%M:%S.%6f'").to_string(),
        }
    }
}

fn cutoffs(db: &TestDb, tenure: &Tenure) -> Vec<(String, Timestamp)> {
    let planned = Told(tenure.run(&["plan", "--json", "--as-of", AS_OF]).json());
    assert_eq!(planned.0["status"], "ok", "{:?}: {:#}", db.dialect, planned.0);
    let cutoff = |rule: &Value| Some((rule["rule"].as_str()?.to_owned(), rule["cutoff"].as_str()?.parse().ok()?));
    planned.0["rules"].as_array().unwrap().iter().filter_map(cutoff).collect()
}

/// Plans and runs one shipped schedule, and looks at the edges of each of its plain rules before and after.
fn keeps_its_schedule(db: &TestDb, file: &str) {
    let (_, schedule) = SCHEDULES.into_iter().find(|(name, _)| *name == file).unwrap();
    platform(db);
    let tenure = Tenure::at(db).schedule(schedule).keyed("");
    let cutoffs = cutoffs(db, &tenure);
    let plain: Vec<_> = plain_rules(schedule)
        .into_iter()
        .filter_map(|plain| {
            let cutoff = cutoffs.iter().find(|(rule, _)| *rule == plain.rule)?.1;
            let before = plain.edges(db, cutoff);
            Some((plain, cutoff, before))
        })
        .collect();
    assert!(plain.len() >= 3, "{file} was hardly read");
    plan_and_run(db, &tenure);
    for (plain, cutoff, [before, on, after]) in &plain {
        let rule = &plain.rule;
        assert!(*before > 0 && *on > 0 && *after > 0, "{file}: the sample has no edges for rule `{rule}`");
        assert_eq!(plain.edges(db, *cutoff), [0, *on, *after], "{file}: the edges of rule `{rule}` after the run");
    }
}

on_every_database! {
    fn aalalux_is_kept(db: TestDb) {
        keeps_its_schedule(&db, "aalalux.toml");
    }

    fn trackora_is_kept(db: TestDb) {
        keeps_its_schedule(&db, "trackora.toml");
    }

    fn inarax_is_kept(db: TestDb) {
        keeps_its_schedule(&db, "inarax.toml");
    }
}

#[test]
fn the_demo_erases_closed_accounts_and_who_asked_for_it_with_their_mails_and_reviews() {
    let shown = Tenure::alone().run(&["demo", "--dir", "demo", "--rows", "10000", "--json"]).expect_code(0).json();
    let runs: Vec<Told> = shown["runs"].as_array().unwrap().iter().cloned().map(Told).collect();
    assert_eq!(runs.len(), 3, "the schedule, and two requests that are verified");
    for run in &runs {
        assert!(run.0["people"]["due"].as_u64() > Some(0), "{:#}", run.0["people"]);
        assert_eq!(run.0["people"]["due"], run.0["people"]["erased"]);
    }
    assert!(runs[0].count("erase:quiz_attempt.reviewer_id", "done") > 0);
    for request in &runs[1..] {
        assert!(request.count("erase:mail_log.address", "done") > 0, "in capitals or not");
        assert!(request.0["people"]["days_used"].as_u64() <= Some(3));
    }
}
