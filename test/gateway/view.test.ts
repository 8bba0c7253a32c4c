// The view by itself: what it takes, what it forgets, and how old it says values are.
import { beforeEach, describe, expect, it } from 'vitest';
import { View } from '../../src/gateway/view.ts';
import { type Catalogue, createCatalogue } from '../../src/posture/catalogue.ts';
import type { FedDevice, FedValues } from '../../src/store/feed.ts';
import { fakeAttributes } from '../support/fake-provider.ts';

const device = (id: string, change: Partial<FedDevice> = {}): FedDevice => ({
  id,
  hostname: null,
  user: null,
  tags: [],
  identifiers: [],
  ...change,
});
const said = (
  deviceId: string,
  values: Record<string, unknown> | null,
  change: Partial<FedValues> = {},
): FedValues => ({
  deviceId,
  source: 'fake',
  values: values && JSON.stringify(values),
  moving: {},
  integrationId: 'p1',
  observedAt: 1_000,
  frozenAt: null,
  withheld: null,
  stated: null,
  ...change,
});

describe('the view', () => {
  let catalogue: Catalogue;
  let view: View;
  beforeEach(() => {
    catalogue = createCatalogue([...fakeAttributes, { name: 'other:*', type: 'boolean', about: '' }], null);
    view = new View(catalogue);
    view.takeIntegrations([{ id: 'p1', name: 'hq', provider: 'fake', sweptAt: 5_000 }]);
  });
  const take = (devices: FedDevice[], values: FedValues[] = [], removed: string[] = []) => {
    for (const id of removed) view.remove(id);
    view.take({ devices, values });
  };
  const value = (id: string, name: string) => view.device(id)?.value(catalogue.key(name));
  const confirmedAt = (id: string, name: string) => view.device(id)?.confirmedAt(catalogue.key(name));
  const integration = (id: string, name: string) => view.device(id)?.integration(catalogue.key(name));
  const keys = (id: string) =>
    view
      .device(id)
      ?.keys()
      .map(({ name }) => name);

  it('of two sources keeps what the first one said when the second one comes', () => {
    view.take({ devices: [device('a')], values: [said('a', { 'fake:threats': 3 })] });
    view.take({
      devices: [],
      values: [said('a', { 'custom:tier': 'gold' }, { source: 'custom', integrationId: null })],
    });
    expect([value('a', 'fake:threats'), value('a', 'custom:tier')]).toEqual([3, 'gold']);
    view.take({ devices: [], values: [said('a', null, { source: 'custom' })] });
    expect([value('a', 'fake:threats'), value('a', 'custom:tier')]).toEqual([3, undefined]);
  });

  it('has values by name, those that move among them, and none that are not set', () => {
    const moving = { 'fake:lastSeen': '2026-03-01T00:00:00.000Z' };
    take([device('a')], [said('a', { 'fake:threats': 0, 'fake:isActive': false }, { moving })]);
    expect(value('a', 'fake:threats')).toBe(0);
    expect(value('a', 'fake:isActive')).toBe(false);
    expect(value('a', 'fake:lastSeen')).toBe(moving['fake:lastSeen']);
    expect(value('a', 'fake:state')).toBeUndefined();
    expect(value('a', 'custom:tier')).toBeUndefined();
    expect(keys('a')).toEqual(['fake:threats', 'fake:isActive', 'fake:lastSeen']);
  });

  it('never takes the tags of one device for those of another one, however they are written', () => {
    take([device('a', { tags: ['tag:kiosk', 'tag:admin'] }), device('b', { tags: ['tag:kiosk\ntag:admin', 'x'] })]);
    take([device('c', { tags: ['tag:kiosk\nadmin'] })]);
    expect(view.device('a')?.tags).toEqual(['tag:kiosk', 'tag:admin']);
    expect(view.device('b')?.tags).toHaveLength(2);
    expect(view.device('c')?.tags).toEqual(['tag:kiosk\nadmin']);
  });

  it('says of a value that its agent was seen, or its integration swept, whichever is later', () => {
    take(
      [device('a'), device('b')],
      [said('a', { 'fake:threats': 0 }), said('b', { 'fake:threats': 0 }, { observedAt: 9_000 })],
    );
    expect([confirmedAt('a', 'fake:threats'), confirmedAt('b', 'fake:threats')]).toEqual([5_000, 9_000]);
    view.takeIntegrations([{ id: 'p1', name: 'hq', provider: 'fake', sweptAt: 20_000 }]);
    expect([confirmedAt('a', 'fake:threats'), confirmedAt('b', 'fake:threats')]).toEqual([20_000, 20_000]);
  });

  it('lets no sweep make a frozen agent, or a withheld value, look fresh', () => {
    const withheld = { 'fake:state': { integration: 'p2', confirmedAt: '1970-01-01T00:00:02.000Z' } };
    take(
      [device('a'), device('b')],
      [
        said('a', { 'fake:threats': 0 }, { frozenAt: 3_000 }),
        said('b', { 'fake:threats': 0, 'fake:state': 'na' }, { withheld }),
      ],
    );
    view.takeIntegrations([
      { id: 'p1', name: 'hq', provider: 'fake', sweptAt: 50_000 },
      { id: 'p2', name: 'lab', provider: 'fake', sweptAt: 60_000 },
    ]);
    expect(confirmedAt('a', 'fake:threats')).toBe(3_000);
    expect([confirmedAt('b', 'fake:threats'), confirmedAt('b', 'fake:state')]).toEqual([50_000, 2_000]);
    expect([integration('b', 'fake:threats'), integration('b', 'fake:state')]).toEqual(['hq', 'lab']);
  });

  it('has no time for a source that says nothing, and none for a value without any confirmation', () => {
    take([device('a'), device('b')], [said('a', { 'fake:threats': 0 }, { observedAt: null, integrationId: null })]);
    expect([confirmedAt('a', 'fake:threats'), integration('a', 'fake:threats')]).toEqual([null, null]);
    expect([confirmedAt('b', 'fake:threats'), keys('b')]).toEqual([null, []]);
  });

  it('replaces all that a source said, and keeps what others say', () => {
    const other = said('a', { 'other:x': true }, { source: 'other' });
    take([device('a')], [said('a', { 'fake:threats': 0, 'fake:state': 'na' }), other]);
    take([], [said('a', { 'fake:threats': 2 })]);
    expect(keys('a')).toEqual(['fake:threats', 'other:x']);
    expect([value('a', 'fake:threats'), value('a', 'fake:state')]).toEqual([2, undefined]);
    take([], [said('a', null)]);
    expect(keys('a')).toEqual(['other:x']);
  });

  it('knows one source in several namespaces, and forgets it in all of them', () => {
    take([device('a')], [said('a', { 'fake:threats': 0, 'other:x': true })]);
    expect([value('a', 'fake:threats'), value('a', 'other:x')]).toEqual([0, true]);
    expect(keys('a')).toEqual(['fake:threats', 'other:x']);
    take([], [said('a', { 'fake:threats': 1 })]);
    expect([value('a', 'fake:threats'), value('a', 'other:x')]).toEqual([1, undefined]);
  });

  it('gives values that devices share once, and still changes one device alone', () => {
    take([device('a'), device('b')], [said('a', { 'fake:threats': 0 }), said('b', { 'fake:threats': 0 })]);
    take([], [said('a', { 'fake:threats': 7 })]);
    expect([value('a', 'fake:threats'), value('b', 'fake:threats')]).toEqual([7, 0]);
    take([], [said('b', null)], ['a']);
    expect([view.device('a'), value('b', 'fake:threats')]).toEqual([null, undefined]);
    take([device('c')], [said('c', { 'fake:threats': 0 })]);
    expect(value('c', 'fake:threats')).toBe(0);
  });

  it('finds devices by what identifies them, as it moves from one to another within one step', () => {
    take([device('a', { identifiers: ['serial:ONE', 'serial:TWO'] }), device('b', { identifiers: ['serial:THREE'] })]);
    expect(view.deviceWith('serial:TWO')?.id).toBe('a');
    // Whichever comes first.
    take([device('b', { identifiers: ['serial:TWO', 'serial:ONE'] }), device('a', { identifiers: ['serial:THREE'] })]);
    expect(['ONE', 'TWO', 'THREE'].map(serial => view.deviceWith(`serial:${serial}`)?.id)).toEqual(['b', 'b', 'a']);
    take([device('a')]);
    expect(view.deviceWith('serial:THREE')).toBeNull();
  });

  it('has the addresses of a device as they are now, for rules that go by them', () => {
    take([device('a', { identifiers: ['address:10.0.0.7', 'address:2001:db8::1', 'serial:ONE'] }), device('b')]);
    expect(view.device('a')?.addresses).toEqual(['10.0.0.7', '2001:db8::1']);
    expect(view.deviceWith('address:10.0.0.7')?.id).toBe('a');
    // Most have none, and share that.
    expect(view.device('b')?.addresses).toBe(view.device('b')?.identifiers);
    take([device('a', { identifiers: ['serial:ONE'] })]);
    expect([view.device('a')?.addresses, view.deviceWith('address:10.0.0.7')]).toEqual([[], null]);
  });

  it('finds nothing by what identified a device that is no more', () => {
    take([device('a', { identifiers: ['serial:ONE'] })], [said('a', { 'fake:threats': 0 })]);
    take([], [said('a', null)], ['a', 'never-there']);
    expect([view.size, view.device('a'), view.deviceWith('serial:ONE')]).toEqual([0, null, null]);
  });

  it('takes no values of devices that it does not know', () => {
    take([], [said('a', { 'fake:threats': 0 })]);
    expect([view.size, view.device('a')]).toEqual([0, null]);
  });
});
