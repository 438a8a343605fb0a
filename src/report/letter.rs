//! The mail of a run: what its reader must know in five seconds, and how to check it. The full report is attached to it.
//!
//! It is short whatever the run: lists end after so many items and say how many more there are, and texts are shortened.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::page::Page;
use super::past::{Age, runs_of};
use super::verdict::{PromiseVerdict, Verdict, verdict};
use super::wording::{
    Fact, capital, count, days_of, persons, promise_in_words, requests, rows, rules, shortened, spark, standing_in_words, title, unit_bar,
};
use crate::base::visible::visible;
use crate::record::{PeopleRecord, RequestsRecord, RuleRecord, RunRecord, Standing, Status};

/// Characters of a sentence, and of a name.
const SENTENCE: usize = 180;
const NAME: usize = 70;

/// Items of a list in the plain text. The HTML takes fewer where so many do not fit.
pub const MOST: usize = 12;

/// What stands in the mail, in its order.
pub struct Letter {
    pub standing: Standing,
    /// The standing in words; of a run of some rules, that it is one.
    pub label: String,
    pub policy: String,
    pub headline: String,
    /// Why it stands so.
    pub causes: Vec<String>,
    /// What somebody has to do first.
    pub steps: Vec<String>,
    /// What went, what stayed and what is held.
    pub totals: Vec<String>,
    pub promises: Vec<Kept>,
    /// The promises that are not listed, where some are left out.
    pub other_promises: Option<String>,
    pub evidence: Vec<Fact>,
    pub how_to_check: String,
    /// Rules and entries that are not kept, the worst first.
    pub attention: Vec<Attention>,
    pub more_attention: Option<String>,
    pub notes: Vec<String>,
}

/// How a promise stands.
pub struct Kept {
    /// With its published sentence.
    pub promise: String,
    pub standing: Standing,
    pub details: Vec<String>,
}

/// What needs somebody's attention.
pub struct Attention {
    pub title: String,
    pub standing: Standing,
    pub reason: String,
}

impl Letter {
    /// `most` items of each list.
    pub fn of(run: &RunRecord, most: usize) -> Self {
        let verdict = verdict(run);
        let (attention, more_attention) = attention(run, &verdict, most);
        let promises = verdict.promises.iter().take(most).map(|promise| kept(run, promise)).collect();
        Self {
            standing: verdict.standing,
            label: standing_in_words(&verdict),
            policy: shortened(&visible(&run.schedule.name), NAME),
            headline: sentence(&verdict.headline),
            causes: causes(run, &verdict),
            steps: steps(run),
            totals: totals(run, &verdict),
            promises,
            other_promises: other_promises(verdict.promises.get(most..).unwrap_or_default()),
            evidence: evidence(run),
            how_to_check: how_to_check(run),
            attention,
            more_attention,
            notes: notes(run, most),
        }
    }
}

fn sentence(text: &str) -> String {
    shortened(&visible(text), SENTENCE)
}

fn name(text: &str) -> String {
    shortened(&visible(text), NAME)
}

/// `BROKEN · Aalalux · 30 Nov: 105 people erased later than promised`
pub fn subject(run: &RunRecord) -> String {
    /// Characters of a policy's or a database's name.
    const SHORT: usize = 32;
    let verdict = verdict(run);
    let label = verdict.standing.label();
    let partial = verdict.partial.map_or_else(String::new, |partial| format!("{partial} · "));
    let label = if verdict.standing.is_kept() { label.to_owned() } else { label.to_uppercase() };
    let database = match database(run) {
        "" | "main" => String::new(),
        database => format!(" ({})", shortened(database, SHORT)),
    };
    let policy = shortened(&run.schedule.name, SHORT);
    format!("{partial}{label} · {policy}{database} · {}: {}", day(run), cause(run, &verdict))
}

/// The run's database by its name in the config; empty where no rule was due.
pub fn database(run: &RunRecord) -> &str {
    run.rules.first().map_or("", |rule| rule.database.as_str())
}

/// `30 Nov`, where the policy is.
fn day(run: &RunRecord) -> String {
    let zone = run.schedule.timezone.as_deref().unwrap_or("UTC");
    match run.as_of.in_tz(zone) {
        Ok(local) => local.strftime("%-d %b").to_string(),
        Err(_) => run.as_of.strftime("%-d %b").to_string(),
    }
}

