// The same route in JavaScript: behind the app's own tokens, it asks the official client. WORKERS above 1 share the port
// by Node's own cluster.
import cluster from 'node:cluster';

import express from 'express';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { TerraClient } from 'terra-api';

const { AUDIENCE, ISSUER, JWKS_URL, PORT, TERRA_API_KEY, TERRA_API_URL, TERRA_DEV_ID, WORKERS } = process.env;
const keys = createRemoteJWKSet(new URL(JWKS_URL));

const workers = Number(WORKERS);
if (cluster.isPrimary && workers > 1) {
  for (let worker = 0; worker < workers; worker += 1) cluster.fork();
} else {
  serve();
}

function serve() {
  const client = new TerraClient({ baseUrl: TERRA_API_URL, devId: TERRA_DEV_ID, apiKey: TERRA_API_KEY });
  const app = express();
  app.post('/api/terra/mobile-token', loggedIn, async (request, response) => {
    const { token } = await client.authentication.generateauthtoken();
    response.json({ token, reference_id: request.user });
  });
  app.listen(Number(PORT), '127.0.0.1');
}

async function loggedIn(request, response, next) {
  try {
    const token = request.get('authorization')?.replace(/^Bearer /, '') ?? '';
    const { payload } = await jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256'] });
    request.user = payload.sub;
  } catch {
    return response.status(401).json({ error: 'no user is logged in' });
  }
  next();
}
