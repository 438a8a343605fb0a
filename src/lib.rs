#![forbid(unsafe_code)]

pub mod config;
pub mod db;
pub mod name;
pub mod report;
pub mod sample;
pub mod schedule;
pub mod time;
