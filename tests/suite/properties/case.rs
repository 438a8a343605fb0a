//! A world and a schedule for it, shown as the SQL and the TOML that one would try out by hand.

use std::fmt;

use tenure::db::Dialect;

use super::schedule::Plan;
use super::world::World;

pub struct Case {
    pub world: World,
    pub plan: Plan,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}\n{}", self.world.script(Dialect::Sqlite), self.plan.toml(&self.world))
    }
}
