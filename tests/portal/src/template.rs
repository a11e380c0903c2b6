//! Page templates: HTML with a title and blocks that repeat for every row of a query.
//!
//! ```html
//! {{title: Customers}}
//! {{rows: select name, email from customers order by name}}
//! <p>{{name}} <i>{{email}}</i></p>
//! {{end}}
//! ```
//!
//! A block asks the database for exactly the columns that it shows, as text, so a column that is gone is an error
//! instead of an empty cell. Values are escaped, always. Queries are source code: whoever may change a page may read
//! the database; they run in a read-only transaction.

use tokio_postgres::Transaction;

/// A checked page template.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) title: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Rows(Rows),
}

/// A block that repeats for every row of its query.
#[derive(Debug)]
struct Rows {
    query: String,
    columns: Vec<String>,
    body: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// An index into the block's columns.
    Column(usize),
}

/// What is wrong with a template, and in which line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) problem: String,
}

#[derive(Default)]
struct Parser {
    title: Option<String>,
    parts: Vec<Part>,
    /// The block being read, and the line that opened it.
    block: Option<(Rows, usize)>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first mistake in the text.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        let mut parser = Parser::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            parser.text(before);
            let line = 1 + text[..text.len() - after.len()].matches('\n').count();
            let mistake = |problem| Mistake { line, problem };
            let (tag, after) =
                after.split_once("}}").ok_or_else(|| mistake("`{{` is never closed by `}}`".to_owned()))?;
            parser.tag(tag.trim(), line).map_err(mistake)?;
            rest = after;
        }
        parser.text(rest);
        parser.finish()
    }

    /// The page's content as HTML.
    pub(crate) async fn render(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<String, tokio_postgres::Error> {
        let mut html = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => html.push_str(text),
                Part::Rows(rows) => rows.render(transaction, &mut html).await?,
            }
        }
        Ok(html)
    }
}

impl Rows {
    async fn render(
        &self,
        transaction: &Transaction<'_>,
        html: &mut String,
    ) -> Result<(), tokio_postgres::Error> {
        for row in transaction.query(&self.statement(), &[]).await? {
            for piece in &self.body {
                match piece {
                    Piece::Text(text) => html.push_str(text),
                    Piece::Column(index) => {
                        html.push_str(&escape(row.get::<_, Option<&str>>(index).unwrap_or("")));
                    }
                }
            }
        }
        Ok(())
    }

    /// The block's query, narrowed to the columns that it shows. Their names are plain words, checked when read.
    fn statement(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| format!("(\"{name}\")::text")).collect();
        format!("select {} from (\n{}\n) as page_rows", columns.join(", "), self.query)
    }
}

impl Parser {
    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match &mut self.block {
            Some((rows, _)) => rows.body.push(Piece::Text(text.to_owned())),
            None => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    fn tag(&mut self, tag: &str, line: usize) -> Result<(), String> {
        match tag.split_once(':').map(|(word, rest)| (word, rest.trim())) {
            Some(("title" | "rows", "")) => Err(format!("`{{{{{tag}}}}}` says nothing after the colon")),
            Some(("title", title)) => self.title(title),
            Some(("rows", query)) => self.open(query, line),
            None if tag == "end" => self.close(),
            _ => self.column(tag),
        }
    }

    fn title(&mut self, title: &str) -> Result<(), String> {
        match self.title.replace(title.to_owned()) {
            None => Ok(()),
            Some(_) => Err("the page has a second title".to_owned()),
        }
    }

    fn open(&mut self, query: &str, line: usize) -> Result<(), String> {
        if let Some((_, opened)) = self.block {
            return Err(format!("`{{{{rows}}}}` inside the block that line {opened} opened"));
        }
        if query.contains(';') {
            return Err("a query is one statement without a semicolon".to_owned());
        }
        self.block = Some((Rows { query: query.to_owned(), columns: Vec::new(), body: Vec::new() }, line));
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let (rows, _) = self.block.take().ok_or("`{{end}}` without `{{rows}}`")?;
        self.parts.push(Part::Rows(rows));
        Ok(())
    }

    fn column(&mut self, name: &str) -> Result<(), String> {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            return Err(format!("`{{{{{name}}}}}` is neither a column nor `title:`, `rows:` or `end`"));
        }
        let (rows, _) = self
            .block
            .as_mut()
            .ok_or_else(|| format!("column `{name}` outside of a `{{{{rows}}}}` block"))?;
        let index = rows.columns.iter().position(|column| column == name).unwrap_or_else(|| {
            rows.columns.push(name.to_owned());
            rows.columns.len() - 1
        });
        rows.body.push(Piece::Column(index));
        Ok(())
    }

    fn finish(self) -> Result<Template, Mistake> {
        if let Some((_, line)) = self.block {
            return Err(Mistake { line, problem: "`{{rows}}` is never closed by `{{end}}`".to_owned() });
        }
        let title =
            self.title.ok_or(Mistake { line: 1, problem: "the page has no `{{title: …}}`".to_owned() })?;
        Ok(Template { title, parts: self.parts })
    }
}

/// Makes `value` safe between tags and inside quoted attributes.
pub(crate) fn escape(value: &str) -> String {
    let mut html = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::{Template, escape};

    #[test]
    fn a_broken_template_says_where_and_why() {
        let table = [
            ("", 1, "the page has no `{{title: …}}`"),
            ("{{title:}}", 1, "`{{title:}}` says nothing after the colon"),
            ("{{title: A}}\n{{title: B}}", 2, "the page has a second title"),
            ("{{title: A}}\n\n{{name", 3, "`{{` is never closed by `}}`"),
            ("{{title: A}}\n{{name}}", 2, "column `name` outside of a `{{rows}}` block"),
            ("{{title: A}}\n{{end}}", 2, "`{{end}}` without `{{rows}}`"),
            ("{{title: A}}\n{{rows: select 1}}\n\n", 2, "`{{rows}}` is never closed by `{{end}}`"),
            ("{{title: A}}{{rows: x}}\n{{rows: y}}", 2, "`{{rows}}` inside the block that line 1 opened"),
            (
                "{{title: A}}{{rows: select 1; drop table x}}",
                1,
                "a query is one statement without a semicolon",
            ),
            (
                "{{title: A}}{{rows:\nselect 1\n}}\n{{a b}}",
                4,
                "`{{a b}}` is neither a column nor `title:`, `rows:` or `end`",
            ),
            (
                "{{title: A}}{{rows: x}}{{a\"b}}",
                1,
                "`{{a\"b}}` is neither a column nor `title:`, `rows:` or `end`",
            ),
            ("{{title: A}}{{}}", 1, "`{{}}` is neither a column nor `title:`, `rows:` or `end`"),
        ];
        for (text, line, problem) in table {
            let mistake = Template::parse(text).expect_err(text);
            assert_eq!((mistake.line, mistake.problem.as_str()), (line, problem), "{text}");
        }
    }

    #[test]
    fn a_block_asks_only_for_the_columns_that_it_shows() {
        let template =
            Template::parse("{{title: A}}{{rows: select * from b}}{{x}}{{y}}{{x}}{{end}}").expect("parses");
        let [super::Part::Rows(rows)] = &template.parts[..] else { panic!("one block") };
        assert_eq!(
            rows.statement(),
            "select (\"x\")::text, (\"y\")::text from (\nselect * from b\n) as page_rows"
        );
    }

    #[test]
    fn markup_in_values_is_shown_and_not_run() {
        assert_eq!(escape(r#"<b a="1" b='2'>&"#), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;");
    }
}
