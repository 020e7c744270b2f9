//! What becomes of a post is told once, in order, whoever ends it.

use super::{events, later};
use crate::support::scene::deliveries;
use crate::support::{Fleet, Scene};
use base::rng;
use domain::delivery::Status;
use domain::id::DeliveryId;
use domain::post::Stage;
use domain::rollup::{MOVES, Told};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

// case: T-rollup-agree
#[tokio::test]
async fn the_database_rolls_up_as_the_code_does() {
    let fleet = Fleet::shared().await;
    let mut db = fleet.postgres().await;
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT before, after, event FROM post_moves")
            .fetch_all(&mut db)
            .await
            .unwrap();
    let of_code = MOVES.iter().flat_map(|(to, event, from)| {
        let row =
            |from: &Told| (from.as_str().to_owned(), to.as_str().to_owned(), (*event).to_owned());
        from.iter().map(row).collect::<Vec<_>>()
    });
    assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), of_code.collect());
    for stage in Stage::ALL {
        for set in 1..1_u32 << Status::ALL.len() {
            let any = Status::ALL.into_iter().enumerate();
            let any: Vec<Status> =
                any.filter(|(place, _)| set & (1 << place) != 0).map(|one| one.1).collect();
            let words: Vec<&str> = any.iter().map(|status| status.as_str()).collect();
            let told: String = sqlx::query_scalar("SELECT post_status($1, $2)")
                .bind(stage.as_str())
                .bind(words)
                .fetch_one(&mut db)
                .await
                .unwrap();
            assert_eq!(told, Told::of(stage, &any).as_str(), "{stage:?} {any:?}");
        }
    }
}

// case: T-rollup-once
#[tokio::test]
async fn of_eight_that_end_a_post_at_once_one_tells() {
    const POSTS: usize = 25;
    const ENDS: usize = 8;
    let scene = Scene::open("ended").await;
    let mut accounts = Vec::new();
    for _ in 0..ENDS {
        accounts.push(scene.connect("ended").await.id);
    }
    let mut hands = Vec::new();
    for _ in 0..ENDS {
        hands.push(scene.fleet.postgres().await);
    }
    for round in 0..POSTS {
        let body = json!({
            "text": format!("{round}, {}", scene.brand), "accounts": accounts,
            "scheduledAt": later(7_200),
        });
        let post = scene.post(body).await;
        let shown = scene.scheduled(&post).await;
        let ids: Vec<Uuid> = deliveries(&shown).map(id).collect();
        let published = round % 3;
        let ends = hands.iter_mut().zip(&ids).enumerate().map(|(place, (hand, id))| async move {
            // None, one, or every one of them is out; the others failed.
            let is_out = published == 2 || published == 1 && place == 3;
            let sql = match is_out {
                true => {
                    "UPDATE deliveries SET status = 'published', remote_id = $2, permalink = $2
                     WHERE id = $1"
                }
                false => {
                    "UPDATE deliveries SET status = 'failed', failure = jsonb_build_object(
                         'type', 'PlatformTransientError', 'message', $2::text)
                     WHERE id = $1"
                }
            };
            let remote_id = rng::uuid().to_string();
            sqlx::query(sql).bind(*id).bind(remote_id).execute(hand).await.unwrap();
        });
        futures::future::join_all(ends).await;
        let end = ["post.failed", "post.partial", "post.published"][published];
        assert_eq!(events(&scene, &post).await, ["post.scheduled", end], "round {round}");
    }
}

fn id(delivery: &Value) -> Uuid {
    delivery["id"].as_str().unwrap().parse::<DeliveryId>().unwrap().uuid()
}
