//! What is to be run: one policy on one database.

use std::collections::BTreeMap;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use jiff::Timestamp;

use super::plan::Planned;
use super::{Refusal, SomePeople, Stint, rhythm};
use crate::base::time;
use crate::config::{Config, DatabaseConfig};
use crate::db::catalog::Catalog;
use crate::db::control::outbox::OutboxRow;
use crate::db::{Access, Connection, DbError};
use crate::deliver;
use crate::ledger::names::{Names, Policies};
use crate::plan::Erasure;
use crate::record::ERASURES;
use crate::record::{PromiseRecord, RunKind, RunRecord, ScheduleRecord, Status};
use crate::resolve::{self, StandingHold};
use crate::schedule::{Promise, Rule, Schedule, Subject};

/// What is to be run, and how.
pub struct Job<'a> {
    pub config: &'a Config,
    pub schedule: &'a Schedule,
    pub database: &'a DatabaseConfig,
    /// Of the rules and holds that name no database, is this the one they mean?
    pub is_default_database: bool,
    /// Of every schedule that speaks of this database: a hold wins over the rules of all of them.
    pub holds: Vec<StandingHold<'a>>,
    /// The maps of people of every schedule that speaks of this database.
    pub maps: Vec<&'a Subject>,
    /// Of every schedule that speaks of this database: the policies that there are.
    pub policies: Policies<'a>,
    /// Empty for all; the erasure of people is called `erase`.
    pub rules: &'a [String],
    /// Of whom an erasure is asked: then no rule is run, and nobody else is erased.
    pub people: Option<SomePeople>,
    /// Taken once; every cutoff of the run is counted from it.
    pub as_of: Timestamp,
    pub actor: String,
    /// Put the statements into the record.
    pub statements: bool,
    /// Look for the oldest row that is due, too.
    pub oldest_due: bool,
    /// How much one run may do, where there is a limit; the report of a run that was stopped tells by it how long the rest
    /// takes.
    pub stint: Option<Stint>,
}

impl<'a> Job<'a> {
    /// The same about some people only.
    pub fn about(&self, people: SomePeople) -> Job<'a> {
        Job {
            holds: self.holds.clone(),
            maps: self.maps.clone(),
            policies: self.policies.clone(),
            actor: self.actor.clone(),
            people: Some(people),
            ..*self
        }
    }
}

