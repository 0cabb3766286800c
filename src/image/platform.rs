//! The platforms that galley runs on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A platform that galley has a binary for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// `linux/amd64`
    Amd64,
    /// `linux/arm64`, variant v8
    Arm64,
    /// `linux/arm/v7`, hard float
    ArmV7,
}

/// A text that names no platform of galley's.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no platform of galley's; it has linux/amd64, linux/arm64 and linux/arm/v7")]
pub struct PlatformError(String);

/// A platform as descriptors and configs write it (image-index.md, "platform").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformFields {
    /// The processor, by Go's name for it.
    pub architecture: String,
    /// The operating system.
    pub os: String,
    /// The processor's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// All of them, in the order in which they are shown and written.
    pub const ALL: [Self; 3] = [Self::Amd64, Self::Arm64, Self::ArmV7];

    /// The platform that this program was compiled for; `None` for one that galley makes no images of.
    pub fn of_this_program() -> Option<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(Self::Amd64),
            ("linux", "aarch64") => Some(Self::Arm64),
            ("linux", "arm") => Some(Self::ArmV7),
            _ => None,
        }
    }

    /// As descriptors and configs write it.
    pub fn fields(self) -> PlatformFields {
        let (architecture, variant) = match self {
            Self::Amd64 => ("amd64", None),
            Self::Arm64 => ("arm64", Some("v8")),
            Self::ArmV7 => ("arm", Some("v7")),
        };
        PlatformFields {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    /// Its name where a slash can't be: `linux-arm-v7`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Amd64 => "linux-amd64",
            Self::Arm64 => "linux-arm64",
            Self::ArmV7 => "linux-arm-v7",
        }
    }

    /// Whether `fields` mean this platform; arm64 without a variant is v8.
    pub fn is(self, fields: &PlatformFields) -> bool {
        let own = self.fields();
        let same = own.os == fields.os && own.architecture == fields.architecture;
        let variant = fields.variant.as_deref().filter(|variant| !variant.is_empty());
        same && (variant.is_none() && self != Self::ArmV7 || variant == own.variant.as_deref())
    }
}

impl fmt::Display for PlatformFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "linux/amd64",
            Self::Arm64 => "linux/arm64",
            Self::ArmV7 => "linux/arm/v7",
        })
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        match text {
            "linux/amd64" => Ok(Self::Amd64),
            "linux/arm64" | "linux/arm64/v8" => Ok(Self::Arm64),
            "linux/arm/v7" => Ok(Self::ArmV7),
            _ => Err(PlatformError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_knows_its_own_fields() {
        for platform in [Platform::Amd64, Platform::Arm64, Platform::ArmV7] {
            assert!(platform.is(&platform.fields()));
            assert_eq!(platform.to_string().parse::<Platform>().unwrap(), platform);
        }
        let bare = PlatformFields { architecture: "arm".into(), os: "linux".into(), variant: None };
        assert!(!Platform::ArmV7.is(&bare));
        let v9 = PlatformFields { architecture: "arm64".into(), os: "linux".into(), variant: Some("v9".into()) };
        assert!(!Platform::Arm64.is(&v9));
        assert!("windows/amd64".parse::<Platform>().is_err());
    }
}
