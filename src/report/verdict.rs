//! Were the promises kept? The answer that every report opens with, for the run and for each promise.
//!
//! It fails towards bad news: counts that do not add up, a run that did not close and a run that checked nothing are never
//! called kept.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::wording::{act_on_them, acted, count, days_of, persons, rows, title, unknown_ages};
use crate::record::{ERASURES, HoldRecord, PeopleRecord, RequestsRecord, RuleRecord, RunRecord, Standing, Status};

/// The judgement of a run: overall, then by promise (worst first), then by rule (in the order of the record).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub standing: Standing,
    /// One sentence that says it.
    pub headline: String,
    /// What concerns the run as a whole and no rule of it.
    pub reasons: Vec<String>,
    /// Of a run of some rules of the schedule only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    pub promises: Vec<PromiseVerdict>,
    pub rules: Vec<RuleVerdict>,
}

/// How many rules a run looked at, of those that the schedule has on this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Partial {
    pub looked_at: usize,
    pub of: usize,
}

/// `PARTIAL (1 of 19 rules)`
impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.of == 1 { "rule" } else { "rules" };
        write!(f, "PARTIAL ({} of {} {noun})", self.looked_at, self.of)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromiseVerdict {
    pub promise: String,
    pub standing: Standing,
    /// One sentence for each rule and hold that bears on it, the worst first.
    pub reasons: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleVerdict {
    pub rule: String,
    pub standing: Standing,
    pub reason: String,
    /// It was broken until this run, which did what was late: since then it is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cured: bool,
}

/// Judges `run`. A dry run is told what is overdue: it breaks nothing, since it keeps nothing.
pub fn verdict(run: &RunRecord) -> Verdict {
    let rules: Vec<RuleVerdict> = run.rules.iter().map(|rule| judge_rule(run, rule)).collect();
    let clocks = judge_clocks(run);
    let promises = judge_promises(run, &rules, &clocks);
    let mut run_itself = judge_run_itself(run);
    run_itself.extend(clocks.into_iter().map(|(_, found)| found).filter(|found| !found.standing.is_kept()));
    let standing = rules.iter().map(|r| r.standing).chain(run_itself.iter().map(|f| f.standing)).max();
    let standing = standing.unwrap_or(Standing::Unknown);
    let headline = headline(run, standing, &promises, &rules);
    let reasons = run_itself.into_iter().map(|f| f.reason).collect();
    Verdict { standing, headline, reasons, partial: partial(run), promises, rules }
}

/// Something found, and how bad it is.
struct Finding {
    standing: Standing,
    reason: String,
}

fn finding(standing: Standing, reason: impl Into<String>) -> Finding {
    Finding { standing, reason: reason.into() }
}

fn judge_rule(run: &RunRecord, rule: &RuleRecord) -> RuleVerdict {
    let found = if run.is_dry_run() { trouble_ahead(rule) } else { trouble(run, rule) };
    let standing = found.iter().map(|f| f.standing).max().unwrap_or(Standing::Kept);
    let mut reasons: Vec<String> = found.into_iter().map(|f| f.reason).collect();
    if standing == Standing::Kept {
        reasons.push(well_done(rule));
    }
    let went_late = went_late(rule).filter(|_| !run.is_dry_run());
    let cured = standing == Standing::Kept && went_late.is_some();
    let standing = if went_late.is_some() { Standing::Broken } else { standing };
    reasons.extend(went_late);
    reasons.extend(unknown_ages(rule));
    RuleVerdict { rule: rule.rule.clone(), standing, reason: reasons.join("; "), cured }
}

/// How long the row with this age is past its period, where that is longer than the time between two runs explains.
fn lateness(rule: &RuleRecord, oldest: Option<Timestamp>) -> Option<SignedDuration> {
    /// A run may begin, and take, so much longer than the last one.
    const GRACE: SignedDuration = SignedDuration::from_hours(1);
    let rhythm = SignedDuration::from_secs(rule.rhythm_seconds?.try_into().ok()?);
    let past = rule.cutoff?.duration_since(oldest?);
    (past > rhythm.saturating_add(GRACE)).then_some(past)
}

/// Rows that went later than their period and the time between two runs.
fn went_late(rule: &RuleRecord) -> Option<String> {
    let past = lateness(rule, rule.oldest_due).filter(|_| rule.done > 0)?;
    Some(format!("late: the oldest of them was {} past its period when it went", span(past)))
}

/// Rows that are past their period for longer than the time between two runs, and stay. What a hold keeps is not late, and
/// nothing tells its age from theirs.
fn stays_late(rule: &RuleRecord) -> Option<Finding> {
    let some_stay = [rule.blocked, rule.remaining, rule.skipped].iter().any(|rows| *rows > 0);
    let past = lateness(rule, rule.oldest_kept).filter(|_| some_stay && rule.held == 0)?;
    Some(finding(Standing::Broken, format!("the oldest of them is {} past its period", span(past))))
}

/// What speaks against a rule that ran.
fn trouble(run: &RunRecord, rule: &RuleRecord) -> Vec<Finding> {
    let mut found = Vec::new();
    if !rule.balances() {
        found.push(finding(Standing::Broken, imbalance(rule)));
    }
    if rule.status == Status::Failed {
        found.push(finding(Standing::Broken, "failed"));
    }
    if rule.status == Status::Guarded {
        let reason = match run.is_asked_for() {
            true => "a guard stopped it: `tenure subject erase` with --yes lets it go ahead".to_owned(),
            false => format!("a guard stopped it: `tenure approve {}` lets it go ahead", run.run),
        };
        found.push(finding(Standing::AtRisk, reason));
    }
    if rule.blocked > 0 {
        found.push(finding(Standing::AtRisk, blocked(rule)));
    }
    found.extend(unread(rule));
    if let Some(waiting) = waiting(rule) {
        found.push(finding(Standing::Broken, waiting));
    } else if rule.remaining > 0 {
        let why = if rule.status == Status::Stopped { "stopped early, the next run goes on: " } else { "" };
        found.push(finding(Standing::AtRisk, format!("{why}{} past their period remain", rows(rule.remaining))));
    }
    if rule.locked() > 0 {
        let reason = format!("{} past their period stay under another session's lock", rows(rule.locked()));
        found.push(finding(Standing::AtRisk, reason));
    }
    found.extend(stays_late(rule));
    if rule.late > 0 {
        let reason = format!("{} became due after the plan was made and remain for the next run", rows(rule.late));
        found.push(finding(Standing::AtRisk, reason));
    }
    found
}

/// What a dry run says of the run to come.
fn trouble_ahead(rule: &RuleRecord) -> Vec<Finding> {
    let mut found = Vec::new();
    if !rule.balances() {
        found.push(finding(Standing::Unknown, imbalance(rule)));
    }
    if rule.status == Status::Failed {
        found.push(finding(Standing::Unknown, "could not be planned"));
    }
    if rule.status == Status::Guarded {
        found.push(finding(Standing::AtRisk, "a guard would stop it"));
    }
    if rule.blocked > 0 {
        found.push(finding(Standing::AtRisk, blocked(rule)));
    }
    found.extend(unread(rule));
    if let Some(waiting) = waiting(rule) {
        found.push(finding(Standing::AtRisk, waiting));
    } else if rule.remaining > 0 {
        let reason = format!("{} past their period: a run would {}", rows(rule.remaining), act_on_them(&rule.action));
        found.push(finding(Standing::Overdue, reason));
        if let Some(past) = lateness(rule, rule.oldest_due) {
            found.push(finding(
                Standing::Overdue,
                format!("already late: the oldest is {} past its period", span(past)),
            ));
        }
    }
    if rule.blocked > 0 && rule.remaining == 0 {
        found.extend(stays_late(rule));
    }
    found
}

/// What is not known for want of ages that can be read.
fn unread(rule: &RuleRecord) -> Option<Finding> {
    if rule.knows_no_age() {
        let reason = "no row tells a time that can be read, so whether any is past its period is unknown";
        return Some(finding(Standing::Unknown, reason));
    }
    rule.unread.clone().map(|reason| finding(Standing::AtRisk, reason))
}

/// What a pause keeps past its period. Somebody decided it, and the promise is not kept for that.
pub(super) fn waiting(rule: &RuleRecord) -> Option<String> {
    let paused = rule.paused.as_ref().filter(|_| rule.remaining > 0)?;
    Some(format!("{} past their period stay: {paused}", rows(rule.remaining)))
}

fn imbalance(rule: &RuleRecord) -> String {
    format!(
        "its counts do not add up ({} eligible, {} accounted for): do not rely on them, and run `tenure verify`",
        count(rule.eligible),
        count(rule.accounted())
    )
}

fn blocked(rule: &RuleRecord) -> String {
    if rule.is_erasure() {
        return format!(
            "{} of people who are due stay, because something that stays refers to them, or they are somebody else's as well",
            rows(rule.blocked)
        );
    }
    format!(
        "{} past their period stay, because rows that the rule does not cascade over refer to them: \
         name those tables in `cascade`",
        rows(rule.blocked)
    )
}

fn well_done(rule: &RuleRecord) -> String {
    let mut said = Vec::new();
    if rule.eligible == 0 {
        said.push("nothing was past its period".to_owned());
    }
    if rule.done > 0 {
        said.push(format!("{} {}", rows(rule.done), acted(&rule.action)));
    }
    if rule.held > 0 {
        said.push(format!("{} held back by holds", rows(rule.held)));
    }
    if let Some(paused) = &rule.paused {
        said.push(paused.to_string());
    }
    if rule.skipped > 0 {
        said.push(format!("{} changed or removed by somebody else meanwhile", rows(rule.skipped)));
    }
    said.join(", ")
}

/// What no rule tells: a run that did not close, that failed as a whole, or that had no rule.
fn judge_run_itself(run: &RunRecord) -> Vec<Finding> {
    let mut found = Vec::new();
    if run.finished.is_none() {
        found.push(finding(
            Standing::Unknown,
            "the run has not finished: either it still runs, or it died and the next run will close it",
        ));
    }
    if run.rules.is_empty() {
        found.push(finding(Standing::Unknown, "no rule was due: nothing was checked and nothing was changed"));
    }
    found.extend(left_out(run));
    let worst_rule = run.rules.iter().map(|rule| rule.status).max().unwrap_or(Status::Ok);
    if run.status > worst_rule {
        let standing = match (run.status, run.is_dry_run()) {
            (Status::Failed, false) => Standing::Broken,
            (Status::Failed, true) => Standing::Unknown,
            _ => Standing::AtRisk,
        };
        found.push(finding(
            standing,
            format!("the run as a whole ended as `{}`: see its notes and the log", run.status),
        ));
    }
    found
}

/// What the clocks of closed accounts and of requests say, with the promises that they bear on. A deadline that is over is
/// broken, whoever held or stopped what.
fn judge_clocks(run: &RunRecord) -> Vec<(&[String], Finding)> {
    let is_dry_run = run.is_dry_run();
    let of_people = run.people.as_ref().map(|people| {
        let standing = standing_of_people(people, is_dry_run);
        (people.promises.as_slice(), finding(standing, people_in_words(people, is_dry_run)))
    });
    let of_requests = run.requests.as_ref().map(|requests| {
        let standing = standing_of_requests(requests, is_dry_run);
        (requests.promises.as_slice(), finding(standing, requests_in_words(requests)))
    });
    of_people.into_iter().chain(of_requests).collect()
}

/// How a policy stands with its people, from what one run knows.
pub(super) fn standing_of_people(people: &PeopleRecord, is_dry_run: bool) -> Standing {
    match people {
        people if people.overdue > 0 || !people.unmapped.is_empty() => Standing::Broken,
        people if people.near_deadline > 0 || people.unfinished > 0 || people.unreadable > 0 => Standing::AtRisk,
        people if is_dry_run && people.due > 0 => Standing::Overdue,
        _ => Standing::Kept,
    }
}

/// The same in one sentence.
pub(super) fn people_in_words(people: &PeopleRecord, is_dry_run: bool) -> String {
    let of = |n: u64| format!("{} of `{}`", persons(n), people.table);
    let mut said = vec![match (is_dry_run, people.due) {
        (_, 0) => format!("nobody of `{}` is due to be erased", people.table),
        (true, due) => format!("{} due to be erased", of(due)),
        (false, _) => format!("{} erased", of(people.erased)),
    }];
    if !people.unmapped.is_empty() {
        let references = people.unmapped.iter().map(|reference| format!("`{reference}`")).collect::<Vec<_>>();
        said.push(format!("no entry says what becomes of the rows that {} leads to people", references.join(", ")));
    }
    if people.overdue > 0 {
        said.push(format!("{} past the promised {}", persons(people.overdue), people.within));
    }
    if people.near_deadline > 0 {
        said.push(format!(
            "{} with less than a fifth of the promised {} left",
            persons(people.near_deadline),
            people.within
        ));
    }
    if people.unreadable > 0 {
        said.push(format!("{} of unknown closing time: it cannot be read", persons(people.unreadable)));
    }
    if people.in_part > 0 {
        said.push(format!("{} erased in part: the rest stays", persons(people.in_part)));
    }
    if people.unfinished > 0 {
        said.push(format!("{} begun and not done yet: the next run goes on", persons(people.unfinished)));
    }
    if people.remaining > 0 && !is_dry_run {
        said.push(format!("{} not begun", persons(people.remaining)));
    }
    if people.skipped > 0 {
        said.push(format!("{} not due any more when their turn came", persons(people.skipped)));
    }
    if people.held > 0 {
        said.push(format!("{} held back by holds", persons(people.held)));
    }
    if people.blocked > 0 {
        said.push(format!("{} with rows that something else refers to", persons(people.blocked)));
    }
    if let (Some(used), Some(allowed)) = (people.days_used, people.days_allowed) {
        said.push(format!("the longest wait: {}", days_of(used, allowed)));
    }
    said.join(", ")
}

/// How a policy stands with the requests that wait. A dry run foretells those that a run would carry out.
pub(super) fn standing_of_requests(requests: &RequestsRecord, is_dry_run: bool) -> Standing {
    match requests {
        requests if requests.overdue > 0 => Standing::Broken,
        requests if requests.error.is_some() => Standing::Unknown,
        requests if requests.near_deadline > 0 => Standing::AtRisk,
        requests if is_dry_run && requests.verified > requests.kept_back => Standing::Overdue,
        _ => Standing::Kept,
    }
}

/// The same in one sentence.
pub(super) fn requests_in_words(requests: &RequestsRecord) -> String {
    if let Some(error) = &requests.error {
        return format!("how the requests for erasure stand is not known: {error}");
    }
    let waits = |n: u64| if n == 1 { "1 request".to_owned() } else { format!("{} requests", count(n)) };
    let verb = if requests.waiting() == 1 { "waits" } else { "wait" };
    let mut said = vec![format!("{} for erasure {verb}", waits(requests.waiting()))];
    if requests.unverified > 0 {
        said.push(format!("{} unverified", count(requests.unverified)));
    }
    if requests.kept_back > 0 {
        said.push(format!("{} that cannot be carried out now", count(requests.kept_back)));
    }
    if requests.overdue > 0 {
        said.push(format!("{} past the promised {}", waits(requests.overdue), requests.within));
    }
    if requests.near_deadline > 0 {
        let (near, within) = (waits(requests.near_deadline), &requests.within);
        said.push(format!("{near} with less than a fifth of the promised {within} left"));
    }
    if let (Some(used), Some(allowed)) = (requests.days_used, requests.days_allowed) {
        said.push(format!("the longest wait: {}", days_of(used, allowed)));
    }
    said.join(", ")
}

/// How much of the schedule a run looked at, where that is not all. A run about people of whom it was asked is about no rule.
fn partial(run: &RunRecord) -> Option<Partial> {
    let of = run.schedule.periods.len();
    let looked_at = run.schedule.periods.keys().filter(|name| has_run(run, name)).count();
    (looked_at < of && !run.is_asked_for()).then_some(Partial { looked_at, of })
}

/// Was the rule part of the run, or the map of people?
fn has_run(run: &RunRecord, rule: &str) -> bool {
    if rule == ERASURES { run.people.is_some() } else { run.rules.iter().any(|record| record.rule == rule) }
}

/// A run of some rules keeps what they promise, and says nothing of the others: its reader must know that there are any.
fn left_out(run: &RunRecord) -> Option<Finding> {
    const NAMED: usize = 5;
    let others: Vec<&str> =
        run.schedule.periods.keys().filter(|name| !has_run(run, name)).map(String::as_str).collect();
    let named = others.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if others.len() > NAMED { ", …" } else { "" };
    let sentence = format!(
        "of the schedule's {} rules {} had no part in this run, and nothing is said of them: {named}{more}",
        run.schedule.periods.len(),
        others.len()
    );
    (!others.is_empty()).then(|| finding(Standing::Kept, sentence))
}

/// By promise: the worst of its rules. A hold that is in force keeps its promise.
fn judge_promises(run: &RunRecord, judged: &[RuleVerdict], clocks: &[(&[String], Finding)]) -> Vec<PromiseVerdict> {
    let mut borne: Vec<(&str, Vec<Finding>)> = Vec::new();
    let (entries, others): (Vec<_>, Vec<_>) =
        run.rules.iter().zip(judged).partition(|(rule, verdict)| rule.is_erasure() && verdict.standing.is_kept());
    for (rule, verdict) in others {
        for promise in &rule.promises {
            bear_on(&mut borne, promise, finding(verdict.standing, format!("{}: {}", called(rule), verdict.reason)));
        }
    }
    for (promise, found) in entries_together(entries.into_iter().map(|(entry, _)| entry)) {
        bear_on(&mut borne, promise, found);
    }
    for (promises, found) in clocks {
        for promise in *promises {
            bear_on(&mut borne, promise, finding(found.standing, found.reason.clone()));
        }
    }
    for hold in &run.holds {
        for promise in &hold.promises {
            bear_on(&mut borne, promise, finding(Standing::Kept, in_force(hold)));
        }
    }
    for (promise, bearers) in run.schedule.borne_by.iter().filter(|_| !run.is_asked_for()) {
        for rule in bearers.iter().filter(|rule| !has_run(run, rule)) {
            let reason = match rule.as_str() {
                ERASURES => "the map of people had no part in this run".to_owned(),
                rule => format!("{rule}: had no part in this run"),
            };
            bear_on(&mut borne, promise, finding(Standing::NotLookedAt, reason));
        }
    }
    let mut promises: Vec<_> = borne.into_iter().map(|(promise, found)| judge_promise(promise, found)).collect();
    promises.sort_by_key(|p| Reverse(p.standing));
    promises
}

/// As a reason calls it: by the name that a command takes, but an entry of the map, which none takes.
fn called(rule: &RuleRecord) -> String {
    if rule.is_erasure() { title(rule) } else { rule.rule.clone() }
}

/// Entries of the map of people that are kept bear on a promise together: nobody wants to read the same of each.
fn entries_together<'r>(entries: impl Iterator<Item = &'r RuleRecord>) -> BTreeMap<&'r str, Finding> {
    let mut sums: BTreeMap<&str, (u64, u128)> = BTreeMap::new();
    for entry in entries {
        for promise in &entry.promises {
            let (places, done) = sums.entry(promise).or_default();
            (*places, *done) = (*places + 1, *done + u128::from(entry.done));
        }
    }
    let told = |places: u64, done: u128| {
        let places = if places == 1 { "1 place".to_owned() } else { format!("{} places", count(places)) };
        finding(Standing::Kept, format!("people's data in {places}: {} erased", rows(done)))
    };
    sums.into_iter().map(|(promise, (places, done))| (promise, told(places, done))).collect()
}

