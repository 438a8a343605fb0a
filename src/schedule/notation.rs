//! The small notations inside the texts of a schedule: names, column paths, periods, time formats, measures, templates.

use std::fmt;

use jiff::tz::TimeZone;

use super::{ColumnPath, FormatPart, Former, Hop, MeasureFunction, TemplatePart, TextFormat};
use crate::base::name::{Name, NameError, TableName, split_parts};
use crate::base::time::{Period, PeriodError, Term};
use crate::diagnostic::flaw::Flaw;
use crate::diagnostic::mistake::nearest;

/// The longest name of a policy, rule, hold or database, in characters: the control tables have room for two of them in a row.
const LONGEST_LABEL: usize = 100;

/// The name of a policy, as it was published.
pub(crate) fn policy_name(text: &str) -> Result<String, Flaw> {
    let is_good = !text.trim().is_empty() && !text.chars().any(char::is_control);
    if !is_good || text.chars().count() > LONGEST_LABEL {
        let remedy = format!("use up to {LONGEST_LABEL} characters on one line");
        return Err(Flaw::new("this is no good name for a policy", remedy));
    }
    Ok(text.to_owned())
}

/// The longest sentence of a published promise, in characters.
const LONGEST_SENTENCE: usize = 300;

/// A name that people know: the title of a rule or an entry.
pub(crate) fn title(text: &str) -> Result<String, Flaw> {
    one_line(text, LONGEST_LABEL)
}

/// The sentence of a promise.
pub(crate) fn sentence(text: &str) -> Result<String, Flaw> {
    one_line(text, LONGEST_SENTENCE)
}

fn one_line(text: &str, longest: usize) -> Result<String, Flaw> {
    if text.chars().any(char::is_control) || text.chars().count() > longest {
        let message = "this is too long, or on several lines";
        return Err(Flaw::new(message, format!("use up to {longest} characters on one line")));
    }
    Ok(text.to_owned())
}

/// An address of the web. Reports show it as text and fetch nothing.
pub(crate) fn web_address(text: &str) -> Result<String, Flaw> {
    let is_address = (text.starts_with("https://") || text.starts_with("http://"))
        && text.chars().all(|c| c.is_ascii_graphic())
        && text.len() <= LONGEST_SENTENCE;
    if !is_address {
        let remedy =
            format!("write an address such as \"https://example.org/privacy\", up to {LONGEST_SENTENCE} characters");
        return Err(Flaw::new(format!("`{text}` is no address of the web"), remedy));
    }
    Ok(text.to_owned())
}

/// The name of a rule, hold or database: one word that can be typed in a shell.
pub(crate) fn label(text: &str) -> Result<String, Flaw> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts_well = text.chars().next().is_some_and(char::is_alphanumeric);
    if !starts_well || !text.chars().all(allowed) || text.chars().count() > LONGEST_LABEL {
        return Err(Flaw::new(
            format!("`{text}` is no good name"),
            format!("use up to {LONGEST_LABEL} letters, digits, `-`, `_` and `.`, a letter or digit first"),
        ));
    }
    Ok(text.to_owned())
}

/// A name that a rule had before: `rule`, or `policy/rule` where it stood in another policy.
pub(crate) fn former_rule(text: &str) -> Result<Former, Flaw> {
    let (policy, rule) = match text.rsplit_once('/') {
        Some((policy, rule)) => (Some(policy_name(policy)?), rule),
        None => (None, text),
    };
    Ok(Former { policy, rule: label(rule)? })
}

/// A column of the table at hand, to the letter.
pub(crate) fn column(text: &str) -> Result<Name, Flaw> {
    Ok(Name::new(text)?)
}

/// `table`, `schema.table`, or the same with quoted parts.
pub(crate) fn table(text: &str) -> Result<TableName, Flaw> {
    TableName::parse(text).map_err(|error| Flaw::new(error.to_string(), "write `table` or `schema.table`"))
}

/// An IANA time zone.
pub(crate) fn timezone(text: &str) -> Result<TimeZone, Flaw> {
    TimeZone::get(text).map_err(|_| {
        let known: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let remedy = match nearest(text, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => {
                "write a name of the IANA database, as \"UTC\" or \"Europe/Berlin\"; this host may lack tzdata".into()
            }
        };
        Flaw::new(format!("\"{text}\" is no time zone that this host knows"), remedy)
    })
}

/// A retention period.
pub(crate) fn period(text: &str) -> Result<Period, Flaw> {
    Period::parse(text).map_err(|error| {
        let remedy = match error {
            PeriodError::Zero => {
                "where a column tells when a row is due, say `expires` instead of `anchor` and `retain`"
            }
            PeriodError::TooLong => "write \"forever\" if that is what it means",
            _ => "write it in days, weeks, months and years, as \"30 days\", \"7 years 3 months\" or \"P30D\"",
        };
        Flaw::new(error.to_string(), remedy)
    })
}

