// What the editor offers while a policy is written: names of sections and keys, attributes, the operators that go with them, values that are
// known or occur, postures, groups, tags and hosts of the text itself.
import type { Completion, CompletionContext, CompletionResult, CompletionSource } from '@codemirror/autocomplete';
import { getLocation, type JSONPath, type Node, parseTree } from 'jsonc-parser';
import type { Schemas } from '../../api/client.ts';
import { texts } from '../../texts.ts';

type Entry = Schemas['AttributeEntry'];
export type Catalogue = Schemas['AttributeCatalogue'];

/** Larger texts are written without help. */
const longest = 400_000;

const sections = [
  ...['postures', 'defaultSrcPosture', 'acls', 'grants', 'permissions', 'groups', 'tagOwners', 'hosts', 'tests'],
];
const keysBelow: Readonly<Record<string, readonly string[]>> = {
  postures: ['conditions', 'description', 'resolution', 'tags'],
  acls: ['action', 'src', 'dst', 'srcPosture', 'proto'],
  grants: ['src', 'dst', 'ip', 'srcPosture'],
  permissions: ['src', 'actions', 'resources', 'when', 'srcPosture'],
  tests: ['src', 'srcTags', 'srcPostureAttrs', 'proto', 'properties', 'accept', 'deny'],
};
const durations = ['15m', '1h', '12h', '24h', '7d', '30d'];
const autogroups = ['autogroup:member', 'autogroup:tagged'];

/** @param catalogue what is known of attributes; undefined while it is not there yet */
export function completeFrom(catalogue: () => Catalogue | undefined): CompletionSource {
  return context => {
    const text = context.state.sliceDoc();
    if (text.length > longest) return null;
    const { path, previousNode, isAtPropertyKey } = getLocation(text, context.pos);
    const node = previousNode;
    const isInText = node?.type === 'string' && node.offset < context.pos && context.pos <= node.offset + node.length;
    if (!isInText && !context.explicit) return null;
    const begin = isInText ? node.offset + 1 : context.pos;
    const before = context.state.sliceDoc(begin, context.pos);
    if (isAtPropertyKey) return keys(path, before, begin, isInText, catalogue());
    if (isConditionAt(path)) return isInText ? inCondition(before, context, text, catalogue()) : null;
    return wholeText(namesAt(path, text), begin, isInText);
  };
}

function isConditionAt([section, , third, fourth]: JSONPath): boolean {
  if (section === 'permissions') return third === 'when';
  return section === 'postures' && (typeof third === 'number' || (third === 'conditions' && fourth !== undefined));
}

function keys(
  [section, second, third]: JSONPath,
  before: string,
  begin: number,
  isInText: boolean,
  catalogue: Catalogue | undefined,
): CompletionResult | null {
  if (section === 'tests' && third === 'srcPostureAttrs') {
    const options = (catalogue?.attributes ?? []).map(entry => attributeOption(entry, catalogue));
    return wholeText(options, begin, isInText);
  }
  const isTop = second === undefined;
  const names = isTop ? sections : third === undefined || section === 'postures' ? undefined : [];
  const below = keysBelow[String(section)];
  const offered = isTop ? names : typeof second === 'number' || third !== undefined ? below : undefined;
  if (offered === undefined) return before === '' ? null : wholeText([{ label: 'posture:' }], begin, isInText);
  return wholeText(
    offered.map(label => ({ label, type: 'property' })),
    begin,
    isInText,
  );
}

/** A text of which the whole is offered: in its quotes, or with them where there are none yet. */
function wholeText(options: Completion[], begin: number, isInText: boolean): CompletionResult | null {
  if (options.length === 0) return null;
  const quotedOptions = options.map(option => ({ ...option, apply: `"${option.label}"` }));
  return { from: begin, options: isInText ? options : quotedOptions, validFor: /^[\w:.*@-]*$/ };
}

function namesAt([section, second, third]: JSONPath, text: string): Completion[] {
  const key = typeof second === 'number' ? third : section;
  const labels = (names: readonly string[], type: string): Completion[] => names.map(label => ({ label, type }));
  const of = (name: string) => namesIn(text, name);
  switch (key) {
    case 'srcPosture':
    case 'defaultSrcPosture':
      return labels(of('postures'), 'class');
    case 'src':
      return labels(['*', ...autogroups, ...of('groups'), ...of('tagOwners'), ...of('hosts')], 'variable');
    case 'dst':
    case 'accept':
    case 'deny':
      return labels(
        ['*:*', ...of('hosts').map(host => `${host}:443`), ...of('tagOwners').map(tag => `${tag}:443`)],
        'variable',
      );
    case 'action':
      return labels(['accept'], 'keyword');
    case 'tags':
    case 'srcTags':
      return labels(of('tagOwners'), 'variable');
    case 'tagOwners':
      return labels([...of('groups'), ...autogroups], 'variable');
    default:
      return section === 'postures' && third === 'tags' ? labels(of('tagOwners'), 'variable') : [];
  }
}

