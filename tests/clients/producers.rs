//! The producers of `examples/inbox`, each in its language, with the rights that an operator gives
//! them, and over a connection that loses the reply to what they add.

use super::{Python, done, find_program};
use crate::support::inbox::DEFAULT;
use crate::support::{Account, Fleet, Lossy, Scene, say};
use client::{Error, Inbox};
use serde_json::{Value, json};
use sqlx::Row;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a busy fleet may take to answer an entry.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/inbox");

/// What an operator gives a producer: a URL with its own user and password.
async fn access(fleet: &Fleet, user: &str) -> url::Url {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
    command.args(["inbox", "acl", DEFAULT, "--json", "--user", user, "--data"]);
    let output = command.arg(fleet.data()).env_remove("POSTFLEET_SPECS").output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut rule = redis::Cmd::new();
    told["rule"].as_str().unwrap().split(' ').for_each(|word| {
        rule.arg(word);
    });
    rule.exec_async(&mut fleet.redis().await).await.unwrap();
    let mut url = url::Url::parse(&fleet.place().redis_url).unwrap();
    url.set_username(user).unwrap();
    url.set_password(told["password"].as_str()).unwrap();
    url.set_path("");
    url
}

/// Has a producer add a post whose first reply is lost, and one that is refused.
async fn try_out(language: &str, program: &[String]) {
    let (scene, account): (Scene<'static>, Account) = Scene::with_account(language).await;
    let mut url = access(scene.fleet, &format!("producer-{language}")).await;
    let lossy = Lossy::to(url.port().unwrap(), "XADD").await;
    url.set_port(Some(lossy.port)).unwrap();
    let run = async |key: &str, body: &Value| {
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).arg(key).arg(body.to_string()).stdin(Stdio::null());
        command.env("INBOX_URL", url.as_str()).env("TENANT", DEFAULT);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = serde_json::from_slice::<Value>(&output.stdout);
        (output.status.code(), answer.unwrap_or_else(|_| panic!("{language}: {told}")), told)
    };
    let text = format!("Added in {language}");
    let body = scene.draft(json!({"text": text, "accounts": [account.id]}));
    let (code, answer, told) = run(&format!("{language}-{}", scene.brand), &body).await;
    assert_eq!((code, &answer["success"]), (Some(0), &json!(true)), "{answer}\n{told}");
    assert!(lossy.has_lost() && told.contains("again"), "{told}");
    scene.published(&answer["data"]).await;
    let row = sqlx::query("SELECT count(*) AS posts FROM posts WHERE draft->>'text' = $1")
        .bind(&text)
        .fetch_one(&mut scene.fleet.postgres().await)
        .await
        .unwrap();
    assert_eq!(row.get::<i64, _>("posts"), 1);

    let broken = scene.draft(json!({"text": "a".repeat(281), "accounts": [account.id]}));
    let (code, answer, told) = run(&format!("{language}-no-{}", scene.brand), &broken).await;
    assert_eq!((code, &answer["error"]), (Some(1), &json!("validation_failed")), "{told}");
}

/// A folder of its own for what a language builds, with the example in it, for one at a time.
fn workshop(language: &str, files: &[&str]) -> (PathBuf, File) {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("producer-{language}"));
    fs::create_dir_all(&home).unwrap();
    let turn = File::create(home.join("turn")).unwrap();
    turn.lock().unwrap();
    for file in files {
        fs::copy(Path::new(EXAMPLES).join(file), home.join(file)).unwrap();
    }
    (home, turn)
}

fn words(program: &str, file: &Path) -> Vec<String> {
    vec![program.to_owned(), file.to_str().unwrap().to_owned()]
}

