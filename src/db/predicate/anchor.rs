//! What one column tells of a row's age, in each dialect.
//!
//! A value either tells a time that lies before the bound, or one that does not, or no time that is certain. The three are
//! told apart by [`before`], [`ahead`] and [`unknown`], of which the last is the exact complement of the other two. Every
//! expression is total: no value of a column, however odd, makes it raise.
//!
//! No time are NULL, zero, what lies before the year 2 or from the year 9999 on (programs write both for "never"), what the
//! schedule calls `never`, days without a month, NaN and the infinities, and texts that are no time.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::text::{self, Empty};
use crate::base::name::Name;
use crate::db::predicate::whose;
use crate::db::sql::builder::{Sql, Terms};
use crate::db::{Dialect, Value};
use crate::plan::{Anchor, Hop, Never, Reading, Span};

/// Seconds from 1970 to the year 9999.
const YEAR_9999: u64 = 253_370_764_800;

/// Writes a value that a row tells.
pub(in crate::db) type Write<'a> = &'a dyn Fn(&mut Sql);

/// The value tells a time strictly before the bound. Of a plain column an index serves it.
pub(in crate::db) fn before(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    at_end_of_path(sql, alias, anchor, 0, &|sql, alias| {
        sql.all(|terms| {
            match anchor.reading {
                Reading::Text { .. } => text_before(terms, alias, anchor),
                _ => {
                    compare(terms, alias, anchor, " < ");
                    terms.term(|sql| floor(sql, alias, anchor, Side::Within));
                }
            }
            certain(terms, alias, anchor);
        });
    });
}

/// The value of a plain column lies below the bound, be it a time or not.
pub(in crate::db) fn below_bound(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    sql.all(|terms| compare(terms, alias, anchor, " < "));
}

/// The value tells a time at the bound or after it.
pub(in crate::db) fn ahead(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    at_end_of_path(sql, alias, anchor, 0, &|sql, alias| {
        sql.all(|terms| {
            terms.term(|sql| since_bound(sql, alias, anchor));
            if !matches!(anchor.reading, Reading::Text { .. }) {
                terms.term(|sql| ceiling(sql, alias, anchor, Side::Within));
            }
            certain(terms, alias, anchor);
        });
    });
}

/// The value of a column of the table itself tells a time within the span, as [`super::age::Told`] reads it. Something else says
/// that the time is certain.
pub(in crate::db) fn within(sql: &mut Sql, alias: &Name, anchor: &Anchor, span: Span) {
    if let Reading::Float { .. } = anchor.reading {
        return float_within(sql, alias, anchor, span);
    }
    sql.any(|terms| {
        terms.each(&anchor.stretches_of(span), |sql, (from, until)| {
            sql.all(|terms| {
                if let Some(from) = from {
                    terms.term(|sql| since_bound(sql, alias, from));
                }
                match until.reading {
                    Reading::Text { .. } => text_before(terms, alias, until),
                    _ => compare(terms, alias, until, " < "),
                }
            });
        });
    });
}

/// By what is told, which is rounded to microseconds; what an index can serve stands before it.
fn float_within(sql: &mut Sql, alias: &Name, anchor: &Anchor, span: Span) {
    const BESIDE: SignedDuration = SignedDuration::from_secs(1);
    let near = |at: Timestamp, beside: SignedDuration| anchor.bounded_by(at.saturating_add(beside).unwrap_or(at));
    let told_beside = |sql: &mut Sql, how: &'static str, at: Timestamp| {
        told(sql, alias, anchor);
        sql.push(how).bind(Value::Int(at.as_microsecond() * 4));
    };
    sql.all(|terms| {
        if let Some(from) = span.from {
            compare(terms, alias, &near(from, -BESIDE), " >= ");
            terms.term(|sql| told_beside(sql, " >= ", from));
        }
        compare(terms, alias, &near(span.until, BESIDE), " < ");
        terms.term(|sql| told_beside(sql, " < ", span.until));
    });
}

