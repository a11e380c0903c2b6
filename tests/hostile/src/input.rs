//! How bytes stand for a change.
//!
//! ```text
//! === src/a.ts              the lines below are this file as it would be
//! === was src/a.ts          … as it was
//! === beside package.json   … a file that the change does not touch
//! ```
//!
//! What comes before the first such line is the file that a target is about. `%TOKEN%` and the like stand for secrets,
//! so that none of these bytes is taken for one where they are kept.

use scanner::change::{ChangeSet, ChangedFile, Content, Origin, describes_tree};

/// What stands for a secret, and the secret in pieces.
pub const SECRETS: &[(&str, &[&str])] = &[
    ("%TOKEN%", &["ghp_", "x7Kq2mV9bT4nR8wL1pZ6cY3dF5hJ0sAgEu2W"]),
    ("%PASSWORD%", &["q7Vd2mZp", "9xLw4Tb"]),
    ("%ADDRESS%", &["postgres://app:", "k4Wn8Rz2Qv6Ym1Xs@db.internal/app"]),
    (
        "%KEY%",
        &[
            "-----BEGIN PRIVATE ",
            "KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE ",
            "KEY-----",
        ],
    ),
];

const MARK: &[u8] = b"=== ";

/// The change that a diff shows, if it is one. It is the same however often the diff is read.
pub(crate) fn diff(bytes: &[u8]) -> Option<ChangeSet> {
    let bytes = with_secrets(bytes);
    let change = scanner::diff::parse(&bytes);
    match (change, scanner::diff::parse(&bytes)) {
        (Ok(change), Ok(again)) => {
            assert_eq!(change.files, again.files);
            Some(change)
        }
        (change, again) => {
            assert_eq!(change.err(), again.err());
            None
        }
    }
}

/// The change of the files that the bytes show one after the other.
pub(crate) fn files(first: &str, bytes: &[u8]) -> ChangeSet {
    let bytes = with_secrets(bytes);
    let mut change = ChangeSet::of(Origin::Trees, Vec::new());
    change.base_paths = vec!["src/index.ts".to_owned(), "package.json".to_owned()];
    let (mut head, mut body) = (first.to_owned(), Vec::new());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(MARK) {
            put(&mut change, &head, std::mem::take(&mut body));
            String::from_utf8_lossy(name).trim().clone_into(&mut head);
        } else {
            body.extend_from_slice(line);
        }
    }
    put(&mut change, &head, body);
    change
}

fn put(change: &mut ChangeSet, head: &str, bytes: Vec<u8>) {
    if let Some(path) = head.strip_prefix("beside ") {
        if let Some(text) = String::from_utf8(bytes).ok().filter(|_| describes_tree(path)) {
            change.context.insert(path.to_owned(), text);
        }
        return;
    }
    let (path, is_old) = head.strip_prefix("was ").map_or((head, false), |path| (path, true));
    if bytes.is_empty() && change.files.is_empty() {
        return;
    }
    let content = Some(Content { mode: 0o100_644, bytes });
    let known = change.files.iter().position(|it| it.path == path);
    let at = known.unwrap_or_else(|| {
        let path = path.to_owned();
        change.files.push(ChangedFile { path, moved_from: None, before: None, after: None });
        change.files.len() - 1
    });
    let file = &mut change.files[at];
    *(if is_old { &mut file.before } else { &mut file.after }) = content;
}

fn with_secrets(bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    let mut all = Vec::with_capacity(bytes.len());
    while let [first, tail @ ..] = rest {
        let secret = SECRETS.iter().find(|(name, _)| *first == b'%' && rest.starts_with(name.as_bytes()));
        if let Some((name, pieces)) = secret {
            pieces.iter().for_each(|piece| all.extend_from_slice(piece.as_bytes()));
            rest = &rest[name.len()..];
        } else {
            all.push(*first);
            rest = tail;
        }
    }
    all
}
