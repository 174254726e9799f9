import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createServer,
  definePipeline,
  describePlan,
  loadServer,
  type PipelineDeclaration,
  type TypeName,
  type Views,
} from 'vivace';
import { scripted, withServer, type ReadRows } from '../support/scripted.js';
import { predictText } from '../support/predict-text.js';

const sorted = (type: TypeName, response: object): PipelineDeclaration => ({
  objects: { fields: { v: { type, optional: true }, name: { type: 'string', optional: true } } },
  steps: [],
  response: { outputs: { out: 'object.v' }, orderBy: 'out', ...response },
});

async function order(type: TypeName, values: readonly unknown[], response: object = {}): Promise<number[]> {
  const answer = await withServer({ parts: {}, pipelines: { p: sorted(type, response) } }, (server) =>
    server.predict('p', { objects: values.map((v) => ({ v })) as never }),
  );
  return answer.objects.map((object) => object['index'] as number);
}

describe('An answer', () => {
  it('is in the order of the request where nothing says otherwise', async () => {
    expect(await order('float64', [3, 1, 2], { orderBy: undefined })).to.deep.equal([0, 1, 2]);
  });

  it('is sorted up or down; equal ones keep the order of the request', async () => {
    expect(await order('float64', [3, 1, 2, 1])).to.deep.equal([1, 3, 2, 0]);
    expect(await order('float64', [3, 1, 2, 1], { descending: true })).to.deep.equal([0, 2, 1, 3]);
  });

  it('has nulls and NaN last, whichever way it is sorted, and infinities at their ends', async () => {
    const values = [null, 1, 'NaN', '-Infinity', 'Infinity', null, 2];
    expect(await order('float64', values)).to.deep.equal([3, 1, 6, 4, 0, 2, 5]);
    expect(await order('float64', values, { descending: true })).to.deep.equal([4, 6, 1, 3, 0, 2, 5]);
  });

  it('is sorted by every scalar type', async () => {
    expect(
      await order('int64', ['9007199254740993', 9007199254740991, '9007199254740992', -1]),
    ).to.deep.equal([3, 1, 2, 0]);
    expect(await order('string', ['b', 'B', 'a', ''])).to.deep.equal([3, 1, 2, 0]);
    expect(await order('bool', [true, false, null, false])).to.deep.equal([1, 3, 0, 2]);
    expect(
      await order('timestamp', ['2001-01-01T00:00:00.000002Z', '2001-01-01T00:00:00.000001Z']),
    ).to.deep.equal([1, 0]);
  });

  it('keeps the first of what was sorted where it is limited', async () => {
    expect(await order('float64', [3, 1, 2], { limit: 2 })).to.deep.equal([1, 2]);
    expect(await order('float64', [3, 1, 2], { limit: 9 })).to.deep.equal([1, 2, 0]);
  });

  it('is refused an order that there is none of', async () => {
    for (const [type, response] of [
      ['float64[2]', {}],
      ['bytes', {}],
      ['float64', { orderBy: 'nothing' }],
    ] as const) {
      const error = await createServer({ parts: {}, pipelines: { p: sorted(type, response) } }).then(
        () => undefined,
        (thrown: unknown) => (thrown as Error).message,
      );
      expect(error).to.match(/^pipelines\.p\.response\.orderBy: /);
    }
  });

  const both = definePipeline({
    request: { greeting: 'string' },
    objects: { fields: { id: 'string' } },
    steps: [{ fetch: 'f' }],
    response: { outputs: { hello: 'request.greeting', v: 'f.v' }, orderBy: 'v', limit: 2 },
  });
  const read: ReadRows = (keys, out) => {
    (keys.column('id').values as string[]).forEach((id, row) => {
      out.eventTime[row] = 1_000_000;
      out.availableTime[row] = 2_000_000;
      if (id === 'x') out.setMissing(row);
      else out.column('v').set(row, Number(id));
    });
  };
  const parts = {
    f: {
      use: scripted,
      features: { v: 'float64', w: { type: 'int32', default: 5 } },
      maxAgeMs: 60_000,
      read,
    },
  };
  const clock = { now: () => 3000, monotonic: () => 0 };

  it("repeats the request's outputs for each object", async () => {
    const answer = await withServer({ parts, pipelines: { both }, clock }, (server) =>
      server.predict('both', { request: { greeting: 'hi' }, objects: [{ id: '2' }, { id: '1' }] }),
    );
    expect(answer.objects).to.deep.equal([
      { index: 1, id: '1', hello: 'hi', v: 1 },
      { index: 0, id: '2', hello: 'hi', v: 2 },
    ]);
  });

  it('comes in columns where the objects did, with the same order and limit', async () => {
    const body = { request: { greeting: 'hi' }, objects: { id: ['3', 'x', '1', '2'] } };
    const [value, text] = await withServer({ parts, pipelines: { both }, clock }, (server) =>
      Promise.all([server.predict('both', body, { requestId: 'r' }), predictText(server.data, 'both', body)]),
    );
    expect(value.objects).to.deep.equal({ index: [2, 3], id: ['1', '2'], hello: ['hi', 'hi'], v: [1, 2] });
    expect(JSON.parse(text)).to.deep.equal(value);
  });

  it('explains every value with status and time, in the order of the request', async () => {
    const answer = await withServer({ parts, pipelines: { both }, clock }, (server) =>
      server.predict('both', {
        request: { greeting: 'hi' },
        objects: [{ id: '2' }, { id: 'x' }],
        explain: true,
      }),
    );
    expect(answer.explain).to.deep.equal({
      time: '1970-01-01T00:00:03Z',
      request: {},
      objects: [
        {
          index: 0,
          f: {
            status: 'PRESENT',
            eventTime: '1970-01-01T00:00:01Z',
            availableTime: '1970-01-01T00:00:02Z',
            features: { v: { value: 2, status: 'PRESENT' }, w: { value: 0, status: 'PRESENT' } },
          },
        },
        {
          index: 1,
          f: {
            status: 'MISSING',
            features: { v: { value: null, status: 'MISSING' }, w: { value: 5, status: 'DEFAULTED' } },
          },
        },
      ],
    });
  });

  it('explains a time that no text can say as null', async () => {
    const late: ReadRows = (_, out) => {
      out.eventTime.fill(9e18);
      out.availableTime.fill(9e18);
      out.setAllPresent();
    };
    const answer = await withServer(
      { parts: { f: { ...parts.f, read: late } }, pipelines: { both }, clock },
      (server) =>
        server.predict('both', { request: { greeting: 'hi' }, objects: [{ id: '2' }], explain: true }),
    );
    const { objects } = answer.explain as {
      objects: { f: { eventTime: unknown; availableTime: unknown } }[];
    };
    expect([objects[0]!.f.eventTime, objects[0]!.f.availableTime]).to.deep.equal([null, null]);
  });
});

