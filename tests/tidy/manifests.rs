//! Rule 3: who may depend on what, by the manifests.

use super::{File, Finding};

/// Each crate of ours with the others it may name. The root may name all.
const EDGES: [(&str, &[&str]); 12] = [
    ("domain", &[]),
    ("base", &["domain"]),
    ("store", &["domain", "base"]),
    ("queue", &["domain", "base"]),
    ("vault", &["domain", "base"]),
    ("media", &["domain", "base"]),
    ("platforms", &["domain"]),
    ("app", &["domain", "base", "store", "queue", "vault", "media", "platforms"]),
    ("server", &["app", "domain", "base"]),
    ("workers", &["app", "queue", "domain", "base"]),
    ("client", &[]),
    ("model", &[]),
];

/// Foreign crates that few may use, with those few. `postfleet` is the root.
const ALONE: [(&str, &[&str]); 20] = [
    ("apalis", &["queue", "workers"]),
    ("apalis-core", &["queue"]),
    ("argon2", &["vault"]),
    ("axum", &["server", "postfleet"]),
    ("chacha20poly1305", &["vault"]),
    ("chrono", &["store"]),
    ("clap", &["postfleet"]),
    ("config", &["base"]),
    ("image", &["media", "postfleet"]),
    ("imagesize", &["media"]),
    ("infer", &["media"]),
    ("jiff", &["domain"]),
    ("lettre", &["base"]),
    ("oauth2", &["app"]),
    ("object_store", &["media"]),
    ("rand", &["base"]),
    ("redis", &["client", "queue"]),
    ("reqwest", &["base", "client"]),
    ("sqlx", &["store"]),
    ("tracing-subscriber", &["base"]),
];

/// What `domain` may not have: it does nothing, so it waits for nothing and reads no clock.
const NOT_IN_DOMAIN: [&str; 4] = ["tokio", "futures", "tracing", "metrics"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let manifests = files.iter().filter(|file| file.path.ends_with("Cargo.toml"));
    manifests.flat_map(one).collect()
}

fn one(manifest: &File) -> Vec<Finding> {
    let name = match manifest.path.as_str() {
        "Cargo.toml" => "postfleet",
        "workers/Cargo.toml" => "workers",
        path => path.trim_end_matches("/Cargo.toml").rsplit('/').next().unwrap_or(path),
    };
    let edges = EDGES.iter().find(|(known, _)| *known == name);
    let mut found = Vec::new();
    if edges.is_none() && name != "postfleet" {
        let instead = format!("`{name}` is no crate of ARCHITECTURE.md: add it to the table first");
        found.push(manifest.finding(1, 3, instead));
    }
    for (line, used) in dependencies(manifest) {
        let is_ours = EDGES.iter().any(|(known, _)| *known == used);
        if let Some((_, allowed)) = edges.filter(|(_, allowed)| is_ours && !allowed.contains(&used))
        {
            let list = allowed.join(", ");
            let instead = format!("`{name}` may depend on [{list}], not on `{used}`");
            found.push(manifest.finding(line, 3, instead));
        }
        if let Some((_, few)) =
            ALONE.iter().find(|(known, few)| *known == used && !few.contains(&name))
        {
            let few = few.join(" and ");
            let instead = format!("only {few} may use `{used}`; ask there for what you need");
            found.push(manifest.finding(line, 3, instead));
        }
        if name == "domain" && NOT_IN_DOMAIN.contains(&used) {
            let instead = format!("`domain` does nothing itself, so it does not need `{used}`");
            found.push(manifest.finding(line, 3, instead));
        }
    }
    found
}

/// The dependencies of the product, not those of its tests, with their lines.
fn dependencies(manifest: &File) -> Vec<(usize, &str)> {
    let mut is_inside = false;
    let mut found = Vec::new();
    for (number, line) in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            is_inside = matches!(section, "dependencies" | "build-dependencies");
        } else if is_inside {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('#') {
                found.push((number, name));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(path: &str, text: &str) -> Vec<usize> {
        one(&File::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn an_edge_back_and_a_foreign_crate_in_the_wrong_place_are_found() {
        let text = "[dependencies]\nbase.workspace = true\nserde = \"1\"\n";
        assert!(lines_of("src/store/Cargo.toml", text).is_empty());
        let text = "[dependencies]\napp.workspace = true\nredis = \"1\"\n";
        assert_eq!(lines_of("src/store/Cargo.toml", text), [2, 3]);
        assert_eq!(lines_of("src/domain/Cargo.toml", "[dependencies]\ntokio = \"1\"\n"), [2]);
        assert_eq!(lines_of("src/helpers/Cargo.toml", "[package]\n"), [1]);
    }

    #[test]
    fn tests_may_use_what_the_product_may_not() {
        let text = "[dependencies]\napp.workspace = true\n[dev-dependencies]\nsqlx = \"1\"\n";
        assert!(lines_of("Cargo.toml", text).is_empty());
        let text = "[workspace.dependencies]\nsqlx = \"1\"\n";
        assert!(lines_of("Cargo.toml", text).is_empty());
    }
}
