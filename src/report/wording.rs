//! The sentences and figures that the text and the HTML report share. Nothing here is escaped: each format does that at
//! its own border.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::past::since_last_run;
use super::verdict::{PromiseVerdict, Verdict};
use crate::record::Standing;
use crate::record::{PeopleRecord, RequestsRecord, RuleRecord, RunRecord, Status};

/// Marks every dry run, in every format.
pub const DRY_RUN: &str = "DRY RUN — nothing was changed";

/// What no purge of a live database can reach.
const RESIDUAL: &str = "This report speaks of the live database. Backups, replicas that lag and the database server's \
     own logs keep what they already had until they expire. After a restore from a backup, run tenure again before the \
     database is used.";

/// How an outsider holds the page against the ledger.
pub fn check(run: &RunRecord) -> &'static str {
    if run.is_dry_run() { CHECK_DRY_RUN } else { CHECK }
}

const CHECK_DRY_RUN: &str = "A dry run stands in no ledger, so nothing can prove this page, and nothing was done that wanted a \
     proof.";

const CHECK: &str = "The JSON of this report (attached to its mail, or `tenure report RUN --format json`) can be checked \
     years later and without the database: `tenure verify --report FILE`. Beside the database, `tenure verify` walks the \
     whole ledger. Whoever keeps this page is a witness to the head that is printed on it.";

/// What no purge reaches, in our words and then in the policy's own.
pub fn residual(run: &RunRecord) -> Vec<&str> {
    std::iter::once(RESIDUAL).chain(run.schedule.residual.as_deref()).collect()
}

/// The same of one person's erasure.
pub const RESIDUAL_OF_A_PERSON: &str = "This page speaks of the live database. Backups, replicas that lag and the \
     database server's own logs keep what they already had until they expire, a server's planner some values until its \
     statistics are renewed (ANALYZE), as a run has it done for tables that are not large, and gaps in the pages of a SQLite \
     file what stood there until it is written anew (VACUUM), as a run does with files that are not large. After a restore \
     from a backup, `tenure subject reapply` erases again before the database is used.";

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

