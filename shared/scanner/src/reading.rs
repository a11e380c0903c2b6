//! How the bytes of a file become the text that the engines read.

use std::borrow::Cow;

/// How far a file is looked into for what texts never have; as far as git looks.
const LOOKED_AT: usize = 8_000;

/// What became of a file's bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading<'a> {
    /// It is text.
    Text(Cow<'a, str>),
    /// It is text but for some bytes; each of them reads as `?`, so that places stay where they are.
    Mended(String),
    /// It is no text. An image, a font and the like are known by how they begin.
    Binary {
        /// Whether it is one of the kinds that nothing runs.
        is_media: bool,
    },
}

pub(crate) fn read(bytes: &[u8]) -> Reading<'_> {
    if bytes.iter().take(LOOKED_AT).any(|byte| *byte == 0) {
        return Reading::Binary { is_media: is_media(bytes) };
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Reading::Text(Cow::Borrowed(text)),
        Err(_) if is_media(bytes) => Reading::Binary { is_media: true },
        Err(_) => Reading::Mended(mend(bytes)),
    }
}

/// The text, each byte that belongs to no character read as `?`.
pub(crate) fn mend(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

/// How images, fonts, sounds, films and documents begin: offset, bytes.
const MEDIA: &[(usize, &[u8])] = &[
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"\xff\xd8\xff"),
    (0, b"GIF87a"),
    (0, b"GIF89a"),
    (8, b"WEBP"),
    (4, b"ftypavif"),
    (4, b"ftyp"),
    (0, b"\x00\x00\x01\x00"),
    (0, b"BM"),
    (0, b"II*\x00"),
    (0, b"MM\x00*"),
    (0, b"wOFF"),
    (0, b"wOF2"),
    (0, b"OTTO"),
    (0, b"\x00\x01\x00\x00"),
    (0, b"%PDF-"),
    (0, b"ID3"),
    (0, b"\xff\xfb"),
    (0, b"OggS"),
    (8, b"WAVE"),
    (0, b"\x1a\x45\xdf\xa3"),
];

fn is_media(bytes: &[u8]) -> bool {
    MEDIA.iter().any(|(at, start)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_keep_every_place() {
        let bytes = b"a\xff\xfeb\xc3\xa4\xc3";
        assert_eq!(read(bytes), Reading::Mended("a??bä?".to_owned()));
        assert_eq!(read(b"plain"), Reading::Text("plain".into()));
        assert_eq!(read(b"a\0b"), Reading::Binary { is_media: false });
        assert_eq!(read(b"\x89PNG\r\n\x1a\n\0"), Reading::Binary { is_media: true });
    }
}
