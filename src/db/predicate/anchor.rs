//! A row's age in each dialect: is it known, and is it strictly before the bound?
//!
//! Every expression here is total: no value of a column, however odd, makes it raise. A text that is no time is neither
//! before the bound nor absent; zero, NULL, the infinities and all-zero dates are absent.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::base::name::Name;
use crate::db::predicate::whose;
use crate::db::sql::builder::Sql;
use crate::db::{Dialect, Value};
use crate::plan::{Anchor, Hop, Reading};
use crate::schedule::{FormatPart, TextFormat};

/// A date that exists, years 1 to 9999, as PostgreSQL and MariaDB/MySQL both read regular expressions.
const ISO_DATE: &str = "(?!0000)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))\
    |(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)";
const ISO_TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?";
const ISO_ZONE: &str = "(Z|z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)";

/// Known, and strictly before the bound. Never true by accident: NULL where the value is NULL, false for odd ones.
pub(in crate::db) fn before(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    at_end_of_path(sql, alias, anchor, 0, &|sql, alias| before_bound(sql, alias, &anchor.column, &anchor.reading));
}

/// No time at all: NULL, zero, or no parent. (A text that is no time is not absent: it may have meant one.)
pub(in crate::db) fn absent(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    if anchor.hops.is_empty() {
        return no_time(sql, alias, &anchor.column, &anchor.reading);
    }
    sql.push("NOT ");
    at_end_of_path(sql, alias, anchor, 0, &|sql, alias| {
        sql.push("(");
        no_time(sql, alias, &anchor.column, &anchor.reading);
        sql.push(") IS NOT TRUE");
    });
}

/// The value as microseconds since 1970; naive values as if they were UTC; NULL where no time is known.
pub(in crate::db) fn micros(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    value_at(sql, alias, anchor, 0, &|sql, alias| micros_of(sql, alias, &anchor.column, &anchor.reading));
}

/// 1 where the value is a day and tells no hour of it.
pub(in crate::db) fn is_day(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    match &anchor.reading {
        Reading::Text { format: None, .. } => value_at(sql, alias, anchor, 0, &|sql, alias| {
            sql.push("CASE WHEN LENGTH(").column(alias, &anchor.column).push(") = 10 THEN 1 ELSE 0 END");
        }),
        reading => {
            sql.push(if tells_days_only(reading) { "1" } else { "0" });
        }
    }
}

/// Of ISO texts each may tell another thing.
fn tells_days_only(reading: &Reading) -> bool {
    match reading {
        Reading::Date { .. } => true,
        Reading::Text { format: Some(format), .. } => position(format, FormatPart::Hour).is_none(),
        _ => false,
    }
}

fn value_at(sql: &mut Sql, alias: &Name, anchor: &Anchor, depth: usize, value: &dyn Fn(&mut Sql, &Name)) {
    let Some(hop) = anchor.hops.get(depth) else {
        return value(sql, alias);
    };
    let parent = sql.fresh_alias();
    sql.push("(SELECT ");
    value_at(sql, &parent, anchor, depth + 1, value);
    sql.push(" FROM ");
    parent_row(sql, alias, hop, &parent);
    sql.push(")");
}

/// `EXISTS` a chain of parents at whose end `leaf` holds.
fn at_end_of_path(sql: &mut Sql, alias: &Name, anchor: &Anchor, depth: usize, leaf: &dyn Fn(&mut Sql, &Name)) {
    let Some(hop) = anchor.hops.get(depth) else {
        return leaf(sql, alias);
    };
    let parent = sql.fresh_alias();
    sql.push("EXISTS (SELECT 1 FROM ");
    parent_row(sql, alias, hop, &parent);
    sql.push(" AND ");
    at_end_of_path(sql, &parent, anchor, depth + 1, leaf);
    sql.push(")");
}

/// The row to which a hop leads from the one that `alias` names, behind `FROM`.
fn parent_row(sql: &mut Sql, alias: &Name, hop: &Hop, parent: &Name) {
    sql.push(if hop.only { "ONLY " } else { "" }).table(&hop.table).push(" AS ").name(parent).push(" WHERE ");
    whose::same_value(sql, hop.likeness, (alias, &hop.column), (parent, &hop.key));
}

