/** Everything `ovsb` is told from outside, read once at start (product.md, Configuration). */
export interface Config {
  /** `sandbox`: npm start; brings its own fleet. `serve`: a real configuration, no sandbox. */
  readonly mode: 'sandbox' | 'serve';
  readonly host: string;
  readonly port: number;
  /** Origin without a trailing slash; the issuer is `<publicUrl>/authz`. */
  readonly publicUrl: string;
  /** Absolute; everything the process writes lies below it. */
  readonly dataDir: string;
  /** postgres:// URL; absent: the embedded PostgreSQL under dataDir. */
  readonly databaseUrl?: string;
  /** Folder of *.cedar, schema.cedarschema, diversity.yaml, tests/. */
  readonly policiesDir: string;
  readonly catalogPath: string;
  /** 64 hex digits; wraps what the database holds sealed. Outside the sandbox it lies elsewhere than the data. */
  readonly dataKeyFile: string;
  /** The operator's inventory document; in the sandbox it comes beside the sandbox's own. */
  readonly inventoryPath?: string;
  readonly logLevel: string;
  readonly validatorApi: { readonly enabled: boolean; readonly persistPassword: boolean };
  /** Present exactly in mode `sandbox`. */
  readonly sandbox?: { readonly slotMs: number };
  /** EIP-155 id of the network whose wallets sign; the sandbox's is 31337. */
  readonly chainId: number;
  /** Recorded decisions are deleted after so many days. */
  readonly decisionLog: { readonly keepDays: number };
  readonly requestInterval: { readonly submittedSeconds: number };
  /** Names beside public_url's and loopback's that a request's Host may carry. */
  readonly hostNames: readonly string[];
  /** Addresses or CIDR blocks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. */
  readonly trustedProxies: readonly string[];
  /** PEM files; absent: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Bearer token that opens /metrics (C6); absent: the sandbox's is open, a real broker has none. */
  readonly metricsToken?: string;
  /** OpenID providers people may sign in at on the claims pages. */
  readonly signIn: readonly {
    readonly name: string;
    readonly issuer: string;
    readonly clientId: string;
    readonly clientSecret: string;
    readonly scope?: string;
  }[];
  /** Whose ID tokens are believed, and what for; holds those of `signIn`. */
  readonly idTokenIssuers: readonly {
    readonly issuer: string;
    readonly audience?: string;
    readonly jwksUri?: string;
    readonly claims?: Readonly<Record<string, string>>;
    readonly requireNonce?: boolean;
  }[];
  /** Tokens of staking pools whose finalised balances count as their holders' stake. */
  readonly stakeSources: readonly { readonly name: string; readonly token: string; readonly weiPerToken: bigint }[];
  /** Who may register an OAuth client (RFC 7591): anyone, or who has the initial access token, or nobody. */
  readonly registration: {
    readonly open: boolean;
    readonly initialAccessToken?: string;
    /** Days after which a client that never did anything is forgotten. */
    readonly forgetUnusedDays: number;
  };
}
