//! Is the ledger what it was? Walks the chain from its first entry, holds every closed run and its batches against the
//! entry that closed it, and names the first thing that is not as it was written.
//!
//! What the chain cannot know by itself is its own end: whoever cuts off the last entries, and every run and batch that
//! they speak of, leaves a shorter chain that is whole. A head that somebody outside kept, a [`Witness`], tells that.
//!
//! ```text
//! mod.rs         the walk
//! finding.rs     what a walk is held against, and what it finds
//! diagnosis.rs   what happened to an entry that does not fit
//! closed.rs      a run and its batches against the entry that closed it
//! signed.rs      the signatures of entries
//! holds.rs       holds against the entries that added and ended them
//! pauses.rs      pauses against the entries that ordered and ended them
//! requests.rs    requests for erasure against the entries that received and settled them
//! ```

mod closed;
mod diagnosis;
mod finding;
mod holds;
mod pauses;
mod requests;
mod signed;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use signed::Signatures;

pub use finding::{Break, Expected, Findings, Kind, Witness};

use super::identity::{self, Bound};
use super::{chain, compact};
use crate::db::control::{self, EntryRow, place};
use crate::db::{Connection, DbError, Mode};

/// Why a walk ended before its end.
enum Halt {
    Broken(Box<Break>),
    Database(DbError),
}

impl From<DbError> for Halt {
    fn from(error: DbError) -> Self {
        Halt::Database(error)
    }
}

impl From<Break> for Halt {
    fn from(broken: Break) -> Self {
        Halt::Broken(Box::new(broken))
    }
}

/// Walks the whole ledger in one snapshot; `seen` is told of every entry that fits.
///
/// # Errors
/// Those of the database. A break is no error but a finding.
pub fn walk(
    conn: &mut Connection,
    expected: &Expected<'_>,
    seen: &mut dyn FnMut(&EntryRow),
) -> Result<Findings, DbError> {
    let mut walk = Walk::of(expected);
    let outcome = conn.transaction(Mode::ReadOnly, |conn| walk.whole(conn, seen));
    match outcome {
        Ok(()) => {}
        Err(Halt::Broken(broken)) => walk.findings.broken = Some(*broken),
        Err(Halt::Database(error)) => return Err(error),
    }
    Ok(walk.findings)
}

/// Is a run with its batches what `entry` closed it with?
pub(super) fn is_as_closed(conn: &mut Connection, run: &str, entry: &EntryRow) -> Result<bool, DbError> {
    match closed::agrees(conn, run, entry, false) {
        Ok(_) => Ok(true),
        Err(Halt::Broken(_)) => Ok(false),
        Err(Halt::Database(error)) => Err(error),
    }
}

/// What is to be said of a database in which there is no ledger.
pub fn nothing(expected: &Expected<'_>) -> Findings {
    let walk = Walk::of(expected);
    let broken = walk.witness_beyond_the_end().or(walk.signatures.check_end().err());
    Findings { broken, ..Findings::default() }
}

#[derive(Default)]
struct Walk<'w> {
    witnesses: &'w [Witness],
    /// Which of the witnesses stand in the chain.
    met: Vec<bool>,
    /// The hash of the last entry that fits; empty before the first.
    head: String,
    /// Runs that an entry has closed.
    closed: BTreeSet<String>,
    /// Runs whose batches were compacted, and before which instant they were closed.
    compacted: BTreeMap<String, i64>,
    holds: holds::Replay,
    pauses: pauses::Replay,
    requests: requests::Replay,
    /// What the newest entry says of the database that the ledger is of, and the number of that entry.
    bound: Option<(i64, Bound)>,
    signatures: Signatures,
    findings: Findings,
}

impl<'w> Walk<'w> {
    fn of(expected: &Expected<'w>) -> Self {
        let (met, signatures) = (vec![false; expected.witnesses.len()], Signatures::expecting(expected));
        Self { witnesses: expected.witnesses, met, signatures, ..Self::default() }
    }

