//! tenure from outside: its commands and its library against real databases. Run by `make test`.

#[macro_use]
mod harness;
mod real;

mod connections;
mod harness_works;
mod real_applications_load;
