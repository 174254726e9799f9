import { expect } from 'chai';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildTrainingSet,
  createServer as createVivace,
  httpClient,
  servedLog as servedLogPort,
  VivaceError,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { filesystem } from 'vivace/adapters/filesystem';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { servedLog } from 'vivace/plugins/served-log';
import { nodeHttp } from 'vivace/adapters/node-http';
import { restFeatures } from 'vivace/plugins/rest-features';
import { callContext, makePart, readSource, startPart, type TestPart } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { inMemory } from '../support/in-memory-telemetry.js';

const prices: Readonly<Record<string, unknown>> = {
  '1': { offer: { price: 9.5, tags: ['a', 'b'] } },
  '2': { offer: { price: 3, tags: [] } },
  '3': { offer: {} },
  '4': { offer: { price: 'much' } },
};

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A service of prices. */
class PriceService {
  readonly #server: Server;
  readonly asked: string[] = [];
  headers: IncomingMessage['headers'] = {};
  answer: Answer = (request, response) => {
    const found = prices[/^\/items\/(\d+)/.exec(request.url!)?.[1] ?? ''];
    response.writeHead(found === undefined ? 404 : 200).end(JSON.stringify(found ?? null));
  };
  running = 0;
  most = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      this.most = Math.max(this.most, ++this.running);
      response.on('close', () => this.running--);
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.asked.push(request.url!);
        this.headers = request.headers;
        this.answer(request, response, Buffer.concat(chunks).toString());
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((listening) => this.#server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}

const keys = { item_id: 'int64' } as const;
const features = {
  price: { type: 'float32', from: '$.offer.price' },
  tags: { type: 'list<string>', from: '$.offer.tags' },
} as const;

describe('rest-features', () => {
  let service: PriceService;
  let origin: string;
  let client: TestPart;
  let part: TestPart | undefined;
  before(async () => (client = await startPart(nodeHttp)));
  after(() => client.stop());
  beforeEach(async () => {
    service = new PriceService();
    origin = await service.start();
  });
  afterEach(async () => {
    await part?.stop();
    part = undefined;
    await service.stop();
  });

  const started = async (given: object = {}): Promise<TestPart> =>
    (part = await startPart(
      restFeatures,
      { url: `${origin}/items/{item_id}`, keys, features, timeoutMs: 1000, ...given },
      { uses: { client: client.face(httpClient) } },
    ));
  const read = async (...ids: number[]): Promise<unknown[]> =>
    await readSource(part as never, ids.map((id) => ({ item_id: BigInt(id) })) as never);

  it('gives a row for each key, MISSING for 404, null where an answer has no value', async () => {
    await started();
    expect(await read(1, 99, 3)).to.deep.equal([
      { price: 9.5, tags: ['a', 'b'] },
      'MISSING',
      { price: null, tags: null },
    ]);
    expect(service.asked.sort()).to.deep.equal(['/items/1', '/items/3', '/items/99']);
  });

  it('fails the row of a value that its type does not hold, and no other', async () => {
    await started();
    const [wrong, right] = await read(4, 1);
    expect(wrong).to.include({ code: 'DATA_LOSS' });
    expect(String(wrong)).to.match(/\$\.offer\.price: .*"much".* is not a float32/);
    expect(right).to.deep.equal({ price: 9.5, tags: ['a', 'b'] });
  });

  it('asks once more after an outage, and gives what came of it', async () => {
    await started();
    let failing = 1;
    const { answer } = service;
    service.answer = (request, response, body) => {
      if (failing-- > 0) response.writeHead(503).end();
      else answer(request, response, body);
    };
    expect(await read(1)).to.have.lengthOf(1);
    expect(service.asked).to.deep.equal(['/items/1', '/items/1']);
    service.answer = (_, response) => response.writeHead(500).end();
    expect(await failureOf(read(1))).to.match(/UNAVAILABLE .*answered 500/);
    expect(service.asked).to.have.lengthOf(4);
  });

  it('does not repeat what the service refuses, and says what to do', async () => {
    await started();
    for (const [status, text] of [
      [302, /FAILED_PRECONDITION .*302: redirects are not followed/],
      [401, /UNAUTHENTICATED .*`headers`/],
      [403, /PERMISSION_DENIED/],
      [400, /FAILED_PRECONDITION .*400/],
      [429, /RESOURCE_EXHAUSTED/],
    ] as const) {
      service.asked.length = 0;
      service.answer = (_, response) => response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end();
      expect(await failureOf(read(1)), String(status)).to.match(text);
      expect(service.asked).to.have.lengthOf(1);
    }
  });

  it('repeats one call in ten once its savings are used up', async () => {
    await started({ maxInFlight: 200 });
    service.answer = (_, response) => response.writeHead(503).end();
    await failureOf(read(...Array.from({ length: 100 }, (_, i) => i)));
    // Ten that were saved up, and as many as these calls earned.
    expect(service.asked.length).to.be.within(105, 122);
  });

  it('gives up an attempt after its time, and what is no JSON, too long or cut off', async () => {
    await started({ timeoutMs: 50, retries: 0, maxResponseBytes: 64 });
    service.answer = () => undefined;
    expect(await failureOf(read(1))).to.match(/DEADLINE_EXCEEDED/);
    service.answer = (_, response) => response.end('{');
    expect(await failureOf(read(1))).to.match(/DATA_LOSS .*not JSON/);
    service.answer = (_, response) => response.end(JSON.stringify({ long: 'x'.repeat(100) }));
    expect(await failureOf(read(1))).to.match(/RESOURCE_EXHAUSTED/);
    service.answer = (request) => request.socket.destroy();
    expect(await failureOf(read(1))).to.match(/UNAVAILABLE/);
  });

  it('has no more requests at the same time than it may', async () => {
    await started({ maxInFlight: 3 });
    const { answer } = service;
    service.answer = (request, response, body) => void setTimeout(() => answer(request, response, body), 5);
    expect(await read(...Array.from({ length: 20 }, (_, i) => i))).to.have.lengthOf(20);
    expect(service.most).to.be.at.most(3);
  });

  it('sends headers of its own', async () => {
    await started({ headers: { authorization: 'Bearer of-mine' } });
    await read(1);
    expect(service.headers).to.include({ authorization: 'Bearer of-mine', accept: 'application/json' });
  });

  it('asks for many keys in one request', async () => {
    service.answer = (_, response, body) => {
      const { ids } = JSON.parse(body) as { ids: number[] };
      const items = ids.flatMap((id) =>
        prices[id] === undefined ? [] : [{ id, ...(prices[id] as object) }],
      );
      response.end(JSON.stringify({ items: items.reverse() }));
    };
    const batch = {
      url: `${origin}/find`,
      body: { ids: '{item_id[]}' },
      size: 2,
      rows: '$.items',
      match: { item_id: '$.id' },
    };
    await started({ url: undefined, batch });
    expect(await read(1, 99, 2)).to.deep.equal([
      { price: 9.5, tags: ['a', 'b'] },
      'MISSING',
      { price: 3, tags: [] },
    ]);
    expect(service.asked).to.deep.equal(['/find', '/find']);
    service.answer = (_, response) => response.end('{"items": [{"id": 9007199254740993}]}');
    expect(await failureOf(read(1))).to.match(/DATA_LOSS .*\$\.id: 9007199254740992 is not an integer/);
    service.answer = (_, response) => response.end('{"items": 3}');
    expect(await failureOf(read(1))).to.match(/DATA_LOSS .*no list at \$\.items/);
    service.answer = (_, response) => response.writeHead(404).end();
    expect(await failureOf(read(1))).to.match(/FAILED_PRECONDITION .*404: correct `batch.url`/);
  });

  it('refuses options that cannot work, each with its place', () => {
    const of = (given: object): string => {
      try {
        makePart(
          restFeatures,
          { url: 'http://h/{item_id}', keys, features, ...given },
          { uses: { client: client.face(httpClient) } },
        );
        return 'made';
      } catch (error) {
        return String(error instanceof VivaceError ? error.message : error);
      }
    };
    expect(of({})).to.equal('made');
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ url: 'http://{item_id}/' }, /url.*host/],
      [{ url: 'http://h/{other}' }, /there is no key "other"/],
      [{ url: 'http://h/x' }, /item_id.*stands neither/],
      [{ url: undefined }, /either `url`/],
      [{ url: 'http://h/{item_id[]}' }, /is for `batch`/],
      [{ features: {} }, /has no feature/],
      [{ features: { price: { type: 'float32', from: 'offer' } } }, /not a path/],
      [{ headers: { host: 'x' } }, /every request has of its own/],
    ];
    for (const [given, pattern] of cases) expect(of(given), JSON.stringify(given)).to.match(pattern);
  });

