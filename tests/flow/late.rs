//! What is late follows the rule of its post, late ones of an account leave apart, and what is on
//! time keeps its time meanwhile.

mod hours;

use crate::support::worker::Worker;
use crate::support::{Account, Api, Fleet, Scene, eventually, files, say};
use base::clock;
use domain::id::DeliveryId;
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const GAP: Duration = Duration::from_secs(2);
/// Late is what is three seconds late; files go up twenty seconds ahead.
const PACE: [(&str, &str); 3] = [
    ("POSTFLEET__PLATFORMS__X__CATCH_UP_GAP_S", "2"),
    ("POSTFLEET__PLATFORMS__X__LATE_AFTER_S", "3"),
    ("POSTFLEET__PLATFORMS__X__STAGING_S", "20"),
];

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What `post.missed` told of the delivery of a post.
async fn missed(scene: &Scene<'_>, post: &Value) -> Vec<Value> {
    let id = post["deliveries"][0]["id"].as_str().unwrap();
    let asked = "SELECT data FROM events WHERE kind = 'post.missed' AND subject = $1 ORDER BY id";
    let asked = sqlx::query_scalar(asked).bind(id);
    asked.fetch_all(&mut scene.fleet.postgres().await).await.unwrap()
}

async fn until(at: Timestamp) {
    eventually("its time has come", Duration::from_secs(60), async || {
        if clock::now() >= at { Ok(()) } else { Err(clock::now().to_string()) }
    })
    .await;
}

/// A backlog of an account: four that go out late, one that is left out, one that is held.
async fn backlog(scene: &Scene<'_>, account: &Account, due: Timestamp) -> [Value; 6] {
    let post = async |text: &str, late: &str, after: u64| {
        let at = due + ms(after);
        let not_after = (late != "publish").then(|| at + ms(1_000));
        scene
            .post(json!({
                "text": format!("{text}, {}", scene.brand), "accounts": [account.id],
                "scheduledAt": at, "late": late, "notAfter": not_after,
            }))
            .await
    };
    // Accepted in another order than they are due in.
    let (third, first) = (post("third", "publish", 600).await, post("first", "publish", 0).await);
    let (fourth, second) =
        (post("fourth", "publish", 900).await, post("second", "publish", 300).await);
    let (skipped, held) = (post("skipped", "skip", 100).await, post("held", "hold", 200).await);
    [first, second, third, fourth, skipped, held]
}

// case: LT-outage
#[tokio::test]
async fn after_an_outage_late_posts_follow_their_rule_and_leave_apart() {
    let fleet = Fleet::start(&["--without-workers"], &PACE).await;
    let scene = Scene::on(&fleet, "late").await;
    let account = scene.connect("late").await;
    let worker = Worker::start(&fleet, "before");
    let due = clock::now() + ms(10_000);
    let posts = backlog(&scene, &account, due).await;
    for post in &posts {
        scene.scheduled(post).await;
    }
    drop(worker);
    // Nobody is there at their time, nor for a while behind it.
    until(due + ms(5_000)).await;
    let _worker = Worker::start(&fleet, "after");
    let prompt_at = clock::now() + ms(6_000);
    let body = json!({
        "text": format!("prompt, {}", scene.brand), "accounts": [account.id],
        "scheduledAt": prompt_at,
    });
    let prompt = scene.post(body).await;

    let [.., skipped, held] = &posts;
    for post in posts.iter().take(4).chain([&prompt]) {
        scene.published(post).await;
    }
    let accepted = scene.accepted(&account).await;
    let at = |word: &str| {
        let is_it = |one: &&platforms::sim::Accepted| one.text.starts_with(word);
        accepted.iter().find(is_it).map(|one| one.at).expect(word)
    };
    let late = ["first", "second", "third", "fourth"].map(at);
    for pair in late.windows(2) {
        assert!(pair[1].ms() - pair[0].ms() >= GAP.as_millis() as i64, "{late:?}");
    }
    let after_ms = at("prompt").ms() - prompt_at.ms();
    assert!((0..=2_900).contains(&after_ms), "the prompt one is {after_ms} ms late");
    assert!(at("prompt") < late[3], "the backlog was worked off meanwhile: {late:?}");
    assert_eq!(accepted.len(), 5, "{accepted:?}");

    for (post, at) in posts.iter().zip(late) {
        let shown = scene.show(post).await["deliveries"][0].clone();
        let lateness = shown["latenessMs"].as_i64().unwrap();
        let due_at = Timestamp::parse(shown["dueAt"].as_str().unwrap()).unwrap();
        assert!((0..=5_000).contains(&(at.ms() - due_at.ms() - lateness)), "{shown}, {at}");
        let [told] = &missed(&scene, post).await[..] else { panic!("told once") };
        assert_eq!((&told["outcome"], &told["dueAt"]), (&json!("published"), &shown["dueAt"]));
        assert_eq!(told["sentAt"], shown["sentAt"]);
    }
    assert_eq!(missed(&scene, &prompt).await, Vec::<Value>::new());
    left_out(&scene, &account, skipped, held).await;
}

