// What commands take and tell of devices' addresses and certificate fingerprints.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createInstallation, type Installation } from '../support/cli.ts';

let it: Installation;
beforeEach(async () => {
  it = await createInstallation();
});
afterEach(() => it.close());

describe('addresses and certificate fingerprints', () => {
  test('are added and shown, with the other devices that have them', async () => {
    const digits = 'ab'.repeat(32);
    const words = [
      '--address',
      '10.0.0.7',
      '--address',
      '2001:DB8::1',
      '--certificate-fingerprint',
      `SHA256:${digits}`,
    ];
    const added = await it.run(['device', 'add', 'd1', ...words, '--json']);
    expect(added.json()[0]).toMatchObject({
      addresses: ['10.0.0.7', '2001:db8::1'],
      certificateFingerprints: [digits],
      conflicts: [],
    });
    await it.run(['device', 'add', 'd2', '--address', '::ffff:10.0.0.7']);
    for (const command of [
      ['device', 'show', 'd1'],
      ['explain', digits],
    ]) {
      const { stdout } = await it.run(command);
      expect(stdout).toMatch(/^addresses: +10\.0\.0\.7 \(several devices have it: d2\), 2001:db8::1$/m);
      expect(stdout).toMatch(new RegExp(`^certificates: +${digits}$`, 'm'));
    }
    const listed = await it.run(['device', 'list', '--problem', 'address_on_several_devices', '--json']);
    expect(listed.json().map(({ id }) => id)).toEqual(['d1', 'd2']);
    expect((await it.run(['device', 'list', '--problem', 'fingerprint_on_several_devices', '--json'])).stdout).toBe('');
  });

  test('that are none refuse the device, naming the field', async () => {
    const refused = await it.run(['device', 'add', 'd1', '--address', '10.0.0.0/8']);
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringContaining('addresses.0: "10.0.0.0/8" is no address'),
    ]);
  });
});
