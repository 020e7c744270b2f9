//! What the API says of a post before it is taken, and what a worker says of it as it was stored.

use super::*;
use crate::fan_out::objection;
use chance::Chance;
use domain::account::Status;
use domain::content::MediaKind;
use domain::id::Id;
use domain::time::Timestamp;
use uuid::Uuid;

#[path = "../../queue/tests/model/chance.rs"]
#[expect(dead_code, reason = "more of it is used where it lies")]
mod chance;

const POSTS: u64 = 100_000;
/// Side by side.
const PARTS: u64 = 4;
const SEED: u64 = 20_261_126;
/// Around each of them something changes; they are rarer than short ones, for they take their time.
const LENGTHS: [usize; 8] = [0, 1, 25, 280, 500, 700, 2_200, 3_000];
const LONG: [usize; 2] = [5_000, 25_000];
const PIECES: [&str; 12] =
    ["a", "é", "日", "😀", "👩‍👩‍👧", "#tag ", "@who ", "$ACME ", "https://a.co/b ", " ", "<", "\n"];

/// Files of all sorts, good and bad.
fn library(chance: &mut Chance) -> BTreeMap<AssetId, AssetFacts> {
    let kinds = [
        (MediaKind::Image, "image/jpeg"),
        (MediaKind::Image, "image/png"),
        (MediaKind::Gif, "image/gif"),
        (MediaKind::Video, "video/mp4"),
        (MediaKind::Video, "video/quicktime"),
    ];
    let facts = (0..60_u128).map(|number| {
        let (kind, mime) = kinds[chance.index(kinds.len())];
        let small = chance.one_in(2);
        let facts = AssetFacts {
            id: Id::new(Uuid::from_u128(number)),
            kind,
            mime: mime.to_owned(),
            size_bytes: if small { 1_000 } else { chance.below(400_000_000) },
            width: if small { 1_080 } else { 1 + u32::try_from(chance.below(8_000)).unwrap() },
            height: if small { 1_080 } else { 1 + u32::try_from(chance.below(8_000)).unwrap() },
            duration_ms: (kind == MediaKind::Video).then(|| chance.below(1_000_000)),
            codec: None,
            frame_rate: None,
            frames: None,
            sha256: String::new(),
        };
        (facts.id, facts)
    });
    facts.collect()
}

fn text(chance: &mut Chance) -> String {
    let lengths: &[usize] = if chance.one_in(100) { &LONG } else { &LENGTHS };
    let length = match chance.one_in(6) {
        true => (lengths[chance.index(lengths.len())] + chance.index(3)).saturating_sub(1),
        false => chance.index(40),
    };
    let piece = PIECES[chance.index(PIECES.len())];
    let size = piece.chars().count();
    let mut text = piece.repeat(length / size);
    text.extend(std::iter::repeat_n('x', length % size));
    text
}

fn media(chance: &mut Chance, assets: &BTreeMap<AssetId, AssetFacts>) -> Value {
    let count = [0, 1, 1, 2, 4, 5, 10, 11, 20, 21][chance.index(10)];
    let uses = (0..count).map(|_| {
        let known = assets.keys().nth(chance.index(assets.len())).unwrap().to_string();
        let id = if chance.one_in(100) { format!("med_{:032x}", u128::MAX) } else { known };
        match chance.one_in(4) {
            true => json!({"id": id, "altText": text(chance)}),
            false => json!({"id": id}),
        }
    });
    uses.collect()
}

