//! The sentences and figures that the text and the HTML report share. Nothing here is escaped: each format does that at
//! its own border.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::past::since_last_run;
use super::verdict::{PromiseVerdict, Verdict};
use crate::record::Standing;
use crate::record::{PeopleRecord, PromiseRecord, RequestsRecord, RuleRecord, RunRecord, Status};

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

/// `1 row`, `2,000 rows`.
pub fn rows(n: impl Into<u128>) -> String {
    match n.into() {
        1 => "1 row".to_owned(),
        n => format!("{} rows", count(n)),
    }
}

/// `1 person`, `2,000 people`.
pub fn persons(n: u64) -> String {
    if n == 1 { "1 person".to_owned() } else { format!("{} people", count(n)) }
}

/// `1 request for erasure`, `2 requests for erasure`.
pub fn requests(n: u64) -> String {
    if n == 1 { "1 request for erasure".to_owned() } else { format!("{} requests for erasure", count(n)) }
}

/// `1 rule`, `19 rules`.
pub fn rules(n: usize) -> String {
    plural(n, "rule")
}

/// How many of the days that there are were used, or by how many they are over: `30 of 30 days`, `4,057 days past its 30 days`.
pub fn days_of(used: u32, allowed: u32) -> String {
    let days = |n: u32| if n == 1 { "1 day".to_owned() } else { format!("{} days", count(n)) };
    match used.checked_sub(allowed) {
        Some(over) if over > 0 => format!("{} past its {}", days(over), days(allowed)),
        _ => format!("{} of {}", count(used), days(allowed)),
    }
}

/// A name that people know: the one that the schedule gives, else one made of the rule's name, or of an entry's table and column.
pub fn title(rule: &RuleRecord) -> String {
    let entry = rule.rule.strip_prefix("erase:").and_then(|entry| entry.rsplit_once('.'));
    let column = |column: &str| column.strip_suffix("_id").unwrap_or(column).to_owned();
    match (&rule.title, entry) {
        (Some(title), _) => title.clone(),
        (None, Some((table, "id"))) => in_words(table),
        (None, Some((table, name))) => in_words(&format!("{table} ({})", column(name))),
        (None, None) => in_words(&rule.rule),
    }
}

/// `quiz_answer` as `Quiz answer`.
fn in_words(name: &str) -> String {
    capital(&name.replace(['_', '-'], " "))
}

/// With its first letter in upper case.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `A5 “A closed account's data is gone within 30 days.”`; the id alone where the record has no sentence for it.
pub fn promise_in_words(run: &RunRecord, id: &str) -> String {
    match run.schedule.promises.get(id) {
        Some(promise) => format!("{id} “{}”", promise.text),
        None => id.to_owned(),
    }
}

/// Where and since when a promise is published, where the record says.
pub fn published(promise: &PromiseRecord) -> Option<String> {
    let since = promise.since.map(|since| format!("since {since}"));
    let said: Vec<_> = promise.url.iter().cloned().chain(since).collect();
    (!said.is_empty()).then(|| format!("Published {}", said.join(", ")))
}

