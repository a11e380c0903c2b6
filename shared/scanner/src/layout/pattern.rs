//! Patterns of paths: `*` stands for anything in one name, `**` for any folders.

/// Whether a path is what the pattern describes.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    wild(
        &pattern,
        &path,
        |it| *it == "**",
        |pattern, name| {
            let pattern: Vec<char> = pattern.chars().collect();
            let name: Vec<char> = name.chars().collect();
            wild(&pattern, &name, |it| *it == '*', |a, b| a == b)
        },
    )
}

/// Whether items match, where some of the pattern's stand for any number of them: by going back to the last such.
fn wild<T>(pattern: &[T], items: &[T], any: impl Fn(&T) -> bool, same: impl Fn(&T, &T) -> bool) -> bool {
    let (mut p, mut i) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while i < items.len() {
        if p < pattern.len() && any(&pattern[p]) {
            back = Some((p, i));
            p += 1;
        } else if p < pattern.len() && same(&pattern[p], &items[i]) {
            (p, i) = (p + 1, i + 1);
        } else if let Some((star, from)) = back {
            (p, i) = (star + 1, from + 1);
            back = Some((star, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(any)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stay_in_a_name_and_double_stars_do_not() {
        for (pattern, path, expected) in [
            ("apps/*", "apps/web", true),
            ("apps/*", "apps/web/lib", false),
            ("apps/**", "apps/web/lib", true),
            ("**/*.test.ts", "a/b/c.test.ts", true),
            ("**/*.test.ts", "c.test.ts", true),
            ("a/**/b/*/c", "a/x/b/b/y/c", true),
            ("a/**/b", "a/c", false),
            ("@acme/*", "@acme/db", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
