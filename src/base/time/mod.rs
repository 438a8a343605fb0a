//! The clock, retention periods and cutoffs. Instants are UTC, to the microsecond, as the databases keep them.

mod deadline;
mod shift;

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan};
use thiserror::Error;

pub use deadline::{Deadline, Light, Term, Used};

/// Where "now" comes from: one reading a run, so that every cutoff of it is counted from the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The host's clock.
    System,
    /// An instant that was given, as by `--as-of`.
    Fixed(Timestamp),
}

impl Clock {
    /// The instant, cut off (not rounded) to whole microseconds.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => whole_micros(Timestamp::now() + SignedDuration::from_micros(shift::current().host)),
            Clock::Fixed(instant) => whole_micros(*instant),
        }
    }
}

/// The host's clock.
pub fn now() -> Timestamp {
    Clock::System.now()
}

/// By how many microseconds a test has moved the databases' clocks; zero in every release.
pub(crate) fn database_shift() -> i64 {
    shift::current().database
}

/// Do a test's hands move the clocks? Never in a release.
pub(crate) fn is_moved_by_a_test() -> bool {
    shift::is_moved_by_a_test()
}

/// The time since the machine started. It runs on while the machine sleeps, and nobody can set it.
pub fn since_boot() -> Duration {
    let read = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let real = Duration::try_from(read).unwrap_or_default();
    real.saturating_add(Duration::from_micros(shift::current().boot))
}

fn whole_micros(instant: Timestamp) -> Timestamp {
    let below = instant.as_nanosecond().rem_euclid(1_000);
    Timestamp::from_nanosecond(instant.as_nanosecond() - below).unwrap_or(instant)
}

/// Why a text is no instant for `--as-of`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no instant; write a date as 2026-01-31, or a time with its offset as 2026-01-31T04:05:06Z")]
pub struct AsOfError(String);

/// Reads `--as-of`: an RFC 3339 instant, or a date, which means its start in UTC.
///
/// A time without an offset is refused: it would be a different instant on every host.
pub fn parse_as_of(text: &str) -> Result<Timestamp, AsOfError> {
    let text = text.trim();
    let instant = match Date::strptime("%Y-%m-%d", text) {
        Ok(date) => TimeZone::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())),
        Err(_) => text.parse(),
    };
    instant.map(whole_micros).map_err(|_| AsOfError(text.to_owned()))
}

/// The longest period, in years: anything longer stands for `forever` and should say so.
const MOST_YEARS: i32 = 1_000;

/// A retention period of calendar units, or for ever.
#[derive(Debug, Clone, PartialEq)]
pub struct Period {
    text: String,
    /// `None` is for ever.
    length: Option<Length>,
}

/// Months and days are kept apart, because neither is a number of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Length {
    months: i32,
    days: i32,
}

/// Why a text is no period.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PeriodError {
    #[error("`{0}` is no period")]
    Malformed(String),
    #[error("a period of zero would act on every row")]
    Zero,
    #[error("a period may not be negative")]
    Negative,
    #[error("a retention period has no unit smaller than a day")]
    SmallUnit,
    #[error("a period may not be longer than {MOST_YEARS} years")]
    TooLong,
}

impl Period {
    /// Reads `30 days`, `2 weeks`, `7 years 3 months`, `P30D` or `forever`.
    pub fn parse(text: &str) -> Result<Self, PeriodError> {
        let text = text.trim();
        let length = if text == "forever" { None } else { Some(Length::parse(text)?) };
        Ok(Self { text: text.to_owned(), length })
    }

    pub fn is_forever(&self) -> bool {
        self.length.is_none()
    }

    /// The instant that lies this period before `as_of` on the calendar of `zone`; `None` for ever.
    ///
    /// It never lies later than it should: count the period forward from the local time of any row before it, and the
    /// local time of `as_of` is reached or past. That is why days are taken off before months (counting forward adds the
    /// months first), why a day that a month does not have becomes the last one of that month, and why a local time that
    /// a clock change repeats or skips is read as the earlier of its two instants.
    pub fn before(&self, as_of: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let length = self.length?;
        let local = zone.to_datetime(as_of).saturating_sub(length.days.days()).saturating_sub(length.months.months());
        Some(zone.to_ambiguous_timestamp(local).earlier().unwrap_or(Timestamp::MIN))
    }

