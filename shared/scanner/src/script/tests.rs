//! The examples of the rules, and what must hold of any text.

use proptest::prelude::*;

use super::rules::RULES;
use crate::change::Source;
use crate::finding::{Category, Verdict};
use crate::policy::Policy;
use crate::sighting::Sighting;

fn look(path: &str, text: &str) -> Vec<Sighting> {
    super::look(Source { path, text }, &Policy::default())
}

fn found(text: &str) -> Vec<(&'static str, Verdict)> {
    look("src/a.tsx", text).into_iter().map(|it| (it.rule, it.verdict)).collect()
}

#[test]
fn every_bad_example_is_found_by_its_rule() {
    assert!(RULES.all.len() > 20, "the rules are read");
    let mut missed = Vec::new();
    for rule in &RULES.all {
        for text in &rule.bad {
            let found = found(text);
            if !found.iter().any(|it| it.0 == rule.id && it.1 >= Verdict::Review) {
                missed.push(format!("{}: {text}\n   found: {found:?}", rule.id));
            }
        }
    }
    assert!(missed.is_empty(), "\n{}", missed.join("\n"));
}

#[test]
fn no_good_example_is_found() {
    let mut wrong = Vec::new();
    for rule in &RULES.all {
        for text in &rule.good {
            let found = look("src/a.tsx", text);
            if found.iter().any(|it| it.category == rule.category() && it.verdict >= Verdict::Review) {
                wrong.push(format!("{}: {text}\n   found: {found:?}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A file of each kind that holds programs, and what must be found in it.
#[test]
fn programs_are_found_in_files_of_every_kind() {
    let bad = "app.get('/c', (req, res) => { eval(req.query.code); });";
    for name in ["a.ts", "a.tsx", "a.mts", "a.cts", "a.js", "a.jsx", "a.mjs", "a.cjs"] {
        assert_eq!(look(name, bad).len(), 1, "{name}");
    }
    for name in ["a.vue", "a.svelte", "a.html"] {
        let text =
            format!("<p>x</p>\n<script type=\"text/template\">{bad}</script>\n<script>\n{bad}\n</script>\n");
        let found = look(name, &text);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(&text[found[0].place.clone()], "eval(req.query.code)", "{name}");
    }
    assert!(look("a.md", bad).is_empty());
}

#[test]
fn templates_that_show_markup_are_a_review() {
    for (name, bad, good) in [
        ("a.vue", "<p v-html=\"post.text\"></p>", "<p v-html=\"sanitize(post.text)\"></p>"),
        ("a.svelte", "<p>{@html text}</p>", "<p>{@html DOMPurify.sanitize(text)}</p>"),
        ("a.html", "<p [innerHTML]=\"text\"></p>", "<p>{{ text }}</p>"),
        ("a.ejs", "<p><%- text %></p>", "<p><%= text %></p><%- include('head') %>"),
        (
            "a.ejs",
            "<script>var a = '<%= text %>';</script>",
            "<script>var a = <%= JSON.stringify(text) %>;</script>",
        ),
        ("a.hbs", "<p>{{{text}}}</p>", "<p>{{text}}</p>{{{body}}}"),
        ("a.pug", "script(type='module')= text", "script(src='/a.js')\nscript.\n  a = 1"),
        ("a.pug", "p!= text", "p= text\nif a != b\n  p x"),
    ] {
        assert_eq!(look(name, bad).iter().map(|it| it.rule).collect::<Vec<_>>(), ["xss.template"], "{name}");
        assert!(look(name, good).is_empty(), "{name}");
    }
}

#[test]
fn a_program_with_a_mistake_is_read_as_far_as_it_goes() {
    let found = found("app.get('/x', (req, res) => { await f(); eval(req.query.x); });");
    assert!(found.contains(&("eval.code", Verdict::Block)), "{found:?}");
    assert!(found.contains(&("unread.script", Verdict::Review)), "{found:?}");
}

#[test]
fn what_cannot_be_read_is_a_review() {
    for text in ["const = ;", "function (", "class {{{"] {
        let found = look("a.ts", text);
        assert_eq!(found[0].rule, "unread.script", "{text}");
        assert_eq!(found[0].verdict, Verdict::Review);
    }
}

/// Looks on the stack that callers give.
fn look_deep(path: &'static str, text: String) {
    let look = move || look(path, &text);
    let thread = std::thread::Builder::new().stack_size(crate::STACK_BYTES).spawn(look);
    thread.expect("a thread starts").join().expect("nothing fails");
}

/// Nesting that would use up the stack of a careless reader.
#[test]
fn deep_nesting_does_no_harm() {
    let shapes: [(&str, &str, &str); 16] = [
        ("(", "1", ")"),
        ("[", "", "]"),
        ("{", "", "}"),
        ("!", "x", ""),
        ("f(", "", ")"),
        ("() => ", "1", ""),
        ("a ? b : ", "c", ""),
        ("if (a) ", "b", ""),
        ("if (a) {} else ", "b", ""),
        ("a = ", "b", ""),
        ("`${", "", "}`"),
        ("<a>", "", "</a>"),
        ("new ", "x", ""),
        ("typeof\n", "x", ""),
        ("x + ", "x", ""),
        ("for (;;) ", "x", ""),
    ];
    for (open, middle, close) in shapes {
        for count in [50, 3_000, 200_000] {
            let text = format!("{}{middle}{}", open.repeat(count), close.repeat(count));
            // It is read or refused; either way the test is still running.
            look_deep("a.tsx", text);
        }
    }
    for chain in ["x.y", "x()", "x[0]", "+ x", "`a`", "!", " as any"] {
        look_deep("a.ts", format!("x{}", chain.trim_start_matches('x').repeat(100_000)));
    }
}

#[test]
fn a_secret_is_never_repeated() {
    let secret = "hJ7!kq0zPw";
    let found = look("src/a.ts", &format!("const config = {{ host: 'db', password: '{secret}' }};"));
    assert_eq!(found.len(), 1);
    assert!(!format!("{found:?}").contains(secret));
}

#[test]
fn what_a_helper_does_is_seen_where_it_is_called() {
    let text = "function q(name) { return db.query('SELECT a FROM b WHERE c = ' + name); }\n";
    let closed = format!("{text}q('fixed');");
    assert!(found(&closed).is_empty(), "every call gives a constant");
    let open = format!("{text}export {{ q }};");
    assert_eq!(found(&open), [("sqli.query", Verdict::Review)]);
    let tainted = format!("{text}app.get('/x', (req, res) => q(req.query.n));");
    assert_eq!(found(&tainted), [("sqli.query", Verdict::Block)]);
    let passed_on = "const trim = (it) => it.trim();\n\
        app.get('/x', (req, res) => db.query('SELECT a FROM b WHERE c = ' + trim(req.query.n)));\n\
        db.query('SELECT a FROM b WHERE c = ' + trim('fixed'));";
    assert_eq!(found(passed_on), [("sqli.query", Verdict::Block)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}") {
        look("a.ts", &text);
        look("a.vue", &format!("<script>{text}</script>"));
    }

    #[test]
    fn any_part_of_an_example_is_survived(rule in 0_usize..20, from in 0_usize..300, to in 0_usize..300, add in "[(){}`'$;=<>/a]{0,4}") {
        for text in RULES.all[rule].bad.iter().chain(&RULES.all[rule].good) {
            let cut = |at: usize| text.char_indices().map(|it| it.0).find(|it| *it >= at).unwrap_or(text.len());
            let (from, to) = (cut(from.min(to)), cut(from.max(to)));
            look("a.tsx", &text[..from]);
            look("a.tsx", &format!("{}{add}{}", &text[..from], &text[to..]));
        }
    }
}

#[test]
fn statements_in_programs_are_read_like_those_in_scripts() {
    let found = |path: &str, text: &str| -> Vec<_> {
        let seen = look(path, text).into_iter().filter(|it| it.category == Category::Destructive);
        seen.map(|it| (it.verdict, text[it.place].to_owned())).collect()
    };
    let cases = [
        ("await prisma.$executeRawUnsafe('DROP TABLE \"Customer\"');", 1),
        ("await prisma.$executeRaw`TRUNCATE orders`;", 1),
        ("await pool.query(`DELETE FROM customers`);", 1),
        ("await pool.query(`DELETE FROM sessions WHERE ends < now()`);", 0),
        ("await prisma.$executeRaw`DELETE FROM a ${where}`;", 0),
        ("await pool.query('SELECT 1');", 0),
        ("say.query(\"please drop table 4 by the window\");", 0),
        ("child.exec('rm -rf x');", 0),
    ];
    for (text, count) in cases {
        let seen = found("src/a.ts", text);
        assert_eq!(seen.len(), count, "{text}: {seen:?}");
        assert!(seen.iter().all(|(verdict, _)| *verdict == Verdict::Block), "{text}: {seen:?}");
        assert!(found("src/a.test.ts", text).iter().all(|(verdict, _)| *verdict == Verdict::Note), "{text}");
    }
}

#[test]
fn migrations_in_programs_are_judged_like_statements() {
    let found = |text: &str| -> Vec<_> {
        let seen = look("src/migrations/1.ts", text).into_iter();
        let seen = seen.filter(|it| it.category == Category::Destructive);
        seen.map(|it| (it.rule, it.verdict, text[it.place].to_owned())).collect()
    };
    let drop_column = "table.dropColumn('phone')";
    let knex =
        format!("exports.up = (knex) => knex.schema.alterTable('c', (table) => {{ {drop_column}; }});");
    assert_eq!(found(&knex), [("destructive.drop-column", Verdict::Block, drop_column.to_owned())]);
    let cases = [
        ("export class A { async up(q) { await q.dropTable('c'); } }", Some("destructive.drop-table")),
        ("export class A { async up(q) { await q.dropColumn('c', 'd'); } }", Some("destructive.drop-column")),
        ("module.exports = { up: (q) => q.removeColumn('c', 'd') };", Some("destructive.drop-column")),
        ("module.exports = { up: (q) => q.clearTable(name) };", Some("destructive.truncate")),
        ("exports.down = (knex) => knex.schema.dropTable('c');", None),
        ("exports.up = (knex) => knex.schema.createTable('c', (table) => table.string('d'));", None),
        ("list.dropTable('c');", None),
    ];
    for (text, rule) in cases {
        assert_eq!(found(text).first().map(|it| it.0), rule, "{text}");
    }
}

#[test]
fn what_is_made_harmless_for_one_purpose_stays_so_beside_what_cannot_be_seen() {
    let text = |use_of: &str| format!("app.get('/x', (req, res) => {{ {use_of} }});");
    let clean = "res.send(`<a href=\"${base()}/x?y=${escapeHtml(req.query.y)}\">`)";
    assert!(found(&text(clean)).is_empty());
    let dirty = "res.send(`<a href=\"${base()}/x?y=${req.query.y}\">`)";
    assert_eq!(found(&text(dirty)), [("xss.response", Verdict::Block)]);
    let plain = "res.type('text/plain'); res.send('Hello ' + req.query.y)";
    assert!(found(&text(plain)).is_empty());
}

#[test]
fn a_text_is_told_where_it_is_put_together() {
    let split = "app.get('/x', (req, res) => {\n const q = 'SELECT a FROM b WHERE c = ' + req.query.c;\n db.query(q);\n});";
    assert_eq!(found(split), [("sqli.query", Verdict::Block), ("sqli.text", Verdict::Review)]);
    let logged = "app.get('/x', (req, res) => { console.log('SELECT a FROM b WHERE c = ' + req.query.c); });";
    assert!(found(logged).is_empty());
}

#[test]
fn a_list_is_what_its_elements_are_made_to() {
    let query = |made: &str| {
        format!(
            "export const all = (ids) => db.query('SELECT a FROM b WHERE c IN (' + ids.map(({made})).join(',') + ')', ids);"
        )
    };
    assert!(found(&query("(it, at) => `$${at + 1}`")).is_empty(), "numbers of parameters");
    assert!(found(&query("() => '?'")).is_empty());
    assert_eq!(found(&query("(it) => `'${it}'`")), [("sqli.query", Verdict::Review)]);
}

#[test]
fn a_variable_that_nothing_is_put_into_is_empty() {
    assert!(found("let a; el.innerHTML = a;").is_empty());
    for text in [
        "let a; a = location.hash; el.innerHTML = a;",
        "let a; [a] = [location.hash]; el.innerHTML = a;",
        "let a; ({ a } = { a: location.hash }); el.innerHTML = a;",
        "let a; on(() => { a = location.hash; }); el.innerHTML = a;",
        "let a; for (a of [location.hash]) { el.innerHTML = a; }",
        "export let a; el.innerHTML = a;",
        "declare let a: string; el.innerHTML = a;",
    ] {
        assert!(!found(text).is_empty(), "{text}");
    }
}

#[test]
fn a_method_is_known_however_it_is_called() {
    for text in [
        "(f = node.insertAdjacentHTML)('beforebegin', location.hash);",
        "node.insertAdjacentHTML`text ${location.hash}`;",
        "node.insertAdjacentHTML.call(node, 'beforebegin', location.hash);",
    ] {
        assert_eq!(found(text), [("xss.inner-html", Verdict::Block)], "{text}");
    }
    assert!(found("node.insertAdjacentHTML`text ${'fixed'}`;").is_empty());
}

#[test]
fn who_starts_a_program_is_no_stranger() {
    let text = "const { execSync } = require('child_process'); execSync('prisma generate ' + IN);";
    let said = |from: &str| found(&text.replace("IN", from));
    assert!(said("process.argv.slice(2).join(' ')").iter().all(|it| it.1 == Verdict::Note));
    assert_eq!(said("location.hash"), [("cmdi.shell", Verdict::Block)]);
}
