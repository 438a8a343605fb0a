#![forbid(unsafe_code)]

pub mod check;
pub mod config;
pub mod db;
pub mod name;
pub mod plan;
pub mod report;
pub mod schedule;
pub mod time;
