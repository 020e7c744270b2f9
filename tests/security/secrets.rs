//! A full run, and then a search for every secret of it in all that it left behind.

use crate::support::ageing::{age, lose};
use crate::support::person::value;
use crate::support::{Account, Fleet, Scene, files};
use base::digest::{hex, sha256_hex};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// More tokens than one short run gives out.
const TOKENS: u64 = 400;

/// Everything that can happen to tokens: granted, renewed, refused, revoked, declined, lost.
async fn live(scene: &Scene<'_>) {
    let everybody = scene.connect_all("all").await;
    let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
    let film = scene.api.upload(files::FILM.to_vec(), "a.mp4").await;
    let body = json!({
        "text": "Everywhere", "media": [{"id": picture}],
        "accounts": everybody.iter().map(|account| &account.id).collect::<Vec<_>>(),
        "youtube": {"title": "A film", "media": [{"id": film}]},
    });
    scene.published(&scene.post(body).await).await;
    for account in &everybody {
        scene.fault(account, json!({"kind": "expireToken"})).await;
    }

    let quiet = scene.connect("quiet").await;
    let picture = scene.api.upload(files::picture(), "a.png").await;
    let body = json!({"text": "Look", "accounts": [quiet.id], "media": [{"id": picture}]});
    scene.published(&scene.post(body).await).await;

    let ending = scene.connect("ending").await;
    age(scene.fleet, &ending, Duration::from_secs(20)).await;
    scene.published(&scene.say(&ending, "Ending").await).await;

    let refused = scene.connect("refused").await;
    age(scene.fleet, &refused, Duration::from_secs(3_600)).await;
    scene.sim.fault(&refused.handle, json!({"kind": "expireToken"})).await;
    scene.published(&scene.say(&refused, "Refused").await).await;

    let lost = scene.connect("lost").await;
    let fault = json!({"kind": "acceptThenReset", "route": "tweets.create"});
    scene.sim.fault(&lost.handle, fault).await;
    scene.published(&scene.say(&lost, "Lost").await).await;

    // A refresh whose outcome nobody knows.
    let torn = scene.connect("torn").await;
    age(scene.fleet, &torn, Duration::ZERO).await;
    let body = json!({"error": "server_error", "error_description": "Try again later."});
    let fault = json!({
        "kind": "serverError", "route": "oauth.token", "status": 500, "body": body, "count": 1,
    });
    scene.sim.faults(json!([fault])).await;
    let held = scene.say(&torn, "Torn").await;

    let revoked = scene.connect_late("revoked").await;
    age(scene.fleet, &revoked, Duration::from_secs(3_600)).await;
    scene.sim.fault(&revoked.handle, json!({"kind": "revoke"})).await;
    let failed = scene.say(&revoked, "Revoked").await;
    lose(scene.fleet, &revoked).await;
    let failed = scene.settled(&failed).await;
    assert_eq!(failed["status"], "failed");
    decline(scene).await;
    scene.order(&held, "cancel").await;
    repeat(scene).await;
}

/// A platform that repeats the token in what it says, in each class of failure. The last one stops
/// our whole app there.
async fn repeat(scene: &Scene<'_>) {
    for status in [400, 403, 429, 500, 503, 401, 402] {
        let account = scene.connect("repeated").await;
        let log = scene.sim.log();
        let mut shown = log.iter().rev().filter_map(|line| line.get("request"));
        let bearer = shown.find_map(|request| request["headers"]["authorization"].as_str());
        let token = bearer.unwrap().trim_start_matches("Bearer ");
        let told = format!("Malformed token {token} (authorization: Bearer {token})");
        let body = json!({"title": told, "detail": told, "errors": [{"message": told}]});
        let fault = json!({
            "kind": "serverError", "route": "tweets.create", "status": status, "body": body,
            "count": 1,
        });
        scene.sim.fault(&account.handle, fault).await;
        let post = scene.say(&account, &format!("Repeated with {status}")).await;
        let is_told = |post: &Value| {
            let delivery = &post["deliveries"][0];
            let has_moved = ["published", "parked"].map(Value::from).contains(&delivery["status"]);
            has_moved || !delivery["error"].is_null()
        };
        scene.until(&post, "the refusal is told", is_told).await;
        scene.order(&post, "cancel").await;
    }
}

