"""Cuts what the tests need out of GitHub's published description of its API.

Source: the npm package @octokit/openapi (MIT), file generated/api.github.com.json. To make api.json anew:

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python3 cut.py package/generated/api.github.com.json > api.json

Kept are the operations below, what they refer to, and one example of each answer. Left out is prose. The notation of
OpenAPI 3.0 becomes that of JSON Schema (`nullable`), and its references stay as they are.
"""

import json
import sys

REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = [
    ("get", ""),
    ("post", "/forks"),
    ("post", "/merge-upstream"),
    ("get", "/git/ref/{ref}"),
    ("post", "/git/refs"),
    ("get", "/git/commits/{commit_sha}"),
    ("post", "/git/commits"),
    ("get", "/git/trees/{tree_sha}"),
    ("post", "/git/trees"),
    ("post", "/git/blobs"),
    ("get", "/compare/{basehead}"),
    ("get", "/pulls"),
    ("post", "/pulls"),
    ("get", "/pulls/{pull_number}"),
    ("patch", "/pulls/{pull_number}"),
    ("put", "/pulls/{pull_number}/merge"),
    ("post", "/issues/{issue_number}/labels"),
    ("get", "/issues/{issue_number}/comments"),
    ("post", "/issues/{issue_number}/comments"),
    ("patch", "/issues/comments/{comment_id}"),
    ("post", "/statuses/{sha}"),
    ("get", "/commits/{ref}/status"),
]
PROSE = {"description", "summary", "externalDocs", "tags", "x-github", "example", "title"}


def schema(node):
    """The same schema without prose, in the notation of JSON Schema."""
    if isinstance(node, list):
        return [schema(it) for it in node]
    if not isinstance(node, dict):
        return node
    cut = {}
    for key, value in node.items():
        if key in ("properties", "patternProperties"):
            cut[key] = {name: schema(it) for name, it in value.items()}
        elif key in ("enum", "default", "required"):
            cut[key] = value
        elif key not in PROSE and key not in ("nullable", "examples"):
            cut[key] = schema(value)
    if node.get("nullable"):
        if "enum" in cut and None not in cut["enum"]:
            cut["enum"] = cut["enum"] + [None]
        if isinstance(cut.get("type"), str):
            cut["type"] = [cut["type"], "null"]
        else:
            cut = {"anyOf": [cut, {"type": "null"}]}
    return cut


def main():
    whole = json.load(open(sys.argv[1], encoding="utf-8"))

    def resolve(node):
        while isinstance(node, dict) and "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            node = whole["components"][kind][name]
        return node

    def contents(node):
        return resolve(node).get("content", {}).get("application/json", {})

    operations = []
    for method, path in [("get", "/user")] + [(method, REPOSITORY + rest) for method, rest in OPERATIONS]:
        full = whole["paths"][path][method]
        answers = {}
        for status, answer in full["responses"].items():
            content = contents(answer)
            answers[status] = {"schema": schema(content.get("schema", {}))}
            examples = list(content.get("examples", {}).values())
            if status.startswith("2") and examples:
                answers[status]["example"] = resolve(examples[0])["value"]
        parameters = [resolve(it) for it in full.get("parameters", [])]
        operation = {
            "operation": full["operationId"],
            "method": method.upper(),
            "path": path,
            "parameters": [
                {"name": it["name"], "in": it["in"], "schema": schema(it["schema"])} for it in parameters
            ],
            "answers": answers,
        }
        if "requestBody" in full:
            operation["body"] = schema(contents(full["requestBody"])["schema"])
        operations.append(operation)

    schemas, todo = {}, [operations]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo.extend(node)
        elif isinstance(node, dict):
            reference = node.get("$ref", "")
            if isinstance(reference, str) and reference.startswith("#/components/schemas/"):
                name = reference.rsplit("/", 1)[1]
                if name not in schemas:
                    schemas[name] = schema(whole["components"]["schemas"][name])
                    todo.append(schemas[name])
            todo.extend(node.values())

    description = {
        "source": f"@octokit/openapi {whole['info']['version']}, generated/api.github.com.json (MIT)",
        "operations": operations,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }
    json.dump(description, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
