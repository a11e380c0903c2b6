//! Crafted archives against the unpacker.

use std::fs;
use std::io::Cursor;

use tar::{Builder, EntryType, Header};

use super::*;

/// One entry, its name and link written as they are, unlike the builder's own checks would have it.
fn entry(kind: EntryType, name: &[u8], link: &[u8], content: &[u8]) -> (Header, Vec<u8>) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    let raw = header.as_old_mut();
    raw.name[..name.len()].copy_from_slice(name);
    raw.linkname[..link.len()].copy_from_slice(link);
    header.set_cksum();
    (header, content.to_vec())
}

fn file(name: &[u8], content: &[u8]) -> (Header, Vec<u8>) {
    entry(EntryType::Regular, name, b"", content)
}

fn archive(entries: Vec<(Header, Vec<u8>)>) -> Cursor<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (header, content) in entries {
        builder.append(&header, content.as_slice()).unwrap();
    }
    Cursor::new(builder.into_inner().unwrap())
}

#[track_caller]
fn check_refused(entries: Vec<(Header, Vec<u8>)>, limits: &Limits, path: &str, expected: &Flaw) {
    let scratch = tempfile::tempdir().unwrap();
    let into = scratch.path().join("into");
    fs::create_dir(&into).unwrap();
    match unpack(archive(entries), &into, limits) {
        Err(TakeError::Refused { path: refused, flaw }) => {
            assert_eq!((refused.as_str(), &flaw), (path, expected));
        }
        other => panic!("{path} was not refused: {other:?}"),
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "something was written outside");
}

#[test]
fn files_folders_and_links_are_unpacked_as_they_are() {
    let into = tempfile::tempdir().unwrap();
    let mut tool = file(b"./dir/tool", b"#!");
    tool.0.set_mode(0o4755);
    tool.0.set_cksum();
    let entries = vec![
        entry(EntryType::Directory, b"./", b"", b""),
        entry(EntryType::Directory, b"./dir/", b"", b""),
        file(b"./dir/a", b"one"),
        tool,
        entry(EntryType::Link, b"./hard", b"./dir/a", b""),
        entry(EntryType::Symlink, b"./out", b"/etc/passwd", b""),
        file(b"./dir/a", b"two"),
    ];
    unpack(archive(entries), into.path(), &Limits::default()).unwrap();
    assert_eq!(fs::read(into.path().join("dir/a")).unwrap(), b"two");
    assert_eq!(fs::read(into.path().join("hard")).unwrap(), b"one");
    assert_eq!(fs::read_link(into.path().join("out")).unwrap(), Path::new("/etc/passwd"));
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(into.path().join("dir/tool")).unwrap());
    assert_eq!(mode & 0o7777, 0o755);
}

/// The entries, the path that is refused, and why.
type Hostile = (Vec<(Header, Vec<u8>)>, &'static str, Flaw);

#[track_caller]
fn check_all_refused(table: Vec<Hostile>) {
    for (entries, path, flaw) in table {
        check_refused(entries, &Limits::default(), path, &flaw);
    }
}

fn link_to_parent() -> (Header, Vec<u8>) {
    entry(EntryType::Symlink, b"link", b"..", b"")
}

fn hard_link(original: &[u8]) -> (Header, Vec<u8>) {
    entry(EntryType::Link, b"hard", original, b"")
}

#[test]
fn names_that_lead_outside_are_refused() {
    let folder = entry(EntryType::Directory, b"link", b"", b"");
    check_all_refused(vec![
        (vec![file(b"../evil", b"x")], "../evil", Flaw::Escapes),
        (vec![file(b"a/../../evil", b"x")], "a/../../evil", Flaw::Escapes),
        (vec![file(b"/evil", b"x")], "/evil", Flaw::Escapes),
        (vec![link_to_parent(), file(b"link/evil", b"x")], "link/evil", Flaw::BehindLink),
        (vec![link_to_parent(), folder], "link", Flaw::BehindLink),
        (vec![file(b"a", b"x"), file(b"a/b", b"x")], "a/b", Flaw::BehindLink),
    ]);
}

#[test]
fn hard_links_to_anything_but_an_unpacked_file_are_refused() {
    check_all_refused(vec![
        (vec![hard_link(b"../../etc/passwd")], "hard", Flaw::Escapes),
        (vec![hard_link(b"/etc/passwd")], "hard", Flaw::Escapes),
        (vec![hard_link(b"nothing")], "hard", Flaw::LinkEscapes),
        (vec![hard_link(b".")], "hard", Flaw::LinkEscapes),
        (vec![link_to_parent(), hard_link(b"link")], "hard", Flaw::LinkEscapes),
        (vec![link_to_parent(), hard_link(b"link/into")], "hard", Flaw::LinkEscapes),
    ]);
}

#[test]
fn devices_and_the_like_are_refused() {
    check_all_refused(vec![
        (vec![entry(EntryType::Block, b"disk", b"", b"")], "disk", Flaw::Special),
        (vec![entry(EntryType::Char, b"tty", b"", b"")], "tty", Flaw::Special),
        (vec![entry(EntryType::Fifo, b"pipe", b"", b"")], "pipe", Flaw::Special),
        (vec![entry(EntryType::GNUSparse, b"sparse", b"", b"")], "sparse", Flaw::Special),
    ]);
}

#[test]
fn archives_beyond_a_limit_are_refused() {
    let limits = Limits { sandbox_bytes: 10, sandbox_entries: 2, ..Limits::default() };
    let flood = (0..7).map(|number| file(format!("{number}").as_bytes(), b"")).collect();
    check_refused(flood, &limits, "6", &Flaw::Many(2));
    check_refused(vec![file(b"1", b"123456"), file(b"2", b"12345")], &limits, "2", &Flaw::TotalLarge(10));
    let name = vec![b'x'; usize::try_from(EXTENSION_BYTES_MAX + 1).unwrap()];
    let long = entry(EntryType::GNULongName, b"././@LongLink", b"", &name);
    check_refused(vec![long, file(b"x", b"")], &limits, "././@LongLink", &Flaw::Long(limits.path_bytes));
}

#[test]
fn an_archive_that_is_cut_off_is_an_error_and_no_deletion() {
    let mut lying = file(b"bomb", b"short");
    lying.0.set_size(1 << 40);
    lying.0.set_cksum();
    let whole = archive(vec![file(b"a", b"x"), file(b"b", b"y")]).into_inner();
    let without_end = whole[..whole.len() - 1024].to_vec();
    let within_a_file = whole[..=512 * 3].to_vec();
    let table = [
        ("a size that is not there", archive(vec![lying]).into_inner()),
        ("without its end", without_end),
        ("within a file", within_a_file),
        ("empty", Vec::new()),
    ];
    for (name, bytes) in table {
        let into = tempfile::tempdir().unwrap();
        let result = unpack(Cursor::new(bytes), into.path(), &Limits::default());
        assert!(matches!(result, Err(TakeError::Unavailable(_))), "{name}: {result:?}");
    }
}
