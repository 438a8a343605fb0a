//! What goes wrong: processes, connections, disks and neighbours. Whatever it is, what was promised is kept or reported.

mod acts;
mod dice;
mod killed;
mod ledger;
