//! The version of an API that the operator names is the one that calls name.

use crate::support::{Fleet, Scene, files};
use serde_json::json;

// case: H-version
#[tokio::test]
async fn calls_name_the_configured_version() {
    let later = ("POSTFLEET__PLATFORMS__INSTAGRAM__API_VERSION", "v26.0");
    let fleet = Fleet::start(&[], &[later]).await;
    let scene = Scene::on(&fleet, "version").await;
    let account = scene.connect_on(("instagram", None), "version").await;
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let media = json!([{"id": picture}]);
    let post = json!({"text": "A later version", "media": media, "accounts": [account.id]});
    scene.published(&scene.post(post).await).await;
    let lines = scene.sim.log_of("instagram");
    let paths = lines.iter().filter_map(|line| line["request"]["path"].as_str());
    let versioned: Vec<&str> = paths.filter(|path| path.starts_with("/v")).collect();
    assert!(versioned.iter().any(|path| path.ends_with("/media_publish")), "{versioned:?}");
    assert!(versioned.iter().all(|path| path.starts_with("/v26.0/")), "{versioned:?}");
}
