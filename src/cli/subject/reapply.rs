//! `tenure subject reapply`: after a restore from a backup, whoever had been erased is back. The ledger in that database is as
//! old as the backup, so the register beside the reports, or one that was kept elsewhere, is asked as well: what it tells beyond
//! the ledger is what the restore has lost. Of an erasure that the ledger itself holds as done nothing can be back, unless tables
//! were restored without it: what is there of such a person came later, and is theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use jiff::Timestamp;

use super::counter::{Counter, Live, illegible};
use super::{Reapply, Restored};
use crate::app::overview;
use crate::app::setup::Setup;
use crate::base::time;
use crate::cli::{Common, Failure, Outcome, answer, run as runs, say_json, to_stderr};
use crate::db::Connection;
use crate::db::query::person;
use crate::db::write::people::Person;
use crate::ledger::actor;
use crate::ledger::erasure::{self, Cause, Erased};
use crate::ledger::terms::memory;
use crate::plan::{Erasure, PersonKey};
use crate::record::Status;
use crate::run::{self, Consent, SomePeople, register};

/// People of one run: each statement names them all.
const PEOPLE_A_RUN: usize = 500;

pub(super) fn reapply(common: &Common, wanted: &Reapply) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    if !wanted.dry_run {
        runs::refuse_future(&setup)?;
    }
    let counter = Counter::find(&setup, &wanted.place)?;
    let mut conn = counter.open_to_read()?;
    let live = counter.map(&mut conn)?;
    let map = &live.1;
    let register = Register::read(&counter, &mut conn, &live, &wanted.registers)?;
    let back = Back::find(&counter, &mut conn, map, &register, wanted.restored)?;
    drop(conn);
    let left_alone = [back.left_alone(map), back.let_be(map, wanted.restored)].into_iter().flatten();
    let notes: Vec<_> = register.gaps.iter().cloned().chain(left_alone).collect();
    notes.iter().for_each(|note| to_stderr(format_args!("warning: {note}\n")));
    let is_asked = !back.of_same_day.is_empty() || wanted.restored.is_none() && !back.since.is_empty();
    let at_least = |code| worst(code, &register, is_asked);
    if back.people.values().all(Vec::is_empty) {
        let known: BTreeSet<&String> = register.people.keys().map(|(digest, _)| digest).collect();
        let sentence = format!("nobody of {} who were erased is back", known.len());
        answer(common, &serde_json::json!({ "erased": known.len(), "back": 0 }), &sentence)?;
        return Ok(at_least(Status::Ok.exit_code()));
    }
    if !wanted.yes && !wanted.dry_run {
        to_stderr(format_args!("warning: {}\n", back.question(map)));
        if common.json {
            let asked: usize = back.people.values().map(Vec::len).sum();
            say_json(&serde_json::json!({ "back": asked, "question": back.question(map) }))?;
        }
        return Ok(at_least(Status::Guarded.exit_code()));
    }
    let consent = if wanted.yes { Consent::Yes(actor()) } else { Consent::Ask };
    let stop = runs::stop_on_signals()?;
    let (mut records, mut refused) = (Vec::new(), Vec::new());
    for (category, keys) in &back.people {
        for some in keys.chunks(PEOPLE_A_RUN).take_while(|_| !stop.is_set()) {
            let people = SomePeople {
                keys: some.iter().map(PersonKey::to_text).collect(),
                category: category.clone(),
                cause: Cause::Reapply,
                asked: time::now(),
            };
            let job = counter.job(Some(people));
            let outcome =
                if wanted.dry_run { run::dry_run(&job) } else { run::run(&job, &consent, &stop, &mut |_, _, _| {}) };
            match outcome {
                Ok(record) => records.push(record),
                Err(refusal) => refused.push(refusal.into()),
            }
        }
    }
    Ok(at_least(runs::finish(common, &setup, &records, refused, &Shown::whole(common))?))
}

