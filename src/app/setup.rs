//! From files and options to a config, its schedules, and the runs that they make.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::base::time;
use crate::config::{Config, DatabaseConfig};
use crate::db::{Access, Connection};
use crate::diagnostic::mistake::{Mistake, nearest};
use crate::ledger::actor;
use crate::ledger::names::{HasMap, Policies};
use crate::record::ERASURES;
use crate::resolve::StandingHold;
use crate::run::{self, Job};
use crate::schedule::{self, Hold, Schedule, Subject};

/// Where config, schedules and database come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The config; where none is named, [`Config::load`] says where it is looked for.
    pub config: Option<PathBuf>,
    /// Instead of the config's schedules, where there is any.
    pub schedules: Vec<PathBuf>,
    /// The URL of a database, instead of those of the config.
    pub database: Option<String>,
    /// The instant from which cutoffs are counted; `None` is now.
    pub as_of: Option<Timestamp>,
}

/// Why nothing can be started.
#[derive(Debug)]
pub enum Unready {
    /// All mistakes of config and schedules.
    Mistakes(Vec<Mistake>),
    /// The same in one sentence.
    Usage(String),
}

impl Unready {
    /// All of it in sentences, a line each.
    pub fn sentence(&self) -> String {
        match self {
            Unready::Mistakes(mistakes) => run::alarm::sentences(mistakes),
            Unready::Usage(sentence) => sentence.clone(),
        }
    }
}

/// Everything a command needs, checked.
#[derive(Debug, Clone)]
pub struct Setup {
    pub config: Config,
    pub schedules: Vec<Schedule>,
    /// Those of the config that others were named instead of, as far as they can be read: their policies are there all the same.
    pub set_aside: Vec<Schedule>,
    /// Taken once.
    pub as_of: Timestamp,
}

/// One policy on one database.
pub struct Pair<'a> {
    pub schedule: &'a Schedule,
    pub database: &'a DatabaseConfig,
    /// Rules and holds that name no database mean this one.
    pub is_default: bool,
}

impl Setup {
    /// Reads config and schedules.
    ///
    /// # Errors
    /// All mistakes of all files at once.
    pub fn load(sources: impl Into<Sources>) -> Result<Self, Unready> {
        let sources = sources.into();
        let config = config(&sources)?;
        warn(&config.warnings);
        let files = if sources.schedules.is_empty() { &config.schedules } else { &sources.schedules };
        let schedules = load_all(files)?;
        let others = config.schedules.iter().filter(|file| !files.contains(file));
        let is_there = |other: &Schedule| schedules.iter().any(|one| one.policy.name == other.policy.name);
        let set_aside = others.filter_map(|file| schedule::load(file).ok()).filter(|other| !is_there(other)).collect();
        let setup = Self { config, schedules, set_aside, as_of: sources.as_of.unwrap_or_else(time::now) };
        setup.know_databases()?;
        setup.former_names_are_free()?;
        if sources.schedules.is_empty() {
            setup.know_policies()?;
        }
        Ok(setup)
    }

    /// The config alone, for commands that must work while a schedule is broken.
    pub fn without_schedules(sources: impl Into<Sources>) -> Result<Self, Unready> {
        let config = config(&sources.into())?;
        Ok(Self { config, schedules: Vec::new(), set_aside: Vec::new(), as_of: time::now() })
    }

    /// As [`load`](Self::load), for commands that need a schedule.
    pub fn with_schedules(sources: impl Into<Sources>) -> Result<Self, Unready> {
        let setup = Self::load(sources)?;
        if setup.schedules.is_empty() {
            let sentence =
                "there is no schedule: name one with --schedule FILE, or list them as `schedules` in tenure.toml";
            return Err(Unready::Usage(sentence.to_owned()));
        }
        if setup.config.databases.is_empty() {
            let sentence = "there is no database: name one with --database URL, or in tenure.toml as [database.main]";
            return Err(Unready::Usage(sentence.to_owned()));
        }
        Ok(setup)
    }

