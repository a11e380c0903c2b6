use super::*;

#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    let rules: Vec<_> = look(Source { path, text }).iter().map(|it| it.rule).collect();
    assert_eq!(rules, expected, "{path}: {}", text.escape_unicode());
}

#[test]
fn what_turns_the_writing_is_found_wherever_it_stands() {
    check(
        "a.ts",
        "if (x) { /*\u{202e} } \u{2066}if (admin)\u{2069} \u{2066} begin */\n",
        &["text.direction"; 4],
    );
    check("a.py", "x = \"user\u{202e} \u{2066}// admin\u{2069} \u{2066}\"\n", &["text.direction"; 4]);
    check("a.ts", "const t = \"שלום \u{2067}x\u{2069}\";\n", &["text.direction-in-text"; 2]);
    check("locales/ar.json", "{\"a\": \"مرحبا \u{2067}x\u{2069}\"}\n", &[]);
    check("a.json", "{\"a\": \"b\u{202e}c\"}\n", &["text.direction-in-text"]);
}

#[test]
fn unseen_letters_count_where_they_do_harm() {
    check("a.js", "function is\u{200b}Admin() {}\n", &["text.unseen-in-name"]);
    check("a.js", "const { timeout, \u{3164} } = req.query;\n", &["text.unseen-in-name"]);
    check("a.js", "const s = \"a\u{200b}b\";\n", &[]);
    check("a.js", "// a\u{200b}b\n", &[]);
    check("a.js", "\u{feff}const a = 1;\n", &[]);
    check("a.js", "const s = `\u{fe01}\u{fe02}\u{fe03}`;\n", &["text.unseen-message"]);
    check("a.md", "Hello\u{e0041}\u{e0042}\u{e0043}\n", &["text.unseen-message"]);
    check("a.js", "const s = \"\u{200b}\u{200c}\u{200b}\u{200c}\u{200b}\";\n", &["text.unseen-message"]);
}

#[test]
fn emoji_and_scripts_keep_their_joiners() {
    let texts = [
        "👨\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}",
        "🏴\u{e0067}\u{e0062}\u{e007f}",
        "می\u{200c}خواهم",
        "葛\u{e0100}",
        "1\u{fe0f}\u{20e3}",
        "👁\u{fe0f}\u{200d}🗨\u{fe0f}",
    ];
    for text in texts {
        check("a.ts", &format!("const s = \"{text}\";\n"), &[]);
        check("a.md", text, &[]);
    }
}

#[test]
fn names_that_imitate_others_are_found() {
    check("a.js", "function sayHello() {}\nfunction say\u{41d}ello() {}\n", &["text.lookalike-name"]);
    check("a.js", "const p\u{430}yload = 1;\n", &["text.mixed-name"]);
    check("a.js", "const Δx = 1, café = 2, naïve = 3, αβ = 4;\n", &[]);
    check("a.js", "const имя = \"p\u{430}yload\"; // p\u{430}yload\n", &[]);
    check("a.js", "const 名前 = 1, user名 = 2;\n", &[]);
}

#[test]
fn code_out_of_sight_is_found() {
    let far = " ".repeat(250);
    check("a.js", &format!("const a = 1;{far}eval(atob(x))\n"), &["text.far-right"]);
    check("a.js", &format!("const a = 1;{far}// a remark about (this)\n"), &[]);
    check("a.md", &format!("| a |{far}b(c) |\n"), &[]);
    check("package.json", &format!("{{\"test\": \"vitest{far}&& node -e `x`\"}}\n"), &["text.far-right"]);
}

#[test]
fn what_obfuscators_write_is_found() {
    let names = (0..6).map(|it| format!("var _0x3f2a{it}b=_0x1c{it}2d4;")).collect::<Vec<_>>().concat();
    check("a.js", &names, &["obfuscated.scrambled"]);
    check("a.js", &"(![]+[])[+[]]+".repeat(30), &["obfuscated.scrambled"]);
    check(
        "a.js",
        "eval(function(p,a,c,k,e,d){return p}('0',1,1,'x'.split('|'),0,{}))",
        &["obfuscated.scrambled"],
    );
    let members = (0..30).map(|it| format!("a{it}['push']('x');")).collect::<Vec<_>>().concat();
    check("a.js", &members, &["obfuscated.scrambled"]);
}

#[test]
fn minified_and_generated_code_is_not_scrambled() {
    let minified = "!function(e,t){var n=e.push(t.shift()),r=0xff&n;for(var i=0;i<10;i++)n[i]=parseInt(t[i],16)/2;return e.a.b(n)}(a,b);";
    check("a.min.js", &minified.repeat(50), &[]);
    check("a.ts", &"process.env['HOME'];\nfoo.bar.baz();\na.b;\n".repeat(30), &[]);
    check("Lexer.ts", &format!("const s = \"{}\";\n", r"\x03\u608b\ua72a\x07".repeat(500)), &[]);
}
