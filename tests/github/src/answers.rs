//! What the server does and answers, operation by operation.

mod pulls;
mod repositories;

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::description::{Operation, Parts};
use crate::git::{Commit, Line};
use crate::state::{Comment, State, Status};
use repositories::Place;

/// A question that was understood.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) operation: Operation,
    pub(crate) parts: Parts,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) api: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// Where a list goes on.
    pub(crate) next: Option<String>,
}

/// A refusal as GitHub words it.
pub(crate) fn refusal(status: u16, message: &str) -> Answer {
    Answer {
        status,
        body: json!({ "message": message, "documentation_url": "https://docs.github.com" }),
        next: None,
    }
}

impl Question {
    fn part(&self, name: &str) -> &str {
        &self.parts[name]
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> usize {
        self.parts[name].parse().unwrap_or(usize::MAX)
    }

    /// A text of the body; empty if it is not there.
    fn text(&self, pointer: &str) -> &str {
        self.body.as_ref().and_then(|it| it.pointer(pointer)?.as_str()).unwrap_or_default()
    }

    /// GitHub's example with what is true here.
    fn good(&self, status: u16, truth: Value) -> Answer {
        let mut body = self.operation.example(status);
        lay_over(&mut body, truth);
        Answer { status, body, next: None }
    }

    /// One page of a list whose items are the example's first with what is true here.
    fn page(&self, state: &State, truths: Vec<Value>) -> Answer {
        let example = self.operation.example(200)[0].clone();
        let asked = |name, usual| self.parameter(name).and_then(|it| it.parse().ok()).unwrap_or(usual);
        let (page, size) = (asked("page", 1_usize), asked("per_page", 30).min(state.page_max));
        let count = truths.len();
        let items = truths.into_iter().skip((page - 1) * size).take(size).map(|truth| {
            let mut item = example.clone();
            lay_over(&mut item, truth);
            item
        });
        let body = Value::Array(items.collect());
        let others = self.query.iter().filter(|(name, _)| name != "page");
        let others: Vec<_> = others.map(|(name, value)| format!("{name}={value}&")).collect();
        let path = self.operation.path(&self.parts);
        let next =
            (page * size < count).then(|| format!("{}{path}?{}page={}", self.api, others.concat(), page + 1));
        Answer { status: 200, body, next }
    }
}

/// Objects are laid over one another; all else takes the other's place.
fn lay_over(example: &mut Value, truth: Value) {
    match (example, truth) {
        (Value::Object(example), Value::Object(truth)) => {
            for (name, value) in truth {
                lay_over(example.entry(name).or_insert(Value::Null), value);
            }
        }
        (example, truth) => *example = truth,
    }
}

impl State {
    /// Does what is asked.
    pub(crate) fn answer(&mut self, question: &Question) -> Answer {
        if question.operation.name() == "users/get-authenticated" {
            return Self::user(question);
        }
        let place = self.place(question.part("owner"), question.part("repo"));
        match place.filter(|it| *it != Place::Upstream || self.may(question.operation.name())) {
            Some(place) => self.answer_at(question, place),
            // GitHub does not tell whoever may not write that there is something to write to.
            None => refusal(404, "Not Found"),
        }
    }

    /// Whether the token may do this in the upstream.
    fn may(&self, operation: &str) -> bool {
        let is_writing = ["git/create-", "repos/create-commit-status", "pulls/merge"];
        self.may_push || !is_writing.iter().any(|it| operation.starts_with(it))
    }

    fn answer_at(&mut self, question: &Question, place: Place) -> Answer {
        match question.operation.name() {
            "repos/get" => self.repository(question, place),
            "repos/create-fork" => self.create_fork(question),
            "repos/merge-upstream" => self.merge_upstream(question, place),
            "git/get-ref" => self.reference(question, place),
            "git/create-ref" => self.create_reference(question, place),
            "git/get-commit" => self.commit(question, place),
            "git/create-commit" => self.create_commit(question, place),
            "git/get-tree" => self.tree(question, place),
            "git/create-tree" => self.create_tree(question, place),
            "git/create-blob" => self.create_blob(question, place),
            "repos/compare-commits-with-basehead" => self.compare(question, place),
            "pulls/list" => self.list_pulls(question),
            "pulls/create" => self.create_pull(question),
            "pulls/get" => self.pull(question, 200, question.number("pull_number")),
            "pulls/update" => self.update_pull(question),
            "pulls/merge" => self.merge_pull(question),
            "issues/add-labels" => self.add_labels(question),
            "issues/list-comments" => self.list_comments(question),
            "issues/create-comment" => self.create_comment(question),
            "issues/update-comment" => self.update_comment(question),
            "repos/create-commit-status" => self.create_status(question, place),
            "repos/get-combined-status-for-ref" => self.combined_status(question, place),
            other => unreachable!("{other} is described and not done"),
        }
    }