impl Scene<'_> {
    /// Connects once the misfortune of the token endpoint is over.
    async fn connect_late(&self, name: &str) -> Account {
        crate::support::eventually("the fault is used up", Duration::from_secs(20), async || {
            let metrics = self.api.metrics().await;
            let tried = metrics.lines().any(|line| {
                line.starts_with("postfleet_refreshes_total") && line.contains("failed")
            });
            if tried { Ok(()) } else { Err(metrics) }
        })
        .await;
        self.connect(name).await
    }
}

/// A person says no, and somebody brings a code that was never given out.
async fn decline(scene: &Scene<'_>) {
    let mut browser = client::Browser::new().unwrap();
    let link = scene.api.client.authorize("x", &scene.brand, None).await.unwrap();
    let page = browser.enter(&link).await.unwrap();
    let state = page.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let wrong = format!("/oauth/x/callback?code=sim_code_wrong&state={state}");
    let wrong = scene.fleet.place().api_url.parse::<url::Url>().unwrap().join(&wrong).unwrap();
    let page = browser.finish(&wrong).await.unwrap_err().to_string();
    assert!(!page.contains("sim_code_wrong") && !page.contains(&state), "{page}");
}

/// Somebody on the way: what the link, the browser and the platform's answer hold, and a token
/// that comes from elsewhere.
async fn visit(scene: &Scene<'_>) -> BTreeSet<String> {
    let wish = json!({});
    let link = scene.api.client.connect_link(&scene.brand, &wish).await.unwrap();
    let mut browser = client::Browser::new().unwrap();
    let looked = scene.api.open(reqwest::Method::GET, link.path()).send().await.unwrap();
    assert_eq!(looked.status(), 200);
    let lobby = browser.enter(&link).await.unwrap();
    let page = browser.begin(&lobby, "threads:default").await.unwrap();
    let back = browser.allow(&page, &["on-the-way"]).await.unwrap();
    let brought: Vec<String> = ["code", "state"].map(|name| value(&back, name)).to_vec();
    browser.finish(&back).await.unwrap();
    let again = browser.finish(&back).await.unwrap_err().to_string();
    let cookie = browser.cookie().unwrap().split('=').nth(1).unwrap().to_owned();

    let grant = scene.sim.grant_to("x", None, "elsewhere", "postfleet-dev-default").await;
    let token = |name: &str| grant[name].as_str().unwrap().to_owned();
    let import = json!({
        "brandSlug": scene.brand, "platform": "x", "accessToken": token("accessToken"),
        "refreshToken": token("refreshToken"),
    });
    let imported = scene.api.post("/v1/accounts/import", &import).await;
    assert_eq!(imported.data()["accounts"].as_array().map(Vec::len), Some(1), "{imported:?}");

    let ticket = link.path().rsplit('/').next().unwrap().to_owned();
    let mut all: BTreeSet<String> = brought.into_iter().collect();
    all.extend([ticket, cookie, token("accessToken"), token("refreshToken")]);
    assert!(all.iter().all(|secret| secret.len() > 12 && !again.contains(secret)), "{again}");
    all
}

/// Everything that can be asked for with the key: each route that the router has, with each
/// identifier that fits it.
async fn told(scene: &Scene<'_>) -> String {
    let router = include_str!("../../src/server/lib.rs");
    let routes = router.split(".route(").skip(1).filter(|route| route.contains("get("));
    let routes: Vec<&str> = routes.filter_map(|route| route.split('"').nth(1)).collect();
    assert!(routes.len() > 8, "the routes are read from the router: {routes:?}");
    let mut db = scene.fleet.postgres().await;
    let mut all = String::new();
    for route in routes {
        let ids = "SELECT 'pst_' || replace(id::text, '-', '') FROM posts UNION ALL
                   SELECT 'dlv_' || replace(id::text, '-', '') FROM deliveries UNION ALL
                   SELECT 'acc_' || replace(id::text, '-', '') FROM accounts UNION ALL
                   SELECT slug FROM brands UNION ALL SELECT 'x'";
        let ids: Vec<String> = sqlx::query_scalar(ids).fetch_all(&mut db).await.unwrap();
        let paths = ids.iter().map(|id| {
            let parts = route.split('/').map(|p| if p.starts_with('{') { id.as_str() } else { p });
            parts.collect::<Vec<_>>().join("/")
        });
        let paths: BTreeSet<String> = paths.collect();
        for path in paths {
            let answer = scene.api.request(reqwest::Method::GET, &path).send().await.unwrap();
            let head = format!("{:?}", answer.headers());
            let body = answer.bytes().await.unwrap();
            all += &format!("{path}\n{head}\n{}\n", String::from_utf8_lossy(&body));
        }
    }
    all
}

