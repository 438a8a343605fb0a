//! How things stand now: for each rule what is past its period, what its last run did, and when the next one is to come.
//!
//! Rows come due all the time: what came due since the last run breaks nothing while the next run is on time. A run that
//! did not come when it should have is never called kept.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::verdict::{self};
use super::wording::{count, rows};
use crate::record::Standing;
use crate::record::{PauseRecord, RuleRecord, RunRecord, Status};

/// A run may begin so much later than it is due before it counts as missed.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// What is known of a rule beside the plan of this moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The newest closed run that had the rule.
    pub last: Option<&'a RunRecord>,
    /// When the newest run began that did all it could for the rule.
    pub last_success: Option<Timestamp>,
    /// When the cron expression first came true after that run, or comes true after now where there was none.
    pub due: Option<Timestamp>,
    /// When it comes true after now.
    pub next: Option<Timestamp>,
    /// The day before which the policy is only planned, where that has not come.
    pub effective: Option<jiff::civil::Date>,
}

/// A rule, in the names of the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleStatus {
    pub policy: String,
    pub database: String,
    pub rule: String,
    pub promises: Vec<String>,
    pub table: String,
    pub action: String,
    pub retain: String,
    pub standing: Standing,
    /// In one sentence.
    pub reason: String,
    /// Rows past their period on which a run would act now; of the erasure, people and requests whose days are over.
    pub overdue: u64,
    /// For how many seconds the oldest of them is past its period; 0 where there is none or it is not known.
    pub overdue_seconds: u64,
    /// The run that has not come, where one is missed.
    pub missed: Option<Timestamp>,
    /// By whose order it waits, where it does.
    pub paused: Option<PauseRecord>,
    pub held: u64,
    pub blocked: u64,
    pub oldest_kept: Option<Timestamp>,
    pub last_run: Option<LastRun>,
    /// When the last run began that did all it could.
    pub last_success: Option<Timestamp>,
    /// `None` where no cron expression says.
    pub next_run: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastRun {
    pub run: String,
    pub at: Timestamp,
    pub status: Status,
    pub done: u64,
}

/// Judges one rule of a dry run that was made at `now`.
pub fn of_rule(planned: &RunRecord, rule: &RuleRecord, beside: Beside<'_>, now: Timestamp) -> RuleStatus {
    let last = beside.last.and_then(|run| Some((run, run.rules.iter().find(|then| then.rule == rule.rule)?)));
    let (standing, reason) = judge(planned, rule, last, beside, now);
    RuleStatus {
        policy: planned.schedule.name.clone(),
        database: rule.database.clone(),
        rule: rule.rule.clone(),
        promises: rule.promises.clone(),
        table: rule.table.clone(),
        action: rule.action.clone(),
        retain: rule.retain.clone(),
        standing,
        reason,
        overdue: rule.remaining,
        overdue_seconds: overdue_seconds(rule),
        missed: missed(beside, now),
        paused: rule.paused.clone(),
        held: rule.held,
        blocked: rule.blocked,
        oldest_kept: rule.oldest_kept,
        last_run: last.map(|(run, then)| LastRun {
            run: run.run.clone(),
            at: run.started,
            status: then.status,
            done: then.done,
        }),
        last_success: beside.last_success,
        next_run: beside.next,
    }
}

/// Judges the people of a dry run that was made at `now`, and the requests that wait; `None` where the policy maps nobody's data.
/// They are due in good time, and so nothing is wrong until a deadline comes near.
pub fn of_people(planned: &RunRecord, beside: Beside<'_>, now: Timestamp) -> Option<RuleStatus> {
    let people = planned.people.as_ref()?;
    let entry = planned.rules.iter().find(|rule| rule.is_erasure())?;
    let last = beside.last.and_then(|run| Some((run, run.people.as_ref()?)));
    let mut standing = verdict::standing_of_people(people, false);
    let mut reason = verdict::people_in_words(people, true);
    if let Some(requests) = &planned.requests {
        standing = standing.max(verdict::standing_of_requests(requests, false));
        reason = format!("{reason}; {}", verdict::requests_in_words(requests));
    }
    if let Some(missed) = missed(beside, now).filter(|_| standing.is_kept()) {
        standing = Standing::AtRisk;
        reason = format!("the run of {} has not come; {reason}", minute(missed));
    }
    if let Some(guard) = planned.rules.iter().find(|rule| rule.is_erasure() && rule.status == Status::Guarded) {
        standing = standing.max(Standing::AtRisk);
        let asked = guard.guard.as_deref().unwrap_or_default();
        reason = format!("a guard stops it: {asked}; {reason}");
    }
    Some(RuleStatus {
        policy: planned.schedule.name.clone(),
        database: entry.database.clone(),
        rule: "erase".to_owned(),
        promises: people.promises.clone(),
        table: people.table.clone(),
        action: "erase".to_owned(),
        retain: people.within.clone(),
        standing,
        reason,
        overdue: people.overdue + planned.requests.as_ref().map_or(0, |requests| requests.overdue),
        overdue_seconds: 0,
        missed: missed(beside, now),
        paused: entry.paused.clone(),
        held: people.held,
        blocked: people.blocked,
        oldest_kept: None,
        last_run: last.map(|(run, people)| LastRun {
            run: run.run.clone(),
            at: run.started,
            status: run.worst_status(),
            done: people.erased,
        }),
        last_success: last.filter(|(run, _)| run.worst_status() == Status::Ok).map(|(run, _)| run.started),
        next_run: beside.next,
    })
}

