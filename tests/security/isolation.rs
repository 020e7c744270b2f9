//! Every route of the API, asked by one tenant for the things of another.
//!
//! The routes are read from the API's document, which names every one, so one that is added is
//! asked too.

use crate::support::api::{Answer, Api, send};
use crate::support::scene::Account;
use crate::support::{Fleet, Scene, eventually, files};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeMap;
use std::time::Duration;

/// A route that names nothing of anybody: its names are the caller's own.
const OWN_NAMES: [&str; 1] = ["/v1/oauth-apps/{platform}/{app}"];

/// The things of the first tenant.
struct Things {
    brand: String,
    account: Account,
    post: String,
    waiting: String,
    delivery: String,
    file: String,
    upload: String,
    key: String,
    hook: String,
    event: String,
    erasure: String,
}

/// Every method and path that the API's document names.
async fn routes(api: &Api) -> Vec<(Method, String)> {
    let document = send(api.open(Method::GET, "/v1/openapi.json")).await.body;
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, methods): (&String, &Value)| -> Vec<(Method, String)> {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|name| (name.to_uppercase().parse().unwrap(), path.clone())).collect()
    };
    paths.iter().flat_map(of).collect()
}

impl Things {
    async fn of(scene: &Scene<'_>) -> Self {
        let account = scene.connect("mine").await;
        let out = scene.say(&account, &format!("Mine, {}", scene.brand)).await;
        scene.published(&out).await;
        let far = "2099-01-01T00:00:00Z";
        let body = json!({"text": "Later", "accounts": [account.id], "scheduledAt": far});
        let waiting = scene.post(body).await;
        scene.scheduled(&waiting).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        // Both are paused, so that a list of pauses has something to show, and a resume to end.
        let why = json!({"reason": "Mine."});
        scene.api.post(&format!("/v1/accounts/{}/pause", account.id), &why).await.data();
        scene.api.post(&format!("/v1/brands/{}/pause", scene.brand), &why).await.data();
        let hook = json!({"url": "https://example.com/hook", "events": ["account.*"]});
        let hook = scene.api.post("/v1/webhooks", &hook).await;
        scene.api.client.ensure_brand("leaving", "Leaving").await.unwrap();
        let erasure = scene.api.delete("/v1/brands/leaving").await.data().clone();
        let path = format!("/v1/erasures/{}", text(&erasure["id"]));
        eventually("a brand is erased", Duration::from_secs(40), async || {
            let shown = scene.api.get(&path).await.data()["status"].clone();
            if shown == "done" { Ok(()) } else { Err(shown.to_string()) }
        })
        .await;
        Self {
            erasure: text(&erasure["id"]),
            brand: scene.brand.clone(),
            post: text(&out["id"]),
            waiting: text(&waiting["id"]),
            delivery: text(&out["deliveries"][0]["id"]),
            file: scene.api.upload(files::picture(), "mine.png").await,
            upload: begun(&scene.api).await,
            key: text(&scene.api.get("/v1/keys").await.data()[0]["id"]),
            hook: text(&hook.data()["id"]),
            event: text(&scene.api.get("/v1/events").await.data()[0]["id"]),
            account,
        }
    }

    /// The path of a route with these things in the place of its names, and what was named.
    fn fill(&self, route: &str) -> Vec<(String, Option<String>)> {
        let ids: Vec<&str> = match route.split('/').nth(2).unwrap_or_default() {
            "posts" => vec![&self.post, &self.waiting],
            "deliveries" => vec![&self.delivery],
            "accounts" => vec![&self.account.id],
            "media" => vec![&self.file],
            "uploads" => vec![&self.upload],
            "keys" => vec![&self.key],
            "webhooks" => vec![&self.hook],
            "events" => vec![&self.event],
            "erasures" => vec![&self.erasure],
            _ => Vec::new(),
        };
        if route.contains("{slug}") {
            return vec![(route.replace("{slug}", &self.brand), None)];
        }
        if !route.contains("{id}") {
            return vec![(route.replace("{platform}", "x"), None)];
        }
        assert!(!ids.is_empty(), "say here which thing {route} is asked for");
        ids.into_iter().map(|id| (route.replace("{id}", id), Some(id.to_owned()))).collect()
    }

    /// A body that would have its effect if the things were the caller's.
    fn body(&self, method: &Method, route: &str) -> Value {
        let post = json!({
            "brandSlug": "theirs", "text": "Theirs", "accounts": [self.account.id],
            "media": [{"id": self.file}],
        });
        match (method.as_str(), route) {
            ("POST", "/v1/posts" | "/v1/posts/validate") => post,
            ("PATCH", "/v1/posts/{id}") => json!({"text": "Theirs", "revision": 1}),
            ("POST", "/v1/posts/{id}/hold") => json!({"reason": "approval"}),
            ("POST", "/v1/deliveries/{id}/review") => {
                json!({"outcome": "notPublished", "then": "drop", "reason": "Theirs."})
            }
            ("POST", "/v1/deliveries/retry") => json!({"accountId": self.account.id}),
            ("POST", "/v1/accounts/{id}/pause" | "/v1/brands/{slug}/pause") => {
                json!({"reason": "Theirs."})
            }
            ("PUT", "/v1/accounts/{id}/limits") => json!({"postsPerDay": 1}),
            ("PUT", path) if path.ends_with("/slots") => {
                json!({"slots": [{"day": "mon", "time": "09:00"}]})
            }
            ("POST", "/v1/oauth/{platform}/authorize") => {
                json!({"brandSlug": "theirs", "accountId": self.account.id})
            }
            ("POST", "/v1/oauth/exchange") => {
                json!({"platform": "x", "code": "c", "state": "s"})
            }
            ("POST", "/v1/oauth/choose") => json!({"exchange": "e", "ids": ["1"]}),
            ("POST", "/v1/accounts/import") => {
                json!({"brandSlug": self.brand, "platform": "x", "accessToken": "t"})
            }
            ("POST", "/v1/brands") => json!({"slug": "theirs", "name": "Theirs"}),
            ("PATCH", "/v1/webhooks/{id}") => json!({"description": "Theirs"}),
            ("POST", "/v1/webhooks/{id}/redeliver") => json!({"status": "failed"}),
            ("POST", "/v1/keys") => json!({"label": "x", "brands": {&self.brand: "owner"}}),
            _ => json!({}),
        }
    }
}

