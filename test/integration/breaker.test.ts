import { expect } from 'chai';
import { keyValueStore, type KeyValueStore, type LogRecord, type VivaceError } from 'vivace';
import { redis } from 'vivace/adapters/redis';
import { callContext, startPart } from 'vivace/testing';
import { describeNeeding } from '../servers/programs.js';
import { RedisServer, redisPrograms } from '../servers/redis-server.js';
import { eventually } from '../servers/server-process.js';

describeNeeding(redisPrograms, 'breaker over redis', () => {
  let server: RedisServer;
  before(async () => (server = await RedisServer.start()));
  after(() => server.stop());

  it('answers without waiting while the server is frozen, and recovers', async () => {
    let nowMs = 0;
    const logged: LogRecord[] = [];
    const part = await startPart(
      redis,
      { url: server.url },
      {
        name: 'hot',
        onLog: (record) => logged.push(record),
        // The breaker's time stands, so that no call is let through on a slow machine before the test says so.
        clock: { now: Date.now, monotonic: () => nowMs },
      },
    );
    const store = part.face(keyValueStore);
    try {
      expect(await store.getMany(['k'], callContext())).to.deep.equal([undefined]);
      server.process.freeze();
      for (let call = 0; call < 20; call++) await failureOf(store, callContext(20));
      // Each of these has a minute to wait, and none does: the test would not end.
      const refused: VivaceError[] = [];
      for (let call = 0; call < 100; call++) refused.push(await failureOf(store, callContext(60_000)));
      const last = refused.at(-1)!;
      expect([last.code, last.part]).to.deep.equal(['UNAVAILABLE', 'hot']);
      expect(last.message).to.match(/^hot: getMany was not tried, .* The last failure: /);
      nowMs = 1000;
      expect((await failureOf(store, callContext(20))).code).to.equal('DEADLINE_EXCEEDED');
      server.process.thaw();
      await eventually(async () => {
        nowMs += 1000;
        expect(await store.getMany(['k'], callContext())).to.deep.equal([undefined]);
      });
      const told = logged.filter(({ message }) => message.includes('the backend'));
      expect(told.map(({ level, message }) => `${level}: ${message}`)).to.deep.equal([
        'warn: the backend keeps failing: calls fail at once, except one each second',
        'info: the backend answers again: calls go through',
      ]);
    } finally {
      server.process.thaw();
      await part.stop();
    }
  });
});

async function failureOf(
  store: KeyValueStore,
  context: ReturnType<typeof callContext>,
): Promise<VivaceError> {
  return (async () => store.getMany(['k'], context))().then(
    () => expect.fail('a frozen server has answered'),
    (error: unknown) => error as VivaceError,
  );
}
