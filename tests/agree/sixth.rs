//! A sixth platform is one folder and two lines: no other line of the product names a platform.

use std::fs;
use std::path::{Path, PathBuf};

const TOP: &str = env!("CARGO_MANIFEST_DIR");
const LIST: &str = "src/platforms/lib.rs";
const TREES: [&str; 3] = ["src", "workers", "migrations"];
/// The bench measures the way of a text over one platform, and says which; the document's examples
/// show one; the top-level domains are words.
const SPARED: [&str; 3] =
    ["src/cli/commands/bench/", "src/server/reference/", "src/domain/text/tlds.rs"];
/// What tests alone hold.
const OF_TESTS: [&str; 5] =
    ["tests/", "tests.rs", "/toy/", "src/platforms/rig.rs", "src/platforms/conformance"];

/// The files below a folder, from the top of the project.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut open = vec![Path::new(TOP).join(folder)];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|end| end == "rs" || end == "sql" || end == "lua") {
            found.push(path.strip_prefix(TOP).unwrap().to_owned());
        }
    }
    found
}

/// The lines of a file's product: no comments, and nothing from its tests on.
fn lines(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(Path::new(TOP).join(path)).unwrap();
    let is_product = |(_, line): &(usize, &str)| !line.starts_with("#[cfg(test)]");
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let product: Vec<_> = match path == Path::new(LIST) {
        true => numbered.collect(),
        false => numbered.take_while(is_product).collect(),
    };
    let is_code = |line: &str| !["//", "--", "#["].iter().any(|c| line.trim().starts_with(c));
    let code = product.into_iter().filter(|(_, line)| is_code(line));
    code.map(|(at, line)| (at, line.to_owned())).collect()
}

/// A line says a platform's name as code does: as a text, as a module or as a path. A character
/// is no name.
fn names(line: &str, platform: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let texts = [format!("\"{platform}\""), format!("'{platform}'")];
    let is_text = |text: &String| text.chars().count() > 3 || text.starts_with('"');
    let quoted = texts.iter().filter(|text| is_text(text)).any(|text| line.contains(text));
    let path = format!("{platform}::");
    let is_path = line
        .match_indices(&path)
        .any(|(at, _)| !line[..at].chars().next_back().is_some_and(|c| is_word(c) || c == ':'));
    let module = format!("mod {platform};");
    quoted || is_path || line.trim_start_matches("pub ").trim_start() == module
}

// case: C-sixth
#[test]
fn a_platform_is_its_folder_and_two_lines() {
    let files: Vec<PathBuf> = TREES.into_iter().flat_map(files).collect();
    let platforms = platforms::names().into_iter().chain(["toy"]);
    for platform in platforms {
        let folder = format!("src/platforms/{platform}/");
        let mut found = Vec::new();
        for path in &files {
            let shown = path.to_str().unwrap();
            let is_test = OF_TESTS.iter().any(|part| shown.contains(part));
            let is_spared = SPARED.iter().any(|spared| shown.starts_with(spared));
            if shown.starts_with(&folder) || is_spared || is_test {
                continue;
            }
            let named = lines(path).into_iter().filter(|(_, line)| names(line, platform));
            found.extend(named.map(|(at, line)| format!("{shown}:{at}: {}", line.trim())));
        }
        assert_eq!(found.len(), 2, "{platform} is named in\n{}\n", found.join("\n"));
        assert!(found.iter().all(|line| line.starts_with(LIST)), "{found:?}");
    }
}

#[test]
fn a_name_is_told_from_a_word_that_holds_it() {
    assert!(names("    &x::X,", "x"));
    assert!(names("pub mod threads;", "threads"));
    assert!(names("if name == \"x\" {", "x"));
    assert!(!names("use std::threads::a;", "threads"));
    assert!(!names("index::of(max::X)", "x"));
}