    /// The policies' databases: each schedule with every database that a rule or hold of it means.
    pub fn pairs(&self) -> Vec<Pair<'_>> {
        let mut pairs = Vec::new();
        for schedule in &self.schedules {
            let default = self.default_database(schedule);
            for database in self.config.databases.values() {
                let is_default = default == Some(database.name.as_str());
                if named(schedule).any(|name| name.map_or(is_default, |name| name == database.name)) {
                    pairs.push(Pair { schedule, database, is_default });
                }
            }
        }
        pairs
    }

    /// Each database of which a schedule speaks, with one of those that do.
    pub fn places(&self) -> Vec<Pair<'_>> {
        let mut places: Vec<Pair<'_>> = Vec::new();
        for pair in self.pairs() {
            if !places.iter().any(|known| known.database.name == pair.database.name) {
                places.push(pair);
            }
        }
        places
    }

    /// The holds of all schedules on one database.
    pub fn holds_on(&self, database: &DatabaseConfig) -> Vec<StandingHold<'_>> {
        let of_schedule = |schedule| {
            let default = self.default_database(schedule);
            let holds = schedule.holds.iter();
            let here = move |hold: &&Hold| hold.database.as_deref().or(default) == Some(database.name.as_str());
            holds.filter(here).map(move |hold| StandingHold { schedule, hold, by_hand: false })
        };
        self.schedules.iter().flat_map(of_schedule).collect()
    }

    /// The maps of people of all schedules on one database.
    pub fn maps_on(&self, database: &DatabaseConfig) -> Vec<&Subject> {
        let map = |schedule| {
            let default = self.default_database(schedule);
            let subject: Option<&Subject> = schedule.subject.as_ref();
            subject.filter(|subject| subject.database.as_deref().or(default) == Some(database.name.as_str()))
        };
        self.schedules.iter().filter_map(map).collect()
    }

    /// The policies that there are on one database. Of what was set aside nothing is looked up: it is there, wherever it acts.
    pub fn policies_on(&self, database: &DatabaseConfig) -> Policies<'_> {
        let mut policies = Policies::default();
        let map = |has_map: bool| if has_map { HasMap::Yes } else { HasMap::No };
        for pair in self.pairs().iter().filter(|pair| pair.database.name == database.name) {
            policies.add(&pair.schedule.policy.name, map(pair.has_people()));
        }
        for schedule in &self.set_aside {
            policies.add(&schedule.policy.name, map(schedule.subject.is_some()));
        }
        policies
    }

    /// What is meant where `database` nowhere says it.
    fn default_database<'a>(&'a self, schedule: &'a Schedule) -> Option<&'a str> {
        let policy = schedule.policy.database.as_deref();
        policy.or_else(|| self.config.default_database().map(|database| database.name.as_str()))
    }

    /// Every database that a schedule names must be in the config.
    fn know_databases(&self) -> Result<(), Unready> {
        if self.config.databases.is_empty() {
            return Ok(());
        }
        let known = || self.config.databases.keys().map(String::as_str);
        let mut mistakes = Vec::new();
        for schedule in &self.schedules {
            let rules = schedule.rules.iter().map(|rule| (&rule.database, &rule.places));
            let holds = schedule.holds.iter().map(|hold| (&hold.database, &hold.places));
            let policy = std::iter::once((&schedule.policy.database, &schedule.policy.places));
            let subject = schedule.subject.iter().map(|subject| (&subject.database, &subject.places));
            for (name, places) in policy.chain(rules).chain(holds).chain(subject) {
                let Some(name) = name.as_deref().filter(|name| !self.config.databases.contains_key(*name)) else {
                    continue;
                };
                let remedy = match nearest(name, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the config knows {}", known().collect::<Vec<_>>().join(", ")),
                };
                let mistake = Mistake::error(format!("there is no database `{name}` in the config"));
                mistakes.push(mistake.at(places, "database").remedy(remedy));
            }
            if named(schedule).any(|name| name.is_none()) && self.default_database(schedule).is_none() {
                let message = "the config has several databases, and the policy says of which it speaks nowhere";
                let remedy = "say `database = \"…\"` under [policy], or call one of them `main`";
                mistakes.push(Mistake::error(message).at(&schedule.policy.places, "").remedy(remedy));
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(Unready::Mistakes(mistakes)) }
    }

    /// A former name that another policy has now, or had as well, would be two things.
    fn former_names_are_free(&self) -> Result<(), Unready> {
        let mut mistakes = Vec::new();
        for (at, schedule) in self.schedules.iter().enumerate() {
            let (name, others) = (&schedule.policy.name, || self.schedules.iter().enumerate());
            for former_name in &schedule.policy.formerly {
                let is_present = others().any(|(_, other)| other.policy.name == *former_name);
                let is_claimed = others().any(|(place, other)| {
                    place < at && other.policy.name != *name && other.policy.formerly.contains(former_name)
                });
                let what = match (is_present, is_claimed) {
                    (true, _) => "there is a policy of that name in the schedules",
                    (false, true) => "another policy was called so, too",
                    (false, false) => continue,
                };
                let mistake =
                    Mistake::error(format!("policy `{name}`: `{former_name}` is no former name of it: {what}"));
                let remedy = "let one policy go on under that name's terms, and rules that moved say `formerly = [\"policy/rule\"]`";
                mistakes.push(mistake.at(&schedule.policy.places, "formerly").remedy(remedy));
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(Unready::Mistakes(mistakes)) }
    }

    /// Every policy that `[[mail.also]]` names must be among the schedules of the config, or its recipients would wait for
    /// ever.
    fn know_policies(&self) -> Result<(), Unready> {
        let known = || self.schedules.iter().map(|schedule| schedule.policy.name.as_str());
        let groups = self.config.mail.iter().flat_map(|mail| &mail.recipients);
        let mut mistakes = Vec::new();
        for (group, name) in groups.flat_map(|group| group.policies.iter().map(move |name| (group, name))) {
            if !known().any(|policy| policy == name) {
                let remedy = match nearest(name, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the schedules' policies are {}", known().collect::<Vec<_>>().join(", ")),
                };
                let mistake = Mistake::error(format!("mail.also: there is no policy `{name}` in the schedules"));
                mistakes.push(mistake.at(&group.places, "policy").remedy(remedy));
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(Unready::Mistakes(mistakes)) }
    }

    /// Rules named on the command line must be somewhere.
    pub fn know_rules(&self, wanted: &[String]) -> Result<(), Unready> {
        let known = || self.schedules.iter().flat_map(parts);
        for name in wanted {
            if !known().any(|rule| rule == name) {
                let hint = nearest(name, known()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Err(Unready::Usage(format!("there is no rule `{name}` in the schedules{hint}")));
            }
        }
        Ok(())
    }

    pub fn job<'a>(&'a self, pair: &Pair<'a>, rules: &'a [String], statements: bool) -> Job<'a> {
        Job {
            config: &self.config,
            schedule: pair.schedule,
            database: pair.database,
            is_default_database: pair.is_default,
            holds: self.holds_on(pair.database),
            maps: self.maps_on(pair.database),
            policies: self.policies_on(pair.database),
            rules,
            as_of: self.as_of,
            actor: actor(),
            statements,
            oldest_due: false,
            stint: None,
            people: None,
        }
    }

    /// Opens each database of the config in turn.
    ///
    /// # Errors
    /// The first one, of opening it or of the visit.
    pub fn each_database(
        &self,
        access: Access,
        mut visit: impl FnMut(&DatabaseConfig, &mut Connection) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for database in self.config.databases.values() {
            visit(database, &mut self.config.open(database, access)?)?;
        }
        Ok(())
    }
}

impl Pair<'_> {
    /// Is there a rule of this name, on this database? The erasure of people counts as one.
    pub fn has_rule(&self, name: &str) -> bool {
        let mut rules = self.schedule.rules.iter().filter(|rule| rule.name == name);
        rules.any(|rule| self.is_meant(&rule.database)) || name == ERASURES && self.has_people()
    }

    /// Does the policy have a map of people on this database?
    pub fn has_people(&self) -> bool {
        self.schedule.subject.as_ref().is_some_and(|subject| self.is_meant(&subject.database))
    }

    /// Asked with the database that a rule or map names, its policy's counted in.
    pub fn chosen(&self) -> impl Fn(Option<&str>) -> bool + Copy + '_ {
        |named| named.map_or(self.is_default, |named| named == self.database.name)
    }

    /// Is this database the one that a rule means which names that one, or none?
    pub fn is_meant(&self, named: &Option<String>) -> bool {
        let named = named.as_deref().or(self.schedule.policy.database.as_deref());
        named.map_or(self.is_default, |named| named == self.database.name)
    }
}

