//! `galley serve --verify`

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::super::key::verifying_keys;
use crate::follow::{Policy, Verifier};
use crate::image::{Layout, read_layout};
use crate::registry::Reference;

#[derive(Args)]
pub(super) struct VerificationArguments {
    /// Serve only images that are signed with one of these public keys; see galley package --sign
    #[arg(long, value_name = "KEY", value_delimiter = ',', env = "GALLEY_VERIFY")]
    verify: Vec<PathBuf>,
    /// Refuse what is not signed, or warn of it and serve it
    #[arg(long, value_name = "enforce|warn", default_value_t, requires = "verify", env = "GALLEY_POLICY")]
    policy: Policy,
}

impl VerificationArguments {
    /// Reads the keys; `None` if nothing is to be verified.
    pub(super) fn verifier(&self) -> anyhow::Result<Option<Verifier>> {
        if self.verify.is_empty() {
            return Ok(None);
        }
        Ok(Some(Verifier::new(verifying_keys(&self.verify)?, self.policy)))
    }
}

/// Opens the layout in `folder`, whose image has to be signed for the repository that is followed, or for none.
pub(super) fn verified_layout(
    folder: &std::path::Path,
    verifier: Option<&Verifier>,
    follow: Option<&Reference>,
) -> anyhow::Result<Layout> {
    let layout = read_layout(folder)?;
    if let Some(verifier) = verifier {
        let name = format!("oci:{}", folder.display());
        let repository = follow.map(Reference::repository).unwrap_or_default();
        if let Err(error) = verifier.check(&name, repository, &layout.index) {
            let remedy = match follow {
                None => "; if it was signed for a repository, name that by --follow",
                Some(_) => "",
            };
            bail!("{name} ({}) is refused: {error}{remedy}", layout.digest);
        }
    }
    Ok(layout)
}