/// What is said to a platform alone: good words, and words that are none.
fn options(chance: &mut Chance, assets: &BTreeMap<AssetId, AssetFacts>) -> Value {
    let id = assets.keys().nth(chance.index(assets.len())).unwrap().to_string();
    let minutes = [4, 5, 1_440, 10_080, 10_081][chance.index(5)];
    let poll = json!({
        "options": vec!["yes"; chance.index(6)], "question": text(chance),
        "durationMinutes": minutes,
    });
    let all: [(&str, Value); 19] = [
        ("text", text(chance).into()),
        ("media", media(chance, assets)),
        ("thread", json!(vec![text(chance); chance.index(4)])),
        ("poll", poll),
        ("replySettings", ["following", "nobody"][chance.index(2)].into()),
        ("visibility", ["PUBLIC", "CONNECTIONS", "ALL"][chance.index(3)].into()),
        ("app", ["personal", "organization"][chance.index(2)].into()),
        ("kind", ["feed", "reel", "story"][chance.index(3)].into()),
        ("collaborators", json!(vec!["@a"; chance.index(5)])),
        ("thumbOffsetMs", chance.below(20_000).into()),
        ("coverMediaId", id.clone().into()),
        ("replyControl", ["everyone", "followers_only", "no"][chance.index(3)].into()),
        ("title", text(chance).into()),
        ("description", text(chance).into()),
        ("tags", json!(vec![text(chance); chance.index(4)])),
        ("privacyStatus", ["public", "private", "hidden"][chance.index(3)].into()),
        ("madeForKids", json!(chance.one_in(2))),
        ("categoryId", ["22", "a"][chance.index(2)].into()),
        ("thumbnailMediaId", id.into()),
    ];
    let said = all.into_iter().filter(|_| chance.one_in(9));
    Value::Object(said.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn body(chance: &mut Chance, assets: &BTreeMap<AssetId, AssetFacts>) -> Value {
    let names = platforms::names();
    let platforms: Vec<&str> = names.iter().copied().filter(|_| chance.one_in(2)).collect();
    let mut body = json!({"brandSlug": "acme", "text": text(chance), "platforms": platforms});
    if chance.one_in(2) {
        body["media"] = media(chance, assets);
    }
    for name in platforms {
        if name == "youtube" || chance.one_in(2) {
            body[name] = options(chance, assets);
        }
    }
    body
}

fn account(platform: &str, kind: &str) -> Account {
    Account {
        id: Id::new(Uuid::from_u128(1)),
        tenant: Id::new(Uuid::from_u128(2)),
        brand_id: Id::new(Uuid::from_u128(3)),
        platform: platform.to_owned(),
        app: "default".to_owned(),
        own_app_key: None,
        remote_id: "1".to_owned(),
        handle: "@acme".to_owned(),
        kind: kind.to_owned(),
        status: Status::Connected,
        status_reason: None,
        status_at: Timestamp::from_seconds(1),
        scopes: None,
        connected_at: Timestamp::from_seconds(1),
    }
}

// case: C-verdicts
#[test]
fn a_worker_says_of_a_stored_post_what_was_said_before_it_was_taken() {
    let parts: Vec<_> = (0..PARTS)
        .map(|part| std::thread::spawn(move || agree(SEED + part, POSTS / PARTS)))
        .collect();
    let told = parts.into_iter().map(|part| part.join().unwrap());
    let (verdicts, good) = told.fold((0, 0), |sum, told| (sum.0 + told.0, sum.1 + told.1));
    // Neither side of the table is empty.
    assert!(good > verdicts / 20 && good < verdicts / 2, "{good} of {verdicts} are good");
}

/// How many verdicts of random posts agreed, and how many of them were good.
fn agree(seed: u64, posts: u64) -> (usize, usize) {
    let mut chance = Chance::new(seed);
    let assets = library(&mut chance);
    let now = Timestamp::from_seconds(1_800_000_000);
    let (mut verdicts, mut good) = (0, 0);
    for number in 0..posts {
        let body = body(&mut chance, &assets);
        let profile = if chance.one_in(2) { Profile::Spec } else { Profile::Extended };
        let (draft, _) = request::read(&body, &platforms::names(), now, &TimeZone::UTC);
        // A worker has it from Postgres.
        let stored = serde_json::from_str(&serde_json::to_string(&draft).unwrap()).unwrap();
        for name in &draft.platforms {
            let platform = platforms::find(name).unwrap();
            let kinds = platform.account_kinds();
            let account = account(name, kinds[chance.index(kinds.len())]);
            let before = check_platform(platform, profile, &draft, &[&account], &assets);
            let after = objection(&account, profile, &stored, &assets);
            let after = after.map_or_else(|| json!([]), |failure| failure["details"].clone());
            assert_eq!(json!(before), after, "post {number} of seed {seed} on {name}: {body}");
            if before.is_empty() {
                // Whoever publishes it does not ask for the profile any more.
                let content = |profile, draft| platform.content(profile, draft, &mut Vec::new());
                let (said, read) = (content(profile, &draft), content(Profile::Extended, &stored));
                assert_eq!(said, read, "post {number} of seed {seed} on {name}: {body}");
                good += 1;
            }
            verdicts += 1;
        }
    }
    (verdicts, good)
}
