//! `tenure diff`: what changed from one run to another.

use super::report::find_one;
use super::{Common, Outcome, say_as_it_is, say_json, screen};
use crate::app::setup::Setup;
use crate::report::screen::{Difference, difference};

pub(super) fn diff(common: &Common, from: &str, to: &str) -> Outcome {
    let setup = Setup::load(common)?;
    let found = Difference::between(&find_one(&setup, from)?, &find_one(&setup, to)?);
    if common.json {
        say_json(&found)?;
    } else {
        say_as_it_is(&difference(&found, &screen::look()))?;
    }
    Ok(0)
}
