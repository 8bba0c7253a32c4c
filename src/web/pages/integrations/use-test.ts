// Trying settings before they are saved: a worker asks the provider, and the answer is waited for. What was found holds for just the
// settings that were tried: another letter typed, and it is gone.
import { useState } from 'react';
import { api, ask, here, type Schemas } from '../../api/client.ts';

export type Test = Schemas['IntegrationTest'];

const wait = { wait: 20 };
const lookEveryMs = 1_000;
const mostLooks = 60;

async function ended(started: Test, look: (testId: number) => Promise<Test>): Promise<Test> {
  let test = started;
  for (let n = 0; n < mostLooks && test.finishedAt === null; n++) {
    await new Promise(resolve => setTimeout(resolve, lookEveryMs));
    test = await look(test.id);
  }
  return test;
}

/** Of settings that are stored nowhere. */
export async function testNew(body: Schemas['NewPostureIntegration']): Promise<Test> {
  const path = '/api/v2/tailnet/{tailnet}/posture/integrations/test';
  const started = await ask(api.POST(path, { params: { path: here, query: wait }, body }));
  return await ended(started, testId => ask(api.GET(`${path}/{testId}`, { params: { path: { ...here, testId } } })));
}

/** Of an integration as it would be with changes. */
export async function testChanged(integrationId: string, body: Schemas['PostureIntegrationChanges']): Promise<Test> {
  const path = '/api/v2/posture/integrations/{integrationId}/test';
  const started = await ask(api.POST(path, { params: { path: { integrationId }, query: wait }, body }));
  return await ended(started, testId =>
    ask(api.GET(`${path}/{testId}`, { params: { path: { integrationId, testId } } })),
  );
}

interface Trial {
  /** What came of these very settings; null where they were not tried. */
  test: Test | null;
  error: unknown;
  /** Why the last try was refused, whatever was typed since. */
  refusal: unknown;
  isTesting: boolean;
  isWorking: boolean;
  run: (start: () => Promise<Test>) => void;
  /** Something else was tried since, and what comes of that is told. */
  forgetRefusal: () => void;
}

/** @param tried what is tried, as one text @returns what is known of just that */
export function useTrial(tried: string): Trial {
  const [known, setKnown] = useState<{ tried: string; test: Test | null; error: unknown } | null>(null);
  const [testing, setTesting] = useState<string | null>(null);
  const current = known?.tried === tried ? known : null;
  const run = (start: () => Promise<Test>) => {
    setTesting(tried);
    start()
      .then(
        test => setKnown({ tried, test, error: null }),
        (error: unknown) => setKnown({ tried, test: null, error }),
      )
      .finally(() => setTesting(null));
  };
  return {
    test: current?.test ?? null,
    error: current?.error ?? null,
    refusal: known?.error ?? null,
    isTesting: testing !== null,
    isWorking: current?.test?.result?.ok === true,
    run,
    forgetRefusal: () => setKnown(now => (now?.test ? now : null)),
  };
}
