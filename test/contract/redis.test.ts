import { randomUUID } from 'node:crypto';
import { cacheStore, keyValueStore } from 'vivace';
import { redis } from 'vivace/adapters/redis';
import { cache } from 'vivace/plugins/cache';
import { onlineStore } from 'vivace/plugins/online-store';
import {
  cacheContract,
  cacheStoreContract,
  keyValueStoreContract,
  makePart,
  onlineStoreContract,
  startPart,
  type Runner,
} from 'vivace/testing';
import { describeNeeding } from '../servers/programs.js';
import {
  RedisClusterServers,
  redisForContract,
  redisNeeded,
  redisPrograms,
} from '../servers/redis-server.js';

/** What one deployment must satisfy; every part has keys of its own. */
function contracts(optionsOf: () => object): void {
  const runner: Runner = { describe, it, beforeEach, afterEach };
  const options = (): object => ({ ...optionsOf(), prefix: `test-${randomUUID()}:` });
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  const started = async (): ReturnType<typeof startPart> => {
    const part = await startPart(redis, options());
    stops.push(() => part.stop());
    return part;
  };

  keyValueStoreContract({ runner, make: () => makePart(redis, options()) });
  cacheStoreContract({ runner, make: () => makePart(redis, options()) });
  onlineStoreContract({
    runner,
    make: async (wrap = (store) => store) =>
      makePart(onlineStore, {}, { uses: { store: wrap((await started()).face(keyValueStore)) } }),
  });
  cacheContract({
    runner,
    make: async () => makePart(cache, {}, { uses: { store: (await started()).face(cacheStore) } }),
  });
}

describeNeeding(redisNeeded, 'redis', () => {
  let server: Awaited<ReturnType<typeof redisForContract>>;
  before(async () => (server = await redisForContract()));
  after(() => server.stop());
  contracts(() => ({ url: server.url }));
});

describeNeeding(redisPrograms, 'redis cluster', () => {
  let cluster: RedisClusterServers;
  before(async () => (cluster = await RedisClusterServers.start()));
  after(() => cluster.stop());
  contracts(() => ({ cluster: cluster.nodes }));
});
