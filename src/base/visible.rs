//! Characters that a reader cannot see, or that would act on a terminal or turn a line around, made visible.
//!
//! Names come from schedules and catalogs, so a report shows them but never obeys them: `ESC[2J` is printed as
//! `\u{1b}[2J`, a right-to-left override as `\u{202e}`. Letters of every script pass as they are.

/// `text` on one line: line breaks are made visible too.
pub fn visible(text: &str) -> String {
    shown(text, is_unseen)
}

/// `text` with its own line breaks kept and nothing else that is unseen.
pub fn visible_lines(text: &str) -> String {
    shown(text, |c| c != '\n' && is_unseen(c))
}

/// `text` of as many bytes and characters, in which a mark stands for whatever is unseen: for who shows it by its bytes.
pub fn visible_in_place(text: &str) -> String {
    // By how many bytes the character has.
    const MARKS: [char; 4] = ['?', '¿', '\u{fffd}', '\u{1f7c4}'];
    let marked = |c: char| if is_unseen(c) && !matches!(c, '\n' | '\r' | '\t') { MARKS[c.len_utf8() - 1] } else { c };
    text.chars().map(marked).collect()
}

fn shown(text: &str, hide: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hide(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters (C0, DEL, C1), and what Unicode has for steering text without a glyph of its own: direction marks,
/// zero-width characters, line and paragraph separators, annotations, tags.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_or_turn_a_line_around_is_shown_not_obeyed() {
        assert_eq!(visible("a\u{1b}[31mb\r\n"), "a\\u{1b}[31mb\\r\\n");
        assert_eq!(visible("log\u{202e}txt.exe\u{200b}\u{9b}2J"), "log\\u{202e}txt.exe\\u{200b}\\u{9b}2J");
    }

    #[test]
    fn letters_of_every_script_pass_as_they_are() {
        assert_eq!(visible("سجل журнал 記録 café 🎓"), "سجل журнал 記録 café 🎓");
    }

    #[test]
    fn a_text_that_is_shown_by_its_bytes_keeps_their_number() {
        let text = "a\u{1b}b\u{9b}\u{202e}c\u{e0001}\td\r\n";
        let shown = visible_in_place(text);
        assert_eq!(shown, "a?b¿\u{fffd}c\u{1f7c4}\td\r\n");
        assert_eq!((shown.len(), shown.chars().count()), (text.len(), text.chars().count()));
    }

    #[test]
    fn a_statement_keeps_its_lines() {
        assert_eq!(visible_lines("DELETE\nFROM x\t\u{1b}"), "DELETE\nFROM x\\t\\u{1b}");
    }
}
