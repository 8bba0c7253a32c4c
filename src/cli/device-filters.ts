// The filters that `device list` and `device export` share: which devices they tell of.
import { type Command, Option } from 'commander';
import { type DeviceQuery, matches, problems } from '../operations/device-list.ts';
import { standingStates } from '../posture/standings.ts';
import { postureIdentities } from '../store/device-filters.ts';
import { freshnessStates } from '../store/device-freshness.ts';
import { collect } from './options.ts';

export interface FilterOptions
  extends Pick<
    DeviceQuery,
    | 'match'
    | 'problem'
    | 'attribute'
    | 'posture'
    | 'standing'
    | 'condition'
    | 'integration'
    | 'postureIdentity'
    | 'freshness'
    | 'freshWithin'
    | 'search'
  > {
  tag?: string[];
}

export function filterOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--match <state>', 'only those that are matched, or unmatched, or that for that reason').choices(
        matches,
      ),
    )
    .addOption(
      new Option(
        '--problem <problem>',
        'only those with a serial number, an address or a certificate fingerprint that finds no device for that reason',
      ).choices(problems),
    )
    .option(
      '--attribute <filter>',
      'only those with that value: NAME=VALUE, NAME for any value, !NAME for none; may be repeated',
      collect,
    )
    .option('--posture <name>', 'only those that pass it, or stand in it as --standing says')
    .addOption(new Option('--standing <state>', 'how they stand in the posture').choices(standingStates))
    .option('--condition <text>', 'only those that this condition keeps from the posture, as posture show has it')
    .option('--integration <name>', 'only those that an agent of it speaks for')
    .addOption(
      new Option(
        '--posture-identity <state>',
        "only those of which that is known, in Tailscale's words: with a serial number that finds them, with none that does, without any, or collection is off",
      ).choices(postureIdentities),
    )
    .addOption(
      new Option(
        '--freshness <state>',
        'only those of which all that providers say was confirmed lately, not all of it, or nothing is said',
      ).choices(freshnessStates),
    )
    .option('--fresh-within <duration>', 'what counts as lately: three sync intervals if not given')
    .option('--tag <tag>', 'only those with that tag; may be repeated', collect)
    .option(
      '--search <text>',
      'only those with that text in id, host name, user, in what they are known by, or as a value',
    );
}

/** @returns what was asked for, as operations take it */
export function queryOf({ tag, ...query }: FilterOptions): DeviceQuery {
  return { ...query, searchesValues: true, ...(tag ? { tags: tag } : {}) };
}
