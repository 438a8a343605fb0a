//! tenure turns a written retention schedule into rows that are gone, and into proof that they are.
//!
//! ```text
//! schedule (TOML) -> plan -> execute (batches) -> ledger -> report -> deliver
//! ```
//!
//! Data flows one way. A *plan* is a plain value: which rows, with every cutoff, predicate, hold and reference in it. A dry
//! run makes the plan, counts with it and stops; a run makes the same plan and hands it to [`execute`].
//!
//! The house, from the roof down; imports run downwards only:
//!
//! | floor | room | what it does |
//! | --- | --- | --- |
//! | roof | [`daemon`] | looks for what is due and has it run; the only async room |
//! | roof | [`cli`] | one file a command |
//! | 4 | [`overview`] | how everything stands: rules, runs under way, mails, holds, pauses |
//! | 4 | [`run`] | one run: recover, plan, guard, execute, reconcile, close, report |
//! | 3 | [`execute`] | the batch loop |
//! | 3 | [`check`] | what can be known before a run |
//! | 3 | [`deliver`] | the outbox, and the mails of closed runs |
//! | 3 | [`report`] | run record -> text, HTML, JSON, CSV; pure |
//! | 2 | [`resolve`] | checked schedule + catalog facts + instant -> plan; pure |
//! | 2 | [`ledger`] | runs, batches, leases, the hash chain |
//! | 1 | [`schedule`] | TOML -> checked rules, every mistake at once |
//! | 1 | [`db`] | connections, catalogs, statements; the only room that knows a dialect |
//! | 1 | [`plan`] | the plan: a plain value that knows no database |
//! | 1 | [`config`] | databases, mail, paths, secrets |
//! | ground | [`name`], [`time`], [`signing`], [`secret`], [`pseudonym`], [`visible`] | checked identifiers; the clock, periods and cutoffs; keys; people as the ledger knows them; what a reader could not see |
//! | beside | [`sample`] | the sample learning platform |

#![forbid(unsafe_code)]

pub mod check;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod db;
pub mod deliver;
pub mod execute;
pub mod ledger;
pub mod name;
pub mod overview;
pub mod plan;
pub mod pseudonym;
pub mod report;
pub mod resolve;
pub mod run;
pub mod sample;
pub mod schedule;
pub mod secret;
pub mod setup;
pub mod signing;
pub mod time;
pub mod visible;
