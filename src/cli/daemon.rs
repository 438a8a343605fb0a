//! `tenure daemon`: runs what is due, for ever.

use super::{Common, Failure, Outcome, refuse_json};
use crate::app::setup::Sources;
use crate::daemon::Daemon;

pub(super) fn daemon(common: &Common) -> Outcome {
    refuse_json(common, "daemon")?;
    if common.as_of.is_some() {
        return Err(Failure::Usage("the daemon counts from the time of each run: take --as-of out".to_owned()));
    }
    Daemon::new(Sources::from(common))?.live()?;
    Ok(0)
}
