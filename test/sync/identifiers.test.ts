// What devices are known by besides serial numbers: addresses and certificate fingerprints. How they are written, whose they
// are, and that they leave the matching of agents alone.
import { beforeEach, describe, expect, it } from 'vitest';
import { importDevices } from '../../src/operations/device-import.ts';
import { addDevice, removeDevice, setSerials, theDevice } from '../../src/operations/devices.ts';
import { changePlaceholders } from '../../src/operations/placeholders.ts';
import { devicePage } from '../../src/store/device-list.ts';
import { matchableDevices } from '../../src/store/integrations.ts';
import { Copy } from '../support/copy.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const one = 'a1'.repeat(32);
const two = 'b2'.repeat(32);
const colons = (digits: string) => digits.toUpperCase().match(/../g)?.join(':') ?? '';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
const request = () => ({ db: world.db, now: world.now, actor: tester });
const device = async (id: string) => await theDevice(world.db, id);
const known = async (id: string) => {
  const { addresses, certificateFingerprints, serials } = await device(id);
  return { addresses, certificateFingerprints, serials: serials.map(({ serial }) => serial) };
};
/** By device, what finds it. */
const found = async () => {
  const copy = new Copy(world.database, []);
  await copy.load();
  return Object.fromEntries([...copy.devices.values()].map(({ id, identifiers }) => [id, identifiers]));
};
const lastEvents = async (event: string) =>
  (await world.events(event)).map(({ target, old, new: young }) => [target.id, old ?? null, young ?? null]);

describe('addresses and certificate fingerprints of a device', () => {
  it('are kept in one form, each once', async () => {
    await world.devices({
      id: 'a',
      addresses: ['2001:DB8:0:0::1', '::ffff:10.0.0.7', '10.0.0.7', '127.0.0.1'],
      certificateFingerprints: [`sha256 Fingerprint=${colons(one)}`, one, two.toUpperCase()],
    });
    expect(await known('a')).toEqual({
      addresses: ['10.0.0.7', '127.0.0.1', '2001:db8::1'],
      certificateFingerprints: [one, two],
      serials: [],
    });
    expect(await found()).toEqual({
      a: [
        ...['address:10.0.0.7', 'address:127.0.0.1', 'address:2001:db8::1'],
        ...[`certificate_fingerprint:${one}`, `certificate_fingerprint:${two}`],
      ],
    });
    await world.verify();
  });

  it('stay where their field is absent, and go where it is null or empty', async () => {
    const all = { addresses: ['10.0.0.7'], certificateFingerprints: [one], serials: ['SER-1'] };
    await world.devices({ id: 'a', addresses: ['10.0.0.7'], certificateFingerprints: [one], serialNumbers: ['SER-1'] });
    await world.devices({ id: 'a', hostname: 'lt-1' });
    expect(await known('a')).toEqual(all);
    await world.devices({ id: 'a', addresses: null });
    expect(await known('a')).toEqual({ ...all, addresses: [] });
    await world.devices({ id: 'a', certificateFingerprints: [], addresses: ['10.0.0.8'] });
    expect(await known('a')).toEqual({ ...all, addresses: ['10.0.0.8'], certificateFingerprints: [] });
    await world.devices({ id: 'a', serialNumbers: null });
    expect(await known('a')).toEqual({ addresses: ['10.0.0.8'], certificateFingerprints: [], serials: [] });
    await world.verify();
  });

  it('are unchanged when they come again in another spelling', async () => {
    await world.devices({ id: 'a', addresses: ['10.0.0.7'], certificateFingerprints: [one] });
    const again = { id: 'a', addresses: ['::ffff:10.0.0.7'], certificateFingerprints: [colons(one)] };
    expect(await importDevices(request(), [{ line: 1, record: again }])).toMatchObject({ changed: 0, unchanged: 1 });
  });

  it.each([
    ['a network', { addresses: ['10.0.0.1', '10.0.0.0/8'] }, 'addresses.1: "10.0.0.0/8" is no address of one device'],
    ['a zone', { addresses: ['fe80::1%eth0'] }, 'addresses.0: "fe80::1%eth0" is no address'],
    ['SHA-1', { certificateFingerprints: [one.slice(0, 40)] }, 'certificateFingerprints.0: "a1a1'],
    ['SHA-1, which it names', { certificateFingerprints: [one.slice(0, 40)] }, 'is a SHA-1 fingerprint'],
    ['no digits', { certificateFingerprints: ['laptop'] }, '"laptop" is no SHA-256 fingerprint'],
    ['a text instead of a list', { addresses: '10.0.0.1' }, 'addresses: '],
    ['too many', { addresses: Array.from({ length: 101 }, (_, i) => `10.0.0.${i + 1}`) }, 'addresses: '],
  ])('are refused for %s, with the whole record and no other', async (_, record, message) => {
    const lines = [{ id: 'a', hostname: 'kept' }, { id: 'b', serialNumbers: ['SER-1'], ...record }, { id: 'c' }];
    const result = await importDevices(
      request(),
      lines.map((each, i) => ({ line: i + 1, record: each })),
    );
    expect(result).toMatchObject({ created: 2, rejected: [{ line: 2, message: expect.stringContaining(message) }] });
    await expect(addDevice(request(), { id: 'b', ...record })).rejects.toThrow(message);
  });

  it('are told in the audit log, those that changed alone', async () => {
    await world.devices({ id: 'a', serialNumbers: ['ser-1'], addresses: ['10.0.0.7'] }, { id: 'b' });
    await world.devices({ id: 'a', serialNumbers: ['SER-1'], addresses: ['10.0.0.8'], certificateFingerprints: [one] });
    await world.devices({ id: 'a', serialNumbers: ['SER-2'] });
    await removeDevice(request(), 'a');
    await removeDevice(request(), 'b');
    expect(await lastEvents('NODE.')).toEqual([
      ['a', null, { tags: [], serialNumbers: ['ser-1'], addresses: ['10.0.0.7'] }],
      ['b', null, { tags: [], serialNumbers: [] }],
      [
        'a',
        { addresses: ['10.0.0.7'], certificateFingerprints: [] },
        { addresses: ['10.0.0.8'], certificateFingerprints: [one] },
      ],
      ['a', { serialNumbers: ['ser-1'] }, { serialNumbers: ['SER-2'] }],
      [
        'a',
        { hostname: null, serialNumbers: ['SER-2'], addresses: ['10.0.0.8'], certificateFingerprints: [one] },
        null,
      ],
      ['b', { hostname: null, serialNumbers: [] }, null],
    ]);
  });
});

