//! What nearly every story does: plan, run, hold the two against each other and against the ledger, and run again.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenure::db::Dialect;

use super::{Tenure, TestDb};

/// The instant from which the stories count, in the past of any clock that runs them.
pub const AS_OF: &str = "2026-06-30T12:00:00Z";

/// The cutoff of `retain = "30 days"` at [`AS_OF`].
pub const CUTOFF: &str = "2026-05-31T12:00:00Z";

/// A schedule of these rules and holds.
pub fn policy(rules: &str) -> String {
    format!("[policy]\nname = \"house\"\n{rules}")
}

/// A rule `name` that deletes the rows of `table` whose `at` is older than 30 days, with `more` lines below it.
pub fn delete_rule(name: &str, table: &str, more: &str) -> String {
    format!(
        "[[rule]]\nname = \"{name}\"\ntable = \"{table}\"\nanchor = \"at\"\nretain = \"30 days\"\n\
         action = \"delete\"\n{more}\n"
    )
}

/// `instant` and a shift in microseconds, as a literal that every database reads into its naive and zoned columns.
pub fn moment(instant: &str, shift_micros: i64) -> String {
    let instant: Timestamp = instant.parse().expect("an instant in RFC 3339");
    format!("'{}'", (instant + SignedDuration::from_micros(shift_micros)).strftime("%Y-%m-%d %H:%M:%S.%6f"))
}

/// One microsecond before [`CUTOFF`], on it and one after: the first goes, the other two stay.
pub fn edges() -> [String; 3] {
    [-1, 0, 1].map(|shift| moment(CUTOFF, shift))
}

/// What a plan or a run said of itself with `--json`.
#[derive(Debug, Clone)]
pub struct Told(pub Value);

impl Told {
    /// Of a run that carried out requests as well, each by a run of its own, the one before them.
    pub fn of_the_schedule(mut document: Value) -> Self {
        let first = document.get_mut("runs").and_then(|runs| runs.get_mut(0)).map(Value::take);
        Self(first.unwrap_or(document))
    }

    #[track_caller]
    pub fn rule(&self, name: &str) -> &Value {
        let rules = self.0["rules"].as_array().unwrap_or_else(|| panic!("no rules in {:#}", self.0));
        rules.iter().find(|rule| rule["rule"] == name).unwrap_or_else(|| panic!("no rule `{name}` in {:#}", self.0))
    }

    /// A count of a rule.
    #[track_caller]
    pub fn count(&self, rule: &str, field: &str) -> u64 {
        let rule = self.rule(rule);
        rule[field].as_u64().unwrap_or_else(|| panic!("no count `{field}` in {rule:#}"))
    }

    /// A count of a rule, by the table or the hold that it belongs to.
    #[track_caller]
    pub fn count_of(&self, rule: &str, field: &str, key: &str) -> u64 {
        self.rule(rule)[field][key].as_u64().unwrap_or(0)
    }

