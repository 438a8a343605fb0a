//! Conditions of a schedule: SQL that somebody wrote by hand, let in only where it parses as one expression.

use data_encoding::HEXLOWER;
use sqlparser::dialect::{Dialect as ParserDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::db::Dialect;
use crate::plan::{Condition, KeyColumn, PersonKey, Transport};

/// Checks that `text` is exactly one expression of the dialect: it cannot end the parentheses it is put into, start a
/// second statement, or comment out what follows.
///
/// # Errors
/// The parser's sentence, which quotes nothing but the schedule.
pub fn parse(dialect: Dialect, text: &str) -> Result<Condition, String> {
    let grammar = grammar(dialect);
    let tokens = Tokenizer::new(grammar.as_ref(), text).tokenize().map_err(|error| error.to_string())?;
    for token in &tokens {
        match token {
            Token::Whitespace(space) if !matches!(space.to_string().trim(), "") => {
                return Err("a condition may hold no comment".to_owned());
            }
            Token::SemiColon => return Err("a condition may hold no semicolon".to_owned()),
            token if is_parameter(dialect, token) => {
                return Err(format!("a condition may hold no parameter or variable, and `{token}` begins one"));
            }
            _ => {}
        }
    }
    // The parser reads into them, and so does a server of the version that they name; one of another passes them over.
    if dialect == Dialect::Mysql && (text.contains("/*!") || text.contains("/*M!")) {
        return Err("a condition may hold no comment, nor the beginning of one".to_owned());
    }
    let solid: Vec<&Token> = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let (tables, takes_all_columns) = (tables(&solid), takes_all_columns(&solid));
    let mut parser = Parser::new(grammar.as_ref()).with_tokens(tokens);
    parser.parse_expr().map_err(|error| error.to_string())?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(format!("`{}` stands where the condition should have ended", rest.token));
    }
    Ok(match dialect {
        Dialect::Sqlite => Condition::parsed(&names_in_backticks(text), tables, takes_all_columns),
        Dialect::Postgres | Dialect::Mysql => Condition::parsed(text, tables, takes_all_columns),
    })
}

/// True of one person: the row of the table of people that bears this key.
pub fn is_person(dialect: Dialect, column: &KeyColumn, key: &PersonKey) -> String {
    let name = column.name.quoted(dialect.quote());
    match (key, &column.transport) {
        (PersonKey::Whole(number), _) => format!("{name} = {number}"),
        (PersonKey::Unsigned(number), _) => format!("{name} = {number}"),
        (PersonKey::Text(digits), Transport::Hex) => format!("{name} = {}", bytes(dialect, &text(dialect, digits))),
        (PersonKey::Text(value), Transport::Cast(sql_type)) if dialect == Dialect::Postgres => {
            format!("{name} = CAST({} AS {sql_type})", text(dialect, value))
        }
        // A text that is made from bytes has a collation of its own, which may contradict that of the column.
        (PersonKey::Text(value), _) if dialect == Dialect::Mysql && !is_ordinary(value) => {
            format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY) = unhex('{}')", HEXLOWER.encode(value.as_bytes()))
        }
        (PersonKey::Text(value), _) => format!("{name} = {}", text(dialect, value)),
    }
}

fn bytes(dialect: Dialect, hex: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("decode({hex}, 'hex')"),
        Dialect::Sqlite | Dialect::Mysql => format!("unhex({hex})"),
    }
}

fn is_ordinary(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "@._+-: ".contains(c))
}

/// A text as a literal. Whether a backslash is a letter is a matter of the server's settings, so a text that holds anything
/// out of the ordinary is written by its bytes.
fn text(dialect: Dialect, value: &str) -> String {
    if is_ordinary(value) {
        return format!("'{value}'");
    }
    let hex = HEXLOWER.encode(value.as_bytes());
    match dialect {
        Dialect::Postgres => format!("convert_from(decode('{hex}', 'hex'), 'UTF8')"),
        Dialect::Mysql => format!("CONVERT(unhex('{hex}') USING utf8mb4)"),
        Dialect::Sqlite => format!("CAST(unhex('{hex}') AS TEXT)"),
    }
}