/// Whoever may have missed somebody has failed, whatever else was done; whom nobody can decide of but the desk is asked about.
fn worst(code: u8, register: &Register, is_asked: bool) -> u8 {
    let failed = Status::Failed.exit_code();
    match code {
        code if code == failed || !register.gaps.is_empty() => failed,
        _ if is_asked => Status::Guarded.exit_code(),
        code => code,
    }
}

/// Who was erased, and how for the last time, by what was erased: everything, or one category.
struct Register {
    people: BTreeMap<(String, Option<String>), Last>,
    /// Why somebody may be missing in it, in sentences.
    gaps: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Last {
    finished: Timestamp,
    /// Something stayed, because of a hold for example.
    in_part: bool,
    /// The ledger that is there holds it, and what it did with it: the data that came with that ledger is as it left it.
    is_held_done: bool,
}

impl Last {
    /// `None` where more was to follow. What a hold kept of somebody who was back goes on with this command, and with no other.
    fn of(erased: &Erased, ledger: &BTreeSet<String>) -> Option<Self> {
        let in_part = !erased.is_whole();
        let goes_on = in_part && erased.cause == Cause::Reapply;
        let is_held_done = ledger.contains(&erased.reference) && !goes_on;
        Some(Self { finished: erased.finished?, in_part, is_held_done })
    }
}

impl Register {
    fn read(counter: &Counter<'_>, conn: &mut Connection, live: &Live, wanted: &[PathBuf]) -> Result<Self, Failure> {
        let own = register::file(&counter.setup.config.state_dir);
        let mut paths: Vec<&Path> = wanted.iter().map(PathBuf::as_path).collect();
        if wanted.is_empty() && own.exists() {
            paths.push(&own);
        }
        let (mut all, mut gaps) = (Vec::new(), Vec::new());
        for path in paths {
            let is_own = wanted.is_empty();
            let lines =
                if is_own { register::read_own(&counter.setup.config.state_dir)? } else { register::read(path)? };
            all.extend(lines.erased);
            gaps.extend(gap(path, &lines.unreadable));
        }
        gaps.extend(
            overview::register_lacks(counter.setup)?.iter().filter(|lack| lack.is_lost).map(ToString::to_string),
        );
        let mut ledger = BTreeSet::new();
        erasure::each(conn, &mut |erased| {
            ledger.insert(erased.reference.clone());
            all.push(erased);
        })?;
        if wanted.is_empty() && !own.exists() && !all.is_empty() {
            gaps.push(format!(
                "there is no register {}, so only those of whom the ledger knows were looked for, and after a restore it has lost \
                 the newest; name a copy of the register with --register",
                own.display()
            ));
        }
        let ended = Ended::of(counter, conn, live, &all)?;
        if !ended.of_others.is_empty() {
            let names = ended.of_others.into_iter().collect::<Vec<_>>().join("`, `");
            let sentence = format!(
                "some people were erased by a policy that no schedule has any more, so nobody knows by which map: `{names}`; give \
                 the policy its name back for this command"
            );
            return Err(anyhow!(sentence).into());
        }
        all.retain(|erased| erased.policy == counter.policy() || ended.of_these.contains(&erased.policy));
        let mut unknown: BTreeSet<String> = all.iter().map(|erased| erased.person.key_id.clone()).collect();
        unknown.retain(|key| !counter.pseudonyms.knows(key));
        if !unknown.is_empty() {
            return Err(anyhow!(illegible("some people were erased", unknown)).into());
        }
        let mut people = BTreeMap::new();
        for erased in all {
            let Some(last) = Last::of(&erased, &ledger) else { continue };
            let latest = people.entry((erased.person.digest, erased.category)).or_insert(last);
            *latest = last.max(*latest);
        }
        Ok(Self { people, gaps })
    }
}

/// The policies that no schedule has any more and by which people were erased.
struct Ended {
    /// They had a map of the people who are looked for: another one says now what is theirs.
    of_these: BTreeSet<String>,
    /// Whose people those were is not known, or that they were others.
    of_others: BTreeSet<String>,
}

impl Ended {
    fn of(
        counter: &Counter<'_>,
        conn: &mut Connection,
        (catalog, map): &Live,
        erased: &[Erased],
    ) -> Result<Self, Failure> {
        let schedules = || counter.setup.schedules.iter().chain(&counter.setup.set_aside);
        let is_there = |policy: &str| schedules().any(|schedule| schedule.policy.name == policy);
        let policies: BTreeSet<&String> = erased.iter().map(|erased| &erased.policy).collect();
        let ended = policies.into_iter().filter(|policy| !is_there(policy)).cloned();
        let (these, tables) = (catalog.as_written(&map.people.root).to_string(), memory::tables_of_people(conn)?);
        let is_of_these = |policy: &String| tables.get(policy).is_some_and(|tables| tables.iter().eq([&these]));
        let (of_these, of_others) = ended.partition(is_of_these);
        Ok(Self { of_these, of_others })
    }
}

/// What is to be said of lines that are none; half a line names nobody, and is not guessed at.
fn gap(path: &Path, unreadable: &[usize]) -> Option<String> {
    const NAMED: usize = 20;
    let numbers = unreadable.iter().take(NAMED).map(usize::to_string).collect::<Vec<_>>().join(", ");
    let more = if unreadable.len() > NAMED { ", …" } else { "" };
    (!unreadable.is_empty()).then(|| {
        format!(
            "{} lines of the register {} are cut off or none of a register, so whoever they name was not looked for: {numbers}{more}; \
             name another copy of it with --register, and take these lines out once nobody is missed",
            unreadable.len(),
            path.display()
        )
    })
}

/// Who was erased and is there again with something that is to go.
struct Back {
    people: BTreeMap<Option<String>, Vec<PersonKey>>,
    /// Of whom nobody can tell whether they are back or somebody new.
    doubtful: BTreeSet<PersonKey>,
    /// Who signed up on the day of their erasure: before it, and are back, or after it, and are new.
    of_same_day: BTreeSet<PersonKey>,
    /// Of whom something stayed when they were erased, because of a hold for example, which the backup may not know.
    in_part: BTreeSet<PersonKey>,
    /// Whose erasure the ledger holds as done, so that what is there came since: nothing of it is taken.
    since: BTreeSet<PersonKey>,
}

/// What the data tells of somebody who was erased and is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Back,
    Doubtful,
    SameDay,
    Since,
}