    fn rules(&self) -> &[Value] {
        self.0["rules"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// Plans and runs at [`AS_OF`], and then runs again: the run does what the plan said, the ledger says so too, and the
/// second run finds nothing to do. The first run.
#[track_caller]
pub fn plan_and_run(db: &TestDb, tenure: &Tenure) -> Told {
    let planned = plan(db, tenure);
    let ran = run(tenure);
    assert_same_figures(&planned, &ran);
    assert_ledger_agrees(db, &ran);
    let after = db.tables_dump();
    let again = run(tenure);
    for rule in again.rules() {
        assert_eq!((&rule["done"], &rule["batches"]), (&0.into(), &0.into()), "a second run found work: {rule:#}");
    }
    assert_eq!(db.tables_dump(), after, "a second run changed rows");
    ran
}

/// The dry run, which must leave every row as it was and make no control table.
#[track_caller]
pub fn plan(db: &TestDb, tenure: &Tenure) -> Told {
    let before = db.tables_dump();
    let ledger = control_tables(db);
    let planned = Told(tenure.run(&["plan", "--json", "--as-of", AS_OF]).expect_code(0).json());
    assert_eq!(db.tables_dump(), before, "a dry run changed rows");
    assert_eq!(control_tables(db), ledger, "a dry run made control tables");
    assert!(planned.rules().iter().all(|rule| rule["done"] == 0), "a dry run says that it did something: {planned:?}");
    planned
}

#[track_caller]
pub fn run(tenure: &Tenure) -> Told {
    Told::of_the_schedule(tenure.run(&["run", "--json", "--as-of", AS_OF]).expect_code(0).json())
}

/// THE DRY RUN IS THE RUN: what was planned is what was done, rule by rule and table by table.
#[track_caller]
pub fn assert_same_figures(planned: &Told, ran: &Told) {
    let order = |told: &Told| told.rules().iter().map(|rule| rule["rule"].clone()).collect::<Vec<_>>();
    assert_eq!(order(planned), order(ran), "the rules, in the order in which they act");
    for (plan, run) in planned.rules().iter().zip(ran.rules()) {
        let context = || format!("planned: {plan:#}\nran: {run:#}");
        assert_eq!(plan["remaining"], run["done"], "rows to act upon; {}", context());
        assert_eq!((&run["remaining"], &run["skipped"]), (&0.into(), &0.into()), "nothing was left; {}", context());
        for same in ["cutoff", "eligible", "held", "held_by", "blocked", "no_anchor", "cascaded", "detached"] {
            assert_eq!(plan[same], run[same], "`{same}`; {}", context());
        }
    }
}

/// The sums of the batches that were recorded are what the run says that it did.
#[track_caller]
fn assert_ledger_agrees(db: &TestDb, ran: &Told) {
    let run = ran.0["run"].as_str().expect("a run has an id");
    for rule in ran.rules() {
        let name = rule["rule"].as_str().expect("a rule has a name");
        let recorded = db.scalar(&format!(
            "SELECT CAST(COALESCE(SUM(done), 0) AS {}) FROM {} WHERE run = '{run}' AND rule = '{name}'",
            if db.dialect == Dialect::Mysql { "SIGNED" } else { "bigint" },
            control_table(db, "batch")
        ));
        assert_eq!(rule["done"], recorded, "rule `{name}`: what the ledger's batches sum up to");
    }
}

/// Writes the schedule of a tenure anew.
pub fn now_it_says(tenure: &Tenure, schedule: &str) {
    let files = fs::read_dir(tenure.dir()).unwrap().map(|entry| entry.unwrap().path());
    let file = files.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("schedule-"));
    fs::write(file.expect("there is a schedule"), schedule).unwrap();
}

/// Bodies of the ledger's entries that tell of schedules.
pub fn schedules_seen(db: &TestDb) -> Vec<Value> {
    let sql = format!("SELECT body FROM {} WHERE kind = 'schedule' ORDER BY number", control_table(db, "entry"));
    let body = |row: Vec<tenure::db::Value>| match &row[0] {
        tenure::db::Value::Text(body) => serde_json::from_str(body).unwrap(),
        other => panic!("{other:?}"),
    };
    db.rows(&sql).into_iter().map(body).collect()
}

/// A control table by the name that it has in this database.
pub fn control_table(db: &TestDb, table: &str) -> String {
    match db.dialect {
        Dialect::Postgres => format!("tenure.{table}"),
        Dialect::Sqlite | Dialect::Mysql => format!("tenure_{table}"),
    }
}

fn control_tables(db: &TestDb) -> i64 {
    db.scalar(match db.dialect {
        Dialect::Sqlite => "SELECT count(*) FROM sqlite_master WHERE name LIKE 'tenure\\_%' ESCAPE '\\'",
        Dialect::Postgres => "SELECT count(*) FROM pg_namespace WHERE nspname = 'tenure'",
        Dialect::Mysql => {
            "SELECT count(*) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name LIKE 'tenure\\_%'"
        }
    })
}

/// The ids in a table, in their order.
pub fn ids(db: &TestDb, table: &str) -> Vec<i64> {
    let value = |row: &Vec<tenure::db::Value>| match row.first() {
        Some(tenure::db::Value::Int(id)) => *id,
        other => panic!("an id is an integer, not {other:?}"),
    };
    db.rows(&format!("SELECT id FROM {table} ORDER BY id")).iter().map(value).collect()
}
