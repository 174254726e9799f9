import { expect } from 'chai';
import { inferRequestReader, type InferRequest } from 'vivace/wire';
import { nothing, one, readText, refusal } from '../support/inference-requests.js';

describe('Open Inference requests', () => {
  const model = {
    inputs: [
      { name: 'a', datatype: 'INT32', shape: [-1] },
      { name: 'b', datatype: 'INT32', shape: [-1], optional: true },
    ],
    outputs: [
      { name: 'p', datatype: 'INT32', shape: [-1] },
      { name: 'q', datatype: 'INT32', shape: [-1] },
    ],
  } as const;
  const a = { name: 'a', datatype: 'INT32', shape: [1], data: [1] };
  const read = (request: object, binary = nothing): InferRequest =>
    inferRequestReader(model)({ value: request }, binary);
  const said = (request: unknown, binary = nothing): string => refusal(() => read(request as object, binary));

  it('have their inputs in the order of the model, whatever the order of the caller', () => {
    const { inputs, id } = read({ id: 'r', inputs: [{ ...a, name: 'b', data: [2] }, a] });
    expect(inputs.map((input) => [input?.name, Array.from(input!.data as Int32Array)])).to.deep.equal([
      ['a', [1]],
      ['b', [2]],
    ]);
    expect(id).to.equal('r');
  });

  it('may leave out an optional input, and no other', () => {
    expect(read({ inputs: [a] }).inputs[1]).to.equal(undefined);
    expect(said({ inputs: [] })).to.contain('the input "a" is missing');
  });

  it('select and order the outputs; all of them without `outputs`', () => {
    const outputs = (given: unknown, more = {}): unknown =>
      read({ inputs: [a], outputs: given, ...more }).outputs;
    const both = [
      { index: 0, binary: false },
      { index: 1, binary: false },
    ];
    for (const none of [undefined, null, []]) expect(outputs(none)).to.deep.equal(both);
    expect(outputs([{ name: 'q' }, { name: 'p', parameters: { binary_data: true } }])).to.deep.equal([
      { index: 1, binary: false },
      { index: 0, binary: true },
    ]);
    const parameters = { binary_data_output: true };
    expect(outputs(undefined, { parameters })).to.deep.equal(both.map((one) => ({ ...one, binary: true })));
    expect(
      outputs([{ name: 'q', parameters: { binary_data: false } }, { name: 'p' }], { parameters }),
    ).to.deep.equal([
      { index: 1, binary: false },
      { index: 0, binary: true },
    ]);
  });

  for (const [what, request, reason] of [
    [
      'an unknown output',
      { inputs: [a], outputs: [{ name: 'z' }] },
      'there is no output "z"; there are p, q',
    ],
    ['an output twice', { inputs: [a], outputs: [{ name: 'p' }, { name: 'p' }] }, 'asked for twice'],
    ['outputs that are not a list', { inputs: [a], outputs: 'p' }, 'outputs: is not a list'],
    ['an output that is not an object', { inputs: [a], outputs: ['p'] }, 'outputs[0]: is not an object'],
    [
      'a wrong binary_data',
      { inputs: [a], outputs: [{ name: 'p', parameters: { binary_data: 1 } }] },
      'not true or false',
    ],
    [
      'a classification',
      { inputs: [a], outputs: [{ name: 'p', parameters: { classification: 3 } }] },
      'UNIMPLEMENTED',
    ],
    ['an unknown input', { inputs: [{ ...a, name: 'z' }] }, 'there is no input "z"; there are a, b'],
    ['an input without a name', { inputs: [{ ...a, name: undefined }] }, 'there is no input undefined'],
    ['an input twice', { inputs: [a, a] }, 'is there twice'],
    ['no inputs', {}, 'inputs: is missing'],
    ['an input that is not an object', { inputs: [[]] }, 'inputs[0]: is not an object'],
    ['an input without data', { inputs: [{ ...a, data: undefined }] }, 'the data is not a list'],
    ['parameters that are not an object', { inputs: [a], parameters: [] }, 'parameters: is not an object'],
    ['an id that is not a text', { id: 5, inputs: [a] }, 'id: is not a text'],
    ['a sequence', { inputs: [a], parameters: { sequence_id: 7 } }, 'UNIMPLEMENTED'],
    ['shared memory', { inputs: [{ ...a, parameters: { shared_memory_region: 'r' } }] }, 'UNIMPLEMENTED'],
    ['a body that is a list', [], 'the body is not a JSON object'],
    ['a body that is null', null, 'the body is not a JSON object'],
  ] as const) {
    it(`refuse ${what}`, () => expect(said(request)).to.contain(reason));
  }

  it('say what to do about an integer that was rounded before it could be read', () => {
    const given = { inputs: [{ name: 'x', datatype: 'INT64', shape: [1], data: [2 ** 53] }] };
    const refused = refusal(() => inferRequestReader(one('INT64'))({ value: given }, nothing));
    expect(refused).to.contain('was rounded before it got here');
  });

  it('are read exactly without a change to what stands beside them', () => {
    const long = '9007199254740993';
    const inputs = (['INT64', 'FP64', 'BYTES'] as const).map((datatype) => ({
      name: datatype,
      datatype,
      shape: [1],
    }));
    const data = [long, long, `"${long}"`];
    const json = inputs.map((input, i) => JSON.stringify(input).replace(/}$/, `,"data":[${data[i]}]}`));
    const model = { inputs, outputs: [] };
    const read = readText(model, `{"parameters":{"seed":${long}},"inputs":[${json.join(',')}]}`);
    expect(read.inputs.map((input) => Array.from(input!.data as unknown[]))).to.deep.equal([
      [9007199254740993n],
      [2 ** 53],
      [long],
    ]);
    expect(read.parameters).to.deep.equal({ seed: 2 ** 53 });
    const number = `{"inputs":[${json[0]},${json[1]},${json[2]!.replaceAll(`"${long}"`, long)}]}`;
    expect(refusal(() => readText(model, number))).to.match(/^INVALID_ARGUMENT inputs\[2\]\.data\[0\]: /);
  });
});
