//! A process that is there before its Postgres and its Redis, one that ends, and what both say.

use crate::crash::servers::signal;
use crate::support::api::{Answer, Api, try_send};
use crate::support::fleet::{Place, free_port};
use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually, say};
use base::clock;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixDatagram};

/// A process looks this often at most for what it waits for, and the machine may be busy.
const READY_WITHIN: Duration = Duration::from_secs(10);
const ENDED_WITHIN: Duration = Duration::from_secs(25);

/// Opens the way from a port to a server.
async fn open(port: u16, url: &str) {
    let server = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
    let server = server.split('/').find(|part| part.contains(':')).unwrap().to_owned();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
}

/// The same server behind another port.
fn behind(url: &str, port: u16) -> String {
    let (head, rest) = url.rsplit_once('@').unwrap();
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    format!("{head}@127.0.0.1:{port}/{path}")
}

/// What a port of a process answers, if it does.
async fn ask(fleet: &Fleet, port: u16, path: &str) -> Result<Answer, String> {
    let place = Place { api_url: format!("http://127.0.0.1:{port}"), ..fleet.place().clone() };
    let request = Api::new(&place).open(Method::GET, path).timeout(Duration::from_secs(5));
    try_send(request).await.map_err(|error| error.to_string())
}

/// The checks that fail, by name.
fn failing(answer: &Answer) -> Vec<String> {
    let checks = answer.body["checks"].as_array().into_iter().flatten();
    let failing = checks.filter(|check| check["ok"] == false);
    failing.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

/// Waits until exactly these checks fail.
async fn fails(fleet: &Fleet, port: u16, names: &[&str]) -> Answer {
    eventually(&format!("exactly {names:?} fail"), READY_WITHIN, async || {
        let answer = ask(fleet, port, "/readyz").await?;
        let status = if names.is_empty() { 200 } else { 503 };
        match failing(&answer) == names && answer.status == status {
            true => Ok(answer),
            false => Err(format!("{answer:?}")),
        }
    })
    .await
}

/// A service manager: what it was told so far. It listens all the time, for only a few words fit
/// into its queue.
fn manager(at: &Path) -> Arc<Mutex<Vec<String>>> {
    let socket = UnixDatagram::bind(at).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    tokio::spawn(async move {
        let mut line = [0; 4_096];
        while let Ok(size) = socket.recv(&mut line).await {
            let words = String::from_utf8_lossy(&line[..size]).into_owned();
            heard.lock().unwrap().push(words);
        }
    });
    told
}

// case: O-waiting
// case: O-notify
// case: O-draining
#[tokio::test]
async fn a_process_waits_for_its_parts_says_what_is_missing_and_ends_in_good_order() {
    let mut fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "waiting").await;
    let account = scene.connect("waiting").await;
    let [postgres, redis, work, serve] = [(); 4].map(|()| free_port());
    let place = fleet.place().clone();
    let parts = [
        ("POSTFLEET__STORE__URL", behind(&place.postgres_url, postgres)),
        ("POSTFLEET__QUEUE__URL", behind(&place.redis_url, redis)),
    ];
    let [store, queue] = [0, 1].map(|at| (parts[at].0, parts[at].1.as_str()));
    let socket = fleet.root().join("notify");
    let heard = manager(&socket);
    let listen = format!("127.0.0.1:{work}");
    let environment = [
        store,
        queue,
        ("POSTFLEET__WORKERS__PRIVATE_LISTEN", listen.as_str()),
        ("NOTIFY_SOCKET", socket.to_str().unwrap()),
        ("WATCHDOG_USEC", "400000"),
        // On a busy machine too, the platform's late answer is waited for.
        ("POSTFLEET__PLATFORMS__X__CALL_DEADLINE_MS", "15000"),
    ];
    let mut worker = Worker::start_as(&fleet, "early", &["work"], &environment);
    let private = format!("127.0.0.1:{serve}");
    let listen = ("POSTFLEET__SERVER__PRIVATE_LISTEN", private.as_str());
    let (mut server, front) = Worker::serve(&fleet, "door", &[store, queue, listen]);
    let door: u16 = front.api_url.rsplit_once(':').unwrap().1.parse().unwrap();

    eventually("both were tried and refused", Duration::from_secs(30), async || {
        let waits = fails(&fleet, work, &["postgres", "redis"]).await;
        let told = waits.body["message"].as_str().unwrap();
        if told.matches("refused").count() == 2 { Ok(()) } else { Err(told.to_owned()) }
    })
    .await;
    assert_eq!(ask(&fleet, work, "/healthz").await.unwrap().status, 200);
    fails(&fleet, serve, &["postgres", "redis"]).await;
    let early = ask(&fleet, door, "/connect/result").await.unwrap();
    assert_eq!((early.status, &early.body["error"]), (503, &json!("not_ready")), "{early:?}");

    open(postgres, &place.postgres_url).await;
    fails(&fleet, work, &["redis"]).await;
    let back = clock::stopwatch();
    open(redis, &place.redis_url).await;
    fails(&fleet, work, &[]).await;
    fails(&fleet, serve, &[]).await;
    say(format_args!("waiting: both ready {:.2?} after the last part", back.elapsed()));
    let opened = Api::new(&front).get("/v1/posts").await;
    assert_eq!(opened.status, 200, "{opened:?}");

    let slowly = json!({"kind": "delay", "route": "tweets.create", "ms": 6_000});
    scene.sim.fault(&account.remote_id, slowly).await;
    let post = scene.post(json!({"text": "Asked early", "accounts": [account.id]})).await;
    under_way(&fleet).await;
    signal("TERM", worker.pid());
    // Until the platform has answered: liveness as ever, readiness not.
    let drains = fails(&fleet, work, &["draining"]).await;
    assert!(drains.body["message"].as_str().unwrap().contains("asked to end"), "{drains:?}");
    assert_eq!(ask(&fleet, work, "/healthz").await.unwrap().status, 200);
    ends(&mut worker).await;
    assert_eq!(status(&fleet, &post).await, "published");
    let heard = heard.lock().unwrap().clone();
    let place = |words: &str| heard.iter().position(|one| one.contains(words));
    assert!(place("STATUS=postgres: ").is_some(), "{heard:?}");
    assert!(place("STATUS=postgres: ") < place("READY=1"), "{heard:?}");
    assert!(place("READY=1").is_some() && place("READY=1") < place("STOPPING=1"), "{heard:?}");
    assert!(heard.iter().filter(|one| *one == "WATCHDOG=1").count() >= 3, "{heard:?}");

    signal("TERM", server.pid());
    ends(&mut server).await;
    assert!(fleet.ended().is_none());
}

