//! The HTTP API as any client sees it: a status and JSON.

use super::contract::Asked;
use super::eventually;
use super::fleet::Place;
use client::Client;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::time::Duration;

const OPEN_WITHIN: Duration = Duration::from_secs(60);

/// The way to a fleet.
pub struct Api {
    http: reqwest::Client,
    place: Place,
    /// The product's own client.
    pub client: Client,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, `null` when it is no JSON.
    pub body: Value,
}

impl Api {
    /// The way to the fleet at a place.
    #[expect(clippy::disallowed_methods, reason = "a stranger's client, which resends nothing")]
    pub fn new(place: &Place) -> Self {
        let own = client::Place {
            api_url: place.api_url.clone(),
            api_key: place.api_key.clone(),
            sim_url: Some(place.sim_url.clone()),
        };
        // It also chooses the cryptography that every other client then uses.
        let client = Client::new(&own).unwrap();
        let http = reqwest::Client::builder().retry(reqwest::retry::never()).no_proxy();
        let http = http.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, place: place.clone(), client }
    }

    /// The same place with another key.
    pub fn with_key(&self, key: &str) -> Self {
        let place = Place { api_key: key.to_owned(), ..self.place.clone() };
        Self::new(&place)
    }

    /// The key that it shows.
    pub fn key(&self) -> &str {
        &self.place.api_key
    }

    /// The same way once more.
    pub fn again(&self) -> Self {
        Self::new(&self.place)
    }

    /// A request with our key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.open(method, path).bearer_auth(&self.place.api_key)
    }

    /// A request without a key.
    pub fn open(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.place.api_url))
    }

    /// Waits until the front door, which was just started, lets somebody in.
    pub async fn opens(&self) {
        eventually("the front door is open", OPEN_WITHIN, async || {
            match try_send(self.request(Method::GET, "/v1/brands")).await {
                Ok(answer) if answer.status == 200 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Puts JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PUT, path).json(body)).await
    }

    /// Deletes something.
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// Posts JSON under an idempotency key.
    pub async fn post_once(&self, path: &str, body: &Value, key: &str) -> Answer {
        let request = self.request(Method::POST, path).header("Idempotency-Key", key);
        send(request.json(body)).await
    }

    /// Posts bytes that claim to be JSON.
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        send(request.body(body)).await
    }

    /// Uploads a file; its id.
    pub async fn upload(&self, bytes: Vec<u8>, name: &str) -> String {
        let form = Form::new().part("file", Part::bytes(bytes).file_name(name.to_owned()));
        let answer = send(self.request(Method::POST, "/v1/media").multipart(form)).await;
        answer.data()["id"].as_str().expect("a file has an id").to_owned()
    }

    /// The metrics of the operators.
    pub async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.place.private_url);
        self.http.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// What an operator orders on that port, by a token of his own.
    pub fn ordered(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.place.private_url);
        self.http.request(method, url).bearer_auth(token)
    }

    /// What operators read on their own port.
    pub async fn private(&self, path: &str) -> Answer {
        send(self.http.get(format!("{}{path}", self.place.private_url))).await
    }
}

impl Answer {
    /// What a success brings.
    #[track_caller]
    pub fn data(&self) -> &Value {
        assert!((200..300).contains(&self.status) && self.body["success"] == true, "{self:?}");
        &self.body["data"]
    }

    /// The violations of a refusal with this status.
    #[track_caller]
    pub fn details(&self, status: u16) -> &[Value] {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["success"], false, "{self:?}");
        self.body["details"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// Sends a request that has to be answered.
pub async fn send(request: RequestBuilder) -> Answer {
    try_send(request).await.unwrap()
}

/// Sends a request to a fleet that may die meanwhile.
pub async fn try_send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let (http, request) = request.build_split();
    let request = request?;
    let asked = Asked::of(&request);
    let response = http.execute(request).await?;
    let status = response.status().as_u16();
    let text = response.bytes().await?;
    let answer = Answer { status, body: serde_json::from_slice(&text).unwrap_or(Value::Null) };
    asked.check(&http, answer.status, &answer.body).await;
    Ok(answer)
}
