//! What a test can see and order under `/_sim`.

use super::faults::{Faults, Planned};
use super::host::Hosted;
use super::{World, grants};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base::{Context, Fault, clock};
use domain::time::Timestamp;
use http::StatusCode;
use platforms::sim::{Accepted, Control};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

/// The routes under `/_sim`.
pub fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/_sim/accepted", get(accepted))
        .route("/_sim/accounts", get(accounts))
        .route("/_sim/grants", post(grants::give))
        .route("/_sim/limits", get(limits).put(put_limits))
        .route("/_sim/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/_sim/clock", get(show_clock).put(put_clock))
        .route("/_sim/reset", post(reset))
}

/// The clock of the simulators: the machine's, moved by what a test ordered.
#[derive(Debug)]
pub struct Clock {
    offset_ms: AtomicI64,
    file: PathBuf,
}

impl Clock {
    /// Reads how far the clock was moved before a restart.
    ///
    /// # Errors
    /// The note is not a number.
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        let file = folder.join("clock-offset-ms");
        let offset_ms = match fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().context(format!("reading {}", file.display()))?,
            Err(_) => 0,
        };
        Ok(Self { offset_ms: AtomicI64::new(offset_ms), file })
    }

    /// The present, as the simulators see it.
    pub fn now(&self) -> Timestamp {
        let offset = self.offset_ms.load(Ordering::SeqCst);
        Timestamp::from_ms(clock::now().ms().saturating_add(offset))
    }

    fn set(&self, offset_ms: i64) -> Result<(), Refusal> {
        fs::write(&self.file, offset_ms.to_string()).map_err(|error| Refusal::ours(&error))?;
        self.offset_ms.store(offset_ms, Ordering::SeqCst);
        Ok(())
    }

    fn show(&self) -> Value {
        json!({"now": self.now(), "offsetMs": self.offset_ms.load(Ordering::SeqCst)})
    }
}

/// A control that cannot be carried out, with a sentence that says why.
pub struct Refusal(StatusCode, String);

impl Refusal {
    /// What was asked for cannot be done.
    pub fn new(message: impl Into<String>) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, message.into())
    }

    /// Our own disk failed.
    pub fn ours(error: &dyn std::fmt::Display) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, axum::Json(json!({"error": self.1}))).into_response()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    platform: Option<String>,
    from: Option<usize>,
}

/// JSON, or why not.
pub type Shown = Result<axum::Json<Value>, Refusal>;
/// What every control is about.
pub type Shared = State<Arc<World>>;

impl World {
    /// The simulator of this platform.
    ///
    /// # Errors
    /// It is not simulated here.
    pub fn named(&self, name: &str) -> Result<&Hosted, Refusal> {
        self.hosted.iter().find(|hosted| hosted.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.hosted.iter().map(|hosted| hosted.name).collect();
            Refusal::new(format!(
                "no platform {name:?} is simulated here, only {}",
                names.join(", ")
            ))
        })
    }

    fn script(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `look` sees in the platform that was asked for, or in each under its name.
    fn look(&self, which: &Which, look: impl Fn(&Hosted) -> Value) -> Shown {
        let shown = match which.platform.as_deref() {
            Some(name) => look(self.named(name)?),
            None => {
                let each = self.hosted.iter().map(|hosted| (hosted.name.to_owned(), look(hosted)));
                Value::Object(each.collect::<Map<_, _>>())
            }
        };
        Ok(axum::Json(shown))
    }
}

/// The accepted irreversible writes, oldest first; `from` leaves out so many of each platform.
async fn accepted(
    State(world): Shared,
    Query(which): Query<Which>,
) -> Result<axum::Json<Vec<Accepted>>, Refusal> {
    let from = which.from.unwrap_or(0);
    let of = |hosted: &Hosted| -> Vec<Accepted> {
        hosted.lock().simulator.accepted().iter().skip(from).cloned().collect()
    };
    let mut all: Vec<Accepted> = match which.platform.as_deref() {
        Some(name) => of(world.named(name)?),
        None => world.hosted.iter().flat_map(of).collect(),
    };
    all.sort_by_key(|accepted| accepted.at);
    Ok(axum::Json(all))
}

async fn accounts(State(world): Shared, Query(which): Query<Which>) -> Shown {
    world.look(&which, |hosted| hosted.lock().simulator.accounts())
}

async fn limits(State(world): Shared, Query(which): Query<Which>) -> Shown {
    world.look(&which, |hosted| hosted.lock().simulator.limits())
}

async fn put_limits(State(world): Shared, Query(which): Query<Which>, body: Bytes) -> Shown {
    let name =
        which.platform.as_deref().ok_or_else(|| Refusal::new("which platform? ?platform="))?;
    let hosted = world.named(name)?;
    let limits = parse(&body)?;
    order(&world, hosted, &Control::Limits { limits })?;
    world.look(&which, |hosted| hosted.lock().simulator.limits())
}

async fn faults(State(world): Shared) -> axum::Json<Value> {
    axum::Json(world.script().show())
}

async fn add_faults(State(world): Shared, body: Bytes) -> Shown {
    let list = match parse(&body)? {
        Value::Array(list) => list,
        one => vec![one],
    };
    let mut planned = Vec::with_capacity(list.len());
    for (at, fault) in list.iter().enumerate() {
        let fault = Planned::parse(fault).map_err(|why| Refusal::new(format!("[{at}]: {why}")))?;
        world.named(&fault.aim.platform)?;
        planned.push(fault);
    }
    for fault in planned {
        match fault.control().filter(|_| fault.is_immediate()) {
            Some(control) => order(&world, world.named(&fault.aim.platform)?, &control)?,
            None => world.script().add(fault).map_err(Refusal::new)?,
        }
    }
    Ok(axum::Json(world.script().show()))
}

async fn clear_faults(State(world): Shared, Query(which): Query<Which>) -> Shown {
    let mut script = world.script();
    script.clear(which.platform.as_deref());
    Ok(axum::Json(script.show()))
}

async fn show_clock(State(world): Shared) -> axum::Json<Value> {
    axum::Json(world.clock.show())
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Move {
    offset_ms: i64,
}

async fn put_clock(State(world): Shared, body: Bytes) -> Shown {
    let to: Move = serde_json::from_slice(&body).map_err(|why| Refusal::new(why.to_string()))?;
    world.clock.set(to.offset_ms)?;
    Ok(axum::Json(world.clock.show()))
}

/// Forgets everything that happened to one platform, or to all with the faults and the clock.
async fn reset(State(world): Shared, Query(which): Query<Which>) -> Shown {
    if let Some(name) = which.platform.as_deref() {
        world.named(name)?;
    } else {
        world.clock.set(0)?;
    }
    for hosted in &world.hosted {
        if which.platform.as_deref().is_none_or(|name| name == hosted.name) {
            hosted.lock().reset().map_err(|fault| Refusal::ours(&fault))?;
        }
    }
    world.script().clear(which.platform.as_deref());
    Ok(axum::Json(json!({"reset": true})))
}

fn order(world: &World, hosted: &Hosted, control: &Control) -> Result<(), Refusal> {
    let mut inner = hosted.lock();
    let now = world.clock.now();
    inner.control(control, now).map_err(|fault| Refusal::new(format!("{}: {fault}", hosted.name)))
}

fn parse(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|why| Refusal::new(format!("not JSON: {why}")))
}
