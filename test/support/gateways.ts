// Real gateways in front of a real service process, run by the files of config/gateways: what those files say to change is
// changed, and nothing else. Programs that are not there are told as null; .ci/install-gateways brings them.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programEnvironment, root } from './checkout.ts';
import { freePort } from './free-port.ts';

export type GatewayName = 'nginx' | 'caddy' | 'envoy';

const samples: Readonly<Record<GatewayName, string>> = { nginx: 'nginx.conf', caddy: 'Caddyfile', envoy: 'envoy.yaml' };
const name = 'wiki.example.com';

/** @returns where a program is, or null */
export function programOf(program: string): string | null {
  for (const folder of [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin']) {
    const file = path.join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Then elsewhere.
    }
  }
  return null;
}

export const gatewayHeader: Readonly<Record<GatewayName, string>> = {
  nginx: 'x-client-certificate',
  caddy: 'x-client-certificate',
  envoy: 'x-forwarded-client-cert',
};

/** A file of config/gateways, with what it says to change changed; fails when there is nothing to change. */
export function sampleOf(file: string, changes: Readonly<Record<string, string>>): string {
  let text = readFileSync(path.join(root, 'config/gateways', file), 'utf8');
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** A place for certificates and what a program writes, removed at the end. */
export function temporaryPlace(): { place: string; remove(): void } {
  const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-gateway-'));
  return { place, remove: () => rmSync(place, { recursive: true, force: true }) };
}

export interface Identified {
  cert: string;
  key: string;
  fingerprint: string;
}

/** Makes `server.crt`, `server.key` and `devices-ca.crt` there. @returns a device's certificate, and one that nobody trusts */
export function makeCertificates(place: string): { trusted: Identified; untrusted: Identified } {
  const make = (who: string, subject: string): Identified => {
    const [key, cert] = [path.join(place, `${who}.key`), path.join(place, `${who}.crt`)];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const files = ['-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', ...kind, ...files, '-subj', `/CN=${subject}`], { stdio: 'ignore' });
    const told = execFileSync('openssl', ['x509', '-in', cert, '-noout', '-fingerprint', '-sha256'], {
      encoding: 'utf8',
    });
    const fingerprint = told.replace(/^.*=/, '').replaceAll(':', '').trim().toLowerCase();
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), fingerprint };
  };
  make('server', name);
  const trusted = make('device', 'device');
  writeFileSync(path.join(place, 'devices-ca.crt'), trusted.cert);
  return { trusted, untrusted: make('stranger', 'device') };
}

/** What is protected: it answers everything, and keeps what it was sent. */
export async function startProtected(): Promise<{ port: number; seen: http.IncomingMessage[]; stop(): void }> {
  const seen: http.IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    seen.push(request);
    request.resume();
    response.end('the wiki');
  });
  // No gateway finds that the connection that it keeps was ended at the moment at which it uses it.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, seen, stop };
}

export interface Program {
  child: ChildProcess;
  /** Waits until it wrote that. */
  says(text: string): Promise<void>;
  /** All that it wrote. */
  said(): string;
  stop(): Promise<void>;
}

