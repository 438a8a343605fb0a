//! `tenure clock accept`: somebody vouches for the clocks after one of them was wrong.

use serde_json::json;

use super::{Common, Failure, Outcome, say, say_json};
use crate::app::setup::Setup;
use crate::base::time;
use crate::db::Access;
use crate::ledger::{actor, clock};
use crate::run;

/// Notes it in the ledger of every database, unless a clock is wrong still.
pub(super) fn accept(common: &Common, reason: &str) -> Outcome {
    if reason.trim().is_empty() {
        return Err(Failure::Usage("say why with --reason: the ledger keeps it".to_owned()));
    }
    let setup = Setup::load(common)?;
    let mut accepted = Vec::new();
    setup.each_database(Access::ReadWrite, |database, conn| {
        run::prepare_ledger(conn)?;
        run::clocks::read(conn)?.compare_host_and_database()?;
        clock::accept(conn, reason, &actor(), time::now())?;
        accepted.push(database.name.clone());
        Ok(())
    })?;
    if common.json {
        say_json(&json!({ "accepted": accepted }))?;
    } else {
        for name in &accepted {
            say(&format!("{name}: the clocks are taken for right from now on, and the ledger says who said so\n"))?;
        }
    }
    Ok(0)
}
