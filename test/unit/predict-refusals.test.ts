import { expect } from 'chai';
import type { Signature } from 'vivace';
import { runModel } from '../support/run-model.js';
import { thrownBy } from '../support/scripted.js';

describe('The inputs of a model are refused', () => {
  const features = {
    v: 'float64',
    wide: 'float64[3]',
    big: 'int64',
    text: 'string',
    list: 'list<float64>',
  };
  const mistake = async (
    input: Signature['inputs'][number],
    predictStep: object = {},
    over: 'row' | 'request' = 'row',
  ): Promise<string> =>
    (await thrownBy(runModel({ inputs: [input], over, features, predictStep }, [0]))).message;

  it('where columns do not fill the tensor, with both counts', async () => {
    expect(await mistake({ name: 'x', datatype: 'FP32', shape: [-1, 3], columns: ['f.v'] })).to.equal(
      'pipelines.p.steps[1].inputs.x: the columns give 1 values for each row of the model\'s input "x" [N, 3], which takes 3',
    );
  });

  it('where a column is of a type the tensor cannot hold', async () => {
    for (const [column, datatype] of [
      ['f.text', 'FP32'],
      ['f.list', 'FP32'],
      ['f.v', 'INT64'],
      ['f.v', 'BYTES'],
      ['f.big', 'INT32'],
      ['f.big', 'BOOL'],
    ] as const) {
      const message = await mistake({ name: 'x', datatype, shape: [-1, 1], columns: [column] });
      expect(message).to.match(new RegExp(`"${column}" is an? .*, but the model's input "x" is ${datatype}`));
    }
  });

  it('where a column of the signature is unknown', async () => {
    expect(await mistake({ name: 'x', datatype: 'FP32', shape: [-1, 1], columns: ['f.vv'] })).to.contain(
      'did you mean "f.v"?',
    );
  });

  it('where nothing says which columns fill an input', async () => {
    expect(await mistake({ name: 'x', datatype: 'FP32', shape: [-1, 1] })).to.match(
      /inputs\.x: say which columns fill the model's input "x" \[N, 1\], here or with `vivace models push --columns`: /,
    );
  });

  it('where `inputs` names a tensor that the model has not', async () => {
    expect(
      await mistake(
        { name: 'x', datatype: 'FP32', shape: [-1, 1], columns: ['f.v'] },
        { inputs: { X1: ['f.v'] } },
      ),
    ).to.contain('the model has no input "X1"');
  });

  it('where rows of a model over requests are to be cached', async () => {
    const message = await mistake(
      { name: 'x', datatype: 'FP32', shape: [-1, 1], columns: ['f.v'] },
      { cache: { in: 'recent', ttlMs: 1 } },
      'request',
    );
    expect(message).to.contain('steps[1].cache: the model looks at all rows of a request together');
  });

  it('refuses a bare name that both request and object have', async () => {
    const error = await thrownBy(
      runModel(
        {
          inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['id'] }],
          declaration: { request: { id: 'int32' } },
        },
        [3],
        { id: 9 },
      ),
    );
    expect(error.message).to.contain('there is no column "id" at this step');
  });
});
