//! Conditions of a schedule: SQL that somebody wrote by hand, let in only where it parses as one expression.

use data_encoding::HEXLOWER;
use sqlparser::dialect::{Dialect as ParserDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::db::Dialect;
use crate::db::Grammar;
use crate::db::catalog::{Catalog, Table};
use crate::plan::{Condition, KeyColumn, PersonKey, Transport};

/// Checks that `text` is exactly one expression of the dialect: it cannot end the parentheses it is put into, start a
/// second statement, or comment out what follows.
///
/// # Errors
/// The parser's sentence, which quotes nothing but the schedule.
pub fn parse(how: impl Into<Grammar>, text: &str) -> Result<Condition, String> {
    let how = how.into();
    let dialect = how.dialect;
    if let Some(objection) = how.objection(text) {
        return Err(objection);
    }
    // A name in double quotes that is no column is a text for SQLite, so that a mistyped condition would be true of every
    // row; and whether it is a name is a matter of settings on MySQL. In backticks it is a name or an error.
    let written = match dialect == Dialect::Sqlite || how.has_ansi_quotes {
        true => names_in_backticks(text, how.has_escapes),
        false => text.to_owned(),
    };
    let grammar = grammar(dialect);
    let usual = usual(how, &written);
    let tokens = Tokenizer::new(grammar.as_ref(), &usual).tokenize().map_err(|error| error.to_string())?;
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
    if let Some(compared) = compared_with_null(&solid) {
        return Err(format!("`{compared} NULL` is true of no row; write IS NULL or IS NOT NULL"));
    }
    let operators = solid.iter().filter(|token| is_operator(token)).count();
    if operators > MOST_OPERATORS {
        return Err(format!(
            "it has {operators} operators, and {MOST_OPERATORS} are the most; write many values of one column as \
             `column IN (…)`, or put them into a table"
        ));
    }
    let (tables, takes_all_columns) = (tables(&solid), takes_all_columns(&solid));
    with_room(operators, || is_one_expression(dialect, tokens))?;
    Ok(Condition::parsed(&written, tables, takes_all_columns))
}

/// As [`parse`], for a condition on rows of `table`. MySQL takes a word in double quotes for a text, also where its writer
/// meant a column of that name: such a condition is refused.
///
/// # Errors
/// As [`parse`]; and the word.
pub fn parse_on(catalog: &Catalog, table: &Table, text: &str) -> Result<Condition, String> {
    let condition = parse(catalog.grammar, text)?;
    let is_looked_at = |other: &&Table| other.name == table.name || condition.mentions(&other.name);
    let is_column = |word: &String| {
        let bears = |table: &Table| table.columns.iter().any(|column| column.name.as_str().eq_ignore_ascii_case(word));
        catalog.tables.iter().filter(is_looked_at).any(bears)
    };
    match texts_in_double_quotes(catalog.grammar, text).into_iter().find(is_column) {
        Some(word) => Err(format!(
            "`{word}` is a column, and this server takes \"{word}\" for a text; write a column in backticks, and a text in \
             single quotes"
        )),
        None => Ok(condition),
    }
}

/// Texts in double quotes. A reader may mean a column by them, and MySQL takes them for texts by default.
fn texts_in_double_quotes(how: Grammar, text: &str) -> Vec<String> {
    if how.dialect != Dialect::Mysql || how.has_ansi_quotes {
        return Vec::new();
    }
    let usual = usual(how, text);
    let tokens = Tokenizer::new(grammar(how.dialect).as_ref(), &usual).tokenize().unwrap_or_default();
    let quoted = |token| if let Token::DoubleQuotedString(text) = token { Some(text) } else { None };
    tokens.into_iter().filter_map(quoted).collect()
}

/// `=` or `<>` before NULL. A server can be told to read `= NULL` as IS NULL, and then it holds other rows than elsewhere.
fn compared_with_null<'t>(solid: &[&'t Token]) -> Option<&'t Token> {
    let is_null = |token: &Token| matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("NULL"));
    solid.windows(2).find(|pair| matches!(pair[0], Token::Eq | Token::Neq) && is_null(pair[1])).map(|pair| pair[0])
}