/// The value tells no time that is certain: neither [`before`] nor [`ahead`]. Of a plain column an index serves it.
pub(in crate::db) fn unknown(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    if !anchor.hops.is_empty() {
        sql.not_true(|sql| {
            at_end_of_path(sql, alias, anchor, 0, &|sql, alias| {
                sql.not_true(|sql| unknown_here(sql, alias, anchor));
            })
        });
        return;
    }
    unknown_here(sql, alias, anchor);
}

fn unknown_here(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    sql.any(|terms| {
        match &anchor.reading {
            Reading::Text { .. } => {
                terms.term(|sql| {
                    text_is_before(sql, alias, anchor);
                    sql.push(" IS NULL");
                });
            }
            _ => {
                is_null(terms, alias, anchor);
                terms.term(|sql| floor(sql, alias, anchor, Side::Beyond));
                terms.term(|sql| ceiling(sql, alias, anchor, Side::Beyond));
            }
        }
        if may_be_partial(terms.dialect(), anchor) {
            terms.term(|sql| partial(sql, alias, anchor));
        }
        if !anchor.never.is_empty() {
            terms.term(|sql| never(sql, alias, anchor));
        }
    });
}

/// The value says that there is no time: NULL, zero, a date that programs write for "never", what the schedule calls so, or
/// no parent. What is unknown beside that cannot be read.
pub(in crate::db) fn says_none(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    let here = |sql: &mut Sql, alias: &Name| {
        sql.any(|terms| {
            is_null(terms, alias, anchor);
            match &anchor.reading {
                Reading::Text { .. } => {
                    terms.term(|sql| text::is_empty(sql, alias, anchor, Empty::EarlyOrLate));
                }
                Reading::Integer { .. } | Reading::Float { .. } => {
                    terms.term(|sql| floor(sql, alias, anchor, Side::Beyond));
                }
                _ => {
                    terms.term(|sql| floor(sql, alias, anchor, Side::Beyond));
                    terms.term(|sql| ceiling(sql, alias, anchor, Side::Beyond));
                }
            }
            if !anchor.never.is_empty() {
                terms.term(|sql| never(sql, alias, anchor));
            }
        });
    };
    if anchor.hops.is_empty() {
        return here(sql, alias);
    }
    sql.not_true(|sql| {
        at_end_of_path(sql, alias, anchor, 0, &|sql, alias| {
            sql.not_true(|sql| here(sql, alias));
        })
    });
}

/// How a value stands among several anchors, as [`standing`] says it.
pub(in crate::db) const NO_TIME: &str = "0";
pub(in crate::db) const PAST: &str = "1";
pub(in crate::db) const UNREADABLE: &str = "2";
pub(in crate::db) const AHEAD: &str = "3";

/// A number of how the value stands, so that the greatest of several tells how the latest does: 0, it says that there is no
/// time; 1, it lies before the bound; 2, nobody knows; 3, it does not lie before the bound. A time that means none, but lies
/// ahead, counts as 2: it keeps the row.
pub(in crate::db) fn standing(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    let here = |sql: &mut Sql, alias: &Name| match &anchor.reading {
        Reading::Text { .. } => text_standing(sql, alias, anchor),
        _ => ordered_standing(sql, alias, anchor),
    };
    if anchor.hops.is_empty() {
        return here(sql, alias);
    }
    sql.push("COALESCE(");
    value_at(sql, alias, anchor, 0, &here);
    sql.push(", ").push(NO_TIME).push(")");
}

