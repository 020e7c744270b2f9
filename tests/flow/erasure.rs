//! What is erased is gone: no post of it goes out, no row, file or grant is left of it.

use crate::support::fleet::program;
use crate::support::scene::Account;
use crate::support::{Fleet, Scene, eventually, files};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(40);
const FAR: &str = "2099-01-01T00:00:00Z";

/// The tables that have a word in some row; the count of opened grants aside, which the workers
/// write down later and forget after three months.
async fn rows_with(fleet: &Fleet, word: &str) -> Vec<String> {
    let mut db = fleet.postgres().await;
    let tables = "SELECT relname::text FROM pg_class
                  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                      AND relname <> 'openings'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut db).await.unwrap();
    assert!(tables.len() > 30, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let count = format!("SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0");
        let count = sqlx::query_scalar(AssertSqlSafe(count)).bind(word);
        let count: i64 = count.fetch_one(&mut db).await.unwrap();
        found.extend((count > 0).then_some(table));
    }
    found
}

/// As rows of tables have it.
fn uuid(id: &str) -> String {
    let digits = id.split_once('_').unwrap().1;
    digits.parse::<sqlx::types::Uuid>().unwrap().to_string()
}

fn is_there(scene: &Scene<'_>, tenant: &str, file: &str) -> bool {
    scene.fleet.data().join("media").join(tenant).join(file).exists()
}

async fn tenant_of(scene: &Scene<'_>, account: &Account) -> String {
    let sql = "SELECT 'tnt_' || replace(tenant_id::text, '-', '') FROM accounts
               WHERE id = $1::uuid";
    let asked = sqlx::query_scalar(sql).bind(uuid(&account.id));
    asked.fetch_one(&mut scene.fleet.postgres().await).await.unwrap()
}

async fn done(scene: &Scene<'_>, erasure: &Value) -> Value {
    let path = format!("/v1/erasures/{}", erasure["id"].as_str().unwrap());
    eventually("the erasure is done", WITHIN, async || {
        let shown = scene.api.get(&path).await.data().clone();
        if shown["status"] == "done" { Ok(shown) } else { Err(shown.to_string()) }
    })
    .await
}

// case: E-brand
#[tokio::test]
async fn an_erased_brand_leaves_no_row_no_file_and_no_post_that_goes_out() {
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "erased").await;
    let other = Scene::of(fleet, scene.api.again(), "spared").await;
    let (account, spared) = (scene.connect("erased").await, other.connect("spared").await);
    let tenant = tenant_of(&scene, &account).await;
    let own = scene.api.upload(files::picture(), "own.png").await;
    let shared = scene.api.upload(files::picture(), "shared.png").await;
    let with = |text: &str, account: &Account, file: &str| {
        let media = json!([{"id": file}]);
        json!({"text": text, "accounts": [account.id], "media": media})
    };
    let marked = |what: &str| format!("{what} of {}", scene.brand);
    let out = scene.post(with(&marked("Out"), &account, &own)).await;
    scene.published(&out).await;
    let mut far = with(&marked("Far"), &account, &shared);
    far["scheduledAt"] = FAR.into();
    let far = scene.post(far).await;
    scene.post(json!({"text": marked("Draft"), "accounts": [account.id], "draft": true})).await;
    let mut kept = with("Kept", &spared, &shared);
    kept["scheduledAt"] = FAR.into();
    let kept = other.post(kept).await;
    // A call that is heard, and answered while the brand is being erased.
    scene.fault(&account, json!({"kind": "delay", "route": "tweets.create", "ms": 1_500})).await;
    let sending = scene.say(&account, &marked("Sending")).await;
    scene
        .until(&sending, "its call is under way", |shown| {
            let status = shown["deliveries"][0]["status"].as_str();
            matches!(status, Some("sending" | "reconciling" | "published"))
        })
        .await;

    let path = format!("/v1/brands/{}", scene.brand);
    let asked = scene.api.delete(&path).await;
    assert_eq!((asked.status, &asked.data()["status"]), (202, &json!("running")), "{asked:?}");
    let again = scene.api.delete(&path).await;
    assert_eq!(again.data()["id"], asked.data()["id"], "twice is once");
    let anew = json!({"slug": scene.brand, "name": "Anew"});
    let refused = scene.api.post("/v1/brands", &anew).await;
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("being_erased")));
    let late = scene.try_post(json!({"text": "Late", "accounts": [account.id]})).await;
    assert_eq!(late.status, 422, "nobody finds the brand any more: {late:?}");

    let ended = done(&scene, asked.data()).await;
    let counted = [&ended["posts"], &ended["accounts"], &ended["files"]];
    assert_eq!(counted, [&json!(4), &json!(1), &json!(1)], "{ended}");
    let mut texts = scene.texts(&account).await;
    texts.sort();
    assert_eq!(texts, [marked("Out"), marked("Sending")], "what was under way was waited for");
    for id in [&out["id"], &far["id"], &sending["id"], &far["deliveries"][0]["id"]] {
        let id = id.as_str().unwrap();
        assert_eq!(rows_with(fleet, &uuid(id)).await, Vec::<String>::new(), "{id}");
        let kept_in: Vec<String> = rows_with(fleet, id).await;
        assert!(kept_in.iter().all(|table| table == "audit"), "{id} in {kept_in:?}");
    }
    for word in [uuid(&account.id), scene.brand.clone(), account.handle.clone()] {
        assert_eq!(rows_with(fleet, &word).await, Vec::<String>::new(), "{word} is left");
    }
    let files = [&own, &shared].map(|file| is_there(&scene, &tenant, file));
    assert_eq!(files, [false, true], "a file that another brand uses stays");
    assert_eq!(other.show(&kept).await["status"], "scheduled");
    let audit = scene.api.get("/v1/audit?limit=100").await;
    let told = |action: &str| {
        let rows = audit.data().as_array().unwrap().iter();
        rows.filter(|row| row["action"] == action).cloned().collect::<Vec<_>>()
    };
    assert_eq!((told("brand.erase").len(), told("brand.erased").len()), (1, 1));
    assert_eq!(told("brand.erased")[0]["after"]["posts"], 4);
    assert_eq!(scene.api.delete(&path).await.status, 404);
    assert_eq!(scene.api.post("/v1/brands", &anew).await.status, 200, "the slug is free again");
}

