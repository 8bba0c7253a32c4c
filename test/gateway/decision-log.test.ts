// The decision log: which decisions it has, what a line tells, and that a reader that does not read holds up nobody.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type DecisionLogOptions, openDecisionLog } from '../../src/gateway/decision-log.ts';
import type { Answer, Asked } from '../../src/gateway/decisions.ts';
import { createLog } from '../../src/log.ts';

const at = Date.parse('2026-11-20T12:00:00Z');
const asked: Asked = {
  identities: [{ kind: 'serial', value: 'C02XK1ZZJG5J' }],
  by: { destination: { host: 'wiki', port: 443 } },
  route: '/gateway/check',
  callerId: 'nginx',
};
const denied: Answer = {
  id: 'd-1',
  allowed: false,
  outcome: 'posture',
  device: null,
  rule: null,
  posture: null,
  refusals: [
    {
      posture: 'posture:healthy',
      rule: 'acls[0]',
      description: null,
      resolution: null,
      holds: false,
      validUntil: null,
      reasons: [
        {
          posture: 'posture:healthy',
          condition: 'sentinelOne:activeThreats == 0',
          attribute: 'sentinelOne:activeThreats',
          operator: '==',
          expected: 0,
          withinMs: null,
          found: 2,
          unknown: null,
          integration: 'hq',
          confirmedAt: at - 90_000,
        },
      ],
    },
  ],
  validUntil: null,
  grounds: [],
  revision: 7,
  policyRevision: 3,
  viewAgeMs: 120,
  at,
  refresh: null,
};
const allowed: Answer = {
  ...denied,
  allowed: true,
  outcome: 'allowed',
  rule: 'acls[0]',
  posture: 'posture:healthy',
  refusals: [],
  grounds: [{ attribute: 'sentinelOne:activeThreats', integration: 'hq', confirmedAt: at - 60_000 }],
};

describe('the decision log', () => {
  let file: string;
  const warned: string[] = [];
  const log = createLog('info', { write: line => void warned.push(line) });

  beforeEach(() => {
    warned.length = 0;
    const folder = mkdtempSync(path.join(tmpdir(), 'decisions-'));
    file = path.join(folder, 'log');
    onTestFinished(() => rmSync(folder, { recursive: true }));
  });

  const opened = (options: Partial<DecisionLogOptions> = {}) =>
    openDecisionLog({ file, ofAllowed: 1, log, ...options });
  const linesOf = (name: string) => readFileSync(name, 'utf8').trimEnd().split('\n');

  it('has a line of JSON for each decision: id, reasons, ages, and what was asked by whom', async () => {
    const decisions = opened();
    decisions.note(asked, denied);
    decisions.note(asked, allowed);
    await decisions.stop();
    const [first, second] = linesOf(file).map(line => JSON.parse(line));
    expect(first).toEqual({
      at: '2026-11-20T12:00:00.000Z',
      decision: 'd-1',
      route: '/gateway/check',
      key: 'nginx',
      allowed: false,
      outcome: 'posture',
      device: null,
      identities: [{ kind: 'serial', value: 'C02XK1ZZJG5J' }],
      user: null,
      destination: { host: 'wiki', port: 443 },
      rule: null,
      posture: null,
      reasons: [
        {
          posture: 'posture:healthy',
          condition: 'sentinelOne:activeThreats == 0',
          found: 2,
          unknown: null,
          integration: 'hq',
          ageMs: 90_000,
        },
      ],
      grounds: [],
      revision: 7,
      policyRevision: 3,
      viewAgeMs: 120,
      validUntil: null,
      refresh: null,
    });
    expect(second).toMatchObject({ rule: 'acls[0]', reasons: [], grounds: [{ integration: 'hq', ageMs: 60_000 }] });
  });

  it('has every denial, and the share of the others that is asked for', async () => {
    let next = 0;
    const decisions = opened({ ofAllowed: 0.25, random: () => (next++ % 100) / 100 });
    for (let i = 0; i < 100; i++) decisions.note(asked, allowed);
    for (let i = 0; i < 5; i++) decisions.note(asked, denied);
    await decisions.stop();
    const outcomes = linesOf(file).map(line => JSON.parse(line).allowed);
    expect(outcomes.filter(Boolean)).toHaveLength(25);
    expect(outcomes).toHaveLength(30);
  });

  it('drops and counts what a reader does not take, and goes on when it does', async () => {
    execFileSync('mkfifo', [file]);
    // Opened for reading too, so that writing does not wait for a reader; nobody reads.
    const reader = await open(file, 'r+');
    onTestFinished(() => reader.close());
    const decisions = opened({ mostWaiting: 50_000 });
    for (let i = 0; i < 2_000; i++) decisions.note(asked, denied);
    expect(decisions.dropped()).toBeGreaterThan(1_000);
    const kept = 2_000 - decisions.dropped();
    let text = '';
    const buffer = Buffer.alloc(65_536);
    while (text.split('\n').length <= kept) {
      const { bytesRead } = await reader.read(buffer, 0, buffer.length);
      text += buffer.toString('utf8', 0, bytesRead);
    }
    for (const line of text.trimEnd().split('\n')) expect(JSON.parse(line).decision).toBe('d-1');
    const before = decisions.dropped();
    decisions.note(asked, allowed);
    const { bytesRead } = await reader.read(buffer, 0, buffer.length);
    expect(JSON.parse(buffer.toString('utf8', 0, bytesRead)).allowed).toBe(true);
    expect(decisions.dropped()).toBe(before);
    await decisions.stop();
    expect(warned.join('')).toContain(`"droppedInAll":${before}`);
  });

  it('holds up nobody at a stop, and after it takes nothing', async () => {
    execFileSync('mkfifo', [file]);
    const reader = await open(file, 'r+');
    onTestFinished(() => reader.close());
    const decisions = opened();
    for (let i = 0; i < 1_000; i++) decisions.note(asked, denied);
    await decisions.stop();
    expect(() => decisions.note(asked, denied)).not.toThrow();
  });

  it.each([
    ['a folder that is a file', (folder: string) => path.join(folder, 'file', 'log')],
    ['a folder', (folder: string) => folder],
  ])('does not begin where its file cannot be opened, and says so: %s', (_, name) => {
    const folder = path.dirname(file);
    writeFileSync(path.join(folder, 'file'), '');
    expect(() => opened({ file: name(folder) })).toThrow(/^DECISION_LOG_FILE: .+ cannot be opened: E[A-Z]+$/);
  });

  it('goes on without a place to write to, and says so', async () => {
    const decisions = opened({ file: '/dev/full' });
    decisions.note(asked, denied);
    await expect.poll(() => warned.join('')).toContain('the decision log cannot be written');
    for (let i = 0; i < 100; i++) decisions.note(asked, denied);
    await decisions.stop();
    expect(decisions.dropped()).toBeGreaterThan(0);
  });
});
