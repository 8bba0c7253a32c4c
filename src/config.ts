// The environment, read once into a frozen, typed value. main.ts alone imports this. A wrong value is one line that names
// the variable, what is wrong and what is allowed; the value of a secret is never repeated.
import { openIdVariables, readOpenId } from './config-sign-in.ts';
import {
  checkProxy,
  type DecisionLogShare,
  define,
  duration,
  list,
  need,
  oneOf,
  parsed,
  read,
  readIdentitySources,
  readSealingKey,
  readSecretKeys,
  readShare,
  url,
  type Variable,
  wholeNumber,
} from './config-values.ts';
import { AppError } from './errors.ts';
import type { IdentitySource } from './gateway/forwarded.ts';
import type { OpenIdSettings } from './http/openid.ts';
import { formatDuration } from './posture/duration.ts';
import { allowedHostTest } from './providers/addresses.ts';
import type { SealingKey } from './store/sealed-boxes.ts';
import type { SecretKeys } from './store/secrets.ts';

export interface Config {
  /** Null: the embedded server in dataDir. */
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string;
  readonly role: 'all' | 'api' | 'worker';
  /** Null where none were given: an embedded installation makes its own. */
  readonly secretKeys: SecretKeys | null;
  /** Null: the one that workers publish. */
  readonly sealingKey: SealingKey | null;
  readonly bootstrapApiKey: string | null;
  readonly providerAllowedHosts: readonly string[];
  readonly syncIntervalMs: number;
  readonly syncConcurrency: number;
  readonly authPauseMs: number;
  readonly viewMaxAgeMs: number;
  readonly trustedProxies: readonly string[];
  readonly identifyBy: readonly IdentitySource[];
  readonly tailnet: string;
  /** Null: people sign in with keys and links alone. */
  readonly openIdConnect: OpenIdSettings | null;
  /** Null: devices are imported from no tailnet on schedule. */
  readonly tailscaleImport: TailscaleImport | null;
  readonly auditRetentionMs: number;
  readonly logLevel: string;
  readonly decisionLog: DecisionLogShare;
  /** Null: standard output. */
  readonly decisionLogFile: string | null;
}

/** Where devices are imported from on schedule, and the key for it: itself or the file that has it. */
export interface TailscaleImport {
  readonly url: string;
  readonly key: { readonly text: string } | { readonly file: string };
  readonly intervalMs: number;
}