    fn reference(&mut self, question: &Question, place: Place) -> Answer {
        if let Place::Fork(index) = place
            && self.forks[index].is_empty_still()
        {
            return refusal(409, "Git Repository is empty.");
        }
        let name = question.part("ref");
        match name.strip_prefix("heads/").and_then(|it| self.store(place).branch(it)) {
            Some(id) => question.good(200, json!({ "ref": format!("refs/{name}"), "object": { "sha": id } })),
            None => refusal(404, "Not Found"),
        }
    }

    fn create_reference(&self, question: &Question, place: Place) -> Answer {
        let (name, id) = (question.text("/ref"), question.text("/sha"));
        let branch = name.strip_prefix("refs/heads/").unwrap_or_default();
        if branch.is_empty() || !self.store(place).has(id) {
            return refusal(422, "Object does not exist");
        }
        if self.store(place).branch(branch).is_some() {
            return refusal(422, "Reference already exists");
        }
        self.store(place).set_branch(branch, id);
        question.good(201, json!({ "ref": name, "object": { "sha": id } }))
    }

    fn commit(&self, question: &Question, place: Place) -> Answer {
        self.shown_commit(question, place, 200, question.part("commit_sha"))
    }

    fn shown_commit(&self, question: &Question, place: Place, status: u16, id: &str) -> Answer {
        let Some(commit) = self.store(place).read_commit(id) else {
            return refusal(404, "Not Found");
        };
        let url = "https://api.github.com/x";
        let parents = commit.parents.iter().map(|id| json!({ "sha": id, "url": url, "html_url": url }));
        let who = |[name, email, date]: &[String; 3]| json!({ "name": name, "email": email, "date": date });
        question.good(
            status,
            json!({
                "sha": id, "message": commit.message, "tree": { "sha": commit.tree },
                "parents": parents.collect::<Vec<_>>(),
                "author": who(&commit.author), "committer": who(&commit.committer),
            }),
        )
    }

    fn create_commit(&self, question: &Question, place: Place) -> Answer {
        let who = |place: &str| {
            ["name", "email", "date"].map(|field| question.text(&format!("/{place}/{field}")).to_owned())
        };
        let parents = question.body.as_ref().and_then(|it| it["parents"].as_array());
        let parents = parents.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let commit = Commit {
            tree: question.text("/tree").to_owned(),
            parents: parents.collect(),
            author: who("author"),
            committer: who("committer"),
            message: question.text("/message").to_owned(),
        };
        if !self.store(place).has(&commit.tree) || !commit.parents.iter().all(|it| self.store(place).has(it))
        {
            return refusal(422, "Tree SHA does not exist");
        }
        let made = self.store(place).commit(&commit);
        self.shown_commit(question, place, 201, &made)
    }

    fn tree(&self, question: &Question, place: Place) -> Answer {
        let id = question.part("tree_sha");
        match self.store(place).tree(id, question.parameter("recursive").is_some()) {
            Some(lines) => self.shown_tree(question, 200, id, lines),
            None => refusal(404, "Not Found"),
        }
    }

    fn shown_tree(&self, question: &Question, status: u16, id: &str, mut lines: Vec<Line>) -> Answer {
        let is_truncated = question.parameter("recursive").is_some() && lines.len() > self.tree_max;
        lines.truncate(if is_truncated { self.tree_max } else { usize::MAX });
        let lines = lines.into_iter().map(|(mode, kind, id, path)| {
            json!({ "path": path, "mode": mode, "type": kind, "sha": id, "url": "https://api.github.com/x" })
        });
        question
            .good(status, json!({ "sha": id, "tree": lines.collect::<Vec<_>>(), "truncated": is_truncated }))
    }

    fn create_tree(&self, question: &Question, place: Place) -> Answer {
        let store = self.store(place);
        let lines = question.body.as_ref().and_then(|it| it["tree"].as_array()).into_iter().flatten();
        // What comes along is there; what is only named has to be.
        let lines = lines.map(|line| {
            let text = |name: &str| line[name].as_str().map(str::to_owned);
            let id = match (text("content"), text("sha")) {
                (Some(content), _) => Some(store.blob(content.as_bytes())),
                (None, Some(id)) if !store.has(&id) => return None,
                (None, id) => id,
            };
            Some((text("mode").unwrap_or_default(), id, text("path").unwrap_or_default()))
        });
        let Some(lines) = lines.collect::<Option<Vec<_>>>() else {
            return refusal(422, "tree.sha is not a valid SHA");
        };
        let made = store.change_tree(question.text("/base_tree"), &lines);
        match made.and_then(|id| Some((store.tree(&id, false)?, id))) {
            Some((lines, id)) => self.shown_tree(question, 201, &id, lines),
            None => refusal(422, "GitRPC::BadObjectState"),
        }
    }