describe('A pipeline in YAML and in code', () => {
  const views = {
    price: {
      store: 'online',
      entity: { item: 'string' },
      maxAgeMs: 60_000,
      features: { euro: { type: 'float64', default: 1.5 } },
    },
  } satisfies Views;
  const parts = {
    hot: { use: 'memory' },
    online: { use: 'online-store', store: 'hot' },
    calendar: { use: 'calendar' },
  };
  const pipelines = {
    p: {
      request: { at: 'timestamp' },
      time: 'request.at',
      objects: { fields: { item: 'string' }, max: 7 },
      steps: [
        { fetch: 'price', onMissing: 'default', budgetMs: 50 },
        { fetch: 'price', as: 'again', key: { item: 'object.item' }, onFailure: 'null' },
        { transform: 'calendar' },
      ],
      response: {
        outputs: { euro: 'price.euro', hour: 'calendar.hour' },
        orderBy: 'euro',
        descending: true,
        limit: 3,
      },
    },
  } as const;

  it('have equal plans and equal answers', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vivace-plan-'));
    try {
      const file = join(directory, 'vivace.yaml');
      // JSON is YAML.
      writeFileSync(file, JSON.stringify({ parts, views, pipelines }, undefined, 1));
      const servers = [await loadServer(file), await createServer({ parts, views, pipelines })] as const;
      const body = {
        request: { at: '2001-06-15T08:30:00Z' },
        objects: [{ item: 'a' }, { item: 'b' }],
        explain: true,
      };
      const [yaml, code] = await Promise.all(
        servers.map(async (server) => {
          await server.start();
          const text = await predictText(server.data, 'p', body);
          const description = describePlan(server.plans.get('p')!);
          await server.stop();
          return { text, description };
        }),
      );
      expect(code).to.deep.equal(yaml);
      expect(JSON.parse(yaml!.text)).to.have.property('objects').of.length(2);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
