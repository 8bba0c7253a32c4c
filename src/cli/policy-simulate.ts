// `policy simulate`: what a gateway would be told of a device, or of one that is invented; it is logged nowhere, and nobody is asked
// for fresh values because of it.
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import { policyCatalogue } from '../operations/policies.ts';
import { type Simulation, simulate, simulatedBy, toldSimulation } from '../operations/simulation.ts';
import type { AttributeValue } from '../posture/attributes.ts';
import { parseAddress } from '../posture/networks.ts';
import type { PolicyCheck } from '../posture/policy-check.ts';
import { placeOf } from '../posture/policy-preview.ts';
import { asOptions, collect, declare, wholeNumber } from './options.ts';
import { fields, printable, say, sayJson, table, timeAndAge } from './output.ts';
import { checkAnswer, readPolicyText, refuseErrors, sayFindings } from './policy-text.ts';
import { withSession } from './session.ts';
import { type Surroundings, wrongUse } from './surroundings.ts';
import { readJsonFile } from './text-file.ts';

interface SimulateOptions {
  json?: boolean;
  posture?: string[];
  to?: string;
  toDevice?: string;
  port?: number;
  proto?: string;
  action?: string;
  resource?: string;
  property?: string[];
  attribute?: string[];
  attributes?: string;
  user?: string;
  tag?: string[];
  address?: string[];
  policy?: string;
}

const about = `
One of --posture, --to or --to-device, and --action with --resource says what is asked. Without a device it is invented, and
has just what is given. A value is true, false, a whole number, or a text; attributes that a provider gives are read as their type.`;

export function registerSimulation(group: Command, to: Surroundings): void {
  declare(
    group,
    'simulate [device]',
    'what a gateway would be told of a device, or of an invented one; logged nowhere',
    [
      'posture-sync policy simulate lt-0042 --to wiki.example.com:443',
      'posture-sync policy simulate lt-0042 --posture healthy --attribute sentinelOne:activeThreats=1',
      'posture-sync policy simulate --user anna@example.com --attributes values.json --to 10.0.0.5:22 --policy next.hujson',
    ],
  )
    .option('--to <host[:port]>', 'what is to be reached, by the access rules')
    .option('--to-device <id>', 'the device of ours that is to be reached')
    .option('--port <number>', 'of what is to be reached', wholeNumber(0, 65_535))
    .option('--proto <protocol>', 'of what is to be reached: tcp, udp ...')
    .option('--posture <name>', 'instead: postures of which one must hold; may be repeated', collect)
    .option('--action <action>', 'instead: what is to be done with --resource, by the permissions')
    .option('--resource <resource>', 'with --action, as in record:7')
    .option(
      '--property <name=value>',
      'what is sent along with --action, as in resource:status=open; may be repeated',
      collect,
    )
    .option('--attribute <name=value>', 'in place of what the device has, !NAME for not set; may be repeated', collect)
    .option('--attributes <file>', 'the same from a file of JSON by name, null for not set; - is standard input')
    .option('--user <user>', "in place of the device's own")
    .option('--tag <tag>', 'in place of its own; may be repeated', collect)
    .option('--address <address>', 'in place of its own; may be repeated', collect)
    .option('--policy <file>', 'decide by this policy instead of the one in force')
    .addHelpText('after', about)
    .action(async (device: string | undefined, options: SimulateOptions) => {
      const simulation = await simulationOf(to, device ?? null, options);
      await withSession(to, {}, async ({ request, now }) => {
        const found = await asOptions(() => simulate(request, simulation));
        if ('check' in found) return await tellCheck(to, options, found.check);
        const told = toldSimulation(found.decided);
        if (options.json) await sayJson(to, told);
        else for (const line of simulationLines(told, now())) await say(to, line);
      });
    });
}

/** Tells what is wrong with a given policy, and ends the command as failed. */
export async function tellCheck(
  to: Surroundings,
  options: Pick<SimulateOptions, 'json' | 'policy'>,
  check: PolicyCheck,
): Promise<never> {
  const file = options.policy ?? '';
  if (options.json) await sayJson(to, checkAnswer(check));
  else await sayFindings(to, file, check);
  return refuseErrors(to, file, check);
}

