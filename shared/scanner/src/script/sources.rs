//! Where others have a say: what frameworks, browsers and the system hand to a program, and what makes it harmless.

mod handlers;

pub(crate) use handlers::parameter;

use super::tree::Id;
use super::value::{
    ARGUMENTS, CONSTANT, Cleaned, DATABASE, ENVIRONMENT, FOR_ALL, FOR_MARKUP, FOR_SHELL, FOR_SQL, FOR_URL,
    MACHINE, PARAMETER, PROPS, REMOTE, REQUEST, SAFE, SETTING, UNKNOWN, VISITOR, Value,
};
use crate::secret::is_secret_name;

/// A name of the environment that stands alone.
pub(crate) fn global(name: &str, id: Id) -> Option<Value> {
    match name {
        "undefined" | "NaN" | "Infinity" => Some(CONSTANT),
        "__dirname" | "__filename" => Some(SAFE),
        "import.meta" | "name" | "self" | "window" | "globalThis" => None,
        other => named(other, id).or_else(|| is_strange(other).then(|| UNKNOWN.marked(PARAMETER))),
    }
}

/// Whether a name that the file does not declare is none of the environment's: somebody else puts something into it.
fn is_strange(name: &str) -> bool {
    const OF_ENVIRONMENT: [&str; 20] = [
        "arguments",
        "chrome",
        "browser",
        "console",
        "crypto",
        "document",
        "event",
        "exports",
        "history",
        "indexedDB",
        "jest",
        "jQuery",
        "localStorage",
        "module",
        "navigator",
        "performance",
        "process",
        "require",
        "screen",
        "sessionStorage",
    ];
    name.starts_with(|it: char| it.is_ascii_lowercase()) && !OF_ENVIRONMENT.contains(&name)
}

/// A member with a well-known name.
pub(crate) fn named(name: &str, id: Id) -> Option<Value> {
    if let Some(setting) = name.strip_prefix("process.env.").or(name.strip_prefix("import.meta.env.")) {
        let is_secret = is_secret_name(setting) || setting.ends_with("_URL");
        return Some(if is_secret { SAFE.marked(SETTING) } else { SAFE });
    }
    if name.starts_with("process.argv") {
        return Some(UNKNOWN.marked(ARGUMENTS | PARAMETER));
    }
    match name {
        "process.env" | "Deno.env" | "Bun.env" => Some(SAFE.marked(ENVIRONMENT)),
        "location"
        | "location.hash"
        | "location.search"
        | "location.href"
        | "location.pathname"
        | "document.location"
        | "document.location.hash"
        | "document.location.search"
        | "document.location.href"
        | "document.location.pathname"
        | "document.URL"
        | "document.documentURI"
        | "document.referrer"
        | "document.baseURI"
        | "name"
        | "history.state"
        | "next/router.useRouter().query"
        | "next/router.useRouter().asPath"
        | "event.data"
        | "location.toString()" => Some(Value::tainted(id)),
        "document.cookie" => Some(Value::tainted(id).marked(VISITOR)),
        "localStorage" | "sessionStorage" => Some(UNKNOWN.marked(VISITOR)),
        "location.origin" | "location.host" | "location.hostname" | "location.protocol" | "location.port"
        | "process.pid" | "process.platform" | "process.version" | "process.execPath" | "process.cwd()" => {
            Some(SAFE)
        }
        _ => None,
    }
}

/// What a well-known function gives.
pub(crate) fn call(name: &str, id: Id) -> Option<Value> {
    match name {
        "next/headers.cookies" | "next/headers.headers" | "next/navigation.useSearchParams" => {
            Some(UNKNOWN.marked(REQUEST))
        }
        "next/navigation.useParams"
        | "react-router-dom.useParams"
        | "react-router.useParams"
        | "react-router-dom.useLocation"
        | "react-router-dom.useSearchParams"
        | "h3.readBody"
        | "h3.getQuery"
        | "h3.getRouterParam"
        | "readBody"
        | "getQuery"
        | "getRouterParam"
        | "co-body"
        | "raw-body"
        | "prompt"
        | "micro.json"
        | "micro.text" => Some(Value::tainted(id)),
        "os.hostname"
        | "os.userInfo"
        | "os.networkInterfaces"
        | "os.homedir"
        | "os.platform"
        | "os.release"
        | "os.cpus"
        | "os.arch"
        | "os.type"
        | "os.version" => Some(SAFE.marked(MACHINE)),
        "localStorage.getItem" | "sessionStorage.getItem" => Some(UNKNOWN.marked(VISITOR)),
        _ if name.contains("prisma") && name.contains(".find") => Some(UNKNOWN.marked(DATABASE)),
        _ if is_request_maker(name) => Some(UNKNOWN.marked(REMOTE)),
        _ => None,
    }
}

