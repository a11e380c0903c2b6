use super::*;

#[track_caller]
fn check(path: &str, text: &str, expected: &[(&str, Verdict)]) {
    let seen = crate::sighting::strongest(look(Source { path, text }));
    let found: Vec<_> =
        seen.iter().map(|it| (it.rule, it.verdict)).filter(|(_, it)| *it > Verdict::Note).collect();
    assert_eq!(found, expected, "{path}: {text}");
}

const PASSWORD: (&str, Verdict) = ("hardcoded-password", Verdict::Block);
const WEAK: (&str, Verdict) = ("hardcoded-password", Verdict::Review);
const KEY: (&str, Verdict) = ("hardcoded-secret", Verdict::Block);
const LINK: (&str, Verdict) = ("password-in-address", Verdict::Block);

/// Made for these tests, in pieces.
fn strong() -> String {
    ["q7!Vd2", "mZp9xLw"].concat()
}

fn key() -> String {
    ["q7Vd2mZp9xLwT4n", "R8wL1pZ6cY3dF5"].concat()
}

#[test]
fn a_password_beside_its_name_is_found_in_every_kind_of_file() {
    let p = strong();
    let table = [
        ("src/db.ts", format!("const password = \"{p}\";")),
        ("src/db.ts", format!("connect({{ user: 'app', password: '{p}' }})")),
        ("src/db.ts", format!("private readonly dbPassword: string = `{p}`;")),
        ("src/db.ts", format!("if (input.password === '{p}') {{")),
        ("db.py", format!("PASSWORD = u'{p}'")),
        ("db.json", format!("{{\"password\": \"{p}\"}}")),
        ("app.yml", format!("db:\n  password: {p}\n")),
        ("app.yml", format!("db:\n  password: \"{p}\"\n")),
        (".env", format!("DB_PASSWORD={p}\n")),
        ("app.properties", format!("spring.datasource.password={p}\n")),
        ("a.ini", format!("pwd = {p}\n")),
        ("a.xml", format!("<password>{p}</password>")),
        ("A.java", format!("config.put(\"password\", \"{p}\");")),
        ("A.java", format!("ds.setPassword(\"{p}\");")),
        ("a.rb", format!("  'password' => '{p}',")),
        ("Dockerfile", format!("ENV DB_PASSWORD={p}\n")),
        ("deploy.sh", format!("export DB_PASS={p}\n")),
        ("a.sql", format!("alter role app password = '{p}';")),
    ];
    for (path, text) in table {
        check(path, &text, &[PASSWORD]);
    }
    check("src/db.ts", "const password = 'zebra77x';", &[WEAK]);
}

#[test]
fn what_only_stands_where_a_password_would_is_silent() {
    let table = [
        "const password = process.env.DB_PASSWORD;",
        "const password = process.env.DB_PASSWORD || 'Adm1n!234';",
        "password: string;",
        "const labels = { password: 'Password', newPassword: 'New password' };",
        "const labels = { password: 'auth.errors.wrong-password' };",
        "<input type=\"password\" name=\"password\" />",
        "const password = '<your password>';",
        "const password = '${DB_PASSWORD}';",
        "const passwordField = '#pass1-word';",
        "password: 'changeme1'",
        "password: await hash(input.password, 10)",
        "['username', 'password', 'email2']",
        "password: \"$2b$10$abcdefghijklmnopqrstuv\"",
        "const token = getToken('access_token1');",
        "if (password == null) {",
        "apiKey: 'NEXT_PUBLIC_API_KEY_2'",
        "const nextPageToken = 'q7Vd2mZp9xLwT4nR8wL1pZ6c';",
        "password = \"Bearer \" + token",
        "url: 'https://example.com/reset-password?token=1'",
    ];
    for text in table {
        check("src/a.ts", text, &[]);
    }
    check("src/env.ts", "PASSWORD: z.string().optional(),\n", &[]);
    check("compose.yml", "PASSWORD: ${DB_PASSWORD:-dpf_dev1}\n", &[]);
    check("app.yml", "access_token: qb-access-token-123\n", &[]);
    for text in [
        "password: ${{ secrets.DB_PASSWORD }}\n",
        "password: !vault x1\n",
        "password: string\n",
        "password: \"\"\n",
        "id-token: write\n",
    ] {
        check("a.yml", text, &[]);
    }
}