/// The names that stand where those of tables do, the last part of each.
fn tables(solid: &[&Token]) -> Vec<String> {
    let word = |token: &Token| match token {
        Token::Word(word) => Some(word.value.clone()),
        // SQLite takes a text for a name where a name must stand.
        Token::SingleQuotedString(name) => Some(name.clone()),
        _ => None,
    };
    let leads_to_a_table = |token: &Token| match token {
        Token::Word(word) if word.quote_style.is_none() => {
            let keyword = word.value.to_ascii_uppercase();
            ["FROM", "JOIN", "STRAIGHT_JOIN", "TABLE", "ONLY", "LATERAL"].contains(&keyword.as_str())
        }
        // `FROM a, b`, `FROM (a)`; and much else, which does no harm.
        token => matches!(token, Token::Comma | Token::LParen),
    };
    let mut found = Vec::new();
    let is_last_part = |at: usize| solid.get(at + 1) != Some(&&Token::Period);
    for (at, token) in solid.iter().enumerate().skip(1).filter(|(at, _)| is_last_part(*at)) {
        let mut first = at;
        while first >= 2 && *solid[first - 1] == Token::Period {
            first -= 2;
        }
        if first > 0 && leads_to_a_table(solid[first - 1]) {
            found.extend(word(token));
        }
    }
    found
}

/// `SELECT *` but for that of an EXISTS, `t.*`, `NATURAL JOIN`, `TABLE t`: what all columns hold counts, and none is named.
fn takes_all_columns(solid: &[&Token]) -> bool {
    let is_word = |at: usize, words: &[&str]| match solid.get(at) {
        Some(Token::Word(word)) if word.quote_style.is_none() => {
            words.iter().any(|known| word.value.eq_ignore_ascii_case(known))
        }
        _ => false,
    };
    (0..solid.len()).any(|at| match solid[at] {
        Token::Mul if at > 0 => {
            let is_asked_whether_there_is_one =
                at >= 3 && *solid[at - 2] == Token::LParen && is_word(at - 3, &["EXISTS"]);
            *solid[at - 1] == Token::Period
                || is_word(at - 1, &["SELECT", "DISTINCT", "ALL"]) && !is_asked_whether_there_is_one
        }
        _ => is_word(at, &["NATURAL", "TABLE"]),
    })
}

/// Does the database take the token for the beginning of a value that comes from outside? On SQLite such a name takes the
/// next place among the values that are bound, and all of those behind it would move up by one.
fn is_parameter(dialect: Dialect, token: &Token) -> bool {
    let begins = |signs: &[char]| matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.starts_with(signs));
    let always = matches!(token, Token::Placeholder(_) | Token::Assignment);
    always
        || match dialect {
            Dialect::Sqlite => {
                matches!(token, Token::Colon | Token::AtSign | Token::Sharp) || begins(&['$', '@', ':', '#'])
            }
            Dialect::Mysql => matches!(token, Token::Colon | Token::AtSign) || begins(&['@', ':']),
            Dialect::Postgres => begins(&['$']),
        }
}

/// Writes `"name"` as `` `name` ``. SQLite takes a name in double quotes that is no column for a text, so that a
/// mistyped condition would be true of every row; in backticks it is a name or an error.
fn names_in_backticks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '\'', '`', '[']) {
        let (quoted, after) = split_after_quotation(&rest[start..]);
        out.push_str(&rest[..start]);
        match quoted.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')) {
            Some(name) => out.extend(["`", &name.replace("\"\"", "\"").replace('`', "``"), "`"]),
            None => out.push_str(quoted),
        }
        rest = after;
    }
    out + rest
}

/// `text` begins with a quotation, in which the character that would end it can stand doubled.
fn split_after_quotation(text: &str) -> (&str, &str) {
    let closing = match text.chars().next() {
        Some('[') => ']',
        Some(quote) => quote,
        None => return (text, ""),
    };
    let mut end = 1;
    while let Some(found) = text[end..].find(closing) {
        end += found + 1;
        if closing == ']' || !text[end..].starts_with(closing) {
            return text.split_at(end);
        }
        end += 1;
    }
    (text, "")
}

