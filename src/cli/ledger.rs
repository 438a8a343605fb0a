//! `tenure ledger moved`: somebody vouches for a ledger whose database was moved or restored.

use serde_json::json;

use super::{Common, Failure, Outcome, say};
use crate::app::setup::Setup;
use crate::base::time;
use crate::db::Access;
use crate::ledger::actor;
use crate::ledger::identity::{self, Moved};
use crate::run;

/// Binds the ledger of one database to the place where it is.
pub(super) fn moved(common: &Common, database: Option<&str>, reason: &str) -> Outcome {
    if reason.trim().is_empty() {
        return Err(Failure::Usage("say why with --reason: the ledger keeps it".to_owned()));
    }
    let setup = Setup::load(common)?;
    let known = &setup.config.databases;
    let meant = match database {
        Some(name) => known.get(name),
        None => known.values().next().filter(|_| known.len() == 1),
    };
    let meant = meant.ok_or_else(|| {
        let names = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        Failure::Usage(format!("say whose ledger it is: the config knows the databases {names}"))
    })?;
    let mut conn = setup.config.open(meant, Access::ReadWrite)?;
    run::prepare_ledger(&mut conn)?;
    let moved = identity::moved(&mut conn, reason, &actor(), time::now())?;
    let (name, is_new) = (&meant.name, moved == Moved::Here);
    if common.json {
        say(&format!("{:#}\n", json!({ "database": name, "moved": is_new })))?;
    } else if is_new {
        say(&format!("{name}: the ledger belongs here from now on, and says who said so\n"))?;
    } else {
        say(&format!("{name}: the ledger is where it was, and as it was: there is nothing to say\n"))?;
    }
    Ok(0)
}
