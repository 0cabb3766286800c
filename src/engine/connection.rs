//! A connection to an engine.

use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};

use super::address::Address;
use super::error::EngineError;
use super::transport;
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
    runs: String,
    platform: Option<Platform>,
}

impl Engine {
    /// Finds out whether an engine answers at `address`, and what it runs on.
    pub async fn connect(address: Address) -> Result<Self, EngineError> {
        let to = address.clone();
        let transport = move |request| transport::send(to.clone(), request);
        let url = format!("http://{}", address.authority());
        // Requests carry no version of the API: the engine answers in the one that it has by default.
        let docker =
            Docker::connect_with_custom_transport(transport, Some(url), GREETING.as_secs(), API_DEFAULT_VERSION)
                .map_err(|error| EngineError::greeting(&address, &error))?;
        let version = docker.version().await.map_err(|error| EngineError::greeting(&address, &error))?;
        let (os, architecture) = (version.os.unwrap_or_default(), version.arch.unwrap_or_default());
        let platform = platform(&os, &architecture);
        Ok(Self { docker: docker.with_timeout(LOADING), address, runs: format!("{os}/{architecture}"), platform })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What its containers run on without emulation, in its own words.
    pub fn runs(&self) -> &str {
        &self.runs
    }

    /// The same as a platform; `None` for what galley makes no images of.
    pub fn platform(&self) -> Option<Platform> {
        self.platform
    }
}

/// Engines say `arm` without the version of the processor.
fn platform(os: &str, architecture: &str) -> Option<Platform> {
    let variant = (architecture == "arm").then(|| "v7".to_owned());
    let fields = PlatformFields { architecture: architecture.to_owned(), os: os.to_owned(), variant };
    Platform::ALL.into_iter().find(|platform| platform.is(&fields))
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
            assert_eq!(platform("linux", architecture), expected);
        }
        assert_eq!(platform("windows", "amd64"), None);
        assert_eq!(platform("", ""), None);
    }
}