    fn whole(&mut self, conn: &mut Connection, seen: &mut dyn FnMut(&EntryRow)) -> Result<(), Halt> {
        const PAGE: u64 = 200;
        let mut after = i64::MIN;
        self.signatures.read(conn)?;
        for entry in control::walk::entries_of_kind(conn, compact::COMPACTION)? {
            let told = compact::told_by(&entry).into_iter();
            self.compacted.extend(told.flat_map(|told| told.runs.into_iter().map(move |run| (run, told.before))));
        }
        loop {
            let page = control::walk::entries_after(conn, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for entry in page {
                self.entry(conn, &entry)?;
                seen(&entry);
            }
        }
        self.runs_without_an_entry(conn)?;
        self.signatures.check_end()?;
        self.batches_without_a_run(conn)?;
        self.erasures_without_a_run(conn)?;
        self.holds.agree(conn)?;
        self.pauses.agree(conn)?;
        self.requests.agree(conn)?;
        self.is_of_this_database(conn)?;
        self.witness_beyond_the_end().map_or(Ok(()), |broken| Err(broken.into()))
    }

    fn entry(&mut self, conn: &mut Connection, entry: &EntryRow) -> Result<(), Halt> {
        let place = self.last() + 1;
        if !fits(entry, place, &self.head) {
            return Err(diagnosis::of(conn, place, &self.head, entry)?.into());
        }
        self.signatures.check(entry, &mut self.findings)?;
        self.meet_witnesses(entry)?;
        if entry.kind == super::RUN {
            self.closing(conn, entry)?;
        }
        self.holds.take(entry)?;
        self.pauses.take(entry)?;
        self.requests.take(entry)?;
        self.take_binding(entry)?;
        let at = Timestamp::from_microsecond(entry.at).ok();
        self.findings.entries += 1;
        self.findings.first = self.findings.first.or(at);
        self.findings.last = at;
        self.findings.head = Some(format!("sha256:{}", entry.hash));
        self.head.clone_from(&entry.hash);
        Ok(())
    }

    fn closing(&mut self, conn: &mut Connection, entry: &EntryRow) -> Result<(), Halt> {
        let id = entry.run.as_deref().unwrap_or_default();
        if !self.closed.insert(id.to_owned()) {
            let sentence = format!("entry {} closes run `{id}` a second time", entry.number);
            return Err(Break::new(Kind::Inserted, sentence).at_entry(entry.number).of_run(id).into());
        }
        let is_compacted = self.compacted.get(id).is_some_and(|before| entry.at < *before);
        self.findings.batches += closed::agrees(conn, id, entry, is_compacted)?;
        self.findings.runs += 1;
        Ok(())
    }

    /// A chain has one name for ever; where it is may change, and somebody says why.
    fn take_binding(&mut self, entry: &EntryRow) -> Result<(), Break> {
        if entry.kind != identity::BOUND {
            return Ok(());
        }
        let number = entry.number;
        let broken = |what: &str| Break::new(Kind::Changed, format!("entry {number} {what}")).at_entry(number);
        let bound = Bound::of(entry).ok_or_else(|| broken("does not say of which database the ledger is"))?;
        if self.bound.as_ref().is_some_and(|(_, known)| known.ledger != bound.ledger) {
            return Err(broken("gives the ledger another name"));
        }
        if let Some(reason) = &bound.reason {
            let lost = bound.lost.as_ref().map(|lost| format!("; entry {} as it was signed is lost", lost.entry));
            self.findings.doubts.push(format!(
                "entry {number} says that the ledger moved to {} or was restored: {reason} ({}){}",
                bound.place(),
                bound.by,
                lost.unwrap_or_default()
            ));
        }
        self.findings.ledger = Some(bound.ledger.clone());
        self.bound = Some((number, bound));
        Ok(())
    }

    fn is_of_this_database(&mut self, conn: &mut Connection) -> Result<(), Halt> {
        let Some((number, bound)) = &self.bound else {
            if self.findings.entries > 0 {
                let doubt = "no entry says of which database the ledger is, which the next run does";
                self.findings.doubts.push(doubt.to_owned());
            }
            return Ok(());
        };
        let here = place::of(conn)?;
        if bound.place().may_be(&here) {
            return Ok(());
        }
        let sentence = format!(
            "entry {number} says that the ledger is that of the database {}, and this is {here}",
            bound.place()
        );
        Err(Break::new(Kind::Foreign, sentence).at_entry(*number).into())
    }

    /// Number of the last entry that fits.
    fn last(&self) -> i64 {
        i64::try_from(self.findings.entries).unwrap_or(i64::MAX)
    }

    fn meet_witnesses(&mut self, entry: &EntryRow) -> Result<(), Break> {
        for (witness, met) in self.witnesses.iter().zip(&mut self.met) {
            if witness.hash == entry.hash {
                *met = true;
            } else if witness.entry == Some(entry.number) {
                let sentence = format!(
                    "entry {} bears another hash than the head that was kept of it, so it, or one before it, was written anew",
                    entry.number
                );
                return Err(Break::new(Kind::Changed, sentence).at_entry(entry.number));
            }
        }
        Ok(())
    }

    /// A run is closed together with its entry: a closed run without one is left over from an end that was cut off, or it was
    /// put in.
    fn runs_without_an_entry(&mut self, conn: &mut Connection) -> Result<(), Halt> {
        for (id, is_closed) in control::walk::closings(conn)? {
            if !is_closed {
                self.findings.open.push(id);
            } else if !self.closed.contains(&id) {
                return Err(closed::without_an_entry(conn, &id, self.last())?.into());
            }
        }
        Ok(())
    }

    fn batches_without_a_run(&mut self, conn: &mut Connection) -> Result<(), Halt> {
        for id in control::walk::runs_with_batches(conn)? {
            if !self.closed.contains(&id) && !self.findings.open.contains(&id) {
                let sentence = format!("there are batches of run `{id}`, which is not in the ledger");
                return Err(Break::new(Kind::Inserted, sentence).of_run(&id).into());
            }
        }
        Ok(())
    }

    fn erasures_without_a_run(&mut self, conn: &mut Connection) -> Result<(), Halt> {
        if !control::erasure::is_there(conn)? {
            return Ok(());
        }
        for id in control::erasure::runs(conn)? {
            if !self.closed.contains(&id) && !self.findings.open.contains(&id) {
                let sentence = format!("there are erasures of run `{id}`, which is not in the ledger");
                return Err(Break::new(Kind::Inserted, sentence).of_run(&id).into());
            }
        }
        Ok(())
    }

    fn witness_beyond_the_end(&self) -> Option<Break> {
        let (witness, _) = self.witnesses.iter().zip(&self.met).find(|(_, met)| !**met)?;
        let last = self.last();
        let sentence = match witness.entry {
            Some(number) => {
                format!("the head that was kept is that of entry {number}, but the chain ends with entry {last}")
            }
            None => format!(
                "no entry bears the head that was kept: the chain, which ends with entry {last}, was cut off before it or \
                 written anew"
            ),
        };
        Some(Break::new(Kind::Truncated, sentence).at_entry(witness.entry.unwrap_or(last + 1)))
    }
}

/// Is this the entry of this place, after the one with the hash `head`?
fn fits(entry: &EntryRow, place: i64, head: &str) -> bool {
    let lines = [entry.kind.as_str(), entry.run.as_deref().unwrap_or("none")];
    let is_plain = lines.iter().all(|line| !line.is_empty() && !line.contains('\n'));
    is_plain && chain::follows(entry, place - 1, head) && chain::hash(entry) == entry.hash
}