/// The time in which a promise to a person is to be kept.
pub(crate) fn allowance(text: &str) -> Result<Term, Flaw> {
    Term::parse(text).map_err(|error| {
        let remedy = "write it in days, weeks, months or business days, as \"30 days\" or \"7 business days\"";
        Flaw::new(error.to_string(), remedy)
    })
}

/// Each parent is a subquery within the one before.
const MOST_PARENTS: usize = 20;

const PATH_REMEDY: &str = "write `column`, or `reference -> table.column` for a column of a parent, `reference -> table(key).column` where it \
     holds another column of that parent than its primary key; put names with dots or brackets in double quotes";

/// `column`, `reference -> table.column`, or `reference -> table(key).column`, through as many parents as there are arrows.
pub(crate) fn column_path(text: &str) -> Result<ColumnPath, Flaw> {
    let malformed = || Flaw::new(format!("`{text}` is no path to a column"), PATH_REMEDY);
    let mut steps = split_at_arrows(text).into_iter();
    let mut first = split_parts(steps.next().unwrap_or_default())?;
    let mut column = Name::new(first.pop().unwrap_or_default())?;
    if !first.is_empty() {
        return Err(malformed());
    }
    if steps.len() > MOST_PARENTS {
        let message = format!("the path leads through {} parents, and {MOST_PARENTS} are the most", steps.len());
        return Err(Flaw::new(message, PATH_REMEDY));
    }
    let mut hops = Vec::new();
    for step in steps {
        let (step, key) = without_key(step).ok_or_else(malformed)?;
        let mut parts = split_parts(&step)?;
        let (next, table) = (parts.pop(), parts.pop());
        let (Some(next), Some(table)) = (next, table) else { return Err(malformed()) };
        let schema = parts.pop().map(Name::new).transpose()?;
        if !parts.is_empty() {
            return Err(malformed());
        }
        hops.push(Hop {
            column,
            table: TableName::new(schema, Name::new(table)?),
            key: key.map(single_part).transpose()?,
        });
        column = Name::new(next)?;
    }
    Ok(ColumnPath { hops, column })
}

/// `table(key).column` as `table.column` and the key; `None` where brackets stand elsewhere.
fn without_key(step: &str) -> Option<(String, Option<&str>)> {
    let Some(open) = find_unquoted(step, '(') else { return Some((step.to_owned(), None)) };
    let inside = &step[open + 1..];
    let (key, rest) = inside.split_at(find_unquoted(inside, ')')?);
    let rest = &rest[1..];
    rest.trim_start().starts_with('.').then(|| (format!("{}{rest}", &step[..open]), Some(key.trim())))
}

fn find_unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == wanted && !quoted).then_some(at)
    })
}

/// One name, perhaps in double quotes.
fn single_part(text: &str) -> Result<Name, NameError> {
    let mut parts = split_parts(text)?;
    let name = Name::new(parts.pop().unwrap_or_default())?;
    if parts.is_empty() { Ok(name) } else { Err(NameError::TooManyParts(text.to_owned())) }
}

/// The parts between `->` outside double quotes, trimmed.
fn split_at_arrows(text: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        if c == '"' {
            quoted = !quoted;
        }
        if !quoted && text[at..].starts_with("->") {
            steps.push(text[start..at].trim());
            start = at + "->".len();
        }
    }
    steps.push(text[start..].trim());
    steps
}

/// As a schedule would write it.
impl fmt::Display for ColumnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for hop in &self.hops {
            write!(f, "{} -> {}", quoted_at_need(&hop.column), hop.table)?;
            if let Some(key) = &hop.key {
                write!(f, "({})", quoted_at_need(key))?;
            }
            f.write_str(".")?;
        }
        f.write_str(&quoted_at_need(&self.column))
    }
}

fn quoted_at_need(name: &Name) -> String {
    let text = name.as_str();
    let plain = !text.contains(['.', '"', '(', ')']) && !text.contains("->") && text.trim() == text;
    if plain { text.to_owned() } else { name.quoted('"') }
}

/// The directives of a time format, by the letters after `%`; `%f` stands for `%6f`.
const DIRECTIVES: [(&str, FormatPart); 8] = [
    ("Y", FormatPart::Year),
    ("m", FormatPart::Month),
    ("d", FormatPart::Day),
    ("H", FormatPart::Hour),
    ("M", FormatPart::Minute),
    ("S", FormatPart::Second),
    ("6f", FormatPart::Micros),
    ("f", FormatPart::Micros),
];

