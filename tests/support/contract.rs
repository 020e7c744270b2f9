//! Holds every answer that a test gets against the API's own document, and every request that was
//! taken: so each test of the API is one of the document too.

mod schema;

use reqwest::{Client, Method, Url};
use serde_json::Value;
use tokio::sync::OnceCell;

/// The document is the program's, so it is the same for every fleet of a run.
static DOCUMENT: OnceCell<Value> = OnceCell::const_new();

/// What was asked.
pub struct Asked {
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
}

/// What the document says of an operation.
struct Operation<'a> {
    name: String,
    told: &'a Value,
}

/// The document as the fleet at this address serves it; `None` while it cannot.
pub async fn document(http: &Client, near: &Url) -> Option<&'static Value> {
    let read = async || {
        let url = near.join("/v1/openapi.json").map_err(|_| ())?;
        let answer = http.get(url).send().await.map_err(|_| ())?;
        if !answer.status().is_success() {
            return Err(());
        }
        let bytes = answer.bytes().await.map_err(|_| ())?;
        serde_json::from_slice(&bytes).map_err(|_| ())
    };
    DOCUMENT.get_or_try_init(read).await.ok()
}

impl Asked {
    /// What a request asks.
    pub fn of(request: &reqwest::Request) -> Self {
        Self {
            method: request.method().clone(),
            url: request.url().clone(),
            body: request.body().and_then(|body| body.as_bytes()).map(<[u8]>::to_vec),
        }
    }

    /// Fails the test where the document tells another story.
    pub async fn check(&self, http: &Client, status: u16, body: &Value) {
        let path = self.url.path();
        // The document is part of the API that it describes, but for itself.
        if !path.starts_with("/v1/") || path == "/v1/openapi.json" {
            return;
        }
        let Some(document) = document(http, &self.url).await else { return };
        let Some(operation) = find(document, self.method.as_str(), path) else {
            assert!(
                matches!(status, 401 | 404 | 405),
                "{} {path}: {status} of no operation",
                self.method
            );
            return;
        };
        let Operation { name, told } = operation;
        let answer = schema::resolved(document, &told["responses"][status.to_string()]);
        assert!(
            answer.is_object(),
            "{name} answers {status}, and its document does not know: {body}"
        );
        let shape = &answer["content"]["application/json"]["schema"];
        let flaws = schema::flaws(document, shape, body);
        assert!(flaws.is_empty(), "{name}, {status}: {flaws:#?} in {body:#}");
        let carried = self.body.as_deref().and_then(|body| serde_json::from_slice(body).ok());
        let shape = &told["requestBody"]["content"]["application/json"]["schema"];
        if let (true, Some(carried), true) = (status < 300, carried, shape.is_object()) {
            let flaws = schema::flaws(document, shape, &carried);
            assert!(flaws.is_empty(), "{name} took {carried:#}, but {flaws:#?}");
        }
    }
}

/// The operation of a method and a path; a name that is written out wins over a parameter.
fn find<'a>(document: &'a Value, method: &str, path: &str) -> Option<Operation<'a>> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &&String| {
        let names: Vec<&str> = template.split('/').collect();
        let is_one = |(name, part): (&&str, &&str)| name.starts_with('{') || name == part;
        names.len() == parts.len() && names.iter().zip(&parts).all(is_one)
    };
    let paths = document["paths"].as_object()?;
    let template = paths.keys().filter(fits).min_by_key(|path| path.matches('{').count())?;
    let told = paths[template].get(method.to_lowercase())?;
    Some(Operation { name: format!("{method} {template}"), told })
}
