// What is well formed and still says nothing.
import { describe, expect, it } from 'vitest';
import type { AttributeType } from '../../src/posture/attributes.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { lintConditions } from '../../src/posture/condition-lint.ts';
import { attributes } from '../../src/providers/sentinelone/attributes.ts';
import { expressionOf } from './language.ts';

const customTypes = new Map<string, AttributeType>([
  ['custom:tier', 'string'],
  ['custom:score', 'number'],
]);
const family = { name: 'fleetPolicy:*', type: 'boolean', about: '' } as const;
const catalogue = createCatalogue([...attributes, family], customTypes);

/** Warnings, each as the code, the part that it points at, the message and what was meant. */
function lint(...texts: string[]) {
  return lintConditions(texts.map(expressionOf), catalogue).map(
    ({ code, condition, from, to, message, suggestion }) => ({
      code,
      at: (texts[condition] ?? '').slice(from, to),
      message,
      suggestion,
    }),
  );
}

describe('nothing is said of', () => {
  it.each([
    'sentinelOne:isActive',
    "sentinelOne:operationalState == 'na'",
    'sentinelOne:activeThreats <= 0',
    "sentinelOne:agentVersion >= '24.1'",
    "sentinelOne:lastActiveDate WITHIN '12h'",
    "sentinelOne:lastActiveDate > '2026-01-01'",
    "sentinelOne:isActive WITHIN '1m'",
    "ip:publicAddress IN ['10.0.0.0/8', '2001:db8::1']",
    "ip:country IN ['DE', 'AT']",
    'fleetPolicy:anything',
    "custom:tier == 'gold' || custom:score > 5",
    "node:os IN ['macos', 'windows'] && node:os != 'windows'",
    'sentinelOne:activeThreats > 1 && sentinelOne:activeThreats < 3 && sentinelOne:activeThreats != 2.5',
    "node:os == 'linux' || node:os == 'macos'",
    'posture:other && !posture:another',
  ])('%s', text => expect(lint(text)).toEqual([]));
});

describe('a warning', () => {
  it.each<[string, string, string, string, string | null]>([
    [
      'sentinelOne:isactive == true',
      'unknown_attribute',
      'sentinelOne:isactive',
      'there is no attribute sentinelOne:isactive: this is never true',
      'sentinelOne:isActive',
    ],
    [
      'falcon:ztaScore > 60',
      'unknown_attribute',
      'falcon:ztaScore',
      'nothing here gives attributes of falcon: this is never true',
      null,
    ],
    [
      "custom:teir == 'gold'",
      'unknown_attribute',
      'custom:teir',
      'no device has custom:teir yet: this is not true until one has',
      'custom:tier',
    ],
    [
      'sentinelOne:infected == 0',
      'wrong_type',
      '0',
      'sentinelOne:infected is true or false, and 0 is a number: this is never true',
      'sentinelOne:infected == false',
    ],
    [
      "!(sentinelOne:infected != 'True' WITHIN '1h')",
      'wrong_type',
      "'True'",
      "sentinelOne:infected is true or false, and 'True' is a text: this is never true",
      "sentinelOne:infected != true WITHIN '1h'",
    ],
    [
      'sentinelOne:activeThreats == false',
      'wrong_type',
      'false',
      'sentinelOne:activeThreats is a number, and false is true or false: this is never true',
      'sentinelOne:activeThreats == 0',
    ],
    [
      "sentinelOne:activeThreats < '3'",
      'wrong_type',
      "'3'",
      "sentinelOne:activeThreats is a number, and '3' is a text: this is never true",
      'sentinelOne:activeThreats < 3',
    ],
    [
      'sentinelOne:agentVersion >= 24.10',
      'wrong_type',
      '24.10',
      'sentinelOne:agentVersion is a version, and 24.10 is a number: this is never true',
      "sentinelOne:agentVersion >= '24.10'",
    ],
    [
      "custom:Tier == 'gold'",
      'unknown_attribute',
      'custom:Tier',
      'the attribute is spelled custom:tier: this is never true',
      'custom:tier',
    ],
    [
      "custom:tier IN ['gold', 5]",
      'wrong_type',
      '5',
      'custom:tier is a text, and 5 is a number: this is never true',
      "custom:tier IN ['gold', '5']",
    ],
    [
      'sentinelOne:operationalState',
      'wrong_type',
      'sentinelOne:operationalState',
      'sentinelOne:operationalState alone means sentinelOne:operationalState == true, and it is a text: this is never true',
      'sentinelOne:operationalState IS SET',
    ],
    [
      "sentinelOne:lastActiveDate > 'yesterday'",
      'wrong_type',
      "'yesterday'",
      "'yesterday' is no time, as '2026-11-20T09:30:00Z' is: this is never true",
      null,
    ],
    [
      "ip:publicAddress NOT IN ['ipset:office']",
      'wrong_type',
      "'ipset:office'",
      "'ipset:office' is no address, as '10.0.0.0/8' is: this is never true",
      null,
    ],
    [
      "sentinelOne:operationalState > 'na'",
      'no_order',
      "sentinelOne:operationalState > 'na'",
      'sentinelOne:operationalState is a text, and > is for numbers, versions and times: this is never true',
      null,
    ],
    [
      'sentinelOne:isActive >= true',
      'no_order',
      'sentinelOne:isActive >= true',
      'sentinelOne:isActive is true or false, and >= is for numbers, versions and times: this is never true',
      null,
    ],
    [
      "node:os == 'mac'",
      'unknown_value',
      "'mac'",
      "'mac' is none of the known values of node:os: macos, windows, linux, ios, android, freebsd, openbsd, illumos, js",
      null,
    ],
    [
      "sentinelOne:networkStatus NOT IN ['disconected', 'disconnecting']",
      'unknown_value',
      "'disconected'",
      "'disconected' is none of the known values of sentinelOne:networkStatus: connected, connecting, disconnected, disconnecting",
      "sentinelOne:networkStatus NOT IN ['disconnected', 'disconnecting']",
    ],
    ['node:os IN []', 'empty_list', 'node:os IN []', 'nothing is in an empty list: this is never true', null],
    ['node:os NOT IN []', 'empty_list', 'node:os NOT IN []', 'everything is outside an empty list', 'node:os IS SET'],
    [
      "sentinelOne:lastActiveDate WITHIN '1h'",
      'within_too_short',
      "WITHIN '1h'",
      "sentinelOne:lastActiveDate is stored to within 6h, so WITHIN '1h' is often not true of devices that are seen all the time; the shortest that works is '12h'",
      "sentinelOne:lastActiveDate WITHIN '12h'",
    ],
  ])('is given for %s', (text, code, at, message, suggestion) =>
    expect(lint(text)).toEqual([{ code, at, message, suggestion }]),
  );

  it('comes for each part that is odd, in the order of the text', () => {
    const found = lint('sentinelOne:isActiv || !node:oss', "node:os == 'lin' && sentinelOne:infected == 1");
    expect(found.map(({ code, at }) => [code, at])).toEqual([
      ['unknown_attribute', 'sentinelOne:isActiv'],
      ['unknown_attribute', 'node:oss'],
      ['unknown_value', "'lin'"],
      ['wrong_type', '1'],
    ]);
  });

  it('is none for custom attributes where their types are not known', () => {
    const open = createCatalogue(attributes, null);
    expect(lintConditions([expressionOf('custom:any > 5')], open)).toEqual([]);
    expect(lintConditions([expressionOf("custom:any > '5'")], open)).toMatchObject([{ code: 'no_order' }]);
  });
});

