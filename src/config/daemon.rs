//! `[daemon]`: when it may work, how much at a time, and who may look at it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::Reader;
use crate::base::time::Period;
use crate::diagnostic::document::{Item, Table};
use crate::diagnostic::flaw::Flaw;
use crate::schedule::notation;

/// The checked `[daemon]`.
#[derive(Debug, Clone)]
pub struct Daemon {
    pub hours: Hours,
    /// How long one run may take, and how many rows it may act upon.
    pub budget: Option<Duration>,
    pub budget_rows: Option<u64>,
    /// Runs begin up to so much later than they are due, each host at a time of its own.
    pub jitter: Duration,
    /// Where the ledger's newest entry and the daemon's last sign of life are older, the clock may have jumped ahead.
    pub max_gap: Period,
    /// Where metrics and health are served; `None` where they are not.
    pub metrics: Option<Listen>,
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            hours: Hours::default(),
            budget: None,
            budget_rows: None,
            jitter: Duration::ZERO,
            max_gap: Period::parse(DEFAULT_MAX_GAP).expect("this is a period"),
            metrics: None,
        }
    }
}

const DEFAULT_MAX_GAP: &str = "45 days";

/// Longer jitter or budgets than a week stand for something else.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// A place to listen at that no other machine reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A loopback address and its port.
    Tcp(SocketAddr),
    /// The path of a socket.
    Unix(PathBuf),
}

/// As it is written in the config.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => write!(f, "{address}"),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// When runs may work, by the hands of a clock in the policy's zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    /// Empty for at any time of the day.
    pub windows: Vec<Window>,
    pub closed: Vec<Closed>,
}

/// From one time of the day up to another; where that is earlier, of the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Time,
    pub to: Time,
}

/// Days on which no run works, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    pub from: Date,
    pub to: Date,
    pub reason: String,
}

impl Window {
    /// Does the clock show a time in it?
    fn holds(self, time: Time) -> bool {
        if self.from < self.to { self.from <= time && time < self.to } else { time >= self.from || time < self.to }
    }

    /// The end of the window that `now` is in, by the hands.
    fn end_after(self, now: &Zoned) -> DateTime {
        let day = if now.time() < self.to { now.date() } else { now.date().tomorrow().unwrap_or(now.date()) };
        day.to_datetime(self.to)
    }

    /// What the hands run over from its beginning to its end.
    fn length(self) -> SignedDuration {
        let length = self.from.duration_until(self.to);
        if length.is_positive() { length } else { length + SignedDuration::from_hours(24) }
    }
}

/// Open, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// It is the wrong time of the day.
    OutOfHours,
    /// The days are closed, for this reason.
    Closed(String),
}

impl Hours {
    pub fn gate(&self, now: &Zoned) -> Gate {
        // A window that began on a closed day before midnight is that day's.
        let days = self.windows.iter().filter(|window| window.holds(now.time())).map(|window| {
            let is_past_midnight = window.from >= window.to && now.time() < window.to;
            if is_past_midnight { now.date().yesterday().unwrap_or(now.date()) } else { now.date() }
        });
        let days: Vec<Date> = if self.windows.is_empty() { vec![now.date()] } else { days.collect() };
        let closing = |day: &Date| self.closed.iter().find(|closed| (closed.from..=closed.to).contains(day));
        match days.iter().map(closing).collect::<Vec<_>>().as_slice() {
            [] => Gate::OutOfHours,
            days if days.iter().any(Option::is_none) => Gate::Open,
            days => days.iter().flatten().next().map_or(Gate::Open, |closed| Gate::Closed(closed.reason.clone())),
        }
    }

    /// When the gate is open next, from `now` on; `None` where that is not within 400 days.
    pub fn next_opening(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        const DAYS: usize = 400;
        if self.gate(&now.to_zoned(zone.clone())) == Gate::Open {
            return Some(now);
        }
        let starts: Vec<Time> = match self.windows.as_slice() {
            [] => vec![Time::midnight()],
            windows => windows.iter().map(|window| window.from).collect(),
        };
        let today = now.to_zoned(zone.clone()).date();
        let on = |day: Date| starts.iter().map(move |start| day.to_datetime(*start)).collect::<Vec<_>>();
        let moments = |local| {
            let ambiguous = zone.to_ambiguous_timestamp(local);
            [ambiguous.earlier().ok(), ambiguous.later().ok()]
        };
        today
            .series(jiff::Span::new().days(1))
            .take(DAYS)
            .filter_map(|day| {
                on(day).into_iter().flat_map(moments).flatten().filter(|at| self.opens(*at, now, zone)).min()
            })
            .next()
    }

