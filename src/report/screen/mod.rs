//! What a terminal shows of runs and of how things stand: a screen each, and not the whole report. Pure: the width of the
//! terminal and whether it has colours are told, and without a terminal the lines are the same in plain letters.

mod coming;
mod difference;
mod people;
mod promises;
mod rules;
mod run;
mod sheet;
mod standing;
mod warnings;

pub use coming::{Coming, coming};
pub use difference::{Difference, difference};
pub use run::{Typed, runs};
pub use sheet::Look;
pub use standing::{Stand, standing};
