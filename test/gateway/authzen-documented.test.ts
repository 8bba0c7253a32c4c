// The examples of docs/http.md, sent as they are written: what is answered has the same fields, and the same in them where it
// does not hang on the day.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { outcomeTexts } from '../../src/gateway/decisions.ts';
import { root } from '../support/checkout.ts';
import { section } from '../support/documents.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { type Json, startAuthZen } from './authzen-service.ts';

const whole = readFileSync(path.join(root, 'docs/http.md'), 'utf8');
const [, document = ''] = whole.split('### AuthZEN');

/** Fields whose values are of the day. */
const changing = ['id', 'grounds', 'revision', 'policyRevision', 'viewAgeMs', 'at'];

test('docs/http.md shows requests of AuthZEN with their answers', async () => {
  const pdp = await startAuthZen();
  (await pdp.world.integration('main')).set(fakeAgent('1', 'C02XK1ZZJG5J'));
  await pdp.world.devices({ id: 'lt-0042', user: 'anna@example.com', serialNumbers: ['C02XK1ZZJG5J'] });
  await pdp.world.sync('main');
  await pdp.apply({
    postures: { 'posture:healthy': ['fake:threats == 0'] },
    defaultSrcPosture: ['posture:healthy'],
    hosts: { wiki: 'wiki.example.com' },
    acls: [{ action: 'accept', src: ['*'], dst: ['wiki:443'] }],
  });
  const examples = [...document.matchAll(/--json '(.+?)' http:\/\/[^/]+(\/\S+)\n(.+)\n/g)];
  expect(examples).toHaveLength(2);
  const still = (context: Json) =>
    Object.fromEntries(Object.entries(context).filter(([key]) => !changing.includes(key)));
  for (const [, request = '', route = '', shown = ''] of examples) {
    const { decision, context } = JSON.parse(shown);
    const { body } = await pdp.post(route, request);
    expect(Object.keys(body.context)).toEqual(Object.keys(context));
    expect([body.decision, still(body.context)]).toEqual([decision, still(context)]);
    expect(body.context.grounds.map(Object.keys)).toEqual(context.grounds.map(Object.keys));
  }
});

test('docs/http.md has every outcome of a decision', () => {
  const rows = [...(section(whole, 'Outcomes') ?? '').matchAll(/^\| (`.+?`) \|/gm)].map(([, codes]) => codes).join();
  expect([...rows.matchAll(/`(\w+)`/g)].map(([, code]) => code).sort()).toEqual(Object.keys(outcomeTexts).sort());
});
