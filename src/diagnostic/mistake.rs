//! Mistakes in a schedule or config, shown all at once under the line that holds them.

use std::ops::Range;
use std::sync::Arc;

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::base::visible::{visible, visible_in_place, visible_lines};
use crate::diagnostic::place::{Places, Source};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing may start.
    Error,
    /// It runs, but somebody should know.
    Warning,
}

impl Severity {
    /// The word that is shown and that stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One thing that is wrong, why, and what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    pub severity: Severity,
    /// Names the thing and the reason, in one sentence without a full stop.
    pub message: String,
    /// The remedy, in one sentence; may hold a statement to run.
    pub remedy: Option<String>,
    pub place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub source: Arc<Source>,
    /// Bytes of `source.text`.
    pub span: Range<usize>,
}

impl Mistake {
    /// Something with which nothing may start.
    pub fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), remedy: None, place: None }
    }

    /// Something that runs all the same.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// What to do about it.
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Shown under `key` of a table in the file; where the table has no such key, under the nearest table around it
    /// (`redact.ip`, then `redact`, then the header).
    pub fn at(self, places: &Places, key: &str) -> Self {
        self.at_span(&places.source, places.span(key))
    }

    /// Shown under the bytes `span` of `source`.
    pub fn at_span(self, source: &Arc<Source>, span: Range<usize>) -> Self {
        Self { place: Some(Place { source: Arc::clone(source), span }), ..self }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Line and column where it starts, both counted from 1, the column in characters.
    pub fn position(&self) -> Option<(usize, usize)> {
        let place = self.place.as_ref()?;
        let before = &place.source.text[..place.source.start(&place.span)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }
}

impl Places {
    /// Where the value of `key` stands, or the nearest table around it.
    pub fn span(&self, key: &str) -> Range<usize> {
        let around = std::iter::successors(Some(key), |key| {
            (!key.is_empty()).then(|| key.rsplit_once('.').map_or("", |(table, _)| table))
        });
        around.filter_map(|key| self.spans.get(key)).next().cloned().unwrap_or(0..0)
    }
}

impl Source {
    /// The first byte of `span`: never inside a character, and at the end of the last line rather than after it, so that
    /// there is a line to show.
    fn start(&self, span: &Range<usize>) -> usize {
        let last = self.text.trim_end_matches(['\n', '\r']).len();
        self.boundary(span.start.min(last))
    }

    /// The nearest start of a character at or before a byte of the text.
    fn boundary(&self, byte: usize) -> usize {
        (0..=byte.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// The part of `span` on its first line: enough to show where, also for a table of many lines.
    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.start(span);
        let end = self.boundary(span.end).max(start);
        let line = self.text[start..end].lines().next().unwrap_or_default();
        start..start + line.trim_end().len()
    }
}

/// In the names of `tenure check --json`: `severity`, `message`, `remedy`, `file`, `line`, `column`.
impl Serialize for Mistake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let position = self.position();
        let mut mistake = serializer.serialize_struct("Mistake", 6)?;
        mistake.serialize_field("severity", self.severity.as_str())?;
        mistake.serialize_field("message", &self.message)?;
        mistake.serialize_field("remedy", &self.remedy)?;
        mistake.serialize_field("file", &self.place.as_ref().map(|place| place.source.path.display().to_string()))?;
        mistake.serialize_field("line", &position.map(|(line, _)| line))?;
        mistake.serialize_field("column", &position.map(|(_, column)| column))?;
        mistake.end()
    }
}

/// All mistakes as text for a terminal or a log, in the order given, each with `file:line:column` and its line. Nothing in
/// them steers the terminal: names come from schedules and catalogs.
pub fn render(mistakes: &[Mistake], colour: bool) -> String {
    mistakes.iter().map(|mistake| render_one(mistake, colour)).collect::<Vec<_>>().join("\n")
}

fn render_one(mistake: &Mistake, colour: bool) -> String {
    let kind = match mistake.severity {
        Severity::Error => ReportKind::Custom("error", Color::Red),
        Severity::Warning => ReportKind::Custom("warning", Color::Yellow),
    };
    let Some(place) = &mistake.place else { return without_a_place(mistake) };
    let (file, text) = (visible(&place.source.path.display().to_string()), visible_in_place(&place.source.text));
    let span = place.source.first_line(&place.span);
    let config = Config::default().with_index_type(IndexType::Byte).with_color(colour);
    let mut report =
        Report::build(kind, (file.clone(), span.clone())).with_config(config).with_message(visible(&mistake.message));
    report.add_label(Label::new((file.clone(), span)).with_message("here"));
    if let Some(remedy) = &mistake.remedy {
        report.add_help(visible_lines(remedy));
    }
    let mut out = Vec::new();
    report.finish().write((file, ariadne::Source::from(text)), &mut out).expect("a Vec takes every byte");
    String::from_utf8_lossy(&out).into_owned()
}

/// Where there is no line to show, there is a remedy all the same.
fn without_a_place(mistake: &Mistake) -> String {
    let kind = if mistake.is_error() { "error" } else { "warning" };
    let remedy = mistake.remedy.as_ref().map(|remedy| format!("  Help: {}\n", visible_lines(remedy)));
    format!("{kind}: {}\n{}", visible(&mistake.message), remedy.unwrap_or_default())
}

