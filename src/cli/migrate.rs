//! `tenure migrate`: makes or upgrades the control tables, for owners of databases in which the run's role may not.

use super::{Common, Failure, Outcome, say, say_json};
use crate::app::setup::Setup;
use crate::base::time;
use crate::db::{Access, control};
use crate::ledger;

pub(super) fn migrate(common: &Common) -> Outcome {
    let setup = Setup::load(common)?;
    if setup.config.databases.is_empty() {
        return Err(Failure::Usage("there is no database: name one with --database URL or in tenure.toml".to_owned()));
    }
    let mut all = Vec::new();
    setup.each_database(Access::ReadWrite, |database, conn| {
        all.push((database.name.clone(), control::migrate(conn)?));
        ledger::compact::compact(conn, &setup.config.ledger_retain, time::now())?;
        Ok(())
    })?;
    if common.json {
        let databases: serde_json::Map<_, _> = all.into_iter().map(|(name, applied)| (name, applied.into())).collect();
        say_json(&serde_json::json!({ "applied": databases }))?;
        return Ok(0);
    }
    for (name, applied) in all {
        match applied.as_slice() {
            [] => say(&format!("{name}: the control tables are up to date\n"))?,
            applied => say(&format!("{name}: applied {}\n", applied.join(", ")))?,
        }
    }
    Ok(0)
}
