//! What SQLite lacks: exact times, truncated addresses and keyed hashes, as functions of our own on our connection.

use std::cell::RefCell;
use std::net::{Ipv4Addr, Ipv6Addr};

use diesel::define_sql_function;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::sql_types::{Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::base::keyed_hash::keyed_hash;
use crate::base::secret::Secret;

define_sql_function! { fn tenure_micros(value: Nullable<Text>, format: Text, zone: Text) -> Nullable<BigInt>; }
define_sql_function! {
    /// Of ISO texts without a zone that mean UTC: what a run over millions of rows mostly asks, without passing it on.
    #[sql_name = "tenure_micros"]
    fn tenure_utc_micros(value: Nullable<Text>) -> Nullable<BigInt>;
}
define_sql_function! {
    /// The number of `predicate::anchor::told`.
    fn tenure_told(value: Nullable<Text>, format: Text, zone: Text) -> Nullable<BigInt>;
}
define_sql_function! {
    #[sql_name = "tenure_told"]
    fn tenure_utc_told(value: Nullable<Text>) -> Nullable<BigInt>;
}
define_sql_function! {
    /// 1 where the text says that there is no time by nothing, zeros or the years 0 and 1; 2 where it does by the year 9999.
    fn tenure_says_none(value: Nullable<Text>, format: Text) -> Nullable<BigInt>;
}
define_sql_function! { fn tenure_truncate_ip(value: Nullable<Text>) -> Nullable<Text>; }
define_sql_function! {
    /// SQLite's own knows no letters but those of ASCII.
    fn tenure_lower(value: Nullable<Text>) -> Nullable<Text>;
}
define_sql_function! { fn tenure_hmac(key: Text, value: Nullable<Text>) -> Nullable<Text>; }

pub(in crate::db) fn register(conn: &mut SqliteConnection) -> diesel::QueryResult<()> {
    tenure_micros_utils::register_impl(conn, |value: Option<AnyText>, format: String, zone: String| {
        with_zone(&zone, |zone| micros(&value?.0, &format, zone))
    })?;
    tenure_utc_micros_utils::register_impl(conn, |value: Option<AnyText>| iso_micros(&value?.0, &TimeZone::UTC))?;
    tenure_told_utils::register_impl(conn, |value: Option<AnyText>, format: String, zone: String| {
        with_zone(&zone, |zone| told(&value?.0, &format, zone))
    })?;
    tenure_utc_told_utils::register_impl(conn, |value: Option<AnyText>| told(&value?.0, "", &TimeZone::UTC))?;
    tenure_says_none_utils::register_impl(conn, |value: Option<AnyText>, format: String| {
        Some(says_none(&value?.0, &format))
    })?;
    tenure_truncate_ip_utils::register_impl(conn, |value: Option<AnyText>| truncate_ip(&value?.0))?;
    tenure_lower_utils::register_impl(conn, |value: Option<AnyText>| Some(value?.0.to_lowercase()))?;
    tenure_hmac_utils::register_impl(conn, |key: String, value: Option<AnyText>| {
        Some(keyed_hash(&Secret::new(&key), value?.0.as_bytes()))
    })
}

/// Whatever stands in a column, as text. What is no UTF-8 in it becomes U+FFFD: an error would let one odd row stop a rule
/// for ever.
#[derive(Debug, FromSqlRow)]
struct AnyText(String);

impl FromSql<Text, Sqlite> for AnyText {
    fn from_sql(mut value: diesel::sqlite::SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(value.read_text().to_owned()))
    }
}

/// Looking a zone up costs more than reading a time in it, and a statement asks for the same one for every row.
fn with_zone<T>(name: &str, read: impl FnOnce(&TimeZone) -> T) -> T {
    thread_local! {
        static LAST: RefCell<(String, TimeZone)> = const { RefCell::new((String::new(), TimeZone::UTC)) };
    }
    LAST.with_borrow_mut(|last| {
        if last.0 != name {
            *last = (name.to_owned(), TimeZone::get(name).unwrap_or(TimeZone::UTC));
        }
        read(&last.1)
    })
}

/// Microseconds since 1970 of a text, or `None` where it is no time. A time without zone is read as late as the zone
/// allows, a date as its last microsecond: so that a row never counts as older than it may be.
fn micros(text: &str, format: &str, zone: &TimeZone) -> Option<i64> {
    if format.is_empty() {
        return iso_micros(text, zone);
    }
    let has_time = format.contains("%H");
    let iso = fields_as_iso(text, format, has_time)?;
    iso_micros(&iso, zone)
}

