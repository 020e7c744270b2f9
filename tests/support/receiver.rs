//! An endpoint of an upstream app: it keeps what it is sent, and answers as it is told to.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base::clock;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::wait::eventually;

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Got {
    /// The path of the endpoint.
    pub path: String,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
    /// The body, byte by byte.
    pub body: Vec<u8>,
    /// The same, read.
    pub json: Value,
    /// When it came.
    pub at: Instant,
    /// The status that it was answered with.
    pub status: u16,
}

/// An answer: a status, and the seconds of `Retry-After`.
pub type Reply = (u16, Option<u64>);

type Script = Box<dyn Fn(&Got, &[Got]) -> Reply + Send + Sync>;

struct Inside {
    got: Mutex<Vec<Got>>,
    script: Script,
}

/// The endpoint.
pub struct Receiver {
    base: String,
    inside: Arc<Inside>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// An endpoint that answers by a script, which sees the message and those before it.
    pub async fn start(script: impl Fn(&Got, &[Got]) -> Reply + Send + Sync + 'static) -> Self {
        let inside = Arc::new(Inside { got: Mutex::default(), script: Box::new(script) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(take).with_state(inside.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { base, inside, serving }
    }

    /// An endpoint that takes everything.
    pub async fn willing() -> Self {
        Self::start(|_, _| (204, None)).await
    }

    /// Its address, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What came so far.
    pub fn got(&self) -> Vec<Got> {
        self.inside.got.lock().unwrap().clone()
    }

    /// What came, once `is` holds of it.
    pub async fn until(&self, what: &str, is: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        eventually(what, Duration::from_secs(40), async || {
            let got = self.got();
            let line = |one: &Got| format!("{} {} {}", one.id, one.json["type"], one.status);
            if is(&got) {
                Ok(got)
            } else {
                Err(got.iter().map(line).collect::<Vec<_>>().join("\n"))
            }
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    State(inside): State<Arc<Inside>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, &'static str) {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let mut one = Got {
        path: uri.path().to_owned(),
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        json: serde_json::from_slice(&body).unwrap_or(Value::Null),
        body: body.to_vec(),
        at: clock::stopwatch(),
        status: 0,
    };
    let mut got = inside.got.lock().unwrap();
    let (status, retry_after) = (inside.script)(&one, &got);
    one.status = status;
    got.push(one);
    let mut headers = HeaderMap::new();
    if let Some(seconds) = retry_after {
        headers.insert("retry-after", seconds.into());
    }
    (StatusCode::from_u16(status).unwrap(), headers, "thank you")
}
