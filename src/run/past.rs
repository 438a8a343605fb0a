//! What earlier runs did, for the reader of this one: how each rule went so far, and what changed since the last run.

use std::collections::BTreeMap;

use super::Job;
use crate::db::{Connection, DbError, ErrorKind, Mode};
use crate::ledger;
use crate::record::{PeriodChange, RuleRecord, RunRecord, SinceRecord, TrendPoint};
use crate::report::verdict;

/// So many earlier runs are told of.
const RUNS: usize = 12;

/// Puts the past into the record; a run of a single request has none. A report that cannot be compared is a report all the
/// same, and says so.
pub(super) fn compare(job: &Job<'_>, conn: &mut Connection, record: &mut RunRecord) {
    if record.is_asked_for() {
        return;
    }
    let (policy, database) = (&job.schedule.policy.name, &job.database.name);
    let earlier = conn.transaction(Mode::ReadOnly, |conn| ledger::closed_runs(conn, policy, database, RUNS));
    match earlier {
        Ok(earlier) => fill(record, &earlier, database),
        Err(error) => record.notes.push(unread(&error)),
    }
}

fn unread(error: &DbError) -> String {
    let why = match error.kind {
        ErrorKind::Privilege => "this role may not read the ledger; `GRANT SELECT` on the control tables lets it",
        _ => &error.message,
    };
    format!("nothing is compared with earlier runs: {why}")
}

/// `earlier` is newest first.
fn fill(record: &mut RunRecord, earlier: &[RunRecord], database: &str) {
    let mut points: BTreeMap<&str, Vec<TrendPoint>> = BTreeMap::new();
    for run in earlier.iter().rev() {
        for then in run.rules.iter().filter(|then| then.database == database) {
            points.entry(&then.rule).or_default().push(point(run, then));
        }
    }
    for rule in &mut record.rules {
        rule.trend = points.remove(rule.rule.as_str()).unwrap_or_default();
    }
    record.since = earlier.first().map(|last| since(record, last));
}

fn point(run: &RunRecord, rule: &RuleRecord) -> TrendPoint {
    TrendPoint {
        at: run.started,
        done: rule.done,
        cascaded: rule.cascaded.values().sum(),
        stayed: rule.held + rule.blocked + rule.remaining,
        oldest_kept: rule.oldest_kept,
    }
}

fn since(record: &RunRecord, last: &RunRecord) -> SinceRecord {
    let (was, now) = (&last.schedule.periods, &record.schedule.periods);
    // A record from before periods were written down has none, and says nothing of what its schedule held.
    let comparable = !was.is_empty();
    let only_in = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
        one.keys().filter(|rule| comparable && !other.contains_key(*rule)).cloned().collect()
    };
    let changed = |(rule, now): (&String, &String)| {
        let was = was.get(rule).filter(|was| *was != now)?;
        Some(PeriodChange { rule: rule.clone(), was: was.clone(), now: now.clone() })
    };
    SinceRecord {
        run: last.run.clone(),
        started: last.started,
        verdict: verdict(last).standing,
        schedule_digest: last.schedule.digest.clone(),
        added: only_in(now, was),
        removed: only_in(was, now),
        periods: now.iter().filter_map(changed).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: &str, digest: &str, periods: &[(&str, &str)], rules: &[(&str, u64)]) -> RunRecord {
        let periods: BTreeMap<_, _> = periods.iter().copied().collect();
        let rules: Vec<_> = rules.iter().map(|(rule, done)| {
            serde_json::json!({
                "rule": rule, "promises": [], "database": "main", "table": "t", "action": "delete", "retain": "30 days",
                "cutoff": null, "status": "ok", "error": null, "eligible": done + 3, "done": done, "held": 1, "blocked": 2,
                "skipped": 0, "remaining": 0, "no_anchor": 0, "cascaded": { "a": 4, "b": 5 }, "detached": {},
                "rolled_up": 0, "held_by": {}, "guard": null, "batches": 1, "elapsed_ms": 1, "oldest_kept": null
            })
        }).collect();
        serde_json::from_value(serde_json::json!({
            "tenure": "0.1.0", "run": run, "kind": "run", "status": "ok", "as_of": "2026-01-01T00:00:00Z",
            "started": format!("2026-01-0{run}T00:00:00Z"), "finished": "2026-01-01T00:00:00Z", "actor": "a@b",
            "schedule": { "name": "house", "digest": digest, "periods": periods },
            "rules": rules, "holds": [], "notes": [], "ledger": null
        }))
        .unwrap()
    }

    #[test]
    fn each_rule_is_told_what_earlier_runs_did_for_it_oldest_first() {
        let mut now = record("4", "x", &[], &[("logs", 0), ("new", 0)]);
        let earlier = [
            record("3", "x", &[], &[("logs", 30)]),
            record("2", "x", &[], &[("other", 1)]),
            record("1", "x", &[], &[("logs", 10)]),
        ];
        fill(&mut now, &earlier, "main");
        let logs: Vec<_> = now.rules[0].trend.iter().map(|point| (point.done, point.cascaded, point.stayed)).collect();
        assert_eq!(logs, [(10, 9, 3), (30, 9, 3)]);
        assert_eq!(now.rules[1].trend, []);
        fill(&mut now, &earlier, "another");
        assert_eq!(now.rules[0].trend, [], "of another database");
    }

    #[test]
    fn a_changed_schedule_is_told_rule_by_rule() {
        let was = record("1", "x", &[("logs", "30 days"), ("gone", "1 year")], &[("logs", 1)]);
        let mut now = record("2", "y", &[("logs", "20 days"), ("new", "2 years")], &[("logs", 1)]);
        fill(&mut now, &[was], "main");
        let since = now.since.unwrap();
        assert_eq!((since.run.as_str(), since.schedule_digest.as_str()), ("1", "x"));
        assert_eq!((since.added, since.removed), (vec!["new".to_owned()], vec!["gone".to_owned()]));
        let [PeriodChange { rule, was, now }] = since.periods.as_slice() else { panic!("{:?}", since.periods) };
        assert_eq!((rule.as_str(), was.as_str(), now.as_str()), ("logs", "30 days", "20 days"));
    }

    #[test]
    fn a_record_that_lists_no_rules_calls_none_new() {
        let was = record("1", "x", &[], &[("logs", 1)]);
        let mut now = record("2", "y", &[("logs", "20 days"), ("new", "2 years")], &[("logs", 1)]);
        fill(&mut now, &[was], "main");
        let since = now.since.unwrap();
        assert!(since.added.is_empty() && since.removed.is_empty() && since.periods.is_empty());
    }

    #[test]
    fn the_first_run_is_compared_with_nothing() {
        let mut now = record("1", "x", &[], &[("logs", 1)]);
        fill(&mut now, &[], "main");
        assert_eq!(now.since, None);
    }
}
