//! The JSON of plan and run: the records themselves in the names of the contract, with the verdict beside them.

use serde::Serialize;
use serde_json::Value;

use super::verdict::{Verdict, verdict};
use super::wording::DRY_RUN;
use crate::base::visible::is_unseen;
use crate::record::RunRecord;

#[derive(Serialize)]
struct Document<'a> {
    /// Says in words that a dry run is one; absent in a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
    #[serde(flatten)]
    run: &'a RunRecord,
    verdict: Verdict,
}

#[derive(Serialize)]
struct Documents<'a> {
    runs: Vec<Document<'a>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    only: Option<Document<'a>>,
    runs: Vec<Document<'a>>,
}

/// One run as one document, several (or none) as `{"runs": […]}`. Ends with a line break.
///
/// Characters that would steer a terminal or turn a line around are written as `\uXXXX`, so that the document may be
/// printed; it parses to the very same record.
pub fn render(runs: &[RunRecord]) -> String {
    match runs {
        [run] => print(&document(run)),
        runs => print(&Documents { runs: runs.iter().map(document).collect() }),
    }
}

fn print(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document);
    let mut text = escape_unseen(&text.expect("records hold strings, counts and maps with string keys only"));
    text.push('\n');
    text
}

/// What a command says that plans or runs: always `{"runs": […]}`, and beside it the fields of the run where there is one alone, for
/// who reads one.
pub fn render_all(runs: &[RunRecord]) -> String {
    let only = match runs {
        [run] => Some(document(run)),
        _ => None,
    };
    print(&Answer { only, runs: runs.iter().map(document).collect() })
}

/// Reads back what [`render`] wrote, or a later version of tenure with fields that this one does not know.
///
/// # Errors
/// Where the text is no JSON, or not that of a run.
pub fn parse(text: &str) -> Result<Vec<RunRecord>, serde_json::Error> {
    match serde_json::from_str(text)? {
        Value::Object(mut document) if document.contains_key("runs") => serde_json::from_value(document["runs"].take()),
        document => Ok(vec![serde_json::from_value(document)?]),
    }
}

fn document(run: &RunRecord) -> Document<'_> {
    Document { notice: run.is_dry_run().then_some(DRY_RUN), run, verdict: verdict(run) }
}

/// Outside strings pretty JSON holds nothing unseen but line breaks, so whatever else is found stands inside a string.
pub fn escape_unseen(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unseen(c) {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn one_run_is_the_document_itself_and_reads_back() {
        let run = samples::everything_fine();
        let text = render(std::slice::from_ref(&run));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["kind"], "run");
        assert_eq!(parse(&text).unwrap(), [run]);
    }

    #[test]
    fn several_runs_and_none_stand_under_runs() {
        let runs = [samples::everything_fine(), samples::a_failure()];
        assert_eq!(parse(&render(&runs)).unwrap(), runs);
        assert_eq!(serde_json::from_str::<Value>(&render(&[])).unwrap(), serde_json::json!({ "runs": [] }));
    }

    #[test]
    fn what_is_no_run_is_refused() {
        assert!(parse("{}").is_err());
        assert!(parse("{\"runs\": 1}").is_err());
        assert!(parse("not json").is_err());
    }

    #[test]
    fn a_name_cannot_reach_the_terminal_through_the_document() {
        let run = samples::hostile();
        let text = render(std::slice::from_ref(&run));
        assert!(!text.chars().any(|c| c != '\n' && is_unseen(c)));
        assert_eq!(parse(&text).unwrap(), [run]);
    }

    #[test]
    fn the_document_of_a_dry_run() {
        insta::assert_snapshot!(render(&[samples::a_dry_run_with_sql()]));
    }

    #[test]
    fn the_document_of_a_run_that_erased_people() {
        insta::assert_snapshot!(render(&[samples::erased_people()]));
    }
}
