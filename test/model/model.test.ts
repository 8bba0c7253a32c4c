// Random fleets, churn, faults, outages, expiry and administrators against the naive twin: after every step the database
// holds what the laws say. MODEL_SEED=7 plays one seed; MODEL_FROM and MODEL_SEEDS choose others; MODEL_COUNTS=1 prints
// how often each kind of step and outcome was met. The long form is
// `node test/model/run.ts --seeds 1000 --from 1`.
import { afterAll, describe, expect, it } from 'vitest';
import { ModelFailure, play } from './play.ts';
import { drawSteps, type Step } from './steps.ts';

const longForm = 'test/model/run.ts';
const { MODEL_COUNTS, MODEL_SEED, MODEL_FROM = '1', MODEL_SEEDS = '60' } = process.env;
const first = Number(MODEL_SEED ?? MODEL_FROM);
const count = MODEL_SEED === undefined ? Number(MODEL_SEEDS) : 1;
const seeds = Array.from({ length: count }, (_, i) => first + i);

/** How often each kind of step and outcome was met. */
const met = new Map<string, number>();

/** What the first 60 seeds must have met, or the test proves less than it seems. */
const wanted = [
  ...['succeeded', 'held', 'abandoned', 'partial unavailable', 'failed unavailable'].map(outcome => `sync ${outcome}`),
  ...['auth', 'permission', 'throttled', 'malformed', 'settings'].flatMap(kind => [
    `sync partial ${kind}`,
    `sync failed ${kind}`,
  ]),
  ...['succeeded', 'partial', 'held', 'failed'].map(outcome => `dry run ${outcome}`),
  ...['claimed', 'page staged', 'before head', 'after commit'].map(point => `administrator at "${point}"`),
  ...[
    'import',
    'remove device',
    'serials',
    'bind',
    'placeholders',
    'settings',
    'accept',
    'pause',
    'resume',
    'attributes',
  ].map(act => `${act} done`),
  ...['remove device', 'serials', 'bind', 'placeholders', 'accept', 'attributes', 'identity collection'].map(
    act => `${act} refused`,
  ),
  ...[
    'remove integration done',
    'identity collection done',
    'identity collection done under a run',
    'sync with identity collection off',
    'add integration',
    'agents vanish',
    'agents come back',
    'behave',
    'token',
    'pass',
    'keep',
    'unchanged sweep',
    'a device found by a name',
    'addresses of several devices',
    'certificateFingerprints of several devices',
    'sync succeeded with losses accepted',
    'sync held with losses accepted',
  ],
];

describe.concurrent('the model', () => {
  it.each(seeds)('seed %i: after every step the database holds what the naive twin says', async seed => {
    const steps = drawSteps(seed);
    const failure = await failureOf(steps);
    if (failure) {
      const fewest = await shrink(steps.slice(0, failure.step + 1));
      const lines = fewest.map((step, i) => `  ${i}: ${JSON.stringify(step)}`).join('\n');
      const last = (await failureOf(fewest)) ?? failure;
      const hint = `again: MODEL_SEED=${seed} npx vitest run test/model, or node ${longForm} --from ${seed} --seeds 1`;
      throw new Error(
        `seed ${seed} fails at step ${failure.step}; ${hint}\nthe fewest steps found:\n${lines}\n${last.stack}`,
        {
          cause: last.cause,
        },
      );
    }
    expect(failure).toBeNull();
  });
});

afterAll(() => {
  if (MODEL_COUNTS !== undefined)
    console.log(
      [...met]
        .sort()
        .map(([what, n]) => `${n} ${what}`)
        .join('\n'),
    );
});

describe('the model test', () => {
  it.runIf(first === 1 && count >= 60)('has met every kind of step, fault and outcome', () => {
    expect(wanted.filter(what => !met.has(what))).toEqual([]);
  });
});

async function failureOf(steps: readonly Step[]): Promise<ModelFailure | null> {
  try {
    await play(steps, met);
    return null;
  } catch (error) {
    if (error instanceof ModelFailure) return error;
    throw error;
  }
}

/** So many plays at most to make a failure small. */
const mostTries = 80;

/** Leaves out one step after the other, and then parts of steps, for as long as it fails all the same. */
async function shrink(steps: readonly Step[]): Promise<readonly Step[]> {
  let fewest = steps;
  let tries = 0;
  const tryInstead = async (fewer: readonly Step[]) => {
    if (tries++ >= mostTries) return;
    const failure = await failureOf(fewer);
    if (failure) fewest = fewer.slice(0, failure.step + 1);
  };
  for (let i = fewest.length - 1; i >= 0; i--) await tryInstead(fewest.filter((_, n) => n !== i));
  for (let i = fewest.length - 1; i >= 0; i--) {
    const step = fewest[i];
    if (!step) continue;
    for (const simpler of simplerThan(step)) await tryInstead(fewest.with(i, { ...fewest[i], ...simpler } as Step));
  }
  for (const list of ['agents', 'records', 'ids'] as const) {
    for (let i = fewest.length - 1; i >= 0; i--) {
      for (let size = lengthOf(fewest[i], list) / 2; size >= 1; size = size / 2) {
        const portion = Math.ceil(size);
        for (let at = 0; at < lengthOf(fewest[i], list); ) {
          const before = lengthOf(fewest[i], list);
          await tryInstead(fewest.with(i, without(fewest[i], list, at, portion)));
          if (lengthOf(fewest[i], list) === before) at += portion;
        }
      }
    }
  }
  return fewest;
}

function simplerThan(step: Step): object[] {
  if (step.do !== 'sync') return [];
  return [
    { meanwhile: null },
    { twice: false },
    { dryRunFirst: false },
    { takesMs: 0 },
    { fail: null },
    { totalOff: 0 },
  ];
}

function listOf(step: Step | undefined, list: string): readonly unknown[] {
  const found: unknown = step && list in step ? (step as unknown as Record<string, unknown>)[list] : [];
  return Array.isArray(found) ? found : [];
}

const lengthOf = (step: Step | undefined, list: string) => listOf(step, list).length;

function without(step: Step | undefined, list: string, at: number, portion: number): Step {
  const left = listOf(step, list).filter((_, i) => i < at || i >= at + portion);
  return { ...step, [list]: left } as unknown as Step;
}