/// Why the run stands as it does, in a few words.
fn cause(run: &RunRecord, verdict: &Verdict) -> String {
    let done = sum(run, |rule| rule.done);
    match verdict.standing {
        Standing::Kept if done > 0 => format!("{} gone", rows(done)),
        Standing::Kept => "nothing was past its period".to_owned(),
        _ => {
            grounds(run, verdict).into_iter().next().unwrap_or_else(|| sentence(verdict.headline.trim_end_matches('.')))
        }
    }
}

/// What speaks against the run, in a few words each, the worst first.
fn grounds(run: &RunRecord, verdict: &Verdict) -> Vec<String> {
    let of_rules = |is_so: fn(&RuleRecord) -> bool| run.rules.iter().filter(|rule| is_so(rule)).count();
    let about_rules = |n: usize, what: &str| (n > 0).then(|| format!("{} {what}", rules(n)));
    let stays = sum(run, |rule| rule.remaining) + sum(run, |rule| rule.blocked);
    let first = [
        run.finished.is_none().then(|| "the run has not finished".to_owned()),
        about_rules(of_rules(|rule| rule.status == Status::Failed), "failed"),
        about_rules(of_rules(|rule| !rule.balances()), "with counts that do not add up"),
    ];
    let cured = verdict.rules.iter().filter(|rule| rule.cured).count();
    let last = [
        about_rules(cured, "whose rows went later than promised"),
        about_rules(of_rules(|rule| rule.status == Status::Guarded), "stopped by a guard"),
        match stays {
            0 => None,
            1 => Some("1 row past its period stays".to_owned()),
            some => Some(format!("{} past their period stay", rows(some))),
        },
        about_rules(of_rules(|rule| rule.unread.is_some() || rule.knows_no_age()), "with ages that cannot be read"),
        run.rules.is_empty().then(|| "nothing was checked".to_owned()),
    ];
    let of_people = run.people.iter().flat_map(grounds_of_people);
    let of_requests = run.requests.iter().filter_map(grounds_of_requests);
    first.into_iter().flatten().chain(of_people).chain(of_requests).chain(last.into_iter().flatten()).collect()
}

fn grounds_of_people(record: &PeopleRecord) -> Vec<String> {
    let some = |n: u64, what: &str| (n > 0).then(|| format!("{} {what}", persons(n)));
    let late = if record.is_done() {
        some(record.overdue, "erased later than promised")
    } else {
        some(record.overdue, &format!("past the promised {}", name(&record.within)))
    };
    let unmapped = match record.unmapped.len() {
        0 => None,
        1 => Some("a reference to people that no entry answers".to_owned()),
        n => Some(format!("{n} references to people that no entry answers")),
    };
    let others = [
        some(record.unfinished, "begun and not done yet"),
        some(record.near_deadline, "close to their deadline"),
        some(record.unreadable, "of unknown closing time"),
    ];
    [late, unmapped].into_iter().chain(others).flatten().collect()
}

fn grounds_of_requests(record: &RequestsRecord) -> Option<String> {
    match record {
        record if record.overdue > 0 => {
            Some(format!("{} past the promised {}", requests(record.overdue), name(&record.within)))
        }
        record if record.error.is_some() => Some("the requests for erasure cannot be read".to_owned()),
        record if record.near_deadline > 0 => Some(format!("{} close to the deadline", requests(record.near_deadline))),
        _ => None,
    }
}

fn sum(run: &RunRecord, of: fn(&RuleRecord) -> u64) -> u128 {
    run.rules.iter().map(|rule| u128::from(of(rule))).sum()
}

fn causes(run: &RunRecord, verdict: &Verdict) -> Vec<String> {
    let mut said: Vec<String> = match verdict.standing {
        Standing::Kept => verdict.reasons.iter().map(|reason| sentence(reason)).collect(),
        _ => grounds(run, verdict).into_iter().map(|ground| format!("{}.", capital(&ground))).collect(),
    };
    if let Some(PeopleRecord { days_used: Some(used), days_allowed: Some(allowed), .. }) = run.people {
        said.push(format!("The longest wait of a person: {}.", days_of(used, allowed)));
    }
    said
}

