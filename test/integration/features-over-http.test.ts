import { expect } from 'chai';
import { createServer, type Server } from 'vivace';
import {
  inferRequestWriter,
  inferResponseReader,
  jsonLengthHeader,
  messageBody,
  readJsonLength,
  splitBody,
} from 'vivace/wire';
import { failureOf } from '../support/failure.js';
import { at, faultyStore, priceServer, type StoreFaults } from '../support/price-server.js';

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

const row = (sku: string, amount: number): object => ({ sku, amount, tags: null, eventTime: at(0) });

async function served(
  features: object | undefined,
  { web = {}, faults = {} }: { readonly web?: object; readonly faults?: StoreFaults } = {},
): Promise<Server> {
  return priceServer({
    serve: true,
    store: { use: faultyStore(faults) },
    parts: {
      web: { use: 'express', port: 0, host: '127.0.0.1', ...web },
      api: { use: 'rest', server: 'web', ...(features === undefined ? {} : { features }) },
    },
  });
}

async function post(server: Server, path: string, body: unknown, headers: object = {}): Promise<Answer> {
  const answer = await fetch(`${server.addresses()[0]}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return {
    status: answer.status,
    headers: answer.headers,
    body: (await answer.json()) as Record<string, unknown>,
  };
}

describe('features over HTTP', () => {
  let server: Server;
  const faults: StoreFaults = {};
  before(async () => {
    server = await served({ read: ['price'], push: ['price', 'stock'] }, { faults });
  });
  after(() => server.stop());

  const push = (body: unknown, headers: object = {}): Promise<Answer> =>
    post(server, '/v1/features/price/push', body, headers);
  const read = (body: unknown): Promise<Answer> => post(server, '/v1/features/read', body);

  it('pushes rows, which are predicted with and read', async () => {
    const pushed = await push({ rows: [row('a', 1.5), row('b', 2)] }, { 'x-request-id': 'mine' });
    expect(pushed.status).to.equal(200);
    expect(pushed.headers.get('x-request-id')).to.equal('mine');
    expect(pushed.body).to.deep.equal({ accepted: 2, written: 2, errors: [] });
    const predicted = await post(server, '/v1/pipelines/quote/predict', { request: { sku: 'a' } });
    expect(predicted.body).to.have.nested.property('outputs.amount', 1.5);
    const { status, body } = await read({ features: ['price.amount'], keys: { sku: ['b', 'none'] } });
    expect(status).to.equal(200);
    expect(body).to.deep.include({
      features: { 'price.amount': [2, 9] },
      statuses: { 'price.amount': ['PRESENT', 'DEFAULTED'] },
      degraded: [{ view: 'price', status: 'MISSING', rows: 1 }],
    });
  });

  it('takes columns, and names the rows that are wrong', async () => {
    const columns = { sku: ['c', 'd'], amount: [1, 'x'], tags: [['é'], null], eventTime: [at(0), at(0)] };
    const { status, body } = await push({ rows: columns });
    expect(status).to.equal(200);
    expect(body).to.deep.equal({
      accepted: 1,
      written: 1,
      errors: [{ row: 1, path: 'rows.amount[1]', message: '"x" is not a float64' }],
    });
  });

  it('answers 400 where no row is right', async () => {
    const { status, body } = await push({ rows: [{ ...row('a', 1), eventTime: at(600_000) }] });
    expect(status).to.equal(400);
    expect(body).to.include({ code: 'INVALID_ARGUMENT', path: 'rows[0].eventTime' });
  });

  it('answers what is no push with the code and the path of the mistake', async () => {
    const cases: readonly (readonly [body: unknown, status: number, path: string | undefined])[] = [
      ['', 400, undefined],
      ['{"rows": [', 400, 'rows[0]'],
      ['[]', 400, undefined],
      ['null', 400, undefined],
      ['{"rows": 3}', 400, 'rows'],
      ['{"rows": [], "row": 1}', 400, 'row'],
      ['{"rows": [{"__proto__": {"sku": "a"}}]}', 400, 'rows[0].__proto__'],
      [{ rows: { sku: ['a'] } }, 400, 'rows.eventTime'],
      [{ rows: Array.from({ length: 10_001 }, () => row('a', 1)) }, 400, 'rows'],
      [{ rows: { sku: Array.from({ length: 10_001 }, () => 'a') } }, 400, 'rows'],
      [`{"rows": [${'['.repeat(100)}${']'.repeat(100)}]}`, 400, undefined],
    ];
    for (const [body, status, path] of cases) {
      const answer = await push(body);
      const text = JSON.stringify(body).slice(0, 100);
      expect(answer.status, text).to.equal(status);
      expect(answer.body['code'], text).to.equal('INVALID_ARGUMENT');
      if (path !== undefined) expect(answer.body['path'], text).to.equal(path);
    }
    const wrongType = await push({ rows: [] }, { 'content-type': 'text/csv' });
    expect(wrongType.status).to.equal(415);
    expect((await push({ rows: [] }, { 'x-deadline-ms': 'soon' })).status).to.equal(400);
  });

  it('takes the last of equal names in an object, as JSON.parse does, and one row of each key', async () => {
    const eventTime = JSON.stringify(at(0));
    const twice = `{"sku":"twice","amount":1,"amount":2,"tags":null,"eventTime":${eventTime}}`;
    expect((await push(`{"rows":[${twice},${twice}]}`)).body).to.include({ accepted: 2, written: 1 });
    const { body } = await read({ features: ['price.amount'], keys: { sku: ['twice'] } });
    expect(body['features']).to.deep.equal({ 'price.amount': [2] });
  });

  it('answers 503 where the store is down, and stores the rows once they are pushed again', async () => {
    faults.writes = true;
    const refused = await push({ rows: [row('down', 1)] });
    expect(refused.status).to.equal(503);
    expect(refused.body).to.include({ code: 'UNAVAILABLE' });
    expect(refused.body['details']).to.deep.equal([{ path: 'rows[0]', message: 'may not be stored' }]);
    faults.writes = false;
    expect((await push({ rows: [row('down', 1)] })).body).to.deep.equal({
      accepted: 1,
      written: 1,
      errors: [],
    });
    faults.reads = true;
    expect((await read({ features: ['price'], keys: { sku: ['down'] } })).status).to.equal(503);
    faults.reads = false;
  });

  it('answers what it can where one of two stores is down', async () => {
    const half: StoreFaults = {};
    const two = await createServer({
      parts: {
        hot: { use: 'memory' },
        online: { use: 'online-store', store: 'hot' },
        cold: { use: faultyStore(half) },
        other: { use: 'online-store', store: 'cold' },
        web: { use: 'express', port: 0, host: '127.0.0.1' },
        api: { use: 'rest', server: 'web', features: { read: true } },
      },
      views: {
        here: { store: 'online', entity: { id: 'int64' }, features: { x: { type: 'float32', default: 1 } } },
        there: { store: 'other', entity: { id: 'int64' }, features: { y: { type: 'float32', default: 2 } } },
      },
      pipelines: {},
    });
    await two.start();
    try {
      await two.features.push('here', [{ id: 7, x: 0.5, eventTime: new Date() }]);
      half.reads = true;
      const { status, body } = await post(two, '/v1/features/read', {
        features: ['here.x', 'there.y'],
        keys: { id: [7, '8'] },
      });
      expect(status).to.equal(200);
      expect(body).to.deep.include({
        features: { 'here.x': [0.5, 1], 'there.y': [null, null] },
        statuses: { 'here.x': ['PRESENT', 'DEFAULTED'], 'there.y': ['FAILED', 'FAILED'] },
        degraded: [
          { view: 'here', status: 'MISSING', rows: 1 },
          { view: 'there', status: 'FAILED', rows: 2, code: 'UNAVAILABLE' },
        ],
      });
    } finally {
      await two.stop();
    }
  });

  it('has only the views that its options name', async () => {
    expect((await post(server, '/v1/features/sourced/push', { rows: [] })).status).to.equal(404);
    expect((await post(server, '/v1/features/none/push', { rows: [] })).status).to.equal(404);
    expect((await post(server, '/v1/features/%E0%A4%A/push', { rows: [] })).status).to.equal(400);
    expect((await post(server, '/v1/features/price', {})).status).to.equal(404);
    const unreadable = await read({ features: ['price', 'stock.pieces'], keys: {} });
    expect(unreadable.status).to.equal(400);
    expect(unreadable.body).to.include({ path: 'features[1]' });
    const got = await fetch(`${server.addresses()[0]}/v1/features/read`);
    expect(got.status).to.equal(405);
    expect(got.headers.get('allow')).to.equal('POST');
  });

  it('answers what is no read with the path of the mistake', async () => {
    const cases: readonly (readonly [body: unknown, path: string | undefined])[] = [
      ['3', undefined],
      [{ features: 'price', keys: {} }, 'features'],
      [{ features: ['price', 3], keys: {} }, 'features[1]'],
      [{ features: [], keys: {} }, 'features'],
      [{ features: ['price'] }, 'keys'],
      [{ features: ['price'], keys: [] }, 'keys'],
      [{ features: ['price'], keys: {} }, 'keys.sku'],
      [{ features: ['price'], keys: { sku: 'a' } }, 'keys.sku'],
      [{ features: ['price'], keys: { sku: ['a', 3] } }, 'keys.sku[1]'],
      [{ features: ['price'], keys: { sku: ['a'] }, more: 1 }, 'more'],
      [{ features: ['price.x'.padEnd(100_000, 'x')], keys: {} }, 'features[0]'],
    ];
    for (const [body, path] of cases) {
      const answer = await read(body);
      const text = JSON.stringify(body).slice(0, 100);
      expect(answer.status, text).to.equal(400);
      expect(answer.body['code'], text).to.equal('INVALID_ARGUMENT');
      expect(answer.body['path'], text).to.equal(path);
      expect(JSON.stringify(answer.body).length, text).to.be.lessThan(2000);
    }
  });

  describe('in tensors', () => {
    const keys = [{ name: 'sku', datatype: 'BYTES', shape: [-1] }] as const;
    const amount = { name: 'price.amount', datatype: 'FP64', shape: [-1] } as const;
    const tags = { name: 'price.tags', datatype: 'BYTES', shape: [-1] } as const;

    it('reads binary tensors by binary tensors', async () => {
      await push({ rows: [row('é', 2.5), row('plain', 3)] });
      const data = ['é', 'none', 'plain'];
      const { headers, pieces } = messageBody(
        inferRequestWriter({ inputs: keys, outputs: [amount, tags] })({
          id: 'mine',
          inputs: [{ shape: [3], data }],
        }),
      );
      const answer = await fetch(`${server.addresses()[0]}/v1/features/read`, {
        method: 'POST',
        headers,
        body: Buffer.concat(pieces),
      });
      expect(answer.status).to.equal(200);
      const length = readJsonLength(answer.headers.get(jsonLengthHeader)!);
      const limits = { maxDepth: 10 };
      const { json, binary } = splitBody(new Uint8Array(await answer.arrayBuffer()), length, limits);
      const { id, outputs, parameters } = inferResponseReader([amount, tags])(json, binary);
      expect(id).to.equal('mine');
      expect([...outputs[0]!.data]).to.deep.equal([2.5, 9, 3]);
      expect(JSON.parse(String(outputs[0]!.parameters['statuses']))).to.deep.equal([
        'PRESENT',
        'DEFAULTED',
        'PRESENT',
      ]);
      expect(outputs[1]!.parameters['nulls']).to.equal('[0,1,2]');
      expect(JSON.parse(String(parameters['degraded']))).to.deep.equal([
        { view: 'price', status: 'MISSING', rows: 1 },
      ]);
    });

    it('reads tensors in JSON', async () => {
      await push({ rows: [row('json', 1)] });
      const input = {
        name: 'sku',
        datatype: 'BYTES',
        shape: [2],
        data: ['json', ''],
        parameters: { nulls: '[1]' },
      };
      const { status, body } = await read({ inputs: [input], outputs: [{ name: 'price.amount' }] });
      expect(status).to.equal(200);
      expect(body).to.deep.equal({
        model_name: 'features',
        parameters: { degraded: '[{"view":"price","status":"MISSING","rows":1}]' },
        outputs: [
          {
            name: 'price.amount',
            datatype: 'FP64',
            shape: [2],
            parameters: { statuses: '["PRESENT","DEFAULTED"]' },
            data: [1, 9],
          },
        ],
      });
    });

    it('says what is wrong', async () => {
      const input = { name: 'sku', datatype: 'BYTES', shape: [1], data: ['a'] };
      const cases: readonly (readonly [body: object, path: string | undefined])[] = [
        [{ inputs: [input] }, 'outputs'],
        [{ inputs: [input], outputs: [{ name: 'price' }] }, 'outputs[0].name'],
        [{ inputs: [input], outputs: [{ name: 'price.amount' }, { name: 'price.x' }] }, 'outputs[1]'],
        [{ inputs: [input], outputs: [{ name: 'stock.pieces' }] }, 'outputs[0].name'],
        [{ inputs: [], outputs: [{ name: 'price.amount' }] }, 'inputs'],
        [{ inputs: [{ ...input, shape: [2] }], outputs: [{ name: 'price.amount' }] }, 'inputs[0]'],
        [{ inputs: [{ ...input, data: ['a'.repeat(1025)] }], outputs: [amount] }, 'keys.sku[0]'],
      ];
      for (const [body, path] of cases) {
        const answer = await read(body);
        const text = JSON.stringify([body, answer.body]).slice(0, 400);
        expect(answer.status, text).to.equal(400);
        expect(answer.body['code'], text).to.equal('INVALID_ARGUMENT');
        expect(String(answer.body['path']), text).to.match(new RegExp(`^${path!.replaceAll('[', '\\[')}`));
      }
      const header = (value: string): Promise<Answer> =>
        post(
          server,
          '/v1/features/read',
          { features: ['price'], keys: { sku: [] } },
          { [jsonLengthHeader]: value },
        );
      for (const value of ['x', '-1', '0', '99999'])
        expect((await header(value)).status, value).to.equal(400);
    });
  });

  it('is in the OpenAPI document as far as it is on', async () => {
    const ask = async (from: Server): Promise<Record<string, object>> => {
      const answer = await fetch(`${from.addresses()[0]}/openapi.json`);
      return ((await answer.json()) as { readonly paths: Record<string, object> }).paths;
    };
    expect(Object.keys(await ask(server)).filter((path) => path.includes('features'))).to.have.members([
      '/v1/features/read',
      '/v1/features/price/push',
      '/v1/features/stock/push',
    ]);
    const off = await served(undefined);
    try {
      expect(Object.keys(await ask(off)).filter((path) => path.includes('features'))).to.deep.equal([]);
    } finally {
      await off.stop();
    }
  });
});

describe('the option `features` of rest', () => {
  it('is off unless it is given, and says what turns it on', async () => {
    const server = await served(undefined);
    try {
      const read = await post(server, '/v1/features/read', { features: ['price'], keys: {} });
      expect(read.status).to.equal(501);
      expect(read.body['message']).to.contain('features: { read: true }');
      const push = await post(server, '/v1/features/price/push', { rows: [] });
      expect(push.status).to.equal(501);
      expect(push.body['message']).to.contain('features: { push: [view] }');
    } finally {
      await server.stop();
    }
  });

  it('opens all views for reading with `read: true`', async () => {
    const server = await served({ read: true });
    try {
      const keys = { sku: ['a'], shop: [1] };
      const { status, body } = await post(server, '/v1/features/read', { features: ['stock.pieces'], keys });
      expect(status).to.equal(200);
      expect(body['statuses']).to.deep.equal({ 'stock.pieces': ['MISSING'] });
    } finally {
      await server.stop();
    }
  });

  it('refuses to take pushes where other machines reach it, unless it is said to be open', async () => {
    const anywhere = { host: '0.0.0.0' };
    expect(await failureOf(served({ push: ['price'] }, { web: anywhere }))).to.match(
      /^INVALID_CONFIG .*parts\.api\.features\.push: http:\/\/.* can be reached from other machines, and `push` lets every caller write features: .*`open: true`/,
    );
    for (const features of [{ push: ['price'], open: true }, { read: true }]) {
      const server = await served(features, { web: anywhere });
      await server.stop();
    }
  });

  it('names views that are not there, or not pushed to, with their place', async () => {
    expect(await failureOf(served({ read: ['prise'] }))).to.match(
      /parts\.api\.features\.read\[0\]: there is no view "prise"; did you mean "price"\?$/,
    );
    expect(await failureOf(served({ push: ['price', 'sourced'] }))).to.match(
      /parts\.api\.features\.push\[1\]: "sourced" has a source/,
    );
  });
});
