//! The daemon: every run when it is due, once, by clocks that are right, through whatever happens.
//!
//! The stories move the clocks of the program themselves, so that weeks pass in seconds: the daemon looks for work whenever
//! its clock is moved, and writes down when it last did.

mod alone;
mod away;
mod clocks;
mod day;
mod life;
mod limits;
mod many;
mod reload;
mod stage;
mod times;
mod two;
