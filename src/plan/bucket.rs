//! Buckets of a roll-up on the calendar of the policy's zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::Rollup;
use crate::schedule::Bucket;

/// A stretch of time, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// `None`: from the first instant on.
    pub from: Option<Timestamp>,
    pub until: Timestamp,
}

impl Span {
    /// What lies before `until` and in none of the others, in order.
    pub fn between(mut others: Vec<Span>, until: Timestamp) -> Vec<Span> {
        others.sort_by_key(|span| span.from);
        let mut spans = Vec::new();
        let mut from = None;
        for other in others {
            if let Some(until) = other.from.filter(|until| from < Some(*until)) {
                spans.push(Span { from, until });
            }
            from = from.max(Some(other.until));
        }
        if from < Some(until) {
            spans.push(Span { from, until });
        }
        spans
    }
}

impl Rollup {
    /// The start of the bucket that holds `instant`, and the start of the next one; `None` at the ends of the calendar.
    ///
    /// Buckets are disjoint and leave no gap: a day may have 23 or 25 hours, and an hour ends early where the clock
    /// changes inside it.
    pub fn bucket_of(&self, instant: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let date = self.zone.to_datetime(instant).date();
        let (first, next) = match self.bucket {
            Bucket::Hour => return hour_of(&self.zone, instant),
            Bucket::Day => (date, date.checked_add(1.day()).ok()?),
            // ISO weeks start on Monday.
            Bucket::Week => {
                let since_monday = i32::from(date.weekday().to_monday_zero_offset());
                let monday = date.checked_sub(since_monday.days()).ok()?;
                (monday, monday.checked_add(1.week()).ok()?)
            }
            Bucket::Month => (date.first_of_month(), date.last_of_month().checked_add(1.day()).ok()?),
        };
        Some((start_of(first, &self.zone)?, start_of(next, &self.zone)?))
    }
}

/// The first instant of a day, also where the clock changes at midnight.
fn start_of(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    Some(date.to_zoned(zone.clone()).ok()?.start_of_day().ok()?.timestamp())
}

fn hour_of(zone: &TimeZone, instant: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let local = zone.to_datetime(instant);
    let since_hour =
        SignedDuration::new(i64::from(local.minute()) * 60 + i64::from(local.second()), local.subsec_nanosecond());
    let start = instant.checked_sub(since_hour).ok()?;
    let end = start.checked_add(SignedDuration::from_hours(1)).ok()?;
    let changed = zone.preceding(instant.checked_add(SignedDuration::from_nanos(1)).ok()?).next();
    let changes = zone.following(instant).next();
    Some((
        changed.map_or(start, |change| start.max(change.timestamp())),
        changes.map_or(end, |change| end.min(change.timestamp())),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::name::{Name, TableName};
    use crate::plan::BucketForm;

    fn rollup(bucket: Bucket, zone: &str) -> Rollup {
        Rollup {
            into: TableName::new(None, Name::new("daily").unwrap()),
            bucket,
            zone: TimeZone::get(zone).unwrap(),
            form: BucketForm::Instant,
            dimensions: Vec::new(),
            measures: Vec::new(),
            people: None,
            at_least: 1,
            leaves: Vec::new(),
        }
    }

    #[test]
    fn the_day_of_a_clock_change_has_23_hours() {
        let instant: Timestamp = "2026-03-08T20:00:00Z".parse().unwrap();
        let (start, end) = rollup(Bucket::Day, "America/Los_Angeles").bucket_of(instant).unwrap();
        assert_eq!(start.to_string(), "2026-03-08T08:00:00Z");
        assert_eq!(end.to_string(), "2026-03-09T07:00:00Z");
    }

    #[test]
    fn what_lies_between_spans_is_what_is_in_none_of_them() {
        let at = |hour| Timestamp::from_second(3600 * hour).unwrap();
        let span = |from: Option<i64>, until| Span { from: from.map(at), until: at(until) };
        assert_eq!(Span::between(vec![], at(9)), [span(None, 9)]);
        let others = vec![span(Some(4), 5), span(Some(1), 2), span(Some(2), 3)];
        assert_eq!(Span::between(others, at(9)), [span(None, 1), span(Some(3), 4), span(Some(5), 9)]);
        assert_eq!(Span::between(vec![span(None, 2), span(Some(8), 9)], at(9)), [span(Some(2), 8)]);
    }

    #[test]
    fn weeks_start_on_monday() {
        let instant: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let (start, end) = rollup(Bucket::Week, "UTC").bucket_of(instant).unwrap();
        assert_eq!(
            (start.to_string().as_str(), end.to_string().as_str()),
            ("2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z")
        );
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_one_bucket_and_the_next_begins_where_it_ends(
            seconds in 1_000_000_000i64..2_000_000_000,
            bucket in prop::sample::select(vec![Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month]),
            zone in prop::sample::select(vec![
                "UTC", "America/Los_Angeles", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu", "America/Sao_Paulo",
            ]),
        ) {
            let rollup = rollup(bucket, zone);
            let instant = Timestamp::from_second(seconds).unwrap();
            let (start, end) = rollup.bucket_of(instant).unwrap();
            prop_assert!(start <= instant && instant < end);
            prop_assert_eq!(rollup.bucket_of(start), Some((start, end)));
            prop_assert_eq!(rollup.bucket_of(end).unwrap().0, end);
            let last = end.checked_sub(SignedDuration::from_micros(1)).unwrap();
            prop_assert_eq!(rollup.bucket_of(last), Some((start, end)));
        }
    }
}