/// Four times the microseconds of the text, and 2 where it is a day, of which it tells the first microsecond then.
fn told(text: &str, format: &str, zone: &TimeZone) -> Option<i64> {
    let is_day = if format.is_empty() { text.len() == 10 } else { !format.contains("%H") };
    let micros = micros(text, format, zone)?;
    if !is_day {
        return Some(micros * 4);
    }
    let day = zone.to_datetime(Timestamp::from_microsecond(micros).ok()?).date();
    let midnight = TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok()?;
    Some(midnight.as_microsecond() * 4 + 2)
}

fn says_none(text: &str, format: &str) -> i64 {
    let is_empty = text.chars().all(|c| "0:T. Z/-".contains(c));
    let iso = if format.is_empty() { Some(text.to_owned()) } else { fields_as_iso(text, format, false) };
    let begins =
        |year: &str| iso.as_ref().is_some_and(|iso| iso.strip_prefix(year).is_some_and(|rest| rest.starts_with('-')));
    match () {
        () if is_empty || begins("0000") || begins("0001") => 1,
        () if begins("9999") => 2,
        () => 0,
    }
}

/// `YYYY-MM-DD`, optionally `[T ]HH:MM[:SS[.fraction]]`, optionally `Z` or an offset.
fn iso_micros(text: &str, zone: &TimeZone) -> Option<i64> {
    let date = iso_date(text.as_bytes()).filter(|date| (2..9999).contains(&date.year()))?;
    let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) else {
        return Some(late(date.at(23, 59, 59, 999_999_000), zone)?.as_microsecond());
    };
    let rest = rest.strip_prefix(['T', ' '])?;
    let end = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let naive = date.to_datetime(clock_time(&rest[..end])?);
    match rest[end..].strip_prefix(' ').unwrap_or(&rest[end..]) {
        "" if end == rest.len() => Some(late(naive, zone)?.as_microsecond()),
        offset => Some(parse_offset(offset)?.to_timestamp(naive).ok()?.as_microsecond()),
    }
}

