//! `galley package --sign`

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use super::super::key::{signing_key, verifying_keys};
use super::super::report::{Report, count, size};
use super::place::Place;
use crate::image::{Format, Index, Package, SignatureError, SigningKey, VerifyingKey};
use crate::registry::Reference;
use crate::snapshot::Digest;

#[derive(Args)]
pub(super) struct SigningArguments {
    /// Sign the release with the private key in this file, for the repository that it is pushed to; see galley key new
    #[arg(long, value_name = "KEY", env = "GALLEY_SIGN")]
    sign: Option<PathBuf>,
    /// With --push, sign as cosign does, too: under tags of their own, for cosign, podman and others who verify so
    #[arg(long, env = "GALLEY_COSIGN", value_parser = clap::builder::FalseyValueParser::new())]
    cosign: bool,
    /// Take programs and pages over from images that are signed with one of these public keys, too: a key that was replaced
    #[arg(long, value_name = "KEY", value_delimiter = ',', env = "GALLEY_VERIFY")]
    verify: Vec<PathBuf>,
}

/// Who has to have signed the image before for its programs and pages to be taken over into the new one. What is there is decided
/// by whoever may push; a signature that covered it unseen would vouch for that person's program.
pub(super) struct Trust {
    keys: Vec<VerifyingKey>,
    repository: String,
}

impl Trust {
    /// The keys that are named, and the one that is signed with; `None` if there are none.
    pub(super) fn of(
        arguments: &SigningArguments,
        signing: Option<&Signing>,
        push: Option<&Reference>,
    ) -> anyhow::Result<Option<Self>> {
        let mut keys = verifying_keys(&arguments.verify)?;
        keys.extend(signing.iter().flat_map(|signing| signing.verifying.iter().cloned()));
        let repository = push.map(Reference::repository).unwrap_or_default().to_owned();
        Ok((!keys.is_empty()).then_some(Self { keys, repository }))
    }

    /// Why nothing is taken over from the image with that index.
    pub(super) fn doubt(&self, index: &Index) -> Option<&'static str> {
        match index.signed_by(&self.repository, &self.keys) {
            Ok(_) => None,
            Err(SignatureError::Missing) => {
                Some("it is not signed, so whoever may push could have put anything into it")
            }
            Err(SignatureError::Malformed | SignatureError::Broken { .. }) => Some(
                "it is not signed by your key, so whoever may push could have put anything into it; if an older key of yours \
                 signed it, name that by --verify KEY",
            ),
        }
    }
}

/// The key, and what is signed with it.
pub(super) struct Signing {
    key: Arc<SigningKey>,
    verifying: [VerifyingKey; 1],
    /// The path of the repository without its host; empty for what is not pushed.
    repository: String,
    /// Whether to sign in cosign's way, too.
    cosign: bool,
}

impl Signing {
    /// Reads the key, if there is one to sign with.
    pub(super) fn of(
        arguments: &SigningArguments,
        push: Option<&Reference>,
        format: Format,
    ) -> anyhow::Result<Option<Self>> {
        let Some(file) = &arguments.sign else {
            if arguments.cosign {
                bail!("--cosign signs with a key; name it by --sign KEY, or leave --cosign out");
            }
            return Ok(None);
        };
        if format == Format::Docker {
            bail!("an image in Docker's format has no place for a signature; leave out --format docker, or --sign");
        }
        if arguments.cosign && push.is_none() {
            bail!("cosign's signatures lie in a registry; leave out --cosign, or name the registry by --push");
        }
        let key = signing_key(file)?;
        let verifying = [key.verifying_key()];
        let repository = push.map(Reference::repository).unwrap_or_default().to_owned();
        Ok(Some(Self { key: Arc::new(key), verifying, repository, cosign: arguments.cosign }))
    }

    /// Signs a package that is made up to its number.
    pub(super) fn sign(&self, package: &mut Package) -> anyhow::Result<()> {
        Ok(package.sign(&self.repository, &self.key)?)
    }

    /// Whether `index` is signed with the key already.
    pub(super) fn has_signed(&self, index: &Index) -> bool {
        index.signed_by(&self.repository, &self.verifying).is_ok()
    }

    /// Signs what has these digests in cosign's way where it is, if that is asked for and not done already. cosign looks for a
    /// signature of the index; podman and skopeo look for one of the platform's manifest.
    pub(super) async fn cosign(
        &self,
        place: &Place,
        digests: impl IntoIterator<Item = Digest>,
        report: &Report,
    ) -> anyhow::Result<()> {
        let Place::Registry(client) = place else { return Ok(()) };
        if !self.cosign {
            return Ok(());
        }
        let signed = client.sign_for_cosign(&self.key, digests).await?;
        if !signed.is_empty() {
            let (signatures, bytes) = (count(signed.len(), "signature"), size(signed.iter().sum()));
            report.say(format_args!("signed for cosign: {signatures}, {bytes}"));
        }
        Ok(())
    }
}