describe('an address or fingerprint on two devices', () => {
  const conflict = (kind: string, value: string, problem: string, ...devices: string[]) => [
    { kind, value, problem, devices },
  ];

  it('finds neither, and both say so and name the other', async () => {
    await world.devices({ id: 'a', addresses: ['10.0.0.7', '10.0.0.8'] }, { id: 'c', certificateFingerprints: [one] });
    await world.devices({ id: 'b', addresses: ['::ffff:10.0.0.7'] }, { id: 'd', certificateFingerprints: [one] });
    expect(await found()).toEqual({ a: ['address:10.0.0.8'], b: [], c: [], d: [] });
    const shared = ['address', '10.0.0.7', 'address_on_several_devices'] as const;
    expect((await device('a')).conflicts).toEqual(conflict(...shared, 'b'));
    expect((await world.explain('b')).device?.conflicts).toEqual(conflict(...shared, 'a'));
    expect((await world.explain('b')).alsoOn).toEqual(['a']);
    const same = ['certificate_fingerprint', one, 'fingerprint_on_several_devices'] as const;
    expect((await device('c')).conflicts).toEqual(conflict(...same, 'd'));
    const with_ = async (problem: string) =>
      (await devicePage(world.db, null, 10, { problem })).map(({ id }) => id).sort();
    expect(await with_('address_on_several_devices')).toEqual(['a', 'b']);
    expect(await with_('fingerprint_on_several_devices')).toEqual(['c', 'd']);
    expect(await with_('serial_on_several_devices')).toEqual([]);
    await world.verify();
  });

  it.each<[string, () => Promise<unknown>]>([
    ['gives it up', () => world.devices({ id: 'b', addresses: null })],
    ['gets another', () => world.devices({ id: 'b', addresses: ['10.0.0.9'] })],
    ['is removed', () => removeDevice(request(), 'b')],
  ])('finds the one again when the other %s, also in a copy that follows', async (_, act) => {
    const copy = new Copy(world.database, []);
    await world.devices({ id: 'a', addresses: ['10.0.0.7'] }, { id: 'b', addresses: ['10.0.0.7'] });
    await copy.load();
    expect(copy.devices.get('a')?.identifiers).toEqual([]);
    await act();
    await copy.follow();
    await copy.compare();
    expect(copy.devices.get('a')?.identifiers).toEqual(['address:10.0.0.7']);
    expect((await device('a')).conflicts).toEqual([]);
    await world.verify();
  });

  it('may go from one to the other within one file, whichever comes first', async () => {
    await world.devices({ id: 'a', addresses: ['10.0.0.1'] }, { id: 'b', addresses: ['10.0.0.2'] });
    await world.devices({ id: 'a', addresses: ['10.0.0.2'] }, { id: 'b', addresses: ['10.0.0.1'] });
    expect(await found()).toEqual({ a: ['address:10.0.0.2'], b: ['address:10.0.0.1'] });
    await world.verify();
  });

  it('is not on two when another has it as serial number', async () => {
    await world.devices({ id: 'a', addresses: ['10.0.0.7'] }, { id: 'b', serialNumbers: ['10.0.0.7'] });
    expect(await found()).toEqual({ a: ['address:10.0.0.7'], b: ['serial:10.0.0.7'] });
  });
});

