//! Pictures of a rule: its oldest row against the limit, and its last runs. Drawn as SVG inside the page, so that nothing is
//! fetched. The figures stand beside each picture in words, so whoever cannot see it misses nothing.

use maud::{Markup, html};

use crate::record::{RuleRecord, RunRecord};
use crate::report::paint::{Paint, look};
use crate::report::past::{Age, oldest_of, runs_of};
use crate::report::wording::count;

/// The age of the oldest row that stays as a share of its limit; what is beyond the limit is of another colour.
pub(super) fn age(run: &RunRecord, rule: &RuleRecord) -> Markup {
    let Some(age) = Age::of(run, rule) else { return html! {} };
    let percent = age.percent();
    let filled = if age.is_over() { 10_000 / percent.max(101) } else { percent };
    let (fill, over, trough) = (look(&[Paint::Fill], ""), look(&[Paint::Over], ""), look(&[Paint::Quiet], ""));
    html! {
        svg aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none" width="64" height="8" style="margin:0 6px 0 0" {
            rect class=(trough.class) style=(trough.style) width="100" height="8" fill="currentColor" fill-opacity="0.2" {}
            @if age.is_over() {
                rect class=(over.class) style=(over.style) width="100" height="8" fill="currentColor" {}
            }
            rect class=(fill.class) style=(fill.style) width=(filled.min(100)) height="8" fill="currentColor" {}
        }
        (age.sentence(rule))
    }
}

/// What the last runs did, and how old the oldest row was that each left.
pub(super) fn last_runs(run: &RunRecord, rule: &RuleRecord) -> Markup {
    let done = runs_of(run, rule);
    let rows: Vec<u64> = done.iter().map(|done| done.rows).collect();
    let dates = [done.first(), done.last()].map(|done| done.map(|done| done.at.strftime("%Y-%m-%d").to_string()));
    html! {
        @if let [Some(first), Some(last)] = dates {
            (picture(&format!("Rows gone in each of the last {} runs, {first} to {last}", rows.len()), &rows, None))
        }
        @if let Some(oldest) = oldest_of(run, rule) {
            @let what = format!("Age of the oldest row after each of them, in days; {} are allowed", count(oldest.limit));
            (picture(&what, &oldest.days, Some(oldest.limit)))
        }
    }
}

/// Figures in words, and as columns; a limit is a line, and what is beyond it is of another colour.
fn picture(what: &str, figures: &[u64], limit: Option<u64>) -> Markup {
    const HEIGHT: u64 = 40;
    const STEP: usize = 18;
    let most = figures.iter().copied().chain(limit).max().unwrap_or_default().max(1);
    let height = |figure: u64| u128::from(figure) * u128::from(HEIGHT) / u128::from(most);
    let top = |figure: u64| u128::from(HEIGHT) - height(figure);
    let [fill, over, ink] = [Paint::Fill, Paint::Over, Paint::Ink].map(|paint| look(&[paint], ""));
    let width = STEP * figures.len();
    let said = figures.iter().map(|figure| count(*figure)).collect::<Vec<_>>().join("; ");
    html! {
        figure style="margin:12px 0" {
            figcaption { (what) ": " (said) "." }
            svg aria-hidden="true" viewBox=(format!("0 0 {width} {HEIGHT}")) width=(width) height=(HEIGHT) {
                @for (i, figure) in figures.iter().copied().enumerate() {
                    @let look = if limit.is_some_and(|limit| figure > limit) { &over } else { &fill };
                    rect class=(look.class) style=(look.style) x=(i * STEP) y=(top(figure)) width=(STEP - 4)
                        height=(height(figure)) fill="currentColor" {}
                }
                @if let Some(limit) = limit {
                    line class=(ink.class) style=(ink.style) x1="0" y1=(top(limit)) x2=(width) y2=(top(limit))
                        stroke="currentColor" stroke-dasharray="4 2" {}
                }
            }
        }
    }
}
