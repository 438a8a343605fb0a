#![forbid(unsafe_code)]

pub mod config;
pub mod db;
pub mod execute;
pub mod ledger;
pub mod name;
pub mod plan;
pub mod report;
pub mod sample;
pub mod schedule;
pub mod time;
