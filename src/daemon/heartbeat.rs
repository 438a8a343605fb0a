//! The beats at which the daemon looks for work.
//!
//! A scheduler beats every ten seconds of UTC, and nothing else: it knows no time zone, no due time and no run. Its beats
//! hang on the host's clock, and stay away for as long as that went back; so whoever waits for one also looks at a clock
//! that only goes forward.

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler};

use crate::base::time;

/// Between two beats.
pub const INTERVAL: Duration = Duration::from_secs(10);

const EVERY_TEN_SECONDS: &str = "*/10 * * * * *";

/// Where beats come from; they end with it.
pub struct Heartbeat {
    beats: mpsc::Receiver<()>,
    /// Beats for as long as it lives.
    _scheduler: Option<JobScheduler>,
}

impl Heartbeat {
    /// # Errors
    /// Where the scheduler cannot be started.
    pub async fn start() -> anyhow::Result<Self> {
        // One that waits is enough: a beat that meets another one says nothing new.
        let (beat, beats) = mpsc::channel(1);
        if time::is_moved_by_a_test() {
            tokio::spawn(beat_when_the_clock_is_moved(beat));
            return Ok(Self { beats, _scheduler: None });
        }
        let scheduler = JobScheduler::new().await.context("the scheduler cannot be made")?;
        let beat = move |_, _: JobScheduler| {
            let _ = beat.try_send(());
        };
        let job = Job::new(EVERY_TEN_SECONDS, beat).context("the heartbeat cannot be made")?;
        scheduler.add(job).await.context("the heartbeat cannot be scheduled")?;
        scheduler.start().await.context("the scheduler cannot be started")?;
        Ok(Self { beats, _scheduler: Some(scheduler) })
    }

    /// The next beat, or twice its interval where it stays away.
    pub async fn beat(&mut self) {
        let _ = tokio::time::timeout(2 * INTERVAL, self.beats.recv()).await;
    }
}

async fn beat_when_the_clock_is_moved(beat: mpsc::Sender<()>) {
    const LOOK_EVERY: Duration = Duration::from_millis(10);
    let mut last = time::now() - jiff::SignedDuration::from_hours(1);
    loop {
        let now = time::now();
        if now.duration_since(last).abs() >= jiff::SignedDuration::from_secs(1) {
            let _ = beat.try_send(());
        }
        last = now;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