/// Functions that ask another computer.
pub(crate) fn is_request_maker(name: &str) -> bool {
    let (module, rest) = name.split_once('.').unwrap_or((name, ""));
    match module {
        "fetch"
        | "node-fetch"
        | "cross-fetch"
        | "isomorphic-fetch"
        | "axios"
        | "got"
        | "ky"
        | "superagent"
        | "request"
        | "request-promise"
        | "request-promise-native"
        | "needle"
        | "undici"
        | "phin"
        | "bent"
        | "wretch"
        | "ofetch"
        | "$fetch" => !matches!(
            rest,
            "create" | "interceptors" | "defaults" | "isAxiosError" | "Agent" | "setGlobalDispatcher"
        ),
        "http" | "https" | "http2" => matches!(rest, "get" | "request" | "connect"),
        "$" | "jquery" => matches!(rest, "ajax" | "get" | "post" | "getJSON" | "getScript"),
        _ => false,
    }
}

/// What a function hands to the function that it is given, as in `https.get(url, answer => …)`.
pub(crate) fn handed_back(name: &str, index: usize) -> Option<Value> {
    let talks = is_request_maker(name) || matches!(name, "net.createServer" | "net.Server");
    (index == 0 && talks).then(|| UNKNOWN.marked(REMOTE))
}

/// What well-known functions do with what they are given.
pub(crate) enum Treatment {
    /// What comes out can do no harm.
    Safe,
    /// What comes out is as good as what went in.
    Passes,
    Cleans(Cleaned),
    /// It makes readable what was made unreadable.
    Decodes,
}

pub(crate) fn treatment(name: &str) -> Option<Treatment> {
    match name {
        "atob"
        | "String.fromCharCode"
        | "String.fromCodePoint"
        | "Buffer.from"
        | "buffer.Buffer.from"
        | "Buffer" => return Some(Treatment::Decodes),
        "encodeURIComponent" => return Some(Treatment::Cleans(FOR_MARKUP | FOR_URL)),
        "encodeURI" | "escape" => return Some(Treatment::Cleans(FOR_MARKUP)),
        _ => {}
    }
    if PASSES.contains(&name) {
        return Some(Treatment::Passes);
    }
    if SAFE_CALLS.contains(&name)
        || name.starts_with("Math.")
        || name.starts_with("Number.")
        || name.ends_with(".digest")
    {
        return Some(Treatment::Safe);
    }
    let (_, last) = name.rsplit_once(['.', '/']).unwrap_or(("", name));
    cleans(last.trim_start_matches('~'))
        .or_else(|| cleans(name))
        .map(|(purpose, _)| Treatment::Cleans(purpose))
}

/// Functions that give numbers and the like, whatever they are given.
const SAFE_CALLS: [&str; 21] = [
    "Number",
    "parseInt",
    "parseFloat",
    "BigInt",
    "Boolean",
    "isNaN",
    "Symbol",
    "Date.now",
    "performance.now",
    "crypto.randomUUID",
    "crypto.randomBytes",
    "Array.isArray",
    "Date",
    "uuid.v4",
    "nanoid.nanoid",
    "mongodb.ObjectId",
    "mongoose.Types.ObjectId",
    "bcrypt.hash",
    "bcryptjs.hash",
    "process.cwd",
    "process.hrtime",
];

/// Functions that give back what they are given, in another shape.
const PASSES: [&str; 53] = [
    "String",
    "vm.createContext",
    "format",
    "Object",
    "Array",
    "JSON.parse",
    "JSON.stringify",
    "Object.assign",
    "Object.values",
    "Object.entries",
    "Object.keys",
    "Object.fromEntries",
    "Array.from",
    "Array.of",
    "decodeURIComponent",
    "decodeURI",
    "unescape",
    "util.format",
    "util.inspect",
    "path.join",
    "path.resolve",
    "path.normalize",
    "path.basename",
    "path.dirname",
    "path.extname",
    "url.parse",
    "url.format",
    "URL",
    "url.URL",
    "URLSearchParams",
    "url.URLSearchParams",
    "querystring.parse",
    "qs.parse",
    "querystring.stringify",
    "Buffer.concat",
    "Promise.all",
    "Promise.resolve",
    "Promise.race",
    "structuredClone",
    "lodash.merge",
    "lodash.get",
    "lodash.trim",
    "lodash.assign",
    "marked.parse",
    "marked.marked",
    "marked",
    "btoa",
    "Map",
    "Set",
    "String.raw",
    "cookie.parse",
    "react.useMemo",
    "react.useState",
];

