// `posture simulate`: what each condition comes to for a device, or for an invented one, by the policy in force or by another one.
import type { Command } from 'commander';
import { type SimulatedPostures, simulatePostures } from '../operations/posture-simulation.ts';
import { asOptions, collect, declare } from './options.ts';
import { printable, say, sayJson, timeAndAge } from './output.ts';
import { attributesIn, pairsOf, tellCheck } from './policy-simulate.ts';
import { readPolicyText } from './policy-text.ts';
import { withSession } from './session.ts';
import { type Surroundings, wrongUse } from './surroundings.ts';

interface SimulateOptions {
  json?: boolean;
  posture?: string[];
  attribute?: string[];
  attributes?: string;
  user?: string;
  tag?: string[];
  address?: string[];
  policy?: string;
}

export function registerPostureSimulation(group: Command, to: Surroundings): void {
  declare(group, 'simulate [device]', 'what each condition comes to for a device, or for an invented one', [
    'posture-sync posture simulate lt-0042',
    'posture-sync posture simulate lt-0042 --policy next.hujson --posture healthy',
    'posture-sync posture simulate --attribute sentinelOne:isActive=true --policy next.hujson',
  ])
    .option('--posture <name>', 'this one; may be repeated. Without it all', collect)
    .option('--policy <file>', 'judge by this policy instead of the one in force')
    .option('--attribute <name=value>', 'in place of what the device has, !NAME for not set; may be repeated', collect)
    .option('--attributes <file>', 'the same from a file of JSON by name, null for not set; - is standard input')
    .option('--user <user>', "in place of the device's own")
    .option('--tag <tag>', 'in place of its own; may be repeated', collect)
    .option('--address <address>', 'in place of its own; may be repeated', collect)
    .action(async (device: string | undefined, options: SimulateOptions) => {
      const { posture = null, user, tag: tags, address: addresses, policy: file } = options;
      if (options.attributes === '-' && file === '-') wrongUse('standard input is one file: --attributes or --policy');
      const attributes = { ...(await attributesIn(options.attributes, to)), ...pairsOf(options.attribute ?? [], true) };
      const policy = file === undefined ? null : await readPolicyText(to, file);
      const asked = { device: device ?? null, attributes, user, tags, addresses, policy, postures: posture };
      await withSession(to, {}, async ({ db, now, config: { syncIntervalMs } }) => {
        const tried = await asOptions(() => simulatePostures({ db, now, syncIntervalMs }, asked));
        if ('check' in tried) return await tellCheck(to, options, tried.check);
        if (options.json) await sayJson(to, tried.simulated);
        else for (const line of lines(tried.simulated, now())) await say(to, printable(line));
      });
    });
}

function lines(simulated: SimulatedPostures, now: Date): string[] {
  const { postures, posturesTotal, reaches, reachesTotal, refusals, refusalsTotal, rulesTotal, changes } = simulated;
  const left = posturesTotal - postures.length;
  return [
    ...postures.flatMap(({ posture, state, isForDevice, tags, validUntil, restsOn, conditions }) => [
      `${posture} is ${state}${isForDevice ? '' : `: it is for devices with ${tags.join(' or ')}`}`,
      ...(state === 'passing' && restsOn?.isFresh === false
        ? ['  by what was not confirmed lately: whether it still passes is not known']
        : []),
      ...(validUntil === null ? [] : [`  may change by itself ${timeAndAge(validUntil, now)}`]),
      ...conditions.flatMap(({ condition, state: its, parts, partsTotal }) => [
        `  ${its.padEnd(7)}  ${condition}`,
        ...parts.map(part => `    ${part.state.padEnd(7)}  ${part.message}`),
        ...(partsTotal > parts.length ? [`    and ${partsTotal - parts.length} more`] : []),
      ]),
    ]),
    ...(left > 0 ? [`and ${left} more postures; --posture names those that you want`] : []),
    '',
    reaches.length === 0 ? 'It reaches nothing.' : 'It reaches',
    ...reaches.map(({ destination, rule }) => `  ${destination} by ${rule}`),
    ...(reachesTotal > reaches.length ? [`  and ${reachesTotal - reaches.length} more`] : []),
    ...(rulesTotal === 0 ? ['  The policy has no access rule: what no rule accepts is denied.'] : []),
    ...(refusals.length > 0 ? ['Not let through by'] : []),
    ...refusals.map(({ message, destinations }) => `  ${message} (${destinations.join(', ')})`),
    ...(refusalsTotal > refusals.length ? [`  and ${refusalsTotal - refusals.length} more rules`] : []),
    ...changes.map(
      ({ change, destination, rule }) => `Beside the policy in force it ${change} ${destination} (${rule}).`,
    ),
  ];
}
