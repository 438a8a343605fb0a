//! Times in columns of text: ISO 8601 with and without a zone, or the fields of a format.
//!
//! A regular expression stands before each cast, within one CASE, so that no text makes a statement fail: what it lets
//! through, every server can read. Texts of a format are not cast at all; their fields are put in order and compared as texts.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::anchor::{Write, instant_text, micros, naive_text};
use crate::base::name::Name;
use crate::db::sql::builder::Sql;
use crate::db::{Dialect, Value};
use crate::plan::{Anchor, Reading};
use crate::schedule::{FormatPart, TextFormat};

/// A date that exists, years 2 to 9998, as PostgreSQL, MariaDB and MySQL read regular expressions.
const ISO_DATE: &str = "(?!000[01]|9999)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))\
    |(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)";
const ISO_TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?";
/// Offsets of sixteen hours and more no place on earth has, and PostgreSQL does not read them.
const ISO_ZONE: &str = "(Z|z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)";

/// Of an ISO text: what it tells, with the pattern that lets it through.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Zoned,
    Local,
    Day,
}

const KINDS: [Kind; 3] = [Kind::Zoned, Kind::Local, Kind::Day];

impl Kind {
    fn pattern(self) -> String {
        match self {
            Kind::Zoned => format!("^({ISO_DATE})[T ]{ISO_TIME} ?{ISO_ZONE}$"),
            Kind::Local => format!("^({ISO_DATE})[T ]{ISO_TIME}$"),
            Kind::Day => format!("^({ISO_DATE})$"),
        }
    }

    /// The text as a value of the server's.
    fn value(self, sql: &mut Sql, text: Write<'_>) {
        match (sql.dialect, self) {
            (Dialect::Mysql, Kind::Zoned) => mysql_zoned(sql, text),
            // More digits than six would be rounded up.
            (Dialect::Mysql, Kind::Local) => around(sql, "CAST(LEFT(", text, ", 26) AS DATETIME(6))"),
            (_, Kind::Zoned) => around(sql, "CAST(", text, " AS timestamptz)"),
            (_, Kind::Local) => around(sql, "CAST(", text, " AS timestamp)"),
            (_, Kind::Day) => around(sql, "CAST(", text, " AS date)"),
        };
    }

    fn bound(self, sql: &mut Sql, instant: Timestamp, naive: DateTime) {
        let dialect = sql.dialect;
        match self {
            Kind::Zoned => sql.bind_as(Value::Text(instant_text(instant, dialect)), "timestamptz"),
            Kind::Local => sql.bind_as(Value::Text(naive_text(naive)), "timestamp"),
            Kind::Day => sql.bind_as(Value::Text(naive.date().to_string()), "date"),
        };
    }
}

fn around(sql: &mut Sql, open: &'static str, text: Write<'_>, close: &'static str) {
    sql.push(open);
    text(sql);
    sql.push(close);
}

/// MariaDB reads no offsets: the clock time, less the offset, which is brought into the form `+HH:MM`.
fn mysql_zoned(sql: &mut Sql, text: Write<'_>) {
    sql.push("CAST(LEFT(REGEXP_REPLACE(");
    text(sql);
    sql.push(
        ", ' ?([Zz]|[+-][0-9:]+)$', ''), 26) AS DATETIME(6)) - INTERVAL INSERT(RPAD(REPLACE(COALESCE(REGEXP_SUBSTR(",
    );
    text(sql);
    sql.push(", '[+-][0-9:]+$'), ''), ':', ''), 5, '0'), 4, 0, ':') HOUR_MINUTE");
}

/// The text as it is compared and matched: PostgreSQL pads a char(n), and matches nothing under a collation that takes
/// different letters for one; MySQL fills up a binary(n).
pub(super) fn compared(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    match sql.dialect {
        Dialect::Postgres => sql.push("CAST(").column(alias, &anchor.column).push(" AS text) COLLATE \"C\""),
        Dialect::Mysql if anchor.is_filled_up => {
            sql.push("TRIM(TRAILING CHAR(0) FROM ").column(alias, &anchor.column).push(")")
        }
        Dialect::Mysql | Dialect::Sqlite => sql.column(alias, &anchor.column),
    };
}

/// The text as it is cast: what stands behind it does not matter there.
fn plain(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    match sql.dialect {
        Dialect::Postgres => {
            sql.column(alias, &anchor.column);
        }
        Dialect::Mysql | Dialect::Sqlite => compared(sql, alias, anchor),
    }
}

