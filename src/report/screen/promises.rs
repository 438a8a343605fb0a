//! The table of promises: how each stands now and after a run, or what came of it.

use unicode_width::UnicodeWidthStr as _;

use super::super::verdict::{PromiseVerdict, Verdict};
use super::super::wording::count;
use super::sheet::{Sheet, Sign, Tone};
use crate::record::{RuleRecord, RunRecord, Standing, Status};

/// So many promises are shown.
const ROOM: usize = 10;

pub(super) fn put(sheet: &mut Sheet<'_>, run: &RunRecord, verdict: &Verdict) {
    let promises = &verdict.promises;
    if promises.is_empty() {
        return;
    }
    let shown = if promises.len() <= ROOM + 1 { promises.len() } else { ROOM };
    let widest = promises.iter().take(shown).map(|promise| name(run, promise).width()).max().unwrap_or_default();
    let columns = widest.max("PROMISE".len()).min(sheet.look.width - 44);
    let (then, now) = if run.is_dry_run() { ("AFTER A RUN", "NOW") } else { ("", "WHAT CAME OF IT") };
    let head = sheet.line().space(4).left(Tone::Faint, "PROMISE", columns).space(2);
    let line = head.left(Tone::Faint, now, NOW).rest(Tone::Faint, then);
    sheet.put(line);
    for promise in &promises[..shown] {
        let borne = Borne::by(run, &promise.promise);
        let (now, then) = match run.is_dry_run() {
            true => (borne.due(promise.standing), borne.after(promise.standing).to_owned()),
            false => (promise.standing.label().to_owned(), borne.came_of(promise)),
        };
        let line = sheet.line().space(2).sign(Tone::of(promise.standing), Sign::of(promise.standing)).space(1);
        let line = line.left(Tone::Plain, &name(run, promise), columns).space(2);
        sheet.put(line.left(Tone::of(promise.standing), &now, NOW).rest(Tone::Plain, &then));
    }
    if promises.len() > shown {
        sheet.more(4, &format!("{} more", promises.len() - shown));
    }
}

/// Columns of how it stands.
const NOW: usize = 14;

/// `A1  technical-logs, error-logs`: its number, and by what it is kept.
fn name(run: &RunRecord, promise: &PromiseVerdict) -> String {
    let borne = Borne::by(run, &promise.promise);
    let people = borne.is_of_people.then_some("closed accounts");
    let rules = borne.rules.iter().filter(|rule| !rule.is_erasure()).map(|rule| rule.rule.as_str());
    let by: Vec<_> = people.into_iter().chain(rules).collect();
    format!("{}  {}", promise.promise, by.join(", "))
}

/// What bears a promise.
struct Borne<'r> {
    rules: Vec<&'r RuleRecord>,
    is_of_people: bool,
    /// People and requests whose days are over.
    late: u64,
}

impl<'r> Borne<'r> {
    fn by(run: &'r RunRecord, promise: &str) -> Self {
        let bears = |promises: &[String]| promises.iter().any(|one| one == promise);
        let people = run.people.as_ref().filter(|people| bears(&people.promises));
        let requests = run.requests.as_ref().filter(|requests| bears(&requests.promises));
        let late = people.map_or(0, |people| people.overdue) + requests.map_or(0, |requests| requests.overdue);
        let rules = run.rules.iter().filter(|rule| bears(&rule.promises)).collect();
        Self { rules, is_of_people: people.is_some(), late }
    }

    fn sum(&self, of: fn(&RuleRecord) -> u64) -> u64 {
        self.rules.iter().fold(0, |sum, rule| sum.saturating_add(of(rule)))
    }

    /// How it stands now, by figures where there are any.
    fn due(&self, standing: Standing) -> String {
        let due = self.sum(|rule| rule.remaining);
        match (self.late, due) {
            _ if standing.is_kept() => "kept".to_owned(),
            (late, _) if late > 0 => format!("{} late", count(late)),
            (_, due) if due > 0 => format!("{} due", count(due)),
            _ => standing.label().to_owned(),
        }
    }

    /// What a run would make of it. What nobody foresees is at risk or not known, and never kept.
    fn after(&self, standing: Standing) -> &'static str {
        let any = |is: fn(&RuleRecord) -> bool| self.rules.iter().any(|rule| is(rule));
        match standing {
            Standing::Kept | Standing::Overdue => "kept",
            _ if any(|rule| rule.status == Status::Failed) => "not known: a rule fails",
            _ if any(|rule| rule.status == Status::Guarded) => "a guard asks first",
            _ if any(|rule| rule.paused.is_some() && rule.remaining > 0) => "waits: paused",
            _ if any(|rule| rule.blocked > 0) => "rows stay: blocked",
            _ if self.late > 0 => "done, but late",
            standing => standing.label(),
        }
    }

    /// What a run did for it, or why it is not kept.
    fn came_of(&self, promise: &PromiseVerdict) -> String {
        let done = self.sum(|rule| rule.done);
        match (promise.standing, promise.reasons.first()) {
            (Standing::Kept, _) if done == 0 => "nothing was due".to_owned(),
            (Standing::Kept, _) => format!("{} done", super::super::wording::rows(done)),
            (Standing::Broken, _) if self.late > 0 => format!("done, but {} late", count(self.late)),
            (_, reason) => reason.cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{samples, verdict};
    use super::*;

    #[test]
    fn what_nobody_foresees_is_never_called_kept() {
        let nothing_known = Borne { rules: vec![], is_of_people: false, late: 0 };
        for standing in [Standing::AtRisk, Standing::Unknown, Standing::Broken] {
            assert_ne!(nothing_known.after(standing), "kept");
            assert_ne!(nothing_known.due(standing), "kept");
        }
        let guarded = samples::a_guard();
        let borne = Borne::by(&guarded, "A1");
        assert_eq!(
            (borne.due(Standing::AtRisk).as_str(), borne.after(Standing::AtRisk)),
            ("81,000 due", "a guard asks first")
        );
    }

    #[test]
    fn people_who_waited_too_long_are_late_before_the_run_and_after_it() {
        let run = samples::erased_people();
        let borne = Borne::by(&run, "A5");
        assert_eq!((borne.due(Standing::Broken).as_str(), borne.after(Standing::Broken)), ("1 late", "done, but late"));
        let judged = verdict(&run);
        assert_eq!(borne.came_of(&judged.promises[0]), "done, but 1 late");
    }
}