impl Job<'_> {
    /// The names by which the ledger may know the policy and its rules.
    pub(super) fn names(&self) -> Names<'_> {
        Names { schedule: self.schedule, policies: &self.policies }
    }

    pub(super) fn open(&self, access: Access) -> anyhow::Result<Connection> {
        self.connect(access).with_context(|| format!("database `{}`", self.database.name))
    }

    pub(super) fn connect(&self, access: Access) -> Result<Connection, DbError> {
        self.config.open(self.database, access)
    }

    /// The rows of the outbox by which a closed run's report goes out.
    pub(super) fn address(&self, record: &RunRecord) -> Vec<OutboxRow> {
        self.config.mail.as_ref().map(|mail| deliver::outbox::address(mail, record)).unwrap_or_default()
    }

    pub(super) fn context<'c>(&'c self, catalog: &'c Catalog) -> resolve::Context<'c> {
        resolve::Context {
            catalog,
            database: &self.database.name,
            as_of: self.as_of,
            naive_zone: &self.database.naive_timezone,
            guard: &self.config.guard,
            hmac_key: self.config.hmac_key.as_ref(),
            maps: &self.maps,
        }
    }

    pub(super) fn is_meant(&self, named: Option<&str>) -> bool {
        named.map_or(self.is_default_database, |named| named == self.database.name)
    }

    pub(super) fn is_chosen(&self, rule: &str) -> bool {
        if self.people.is_some() {
            return rule == ERASURES;
        }
        self.rules.is_empty() || self.rules.iter().any(|chosen| chosen == rule)
    }

    /// The day on which the policy takes effect, where that has not come.
    pub fn not_yet_in_force(&self) -> Option<jiff::civil::Date> {
        self.schedule.policy.takes_effect_after(self.as_of)
    }

    /// All who are due, or those of whom it was asked.
    pub(super) fn of_whom(&self, catalog: &Catalog, erasure: Erasure) -> Result<Erasure, Refusal> {
        let Some(some) = &self.people else { return Ok(erasure) };
        let keys: Result<Vec<_>, _> = some.keys.iter().map(|key| resolve::person_key(catalog, &erasure, key)).collect();
        match keys {
            Ok(keys) => Ok(erasure.of_some(keys, some.category.as_deref())),
            Err(mistake) => Err(Refusal::Schedule(vec![mistake])),
        }
    }

    pub(super) fn waits_for_its_date(&self) -> Option<String> {
        let date = self.not_yet_in_force()?;
        Some(format!("the schedule takes effect on {date}; until then it is only planned, and a run does nothing"))
    }

    pub(super) fn record(&self, kind: RunKind, started: Timestamp, planned: &Planned) -> RunRecord {
        let mut record = RunRecord {
            tenure: env!("CARGO_PKG_VERSION").to_owned(),
            run: new_id(),
            kind,
            status: Status::Ok,
            as_of: self.as_of,
            started,
            finished: None,
            actor: self.actor.clone(),
            schedule: ScheduleRecord {
                name: self.schedule.policy.name.clone(),
                digest: format!("sha256:{}", self.schedule.digest),
                timezone: self.schedule.policy.timezone.iana_name().map(str::to_owned),
                residual: self.schedule.policy.residual.clone(),
                periods: self.periods(),
                promises: self.published(),
                borne_by: self.borne_by(),
            },
            rules: planned.records(),
            holds: planned.holds.clone(),
            people: planned.people.as_ref().map(|people| people.record.clone()),
            requests: planned.requests.clone(),
            notes: self.mail_in_plain_text().into_iter().chain(self.database.note_of_plaintext()).collect(),
            ledger: None,
            ledger_id: None,
            since: None,
        };
        record.status = record.worst_status();
        let zone = &self.schedule.policy.timezone;
        let rhythms = rhythm::of(self.schedule, self.as_of);
        for rule in &mut record.rules {
            rule.rhythm_seconds = rhythms.get(rule.rule.as_str()).copied();
            rule.cutoff_local = rule.cutoff.map(|cutoff| cutoff.to_zoned(zone.clone()).to_string());
        }
        record
    }

    /// Why mails go in plain text, for every report to say.
    fn mail_in_plain_text(&self) -> Option<String> {
        let reason = self.config.mail.as_ref()?.plaintext_reason()?;
        Some(format!("mails go to the mail server in plain text (allow_plaintext): {reason}"))
    }

    fn published(&self) -> BTreeMap<String, PromiseRecord> {
        let record = |promise: &Promise| PromiseRecord {
            text: promise.text.clone(),
            url: promise.url.clone(),
            since: promise.since,
        };
        self.schedule.promises.iter().map(|promise| (promise.id.clone(), record(promise))).collect()
    }

    pub(super) fn periods(&self) -> BTreeMap<String, String> {
        self.rules_here().map(|rule| (rule.name.clone(), rule.age.to_string())).collect()
    }

    /// The rules of the schedule on this database, chosen or not.
    fn rules_here(&self) -> impl Iterator<Item = &Rule> {
        let default = self.schedule.policy.database.as_deref();
        self.schedule.rules.iter().filter(move |rule| self.is_meant(rule.database.as_deref().or(default)))
    }

    /// Which rules bear each promise; the map of people by the name of all its entries.
    fn borne_by(&self) -> BTreeMap<String, Vec<String>> {
        let default = self.schedule.policy.database.as_deref();
        let people = self.schedule.subject.iter().filter(|map| self.is_meant(map.database.as_deref().or(default)));
        let of_people =
            people.flat_map(|map| map.promises.iter().chain(map.data.iter().flat_map(|data| &data.promises)));
        let of_rules =
            self.rules_here().flat_map(|rule| rule.promises.iter().map(|promise| (promise, rule.name.as_str())));
        let mut borne: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (promise, by) in of_rules.chain(of_people.map(|promise| (promise, ERASURES))) {
            let all = borne.entry(promise.clone()).or_default();
            if !all.iter().any(|known| known == by) {
                all.push(by.to_owned());
            }
        }
        borne
    }
}

/// The time and three random bytes: sorts by time, and can be typed.
fn new_id() -> String {
    let mut random = [0u8; 3];
    // Without a source of randomness the nanoseconds have to tell two runs of one second apart.
    if getrandom::fill(&mut random).is_err() {
        random.copy_from_slice(&Timestamp::now().subsec_nanosecond().to_be_bytes()[1..]);
    }
    format!("{}-{}", time::now().strftime("%Y%m%dT%H%M%SZ"), HEXLOWER.encode(&random))
}
