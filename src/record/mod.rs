//! What is known of a run once it is over. The values are plain and serialised: the ledger keeps them, every report is made of them.

pub mod run;
