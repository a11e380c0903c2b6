//! Source trees: unpacking, features, and the build.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::http::send;
use crate::run;
use crate::tree::{Tree, portal};

#[test]
fn every_feature_changes_the_tree_as_a_sandbox_would() {
    let table = [
        (
            "good",
            "A\tmigrations/0004_create_loyalty_points.sql\n\
             M\tpages/customers.html\n\
             A\tpages/loyalty.html\n\
             D\tpages/offers.html\n\
             R100\tpages/news.html\tpages/updates.html\n",
        ),
        ("does-not-build", "A\tmigrations/0005_create_vouchers.sql\nA\tpages/vouchers.html\n"),
        (
            "exits-at-start",
            "A\tmigrations/0006_create_payments.sql\nA\tpages/payments.html\nM\tsettings.json\n",
        ),
        ("breaks-data", "A\tmigrations/0007_show_gross_prices.sql\nM\tpages/orders.html\n"),
        ("never-healthy", "M\tsettings.json\n"),
        ("hangs", "M\tsettings.json\n"),
    ];
    let (_, listed) = run(portal().arg("features"));
    assert_eq!(listed.lines().count(), table.len(), "{listed}");

    let tree = Tree::base();
    tree.git(&["init", "--quiet"]);
    tree.git(&["add", "--all"]);
    tree.git(&["commit", "--quiet", "--message", "Start"]);
    for (feature, expected) in table {
        tree.apply(feature);
        tree.apply(feature);
        tree.git(&["add", "--all"]);
        let changes = tree.git(&["diff", "--cached", "--name-status", "--find-renames"]);
        assert_eq!(changes, expected, "{feature}");
        tree.git(&["reset", "--quiet", "--hard"]);
    }
}

#[test]
fn an_unpacked_tree_is_complete_and_can_be_unpacked_again() {
    let tree = Tree::base();
    tree.git(&["init", "--quiet"]);
    tree.git(&["add", "--all"]);
    let modes = tree.git(&["ls-files", "--stage", "bin", "Dockerfile"]);
    assert!(modes.starts_with("100644") && modes.contains("\n100755"), "{modes}");
    tree.git(&["commit", "--quiet", "--message", "Start"]);

    // The tree's own program is the one that writes it, while it runs.
    let (code, output) = run(tree.program().args(["unpack", "."]));
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(tree.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_build_names_every_file_and_every_flaw() {
    let (code, output) = run(Tree::with("good").program().arg("build"));
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("ok    pages/updates.html\n"), "{output}");
    assert!(output.contains("ok    migrations/0004_create_loyalty_points.sql\n"), "{output}");

    let (code, output) = run(Tree::with("does-not-build").program().arg("build"));
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("wrong pages/vouchers.html:6: `{{` is never closed by `}}`\n"), "{output}");
    assert!(output.ends_with("portal: the build failed: one file is wrong\n"), "{output}");

    let tree = Tree::base();
    tree.write("migrations/5_more.sql", "select 1");
    tree.write("migrations/0009_nothing.sql", "\n");
    tree.write("pages/Big.html", "{{title: Big}}");
    let (code, output) = run(portal().arg("build").arg(tree.path()));
    assert_eq!(code, Some(1), "{output}");
    for flaw in
        ["migrations/5_more.sql:1: a migration is", "0009_nothing.sql:1: the", "pages/Big.html:1: a page"]
    {
        assert!(output.contains(flaw), "{output}");
    }
}

#[test]
fn a_hanging_build_ends_at_once_when_told_to() {
    let tree = Tree::with("hangs");
    let mut build = tree.program().arg("build").stdout(Stdio::piped()).spawn().expect("start the build");
    let mut line = String::new();
    BufReader::new(build.stdout.take().expect("its output")).read_line(&mut line).expect("read its output");
    assert_eq!(line, "portal: this build takes 3600 seconds\n");
    send("-TERM", &build);
    assert_eq!(build.wait().expect("wait for its end").code(), Some(1));
}

#[test]
fn wrong_arguments_are_refused() {
    let table: [(&[&str], i32, &str); 4] = [
        (&[], 2, "usage:"),
        (&["serve", "fast"], 2, "usage:"),
        (
            &["feature", "unheard-of", "."],
            1,
            "portal: there is no feature `unheard-of`; `portal features` lists them\n",
        ),
        (&["seed", "--rows", "many"], 1, "portal: --rows must be a number, not `many`"),
    ];
    for (arguments, expected, message) in table {
        let (code, output) = run(portal().args(arguments));
        assert_eq!(code, Some(expected), "{arguments:?}");
        assert!(output.starts_with(message), "{arguments:?}: {output}");
    }
}