fn bear_on<'r>(borne: &mut Vec<(&'r str, Vec<Finding>)>, promise: &'r str, found: Finding) {
    match borne.iter_mut().find(|(known, _)| *known == promise) {
        Some((_, all)) => all.push(found),
        None => borne.push((promise, vec![found])),
    }
}

fn judge_promise(promise: &str, mut found: Vec<Finding>) -> PromiseVerdict {
    found.sort_by_key(|f| Reverse(f.standing));
    let standing = found.first().map_or(Standing::Unknown, |worst| worst.standing);
    PromiseVerdict { promise: promise.to_owned(), standing, reasons: found.into_iter().map(|f| f.reason).collect() }
}

fn in_force(hold: &HoldRecord) -> String {
    format!("hold {}: in force on {} ({})", hold.hold, hold.table, hold.term)
}

/// What the reader of a part must know first: that it is one.
fn headline(run: &RunRecord, standing: Standing, promises: &[PromiseVerdict], rules: &[RuleVerdict]) -> String {
    let of_what_was_looked_at = verdict_in_words(run, standing, promises, rules);
    match partial(run) {
        Some(partial) => format!("{partial}: {of_what_was_looked_at}"),
        None => of_what_was_looked_at,
    }
}

fn verdict_in_words(run: &RunRecord, standing: Standing, promises: &[PromiseVerdict], rules: &[RuleVerdict]) -> String {
    let is_cured = rules.iter().all(|rule| rule.cured || rule.standing.is_kept());
    match standing {
        Standing::Kept if run.rules.iter().all(|rule| rule.eligible == 0) => nothing_found(run).to_owned(),
        Standing::Kept if run.is_dry_run() => "Nothing is overdue: a run would change nothing.".to_owned(),
        Standing::Kept if promises.is_empty() => "Every rule did what it says.".to_owned(),
        Standing::Kept if partial(run).is_some() => "Every promise that was looked at was kept.".to_owned(),
        Standing::Kept => "Every promise of this run was kept.".to_owned(),
        Standing::NotLookedAt => "Nothing was looked at.".to_owned(),
        Standing::Overdue if remaining(run) == 0 => "Requests for erasure wait. A run would carry them out.".to_owned(),
        Standing::Overdue => format!("{} past their period. A run would act on them.", rows(remaining(run))),
        Standing::AtRisk => format!("{} at risk.", share(promises, standing, ["is", "are"])),
        Standing::Unknown => "Not everything could be checked.".to_owned(),
        Standing::Broken if is_cured && kept_clocks(run) => {
            format!(
                "{} broken until this run: rows went late, and none is left.",
                share(promises, standing, ["was", "were"])
            )
        }
        Standing::Broken if is_cured && is_nobody_left(run) => {
            format!("{} broken. The cause is cleared.", share(promises, standing, ["was", "were"]))
        }
        Standing::Broken => format!("{} broken.", share(promises, standing, ["is", "are"])),
    }
}