/// What in the condition is not the same from one moment to the next, as it is written there: the clock, chance, and on
/// SQLite and PostgreSQL the texts that mean the clock.
pub fn volatile_parts(dialect: Dialect, condition: &Condition) -> Vec<String> {
    let Ok(tokens) = Tokenizer::new(grammar(dialect).as_ref(), condition.as_str()).tokenize() else {
        return Vec::new();
    };
    let tokens: Vec<Token> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let mut found: Vec<String> = (0..tokens.len()).filter_map(|at| volatile_part(dialect, &tokens, at)).collect();
    found.dedup();
    found
}

fn volatile_part(dialect: Dialect, tokens: &[Token], at: usize) -> Option<String> {
    let before = at.checked_sub(1).map(|before| &tokens[before]);
    match &tokens[at] {
        Token::Word(word) if word.quote_style.is_none() && before != Some(&Token::Period) => {
            let name = word.value.to_ascii_lowercase();
            if tokens.get(at + 1) == Some(&Token::LParen) {
                let arguments = arguments(&tokens[at + 2..]);
                return calls(dialect, &name, arguments).then(|| format!("{name}()"));
            }
            clocks(dialect).contains(&name.as_str()).then_some(name)
        }
        Token::SingleQuotedString(text) if means_the_clock(dialect, text, before, tokens.get(at + 1)) => {
            Some(format!("'{text}'"))
        }
        _ => None,
    }
}

/// How many arguments stand up to the parenthesis that closes the call.
fn arguments(after_open: &[Token]) -> usize {
    if after_open.first() == Some(&Token::RParen) {
        return 0;
    }
    let (mut depth, mut commas) = (0_usize, 0);
    for token in after_open {
        match token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => break,
            Token::RParen => depth -= 1,
            Token::Comma if depth == 0 => commas += 1,
            _ => {}
        }
    }
    commas + 1
}

/// Does a function called with so many arguments answer otherwise each time?
fn calls(dialect: Dialect, name: &str, arguments: usize) -> bool {
    if clocks(dialect).contains(&name) {
        return true;
    }
    match dialect {
        Dialect::Sqlite => match name {
            "random" | "randomblob" | "changes" | "total_changes" | "last_insert_rowid" => true,
            // Without a time value they mean now.
            "date" | "time" | "datetime" | "julianday" | "unixepoch" => arguments == 0,
            "strftime" => arguments == 1,
            _ => false,
        },
        Dialect::Postgres => match name {
            "now"
            | "clock_timestamp"
            | "statement_timestamp"
            | "transaction_timestamp"
            | "timeofday"
            | "random"
            | "gen_random_uuid"
            | "uuid_generate_v4"
            | "nextval" => true,
            // Up to today.
            "age" => arguments == 1,
            _ => false,
        },
        Dialect::Mysql => match name {
            "now" | "curdate" | "curtime" | "sysdate" | "rand" | "uuid" | "uuid_short" | "connection_id" => true,
            "unix_timestamp" => arguments == 0,
            _ => false,
        },
    }
}

/// Words that mean the clock, also without parentheses.
fn clocks(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &["current_timestamp", "current_date", "current_time"],
        Dialect::Postgres => &["current_timestamp", "current_date", "current_time", "localtime", "localtimestamp"],
        Dialect::Mysql => &[
            "current_timestamp",
            "current_date",
            "current_time",
            "localtime",
            "localtimestamp",
            "utc_timestamp",
            "utc_date",
            "utc_time",
        ],
    }
}

/// `date('now')` on SQLite; `at < 'now'` and `'today'::date` on PostgreSQL. A status called `'today'` is none.
fn means_the_clock(dialect: Dialect, text: &str, before: Option<&Token>, after: Option<&Token>) -> bool {
    match dialect {
        Dialect::Sqlite => text.eq_ignore_ascii_case("now") && matches!(before, Some(Token::LParen | Token::Comma)),
        Dialect::Postgres => {
            let named = ["now", "today", "yesterday", "tomorrow"].iter().any(|word| text.eq_ignore_ascii_case(word));
            let compared = matches!(before, Some(Token::Lt | Token::LtEq | Token::Gt | Token::GtEq));
            let typed = matches!(before, Some(Token::Word(word)) if is_time_type(&word.value));
            named && (compared || typed || after == Some(&Token::DoubleColon))
        }
        Dialect::Mysql => false,
    }
}