  it('spares callers the wait for a host that is down, and no other host', async () => {
    const http = client.face(httpClient);
    const send = (url: string): Promise<string> =>
      failureOf((async () => http.send({ method: 'GET', url, maxBytes: 1000 }, callContext()))());
    const down = 'http://127.0.0.1:9/';
    for (let i = 0; i < 20; i++) expect(await send(down)).to.match(/cannot be connected to/);
    expect(await send(down)).to.match(/UNAVAILABLE .*was not tried, because 20 of its last calls failed/);
    expect(
      (await http.send({ method: 'GET', url: `${origin}/items/1`, maxBytes: 1000 }, callContext())).status,
    ).to.equal(200);
  });

  it('feeds a pipeline, to whose trace its requests belong', async () => {
    const memory = inMemory({ contextManager: true });
    const server = await createVivace({
      parts: {
        trace: { use: memory.part },
        http: { use: nodeHttp },
        prices: {
          use: restFeatures,
          client: 'http',
          url: `${origin}/items/{item_id}`,
          keys,
          features,
          timeoutMs: 1000,
        },
      },
      pipelines: {
        rank: {
          objects: { fields: { item: 'int64' } },
          steps: [{ fetch: 'prices', key: { item_id: 'object.item' }, onMissing: 'null' }],
          response: { outputs: { price: 'prices.price' } },
        },
      } as never,
    });
    await server.start();
    try {
      const answer = await server.predict(
        'rank' as never,
        { objects: [{ item: 1 }, { item: 2 }, { item: 99 }] } as never,
      );
      const { objects } = answer as unknown as { objects: { price: number | null }[] };
      expect(objects.map(({ price }) => price)).to.deep.equal([9.5, 3, null]);
      const [, traceId] = String(service.headers['traceparent']).split('-');
      expect(memory.finished().named('predict rank').spanContext().traceId).to.equal(traceId);
    } finally {
      await server.stop();
    }
  });

