// The notices that webhooks get: which audit events make which kind of notice, and what a notice says. An audit entry that
// this table does not name is no notice; there is no other place that decides it.
import type { EventCode, EventTarget } from './events.ts';

interface NoticeSpec {
  about: string;
  /** Of which audit entries: by code, and by what `new` must hold. */
  from: readonly { event: EventCode; new?: Readonly<Record<string, unknown>> }[];
}

export const noticeCatalogue = {
  'integration.paused': {
    about: 'Syncing stopped: the credentials were refused, they may not read agents, or an administrator paused it.',
    from: [{ event: 'TAILNET.PAUSE.POSTURE_INTEGRATION' }],
  },
  'integration.held': {
    about: 'A sweep would have taken values from more devices than the limit allows; they wait for an administrator.',
    from: [{ event: 'TAILNET.HOLD.POSTURE_INTEGRATION' }],
  },
  'integration.failing': {
    about: 'Syncs have been failing for an hour.',
    from: [{ event: 'TAILNET.ESCALATE.POSTURE_INTEGRATION' }],
  },
  'integration.recovered': {
    about: 'What one of the three above told of has ended; `event` says which: RECOVER, RESUME or RELEASE.',
    from: [
      { event: 'TAILNET.RECOVER.POSTURE_INTEGRATION', new: { wasEscalated: true } },
      { event: 'TAILNET.RESUME.POSTURE_INTEGRATION' },
      { event: 'TAILNET.RELEASE.POSTURE_INTEGRATION' },
    ],
  },
  'integration.token_expiring': {
    about: 'The token ends in 30, 7 or 1 days.',
    from: [{ event: 'TAILNET.WARN.POSTURE_INTEGRATION', new: { expires: 'token' } }],
  },
  'integration.evidence_expiring': {
    about: 'All values end in 48, 24 or 12 hours if no sync confirms them.',
    from: [{ event: 'TAILNET.WARN.POSTURE_INTEGRATION', new: { expires: 'evidence' } }],
  },
  'device.serial_conflict': {
    about: 'Several devices claim one serial number, or one was refused a serial number of another.',
    from: [{ event: 'NODE.CONFLICT.POSTURE_IDENTITY' }, { event: 'NODE.REFUSE.POSTURE_IDENTITY' }],
  },
  'device.posture_passed': {
    about: 'A device passes a posture, and did not before.',
    from: [{ event: 'NODE.UPDATE.POSTURE_STANDING', new: { state: 'passing' } }],
  },
  'device.posture_failed': {
    about: 'A device fails a posture, and did not before.',
    from: [{ event: 'NODE.UPDATE.POSTURE_STANDING', new: { state: 'failing' } }],
  },
  'device.posture_unknown': {
    about: 'It is not known any more whether a device passes a posture. It is let through as little as one that fails.',
    from: [{ event: 'NODE.UPDATE.POSTURE_STANDING', new: { state: 'unknown' } }],
  },
} as const satisfies Record<string, NoticeSpec>;

export type NoticeKind = keyof typeof noticeCatalogue;

/** Sent when an administrator asks for it, to that webhook alone, whatever else it gets. */
export const testNotice = 'webhook.test';

export const noticeKinds = Object.keys(noticeCatalogue) as readonly NoticeKind[];

export function isNoticeKind(text: string): text is NoticeKind {
  return Object.hasOwn(noticeCatalogue, text);
}

/** A kind of notice that entries of a code make whose `new` holds all of this. */
export interface NoticeRule {
  kind: string;
  event: EventCode;
  new: Readonly<Record<string, unknown>>;
}

/** The catalogue as rules, and that of the test notice. */
export const noticeRules: readonly NoticeRule[] = [
  ...Object.entries<NoticeSpec>(noticeCatalogue).flatMap(([kind, { from }]) =>
    from.map(rule => ({ kind, event: rule.event, new: rule.new ?? {} })),
  ),
  { kind: testNotice, event: 'WEBHOOK_ENDPOINT.TEST', new: {} },
];

/** The audit entry that a notice tells of. */
export interface NoticedEntry {
  kind: string;
  revision: number;
  eventTime: Date;
  event: string;
  targetType: EventTarget;
  targetId: string;
  targetName: string | null;
  old: unknown;
  new: unknown;
}

const nouns: Partial<Record<EventTarget, string>> = {
  TAILNET: 'integration',
  NODE: 'device',
  WEBHOOK_ENDPOINT: 'webhook',
};

/** @returns the body of a notice, the same text each time: audit entries do not change */
export function noticeBody(entry: NoticedEntry): string {
  const { kind, revision, eventTime, event, targetType, targetId, targetName } = entry;
  return JSON.stringify({
    type: kind,
    timestamp: eventTime.toISOString(),
    data: {
      [nouns[targetType] ?? 'target']: { id: targetId, name: targetName ?? targetId },
      old: entry.old ?? null,
      new: entry.new ?? null,
      event,
      revision,
    },
  });
}
