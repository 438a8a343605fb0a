//! Where a person is asked about: a policy with a map, its database, and the names by which the ledger knows people.

use super::Place;
use crate::app::setup::{Pair, Setup};
use crate::base::pseudonym::{Pseudonym, Pseudonyms};
use crate::cli::Failure;
use crate::db::catalog::Catalog;
use crate::db::query::person::{self, Made, Requested, Standing};
use crate::db::{Access, Connection};
use crate::diagnostic::mistake::nearest;
use crate::ledger::erasure::{self, Erased};
use crate::ledger::request::Waiting;
use crate::plan::{Erasure, PersonKey};
use crate::resolve;
use crate::run::{self, Job, SomePeople, requests};

/// A policy with a map of people, on its database.
pub struct Counter<'s> {
    pub setup: &'s Setup,
    pub pair: Pair<'s>,
    pub pseudonyms: Pseudonyms,
}

/// Somebody as the database and the ledger know them.
pub struct Known {
    pub key: PersonKey,
    /// `None` where nobody has that key (any more).
    pub person: Option<Standing>,
    /// By which the ledger knows them: the name of today first.
    pub names: Vec<Pseudonym>,
}

impl Known {
    /// Is it somebody who is there to whom that was done? Whoever signed up after it is somebody else with the same key.
    pub fn is_who(&self, part: &Erased) -> bool {
        self.person.as_ref().is_some_and(|person| person.created.is_none_or(|created| !created.is_after(part.begun)))
    }
}

/// Requests of one person that the application has written into a table of its own, verified and not settled.
pub struct Written {
    /// As the schedule names it.
    pub table: String,
    pub person: Pseudonym,
    pub made: Made,
}

/// The tables as they are, and the map on them.
pub type Live = (Catalog, Erasure);

impl<'s> Counter<'s> {
    pub fn find(setup: &'s Setup, place: &Place) -> Result<Self, Failure> {
        let mut found: Vec<Pair<'s>> = setup.pairs().into_iter().filter(|pair| pair.has_people()).collect();
        let names: Vec<&str> = found.iter().map(|pair| pair.schedule.policy.name.as_str()).collect();
        if let Some(wanted) = &place.policy {
            if !names.contains(&wanted.as_str()) {
                let hint = nearest(wanted, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
                let hint = hint.unwrap_or_default();
                return Err(Failure::Usage(format!("there is no policy `{wanted}` with a [subject]{hint}")));
            }
            found.retain(|pair| pair.schedule.policy.name == *wanted);
        }
        match (found.len(), found.pop()) {
            (1, Some(pair)) => {
                let pseudonyms = setup.config.pseudonyms().ok_or_else(|| Failure::Usage(run::NO_KEY.to_owned()))?;
                Ok(Self { setup, pair, pseudonyms })
            }
            (0, _) | (_, None) => Err(Failure::Usage("no schedule has a [subject], so nobody is known".to_owned())),
            _ => {
                let known: Vec<_> = names.iter().map(|name| format!("--policy \"{name}\"")).collect();
                Err(Failure::Usage(format!("several policies have a [subject]: say {}", known.join(" or "))))
            }
        }
    }

    pub fn policy(&self) -> &'s str {
        &self.pair.schedule.policy.name
    }

    pub fn job(&self, people: Option<SomePeople>) -> Job<'_> {
        Job { people, ..self.setup.job(&self.pair, &[], false) }
    }

    /// For what is written into the ledger.
    pub fn open(&self) -> Result<Connection, Failure> {
        let mut conn = self.setup.config.open(self.pair.database, Access::ReadWrite)?;
        run::prepare_ledger(&mut conn)?;
        Ok(conn)
    }

    /// For what only looks.
    pub fn open_to_read(&self) -> Result<Connection, Failure> {
        Ok(self.setup.config.open(self.pair.database, Access::ReadOnly)?)
    }

    pub fn map(&self, conn: &mut Connection) -> Result<Live, Failure> {
        Ok(run::map(&self.job(None), conn)?)
    }

    /// Who has this key. Somebody who is gone is known by it all the same.
    pub fn know(&self, conn: &mut Connection, (catalog, map): &Live, text: &str) -> Result<Known, Failure> {
        must_name_somebody("KEY", text)?;
        let key = resolve::person_key(catalog, map, text).map_err(|mistake| Failure::Mistakes(vec![mistake]))?;
        let person = person::look_up(conn, map, &key)?;
        // As the database writes it: a UUID may have been typed in capitals.
        let key = person.as_ref().map_or(key, |person| person.key.clone());
        let names = self.pseudonyms.all_of(map.names(), &key.to_text());
        Ok(Known { key, person, names })
    }

    /// As [`know`](Self::know), for what only somebody who is there can be asked for.
    pub fn know_present(&self, conn: &mut Connection, live: &Live, text: &str) -> Result<(Known, Standing), Failure> {
        let known = self.know(conn, live, text)?;
        match known.person.clone() {
            Some(person) => Ok((known, person)),
            None => Err(Failure::Usage(format!("nobody in `{}` has that key", live.1.subject))),
        }
    }

    /// What is to be said of erasures in the ledger under keys that the config does not name: whose they are, nobody can tell.
    pub fn unknown_keys(&self, conn: &mut Connection) -> Result<Option<String>, Failure> {
        let keys = erasure::unknown_keys(conn, &self.pseudonyms)?;
        Ok((!keys.is_empty()).then(|| illegible("the ledger holds erasures", keys)))
    }

    /// Who asked in the application's own table.
    pub fn written(&self, conn: &mut Connection, (catalog, map): &Live) -> Result<Vec<Written>, Failure> {
        let shown = map.requests.iter().map(|requests| requests.shown.to_string()).next().unwrap_or_default();
        let written = |Requested { key, made, .. }: Requested| {
            // However a UUID is written there, it is the same person's.
            let key = resolve::person_key(catalog, map, &key).map_or(key, |key| key.to_text());
            Written { table: shown.clone(), person: self.pseudonyms.of(&map.called, &key), made }
        };
        Ok(person::requested(conn, map, self.setup.as_of)?.into_iter().map(written).collect())
    }

    /// The requests that wait at this policy.
    pub fn waiting(&self, conn: &mut Connection, live: &Live) -> Result<Vec<Waiting>, Failure> {
        Ok(requests::open(&self.job(None), conn, live)?)
    }
}

/// Of erasures under keys that the config does not name.
pub fn illegible(what: &str, keys: impl IntoIterator<Item = String>) -> String {
    format!(
        "{what} under keys that the config does not name, so nobody can tell whose they are: {}; name their files as \
         `former_hmac_key_files`",
        keys.into_iter().collect::<Vec<_>>().join(", ")
    )
}

/// An empty text is nobody's: it is what a script types whose own look-up found nobody.
pub fn must_name_somebody(what: &str, key: &str) -> Result<(), Failure> {
    match key.trim().is_empty() {
        true => Err(Failure::Usage(format!("{what} is empty; give the person's key as the table of people holds it"))),
        false => Ok(()),
    }
}
