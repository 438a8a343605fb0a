//! What goes wrong: processes, connections, disks and neighbours. Whatever it is, what was promised is kept or reported.

pub mod acts;
mod altered;
mod clocks;
mod cut;
pub mod dice;
mod disk;
mod held;
mod killed;
pub mod ledger;
pub mod locks;
mod memory;
mod neighbours;
pub mod pause;
pub mod proxy;
mod signals;