fn ordered_standing(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    let dialect = sql.dialect;
    sql.push("CASE");
    sql.when(|sql| {
        sql.any(|terms| {
            is_null(terms, alias, anchor);
            terms.term(|sql| floor(sql, alias, anchor, Side::Beyond));
        });
    });
    sql.push(NO_TIME);
    if may_be_partial(dialect, anchor) {
        sql.when(|sql| partial(sql, alias, anchor)).push(UNREADABLE);
    }
    if !anchor.never.is_empty() {
        let is_before = |sql: &mut Sql| {
            sql.all(|terms| compare(terms, alias, anchor, " < "));
        };
        sql.when(|sql| never(sql, alias, anchor)).either(is_before, NO_TIME, UNREADABLE);
    }
    sql.when(|sql| {
        sql.all(|terms| compare(terms, alias, anchor, " < "));
    });
    sql.push(PAST);
    sql.when(|sql| ceiling(sql, alias, anchor, Side::Within)).push(AHEAD);
    sql.push(" ELSE ").push(UNREADABLE).push(" END");
}

fn text_standing(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    let told = |sql: &mut Sql| {
        sql.push("CASE ");
        text_is_before(sql, alias, anchor);
        sql.push(" WHEN TRUE THEN ").push(PAST).push(" WHEN FALSE THEN ").push(AHEAD).push(" ELSE ");
        let is_empty = |sql: &mut Sql| {
            sql.any(|terms| {
                is_null(terms, alias, anchor);
                terms.term(|sql| text::is_empty(sql, alias, anchor, Empty::Early));
            });
        };
        sql.either(is_empty, NO_TIME, UNREADABLE).push(" END");
    };
    if anchor.never.is_empty() {
        return told(sql);
    }
    // A text that means none keeps the row where it tells a time that lies ahead.
    sql.push("CASE").when(|sql| never(sql, alias, anchor)).push("CASE ");
    text_is_before(sql, alias, anchor);
    sql.push(" WHEN FALSE THEN ").push(UNREADABLE).push(" ELSE ").push(NO_TIME).push(" END ELSE ");
    told(sql);
    sql.push(" END");
}

// The pieces that all of them are made of.

/// On which side of a limit of what can be a time.
#[derive(Clone, Copy)]
enum Side {
    Within,
    Beyond,
}

fn is_null(terms: &mut Terms<'_>, alias: &Name, anchor: &Anchor) {
    terms.term(|sql| {
        sql.column(alias, &anchor.column).push(" IS NULL");
    });
}

/// The value beside its bound.
fn compare(terms: &mut Terms<'_>, alias: &Name, anchor: &Anchor, how: &'static str) {
    terms.term(|sql| {
        sql.column(alias, &anchor.column).push(how);
        bound(sql, &anchor.reading);
    });
}

fn since_bound(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    sql.all(|terms| match &anchor.reading {
        Reading::Text { .. } => text_since(terms, alias, anchor),
        _ => compare(terms, alias, anchor, " >= "),
    });
}

/// What lies before the first day of the year 2, or at zero, is no time.
fn floor(sql: &mut Sql, alias: &Name, anchor: &Anchor, side: Side) {
    sql.column(alias, &anchor.column).push(match (&anchor.reading, side) {
        (Reading::Integer { .. } | Reading::Float { .. }, Side::Within) => " > 0",
        (Reading::Integer { .. } | Reading::Float { .. }, Side::Beyond) => " <= 0",
        (_, Side::Within) => " >= '0002-01-01'",
        (_, Side::Beyond) => " < '0002-01-01'",
    });
}

/// What lies in the year 9999 or after it is no time: the end of time, infinity, NaN, or a count in another unit.
fn ceiling(sql: &mut Sql, alias: &Name, anchor: &Anchor, side: Side) {
    sql.column(alias, &anchor.column).push(match side {
        Side::Within => " < ",
        Side::Beyond => " >= ",
    });
    match &anchor.reading {
        Reading::Integer { per_second, .. } | Reading::Float { per_second, .. } => {
            sql.number(YEAR_9999 * per_second.unsigned_abs());
        }
        _ => {
            sql.push("'9999-01-01'");
        }
    }
}

