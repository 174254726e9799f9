import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fieldsOf, warehouse, type CallContext, type Warehouse } from 'vivace';
import { bigquery } from 'vivace/adapters/bigquery';
import { callContext, startPart } from 'vivace/testing';
import {
  apiError,
  endlessQuery,
  json,
  optionsAt,
  startBigquery,
  type BigqueryServer,
} from '../servers/bigquery-server.js';
import { makeCertificates, type Certificates } from '../servers/certificates.js';
import type { FaultTable } from '../servers/faults.js';
import type { CannedAnswer, HttpProxy, SeenRequest } from '../servers/http-proxy.js';
import { eventually, type ServerProcess } from '../servers/server-process.js';
import { soak } from '../servers/soak.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { failureOf } from '../support/failure.js';

let server: BigqueryServer;
let http: HttpProxy;
let emulator: ServerProcess;
/** Between the part and `http`. */
let tcp: TcpProxy;
let certificates: Certificates;

/** Starts what the faults happen to: the emulator, which keeps its tables on disk. */
export async function prepareBigquery(): Promise<void> {
  certificates = makeCertificates();
  server = await startBigquery();
  http = server.proxy!;
  emulator = server.process!;
  tcp = await TcpProxy.start({ port: http.port });
}

export async function cleanUpBigquery(): Promise<void> {
  await tcp.stop();
  await server.stop();
  certificates.remove();
}

const rows = 500;
const fields = fieldsOf({ n: 'int64' });
const sql = `SELECT n FROM UNNEST(GENERATE_ARRAY(1, ${rows})) AS n ORDER BY n`;

async function read(lake: Warehouse, context: CallContext = callContext()): Promise<number> {
  let sum = 0;
  for await (const { columns } of lake.query({ sql, fields }, context))
    for (const value of columns[0]!.values as BigInt64Array) sum += Number(value);
  return sum;
}

const whole = (rows * (rows + 1)) / 2;

/** Gives `run` a part, and holds the same part to answer at the end. */
async function withPart(
  run: (lake: Warehouse) => Promise<void>,
  options = optionsAt(tcp.port),
): Promise<void> {
  const part = await startPart(bigquery, options);
  try {
    const lake = part.face(warehouse);
    expect(await read(lake)).to.equal(whole);
    await run(lake);
    await eventually(async () => expect(await read(lake)).to.equal(whole));
  } finally {
    await part.stop();
  }
}

/** Lets the proxy answer what it likes while `run` lasts. */
async function answering(
  answer: (asked: SeenRequest) => CannedAnswer | undefined,
  run: () => Promise<unknown>,
): Promise<void> {
  http.intercept = answer;
  try {
    await run();
  } finally {
    http.intercept = endlessQuery;
  }
}

const isRead = ({ method, url }: SeenRequest): boolean => method === 'GET' && url.includes('/queries/');

/** What a table holds that is uploaded, kept and read back. */
async function roundTrip(lake: Warehouse): Promise<number> {
  const values = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i));
  const batches = [{ fields, rows, columns: [{ type: fields[0]!.type, rows, values }] }];
  await using table = await lake.load({ fields, batches }, callContext());
  let seen = 0;
  for await (const batch of lake.query({ sql: `SELECT n FROM ${table.name}` }, callContext()))
    seen += batch.rows;
  return seen;
}

