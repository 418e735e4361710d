// Runs every auth operation of terra-api 2.1.0 against a server, errors included. See README.md.

import assert from 'node:assert/strict';

import { Terra, TerraClient, TerraError } from 'terra-api';

import { UNKNOWN_USER, authToken, check, done, ids, login, problem, rejection, setting, strings, user, widgetSession }
  from './checks.mjs';

const url = setting('TERRA_TEST_URL');
const keys = { devId: setting('TERRA_DEV_ID'), apiKey: setting('TERRA_API_KEY') };
const user_id = setting('TERRA_TEST_USER_ID');
const reference_id = setting('TERRA_TEST_REFERENCE_ID');
const wrongKey = 'wrong-key-not-a-secret';
const client = new TerraClient({ baseUrl: `${url}/v2`, ...keys });

const provider = await users();
await widgetSessions();
await authTokens();
await authenticate();
await subscriptions();
await integrations();
await refusals();
await wrongKeys();
await deauthenticate();
done();

async function users() {
  const info = await check('userInfo by id shows the user', async () => {
    const info = await client.user.getinfoforuserid({ user_id });
    assert.deepEqual([info.status, info.is_authenticated], ['success', true]);
    assert.deepEqual([info.user.user_id, info.user.reference_id], [user_id, reference_id]);
    user(info.user);
    return info;
  });
  await check('userInfo by reference id is a list of users', async () => {
    const found = await client.user.getinfoforuserid({ reference_id });
    found.forEach(user);
    assert.ok(ids(found).includes(user_id));
    assert.ok(found.every((one) => one.reference_id === reference_id));
  });
  await check('bulkUserInfo is a list of users', async () => {
    const found = await client.user.getinfoformultipleuserids([user_id]);
    found.forEach(user);
    assert.deepEqual(ids(found), [user_id]);
  });
  await check('the newer path prefix answers too', async () => {
    const newer = new TerraClient({ baseUrl: `${url}/api/v2`, ...keys });
    assert.equal((await newer.user.getinfoforuserid({ user_id })).user.user_id, user_id);
  });
  return info.user.provider;
}

async function widgetSessions() {
  const generate = (params) => client.authentication.generatewidgetsession(params);
  await check('a widget session without arguments', async () => widgetSession(await generate()));
  await check('a widget session with every argument', async () => {
    const session = await generate({
      providers: provider,
      language: 'fr',
      reference_id: 'js-new-widget',
      auth_success_redirect_url: 'https://app.example/connected?from=widget',
      auth_failure_redirect_url: 'https://app.example/failed',
    });
    widgetSession(session);
    assert.deepEqual(session.warnings ?? [], []);
  });
  await check('a widget session warns about a provider that does not exist', async () => {
    const session = await generate({ providers: `${provider},NO_SUCH_PROVIDER` });
    widgetSession(session);
    assert.match(session.warnings.join(), /NO_SUCH_PROVIDER/);
  });
  await check('two widget sessions differ', async () => {
    const [first, second] = [await generate(), await generate()];
    assert.notEqual(first.session_id, second.session_id);
    assert.notEqual(first.url, second.url);
  });
}

async function authTokens() {
  await check('an auth token, new each time', async () => {
    const generate = () => client.authentication.generateauthtoken();
    const [first, second] = [await generate(), await generate()];
    authToken(first);
    authToken(second);
    assert.notEqual(first.token, second.token);
  });
}

async function authenticate() {
  const generate = (params) => client.authentication.authenticateuser(params);
  await check('authenticateUser with nothing but the resource', async () => login(await generate({ resource: provider })));
  const answer = await check('authenticateUser with every argument, resource in lower case', async () => {
    const answer = await generate({
      resource: provider.toLowerCase(),
      language: 'en',
      reference_id: 'js-new-login',
      auth_success_redirect_url: 'https://app.example/connected',
      auth_failure_redirect_url: 'https://app.example/failed',
    });
    login(answer);
    return answer;
  });
  await check('a user who has not logged in is not authenticated', async () => {
    const info = await client.user.getinfoforuserid({ user_id: answer.user_id });
    assert.equal(info.is_authenticated, false);
  });
}

async function subscriptions() {
  const everyone = await check('subscriptions without a page are all users', async () => {
    const { users } = await client.user.getalluserids();
    users.forEach(user);
    assert.ok(ids(users).includes(user_id));
    return ids(users);
  });
  await check('subscriptions page by page are the same users', async () => {
    const walked = [];
    for (let page = 0; page !== null; ) {
      const answer = await client.user.getalluserids({ page, per_page: 1 });
      const { results, next, max_page } = answer.data ?? answer; // sources disagree on the nesting
      assert.equal(results.length, 1);
      assert.ok(next === null || next === page + 1, `next is ${next} on page ${page}`);
      assert.ok(Number.isInteger(max_page), `max_page is ${max_page}`);
      walked.push(...ids(results));
      page = next;
    }
    assert.deepEqual(walked.sort(), everyone.sort());
  });
}

