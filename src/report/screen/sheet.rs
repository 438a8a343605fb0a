//! Lines of a screen: pieces with a tone each, cut and padded by columns. Nothing on them steers the terminal but the tones.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::super::page::wrap;
use crate::base::visible::visible;
use crate::record::Standing;

/// How a screen looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Columns of a line.
    pub width: usize,
    /// Signs that are drawn (`█`, `✗`); letters stand for them otherwise.
    pub drawn: bool,
    pub colour: bool,
}

impl Look {
    /// Where there is no terminal: the same lines everywhere.
    pub const PLAIN: Look = Look { width: 80, drawn: false, colour: false };

    /// No screen is narrower, and none is wider, since a line that is too long is hard to read.
    const WIDTHS: std::ops::RangeInclusive<usize> = 60..=120;

    /// Of a terminal with so many columns.
    pub fn of_terminal(columns: usize, drawn: bool, colour: bool) -> Self {
        Look { width: columns.clamp(*Self::WIDTHS.start(), *Self::WIDTHS.end()), drawn, colour }
    }
}

/// What a piece says by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Doubtful,
    Bad,
    Folded,
}

impl Tone {
    pub fn of(standing: Standing) -> Self {
        match standing {
            Standing::Kept => Tone::Good,
            Standing::Broken => Tone::Bad,
            _ => Tone::Doubtful,
        }
    }

    fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Doubtful => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default(),
            Tone::Folded => AnsiColor::Blue.on_default(),
        }
    }
}

/// A sign that is drawn, and the letter for it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sign {
    Kept,
    Doubtful,
    Broken,
    Delete,
    Redact,
    RollUp,
    Between,
    More,
    To,
}

impl Sign {
    pub fn of(standing: Standing) -> Self {
        match standing {
            Standing::Kept => Sign::Kept,
            Standing::Broken => Sign::Broken,
            _ => Sign::Doubtful,
        }
    }

    fn text(self, drawn: bool) -> &'static str {
        let (sign, letter) = match self {
            Sign::Kept => ("✓", " "),
            Sign::Doubtful => ("!", "!"),
            Sign::Broken => ("✗", "x"),
            Sign::Delete => ("-", "-"),
            Sign::Redact => ("~", "~"),
            Sign::RollUp => ("⊕", "+"),
            Sign::Between => ("·", "-"),
            Sign::More => ("…", "~"),
            Sign::To => ("→", ">"),
        };
        if drawn { sign } else { letter }
    }
}

/// One line as it grows.
pub(super) struct Line<'l> {
    look: &'l Look,
    pieces: Vec<(Tone, String)>,
}

impl Line<'_> {
    pub fn text(mut self, tone: Tone, text: &str) -> Self {
        self.pieces.push((tone, visible(text)));
        self
    }

    pub fn sign(mut self, tone: Tone, sign: Sign) -> Self {
        self.pieces.push((tone, sign.text(self.look.drawn).to_owned()));
        self
    }

    pub fn space(mut self, columns: usize) -> Self {
        self.pieces.push((Tone::Plain, " ".repeat(columns)));
        self
    }

    /// So many columns wide: padded, or cut with a mark.
    pub fn left(self, tone: Tone, text: &str, columns: usize) -> Self {
        let text = self.cut(text, columns);
        let padding = columns.saturating_sub(text.width());
        self.text(tone, &text).space(padding)
    }

    pub fn right(self, tone: Tone, text: &str, columns: usize) -> Self {
        let text = self.cut(text, columns);
        let padding = columns.saturating_sub(text.width());
        self.space(padding).text(tone, &text)
    }

    /// What is left of the line.
    pub fn rest(self, tone: Tone, text: &str) -> Self {
        let columns = self.look.width.saturating_sub(self.width());
        let text = self.cut(text, columns);
        self.text(tone, &text)
    }

    fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text.width()).sum()
    }

    fn cut(&self, text: &str, columns: usize) -> String {
        let text = visible(text);
        if text.width() <= columns {
            return text;
        }
        let mut out = String::new();
        for c in text.chars() {
            if out.width() + c.width().unwrap_or(0) + 1 > columns {
                break;
            }
            out.push(c);
        }
        out + Sign::More.text(self.look.drawn)
    }

    fn print(&self) -> String {
        let last = self.pieces.iter().rposition(|(_, text)| !text.trim_end().is_empty());
        let mut out = String::new();
        for (at, (tone, text)) in self.pieces.iter().enumerate() {
            let text = match last {
                Some(last) if at < last => text.as_str(),
                Some(last) if at == last => text.trim_end(),
                _ => break,
            };
            let style = if self.look.colour { tone.style() } else { Style::new() };
            out.push_str(&format!("{style}{text}{style:#}"));
        }
        out
    }
}

