//! What the process may do beyond what its user may: as little as can be, for it reads what comes from a network and runs programs
//! that come out of images. Called before there are threads: each has what the one had that began it.

#[cfg(target_os = "linux")]
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};

/// Without these root could not use what others own: the volume of an image's user, the certificate of another service.
#[cfg(target_os = "linux")]
const OF_FILES: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::DAC_READ_SEARCH);

/// Whatever this process runs later, a program out of an image or a credential helper, has no more rights than it has itself
/// (prctl(2), PR_SET_NO_NEW_PRIVS), and of root's powers (capabilities(7)) those over files alone. Ports below 1024 may be opened until
/// [`ports_are_open`].
pub(super) fn gain_nothing() {
    #[cfg(target_os = "linux")]
    {
        if let Err(error) = set_no_new_privs(true) {
            tracing::debug!("what is run could gain rights: {error}");
        }
        // For whoever may not do that there is nothing to bound.
        for capability in CapabilitySet::all().iter().filter(|one| !OF_FILES.contains(*one)) {
            if remove_capability_from_bounding_set(capability).is_err() {
                break;
            }
        }
        // Kernels before 4.3 have none.
        let _ = clear_ambient_capability_set();
        keep(OF_FILES | CapabilitySet::NET_BIND_SERVICE);
    }
}

/// All listeners are there.
pub(super) fn ports_are_open() {
    #[cfg(target_os = "linux")]
    keep(OF_FILES);
}

/// Drops all that is not in `kept`.
#[cfg(target_os = "linux")]
fn keep(kept: CapabilitySet) {
    let dropped = capabilities(None).and_then(|has| {
        let permitted = has.permitted & kept;
        let effective = has.effective & kept;
        set_capabilities(None, CapabilitySets { effective, permitted, inheritable: CapabilitySet::empty() })
    });
    if let Err(error) = dropped {
        tracing::debug!("capabilities are kept: {error}");
    }
}
