// The rules of the house as pure functions over sources, so that each rule can be shown to fail. test/tidy.test.ts applies
// them to this repository. A violation is one line: the file, then what is wrong.
import path from 'node:path';
import { parseAst } from 'vitest/node';

/** Path from the repository's top -> text. */
export type Sources = ReadonlyMap<string, string>;

/** What may stay as it is although a rule speaks against it. Each entry says why; one that is not needed is a violation. */
export type Exceptions = Readonly<Record<string, { lines?: number; reason: string }>>;

interface Import {
  specifier: string;
  /** The file it means, if it is one of ours. */
  file: string | null;
  typeOnly: boolean;
  /** By `import()`, when the code comes by it. */
  later: boolean;
}

interface Facts {
  imports: Import[];
  functions: { name: string; lines: number }[];
  tests: string[];
  defaultExport: boolean;
  readsEnvironment: boolean;
  /** String literals that name a file of ours, from the top or from the file: workers, set-up files. */
  named: string[];
}

type Node = { type: string; start: number; end: number } & Record<string, unknown>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

const cache = new Map<string, Facts>();

function factsOf(file: string, text: string): Facts {
  const key = `${file}\n${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const facts: Facts = {
    imports: [],
    functions: [],
    tests: [],
    defaultExport: false,
    readsEnvironment: false,
    named: [],
  };
  visit(parseAst(text, { lang: file.endsWith('x') ? 'tsx' : 'ts' }), null, (node, parent) =>
    note(facts, file, text, node, parent),
  );
  cache.set(key, facts);
  return facts;
}

function visit(value: unknown, parent: Node | null, see: (node: Node, parent: Node | null) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, parent, see);
  if (!isNode(value)) return;
  see(value, parent);
  for (const [name, child] of Object.entries(value)) if (name !== 'parent') visit(child, value, see);
}

function note(facts: Facts, file: string, text: string, node: Node, parent: Node | null): void {
  if (/^(Import|ExportNamed|ExportAll)Declaration$|^ImportExpression$/.test(node.type) && isNode(node.source))
    noteImport(facts, file, node);
  if (node.type === 'ExportDefaultDeclaration') facts.defaultExport = true;
  if (/Function/.test(node.type) && isNode(node.body))
    facts.functions.push({ name: nameOf(node, parent), lines: text.slice(node.start, node.end).split('\n').length });
  if (node.type === 'MemberExpression' && /^process\??\.env$/.test(text.slice(node.start, node.end)))
    facts.readsEnvironment = true;
  if (node.type === 'CallExpression') facts.tests.push(...titleOf(node, text));
  if (node.type === 'Literal' && typeof node.value === 'string' && /\.tsx?$/.test(node.value))
    facts.named.push(path.posix.normalize(node.value), path.posix.join(path.posix.dirname(file), node.value));
}

function noteImport(facts: Facts, file: string, node: Node): void {
  const specifier = isNode(node.source) ? node.source.value : null;
  if (typeof specifier !== 'string') return;
  const specifiers = Array.isArray(node.specifiers) ? node.specifiers : [];
  const kind = node.importKind ?? node.exportKind;
  const eachIsType = specifiers.length > 0 && specifiers.every(s => s.importKind === 'type' || s.exportKind === 'type');
  facts.imports.push({
    specifier,
    file: specifier.startsWith('.') ? path.posix.join(path.posix.dirname(file), specifier) : null,
    typeOnly: kind === 'type' || eachIsType,
    later: node.type === 'ImportExpression',
  });
}

function nameOf(node: Node, parent: Node | null): string {
  for (const named of [node.id, parent?.key, parent?.id])
    if (isNode(named) && typeof named.name === 'string') return named.name;
  return 'a function without a name';
}

/** The title, if this calls test or it: test('...'), test.each(...)('...'), test.skipIf(...)('...'). Skipped ones are none. */
function titleOf(node: Node, text: string): string[] {
  if (!isNode(node.callee)) return [];
  const callee = text.slice(node.callee.start, node.callee.end);
  if (!/^(test|it)\b/.test(callee) || /^(test|it)\.(skip|todo)\b(?!If)/.test(callee)) return [];
  const first = Array.isArray(node.arguments) ? node.arguments[0] : null;
  if (!isNode(first)) return [];
  if (first.type === 'Literal' && typeof first.value === 'string') return [first.value];
  return first.type === 'TemplateLiteral' ? [text.slice(first.start + 1, first.end - 1)] : [];
}

function* each(sources: Sources, folder: string): Generator<[string, Facts, string]> {
  for (const [file, text] of sources) if (file.startsWith(folder)) yield [file, factsOf(file, text), text];
}

// The ranks, lowest first. What stands in one line does not meet. `config` is for `main` alone.
const ranks = [
  ['errors', 'log'],
  ['posture'],
  ['providers', 'store'],
  ['operations', 'http'],
  ['api', 'gateway', 'pages', 'sync', 'simulator'],
  ['cli'],
  ['config-values'],
  ['config-sign-in'],
  ['config'],
  ['main'],
];

function zoneOf(file: string): string {
  return (
    file
      .replace(/^src\//, '')
      .replace(/\.ts$/, '')
      .split('/')[0] ?? ''
  );
}

function rankOf(zone: string): number {
  return ranks.findIndex(row => row.includes(zone));
}

/** Imports only point down; siblings do not meet; `config` is read by `main`, its types also by `cli`. */
export function ranksBroken(sources: Sources): string[] {
  const found: string[] = [];
  for (const [file, facts] of each(sources, 'src/')) {
    const from = zoneOf(file);
    if (from === 'web') {
      const away = facts.imports.filter(({ file: target }) => target !== null && zoneOf(target) !== 'web');
      found.push(
        ...away.map(({ file: target }) => `${file}: the pages know the service by its OpenAPI file alone (${target})`),
      );
      continue;
    }
    if (rankOf(from) < 0) found.push(`${file}: "${from}" has no rank in the house`);
    for (const { file: target, typeOnly } of facts.imports) {
      if (target === null) continue;
      const to = zoneOf(target);
      if (!target.startsWith('src/') && target.endsWith('.json')) continue;
      if (!target.startsWith('src/')) found.push(`${file}: imports ${target}, which is no source`);
      else if (to === 'config') {
        if (from !== 'main' && !(from === 'cli' && typeOnly))
          found.push(`${file}: only main imports config (cli its types)`);
      } else if (from !== to && rankOf(to) >= rankOf(from))
        found.push(`${file}: ${from} must not import ${to} (${target})`);
    }
  }
  return found;
}

/** A provider is one folder: it knows no other provider. */
export function providersMeet(sources: Sources): string[] {
  const providerOf = (file: string) => /^src\/providers\/([^/]+)\//.exec(file)?.[1] ?? null;
  const found: string[] = [];
  for (const [file, facts] of each(sources, 'src/providers/'))
    for (const { file: target } of facts.imports) {
      const [own, other] = [providerOf(file), providerOf(target ?? '')];
      if (own !== null && other !== null && own !== other)
        found.push(`${file}: provider ${own} must not import provider ${other}`);
    }
  return found;
}

const kept: { packages: RegExp; home: RegExp; where: string }[] = [
  { packages: /^(pg|drizzle-orm|pg-copy-streams)(\/|$)/, home: /^src\/store\//, where: 'src/store' },
  { packages: /^openid-client(\/|$)/, home: /^src\/http\/openid\.ts$/, where: 'src/http/openid.ts' },
  { packages: /^cookie$/, home: /^src\/http\/cookies\.ts$/, where: 'src/http/cookies.ts' },
  { packages: /^got(\/|$)/, home: /^src\/providers\/http\.ts$/, where: 'src/providers/http.ts' },
];

/** Some packages are used in one place, and no source uses one that production does not install. */
export function packagesAstray(sources: Sources, dependencies: readonly string[], exceptions: Exceptions): string[] {
  const found: string[] = [];
  // What the pages are made of is built into them: production installs none of it.
  for (const [file, facts] of [...each(sources, 'src/')].filter(([name]) => !name.startsWith('src/web/')))
    for (const { specifier, file: target } of facts.imports) {
      if (target !== null || specifier.startsWith('node:')) continue;
      const owner = kept.find(({ packages }) => packages.test(specifier));
      if (owner !== undefined && !owner.home.test(file))
        found.push(`${file}: ${specifier} is imported only in ${owner.where}`);
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      if (!dependencies.includes(name)) found.push(`${file}: ${name} is not among the dependencies`);
    }
  return without(found, exceptions);
}

/** The packages that are read before a command is known: each start waits for them, that of `--version` too. */
export function packagesAtStart(sources: Sources): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const open = ['src/main.ts'];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    const text = sources.get(file);
    if (text === undefined || seen.has(file)) continue;
    seen.add(file);
    for (const { specifier, file: target, typeOnly, later } of factsOf(file, text).imports) {
      if (typeOnly || later) continue;
      if (target !== null) open.push(target);
      else if (!specifier.startsWith('node:')) found.add(specifier);
    }
  }
  return [...found].sort();
}

/** Configuration comes in by one door. */
export function environmentRead(sources: Sources): string[] {
  return [...each(sources, 'src/')]
    .filter(([file, facts]) => facts.readsEnvironment && file !== 'src/config.ts')
    .map(([file]) => `${file}: process.env is read only in src/config.ts`);
}

/** Every source is reached from src/main.ts, or as one of the pages from theirs, every helper of the tests from a test. */
export function unusedFiles(sources: Sources): string[] {
  const reach = (entries: string[], within: string) => {
    const seen = new Set<string>();
    const open = [...entries];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      const text = sources.get(file);
      if (text === undefined || seen.has(file)) continue;
      seen.add(file);
      const facts = factsOf(file, text);
      open.push(...[...facts.imports.map(i => i.file ?? ''), ...facts.named].filter(f => f.startsWith(within)));
    }
    return seen;
  };
  const files = [...sources.keys()];
  const used = reach(['src/main.ts', 'src/web/main.tsx', 'src/web/vite.config.ts'], 'src/');
  const usedByTests = reach(
    files.filter(f => /\.test\.ts$|^[^/]+\.config\.ts$|^test\/tools\//.test(f)),
    '',
  );
  return files
    .filter(f => (f.startsWith('src/') ? !used.has(f) : f.startsWith('test/') && !usedByTests.has(f)))
    .map(f => `${f}: nothing uses it`);
}

/** Red zones. What is longer is listed with its length and a reason; a list entry may shrink and never grow. */
export const longest = { file: 400, testFile: 600, function: 80 };

export function tooLong(sources: Sources, exceptions: Exceptions): string[] {
  const found: [string, number][] = [];
  for (const [file, facts, text] of [...each(sources, 'src/'), ...each(sources, 'test/')]) {
    const lines = text.trimEnd().split('\n').length;
    if (lines > (file.startsWith('src/') ? longest.file : longest.testFile)) found.push([file, lines]);
    if (file.startsWith('src/'))
      for (const { name, lines } of facts.functions)
        if (lines > longest.function) found.push([`${file} ${name}`, lines]);
  }
  const tooMuch = found
    .filter(([what, lines]) => lines > (exceptions[what]?.lines ?? 0))
    .map(([what, lines]) => `${what}: ${lines} lines`);
  const stale = Object.keys(exceptions).filter(what => !found.some(([f]) => f === what));
  return [...tooMuch, ...stale.map(what => `${what}: is listed as too long and is not any more`)];
}

/** A file tells its purpose at its head. */
export function headless(sources: Sources): string[] {
  return [...sources]
    .filter(([, text]) => !/^(#!.*\n)?(\/\/ |\/\*\*)/.test(text))
    .map(([file]) => `${file}: does not start by telling its purpose`);
}

/** Names are given once, where a thing is made. */
export function defaultExports(sources: Sources): string[] {
  return [...each(sources, '')]
    .filter(([file, facts]) => facts.defaultExport && !file.endsWith('.config.ts'))
    .map(([file]) => `${file}: has a default export`);
}

/** A title may hold quotation marks itself: it goes on to the next test's comma, or to the end. */
const namedTest = /`([^`]+)` > "(.+?)"(?=, `|\s*$)/g;

/** Each promise names tests that exist. The form is told at the head of docs/promises.md. */
export function promisesBroken(promises: string, sources: Sources): string[] {
  const found: string[] = [];
  const list = promises
    .split('\n## ')
    .slice(1)
    .join('\n## ')
    .replaceAll(/\n {2,}(?=\S)/g, ' ');
  for (const line of list.split('\n').filter(l => l.startsWith('- '))) {
    const [, sentence, references] = /^- (.+?\.) — (.+)$/.exec(line) ?? [];
    const tests = [...(references ?? '').matchAll(namedTest)];
    const rest = (references ?? '').replaceAll(namedTest, '').replaceAll(/[,\s]/g, '');
    if (sentence === undefined || tests.length === 0 || rest !== '')
      found.push(`docs/promises.md: not in the form: ${line}`);
    for (const [, file = '', title = ''] of tests) {
      const text = sources.get(file);
      if (text === undefined) found.push(`docs/promises.md: there is no ${file}`);
      else if (!factsOf(file, text).tests.includes(title))
        found.push(`docs/promises.md: ${file} has no test "${title}"`);
    }
  }
  return found;
}

/** An exception holds for all violations of one file; one that nothing needs is itself a violation. */
function without(found: string[], exceptions: Exceptions): string[] {
  const fileOf = (violation: string) => violation.slice(0, violation.indexOf(':'));
  const stale = Object.keys(exceptions).filter(file => !found.some(v => fileOf(v) === file));
  return [
    ...found.filter(v => exceptions[fileOf(v)] === undefined),
    ...stale.map(file => `${file}: has an exception it does not need`),
  ];
}
