// A hospital for tests: an OAuth 2 server (npm oidc-provider) before a FHIR server, as SMART App Launch wants them.
// The person is signed in and agrees at once. Tokens rotate: a refresh token is worth something once.
//
//   node smart.mjs PORT UPSTREAM PATIENT [NEXT]     NEXT: what `next` links are replaced by
//
// POST /test/revoke ends every grant; GET /test/log gives the requests that reached the FHIR server.
import http from 'node:http';
import Provider from 'oidc-provider';

const [port, upstream, patient, next] = process.argv.slice(2);
const base = `http://127.0.0.1:${port}`;
const provider = new Provider(base, {
  clients: [{ client_id: 'carnet', token_endpoint_auth_method: 'none', application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'], redirect_uris: ['http://127.0.0.1/'] }],
  scopes: ['openid', 'offline_access', 'launch/patient', 'fhirUser', 'patient/*.rs'],
  pkce: { required: () => true, methods: ['S256'] },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  ttl: { AccessToken: 3600, AuthorizationCode: 60, RefreshToken: 86400, Session: 3600, Grant: 86400, Interaction: 600 },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  features: { devInteractions: { enabled: false } },
  interactions: { url: (ctx, interaction) => `/sign-in/${interaction.uid}` },
  extraParams: ['aud'],
  cookies: { keys: ['test'] },
});
// SMART: the token's answer says whose record it is.
provider.use(async (ctx, go) => {
  await go();
  if (ctx.path === '/token' && ctx.body?.access_token) ctx.body.patient = patient;
});

let revoked = false;
const log = [];
const oidc = provider.callback();

async function signIn(request, response) {
  const details = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({ accountId: 'p', clientId: 'carnet' });
  grant.addOIDCScope(details.params.scope);
  grant.addResourceScope(base, details.params.scope);
  const result = { login: { accountId: 'p' }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function guard(request, response) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization || '')?.[1];
  const known = token && await provider.AccessToken.find(token);
  if (!known || revoked) return answer(response, 401, { resourceType: 'OperationOutcome', issue: [{ code: 'login', diagnostics: 'sign in' }] });
  log.push(request.url);
  const there = await fetch(upstream + request.url.slice('/fhir'.length), { headers: { accept: request.headers.accept || '*/*' } });
  let text = (await there.text()).replaceAll(upstream, `${base}/fhir`);
  if (next && there.ok) {
    const body = JSON.parse(text);
    for (const link of body.link || []) if (link.relation === 'next') link.url = next;
    text = JSON.stringify(body);
  }
  const headers = { 'content-type': there.headers.get('content-type') || 'application/fhir+json' };
  if (there.headers.get('retry-after')) headers['retry-after'] = there.headers.get('retry-after');
  response.writeHead(there.status, headers).end(text);
}

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

http.createServer(async (request, response) => {
  try {
    if (request.url === '/fhir/.well-known/smart-configuration') {
      return answer(response, 200, { issuer: base, authorization_endpoint: `${base}/auth`, token_endpoint: `${base}/token`,
        code_challenge_methods_supported: ['S256'], capabilities: ['launch-standalone', 'client-public', 'permission-v2'],
        scopes_supported: ['openid', 'offline_access', 'launch/patient', 'fhirUser', 'patient/*.rs'] });
    }
    if (request.url === '/fhir/metadata') {
      const there = await fetch(`${upstream}/metadata`);
      return response.writeHead(there.status, { 'content-type': 'application/fhir+json' }).end(await there.text());
    }
    if (request.url === '/test/revoke') { revoked = true; return answer(response, 200, {}); }
    if (request.url === '/test/log') return answer(response, 200, log);
    if (request.url.startsWith('/sign-in/')) return await signIn(request, response);
    if (request.url.startsWith('/fhir')) return await guard(request, response);
    if (revoked && request.url === '/token') return answer(response, 400, { error: 'invalid_grant' });
    return oidc(request, response);
  } catch (error) {
    answer(response, 500, { error: String(error) });
  }
}).listen(+port, '127.0.0.1', () => console.log('listening'));
