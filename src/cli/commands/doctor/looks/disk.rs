//! What the doctor makes of the room that is left where data lies.

use super::super::{Finding, Mark};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// With less, the next large film or the next checkpoint of a database may not fit.
const FREE_MIN: u64 = 512 * MIB;
/// Below a tenth it is time to look, unless a tenth is a lot.
const FREE_SOON: u64 = 50 * GIB;

/// How a file system is on which something of ours lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// What lies there.
    pub what: &'static str,
    /// Where.
    pub path: String,
    /// How large it is.
    pub size_bytes: u64,
    /// How much of it may still be written.
    pub free_bytes: u64,
    /// How many files it can have, 0 where it does not count them.
    pub files_max: u64,
    /// How many may still be made.
    pub files_free: u64,
    /// Nothing can be written there.
    pub is_read_only: bool,
}

/// A look at one.
pub fn disk(space: &Space) -> Finding {
    let Space { what, path, size_bytes, free_bytes, files_max, files_free, is_read_only } = space;
    let free = told(*free_bytes);
    let (mark, words) = if *is_read_only {
        (Mark::Bad, format!("is read-only at {path}: mount it for writing"))
    } else if *free_bytes < FREE_MIN {
        let least = told(FREE_MIN);
        let words = format!(
            "{free} of {} are free at {path}, and {least} are the least: make room, or move it to \
             a larger disk",
            told(*size_bytes)
        );
        (Mark::Bad, words)
    } else if *files_max > 0 && *files_free < files_max / 100 {
        (Mark::Bad, format!("{files_free} of {files_max} files are left at {path}: make room"))
    } else if *free_bytes < (size_bytes / 10).min(FREE_SOON) {
        (Mark::Warning, format!("{free} are free at {path}, less than a tenth: make room in time"))
    } else {
        (Mark::Good, format!("{free} are free at {path}"))
    };
    Finding::marked(mark, "Disk", format!("of {what}: {words}"))
}

fn told(bytes: u64) -> String {
    if bytes < 10 * GIB { format!("{} MiB", bytes / MIB) } else { format!("{} GiB", bytes / GIB) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: O-doctor-disk
    #[test]
    fn a_disk_without_room_is_named_with_what_is_left() {
        let roomy = Space {
            what: "the files of posts",
            path: "/media".into(),
            size_bytes: 100 * GIB,
            free_bytes: 40 * GIB,
            files_max: 1_000,
            files_free: 500,
            is_read_only: false,
        };
        let words = |space: Space| (disk(&space).mark, disk(&space).words);
        let good = words(roomy.clone());
        assert_eq!(good, (Mark::Good, "of the files of posts: 40 GiB are free at /media".into()));
        let (mark, told) = words(Space { free_bytes: 9 * GIB, ..roomy.clone() });
        assert!(mark == Mark::Warning && told.contains("9216 MiB"), "{told}");
        let (mark, told) = words(Space { free_bytes: 100 * MIB, ..roomy.clone() });
        assert!(mark == Mark::Bad && told.contains("100 MiB of 100 GiB"), "{told}");
        let (mark, told) = words(Space { files_free: 9, ..roomy.clone() });
        assert!(mark == Mark::Bad && told.contains("9 of 1000 files"), "{told}");
        assert_eq!(words(Space { is_read_only: true, ..roomy.clone() }).0, Mark::Bad);
        let vast = Space { size_bytes: 10_000 * GIB, free_bytes: 60 * GIB, ..roomy };
        assert_eq!(words(vast).0, Mark::Good);
    }
}
