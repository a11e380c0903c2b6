//! The pages of the application.

use anyhow::Context;
use tokio_postgres::Transaction;

use crate::template::Template;
use crate::tree::{Flaw, SourceFile};

/// One page, `pages/<name>.html`.
pub(crate) struct Page {
    /// The page's address without the slash.
    pub(crate) name: String,
    template: Template,
}

impl Page {
    /// Checks the file's name and template. The queries themselves are left to the database.
    pub(crate) fn parse(file: &SourceFile) -> Result<Self, Flaw> {
        let flaw = |line, problem| Flaw { file: file.path.clone(), line, problem };
        let name = file
            .path
            .strip_prefix("pages/")
            .and_then(|path| path.strip_suffix(".html"))
            .filter(|name| is_address(name))
            .ok_or_else(|| flaw(1, "a page is named like new-orders.html".to_owned()))?;
        let template = Template::parse(&file.text).map_err(|mistake| flaw(mistake.line, mistake.problem))?;
        Ok(Self { name: name.to_owned(), template })
    }

    /// The page's heading.
    pub(crate) fn title(&self) -> &str {
        &self.template.title
    }

    /// The page's content as HTML, without the layout around it.
    pub(crate) async fn render(&self, transaction: &Transaction<'_>) -> anyhow::Result<String> {
        self.template.render(transaction).await.with_context(|| format!("fill the page {}", self.name))
    }
}

fn is_address(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
