// The HTTP side of a process: keys in memory, the server with all its routes, and what they need, made of a session.
import type { FastifyInstance } from 'fastify';
import manifest from '../../package.json' with { type: 'json' };
import { addApi } from '../api/api.ts';
import type { ApiParts } from '../api/common.ts';
import { startLive } from '../api/live-readers.ts';
import { addMetrics, createFiguresReader, type MetricsParts } from '../api/metrics.ts';
import { addOpenApi } from '../api/openapi.ts';
import { type AuthZenParts, addAuthZen } from '../gateway/authzen.ts';
import { startChangeFeed } from '../gateway/change-feed.ts';
import { addChanges, type FeedParts } from '../gateway/changes.ts';
import { type OpenDecisionLog, openDecisionLog } from '../gateway/decision-log.ts';
import { createDecider } from '../gateway/decisions.ts';
import { addDevices, type GatewayParts } from '../gateway/devices.ts';
import { startFollowing } from '../gateway/follow.ts';
import { addForwardAuth, type ForwardAuthParts } from '../gateway/forward-auth.ts';
import { createRefresher } from '../gateway/refresh.ts';
import { addSnapshot } from '../gateway/snapshot.ts';
import { viewedBy } from '../gateway/viewed-attributes.ts';
import { addWhoami } from '../gateway/whoami.ts';
import { createKeyRing } from '../http/key-ring.ts';
import { createOpenId } from '../http/openid.ts';
import { createRefusals } from '../http/refusals.ts';
import { createServer, listen, type RunningServer } from '../http/server.ts';
import { createStreams } from '../http/streams.ts';
import type { Log } from '../log.ts';
import { keepChecks } from '../operations/checks.ts';
import { policyCatalogue } from '../operations/policies.ts';
import { addPages } from '../pages/pages.ts';
import { attributeSpecs, movingAttributeNames, providers } from '../providers/registry.ts';
import { createAnswerBell } from '../store/answer-bell.ts';
import { builtPages } from './pages-build.ts';
import type { Session } from './session.ts';

export interface ServiceOptions {
  log: Log;
  /** @returns why requests should go elsewhere for now; nothing when all is well */
  unreadiness(): Promise<string[]>;
  /** Whether decisions are logged as configured; else none are. */
  logsDecisions: boolean;
}

export interface Service {
  /** @throws AppError conflict when the address cannot be listened on; it may be tried again with another one */
  listen(host: string, port: number, options?: { drainMs?: number }): Promise<RunningServer>;
  /** Ends what listens first, then what it stood on. */
  stop(): Promise<void>;
}

/** @throws when the database cannot be read */
export async function openService(
  session: Session,
  { log, unreadiness, logsDecisions }: ServiceOptions,
): Promise<Service> {
  const { config, db, url, now } = session;
  // First: nothing else runs yet where its file is a wrong one.
  const decisionLog = logsDecisions ? decisionLogOf(session.config, log) : null;
  const ring = await createKeyRing({ db, url, now, log, bootstrapKey: config.bootstrapApiKey });
  const moving = movingAttributeNames();
  const feed = await startChangeFeed({ databaseUrl: url, moving, now, log }).catch(async error => {
    await ring.stop();
    throw error;
  });
  const refusals = createRefusals({ db, now, log });
  const catalogue = policyCatalogue();
  const follower = startFollowing({ databaseUrl: url, catalogue, moving, log });
  const { viewMaxAgeMs, publicUrl, identifyBy, trustedProxies } = config;
  const namespaces = [...providers.values()].map(({ namespace }) => namespace);
  const refresher = createRefresher({ db, now, log, namespaces });
  const decider = createDecider({ follower, catalogue, viewMaxAgeMs, now, log, decisionLog, refresher });
  const feeding = { feed, databaseUrl: url, moving, specs: attributeSpecs(), now };
  const figures = createFiguresReader({ databaseUrl: url, log });
  const counted: MetricsParts['counted'] = () => {
    const known = follower.known();
    const [devices, revision] = known === null ? [0, 0] : [known.view.size, known.revision];
    return {
      view: { ageMs: follower.ageMs(), maxAgeMs: viewMaxAgeMs, devices, revision },
      decisions: decider.outcomes(),
      refusals: refusals.counts(),
      feedReaders: feed.figures().readers,
    };
  };
  const gateway = { follower, catalogue, viewMaxAgeMs, now, decider, log };
  const keys = session.keysGiven ?? config.sealingKey;
  const bell = createAnswerBell(url);
  const checks = keepChecks({ db, now });
  const live = startLive({ databaseUrl: url, log });
  const openId = config.openIdConnect === null ? null : createOpenId(config.openIdConnect, publicUrl);
  const signIn = { keys: ring, refusals, openId };
  const administration = { db, keys, allowedHosts: session.allowedHosts, tailnet: config.tailnet, bell, signIn };
  const viewed = viewedBy({ follower, catalogue, now });
  const parts: RouteParts = {
    ...gateway,
    ...administration,
    viewed,
    live,
    auditRetentionMs: config.auditRetentionMs,
    syncIntervalMs: config.syncIntervalMs,
    publicUrl,
    identifyBy,
    trustedProxies,
    figures,
    counted,
  };
  const reasons = async () => [
    ...(await unreadiness()),
    ...(follower.known() === null ? ['devices are not loaded yet'] : []),
  ];
  const running: RunningServer[] = [];
  return {
    async listen(host, port, options) {
      const describe = (fresh: FastifyInstance) => addOpenApi(fresh, { version: manifest.version, publicUrl });
      const under = new URL(publicUrl).pathname.replace(/\/$/, '');
      const guarded = { log, trustedProxies, keys: ring, refusals, unreadiness: reasons };
      const server = await createServer({ ...guarded, under, describe });
      addRoutes(server, parts, { ...feeding, streams: createStreams(server) });
      addPages(server, { builtPages, publicUrl });
      const listening = await listen(server, host, port, options);
      running.push(listening);
      return listening;
    },
    async stop() {
      await Promise.all(running.map(server => server.stop()));
      const open = [ring, refusals, follower, feed, refresher, decisionLog, figures, bell, checks, live];
      await Promise.all(open.map(part => part?.stop()));
    },
  };
}

function decisionLogOf({ decisionLog, decisionLogFile }: Session['config'], log: Log): OpenDecisionLog | null {
  if (decisionLog.isOff) return null;
  return openDecisionLog({ file: decisionLogFile, ofAllowed: decisionLog.ofAllowed, log });
}

export type RouteParts = GatewayParts & AuthZenParts & ForwardAuthParts & ApiParts & MetricsParts;

/** Every route there is beside health and the admin pages. */
export function addRoutes(server: FastifyInstance, parts: RouteParts, feeding: FeedParts): void {
  addWhoami(server);
  addDevices(server, parts);
  addAuthZen(server, parts);
  addSnapshot(server, feeding);
  addChanges(server, feeding);
  addForwardAuth(server, parts);
  addApi(server, parts);
  addMetrics(server, parts);
}
