//! Many irreversible calls of each other platform whose connections are cut after they were taken:
//! what can be asked about is adopted, and what cannot waits for a person.

use super::cut::{ACCOUNTS, POSTS, accounts, all, out_once, post, report};
use crate::support::scene::Way;
use crate::support::{Fleet, Scene, files, turn};
use base::clock;
use serde_json::{Value, json};

/// A platform, its irreversible call, the simulator's limits that a thousand posts do not reach,
/// and how all of them end.
struct Case {
    way: Way,
    route: &'static str,
    limits: Value,
    ends: &'static str,
}

fn cases() -> [Case; 5] {
    let linkedin = |app, ends| Case {
        way: ("linkedin", Some(app)),
        route: "posts.create",
        limits: json!({}),
        ends,
    };
    [
        linkedin("organization", "published"),
        // Nobody but a person can look at a person's posts: reading them is a closed permission.
        linkedin("personal", "review"),
        Case {
            way: ("instagram", None),
            route: "media.publish",
            limits: json!({"postsPerDay": 1_000, "containersPerDay": 8_000}),
            ends: "published",
        },
        Case {
            way: ("threads", None),
            route: "threads.publish",
            limits: json!({"postsPerDay": 1_000}),
            ends: "published",
        },
        Case {
            way: ("youtube", None),
            route: "videos.finish",
            limits: json!({
                "insertsMax": 5_000, "unitsMax": 1_000_000, "channelVideosMax": 5_000,
            }),
            ends: "published",
        },
    ]
}

/// What the platform wants beside words.
async fn more(scene: &Scene<'_>, platform: &str) -> Value {
    match platform {
        "instagram" => {
            let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
            json!({"media": [{"id": picture}]})
        }
        "youtube" => {
            let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
            json!({"media": [{"id": film}], "youtube": {"title": "A film"}})
        }
        _ => json!({}),
    }
}

async fn cut(fleet: &Fleet, case: &Case, posts: usize) {
    let since = clock::stopwatch();
    let (platform, app) = case.way;
    let scene = Scene::on(fleet, "cut-all").await;
    if case.limits != json!({}) {
        scene.sim.limits(platform, &case.limits).await;
    }
    let accounts = accounts(&scene, case.way).await;
    let count = posts * ACCOUNTS;
    let cut = json!([{"kind": "acceptThenReset", "route": case.route, "count": count}]);
    scene.sim.faults_on(platform, cut).await;
    let more = more(&scene, platform).await;
    post(&scene, &accounts, posts, &more).await;
    let sent = all(fleet, &accounts, count, case.ends).await;
    for one in &sent {
        let known = if case.ends == "review" { "silent" } else { "found" };
        assert_eq!(one.outcomes, [known], "it was sent once: {one:?}");
    }
    out_once(&scene, platform, &sent).await;
    let in_review = if case.ends == "review" { count } else { 0 };
    report(
        &format!("after, {platform} {}: {in_review} unresolved", app.unwrap_or_default()),
        &sent,
        0,
        since,
    );
}

async fn cut_all(posts: usize) {
    let _turn = turn().await;
    // What a platform documents for a day is less than a thousand, so it is raised on both sides.
    let raised = ["INSTAGRAM", "YOUTUBE", "LINKEDIN", "THREADS"]
        .map(|name| (format!("POSTFLEET__PLATFORMS__{name}__LIMIT_FACTOR"), "20"));
    let raised: Vec<_> = raised.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let fleet = Fleet::start(&[], &raised).await;
    for case in cases() {
        cut(&fleet, &case, posts).await;
    }
}

// case: U-hundred-everywhere
#[tokio::test]
async fn a_hundred_posts_of_each_platform_that_were_taken_before_the_cut_are_out_once() {
    cut_all(5).await;
}

// case: U-thousand-everywhere
#[tokio::test]
#[ignore = "minutes"]
async fn a_thousand_posts_of_each_platform_that_were_taken_before_the_cut_are_out_once() {
    cut_all(POSTS).await;
}
