//! The simulated toy.

use super::wire::{Create, Me, Post};
use crate::sim::accounts::{Accounts, number};
use crate::sim::consent::{self, Asked, Chosen, Dialog};
use crate::sim::http::{bearer, field, json};
use crate::sim::page::{self, Article};
use crate::sim::{Accepted, Answered, CLIENT_SECRET, Control, Fetched, Inbound, Simulator};
use domain::time::Timestamp;
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json as value};

/// Everything the toy remembers; the token of an account is its position.
#[derive(Debug, Default)]
pub(super) struct ToySim {
    accounts: Accounts<Vec<Post>>,
    accepted: Vec<Accepted>,
}

impl ToySim {
    fn caller(&self, request: &Inbound) -> Option<usize> {
        let at = bearer(&request.headers)?.strip_prefix("toy-")?.parse().ok()?;
        (at < self.accounts.all().len()).then_some(at)
    }

    fn create(&mut self, caller: usize, request: &Inbound, now: Timestamp) -> Answered {
        let Ok(Create { text }) = serde_json::from_slice(&request.body) else {
            return Answered::of(refused(StatusCode::BAD_REQUEST, "a post is {text}"));
        };
        let account = self.accounts.at_mut(caller);
        let post = Post { id: format!("{}-{}", account.id, account.own.len()), text, at: now };
        account.own.push(post.clone());
        let ids = [account.id.as_str(), &post.id];
        let accepted = Accepted::new(["toy", "posts.create"], ids, &post.text, now);
        self.accepted.push(accepted.clone());
        Answered { accepted: Some(accepted), ..Answered::of(shown(&post)) }.kept()
    }

    fn page(&self, id: Option<&str>, now: Timestamp) -> Response<Vec<u8>> {
        let mut articles = String::new();
        let of = |account| (account, self.accounts.at(account));
        for (_, account) in (0..self.accounts.all().len()).map(of) {
            let wanted = |post: &&Post| id.is_none_or(|id| id == post.id);
            for post in account.own.iter().filter(wanted) {
                let article = Article {
                    by: &account.handle,
                    at: post.at,
                    text: &post.text,
                    ..Article::default()
                };
                article.write(&mut articles);
                articles.push_str("</article>");
            }
        }
        page::feed("Toy", now, &articles)
    }
}

/// What the dialog says.
const DIALOG: Dialog = Dialog {
    platform: "Toy",
    question: "Continue as",
    takes_several: false,
    story: "asks to post.",
    special: &[],
};

fn shown(body: &impl Serialize) -> Response<Vec<u8>> {
    json(StatusCode::OK, &serde_json::to_value(body).unwrap_or_default())
}

fn refused(status: StatusCode, why: &str) -> Response<Vec<u8>> {
    json(status, &value!({ "error": why }))
}

impl Simulator for ToySim {
    fn route(&self, request: &Inbound) -> Option<&'static str> {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/token") => Some("oauth.token"),
            ("GET", "/me") => Some("me"),
            ("POST", "/posts") => Some("posts.create"),
            ("GET", "/posts") => Some("posts.list"),
            _ => None,
        }
    }

    fn account(&self, request: &Inbound) -> Option<String> {
        Some(self.accounts.at(self.caller(request)?).id.clone())
    }

    fn answer(&mut self, request: &Inbound, now: Timestamp) -> Answered {
        let asked = |form: &str| Asked::read(form, &["client_id", "redirect_uri", "state"], &[]);
        let handles = self.accounts.all().iter().map(|account| account.handle.as_str());
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/authorize") => Answered::of(match asked(&request.query) {
                Ok(asked) => asked.page(&DIALOG, handles),
                Err(page) => *page,
            }),
            ("POST", "/authorize") => {
                let form = consent::form(request);
                match asked(&form)
                    .map(|asked| consent::choose(&form, asked, &DIALOG, "access_denied"))
                {
                    Ok(Chosen::Accounts(handles, asked)) => {
                        let handle = handles.first;
                        let id = number(&handle, 9).to_string();
                        let at = self.accounts.sign_up(&handle, id, Vec::new);
                        Answered::of(asked.send_back(&format!("code-{at}"))).kept()
                    }
                    Ok(Chosen::Over(page)) => Answered::of(page),
                    Err(page) => Answered::of(*page),
                }
            }
            ("POST", "/token") => {
                let form = String::from_utf8_lossy(&request.body);
                let at = field(&form, "code")
                    .and_then(|code| Some(code.strip_prefix("code-")?.to_owned()));
                let is_client = field(&form, "client_secret").as_deref() == Some(CLIENT_SECRET);
                Answered::of(match at.filter(|_| is_client) {
                    Some(at) => shown(&value!({ "access_token": format!("toy-{at}") })),
                    None => refused(StatusCode::BAD_REQUEST, "no such code"),
                })
            }
            ("GET", "/feed") => Answered::of(self.page(None, now)),
            ("GET", path) if path.starts_with("/posts/") => {
                Answered::of(self.page(path.strip_prefix("/posts/"), now))
            }
            (method, path) => match (self.caller(request), method, path) {
                (None, ..) => Answered::of(refused(StatusCode::UNAUTHORIZED, "no such token")),
                (Some(at), "GET", "/me") => {
                    let account = self.accounts.at(at);
                    let (id, name) = (account.id.clone(), account.handle.clone());
                    Answered::of(shown(&Me { id, name }))
                }
                (Some(at), "POST", "/posts") => self.create(at, request, now),
                (Some(at), "GET", "/posts") => Answered::of(shown(&self.accounts.at(at).own)),
                _ => Answered::of(refused(StatusCode::NOT_FOUND, "nothing here")),
            },
        }
    }

    fn fetched(&mut self, _key: &str, _fetched: &Fetched, _now: Timestamp) {}

    fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    fn accounts(&self) -> Value {
        let shown = |account: &crate::sim::accounts::Account<Vec<Post>>| value!({ "id": account.id, "handle": account.handle, "kind": "standard" });
        self.accounts.all().iter().map(shown).collect()
    }

    fn limits(&self) -> Value {
        Value::Null
    }

    fn control(&mut self, _control: &Control, _now: Timestamp) -> bool {
        false
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}