    /// The instant that lies this period after `start` on the calendar of `zone`: months first, then days; of a local time
    /// that a clock change repeats or skips the earlier one. For ever is the end of the calendar.
    pub fn after(&self, start: Timestamp, zone: &TimeZone) -> Timestamp {
        let Some(length) = self.length else { return Timestamp::MAX };
        let local = zone.to_datetime(start).saturating_add(length.months.months()).saturating_add(length.days.days());
        zone.to_ambiguous_timestamp(local).earlier().unwrap_or(Timestamp::MAX)
    }

    /// Whether the two mean the same, however they are written: `1 year` and `12 months`.
    pub fn equals(&self, other: &Period) -> bool {
        self.length == other.length
    }

    /// Whether this period is as long as `other` or longer, counted from any day of the calendar.
    pub fn is_never_shorter_than(&self, other: &Period) -> bool {
        match (self.length, other.length) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(this), Some(that)) => {
                (this.months >= that.months && this.days >= that.days) || this.least_days() >= that.most_days()
            }
        }
    }
}

impl Length {
    fn parse(text: &str) -> Result<Self, PeriodError> {
        let span: Span = text.parse().map_err(|_| PeriodError::Malformed(text.to_owned()))?;
        if span.is_zero() {
            return Err(PeriodError::Zero);
        }
        if span.is_negative() {
            return Err(PeriodError::Negative);
        }
        let calendar = span.get_years().years().months(span.get_months()).weeks(span.get_weeks()).days(span.get_days());
        if span.fieldwise() != calendar.fieldwise() {
            return Err(PeriodError::SmallUnit);
        }
        let months = i32::from(span.get_years()) * 12 + span.get_months();
        let days = span.get_weeks() * 7 + span.get_days();
        if months > MOST_YEARS * 12 || days > MOST_YEARS * 365 {
            return Err(PeriodError::TooLong);
        }
        Ok(Self { months, days })
    }

    /// No run of `months` months is shorter than this, in days.
    fn least_days(self) -> i32 {
        self.days + if self.months == 0 { 0 } else { self.months * 365 / 12 - 3 }
    }

    /// No run of `months` months is longer than this, in days.
    fn most_days(self) -> i32 {
        self.days + if self.months == 0 { 0 } else { self.months * 366 / 12 + 3 }
    }
}

/// As the schedule wrote it.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The local time below which a naive value of `zone` is surely before `cutoff`, whichever way a clock change is read:
/// of the two readings of a repeated hour the later one counts, and an hour that never was is read as late as it can be.
///
/// It is the greatest such time, exact to the microsecond: comparing with it loses no row but those in doubt.
pub fn naive_cutoff(cutoff: Timestamp, zone: &TimeZone) -> DateTime {
    // Between two neighbouring breaks the local time runs evenly with the instants, so the first value that is not
    // before the cutoff stands at a break or as far after it as the instant still has to go.
    let end = zone.to_datetime(cutoff);
    breaks((end.saturating_sub(REACH), end), zone)
        .windows(2)
        .find_map(|piece| {
            let start = latest_reading(piece[0], zone);
            let first_not_before = piece[0].saturating_add(cutoff.duration_since(start).max(SignedDuration::ZERO));
            (first_not_before < piece[1]).then_some(first_not_before)
        })
        .unwrap_or_else(|| zone.to_datetime(cutoff))
}

/// The naive values of `zone` that are meant by the instants from `from` on and before `until`, by the same reading, in stretches:
/// their first value, where there is one, and the first value after them. A clock that is set forward makes several of one.
pub fn naive_stretches(
    from: Option<Timestamp>,
    until: Timestamp,
    zone: &TimeZone,
) -> Vec<(Option<DateTime>, DateTime)> {
    let first = zone.to_datetime(from.unwrap_or(until)).saturating_sub(REACH);
    let last = zone.to_datetime(until).saturating_add(REACH);
    let mut stretches: Vec<(Option<DateTime>, DateTime)> = Vec::new();
    for piece in breaks((first, last), zone).windows(2) {
        // Within a piece the local time runs evenly with the instants.
        let start = latest_reading(piece[0], zone);
        let after =
            |instant: Timestamp| piece[0].saturating_add(instant.duration_since(start).max(SignedDuration::ZERO));
        let (begin, end) = (from.map_or(piece[0], after), piece[1].min(after(until)));
        match stretches.last_mut() {
            _ if begin >= end => {}
            Some((_, before)) if *before == begin => *before = end,
            // What lies before the first piece is meant by earlier instants.
            None if from.is_none() => stretches.push((None, end)),
            _ => stretches.push((Some(begin), end)),
        }
    }
    stretches
}

