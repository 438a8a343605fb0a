//! Words of SQL text that a database hands out (`CREATE TABLE`, `CREATE TRIGGER`, `GRANT`), for the few facts that no
//! catalog table holds. It tells words from quoted names, strings and comments, and nothing more.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word or number, in capitals.
    Word(String),
    /// What stood between quotes of any kind, without them.
    Quoted(String),
    Mark(char),
}

impl Token {
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(own) if own == word)
    }
}

/// Do `words` stand at the beginning?
pub(super) fn starts_with(tokens: &[Token], words: &[&str]) -> bool {
    tokens.len() >= words.len() && tokens.iter().zip(words).all(|(token, word)| token.is(word))
}

/// Where `words` stand in a row for the first time.
pub(super) fn find(tokens: &[Token], words: &[&str]) -> Option<usize> {
    (0..tokens.len()).find(|at| starts_with(&tokens[*at..], words))
}

pub(super) fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            _ if rest.starts_with("--") => rest.split_once('\n').map_or("", |(_, after)| after),
            _ if rest.starts_with("/*") => rest[2..].split_once("*/").map_or("", |(_, after)| after),
            '"' | '\'' | '`' => quoted(&rest[1..], first, &mut tokens),
            '[' => quoted(&rest[1..], ']', &mut tokens),
            _ if is_word(first) => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_ascii_uppercase()));
                &rest[end..]
            }
            _ => {
                if !first.is_whitespace() {
                    tokens.push(Token::Mark(first));
                }
                &rest[first.len_utf8()..]
            }
        };
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

/// Reads up to `close`, which stands for itself where it is doubled; hands back what follows.
fn quoted<'a>(text: &'a str, close: char, tokens: &mut Vec<Token>) -> &'a str {
    let mut inner = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends = c == close && (close == ']' || chars.next_if(|(_, next)| *next == close).is_none());
        if ends {
            tokens.push(Token::Quoted(inner));
            return &text[at + c.len_utf8()..];
        }
        inner.push(c);
    }
    tokens.push(Token::Quoted(inner));
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_quoted_names_strings_and_comments() {
        let read = tokens("Create /* DELETE */ \"be\"\"fore\" [a b] 'it''s' -- UPDATE\n x1,`y`");
        let word = |text: &str| Token::Word(text.to_owned());
        let quoted = |text: &str| Token::Quoted(text.to_owned());
        let expected = [
            word("CREATE"),
            quoted("be\"fore"),
            quoted("a b"),
            quoted("it's"),
            word("X1"),
            Token::Mark(','),
            quoted("y"),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_quotation_or_comment_that_does_not_end_ends_with_the_text() {
        assert_eq!(tokens("a 'b"), [Token::Word("A".into()), Token::Quoted("b".into())]);
        assert_eq!(tokens("a /* b"), [Token::Word("A".into())]);
    }
}