/// ` AND` the value is a whole date, and none that the schedule calls `never`.
fn certain(terms: &mut Terms<'_>, alias: &Name, anchor: &Anchor) {
    if may_be_partial(terms.dialect(), anchor) {
        terms.term(|sql| {
            part(sql, alias, anchor, "MONTH(", ") > 0");
        });
        terms.term(|sql| {
            part(sql, alias, anchor, "DAYOFMONTH(", ") > 0");
        });
    }
    if !anchor.never.is_empty() {
        terms.not_true(|sql| never(sql, alias, anchor));
    }
}

/// MySQL and MariaDB: a date can lack its month or its day, and may mean a late one.
fn may_be_partial(dialect: Dialect, anchor: &Anchor) -> bool {
    dialect == Dialect::Mysql && matches!(anchor.reading, Reading::Naive { .. } | Reading::Date { .. })
}

fn partial(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    sql.any(|terms| {
        terms.term(|sql| part(sql, alias, anchor, "MONTH(", ") = 0"));
        terms.term(|sql| part(sql, alias, anchor, "DAYOFMONTH(", ") = 0"));
    });
}

fn part(sql: &mut Sql, alias: &Name, anchor: &Anchor, open: &'static str, close: &'static str) {
    sql.push(open).column(alias, &anchor.column).push(close);
}

/// The value is one that the schedule calls `never`.
fn never(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    sql.any(|terms| {
        terms.each(&anchor.never, |sql, value| match value {
            Never::Number(number) => {
                sql.column(alias, &anchor.column).push(" = ").integer(*number);
            }
            Never::Text(word) => {
                text::compared(sql, alias, anchor);
                sql.push(" = ").bind_as(Value::Text(word.clone()), "text");
            }
            Never::DayOfText(day) => {
                sql.push("substr(");
                text::compared(sql, alias, anchor);
                sql.push(", 1, 10) = ").bind_as(Value::Text(day.clone()), "text");
            }
            Never::Between(from, until) => {
                sql.all(|terms| {
                    for (how, reading) in [(" >= ", from), (" < ", until)] {
                        terms.term(|sql| {
                            sql.column(alias, &anchor.column).push(how);
                            bound(sql, reading);
                        });
                    }
                });
            }
        });
    });
}

// Texts, whose comparison is unknown where they tell no time.

fn text_is_before(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    text::is_before(sql, alias, anchor, " < ");
}

fn text_before(terms: &mut Terms<'_>, alias: &Name, anchor: &Anchor) {
    if let Some(limit) = text::early_limit(anchor, terms.dialect()) {
        // Implied by what follows, and what an index on the text can serve.
        terms.term(|sql| {
            sql.column(alias, &anchor.column).push(" < ").bind(limit);
        });
    }
    terms.term(|sql| text_is_before(sql, alias, anchor));
}

fn text_since(terms: &mut Terms<'_>, alias: &Name, anchor: &Anchor) {
    if let Some(limit) = text::late_limit(anchor, terms.dialect()) {
        terms.term(|sql| {
            sql.column(alias, &anchor.column).push(" >= ").bind(limit);
        });
    }
    terms.term(|sql| text::is_before(sql, alias, anchor, " >= "));
}

// Paths over parents.

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

/// The row to which a hop leads from the one that `alias` names, behind `FROM`.
fn parent_row(sql: &mut Sql, alias: &Name, hop: &Hop, parent: &Name) {
    sql.push(if hop.only { "ONLY " } else { "" }).table(&hop.table).push(" AS ").name(parent).push(" WHERE ");
    whose::same_value(sql, hop.likeness, (alias, &hop.column), (parent, &hop.key));
}

