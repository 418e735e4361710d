// Runs the operations of the commissioning guide on terra-api 2.1.0, unmodified. See README.md.
// The SDK has all six; what the guide shows in Python only (dotenv's loader, curl) is in document.py.

import assert from 'node:assert/strict';
import path from 'node:path';

import { TerraClient, TerraError } from 'terra-api';

import { absolute, check, rejection, setting, uuid } from './checks.mjs';

const folder = setting('TERRA_TEST_FOLDER');
const user_id = setting('TERRA_TEST_USER_ID');
const OPERATIONS = 6;
let operations = 0;

const operation = (name, run) => {
  operations += 1;
  return check(`${operations}/${OPERATIONS} ${name}`, run);
};

const client = await operation('setup-environment', () => {
  assert.equal(process.env.TERRA_DEV_ID, undefined, 'the keys must come from the file');
  process.loadEnvFile(path.join(folder, '.env.terra.testing'));
  const { TERRA_API_URL: baseUrl, TERRA_DEV_ID: devId, TERRA_API_KEY: apiKey } = process.env;
  return new TerraClient({ baseUrl, devId, apiKey });
});

const names = await operation('verify-connection', async () => {
  const { integrations, providers, sdk_providers } = await client.integrations.fetch();
  assert.ok(integrations.length > 10);
  assert.equal(integrations.length, providers.length + sdk_providers.length);
  console.log(`Connected! ${integrations.length} providers available`);
  return integrations;
});

await operation('generate-widget-session', async () => {
  for (const providers of [undefined, ['FITBIT', 'GARMIN'], 'FITBIT,GARMIN']) {
    const before = Date.now();
    const session = await client.authentication.generatewidgetsession({
      reference_id: 'document-2',
      auth_success_redirect_url: 'https://app.example/connected',
      auth_failure_redirect_url: 'https://app.example/failed',
      providers,
    });
    absolute(session.url);
    uuid(session.session_id);
    assert.match(session.expires_at, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
    const minutes = (Date.parse(session.expires_at) - before) / 60_000;
    assert.ok(minutes > 14 && minutes < 15.1, minutes);
    assert.equal(/comma-separated/.test(session.warnings?.join()), Array.isArray(providers));
  }
});

await operation('generate-mobile-token', async () => {
  const generate = async () => (await client.authentication.generateauthtoken()).token;
  const [first, second] = [await generate(), await generate()];
  assert.match(first, /^[0-9a-f]{64}$/);
  assert.notEqual(first, second);
});

await operation('list-integrations', async () => {
  const { integrations } = await client.integrations.fetch();
  assert.deepEqual(integrations, names);
  for (const one of integrations) {
    assert.deepEqual(Object.keys(one).sort(), ['logo_url', 'name', 'resource']);
    assert.match(one.resource, /^[A-Z0-9_]+$/);
    assert.ok(one.name);
    absolute(one.logo_url);
    const logo = await fetch(one.logo_url);
    assert.equal(logo.status, 200);
    assert.match(logo.headers.get('content-type'), /^image\//);
  }
});

await operation('deauthenticate-user', async () => {
  assert.equal((await client.authentication.deauthenticateuser({ user_id })).success, true);
  const error = await rejection(() => client.user.getinfoforuserid({ user_id }));
  assert.ok(error instanceof TerraError && error.statusCode === 404, error);
});

console.log(`${operations} of ${OPERATIONS} operations work on terra-api 2.1.0`);
