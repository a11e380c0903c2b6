//! Server-sent events, as much of them as the console sends.

use std::collections::VecDeque;

/// No event of ours has a longer line; what comes after it is not gathered.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// One thing that the stream said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// An event: its id, where it has one, and its data.
    Event {
        /// What to resume after.
        id: Option<String>,
        /// The data, its lines joined.
        data: String,
    },
    /// A comment: nothing is new, the connection lives.
    KeepAlive,
}

/// Takes the stream in pieces, cut anywhere, and gives frames.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    id: Option<String>,
    data: Vec<String>,
    frames: VecDeque<Frame>,
}

impl Parser {
    /// Takes the next piece of the stream.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.end_line(&String::from_utf8_lossy(&line));
            } else if self.line.len() < LINE_BYTES_MAX {
                self.line.push(byte);
            }
        }
    }

    /// The next frame that is whole.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    fn end_line(&mut self, line: &str) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.frames.push_back(Frame::KeepAlive),
            "id" => self.id = Some(value.to_owned()),
            "data" => self.data.push(value.to_owned()),
            _ => {}
        }
    }

    fn end_event(&mut self) {
        let (id, data) = (self.id.take(), std::mem::take(&mut self.data));
        if !data.is_empty() {
            self.frames.push_back(Frame::Event { id, data: data.join("\n") });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        ": hello\n\nid: 7\r\nevent: progress\r\ndata: {\"a\":\r\ndata:1}\r\n\r\nretry: 3\n\n:\n\
                            data: größer\n\nid: 9\ndata: cut off"
            .as_bytes();

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut() {
        let event =
            |id: Option<&str>, data: &str| Frame::Event { id: id.map(str::to_owned), data: data.into() };
        let expected =
            [Frame::KeepAlive, event(Some("7"), "{\"a\":\n1}"), Frame::KeepAlive, event(None, "größer")];
        for size in 1..=STREAM.len() {
            let mut parser = Parser::default();
            STREAM.chunks(size).for_each(|piece| parser.feed(piece));
            let frames: Vec<Frame> = std::iter::from_fn(|| parser.next()).collect();
            assert_eq!(frames, expected, "pieces of {size} bytes");
        }
    }
}