impl Sign {
    /// Of somebody who was erased then, and whether that is held as done. `None`: who signed up after that is somebody else, or
    /// the same person with a new account, which is theirs.
    fn of(person: &Person, erased: Timestamp, is_held_done: bool) -> Option<Self> {
        match person.created {
            Some(created) if created.is_after(erased) => None,
            _ if is_held_done => Some(Self::Since),
            None => Some(Self::Doubtful),
            Some(created) if created.is_before(erased) => Some(Self::Back),
            Some(_) => Some(Self::SameDay),
        }
    }
}

impl Back {
    fn find(
        counter: &Counter<'_>,
        conn: &mut Connection,
        map: &Erasure,
        register: &Register,
        restored: Option<Restored>,
    ) -> Result<Self, Failure> {
        let categories: BTreeSet<Option<String>> = register.people.keys().map(|(_, what)| what.clone()).collect();
        let mut found: BTreeMap<Option<String>, Vec<(PersonKey, Sign)>> = BTreeMap::new();
        let mut in_part = BTreeSet::new();
        person::each(conn, map, &mut |person| {
            let names = counter.pseudonyms.all_of(map.names(), &person.key.to_text());
            let last_of = |what: &Option<String>| {
                names.iter().filter_map(|name| register.people.get(&(name.digest.clone(), what.clone())).copied()).max()
            };
            let whole = last_of(&None);
            for what in &categories {
                let Some(last) = last_of(what) else { continue };
                // Who was erased as a whole after it was erased in this category as well.
                let is_held_done = |one: Last| one.is_held_done && one.finished >= last.finished;
                let is_done =
                    restored != Some(Restored::Tables) && [Some(last), whole].into_iter().flatten().any(is_held_done);
                if let Some(sign) = Sign::of(&person, last.finished, is_done) {
                    found.entry(what.clone()).or_default().push((person.key.clone(), sign));
                    if last.in_part && !is_done {
                        in_part.insert(person.key.clone());
                    }
                }
            }
            Ok(())
        })?;
        let (doubtful, of_same_day, since) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut back = Self { people: BTreeMap::new(), doubtful, of_same_day, in_part, since };
        for (what, people) in found {
            for some in people.chunks(PEOPLE_A_RUN) {
                let keys = some.iter().map(|(key, _)| key.clone()).collect();
                let due: BTreeSet<_> = run::due_among(conn, &map.of_some(keys, what.as_deref()))?.into_iter().collect();
                for (key, sign) in some.iter().filter(|(key, _)| due.contains(key)) {
                    match sign {
                        Sign::SameDay => {
                            back.of_same_day.insert(key.clone());
                            continue;
                        }
                        Sign::Since => {
                            back.since.insert(key.clone());
                            continue;
                        }
                        Sign::Doubtful => {
                            back.doubtful.insert(key.clone());
                        }
                        Sign::Back => {}
                    }
                    back.people.entry(what.clone()).or_default().push(key.clone());
                }
            }
        }
        Ok(back)
    }