/// What a function with such a name makes values harmless for, and whether the name says so expressly.
pub(crate) fn cleans(name: &str) -> Option<(Cleaned, bool)> {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|it| name.contains(it));
    if has(&["unescape", "desanitize", "unquote", "decode", "unsafe"]) {
        return None;
    }
    if has(&["dompurify", "sanitizehtml", "sanitize-html", "purify", "striptags", "htmlencode", "xss"]) {
        return Some((FOR_MARKUP, true));
    }
    if has(&["escape", "saniti", "quote"]) {
        if has(&["html", "xml", "markup", "attr"]) {
            return Some((FOR_MARKUP, true));
        }
        if has(&["sql", "literal", "identifier", "escapeid", "ident"]) {
            return Some((FOR_SQL, true));
        }
        if has(&["shell", "arg", "cmd", "shescape"]) {
            return Some((FOR_SHELL, true));
        }
        if has(&["regex", "regexp"]) {
            return None;
        }
        return Some((if has(&["quote"]) { FOR_SQL | FOR_SHELL } else { FOR_ALL }, false));
    }
    if has(&["encode"]) && has(&["html", "entit", "uri", "url"]) {
        return Some((FOR_MARKUP | FOR_URL, true));
    }
    if has(&["slugify", "kebabcase", "snakecase"]) {
        return Some((FOR_ALL, false));
    }
    (name == "pg-format" || name == "format.literal").then_some((FOR_SQL, true))
}

/// What methods do with their receiver.
pub(crate) enum Method {
    /// They give a number or a yes or no.
    Measures,
    /// They give it back together with what they were given.
    Keeps,
    /// They give it, or a part of it.
    Reads,
    Other,
}

pub(crate) fn method(name: &str) -> Method {
    match name {
        "includes" | "startsWith" | "endsWith" | "indexOf" | "lastIndexOf" | "test" | "has" | "some"
        | "every" | "search" | "localeCompare" | "charCodeAt" | "codePointAt" | "getTime" | "toFixed"
        | "toISOString" | "getFullYear" | "findIndex" | "isArray" | "digest" => Method::Measures,
        "concat" | "replace" | "replaceAll" | "join" | "padStart" | "padEnd" | "fill" | "with" => {
            Method::Keeps
        }
        "get" | "getAll" | "json" | "text" | "formData" | "arrayBuffer" | "toString" | "trim"
        | "trimStart" | "trimEnd" | "slice" | "substring" | "substr" | "split" | "toLowerCase"
        | "toUpperCase" | "map" | "filter" | "at" | "pop" | "shift" | "values" | "entries" | "keys"
        | "param" | "query" | "header" | "cookie" | "then" | "catch" | "finally" | "flat" | "flatMap"
        | "reverse" | "sort" | "normalize" | "charAt" | "match" | "matchAll" | "repeat" | "find"
        | "reduce" | "valueOf" | "getItem" => Method::Reads,
        _ => Method::Other,
    }
}

/// A part of what a visitor sends, or of what a framework gives along with it.
pub(crate) fn part_of_request(value: Value, key: &str) -> Value {
    let plain = Value { marks: value.marks & !(REQUEST | PROPS), ..value };
    let tainted = Value { level: super::value::Level::Tainted, cleaned: 0, ..plain };
    if value.has(PROPS) {
        return match key {
            "params"
            | "searchParams"
            | "input"
            | "rawInput"
            | "data"
            | "body"
            | "query"
            | "formData"
            | "payload"
            | "url"
            | "pathParameters"
            | "queryStringParameters"
            | "slug" => tainted,
            "request" | "req" | "event" => plain.marked(REQUEST),
            _ => plain,
        };
    }
    match key {
        "method" | "app" | "user" | "session" | "log" | "logger" | "socket" | "connection" | "route"
        | "secure" | "xhr" | "signal" | "locals" | "db" | "prisma" | "auth" | "res" | "response"
        | "state" | "env" | "t" | "i18n" | "set" | "status" | "redirect" | "reply" | "next" | "render"
        | "html" | "container" | "services" | "em" | "account" | "tenant" | "organization" | "on"
        | "once" | "pipe" | "setTimeout" | "id" | "ip" | "isAuthenticated" | "logout" | "login" | "logIn"
        | "logOut" | "flash" | "csrfToken" | "protocol" | "requestContext" | "executionCtx" | "waitUntil"
        | "getConnection" | "userId" | "tx" | "knex" | "pool" | "args_" => plain,
        "request" | "req" | "raw" | "nativeEvent" => value,
        _ => tainted,
    }
}

/// Whether a type leaves no room for a text that somebody chooses.
pub(crate) fn is_harmless_type(typed: &str) -> bool {
    typed.split('|').map(str::trim).filter(|it| !it.is_empty()).all(|it| {
        let it = it.trim_end_matches("[]");
        matches!(
            it,
            "number" | "boolean" | "bigint" | "Date" | "null" | "undefined" | "true" | "false" | "void"
        ) || it.starts_with(['"', '\''])
            || it.parse::<f64>().is_ok()
    })
}
