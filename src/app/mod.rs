//! What the program works on: config and schedules together, and how everything stands.

pub mod overview;
pub mod setup;
