//! One post, six accounts, five platforms: it goes out everywhere, and what happens to one of them
//! happens to that one alone.

use crate::support::ageing::{age, lose, version};
use crate::support::scene::{Account, WAYS, Way, deliveries, delivery};
use crate::support::{Fleet, Scene, eventually, files};
use base::clock;
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;

/// A post that every platform takes: a picture, and a film where a film is wanted.
async fn draft(scene: &Scene<'_>, text: &str) -> Value {
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    json!({
        "text": text,
        "media": [{"id": picture, "altText": "a square"}],
        "youtube": {"title": "A film", "media": [{"id": film}]},
    })
}

/// The same for one account: options of platforms that are not addressed are refused.
async fn draft_for(scene: &Scene<'_>, account: &Account, text: &str) -> Value {
    let mut post = draft(scene, text).await;
    if account.way.0 != "youtube" {
        post.as_object_mut().unwrap().remove("youtube");
    }
    post["accounts"] = json!([account.id]);
    post
}

async fn say(scene: &Scene<'_>, account: &Account, text: &str) -> Value {
    scene.post(draft_for(scene, account, text).await).await
}

fn ids(accounts: &[Account]) -> Vec<&str> {
    accounts.iter().map(|account| account.id.as_str()).collect()
}

// case: spec-A1
// case: S-everywhere
#[tokio::test]
async fn one_post_goes_out_on_every_platform_with_its_words_and_files() {
    let scene = Scene::open("everywhere").await;
    let accounts = scene.connect_all("everywhere").await;
    let text = format!("Everywhere, {}", scene.brand);
    let mut post = draft(&scene, &text).await;
    post["accounts"] = json!(ids(&accounts));
    let own = format!("Our words for Threads, {}", scene.brand);
    post["threads"] = json!({"text": own, "replyControl": "mentioned_only"});
    let post = scene.post(post).await;
    let shown = scene.published(&post).await;
    assert_eq!(deliveries(&shown).count(), WAYS.len());
    for account in &accounts {
        let platform = account.way.0;
        let out = delivery(&shown, account);
        let [accepted] = &scene.accepted(account).await[..] else { panic!("{platform}: once") };
        let wording = if platform == "threads" { &own } else { &text };
        assert_eq!(&accepted.text, wording, "{platform}");
        assert_eq!(out["remoteId"], accepted.remote_id, "{platform}");
        let page = scene.sim.page(out["permalink"].as_str().unwrap()).await;
        assert!(page.contains(wording), "{platform}: {page}");
        let medium = if platform == "youtube" { "<video" } else { "<img" };
        assert!(page.contains(medium), "{platform}: {page}");
        if platform == "threads" {
            assert!(page.contains("mentioned_only"), "{page}");
        }
    }
}

// case: spec-A4
#[tokio::test]
async fn a_personal_instagram_account_is_refused_and_told_why() {
    let scene = Scene::open("personal").await;
    for app in [None, Some("instagram_login")] {
        let client = &scene.api.client;
        let page = client.authorize("instagram", &scene.brand, app).await.unwrap();
        let refused = client.consent(&page, Some("personal-blog")).await.unwrap_err().to_string();
        for word in ["Business", "Creator"] {
            assert!(refused.contains(word), "{refused}");
        }
        assert!(client.accounts(&scene.brand).await.unwrap().is_empty());
    }
}