/** The row of `bigquery` in docs/testing-vivace.md. */
export const bigqueryFaults: FaultTable = {
  'killed and restarted': {
    outcome:
      'UNAVAILABLE after the retries, or DEADLINE_EXCEEDED; whole again by itself, with the tables there were',
    run: () =>
      withPart(async (lake) => {
        const create = 'CREATE OR REPLACE TABLE kept AS SELECT 7 AS x';
        for await (const _ of lake.query({ sql: create }, callContext()));
        await emulator.kill();
        try {
          expect(await failureOf(read(lake))).to.match(/^UNAVAILABLE bigquery: http:/);
          expect(await failureOf(read(lake, callContext(50)))).to.match(/^DEADLINE_EXCEEDED/);
        } finally {
          await emulator.start();
        }
        for await (const batch of lake.query({ sql: 'SELECT x FROM kept' }, callContext()))
          expect(Number(batch.columns[0]!.values[0])).to.equal(7);
      }),
  },
  frozen: {
    outcome: 'DEADLINE_EXCEEDED on time; then whole again',
    run: () =>
      withPart(async (lake) => {
        emulator.freeze();
        try {
          const from = performance.now();
          expect(await failureOf(read(lake, callContext(100)))).to.match(/^DEADLINE_EXCEEDED/);
          expect(await failureOf(lake.describe({ sql }, callContext(100)))).to.match(/^DEADLINE_EXCEEDED/);
          expect(performance.now() - from).to.be.lessThan(10_000);
        } finally {
          emulator.thaw();
        }
      }),
  },
  slow: {
    outcome: 'answered, or DEADLINE_EXCEEDED on time',
    run: () =>
      withPart(async (lake) => {
        tcp.delayMs = 150;
        try {
          expect(await read(lake)).to.equal(whole);
          expect(await failureOf(read(lake, callContext(50)))).to.match(/^DEADLINE_EXCEEDED/);
        } finally {
          tcp.delayMs = 0;
        }
      }),
  },
  'half of the keys failing': { none: 'it has no keys: a query answers as a whole or fails as a whole' },
  'cut in the middle of an answer': {
    outcome:
      'the page is asked for again, and every row is there; UNAVAILABLE where it is cut every time; never fewer rows',
    run: () =>
      withPart(async (lake) => {
        http.cutAfterBytes = 3000;
        expect(await read(lake)).to.equal(whole);
        expect(http.cutAfterBytes).to.equal(undefined);
        const half = JSON.stringify({ jobComplete: true, totalRows: '9', rows: [{ f: [{ v: '1' }] }] });
        const cut = { ...json({}), body: half, cutAfterBytes: half.length / 2 };
        await answering(
          (asked) => (isRead(asked) ? cut : undefined),
          async () => {
            expect(await failureOf(read(lake))).to.match(/^UNAVAILABLE/);
          },
        );
        const short = json({
          ...(JSON.parse(half) as object),
          schema: { fields: [{ name: 'n', type: 'INT64' }] },
        });
        await answering(
          (asked) => (isRead(asked) ? short : undefined),
          async () => {
            expect(await failureOf(read(lake))).to.match(/^DATA_LOSS .*only 1 of 9 rows/);
          },
        );
        // An upload is not sent twice: it fails, and nothing of it is seen.
        await answering(
          ({ url }) =>
            url.startsWith('/upload') ? { ...json({}), body: '{"job', cutAfterBytes: 3 } : undefined,
          async () => expect(await failureOf(roundTrip(lake))).to.match(/^UNAVAILABLE/),
        );
        expect(await roundTrip(lake)).to.equal(rows);
      }),
  },
  'wrong password': {
    outcome:
      'the part does not start: UNAUTHENTICATED; PERMISSION_DENIED names the roles; expired later, UNAUTHENTICATED, then whole again',
    run: async () => {
      const file = join(certificates.directory, 'account.json');
      const account = {
        type: 'service_account',
        client_email: 'a@b.c',
        private_key: 'none',
        private_key_id: '1',
      };
      writeFileSync(file, JSON.stringify(account));
      const { anonymous: _, ...named } = optionsAt(tcp.port) as Record<string, unknown>;
      expect(await failureOf(startPart(bigquery, { ...named, credentialsFile: file }))).to.match(
        /^UNAUTHENTICATED .*credentialsFile/,
      );
      const missing = failureOf(startPart(bigquery, { ...named, credentialsFile: 'nowhere.json' }));
      expect(await missing).to.match(/^FAILED_PRECONDITION .*nowhere\.json.*credentialsFile/);
      await answering(
        () => apiError(401, 'authError', 'Invalid Credentials'),
        async () => {
          const started = failureOf(startPart(bigquery, optionsAt(tcp.port)));
          expect(await started).to.match(/^UNAUTHENTICATED .*credentialsFile/);
        },
      );
      await withPart((lake) =>
        answering(
          () => apiError(401, 'authError', 'Invalid Credentials'),
          async () => expect(await failureOf(read(lake))).to.match(/^UNAUTHENTICATED/),
        ),
      );
      await withPart((lake) =>
        answering(
          () => apiError(403, 'accessDenied', 'Access Denied: Project test'),
          async () =>
            expect(await failureOf(read(lake))).to.match(/^PERMISSION_DENIED .*roles\/bigquery\.jobUser/),
        ),
      );
    },
  },
  'TLS with the wrong CA': {
    outcome: 'the part does not start: UNAVAILABLE, and `caFile` is named; with the right one it does',
    run: async () => {
      const { cert, key, directory } = certificates;
      const secure = await TcpProxy.start({ port: http.port, tls: { cert, key } });
      const options = { ...optionsAt(0), endpoint: `https://127.0.0.1:${secure.port}` };
      try {
        for (const caFile of [undefined, join(directory, 'other-ca.pem')]) {
          const started = startPart(bigquery, caFile === undefined ? options : { ...options, caFile });
          expect(await failureOf(started)).to.match(/^UNAVAILABLE .*caFile/);
        }
        await withPart(() => Promise.resolve(), { ...options, caFile: join(directory, 'ca.pem') });
      } finally {
        await secure.stop();
      }
    },
  },
  'full disk': { none: 'it keeps nothing on a disk' },
  throttled: {
    outcome:
      'answered after a 429 or 503 that passes; RESOURCE_EXHAUSTED (rateLimitExceeded, quotaExceeded) or UNAVAILABLE (503) while it lasts; then whole again',
    run: () =>
      withPart(async (lake) => {
        for (const [status, reason, code] of [
          [429, 'rateLimitExceeded', 'RESOURCE_EXHAUSTED'],
          [403, 'rateLimitExceeded', 'RESOURCE_EXHAUSTED'],
          [403, 'quotaExceeded', 'RESOURCE_EXHAUSTED'],
          [503, 'backendError', 'UNAVAILABLE'],
        ] as const) {
          await answering(
            () => apiError(status, reason, 'Too much'),
            async () =>
              expect(await failureOf(read(lake))).to.match(new RegExp(`^${code} bigquery: Too much`)),
          );
        }
        for (const status of [429, 503]) {
          let left = 2;
          await answering(
            () => (left-- > 0 ? apiError(status, 'backendError', 'Later') : undefined),
            async () => expect(await read(lake)).to.equal(whole),
          );
        }
        const failed = { reason: 'jobRateLimitExceeded', message: 'Job exceeded rate limits' };
        await answering(
          ({ method, url }) =>
            method === 'POST' && url.includes('/jobs?')
              ? json({ jobReference: { jobId: 'x' }, status: { state: 'DONE', errorResult: failed } })
              : undefined,
          async () => expect(await failureOf(read(lake))).to.match(/^RESOURCE_EXHAUSTED .*rate limits/),
        );
      }),
  },
  'closed while idle': {
    outcome: 'answered, over a new connection',
    run: () =>
      withPart(async (lake) => {
        const before = tcp.accepted;
        tcp.endAll();
        expect(await read(lake)).to.equal(whole);
        // Not even noticed before the next call is sent.
        tcp.cut();
        expect(await read(lake)).to.equal(whole);
        expect(tcp.accepted).to.be.greaterThan(before);
      }),
  },
  '1,000 cuts': {
    outcome: 'answered after each; no socket and no memory is left behind',
    run: () =>
      // The emulator takes some 50 ms for a query; what is cut here is the client, so the proxy answers.
      answering(cannedQuery, () =>
        withCanned(async (lakes) => {
          const cycle = async (): Promise<void> => {
            http.seen.length = 0;
            for (const sum of await Promise.all(lakes.map((lake) => read(lake, callContext(30_000)))))
              expect(sum).to.equal(1);
            tcp.cut();
          };
          const sockets = (): Promise<number> =>
            eventually(() => {
              expect(tcp.connections).to.equal(0);
              return tcp.connections;
            });
          const result = await soak({ cycles: 1000 / lakes.length, cycle, sockets });
          expect(result.socketsAfter).to.equal(result.socketsBefore);
          expect(result.heapGrowthBytes).to.be.lessThan(5_000_000);
        }),
      ),
  },
};

/** Parts side by side: each is cut in each cycle. */
async function withCanned(run: (lakes: readonly Warehouse[]) => Promise<void>): Promise<void> {
  const parts = await Promise.all(Array.from({ length: 8 }, () => startPart(bigquery, optionsAt(tcp.port))));
  try {
    await run(parts.map((part) => part.face(warehouse)));
  } finally {
    await Promise.all(parts.map((part) => part.stop()));
  }
}

function cannedQuery(asked: SeenRequest): CannedAnswer {
  const schema = { fields: [{ name: 'n', type: 'INT64' }] };
  return isRead(asked)
    ? json({ jobComplete: true, schema, totalRows: '1', rows: [{ f: [{ v: '1' }] }] })
    : json({ jobReference: { jobId: 'x' }, status: { state: 'RUNNING' } });
}
