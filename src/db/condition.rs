//! Conditions of a schedule: SQL that somebody wrote by hand, let in only where it parses as one expression.

use sqlparser::dialect::{Dialect as ParserDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::Dialect;
use crate::plan::Condition;

/// Checks that `text` is exactly one expression of the dialect: it cannot end the parentheses it is put into, start a
/// second statement, or comment out what follows.
///
/// # Errors
/// The parser's sentence, which quotes nothing but the schedule.
pub fn parse(dialect: Dialect, text: &str) -> Result<Condition, String> {
    let grammar: Box<dyn ParserDialect> = match dialect {
        Dialect::Sqlite => Box::new(SQLiteDialect {}),
        Dialect::Postgres => Box::new(PostgreSqlDialect {}),
        Dialect::Mysql => Box::new(MySqlDialect {}),
    };
    let tokens = Tokenizer::new(grammar.as_ref(), text).tokenize().map_err(|error| error.to_string())?;
    for token in &tokens {
        match token {
            Token::Whitespace(space) if !matches!(space.to_string().trim(), "") => {
                return Err("a condition may hold no comment".to_owned());
            }
            Token::SemiColon => return Err("a condition may hold no semicolon".to_owned()),
            Token::Placeholder(_) => return Err("a condition may hold no placeholder".to_owned()),
            _ => {}
        }
    }
    let mut parser = Parser::new(grammar.as_ref()).with_tokens(tokens);
    parser.parse_expr().map_err(|error| error.to_string())?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(format!("`{}` stands where the condition should have ended", rest.token));
    }
    Ok(Condition::parsed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_conditions_pass_in_every_dialect() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
            for text in [
                "status <> 'verification_pending'",
                "a = 1 OR b IS NULL",
                "EXISTS (SELECT 1 FROM account a WHERE a.id = t.account_id AND a.minor)",
                "note LIKE '%;%'",
                "x IN (1, 2, 3) AND NOT y",
            ] {
                assert!(parse(dialect, text).is_ok(), "{dialect:?}: {text}");
            }
        }
    }

    #[test]
    fn nothing_gets_out_of_the_parentheses() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
            for text in [
                "1=1) OR (1=1",
                "1=1; DROP TABLE x",
                "1=1 -- ",
                "1=1 /* ",
                "",
                "a = ",
                "a = 'open",
                "a = ?",
                "a b c",
                "TRUE) IS TRUE) OR ((TRUE",
            ] {
                assert!(parse(dialect, text).is_err(), "{dialect:?}: {text}");
            }
        }
    }
}
