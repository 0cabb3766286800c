//! What goes wrong, and where.

/// What goes wrong. What has a number happens so many times; afterwards all is well.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Blobs come with one byte changed.
    OtherBytes,
    /// Blobs come with bytes behind their end.
    MoreBytes,
    /// Blobs come without their last byte, in good order.
    FewerBytes,
    /// Blobs and manifests come without a length, and without an end.
    Endless,
    /// Blobs come without a length, and end in the middle in good order.
    Unannounced(u32),
    /// Blobs are to be found where they were asked for.
    Circles,
    /// No answer names a digest, and conditions are passed over.
    Silence,
    /// What contains this is not answered as long as this is so.
    Hangs(&'static str),
    /// Blobs are gone.
    NoBlobs,
    /// A look at a blob says another length than it has.
    OtherLength,
    /// Everything is answered by this status and `Retry-After`, if one is given.
    Busy { times: u32, status: u16, retry_after: Option<u64> },
    /// Nothing is answered at all.
    Silent(u32),
    /// The connection is cut in the middle of a blob; a range is then answered so.
    CutDownload(u32, Ranges),
    /// The connection is cut in the middle of an upload.
    CutUpload(u32),
    /// The connection is cut when an upload has arrived, before the answer.
    CutAnswer(u32),
    /// The connection is cut when the tag has been moved, before the answer.
    CutTag(u32),
    /// An upload that was begun is known no more.
    ForgottenUpload(u32),
    /// Uploads go on at an absolute address: behind this scheme and host, at the registry's port.
    Location(&'static str),
    /// Uploads are taken for other bytes than were sent.
    Garbled,
    /// Uploads and manifests are refused by this status, with this body.
    Refuses(u16, &'static str),
    /// Somebody else moves the tag when a request has been answered that contains this.
    TagMovesAfter(&'static str),
    /// The tag goes on pointing where it was for so many looks.
    Settles(u32),
}

/// How ranges are answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ranges {
    Kept,
    Ignored,
    /// With the first bytes instead of those that were asked for.
    Wrong,
}

impl Fault {
    /// Whether one of so many times is left; takes it away.
    pub(super) fn happens(&mut self, is: impl Fn(&Self) -> bool) -> bool {
        if !is(self) {
            return false;
        }
        let left = match self {
            Self::Busy { times, .. } => times,
            Self::Silent(times)
            | Self::CutDownload(times, _)
            | Self::Unannounced(times)
            | Self::CutUpload(times)
            | Self::CutAnswer(times)
            | Self::CutTag(times)
            | Self::ForgottenUpload(times)
            | Self::Settles(times) => times,
            _ => return true,
        };
        if *left == 0 {
            return false;
        }
        *left -= 1;
        true
    }
}
