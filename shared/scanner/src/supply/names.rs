//! Names that look like another, better known one.

/// Packages that very many use, and that therefore are imitated.
const KNOWN: &[&str] = &[
    "@angular/core",
    "@apollo/client",
    "@aws-sdk/client-s3",
    "@babel/core",
    "@babel/preset-env",
    "@babel/runtime",
    "@emotion/react",
    "@emotion/styled",
    "@eslint/js",
    "@faker-js/faker",
    "@hookform/resolvers",
    "@jest/globals",
    "@mui/material",
    "@nestjs/common",
    "@nestjs/core",
    "@octokit/rest",
    "@playwright/test",
    "@prisma/client",
    "@reduxjs/toolkit",
    "@sentry/nextjs",
    "@sentry/node",
    "@stripe/stripe-js",
    "@supabase/supabase-js",
    "@tailwindcss/forms",
    "@tailwindcss/typography",
    "@tanstack/react-query",
    "@testing-library/react",
    "@types/express",
    "@types/node",
    "@types/react",
    "@typescript-eslint/parser",
    "@vercel/analytics",
    "@vitejs/plugin-react",
    "acorn",
    "ajv",
    "apollo-server",
    "archiver",
    "argon2",
    "async",
    "autoprefixer",
    "aws-sdk",
    "axios",
    "babel-cli",
    "babel-core",
    "babel-jest",
    "babel-loader",
    "bcrypt",
    "bcryptjs",
    "better-sqlite3",
    "bignumber.js",
    "bluebird",
    "body-parser",
    "bootstrap",
    "browserify",
    "browserslist",
    "bullmq",
    "canvas",
    "chalk",
    "chai",
    "cheerio",
    "chokidar",
    "classnames",
    "clsx",
    "colors",
    "commander",
    "compression",
    "concurrently",
    "connect",
    "cookie",
    "cookie-parser",
    "cors",
    "cross-env",
    "cross-fetch",
    "cross-spawn",
    "crypto-js",
    "css-loader",
    "csv-parse",
    "cypress",
    "date-fns",
    "dayjs",
    "debug",
    "decimal.js",
    "discord.js",
    "dompurify",
    "dotenv",
    "drizzle-kit",
    "drizzle-orm",
    "ejs",
    "electron",
    "electron-builder",
    "ember-cli",
    "esbuild",
    "eslint",
    "eslint-config-next",
    "eslint-config-prettier",
    "eslint-plugin-import",
    "eslint-plugin-react",
    "ethers",
    "event-stream",
    "eventemitter3",
    "execa",
    "express",
    "express-rate-limit",
    "express-session",
    "express-validator",
    "fast-glob",
    "fastify",
    "file-type",
    "firebase",
    "firebase-admin",
    "form-data",
    "formidable",
    "framer-motion",
    "fs-extra",
    "glob",
    "globby",
    "googleapis",
    "got",
    "graphql",
    "gulp",
    "handlebars",
    "helmet",
    "highlight.js",
    "html-webpack-plugin",
    "http-proxy",
    "http-server",
    "husky",
    "i18next",
    "immer",
    "immutable",
    "inquirer",
    "ioredis",
    "jasmine",
    "jest",
    "jimp",
    "jquery",
    "js-cookie",
    "js-yaml",
    "jsdom",
    "jsonwebtoken",
    "jszip",
    "karma",
    "knex",
    "koa",
    "lint-staged",
    "lodash",
    "lodash-es",
    "lru-cache",
    "lucide-react",
    "luxon",
    "mariadb",
    "marked",
    "minimatch",
    "minimist",
    "mkdirp",
    "mocha",
    "moment",
    "moment-timezone",
    "mongodb",
    "mongoose",
    "morgan",
    "multer",
    "mysql",
    "mysql2",
    "nanoid",
    "nest-cli",
    "next",
    "next-auth",
    "next-intl",
    "next-themes",
    "node-fetch",
    "node-cron",
    "node-gyp",
    "node-sass",
    "nodemailer",
    "nodemon",
    "nuxt",
    "openai",
    "passport",
    "passport-jwt",
    "passport-local",
    "pdf-lib",
    "pdfkit",
    "pino",
    "playwright",
    "postcss",
    "posthog-js",
    "preact",
    "prettier",
    "prisma",
    "prompts",
    "prop-types",
    "puppeteer",
    "query-string",
    "ramda",
    "react",
    "react-dom",
    "react-dropzone",
    "react-hook-form",
    "react-icons",
    "react-native",
    "react-query",
    "react-redux",
    "react-router",
    "react-router-dom",
    "react-scripts",
    "react-select",
    "react-table",
    "recharts",
    "redis",
    "redux",
    "redux-thunk",
    "reflect-metadata",
    "request",
    "rimraf",
    "rollup",
    "rxjs",
    "sass",
    "sass-loader",
    "semver",
    "sequelize",
    "serialport",
    "sharp",
    "shelljs",
    "sinon",
    "slugify",
    "socket.io",
    "socket.io-client",
    "solid-js",
    "sqlite3",
    "storybook",
    "stripe",
    "styled-components",
    "stylelint",
    "superagent",
    "supertest",
    "svelte",
    "swiper",
    "swr",
    "tailwind-merge",
    "tailwindcss",
    "terser",
    "three",
    "through2",
    "tough-cookie",
    "ts-jest",
    "ts-loader",
    "ts-node",
    "tslib",
    "tslint",
    "turbo",
    "twilio",
    "type-fest",
    "typeorm",
    "typescript",
    "ua-parser-js",
    "uglify-js",
    "underscore",
    "undici",
    "uuid",
    "validator",
    "vercel",
    "vite",
    "vitest",
    "vue",
    "vue-router",
    "vuex",
    "web3",
    "webpack",
    "webpack-cli",
    "webpack-dev-server",
    "winston",
    "ws",
    "xml2js",
    "yargs",
    "yup",
    "zod",
    "zustand",
];

