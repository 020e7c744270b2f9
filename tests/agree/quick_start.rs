//! `docs/API.md` is run: every command of it, in one shell, against a fleet with simulated platforms.

use crate::support::{Fleet, files, snippets};
use std::fs;

const DOCUMENT: &str = include_str!("../../docs/API.md");

// case: API-tasks
#[tokio::test]
async fn every_task_of_the_quick_start_is_done_as_it_is_written() {
    let fleet = Fleet::shared().await;
    // A tenant of its own, so that the brand of the document is nobody else's.
    let tenant = fleet.another_tenant("spec").await;
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(home.path().join("clip.mp4"), files::film(10)).unwrap();
    let (api, key, sim) =
        (fleet.place().api_url.clone(), tenant.key().to_owned(), fleet.place().sim_url.clone());
    let path = home.path().to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        let environment = [
            ("API", api.as_str()),
            ("KEY", key.as_str()),
            ("SIM", sim.as_str()),
            ("POSTFLEET_URL", api.as_str()),
            ("POSTFLEET_API_KEY", key.as_str()),
            ("POSTFLEET_SIM_URL", sim.as_str()),
        ];
        snippets::hold(DOCUMENT, &path, &environment)
    });
    if let Some(count) = ran.await.unwrap() {
        assert!(count > 15, "{count}");
    }
}