    fn opens(&self, at: Timestamp, now: Timestamp, zone: &TimeZone) -> bool {
        at >= now && self.gate(&at.to_zoned(zone.clone())) == Gate::Open
    }

    /// The first opening after the end of the window that is open now; `None` where no window is.
    pub fn after_this_window(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = now.to_zoned(zone.clone());
        let open = self.windows.iter().filter(|window| window.holds(local.time()));
        let end = open.map(|window| window.end_after(&local)).max()?;
        self.next_opening(zone.to_ambiguous_timestamp(end).later().ok()?.max(now), zone)
    }

    /// How long it is open in one go, at most; `None` where it is open all day.
    pub fn longest(&self) -> Option<SignedDuration> {
        self.windows.iter().map(|window| window.length()).max()
    }
}

impl Reader<'_> {
    /// `[daemon]`.
    pub(super) fn daemon(&self, item: &Item) -> Option<Daemon> {
        let table = item.table()?.called("daemon".to_owned());
        table.knows(&["window", "closed", "budget", "budget_rows", "jitter", "max_gap", "metrics"]);
        let windows = table.get("window").map(|item| item.one_or_more()).unwrap_or_default();
        let windows = windows.iter().filter_map(|item| item.parse(window)).collect();
        let closed = table.tables_of("closed").iter().filter_map(closed).collect();
        let default = Daemon::default();
        Some(Daemon {
            hours: Hours { windows, closed },
            budget: table.get("budget").and_then(|item| item.parse(duration)),
            budget_rows: table.get("budget_rows").and_then(|item| item.whole(1..=u64::MAX)),
            jitter: table.get("jitter").and_then(|item| item.parse(duration)).unwrap_or_default(),
            max_gap: table.get("max_gap").and_then(|item| item.parse(notation::period)).unwrap_or(default.max_gap),
            metrics: table.get("metrics").and_then(|item| item.parse(|text| self.listen(text))),
        })
    }

    fn listen(&self, text: &str) -> Result<Listen, Flaw> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Listen::Unix(self.folder.join(path)));
        }
        let address = text.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
        let remedy = "write \"127.0.0.1:9187\", \"[::1]:9187\" or \"unix:/run/tenure/metrics.sock\"";
        address
            .map(Listen::Tcp)
            .ok_or_else(|| Flaw::new(format!("`{text}` is no address that only this host reaches"), remedy))
    }
}

fn window(text: &str) -> Result<Window, Flaw> {
    let remedy = "write two times of the day, as \"01:00-05:00\" or \"22:00-04:00\"";
    let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
    let both = text.split_once(['-', '–']).and_then(|(from, to)| Some((time(from)?, time(to)?)));
    match both {
        Some((from, to)) if from == to => {
            Err(Flaw::new(format!("the window `{text}` ends when it begins"), "take it out where every hour will do"))
        }
        Some((from, to)) => Ok(Window { from, to }),
        None => Err(Flaw::new(format!("`{text}` is no window"), remedy)),
    }
}

fn closed(table: &Table) -> Option<Closed> {
    table.knows(&["from", "to", "reason"]);
    let from = table.require("from", "write the first day, `from = 2026-06-01`").and_then(|item| item.date());
    let to = table.require("to", "write the last day, `to = 2026-06-14`").and_then(|item| Some((item.date()?, item)));
    let reason = table.require("reason", "say why, for who wonders later").and_then(|item| item.text());
    let (from, (to, item)) = (from?, to?);
    if to < from {
        item.refuse("the last day is before the first", "exchange the two");
        return None;
    }
    Some(Closed { from, to, reason: reason?.to_owned() })
}

