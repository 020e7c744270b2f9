//! A real browser: Chromium without a window, driven as the W3C's WebDriver says.
//!
//! Invariant: finds things as a person does, by what stands on them, and waits for facts. What it
//! started ends with the tests, whatever ends them.

use super::wait::{eventually, say};
use base::rng;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

const GUARDIAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/guardian.sh");
/// What finds a control or a field by the words on it.
const FIND: &str = include_str!("browser/find.js");
/// A page of ours is there at once; the machine may be busy building.
const SHOWN_WITHIN: Duration = Duration::from_secs(20);
/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

// One at a time: each takes a processor while it starts.
static TURN: Mutex<()> = Mutex::const_new(());

/// What a page is looked at on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub name: &'static str,
    pub width: u32,
    pub height: u32,
    pub is_dark: bool,
}

/// A window on a desk.
pub const DESK: Screen = Screen { name: "desk", width: 1_280, height: 900, is_dark: false };
/// A telephone.
pub const PHONE: Screen = Screen { name: "phone", width: 390, height: 844, is_dark: false };
/// A telephone at night.
pub const NIGHT: Screen = Screen { name: "night", width: 390, height: 844, is_dark: true };

/// A browser with a fresh profile: no cookies, no history.
pub struct Browser {
    http: reqwest::Client,
    session: String,
    driver: Child,
    guardian: Child,
    story: &'static str,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// A fresh browser for a story, which its pictures are named after; `None`, and said aloud,
    /// where there is no Chromium.
    pub async fn open(story: &'static str) -> Option<Self> {
        let (Some(program), Some(driver)) = (on_path("chromium"), on_path("chromedriver")) else {
            say(format!("SKIPPED {story}: chromium and chromedriver are not both installed"));
            return None;
        };
        let turn = TURN.lock().await;
        let root = format!("browser-{}-{}", std::process::id(), rng::uuid().simple());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(root);
        fs::create_dir_all(&root).unwrap();
        let mut guardian = Command::new("sh");
        guardian.arg(GUARDIAN).arg("false").arg(&root).process_group(0).stdin(Stdio::piped());
        let mut guardian = guardian.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut command = Command::new(driver);
        // The guardian knows its processes by the folder that they name.
        command.arg("--port=0").arg(format!("--log-path={}", root.join("driver.log").display()));
        let mut driver = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        guard(&mut guardian, driver.id());
        let port = port(&mut driver);
        let http = client();
        let wanted = capabilities(&program, &root);
        let url = format!("http://127.0.0.1:{port}/session");
        let session = ask(http.post(&url).json(&wanted)).await.expect("Chromium starts");
        if let Some(pid) = session["capabilities"]["goog:processID"].as_u64() {
            guard(&mut guardian, u32::try_from(pid).unwrap());
        }
        let session = format!("{url}/{}", session["sessionId"].as_str().unwrap());
        let browser = Self { http, session, driver, guardian, story, _turn: turn };
        browser.look_on(DESK).await;
        Some(browser)
    }

    async fn try_order(&self, method: Method, what: &str, body: &Value) -> Result<Value, String> {
        let request = self.http.request(method.clone(), format!("{}/{what}", self.session));
        ask(if method == Method::POST { request.json(body) } else { request }).await
    }

    async fn order(&self, what: &str, body: &Value) -> Value {
        let answer = self.try_order(Method::POST, what, body).await;
        answer.unwrap_or_else(|why| panic!("{what}: {why}"))
    }

    async fn get(&self, what: &str) -> Value {
        let answer = self.try_order(Method::GET, what, &Value::Null).await;
        answer.unwrap_or_else(|why| panic!("{what}: {why}"))
    }

    /// A command of Chromium's own protocol.
    async fn devtools(&self, command: &str, params: Value) -> Value {
        self.order("goog/cdp/execute", &json!({ "cmd": command, "params": params })).await
    }

    /// Goes to an address, and waits until its page is there.
    pub async fn go(&self, url: &str) {
        self.order("url", &json!({ "url": url })).await;
    }

    /// Goes back, as the button of the browser does.
    pub async fn back(&self) {
        self.order("back", &json!({})).await;
    }

    /// The address of the page.
    pub async fn url(&self) -> String {
        self.get("url").await.as_str().unwrap().to_owned()
    }