/// The candidate that `name` was most likely meant to be, if any is near: one slip in three letters at most.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count().max(lower.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const TEXT: &str = "[policy]\nname = \"ä\"\n\n[[rule]]\n\"ä\" = 1; tabel = [\n  \"x\",\n]\n";

    fn source() -> Arc<Source> {
        Arc::new(Source { path: "schedules/a.toml".into(), text: TEXT.into() })
    }

    fn span_of(part: &str) -> Range<usize> {
        let start = TEXT.find(part).unwrap();
        start..start + part.len()
    }

    #[test]
    fn a_mistake_is_shown_with_its_place_its_line_and_its_remedy() {
        let mistake = Mistake::error("rule 1: unknown key `tabel`")
            .remedy("did you mean `table`?")
            .at_span(&source(), span_of("tabel"));
        let nowhere = Mistake::warning("the file is readable by everybody");
        let expected = r#"
Error: rule 1: unknown key `tabel`
   ╭─[ schedules/a.toml:5:10 ]
   │
 5 │ "ä" = 1; tabel = [
   │          ──┬──
   │            ╰──── here
   │
   │ Help: did you mean `table`?
───╯

Warning: the file is readable by everybody
"#;
        let shown = render(&[mistake, nowhere], false);
        let shown = shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(shown, expected.trim());
    }

    #[test]
    fn no_name_steers_the_terminal_on_which_its_mistake_is_shown() {
        let text = "name = \"a\u{202e}b\"\n".to_owned();
        let source = Arc::new(Source { path: "a\u{1b}[2J.toml".into(), text });
        let mistake = Mistake::error("rule `a\u{1b}[31m\u{202e}`").remedy("run\nDROP \u{9b}2J");
        let shown = render(&[mistake.clone().at_span(&source, 0..4), mistake], false);
        assert!(!shown.chars().any(|c| c != '\n' && crate::base::visible::is_unseen(c)), "{shown:?}");
        assert_eq!(shown.matches("rule `a\\u{1b}[31m\\u{202e}`").count(), 2, "{shown}");
        assert!(shown.contains("name = \"a\u{fffd}b\""), "{shown}");
    }

    #[test]
    fn colour_is_used_only_where_it_was_asked_for() {
        let mistake = [Mistake::error("wrong").at_span(&source(), span_of("tabel"))];
        assert!(!render(&mistake, false).contains('\x1b'));
        assert!(render(&mistake, true).contains('\x1b'));
    }

    #[test]
    fn lines_and_columns_count_from_one_and_columns_are_characters() {
        let position = |span| Mistake::error("x").at_span(&source(), span).position();
        assert_eq!(position(0..1), Some((1, 1)));
        assert_eq!(position(span_of("tabel")), Some((5, 10)));
        assert_eq!(Mistake::error("x").position(), None);
    }

    #[test]
    fn places_that_cannot_be_shown_are_moved_to_the_nearest_that_can() {
        let position = |span| Mistake::error("x").at_span(&source(), span).position();
        let inside_a_character = TEXT.find('ä').unwrap() + 1;
        assert_eq!(position(inside_a_character..inside_a_character), Some((2, 9)));
        assert_eq!(position(TEXT.len()..TEXT.len()), Some((7, 2)), "behind the last line");
        let shown = render(&[Mistake::error("many lines").at_span(&source(), span_of("[\n  \"x\",\n]"))], false);
        assert!(shown.contains("schedules/a.toml:5:18") && !shown.contains("\"x\""), "{shown}");
    }

    #[test]
    fn a_key_without_a_place_is_shown_under_the_table_around_it() {
        let spans =
            BTreeMap::from([("".to_owned(), 20..28), ("redact".to_owned(), 3..5), ("redact.ip".to_owned(), 7..9)]);
        let places = Places { source: source(), spans };
        assert_eq!(places.span("redact.ip"), 7..9);
        assert_eq!(places.span("redact.name"), 3..5);
        assert_eq!(places.span("cron"), 20..28);
    }

    #[test]
    fn json_carries_everything_that_a_script_needs() {
        let mistake = Mistake::error("wrong").remedy("do").at_span(&source(), span_of("tabel"));
        let json = serde_json::to_value([mistake, Mistake::warning("odd")]).unwrap();
        assert_eq!(
            json,
            serde_json::json!([
                { "severity": "error", "message": "wrong", "remedy": "do",
                  "file": "schedules/a.toml", "line": 5, "column": 10 },
                { "severity": "warning", "message": "odd", "remedy": null, "file": null, "line": null, "column": null },
            ])
        );
    }

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let keys = ["table", "retain", "anchor", "at_least"];
        assert_eq!(nearest("tabel", keys), Some("table"));
        assert_eq!(nearest("Retain", keys), Some("retain"));
        assert_eq!(nearest("atleast", keys), Some("at_least"));
        assert_eq!(nearest("colour", keys), None);
    }
}