async function simulationOf(to: Surroundings, device: string | null, options: SimulateOptions): Promise<Simulation> {
  const { posture: postures, user, tag: tags, address: addresses, policy: file, action, resource, property } = options;
  if ((action === undefined) !== (resource === undefined)) wrongUse('--action and --resource need each other');
  if (property !== undefined && action === undefined) wrongUse('--property goes with --action');
  if (options.attributes === '-' && file === '-') wrongUse('standard input is one file: --attributes or --policy');
  const use =
    action === undefined || resource === undefined
      ? undefined
      : { action, resource, properties: pairsOf(property ?? [], false) as Record<string, AttributeValue> };
  const by = await asOptions(() => simulatedBy({ postures, destination: destinationOf(options), use }));
  const attributes = { ...(await attributesIn(options.attributes, to)), ...pairsOf(options.attribute ?? [], true) };
  const policy = file === undefined ? null : await readPolicyText(to, file);
  return { device, attributes, user, tags, addresses, by, policy };
}

function destinationOf({ to: text, toDevice: device, port, proto }: SimulateOptions) {
  if (text !== undefined && device !== undefined) wrongUse('--to and --to-device: take one of the two');
  if (text === undefined && device === undefined) {
    if (port !== undefined || proto !== undefined) wrongUse('--port and --proto go with --to or --to-device');
    return undefined;
  }
  if (text === undefined) return { device, port, proto };
  const place = placeOf(text);
  if (place !== null && port !== undefined) wrongUse('the port is given twice: by --to and by --port');
  if (place === null && text.includes(':') && parseAddress(text.replace(/^\[(.*)\]$/, '$1')) === null)
    wrongUse('--to: expected a host, or a host and a port, as in 10.0.0.5:443');
  return place === null ? { host: text, port, proto } : { ...place, proto };
}

/** @returns values by name @param mayUnset whether `!NAME` is a value too: none */
export function pairsOf(texts: readonly string[], mayUnset: boolean): Record<string, AttributeValue | null> {
  const catalogue = policyCatalogue();
  const pairs = texts.map((text): [string, AttributeValue | null] => {
    if (mayUnset && text.startsWith('!')) return [text.slice(1), null];
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) wrongUse(`"${text}" is not of the form NAME=VALUE`);
    const type = catalogue.isKnown(name) ? catalogue.type(name) : null;
    const isText = type !== null && type !== 'boolean' && type !== 'number';
    return [name, isText ? value : readValue(value)];
  });
  return Object.fromEntries(pairs);
}

function readValue(text: string): AttributeValue {
  return text === 'true' ? true : text === 'false' ? false : /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

/** @returns values by name from a file; none without one @throws AppError invalid */
export async function attributesIn(
  file: string | undefined,
  to: Surroundings,
): Promise<Record<string, AttributeValue | null>> {
  const values = file === undefined ? {} : await readJsonFile(to, file);
  const isObject = typeof values === 'object' && values !== null && !Array.isArray(values);
  if (!isObject || Object.values(values).some(value => value !== null && typeof value === 'object'))
    throw new AppError('invalid', `${file}: an object is needed, with values by the names of attributes`);
  return values as Record<string, AttributeValue | null>;
}

function simulationLines(told: ReturnType<typeof toldSimulation>, now: Date): string[] {
  const { allowed, outcome, message, device, rule, posture, reasons, refusals, grounds, policyRevision } = told;
  return [
    printable(`${allowed ? 'Allowed' : 'Refused'}: ${message} (${outcome}).`),
    ...fields([
      ['device', device],
      ['rule', rule],
      ['posture', posture],
      ['policy', policyRevision === null ? null : `of revision ${policyRevision}`],
      ['may change by itself', timeAndAge(told.validUntil, now)],
    ]),
    ...refusals.flatMap(({ posture: name, description, resolution }) => [
      printable(
        `${name} does not hold${description === null ? '' : `. ${description}`}${resolution === null ? '' : ` ${resolution}`}`,
      ),
    ]),
    ...reasons.map(reason => printable(`  ${reason.message}`)),
    ...(grounds.length === 0
      ? []
      : [
          '',
          ...table(
            ['RESTS ON', 'INTEGRATION', 'CONFIRMED'],
            grounds.map(ground => [ground.attribute, ground.integration, timeAndAge(ground.confirmedAt, now)]),
          ),
        ]),
  ];
}