// case: I-rust
#[tokio::test]
async fn the_rust_client_adds_once_whatever_gets_lost() {
    let (scene, account): (Scene<'static>, Account) = Scene::with_account("rust").await;
    let mut url = access(scene.fleet, "producer-rust").await;
    let lossy = Lossy::to(url.port().unwrap(), "XADD").await;
    url.set_port(Some(lossy.port)).unwrap();
    let inbox = Inbox::new(url.as_str(), DEFAULT).unwrap();
    let key = format!("rust-{}", scene.brand);
    let body = scene.draft(json!({"text": "Added in Rust", "accounts": [account.id]}));
    let answer = inbox.publish(&body, &key, ANSWERED_WITHIN).await.unwrap().unwrap();
    let post = answer.outcome.unwrap();
    assert!(lossy.has_lost(), "nothing was lost");
    scene.published(&json!({ "id": post.id })).await;
    let row = sqlx::query("SELECT count(*) AS posts FROM posts WHERE draft->>'text' = $1")
        .bind("Added in Rust")
        .fetch_one(&mut scene.fleet.postgres().await)
        .await
        .unwrap();
    assert_eq!(row.get::<i64, _>("posts"), 1);

    // Whoever listens apart from what he adds hears the same, from where he left off.
    let mut answers = inbox.answers(None).await.unwrap();
    let broken = scene.draft(json!({"text": "a".repeat(281), "accounts": [account.id]}));
    let entry = inbox.add(&broken, &format!("rust-no-{}", scene.brand)).await.unwrap();
    let told = loop {
        let told = answers.next().await.unwrap();
        if told.entry == entry {
            break told;
        }
    };
    let Err(Error::Refused { code, details, .. }) = told.outcome else { panic!("{told:?}") };
    assert_eq!((code.as_str(), &details[0].actual), ("validation_failed", &json!(281)));

    url.set_password(Some("another")).unwrap();
    let stranger = Inbox::new(url.as_str(), DEFAULT).unwrap();
    let refused = stranger.add(&body, &key).await.unwrap_err();
    assert!(matches!(refused, Error::Inbox(_)), "{refused}");
}

// case: I-python
#[tokio::test]
async fn a_producer_in_python_adds_once_whatever_gets_lost() {
    let Some(python) = Python::find() else { return };
    let file = Path::new(EXAMPLES).join("producer.py");
    try_out("python", &words(python.program(), &file)).await;
}

// case: I-typescript
#[tokio::test]
async fn a_producer_in_typescript_adds_once_whatever_gets_lost() {
    let made = (|| {
        find_program("node", &["--version"])?;
        let files = ["package.json", "package-lock.json", "tsconfig.json", "producer.ts"];
        let (home, _turn) = workshop("typescript", &files);
        if !home.join("node_modules").exists() {
            let install = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
            done(Command::new("npm").args(install).current_dir(&home))?;
        }
        done(Command::new("npx").arg("tsc").current_dir(&home))?;
        Ok::<_, String>(home.join("producer.js"))
    })();
    match made {
        Ok(file) => try_out("typescript", &words("node", &file)).await,
        Err(why) => say(format!("SKIPPED, the producer in TypeScript cannot be built: {why}")),
    }
}

// case: I-go
#[tokio::test]
async fn a_producer_in_go_adds_once_whatever_gets_lost() {
    let made = (|| {
        find_program("go", &["version"])?;
        let (home, _turn) = workshop("go", &["go.mod", "producer.go"]);
        done(Command::new("go").args(["build", "-o", "producer", "."]).current_dir(&home))?;
        Ok::<_, String>(home.join("producer"))
    })();
    match made {
        Ok(file) => try_out("go", &[file.to_str().unwrap().to_owned()]).await,
        Err(why) => say(format!("SKIPPED, the producer in Go cannot be built: {why}")),
    }
}

// case: I-php
#[tokio::test]
async fn a_producer_in_php_adds_once_whatever_gets_lost() {
    match find_program("php", &["-r", "exit(extension_loaded('redis') ? 0 : 1);"]) {
        Ok(()) => {
            let file = Path::new(EXAMPLES).join("producer.php");
            try_out("php", &words("php", &file)).await;
        }
        Err(why) => say(format!("SKIPPED, there is no PHP with the extension `redis`: {why}")),
    }
}