/// An upload that is begun and not finished.
async fn begun(api: &Api) -> String {
    let request = api.request(Method::POST, "/v1/uploads").header("Tus-Resumable", "1.0.0");
    let answer = send(request.header("Upload-Length", 100)).await;
    answer.data()["id"].as_str().unwrap().to_owned()
}

/// Every row of a tenant, as one digest a table; what is written of the asking itself aside, and
/// the count of opened grants, which the workers write down later.
async fn rows(fleet: &Fleet, brand: &str) -> BTreeMap<String, String> {
    let mut db = fleet.postgres().await;
    let tables = sqlx::query(
        "SELECT table_name::text AS name FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'tenant_id'
             AND table_name NOT IN ('audit', 'api_keys', 'openings')",
    );
    let tables = tables.fetch_all(&mut db).await.unwrap();
    let mut digests = BTreeMap::new();
    for table in tables {
        let name: String = table.get("name");
        let digest = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {name} t
             WHERE tenant_id = (SELECT tenant_id FROM brands WHERE slug = $1
                 ORDER BY created_at LIMIT 1)"
        )));
        digests.insert(name, digest.bind(brand).fetch_one(&mut db).await.unwrap());
    }
    assert!(digests.len() > 15, "{digests:?}");
    digests
}

async fn ask(api: &Api, method: &Method, path: &str, body: &Value) -> Answer {
    let request = api.request(method.clone(), path);
    match *method == Method::GET {
        true => send(request).await,
        false => send(request.json(body)).await,
    }
}

// case: S-isolation
#[tokio::test]
async fn no_route_shows_or_changes_a_thing_of_another_tenant() {
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "isolated").await;
    let things = Things::of(&scene).await;
    let other = fleet.another_tenant("spec").await;
    other.client.ensure_brand("theirs", "Theirs").await.unwrap();
    let before = rows(fleet, &things.brand).await;

    let (mut asked, mut named) = (0, Vec::new());
    for (method, route) in routes(&other).await {
        if OWN_NAMES.contains(&route.as_str()) || route == "/v1/media" {
            continue;
        }
        for (path, id) in things.fill(&route) {
            let answer = ask(&other, &method, &path, &things.body(&method, &route)).await;
            asked += 1;
            if let Some(id) = id {
                assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
                // An event has no owner to be told of it.
                if !route.starts_with("/v1/events") {
                    named.push((id, format!("{method} {route}")));
                }
            } else if route.contains("{slug}") {
                assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            }
            // Whatever else is answered, it tells of nothing that the other has not said itself.
            let told = answer.body.to_string();
            for secret in [&things.post, &things.waiting, &things.delivery, &things.account.handle]
            {
                let is_said = path.contains(secret.as_str());
                assert!(is_said || !told.contains(secret.as_str()), "{method} {path}: {told}");
            }
        }
    }
    assert!(asked > 40 && named.len() > 25, "{asked} asked, {} named", named.len());
    assert_eq!(rows(fleet, &things.brand).await, before, "something has changed");

    let paused = scene.api.get("/v1/pauses").await.data().clone();
    let kinds: Vec<&Value> = paused.as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["brand", "account"], "somebody else has resumed it");

    let told = audit(&scene.api).await;
    let is_told = |subject: &str, how: &str| {
        told.iter().any(|row| {
            row["action"] == "access.refused"
                && row["subject"] == subject
                && row["reason"].as_str().unwrap().contains(how)
        })
    };
    for (id, how) in &named {
        assert!(is_told(id, &format!("({how})")), "{how} on {id} is in no audit");
    }
    assert!(is_told(&things.account.id, "(in a post)") && is_told(&things.file, "(in a post)"));
    // Of whose key it was, the other tenant's audit shows as little as of the asking.
    let theirs = audit(&other).await;
    assert!(theirs.iter().all(|row| row["action"] != "access.refused"), "{theirs:?}");
}

/// The whole audit of a tenant.
async fn audit(api: &Api) -> Vec<Value> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/v1/audit?limit=100{before}")).await;
        all.extend(page.data().as_array().unwrap().iter().cloned());
        match page.body["nextCursor"].as_str() {
            Some(cursor) => before = format!("&before={cursor}"),
            None => return all,
        }
    }
}
