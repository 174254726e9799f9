import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { createServer, type Datatype, type Server, type Signature } from 'vivace';
import { scripted, scriptedModel } from './scripted.js';

const tensor = (name: string, datatype: Datatype, ...shape: number[]): Signature['outputs'][number] => ({
  name,
  datatype,
  shape: [-1, ...shape],
});

const everyDatatype = [
  tensor('fp32', 'FP32', 2),
  tensor('fp64', 'FP64', 1),
  tensor('int32', 'INT32'),
  tensor('int64', 'INT64'),
  tensor('bool', 'BOOL'),
  tensor('bytes', 'BYTES'),
];
const column = [tensor('x', 'FP64')];

/**
 * A server for clients of the protocol: the model `scripted` gives back tensors of every datatype, `long` a column, and the pipeline
 * `rank` orders objects by a feature that one of them lacks.
 */
export async function startOpenInference(): Promise<{ readonly server: Server; readonly address: string }> {
  const server = await createServer({
    parts: {
      levels: {
        use: scripted,
        features: { level: 'float64' },
        read: (keys, out) => {
          keys.column('id').values.forEach((id, row) => {
            if (id === 'missing') out.setMissing(row);
            else out.column('level').set(row, id === 'a' ? 1 : 2);
          });
        },
      },
      mirror: {
        use: scriptedModel,
        signature: { inputs: everyDatatype, outputs: everyDatatype, over: 'row' },
        predict: (inputs) => inputs,
      },
      columns: {
        use: scriptedModel,
        signature: { inputs: column, outputs: column, over: 'row' },
        predict: (inputs) => inputs,
      },
      web: { use: 'express', port: 0, drainIdleMs: 0 },
      open: {
        use: 'open-inference',
        server: 'web',
        admin: true,
        models: { long: { predictor: 'columns' } },
      },
    },
    pipelines: {
      rank: {
        request: {},
        objects: { fields: { id: 'string' }, max: 10 },
        steps: [{ fetch: 'levels', as: 'levels', key: { id: 'object.id' }, onMissing: 'null' }],
        response: { outputs: { level: 'levels.level' }, orderBy: 'level', descending: true },
      },
    },
  });
  await server.start();
  return { server, address: new URL(server.addresses()[0]!).host };
}

/**
 * Runs a client of `test/clients` against a server.
 *
 * @returns What it printed.
 * @throws {Error} with its traceback, where it ends with an error.
 */
export async function runClient(python: string, script: string, address: string): Promise<string> {
  const { stdout } = await promisify(execFile)(python, [resolve('test/clients', script), address], {
    timeout: 240_000,
  });
  return stdout.trim();
}
