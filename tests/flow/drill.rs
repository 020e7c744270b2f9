//! The restore drill: a backup is taken while posts are accepted and published, the machine is
//! lost with its Redis, and the backup is read back on another one.
//!
//! Nothing of what the backup holds is lost, and nothing is out twice; the judge is the log of the
//! platforms, which went on.

use crate::support::fleet::program;
use crate::support::scene::{Account, deliveries};
use crate::support::worker::{Worker, configuration};
use crate::support::{Fleet, Scene, eventually, say};
use base::clock;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Accepted before the backup begins: enough that some are out, some are under way.
const BEFORE: usize = 24;
/// Accepted behind its end.
const AFTER: usize = 8;
/// X takes a hundred posts of an account in a quarter of an hour.
const X_ACCOUNTS: usize = 3;
const POSTS_MAX: usize = 90 * X_ACCOUNTS;
/// Between two posts.
const PACE: Duration = Duration::from_millis(20);

fn ended(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// What it said, where it ended well.
pub(super) fn run(command: &mut Command) -> String {
    let ended = ended(command);
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        ended.status.success(),
        "{command:?}: {said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    said
}

pub(super) fn ordered(what: &str, config: &Path) -> Command {
    let mut command = program();
    command.args(what.split(' ')).arg("--config").arg(config);
    command
}

/// Posts on an account of each platform in turn, one after the other, until it is told to stop.
async fn load(scene: &Scene<'_>, accounts: &[Account], stop: &AtomicBool, count: &AtomicUsize) {
    let (x, threads) = accounts.split_at(X_ACCOUNTS);
    for n in 0..POSTS_MAX {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        // Some are due in a moment, so that the backup finds deliveries of each state.
        let ahead = Duration::from_millis(u64::try_from(n % 4).unwrap() * 700);
        let at = (clock::now() + ahead).to_string();
        let on = [&x[n % x.len()].id, &threads[n % threads.len()].id];
        let post = json!({"text": format!("Under load {n}"), "accounts": on, "scheduledAt": at});
        scene.post(post).await;
        count.fetch_add(1, Ordering::SeqCst);
        clock::pause(PACE).await;
    }
    panic!("the backup took longer than {POSTS_MAX} posts");
}

/// Has the grant of an account renewed by its job, from now on.
async fn renew(fleet: &Fleet, account: &Account) {
    let now = "UPDATE jobs SET due_at = clock_timestamp(), armed_at = clock_timestamp(),
                   generation = nextval('job_generation')
               WHERE kind = 'refresh' AND subject = $1";
    let done = sqlx::query(now).bind(uuid(account)).execute(&mut fleet.postgres().await).await;
    assert_eq!(done.unwrap().rows_affected(), 1);
}

fn uuid(account: &Account) -> Uuid {
    Uuid::try_parse(account.id.trim_start_matches("acc_")).unwrap()
}

async fn version(fleet: &Fleet, account: &Account) -> i64 {
    let sql = "SELECT version FROM credentials WHERE account_id = $1";
    let version = sqlx::query_scalar(sql).bind(uuid(account));
    version.fetch_one(&mut fleet.postgres().await).await.unwrap()
}

/// The grant of an account is renewed by its job.
pub(super) async fn renewed(fleet: &Fleet, account: &Account) {
    let before = version(fleet, account).await;
    renew(fleet, account).await;
    eventually("the grant is renewed", Duration::from_secs(20), async || {
        let now = version(fleet, account).await;
        if now > before { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
}

/// A backup of a fleet that accepts and publishes all the while.
async fn back_up(fleet: &Fleet, scene: &Scene<'_>, accounts: &[Account], to: &Path, key: &Path) {
    let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let reached = async |wanted: usize| {
        eventually("posts are accepted", Duration::from_secs(60), async || {
            let accepted = count.load(Ordering::SeqCst);
            if accepted >= wanted { Ok(accepted) } else { Err(accepted.to_string()) }
        })
        .await
    };
    let taking = async {
        let began = reached(BEFORE).await;
        let mut command = tokio::process::Command::from({
            let mut command = ordered("backup", &configuration(fleet, "backup"));
            command.arg("--to").arg(to).arg("--passphrase-file").arg(key);
            command
        });
        let ended = command.output().await.unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let accepted = count.load(Ordering::SeqCst);
        assert!(accepted > began, "it was taken under load");
        reached(accepted + AFTER).await;
        stop.store(true, Ordering::SeqCst);
    };
    futures::future::join(load(scene, accounts, &stop, &count), taking).await;
}

/// How often each wording is out on each account.
async fn out(scene: &Scene<'_>, accounts: &[Account]) -> BTreeMap<(String, String), usize> {
    let mut all = BTreeMap::new();
    for account in accounts {
        for text in scene.texts(account).await {
            *all.entry((account.id.clone(), text)).or_insert(0) += 1;
        }
    }
    all
}

/// What a machine has before anything is there: a server without tables, and an empty Redis.
async fn empty(fleet: &mut Fleet, logs: &Path) {
    fleet.kill();
    let place = fleet.place();
    let anew = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    run(Command::new("psql").args(["--quiet", "--command", anew, &place.postgres_url]));
    let mut redis = fleet.redis().await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await.unwrap();
    let data = fleet.data();
    fs::remove_file(data.join("key")).unwrap();
    // The platforms are not lost with our machine.
    for log in fs::read_dir(logs).unwrap() {
        let log = log.unwrap().path();
        fs::copy(&log, data.join("sim").join(log.file_name().unwrap())).unwrap();
    }
}

/// The posts that a database holds, as the API names them.
async fn posts(fleet: &Fleet) -> Vec<Value> {
    let sql = "SELECT id FROM posts WHERE draft->>'text' LIKE 'Under load %'";
    let ids: Vec<Uuid> =
        sqlx::query_scalar(sql).fetch_all(&mut fleet.postgres().await).await.unwrap();
    ids.iter().map(|id| json!({"id": format!("pst_{}", id.simple())})).collect()
}

/// Calls that the lost fleet had under way are over: it is minutes since it was lost.
async fn minutes_later(fleet: &Fleet) {
    let sql = "UPDATE quarantine SET since = since - interval '150 seconds'";
    sqlx::query(sql).execute(&mut fleet.postgres().await).await.unwrap();
}

/// Nobody works on a database that is held, and each says what to do.
async fn is_held(fleet: &Fleet) {
    let swift = [("POSTFLEET__STORE__ACQUIRE_MS", "700")];
    let mut worker = Worker::start_as(fleet, "held", &["work"], &swift);
    eventually("the worker is turned away", Duration::from_secs(20), async || {
        let log = worker.log();
        let _ = worker.ended();
        if log.contains("postfleet recover") { Ok(()) } else { Err(log) }
    })
    .await;
}

/// Everything that the backup holds is out, by the word of the platforms, and nothing twice.
async fn judge(fleet: &Fleet, scene: &Scene<'_>, accounts: &[Account]) {
    let held = posts(fleet).await;
    assert!(held.len() >= BEFORE, "the backup holds {}", held.len());
    let mut shown = Vec::new();
    for post in &held {
        shown.push(scene.settled(post).await);
    }
    let there = [scene.sim.accepted("x").await, scene.sim.accepted("threads").await].concat();
    let there: BTreeSet<&str> = there.iter().map(|one| one.remote_id.as_str()).collect();
    let all: Vec<&Value> = shown.iter().flat_map(deliveries).collect();
    assert_eq!(all.len(), held.len() * 2);
    // Threads cannot be asked for a post by its wording: a person looks.
    let in_review = |one: &&&Value| one["status"] == "review" && one["platform"] == "threads";
    let reviewed = all.iter().filter(in_review).count();
    let delivered: Vec<&str> = all.iter().filter_map(|one| one["remoteId"].as_str()).collect();
    assert_eq!(delivered.len() + reviewed, all.len(), "{all:?}");
    let lost: Vec<_> = delivered.iter().filter(|id| !there.contains(**id)).collect();
    assert!(lost.is_empty(), "LOST {}: {lost:?}", lost.len());
    let out = out(scene, accounts).await;
    let twice: Vec<_> = out.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "DUP {}: {twice:?}", twice.len());
    say(format_args!(
        "restore drill: of {} posts {reviewed} deliveries in review, {} out, LOST 0, DUP 0",
        held.len(),
        out.len()
    ));
}

// case: O-restore
#[tokio::test]
async fn a_backup_under_load_is_restored_and_nothing_is_lost_or_out_twice() {
    let first = Fleet::start(&[], &[]).await;
    let mut second = Fleet::start(&[], &[]).await;
    let (file, passphrase) = (second.root().join("backup"), second.root().join("passphrase"));
    fs::write(&passphrase, "seven geese walk home\n").unwrap();
    let (accounts, spent) = {
        let scene = Scene::on(&first, "drill").await;
        let mut accounts = Vec::new();
        for n in 0..X_ACCOUNTS {
            accounts.push(scene.connect(&format!("drill-{n}")).await);
        }
        for _ in 0..2 {
            accounts.push(scene.connect_on(("threads", None), "drill").await);
        }
        let spent = scene.connect("spent").await;
        back_up(&first, &scene, &accounts, &file, &passphrase).await;
        renewed(&first, &spent).await;
        (accounts, spent)
    };
    let mut first = first;
    first.kill();
    let sealed = fs::read(&file).unwrap();
    let key = fs::read_to_string(first.data().join("key")).unwrap();
    let key = key.lines().find(|line| !line.starts_with('#')).unwrap();
    let key = key.split(' ').next().unwrap().as_bytes();
    assert!(!sealed.windows(key.len()).any(|part| part == key), "the key is in it in clear");

    let mut rehearse = program();
    rehearse.args(["restore", "--rehearse", "--from"]).arg(&file).arg("--passphrase-file");
    let said = run(rehearse.arg(&passphrase));
    assert!(said.contains("every data key opens"), "{said}");
    empty(&mut second, &first.data().join("sim")).await;
    let config = configuration(&second, "restore");
    let mut restore = ordered("restore", &config);
    run(restore.arg("--from").arg(&file).arg("--passphrase-file").arg(&passphrase));
    let again = ended(ordered("restore", &config).arg("--from").arg(&file));
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && said.contains("tables"), "{said}");
    is_held(&second).await;
    minutes_later(&second).await;
    without_its_key(&second, &config);
    let told = run(ordered("recover", &config).arg("--json"));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["askedFirst"].as_i64().unwrap() > 0, "{told}");
    assert_eq!(told["doubtedGrants"], X_ACCOUNTS + 3, "{told}");
    second.restart(&[]).await;

    let scene = Scene::of(&second, second.api(), "after").await;
    judge(&second, &scene, &accounts).await;
    tokens_are_doubted(&second, &scene, (&spent, &accounts[0])).await;
    run(&mut ordered("audit verify", &config));
}

/// Where the key is another one, the database stays held, and it is named what is lacking.
fn without_its_key(fleet: &Fleet, config: &Path) {
    let (key, away) = (fleet.data().join("key"), fleet.data().join("key.away"));
    fs::rename(&key, &away).unwrap();
    run(program().args(["keys", "new", "--out"]).arg(&key));
    let refused = ended(&mut ordered("recover", config));
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(!refused.status.success() && said.contains("the ring lacks the key"), "{said}");
    fs::rename(&away, &key).unwrap();
}

/// A token that was used behind the backup costs its own account, and no other.
async fn tokens_are_doubted(fleet: &Fleet, scene: &Scene<'_>, (spent, calm): (&Account, &Account)) {
    renewed(fleet, calm).await;
    renew(fleet, spent).await;
    let path = format!("/v1/accounts/{}", spent.id);
    let lost = eventually("its owner is asked", Duration::from_secs(20), async || {
        let shown = scene.api.get(&path).await.data().clone();
        if shown["status"] == "needs_reconnect" { Ok(shown) } else { Err(shown.to_string()) }
    })
    .await;
    assert!(lost["statusReason"].as_str().unwrap().contains("after the backup"), "{lost}");
    let shut = "SELECT count(*) FROM gates WHERE scope_key = 'platform:x'";
    let shut: i64 = sqlx::query_scalar(shut).fetch_one(&mut fleet.postgres().await).await.unwrap();
    assert_eq!(shut, 0, "the platform is not taken to be out of order");
}
