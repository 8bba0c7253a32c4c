// What the tests of the language share: a catalogue with an attribute of each type, and conditions asked of values.
import type { AttributeSpec, AttributeType, AttributeValue } from '../../src/posture/attributes.ts';
import { type Catalogue, createCatalogue } from '../../src/posture/catalogue.ts';
import { parseCondition } from '../../src/posture/condition-parser.ts';
import type { Expression } from '../../src/posture/conditions.ts';
import { type Facts, factsOf } from '../../src/posture/facts.ts';
import { compilePostures, type Explanation, type Posture } from '../../src/posture/postures.ts';

export const now = Date.parse('2026-11-20T12:00:00.000Z');
export const minute = 60_000;
export const hour = 60 * minute;

/** One attribute of each type, and one whose type nobody told. */
export const specs: readonly AttributeSpec[] = [
  { name: 't:boolean', type: 'boolean', about: '' },
  { name: 't:number', type: 'number', about: '' },
  { name: 't:string', type: 'string', about: '' },
  { name: 't:version', type: 'version', about: '' },
  { name: 't:time', type: 'time', about: '' },
  { name: 't:address', type: 'address', about: '' },
  { name: 'fleetPolicy:*', type: 'boolean', about: '' },
];

export type Values = Readonly<Record<string, AttributeValue>>;

export function catalogueOf(customTypes: ReadonlyMap<string, AttributeType> | null = null): Catalogue {
  return createCatalogue(specs, customTypes);
}

export function expressionOf(text: string): Expression {
  const { expression, problem } = parseCondition(text);
  if (expression === null) throw new Error(`${text}: ${problem.message}`);
  return expression;
}

/** @param definitions conditions of each posture by the name behind `posture:` */
export function posturesOf(
  definitions: Readonly<Record<string, readonly string[] | { conditions: readonly string[]; tags: string[] }>>,
  catalogue: Catalogue,
): ReadonlyMap<string, Posture> {
  const { postures, problems } = compilePostures(
    Object.entries(definitions).map(([name, given]) => {
      const { conditions, tags } = 'conditions' in given ? given : { conditions: given, tags: [] };
      return { name: `posture:${name}`, conditions: conditions.map(expressionOf), tags };
    }),
    catalogue,
  );
  if (problems[0]) throw new Error(problems[0].message);
  return postures;
}

export function postureOf(conditions: readonly string[], catalogue: Catalogue): Posture {
  const posture = posturesOf({ it: conditions }, catalogue).get('posture:it');
  if (posture === undefined) throw new Error('it was not compiled');
  return posture;
}

export interface Circumstances {
  /** When the values were confirmed; null: never. */
  confirmedAt?: number | null;
  tags?: string[];
  at?: number;
}

/** Asks a condition of a device with these values, and makes sure that both ways of asking agree. */
export function explain(condition: string, values: Values, circumstances: Circumstances = {}): Explanation {
  const catalogue = catalogueOf();
  const posture = postureOf([condition], catalogue);
  const { at = now, confirmedAt = now, tags = [] } = circumstances;
  const facts: Facts = factsOf(catalogue, values, { tags, confirmedAt, integration: 'hq' });
  const explanation = posture.explain(facts, at);
  if (explanation.holds !== posture.holds(facts, at))
    throw new Error(`${condition} holds in one way and not in the other`);
  if ((explanation.reasons.length === 0) !== (explanation.holds === true)) throw new Error(`${condition}: reasons`);
  return explanation;
}

export function holds(condition: string, values: Values, circumstances?: Circumstances): boolean | null {
  return explain(condition, values, circumstances).holds;
}