    fn create_blob(&self, question: &Question, place: Place) -> Answer {
        let content = question.text("/content");
        let bytes = if question.text("/encoding") == "base64" {
            BASE64.decode(content.as_bytes()).ok()
        } else {
            Some(content.as_bytes().to_vec())
        };
        match bytes {
            Some(bytes) => question.good(201, json!({ "sha": self.store(place).blob(&bytes) })),
            None => refusal(422, "content is not valid Base64"),
        }
    }

    fn compare(&self, question: &Question, place: Place) -> Answer {
        let id = |name: &str| {
            self.store(place).branch(name).or_else(|| self.store(place).has(name).then(|| name.to_owned()))
        };
        let sides = question.part("basehead").split_once("...");
        let Some((old, new)) = sides.and_then(|(old, new)| Some((id(old)?, id(new)?))) else {
            return refusal(404, "Not Found");
        };
        let status =
            match (self.store(place).is_ancestor(&old, &new), self.store(place).is_ancestor(&new, &old)) {
                (true, true) => "identical",
                (true, false) => "ahead",
                (false, true) => "behind",
                (false, false) => "diverged",
            };
        question.good(200, json!({ "status": status }))
    }

    fn add_labels(&mut self, question: &Question) -> Answer {
        let index = question.number("issue_number").wrapping_sub(1);
        let (may_label, pull) = (self.may_label, self.pulls.get_mut(index));
        let Some(pull) = pull.filter(|_| may_label) else {
            return refusal(404, "Not Found");
        };
        let names = question.body.as_ref().and_then(|it| it["labels"].as_array()).into_iter().flatten();
        pull.labels.extend(names.filter_map(Value::as_str).map(str::to_owned));
        let truths = pull.labels.iter().map(|name| json!({ "name": name })).collect();
        question.page(self, truths)
    }

    fn shown_comment(index: usize, comment: &Comment) -> Value {
        json!({ "id": index + 1, "body": comment.body })
    }

    fn list_comments(&self, question: &Question) -> Answer {
        let pull = question.number("issue_number");
        let of_pull = self.comments.iter().enumerate().filter(|(_, it)| it.pull == pull);
        question.page(self, of_pull.map(|(index, it)| Self::shown_comment(index, it)).collect())
    }

    fn create_comment(&mut self, question: &Question) -> Answer {
        let (pull, body) = (question.number("issue_number"), question.text("/body").to_owned());
        let comment = Comment { pull, body, is_own: true };
        let truth = Self::shown_comment(self.comments.len(), &comment);
        self.comments.push(comment);
        question.good(201, truth)
    }

    fn update_comment(&mut self, question: &Question) -> Answer {
        let index = question.number("comment_id").wrapping_sub(1);
        match self.comments.get_mut(index) {
            Some(comment) if comment.is_own => {
                question.text("/body").clone_into(&mut comment.body);
                question.good(200, Self::shown_comment(index, comment))
            }
            Some(_) => refusal(403, "Resource not accessible by personal access token"),
            None => refusal(404, "Not Found"),
        }
    }

    fn create_status(&mut self, question: &Question, place: Place) -> Answer {
        let text = |name: &str| question.text(name).to_owned();
        let status = Status {
            repository: self.name(place),
            commit: question.part("sha").to_owned(),
            context: text("/context"),
            state: text("/state"),
            description: text("/description"),
        };
        let truth = shown_status(&status);
        self.statuses.push(status);
        question.good(201, truth)
    }

    fn combined_status(&self, question: &Question, place: Place) -> Answer {
        let (commit, repository) = (question.part("ref"), self.name(place));
        let of_commit = |it: &&Status| it.commit == commit && it.repository == repository;
        let mut latest: Vec<&Status> = Vec::new();
        for status in self.statuses.iter().rev().filter(of_commit) {
            if !latest.iter().any(|it| it.context.eq_ignore_ascii_case(&status.context)) {
                latest.push(status);
            }
        }
        let example = question.operation.example(200)["statuses"][0].clone();
        let asked = |name, usual| question.parameter(name).and_then(|it| it.parse().ok()).unwrap_or(usual);
        let (page, size) = (asked("page", 1_usize), asked("per_page", 30).min(self.page_max));
        let shown = latest.iter().skip((page - 1) * size).take(size).map(|status| {
            let mut item = example.clone();
            lay_over(&mut item, shown_status(status));
            item
        });
        let statuses: Vec<_> = shown.collect();
        question.good(200, json!({ "sha": commit, "statuses": statuses, "total_count": latest.len() }))
    }
}

fn shown_status(status: &Status) -> Value {
    json!({ "context": status.context, "state": status.state, "description": status.description })
}
