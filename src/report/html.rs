//! The report as one self-contained HTML file: inline style, no script, nothing fetched. It reads on a screen, on a phone,
//! in the dark, in a screen reader and on A4 paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::record::{HoldRecord, RuleRecord, RunRecord};
use super::verdict::{PromiseVerdict, RuleVerdict, Standing, Verdict, verdict};
use super::visible::visible_lines;
use super::wording::{DRY_RUN, Fact, IMBALANCE, RESIDUAL, count, instant, provenance, rule_outcome, rule_terms, terms};

const STYLE: &str = include_str!("html.css");

/// Even if a name broke out of its place, nothing would run and nothing would be fetched.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// One document with the reports of all runs.
pub fn render(runs: &[RunRecord]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_POLICY);
                title { (title(runs)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { "Retention report" }
                    @if runs.is_empty() {
                        p { "No run: nothing was due, nothing was checked, nothing was changed." }
                    }
                    @for run in runs {
                        (article(run))
                    }
                }
            }
        }
    };
    visible_lines(&page.into_string())
}

fn title(runs: &[RunRecord]) -> String {
    match runs {
        [run] => {
            let mark = if run.is_dry_run() { "DRY RUN: " } else { "" };
            format!("{mark}{} — {}", verdict(run).standing.label(), run.schedule.name)
        }
        runs => format!("Retention report of {} runs", runs.len()),
    }
}

fn article(run: &RunRecord) -> Markup {
    let verdict = verdict(run);
    html! {
        article {
            (verdict_band(run, &verdict))
            (promises(&verdict.promises))
            (rules(run, &verdict.rules))
            (holds(&run.holds))
            (notes(&run.notes))
            section {
                h3 { "Evidence" }
                (facts(&provenance(run)))
            }
            section {
                h3 { "What remains elsewhere" }
                p { (RESIDUAL) }
            }
            (dry_run_mark(run))
        }
    }
}

fn dry_run_mark(run: &RunRecord) -> Markup {
    html! { @if run.is_dry_run() { p.dry { (DRY_RUN) } } }
}

fn verdict_band(run: &RunRecord, verdict: &Verdict) -> Markup {
    html! {
        (dry_run_mark(run))
        header class={ "verdict " (class(verdict.standing)) } {
            (badge(verdict.standing))
            h2 { (verdict.headline) }
            @for reason in &verdict.reasons {
                p.about { (reason) }
            }
            p.about { bdi { (run.schedule.name) } ", as of " (instant(run.as_of)) }
        }
    }
}

