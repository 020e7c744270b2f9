//! The rules of the house that no tool checks: facts fail, matters of taste are printed.
//!
//! Each finding names its place, the number of the rule in `CONTRIBUTING.md`'s house style, and
//! what to do instead. Invariant: looks at files only, and at each of them once.

mod cases;
mod literals;
mod manifests;
mod modules;
mod shape;

use std::fmt;
use std::path::Path;
use std::process::Command;

/// One file of the project.
struct File {
    /// From the top of the project, with slashes.
    path: String,
    /// Empty for a file that is no text.
    text: String,
    size_bytes: usize,
    is_text: bool,
}

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    rule: u8,
    instead: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, instead } = self;
        write!(f, "{path}:{line}: {rule} – {instead}")
    }
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into(), size_bytes: text.len(), is_text: true }
    }

    fn read(path: &str, bytes: Vec<u8>) -> Self {
        let size_bytes = bytes.len();
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        let is_text = text.is_some();
        Self { path: path.into(), text: text.unwrap_or_default(), size_bytes, is_text }
    }

    fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
    }

    /// The lines with their numbers.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.split('\n').enumerate().map(|(at, line)| (at + 1, line))
    }

    fn finding(&self, line: usize, rule: u8, instead: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, rule, instead: instead.into() }
    }
}

/// Everything that breaks a rule, in the order of the files.
fn check(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(shape::check(files));
    found.extend(manifests::check(files));
    found.extend(literals::check(files));
    found.extend(modules::check(files));
    found.extend(cases::check(files));
    found.sort();
    found
}

/// What Git tracks, and what it would track.
fn project() -> Vec<File> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !top.join(".git").exists() {
        println!("this is no checkout of Git, so nothing tells which files are the project's");
        return Vec::new();
    }
    let mut git = Command::new("git");
    git.current_dir(top).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = git.output().expect("git is needed to know which files are the project's");
    let why = String::from_utf8_lossy(&listed.stderr).into_owned();
    assert!(listed.status.success(), "git ls-files: {why}");
    let mut paths: Vec<&str> = str::from_utf8(&listed.stdout)
        .unwrap()
        .split('\0')
        .filter(|path| !path.is_empty())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    // A file that is tracked and was just removed is no file.
    let read = |path: &&str| Some(File::read(path, std::fs::read(top.join(path)).ok()?));
    paths.iter().filter_map(read).collect()
}

// case: H-tidy
#[test]
fn the_house_is_tidy() {
    let files = project();
    for line in shape::advice(&files) {
        println!("{line}");
    }
    let found = check(&files);
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{} findings:\n{}\n", found.len(), told.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_can_be_clicked() {
        let finding = File::new("src/a.rs", "").finding(7, 2, "begin with `//!`");
        assert_eq!(finding.to_string(), "src/a.rs:7: 2 – begin with `//!`");
    }

    #[test]
    fn a_file_with_other_bytes_is_no_text() {
        assert!(!File::read("a.png", vec![0x89, 0, 1]).is_text);
        assert!(File::read("a.rs", b"//! A.".to_vec()).is_text);
    }
}
