//! The cells of the crash grid: every passage of every named point on the way of every kind of
//! post.

use crate::support::scene::{Way, X};
use base::crash::POINTS;
use serde_json::{Value, json};

/// Where a front door ends, behind its commit.
pub(super) const DOOR: &str = "accept.after_commit";
/// Parts of a thread.
const PARTS: usize = 5;

/// What is published, each in steps of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Image,
    Film,
    Thread,
    Poll,
    /// Two pictures on an organization's page.
    PagePictures,
    /// Two pictures on Instagram.
    Carousel,
    /// A film on Instagram.
    Reel,
    /// Words on Threads.
    Note,
    /// A picture on Threads.
    NotePicture,
    /// A film on YouTube, with a thumbnail.
    Video,
}

/// What X takes.
pub(super) const ON_X: [Kind; 5] = [Kind::Text, Kind::Image, Kind::Film, Kind::Thread, Kind::Poll];

/// What the other platforms take, by the way that differs most. Of people on LinkedIn nothing can
/// be asked, so a death behind an intent there goes to a person: `R-01-all` has them.
pub(super) const ELSEWHERE: [Kind; 6] =
    [Kind::PagePictures, Kind::Carousel, Kind::Reel, Kind::Note, Kind::NotePicture, Kind::Video];

/// How long the way of an undisturbed post is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Its calls, the irreversible ones among them.
    pub calls: u32,
    /// Its irreversible calls.
    pub intents: u32,
    /// Its leases: while a platform processes something nobody holds it.
    pub leases: u32,
}

impl Extent {
    /// The least of each.
    pub(super) fn shortest(ways: &[Self]) -> Self {
        let least = |f: fn(&Self) -> u32| ways.iter().map(f).min().expect("a way was gone");
        Self {
            calls: least(|way| way.calls),
            intents: least(|way| way.intents),
            leases: least(|way| way.leases),
        }
    }
}

impl Extent {
    /// How often a post passes a point.
    fn passages(self, point: &str) -> u32 {
        match point {
            "publish.after_claim" | "publish.after_load" | "queue.before_ack" => self.leases,
            "courier.after_intent" => self.intents,
            // Each reply is settled, and so is each wait.
            "publish.after_settle" => self.calls + self.leases - 1,
            "courier.after_meter"
            | "courier.after_sign"
            | "courier.after_fence"
            | "courier.after_send"
            | "publish.after_read" => self.calls,
            _ => 1,
        }
    }
}

/// How it ends there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As suddenly as by kill -9.
    Die,
    /// It stands still for longer than its lease.
    Stop,
}

/// The files that the posts of the grid share.
pub(super) struct Files {
    pub picture: String,
    pub film: String,
}

/// A post that meets one end, at one passage of one point.
#[derive(Debug)]
pub(super) struct Cell {
    pub number: usize,
    pub kind: Kind,
    pub point: &'static str,
    pub passage: u32,
}

impl Kind {
    /// Where it goes out.
    pub const fn way(self) -> Way {
        match self {
            Self::Text | Self::Image | Self::Film | Self::Thread | Self::Poll => X,
            Self::PagePictures => ("linkedin", Some("organization")),
            Self::Carousel | Self::Reel => ("instagram", None),
            Self::Note | Self::NotePicture => ("threads", None),
            Self::Video => ("youtube", None),
        }
    }

    /// The way of a kind on X.
    pub const fn on_x(self) -> Extent {
        let calls = match self {
            // Initialize, append, finalize, then the words or the look at the processing, create.
            Self::Image | Self::Film => 5,
            _ => self.parts() as u32,
        };
        let leases = if matches!(self, Self::Film) { 2 } else { 1 };
        Extent { calls, intents: self.parts() as u32, leases }
    }

    /// Parts that are created, one after the other.
    pub const fn parts(self) -> usize {
        if matches!(self, Self::Thread) { PARTS } else { 1 }
    }
}

impl Cell {
    /// The whole grid of kinds whose ways are known.
    pub fn all(kinds: &[(Kind, Extent)]) -> Vec<Self> {
        let mut cells = Vec::new();
        for (at, (kind, extent)) in kinds.iter().enumerate() {
            for point in POINTS {
                // Nobody knows the id of a post that is being accepted, so all doors count.
                let door = u32::try_from(at).unwrap() + 1;
                let passages = match point {
                    DOOR => door..=door,
                    _ => 1..=extent.passages(point),
                };
                for passage in passages {
                    cells.push(Self { number: cells.len(), kind: *kind, point, passage });
                }
            }
        }
        cells
    }

    /// The words of each part, which no other cell says.
    pub fn words(&self) -> Vec<String> {
        let parts = self.kind.parts();
        (1..=parts).map(|part| format!("Cell {}, {part} of {parts}", self.number)).collect()
    }

    /// What a screen reader says of its picture.
    pub fn alt_text(&self) -> String {
        format!("The picture of cell {}", self.number)
    }

    /// The post, as the API takes it.
    pub fn draft(&self, files: &Files) -> Value {
        let words = self.words();
        let mut post = json!({"text": words[0]});
        let picture = json!({"id": files.picture, "altText": self.alt_text()});
        match self.kind {
            Kind::Text | Kind::Note => {}
            Kind::Image | Kind::NotePicture => post["media"] = json!([picture]),
            Kind::PagePictures | Kind::Carousel => post["media"] = json!([picture, picture]),
            Kind::Film => post["media"] = json!([{"id": files.film}]),
            Kind::Reel => {
                post["media"] = json!([{"id": files.film}]);
                post["instagram"] = json!({"kind": "reel"});
            }
            Kind::Video => {
                post["media"] = json!([{"id": files.film}]);
                post["youtube"] = json!({"title": "A film", "thumbnailMediaId": files.picture});
            }
            Kind::Thread => post["x"] = json!({"thread": words[1..]}),
            Kind::Poll => {
                let poll = json!({"options": ["This", "That"], "durationMinutes": 60});
                post["x"] = json!({"poll": poll});
            }
        }
        post
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_cell_of_every_kind() {
        let cells = Cell::all(&ON_X.map(|kind| (kind, kind.on_x())));
        let count = |kind, point: &str| {
            cells.iter().filter(|cell| cell.kind == kind && cell.point == point).count()
        };
        for (kind, point) in ON_X.iter().flat_map(|kind| POINTS.map(|point| (*kind, point))) {
            assert!(count(kind, point) > 0, "{kind:?} at {point}");
        }
        assert_eq!(count(Kind::Thread, "courier.after_intent"), PARTS);
        assert_eq!(count(Kind::Film, "publish.after_settle"), 6);
        assert_eq!(cells.len(), 150);
    }
}
