//! Rule 6: the case ids above tests and those of `tests/CASES.md` are the same.

use super::{File, Finding};
use std::collections::{BTreeMap, BTreeSet};

const LIST: &str = "tests/CASES.md";

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
    let list = files.iter().find(|file| file.path == LIST);
    for (number, line) in list.into_iter().flat_map(File::lines) {
        let Some((id, sentence)) = entry(line) else { continue };
        let file = File::new(LIST, "");
        if listed.insert(id, number).is_some() {
            found.push(file.finding(number, 6, format!("`{id}` is listed twice")));
        }
        if !sentence.ends_with('.') {
            found.push(file.finding(number, 6, format!("say in a sentence what `{id}` proves")));
        }
    }
    let mut marked: BTreeSet<&str> = BTreeSet::new();
    for file in files.iter().filter(|file| file.is("rs")) {
        for (number, id) in marks(file) {
            marked.insert(id);
            if !listed.contains_key(id) {
                let instead = format!("list `{id}` with a sentence in {LIST}");
                found.push(file.finding(number, 6, instead));
            }
        }
    }
    for (id, number) in listed.iter().filter(|(id, _)| !marked.contains(*id)) {
        let instead = format!("no test is marked `// case: {id}`: write it, or promise less");
        found.push(File::new(LIST, "").finding(*number, 6, instead));
    }
    found
}

/// A line of the list: the id in backticks, then its sentence.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (id, sentence) = line.strip_prefix("- `")?.split_once('`')?;
    Some((id, sentence.trim_end()))
}

fn marks(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.lines().filter_map(|(number, line)| {
        line.trim().strip_prefix("// case: ").map(|id| (number, id.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(list: &str, code: &str) -> Vec<String> {
        let files = [File::new(LIST, list), File::new("src/a.rs", code)];
        check(&files)
            .into_iter()
            .map(|finding| format!("{}:{}", finding.path, finding.line))
            .collect()
    }

    #[test]
    fn marks_and_list_are_paired_both_ways() {
        let code = "//! A.\n    // case: A-1\n// case: A-1\n";
        assert_eq!(told("- `A-1` it holds.\n", code), Vec::<String>::new());
        assert_eq!(told("- `A-1` it holds.\n- `A-2` so does this.\n", code), [format!("{LIST}:2")]);
        assert_eq!(told("# Cases\n", "// case: B\n"), ["src/a.rs:1"]);
        assert_eq!(told("- `A-1` one.\n- `A-1` two.\n- `A-1`\n", code).len(), 3);
    }
}