fn overdue_seconds(rule: &RuleRecord) -> u64 {
    let (Some(cutoff), Some(oldest)) = (rule.cutoff, rule.oldest_due) else { return 0 };
    u64::try_from(cutoff.duration_since(oldest).as_secs()).unwrap_or(0)
}

fn missed(beside: Beside<'_>, now: Timestamp) -> Option<Timestamp> {
    beside.due.filter(|due| *due + GRACE < now)
}

fn judge(
    planned: &RunRecord,
    rule: &RuleRecord,
    last: Option<(&RunRecord, &RuleRecord)>,
    beside: Beside<'_>,
    now: Timestamp,
) -> (Standing, String) {
    if let Some(waiting) = verdict::waiting(rule) {
        return (Standing::Broken, waiting);
    }
    let of = |run: &RunRecord| verdict::verdict(run).rules.into_iter().find(|judged| judged.rule == rule.rule);
    let ahead = of(planned).map_or((Standing::Unknown, String::new()), |judged| (judged.standing, judged.reason));
    if ahead.0 > Standing::Overdue {
        return ahead;
    }
    if let Some(date) = beside.effective {
        // What an earlier schedule kept, nobody keeps until then.
        let standing = if rule.remaining > 0 && last.is_some() { Standing::Overdue } else { Standing::Kept };
        return (
            standing,
            format!("the policy takes effect on {date}; {} past their period until then", rows(rule.remaining)),
        );
    }
    if let Some(missed) = missed(beside, now) {
        return (Standing::AtRisk, format!("the run of {} has not come", minute(missed)));
    }
    let overdue = rows(rule.remaining);
    match last.and_then(|(run, _)| of(run)) {
        Some(judged) if !judged.standing.is_kept() && !judged.cured => {
            (judged.standing, format!("the last run: {}", judged.reason))
        }
        _ if rule.remaining == 0 => (Standing::Kept, "nothing is past its period".to_owned()),
        Some(_) if beside.next.is_some() => (Standing::Kept, format!("{overdue} came due since the last run")),
        Some(_) => {
            (Standing::Overdue, format!("{overdue} past their period, and no cron says when the next run comes"))
        }
        None => (Standing::Overdue, format!("{overdue} past their period, and the rule has never run")),
    }
}

/// For a terminal: three lines a rule, the worst first.
pub fn render(rules: &[RuleStatus]) -> String {
    let mut order: Vec<&RuleStatus> = rules.iter().collect();
    order.sort_by_key(|rule| std::cmp::Reverse(rule.standing));
    order.into_iter().map(lines).collect()
}

fn lines(rule: &RuleStatus) -> String {
    let promises = if rule.promises.is_empty() { String::new() } else { format!(" ({})", rule.promises.join(", ")) };
    let mut text = String::new();
    let moment = |at: Option<Timestamp>| at.map_or_else(|| "none".to_owned(), minute);
    let last = rule.last_run.as_ref().map(|last| last.at);
    let _ = writeln!(text, "{:<9} {}{promises}: {}, {}", rule.standing.label(), rule.rule, rule.table, rule.retain);
    let _ = writeln!(text, "{:<9} {}", "", rule.reason);
    if let Some(paused) = rule.paused.as_ref().filter(|_| rule.overdue == 0) {
        let _ = writeln!(text, "{:<9} {paused}", "");
    }
    let _ = writeln!(
        text,
        "{:<9} {} overdue{}, {} held, {} blocked; oldest kept {}; last run {}; next {}",
        "",
        count(rule.overdue),
        age(rule.overdue_seconds),
        count(rule.held),
        count(rule.blocked),
        rule.oldest_kept.map_or_else(|| "none".to_owned(), |at| at.strftime("%Y-%m-%d").to_string()),
        moment(last),
        moment(rule.next_run)
    );
    text
}

/// ` (the oldest by 3 days)`
fn age(seconds: u64) -> String {
    let spans = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let Some((length, unit)) = spans.into_iter().find(|(length, _)| seconds >= *length) else { return String::new() };
    let many = seconds / length;
    format!(" (the oldest by {many} {unit}{})", if many == 1 { "" } else { "s" })
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
