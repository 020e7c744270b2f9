//! Rule 5: no file that nobody names, no note to oneself, no test that is silently left out.

use super::{File, Finding};
use std::collections::{BTreeMap, BTreeSet};

/// Spelt so that this file does not hold them.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const CODE: [&str; 9] = ["rs", "sql", "lua", "sh", "toml", "yml", "yaml", "css", "js"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut found = orphans(files);
    for file in files.iter().filter(|file| CODE.iter().any(|kind| file.is(kind))) {
        found.extend(notes(file));
        if file.is("rs") {
            found.extend(ignored(file));
        }
    }
    found
}

/// Files of Rust that no `mod` leads to.
fn orphans(files: &[File]) -> Vec<Finding> {
    let by_path: BTreeMap<&str, &File> =
        files.iter().filter(|f| f.is("rs")).map(|f| (f.path.as_str(), f)).collect();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<(String, bool)> =
        files.iter().flat_map(roots).map(|path| (path, true)).collect();
    open.extend(by_path.keys().filter(|p| p.starts_with("examples/")).map(|p| ((*p).into(), true)));
    while let Some((path, is_root)) = open.pop() {
        let Some(file) = by_path.get(path.as_str()) else { continue };
        if reached.insert(path) {
            let named = children(file, is_root);
            open.extend(named.into_iter().map(|path| (path, false)));
        }
    }
    let instead = "nobody says `mod` to it: name it, or remove it";
    let lost = by_path.values().filter(|file| !reached.contains(&file.path));
    lost.map(|file| file.finding(1, 5, instead)).collect()
}

/// The crate roots that a manifest names.
fn roots(manifest: &File) -> Vec<String> {
    let Some(folder) = manifest.path.strip_suffix("Cargo.toml") else { return Vec::new() };
    let path = |line: &str| {
        let value = line.strip_prefix("path = \"")?.strip_suffix('"')?;
        value.ends_with(".rs").then(|| format!("{folder}{value}"))
    };
    manifest.text.lines().filter_map(path).collect()
}

/// The paths that the `mod` lines of a file lead to, those that do not exist included.
fn children(file: &File, is_root: bool) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let own = if is_root || name == "mod.rs" {
        folder.to_owned()
    } else {
        format!("{folder}/{}", name.trim_end_matches(".rs"))
    };
    let mut found = Vec::new();
    let mut path = None;
    for line in file.text.lines().map(str::trim) {
        if let Some(given) = line.strip_prefix("#[path = \"").and_then(|l| l.strip_suffix("\"]")) {
            path = Some(normal(&format!("{folder}/{given}")));
        } else if let Some(name) = module_of(line) {
            match path.take() {
                Some(path) => found.push(path),
                None => {
                    found.extend([format!("{own}/{name}.rs"), format!("{own}/{name}/mod.rs")]);
                }
            }
        } else if !line.starts_with("#[") {
            path = None;
        }
    }
    found
}

/// The name in `mod name;`, whoever may see it.
fn module_of(line: &str) -> Option<&str> {
    let rest = match line.strip_prefix("pub") {
        Some(rest) => rest.split_once("mod ").map(|(_, rest)| rest)?,
        None => line.strip_prefix("mod ")?,
    };
    let name = rest.strip_suffix(';')?;
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(name)
}

/// A path without `..`.
fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

fn notes(file: &File) -> Vec<Finding> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let has_note = |line: &str| {
        NOTES.iter().any(|note| {
            line.match_indices(note).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + note.len()..].chars().next();
                !before.is_some_and(is_word) && !after.is_some_and(is_word)
            })
        })
    };
    let lines = file.lines().filter(|(_, line)| has_note(line));
    lines.map(|(n, _)| file.finding(n, 5, "do it now, or write an issue")).collect()
}

/// Tests that are left out without a case id in the lines around.
fn ignored(file: &File) -> Vec<Finding> {
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let is_head = |line: &&&str| line.starts_with("#[") || line.starts_with("//");
    let mut found = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("#[ignore")) {
        let above = lines[..at].iter().rev().take_while(is_head);
        let below = lines[at..].iter().take_while(is_head);
        if !above.chain(below).any(|line| line.starts_with("// case: ")) {
            found.push(file.finding(at + 1, 5, "an ignored test names its case: `// case: ID`"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths_of(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
        check(&files).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn a_file_that_nobody_names_is_found() {
        let manifest = ("src/a/Cargo.toml", "[lib]\npath = \"lib.rs\"\n");
        let root = ("src/a/lib.rs", "mod one;\npub mod two;\npub(crate) mod three;\n");
        let rest = [("src/a/one.rs", "mod deep;"), ("src/a/one/deep.rs", "")];
        let more = [("src/a/two/mod.rs", "mod flat;"), ("src/a/two/flat.rs", "")];
        let three = ("src/a/three.rs", "#[cfg(test)]\n#[path = \"../b/far.rs\"]\nmod far;\n");
        let tree =
            [manifest, root, rest[0], rest[1], more[0], more[1], three, ("src/b/far.rs", "")];
        assert_eq!(paths_of(&tree), Vec::<String>::new());
        let lost = [&tree[..], &[("src/a/lost.rs", ""), ("src/a/deep.rs", "")]].concat();
        assert_eq!(paths_of(&lost), ["src/a/deep.rs", "src/a/lost.rs"]);
    }

    #[test]
    fn notes_to_oneself_are_found_as_words() {
        let note = NOTES[0];
        let text = format!("-- {note}: later\n-- {note}S are words, as is X{note}\n");
        assert_eq!(paths_of(&[("a.sql", &text), ("a.md", &text)]), ["a.sql"]);
    }

    #[test]
    fn a_test_that_is_left_out_has_a_case() {
        let with = File::new("a.rs", "// case: L-1\n#[test]\n#[ignore = \"long\"]\nfn a() {}\n");
        let without = File::new("a.rs", "// case: L-1\nfn b() {}\n#[test]\n#[ignore]\nfn a() {}\n");
        assert!(ignored(&with).is_empty());
        assert_eq!(ignored(&without)[0].line, 4);
    }
}