describe('the matching of agents by serial numbers', () => {
  it('is not changed by addresses, shared or not', async () => {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1'), fakeAgent('2', '10.0.0.7'));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'], addresses: ['10.0.0.7'] }, { id: 'b' });
    await world.sync('hq');
    expect((await device('a')).reason).toBeNull();
    await world.devices({ id: 'b', addresses: ['10.0.0.7'] });
    expect((await device('a')).reason).toBeNull();
    expect((await device('b')).reason).toBe('no_serial');
    const { rows } = await world.db.query('select agent_id, device_id, reason from agents order by agent_id');
    expect(rows).toEqual([
      { agent_id: '1', device_id: 'a', reason: null },
      { agent_id: '2', device_id: null, reason: 'no_device' },
    ]);
    await world.verify();
  });

  it('says of a device with an address that it has no serial number, or no agent', async () => {
    await world.integration('hq');
    await world.devices(
      { id: 'a', addresses: ['10.0.0.1'] },
      { id: 'b', addresses: ['10.0.0.2'], serialNumbers: ['SER-2'] },
      { id: 'c', addresses: ['10.0.0.3'], serialNumbers: ['0000000'] },
    );
    const reasons = (await devicePage(world.db, null, 10)).map(({ id, reason }) => [id, reason]);
    expect(Object.fromEntries(reasons)).toEqual({ a: 'no_serial', b: 'no_agent', c: 'placeholder_serial' });
    expect(await matchableDevices(world.db)).toBe(1);
  });

  it('leaves addresses and fingerprints alone when serial numbers are set by hand', async () => {
    await world.devices({
      id: 'a',
      serialNumbers: ['SER-1'],
      addresses: ['10.0.0.7'],
      certificateFingerprints: [one],
    });
    await setSerials(request(), 'a', ['SER-9']);
    const others = ['address:10.0.0.7', `certificate_fingerprint:${one}`];
    expect(await found()).toEqual({ a: [...others, 'serial:SER-9'] });
    await setSerials(request(), 'a', []);
    expect(await found()).toEqual({ a: [...others, 'serial:SER-1'] });
    await world.verify();
  });

  it('takes no address for a placeholder, whatever it looks like or the list says', async () => {
    await changePlaceholders(request(), { add: ['10.0.0.7', one], remove: [] });
    const addresses = ['1.1.1.1', '10.0.0.7', '::1'];
    await world.devices({ id: 'a', addresses, certificateFingerprints: ['0'.repeat(64), one] });
    expect((await found()).a).toHaveLength(5);
    await changePlaceholders(request(), { add: [], remove: ['10.0.0.7', one] });
    await changePlaceholders(request(), { add: ['10.0.0.7', one], remove: [] });
    expect((await found()).a).toHaveLength(5);
    await world.verify();
  });
});

describe('explain', () => {
  it('finds a device by its address or fingerprint, however it is written', async () => {
    await world.devices({ id: 'a', addresses: ['10.0.0.7'], certificateFingerprints: [one] });
    for (const text of ['::ffff:10.0.0.7', colons(one)])
      expect((await world.explain(text)).device).toMatchObject({
        id: 'a',
        addresses: ['10.0.0.7'],
        certificateFingerprints: [one],
        conflicts: [],
      });
    await expect(world.explain('10.0.0.9')).rejects.toThrow('"10.0.0.9", and no device the address');
  });
});
