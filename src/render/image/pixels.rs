//! Decoded pixels.

/// An image in memory: rows from the top, pixels from the left, each 3 bytes (RGB) or 4 (RGB and alpha, not
/// premultiplied), 8 bits a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Whether there is an alpha channel: 4 bytes a pixel then.
    pub(super) alpha: bool,
    /// `width * height * channels` bytes.
    data: Vec<u8>,
}

impl Pixels {
    /// `None` if the data are not as long as the size asks, or the size is empty.
    pub(super) fn new(width: u32, height: u32, alpha: bool, data: Vec<u8>) -> Option<Self> {
        let channels = if alpha { 4 } else { 3 };
        let length = (width as usize).checked_mul(height as usize)?.checked_mul(channels)?;
        (length > 0 && data.len() == length).then_some(Self { width, height, alpha, data })
    }

    /// From grey, or grey and alpha.
    pub(super) fn from_grey(width: u32, height: u32, alpha: bool, grey: &[u8]) -> Option<Self> {
        let data = if alpha {
            grey.as_chunks::<2>().0.iter().flat_map(|&[g, a]| [g, g, g, a]).collect()
        } else {
            grey.iter().flat_map(|&g| [g, g, g]).collect()
        };
        Self::new(width, height, alpha, data)
    }

    /// Bytes a pixel.
    pub(super) fn channels(&self) -> usize {
        if self.alpha { 4 } else { 3 }
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    /// The alpha channel alone, if there is one.
    pub(super) fn alpha_plane(&self) -> Option<Vec<u8>> {
        self.alpha.then(|| self.data.as_chunks::<4>().0.iter().map(|p| p[3]).collect())
    }

    /// Without the alpha channel if every pixel is opaque: most PNGs with one do not use it.
    pub(super) fn without_idle_alpha(self) -> Self {
        if !self.alpha || self.data.as_chunks::<4>().0.iter().any(|p| p[3] != u8::MAX) {
            return self;
        }
        let data = self.data.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
        Self { alpha: false, data, ..self }
    }

    /// Each pixel replaced.
    pub(super) fn map_rgba(mut self, change: fn([u8; 4]) -> [u8; 4]) -> Self {
        if self.alpha {
            for pixel in self.data.as_chunks_mut::<4>().0 {
                *pixel = change(*pixel);
            }
        }
        self
    }

    /// An image of another size whose pixel at column `x` and row `y` is this one's at `from(x, y)`.
    pub(super) fn rearranged(&self, width: u32, height: u32, from: impl Fn(u32, u32) -> (u32, u32)) -> Self {
        let channels = self.channels();
        let mut data = Vec::with_capacity(self.data.len());
        for y in 0..height {
            for x in 0..width {
                let (column, row) = from(x, y);
                let at = (row as usize * self.width as usize + column as usize) * channels;
                data.extend_from_slice(self.data.get(at..at + channels).unwrap_or(&[0; 4][..channels]));
            }
        }
        Self { width, height, alpha: self.alpha, data }
    }
}
