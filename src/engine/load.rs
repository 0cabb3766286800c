//! Putting an archive of images into the engine (Engine API, `POST /images/load`).

use std::convert::Infallible;
use std::pin::pin;

use bollard::query_parameters::ImportImageOptionsBuilder;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use super::connection::Engine;
use super::error::EngineError;

/// What the engine made of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The images' names, or their ids where the archive names none.
    pub images: Vec<String>,
}

impl Engine {
    /// Loads `archive`, a tar in pieces, as `docker load` does.
    pub async fn load(&self, archive: impl Iterator<Item = Bytes> + Send + 'static) -> Result<Loaded, EngineError> {
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let archive = stream::iter(archive.map(Ok::<_, Infallible>));
        let mut answers = pin!(self.docker.import_image_stream(options, archive, None));
        let mut images = Vec::new();
        while let Some(answer) = answers.next().await {
            let answer = answer.map_err(|error| EngineError::of(&self.address, &error))?;
            for line in answer.stream.iter().flat_map(|text| text.lines()) {
                match said(line) {
                    Said::Loaded(names) => images.extend(names),
                    Said::Failed => {
                        return Err(EngineError::Refused { address: self.address.clone(), message: line.to_owned() });
                    }
                    Said::Other => tracing::debug!("the engine says: {line}"),
                }
            }
        }
        if images.is_empty() { Err(EngineError::Silent(self.address.clone())) } else { Ok(Loaded { images }) }
    }
}

#[derive(Debug, PartialEq)]
enum Said {
    Loaded(Vec<String>),
    Failed,
    Other,
}

/// Engines say in words for people what they have done; Podman lists several names in one line.
fn said(line: &str) -> Said {
    let names = ["Loaded image: ", "Loaded image ID: ", "Loaded image(s): "];
    if let Some(names) = names.into_iter().find_map(|start| line.strip_prefix(start)) {
        return Said::Loaded(names.split(',').map(|name| name.trim().to_owned()).collect());
    }
    // The containerd image store keeps an image that it could not unpack, and goes on (moby, `LoadImage`).
    if line.starts_with("Error unpacking image") { Said::Failed } else { Said::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_engines_are_understood() {
        let loaded = |names: &[&str]| Said::Loaded(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(said("Loaded image: blog:latest"), loaded(&["blog:latest"]));
        assert_eq!(said("Loaded image ID: sha256:00"), loaded(&["sha256:00"]));
        assert_eq!(said("Loaded image(s): localhost/a:1,localhost/b:1"), loaded(&["localhost/a:1", "localhost/b:1"]));
        assert_eq!(said("Error unpacking image blog:latest: no space left on device"), Said::Failed);
        assert_eq!(said("The image blog:latest already exists, renaming the old one with ID x"), Said::Other);
    }
}
