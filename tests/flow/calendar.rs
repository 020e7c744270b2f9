//! Times by the clocks of a brand, and the calendar that is made of them.

use crate::support::{Scene, say};
use base::clock;
use domain::local::TimeZone;
use domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::process::Command;
use std::time::Duration;
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(86_400);

async fn live_in(scene: &Scene<'_>, zone: &str) {
    let brand = json!({"slug": scene.brand, "name": "Local", "timeZone": zone});
    assert_eq!(scene.api.post("/v1/brands", &brand).await.data()["timeZone"], zone);
}

// case: Z-local
#[tokio::test]
async fn a_time_without_an_offset_is_by_the_clocks_of_the_brand_and_surprises_are_told() {
    let (scene, account) = Scene::with_account("clocks").await;
    live_in(&scene, "America/New_York").await;
    let bodies = |changes: Value| {
        let mut body =
            json!({"text": format!("Clocks, {}", scene.brand), "accounts": [account.id]});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        body
    };
    // So far ahead that the days are known by rule alone.
    let table = [
        (json!({"scheduledAt": "2090-01-10T09:00"}), "2090-01-10T14:00:00.000Z", None),
        (json!({"scheduledAt": "2090-01-10T09:00:00-07:00"}), "2090-01-10T16:00:00.000Z", None),
        (json!({"scheduledAt": "2090-03-12T02:30"}), "2090-03-12T07:30:00.000Z", Some("skip")),
        (json!({"scheduledAt": "2090-11-05T01:30"}), "2090-11-05T05:30:00.000Z", Some("twice")),
        (
            json!({"scheduledAt": "2092-02-29T09:00:00.250", "timeZone": "Asia/Kolkata"}),
            "2092-02-29T03:30:00.250Z",
            None,
        ),
        (json!({"scheduledAt": "9999-12-29T09:00"}), "9999-12-29T14:00:00.000Z", None),
    ];
    for (changes, at, note) in table {
        let body = bodies(changes.clone());
        let post = scene.post(body.clone()).await;
        assert_eq!(
            (&post["scheduledAt"], &post["deliveries"][0]["dueAt"]),
            (&json!(at), &json!(at))
        );
        let told = post["scheduledAtNote"].as_str();
        assert_eq!(told.is_some(), note.is_some(), "{changes}: {told:?}");
        assert!(told.unwrap_or_default().contains(note.unwrap_or_default()), "{told:?}");
        let checked = scene.api.post("/v1/posts/validate", &scene.draft(body)).await;
        assert_eq!(checked.data()["scheduledAtNote"], post["scheduledAtNote"]);
        let listed = scene.show(&post).await;
        assert_eq!(listed["scheduledLocal"], post["scheduledLocal"]);
        let is_local = post["scheduledLocal"].is_string();
        assert_eq!(is_local, !changes["scheduledAt"].as_str().unwrap().ends_with("07:00"));
    }
    for (changes, field, resolution) in [
        (
            json!({"scheduledAt": "2090-01-10T09:00", "timeZone": "Berlin"}),
            "timeZone",
            "Europe/Berlin",
        ),
        (json!({"scheduledAt": "2020-01-10T09:00"}), "scheduledAt", "to come"),
        (json!({"scheduledAt": "9999-12-31T23:00"}), "scheduledAt", "2026-12-01T09:00"),
        (
            json!({"scheduledAt": "2090-01-10T09:00", "notAfter": "2090-01-10T08:59"}),
            "notAfter",
            "after",
        ),
    ] {
        let refused = scene.try_post(bodies(changes)).await;
        let [detail] = refused.details(422) else { panic!("{refused:?}") };
        assert_eq!(detail["field"], field);
        assert!(detail["resolution"].as_str().unwrap().contains(resolution), "{detail}");
    }
    let lost = json!({"slug": scene.brand, "name": "Local", "timeZone": "Europe/Berlim"});
    let lost = scene.api.post("/v1/brands", &lost).await;
    assert_eq!(lost.details(422)[0]["resolution"], "Did you mean `Europe/Berlin`?");
    // Naming no zone keeps the one there is.
    scene.api.client.ensure_brand(&scene.brand, "Renamed").await.unwrap();
    let brands = scene.api.get("/v1/brands").await;
    let brands = brands.data().as_array().unwrap();
    let brand = brands.iter().find(|brand| brand["slug"] == scene.brand.as_str()).unwrap();
    assert_eq!(
        (&brand["name"], &brand["timeZone"]),
        (&json!("Renamed"), &json!("America/New_York"))
    );
}