/// What somebody has to do first. What the next run does by itself is no work.
fn steps(run: &RunRecord) -> Vec<String> {
    let any = |is_so: fn(&RuleRecord) -> bool| run.rules.iter().any(is_so);
    let mut steps = Vec::new();
    if any(|rule| rule.status == Status::Failed) {
        steps.push("Mend what made rules fail: the reasons are below.".to_owned());
    }
    if any(|rule| !rule.balances()) {
        steps.push("Run `tenure verify`: counts do not add up.".to_owned());
    }
    if any(|rule| rule.status == Status::Guarded) {
        let how = if run.is_asked_for() {
            "ask again with `tenure subject erase --yes`".to_owned()
        } else {
            format!("type `tenure approve {}`", name(&run.run))
        };
        steps.push(format!("A guard asks whether so much shall go. If it is right, {how}."));
    }
    if run.people.as_ref().is_some_and(|record| !record.unmapped.is_empty()) {
        steps.push(
            "Say in the schedule what becomes of the rows that lead to people and that no entry answers.".to_owned(),
        );
    }
    if run.requests.as_ref().is_some_and(|record| record.overdue > 0 || record.error.is_some()) {
        steps.push("Look at the requests for erasure: `tenure subject status`.".to_owned());
    }
    if any(|rule| rule.blocked > 0 && !rule.is_erasure()) {
        steps.push("Name the tables that refer to blocked rows in `cascade`, or keep the rows.".to_owned());
    }
    if any(|rule| rule.paused.is_some() && rule.remaining > 0) {
        steps.push("Resume what is paused: `tenure resume`.".to_owned());
    }
    if any(|rule| rule.unread.is_some() || rule.knows_no_age()) {
        steps.push("Look at the ages that cannot be read: `tenure check`.".to_owned());
    }
    if steps.is_empty() {
        steps.push("Nothing needs doing.".to_owned());
    }
    steps
}

fn totals(run: &RunRecord, verdict: &Verdict) -> Vec<String> {
    let cascaded = run.rules.iter().flat_map(|rule| rule.cascaded.values()).map(|rows| u128::from(*rows)).sum::<u128>();
    let went = sum(run, |rule| rule.done) + cascaded;
    let stayed = sum(run, |rule| rule.remaining) + sum(run, |rule| rule.blocked) + sum(run, RuleRecord::locked);
    let held = sum(run, |rule| rule.held);
    let mut said =
        vec![format!("Went {} · Stayed past their period {} · Held {}", rows(went), count(stayed), count(held))];
    said.push(extent(run, verdict));
    let series = series(run);
    if series.len() > 1 {
        let figures: Vec<u128> = series.values().copied().collect();
        said.push(format!("Rows gone in the last {} runs: {}", figures.len(), spark(&figures)));
    }
    said
}

/// Whole or partial.
fn extent(run: &RunRecord, verdict: &Verdict) -> String {
    if let Some(partial) = verdict.partial {
        return format!("{partial}: this mail says nothing of the others");
    }
    if run.is_asked_for() {
        return "People of whom it was asked, and nothing else of the policy".to_owned();
    }
    let entries = run.rules.iter().filter(|rule| rule.is_erasure()).count();
    let of_people = if entries > 0 { format!(", and people's data in {entries} places") } else { String::new() };
    format!("Whole policy ({}{of_people})", rules(run.rules.len() - entries))
}

/// Rows gone by run, of all rules together.
fn series(run: &RunRecord) -> BTreeMap<Timestamp, u128> {
    let mut series = BTreeMap::new();
    for done in run.rules.iter().flat_map(|rule| runs_of(run, rule)) {
        *series.entry(done.at).or_default() += u128::from(done.rows);
    }
    series
}

fn kept(run: &RunRecord, promise: &PromiseVerdict) -> Kept {
    let details = match promise.standing {
        Standing::Kept => oldest(run, &promise.promise).into_iter().collect(),
        _ => promise.reasons.iter().take(1).map(|reason| sentence(reason)).collect(),
    };
    Kept { promise: sentence(&promise_in_words(run, &promise.promise)), standing: promise.standing, details }
}