    /// The words that a person sees.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body ? document.body.innerText : ''", json!([])).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The page's own program would be refused by its policy; this one is the driver's.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        self.order("execute/sync", &json!({ "script": script, "args": arguments })).await
    }

    /// Waits until these words are to be read.
    pub async fn sees(&self, words: &str) {
        eventually(&format!("the page says {words:?}"), SHOWN_WITHIN, async || {
            let text = self.text().await;
            let is_shown = text.contains(words);
            if is_shown { Ok(()) } else { Err(format!("{} at {}", text, self.url().await)) }
        })
        .await;
    }

    /// Waits until the address begins so.
    pub async fn comes_to(&self, beginning: &str) {
        eventually(&format!("the browser comes to {beginning}"), SHOWN_WITHIN, async || {
            let url = self.url().await;
            if url.starts_with(beginning) { Ok(()) } else { Err(url) }
        })
        .await;
    }

    /// A control (`"control"`) or a field (`"field"`) by the words on it.
    async fn find(&self, kind: &str, words: &str) -> String {
        eventually(&format!("there is the {kind} {words:?}"), SHOWN_WITHIN, async || {
            let found = self.run(FIND, json!([kind, words])).await;
            match found[ELEMENT].as_str() {
                Some(element) => Ok(element.to_owned()),
                None => Err(format!("{} at {}", self.text().await, self.url().await)),
            }
        })
        .await
    }

    /// Clicks on a button, a link or the label of a choice.
    pub async fn click(&self, words: &str) {
        let element = self.find("control", words).await;
        self.order(&format!("element/{element}/click"), &json!({})).await;
    }

    /// Types into the field with this label.
    pub async fn fill(&self, label: &str, text: &str) {
        let element = self.find("field", label).await;
        self.order(&format!("element/{element}/clear"), &json!({})).await;
        self.order(&format!("element/{element}/value"), &json!({ "text": text })).await;
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub async fn press(&self, keys: &[char]) {
        let strokes = keys.iter().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }))
        });
        let strokes: Vec<Value> = strokes.collect();
        let hands = json!([{ "type": "key", "id": "keys", "actions": strokes }]);
        self.order("actions", &json!({ "actions": hands })).await;
    }

    /// Looks at pages on this screen from now on.
    pub async fn look_on(&self, screen: Screen) {
        let metrics = json!({
            "width": screen.width, "height": screen.height, "deviceScaleFactor": 1,
            "mobile": screen.width < 600,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if screen.is_dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            // What fades from one colour to the next could be looked at halfway.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Takes a picture of the whole page; where it lies.
    pub async fn shoot(&self, name: &str) -> PathBuf {
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        let shot = self.devtools("Page.captureScreenshot", params).await;
        let png = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{}-{name}.png", self.story));
        fs::write(&path, png).unwrap();
        path
    }

    /// The cookies that are sent to an address, with what guards them.
    pub async fn cookies_of(&self, url: &str) -> Vec<Value> {
        let kept = self.devtools("Network.getCookies", json!({ "urls": [url] })).await;
        kept["cookies"].as_array().cloned().unwrap_or_default()
    }

    /// Every address that the button for going back could lead to.
    pub async fn history(&self) -> Vec<String> {
        let kept = self.devtools("Page.getNavigationHistory", json!({})).await;
        let entries = kept["entries"].as_array().cloned().unwrap_or_default();
        entries.iter().filter_map(|entry| entry["url"].as_str()).map(str::to_owned).collect()
    }

    /// Forgets every cookie, as another browser would not have them.
    pub async fn forget_cookies(&self) {
        self.devtools("Network.clearBrowserCookies", json!({})).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The guardian takes the end of its input for the end of the story.
        drop(self.guardian.stdin.take());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = self.guardian.wait();
    }
}

fn guard(guardian: &mut Child, pid: u32) {
    writeln!(guardian.stdin.as_ref().unwrap(), "{pid}").unwrap();
}

/// The port that the driver chose, as it says itself.
fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let said = lines.find_map(|line| {
        let line = line.unwrap();
        line.rsplit_once("started successfully on port ").map(|(_, port)| port.to_owned())
    });
    // The rest is read by nobody, and nothing more is said.
    said.and_then(|port| port.trim_end_matches('.').parse().ok()).expect("the driver's port")
}

#[expect(clippy::disallowed_methods, reason = "a client for the driver alone")]
fn client() -> reqwest::Client {
    // Whoever was first has chosen the cryptography; there is none on the way to the driver.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().retry(reqwest::retry::never()).no_proxy();
    http.timeout(Duration::from_secs(60)).build().unwrap()
}

fn capabilities(program: &Path, root: &Path) -> Value {
    let mut arguments = vec![
        "--headless=new".to_owned(),
        format!("--user-data-dir={}", root.join("profile").display()),
        "--no-first-run".to_owned(),
        "--no-proxy-server".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-gpu".to_owned(),
        "--hide-scrollbars".to_owned(),
    ];
    // Chromium refuses to be root in its sandbox.
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        arguments.push("--no-sandbox".to_owned());
    }
    let options = json!({ "binary": program, "args": arguments });
    let always = json!({ "browserName": "chrome", "goog:chromeOptions": options });
    json!({ "capabilities": { "alwaysMatch": always } })
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// What the driver says: a value, or why not.
async fn ask(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let is_success = answer.status().is_success();
    let mut answer: Value = answer.json().await.map_err(|error| error.to_string())?;
    let value = answer["value"].take();
    if is_success { Ok(value) } else { Err(value["message"].to_string()) }
}
