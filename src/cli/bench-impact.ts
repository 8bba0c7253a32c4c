// How long it takes to tell who would gain and lose what by a policy, and for how long it keeps the process from anything else meanwhile:
// decisions are made in the same one.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { explainFirst, type ImpactSummary, impactOf } from '../operations/impact.ts';
import { applyPolicy } from '../operations/policies.ts';
import { createBenchDatabase, fillBenchDevices } from '../store/bench.ts';
import { createPool, databaseClock, migrate } from '../store/client.ts';
import { bench, round } from './bench-fleet.ts';

interface Change {
  name: string;
  seconds: number;
  /** Of this process, which also makes decisions; the database's come on top. */
  cpuSeconds: number;
  /** The longest that nothing else could be done in it. */
  blockedMs: number;
  gaining: number;
  losing: number;
}

export interface ImpactBench {
  devices: number;
  changes: Change[];
}

interface Asked {
  conditions: readonly string[];
}

const from = (version: string) => `sentinelOne:agentVersion >= '${version}'`;
const healthy = ['sentinelOne:isActive', 'sentinelOne:activeThreats == 0', "sentinelOne:operationalState == 'na'"];

const healthyFrom = (version: string) => ({ conditions: [...healthy, from(version)] });

/** A dozen postures, and as many rules. */
const postures: Readonly<Record<string, Asked>> = {
  'posture:active': { conditions: ['sentinelOne:isActive == true'] },
  'posture:clean': { conditions: ['sentinelOne:activeThreats == 0', 'sentinelOne:infected == false'] },
  'posture:healthy': { conditions: healthy },
  'posture:recent': healthyFrom('24.1'),
  'posture:newest': healthyFrom('24.2'),
  'posture:seen': { conditions: ["sentinelOne:lastActiveDate WITHIN '24h'"] },
  'posture:confirmed': { conditions: ["sentinelOne:isActive == true WITHIN '24h'"] },
  'posture:known': { conditions: ['sentinelOne:agentVersion IS SET', 'sentinelOne:isActive IS SET'] },
  'posture:odd': { conditions: ["sentinelOne:agentVersion IN ['24.1.3', '24.1.4', '24.2.5']"] },
  'posture:either': { conditions: [`posture:clean || ${from('24.1.20')}`] },
  'posture:not-infected': { conditions: ['!(sentinelOne:infected == true)'] },
  'posture:disabled': { conditions: ["sentinelOne:operationalState != 'na'", 'sentinelOne:isActive'] },
};

const rules = Object.keys(postures).map((posture, n) => ({
  action: 'accept',
  src: [n % 3 === 0 ? 'autogroup:member' : n % 3 === 1 ? 'tag:laptop' : '*'],
  srcPosture: [posture],
  dst: [`10.0.${n}.0/24:443`, `wiki${n % 4}:80-90`],
}));
const hosts = Object.fromEntries([0, 1, 2, 3].map(n => [`wiki${n}`, `wiki${n}.example.com`]));

function policyOf(changed: Readonly<Record<string, Asked>>): string {
  const tagOwners = { 'tag:laptop': ['autogroup:member'] };
  return JSON.stringify({ postures: { ...postures, ...changed }, hosts, tagOwners, acls: rules });
}

/** From nothing to everything. */
const changes: Readonly<Record<string, string>> = {
  'nothing changed': policyOf({}),
  "one posture's version raised": policyOf({ 'posture:recent': healthyFrom('24.1.20') }),
  'every posture changed': policyOf(
    Object.fromEntries(
      Object.entries(postures).map(([name, { conditions }]) => [
        name,
        { conditions: [...conditions, "sentinelOne:agentVersion != '24.2.9'"] },
      ]),
    ),
  ),
};

/** @param serverUrl a PostgreSQL server; a database is created there and dropped again */
export async function benchImpact(
  serverUrl: string,
  devices: number,
  tell: (line: string) => void,
): Promise<ImpactBench> {
  const database = await createBenchDatabase(serverUrl);
  const pool = createPool(database.url, { applicationName: 'posture-sync bench' });
  try {
    await migrate(database.url);
    tell(`filling a database with ${devices} devices`);
    await fillBenchDevices(database.url, devices);
    const now = await databaseClock(pool);
    await applyPolicy({ db: pool, now, actor: bench }, { text: policyOf({}), ifRevision: null });
    const found: Change[] = [];
    for (const [name, text] of Object.entries(changes)) {
      const delays = monitorEventLoopDelay({ resolution: 1 });
      delays.enable();
      const started = performance.now();
      const used = process.cpuUsage();
      const explainedOf = explainFirst();
      const { summary } = await impactOf({ db: pool, now }, text, {
        // As an answer does.
        change: (line, explain) => void explainedOf(line, explain),
      });
      const seconds = round((performance.now() - started) / 1_000);
      const { user, system } = process.cpuUsage(used);
      delays.disable();
      if (summary === null) throw new Error('a policy with errors');
      const { gaining, losing }: ImpactSummary = summary;
      found.push({
        name,
        seconds,
        cpuSeconds: round((user + system) / 1e6),
        blockedMs: round(delays.max / 1e6),
        gaining,
        losing,
      });
      tell(`${name}: ${seconds} s`);
    }
    return { devices, changes: found };
  } finally {
    await pool.end();
    await database.drop();
  }
}
