//! The age of a row by all of its anchors: the latest time that one of them tells.
//!
//! A row is past its period ([`expired`]), not yet past it, or of unknown age ([`unknown`]). Of several anchors the three are values
//! of one number, so that each row is exactly one of them. A value that nobody can read may be the latest,
//! so the row is unknown unless another one lies ahead for certain.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::anchor::{self, AHEAD, PAST};
use crate::base::name::Name;
use crate::base::time::latest_reading;
use crate::db::sql::builder::Sql;
use crate::db::{Dialect, Row};
use crate::plan::Anchor;

/// The latest time lies before its bound.
pub(in crate::db) fn expired(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    if let [only] = anchors {
        return anchor::before(sql, alias, only);
    }
    sql.all(|terms| {
        if anchors.iter().all(anchor::is_plain) {
            // Implied by what follows, and what indexes on the columns can serve.
            terms.term(|sql| {
                sql.any(|terms| {
                    terms.each(anchors, |sql, one| anchor::below_bound(sql, alias, one));
                });
            });
        }
        terms.term(|sql| {
            latest_standing(sql, alias, anchors);
            sql.push(" = ").push(PAST);
        });
    });
}

/// The age is not certain: the row is neither expired nor known to be too young for it.
pub(in crate::db) fn unknown(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    if let [only] = anchors {
        return anchor::unknown(sql, alias, only);
    }
    latest_standing(sql, alias, anchors);
    sql.push(" NOT IN (").push(PAST).push(", ").push(AHEAD).push(")");
}

/// All anchors say that there is no time.
pub(in crate::db) fn says_none(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    sql.all(|terms| {
        terms.each(anchors, |sql, one| anchor::says_none(sql, alias, one));
    });
}

/// The greatest of how the anchors stand.
fn latest_standing(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    sql.push(if sql.dialect == Dialect::Sqlite { "MAX(" } else { "GREATEST(" });
    sql.list(anchors, ", ", |sql, one| anchor::standing(sql, alias, one));
    sql.push(")");
}

/// The latest time as the number that [`Told`] reads, or NULL.
pub(in crate::db) fn latest(sql: &mut Sql, alias: &Name, anchors: &[Anchor]) {
    match anchors {
        [] => {
            sql.push("NULL");
        }
        [only] => anchor::told(sql, alias, only),
        _ => {
            // The greatest of several values is NULL where one is, on two of the three databases.
            sql.push(if sql.dialect == Dialect::Sqlite { "NULLIF(MAX(" } else { "NULLIF(GREATEST(" });
            sql.list(anchors, ", ", |sql, one| {
                sql.push("COALESCE(");
                anchor::told(sql, alias, one);
                sql.push(", -9000000000000000000)");
            });
            sql.push("), -9000000000000000000)");
        }
    }
}

/// The least (`MIN(`) or greatest (`MAX(`) of the latest times of rows that are expired.
pub(in crate::db) fn extreme(sql: &mut Sql, alias: &Name, anchors: &[Anchor], aggregate: &'static str) {
    match anchors {
        // Brought into microseconds once, and not row by row.
        [only] if anchor::is_plain(only) => anchor::told_of(sql, only, &|sql| {
            sql.push(aggregate).column(alias, &only.column).push(")");
        }),
        _ => {
            sql.push(aggregate);
            latest(sql, alias, anchors);
            sql.push(")");
        }
    }
}

/// A time that a row tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The first and the last instant that it may mean: a day tells no hour.
    pub earliest: Timestamp,
    pub latest: Timestamp,
    /// The instant that is meant, of a repeated hour the later one; of a day its beginning.
    pub at: Timestamp,
}

impl Told {
    /// Reads a number that [`latest`] wrote of these anchors.
    pub(in crate::db) fn read(row: &Row, column: usize, anchors: &[Anchor]) -> Option<Self> {
        Self::of(row.int(column)?, anchors)
    }

    pub(in crate::db) fn of(number: i64, anchors: &[Anchor]) -> Option<Self> {
        let instant = Timestamp::from_microsecond(number.div_euclid(4)).ok()?;
        let zone = anchors.iter().find_map(|anchor| anchor.reading.zone()).cloned().unwrap_or(TimeZone::UTC);
        let civil = TimeZone::UTC.to_datetime(instant);
        // The later reading of a repeated hour, as for cutoffs: else a row could belong to no bucket.
        let local = || zone.to_ambiguous_timestamp(civil).later().ok();
        match number.rem_euclid(4) {
            0 => Some(Self::at(instant)),
            1 => local().map(Self::at),
            _ => {
                let (earliest, latest) = day(civil.date(), &zone)?;
                Some(Self { earliest, latest, at: earliest })
            }
        }
    }

    fn at(instant: Timestamp) -> Self {
        Self { earliest: instant, latest: instant, at: instant }
    }
}

/// The first and the last microsecond of a day, which is late where the zone has left the day out.
fn day(day: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let begin = day.to_zoned(zone.clone()).ok()?.timestamp();
    Some((begin, latest_reading(day.at(23, 59, 59, 999_999_000), zone)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Reading;

    fn anchor(zone: &str) -> Anchor {
        let zone = TimeZone::get(zone).unwrap();
        let bound = jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0);
        Anchor {
            hops: Vec::new(),
            column: Name::new("at").unwrap(),
            reading: Reading::Naive { bound, zone },
            nullable: true,
            never: Vec::new(),
            is_filled_up: false,
        }
    }

    #[test]
    fn a_number_tells_what_kind_of_time_it_is() {
        let tokyo = [anchor("Asia/Tokyo")];
        let told = |number| Told::of(number, &tokyo).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let noon = at("2026-03-01T12:00:00Z").as_microsecond() * 4;
        assert_eq!(told(noon), Told::at(at("2026-03-01T12:00:00Z")));
        assert_eq!(told(noon + 1), Told::at(at("2026-03-01T03:00:00Z")));
        let day = told(noon + 2);
        assert_eq!((day.earliest, day.latest), (at("2026-02-28T15:00:00Z"), at("2026-03-01T14:59:59.999999Z")));
        assert_eq!(told(-1_000_000 * 4).at, at("1969-12-31T23:59:59Z"));
    }

    #[test]
    fn of_a_repeated_hour_the_later_one_counts() {
        let number = jiff::civil::date(2026, 11, 1).at(1, 30, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
        let told = Told::of(number.as_microsecond() * 4 + 1, &[anchor("America/Los_Angeles")]).unwrap();
        assert_eq!(told.at, "2026-11-01T09:30:00Z".parse().unwrap());
    }
}
