//! The report for a terminal, a log or the plain part of a mail: 78 columns, no colours, nothing that a terminal obeys.

use unicode_width::UnicodeWidthStr as _;

use super::page::{LABELS, Page, WIDTH};
use super::past::{Age, changes, runs_of};
use super::verdict::{PromiseVerdict, RuleVerdict, Verdict, verdict};
use super::wording::{
    Account, DRY_RUN, IMBALANCE, check, count, extent, first_reasons, instant, particulars, people_facts, provenance,
    requests_facts, residual, to_do,
};
use crate::base::visible::visible;
use crate::record::{HoldRecord, RuleRecord, RunRecord};

/// Characters of the bar that shows an age against its limit.
const BAR: usize = 20;

/// The reports of all runs, one after the other.
pub fn render(runs: &[RunRecord]) -> String {
    let mut page = Page::default();
    if runs.is_empty() {
        page.paragraph(0, "No run: nothing was due, nothing was checked, nothing was changed.");
    }
    for (i, run) in runs.iter().enumerate() {
        if i > 0 {
            page.rule_off();
        }
        write_run(&mut page, run);
    }
    page.out
}

/// One line for the log and the terminal, of whatever length: verdict, run, and the sums of its rules.
pub fn summary_line(run: &RunRecord) -> String {
    let mark = if run.is_dry_run() { format!("{DRY_RUN}: ") } else { String::new() };
    let rules = if run.rules.len() == 1 { "1 rule".to_owned() } else { format!("{} rules", run.rules.len()) };
    let account = Account::of(&run.rules);
    let terms = account.terms.map(|(name, n)| format!("{} {name}", count(n))).join(", ");
    visible(&format!(
        "{mark}{}: {}, run {} ({}), {rules}: {} eligible, {terms}",
        verdict(run).standing.label(),
        run.schedule.name,
        run.run,
        run.worst_status(),
        count(account.eligible),
    ))
}

fn write_run(page: &mut Page, run: &RunRecord) {
    let verdict = verdict(run);
    write_dry_run_mark(page, run);
    write_verdict(page, run, &verdict);
    write_promises(page, run, &verdict.promises);
    write_to_do(page, &to_do(run, &verdict));
    write_sentences(page, "Since the last run", &changes(run, &verdict));
    write_people(page, run);
    write_rules(page, run, &verdict.rules);
    write_holds(page, &run.holds);
    write_sentences(page, "Notes", &run.notes);
    write_provenance(page, run);
    write_sentences(page, "How to check this page", &[check(run)]);
    write_sentences(page, "What remains elsewhere", &residual(run));
    write_dry_run_mark(page, run);
}

/// Above and below, so that it is on the screen wherever the reader stops.
fn write_dry_run_mark(page: &mut Page, run: &RunRecord) {
    if run.is_dry_run() {
        page.rule_off();
        page.paragraph(WIDTH.saturating_sub(DRY_RUN.width()) / 2, DRY_RUN);
        page.rule_off();
    }
}

fn write_verdict(page: &mut Page, run: &RunRecord, verdict: &Verdict) {
    page.paragraph(0, &format!("{} — {}", verdict.standing.label().to_uppercase(), verdict.headline));
    for reason in &verdict.reasons {
        page.paragraph(2, reason);
    }
    page.blank();
    page.paragraph(0, &format!("Retention report: {}", run.schedule.name));
    page.paragraph(0, &format!("As of {}. {}", instant(run.as_of), extent(run)));
}

fn write_promises(page: &mut Page, run: &RunRecord, promises: &[PromiseVerdict]) {
    if promises.is_empty() {
        return;
    }
    page.heading("Promises");
    for promise in promises {
        page.entry(&promise.promise, &promise.standing.label().to_uppercase());
        if let Some(published) = run.schedule.promises.get(&promise.promise) {
            page.paragraph(2 + LABELS, &format!("“{}”", published.text));
        }
        for reason in first_reasons(promise) {
            page.paragraph(2 + LABELS, &reason);
        }
    }
}

fn write_to_do(page: &mut Page, to_do: &[(String, String)]) {
    if to_do.is_empty() {
        return;
    }
    page.heading("What needs doing");
    for (rule, why) in to_do {
        page.item(&format!("{rule}: {why}"));
    }
}

fn write_sentences<T: AsRef<str>>(page: &mut Page, heading: &str, sentences: &[T]) {
    if sentences.is_empty() {
        return;
    }
    page.heading(heading);
    for sentence in sentences {
        page.item(sentence.as_ref());
    }
}

fn write_people(page: &mut Page, run: &RunRecord) {
    let of_people = run.people.as_ref().map(|people| ("People", people_facts(people)));
    let of_requests = run.requests.as_ref().map(|requests| ("Requests for erasure", requests_facts(requests)));
    for (heading, facts) in of_people.into_iter().chain(of_requests) {
        page.heading(heading);
        facts.iter().for_each(|fact| page.entry(fact.label, &fact.value));
    }
}

fn write_rules(page: &mut Page, run: &RunRecord, judged: &[RuleVerdict]) {
    for (rule, verdict) in run.rules.iter().zip(judged) {
        let mark = if run.is_dry_run() { " (dry run)" } else { "" };
        page.heading(&format!("Rule {} — {}{mark}", rule.rule, verdict.standing.label().to_uppercase()));
        page.paragraph(2, &verdict.reason);
        if !rule.balances() {
            page.paragraph(2, &format!("*** {IMBALANCE} ***"));
        }
        write_account(page, rule);
        for fact in particulars(run, rule) {
            page.entry(fact.label, &fact.value);
        }
        write_age(page, run, rule);
        write_trend(page, run, rule);
        for statement in &rule.statements {
            page.statement(statement);
        }
    }
}

