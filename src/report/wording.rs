//! The sentences and figures that the text and the HTML report share. Nothing here is escaped: each format does that at
//! its own border.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::record::{RuleRecord, RunRecord, Status};

/// Marks every dry run, in every format.
pub const DRY_RUN: &str = "DRY RUN — nothing was changed";

/// What no purge of a live database can reach.
pub const RESIDUAL: &str = "This report speaks of the live database. Backups, replicas that lag and the database server's \
     own logs keep what they already had until they expire. After a restore from a backup, run tenure again before the \
     database is used.";

/// Shown where a rule's counts do not add up.
pub const IMBALANCE: &str = "THE COUNTS DO NOT ADD UP — do not rely on this rule's figures; run `tenure verify`";

/// A count with its thousands apart: `1,234,567`.
pub fn count(n: impl Into<u128>) -> String {
    let digits = n.into().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 row`, `2,000 rows`.
pub fn rows(n: impl Into<u128>) -> String {
    match n.into() {
        1 => "1 row".to_owned(),
        n => format!("{} rows", count(n)),
    }
}

/// `2026-10-01 02:15:00 UTC`, with the fraction of the second where there is one.
pub fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.f UTC").to_string()
}

/// A duration of milliseconds: `12 ms`, `3.4 s`, `2 min 5 s`, `3 h 0 min`.
pub fn elapsed(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", count(ms / 3_600_000), ms % 3_600_000 / 60_000),
    }
}

/// What a rule's action does to rows: "a run would …".
pub fn act_on_them(action: &str) -> String {
    match action {
        "aggregate" => "roll them up".to_owned(),
        action => format!("{action} them"),
    }
}

/// What was done to a row: "12 rows …".
pub fn acted(action: &str) -> &str {
    match action {
        "delete" => "deleted",
        "aggregate" => "rolled up",
        "redact" => "redacted",
        "erase" => "erased",
        _ => "done",
    }
}

/// One line of a rule's or a run's particulars.
pub struct Fact {
    pub label: &'static str,
    pub value: String,
}

fn fact(label: &'static str, value: impl Into<String>) -> Fact {
    Fact { label, value: value.into() }
}

/// The terms of eligible = done + held + blocked + skipped + remaining, in that order.
pub fn terms(rule: &RuleRecord) -> [(&'static str, u64); 5] {
    [
        ("done", rule.done),
        ("held", rule.held),
        ("blocked", rule.blocked),
        ("skipped", rule.skipped),
        ("remaining", rule.remaining),
    ]
}

/// What a rule is: promises, table, action, period, cutoff.
pub fn rule_terms(rule: &RuleRecord) -> Vec<Fact> {
    let promises = if rule.promises.is_empty() { "none named".to_owned() } else { rule.promises.join(", ") };
    vec![
        fact("promises", promises),
        fact("table", format!("{} (database {})", rule.table, rule.database)),
        fact("action", &rule.action),
        fact("period", &rule.retain),
        fact("cutoff", cutoff(rule)),
    ]
}

fn cutoff(rule: &RuleRecord) -> String {
    match rule.cutoff {
        Some(at) => format!("{}; only what is older is due", instant(at)),
        None if rule.status == Status::Failed => "not known: the rule failed before it was counted".to_owned(),
        None => "none: these rows are kept for ever".to_owned(),
    }
}

/// What came of a rule beside its equation; what is zero or unknown is left out, except how it was worked.
pub fn rule_outcome(run: &RunRecord, rule: &RuleRecord) -> Vec<Fact> {
    let only_planned = run.is_dry_run() || rule.status == Status::Guarded;
    let would = if only_planned { " (in a run)" } else { "" };
    let mut facts = Vec::new();
    if let Some(error) = &rule.error {
        facts.push(fact("error", error));
    }
    if let Some(guard) = &rule.guard {
        facts.push(fact("guard", guard));
    }
    if !rule.held_by.is_empty() {
        facts.push(fact("held by", by_name(&rule.held_by)));
    }
    if !rule.cascaded.is_empty() {
        facts.push(fact("cascaded", format!("{}{would}", by_name(&rule.cascaded))));
    }
    if !rule.detached.is_empty() {
        facts.push(fact("set to NULL", format!("{}{would}", by_name(&rule.detached))));
    }
    if rule.rolled_up > 0 {
        facts.push(fact("rolled up", format!("into {}{would}", rows(rule.rolled_up))));
    }
    if rule.no_anchor > 0 {
        facts.push(fact(
            "no anchor",
            format!("{} of unknown age, kept and not counted as eligible", rows(rule.no_anchor)),
        ));
    }
    if let Some(oldest) = rule.oldest_kept {
        facts.push(fact("oldest kept", instant(oldest)));
    }
    facts.push(fact("batches", format!("{} in {}", count(rule.batches), elapsed(rule.elapsed_ms))));
    facts
}

/// `certificate 12, entry 3`.
pub fn by_name(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(name, n)| format!("{name} {}", count(*n))).collect::<Vec<_>>().join(", ")
}

/// What makes a report evidence: which schedule, by whom, when, and where it stands in the ledger.
pub fn provenance(run: &RunRecord) -> Vec<Fact> {
    let mut facts = vec![
        fact("run", &run.run),
        fact("status", run.worst_status().to_string()),
        fact("actor", &run.actor),
        fact("as of", instant(run.as_of)),
        fact("started", instant(run.started)),
        fact("finished", run.finished.map_or_else(|| "not finished".to_owned(), instant)),
        fact("schedule", &run.schedule.name),
        fact("digest", &run.schedule.digest),
    ];
    match &run.ledger {
        Some(ledger) => {
            facts.push(fact("ledger entry", count(ledger.entry)));
            facts.push(fact("ledger head", &ledger.head));
        }
        None if run.is_dry_run() => facts.push(fact("ledger entry", "none: a dry run writes no database")),
        None => facts.push(fact("ledger entry", "none yet: the run has not been closed")),
    }
    facts.push(fact("tenure", format!("version {}", run.tenure)));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_in_thousands() {
        assert_eq!(count(0_u64), "0");
        assert_eq!(count(999_u64), "999");
        assert_eq!(count(1_000_u64), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(rows(1_u64), "1 row");
        assert_eq!(rows(12_345_u64), "12,345 rows");
    }

    #[test]
    fn an_instant_is_utc_and_hides_no_fraction() {
        assert_eq!(instant("2026-10-01T04:15:00+02:00".parse().unwrap()), "2026-10-01 02:15:00 UTC");
        assert_eq!(instant("2026-10-01T02:15:00.000250Z".parse().unwrap()), "2026-10-01 02:15:00.00025 UTC");
    }

    #[test]
    fn durations_are_told_in_the_units_that_fit() {
        assert_eq!([0, 999, 1_000, 59_999].map(elapsed), ["0 ms", "999 ms", "1.0 s", "59.9 s"]);
        assert_eq!([60_000, 3_599_999, 3_600_000].map(elapsed), ["1 min 0 s", "59 min 59 s", "1 h 0 min"]);
    }
}