/// The `YYYY-MM-DD` at the start.
fn iso_date(text: &[u8]) -> Option<Date> {
    literal(text, 4, b'-')?;
    literal(text, 7, b'-')?;
    let (year, month, day) = (digits(text, 0, 4)?, digits(text, 5, 2)?, digits(text, 8, 2)?);
    Date::new(year, month as i8, day as i8).ok()
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fraction`, cut to microseconds.
fn clock_time(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    literal(bytes, 2, b':')?;
    let (hour, minute) = (digits(bytes, 0, 2)? as i8, digits(bytes, 3, 2)? as i8);
    if bytes.len() == 5 {
        return Time::new(hour, minute, 0, 0).ok();
    }
    literal(bytes, 5, b':')?;
    let second = digits(bytes, 6, 2)? as i8;
    let micros = match text.get(8..)? {
        "" => 0,
        rest => {
            let fraction = rest.strip_prefix('.').filter(|digits| (1..=9).contains(&digits.len()))?;
            if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            format!("{fraction:0<6}")[..6].parse::<i32>().ok()?
        }
    };
    Time::new(hour, minute, second, micros * 1000).ok()
}

fn literal(text: &[u8], at: usize, wanted: u8) -> Option<()> {
    (text.get(at) == Some(&wanted)).then_some(())
}

/// The number that up to four digits make.
fn digits(text: &[u8], at: usize, width: usize) -> Option<i16> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i16::from(byte - b'0'));
    text.get(at..at + width)?.iter().try_fold(0, |number, byte| Some(number * 10 + digit(byte)?))
}

/// `Z`, `+HH`, `+HHMM` or `+HH:MM`.
fn parse_offset(text: &str) -> Option<Offset> {
    if text.eq_ignore_ascii_case("z") {
        return Some(Offset::UTC);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    // As of PostgreSQL: no place on earth has another.
    let hours: i32 = digits[..2].parse().ok().filter(|h| *h < 16)?;
    let minutes: i32 = digits.get(2..4).map_or(Some(0), |m| m.parse().ok()).filter(|m| *m < 60)?;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// Of the readings of a local time, the latest: the second of a repeated hour, the far side of a skipped one.
fn late(naive: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let offset = match zone.to_ambiguous_timestamp(naive).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { after, .. } => after,
        AmbiguousOffset::Gap { before, .. } => before,
    };
    offset.to_timestamp(naive).ok()
}

/// The digits of the fields, put into ISO order.
fn fields_as_iso(text: &str, format: &str, has_time: bool) -> Option<String> {
    if !text.is_ascii() {
        return None;
    }
    let mut rest = text;
    let (mut year, mut month, mut day) = ("0000", "01", "01");
    let (mut hour, mut minute, mut second, mut micros) = ("00", "00", "00", "000000");
    let mut parts = format.chars().peekable();
    while let Some(c) = parts.next() {
        if c != '%' {
            rest = rest.strip_prefix(c)?;
            continue;
        }
        let mut directive = parts.next()?;
        if directive == '6' {
            directive = parts.next()?;
        }
        let (field, width) = match directive {
            'Y' => (&mut year, 4),
            'm' => (&mut month, 2),
            'd' => (&mut day, 2),
            'H' => (&mut hour, 2),
            'M' => (&mut minute, 2),
            'S' => (&mut second, 2),
            'f' => (&mut micros, 6),
            '%' => {
                rest = rest.strip_prefix('%')?;
                continue;
            }
            _ => return None,
        };
        *field = rest.get(..width).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
        rest = &rest[width..];
    }
    if !rest.is_empty() {
        return None;
    }
    let date = format!("{year}-{month}-{day}");
    Some(if has_time { format!("{date} {hour}:{minute}:{second}.{micros}") } else { date })
}

/// IPv4 to /24, IPv6 to /48, anything else to `None`.
fn truncate_ip(text: &str) -> Option<String> {
    if let Ok(v4) = text.parse::<Ipv4Addr>() {
        let [a, b, c, _] = v4.octets();
        return Some(Ipv4Addr::new(a, b, c, 0).to_string());
    }
    let [a, b, c, ..] = text.parse::<Ipv6Addr>().ok()?.segments();
    Some(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<i64> {
        micros(text, "", &TimeZone::UTC)
    }

    #[test]
    fn iso_texts_with_and_without_zone_are_read_to_the_microsecond() {
        let base = 1_787_624_100_000_000;
        assert_eq!(utc("2026-08-25 02:15:00"), Some(base));
        assert_eq!(utc("2026-08-25T02:15:00.000001Z"), Some(base + 1));
        assert_eq!(utc("2026-08-25T04:15:00+02:00"), Some(base));
        assert_eq!(utc("2026-08-25 04:15+02"), Some(base));
        assert_eq!(utc("2026-08-25T02:15:00.1234567Z"), Some(base + 123_456));
    }

    #[test]
    fn a_date_counts_as_its_last_microsecond() {
        assert_eq!(utc("2026-08-24"), utc("2026-08-24 23:59:59.999999"));
    }

    #[test]
    fn a_text_that_is_no_time_is_not_taken_for_one() {
        for text in
            ["", "never", "2026-02-30", "0000-00-00", "2026-08-25 25:00:00", "2026-08-25 02:15:00 garbage", "20260825"]
        {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn what_programs_write_for_never_is_no_time() {
        for text in ["0001-01-01T00:00:00Z", "9999-12-31", "9999-12-31 23:59:59", "0000-01-01"] {
            assert_eq!(utc(text), None, "{text}");
        }
        assert_eq!(utc("2010-01-01T00:00:00+16:00"), None);
        let said = ["", "0000-00-00 00:00", "0001-01-01", "9999-12-31 23:59", "2020-01-01", "soon"];
        assert_eq!(said.map(|text| says_none(text, "")), [1, 1, 1, 2, 0, 0]);
        assert_eq!(
            ["00010101", "99991231", "20200101", "00000000"].map(|text| says_none(text, "%Y%m%d")),
            [1, 2, 0, 1]
        );
    }

    #[test]
    fn a_day_is_told_by_its_first_microsecond_in_local_time() {
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        assert_eq!(told("1970-01-02", "", &zone), Some(86_400_000_000 * 4 + 2));
        assert_eq!(told("1970-01-01 09:00", "", &zone), Some(0));
        assert_eq!(told("1970-01-01T00:00Z", "", &zone), Some(0));
    }

    #[test]
    fn a_repeated_hour_is_read_as_the_later_one() {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let later: Timestamp = "2026-11-01T01:30:00-08:00".parse().unwrap();
        assert_eq!(micros("2026-11-01 01:30:00", "", &zone), Some(later.as_microsecond()));
    }

    #[test]
    fn fields_are_read_in_the_order_of_the_format() {
        assert_eq!(micros("20260825021500", "%Y%m%d%H%M%S", &TimeZone::UTC), utc("2026-08-25 02:15:00"));
        assert_eq!(micros("25/08/2026", "%d/%m/%Y", &TimeZone::UTC), utc("2026-08-25"));
        assert_eq!(micros("20260231000000", "%Y%m%d%H%M%S", &TimeZone::UTC), None);
        assert_eq!(micros("2026082502150", "%Y%m%d%H%M%S", &TimeZone::UTC), None);
    }

    #[test]
    fn addresses_lose_their_last_part() {
        assert_eq!(truncate_ip("203.0.113.77").as_deref(), Some("203.0.113.0"));
        assert_eq!(truncate_ip("2001:db8:1:2::5").as_deref(), Some("2001:db8:1::"));
        assert_eq!(truncate_ip("ann@example.org"), None);
    }
}
