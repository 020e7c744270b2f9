//! `postfleet dev` after its death: everything is found again where it was.

use crate::support::{Fleet, Scene};
use std::process::Command;

// case: dev-adopt
#[tokio::test]
async fn a_killed_fleet_finds_its_servers_its_ports_and_its_data_again() {
    let mut fleet = Fleet::start(&[], &[]).await;
    let (account, post) = {
        let scene = Scene::on(&fleet, "adopt").await;
        let account = scene.connect("adopt").await;
        let post = scene.say(&account, &format!("Before, {}", scene.brand)).await;
        (account, scene.published(&post).await)
    };
    let (before, servers) = (fleet.place().clone(), fleet.servers());

    // Nobody else may work on this directory.
    let mut second = Command::new(env!("CARGO_BIN_EXE_postfleet"));
    let refused = second.arg("dev").arg("--data").arg(fleet.data()).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("already runs"), "{told}");

    fleet.kill();
    fleet.restart(&[]).await;
    let after = fleet.place();
    assert_eq!(fleet.servers(), servers, "Postgres and Redis were adopted");
    assert_eq!(
        (&after.api_url, &after.sim_url, &after.api_key),
        (&before.api_url, &before.sim_url, &before.api_key),
    );
    let scene = Scene::on(&fleet, "adopt").await;
    assert_eq!(scene.show(&post).await, post);
    let texts = scene.texts(&account).await;
    assert_eq!(texts.len(), 1, "the simulator remembers: {texts:?}");
}
