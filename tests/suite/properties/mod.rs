//! What holds for every schema, every schedule and every row: random worlds, checked against an oracle that was written
//! from the promises and knows no SQL.
//!
//! A case is drawn from one number. A failure prints it after it was made as small as it gets; `TENURE_SEED=NUMBER` draws
//! that case again, and `TENURE_CASES=N` draws more of them.

mod arbitrary;
mod case;
mod few_people;
mod judge;
mod oracle;
mod people;
mod purge;
mod rollup;
mod schedule;
mod windows;
mod world;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

/// Every number drawn without `TENURE_SEED` lies this far apart from the next.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Draws cases until `cases` are done or the time is over, but one at least. What is slow is drawn less often; nothing is
/// said about how long it takes.
fn for_all<T: Debug>(cases: u32, time: Duration, strategy: impl Strategy<Value = T>, holds: impl Fn(&T)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    let (first, cases) = match number("TENURE_SEED") {
        Some(seed) => (seed, 1),
        None => (0x7e4e_u64, number("TENURE_CASES").unwrap_or(u64::from(cases))),
    };
    let started = Instant::now();
    for case in 0..cases {
        let seed = first.wrapping_add(STRIDE.wrapping_mul(case));
        let config = Config {
            cases: 1,
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            max_shrink_iters: 1_000,
            max_shrink_time: 20_000,
            ..Config::default()
        };
        let outcome = TestRunner::new(config).run(&strategy, |drawn| {
            let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| holds(&drawn)));
            held.map_err(|panic| TestCaseError::fail(words(&*panic)))
        });
        if let Err(failure) = outcome {
            panic!("case {case} (draw it again with TENURE_SEED={seed}): {failure}");
        }
        if started.elapsed() > time && number("TENURE_CASES").is_none() {
            return;
        }
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
