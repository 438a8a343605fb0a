//! A daemon with a clock that the story moves.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenure::daemon::State;
use tenure::db::Connection;

use crate::faults::pause;
use crate::harness::story::{control_table, delete_rule};
use crate::harness::{Output, Running, Tenure, TestDb, catch_when, comes_true};

/// The clocks of one program, by how far they are ahead of the real ones.
pub struct Clock {
    file: PathBuf,
    /// Host, database, time since the boot; microseconds.
    shift: [i64; 3],
    /// What the host's clock showed when it was moved last.
    moved: Timestamp,
}

impl Clock {
    /// The story begins at `instant`; the time since the boot is the real one.
    fn in_dir(dir: &Path, instant: &str) -> Self {
        let begin: Timestamp = instant.parse().expect("an instant");
        let ahead = micros(begin.duration_since(Timestamp::now()));
        let mut clock = Self { file: dir.join("clock"), shift: [ahead, ahead, 0], moved: begin };
        clock.write();
        clock
    }

    /// What the host's clock shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_micros(self.shift[0])
    }

    /// What it showed when it was moved last: whoever looked after that has seen the move.
    pub fn moved(&self) -> Timestamp {
        self.moved
    }

    /// Time passes.
    pub fn pass(&mut self, span: SignedDuration) {
        self.shift.iter_mut().for_each(|shift| *shift += micros(span));
        self.write();
    }

    /// Time passes until then.
    pub fn go_to(&mut self, instant: &str) {
        let instant: Timestamp = instant.parse().expect("an instant");
        self.pass(instant.duration_since(self.now()));
    }

    /// Somebody sets the clock of the host.
    pub fn set_host(&mut self, by: SignedDuration) {
        self.shift[0] += micros(by);
        self.write();
    }

    /// Somebody sets the clock of the database.
    pub fn set_database(&mut self, by: SignedDuration) {
        self.shift[1] += micros(by);
        self.write();
    }

    fn write(&mut self) {
        self.moved = self.now();
        // Whole or not at all: the program reads it all the time.
        let new = self.file.with_extension("new");
        let [host, database, boot] = self.shift;
        fs::write(&new, format!("{host} {database} {boot}")).expect("the clock can be written");
        fs::rename(&new, &self.file).expect("the clock can be written");
    }
}

fn micros(span: SignedDuration) -> i64 {
    i64::try_from(span.as_micros()).expect("some years")
}

pub fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// A policy in Berlin that purges `log` by this cron expression.
pub fn policy(cron: &str, rules: &str) -> String {
    format!("[policy]\nname = \"house\"\ntimezone = \"Europe/Berlin\"\ncron = \"{cron}\"\n{rules}")
}

/// The rule of most stories.
pub fn logs() -> String {
    delete_rule("logs", "log", "guard = { max_share = 1.0 }")
}

/// Where a daemon is going to run.
pub struct Stage<'d> {
    pub db: &'d TestDb,
    pub tenure: Tenure,
    pub clock: Clock,
}

impl<'d> Stage<'d> {
    /// At `instant`, with the table `log` and a schedule that purges it.
    pub fn at(instant: &str, db: &'d TestDb, cron: &str) -> Self {
        Self::with(instant, db, &policy(cron, &logs()), "")
    }

    /// With a schedule and more config.
    pub fn with(instant: &str, db: &'d TestDb, schedule: &str, config: &str) -> Self {
        db.create("CREATE TABLE log (id {pk}, at {ts});");
        Self::on(instant, db, schedule, config)
    }

    /// On the tables that are there.
    pub fn on(instant: &str, db: &'d TestDb, schedule: &str, config: &str) -> Self {
        let tenure = Tenure::alone();
        let clock = Clock::in_dir(tenure.dir(), instant);
        let file = clock.file.display().to_string();
        let tenure = tenure.env("TENURE_TEST_CLOCK", &file).file("house.toml", schedule).config(&format!(
            "schedules = [\"house.toml\"]\nstate_dir = \"state\"\n{config}\n[database.main]\nurl = \"{}\"\n",
            db.url()
        ));
        Self { db, tenure, clock }
    }

    /// Another host, with a state directory of its own, whose clock goes with this one.
    pub fn twin(&self, schedule: &str) -> Tenure {
        let file = self.clock.file.display().to_string();
        Tenure::alone().env("TENURE_TEST_CLOCK", &file).file("house.toml", schedule).config(&format!(
            "schedules = [\"house.toml\"]\nstate_dir = \"state\"\n[database.main]\nurl = \"{}\"\n",
            self.db.url()
        ))
    }

