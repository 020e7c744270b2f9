//! Rules 1, 2 and 7: how long, how a file begins, which characters, what lies at the top.

use super::{File, Finding};

const BLOB_SIZE_BYTES_MAX: usize = 256 * 1024;
/// Beyond these, two things may live in one place.
const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;
const COLUMNS: usize = 100;
/// So many of the longest are printed.
const SHOWN: usize = 10;
const TOP: [&str; 15] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "deploy",
    "docs",
    "examples",
    "migrations",
    "rustfmt.toml",
    "src",
    "tests",
];

/// Rules 2 and 7.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut found: Vec<Finding> = files.iter().flat_map(one).collect();
    let is_known = |name: &str| name.starts_with('.') || name == "workers" || TOP.contains(&name);
    let mut strangers: Vec<&str> =
        files.iter().map(|file| top_of(&file.path)).filter(|name| !is_known(name)).collect();
    strangers.dedup();
    let instead = "the top level is closed: put it into one of the folders, or open the list";
    found.extend(strangers.into_iter().map(|name| File::new(name, "").finding(1, 7, instead)));
    found
}

fn top_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

fn one(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    if file.size_bytes > BLOB_SIZE_BYTES_MAX && file.path != "Cargo.lock" {
        let size = file.size_bytes;
        let instead = format!("{size} bytes: make it where it is needed, or fetch it");
        found.push(file.finding(1, 2, instead));
    }
    if !file.is_text || matches!(file.path.as_str(), "LICENSE" | "Cargo.lock") {
        return found;
    }
    if file.is("rs") && !file.text.starts_with("//! ") {
        found.push(file.finding(1, 2, "begin with `//!` and a sentence on what the file is for"));
    }
    if file.is("md") {
        found.extend(headings(file));
    }
    for (number, line) in file.lines() {
        if line.contains('\r') {
            found.push(file.finding(number, 2, "end lines with LF alone"));
        }
        // The formatter of Go takes nothing else.
        if line.contains('\t') && !file.is("go") {
            found.push(file.finding(number, 2, "use spaces, not tabs"));
        }
        if line.ends_with(' ') {
            found.push(file.finding(number, 2, "take the blanks at the end away"));
        }
    }
    found
}

/// One heading of the first level in a Markdown file.
fn headings(file: &File) -> Vec<Finding> {
    let mut is_code = false;
    let mut first = Vec::new();
    for (number, line) in file.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if !is_code && line.starts_with("# ") {
            first.push(number);
        }
    }
    match first.as_slice() {
        [_] => Vec::new(),
        [] => vec![file.finding(1, 2, "give it one heading `# …`")],
        [_, more @ ..] => {
            let instead = "keep one heading `# …`; lower this one";
            more.iter().map(|line| file.finding(*line, 2, instead)).collect()
        }
    }
}

/// Rule 1: what may be too long to be read, as printed lines.
pub(super) fn advice(files: &[File]) -> Vec<String> {
    let mut sizes: Vec<(usize, String)> = Vec::new();
    let mut functions: Vec<(usize, String)> = Vec::new();
    let mut lines = Vec::new();
    for file in files.iter().filter(|file| file.is_text) {
        if file.is("rs") || file.is("lua") || file.is("sql") {
            let length = file.text.lines().count();
            let note = if length > FILE_LINES { " – two things in one place?" } else { "" };
            sizes.push((length, format!("{}{note}", file.path)));
        }
        if file.is("rs") {
            functions.extend(functions_of(file));
        }
        let is_wide = |line: &str| line.chars().count() > COLUMNS;
        if ["rs", "sql", "lua", "toml", "sh"].iter().any(|kind| file.is(kind)) {
            let wide = file.lines().filter(|(_, line)| is_wide(line));
            lines.extend(wide.map(|(number, _)| format!("1: {}:{number} is wide", file.path)));
        }
    }
    for (what, mut all) in [("file", sizes), ("function", functions)] {
        all.sort_by(|a, b| b.cmp(a));
        let longest = all.into_iter().take(SHOWN);
        lines.extend(longest.map(|(length, name)| format!("1: {what} of {length} lines: {name}")));
    }
    lines
}

/// The functions of a file with their lengths: from `fn` to the brace in the same column.
fn functions_of(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, usize, String)> = None;
    for (number, line) in file.lines() {
        let column = line.len() - line.trim_start().len();
        match &open {
            Some((start, at, name)) if *at == column && line.trim() == "}" => {
                let length = number - start + 1;
                let note = if length > FUNCTION_LINES { " – does it do two things?" } else { "" };
                found.push((length, format!("{}:{start} {name}{note}", file.path)));
                open = None;
            }
            Some(_) => {}
            None => open = name_of(line).map(|name| (number, column, name)),
        }
    }
    found
}

/// The name of the function that a line begins and does not end.
fn name_of(line: &str) -> Option<String> {
    let (before, after) = line.split_once("fn ")?;
    let is_head = before.split_whitespace().all(|word| {
        word.starts_with("pub") || ["const", "async", "unsafe", "crate)"].contains(&word)
    });
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (is_head && !name.is_empty() && !line.trim_end().ends_with(['}', ';'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(path: &str, text: &str) -> Vec<usize> {
        one(&File::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_file_says_what_it_is_for_and_holds_no_stray_characters() {
        assert!(lines_of("src/a.rs", "//! It is for this.\nfn a() {}\n").is_empty());
        assert_eq!(lines_of("src/a.rs", "use a;\n//! Late.\n"), [1]);
        assert_eq!(lines_of("a.sql", "-- a\n\tb\nc \nd\r\n"), [2, 3, 4]);
        assert_eq!(lines_of("a.md", "# One\n```\n# not one\n```\n# Two\n"), [5]);
        assert_eq!(lines_of("a.md", "words\n"), [1]);
        let blob = File::read("a.bin", vec![0; BLOB_SIZE_BYTES_MAX + 1]);
        assert_eq!(one(&blob).len(), 1);
    }

    #[test]
    fn the_top_level_is_closed() {
        let tree = |paths: &[&str]| {
            let files: Vec<File> = paths.iter().map(|path| File::new(path, "# a\n")).collect();
            check(&files).len()
        };
        assert_eq!(tree(&["README.md", "docs/a.md", ".ci/run", "workers/a.md"]), 0);
        assert_eq!(tree(&["NOTES.md", "util/a.md", "util/b.md"]), 2);
    }

    #[test]
    fn functions_are_measured_to_their_own_brace() {
        let text = "//! A.\npub async fn one(\n) {\n    if a {\n    }\n}\nimpl B {\n    fn two() \
                    {\n    }\n    fn short() {}\n}\n";
        let found = functions_of(&File::new("a.rs", text));
        let lengths: Vec<usize> = found.iter().map(|(length, _)| *length).collect();
        assert_eq!(lengths, [5, 2]);
        assert!(found[0].1.contains("a.rs:2 one"));
    }
}
