//! `tenure check`.

use super::setup::Setup;
use super::{Common, Outcome};

pub(super) fn check(common: &Common, _offline: bool) -> Outcome {
    Setup::with_schedules(common)?;
    Ok(0)
}
