// The agent's own values within a row: ids, names, addresses and times, as writers into the holes of a template.
import type { SimulatedAgent } from './agent.ts';
import { mix, wordHex } from './random.ts';
import {
  fixed,
  type Hole,
  json,
  type Part,
  varying,
  writeAscii,
  writeHex,
  writeNumber,
  writeStamp,
  writeText,
  writeTime,
} from './row-bytes.ts';

export const minuteMs = 60_000;

/** When an active agent was last in touch: within the last 90 s. */
export function lastActiveAt(agent: SimulatedAgent, at: number): number {
  return agent.active ? at - (mix(agent.install, 1) % 90_000) : agent.lastActiveAt;
}

/** Server-side work moves it on active agents too, 9-18 minutes behind (Azure sample of the reference). */
export function updatedAt(agent: SimulatedAgent, at: number): number {
  if (!agent.active) return agent.changedAt;
  return Math.max(agent.changedAt, at - 9 * minuteMs - (mix(agent.install, 2) % (9 * minuteMs)));
}

/** Windows: 32 hex digits; Linux: dashed, lower case; macOS: dashed, upper case. */
export function uuidOf(agent: SimulatedAgent): string {
  const words = uuidSalts.map(salt => wordHex(mix(agent.install, salt))).join('');
  if (agent.model.osType === 'windows') return words;
  const dashed = words.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return agent.model.osType === 'macos' ? dashed.toUpperCase() : dashed;
}

const uuidSalts = [3, 4, 5, 6] as const;

export type Read<T> = (agent: SimulatedAgent) => T;

export const text = (read: Read<string>): Hole => varying((out, at, agent) => writeText(out, at, read(agent)));
export const number = (read: Read<number>): Hole => varying((out, at, agent) => writeNumber(out, at, read(agent)));
const word = (salt: number, digits: number, upper = false): Hole =>
  fixed(digits, (out, at, agent) => writeHex(out, at, mix(agent.machine, salt), digits, upper));
/** A time with six digits of fraction; the last three come from the agent, so that times differ within a millisecond. */
export const stamp = (read: (agent: SimulatedAgent, fleetAt: number) => number, micros = 0): Hole =>
  fixed(27, (out, at, agent, fleetAt) => writeStamp(out, at, read(agent, fleetAt), agent.install + micros));
export const time = (read: Read<number>): Hole => fixed(19, (out, at, agent) => writeTime(out, at, read(agent)));

export const id = fixed(19, (out, at, agent) => writeAscii(out, at, agent.id));
/** The end of the agent's id, for ids that hang on it. */
const interfaceId = fixed(14, (out, at, agent) => {
  for (let i = 0; i < 14; i++) out[at + i] = agent.id.charCodeAt(i + 5);
  return at + 14;
});
export const hostname = text(agent => agent.hostname);
export const user = text(agent => agent.user);
function writeSubnet(out: Uint8Array, start: number, machine: number): number {
  out[start] = 49;
  out[start + 1] = 48;
  out[start + 2] = 46;
  const at = writeNumber(out, start + 3, (machine >> 16) & 255);
  out[at] = 46;
  return writeNumber(out, at + 1, (machine >> 8) & 255);
}

/** `10.1.2`, of an address in which the machine's counter stands. */
export const subnet = varying((out, at, agent) => writeSubnet(out, at, agent.machine));
export const address = varying((out, start, agent) => {
  const at = writeSubnet(out, start, agent.machine);
  out[at] = 46;
  return writeNumber(out, at + 1, agent.machine & 255);
});
export const host = number(agent => agent.machine & 255);
const uuidDigits = (index: 0 | 1 | 2 | 3, upper: boolean, part: 'all' | 'high' | 'low' = 'all'): Hole =>
  fixed(part === 'all' ? 8 : 4, (out, at, agent) => {
    const bits = mix(agent.install, uuidSalts[index]);
    return writeHex(out, at, part === 'high' ? bits >>> 16 : bits, part === 'all' ? 8 : 4, upper);
  });

/** Three bytes of a hash behind a maker's prefix; Windows agents write them in upper case. */
function mac(salt: number, upper: boolean): Hole {
  return fixed(17, (out, start, agent) => {
    const bits = mix(agent.machine, salt);
    let at = writeAscii(out, start, upper ? '3C:5A' : '3c:5a');
    for (let shift = 24; shift >= 0; shift -= 8) {
      out[at++] = 58;
      at = writeHex(out, at, bits >>> shift, 2, upper);
    }
    return at;
  });
}

export function uuid(agent: SimulatedAgent): readonly Part[] {
  const { osType } = agent.model;
  const upper = osType === 'macos';
  const [first, last] = [uuidDigits(0, upper), uuidDigits(3, upper)];
  if (osType === 'windows') return json`"${first}${uuidDigits(1, false)}${uuidDigits(2, false)}${last}"`;
  const middle = ([1, 2] as const).map(i => [uuidDigits(i, upper, 'high'), uuidDigits(i, upper, 'low')] as const);
  const [[b1, b2], [c1, c2]] = middle as [readonly [Hole, Hole], readonly [Hole, Hole]];
  return json`"${first}-${b1}-${b2}-${c1}-${c2}${last}"`;
}

export function networkInterfaces(agent: SimulatedAgent): readonly Part[] {
  const windows = agent.model.osType === 'windows';
  const [wired, wireless] = windows ? ['Ethernet', 'Wi-Fi'] : ['eth0', 'wlan0'];
  return [
    ...json`[{"gatewayIp":"${subnet}.254","gatewayMacAddress":"00:00:5e:00:01:0a","id":"14000${interfaceId}",`,
    ...json`"inet":["${address}"],"inet6":["fe80::${word(7, 4)}:${word(8, 4)}:fe12:3456"],`,
    `"name":"${wired}",`,
    ...json`"physical":"${mac(9, windows)}"},{"gatewayIp":null,"gatewayMacAddress":null,"id":"15000${interfaceId}",`,
    ...json`"inet":["169.254.17.${host}"],"inet6":["fe80::${word(8, 4)}:${word(7, 4)}:fe65:4321"],`,
    `"name":"${wireless}",`,
    ...json`"physical":"${mac(10, windows)}"}]`,
  ];
}

const directory = 'DC=corp,DC=example,DC=com';

export function activeDirectory(agent: SimulatedAgent): readonly Part[] {
  if (agent.model.osType !== 'windows') return ['null'];
  return [
    ...json`{"computerDistinguishedName":"CN=${hostname},OU=Computers,OU=Managed,`,
    `${directory}","computerMemberOf":["CN=Managed Computers,OU=Groups,${directory}","CN=BitLocker,OU=Groups,${directory}"],`,
    ...(agent.user === ''
      ? ['"lastUserDistinguishedName":null,"lastUserMemberOf":[],"mail":null,"userPrincipalName":null}']
      : [
          ...json`"lastUserDistinguishedName":"CN=${user},OU=Users,OU=Employees,`,
          `${directory}","lastUserMemberOf":["CN=Employees,OU=Groups,${directory}","CN=VPN Users,OU=Groups,${directory}"],`,
          ...json`"mail":null,"userPrincipalName":"${user}@example.com"}`,
        ]),
  ];
}

/** With its key and comma, because it can be absent. */
export const serialNumber = varying((out, start, agent) => {
  if (agent.serial === undefined) return start;
  let at = writeAscii(out, start, '"serialNumber":');
  if (agent.serial === null) at = writeAscii(out, at, 'null');
  else {
    out[at++] = 34;
    at = writeText(out, at, agent.serial);
    out[at++] = 34;
  }
  out[at++] = 44;
  return at;
});