// case: spec-A3
#[tokio::test]
async fn both_linkedin_apps_live_on_one_brand_with_tokens_and_limits_apart() {
    let scene = Scene::open("two-apps").await;
    let person = scene.connect_on(("linkedin", Some("personal")), "two").await;
    let page = scene.connect_on(("linkedin", Some("organization")), "two").await;
    assert_ne!(person.id, page.id);
    // A platform's name means both; its option `app` means one.
    let both = scene.post(json!({"text": "Both", "platforms": ["linkedin"]})).await;
    assert_eq!(deliveries(&scene.published(&both).await).count(), 2);
    let one = json!({"text": "One", "platforms": ["linkedin"], "linkedin": {"app": "personal"}});
    let one = scene.published(&scene.post(one).await).await;
    assert_eq!(deliveries(&one).next().unwrap()["accountId"], person.id.as_str());
    // The token of one ends, the other's serves on; then one is limited, and the other goes on.
    age(scene.fleet, &person, Duration::from_secs(3_600)).await;
    scene.fault(&person, json!({"kind": "revoke"})).await;
    let half = scene.post(json!({"text": "Half", "platforms": ["linkedin"]})).await;
    lose(scene.fleet, &person).await;
    let half = scene.settled(&half).await;
    assert_eq!(half["status"], "partial", "{half}");
    assert_eq!(delivery(&half, &page)["status"], "published");
    scene.connect_as(person.way, &person.handle).await;
    let limit = json!({"kind": "limit", "route": "posts.create", "resetInS": 60});
    scene.fault(&person, limit).await;
    let held = scene.post(json!({"text": "Held", "platforms": ["linkedin"]})).await;
    let is_parked = |shown: &Value| {
        delivery(shown, &person)["status"] == "parked"
            && delivery(shown, &page)["status"] == "published"
    };
    scene.until(&held, "one waits, the other is out", is_parked).await;
}

/// The seconds from an instant until the next one whose time of day in UTC is one of `hours`.
fn seconds_to(hours: &[i64], from: Timestamp) -> Vec<i64> {
    let until = |hour: &i64| (hour * 3_600_000 - from.ms()).rem_euclid(DAY_MS) / 1_000;
    hours.iter().map(until).collect()
}

// case: spec-E2
#[tokio::test]
async fn each_platforms_own_limit_parks_the_right_ones_until_the_right_time() {
    // Limits of an app concern every account, so this fleet is not shared.
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "limits").await;
    // Way, the call that is limited, the hour in UTC at which it ends or else the seconds that the
    // platform names, and whether the app is meant.
    let cases: [(Way, &str, &[i64], bool); 5] = [
        (("linkedin", Some("personal")), "posts.create", &[0], false),
        (("linkedin", Some("organization")), "posts.create", &[0], false),
        (("instagram", None), "media.publish", &[], false),
        (("threads", None), "threads.publish", &[], false),
        // Midnight in California, in winter or in summer.
        (("youtube", None), "videos.open", &[7, 8], true),
    ];
    for (way, route, hours, is_app) in cases {
        let (limited, other) =
            (scene.connect_on(way, "limited").await, scene.connect_on(way, "other").await);
        // LinkedIn names no time: a block that crosses midnight is a day's limit.
        let s = if way.0 == "linkedin" { DAY_MS / 1_000 } else { 120 };
        let limit = json!({"kind": "limit", "route": route, "resetInS": s});
        match is_app {
            // The day of the whole project is used up.
            true => scene.sim.limits(way.0, &json!({"insertsMax": 0})).await,
            false => scene.fault(&limited, limit).await,
        }
        let before = clock::now();
        let held = say(&scene, &limited, &format!("Held {route}, {}", scene.brand)).await;
        let is_parked = |shown: &Value| delivery(shown, &limited)["status"] == "parked";
        let parked = scene.until(&held, route, is_parked).await;
        let shown = delivery(&parked, &limited);
        let wait_s = shown["retryAfter"].as_i64().unwrap();
        // Told at some moment since then: as much shorter as the machine was slow.
        let took_s = clock::now().since(before).as_secs().cast_signed() + 1;
        let waits = if hours.is_empty() { vec![120] } else { seconds_to(hours, before) };
        let is_right = |right: &i64| (right - took_s - 5..=right + 2).contains(&wait_s);
        assert!(waits.iter().any(is_right), "{way:?}: {wait_s} s, not {waits:?} less {took_s}");
        assert_eq!(shown["attempts"], 0, "{shown}");
        let free = say(&scene, &other, &format!("Free {route}, {}", scene.brand)).await;
        if is_app {
            let is_held = |shown: &Value| delivery(shown, &other)["status"] == "parked";
            scene.until(&free, "the app's other account waits too", is_held).await;
        } else {
            scene.published(&free).await;
        }
    }
}

