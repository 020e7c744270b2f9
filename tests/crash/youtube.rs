//! An upload in pieces whose worker dies again and again.

use super::servers::signal;
use super::wire::Wire;
use crate::support::chance::Chance;
use crate::support::files::FILM;
use crate::support::worker::Worker;
use crate::support::{Fleet, Scene, eventually, say, seed};
use base::clock;
use serde_json::json;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;
const FILM_BYTES: usize = 64 * MIB as usize;
/// What the adapter sends at a time.
const PIECE_BYTES: u64 = 8 * MIB;
const CUTS: usize = 10;
/// Everything but pieces that a worker sends: a few requests without a file.
const LITTLE_BYTES: u64 = MIB / 8;
/// Far more than streaming takes, far less than the film or the pieces that were sent of it.
const GROWTH_BYTES_MAX: u64 = 32 * MIB;
/// The dead are noticed soon.
const SWIFTER: [(&str, &str); 2] =
    [("POSTFLEET__QUEUE__LEASE_MS", "1500"), ("POSTFLEET__QUEUE__RENEW_EVERY_MS", "500")];

/// A film that the prober takes, in which every place differs from every other.
fn film() -> Vec<u8> {
    let mut film = FILM.to_vec();
    let rest = u32::try_from(FILM_BYTES - film.len()).unwrap();
    // ISO/IEC 14496-12, 8.1.2: a box that nobody reads.
    film.extend(rest.to_be_bytes());
    film.extend(b"free");
    while film.len() < FILM_BYTES {
        film.extend(format!("{:015x}\n", film.len()).bytes());
    }
    film.truncate(FILM_BYTES);
    film
}

/// Behind how many bytes of each worker's own its wire is cut: inside its first piece, or inside
/// its second. A job that ends its process three times at one place is a poison (`R-poison`), so
/// no two workers in a row die in their first; and the long ones are as many as the film has
/// pieces, but for the one in which it is cut last.
fn cuts(chance: &mut Chance) -> Vec<u64> {
    let longs = FILM_BYTES as u64 / PIECE_BYTES - 1;
    let shorts = CUTS - usize::try_from(longs).unwrap();
    let is_short = loop {
        let mut drawn = vec![false; CUTS];
        while drawn.iter().filter(|is_short| **is_short).count() < shorts {
            drawn[chance.index(CUTS)] = true;
        }
        if !drawn.windows(2).any(|pair| pair == [true, true]) {
            break drawn;
        }
    };
    let place = |is_short: bool| {
        let first = if is_short { 0 } else { PIECE_BYTES };
        first + LITTLE_BYTES + chance.below(PIECE_BYTES - 2 * LITTLE_BYTES)
    };
    is_short.into_iter().map(place).collect()
}

fn publisher(fleet: &Fleet, wire: &Wire, left: Option<u64>) -> Worker {
    wire.arm(left);
    let url = format!("http://{}/youtube", wire.address);
    let environment = [("POSTFLEET__PLATFORMS__YOUTUBE__URL", url.as_str())];
    let roles = ["work", "--roles", "publish,reconcile", "--platforms", "youtube"];
    let worker = Worker::start_as(fleet, "publisher", &roles, &environment);
    wire.belongs_to(worker.pid());
    worker
}

// case: Y-cut
#[tokio::test]
async fn an_upload_that_is_cut_off_again_and_again_goes_on_where_it_was() {
    let since = clock::stopwatch();
    let seed = seed("upload with cuts");
    let fleet = Fleet::start(&["--without-workers"], &SWIFTER).await;
    let scene = Scene::on(&fleet, "cut").await;
    let account = scene.connect_on(("youtube", None), "cut").await;
    let film = film();
    let media = scene.api.upload(film.clone(), "long.mp4").await;
    let wire = Wire::to(fleet.place().sim_url.trim_start_matches("http://")).await;
    let post = scene
        .post(json!({
            "text": "cut to pieces", "accounts": [account.id], "media": [{"id": media}],
            "youtube": {"title": "Cut to pieces"},
        }))
        .await;
    let _clock =
        Worker::start_as(&fleet, "clock", &["work", "--roles", "relay,sweep,fan-out"], &[]);

    let (mut sent, mut growth) = (0, 0);
    let cuts = cuts(&mut Chance::new(seed));
    for (number, cut) in cuts.iter().enumerate() {
        let mut worker = publisher(&fleet, &wire, Some(*cut));
        let what = format!("worker {number} is cut off behind {cut} bytes");
        let is_cut = tokio::time::timeout(Duration::from_secs(20), wire.cut()).await;
        assert!(is_cut.is_ok(), "{what}: {:?}\n{}", scene.whole(&post).await, worker.log());
        let (passed, grown) = wire.told();
        (sent, growth) = (sent + passed, growth.max(grown));
        signal("KILL", worker.pid());
        eventually("it is dead", Duration::from_secs(5), async || {
            worker.ended().ok_or_else(|| "it lives".to_owned())
        })
        .await;
        wire.bury();
    }
    let _worker = publisher(&fleet, &wire, None);
    scene.published(&post).await;
    let (passed, grown) = wire.told();
    (sent, growth) = (sent + passed, growth.max(grown));

    let accepted = scene.accepted(&account).await;
    assert_eq!(accepted.len(), 1, "one video");
    let page = format!("{}/youtube/media/{}", fleet.place().sim_url, accepted[0].remote_id);
    assert!(scene.sim.page(&page).await == String::from_utf8_lossy(&film), "as it was given");
    let log = scene.sim.log_of("youtube");
    let requests = log.iter().filter_map(|line| line.get("request"));
    let opened = requests.filter(|one| one["method"] == "POST" && one["path"] != "/token");
    let opened = opened.filter(|one| one["path"].as_str().unwrap().starts_with("/upload")).count();
    assert_eq!(opened, 1, "one session");
    let again = sent.saturating_sub(FILM_BYTES as u64);
    say(format_args!(
        "upload with cuts: {CUTS} deaths, {:.1} MiB sent again, memory grew by {:.1} MiB at most, \
         {:.1} s",
        again as f64 / MIB as f64,
        growth as f64 / MIB as f64,
        since.elapsed().as_secs_f64(),
    ));
    assert!(again <= CUTS as u64 * (PIECE_BYTES + LITTLE_BYTES), "a piece a cut at most: {again}");
    assert!(growth < GROWTH_BYTES_MAX, "{growth} bytes");
}
