//! The report as one self-contained HTML file: no script, nothing fetched, every style on its element. It reads on a screen, on a
//! phone, in the dark, in a screen reader and on A4 paper. `letter.rs` is the mail that it is attached to.

pub mod certificate;
mod charts;
pub mod letter;
mod parts;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::parts::{Column, badge, facts, heading, name, section, table};
use super::paint::{Look, Paint, look, style_sheet};
use super::past::{Age, changes};
use super::verdict::{PromiseVerdict, RuleVerdict, Verdict, verdict};
use super::wording::standing_in_words;
use super::wording::{
    Account, DRY_RUN, Fact, IMBALANCE, check, count, extent, first_reasons, instant, particulars,
    people_facts, promise_in_words, provenance, published, requests_facts, residual, title, to_do,
};
use crate::base::visible::visible_lines;
use crate::record::Standing;
use crate::record::{HoldRecord, RuleRecord, RunRecord};

/// Even if a name broke out of its place, nothing would run and nothing would be fetched.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// One document with the reports of all runs.
pub fn render(runs: &[RunRecord]) -> String {
    document(
        &title_of(runs),
        "Retention report",
        on_every_sheet(runs),
        html! {
            @if runs.is_empty() {
                p { "No run: nothing was due, nothing was checked, nothing was changed." }
            }
            @for run in runs {
                (article(run))
            }
        },
    )
}

/// A page of its own; `on_every_sheet` is repeated where it is printed.
fn document(title: &str, heading: &str, on_every_sheet: Option<&'static str>, content: Markup) -> String {
    let body = look(
        &[Paint::Paper, Paint::Ink],
        "margin:0;padding:0;font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_POLICY);
                title { (title) }
                style { (PreEscaped(style_sheet(on_every_sheet))) }
            }
            body class=(body.class) style=(body.style) { (frame(heading, content)) }
        }
    };
    visible_lines(&page.into_string())
}

/// No sheet of a printed dry run may be taken for that of a run.
fn on_every_sheet(runs: &[RunRecord]) -> Option<&'static str> {
    (!runs.is_empty() && runs.iter().all(RunRecord::is_dry_run)).then_some(DRY_RUN)
}