/// Every secret that was in use, as it could be written anywhere.
fn secrets(fleet: &Fleet, log: &[Value]) -> BTreeSet<String> {
    // The simulator draws its tokens from a counter; so all of them are known.
    let token = |kind: &str, number| {
        format!("sim_{kind}_{}", sha256_hex(format!("{kind}:{number}").as_bytes()))
    };
    let kinds = ["code", "access", "refresh"];
    let mut all: BTreeSet<String> =
        kinds.iter().flat_map(|kind| (1..=TOKENS).map(move |number| token(kind, number))).collect();
    let mut seen = BTreeSet::new();
    for request in log.iter().filter_map(|line| line.get("request")) {
        let bearer = request["headers"]["authorization"].as_str().unwrap_or_default();
        seen.extend(bearer.strip_prefix("Bearer ").map(str::to_owned));
        let form = request["body"].as_str().unwrap_or_default();
        for (name, value) in url::form_urlencoded::parse(form.as_bytes()) {
            match &*name {
                "refresh_token" => _ = seen.insert(value.into_owned()),
                "code_verifier" | "state" => _ = all.insert(value.into_owned()),
                _ => {}
            }
        }
    }
    assert!(seen.len() > 5, "the log shows tokens at work: {seen:?}");
    assert!(seen.is_subset(&all), "tokens are drawn in another way: {:?}", seen.difference(&all));
    // A grant that was given without a browser has a state that is no secret.
    all.retain(|secret| secret.len() > 12);
    all.insert(fleet.place().api_key.clone());
    let keys = fs::read_to_string(fleet.data().join("key")).unwrap();
    all.extend(keys.lines().map(str::trim).filter(|line| line.len() > 30).map(str::to_owned));
    spell(&mut all);
    all
}

/// A column of bytes shows secrets as hexadecimal digits.
fn spell(all: &mut BTreeSet<String>) {
    let spelt: Vec<String> = all.iter().map(|secret| hex(secret.as_bytes())).collect();
    all.extend(spelt);
}

/// What the other platforms were shown: tokens, codes, upload sessions, links to files.
fn elsewhere(scene: &Scene<'_>) -> BTreeSet<String> {
    const NAMES: [&str; 9] = [
        "access_token",
        "refresh_token",
        "fb_exchange_token",
        "code",
        "state",
        "code_verifier",
        "upload_id",
        "image_url",
        "video_url",
    ];
    let mut all = BTreeSet::new();
    for platform in platforms::names().into_iter().filter(|name| *name != "x") {
        let mut found = BTreeSet::new();
        for line in scene.sim.log_of(platform) {
            let text = |name: &str| line["request"][name].as_str().unwrap_or_default().to_owned();
            let bearer = line["request"]["headers"]["authorization"].as_str().unwrap_or_default();
            found.extend(bearer.strip_prefix("Bearer ").map(str::to_owned));
            for form in [text("query"), text("body")] {
                let pairs = url::form_urlencoded::parse(form.as_bytes());
                let secret = pairs.filter(|(name, _)| NAMES.contains(&&**name));
                // Of a link, what is behind its last slash opens it.
                let key = secret.map(|(_, v)| v.rsplit('/').next().unwrap_or_default().to_owned());
                found.extend(key);
            }
            let upload = text("path").rsplit('/').next().unwrap_or_default().to_owned();
            if text("path").contains("upload") && upload.len() > 20 {
                found.insert(upload);
            }
        }
        found.retain(|secret| secret.len() > 12);
        assert!(found.len() > 3, "{platform}: the log shows secrets at work: {found:?}");
        all.extend(found);
    }
    spell(&mut all);
    all
}

