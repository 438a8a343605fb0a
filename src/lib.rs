//! tenure turns a written retention schedule into rows that are gone, and into proof that they are.
//!
//! ```text
//! schedule (TOML) -> plan -> execute (batches) -> ledger -> report -> deliver
//! ```
//!
//! Data flows one way. A *plan* is a plain value: which rows, with every cutoff, predicate, hold and reference in it. A dry
//! run makes the plan, counts with it and stops; a run makes the same plan and hands it to [`execute`].
//!
//! The rooms, from the top down; imports run downwards only (a test reads the `use` lines):
//!
//! | room | what it does |
//! | --- | --- |
//! | [`cli`], [`daemon`], [`demo`] | one file a command; what is due is run; the sample learning platform |
//! | [`app`] | config and schedules together; how everything stands |
//! | [`run`] | one run: recover, plan, guard, execute, reconcile, close, report |
//! | [`deliver`] | the outbox, and the mails of closed runs |
//! | [`report`] | run record -> verdict, text, HTML, JSON, CSV; pure |
//! | [`execute`] | the batch loop |
//! | [`ledger`] | runs, batches, leases, the hash chain |
//! | [`check`] | what can be known before a run |
//! | [`resolve`] | checked schedule + catalog facts + instant -> plan; pure |
//! | [`settle`] | marked rows of people -> what goes, what stays and why; pure |
//! | [`db`] | connections, catalogs, statements; the only room that knows a dialect |
//! | [`plan`] | the plan: a plain value that knows no database |
//! | [`config`], [`schedule`] | TOML -> checked values, every mistake at once |
//! | [`record`] | what a run is once it is over |
//! | [`diagnostic`] | a mistake in a file, and its print |
//! | [`base`] | checked names, time, secrets, signatures, pseudonyms, visible text |

#![forbid(unsafe_code)]

pub mod app;
pub mod base;
pub mod check;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod db;
pub mod deliver;
pub mod demo;
pub mod diagnostic;
pub mod execute;
#[cfg(test)]
mod floors;
pub mod ledger;
pub mod plan;
pub mod record;
pub mod report;
pub mod resolve;
pub mod run;
pub mod schedule;
pub mod settle;