// case: O-hurried
#[tokio::test]
async fn a_second_signal_ends_a_process_at_once_and_its_call_is_looked_up() {
    let fleet = Fleet::start(&["--without-workers"], &[]).await;
    let scene = Scene::on(&fleet, "hurried").await;
    let account = scene.connect("hurried").await;
    let deadline = [("POSTFLEET__PLATFORMS__X__CALL_DEADLINE_MS", "15000")];
    let mut worker = Worker::start_as(&fleet, "slow", &["work"], &deadline);
    let slowly = json!({"kind": "delay", "route": "tweets.create", "ms": 9_000});
    scene.sim.fault(&account.remote_id, slowly).await;
    scene.post(json!({"text": "Slowly", "accounts": [account.id]})).await;
    under_way(&fleet).await;
    let since = clock::stopwatch();
    signal("TERM", worker.pid());
    eventually("the first signal was heard", READY_WITHIN, async || {
        worker.log().contains("stopping: ").then_some(()).ok_or_else(|| worker.log())
    })
    .await;
    assert!(worker.ended().is_none(), "a call is under way");
    signal("TERM", worker.pid());
    ends(&mut worker).await;
    let took = since.elapsed();
    say(format_args!("hurried: ended {took:.2?} after the first signal"));
    assert!(took < Duration::from_secs(7), "{took:?}");
    // The intent is open: nobody sends it again before it was asked for.
    assert_eq!(sending(&fleet).await, 1);
}

async fn ends(worker: &mut Worker) {
    let status = eventually("it has ended", ENDED_WITHIN, async || {
        worker.ended().ok_or_else(|| "it runs on".to_owned())
    })
    .await;
    assert!(status.success(), "{status}\n{}", worker.log());
}

async fn sending(fleet: &Fleet) -> i64 {
    let asked = sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE status = 'sending'");
    asked.fetch_one(&mut fleet.postgres().await).await.unwrap()
}

async fn under_way(fleet: &Fleet) {
    eventually("a call is under way", Duration::from_secs(20), async || {
        match sending(fleet).await {
            1 => Ok(()),
            _ => Err("no intent".to_owned()),
        }
    })
    .await;
}

async fn status(fleet: &Fleet, post: &Value) -> String {
    let id = post["id"].as_str().unwrap();
    let shown = fleet.api().get(&format!("/v1/posts/{id}")).await;
    shown.body["data"]["deliveries"][0]["status"].as_str().unwrap_or_default().to_owned()
}