// case: spec-E1
// case: spec-A5
#[tokio::test]
async fn each_platforms_token_is_renewed_in_its_own_way() {
    let scene = Scene::open("renewed").await;
    // Meta renews a living token that is a day old, and no dead one.
    for platform in ["instagram", "threads"] {
        scene.sim.limits(platform, &json!({"refreshAgeS": 0})).await;
    }
    let cases: [(Way, bool); 5] = [
        (("linkedin", Some("personal")), true),
        (("linkedin", Some("organization")), true),
        (("youtube", None), true),
        (("instagram", Some("instagram_login")), false),
        (("threads", None), false),
    ];
    for (way, renews_the_dead) in cases {
        let account = scene.connect_business(way, "renewed").await;
        let left = if renews_the_dead { Duration::from_secs(3_600) } else { LAST_MOMENTS };
        age(scene.fleet, &account, left).await;
        if renews_the_dead {
            scene.fault(&account, json!({"kind": "expireToken"})).await;
        }
        let post = say(&scene, &account, &format!("Renewed {way:?}, {}", scene.brand)).await;
        scene.published(&post).await;
        assert_eq!(version(scene.fleet, &account).await, 2, "{way:?}");
    }
}

/// A token is renewed first when it ends sooner than in a minute.
const LAST_MOMENTS: Duration = Duration::from_secs(20);

impl Scene<'_> {
    /// As [`Scene::connect_on`], where the simulator names accounts of both apps alike.
    pub async fn connect_business(&self, way: Way, name: &str) -> Account {
        if way.0 == "linkedin" {
            return self.connect_on(way, name).await;
        }
        let handle = format!("{name}-{}", &base::rng::uuid().simple().to_string()[..8]);
        let client = &self.api.client;
        let page = client.authorize(way.0, &self.brand, way.1).await.unwrap();
        client.consent(&page, Some(&handle)).await.unwrap();
        let found = client.accounts(&self.brand).await.unwrap().into_iter();
        let account = found.filter(|a| a.platform == way.0).find(|a| a.handle.ends_with(&handle));
        let mut known = self.sim.accounts(way.0).await.into_iter();
        let remote = known.rfind(|one| one["handle"] == handle.as_str()).unwrap();
        let remote_id = remote["id"].as_str().unwrap().to_owned();
        Account { way, id: account.unwrap().id, handle, remote_id }
    }
}

// case: spec-A6
#[tokio::test]
async fn a_revoked_account_of_each_platform_fails_and_comes_back() {
    let scene = Scene::open("gone").await;
    for way in WAYS {
        let account = scene.connect_on(way, "gone").await;
        age(scene.fleet, &account, Duration::from_secs(3_600)).await;
        scene.fault(&account, json!({"kind": "revoke"})).await;
        let text = format!("Gone {way:?}, {}", scene.brand);
        let post = say(&scene, &account, &text).await;
        lose(scene.fleet, &account).await;
        let shown = scene.settled(&post).await;
        let failed = delivery(&shown, &account);
        assert_eq!(failed["status"], "failed", "{shown}");
        assert_eq!(failed["error"]["type"], "PlatformAuthError", "{failed}");
        assert_eq!(failed["error"]["stage"], "validating", "{failed}");
        let again = scene.connect_as(way, &account.handle).await;
        assert_eq!(again.id, account.id, "{way:?}");
        scene.order(&post, "retry").await.data();
        scene.published(&post).await;
        assert_eq!(scene.texts(&account).await, [text], "{way:?}");
    }
}

