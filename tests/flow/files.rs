//! Users' files: shown with what each platform says, fetched from an address, put past us, made
//! small, and gone when nobody needs them.

use crate::support::api::{Api, send};
use crate::support::wait::eventually;
use crate::support::{Fleet, Scene, files};
use base::digest::sha256_hex;
use domain::id::AssetId;
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use std::io::Cursor;
use std::time::Duration;

fn drawn(width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_pixel(width, height, Rgb([10, 200, 30]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn verdict<'v>(shown: &'v Value, platform: &str) -> &'v Value {
    let verdicts = shown["verdicts"].as_array().unwrap();
    verdicts.iter().find(|one| one["platform"] == platform).expect("each platform has a say")
}

// case: M-verdicts
#[tokio::test]
async fn each_platform_says_at_once_what_stands_against_a_file() {
    let api = Fleet::shared().await.another_tenant("spec").await;
    let film = api.upload(files::film(900), "a.mp4").await;
    let gif = api.upload(files::gif(), "a.gif").await;
    let shown = api.get(&format!("/v1/media/{film}")).await.data().clone();
    assert_eq!((&shown["kind"], &shown["durationMs"]), (&json!("video"), &json!(900_000)));
    assert_eq!(verdict(&shown, "youtube")["accepts"], true, "{shown}");
    let no = &verdict(&shown, "linkedin")["problems"][0];
    assert_eq!(
        (&no["type"], &no["field"], &no["limit"]),
        (&json!("PlatformMediaError"), &json!("file"), &json!(0))
    );
    let long = &verdict(&shown, "x")["problems"][0];
    assert!(long["limit"].as_u64().unwrap() < 900_000 && long["actual"] == 900_000, "{long}");
    let shown = api.get(&format!("/v1/media/{gif}")).await.data().clone();
    assert_eq!((&shown["kind"], &shown["frames"]), (&json!("gif"), &json!(2)));
    assert_eq!(verdict(&shown, "x")["accepts"], true);

    let page = api.get("/v1/media?limit=1").await;
    assert_eq!(page.data()[0]["id"], gif.as_str());
    let before = page.body["nextCursor"].as_str().unwrap();
    let page = api.get(&format!("/v1/media?limit=1&before={before}")).await;
    assert_eq!(
        (page.data()[0]["id"].as_str(), &page.body["nextCursor"]),
        (Some(film.as_str()), &Value::Null)
    );
    let films = api.get("/v1/media?kind=video").await;
    assert_eq!(films.data().as_array().unwrap().len(), 1);
    assert_eq!(api.get("/v1/media?kind=song").await.status, 422);
    assert_eq!(api.get(&format!("/v1/media/{film}/thumbnail")).await.status, 404);
    let picture = api.upload(drawn(800, 400), "a.png").await;
    let path = format!("/v1/media/{picture}/thumbnail");
    let small = api.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(small.headers()["content-type"], "image/jpeg");
    let small = image::load_from_memory(&small.bytes().await.unwrap()).unwrap();
    assert_eq!((small.width(), small.height()), (320, 160));
}

// case: M-presign
#[tokio::test]
async fn a_file_is_put_at_an_address_that_needs_no_key_and_looked_at_then() {
    let api = Fleet::shared().await.another_tenant("spec").await;
    let offer = api.post("/v1/media/presign", &json!({})).await.data().clone();
    let (id, url) = (offer["id"].as_str().unwrap(), offer["url"].as_str().unwrap());
    let complete = format!("/v1/media/{id}/complete");
    let put = async |url: &str, bytes: Vec<u8>| {
        let path = &url[url.find("/m/").expect("it is one of ours")..];
        send(api.open(Method::PUT, path).body(bytes)).await.status
    };
    let empty = api.post(&complete, &json!({})).await;
    assert_eq!((empty.status, &empty.body["error"]), (409, &json!("nothing_uploaded")));
    assert_eq!(put(url, b"no picture".to_vec()).await, 200);
    assert_eq!(api.post(&complete, &json!({})).await.details(422)[0]["field"], "file");
    let mut forged = url.to_owned();
    forged.replace_range(url.len() - 1.., if url.ends_with('A') { "B" } else { "A" });
    assert_eq!(put(&forged, files::picture()).await, 404);
    // The link to fetch a file is none to put one, and the other way round.
    assert_eq!(send(api.open(Method::GET, &url[url.find("/m/").unwrap()..])).await.status, 404);
    assert_eq!(put(url, files::picture()).await, 200);
    let shown = api.post(&complete, &json!({})).await.data().clone();
    assert_eq!(
        (&shown["id"], &shown["sha256"]),
        (&json!(id), &json!(sha256_hex(&files::picture())))
    );
    assert_eq!(put(url, b"another".to_vec()).await, 404, "its time is over");
    assert_eq!(api.post(&complete, &json!({})).await.data(), &shown, "asked again");
    let other = Fleet::shared().await.another_tenant("spec").await;
    assert_eq!(other.post(&complete, &json!({})).await.status, 404);
}

// case: M-own
#[tokio::test]
async fn a_key_for_some_brands_sees_and_takes_away_what_it_brought_itself() {
    let owner = Fleet::shared().await.another_tenant("spec").await;
    owner.client.ensure_brand("mine", "Mine").await.unwrap();
    let wish = json!({"label": "editor", "brands": {"mine": "editor"}});
    let key = owner.post("/v1/keys", &wish).await.data()["key"].as_str().unwrap().to_owned();
    let editor = owner.with_key(&key);
    let theirs = owner.upload(files::picture(), "a.png").await;
    let own = editor.upload(files::gif(), "a.gif").await;
    let listed = editor.get("/v1/media").await;
    let listed: Vec<&str> =
        listed.data().as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(listed, [own.as_str()]);
    for (id, status) in [(&theirs, 404), (&own, 200)] {
        let path = format!("/v1/media/{id}");
        assert_eq!(editor.get(&path).await.status, status);
        assert_eq!(editor.delete(&path).await.status, status);
    }
    assert_eq!(owner.get("/v1/media").await.data().as_array().unwrap().len(), 1);
}

/// A file is so much older, by `column`, and its next look is due.
async fn age(fleet: &Fleet, id: &str, set: &str) {
    let asset: AssetId = id.parse().unwrap();
    let mut db = fleet.postgres().await;
    let older = format!("UPDATE {set} WHERE id = $1");
    let aged = sqlx::query(AssertSqlSafe(older)).bind(asset.uuid()).execute(&mut db).await.unwrap();
    assert_eq!(aged.rows_affected(), 1);
    let due = "UPDATE jobs SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
                 generation = nextval('job_generation') WHERE kind = 'media' AND subject = $1";
    let due = sqlx::query(due).bind(asset.uuid()).execute(&mut db).await.unwrap();
    assert_eq!(due.rows_affected(), 1);
}

const CAME: &str = "assets SET created_at = created_at - interval '31 days'";
const HIDDEN: &str = "assets SET hidden_at = hidden_at - interval '61 minutes'";

async fn until_gone(api: &Api, path: &str) {
    eventually("it is gone", Duration::from_secs(30), async || {
        let status = api.get(path).await.status;
        if status == 404 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
}

async fn rows(fleet: &Fleet, table: &str, id: &str) -> i64 {
    let id: AssetId = id.parse().unwrap();
    let asked = AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE id = $1"));
    sqlx::query_scalar(asked).bind(id.uuid()).fetch_one(&mut fleet.postgres().await).await.unwrap()
}

async fn until_no_row(fleet: &Fleet, table: &str, id: &str) {
    eventually("its row is gone", Duration::from_secs(30), async || {
        let rows = rows(fleet, table, id).await;
        if rows == 0 { Ok(()) } else { Err(rows.to_string()) }
    })
    .await;
}

fn lies(fleet: &Fleet, id: &str) -> bool {
    let tenants = std::fs::read_dir(fleet.data().join("media")).unwrap().flatten();
    let mut all = tenants.flat_map(|tenant| std::fs::read_dir(tenant.path()).unwrap().flatten());
    all.any(|file| file.file_name().to_str().unwrap().starts_with(id))
}

// case: M-retention
#[tokio::test]
async fn a_file_goes_when_no_post_needs_it_and_stays_while_one_does() {
    let (scene, account) = Scene::with_account("kept").await;
    let (fleet, api) = (scene.fleet, &scene.api);
    let named = api.upload(files::picture(), "a.png").await;
    let further = api.upload(files::jpeg(640, 480), "a.jpg").await;
    let lone = api.upload(files::picture(), "a.png").await;
    let next = json!([{"text": "And on", "media": [{"id": further}]}]);
    let far = json!({"text": "Far", "media": [{"id": named}], "accounts": [account.id],
        "draft": true, "x": {"thread": next}});
    let post = scene.post(far).await;
    for id in [&named, &further, &lone] {
        age(fleet, id, CAME).await;
    }
    until_gone(api, &format!("/v1/media/{lone}")).await;
    assert!(lies(fleet, &lone), "its bytes stay for whoever was at it");
    let late = json!({"text": "Late", "media": [{"id": lone}], "accounts": [account.id]});
    assert_eq!(scene.try_post(late).await.status, 422, "nobody names it any more");
    age(fleet, &lone, HIDDEN).await;
    until_no_row(fleet, "assets", &lone).await;
    assert!(!lies(fleet, &lone));

    // A post needs the others: looks have come to nothing, and nobody takes them away.
    for id in [&named, &further] {
        let path = format!("/v1/media/{id}");
        eventually("it was looked at", Duration::from_secs(30), async || {
            let asset: AssetId = id.parse().unwrap();
            let ahead: bool = sqlx::query_scalar(
                "SELECT due_at > clock_timestamp() + interval '29 days' FROM jobs
                 WHERE kind = 'media' AND subject = $1",
            )
            .bind(asset.uuid())
            .fetch_one(&mut fleet.postgres().await)
            .await
            .unwrap();
            if ahead { Ok(()) } else { Err("it is due".to_owned()) }
        })
        .await;
        let refused = api.delete(&path).await;
        assert_eq!((refused.status, &refused.body["error"]), (409, &json!("media_in_use")));
        assert!(refused.body["message"].as_str().unwrap().contains(post["id"].as_str().unwrap()));
        assert_eq!(api.get(&path).await.status, 200);
    }
    // Hidden in the very moment in which a post was stored, it comes back.
    let hide = "assets SET hidden_at = clock_timestamp() - interval '2 hours'";
    age(fleet, &named, hide).await;
    eventually("it is back", Duration::from_secs(30), async || {
        let status = api.get(&format!("/v1/media/{named}")).await.status;
        if status == 200 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    assert!(scene.order(&post, "cancel").await.status < 300);
    assert_eq!(api.delete(&format!("/v1/media/{named}")).await.status, 200);
    assert_eq!(api.delete(&format!("/v1/media/{named}")).await.status, 404);
    age(fleet, &named, HIDDEN).await;
    until_no_row(fleet, "assets", &named).await;
    let audit = api.get("/v1/audit?limit=100").await;
    let is_told = |row: &Value| row["action"] == "media.delete" && row["subject"] == named.as_str();
    assert!(audit.data().as_array().unwrap().iter().any(is_told));

    // An upload that nobody finishes goes, with its parts.
    let offer = api.post("/v1/media/presign", &json!({})).await.data().clone();
    let (id, url) = (offer["id"].as_str().unwrap(), offer["url"].as_str().unwrap());
    let path = &url[url.find("/m/").unwrap()..];
    assert_eq!(send(api.open(Method::PUT, path).body(files::picture())).await.status, 200);
    assert!(lies(fleet, id));
    age(fleet, id, "uploads SET expires_at = clock_timestamp()").await;
    until_no_row(fleet, "uploads", id).await;
    assert!(!lies(fleet, id));
}