fn matches(sql: &mut Sql, alias: &Name, anchor: &Anchor, pattern: String) {
    compared(sql, alias, anchor);
    sql.push(match sql.dialect {
        Dialect::Mysql => " REGEXP ",
        Dialect::Postgres | Dialect::Sqlite => " ~ ",
    });
    sql.bind_as(Value::Text(pattern), "text");
}

/// Does the text tell a time before the bound (` < `), or not before it (` >= `)? Unknown where it tells none.
pub(super) fn is_before(sql: &mut Sql, alias: &Name, anchor: &Anchor, how: &'static str) {
    let Reading::Text { format, instant, naive, .. } = &anchor.reading else { return };
    match (sql.dialect, format) {
        (Dialect::Sqlite, _) => {
            sqlite_function(sql, "tenure_micros(", alias, anchor);
            sql.push(how).bind(Value::Int(instant.as_microsecond()));
        }
        (Dialect::Postgres | Dialect::Mysql, Some(format)) => {
            sql.push("CASE").when(|sql| matches(sql, alias, anchor, pattern_of(format)));
            in_order(sql, alias, anchor, format);
            sql.push(how).bind_as(Value::Text(ordered(format, *naive)), "text").push(" END");
        }
        (Dialect::Postgres | Dialect::Mysql, None) => {
            sql.push("CASE");
            for kind in KINDS {
                sql.when(|sql| matches(sql, alias, anchor, kind.pattern()));
                kind.value(sql, &|sql| plain(sql, alias, anchor));
                sql.push(how);
                kind.bound(sql, *instant, *naive);
            }
            sql.push(" END");
        }
    }
}

/// As [`super::anchor::told`] of a column of texts.
pub(super) fn told(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    let Reading::Text { format, .. } = &anchor.reading else { return };
    match (sql.dialect, format) {
        (Dialect::Sqlite, _) => sqlite_function(sql, "tenure_told(", alias, anchor),
        (Dialect::Postgres | Dialect::Mysql, Some(format)) => {
            sql.push("CASE").when(|sql| matches(sql, alias, anchor, pattern_of(format)));
            let kind = if has_hour(format) { Kind::Local } else { Kind::Day };
            let iso = |sql: &mut Sql| as_iso(sql, alias, anchor, format);
            micros(sql, &|sql| kind.value(sql, &iso), kind.mark());
            sql.push(" END");
        }
        (Dialect::Postgres | Dialect::Mysql, None) => {
            sql.push("CASE");
            for kind in KINDS {
                sql.when(|sql| matches(sql, alias, anchor, kind.pattern()));
                micros(sql, &|sql| kind.value(sql, &|sql| plain(sql, alias, anchor)), kind.mark());
            }
            sql.push(" END");
        }
    }
}

impl Kind {
    /// What makes microseconds the number of [`super::anchor::told`].
    fn mark(self) -> &'static str {
        match self {
            Kind::Zoned => " * 4",
            Kind::Local => " * 4 + 1",
            Kind::Day => " * 4 + 2",
        }
    }
}

/// Which texts mean that there is no time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// Nothing, zeros, and dates of the years 0 and 1.
    Early,
    /// Those of the year 9999 as well.
    EarlyOrLate,
}

/// The text says that there is no time.
pub(super) fn is_empty(sql: &mut Sql, alias: &Name, anchor: &Anchor, which: Empty) {
    let Reading::Text { format, .. } = &anchor.reading else { return };
    if sql.dialect == Dialect::Sqlite {
        sql.push("tenure_says_none(").column(alias, &anchor.column);
        sql.push(", ").bind(Value::Text(format.as_ref().map(|format| format.pattern.clone()).unwrap_or_default()));
        sql.push(match which {
            Empty::Early => ") = 1",
            Empty::EarlyOrLate => ") > 0",
        });
        return;
    }
    matches(sql, alias, anchor, empty_pattern(format.as_ref(), which));
}

fn empty_pattern(format: Option<&TextFormat>, which: Empty) -> String {
    let before_year = match format.and_then(|format| start_of(format, FormatPart::Year)) {
        Some(start) if start > 0 => format!(".{{{start}}}"),
        _ => String::new(),
    };
    let years = match which {
        Empty::Early => "000[01]",
        Empty::EarlyOrLate => "(000[01]|9999)",
    };
    let after_year = if format.is_none() { "-" } else { "" };
    format!("^([0:T. Z/-]*|{before_year}{years}{after_year}.*)$")
}