/// Neither people nor requests are past what was promised to them.
fn kept_clocks(run: &RunRecord) -> bool {
    judge_clocks(run).iter().all(|(_, found)| found.standing != Standing::Broken)
}

/// Were the people who are late erased all, and is no request late?
fn is_nobody_left(run: &RunRecord) -> bool {
    run.people.as_ref().is_none_or(|people| people.is_done() && people.unmapped.is_empty())
        && run.requests.as_ref().is_none_or(|requests| requests.overdue == 0)
}

/// A time in the largest unit of which there are two at least: `31 days`, `5 hours`.
fn span(time: SignedDuration) -> String {
    let hours = time.as_hours();
    if hours >= 48 { format!("{} days", hours / 24) } else { format!("{hours} hours") }
}

fn nothing_found(run: &RunRecord) -> &'static str {
    if run.is_dry_run() {
        "Nothing is past its period: a run would change nothing."
    } else {
        "Nothing was past its period: no row was changed."
    }
}

fn remaining(run: &RunRecord) -> u128 {
    run.rules.iter().map(|rule| u128::from(rule.remaining)).sum()
}

/// "2 of 5 promises are"; where the trouble lies with no promise, the run itself is named.
fn share(promises: &[PromiseVerdict], standing: Standing, [is, are]: [&str; 2]) -> String {
    let all = if promises.len() == 1 { "1 promise".to_owned() } else { format!("{} promises", promises.len()) };
    match promises.iter().filter(|p| p.standing == standing).count() {
        0 => format!("The run itself {is}"),
        1 => format!("1 of {all} {is}"),
        n => format!("{n} of {all} {are}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    const DAY: u64 = 86_400;

    /// A run of one rule that comes each day. Its oldest row was so many hours past its period, and so many hours the oldest that
    /// stays.
    fn nightly(went: Option<i64>, stays: Option<i64>, counts: fn(&mut RuleRecord)) -> RunRecord {
        let mut run = samples::everything_fine();
        run.rules.truncate(1);
        let rule = &mut run.rules[0];
        let cutoff = rule.cutoff.expect("the sample has a cutoff");
        let before = |hours: i64| cutoff - SignedDuration::from_hours(hours);
        (rule.rhythm_seconds, rule.oldest_due, rule.oldest_kept) = (Some(DAY), went.map(before), stays.map(before));
        (rule.eligible, rule.done, rule.remaining) = (10, 10, 0);
        (rule.held, rule.blocked, rule.skipped, rule.no_anchor) = (0, 0, 0, 0);
        counts(rule);
        run
    }

    #[test]
    fn rows_that_go_or_stay_later_than_the_next_run_break_the_promise() {
        let all_went = |_: &mut RuleRecord| {};
        let blocked = |rule: &mut RuleRecord| (rule.done, rule.blocked) = (8, 2);
        let remaining = |rule: &mut RuleRecord| (rule.done, rule.remaining) = (8, 2);
        let held = |rule: &mut RuleRecord| (rule.done, rule.held, rule.blocked) = (7, 1, 2);
        type Case = (&'static str, Option<i64>, Option<i64>, fn(&mut RuleRecord), Standing, bool);
        let cases: [Case; 8] = [
            ("went in time", Some(24), None, all_went, Standing::Kept, false),
            ("went within the hour of grace", Some(25), None, all_went, Standing::Kept, false),
            ("went late", Some(26), None, all_went, Standing::Broken, true),
            ("went late, and some stay", Some(2_000), Some(3), blocked, Standing::Broken, false),
            ("blocked since the last run", Some(3), Some(3), blocked, Standing::AtRisk, false),
            ("blocked for long", Some(3), Some(2_472), blocked, Standing::Broken, false),
            ("left for long", Some(3), Some(2_472), remaining, Standing::Broken, false),
            ("held for long", Some(3), Some(87_600), held, Standing::AtRisk, false),
        ];
        for (case, went, stays, counts, standing, cured) in cases {
            let judged = verdict(&nightly(went, stays, counts)).rules.remove(0);
            assert_eq!((judged.standing, judged.cured), (standing, cured), "{case}: {}", judged.reason);
        }
        let no_rhythm = |rule: &mut RuleRecord| rule.rhythm_seconds = None;
        assert_eq!(
            verdict(&nightly(Some(2_000), None, no_rhythm)).standing,
            Standing::Kept,
            "nothing says when runs come"
        );
    }

    #[test]
    fn a_run_that_cured_what_was_late_says_so() {
        let headline = verdict(&nightly(Some(26 + 24 * 30), None, |_| {})).headline;
        assert_eq!(headline, "1 of 1 promise was broken until this run: rows went late, and none is left.");
    }

    #[test]
    fn a_run_of_some_rules_is_called_partial_and_says_which_promises_it_did_not_look_at() {
        let mut run = nightly(Some(1), None, |_| {});
        let name = run.rules[0].rule.clone();
        run.schedule.periods = [(name.clone(), "30 days".into()), ("other".into(), "1 year".into())].into();
        run.schedule.borne_by =
            [("A1".to_owned(), vec![name]), ("A9".to_owned(), vec!["other".to_owned(), ERASURES.to_owned()])].into();
        let judged = verdict(&run);
        assert_eq!(judged.partial, Some(Partial { looked_at: 1, of: 2 }));
        assert_eq!(judged.headline, "PARTIAL (1 of 2 rules): Every promise that was looked at was kept.");
        let standings: Vec<_> = judged.promises.iter().map(|one| (one.promise.as_str(), one.standing)).collect();
        assert_eq!(standings, [("A9", Standing::NotLookedAt), ("A1", Standing::Kept)]);
        assert_eq!(
            judged.promises[0].reasons,
            ["other: had no part in this run", "the map of people had no part in this run"]
        );
    }

    #[test]
    fn a_dry_run_says_what_is_late_already() {
        let mut run = nightly(Some(26 + 24 * 30), None, |rule| (rule.done, rule.remaining) = (0, 10));
        run.kind = crate::record::RunKind::DryRun;
        let judged = verdict(&run).rules.remove(0);
        assert_eq!(judged.standing, Standing::Overdue);
        assert!(judged.reason.contains("already late: the oldest is 31 days past its period"), "{}", judged.reason);
    }
}