/// No offset from UTC reaches 26 hours, so no reading of a value differs from it by more, and no two differ by twice that.
const REACH: SignedDuration = SignedDuration::from_hours(2 * 26);

/// The local times, ascending, at which the reading of naive values changes between two of them, which are the first and the last.
fn breaks((start, end): (DateTime, DateTime), zone: &TimeZone) -> Vec<DateTime> {
    let instant = |naive| latest_reading(naive, zone);
    let from = instant(start).saturating_sub(REACH).unwrap_or(Timestamp::MIN);
    let until = instant(end).saturating_add(REACH).unwrap_or(Timestamp::MAX);
    let mut breaks = vec![start, end];
    for change in zone.following(from).take_while(|change| change.timestamp() <= until) {
        let moment = change.timestamp();
        let just_before = moment.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(moment);
        breaks.push(zone.to_offset(just_before).to_datetime(moment));
        breaks.push(change.offset().to_datetime(moment));
    }
    breaks.retain(|at| (start..=end).contains(at));
    breaks.sort();
    breaks.dedup();
    breaks
}

/// The last instant that a naive local time can stand for.
pub fn latest_reading(naive: DateTime, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_timestamp(naive).later().unwrap_or(if naive.year() < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn before(period: &str, as_of: &str, zone_name: &str) -> String {
        Period::parse(period).unwrap().before(instant(as_of), &zone(zone_name)).unwrap().to_string()
    }

    #[test]
    fn periods_are_read_in_words_and_in_iso_and_shown_as_written() {
        for text in ["30 days", "1 day", "2 weeks", "7 years 3 months", "P30D", "P1Y2M", "forever"] {
            assert_eq!(Period::parse(text).unwrap().to_string(), text);
        }
        assert!(Period::parse("forever").unwrap().is_forever());
        assert!(!Period::parse("900 years").unwrap().is_forever());
    }

    #[test]
    fn periods_that_are_empty_backward_too_fine_or_endless_are_refused() {
        let refused = |text: &str| Period::parse(text).unwrap_err();
        assert_eq!(refused("0 days"), PeriodError::Zero);
        assert_eq!(refused("P0D"), PeriodError::Zero);
        assert_eq!(refused("-30 days"), PeriodError::Negative);
        assert_eq!(refused("30 days ago"), PeriodError::Negative);
        assert_eq!(refused("24 hours"), PeriodError::SmallUnit);
        assert_eq!(refused("6m"), PeriodError::SmallUnit);
        assert_eq!(refused("1 day 12 hours"), PeriodError::SmallUnit);
        assert_eq!(refused("PT1S"), PeriodError::SmallUnit);
        assert_eq!(refused("1001 years"), PeriodError::TooLong);
        for nonsense in ["", "soon", "30", "30 dayz", "Forever"] {
            assert_eq!(refused(nonsense), PeriodError::Malformed(nonsense.into()));
        }
    }

    #[test]
    fn a_period_is_counted_on_the_calendar_and_not_in_seconds() {
        assert_eq!(before("7 years 3 months", "2028-02-29T00:00:00Z", "UTC"), "2020-11-29T00:00:00Z");
        assert_eq!(before("1 year", "2028-02-29T12:00:00Z", "UTC"), "2027-02-28T12:00:00Z");
        assert_eq!(before("1 month", "2026-03-31T12:00:00Z", "UTC"), "2026-02-28T12:00:00Z");
        assert_eq!(before("2 weeks", "2026-01-15T00:00:00Z", "UTC"), "2026-01-01T00:00:00Z");
        // Berlin: midnight in summer is 22:00Z, midnight in winter 23:00Z.
        assert_eq!(before("6 months", "2026-06-30T22:00:00Z", "Europe/Berlin"), "2025-12-31T23:00:00Z");
    }

    #[test]
    fn a_cutoff_in_a_skipped_or_repeated_hour_is_the_earlier_instant() {
        // 02:30 of 29 March never was; 02:30 of 25 October was at 00:30Z and again at 01:30Z.
        assert_eq!(before("1 day", "2026-03-30T00:30:00Z", "Europe/Berlin"), "2026-03-29T00:30:00Z");
        assert_eq!(before("1 day", "2026-10-26T01:30:00Z", "Europe/Berlin"), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn periods_that_mean_the_same_are_equal_and_longer_ones_are_known() {
        let period = |text: &str| Period::parse(text).unwrap();
        assert!(period("12 months").equals(&period("1 year")));
        assert!(period("P14D").equals(&period("2 weeks")));
        assert!(!period("30 days").equals(&period("1 month")));
        assert!(period("10 years").is_never_shorter_than(&period("1 year")));
        assert!(period("400 days").is_never_shorter_than(&period("1 year")));
        assert!(period("2 months").is_never_shorter_than(&period("30 days")));
        assert!(!period("30 days").is_never_shorter_than(&period("1 month")));
        assert!(!period("1 month").is_never_shorter_than(&period("30 days")));
        assert!(period("forever").is_never_shorter_than(&period("1000 years")));
        assert!(!period("1000 years").is_never_shorter_than(&period("forever")));
    }

    #[test]
    fn the_clock_is_read_in_whole_microseconds() {
        let fixed = Clock::Fixed(instant("2026-01-01T00:00:00.123456789Z"));
        assert_eq!(fixed.now(), instant("2026-01-01T00:00:00.123456Z"));
        assert_eq!(Clock::Fixed(instant("1969-12-31T23:59:59.9999999Z")).now(), instant("1969-12-31T23:59:59.999999Z"));
        assert_eq!(Clock::System.now().as_nanosecond() % 1_000, 0);
    }

    #[test]
    fn as_of_is_an_instant_or_the_start_of_a_day_in_utc() {
        assert_eq!(parse_as_of("2026-01-31"), Ok(instant("2026-01-31T00:00:00Z")));
        assert_eq!(parse_as_of("2026-01-31T04:05:06+02:00"), Ok(instant("2026-01-31T02:05:06Z")));
        assert_eq!(parse_as_of(" 2026-01-31T04:05:06.1234567Z"), Ok(instant("2026-01-31T04:05:06.123456Z")));
        for text in ["2026-01-31T04:05:06", "2026-02-30", "yesterday", ""] {
            assert_eq!(parse_as_of(text), Err(AsOfError(text.into())), "{text}");
        }
    }

    /// Zones whose clocks change in ways of their own: half hours, midnight, a skipped day, negative saving, none.
    const ZONES: [&str; 12] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Los_Angeles",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Asia/Kolkata",
        "Europe/Dublin",
        "Africa/Casablanca",
        "America/St_Johns",
        "Asia/Tehran",
    ];

    /// A zone and an instant, most of them within a day of one of its clock changes.
    fn zone_and_instant() -> impl Strategy<Value = (&'static str, Timestamp)> {
        let from = instant("1950-01-01T00:00:00Z").as_second();
        let to = instant("2040-01-01T00:00:00Z").as_second();
        (prop::sample::select(&ZONES[..]), from..to, -93_600i64..93_600, prop::bool::weighted(0.8)).prop_map(
            |(name, second, shift, near)| {
                let any = Timestamp::from_second(second).unwrap();
                let change = zone(name).following(any).next().map(|change| change.timestamp());
                let base = if near { change.unwrap_or(any) } else { any };
                (name, base + SignedDuration::from_secs(shift))
            },
        )
    }

    #[test]
    fn the_naive_cutoff_of_a_plain_day_is_the_local_time() {
        let cutoff = instant("2026-07-01T12:00:00Z");
        assert_eq!(naive_cutoff(cutoff, &TimeZone::UTC), date(2026, 7, 1).at(12, 0, 0, 0));
        assert_eq!(naive_cutoff(cutoff, &zone("America/Los_Angeles")), date(2026, 7, 1).at(5, 0, 0, 0));
    }

    #[test]
    fn a_naive_value_in_a_repeated_hour_waits_for_its_second_reading() {
        // Berlin repeats 02:00 to 03:00 on 25 October 2026; the hands are set back at 01:00Z.
        let berlin = zone("Europe/Berlin");
        let local = |hour, minute| date(2026, 10, 25).at(hour, minute, 0, 0);
        assert_eq!(naive_cutoff(instant("2026-10-24T23:30:00Z"), &berlin), local(1, 30));
        assert_eq!(naive_cutoff(instant("2026-10-25T00:30:00Z"), &berlin), local(2, 0));
        assert_eq!(naive_cutoff(instant("2026-10-25T01:00:00Z"), &berlin), local(2, 0));
        assert_eq!(naive_cutoff(instant("2026-10-25T01:30:00Z"), &berlin), local(2, 30));
    }

    #[test]
    fn a_naive_value_in_a_skipped_hour_is_read_as_late_as_it_can_be() {
        // Berlin skips 02:00 to 03:00 on 29 March 2026, at 01:00Z.
        let berlin = zone("Europe/Berlin");
        let local = |hour, minute| date(2026, 3, 29).at(hour, minute, 0, 0);
        assert_eq!(naive_cutoff(instant("2026-03-29T01:00:00Z"), &berlin), local(2, 0));
        assert_eq!(naive_cutoff(instant("2026-03-29T01:30:00Z"), &berlin), local(2, 30));
        assert_eq!(naive_cutoff(instant("2026-03-29T02:00:00Z"), &berlin), local(4, 0));
    }

    #[test]
    fn the_end_of_the_calendar_is_survived() {
        for name in ZONES {
            for cutoff in [Timestamp::MIN, Timestamp::MAX] {
                naive_cutoff(cutoff, &zone(name));
            }
            let last = Period::parse("1000 years").unwrap().before(Timestamp::MIN, &zone(name));
            assert_eq!(last, Some(Timestamp::MIN));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_stretches_of_a_span_hold_the_values_that_are_meant_by_it_and_no_others(
            (name, until) in zone_and_instant(), minutes in 0i64..3000, is_open in any::<bool>(),
        ) {
            let zone = zone(name);
            let from = until - SignedDuration::from_mins(minutes);
            let stretches = naive_stretches((!is_open).then_some(from), until, &zone);
            // Brute force: every five minutes of six days.
            for step in -864i64..864 {
                let naive = zone.to_datetime(until) + SignedDuration::from_mins(5 * step);
                let meant = latest_reading(naive, &zone);
                let holds = stretches.iter().filter(|(first, end)| {
                    first.is_none_or(|first| first <= naive) && naive < *end
                });
                prop_assert_eq!(holds.count() == 1, (is_open || from <= meant) && meant < until, "{} in {}", naive, name);
            }
            prop_assert!(stretches.windows(2).all(|pair| Some(pair[0].1) < pair[1].0), "{stretches:?}");
        }

        #[test]
        fn every_naive_value_below_the_naive_cutoff_is_before_the_cutoff_and_the_next_one_is_not(
            (name, cutoff) in zone_and_instant(), micros in 0i64..1_000_000,
        ) {
            let zone = zone(name);
            let cutoff = cutoff + SignedDuration::from_micros(micros);
            let limit = naive_cutoff(cutoff, &zone);
            // Brute force: every ten minutes of four days, and the microseconds beside the limit.
            let around = (-288i64..288).map(|step| zone.to_datetime(cutoff) + SignedDuration::from_mins(10 * step));
            let beside = (-3i64..0).map(|step| limit + SignedDuration::from_micros(step));
            for naive in around.chain(beside).filter(|naive| *naive < limit) {
                prop_assert!(latest_reading(naive, &zone) < cutoff, "{} in {}", naive, name);
            }
            prop_assert!(latest_reading(limit, &zone) >= cutoff);
        }

        #[test]
        fn a_later_cutoff_never_lets_go_of_a_naive_value_that_was_before_it(
            (name, cutoff) in zone_and_instant(), seconds in 0i64..90_000,
        ) {
            let zone = zone(name);
            prop_assert!(naive_cutoff(cutoff, &zone) <= naive_cutoff(cutoff + SignedDuration::from_secs(seconds), &zone));
        }

        #[test]
        fn a_row_from_before_the_cutoff_has_outlived_its_period_on_the_local_calendar(
            (name, as_of) in zone_and_instant(),
            (years, months, days) in (0i16..12, 0i32..14, 0i32..70).prop_filter("not zero", |p| *p != (0, 0, 0)),
            micros in 1i64..7_200_000_000,
        ) {
            let zone = zone(name);
            let period = Period::parse(&format!("P{years}Y{months}M{days}D")).unwrap();
            let anchor = period.before(as_of, &zone).unwrap() - SignedDuration::from_micros(micros);
            let over = zone.to_datetime(anchor) + years.years().months(months).days(days);
            prop_assert!(over <= zone.to_datetime(as_of), "{} + {} = {} > {}", anchor, period, over, as_of);
        }
    }
}