/// Rows whose age is not known, and what that means for them.
pub fn unknown_ages(rule: &RuleRecord) -> Option<String> {
    let what = if rule.retain.starts_with("until ") { "end date" } else { "date to count from" };
    let stay = |n: u64| if n == 1 { "it stays" } else { "they stay" };
    let have = |n: u64| if n == 1 { "has" } else { "have" };
    let unreadable = rule.unreadable.min(rule.no_anchor);
    let none = rule.no_anchor - unreadable;
    let none = (none > 0).then(|| format!("{} {} no {what}, so {}", rows(none), have(none), stay(none)));
    let unreadable = (unreadable > 0).then(|| {
        format!("{} {} a date that cannot be read, so {}", rows(unreadable), have(unreadable), stay(unreadable))
    });
    let said: Vec<_> = none.into_iter().chain(unreadable).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// At most so many characters, and a mark where something is left out. It ends at a word where one ends near.
pub fn shortened(text: &str, longest: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(longest) else { return text.to_owned() };
    let word = text[..end].rfind(' ').filter(|at| *at > end / 2).unwrap_or(end);
    format!("{}…", text[..word].trim_end_matches([' ', ',', ';', ':']))
}

/// A line of columns, the highest for the most: `▇▅▃▁`; the lowest for nothing.
pub fn spark(figures: &[u128]) -> String {
    const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = figures.iter().copied().max().unwrap_or_default().max(1);
    // Seven steps: a figure of 64 bits times seven fits.
    let column = |figure: &u128| COLUMNS[usize::try_from(figure * 7 / most).unwrap_or(7).min(7)];
    figures.iter().map(column).collect()
}

/// So much of a whole in ten characters, for texts: `▕███████░░░▏`; what is beyond it is marked.
pub fn unit_bar(percent: u64) -> String {
    let filled = usize::try_from(percent / 10).unwrap_or(10).min(10);
    let over = if percent > 100 { "!" } else { "" };
    format!("▕{}{}▏{over}", "█".repeat(filled), "░".repeat(10 - filled))
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

/// `Kept`; of a run of some rules only `PARTIAL (1 of 19 rules) · Kept`. The words, and never a colour alone, say how things stand.
pub fn standing_in_words(verdict: &Verdict) -> String {
    let label = capital(verdict.standing.label());
    verdict.partial.map_or_else(|| label.clone(), |partial| format!("{partial} · {label}"))
}

/// One line of a rule's or a run's particulars.
#[derive(Clone)]
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
    if rule.late > 0 {
        facts.push(fact("came late", format!("{} after the plan was made, for the next run", rows(rule.late))));
    }
    if !rule.passed_over.is_empty() {
        facts.push(fact("passed over", by_name(&rule.passed_over)));
    }
    facts.extend(unknown_ages(rule).map(|said| fact("no date", said)));
    facts.extend(ages(rule));
    facts.extend(oldest_kept(run, rule));
    facts.extend(since_last_run(run, rule).map(|said| fact("last run", said)));
    facts.push(fact("batches", format!("{} in {}", count(rule.batches), elapsed(rule.elapsed_ms))));
    facts
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
    let entries = run.rules.iter().filter(|rule| rule.is_erasure()).count();
    let of_rules = rules(run.rules.len() - entries);
    let what = match entries {
        0 => of_rules,
        _ if entries == run.rules.len() => format!("people's data in {}", plural(entries, "place")),
        _ => format!("{of_rules} and people's data in {}", plural(entries, "place")),
    };
    let all = format!("Looked at: {what}, on {}", plural(tables.len(), "table"));
    match run.rules.iter().filter(|rule| rule.cutoff.is_none() && rule.status == Status::Failed).count() {
        0 => format!("{all}."),
        failed => format!("{all}; {} could not be counted.", rules(failed)),
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
    facts.extend(counts.into_iter().filter_map(|(label, n)| some_or_important(label, n)));
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
    facts.extend(counts.into_iter().filter_map(|(label, n)| some_or_important(label, n)));
    facts.extend(longest_wait(requests.days_used, requests.days_allowed));
    facts.extend(requests.error.as_ref().map(|error| fact("error", error)));
    facts
}

/// What is nothing is left out, but for what a reader looks for.
fn some_or_important(label: &'static str, n: u64) -> Option<Fact> {
    (n > 0 || ["due", "erased", "verified", "late"].contains(&label)).then(|| fact(label, count(n)))
}

fn longest_wait(used: Option<u32>, allowed: Option<u32>) -> Option<Fact> {
    Some(fact("longest wait", days_of(used?, allowed?)))
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
pub fn to_do(run: &RunRecord, verdict: &Verdict) -> Vec<(String, String)> {
    let judged = run.rules.iter().zip(&verdict.rules);
    let troubled = judged.filter(|(_, judged)| judged.standing > Standing::Overdue && !judged.cured);
    troubled
        .map(|(rule, judged)| {
            let why = [Some(&judged.reason), rule.guard.as_ref(), rule.error.as_ref()];
            let called = if rule.is_erasure() { title(rule) } else { rule.rule.clone() };
            (called, why.into_iter().flatten().cloned().collect::<Vec<_>>().join("; "))
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
    use super::super::samples;
    use super::*;

    #[test]
    fn a_zoned_time_is_told_with_its_zone() {
        assert_eq!(local("2026-09-01T04:15:00+02:00[Europe/Oslo]"), "2026-09-01 04:15:00+02:00 (Europe/Oslo)");
        assert_eq!(local("T"), "T");
    }

    #[test]
    fn days_are_whole_and_said_beside_what_was_promised() {
        assert_eq!(days_of(30, 30), "30 of 30 days");
        assert_eq!(days_of(0, 1), "0 of 1 day");
        assert_eq!(days_of(31, 30), "1 day past its 30 days");
        assert_eq!(days_of(4_087, 30), "4,057 days past its 30 days");
        assert_eq!(days_of(u32::MAX, 0), "4,294,967,295 days past its 0 days");
    }

    #[test]
    fn rules_and_entries_have_names_that_people_know() {
        let mut rule = samples::everything_fine().rules.remove(0);
        let mut named = |name: &str| {
            rule.rule = name.to_owned();
            title(&rule)
        };
        assert_eq!(named("technical-logs"), "Technical logs");
        assert_eq!(named("erase:communication_preference.account_id"), "Communication preference (account)");
        assert_eq!(named("erase:mail_log.address"), "Mail log (address)");
        assert_eq!(named("erase:account.id"), "Account");
        assert_eq!(named("erase"), "Erase");
        rule.title = Some("IP addresses".to_owned());
        assert_eq!(title(&rule), "IP addresses");
    }

    #[test]
    fn what_has_no_age_is_told_for_what_it_means() {
        let mut rule = samples::everything_fine().rules.remove(0);
        let mut told = |retain: &str, no_anchor, unreadable| {
            rule.retain = retain.to_owned();
            (rule.no_anchor, rule.unreadable) = (no_anchor, unreadable);
            unknown_ages(&rule)
        };
        assert_eq!(told("30 days", 0, 0), None);
        assert_eq!(told("30 days", 43, 0).unwrap(), "43 rows have no date to count from, so they stay");
        assert_eq!(told("until withdrawn_at", 30_300, 0).unwrap(), "30,300 rows have no end date, so they stay");
        let both = "1 row has no end date, so it stays; 2 rows have a date that cannot be read, so they stay";
        assert_eq!(told("until withdrawn_at", 3, 2).unwrap(), both);
    }

    #[test]
    fn a_text_is_shortened_at_a_word_where_one_is_near() {
        assert_eq!(shortened("Aalalux", 7), "Aalalux");
        assert_eq!(shortened("Aalalux data tracking policy", 24), "Aalalux data tracking…");
        assert_eq!(shortened(&"é".repeat(30), 24), format!("{}…", "é".repeat(24)));
        assert_eq!(shortened("a bbbbbbbbbbbbbbbbbbbbb", 10), "a bbbbbbbb…");
    }

    #[test]
    fn a_line_of_columns_is_as_high_as_its_figures() {
        assert_eq!(spark(&[0, 1, 4, 7]), "▁▂▅█");
        assert_eq!(spark(&[0, 0]), "▁▁");
        assert_eq!(spark(&[u128::from(u64::MAX) * 70]), "█");
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