/// The age of the oldest row of the rules that keep the promise, of whichever is the nearest to its limit.
fn oldest(run: &RunRecord, promise: &str) -> Option<String> {
    let bearing = run.rules.iter().filter(|rule| rule.promises.iter().any(|id| id == promise) && !rule.is_erasure());
    let ages = bearing.filter_map(|rule| Some((Age::of(run, rule)?, rule)));
    let (age, rule) = ages.max_by_key(|(age, _)| age.percent())?;
    Some(format!("oldest row left: {} {}", age.sentence(rule), unit_bar(age.percent())))
}

fn other_promises(others: &[PromiseVerdict]) -> Option<String> {
    let of = |standing: Standing| others.iter().filter(|promise| promise.standing == standing).count();
    let standings = others.iter().map(|promise| promise.standing).collect::<std::collections::BTreeSet<_>>();
    let told: Vec<_> =
        standings.into_iter().rev().map(|standing| format!("{} {}", of(standing), standing.label())).collect();
    (!others.is_empty()).then(|| format!("{} more promises in the attached report: {}", others.len(), told.join(", ")))
}

fn evidence(run: &RunRecord) -> Vec<Fact> {
    let mut facts = vec![Fact { label: "run", value: name(&run.run) }];
    if let Some(ledger) = &run.ledger {
        facts.push(Fact { label: "ledger entry", value: count(ledger.entry) });
        facts.push(Fact { label: "ledger head", value: sentence(&ledger.head) });
    }
    facts.push(Fact { label: "schedule", value: sentence(&run.schedule.digest) });
    facts
}

fn how_to_check(run: &RunRecord) -> String {
    format!(
        "The full report is attached as HTML, JSON and CSV. Check it without the database: tenure verify --report \
         tenure-{}.json",
        name(&run.run)
    )
}

fn attention(run: &RunRecord, verdict: &Verdict, most: usize) -> (Vec<Attention>, Option<String>) {
    let judged = run.rules.iter().zip(&verdict.rules);
    let mut all: Vec<_> = judged.filter(|(_, judged)| judged.standing > Standing::Overdue && !judged.cured).collect();
    all.sort_by_key(|(_, judged)| std::cmp::Reverse(judged.standing));
    let told = all.iter().take(most).map(|(rule, judged)| {
        let why = [Some(&judged.reason), rule.guard.as_ref(), rule.error.as_ref()];
        let why = why.into_iter().flatten().cloned().collect::<Vec<_>>().join("; ");
        Attention { title: name(&title(rule)), standing: judged.standing, reason: sentence(&why) }
    });
    let more = all.len().saturating_sub(most);
    (told.collect(), (more > 0).then(|| format!("and {} more in the attached report", count(more as u64))))
}

fn notes(run: &RunRecord, most: usize) -> Vec<String> {
    let more = run.notes.len().saturating_sub(most);
    let more = (more > 0).then(|| format!("and {} more in the attached report", count(more as u64)));
    run.notes.iter().take(most).map(|note| sentence(note)).chain(more).collect()
}

/// The mail in plain text.
pub fn text(run: &RunRecord) -> String {
    let letter = Letter::of(run, MOST);
    let mut page = Page::default();
    page.paragraph(0, &format!("{} — {}", letter.standing.label().to_uppercase(), letter.headline));
    letter.causes.iter().chain(&letter.steps).for_each(|said| page.paragraph(2, said));
    page.blank();
    letter.totals.iter().for_each(|said| page.paragraph(2, said));
    page.paragraph(2, &letter.policy);
    write_promises(&mut page, &letter);
    page.heading("Can I believe this?");
    for fact in &letter.evidence {
        page.entry(fact.label, &fact.value);
    }
    page.paragraph(2, &letter.how_to_check);
    write_attention(&mut page, &letter);
    if !letter.notes.is_empty() {
        page.heading("Notes");
        letter.notes.iter().for_each(|note| page.item(note));
    }
    page.out
}

