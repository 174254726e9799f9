import { expect } from 'chai';
import { keyValueStore, type KeyValueEntry, type KeyValueStore } from 'vivace';
import { couchbase } from 'vivace/adapters/couchbase';
import { callContext, startPart } from 'vivace/testing';
import { makeCertificates, type Certificates } from '../servers/certificates.js';
import { CouchbaseNetwork } from '../servers/couchbase-network.js';
import { kvStatus } from '../servers/couchbase-server.js';
import type { FaultTable } from '../servers/faults.js';
import { opcode, type KvProxy, type KvRequest } from '../servers/kv-proxy.js';
import { eventually } from '../servers/server-process.js';
import { soak } from '../servers/soak.js';
import type { TcpProxy } from '../servers/tcp-proxy.js';
import { failureOf } from '../support/failure.js';

let network: CouchbaseNetwork;
let certificates: Certificates;

/** Starts what the faults happen to: a mock of two nodes. */
export async function prepareCouchbase(): Promise<void> {
  certificates = makeCertificates();
  network = await CouchbaseNetwork.start({ nodes: 2 });
}

export async function cleanUpCouchbase(): Promise<void> {
  await network.stop();
  certificates.remove();
}

/** Time-outs that no test has to wait long for. */
const timeouts = { timeoutMs: 300, writeTimeoutMs: 300 };
const rateLimited = 0x33;
const count = 40;
let runs = 0;

interface Filled {
  readonly store: KeyValueStore;
  readonly keys: readonly string[];
  /** What `fill` writes. */
  readonly entries: readonly KeyValueEntry[];
  /** Writes `entries` again, which changes nothing where they are there. */
  readonly fill: () => Promise<void>;
  /** Waits until every key is read with its value. */
  readonly untilWhole: () => Promise<void>;
}

/** Gives `run` a part with rows on both nodes, and holds it to be whole at the end. */
async function withFilled(run: (filled: Filled) => Promise<void>, options: object = timeouts): Promise<void> {
  const part = await startPart(couchbase, { ...network.access, ...options, prefix: `${runs++}:` });
  try {
    const store = part.face(keyValueStore);
    const entries = Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: Uint8Array.of(7, i) }));
    const keys = entries.map(({ key }) => key);
    const fill = async (): Promise<void> => void (await store.putNewest(entries, callContext()));
    const untilWhole = (): Promise<void> =>
      eventually(async () => {
        const values = await store.getMany(keys, callContext());
        expect(values.map((value) => value && [...value])).to.deep.equal(
          entries.map(({ value }) => [...value]),
        );
      });
    await fill();
    await run({ store, keys, entries, fill, untilWhole });
    await untilWhole();
  } finally {
    await part.stop();
  }
}

const later: KeyValueEntry = { key: 'k0', value: Uint8Array.of(9) };

/** Reads and a write fail with a code, while `during` lasts; a newer row of `k0` is written when it is over. */
async function outage(
  { store, keys }: Filled,
  code: string,
  { begin, end }: { begin: () => void | Promise<void>; end: () => void | Promise<void> },
): Promise<void> {
  await begin();
  try {
    const read = failureOf(Promise.resolve(store.getMany(keys, callContext())));
    const written = failureOf(Promise.resolve(store.putNewest([later], callContext())));
    expect(await read).to.match(new RegExp(`^${code} couchbase`));
    expect(await written).to.match(new RegExp(`^${code} couchbase`));
    const onTime = performance.now();
    expect(await failureOf(Promise.resolve(store.getMany(keys, callContext(50))))).to.match(
      /^DEADLINE_EXCEEDED/,
    );
    expect(performance.now() - onTime).to.be.lessThan(10_000);
  } finally {
    await end();
  }
}

const isWrite = ({ opcode: code }: KvRequest): boolean => code === opcode.add || code === opcode.replace;

/** Lets both nodes answer with a status instead of doing what is asked. */
async function answering(
  status: number,
  asked: (request: KvRequest) => boolean,
  run: () => Promise<void>,
): Promise<void> {
  for (const proxy of network.kv) proxy.intercept = (request) => (asked(request) ? { status } : undefined);
  try {
    await run();
  } finally {
    for (const proxy of network.kv) proxy.intercept = undefined;
  }
}