/// `pg_dump` from where the running server is.
fn dump_postgres(fleet: &Fleet, into: &Path) {
    let (postgres, _) = fleet.servers();
    let server = fs::read_link(format!("/proc/{postgres}/exe")).unwrap();
    let dump = Command::new(server.with_file_name("pg_dump"))
        .args(["--inserts", "--dbname", &fleet.place().postgres_url, "--file"])
        .arg(into)
        .output()
        .unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    assert!(fs::read_to_string(into).unwrap().contains("INSERT INTO public.credentials"));
}

/// Every key of Redis with its value, as `DUMP` packs it and as commands read it.
async fn dump_redis(fleet: &Fleet, into: &Path) {
    let mut redis = fleet.redis().await;
    let mut all = Vec::new();
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        let asked = scan.arg(cursor).arg("COUNT").arg(1_000);
        let (next, keys): (u64, Vec<Vec<u8>>) = asked.query_async(&mut redis).await.unwrap();
        for key in keys {
            let dump = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.unwrap();
            let packed: Option<Vec<u8>> = dump;
            all.extend([key, packed.unwrap_or_default(), vec![b'\n']].concat());
        }
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    assert!(!all.is_empty(), "Redis holds something");
    fs::write(into, all).unwrap();
    // Dumps may be compressed; the append-only file holds every command as it came.
    redis::cmd("CONFIG").arg("GET").arg("appendonly").exec_async(&mut redis).await.unwrap();
}

/// The files below these places that hold one of the secrets, with the first that each holds.
fn search(secrets: &Path, places: &[PathBuf]) -> String {
    let mut grep = Command::new("grep");
    grep.args(["-raoFm1", "-f"]).arg(secrets).arg("--").args(places).env("LC_ALL", "C");
    let found = grep.output().unwrap();
    assert!(
        matches!(found.status.code(), Some(0 | 1)),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
    String::from_utf8_lossy(&found.stdout).into_owned()
}

// case: spec-A2
// case: S-secrets
#[tokio::test]
async fn no_secret_of_a_full_run_is_in_postgres_redis_or_a_log() {
    let fleet = Fleet::start(&[], &[("POSTFLEET_LOG", "debug")]).await;
    let scene = Scene::on(&fleet, "secrets").await;
    live(&scene).await;
    let visited = visit(&scene).await;

    let folder = tempfile::tempdir().unwrap();
    let (needles, dumps) = (folder.path().join("secrets"), folder.path().join("dumps"));
    fs::create_dir(&dumps).unwrap();
    let mut all = secrets(&fleet, &scene.sim.log());
    all.extend(elsewhere(&scene));
    all.extend(visited.iter().flat_map(|secret| [secret.clone(), hex(secret.as_bytes())]));
    let all: Vec<String> = all.into_iter().collect();
    fs::write(&needles, all.join("\n")).unwrap();
    dump_postgres(&fleet, &dumps.join("postgres.sql"));
    dump_redis(&fleet, &dumps.join("redis")).await;
    fs::write(dumps.join("metrics"), scene.api.metrics().await).unwrap();
    fs::write(dumps.join("fleet.log"), fleet.log()).unwrap();
    let told = told(&scene).await;
    assert!(told.contains("Malformed token"), "what platforms said is told: {told:.3000}");
    fs::write(dumps.join("told"), told).unwrap();

    let state = fs::read(fleet.data().join("dev-state.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    let home = |server: &str| PathBuf::from(state[server]["home"].as_str().unwrap());
    // Rows that are dead, pages and logs written ahead: what an old disk would give away.
    let places = [dumps, home("postgres"), home("redis"), fleet.data().join("logs")];
    let found = search(&needles, &places);
    assert!(found.is_empty(), "secrets lie in clear in:\n{found:.2000}");
    // The search itself finds what is there.
    assert!(!search(&needles, &[fleet.data().join("sim")]).is_empty());
}
