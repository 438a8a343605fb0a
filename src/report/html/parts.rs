//! What the page is put together from: headings, lists, tables and badges.

use maud::{Markup, html};

use crate::record::Standing;
use crate::report::paint::{Paint, look};
use crate::report::wording::Fact;

pub(super) fn heading(text: &str) -> Markup {
    html! { h3 style="margin:36px 0 10px;font:600 20px/1.25 Georgia,serif" { (text) } }
}

/// A list under a heading; nothing where it is empty.
pub(super) fn section<T>(title: &str, items: &[T], tell: impl Fn(&T) -> Markup) -> Markup {
    html! {
        @if !items.is_empty() {
            (heading(title))
            ul style="margin:0;padding:0 0 0 20px" {
                @for item in items {
                    li style="margin:0 0 6px" { (tell(item)) }
                }
            }
        }
    }
}

/// A column of a table: what it holds, and at which side.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Text(&'static str),
    Number(&'static str),
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Column::Text(name) | Column::Number(name) => name,
        }
    }

    /// A figure stays on one line.
    fn style(self) -> Option<&'static str> {
        match self {
            Column::Text(_) => None,
            Column::Number(_) => Some("white-space:nowrap"),
        }
    }

    fn align(self) -> &'static str {
        match self {
            Column::Text(_) => "left",
            Column::Number(_) => "right",
        }
    }
}

/// A table of data: a caption, a header for each column, and the first cell of each row as its header.
pub(super) fn table<const N: usize>(
    caption: &str,
    columns: [Column; N],
    rows: impl Iterator<Item = [Markup; N]>,
) -> Markup {
    let head = look(&[Paint::Quiet], "font-size:13px;white-space:nowrap");
    let line = look(&[Paint::Line], "border-bottom:1px solid");
    html! {
        table width="100%" cellpadding="6" cellspacing="0" border="0" style="border-collapse:collapse" {
            (caption_of(caption, 6))
            thead {
                tr class=(line.class) style=(line.style) {
                    @for column in columns {
                        th scope="col" align=(column.align()) class=(head.class) style=(head.style) { (column.name()) }
                    }
                }
            }
            tbody {
                @for cells in rows {
                    tr valign="top" class=(line.class) style=(line.style) {
                        @for (i, (column, content)) in columns.into_iter().zip(cells).enumerate() {
                            @if i == 0 {
                                th scope="row" align="left" { (content) }
                            } @else {
                                td align=(column.align()) style=[column.style()] { (content) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn name(text: &str) -> Markup {
    html! { bdi { (text) } }
}

/// `left` is the padding of the table's cells, in pixels.
fn caption_of(text: &str, left: u8) -> Markup {
    let look = look(&[Paint::Quiet], &format!("padding:0 0 2px {left}px;font-size:13px;text-align:left"));
    html! { caption class=(look.class) style=(look.style) { (text) } }
}

/// Names stand in `bdi`, so that one in a script written from right to left leaves the words around it in their order.
pub(super) fn facts(caption: &str, facts: &[Fact]) -> Markup {
    let label = look(&[Paint::Quiet], "white-space:nowrap");
    html! {
        table width="100%" cellpadding="3" cellspacing="0" border="0" style="margin:12px 0 0;font-size:14px" {
            (caption_of(caption, 3))
            colgroup { col width="104"; }
            tbody valign="top" {
                @for fact in facts {
                    tr {
                        th scope="row" align="left" class=(label.class) style=(label.style) { (fact.label) }
                        td { @if fact.value.starts_with("sha256:") { (digest(&fact.value)) } @else { (name(&fact.value)) } }
                    }
                }
            }
        }
    }
}

/// In letters that can be compared one by one.
fn digest(value: &str) -> Markup {
    html! { code style="font:12px/1.6 ui-monospace,Menlo,Consolas,monospace" { (value) } }
}

pub(super) fn badge(standing: Standing) -> Markup {
    let look = look(
        &[Paint::Says(standing), Paint::Tint(standing)],
        "padding:1px 8px;border:1px solid;font-size:13px;white-space:nowrap",
    );
    html! { span class=(look.class) style=(look.style) { (standing.label()) } }
}
