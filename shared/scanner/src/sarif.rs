//! Reports as SARIF 2.1.0, for code hosts and editors.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::finding::{Finding, Verdict};
use crate::report::Report;

/// The key of our fingerprints; the version says how they are made.
const FINGERPRINT: &str = "slipway/v1";

pub(crate) fn log(report: &Report) -> Value {
    let rules: BTreeMap<&str, &Finding> =
        report.findings.iter().rev().map(|it| (it.rule.as_str(), it)).collect();
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, rule)| (*rule, at)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Slipway",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|it| rule(it)).collect::<Vec<_>>(),
            } },
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

fn rule(finding: &Finding) -> Value {
    json!({
        "id": finding.rule,
        "help": { "text": finding.remedy },
        "properties": { "gate": finding.gate, "category": finding.category },
    })
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
