//! What the API's document tells of each platform's options is what its reader takes.

use crate::ALL;
use domain::capability::Profile;
use domain::rejection::{Rejection, Rule};
use domain::request::Draft;
use serde_json::{Map, Value, json};

fn refused(platform: &dyn crate::Platform, name: &str, value: Value) -> Vec<Rejection> {
    let options = Map::from_iter([(name.to_owned(), value)]);
    let mut draft = Draft { text: "Words".to_owned(), ..Draft::default() };
    draft.options.insert(platform.name().to_owned(), options);
    let mut problems = Vec::new();
    platform.content(Profile::Extended, &draft, &mut problems);
    problems
}

// case: API-options
#[test]
fn the_document_names_the_options_that_a_platform_reads_and_no_others() {
    for platform in ALL.iter().copied() {
        let (name, written) = (platform.name(), platform.written());
        let written: Vec<&String> = written.as_object().unwrap().keys().collect();
        let problems = refused(platform, "noSuchOption", json!(1));
        let unknown = problems.iter().find(|problem| problem.rule == Rule::UnknownField);
        let known: Vec<String> = serde_json::from_value(unknown.unwrap().limit.clone()).unwrap();
        for option in &written {
            assert!(known.contains(option), "{name} reads no `{option}`");
        }
        // Those two are every platform's.
        let is_own = |option: &&String| !["text", "media"].contains(&option.as_str());
        for option in known.iter().filter(is_own).filter(|option| !written.contains(option)) {
            let told = refused(platform, option, json!("x"));
            let is_refused = told.iter().any(|problem| problem.rule == Rule::NotSupported);
            assert!(is_refused, "the document does not tell of `{option}` of {name}");
        }
    }
}
