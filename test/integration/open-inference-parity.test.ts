import { expect } from 'chai';
import {
  Call,
  createServer,
  createTensorData,
  timeOf,
  type Server,
  type Signature,
  type Tensor,
} from 'vivace';
import { sendOverSocket, type SentResponse } from 'vivace/testing';
import { randomNumbers } from '../bench/random.js';
import {
  bytesOf,
  columnsOf,
  fields,
  givenRequest,
  numberText,
  openInputs,
  restBody,
  type OpenInput,
} from '../support/every-type.js';
import { binaryRequest, readBinary } from '../support/open-inference.js';
import { scripted, scriptedModel } from '../support/scripted.js';
import { fromColumns, fromOpen, fromRest, outputs, type Told } from '../support/told-answers.js';

const signature: Signature = {
  inputs: [{ name: 'in', datatype: 'FP64', shape: [-1, 3] }],
  outputs: [{ name: 'score', datatype: 'FP64', shape: [-1] }],
  over: 'row',
};

describe('the same requests over every protocol', function () {
  this.timeout(120_000);
  const random = randomNumbers(7);
  let server: Server;
  let address: string;
  const requests = Array.from({ length: 200 }, () => givenRequest(random));

  before(async () => {
    server = await createServer({
      parts: {
        levels: {
          use: scripted,
          maxAgeMs: 60_000,
          features: {
            level: { type: 'float32', default: 0.25 },
            name: 'string',
            counted: 'int64',
            seen: 'timestamp',
            listed: 'list<float64>',
          },
          read: (keys, out) => {
            keys.column('id').values.forEach((id, row) => {
              if (id === 'missing') return out.setMissing(row);
              if (id === 'fails') return out.setFailed(row, new Error('it is away'));
              out.eventTime[row] = timeOf(keys, row) - (id === 'stale' ? 120e6 : 1e6);
              out.availableTime[row] = out.eventTime[row]!;
              out.column('level').set(row, id === 'a' ? -0 : 0.1);
              out.column('name').set(row, id === 'b' ? null : `ż${String(id)}`);
              out.column('counted').set(row, id === 'a' ? 2n ** 62n + 1n : null);
              out.column('seen').set(row, 1_600_000_000_000_001);
              out.column('listed').set(row, id === 'b' ? [NaN, -0] : []);
            });
          },
        },
        tags: {
          use: scripted,
          features: { twice: 'float64' },
          read: (keys, out) => {
            keys.column('id').values.forEach((id, row) => {
              if (id === 'missing') out.setMissing(row);
              else out.column('twice').set(row, String(id).length * 2);
            });
          },
        },
        sums: {
          use: scriptedModel,
          signature,
          predict: ([input]: readonly Tensor[], { rows }) => {
            const data = createTensorData('FP64', rows) as Float64Array;
            const given = input!.data as Float64Array;
            for (let row = 0; row < rows; row++)
              data[row] = given[row * 3]! + given[row * 3 + 1]! * 0.1 + given[row * 3 + 2]!;
            return [{ name: 'score', datatype: 'FP64', shape: [rows], data }];
          },
        },
        web: { use: 'express', port: 0, drainIdleMs: 0 },
        api: { use: 'rest', server: 'web' },
        open: { use: 'open-inference', server: 'web' },
      },
      pipelines: {
        rank: {
          request: fields.request,
          time: 'request.at',
          objects: { fields: fields.objects, max: 20 },
          steps: [
            { fetch: 'levels', as: 'levels', key: { id: 'object.id' }, onMissing: 'null', onFailure: 'null' },
            { fetch: 'tags', as: 'tags', key: { id: 'object.id' }, onMissing: 'skip' },
            { predict: 'sums', inputs: { in: ['object.x', 'tags.twice', 'request.weight'] } },
          ],
          response: {
            outputs: {
              score: 'sums.score',
              level: 'levels.level',
              name: 'levels.name',
              counted: 'levels.counted',
              seen: 'levels.seen',
              twice: 'tags.twice',
              listed: 'levels.listed',
              note: 'request.note',
              big_out: 'object.big',
              raw_out: 'object.raw',
              pair_out: 'object.pair',
              flag_out: 'object.flag',
            },
            orderBy: 'score',
            descending: true,
            limit: 4,
          },
        },
      },
    });
    await server.start();
    address = server.addresses()[0]!;
  });
  after(() => server.stop());

  const post = async (
    path: string,
    sent: { body: string | Uint8Array; headers?: Record<string, string> },
  ): Promise<SentResponse> => {
    const answer = await sendOverSocket(address, { path, ...sent, body: Buffer.from(sent.body as string) });
    expect(answer.status, answer.text).to.equal(200);
    return answer;
  };

  const rest = '/v1/pipelines/rank/predict';

  it('give the same bits, the same order and the same degradations', async () => {
    const degradations = new Set<string>();
    for (const [i, given] of requests.entries()) {
      const inputs = openInputs(given);
      const call = new Call({ requestId: `r${i}`, signal: new AbortController().signal });
      const inProcess = fromColumns(await server.data.pipelines.predict('rank', columnsOf(given), call));
      for (const [what, answer] of [
        ['rows', fromRest((await post(rest, { body: restBody(given, false) })).text, false)],
        ['columns', fromRest((await post(rest, { body: restBody(given, true) })).text, true)],
        ['JSON', await openJson(inputs)],
        ['binary', await openBinary(inputs)],
      ] as const)
        expect(answer, `request ${i} as ${what}: ${restBody(given, false)}`).to.deep.equal(inProcess);
      for (const one of inProcess.degraded as { step: string; status: string }[])
        degradations.add(`${one.step} ${one.status}`);
    }
    expect([...degradations].sort()).to.deep.equal([
      'levels FAILED',
      'levels MISSING',
      'levels STALE',
      'tags MISSING',
    ]);
  });

  async function openJson(inputs: readonly OpenInput[]): Promise<Told> {
    // Bytes that are not UTF-8 have no JSON: that input is binary.
    const head: string[] = [];
    const binary: Buffer[] = [];
    for (const { name, datatype, shape, cells, nulls } of inputs) {
      const isText = name !== 'object.raw';
      const bytes = bytesOf(datatype, cells);
      if (!isText) binary.push(bytes);
      const size = isText ? '' : `,"binary_data_size":${bytes.length}`;
      const data = isText
        ? `,"data":[${cells.map((cell) => (typeof cell === 'bigint' ? String(cell) : numberText(cell))).join(',')}]`
        : '';
      head.push(
        `{"name":"${name}","datatype":"${datatype}","shape":${JSON.stringify(shape)},"parameters":{"nulls":"${nulls}"${size}}${data}}`,
      );
    }
    const wanted = ['index', ...outputs].map(
      (name) => `{"name":"${name}","parameters":{"binary_data":${name === 'raw_out'}}}`,
    );
    const json = Buffer.from(`{"inputs":[${head.join(',')}],"outputs":[${wanted.join(',')}]}`);
    const answer = await post('/v2/models/rank/infer', {
      body: Buffer.concat([json, ...binary]),
      headers: { 'inference-header-content-length': String(json.length) },
    });
    const { json: read, rest } = readBinary(answer as never);
    return fromOpen(read, rest, answer.text);
  }

  async function openBinary(inputs: readonly OpenInput[]): Promise<Told> {
    const tensors = inputs.map(({ datatype, cells }) => bytesOf(datatype, cells));
    const head = {
      inputs: inputs.map(({ name, datatype, shape, nulls }, i) => ({
        name,
        datatype,
        shape,
        parameters: { nulls, binary_data_size: tensors[i]!.length },
      })),
      parameters: { binary_data_output: true },
    };
    const { json, rest } = readBinary(
      (await post('/v2/models/rank/infer', binaryRequest(head, ...tensors))) as never,
    );
    return fromOpen(json, rest, '');
  }
});
