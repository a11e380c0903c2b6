//! A running portal and plain HTTP requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use crate::data::Data;
use crate::tree::Tree;

/// `portal serve`, killed when the test ends.
pub(crate) struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: String,
}

impl Server {
    /// Starts the tree's program and waits until it serves.
    pub(crate) fn start(tree: &Tree, data: &Data) -> Self {
        let mut child = serve(tree, data).stdout(Stdio::piped()).spawn().expect("start the portal");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        while !line.contains("serving build") {
            line.clear();
            assert_ne!(output.read_line(&mut line).expect("read its output"), 0, "the portal ended early");
        }
        let address = line.trim().rsplit(' ').next().expect("an address").to_owned();
        Self { child, output, address }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("connect to the portal");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: portal\r\nConnection: close\r\n\r\n").expect("send");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("receive");
        let code = text.split(' ').nth(1).expect("a status").parse().expect("a number");
        let body = text.split_once("\r\n\r\n").expect("a body").1.to_owned();
        Answer { code, body }
    }

    /// Opens a connection and leaves it idle.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).expect("connect to the portal")
    }

    /// Sends a signal, waits for the end, and answers how it ended and what was left of its output.
    pub(crate) fn stop(mut self, signal: &str) -> (ExitStatus, String) {
        send(signal, &self.child);
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("read its output");
        (self.child.wait().expect("wait for its end"), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is fine here.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The command that serves a tree on a free port.
pub(crate) fn serve(tree: &Tree, data: &Data) -> Command {
    let mut command = tree.program();
    command.arg("serve").env("DATABASE_URL", data.url()).env("PORT", "0");
    command
}

pub(crate) fn send(signal: &str, child: &Child) {
    let (code, output) = crate::run(Command::new("kill").args([signal, &child.id().to_string()]));
    assert_eq!(code, Some(0), "{output}");
}
