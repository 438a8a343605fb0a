//! What changed from one run to another: rules, periods, counts and verdicts.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::verdict::verdict;
use super::super::wording::count;
use super::sheet::{Look, Sheet, Sign, Tone};
use crate::record::{PeopleRecord, RunRecord, Standing};

/// In the names of the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub from: Side,
    pub to: Side,
    /// Did both go by the same schedule, byte for byte?
    pub same_schedule: bool,
    /// Rules that only one of the two had.
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// Only what is not the same in both.
    pub rules: Vec<RuleChange>,
    pub promises: Vec<Change<Standing>>,
    pub people: Vec<Change<u64>>,
}

/// One of the two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    pub run: String,
    pub policy: String,
    pub is_dry_run: bool,
    pub as_of: jiff::Timestamp,
    pub verdict: Standing,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleChange {
    pub rule: String,
    pub period: Option<Change<String>>,
    pub verdict: Option<Change<Standing>>,
    pub counts: Vec<Change<u64>>,
}

/// `None` on the side that has none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change<T> {
    pub what: String,
    pub from: Option<T>,
    pub to: Option<T>,
}

impl<T: PartialEq> Change<T> {
    fn between(what: &str, from: Option<T>, to: Option<T>) -> Option<Self> {
        (from != to).then(|| Self { what: what.to_owned(), from, to })
    }
}

impl Difference {
    pub fn between(from: &RunRecord, to: &RunRecord) -> Self {
        let names = |run: &RunRecord| -> BTreeSet<String> { run.rules.iter().map(|rule| rule.rule.clone()).collect() };
        let (before, after) = (names(from), names(to));
        Self {
            from: side(from),
            to: side(to),
            same_schedule: from.schedule.digest == to.schedule.digest,
            added: after.difference(&before).cloned().collect(),
            removed: before.difference(&after).cloned().collect(),
            rules: before.intersection(&after).filter_map(|rule| rule_change(from, to, rule)).collect(),
            promises: promise_changes(from, to),
            people: people_changes(from.people.as_ref(), to.people.as_ref()),
        }
    }

    pub fn is_empty(&self) -> bool {
        let lists = [self.added.is_empty(), self.removed.is_empty(), self.rules.is_empty()];
        self.same_schedule
            && lists.into_iter().all(|is_empty| is_empty)
            && self.promises.is_empty()
            && self.people.is_empty()
    }
}

fn side(run: &RunRecord) -> Side {
    Side {
        run: run.run.clone(),
        policy: run.schedule.name.clone(),
        is_dry_run: run.is_dry_run(),
        as_of: run.as_of,
        verdict: verdict(run).standing,
    }
}

fn rule_change(from: &RunRecord, to: &RunRecord, name: &str) -> Option<RuleChange> {
    let of = |run: &RunRecord| {
        let at = run.rules.iter().position(|rule| rule.rule == name)?;
        Some((run.rules[at].clone(), verdict(run).rules.get(at)?.standing))
    };
    let ((was, stood), (is, stands)) = (of(from)?, of(to)?);
    let counts = [
        ("eligible", was.eligible, is.eligible),
        ("done", was.done, is.done),
        ("held", was.held, is.held),
        ("blocked", was.blocked, is.blocked),
        ("skipped", was.skipped, is.skipped),
        ("remaining", was.remaining, is.remaining),
        ("no_anchor", was.no_anchor, is.no_anchor),
    ];
    let change = RuleChange {
        rule: name.to_owned(),
        period: Change::between("period", Some(was.retain), Some(is.retain)),
        verdict: Change::between("verdict", Some(stood), Some(stands)),
        counts: counts.into_iter().filter_map(|(what, was, is)| Change::between(what, Some(was), Some(is))).collect(),
    };
    (change.period.is_some() || change.verdict.is_some() || !change.counts.is_empty()).then_some(change)
}

fn promise_changes(from: &RunRecord, to: &RunRecord) -> Vec<Change<Standing>> {
    let (before, after) = (verdict(from).promises, verdict(to).promises);
    let names: BTreeSet<_> = before.iter().chain(&after).map(|promise| &promise.promise).collect();
    let of = |all: &[super::super::verdict::PromiseVerdict], name: &str| {
        all.iter().find(|promise| promise.promise == name).map(|promise| promise.standing)
    };
    names.into_iter().filter_map(|name| Change::between(name, of(&before, name), of(&after, name))).collect()
}

fn people_changes(from: Option<&PeopleRecord>, to: Option<&PeopleRecord>) -> Vec<Change<u64>> {
    let counts: [(&str, fn(&PeopleRecord) -> u64); 6] = [
        ("due", |people| people.due),
        ("erased", |people| people.erased),
        ("remaining", |people| people.remaining),
        ("held", |people| people.held),
        ("near_deadline", |people| people.near_deadline),
        ("overdue", |people| people.overdue),
    ];
    counts.into_iter().filter_map(|(what, of)| Change::between(what, from.map(of), to.map(of))).collect()
}

