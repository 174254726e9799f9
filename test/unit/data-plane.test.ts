import { expect } from 'chai';
import {
  Call,
  cellAt,
  columnOf,
  createServer,
  parseType,
  type Cell,
  type Column,
  type PipelineInput,
  type ServerOf,
} from 'vivace';
import { failureOf } from '../support/failure.js';
import { adder } from '../support/parts.js';

const column = (type: string, ...cells: Cell[]): Column => columnOf(parseType(type), cells);
const call = (): Call => new Call({ requestId: 'r', signal: new AbortController().signal });

const rank = {
  request: { bonus: 'float64', at: { type: 'timestamp', optional: true }, tags: 'list<string>' },
  objects: { fields: { value: 'float64', note: { type: 'string', optional: true } }, max: 3 },
  time: 'request.at',
  steps: [{ predict: 'adder', inputs: { x: ['object.value', 'request.bonus'] } }],
  response: { outputs: { sum: 'adder.sum', at: 'time' }, orderBy: 'sum', descending: true, limit: 2 },
} as const;
const bare = { steps: [], response: { outputs: { now: 'time' } } } as const;

const request = [column('float64', 10), column('timestamp', 1_000_000), column('list<string>', ['a', 'b'])];
const objects = {
  rows: 3,
  columns: [column('float64', 1, 3, 2), column('string', 'x', null, 'z')],
} as const;

