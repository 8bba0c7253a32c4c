// Listens to what was committed anywhere, for whoever looks on: triggers tell the topic of each change, syncs tell how far they are.
// One session for all who look on in this process. When it is lost another one follows, and then anything may have changed.
import { z } from 'zod';
import type { Session } from './client.ts';
import { type HeadWatch, revisionChannel, watchHeadPatiently } from './head.ts';

export const liveTopics = [
  'devices',
  'integrations',
  'runs',
  'policy',
  'audit',
  'webhooks',
  'keys',
  'settings',
] as const;
export type LiveTopic = (typeof liveTopics)[number];

/** How far a sync is, as its worker notifies it. */
const RunProgress = z.object({
  integrationId: z.string(),
  runId: z.int(),
  phase: z.string(),
  agents: z.int(),
  /** Null: the provider told no total. */
  claimedTotal: z.int().nullable(),
});
export type RunProgress = z.infer<typeof RunProgress>;

const changedChannel = 'posture_sync_changed';
const progressChannel = 'run_progress';

export interface LiveListener {
  /** Something of these was changed, at the latest known revision or without one. */
  onChanged(topics: readonly LiveTopic[]): void;
  onProgress(progress: RunProgress): void;
  onRevision(revision: number): void;
  onReachable(isReachable: boolean): void;
}

/** Begins to listen; the database may be away. */
export function listenLive(url: string, listener: LiveListener): HeadWatch {
  let listening: Session | null = null;
  return watchHeadPatiently(url, {
    applicationName: 'posture-sync live',
    async onMoved(session, revision) {
      if (session !== listening) {
        session.on('notification', message => take(listener, message));
        await session.query(`listen ${changedChannel}`);
        await session.query(`listen ${progressChannel}`);
        listening = session;
        // What changed before it listened was told to nobody.
        listener.onRevision(revision);
        listener.onReachable(true);
        listener.onChanged(liveTopics);
      }
      listener.onRevision(revision);
    },
    onReachable(isReachable) {
      // That it is back is told once the new session listens.
      if (!isReachable) listener.onReachable(false);
    },
  });
}

const isTopic = (text: string): text is LiveTopic => (liveTopics as readonly string[]).includes(text);

/** What another version tells and this one does not know is passed over. */
function take(
  listener: LiveListener,
  { channel, payload = '' }: { channel: string; payload?: string | undefined },
): void {
  if (channel === changedChannel && isTopic(payload)) listener.onChanged([payload]);
  if (channel === revisionChannel && /^\d{1,15}$/.test(payload)) listener.onRevision(Number(payload));
  if (channel !== progressChannel) return;
  try {
    const read = RunProgress.safeParse(JSON.parse(payload));
    if (read.success) listener.onProgress(read.data);
  } catch {
    // No JSON.
  }
}
