//! A page of plain text: 78 columns, no colours, nothing that a terminal obeys.

use unicode_width::UnicodeWidthStr;

use crate::base::visible::{visible, visible_lines};

/// Columns of a line, as mails have them, statements excepted: those are to be copied, so they are never broken.
pub(super) const WIDTH: usize = 78;

/// Columns that the labels of particulars take.
pub(super) const LABELS: usize = 14;

/// The page as it grows. Whatever is put on it is made visible first, so nothing on it steers a terminal.
#[derive(Default)]
pub(super) struct Page {
    pub out: String,
}

impl Page {
    pub fn line(&mut self, indent: usize, text: &str) {
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    pub fn rule_off(&mut self) {
        self.line(0, &"=".repeat(WIDTH));
    }

    pub fn blank(&mut self) {
        self.out.push('\n');
    }

    /// With a line below it, as long as the heading's last line.
    pub fn heading(&mut self, text: &str) {
        self.blank();
        let lines = wrap(&visible(text), WIDTH);
        lines.iter().for_each(|line| self.line(0, line));
        self.line(0, &"-".repeat(lines.last().map_or(0, |line| line.width())));
    }

    /// One of several sentences.
    pub fn item(&mut self, text: &str) {
        for (i, line) in wrap(&visible(text), WIDTH - 4).iter().enumerate() {
            self.line(2, &format!("{} {line}", if i == 0 { '-' } else { ' ' }));
        }
    }

    pub fn paragraph(&mut self, indent: usize, text: &str) {
        for line in wrap(&visible(text), WIDTH - indent) {
            self.line(indent, &line);
        }
    }

    /// A label and beside it the value; below it where the label needs the room.
    pub fn entry(&mut self, label: &str, value: &str) {
        let label = visible(label);
        let length = label.width();
        let mut lines = wrap(&visible(value), WIDTH - 2 - LABELS).into_iter();
        if length < LABELS {
            let first = lines.next().unwrap_or_default();
            self.line(2, format!("{label}{}{first}", " ".repeat(LABELS - length)).trim_end());
        } else {
            self.paragraph(2, &label);
        }
        for line in lines {
            self.line(2 + LABELS, &line);
        }
    }

    /// An SQL statement, line by line as it was written.
    pub fn statement(&mut self, statement: &str) {
        self.line(2, "statement");
        for line in visible_lines(statement).lines() {
            self.line(4, line);
        }
    }
}

/// Breaks at spaces, and within a word only where it is longer than a line. Counts columns: a wide (CJK) character takes two.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            line.push(c);
            if line.width() > width {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_overlong_words_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a abcdefghij k", 4), ["a", "abcd", "efgh", "ij k"]);
        assert_eq!(wrap("  ", 4), Vec::<String>::new());
        assert_eq!(wrap("記録 記録簿", 5), ["記録", "記録", "簿"]);
    }
}
