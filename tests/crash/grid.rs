//! The crash grid: at every passage of every named point on the way of every kind of post, a
//! process dies, or stands still for longer than its lease, and the post is out once.

use super::cells::{Cell, DOOR, ELSEWHERE, End, Extent, Files, Kind, ON_X};
use super::crew::{Crew, Duty};
use super::judge::{Row, judge, owners, rows};
use super::writer::outcomes;
use crate::support::scene::Way;
use crate::support::worker::Worker;
use crate::support::{Account, Api, Fleet, Scene, api, eventually, files, say, turn};
use base::clock;
use futures::future::join_all;
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A lane lends one job at a time, so the accounts bound how many cells are under way.
const ACCOUNTS: usize = 24;
/// And how many processes stand still at once: about five for each.
const ACCOUNTS_STOPPED: usize = 12;
/// Longer than the lease of `support::fleet::SWIFT` and the pause between two looks for dead ones:
/// the queue has taken its jobs back.
const STANDS: Duration = Duration::from_secs(5);
/// Whoever publishes has passed all points by then.
const PASSED_WITHIN: Duration = Duration::from_secs(15);
/// At most one cell of so many meets no end, for a platform was ready sooner than it ever was for a
/// scout.
const SPARED_PART: usize = 20;
/// Undisturbed posts of each kind.
const SCOUTS: usize = 3;
/// No front door is asked for more than it answers in time on a busy machine.
const POSTED_AT_ONCE: usize = 16;
const ENDED_WITHIN: Duration = Duration::from_secs(240);
const MARKED_WITHIN: Duration = Duration::from_secs(20);
/// A call that is cut off is asked for after this and the intent's margin of five seconds.
const SWIFTER: [(&str, &str); 1] = [("POSTFLEET__PLATFORMS__X__CALL_DEADLINE_MS", "1000")];

/// A cell with its post.
pub(super) struct Placed {
    pub cell: Cell,
    pub account: Account,
    /// As the API showed it.
    post: Value,
    pub delivery: Uuid,
    /// The order to end there.
    order: String,
    /// The process that passed.
    passed: Option<u32>,
    stood_at: Option<Instant>,
    /// Since when it is out without that anybody has passed.
    out_at: Option<Instant>,
    /// It went a shorter way than the scouts of its kind: nobody passes there any more.
    is_spared: bool,
    /// The delivery as another process left it, before the one that stood still went on.
    left: Option<Row>,
    is_over: bool,
}

struct Grid<'f> {
    scene: Scene<'f>,
    end: End,
    accounts: Vec<Account>,
    files: Files,
    /// Where passages are noted.
    folder: PathBuf,
    crew: Crew<'f>,
    placed: Vec<Placed>,
}

/// A bare UUID, as a crash point is armed for it, of an id with its prefix.
fn bare(id: &Value) -> Uuid {
    id.as_str().and_then(|id| id.split_once('_')).expect("a prefix and a UUID").1.parse().unwrap()
}

fn is_planned(post: &Value) -> bool {
    post["deliveries"][0]["status"] == "scheduled"
}

impl Placed {
    fn new(cell: Cell, account: Account, post: &Value, end: End) -> Self {
        let delivery = bare(&post["deliveries"][0]["id"]);
        let subject = match cell.point {
            DOOR => String::new(),
            "fan_out.before_commit" | "fan_out.after_commit" => {
                format!("@{}", bare(&post["id"]).simple())
            }
            _ => format!("@{}", delivery.simple()),
        };
        let order = order(&cell, &subject, end);
        Self {
            cell,
            account,
            post: post.clone(),
            delivery,
            order,
            passed: None,
            stood_at: None,
            out_at: None,
            is_spared: false,
            left: None,
            is_over: false,
        }
    }

    /// The process that stands still writes as soon as it goes on: that it will not send, or what
    /// was answered.
    fn writes_late(&self) -> bool {
        let writes = [
            "courier.after_intent",
            "courier.after_fence",
            "courier.after_send",
            "publish.after_read",
        ];
        writes.contains(&self.cell.point)
    }

    /// The delivery is worked on by whoever passes here, so another one takes it over.
    fn is_taken_over(&self) -> bool {
        let role = self.cell.point.split_once('.').map(|(role, _)| role);
        matches!(role, Some("publish" | "courier" | "queue"))
    }
}