/// A function of our own, with the format and the zone where it needs them.
fn sqlite_function(sql: &mut Sql, function: &'static str, alias: &Name, anchor: &Anchor) {
    let Reading::Text { format, zone, .. } = &anchor.reading else { return };
    sql.push(function).column(alias, &anchor.column);
    if format.is_some() || *zone != TimeZone::UTC {
        sql.push(", ").bind(Value::Text(format.as_ref().map(|format| format.pattern.clone()).unwrap_or_default()));
        sql.push(", ").bind(Value::Text(zone.iana_name().unwrap_or("UTC").to_owned()));
    }
    sql.push(")");
}

/// What every text of an earlier time sorts below, where there is such a text.
pub(super) fn early_limit(anchor: &Anchor, dialect: Dialect) -> Option<Value> {
    let Reading::Text { format, instant, naive, .. } = &anchor.reading else { return None };
    match (dialect, format) {
        (Dialect::Sqlite, None) => Some(iso_day(*instant, 2)),
        (Dialect::Postgres | Dialect::Mysql, Some(format)) if sorts_by_time(format) => {
            Some(Value::Text(rendered(format, *naive)))
        }
        _ => None,
    }
}

/// What every text of a time at the bound or after it sorts above.
pub(super) fn late_limit(anchor: &Anchor, dialect: Dialect) -> Option<Value> {
    match &anchor.reading {
        Reading::Text { format: None, instant, .. } if dialect == Dialect::Sqlite => Some(iso_day(*instant, -2)),
        _ => None,
    }
}

/// The day that lies `days` from the instant's, as ISO text. Offsets stay below a day, so with two days to spare the text
/// of any earlier (or later) time, whatever its zone, sorts below (or above) it.
fn iso_day(instant: Timestamp, days: i32) -> Value {
    let day = TimeZone::UTC.to_datetime(instant).date();
    Value::Text(day.saturating_add(jiff::Span::new().days(days)).to_string())
}