fn duration(text: &str) -> Result<Duration, Flaw> {
    let read = text.parse::<SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    read.filter(|length| !length.is_zero() && *length <= LONGEST).ok_or_else(|| {
        Flaw::new(
            format!("`{text}` is no duration up to a week"),
            "write hours, minutes and seconds, as \"2 hours 30 minutes\"",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(windows: &[&str], closed: &[(&str, &str)]) -> Hours {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let closed = closed.iter().map(|(from, to)| Closed { from: day(from), to: day(to), reason: "exams".into() });
        Hours { windows: windows.iter().map(|text| window(text).unwrap()).collect(), closed: closed.collect() }
    }

    fn berlin(text: &str) -> Zoned {
        text.parse::<Timestamp>().unwrap().to_zoned(TimeZone::get("Europe/Berlin").unwrap())
    }

    fn next(hours: &Hours, text: &str) -> String {
        let now = berlin(text);
        hours.next_opening(now.timestamp(), now.time_zone()).unwrap().to_string()
    }

    #[test]
    fn without_hours_it_is_always_open() {
        assert_eq!(Hours::default().gate(&berlin("2026-01-01T12:00:00Z")), Gate::Open);
        assert_eq!(next(&Hours::default(), "2026-01-01T12:00:00Z"), "2026-01-01T12:00:00Z");
    }

    #[test]
    fn a_window_holds_its_beginning_and_not_its_end_by_the_hands_of_the_policys_clock() {
        let hours = hours(&["01:00-05:00"], &[]);
        let gate = |text: &str| hours.gate(&berlin(text));
        assert_eq!(gate("2026-01-01T23:59:59Z"), Gate::OutOfHours);
        assert_eq!(gate("2026-01-02T00:00:00Z"), Gate::Open);
        assert_eq!(gate("2026-01-02T03:59:59Z"), Gate::Open);
        assert_eq!(gate("2026-01-02T04:00:00Z"), Gate::OutOfHours);
        assert_eq!(next(&hours, "2026-01-02T04:00:00Z"), "2026-01-03T00:00:00Z");
        // In summer the same hands mean an hour earlier.
        assert_eq!(gate("2026-07-01T23:00:00Z"), Gate::Open);
        assert_eq!(hours.longest(), Some(SignedDuration::from_hours(4)));
    }

    #[test]
    fn a_window_may_cross_midnight_and_there_may_be_several() {
        let hours = hours(&["22:00-04:00", "12:00-13:00"], &[]);
        let gate = |text: &str| hours.gate(&berlin(text));
        assert_eq!(gate("2026-01-01T21:30:00Z"), Gate::Open);
        assert_eq!(gate("2026-01-02T02:30:00Z"), Gate::Open);
        assert_eq!(gate("2026-01-02T03:00:00Z"), Gate::OutOfHours);
        assert_eq!(next(&hours, "2026-01-02T03:00:00Z"), "2026-01-02T11:00:00Z");
        assert_eq!(next(&hours, "2026-01-02T12:00:00Z"), "2026-01-02T21:00:00Z");
        assert_eq!(hours.longest(), Some(SignedDuration::from_hours(6)));
        let after = |text: &str| hours.after_this_window(berlin(text).timestamp(), berlin(text).time_zone());
        assert_eq!(after("2026-01-01T21:30:00Z"), Some("2026-01-02T11:00:00Z".parse().unwrap()));
        assert_eq!(after("2026-01-02T11:30:00Z"), Some("2026-01-02T21:00:00Z".parse().unwrap()));
        assert_eq!(after("2026-01-02T03:00:00Z"), None);
    }

    #[test]
    fn closed_days_close_the_windows_that_begin_on_them() {
        let hours = hours(&["22:00-04:00"], &[("2026-01-02", "2026-01-03")]);
        let gate = |text: &str| hours.gate(&berlin(text));
        assert_eq!(gate("2026-01-02T01:00:00Z"), Gate::Open, "the night of the 1st");
        assert_eq!(gate("2026-01-02T22:00:00Z"), Gate::Closed("exams".into()));
        assert_eq!(gate("2026-01-04T01:00:00Z"), Gate::Closed("exams".into()), "the night of the 3rd");
        assert_eq!(next(&hours, "2026-01-02T22:00:00Z"), "2026-01-04T21:00:00Z");
        let all_day = self::hours(&[], &[("2026-01-02", "2026-01-03")]);
        assert_eq!(next(&all_day, "2026-01-02T12:00:00Z"), "2026-01-03T23:00:00Z");
    }

    #[test]
    fn a_window_in_the_hour_that_spring_skips_opens_the_night_after() {
        let hours = hours(&["02:00-03:00"], &[]);
        assert_eq!(hours.gate(&berlin("2026-03-29T01:00:00Z")), Gate::OutOfHours, "the hands jump from 2 to 3");
        assert_eq!(next(&hours, "2026-03-28T12:00:00Z"), "2026-03-30T00:00:00Z");
        // The hour that autumn repeats is open twice.
        assert_eq!(hours.gate(&berlin("2026-10-25T00:30:00Z")), Gate::Open);
        assert_eq!(hours.gate(&berlin("2026-10-25T01:30:00Z")), Gate::Open);
        assert_eq!(hours.gate(&berlin("2026-10-25T02:00:00Z")), Gate::OutOfHours);
    }
}