/// For people: what changed, a line each.
pub fn difference(difference: &Difference, look: &Look) -> String {
    let mut sheet = Sheet::new(look);
    for (label, side) in [("from", &difference.from), ("to", &difference.to)] {
        let line = sheet.line().left(Tone::Faint, label, 6).text(Tone::Strong, &side.run);
        let kind = if side.is_dry_run { "plan" } else { "run" };
        let day = side.as_of.strftime("%-d %b %Y %H:%M UTC");
        let line = line.text(Tone::Plain, &format!("  {kind} of {day}, "));
        sheet.put(
            line.text(Tone::of(side.verdict), side.verdict.label()).rest(Tone::Plain, &format!("  {}", side.policy)),
        );
    }
    sheet.blank();
    if difference.is_empty() {
        sheet.put(sheet.line().text(Tone::Plain, "Nothing changed: the same rules, periods, counts and verdicts."));
        return sheet.out();
    }
    let schedule = if difference.same_schedule { "The schedule is the same." } else { "The schedule changed." };
    sheet.put(sheet.line().text(Tone::Plain, schedule));
    sheet.blank();
    for rule in &difference.added {
        sheet.put(
            sheet
                .line()
                .space(2)
                .text(Tone::Good, "+ ")
                .rest(Tone::Plain, &format!("rule {rule}: only in the second run")),
        );
    }
    for rule in &difference.removed {
        sheet.put(
            sheet
                .line()
                .space(2)
                .text(Tone::Bad, "- ")
                .rest(Tone::Plain, &format!("rule {rule}: only in the first run")),
        );
    }
    for promise in &difference.promises {
        put_change(&mut sheet, &format!("promise {}", promise.what), "verdict", &labels(promise));
    }
    for change in &difference.rules {
        let name = format!("rule {}", change.rule);
        change.period.iter().for_each(|period| put_change(&mut sheet, &name, "period", &texts(period, String::clone)));
        change.verdict.iter().for_each(|verdict| put_change(&mut sheet, &name, "verdict", &labels(verdict)));
        change.counts.iter().for_each(|n| put_change(&mut sheet, &name, &n.what, &texts(n, |n| count(*n))));
    }
    difference.people.iter().for_each(|n| put_change(&mut sheet, "people", &n.what, &texts(n, |n| count(*n))));
    sheet.out()
}

fn labels(change: &Change<Standing>) -> [String; 2] {
    texts(change, |standing| standing.label().to_owned())
}

fn texts<T>(change: &Change<T>, text: impl Fn(&T) -> String) -> [String; 2] {
    [&change.from, &change.to].map(|side| side.as_ref().map_or_else(|| "none".to_owned(), &text))
}

/// `  rule logs              done        12 → 40`
fn put_change(sheet: &mut Sheet<'_>, name: &str, what: &str, [from, to]: &[String; 2]) {
    let line = sheet.line().space(2).left(Tone::Plain, name, 34).space(1).left(Tone::Faint, what, 13);
    let line = line.space(1).right(Tone::Plain, from, 12).space(1).sign(Tone::Faint, Sign::To).space(1);
    sheet.put(line.rest(Tone::Strong, to));
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::*;

    #[test]
    fn a_run_is_not_different_from_itself() {
        let run = samples::erased_people();
        assert!(Difference::between(&run, &run).is_empty());
    }

    #[test]
    fn rules_periods_counts_people_and_verdicts_are_compared() {
        let before = samples::erased_people();
        let mut after = before.clone();
        after.schedule.digest = "sha256:other".into();
        after.rules.remove(0);
        after.rules[0].retain = "within 20 days of closing".into();
        after.rules[0].blocked = 0;
        after.rules[0].done = 7;
        let people = after.people.as_mut().unwrap();
        (people.overdue, people.near_deadline) = (0, 0);
        let found = Difference::between(&before, &after);
        insta::assert_snapshot!(difference(&found, &Look { width: 80, drawn: true, colour: false }));
    }

    #[test]
    fn a_verdict_that_changed_alone_is_a_difference() {
        let before = samples::everything_fine();
        let mut after = before.clone();
        after.rules[0].status = crate::record::Status::Failed;
        let found = Difference::between(&before, &after);
        assert_eq!(found.promises.len(), 1);
        assert_eq!(found.promises[0].to, Some(Standing::Broken));
        assert_eq!(found.rules[0].verdict.as_ref().unwrap().to, Some(Standing::Broken));
    }
}