fn promises(promises: &[PromiseVerdict]) -> Markup {
    html! {
        @if !promises.is_empty() {
            section {
                h3 { "Promises" }
                table {
                    thead { tr { th scope="col" { "Promise" } th scope="col" { "Verdict" } th scope="col" { "Because" } } }
                    tbody {
                        @for promise in promises {
                            tr {
                                th scope="row" { bdi { (promise.promise) } }
                                td { (badge(promise.standing)) }
                                td { @for reason in &promise.reasons { p { bdi { (reason) } } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn rules(run: &RunRecord, judged: &[RuleVerdict]) -> Markup {
    html! {
        @if !run.rules.is_empty() {
            section {
                h3 { "Rules" }
                @for (rule, verdict) in run.rules.iter().zip(judged) {
                    (rule_section(run, rule, verdict))
                }
            }
        }
    }
}

fn rule_section(run: &RunRecord, rule: &RuleRecord, verdict: &RuleVerdict) -> Markup {
    html! {
        section.rule {
            header {
                h4 { bdi { (rule.rule) } }
                (badge(verdict.standing))
            }
            p { (verdict.reason) }
            @if !rule.balances() {
                p.alarm role="alert" { (IMBALANCE) }
            }
            (share_bar(rule))
            div.columns {
                (account(rule))
                div {
                    (facts(&[rule_outcome(run, rule), rule_terms(rule)].into_iter().flatten().collect::<Vec<_>>()))
                }
            }
            (statements(rule))
        }
    }
}

/// The equation as an account: what was eligible, and what became of it.
fn account(rule: &RuleRecord) -> Markup {
    html! {
        table.account {
            thead { tr { th scope="col" { "What became of them" } th scope="col" { "Rows" } } }
            tbody {
                tr { th scope="row" { "eligible" } td { (count(rule.eligible)) } }
                @for (i, (name, n)) in terms(rule).into_iter().enumerate() {
                    tr {
                        th scope="row" {
                            span class={ "swatch " (name) } {}
                            (if i == 0 { "= " } else { "+ " }) (name)
                        }
                        td { (count(n)) }
                    }
                }
            }
            tfoot {
                tr {
                    @if rule.balances() {
                        th scope="row" colspan="2" { "The account balances." }
                    } @else {
                        th.alarm scope="row" colspan="2" { "Only " (count(rule.accounted())) " accounted for" }
                    }
                }
            }
        }
    }
}

/// The shares of the account as a bar. It says nothing that the account does not, so it is hidden from screen readers.
fn share_bar(rule: &RuleRecord) -> Markup {
    let mut x = 0.0;
    let slices = terms(rule).map(|(name, n)| {
        let width = n as f64 / rule.eligible as f64 * 100.0;
        x += width;
        (name, x - width, width)
    });
    html! {
        @if rule.eligible > 0 && rule.balances() {
            svg.share viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                @for (name, x, width) in slices {
                    @if width > 0.0 {
                        rect class=(name) x=(format!("{x:.3}")) width=(format!("{width:.3}")) height="1" {}
                    }
                }
            }
        }
    }
}

fn statements(rule: &RuleRecord) -> Markup {
    html! {
        @if !rule.statements.is_empty() {
            div.statements {
                p { "Statements" }
                @for statement in &rule.statements {
                    pre { code dir="ltr" { (statement) } }
                }
            }
        }
    }
}

fn holds(holds: &[HoldRecord]) -> Markup {
    html! {
        @if !holds.is_empty() {
            section {
                h3 { "Holds in force" }
                table {
                    thead {
                        tr { th scope="col" { "Hold" } th scope="col" { "Table" } th scope="col" { "Term" } th scope="col" { "Reason" } }
                    }
                    tbody {
                        @for hold in holds {
                            tr {
                                th scope="row" { bdi { (hold.hold) } }
                                td { bdi { (hold.table) } }
                                td { bdi { (hold.term) } }
                                td { bdi { (hold.reason) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn notes(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() {
            section {
                h3 { "Notes" }
                ul.notes { @for note in notes { li { bdi { (note) } } } }
            }
        }
    }
}

/// Names stand in `bdi`, so that one in a script written from right to left leaves the words around it in their order.
fn facts(facts: &[Fact]) -> Markup {
    html! {
        dl {
            @for fact in facts {
                dt { (fact.label) }
                dd { bdi { (fact.value) } }
            }
        }
    }
}

fn badge(standing: Standing) -> Markup {
    html! { span class={ "badge " (class(standing)) } { (standing.label()) } }
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Kept => "kept",
        Standing::Overdue => "overdue",
        Standing::AtRisk => "at-risk",
        Standing::Unknown => "not-known",
        Standing::Broken => "broken",
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_page_of_a_dry_run_with_a_hold() {
        insta::assert_snapshot!(render(&[samples::a_dry_run_with_sql()]).replace(STYLE, ""));
    }

    #[test]
    fn the_page_of_a_failure() {
        insta::assert_snapshot!(render(&[samples::a_failure()]).replace(STYLE, ""));
    }

    #[test]
    fn the_page_fetches_nothing_and_runs_nothing() {
        let page = render(&samples::all());
        for reach in ["<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import", "://"] {
            assert!(!page.contains(reach), "{reach}");
        }
    }

    #[test]
    fn every_column_and_row_has_a_header_that_says_which_it_is() {
        let page = render(&samples::all());
        assert_eq!(page.matches("<th ").count(), page.matches(" scope=\"").count());
        assert!(!page.contains("<th>"));
    }

    #[test]
    fn a_run_that_found_nothing_and_no_run_at_all_say_so() {
        assert!(render(&[samples::nothing_to_do()]).contains("Nothing was past its period: no row was changed."));
        assert!(render(&[]).contains("No run: nothing was due"));
    }

    #[test]
    fn no_name_becomes_markup() {
        let page = render(&[samples::hostile()]);
        for broken_out in ["<script", "<img", "<b>", "<root>", "<A1>", "<!--", "--><", "\u{1b}", "\u{202e}", "\u{2066}"]
        {
            assert!(!page.contains(broken_out), "{broken_out:?}");
        }
        assert_eq!(page.matches("<style").count(), 1);
        assert!(page.contains("&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u{2066}"));
    }
}
