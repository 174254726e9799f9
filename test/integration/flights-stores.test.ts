import { expect } from 'chai';
import { CouchbaseServer, couchbaseMock } from '../servers/couchbase-server.js';
import { describeNeeding, type Found } from '../servers/programs.js';
import { redisPrograms, RedisServer } from '../servers/redis-server.js';
import { runFlights, type FlightsAnswer } from '../support/flights-example.js';

interface Store {
  readonly name: string;
  readonly needs: readonly Found[];
  /** Starts a server; the environment that leads the example to it. */
  start(): Promise<{ readonly env: Readonly<Record<string, string>>; readonly stop: () => Promise<void> }>;
}

const stores: readonly Store[] = [
  {
    name: 'redis',
    needs: redisPrograms,
    async start() {
      const server = await RedisServer.start();
      return { env: { REDIS_URL: server.url }, stop: () => server.stop() };
    },
  },
  {
    name: 'couchbase',
    needs: couchbaseMock,
    async start() {
      const server = await CouchbaseServer.start();
      const { url, username, password, bucket } = server.access;
      const env = {
        COUCHBASE_URL: url,
        COUCHBASE_USERNAME: username,
        COUCHBASE_PASSWORD: password,
        COUCHBASE_BUCKET: bucket,
      };
      return { env, stop: () => server.stop() };
    },
  },
];

/** Without what is of one request only. */
function comparable(answer: FlightsAnswer): object {
  return { ...answer, requestId: undefined };
}

let embedded: Promise<FlightsAnswer> | undefined;
/** What the example answers over its embedded store; it runs once. */
function embeddedAnswer(): Promise<FlightsAnswer> {
  return (embedded ??= runFlights().then(({ answer }) => answer));
}

for (const store of stores) {
  describeNeeding(store.needs, `flights: --store ${store.name}`, function () {
    it('answers what the example answers over its embedded store', async function () {
      this.timeout(180_000);
      const { env, stop } = await store.start();
      try {
        const { answer, exitCode } = await runFlights(['--store', store.name], env);
        expect(answer.objects).to.have.length(5);
        expect(comparable(answer)).to.deep.equal(comparable(await embeddedAnswer()));
        expect(exitCode).to.equal(0);
      } finally {
        await stop();
      }
    });
  });
}
