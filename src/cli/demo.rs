//! `tenure demo`: a sample learning platform, and the whole of the main job on it.

use std::path::Path;

use super::{Common, Failure, Outcome, Selection, run, say};
use crate::base::time::Clock;
use crate::demo;
use crate::demo::DemoError;

pub(super) fn demo(common: &Common, dir: &Path, rows: u64) -> Outcome {
    let as_of = common.as_of.unwrap_or_else(|| Clock::System.now());
    let paths = demo::prepare_demo(dir, rows, as_of).map_err(refused)?;
    super::to_stderr(format_args!("made {} rows in {}\n", paths.tally.rows(), paths.database.display()));
    let demo = Common {
        config: Some(paths.config.clone()),
        schedules: Vec::new(),
        database: None,
        as_of: Some(as_of),
        log_format: common.log_format,
        json: common.json,
        quiet: common.quiet,
        verbose: common.verbose,
    };
    let everything = Selection { rules: Vec::new(), sql: false, all: false };
    if !common.json {
        say(&format!("== tenure plan --config {} ==\n\n", paths.config.display()))?;
        let planned = run::plan(&demo, &everything)?;
        if planned != 0 {
            return Ok(planned);
        }
        say(&format!("\n== tenure run --config {} ==\n\n", paths.config.display()))?;
    }
    let code = run::run(&demo, &everything, false)?;
    if !common.json {
        let reports = paths.state_dir.join("reports");
        say(&format!("\nThe reports are in {}\n", reports.display()))?;
        say(&format!("Look around: tenure runs --config {}\n", paths.config.display()))?;
    }
    Ok(code)
}

fn refused(error: DemoError) -> Failure {
    Failure::Usage(error.to_string())
}
