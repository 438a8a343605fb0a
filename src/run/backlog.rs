//! How long what is left will take, where a run may take so long and no longer.

use std::time::Duration;

use crate::record::{RuleRecord, RunRecord, Status};
use crate::report::wording::rows;

/// How much one run may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stint {
    pub time: Option<Duration>,
    pub rows: Option<u64>,
}

/// The sentence on the backlog of a run that was stopped, at the pace of that run.
pub(super) fn note(record: &RunRecord, stint: Stint) -> Option<String> {
    let sum = |of: fn(&RuleRecord) -> u64| record.rules.iter().map(of).sum::<u64>();
    let stopped = record.rules.iter().filter(|rule| rule.status == Status::Stopped);
    let left: u64 = stopped.map(|rule| rule.remaining).sum();
    if left == 0 {
        return None;
    }
    let (done, took) = (sum(|rule| rule.done), Duration::from_millis(sum(|rule| rule.elapsed_ms).max(1)));
    if done == 0 {
        return Some(format!("{} are left; this run did none, so nobody can say how long they take", rows(left)));
    }
    let pace = done as f64 / took.as_secs_f64();
    let needs = Duration::try_from_secs_f64(left as f64 / pace).unwrap_or(Duration::MAX);
    let by_time = stint.time.map_or(1, |time| whole_times(needs.as_secs_f64() / time.as_secs_f64()));
    let by_rows = stint.rows.map_or(1, |most| left.div_ceil(most));
    let runs = match by_time.max(by_rows) {
        1 => "one more run like this".to_owned(),
        runs => format!("{runs} more runs like this"),
    };
    let pace = if pace < 10.0 { format!("{pace:.1}") } else { format!("{pace:.0}") };
    let (left, needs) = (rows(left), spoken(needs));
    Some(format!("{left} are left; at this run's pace of {pace} rows a second they take {needs}: {runs}"))
}

fn whole_times(times: f64) -> u64 {
    (times.ceil() as u64).max(1)
}

/// To the two largest units.
fn spoken(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{} s", seconds.max(1)),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped_run(done: u64, remaining: u64, elapsed_ms: u64) -> RunRecord {
        serde_json::from_value(serde_json::json!({
            "tenure": "0.1.0", "run": "r", "kind": "run", "status": "stopped", "as_of": "2026-01-01T00:00:00Z",
            "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:00Z", "actor": "a@b",
            "schedule": { "name": "house", "digest": "x" },
            "rules": [{
                "rule": "logs", "promises": [], "database": "main", "table": "t", "action": "delete", "retain": "30 days",
                "cutoff": null, "status": "stopped", "error": null, "eligible": done + remaining, "done": done, "held": 0,
                "blocked": 0, "skipped": 0, "remaining": remaining, "no_anchor": 0, "cascaded": {}, "detached": {},
                "rolled_up": 0, "held_by": {}, "guard": null, "batches": 1, "elapsed_ms": elapsed_ms, "oldest_kept": null
            }],
            "holds": [], "notes": [], "ledger": null
        }))
        .unwrap()
    }

    #[test]
    fn what_is_left_is_told_in_time_and_in_runs() {
        let run = stopped_run(3_600_000, 7_200_000, 3_600_000);
        let window = Stint { time: Some(Duration::from_secs(4_000)), rows: None };
        assert_eq!(
            note(&run, window).unwrap(),
            "7,200,000 rows are left; at this run's pace of 1000 rows a second they take 2 h 0 min: 2 more runs like this"
        );
        let budget = Stint { time: None, rows: Some(1_000_000) };
        assert!(note(&run, budget).unwrap().ends_with("8 more runs like this"));
        assert!(note(&run, Stint::default()).unwrap().ends_with("one more run like this"));
    }

    #[test]
    fn a_run_that_did_nothing_foretells_nothing() {
        assert!(note(&stopped_run(0, 10, 0), Stint::default()).unwrap().contains("nobody can say"));
        assert_eq!(note(&stopped_run(10, 0, 5), Stint::default()), None);
    }
}