#[test]
fn keys_are_long_and_random() {
    let k = key();
    for text in [
        format!("const apiKey = '{k}';"),
        format!("{{ clientSecret: \"{k}\" }}"),
        format!("export const JWT_SECRET = '{k}'"),
        format!("headers: {{ 'x-api-key': '{k}' }}"),
    ] {
        check("src/a.ts", &text, &[KEY]);
    }
    for text in
        ["apiKey: 'short1'", "const accessToken = 'access_token_storage'", "secret: 'the-name-of-secret'"]
    {
        check("src/a.ts", text, &[]);
    }
}

#[test]
fn samples_of_tests_are_silent() {
    check("src/login.test.ts", "const password = 'Passw0rd!1';", &[]);
    check("src/a.ts", "const password = 'Test1234!';", &[]);
    check("src/a.ts", "key = 'AKIAIOSFODNN7EXAMPLE'", &[]);
}

#[test]
fn what_calls_itself_a_sample_is_silent() {
    let (p, k) = (strong(), key());
    let text =
        |name: &str| format!("export const {name} = [\n  {{ token: '{k}', passcode: 'aB3dE9fG' }},\n];\n");
    for name in ["samples", "mockUsers: User[]", "FIXTURES"] {
        check("src/catalogue.ts", &text(name), &[]);
    }
    check("src/catalogue.ts", &text("settings"), &[KEY, PASSWORD]);
    let after = format!("const samples = [\n  1,\n];\nconst password = '{p}';\n");
    check("src/a.ts", &after, &[PASSWORD]);
}

#[test]
fn what_a_secret_is_asked_for_by_is_silent() {
    let k = key();
    check("src/a.ts", &format!("const token = await wait.retrieveToken('{k}');"), &[]);
    check("src/a.ts", &format!("client.setToken('{k}');"), &[KEY]);
}

#[test]
fn passwords_in_addresses_are_found() {
    let p = strong();
    check("src/a.ts", &format!("connect('postgres://app:{p}@db.internal.io:5432/x')"), &[LINK]);
    for text in [
        "postgres://user:password@localhost:5432/x",
        "postgres://postgres:postgres@db:5432/x",
        "https://user:${TOKEN}@github.com/x",
        "redis://:<password>@host",
        "mongodb://u:p@h",
        "https://example.com:8080/a@b",
    ] {
        check("src/a.ts", &format!("const u = '{text}';"), &[]);
    }
}

#[test]
fn what_is_encoded_is_looked_at_again() {
    let plain = format!("const t = \"ghp_{}\";", "x7Kq2mV9bT4nR8wL1pZ6cY3dF5hJ0sAgEu2W");
    let once = data_encoding::BASE64.encode(plain.as_bytes());
    let twice = data_encoding::BASE64.encode(format!("x = '{once}'").as_bytes());
    let hex = data_encoding::HEXLOWER.encode(plain.as_bytes());
    let escaped = plain.bytes().map(|it| format!("\\x{it:02x}")).collect::<Vec<_>>().concat();
    for text in [once, twice, hex, escaped] {
        check("src/a.ts", &format!("const a = '{text}';"), &[("github-pat", Verdict::Block)]);
    }
    let hidden = data_encoding::BASE64.encode(b"require('child_process').execSync('id')");
    check("src/a.ts", &format!("run(atob('{hidden}'))"), &[("obfuscated.encoded-code", Verdict::Block)]);
}

#[test]
fn forms_are_looked_at_whole() {
    let token = ["glsoat-", "q7Vd2mZp9xLwT4nR8wL1"].concat();
    check("src/a.ts", &format!("const a = '{token}';"), &[("gitlab-scim-token", Verdict::Block)]);
    check("src/a.ts", &format!("const a = '{token}_and_more';"), &[]);
    let body = ".eyJzdWIiOiI4MTIzNjQ3IiwibmFtZSI6IkFubiJ9.k3J9xQ2mZp7VtLw8RnYb4cD6fGhS1aEu5iOqTzXvNs0";
    let head = data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    check("src/a.ts", &format!("const a = '{head}{body}';"), &[("jwt", Verdict::Review)]);
    check("src/a.ts", &format!("const a = 'eyJhbasdGciOiJIUaddasdasfsasdasdzI1{body}';"), &[]);
}

#[test]
fn a_secret_never_leaves() {
    let p = strong();
    let text = format!("const password = \"{p}\"; connect('postgres://app:{p}@db.internal.io/x')");
    for sighting in look(Source { path: "src/a.ts", text: &text }) {
        assert!(!sighting.message.contains(&p) && !sighting.remedy.contains(&p));
        assert!(!format!("{sighting:?}").contains(&p), "not even for debugging");
    }
}