/// The time as a column of this kind would hold it.
pub(super) fn written(format: Option<&TextFormat>, instant: Timestamp, naive: DateTime) -> Value {
    Value::Text(match format {
        Some(format) => rendered(format, naive),
        None => instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

// Fields of a fixed width.

/// The fields from the year downwards.
const FIELDS: [FormatPart; 7] = [
    FormatPart::Year,
    FormatPart::Month,
    FormatPart::Day,
    FormatPart::Hour,
    FormatPart::Minute,
    FormatPart::Second,
    FormatPart::Micros,
];

fn part_width(part: FormatPart) -> usize {
    match part {
        FormatPart::Year => 4,
        FormatPart::Micros => 6,
        FormatPart::Literal(_) => 1,
        _ => 2,
    }
}

/// How many characters stand before a field.
fn start_of(format: &TextFormat, wanted: FormatPart) -> Option<usize> {
    let at = format.parts.iter().position(|part| *part == wanted)?;
    Some(format.parts[..at].iter().map(|part| part_width(*part)).sum())
}

pub(super) fn has_hour(format: &TextFormat) -> bool {
    format.parts.contains(&FormatPart::Hour)
}

/// Year first, then ever smaller fields: texts sort as their times do.
fn sorts_by_time(format: &TextFormat) -> bool {
    let fields: Vec<_> = format.parts.iter().copied().filter(|part| !matches!(part, FormatPart::Literal(_))).collect();
    FIELDS.starts_with(&fields)
}

/// A text of this format whose date exists. Day and month are looked at before the fields are read in their order.
fn pattern_of(format: &TextFormat) -> String {
    const LEAP_YEAR: &str = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)";
    let at = |part: FormatPart, digits: &str| match start_of(format, part) {
        Some(start) if start > 0 => format!("(?=.{{{start}}}{digits})"),
        _ => format!("(?={digits})"),
    };
    let (year, month, day) = (FormatPart::Year, FormatPart::Month, FormatPart::Day);
    let dates = [
        at(month, "(0[1-9]|1[0-2])") + &at(day, "(0[1-9]|1[0-9]|2[0-8])"),
        at(month, "(0[13-9]|1[0-2])") + &at(day, "(29|30)"),
        at(month, "(0[13578]|1[02])") + &at(day, "31"),
        at(month, "02") + &at(day, "29") + &at(year, LEAP_YEAR),
    ];
    let fields: String = format.parts.iter().map(|part| field_pattern(*part)).collect();
    format!("^({}){fields}$", dates.join("|"))
}

fn field_pattern(part: FormatPart) -> String {
    match part {
        FormatPart::Year => "(?!000[01]|9999)[0-9]{4}".to_owned(),
        FormatPart::Month | FormatPart::Day => "[0-9]{2}".to_owned(),
        FormatPart::Hour => "([01][0-9]|2[0-3])".to_owned(),
        FormatPart::Minute | FormatPart::Second => "[0-5][0-9]".to_owned(),
        FormatPart::Micros => "[0-9]{6}".to_owned(),
        FormatPart::Literal(c) if c.is_ascii_punctuation() => format!("\\{c}"),
        FormatPart::Literal(c) => c.to_string(),
    }
}

/// The text, so that it sorts as its time does.
fn in_order(sql: &mut Sql, alias: &Name, anchor: &Anchor, format: &TextFormat) {
    if sorts_by_time(format) {
        return compared(sql, alias, anchor);
    }
    let fields: Vec<_> = FIELDS.into_iter().filter(|field| format.parts.contains(field)).collect();
    sql.push("concat(");
    sql.list(&fields, ", ", |sql, part| field(sql, alias, anchor, (format, *part)));
    sql.push(match sql.dialect {
        Dialect::Postgres => ") COLLATE \"C\"",
        Dialect::Mysql | Dialect::Sqlite => ")",
    });
}

fn field(sql: &mut Sql, alias: &Name, anchor: &Anchor, (format, part): (&TextFormat, FormatPart)) {
    let start = start_of(format, part).unwrap_or_default() + 1;
    sql.push("substr(");
    compared(sql, alias, anchor);
    sql.push(", ").number(start as u64).push(", ").number(part_width(part) as u64).push(")");
}

/// The bound as [`in_order`] has the texts.
fn ordered(format: &TextFormat, bound: DateTime) -> String {
    if sorts_by_time(format) {
        return rendered(format, bound);
    }
    let parts = FIELDS.into_iter().filter(|field| format.parts.contains(field)).collect();
    rendered(&TextFormat { parts, pattern: String::new() }, bound)
}

/// The fields in ISO order, for a cast.
fn as_iso(sql: &mut Sql, alias: &Name, anchor: &Anchor, format: &TextFormat) {
    const BEFORE: [&str; 7] = ["", ", '-', ", ", '-', ", ", ' ', ", ", ':', ", ", ':', ", ", '.', "];
    sql.push("concat(");
    for (part, before) in FIELDS.into_iter().zip(BEFORE) {
        let (is_there, is_clock) = (format.parts.contains(&part), FIELDS.iter().position(|one| *one == part) > Some(2));
        if is_clock && !has_hour(format) || part == FormatPart::Micros && !is_there {
            continue;
        }
        sql.push(before);
        if is_there {
            field(sql, alias, anchor, (format, part));
        } else {
            sql.push("'00'");
        }
    }
    sql.push(")");
}

/// The bound in the column's own format: times are rounded up to what it can express, so that nothing below the bound is cut off.
fn rendered(format: &TextFormat, bound: DateTime) -> String {
    let has = |part| format.parts.contains(&part);
    let unit = if has(FormatPart::Micros) {
        jiff::Unit::Microsecond
    } else if has(FormatPart::Second) {
        jiff::Unit::Second
    } else if has(FormatPart::Minute) {
        jiff::Unit::Minute
    } else {
        jiff::Unit::Hour
    };
    let rounding = jiff::civil::DateTimeRound::new().smallest(unit).mode(jiff::RoundMode::Ceil);
    let bound = match has_hour(format) {
        true => bound.round(rounding).unwrap_or(bound),
        // A day is over when all of it is.
        false => bound.date().to_datetime(jiff::civil::Time::midnight()),
    };
    let mut out = String::new();
    for part in &format.parts {
        match part {
            FormatPart::Year => out.push_str(&format!("{:04}", bound.year())),
            FormatPart::Month => out.push_str(&format!("{:02}", bound.month())),
            FormatPart::Day => out.push_str(&format!("{:02}", bound.day())),
            FormatPart::Hour => out.push_str(&format!("{:02}", bound.hour())),
            FormatPart::Minute => out.push_str(&format!("{:02}", bound.minute())),
            FormatPart::Second => out.push_str(&format!("{:02}", bound.second())),
            FormatPart::Micros => out.push_str(&format!("{:06}", bound.subsec_nanosecond() / 1000)),
            FormatPart::Literal(c) => out.push(*c),
        }
    }
    out
}
