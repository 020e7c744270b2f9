//! Rule 4: a platform's folder is complete, and its name stays inside it.

use super::{File, Finding};

const FOLDER: &str = "src/platforms/";
/// What a platform with an adapter has.
const ADAPTER: [&str; 8] = [
    "auth.rs",
    "capabilities.rs",
    "errors.rs",
    "options.rs",
    "publish.rs",
    "reconcile.rs",
    "sim.rs",
    "wire.rs",
];
/// What a platform has of which only the rules are known yet.
const RULES: [&str; 2] = ["capabilities.rs", "options.rs"];
/// `x` and `threads` are words of other things too.
const NAMES: [&str; 3] = ["linkedin", "instagram", "youtube"];
/// Lists of words among which are these: the top-level domains.
const WORD_LISTS: [&str; 1] = ["src/domain/text/tlds.rs"];
const KINDS: [&str; 3] = ["recorded", "documented", "reported"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        found.extend(folder(file, files));
        found.extend(names(file));
        if file.path.starts_with(FOLDER) && file.path.contains("/replies/") && file.is("json") {
            found.extend(reply(file));
        }
    }
    found
}

fn folder(file: &File, files: &[File]) -> Vec<Finding> {
    let name = file.path.strip_prefix(FOLDER).and_then(|rest| rest.strip_suffix("/mod.rs"));
    let Some(name) = name.filter(|name| !name.contains('/')) else { return Vec::new() };
    let has = |part: &str| {
        let path = format!("{FOLDER}{name}/{part}");
        files.iter().any(|other| other.path.starts_with(&path))
    };
    let is_adapter = file.lines().any(|(_, line)| line.starts_with("impl Adapter for "));
    let wanted = if is_adapter { ADAPTER.as_slice() } else { &RULES };
    let mut missing: Vec<&str> = wanted.iter().copied().filter(|part| !has(part)).collect();
    if is_adapter && !has("replies/") {
        missing.push("replies/");
    }
    missing
        .into_iter()
        .map(|part| file.finding(1, 4, format!("a platform's folder has `{part}`; add it")))
        .collect()
}

fn names(file: &File) -> Vec<Finding> {
    let is_code = file.path.starts_with("src/")
        || file.path.starts_with("workers/")
        || file.path.starts_with("migrations/");
    let is_test = file.path.contains("/tests/") || file.path.ends_with("tests.rs");
    let is_exempt = file.path == "src/platforms/lib.rs" || WORD_LISTS.contains(&file.path.as_str());
    if !is_code || is_test || is_exempt {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in file.lines() {
        // The tests of a file are its end.
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        for name in NAMES {
            let is_home = file.path.starts_with(&format!("{FOLDER}{name}/"));
            let is_named =
                line.contains(&format!("\"{name}\"")) || line.contains(&format!("'{name}'"));
            if is_named && !is_home && !line.trim_start().starts_with("//") {
                let instead =
                    format!("a rule of {name} belongs into {FOLDER}{name}/; ask the port");
                found.push(file.finding(number, 4, instead));
            }
        }
    }
    found
}

fn reply(file: &File) -> Vec<Finding> {
    let Ok(reply) = serde_json::from_str::<serde_json::Value>(&file.text) else {
        return vec![file.finding(1, 4, "a recorded reply is JSON")];
    };
    let mut found = Vec::new();
    if reply["source"].as_str().is_none_or(|source| source.trim().is_empty()) {
        found.push(file.finding(1, 4, "name the `source`: a page, a thread, or who saw it when"));
    }
    if !reply["kind"].as_str().is_some_and(|kind| KINDS.contains(&kind)) {
        let instead = format!("name the `kind`: one of {}", KINDS.join(", "));
        found.push(file.finding(1, 4, instead));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(files: &[(&str, &str)]) -> usize {
        let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
        check(&files).len()
    }

    #[test]
    fn an_adapter_needs_all_its_files_and_rules_alone_need_two() {
        let path = "src/platforms/moon/mod.rs";
        assert_eq!(count(&[(path, "impl Adapter for Moon {}\n")]), ADAPTER.len() + 1);
        let rules = ["src/platforms/moon/capabilities.rs", "src/platforms/moon/options.rs"];
        assert_eq!(count(&[(path, ""), (rules[0], ""), (rules[1], "")]), 0);
    }

    #[test]
    fn a_platforms_name_outside_its_folder_is_found() {
        let text = "fn a() {\n    \"youtube\";\n}\n#[cfg(test)]\nmod tests { \"youtube\" }\n";
        assert_eq!(count(&[("src/app/a.rs", text)]), 1);
        assert_eq!(count(&[("migrations/1.sql", "CHECK (p IN ('linkedin'))")]), 1);
        assert_eq!(count(&[("src/platforms/youtube/wire.rs", text)]), 0);
        assert_eq!(count(&[("src/domain/text/tests.rs", text), ("docs/a.md", text)]), 0);
    }

    #[test]
    fn a_recorded_reply_says_where_it_is_from() {
        let path = "src/platforms/moon/replies/a.json";
        assert_eq!(count(&[(path, "{\"source\": \"docs\", \"kind\": \"documented\"}")]), 0);
        assert_eq!(count(&[(path, "{\"source\": \"\", \"kind\": \"guessed\"}")]), 2);
        assert_eq!(count(&[(path, "no")]), 1);
    }
}
