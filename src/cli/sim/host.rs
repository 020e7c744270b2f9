//! One simulator with its log: answers requests, in order, as the fault script wants it.

use super::World;
use super::faults::{Met, Misfortune, Names, Planned};
use super::log::{Entry, Log};
use base::Fault;
use domain::time::Timestamp;
use http::{HeaderValue, Response, StatusCode, header};
use platforms::sim::{Control, Fetch, Fetched, Inbound, Simulator};
use serde_json::Value;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A simulator under its name.
pub struct Hosted {
    /// The platform's name.
    pub name: &'static str,
    inner: Mutex<Inner>,
}

/// The state machine and its memory, changed together.
pub struct Inner {
    /// The state machine.
    pub simulator: Box<dyn Simulator>,
    log: Log,
    /// What was to be fetched when the process before this one died.
    owed: Vec<Fetch>,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// The connection breaks without an answer.
    Reset {
        /// What the platform goes and fetches nevertheless.
        fetches: Vec<Fetch>,
    },
    /// An answer leaves.
    Answer {
        /// The answer.
        response: Response<Vec<u8>>,
        /// How much later than usual.
        slow: Duration,
        /// It breaks off after so many bytes.
        cut: Option<usize>,
        /// What the platform goes and fetches.
        fetches: Vec<Fetch>,
    },
}

/// What the faults that hit a request amount to.
#[derive(Default)]
struct Hit {
    controls: Vec<Control>,
    resets: Option<When>,
    error: Option<(u16, Value, When)>,
    slow: Duration,
    cut: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    After,
}

impl Hosted {
    /// Restores a simulator from its log.
    ///
    /// # Errors
    /// The log cannot be read, or another process holds it.
    pub fn open(
        name: &'static str,
        mut simulator: Box<dyn Simulator>,
        folder: &Path,
    ) -> Result<Self, Fault> {
        let mut owed: Vec<Fetch> = Vec::new();
        let log = Log::open(&folder.join(format!("{name}.ndjson")), |at, entry| match entry {
            Entry::Request(request) => owed.extend(simulator.answer(&request, at).fetches),
            Entry::Control(control) => drop(simulator.control(&control, at)),
            Entry::Fetched(key, fetched) => {
                owed.retain(|fetch| fetch.key != key);
                simulator.fetched(&key, &fetched, at);
            }
        })?;
        Ok(Self { name, inner: Mutex::new(Inner { simulator, log, owed }) })
    }

    /// What was to be fetched when the process before this one died.
    pub fn take_owed(&self) -> Vec<Fetch> {
        std::mem::take(&mut self.lock().owed)
    }

    /// The state machine, alone.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request, keeping what changed the state before the answer leaves.
    pub fn handle(&self, request: &Inbound, world: &World) -> Outcome {
        let mut inner = self.lock();
        // Taken under the lock, so that the log is in the order of time.
        let now = world.clock.now();
        let hit = self.meet(&inner, request, world);
        for control in &hit.controls {
            if let Err(fault) = inner.control(control, now) {
                return broken(&fault);
            }
        }
        if hit.resets == Some(When::Before) {
            return Outcome::Reset { fetches: Vec::new() };
        }
        if let Some((status, body, When::Before)) = hit.error {
            let response = instead(status, &body);
            let fetches = Vec::new();
            return Outcome::Answer { response, slow: hit.slow, cut: hit.cut, fetches };
        }
        let answered = inner.simulator.answer(request, now);
        if answered.is_kept
            && let Err(fault) = inner.log.request(now, request)
        {
            return broken(&fault);
        }
        drop(inner);
        if hit.resets == Some(When::After) {
            return Outcome::Reset { fetches: answered.fetches };
        }
        let response = match hit.error {
            Some((status, body, When::After)) => instead(status, &body),
            _ => answered.response,
        };
        let fetches = answered.fetches;
        Outcome::Answer { response, slow: hit.slow, cut: hit.cut, fetches }
    }

    /// Answers a request of the shell's own: no fault meets it, and none is used up by it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn ask(
        &self,
        request: &Inbound,
        world: &World,
    ) -> Result<(Response<Vec<u8>>, Timestamp), Fault> {
        let mut inner = self.lock();
        let now = world.clock.now();
        let answered = inner.simulator.answer(request, now);
        if answered.is_kept {
            inner.log.request(now, request)?;
        }
        Ok((answered.response, now))
    }

    /// Takes in what a fetch brought.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn fetched(&self, key: &str, fetched: &Fetched, world: &World) -> Result<(), Fault> {
        let mut inner = self.lock();
        let now = world.clock.now();
        inner.log.fetched(now, key, fetched)?;
        inner.simulator.fetched(key, fetched, now);
        Ok(())
    }

    fn meet(&self, inner: &Inner, request: &Inbound, world: &World) -> Hit {
        // Pages have no route, and no faults.
        let Some(route) = inner.simulator.route(request) else { return Hit::default() };
        let mut faults = world.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let accounts =
            if faults.names_accounts(self.name) { inner.simulator.accounts() } else { Value::Null };
        let names = Names::of(inner.simulator.account(request), &accounts);
        let met = Met { platform: self.name, route, names: &names };
        Hit::of(&faults.meet(&met))
    }
}

impl Inner {
    /// Carries out a control and keeps it.
    ///
    /// # Errors
    /// The simulator does not know the control, or the disk refuses.
    pub fn control(&mut self, control: &Control, now: Timestamp) -> Result<(), Fault> {
        if !self.simulator.control(control, now) {
            return Err(Fault::new(match control {
                Control::Limits { .. } => {
                    "limits are replaced in the shape in which they are shown"
                }
                _ => "this simulator cannot do that",
            }));
        }
        self.log.control(now, control)
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn reset(&mut self) -> Result<(), Fault> {
        self.simulator.reset();
        self.log.clear()
    }
}

impl Hit {
    fn of(planned: &[Planned]) -> Self {
        let mut hit = Self::default();
        for planned in planned {
            match &planned.misfortune {
                Misfortune::Limit { .. }
                | Misfortune::ExpireToken {}
                | Misfortune::Revoke {}
                | Misfortune::StuckProcessing { .. }
                | Misfortune::UnauthorizedAll { .. } => hit.controls.extend(planned.control()),
                Misfortune::ServerError { status, body, accept } => {
                    let when = if *accept { When::After } else { When::Before };
                    hit.error = Some((*status, body.clone(), when));
                }
                Misfortune::Garbage { body } => hit.error = Some((200, body.clone(), When::Before)),
                Misfortune::AcceptThenReset {} => hit.resets = Some(When::After),
                Misfortune::ResetBeforeAccept {} => hit.resets = Some(When::Before),
                Misfortune::Truncate { bytes } => hit.cut = Some(*bytes),
                Misfortune::Delay { ms } => hit.slow += Duration::from_millis(*ms),
            }
        }
        hit
    }
}

/// An answer that is not the simulator's: text as it was given, anything else as JSON.
fn instead(status: u16, body: &Value) -> Response<Vec<u8>> {
    let (kind, body) = match body {
        Value::Null => ("text/plain", Vec::new()),
        Value::String(text) => ("text/html; charset=utf-8", text.clone().into_bytes()),
        other => ("application/json", other.to_string().into_bytes()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Our own disk failed: nothing may be promised, so the connection breaks.
fn broken(fault: &Fault) -> Outcome {
    tracing::error!(%fault, "a simulator could not keep a request");
    Outcome::Reset { fetches: Vec::new() }
}
