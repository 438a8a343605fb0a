//! One screen of a run or a dry run.

use jiff::Timestamp;

use super::super::text::summary_line;
use super::super::verdict::{Verdict, verdict};
use super::super::wording::{count, elapsed, rows};
use super::sheet::{Look, Sheet, Sign, Tone};
use super::{people, promises, rules, warnings};
use crate::record::{RuleRecord, RunRecord, Standing, Status};

/// How the command was called, so that the next one can be typed as it is shown.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// What names config, schedules and database, with a space before it.
    pub options: String,
    /// The rules that were named, with a space before each.
    pub rules: String,
    /// What `tenure approve` wants of these beside the run.
    pub to_approve: String,
}

/// Runs one after the other. Runs of single requests, beside others, have a line each.
pub fn runs(runs: &[RunRecord], typed: &Typed, look: &Look) -> String {
    let mut sheet = Sheet::new(look);
    if runs.is_empty() {
        sheet.put(sheet.line().text(Tone::Plain, "No run: nothing was due, nothing was checked, nothing was changed."));
    }
    let (of_requests, whole): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.is_asked_for() && runs.len() > 1);
    for run in whole {
        sheet.blank();
        put_run(&mut sheet, run, typed);
    }
    if !of_requests.is_empty() {
        sheet.blank();
        sheet.put(sheet.line().space(2).text(Tone::Faint, "RUNS OF SINGLE REQUESTS"));
    }
    for run in of_requests {
        let standing = verdict(run).standing;
        let line = sheet.line().space(2).sign(Tone::of(standing), Sign::of(standing)).space(1);
        let line = line.rest(Tone::Plain, &format!("{}  {}", run.run, summary_line(run)));
        sheet.put(line);
    }
    sheet.out()
}

fn put_run(sheet: &mut Sheet<'_>, run: &RunRecord, typed: &Typed) {
    let verdict = verdict(run);
    put_head(sheet, run, &verdict);
    sheet.blank();
    put_totals(sheet, run);
    sheet.blank();
    promises::put(sheet, run, &verdict);
    sheet.blank();
    rules::put(sheet, run, &verdict.rules);
    sheet.blank();
    people::put(sheet, run);
    sheet.blank();
    warnings::put(sheet, run, &verdict);
    sheet.blank();
    put_next(sheet, run, typed);
}

fn put_head(sheet: &mut Sheet<'_>, run: &RunRecord, verdict: &Verdict) {
    let what = if run.is_dry_run() { "Plan".to_owned() } else { format!("Run {}", run.run) };
    let mut facts = vec![(Tone::Strong, what), (Tone::Strong, run.schedule.name.clone())];
    facts.extend(run.rules.first().map(|rule| (Tone::Plain, rule.database.clone())));
    sheet.facts(0, "", &facts);
    let mut facts = vec![(Tone::Faint, format!("as of {}", minute(run.as_of)))];
    if run.is_dry_run() {
        facts.push((Tone::Faint, "DRY RUN: nothing was changed".to_owned()));
    }
    let took = run.finished.map(|finished| finished.duration_since(run.started).as_millis());
    facts.extend(took.and_then(|ms| u64::try_from(ms).ok()).map(|ms| (Tone::Faint, elapsed(ms))));
    facts.extend(run.ledger.as_ref().map(|ledger| (Tone::Faint, format!("ledger entry {}", count(ledger.entry)))));
    sheet.facts(0, "", &facts);
    let tone = Tone::of(verdict.standing);
    let line = sheet.line().sign(tone, Sign::of(verdict.standing)).space(1);
    let line = line.text(tone, &format!("{}: ", verdict.standing.label().to_uppercase()));
    let line = line.rest(Tone::Plain, &verdict.headline);
    sheet.put(line);
}

/// `30 Nov 2026 16:10 UTC`
fn minute(at: Timestamp) -> String {
    at.strftime("%-d %b %Y %H:%M UTC").to_string()
}

/// What goes by what is done with it, and what stays.
fn put_totals(sheet: &mut Sheet<'_>, run: &RunRecord) {
    let sum = |of: &dyn Fn(&RuleRecord) -> u64| run.rules.iter().fold(0u64, |sum, rule| sum.saturating_add(of(rule)));
    let goes =
        |rule: &RuleRecord| rule.status != Status::Guarded && rule.status != Status::Failed && rule.paused.is_none();
    let going = |action: &str| {
        sum(&|rule| match run.is_dry_run() {
            true if goes(rule) && rule.action == action => rule.remaining,
            false if rule.action == action => rule.done,
            _ => 0,
        })
    };
    let dry_run = run.is_dry_run();
    let verb = |plan, past| if dry_run { plan } else { past };
    let mut facts: Vec<_> = [
        (going("delete"), verb("to delete", "deleted")),
        (going("aggregate"), verb("to roll up", "rolled up")),
        (going("redact"), verb("to redact", "redacted")),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, verb)| (Tone::Strong, format!("{} {verb}", count(n))))
    .collect();
    if facts.is_empty() {
        facts.push((Tone::Strong, verb("no row would change", "no row was changed").to_owned()));
    }
    let along = |rule: &RuleRecord| match rule.status != Status::Guarded {
        true => rule.cascaded.values().fold(0u64, |sum, rows| sum.saturating_add(*rows)),
        false => 0,
    };
    let cascades = sum(&along);
    if cascades > 0 {
        facts.push((Tone::Plain, format!("cascades: {}", rows(cascades))));
    }
    sheet.facts(2, "", &facts);
    let guarded = sum(&|rule| if rule.status == Status::Guarded { rule.remaining } else { 0 });
    let left = sum(&|rule| if rule.status == Status::Guarded || dry_run { 0 } else { rule.remaining });
    let told =
        |n: u64, what: &str, tone: Tone| (if n > 0 { tone } else { Tone::Faint }, format!("{} {what}", count(n)));
    let mut facts = vec![
        told(sum(&|rule| rule.held), "held", Tone::Plain),
        told(sum(&|rule| rule.blocked), "blocked", Tone::Doubtful),
        told(guarded, "stopped by guards", Tone::Doubtful),
    ];
    if !dry_run {
        facts.push(told(left, "remaining", Tone::Doubtful));
    }
    sheet.facts(2, "", &facts);
}

