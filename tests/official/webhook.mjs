// Terra's own webhook helpers in JavaScript, on our signatures.
//
// webhook.mjs new|old golden          are our golden vectors accepted, and anything else refused?
// webhook.mjs new|old verify HEADER   is the body on standard input accepted? 0 yes, 1 no; the secret: TERRA_SIGNING_SECRET

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { WebhookVerificationError, verifyTerraWebhookSignature } from 'terra-api';
import legacy from 'terra-api-legacy';

import { check, done, rejection, setting } from './checks.mjs';

const FOR_EVER = 10 ** 12;
const GOLDEN = new URL('../../crates/webhook/tests/golden.json', import.meta.url);

const clients = {
  /** terra-api 2.1.0: rejects when it refuses. */
  new: {
    async accepts(header, body, secret, tolerance = 300) {
      try {
        return await verifyTerraWebhookSignature(body, header, secret, { tolerance });
      } catch (error) {
        assert.ok(error instanceof WebhookVerificationError, error);
        return false;
      }
    },
    async more({ header, body, secret }) {
      const error = await rejection(() => verifyTerraWebhookSignature(body, header, secret));
      assert.ok(error instanceof WebhookVerificationError && error.message.includes('tolerance'), error);
    },
  },
  /** terra-api 1.4.8: says yes or no, and knows no tolerance. */
  old: {
    async accepts(header, body, secret) {
      return new legacy.Terra('acme-testing-0000000000', 'test-key-not-a-secret', secret).checkTerraSignature(header, body);
    },
    async more({ header, body, secret }) {
      assert.equal(await this.accepts(header, Buffer.from(body), secret), true);
    },
  },
};

async function golden(client) {
  const vectors = JSON.parse(readFileSync(GOLDEN, 'utf8'));
  assert.ok(vectors.length > 0);
  for (const vector of vectors) {
    const { name, header, body, secret } = vector;
    await check(`golden: ${name}`, async () => {
      assert.equal(await client.accepts(header, body, secret, FOR_EVER), true);
      assert.equal(await client.accepts(header, `${body} `, secret, FOR_EVER), false);
      assert.equal(await client.accepts(header, body, `${secret}x`, FOR_EVER), false);
      await client.more(vector);
    });
  }
  done();
}

const [sdk, command, header] = process.argv.slice(2);
if (Object.hasOwn(clients, sdk ?? '') && command === 'golden' && header === undefined) {
  await golden(clients[sdk]);
} else if (Object.hasOwn(clients, sdk ?? '') && command === 'verify' && header !== undefined) {
  const accepted = await clients[sdk].accepts(header, readFileSync(0, 'utf8'), setting('TERRA_SIGNING_SECRET'));
  console.log(accepted ? 'accepted' : 'refused');
  process.exitCode = accepted ? 0 : 1;
} else {
  console.error('webhook.mjs new|old golden\nwebhook.mjs new|old verify HEADER < body');
  process.exitCode = 2;
}