// case: S-outage
#[tokio::test]
async fn a_platform_that_fails_or_hangs_delays_no_other_and_a_retry_touches_it_alone() {
    let fleet = Fleet::start(&[], &[]).await;
    let scene = Scene::on(&fleet, "outage").await;
    let accounts = scene.connect_all("outage").await;
    // Instagram refuses every container, YouTube hangs for a minute at each call.
    let refuses = json!({
        "kind": "serverError", "route": "media.create", "status": 400, "count": 1_000,
        "body": {"error": {"message": "odd", "type": "OAuthException", "code": 100}},
    });
    scene.sim.faults_on("instagram", json!([refuses])).await;
    scene.sim.faults_on("youtube", json!([{"kind": "delay", "ms": 60_000}])).await;
    let mut post = draft(&scene, &format!("Outage, {}", scene.brand)).await;
    post["accounts"] = json!(ids(&accounts));
    let began = clock::stopwatch();
    let post = scene.post(post).await;
    let others = |shown: &Value| {
        let is_other = |a: &&Account| !["instagram", "youtube"].contains(&a.way.0);
        let is_out = |a: &Account| delivery(shown, a)["status"] == "published";
        accounts.iter().filter(is_other).all(is_out)
    };
    scene.until(&post, "the others are out", others).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let instagram = accounts.iter().find(|a| a.way.0 == "instagram").unwrap();
    let is_failed = |shown: &Value| delivery(shown, instagram)["status"] == "failed";
    scene.until(&post, "the refused one has failed", is_failed).await;

    // The hanging ends, and the post is partial.
    scene.sim.forgive("youtube").await;
    let shown = scene.settled(&post).await;
    assert_eq!(shown["status"], "partial", "{shown}");
    scene.sim.forgive("instagram").await;
    let before: Vec<usize> = counts(&scene, &accounts).await;
    scene.order(&post, "retry").await.data();
    scene.published(&post).await;
    for ((account, before), after) in
        accounts.iter().zip(before).zip(counts(&scene, &accounts).await)
    {
        let further = usize::from(account.way.0 == "instagram");
        assert_eq!(after, before + further, "{:?}", account.way);
    }
}

async fn counts(scene: &Scene<'_>, accounts: &[Account]) -> Vec<usize> {
    let mut counts = Vec::new();
    for account in accounts {
        counts.push(scene.accepted(account).await.len());
    }
    counts
}

// case: S-origin
#[tokio::test]
async fn a_file_is_fetched_by_its_signed_link_alone() {
    let scene = Scene::open("origin").await;
    let account = scene.connect_on(("threads", None), "origin").await;
    let picture = files::jpeg(800, 800);
    let media = scene.api.upload(picture.clone(), "a.jpg").await;
    let body = json!({"text": "Fetched", "accounts": [account.id], "media": [{"id": media}]});
    scene.published(&scene.post(body).await).await;
    // The link that the platform was given.
    let link = eventually("the link is in the log", Duration::from_secs(5), async || {
        let lines = scene.sim.log_of("threads");
        let bodies = lines.iter().filter_map(|line| line["request"]["body"].as_str());
        let pairs = bodies.flat_map(|body| {
            url::form_urlencoded::parse(body.as_bytes()).into_owned().collect::<Vec<_>>()
        });
        let of_ours = format!("{}/m/", scene.fleet.place().api_url);
        let mut links =
            pairs.filter(|(name, link)| name == "image_url" && link.starts_with(&of_ours));
        links.next_back().map(|(_, link)| link).ok_or_else(|| "none".to_owned())
    })
    .await;
    let path = link.strip_prefix(&scene.fleet.place().api_url).unwrap();
    let get = async |path: &str, range: Option<&str>| {
        let mut request = scene.api.open(reqwest::Method::GET, path);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
    };
    assert_eq!(get(path, None).await, (200, picture.clone()));
    assert_eq!(get(path, Some("bytes=2-5")).await, (206, picture[2..6].to_vec()));
    assert_eq!(get(path, Some("bytes=99999999-")).await.0, 416);
    // One character changed anywhere in it is another link.
    let mut changed = path.to_owned().into_bytes();
    let at = changed.len() - 10;
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    assert_eq!(get(&String::from_utf8(changed).unwrap(), None).await.0, 404);
    assert_eq!(get("/m/abc", None).await.0, 404);
}
