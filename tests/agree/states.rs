//! The states of a delivery: enum, SQL and drawing.

use domain::delivery::{Event, Status};
use domain::post::Stage;
use std::collections::BTreeSet;
use std::path::Path;

const EVENTS: [Event; 12] = [
    Event::Check,
    Event::Step,
    Event::Intend,
    Event::Withdraw,
    Event::Publish,
    Event::Fail,
    Event::Doubt,
    Event::Absent,
    Event::GiveUp,
    Event::Cancel,
    Event::Retry,
    Event::Recheck,
];

/// Does not compile when an event is missing above.
const fn place(event: Event) -> usize {
    match event {
        Event::Check => 0,
        Event::Step => 1,
        Event::Intend => 2,
        Event::Withdraw => 3,
        Event::Publish => 4,
        Event::Fail => 5,
        Event::Doubt => 6,
        Event::Absent => 7,
        Event::GiveUp => 8,
        Event::Cancel => 9,
        Event::Retry => 10,
        Event::Recheck => 11,
    }
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words of `column IN (…)` in the table of this name, whatever migration makes it.
fn words_of(table: &str, column: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let all: String = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let made = all.split_once(&format!("CREATE TABLE {table} (")).expect("no such table").1;
    let list = made.split_once(&format!("CHECK ({column} IN (")).expect("no such check").1;
    let list = list.split_once("))").unwrap().0;
    list.split(',').map(|word| word.trim().trim_matches('\'').to_owned()).collect()
}

// case: H-states
#[test]
fn the_database_takes_the_states_of_the_code_and_no_others() {
    let of_code: BTreeSet<String> = Status::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(words_of("deliveries", "status"), of_code);
    let of_code: BTreeSet<String> = Stage::ALL.iter().map(|s| s.as_str().to_owned()).collect();
    assert_eq!(words_of("posts", "stage"), of_code);
}

// case: H-states
#[test]
fn the_drawing_has_the_moves_of_the_code_and_no_others() {
    let text = read("ARCHITECTURE.md");
    let section = text.split_once("\n## States of a delivery\n").expect("no such section").1;
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let drawing = section.split_once("```mermaid\nstateDiagram").expect("no drawing").1;
    let drawing = drawing.split_once("```").unwrap().0;

    let mut drawn = BTreeSet::new();
    for line in drawing.lines().map(str::trim).filter(|line| line.contains("-->")) {
        let (from, rest) = line.split_once("-->").unwrap();
        let (to, event) = rest.split_once(':').unwrap_or((rest, ""));
        if from.trim() == "[*]" {
            assert_eq!(to.trim(), Status::Validating.as_str(), "a life begins so");
        } else {
            let edge = [from, event, to].map(|word| word.trim().to_owned());
            assert!(drawn.insert(edge), "drawn twice: {line}");
        }
    }

    for (at, event) in EVENTS.into_iter().enumerate() {
        assert_eq!(place(event), at);
    }
    let moves = Status::ALL.into_iter().flat_map(|from| EVENTS.map(|event| (from, event)));
    let of_code: BTreeSet<[String; 3]> = moves
        .filter_map(|(from, event)| {
            let to = from.after(event)?;
            Some([from.to_string(), format!("{event:?}"), to.to_string()])
        })
        .collect();
    let only_drawn: Vec<_> = drawn.difference(&of_code).collect();
    let not_drawn: Vec<_> = of_code.difference(&drawn).collect();
    assert!(only_drawn.is_empty(), "drawn, but Status::after has it not: {only_drawn:?}");
    assert!(not_drawn.is_empty(), "Status::after has it, but it is not drawn: {not_drawn:?}");
}