/// The parser makes a tree of `a OR b OR c` that is as deep as the condition is long, and so do some databases.
const MOST_OPERATORS: usize = 5_000;

/// Does the token take what stands on both of its sides? Counted a little too often.
fn is_operator(token: &Token) -> bool {
    const WORDS: [&str; 16] = [
        "AND", "OR", "XOR", "NOT", "IS", "IN", "LIKE", "ILIKE", "BETWEEN", "SIMILAR", "REGEXP", "RLIKE", "GLOB",
        "COLLATE", "DIV", "MOD",
    ];
    match token {
        Token::Word(word) => word.quote_style.is_none() && WORDS.contains(&word.value.to_ascii_uppercase().as_str()),
        Token::Comma | Token::LParen | Token::RParen | Token::Period | Token::Number(..) => false,
        Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => false,
        _ => true,
    }
}

/// Reads the condition on a stack that is deep enough, and frees its tree there, whichever thread asks.
fn with_room(operators: usize, read: impl FnOnce() -> Result<(), String> + Send) -> Result<(), String> {
    const SHALLOW: usize = 50;
    const STACK: usize = 64 << 20;
    if operators <= SHALLOW {
        return read();
    }
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        let reader = reader.map_err(|error| format!("there is no thread to read it on: {error}"))?;
        reader.join().unwrap_or_else(|_| Err("it cannot be read".to_owned()))
    })
}

fn is_one_expression(dialect: Dialect, tokens: Vec<Token>) -> Result<(), String> {
    let grammar = grammar(dialect);
    let mut parser = Parser::new(grammar.as_ref()).with_tokens(tokens);
    parser.parse_expr().map_err(|error| error.to_string())?;
    match parser.peek_token().token {
        Token::EOF => Ok(()),
        rest => Err(format!("`{rest}` stands where the condition should have ended")),
    }
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
    let hex = || HEXLOWER.encode(value.as_bytes());
    match dialect {
        Dialect::Postgres => format!("convert_from(decode('{}', 'hex'), 'UTF8')", hex()),
        Dialect::Mysql => format!("CONVERT(unhex('{}') USING utf8mb4)", hex()),
        Dialect::Sqlite => sqlite_text(value),
    }
}

/// SQLite knows no escapes, and a text that is cast from bytes means something else in a database of UTF-16.
fn sqlite_text(value: &str) -> String {
    let parts: Vec<_> = value.split('\0').map(|part| format!("'{}'", part.replace('\'', "''"))).collect();
    format!("({})", parts.join(" || char(0) || "))
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

/// Writes `"name"` as `` `name` ``.
fn names_in_backticks(text: &str, has_escapes: bool) -> String {
    each_quotation(text, has_escapes, |quoted| {
        let name = quoted.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"'))?;
        Some(format!("`{}`", name.replace("\"\"", "\"").replace('`', "``")))
    })
}

/// The condition in the dialect's usual notation, for the parser.
fn usual(how: Grammar, text: &str) -> String {
    match how.dialect == Dialect::Mysql && !how.has_escapes {
        true => with_backslashes_doubled(text),
        false => text.to_owned(),
    }
}

fn with_backslashes_doubled(text: &str) -> String {
    each_quotation(text, false, |quoted| quoted.starts_with(['\'', '"']).then(|| quoted.replace('\\', "\\\\")))
}

/// The text with other quotations in place of those for which `other` has one.
fn each_quotation(text: &str, has_escapes: bool, other: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '\'', '`', '[']) {
        let (quoted, after) = split_after_quotation(&rest[start..], has_escapes);
        out.push_str(&rest[..start]);
        out.push_str(other(quoted).as_deref().unwrap_or(quoted));
        rest = after;
    }
    out + rest
}

