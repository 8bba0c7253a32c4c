// The example reporter as a process of its own, against a real service: machines are faked by the files and programs that it reads.
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { root } from '../support/checkout.ts';
import { programOf } from '../support/gateways.ts';
import { createWorld, type World } from '../support/world.ts';

const folder = path.join(root, 'examples/reporter');
const script = path.join(folder, 'reporter.sh');

interface Ran {
  status: number;
  stdout: string;
  stderr: string;
}

/** A machine: its files and programs, and what the reporter keeps there. */
interface Machine {
  place: string;
  keyFile: string;
  stateFile: string;
  run(...words: string[]): Promise<Ran>;
  /** Puts a program before those of the system. */
  program(name: string, text: string): void;
}

function freshPlace(): string {
  const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-reporter-'));
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  return place;
}

/** @param shell that runs the script */
function createMachine(key: string, shell = 'sh'): Machine {
  const place = freshPlace();
  mkdirSync(path.join(place, 'bin'));
  const keyFile = path.join(place, 'key');
  writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
  const program = (name: string, text: string) =>
    writeFileSync(path.join(place, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  // Nothing of the machine that the tests run on.
  program('dmidecode', 'exit 1');
  const env = { PATH: `${path.join(place, 'bin')}:${process.env.PATH}`, REPORTER_ROOT: place, TMPDIR: place };
  return {
    ...{ place, keyFile, program, stateFile: path.join(place, 'var/lib/state') },
    run: (...words) =>
      new Promise(resolve => {
        execFile(shell, [script, ...words], { env, timeout: 60_000 }, (error, stdout, stderr) =>
          resolve({ status: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
        );
      }),
  };
}

function asLinux(machine: Machine, files: Record<string, string>, name = 'lx-1'): void {
  machine.program('uname', `case $1 in -s) echo Linux ;; *) echo '${name}' ;; esac`);
  const dmi = path.join(machine.place, 'sys/class/dmi/id');
  rmSync(dmi, { recursive: true, force: true });
  mkdirSync(dmi, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(dmi, file), text);
}

const ioreg = `cat <<'END'
+-o J314sAP  <class IOPlatformExpertDevice, id 0x10000021f, registered, matched, active, busy 0 (0 ms), retain 38>
    {
      "manufacturer" = <"Apple Inc.">
      "IOPlatformUUID" = "564D5BD6-51BC-F09B-4BE9-B2EFE2B600A5"
      "IOPlatformSerialNumber" = "C02XK1ZZJG5J"
    }
END`;

describe('the reporter', () => {
  let world: World;
  let api: TestApi;
  let key: string;
  const whereTo = (machine: Machine) => [
    ...['--url', api.service.url, '--key-file', machine.keyFile, '--state-file', machine.stateFile],
  ];
  const reported = async (machine: Machine) => {
    const { status, stdout, stderr } = await machine.run(...whereTo(machine));
    expect([status, stderr]).toEqual([0, '']);
    return JSON.parse(stdout);
  };
  const devices = async () => (await api.call('GET', '/api/v2/tailnet/-/devices?fields=all')).body.devices;

  beforeEach(async () => {
    world = await createWorld();
    api = await startApi({ database: world.database, now: world.now });
    key = await api.keyFor('devices:report');
  });

  it.each(['sh', 'bash'])(
    'run by %s reports a Linux machine with all its serial numbers, and the next day nothing new',
    async shell => {
      const machine = createMachine(key, shell);
      const files = { product_serial: ' PF-1 \n', board_serial: 'L1HF "1"\\\n', chassis_serial: 'PF-1\n' };
      asLinux(machine, { ...files, product_uuid: 'uuid-1\n' });
      const made = await reported(machine);
      expect(made).toMatchObject({ outcome: 'created', refusedSerialNumbers: [] });
      expect(await devices()).toMatchObject([
        { id: made.device, hostname: 'lx-1', os: 'linux', postureIdentity: { serialNumbers: ['L1HF "1"\\', 'PF-1'] } },
      ]);
      expect(await reported(machine)).toEqual({ ...made, outcome: 'unchanged' });
    },
  );

  it('reports a Mac', async () => {
    const machine = createMachine(key);
    machine.program('uname', 'echo Darwin');
    machine.program('ioreg', ioreg);
    machine.program('scutil', 'echo Annas-MacBook');
    const { device } = await reported(machine);
    expect(await devices()).toMatchObject([
      { id: device, hostname: 'Annas-MacBook', os: 'macOS', postureIdentity: { serialNumbers: ['C02XK1ZZJG5J'] } },
    ]);
  });

  it('leaves out what no firmware ever wrote, and reports the rest', async () => {
    const machine = createMachine(key);
    asLinux(machine, { board_serial: 'L1HF1\n', product_uuid: 'uuid-1\n' });
    const dmi = path.join(machine.place, 'sys/class/dmi/id');
    writeFileSync(path.join(dmi, 'product_serial'), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0a]));
    writeFileSync(path.join(dmi, 'chassis_serial'), Buffer.from([0x41, 0xc3, 0x42, 0x0a]));
    await reported(machine);
    expect(await devices()).toMatchObject([{ postureIdentity: { serialNumbers: ['L1HF1'] } }]);
  });

  it('reads serial numbers where there is no /sys: by dmidecode, and of the device tree', async () => {
    const machine = createMachine(key);
    asLinux(machine, {});
    rmSync(path.join(machine.place, 'sys'), { recursive: true });
    machine.program(
      'dmidecode',
      `case $2 in system*) echo '# SMBIOS is old'; echo SYS-1 ;; base*) echo BOARD-1 ;; *) exit 1 ;; esac`,
    );
    mkdirSync(path.join(machine.place, 'proc/device-tree'), { recursive: true });
    writeFileSync(path.join(machine.place, 'proc/device-tree/serial-number'), '10000000abcdef01\0');
    const { stdout } = await machine.run('--dry-run');
    expect(JSON.parse(stdout)).toEqual({
      ...{ hostname: 'lx-1', os: 'linux', serialNumbers: ['10000000abcdef01', 'BOARD-1', 'SYS-1'] },
    });
  });

  it('shows neither the key nor its secret in the arguments of any process, and leaves no file behind', async () => {
    const machine = createMachine(key);
    asLinux(machine, { product_serial: 'PF-1\n' });
    const real = programOf('curl');
    const seen = path.join(machine.place, 'seen');
    for (const name of ['curl', 'sed', 'mv', 'find', 'cut', 'tr'])
      machine.program(
        name,
        `printf '%s\\n' "$0 $*" >>'${seen}'\nexec '${name === 'curl' ? real : programOf(name)}' "$@"`,
      );
    await reported(machine);
    const [, secret = ''] = readFileSync(machine.stateFile, 'utf8').split('\n');
    const arguments_ = readFileSync(seen, 'utf8');
    expect(secret).toMatch(/^[0-9a-f]{48}$/);
    expect(arguments_).toContain('/bin/curl --config');
    for (const kept of [key, secret]) expect(arguments_).not.toContain(kept);
    expect(statSync(machine.stateFile).mode & 0o777).toBe(0o600);
    expect(execFileSync('ls', [machine.place], { encoding: 'utf8' }).split('\n').sort()).toEqual([
      ...['', 'bin', 'key', 'seen', 'sys', 'var'],
    ]);
  });

  it('of a copied disk is another device, and of an answer that was lost the same one', async () => {
    const machine = createMachine(key);
    asLinux(machine, { product_serial: 'PF-1\n', product_uuid: 'uuid-1\n' });
    machine.program('curl', 'exit 28');
    const cut = await machine.run(...whereTo(machine));
    expect([cut.status, cut.stderr]).toEqual([1, expect.stringContaining('could not be reached')]);
    machine.program('curl', `exec '${programOf('curl')}' "$@"`);
    const [first, again] = [await reported(machine), await reported(machine)];
    expect(again.device).toBe(first.device);
    asLinux(machine, { product_serial: 'PF-2\n', product_uuid: 'uuid-2\n' }, 'lx-2');
    const copy = await reported(machine);
    expect([copy.outcome, copy.device === first.device]).toEqual(['created', false]);
    expect((await devices()).map(({ hostname }: { hostname: string }) => hostname).sort()).toEqual(['lx-1', 'lx-2']);
  });

  it('says what the service says when it refuses, and ends with 1', async () => {
    await world.devices({ id: 'lt-1', serialNumbers: ['PF-1'] });
    const machine = createMachine(key);
    asLinux(machine, { product_serial: 'PF-1\n' });
    const refused = await machine.run(...whereTo(machine));
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/status 409: .*another device has/)]);
    writeFileSync(machine.keyFile, await api.keyFor('devices:core'));
    expect((await machine.run(...whereTo(machine))).stderr).toMatch(/status 403: .*devices:report/);
    expect(await devices()).toHaveLength(1);
  });

  it('sends its key nowhere where it could be read on the way, nor one that others can read here', async () => {
    const machine = createMachine(key);
    asLinux(machine, { product_serial: 'PF-1\n' });
    machine.program('curl', 'echo asked >&2; exit 1');
    const rest = whereTo(machine).slice(2);
    for (const [words, status, told] of [
      [['--url', 'http://posture.example.com', ...rest], 2, 'https://'],
      [['--url', 'http://127.0.0.1:80@posture.example.com', ...rest], 2, 'character'],
      [['--url', 'http://localhost.example.com', ...rest], 2, 'https://'],
      [['--url', 'file:///etc/passwd', ...rest], 2, 'https://'],
      [rest, 2, '--url'],
      [['--url'], 2, 'needs a value'],
      [['--token', key], 2, 'no option'],
      [whereTo(machine).slice(0, 2), 2, '--key-file'],
      [[...whereTo(machine), '--spread', 'x'], 2, '--spread'],
      [[...whereTo(machine).slice(0, 2), '--key-file', '/nowhere'], 1, 'cannot be read'],
    ] as const) {
      const refused = await machine.run(...words);
      expect([words, refused.status, refused.stderr]).toEqual([words, status, expect.stringContaining(told)]);
      expect(refused.stderr).not.toContain('asked');
    }
    for (const mode of [0o640, 0o604, 0o620, 0o602]) {
      chmodSync(machine.keyFile, mode);
      expect((await machine.run(...whereTo(machine))).stderr).toContain('chmod 600');
    }
    chmodSync(machine.keyFile, 0o600);
    for (const wrong of ['', 'two words', 'a"b']) {
      writeFileSync(machine.keyFile, wrong);
      expect((await machine.run(...whereTo(machine))).stderr).toContain('does not hold a key');
    }
  });
});

describe('its scripts', () => {
  const powerShell = path.join(folder, 'reporter.ps1');

  it.skipIf(programOf('shellcheck') === null)('please shellcheck', () => {
    expect(execFileSync('shellcheck', [script], { encoding: 'utf8' })).toBe('');
  });

  it.skipIf(programOf('pwsh') === null)('can be parsed by PowerShell', () => {
    const parse = `$e = $null; [void][System.Management.Automation.Language.Parser]::ParseFile('${powerShell}', [ref]$null, [ref]$e); $e | Out-String`;
    expect(execFileSync('pwsh', ['-NoProfile', '-Command', parse], { encoding: 'utf8' }).trim()).toBe('');
  });

  it('hold nothing but ASCII, which PowerShell 5.1 needs', () => {
    for (const file of [script, powerShell]) expect(readFileSync(file, 'utf8')).toMatch(/^[\n\x20-\x7e]*$/);
  });
});
