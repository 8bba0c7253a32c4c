// nginx in front of the service, as its users have it: each request of theirs is one of auth_request's, over connections that are
// kept. Only for the bench; the sample to start from is config/gateways/nginx.conf.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './bench-fleet.ts';

/**
 * @param measure is given where nginx listens
 * @returns what that returns, or null where there is no nginx
 */
export async function benchNginx<T>(
  dir: string,
  serviceUrl: string,
  key: string,
  measure: (url: string) => Promise<T>,
): Promise<T | null> {
  const root = join(dir, 'nginx');
  await mkdir(join(root, 'html'), { recursive: true });
  await writeFile(join(root, 'html', 'index.html'), 'allowed\n');
  const port = await freePort();
  const config = join(root, 'nginx.conf');
  await writeFile(config, configOf(root, port, new URL(serviceUrl).host, key));
  const nginx = spawn('nginx', ['-p', root, '-c', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  const started = await Promise.race([
    once(nginx, 'spawn').then(() => true),
    once(nginx, 'error').then(() => false),
  ]).catch(() => false);
  if (!started) return null;
  try {
    // Not `/`: nginx goes on from that to the index by a request of its own, which is checked once more.
    const url = `http://127.0.0.1:${port}/index.html`;
    await answers(url, nginx);
    return await measure(url);
  } finally {
    const left = once(nginx, 'exit');
    nginx.kill('SIGTERM');
    await left;
  }
}

async function answers(url: string, nginx: ChildProcess): Promise<void> {
  for (;;) {
    if ((await fetch(url).catch(() => null)) !== null) return;
    if (nginx.exitCode !== null) throw new Error(`nginx ended with status ${nginx.exitCode}`);
    await sleep(50);
  }
}

const configOf = (root: string, port: number, service: string, key: string) => `
daemon off;
worker_processes 1;
pid ${root}/pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${root}/body;
  proxy_temp_path ${root}/proxy;
  fastcgi_temp_path ${root}/fastcgi;
  uwsgi_temp_path ${root}/uwsgi;
  scgi_temp_path ${root}/scgi;
  keepalive_requests 1000000000;
  open_file_cache max=10;
  upstream service { server ${service}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    root ${root}/html;
    location / { auth_request /check; }
    location = /check {
      internal;
      proxy_pass http://service/gateway/check?posture=bench;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Authorization "Bearer ${key}";
      proxy_read_timeout 1s;
    }
  }
}
`;
