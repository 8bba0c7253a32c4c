// What the tests of policies share: checking a text, and what is said of it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { checkPolicy, type PolicyCheck } from '../../src/posture/policy-check.ts';
import { attributes } from '../../src/providers/sentinelone/attributes.ts';
import { root } from '../support/checkout.ts';

export const now = Date.parse('2026-11-20T12:00:00Z');
export const check = (text: string): PolicyCheck => checkPolicy(text, createCatalogue(attributes, null), now);

export const starter = readFileSync(path.join(root, 'config/policy.hujson'), 'utf8');

/** Sections that others need, so that a case is what it is about. */
export const names = `
  "groups": { "group:eng": ["anna@example.com", "Bob@example.com"] },
  "tagOwners": { "tag:web": ["group:eng"], "tag:laptop": [] },
  "hosts": { "wiki": "10.0.0.5", "office": "10.1.0.0/16", "crm": "crm.example.com" },`;
export const healthy = `"postures": { "posture:healthy": ["sentinelOne:isActive"] }, "defaultSrcPosture": ["posture:healthy"],`;

/** What is said of a policy; the part that is pointed at begins with what is given. */
export function said(text: string, list: 'errors' | 'warnings' | 'notes' = 'errors') {
  const lines = text.split('\n');
  return check(text)[list].map(({ code, message, line, column, suggestion }) => ({
    code,
    message,
    suggestion,
    at: (lines[line - 1] ?? '').slice(column - 1),
  }));
}

export function expectSaid(
  list: 'errors' | 'warnings' | 'notes',
  text: string,
  code: string,
  at: string,
  message: string,
  suggestion: string | null,
) {
  const found = said(text, list).map(each => ({ ...each, at: each.at.slice(0, at.length) }));
  expect(found).toEqual([{ code, message, suggestion, at }]);
}
