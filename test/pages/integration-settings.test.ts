// The form of a provider's settings: what of it is sent, what is missing, and where a refusal is shown.
import { describe, expect, it } from 'vitest';
import {
  fieldOfFailure,
  missingOf,
  settingsToSend,
  startingValues,
} from '../../src/web/pages/integrations/settings-values.ts';
import { refusalByField } from '../../src/web/parts/refusal.ts';

const setting = (name: string, more: object = {}) => ({
  ...{ name, label: name, help: '', secret: false, required: false, kind: 'text' as const },
  ...{ example: null, default: null, tailscale: null, ...more },
});
const refusal = (status: number, message: string, fields: object = {}) =>
  Object.assign(new Error(message), { status, fields });
const provider = {
  settings: [
    setting('url', { required: true }),
    setting('token', { required: true, secret: true }),
    setting('pace', { kind: 'number' }),
    setting('sites', { kind: 'list' }),
  ],
};

describe('what is typed of settings', () => {
  it('is sent as it is meant: trimmed, numbers as numbers, nothing where nothing was typed', () => {
    const values = { ...startingValues(provider), url: ' a.example ', token: 'secret', pace: '5' };
    expect(settingsToSend(provider, values, null)).toEqual({ url: 'a.example', token: 'secret', pace: 5 });
  });

  it('begins with what is stored, secrets apart, and sends what differs; what is emptied goes back to its default', () => {
    const before = startingValues(provider, { url: 'a.example', token: 'never given out', pace: 5, sites: ['1'] });
    expect(before).toEqual({ url: 'a.example', token: '', pace: '5', sites: ['1'] });
    expect(settingsToSend(provider, before, before)).toEqual({});
    const after = { ...before, pace: '', sites: [], token: 'new' };
    expect(settingsToSend(provider, after, before)).toEqual({ pace: null, sites: null, token: 'new' });
  });

  it('is missing where it is needed, a secret only where none is stored', () => {
    const empty = startingValues(provider);
    expect(Object.keys(missingOf(provider, empty, false))).toEqual(['url', 'token']);
    expect(Object.keys(missingOf(provider, empty, true))).toEqual(['url']);
  });
});

describe('what is refused', () => {
  const fields = ['url', 'token', 'sites', 'name'];
  it.each([
    [{ 'settings.token': 'a token has at least 16 characters' }, { token: 'a token has at least 16 characters' }],
    [
      { 'settings.url': 'it is no address', 'settings.token': 'it is missing', name: 'it begins with a letter' },
      { url: 'it is no address', token: 'it is missing', name: 'it begins with a letter' },
    ],
    [{ 'settings.sites.0': 'an id is a number' }, { sites: 'an id is a number' }],
    [{ other: 'what nobody knows' }, { '': 'other: what nobody knows' }],
    [{}, { '': 'something is wrong' }],
  ])('is shown at its field: %j', (sent, shown) => {
    expect(refusalByField(refusal(400, 'something is wrong', sent), fields)).toEqual(shown);
  });

  it('is shown at its field also where it is right in itself, and taken', () => {
    const taken = { name: 'it is taken' };
    expect(refusalByField(refusal(409, 'name: it is taken', taken), fields)).toEqual(taken);
  });

  it('otherwise than by what was typed is shown as a whole', () => {
    for (const error of [refusal(409, 'another one came first', {}), new Error('url: x'), null])
      expect(refusalByField(error, fields)).toEqual({});
  });

  it('by the provider is shown where it can be mended', () => {
    expect(fieldOfFailure(provider, 'auth')).toBe('token');
    expect(fieldOfFailure(provider, 'permission')).toBe('token');
    expect(fieldOfFailure(provider, 'unavailable')).toBe('url');
  });
});
