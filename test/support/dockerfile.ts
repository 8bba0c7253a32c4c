// Reads a Dockerfile and walks its steps in an empty folder, for machines where no Docker engine runs. Understands what
// our Dockerfile uses and nothing more; whatever else it meets is an error.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';

export interface Stage {
  name: string | null;
  from: string;
  steps: { instruction: string; rest: string }[];
}

/** What the last stage leaves for whoever starts a container. */
export interface Image {
  environment: Record<string, string>;
  directory: string;
  user: string;
  entrypoint: string[];
  command: string[];
  health: string[];
}

export function parseDockerfile(text: string): Stage[] {
  const stages: Stage[] = [];
  for (const line of text.replaceAll(/\\\n/g, ' ').split('\n')) {
    const [, instruction = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (instruction === '') continue;
    if (instruction === 'FROM') {
      const [from = '', , name = null] = rest.split(/\s+/);
      stages.push({ name, from, steps: [] });
    } else stages.at(-1)?.steps.push({ instruction, rest });
  }
  return stages;
}

export interface Walk {
  /** The build's context, as Docker is given it: only these files can be copied. */
  context: string;
  tracked: readonly string[];
  /** An empty folder; each stage gets its own root below it. */
  place: string;
  environment: NodeJS.ProcessEnv;
  /** Packages that `npm ci` would bring, with those for development: linked instead. */
  installed: string;
}

/** @returns the root of the last stage, and what to start there */
export function walkStages(stages: readonly Stage[], walk: Walk): { root: string; image: Image } {
  let last: { root: string; image: Image } | null = null;
  for (const [index, stage] of stages.entries()) {
    const root = rootOf(stage.name ?? String(index), walk);
    mkdirSync(path.join(root, 'usr/local/bin'), { recursive: true });
    const image: Image = { environment: {}, directory: '/', user: 'root', entrypoint: [], command: [], health: [] };
    for (const step of stage.steps) walkStep(step, root, image, walk);
    last = { root, image };
  }
  if (last === null) throw new Error('the Dockerfile has no stage');
  return last;
}

function rootOf(stage: string, walk: Walk): string {
  return path.join(walk.place, `stage-${stage}`);
}

function walkStep({ instruction, rest }: Stage['steps'][number], root: string, image: Image, walk: Walk): void {
  const directory = path.join(root, image.directory);
  switch (instruction) {
    case 'WORKDIR':
      image.directory = rest;
      mkdirSync(path.join(root, rest), { recursive: true });
      return;
    case 'ENV':
      for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) image.environment[name] = value;
      return;
    case 'COPY':
      copy(rest.split(/\s+/), directory, walk);
      return;
    case 'RUN':
      if (rest === 'npm ci') {
        symlinkSync(walk.installed, path.join(directory, 'node_modules'));
        return;
      }
      // Absolute paths of the image are paths below its root here.
      execFileSync('/bin/sh', ['-ec', rest.replaceAll(/(?<=\s)\/(?=app|usr|var)/g, `${root}/`)], {
        cwd: directory,
        env: walk.environment,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      return;
    case 'USER':
      image.user = rest;
      return;
    case 'HEALTHCHECK':
      image.health = JSON.parse(rest.slice(rest.indexOf('CMD ') + 4));
      return;
    case 'ENTRYPOINT':
      image.entrypoint = JSON.parse(rest);
      return;
    case 'CMD':
      image.command = JSON.parse(rest);
      return;
    case 'EXPOSE':
      return;
    default:
      throw new Error(`this walk does not know ${instruction}`);
  }
}

function copy(words: string[], directory: string, walk: Walk): void {
  const stage = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
  const target = words.pop() ?? '';
  for (const source of words) {
    const files = stage === undefined ? walk.tracked.filter(f => f === source || f.startsWith(`${source}/`)) : [source];
    if (files.length === 0) throw new Error(`COPY ${source}: there is no such file in the repository`);
    for (const file of files) {
      const from = stage === undefined ? path.join(walk.context, file) : path.join(rootOf(stage, walk), file);
      // A file goes into a target that ends in a slash; a folder's content goes to the target itself.
      const within = file === source && !statSync(from).isDirectory() && target.endsWith('/');
      const to = path.resolve(directory, target, within ? path.basename(file) : path.relative(source, file));
      if (!existsSync(from)) throw new Error(`COPY ${file}: it is gone`);
      cpSync(from, to, { recursive: true, verbatimSymlinks: true });
    }
  }
}
