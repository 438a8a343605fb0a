//! `tenure subject reapply`: after a restore from a backup, whoever had been erased is back. The ledger in that database is as
//! old as the backup, so the register beside the reports, or one that was kept elsewhere, is asked as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;

use super::Reapply;
use super::counter::Counter;
use crate::cli::{Common, Failure, Outcome, run as runs, say, to_stderr};
use crate::db::{Connection, person};
use crate::ledger::actor;
use crate::ledger::erasure::{self, Cause, Erased};
use crate::plan::{Erasure, PersonKey};
use crate::run::{self, Consent, SomePeople, files};
use crate::setup::Setup;
use crate::time;

/// People of one run: each statement names them all.
const PEOPLE_A_RUN: usize = 500;

pub(super) fn reapply(common: &Common, wanted: &Reapply) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    let counter = Counter::find(&setup, &wanted.place)?;
    let mut conn = counter.open_to_read()?;
    let (_, map) = counter.map(&mut conn)?;
    let register = Register::read(&counter, &mut conn, &wanted.registers)?;
    let back = Back::find(&counter, &mut conn, &map, &register)?;
    drop(conn);
    if back.people.values().all(Vec::is_empty) {
        let known: BTreeSet<&String> = register.people.keys().map(|(digest, _)| digest).collect();
        say(&format!("nobody of {} who were erased is back\n", known.len()))?;
        return Ok(0);
    }
    if !wanted.yes && !wanted.dry_run {
        to_stderr(format_args!("tenure: {}\n", back.question(&map)));
        return Ok(3);
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
    runs::finish(common, &setup, &records, refused)
}

/// Who was erased, and how for the last time, by what was erased: everything, or one category.
struct Register {
    people: BTreeMap<(String, Option<String>), Last>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Last {
    finished: Timestamp,
    /// Something stayed, because of a hold for example.
    in_part: bool,
}

impl Register {
    fn read(counter: &Counter<'_>, conn: &mut Connection, wanted: &[PathBuf]) -> Result<Self, Failure> {
        let own = files::register_file(&counter.setup.config.state_dir);
        let mut paths: Vec<&Path> = wanted.iter().map(PathBuf::as_path).collect();
        if wanted.is_empty() && own.exists() {
            paths.push(&own);
        }
        let mut all = Vec::new();
        for path in paths {
            all.extend(lines(path)?);
        }
        erasure::each(conn, &mut |erased| all.push(erased))?;
        let is_known =
            |erased: &&Erased| counter.setup.schedules.iter().any(|schedule| schedule.policy.name == erased.policy);
        let strange: BTreeSet<&str> =
            all.iter().filter(|erased| !is_known(erased)).map(|erased| erased.policy.as_str()).collect();
        if !strange.is_empty() {
            let names = strange.into_iter().collect::<Vec<_>>().join("`, `");
            let sentence = format!(
                "some people were erased by a policy that no schedule has any more, so nobody knows by which map: `{names}`; give \
                 the policy its name back for this command"
            );
            return Err(anyhow!(sentence).into());
        }
        all.retain(|erased| erased.policy == counter.policy());
        let unknown: BTreeSet<&str> = all.iter().map(|erased| erased.person.key_id.as_str()).collect();
        let unknown: Vec<_> = unknown.into_iter().filter(|key| !counter.pseudonyms.knows(key)).collect();
        if !unknown.is_empty() {
            return Err(anyhow!(
                "some people were erased under keys that the config does not name, so nobody can tell who they are: {}; name \
                 their files as `former_hmac_key_files`",
                unknown.join(", ")
            )
            .into());
        }
        let mut people = BTreeMap::new();
        for erased in all {
            let Some(finished) = erased.finished else { continue };
            let last = Last { finished, in_part: !erased.is_whole() };
            let latest = people.entry((erased.person.digest, erased.category)).or_insert(last);
            *latest = last.max(*latest);
        }
        Ok(Self { people })
    }
}

fn lines(path: &Path) -> Result<Vec<Erased>, Failure> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the register {}", path.display()))?;
    let erased = text.lines().enumerate().map(|(at, line)| {
        serde_json::from_str(line)
            .with_context(|| format!("line {} of {} is none of a register of erasures", at + 1, path.display()))
    });
    Ok(erased.collect::<Result<_, _>>()?)
}

/// Who was erased and is there again with something that is to go.
struct Back {
    people: BTreeMap<Option<String>, Vec<PersonKey>>,
    /// Of whom nobody can tell whether they are back or somebody new.
    doubtful: BTreeSet<PersonKey>,
    /// Of whom something stayed when they were erased, because of a hold for example, which the backup may not know.
    in_part: BTreeSet<PersonKey>,
}

impl Back {
    fn find(counter: &Counter<'_>, conn: &mut Connection, map: &Erasure, register: &Register) -> Result<Self, Failure> {
        let categories: BTreeSet<Option<String>> = register.people.keys().map(|(_, what)| what.clone()).collect();
        let mut found: BTreeMap<Option<String>, Vec<PersonKey>> = BTreeMap::new();
        let (mut doubtful, mut in_part) = (BTreeSet::new(), BTreeSet::new());
        person::each(conn, map, &mut |person| {
            let names = counter.pseudonyms.all_of(map.names(), &person.key.to_text());
            for what in &categories {
                let known = |name: &crate::pseudonym::Pseudonym| {
                    register.people.get(&(name.digest.clone(), what.clone())).copied()
                };
                let Some(last) = names.iter().filter_map(known).max() else { continue };
                // Who signed up after that is somebody else, or the same person with a new account: it is theirs.
                if person.created.is_none_or(|created| created < last.finished) {
                    found.entry(what.clone()).or_default().push(person.key.clone());
                    if person.created.is_none() {
                        doubtful.insert(person.key.clone());
                    }
                    if last.in_part {
                        in_part.insert(person.key.clone());
                    }
                }
            }
            Ok(())
        })?;
        let mut back = Self { people: BTreeMap::new(), doubtful, in_part };
        for (what, people) in found {
            for some in people.chunks(PEOPLE_A_RUN) {
                let due = run::due_among(conn, &map.of_some(some.to_vec(), what.as_deref()))?;
                back.people.entry(what.clone()).or_default().extend(due);
            }
        }
        Ok(back)
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