  it('is in a training set as it was served', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vivace-rest-'));
    const server = await createVivace({
      directory,
      parts: {
        http: { use: nodeHttp },
        prices: {
          use: restFeatures,
          client: 'http',
          url: `${origin}/items/{item_id}`,
          keys,
          features,
          timeoutMs: 1000,
        },
        bucket: { use: filesystem, path: 'bucket' },
        lake: { use: duckdb, threads: 1 },
        hot: { use: memory },
        online: { use: onlineStore, store: 'hot' },
        history: { use: offlineStore, warehouse: 'lake', online: 'online' },
        log: { use: servedLog, encode: 'lake', blobs: 'bucket' },
      },
      pipelines: {
        rank: {
          request: { at: 'timestamp' },
          time: 'request.at',
          objects: { fields: { item: 'int64' } },
          record: { served: { in: 'log' } },
          steps: [{ fetch: 'prices', key: { item_id: 'object.item' }, onMissing: 'null' }],
          response: { outputs: { price: 'prices.price' } },
        },
      } as never,
    });
    await server.start();
    try {
      const request = { at: '2026-11-30T10:00:00Z' };
      await server.predict('rank' as never, { request, objects: [{ item: 1 }, { item: 99 }] } as never);
      await server.part(servedLogPort, 'log').flush(callContext());
      // The service has another price by now.
      service.answer = (_, response) => response.end('{"offer": {"price": 1}}');
      const out = join(directory, 'set.csv');
      const set = await buildTrainingSet(
        server,
        out,
        { pipeline: 'rank', spine: { served: 'rank' } },
        callContext(),
      );
      expect(set.rows).to.equal(2);
      const [head, ...lines] = (await readFile(out, 'utf8')).trim().split('\n');
      const at = head!.split(',').indexOf('prices.price');
      expect(lines.map((line) => line.split(',')[at])).to.deep.equal(['9.5', '']);
      expect(service.asked).to.have.lengthOf(2);
    } finally {
      await server.stop();
      await rm(directory, { recursive: true });
    }
  });
});
