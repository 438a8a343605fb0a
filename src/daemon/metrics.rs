//! Metrics in the OpenMetrics text format: what the daemon knows of itself, what the last look found, and what it has counted
//! since it began. A scrape reads memory and asks no database.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::state::{Board, State};
use crate::app::overview::{Overview, People};
use crate::base::time;
use crate::base::visible::visible_in_place;
use crate::db::control::outbox::State as Mail;
use crate::record::{RunRecord, Status};
use crate::report::status::RuleStatus;

/// Of the text that [`Metrics::text`] makes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

/// What only grows, from when the daemon began. All clones count together.
#[derive(Debug, Clone)]
pub struct Counts {
    rows: Family<Labels, Counter>,
    runs: Family<Labels, Counter>,
    batches: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            rows: Family::default(),
            runs: Family::default(),
            // From 5 ms to some 40 s.
            batches: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.005, 2.0, 14))),
        }
    }
}

impl Counts {
    /// A batch was done, and took so long with all that it takes to find it.
    pub fn batch(&self, database: &str, took: Duration) {
        self.batches.get_or_create(&vec![("database", database.to_owned())]).observe(took.as_secs_f64());
    }

    /// A run ended.
    pub fn run(&self, database: &str, record: &RunRecord) {
        let policy = &record.schedule.name;
        let labels =
            vec![("database", database.to_owned()), ("policy", policy.clone()), ("status", record.status.to_string())];
        self.runs.get_or_create(&labels).inc();
        for rule in &record.rules {
            let outcomes = [
                (rule.action.as_str(), rule.done),
                ("cascaded", rule.cascaded.values().sum()),
                ("detached", rule.detached.values().sum()),
                ("skipped", rule.skipped),
            ];
            for (outcome, rows) in outcomes.into_iter().filter(|(_, rows)| *rows > 0) {
                let mut labels = of_rule(database, policy, &rule.rule);
                labels.push(("outcome", outcome.to_owned()));
                self.rows.get_or_create(&labels).inc_by(rows);
            }
        }
    }
}

fn of_rule(database: &str, policy: &str, rule: &str) -> Labels {
    vec![("database", database.to_owned()), ("policy", policy.to_owned()), ("rule", rule.to_owned())]
}

/// All metrics of one daemon.
#[derive(Debug)]
pub struct Metrics(Registry);

impl Metrics {
    pub fn new(board: Board, counts: &Counts) -> Self {
        let mut registry = Registry::with_prefix("tenure");
        registry.register("rows", "Rows acted upon, by what became of them", counts.rows.clone());
        registry.register("runs", "Runs that ended, by their status", counts.runs.clone());
        registry.register("batch_seconds", "How long batches took, with finding their rows", counts.batches.clone());
        registry.register_collector(Box::new(Standing(board)));
        Self(registry)
    }

    /// # Errors
    /// None that is known: the text is written into memory.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.0)?;
        // A name in a label steers no terminal; an escape with a backslash would be none of the format's.
        Ok(visible_in_place(&page))
    }
}

/// What stands on the board, as gauges.
#[derive(Debug)]
struct Standing(Board);

impl Collector for Standing {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (state, now) = (self.0.lock().clone(), time::now());
        let mut page = Page(encoder);
        page.of_daemon(&state)?;
        page.of_databases(&state)?;
        match &state.overview {
            Some(overview) => page.of_look(overview, now),
            None => Ok(()),
        }
    }
}

struct Page<'e>(DescriptorEncoder<'e>);