    /// What is said of those whom nothing tells from somebody new: they are not erased.
    fn left_alone(&self, map: &Erasure) -> Option<String> {
        let (many, table) = (self.of_same_day.len(), &map.subject);
        (many > 0).then(|| {
            format!(
                "{many} people in `{table}` signed up on the day on which they were erased, and `created` tells no hour: they may be \
                 back or new, and are left alone; look at them, and erase whoever is back with `tenure subject erase KEY`"
            )
        })
    }

    /// What is said of those who have something again that the restore cannot have brought back, as far as anybody knows.
    fn let_be(&self, map: &Erasure, restored: Option<Restored>) -> Option<String> {
        let (many, table) = (self.since.len(), &map.subject);
        let unless = match restored {
            Some(_) => "",
            None => {
                ", unless tables were restored without this ledger; say what was restored, with `--restored database` or `--restored \
                 tables`"
            }
        };
        (many > 0).then(|| {
            format!(
                "{many} people in `{table}` have data again whose erasure this ledger holds as done: it came after that, and is left \
                 alone{unless}"
            )
        })
    }

    /// Nothing in the data tells a restore from somebody who came back: whoever restored it has to say so.
    fn question(&self, map: &Erasure) -> String {
        let back: BTreeSet<&PersonKey> = self.people.values().flatten().collect();
        let among = |some: &BTreeSet<PersonKey>| some.iter().filter(|key| back.contains(key)).count();
        let people = back.len();
        let doubt = match among(&self.doubtful) {
            0 => String::new(),
            doubtful => format!(
                " (of {doubtful} of them nothing tells whether somebody signed up anew under a key that was used before: name the \
                 column that says when as `created` in [subject])"
            ),
        };
        let holds = match among(&self.in_part) {
            0 => String::new(),
            in_part => format!(
                " (of {in_part} of them something stayed, because of a hold for example: `tenure hold list` says whether the \
                 backup knows it; if it does not, add it again first)"
            ),
        };
        format!(
            "{people} people in `{}` were erased, and have data again{doubt}{holds}; if the database was restored from a backup, erase \
             them again with --yes; --dry-run shows what would go",
            map.subject
        )
    }
}