fn order(cell: &Cell, subject: &str, end: End) -> String {
    let how = if end == End::Stop { "=stop" } else { "" };
    format!("{}{subject}:{}{how}", cell.point, cell.passage)
}

impl<'f> Grid<'f> {
    async fn open(fleet: &'f Fleet, kinds: &[Kind], end: End) -> Self {
        let scene = Scene::on(fleet, "grid").await;
        let ways: BTreeSet<Way> = kinds.iter().map(|kind| kind.way()).collect();
        let most = if end == End::Die { ACCOUNTS } else { ACCOUNTS_STOPPED };
        let ways_in_turn = ways.iter().cycle().take(most);
        let connected = ways_in_turn.map(|way| scene.connect_on(*way, "grid"));
        let accounts = stream::iter(connected).buffered(POSTED_AT_ONCE).collect().await;
        let picture = scene.api.upload(files::jpeg(1_080, 1_080), "a.jpg").await;
        let film = scene.api.upload(files::film(10), "a.mp4").await;
        let folder = fleet.root().join("passages");
        std::fs::create_dir(&folder).unwrap();
        let platforms: Vec<&'static str> = ways.iter().map(|way| way.0).collect();
        let (crew, placed) = (Crew::new(fleet, &platforms), Vec::new());
        Self { scene, end, accounts, files: Files { picture, film }, folder, crew, placed }
    }

    /// How long the way of each kind is: undisturbed posts tell. On a busy machine a platform is
    /// asked once more whether it is ready, and no other post may pass there: the shortest counts.
    async fn scout(&mut self, kinds: &[Kind]) -> Vec<(Kind, Extent)> {
        self.crew.tend();
        let grid = &*self;
        let extents = kinds.iter().enumerate().map(async |(number, kind)| {
            let mut ways = Vec::new();
            for scout in 0..SCOUTS {
                let cell = Cell { number: number + scout, kind: *kind, point: "scout", passage: 0 };
                let mut draft = grid.draft(&cell);
                draft["text"] = format!("Scout {number} {scout}, {}", grid.scene.brand).into();
                let post = grid.scene.post(draft).await;
                grid.scene.published(&post).await;
                ways.push(extent(&grid.scene.whole(&post).await));
            }
            (*kind, Extent::shortest(&ways))
        });
        let extents = join_all(extents).await;
        self.crew.dismiss_all();
        // A later look at a film is not what this is about, and a relay that has told of it passes
        // over what is due before.
        let mut db = self.scene.fleet.postgres().await;
        sqlx::query("DELETE FROM jobs WHERE kind = 'follow'").execute(&mut db).await.unwrap();
        extents
    }

    fn arm(&mut self, orders: &[String]) {
        self.crew.arm(&orders.join(","), self.folder.to_str().unwrap());
    }

    fn account(&self, cell: &Cell) -> &Account {
        let way = cell.kind.way();
        let count = self.accounts.iter().filter(|one| one.way == way).count();
        let mut fit = self.accounts.iter().filter(|one| one.way == way);
        fit.nth(cell.number % count).expect("each way has an account")
    }

    /// The post of a cell, as the API takes it.
    fn draft(&self, cell: &Cell) -> Value {
        let mut post = self.scene.draft(cell.draft(&self.files));
        post["accounts"] = json!([self.account(cell).id]);
        post
    }

    fn place(&mut self, cell: Cell, post: &Value) {
        let account = self.account(&cell).clone();
        self.placed.push(Placed::new(cell, account, post, self.end));
    }

    /// The number of the process that carried an order out.
    fn passed(&self, order: &str) -> Option<u32> {
        let how = order.strip_suffix("=stop").unwrap_or(order);
        let passage = how.rsplit_once(':').expect("an order names its passage").1;
        let noted = std::fs::read_to_string(self.folder.join(format!("{order}.{passage}")));
        noted.ok()?.parse().ok()
    }

    async fn until_passed(&self, order: &str) {
        eventually(order, MARKED_WITHIN, async || {
            self.passed(order).ok_or_else(|| "nobody has passed".to_owned())
        })
        .await;
    }

