//! What surrounds the content of every page.

use crate::template::escape;
use crate::tree::Tree;

const STYLE: &str = include_str!("layout.css");

/// A whole HTML page around `content`, which is HTML already. `name` is the page to mark in the menu.
pub(crate) fn wrap(tree: &Tree, name: &str, title: &str, content: &str) -> String {
    format!(
        include_str!("layout.html"),
        title = escape(title),
        shop = escape(&tree.settings.shop),
        style = STYLE,
        menu = menu(tree, name),
        content = content,
        build = escape(&tree.build),
    )
}

fn menu(tree: &Tree, current: &str) -> String {
    let link = |page: &crate::page::Page| {
        let address = if page.name == "home" { "" } else { &page.name };
        let mark = if page.name == current { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"/{address}\"{mark}>{}</a>\n", escape(page.title()))
    };
    tree.pages.iter().map(link).collect()
}
