//! What a producer's Redis user may do: add to its own inbox, read its own answers, and no more.

use crate::support::Fleet;
use crate::support::inbox::DEFAULT;
use redis::RedisResult;
use serde_json::Value;
use std::process::Command;

/// What the command line prints about a fleet, complaints included.
fn run_command(fleet: &Fleet, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postfleet"));
    command.args(arguments).arg("--data").arg(fleet.data()).env_remove("POSTFLEET_SPECS");
    let output = command.output().unwrap();
    let told = if output.status.success() { output.stdout } else { output.stderr };
    String::from_utf8(told).unwrap()
}

// case: I-access
#[tokio::test]
async fn a_producer_adds_to_its_inbox_reads_its_answers_and_can_do_no_more() {
    let fleet = Fleet::shared().await;
    let told = run_command(fleet, &["inbox", "acl", DEFAULT, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    let mut admin = fleet.redis().await;
    let mut rule = redis::Cmd::new();
    text("rule").split(' ').for_each(|word| {
        rule.arg(word);
    });
    rule.exec_async(&mut admin).await.unwrap();

    let mut url = url::Url::parse(&fleet.place().redis_url).unwrap();
    url.set_username(&text("user")).unwrap();
    url.set_password(Some(&text("password"))).unwrap();
    let producer = redis::Client::open(url.as_str()).unwrap();
    let mut producer = producer.get_multiplexed_async_connection().await.unwrap();
    let mut run = async |command: &str| -> RedisResult<redis::Value> {
        let mut words = command.split(' ');
        let mut cmd = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            cmd.arg(word);
        });
        cmd.query_async(&mut producer).await
    };
    let (inbox, answers) = (text("inbox"), text("answers"));
    for allowed in [
        "PING".to_owned(),
        format!("XADD {inbox} * key of-an-access-test post []"),
        format!("XRANGE {answers} - + COUNT 1"),
        format!("XREVRANGE {answers} + - COUNT 1"),
        format!("XREAD COUNT 1 STREAMS {answers} 0"),
    ] {
        run(&allowed).await.unwrap_or_else(|error| panic!("{allowed}: {error}"));
    }
    for forbidden in [
        format!("XADD {answers} * key a outcome accepted"),
        "XADD postfleet:inbox:another * key a post {}".to_owned(),
        "XRANGE postfleet:inbox:another:results - +".to_owned(),
        format!("XRANGE {inbox} - +"),
        format!("XREAD STREAMS {answers} {inbox} 0 0"),
        format!("XREADGROUP GROUP ingest me STREAMS {inbox} >"),
        format!("XACK {inbox} ingest 1-1"),
        format!("XDEL {inbox} 1-1"),
        format!("XTRIM {inbox} MAXLEN 0"),
        format!("XGROUP DESTROY {inbox} ingest"),
        format!("XINFO STREAM {inbox}"),
        format!("DEL {inbox}"),
        format!("RENAME {inbox} mine"),
        format!("EVAL return 1 1 {inbox}"),
        "GET {pf:s0}:identity".to_owned(),
        "KEYS *".to_owned(),
        "SCAN 0".to_owned(),
        "FLUSHALL".to_owned(),
        "CONFIG GET *".to_owned(),
        "ACL LIST".to_owned(),
        "CLIENT LIST".to_owned(),
        "SUBSCRIBE a".to_owned(),
        "MULTI".to_owned(),
    ] {
        let error = run(&forbidden).await.expect_err(&forbidden);
        assert_eq!(error.code(), Some("NOPERM"), "{forbidden}: {error}");
    }
    let unknown = run_command(fleet, &["inbox", "acl", "nobody"]);
    assert!(unknown.contains("there are: default"), "{unknown}");
    let status = run_command(fleet, &["inbox", "status"]);
    assert!(status.lines().any(|line| line.starts_with("default ")), "{status}");
}