    /// Front doors end behind the commit; the same request, at another door, is the same post.
    async fn accept(&mut self, cells: Vec<Cell>) {
        let orders: Vec<String> = cells.iter().map(|cell| order(cell, "", self.end)).collect();
        self.arm(&orders);
        for (cell, order) in cells.into_iter().zip(&orders) {
            let name = format!("door-{:?}", cell.kind);
            let environment = self.crew.environment(Duty::Door);
            let (worker, place) = Worker::serve(self.scene.fleet, &name, &environment);
            self.crew.adopt(Duty::Door, worker);
            let door = Api::new(&place);
            door.opens().await;
            let (draft, key) = (self.draft(&cell), format!("{}-{order}", self.scene.brand));
            let request = door.request(Method::POST, "/v1/posts").header("Idempotency-Key", &key);
            tokio::select! {
                answer = api::try_send(request.json(&draft)) => assert!(answer.is_err()),
                () = self.until_passed(order) => {}
            }
            self.until_passed(order).await;
            let answer = self.scene.api.post_once("/v1/posts", &draft, &key).await;
            assert_eq!(answer.status, 200, "it was stored before: {answer:?}");
            self.place(cell, answer.data());
        }
    }

    /// Relays end behind a push. Each tells of one post, which nobody publishes yet; what lies
    /// behind a relay's cursor no other relay tells again, so they take turns.
    async fn relay(&mut self, cells: Vec<Cell>) {
        self.crew.start(Duty::FanOut);
        // A Redis that nobody has filled yet lends nothing.
        self.crew.start(Duty::Clock);
        for at in 0..self.placed.len() {
            let post = self.placed[at].post.clone();
            self.scene.until(&post, "it is planned", is_planned).await;
        }
        self.crew.dismiss(Duty::Clock);
        for cell in cells {
            let post = self.scene.post(self.draft(&cell)).await;
            self.scene.until(&post, "it is planned", is_planned).await;
            self.place(cell, &post);
            let order = self.placed.last().map(|one| one.order.clone()).unwrap();
            self.arm(std::slice::from_ref(&order));
            self.crew.start(Duty::Relay);
            self.until_passed(&order).await;
        }
        self.crew.dismiss(Duty::FanOut);
    }

    /// Everything else is accepted while nobody works, then its orders are given to all.
    async fn rest(&mut self, cells: Vec<Cell>) {
        let posts: Vec<Value> = stream::iter(&cells)
            .map(|cell| self.scene.post(self.draft(cell)))
            .buffered(POSTED_AT_ONCE)
            .collect()
            .await;
        for (cell, post) in cells.into_iter().zip(&posts) {
            self.place(cell, post);
        }
        let orders: Vec<String> = self.placed.iter().map(|one| one.order.clone()).collect();
        self.arm(&orders);
    }

    /// Looks after the crew once. `Ok` when every cell is over.
    async fn tend(&mut self, db: &mut PgConnection) -> Result<Vec<Row>, String> {
        self.crew.tend();
        owners(db).await;
        let rows = rows(db).await;
        for at in 0..self.placed.len() {
            self.watch(at, &rows);
        }
        let is_open = |one: &&Placed| !one.is_over || !row(&rows, one).is_published();
        let open: Vec<_> = self.placed.iter().filter(is_open).collect();
        let Some(first) = open.first() else { return Ok(rows) };
        let row = row(&rows, first);
        Err(format!("{} cells, as {} ({:?}) with {row:?}", open.len(), first.order, first.passed))
    }

    fn watch(&mut self, at: usize, rows: &[Row]) {
        let one = &self.placed[at];
        let row = row(rows, one).clone();
        assert!(!row.is_failed(), "{}: {row:?}", one.order);
        let passed = one.passed.or_else(|| self.passed(&one.order));
        let one = &mut self.placed[at];
        // Every way has a first passage of each point.
        if passed.is_none() && one.cell.passage > 1 && row.is_published() {
            let out_at = *one.out_at.get_or_insert_with(clock::stopwatch);
            one.is_spared = out_at.elapsed() > PASSED_WITHIN;
            one.is_over = one.is_spared;
        }
        let Some(pid) = passed.filter(|_| !one.is_over) else { return };
        one.passed = passed;
        if self.end == End::Die {
            one.is_over = self.crew.deaths.contains(&pid);
            return;
        }
        let stood_at = *one.stood_at.get_or_insert_with(|| {
            self.crew.stands(pid);
            clock::stopwatch()
        });
        if one.left.is_none() {
            let is_left = row.is_published() || !one.is_taken_over();
            if is_left && stood_at.elapsed() > STANDS {
                one.left = Some(row);
                self.crew.go_on(pid);
            }
            return;
        }
        let delivery = one.delivery.simple().to_string();
        let is_refusal =
            |line: &str| line.contains("a late settle was refused") && line.contains(&delivery);
        one.is_over = !one.writes_late() || self.crew.log(pid).lines().any(is_refusal);
    }