/// Shorter names have too many neighbours by chance.
const SHORTEST: usize = 5;

/// Names of at least this length may differ in two letters.
const LONG: usize = 9;

/// The longest name that is compared.
const LONGEST: usize = 64;

/// The known name that this one can be mistaken for, if it is not known itself.
pub(super) fn mistaken<'a>(name: &str, also_known: impl Iterator<Item = &'a str>) -> Option<&'a str>
where
    'static: 'a,
{
    if KNOWN.contains(&name) || name.len() > LONGEST {
        return None;
    }
    KNOWN.iter().copied().chain(also_known).find(|known| *known != name && is_near(name, known))
}

fn is_near(name: &str, known: &str) -> bool {
    if known.len() < SHORTEST || known.len() > LONGEST || name.len().abs_diff(known.len()) > 2 {
        return false;
    }
    // The same scope: whoever owns it owns both.
    if let (Some((a, _)), Some((b, _))) = (name.split_once('/'), known.split_once('/'))
        && a == b
    {
        return false;
    }
    let squeezed = |it: &str| it.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect::<String>();
    if squeezed(name) == squeezed(known) {
        return true;
    }
    let allowed = if known.len() >= LONG { 2 } else { 1 };
    distance(name.as_bytes(), known.as_bytes()) <= allowed
}

/// How many letters differ, are missing, are too many, or have changed places.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let width = b.len() + 1;
    let mut table = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (table[(i - 1) * width + j - 1] + same)
                    .min(table[(i - 1) * width + j] + 1)
                    .min(table[i * width + j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(table[(i - 2) * width + j - 2] + 1);
                }
                best
            };
        }
    }
    table[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::mistaken;

    #[test]
    fn look_alikes_are_found_and_neighbours_are_not() {
        for (name, expected) in [
            ("lodahs", Some("lodash")),
            ("crossenv", Some("cross-env")),
            ("expresss", Some("express")),
            ("reacct", Some("react")),
            ("mongose", Some("mongoose")),
            ("@bable/core", Some("@babel/core")),
            ("@prisma/client", None),
            ("@types/react-dom", None),
            ("preact", None),
            ("zod", None),
            ("left-pad", None),
        ] {
            assert_eq!(mistaken(name, std::iter::empty()), expected, "{name}");
        }
        assert_eq!(mistaken("acme-toolz", ["acme-tools"].into_iter()), Some("acme-tools"));
    }
}
