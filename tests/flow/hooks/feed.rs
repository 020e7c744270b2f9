//! The feed of events misses nothing, however late it is committed.

use super::{alone, hook, tenant};
use crate::support::Receiver;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

async fn write(db: &mut PgConnection, tenant: Uuid, subject: &str) {
    sqlx::query(
        "INSERT INTO events (tenant_id, kind, subject, data)
         VALUES ($1, 'account.paused', $2, '{}')",
    )
    .bind(tenant)
    .bind(subject)
    .execute(db)
    .await
    .unwrap();
}

fn subjects(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|e| e["subject"].as_str().unwrap()).collect()
}

// case: W-late
#[tokio::test]
async fn an_event_that_commits_late_under_a_smaller_number_is_shown_and_sent_all_the_same() {
    let scene = alone("late").await;
    let receiver = Receiver::willing().await;
    let named = hook(&scene.api, &receiver.url("/"), &["account.*"]).await;
    let tenant = tenant(scene.fleet, &named).await.uuid();
    let (mut late, mut quick) = (scene.fleet.postgres().await, scene.fleet.postgres().await);
    let mut cursor = scene.api.get("/v1/events").await.body["nextCursor"].clone();
    let mut seen: Vec<String> = Vec::new();
    for round in 0..3 {
        let mut slow = late.begin().await.unwrap();
        write(&mut slow, tenant, &format!("late {round}")).await;
        write(&mut quick, tenant, &format!("quick {round}")).await;
        let next = format!("/v1/events?after={}&limit=1", cursor.as_str().unwrap());
        let page = scene.api.get(&next).await.body;
        assert_eq!(subjects(&page), [format!("quick {round}")]);
        cursor = page["nextCursor"].clone();
        seen.push(page["data"][0]["id"].as_str().unwrap().to_owned());
        // Nothing new: the place moves on, and what is under way stays owed.
        let next = format!("/v1/events?after={}", cursor.as_str().unwrap());
        let page = scene.api.get(&next).await.body;
        assert_eq!(subjects(&page), [""; 0]);
        cursor = page["nextCursor"].clone();
        slow.commit().await.unwrap();
        let next = format!("/v1/events?after={}", cursor.as_str().unwrap());
        let page = scene.api.get(&next).await.body;
        assert_eq!(subjects(&page), [format!("late {round}")]);
        let id = page["data"][0]["id"].as_str().unwrap().to_owned();
        assert!(&id < seen.last().unwrap(), "its number is the smaller one");
        seen.push(id);
        cursor = page["nextCursor"].clone();
    }
    let got = receiver.until("all are sent", |got| got.len() == 6).await;
    let mut sent: Vec<String> = got.into_iter().map(|one| one.id).collect();
    sent.sort();
    seen.sort();
    assert_eq!(sent, seen);

    for bad in ["soon", "MTAgMSAxMDoyMDoyNQ", "evt_1"] {
        let refused = scene.api.get(&format!("/v1/events?after={bad}")).await;
        assert_eq!(refused.details(422)[0]["field"], "after", "{bad}");
    }
    let rest = scene.api.get(&format!("/v1/events?after={}&limit=2", seen[3])).await;
    assert_eq!(subjects(&rest.body).len(), 2);
    assert_eq!(rest.body["hasMore"], json!(true));
    let other = scene.fleet.another_tenant("spec").await;
    assert_eq!(other.get("/v1/events").await.data(), &json!([]));
    assert_eq!(other.get(&format!("/v1/events/{}", seen[0])).await.status, 404);
}
