//! The erasure certificate as a page that can be handed to the person.

use maud::html;

use super::parts::{Column, facts, heading, name, section, table};
use super::{Look, Paint, document, look};
use crate::record::Standing;
use crate::report::certificate::{Certificate, NOTHING_GONE, NOTHING_KEPT, State};
use crate::report::wording::count;

/// One self-contained document.
pub fn render(certificate: &Certificate) -> String {
    let Look { class, style } = band(certificate);
    let [gone, kept] = [
        table(
            "What was deleted or redacted",
            [Column::Text("Table"), Column::Number("Rows"), Column::Text("What was done")],
            certificate.gone.iter().map(|gone| [name(&gone.table), name(&count(gone.rows)), name(&gone.sentence())]),
        ),
        table(
            "What stays, with its ground",
            [Column::Text("Table"), Column::Number("Rows"), Column::Text("Why, and until when")],
            certificate.kept.iter().map(|kept| [name(&kept.table), name(&count(kept.rows)), name(&kept.sentence())]),
        ),
    ];
    let title = format!("{} — {}", certificate.headline(), certificate.reference);
    document(
        &title,
        "Erasure certificate",
        None,
        html! {
            article {
                div class=(class) style=(style) { h2 style="margin:0;font:600 24px/1.25 Georgia,serif" { (certificate.headline()) } }
                (facts("Whose, when, and under which promise", &certificate.facts()))
                (heading("What went"))
                @if certificate.gone.is_empty() { p { (NOTHING_GONE) } } @else { (gone) }
                (heading("What stays, and why"))
                @if certificate.kept.is_empty() { p { (NOTHING_KEPT) } } @else { (kept) }
                (section("What remains elsewhere", &certificate.residual, |said| name(said)))
            }
        },
    )
}

fn band(certificate: &Certificate) -> Look {
    let standing = match certificate.state {
        State::Ended | State::Since | State::Gone | State::Lost => Standing::AtRisk,
        _ if certificate.is_late() => Standing::Broken,
        State::Erased => Standing::Kept,
        State::Unfinished | State::Held | State::Blocked => Standing::AtRisk,
    };
    look(
        &[Paint::Says(standing), Paint::Tint(standing)],
        "padding:20px 22px 16px;border-style:solid;border-width:0 0 0 6px",
    )
}
