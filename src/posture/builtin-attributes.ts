// Attributes that no provider gives: those that Tailscale's clients report of their node. Names, types and known values are
// Tailscale's. A policy may name them; here they have values where somebody brings them.
import type { AttributeSpec } from './attributes.ts';

export const builtinAttributes: readonly AttributeSpec[] = [
  {
    name: 'node:os',
    type: 'string',
    known: ['macos', 'windows', 'linux', 'ios', 'android', 'freebsd', 'openbsd', 'illumos', 'js'],
    about: 'The operating system.',
  },
  {
    name: 'node:osVersion',
    type: 'version',
    about: 'The version of the operating system; on Linux that of the kernel.',
  },
  { name: 'node:tsAutoUpdate', type: 'boolean', about: "Tailscale's client updates itself." },
  {
    name: 'node:tsReleaseTrack',
    type: 'string',
    known: ['stable', 'unstable'],
    about: "The release track of Tailscale's client.",
  },
  { name: 'node:tsStateEncrypted', type: 'boolean', about: "The state of Tailscale's client is encrypted at rest." },
  { name: 'node:tsVersion', type: 'version', about: "The version of Tailscale's client." },
  { name: 'ip:country', type: 'string', about: 'The country of the public address: two capital letters (ISO 3166-1).' },
  { name: 'ip:publicAddress', type: 'address', about: 'The address under which the device reaches the internet.' },
];
