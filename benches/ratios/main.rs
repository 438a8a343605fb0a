//! What a run costs, as a ratio to the bare statements that change the same rows.
//!
//! `tenure run` is measured as a whole process, from its start to its exit, with all that it does beside deleting:
//! connecting, reading the catalog, counting, guards, batches with their records, counting again, closing, reports. Beside
//! it stands the database's own client, which sends the bare statements. The two take turns, each on a fresh copy of the
//! same tables; what is printed are medians and their ratio. A time alone says as much of the machine as of the program.
//!
//! `cargo bench` wants the servers of `tests/with-servers`; `-- --quick` takes a twentieth of the rows and `-- NAME` the
//! cases whose line holds NAME.

mod cases;
mod clients;
mod measure;
mod people;
mod places;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use cases::CASES;
use measure::{Measured, median};
use places::{KINDS, Place};

/// What memory a run may take, whatever the size of the tables.
const MOST_MEMORY_KIB: u64 = 64 * 1024;

/// The first instant after the expired rows is 30 days before this one.
const AS_OF: &str = "2024-04-30T00:00:00Z";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [client, file, statements] = args.as_slice()
        && client == clients::SQLITE_CLIENT
    {
        clients::be_sqlite_client(file, statements);
        return ExitCode::SUCCESS;
    }
    let quick = args.iter().any(|arg| arg == "--quick");
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    small_things(dir.path());
    println!("{:<52} {:>9} {:>9} {:>6}  {:>7}", "", "bare", "tenure", "ratio", "memory");
    let mut fits = true;
    for kind in KINDS {
        for case in CASES.iter().filter(|case| case.is_for(kind)) {
            let label = format!("{kind}, {}", case.name);
            if wanted.iter().all(|word| label.contains(word.as_str())) {
                fits &= compare(&label, &Place::make(kind, case.sized(kind, quick), dir.path()), dir.path());
            }
        }
    }
    if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One case on one database, both ways in turn; false where the run took too much memory.
fn compare(label: &str, place: &Place, dir: &Path) -> bool {
    let case = &place.case;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..case.rounds {
        place.reset();
        bare.push(measure::run(&mut place.bare_client()).elapsed);
        place.reset();
        ours.push(run_tenure(place, dir));
    }
    let memory = ours.iter().map(|one| one.peak_kib).max().unwrap_or(0);
    let (bare, ours) = (median(bare), median(ours.into_iter().map(|one| one.elapsed).collect()));
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    let sizes = format!("{} of {} rows", thousands(case.due), thousands(case.rows));
    println!(
        "{:<52} {:>9} {:>9} {ratio:>6.2}  {:>3} MiB",
        format!("{label}: {sizes}"),
        ms(bare),
        ms(ours),
        memory / 1024
    );
    memory <= MOST_MEMORY_KIB
}

/// Runs the program on the place's rule, and holds its word against what is due.
fn run_tenure(place: &Place, dir: &Path) -> Measured {
    let schedule = dir.join("schedule.toml");
    std::fs::write(&schedule, place.case.schedule()).expect("the schedule can be written");
    let mut command = tenure(dir);
    command.args(["run", "--json", "--yes", "--as-of", AS_OF, "--schedule"]).arg(&schedule);
    if place.case.erases() {
        command.arg("--config").arg(people::config(dir, &place.url));
    } else {
        command.args(["--database", &place.url]);
    }
    let measured = measure::run(&mut command);
    let document: serde_json::Value = serde_json::from_slice(&measured.stdout).expect("--json prints JSON");
    assert_eq!(place.case.done(&document), place.case.due, "not what was due was done: {document}");
    measured
}

/// Start-up, and a plan that finds nothing to do.
fn small_things(dir: &Path) {
    let file = dir.join("empty.db");
    std::fs::File::create(&file).expect("a file can be made in a fresh directory");
    let url = format!("sqlite://{}", file.display());
    clients::be_sqlite_client(&url, "CREATE TABLE event (id INTEGER PRIMARY KEY, at timestamp NOT NULL)");
    let schedule = dir.join("empty.toml");
    std::fs::write(&schedule, CASES[0].schedule()).expect("the schedule can be written");
    let of_ten = |args: &[&str]| median((0..10).map(|_| measure::run(tenure(dir).args(args)).elapsed).collect());
    println!("start-up (`tenure --version`): {}", ms(of_ten(&["--version"])));
    let schedule = schedule.display().to_string();
    let plan = ["plan", "--as-of", AS_OF, "--database", &url, "--schedule", &schedule];
    println!("`tenure plan` of one rule on an empty table: {}", ms(of_ten(&plan)));
    println!();
}

fn tenure(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
    command.current_dir(dir).env_remove("TENURE_CONFIG").env("HOME", dir);
    command
}

fn ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