describe('conditions that exclude each other', () => {
  it.each([
    ["node:os == 'linux'", "node:os == 'macos'"],
    ["node:os IN ['linux', 'macos']", "node:os IN ['windows']"],
    ["node:os == 'linux'", "node:os NOT IN ['linux', 'macos']"],
    ["node:os == 'linux'", "node:os != 'linux'"],
    ['sentinelOne:isActive', 'sentinelOne:isActive == false'],
    ['sentinelOne:isActive', 'sentinelOne:isActive NOT SET'],
    ['sentinelOne:activeThreats == 0', 'sentinelOne:activeThreats > 0'],
    ['sentinelOne:activeThreats < 3', 'sentinelOne:activeThreats > 5'],
    ['sentinelOne:activeThreats >= 3', 'sentinelOne:activeThreats < 3'],
    ["sentinelOne:agentVersion < '24.9'", "sentinelOne:agentVersion > '24.10'"],
    ["sentinelOne:agentVersion == '24.9'", "sentinelOne:agentVersion == '24.10'"],
  ])('are %s and %s', (first, second) => {
    const warning = { code: 'contradiction', at: second };
    expect(lint(first, second)).toMatchObject([warning]);
    expect(lint(`${first} && ${second}`)).toMatchObject([warning]);
    expect(lint(second, first)).toMatchObject([{ code: 'contradiction', at: first }]);
    expect(lint(`${first} || ${second}`)).toEqual([]);
  });

  it.each([
    ["node:os IN ['linux', 'macos']", "node:os == 'linux'"],
    ['sentinelOne:activeThreats >= 3', 'sentinelOne:activeThreats <= 3'],
    ["sentinelOne:agentVersion == '24.01'", "sentinelOne:agentVersion == '24.1'"],
    ["sentinelOne:agentVersion < '24.10'", "sentinelOne:agentVersion > '24.9'"],
    ["ip:publicAddress == '10.0.0.0/8'", "ip:publicAddress != '10.1.0.0/16'"],
  ])('are not %s and %s', (first, second) => expect(lint(first, second)).toEqual([]));
});