/// What was skipped or held tells so, and goes out when a person says so.
async fn left_out(scene: &Scene<'_>, account: &Account, skipped: &Value, held: &Value) {
    for (post, status, kind, outcome) in
        [(skipped, "failed", "LateSkipped", "skipped"), (held, "review", "LateHeld", "held")]
    {
        let shown = scene.settled(post).await["deliveries"][0].clone();
        let error = &shown["error"];
        assert_eq!((&shown["status"], &error["type"]), (&json!(status), &json!(kind)), "{shown}");
        assert_eq!((&error["field"], &error["limit"]), (&json!("notAfter"), &post["notAfter"]));
        assert!(shown["latenessMs"].is_null() && shown["sentAt"].is_null(), "{shown}");
        let [told] = &missed(scene, post).await[..] else { panic!("told once") };
        assert_eq!((&told["outcome"], &told["sentAt"]), (&json!(outcome), &Value::Null));
    }
    let why = scene.whole(held).await["why"].as_str().unwrap().to_owned();
    assert!(why.contains("late and waits for a person"), "{why}");

    scene.order(skipped, "retry").await.data();
    let id = held["deliveries"][0]["id"].as_str().unwrap();
    let send = json!({"outcome": "notPublished", "then": "send", "reason": "it may still go"});
    scene.api.post(&format!("/v1/deliveries/{id}/review"), &send).await.data();
    for post in [skipped, held] {
        scene.published(post).await;
        assert_eq!(missed(scene, post).await.len(), 1, "it was told before");
    }
    let mut texts = scene.texts(account).await;
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 7);
}