describe('Data plane', () => {
  let server: ServerOf<{ rank: typeof rank; bare: typeof bare }>;
  let hold: Promise<void> | undefined;
  before(async () => {
    server = await createServer({
      parts: { adder: { use: adder, width: 2, onPredict: () => hold } },
      pipelines: { rank, bare },
      drainTimeoutMs: 20,
    });
    await server.start();
  });
  after(() => server.stop());

  describe('pipelines', () => {
    const predict = (input: PipelineInput): Promise<unknown> =>
      server.data.pipelines.predict('rank', input, call());

    it('answer columns with columns, objects in the order of the answer', async () => {
      const answer = await server.data.pipelines.predict('rank', { request, objects }, call());
      const { fields, order } = answer.objects!;
      expect([answer.requestId, [...order]]).to.deep.equal(['r', [1, 2]]);
      expect(answer.models).to.deep.equal([{ step: 'adder', name: 'adder', version: '1' }]);
      const rows = (of: Column): Cell[] => Array.from(order, (row) => cellAt(of, row));
      expect(answer.outputs.map(rows)).to.deep.equal([
        [13, 12],
        [1_000_000, 1_000_000],
      ]);
      expect(fields).to.deep.equal(objects.columns);
      expect(fields[0]).to.equal(objects.columns[0], 'columns are not copied');
    });

    it('explain where they are asked to', async () => {
      const { explanation } = await server.data.pipelines.predict(
        'rank',
        { request, objects, explain: true },
        call(),
      );
      expect([explanation?.time, explanation?.objects, explanation?.skipped(0)]).to.deep.equal([
        1_000_000,
        3,
        false,
      ]);
      const [node] = explanation!.nodes;
      expect([node?.alias, node?.scope, node?.columns[0]?.name]).to.deep.equal(['adder', 'object', 'sum']);
      expect(
        (await server.data.pipelines.predict('rank', { request, objects }, call())).explanation,
      ).to.equal(undefined);
    });

    it('take the time of arrival where the request has none', async () => {
      const before = Date.now() * 1000;
      const { outputs } = await server.data.pipelines.predict('bare', { request: [] }, call());
      expect(cellAt(outputs[0]!, 0)).to.be.within(before, Date.now() * 1000 + 999);
    });

    it('are described without what only a plan needs', () => {
      const { request: fields, time, outputs, objects: described } = server.data.pipelines.describe('rank');
      expect(fields[0]).to.deep.equal({ name: 'bonus', type: parseType('float64'), optional: false });
      expect([time, described?.max, outputs.map(({ name }) => name)]).to.deep.equal(['at', 3, ['sum', 'at']]);
    });

    it('name those that exist where one does not', async () => {
      expect(() => server.data.pipelines.describe('rang')).to.throw(
        /no pipeline "rang"; did you mean "rank"/,
      );
      expect(await failureOf(server.data.pipelines.predict('rang', { request: [] }, call()))).to.match(
        /^NOT_FOUND/,
      );
    });

    it('begin nothing after the deadline of their caller', async () => {
      let isRead = false;
      const late = call().derive({ deadline: performance.now() - 1 });
      const work = server.data.pipelines.predict('bare', () => ((isRead = true), { request: [] }), late);
      expect([await failureOf(work), isRead]).to.deep.equal([
        'DEADLINE_EXCEEDED the deadline has passed',
        false,
      ]);
    });

    const [bonus, at, tags] = request as [Column, Column, Column];
    const [value, note] = objects.columns;
    const wrong: Record<string, [PipelineInput, string]> = {
      'too few columns': [{ request: [bonus], objects }, 'request: 1 columns where there are 3 fields'],
      'another type': [
        { request: [column('float32', 1), at, tags], objects },
        'request.bonus: a column of float32 where float64 is expected',
      ],
      'another number of rows': [
        { request: [column('float64', 1, 2), at, tags], objects },
        'request.bonus: 2 rows where 1 are expected',
      ],
      'values of another type': [
        { request: [{ ...bonus, values: new Float32Array(1) }, at, tags], objects },
        'request.bonus: the values are not those of a column of float64',
      ],
      'fewer values than rows': [
        { request: [{ ...bonus, values: new Float64Array(0) }, at, tags], objects },
        'request.bonus: 0 values where 1 are expected',
      ],
      'a list without offsets': [
        { request: [bonus, at, { type: tags.type, rows: 1, values: ['a'] }], objects },
        'request.tags: a list column has 2 ascending offsets',
      ],
      'offsets that descend': [
        {
          request: [bonus, at, { ...tags, offsets: Uint32Array.of(2, 1) }],
          objects,
        },
        'request.tags: a list column has 2 ascending offsets',
      ],
      'offsets beyond the values': [
        { request: [bonus, at, { ...tags, offsets: Uint32Array.of(0, 9) }], objects },
        'request.tags: 2 values where 9 are expected',
      ],
      'a short bitmap': [
        { request, objects: { rows: 3, columns: [value, { ...note, valid: new Uint8Array(0) }] } },
        'objects.note: the validity bitmap ends before row 3',
      ],
      'a null where none may be': [
        { request, objects: { rows: 3, columns: [column('float64', 1, null, 2), note] } },
        'objects.value: may not be null',
      ],
      'no time': [
        { request: [bonus, column('timestamp', null), tags], objects },
        'request.at: the request time must be given',
      ],
      'no objects': [{ request }, 'objects: are missing'],
      'too many objects': [
        { request, objects: { rows: 4, columns: [] } },
        'objects: 4 objects, but a request may have at most 3',
      ],
      'a number of objects that is none': [
        { request, objects: { rows: -1, columns: [] } },
        'objects: -1 is not a number of objects',
      ],
    };
    for (const [what, [input, message]] of Object.entries(wrong)) {
      it(`refuse ${what}`, async () => {
        expect(await failureOf(predict(input))).to.equal(`INVALID_ARGUMENT ${message}`);
      });
    }

    it('refuse objects where they take none', async () => {
      const work = server.data.pipelines.predict('bare', { request: [], objects }, call());
      expect(await failureOf(work)).to.equal('INVALID_ARGUMENT objects: the pipeline takes none');
    });
  });

  describe('predictors', () => {
    const x = { name: 'x', datatype: 'FP64', shape: [1, 2], data: Float64Array.of(1, 2) } as const;
    const predict = (made = call()) => server.data.predictors.predict('adder', [x], made.derive({ rows: 1 }));

    it('are listed with what they serve, and described', async () => {
      expect(server.data.predictors.list()).to.deep.equal([
        { name: 'adder', serving: { name: 'adder', version: '1', digest: 'adder of 2' } },
      ]);
      const { signature } = await server.data.predictors.describe('adder', call());
      expect(signature.inputs[0]?.name).to.equal('x');
    });

    it('take tensors and give tensors, without a pipeline', async () => {
      const { model, outputs } = await predict();
      expect([model.version, outputs[0]!.data[0]]).to.deep.equal(['1', 3]);
    });

    it('name those that exist where one does not', async () => {
      const work = server.data.predictors.describe('ader', call());
      expect(await failureOf(work)).to.equal('NOT_FOUND there is no predictor "ader"; did you mean "adder"?');
    });

    it('answer no later than the deadline of their caller, nor when it has left', async () => {
      hold = new Promise(() => undefined);
      expect(await failureOf(predict(call().within(5)))).to.equal(
        'DEADLINE_EXCEEDED the deadline has passed',
      );
      expect(await failureOf(predict(call().within(0)))).to.equal(
        'DEADLINE_EXCEEDED the deadline has passed',
      );
      const leaving = new AbortController();
      const left = failureOf(predict(call().derive({ signal: leaving.signal })));
      leaving.abort();
      expect(await left).to.match(/^CANCELLED/);
      expect(await failureOf(predict(call().derive({ signal: AbortSignal.abort() })))).to.match(/^CANCELLED/);
      hold = undefined;
    });

    it('are cut off and refused with the server', async () => {
      const own = await createServer({
        parts: { adder: { use: adder, width: 2, onPredict: () => new Promise<void>(() => undefined) } },
        pipelines: {},
        drainTimeoutMs: 1,
      });
      await own.start();
      const cut = failureOf(own.data.predictors.predict('adder', [x], call().derive({ rows: 1 })));
      expect(own.control.parts()[0]?.inFlight).to.equal(1);
      await own.stop();
      expect(await cut).to.equal('CANCELLED the server has stopped');
      const late = own.data.predictors.predict('adder', [x], call().derive({ rows: 1 }));
      expect(await failureOf(late)).to.match(/^UNAVAILABLE the server is stopped/);
    });
  });

  it('has the views', () => {
    expect([...server.data.features.views().keys()]).to.deep.equal([]);
  });
});
