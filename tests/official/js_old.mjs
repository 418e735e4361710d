// Runs every auth operation of terra-api 1.4.8 against a server, errors included. See README.md.

import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';

import legacy from 'terra-api-legacy';

import { UNKNOWN_USER, authToken, check, done, ids, login, problem, rejection, setting, strings, user, widgetSession }
  from './checks.mjs';

const url = new URL(setting('TERRA_TEST_URL'));
const devId = setting('TERRA_DEV_ID');
const apiKey = setting('TERRA_API_KEY');
const user_id = setting('TERRA_TEST_USER_ID');
const reference_id = setting('TERRA_TEST_REFERENCE_ID');
const wrongKey = 'wrong-key-not-a-secret';
const client = new legacy.Terra(devId, apiKey, setting('TERRA_SIGNING_SECRET'));

redirect();
const provider = await users();
await widgetSessions();
await authTokens();
await authenticate();
await lists();
await refusals();
await wrongKeys();
await deauthenticate();
done();

/** The client has no setting for its address, so its one host is answered by ours; any other is a mistake. */
function redirect() {
  https.request = ({ hostname, path, method, headers, signal }, ...rest) => {
    assert.equal(hostname, 'api.tryterra.co');
    return http.request({ host: url.hostname, port: url.port, path, method, headers, signal }, ...rest);
  };
}

async function users() {
  const info = await check('userInfo by id shows the user', async () => {
    const info = await client.getUser({ userID: user_id });
    assert.deepEqual([info.status, info.is_authenticated], ['success', true]);
    assert.deepEqual([info.user.user_id, info.user.reference_id], [user_id, reference_id]);
    user(info.user);
    return info;
  });
  await check('userInfo by reference id is a list of users', async () => {
    const found = await client.getUser({ referenceID: reference_id });
    found.forEach(user);
    assert.ok(ids(found).includes(user_id));
    assert.ok(found.every((one) => one.reference_id === reference_id));
  });
  return info.user.provider;
}

async function widgetSessions() {
  const generate = (params) => client.generateWidgetSession(params);
  await check('a widget session without arguments', async () => widgetSession(await generate({})));
  await check('a widget session with every argument', async () => {
    const session = await generate({
      referenceID: 'js-old-widget',
      providers: [provider],
      language: 'fr',
      authSuccessRedirectUrl: 'https://app.example/connected?from=widget',
      authFailureRedirectUrl: 'https://app.example/failed',
      showDisconnect: true,
    });
    widgetSession(session);
    assert.deepEqual(session.warnings ?? [], []);
  });
  await check('a widget session warns about the providers of a list that do not exist', async () => {
    const session = await generate({ providers: [provider, 'NO_SUCH_PROVIDER'] });
    widgetSession(session);
    assert.match(session.warnings.join(), /NO_SUCH_PROVIDER/);
  });
  await check('two widget sessions differ', async () => {
    const [first, second] = [await generate({}), await generate({})];
    assert.notEqual(first.session_id, second.session_id);
    assert.notEqual(first.url, second.url);
  });
}

async function authTokens() {
  await check('an auth token, new each time', async () => {
    const [first, second] = [await client.generateAuthToken(), await client.generateAuthToken()];
    authToken(first);
    authToken(second);
    assert.notEqual(first.token, second.token);
  });
}

async function authenticate() {
  await check('authenticateUser with nothing but the resource, in the body', async () =>
    login(await client.authUser({ resource: provider })));
  const answer = await check('authenticateUser with every argument, resource in lower case', async () => {
    const answer = await client.authUser({
      resource: provider.toLowerCase(),
      referenceId: 'js-old-login',
      language: 'en',
      authSuccessRedirectUrl: 'https://app.example/connected',
      authFailureRedirectUrl: 'https://app.example/failed',
      facilityId: 'a field that no server need know',
    });
    login(answer);
    return answer;
  });
  await check('a user who has not logged in is not authenticated', async () =>
    assert.equal((await client.getUser({ userID: answer.user_id })).is_authenticated, false));
}

async function lists() {
  await check('subscriptions are all users', async () => {
    const { users } = await client.getUsers();
    users.forEach(user);
    assert.ok(ids(users).includes(user_id));
  });
  await check('integrations name the providers without credentials', async () => {
    const answer = await client.getProviders();
    assert.equal(answer.status, 'success');
    strings(answer.providers);
    strings(answer.sdk_providers);
    assert.ok(answer.providers.includes(provider) && answer.sdk_providers.length > 0);
  });
}

/** The client rejects with the server's own body, which is no Error and has no HTTP status. */
async function refused(title, path, call, detail) {
  const body = await rejection(call);
  assert.equal(Object.getPrototypeOf(body), Object.prototype, body);
  problem(body, `/v2/${path}`, detail);
  assert.equal(body.title, title);
  assert.ok(!JSON.stringify(body).includes(wrongKey), body.detail);
}

async function refusals() {
  for (const [name, title, path, call, detail] of [
    ['userInfo of an unknown user', 'not found', 'userInfo',
      () => client.getUser({ userID: UNKNOWN_USER }), 'user not found'],
    ['userInfo of a malformed id', 'bad request', 'userInfo', () => client.getUser({ userID: 'not-an-id' })],
    ['authenticateUser without a resource', 'bad request', 'auth/authenticateUser', () => client.authUser({})],
    ['authenticateUser at a provider that does not exist', 'bad request', 'auth/authenticateUser',
      () => client.authUser({ resource: 'NO_SUCH_PROVIDER' })],
  ]) {
    await check(`${name} is refused, and the client shows why`, () => refused(title, path, call, detail));
  }
}

async function wrongKeys() {
  for (const [whose, stranger] of [
    ['a wrong API key', new legacy.Terra(devId, wrongKey, '')],
    ['a wrong dev-id', new legacy.Terra('nobody-testing-0000000000', apiKey, '')],
  ]) {
    for (const [path, call] of everyOperation(stranger)) {
      const name = `${path.split('/').pop()} with ${whose} is refused, and the client shows why`;
      await check(name, () => refused('unauthorized', path, call));
    }
    await check(`deauthenticateUser with ${whose} resolves and changes nothing`, async () => {
      assert.equal(await stranger.deauthUser(user_id), undefined);
      assert.equal((await client.getUser({ userID: user_id })).is_authenticated, true);
    });
  }
}

function everyOperation(terra) {
  return [
    ['auth/generateWidgetSession', () => terra.generateWidgetSession({})],
    ['auth/generateAuthToken', () => terra.generateAuthToken()],
    ['auth/authenticateUser', () => terra.authUser({ resource: provider })],
    ['userInfo', () => terra.getUser({ userID: user_id })],
    ['subscriptions', () => terra.getUsers()],
  ];
}

async function deauthenticate() {
  await check('deauthenticateUser resolves, and the user is gone', async () => {
    assert.equal(await client.deauthUser(user_id), undefined);
    await refused('not found', 'userInfo', () => client.getUser({ userID: user_id }), 'user not found');
    assert.ok(!ids((await client.getUsers()).users).includes(user_id));
  });
  await check('deauthenticateUser again resolves all the same, as this client does', async () =>
    assert.equal(await client.deauthUser(user_id), undefined));
}