/// A day of a brand's calendar that is far enough ahead, as its date.
fn day(zone: &TimeZone, days: u32) -> String {
    zone.wall(clock::now() + DAY * days).unwrap().to_string()[..10].to_owned()
}

/// All of a calendar, page by page.
async fn pages(scene: &Scene<'_>, from: &str, to: &str, limit: u32) -> Vec<Value> {
    let path = format!("/v1/calendar?brand={}&from={from}&to={to}&limit={limit}", scene.brand);
    let (mut seen, mut next) = (Vec::new(), path.clone());
    loop {
        let page = scene.api.get(&next).await;
        let entries = page.data().as_array().unwrap();
        assert!(entries.len() <= limit as usize);
        seen.extend(entries.iter().cloned());
        let Value::String(cursor) = &page.body["nextCursor"] else { return seen };
        next = format!("{path}&after={cursor}");
    }
}

fn shown(entries: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = |entry: &Value| match entry["kind"].as_str() {
        Some("post") => text(&entry["post"]["text"]),
        _ if entry["accountId"].is_string() => "the account's slot".to_owned(),
        _ => "a slot".to_owned(),
    };
    entries.iter().map(|entry| (text(&entry["local"])[11..].to_owned(), words(entry))).collect()
}

// case: Z-calendar
#[tokio::test]
async fn a_calendar_shows_posts_and_free_slots_in_order_page_by_page() {
    let (scene, account) = Scene::with_account("calendar").await;
    let zone = TimeZone::named("Asia/Kolkata").unwrap();
    live_in(&scene, zone.name()).await;
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let week = |times: &[&str]| -> Vec<Value> {
        let of =
            |day: &'static str| times.iter().map(move |time| json!({"day": day, "time": time}));
        days.into_iter().flat_map(of).collect()
    };
    let put = async |path: String, times: &[&str]| {
        scene.api.put(&path, &json!({ "slots": week(times) })).await.data().clone()
    };
    put(format!("/v1/brands/{}/slots", scene.brand), &["09:00", "12:00", "15:00"]).await;
    put(format!("/v1/accounts/{}/slots", account.id), &["12:00", "18:00"]).await;

    let (from, to) = (day(&zone, 3), day(&zone, 4));
    let say = async |text: &str, time: &str| {
        let at = format!("{from}T{time}");
        let post = json!({"text": text, "accounts": [account.id], "scheduledAt": at});
        // Checked, so that it looks the same on every page.
        scene.scheduled(&scene.post(post).await).await
    };
    say("at noon", "12:00").await;
    say("in the afternoon", "13:30").await;
    say("a second one", "13:30").await;
    let gone = say("taken back", "09:00").await;
    scene.order(&gone, "cancel").await.data();
    say("at midnight", "00:00").await;
    scene
        .post(json!({"text": "the day after", "accounts": [account.id],
        "scheduledAt": format!("{to}T00:00")}))
        .await;

    let whole = pages(&scene, &from, &to, 100).await;
    let expected = [
        ("00:00:00+05:30", "at midnight"),
        ("09:00:00+05:30", "a slot"),
        ("12:00:00+05:30", "at noon"),
        ("13:30:00+05:30", "in the afternoon"),
        ("13:30:00+05:30", "a second one"),
        ("15:00:00+05:30", "a slot"),
        ("18:00:00+05:30", "the account's slot"),
    ];
    let expected = expected.map(|(time, words)| (time.to_owned(), words.to_owned()));
    assert_eq!(shown(&whole), expected);
    for limit in [1, 2, 3] {
        assert_eq!(pages(&scene, &from, &to, limit).await, whole, "pages of {limit}");
    }
    // What went out at once stands where it was accepted, and past slots are none.
    let out = scene.say(&account, &format!("Out, {}", scene.brand)).await;
    scene.published(&out).await;
    let begun: Timestamp = serde_json::from_value(out["createdAt"].clone()).unwrap();
    let (from, to) = (begun - DAY, begun + Duration::from_millis(1));
    let today = pages(&scene, &from.to_string(), &to.to_string(), 1).await;
    assert_eq!(today.len(), 1, "{today:?}");
    assert_eq!(
        (&today[0]["post"]["status"], &today[0]["at"]),
        (&json!("published"), &json!(begun))
    );
    let endless = format!("/v1/calendar?brand={}", scene.brand);
    assert_eq!(scene.api.get(&endless).await.details(422).len(), 2);
    let unknown = "/v1/calendar?brand=nobody&from=2026-12-01&to=2026-12-02";
    assert_eq!(scene.api.get(unknown).await.status, 404);
}