/** Everything that can be set, in the order of the documentation. The key is the field of Config. */
const variables = {
  databaseUrl: define<string>({
    name: 'DATABASE_URL',
    about:
      'PostgreSQL 15 or newer to use. Session connections: no transaction pooler in between, because LISTEN and run locks need sessions.',
    fallback: null,
    fallbackAbout: 'an embedded server in `DATA_DIR`',
    secret: true,
    ...url(['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/database'),
  }),
  dataDir: define<string>({
    name: 'DATA_DIR',
    about: 'Where the embedded database and the generated key are.',
    fallback: '.data',
    allowed: 'a path',
    schema: parsed(text => text),
  }),
  host: define<string>({
    name: 'HOST',
    about: 'The address that the service listens on.',
    fallback: '127.0.0.1',
    allowed: 'an address or a host name, as in 0.0.0.0',
    schema: parsed(text => (/^[^\s/@?#]+$/.test(text) ? text : null), 'it is neither'),
  }),
  port: define<number>({
    name: 'PORT',
    about: 'The port that the service listens on; 0 takes a free one.',
    fallback: '8080',
    ...wholeNumber(0, 65_535),
  }),
  publicUrl: define<string>({
    name: 'PUBLIC_URL',
    about: 'How others see the service.',
    fallback: null,
    fallbackAbout: 'from `HOST` and `PORT`',
    ...url(['http:', 'https:'], 'https://posture.example.com'),
  }),
  role: define<Config['role']>({
    name: 'ROLE',
    about: 'What this process does: `api` answers, `worker` syncs, `all` answers and has a worker as a child process.',
    fallback: 'all',
    ...oneOf('all', 'api', 'worker'),
  }),
  secretKeys: define<SecretKeys>({
    name: 'SECRET_KEYS',
    about:
      'Keys that seal tokens in the database, `id:base64[,id:base64...]`, 32 bytes each. The first seals, all of them open. Make one with `echo "k1:$(openssl rand -base64 32)"`.',
    fallback: null,
    fallbackAbout: 'embedded: made once, in `DATA_DIR`; otherwise commands that need one refuse to start',
    allowed: 'id:base64[,id:base64...] with 32 bytes each, made by: echo "k1:$(openssl rand -base64 32)"',
    secret: true,
    schema: parsed(readSecretKeys),
  }),
  sealingKey: define<SealingKey>({
    name: 'SECRET_SEALING_KEY',
    about:
      'For `ROLE=api` without `SECRET_KEYS`: the public key to seal secrets with, whatever the database says; `posture-sync sealing-key` prints it. To be changed before its key leaves `SECRET_KEYS`.',
    fallback: null,
    fallbackAbout: 'the one that workers publish in the database',
    allowed: 'id:base64 with 32 bytes, printed by: posture-sync sealing-key',
    // It is none, but what was given by mistake may be.
    secret: true,
    schema: parsed(readSealingKey),
  }),
  bootstrapApiKey: define<string>({
    name: 'BOOTSTRAP_API_KEY',
    about: "An administrator's API key that holds from the first start.",
    fallback: null,
    fallbackAbout: 'none',
    allowed: 'at least 20 printable characters without spaces',
    secret: true,
    schema: parsed(
      text => (/^[\x21-\x7e]{20,512}$/.test(text) ? text : null),
      'it is too short or has other characters',
    ),
  }),
  providerAllowedHosts: define<readonly string[]>({
    name: 'PROVIDER_ALLOWED_HOSTS',
    about:
      "Hosts of providers and of receivers of webhooks, `host[:port],...`, that may be reached although they are private, also by http, and above a provider's rate limit.",
    ...list('host[:port],... as in localhost:9000,[::1]:9000', entry => allowedHostTest([entry])),
  }),
  syncIntervalMs: define<number>({
    name: 'SYNC_INTERVAL',
    about: 'How often each integration is synced.',
    fallback: '15m',
    ...duration('1s', '7d'),
  }),
  syncConcurrency: define<number>({
    name: 'SYNC_CONCURRENCY',
    about: 'How many integrations a worker syncs at once.',
    fallback: '4',
    ...wholeNumber(1, 64),
  }),
  authPauseMs: define<number>({
    name: 'AUTH_PAUSE',
    about: 'How long an integration waits after its credentials were refused, before it is tried once more.',
    fallback: '24h',
    ...duration('1s', '30d'),
  }),
  viewMaxAgeMs: define<number>({
    name: 'VIEW_MAX_AGE',
    about:
      'How long decisions go on without the database. Answers carry the age; after it they deny with `view_stale`.',
    fallback: '15m',
    ...duration('1s', '30d'),
  }),
  trustedProxies: define<readonly string[]>({
    name: 'TRUSTED_PROXIES',
    about: 'Addresses whose forwarded headers count.',
    ...list('addresses or networks separated by commas, as in 10.0.0.1,192.168.0.0/16', checkProxy),
  }),
  identifyBy: define<readonly IdentitySource[]>({
    name: 'IDENTIFY_BY',
    about:
      'How gateways among `TRUSTED_PROXIES` say which device asks: `id:HEADER`, `serial:HEADER`, `certificate:HEADER`, `address` (from X-Forwarded-For; counts only where none of the headers is there). Each gateway must set or remove every header that is named here.',
    fallback: '',
    fallbackAbout: 'none, so that no device is recognised',
    allowed:
      'id:HEADER, serial:HEADER, certificate:HEADER and address, separated by commas, as in certificate:X-Client-Certificate,address',
    schema: parsed(readIdentitySources),
  }),
  tailnet: define<string>({
    name: 'TAILNET',
    about: 'Name of the organisation in the API, besides `-`.',
    fallback: 'default',
    allowed: 'letters, digits and . _ @ -, at most 100',
    schema: parsed(text => (/^[A-Za-z0-9._@-]{1,100}$/.test(text) ? text : null), 'it has other characters'),
  }),
  ...openIdVariables,
  tailscaleImportUrl: define<string>({
    name: 'TAILSCALE_IMPORT_URL',
    about:
      'Tailscale, or another service with its API, whose devices a worker imports on schedule: `https://api.tailscale.com`. Needs one of the two variables for the key.',
    fallback: null,
    fallbackAbout: 'none: nothing is imported on schedule',
    ...url(['https:', 'http:'], 'https://api.tailscale.com'),
  }),
  tailscaleImportKey: define<string>({
    name: 'TAILSCALE_IMPORT_KEY',
    about: 'An access token that may read the devices there (`devices:core:read`).',
    fallback: null,
    fallbackAbout: 'none',
    allowed: 'printable characters without spaces',
    secret: true,
    schema: parsed(text => (/^[\x21-\x7e]{1,1000}$/.test(text) ? text : null), 'it has other characters'),
  }),
  tailscaleImportKeyFile: define<string>({
    name: 'TAILSCALE_IMPORT_KEY_FILE',
    about: 'A file with that token instead, read anew for each import.',
    fallback: null,
    fallbackAbout: 'none',
    allowed: 'a path',
    schema: parsed(text => text),
  }),
  tailscaleImportIntervalMs: define<number>({
    name: 'TAILSCALE_IMPORT_INTERVAL',
    about: 'How often devices are imported from there.',
    fallback: '1h',
    ...duration('5m', '7d'),
  }),
  auditRetentionMs: define<number>({
    name: 'AUDIT_RETENTION',
    about: 'Whole months of the audit log are dropped when they are older than this.',
    fallback: '400d',
    ...duration('31d', '36500d'),
  }),
  logLevel: define<string>({
    name: 'LOG_LEVEL',
    about: 'The least severe lines that are logged. Commands other than `serve` and `demo` log from `warn` on.',
    fallback: 'info',
    ...oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  }),
  decisionLog: define<DecisionLogShare>({
    name: 'DECISION_LOG',
    about:
      'Which decisions `serve` logs, a line of JSON each: `off`, `denied`, a share as in `5%` (all denials, and that share of the others), `all`.',
    fallback: 'denied',
    allowed: 'off, denied, all, or a share as in 5%',
    schema: parsed(readShare, 'it is none of these'),
  }),
  decisionLogFile: define<string>({
    name: 'DECISION_LOG_FILE',
    about: 'The file that decisions are appended to.',
    fallback: null,
    fallbackAbout: 'standard output',
    allowed: 'a path',
    schema: parsed(text => text),
  }),
} as const;

/** @throws AppError invalid for a place without a key, two keys, and a key without a place */
function readTailscaleImport(environment: NodeJS.ProcessEnv): TailscaleImport | null {
  const place = read(environment, variables.tailscaleImportUrl);
  const text = read(environment, variables.tailscaleImportKey);
  const file = read(environment, variables.tailscaleImportKeyFile);
  const intervalMs = need(environment, variables.tailscaleImportIntervalMs);
  const fail = (name: string, what: string) =>
    new AppError(
      'invalid',
      `${name}: ${what}; allowed is TAILSCALE_IMPORT_URL with one of TAILSCALE_IMPORT_KEY and TAILSCALE_IMPORT_KEY_FILE`,
    );
  if (text !== null && file !== null) throw fail('TAILSCALE_IMPORT_KEY_FILE', 'there is a TAILSCALE_IMPORT_KEY too');
  const key = text !== null ? { text } : file !== null ? { file } : null;
  if (place !== null && key === null) throw fail('TAILSCALE_IMPORT_URL', 'there is no key for it');
  if (place === null && key !== null)
    throw fail(text === null ? 'TAILSCALE_IMPORT_KEY_FILE' : 'TAILSCALE_IMPORT_KEY', 'there is no URL for it');
  return place === null || key === null ? null : Object.freeze({ url: place, key: Object.freeze(key), intervalMs });
}

/**
 * Reads and checks the whole configuration.
 * @throws AppError 'invalid': one line for the first variable that is wrong
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const host = need(environment, variables.host);
  const port = need(environment, variables.port);
  return Object.freeze({
    databaseUrl: read(environment, variables.databaseUrl),
    dataDir: need(environment, variables.dataDir),
    host,
    port,
    publicUrl:
      read(environment, variables.publicUrl)?.replace(/\/+$/, '') ??
      `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    role: need(environment, variables.role),
    secretKeys: read(environment, variables.secretKeys),
    sealingKey: read(environment, variables.sealingKey),
    bootstrapApiKey: read(environment, variables.bootstrapApiKey),
    providerAllowedHosts: need(environment, variables.providerAllowedHosts),
    syncIntervalMs: need(environment, variables.syncIntervalMs),
    syncConcurrency: need(environment, variables.syncConcurrency),
    authPauseMs: need(environment, variables.authPauseMs),
    viewMaxAgeMs: need(environment, variables.viewMaxAgeMs),
    trustedProxies: need(environment, variables.trustedProxies),
    identifyBy: need(environment, variables.identifyBy),
    tailnet: need(environment, variables.tailnet),
    openIdConnect: readOpenId(environment),
    tailscaleImport: readTailscaleImport(environment),
    auditRetentionMs: need(environment, variables.auditRetentionMs),
    logLevel: need(environment, variables.logLevel),
    decisionLog: need(environment, variables.decisionLog),
    decisionLogFile: read(environment, variables.decisionLogFile),
  });
}

/** @returns the names of all variables, for documentation and tests */
export const variableNames: readonly string[] = Object.values(variables).map(variable => variable.name);

/** @returns the rows of the configuration table, as Markdown */
export function configurationTable(): string {
  const rows = Object.values(variables).map(({ name, about, fallback, fallbackAbout }: Variable<unknown>) => {
    const shown = fallbackAbout ?? `\`${fallback}\``;
    return `| \`${name}\` | ${about.replaceAll('|', '\\|')} | ${shown} |`;
  });
  return ['| variable | meaning | default |', '|---|---|---|', ...rows].join('\n');
}

/** @returns config/example.env */
function exampleEnvironment(): string {
  const lines = Object.values(variables).flatMap(
    ({ name, about, fallback, fallbackAbout, allowed }: Variable<unknown>) => [
      '',
      ...wrap(`${about} Allowed: ${allowed}.${fallback ? '' : ` Default: ${fallbackAbout}.`}`).map(line => `# ${line}`),
      `#${name}=${fallback ?? ''}`,
    ],
  );
  return ['# Settings of posture-sync with their defaults. Made by `npm run generate`.', ...lines, ''].join('\n');
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.replaceAll('`', '').split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 110) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** @returns docs/configuration.md */
function configurationDocument(): string {
  return [
    '# Configuration',
    '',
    'posture-sync is configured by environment variables; there is no configuration file. `npm run generate` writes this',
    'document from `src/config.ts`, and a test compares it. A variable that is empty counts as absent. A wrong value stops',
    'the start with one line that names the variable, what is wrong and what is allowed.',
    '',
    configurationTable(),
    '',
    `Durations are a whole number and a unit, as in ${formatDuration(90_000)}, 15m, 72h or 400d.`,
    '',
  ].join('\n');
}

/** @returns the documents that are made of what stands above: path in the repository, and text */
export function configurationDocuments(): (readonly [path: string, text: string])[] {
  return [
    ['docs/configuration.md', configurationDocument()],
    ['config/example.env', exampleEnvironment()],
  ];
}
