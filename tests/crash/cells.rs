//! The cells of the crash grid: every passage of every named point on the way of every kind of
//! post.

use base::crash::POINTS;
use serde_json::{Value, json};

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
}

pub(super) const KINDS: [Kind; 5] = [Kind::Text, Kind::Image, Kind::Film, Kind::Thread, Kind::Poll];

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
    /// Calls on its way, the creates among them.
    const fn calls(self) -> u32 {
        match self {
            Self::Text | Self::Poll => 1,
            // Initialize, append, finalize, then the words or the look at the processing, create.
            Self::Image | Self::Film => 5,
            Self::Thread => PARTS as u32,
        }
    }

    /// Parts that are created, one after the other.
    pub const fn parts(self) -> usize {
        match self {
            Self::Thread => PARTS,
            Self::Text | Self::Image | Self::Film | Self::Poll => 1,
        }
    }

    /// Leases on its way: while X processes a film nobody holds it.
    const fn leases(self) -> u32 {
        match self {
            Self::Film => 2,
            Self::Text | Self::Image | Self::Thread | Self::Poll => 1,
        }
    }

    /// How often an undisturbed post of this kind passes a point.
    fn passages(self, point: &str) -> u32 {
        match point {
            "publish.after_claim" | "publish.after_load" | "queue.before_ack" => self.leases(),
            "courier.after_intent" => self.parts() as u32,
            // Each reply is settled, and so is each wait.
            "publish.after_settle" => self.calls() + self.leases() - 1,
            "courier.after_meter"
            | "courier.after_sign"
            | "courier.after_fence"
            | "courier.after_send"
            | "publish.after_read" => self.calls(),
            _ => 1,
        }
    }
}

impl Cell {
    /// The whole grid.
    pub fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for kind in KINDS {
            for point in POINTS {
                for passage in 1..=kind.passages(point) {
                    cells.push(Self { number: cells.len(), kind, point, passage });
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
        match self.kind {
            Kind::Text => {}
            Kind::Image => {
                post["media"] = json!([{"id": files.picture, "altText": self.alt_text()}]);
            }
            Kind::Film => post["media"] = json!([{"id": files.film}]),
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
        let cells = Cell::all();
        let count = |kind, point: &str| {
            cells.iter().filter(|cell| cell.kind == kind && cell.point == point).count()
        };
        for (kind, point) in KINDS.iter().flat_map(|kind| POINTS.map(|point| (*kind, point))) {
            assert!(count(kind, point) > 0, "{kind:?} at {point}");
        }
        assert_eq!(count(Kind::Thread, "courier.after_intent"), PARTS);
        assert_eq!(count(Kind::Film, "publish.after_settle"), 6);
        assert_eq!(cells.len(), 150);
    }
}
