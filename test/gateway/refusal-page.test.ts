// The page that a refused person sees: something to do whatever the outcome, nothing that turns or runs, nothing of the inside.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Answer, type GatewayOutcome, outcomeTexts } from '../../src/gateway/decisions.ts';
import { pageHeaders, refusalPage } from '../../src/gateway/refusal-page.ts';
import { ViewedDevice } from '../../src/gateway/view.ts';
import type { Refusal } from '../../src/posture/decide.ts';

const at = Date.parse('2026-11-20T12:00:00Z');
const answer: Answer = {
  ...{
    id: 'q7Xk2aBc-1f',
    allowed: false,
    outcome: 'posture',
    device: null,
    revision: 7,
    policyRevision: 3,
    viewAgeMs: 200,
  },
  ...{ at, grounds: [], refresh: null, rule: null, posture: null, refusals: [], validUntil: null },
};
const refusal: Refusal = {
  ...{ posture: 'posture:healthy', rule: 'acls[0]', description: 'No threats.', resolution: 'Clean it.' },
  ...{ holds: false, validUntil: null },
  reasons: [
    {
      ...{ posture: 'posture:healthy', condition: 'custom:threats == 0', attribute: 'custom:threats', operator: '==' },
      ...{ expected: 0, withinMs: null, found: 2, unknown: null, integration: 'main', confirmedAt: at - 300_000 },
    },
  ],
};
/** What a person reads, tags taken out. */
const textOf = (page: string) =>
  page
    .replace(/<head>[\s\S]*<\/head>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

describe('the page', () => {
  it.each(Object.keys(outcomeTexts) as GatewayOutcome[])('for %s says what happened and what to do', outcome => {
    const page = refusalPage({ ...answer, outcome });
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toMatch(/<title>[A-Z][^<]{10,}<\/title>/);
    expect(textOf(page)).toMatch(
      /What to do [A-Z].{5,} Try again For the help desk Decision q7Xk2aBc-1f Time 2026-11-20 12:00:00 UTC/,
    );
    expect(textOf(page)).toContain(`Code ${outcome}`);
  });

  it('has the posture’s own words, and each reason once in plain ones', () => {
    const text = textOf(
      refusalPage({ ...answer, refusals: [{ ...refusal, reasons: [...refusal.reasons, ...refusal.reasons] }] }),
    );
    expect(text).toContain('What to do Clean it.');
    expect(text).toContain('What failed Needed: No threats. Threats must be 0, but is 2. Last checked 5 minutes ago.');
    expect(text.match(/Threats must/g)).toHaveLength(1);
    expect(text).not.toMatch(/posture:|acls|main|custom:/);
  });

  it('says of several postures that one is enough, and of a refresh that it may soon pass', () => {
    const other = { ...refusal, posture: 'posture:office', resolution: 'Go to the office.' };
    const refresh = { state: 'under_way', requestedAt: '' };
    const text = textOf(refusalPage({ ...answer, refusals: [refusal, other], refresh }));
    expect(text).toContain(
      'One of these: Clean it. Go to the office. Newer information about this device has just been asked for.',
    );
    expect(text).toContain('One of these would be enough:');
  });

  it('escapes names and values, and drops what controls or turns a text', () => {
    const device = new ViewedDevice('"><img src=x onerror=alert(1)>');
    device.hostname = 'a\u202Eb\u0007<script>';
    const hostile = { ...refusal, description: '</style><script>', reasons: [] };
    const page = refusalPage({ ...answer, device, refusals: [hostile] });
    expect(page).toContain('a b &lt;script&gt;');
    expect(page.match(/<script|<img|<\/style>/g)).toEqual(['</style>']);
    expect(refusalPage({ ...answer, device: new ViewedDevice('"><img>') })).toContain('&quot;&gt;&lt;img&gt;');
  });

  it('may use its own style and nothing else', () => {
    const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(refusalPage(answer)) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(pageHeaders[pageHeaders.indexOf('content-security-policy') + 1]).toContain(`style-src 'sha256-${hash}'`);
    expect(refusalPage(answer)).not.toMatch(/ (style|on\w+|src)=/);
  });
});