// case: E-tenant
// case: S-11-erased
#[tokio::test]
async fn an_erased_tenant_leaves_its_number_and_its_audit() {
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("spec").await, "whole").await;
    let account = scene.connect("whole").await;
    let tenant = tenant_of(&scene, &account).await;
    scene.published(&scene.say(&account, &format!("Out of {}", scene.brand)).await).await;
    let file = scene.api.upload(files::picture(), "unused.png").await;
    let begun = scene.api.request(Method::POST, "/v1/uploads").header("Tus-Resumable", "1.0.0");
    let begun = begun.header("Upload-Length", "5").send().await.unwrap();
    assert_eq!(begun.status(), 201);
    let hook = json!({"url": "https://example.com/hook", "description": "theirs"});
    assert_eq!(scene.api.post("/v1/webhooks", &hook).await.status, 201);

    let erase = async |arguments: &[&str]| {
        let mut command = program();
        command.arg("tenants").args(arguments).arg("--json").arg("--data").arg(fleet.data());
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        serde_json::from_slice::<Value>(&ran.stdout).map_err(|_| told)
    };
    let unsure = erase(&["erase", &tenant, "--confirm", "another"]).await.unwrap_err();
    assert!(unsure.contains("--confirm"), "{unsure}");
    let asked = erase(&["erase", &tenant, "--confirm", &tenant]).await.unwrap();
    assert_eq!(scene.api.get("/v1/brands").await.status, 401, "its keys open nothing any more");
    let id = asked["id"].as_str().unwrap().to_owned();
    let ended = eventually("the tenant is erased", WITHIN, async || {
        let shown = erase(&["erasure", &id]).await?;
        if shown["status"] == "done" { Ok(shown) } else { Err(shown.to_string()) }
    })
    .await;
    assert_eq!(ended["files"], 2, "one, and one of which nothing has come: {ended}");

    let mut left = rows_with(fleet, &uuid(&tenant)).await;
    left.sort();
    assert_eq!(left, ["audit", "erasures", "tenants"]);
    for word in [&scene.brand, &account.handle, &uuid(&account.id)] {
        assert_eq!(rows_with(fleet, word).await, Vec::<String>::new(), "{word} is left");
    }
    assert!(!is_there(&scene, &tenant, &file));
    let gone = erase(&["erase", &tenant, "--confirm", &tenant]).await.unwrap_err();
    assert!(gone.contains("there is no"), "{gone}");
    let verified =
        program().args(["audit", "verify", "--data"]).arg(fleet.data()).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && said.contains("the audit is whole"), "{said}");
}