/// What to type next.
fn put_next(sheet: &mut Sheet<'_>, run: &RunRecord, typed: &Typed) {
    let Typed { options, rules, to_approve } = typed;
    let is_guarded = run.rules.iter().any(|rule| rule.status == Status::Guarded);
    let mut next = Vec::new();
    if is_guarded {
        sheet.sentence(Tone::Doubtful, Sign::Doubtful, why_it_asks(run), 3);
    }
    let is_done = verdict(run).standing == Standing::Kept;
    if run.is_dry_run() {
        if !is_done {
            next.push(("To do this", format!("tenure run{rules}{options}")));
        }
        next.push(("Details", format!("tenure report {}{options}", run.run)));
        next.push(("Statements", format!("tenure plan --sql{rules}{options}")));
    } else {
        if is_guarded && !run.is_asked_for() {
            next.push(("To let it go", format!("tenure approve {}{to_approve}", run.run)));
        }
        next.push(("Details", format!("tenure report {}{options}", run.run)));
        next.push(("Proof", format!("tenure verify{options}")));
    }
    let columns = next.iter().map(|(label, _)| label.len()).max().unwrap_or_default() + 1;
    for (label, command) in next {
        let line = sheet.line().space(2).left(Tone::Faint, &format!("{label}:"), columns).space(2);
        // A command is to be copied, so it is never cut.
        sheet.put(line.text(Tone::Strong, &command));
    }
}

/// Why a guard is right to ask.
fn why_it_asks(run: &RunRecord) -> &'static str {
    match run.since {
        None => {
            "tenure asks first: nothing brings these rows back, and a wrong unit or column looks just like a first purge. If the \
             rows and their ages are right, let it go."
        }
        Some(_) => {
            "tenure asks first: nothing brings these rows back, and this is more than the limit allows. If the rows and their \
             ages are right, let it go."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::*;
    use crate::base::visible::is_unseen;

    const DRAWN: Look = Look { width: 80, drawn: true, colour: false };

    fn typed() -> Typed {
        Typed { options: " --config c.toml".into(), rules: String::new(), to_approve: " --config c.toml".into() }
    }

    #[test]
    fn a_plan_of_many_rules_fits_a_screen() {
        let screen = runs(&[samples::a_whole_policy()], &typed(), &DRAWN);
        assert!(screen.lines().count() <= 45, "{screen}");
        insta::assert_snapshot!(screen);
    }

    #[test]
    fn off_a_terminal_the_lines_are_the_same_in_plain_letters() {
        let run = [samples::a_whole_policy()];
        let (drawn, plain) = (runs(&run, &typed(), &DRAWN), runs(&run, &typed(), &Look::PLAIN));
        assert!(plain.is_ascii(), "{plain}");
        assert_eq!(drawn.lines().count(), plain.lines().count());
        insta::assert_snapshot!(plain);
    }

    #[test]
    fn a_run_that_kept_every_promise() {
        insta::assert_snapshot!(runs(&[samples::everything_fine()], &typed(), &DRAWN));
    }

    #[test]
    fn a_run_that_a_guard_stopped_says_what_to_type_and_why() {
        insta::assert_snapshot!(runs(&[samples::a_guard()], &typed(), &DRAWN));
    }

    #[test]
    fn a_run_with_a_failure() {
        insta::assert_snapshot!(runs(&[samples::a_failure()], &typed(), &DRAWN));
    }

    #[test]
    fn a_run_that_erased_people_and_runs_of_single_requests_beside_it() {
        let mut of_one = samples::erased_people();
        of_one.people.as_mut().unwrap().asked_for = true;
        insta::assert_snapshot!(runs(&[samples::erased_people(), of_one], &typed(), &DRAWN));
    }

    #[test]
    fn every_line_fits_the_terminal_but_a_command() {
        use unicode_width::UnicodeWidthStr as _;
        for width in [60, 80, 120] {
            for run in samples::all().into_iter().chain([samples::a_whole_policy()]) {
                let screen = runs(&[run], &Typed::default(), &Look { width, ..DRAWN });
                for line in screen.lines().filter(|line| !line.contains(":  tenure ")) {
                    assert!(line.width() <= width, "{width}: {line}");
                }
            }
        }
    }

    #[test]
    fn no_name_steers_the_terminal_or_adds_a_line() {
        let screen = runs(&[samples::hostile()], &Typed::default(), &DRAWN);
        assert!(!screen.chars().any(|c| c != '\n' && is_unseen(c)), "{screen}");
    }
}
