//! Reports as SARIF 2.1.0, for code hosts and editors.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::finding::{Finding, Verdict};
use crate::report::Report;
use crate::weakness;

/// The key of our fingerprints; the version says how they are made.
const FINGERPRINT: &str = "slipway/v1";

/// What the taxonomy of weaknesses is called.
const CWE: &str = "CWE";

pub(crate) fn log(report: &Report) -> Value {
    let rules: BTreeMap<&str, &Finding> =
        report.findings.iter().rev().map(|it| (it.rule.as_str(), it)).collect();
    let weaknesses: BTreeSet<u16> = rules.values().filter_map(|it| weakness_of(it)).collect();
    let weaknesses: Vec<u16> = weaknesses.into_iter().collect();
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, rule)| (*rule, at)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Slipway",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|it| rule(it, &weaknesses)).collect::<Vec<_>>(),
                "supportedTaxonomies": [{ "name": CWE, "index": 0 }],
            } },
            "taxonomies": [taxonomy(&weaknesses)],
            "columnKind": "unicodeCodePoints",
            "properties": {
                "files": report.files,
                "lines": report.lines,
                "selfCheck": { "found": report.self_check.found, "of": report.self_check.of },
            },
            "results": report.findings.iter().map(|it| result(it, index[it.rule.as_str()])).collect::<Vec<_>>(),
        }],
    })
}

fn weakness_of(finding: &Finding) -> Option<u16> {
    weakness::of(&finding.rule, finding.category).ok()
}

/// A rule; its weakness stands in it as readers of taxonomies want it, and as a tag for those that know only tags.
fn rule(finding: &Finding, weaknesses: &[u16]) -> Value {
    let mut rule = json!({
        "id": finding.rule,
        "help": { "text": finding.remedy },
        "properties": { "gate": finding.gate, "category": finding.category },
    });
    if let Some(number) = weakness_of(finding) {
        let place = weaknesses.iter().position(|it| *it == number);
        let component = json!({ "name": CWE, "index": 0 });
        rule["properties"]["tags"] = json!(["security", format!("external/cwe/cwe-{number:03}")]);
        rule["helpUri"] = json!(page(number));
        rule["relationships"] = json!([{
            "target": { "id": number.to_string(), "index": place, "toolComponent": component },
            "kinds": ["superset"],
        }]);
    }
    rule
}

/// The weaknesses that the rules name.
fn taxonomy(weaknesses: &[u16]) -> Value {
    let taxon = |number: &u16| json!({ "id": number.to_string(), "helpUri": page(*number) });
    json!({
        "name": CWE,
        "organization": "MITRE",
        "shortDescription": { "text": "The MITRE Common Weakness Enumeration" },
        "informationUri": "https://cwe.mitre.org/",
        "isComprehensive": false,
        "taxa": weaknesses.iter().map(taxon).collect::<Vec<_>>(),
    })
}

fn page(weakness: u16) -> String {
    format!("https://cwe.mitre.org/data/definitions/{weakness}.html")
}

fn result(finding: &Finding, rule: usize) -> Value {
    let level = match finding.verdict {
        Verdict::Block => "error",
        Verdict::Review => "warning",
        Verdict::Note => "note",
    };
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": level,
        "message": { "text": format!("{} {}", finding.message, finding.remedy) },
        "partialFingerprints": { FINGERPRINT: finding.fingerprint },
        "properties": {
            "gate": finding.gate,
            "category": finding.category,
            "severity": finding.severity,
            "confidence": finding.confidence,
            "verdict": finding.verdict,
        },
    });
    if !finding.file.is_empty() {
        result["locations"] = json!([{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&finding.file), "uriBaseId": "%SRCROOT%" },
            "region": {
                "startLine": finding.line,
                "startColumn": finding.column,
                "endLine": finding.end_line,
            },
        } }]);
    }
    if let Some(reason) = &finding.accepted {
        result["suppressions"] =
            json!([{ "kind": "external", "status": "accepted", "justification": reason }]);
    }
    result
}

/// A path as a relative URI.
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let shown = path
        .bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    shown.collect()
}
