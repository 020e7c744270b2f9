//! A process that breaks says what broke, and no secret with it.

use base::telemetry;
use std::process::Command;

const BREAKS: &str = "POSTFLEET_TEST_BREAKS";
const SECRET: &str = "canary-7c1d0e5b9a2f4836canary-7c1d0e5b9a2f4836";

// case: S-panic
#[test]
fn a_broken_invariant_is_a_line_of_the_log_without_what_it_held() {
    let broken = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "security::panics::breaks", "--ignored", "--nocapture"])
        .env(BREAKS, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    assert!(!broken.status.success());
    let told = [broken.stdout, broken.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("a broken invariant: ") && told.contains("panics.rs"), "{told}");
    assert!(told.contains("[redacted]") && !told.contains("canary"), "{told}");
}

// case: S-panic
#[test]
#[ignore = "it breaks: the test above starts it in a process of its own"]
fn breaks() {
    if std::env::var_os(BREAKS).is_none() {
        return;
    }
    telemetry::init(&telemetry::Config::default()).unwrap();
    panic!("access_token={SECRET} and Bearer {SECRET} and {SECRET}");
}