/// A time format of fixed-width fields, as `%Y%m%d%H%M%S`.
///
/// It must hold the whole date: a time that is known to the month only would let rows go up to a month early.
pub(crate) fn text_format(text: &str) -> Result<TextFormat, Flaw> {
    let remedy = "known: %Y, %m, %d, %H, %M, %S, %6f (microseconds), all of fixed width, and %% for a percent sign";
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '%' {
            parts.push(FormatPart::Literal(c));
        } else if let Some(after) = rest.strip_prefix('%') {
            parts.push(FormatPart::Literal('%'));
            rest = after;
        } else {
            let directive = DIRECTIVES.iter().find_map(|(letters, part)| Some((rest.strip_prefix(letters)?, *part)));
            let Some((after, part)) = directive else {
                let letter: String = rest.chars().take(1).collect();
                return Err(Flaw::new(format!("`%{letter}` is no field of fixed width"), remedy));
            };
            if parts.contains(&part) {
                return Err(Flaw::new(format!("`{text}` names a field twice"), "name each field once"));
            }
            parts.push(part);
            rest = after;
        }
    }
    if ![FormatPart::Year, FormatPart::Month, FormatPart::Day].iter().all(|part| parts.contains(part)) {
        return Err(Flaw::new(format!("`{text}` does not tell the whole date"), "it needs %Y, %m and %d"));
    }
    Ok(TextFormat { pattern: text.to_owned(), parts })
}

/// `count`, or a function of a column: `sum(duration_s)`.
pub(crate) fn measure(text: &str) -> Result<MeasureFunction, Flaw> {
    type OfColumn = fn(Name) -> MeasureFunction;
    const FUNCTIONS: [(&str, OfColumn); 5] = [
        ("sum", MeasureFunction::Sum),
        ("min", MeasureFunction::Min),
        ("max", MeasureFunction::Max),
        ("avg", MeasureFunction::Avg),
        ("distinct", MeasureFunction::Distinct),
    ];
    if text.trim() == "count" {
        return Ok(MeasureFunction::Count);
    }
    let call = text.trim().strip_suffix(')').and_then(|call| call.split_once('('));
    let (word, argument) = call.unwrap_or((text.trim(), ""));
    let word = word.trim();
    match FUNCTIONS.iter().find(|(known, _)| *known == word) {
        Some((_, function)) if !argument.trim().is_empty() => Ok(function(Name::new(argument.trim())?)),
        Some(_) => Err(Flaw::new(format!("`{text}` names no column"), format!("write `{word}(column)`"))),
        None => Err(Flaw::new(
            format!("`{text}` is no measure"),
            match nearest(word, FUNCTIONS.iter().map(|(known, _)| *known).chain(["count"])) {
                Some("count") => "did you mean `count`? It counts rows and takes no column".to_owned(),
                Some(near) => format!("did you mean `{near}(column)`?"),
                None => "known: count, sum(column), min(column), max(column), avg(column), distinct(column)".to_owned(),
            },
        )),
    }
}

