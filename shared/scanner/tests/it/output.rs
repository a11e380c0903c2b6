//! How findings are told.

use serde_json::json;

use super::{file, report, token};

#[test]
fn json_has_exactly_these_members() {
    let report = report(vec![file("src/a.ts", None, Some(&format!("  {}", token("a"))))]);
    let mut found = report.json();
    let finding = &mut found[0];
    for text in ["message", "remedy", "fingerprint"] {
        assert!(!finding[text].as_str().unwrap().is_empty(), "{text}");
        finding[text] = json!("");
    }
    assert_eq!(
        found,
        json!([{
            "gate": "security", "rule": "github-pat", "category": "token", "severity": "critical",
            "confidence": "high", "file": "src/a.ts", "line": 1, "end_line": 1, "column": 14,
            "message": "", "remedy": "", "fingerprint": "",
        }])
    );
}

#[test]
fn sarif_has_what_its_schema_asks_for() {
    let report = report(vec![file("src/ä b.ts", None, Some(&token("a")))]);
    let sarif = report.sarif();
    let run = &sarif["runs"][0];
    assert_eq!((&sarif["version"], &run["tool"]["driver"]["name"]), (&json!("2.1.0"), &json!("Slipway")));
    let result = &run["results"][0];
    assert_eq!(result["level"], "error");
    let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/%C3%A4%20b.ts");
    assert_eq!(place["region"], json!({ "startLine": 1, "startColumn": 12, "endLine": 1 }));
}

#[test]
fn no_output_shows_a_secret() {
    let report = report(vec![file("src/a.ts", None, Some(&token("a")))]);
    let outputs =
        [report.text(), report.json().to_string(), report.sarif().to_string(), format!("{report:?}")];
    for output in outputs {
        assert!(output.contains("github-pat"), "{output}");
        assert!(!output.contains("x7Kq2mV9"), "{output}");
    }
}

#[test]
fn text_tells_what_was_read() {
    let clean = report(vec![file("src/a.ts", None, Some("x();\n"))]);
    let of = clean.self_check.of;
    assert_eq!(clean.text(), format!("Nothing was found: 1 file and 1 line read; self-check {of} of {of}."));
}

#[test]
fn no_finding_shows_what_another_one_calls_a_secret() {
    let name = token("a").split('"').nth(1).unwrap().to_owned();
    let old = "{ \"dependencies\": {} }";
    let manifest =
        old.replace("{}", &format!("{{ \"{name}\": \"1.0.0\", \"x{name}{}\": \"1.0.0\" }}", "y".repeat(99)));
    let import = format!("import '../../../../../{name}';\n{}", token("b"));
    let files = vec![file("package.json", Some(old), Some(&manifest)), file("src/a.ts", None, Some(&import))];
    let report = report(files);
    let rules: Vec<_> = report.findings.iter().map(|it| it.rule.as_str()).collect();
    assert!(rules.contains(&"github-pat") && rules.contains(&"dependency.new"), "{rules:?}");
    for output in [report.text(), report.json().to_string(), report.sarif().to_string()] {
        assert!(!output.contains("x7Kq2mV9"), "{output}");
    }
}

#[test]
fn names_of_files_cannot_act() {
    let path = "src/\u{202e}a`\n@everyone\u{1b}[2J.ts";
    let report = report(vec![file(path, None, Some(&token("a")))]);
    let text = report.text();
    assert!(!text.contains(['\u{202e}', '\u{1b}']) && !text.contains("\n@everyone"), "{text}");
    let uri =
        &report.sarif()["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert!(uri["uri"].as_str().unwrap().bytes().all(|it| it.is_ascii_graphic()), "{uri}");
}

#[test]
fn sarif_names_the_weakness_of_a_rule() {
    let files = vec![
        file("src/a.ts", None, Some("eval(location.hash);\n")),
        file("src/b.ts", None, Some(&token("b"))),
        file("db/1.sql", None, Some("DROP TABLE a;\n")),
    ];
    let sarif = report(files).sarif();
    let run = &sarif["runs"][0];
    let taxa = run["taxonomies"][0]["taxa"].as_array().unwrap();
    let mut seen = Vec::new();
    for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
        let target = &rule["relationships"][0]["target"];
        if let Some(index) = target["index"].as_u64() {
            assert_eq!(taxa[usize::try_from(index).unwrap()]["id"], target["id"], "{rule}");
            assert_eq!(run["taxonomies"][0]["name"], target["toolComponent"]["name"]);
        }
        seen.push((rule["id"].as_str().unwrap(), rule["properties"]["tags"][1].as_str()));
    }
    let expected = [
        ("destructive.drop-table", None),
        ("eval.code", Some("external/cwe/cwe-095")),
        ("github-pat", Some("external/cwe/cwe-798")),
    ];
    assert_eq!(seen, expected);
}