async function integrations() {
  const onDevice = await check('integrations name the providers', async () => {
    const answer = await client.integrations.fetch();
    assert.equal(answer.status, 'success');
    strings(answer.providers);
    strings(answer.sdk_providers);
    assert.ok(answer.providers.includes(provider) && answer.sdk_providers.length > 0);
    return answer.sdk_providers;
  });
  const names = await check('integrations/detailed describes the providers', async () => {
    const answer = await client.integrations.detailedfetch();
    assert.deepEqual(answer.providers.filter((one) => one.provider === provider).map((one) => one.enabled), [true]);
    return described(answer);
  });
  await check('integrations/detailed adds the providers on the device when asked', async () => {
    const more = described(await client.integrations.detailedfetch({ sdk: true }));
    assert.ok(names.every((name) => more.includes(name)) && more.length > names.length);
    assert.ok(more.every((name) => names.includes(name) || onDevice.includes(name)));
  });
}

function described({ status, providers }) {
  assert.equal(status, 'success');
  for (const { provider, name, enabled, types } of providers) {
    strings([provider, name]);
    assert.equal(typeof enabled, 'boolean');
    assert.deepEqual(Object.keys(types).sort(), ['activity', 'body', 'daily', 'menstruation', 'nutrition', 'sleep']);
    assert.ok(Object.values(types).every((kind) => typeof kind === 'boolean'), provider);
  }
  return providers.map((one) => one.provider);
}

/** The call throws exactly this kind of error, and both its body and its message show why. */
async function refused(kind, statusCode, path, call, detail) {
  const error = await rejection(call);
  assert.equal(Object.getPrototypeOf(error), kind.prototype, error);
  assert.equal(error.statusCode, statusCode);
  assert.equal(error.rawResponse.headers.get('content-type'), 'application/problem+json');
  problem(error.body, `/v2/${path}`, detail);
  const shown = JSON.stringify(error.body.detail); // the client's message holds the body as JSON
  assert.ok(error.message.includes(shown) && !error.message.includes(wrongKey), error.message);
}

async function refusals() {
  const { user, authentication } = client;
  const { BadRequestError, NotFoundError } = Terra;
  for (const [name, kind, status, path, call, detail] of [
    ['userInfo of an unknown user', NotFoundError, 404, 'userInfo',
      () => user.getinfoforuserid({ user_id: UNKNOWN_USER }), 'user not found'],
    ['userInfo of a malformed id', BadRequestError, 400, 'userInfo', () => user.getinfoforuserid({ user_id: 'not-an-id' })],
    ['userInfo of nobody', BadRequestError, 400, 'userInfo', () => user.getinfoforuserid()],
    ['bulkUserInfo of a malformed id', BadRequestError, 400, 'bulkUserInfo',
      () => user.getinfoformultipleuserids(['not-an-id'])],
    ['a page before the first', BadRequestError, 400, 'subscriptions', () => user.getalluserids({ page: -1 })],
    ['authenticateUser with an empty resource', BadRequestError, 400, 'auth/authenticateUser',
      () => authentication.authenticateuser({ resource: '' })],
    ['authenticateUser at a provider that does not exist', BadRequestError, 400, 'auth/authenticateUser',
      () => authentication.authenticateuser({ resource: 'NO_SUCH_PROVIDER' })],
    ['deauthenticateUser of an unknown user', NotFoundError, 404, 'auth/deauthenticateUser',
      () => authentication.deauthenticateuser({ user_id: UNKNOWN_USER }), 'user not found'],
  ]) {
    await check(`${name} is refused, and the client shows why`, () => refused(kind, status, path, call, detail));
  }
  await check('modifyuser, which the contract has dropped, is refused, and the client shows why', async () => {
    const error = await rejection(() => user.modifyuser(user_id, { active: false }));
    assert.ok([404, 405].includes(error.statusCode), error);
    problem(error.body, `/v2/users/${user_id}`);
  });
}

async function wrongKeys() {
  for (const [whose, changed] of [
    ['a wrong API key', { apiKey: wrongKey }],
    ['a wrong dev-id', { devId: 'nobody-testing-0000000000' }],
  ]) {
    const stranger = new TerraClient({ baseUrl: `${url}/v2`, ...keys, ...changed });
    for (const [path, call] of everyOperation(stranger)) {
      const name = `${path.split('/').pop()} with ${whose} is refused, and the client shows why`;
      await check(name, () => refused(TerraError, 401, path, call));
    }
  }
}

function everyOperation({ user, authentication }) {
  return [
    ['auth/generateWidgetSession', () => authentication.generatewidgetsession()],
    ['auth/generateAuthToken', () => authentication.generateauthtoken()],
    ['auth/authenticateUser', () => authentication.authenticateuser({ resource: provider })],
    ['userInfo', () => user.getinfoforuserid({ user_id })],
    ['bulkUserInfo', () => user.getinfoformultipleuserids([user_id])],
    ['subscriptions', () => user.getalluserids()],
    ['auth/deauthenticateUser', () => authentication.deauthenticateuser({ user_id })],
  ];
}

async function deauthenticate() {
  const path = 'auth/deauthenticateUser';
  const remove = () => client.authentication.deauthenticateuser({ user_id });
  await check('the refused calls changed nothing', async () => {
    assert.equal((await client.user.getinfoforuserid({ user_id })).is_authenticated, true);
  });
  await check('deauthenticateUser', async () => assert.equal((await remove()).status, 'success'));
  await check('deauthenticateUser again throws NotFoundError', () =>
    refused(Terra.NotFoundError, 404, path, remove, 'user not found'));
  await check('the user is gone', async () => {
    const look = () => client.user.getinfoforuserid({ user_id });
    await refused(Terra.NotFoundError, 404, 'userInfo', look, 'user not found');
    assert.ok(!ids((await client.user.getalluserids()).users).includes(user_id));
  });
}
