//! The three ways to the keys, and what is refused.

use super::*;
use base::clock;

fn fault<T>(outcome: Result<T, Fault>) -> String {
    outcome.err().unwrap().to_string()
}

fn ids(source: &Source) -> Vec<String> {
    source.read().unwrap().iter().map(|listed| listed.key.id().to_string()).collect()
}

#[test]
fn keys_come_from_a_file_the_environment_or_a_credential() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let id = key_file::create(&path, clock::now()).unwrap().to_string();
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().last().unwrap();
    let bare = line.split(' ').next().unwrap();
    let (file, inline, credential) = (
        Config { key_file: Some(path), ..Config::default() },
        Config { keys: Some(format!("{bare},{bare}").into()), ..Config::default() },
        Config { credential: Some("keys".into()), ..Config::default() },
    );
    let open = |config| ids(&Source::of_with(config, Some(folder.path())).unwrap());
    assert_eq!(open(&file), [id.clone()]);
    assert_eq!(open(&inline), [id.clone(), id.clone()]);
    assert_eq!(open(&credential), [id]);
}

#[test]
fn no_way_and_two_ways_to_the_keys_are_refused() {
    let none = Config::default();
    assert!(fault(Source::of_with(&none, None)).contains("set vault.key_file"));
    let two =
        Config { key_file: Some("keys".into()), keys: Some("canary".into()), ..Config::default() };
    let refusal = fault(Source::of_with(&two, None));
    assert!(refusal.contains("one of them") && !refusal.contains("canary"), "{refusal}");
    let credential = Config { credential: Some("keys".into()), ..Config::default() };
    assert!(fault(Source::of_with(&credential, None)).contains("LoadCredential=keys"));
    let path = Config { credential: Some("../keys".into()), ..Config::default() };
    assert!(fault(Source::of_with(&path, Some(Path::new("/run")))).contains("not a path"));
}

#[test]
fn what_is_no_key_is_named_by_its_line_and_not_repeated() {
    for (text, line) in [("canary", 1), ("# made\n\nY2FuYXJ5", 3)] {
        let refusal = fault(list(text).map(drop));
        assert!(refusal.contains(&format!("line {line}:")), "{refusal}");
        assert!(!refusal.contains("canary") && !refusal.contains("Y2Fu"), "{refusal}");
    }
    assert!(fault(list("# nothing\n").map(drop)).contains("no key"));
    let inline = Source::Inline("canary".into());
    let refusal = fault(inline.read().map(drop));
    assert!(refusal.contains("vault.keys") && !refusal.contains("canary"), "{refusal}");
}
