//! Instants of the sample: microseconds since 1970, UTC, as plain integers, because every row needs several.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

/// Microseconds since 1970, UTC.
pub(super) type Micros = i64;

pub(super) const SECOND: Micros = 1_000_000;
pub(super) const MINUTE: Micros = 60 * SECOND;
pub(super) const HOUR: Micros = 60 * MINUTE;
pub(super) const DAY: Micros = 24 * HOUR;
/// A mean year, for spreading rows; cutoffs are calendar arithmetic, see [`before`].
pub(super) const YEAR: Micros = 365 * DAY + 6 * HOUR;

/// The instant that lies `period` (`7 years`; empty for none) before `at` on the calendar of UTC.
pub(super) fn before(at: Timestamp, period: &str) -> Timestamp {
    let span: Span =
        if period.is_empty() { Span::new() } else { period.parse().expect("the edges' periods are spans") };
    let zoned = at.to_zoned(TimeZone::UTC).checked_sub(span).expect("a few years before a present day is a time");
    zoned.timestamp()
}

pub(super) fn civil(at: Micros) -> DateTime {
    Offset::UTC.to_datetime(Timestamp::from_microsecond(at).expect("the sample lives within a few years of `as_of`"))
}

pub(super) fn micros(civil: DateTime) -> Micros {
    Offset::UTC.to_timestamp(civil).expect("the sample lives within a few years of `as_of`").as_microsecond()
}

/// `2026-01-31 09:30:00.000000`.
pub(super) fn time_text(at: Micros) -> String {
    let civil = civil(at);
    let mut text = String::with_capacity(26);
    push_date(&mut text, civil.date());
    for (mark, number) in [(' ', civil.hour()), (':', civil.minute()), (':', civil.second())] {
        text.push(mark);
        push_digits(&mut text, number.unsigned_abs().into(), 2);
    }
    text.push('.');
    push_digits(&mut text, (civil.subsec_nanosecond() / 1_000).unsigned_abs(), 6);
    text
}

/// `2026-01-31`.
pub(super) fn date_text(at: Micros) -> String {
    let mut text = String::with_capacity(10);
    push_date(&mut text, civil(at).date());
    text
}

fn push_date(text: &mut String, date: Date) {
    push_digits(text, date.year().unsigned_abs().into(), 4);
    for number in [date.month(), date.day()] {
        text.push('-');
        push_digits(text, number.unsigned_abs().into(), 2);
    }
}

/// `number` with leading zeros, written by hand: formatting machinery is what a bulk load would spend its time in.
fn push_digits(text: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        text.push(char::from(b'0' + (number / 10u32.pow(place) % 10) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_microsecond_with_leading_zeros() {
        let at: Timestamp = "2019-02-03T04:05:06.000789Z".parse().unwrap();
        assert_eq!(time_text(at.as_microsecond()), "2019-02-03 04:05:06.000789");
        assert_eq!(date_text(at.as_microsecond()), "2019-02-03");
        let before_1970: Timestamp = "1969-12-31T23:59:59.999999Z".parse().unwrap();
        assert_eq!(time_text(before_1970.as_microsecond()), "1969-12-31 23:59:59.999999");
    }

    #[test]
    fn periods_count_on_the_calendar() {
        let leap: Timestamp = "2028-02-29T12:00:00Z".parse().unwrap();
        assert_eq!(before(leap, "7 years 3 months").to_string(), "2020-11-29T12:00:00Z");
        assert_eq!(before(leap, ""), leap);
    }
}
