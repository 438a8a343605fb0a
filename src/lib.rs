#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod db;
pub mod execute;
pub mod ledger;
pub mod name;
pub mod plan;
pub mod report;
pub mod sample;
pub mod run;
pub mod schedule;
pub mod time;
