// The files that take longest begin first, or one of them would run alone at the end, with nothing for the other worker to do. Vitest
// knows how long a file takes only where it ran before; else it goes by size, and Schemathesis is a small file.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** In this order; what is not here takes less than half a minute. */
const longest = [
  'schemathesis',
  'browser/look',
  'cli/processes',
  'model',
  'browser',
  'embedded',
  'image',
  'cli/commands',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = longest.findIndex(name => moduleId.includes(`/test/${name}`));
  return rank === -1 ? longest.length : rank;
}