/// Literal text with columns of the same row in braces: `deleted-{id}`; a brace itself is doubled.
pub(crate) fn template(text: &str) -> Result<Vec<TemplatePart>, Flaw> {
    let unbalanced =
        || Flaw::new(format!("`{text}` has a brace without its partner"), "double a brace that is meant as text");
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            literal.push_str(brace);
            rest = after;
            continue;
        }
        let (column, after) = rest.split_once('}').filter(|_| brace == "{").ok_or_else(unbalanced)?;
        if column.contains('{') {
            return Err(unbalanced());
        }
        if !literal.is_empty() {
            parts.push(TemplatePart::Literal(std::mem::take(&mut literal)));
        }
        parts.push(TemplatePart::Column(Name::new(column)?));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(TemplatePart::Literal(literal));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn a_column_path_leads_through_parents_and_is_shown_as_it_was_written() {
        for text in ["at", "a -> t.b", "a -> t.b -> s.t2.c", "\"odd.name\"", "\"x->y\" -> s.\"page.view\".\"a\"\"b\""] {
            assert_eq!(column_path(text).unwrap().to_string(), text);
        }
        let path = column_path("a->t.b ->  s.t2.c").unwrap();
        assert_eq!(path.column, name("c"));
        let hop = |column: &str, table: &str| Hop {
            column: name(column),
            table: TableName::parse(table).unwrap(),
            key: None,
        };
        assert_eq!(path.hops, [hop("a", "t"), hop("b", "s.t2")]);
    }

    #[test]
    fn a_path_that_names_no_column_of_a_table_is_refused() {
        for text in ["t.b", "a -> b", "a -> s.t.b.c", "a -> ", "-> t.b", "a -> t.b ->", "\"open", "a -> t."] {
            assert!(column_path(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_format_is_made_of_fixed_fields_and_literals() {
        let format = text_format("%Y-%m-%dT%H%M%S.%f").unwrap();
        use FormatPart::*;
        let expected =
            [Year, Literal('-'), Month, Literal('-'), Day, Literal('T'), Hour, Minute, Second, Literal('.'), Micros];
        assert_eq!(format.parts, expected);
        assert_eq!(text_format("%Y%m%d%6f").unwrap().parts, [Year, Month, Day, Micros]);
        assert_eq!(text_format("%d%%%m%Y").unwrap().parts, [Day, Literal('%'), Month, Year]);
    }

    #[test]
    fn a_time_format_that_could_be_read_in_two_ways_or_tells_no_date_is_refused() {
        let refused = |text: &str| text_format(text).unwrap_err().message;
        assert_eq!(refused("%Y-%b-%d"), "`%b` is no field of fixed width");
        assert_eq!(refused("%Y%m%d%"), "`%` is no field of fixed width");
        assert_eq!(refused("%Y%m%d%3f"), "`%3` is no field of fixed width");
        assert_eq!(refused("%Y%m%d%Y"), "`%Y%m%d%Y` names a field twice");
        assert_eq!(refused("%f%Y%m%d%6f"), "`%f%Y%m%d%6f` names a field twice");
        assert_eq!(refused("%Y-%m"), "`%Y-%m` does not tell the whole date");
    }

    #[test]
    fn measures_are_count_or_a_function_of_a_column() {
        assert_eq!(measure("count"), Ok(MeasureFunction::Count));
        assert_eq!(measure("sum(duration_s)"), Ok(MeasureFunction::Sum(name("duration_s"))));
        assert_eq!(measure(" distinct( user id ) "), Ok(MeasureFunction::Distinct(name("user id"))));
        assert_eq!(measure("avg(x)"), Ok(MeasureFunction::Avg(name("x"))));
        let remedy = |text: &str| measure(text).unwrap_err().remedy;
        assert_eq!(remedy("sum"), "write `sum(column)`");
        assert_eq!(remedy("max()"), "write `max(column)`");
        assert_eq!(remedy("summ(x)"), "did you mean `sum(column)`?");
        assert_eq!(remedy("count(x)"), "did you mean `count`? It counts rows and takes no column");
        assert_eq!(
            remedy("stddev(x)"),
            "known: count, sum(column), min(column), max(column), avg(column), distinct(column)"
        );
    }

    #[test]
    fn a_template_holds_columns_in_braces_and_doubled_braces_as_text() {
        let literal = |text: &str| TemplatePart::Literal(text.into());
        let column = |text: &str| TemplatePart::Column(name(text));
        assert_eq!(
            template("deleted-{id}@x.invalid").unwrap(),
            [literal("deleted-"), column("id"), literal("@x.invalid")]
        );
        assert_eq!(template("{a}{b}").unwrap(), [column("a"), column("b")]);
        assert_eq!(template("{{{id}}}").unwrap(), [literal("{"), column("id"), literal("}")]);
        for text in ["{id", "id}", "{}", "{a{b}"] {
            assert!(template(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_policies_and_paths_have_an_end() {
        assert_eq!(policy_name("Aalalux data tracking policy").as_deref(), Ok("Aalalux data tracking policy"));
        assert!(policy_name(&"ü".repeat(100)).is_ok());
        for text in ["", " ", "a\nb", &"x".repeat(101)] {
            assert!(policy_name(text).is_err(), "{text}");
        }
        let path = |parents: usize| format!("parent{}", " -> t.parent".repeat(parents));
        assert!(column_path(&path(20)).is_ok());
        assert_eq!(
            column_path(&path(100_000)).unwrap_err().message,
            "the path leads through 100000 parents, and 20 are the most"
        );
    }

    #[test]
    fn a_former_name_of_a_rule_may_lie_in_another_policy() {
        let former = |policy: Option<&str>, rule: &str| Former { policy: policy.map(str::to_owned), rule: rule.into() };
        assert_eq!(former_rule("logs"), Ok(former(None, "logs")));
        assert_eq!(former_rule("data policy 1/2/logs"), Ok(former(Some("data policy 1/2"), "logs")));
        for text in ["", "house/", "/logs", "two words"] {
            assert!(former_rule(text).is_err(), "{text}");
        }
    }

    #[test]
    fn labels_can_be_typed_in_a_shell() {
        for text in ["logs", "old-ip_addresses.2", "ältere-logs", "7y"] {
            assert_eq!(label(text).as_deref(), Ok(text));
        }
        for text in ["-v", "", "two words", "a/b", "a\nb", &"x".repeat(101)] {
            assert!(label(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_misspelt_time_zone_is_answered_with_the_nearest() {
        assert_eq!(timezone("Europe/Berln").unwrap_err().remedy, "did you mean \"Europe/Berlin\"?");
        assert!(timezone("UTC").is_ok());
    }
}
