// The device records that an organisation would have for a fleet: most agents' machines, with serial numbers as labels,
// invoices and other tools spell them, some machines without an agent, and some records that contradict each other.
import { isListed, type SimulatedAgent } from './agent.ts';
import type { Fleet } from './fleet.ts';
import { fraction, labelCode, mix, pick } from './random.ts';
import { junkSerials, respelled, trueSerial } from './serials.ts';

/** A device as `device import` takes it. */
export interface InventoryDevice {
  id: string;
  hostname: string;
  serialNumbers: string[];
  user: string | null;
  os: string;
  tags: string[];
}

const covered = 0.9;

/** The serial on the machine, with a chassis or mainboard number beside it, and now and then what firmware says instead. */
function serials(agent: SimulatedAgent, seed: number): string[] {
  const { machine, model } = agent;
  // A clone reports the serial of what it was copied from, and that is what the records say too.
  const reported = agent.serial && agent.serial.length > 6 && !junkSerials.includes(agent.serial) ? agent.serial : null;
  const own = reported ?? trueSerial(model.serialForm, machine, seed);
  const how = fraction(machine, seed + 80);
  const found: string[] = [];
  if (own !== null) found.push(how < 0.12 ? respelled(own, how / 0.12) : own);
  if (how > 0.6 && model.serialForm !== 'vmware')
    found.push(`.${labelCode(machine, seed + 81)}.CNWS${mix(machine, seed + 82) % 100_000}.`);
  if (how > 0.9 || own === null) found.push(pick(junkSerials, fraction(machine, seed + 83)));
  return found;
}

function osOf(agent: SimulatedAgent): string {
  return agent.model.osType === 'linux' ? 'Linux' : agent.model.osName;
}

/**
 * The organisation's device records: about 90 % of the machines that have an agent, some 3 % more that have none, some
 * whose agent was decommissioned, and a few with a serial number that another record has too. Equal fleets give equal
 * records; a machine keeps its record, also when its agent is reinstalled.
 */
export function inventory(fleet: Fleet): InventoryDevice[] {
  const seed = fleet.seed * 1_000;
  const devices: InventoryDevice[] = [];
  const seen = new Set<number>();
  for (const agent of fleet.agents) {
    const { machine } = agent;
    if (seen.has(machine)) continue;
    seen.add(machine);
    const chance = fraction(machine, seed + 84);
    if (chance >= covered || (!isListed(agent) && chance > 0.5)) continue;
    const device: InventoryDevice = {
      id: `dev-${String(machine + 1).padStart(6, '0')}`,
      hostname: agent.hostname,
      serialNumbers: serials(agent, seed),
      user: agent.user === '' ? null : `${agent.user}@example.com`,
      os: osOf(agent),
      tags: [`site:${agent.site.name.toLowerCase().replaceAll(' ', '-')}`, agent.model.machineType],
    };
    const before = devices[devices.length - 1 - (mix(machine, seed + 85) % 20)];
    // A refurbished or mistyped machine: its record has another's serial.
    if (chance < 0.008 && before?.serialNumbers[0])
      device.serialNumbers = [before.serialNumbers[0], ...device.serialNumbers];
    devices.push(device);
  }
  const without = Math.max(1, Math.round(devices.length * 0.03));
  for (let i = 0; i < without; i++) {
    devices.push({
      id: `dev-n${String(i + 1).padStart(5, '0')}`,
      hostname: `SPARE-${String(i + 1).padStart(4, '0')}`,
      serialNumbers: [`5CD${labelCode(i, seed + 86)}${i % 10}`],
      user: null,
      os: 'Windows 11 Enterprise',
      tags: ['spare'],
    });
  }
  return devices;
}
