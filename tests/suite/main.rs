//! tenure from outside: its commands and its library against real databases. Run by `make test`.

#[macro_use]
mod harness;
mod real;

mod aggregate;
mod anchors;
mod attack;
mod cascade;
mod connections;
mod contract;
mod daemon;
mod delete;
mod deletion_set;
mod dry_run;
mod faults;
mod golden;
mod guards;
mod hard;
mod harness_works;
mod hold_orders;
mod holds;
mod ledger;
mod logging;
mod mail;
mod metrics;
mod outsider;
mod pauses;
mod people;
mod personal_data;
mod platform;
mod policy_changes;
mod promises;
mod properties;
mod readme;
mod real_applications_load;
mod real_applications_people;
mod real_applications_purge;
mod redact;
mod report;
mod roles;
mod signing;
mod status;
mod tampering;
mod unit;
mod verify;
