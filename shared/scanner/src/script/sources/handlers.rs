//! Functions that a framework calls with what a visitor sends.

use super::super::facts::Facts;
use super::super::tree::{Function, FunctionId, Id, Kind, Parameter};
use super::super::value::{PROPS, REQUEST, SAFE, TYPED, UNKNOWN, Value};

/// What a parameter gets, if the function is called by a framework.
pub(crate) fn parameter(facts: &Facts<'_, '_>, id: FunctionId, index: usize) -> Option<Value> {
    let function = facts.function(id);
    let parameter = function.parameters.get(index)?;
    let entry = function.node?;
    by_decorator(parameter, entry)
        .or_else(|| by_type(parameter))
        .or_else(|| by_place(facts, function, index, entry))
        .or_else(|| by_call(facts, id, function, index))
        .or_else(|| by_name(function, parameter, index, entry))
}

/// `NestJS` and its kin.
fn by_decorator(parameter: &Parameter<'_>, entry: Id) -> Option<Value> {
    parameter.decorators.iter().find_map(|(name, converts)| match *name {
        "Body" | "Query" | "Param" | "Headers" | "Cookies" | "UploadedFile" | "UploadedFiles" | "Args"
        | "Arg" | "QueryParam" | "BodyParam" | "HeaderParam" | "CookieParam" | "MessageBody" | "Payload" => {
            Some(if *converts { SAFE } else { Value::tainted(entry) })
        }
        "Req" | "Request" | "Ctx" => Some(UNKNOWN.marked(REQUEST)),
        _ => None,
    })
}

fn by_type(parameter: &Parameter<'_>) -> Option<Value> {
    let typed = parameter.typed?;
    let name = typed.split(['<', ' ', '&', '|']).next().unwrap_or(typed);
    let name = name.rsplit('.').next().unwrap_or(name);
    match name {
        "Request"
        | "NextRequest"
        | "NextApiRequest"
        | "IncomingMessage"
        | "FastifyRequest"
        | "HonoRequest"
        | "VercelRequest"
        | "ExpressRequest"
        | "AuthenticatedRequest"
        | "AuthRequest"
        | "RequestWithUser"
        | "GetServerSidePropsContext"
        | "NextPageContext"
        | "APIGatewayProxyEvent"
        | "APIGatewayEvent"
        | "APIGatewayProxyEventV2"
        | "HandlerEvent"
        | "H3Event"
        | "RequestEvent"
        | "BunRequest"
        | "HttpRequest"
        | "ParameterizedContext"
        | "RouterContext" => Some(UNKNOWN.marked(REQUEST)),
        "LoaderFunctionArgs" | "ActionFunctionArgs" | "LoaderArgs" | "ActionArgs" | "MessageEvent" => {
            Some(UNKNOWN.marked(PROPS))
        }
        _ => None,
    }
}

/// What the file's place and the function's export say, as in Next.js.
fn by_place(facts: &Facts<'_, '_>, function: &Function<'_>, index: usize, entry: Id) -> Option<Value> {
    if function.serves || (facts.tree.serves && function.exported && !function.is_method) {
        return Some(Value::tainted(entry));
    }
    let file = facts.path.rsplit('/').next().unwrap_or(facts.path);
    let stem = file.split('.').next().unwrap_or(file);
    let name = function.name.unwrap_or_default();
    if function.exported {
        match (name, index) {
            (
                "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS" | "handler"
                | "lambdaHandler" | "getServerSideProps",
                0,
            ) => {
                return Some(UNKNOWN.marked(REQUEST));
            }
            ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "loader" | "action", _) => {
                return Some(UNKNOWN.marked(PROPS));
            }
            ("generateMetadata", 0) => return Some(UNKNOWN.marked(PROPS)),
            _ => {}
        }
    }
    (function.is_default && index == 0 && matches!(stem, "page" | "layout" | "default"))
        .then(|| UNKNOWN.marked(PROPS))
}