/// The equation as a sum, one term a line.
fn write_account(page: &mut Page, rule: &RuleRecord) {
    let account = Account::of(std::slice::from_ref(rule));
    let sign = if account.balances() { "=" } else { "≠" };
    let signs = [" ", sign, "+", "+", "+", "+"];
    let lines: Vec<_> = std::iter::once(("eligible", account.eligible)).chain(account.terms).collect();
    let width = lines.iter().map(|(_, n)| count(*n).len()).max().unwrap_or_default();
    for (sign, (name, n)) in signs.into_iter().zip(lines) {
        page.line(4, &format!("{sign} {:>width$} {name}", count(n)));
    }
}

/// How full the limit is: a bar of [`BAR`] characters, which a row that is too old overflows.
fn write_age(page: &mut Page, run: &RunRecord, rule: &RuleRecord) {
    let Some(age) = Age::of(run, rule) else { return };
    let filled = usize::try_from(age.percent()).unwrap_or(usize::MAX).min(100) * BAR / 100;
    let over = if age.is_over() { "!" } else { "" };
    page.entry(
        "its age",
        &format!("[{}{}]{over} {}", "#".repeat(filled), ".".repeat(BAR - filled), age.sentence(rule)),
    );
}

fn write_trend(page: &mut Page, run: &RunRecord, rule: &RuleRecord) {
    let runs = runs_of(run, rule);
    let Some(first) = runs.first() else { return };
    let rows: Vec<_> = runs.iter().map(|run| count(run.rows)).collect();
    let series = format!("rows gone in {} runs since {}: {}", runs.len(), instant(first.at), rows.join("; "));
    page.entry("runs so far", &series);
}

fn write_holds(page: &mut Page, holds: &[HoldRecord]) {
    if holds.is_empty() {
        return;
    }
    page.heading("Holds in force");
    for hold in holds {
        page.entry(&hold.hold, &format!("{}, {}: {}", hold.table, hold.term, hold.reason));
    }
}

fn write_provenance(page: &mut Page, run: &RunRecord) {
    page.heading("Evidence");
    for fact in provenance(run) {
        // A digest is longer than the room beside a label, and is not to be broken: it is compared and copied.
        if fact.value.starts_with("sha256:") {
            page.paragraph(2, fact.label);
            page.paragraph(4, &fact.value);
        } else {
            page.entry(fact.label, &fact.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::base::visible::is_unseen;

    #[test]
    fn a_run_that_kept_every_promise() {
        insta::assert_snapshot!(render(&[samples::everything_fine()]));
    }

    #[test]
    fn a_run_after_a_change_of_the_schedule() {
        insta::assert_snapshot!(render(&[samples::a_changed_schedule()]));
    }

    #[test]
    fn a_run_of_some_rules_says_of_which_it_says_nothing() {
        let mut run = samples::nothing_to_do();
        run.schedule.periods =
            run.rules.iter().map(|rule| &rule.rule).map(|rule| (rule.clone(), "30 days".to_owned())).collect();
        let reasons = |run: &RunRecord| verdict(run).reasons;
        assert_eq!(reasons(&run), [""; 0]);
        run.rules.pop();
        let sentence = "of the schedule's 2 rules 1 had no part in this run, and nothing is said of them: transcripts";
        assert_eq!(reasons(&run), [sentence]);
        assert!(verdict(&run).standing.is_kept());
    }

    #[test]
    fn a_run_that_found_nothing_says_so() {
        insta::assert_snapshot!(render(&[samples::nothing_to_do()]));
    }

    #[test]
    fn a_run_with_a_failure_and_a_rule_whose_counts_do_not_add_up() {
        insta::assert_snapshot!(render(&[samples::a_failure()]));
    }

    #[test]
    fn a_run_that_a_guard_stopped() {
        insta::assert_snapshot!(render(&[samples::a_guard()]));
    }

    #[test]
    fn a_run_with_holds() {
        insta::assert_snapshot!(render(&[samples::a_hold()]));
    }

    #[test]
    fn a_dry_run_with_its_statements() {
        insta::assert_snapshot!(render(&[samples::a_dry_run_with_sql()]));
    }

    #[test]
    fn a_run_that_erased_people() {
        insta::assert_snapshot!(render(&[samples::erased_people()]));
    }

    #[test]
    fn no_run_and_several_runs_are_told_apart() {
        assert!(render(&[]).starts_with("No run: nothing was due"));
        let both = render(&[samples::nothing_to_do(), samples::a_guard()]);
        assert_eq!(both.matches("\nEvidence\n").count(), 2);
    }

    #[test]
    fn summary_lines_say_it_all_in_one_line() {
        let lines: Vec<String> = samples::all().iter().map(summary_line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn no_name_steers_the_terminal_or_adds_a_line() {
        let run = samples::hostile();
        let page = render(std::slice::from_ref(&run));
        assert!(page.contains("a\\u{1b}[31m\\r\\n\\u{7}b\\u{200f}<!--"), "{page}");
        assert!(!page.chars().any(|c| c != '\n' && is_unseen(c)));
        assert!(!summary_line(&run).chars().any(is_unseen));
    }
}