const first = (): TcpProxy => network.tcp[0] as TcpProxy;
const second = (): KvProxy => network.kv[1] as KvProxy;

/** The row of `couchbase` in docs/testing-vivace.md. */
export const couchbaseFaults: FaultTable = {
  'killed and restarted': {
    outcome:
      '`UNAVAILABLE` after the time-out, or `DEADLINE_EXCEEDED`; whole again by itself (the mock keeps nothing, so the rows are written again)',
    run: () =>
      withFilled(async (filled) => {
        await outage(filled, 'UNAVAILABLE', {
          begin: () => network.server.kill(),
          end: () => network.server.restart(),
        });
        await eventually(filled.fill);
      }),
  },
  frozen: {
    outcome: '`UNAVAILABLE` after the time-out, or `DEADLINE_EXCEEDED`; then whole again',
    run: () =>
      withFilled((filled) =>
        outage(filled, 'UNAVAILABLE', {
          begin: () => network.server.freeze(),
          end: () => network.server.thaw(),
        }),
      ),
  },
  slow: {
    outcome: 'answered, or `DEADLINE_EXCEEDED` on time',
    run: () =>
      withFilled(async ({ store, keys, untilWhole }) => {
        for (const proxy of network.tcp) proxy.delayMs = 150;
        try {
          expect(await failureOf(Promise.resolve(store.getMany(keys, callContext(40))))).to.match(
            /^DEADLINE_EXCEEDED/,
          );
          await untilWhole();
        } finally {
          for (const proxy of network.tcp) proxy.delayMs = 0;
        }
      }, {}),
  },
  'half of the keys failing': {
    outcome: '`UNAVAILABLE` for the keys of the node that is frozen, values for the others; then whole again',
    run: () =>
      withFilled(async ({ store, keys, entries }) => {
        second().freeze();
        try {
          const read = await Promise.resolve(store.getMany(keys, callContext())).catch(
            (error: unknown) => error,
          );
          const { values, failures } = read as {
            values: (Uint8Array | undefined)[];
            failures: { index: number; error: { code: string } }[];
          };
          expect(failures.map(({ error }) => error.code)).to.deep.equal(failures.map(() => 'UNAVAILABLE'));
          expect(failures.length).to.be.within(1, count - 1);
          const failed = new Set(failures.map(({ index }) => index));
          keys.forEach((_, i) => {
            expect(values[i] && [...values[i]]).to.deep.equal(
              failed.has(i) ? undefined : [...(entries[i] as KeyValueEntry).value],
            );
          });
        } finally {
          second().thaw();
        }
      }),
  },
  'cut in the middle of an answer': {
    outcome: 'the SDK reads again: whole; a write is `UNAVAILABLE` at once, and safe to repeat',
    run: () =>
      withFilled(async ({ store, untilWhole }) => {
        first().cutAfterBytes = 100;
        await untilWhole();
        expect(first().cutAfterBytes).to.equal(undefined);
        for (const proxy of network.kv) {
          proxy.intercept = (request) => {
            if (isWrite(request)) for (const tcp of network.tcp) tcp.cut();
            return undefined;
          };
        }
        const entry = { key: 'cut', value: Uint8Array.of(1) };
        const failure = await failureOf(Promise.resolve(store.putNewest([entry], callContext())));
        for (const proxy of network.kv) proxy.intercept = undefined;
        expect(failure).to.match(/^UNAVAILABLE couchbase: request canceled/);
        await eventually(() => store.putNewest([entry], callContext()));
        expect(await store.getMany(['cut'], callContext())).to.deep.equal([Buffer.of(1)]);
      }),
  },
  'wrong password': {
    outcome: '`UNAUTHENTICATED` at the start',
    run: async () => {
      const wrong = startPart(couchbase, { ...network.access, password: 'wrong' });
      expect(await failureOf(wrong)).to.match(/^UNAUTHENTICATED .*check username and password/);
    },
  },
  'TLS with the wrong CA': {
    outcome: '`UNAVAILABLE` at the start, with the reason and the option',
    run: async () => {
      const { cert, key, directory } = certificates;
      const secure = await CouchbaseNetwork.start({ tls: { cert, key } });
      try {
        const options = { ...secure.access, connectTimeoutMs: 1000 };
        const wrong = startPart(couchbase, { ...options, caFile: 'other-ca.pem' }, { directory });
        expect(await failureOf(wrong)).to.match(/^UNAVAILABLE .*certificate.*caFile/);
        const right = await startPart(couchbase, { ...options, caFile: 'ca.pem' }, { directory });
        expect(await right.face(keyValueStore).getMany(['x'], callContext())).to.deep.equal([undefined]);
        await right.stop();
      } finally {
        await secure.stop();
      }
    },
  },
  'full disk': {
    outcome:
      'writes are `UNAVAILABLE` (the server says "temporary failure", as one does whose disk takes no more) or `RESOURCE_EXHAUSTED` (out of memory); reads go on',
    run: () =>
      withFilled(async ({ store, untilWhole }) => {
        const write = (): Promise<string> =>
          failureOf(Promise.resolve(store.putNewest([later], callContext())));
        await answering(kvStatus.temporaryFailure, isWrite, async () => {
          expect(await write()).to.match(/^UNAVAILABLE .*key_value_temporary_failure/);
          await untilWhole();
        });
        await answering(kvStatus.noMemory, isWrite, async () => {
          expect(await write()).to.match(/^RESOURCE_EXHAUSTED/);
          await untilWhole();
        });
      }),
  },
  throttled: {
    outcome: '`RESOURCE_EXHAUSTED`; `UNAVAILABLE` where the server is just busy; then whole again',
    run: () =>
      withFilled(async ({ store, keys }) => {
        const isGet = ({ opcode: code }: KvRequest): boolean => code === opcode.get;
        const read = (): Promise<string> => failureOf(Promise.resolve(store.getMany(keys, callContext())));
        await answering(rateLimited, isGet, async () => {
          expect(await read()).to.match(/^RESOURCE_EXHAUSTED couchbase: .*rate limited/);
        });
        await answering(kvStatus.busy, isGet, async () => {
          expect(await read()).to.match(/^UNAVAILABLE couchbase: temporary failure/);
        });
      }),
  },
  'closed while idle': {
    outcome: 'nothing: the SDK has connected again, or reads again',
    run: () =>
      withFilled(async ({ store, keys }) => {
        for (const proxy of network.tcp) proxy.endAll();
        const values = await store.getMany(keys, callContext());
        expect(values.filter((value) => value === undefined)).to.deep.equal([]);
      }, {}),
  },
  '1,000 cuts': {
    outcome: 'sockets as before, less than 5 MB more heap',
    run: async () => {
      const parts = await Promise.all(
        Array.from({ length: 8 }, () => startPart(couchbase, { ...network.access, prefix: 'soak:' })),
      );
      try {
        const stores = parts.map((part) => part.face(keyValueStore));
        const entries = Array.from({ length: 8 }, (_, i) => ({ key: `k${i}`, value: Uint8Array.of(i) }));
        const keys = entries.map(({ key }) => key);
        await stores[0]!.putNewest(entries, callContext());
        const readAll = async (): Promise<void> => {
          const answers = await Promise.all(
            stores.map(async (store) => store.getMany(keys, callContext(30_000))),
          );
          for (const values of answers)
            expect(values.map((value) => value?.[0])).to.deep.equal(keys.map((_, i) => i));
        };
        const connections = (): number => network.tcp.reduce((sum, proxy) => sum + proxy.connections, 0);
        const result = await soak({
          // Eight parts at a time.
          cycles: 1000 / parts.length,
          warmUp: 10,
          cycle: async () => {
            await readAll();
            for (const proxy of network.tcp) proxy.cut();
            await readAll();
          },
          sockets: async () => {
            await eventually(async () => {
              await readAll();
              // The one that each part began with, beside those of its bucket, is not made again.
              expect(connections()).to.equal(network.tcp.length * parts.length);
            });
            return connections();
          },
        });
        expect(result.socketsAfter).to.equal(result.socketsBefore);
        expect(result.heapGrowthBytes).to.be.lessThan(5e6);
      } finally {
        for (const part of parts) await part.stop();
      }
      await eventually(() => expect(network.tcp.map((proxy) => proxy.connections)).to.deep.equal([0, 0]));
    },
  },
};
