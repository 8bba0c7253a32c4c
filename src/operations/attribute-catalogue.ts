// The attributes that conditions and filters may name, with what helps to choose one: what each means, which operators go with it, which
// values are known, which occur, and on how many devices it is set.
import type { AttributeSpec, AttributeType, AttributeValue } from '../posture/attributes.ts';
import { builtinAttributes } from '../posture/builtin-attributes.ts';
import { namespaceOf } from '../posture/catalogue.ts';
import type { Operator } from '../posture/conditions.ts';
import { attributeSpec, attributeSpecs, providerOfAttribute } from '../providers/registry.ts';
import { attributeFigures } from '../store/attribute-figures.ts';
import { allCustomKeys } from '../store/custom-attributes.ts';
import { countDevices, inSnapshot } from '../store/standing-reports.ts';
import type { Request } from './devices.ts';

/** An attribute as it may be chosen. */
export interface CatalogueEntry {
  /** One that ends in `*` is a family: what its members are called is not known beforehand. */
  name: string;
  namespace: string;
  isFamily: boolean;
  /** Who gives its values: an integration of a provider, an administrator, or whoever brings Tailscale's. */
  origin: 'provider' | 'custom' | 'builtin';
  /** The id of the provider. */
  provider: string | null;
  type: AttributeType;
  about: string | null;
  known: readonly string[] | null;
  /** For a time that moves at every check-in: how far the stored value may lag behind. */
  resolutionMs: number | null;
  /** Those that make sense with its type. */
  operators: readonly (Operator | 'WITHIN')[];
  /** Devices that have it. */
  devices: number;
  /** Those that most devices have; none of times, addresses, and texts that hardly occur twice. */
  values: readonly { value: AttributeValue; devices: number }[];
}

export interface AttributeCatalogue {
  attributes: CatalogueEntry[];
  /** All there are. */
  devices: number;
  /** False: the inventory is large, and figures are what a part of it lets expect. */
  isExact: boolean;
}

const mostValues = 20;
const equality = ['==', '!=', 'IN', 'NOT IN'] as const;
const order = ['<', '<=', '>', '>='] as const;
const presence = ['IS SET', 'NOT SET', 'WITHIN'] as const;

const operatorsOf: Readonly<Record<AttributeType, readonly (Operator | 'WITHIN')[]>> = {
  boolean: ['==', '!=', ...presence],
  string: [...equality, ...presence],
  address: [...equality, ...presence],
  number: [...equality, ...order, ...presence],
  version: [...equality, ...order, ...presence],
  time: ['WITHIN', ...order, 'IS SET', 'NOT SET'],
};

/** @returns every attribute that a condition may name: by namespace, as declared; custom ones that any device has; members of families that occur */
export async function attributeCatalogue({ db }: Pick<Request, 'db'>): Promise<AttributeCatalogue> {
  const declared = [...attributeSpecs(), ...builtinAttributes];
  const valueless = declared.filter(({ type }) => type === 'time' || type === 'address').map(({ name }) => name);
  return await inSnapshot(db, async client => {
    const { byName, isExact } = await attributeFigures(client, valueless, mostValues);
    const keys = await allCustomKeys(client);
    const figures = (name: string) => byName.get(name) ?? { devices: 0, values: [] };
    const members = [...byName.keys()].flatMap(name => {
      const spec = attributeSpec(name);
      return spec?.name.endsWith('*') ? [{ ...spec, name }] : [];
    });
    const attributes = [...declared, ...members].map(spec => entryOf(spec, figures(spec.name)));
    const custom = keys.map(({ key, type, devices }) => ({
      ...entryOf({ name: key, type, about: '' }, figures(key)),
      // Kept by whoever sets them, and so right whatever was looked at.
      ...{ about: null, devices },
    }));
    return { attributes: [...attributes, ...custom], devices: await countDevices(client), isExact };
  });
}

function entryOf(
  { name, type, about, known, resolutionMs }: AttributeSpec,
  { devices, values }: Pick<CatalogueEntry, 'devices' | 'values'>,
): CatalogueEntry {
  const provider = providerOfAttribute(name) ?? null;
  const origin = provider !== null ? 'provider' : namespaceOf(name) === 'custom' ? 'custom' : 'builtin';
  // A text that one device alone has is more likely its own than one to choose: a name, a note, something entrusted.
  const isOpen = origin === 'provider' && type === 'string' && known === undefined;
  return {
    ...{ name, namespace: namespaceOf(name), isFamily: name.endsWith('*'), origin, provider, type, about },
    ...{ known: known ?? null, resolutionMs: resolutionMs ?? null, operators: operatorsOf[type], devices },
    values: values.filter(each => !isOpen || each.devices > 1),
  };
}
