//! Batches at the same time, each on a connection of its own.
//!
//! They begin together and end together, and everything else happens between them, on the calling thread: what is counted and
//! told, what goes again, whether to stop, the lease. So there is one owner of all of that, and between two rounds no batch of
//! ours holds the gate's row: an order that waits for it gets in, as it does between the batches of a single connection, and
//! renewing the lease waits for nobody. Batches that overtook each other would share the row without a gap, and a hold or a
//! pause would wait for the last of them.
//!
//! The batches are about different people. Two that want one row all the same (it is two people's, or refers to somebody
//! else's) do not overlook each other: the database refuses the slower one, which goes again alone, and so does everything after
//! it: where such rows are many, batches beside each other would only undo each other's work. And what one of them still
//! sees in its snapshot while the other one takes it only keeps rows, and whoever they belong to, and they go again later.

use std::panic::resume_unwind;
use std::thread;

use tracing::Span;

use super::Worker;
use crate::db::{Connection, DbError};

/// The connections beside the worker's own.
pub(super) struct Connections {
    open: Vec<Connection>,
    most: usize,
}

impl Connections {
    /// With the worker's own there are so many at the most.
    pub fn beside(workers: usize) -> Self {
        Self { open: Vec::new(), most: workers.saturating_sub(1) }
    }

    /// Opens those that are missing for so many batches, and says how many can be under way at a time. One that cannot be opened
    /// is done without, and not tried again: the work is the same, and only takes longer.
    pub fn open(&mut self, worker: &Worker<'_>, batches: usize) -> usize {
        while self.open.len() < self.most.min(batches.saturating_sub(1)) {
            match (worker.reopen)() {
                Ok(conn) => self.open.push(conn),
                Err(error) => self.do_with(self.open.len(), &error),
            }
        }
        1 + self.open.len()
    }

    /// Closes them all; who needs one opens it anew.
    pub fn close(&mut self) {
        self.open.clear();
    }

    /// One batch at a time from now on, because of what one met beside another.
    pub fn give_up(&mut self, error: &DbError) {
        self.do_with(0, error);
    }

    fn do_with(&mut self, others: usize, error: &DbError) {
        self.most = others;
        self.open.truncate(others);
        tracing::warn!(event = "fewer-workers", workers = others + 1, "going on with fewer workers: {error}");
    }

    /// Does each of the tasks on a connection of its own, the first one on `own` and on this thread. There are no more of them
    /// than [`open`](Self::open) said.
    pub fn each<T: Sync, R: Send>(
        &mut self,
        own: &mut Connection,
        tasks: &[T],
        act: impl Fn(&mut Connection, &T) -> R + Sync,
    ) -> Vec<R> {
        let Some((first, others)) = tasks.split_first() else { return Vec::new() };
        assert!(others.len() <= self.open.len(), "each task has a connection");
        let (act, span) = (&act, &Span::current());
        thread::scope(|scope| {
            let spawn = |(conn, task)| scope.spawn(move || span.in_scope(|| act(conn, task)));
            let others: Vec<_> = self.open.iter_mut().zip(others).map(spawn).collect();
            let first = act(own, first);
            let others = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            std::iter::once(first).chain(others).collect()
        })
    }
}
