// docs/cli.md: its examples work, top to bottom, and answer in the shapes that it shows; nothing is left out of it.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inventory } from '../../src/simulator/inventory.ts';
import { root } from '../support/checkout.ts';
import { createInstallation, everyCommand, type Installation } from '../support/cli.ts';

const document = readFileSync(path.join(root, 'docs/cli.md'), 'utf8');

interface Example {
  command: string;
  status: number;
  /** Lines of the answer that are shown, parsed. */
  answers: unknown[];
}

const examples: Example[] = [...document.matchAll(/^```console run\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
  block
    .split(/^\$ posture-sync /m)
    .slice(1)
    .map(part => {
      const [first = '', ...lines] = part.trim().split('\n');
      const [command = '', remark = ''] = first.split(/\s+# /);
      return {
        command,
        status: Number(/exit status (\d)/.exec(remark)?.[1] ?? 0),
        answers: lines.map(line => JSON.parse(line)),
      };
    }),
);

let it: Installation;
const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-documented-'));
let agentId: string;

beforeAll(async () => {
  it = await createInstallation();
  // The machine that the document speaks of.
  const anna = it.simulator.fleet.enrol({ serial: 'C02XK1ZZJG5J', hostname: 'ANNA-LT' });
  agentId = anna.id;
  const devices = inventory(it.simulator.fleet).filter(device => !device.serialNumbers.includes('C02XK1ZZJG5J'));
  const lines = devices.map(device => JSON.stringify(device));
  writeFileSync(
    path.join(place, 'inventory.ndjson'),
    `${[...lines.slice(0, 2), 'oops', ...lines.slice(2)].join('\n')}\n`,
  );
  writeFileSync(path.join(place, 'devices.csv'), 'id,hostname,tags\nvm-1,VM-1,a;b\n');
  writeFileSync(path.join(place, 'token.txt'), `${it.simulator.token}\n`);
  copyFileSync(path.join(root, 'config/policy.hujson'), path.join(place, 'policy.hujson'));
  writeFileSync(path.join(place, 'next.hujson'), '{ "acls": [] } // nobody gets anywhere');
  writeFileSync(path.join(place, 'changes.json'), '{"nodes": {"lt-0042": {"custom:tier": {"value": "gold"}}}}');
  writeFileSync(path.join(place, 'values.json'), '{"sentinelOne:infected": true, "custom:tier": null}');
  const postures = { 'posture:healthy': ['sentinelOne:isActive = true', 'sentinelOne:infected == 0'] };
  writeFileSync(path.join(place, 'broken.hujson'), JSON.stringify({ postures, ssh: [] }));
});
afterAll(async () => {
  await it.close();
  rmSync(place, { recursive: true });
});

/** A command line as a shell would split it, with the document's stand-ins replaced by what is there. */
function wordsOf(command: string): { words: string[]; stdin: string } {
  const [line = '', input = ''] = command.split(' < ');
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
  const real = words.map(word => {
    if (/\.(txt|csv|ndjson|hujson)$/.test(word)) return path.join(place, word);
    if (word === '1234567890123456789') return agentId;
    return word.replace('https://example.sentinelone.net', it.simulator.url);
  });
  return { words: real, stdin: input === '' ? '' : readFileSync(path.join(place, input.trim()), 'utf8') };
}

/** Names whose objects have other keys in each answer. */
const maps = new Set(['unmatched', 'old', 'new', 'settings']);

/** @returns where two answers differ in shape, or null; what is null in one may be anything in the other */
function difference(shown: unknown, real: unknown, at = '', isMap = false): string | null {
  if (shown === null || real === null) return null;
  if (Array.isArray(shown) && Array.isArray(real)) {
    return shown.length > 0 && real.length > 0 ? difference(shown[0], real[0], `${at}[]`) : null;
  }
  if (typeof shown !== typeof real || Array.isArray(shown) !== Array.isArray(real)) return `${at}: ${typeof real}`;
  if (typeof shown !== 'object' || typeof real !== 'object') return null;
  const names = Object.keys(shown);
  if (isMap) return null;
  // Attributes by name: each has the same shape.
  if (names.some(name => name.includes(':')))
    return difference(Object.values(shown)[0], Object.values(real)[0], `${at}.*`);
  const missing = names.find(name => !(name in real));
  const unknown = Object.keys(real).find(name => !names.includes(name));
  if (missing || unknown) return `${at}.${missing ?? unknown} is ${missing ? 'not answered' : 'not shown'}`;
  for (const name of names) {
    const found = difference(Object(shown)[name], Object(real)[name], `${at}.${name}`, maps.has(name));
    if (found) return found;
  }
  return null;
}

test('there are examples', () => expect(examples.length).toBeGreaterThan(30));

test.each(examples)('posture-sync $command', async ({ command, status, answers }) => {
  const { words, stdin } = wordsOf(command);
  const result = await it.run(words, { stdin });
  expect([result.status, result.stderr]).toEqual([
    status,
    status === 0 ? expect.any(String) : expect.stringMatching(/\S/),
  ]);
  if (answers.length === 0) return;
  const real = result.json();
  for (const shown of answers) {
    const differences = real.map(line => difference(shown, line));
    expect(differences, JSON.stringify(shown)).toContain(null);
  }
});

test('a shape that differs is noticed', () => {
  expect(difference({ a: 1, b: null }, { a: 2, b: 'x' })).toBeNull();
  expect(difference({ a: 1 }, { a: '1' })).toBe('.a: string');
  expect(difference({ a: 1 }, {})).toBe('.a is not answered');
  expect(difference({}, { a: 1 })).toBe('.a is not shown');
  expect(difference([{ a: 1 }], [{ b: 1 }])).toBe('[].a is not answered');
});

const commands = await everyCommand();

describe('nothing is left out', () => {
  test.each(commands)('%s and its options', (name, command) => {
    const words = name.split(' ');
    expect(document).toMatch(new RegExp(`posture-sync ${name}\\b|\`${words.at(-1)}\``));
    const named = command.options
      .filter(option => !option.hidden && option.long !== '--json')
      .map(option => option.long);
    expect(named.filter(option => !document.includes(String(option)))).toEqual([]);
  });
});
