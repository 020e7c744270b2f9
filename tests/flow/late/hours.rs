//! Six hours without a worker pass in an instant: what fell due meanwhile follows its rule.

use super::missed;
use crate::support::ageing::let_pass;
use crate::support::scene::deliveries;
use crate::support::worker::Worker;
use crate::support::{Account, Fleet, Scene};
use base::clock;
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const OUTAGE: Duration = Duration::from_secs(6 * 3_600);
const GAP: Duration = Duration::from_secs(1);
const PACE: [(&str, &str); 1] = [("POSTFLEET__PLATFORMS__X__CATCH_UP_GAP_S", "1")];

/// What a post wants of being late, and what it comes to: status, type of the error, and what
/// `post.missed` tells.
const RULES: [(&str, bool, [&str; 3]); 4] = [
    ("publish", false, ["published", "", "published"]),
    // Late is late, but not yet too late.
    ("skip", false, ["published", "", "published"]),
    ("skip", true, ["failed", "LateSkipped", "skipped"]),
    ("hold", true, ["review", "LateHeld", "held"]),
];

/// A post that is due so many minutes from now, and is over soon or long after the outage.
async fn due(
    scene: &Scene<'_>,
    account: &Account,
    minute: u32,
    (late, is_over): (&str, bool),
) -> Value {
    let at = clock::now() + HOUR / 60 * minute;
    let not_after = at + if is_over { HOUR / 2 } else { OUTAGE * 2 };
    scene
        .post(json!({
            "text": format!("{minute} {late} {is_over}, {}", scene.brand), "accounts": [account.id],
            "scheduledAt": at, "late": late, "notAfter": not_after,
        }))
        .await
}

// case: LT-hours
#[tokio::test]
async fn after_six_hours_every_post_follows_its_rule_and_each_is_told_of_once() {
    let fleet = Fleet::start(&["--without-workers"], &PACE).await;
    let scene = Scene::on(&fleet, "hours").await;
    let accounts = [scene.connect("one").await, scene.connect("two").await];
    let worker = Worker::start(&fleet, "before");
    let mut posts = Vec::new();
    // In another order than they are due in.
    for hour in [4, 2, 5, 3] {
        for account in &accounts {
            for (place, minute) in [(hour as usize - 2, hour * 60), (0, hour * 60 + 20)] {
                let (late, is_over, end) = RULES[place];
                posts.push((due(&scene, account, minute, (late, is_over)).await, end));
            }
        }
    }
    let after = due(&scene, &accounts[0], 480, ("publish", false)).await;
    for (post, _) in posts.iter().chain([&(after.clone(), [""; 3])]) {
        scene.scheduled(post).await;
    }
    drop(worker);
    let_pass(&fleet, OUTAGE).await;
    let _worker = Worker::start(&fleet, "after");

    for (post, [status, kind, outcome]) in &posts {
        let shown = scene.settled(post).await["deliveries"][0].clone();
        assert_eq!(shown["status"], *status, "{shown}");
        assert_eq!(shown["error"]["type"].as_str().unwrap_or_default(), *kind, "{shown}");
        let [told] = &missed(&scene, post).await[..] else { panic!("told once: {shown}") };
        assert_eq!(told["outcome"], *outcome, "{told}");
    }
    for account in &accounts {
        apart(&scene, account, &posts).await;
    }
    // What is due after it waits for its time.
    let shown = scene.show(&after).await;
    assert_eq!(shown["status"], "scheduled", "{shown}");
    assert_eq!(missed(&scene, &after).await, Vec::<Value>::new());
    // Due an hour and forty minutes before the worker came back.
    let (late, _) = &posts[1];
    let late_ms = scene.show(late).await["deliveries"][0]["latenessMs"].as_u64().unwrap();
    assert!(late_ms >= HOUR.as_millis() as u64, "{late_ms} ms late");
}

/// What an account sent late left in the order of its due times, the gap between two.
async fn apart(scene: &Scene<'_>, account: &Account, posts: &[(Value, [&str; 3])]) {
    let accepted = scene.accepted(account).await;
    let is_own = |one: &&(Value, [&str; 3])| {
        deliveries(&one.0).all(|one| one["accountId"] == account.id.as_str())
    };
    let own = posts.iter().filter(is_own).filter(|(_, rule)| rule[0] == "published");
    let mut due: Vec<(String, &str)> = own
        .map(|(post, _)| {
            let at = Timestamp::parse(post["scheduledAt"].as_str().unwrap()).unwrap();
            (at.to_string(), post["text"].as_str().unwrap())
        })
        .collect();
    due.sort_unstable();
    let texts: Vec<&str> = accepted.iter().map(|one| one.text.as_str()).collect();
    let wanted: Vec<&str> = due.iter().map(|(_, text)| *text).collect();
    assert_eq!(texts, wanted, "in the order of their due times");
    for pair in accepted.windows(2) {
        let apart_ms = pair[1].at.ms() - pair[0].at.ms();
        assert!(apart_ms >= GAP.as_millis() as i64, "{apart_ms} ms apart: {accepted:?}");
    }
}