    /// Nothing that a late process wrote changed what another one had settled.
    fn unchanged(&self, rows: &[Row]) {
        for one in self.placed.iter().filter(|one| one.is_taken_over()) {
            if let Some(left) = &one.left {
                assert_eq!(left, row(rows, one), "{}", one.order);
            }
        }
    }
}

fn row<'r>(rows: &'r [Row], one: &Placed) -> &'r Row {
    rows.iter().find(|row| row.id == one.delivery).expect("an accepted post is not lost")
}

/// What the timeline of a published post tells of its way.
fn extent(whole: &Value) -> Extent {
    let attempts = whole["timeline"].as_array().unwrap();
    let lines = || attempts.iter().flat_map(|attempt| attempt["lines"].as_array().unwrap());
    let count = |kind: &str| lines().filter(|line| line["kind"] == kind).count() as u32;
    Extent { calls: count("call"), intents: count("intent"), leases: count("begun") }
}

/// Every kind on X.
async fn on_x(end: End) {
    let fleet = Fleet::start(&["--without-workers"], &SWIFTER).await;
    let grid = Grid::open(&fleet, &ON_X, end).await;
    run(grid, Cell::all(&ON_X.map(|kind| (kind, kind.on_x()))), end).await;
}

/// Every kind on the other platforms.
async fn elsewhere(end: End) {
    let fleet = Fleet::start(&["--without-workers"], &SWIFTER).await;
    let mut grid = Grid::open(&fleet, &ELSEWHERE, end).await;
    let extents = grid.scout(&ELSEWHERE).await;
    say(format_args!("crash grid: {extents:?}"));
    run(grid, Cell::all(&extents), end).await;
}

async fn run(mut grid: Grid<'_>, cells: Vec<Cell>, end: End) {
    let (since, fleet) = (clock::stopwatch(), grid.scene.fleet);
    let (doors, rest): (Vec<_>, Vec<_>) = cells.into_iter().partition(|cell| cell.point == DOOR);
    let (relays, rest): (Vec<_>, Vec<_>) =
        rest.into_iter().partition(|cell| cell.point == "relay.after_push");
    grid.accept(doors).await;
    grid.relay(relays).await;
    grid.rest(rest).await;
    let (posted, mut most) = (since.elapsed(), 0);
    let mut db = fleet.postgres().await;
    let rows = eventually("every cell is over", ENDED_WITHIN, async || {
        most = most.max(grid.crew.size());
        grid.tend(&mut db).await
    })
    .await;
    grid.unchanged(&rows);
    let deaths = grid.crew.deaths.len();
    let spared = grid.placed.iter().filter(|one| one.is_spared).count();
    assert!(spared * SPARED_PART <= grid.placed.len(), "{spared} cells met no end");
    let expected = if end == End::Die { grid.placed.len() - spared } else { 0 };
    assert_eq!(deaths, expected, "no process died but by its order");
    judge(&grid.scene, &grid.placed).await;
    let threads = grid.placed.iter().filter(|one| one.cell.kind == Kind::Thread).count();
    say(format_args!(
        "crash grid, {end:?}: {} cells, {threads} of them of threads, all published once; {deaths} \
         deaths, {spared} spared, {most} processes at most; accepted after {:.0} s, over after \
         {:.0} s; calls by outcome: {:?}",
        grid.placed.len(),
        posted.as_secs_f64(),
        since.elapsed().as_secs_f64(),
        outcomes(fleet).await,
    ));
}

// case: R-grid
// case: R-grid-stopped
#[tokio::test]
async fn no_death_and_no_standstill_at_any_passage_of_any_point_loses_or_doubles_a_post() {
    let _turn = turn().await;
    on_x(End::Die).await;
    on_x(End::Stop).await;
}

// case: R-grid-everywhere
#[tokio::test]
async fn a_death_at_any_passage_of_any_point_is_survived_on_every_platform() {
    let _turn = turn().await;
    elsewhere(End::Die).await;
}

// case: R-grid-everywhere-stopped
#[tokio::test]
#[ignore = "minutes"]
async fn a_standstill_at_any_passage_of_any_point_is_survived_on_every_platform() {
    let _turn = turn().await;
    elsewhere(End::Stop).await;
}