/** @returns the names that a section defines, also of a text that has errors */
function namesIn(text: string, section: string): string[] {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const found = membersOf(root).find(([name]) => name.toLowerCase() === section.toLowerCase());
  return membersOf(found?.[1]).map(([name]) => name);
}

function membersOf(node: Node | undefined): [string, Node | undefined][] {
  if (node?.type !== 'object') return [];
  return (node.children ?? []).map(({ children: [name, value] = [] }) => [String(name?.value ?? ''), value]);
}

/** Offers what fits to the comparison that the cursor is in. */
function inCondition(
  before: string,
  { pos, state }: CompletionContext,
  text: string,
  catalogue: Catalogue | undefined,
): CompletionResult | null {
  const operand = before.slice(operandBegin(before));
  const result = (partial: string, options: Completion[], validFor: RegExp): CompletionResult | null =>
    options.length === 0 ? null : { from: pos - partial.length, options, validFor };
  const [, name] = /^\s*([\w:.-]*)$/.exec(operand) ?? [];
  if (name !== undefined) {
    const attributes = (catalogue?.attributes ?? []).map(entry => attributeOption(entry, catalogue));
    const postures = namesIn(text, 'postures').map(label => ({
      label,
      type: 'class',
      detail: texts.policy.completion.posture,
    }));
    return result(name, [...attributes, ...postures], /^[\w:.-]*$/);
  }
  const [, age] = /WITHIN\s+('?[^']*)$/i.exec(operand) ?? [];
  const hasQuote = state.sliceDoc(pos, pos + 1) === "'";
  const quote = (value: string) => (hasQuote ? `'${value}` : `'${value}'`);
  if (age !== undefined)
    return result(
      age,
      durations.map(each => ({ label: `'${each}'`, apply: quote(each), type: 'constant' })),
      /^'?\w*$/,
    );
  const [, of, value] =
    /^\s*([A-Za-z]\w*:[\w:.-]+)\s*(?:==|!=|<=?|>=?|\bNOT\s+IN\s*\[(?:.*,)?|\bIN\s*\[(?:.*,)?)\s*('[^']*|[\w.]*)$/i.exec(
      operand,
    ) ?? [];
  const entry = catalogue?.attributes.find(each => each.name === of);
  if (value !== undefined)
    return entry === undefined ? null : result(value, valueOptions(entry, catalogue, quote), /^'?[^'\]]*$/);
  const [, attribute, word] = /^\s*([A-Za-z]\w*:[\w:.-]+)\s+([=!<>]*|[A-Za-z]*)$/.exec(operand) ?? [];
  if (word === undefined) return null;
  const operators = catalogue?.attributes.find(each => each.name === attribute)?.operators ?? [];
  return result(word, operators.map(operatorOption), /^([=!<>]*|[A-Za-z ]*)$/);
}

/** Where the comparison begins that a text ends in: behind the last `&&`, `||`, `!` or `(` that is not in quotes. */
function operandBegin(before: string): number {
  let begin = 0;
  let isQuoted = false;
  for (let i = 0; i < before.length; i++) {
    const character = before.charAt(i);
    if (character === "'") isQuoted = !isQuoted;
    else if (!isQuoted && ('(&|'.includes(character) || (character === '!' && before.charAt(i + 1) !== '=')))
      begin = i + 1;
  }
  return begin;
}

/** In the order in which the service has them. */
function operatorOption(operator: string, place: number): Completion {
  const boost = -place;
  const apply =
    operator.endsWith('IN') && operator !== 'WITHIN'
      ? `${operator} [`
      : operator.endsWith('SET')
        ? operator
        : `${operator} `;
  return { label: operator, apply, type: 'keyword', boost };
}

function attributeOption(entry: Entry, catalogue: Catalogue | undefined): Completion {
  const { name, type, about, devices } = entry;
  const share = texts.policy.completion.share(devices, catalogue?.devices ?? 0);
  return {
    ...{ label: name, type: 'variable', detail: `${texts.policy.types[type]} · ${share}` },
    // What no device has is offered last.
    boost: devices > 0 ? 1 : -1,
    ...(about === null ? {} : { info: () => note(about) }),
  };
}

function valueOptions(
  { type, known, values }: Entry,
  catalogue: Catalogue | undefined,
  quote: (value: string) => string,
): Completion[] {
  const isPlain = type === 'boolean' || type === 'number';
  const occurring = new Map(values.map(({ value, devices }) => [String(value), devices]));
  const all = [...new Set([...occurring.keys(), ...(known ?? []), ...(type === 'boolean' ? ['true', 'false'] : [])])];
  return all.map((value, i) => ({
    ...{ label: isPlain ? value : `'${value}'`, apply: isPlain ? value : quote(value), type: 'constant', boost: -i },
    detail: texts.policy.completion.share(occurring.get(value) ?? 0, catalogue?.devices ?? 0),
  }));
}

/** As text: what stands there comes from elsewhere. */
function note(text: string): HTMLElement {
  const element = document.createElement('div');
  element.textContent = text;
  return element;
}
