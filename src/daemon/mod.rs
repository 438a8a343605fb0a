//! The daemon: looks for what is due, has it run, and tells how things stand. The only room that is async.
//!
//! Its loop waits, for a beat, a signal or the end of a visit, and decides; it asks no database and never blocks. What
//! blocks is a *visit* to a database, on a thread of its own, one a database at a time. What is due is worked out anew from
//! the ledger by every visit, so a daemon that died, slept or was restarted has forgotten nothing.
//!
//! ```text
//! agenda.rs     cron expressions in their zones: when each rule is to be looked at
//! visit.rs      one visit: clocks, what is due, claims, the run, mails
//! orders.rs     what a run under way is told between batches: window, budget, reload, clocks
//! clocks.rs     does the host's clock run as time does?
//! keeper.rs     which database is visited when; what came of it
//! heartbeat.rs  the beats
//! life.rs       the service manager
//! lock.rs       one daemon a state directory
//! record.rs     the state as a file, for other processes
//! state.rs      how things stand, as a plain value
//! metrics.rs    the same in numbers
//! serve.rs      metrics and health over HTTP
//! ```

mod agenda;
mod clocks;
mod heartbeat;
mod keeper;
mod life;
mod lock;
mod metrics;
mod orders;
pub mod record;
mod serve;
pub mod state;
mod visit;

use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::app::setup::{Setup, Sources, Unready};
use crate::base::time;
use crate::check;
use crate::diagnostic::mistake::Mistake;

use heartbeat::Heartbeat;
use keeper::{Ended, Errand, Keeper};
use lock::Lock;
use metrics::Metrics;
use serve::{Listener, Pages};

pub use state::{Board, State};

/// After a signal, visits that are at a batch end with it, and the others have so long; what then still goes on changes
/// nothing: it counts, waits or mails. A claim that is left behind is taken up by whoever comes next.
const FAREWELL: Duration = Duration::from_secs(10);

/// Bytes of stack of each thread that works: as much as a command has, and more. What `tenure check` could read, a run can.
const STACK: usize = 16 * 1_024 * 1_024;

/// How long idle threads have to end.
const LEAVE_TAKING: Duration = Duration::from_secs(1);

/// The daemon, ready to live.
pub struct Daemon {
    keeper: Keeper,
    sources: Sources,
    lock: Lock,
}

/// What wakes the loop.
enum Event {
    Beat,
    Ended(Ended),
    Reload,
    End,
    Watchdog,
}

impl Daemon {
    /// Reads config and schedules.
    ///
    /// # Errors
    /// All that is wrong with them; also what only `tenure check` says of them elsewhere, such as a cron expression that
    /// never comes true. And where another daemon has the state directory.
    pub fn new(sources: Sources) -> Result<Self, Unready> {
        let setup = load(&sources)?;
        let lock = Lock::take(&setup.config.state_dir).map_err(Unready::Usage)?;
        Ok(Self { keeper: Keeper::new(setup), sources, lock })
    }

    /// How things stand, from now on.
    pub fn board(&self) -> Board {
        self.keeper.board()
    }

    /// Lives until a signal ends it.
    ///
    /// # Errors
    /// Where it cannot even wait for signals.
    pub fn live(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_stack_size(STACK)
            .build()
            .context("the daemon cannot be started")?;
        let outcome = runtime.block_on(self.days());
        // Threads that still wait for a server must not keep the process; those that do not are to be gone before it ends, or the
        // client libraries of the databases are taken down under them.
        runtime.shutdown_timeout(LEAVE_TAKING);
        outcome
    }

    async fn days(mut self) -> anyhow::Result<()> {
        let mut signals = Signals::new()?;
        let mut heartbeat = Heartbeat::start().await?;
        let mut errands = Errands::default();
        let mut watchdog = Watchdog::new();
        self.serve().await;
        tracing::info!(event = "daemon-begins", pid = std::process::id(), "the daemon begins");
        self.keeper.tick().into_iter().for_each(|errand| errands.start(errand));
        life::ready(&self.keeper.line());
        loop {
            let event = tokio::select! {
                () = heartbeat.beat() => Event::Beat,
                Some(Ok(ended)) = errands.work.join_next() => Event::Ended(ended),
                Some(Ok(ended)) = errands.looks.join_next() => Event::Ended(ended),
                event = signals.next() => event,
                () = watchdog.due() => Event::Watchdog,
            };
            match event {
                Event::Beat => {}
                Event::Ended(ended) => self.keeper.take_in(ended),
                Event::Reload => self.reload(),
                Event::Watchdog => watchdog.feed(&self.keeper),
                Event::End => break,
            }
            self.keeper.tick().into_iter().for_each(|errand| errands.start(errand));
            life::status(&self.keeper.line());
        }
        self.end(&mut signals, errands).await;
        Ok(())
    }