impl Page<'_> {
    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) -> fmt::Result {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        values.try_for_each(|(labels, value)| match labels.as_slice() {
            [] => metric.encode_gauge(&value),
            _ => metric.encode_family(&labels)?.encode_gauge(&value),
        })
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Into<Option<f64>>) -> fmt::Result {
        self.gauges(name, help, value.into().map(|value| (Labels::new(), value)))
    }

    fn of_daemon(&mut self, state: &State) -> fmt::Result {
        self.gauges("build", "Always 1", [(vec![("version", state.version.clone())], 1.0)])?;
        self.gauge("start_time_seconds", "When the daemon began", state.started.map(seconds))?;
        self.gauge("tick_time_seconds", "When it looked for work last", state.last_tick.map(seconds))?;
        let refused = flag(state.reload_error.is_some());
        self.gauge("reload_failed", "1 while a config or schedule that is wrong was not taken over", refused)?;
        let of_host = state.clock_trouble.is_some();
        let of_database = state.databases.values().filter_map(|database| database.trouble.as_ref());
        let trouble = flag(of_host || of_database.into_iter().any(|trouble| trouble.is_of_clocks));
        self.gauge("clock_trouble", "1 while nothing is purged because clocks disagree", trouble)
    }

    fn of_databases(&mut self, state: &State) -> fmt::Result {
        let each = |value: fn(&super::state::DatabaseState) -> f64| {
            let of_one = move |(name, database)| (vec![("database", String::clone(name))], value(database));
            state.databases.iter().map(of_one).collect::<Vec<_>>()
        };
        self.gauges("database_trouble", "1 while nothing can be done in it", each(|d| flag(d.trouble.is_some())))?;
        self.gauges("runs_under_way", "Runs of this daemon that work now", each(|d| flag(d.work.is_some())))?;
        self.gauges("mails_waiting", "Mails of its outbox that were not sent", each(|d| d.mails_waiting as f64))
    }

    /// What the last look at the databases found.
    fn of_look(&mut self, look: &Overview, now: Timestamp) -> fmt::Result {
        self.gauge("look_time_seconds", "When the databases were looked at", seconds(look.at))?;
        self.gauge("look_troubles", "What could not be looked at", look.troubles.len() as f64)?;
        self.gauge("register_lacks", "Runs whose erasures are not in the register", look.register_lacks.len() as f64)?;
        self.gauge("pauses", "Pauses in force", look.pauses.len() as f64)?;
        self.gauge("holds", "Holds that were ordered by hand", look.holds.len() as f64)?;
        let dead = look.running.iter().filter(|running| !running.run.lives).count();
        self.gauge("runs_died", "Runs that died and wait for the next one to close them", dead as f64)?;
        let of_state = |state: &str| look.mails.get(state).copied().unwrap_or(0) as f64;
        let unsettled = [Mail::Waiting, Mail::Sending, Mail::Refused].map(Mail::as_str);
        let mails = unsettled.map(|state| (vec![("state", state.to_owned())], of_state(state)));
        self.gauges("mails", "Mails that were not sent, by their state", mails)?;
        let people = |value: fn(&People) -> u64| {
            let labels =
                |people: &People| vec![("database", people.database.clone()), ("policy", people.policy.clone())];
            look.people.iter().map(|people| (labels(people), value(people) as f64)).collect::<Vec<_>>()
        };
        self.gauges("people_due", "People who are to be erased", people(|people| people.due))?;
        self.gauges(
            "people_near_deadline",
            "Of those, whose days are nearly used",
            people(|people| people.near_deadline),
        )?;
        self.gauges("people_past_deadline", "People whose days are over", people(|people| people.past_deadline))?;
        self.gauges("requests_waiting", "Requests for erasure that wait", people(|people| people.requests))?;
        let near = people(|people| people.requests_near_deadline);
        self.gauges("requests_near_deadline", "Of those, whose days are nearly used", near)?;
        let past = people(|people| people.requests_past_deadline);
        self.gauges("requests_past_deadline", "Of those, whose days are over", past)?;
        let age = now.duration_since(look.at).as_secs().max(0) as f64;
        let each = |value: &dyn Fn(&RuleStatus) -> Option<f64>| {
            let of_one = |rule: &RuleStatus| Some((of_rule(&rule.database, &rule.policy, &rule.rule), value(rule)?));
            look.rules.iter().filter_map(of_one).collect::<Vec<_>>()
        };
        let overdue_age =
            |rule: &RuleStatus| Some(if rule.overdue > 0 { rule.overdue_seconds as f64 + age } else { 0.0 });
        self.gauges("rule_kept", "1 where all is as promised", each(&|rule| Some(flag(rule.standing.is_kept()))))?;
        self.gauges("rule_overdue_rows", "Rows past their period", each(&|rule| Some(rule.overdue as f64)))?;
        self.gauges("rule_overdue_age_seconds", "How long the oldest row is past its period", each(&overdue_age))?;
        self.gauges("rule_held_rows", "Rows that holds keep", each(&|rule| Some(rule.held as f64)))?;
        self.gauges("rule_blocked_rows", "Rows that references keep", each(&|rule| Some(rule.blocked as f64)))?;
        self.gauges("rule_paused", "1 while it waits by an order", each(&|rule| Some(flag(rule.paused.is_some()))))?;
        self.gauges("rule_missed", "1 where a run has not come", each(&|rule| Some(flag(rule.missed.is_some()))))?;
        let success = |rule: &RuleStatus| rule.last_success.map(seconds);
        self.gauges("rule_success_time_seconds", "When its last good run began", each(&success))?;
        let failed = |rule: &RuleStatus| rule.last_run.as_ref().map(|last| flag(last.status == Status::Failed));
        self.gauges("rule_failed", "1 where its last run failed", each(&failed))
    }
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::super::state::{DatabaseState, Trouble};
    use super::*;
    use crate::record::PauseRecord;
    use crate::record::Standing;
    use crate::report::status::LastRun;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rule(look: Timestamp) -> RuleStatus {
        RuleStatus {
            policy: "a \"house\"\nof ours".to_owned(),
            database: "main".to_owned(),
            rule: "logs".to_owned(),
            promises: Vec::new(),
            table: "log".to_owned(),
            action: "delete".to_owned(),
            retain: "30 days".to_owned(),
            standing: Standing::Broken,
            reason: String::new(),
            overdue: 7,
            overdue_seconds: 86_400,
            missed: None,
            paused: Some(PauseRecord { all: true, since: look, until: None, by: String::new(), reason: String::new() }),
            held: 2,
            blocked: 1,
            oldest_kept: None,
            last_run: Some(LastRun { run: "r".to_owned(), at: look, status: Status::Failed, done: 0 }),
            last_success: Some(look),
            next_run: None,
        }
    }

    /// Something of everything.
    fn page() -> String {
        let look = time::now() - jiff::SignedDuration::from_secs(600);
        let people = People {
            database: "main".to_owned(),
            policy: "house".to_owned(),
            due: 3,
            near_deadline: 2,
            past_deadline: 1,
            requests: 6,
            requests_near_deadline: 5,
            requests_past_deadline: 4,
        };
        let overview = Overview {
            tenure: "0",
            at: look,
            well: false,
            rules: vec![rule(look)],
            people: vec![people],
            register_lacks: Vec::new(),
            troubles: Vec::new(),
            running: Vec::new(),
            mails: [("refused", 4)].into(),
            holds: Vec::new(),
            pauses: Vec::new(),
        };
        let trouble = Trouble { sentence: String::new(), since: look, attempts: 1, is_of_clocks: true };
        let main = DatabaseState { trouble: Some(trouble), mails_waiting: 4, ..DatabaseState::default() };
        let state = State {
            version: "0.1.0".to_owned(),
            started: Some(at("2026-01-01T00:00:00.5Z")),
            last_tick: Some(look),
            databases: [("main".to_owned(), main)].into(),
            overview: Some(Arc::new(overview)),
            ..State::default()
        };
        let counts = Counts::default();
        counts.batch("main", Duration::from_millis(30));
        counts.runs.get_or_create(&vec![("status", "ok".to_owned())]).inc();
        counts.rows.get_or_create(&vec![("outcome", "delete".to_owned())]).inc_by(5);
        Metrics::new(Board::new(state), &counts).text().unwrap()
    }

    /// The value of a series, by the beginning of its line.
    fn value(page: &str, series: &str) -> f64 {
        let line =
            page.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("no {series} in {page}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    #[test]
    fn what_the_daemon_knows_is_a_number() {
        let page = page();
        assert_eq!(value(&page, "tenure_start_time_seconds "), 1_767_225_600.5);
        assert_eq!(value(&page, "tenure_clock_trouble "), 1.0);
        assert_eq!(value(&page, "tenure_database_trouble{database=\"main\"}"), 1.0);
        assert_eq!(value(&page, "tenure_mails{state=\"refused\"}"), 4.0);
        assert_eq!(value(&page, "tenure_mails{state=\"waiting\"}"), 0.0);
        assert_eq!(value(&page, "tenure_people_near_deadline{"), 2.0);
        assert_eq!(value(&page, "tenure_requests_waiting{"), 6.0);
        assert_eq!(value(&page, "tenure_requests_near_deadline{"), 5.0);
        assert_eq!(value(&page, "tenure_requests_past_deadline{"), 4.0);
        assert_eq!(value(&page, "tenure_rule_paused{"), 1.0);
        assert_eq!(value(&page, "tenure_rule_failed{"), 1.0);
        assert!(page.contains(r#"policy="a \"house\"\nof ours""#), "{page}");
        assert!(page.ends_with("# EOF\n"));
    }

    #[test]
    fn what_is_overdue_grows_older_between_two_looks() {
        let age = value(&page(), "tenure_rule_overdue_age_seconds{");
        assert!((87_000.0..87_100.0).contains(&age), "{age}");
    }

    #[test]
    fn the_readme_names_every_metric_and_the_alert_rules_know_no_other() {
        let page = page();
        let exposed: BTreeSet<&str> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let readme = include_str!("../../README.md");
        let told: BTreeSet<&str> =
            readme.lines().filter_map(|line| line.strip_prefix("| `tenure_").map(|_| line)).flat_map(names).collect();
        assert_eq!(told, exposed);
        let rules = include_str!("../../systemd/tenure.rules.yml");
        let asked: Vec<&str> = rules.lines().filter(|line| line.trim().starts_with("expr:")).flat_map(names).collect();
        assert!(asked.len() > 12);
        for name in asked {
            let is_known = page
                .lines()
                .any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")));
            assert!(is_known, "an alert asks for {name}, which is not there");
        }
    }

    /// The names of metrics in a line.
    fn names(line: &str) -> impl Iterator<Item = &str> {
        line.split(|c: char| !c.is_ascii_lowercase() && c != '_').filter(|word| word.starts_with("tenure_"))
    }
}
