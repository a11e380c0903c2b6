//! Names of files as git writes them: plain, or quoted as in C.

/// The two names of `diff --git a/x b/x`. Only quoted ones, and equal ones, can be told apart.
pub(super) fn both(text: &[u8]) -> Option<(String, String)> {
    if text.starts_with(b"\"") {
        let end = closing_quote(text)?;
        let second = text.get(end + 2..)?;
        return Some((side(&text[..=end])?, side(second)?));
    }
    if let Some(at) = text.windows(2).position(|it| it == b" \"") {
        return Some((side(&text[..at])?, side(&text[at + 1..])?));
    }
    // Of `a/NAME b/NAME` both halves are as long.
    let (first, second) = text.split_at_checked(text.len() / 2)?;
    let (first, second) = (side(first)?, side(second.strip_prefix(b" ")?)?);
    (first == second).then_some((first, second))
}

/// A name after `---` or `+++`, without git's `a/` or `b/`; `None` for no file at all.
pub(super) fn side(text: &[u8]) -> Option<String> {
    if is_nothing(text) {
        return None;
    }
    let name = one(text)?;
    let bare = ["a/", "b/", "i/", "w/", "c/", "o/"].iter().find_map(|prefix| name.strip_prefix(prefix));
    Some(bare.map_or(name.clone(), str::to_owned))
}

/// Whether it says that there is no file.
pub(super) fn is_nothing(text: &[u8]) -> bool {
    text.starts_with(b"/dev/null")
}

/// One name, plain or quoted; what follows a tab is a time.
pub(super) fn one(text: &[u8]) -> Option<String> {
    let bytes = if text.starts_with(b"\"") { unquoted(text)? } else { plain(text).to_vec() };
    let name = String::from_utf8_lossy(&bytes).into_owned();
    (!name.is_empty()).then_some(name)
}

fn plain(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b'\t').next().unwrap_or(text)
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Undoes git's quoting: `"a/\303\244.ts"`.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let inner = &text[1..closing_quote(text)?];
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            first @ b'0'..=b'3' => {
                let digit = |byte: u8| (b'0'..=b'7').contains(&byte).then(|| byte - b'0');
                let (second, third) = (digit(rest.next()?)?, digit(rest.next()?)?);
                (first - b'0') * 64 + second * 8 + third
            }
            other @ (b'"' | b'\\') => other,
            _ => return None,
        });
    }
    Some(bytes)
}