/// Centres the page, also where only tables can.
fn frame(heading: &str, content: Markup) -> Markup {
    let ground = look(&[Paint::Paper, Paint::Ink], "");
    html! {
        table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" {
            tr {
                td.gap align="center" style="padding:24px 12px 40px" {
                    table class={ "page " (ground.class) } role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"
                        style={ "max-width:720px;text-align:left;" (ground.style) } {
                        tr {
                            td style="overflow-wrap:anywhere;word-break:break-word" {
                                main {
                                    h1 style="margin:0 0 12px;font-size:14px;font-weight:600" { (heading) }
                                    (content)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn title_of(runs: &[RunRecord]) -> String {
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
    let judged = run.rules.iter().zip(&verdict.rules);
    let (entries, rules): (Judged, Judged) = judged.partition(|(rule, _)| rule.is_erasure());
    html! {
        article.run {
            (dry_run_mark(run))
            (verdict_band(run, &verdict))
            (promises(run, &verdict.promises))
            (section("What needs doing", &to_do(run, &verdict), |(rule, why)| html! { strong { bdi { (rule) } } ": " bdi { (why) } }))
            (section("Since the last run", &changes(run, &verdict), |said| name(said)))
            (overview(run, &rules))
            (people(run, &entries))
            (details(run, &rules, &entries))
            (holds(&run.holds))
            (section("Notes", &run.notes, |note| name(note)))
            (heading("Evidence"))
            (facts("What makes this page evidence", &provenance(run)))
            (heading("How to check this page"))
            p style="margin:0" { (check(run)) }
            (heading("What remains elsewhere"))
            @for said in residual(run) {
                p style="margin:0 0 8px" { bdi { (said) } }
            }
            (dry_run_mark(run))
        }
    }
}

fn dry_run_mark(run: &RunRecord) -> Markup {
    let mark = look(
        &[Paint::Says(Standing::Overdue)],
        "margin:16px 0;padding:12px 16px;border:2px dashed;font-weight:700;text-align:center",
    );
    html! { @if run.is_dry_run() { p class=(mark.class) style=(mark.style) { (DRY_RUN) } } }
}

fn verdict_band(run: &RunRecord, verdict: &Verdict) -> Markup {
    let band = look(
        &[Paint::Says(verdict.standing), Paint::Tint(verdict.standing)],
        "padding:20px 22px 16px;border-style:solid;border-width:0 0 0 6px",
    );
    let (ink, quiet) = (look(&[Paint::Ink], "margin:4px 0"), look(&[Paint::Quiet], "margin:8px 0 0;font-size:14px"));
    html! {
        header class={ "whole " (band.class) } style=(band.style) {
            p style="margin:0;font-size:16px;font-weight:700" { (standing_in_words(verdict)) }
            h2 class=(ink.class) style={ (ink.style) ";font:600 26px/1.25 Georgia,serif" } { (verdict.headline) }
            @for reason in &verdict.reasons {
                p class=(ink.class) style=(ink.style) { (reason) }
            }
            div class=(ink.class) style=(ink.style) { (account(&Account::of(&run.rules))) }
            p class=(quiet.class) style=(quiet.style) {
                bdi { (run.schedule.name) } br; "As of " (instant(run.as_of)) ". " (extent(run))
            }
        }
    }
}

fn promises(run: &RunRecord, promises: &[PromiseVerdict]) -> Markup {
    html! {
        @if !promises.is_empty() {
            (heading("Promises"))
            (table(
                "Each promise, the worst first",
                [Column::Text("Promise"), Column::Text("Verdict")],
                promises.iter().map(|promise| [promise_cell(run, promise), badge(promise.standing)]),
            ))
        }
    }
}

/// The promise as it was published, and why it stands as it does.
fn promise_cell(run: &RunRecord, promise: &PromiseVerdict) -> Markup {
    let published = run.schedule.promises.get(&promise.promise).and_then(published);
    let quiet = look(&[Paint::Quiet], "margin:0 0 4px;font-weight:400;font-size:13px");
    html! {
        bdi { (promise_in_words(run, &promise.promise)) }
        @if let Some(said) = published { p class=(quiet.class) style=(quiet.style) { bdi { (said) } } }
        @for said in first_reasons(promise) { p style="margin:0 0 4px;font-weight:400" { bdi { (said) } } }
    }
}

/// Rules, or entries of the map of people, with how each of them stands.
type Judged<'r> = Vec<(&'r RuleRecord, &'r RuleVerdict)>;

/// All rules on one screen.
fn overview(run: &RunRecord, rules: &Judged) -> Markup {
    html! {
        @if !rules.is_empty() {
            (heading("Rules"))
            (rows_of(run, "Rows of each rule: gone, and past their period but still there", rules))
        }
    }
}

fn rows_of(run: &RunRecord, caption: &str, judged: &Judged) -> Markup {
    let stays = |rule: &RuleRecord| u128::from(rule.held) + u128::from(rule.blocked) + u128::from(rule.remaining);
    let quiet = look(&[Paint::Quiet], "font-weight:400;font-size:13px");
    table(
        caption,
        [Column::Text("What"), Column::Text("Verdict"), Column::Number("Gone"), Column::Number("Stay")],
        judged.iter().map(|(rule, judged)| {
            [
                html! {
                    bdi { (title(rule)) }
                    @if !rule.is_erasure() && Age::of(run, rule).is_some() {
                        br; span class=(quiet.class) style=(quiet.style) { (charts::age(run, rule)) }
                    }
                },
                badge(judged.standing),
                html! { (count(rule.done)) },
                html! { (count(stays(rule))) },
            ]
        }),
    )
}

/// How the people stand whose data is to be erased, what went of theirs, and the requests that wait.
fn people(run: &RunRecord, entries: &Judged) -> Markup {
    html! {
        @if run.people.is_some() || !entries.is_empty() {
            (heading("People"))
        }
        @if let Some(people) = &run.people {
            (facts_table("People whose accounts are closed, and how far their erasure is", people_facts(people)))
        }
        @if !entries.is_empty() {
            (rows_of(run, "Their data: rows that are gone or name them no more, and rows that stay", entries))
        }
        @if let Some(requests) = &run.requests {
            (heading("Requests for erasure"))
            (facts_table("Requests for erasure that wait, and how their days stand", requests_facts(requests)))
        }
    }
}

fn facts_table(what: &str, facts: Vec<Fact>) -> Markup {
    let rows = facts.into_iter().map(|fact| [html! { (fact.label) }, html! { bdi { (fact.value) } }]);
    table(what, [Column::Text("What"), Column::Text("How many")], rows)
}

/// Every rule and entry with all its particulars, folded; paper has the overviews alone.
fn details(run: &RunRecord, rules: &Judged, entries: &Judged) -> Markup {
    html! {
        @if !run.rules.is_empty() {
            p.unfolded style="display:none" { "The particulars of each rule are in this file on a screen, and in the JSON of the report." }
        }
        @for (title, judged) in [("Rule by rule", rules), ("People's data, place by place", entries)] {
            @if !judged.is_empty() {
                div.folded {
                    (heading(title))
                    @for (rule, verdict) in judged { (particulars_of(run, rule, verdict)) }
                }
            }
        }
    }
}

fn particulars_of(run: &RunRecord, rule: &RuleRecord, verdict: &RuleVerdict) -> Markup {
    let sheet = look(&[Paint::Sheet, Paint::Line], "margin:0 0 8px;padding:8px 14px;border:1px solid");
    let alarm = look(&[Paint::Says(Standing::Broken)], "margin:8px 0;font-weight:600");
    html! {
        details class=(sheet.class) style=(sheet.style) {
            summary style="font-weight:600" {
                bdi { (title(rule)) } " " (badge(verdict.standing))
                @if run.is_dry_run() { " " small { "dry run" } }
            }
            p style="margin:8px 0" { bdi { (verdict.reason) } }
            @if !rule.balances() {
                p role="alert" class=(alarm.class) style=(alarm.style) { (IMBALANCE) }
            }
            (equation(&Account::of(std::slice::from_ref(rule))))
            @if Age::of(run, rule).is_some() { p style="margin:10px 0 3px" { "Oldest row kept: " (charts::age(run, rule)) } }
            (charts::last_runs(run, rule))
            @let called = Fact { label: "rule", value: rule.rule.clone() };
            (facts("Particulars", &[vec![called], particulars(run, rule)].concat()))
            (statements(rule))
        }
    }
}

/// eligible = done + held + blocked + skipped + remaining, its figures beside each other as far as the page is wide.
fn account(account: &Account) -> Markup {
    let label = look(&[Paint::Quiet], "font-size:13px");
    let first = if account.balances() { "= " } else { "≠ " };
    html! {
        div style="margin:6px 0" {
            (figure(&label, "", account.eligible, "eligible"))
            @for (i, (name, n)) in account.terms.into_iter().enumerate() {
                " " (figure(&label, if i == 0 { first } else { "+ " }, n, name))
            }
        }
    }
}

/// The same in a line.
fn equation(account: &Account) -> Markup {
    let sign = if account.balances() { " = " } else { " ≠ " };
    html! {
        p style="margin:0" {
            strong { (count(account.eligible)) } " eligible"
            @for (i, (name, n)) in account.terms.into_iter().enumerate() {
                (if i == 0 { sign } else { " + " }) strong { (count(n)) } " " (name)
            }
        }
    }
}

fn figure(label: &Look, sign: &str, n: u128, name: &str) -> Markup {
    html! {
        span style="display:inline-block;min-width:64px;margin:0 12px 4px 0" {
            strong style="font-size:17px" { (sign) (count(n)) } br;
            span class=(label.class) style=(label.style) { (name) }
        }
    }
}

fn statements(rule: &RuleRecord) -> Markup {
    let code = look(
        &[Paint::Trough],
        "margin:8px 0 0;padding:10px 12px;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap",
    );
    html! {
        @if !rule.statements.is_empty() {
            p style="margin:12px 0 0" { "Statements" }
            @for statement in &rule.statements {
                pre class=(code.class) style=(code.style) { code dir="ltr" { (statement) } }
            }
        }
    }
}

fn holds(holds: &[HoldRecord]) -> Markup {
    html! {
        @if !holds.is_empty() {
            (heading("Holds in force"))
            (table(
                "Rows that no rule may touch",
                [Column::Text("Hold"), Column::Text("Table"), Column::Text("Term"), Column::Text("Reason")],
                holds.iter().map(|hold| [&hold.hold, &hold.table, &hold.term, &hold.reason].map(|text| name(text))),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_page_of_a_dry_run_with_a_hold() {
        insta::assert_snapshot!(render(&[samples::a_dry_run_with_sql()]));
    }

    #[test]
    fn the_page_of_a_failure() {
        insta::assert_snapshot!(render(&[samples::a_failure()]));
    }

    #[test]
    fn the_page_fetches_nothing_and_runs_nothing() {
        let page = render(&samples::all());
        for reach in ["<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import", "://"] {
            assert!(!page.contains(reach), "{reach}");
        }
    }

    #[test]
    fn the_page_of_a_run_after_a_change_of_the_schedule() {
        insta::assert_snapshot!(render(&[samples::a_changed_schedule()]));
    }

    #[test]
    fn the_page_of_a_run_that_erased_people() {
        insta::assert_snapshot!(render(&[samples::erased_people()]));
    }

    #[test]
    fn every_colour_that_an_element_bears_is_turned_by_night() {
        let page = render(&samples::all());
        let sheet = style_sheet(None);
        let attribute = |tag: &str, name: &str| {
            let value = tag.split_once(&format!(" {name}=\"")).map_or("", |(_, rest)| rest);
            value.split('"').next().unwrap_or_default().to_owned()
        };
        for tag in page.split('<').filter(|tag| attribute(tag, "style").contains('#')) {
            let classes = attribute(tag, "class");
            for declaration in attribute(tag, "style").split(';').filter(|declaration| declaration.contains('#')) {
                // On paper a class sets the very colour that its element bears by day.
                let turned = classes.split(' ').any(|class| {
                    let rule =
                        sheet.split("@media print").nth(1).and_then(|day| day.split_once(&format!(".{class}{{")));
                    rule.is_some_and(|(_, rule)| rule.split('}').next().unwrap().contains(declaration))
                });
                assert!(turned, "{declaration} of <{tag}");
            }
        }
    }

    #[test]
    fn every_sheet_of_a_printed_dry_run_is_marked_and_none_of_a_run() {
        let is_marked = |runs: &[RunRecord]| render(runs).contains("@top-center{content:\"DRY RUN");
        assert!(is_marked(&[samples::a_dry_run_with_sql()]));
        assert!(!is_marked(&[samples::everything_fine()]));
        assert!(
            !is_marked(&[samples::a_dry_run_with_sql(), samples::everything_fine()]),
            "not on the sheets of the run"
        );
        assert!(!is_marked(&[]));
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
