// One line for each check; the first failure says what was wrong and ends the run with 1.

import assert from 'node:assert/strict';

export const UNKNOWN_USER = '00000000-0000-4000-8000-000000000000';
let passed = 0;

// The older client waits for ever.
setTimeout(() => assert.fail('no end after 120 s'), 120_000).unref();

/** A setting from the environment that must be there. */
export function setting(name) {
  if (process.env[name]) return process.env[name];
  console.error(`${name} is not set: see README.md`);
  process.exit(1);
}

/** Runs one check and returns what it returns. */
export async function check(name, run) {
  try {
    const value = await run();
    passed += 1;
    console.log(`ok ${name}`);
    return value;
  } catch (error) {
    console.error(`FAILED ${name}\n  ${error?.stack ?? JSON.stringify(error)}`);
    process.exit(1);
  }
}

/** Says how many checks passed. */
export function done() {
  console.log(`${passed} checks passed`);
}

export function uuid(text) {
  assert.match(text, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
}

export function absolute(url) {
  const { protocol, pathname } = new URL(url);
  assert.ok(['http:', 'https:'].includes(protocol) && pathname.length > 1, url);
}

export function strings(items) {
  assert.ok(Array.isArray(items) && items.every((item) => typeof item === 'string' && item !== ''), items);
}

/** What the call is rejected with; that it resolves is a failure. */
export async function rejection(call) {
  const outcome = await call().then((answer) => ({ answer }), (error) => ({ error }));
  assert.ok('error' in outcome, `wanted a rejection, got the answer ${JSON.stringify(outcome.answer)}`);
  return outcome.error;
}

/** A problem with all its fields, about a request to `path`, that says what is wrong in both places clients look. */
export function problem(body, path, detail = body?.detail) {
  assert.equal(body?.status, 'error', `not a problem: ${JSON.stringify(body)}`);
  strings(['type', 'title', 'instance', 'detail', 'message'].map((field) => body[field]));
  assert.equal(body.title, body.title.toLowerCase());
  assert.equal(body.instance.split('?')[0], path);
  assert.deepEqual([body.detail, body.message], [detail, detail]);
}

export function widgetSession(session) {
  assert.equal(session.status, 'success');
  uuid(session.session_id);
  absolute(session.url);
  assert.equal(session.expires_in, 900);
}

export function authToken(answer) {
  assert.equal(answer.status, 'success');
  assert.equal(answer.expires_in, 180);
  assert.match(answer.token, /^[0-9a-f]{64}$/);
}

export function login(answer) {
  assert.equal(answer.status, 'success');
  uuid(answer.user_id);
  absolute(answer.auth_url);
}

/** A user with every field there: the Java client needs some that may be null. */
export function user(shown) {
  uuid(shown.user_id);
  assert.match(shown.provider, /^[A-Z0-9_]+$/);
  for (const field of ['created_at', 'last_webhook_update', 'scopes', 'reference_id']) {
    assert.ok(shown[field] === null || (typeof shown[field] === 'string' && shown[field] !== ''), field);
  }
  assert.ok([true, false, null].includes(shown.active), 'active');
}

export const ids = (users) => users.map((one) => one.user_id);
