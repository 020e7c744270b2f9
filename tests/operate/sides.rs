//! This version and the one before it work side by side, while the schema moves on.
//!
//! It needs the executable of that version: `POSTFLEET_PREVIOUS` is its path, or a commit, which is
//! built from this repository in a folder of its own. Without it the commit before the last
//! migration is built, where Git has it.

use super::load::{Load, accounts, plan};
use super::migrating::migrate;
use crate::crash::writer::outcomes;
use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually, say};
use base::clock;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs Git in the repository; what it says, where it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let ran = Command::new("git").current_dir(ROOT).args(arguments).output().ok()?;
    ran.status.success().then(|| String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}

/// The executable of the version before this one; `Err` tells why it cannot be had.
fn previous() -> Result<PathBuf, String> {
    let named = std::env::var("POSTFLEET_PREVIOUS").ok().filter(|named| !named.is_empty());
    if let Some(path) = named.as_ref().map(PathBuf::from).filter(|path| path.is_file()) {
        return Ok(path);
    }
    let commit = match named {
        Some(commit) => commit,
        None => {
            let last = "migrations/0056_tell_for_whom_it_works.sql";
            let added = git(&["log", "--format=%H", "--diff-filter=A", "--", last]);
            let added = added.filter(|added| !added.is_empty());
            format!("{}^", added.ok_or("Git does not tell when the last migration came")?)
        }
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("previous");
    let sources = folder.join("sources");
    let at = sources.to_str().ok_or("the folder has no name")?;
    let _ = git(&["worktree", "remove", "--force", at]);
    git(&["worktree", "add", "--detach", "--force", at, &commit])
        .ok_or_else(|| format!("Git has no commit {commit}"))?;
    let target = folder.join("target");
    let built = Command::new("cargo")
        .current_dir(&sources)
        .args(["build", "--quiet", "--bin", "postfleet"])
        .env("CARGO_TARGET_DIR", &target)
        .status();
    let _ = git(&["worktree", "remove", "--force", at]);
    match built {
        Ok(status) if status.success() => Ok(target.join("debug/postfleet")),
        other => Err(format!("{commit} could not be built: {other:?}")),
    }
}

// case: U-sides
#[tokio::test]
#[ignore = "builds the version before, and takes minutes"]
async fn two_versions_side_by_side_publish_ten_thousand_deliveries() {
    let previous = match previous() {
        Ok(previous) => previous,
        Err(why) => return say(format_args!("sides: SKIPPED, {why}")),
    };
    let limit = ("POSTFLEET__PLATFORMS__X__LIMIT_FACTOR", "1000");
    // The old version makes the schema: it is there before the new one comes.
    let fleet =
        Fleet::start_of(&previous, &["--without-workers", "--delay-ms", "20"], &[limit]).await;
    let scene = Scene::on(&fleet, "sides").await;
    let connected = accounts(&scene, 20).await;
    let lasts = Duration::from_secs(100);
    let load = Load::sow(&scene, &connected, plan(Duration::from_secs(15), lasts, 100)).await;
    let old = Worker::start_of(&previous, &fleet, "old-1");
    clock::pause(lasts / 4).await;
    // Between: the old one works on, on the new schema.
    let made = migrate(&fleet.place().postgres_url).wait_with_output().unwrap();
    assert!(made.status.success(), "{made:?}");
    clock::pause(lasts / 8).await;
    // Both at once, and an old one that starts on the new schema.
    let new = Worker::start(&fleet, "new-1");
    let late = Worker::start_of(&previous, &fleet, "old-2");
    clock::pause(lasts / 4).await;
    drop(old);
    drop(late);
    let figures = load.judge(&fleet).await;
    say(format_args!("sides: {figures:?}, {:?}", outcomes(&fleet).await));
    assert_eq!((figures.lost, figures.doubled, figures.unpublished), (0, 0, 0));
    eventually("the new one worked", Duration::from_secs(1), async || {
        new.log().contains("at work").then_some(()).ok_or_else(|| new.log())
    })
    .await;
}