/** Starts a program and waits until its port takes connections. */
export async function startProgram(
  file: string,
  words: string[],
  port: number,
  environment: Record<string, string> = {},
): Promise<Program> {
  const child = spawn(file, words, {
    cwd: root,
    env: { ...programEnvironment, HOME: tmpdir(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += String(chunk)));
  const ended = once(child, 'exit');
  while (!(await isListening(port))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${file} ended: ${said}`);
    await sleep(30);
  }
  return {
    child,
    said: () => said,
    async says(text) {
      while (!said.includes(text)) {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${file} ended: ${said}`);
        await sleep(30);
      }
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      // Also of one that is frozen.
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function isListening(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  const is = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return is;
}

export interface GatewayPlaces {
  place: string;
  servicePort: number;
  protectedPort: number;
  key: string;
  /** What else is changed in the file. */
  changes?: Record<string, string>;
}

/** @returns the gateway, listening with TLS on a port of 127.0.0.1 */
export async function startGateway(
  gateway: GatewayName,
  file: string,
  { place, servicePort, protectedPort, key, changes: more = {} }: GatewayPlaces,
): Promise<Program & { port: number }> {
  const port = await freePort();
  const common = { '127.0.0.1:8080': `127.0.0.1:${servicePort}`, '127.0.0.1:9000': `127.0.0.1:${protectedPort}` };
  const config = path.join(place, samples[gateway]);
  const write = (changes: Record<string, string>) =>
    writeFileSync(config, sampleOf(samples[gateway], { ...changes, ...more }));
  if (gateway === 'nginx') {
    const keyFile = path.join(place, 'key.conf');
    writeFileSync(keyFile, `proxy_set_header Authorization "Bearer ${key}";\n`);
    write({
      ...common,
      'listen 443': `listen 127.0.0.1:${port}`,
      '/etc/nginx/tls': place,
      '/etc/nginx/posture-sync-key.conf': keyFile,
    });
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(f => `${f}_temp_path ${place}/${f};`);
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    const main = `${user} daemon off; worker_processes 1; pid ${place}/pid; error_log stderr;
      events { worker_connections 512; } http { access_log off; ${folders.join(' ')} include ${config}; }`;
    writeFileSync(path.join(place, 'main.conf'), main);
    const words = ['-c', path.join(place, 'main.conf'), '-p', place];
    const nginx = await startProgram(file, words, port);
    // Its worker outlives a master that is killed.
    return { ...nginx, port, stop: () => quit(nginx) };
  }
  if (gateway === 'caddy') {
    write({ ...common, 'example.com:443': `example.com:${port}`, '/etc/caddy/tls': place });
    // What concerns the whole of Caddy stands in front: another one may run on this machine.
    const options = '{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\n';
    writeFileSync(config, options + readFileSync(config, 'utf8'));
    const words = ['run', '--config', config, '--adapter', 'caddyfile'];
    const home = { POSTURE_SYNC_KEY: key, XDG_DATA_HOME: place, XDG_CONFIG_HOME: place };
    return { ...(await startProgram(file, words, port, home)), port };
  }
  const listener = 'address: 0.0.0.0, port_value: 443';
  const [service, behind] = ['port_value: 8080', 'port_value: 9000'];
  write({
    'http://127.0.0.1:8080': `http://127.0.0.1:${servicePort}`,
    [listener]: `address: 127.0.0.1, port_value: ${port}`,
    [service]: `port_value: ${servicePort}`,
    [behind]: `port_value: ${protectedPort}`,
    '/etc/envoy/tls': place,
    'pskey-REPLACE-ME': key,
  });
  const words = ['-c', config, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning'];
  return { ...(await startProgram(file, words, port)), port };
}

async function quit(nginx: Program): Promise<void> {
  if (nginx.child.exitCode !== null || nginx.child.signalCode !== null) return;
  const ended = once(nginx.child, 'exit');
  nginx.child.kill('SIGTERM');
  await ended;
}

export interface Asking {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string;
  /** The address to come from. */
  from?: string;
  with?: Identified | null;
  servername?: string;
}

export interface Got {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
  afterMs: number;
}

/** Asks a gateway as a client would. */
export function askGateway(port: number, target: string, asking: Asking = {}): Promise<Got> {
  const { method = 'GET', headers = {}, body = '', from = '127.0.0.9', servername = name } = asking;
  const begunAt = performance.now();
  return new Promise((resolve, reject) => {
    const request = https.request({
      ...{ host: '127.0.0.1', port, path: target, method, servername, localAddress: from, agent: false },
      rejectUnauthorized: false,
      timeout: 60_000,
      headers: { host: servername, ...headers },
      ...(asking.with ? { cert: asking.with.cert, key: asking.with.key } : {}),
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('no answer within 60 s')));
    request.on('response', response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', chunk => (text += chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          afterMs: performance.now() - begunAt,
        }),
      );
    });
    request.end(body);
  });
}