// case: LT-staged
#[tokio::test]
async fn posts_with_films_leave_at_their_second_for_all_else_was_done_before() {
    // What a busy machine is late with is not kept apart here.
    let fleet = Fleet::start(&["--without-workers"], &PACE[2..]).await;
    let scene = Scene::on(&fleet, "staged").await;
    let mut accounts = Vec::new();
    for number in 0..6 {
        accounts.push(scene.connect(&format!("staged{number}")).await);
    }
    let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let _worker = Worker::start(&fleet, "staging");
    // X takes five seconds and more over each of them.
    scene.sim.faults(json!([{"kind": "stuckProcessing", "s": 8}])).await;
    let due = clock::now() + ms(18_000);
    let mut posts = Vec::new();
    for number in 0..5 {
        for account in &accounts {
            let text = format!("{number} on {}, {}", account.handle, scene.brand);
            let body = json!({
                "text": text, "accounts": [account.id], "media": [{"id": film}],
                "scheduledAt": due,
            });
            posts.push(scene.post(body).await);
        }
    }
    // The window of staging is the configured one.
    let far = json!({
        "text": format!("far, {}", scene.brand), "accounts": [accounts[0].id],
        "media": [{"id": film}], "scheduledAt": due + Duration::from_secs(3_600),
    });
    let far = scene.post(far).await;
    scene.scheduled(&far).await;
    let id: DeliveryId = far["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
    let ahead = "SELECT extract(epoch FROM d.due_at - j.due_at)::bigint
                 FROM jobs j JOIN deliveries d ON d.id = j.subject WHERE j.subject = $1";
    let ahead: i64 = sqlx::query_scalar(ahead)
        .bind(id.uuid())
        .fetch_one(&mut fleet.postgres().await)
        .await
        .unwrap();
    assert_eq!(ahead, 20);

    let mut late = Vec::new();
    for post in &posts {
        scene.published(post).await;
    }
    for account in &accounts {
        let accepted = scene.accepted(account).await;
        late.extend(accepted.iter().map(|one| one.at.ms() - due.ms()));
    }
    late.sort_unstable();
    assert_eq!(late.len(), posts.len());
    let (first, p50, p99) = (late[0], late[late.len() / 2], late[late.len() * 99 / 100]);
    say(format_args!("{} films due at once: first {first} ms, p50 {p50}, p99 {p99}", late.len()));
    assert!(first >= 0, "{late:?}");
    // X takes eight seconds over a film that is begun at its time.
    assert!(p99 <= 7_000, "{late:?}");
}

/// Sets the clock of a process wrong by this file.
fn misset(fleet: &Fleet, name: &str, ms: i64) -> std::path::PathBuf {
    let file = fleet.root().join(format!("{name}.clock"));
    std::fs::write(&file, ms.to_string()).unwrap();
    file
}

// case: R-16
#[tokio::test]
async fn clocks_of_workers_that_are_wrong_make_nothing_early_and_nothing_twice() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "clocks").await;
    let minutes = |n: i64| n * 60_000;
    let ahead = misset(&fleet, "ahead", minutes(5));
    let behind = misset(&fleet, "behind", minutes(-5));
    let [fast, slow] = [&ahead, &behind].map(|file| file.to_str().unwrap());
    let (fast, slow) = ([("POSTFLEET_CLOCK_FILE", fast)], [("POSTFLEET_CLOCK_FILE", slow)]);
    let workers = [
        Worker::start_as(&fleet, "fast", &["work"], &fast),
        Worker::start_as(&fleet, "slow", &["work"], &slow),
    ];
    let (_fast_door, fast_door) = Worker::serve(&fleet, "fast-door", &fast);
    let (_slow_door, slow_door) = Worker::serve(&fleet, "slow-door", &slow);
    let (fast_door, slow_door) = (Api::new(&fast_door), Api::new(&slow_door));
    fast_door.opens().await;
    slow_door.opens().await;
    let mut accounts = Vec::new();
    for number in 0..4 {
        accounts.push(scene.connect(&format!("clocks{number}")).await);
    }
    let doors =
        [Scene::of(&fleet, fast_door, "fast").await, Scene::of(&fleet, slow_door, "slow").await];
    let begin = clock::now() + ms(3_000);
    let mut posts = Vec::new();
    for number in 0..24_u64 {
        let due = begin + ms(number * 250);
        let account = &accounts[number as usize % accounts.len()];
        let body = scene.draft(json!({
            "text": format!("{number}, {}", scene.brand), "accounts": [account.id],
            "scheduledAt": due,
        }));
        let door = &doors[number as usize % doors.len()];
        posts.push((door.api.post("/v1/posts", &body).await.data().clone(), due));
    }
    // Half-way one clock goes back by an hour, and the other one ahead by ten minutes.
    until(begin + ms(3_000)).await;
    misset(&fleet, "ahead", minutes(-55));
    misset(&fleet, "behind", minutes(5));

    let mut late = Vec::new();
    for (post, due) in &posts {
        let shown = scene.published(post).await;
        late.push((shown["text"].as_str().unwrap().to_owned(), *due));
    }
    let mut most = 0;
    for (text, due) in &late {
        let all = scene.sim.accepted("x").await;
        let [one] = &all.iter().filter(|one| one.text == *text).collect::<Vec<_>>()[..] else {
            panic!("{text} is out once: {all:?}")
        };
        let late_ms = one.at.ms() - due.ms();
        assert!((0..=15_000).contains(&late_ms), "{text}: {late_ms} ms after its time");
        most = most.max(late_ms);
    }
    say(format_args!("wrong clocks: {} posts, the latest {most} ms late", late.len()));
    for worker in &workers {
        assert!(worker.log().contains("may be set wrong"), "the clock was not set wrong");
    }
}