/// `text` begins with a quotation, in which the character that would end it can stand doubled or, in a text, behind a
/// backslash.
fn split_after_quotation(text: &str, has_escapes: bool) -> (&str, &str) {
    let closing = match text.chars().next() {
        Some('[') => ']',
        Some(quote) => quote,
        None => return (text, ""),
    };
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if has_escapes && closing == '\'' && letter == '\\' {
            letters.next();
        } else if letter == closing {
            let is_doubled = closing != ']' && letters.next_if(|(_, next)| *next == closing).is_some();
            if !is_doubled {
                return text.split_at(at + letter.len_utf8());
            }
        }
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
    fn a_comparison_with_null_is_refused_in_every_dialect() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
            for text in ["released = NULL", "x <> null AND y", "a = 1 OR NOT (b != NULL)"] {
                assert!(parse(dialect, text).is_err_and(|reason| reason.contains("IS NULL")), "{dialect:?}: {text}");
            }
            for text in ["note = 'NULL'", "x IS NULL", "coalesce(x, NULL) = 1"] {
                assert!(parse(dialect, text).is_ok(), "{dialect:?}: {text}");
            }
        }
    }

    #[test]
    fn a_long_condition_is_read_on_any_stack_and_a_longer_one_is_refused() {
        let terms = |number: usize| (0..number).map(|id| format!("id = {id}")).collect::<Vec<_>>().join(" OR ");
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
            let read = move |text: String| {
                let small = std::thread::Builder::new().stack_size(1 << 20);
                small.spawn(move || parse(dialect, &text).map(drop)).unwrap().join().unwrap()
            };
            assert_eq!(read(terms(2_500)), Ok(()));
            assert!(read(terms(40_000)).unwrap_err().contains("it has 79999 operators, and 5000 are the most"));
            assert!(read(format!("id = 1{}", " + 1".repeat(40_000))).is_err());
            assert!(read(format!("{}x", "NOT ".repeat(4_000))).is_err(), "deeper than the parser reads");
            assert!(read(format!("{}x{}", "(".repeat(4_000), ")".repeat(4_000))).is_err());
            let ids: Vec<String> = (0..40_000).map(|id| id.to_string()).collect();
            assert_eq!(read(format!("id IN ({})", ids.join(", "))), Ok(()));
        }
    }

    #[test]
    fn on_mysql_a_quotation_is_read_as_the_server_reads_it() {
        let written =
            |modes: &[&str], text| parse(Grammar::of_mysql(modes), text).map(|found| found.as_str().to_owned());
        for (modes, text, expected) in [
            (&[][..], r#""state" <> 'a\'b'"#, Some(r#""state" <> 'a\'b'"#)),
            (&["ANSI_QUOTES"], r#""state" <> 'a\'"b'"#, Some(r#"`state` <> 'a\'"b'"#)),
            (
                &["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"],
                r#""a`b" LIKE 'x\' OR "c" = 'y'"#,
                Some(r#"`a``b` LIKE 'x\' OR `c` = 'y'"#),
            ),
            (&["NO_BACKSLASH_ESCAPES"], r"a = 'x\' OR b = 'y'", Some(r"a = 'x\' OR b = 'y'")),
            (&[], r"a = 'x\' OR b = 'y'", None),
            (&["NO_BACKSLASH_ESCAPES"], r"a = 'x\' OR (1=1) -- '", None),
            (&["ORACLE"], "a = 1", None),
            (&["EMPTY_STRING_IS_NULL"], "a = ''", None),
        ] {
            assert_eq!(written(modes, text).ok().as_deref(), expected, "{modes:?}: {text}");
        }
    }

    #[test]
    fn where_a_backslash_means_two_things_it_is_refused() {
        assert!(parse(Grammar::of_postgres(false), r"a LIKE 'x\_y'").is_err());
        assert!(parse(Grammar::of_postgres(true), r"a LIKE 'x\_y'").is_ok());
        assert!(parse(Grammar::of_postgres(false), "a LIKE 'x%'").is_ok());
    }

    #[test]
    fn on_sqlite_a_text_means_the_same_in_every_encoding() {
        assert_eq!(text(Dialect::Sqlite, "jürgen"), "('jürgen')");
        assert_eq!(text(Dialect::Sqlite, "it's\0x"), "('it''s' || char(0) || 'x')");
        assert!(parse(Dialect::Sqlite, &format!("login = {}", text(Dialect::Sqlite, "a'b\\"))).is_ok());
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