    /// Starts a daemon, which has looked around once when this returns.
    pub fn start(&self) -> Daemon {
        let before = self.state().map(|state| state.pid);
        let running = self.tenure.spawn(&["daemon"]);
        self.wait_for("the daemon to begin", |state| Some(state.pid) != before);
        self.wait_until_looked();
        Daemon(running)
    }

    /// Time passes, and the daemon has done what that makes due.
    pub fn pass(&mut self, span: SignedDuration) {
        self.clock.pass(span);
        self.wait_until_looked();
    }

    /// As [`pass`](Self::pass), until then.
    pub fn go_to(&mut self, instant: &str) {
        self.clock.go_to(instant);
        self.wait_until_looked();
    }

    /// Until then in steps of so long.
    pub fn walk_to(&mut self, instant: &str, step: SignedDuration) {
        let end: Timestamp = instant.parse().expect("an instant");
        while self.clock.now() + step < end {
            self.pass(step);
        }
        self.go_to(instant);
    }

    /// Until the daemon has looked for work since now, and is done with what it found.
    pub fn wait_until_looked(&self) {
        let now = self.clock.moved();
        self.wait_for("the daemon to look for work", |state| {
            state.last_tick.is_some_and(|tick| tick >= now) && state.databases.values().all(|one| !one.visiting)
        });
    }

    /// Until the daemon says so of itself.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&State) -> bool) -> State {
        let mut seen = None;
        let came = comes_true(|| {
            seen = self.state();
            seen.as_ref().is_some_and(&is_so)
        });
        seen.filter(|_| came).unwrap_or_else(|| panic!("waited in vain for {what}: {:#?}", self.state()))
    }

    pub fn state(&self) -> Option<State> {
        state_of(&self.tenure)
    }

    /// The records of all runs, in their order; of one that goes on, what it planned.
    pub fn runs(&self) -> Vec<Value> {
        let table = control_table(self.db, "run");
        let rows = self.db.rows(&format!("SELECT COALESCE(record, plan) FROM {table} ORDER BY started, id"));
        let parsed = |row: &Vec<tenure::db::Value>| match &row[0] {
            tenure::db::Value::Text(text) => serde_json::from_str(text).expect("a record is JSON"),
            other => panic!("no text but {other:?}"),
        };
        rows.iter().map(parsed).collect()
    }

    /// When each run was begun, to the minute, in UTC.
    pub fn times(&self) -> Vec<String> {
        let minute = |run: &Value| run["as_of"].as_str().expect("an instant")[..16].to_owned();
        self.runs().iter().map(minute).collect()
    }

    /// Rows that are long due.
    pub fn add_old_rows(&self, count: usize) {
        for _ in 0..count {
            self.db.script("INSERT INTO log (at) VALUES ('2001-01-01 00:00:00')");
        }
    }
}

/// What the daemon of a host says of itself.
pub fn state_of(tenure: &Tenure) -> Option<State> {
    tenure::daemon::record::read(&tenure.dir().join("state")).ok()
}

/// A daemon that runs.
pub struct Daemon(pub Running);

impl Daemon {
    /// Ends it as systemd does; it must end well.
    #[track_caller]
    pub fn end(self) -> Output {
        self.0.signal("TERM");
        self.0.wait().expect_code(0)
    }

    /// As kill -9 does.
    pub fn kill(self) {
        self.0.kill_after(Duration::ZERO);
    }
}

/// A run of the daemon that waits for a lock at the beginning of a batch, of which some were done and some are to come.
pub struct Held {
    holder: Connection,
}

impl<'d> Stage<'d> {
    /// Time passes until then, and the run of this daemon that this makes due is held between two batches.
    pub fn go_to_and_hold(&mut self, daemon: &Daemon, instant: &str) -> Held {
        let before = self.batches();
        let mut holder = self.db.open();
        self.clock.go_to(instant);
        catch_when("a batch", || self.batches() > before);
        pause::hold_run(self.db, &mut holder, &daemon.0);
        Held { holder }
    }

    pub fn batches(&self) -> i64 {
        self.db.count(&control_table(self.db, "batch"))
    }
}

impl Held {
    pub fn go_on(mut self) {
        self.holder.script("COMMIT").expect("the holder is connected");
    }
}
