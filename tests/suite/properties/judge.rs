//! Runs a schedule on a world and holds everything that tenure says and does against the oracle.

use std::collections::BTreeMap;

use tenure::config::Config;
use tenure::db::{Dialect, control};
use tenure::execute::Stop;
use tenure::ledger::names::{HasMap, Policies};
use tenure::record::{RuleRecord, RunRecord, Status};
use tenure::resolve::StandingHold;
use tenure::run::{self, Consent, Job};
use tenure::schedule::Schedule;

use super::case::Case;
use super::oracle::{self, Figures};
use super::schedule::Plan;
use super::world::{World, as_of};
use crate::harness::TestDb;

/// Rows that went and references that were let go.
type Consequences = (BTreeMap<String, u64>, BTreeMap<String, u64>);

/// The plan, the run and a second run, each held against what the oracle says of it.
pub fn judge(db: &TestDb, Case { world, plan }: &Case) {
    db.script(&world.script(db.dialect));
    let schedule = plan.parse(world);
    let config = Config::for_url(db.url());

    let before = db.tables_dump();
    let planned = dry_run(&config, &schedule);
    assert_eq!(db.tables_dump(), before, "a dry run changes nothing");

    let (figures, expected) = foretell(world, plan, &planned);
    for (rule, figures) in &figures {
        let would = Figures { done: 0, ..figures.clone() };
        assert_eq!(said(rule_of(&planned, rule)), would, "the plan of {rule}");
        assert_eq!(rule_of(&planned, rule).remaining, figures.done, "the plan of {rule}");
    }

    let done = execute(&config, &schedule);
    let after = world.read(db);
    assert_no_dangling_references(db, &after);
    assert_ledger_tells_what_is_gone(db, world, &after, &done);
    for record in &done.rules {
        assert_eq!((record.status, &record.error), (Status::Ok, &None), "{}", record.rule);
        assert!(record.balances() && record.remaining == 0 && record.skipped == 0, "{record:?}");
    }
    let last = settled(&expected, plan, &planned);
    if last.tables.iter().zip(&expected.tables).any(|(last, first)| last.rows != first.rows) {
        // What one row takes with it has kept another one: what the plan calls blocked is free once that has gone.
        assert_gone_between(&expected, &after, &last);
        return;
    }
    for (rule, figures) in &figures {
        assert_eq!(said(rule_of(&done, rule)), *figures, "the run of {rule}");
    }
    assert_same_rows(&after, &expected);

    let again = execute(&config, &schedule);
    assert!(again.rules.iter().all(|rule| rule.done == 0 && rule.balances()), "a second run finds nothing: {again:?}");
    assert_same_rows(&world.read(db), &expected);
}

/// The world after so many runs that nothing changes any more.
fn settled(world: &World, plan: &Plan, record: &RunRecord) -> World {
    let (figures, after) = foretell(world, plan, record);
    if figures.values().all(|figures| figures.done == 0) { after } else { settled(&after, plan, record) }
}

/// Every row that is gone in `first` is gone, and no row that is still in `last` is.
fn assert_gone_between(first: &World, found: &World, last: &World) {
    for ((first, found), last) in first.tables.iter().zip(&found.tables).zip(&last.tables) {
        let extra = found.rows.keys().find(|id| !first.rows.contains_key(id));
        assert_eq!(extra, None, "a row of {} that should be gone", found.name);
        let lost = last.rows.keys().find(|id| !found.rows.contains_key(id));
        assert_eq!(lost, None, "a row of {} that should be there", found.name);
    }
}

/// What the oracle says of each rule, in the order in which the rules act, and the world after them.
pub fn foretell(world: &World, plan: &Plan, record: &RunRecord) -> (BTreeMap<String, Figures>, World) {
    let mut now = world.clone();
    let mut figures = BTreeMap::new();
    for rule in &record.rules {
        let index =
            (0..plan.rules.len()).find(|index| Plan::rule_name(*index) == rule.rule).expect("a rule of the plan");
        figures.insert(rule.rule.clone(), oracle::apply(&mut now, world, plan, &plan.rules[index]));
    }
    assert_eq!(figures.len(), plan.rules.len(), "every rule is spoken of");
    (figures, now)
}