/// A count for a narrow place: `999`, `88 k`, `1.2 M`; never more than what it stands for.
pub fn short_count(n: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (1_000_000_000_000_000_000, "E"),
        (1_000_000_000_000_000, "P"),
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    match UNITS.into_iter().find(|(unit, _)| n >= *unit) {
        None => n.to_string(),
        Some((unit, name)) if n < 10 * unit => format!("{}.{} {name}", n / unit, n % unit / (unit / 10)),
        Some((unit, name)) => format!("{} {name}", n / unit),
    }
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

/// A time as RFC 9557 writes it, for a reader: `2026-09-01 04:15:00+02:00 (Europe/Oslo)`.
pub fn local(time: &str) -> String {
    match time.strip_suffix(']').and_then(|time| time.split_once('[')) {
        Some((time, zone)) => format!("{} ({zone})", time.replacen('T', " ", 1)),
        None => time.to_owned(),
    }
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

/// eligible = done + held + blocked + skipped + remaining, of a rule or of several together.
pub struct Account {
    pub eligible: u128,
    /// In the order of the equation.
    pub terms: [(&'static str, u128); 5],
}

impl Account {
    pub fn of(rules: &[RuleRecord]) -> Self {
        let sum = |of: fn(&RuleRecord) -> u64| rules.iter().map(|rule| u128::from(of(rule))).sum();
        Self {
            eligible: sum(|rule| rule.eligible),
            terms: [
                ("done", sum(|rule| rule.done)),
                ("held", sum(|rule| rule.held)),
                ("blocked", sum(|rule| rule.blocked)),
                ("skipped", sum(|rule| rule.skipped)),
                ("remaining", sum(|rule| rule.remaining)),
            ],
        }
    }

    pub fn balances(&self) -> bool {
        self.eligible == self.terms.iter().map(|(_, n)| n).sum()
    }
}

fn rule_terms(rule: &RuleRecord) -> Vec<Fact> {
    let promises = if rule.promises.is_empty() { "none named".to_owned() } else { rule.promises.join(", ") };
    let mut facts = vec![
        fact("promises", promises),
        fact("table", format!("{} (database {})", rule.table, rule.database)),
        fact("action", &rule.action),
        fact("period", &rule.retain),
        fact("cutoff", cutoff(rule)),
    ];
    // In UTC it would be said twice.
    let elsewhere = rule.cutoff_local.as_deref().filter(|time| !time.ends_with("[UTC]"));
    facts.extend(elsewhere.map(|time| fact("in its zone", local(time))));
    facts
}

fn cutoff(rule: &RuleRecord) -> String {
    match rule.cutoff {
        Some(at) => format!("{}; only what is older is due", instant(at)),
        None if rule.status == Status::Failed => "not known: the rule failed before it was counted".to_owned(),
        None => "none: these rows are kept for ever".to_owned(),
    }
}

/// All of a rule but its equation: what went wrong, what it is, what came of it.
pub fn particulars(run: &RunRecord, rule: &RuleRecord) -> Vec<Fact> {
    [trouble(rule), rule_terms(rule), outcome(run, rule)].into_iter().flatten().collect()
}

fn trouble(rule: &RuleRecord) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(error) = &rule.error {
        facts.push(fact("error", error));
    }
    if let Some(guard) = &rule.guard {
        facts.push(fact("guard", guard));
    }
    if let Some(by) = &rule.guard_passed {
        facts.push(fact("passed by", by));
    }
    facts
}

/// What is zero or unknown is left out, except how it was worked.
fn outcome(run: &RunRecord, rule: &RuleRecord) -> Vec<Fact> {
    let only_planned = run.is_dry_run() || rule.status == Status::Guarded;
    let would = if only_planned { " (in a run)" } else { "" };
    let mut facts = Vec::new();
    if !rule.held_by.is_empty() {
        facts.push(fact("held by", held_by(run, rule)));
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
    if rule.suppressed > 0 {
        let of = "of fewer people together than at_least asks for";
        facts.push(fact("suppressed", format!("{} in no row of the roll-up{would}: {of}", rows(rule.suppressed))));
    }
    if rule.late > 0 {
        facts.push(fact("came late", format!("{} after the plan was made, for the next run", rows(rule.late))));
    }
    if !rule.passed_over.is_empty() {
        facts.push(fact("passed over", by_name(&rule.passed_over)));
    }
    if rule.no_anchor > 0 {
        facts.push(fact(
            "no anchor",
            format!("{} of unknown age, kept and not counted as eligible{}", rows(rule.no_anchor), unreadable(rule)),
        ));
    }
    facts.extend(ages(rule));
    facts.extend(oldest_kept(run, rule));
    facts.extend(since_last_run(run, rule).map(|said| fact("last run", said)));
    facts.push(fact("batches", format!("{} in {}", count(rule.batches), elapsed(rule.elapsed_ms))));
    facts
}

/// `; 3 of them tell something that cannot be read`
fn unreadable(rule: &RuleRecord) -> String {
    match rule.unreadable {
        0 => String::new(),
        some => format!("; {} of them tell something that cannot be read", count(some)),
    }
}

/// From when to when the rows are of which the plan says that they are past their period.
fn ages(rule: &RuleRecord) -> Option<Fact> {
    let (oldest, youngest) = rule.oldest_eligible.zip(rule.youngest_eligible)?;
    Some(fact("ages", format!("from {} to {}", instant(oldest), instant(youngest))))
}

fn oldest_kept(run: &RunRecord, rule: &RuleRecord) -> Option<Fact> {
    match rule.oldest_kept {
        Some(oldest) => Some(fact("oldest kept", instant(oldest))),
        None if rule.remaining > 0 && !run.is_dry_run() => {
            Some(fact("oldest kept", "not known: rows past their period remain"))
        }
        None => None,
    }
}

/// `tax 5 (tax records), lawsuit 12 (case 26-114)`.
pub fn held_by(run: &RunRecord, rule: &RuleRecord) -> String {
    let reason = |name: &str| run.holds.iter().find(|hold| hold.hold == name).map(|hold| hold.reason.as_str());
    let told = |(name, n): (&String, &u64)| match reason(name) {
        Some(reason) => format!("{name} {} ({reason})", count(*n)),
        None => format!("{name} {}", count(*n)),
    };
    rule.held_by.iter().map(told).collect::<Vec<_>>().join(", ")
}

/// How much of the schedule was looked at: also a run that found nothing has looked.
pub fn extent(run: &RunRecord) -> String {
    let tables: BTreeSet<_> = run.rules.iter().map(|rule| (&rule.database, &rule.table)).collect();
    let all = format!("Looked at: {} on {}", plural(run.rules.len(), "rule"), plural(tables.len(), "table"));
    match run.rules.iter().filter(|rule| rule.cutoff.is_none() && rule.status == Status::Failed).count() {
        0 => format!("{all}."),
        failed => format!("{all}; {} could not be counted.", plural(failed, "rule")),
    }
}

/// How the people stand whose data is to be erased, a fact a line.
pub fn people_facts(people: &PeopleRecord) -> Vec<Fact> {
    let counts = [
        ("due", people.due),
        ("erased", people.erased),
        ("in part", people.in_part),
        ("not done yet", people.unfinished),
        ("not begun", people.remaining),
        ("no longer due", people.skipped),
        ("held", people.held),
        ("blocked", people.blocked),
        ("nearly late", people.near_deadline),
        ("late", people.overdue),
    ];
    let mut facts = vec![
        Fact { label: "table", value: people.table.clone() },
        Fact { label: "within", value: people.within.clone() },
    ];
    facts.extend(counts.map(|(label, n)| Fact { label, value: count(n) }));
    let unreadable = Some(people.unreadable).filter(|some| *some > 0);
    facts.extend(
        unreadable.map(|some| Fact {
            label: "unknown",
            value: format!("{}, whose closing time cannot be read", count(some)),
        }),
    );
    facts.extend(longest_wait(people.days_used, people.days_allowed));
    facts
}

/// How the requests for erasure stand that wait, a fact a line.
pub fn requests_facts(requests: &RequestsRecord) -> Vec<Fact> {
    let mut facts = vec![Fact { label: "within", value: requests.within.clone() }];
    let counts = [
        ("verified", requests.verified),
        ("unverified", requests.unverified),
        ("kept back", requests.kept_back),
        ("nearly late", requests.near_deadline),
        ("late", requests.overdue),
    ];
    facts.extend(counts.map(|(label, n)| Fact { label, value: count(n) }));
    facts.extend(longest_wait(requests.days_used, requests.days_allowed));
    facts.extend(requests.error.as_ref().map(|error| fact("error", error)));
    facts
}

fn longest_wait(used: Option<u32>, allowed: Option<u32>) -> Option<Fact> {
    Some(fact("longest wait", format!("{} of {} days", used?, allowed?)))
}

fn plural(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// The reasons of a promise that a page has room for, the worst first; every rule has its own place below.
pub fn first_reasons(promise: &PromiseVerdict) -> Vec<String> {
    const ROOM: usize = 4;
    let mut told = promise.reasons.clone();
    if told.len() > ROOM + 1 {
        told.truncate(ROOM);
        told.push(format!("and {} more, rule by rule below", promise.reasons.len() - ROOM));
    }
    told
}

/// What somebody has to do something about: the rule, and why, with the remedy.
pub fn to_do<'r>(run: &'r RunRecord, verdict: &Verdict) -> Vec<(&'r str, String)> {
    let judged = run.rules.iter().zip(&verdict.rules);
    let troubled = judged.filter(|(_, judged)| judged.standing > Standing::Overdue);
    troubled
        .map(|(rule, judged)| {
            let why = [Some(&judged.reason), rule.guard.as_ref(), rule.error.as_ref()];
            (rule.rule.as_str(), why.into_iter().flatten().cloned().collect::<Vec<_>>().join("; "))
        })
        .collect()
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
        fact("host", host(run)),
        fact("as of", instant(run.as_of)),
        fact("started", instant(run.started)),
        fact("finished", run.finished.map_or_else(|| "not finished".to_owned(), instant)),
        fact("schedule", &run.schedule.name),
        fact("digest", &run.schedule.digest),
    ];
    facts.extend(run.schedule.timezone.as_ref().map(|zone| fact("its zone", zone)));
    match &run.ledger {
        Some(ledger) => {
            facts.extend(run.ledger_id.as_deref().map(|id| fact("ledger", id)));
            facts.push(fact("ledger entry", count(ledger.entry)));
            facts.push(fact("ledger head", &ledger.head));
        }
        None if run.is_dry_run() => facts.push(fact("ledger entry", "none: a dry run writes no database")),
        None => facts.push(fact("ledger entry", "none yet: the run has not been closed")),
    }
    facts.push(fact("tenure", format!("version {}", run.tenure)));
    facts
}

/// Of an actor, who is `user@host`.
pub fn host(run: &RunRecord) -> &str {
    run.actor.rsplit_once('@').map_or("not known", |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zoned_time_is_told_with_its_zone() {
        assert_eq!(local("2026-09-01T04:15:00+02:00[Europe/Oslo]"), "2026-09-01 04:15:00+02:00 (Europe/Oslo)");
        assert_eq!(local("T"), "T");
    }

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
    fn short_counts_never_say_more_than_there_was() {
        let told = [999, 1_000, 9_999, 88_041, 1_204_511, u64::MAX].map(short_count);
        assert_eq!(told, ["999", "1.0 k", "9.9 k", "88 k", "1.2 M", "18 E"]);
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
