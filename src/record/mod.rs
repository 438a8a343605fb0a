//! What is known of a run once it is over: the plain record that every report is made of, in the names of the JSON contract.
//!
//! Fields are added, never renamed. Times are UTC; counts are rows; durations are milliseconds. A record holds no value of
//! any row: names, counts, times and digests only.
//!
//! A field that came later is absent where it says nothing, so that an older record reads back, and is written again, as
//! the bytes that it was.

mod hold;
mod people;
mod rule;
mod run;
mod standing;

pub use hold::HoldRecord;
pub use people::{PeopleRecord, RequestsRecord};
pub use rule::{PauseRecord, RuleRecord, TrendPoint};
pub use run::{LedgerRecord, PeriodChange, PromiseRecord, RunKind, RunRecord, ScheduleRecord, SinceRecord, Status};
pub use standing::Standing;

/// What the erasure of people is called where rules are named: in commands, pauses, gates and due times.
pub const ERASURES: &str = "erase";