    /// Serves metrics and health, where they are wanted. Where they cannot be served, rows are purged all the same: whoever
    /// scrapes finds out.
    async fn serve(&self) {
        let Some(place) = self.keeper.metrics_place() else { return };
        match Listener::bind(place).await {
            Ok(listener) => {
                let board = self.keeper.board();
                let metrics = Metrics::new(board.clone(), self.keeper.counts());
                drop(tokio::spawn(listener.answer(Pages { board, metrics })));
            }
            Err(error) => {
                tracing::error!(
                    event = "metrics-not-served",
                    "metrics cannot be served at {place}: {error}; name another place"
                );
            }
        }
    }

    /// Takes the new config and schedules over all at once, or none of them.
    fn reload(&mut self) {
        life::reloading();
        let loaded = load(&self.sources).and_then(|setup| {
            self.lock.follow(&setup.config.state_dir).map_err(Unready::Usage)?;
            Ok(setup)
        });
        match loaded {
            Ok(setup) => {
                tracing::info!(event = "reloaded", "config and schedules were read anew");
                self.keeper.take_over(setup);
            }
            Err(unready) => {
                let sentence = unready.sentence();
                tracing::error!(event = "reload-refused", "the old config and schedules stay in force: {sentence}");
                self.keeper.refuse_reload(sentence);
            }
        }
        life::ready(&self.keeper.line());
    }

    async fn end(&mut self, signals: &mut Signals, mut errands: Errands) {
        tracing::info!(event = "daemon-ends", "the daemon ends at the next batch");
        self.keeper.stop();
        life::stopping(&self.keeper.line());
        let until = Instant::now() + FAREWELL;
        while !(errands.work.is_empty() && errands.looks.is_empty()) {
            tokio::select! {
                Some(Ok(ended)) = errands.work.join_next() => self.keeper.take_in(ended),
                Some(_) = errands.looks.join_next() => {}
                () = sleep_until(until) => break,
                event = signals.next() => {
                    // Whoever asks twice is in a hurry: what is in flight is rolled back.
                    if matches!(event, Event::End) {
                        break;
                    }
                }
            }
        }
        tracing::info!(event = "daemon-ended", left_behind = errands.work.len(), "the daemon ended");
        errands.work.detach_all();
        errands.looks.detach_all();
    }
}

/// What goes on, each on a thread of its own.
#[derive(Default)]
struct Errands {
    work: JoinSet<Ended>,
    /// Looks for the metrics. Not left behind at the end either, if it can be helped: a database's client library that is
    /// taken down under a thread that uses it may crash.
    looks: JoinSet<Ended>,
}

impl Errands {
    /// A panic in an errand is a trouble of its database, and no reason to leave the others alone.
    fn start(&mut self, errand: Errand) {
        let set = if matches!(errand, Errand::Look { .. }) { &mut self.looks } else { &mut self.work };
        set.spawn_blocking(move || {
            let otherwise = errand.panicked();
            panic::catch_unwind(AssertUnwindSafe(|| errand.run())).unwrap_or(otherwise)
        });
    }
}

fn load(sources: &Sources) -> Result<Setup, Unready> {
    let setup = Setup::with_schedules(sources.clone())?;
    let schedules: Vec<_> = setup.schedules.iter().collect();
    let mistakes: Vec<Mistake> =
        check::offline(&schedules, time::now()).into_iter().filter(Mistake::is_error).collect();
    if mistakes.is_empty() { Ok(setup) } else { Err(Unready::Mistakes(mistakes)) }
}

/// The signals that mean something to it.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let of = |kind| signal(kind).context("signals cannot be waited for");
        Ok(Self {
            hangup: of(SignalKind::hangup())?,
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
        })
    }

    /// The next one.
    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.hangup.recv() => Event::Reload,
            _ = self.terminate.recv() => Event::End,
            _ = self.interrupt.recv() => Event::End,
        }
    }
}

/// Tells the service manager that it moves, as long as it does.
struct Watchdog {
    interval: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    fn new() -> Self {
        Self { interval: life::watchdog_interval(), last: Instant::now() }
    }

    /// When it is to be told again; never, where nobody wants to know.
    async fn due(&self) {
        match self.interval {
            Some(interval) => sleep_until(self.last + interval).await,
            None => std::future::pending().await,
        }
    }

    fn feed(&mut self, keeper: &Keeper) {
        self.last = Instant::now();
        if keeper.moves() {
            life::still_moves();
        }
    }
}
