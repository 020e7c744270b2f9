//! Who looked into the vault, and what for.

use super::rotation::keys;
use crate::support::ageing::age;
use crate::support::{Scene, eventually};
use serde_json::Value;
use std::time::Duration;

// case: K-openings
#[tokio::test]
async fn each_opening_of_a_grant_is_counted_with_its_purpose() {
    let (scene, account) = Scene::with_account("openings").await;
    let quiet = scene.connect("quiet").await;
    for number in 1..=3 {
        let wording = format!("{number}, {}", scene.brand);
        scene.published(&scene.say(&account, &wording).await).await;
    }
    age(scene.fleet, &account, Duration::from_secs(20)).await;
    let wording = format!("Renewed, {}", scene.brand);
    scene.published(&scene.say(&account, &wording).await).await;

    let openings = async |of: &str| -> Vec<Value> {
        let shown = ["openings", "--hours", "1", "--json", "--account", of];
        let (is_good, said) = keys(scene.fleet, &shown).await;
        assert!(is_good, "{said}");
        serde_json::from_str(&said).unwrap()
    };
    let sum = |all: &[Value], purpose: &str| -> i64 {
        let of = all.iter().filter(|one| one["purpose"] == purpose);
        of.filter_map(|one| one["count"].as_i64()).sum()
    };
    eventually("they are counted", Duration::from_secs(20), async || {
        let all = openings(&account.id).await;
        // The last post was opened for twice: with the old grant and with the new one.
        let counted = (sum(&all, "publish"), sum(&all, "refresh"));
        if counted == (5, 1) { Ok(()) } else { Err(format!("{counted:?} in {all:?}")) }
    })
    .await;
    assert_eq!(openings(&quiet.id).await, Vec::<Value>::new(), "nobody had a look at it");
}
