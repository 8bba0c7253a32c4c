// What a policy comes to once it is read: postures, access rules that name them, and the names of hosts. Made by
// policy-parser.ts, asked by decide.ts.
import type { AttributeValue } from './attributes.ts';
import type { Traffic } from './policy-ports.ts';
import type { Host, Selection } from './policy-selectors.ts';
import type { Stretch } from './policy-source.ts';
import type { Posture } from './postures.ts';

export interface PolicyPosture {
  /** With `posture:` in front. */
  readonly name: string;
  readonly posture: Posture;
  /** As they are written. */
  readonly conditions: readonly string[];
  /** The devices that it is for, without `tag:` in front; none: all. */
  readonly tags: readonly string[];
  /** For people who are refused: what the posture is for, and what they can do. */
  readonly description: string | null;
  readonly resolution: string | null;
}

/** An access rule: who, from which postures, to what. */
export interface Rule {
  /** `acls[0]`, `grants[3]`, `permissions[1]`: as it is counted in the file. */
  readonly name: string;
  readonly line: number;
  readonly sources: Selection;
  readonly accesses: readonly Access[];
  /** The same, one for each destination with its ports as they are written: what people call an access. */
  readonly written: readonly WrittenAccess[];
  /** One of them must hold; none: no posture is asked for. */
  readonly postures: readonly PolicyPosture[];
  /** Of a permission: what must be true of the request; null: nothing. */
  readonly when: Posture | null;
}

export interface Access {
  readonly to: Selection;
  readonly traffic: readonly Traffic[];
}

/** `wiki:443`, `tag:web:80-90 (tcp)`; from an ACL and from a grant that mean the same it is the same text. */
export interface WrittenAccess {
  readonly text: string;
  readonly to: Selection;
  readonly traffic: Traffic;
}

export interface Policy {
  readonly postures: ReadonlyMap<string, PolicyPosture>;
  readonly rules: readonly Rule[];
  /** By name in lower case. */
  readonly hosts: ReadonlyMap<string, Host>;
}

/** One statement of the policy's own tests: from there one may, or may not, get there. */
export interface PolicyTest {
  readonly at: Stretch;
  readonly wanted: 'accept' | 'deny';
  /** As it is written: `anna@example.com`. */
  readonly from: string;
  readonly to: string;
  /** Each must be let through, or each refused: a group's members, TCP and UDP. */
  readonly sources: readonly { user: string | null; tags: readonly string[]; addresses: readonly string[] }[];
  /** With values that are sent along, by name, where it is an action on a resource. */
  readonly use: { action: string; resource: string; sent: Readonly<Record<string, AttributeValue>> } | null;
  readonly destination: {
    readonly host: string | null;
    readonly user: string | null;
    readonly tags: readonly string[];
    readonly port: number | null;
  };
  /** Null: TCP or UDP. */
  readonly proto: string | null;
  readonly values: Readonly<Record<string, AttributeValue>>;
}