/// The bound itself, as the column would hold it.
pub(in crate::db) fn bound(sql: &mut Sql, reading: &Reading) {
    let dialect = sql.dialect;
    match reading {
        Reading::Instant { bound } => sql.bind_as(Value::Text(instant_text(*bound, dialect)), "timestamptz"),
        Reading::Naive { bound, .. } => sql.bind_as(Value::Text(naive_text(*bound)), "timestamp"),
        Reading::Date { bound, .. } => sql.bind_as(Value::Text(bound.to_string()), "date"),
        Reading::Integer { bound, .. } => sql.bind(Value::Int(*bound)),
        Reading::Float { bound, .. } => sql.bind(Value::Float(*bound)),
        Reading::Text { format: Some(format), naive, .. } => sql.bind(Value::Text(render(format, *naive))),
        Reading::Text { format: None, instant, .. } => {
            sql.bind(Value::Text(instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
        }
    };
}

fn before_bound(sql: &mut Sql, alias: &Name, column: &Name, reading: &Reading) {
    match reading {
        Reading::Instant { bound } => {
            native_before(sql, alias, column, instant_text(*bound, sql.dialect), "timestamptz")
        }
        Reading::Naive { bound, .. } => native_before(sql, alias, column, naive_text(*bound), "timestamp"),
        Reading::Date { bound, .. } => native_before(sql, alias, column, bound.to_string(), "date"),
        Reading::Integer { bound, .. } => {
            sql.push("(").column(alias, column).push(" < ").bind(Value::Int(*bound));
            sql.push(" AND ").column(alias, column).push(" > 0)");
        }
        Reading::Float { bound, .. } => {
            sql.push("(").column(alias, column).push(" < ").bind(Value::Float(*bound));
            sql.push(" AND ").column(alias, column).push(" > 0)");
        }
        Reading::Text { format, instant, naive, zone } => match sql.dialect {
            Dialect::Sqlite => {
                sql.push("(");
                if format.is_none() {
                    // Implied by what follows, whatever the offset, and what an index on the text can serve.
                    sql.column(alias, column).push(" < ").bind(iso_day(*instant, 2)).push(" AND ");
                }
                sqlite_micros(sql, alias, column, format.as_ref(), zone);
                sql.push(" < ").bind(Value::Int(instant.as_microsecond())).push(")");
            }
            Dialect::Postgres | Dialect::Mysql => {
                sql.push("(");
                if let Some(format) = format.as_ref().filter(|format| sorts_by_time(format)) {
                    // Implied by what follows, and what an index on the text can serve.
                    sql.column(alias, column).push(" < ");
                    sql.bind(Value::Text(render(format, *naive))).push(" AND ");
                }
                text_before(sql, &|sql| text_of(sql, alias, column, format.as_ref()), *instant, *naive);
                sql.push(")");
            }
        },
    }
}

fn native_before(sql: &mut Sql, alias: &Name, column: &Name, bound: String, sql_type: &'static str) {
    let dialect = sql.dialect;
    sql.push("(").column(alias, column).push(" < ").bind_as(Value::Text(bound), sql_type).push(" AND ");
    match dialect {
        Dialect::Mysql => whole_time(sql, alias, column),
        Dialect::Postgres | Dialect::Sqlite => {
            sql.column(alias, column).push(" > '-infinity'");
        }
    }
    sql.push(")");
}

/// MySQL: neither zeros nor the year zero, and no zero for its month or day, which may mean a late one.
fn whole_time(sql: &mut Sql, alias: &Name, column: &Name) {
    sql.column(alias, column).push(" >= '0001-01-01 00:00:00' AND MONTH(").column(alias, column);
    sql.push(") > 0 AND DAYOFMONTH(").column(alias, column).push(") > 0");
}

fn no_time(sql: &mut Sql, alias: &Name, column: &Name, reading: &Reading) {
    let dialect = sql.dialect;
    sql.push("(").column(alias, column).push(" IS NULL OR ");
    match reading {
        Reading::Instant { .. } | Reading::Naive { .. } | Reading::Date { .. } => {
            sql.column(alias, column).push(match dialect {
                Dialect::Mysql => " = '0000-00-00 00:00:00')",
                Dialect::Postgres | Dialect::Sqlite => " = '-infinity')",
            });
        }
        Reading::Integer { .. } | Reading::Float { .. } => {
            sql.column(alias, column).push(" <= 0)");
        }
        Reading::Text { .. } => match dialect {
            Dialect::Mysql => {
                sql.column(alias, column).push(" REGEXP '^[0:T. Z-]*$')");
            }
            Dialect::Postgres => {
                sql.column(alias, column).push(" ~ '^[0:T. Z-]*$')");
            }
            Dialect::Sqlite => {
                sql.push("trim(").column(alias, column).push(", '0:T. Z-') = '')");
            }
        },
    }
}

fn micros_of(sql: &mut Sql, alias: &Name, column: &Name, reading: &Reading) {
    let dialect = sql.dialect;
    match reading {
        Reading::Instant { .. } | Reading::Naive { .. } | Reading::Date { .. } => match dialect {
            Dialect::Mysql => {
                sql.push("CASE WHEN ");
                whole_time(sql, alias, column);
                sql.push(" THEN TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', ")
                    .column(alias, column)
                    .push(") END");
            }
            Dialect::Postgres | Dialect::Sqlite => {
                // Dates reach further than microseconds in 64 bits do; what lies beyond is never the oldest.
                sql.push("CASE WHEN ").column(alias, column).push(" > '-infinity' AND ").column(alias, column);
                sql.push(" < '290000-01-01' THEN CAST(EXTRACT(EPOCH FROM ");
                sql.column(alias, column).push(") * 1000000 AS bigint) END");
            }
        },
        // The upper limit keeps the product inside 64 bits; what lies beyond it is never the oldest.
        Reading::Integer { per_second, .. } | Reading::Float { per_second, .. } => {
            let unit = 1_000_000 / per_second;
            sql.push("CASE WHEN ").column(alias, column).push(" > 0 AND ").column(alias, column).push(" < ");
            sql.number(9_000_000_000_000_000_000 / unit as u64).push(" THEN CAST(").column(alias, column).push(" * ");
            // PostgreSQL would multiply two integers of 32 bits in 32 bits.
            sql.number(unit as u64).push(match dialect {
                Dialect::Mysql => " AS SIGNED) END",
                Dialect::Postgres => "::bigint AS bigint) END",
                Dialect::Sqlite => " AS bigint) END",
            });
        }
        Reading::Text { format, zone, .. } => match dialect {
            Dialect::Sqlite => sqlite_micros(sql, alias, column, format.as_ref(), zone),
            Dialect::Postgres | Dialect::Mysql => {
                text_micros(sql, &|sql| text_of(sql, alias, column, format.as_ref()));
            }
        },
    }
}

/// The function that `sqlite_functions` registers: exact microseconds, the zone applied.
fn sqlite_micros(sql: &mut Sql, alias: &Name, column: &Name, format: Option<&TextFormat>, zone: &TimeZone) {
    sql.push("tenure_micros(").column(alias, column);
    if format.is_some() || *zone != TimeZone::UTC {
        sql.push(", ").bind(Value::Text(format.map(|format| format.pattern.clone()).unwrap_or_default()));
        sql.push(", ").bind(Value::Text(zone.iana_name().unwrap_or("UTC").to_owned()));
    }
    sql.push(")");
}

/// The column as ISO text: itself, or its fields put into ISO order.
fn text_of(sql: &mut Sql, alias: &Name, column: &Name, format: Option<&TextFormat>) {
    let Some(format) = format else {
        sql.column(alias, column);
        return;
    };
    let field = |sql: &mut Sql, part: FormatPart, missing: &'static str| match position(format, part) {
        Some((start, width)) => {
            sql.push("substr(").column(alias, column).push(", ").number(start).push(", ").number(width).push(")");
        }
        None => {
            sql.push(missing);
        }
    };
    sql.push("CASE WHEN char_length(").column(alias, column).push(") = ").number(width(format)).push(" THEN concat(");
    field(sql, FormatPart::Year, "'0000'");
    sql.push(", '-', ");
    field(sql, FormatPart::Month, "'01'");
    sql.push(", '-', ");
    field(sql, FormatPart::Day, "'01'");
    if position(format, FormatPart::Hour).is_some() {
        sql.push(", ' ', ");
        field(sql, FormatPart::Hour, "'00'");
        sql.push(", ':', ");
        field(sql, FormatPart::Minute, "'00'");
        sql.push(", ':', ");
        field(sql, FormatPart::Second, "'00'");
        if position(format, FormatPart::Micros).is_some() {
            sql.push(", '.', ");
            field(sql, FormatPart::Micros, "'0'");
        }
    }
    sql.push(") END");
}

type Piece<'a> = &'a dyn Fn(&mut Sql);

/// Writes what a text means as a time.
type TimeOf = fn(&mut Sql, Piece<'_>);

/// The regular expressions guard the casts: what they let through, the server can read.
fn text_before(sql: &mut Sql, text: Piece<'_>, instant: Timestamp, naive: DateTime) {
    let dialect = sql.dialect;
    sql.push("CASE WHEN ");
    matches(sql, text, format!("^({ISO_DATE})[T ]{ISO_TIME} ?{ISO_ZONE}$"));
    sql.push(" THEN ");
    zoned_value(sql, text);
    sql.push(" < ").bind_as(Value::Text(instant_text(instant, dialect)), "timestamptz").push(" WHEN ");
    matches(sql, text, format!("^({ISO_DATE})[T ]{ISO_TIME}$"));
    sql.push(" THEN ");
    naive_value(sql, text);
    sql.push(" < ").bind_as(Value::Text(naive_text(naive)), "timestamp").push(" WHEN ");
    matches(sql, text, format!("^({ISO_DATE})$"));
    sql.push(" THEN ");
    date_value(sql, text);
    sql.push(" < ").bind_as(Value::Text(naive.date().to_string()), "date");
    sql.push(" ELSE FALSE END");
}

fn text_micros(sql: &mut Sql, text: Piece<'_>) {
    let cases: [(String, TimeOf); 3] = [
        (format!("^({ISO_DATE})[T ]{ISO_TIME} ?{ISO_ZONE}$"), zoned_value),
        (format!("^({ISO_DATE})[T ]{ISO_TIME}$"), naive_value),
        (format!("^({ISO_DATE})$"), date_value),
    ];
    sql.push("CASE");
    for (pattern, value) in cases {
        sql.push(" WHEN ");
        matches(sql, text, pattern);
        sql.push(" THEN ");
        match sql.dialect {
            Dialect::Mysql => {
                sql.push("TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', ");
                value(sql, text);
                sql.push(")");
            }
            Dialect::Postgres | Dialect::Sqlite => {
                sql.push("CAST(EXTRACT(EPOCH FROM ");
                value(sql, text);
                sql.push(") * 1000000 AS bigint)");
            }
        }
    }
    sql.push(" END");
}

fn matches(sql: &mut Sql, text: Piece<'_>, pattern: String) {
    text(sql);
    sql.push(match sql.dialect {
        Dialect::Mysql => " REGEXP ",
        Dialect::Postgres | Dialect::Sqlite => " ~ ",
    });
    sql.bind_as(Value::Text(pattern), "text");
}

fn zoned_value(sql: &mut Sql, text: Piece<'_>) {
    if sql.dialect == Dialect::Postgres {
        sql.push("CAST(");
        text(sql);
        sql.push(" AS timestamptz)");
        return;
    }
    // MariaDB reads no offsets: the clock time, less the offset in minutes. What follows the 16th character holds
    // seconds, fraction and offset, so a sign there is the offset's.
    sql.push("(");
    naive_value(sql, text);
    let offset = |sql: &mut Sql| {
        sql.push("REPLACE(REGEXP_SUBSTR(SUBSTR(");
        text(sql);
        sql.push(", 17), '[+-][0-9:]+$'), ':', '')");
    };
    sql.push(" - INTERVAL (IF(");
    offset(sql);
    sql.push(" = '', 0, IF(LEFT(");
    offset(sql);
    sql.push(", 1) = '-', -1, 1) * (SUBSTR(");
    offset(sql);
    sql.push(", 2, 2) * 60 + IF(CHAR_LENGTH(");
    offset(sql);
    sql.push(") > 3, SUBSTR(");
    offset(sql);
    sql.push(", 4, 2), 0)))) MINUTE)");
}

fn naive_value(sql: &mut Sql, text: Piece<'_>) {
    if sql.dialect == Dialect::Postgres {
        sql.push("CAST(");
        text(sql);
        sql.push(" AS timestamp)");
        return;
    }
    sql.push("CAST(CONCAT(SUBSTR(");
    text(sql);
    sql.push(", 1, 10), ' ', REGEXP_SUBSTR(SUBSTR(");
    text(sql);
    sql.push(", 12), '^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?')) AS DATETIME(6))");
}

fn date_value(sql: &mut Sql, text: Piece<'_>) {
    sql.push("CAST(");
    text(sql);
    sql.push(" AS date)");
}

/// 1-based start and width of a field.
fn position(format: &TextFormat, wanted: FormatPart) -> Option<(u64, u64)> {
    let mut start = 1;
    for part in &format.parts {
        if *part == wanted {
            return Some((start, part_width(*part)));
        }
        start += part_width(*part);
    }
    None
}

fn width(format: &TextFormat) -> u64 {
    format.parts.iter().map(|part| part_width(*part)).sum()
}

fn part_width(part: FormatPart) -> u64 {
    match part {
        FormatPart::Year => 4,
        FormatPart::Micros => 6,
        FormatPart::Literal(_) => 1,
        _ => 2,
    }
}

/// Year first, then ever smaller fields: texts sort as their times do.
fn sorts_by_time(format: &TextFormat) -> bool {
    use FormatPart::*;
    let fields: Vec<_> = format.parts.iter().copied().filter(|part| !matches!(part, Literal(_))).collect();
    [Year, Month, Day, Hour, Minute, Second, Micros].starts_with(&fields)
}

/// The bound in the column's own format, rounded up to what it can express, so that nothing below the bound is cut off.
fn render(format: &TextFormat, bound: DateTime) -> String {
    let has = |part| format.parts.contains(&part);
    let unit = if has(FormatPart::Micros) {
        jiff::Unit::Microsecond
    } else if has(FormatPart::Second) {
        jiff::Unit::Second
    } else if has(FormatPart::Minute) {
        jiff::Unit::Minute
    } else if has(FormatPart::Hour) {
        jiff::Unit::Hour
    } else {
        jiff::Unit::Day
    };
    let rounding = jiff::civil::DateTimeRound::new().smallest(unit).mode(jiff::RoundMode::Ceil);
    let bound = bound.round(rounding).unwrap_or(bound);
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

/// The day that lies `days` from the instant's, as ISO text. Offsets stay below a day, so with two days to spare the text
/// of any earlier (or later) time, whatever its zone, sorts below (or above) it.
fn iso_day(instant: Timestamp, days: i32) -> Value {
    let day = TimeZone::UTC.to_datetime(instant).date();
    Value::Text(day.saturating_add(jiff::Span::new().days(days)).to_string())
}

/// UTC, six digits; PostgreSQL is told so, MySQL sessions are in UTC.
pub(in crate::db) fn instant_text(instant: Timestamp, dialect: Dialect) -> String {
    let text = naive_text(TimeZone::UTC.to_datetime(instant));
    match dialect {
        Dialect::Postgres => format!("{text}+00"),
        Dialect::Sqlite | Dialect::Mysql => text,
    }
}

fn naive_text(naive: DateTime) -> String {
    naive.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

/// The instant that microseconds from [`micros`] mean.
pub(in crate::db) fn instant_of(micros: i64, reading: &Reading, dialect: Dialect) -> Option<Timestamp> {
    let instant = Timestamp::from_microsecond(micros).ok()?;
    let zone = match reading {
        Reading::Naive { zone, .. } | Reading::Date { zone, .. } => zone,
        Reading::Text { zone, .. } if dialect != Dialect::Sqlite => zone,
        _ => return Some(instant),
    };
    // The later reading of a repeated hour, as for cutoffs: else a row could belong to no bucket.
    zone.to_ambiguous_timestamp(TimeZone::UTC.to_datetime(instant)).later().ok()
}

/// The first and the last microsecond of the day for which [`micros`] and [`instant_of`] gave this instant.
pub(in crate::db) fn day_of(instant: Timestamp, reading: &Reading, dialect: Dialect) -> Option<(Timestamp, Timestamp)> {
    let (Reading::Date { zone, .. } | Reading::Text { zone, .. }) = reading else { return None };
    // A day is read as its last microsecond on SQLite, as its first elsewhere: no change of a clock reaches its middle.
    let half = SignedDuration::from_hours(if dialect == Dialect::Sqlite { -12 } else { 12 });
    let day = zone.to_datetime(instant.checked_add(half).ok()?).date();
    let begin = |day: Date| Some(day.to_zoned(zone.clone()).ok()?.timestamp());
    let last = begin(day.tomorrow().ok()?)?.checked_sub(SignedDuration::from_micros(1)).ok()?;
    Some((begin(day)?, last))
}

/// Of an instant from a column, the last one that it may mean: where the column holds days, that of its day.
pub(in crate::db) fn latest_meant(instant: Timestamp, anchor: &Anchor, dialect: Dialect) -> Timestamp {
    let day = Some(&anchor.reading).filter(|reading| tells_days_only(reading));
    day.and_then(|reading| day_of(instant, reading, dialect)).map_or(instant, |(_, last)| last)
}

/// As [`instant_of`], but a day is as late as it can be: so late that the bucket of that instant holds it.
pub(in crate::db) fn last_instant_of(micros: i64, reading: &Reading, dialect: Dialect) -> Option<Timestamp> {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let rest_of_day = if matches!(reading, Reading::Date { .. }) { DAY - 1 } else { 0 };
    instant_of(micros.checked_add(rest_of_day)?, reading, dialect)
}

/// Can an index on the column serve comparisons with the bound?
pub(in crate::db) fn is_plain(anchor: &Anchor) -> bool {
    anchor.hops.is_empty() && !matches!(anchor.reading, Reading::Text { .. })
}

/// At or after the bound: what is left of the known values once those before it are gone. For plain anchors an index
/// serves it.
pub(in crate::db) fn from_bound(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    let column = &anchor.column;
    let native = |sql: &mut Sql, bound: String, sql_type: &'static str| {
        sql.column(alias, column).push(" >= ").bind_as(Value::Text(bound), sql_type);
    };
    match &anchor.reading {
        Reading::Instant { bound } => native(sql, instant_text(*bound, sql.dialect), "timestamptz"),
        Reading::Naive { bound, .. } => native(sql, naive_text(*bound), "timestamp"),
        Reading::Date { bound, .. } => native(sql, bound.to_string(), "date"),
        Reading::Integer { bound, .. } => {
            sql.column(alias, column).push(" >= ").bind(Value::Int(*bound));
        }
        Reading::Float { bound, .. } => {
            sql.column(alias, column).push(" >= ").bind(Value::Float(*bound));
        }
        Reading::Text { format, instant, .. } => {
            sql.push("(");
            if format.is_none() && sql.dialect == Dialect::Sqlite {
                sql.column(alias, column).push(" >= ").bind(iso_day(*instant, -2)).push(" AND ");
            }
            sql.push("(");
            before(sql, alias, anchor);
            sql.push(") IS NOT TRUE)");
        }
    }
}
