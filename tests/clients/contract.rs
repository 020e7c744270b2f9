//! Schemathesis, a stranger's fuzzer, reads the API's document and asks for everything in it: with
//! what the document allows, and with what it does not.

use super::Python;
use crate::support::{Account, Fleet, Scene, files};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const REQUIREMENTS: &str = include_str!("schemathesis.txt");
/// No fault of ours, no answer that the document does not tell of, in form and in content; and who
/// has no key, or a wrong method, gets nowhere.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,ignored_auth,\
                      unsupported_method,use_after_free";

/// The body of a part of an upload is bytes, whatever its type is called.
const TYPES: &str = "import schemathesis\n\
    schemathesis.serializer.alias('application/offset+octet-stream', 'application/octet-stream')\n";

/// Tells it what there is, so that it asks for more than what is not there.
async fn things(scene: &Scene<'_>, account: &Account) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let out = scene.say(account, "To be asked for").await;
    let draft = json!({"text": "Later", "accounts": [account.id], "draft": true});
    let draft = scene.post(draft).await;
    let hook = json!({"url": "https://example.com/hook", "events": ["account.*"]});
    let hook = scene.api.post("/v1/webhooks", &hook).await;
    let spare = json!({"label": "spare", "role": "viewer"});
    let spare = scene.api.post("/v1/keys", &spare).await;
    scene.api.upload(files::picture(), "a.png").await;
    let event = scene.api.get("/v1/events").await;
    let mut config =
        format!("hooks = \"bodies.py\"\n[parameters]\n\"path.slug\" = {:?}\n", scene.brand);
    config.push_str("\"path.platform\" = \"x\"\n\"path.app\" = \"default\"\n");
    for (folder, id) in [
        ("posts", &out["id"]),
        ("posts/{id}/(hold|release|unschedule|duplicate)", &draft["id"]),
        ("deliveries", &out["deliveries"][0]["id"]),
        ("accounts", &json!(account.id)),
        ("webhooks", &hook.data()["id"]),
        ("keys", &spare.data()["id"]),
        ("events", &event.data()[0]["id"]),
    ] {
        config.push_str(&format!(
            "[[operations]]\ninclude-path-regex = {:?}\nparameters = {{ \"path.id\" = {:?} }}\n",
            format!("^/v1/{}", folder.replace('{', "\\{").replace('}', "\\}")),
            text(id)
        ));
    }
    config
}

/// Lets it ask in these ways; what it says when it is content with nothing.
async fn ask(arguments: &[&str]) {
    let Some(python) = Python::with("schemathesis", REQUIREMENTS) else { return };
    let fleet = Fleet::shared().await;
    let scene = Scene::of(fleet, fleet.another_tenant("extended").await, "asked").await;
    let account = scene.connect("asked").await;
    // It asks more than the minute of a key allows.
    let key = json!({"label": "fuzzer", "role": "owner", "requestsPerMinute": 0});
    let key = scene.api.post("/v1/keys", &key).await.data()["key"].as_str().unwrap().to_owned();
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(home.path().join("schemathesis.toml"), things(&scene, &account).await).unwrap();
    fs::write(home.path().join("bodies.py"), TYPES).unwrap();
    let url = format!("{}/v1/openapi.json", fleet.place().api_url);
    let program = Path::new(python.program()).with_file_name("schemathesis");
    let mut command = Command::new(program);
    command.current_dir(home.path()).stdin(Stdio::null());
    command.args([
        "run",
        &url,
        "--checks",
        CHECKS,
        "--workers",
        "2",
        "--no-color",
        "--warnings",
        "off",
    ]);
    command.args(["--header", &format!("Authorization: Bearer {key}")]).args(arguments);
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{why}");
    assert!(told.contains("No issues found"), "{told}\n{why}");
    let tested = told.lines().find_map(|line| line.trim().strip_prefix("Tested: ")).unwrap();
    let tested: usize = tested.parse().unwrap();
    assert!(tested > 40, "only {tested} operations were asked for: {told}");
    // Whatever it did to its tenant, the fleet works on.
    let again = Scene::on(fleet, "afterwards").await;
    let account = again.connect("afterwards").await;
    let post = again.say(&account, "Still at work").await;
    again.published(&post).await;
}

// case: API-fuzz
#[tokio::test]
async fn a_strangers_fuzzer_finds_no_answer_that_the_document_does_not_tell_of() {
    ask(&["--phases", "examples,coverage", "--max-time", "25", "--seed", "1"]).await;
}

// case: API-fuzz-long
#[tokio::test]
#[ignore = "ten minutes; tests/run.sh --long"]
async fn nor_in_ten_minutes_with_another_seed_each_time() {
    ask(&["--max-time", "600", "--phases", "examples,coverage,fuzzing,stateful"]).await;
}