/// The screen as it grows.
pub(super) struct Sheet<'l> {
    pub look: &'l Look,
    lines: Vec<String>,
}

impl<'l> Sheet<'l> {
    pub fn new(look: &'l Look) -> Self {
        Self { look, lines: Vec::new() }
    }

    pub fn line(&self) -> Line<'l> {
        Line { look: self.look, pieces: Vec::new() }
    }

    pub fn put(&mut self, line: Line<'_>) {
        self.lines.push(line.print());
    }

    /// An empty line, unless the one before is empty or there is none.
    pub fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(String::new());
        }
    }

    /// Facts of one line, apart from each other; those that no longer fit go below.
    pub fn facts(&mut self, indent: usize, label: &str, facts: &[(Tone, String)]) {
        let between = if self.look.drawn { " · " } else { " - " };
        let mut line = self.line().space(indent).text(Tone::Strong, label);
        let start = line.width();
        for (tone, fact) in facts {
            if line.width() > start && line.width() + 3 + visible(fact).width() > self.look.width {
                self.put(line);
                line = self.line().space(start);
            }
            if line.width() > start {
                line = line.text(Tone::Faint, between);
            }
            line = line.text(*tone, fact);
        }
        self.put(line);
    }

    /// A sentence behind a sign, over so many lines at most.
    pub fn sentence(&mut self, tone: Tone, sign: Sign, sentence: &str, most: usize) {
        const INDENT: usize = 4;
        let lines = wrap(&visible(sentence), self.look.width - INDENT);
        for (at, text) in lines.iter().enumerate().take(most) {
            let is_cut = at + 1 == most && lines.len() > most;
            let line = match at {
                0 => self.line().space(2).sign(tone, sign).space(1),
                _ => self.line().space(INDENT),
            };
            // A line that is cut makes room for the mark.
            let text = if is_cut { format!("{text}{}", " ".repeat(self.look.width)) } else { text.clone() };
            let line = line.rest(Tone::Plain, &text);
            self.put(line);
        }
    }

    /// `… 15 more  (--all)`
    pub fn more(&mut self, indent: usize, left_out: &str) {
        let line = self.line().space(indent).sign(Tone::Faint, Sign::More);
        self.put(line.text(Tone::Faint, &format!(" {left_out}  (--all)")));
    }

    pub fn out(self) -> String {
        self.lines.into_iter().map(|line| line + "\n").collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWN: Look = Look { width: 80, drawn: true, colour: false };

    fn one(look: &Look, build: impl FnOnce(Line<'_>) -> Line<'_>) -> String {
        let mut sheet = Sheet::new(look);
        let line = build(sheet.line());
        sheet.put(line);
        sheet.out()
    }

    #[test]
    fn a_name_is_cut_and_padded_by_columns() {
        let cut = |text: &str| one(&DRAWN, |line| line.left(Tone::Plain, text, 5).text(Tone::Plain, "|"));
        assert_eq!(cut("abcdefg"), "abcd…|\n");
        assert_eq!(cut("abc"), "abc  |\n");
        assert_eq!(cut("記録簿"), "記録…|\n");
        assert_eq!(one(&Look::PLAIN, |line| line.right(Tone::Plain, "7", 3)), "  7\n");
        assert_eq!(one(&Look::PLAIN, |line| line.left(Tone::Plain, "abcdefg", 5)), "abcd~\n");
    }

    #[test]
    fn a_name_steers_no_terminal() {
        let told = one(&DRAWN, |line| line.rest(Tone::Bad, "a\u{1b}[31m\r\n\u{202e}b"));
        assert_eq!(told, "a\\u{1b}[31m\\r\\n\\u{202e}b\n");
    }

    #[test]
    fn colours_are_there_where_they_are_wanted_and_end_where_they_began() {
        let look = Look { colour: true, ..DRAWN };
        assert_eq!(one(&look, |line| line.sign(Tone::Bad, Sign::Broken)), "\u{1b}[31m✗\u{1b}[0m\n");
        assert_eq!(one(&DRAWN, |line| line.sign(Tone::Bad, Sign::Broken)), "✗\n");
    }

    #[test]
    fn a_sentence_that_is_too_long_is_cut_with_a_mark() {
        let mut sheet = Sheet::new(&DRAWN);
        sheet.sentence(Tone::Bad, Sign::Doubtful, &"word ".repeat(60), 2);
        let out = sheet.out();
        assert_eq!(out.lines().count(), 2);
        assert!(out.ends_with("…\n") && out.lines().all(|line| line.width() <= 80), "{out}");
    }

    #[test]
    fn a_terminal_that_is_too_narrow_or_too_wide_counts_as_one_that_is_not() {
        let width = |columns| Look::of_terminal(columns, true, true).width;
        assert_eq!([0, 60, 100, 400].map(width), [60, 60, 100, 120]);
    }
}
