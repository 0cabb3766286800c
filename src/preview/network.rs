//! File systems whose other ends report nothing.

use std::path::Path;

/// Whether the files lie where others can change them without this system's knowing.
pub(super) fn lies_on_a_network(folder: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        /// NFS, SMB, CIFS, SMB2, FUSE, 9p, AFS, Ceph, VirtualBox' and VMware's shared folders (statfs(2), linux/magic.h).
        const NETWORKS: [u32; 10] = [
            0x6969,
            0x517b,
            0xff53_4d42,
            0xfe53_4d42,
            0x6573_5546,
            0x0102_1997,
            0x5346_414f,
            0x00c3_6400,
            0x786f_4256,
            0xbacb_acbc,
        ];
        rustix::fs::statfs(folder).is_ok_and(|found| NETWORKS.contains(&(found.f_type as u32)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_this_machine_lies_on_no_network() {
        assert!(!lies_on_a_network(Path::new(env!("CARGO_MANIFEST_DIR"))));
        assert!(!lies_on_a_network(Path::new("/no/such")));
    }
}
