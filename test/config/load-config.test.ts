import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadCredentials } from '../../src/credentials.js';
import { ConfigFaults, loadConfig } from '../../src/load-config.js';
import { temporaryFolder } from '../support/database.js';

describe('the configuration', () => {
  let folder: string;
  before(() => {
    folder = temporaryFolder('config');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function load(yaml: string, environment: NodeJS.ProcessEnv = {}) {
    const file = join(folder, 'ovsb.yaml');
    writeFileSync(file, `${yaml}\ndata_key_file: /keys/ovsb\n`);
    return loadConfig({ mode: 'serve', file, environment });
  }
  function faults(yaml: string, environment: NodeJS.ProcessEnv = {}): readonly string[] {
    try {
      load(yaml, environment);
    } catch (refused) {
      if (refused instanceof ConfigFaults) return refused.faults.map((fault) => fault.replace(`${folder}/`, ''));
      throw refused;
    }
    return [];
  }

  it('says for how many days decisions are kept: 90, or what the file says, from 1', () => {
    expect(load('chain_id: 1').decisionLog).to.deep.equal({ keepDays: 90 });
    expect(load('chain_id: 1\ndecision_log: {keep_days: 365}').decisionLog).to.deep.equal({ keepDays: 365 });
    expect(faults('chain_id: 1\ndecision_log: {keep_days: 0}').join()).to.match(
      /ovsb\.yaml:2 decision_log\.keep_days must be >= 1/,
    );
  });

  it('names staking pools’ tokens, each once', () => {
    const token = `0x${'Ab'.repeat(20)}`;
    expect(load('chain_id: 1').stakeSources).to.deep.equal([]);
    expect(load(`chain_id: 1\nstake_sources: [{name: stETH, token: "${token}"}]`).stakeSources).to.deep.equal([
      { name: 'stETH', token: token.toLowerCase(), weiPerToken: 10n ** 18n },
    ]);
    const twice = `{name: a, token: "${token}"}, {name: b, token: "${token.toLowerCase()}", wei_per_token: "1"}`;
    expect(faults(`chain_id: 1\nstake_sources: [${twice}]`)).to.deep.equal([
      `stake_sources.1.token ${token.toLowerCase()} is named twice`,
    ]);
    expect(faults('chain_id: 1\nstake_sources: [{name: a, token: "0x12"}]').join()).to.match(/stake_sources\.0\.token/);
    expect(faults(`chain_id: 1\nstake_sources: [{name: a, token: "${token}", wei_per_token: "0"}]`).join()).to.match(
      /wei_per_token/,
    );
  });

  it('of the sandbox is whole, on loopback', () => {
    const config = loadConfig({ mode: 'sandbox', environment: {} });
    expect(config).to.include({ host: '127.0.0.1', port: 8080, publicUrl: 'http://127.0.0.1:8080', chainId: 31337 });
    expect(config.sandbox).to.deep.equal({ slotMs: 1000 });
  });

  it('takes the environment over the file', () => {
    const config = load('chain_id: 1\nlog_level: warn\nlisteners: [{address: "127.0.0.1:9000"}]\npolicies: mine', {
      OVSB_PORT: '9100',
      OVSB_DATA_DIR: '/srv/ovsb',
      OVSB_LOG_LEVEL: 'debug',
      DATABASE_URL: 'postgres://db/ovsb',
    });
    expect(config).to.include({
      port: 9100,
      dataDir: '/srv/ovsb',
      logLevel: 'debug',
      databaseUrl: 'postgres://db/ovsb',
    });
    expect(config.policiesDir).to.equal(join(folder, 'mine'));
    expect(config.publicUrl).to.equal('http://127.0.0.1:9100');
    expect(config.sandbox).to.equal(undefined);
  });

  it('reports all faults together, each with its place', () => {
    const found = faults('chain_id: 0\nlisteners:\n  - address: nowhere\n    serves: [broker, tea]\nlog_levl: info\n', {
      OVSB_PORT: '99999',
      OVSB_DATA_DIR: 'relative',
    });
    const expected = [/^OVSB_PORT /, /^OVSB_DATA_DIR must be an absolute path/, /^ovsb.yaml:1 chain_id /];
    expected.push(
      /^ovsb.yaml:3 listeners.0.address /,
      /^ovsb.yaml:4 listeners.0.serves.1 .*console/,
      /^ovsb.yaml:5 log_levl is not a known/,
    );
    for (const line of expected)
      expect(
        found.filter((fault) => line.test(fault)),
        String(line),
      ).to.have.lengthOf(1);
  });

  it('names line and column of broken YAML', () => {
    expect(faults('chain_id: 1\na: [\n')[0]).to.match(/^ovsb.yaml:\d+:\d+ /);
    expect(faults('chain_id: 1\nchain_id: 2\n')[0]).to.match(/^ovsb.yaml:2:1 .*unique/);
  });

  it('refuses a public address without TLS or trusted proxies', () => {
    const yaml = 'chain_id: 1\nlisteners: [{address: "0.0.0.0:80"}]\n';
    expect(faults(yaml)).to.have.lengthOf(1);
    expect(faults(`${yaml}trusted_proxies: [10.0.0.0/8]\n`)).to.deep.equal([]);
    expect(faults('chain_id: 1', { OVSB_HOST: '192.0.2.1' })).to.have.lengthOf(1);
  });

  it('OpenID issuers: signing in trusts the issuer for our client there, with a nonce', () => {
    writeFileSync(join(folder, 'id-secret'), 'at-the-issuer\n');
    const config = load(
      [
        'chain_id: 1',
        'sign_in: [{name: Example, issuer: "https://id.example", client_id: ovsb, client_secret_file: id-secret}]',
        'id_token_issuers: [{issuer: "https://cluster.example", jwks_uri: "https://cluster.example/keys"}]',
        'registration: {initial_access_token_file: id-secret}',
      ].join('\n'),
    );
    expect(config.signIn).to.deep.equal([
      { name: 'Example', issuer: 'https://id.example', clientId: 'ovsb', clientSecret: 'at-the-issuer' },
    ]);
    expect(config.idTokenIssuers).to.deep.equal([
      { issuer: 'https://id.example', audience: 'ovsb', requireNonce: true },
      { issuer: 'https://cluster.example', jwksUri: 'https://cluster.example/keys' },
    ]);
    expect(config.registration).to.deep.equal({
      open: false,
      forgetUnusedDays: 30,
      initialAccessToken: 'at-the-issuer',
    });
    expect(load('chain_id: 1').signIn).to.deep.equal([]);
    expect(loadConfig({ mode: 'sandbox', environment: {} }).registration).to.deep.equal({
      open: true,
      forgetUnusedDays: 30,
    });
  });

  it('OpenID issuers: twice, over plain HTTP or without their secret are faults with their place', () => {
    const found = faults(
      [
        'chain_id: 1',
        'sign_in: [{name: A, issuer: "https://id.example", client_id: a, client_secret_file: none-such}]',
        'id_token_issuers: [{issuer: "https://id.example"}, {issuer: "http://id.example"}]',
      ].join('\n'),
    );
    expect(found).to.have.lengthOf(3);
    expect(found.join('\n'))
      .to.match(/^sign_in\.0\.client_secret_file .*ENOENT/m)
      .and.match(/^id_token_issuers\.0\.issuer .*twice/m)
      .and.match(/^id_token_issuers\.1\.issuer .*https/m);
    expect(faults('chain_id: 1\nsign_in: [{name: A}]')[0]).to.match(/^ovsb.yaml:2 sign_in.0 /);
    expect(loadConfig({ mode: 'sandbox', environment: {} }).idTokenIssuers).to.deep.equal([]);
  });

  it('credentials.json is written once, mode 0600; a new issuer keeps the secrets', () => {
    const first = loadCredentials(folder, 'http://127.0.0.1:1/authz');
    expect(statSync(join(folder, 'credentials.json')).mode & 0o777).to.equal(0o600);
    expect(loadCredentials(folder, 'http://127.0.0.1:1/authz')).to.deep.equal(first);
    expect(loadCredentials(folder, 'https://b/authz')).to.deep.equal({ ...first, issuer: 'https://b/authz' });
    expect(new Set([first.operator.client_secret, first.client.client_secret, first.platform.password]).size).to.equal(
      3,
    );
  });
});