fn said(record: &RuleRecord) -> Figures {
    Figures {
        eligible: record.eligible,
        held: record.held,
        blocked: record.blocked,
        done: record.done,
        no_anchor: record.no_anchor,
        cascaded: record.cascaded.iter().map(|(table, rows)| (without_schema(table, 1), *rows)).collect(),
        detached: record.detached.iter().map(|(column, rows)| (without_schema(column, 2), *rows)).collect(),
    }
}

/// The last `parts` of a dotted name: where servers have schemas, what the catalog names bears its own.
fn without_schema(name: &str, parts: usize) -> String {
    let all: Vec<_> = name.split('.').collect();
    all[all.len() - parts..].join(".")
}

fn rule_of<'r>(record: &'r RunRecord, rule: &str) -> &'r RuleRecord {
    record.rules.iter().find(|record| record.rule == rule).expect("a rule of the record")
}

pub fn dry_run(config: &Config, schedule: &Schedule) -> RunRecord {
    run::dry_run(&job(config, schedule)).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

pub fn execute(config: &Config, schedule: &Schedule) -> RunRecord {
    run::run(&job(config, schedule), &Consent::Ask, &Stop::default(), &mut |_, _, _| {})
        .unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn job<'a>(config: &'a Config, schedule: &'a Schedule) -> Job<'a> {
    let mut policies = Policies::default();
    let map = if schedule.subject.is_some() { HasMap::Yes } else { HasMap::No };
    policies.add(&schedule.policy.name, map);
    Job {
        people: None,
        config,
        schedule,
        database: &config.databases["main"],
        is_default_database: true,
        rules: &[],
        as_of: as_of(),
        actor: "a test".to_owned(),
        statements: false,
        oldest_due: false,
        stint: None,
        maps: schedule.subject.iter().collect(),
        policies,
        holds: schedule.holds.iter().map(|hold| StandingHold { schedule, hold, by_hand: false }).collect(),
    }
}

pub fn assert_same_rows(found: &World, expected: &World) {
    for (found, expected) in found.tables.iter().zip(&expected.tables) {
        assert_eq!(found.rows, expected.rows, "the rows of {}", found.name);
    }
}

fn assert_no_dangling_references(db: &TestDb, world: &World) {
    for table in &world.tables {
        for (number, edge) in table.edges.iter().enumerate() {
            let there = |to: &i64| world.tables[edge.to].rows.contains_key(to);
            let dangling = table.rows.values().filter_map(|row| row.refs[number].as_ref()).find(|to| !there(to));
            assert_eq!(dangling, None, "{}.r{number}", table.name);
        }
    }
    if db.dialect == Dialect::Sqlite {
        assert_eq!(db.rows("PRAGMA foreign_key_check"), Vec::<Vec<_>>::new());
    }
}

/// Sums over the ledger's batches are the rows that are gone, and the run's own figures.
fn assert_ledger_tells_what_is_gone(db: &TestDb, before: &World, after: &World, done: &RunRecord) {
    let mut recorded: BTreeMap<String, u64> = BTreeMap::new();
    for batch in control::batches(&mut db.open(), Some(&done.run), None).unwrap_or_else(|error| panic!("{error}")) {
        let rule = rule_of(done, &batch.rule);
        if rule.action == "delete" {
            *recorded.entry(rule.table.clone()).or_default() += batch.done.unsigned_abs();
        }
        let (cascaded, _): Consequences = serde_json::from_str(&batch.consequences).expect("the ledger holds JSON");
        for (table, count) in cascaded {
            *recorded.entry(without_schema(&table, 1)).or_default() += count;
        }
    }
    recorded.retain(|_, count| *count > 0);
    let gone: BTreeMap<String, u64> = before
        .tables
        .iter()
        .zip(&after.tables)
        .map(|(before, after)| (before.name.to_owned(), (before.rows.len() - after.rows.len()) as u64))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(recorded, gone, "the ledger's sums");
}