/// The rules of a schedule by name; the erasure of people counts as one.
fn parts(schedule: &Schedule) -> impl Iterator<Item = &str> {
    let erasures = schedule.subject.as_ref().map(|_| ERASURES);
    schedule.rules.iter().map(|rule| rule.name.as_str()).chain(erasures)
}

/// The databases that the rules, holds and map of a schedule name; `None` where they name none.
fn named(schedule: &Schedule) -> impl Iterator<Item = Option<&str>> {
    let rules = schedule.rules.iter().map(|rule| rule.database.as_deref());
    let holds = schedule.holds.iter().map(|hold| hold.database.as_deref());
    let subject = schedule.subject.iter().map(|subject| subject.database.as_deref());
    let policy = schedule.policy.database.as_deref();
    rules.chain(holds).chain(subject).map(move |name| name.or(policy))
}

fn config(sources: &Sources) -> Result<Config, Unready> {
    let from_file = Config::load(sources.config.as_deref()).map_err(Unready::Mistakes)?;
    let Some(url) = &sources.database else {
        return Ok(from_file.unwrap_or_else(|| Config { databases: Default::default(), ..Config::for_url("") }));
    };
    crate::config::database_url::check(url).map_err(|flaw| Unready::Usage(format!("--database: {flaw}")))?;
    Ok(match from_file {
        Some(config) => config.on(url),
        None => Config::for_url(url),
    })
}

fn load_all(files: &[PathBuf]) -> Result<Vec<Schedule>, Unready> {
    let mut schedules = Vec::new();
    let mut mistakes = Vec::new();
    for file in files {
        match schedule::load(file) {
            Ok(schedule) => schedules.push(schedule),
            Err(more) => mistakes.extend(more),
        }
    }
    if mistakes.is_empty() { Ok(schedules) } else { Err(Unready::Mistakes(mistakes)) }
}

fn warn(warnings: &[Mistake]) {
    for warning in warnings {
        tracing::warn!(event = "config-warning", "{}", warning.message);
    }
}