fn write_promises(page: &mut Page, letter: &Letter) {
    if letter.promises.is_empty() {
        return;
    }
    page.heading("Promises");
    for kept in &letter.promises {
        page.paragraph(2, &format!("{}: {}", kept.standing.label().to_uppercase(), kept.promise));
        kept.details.iter().for_each(|detail| page.paragraph(6, detail));
    }
    letter.other_promises.iter().for_each(|said| page.paragraph(2, said));
}

fn write_attention(page: &mut Page, letter: &Letter) {
    if letter.attention.is_empty() {
        return;
    }
    page.heading("What needs attention");
    for item in &letter.attention {
        page.item(&format!("{}, {}: {}", item.title, item.standing.label(), item.reason));
    }
    letter.more_attention.iter().for_each(|said| page.paragraph(2, said));
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::record::PromiseRecord;

    #[test]
    fn the_text_of_a_run_that_erased_people_too_late() {
        let mut run = samples::erased_people();
        let text = "A closed account's data is gone within 30 days.".to_owned();
        run.schedule.promises = [("A5".to_owned(), PromiseRecord { text, url: None, since: None })].into();
        insta::assert_snapshot!(text_of(&run));
    }

    #[test]
    fn the_text_of_a_run_that_a_guard_stopped() {
        insta::assert_snapshot!(text_of(&samples::a_guard()));
    }

    #[test]
    fn the_text_of_a_run_that_kept_every_promise() {
        insta::assert_snapshot!(text_of(&samples::everything_fine()));
    }

    fn text_of(run: &RunRecord) -> String {
        format!("{}\n\n{}", subject(run), text(run))
    }

    #[test]
    fn a_subject_says_the_verdict_and_its_cause() {
        let told = |run: RunRecord| subject(&run).split_once(": ").map(|(_, cause)| cause.to_owned()).unwrap();
        assert_eq!(told(samples::everything_fine()), "1,292,571 rows gone");
        assert_eq!(told(samples::nothing_to_do()), "nothing was past its period");
        assert_eq!(told(samples::a_failure()), "1 rule failed");
        assert_eq!(told(samples::a_guard()), "1 rule stopped by a guard");
        assert_eq!(told(samples::erased_people()), "1 person past the promised 30 days");
        let mut done = samples::erased_people();
        let people = done.people.as_mut().unwrap();
        (people.held, people.in_part, people.overdue) = (0, 0, 105);
        assert_eq!(told(done), "105 people erased later than promised");
    }

    #[test]
    fn a_subject_names_the_day_where_the_policy_is_and_a_database_of_another_name_than_main() {
        let mut run = samples::nothing_to_do();
        assert!(subject(&run).starts_with("kept · Aalalux data tracking policy · 1 Oct: "), "{}", subject(&run));
        run.as_of = "2026-09-30T22:30:00Z".parse().unwrap();
        run.rules[0].database = "eu".to_owned();
        run.schedule.name = "Principles of the retention of personal data at all our schools".to_owned();
        assert!(subject(&run).starts_with("kept · Principles of the retention of… (eu) · 1 Oct: "), "{}", subject(&run));
    }

    #[test]
    fn a_run_of_some_rules_says_so_first() {
        let mut run = samples::everything_fine();
        run.schedule.periods = run.rules.iter().map(|rule| (rule.rule.clone(), rule.retain.clone())).collect();
        run.rules.truncate(1);
        assert!(subject(&run).starts_with("PARTIAL (1 of 3 rules) · kept · "), "{}", subject(&run));
        assert!(text(&run).contains("PARTIAL (1 of 3 rules): this mail says nothing of the others"), "{}", text(&run));
    }

    #[test]
    fn what_a_run_did_too_late_and_left_nothing_of_needs_nobody() {
        let mut run = samples::nothing_to_do();
        (run.rules[0].eligible, run.rules[0].done, run.rules[0].rhythm_seconds) = (5, 5, Some(86_400));
        run.rules[0].oldest_due = Some("2025-10-01T00:00:00Z".parse().unwrap());
        let said = text(&run);
        assert!(said.starts_with("BROKEN") && said.contains("Nothing needs doing."), "{said}");
        assert!(subject(&run).ends_with("1 rule whose rows went later than promised"), "{}", subject(&run));
        assert!(!said.contains("What needs attention"), "{said}");
    }
}
