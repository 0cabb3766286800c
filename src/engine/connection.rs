//! A connection to an engine.

use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};

use super::address::Address;
use super::error::EngineError;
use crate::image::{Platform, PlatformFields};

/// An engine that is there says its version at once.
const GREETING: Duration = Duration::from_secs(10);
/// It answers a load when all of the archive has been sent and the first layer unpacked, on a slow card too.
const LOADING: Duration = Duration::from_secs(15 * 60);

/// A Docker Engine that answers.
#[derive(Debug)]
pub struct Engine {
    pub(super) docker: Docker,
    pub(super) address: Address,
    platform: Option<Platform>,
}

impl Engine {
    /// Finds out whether an engine answers at `address`, and what it runs on.
    pub async fn connect(address: Address) -> Result<Self, EngineError> {
        // Requests carry no version of the API: the engine answers in the one that it has by default.
        let docker = match address.socket() {
            Some(_) => Docker::connect_with_unix(&address.url, GREETING.as_secs(), API_DEFAULT_VERSION),
            None => Docker::connect_with_http(&address.url, GREETING.as_secs(), API_DEFAULT_VERSION),
        };
        let docker = docker.map_err(|error| EngineError::greeting(&address, &error))?;
        let version = docker.version().await.map_err(|error| EngineError::greeting(&address, &error))?;
        let platform = platform(version.os.as_deref(), version.arch.as_deref());
        Ok(Self { docker: docker.with_timeout(LOADING), address, platform })
    }

    /// What its containers run on without emulation; `None` for what galley makes no images of.
    pub fn platform(&self) -> Option<Platform> {
        self.platform
    }
}

/// Engines say `arm` without the version of the processor.
fn platform(os: Option<&str>, architecture: Option<&str>) -> Option<Platform> {
    let variant = (architecture == Some("arm")).then(|| "v7".to_owned());
    let fields = PlatformFields { architecture: architecture?.to_owned(), os: os?.to_owned(), variant };
    [Platform::Amd64, Platform::Arm64, Platform::ArmV7].into_iter().find(|platform| platform.is(&fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_names_its_platform_as_go_does() {
        for (architecture, expected) in [
            ("amd64", Some(Platform::Amd64)),
            ("arm64", Some(Platform::Arm64)),
            ("arm", Some(Platform::ArmV7)),
            ("riscv64", None),
        ] {
            assert_eq!(platform(Some("linux"), Some(architecture)), expected);
        }
        assert_eq!(platform(Some("windows"), Some("amd64")), None);
        assert_eq!(platform(None, None), None);
    }
}
