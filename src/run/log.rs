//! What a run says to the log: names, counts, times and sentences that the report holds too; never a value of a row.

use super::Job;
use crate::deliver::{Attempt, Reach, masked};
use crate::record::{RuleRecord, RunRecord, Status};

pub(super) fn begin(job: &Job<'_>, record: &RunRecord) {
    let (policy, database) = (&job.schedule.policy.name, &job.database.name);
    tracing::info!(event = "run-begins", run = record.run, policy, database, as_of = %record.as_of, actor = record.actor, "run begins");
}

/// What went wrong at `warn`, also where nobody asked for more.
pub(super) fn end(record: &RunRecord) {
    for rule in &record.rules {
        let RuleRecord { rule, done, held, blocked, remaining, batches, elapsed_ms, .. } = rule;
        tracing::info!(
            event = "rule-ended",
            run = record.run,
            rule,
            done,
            held,
            blocked,
            remaining,
            batches,
            elapsed_ms,
            "rule ended"
        );
    }
    for rule in record.rules.iter().filter(|rule| rule.status != Status::Ok) {
        let reason = rule.error.as_ref().or(rule.guard.as_ref()).map_or("no reason is known", String::as_str);
        tracing::warn!(event = "rule-not-done", run = record.run, rule = rule.rule, status = %rule.status, "{reason}");
    }
    record.notes.iter().for_each(|note| tracing::warn!(event = "run-note", run = record.run, "{note}"));
    let head = record.ledger.as_ref().map(|ledger| ledger.head.as_str());
    tracing::info!(event = "run-ended", run = record.run, status = %record.status, head, "run ended");
}

/// What came of sending a mail.
pub(super) fn attempt(attempt: &Attempt) {
    let (run, to) = (&attempt.row.run, masked(&attempt.row.recipient));
    match &attempt.outcome {
        Ok(()) => tracing::info!(event = "report-mailed", run, to, "its report was mailed"),
        Err(trouble) if trouble.reach == Reach::Never => {
            tracing::warn!(
                event = "report-refused",
                run,
                to,
                "its report was refused for good: {trouble}; {}",
                trouble.remedy()
            );
        }
        Err(trouble) => {
            tracing::warn!(
                event = "report-waits",
                run,
                to,
                "its report waits in the outbox: {trouble}; {}",
                trouble.remedy()
            );
        }
    }
}
