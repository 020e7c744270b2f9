//! Looks at the room that is left where data lies, as far as this machine can see it.

use super::looks::Space;
use nix::sys::statvfs::{FsFlags, statvfs};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// How the file system is that a path lies on, or will once it is made; nothing where it cannot be
/// asked.
pub fn space(what: &'static str, path: &Path) -> Option<Space> {
    let there = path.ancestors().find(|path| path.exists())?;
    let told = statvfs(there).ok()?;
    let unit = told.fragment_size();
    Some(Space {
        what,
        path: path.display().to_string(),
        size_bytes: told.blocks().saturating_mul(unit),
        free_bytes: told.blocks_available().saturating_mul(unit),
        files_max: told.files(),
        files_free: told.files_available(),
        is_read_only: told.flags().contains(FsFlags::ST_RDONLY),
    })
}

/// Where a Redis on this machine writes its files: the folder that its process is in.
pub fn folder_of_redis(address: &str, pid: u32) -> Option<PathBuf> {
    let is_here = address.parse::<SocketAddr>().is_ok_and(|at| at.ip().is_loopback())
        || address.starts_with("localhost:");
    if !is_here || pid == 0 {
        return None;
    }
    let process = Path::new("/proc").join(pid.to_string());
    // The number may be that of another process: behind a forwarded port, or in a container.
    let name = std::fs::read_to_string(process.join("comm")).ok()?;
    let is_redis = ["redis-server", "valkey-server"].contains(&name.trim());
    is_redis.then(|| std::fs::read_link(process.join("cwd")).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_made_yet_has_the_room_of_the_one_above_it() {
        let here = std::env::temp_dir();
        let there = space("it", &here.join("not/made/yet")).unwrap();
        assert_eq!(there.size_bytes, space("it", &here).unwrap().size_bytes);
        assert!(there.size_bytes > 0);
    }

    #[test]
    fn only_a_redis_of_this_machine_is_looked_for() {
        assert_eq!(folder_of_redis("10.0.0.1:6379", 1), None);
        assert_eq!(folder_of_redis("127.0.0.1:6379", std::process::id()), None);
    }
}
