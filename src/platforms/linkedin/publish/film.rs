//! A film on its way to LinkedIn: in the parts that LinkedIn cuts it into, which are then joined.
//!
//! The mark that LinkedIn gives each part is kept, so a part that is there is not sent again. When
//! the addresses end, the whole film begins anew: there is no way to ask for others.

use super::super::wire::{
    FilmOpened, FilmPart, Finalize, FinalizeUpload, Initialize, InitializeFilm, Value,
};
use super::super::{auth, errors};
use super::upload::{address, is_address, is_over, slice};
use super::{Stage, post};
use crate::port::{Body, Reply};
use domain::content::AssetFacts;
use domain::failure::{Effect, Failure};
use domain::time::Timestamp;
use http::Request;
use serde::{Deserialize, Serialize};

/// More parts than any film has: the largest, of 500 MB, has 125 of 4 MB (Videos API).
const PARTS_MAX: usize = 1_000;

/// A film on its way. The addresses are signed, so they are as good as tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Film {
    pub urn: String,
    /// LinkedIn wants it back, be it empty.
    token: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expires_at: Option<Timestamp>,
    /// The marks of the parts that are there, in order.
    marks: Vec<String>,
    /// The parts still to be sent, in order.
    left: Vec<Piece>,
}

/// A part that is still to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    address: String,
    start: u64,
    end: u64,
}

impl Film {
    /// The addresses end, or are about to.
    pub fn is_over(&self, now: Timestamp) -> bool {
        is_over(self.expires_at, now)
    }

    /// The request that sends the next part, and how many bytes that are.
    pub fn part(&self, asset: usize) -> (Request<Body>, u64) {
        let Some(piece) = self.left.first() else {
            panic!("a film whose parts are all there is finalized");
        };
        let range = (piece.start, piece.end);
        (auth::put(&address(&piece.address), slice(asset, range)), range.1 - range.0)
    }

    /// What follows once a part is there.
    ///
    /// # Errors
    /// When the answer lacks the part's mark: then it is sent again.
    pub fn sent(mut self, reply: &Reply) -> Result<Stage, Failure> {
        let mark = reply.header("etag").map(|mark| mark.trim_matches('"'));
        let mark = mark.filter(|mark| !mark.is_empty());
        let mark = mark.ok_or_else(|| errors::unreadable(Effect::Repeatable, reply))?;
        self.marks.push(mark.to_owned());
        self.left.remove(0);
        let is_last = self.left.is_empty();
        Ok(if is_last { Stage::Finalize { film: self } } else { Stage::Part { film: self } })
    }

    /// The request that has the parts joined.
    pub fn finalize(&self) -> Request<Body> {
        let body = Finalize {
            finalize_upload_request: FinalizeUpload {
                video: &self.urn,
                upload_token: &self.token,
                uploaded_part_ids: &self.marks,
            },
        };
        post("videos?action=finalizeUpload", &body)
    }
}

/// The request that asks where a film may go.
pub(super) fn initialize(path: &str, owner: &str, facts: &AssetFacts) -> Request<Body> {
    let body = Initialize {
        initialize_upload_request: InitializeFilm {
            owner,
            file_size_bytes: facts.size_bytes,
            upload_captions: false,
            upload_thumbnail: false,
        },
    };
    post(path, &body)
}

/// Where its parts go.
///
/// # Errors
/// When the answer is none to that question, or its parts are not the film.
pub(super) fn opened(reply: &Reply, facts: &AssetFacts) -> Result<Film, Failure> {
    let unreadable = || errors::unreadable(Effect::Repeatable, reply);
    let opened: Value<FilmOpened> =
        serde_json::from_slice(&reply.body).map_err(|_| unreadable())?;
    let FilmOpened { video, upload_token, upload_urls_expire_at, upload_instructions } =
        opened.value;
    let left = pieces(upload_instructions, facts.size_bytes).filter(|_| !video.is_empty());
    Ok(Film {
        urn: video,
        token: upload_token,
        expires_at: upload_urls_expire_at.map(Timestamp::from_ms),
        marks: Vec::new(),
        left: left.ok_or_else(unreadable)?,
    })
}

/// The parts in order, when they are the whole film and nothing else. A single one need not say
/// which bytes it is.
fn pieces(mut parts: Vec<FilmPart>, size_bytes: u64) -> Option<Vec<Piece>> {
    if parts.len() > PARTS_MAX {
        return None;
    }
    let is_single = parts.len() == 1;
    parts.sort_by_key(|part| part.first_byte);
    let mut pieces: Vec<Piece> = Vec::new();
    for part in parts {
        let start = part.first_byte.or(is_single.then_some(0))?;
        let last = part.last_byte.or(is_single.then_some(size_bytes.checked_sub(1)?))?;
        let end = last.checked_add(1)?;
        let is_next = start == pieces.last().map_or(0, |piece| piece.end) && start < end;
        if !is_next || !is_address(&part.upload_url) {
            return None;
        }
        pieces.push(Piece { address: part.upload_url, start, end });
    }
    (pieces.last()?.end == size_bytes).then_some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(first: u64, last: u64) -> FilmPart {
        let upload_url = "https://www.linkedin.com/dms-uploads/1".to_owned();
        FilmPart { upload_url, first_byte: Some(first), last_byte: Some(last) }
    }

    #[test]
    fn parts_that_are_not_the_film_are_not_begun() {
        let ends = |parts, size| {
            pieces(parts, size).map(|all| all.iter().map(|piece| piece.end).collect::<Vec<_>>())
        };
        assert_eq!(ends(vec![part(4, 6), part(0, 3)], 7), Some(vec![4, 7]));
        let whole = FilmPart { first_byte: None, last_byte: None, ..part(0, 0) };
        assert_eq!(ends(vec![whole], 7), Some(vec![7]));
        let silent = || FilmPart { first_byte: None, ..part(0, 3) };
        let elsewhere = FilmPart { upload_url: "/dms-uploads/1".into(), ..part(0, 6) };
        let odd = [
            vec![],
            vec![part(0, 3)],
            vec![part(0, 3), part(5, 6)],
            vec![part(0, 3), part(3, 6)],
            vec![part(0, 3), part(4, 7)],
            vec![silent(), part(4, 6)],
            vec![part(0, u64::MAX)],
            vec![elsewhere],
        ];
        for parts in odd {
            assert_eq!(ends(parts, 7), None);
        }
    }
}
