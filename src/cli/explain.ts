// `explain DEVICE-OR-SERIAL`: why a device has the posture it has, or none.
import type { Command } from 'commander';
import { type Explanation, explain } from '../operations/explain.ts';
import { withConflicts } from './device-text.ts';
import { addExamples } from './options.ts';
import { fields, say, sayJson, table, timeAndAge } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerExplain(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync explain lt-0042', 'posture-sync explain C02XK1ZZJG5J']).action(
    async (text: string, options: { json?: boolean }) => {
      await withSession(to, {}, async ({ db, now }) => {
        const explanation = await explain(db, text);
        if (options.json) await sayJson(to, explanation);
        else for (const line of explanationLines(explanation, now())) await say(to, line);
      });
    },
  );
}

function explanationLines({ device, match, agents, attributes, alsoOn }: Explanation, now: Date): string[] {
  const values = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...fields([
      ['device', device ? `${device.id}${device.hostname ? ` (${device.hostname})` : ''}` : 'none'],
      ['serial numbers', device?.serialNumbers.join(', ')],
      ['addresses', device && withConflicts('address', device.addresses, device.conflicts)],
      [
        'certificates',
        device && withConflicts('certificate_fingerprint', device.certificateFingerprints, device.conflicts),
      ],
      ['match', match.state === 'matched' ? 'matched' : `unmatched, ${match.reason}: ${match.explanation}`],
      ['other devices', alsoOn.join(', ')],
    ]),
    ...(agents.length === 0
      ? []
      : [
          '',
          ...table(
            ['AGENT', 'INTEGRATION', 'HOST NAME', 'SERIAL NUMBERS', 'CONFIRMED', ''],
            agents.map(agent => [
              agent.id,
              agent.integration,
              agent.hostname,
              agent.serialNumbers.join(', '),
              timeAndAge(agent.confirmedAt, now),
              agent.chosen
                ? `speaks for the device${agent.bound ? ', bound by hand' : ''}`
                : `${agent.reason}: ${agent.explanation}`,
            ]),
          ),
        ]),
    ...(values.length === 0
      ? []
      : [
          '',
          ...table(
            ['ATTRIBUTE', 'VALUE', 'TYPE', 'INTEGRATION', 'CONFIRMED'],
            values.map(([name, { value, type, integration, confirmedAt, withheld, expiresAt }]) => [
              name,
              String(value),
              type,
              integration,
              `${timeAndAge(confirmedAt, now) ?? '-'}${withheld ? ', its loss is withheld' : ''}${endsText(expiresAt, now)}`,
            ]),
          ),
        ]),
  ];
}

function endsText(expiresAt: string | null, now: Date): string {
  if (expiresAt === null) return '';
  const isPast = new Date(expiresAt) <= now;
  return isPast
    ? `, expired ${timeAndAge(expiresAt, now)}: it counts as not set`
    : `, expires ${timeAndAge(expiresAt, now)}`;
}