/// What the call says that the function is handed to, such as `app.get("/x", (a, b) => …)`.
fn by_call(facts: &Facts<'_, '_>, id: FunctionId, function: &Function<'_>, index: usize) -> Option<Value> {
    if let Some(target) = facts.put_into.get(&id)
        && let Some(name) = facts.member_name(*target)
    {
        match (name.as_str(), index) {
            ("onmessage" | "onhashchange", 0) => return Some(UNKNOWN.marked(PROPS)),
            ("handler" | "lambdaHandler", 0) => return Some(UNKNOWN.marked(REQUEST)),
            _ => {}
        }
    }
    let &(call, _) = facts.argument_of.get(&id)?;
    let Kind::Call { callee, arguments, .. } = facts.tree.kind(call) else { return None };
    let method = facts.member_name(*callee)?;
    let first = arguments.first().and_then(|it| facts.text(*it));
    match method.as_str() {
        "get" | "post" | "put" | "delete" | "patch" | "all" | "head" | "options" | "route" | "del" => {
            let is_route = first.is_some_and(|it| it.starts_with(['/', '*', ':']) || it.is_empty());
            (is_route && index == request_index(function)).then(|| UNKNOWN.marked(REQUEST))
        }
        "createServer" if index == 0 && function.parameters.len() == 2 => Some(UNKNOWN.marked(REQUEST)),
        "mutation" | "query" | "subscription" if index == 0 => Some(UNKNOWN.marked(PROPS)),
        "addEventListener" if index == 0 && first.as_deref() == Some("message") => {
            Some(UNKNOWN.marked(PROPS))
        }
        "addEventListener" if index == 0 && first.as_deref().is_some_and(|it| it.starts_with("key")) => {
            Some(UNKNOWN.marked(TYPED))
        }
        "on" | "once" | "handle" | "addListener" => message(facts, *callee, first.as_deref(), call, index),
        _ => None,
    }
}

fn request_index(function: &Function<'_>) -> usize {
    usize::from(function.parameters.len() == 4)
}

/// Messages of sockets, of other processes and of other tabs.
fn message(facts: &Facts<'_, '_>, callee: Id, event: Option<&str>, call: Id, index: usize) -> Option<Value> {
    let Kind::Member { object, .. } = *facts.tree.kind(callee) else { return None };
    let name = facts.name(object)?;
    let (_, last) = name.rsplit_once(['.', '~']).unwrap_or(("", &name));
    match last {
        "ipcMain" => (index > 0).then(|| Value::tainted(call)),
        "onMessage" | "onMessageExternal" => (index == 0).then(|| Value::tainted(call)),
        "socket" | "ws" | "sock" | "conn" | "connection" | "peer" | "webSocket" | "websocket" | "client" => {
            let is_own =
                matches!(event, None | Some("connect" | "connection" | "close" | "error" | "open" | "end"));
            (!is_own && (last != "client" || event == Some("message"))).then(|| Value::tainted(call))
        }
        _ => None,
    }
}

/// Names that everybody gives to the same thing.
fn by_name(function: &Function<'_>, parameter: &Parameter<'_>, index: usize, entry: Id) -> Option<Value> {
    match parameter.name {
        Some("req" | "request" | "_req" | "_request")
            if parameter.typed.is_none_or(|it| it.contains("Req") || it == "any") =>
        {
            Some(UNKNOWN.marked(REQUEST))
        }
        Some("ctx") if index == 0 && takes_next(function) => Some(UNKNOWN.marked(REQUEST)),
        Some("args") if index == 1 => {
            let parent = function.parameters.first().and_then(|it| it.name);
            matches!(parent, Some("parent" | "_" | "root" | "obj" | "_parent" | "_root" | "source"))
                .then(|| Value::tainted(entry))
        }
        Some("event")
            if index == 0 && function.exported && function.name.is_some_and(|it| it.contains("andler")) =>
        {
            Some(UNKNOWN.marked(REQUEST))
        }
        None if index == 0 && function.parameters.get(1).and_then(|it| it.name) == Some("res") => {
            Some(UNKNOWN.marked(REQUEST))
        }
        _ => None,
    }
}

fn takes_next(function: &Function<'_>) -> bool {
    function.parameters.get(1).and_then(|it| it.name) == Some("next")
}