fn is_time_type(word: &str) -> bool {
    ["date", "time", "timestamp", "timestamptz"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

pub(in crate::db) fn grammar(dialect: Dialect) -> Box<dyn ParserDialect> {
    match dialect {
        Dialect::Sqlite => Box::new(SQLiteDialect {}),
        Dialect::Postgres => Box::new(PostgreSqlDialect {}),
        Dialect::Mysql => Box::new(MySqlDialect {}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::{Name, TableName};

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

    #[test]
    fn tables_that_a_condition_looks_at_are_known_and_columns_are_not_taken_for_them() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
            let looks_at =
                |text: &str, table: &str| parse(dialect, text).unwrap().mentions(&TableName::parse(table).unwrap());
            for text in [
                "EXISTS (SELECT 1 FROM answer WHERE answer.id = t.id)",
                "id IN (SELECT a FROM x JOIN campus.ANSWER AS y ON x.a = y.b)",
                "id NOT IN (SELECT a FROM x, answer)",
            ] {
                assert!(looks_at(text, "answer"), "{dialect:?}: {text}");
            }
            for text in [
                "answer IS NULL AND t.answer = 1",
                "status = 'answer' OR NOT answer",
                "lower(answer.status) = 'open' OR coalesce(t.x, answer.status) = 'open'",
            ] {
                assert!(!looks_at(text, "answer"), "{dialect:?}: {text}");
            }
        }
    }

    #[test]
    fn a_condition_asks_for_the_columns_that_it_names_or_for_all_of_them() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
            let asks = |text: &str| parse(dialect, text).unwrap().may_ask_for(&Name::new("email").unwrap());
            for text in [
                "id IN (SELECT id FROM account WHERE Email = 'x')",
                "(id, mail) IN (SELECT * FROM account)",
                "id IN (SELECT x.id FROM x NATURAL JOIN account)",
                "EXISTS (SELECT 1 FROM (SELECT account.* FROM account) AS a)",
            ] {
                assert!(asks(text), "{dialect:?}: {text}");
            }
            for text in [
                "EXISTS (SELECT * FROM account a WHERE a.id = t.account_id AND a.restricted = 2 * 3)",
                "(SELECT count(*) FROM account) > 0 AND email_hash = 'x'",
            ] {
                assert!(!asks(text), "{dialect:?}: {text}");
            }
        }
    }

    #[test]
    fn what_answers_otherwise_each_time_is_found_in_every_dialect() {
        let parts = |dialect, text| volatile_parts(dialect, &parse(dialect, text).unwrap());
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
            assert_eq!(parts(dialect, "at < CURRENT_TIMESTAMP AND x"), ["current_timestamp"]);
            assert!(parts(dialect, "t.current_date = 1 OR \"now\" = 2 OR status = 'now'").is_empty());
        }
        assert_eq!(parts(Dialect::Sqlite, "at < datetime('now', '-1 day') AND random() > 0"), ["'now'", "random()"]);
        assert_eq!(parts(Dialect::Sqlite, "at < date() OR date(at) = '2024-01-01'"), ["date()"]);
        assert_eq!(parts(Dialect::Postgres, "age(at) > '1 year' AND age(a, b) > '1 day'"), ["age()"]);
        assert_eq!(parts(Dialect::Postgres, "at < 'today'::date OR at > 'now'"), ["'today'", "'now'"]);
        assert_eq!(parts(Dialect::Mysql, "at < NOW() AND UNIX_TIMESTAMP(at) > 1"), ["now()"]);
    }

    #[test]
    fn on_sqlite_a_name_in_double_quotes_stays_a_name_and_texts_stay_as_they_are() {
        let written = |text| parse(Dialect::Sqlite, text).unwrap().as_str().to_owned();
        assert_eq!(
            written(r#""status" <> 'a "quoted" word' AND t."id" > 1"#),
            r#"`status` <> 'a "quoted" word' AND t.`id` > 1"#
        );
        assert_eq!(written(r#""we""ird`" = 'it''s "x"'"#), r#"`we"ird``` = 'it''s "x"'"#);
        assert_eq!(written(r#"[a"b] = `c"d` AND "é" = 1"#), r#"[a"b] = `c"d` AND `é` = 1"#);
        assert_eq!(parse(Dialect::Postgres, r#""a" = 1"#).unwrap().as_str(), r#""a" = 1"#);
    }
}