/// `EXISTS` a chain of parents at whose end `leaf` holds.
fn at_end_of_path(sql: &mut Sql, alias: &Name, anchor: &Anchor, depth: usize, leaf: &dyn Fn(&mut Sql, &Name)) {
    let Some(hop) = anchor.hops.get(depth) else {
        return leaf(sql, alias);
    };
    let parent = sql.fresh_alias();
    sql.exists(|sql| {
        sql.push("SELECT 1 FROM ");
        parent_row(sql, alias, hop, &parent);
        sql.and(|sql| at_end_of_path(sql, &parent, anchor, depth + 1, leaf));
    });
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
        Reading::Text { format, instant, naive, .. } => sql.bind(text::written(format.as_ref(), *instant, *naive)),
    };
}

/// UTC, six digits; PostgreSQL is told so, MySQL sessions are in UTC.
pub(in crate::db) fn instant_text(instant: Timestamp, dialect: Dialect) -> String {
    let text = naive_text(TimeZone::UTC.to_datetime(instant));
    match dialect {
        Dialect::Postgres => format!("{text}+00"),
        Dialect::Sqlite | Dialect::Mysql => text,
    }
}

pub(super) fn naive_text(naive: DateTime) -> String {
    naive.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

/// Can an index on the column serve comparisons with the bound?
pub(in crate::db) fn is_plain(anchor: &Anchor) -> bool {
    anchor.hops.is_empty() && !matches!(anchor.reading, Reading::Text { .. })
}

// Times on their way to the program.

/// The time as one number: four times the microseconds since 1970, as if local times were UTC, and what kind of time it is
/// (see [`super::age::Told`]). NULL where no time is certain.
pub(in crate::db) fn told(sql: &mut Sql, alias: &Name, anchor: &Anchor) {
    value_at(sql, alias, anchor, 0, &|sql, alias| match &anchor.reading {
        Reading::Text { .. } if anchor.never.is_empty() => text::told(sql, alias, anchor),
        Reading::Text { .. } => {
            sql.push("CASE");
            sql.when(|sql| {
                sql.not_true(|sql| never(sql, alias, anchor));
            });
            text::told(sql, alias, anchor);
            sql.push(" END");
        }
        _ => {
            sql.push("CASE");
            sql.when(|sql| {
                sql.all(|terms| {
                    terms.term(|sql| floor(sql, alias, anchor, Side::Within));
                    terms.term(|sql| ceiling(sql, alias, anchor, Side::Within));
                    certain(terms, alias, anchor);
                });
            });
            told_of(sql, anchor, &|sql| {
                sql.column(alias, &anchor.column);
            });
            sql.push(" END");
        }
    });
}

/// The number that [`told`] means, of a value that tells a time for certain.
pub(in crate::db) fn told_of(sql: &mut Sql, anchor: &Anchor, value: Write<'_>) {
    match &anchor.reading {
        Reading::Integer { per_second, .. } | Reading::Float { per_second, .. } => {
            let (open, close) = match sql.dialect {
                // PostgreSQL would multiply two integers of 32 bits in 32 bits.
                Dialect::Postgres => ("CAST(", "::bigint AS bigint) * 4"),
                Dialect::Mysql => ("CAST(", " AS SIGNED) * 4"),
                Dialect::Sqlite => ("CAST(", " AS bigint) * 4"),
            };
            sql.push(open);
            value(sql);
            sql.push(" * ").number(1_000_000 / per_second.unsigned_abs()).push(close);
        }
        Reading::Instant { .. } | Reading::Text { .. } => micros(sql, value, " * 4"),
        Reading::Naive { .. } => micros(sql, value, " * 4 + 1"),
        Reading::Date { .. } => micros(sql, value, " * 4 + 2"),
    }
}

/// Microseconds since 1970 of a native time, and what is done with them.
pub(super) fn micros(sql: &mut Sql, value: Write<'_>, after: &'static str) {
    let (open, close) = match sql.dialect {
        Dialect::Mysql => ("TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', ", ")"),
        Dialect::Postgres | Dialect::Sqlite => ("CAST(EXTRACT(EPOCH FROM ", ") * 1000000 AS bigint)"),
    };
    sql.push(open);
    value(sql);
    sql.push(close).push(after);
}
