//! The bare server of `postfleet bench accept`: it reads JSON, inserts the rows of a post in one
//! statement, and answers with its id. It checks nobody and nothing.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base::digest::sha256_hex;
use base::{Context, Fault, rng};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use store::Store;
use store::seeds::{BarePost, Seat};
use tokio::net::TcpListener;
use uuid::Uuid;

/// What the hidden command `bench bare-acceptor` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Postgres.
    #[arg(long)]
    postgres: String,
    /// Where it listens.
    #[arg(long)]
    listen: SocketAddr,
    /// The account that every post goes to.
    #[arg(long)]
    account: Uuid,
    /// The tenant and brand of the posts.
    #[arg(long)]
    tenant: Uuid,
}

#[derive(Clone)]
struct Site {
    store: Store,
    seat: Seat,
}

/// Serves until it is killed.
///
/// # Errors
/// The port or Postgres cannot be had.
pub async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let config = store::Config { url: arguments.postgres.clone(), ..store::Config::default() };
    let store = Store::connect(&config).await?;
    let seat = Seat { account: arguments.account, tenant: arguments.tenant };
    let routes = Router::new().route("/v1/posts", post(create)).with_state(Site { store, seat });
    let listener = TcpListener::bind(arguments.listen).await?;
    axum::serve(listener, routes).await.context("serving HTTP")
}

async fn create(
    State(site): State<Site>,
    headers: HeaderMap,
    body: String,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    let draft: Value = serde_json::from_str(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    // Ours keeps a key of its own.
    let key = key.map(|key| format!("bare-{key}"));
    let id = rng::uuid();
    let post =
        BarePost { id, delivery: rng::uuid(), draft, key, sha256: sha256_hex(body.as_bytes()) };
    match site.store.insert_bare(site.seat, post).await {
        Ok(()) => Ok((StatusCode::CREATED, Json(json!({ "id": id })))),
        Err(fault) => {
            tracing::error!(%fault, "a bare post was not stored");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