/// How Postgres would look a page up, with the settings that our connections have.
async fn plan(db: &mut PgConnection, brand: &str, explain: &str) -> String {
    let (brand, tenant): (Uuid, Uuid) =
        sqlx::query_as("SELECT id, tenant_id FROM brands WHERE slug = $1")
            .bind(brand)
            .fetch_one(&mut *db)
            .await
            .unwrap();
    for setting in ["plan_cache_mode = force_generic_plan", "enable_seqscan = off"] {
        sqlx::query(AssertSqlSafe(format!("SET LOCAL {setting}"))).execute(&mut *db).await.unwrap();
    }
    let types = "uuid, uuid, timestamptz, uuid, timestamptz, bigint";
    let prepare = format!("PREPARE page ({types}) AS {}", store::calendar::PLANNED);
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *db).await.unwrap();
    let page = format!(
        "{explain} EXECUTE page ('{tenant}', '{brand}', '2090-01-15', gen_random_uuid(),
             '2090-02-15', 51)"
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(page)).fetch_all(&mut *db).await.unwrap();
    let lines = rows.iter().map(|row| row.get::<String, _>(0));
    lines.collect::<Vec<_>>().join("\n")
}

// case: Z-plan
#[tokio::test]
async fn a_page_of_a_calendar_is_read_from_one_index_in_its_order() {
    let scene = Scene::open("plan").await;
    let mut db = scene.fleet.postgres().await;
    let mut tx = db.begin().await.unwrap();
    let plan = plan(&mut tx, &scene.brand, "EXPLAIN").await;
    assert!(plan.contains("Index Scan using posts_by_time"), "{plan}");
    assert!(plan.contains("ROW(COALESCE(scheduled_at, created_at), id) > ROW("), "{plan}");
    assert!(!plan.contains("Sort"), "{plan}");
}

// case: Z-plan-million
#[tokio::test]
#[ignore = "a million rows: Z-plan-million prints what a page costs"]
async fn a_page_of_a_million_posts_reads_what_it_shows() {
    let scene = Scene::open("million").await;
    let mut db = scene.fleet.postgres().await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO posts (id, tenant_id, brand_id, stage, draft, scheduled_at)
         SELECT gen_random_uuid(), b.tenant_id, b.id, 'live', '{}',
             timestamptz '2090-01-01' + n * interval '7 seconds'
         FROM brands b, generate_series(1, 1000000) n WHERE b.slug = $1",
    )
    .bind(&scene.brand)
    .execute(&mut *tx)
    .await
    .unwrap();
    sqlx::query("ANALYZE posts").execute(&mut *tx).await.unwrap();
    let plan = plan(&mut tx, &scene.brand, "EXPLAIN (ANALYZE, BUFFERS)").await;
    say(&plan);
    assert!(plan.contains("Index Scan using posts_by_time"), "{plan}");
    assert!(!plan.contains("Sort"), "{plan}");
}

// case: Z-command
#[tokio::test]
async fn the_command_line_sets_slots_and_shows_the_calendar() {
    let (scene, account) = Scene::with_account("weekly").await;
    let run = |arguments: &[&str]| {
        let place = scene.fleet.place();
        let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
        command.env("POSTFLEET_URL", &place.api_url).env("POSTFLEET_API_KEY", &place.api_key);
        let output = command.args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, set) = run(&["slots", &scene.brand, "--set", "mon 09:30", "--set", "thu 17:00"]);
    assert_eq!(code, Some(0), "{set}");
    assert!(set.starts_with("mon 09:30\nthu 17:00\nnext "), "{set}");
    let (_, shown) = run(&["slots", &scene.brand, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["revision"], &shown["timeZone"]), (&json!(1), &json!("UTC")));
    let at = shown["next"][0]["at"].as_str().unwrap();
    let post = ["post", "--brand", &scene.brand, "--account", &account.id, "--next-slot"];
    let (code, _) = run(&[&post[..], &["--text", "In a slot"]].concat());
    assert_eq!(code, Some(0));
    let (from, to) = (day(&TimeZone::UTC, 0), day(&TimeZone::UTC, 15));
    let (_, listed) = run(&["calendar", &scene.brand, "--from", &from, "--to", &to]);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with(&at[..16]) && lines[0].contains("In a slot"), "{listed}");
    assert!(lines[1..].iter().all(|line| line.ends_with("free")) && lines.len() > 2, "{listed}");
    let (code, _) = run(&["slots", &scene.brand, "--set", "mon 9:30"]);
    assert_eq!(code, Some(1));
}
